#include "sorted_neighbors.h"

#include <algorithm>

namespace nepforge {

void SortedNeighbors::update(const AtomsView& atoms, const NeighborView& neighbors) {
  const bool same_list =
      !neighbors.changed && first_.size() == static_cast<std::size_t>(neighbors.n_centers);
  // Monte Carlo moves exchange the types of atoms without a new list.
  if (same_list && std::equal(types_.begin(), types_.end(), atoms.types)) return;
  count(atoms, neighbors);
  sort(atoms, neighbors);
}

/// Counts the neighbours by species, makes room for them and remembers the types of all atoms.
void SortedNeighbors::count(const AtomsView& atoms, const NeighborView& neighbors) {
  first_.resize(neighbors.n_centers);
  n_of_species_.assign(static_cast<std::size_t>(neighbors.n_centers) * n_species_, 0);
  longest_ = 0;
  int last_atom = -1;
  std::size_t n_total = 0;
  for (int idx = 0; idx < neighbors.n_centers; ++idx) {
    const int center = neighbors.centers[idx];
    const int* list = neighbors.neighbors[center];
    int* counts = n_of_species_.data() + static_cast<std::size_t>(idx) * n_species_;
    last_atom = std::max(last_atom, center);
    for (int entry = 0; entry < neighbors.n_neighbors[center]; ++entry) {
      const int atom = list[entry] & neighbors.index_mask;
      const int species = atoms.species_of_type[atoms.types[atom]];
      last_atom = std::max(last_atom, atom);
      if (species >= 0) ++counts[species];
    }
    int n_kept = 0;
    for (int species = 0; species < n_species_; ++species) n_kept += counts[species];
    first_[idx] = n_total;
    n_total += n_kept;
    longest_ = std::max(longest_, n_kept);
  }
  neighbors_.resize(n_total);
  types_.assign(atoms.types, atoms.types + last_atom + 1);
}

void SortedNeighbors::sort(const AtomsView& atoms, const NeighborView& neighbors) {
  for (int idx = 0; idx < neighbors.n_centers; ++idx) {
    const int center = neighbors.centers[idx];
    const int* list = neighbors.neighbors[center];
    int* sorted = neighbors_.data() + first_[idx];
    int place = 0;
    for (int species = 0; species < n_species_; ++species) {
      next_[species] = place;
      place += n_of_species(idx)[species];
    }
    for (int entry = 0; entry < neighbors.n_neighbors[center]; ++entry) {
      const int atom = list[entry] & neighbors.index_mask;
      const int species = atoms.species_of_type[atoms.types[atom]];
      if (species >= 0) sorted[next_[species]++] = atom;
    }
  }
}

double SortedNeighbors::memory_usage() const {
  return static_cast<double>(
      first_.capacity() * sizeof(std::size_t) +
      (types_.capacity() + neighbors_.capacity() + n_of_species_.capacity()) * sizeof(int));
}

}  // namespace nepforge
