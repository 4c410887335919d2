// The pairs of atoms that a many-body potential sees: those of a LAMMPS neighbour list, without
// the bonded ones that special_bonds excludes.
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
/// exclude or include, special_bonds of a molecular system. A style must then use the list that
/// LAMMPS builds.
bool pairs_are_restricted(LAMMPS* lmp, const Pair* pair);

/// special_bonds scales a pair by a fraction. The text names the pair.
class FractionalPair : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class CountedPairs {
 public:
  /// Whether the list contains pairs of bonded atoms that are not fully counted. LAMMPS omits a
  /// pair only if its lj and coul factors are both zero.
  static bool differ_from_list(LAMMPS* lmp);

  /// Copies the pairs of a full list that count. species: [atom], -1 for atoms without pairs; null
  /// if there are none. Throws FractionalPair.
  void copy(LAMMPS* lmp, const NeighList& list, const int* species);

  /// The copy, in the form of the original list.
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
