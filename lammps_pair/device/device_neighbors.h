// Neighbour lists in the memory of a backend: count atoms and neighbours, allocate, fill.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "bins.h"
#include "device_array.h"
#include "nep_device.h"

namespace nepforge {
namespace device {

template <class Backend>
class DeviceNeighbors {
 public:
  explicit DeviceNeighbors(Backend& backend)
      : backend_(backend),
        square_(backend),
        first_in_bin_(backend),
        next_(backend),
        members_(backend),
        counts_(backend),
        first_(backend),
        neighbors_(backend) {}

  /// Lists of the first n_centers of n_atoms atoms, whose arrays lie on the device;
  /// `host_positions` are the same positions here.
  void build(const NepModel& model, double skin, int n_atoms, int n_centers,
             const double* host_positions, const double* positions, const int* species) {
    const int n_species = model.n_species();
    std::vector<double> square;
    for (int first = 0; first < n_species; ++first) {
      for (int second = 0; second < n_species; ++second) {
        square.push_back(std::pow(model.cutoff(first, second) + skin, 2));
      }
    }
    square_.set(square);
    const BinGrid grid = make_grid(n_atoms, host_positions, model.max_cutoff() + skin);
    sort_into_bins(grid, n_atoms, positions);
    const BinArrays bins = {
        grid, positions, species, n_species, square_.data(), first_in_bin_.data(), members_.data()};
    counts_.resize(n_centers);
    backend_.run(n_centers, CountNeighbors{bins, counts_.data()});
    make_room(n_centers);
    backend_.run(n_centers, ListNeighbors{bins, first_.data(), neighbors_.data()});
  }

  /// Given lists: `neighbors` of a center begin at first[center].
  void set(const std::vector<std::size_t>& first, const std::vector<int>& neighbors) {
    first_.set(first);
    neighbors_.set(neighbors);
    longest_ = 0;
    for (std::size_t center = 0; center + 1 < first.size(); ++center) {
      longest_ = std::max(longest_, static_cast<int>(first[center + 1] - first[center]));
    }
  }

  const std::size_t* first() const { return first_.data(); }
  const int* neighbors() const { return neighbors_.data(); }
  int longest() const { return longest_; }
  double bytes() const {
    return first_in_bin_.bytes() + next_.bytes() + members_.bytes() + counts_.bytes() +
           first_.bytes() + neighbors_.bytes();
  }

 private:
  static constexpr double bins_per_atom = 1.0;  // at most, so that a sparse system stays small

  static BinGrid make_grid(int n_atoms, const double* positions, double range) {
    BinGrid grid;
    double extent[3], wanted[3];
    for (int axis = 0; axis < 3; ++axis) {
      double low = positions[axis], high = positions[axis];
      for (int atom = 0; atom < n_atoms; ++atom) {
        const double position = positions[3 * static_cast<std::size_t>(atom) + axis];
        if (!std::isfinite(position)) throw DeviceError("a position is not finite");
        low = std::min(low, position);
        high = std::max(high, position);
      }
      grid.low[axis] = low;
      extent[axis] = high - low;
      wanted[axis] = std::max(1.0, std::floor(extent[axis] / range));
    }
    const double most = std::max(1.0, bins_per_atom * n_atoms);
    while (wanted[0] * wanted[1] * wanted[2] > most) {
      double& largest = *std::max_element(wanted, wanted + 3);
      largest = std::max(1.0, std::floor(largest / 2));
    }
    for (int axis = 0; axis < 3; ++axis) {
      grid.n_bins[axis] = static_cast<int>(wanted[axis]);
      grid.inverse[axis] = extent[axis] > 0.0 ? wanted[axis] / extent[axis] : 0.0;
    }
    return grid;
  }

  void sort_into_bins(const BinGrid& grid, int n_atoms, const double* positions) {
    const int n_bins = grid.n_bins[0] * grid.n_bins[1] * grid.n_bins[2];
    next_.resize(n_bins);
    next_.clear();
    backend_.run(n_atoms, CountMembers{grid, positions, next_.data()});
    std::vector<int> counts(n_bins), first(n_bins + 1, 0);
    next_.get(counts.data());
    for (int bin = 0; bin < n_bins; ++bin) first[bin + 1] = first[bin] + counts[bin];
    first_in_bin_.set(first);
    next_.set(first.data(), n_bins);
    members_.resize(n_atoms);
    backend_.run(n_atoms, PlaceMembers{grid, positions, next_.data(), members_.data()});
    backend_.run(n_bins, SortMembers{first_in_bin_.data(), members_.data()});
  }

  void make_room(int n_centers) {
    std::vector<int> counts(n_centers);
    counts_.get(counts.data());
    std::vector<std::size_t> first(n_centers + 1, 0);
    longest_ = 0;
    for (int center = 0; center < n_centers; ++center) {
      first[center + 1] = first[center] + counts[center];
      longest_ = std::max(longest_, counts[center]);
    }
    first_.set(first);
    neighbors_.resize(first[n_centers]);
  }

  Backend& backend_;
  Array<Backend, double> square_;
  Array<Backend, int> first_in_bin_, next_, members_, counts_;
  Array<Backend, std::size_t> first_;
  Array<Backend, int> neighbors_;
  int longest_ = 0;
};

}  // namespace device
}  // namespace nepforge
