// Energy and pair forces of one atom by one team: the same formulas as core/nep_kernel.cpp, with
// the work divided differently. Lanes take neighbours where each has functions of its own to
// compute, and moments, functions n or neurons where sums over them are wanted.
#pragma once

#include "../core/zbl.h"
#include "arrays.h"
#include "expand.h"
#include "scratch.h"
#include "team.h"

namespace nepforge {
namespace device {

/// The evaluation of all centers; a functor that is copied to the device.
template <class Real>
class EvaluateAtom {
 public:
  EvaluateAtom(const ModelArrays<Real>& model, const AtomArrays& atoms, const ResultArrays& results,
               int longest)
      : model_(model), atoms_(atoms), results_(results), longest_(longest) {}

  template <class Memory>
  NEP_HD_MEMBER Scratch<Real> scratch(Memory& memory) const {
    return Scratch<Real>(model_, memory);
  }

  template <class Memory>
  NEP_HD_MEMBER KeptNeighbors<Real> kept_neighbors(Memory& memory) const {
    return KeptNeighbors<Real>(longest_, memory);
  }

  template <class Team>
  NEP_HD_MEMBER void operator()(const Team& team, int center, const Scratch<Real>& scratch,
                                const KeptNeighbors<Real>& kept) const {
    const int species = atoms_.species[center];
    if (species < 0) return;
    if (!has_place(center)) {  // it would look like an isolated atom
      team.once([&] { *results_.failed = center; });
      return;
    }
    const Parts parts = find_neighbors(team, center, species, kept);
    const int n_angular = parts.n_first;
    const int n_all = parts.n_first + parts.n_second;
    find_radial(team, n_angular, n_all, kept, scratch);
    find_sums(team, n_angular, kept, scratch);
    find_angular(team, scratch);
    const double energy = apply_network(team, species, scratch);
    find_moment_forces(team, scratch);
    find_pair_forces(team, center, n_angular, n_all, energy, kept, scratch);
  }

 private:
  /// Whether the position is neither infinite nor NaN.
  NEP_HD_MEMBER bool has_place(int center) const {
    const double* position = atoms_.positions + 3 * static_cast<std::size_t>(center);
    return position[0] - position[0] == 0 && position[1] - position[1] == 0 &&
           position[2] - position[2] == 0;
  }

  /// The neighbours inside the angular cutoff, and those only inside the radial one.
  template <class Team>
  NEP_HD_MEMBER Parts find_neighbors(const Team& team, int center, int species,
                                     const KeptNeighbors<Real>& kept) const {
    const int* list = atoms_.neighbors + atoms_.first[center];
    const int count = static_cast<int>(atoms_.first[center + 1] - atoms_.first[center]);
    const double* origin = atoms_.positions + 3 * static_cast<std::size_t>(center);
    const auto pair_of = [&](int idx) {
      return species * model_.n_species + atoms_.species[list[idx]];
    };
    const auto vector_to = [&](int idx, auto(&vector)[3]) {
      const double* position = atoms_.positions + 3 * static_cast<std::size_t>(list[idx]);
      for (int axis = 0; axis < 3; ++axis) vector[axis] = position[axis] - origin[axis];
      return vector[0] * vector[0] + vector[1] * vector[1] + vector[2] * vector[2];
    };
    // A position that is not finite counts as inside and shows in the energy.
    const auto classify = [&](int idx) {
      Real vector[3];
      const Real square = vector_to(idx, vector);
      const int pair = pair_of(idx);
      const Real radial = model_.radial.inverse_cutoff[pair];
      const Real angular = model_.angular.inverse_cutoff[pair];
      if (square * radial * radial >= 1) return 0;
      return square * angular * angular >= 1 ? 2 : 1;
    };
    const auto put = [&](int idx, int slot) {
      double vector[3];
      const double distance = sqrt(vector_to(idx, vector));
      const int pair = pair_of(idx);
      kept.x[slot] = vector[0];
      kept.y[slot] = vector[1];
      kept.z[slot] = vector[2];
      kept.distance[slot] = distance;
      kept.radial_argument[slot] =
          chebyshev_argument(distance * model_.radial.inverse_cutoff[pair]);
      kept.angular_argument[slot] =
          chebyshev_argument(distance * model_.angular.inverse_cutoff[pair]);
      kept.atom[slot] = list[idx];
      kept.pair[slot] = pair;
    };
    return team.divide(count, kept.n_slots, classify, put);
  }

