// Memory and neighbours of the trainer's kernels. Compiled without AVX: fused multiplications would
// change the bits of distances.
#include <algorithm>
#include <cmath>

#include "moment_kernel.h"

namespace nepforge {
namespace {

long in_vectors(long count) {
  return (count + moment_lanes - 1) / moment_lanes * moment_lanes;
}

/// The longest neighbour list of one type, padding included.
long longest_list(const nepforge_pairs& pairs) {
  long longest = 0;
  for (long type = 0; type < pairs.n_types; ++type) {
    longest = std::max<long>(longest, pairs.column_offsets[type + 1] - pairs.column_offsets[type]);
  }
  return longest;
}

}  // namespace

Shell::Shell(long n_rows, long k_stride, long a_stride)
    : x(n_rows),
      y(n_rows),
      z(n_rows),
      r(n_rows),
      column(n_rows),
      value(n_rows * k_stride),
      slope(n_rows * k_stride),
      moments(n_rows * a_stride),
      gradient(3 * n_rows * a_stride) {}

MomentWorkspace::MomentWorkspace(const nepforge_pairs& pairs)
    : MomentWorkspace(pairs, in_vectors(longest_list(pairs))) {}

MomentWorkspace::MomentWorkspace(const nepforge_pairs& pairs, long n_rows)
    : radial_stride(in_vectors(pairs.radial_functions)),
      k_stride(in_vectors(pairs.angular_functions)),
      n_moments((pairs.l_max + 1) * (pairs.l_max + 1) - 1),
      a_stride(in_vectors(n_moments)),
      radial(n_rows, radial_stride, a_stride),
      angular(n_rows, k_stride, a_stride),
      block(k_stride * a_stride),
      left(2 * n_rows * a_stride),
      right(2 * n_rows * k_stride),
      movement(3 * n_rows),
      value(a_stride),
      slope(a_stride) {}

void collect(const nepforge_pairs& pairs, long atom, long type, double cutoff, Shell& shell) {
  const long first = pairs.column_offsets[type], end = pairs.column_offsets[type + 1];
  const double* vector = pairs.neighbor_vector + 3 * (atom * pairs.n_columns + first);
  long n = 0;
  for (long column = first; column < end; ++column, vector += 3) {
    const double square = vector[0] * vector[0] + vector[1] * vector[1] + vector[2] * vector[2];
    if (square >= cutoff * cutoff) continue;
    const double distance = std::sqrt(square);
    shell.x[n] = vector[0] / distance;
    shell.y[n] = vector[1] / distance;
    shell.z[n] = vector[2] / distance;
    shell.r[n] = distance;
    shell.column[n] = column;
    ++n;
  }
  shell.count = n;
  for (; n % moment_lanes; ++n) {
    shell.x[n] = shell.y[n] = 0.0;
    shell.z[n] = 1.0;
    shell.r[n] = cutoff;
  }
}

bool find_movements(const nepforge_pairs& pairs, long atom, const Shell& shell,
                    const Direction& along, MomentWorkspace& work) {
  bool any = false;
  for (long row = 0; row < shell.count; ++row) {
    double* ds = work.movement.place(3 * row, 3);
    ds[0] = ds[1] = ds[2] = 0.0;
    if (along.displacements) {
      const long other = pairs.neighbor_idx[atom * pairs.n_columns + shell.column[row]];
      const double* there = along.displacements + 3 * other;
      const double* here = along.displacements + 3 * atom;
      for (int c = 0; c < 3; ++c) ds[c] = there[c] - here[c];
    }
    if (along.strain) {
      const double r[3] = {shell.x[row] * shell.r[row], shell.y[row] * shell.r[row],
                           shell.z[row] * shell.r[row]};
      for (int c = 0; c < 3; ++c)
        ds[c] += r[0] * along.strain[c] + r[1] * along.strain[3 + c] + r[2] * along.strain[6 + c];
    }
    any = any || ds[0] != 0.0 || ds[1] != 0.0 || ds[2] != 0.0;
  }
  return any;
}

}  // namespace nepforge
