// Neighbour sums of one atom. Compiled once for each instruction set, with NEPFORGE_KERNEL as the
// name of the namespace and vectors of moment_lanes doubles on each.
#include "moment_kernel.h"

#include "simd.h"

namespace nepforge {
namespace NEPFORGE_KERNEL {
namespace {

static_assert(n_lanes == moment_lanes);

/// Writes the lanes into one column of a table of rows.
NEP_HD void scatter(double* table, long stride, Vec values) {
  for (int lane = 0; lane < n_lanes; ++lane) table[lane * stride] = values[lane];
}

NEP_HD bool is_zero(const double* vector) {
  return vector[0] == 0.0 && vector[1] == 0.0 && vector[2] == 0.0;
}

/// f_c and df_c/dr: cutoff_function() with one more term in each series and products in another
/// order, which the bits of trained models depend on.
NEP_HD void trained_cutoff(Vec ratio, double cutoff, Vec& value, Vec& slope) {
  const Vec t = (0.5 * pi) * ratio - 0.25 * pi;
  const Vec square = t * t;
  const Vec sine_t = t + t * square * sine_series<8>(square);
  const Vec cosine_t = cosine_series<10>(square);
  const Vec cosine = (cosine_t - sine_t) * __builtin_sqrt(0.5);  // of pi r / (2 cutoff)
  const Vec sine = (cosine_t + sine_t) * __builtin_sqrt(0.5);
  value = cosine * cosine;
  slope = (-pi / cutoff) * sine * cosine;
}

/// f_k = (T_k(x) + 1) / 2 f_c and f_k' of every neighbour.
NEP_HD void find_functions(Shell& shell, double cutoff, long n_functions, long stride) {
  for (long row = 0; row < shell.count; row += n_lanes) {
    const Vec ratio = load(shell.r, row) / cutoff;
    Vec fc, fc_slope;
    trained_cutoff(ratio, cutoff, fc, fc_slope);
    const Vec half_chain = 0.5 * fc * (4.0 / cutoff) * (ratio - 1.0);  // f_c dx/dr / 2
    double* values = shell.value.from(row * stride).data();
    double* slopes = shell.slope.from(row * stride).data();
    chebyshev_and_second_kind(
        chebyshev_argument(ratio), n_functions, [&](int k, Vec first_kind, Vec second_kind) {
          const Vec half = 0.5 * (first_kind + 1.0);
          scatter(values + k, stride, half * fc);
          scatter(slopes + k, stride,
                  static_cast<double>(k) * second_kind * half_chain + half * fc_slope);
        });
  }
}

/// B_a of every neighbour and, if wanted, dB_a/dr_ij.
template <bool with_gradient>
NEP_HD void find_moment_functions(Shell& shell, long l_max, long stride) {
  for (long row = 0; row < shell.count; row += n_lanes) {
    const Vec x = load(shell.x, row), y = load(shell.y, row), z = load(shell.z, row);
    const Vec inverse = 1.0 / load(shell.r, row);
    double* values = shell.moments.from(row * stride).data();
    double* gradients = shell.gradient.from(3 * row * stride).data();
    moment_functions_and_gradients(l_max, x, y, z, [&](int a, Vec value, Vec gx, Vec gy, Vec gz) {
      scatter(values + a, stride, value);
      if constexpr (with_gradient) {
        const Vec along = x * gx + y * gy + z * gz;
        scatter(gradients + a, 3 * stride, (gx - along * x) * inverse);
        scatter(gradients + stride + a, 3 * stride, (gy - along * y) * inverse);
        scatter(gradients + 2 * stride + a, 3 * stride, (gz - along * z) * inverse);
      }
    });
  }
}

/// Two factors of sums over rows: left[row][a] and right[row][k].
struct Rows {
  const double* left;
  long left_stride;
  const double* right;
  long right_stride;
  long count;
};

/// out[k][a] += sum over rows of right[row][k] left[row][a] for n_k functions and n_v vectors of a,
/// kept in registers.
template <int n_v, int n_k>
NEP_HD void add_tile(const Rows& rows, long k, long v, double* out, long out_stride) {
  Vec sum[n_k][n_v];
  const double* left = rows.left + v * n_lanes;
  const double* right = rows.right + k;
  out += k * out_stride + v * n_lanes;
#pragma GCC unroll 8
  for (int i = 0; i < n_k; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < n_v; ++j) sum[i][j] = load(out + i * out_stride + j * n_lanes);
  for (long row = 0; row < rows.count; ++row) {
    Vec factors[n_v];
#pragma GCC unroll 4
    for (int j = 0; j < n_v; ++j) factors[j] = load(left + row * rows.left_stride + j * n_lanes);
#pragma GCC unroll 8
    for (int i = 0; i < n_k; ++i) {
      const double factor = right[row * rows.right_stride + i];
#pragma GCC unroll 4
      for (int j = 0; j < n_v; ++j) sum[i][j] += factor * factors[j];
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < n_k; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < n_v; ++j) store(out + i * out_stride + j * n_lanes, sum[i][j]);
}

template <int n_v>
NEP_HD void add_columns(const Rows& rows, long n_k, long v, double* out, long out_stride) {
  long k = 0;
  for (; k + 7 <= n_k; k += 7) add_tile<n_v, 7>(rows, k, v, out, out_stride);
  for (; k + 3 <= n_k; k += 3) add_tile<n_v, 3>(rows, k, v, out, out_stride);
  for (; k < n_k; ++k) add_tile<n_v, 1>(rows, k, v, out, out_stride);
}

/// out[k][a] += sum over rows of right[row][k] left[row][a].
NEP_HD void accumulate(const Rows& rows, long n_k, double* out, long out_stride) {
  const long n_vectors = out_stride / n_lanes;
  long v = 0;
  for (; v + 3 <= n_vectors; v += 3) add_columns<3>(rows, n_k, v, out, out_stride);
  for (; v < n_vectors; ++v) add_columns<1>(rows, n_k, v, out, out_stride);
}

/// Fills the shells of one atom and type; returns the angular one, which may be the radial one.
template <bool with_gradient>
NEP_HD Shell& find_shells(const nepforge_pairs& pairs, long atom, long type,
                          MomentWorkspace& work) {
  const long pair = pairs.type_idx[atom] * pairs.n_types + type;
  const double radial = pairs.radial_cutoffs[pair], angular = pairs.angular_cutoffs[pair];
  collect(pairs, atom, type, radial, work.radial);
  find_functions(work.radial, radial, pairs.radial_functions, work.radial_stride);
  const bool same = radial == angular && pairs.radial_functions == pairs.angular_functions;
  Shell& shell = same ? work.radial : work.angular;
  if (!same) {
    collect(pairs, atom, type, angular, shell);
    find_functions(shell, angular, pairs.angular_functions, work.k_stride);
  }
  find_moment_functions<with_gradient>(shell, pairs.l_max, work.a_stride);
  return shell;
}

NEP_HD void clear(double* numbers, long count) {
  for (long idx = 0; idx < count; ++idx) numbers[idx] = 0.0;
}

/// block[k][a] of one type -> result[a][type functions + k].
void store_angular(const nepforge_pairs& pairs, const MomentWorkspace& work, long type,
                   double* result) {
  const long width = pairs.n_types * pairs.angular_functions;
  for (long a = 0; a < work.n_moments; ++a)
    for (long k = 0; k < pairs.angular_functions; ++k)
      result[a * width + type * pairs.angular_functions + k] = work.block[k * work.a_stride + a];
}

/// The other way round; padding becomes zero.
void load_angular(const nepforge_pairs& pairs, const double* gradient, long type,
                  MomentWorkspace& work) {
  const long width = pairs.n_types * pairs.angular_functions;
  clear(work.block.data(), work.block.size());
  for (long a = 0; a < work.n_moments; ++a)
    for (long k = 0; k < pairs.angular_functions; ++k)
      work.block[k * work.a_stride + a] = gradient[a * width + type * pairs.angular_functions + k];
}

void moments_of_atom(const nepforge_pairs& pairs, long atom, MomentWorkspace& work, double* radial,
                     double* angular) {
  for (long type = 0; type < pairs.n_types; ++type) {
    const Shell& shell = find_shells<false>(pairs, atom, type, work);
    double* sums = radial + type * pairs.radial_functions;
    clear(sums, pairs.radial_functions);
    for (long row = 0; row < work.radial.count; ++row)
      for (long k = 0; k < pairs.radial_functions; ++k)
        sums[k] += work.radial.value[row * work.radial_stride + k];
    clear(work.block.data(), work.block.size());
    const Rows rows = {shell.moments.data(), work.a_stride, shell.value.data(), work.k_stride,
                       shell.count};
    accumulate(rows, pairs.angular_functions, work.block.data(), work.a_stride);
    store_angular(pairs, work, type, angular);
  }
}

NEP_HD double along_bond(const Shell& shell, long row, const double* ds) {
  return ds[0] * shell.x[row] + ds[1] * shell.y[row] + ds[2] * shell.z[row];
}

NEP_HD void add_radial_tangent(const MomentWorkspace& work, long n_functions, double* sums) {
  for (long row = 0; row < work.radial.count; ++row) {
    const double along = along_bond(work.radial, row, work.movement.place(3 * row, 3));
    if (along == 0.0) continue;
    for (long k = 0; k < n_functions; ++k)
      sums[k] += along * work.radial.slope[row * work.radial_stride + k];
  }
}

/// Rows (u . ds) B_a against f_k' and ds . dB_a/dr_ij against f_k, of the neighbours that move.
NEP_HD Rows find_tangent_rows(const Shell& shell, MomentWorkspace& work) {
  const long a_stride = work.a_stride, k_stride = work.k_stride;
  long count = 0;
  for (long row = 0; row < shell.count; ++row) {
    const double* ds = work.movement.place(3 * row, 3);
    if (is_zero(ds)) continue;
    const double along = along_bond(shell, row, ds);
    const double* moments = shell.moments.place(row * a_stride, a_stride);
    const double* gradient = shell.gradient.place(3 * row * a_stride, 3 * a_stride);
    double* first = work.left.place(count * a_stride, 2 * a_stride);
    double* second = first + a_stride;
    for (long a = 0; a < a_stride; ++a) {
      first[a] = along * moments[a];
      second[a] =
          ds[0] * gradient[a] + ds[1] * gradient[a_stride + a] + ds[2] * gradient[2 * a_stride + a];
    }
    double* right = work.right.place(count * k_stride, 2 * k_stride);
    for (long k = 0; k < k_stride; ++k) {
      right[k] = shell.slope[row * k_stride + k];
      right[k_stride + k] = shell.value[row * k_stride + k];
    }
    count += 2;
  }
  return {work.left.data(), a_stride, work.right.data(), k_stride, count};
}

/// Changes along one direction, for one type whose shells are filled.
NEP_HD void find_tangents(const nepforge_pairs& pairs, long atom, long type, const Shell& shell,
                          const Direction& along, MomentWorkspace& work, double* radial,
                          double* angular) {
  double* sums = radial + type * pairs.radial_functions;
  clear(sums, pairs.radial_functions);
  clear(work.block.data(), work.block.size());
  bool moves = find_movements(pairs, atom, work.radial, along, work);
  if (moves) add_radial_tangent(work, pairs.radial_functions, sums);
  if (&shell != &work.radial) moves = find_movements(pairs, atom, shell, along, work);
  if (moves) {
    accumulate(find_tangent_rows(shell, work), pairs.angular_functions, work.block.data(),
               work.a_stride);
  }
  store_angular(pairs, work, type, angular);
}

void tangents_of_atom(const nepforge_pairs& pairs, long atom, Span<const Direction> directions,
                      MomentWorkspace& work, double* radial, double* angular) {
  const long radial_width = pairs.n_types * pairs.radial_functions;
  const long angular_width = work.n_moments * pairs.n_types * pairs.angular_functions;
  for (long type = 0; type < pairs.n_types; ++type) {
    const Shell& shell = find_shells<true>(pairs, atom, type, work);
    for (std::size_t idx = 0; idx < directions.size(); ++idx) {
      const long place = static_cast<long>(idx) * pairs.n_atoms + atom;
      find_tangents(pairs, atom, type, shell, directions[idx], work, radial + place * radial_width,
                    angular + place * angular_width);
    }
  }
}

/// p_ij of the radial part of one type.
NEP_HD void add_radial_gradients(const Shell& shell, long stride, long n_functions,
                                 const double* gradient, double* pair_gradient) {
  for (long row = 0; row < shell.count; ++row) {
    double along = 0.0;
    for (long k = 0; k < n_functions; ++k) along += gradient[k] * shell.slope[row * stride + k];
    double* p = pair_gradient + 3 * shell.column[row];
    p[0] += along * shell.x[row];
    p[1] += along * shell.y[row];
    p[2] += along * shell.z[row];
  }
}

/// dU/dB_a = sum_k f_k G[k][a], and sum_k f_k' G[k][a], of one neighbour.
NEP_HD void contract_block(const Shell& shell, long row, long n_functions, MomentWorkspace& work) {
  const double* f = shell.value.place(row * work.k_stride, work.k_stride);
  const double* f_slope = shell.slope.place(row * work.k_stride, work.k_stride);
  for (long v = 0; v < work.a_stride; v += n_lanes) {
    Vec sum = {}, sum_slope = {};
    for (long k = 0; k < n_functions; ++k) {
      const Vec block = load(work.block, k * work.a_stride + v);
      sum += f[k] * block;
      sum_slope += f_slope[k] * block;
    }
    store(work.value, v, sum);
    store(work.slope, v, sum_slope);
  }
}

/// p_ij of the angular part of one type.
NEP_HD void add_angular_gradients(const Shell& shell, long n_functions, MomentWorkspace& work,
                                  double* pair_gradient) {
  const long a_stride = work.a_stride;
  for (long row = 0; row < shell.count; ++row) {
    contract_block(shell, row, n_functions, work);
    const double* moments = shell.moments.place(row * a_stride, a_stride);
    const double* gradient = shell.gradient.place(3 * row * a_stride, 3 * a_stride);
    Vec along = {}, x = {}, y = {}, z = {};
    for (long v = 0; v < a_stride; v += n_lanes) {
      const Vec value = load(work.value, v);
      along += load(work.slope, v) * load(moments + v);
      x += value * load(gradient + v);
      y += value * load(gradient + a_stride + v);
      z += value * load(gradient + 2 * a_stride + v);
    }
    const double slope = reduce_add(along);
    double* p = pair_gradient + 3 * shell.column[row];
    p[0] += reduce_add(x) + slope * shell.x[row];
    p[1] += reduce_add(y) + slope * shell.y[row];
    p[2] += reduce_add(z) + slope * shell.z[row];
  }
}

void pair_gradients_of_atom(const nepforge_pairs& pairs, long atom, MomentWorkspace& work,
                            const double* radial_gradient, const double* angular_gradient,
                            double* pair_gradient) {
  clear(pair_gradient, 3 * pairs.n_columns);
  for (long type = 0; type < pairs.n_types; ++type) {
    const Shell& shell = find_shells<true>(pairs, atom, type, work);
    add_radial_gradients(work.radial, work.radial_stride, pairs.radial_functions,
                         radial_gradient + type * pairs.radial_functions, pair_gradient);
    load_angular(pairs, angular_gradient, type, work);
    add_angular_gradients(shell, pairs.angular_functions, work, pair_gradient);
  }
}

}  // namespace

extern const MomentKernel kernel;
const MomentKernel kernel = {moments_of_atom, tangents_of_atom, pair_gradients_of_atom};

}  // namespace NEPFORGE_KERNEL
}  // namespace nepforge
