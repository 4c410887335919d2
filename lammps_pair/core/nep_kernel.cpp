// Energy and pair forces of one atom. Compiled once for each instruction set and precision, with
// NEPFORGE_REAL as the type of the numbers and NEPFORGE_KERNEL as the name of the namespace.
#include "nep_kernel.h"

#include "invariants.h"
#include "kernel_basis.h"
#include "kernel_mixed.h"
#include "kernel_of_species.h"

namespace nepforge {
namespace NEPFORGE_KERNEL {
namespace {

/// B_a for the slots of a group inside the angular cutoff.
template <int l_max>
void find_moment_values(Workspace& work, const NeighborGroup& group, int block) {
  for (int slot = group.first; slot < group.first + group.n_angular; slot += n_lanes, ++block) {
    moment_functions(UnrolledDegrees<l_max>(), load(work.unit_x, slot), load(work.unit_y, slot),
                     load(work.unit_z, slot),
                     StoreLanes{work.moment_values.from(block * moment_count(l_max) * n_lanes)});
  }
}

/// s_na = sum over neighbours of g_n B_a.
void find_moments(const Model& model, Workspace& work, int n_blocks) {
  const int n_functions = model.angular.n_functions;
  const int value_stride = n_functions * n_lanes;
  const int moment_stride = model.n_moments * n_lanes;
  in_chunks(n_functions, [&](auto n_chunk, int n_first) {
    const Span<const Real> g_first = work.angular_value.from(n_first * n_lanes);
    for (int a = 0; a < model.n_moments; a += 2) {
      // The number of moments is odd for odd l_max: the last pair then counts one moment twice.
      const int a_second = a + 1 < model.n_moments ? a + 1 : a;
      Vec first[n_chunk.value] = {};
      Vec second[n_chunk.value] = {};
      for (int block = 0; block < n_blocks; ++block) {
        const Span<const Real> b = work.moment_values.from(block * moment_stride);
        const Vec b_first = load(b, a * n_lanes);
        const Vec b_second = load(b, a_second * n_lanes);
        for (int n = 0; n < n_chunk.value; ++n) {
          const Vec g = load(g_first, block * value_stride + n * n_lanes);
          first[n] += g * b_first;
          second[n] += g * b_second;
        }
      }
      for (int n = 0; n < n_chunk.value; ++n) {
        store(work.partial_sums, (a * n_functions + n_first + n) * n_lanes, first[n]);
        store(work.partial_sums, (a_second * n_functions + n_first + n) * n_lanes, second[n]);
      }
    }
  });
  reduce_partial_sums(work, model.n_moments * n_functions);
  for (int a = 0; a < model.n_moments; ++a) {
    for (int n = 0; n < n_functions; ++n) {
      work.moments[a * model.moment_stride + n] = work.sums[a * n_functions + n];
    }
  }
}

/// The moments s_a of n_lanes functions n at once.
struct MomentLanes {
  Span<const Real> moments;
  int stride;
  NEP_HD_MEMBER Vec operator()(int a) const { return load(moments, a * stride); }
};

/// Angular components of the descriptor. A vector that runs over the last function writes zeros
/// into the next block, which is written after it.
void find_angular_descriptor(const Model& model, Workspace& work) {
  const int n_functions = model.angular.n_functions;
  Span<Real> q = work.descriptor.from(model.radial.n_functions);
  for (int l = 1; l <= model.l_max; ++l, q = q.from(n_functions)) {
    for (int n = 0; n < n_functions; n += n_lanes) {
      const MomentLanes s{work.moments.from(n), model.moment_stride};
      Vec total = {};
      for (int m = 0; m <= l; ++m) {
        const int a = moment_index(l, m);
        Vec square = s(a) * s(a);
        if (m > 0) square += s(a + 1) * s(a + 1);
        total += Real(zonal_table.weight[l][m]) * square;
      }
      store(q, n, total);
    }
  }
  for (int idx = 0; idx < model.n_invariants; ++idx, q = q.from(n_functions)) {
    for (int n = 0; n < n_functions; n += n_lanes) {
      const MomentLanes s{work.moments.from(n), model.moment_stride};
      store(q, n, invariant_value(invariant_tables[model.invariants[idx]], Vec{}, s));
    }
  }
}

/// U and dU/dq of the network.
double apply_network(const Model& model, int center, Workspace& work) {
  const int stride = model.neuron_stride;
  const Span<const Real> w0 = model.w0.from(center * model.n_descriptor * stride);
  const Span<const Real> b0 = model.b0.from(center * stride);
  const Span<const Real> w1 = model.w1.from(center * stride);
  Vec energy = {};
  in_chunks(stride / n_lanes, [&](auto chunk, int first) {
    const int start = first * n_lanes;
    Vec input[chunk.value];
    for (int idx = 0; idx < chunk.value; ++idx) input[idx] = -load(b0, start + idx * n_lanes);
    for (int nu = 0; nu < model.n_descriptor; ++nu) {
      const Real q = work.descriptor[nu];
      for (int idx = 0; idx < chunk.value; ++idx) {
        input[idx] += q * load(w0, nu * stride + start + idx * n_lanes);
      }
    }
    for (int idx = 0; idx < chunk.value; ++idx) {
      const Vec weight = load(w1, start + idx * n_lanes);
      const Vec output = tanh_of(input[idx]);
      energy += weight * output;
      store(work.neuron_forces, start + idx * n_lanes, weight - weight * output * output);
    }
  });
  in_chunks(model.n_descriptor, [&](auto chunk, int first) {
    Vec total[chunk.value] = {};
    for (int mu = 0; mu < stride; mu += n_lanes) {
      const Vec force = load(work.neuron_forces, mu);
      for (int nu = 0; nu < chunk.value; ++nu) {
        total[nu] += force * load(w0, (first + nu) * stride + mu);
      }
    }
    for (int nu = 0; nu < chunk.value; ++nu) {
      store(work.partial_sums, (first + nu) * n_lanes, total[nu]);
    }
  });
  reduce_partial_sums(work, model.n_descriptor);
  for (int nu = 0; nu < model.n_descriptor; ++nu) work.descriptor_forces[nu] = work.sums[nu];
  return reduce_add(energy) - model.bias[center];
}

/// dU/ds from dU/dq. Lanes beyond the last function read forces of the next block and multiply
/// them by moments that are zero.
void find_moment_forces(const Model& model, Workspace& work) {
  const int n_functions = model.angular.n_functions;
  for (int n = 0; n < n_functions; n += n_lanes) {
    int q_idx = model.radial.n_functions + n;
    const MomentLanes s{work.moments.from(n), model.moment_stride};
    const Span<Real> forces = work.moment_forces.from(n);
    for (int l = 1; l <= model.l_max; ++l, q_idx += n_functions) {
      const Vec twice = Real(2) * load(work.descriptor_forces, q_idx);
      for (int a = moment_index(l, 0); a < moment_index(l + 1, 0); ++a) {
        const int m = (a - moment_index(l, 0) + 1) / 2;
        store(forces, a * model.moment_stride, Real(zonal_table.weight[l][m]) * twice * s(a));
      }
    }
    const auto add = [&](int a, Vec contribution) {
      const Span<Real> force = forces.from(a * model.moment_stride);
      store(force, 0, load(force, 0) + contribution);
    };
    for (int idx = 0; idx < model.n_invariants; ++idx, q_idx += n_functions) {
      invariant_gradient(invariant_tables[model.invariants[idx]],
                         load(work.descriptor_forces, q_idx), s, add);
    }
  }
}

/// sum_n g_n dU/ds_na and sum_n g_n' dU/ds_na for one vector of slots.
NEP_HD void contract_moment_forces(const Model& model, Workspace& work, int block) {
  const int n_functions = model.angular.n_functions;
  in_chunks(n_functions, [&](auto chunk, int first) {
    const int offset = (block * n_functions + first) * n_lanes;
    Vec g[chunk.value], dg[chunk.value];
    for (int n = 0; n < chunk.value; ++n) {
      g[n] = load(work.angular_value, offset + n * n_lanes);
      dg[n] = load(work.angular_slope, offset + n * n_lanes);
    }
    for (int a = 0; a < model.n_moments; ++a) {
      const Span<const Real> force = work.moment_forces.from(a * model.moment_stride + first);
      Vec value = force[0] * g[0];
      Vec slope = force[0] * dg[0];
      for (int n = 1; n < chunk.value; ++n) {
        value += force[n] * g[n];
        slope += force[n] * dg[n];
      }
      if (first > 0) {
        value += load(work.contracted_value, a * n_lanes);
        slope += load(work.contracted_slope, a * n_lanes);
      }
      store(work.contracted_value, a * n_lanes, value);
      store(work.contracted_slope, a * n_lanes, slope);
    }
  });
}

/// p_ij of a group: p = u (dU/dr - u.G / r) + G / r with G the gradient in the unit vector u.
template <int l_max>
void find_pair_forces(const Model& model, Workspace& work, const NeighborGroup& group, int block) {
  for (int slot = group.first; slot < group.first + group.n_slots; slot += n_lanes, ++block) {
    const Vec x = load(work.unit_x, slot);
    const Vec y = load(work.unit_y, slot);
    const Vec z = load(work.unit_z, slot);
    Vec along =
        work.mixed ? mixed_radial_force(model, work, slot) : radial_force(model, work, slot);
    Vec force_x = {}, force_y = {}, force_z = {};
    if (slot < group.first + group.n_angular) {
      contract_moment_forces(model, work, block);
      const MomentGradient<Vec> gradient =
          moment_gradient(UnrolledDegrees<l_max>(), x, y, z, [&](int a, Vec& value, Vec& slope) {
            value = load(work.contracted_value, a * n_lanes);
            slope = load(work.contracted_slope, a * n_lanes);
          });
      const Vec inverse = load(work.inverse_distance, slot);
      along += gradient.along - inverse * (x * gradient.x + y * gradient.y + z * gradient.z);
      force_x = inverse * gradient.x;
      force_y = inverse * gradient.y;
      force_z = inverse * gradient.z;
    }
    store(work.force_x, slot, force_x + along * x);
    store(work.force_y, slot, force_y + along * y);
    store(work.force_z, slot, force_z + along * z);
  }
}

/// Radial descriptor, g_n and dg_n/dr.
void find_functions(const Model& model, int center, Workspace& work) {
  for (int n = 0; n < model.radial.n_functions; ++n) work.descriptor[n] = 0;
  int block = 0;
  for (std::size_t idx = 0; idx < work.groups.size(); ++idx) {
    const NeighborGroup& group = work.groups[idx];
    if (work.mixed) {
      find_mixed_radial(model, center, work, group);
      find_mixed_angular(model, center, work, group);
      continue;
    }
    const int pair = center * model.n_species + work.runs[idx].species_idx;
    find_radial_basis(model, work, group, model.radial.cutoff[pair]);
    add_radial_descriptor(model.radial, pair, work);
    find_angular_functions(model, work, group, pair, block);
    block += group.n_angular / n_lanes;
  }
}

double evaluate_atom(const Model& model, int center, Workspace& work) {
  int n_blocks = 0;
  for (std::size_t idx = 0; idx < work.groups.size(); ++idx) {
    const NeighborGroup& group = work.groups[idx];
    find_directions(work, group.first, group.first + group.n_slots);
    with_l_max(model.l_max, [&](auto l_max) {
      find_moment_values<decltype(l_max)::value>(work, group, n_blocks);
    });
    n_blocks += group.n_angular / n_lanes;
  }
  find_functions(model, center, work);
  find_moments(model, work, n_blocks);
  find_angular_descriptor(model, work);
  const double energy = apply_network(model, center, work);
  find_moment_forces(model, work);
  if (work.mixed) set_row_weights(model, work);
  int block = 0;
  for (std::size_t idx = 0; idx < work.groups.size(); ++idx) {
    const NeighborGroup& group = work.groups[idx];
    if (!work.mixed) {
      contract_radial(model, work, center * model.n_species + work.runs[idx].species_idx);
    }
    with_l_max(model.l_max, [&](auto l_max) {
      find_pair_forces<decltype(l_max)::value>(model, work, group, block);
    });
    block += group.n_angular / n_lanes;
  }
  return energy;
}

}  // namespace

extern const InstructionSet<Real> instruction_set;
const InstructionSet<Real> instruction_set = {NEPFORGE_INSTRUCTION_SET, n_lanes, evaluate_atom};

}  // namespace NEPFORGE_KERNEL
}  // namespace nepforge
