#include "capi.h"

#include <algorithm>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "elements.h"
#include "neighbors.h"
#include "nep_cpu.h"
#include "nep_model.h"

struct nepforge_model {
  nepforge_model(const char* path, const char* instruction_set)
      : model(nepforge::parse_nep_model(nepforge::load_text(path), path)),
        evaluator(model, instruction_set) {}

  nepforge::NepModel model;
  nepforge::NepCpu evaluator;
};

namespace {

thread_local std::string last_error;

/// Runs `body`; no exception may pass into C.
template <class Body>
int guarded(const Body& body) {
  try {
    body();
    return NEPFORGE_OK;
  } catch (const nepforge::ModelFileError& error) {
    last_error = error.what();
    return NEPFORGE_BAD_MODEL;
  } catch (const nepforge::StructureError& error) {
    last_error = error.what();
    return NEPFORGE_BAD_STRUCTURE;
  } catch (const std::exception& error) {
    last_error = error.what();
    return NEPFORGE_FAILED;
  }
}

/// Index into the species of the model for every atom.
std::vector<int> species_indices(const nepforge::NepModel& model, int n_atoms, const int* numbers) {
  std::vector<int> indices(n_atoms);
  for (int atom = 0; atom < n_atoms; ++atom) {
    const auto found =
        std::find(model.atomic_numbers.begin(), model.atomic_numbers.end(), numbers[atom]);
    if (found == model.atomic_numbers.end()) {
      const bool known = numbers[atom] >= 1 && numbers[atom] <= nepforge::n_elements;
      std::string text = "atom " + std::to_string(atom) + " is ";
      text += known ? nepforge::element_symbol(numbers[atom])
                    : "of atomic number " + std::to_string(numbers[atom]);
      text += ", the model knows";
      for (const std::string& symbol : model.species) text += " " + symbol;
      throw nepforge::StructureError(text);
    }
    indices[atom] = static_cast<int>(found - model.atomic_numbers.begin());
  }
  return indices;
}

void evaluate(nepforge_model& handle, int n_atoms, const int* numbers, const double* positions,
              const nepforge::Cell& cell, double* energies, double* forces, double* virials) {
  const std::vector<int> species = species_indices(handle.model, n_atoms, numbers);
  const nepforge::NeighborList list =
      nepforge::find_neighbors(n_atoms, positions, cell, handle.model.max_cutoff());
  const std::size_t n_total = list.owner.size();
  std::vector<int> types(n_total);
  for (std::size_t atom = 0; atom < n_total; ++atom) types[atom] = species[list.owner[atom]];
  std::vector<int> same(handle.model.n_species());
  for (std::size_t idx = 0; idx < same.size(); ++idx) same[idx] = static_cast<int>(idx);
  std::vector<int> centers(n_atoms);
  std::vector<const int*> neighbors(n_atoms);
  for (int atom = 0; atom < n_atoms; ++atom) {
    centers[atom] = atom;
    neighbors[atom] = list.neighbors[atom].data();
  }
  std::vector<double> all_forces(3 * n_total), all_virials(9 * n_total);
  nepforge::Totals totals;
  std::fill(energies, energies + n_atoms, 0.0);
  totals.forces = all_forces.data();
  totals.atomic_energy = energies;
  totals.atomic_virial = all_virials.data();
  constexpr int whole_index = -1;
  handle.evaluator.evaluate(
      {list.positions.data(), types.data(), same.data()},
      {n_atoms, centers.data(), list.n_neighbors.data(), neighbors.data(), whole_index}, totals);
  std::fill(forces, forces + 3 * n_atoms, 0.0);
  std::fill(virials, virials + 9 * n_atoms, 0.0);
  for (std::size_t atom = 0; atom < n_total; ++atom) {
    for (int idx = 0; idx < 3; ++idx)
      forces[3 * list.owner[atom] + idx] += all_forces[3 * atom + idx];
    for (int idx = 0; idx < 9; ++idx) {
      virials[9 * list.owner[atom] + idx] += all_virials[9 * atom + idx];
    }
  }
}

}  // namespace

const char* nepforge_last_error(void) {
  return last_error.c_str();
}

const char* nepforge_built_for_lammps(void) {
  return NEPFORGE_LAMMPS_VERSION;
}

const char* nepforge_instruction_sets(void) {
  static const std::string names = [] {
    std::string joined;
    for (const std::string& name : nepforge::instruction_sets()) {
      joined += (joined.empty() ? "" : " ") + name;
    }
    return joined;
  }();
  return names.c_str();
}

int nepforge_model_open(const char* path, const char* instruction_set, nepforge_model** model) {
  *model = nullptr;
  return guarded(
      [&] { *model = std::make_unique<nepforge_model>(path, instruction_set).release(); });
}

void nepforge_model_close(nepforge_model* model) {
  delete model;
}

int nepforge_model_n_species(const nepforge_model* model) {
  return model->model.n_species();
}

const char* nepforge_model_species(const nepforge_model* model, int species_idx) {
  return model->model.species[species_idx].c_str();
}

void nepforge_model_cutoff(const nepforge_model* model, double cutoff[2]) {
  cutoff[0] = model->model.max_cutoff();
  const std::vector<double>& angular = model->model.angular.cutoff;
  cutoff[1] = *std::max_element(angular.begin(), angular.end());
}

int nepforge_evaluate(nepforge_model* model, int n_atoms, const int* numbers,
                      const double* positions, const double* cell, const int* periodic,
                      double* energies, double* forces, double* virials) {
  return guarded([&] {
    nepforge::Cell box;
    std::copy(cell, cell + 9, box.vectors.begin());
    for (int axis = 0; axis < 3; ++axis) box.periodic[axis] = periodic[axis] != 0;
    try {
      evaluate(*model, n_atoms, numbers, positions, box, energies, forces, virials);
    } catch (const nepforge::NonFiniteEnergy& error) {
      throw nepforge::StructureError("the energy of atom " + std::to_string(error.center) +
                                     " is not finite");
    }
  });
}
