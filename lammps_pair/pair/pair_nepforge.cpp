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
  if (narg != 1) {
    error->all(FLERR, "Pair style nepforge: found {} arguments, expected one model file", narg);
  }
  load_model(arg[0]);
}

void PairPwmlff::settings(int narg, char** arg) {
  if (narg != 2 || strcmp(arg[0], "1") != 0) {
    error->all(FLERR, "Pair style pwmlff: expected '1 MODEL', the number of models and its file");
  }
  PairNepforge::settings(narg - 1, arg + 1);
}

/// Rank 0 reads the file and all ranks parse the same text, so that they succeed or fail together.
void PairNepforge::load_model(const std::string& path) {
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
  if (problem.empty()) {
    try {
      model_ = nepforge::parse_nep_model(text, path);
      evaluator_ = std::make_unique<nepforge::NepCpu>(model_);
    } catch (const std::exception& failure) {
      problem = failure.what();
    }
  }
  if (!problem.empty()) error->all(FLERR, "Pair style nepforge: {}", problem);
  if (comm->me == 0) {
    utils::logmesg(lmp, "Pair style nepforge: NEP{} of {} species from {}, cutoff {} Å, {}\n",
                   model_.version, model_.n_species(), path, model_.max_cutoff(),
                   evaluator_->instruction_set());
  }
}

/// Index of the species that a word of pair_coeff names.
int PairNepforge::species_index(const std::string& word) const {
  std::string known;
  for (int idx = 0; idx < model_.n_species(); ++idx) {
    if (word == model_.species[idx] || word == std::to_string(model_.atomic_numbers[idx])) {
      return idx;
    }
    known += " " + model_.species[idx];
  }
  error->all(FLERR, "Pair style nepforge: pair_coeff names '{}', the model knows{}", word, known);
}

void PairNepforge::coeff(int narg, char** arg) {
  const int n_types = atom->ntypes;
  if (!evaluator_) error->all(FLERR, "Pair style nepforge: pair_coeff needs pair_style before it");
  if (narg != 2 + n_types || strcmp(arg[0], "*") != 0 || strcmp(arg[1], "*") != 0) {
    error->all(FLERR,
               "Pair style nepforge: expected 'pair_coeff * *' and a species or NULL for each of "
               "the {} atom types",
               n_types);
  }
  species_of_type_.assign(n_types + 1, -1);
  for (int type = 1; type <= n_types; ++type) {
    const std::string word = arg[1 + type];
    if (word != "NULL") species_of_type_[type] = species_index(word);
  }
  if (!allocated) {
    memory->create(setflag, n_types + 1, n_types + 1, "pair:setflag");
    memory->create(cutsq, n_types + 1, n_types + 1, "pair:cutsq");
    allocated = 1;
  }
  int n_set = 0;
  for (int first = 1; first <= n_types; ++first) {
    for (int second = 1; second <= n_types; ++second) {
      const bool mapped = species_of_type_[first] >= 0 && species_of_type_[second] >= 0;
      setflag[first][second] = mapped ? 1 : 0;
      n_set += mapped ? 1 : 0;
    }
  }
  if (n_set == 0) error->all(FLERR, "Pair style nepforge: pair_coeff maps no atom type");
}

void PairNepforge::init_style() {
  if (strcmp(update->unit_style, "metal") != 0) {
    error->all(FLERR, "Pair style nepforge: found units {}, expected units metal",
               update->unit_style);
  }
  if (force->newton_pair == 0) {
    error->all(FLERR, "Pair style nepforge: found newton pair off, expected newton on");
  }
  neighbor->add_request(this, NeighConst::REQ_FULL);
}

double PairNepforge::init_one(int first_type, int second_type) {
  if (setflag[first_type][second_type] == 0) {
    error->all(FLERR, "Pair style nepforge: atom types {} and {} have no species", first_type,
               second_type);
  }
  return model_.cutoff(species_of_type_[first_type], species_of_type_[second_type]);
}

void PairNepforge::compute(int eflag, int vflag) {
  ev_init(eflag, vflag);
  if (list->inum > 0) {
    nepforge::Totals totals;
    totals.forces = atom->f[0];
    totals.with_virial = vflag_global != 0;
    totals.atomic_energy = eflag_atom ? eatom : nullptr;
    if (vflag_atom || cvflag_atom) {
      atomic_virial_.assign(9 * static_cast<std::size_t>(atom->nlocal + atom->nghost), 0.0);
      totals.atomic_virial = atomic_virial_.data();
    }
    try {
      evaluator_->evaluate({atom->x[0], atom->type, species_of_type_.data()},
                           {list->inum, list->ilist, list->numneigh, list->firstneigh, NEIGHMASK},
                           totals);
    } catch (const nepforge::NonFiniteEnergy& failure) {
      error->one(FLERR, "Pair style nepforge: the energy of atom {} is not finite at step {}",
                 atom->tag[failure.center], update->ntimestep);
    } catch (const std::exception& failure) {
      error->one(FLERR, "Pair style nepforge: {}", failure.what());
    }
    if (eflag_global) eng_vdwl += totals.energy;
    if (vflag_global) {
      constexpr int row_major[6] = {0, 4, 8, 1, 2, 5};  // xx, yy, zz, xy, xz, yz
      for (int idx = 0; idx < 6; ++idx) virial[idx] += totals.virial[row_major[idx]];
    }
    if (totals.atomic_virial) tally_atomic_virial();
  }
  if (vflag_fdotr) virial_fdotr_compute();
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
  return Pair::memory_usage() + static_cast<double>(atomic_virial_.capacity() * sizeof(double));
}
