// The formulas of NEP (nepforge/formats/NEP_FORMAT.md), written once for every kind of number:
// scalars of the host and of CUDA threads, and SIMD vectors of the CPU kernels. (The trainer has a
// cutoff function of its own, for its bits.) No memory is allocated here.
#pragma once

#include <iterator>
#include <type_traits>

#include "inlined.h"

namespace nepforge {

constexpr double pi = 3.14159265358979323846;

/// What a number type must offer: `Scalar`, the type of its elements, and the two functions that
/// tanh_of() calls. Specialised for the SIMD vectors in simd.h and for scalars in scalar.h.
template <class V>
struct Lanes;

template <class V>
using ScalarOf = typename Lanes<V>::Scalar;

/// Calls body(std::integral_constant<int, i>) for i = first .. end-1: a loop whose index is a
/// constant, so that the tables that it indexes become numbers in the code.
template <int first, int end, class Body>
NEP_HD void unrolled(const Body& body) {
  if constexpr (first < end) {
    body(std::integral_constant<int, first>{});
    unrolled<first + 1, end>(body);
  }
}

/// sum_i terms[i] x^i over the first n_terms.
template <int n_terms, class V, int n>
NEP_HD V polynomial(V x, const ScalarOf<V> (&terms)[n]) {
  static_assert(n_terms >= 2 && n_terms <= n);
  V sum = x * terms[n_terms - 1] + terms[n_terms - 2];
  for (int idx = n_terms - 3; idx >= 0; --idx) sum = sum * x + terms[idx];
  return sum;
}

/// The first terms of the Taylor series of (sin(t) / t - 1) / t^2 in t^2.
template <int n_terms, class V>
NEP_HD V sine_series(V square) {
  using S = ScalarOf<V>;
  constexpr S terms[] = {S(-1.0 / 6),
                         S(1.0 / 120),
                         S(-1.0 / 5040),
                         S(1.0 / 362880),
                         S(-1.0 / 39916800),
                         S(1.0 / 6227020800.0),
                         S(-1.0 / 1307674368000.0),
                         S(1.0 / 355687428096000.0)};
  return polynomial<n_terms>(square, terms);
}

/// The first terms of the Taylor series of cos(t) in t^2.
template <int n_terms, class V>
NEP_HD V cosine_series(V square) {
  using S = ScalarOf<V>;
  constexpr S terms[] = {S(1.0),
                         S(-1.0 / 2),
                         S(1.0 / 24),
                         S(-1.0 / 720),
                         S(1.0 / 40320),
                         S(-1.0 / 3628800),
                         S(1.0 / 479001600.0),
                         S(-1.0 / 87178291200.0),
                         S(1.0 / 20922789888000.0),
                         S(-1.0 / 6402373705728000.0)};
  return polynomial<n_terms>(square, terms);
}

/// sin(t) and cos(t) for |t| <= pi/4: Taylor series, cut where the next term is below the
/// resolution of the scalar.
template <class V>
NEP_HD void sine_cosine(V t, V& sine, V& cosine) {
  constexpr bool is_double = sizeof(ScalarOf<V>) == sizeof(double);
  const V square = t * t;
  sine = sine_series<is_double ? 7 : 4>(square) * square * t + t;
  cosine = cosine_series<is_double ? 9 : 5>(square);
}

/// f_c(x) = (1 + cos(pi x)) / 2 = cos^2(pi x / 2) and its slope df_c/dx, for 0 <= x < 1.
///
/// With t = pi (x - 1/2) / 2, cos(pi x / 2) = (cos t - sin t) / sqrt 2.
template <class V>
NEP_HD void cutoff_function(V x, V& value, V& slope) {
  using S = ScalarOf<V>;
  V sine, cosine;
  sine_cosine<V>((x - S(0.5)) * S(pi / 2), sine, cosine);
  const V half_cosine = cosine - sine;  // sqrt 2 cos(pi x / 2)
  value = half_cosine * half_cosine * S(0.5);
  slope = half_cosine * (cosine + sine) * S(-pi / 2);
}

/// Where the Chebyshev polynomials are taken: x = 2 (r/cutoff - 1)^2 - 1 of a ratio r/cutoff.
template <class V>
NEP_HD V chebyshev_argument(V ratio) {
  return 2.0 * (ratio - 1.0) * (ratio - 1.0) - 1.0;
}

/// One member of a sequence with p_{k+1}(x) = 2 x p_k(x) - p_{k-1}(x).
template <class V>
struct ChebyshevMember {
  V value;  // p_k
  V lower;  // p_{k-1}

