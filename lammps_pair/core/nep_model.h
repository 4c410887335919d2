// A NEP model as read from its text file (NEP3, NEP4, NEP5, with or without ZBL).
#pragma once

#include <array>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace nepforge {

/// A model file that is damaged or of a kind that is not evaluated. The text has the form
/// "FILE:LINE: found ..., expected ...".
class ModelFileError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The many-body invariants, in the order of their flags in the l_max record.
enum Invariant { q_222, q_1111, q_112, q_123, q_233, q_134, n_invariants };

/// The functions g_n(r) = sum_k c[n][k] f_k(r) of one part (radial or angular) of the descriptor.
struct Expansion {
  int n_functions = 0;               // n_max + 1
  int n_basis = 0;                   // basis_size + 1
  std::vector<double> cutoff;        // [n_species] Å; of a pair: the mean of the two
  std::vector<double> coefficients;  // c[n][k][t_i][t_j], t_j fastest

  double pair_cutoff(int first, int second) const { return (cutoff[first] + cutoff[second]) / 2; }
};

/// U = w1 . tanh(w0 q - b0) - bias for the scaled descriptor q of one species.
struct Network {
  std::vector<double> w0;  // [n_neurons][n_descriptor]
  std::vector<double> b0;  // [n_neurons]
  std::vector<double> w1;  // [n_neurons] eV
  double bias = 0.0;       // eV; common bias and per-species bias added up
};

/// Short-range repulsion of one pair of species,
/// V(r) = charges / r * sum_i amplitude_i exp(-decay_i r / a) * (smooth step from inner to outer).
struct ZblPair {
  double inner = 0.0;           // Å
  double outer = 0.0;           // Å
  double charges = 0.0;         // K Z_i Z_j, eV Å
  double inverse_length = 0.0;  // 1/a, 1/Å
  double amplitude[4] = {0.0};  // dimensionless
  double decay[4] = {0.0};      // dimensionless
};

struct NepModel {
  int version = 0;                  // 3, 4 or 5
  bool bias_per_species = false;    // the file had one output bias for each species
  bool cutoff_per_species = false;  // the file had one pair of cutoffs for each species
  std::optional<std::array<int, 2>> neighbor_counts;  // largest in training: radial, angular
  std::vector<double> zbl_record;    // as written: inner, outer[, factor]; 0, 0 for a flexible ZBL
  std::vector<std::string> species;  // chemical symbols in model order
  std::vector<int> atomic_numbers;   // of the species
  Expansion radial;
  Expansion angular;
  int l_max = 0;
  std::vector<Invariant> invariants;  // switched on, in the order of the descriptor
  int n_neurons = 0;
  std::vector<Network> networks;  // [n_species]
  std::vector<double> q_scaler;   // [n_descriptor]
  std::vector<ZblPair> zbl;       // [n_species * n_species], empty without ZBL

  /// Whether the file ends with a table of ZBL parameters for every pair of species.
  bool has_zbl_table() const { return !zbl_record.empty() && zbl_record[1] == 0.0; }

  int n_species() const { return static_cast<int>(species.size()); }

  /// Blocks of n_max + 1 angular components: one for each l, one for each invariant.
  int n_angular_blocks() const { return l_max + static_cast<int>(invariants.size()); }

  int n_descriptor() const { return radial.n_functions + angular.n_functions * n_angular_blocks(); }

  /// Largest cutoff of any pair in Å.
  double max_cutoff() const;

  /// Radial cutoff of a pair of species in Å; the angular one is not above it.
  double cutoff(int first, int second) const { return radial.pair_cutoff(first, second); }
};

/// The content of a model file. Throws ModelFileError when it cannot be read.
std::string load_text(const std::string& path);

/// Reads a model from the content of a file; `path` is its name for messages.
/// Throws ModelFileError when the text is damaged or holds a model with charges, dipoles,
/// polarizabilities, temperature, van der Waals terms or two hidden layers.
NepModel parse_nep_model(const std::string& text, const std::string& path);

}  // namespace nepforge
