#include "moments.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

// One body of code, compiled for several instruction sets and chosen when the library is loaded.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define NEPFORGE_CLONES \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define NEPFORGE_CLONES
#endif
#define NEPFORGE_INLINE inline __attribute__((always_inline))

namespace {

constexpr int LANES = 8;
typedef double Lanes __attribute__((vector_size(LANES * sizeof(double)), aligned(sizeof(double))));

constexpr double PI = 3.14159265358979323846;

NEPFORGE_INLINE void load(const double* from, Lanes& to) {
  to = *reinterpret_cast<const Lanes*>(from);
}

NEPFORGE_INLINE void store(const Lanes& from, double* to) {
  *reinterpret_cast<Lanes*>(to) = from;
}

long padded(long n) {
  return (n + LANES - 1) / LANES * LANES;
}

// sin(t) and cos(t) for |t| <= pi/4 by their Taylor series, whose next terms are below 1e-17.
NEPFORGE_INLINE void sine_cosine(const Lanes& t, Lanes& sine, Lanes& cosine) {
  const Lanes square = t * t;
  Lanes s = square * (1.0 / 355687428096000.0) - 1.0 / 1307674368000.0;
  s = s * square + 1.0 / 6227020800.0;
  s = s * square - 1.0 / 39916800.0;
  s = s * square + 1.0 / 362880.0;
  s = s * square - 1.0 / 5040.0;
  s = s * square + 1.0 / 120.0;
  s = s * square - 1.0 / 6.0;
  sine = t + t * square * s;
  Lanes c = square * (-1.0 / 6402373705728000.0) + 1.0 / 20922789888000.0;
  c = c * square - 1.0 / 87178291200.0;
  c = c * square + 1.0 / 479001600.0;
  c = c * square - 1.0 / 3628800.0;
  c = c * square + 1.0 / 40320.0;
  c = c * square - 1.0 / 720.0;
  c = c * square + 1.0 / 24.0;
  c = c * square - 0.5;
  cosine = 1.0 + square * c;
}

// Neighbours of one atom and type inside one cutoff, and everything known about them.
// Row-major tables: one row per neighbour, padded so that whole vectors can be read.
struct Shell {
  long count = 0;
  std::vector<double> x, y, z, r;    // unit vector and distance, padded to LANES
  std::vector<long> column;          // where in the padded list
  std::vector<double> value, slope;  // f_k, f_k'   [row][functions_stride]
  std::vector<double> harmonics;     // B_a         [row][a_stride]
  std::vector<double> gradient;      // dB_a/dr_ij  [row][3][a_stride]
};

struct Sizes {
  long functions_stride;
  long a_count;
  long a_stride;
};

Sizes sizes_for(long functions, long l_max) {
  const long a_count = (l_max + 1) * (l_max + 1) - 1;
  return {padded(functions), a_count, padded(a_count)};
}

void collect(const nepforge_pairs& pairs, long atom, long type, double cutoff, Shell& shell) {
  const long first = pairs.column_offsets[type], last = pairs.column_offsets[type + 1];
  const std::size_t room = static_cast<std::size_t>(padded(last - first));
  if (shell.r.size() < room) {
    for (auto* array : {&shell.x, &shell.y, &shell.z, &shell.r}) array->resize(room);
    shell.column.resize(room);
  }
  long n = 0;
  const double* vector = pairs.neighbor_vector + 3 * (atom * pairs.n_columns + first);
  for (long k = first; k < last; ++k, vector += 3) {
    const double square = vector[0] * vector[0] + vector[1] * vector[1] + vector[2] * vector[2];
    if (square >= cutoff * cutoff) continue;
    const double distance = std::sqrt(square);
    shell.x[n] = vector[0] / distance;
    shell.y[n] = vector[1] / distance;
    shell.z[n] = vector[2] / distance;
    shell.r[n] = distance;
    shell.column[n] = k;
    ++n;
  }
  shell.count = n;
  for (; n % LANES; ++n) {
    shell.x[n] = shell.y[n] = 0.0;
    shell.z[n] = 1.0;
    shell.r[n] = cutoff;
  }
}

NEPFORGE_INLINE void scatter(const Lanes& values, double* table, long stride) {
  for (int lane = 0; lane < LANES; ++lane) table[lane * stride] = values[lane];
}

// f_k and f_k' of every neighbour in the shell.
NEPFORGE_INLINE void radial_tables(Shell& shell, double cutoff, long functions, long stride) {
  const std::size_t room = static_cast<std::size_t>(padded(shell.count) * stride);
  if (shell.value.size() < room) {
    shell.value.resize(room);
    shell.slope.resize(room);
  }
  for (long j = 0; j < shell.count; j += LANES) {
    Lanes r, s, c;
    load(&shell.r[j], r);
    const Lanes scaled = r / cutoff;
    sine_cosine((0.5 * PI) * scaled - 0.25 * PI, s, c);
    // cos and sin of (pi/2) r/rc, so that f_c = cos^2 and f_c' = -(pi/rc) sin cos
    const Lanes cosine = (c - s) * std::sqrt(0.5);
    const Lanes sine = (c + s) * std::sqrt(0.5);
    const Lanes fc = cosine * cosine;
    const Lanes fc_slope = (-PI / cutoff) * sine * cosine;
    const Lanes x = 2.0 * (scaled - 1.0) * (scaled - 1.0) - 1.0;
    const Lanes half_chain = 0.5 * fc * (4.0 / cutoff) * (scaled - 1.0);
    double* value = &shell.value[j * stride];
    double* slope = &shell.slope[j * stride];
    scatter(fc, value, stride);
    scatter(fc_slope, slope, stride);
    Lanes below = x - x + 1.0, here = x;          // T_{k-1}, T_k
    Lanes u_below = x - x, u_here = x - x + 1.0;  // U_{k-2}, U_{k-1}
    for (long k = 1; k < functions; ++k) {
      const Lanes half = 0.5 * (here + 1.0);
      scatter(half * fc, value + k, stride);
      scatter(static_cast<double>(k) * u_here * half_chain + half * fc_slope, slope + k, stride);
      const Lanes next = 2.0 * x * here - below;
      const Lanes u_next = 2.0 * x * u_here - u_below;
      below = here;
      here = next;
      u_below = u_here;
      u_here = u_next;
    }
  }
}

// B_a and dB_a/dr_ij of every neighbour in the shell.
NEPFORGE_INLINE void harmonic_tables(Shell& shell, const double* z_coefficients, long l_max,
                                     long stride, bool with_gradient) {
  const std::size_t room = static_cast<std::size_t>(padded(shell.count) * stride);
  if (shell.harmonics.size() < room) {
    shell.harmonics.resize(room);
    shell.gradient.resize(3 * room);
  }
  for (long j = 0; j < shell.count; j += LANES) {
    Lanes x, y, z, r;
    load(&shell.x[j], x);
    load(&shell.y[j], y);
    load(&shell.z[j], z);
    load(&shell.r[j], r);
    const Lanes inverse = 1.0 / r;
    double* values = &shell.harmonics[j * stride];
    double* gradients = &shell.gradient[3 * j * stride];
    const auto put = [&](long a, const Lanes& value, const Lanes& gx, const Lanes& gy,
                         const Lanes& gz) __attribute__((always_inline)) {
      scatter(value, values + a, stride);
      if (!with_gradient) return;
      const Lanes along = x * gx + y * gy + z * gz;
      scatter((gx - along * x) * inverse, gradients + a, 3 * stride);
      scatter((gy - along * y) * inverse, gradients + stride + a, 3 * stride);
      scatter((gz - along * z) * inverse, gradients + 2 * stride + a, 3 * stride);
    };
    const Lanes zero = x - x;
    Lanes real = zero + 1.0, imaginary = zero;        // (x + iy)^m
    Lanes real_below = zero, imaginary_below = zero;  // (x + iy)^(m-1)
    for (long m = 0; m <= l_max; ++m) {
      for (long l = std::max(m, 1L); l <= l_max; ++l) {
        const double* coefficient = z_coefficients + (l * (l + 1) / 2 - 1 + m) * (l_max + 1);
        Lanes value = zero + coefficient[l - m], slope = zero;
        for (long power = l - m - 1; power >= 0; --power) {
          slope = slope * z + value;
          value = value * z + coefficient[power];
        }
        const long start = l * l - 1;
        if (m == 0) {
          put(start, value, zero, zero, slope);
          continue;
        }
        const Lanes ring = static_cast<double>(m) * value;
        put(start + 2 * m - 1, value * real, ring * real_below, -ring * imaginary_below,
            slope * real);
        put(start + 2 * m, value * imaginary, ring * imaginary_below, ring * real_below,
            slope * imaginary);
      }
      real_below = real;
      imaginary_below = imaginary;
      real = real_below * x - imaginary_below * y;
      imaginary = real_below * y + imaginary_below * x;
    }
  }
}

// out[k][v] += sum over rows of right[row][k] left[row][v], NK x NV vectors kept in registers.
template <int NV, int NK>
NEPFORGE_INLINE void tile(const double* left, long left_stride, const double* right,
                          long right_stride, long rows, double* out, long out_stride) {
  Lanes sum[NK][NV];
#pragma GCC unroll 8
  for (int k = 0; k < NK; ++k)
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) load(out + k * out_stride + v * LANES, sum[k][v]);
  for (long row = 0; row < rows; ++row) {
    Lanes l[NV];
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) load(left + row * left_stride + v * LANES, l[v]);
#pragma GCC unroll 8
    for (int k = 0; k < NK; ++k) {
      const double factor = right[row * right_stride + k];
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) sum[k][v] += factor * l[v];
    }
  }