  NEP_HD_MEMBER Basis<Real> radial_basis(int slot, const KeptNeighbors<Real>& kept) const {
    return {kept.radial_argument[slot], kept.distance[slot],
            static_cast<Real>(model_.radial.inverse_cutoff[kept.pair[slot]])};
  }

  NEP_HD_MEMBER Basis<Real> angular_basis(int slot, const KeptNeighbors<Real>& kept) const {
    return {kept.angular_argument[slot], kept.distance[slot],
            static_cast<Real>(model_.angular.inverse_cutoff[kept.pair[slot]])};
  }

  /// q_n of the radial part. Lane: neighbour.
  template <class Team>
  NEP_HD_MEMBER void find_radial(const Team& team, int n_angular, int n_all,
                                 const KeptNeighbors<Real>& kept,
                                 const Scratch<Real>& scratch) const {
    const int n_functions = model_.radial.n_functions;
    for (int first = 0; first < n_functions; first += block) {
      Real totals[block] = {};
      team.sum(n_all, totals, [&](int idx, Real(&sums)[block]) {
        const int slot = kept.slot(idx, n_angular);
        Real values[block];
        find_values(model_.radial, kept.pair[slot], radial_basis(slot, kept), first, values);
        for (int n = 0; n < block; ++n) sums[n] += values[n];
      });
      team.once([&] {
        for (int n = 0; n < block; ++n) {
          if (first + n < n_functions) scratch.descriptor[first + n] = totals[n];
        }
      });
    }
  }

  /// s_na.
  template <class Team>
  NEP_HD_MEMBER void find_sums(const Team& team, int n_angular, const KeptNeighbors<Real>& kept,
                               const Scratch<Real>& scratch) const {
    const int stride = model_.angular.stride;
    team.each(model_.n_moments * stride, [&](int idx) { scratch.sums[idx] = 0; });
    for (int slot = 0; slot < n_angular; slot += tile) {
      const int count = n_angular - slot < tile ? n_angular - slot : tile;
      team.each(count, [&](int idx) { find_moments(slot + idx, idx, kept, scratch); });
      for (int first = 0; first < stride; first += block) {
        team.each(count, [&](int idx) {
          Real values[block];
          find_values(model_.angular, kept.pair[slot + idx], angular_basis(slot + idx, kept), first,
                      values);
          store(values, scratch.values + idx * block);
        });
        team.each(model_.n_moments, [&](int a) {
          add_tile(count, scratch.moments_of + a * tile_stride, scratch.values,
                   scratch.sums + a * stride + first);
        });
      }
    }
  }

  /// B_a of one neighbour.
  NEP_HD_MEMBER void find_moments(int slot, int idx, const KeptNeighbors<Real>& kept,
                                  const Scratch<Real>& scratch) const {
    const Real inverse = 1 / kept.distance[slot];
    moment_functions(model_.degrees, kept.x[slot] * inverse, kept.y[slot] * inverse,
                     kept.z[slot] * inverse,
                     [&](int a, Real value) { scratch.moments_of[a * tile_stride + idx] = value; });
  }

  /// Adds g_n B_a of a tile to s_na of one moment and one block.
  NEP_HD_MEMBER void add_tile(int count, const Real* moments, const Real* values,
                              Real* sums) const {
    Real totals[block];
    load(sums, totals);
    for (int idx = 0; idx < count; ++idx) {
      Real row[block];
      load(values + idx * block, row);
      for (int n = 0; n < block; ++n) totals[n] += row[n] * moments[idx];
    }
    store(totals, sums);
  }

  /// q_n of the angular part. Lane: n and l, n and invariant.
  template <class Team>
  NEP_HD_MEMBER void find_angular(const Team& team, const Scratch<Real>& scratch) const {
    const int n_functions = model_.angular.n_functions;
    const int stride = model_.angular.stride;
    const int l_max = model_.degrees.l_max;
    Real* q = scratch.descriptor + model_.radial.n_functions;
    team.each(l_max * n_functions, [&](int idx) {
      const int l = idx / n_functions + 1;
      const Real* sums = scratch.sums + idx % n_functions;
      Real total = 0;
      for (int a = moment_index(l, 0); a < moment_index(l + 1, 0); ++a) {
        total += model_.weight[a] * sums[a * stride] * sums[a * stride];
      }
      q[idx] = total;
    });
    team.each(model_.n_invariants * n_functions, [&](int idx) {
      const Real* sums = scratch.sums + idx % n_functions;
      q[l_max * n_functions + idx] = invariant_value(monomials_of(idx / n_functions), Real(0),
                                                     [&](int a) { return sums[a * stride]; });
    });
  }

