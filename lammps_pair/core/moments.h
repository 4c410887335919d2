// Kernels of the trainer: neighbour sums ("moments"), their changes along directions, and forces.
//
// Formulas and shapes are those of nepforge/models/nep/moments.py, whose torch code is the
// reference. All arrays are C-contiguous; N atoms, K padded neighbour columns grouped by type, T
// types, A harmonics, D directions. Results do not depend on the number of threads.
#pragma once

#include <cstdint>

extern "C" {

struct nepforge_pairs {
  std::int64_t n_atoms;
  std::int64_t n_columns;
  std::int64_t n_types;
  std::int64_t radial_functions;   // basis_size + 1
  std::int64_t angular_functions;  // basis_size + 1
  std::int64_t l_max;
  std::int64_t n_threads;
  const double* radial_cutoffs;        // [T][T] of a pair of types, Å
  const double* angular_cutoffs;       // [T][T] at most the radial ones, Å
  const std::int64_t* type_idx;        // [N] types of the atoms
  const std::int64_t* column_offsets;  // [T + 1]
  const std::int64_t* neighbor_idx;    // [N, K]
  const double* neighbor_vector;       // [N, K, 3] r_j - r_i in Å; beyond the cutoff = padding
};

// radial [N, T radial_functions], angular [N, A, T angular_functions].
void nepforge_moments(const nepforge_pairs* pairs, double* radial, double* angular);

// Change along D directions, results with leading dimension D. A pair moves by
// s_j - s_i + r_ij strain, with displacements s [D, N, 3] and strain [D, F, 3, 3] of the frame of
// atom i; either may be null.
void nepforge_moment_tangents(const nepforge_pairs* pairs, std::int64_t n_directions,
                              const double* displacements, const double* strains,
                              std::int64_t n_frames, const std::int64_t* frame_idx, double* radial,
                              double* angular);

// Forces [N, 3] in eV/Å and the virial of each atom's own pairs [N, 3, 3] in eV, from dU_i/dM_i in
// the shapes of the moments.
void nepforge_moment_forces(const nepforge_pairs* pairs, const double* radial_gradient,
                            const double* angular_gradient, double* forces, double* virials);
}
