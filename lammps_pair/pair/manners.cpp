#include "manners.h"

#include <cstring>
#include <exception>

#include "atom.h"
#include "citeme.h"
#include "comm.h"
#include "error.h"
#include "force.h"
#include "lammps.h"
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

/// Gives every rank the text of one.
void broadcast(LAMMPS* lmp, std::string& text, int from) {
  auto size = static_cast<bigint>(text.size());
  MPI_Bcast(&size, 1, MPI_LMP_BIGINT, from, lmp->world);
  text.resize(size);
  MPI_Bcast(text.data(), static_cast<int>(size), MPI_CHAR, from, lmp->world);
}

/// The content of a file, the same on all ranks.
std::string read_on_all_ranks(LAMMPS* lmp, const std::string& path) {
  std::string text;
  std::string problem;
  if (lmp->comm->me == 0) {
    try {
      text = nepforge::load_text(path);
    } catch (const nepforge::ModelFileError& failure) {
      problem = failure.what();
    }
  }
  broadcast(lmp, text, 0);
  broadcast(lmp, problem, 0);
  if (!problem.empty()) lmp->error->all(FLERR, "Pair style nepforge: {}", problem);
  return text;
}

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

nepforge::NepModel load_model(LAMMPS* lmp, const std::string& path) {
  const std::string text = read_on_all_ranks(lmp, path);
  try {
    return nepforge::parse_nep_model(text, path);
  } catch (const std::exception& failure) {
    lmp->error->all(FLERR, "Pair style nepforge: {}", failure.what());
  }
}

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

std::vector<int> map_species(LAMMPS* lmp, const nepforge::NepModel& model, int narg, char** arg) {
  const int n_types = lmp->atom->ntypes;
  if (narg != 2 + n_types || strcmp(arg[0], "*") != 0 || strcmp(arg[1], "*") != 0) {
    lmp->error->all(FLERR,
                    "Pair style nepforge: expected 'pair_coeff * *' and a species or NULL for each "
                    "of the {} atom types",
                    n_types);
  }
  std::vector<int> species_of_type(n_types + 1, -1);
  for (int type = 1; type <= n_types; ++type) {
    const std::string word = arg[1 + type];
    if (word != "NULL") species_of_type[type] = species_index(lmp, model, word);
  }
  return species_of_type;
}

void set_flags(LAMMPS* lmp, const std::vector<int>& species_of_type, int** setflag) {
  const int n_types = static_cast<int>(species_of_type.size()) - 1;
  int n_set = 0;
  for (int first = 1; first <= n_types; ++first) {
    for (int second = 1; second <= n_types; ++second) {
      const bool mapped = species_of_type[first] >= 0 && species_of_type[second] >= 0;
      setflag[first][second] = mapped ? 1 : 0;
      n_set += mapped ? 1 : 0;
    }
  }
  if (n_set == 0) lmp->error->all(FLERR, "Pair style nepforge: pair_coeff maps no atom type");
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