#pragma GCC unroll 8
  for (int k = 0; k < NK; ++k)
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) store(sum[k][v], out + k * out_stride + v * LANES);
}

template <int NV>
NEPFORGE_INLINE void tile_columns(const double* left, long left_stride, const double* right,
                                  long right_stride, long rows, long n_k, double* out,
                                  long out_stride) {
  long k = 0;
  for (; k + 7 <= n_k; k += 7)
    tile<NV, 7>(left, left_stride, right + k, right_stride, rows, out + k * out_stride, out_stride);
  for (; k + 3 <= n_k; k += 3)
    tile<NV, 3>(left, left_stride, right + k, right_stride, rows, out + k * out_stride, out_stride);
  for (; k < n_k; ++k)
    tile<NV, 1>(left, left_stride, right + k, right_stride, rows, out + k * out_stride, out_stride);
}

// out[k][a] += sum over rows of right[row][k] left[row][a] for a padded number of a.
NEPFORGE_INLINE void accumulate(const double* left, long left_stride, const double* right,
                                long right_stride, long rows, long n_k, double* out,
                                long out_stride) {
  const long vectors = out_stride / LANES;
  long v = 0;
  for (; v + 3 <= vectors; v += 3)
    tile_columns<3>(left + v * LANES, left_stride, right, right_stride, rows, n_k, out + v * LANES,
                    out_stride);
  for (; v < vectors; ++v)
    tile_columns<1>(left + v * LANES, left_stride, right, right_stride, rows, n_k, out + v * LANES,
                    out_stride);
}

