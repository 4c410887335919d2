#include "moments.h"

#include <algorithm>
#include <vector>

#include "instruction_sets.h"
#include "moment_kernel.h"

namespace nepforge {
namespace {

long moments_of(const nepforge_pairs& pairs) {
  return (pairs.l_max + 1) * (pairs.l_max + 1) - 1;
}

/// Numbers of one atom in the arrays of moments.h.
long radial_width(const nepforge_pairs& pairs) {
  return pairs.n_types * pairs.radial_functions;
}

long angular_width(const nepforge_pairs& pairs) {
  return moments_of(pairs) * pairs.n_types * pairs.angular_functions;
}

const MomentKernel& fastest_kernel() {
#ifdef NEPFORGE_X86
  if (has_avx512()) return avx512_moments::kernel;
  if (has_avx2()) return avx2_moments::kernel;
#endif
  return baseline_moments::kernel;
}

/// Calls body(atom, work) for every atom, with memory of each thread's own.
template <class Body>
void for_each_atom(const nepforge_pairs& pairs, const Body& body) {
#pragma omp parallel num_threads(static_cast<int>(pairs.n_threads))
  {
    MomentWorkspace work(pairs);
#pragma omp for schedule(static)
    for (long atom = 0; atom < pairs.n_atoms; ++atom) body(atom, work);
  }
}

/// Forces and virials from p_ij [N, K, 3], added up by one thread, always in the same order.
void add_forces(const nepforge_pairs& pairs, const std::vector<double>& pair_gradients,
                double* forces, double* virials) {
  std::fill_n(forces, 3 * pairs.n_atoms, 0.0);
  std::fill_n(virials, 9 * pairs.n_atoms, 0.0);
  for (long atom = 0; atom < pairs.n_atoms; ++atom) {
    for (long column = 0; column < pairs.n_columns; ++column) {
      const long pair = atom * pairs.n_columns + column;
      const double* p = &pair_gradients[3 * pair];
      const double* r = pairs.neighbor_vector + 3 * pair;
      double* there = forces + 3 * pairs.neighbor_idx[pair];
      for (int c = 0; c < 3; ++c) {
        forces[3 * atom + c] += p[c];
        there[c] -= p[c];
      }
      for (int b = 0; b < 3; ++b)
        for (int c = 0; c < 3; ++c) virials[9 * atom + 3 * b + c] -= r[b] * p[c];
    }
  }
}

}  // namespace

}  // namespace nepforge

using nepforge::MomentWorkspace;

void nepforge_moments(const nepforge_pairs* pairs, double* radial, double* angular) {
  const nepforge::MomentKernel& kernel = nepforge::fastest_kernel();
  const long radial_width = nepforge::radial_width(*pairs);
  const long angular_width = nepforge::angular_width(*pairs);
  nepforge::for_each_atom(*pairs, [&](long atom, MomentWorkspace& work) {
    kernel.moments(*pairs, atom, work, radial + atom * radial_width,
                   angular + atom * angular_width);
  });
}

void nepforge_moment_tangents(const nepforge_pairs* pairs, std::int64_t n_directions,
                              const double* displacements, const double* strains,
                              std::int64_t n_frames, const std::int64_t* frame_idx, double* radial,
                              double* angular) {
  const nepforge::MomentKernel& kernel = nepforge::fastest_kernel();
  nepforge::for_each_atom(*pairs, [&](long atom, MomentWorkspace& work) {
    std::vector<nepforge::Direction> along(n_directions);
    for (long idx = 0; idx < n_directions; ++idx) {
      if (displacements) along[idx].displacements = displacements + 3 * idx * pairs->n_atoms;
      if (strains) along[idx].strain = strains + 9 * (idx * n_frames + frame_idx[atom]);
    }
    kernel.tangents(*pairs, atom, {along.data(), along.size()}, work, radial, angular);
  });
}

void nepforge_moment_forces(const nepforge_pairs* pairs, const double* radial_gradient,
                            const double* angular_gradient, double* forces, double* virials) {
  const nepforge::MomentKernel& kernel = nepforge::fastest_kernel();
  const long radial_width = nepforge::radial_width(*pairs);
  const long angular_width = nepforge::angular_width(*pairs);
  std::vector<double> gradients(static_cast<std::size_t>(3 * pairs->n_atoms * pairs->n_columns));
  nepforge::for_each_atom(*pairs, [&](long atom, MomentWorkspace& work) {
    kernel.pair_gradients(*pairs, atom, work, radial_gradient + atom * radial_width,
                          angular_gradient + atom * angular_width,
                          gradients.data() + 3 * atom * pairs->n_columns);
  });
  nepforge::add_forces(*pairs, gradients, forces, virials);
}
