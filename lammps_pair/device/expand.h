// The functions g_n(r) of one neighbour, a block at a time.
#pragma once

#include "../core/scalar.h"
#include "arrays.h"
#include "team_memory.h"

namespace nepforge {
namespace device {

/// What a GPU reads in one load.
template <class Real>
struct alignas(array_alignment) Wide {
  Real items[array_alignment / sizeof(Real)];
};

template <class Real>
NEP_HD void load(const Real* from, Real (&to)[block]) {
  constexpr int width = array_alignment / sizeof(Real);
  for (int first = 0; first < block; first += width) {
    const Wide<Real> wide = *reinterpret_cast<const Wide<Real>*>(from + first);
    for (int idx = 0; idx < width; ++idx) to[first + idx] = wide.items[idx];
  }
}

template <class Real>
NEP_HD void store(const Real (&from)[block], Real* to) {
  constexpr int width = array_alignment / sizeof(Real);
  for (int first = 0; first < block; first += width) {
    Wide<Real> wide;
    for (int idx = 0; idx < width; ++idx) wide.items[idx] = from[first + idx];
    *reinterpret_cast<Wide<Real>*>(to + first) = wide;
  }
}

/// x, and f_c, df_c/dr and f_c dx/dr, which are 0 beyond the cutoff.
template <class Real>
struct Basis {
  Real argument, value, slope, argument_slope;

  NEP_HD_MEMBER Basis(Real x, Real distance, Real inverse_cutoff)
      : argument(x), value(0), slope(0) {
    const Real ratio = distance * inverse_cutoff;
    if (!(ratio >= 1)) {  // let NaN through
      cutoff_function(ratio, value, slope);
      slope *= inverse_cutoff;
    }
    argument_slope = value * (ratio - 1) * 4 * inverse_cutoff;
  }
};

/// g_n of the functions first .. first + block.
template <class Real>
NEP_HD void find_values(const ExpansionArrays<Real>& part, int pair, const Basis<Real>& basis,
                        int first, Real (&values)[block]) {
  const Real* rows =
      part.rows + static_cast<std::size_t>(pair) * part.n_basis * 2 * part.stride + first;
  for (int n = 0; n < block; ++n) values[n] = 0;
  chebyshev(basis.argument, part.n_basis, [&](int k, Real polynomial) {
    Real row[block];
    load(rows + 2 * k * part.stride, row);
    for (int n = 0; n < block; ++n) values[n] += row[n] * polynomial;
  });
  for (int n = 0; n < block; ++n) values[n] *= basis.value;
}

/// g_n and dg_n/dr of the functions first .. first + block.
template <class Real>
NEP_HD void find_values_and_slopes(const ExpansionArrays<Real>& part, int pair,
                                   const Basis<Real>& basis, int first, Real (&values)[block],
                                   Real (&slopes)[block]) {
  const Real* rows =
      part.rows + static_cast<std::size_t>(pair) * part.n_basis * 2 * part.stride + first;
  for (int n = 0; n < block; ++n) values[n] = slopes[n] = 0;
  chebyshev(basis.argument, part.n_basis, [&](int k, Real polynomial) {
    Real row[block];
    load(rows + 2 * k * part.stride, row);
    for (int n = 0; n < block; ++n) values[n] += row[n] * polynomial;
    load(rows + (2 * k + 1) * part.stride, row);
    for (int n = 0; n < block; ++n) slopes[n] += row[n] * polynomial;
  });
  for (int n = 0; n < block; ++n) {
    slopes[n] = basis.slope * values[n] + basis.argument_slope * slopes[n];
    values[n] *= basis.value;
  }
}

}  // namespace device
}  // namespace nepforge
