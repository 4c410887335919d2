// Plain arrays that the kernels read and write.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "../core/invariants.h"
#include "../core/nep_math.h"
#include "../core/nep_model.h"

namespace nepforge {
namespace device {

/// Functions n that one lane works on at a time: they fit its registers, and two loads of 16 bytes
/// read them. Arrays over n are padded with zeros to a multiple.
constexpr int block = 8;

constexpr int in_blocks(int n_functions) {
  return (n_functions + block - 1) / block * block;
}

/// One part of the descriptor; rows[pair][k][2][stride]: value[n], then slope[n], of
/// KernelExpansion.
template <class Real>
struct ExpansionArrays {
  int n_functions;
  int stride;  // n_functions in blocks
  int n_basis;
  const double* inverse_cutoff;  // [pair] 1/Å
  const Real* rows;
};

template <class Real>
struct ModelArrays {
  int n_species;
  ExpansionArrays<Real> radial;
  ExpansionArrays<Real> angular;
  LoopedDegrees<Real> degrees;
  Real weight[moment_count(max_moment_l)];  // [a] of s_a^2 in q_l
  int n_moments;
  int n_invariants;
  const Monomial* monomials;  // of all invariants, one after another
  const int* first_monomial;  // [n_invariants + 1]
  int n_descriptor;
  int n_neurons;
  const Real* w0;            // [species][descriptor][neuron], q_scaler multiplied in
  const Real* w0_by_neuron;  // [species][neuron][descriptor]
  const Real* b0;            // [species][neuron]
  const Real* w1;            // [species][neuron]
  const double* bias;        // [species]
  const ZblPair* zbl;        // [pair], null without ZBL
};

/// Atoms with images and the neighbour lists of the first n_centers.
struct AtomArrays {
  const double* positions;   // [atom][3] Å
  const int* species;        // [atom] -1 for an atom to be ignored
  const std::size_t* first;  // [center + 1] where its neighbours begin
  const int* neighbors;
};

/// Forces, virials and repulsion are summed as integers in units of `resolution`: they give the
/// same bits in any order, and the forces on all atoms add up to zero exactly. 64 bits hold 8e6
/// eV/Å, eighty of the largest terms.
constexpr double resolution = 1.0 / (std::int64_t{1} << 40);  // eV/Å or eV, 9e-13
constexpr double largest_term = 1.0e5;                        // eV/Å or eV

/// Whether a term fits; NaN does not.
template <class Real>
NEP_HD bool fits(Real value) {
  return fabs(value) < Real(largest_term);
}

template <class Real>
NEP_HD std::int64_t as_integer(Real value) {
  return static_cast<std::int64_t>(rint(value * Real(1.0 / resolution)));
}

NEP_HD double as_number(std::int64_t sum) {
  return static_cast<double>(sum) * resolution;
}

struct ResultArrays {
  double* energies;       // [center] eV
  std::int64_t* forces;   // [atom][3]
  std::int64_t* virials;  // [atom][9] W_ab = -r_a p_b assigned to the neighbour, null if not wanted
  int* failed;            // a center with an energy or a force that does not fit, else -1
};

}  // namespace device
}  // namespace nepforge
