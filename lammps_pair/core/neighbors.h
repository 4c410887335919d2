// Periodic images and full neighbour lists of a small system, for evaluation without LAMMPS.
#pragma once

#include <array>
#include <cstddef>
#include <stdexcept>
#include <vector>

namespace nepforge {

/// An impossible structure: a flat cell, positions that are not finite, atoms that share a
/// position.
class StructureError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Cell {
  std::array<double, 9> vectors;  // rows, Å; rows of directions that are not periodic may be zero
  std::array<bool, 3> periodic;
};

/// Atoms 0 .. n_atoms-1 wrapped into the cell, then the images within the cutoff of it, and the
/// neighbours of each of the first n_atoms.
struct NeighborList {
  std::vector<double> positions;   // [n_total][3] Å
  std::vector<int> owner;          // [n_total] the atom of an image
  std::vector<int> n_neighbors;    // [n_atoms]
  std::vector<std::size_t> first;  // [n_atoms] place of an atom's neighbours in entries
  std::vector<int> entries;        // neighbours of all atoms, and unused room
};

/// Every pair closer than `cutoff` in Å, images of an atom itself included.
/// Throws StructureError.
NeighborList find_neighbors(int n_atoms, const double* positions, const Cell& cell, double cutoff);

}  // namespace nepforge
