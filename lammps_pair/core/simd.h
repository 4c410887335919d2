// A vector of numbers, as wide as the instruction set that this file is compiled for unless
// NEPFORGE_VECTOR_BYTES says it. Used only by nep_kernel.cpp and moment_kernel.cpp, which are
// compiled once for each instruction set: everything here must be inlined, so that no AVX code can
// be linked in place of a baseline function of the same name.
#pragma once

#include <cstdint>

#include "buffer.h"
#include "nep_math.h"

namespace nepforge {

#ifdef NEPFORGE_VECTOR_BYTES
constexpr int vector_bytes = NEPFORGE_VECTOR_BYTES;
#elif defined(__AVX512F__) && defined(__AVX512DQ__)
constexpr int vector_bytes = 64;
#elif defined(__AVX2__)
constexpr int vector_bytes = 32;
#else
constexpr int vector_bytes = 16;
#endif

using Real = NEPFORGE_REAL;
constexpr int n_lanes = vector_bytes / sizeof(Real);

template <class Number>
struct BitsOf;
template <>
struct BitsOf<double> {
  using Type = std::int64_t;
  static constexpr int exponent_shift = 52;
  static constexpr Type exponent_bias = 1023;
  static constexpr double magic = 6755399441055744.0;  // 1.5 2^52
};
template <>
struct BitsOf<float> {
  using Type = std::int32_t;
  static constexpr int exponent_shift = 23;
  static constexpr Type exponent_bias = 127;
  static constexpr float magic = 12582912.0F;  // 1.5 2^23
};

typedef Real Vec __attribute__((vector_size(vector_bytes)));
typedef BitsOf<Real>::Type IntVec __attribute__((vector_size(vector_bytes)));

NEP_HD Vec load(const Real* from) {
  Vec value;
  __builtin_memcpy(&value, from, sizeof(Vec));
  return value;
}

NEP_HD void store(Real* to, Vec value) {
  __builtin_memcpy(to, &value, sizeof(Vec));
}

/// The vector that begins at an item of an array.
NEP_HD Vec load(Span<const Real> from, std::size_t first) {
  return load(from.place(first, n_lanes));
}

NEP_HD void store(Span<Real> to, std::size_t first, Vec value) {
  store(to.place(first, n_lanes), value);
}

NEP_HD Vec broadcast(Real value) {
  return value - Vec{};
}

/// The same number of doubles: of distances, in which an error is amplified most.
typedef double WideVec __attribute__((vector_size(n_lanes * sizeof(double))));

NEP_HD WideVec load_wide(const double* from) {
  WideVec value;
  __builtin_memcpy(&value, from, sizeof(WideVec));
  return value;
}

NEP_HD void store_wide(double* to, WideVec value) {
  __builtin_memcpy(to, &value, sizeof(WideVec));
}

NEP_HD WideVec load_wide(Span<const double> from, std::size_t first) {
  return load_wide(from.place(first, n_lanes));
}

NEP_HD void store_wide(Span<double> to, std::size_t first, WideVec value) {
  store_wide(to.place(first, n_lanes), value);
}

NEP_HD Vec narrow(WideVec value) {
  return __builtin_convertvector(value, Vec);
}

NEP_HD WideVec square_root(WideVec value) {
  double lanes[n_lanes];
  store_wide(lanes, value);
  for (double& lane : lanes) lane = __builtin_sqrt(lane);
  return load_wide(lanes);
}

/// Neighbouring lanes of two vectors added up: first[0] + first[1], first[2] + first[3], ...,
/// second[0] + second[1], ...
NEP_HD Vec add_neighbors(Vec first, Vec second) {
  IntVec even, odd;
  for (int lane = 0; lane < n_lanes; ++lane) {
    even[lane] = 2 * lane;
    odd[lane] = 2 * lane + 1;
  }
  return __builtin_shuffle(first, second, even) + __builtin_shuffle(first, second, odd);
}

/// The sums over the lanes of n_lanes vectors: lane i is the sum of rows[i].
NEP_HD Vec reduce_rows(Vec (&rows)[n_lanes]) {
  for (int left = n_lanes / 2; left > 0; left /= 2) {
    for (int idx = 0; idx < left; ++idx)
      rows[idx] = add_neighbors(rows[2 * idx], rows[2 * idx + 1]);
  }
  return rows[0];
}

/// Exchanges rows and columns of n_lanes vectors.
NEP_HD void transpose(Vec (&rows)[n_lanes]) {
  IntVec low, high;  // first halves of two vectors, lane by lane in turn; second halves
  for (int lane = 0; lane < n_lanes; ++lane) {
    low[lane] = lane / 2 + lane % 2 * n_lanes;
    high[lane] = low[lane] + n_lanes / 2;
  }
  for (int step = 1; step < n_lanes; step *= 2) {
    Vec next[n_lanes];
    for (int idx = 0; idx < n_lanes / 2; ++idx) {
      next[2 * idx] = __builtin_shuffle(rows[idx], rows[idx + n_lanes / 2], low);
      next[2 * idx + 1] = __builtin_shuffle(rows[idx], rows[idx + n_lanes / 2], high);
    }
    for (int idx = 0; idx < n_lanes; ++idx) rows[idx] = next[idx];
  }
}

/// Sum over the lanes.
NEP_HD Real reduce_add(Vec value) {
  Real sum = value[0];
  for (int lane = 1; lane < n_lanes; ++lane) sum += value[lane];
  return sum;
}

template <>
struct Lanes<Vec> {
  using Scalar = Real;

  NEP_HD_MEMBER static Vec clamp(Vec value, Real low, Real high) {
    value = value < low ? broadcast(low) : value;
    return value > high ? broadcast(high) : value;
  }

  /// 2^k for k = `value` rounded to an integer, |k| below 2^6 or 2^9; `rounded` is k.
  NEP_HD_MEMBER static Vec power_of_two(Vec value, Vec& rounded) {
    // Adding the magic number leaves k in the low bits of the sum; shifted, they are the exponent
    // field.
    using Bits = BitsOf<Real>;
    const Vec shifted = value + Bits::magic;
    rounded = shifted - Bits::magic;
    return (Vec)(((IntVec)shifted << Bits::exponent_shift) +
                 (Bits::exponent_bias << Bits::exponent_shift));
  }
};

}  // namespace nepforge
