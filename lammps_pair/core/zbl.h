// Short-range repulsion of Ziegler, Biersack and Littmark between two nuclei.
#pragma once

#include <cmath>

#include "nep_model.h"
#include "scalar.h"

namespace nepforge {

// The universal repulsion, with the constants of GPUMD.
constexpr double zbl_coulomb = 14.399645;        // K = e^2 / (4 pi eps0) in eV Å
constexpr double zbl_inverse_length = 2.134563;  // of 1/a = ... (Z_i^power + Z_j^power), 1/Å
constexpr double zbl_charge_power = 0.23;
constexpr double zbl_amplitudes[4] = {0.18175, 0.50986, 0.28022, 0.02817};
constexpr double zbl_decays[4] = {3.1998, 0.94229, 0.4029, 0.20162};

/// The universal repulsion of two nuclei, without a range.
inline ZblPair universal_zbl(double z_first, double z_second) {
  ZblPair pair;
  pair.charges = zbl_coulomb * z_first * z_second;
  pair.inverse_length = zbl_inverse_length * (std::pow(z_first, zbl_charge_power) +
                                              std::pow(z_second, zbl_charge_power));
  for (int idx = 0; idx < 4; ++idx) {
    pair.amplitude[idx] = zbl_amplitudes[idx];
    pair.decay[idx] = zbl_decays[idx];
  }
  return pair;
}

/// V(r) in eV for r < pair.outer, and its slope dV/dr in eV/Å.
template <class S>
NEP_HD S zbl_energy(const ZblPair& pair, S distance, S& slope) {
  S screening = 0;
  S screening_slope = 0;
  for (int idx = 0; idx < 4; ++idx) {
    const S decay = S(pair.decay[idx] * pair.inverse_length);
    const S term = S(pair.amplitude[idx]) * exp(-decay * distance);
    screening += term;
    screening_slope -= decay * term;
  }
  S step = 1;
  S step_slope = 0;
  if (distance >= S(pair.inner)) {
    const S width = S(pair.outer - pair.inner);
    cutoff_function((distance - S(pair.inner)) / width, step, step_slope);
    step_slope /= width;
  }
  const S coulomb = S(pair.charges) / distance;
  slope = coulomb * (screening_slope * step + screening * step_slope - screening * step / distance);
  return coulomb * screening * step;
}

}  // namespace nepforge
