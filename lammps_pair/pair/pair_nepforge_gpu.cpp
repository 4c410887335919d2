#include "pair_nepforge_gpu.h"

#include <exception>

#include "atom.h"
#include "comm.h"
#include "error.h"
#include "force.h"
#include "manners.h"
#include "memory.h"
#include "neighbor.h"
#include "settings.h"
#include "update.h"

using namespace LAMMPS_NS;

PairNepforgeGpu::PairNepforgeGpu(LAMMPS* lmp) : Pair(lmp) {
  single_enable = 0;  // no pair energy exists: pair_write is refused
  restartinfo = 0;
  one_coeff = 1;
  manybody_flag = 1;
  centroidstressflag = CENTROID_AVAIL;
  cite_nep(lmp);
}

PairNepforgeGpu::~PairNepforgeGpu() {
  if (allocated) {
    memory->destroy(setflag);
    memory->destroy(cutsq);
  }
}

void PairNepforgeGpu::settings(int narg, char** arg) {
  const NepforgeSettings settings(lmp, narg, arg);
  if (settings.models.size() > 1) {
    error->all(FLERR, "Pair style nepforge/gpu: found {} models, expected one",
               settings.models.size());
  }
  model_ = load_model(lmp, settings.models.front());
  species_.clear();
  std::string problem;
  try {
    device_ = make_device(model_, settings.precision);
  } catch (const std::exception& failure) {
    problem = failure.what();
  }
  stop_together(lmp, problem);
  if (comm->me == 0) {
    const bool mixed = settings.precision == nepforge::Precision::mixed;
    utils::logmesg(lmp, "Pair style nepforge/gpu: NEP{} of {} species from {}, {}, on {}\n",
                   model_.version, model_.n_species(), settings.models.front(),
                   mixed ? "mixed" : "double", device_->name());
  }
}

