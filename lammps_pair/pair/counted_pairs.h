// Which pairs of atoms a many-body potential counts: those of a neighbour list of LAMMPS, without
// the bonded ones that special_bonds takes out.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <vector>

#include "nep_cpu.h"

namespace LAMMPS_NS {

class LAMMPS;
class NeighList;
class Pair;

/// Whether LAMMPS restricts the pairs of a style in any way: pair_style hybrid, neigh_modify
/// exclude or include, special_bonds of a molecular system. A style that does not then use LAMMPS's
/// own list is wrong.
bool pairs_are_restricted(LAMMPS* lmp, const Pair* pair);

/// special_bonds weighs a pair by a fraction. The text names the pair.
class FractionalPair : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class CountedPairs {
 public:
  /// Whether the list holds pairs of bonded atoms that do not count in full. LAMMPS leaves a pair
  /// out itself only where neither the factor for lj nor that for coul wants it.
  static bool differ_from_list(LAMMPS* lmp);

  /// Copies the pairs of a full list that count. species: [atom] -1 for atoms whose pairs do not,
  /// null where all do. Throws FractionalPair.
  void copy(LAMMPS* lmp, const NeighList& list, const int* species);

  /// The copy in the form of the list that it was made of.
  nepforge::NeighborView view(const NeighList& list) const;

  const std::vector<std::size_t>& first() const { return first_; }  // [n_local + 1]
  const std::vector<int>& atoms() const { return atoms_; }
  double memory_usage() const;

 private:
  std::vector<std::size_t> first_;  // [n_local + 1] where the neighbours of an atom begin
  std::vector<int> atoms_;
  std::vector<int> counts_;           // [n_local]
  std::vector<const int*> pointers_;  // [n_local]
};

}  // namespace LAMMPS_NS