  NEP_HD_MEMBER void step(V twice_x) {
    const V next = twice_x * value - lower;
    lower = value;
    value = next;
  }
};

/// Chebyshev polynomials of the first kind: calls put(k, T_k(x)) for k = 0 .. n_basis-1.
template <class V, class Put>
NEP_HD void chebyshev(V x, int n_basis, const Put& put) {
  using S = ScalarOf<V>;
  ChebyshevMember<V> first = {x * S(0) + S(1), x};  // T_{-1} = T_1
  const V twice = x + x;
  for (int k = 0; k < n_basis; ++k, first.step(twice)) put(k, first.value);
}

/// The same with their derivatives dT_k/dx = k U_{k-1}: calls put(k, T_k(x), U_{k-1}(x)).
template <class V, class Put>
NEP_HD void chebyshev_and_second_kind(V x, int n_basis, const Put& put) {
  using S = ScalarOf<V>;
  const V zero = x - x;
  ChebyshevMember<V> first = {zero + S(1), x};
  ChebyshevMember<V> second = {zero, zero - S(1)};  // U_{-1}, U_{-2}
  const V twice = x + x;
  for (int k = 0; k < n_basis; ++k, first.step(twice), second.step(twice)) {
    put(k, first.value, second.value);
  }
}

/// tanh(x) from expm1: no cancellation at small x, a relative error of a few roundings.
template <class V>
NEP_HD V tanh_of(V x) {
  using S = ScalarOf<V>;
  constexpr bool is_double = sizeof(S) == sizeof(double);
  constexpr S log2_e = S(1.44269504088896340736);
  // ln 2 in two parts: k times the high one is exact.
  constexpr S ln2_high = is_double ? S(6.93147180369123816490e-01) : S(0.693359375);
  constexpr S ln2_low = is_double ? S(1.90821492927058770002e-10) : S(-2.12194440054690583e-4);
  constexpr S largest = is_double ? S(44.0) : S(20.0);  // tanh(22), tanh(10) round to 1
  const V clamped = Lanes<V>::clamp(x + x, -largest, largest);
  V power;  // k of exp(2x) = 2^k exp(remainder)
  const V two_to_power = Lanes<V>::power_of_two(clamped * log2_e, power);
  const V remainder = (clamped - power * ln2_high) - power * ln2_low;
  V series;  // (expm1(remainder) / remainder - 1) / remainder
  if constexpr (is_double) {
    constexpr S terms[] = {1.0 / 2,       1.0 / 6,        1.0 / 24,          1.0 / 120,
                           1.0 / 720,     1.0 / 5040,     1.0 / 40320,       1.0 / 362880,
                           1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600.0, 1.0 / 6227020800.0};
    series = polynomial<std::size(terms)>(remainder, terms);
  } else {
    constexpr S terms[] = {S(1.0 / 2),   S(1.0 / 6),   S(1.0 / 24),
                           S(1.0 / 120), S(1.0 / 720), S(1.0 / 5040)};
    series = polynomial<std::size(terms)>(remainder, terms);
  }
  const V expm1_remainder = series * remainder * remainder + remainder;
  const V expm1 = two_to_power * expm1_remainder + (two_to_power - S(1));
  return expm1 / (expm1 + S(2));
}

constexpr int max_moment_l = 8;

/// Number of moment functions B_a, a = (l, m) with l = 1..l_max.
constexpr int moment_count(int l_max) {
  return (l_max + 1) * (l_max + 1) - 1;
}

/// Flat index of B_{l,0}, or of the real member of (l, m); the imaginary one follows it.
constexpr int moment_index(int l, int m) {
  return l * l - 1 + (m == 0 ? 0 : 2 * m - 1);
}

/// Constants of the polynomials Z_lm(z) (the derivatives d^m P_l / dz^m, scaled as in GPUMD's
/// tables): Z_lm = rise[l][m] z Z_{l-1,m} - fall[l][m] Z_{l-2,m}, beginning with Z_mm = 1.
///
/// coefficients[l][m][k] is that of z^k: integers without a common divisor, from the differential
/// equation (1 - z^2) Z'' - 2 (m + 1) z Z' + (l - m)(l + m + 1) Z = 0.
///
/// weight[l][m] is what s_{l,m}^2 is multiplied by in q_l, so that by the addition theorem q_l of
/// two unit vectors is (2l + 1) / (4 pi) P_l of their cosine.
struct ZonalTable {
  double rise[max_moment_l + 1][max_moment_l + 1] = {};
  double fall[max_moment_l + 1][max_moment_l + 1] = {};
  double coefficients[max_moment_l + 1][max_moment_l + 1][max_moment_l + 1] = {};
  double weight[max_moment_l + 1][max_moment_l + 1] = {};
};

constexpr double factorial(int n) {
  return n < 2 ? 1.0 : n * factorial(n - 1);
}

/// Coefficient of z^(l-m) in d^m P_l / dz^m: (2l)! / (2^l l! (l-m)!).
constexpr double legendre_leading(int l, int m) {
  return factorial(2 * l) / ((1 << l) * factorial(l) * factorial(l - m));
}

constexpr ZonalTable make_zonal_table() {
  // Leading coefficient of Z_lm, row l, column m.
  constexpr double leading[max_moment_l + 1][max_moment_l + 1] = {
      {1},
      {1, 1},
      {3, 1, 1},
      {5, 5, 1, 1},
      {35, 7, 7, 1, 1},
      {63, 21, 3, 9, 1, 1},
      {231, 33, 33, 11, 11, 1, 1},
      {429, 429, 143, 143, 13, 13, 1, 1},
      {6435, 715, 143, 39, 65, 5, 15, 1, 1},
  };
  ZonalTable table;
  for (int l = 0; l <= max_moment_l; ++l) {
    for (int m = 0; m <= l; ++m) {
      const double scale = leading[l][m] / legendre_leading(l, m);
      const double norm =
          (2 * l + 1) / (4 * pi) * factorial(l - m) / factorial(l + m) / (scale * scale);
      table.weight[l][m] = m == 0 ? norm : 2 * norm;
      table.coefficients[l][m][l - m] = leading[l][m];
      for (int k = l - m; k >= 2; k -= 2) {
        table.coefficients[l][m][k - 2] =
            -table.coefficients[l][m][k] * k * (k - 1) / ((l - m - k + 2) * (l + m + k - 1));
      }
      if (l > m) table.rise[l][m] = leading[l][m] / leading[l - 1][m];
      if (l > m + 1) {
        const double lower_scale = leading[l - 2][m] / legendre_leading(l - 2, m);
        table.fall[l][m] = (l + m - 1.0) / (l - m) * scale / lower_scale;
      }
    }
  }
  return table;
}

constexpr ZonalTable zonal_table = make_zonal_table();

/// The loops over m and l >= m with both as constants, for the CPU: the tables become numbers in
/// the code.
template <int l_max>
struct UnrolledDegrees {
  template <class Body>
  NEP_HD_MEMBER void each_order(const Body& body) const {
    unrolled<0, l_max + 1>(body);
  }
  template <class Order, class Body>
  NEP_HD_MEMBER void each_degree(Order, const Body& body) const {
    unrolled<Order::value, l_max + 1>(body);
  }
  NEP_HD_MEMBER constexpr double rise(int l, int m) const { return zonal_table.rise[l][m]; }
  NEP_HD_MEMBER constexpr double fall(int l, int m) const { return zonal_table.fall[l][m]; }
};

/// The same as loops, for the GPU: little code, and one kernel for every l_max.
template <class Real>
struct LoopedDegrees {
  int l_max;
  Real rises[max_moment_l + 1][max_moment_l + 1];
  Real falls[max_moment_l + 1][max_moment_l + 1];

