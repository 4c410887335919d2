#include "tables.h"

#include <cstdio>

#include "elements.h"
#include "invariants.h"
#include "nep_math.h"
#include "zbl.h"

namespace nepforge {
namespace {

/// Digits that give the same double again.
std::string number(double value) {
  char digits[32];
  std::snprintf(digits, sizeof(digits), "%.17g", value);
  return digits;
}

/// item(0), item(1), ..., item(count - 1) with commas between them.
template <class Item>
std::string joined(int count, const Item& item) {
  std::string text;
  for (int idx = 0; idx < count; ++idx) text += (idx == 0 ? "" : ", ") + item(idx);
  return text;
}

template <int n>
std::string list(const double (&values)[n], int count = n) {
  return "[" + joined(count, [&](int idx) { return number(values[idx]); }) + "]";
}

std::string radii() {
  return joined(n_elements, [](int idx) {
    return "\"" + std::string(element_symbol(idx + 1)) + "\": " + number(zbl_radius(idx + 1));
  });
}

std::string zbl() {
  return "\"coulomb\": " + number(zbl_coulomb) +
         ", \"inverse_length\": " + number(zbl_inverse_length) +
         ", \"charge_power\": " + number(zbl_charge_power) +
         ", \"amplitudes\": " + list(zbl_amplitudes) + ", \"decays\": " + list(zbl_decays);
}

std::string zonal() {
  return joined(max_moment_l, [](int below) {
    const int l = below + 1;
    return "[" +
           joined(l + 1, [&](int m) { return list(zonal_table.coefficients[l][m], l - m + 1); }) +
           "]";
  });
}

std::string monomial(const Monomial& term) {
  const int degree = term.moments[3] < 0 ? 3 : 4;
  const auto index = [&](int idx) { return std::to_string(term.moments[idx]); };
  return "[" + number(term.coefficient) + ", [" + joined(degree, index) + "]]";
}

std::string invariants() {
  return joined(n_invariants, [](int idx) {
    const InvariantTable& table = invariant_tables[idx];
    return "\"" + std::string(invariant_names[idx]) + "\": [" +
           joined(table.n_monomials, [&](int term) { return monomial(table.monomials[term]); }) +
           "]";
  });
}

}  // namespace

std::string tables_as_json() {
  return "{\"radii\": {" + radii() + "}, \"zbl\": {" + zbl() + "}, \"zonal\": [" + zonal() +
         "], \"invariants\": {" + invariants() + "}}";
}

}  // namespace nepforge
