// Radial and angular functions where each species has vectors of its own.
#pragma once

#include "kernel_basis.h"

namespace nepforge {
namespace NEPFORGE_KERNEL {
namespace {

/// T_k, f_c and its slopes for every slot of a group, and the sums of f_c T_k over the group.
void find_radial_basis(const Model& model, Workspace& work, const NeighborGroup& group,
                       double cutoff) {
  const int n_basis = model.radial.n_basis;
  const int end = group.first + group.n_slots;
  for (int slot = group.first; slot < end; slot += n_lanes) {
    const Basis basis = basis_of(load_wide(work.distance, slot), 1 / cutoff);
    store(work.cutoff_value, slot, basis.value);
    store(work.cutoff_slope, slot, basis.slope);
    store(work.argument_slope, slot, basis.argument_slope);
    chebyshev(basis.argument, n_basis, StoreLanes{work.polynomials.from(slot * n_basis)});
  }
  in_chunks(n_basis, [&](auto chunk, int first) {
    Vec total[chunk.value] = {};
    for (int slot = group.first; slot < end; slot += n_lanes) {
      const Vec value = load(work.cutoff_value, slot);
      const Span<const Real> polynomials =
          work.polynomials.from((slot * n_basis) + first * n_lanes);
      for (int k = 0; k < chunk.value; ++k) total[k] += value * load(polynomials, k * n_lanes);
    }
    for (int k = 0; k < chunk.value; ++k) {
      store(work.partial_sums, (first + k) * n_lanes, total[k]);
    }
  });
  reduce_partial_sums(work, n_basis);
}

/// Adds sum_k c[n][k] (sum of f_c T_k) of one group to q_n of the radial part. The
/// last vector may spill into the angular part, which is overwritten later.
void add_radial_descriptor(const KernelExpansion<Real>& radial, int pair, Workspace& work) {
  const Span<const Real> rows = radial.rows.from(pair * radial.n_basis * radial.row_stride);
  for (int n = 0; n < radial.n_functions; n += n_lanes) {
    Vec total = load(work.descriptor, n);
    for (int k = 0; k < radial.n_basis; ++k) {
      total += work.sums[k] * load(rows, k * radial.row_stride + n);
    }
    store(work.descriptor, n, total);
  }
}

/// g_n and dg_n/dr for the slots of a group inside the angular cutoff. `block` counts them
/// over all groups, in vectors.
void find_angular_functions(const Model& model, Workspace& work, const NeighborGroup& group,
                            int pair, int block) {
  const KernelExpansion<Real>& angular = model.angular;
  const double cutoff = angular.cutoff[pair];
  const bool shared = cutoff == model.radial.cutoff[pair];
  const Span<const Real> value = angular.value.from(pair * angular.n_functions * angular.stride);
  const Span<const Real> slope = angular.slope.from(pair * angular.n_functions * angular.stride);
  // With equal cutoffs the radial part has computed the cosine and the first polynomials already.
  const bool enough = shared && angular.n_basis <= model.radial.n_basis;
  for (int slot = group.first; slot < group.first + group.n_angular; slot += n_lanes, ++block) {
    Basis basis;
    Span<const Real> polynomials = work.polynomials.from(slot * model.radial.n_basis);
    if (enough) {
      basis.value = load(work.cutoff_value, slot);
      basis.slope = load(work.cutoff_slope, slot);
      basis.argument_slope = load(work.argument_slope, slot);
    } else {
      basis = basis_of(load_wide(work.distance, slot), 1 / cutoff);
      chebyshev(basis.argument, angular.n_basis, StoreLanes{work.angular_polynomials.from(0)});
      polynomials = work.angular_polynomials.from(0);
    }
    const Span<Real> g = work.angular_value.from(block * angular.n_functions * n_lanes);
    const Span<Real> dg = work.angular_slope.from(block * angular.n_functions * n_lanes);
    in_chunks(angular.n_functions, [&](auto chunk, int first) {
      Vec sum[chunk.value] = {};
      Vec slope_sum[chunk.value] = {};
      for (int k = 0; k < angular.n_basis; ++k) {
        const Vec polynomial = load(polynomials, k * n_lanes);
        for (int n = 0; n < chunk.value; ++n) {
          sum[n] += value[(first + n) * angular.stride + k] * polynomial;
          slope_sum[n] += slope[(first + n) * angular.stride + k] * polynomial;
        }
      }
      for (int n = 0; n < chunk.value; ++n) {
        store(g, (first + n) * n_lanes, basis.value * sum[n]);
        store(dg, (first + n) * n_lanes,
              basis.slope * sum[n] + basis.argument_slope * slope_sum[n]);
      }
    });
  }
}

/// sum_n dU/dq_n c[n][k], the radial force as an expansion in T_k.
void contract_radial(const Model& model, Workspace& work, int pair) {
  const KernelExpansion<Real>& radial = model.radial;
  const Span<const Real> value = radial.value.from(pair * radial.n_functions * radial.stride);
  const Span<const Real> slope = radial.slope.from(pair * radial.n_functions * radial.stride);
  for (int k = 0; k < radial.stride; k += n_lanes) {
    Vec value_sum = {};
    Vec slope_sum = {};
    for (int n = 0; n < radial.n_functions; ++n) {
      const Real force = work.descriptor_forces[n];
      value_sum += force * load(value, n * radial.stride + k);
      slope_sum += force * load(slope, n * radial.stride + k);
    }
    store(work.radial_force_value, k, value_sum);
    store(work.radial_force_slope, k, slope_sum);
  }
}

/// dU/dr of the radial part for one vector of slots of one species.
NEP_HD Vec radial_force(const Model& model, Workspace& work, int slot) {
  Span<const Real> polynomials = work.polynomials.from(slot * model.radial.n_basis);
  Vec value = {};
  Vec slope = {};
  for (int k = 0; k < model.radial.n_basis; ++k) {
    const Vec polynomial = load(polynomials, k * n_lanes);
    value += work.radial_force_value[k] * polynomial;
    slope += work.radial_force_slope[k] * polynomial;
  }
  return load(work.cutoff_slope, slot) * value + load(work.argument_slope, slot) * slope;
}

}  // namespace
}  // namespace NEPFORGE_KERNEL
}  // namespace nepforge
