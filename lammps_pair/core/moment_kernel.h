// Moments of one atom, behind function pointers for each instruction set. Nothing of the standard
// library: moment_kernel.cpp is compiled several times, as nep_kernel.cpp is.
#pragma once

#include "buffer.h"
#include "moments.h"

namespace nepforge {

/// Vectors of the trainer have eight numbers on every machine: in which order lanes are added up
/// decides the last bits of a trained model.
constexpr int moment_lanes = 8;

/// Neighbours of one type inside one cutoff of an atom; rows are neighbours.
struct Shell {
  long count = 0;
  Buffer<double> x, y, z, r;    // unit vector, and distance in Å
  Buffer<std::int64_t> column;  // in the padded neighbour list
  Buffer<double> value, slope;  // [row][k] f_k and f_k', k padded
  Buffer<double> moments;       // [row][a] B_a, a padded
  Buffer<double> gradient;      // [row][3][a] dB_a/dr_ij

  Shell(long n_rows, long k_stride, long a_stride);
};

/// Memory of one thread, made for one batch.
struct MomentWorkspace {
  long radial_stride;           // of k in the radial shell: radial functions, padded
  long k_stride;                // of k in the angular shell, and in `block`
  long n_moments;               // A
  long a_stride;                // A padded
  Shell radial, angular;        // the radial shell serves as the angular one where both are equal
  Buffer<double> block;         // [k][a] sums over a shell, or dU/dM
  Buffer<double> left;          // [2 rows][a] factors of a sum over neighbours
  Buffer<double> right;         // [2 rows][k]
  Buffer<double> movement;      // [row][3] ds of a neighbour, Å
  Buffer<double> value, slope;  // [a] dU/dB_a, and what goes with f_k'

  explicit MomentWorkspace(const nepforge_pairs& pairs);

 private:
  MomentWorkspace(const nepforge_pairs& pairs, long n_rows);
};

/// What moves along one direction.
struct Direction {
  const double* displacements = nullptr;  // [N][3] of the atoms, Å, or null
  const double* strain = nullptr;         // [3][3] of the frame, or null
};

/// Fills a shell with the neighbours of one type inside the cutoff.
void collect(const nepforge_pairs& pairs, long atom, long type, double cutoff, Shell& shell);

/// Sets ds = s_j - s_i + r_ij strain of every neighbour of a shell; whether any of them moves.
bool find_movements(const nepforge_pairs& pairs, long atom, const Shell& shell,
                    const Direction& along, MomentWorkspace& work);

/// A way to run the sums of one atom. Results in the shapes of moments.h without [N], unless it is
/// said.
struct MomentKernel {
  void (*moments)(const nepforge_pairs& pairs, long atom, MomentWorkspace& work, double* radial,
                  double* angular);
  /// Changes along directions D; results in the shapes of moments.h, with [D][N].
  void (*tangents)(const nepforge_pairs& pairs, long atom, Span<const Direction> directions,
                   MomentWorkspace& work, double* radial, double* angular);
  /// p_ij = dU_i/dr_ij of all pairs of the atom, [K][3] eV/Å, from dU_i/dM_i.
  void (*pair_gradients)(const nepforge_pairs& pairs, long atom, MomentWorkspace& work,
                         const double* radial_gradient, const double* angular_gradient,
                         double* pair_gradient);
};

namespace baseline_moments {
extern const MomentKernel kernel;
}
#ifdef NEPFORGE_X86
namespace avx2_moments {
extern const MomentKernel kernel;
}
namespace avx512_moments {
extern const MomentKernel kernel;
}
#endif

}  // namespace nepforge