  NEP_HD_MEMBER InvariantTable monomials_of(int idx) const {
    const int first = model_.first_monomial[idx];
    return {model_.monomials + first, model_.first_monomial[idx + 1] - first};
  }

  /// U, and dU/dq. Lane: neuron, then component of q.
  template <class Team>
  NEP_HD_MEMBER double apply_network(const Team& team, int species,
                                     const Scratch<Real>& scratch) const {
    const int n_neurons = model_.n_neurons;
    const int dim = model_.n_descriptor;
    const std::size_t network = static_cast<std::size_t>(species) * dim * n_neurons;
    const Real* w0 = model_.w0 + network;
    const Real* w0_by_neuron = model_.w0_by_neuron + network;
    const Real* b0 = model_.b0 + species * n_neurons;
    const Real* w1 = model_.w1 + species * n_neurons;
    double energy[1] = {0.0};
    team.sum(n_neurons, energy, [&](int mu, double (&sum)[1]) {
      Real input = -b0[mu];
      for (int nu = 0; nu < dim; ++nu) input += scratch.descriptor[nu] * w0[nu * n_neurons + mu];
      const Real output = tanh_of(input);
      scratch.neurons[mu] = w1[mu] * (1 - output * output);
      sum[0] += static_cast<double>(w1[mu] * output);
    });
    team.each(dim, [&](int nu) {
      Real total = 0;
      for (int mu = 0; mu < n_neurons; ++mu) {
        total += scratch.neurons[mu] * w0_by_neuron[mu * dim + nu];
      }
      scratch.descriptor_forces[nu] = total;
    });
    return energy[0] - model_.bias[species];
  }

  /// dU/ds from dU/dq; 0 in the padding. Lane: n and l, then n.
  template <class Team>
  NEP_HD_MEMBER void find_moment_forces(const Team& team, const Scratch<Real>& scratch) const {
    const int n_functions = model_.angular.n_functions;
    const int stride = model_.angular.stride;
    const int l_max = model_.degrees.l_max;
    const Real* q_force = scratch.descriptor_forces + model_.radial.n_functions;
    team.each(l_max * stride, [&](int idx) {
      const int l = idx / stride + 1;
      const int n = idx % stride;
      const Real twice = n < n_functions ? 2 * q_force[(l - 1) * n_functions + n] : 0;
      for (int a = moment_index(l, 0); a < moment_index(l + 1, 0); ++a) {
        scratch.forces[a * stride + n] = model_.weight[a] * twice * scratch.sums[a * stride + n];
      }
    });
    team.each(n_functions, [&](int n) {
      for (int idx = 0; idx < model_.n_invariants; ++idx) {
        invariant_gradient(
            monomials_of(idx), q_force[(l_max + idx) * n_functions + n],
            [&](int a) { return scratch.sums[a * stride + n]; },
            [&](int a, Real force) { scratch.forces[a * stride + n] += force; });
      }
    });
  }

  /// Books p_ij on center and neighbours, and the energy. Lane: neighbour.
  template <class Team>
  NEP_HD_MEMBER void find_pair_forces(const Team& team, int center, int n_angular, int n_all,
                                      double energy, const KeptNeighbors<Real>& kept,
                                      const Scratch<Real>& scratch) const {
    std::int64_t totals[4] = {0, 0, 0, 0};  // force on the center, energy of the repulsion
    team.sum(n_all, totals, [&](int idx, std::int64_t (&sums)[4]) {
      const int slot = kept.slot(idx, n_angular);
      Real terms[4];
      find_pair_force(slot, idx < n_angular, kept, scratch, terms);
      if (!(fits(terms[0]) && fits(terms[1]) && fits(terms[2]) && fits(terms[3]))) {
        *results_.failed = center;
        return;
      }
      const std::size_t atom = kept.atom[slot];
      for (int term = 0; term < 4; ++term) sums[term] += as_integer(terms[term]);
      for (int axis = 0; axis < 3; ++axis) {
        add_shared(results_.forces + 3 * atom + axis, -as_integer(terms[axis]));
      }
      if (results_.virials) add_virial(slot, terms, kept);
    });
    team.once([&] {
      energy += as_number(totals[3]);
      if (!(fabs(energy) < 1.0e300)) *results_.failed = center;
      results_.energies[center] = energy;
      for (int axis = 0; axis < 3; ++axis) {
        add_shared(results_.forces + 3 * static_cast<std::size_t>(center) + axis, totals[axis]);
      }
    });
  }

