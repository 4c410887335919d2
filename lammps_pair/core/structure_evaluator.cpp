#include "structure_evaluator.h"

#include <algorithm>
#include <exception>
#include <string>

#ifdef _OPENMP
#include <omp.h>
#include <pthread.h>
#endif

namespace nepforge {
namespace {

constexpr int fewest_atoms = 8;         // of one thread: a thread that starts for less costs more
constexpr double longest_skin = 100.0;  // Å, as no cutoff is longer

#ifdef _OPENMP
/// The threads of OpenMP do not survive fork(): a child that used them would wait for ever.
bool is_forked_child = false;
const int fork_handler = pthread_atfork(nullptr, nullptr, [] { is_forked_child = true; });
#endif

int threads_for(int n_atoms, int wanted) {
#ifdef _OPENMP
  (void)fork_handler;
  if (is_forked_child) return 1;
  const int available = wanted > 0 ? wanted : omp_get_max_threads();
  return std::clamp(n_atoms / fewest_atoms, 1, std::max(available, 1));
#else
  (void)n_atoms;
  (void)wanted;
  return 1;
#endif
}

void check_options(const EvaluationOptions& options) {
  if (options.n_threads < 0) {
    throw StructureError("found " + std::to_string(options.n_threads) +
                         " threads, expected 0 (as many as OpenMP would take) or more");
  }
  if (!(options.skin >= 0.0 && options.skin <= longest_skin)) {
    throw StructureError("found a skin of " + std::to_string(options.skin) +
                         " Å, expected a number from 0 to 100");
  }
}

}  // namespace

/// The part of the atoms that one thread evaluates, and what comes of it.
struct StructureEvaluator::Share {
  int first, count;
  std::vector<double> forces;           // [n_total][3]
  std::vector<double> atomic_energies;  // [n_total]
  std::vector<double> atomic_virials;   // [n_total][9], empty when not wanted
  std::exception_ptr error;
};

StructureEvaluator::StructureEvaluator(const NepModel& model, const std::string& instruction_set)
    : cutoff_(model.max_cutoff()) {
  for (int idx = 0; idx < model.n_species(); ++idx) same_.push_back(idx);
  evaluators_.push_back(std::make_unique<NepCpu>(model, instruction_set));
}

StructureEvaluator::~StructureEvaluator() = default;

void StructureEvaluator::evaluate(const Structure& structure, const EvaluationOptions& options,
                                  const StructureResults& results) {
  check_options(options);
  if (list_is_valid(structure, options.skin)) {
    move_atoms(structure.positions);
  } else {
    skin_ = -1.0;  // an exception leaves no list behind
    build_list(structure, options.skin);
  }
  evaluate_shares(threads_for(structure.n_atoms, options.n_threads),
                  results.atomic_virials != nullptr);
  collect(structure.n_atoms, results);
}

bool StructureEvaluator::list_is_valid(const Structure& structure, double skin) const {
  const std::size_t n_atoms = species_.size();
  if (skin <= 0.0 || skin != skin_ || n_atoms != static_cast<std::size_t>(structure.n_atoms) ||
      structure.cell.vectors != cell_.vectors || structure.cell.periodic != cell_.periodic ||
      !std::equal(species_.begin(), species_.end(), structure.species)) {
    return false;
  }
  const double limit = skin * skin / 4;
  for (std::size_t atom = 0; atom < n_atoms; ++atom) {
    double square = 0.0;
    for (std::size_t idx = 3 * atom; idx < 3 * atom + 3; ++idx) {
      const double moved = structure.positions[idx] - built_at_[idx];
      square += moved * moved;
    }
    if (!(square < limit)) return false;
  }
  return true;
}

void StructureEvaluator::build_list(const Structure& structure, double skin) {
  const int n_atoms = structure.n_atoms;
  list_ = find_neighbors(n_atoms, structure.positions, structure.cell, cutoff_ + skin);
  const std::size_t n_total = list_.owner.size();
  types_.resize(n_total);
  shifts_.resize(3 * n_total);
  for (std::size_t atom = 0; atom < n_total; ++atom) {
    const int owner = list_.owner[atom];
    types_[atom] = structure.species[owner];
    for (int idx = 0; idx < 3; ++idx) {
      shifts_[3 * atom + idx] =
          list_.positions[3 * atom + idx] - structure.positions[3 * owner + idx];
    }
  }
  centers_.resize(n_atoms);
  neighbors_.resize(n_atoms);
  for (int atom = 0; atom < n_atoms; ++atom) {
    centers_[atom] = atom;
    neighbors_[atom] = list_.entries.data() + list_.first[atom];
  }
  species_.assign(structure.species, structure.species + n_atoms);
  built_at_.assign(structure.positions, structure.positions + 3 * n_atoms);
  cell_ = structure.cell;
  skin_ = skin;
}

void StructureEvaluator::move_atoms(const double* positions) {
  for (std::size_t atom = 0; atom < list_.owner.size(); ++atom) {
    const double* position = positions + 3 * static_cast<std::size_t>(list_.owner[atom]);
    for (int idx = 0; idx < 3; ++idx) {
      list_.positions[3 * atom + idx] = position[idx] + shifts_[3 * atom + idx];
    }
  }
}

void StructureEvaluator::evaluate_shares(int n_shares, bool with_atomic_virials) {
  const int n_atoms = static_cast<int>(centers_.size());
  const std::size_t n_total = list_.owner.size();
  while (static_cast<int>(evaluators_.size()) < n_shares) {
    evaluators_.push_back(evaluators_.front()->for_another_thread());
  }
  shares_.resize(n_shares);
#ifdef _OPENMP
#pragma omp parallel for num_threads(n_shares) schedule(static, 1) if (n_shares > 1)
#endif
  for (int idx = 0; idx < n_shares; ++idx) {
    Share& share = shares_[idx];
    try {
      share.first = static_cast<int>(static_cast<long>(n_atoms) * idx / n_shares);
      share.count =
          static_cast<int>(static_cast<long>(n_atoms) * (idx + 1) / n_shares) - share.first;
      share.forces.assign(3 * n_total, 0.0);
      share.atomic_energies.assign(n_total, 0.0);
      share.atomic_virials.assign(with_atomic_virials ? 9 * n_total : 0, 0.0);
      share.error = nullptr;
      Totals totals;
      totals.forces = share.forces.data();
      totals.atomic_energy = share.atomic_energies.data();
      totals.atomic_virial = with_atomic_virials ? share.atomic_virials.data() : nullptr;
      constexpr int whole_index = -1;
      evaluators_[idx]->evaluate({list_.positions.data(), types_.data(), same_.data()},
                                 {share.count, centers_.data() + share.first,
                                  list_.n_neighbors.data(), neighbors_.data(), whole_index},
                                 totals);
    } catch (...) {  // no exception may leave a parallel region
      share.error = std::current_exception();
    }
  }
  for (const Share& share : shares_) {
    if (share.error) std::rethrow_exception(share.error);
  }
}

void StructureEvaluator::collect(int n_atoms, const StructureResults& results) const {
  std::fill(results.energies, results.energies + n_atoms, 0.0);
  std::fill(results.forces, results.forces + 3 * n_atoms, 0.0);
  std::fill(results.virial, results.virial + 9, 0.0);
  if (results.atomic_virials) {
    std::fill(results.atomic_virials, results.atomic_virials + 9 * n_atoms, 0.0);
  }
  for (const Share& share : shares_) {
    for (int atom = share.first; atom < share.first + share.count; ++atom) {
      results.energies[atom] = share.atomic_energies[atom];
    }
    for (std::size_t atom = 0; atom < list_.owner.size(); ++atom) {
      const double* position = list_.positions.data() + 3 * atom;
      const double* force = share.forces.data() + 3 * atom;
      const std::size_t owner = list_.owner[atom];
      for (int a = 0; a < 3; ++a) {
        results.forces[3 * owner + a] += force[a];
        // W = -sum over pairs of r_ij p_ij is the sum of r f over all atoms, images counted apart.
        for (int b = 0; b < 3; ++b) results.virial[3 * a + b] += position[a] * force[b];
      }
      if (!results.atomic_virials) continue;
      for (int entry = 0; entry < 9; ++entry) {
        results.atomic_virials[9 * owner + entry] += share.atomic_virials[9 * atom + entry];
      }
    }
  }
}

}  // namespace nepforge
