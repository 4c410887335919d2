// What a team keeps while it works on one atom.
#pragma once

#include "arrays.h"
#include "team.h"
#include "team_memory.h"

namespace nepforge {
namespace device {

constexpr int tile = warp_lanes;       // neighbours at a time
constexpr int tile_stride = tile + 1;  // odd: lanes that read a column meet different banks

/// In the shared memory of a GPU; the size follows from the model alone.
template <class Real>
struct Scratch {
  Real* values;             // [tile][block] g_n of the angular part
  Real* moments_of;         // [n_moments][tile_stride] B_a of a tile
  Real* sums;               // [n_moments][angular stride] s
  Real* forces;             // [n_moments][angular stride] dU/ds
  Real* descriptor;         // [n_descriptor] q
  Real* descriptor_forces;  // [n_descriptor] dU/dq
  Real* neurons;            // [n_neurons] dU/d(input)

  template <class Memory>
  NEP_HD_MEMBER Scratch(const ModelArrays<Real>& model, Memory& memory) {
    values = memory.template take<Real>(tile * block);
    moments_of = memory.template take<Real>(model.n_moments * tile_stride);
    sums = memory.template take<Real>(model.n_moments * model.angular.stride);
    forces = memory.template take<Real>(model.n_moments * model.angular.stride);
    descriptor = memory.template take<Real>(model.n_descriptor);
    descriptor_forces = memory.template take<Real>(model.n_descriptor);
    neurons = memory.template take<Real>(model.n_neurons);
  }
};

/// The neighbours inside the radial cutoff: those inside the angular one from slot 0 upwards, the
/// others from the last slot downwards. In the device's main memory: lists of any length
/// fit, and the teams that run at the same time use so little that it stays in the cache.
template <class Real>
struct KeptNeighbors {
  int n_slots;
  Real *x, *y, *z;         // [slot] r_j - r_i, Å
  Real* distance;          // [slot] Å
  Real* radial_argument;   // [slot] of the polynomials, from the distance in double precision
  Real* angular_argument;  // [slot]
  int* atom;               // [slot]
  int* pair;               // [slot] t_i * n_species + t_j

  template <class Memory>
  NEP_HD_MEMBER KeptNeighbors(int longest, Memory& memory) : n_slots(longest) {
    x = memory.template take<Real>(longest);
    y = memory.template take<Real>(longest);
    z = memory.template take<Real>(longest);
    distance = memory.template take<Real>(longest);
    radial_argument = memory.template take<Real>(longest);
    angular_argument = memory.template take<Real>(longest);
    atom = memory.template take<int>(longest);
    pair = memory.template take<int>(longest);
  }

  /// Slot of the neighbour `idx` of n_angular inside the angular cutoff and others outside.
  NEP_HD_MEMBER int slot(int idx, int n_angular) const {
    return idx < n_angular ? idx : n_slots - 1 - (idx - n_angular);
  }
};

}  // namespace device
}  // namespace nepforge
