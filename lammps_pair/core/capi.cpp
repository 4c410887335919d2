#include "capi.h"

#include <algorithm>
#include <array>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "elements.h"
#include "neighbors.h"
#include "nep_cpu.h"
#include "nep_model.h"
#include "structure_evaluator.h"
#include "tables.h"

struct nepforge_model {
  nepforge_model(const std::string& content, const char* name, const char* instruction_set)
      : model(nepforge::parse_nep_model(content, name)), evaluator(model, instruction_set) {}

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

/// Writes numbers one after another, or only counts them.
class NumberWriter {
 public:
  explicit NumberWriter(double* next) : next_(next) {}

  void put(double number) {
    if (next_ != nullptr) *next_++ = number;
    ++count_;
  }

  void put(const std::vector<double>& numbers) {
    for (const double number : numbers) put(number);
  }

  size_t count() const { return count_; }

 private:
  double* next_;
  size_t count_ = 0;
};

void put_zbl_table(const nepforge::NepModel& model, NumberWriter& writer) {
  for (int first = 0; first < model.n_species(); ++first) {
    for (int second = first; second < model.n_species(); ++second) {
      const nepforge::ZblPair& pair = model.zbl[first * model.n_species() + second];
      writer.put(pair.inner);
      writer.put(pair.outer);
      for (int idx = 0; idx < 4; ++idx) {
        writer.put(pair.amplitude[idx]);
        writer.put(pair.decay[idx]);
      }
    }
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

const char* nepforge_tables(void) {
  static const std::string text = nepforge::tables_as_json();
  return text.c_str();
}

int nepforge_model_open(const char* path, const char* instruction_set, nepforge_model** model) {
  *model = nullptr;
  return guarded([&] {
    const std::string text = nepforge::load_text(path);
    *model = std::make_unique<nepforge_model>(text, path, instruction_set).release();
  });
}

int nepforge_model_parse(const char* content, size_t n_bytes, const char* name,
                         const char* instruction_set, nepforge_model** model) {
  *model = nullptr;
  return guarded([&] {
    const std::string text(content, n_bytes);
    *model = std::make_unique<nepforge_model>(text, name, instruction_set).release();
  });
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

void nepforge_model_header(const nepforge_model* handle, nepforge_header* header) {
  const nepforge::NepModel& model = handle->model;
  *header = nepforge_header{};
  header->version = model.version;
  header->bias_per_species = model.bias_per_species;
  header->cutoff_per_species = model.cutoff_per_species;
  header->n_max[0] = model.radial.n_functions - 1;
  header->n_max[1] = model.angular.n_functions - 1;
  header->basis_size[0] = model.radial.n_basis - 1;
  header->basis_size[1] = model.angular.n_basis - 1;
  header->l_max = model.l_max;
  for (const nepforge::Invariant invariant : model.invariants) header->invariants[invariant] = 1;
  header->n_neurons = model.n_neurons;
  header->n_zbl = static_cast<int>(model.zbl_record.size());
  std::copy(model.zbl_record.begin(), model.zbl_record.end(), header->zbl);
  const std::array<int, 2> counts = model.neighbor_counts.value_or(std::array<int, 2>{-1, -1});
  std::copy(counts.begin(), counts.end(), header->neighbors);
}

void nepforge_model_cutoffs(const nepforge_model* handle, double* cutoffs) {
  const nepforge::NepModel& model = handle->model;
  for (int species = 0; species < model.n_species(); ++species) {
    *cutoffs++ = model.radial.cutoff[species];
    *cutoffs++ = model.angular.cutoff[species];
  }
}

size_t nepforge_model_numbers(const nepforge_model* handle, double* numbers) {
  const nepforge::NepModel& model = handle->model;
  NumberWriter writer(numbers);
  for (const nepforge::Network& network : model.networks) {
    writer.put(network.w0);
    writer.put(network.b0);
    writer.put(network.w1);
    writer.put(network.bias);
  }
  writer.put(model.radial.coefficients);
  writer.put(model.angular.coefficients);
  writer.put(model.q_scaler);
  if (model.has_zbl_table()) put_zbl_table(model, writer);
  return writer.count();
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
