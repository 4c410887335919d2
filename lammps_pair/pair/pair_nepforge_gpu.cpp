#include "pair_nepforge_gpu.h"

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

DevicePotential PairNepforgeGpu::load(const NepforgeSettings& settings) {
  if (settings.models.size() > 1) {
    error->all(FLERR, "Pair style nepforge/gpu: found {} models, expected one",
               settings.models.size());
  }
  settings.check_models(lmp);
  LoadedModel loaded = load_model(lmp, settings.models.front());
  DeviceMember member;
  std::string problem;
  try {
    member.device = make_device(loaded.model, settings.precision);
  } catch (const std::exception& failure) {
    problem = failure.what();
  }
  stop_together(lmp, problem);
  if (comm->me == 0) {
    const bool mixed = settings.precision == nepforge::Precision::mixed;
    utils::logmesg(lmp, "Pair style nepforge/gpu: NEP{} of {} species from {}, {}, on {}\n",
                   loaded.model.version, loaded.model.n_species(), loaded.path,
                   mixed ? "mixed" : "double", member.device->name());
  }
  member.model = std::move(loaded.model);
  DevicePotential potential;
  potential.members.push_back(std::move(member));
  return potential;
}

/// The ranks of a node take its devices in turn.
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

void PairNepforgeGpu::request_list() {
  // reduce/multi leaves out ghost atoms that a list of the device needs: LAMMPS itself refuses it
  // to styles that ask for a full list.
  takes_list_ = pairs_are_restricted(lmp, this) || comm->mode != Comm::SINGLE;
  if (takes_list_) neighbor->add_request(this, NeighConst::REQ_FULL);
}

void PairNepforgeGpu::add_contributions(double* atomic_virial) {
  if (!takes_list_ && pairs_are_restricted(lmp, this)) {
    error->all(
        FLERR,
        "Pair style nepforge/gpu: found pairs excluded by a fix after the device was told to "
        "build its own lists (as fix gcmc does), use pair_style nepforge");
  }
  const std::size_t n_all = atom->nlocal + atom->nghost;
  nepforge::DeviceResults results;
  forces_.resize(3 * n_all);
  results.forces = forces_.data();
  if (eflag_global || eflag_atom) {
    energies_.assign(atom->nlocal, 0.0);
    results.atomic_energies = energies_.data();
  }
  results.atomic_virials = atomic_virial;
  evaluate(results);
  add_forces();
  if (results.atomic_energies) add_energies();
  if (vflag_global) add_virial();
}

void PairNepforgeGpu::evaluate(const nepforge::DeviceResults& results) {
  const double* positions = atom->nlocal > 0 ? atom->x[0] : nullptr;
  try {
    update_atoms();
    potential_.members.front().device->evaluate(positions, results);
  } catch (const nepforge::NonFiniteEnergy& failure) {
    error->one(
        FLERR,
        "Pair style nepforge/gpu: the energy of {} is not finite at step {}, or a pair force "
        "is above 1e5 eV/Å",
        atom_name(lmp, failure.center), update->ntimestep);
  } catch (const std::exception& failure) {
    error->one(FLERR, "Pair style nepforge/gpu: {}", failure.what());
  }
}

/// Hands new atoms to the device when LAMMPS has rebuilt its lists, or when types were swapped.
void PairNepforgeGpu::update_atoms() {
  const int n_all = atom->nlocal + atom->nghost;
  const bool same = neighbor->ago != 0 && types_.size() == static_cast<std::size_t>(n_all) &&
                    std::equal(types_.begin(), types_.end(), atom->type);
  if (same) return;
  types_.assign(atom->type, atom->type + n_all);
  species_.resize(n_all);
  const SpeciesOfType& species_of_type = potential_.members.front().species_of_type;
  for (int idx = 0; idx < n_all; ++idx) species_[idx] = species_of_type[types_[idx]];
  nepforge::DeviceAtoms atoms = {n_all, atom->nlocal, n_all > 0 ? atom->x[0] : nullptr,
                                 species_.data()};
  if (!takes_list_) {
    potential_.members.front().device->set_atoms(atoms, neighbor->skin);
    return;
  }
  std::vector<char> listed(atom->nlocal, 0);
  for (int idx = 0; idx < list->inum; ++idx) listed[list->ilist[idx]] = 1;
  for (int idx = 0; idx < atom->nlocal; ++idx) {
    if (!listed[idx]) species_[idx] = -1;  // it has no energy either
  }
  counted_.copy(lmp, *list, species_.data());
  potential_.members.front().device->set_atoms(atoms, counted_.first(), counted_.atoms());
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
  double bytes = PotentialPair::memory_usage();
  bytes += (forces_.capacity() + energies_.capacity()) * sizeof(double);
  bytes += (types_.capacity() + species_.capacity()) * sizeof(int);
  for (const DeviceMember& member : potential_.members) bytes += member.device->memory_usage();
  return bytes;
}
