#include "pair_nepforge.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "atom.h"
#include "comm.h"
#include "error.h"
#include "force.h"
#include "load_model.h"
#include "neigh_list.h"
#include "neighbor.h"
#include "update.h"

using namespace LAMMPS_NS;

PairNepforge::PairNepforge(LAMMPS* lmp) : PotentialPair(lmp, "Pair style nepforge") {
  comm_reverse = 3;  // forces of one model; pair_style hybrid asks before the models are known
}

void PairPwmlff::settings(int narg, char** arg) {
  const int n_models = narg > 0 ? utils::inumeric(FLERR, arg[0], false, lmp) : 0;
  if (n_models < 1 || narg < 1 + n_models) {
    error->all(FLERR,
               "Pair style pwmlff: expected 'N MODEL...', the number of models and their files");
  }
  const std::size_t n_found = NepforgeSettings(lmp, narg - 1, arg + 1).models.size();
  if (n_found != static_cast<std::size_t>(n_models)) {
    error->all(FLERR, "Pair style pwmlff: found {} models before the keywords, the number says {}",
               n_found, n_models);
  }
  PairNepforge::settings(narg - 1, arg + 1);
}

Committee PairNepforge::load(const NepforgeSettings& settings) {
  settings.check_models(lmp);
  Committee committee;
  for (const std::string& path : settings.models) {
    committee.members.push_back(load_member(path, settings.precision));
  }
  committee.deviation_every = settings.deviation_every;
  if (committee.members.size() == 1) return committee;
  int opened = 1;
  if (comm->me == 0) opened = committee.deviation_file.open(settings.deviation_file) ? 1 : 0;
  MPI_Bcast(&opened, 1, MPI_INT, 0, world);
  if (!opened) {
    error->all(FLERR, "Pair style nepforge: out_file {} cannot be written",
               settings.deviation_file);
  }
  return committee;
}

CommitteeMember PairNepforge::load_member(const std::string& path, nepforge::Precision precision) {
  CommitteeMember member;
  LoadedModel loaded = load_model(lmp, path);
  member.model = std::move(loaded.model);
  try {
    member.evaluator =
        std::make_unique<nepforge::NepThreads>(member.model, precision, comm->nthreads);
  } catch (const std::exception& failure) {
    error->all(FLERR, "Pair style nepforge: {}", failure.what());
  }
  if (comm->me == 0) {
    const bool mixed = precision == nepforge::Precision::mixed;
    utils::logmesg(lmp,
                   "Pair style nepforge: NEP{} of {} species from {}, cutoff {} Å, {} {}, {} "
                   "thread(s)\n",
                   member.model.version, member.model.n_species(), loaded.path,
                   member.model.max_cutoff(), member.evaluator->instruction_set(),
                   mixed ? "mixed" : "double", member.evaluator->n_threads());
  }
  return member;
}

void PairNep::coeff(int narg, char** arg) {
  const std::size_t n_types = atom->ntypes;
  if (narg != 2 || potential_.members.empty()) {
    PairNepforge::coeff(narg, arg);
    return;
  }
  std::vector<std::string> words = potential_.members.front().model.species;
  if (words.size() < n_types) {
    error->all(FLERR,
               "Pair style nep: 'pair_coeff * *' makes the atom types the species of the model in "
               "their order, found {} types and a model of {}",
               n_types, words.size());
  }
  words.resize(n_types);
  std::vector<char*> all(arg, arg + 2);
  std::string order;
  for (std::string& word : words) {
    order += " " + word;
    all.push_back(word.data());
  }
  if (comm->me == 0) {
    utils::logmesg(lmp, "Pair style nep: the atom types are, in the order of the model,{}\n",
                   order);
  }
  PairNepforge::coeff(static_cast<int>(all.size()), all.data());
}

void PairNepforge::forget_atoms() {
  for (CommitteeMember& member : potential_.members) member.list_version = -1;
}

void PairNepforge::request_list() {
  neighbor->add_request(this, NeighConst::REQ_FULL);
}

