#include "neighbors.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

namespace nepforge {
namespace {

using Vector = std::array<double, 3>;

constexpr double coincident = 1e-6;      // Å: no potential has a meaning below
constexpr double flat = 1e-9;            // volume of a cell in units of the product of its edges
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

/// Bins in fractional coordinates, no thinner than the cutoff.
class Bins {
 public:
  Bins(const std::vector<Vector>& fractions, const Lattice& lattice, double cutoff) {
    for (int axis = 0; axis < 3; ++axis) {
      double low = std::numeric_limits<double>::infinity();
      double high = -low;
      for (const Vector& fraction : fractions) {
        low = std::min(low, fraction[axis]);
        high = std::max(high, fraction[axis]);
      }
      low_[axis] = low;
      extent_[axis] = std::max(high - low, std::numeric_limits<double>::min());
      n_wanted_[axis] = std::max(1.0, std::floor(extent_[axis] * lattice.thickness[axis] / cutoff));
    }
    const double most = n_bins_per_atom * static_cast<double>(fractions.size());
    while (n_wanted_[0] * n_wanted_[1] * n_wanted_[2] > most) {
      double& largest = *std::max_element(n_wanted_.begin(), n_wanted_.end());
      largest = std::max(1.0, std::floor(largest / 2));
    }
    for (int axis = 0; axis < 3; ++axis) n_bins_[axis] = static_cast<int>(n_wanted_[axis]);
    members_.resize(static_cast<std::size_t>(n_bins_[0]) * n_bins_[1] * n_bins_[2]);
    for (std::size_t atom = 0; atom < fractions.size(); ++atom) {
      members_[index(place(fractions[atom]))].push_back(static_cast<int>(atom));
    }
  }

  /// Calls body(atom) for the atoms of the 27 bins around a fractional position.
  template <class Body>
  void visit(const Vector& fraction, const Body& body) const {
    const std::array<int, 3> home = place(fraction);
    std::array<int, 3> first, last;
    for (int axis = 0; axis < 3; ++axis) {
      first[axis] = std::max(home[axis] - 1, 0);
      last[axis] = std::min(home[axis] + 1, n_bins_[axis] - 1);
    }
    std::array<int, 3> bin;
    for (bin[0] = first[0]; bin[0] <= last[0]; ++bin[0]) {
      for (bin[1] = first[1]; bin[1] <= last[1]; ++bin[1]) {
        for (bin[2] = first[2]; bin[2] <= last[2]; ++bin[2]) {
          for (const int atom : members_[index(bin)]) body(atom);
        }
      }
    }
  }

 private:
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

  Vector low_, extent_, n_wanted_;
  std::array<int, 3> n_bins_;
  std::vector<std::vector<int>> members_;
};

void find_pairs(const Images& images, const Bins& bins, int n_atoms, double cutoff,
                NeighborList& list) {
  for (int atom = 0; atom < n_atoms; ++atom) {
    const double* origin = list.positions.data() + 3 * static_cast<std::size_t>(atom);
    std::vector<int>& found = list.neighbors[atom];
    bins.visit(images.fractions[atom], [&](int other) {
      if (other == atom) return;
      const double* position = list.positions.data() + 3 * static_cast<std::size_t>(other);
      double square = 0.0;
      for (int axis = 0; axis < 3; ++axis) square += std::pow(position[axis] - origin[axis], 2);
      if (square < coincident * coincident) {
        throw StructureError("atoms " + std::to_string(atom) + " and " +
                             std::to_string(list.owner[other]) + " are at the same place");
      }
      if (square < cutoff * cutoff) found.push_back(other);
    });
    std::sort(found.begin(), found.end());
    list.n_neighbors[atom] = static_cast<int>(found.size());
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
  NeighborList list = std::move(images.list);
  list.n_neighbors.assign(n_atoms, 0);
  list.neighbors.resize(n_atoms);
  if (n_atoms > 0) {
    const Bins bins(images.fractions, lattice, cutoff);
    find_pairs(images, bins, n_atoms, cutoff, list);
  }
  return list;
}

}  // namespace nepforge
