// Energy and pair forces of one atom. Compiled once for each instruction set, with
// NEPFORGE_INSTRUCTION_SET as the name of the namespace.
#include "nep_kernel.h"

#include "simd.h"

#define NEPFORGE_QUOTE(name) #name
#define NEPFORGE_NAME(name) NEPFORGE_QUOTE(name)

namespace nepforge {
namespace NEPFORGE_INSTRUCTION_SET {
namespace {

template <int n>
struct Count {
  static constexpr int value = n;
};

/// Calls body(Count<n>, first) for runs of n <= 5 that make up 0 .. count-1, all nearly as long: a
/// run of five vectors keeps the adders busy, a rest of one would not.
template <class Body>
NEP_HD void in_chunks(int count, const Body& body) {
  const int n_chunks = (count + 4) / 5;
  for (int chunk = 0, first = 0; chunk < n_chunks; ++chunk) {
    const int size = (count - first) / (n_chunks - chunk);
    if (size == 1) body(Count<1>{}, first);
    if (size == 2) body(Count<2>{}, first);
    if (size == 3) body(Count<3>{}, first);
    if (size == 4) body(Count<4>{}, first);
    if (size == 5) body(Count<5>{}, first);
    first += size;
  }
}

/// Writes the vectors of an array [idx][lane].
struct StoreLanes {
  double* to;
  NEP_HD_MEMBER void operator()(int idx, Vec value) const { store(to + idx * n_lanes, value); }
};

/// f_c, df_c/dr, f_c dx/dr and x = 2 (r/cutoff - 1)^2 - 1; all but x are 0 beyond the cutoff.
struct Basis {
  Vec value, slope, argument_slope, argument;
};

NEP_HD Basis basis_of(Vec distance, double cutoff) {
  const Vec ratio = distance * (1.0 / cutoff);
  const Vec zero = {};
  Basis basis;
  cutoff_function(ratio, basis.value, basis.slope);
  basis.value = ratio < 1.0 ? basis.value : zero;
  basis.slope = ratio < 1.0 ? basis.slope * (1.0 / cutoff) : zero;
  basis.argument = 2.0 * (ratio - 1.0) * (ratio - 1.0) - 1.0;
  basis.argument_slope = basis.value * (ratio - 1.0) * (4.0 / cutoff);
  return basis;
}

void find_directions(const KernelWorkspace& work, int first, int end) {
  for (int slot = first; slot < end; slot += n_lanes) {
    const Vec x = load(work.x + slot);
    const Vec y = load(work.y + slot);
    const Vec z = load(work.z + slot);
    const Vec distance = square_root(x * x + y * y + z * z);
    const Vec inverse = 1.0 / distance;
    store(work.distance + slot, distance);
    store(work.inverse_distance + slot, inverse);
    store(work.unit_x + slot, x * inverse);
    store(work.unit_y + slot, y * inverse);
    store(work.unit_z + slot, z * inverse);
  }
}

/// T_k, f_c and its slopes for every slot of a group, and the sums of f_c T_k over the group.
void find_radial_basis(const KernelModel& model, const KernelWorkspace& work,
                       const NeighborGroup& group, double cutoff, double* sums) {
  const int n_basis = model.radial.n_basis;
  const int end = group.first + group.n_slots;
  for (int slot = group.first; slot < end; slot += n_lanes) {
    const Basis basis = basis_of(load(work.distance + slot), cutoff);
    store(work.cutoff_value + slot, basis.value);
    store(work.cutoff_slope + slot, basis.slope);
    store(work.argument_slope + slot, basis.argument_slope);
    chebyshev(basis.argument, n_basis, StoreLanes{work.polynomials + slot * n_basis});
  }
  in_chunks(n_basis, [&](auto chunk, int first) {
    Vec total[chunk.value] = {};
    for (int slot = group.first; slot < end; slot += n_lanes) {
      const Vec value = load(work.cutoff_value + slot);
      const double* polynomials = work.polynomials + slot * n_basis + first * n_lanes;
      for (int k = 0; k < chunk.value; ++k) total[k] += value * load(polynomials + k * n_lanes);
    }
    for (int k = 0; k < chunk.value; ++k) sums[first + k] = reduce_add<n_lanes>(total[k]);
  });
}

/// q_n of the radial part: sums over groups and k.
void add_radial_descriptor(const KernelExpansion& radial, int pair, const double* sums,
                           double* descriptor) {
  const double* value = radial.value + pair * radial.n_functions * radial.stride;
  for (int n = 0; n < radial.n_functions; ++n) {
    Vec total = {};
    for (int k = 0; k < radial.stride; k += n_lanes) {
      total += load(value + n * radial.stride + k) * load(sums + k);
    }
    descriptor[n] += reduce_add<n_lanes>(total);
  }
}

/// g_n, dg_n/dr and B_a for the slots of a group inside the angular cutoff. `block` counts them
/// over all groups, in vectors.
void find_angular_functions(const KernelModel& model, const KernelWorkspace& work,
                            const NeighborGroup& group, int pair, int block) {
  const KernelExpansion& angular = model.angular;
  const double cutoff = angular.cutoff[pair];
  const bool shared = cutoff == model.radial.cutoff[pair];
  const double* value = angular.value + pair * angular.n_functions * angular.stride;
  const double* slope = angular.slope + pair * angular.n_functions * angular.stride;
  // With equal cutoffs the radial part has done the cosine and the first polynomials already.
  const bool enough = shared && angular.n_basis <= model.radial.n_basis;
  for (int slot = group.first; slot < group.first + group.n_angular; slot += n_lanes, ++block) {
    Basis basis;
    const double* polynomials = work.polynomials + slot * model.radial.n_basis;
    if (enough) {
      basis.value = load(work.cutoff_value + slot);
      basis.slope = load(work.cutoff_slope + slot);
      basis.argument_slope = load(work.argument_slope + slot);
    } else {
      basis = basis_of(load(work.distance + slot), cutoff);
      chebyshev(basis.argument, angular.n_basis, StoreLanes{work.local_polynomials});
      polynomials = work.local_polynomials;
    }
    double* g = work.angular_value + block * angular.n_functions * n_lanes;
    double* dg = work.angular_slope + block * angular.n_functions * n_lanes;
    in_chunks(angular.n_functions, [&](auto chunk, int first) {
      Vec sum[chunk.value] = {};
      Vec slope_sum[chunk.value] = {};
      for (int k = 0; k < angular.n_basis; ++k) {
        const Vec polynomial = load(polynomials + k * n_lanes);
        for (int n = 0; n < chunk.value; ++n) {
          sum[n] += value[(first + n) * angular.stride + k] * polynomial;
          slope_sum[n] += slope[(first + n) * angular.stride + k] * polynomial;
        }
      }
      for (int n = 0; n < chunk.value; ++n) {
        store(g + (first + n) * n_lanes, basis.value * sum[n]);
        store(dg + (first + n) * n_lanes,
              basis.slope * sum[n] + basis.argument_slope * slope_sum[n]);
      }
    });
    moment_functions(model.l_max, load(work.unit_x + slot), load(work.unit_y + slot),
                     load(work.unit_z + slot),
                     StoreLanes{work.moment_values + block * model.n_moments * n_lanes});
  }
}

/// s_na = sum over neighbours of g_n B_a.
void find_moments(const KernelModel& model, const KernelWorkspace& work, int n_blocks) {
  const int n_functions = model.angular.n_functions;
  const int value_stride = n_functions * n_lanes;
  const int moment_stride = model.n_moments * n_lanes;
  in_chunks(n_functions, [&](auto n_chunk, int n_first) {
    const double* g_first = work.angular_value + n_first * n_lanes;
    for (int a = 0; a < model.n_moments; a += 2) {
      // The number of moments is odd for odd l_max: the last pair then counts one moment twice.
      const int a_second = a + 1 < model.n_moments ? a + 1 : a;
      Vec first[n_chunk.value] = {};
      Vec second[n_chunk.value] = {};
      for (int block = 0; block < n_blocks; ++block) {
        const double* b = work.moment_values + block * moment_stride;
        const Vec b_first = load(b + a * n_lanes);
        const Vec b_second = load(b + a_second * n_lanes);
        for (int n = 0; n < n_chunk.value; ++n) {
          const Vec g = load(g_first + block * value_stride + n * n_lanes);
          first[n] += g * b_first;
          second[n] += g * b_second;
        }
      }
      for (int n = 0; n < n_chunk.value; ++n) {
        work.moments[a * model.moment_stride + n_first + n] = reduce_add<n_lanes>(first[n]);
        work.moments[a_second * model.moment_stride + n_first + n] = reduce_add<n_lanes>(second[n]);
      }
    }
  });
}

/// The moments s_a of n_lanes functions n at once.
struct MomentLanes {
  const double* moments;
  int stride;
  NEP_HD_MEMBER Vec operator()(int a) const { return load(moments + a * stride); }
};

/// Angular components of the descriptor. A vector that runs over the last function writes zeros
/// into the next block, which is written after it.
void find_angular_descriptor(const KernelModel& model, const KernelWorkspace& work) {
  const int n_functions = model.angular.n_functions;
  double* q = work.descriptor + model.radial.n_functions;
  for (int l = 1; l <= model.l_max; ++l, q += n_functions) {
    for (int n = 0; n < n_functions; n += n_lanes) {
      const MomentLanes s{work.moments + n, model.moment_stride};
      Vec total = {};
      for (int m = 0; m <= l; ++m) {
        const int a = moment_index(l, m);
        Vec square = s(a) * s(a);
        if (m > 0) square += s(a + 1) * s(a + 1);
        total += zonal_table.weight[l][m] * square;
      }
      store(q + n, total);
    }
  }
  for (int idx = 0; idx < model.n_invariants; ++idx, q += n_functions) {
    for (int n = 0; n < n_functions; n += n_lanes) {
      const MomentLanes s{work.moments + n, model.moment_stride};
      store(q + n, invariant_value(invariant_tables[model.invariants[idx]], Vec{}, s));
    }
  }
}

/// U and dU/dq of the network.
double apply_network(const KernelModel& model, int center, const KernelWorkspace& work) {
  const int stride = model.neuron_stride;
  const double* w0 = model.w0 + center * model.n_descriptor * stride;
  const double* b0 = model.b0 + center * stride;
  const double* w1 = model.w1 + center * stride;
  Vec energy = {};
  in_chunks(stride / n_lanes, [&](auto chunk, int first) {
    const int start = first * n_lanes;
    Vec input[chunk.value];
    for (int idx = 0; idx < chunk.value; ++idx) input[idx] = -load(b0 + start + idx * n_lanes);
    for (int nu = 0; nu < model.n_descriptor; ++nu) {
      const double q = work.descriptor[nu];
      for (int idx = 0; idx < chunk.value; ++idx) {
        input[idx] += q * load(w0 + nu * stride + start + idx * n_lanes);
      }
    }
    for (int idx = 0; idx < chunk.value; ++idx) {
      const Vec weight = load(w1 + start + idx * n_lanes);
      const Vec output = tanh_of(input[idx]);
      energy += weight * output;
      store(work.neuron_forces + start + idx * n_lanes, weight - weight * output * output);
    }
  });
  in_chunks(model.n_descriptor, [&](auto chunk, int first) {
    Vec total[chunk.value] = {};
    for (int mu = 0; mu < stride; mu += n_lanes) {
      const Vec force = load(work.neuron_forces + mu);
      for (int nu = 0; nu < chunk.value; ++nu) {
        total[nu] += force * load(w0 + (first + nu) * stride + mu);
      }
    }
    for (int nu = 0; nu < chunk.value; ++nu) {
      work.descriptor_forces[first + nu] = reduce_add<n_lanes>(total[nu]);
    }
  });
  return reduce_add<n_lanes>(energy) - model.bias[center];
}

/// dU/ds from dU/dq. Lanes beyond the last function read forces of the next block and multiply
/// them by moments that are zero.
void find_moment_forces(const KernelModel& model, const KernelWorkspace& work) {
  const int n_functions = model.angular.n_functions;
  for (int n = 0; n < n_functions; n += n_lanes) {
    const double* q_force = work.descriptor_forces + model.radial.n_functions + n;
    const MomentLanes s{work.moments + n, model.moment_stride};
    double* forces = work.moment_forces + n;
    for (int l = 1; l <= model.l_max; ++l, q_force += n_functions) {
      const Vec twice = 2.0 * load(q_force);
      for (int a = moment_index(l, 0); a < moment_index(l + 1, 0); ++a) {
        const int m = (a - moment_index(l, 0) + 1) / 2;
        store(forces + a * model.moment_stride, zonal_table.weight[l][m] * twice * s(a));
      }
    }
    const auto add = [&](int a, Vec contribution) {
      double* force = forces + a * model.moment_stride;
      store(force, load(force) + contribution);
    };
    for (int idx = 0; idx < model.n_invariants; ++idx, q_force += n_functions) {
      invariant_gradient(invariant_tables[model.invariants[idx]], load(q_force), s, add);
    }
  }
}

/// sum_n dU/dq_n c[n][k], the radial force as an expansion in T_k.
void contract_radial(const KernelModel& model, const KernelWorkspace& work, int pair) {
  const KernelExpansion& radial = model.radial;
  const double* value = radial.value + pair * radial.n_functions * radial.stride;
  const double* slope = radial.slope + pair * radial.n_functions * radial.stride;
  for (int k = 0; k < radial.stride; k += n_lanes) {
    Vec value_sum = {};
    Vec slope_sum = {};
    for (int n = 0; n < radial.n_functions; ++n) {
      const double force = work.descriptor_forces[n];
      value_sum += force * load(value + n * radial.stride + k);
      slope_sum += force * load(slope + n * radial.stride + k);
    }
    store(work.radial_force_value + k, value_sum);
    store(work.radial_force_slope + k, slope_sum);
  }
}

/// dU/dr of the radial part for one vector of slots.
NEP_HD Vec radial_force(const KernelModel& model, const KernelWorkspace& work, int slot) {
  const double* polynomials = work.polynomials + slot * model.radial.n_basis;
  Vec value = {};
  Vec slope = {};
  for (int k = 0; k < model.radial.n_basis; ++k) {
    const Vec polynomial = load(polynomials + k * n_lanes);
    value += work.radial_force_value[k] * polynomial;
    slope += work.radial_force_slope[k] * polynomial;
  }
  return load(work.cutoff_slope + slot) * value + load(work.argument_slope + slot) * slope;
}

/// p_ij of a group: p = u (dU/dr - u.G / r) + G / r with G the gradient in the unit vector u.
void find_pair_forces(const KernelModel& model, const KernelWorkspace& work,
                      const NeighborGroup& group, int block) {
  const int n_functions = model.angular.n_functions;
  for (int slot = group.first; slot < group.first + group.n_slots; slot += n_lanes, ++block) {
    const Vec x = load(work.unit_x + slot);
    const Vec y = load(work.unit_y + slot);
    const Vec z = load(work.unit_z + slot);
    Vec along = radial_force(model, work, slot);
    Vec force_x = {}, force_y = {}, force_z = {};
    if (slot < group.first + group.n_angular) {
      const double* g = work.angular_value + block * n_functions * n_lanes;
      const double* dg = work.angular_slope + block * n_functions * n_lanes;
      const auto contract = [&](int a, Vec& value, Vec& slope) {
        const double* force = work.moment_forces + a * model.moment_stride;
        value = force[0] * load(g);
        slope = force[0] * load(dg);
        for (int n = 1; n < n_functions; ++n) {
          value += force[n] * load(g + n * n_lanes);
          slope += force[n] * load(dg + n * n_lanes);
        }
      };
      const MomentGradient<Vec> gradient = moment_gradient(model.l_max, x, y, z, contract);
      const Vec inverse = load(work.inverse_distance + slot);
      along += gradient.along - inverse * (x * gradient.x + y * gradient.y + z * gradient.z);
      force_x = inverse * gradient.x;
      force_y = inverse * gradient.y;
      force_z = inverse * gradient.z;
    }
    store(work.force_x + slot, force_x + along * x);
    store(work.force_y + slot, force_y + along * y);
    store(work.force_z + slot, force_z + along * z);
  }
}

double evaluate_atom(const KernelModel& model, int center, const KernelWorkspace& work) {
  for (int n = 0; n < model.radial.n_functions; ++n) work.descriptor[n] = 0.0;
  int n_blocks = 0;
  for (int idx = 0; idx < work.n_groups; ++idx) {
    const NeighborGroup& group = work.groups[idx];
    const int pair = center * model.n_species + group.species_idx;
    find_directions(work, group.first, group.first + group.n_slots);
    find_radial_basis(model, work, group, model.radial.cutoff[pair], work.radial_sums);
    add_radial_descriptor(model.radial, pair, work.radial_sums, work.descriptor);
    find_angular_functions(model, work, group, pair, n_blocks);
    n_blocks += group.n_angular / n_lanes;
  }
  find_moments(model, work, n_blocks);
  find_angular_descriptor(model, work);
  const double energy = apply_network(model, center, work);
  find_moment_forces(model, work);
  int block = 0;
  for (int idx = 0; idx < work.n_groups; ++idx) {
    const NeighborGroup& group = work.groups[idx];
    contract_radial(model, work, center * model.n_species + group.species_idx);
    find_pair_forces(model, work, group, block);
    block += group.n_angular / n_lanes;
  }
  return energy;
}

}  // namespace

extern const InstructionSet instruction_set;
const InstructionSet instruction_set = {NEPFORGE_NAME(NEPFORGE_INSTRUCTION_SET), n_lanes,
                                        evaluate_atom};

}  // namespace NEPFORGE_INSTRUCTION_SET
}  // namespace nepforge