void PairNepforge::add_contributions(double* atomic_virial) {
  if (neighbor->ago == 0) update_list();
  nepforge::Totals totals;
  totals.with_virial = vflag_global != 0;
  totals.atomic_energy = eflag_atom ? eatom : nullptr;
  totals.atomic_virial = atomic_virial;
  const int every = potential_.deviation_every;
  const bool with_deviation =
      every > 0 && update->ntimestep % every == 0 && update->ntimestep != potential_.last_deviation;
  if (with_deviation) {
    write_deviation(totals);
  } else if (list->inum > 0) {
    totals.forces = atom->f[0];
    evaluate(potential_.members.front(), totals);
  }
  if (eflag_global) eng_vdwl += totals.energy;
  if (vflag_global) {
    constexpr int row_major[6] = {0, 4, 8, 1, 2, 5};  // xx, yy, zz, xy, xz, yz
    for (int idx = 0; idx < 6; ++idx) virial[idx] += totals.virial[row_major[idx]];
  }
}

/// Decides whether the new list of LAMMPS can be used in place, which is the rule.
void PairNepforge::update_list() {
  ++list_version_;
  copied_ = CountedPairs::differ_from_list(lmp);
  if (!copied_) return;
  try {
    counted_.copy(lmp, *list, nullptr);
  } catch (const FractionalPair& failure) {
    error->one(FLERR, "Pair style nepforge: {}", failure.what());
  }
}

nepforge::NeighborView PairNepforge::neighbors(bool changed) const {
  nepforge::NeighborView view = {list->inum, list->ilist, list->numneigh, list->firstneigh,
                                 NEIGHMASK};
  if (copied_) view = counted_.view(*list);
  view.changed = changed;
  return view;
}

void PairNepforge::evaluate(CommitteeMember& member, nepforge::Totals& totals) {
  try {
    member.evaluator->evaluate({atom->x[0], atom->type, member.species_of_type.data()},
                               atom->nlocal + atom->nghost,
                               neighbors(member.list_version != list_version_), totals);
    member.list_version = list_version_;
  } catch (const nepforge::NonFiniteEnergy& failure) {
    error->one(FLERR, "Pair style nepforge: the energy of {} is not finite at step {}",
               atom_name(lmp, failure.center), update->ntimestep);
  } catch (const std::exception& failure) {
    error->one(FLERR, "Pair style nepforge: {}", failure.what());
  }
}

/// Evaluates all models, writes their disagreement, and adds the first one's forces.
void PairNepforge::write_deviation(nepforge::Totals& totals) {
  const std::size_t n_all = atom->nlocal + atom->nghost;
  std::vector<double> energies;
  std::vector<const double*> forces;
  for (CommitteeMember& member : potential_.members) {
    const bool drives = &member == &potential_.members.front();
    nepforge::Totals others;
    nepforge::Totals& sums = drives ? totals : others;
    member.forces.assign(3 * n_all, 0.0);
    sums.forces = member.forces.data();
    if (list->inum > 0) evaluate(member, sums);
    energies.push_back(sums.energy);
    forces.push_back(member.forces.data());
  }
  if (n_all > 0) {
    double* total = atom->f[0];
    for (std::size_t entry = 0; entry < 3 * n_all; ++entry) total[entry] += forces[0][entry];
  }
  for (communicated_ = 0; communicated_ < static_cast<int>(forces.size()); ++communicated_) {
    comm->reverse_comm(this);  // forces on ghost atoms to their owners
  }
  std::vector<char> takes_part(atom->nlocal);
  for (int idx = 0; idx < atom->nlocal; ++idx) {
    takes_part[idx] = potential_.members.front().species_of_type[atom->type[idx]] >= 0 ? 1 : 0;
  }
  const Deviation deviation = find_deviation(forces, takes_part, energies, world);
  if (comm->me == 0) potential_.deviation_file.write(update->ntimestep, deviation);
  potential_.last_deviation = update->ntimestep;
}

int PairNepforge::pack_reverse_comm(int n, int first, double* buffer) {
  const double* forces = potential_.members[communicated_].forces.data();
  std::copy_n(forces + 3 * static_cast<std::size_t>(first), 3 * static_cast<std::size_t>(n),
              buffer);
  return 3 * n;
}

void PairNepforge::unpack_reverse_comm(int n, int* list_of_atoms, double* buffer) {
  const double* next = buffer;
  for (int idx = 0; idx < n; ++idx) {
    double* force = potential_.members[communicated_].forces.data() +
                    3 * static_cast<std::size_t>(list_of_atoms[idx]);
    for (int axis = 0; axis < 3; ++axis) force[axis] += *next++;
  }
}

double PairNepforge::memory_usage() {
  double bytes = PotentialPair::memory_usage();
  for (const CommitteeMember& member : potential_.members) {
    bytes += member.evaluator->memory_usage() + member.forces.capacity() * sizeof(double);
  }
  return bytes;
}
