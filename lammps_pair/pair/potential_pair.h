// What the pair styles share: loading models, mapping atom types to species, checks before a run,
// and per-atom virials.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "atom.h"
#include "counted_pairs.h"
#include "error.h"
#include "force.h"
#include "manners.h"
#include "nep_model.h"
#include "pair.h"
#include "settings.h"

namespace LAMMPS_NS {

/// A model and the species of each atom type in it.
struct MappedModel {
  nepforge::NepModel model;
  SpeciesOfType species_of_type;
};

/// Potential is what one pair_style or pair_coeff loads. Its vector `members` holds types derived
/// from MappedModel and is empty before a model is named. A command that fails changes nothing.
template <class Potential>
class PotentialPair : public Pair {
 public:
  /// `title` begins every message: "Pair style NAME".
  PotentialPair(LAMMPS* lmp, std::string title) : Pair(lmp), title_(std::move(title)) {
    single_enable = 0;  // no pair energy exists: pair_write is refused
    restartinfo = 0;
    one_coeff = 1;
    manybody_flag = 1;
    centroidstressflag = CENTROID_AVAIL;
    cite_nep(lmp);
  }

  ~PotentialPair() override { forget_coefficients(lmp, *this); }

  void settings(int narg, char** arg) override {
    NepforgeSettings settings(lmp, narg, arg);
    Potential potential;
    if (!settings.models.empty()) potential = load(settings);
    forget_coefficients(lmp, *this);
    prepared_ = false;
    potential_ = std::move(potential);
    settings_ = std::move(settings);
  }

  void coeff(int narg, char** arg) override {
    if (!settings_) error->all(FLERR, "{}: pair_coeff needs pair_style before it", title_);
    const Coefficients coefficients(lmp, *settings_, narg, arg);
    if (coefficients.models.empty()) {
      set_species(maps_of(potential_, coefficients.species));
      return;
    }
    NepforgeSettings settings = *settings_;
    settings.models = coefficients.models;
    Potential potential = load(settings);
    std::vector<SpeciesOfType> maps = maps_of(potential, coefficients.species);
    potential_ = std::move(potential);
    set_species(std::move(maps));
  }

  void init_style() override {
    if (potential_.members
            .empty()) {  // a restart file of pair_style hybrid does not hold the model
      error->all(FLERR, "{}: found no model, expected pair_style and pair_coeff", title_);
    }
    check_run(lmp);
    request_list();
    prepared_ = true;
  }

  double init_one(int first_type, int second_type) override {
    check_pair(lmp, *this, first_type, second_type);
    double cutoff = 0.0;
    for (const auto& member : potential_.members) {
      const SpeciesOfType& species = member.species_of_type;
      cutoff = std::max(cutoff, member.model.cutoff(species[first_type], species[second_type]));
    }
    return cutoff;
  }

  void compute(int eflag, int vflag) override {
    check_prepared(lmp, prepared_);
    ev_init(eflag, vflag);
    const bool per_atom = vflag_atom || cvflag_atom;
    const std::size_t n_all = atom->nlocal + atom->nghost;
    if (per_atom) atomic_virial_.assign(9 * n_all, 0.0);
    add_contributions(per_atom ? atomic_virial_.data() : nullptr);
    if (per_atom) {
      add_atomic_virials(atomic_virial_.data(), static_cast<int>(n_all),
                         vflag_atom ? vatom : nullptr, cvflag_atom ? cvatom : nullptr);
    }
    if (vflag_fdotr) virial_fdotr_compute();
  }

  void add_tally_callback(Compute* compute) override { refuse_tally(lmp, compute); }

  double memory_usage() override {
    return Pair::memory_usage() + atomic_virial_.capacity() * sizeof(double) +
           counted_.memory_usage();
  }

 protected:
  /// Reads the models and prepares their evaluation. Stops LAMMPS on an error.
  virtual Potential load(const NepforgeSettings& settings) = 0;
  /// Called when the species of atom types have changed.
  virtual void forget_atoms() = 0;
  /// Requests the neighbour list from LAMMPS if one is needed.
  virtual void request_list() = 0;
  /// Adds forces, and energies and virials that LAMMPS wants. atomic_virial: [n_local + n_ghost][9]
  /// eV, row-major, zero on entry; null when it is not wanted.
  virtual void add_contributions(double* atomic_virial) = 0;

  const std::string title_;
  Potential potential_;
  CountedPairs counted_;  // replaces the list of LAMMPS where that has pairs that do not count

 private:
  std::vector<SpeciesOfType> maps_of(const Potential& potential,
                                     const std::vector<std::string>& species) {
    std::vector<SpeciesOfType> maps;
    for (const MappedModel& member : potential.members) {
      maps.push_back(map_species(lmp, member.model, species));
    }
    return maps;
  }

  void set_species(std::vector<SpeciesOfType> maps) {
    allow_coefficients(lmp, *this);
    prepared_ = false;
    set_flags(maps.front(), setflag);
    for (std::size_t idx = 0; idx < maps.size(); ++idx) {
      potential_.members[idx].species_of_type = std::move(maps[idx]);
    }
    forget_atoms();
  }

  std::optional<NepforgeSettings> settings_;  // empty before a successful pair_style
  bool prepared_ = false;              // whether setup has run since pair_style and pair_coeff
  std::vector<double> atomic_virial_;  // [n_local + n_ghost][9] eV, row-major
};

}  // namespace LAMMPS_NS
