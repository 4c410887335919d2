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
#include "structure_evaluator.h"

struct nepforge_model {
  nepforge_model(const std::string& text, const char* name, const char* instruction_set)
      : model(nepforge::parse_nep_model(text, name)), evaluator(model, instruction_set) {}

  nepforge::NepModel model;
  nepforge::StructureEvaluator evaluator;
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
  return guarded([&] {
    const std::string text = nepforge::load_text(path);
    *model = std::make_unique<nepforge_model>(text, path, instruction_set).release();
  });
}

int nepforge_model_parse(const char* text, const char* name, const char* instruction_set,
                         nepforge_model** model) {
  *model = nullptr;
  return guarded(
      [&] { *model = std::make_unique<nepforge_model>(text, name, instruction_set).release(); });
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

int nepforge_evaluate_structure(nepforge_model* model, int n_atoms, const int* numbers,
                                const double* positions, const double* cell, const int* periodic,
                                const nepforge_options* options, double* energies, double* forces,
                                double* virial, double* atomic_virials) {
  return guarded([&] {
    const std::vector<int> species = species_indices(model->model, n_atoms, numbers);
    nepforge::Structure structure{n_atoms, species.data(), positions, {}};
    std::copy(cell, cell + 9, structure.cell.vectors.begin());
    for (int axis = 0; axis < 3; ++axis) structure.cell.periodic[axis] = periodic[axis] != 0;
    try {
      model->evaluator.evaluate(structure, {options->n_threads, options->skin},
                                {energies, forces, virial, atomic_virials});
    } catch (const nepforge::NonFiniteEnergy& error) {
      throw nepforge::StructureError("the energy of atom " + std::to_string(error.center) +
                                     " is not finite");
    }
  });
}
