// A model in the memory of a backend.
#pragma once

#include <vector>

#include "../core/kernel_model.h"
#include "arrays.h"
#include "device_array.h"

namespace nepforge {
namespace device {

template <class Backend, class Real>
class DeviceExpansion {
 public:
  explicit DeviceExpansion(Backend& backend) : inverse_cutoff_(backend), rows_(backend) {}

  ExpansionArrays<Real> set(const KernelExpansion<Real>& part, std::size_t n_pairs) {
    const std::size_t stride = in_blocks(part.n_functions);
    const std::size_t n_basis = part.n_basis;
    std::vector<double> inverse_cutoff;
    std::vector<Real> rows(n_pairs * n_basis * 2 * stride, Real(0));
    for (std::size_t pair = 0; pair < n_pairs; ++pair) {
      inverse_cutoff.push_back(1.0 / part.cutoff[pair]);
      for (std::size_t k = 0; k < n_basis; ++k) {
        Real* row = rows.data() + (pair * n_basis + k) * 2 * stride;
        for (int n = 0; n < part.n_functions; ++n) {
          const std::size_t from = (pair * part.n_functions + n) * part.stride + k;
          row[n] = part.value[from];
          row[stride + n] = part.slope[from];
        }
      }
    }
    inverse_cutoff_.set(inverse_cutoff);
    rows_.set(rows);
    return {part.n_functions, static_cast<int>(stride), part.n_basis, inverse_cutoff_.data(),
            rows_.data()};
  }

 private:
  Array<Backend, double> inverse_cutoff_;
  Array<Backend, Real> rows_;
};

template <class Backend, class Real>
class DeviceModel {
 public:
  DeviceModel(Backend& backend, const NepModel& model)
      : radial_(backend),
        angular_(backend),
        monomials_(backend),
        first_monomial_(backend),
        w0_(backend),
        w0_by_neuron_(backend),
        b0_(backend),
        w1_(backend),
        bias_(backend),
        zbl_(backend) {
    constexpr int lanes = 1;  // no padding
    const KernelModel<Real> view(model, lanes);
    const std::size_t n_pairs = static_cast<std::size_t>(view.n_species) * view.n_species;
    arrays_.n_species = view.n_species;
    arrays_.radial = radial_.set(view.radial, n_pairs);
    arrays_.angular = angular_.set(view.angular, n_pairs);
    arrays_.n_moments = view.n_moments;
    arrays_.n_invariants = view.n_invariants;
    arrays_.n_descriptor = view.n_descriptor;
    arrays_.n_neurons = model.n_neurons;
    set_degrees(model.l_max);
    set_invariants(model);
    set_networks(view, model.n_neurons);
    zbl_.set(model.zbl);
    arrays_.zbl = model.zbl.empty() ? nullptr : zbl_.data();
  }

  const ModelArrays<Real>& arrays() const { return arrays_; }

 private:
  void set_degrees(int l_max) {
    arrays_.degrees.l_max = l_max;
    for (int l = 0; l <= max_moment_l; ++l) {
      for (int m = 0; m <= l; ++m) {
        arrays_.degrees.rises[l][m] = static_cast<Real>(zonal_table.rise[l][m]);
        arrays_.degrees.falls[l][m] = static_cast<Real>(zonal_table.fall[l][m]);
        if (l == 0) continue;
        const Real weight = static_cast<Real>(zonal_table.weight[l][m]);
        arrays_.weight[moment_index(l, m)] = weight;
        if (m > 0) arrays_.weight[moment_index(l, m) + 1] = weight;
      }
    }
  }

  void set_invariants(const NepModel& model) {
    std::vector<Monomial> monomials;
    std::vector<int> first = {0};
    for (const Invariant invariant : model.invariants) {
      const InvariantTable& table = invariant_tables[invariant];
      monomials.insert(monomials.end(), table.monomials, table.monomials + table.n_monomials);
      first.push_back(static_cast<int>(monomials.size()));
    }
    monomials_.set(monomials);
    first_monomial_.set(first);
    arrays_.monomials = monomials_.data();
    arrays_.first_monomial = first_monomial_.data();
  }

  void set_networks(const KernelModel<Real>& view, std::size_t n_neurons) {
    const std::size_t n_species = view.n_species;
    const std::size_t dim = view.n_descriptor;
    std::vector<Real> by_neuron(n_species * dim * n_neurons);
    for (std::size_t species = 0; species < n_species; ++species) {
      const std::size_t network = species * dim * n_neurons;
      for (std::size_t nu = 0; nu < dim; ++nu) {
        for (std::size_t mu = 0; mu < n_neurons; ++mu) {
          by_neuron[network + mu * dim + nu] = view.w0[network + nu * n_neurons + mu];
        }
      }
    }
    w0_.set(view.w0.data(), by_neuron.size());
    w0_by_neuron_.set(by_neuron);
    b0_.set(view.b0.data(), n_species * n_neurons);
    w1_.set(view.w1.data(), n_species * n_neurons);
    bias_.set(view.bias.data(), n_species);
    arrays_.w0 = w0_.data();
    arrays_.w0_by_neuron = w0_by_neuron_.data();
    arrays_.b0 = b0_.data();
    arrays_.w1 = w1_.data();
    arrays_.bias = bias_.data();
  }

  ModelArrays<Real> arrays_ = {};
  DeviceExpansion<Backend, Real> radial_, angular_;
  Array<Backend, Monomial> monomials_;
  Array<Backend, int> first_monomial_;
  Array<Backend, Real> w0_, w0_by_neuron_, b0_, w1_;
  Array<Backend, double> bias_;
  Array<Backend, ZblPair> zbl_;
};

}  // namespace device
}  // namespace nepforge
