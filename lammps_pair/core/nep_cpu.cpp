#include "nep_cpu.h"

#include <algorithm>
#include <cmath>

#include "aligned_buffer.h"
#include "nep_math.h"
#include "zbl.h"

namespace nepforge {
namespace {

/// Instruction sets that this build has and this machine can run, the fastest first.
std::vector<const InstructionSet*> usable_sets() {
  std::vector<const InstructionSet*> sets;
#ifdef NEPFORGE_X86
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw")) {
    sets.push_back(&avx512::instruction_set);
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    sets.push_back(&avx2::instruction_set);
  }
#endif
  sets.push_back(&baseline::instruction_set);
  return sets;
}

/// The coefficients of one expansion as the kernels read them, with the memory behind them.
struct ExpansionStorage {
  AlignedBuffer cutoff, value, slope;
  KernelExpansion view;

  ExpansionStorage(const Expansion& part, int n_species) {
    const std::size_t n_pairs = static_cast<std::size_t>(n_species) * n_species;
    const std::size_t stride = padded(part.n_basis);
    const std::size_t size = n_pairs * part.n_functions * stride;
    cutoff = AlignedBuffer(n_pairs);
    value = AlignedBuffer(size + padding);
    slope = AlignedBuffer(size + padding);
    view = {part.n_functions, part.n_basis, static_cast<int>(stride),
            cutoff.data(),    value.data(), slope.data()};
    for (std::size_t pair = 0; pair < n_pairs; ++pair) {
      cutoff.data()[pair] = (part.cutoff[pair / n_species] + part.cutoff[pair % n_species]) / 2;
      for (int n = 0; n < part.n_functions; ++n) {
        const std::size_t row = (pair * part.n_functions + n) * stride;
        for (int k = 0; k < part.n_basis; ++k) {
          const double c = part.coefficients[(n * part.n_basis + k) * n_pairs + pair];
          // f_k = (T_k + 1) / 2 f_c, and T_0 = 1
          value.data()[row] += c / 2;
          value.data()[row + k] += c / 2;
        }
        differentiate(value.data() + row, part.n_basis, slope.data() + row);
      }
    }
  }

  /// Coefficients d of the derivative of sum_k a_k T_k: d_{k-1} = d_{k+1} + 2 k a_k, d_0 halved.
  static void differentiate(const double* a, int n_basis, double* d) {
    for (int k = n_basis - 1; k >= 1; --k) {
      d[k - 1] = (k + 1 < n_basis ? d[k + 1] : 0.0) + 2 * k * a[k];
    }
    d[0] /= 2;
  }
};

}  // namespace

NonFiniteEnergy::NonFiniteEnergy(int center_idx)
    : std::runtime_error("the energy of an atom is not finite"), center(center_idx) {}

std::vector<std::string> instruction_sets() {
  std::vector<std::string> names;
  for (const InstructionSet* set : usable_sets()) names.emplace_back(set->name);
  return names;
}

/// The model in kernel order, with the memory behind it.
struct NepCpu::Parameters {
  ExpansionStorage radial, angular;
  std::vector<Invariant> invariants;
  AlignedBuffer w0, b0, w1;
  std::vector<double> bias;
  std::vector<ZblPair> zbl;
  std::vector<double> radial_cutoff_square;   // [t_i][t_j + 1], 0 for t_j = -1
  std::vector<double> angular_cutoff_square;  // same
  KernelModel view;

  explicit Parameters(const NepModel& model)
      : radial(model.radial, model.n_species()),
        angular(model.angular, model.n_species()),
        invariants(model.invariants),
        zbl(model.zbl) {
    const int n_species = model.n_species();
    view.n_species = n_species;
    view.radial = radial.view;
    view.angular = angular.view;
    view.l_max = model.l_max;
    view.n_moments = moment_count(model.l_max);
    view.moment_stride = padded(model.angular.n_functions);
    view.invariants = invariants.data();
    view.n_invariants = static_cast<int>(invariants.size());
    view.n_descriptor = model.n_descriptor();
    view.neuron_stride = padded(model.n_neurons);
    store_networks(model);
    store_cutoffs(n_species);
  }