  template <class Body>
  NEP_HD_MEMBER void each_order(const Body& body) const {
    for (int m = 0; m <= l_max; ++m) body(m);
  }
  template <class Body>
  NEP_HD_MEMBER void each_degree(int m, const Body& body) const {
    for (int l = m; l <= l_max; ++l) body(l);
  }
  NEP_HD_MEMBER Real rise(int l, int m) const { return rises[l][m]; }
  NEP_HD_MEMBER Real fall(int l, int m) const { return falls[l][m]; }
};

/// Moment functions of a unit vector, B_{l,2m-1}, B_{l,2m} = Z_lm(z) Re, Im (x + i y)^m: calls
/// put(a, B_a) for every a.
template <class Degrees, class V, class Put>
NEP_HD void moment_functions(const Degrees& degrees, V x, V y, V z, const Put& put) {
  using S = ScalarOf<V>;
  V real = x * S(0) + S(1);
  V imaginary = x * S(0);
  degrees.each_order([&](auto order) {
    const int m = order;
    V lower = x * S(0);
    V zonal = lower + S(1);
    degrees.each_degree(order, [&](auto degree) {
      const int l = degree;
      if (l > m) {
        const V next = S(degrees.rise(l, m)) * z * zonal - S(degrees.fall(l, m)) * lower;
        lower = zonal;
        zonal = next;
      }
      if (l > 0) {
        put(moment_index(l, m), zonal * real);
        if (m > 0) put(moment_index(l, m) + 1, zonal * imaginary);
      }
    });
    const V next_real = real * x - imaginary * y;
    imaginary = real * y + imaginary * x;
    real = next_real;
  });
}

/// Moment functions and their gradients as polynomials in three variables: calls
/// put(a, B_a, dB_a/dx, dB_a/dy, dB_a/dz) for every a. The trainer's: Z_lm from its coefficients.
template <class V, class Put>
NEP_HD void moment_functions_and_gradients(int l_max, V x, V y, V z, const Put& put) {
  using S = ScalarOf<V>;
  const V zero = x - x;
  V real = zero + S(1), imaginary = zero;       // (x + iy)^m
  V lower_real = zero, lower_imaginary = zero;  // (x + iy)^(m-1)
  for (int m = 0; m <= l_max; ++m) {
    for (int l = m > 1 ? m : 1; l <= l_max; ++l) {
      const double* coefficients = zonal_table.coefficients[l][m];
      V value = zero + S(coefficients[l - m]), slope = zero;
      for (int k = l - m - 1; k >= 0; --k) {
        slope = slope * z + value;
        value = value * z + S(coefficients[k]);
      }
      if (m == 0) {
        put(moment_index(l, 0), value, zero, zero, slope);
        continue;
      }
      const V ring = S(m) * value;
      put(moment_index(l, m), value * real, ring * lower_real, -ring * lower_imaginary,
          slope * real);
      put(moment_index(l, m) + 1, value * imaginary, ring * lower_imaginary, ring * lower_real,
          slope * imaginary);
    }
    lower_real = real;
    lower_imaginary = imaginary;
    real = lower_real * x - lower_imaginary * y;
    imaginary = lower_real * y + lower_imaginary * x;
  }
}

/// Sums over all moment functions of a unit vector (x, y, z).
template <class V>
struct MomentGradient {
  V along;    // sum_a slope_a B_a
  V x, y, z;  // sum_a value_a dB_a/d(x, y, z), B_a taken as a polynomial in three variables
};

/// Contracts the moment functions and their gradients with two sets of numbers.
///
/// `contract(a, value, slope)` sets value_a = sum_n g_n dU/ds_na and slope_a = sum_n g_n' dU/ds_na.
template <class Degrees, class V, class Contract>
NEP_HD MomentGradient<V> moment_gradient(const Degrees& degrees, V x, V y, V z,
                                         const Contract& contract) {
  using S = ScalarOf<V>;
  const V zero = x * S(0);
  MomentGradient<V> total{zero, zero, zero, zero};
  V real = zero + S(1);
  V imaginary = zero;
  V lower_real = zero;  // Re, Im (x + i y)^(m-1)
  V lower_imaginary = zero;
  degrees.each_order([&](auto order) {
    const int m = order;
    // Sums over l of Z_lm or its derivative times the contracted numbers; _re and _im go with the
    // real and the imaginary function.
    V value_re = zero, value_im = zero;
    V derivative_re = zero, derivative_im = zero;
    V slope_re = zero, slope_im = zero;
    V lower = zero, zonal = zero + S(1);
    V lower_derivative = zero, derivative = zero;
    degrees.each_degree(order, [&](auto degree) {
      const int l = degree;
      if (l > m) {
        const S rise = S(degrees.rise(l, m)), fall = S(degrees.fall(l, m));
        const V next_derivative = rise * (z * derivative + zonal) - fall * lower_derivative;
        const V next = rise * z * zonal - fall * lower;
        lower_derivative = derivative;
        derivative = next_derivative;
        lower = zonal;
        zonal = next;
      }
      if (l > 0) {
        V value, slope;
        contract(moment_index(l, m), value, slope);
        value_re += zonal * value;
        derivative_re += derivative * value;
        slope_re += zonal * slope;
        if (m > 0) {
          contract(moment_index(l, m) + 1, value, slope);
          value_im += zonal * value;
          derivative_im += derivative * value;
          slope_im += zonal * slope;
        }
      }
    });
    total.along += slope_re * real + slope_im * imaginary;
    total.z += derivative_re * real + derivative_im * imaginary;
    if (m > 0) {
      total.x += S(m) * (value_re * lower_real + value_im * lower_imaginary);
      total.y += S(m) * (value_im * lower_real - value_re * lower_imaginary);
    }
    lower_real = real;
    lower_imaginary = imaginary;
    const V next_real = real * x - imaginary * y;
    imaginary = real * y + imaginary * x;
    real = next_real;
  });
  return total;
}

}  // namespace nepforge