  /// p = u (dU/dr - u.G / r) + G / r with G the gradient in the unit vector u, eV/Å, and the
  /// center's half of the repulsion, eV.
  NEP_HD_MEMBER void find_pair_force(int slot, bool angular, const KeptNeighbors<Real>& kept,
                                     const Scratch<Real>& scratch, Real (&terms)[4]) const {
    const int pair = kept.pair[slot];
    const Real distance = kept.distance[slot];
    const Real inverse = 1 / distance;
    const Real x = kept.x[slot] * inverse;
    const Real y = kept.y[slot] * inverse;
    const Real z = kept.z[slot] * inverse;
    Real along = radial_slope(pair, radial_basis(slot, kept), scratch);
    Real around[3] = {0, 0, 0};
    if (angular) add_angular(pair, angular_basis(slot, kept), x, y, z, scratch, along, around);
    terms[3] = 0;
    if (model_.zbl && distance < static_cast<Real>(model_.zbl[pair].outer)) {
      Real slope = 0;
      terms[3] = zbl_energy(model_.zbl[pair], distance, slope) / 2;
      along += slope / 2;
    }
    along -= inverse * (x * around[0] + y * around[1] + z * around[2]);
    terms[0] = inverse * around[0] + along * x;
    terms[1] = inverse * around[1] + along * y;
    terms[2] = inverse * around[2] + along * z;
  }

  /// dU/dr through the radial part.
  NEP_HD_MEMBER Real radial_slope(int pair, const Basis<Real>& basis,
                                  const Scratch<Real>& scratch) const {
    Real total = 0;
    for (int first = 0; first < model_.radial.n_functions; first += block) {
      Real values[block], slopes[block];
      find_values_and_slopes(model_.radial, pair, basis, first, values, slopes);
      for (int n = 0; n < block; ++n) {
        if (first + n < model_.radial.n_functions) {
          total += scratch.descriptor_forces[first + n] * slopes[n];
        }
      }
    }
    return total;
  }

  /// Adds dU/dr through the angular part to `along`, G to `around`.
  NEP_HD_MEMBER void add_angular(int pair, const Basis<Real>& basis, Real x, Real y, Real z,
                                 const Scratch<Real>& scratch, Real& along,
                                 Real (&around)[3]) const {
    const int stride = model_.angular.stride;
    for (int first = 0; first < stride; first += block) {
      Real values[block], slopes[block];
      find_values_and_slopes(model_.angular, pair, basis, first, values, slopes);
      const MomentGradient<Real> gradient =
          moment_gradient(model_.degrees, x, y, z, [&](int a, Real& value, Real& slope) {
            Real forces[block];
            load(scratch.forces + a * stride + first, forces);
            value = 0;
            slope = 0;
            for (int n = 0; n < block; ++n) {
              value += forces[n] * values[n];
              slope += forces[n] * slopes[n];
            }
          });
      along += gradient.along;
      around[0] += gradient.x;
      around[1] += gradient.y;
      around[2] += gradient.z;
    }
  }

  NEP_HD_MEMBER void add_virial(int slot, const Real (&force)[4],
                                const KeptNeighbors<Real>& kept) const {
    const Real vector[3] = {kept.x[slot], kept.y[slot], kept.z[slot]};
    std::int64_t* virial = results_.virials + 9 * static_cast<std::size_t>(kept.atom[slot]);
    for (int idx = 0; idx < 9; ++idx) {
      add_shared(virial + idx, -as_integer(vector[idx / 3] * force[idx % 3]));
    }
  }

  ModelArrays<Real> model_;
  AtomArrays atoms_;
  ResultArrays results_;
  int longest_;  // neighbour list
};

}  // namespace device
}  // namespace nepforge
