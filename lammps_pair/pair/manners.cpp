#include "manners.h"

#include <cstring>

#include "atom.h"
#include "citeme.h"
#include "comm.h"
#include "compute.h"
#include "error.h"
#include "fmt/format.h"
#include "force.h"
#include "lammps.h"
#include "load_model.h"
#include "memory.h"
#include "update.h"
#include "utils.h"

namespace LAMMPS_NS {
namespace {

constexpr char citation[] =
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

/// Index of the species that a word of pair_coeff names.
int species_index(LAMMPS* lmp, const nepforge::NepModel& model, const std::string& word) {
  std::string known;
  for (int idx = 0; idx < model.n_species(); ++idx) {
    if (word == model.species[idx] || word == std::to_string(model.atomic_numbers[idx])) {
      return idx;
    }
    known += " " + model.species[idx];
  }
  lmp->error->all(FLERR, "Pair style nepforge: pair_coeff names '{}', the model knows{}", word,
                  known);
}

}  // namespace

void stop_together(LAMMPS* lmp, std::string problem) {
  const int n_ranks = lmp->comm->nprocs;
  int first = problem.empty() ? n_ranks : lmp->comm->me;
  MPI_Allreduce(MPI_IN_PLACE, &first, 1, MPI_INT, MPI_MIN, lmp->world);
  if (first == n_ranks) return;
  broadcast(lmp, problem, first);
  lmp->error->all(FLERR, "Pair style nepforge/gpu: {}", problem);
}

void cite_nep(LAMMPS* lmp) {
  if (lmp->citeme) lmp->citeme->add(citation);
}

SpeciesOfType map_species(LAMMPS* lmp, const nepforge::NepModel& model,
                          const std::vector<std::string>& species) {
  SpeciesOfType species_of_type(1, -1);
  bool mapped = false;
  for (const std::string& word : species) {
    species_of_type.push_back(word == "NULL" ? -1 : species_index(lmp, model, word));
    mapped = mapped || word != "NULL";
  }
  if (!mapped) lmp->error->all(FLERR, "Pair style nepforge: pair_coeff maps no atom type");
  return species_of_type;
}

void forget_coefficients(LAMMPS* lmp, Pair& pair) {
  if (!pair.allocated) return;
  lmp->memory->destroy(pair.setflag);
  lmp->memory->destroy(pair.cutsq);
  pair.allocated = 0;
}

void allow_coefficients(LAMMPS* lmp, Pair& pair) {
  if (pair.allocated) return;
  const int n_types = lmp->atom->ntypes;
  lmp->memory->create(pair.setflag, n_types + 1, n_types + 1, "pair:setflag");
  lmp->memory->create(pair.cutsq, n_types + 1, n_types + 1, "pair:cutsq");
  pair.allocated = 1;
}

void set_flags(const SpeciesOfType& species_of_type, int** setflag) {
  const std::size_t n_types = species_of_type.size() - 1;
  for (std::size_t first = 1; first <= n_types; ++first) {
    for (std::size_t second = 1; second <= n_types; ++second) {
      const bool mapped = species_of_type[first] >= 0 && species_of_type[second] >= 0;
      setflag[first][second] = mapped ? 1 : 0;
    }
  }
}

void check_pair(LAMMPS* lmp, const Pair& pair, int first_type, int second_type) {
  if (pair.setflag[first_type][second_type] != 0) return;
  lmp->error->all(FLERR, "Pair style nepforge: atom types {} and {} have no species", first_type,
                  second_type);
}

void check_prepared(LAMMPS* lmp, bool prepared) {
  if (prepared) return;
  lmp->error->all(FLERR,
                  "Pair style nepforge: pair_style or pair_coeff was given after the last setup, "
                  "expected a run or minimize with setup (without 'pre no') before anything else");
}

void refuse_tally(LAMMPS* lmp, const Compute* compute) {
  lmp->error->all(
      FLERR,
      "Pair style nepforge: compute {} of style {} adds up forces and energies of pairs, "
      "which a many-body potential does not have: use compute stress/atom, centroid/"
      "stress/atom or pe/atom, or in a hybrid 'pair_modify pair nepforge compute/tally no'",
      compute->id, compute->style);
}

std::string atom_name(LAMMPS* lmp, int idx) {
  if (lmp->atom->tag_enable) return "atom " + std::to_string(lmp->atom->tag[idx]);
  const double* position = lmp->atom->x[idx];
  return fmt::format("the atom at {:.6g} {:.6g} {:.6g}", position[0], position[1], position[2]);
}

void check_run(LAMMPS* lmp) {
  if (strcmp(lmp->update->unit_style, "metal") != 0) {
    lmp->error->all(FLERR, "Pair style nepforge: found units {}, expected units metal",
                    lmp->update->unit_style);
  }
  if (lmp->force->newton_pair == 0) {
    lmp->error->all(FLERR, "Pair style nepforge: found newton pair off, expected newton on");
  }
  if (utils::strmatch(lmp->update->integrate_style, "^respa")) {
    lmp->error->all(FLERR,
                    "Pair style nepforge: found run_style respa, expected verlet: the potential "
                    "has no parts for different time steps");
  }
}

void add_atomic_virials(const double* virials, int n_atoms, double** vatom, double** cvatom) {
  constexpr int centroid[9] = {0, 4, 8, 1, 2, 5, 3, 6, 7};  // xx,yy,zz,xy,xz,yz,yx,zx,zy
  constexpr int transposed[9] = {0, 3, 6, 1, 4, 7, 2, 5, 8};
  for (int idx = 0; idx < n_atoms; ++idx) {
    const double* w = virials + 9 * static_cast<std::size_t>(idx);
    if (cvatom) {
      for (int entry = 0; entry < 9; ++entry) cvatom[idx][entry] += w[centroid[entry]];
    }
    if (vatom) {
      for (int entry = 0; entry < 6; ++entry) {
        vatom[idx][entry] += (w[centroid[entry]] + w[transposed[centroid[entry]]]) / 2;
      }
    }
  }
}

}  // namespace LAMMPS_NS