// Memory of one thread, kept from atom to atom.
struct Scratch {
  Shell radial, angular;
  std::vector<double> block;  // one [functions][a_stride] result
  std::vector<double> left, right;
  std::vector<double> movement;  // [row][3] ds of each neighbour
  std::vector<double> value, slope;
};

// The cutoffs of one atom with neighbours of one type.
struct Cutoffs {
  double radial, angular;
  bool same_shell;
};

Cutoffs cutoffs_of(const nepforge_pairs& pairs, long atom, long type) {
  const long pair = pairs.type_idx[atom] * pairs.n_types + type;
  const double radial = pairs.radial_cutoffs[pair], angular = pairs.angular_cutoffs[pair];
  return {radial, angular, radial == angular && pairs.radial_functions == pairs.angular_functions};
}

// Both shells of one atom and neighbour type; the angular one may simply be the radial one.
NEPFORGE_INLINE Shell& prepare(const nepforge_pairs& pairs, long atom, long type, Scratch& scratch,
                               bool with_gradient) {
  const Cutoffs cutoff = cutoffs_of(pairs, atom, type);
  collect(pairs, atom, type, cutoff.radial, scratch.radial);
  radial_tables(scratch.radial, cutoff.radial, pairs.radial_functions,
                padded(pairs.radial_functions));
  Shell& angular = cutoff.same_shell ? scratch.radial : scratch.angular;
  const Sizes sizes = sizes_for(pairs.angular_functions, pairs.l_max);
  if (!cutoff.same_shell) {
    collect(pairs, atom, type, cutoff.angular, angular);
    radial_tables(angular, cutoff.angular, pairs.angular_functions, sizes.functions_stride);
  }
  harmonic_tables(angular, pairs.z_coefficients, pairs.l_max, sizes.a_stride, with_gradient);
  return angular;
}

