// A vector of doubles as wide as the instruction set that this file is compiled for. Used only by
// nep_kernel.cpp, which is compiled once for each instruction set: everything here must be inlined,
// so that no AVX code can be linked in place of a baseline function of the same name.
#pragma once

#include <cstdint>

#include "nep_math.h"

namespace nepforge {

#if defined(__AVX512F__) && defined(__AVX512DQ__)
constexpr int n_lanes = 8;
#elif defined(__AVX2__)
constexpr int n_lanes = 4;
#else
constexpr int n_lanes = 2;
#endif

typedef double Vec __attribute__((vector_size(n_lanes * sizeof(double))));
typedef std::int64_t IntVec __attribute__((vector_size(n_lanes * sizeof(std::int64_t))));

NEP_HD Vec load(const double* from) {
  Vec value;
  __builtin_memcpy(&value, from, sizeof(Vec));
  return value;
}

NEP_HD void store(double* to, Vec value) {
  __builtin_memcpy(to, &value, sizeof(Vec));
}

NEP_HD Vec broadcast(double value) {
  return value - Vec{};
}

NEP_HD Vec square_root(Vec value) {
  double lanes[n_lanes];
  store(lanes, value);
  for (double& lane : lanes) lane = __builtin_sqrt(lane);
  return load(lanes);
}

template <int n>
struct VectorOf {
  typedef double Type __attribute__((vector_size(n * sizeof(double))));
};

/// Sum over the lanes, by halves.
template <int n>
NEP_HD double reduce_add(typename VectorOf<n>::Type value) {
  if constexpr (n == 2) {
    return value[0] + value[1];
  } else {
    typename VectorOf<n / 2>::Type low, high;
    __builtin_memcpy(&low, &value, sizeof(low));
    __builtin_memcpy(&high, reinterpret_cast<const char*>(&value) + sizeof(low), sizeof(high));
    return reduce_add<n / 2>(low + high);
  }
}

template <>
struct Lanes<Vec> {
  NEP_HD Vec clamp(Vec value, double low, double high) {
    value = value < low ? broadcast(low) : value;
    return value > high ? broadcast(high) : value;
  }

  /// 2^k for k = `value` rounded to an integer, |k| < 1000; `rounded` is k.
  NEP_HD Vec power_of_two(Vec value, Vec& rounded) {
    // Adding 1.5 2^52 leaves k in the low bits of the sum; shifted, they are the exponent field.
    constexpr double magic = 6755399441055744.0;
    const Vec shifted = value + magic;
    rounded = shifted - magic;
    return (Vec)(((IntVec)shifted << 52) + (std::int64_t{1023} << 52));
  }
};

}  // namespace nepforge
