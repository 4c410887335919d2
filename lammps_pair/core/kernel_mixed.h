// Radial and angular functions where neighbours of different species share vectors.
#pragma once

#include "kernel_basis.h"

namespace nepforge {
namespace NEPFORGE_KERNEL {
namespace {

/// T_0 of a slot; T_k follows k vectors later.
NEP_HD Span<const Real> polynomial_of(Span<const Real> polynomials, int n_basis, int slot) {
  const int lane = slot % n_lanes;
  return polynomials.from((slot - lane) * n_basis + lane);
}

/// sum_k rows[k] T_k of n_slots slots from `slot` on, for some vectors of the row.
template <int n_slots, int n_vectors>
NEP_HD void find_row_part(Span<const Real> coefficients, int n_basis, int stride, int slot,
                          Span<const Real> polynomials, Span<Real> rows) {
  Vec total[n_slots][n_vectors] = {};
  Span<const Real> polynomial[n_slots];
  for (int idx = 0; idx < n_slots; ++idx) {
    polynomial[idx] = polynomial_of(polynomials, n_basis, slot + idx);
  }
  for (int k = 0; k < n_basis; ++k) {
    for (int c = 0; c < n_vectors; ++c) {
      const Vec coefficient = load(coefficients, k * stride + c * n_lanes);
      for (int idx = 0; idx < n_slots; ++idx) {
        total[idx][c] += polynomial[idx][k * n_lanes] * coefficient;
      }
    }
  }
  for (int idx = 0; idx < n_slots; ++idx) {
    for (int c = 0; c < n_vectors; ++c) {
      store(rows, (slot + idx) * stride + c * n_lanes, total[idx][c]);
    }
  }
}

/// sum_k rows[k] T_k for the slots of some runs: value and slope of each g_n without f_c, a row for
/// each slot. Lanes run over the functions here, so that slots of different species can share a
/// vector elsewhere.
void find_rows(const KernelExpansion<Real>& part, int first_pair, Span<const NeighborRun> runs,
               int n_slots, Span<const Real> polynomials, Span<Real> rows) {
  const int n_runs = static_cast<int>(runs.size());
  const int stride = part.row_stride;
  in_chunks(stride / n_lanes, [&](auto chunk, int first) {
    constexpr int n_vectors = decltype(chunk)::value;
    const Span<Real> out = rows.from(first * n_lanes);
    for (int idx = 0; idx < n_runs; ++idx) {
      const int pair = first_pair + runs[idx].species_idx;
      const Span<const Real> coefficients =
          part.rows.from(pair * part.n_basis * stride + first * n_lanes);
      // The last run is continued to the end of its vector, where f_c is zero.
      const int end = idx + 1 < n_runs ? runs[idx + 1].first : n_slots;
      int slot = runs[idx].first;
      for (; slot + 1 < end; slot += 2) {
        find_row_part<2, n_vectors>(coefficients, part.n_basis, stride, slot, polynomials, out);
      }
      if (slot < end) {
        find_row_part<1, n_vectors>(coefficients, part.n_basis, stride, slot, polynomials, out);
      }
    }
  });
}

/// Radial basis of slots of different species; adds them to the radial descriptor.
void find_mixed_radial(const Model& model, int center, Workspace& work,
                       const NeighborGroup& group) {
  const KernelExpansion<Real>& radial = model.radial;
  for (int slot = 0; slot < group.n_slots; slot += n_lanes) {
    const Basis basis =
        basis_of(load_wide(work.distance, slot), load_wide(work.radial_scale, slot));
    store(work.cutoff_value, slot, basis.value);
    store(work.cutoff_slope, slot, basis.slope);
    store(work.argument_slope, slot, basis.argument_slope);
    chebyshev(basis.argument, radial.n_basis,
              StoreLanes{work.polynomials.from(slot * radial.n_basis)});
  }
  find_rows(radial, center * model.n_species, work.runs, group.n_slots, work.polynomials,
            work.radial_rows);
  for (int n = 0; n < radial.n_functions; n += n_lanes) {
    Vec even = load(work.descriptor, n), odd = {};
    for (int slot = 0; slot < group.n_slots; slot += 2) {
      const Span<const Real> row = work.radial_rows.from(slot * radial.row_stride + n);
      even += work.cutoff_value[slot] * load(row, 0);
      odd += work.cutoff_value[slot + 1] * load(row, radial.row_stride);
    }
    store(work.descriptor, n, even + odd);
  }
}

/// g_n and dg_n/dr of slots of different species.
void find_mixed_angular(const Model& model, int center, Workspace& work,
                        const NeighborGroup& group) {
  const KernelExpansion<Real>& angular = model.angular;
  const int n_functions = angular.n_functions;
  for (int slot = 0; slot < group.n_angular; slot += n_lanes) {
    const Basis basis =
        basis_of(load_wide(work.distance, slot), load_wide(work.angular_scale, slot));
    chebyshev(basis.argument, angular.n_basis,
              StoreLanes{work.angular_polynomials.from(slot * angular.n_basis)});
  }
  find_rows(angular, center * model.n_species, work.runs.first(work.n_angular_runs),
            group.n_angular, work.angular_polynomials, work.angular_rows);
  for (int slot = 0; slot < group.n_angular; slot += n_lanes) {
    const Basis basis =
        basis_of(load_wide(work.distance, slot), load_wide(work.angular_scale, slot));
    for (int first = 0; first < angular.row_stride; first += n_lanes) {
      Vec rows[n_lanes];
      for (int lane = 0; lane < n_lanes; ++lane) {
        rows[lane] = load(work.angular_rows, (slot + lane) * angular.row_stride + first);
      }
      transpose(rows);
      for (int n = 0; n < n_lanes; ++n) store(work.columns, (first + n) * n_lanes, rows[n]);
    }
    const Span<Real> g = work.angular_value.from(slot * n_functions);
    const Span<Real> dg = work.angular_slope.from(slot * n_functions);
    for (int n = 0; n < n_functions; ++n) {
      const Vec value = load(work.columns, n * n_lanes);
      const Vec slope = load(work.columns, (n_functions + n) * n_lanes);
      store(g, n * n_lanes, basis.value * value);
      store(dg, n * n_lanes, basis.slope * value + basis.argument_slope * slope);
    }
  }
}

/// Spreads dU/dq of the radial part over two rows, aligned with the values and with the slopes.
void set_row_weights(const Model& model, Workspace& work) {
  const int n_functions = model.radial.n_functions;
  const Span<Real> of_value = work.row_weights;
  const Span<Real> of_slope = work.row_weights.from(model.radial.row_stride);
  for (int n = 0; n < n_functions; ++n) {
    of_value[n] = work.descriptor_forces[n];
    of_slope[n_functions + n] = work.descriptor_forces[n];
  }
}

/// dU/dr of the radial part for one vector of slots of different species.
NEP_HD Vec mixed_radial_force(const Model& model, Workspace& work, int slot) {
  const int stride = model.radial.row_stride;
  Vec value[n_lanes], slope[n_lanes];
  for (int lane = 0; lane < n_lanes; ++lane) {
    const Span<const Real> row = work.radial_rows.from((slot + lane) * stride);
    value[lane] = load(row, 0) * load(work.row_weights, 0);
    slope[lane] = load(row, 0) * load(work.row_weights, stride);
    for (int c = n_lanes; c < stride; c += n_lanes) {
      value[lane] += load(row, c) * load(work.row_weights, c);
      slope[lane] += load(row, c) * load(work.row_weights, stride + c);
    }
  }
  return load(work.cutoff_slope, slot) * reduce_rows(value) +
         load(work.argument_slope, slot) * reduce_rows(slope);
}

}  // namespace
}  // namespace NEPFORGE_KERNEL
}  // namespace nepforge
