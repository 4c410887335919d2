// Runs the kernels of the GPU on the CPU for a model file: jittered grids of atoms without images,
// with lanes upwards and downwards, with lists of the device and with given ones. Ends with status
// 1 when two of them differ by more than rounding or the forces do not add up to zero. The
// sanitizers that it is compiled with watch every access.
#include <cmath>
#include <cstdio>
#include <limits>
#include <random>
#include <vector>

#include "nep_device.h"

namespace {

using namespace nepforge;

struct Atoms {
  std::vector<double> positions;  // [atom][3] Å
  std::vector<int> species;       // [atom] -1 takes no part
};

Atoms make_atoms(int n_atoms, int n_species, std::mt19937& random) {
  constexpr double spacing = 1.9, jitter = 0.3;  // Å
  std::uniform_real_distribution<double> shift(-jitter, jitter);
  std::uniform_int_distribution<int> kind(-1, n_species - 1);
  Atoms atoms;
  for (int idx = 0; idx < n_atoms; ++idx) {
    for (const int place : {idx % 5, idx / 5 % 5, idx / 25}) {
      atoms.positions.push_back(spacing * place + shift(random));
    }
    atoms.species.push_back(kind(random));
  }
  return atoms;
}

/// Lists of all pairs of atoms that take part.
void give_lists(NepDevice& device, const DeviceAtoms& atoms) {
  std::vector<std::size_t> first = {0};
  std::vector<int> neighbors;
  for (int center = 0; center < atoms.n_centers; ++center) {
    for (int atom = 0; atom < atoms.n_atoms; ++atom) {
      const bool both = atoms.species[center] >= 0 && atoms.species[atom] >= 0;
      if (both && atom != center) neighbors.push_back(atom);
    }
    first.push_back(neighbors.size());
  }
  device.set_atoms(atoms, first, neighbors);
}

/// What is left of the sum of the forces beyond the rounding of the largest of them. They are whole
/// numbers of 2^-40 eV/Å, which a double holds exactly up to 2^12 eV/Å.
double sum_of_forces(const std::vector<double>& forces) {
  constexpr double most_exact = 4096.0;
  long double total = 0.0L, rounding = 0.0L;
  for (const double force : forces) {
    total += force;
    if (std::abs(force) >= most_exact) {
      rounding += std::abs(force) * std::numeric_limits<double>::epsilon();
    }
  }
  return std::abs(total) <= rounding ? 0.0 : static_cast<double>(total);
}

/// Forces, energies and virials, one after another. The first half of the atoms are centers.
std::vector<double> evaluate(NepDevice& device, Atoms atoms, bool given = false) {
  constexpr double skin = 1.0, step = 0.1;  // Å
  const int n_atoms = static_cast<int>(atoms.species.size());
  const int n_centers = (n_atoms + 1) / 2;
  const DeviceAtoms all = {n_atoms, n_centers, atoms.positions.data(), atoms.species.data()};
  if (given) {
    give_lists(device, all);
  } else {
    device.set_atoms(all, skin);
  }
  for (double& position : atoms.positions) position += step * std::sin(position);
  std::vector<double> forces(3 * n_atoms), energies(n_centers), virials(9 * n_atoms);
  DeviceResults results;
  results.forces = forces.data();
  results.atomic_energies = energies.data();
  results.atomic_virials = virials.data();
  device.evaluate(atoms.positions.data(), results);
  const double total = sum_of_forces(forces);
  if (total != 0.0) std::printf("forces add up to %.1e\n", total);
  forces.push_back(total);
  forces.insert(forces.end(), energies.begin(), energies.end());
  forces.insert(forces.end(), virials.begin(), virials.end());
  return forces;
}

}  // namespace

int main(int, char** arguments) {
  const NepModel model = parse_nep_model(load_text(arguments[1]), arguments[1]);
  std::mt19937 random(1);
  int n_cases = 0;
  for (const Precision precision : {Precision::full, Precision::mixed}) {
    const auto upwards = make_host_device(model, precision, LaneOrder::upwards);
    const auto downwards = make_host_device(model, precision, LaneOrder::downwards);
    for (const int n_atoms : {40, 0, 1, 120}) {
      const Atoms atoms = make_atoms(n_atoms, model.n_species(), random);
      const std::vector<double> first = evaluate(*upwards, atoms);
      const std::vector<double> second = evaluate(*downwards, atoms);
      const std::vector<double> third = evaluate(*upwards, atoms, true);
      double largest = 1.0, difference = 0.0;
      for (std::size_t idx = 0; idx < first.size(); ++idx) {
        largest = std::max(largest, std::abs(first[idx]));
        difference = std::max(difference, std::abs(first[idx] - second[idx]));
        difference = std::max(difference, std::abs(first[idx] - third[idx]));
      }
      const double tolerance = precision == Precision::full ? 1e-11 : 1e-5;
      if (!(difference <= tolerance * largest)) {
        std::printf("%d atoms: the order of lanes or lists changes a result by %.1e\n", n_atoms,
                    difference);
        return 1;
      }
      ++n_cases;
    }
  }
  std::printf("%d cases\n", n_cases);
  return 0;
}