// Write block[k][a] of one type into result[a][type functions + k].
void store_angular(const nepforge_pairs& pairs, const Sizes& sizes, const double* block, long type,
                   double* result) {
  const long width = pairs.n_types * pairs.angular_functions;
  for (long a = 0; a < sizes.a_count; ++a)
    for (long k = 0; k < pairs.angular_functions; ++k)
      result[a * width + type * pairs.angular_functions + k] = block[k * sizes.a_stride + a];
}

NEPFORGE_CLONES
void moments_of_atom(const nepforge_pairs& pairs, long atom, Scratch& scratch, double* radial,
                     double* angular) {
  const Sizes sizes = sizes_for(pairs.angular_functions, pairs.l_max);
  for (long type = 0; type < pairs.n_types; ++type) {
    const Shell& shell = prepare(pairs, atom, type, scratch, false);
    const long stride = padded(pairs.radial_functions);
    double* sums = radial + type * pairs.radial_functions;
    std::fill_n(sums, pairs.radial_functions, 0.0);
    for (long j = 0; j < scratch.radial.count; ++j)
      for (long k = 0; k < pairs.radial_functions; ++k)
        sums[k] += scratch.radial.value[j * stride + k];
    scratch.block.assign(static_cast<std::size_t>(sizes.functions_stride * sizes.a_stride), 0.0);
    accumulate(shell.harmonics.data(), sizes.a_stride, shell.value.data(), sizes.functions_stride,
               shell.count, pairs.angular_functions, scratch.block.data(), sizes.a_stride);
    store_angular(pairs, sizes, scratch.block.data(), type, angular);
  }
}

// What moves: displacements of atoms and strain of the frame along one direction.
struct Direction {
  const double* displacements;  // [N, 3] or null
  const double* strain;         // [3, 3] or null
};

// ds of every neighbour of a shell; returns whether any of them moves.
bool movements(const nepforge_pairs& pairs, long atom, const Shell& shell, const Direction& along,
               std::vector<double>& movement) {
  bool any = false;
  movement.resize(static_cast<std::size_t>(3 * shell.count));
  for (long j = 0; j < shell.count; ++j) {
    double* ds = &movement[3 * j];
    ds[0] = ds[1] = ds[2] = 0.0;
    if (along.displacements) {
      const double* there =
          along.displacements + 3 * pairs.neighbor_idx[atom * pairs.n_columns + shell.column[j]];
      const double* here = along.displacements + 3 * atom;
      for (int c = 0; c < 3; ++c) ds[c] = there[c] - here[c];
    }
    if (along.strain) {
      const double r[3] = {shell.x[j] * shell.r[j], shell.y[j] * shell.r[j],
                           shell.z[j] * shell.r[j]};
      for (int c = 0; c < 3; ++c)
        ds[c] += r[0] * along.strain[c] + r[1] * along.strain[3 + c] + r[2] * along.strain[6 + c];
    }
    any = any || ds[0] != 0.0 || ds[1] != 0.0 || ds[2] != 0.0;
  }
  return any;
}