 private:
  void store_networks(const NepModel& model) {
    const std::size_t stride = view.neuron_stride;
    const std::size_t dim = view.n_descriptor;
    w0 = AlignedBuffer(model.networks.size() * dim * stride);
    b0 = AlignedBuffer(model.networks.size() * stride);
    w1 = AlignedBuffer(model.networks.size() * stride);
    for (std::size_t type = 0; type < model.networks.size(); ++type) {
      const Network& network = model.networks[type];
      for (int mu = 0; mu < model.n_neurons; ++mu) {
        b0.data()[type * stride + mu] = network.b0[mu];
        w1.data()[type * stride + mu] = network.w1[mu];
        for (std::size_t nu = 0; nu < dim; ++nu) {
          w0.data()[(type * dim + nu) * stride + mu] =
              network.w0[mu * dim + nu] * model.q_scaler[nu];
        }
      }
      bias.push_back(network.bias);
    }
    view.w0 = w0.data();
    view.b0 = b0.data();
    view.w1 = w1.data();
    view.bias = bias.data();
  }

  void store_cutoffs(int n_species) {
    for (int first = 0; first < n_species; ++first) {
      radial_cutoff_square.push_back(0.0);
      angular_cutoff_square.push_back(0.0);
      for (int second = 0; second < n_species; ++second) {
        const int pair = first * n_species + second;
        radial_cutoff_square.push_back(std::pow(view.radial.cutoff[pair], 2));
        angular_cutoff_square.push_back(std::pow(view.angular.cutoff[pair], 2));
      }
    }
  }
};

/// Buffers for one atom at a time, grown to the largest neighbour list.
struct NepCpu::Workspace {
  Workspace(const Parameters& parameters, int lanes) : parameters_(parameters), lanes_(lanes) {
    const KernelModel& model = parameters.view;
    radial_sums_ = AlignedBuffer(model.radial.stride);
    radial_force_value_ = AlignedBuffer(model.radial.stride);
    radial_force_slope_ = AlignedBuffer(model.radial.stride);
    local_polynomials_ = AlignedBuffer(static_cast<std::size_t>(model.angular.n_basis) * padding);
    const std::size_t n_moment_values =
        static_cast<std::size_t>(model.n_moments) * model.moment_stride;
    moments_ = AlignedBuffer(n_moment_values);
    moment_forces_ = AlignedBuffer(n_moment_values);
    descriptor_ = AlignedBuffer(model.n_descriptor + padding);
    descriptor_forces_ = AlignedBuffer(model.n_descriptor + padding);
    neuron_forces_ = AlignedBuffer(model.neuron_stride);
    work.local_polynomials = local_polynomials_.data();
    work.radial_sums = radial_sums_.data();
    work.radial_force_value = radial_force_value_.data();
    work.radial_force_slope = radial_force_slope_.data();
    work.moments = moments_.data();
    work.moment_forces = moment_forces_.data();
    work.descriptor = descriptor_.data();
    work.descriptor_forces = descriptor_forces_.data();
    work.neuron_forces = neuron_forces_.data();
    bucket_end_.resize(2 * model.n_species);
    groups_.reserve(model.n_species);
  }

  /// Makes room for neighbour lists of at most `n_neighbors` atoms.
  void reserve(int n_neighbors) {
    if (n_neighbors <= n_candidates_) return;
    n_candidates_ = n_neighbors;
    candidates_.resize(n_neighbors);
    const KernelModel& model = parameters_.view;
    const std::size_t n_padding = static_cast<std::size_t>(model.n_species) * (lanes_ - 1);
    const std::size_t n_slots = (n_neighbors + n_padding + padding) / padding * padding;
    atom_of_slot.resize(n_slots);
    double** const by_slot[] = {&work.x,
                                &work.y,
                                &work.z,
                                &work.distance,
                                &work.inverse_distance,
                                &work.unit_x,
                                &work.unit_y,
                                &work.unit_z,
                                &work.cutoff_value,
                                &work.cutoff_slope,
                                &work.argument_slope,
                                &work.force_x,
                                &work.force_y,
                                &work.force_z};
    by_slot_ = AlignedBuffer(n_slots * std::size(by_slot));
    double* next = by_slot_.data();
    for (double** array : by_slot) {
      *array = next;
      next += n_slots;
    }
    polynomials_ = AlignedBuffer(n_slots * model.radial.n_basis);
    angular_value_ = AlignedBuffer(n_slots * model.angular.n_functions);
    angular_slope_ = AlignedBuffer(n_slots * model.angular.n_functions);
    moment_values_ = AlignedBuffer(n_slots * model.n_moments);
    work.polynomials = polynomials_.data();
    work.angular_value = angular_value_.data();
    work.angular_slope = angular_slope_.data();
    work.moment_values = moment_values_.data();
  }

  /// Fills the slots with the neighbours of `center` inside the cutoffs, grouped by species.
  void gather(const AtomsView& atoms, const int* neighbors, int n_neighbors, int mask, int center) {
    const int n_kept = filter(atoms, neighbors, n_neighbors, mask, center);
    const int species = atoms.species_of_type[atoms.types[center]];
    place_groups(species, n_kept, center);
    for (int idx = 0; idx < n_kept; ++idx) {
      const Candidate& candidate = candidates_[idx];
      const int slot = bucket_end_[candidate.bucket]++;
      atom_of_slot[slot] = candidate.atom;
      work.x[slot] = candidate.x;
      work.y[slot] = candidate.y;
      work.z[slot] = candidate.z;
    }
  }

