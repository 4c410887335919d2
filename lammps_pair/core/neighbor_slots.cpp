#include "neighbor_slots.h"

#include <algorithm>
#include <cmath>

namespace nepforge {
namespace {

/// From this number of species on, most groups of one species would leave lanes empty.
constexpr int fewest_mixed_species = 5;

}  // namespace

template <class Real>
KernelWorkspace<Real>::KernelWorkspace(const KernelModel<Real>& model, int lanes, bool is_mixed)
    : mixed(is_mixed),
      row_weights(2 * model.radial.row_stride),
      columns(model.angular.row_stride * lanes),
      radial_force_value(model.radial.stride),
      radial_force_slope(model.radial.stride),
      moments(static_cast<std::size_t>(model.n_moments) * model.moment_stride),
      moment_forces(moments.size()),
      contracted_value(model.n_moments * lanes),
      contracted_slope(model.n_moments * lanes),
      descriptor(model.n_descriptor + lanes),
      descriptor_forces(model.n_descriptor + lanes),
      neuron_forces(model.neuron_stride) {
  const int n_moment_sums = model.n_moments * model.angular.n_functions;
  const std::size_t n_rows =
      padded(std::max({model.radial.n_basis, n_moment_sums, model.n_descriptor}), lanes);
  partial_sums = Buffer<Real>(n_rows * lanes);
  sums = Buffer<Real>(n_rows);
}

template <class Real>
void KernelWorkspace<Real>::reserve(const KernelModel<Real>& model, int lanes,
                                    std::size_t n_slots) {
  for (Buffer<Real>* array :
       {&x, &y, &z, &inverse_distance, &unit_x, &unit_y, &unit_z, &cutoff_value, &cutoff_slope,
        &argument_slope, &force_x, &force_y, &force_z}) {
    *array = Buffer<Real>(n_slots);
  }
  for (Buffer<double>* array : {&square, &distance, &radial_scale, &angular_scale}) {
    *array = Buffer<double>(n_slots);
  }
  const std::size_t n_mixed = mixed ? n_slots : 0;
  polynomials = Buffer<Real>(n_slots * model.radial.n_basis);
  angular_polynomials = Buffer<Real>(std::max<std::size_t>(n_mixed, lanes) * model.angular.n_basis);
  radial_rows = Buffer<Real>(n_mixed * model.radial.row_stride);
  angular_rows = Buffer<Real>(n_mixed * model.angular.row_stride);
  angular_value = Buffer<Real>(n_slots * model.angular.n_functions);
  angular_slope = Buffer<Real>(n_slots * model.angular.n_functions);
  moment_values = Buffer<Real>(n_slots * model.n_moments);
}

template <class Real>
NeighborSlots<Real>::NeighborSlots(const NepModel& model, const KernelModel<Real>& layout,
                                   int lanes)
    : n_species_(layout.n_species),
      lanes_(lanes),
      layout_(layout),
      n_beyond_(layout.n_species),
      work_(layout, lanes, layout.n_species >= fewest_mixed_species) {
  for (int first = 0; first < n_species_; ++first) {
    for (int second = 0; second < n_species_; ++second) {
      radial_square_.push_back(std::pow(model.radial.pair_cutoff(first, second), 2));
      angular_square_.push_back(std::pow(model.angular.pair_cutoff(first, second), 2));
    }
  }
}

template <class Real>
void NeighborSlots<Real>::reserve(int n_neighbors) {
  if (n_neighbors <= n_reserved_) return;
  n_reserved_ = n_neighbors;
  // Each list is written one neighbour beyond the last that is kept.
  const std::size_t n_slots = padded(n_neighbors + n_species_ * (lanes_ - 1) + 1, most_lanes);
  atom_of_slot_.resize(n_slots);
  atom_beyond_.resize(n_neighbors + 1);
  for (Buffer<Real>* array : {&x_beyond_, &y_beyond_, &z_beyond_}) {
    *array = Buffer<Real>(n_neighbors + 1);
  }
  square_beyond_ = Buffer<double>(n_neighbors + 1);
  work_.reserve(layout_, lanes_, n_slots);
}

namespace {

/// Writes the neighbours inside the cutoff and counts them. Written without a branch, since which
/// are inside cannot be predicted: every neighbour is written, and the next one overwrites it if it
/// is not kept.
template <class Destination>
int filter(const double* positions, const double* origin, const int* neighbors, int n_neighbors,
           double cutoff_square, const Destination& to) {
  using Real = std::remove_pointer_t<decltype(to.x)>;
  const double origin_x = origin[0], origin_y = origin[1], origin_z = origin[2];
  const Destination out = to;
  int n_kept = 0;
  for (int idx = 0; idx < n_neighbors; ++idx) {
    const int atom = neighbors[idx];
    const double* position = positions + 3 * static_cast<std::size_t>(atom);
    const double x = position[0] - origin_x;
    const double y = position[1] - origin_y;
    const double z = position[2] - origin_z;
    out.x[n_kept] = static_cast<Real>(x);
    out.y[n_kept] = static_cast<Real>(y);
    out.z[n_kept] = static_cast<Real>(z);
    const double square = x * x + y * y + z * z;
    out.square[n_kept] = square;
    out.atom[n_kept] = atom;
    n_kept += square < cutoff_square ? 1 : 0;
  }
  return n_kept;
}

/// Moves the neighbours inside the cutoff before the others and counts them. Without a branch
/// again: one outside changes places with another one outside.
template <class Destination>
int inside_first(double cutoff_square, const Destination& list, int count) {
  int n_inside = 0;
  for (int idx = 0; idx < count; ++idx) {
    const double square = list.square[idx];
    std::swap(list.square[idx], list.square[n_inside]);
    std::swap(list.x[idx], list.x[n_inside]);
    std::swap(list.y[idx], list.y[n_inside]);
    std::swap(list.z[idx], list.z[n_inside]);
    std::swap(list.atom[idx], list.atom[n_inside]);
    n_inside += square < cutoff_square ? 1 : 0;
  }
  return n_inside;
}

template <class Destination>
void copy(const Destination& from, const Destination& to, int count) {
  std::copy_n(from.x, count, to.x);
  std::copy_n(from.y, count, to.y);
  std::copy_n(from.z, count, to.z);
  std::copy_n(from.square, count, to.square);
  std::copy_n(from.atom, count, to.atom);
}

}  // namespace

template <class Real>
typename NeighborSlots<Real>::Destination NeighborSlots<Real>::slots_from(int first) {
  return {work_.x.data() + first, work_.y.data() + first, work_.z.data() + first,
          work_.square.data() + first, atom_of_slot_.data() + first};
}

template <class Real>
void NeighborSlots<Real>::gather(const double* positions, int center, int species,
                                 const int* neighbors, const int* n_of_species) {
  groups_.clear();
  runs_.clear();
  if (work_.mixed) {
    gather_mixed(positions, center, species, neighbors, n_of_species);
  } else {
    gather_by_species(positions, center, species, neighbors, n_of_species);
  }
  work_.groups = {groups_.data(), groups_.size()};
  work_.runs = {runs_.data(), runs_.size()};
}

/// One group for each species.
template <class Real>
void NeighborSlots<Real>::gather_by_species(const double* positions, int center, int species,
                                            const int* neighbors, const int* n_of_species) {
  const double* origin = positions + 3 * static_cast<std::size_t>(center);
  int first = 0;
  for (int other = 0; other < n_species_; ++other) {
    const int pair = species * n_species_ + other;
    const Destination slots = slots_from(first);
    const int count =
        filter(positions, origin, neighbors, n_of_species[other], radial_square_[pair], slots);
    neighbors += n_of_species[other];
    if (count == 0) continue;
    const bool equal = angular_square_[pair] == radial_square_[pair];
    const int n_angular = equal ? count : inside_first(angular_square_[pair], slots, count);
    const int n_slots = padded(count, lanes_);
    pad(center, layout_.radial.cutoff[pair], first + count, first + n_slots);
    groups_.push_back({first, n_slots, padded(n_angular, lanes_)});
    runs_.push_back({other, first, count});
    first += n_slots;
  }
}

/// One group of all neighbours: those inside the angular cutoff, species after species, then the
/// others.
template <class Real>
void NeighborSlots<Real>::gather_mixed(const double* positions, int center, int species,
                                       const int* neighbors, const int* n_of_species) {
  const double* origin = positions + 3 * static_cast<std::size_t>(center);
  const Destination beyond = {x_beyond_.data(), y_beyond_.data(), z_beyond_.data(),
                              square_beyond_.data(), atom_beyond_.data()};
  std::fill(n_beyond_.begin(), n_beyond_.end(), 0);
  int n_slots = 0, n_set_aside = 0;
  for (int other = 0; other < n_species_; ++other) {
    const int pair = species * n_species_ + other;
    const Destination slots = slots_from(n_slots);
    const int count =
        filter(positions, origin, neighbors, n_of_species[other], radial_square_[pair], slots);
    neighbors += n_of_species[other];
    const int n_angular = inside_first(angular_square_[pair], slots, count);
    n_beyond_[other] = count - n_angular;
    copy(slots_from(n_slots + n_angular),
         {beyond.x + n_set_aside, beyond.y + n_set_aside, beyond.z + n_set_aside,
          beyond.square + n_set_aside, beyond.atom + n_set_aside},
         n_beyond_[other]);
    add_run(species, other, n_slots, n_angular);
    n_slots += n_angular;
    n_set_aside += n_beyond_[other];
  }
  const int n_angular = n_slots;
  work_.n_angular_runs = static_cast<int>(runs_.size());
  copy(beyond, slots_from(n_slots), n_set_aside);
  for (int other = 0; other < n_species_; ++other) {
    add_run(species, other, n_slots, n_beyond_[other]);
    n_slots += n_beyond_[other];
  }
  const int end = padded(n_slots, lanes_);
  pad(center, 1, n_slots, end);
  for (int slot = n_slots; slot < end; ++slot) {
    work_.radial_scale[slot] = 1;
    work_.angular_scale[slot] = 1;
  }
  if (end > 0) groups_.push_back({0, end, padded(n_angular, lanes_)});
}

/// Adds a run of a mixed group, unless it is empty.
template <class Real>
void NeighborSlots<Real>::add_run(int species, int other, int first, int count) {
  if (count == 0) return;
  const int pair = species * n_species_ + other;
  runs_.push_back({other, first, count});
  std::fill_n(work_.radial_scale.data() + first, count, 1 / layout_.radial.cutoff[pair]);
  std::fill_n(work_.angular_scale.data() + first, count, 1 / layout_.angular.cutoff[pair]);
}

/// Fills slots with neighbours at twice the cutoff, which contribute nothing.
template <class Real>
void NeighborSlots<Real>::pad(int center, double cutoff, int first, int end) {
  for (int slot = first; slot < end; ++slot) {
    work_.x[slot] = static_cast<Real>(2 * cutoff);
    work_.y[slot] = 0;
    work_.z[slot] = 0;
    work_.square[slot] = 4 * cutoff * cutoff;
    atom_of_slot_[slot] = center;
  }
}

template struct KernelWorkspace<double>;
template struct KernelWorkspace<float>;
template class NeighborSlots<double>;
template class NeighborSlots<float>;

}  // namespace nepforge
