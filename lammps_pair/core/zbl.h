// Short-range repulsion of Ziegler, Biersack and Littmark between two nuclei.
#pragma once

#include <cmath>

#include "nep_model.h"
#include "scalar.h"

namespace nepforge {

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