  KernelWorkspace work = {};
  std::vector<int> atom_of_slot;  // a padding slot holds the center, on which its zero force falls

 private:
  struct Candidate {
    double x, y, z;  // Å, from the center
    int atom;
    int bucket;  // 2 * species + (1 when beyond the angular cutoff)
  };

  /// Copies the neighbours inside the radial cutoff to the front of candidates_ and counts them by
  /// bucket. Written without a branch: which neighbours are inside cannot be predicted.
  int filter(const AtomsView& atoms, const int* neighbors, int n_neighbors, int mask, int center) {
    const double* origin = atoms.positions + 3 * static_cast<std::size_t>(center);
    const int species = atoms.species_of_type[atoms.types[center]];
    const int row = species * (parameters_.view.n_species + 1) + 1;
    const double* radial_square = parameters_.radial_cutoff_square.data() + row;
    const double* angular_square = parameters_.angular_cutoff_square.data() + row;
    int n_kept = 0;
    for (int idx = 0; idx < n_neighbors; ++idx) {
      const int atom = neighbors[idx] & mask;
      const int other = atoms.species_of_type[atoms.types[atom]];
      const double* position = atoms.positions + 3 * static_cast<std::size_t>(atom);
      Candidate& kept = candidates_[n_kept];
      kept.x = position[0] - origin[0];
      kept.y = position[1] - origin[1];
      kept.z = position[2] - origin[2];
      const double square = kept.x * kept.x + kept.y * kept.y + kept.z * kept.z;
      kept.atom = atom;
      kept.bucket = 2 * other + (square >= angular_square[other] ? 1 : 0);
      n_kept += square < radial_square[other] ? 1 : 0;
    }
    return n_kept;
  }

  /// Lays out the groups, sets bucket_end_ to the first slot of each bucket and fills the padding.
  void place_groups(int species, int n_kept, int center) {
    const KernelModel& model = parameters_.view;
    std::fill(bucket_end_.begin(), bucket_end_.end(), 0);
    for (int idx = 0; idx < n_kept; ++idx) ++bucket_end_[candidates_[idx].bucket];
    groups_.clear();
    int first = 0;
    for (int other = 0; other < model.n_species; ++other) {
      const int n_angular = bucket_end_[2 * other];
      const int count = n_angular + bucket_end_[2 * other + 1];
      if (count == 0) continue;
      const int n_slots = whole_vectors(count);
      groups_.push_back({other, first, n_slots, whole_vectors(n_angular)});
      bucket_end_[2 * other] = first;
      bucket_end_[2 * other + 1] = first + n_angular;
      for (int slot = first + count; slot < first + n_slots; ++slot) {
        atom_of_slot[slot] = center;
        work.x[slot] = model.radial.cutoff[species * model.n_species + other];
        work.y[slot] = 0.0;
        work.z[slot] = 0.0;
      }
      first += n_slots;
    }
    work.groups = groups_.data();
    work.n_groups = static_cast<int>(groups_.size());
  }

  int whole_vectors(int count) const { return (count + lanes_ - 1) / lanes_ * lanes_; }

  const Parameters& parameters_;
  const int lanes_;
  int n_candidates_ = 0;
  std::vector<Candidate> candidates_;
  std::vector<int> bucket_end_;
  std::vector<NeighborGroup> groups_;
  AlignedBuffer by_slot_, polynomials_, angular_value_, angular_slope_, moment_values_;
  AlignedBuffer local_polynomials_, radial_sums_, radial_force_value_, radial_force_slope_;
  AlignedBuffer moments_, moment_forces_, descriptor_, descriptor_forces_, neuron_forces_;
};