/// The devices of a node are dealt out to its ranks, one after another.
std::unique_ptr<nepforge::NepDevice> PairNepforgeGpu::make_device(const nepforge::NepModel& model,
                                                                  nepforge::Precision precision) {
  MPI_Comm node;
  MPI_Comm_split_type(world, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
  int rank_on_node = 0;
  MPI_Comm_rank(node, &rank_on_node);
  MPI_Comm_free(&node);
  const int n_devices = nepforge::count_cuda_devices();
  return nepforge::make_cuda_device(model, precision, rank_on_node % n_devices);
}

std::unique_ptr<nepforge::NepDevice> PairNepforgeGpuHost::make_device(
    const nepforge::NepModel& model, nepforge::Precision precision) {
  return nepforge::make_host_device(model, precision);
}

void PairNepforgeGpu::coeff(int narg, char** arg) {
  if (!device_) error->all(FLERR, "Pair style nepforge/gpu: pair_coeff needs pair_style before it");
  species_of_type_ = map_species(lmp, model_, narg, arg);
  species_.clear();
  if (!allocated) {
    memory->create(setflag, atom->ntypes + 1, atom->ntypes + 1, "pair:setflag");
    memory->create(cutsq, atom->ntypes + 1, atom->ntypes + 1, "pair:cutsq");
    allocated = 1;
  }
  set_flags(lmp, species_of_type_, setflag);
}

void PairNepforgeGpu::init_style() {
  check_run(lmp);
}

double PairNepforgeGpu::init_one(int first_type, int second_type) {
  if (setflag[first_type][second_type] == 0) {
    error->all(FLERR, "Pair style nepforge/gpu: atom types {} and {} have no species", first_type,
               second_type);
  }
  return model_.cutoff(species_of_type_[first_type], species_of_type_[second_type]);
}

void PairNepforgeGpu::compute(int eflag, int vflag) {
  ev_init(eflag, vflag);
  if (neighbor->exclude_setting()) {  // known after init_style
    error->all(FLERR,
               "Pair style nepforge/gpu: found neigh_modify exclude, expected none: the device "
               "builds its own lists");
  }
  const std::size_t n_all = atom->nlocal + atom->nghost;
  nepforge::DeviceResults results;
  forces_.resize(3 * n_all);
  results.forces = forces_.data();
  if (eflag_global || eflag_atom) {
    energies_.assign(atom->nlocal, 0.0);
    results.atomic_energies = energies_.data();
  }
  if (vflag_atom || cvflag_atom) {
    atomic_virial_.resize(9 * n_all);
    results.atomic_virials = atomic_virial_.data();
  }
  evaluate(results);
  add_forces();
  if (results.atomic_energies) add_energies();
  if (results.atomic_virials) {
    add_atomic_virials(results.atomic_virials, static_cast<int>(n_all),
                       vflag_atom ? vatom : nullptr, cvflag_atom ? cvatom : nullptr);
  }
  if (vflag_global) add_virial();
  if (vflag_fdotr) virial_fdotr_compute();
}

void PairNepforgeGpu::evaluate(const nepforge::DeviceResults& results) {
  const double* positions = atom->nlocal > 0 ? atom->x[0] : nullptr;
  try {
    update_atoms();
    device_->evaluate(positions, results);
  } catch (const nepforge::NonFiniteEnergy& failure) {
    error->one(FLERR,
               "Pair style nepforge/gpu: the energy of atom {} is not finite at step {}, or a pair "
               "force is above 1e5 eV/Å",
               atom->tag[failure.center], update->ntimestep);
  } catch (const std::exception& failure) {
    error->one(FLERR, "Pair style nepforge/gpu: {}", failure.what());
  }
}

/// Hands new atoms to the device when LAMMPS has reneighboured, or when types were exchanged.
void PairNepforgeGpu::update_atoms() {
  const int n_all = atom->nlocal + atom->nghost;
  bool changed = neighbor->ago == 0 || species_.size() != static_cast<std::size_t>(n_all);
  species_.resize(n_all);
  for (int idx = 0; idx < n_all; ++idx) {
    const int species = species_of_type_[atom->type[idx]];
    changed = changed || species_[idx] != species;
    species_[idx] = species;
  }
  if (!changed) return;
  const double* positions = n_all > 0 ? atom->x[0] : nullptr;
  device_->set_atoms(n_all, atom->nlocal, positions, species_.data(), neighbor->skin);
}

void PairNepforgeGpu::add_forces() {
  const int n_all = atom->nlocal + atom->nghost;
  for (int idx = 0; idx < n_all; ++idx) {
    const double* force = forces_.data() + 3 * static_cast<std::size_t>(idx);
    for (int axis = 0; axis < 3; ++axis) atom->f[idx][axis] += force[axis];
  }
}

void PairNepforgeGpu::add_energies() {
  for (int idx = 0; idx < atom->nlocal; ++idx) {
    if (eflag_global) eng_vdwl += energies_[idx];
    if (eflag_atom) eatom[idx] += energies_[idx];
  }
}

/// W_ab = sum r_a f_b over atoms and images.
void PairNepforgeGpu::add_virial() {
  constexpr int entries[6][2] = {{0, 0}, {1, 1}, {2, 2}, {0, 1}, {0, 2}, {1, 2}};
  const int n_all = atom->nlocal + atom->nghost;
  for (int idx = 0; idx < n_all; ++idx) {
    const double* force = forces_.data() + 3 * static_cast<std::size_t>(idx);
    for (int entry = 0; entry < 6; ++entry) {
      virial[entry] += atom->x[idx][entries[entry][0]] * force[entries[entry][1]];
    }
  }
}

double PairNepforgeGpu::memory_usage() {
  return Pair::memory_usage() +
         (forces_.capacity() + energies_.capacity() + atomic_virial_.capacity()) * sizeof(double) +
         species_.capacity() * sizeof(int) + (device_ ? device_->memory_usage() : 0.0);
}
