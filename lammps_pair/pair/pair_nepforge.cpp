#include "pair_nepforge.h"

#include <algorithm>
#include <cstring>
#include <exception>

#include "atom.h"
#include "citeme.h"
#include "comm.h"
#include "elements.h"
#include "error.h"
#include "force.h"
#include "memory.h"
#include "neigh_list.h"
#include "neighbor.h"
#include "settings.h"
#include "update.h"

using namespace LAMMPS_NS;

static const char cite_nep[] =
    "pair style nepforge: doi:10.1063/5.0106617\n\n"
    "@Article{Fan2022,\n"
    " author = {Z. Fan and others},\n"
    " title = {GPUMD: A package for constructing accurate machine-learned potentials and "
    "performing "
    "highly efficient atomistic simulations},\n"
    " journal = {J. Chem. Phys.},\n"
    " year =    2022,\n"
    " volume =  157,\n"
    " pages =   {114801}\n"
    "}\n\n";

PairNepforge::PairNepforge(LAMMPS* lmp) : Pair(lmp) {
  single_enable = 0;  // no pair energy exists: pair_write is refused
  restartinfo = 0;
  one_coeff = 1;
  manybody_flag = 1;
  centroidstressflag = CENTROID_AVAIL;
  if (lmp->citeme) lmp->citeme->add(cite_nep);
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

/// The content of a file. Rank 0 reads it and all ranks parse the same text, so that they succeed
/// or fail together.
std::string PairNepforge::read_on_all_ranks(const std::string& path) {
  std::string text;
  std::string problem;
  if (comm->me == 0) {
    try {
      text = nepforge::load_text(path);
    } catch (const nepforge::ModelFileError& failure) {
      problem = failure.what();
    }
  }
  for (std::string* shared : {&text, &problem}) {
    auto size = static_cast<bigint>(shared->size());
    MPI_Bcast(&size, 1, MPI_LMP_BIGINT, 0, world);
    shared->resize(size);
    MPI_Bcast(shared->data(), static_cast<int>(size), MPI_CHAR, 0, world);
  }
  if (!problem.empty()) error->all(FLERR, "Pair style nepforge: {}", problem);
  return text;
}

PairNepforge::Member PairNepforge::load_member(const std::string& path,
                                               nepforge::Precision precision) {
  const std::string text = read_on_all_ranks(path);
  Member member;
  try {
    member.model = nepforge::parse_nep_model(text, path);
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

/// Index of the species that a word of pair_coeff names.
int PairNepforge::species_index(const nepforge::NepModel& model, const std::string& word) const {
  std::string known;
  for (int idx = 0; idx < model.n_species(); ++idx) {
    if (word == model.species[idx] || word == std::to_string(model.atomic_numbers[idx])) {
      return idx;
    }
    known += " " + model.species[idx];
  }
  error->all(FLERR, "Pair style nepforge: pair_coeff names '{}', the model knows{}", word, known);
}

void PairNepforge::coeff(int narg, char** arg) {
  const int n_types = atom->ntypes;
  if (members_.empty()) {
    error->all(FLERR, "Pair style nepforge: pair_coeff needs pair_style before it");
  }
  if (narg != 2 + n_types || strcmp(arg[0], "*") != 0 || strcmp(arg[1], "*") != 0) {
    error->all(FLERR,
               "Pair style nepforge: expected 'pair_coeff * *' and a species or NULL for each of "
               "the {} atom types",
               n_types);
  }
  for (Member& member : members_) {
    member.species_of_type.assign(n_types + 1, -1);
    for (int type = 1; type <= n_types; ++type) {
      const std::string word = arg[1 + type];
      if (word != "NULL") member.species_of_type[type] = species_index(member.model, word);
    }
  }
  if (!allocated) allocate();
  const std::vector<int>& species = members_.front().species_of_type;
  int n_set = 0;
  for (int first = 1; first <= n_types; ++first) {
    for (int second = 1; second <= n_types; ++second) {
      const bool mapped = species[first] >= 0 && species[second] >= 0;
      setflag[first][second] = mapped ? 1 : 0;
      n_set += mapped ? 1 : 0;
    }
  }
  if (n_set == 0) error->all(FLERR, "Pair style nepforge: pair_coeff maps no atom type");
}

void PairNepforge::allocate() {
  memory->create(setflag, atom->ntypes + 1, atom->ntypes + 1, "pair:setflag");
  memory->create(cutsq, atom->ntypes + 1, atom->ntypes + 1, "pair:cutsq");
  allocated = 1;
}

void PairNepforge::init_style() {
  if (strcmp(update->unit_style, "metal") != 0) {
    error->all(FLERR, "Pair style nepforge: found units {}, expected units metal",
               update->unit_style);
  }
  if (force->newton_pair == 0) {
    error->all(FLERR, "Pair style nepforge: found newton pair off, expected newton on");
  }
  if (utils::strmatch(update->integrate_style, "^respa")) {
    error->all(FLERR,
               "Pair style nepforge: found run_style respa, expected verlet: the potential has no "
               "parts for different time steps");
  }
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
  if (totals.atomic_virial) tally_atomic_virial();
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

void PairNepforge::tally_atomic_virial() {
  constexpr int centroid[9] = {0, 4, 8, 1, 2, 5, 3, 6, 7};  // xx,yy,zz,xy,xz,yz,yx,zx,zy
  constexpr int transposed[9] = {0, 3, 6, 1, 4, 7, 2, 5, 8};
  const int n_all = atom->nlocal + atom->nghost;
  for (int idx = 0; idx < n_all; ++idx) {
    const double* w = atomic_virial_.data() + 9 * static_cast<std::size_t>(idx);
    if (cvflag_atom) {
      for (int entry = 0; entry < 9; ++entry) cvatom[idx][entry] += w[centroid[entry]];
    }
    if (vflag_atom) {
      for (int entry = 0; entry < 6; ++entry) {
        vatom[idx][entry] += (w[centroid[entry]] + w[transposed[centroid[entry]]]) / 2;
      }
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
