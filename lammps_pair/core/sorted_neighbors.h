// Neighbour lists with the neighbours of each atom sorted by species, kept while a list is used.
#pragma once

#include <cstddef>
#include <vector>

#include "nep_cpu.h"

namespace nepforge {

class SortedNeighbors {
 public:
  explicit SortedNeighbors(int n_species) : n_species_(n_species), next_(n_species) {}

  /// Sorts the lists, unless neither they nor the type of an atom changed since the last call.
  void update(const AtomsView& atoms, const NeighborView& neighbors);

  /// Neighbours of center number `idx`, species after species; others are left out.
  const int* neighbors(int idx) const { return neighbors_.data() + first_[idx]; }

  /// How many of them are of each species.
  const int* n_of_species(int idx) const {
    return n_of_species_.data() + static_cast<std::size_t>(idx) * n_species_;
  }

  int longest() const { return longest_; }

  /// Bytes.
  double memory_usage() const;

 private:
  void count(const AtomsView& atoms, const NeighborView& neighbors);
  void sort(const AtomsView& atoms, const NeighborView& neighbors);

  const int n_species_;
  int longest_ = 0;
  std::vector<int> types_;          // [atom] when the lists were sorted
  std::vector<std::size_t> first_;  // [center] where its neighbours begin
  std::vector<int> neighbors_;
  std::vector<int> n_of_species_;  // [center][species]
  std::vector<int> next_;          // [species] place of the next neighbour
};

}  // namespace nepforge
