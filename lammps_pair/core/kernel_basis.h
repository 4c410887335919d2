// What the parts of nep_kernel.cpp share: loops over vectors, and the radial basis.
#pragma once

#include "nep_kernel.h"
#include "simd.h"

namespace nepforge {
namespace NEPFORGE_KERNEL {
namespace {

using Model = KernelModel<Real>;
using Workspace = KernelWorkspace<Real>;

template <int n>
struct Count {
  static constexpr int value = n;
};

/// Calls body(Count<n>, first) for runs of n <= 5 that make up 0 .. count-1, of nearly equal
/// length: five vectors keep the adders busy, a remainder of one would not.
template <class Body>
NEP_HD void in_chunks(int count, const Body& body) {
  const int n_chunks = (count + 4) / 5;
  for (int chunk = 0, first = 0; chunk < n_chunks; ++chunk) {
    const int size = (count - first) / (n_chunks - chunk);
    if (size == 1) body(Count<1>{}, first);
    if (size == 2) body(Count<2>{}, first);
    if (size == 3) body(Count<3>{}, first);
    if (size == 4) body(Count<4>{}, first);
    if (size == 5) body(Count<5>{}, first);
    first += size;
  }
}

/// Calls body(Count<l_max>) with the largest l as a constant.
template <int l = 1, class Body>
NEP_HD void with_l_max(int l_max, const Body& body) {
  if constexpr (l <= max_moment_l) {
    if (l_max == l) {
      body(Count<l>{});
    } else {
      with_l_max<l + 1>(l_max, body);
    }
  }
}

/// Sums the first `n_rows` rows of the partial sums over their lanes.
void reduce_partial_sums(Workspace& work, int n_rows) {
  for (int first = 0; first < n_rows; first += n_lanes) {
    Vec rows[n_lanes];
    for (int idx = 0; idx < n_lanes; ++idx) {
      rows[idx] = load(work.partial_sums, (first + idx) * n_lanes);
    }
    store(work.sums, first, reduce_rows(rows));
  }
}

/// Writes the vectors of an array [idx][lane].
struct StoreLanes {
  Span<Real> to;
  NEP_HD_MEMBER void operator()(int idx, Vec value) const { store(to, idx * n_lanes, value); }
};

NEP_HD Real in_lanes(double scale) {
  return static_cast<Real>(scale);
}

NEP_HD Vec in_lanes(WideVec scale) {
  return narrow(scale);
}

/// f_c, df_c/dr, f_c dx/dr and x = 2 (r/cutoff - 1)^2 - 1. Beyond the cutoff they are 0 and x is 1:
/// unbounded polynomials would turn f_c T_k = 0 into NaN.
struct Basis {
  Vec value, slope, argument_slope, argument;
};

/// `scale` is 1/cutoff, a number or a vector. The argument of T_k is computed in double
/// precision, since the slope of T_k amplifies its error by up to k^2.
template <class Scale>
NEP_HD Basis basis_of(WideVec distance, Scale scale) {
  const WideVec wide_ratio = distance * scale;
  const WideVec wide_argument = chebyshev_argument(wide_ratio);
  const Vec ratio = narrow(wide_ratio);
  const Vec zero = {};
  Basis basis;
  cutoff_function(ratio, basis.value, basis.slope);
  basis.value = ratio < Real(1) ? basis.value : zero;
  basis.slope = ratio < Real(1) ? basis.slope * in_lanes(scale) : zero;
  basis.argument = ratio < Real(1) ? narrow(wide_argument) : broadcast(Real(1));
  basis.argument_slope = basis.value * (ratio - Real(1)) * (Real(4) * in_lanes(scale));
  return basis;
}

void find_directions(Workspace& work, int first, int end) {
  for (int slot = first; slot < end; slot += n_lanes) {
    const WideVec distance = square_root(load_wide(work.square, slot));
    const Vec inverse = Real(1) / narrow(distance);
    store_wide(work.distance, slot, distance);
    store(work.inverse_distance, slot, inverse);
    store(work.unit_x, slot, load(work.x, slot) * inverse);
    store(work.unit_y, slot, load(work.y, slot) * inverse);
    store(work.unit_z, slot, load(work.z, slot) * inverse);
  }
}

}  // namespace
}  // namespace NEPFORGE_KERNEL
}  // namespace nepforge
