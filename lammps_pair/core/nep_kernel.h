// The innermost work, one atom at a time, behind a function pointer for each instruction set.
// Plain pointers only: nep_kernel.cpp is compiled several times with different instructions and
// must not instantiate anything of the standard library that the linker could pick for everyone.
#pragma once

#include "nep_model.h"

namespace nepforge {

/// All arrays that a kernel walks over in vectors are padded to this many doubles, the widest of
/// the instruction sets.
constexpr int padding = 8;

constexpr int padded(int count) {
  return (count + padding - 1) / padding * padding;
}

/// g_n of one part in the form that the kernels use: with x = 2 (r/cutoff - 1)^2 - 1,
/// g_n = f_c sum_k value[n][k] T_k(x) and dg_n/dx without f_c' = f_c sum_k slope[n][k] T_k(x).
struct KernelExpansion {
  int n_functions;
  int n_basis;
  int stride;            // of n in the two arrays: n_basis padded
  const double* cutoff;  // [pair] Å
  const double* value;   // [pair][n][stride]
  const double* slope;   // [pair][n][stride]
};

/// A NepModel laid out for the kernels; pair = t_i * n_species + t_j.
struct KernelModel {
  int n_species;
  KernelExpansion radial;
  KernelExpansion angular;
  int l_max;
  int n_moments;
  int moment_stride;  // of a in the moments: number of angular functions, padded
  const Invariant* invariants;
  int n_invariants;
  int n_descriptor;
  int neuron_stride;   // n_neurons padded
  const double* w0;    // [species][descriptor][neuron_stride], q_scaler multiplied in
  const double* b0;    // [species][neuron_stride]
  const double* w1;    // [species][neuron_stride]
  const double* bias;  // [species]
};

/// Neighbours of one species in slots first .. first + n_slots, a multiple of the lanes; those
/// inside the angular cutoff come first.
struct NeighborGroup {
  int species_idx;
  int first;
  int n_slots;
  int n_angular;  // a multiple of the lanes, at most n_slots
};

/// Arrays of one atom's neighbours and sums. [slot] arrays are filled by the caller up to z.
struct KernelWorkspace {
  const NeighborGroup* groups;
  int n_groups;
  double *x, *y, *z;                      // [slot] in: r_j - r_i, Å
  double *distance, *inverse_distance;    // [slot]
  double *unit_x, *unit_y, *unit_z;       // [slot]
  double *cutoff_value, *cutoff_slope;    // [slot] f_c and df_c/dr of the radial part
  double* argument_slope;                 // [slot] f_c dx/dr of the radial part
  double* polynomials;                    // [slot / lanes][radial n_basis][lane] T_k(x)
  double* local_polynomials;              // [angular n_basis][lane]
  double *angular_value, *angular_slope;  // [angular slot / lanes][angular n_functions][lane]
  double* moment_values;                  // [angular slot / lanes][n_moments][lane] B_a
  double* radial_sums;                    // [group][radial stride] sums of f_c T_k
  double *radial_force_value, *radial_force_slope;  // [radial stride] dU/dq contracted with c
  double *moments, *moment_forces;                  // [n_moments][moment_stride] s and dU/ds
  double *descriptor, *descriptor_forces;           // [n_descriptor + padding] q and dU/dq
  double* neuron_forces;                            // [neuron_stride] dU/d(input of a neuron)
  double *force_x, *force_y, *force_z;              // [slot] out: p_ij = dU_i/dr_ij, eV/Å
};

/// Energy U_i in eV of an atom of species `center` and, in force_*, its derivatives.
using Kernel = double (*)(const KernelModel& model, int center, const KernelWorkspace& work);

/// A way to run the kernel.
struct InstructionSet {
  const char* name;
  int lanes;
  Kernel kernel;
};

namespace baseline {
extern const InstructionSet instruction_set;
}
#ifdef NEPFORGE_X86
namespace avx2 {
extern const InstructionSet instruction_set;
}
namespace avx512 {
extern const InstructionSet instruction_set;
}
#endif

}  // namespace nepforge