NEPFORGE_INLINE void radial_tangent(const Shell& shell, const std::vector<double>& movement,
                                    long functions, long stride, double* sums) {
  for (long j = 0; j < shell.count; ++j) {
    const double* ds = &movement[3 * j];
    const double along = ds[0] * shell.x[j] + ds[1] * shell.y[j] + ds[2] * shell.z[j];
    if (along == 0.0) continue;
    for (long k = 0; k < functions; ++k) sums[k] += along * shell.slope[j * stride + k];
  }
}

// Rows (u . ds) B against f', and dB . ds against f, of the neighbours that move.
NEPFORGE_INLINE long tangent_rows(const Shell& shell, const Sizes& sizes, Scratch& scratch) {
  const long a_stride = sizes.a_stride, k_stride = sizes.functions_stride;
  scratch.left.resize(static_cast<std::size_t>(2 * shell.count * a_stride));
  scratch.right.resize(static_cast<std::size_t>(2 * shell.count * k_stride));
  long rows = 0;
  for (long j = 0; j < shell.count; ++j) {
    const double* ds = &scratch.movement[3 * j];
    if (ds[0] == 0.0 && ds[1] == 0.0 && ds[2] == 0.0) continue;
    const double along = ds[0] * shell.x[j] + ds[1] * shell.y[j] + ds[2] * shell.z[j];
    const double* harmonics = &shell.harmonics[j * a_stride];
    const double* gradient = &shell.gradient[3 * j * a_stride];
    double* first = &scratch.left[rows * a_stride];
    double* second = first + a_stride;
    for (long a = 0; a < a_stride; ++a) {
      first[a] = along * harmonics[a];
      second[a] =
          ds[0] * gradient[a] + ds[1] * gradient[a_stride + a] + ds[2] * gradient[2 * a_stride + a];
    }
    double* right = &scratch.right[rows * k_stride];
    std::copy_n(&shell.slope[j * k_stride], k_stride, right);
    std::copy_n(&shell.value[j * k_stride], k_stride, right + k_stride);
    rows += 2;
  }
  return rows;
}

NEPFORGE_CLONES
void tangents_of_atom(const nepforge_pairs& pairs, long atom, const std::vector<Direction>& along,
                      Scratch& scratch, double* radial, double* angular) {
  const Sizes sizes = sizes_for(pairs.angular_functions, pairs.l_max);
  const long radial_width = pairs.n_types * pairs.radial_functions;
  const long angular_width = sizes.a_count * pairs.n_types * pairs.angular_functions;
  for (long type = 0; type < pairs.n_types; ++type) {
    const Shell& shell = prepare(pairs, atom, type, scratch, true);
    for (std::size_t d = 0; d < along.size(); ++d) {
      const long place = static_cast<long>(d) * pairs.n_atoms + atom;
      double* sums = radial + place * radial_width + type * pairs.radial_functions;
      std::fill_n(sums, pairs.radial_functions, 0.0);
      scratch.block.assign(static_cast<std::size_t>(sizes.functions_stride * sizes.a_stride), 0.0);
      bool moving = movements(pairs, atom, scratch.radial, along[d], scratch.movement);
      if (moving)
        radial_tangent(scratch.radial, scratch.movement, pairs.radial_functions,
                       padded(pairs.radial_functions), sums);
      if (&shell != &scratch.radial)
        moving = movements(pairs, atom, shell, along[d], scratch.movement);
      if (moving) {
        const long rows = tangent_rows(shell, sizes, scratch);
        accumulate(scratch.left.data(), sizes.a_stride, scratch.right.data(),
                   sizes.functions_stride, rows, pairs.angular_functions, scratch.block.data(),
                   sizes.a_stride);
      }
      store_angular(pairs, sizes, scratch.block.data(), type, angular + place * angular_width);
    }
  }
}

