#include "pair_nepforge.h"

#include <algorithm>
#include <cstring>
#include <exception>

#include "atom.h"
#include "comm.h"
#include "error.h"
#include "force.h"
#include "manners.h"
#include "memory.h"
#include "neigh_list.h"
#include "neighbor.h"
#include "settings.h"
#include "update.h"

using namespace LAMMPS_NS;

PairNepforge::PairNepforge(LAMMPS* lmp) : Pair(lmp) {
  single_enable = 0;  // no pair energy exists: pair_write is refused
  restartinfo = 0;
  one_coeff = 1;
  manybody_flag = 1;
  centroidstressflag = CENTROID_AVAIL;
  cite_nep(lmp);
}

PairNepforge::~PairNepforge() {
  if (allocated) {
    memory->destroy(setflag);
    memory->destroy(cutsq);
  }
}

void PairNepforge::settings(int narg, char** arg) {
  const NepforgeSettings settings(lmp, narg, arg);
  members_.clear();
  for (const std::string& path : settings.models) {
    members_.push_back(load_member(path, settings.precision));
  }
  deviation_every_ = settings.deviation_every;
  last_deviation_ = -1;
  if (members_.size() == 1) return;
  comm_reverse = 3 * static_cast<int>(members_.size());
  int opened = 1;
  if (comm->me == 0) opened = deviation_file_.open(settings.deviation_file) ? 1 : 0;
  MPI_Bcast(&opened, 1, MPI_INT, 0, world);
  if (!opened) {
    error->all(FLERR, "Pair style nepforge: out_file {} cannot be written",
               settings.deviation_file);
  }
}

void PairPwmlff::settings(int narg, char** arg) {
  const int n_models = narg > 0 ? utils::inumeric(FLERR, arg[0], false, lmp) : 0;
  if (n_models < 1 || narg < 1 + n_models) {
    error->all(FLERR,
               "Pair style pwmlff: expected 'N MODEL...', the number of models and their files");
  }
  PairNepforge::settings(narg - 1, arg + 1);
}

PairNepforge::Member PairNepforge::load_member(const std::string& path,
                                               nepforge::Precision precision) {
  Member member;
  member.model = load_model(lmp, path);
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
                   member.model.version, member.model.n_species(), path, member.model.max_cutoff(),
                   member.evaluator->instruction_set(), mixed ? "mixed" : "double",
                   member.evaluator->n_threads());
  }
  return member;
}

void PairNepforge::coeff(int narg, char** arg) {
  if (members_.empty()) {
    error->all(FLERR, "Pair style nepforge: pair_coeff needs pair_style before it");
  }
  for (Member& member : members_) {
    member.species_of_type = map_species(lmp, member.model, narg, arg);
  }
  if (!allocated) allocate();
  set_flags(lmp, members_.front().species_of_type, setflag);
}

void PairNepforge::allocate() {
  memory->create(setflag, atom->ntypes + 1, atom->ntypes + 1, "pair:setflag");
  memory->create(cutsq, atom->ntypes + 1, atom->ntypes + 1, "pair:cutsq");
  allocated = 1;
}

void PairNepforge::init_style() {
  check_run(lmp);
  neighbor->add_request(this, NeighConst::REQ_FULL);
}

double PairNepforge::init_one(int first_type, int second_type) {
  if (setflag[first_type][second_type] == 0) {
    error->all(FLERR, "Pair style nepforge: atom types {} and {} have no species", first_type,
               second_type);
  }
  double cutoff = 0.0;
  for (const Member& member : members_) {
    const std::vector<int>& species = member.species_of_type;
    cutoff = std::max(cutoff, member.model.cutoff(species[first_type], species[second_type]));
  }
  return cutoff;
}

