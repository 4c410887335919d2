// The innermost work, one atom at a time, behind a function pointer for each instruction set.
// Nothing of the standard library: nep_kernel.cpp is compiled several times with different
// instructions and must not instantiate what the linker could pick for everyone.
#pragma once

#include "buffer.h"
#include "nep_model.h"

namespace nepforge {

/// Lanes of the widest vectors.
constexpr int most_lanes = 16;

/// `count` rounded up to whole vectors.
constexpr int padded(int count, int lanes) {
  return (count + lanes - 1) / lanes * lanes;
}

/// g_n of one part as the kernels use it: with x = 2 (r/cutoff - 1)^2 - 1,
/// g_n = f_c sum_k value[n][k] T_k(x) and dg_n/dx without f_c' = f_c sum_k slope[n][k] T_k(x).
template <class Real>
struct KernelExpansion {
  int n_functions;
  int n_basis;
  int stride;             // of n in value and slope: n_basis padded
  int row_stride;         // of k in rows: 2 n_functions padded
  Buffer<double> cutoff;  // [pair] Å
  Buffer<Real> value;     // [pair][n][stride]
  Buffer<Real> slope;     // [pair][n][stride]
  Buffer<Real> rows;      // [pair][k][row_stride], value[n] of all n, then slope[n] of all n

  KernelExpansion(const Expansion& part, int n_species, int lanes);
};

/// A NepModel laid out for the kernels; pair = t_i * n_species + t_j.
template <class Real>
struct KernelModel {
  int n_species;
  KernelExpansion<Real> radial;
  KernelExpansion<Real> angular;
  int l_max;
  int n_moments;
  int moment_stride;  // of a in the moments: number of angular functions, padded
  Buffer<Invariant> invariants;
  int n_invariants;
  int n_descriptor;
  int neuron_stride;    // n_neurons padded
  Buffer<Real> w0;      // [species][descriptor][neuron_stride], q_scaler multiplied in
  Buffer<Real> b0;      // [species][neuron_stride]
  Buffer<Real> w1;      // [species][neuron_stride]
  Buffer<double> bias;  // [species]

  /// Arrays that a kernel walks over in vectors are padded to `lanes`.
  KernelModel(const NepModel& model, int lanes);
};

/// Whole vectors of slots, first .. first + n_slots; those inside the angular cutoff come first.
struct NeighborGroup {
  int first;
  int n_slots;    // a multiple of the lanes
  int n_angular;  // the same, at most n_slots
};

/// Neighbours of one species in slots first .. first + count, padding left out.
struct NeighborRun {
  int species_idx;
  int first;
  int count;
};

/// Arrays of one atom's neighbours and sums. What is marked "in" is filled by the caller.
template <class Real>
struct KernelWorkspace {
  bool mixed;                        // whether neighbours of different species share vectors
  Span<const NeighborGroup> groups;  // in: of one species each; if mixed, at most one, of all
  Span<const NeighborRun> runs;      // in: one for each group; if mixed, those inside the angular
                                     // cutoff come first
  int n_angular_runs = 0;            // in, if mixed
  Buffer<Real> x, y, z;              // [slot] in: r_j - r_i, Å
  Buffer<double> square;             // [slot] in: square of the distance, Å²
  Buffer<double> radial_scale, angular_scale;  // [slot] in, if mixed: 1/cutoff of its pair, 1/Å
  Buffer<double> distance;                     // [slot]
  Buffer<Real> inverse_distance;               // [slot]
  Buffer<Real> unit_x, unit_y, unit_z;         // [slot]
  Buffer<Real> cutoff_value, cutoff_slope;     // [slot] f_c and df_c/dr of the radial part
  Buffer<Real> argument_slope;                 // [slot] f_c dx/dr of the radial part
  Buffer<Real> polynomials;                    // [slot / lanes][radial n_basis][lane] T_k(x)
  Buffer<Real> angular_polynomials;            // [angular n_basis][lane]; if mixed, as polynomials
  Buffer<Real> radial_rows, angular_rows;      // if mixed: [slot][row_stride] sum_k rows[k] T_k
  Buffer<Real> row_weights;  // if mixed: [2][radial row_stride] dU/dq of value, slope
  Buffer<Real> columns;      // if mixed: [angular row_stride][lane]
  Buffer<Real> angular_value, angular_slope;  // [angular slot / lanes][angular n_functions][lane]
  Buffer<Real> moment_values;                 // [angular slot / lanes][n_moments][lane] B_a
  Buffer<Real> partial_sums;  // [row][lane] sums over neighbours, a row for each sum
  Buffer<Real> sums;          // [row] the same added up over the lanes
  Buffer<Real> radial_force_value, radial_force_slope;  // [radial stride] dU/dq contracted with c
  Buffer<Real> moments, moment_forces;                  // [n_moments][moment_stride] s and dU/ds
  Buffer<Real> contracted_value, contracted_slope;      // [n_moments][lane] dU/ds summed over n
  Buffer<Real> descriptor, descriptor_forces;           // [n_descriptor + lanes] q and dU/dq
  Buffer<Real> neuron_forces;                           // [neuron_stride] dU/d(input of a neuron)
  Buffer<Real> force_x, force_y, force_z;               // [slot] out: p_ij = dU_i/dr_ij, eV/Å

  KernelWorkspace(const KernelModel<Real>& model, int lanes, bool mixed);

  /// Makes room for the arrays over slots.
  void reserve(const KernelModel<Real>& model, int lanes, std::size_t n_slots);
};

/// Energy U_i in eV of an atom of species `center` and, in force_*, its derivatives.
template <class Real>
using Kernel = double (*)(const KernelModel<Real>& model, int center, KernelWorkspace<Real>& work);

/// A way to run the kernel.
template <class Real>
struct InstructionSet {
  const char* name;
  int lanes;
  Kernel<Real> kernel;
};

// One namespace for each compilation of nep_kernel.cpp.
#define NEPFORGE_DECLARE_KERNEL(set)                     \
  namespace set##_double {                               \
    extern const InstructionSet<double> instruction_set; \
  }                                                      \
  namespace set##_float {                                \
    extern const InstructionSet<float> instruction_set;  \
  }
NEPFORGE_DECLARE_KERNEL(baseline)
#ifdef NEPFORGE_X86
NEPFORGE_DECLARE_KERNEL(avx2)
NEPFORGE_DECLARE_KERNEL(avx512)
#endif
#undef NEPFORGE_DECLARE_KERNEL

}  // namespace nepforge