// gradient[a][type functions + k] -> block[k][a], padding zero.
void load_angular(const nepforge_pairs& pairs, const Sizes& sizes, const double* gradient,
                  long type, std::vector<double>& block) {
  const long width = pairs.n_types * pairs.angular_functions;
  block.assign(static_cast<std::size_t>(sizes.functions_stride * sizes.a_stride), 0.0);
  for (long a = 0; a < sizes.a_count; ++a)
    for (long k = 0; k < pairs.angular_functions; ++k)
      block[k * sizes.a_stride + a] = gradient[a * width + type * pairs.angular_functions + k];
}

// dU/dB_a = sum_k f_k G[k][a] and its radial counterpart with f_k', row by row.
NEPFORGE_INLINE void angular_pair_gradients(const Shell& shell, const Sizes& sizes, long functions,
                                            Scratch& scratch, double* pair_gradient) {
  const long a_stride = sizes.a_stride;
  scratch.value.resize(static_cast<std::size_t>(a_stride));
  scratch.slope.resize(static_cast<std::size_t>(a_stride));
  double *value = scratch.value.data(), *slope = scratch.slope.data();
  for (long j = 0; j < shell.count; ++j) {
    const double* f = &shell.value[j * sizes.functions_stride];
    const double* f_slope = &shell.slope[j * sizes.functions_stride];
    for (long v = 0; v < a_stride; v += LANES) {
      Lanes sum = {}, sum_slope = {};
      for (long k = 0; k < functions; ++k) {
        Lanes block;
        load(&scratch.block[k * a_stride + v], block);
        sum += f[k] * block;
        sum_slope += f_slope[k] * block;
      }
      store(sum, value + v);
      store(sum_slope, slope + v);
    }
    const double* harmonics = &shell.harmonics[j * a_stride];
    const double* gradient = &shell.gradient[3 * j * a_stride];
    Lanes along = {}, px = {}, py = {}, pz = {};
    for (long v = 0; v < a_stride; v += LANES) {
      Lanes b, gx, gy, gz, h, h_slope;
      load(harmonics + v, b);
      load(gradient + v, gx);
      load(gradient + a_stride + v, gy);
      load(gradient + 2 * a_stride + v, gz);
      load(value + v, h);
      load(slope + v, h_slope);
      along += h_slope * b;
      px += h * gx;
      py += h * gy;
      pz += h * gz;
    }
    double total[4] = {0.0, 0.0, 0.0, 0.0};
    for (int lane = 0; lane < LANES; ++lane) {
      total[0] += px[lane];
      total[1] += py[lane];
      total[2] += pz[lane];
      total[3] += along[lane];
    }
    double* p = pair_gradient + 3 * shell.column[j];
    p[0] += total[0] + total[3] * shell.x[j];
    p[1] += total[1] + total[3] * shell.y[j];
    p[2] += total[2] + total[3] * shell.z[j];
  }
}

// p_ij = dU_i/dr_ij of one atom's pairs, [K, 3].
NEPFORGE_CLONES
void pair_gradients_of_atom(const nepforge_pairs& pairs, long atom, Scratch& scratch,
                            const double* radial_gradient, const double* angular_gradient,
                            double* pair_gradient) {
  const Sizes sizes = sizes_for(pairs.angular_functions, pairs.l_max);
  std::fill_n(pair_gradient, 3 * pairs.n_columns, 0.0);
  for (long type = 0; type < pairs.n_types; ++type) {
    const Shell& shell = prepare(pairs, atom, type, scratch, true);
    const double* radial = radial_gradient + type * pairs.radial_functions;
    const long stride = padded(pairs.radial_functions);
    for (long j = 0; j < scratch.radial.count; ++j) {
      double along = 0.0;
      for (long k = 0; k < pairs.radial_functions; ++k)
        along += radial[k] * scratch.radial.slope[j * stride + k];
      double* p = pair_gradient + 3 * scratch.radial.column[j];
      p[0] += along * scratch.radial.x[j];
      p[1] += along * scratch.radial.y[j];
      p[2] += along * scratch.radial.z[j];
    }
    load_angular(pairs, sizes, angular_gradient, type, scratch.block);
    angular_pair_gradients(shell, sizes, pairs.angular_functions, scratch, pair_gradient);
  }
}

}  // namespace

