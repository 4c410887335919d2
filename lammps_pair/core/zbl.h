// Short-range repulsion of Ziegler, Biersack and Littmark between two nuclei.
#pragma once

#include <cmath>

#include "nep_math.h"
#include "nep_model.h"

namespace nepforge {

/// V(r) in eV for r < pair.outer, and its slope dV/dr in eV/Å.
NEP_HD double zbl_energy(const ZblPair& pair, double distance, double& slope) {
  double screening = 0.0;
  double screening_slope = 0.0;
  for (int idx = 0; idx < 4; ++idx) {
    const double decay = pair.decay[idx] * pair.inverse_length;
    const double term = pair.amplitude[idx] * exp(-decay * distance);
    screening += term;
    screening_slope -= decay * term;
  }
  double step = 1.0;
  double step_slope = 0.0;
  if (distance >= pair.inner) {
    const double width = pair.outer - pair.inner;
    cutoff_function((distance - pair.inner) / width, step, step_slope);
    step_slope /= width;
  }
  const double coulomb = pair.charges / distance;
  slope = coulomb * (screening_slope * step + screening * step_slope - screening * step / distance);
  return coulomb * screening * step;
}

}  // namespace nepforge
