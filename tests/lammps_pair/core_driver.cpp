// Runs the CPU core for a model file in every instruction set and precision, on lone atoms, pairs,
// clumps and nothing. Ends with status 1 when an evaluator that has seen other atoms gives other
// bits than a new one, or when two ways give other numbers than rounding explains. The sanitizers
// that it is compiled with watch every access.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "nep_cpu.h"
#include "nep_threads.h"

namespace {

using namespace nepforge;

constexpr double reach = 1.0;  // Å beyond the cutoff, of the neighbour lists

/// Atoms without images; every array has its exact size.
struct Atoms {
  std::vector<double> positions;  // [atom][3] Å
  std::vector<int> species;       // [atom] -1 takes no part
  std::vector<int> centers;       // every atom but some at the end
  std::vector<std::vector<int>> lists;

  int count() const { return static_cast<int>(species.size()); }
};

double square_distance(const Atoms& atoms, int first, int second) {
  double square = 0.0;
  for (int axis = 0; axis < 3; ++axis) {
    const double along = atoms.positions[3 * first + axis] - atoms.positions[3 * second + axis];
    square += along * along;
  }
  return square;
}

/// A jittered grid of `n_atoms` and, far from it and from each other, `n_lone` atoms, which come
/// first, last, or between the others.
Atoms make_atoms(int n_atoms, int n_lone, double spacing, const NepModel& model,
                 std::mt19937& random) {
  constexpr double jitter = 0.3, far = 50.0;  // Å
  std::uniform_real_distribution<double> shift(-jitter, jitter);
  std::uniform_int_distribution<int> kind(-1, model.n_species() - 1);
  const int n_all = n_atoms + n_lone;
  Atoms atoms;
  for (int idx = 0, lone = 0, place = 0; idx < n_all; ++idx) {
    const bool alone = lone < n_lone && (idx % 3 == 0 || place == n_atoms);
    const int on_grid = alone ? 0 : place++;
    for (const int at : {on_grid % 3, on_grid / 3 % 3, on_grid / 9}) {
      atoms.positions.push_back(spacing * at + shift(random) + (alone ? far * (lone + 1) : 0.0));
    }
    lone += alone ? 1 : 0;
    atoms.species.push_back(kind(random));
    if (idx < n_all - n_all / 4) atoms.centers.push_back(idx);
  }
  const double range = std::pow(model.max_cutoff() + reach, 2);
  atoms.lists.resize(n_all);
  for (int first = 0; first < n_all; ++first) {
    for (int second = 0; second < n_all; ++second) {
      if (first != second && square_distance(atoms, first, second) < range) {
        atoms.lists[first].push_back(second);
      }
    }
    atoms.lists[first].shrink_to_fit();
  }
  return atoms;
}

/// Forces, energies and virials, one after another. `evaluate` is that of an evaluator.
template <class Evaluate>
std::vector<double> run(const Atoms& atoms, int n_species, const Evaluate& evaluate) {
  const int n_atoms = atoms.count();
  std::vector<int> types, species_of_type, counts;
  std::vector<const int*> lists;
  for (int species = -1; species < n_species; ++species) species_of_type.push_back(species);
  for (int atom = 0; atom < n_atoms; ++atom) {
    types.push_back(atoms.species[atom] + 1);
    counts.push_back(static_cast<int>(atoms.lists[atom].size()));
    lists.push_back(atoms.lists[atom].data());
  }
  std::vector<double> forces(3 * n_atoms), energies(n_atoms), virials(9 * n_atoms);
  Totals totals;
  totals.forces = forces.data();
  totals.atomic_energy = energies.data();
  totals.atomic_virial = virials.data();
  evaluate({atoms.positions.data(), types.data(), species_of_type.data()},
           {static_cast<int>(atoms.centers.size()), atoms.centers.data(), counts.data(),
            lists.data(), -1},
           totals);
  forces.insert(forces.end(), energies.begin(), energies.end());
  forces.insert(forces.end(), virials.begin(), virials.end());
  return forces;
}

std::vector<double> run(const Atoms& atoms, int n_species, NepCpu& core) {
  return run(atoms, n_species,
             [&](const AtomsView& view, const NeighborView& lists, Totals& totals) {
               core.evaluate(view, lists, totals);
             });
}

/// Stops unless both differ by at most `tolerance` times the largest number or one.
void compare(const std::vector<double>& found, const std::vector<double>& expected,
             double tolerance, const std::string& what) {
  double largest = 1.0;
  for (const double number : expected) largest = std::max(largest, std::abs(number));
  for (std::size_t idx = 0; idx < expected.size(); ++idx) {
    if (std::abs(found[idx] - expected[idx]) <= tolerance * largest) continue;
    std::printf("%s: number %zu of %zu is %.10g, expected %.10g\n", what.c_str(), idx,
                expected.size(), found[idx], expected[idx]);
    std::exit(1);
  }
}

}  // namespace

int main(int, char** arguments) {
  const NepModel model = parse_nep_model(load_text(arguments[1]), arguments[1]);
  std::mt19937 random(1);
  std::vector<Atoms> cases;
  for (const double spacing : {1.9, 3.5}) {
    for (const auto& [n_atoms, n_lone] :
         std::vector<std::pair<int, int>>{{0, 3}, {27, 4}, {0, 0}, {1, 0}, {2, 2}, {12, 1}}) {
      cases.push_back(make_atoms(n_atoms, n_lone, spacing, model, random));
    }
  }
  int n_runs = 0;
  NepCpu reference(model, "baseline");
  for (const Precision precision : {Precision::full, Precision::mixed}) {
    const double tolerance = precision == Precision::full ? 1e-11 : 1e-5;
    NepThreads threads(model, precision, 2);
    for (const std::string& set : instruction_sets()) {
      NepCpu used(model, set, precision);
      for (const Atoms& atoms : cases) {
        const std::vector<double> expected = run(atoms, model.n_species(), reference);
        const std::vector<double> found = run(atoms, model.n_species(), used);
        NepCpu fresh(model, set, precision);
        compare(found, run(atoms, model.n_species(), fresh), 0.0, set + ", used before");
        compare(found, expected, tolerance, set);
        compare(run(atoms, model.n_species(),
                    [&](const AtomsView& view, const NeighborView& lists, Totals& totals) {
                      threads.evaluate(view, atoms.count(), lists, totals);
                    }),
                expected, tolerance, "two threads");
        ++n_runs;
      }
    }
  }
  std::printf("%d runs\n", n_runs);
  return 0;
}
