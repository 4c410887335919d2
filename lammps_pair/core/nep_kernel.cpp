// Energy and pair forces of one atom. Compiled once for each instruction set and precision, with
// NEPFORGE_REAL as the type of the numbers and NEPFORGE_KERNEL as the name of the namespace.
#include "nep_kernel.h"

#include "invariants.h"
#include "simd.h"

namespace nepforge {
namespace NEPFORGE_KERNEL {
namespace {

using Model = KernelModel<Real>;
using Workspace = KernelWorkspace<Real>;

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

/// Calls body(Count<l_max>) with the largest l as a constant.
template <int l = 1, class Body>
NEP_HD void with_l_max(int l_max, const Body& body) {
  if constexpr (l <= max_moment_l) {
    if (l_max == l) {
      body(Count<l>{});
    } else {
      with_l_max<l + 1>(l_max, body);
    }
  }
}

/// Adds the first `n_rows` rows of the partial sums up over their lanes.
void reduce_partial_sums(const Workspace& work, int n_rows) {
  for (int first = 0; first < n_rows; first += n_lanes) {
    Vec rows[n_lanes];
    for (int idx = 0; idx < n_lanes; ++idx) {
      rows[idx] = load(work.partial_sums + (first + idx) * n_lanes);
    }
    store(work.sums + first, reduce_rows(rows));
  }
}

/// Writes the vectors of an array [idx][lane].
struct StoreLanes {
  Real* to;
  NEP_HD_MEMBER void operator()(int idx, Vec value) const { store(to + idx * n_lanes, value); }
};

NEP_HD Real in_lanes(double scale) {
  return static_cast<Real>(scale);
}

NEP_HD Vec in_lanes(WideVec scale) {
  return narrow(scale);
}

/// f_c, df_c/dr, f_c dx/dr and x = 2 (r/cutoff - 1)^2 - 1. Beyond the cutoff they are 0 and x is 1:
/// polynomials that grow without bound there would make NaN of f_c T_k = 0.
struct Basis {
  Vec value, slope, argument_slope, argument;
};

/// `scale` is 1/cutoff, a number or a vector. The argument of T_k is found in double precision:
/// the slope of T_k multiplies its error by up to k^2.
template <class Scale>
NEP_HD Basis basis_of(WideVec distance, Scale scale) {
  const WideVec wide_ratio = distance * scale;
  const WideVec wide_argument = 2.0 * (wide_ratio - 1.0) * (wide_ratio - 1.0) - 1.0;
  const Vec ratio = narrow(wide_ratio);
  const Vec zero = {};
  Basis basis;
  cutoff_function(ratio, basis.value, basis.slope);
  basis.value = ratio < Real(1) ? basis.value : zero;
  basis.slope = ratio < Real(1) ? basis.slope * in_lanes(scale) : zero;
  basis.argument = ratio < Real(1) ? narrow(wide_argument) : broadcast(Real(1));
  basis.argument_slope = basis.value * (ratio - Real(1)) * (Real(4) * in_lanes(scale));
  return basis;
}

void find_directions(const Workspace& work, int first, int end) {
  for (int slot = first; slot < end; slot += n_lanes) {
    const WideVec distance = square_root(load_wide(work.square + slot));
    const Vec inverse = Real(1) / narrow(distance);
    store_wide(work.distance + slot, distance);
    store(work.inverse_distance + slot, inverse);
    store(work.unit_x + slot, load(work.x + slot) * inverse);
    store(work.unit_y + slot, load(work.y + slot) * inverse);
    store(work.unit_z + slot, load(work.z + slot) * inverse);
  }
}

/// T_k, f_c and its slopes for every slot of a group, and the sums of f_c T_k over the group.
void find_radial_basis(const Model& model, const Workspace& work, const NeighborGroup& group,
                       double cutoff) {
  const int n_basis = model.radial.n_basis;
  const int end = group.first + group.n_slots;
  for (int slot = group.first; slot < end; slot += n_lanes) {
    const Basis basis = basis_of(load_wide(work.distance + slot), 1 / cutoff);
    store(work.cutoff_value + slot, basis.value);
    store(work.cutoff_slope + slot, basis.slope);
    store(work.argument_slope + slot, basis.argument_slope);
    chebyshev(basis.argument, n_basis, StoreLanes{work.polynomials + slot * n_basis});
  }
  in_chunks(n_basis, [&](auto chunk, int first) {
    Vec total[chunk.value] = {};
    for (int slot = group.first; slot < end; slot += n_lanes) {
      const Vec value = load(work.cutoff_value + slot);
      const Real* polynomials = work.polynomials + slot * n_basis + first * n_lanes;
      for (int k = 0; k < chunk.value; ++k) total[k] += value * load(polynomials + k * n_lanes);
    }
    for (int k = 0; k < chunk.value; ++k) {
      store(work.partial_sums + (first + k) * n_lanes, total[k]);
    }
  });
  reduce_partial_sums(work, n_basis);
}

/// Adds sum_k c[n][k] (sum of f_c T_k) of one group to q_n of the radial part. What a vector that
/// runs over the last function adds to the angular part is overwritten later.
void add_radial_descriptor(const KernelExpansion<Real>& radial, int pair, const Workspace& work) {
  const Real* rows = radial.rows + pair * radial.n_basis * radial.row_stride;
  for (int n = 0; n < radial.n_functions; n += n_lanes) {
    Vec total = load(work.descriptor + n);
    for (int k = 0; k < radial.n_basis; ++k) {
      total += work.sums[k] * load(rows + k * radial.row_stride + n);
    }
    store(work.descriptor + n, total);
  }
}

/// g_n and dg_n/dr for the slots of a group inside the angular cutoff. `block` counts them
/// over all groups, in vectors.
void find_angular_functions(const Model& model, const Workspace& work, const NeighborGroup& group,
                            int pair, int block) {
  const KernelExpansion<Real>& angular = model.angular;
  const double cutoff = angular.cutoff[pair];
  const bool shared = cutoff == model.radial.cutoff[pair];
  const Real* value = angular.value + pair * angular.n_functions * angular.stride;
  const Real* slope = angular.slope + pair * angular.n_functions * angular.stride;
  // With equal cutoffs the radial part has done the cosine and the first polynomials already.
  const bool enough = shared && angular.n_basis <= model.radial.n_basis;
  for (int slot = group.first; slot < group.first + group.n_angular; slot += n_lanes, ++block) {
    Basis basis;
    const Real* polynomials = work.polynomials + slot * model.radial.n_basis;
    if (enough) {
      basis.value = load(work.cutoff_value + slot);
      basis.slope = load(work.cutoff_slope + slot);
      basis.argument_slope = load(work.argument_slope + slot);
    } else {
      basis = basis_of(load_wide(work.distance + slot), 1 / cutoff);
      chebyshev(basis.argument, angular.n_basis, StoreLanes{work.angular_polynomials});
      polynomials = work.angular_polynomials;
    }
    Real* g = work.angular_value + block * angular.n_functions * n_lanes;
    Real* dg = work.angular_slope + block * angular.n_functions * n_lanes;
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
  }
}

/// Where T_0 of a slot is; T_k follows k vectors later.
NEP_HD const Real* polynomial_of(const Real* polynomials, int n_basis, int slot) {
  const int lane = slot % n_lanes;
  return polynomials + (slot - lane) * n_basis + lane;
}

/// sum_k rows[k] T_k of n_slots slots from `slot` on, for some vectors of the row.
template <int n_slots, int n_vectors>
NEP_HD void find_row_part(const Real* coefficients, int n_basis, int stride, int slot,
                          const Real* polynomials, Real* rows) {
  Vec total[n_slots][n_vectors] = {};
  const Real* polynomial[n_slots];
  for (int idx = 0; idx < n_slots; ++idx) {
    polynomial[idx] = polynomial_of(polynomials, n_basis, slot + idx);
  }
  for (int k = 0; k < n_basis; ++k) {
    for (int c = 0; c < n_vectors; ++c) {
      const Vec coefficient = load(coefficients + k * stride + c * n_lanes);
      for (int idx = 0; idx < n_slots; ++idx) {
        total[idx][c] += polynomial[idx][k * n_lanes] * coefficient;
      }
    }
  }
  for (int idx = 0; idx < n_slots; ++idx) {
    for (int c = 0; c < n_vectors; ++c) {
      store(rows + (slot + idx) * stride + c * n_lanes, total[idx][c]);
    }
  }
}

/// sum_k rows[k] T_k for the slots of some runs: value and slope of each g_n without f_c, a row for
/// each slot. Lanes run over the functions here, so that slots of different species can share a
/// vector elsewhere.
void find_rows(const KernelExpansion<Real>& part, int first_pair, const NeighborRun* runs,
               int n_runs, int n_slots, const Real* polynomials, Real* rows) {
  const int stride = part.row_stride;
  in_chunks(stride / n_lanes, [&](auto chunk, int first) {
    constexpr int n_vectors = decltype(chunk)::value;
    Real* out = rows + first * n_lanes;
    for (int idx = 0; idx < n_runs; ++idx) {
      const int pair = first_pair + runs[idx].species_idx;
      const Real* coefficients = part.rows + pair * part.n_basis * stride + first * n_lanes;
      // The last run is continued to the end of its vector, where f_c is zero.
      const int end = idx + 1 < n_runs ? runs[idx + 1].first : n_slots;
      int slot = runs[idx].first;
      for (; slot + 1 < end; slot += 2) {
        find_row_part<2, n_vectors>(coefficients, part.n_basis, stride, slot, polynomials, out);
      }
      if (slot < end) {
        find_row_part<1, n_vectors>(coefficients, part.n_basis, stride, slot, polynomials, out);
      }
    }
  });
}

/// Radial basis of slots of different species; adds them to the radial descriptor.
void find_mixed_radial(const Model& model, int center, const Workspace& work,
                       const NeighborGroup& group) {
  const KernelExpansion<Real>& radial = model.radial;
  for (int slot = 0; slot < group.n_slots; slot += n_lanes) {
    const Basis basis =
        basis_of(load_wide(work.distance + slot), load_wide(work.radial_scale + slot));
    store(work.cutoff_value + slot, basis.value);
    store(work.cutoff_slope + slot, basis.slope);
    store(work.argument_slope + slot, basis.argument_slope);
    chebyshev(basis.argument, radial.n_basis, StoreLanes{work.polynomials + slot * radial.n_basis});
  }
  find_rows(radial, center * model.n_species, work.runs, work.n_runs, group.n_slots,
            work.polynomials, work.radial_rows);
  for (int n = 0; n < radial.n_functions; n += n_lanes) {
    Vec even = load(work.descriptor + n), odd = {};
    for (int slot = 0; slot < group.n_slots; slot += 2) {
      const Real* row = work.radial_rows + slot * radial.row_stride + n;
      even += work.cutoff_value[slot] * load(row);
      odd += work.cutoff_value[slot + 1] * load(row + radial.row_stride);
    }
    store(work.descriptor + n, even + odd);
  }
}

/// g_n and dg_n/dr of slots of different species.
void find_mixed_angular(const Model& model, int center, const Workspace& work,
                        const NeighborGroup& group) {
  const KernelExpansion<Real>& angular = model.angular;
  const int n_functions = angular.n_functions;
  for (int slot = 0; slot < group.n_angular; slot += n_lanes) {
    const Basis basis =
        basis_of(load_wide(work.distance + slot), load_wide(work.angular_scale + slot));
    chebyshev(basis.argument, angular.n_basis,
              StoreLanes{work.angular_polynomials + slot * angular.n_basis});
  }
  find_rows(angular, center * model.n_species, work.runs, work.n_angular_runs, group.n_angular,
            work.angular_polynomials, work.angular_rows);
  for (int slot = 0; slot < group.n_angular; slot += n_lanes) {
    const Basis basis =
        basis_of(load_wide(work.distance + slot), load_wide(work.angular_scale + slot));
    for (int first = 0; first < angular.row_stride; first += n_lanes) {
      Vec rows[n_lanes];
      for (int lane = 0; lane < n_lanes; ++lane) {
        rows[lane] = load(work.angular_rows + (slot + lane) * angular.row_stride + first);
      }
      transpose(rows);
      for (int n = 0; n < n_lanes; ++n) store(work.columns + (first + n) * n_lanes, rows[n]);
    }
    Real* g = work.angular_value + slot * n_functions;
    Real* dg = work.angular_slope + slot * n_functions;
    for (int n = 0; n < n_functions; ++n) {
      const Vec value = load(work.columns + n * n_lanes);
      const Vec slope = load(work.columns + (n_functions + n) * n_lanes);
      store(g + n * n_lanes, basis.value * value);
      store(dg + n * n_lanes, basis.slope * value + basis.argument_slope * slope);
    }
  }
}

/// B_a for the slots of a group inside the angular cutoff.
template <int l_max>
void find_moment_values(const Workspace& work, const NeighborGroup& group, int block) {
  for (int slot = group.first; slot < group.first + group.n_angular; slot += n_lanes, ++block) {
    moment_functions(UnrolledDegrees<l_max>(), load(work.unit_x + slot), load(work.unit_y + slot),
                     load(work.unit_z + slot),
                     StoreLanes{work.moment_values + block * moment_count(l_max) * n_lanes});
  }
}

/// s_na = sum over neighbours of g_n B_a.
void find_moments(const Model& model, const Workspace& work, int n_blocks) {
  const int n_functions = model.angular.n_functions;
  const int value_stride = n_functions * n_lanes;
  const int moment_stride = model.n_moments * n_lanes;
  in_chunks(n_functions, [&](auto n_chunk, int n_first) {
    const Real* g_first = work.angular_value + n_first * n_lanes;
    for (int a = 0; a < model.n_moments; a += 2) {
      // The number of moments is odd for odd l_max: the last pair then counts one moment twice.
      const int a_second = a + 1 < model.n_moments ? a + 1 : a;
      Vec first[n_chunk.value] = {};
      Vec second[n_chunk.value] = {};
      for (int block = 0; block < n_blocks; ++block) {
        const Real* b = work.moment_values + block * moment_stride;
        const Vec b_first = load(b + a * n_lanes);
        const Vec b_second = load(b + a_second * n_lanes);
        for (int n = 0; n < n_chunk.value; ++n) {
          const Vec g = load(g_first + block * value_stride + n * n_lanes);
          first[n] += g * b_first;
          second[n] += g * b_second;
        }
      }
      for (int n = 0; n < n_chunk.value; ++n) {
        store(work.partial_sums + (a * n_functions + n_first + n) * n_lanes, first[n]);
        store(work.partial_sums + (a_second * n_functions + n_first + n) * n_lanes, second[n]);
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
  const Real* moments;
  int stride;
  NEP_HD_MEMBER Vec operator()(int a) const { return load(moments + a * stride); }
};

/// Angular components of the descriptor. A vector that runs over the last function writes zeros
/// into the next block, which is written after it.
void find_angular_descriptor(const Model& model, const Workspace& work) {
  const int n_functions = model.angular.n_functions;
  Real* q = work.descriptor + model.radial.n_functions;
  for (int l = 1; l <= model.l_max; ++l, q += n_functions) {
    for (int n = 0; n < n_functions; n += n_lanes) {
      const MomentLanes s{work.moments + n, model.moment_stride};
      Vec total = {};
      for (int m = 0; m <= l; ++m) {
        const int a = moment_index(l, m);
        Vec square = s(a) * s(a);
        if (m > 0) square += s(a + 1) * s(a + 1);
        total += Real(zonal_table.weight[l][m]) * square;
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
double apply_network(const Model& model, int center, const Workspace& work) {
  const int stride = model.neuron_stride;
  const Real* w0 = model.w0 + center * model.n_descriptor * stride;
  const Real* b0 = model.b0 + center * stride;
  const Real* w1 = model.w1 + center * stride;
  Vec energy = {};
  in_chunks(stride / n_lanes, [&](auto chunk, int first) {
    const int start = first * n_lanes;
    Vec input[chunk.value];
    for (int idx = 0; idx < chunk.value; ++idx) input[idx] = -load(b0 + start + idx * n_lanes);
    for (int nu = 0; nu < model.n_descriptor; ++nu) {
      const Real q = work.descriptor[nu];
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
      store(work.partial_sums + (first + nu) * n_lanes, total[nu]);
    }
  });
  reduce_partial_sums(work, model.n_descriptor);
  for (int nu = 0; nu < model.n_descriptor; ++nu) work.descriptor_forces[nu] = work.sums[nu];
  return reduce_add(energy) - model.bias[center];
}

/// dU/ds from dU/dq. Lanes beyond the last function read forces of the next block and multiply
/// them by moments that are zero.
void find_moment_forces(const Model& model, const Workspace& work) {
  const int n_functions = model.angular.n_functions;
  for (int n = 0; n < n_functions; n += n_lanes) {
    const Real* q_force = work.descriptor_forces + model.radial.n_functions + n;
    const MomentLanes s{work.moments + n, model.moment_stride};
    Real* forces = work.moment_forces + n;
    for (int l = 1; l <= model.l_max; ++l, q_force += n_functions) {
      const Vec twice = Real(2) * load(q_force);
      for (int a = moment_index(l, 0); a < moment_index(l + 1, 0); ++a) {
        const int m = (a - moment_index(l, 0) + 1) / 2;
        store(forces + a * model.moment_stride, Real(zonal_table.weight[l][m]) * twice * s(a));
      }
    }
    const auto add = [&](int a, Vec contribution) {
      Real* force = forces + a * model.moment_stride;
      store(force, load(force) + contribution);
    };
    for (int idx = 0; idx < model.n_invariants; ++idx, q_force += n_functions) {
      invariant_gradient(invariant_tables[model.invariants[idx]], load(q_force), s, add);
    }
  }
}

/// sum_n dU/dq_n c[n][k], the radial force as an expansion in T_k.
void contract_radial(const Model& model, const Workspace& work, int pair) {
  const KernelExpansion<Real>& radial = model.radial;
  const Real* value = radial.value + pair * radial.n_functions * radial.stride;
  const Real* slope = radial.slope + pair * radial.n_functions * radial.stride;
  for (int k = 0; k < radial.stride; k += n_lanes) {
    Vec value_sum = {};
    Vec slope_sum = {};
    for (int n = 0; n < radial.n_functions; ++n) {
      const Real force = work.descriptor_forces[n];
      value_sum += force * load(value + n * radial.stride + k);
      slope_sum += force * load(slope + n * radial.stride + k);
    }
    store(work.radial_force_value + k, value_sum);
    store(work.radial_force_slope + k, slope_sum);
  }
}

/// dU/dr of the radial part for one vector of slots of one species.
NEP_HD Vec radial_force(const Model& model, const Workspace& work, int slot) {
  const Real* polynomials = work.polynomials + slot * model.radial.n_basis;
  Vec value = {};
  Vec slope = {};
  for (int k = 0; k < model.radial.n_basis; ++k) {
    const Vec polynomial = load(polynomials + k * n_lanes);
    value += work.radial_force_value[k] * polynomial;
    slope += work.radial_force_slope[k] * polynomial;
  }
  return load(work.cutoff_slope + slot) * value + load(work.argument_slope + slot) * slope;
}

/// Spreads dU/dq of the radial part over a row: once where the values are, once at the slopes.
void set_row_weights(const Model& model, const Workspace& work) {
  const int n_functions = model.radial.n_functions;
  Real* of_value = work.row_weights;
  Real* of_slope = work.row_weights + model.radial.row_stride;
  for (int n = 0; n < n_functions; ++n) {
    of_value[n] = work.descriptor_forces[n];
    of_slope[n_functions + n] = work.descriptor_forces[n];
  }
}

/// dU/dr of the radial part for one vector of slots of different species.
NEP_HD Vec mixed_radial_force(const Model& model, const Workspace& work, int slot) {
  const int stride = model.radial.row_stride;
  Vec value[n_lanes], slope[n_lanes];
  for (int lane = 0; lane < n_lanes; ++lane) {
    const Real* row = work.radial_rows + (slot + lane) * stride;
    value[lane] = load(row) * load(work.row_weights);
    slope[lane] = load(row) * load(work.row_weights + stride);
    for (int c = n_lanes; c < stride; c += n_lanes) {
      value[lane] += load(row + c) * load(work.row_weights + c);
      slope[lane] += load(row + c) * load(work.row_weights + stride + c);
    }
  }
  return load(work.cutoff_slope + slot) * reduce_rows(value) +
         load(work.argument_slope + slot) * reduce_rows(slope);
}

/// sum_n g_n dU/ds_na and sum_n g_n' dU/ds_na for one vector of slots.
NEP_HD void contract_moment_forces(const Model& model, const Workspace& work, int block) {
  const int n_functions = model.angular.n_functions;
  in_chunks(n_functions, [&](auto chunk, int first) {
    const int offset = (block * n_functions + first) * n_lanes;
    Vec g[chunk.value], dg[chunk.value];
    for (int n = 0; n < chunk.value; ++n) {
      g[n] = load(work.angular_value + offset + n * n_lanes);
      dg[n] = load(work.angular_slope + offset + n * n_lanes);
    }
    for (int a = 0; a < model.n_moments; ++a) {
      const Real* force = work.moment_forces + a * model.moment_stride + first;
      Vec value = force[0] * g[0];
      Vec slope = force[0] * dg[0];
      for (int n = 1; n < chunk.value; ++n) {
        value += force[n] * g[n];
        slope += force[n] * dg[n];
      }
      if (first > 0) {
        value += load(work.contracted_value + a * n_lanes);
        slope += load(work.contracted_slope + a * n_lanes);
      }
      store(work.contracted_value + a * n_lanes, value);
      store(work.contracted_slope + a * n_lanes, slope);
    }
  });
}

/// p_ij of a group: p = u (dU/dr - u.G / r) + G / r with G the gradient in the unit vector u.
template <int l_max>
void find_pair_forces(const Model& model, const Workspace& work, const NeighborGroup& group,
                      int block) {
  for (int slot = group.first; slot < group.first + group.n_slots; slot += n_lanes, ++block) {
    const Vec x = load(work.unit_x + slot);
    const Vec y = load(work.unit_y + slot);
    const Vec z = load(work.unit_z + slot);
    Vec along =
        work.mixed ? mixed_radial_force(model, work, slot) : radial_force(model, work, slot);
    Vec force_x = {}, force_y = {}, force_z = {};
    if (slot < group.first + group.n_angular) {
      contract_moment_forces(model, work, block);
      const MomentGradient<Vec> gradient =
          moment_gradient(UnrolledDegrees<l_max>(), x, y, z, [&](int a, Vec& value, Vec& slope) {
            value = load(work.contracted_value + a * n_lanes);
            slope = load(work.contracted_slope + a * n_lanes);
          });
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

/// Radial descriptor, g_n and dg_n/dr.
void find_functions(const Model& model, int center, const Workspace& work) {
  for (int n = 0; n < model.radial.n_functions; ++n) work.descriptor[n] = 0;
  int block = 0;
  for (int idx = 0; idx < work.n_groups; ++idx) {
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

double evaluate_atom(const Model& model, int center, const Workspace& work) {
  int n_blocks = 0;
  for (int idx = 0; idx < work.n_groups; ++idx) {
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
  for (int idx = 0; idx < work.n_groups; ++idx) {
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
