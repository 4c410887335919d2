#include "counted_pairs.h"

#include "atom.h"
#include "fmt/format.h"
#include "force.h"
#include "lammps.h"
#include "manners.h"
#include "neigh_list.h"
#include "neighbor.h"

namespace LAMMPS_NS {
namespace {

constexpr int n_kinds = 3;  // of bonded neighbours: 1-2, 1-3, 1-4
constexpr int in_list = 2;  // value of Neighbor::special_flag: the pair is in the list, marked

/// 1-2, 1-3, 1-4 for a marked neighbour, 0 for another one; Pair::sbmask.
int kind_of(int entry) {
  return entry >> SBBITS & 3;
}

bool weighs_bonds(LAMMPS* lmp) {
  if (lmp->atom->molecular == Atom::ATOMIC) return false;
  for (int kind = 1; kind <= n_kinds; ++kind) {
    if (lmp->force->special_lj[kind] != 1.0) return true;
  }
  return false;
}

/// Whether a neighbour of `center` counts.
bool counts(LAMMPS* lmp, int center, int entry, const int* species) {
  const int atom = entry & NEIGHMASK;
  if (species && (species[center] < 0 || species[atom] < 0)) return false;
  const double factor = lmp->force->special_lj[kind_of(entry)];
  if (factor == 0.0 || factor == 1.0) return factor == 1.0;
  throw FractionalPair(
      fmt::format("special_bonds weighs the pair of {} and {} by {}, expected 0 or 1 (as 'special_"
                  "bonds lj/coul 1 1 1'): a many-body potential has no parts that belong to a pair",
                  atom_name(lmp, center), atom_name(lmp, atom), factor));
}

}  // namespace

bool pairs_are_restricted(LAMMPS* lmp, const Pair* pair) {
  const Neighbor* neighbor = lmp->neighbor;
  const bool excludes = neighbor->nex_type || neighbor->nex_group || neighbor->nex_mol;
  return lmp->force->pair != pair || excludes || neighbor->includegroup || weighs_bonds(lmp);
}

bool CountedPairs::differ_from_list(LAMMPS* lmp) {
  if (!weighs_bonds(lmp)) return false;
  for (int kind = 1; kind <= n_kinds; ++kind) {
    if (lmp->neighbor->special_flag[kind] == in_list && lmp->force->special_lj[kind] != 1.0) {
      return true;
    }
  }
  return false;
}

void CountedPairs::copy(LAMMPS* lmp, const NeighList& list, const int* species) {
  const int n_local = lmp->atom->nlocal;
  counts_.assign(n_local, 0);
  for (int idx = 0; idx < list.inum; ++idx) {
    const int center = list.ilist[idx];
    for (int entry = 0; entry < list.numneigh[center]; ++entry) {
      if (counts(lmp, center, list.firstneigh[center][entry], species)) ++counts_[center];
    }
  }
  first_.assign(n_local + 1, 0);
  for (int atom = 0; atom < n_local; ++atom) first_[atom + 1] = first_[atom] + counts_[atom];
  atoms_.resize(first_[n_local]);
  for (int idx = 0; idx < list.inum; ++idx) {
    const int center = list.ilist[idx];
    int* next = atoms_.data() + first_[center];
    for (int entry = 0; entry < list.numneigh[center]; ++entry) {
      const int neighbor = list.firstneigh[center][entry];
      if (counts(lmp, center, neighbor, species)) *next++ = neighbor & NEIGHMASK;
    }
  }
  pointers_.resize(n_local);
  for (int atom = 0; atom < n_local; ++atom) pointers_[atom] = atoms_.data() + first_[atom];
}

nepforge::NeighborView CountedPairs::view(const NeighList& list) const {
  return {list.inum, list.ilist, counts_.data(), pointers_.data(), NEIGHMASK};
}

double CountedPairs::memory_usage() const {
  return static_cast<double>(first_.capacity() * sizeof(std::size_t) +
                             (atoms_.capacity() + counts_.capacity()) * sizeof(int) +
                             pointers_.capacity() * sizeof(const int*));
}

}  // namespace LAMMPS_NS
