// Cells and neighbour lists on the device. Each struct is the work of one index.
#pragma once

#include "arrays.h"
#include "team.h"

namespace nepforge {
namespace device {

/// Boxes that tile the bounding box of all atoms, no thinner than the range of the lists.
struct BinGrid {
  double low[3];      // Å
  double inverse[3];  // bins per Å
  int n_bins[3];

  NEP_HD_MEMBER int along(int axis, double position) const {
    const int bin = static_cast<int>((position - low[axis]) * inverse[axis]);
    return bin < 0 ? 0 : bin < n_bins[axis] ? bin : n_bins[axis] - 1;
  }

  NEP_HD_MEMBER int index(const int (&bin)[3]) const {
    return (bin[0] * n_bins[1] + bin[1]) * n_bins[2] + bin[2];
  }
};

struct BinArrays {
  BinGrid grid;
  const double* positions;  // [atom][3] Å
  const int* species;       // [atom] -1 for an atom to be ignored
  int n_species;
  const double* square;  // [pair] of the cutoff and the skin, Å²
  const int* first;      // [bin + 1] where its atoms begin
  const int* members;
};

NEP_HD int bin_of(const BinGrid& grid, const double* position) {
  const int bin[3] = {grid.along(0, position[0]), grid.along(1, position[1]),
                      grid.along(2, position[2])};
  return grid.index(bin);
}

/// Counts the atoms of each bin.
struct CountMembers {
  BinGrid grid;
  const double* positions;
  int* counts;  // [bin]

  NEP_HD_MEMBER void operator()(int atom) const {
    add_shared(counts + bin_of(grid, positions + 3 * static_cast<std::size_t>(atom)), 1);
  }
};

/// Puts each atom into its bin.
struct PlaceMembers {
  BinGrid grid;
  const double* positions;
  int* next;  // [bin] where the next one goes
  int* members;

  NEP_HD_MEMBER void operator()(int atom) const {
    const int bin = bin_of(grid, positions + 3 * static_cast<std::size_t>(atom));
    members[add_shared(next + bin, 1)] = atom;
  }
};

/// Sorts the atoms of one bin: they arrive in any order, on which sums must not depend.
struct SortMembers {
  const int* first;
  int* members;

  NEP_HD_MEMBER void operator()(int bin) const {
    for (int idx = first[bin] + 1; idx < first[bin + 1]; ++idx) {
      const int atom = members[idx];
      int place = idx;
      for (; place > first[bin] && members[place - 1] > atom; --place) {
        members[place] = members[place - 1];
      }
      members[place] = atom;
    }
  }
};

/// Calls body(atom) for the neighbours of `center` within cutoff and skin.
template <class Body>
NEP_HD void visit_neighbors(const BinArrays& bins, int center, const Body& body) {
  const int species = bins.species[center];
  if (species < 0) return;
  const double* origin = bins.positions + 3 * static_cast<std::size_t>(center);
  int low[3], high[3];
  for (int axis = 0; axis < 3; ++axis) {
    const int home = bins.grid.along(axis, origin[axis]);
    low[axis] = home > 0 ? home - 1 : 0;
    high[axis] = home + 1 < bins.grid.n_bins[axis] ? home + 1 : home;
  }
  int bin[3];
  for (bin[0] = low[0]; bin[0] <= high[0]; ++bin[0]) {
    for (bin[1] = low[1]; bin[1] <= high[1]; ++bin[1]) {
      for (bin[2] = low[2]; bin[2] <= high[2]; ++bin[2]) {
        const int index = bins.grid.index(bin);
        for (int idx = bins.first[index]; idx < bins.first[index + 1]; ++idx) {
          const int atom = bins.members[idx];
          const int other = bins.species[atom];
          if (atom == center || other < 0) continue;
          const double* position = bins.positions + 3 * static_cast<std::size_t>(atom);
          double square = 0.0;
          for (int axis = 0; axis < 3; ++axis) {
            square += (position[axis] - origin[axis]) * (position[axis] - origin[axis]);
          }
          if (square < bins.square[species * bins.n_species + other]) body(atom);
        }
      }
    }
  }
}

struct CountNeighbors {
  BinArrays bins;
  int* counts;  // [center]

  NEP_HD_MEMBER void operator()(int center) const {
    int count = 0;
    visit_neighbors(bins, center, [&](int) { ++count; });
    counts[center] = count;
  }
};

struct ListNeighbors {
  BinArrays bins;
  const std::size_t* first;  // [center + 1]
  int* neighbors;

  NEP_HD_MEMBER void operator()(int center) const {
    int* next = neighbors + first[center];
    visit_neighbors(bins, center, [&](int atom) { *next++ = atom; });
  }
};

/// Integer sums -> numbers.
struct Convert {
  const std::int64_t* from;
  double* to;

  NEP_HD_MEMBER void operator()(std::size_t idx) const { to[idx] = as_number(from[idx]); }
};

}  // namespace device
}  // namespace nepforge