namespace {

/// Adds the repulsion of the center with one group to its pair forces; returns its energy, half of
/// each pair.
double add_zbl(const ZblPair& pair, const KernelWorkspace& work, const NeighborGroup& group) {
  double energy = 0.0;
  for (int slot = group.first; slot < group.first + group.n_slots; ++slot) {
    if (work.distance[slot] >= pair.outer) continue;
    double slope = 0.0;
    energy += zbl_energy(pair, work.distance[slot], slope) / 2;
    work.force_x[slot] += work.unit_x[slot] * slope / 2;
    work.force_y[slot] += work.unit_y[slot] * slope / 2;
    work.force_z[slot] += work.unit_z[slot] * slope / 2;
  }
  return energy;
}

/// Adds p_ij to the center and takes it from the neighbours.
void scatter_forces(const KernelWorkspace& work, const std::vector<int>& atom_of_slot, int center,
                    double* forces) {
  double total[3] = {0.0};
  for (int idx = 0; idx < work.n_groups; ++idx) {
    const NeighborGroup& group = work.groups[idx];
    for (int slot = group.first; slot < group.first + group.n_slots; ++slot) {
      double* force = forces + 3 * static_cast<std::size_t>(atom_of_slot[slot]);
      force[0] -= work.force_x[slot];
      force[1] -= work.force_y[slot];
      force[2] -= work.force_z[slot];
      total[0] += work.force_x[slot];
      total[1] += work.force_y[slot];
      total[2] += work.force_z[slot];
    }
  }
  for (int axis = 0; axis < 3; ++axis) {
    forces[3 * static_cast<std::size_t>(center) + axis] += total[axis];
  }
}

/// Adds W_ab = -r_a p_b of every pair to the total and to the neighbour.
void add_virials(const KernelWorkspace& work, const std::vector<int>& atom_of_slot,
                 Totals& totals) {
  for (int idx = 0; idx < work.n_groups; ++idx) {
    const NeighborGroup& group = work.groups[idx];
    for (int slot = group.first; slot < group.first + group.n_slots; ++slot) {
      const double vector[3] = {work.x[slot], work.y[slot], work.z[slot]};
      const double force[3] = {work.force_x[slot], work.force_y[slot], work.force_z[slot]};
      const std::size_t row = 9 * static_cast<std::size_t>(atom_of_slot[slot]);
      for (int entry = 0; entry < 9; ++entry) {
        const double virial = -vector[entry / 3] * force[entry % 3];
        totals.virial[entry] += virial;
        if (totals.atomic_virial) totals.atomic_virial[row + entry] += virial;
      }
    }
  }
}

}  // namespace

NepCpu::NepCpu(const NepModel& model, const std::string& instruction_set) {
  const std::vector<const InstructionSet*> sets = usable_sets();
  const auto found = std::find_if(sets.begin(), sets.end(), [&](const InstructionSet* set) {
    return instruction_set.empty() || instruction_set == set->name;
  });
  if (found == sets.end()) {
    throw std::invalid_argument("this machine cannot run instruction set '" + instruction_set +
                                "'");
  }
  instructions_ = *found;
  parameters_ = std::make_shared<const Parameters>(model);
  workspace_ = std::make_unique<Workspace>(*parameters_, instructions_->lanes);
}

NepCpu::NepCpu(const InstructionSet* instructions, std::shared_ptr<const Parameters> parameters)
    : instructions_(instructions),
      parameters_(std::move(parameters)),
      workspace_(std::make_unique<Workspace>(*parameters_, instructions_->lanes)) {}

NepCpu::~NepCpu() = default;

std::unique_ptr<NepCpu> NepCpu::for_another_thread() const {
  return std::unique_ptr<NepCpu>(new NepCpu(instructions_, parameters_));
}

void NepCpu::evaluate(const AtomsView& atoms, const NeighborView& neighbors, Totals& totals) {
  int longest = 0;
  for (int idx = 0; idx < neighbors.n_centers; ++idx) {
    longest = std::max(longest, neighbors.n_neighbors[neighbors.centers[idx]]);
  }
  workspace_->reserve(longest + 1);  // the filter writes one candidate beyond the last kept
  const KernelWorkspace& work = workspace_->work;
  for (int idx = 0; idx < neighbors.n_centers; ++idx) {
    const int center = neighbors.centers[idx];
    const int species = atoms.species_of_type[atoms.types[center]];
    if (species < 0) continue;
    workspace_->gather(atoms, neighbors.neighbors[center], neighbors.n_neighbors[center],
                       neighbors.index_mask, center);
    double energy = instructions_->kernel(parameters_->view, species, work);
    if (!parameters_->zbl.empty()) {
      for (int group = 0; group < work.n_groups; ++group) {
        const int pair = species * parameters_->view.n_species + work.groups[group].species_idx;
        energy += add_zbl(parameters_->zbl[pair], work, work.groups[group]);
      }
    }
    if (!std::isfinite(energy)) throw NonFiniteEnergy(center);
    totals.energy += energy;
    if (totals.atomic_energy) totals.atomic_energy[center] += energy;
    scatter_forces(work, workspace_->atom_of_slot, center, totals.forces);
    if (totals.with_virial || totals.atomic_virial) {
      add_virials(work, workspace_->atom_of_slot, totals);
    }
  }
}

}  // namespace nepforge