void PairNepforge::compute(int eflag, int vflag) {
  ev_init(eflag, vflag);
  if (neighbor->ago == 0) ++list_version_;
  nepforge::Totals totals;
  totals.with_virial = vflag_global != 0;
  totals.atomic_energy = eflag_atom ? eatom : nullptr;
  if (vflag_atom || cvflag_atom) {
    atomic_virial_.assign(9 * static_cast<std::size_t>(atom->nlocal + atom->nghost), 0.0);
    totals.atomic_virial = atomic_virial_.data();
  }
  const bool with_deviation = deviation_every_ > 0 && update->ntimestep % deviation_every_ == 0 &&
                              update->ntimestep != last_deviation_;
  if (with_deviation) {
    write_deviation(totals);
  } else if (list->inum > 0) {
    totals.forces = atom->f[0];
    evaluate(members_.front(), totals);
  }
  if (eflag_global) eng_vdwl += totals.energy;
  if (vflag_global) {
    constexpr int row_major[6] = {0, 4, 8, 1, 2, 5};  // xx, yy, zz, xy, xz, yz
    for (int idx = 0; idx < 6; ++idx) virial[idx] += totals.virial[row_major[idx]];
  }
  if (totals.atomic_virial) {
    add_atomic_virials(totals.atomic_virial, atom->nlocal + atom->nghost,
                       vflag_atom ? vatom : nullptr, cvflag_atom ? cvatom : nullptr);
  }
  if (vflag_fdotr) virial_fdotr_compute();
}

void PairNepforge::evaluate(Member& member, nepforge::Totals& totals) {
  try {
    member.evaluator->evaluate({atom->x[0], atom->type, member.species_of_type.data()},
                               atom->nlocal + atom->nghost,
                               {list->inum, list->ilist, list->numneigh, list->firstneigh,
                                NEIGHMASK, member.list_version != list_version_},
                               totals);
    member.list_version = list_version_;
  } catch (const nepforge::NonFiniteEnergy& failure) {
    error->one(FLERR, "Pair style nepforge: the energy of atom {} is not finite at step {}",
               atom->tag[failure.center], update->ntimestep);
  } catch (const std::exception& failure) {
    error->one(FLERR, "Pair style nepforge: {}", failure.what());
  }
}

/// Evaluates all models, writes how far they disagree, and adds the first one's forces.
void PairNepforge::write_deviation(nepforge::Totals& totals) {
  const std::size_t n_all = atom->nlocal + atom->nghost;
  std::vector<double> energies;
  std::vector<const double*> forces;
  for (Member& member : members_) {
    const bool drives = &member == &members_.front();
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
  comm->reverse_comm(this);  // forces on ghost atoms to their owners
  std::vector<char> takes_part(atom->nlocal);
  for (int idx = 0; idx < atom->nlocal; ++idx) {
    takes_part[idx] = members_.front().species_of_type[atom->type[idx]] >= 0 ? 1 : 0;
  }
  const Deviation deviation = find_deviation(forces, takes_part, energies, world);
  if (comm->me == 0) deviation_file_.write(update->ntimestep, deviation);
  last_deviation_ = update->ntimestep;
}

int PairNepforge::pack_reverse_comm(int n, int first, double* buffer) {
  double* next = buffer;
  for (int idx = first; idx < first + n; ++idx) {
    for (const Member& member : members_) {
      next = std::copy_n(member.forces.data() + 3 * static_cast<std::size_t>(idx), 3, next);
    }
  }
  return static_cast<int>(next - buffer);
}

void PairNepforge::unpack_reverse_comm(int n, int* list_of_atoms, double* buffer) {
  const double* next = buffer;
  for (int idx = 0; idx < n; ++idx) {
    for (Member& member : members_) {
      double* force = member.forces.data() + 3 * static_cast<std::size_t>(list_of_atoms[idx]);
      for (int axis = 0; axis < 3; ++axis) force[axis] += *next++;
    }
  }
}

double PairNepforge::memory_usage() {
  double bytes = Pair::memory_usage() + atomic_virial_.capacity() * sizeof(double);
  for (const Member& member : members_) {
    bytes += member.evaluator->memory_usage() + member.forces.capacity() * sizeof(double);
  }
  return bytes;
}
