// A NepModel in the layout of the kernels, with the memory behind it.
#pragma once

#include <cmath>
#include <vector>

#include "aligned_buffer.h"
#include "nep_kernel.h"
#include "nep_math.h"
#include "nep_model.h"

namespace nepforge {

/// The coefficients of one expansion as the kernels read them.
template <class Real>
class ExpansionStorage {
 public:
  ExpansionStorage(const Expansion& part, int n_species, int lanes) {
    const std::size_t n_pairs = static_cast<std::size_t>(n_species) * n_species;
    const std::size_t stride = padded(part.n_basis, lanes);
    const std::size_t row_stride = padded(2 * part.n_functions, lanes);
    cutoff_ = AlignedBuffer<double>(n_pairs);
    value_ = AlignedBuffer<Real>(n_pairs * part.n_functions * stride);
    slope_ = AlignedBuffer<Real>(n_pairs * part.n_functions * stride);
    rows_ = AlignedBuffer<Real>(n_pairs * part.n_basis * row_stride);
    std::vector<double> value(part.n_basis), slope(part.n_basis);
    for (std::size_t pair = 0; pair < n_pairs; ++pair) {
      cutoff_.data()[pair] = part.pair_cutoff(pair / n_species, pair % n_species);
      for (int n = 0; n < part.n_functions; ++n) {
        expand(part, n, pair, n_pairs, value);
        differentiate(value, slope);
        const std::size_t row = (pair * part.n_functions + n) * stride;
        for (int k = 0; k < part.n_basis; ++k) {
          value_.data()[row + k] = static_cast<Real>(value[k]);
          slope_.data()[row + k] = static_cast<Real>(slope[k]);
          Real* in_row = rows_.data() + (pair * part.n_basis + k) * row_stride + n;
          in_row[0] = static_cast<Real>(value[k]);
          in_row[part.n_functions] = static_cast<Real>(slope[k]);
        }
      }
    }
    view_ = {part.n_functions,
             part.n_basis,
             static_cast<int>(stride),
             static_cast<int>(row_stride),
             cutoff_.data(),
             value_.data(),
             slope_.data(),
             rows_.data()};
  }

  const KernelExpansion<Real>& view() const { return view_; }

 private:
  /// Coefficients of T_k in sum_k c_k f_k / f_c, where f_k = (T_k + 1) / 2 f_c and T_0 = 1.
  static void expand(const Expansion& part, int n, std::size_t pair, std::size_t n_pairs,
                     std::vector<double>& value) {
    std::fill(value.begin(), value.end(), 0.0);
    for (int k = 0; k < part.n_basis; ++k) {
      const double c = part.coefficients[(n * part.n_basis + k) * n_pairs + pair];
      value[0] += c / 2;
      value[k] += c / 2;
    }
  }

  /// Coefficients d of the derivative of sum_k a_k T_k: d_{k-1} = d_{k+1} + 2 k a_k, d_0 halved.
  static void differentiate(const std::vector<double>& a, std::vector<double>& d) {
    const int n_basis = static_cast<int>(a.size());
    std::fill(d.begin(), d.end(), 0.0);
    for (int k = n_basis - 1; k >= 1; --k) {
      d[k - 1] = (k + 1 < n_basis ? d[k + 1] : 0.0) + 2 * k * a[k];
    }
    d[0] /= 2;
  }

  AlignedBuffer<double> cutoff_;
  AlignedBuffer<Real> value_, slope_, rows_;
  KernelExpansion<Real> view_;
};

/// The whole model. Arrays that a kernel walks over in vectors are padded to `lanes`.
template <class Real>
class ModelStorage {
 public:
  ModelStorage(const NepModel& model, int lanes)
      : radial_(model.radial, model.n_species(), lanes),
        angular_(model.angular, model.n_species(), lanes),
        invariants_(model.invariants) {
    view_.n_species = model.n_species();
    view_.radial = radial_.view();
    view_.angular = angular_.view();
    view_.l_max = model.l_max;
    view_.n_moments = moment_count(model.l_max);
    view_.moment_stride = padded(model.angular.n_functions, lanes);
    view_.invariants = invariants_.data();
    view_.n_invariants = static_cast<int>(invariants_.size());
    view_.n_descriptor = model.n_descriptor();
    view_.neuron_stride = padded(model.n_neurons, lanes);
    store_networks(model);
  }
  ModelStorage(const ModelStorage&) = delete;
  ModelStorage& operator=(const ModelStorage&) = delete;

  const KernelModel<Real>& view() const { return view_; }

 private:
  void store_networks(const NepModel& model) {
    const std::size_t stride = view_.neuron_stride;
    const std::size_t dim = view_.n_descriptor;
    w0_ = AlignedBuffer<Real>(model.networks.size() * dim * stride);
    b0_ = AlignedBuffer<Real>(model.networks.size() * stride);
    w1_ = AlignedBuffer<Real>(model.networks.size() * stride);
    for (std::size_t type = 0; type < model.networks.size(); ++type) {
      const Network& network = model.networks[type];
      for (int mu = 0; mu < model.n_neurons; ++mu) {
        b0_.data()[type * stride + mu] = static_cast<Real>(network.b0[mu]);
        w1_.data()[type * stride + mu] = static_cast<Real>(network.w1[mu]);
        for (std::size_t nu = 0; nu < dim; ++nu) {
          w0_.data()[(type * dim + nu) * stride + mu] =
              static_cast<Real>(network.w0[mu * dim + nu] * model.q_scaler[nu]);
        }
      }
      bias_.push_back(network.bias);
    }
    view_.w0 = w0_.data();
    view_.b0 = b0_.data();
    view_.w1 = w1_.data();
    view_.bias = bias_.data();
  }

  ExpansionStorage<Real> radial_, angular_;
  std::vector<Invariant> invariants_;
  AlignedBuffer<Real> w0_, b0_, w1_;
  std::vector<double> bias_;
  KernelModel<Real> view_;
};

}  // namespace nepforge
