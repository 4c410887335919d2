// A NepModel in the layout of the kernels.
#pragma once

#include <vector>

#include "nep_kernel.h"
#include "nep_math.h"
#include "nep_model.h"

namespace nepforge {

/// Coefficients of T_k in sum_k c_k f_k / f_c, where f_k = (T_k + 1) / 2 f_c and T_0 = 1.
inline void expand(const Expansion& part, int n, std::size_t pair, std::size_t n_pairs,
                   std::vector<double>& value) {
  value.assign(part.n_basis, 0.0);
  for (int k = 0; k < part.n_basis; ++k) {
    const double c = part.coefficients[(n * part.n_basis + k) * n_pairs + pair];
    value[0] += c / 2;
    value[k] += c / 2;
  }
}

/// Coefficients d of the derivative of sum_k a_k T_k: d_{k-1} = d_{k+1} + 2 k a_k, d_0 halved.
inline void differentiate(const std::vector<double>& a, std::vector<double>& d) {
  const int n_basis = static_cast<int>(a.size());
  d.assign(n_basis, 0.0);
  for (int k = n_basis - 1; k >= 1; --k) {
    d[k - 1] = (k + 1 < n_basis ? d[k + 1] : 0.0) + 2 * k * a[k];
  }
  d[0] /= 2;
}

template <class Real>
KernelExpansion<Real>::KernelExpansion(const Expansion& part, int n_species, int lanes)
    : n_functions(part.n_functions),
      n_basis(part.n_basis),
      stride(padded(part.n_basis, lanes)),
      row_stride(padded(2 * part.n_functions, lanes)) {
  const std::size_t n_pairs = static_cast<std::size_t>(n_species) * n_species;
  cutoff = Buffer<double>(n_pairs);
  value = Buffer<Real>(n_pairs * n_functions * stride);
  slope = Buffer<Real>(n_pairs * n_functions * stride);
  rows = Buffer<Real>(n_pairs * n_basis * row_stride);
  std::vector<double> values, slopes;
  for (std::size_t pair = 0; pair < n_pairs; ++pair) {
    cutoff[pair] = part.pair_cutoff(pair / n_species, pair % n_species);
    for (int n = 0; n < n_functions; ++n) {
      expand(part, n, pair, n_pairs, values);
      differentiate(values, slopes);
      const std::size_t first = (pair * n_functions + n) * stride;
      for (int k = 0; k < n_basis; ++k) {
        const std::size_t in_row = (pair * n_basis + k) * row_stride + n;
        value[first + k] = rows[in_row] = static_cast<Real>(values[k]);
        slope[first + k] = rows[in_row + n_functions] = static_cast<Real>(slopes[k]);
      }
    }
  }
}

template <class Real>
KernelModel<Real>::KernelModel(const NepModel& model, int lanes)
    : n_species(model.n_species()),
      radial(model.radial, n_species, lanes),
      angular(model.angular, n_species, lanes),
      l_max(model.l_max),
      n_moments(moment_count(model.l_max)),
      moment_stride(padded(model.angular.n_functions, lanes)),
      invariants(model.invariants.size()),
      n_invariants(static_cast<int>(model.invariants.size())),
      n_descriptor(model.n_descriptor()),
      neuron_stride(padded(model.n_neurons, lanes)),
      w0(model.networks.size() * n_descriptor * neuron_stride),
      b0(model.networks.size() * neuron_stride),
      w1(model.networks.size() * neuron_stride),
      bias(model.networks.size()) {
  for (int idx = 0; idx < n_invariants; ++idx) invariants[idx] = model.invariants[idx];
  const std::size_t stride = neuron_stride, dim = n_descriptor;
  for (std::size_t type = 0; type < model.networks.size(); ++type) {
    const Network& network = model.networks[type];
    for (int mu = 0; mu < model.n_neurons; ++mu) {
      b0[type * stride + mu] = static_cast<Real>(network.b0[mu]);
      w1[type * stride + mu] = static_cast<Real>(network.w1[mu]);
      for (std::size_t nu = 0; nu < dim; ++nu) {
        w0[(type * dim + nu) * stride + mu] =
            static_cast<Real>(network.w0[mu * dim + nu] * model.q_scaler[nu]);
      }
    }
    bias[type] = network.bias;
  }
}

}  // namespace nepforge
