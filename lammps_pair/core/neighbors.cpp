#include "neighbors.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <utility>

namespace nepforge {
namespace {

using Vector = std::array<double, 3>;

constexpr double coincident = 1e-6;      // Å: no potential has a meaning below
constexpr double flat = 1e-9;            // volume of a cell in units of the product of its edges
constexpr double most_images = 1e8;      // a few gigabytes; no structure of matter needs them
constexpr double bins_per_cutoff = 2.0;  // thinner bins hold fewer atoms in vain, but are more
constexpr double n_bins_per_atom = 8.0;  // at most, so that a sparse system does not fill memory

double dot(const Vector& a, const Vector& b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

Vector cross(const Vector& a, const Vector& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

double length(const Vector& a) {
  return std::sqrt(dot(a, a));
}

/// The cell with a unit vector at right angles in the place of every direction that is not
/// periodic.
struct Lattice {
  std::array<Vector, 3> vectors;
  std::array<Vector, 3> reciprocal;  // fractional coordinate = position . reciprocal
  std::array<double, 3> thickness;   // distance of opposite faces, Å
};

/// A unit vector at right angles to the one or two given.
Vector perpendicular(const std::vector<Vector>& given) {
  if (given.size() == 2) {
    const Vector normal = cross(given[0], given[1]);
    const double norm = length(normal);
    return {normal[0] / norm, normal[1] / norm, normal[2] / norm};
  }
  if (given.empty()) return {1.0, 0.0, 0.0};
  Vector axis = {0.0, 0.0, 0.0};
  const Vector& only = given[0];
  int smallest = 0;
  for (int idx = 1; idx < 3; ++idx) {
    if (std::abs(only[idx]) < std::abs(only[smallest])) smallest = idx;
  }
  axis[smallest] = 1.0;
  return perpendicular({only, axis});
}

Lattice complete(const Cell& cell) {
  Lattice lattice;
  std::vector<Vector> known;
  for (int axis = 0; axis < 3; ++axis) {
    const double* row = cell.vectors.data() + 3 * axis;
    lattice.vectors[axis] = {row[0], row[1], row[2]};
    if (cell.periodic[axis]) known.push_back(lattice.vectors[axis]);
  }
  const bool parallel = known.size() == 2 && length(cross(known[0], known[1])) <=
                                                 flat * length(known[0]) * length(known[1]);
  const bool zero = known.size() == 1 && length(known[0]) == 0.0;
  if (!parallel && !zero) {
    for (int axis = 0; axis < 3; ++axis) {
      if (cell.periodic[axis]) continue;
      lattice.vectors[axis] = perpendicular(known);
      known.push_back(lattice.vectors[axis]);
    }
  }
  const std::array<Vector, 3>& v = lattice.vectors;
  const double volume = dot(v[0], cross(v[1], v[2]));
  const double edges = length(v[0]) * length(v[1]) * length(v[2]);
  if (parallel || zero || !(std::abs(volume) > flat * edges)) {
    throw StructureError("the periodic cell vectors span no volume");
  }
  for (int axis = 0; axis < 3; ++axis) {
    const Vector normal = cross(v[(axis + 1) % 3], v[(axis + 2) % 3]);
    for (int idx = 0; idx < 3; ++idx) lattice.reciprocal[axis][idx] = normal[idx] / volume;
    lattice.thickness[axis] = std::abs(volume) / length(normal);
  }
  return lattice;
}

/// The structure with its images, under construction.
class Images {
 public:
  Images(int n_atoms, const double* positions, const Cell& cell, const Lattice& lattice)
      : cell_(cell), lattice_(lattice) {
    list.positions.reserve(3 * static_cast<std::size_t>(n_atoms));
    for (int atom = 0; atom < n_atoms; ++atom) {
      Vector position = {positions[3 * atom], positions[3 * atom + 1], positions[3 * atom + 2]};
      Vector fraction;
      for (int axis = 0; axis < 3; ++axis) {
        if (!std::isfinite(position[axis])) {
          throw StructureError("the position of atom " + std::to_string(atom) + " is not finite");
        }
        fraction[axis] = dot(position, lattice.reciprocal[axis]);
      }
      for (int axis = 0; axis < 3; ++axis) {
        if (!cell.periodic[axis]) continue;
        const double shift = -std::floor(fraction[axis]);
        fraction[axis] += shift;
        for (int idx = 0; idx < 3; ++idx) position[idx] += shift * lattice.vectors[axis][idx];
      }
      add(position, fraction, atom);
    }
  }

  /// Adds every image within `cutoff` of the cell, direction after direction.
  void replicate(double cutoff) {
    double n_images = static_cast<double>(list.owner.size());
    for (int axis = 0; axis < 3; ++axis) {
      if (cell_.periodic[axis]) n_images *= 1.0 + 2.0 * cutoff / lattice_.thickness[axis];
    }
    if (!(n_images < most_images)) {
      throw StructureError("the periodic cell is far thinner than the cutoff");
    }
    for (int axis = 0; axis < 3; ++axis) {
      if (!cell_.periodic[axis]) continue;
      const double reach = cutoff / lattice_.thickness[axis];
      const int n_layers = static_cast<int>(std::ceil(reach));
      const int n_so_far = static_cast<int>(list.owner.size());
      for (int layer = -n_layers; layer <= n_layers; ++layer) {
        if (layer != 0) add_layer(axis, layer, reach, n_so_far);
      }
    }
  }

  NeighborList list;
  std::vector<Vector> fractions;

 private:
  void add_layer(int axis, int layer, double reach, int n_so_far) {
    for (int atom = 0; atom < n_so_far; ++atom) {
      Vector fraction = fractions[atom];
      fraction[axis] += layer;
      if (fraction[axis] < -reach || fraction[axis] > 1.0 + reach) continue;
      Vector position;
      for (int idx = 0; idx < 3; ++idx) {
        position[idx] = list.positions[3 * static_cast<std::size_t>(atom) + idx] +
                        layer * lattice_.vectors[axis][idx];
      }
      add(position, fraction, list.owner[atom]);
    }
  }

  void add(const Vector& position, const Vector& fraction, int owner) {
    list.positions.insert(list.positions.end(), position.begin(), position.end());
    fractions.push_back(fraction);
    list.owner.push_back(owner);
  }

  const Cell& cell_;
  const Lattice& lattice_;
};

/// Bins in fractional coordinates, about half a cutoff thick. The atoms of the bins along the last
/// axis lie one after the other in memory, so that a row of bins is searched as one run.
class Bins {
 public:
  Bins(const Images& images, const Lattice& lattice, double cutoff) {
    const std::vector<Vector>& fractions = images.fractions;
    Vector n_wanted, thickness;
    for (int axis = 0; axis < 3; ++axis) {
      double low = std::numeric_limits<double>::infinity();
      double high = -low;
      for (const Vector& fraction : fractions) {
        low = std::min(low, fraction[axis]);
        high = std::max(high, fraction[axis]);
      }
      low_[axis] = low;
      extent_[axis] = std::max(high - low, std::numeric_limits<double>::min());
      thickness[axis] = extent_[axis] * lattice.thickness[axis];
      n_wanted[axis] = std::max(1.0, std::floor(bins_per_cutoff * thickness[axis] / cutoff));
    }
    const double most = n_bins_per_atom * static_cast<double>(fractions.size());
    while (n_wanted[0] * n_wanted[1] * n_wanted[2] > most) {
      double& largest = *std::max_element(n_wanted.begin(), n_wanted.end());
      largest = std::max(1.0, std::floor(largest / 2));
    }
    for (int axis = 0; axis < 3; ++axis) {
      n_bins_[axis] = static_cast<int>(n_wanted[axis]);
      const double reach = std::ceil(cutoff * n_wanted[axis] / thickness[axis]);
      reach_[axis] = static_cast<int>(std::min(reach, n_wanted[axis]));
    }
    sort_atoms(images);
  }

  /// Calls body(first, last) for runs of sorted atoms that hold all within the cutoff of a
  /// position.
  template <class Body>
  void visit(const Vector& fraction, const Body& body) const {
    const std::array<int, 3> home = place(fraction);
    std::array<int, 3> first, last;
    for (int axis = 0; axis < 3; ++axis) {
      first[axis] = std::max(home[axis] - reach_[axis], 0);
      last[axis] = std::min(home[axis] + reach_[axis], n_bins_[axis] - 1);
    }
    for (int x = first[0]; x <= last[0]; ++x) {
      for (int y = first[1]; y <= last[1]; ++y) {
        body(first_of_bin_[index({x, y, first[2]})], first_of_bin_[index({x, y, last[2]}) + 1]);
      }
    }
  }

  std::vector<int> order;                            // [n_total] atoms, bin after bin
  std::vector<double> sorted_x, sorted_y, sorted_z;  // their positions, Å

 private:
  void sort_atoms(const Images& images) {
    const std::size_t n_total = images.fractions.size();
    std::vector<std::size_t> bin_of_atom(n_total);
    first_of_bin_.assign(static_cast<std::size_t>(n_bins_[0]) * n_bins_[1] * n_bins_[2] + 1, 0);
    for (std::size_t atom = 0; atom < n_total; ++atom) {
      bin_of_atom[atom] = index(place(images.fractions[atom]));
      ++first_of_bin_[bin_of_atom[atom] + 1];
    }
    std::partial_sum(first_of_bin_.begin(), first_of_bin_.end(), first_of_bin_.begin());
    std::vector<int> next(first_of_bin_.begin(), first_of_bin_.end() - 1);
    order.resize(n_total);
    for (std::vector<double>* axis : {&sorted_x, &sorted_y, &sorted_z}) axis->resize(n_total);
    for (std::size_t atom = 0; atom < n_total; ++atom) {
      const int slot = next[bin_of_atom[atom]]++;
      const double* position = images.list.positions.data() + 3 * atom;
      order[slot] = static_cast<int>(atom);
      sorted_x[slot] = position[0];
      sorted_y[slot] = position[1];
      sorted_z[slot] = position[2];
    }
  }

  std::array<int, 3> place(const Vector& fraction) const {
    std::array<int, 3> bin;
    for (int axis = 0; axis < 3; ++axis) {
      const double position = (fraction[axis] - low_[axis]) / extent_[axis] * n_bins_[axis];
      bin[axis] = std::clamp(static_cast<int>(position), 0, n_bins_[axis] - 1);
    }
    return bin;
  }

  std::size_t index(const std::array<int, 3>& bin) const {
    return (static_cast<std::size_t>(bin[0]) * n_bins_[1] + bin[1]) * n_bins_[2] + bin[2];
  }

  Vector low_, extent_;
  std::array<int, 3> n_bins_, reach_;
  std::vector<int> first_of_bin_;  // [n_bins + 1]
};

[[noreturn]] void refuse_coincident(int first, int second) {
  throw StructureError("atoms " + std::to_string(first) + " and " + std::to_string(second) +
                       " share a position");
}

void find_pairs(const Images& images, const Bins& bins, int n_atoms, double cutoff,
                NeighborList& list) {
  const double cutoff_square = cutoff * cutoff;
  std::size_t n_found = 0;
  for (int atom = 0; atom < n_atoms; ++atom) {
    list.first[atom] = n_found;
    const double* origin = images.list.positions.data() + 3 * static_cast<std::size_t>(atom);
    bins.visit(images.fractions[atom], [&](int begin, int end) {
      if (list.entries.size() < n_found + (end - begin)) {
        list.entries.resize(2 * list.entries.size() + (end - begin));
      }
      int* entries = list.entries.data();
      for (int slot = begin; slot < end; ++slot) {
        const double x = bins.sorted_x[slot] - origin[0];
        const double y = bins.sorted_y[slot] - origin[1];
        const double z = bins.sorted_z[slot] - origin[2];
        const double square = x * x + y * y + z * z;
        const int other = bins.order[slot];
        if (square < coincident * coincident && other != atom) {
          refuse_coincident(atom, images.list.owner[other]);
        }
        // Without a branch: which atoms are inside cannot be predicted.
        entries[n_found] = other;
        n_found += (square < cutoff_square) & (other != atom) ? 1 : 0;
      }
    });
    list.n_neighbors[atom] = static_cast<int>(n_found - list.first[atom]);
  }
}

}  // namespace

NeighborList find_neighbors(int n_atoms, const double* positions, const Cell& cell, double cutoff) {
  for (const double component : cell.vectors) {
    if (!std::isfinite(component)) throw StructureError("the cell is not finite");
  }
  const Lattice lattice = complete(cell);
  Images images(n_atoms, positions, cell, lattice);
  images.replicate(cutoff);
  NeighborList& list = images.list;
  list.n_neighbors.assign(n_atoms, 0);
  list.first.assign(n_atoms, 0);
  if (n_atoms > 0) {
    const Bins bins(images, lattice, cutoff);
    find_pairs(images, bins, n_atoms, cutoff, list);
  }
  return std::move(list);
}

}  // namespace nepforge
