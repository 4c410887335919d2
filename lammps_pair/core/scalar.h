// The formulas of nep_math.h for single numbers: on the host, and for one thread of a GPU.
#pragma once

#include <cmath>

#include "nep_math.h"

namespace nepforge {

template <class Number>
struct ScalarLanes {
  using Scalar = Number;

  NEP_HD_MEMBER static Number clamp(Number value, Number low, Number high) {
    return value < low ? low : value > high ? high : value;
  }

  /// 2^k for k = `value` rounded to an integer; `rounded` is k.
  NEP_HD_MEMBER static Number power_of_two(Number value, Number& rounded) {
    rounded = rint(value);
    return exp2(rounded);
  }
};

template <>
struct Lanes<double> : ScalarLanes<double> {};
template <>
struct Lanes<float> : ScalarLanes<float> {};

}  // namespace nepforge