void nepforge_moments(const nepforge_pairs* pairs, double* radial, double* angular) {
  const long radial_width = pairs->n_types * pairs->radial_functions;
  const long a_count = (pairs->l_max + 1) * (pairs->l_max + 1) - 1;
  const long angular_width = a_count * pairs->n_types * pairs->angular_functions;
#pragma omp parallel num_threads(static_cast<int>(pairs->n_threads))
  {
    Scratch scratch;
#pragma omp for schedule(static)
    for (long atom = 0; atom < pairs->n_atoms; ++atom)
      moments_of_atom(*pairs, atom, scratch, radial + atom * radial_width,
                      angular + atom * angular_width);
  }
}

void nepforge_moment_tangents(const nepforge_pairs* pairs, std::int64_t n_directions,
                              const double* displacements, const double* strains,
                              std::int64_t n_frames, const std::int64_t* frame_idx, double* radial,
                              double* angular) {
#pragma omp parallel num_threads(static_cast<int>(pairs->n_threads))
  {
    Scratch scratch;
    std::vector<Direction> along(static_cast<std::size_t>(n_directions));
#pragma omp for schedule(static)
    for (long atom = 0; atom < pairs->n_atoms; ++atom) {
      for (long d = 0; d < n_directions; ++d) {
        along[d].displacements = displacements ? displacements + 3 * d * pairs->n_atoms : nullptr;
        along[d].strain = strains ? strains + 9 * (d * n_frames + frame_idx[atom]) : nullptr;
      }
      tangents_of_atom(*pairs, atom, along, scratch, radial, angular);
    }
  }
}

void nepforge_moment_forces(const nepforge_pairs* pairs, const double* radial_gradient,
                            const double* angular_gradient, double* forces, double* virials) {
  const long radial_width = pairs->n_types * pairs->radial_functions;
  const long a_count = (pairs->l_max + 1) * (pairs->l_max + 1) - 1;
  const long angular_width = a_count * pairs->n_types * pairs->angular_functions;
  std::vector<double> gradients(static_cast<std::size_t>(3 * pairs->n_atoms * pairs->n_columns));
#pragma omp parallel num_threads(static_cast<int>(pairs->n_threads))
  {
    Scratch scratch;
#pragma omp for schedule(static)
    for (long atom = 0; atom < pairs->n_atoms; ++atom)
      pair_gradients_of_atom(*pairs, atom, scratch, radial_gradient + atom * radial_width,
                             angular_gradient + atom * angular_width,
                             gradients.data() + 3 * atom * pairs->n_columns);
  }
  // One thread adds up, always in the same order.
  std::fill_n(forces, 3 * pairs->n_atoms, 0.0);
  std::fill_n(virials, 9 * pairs->n_atoms, 0.0);
  for (long atom = 0; atom < pairs->n_atoms; ++atom)
    for (long k = 0; k < pairs->n_columns; ++k) {
      const long pair = atom * pairs->n_columns + k;
      const double* p = &gradients[3 * pair];
      const double* r = pairs->neighbor_vector + 3 * pair;
      double* there = forces + 3 * pairs->neighbor_idx[pair];
      for (int c = 0; c < 3; ++c) {
        forces[3 * atom + c] += p[c];
        there[c] -= p[c];
      }
      for (int b = 0; b < 3; ++b)
        for (int c = 0; c < 3; ++c) virials[9 * atom + 3 * b + c] -= r[b] * p[c];
    }
}
