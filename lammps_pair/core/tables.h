// The constants of NEP for Python, so that they are written once.
#pragma once

#include <string>

namespace nepforge {

/// JSON: "radii" of the elements in the order of their numbers, Å; "zbl"; "zonal": coefficients of
/// Z_lm, [l - 1][m][power of z]; "invariants": of each name [coefficient, [a, b, c(, d)]] for every
/// product of moments.
std::string tables_as_json();

}  // namespace nepforge
