// The many-body invariants: polynomials of the moments s_a, one set for every radial function.
// Python reads the same table through tables.cpp.
#pragma once

#include "nep_math.h"
#include "nep_model.h"

namespace nepforge {

/// One product of moments s_a s_b s_c [s_d] in a many-body invariant; index -1 ends the product.
struct Monomial {
  double coefficient;
  signed char moments[4];
};

/// A many-body invariant as a sum of monomials.
struct InvariantTable {
  const Monomial* monomials;
  int n_monomials;
};

namespace monomials {

constexpr double a0 = -0.007499480826664, a1 = -0.134990654879954, a2 = 0.067495327439977,
                 a3 = 0.404971964639861, a4 = -0.809943929279723;
constexpr Monomial q_222[] = {
    {a0, {3, 3, 3, -1}}, {a1, {3, 4, 4, -1}}, {a1, {3, 5, 5, -1}},  {a2, {3, 6, 6, -1}},
    {a2, {3, 7, 7, -1}}, {a3, {6, 5, 5, -1}}, {-a3, {6, 4, 4, -1}}, {a4, {4, 5, 7, -1}},
};

constexpr double b0 = 0.026596810706114, b1 = 0.053193621412227;
constexpr Monomial q_1111[] = {
    {b0, {0, 0, 0, 0}}, {b1, {0, 0, 1, 1}}, {b1, {0, 0, 2, 2}},
    {b0, {1, 1, 1, 1}}, {b1, {1, 1, 2, 2}}, {b0, {2, 2, 2, 2}},
};

constexpr double c0 = 0.027493550848847, c1 = 0.164961305093080, c2 = -0.013746775424423,
                 c3 = 0.041240326273270, c4 = 0.082480652546540;
constexpr Monomial q_112[] = {
    {c0, {0, 0, 3, -1}}, {c1, {0, 1, 4, -1}}, {c1, {0, 2, 5, -1}},  {c2, {3, 1, 1, -1}},
    {c2, {3, 2, 2, -1}}, {c3, {6, 1, 1, -1}}, {-c3, {6, 2, 2, -1}}, {c4, {1, 2, 7, -1}},
};

constexpr double d0 = -0.008418146349617, d1 = -0.016836292699234, d2 = -0.033672585398469,
                 d3 = -0.042090731748086, d4 = -0.067345170796937, d5 = -0.084181463496172,
                 d6 = -0.168362926992344;
constexpr Monomial q_123[] = {
    {d6, {2, 4, 12, -1}},  {-d6, {2, 5, 11, -1}}, {d6, {1, 4, 11, -1}}, {d6, {1, 5, 12, -1}},
    {d5, {0, 6, 11, -1}},  {d5, {0, 7, 12, -1}},  {d3, {2, 6, 14, -1}}, {-d3, {2, 7, 13, -1}},
    {d3, {1, 6, 13, -1}},  {d3, {1, 7, 14, -1}},  {d4, {0, 5, 10, -1}}, {d4, {0, 4, 9, -1}},
    {d1, {2, 3, 10, -1}},  {d1, {0, 3, 8, -1}},   {d1, {1, 3, 9, -1}},  {d0, {2, 6, 10, -1}},
    {-d0, {1, 7, 10, -1}}, {-d0, {2, 7, 9, -1}},  {-d0, {1, 6, 9, -1}}, {-d2, {2, 5, 8, -1}},
    {-d2, {1, 4, 8, -1}},
};

constexpr double f0 = 0.008572620635186, f1 = 0.009644198214584, f2 = 0.019288396429168,
                 f3 = 0.025717861905558, f4 = 0.026789439484956, f5 = 0.032147327381947,
                 f6 = 0.038576792858337, f7 = 0.128589309527790, f8 = 0.192883964291685,
                 f9 = 0.321473273819474;
constexpr Monomial q_233[] = {
    {f0, {3, 8, 8, -1}},    {f1, {3, 10, 10, -1}}, {f1, {3, 9, 9, -1}},   {-f2, {6, 10, 10, -1}},
    {f2, {6, 9, 9, -1}},    {f3, {4, 8, 9, -1}},   {f3, {5, 8, 10, -1}},  {-f4, {3, 13, 13, -1}},
    {-f4, {3, 14, 14, -1}}, {-f5, {7, 9, 14, -1}}, {-f5, {6, 9, 13, -1}}, {-f5, {6, 10, 14, -1}},
    {f5, {7, 10, 13, -1}},  {f6, {7, 9, 10, -1}},  {-f7, {6, 8, 11, -1}}, {-f7, {7, 8, 12, -1}},
    {f8, {4, 9, 11, -1}},   {f8, {5, 9, 12, -1}},  {f8, {4, 10, 12, -1}}, {-f8, {5, 10, 11, -1}},
    {f9, {4, 12, 14, -1}},  {f9, {5, 11, 14, -1}}, {f9, {4, 11, 13, -1}}, {-f9, {5, 12, 13, -1}},
};

constexpr double g0 = 0.003645164295772, g1 = 0.004860219061029, g2 = 0.006075273826286,
                 g3 = 0.018225821478859, g4 = 0.024301095305146, g5 = 0.036451642957719,
                 g6 = 0.042526916784005, g7 = 0.072903285915437, g8 = 0.085053833568010,
                 g9 = 0.255161500704030;
constexpr Monomial q_134[] = {
    {-g0, {2, 10, 15, -1}}, {-g0, {1, 9, 15, -1}},  {g1, {0, 8, 15, -1}},  {-g2, {1, 13, 18, -1}},
    {-g2, {1, 14, 19, -1}}, {-g2, {2, 14, 18, -1}}, {g2, {2, 13, 19, -1}}, {-g3, {2, 10, 18, -1}},
    {g3, {1, 10, 19, -1}},  {g3, {1, 9, 18, -1}},   {g3, {2, 9, 19, -1}},  {g4, {1, 8, 16, -1}},
    {g4, {2, 8, 17, -1}},   {g5, {0, 10, 17, -1}},  {g5, {0, 9, 16, -1}},  {-g5, {1, 11, 16, -1}},
    {-g5, {1, 12, 17, -1}}, {-g5, {2, 12, 16, -1}}, {g5, {2, 11, 17, -1}}, {g6, {1, 13, 22, -1}},
    {g6, {1, 14, 23, -1}},  {-g6, {2, 14, 22, -1}}, {g6, {2, 13, 23, -1}}, {g7, {0, 11, 18, -1}},
    {g7, {0, 12, 19, -1}},  {g8, {0, 13, 20, -1}},  {g8, {0, 14, 21, -1}}, {g9, {1, 11, 20, -1}},
    {g9, {1, 12, 21, -1}},  {-g9, {2, 12, 20, -1}}, {g9, {2, 11, 21, -1}},
};

}  // namespace monomials

template <int n>
constexpr InvariantTable table_of(const Monomial (&monomials)[n]) {
  return {monomials, n};
}

/// Names in files and recipes, indexed by Invariant.
constexpr const char* invariant_names[n_invariants] = {"222", "1111", "112", "123", "233", "134"};

/// Indexed by Invariant.
constexpr InvariantTable invariant_tables[n_invariants] = {
    table_of(monomials::q_222), table_of(monomials::q_1111), table_of(monomials::q_112),
    table_of(monomials::q_123), table_of(monomials::q_233),  table_of(monomials::q_134),
};

/// The smallest l_max for which all moments of an invariant exist.
constexpr int smallest_l_max(const InvariantTable& table) {
  int l_max = 1;
  for (int idx = 0; idx < table.n_monomials; ++idx) {
    for (const signed char a : table.monomials[idx].moments) {
      while (a >= moment_count(l_max)) ++l_max;
    }
  }
  return l_max;
}

/// Value of an invariant; `moment(a)` is s_a.
template <class V, class Moment>
NEP_HD V invariant_value(const InvariantTable& table, V zero, const Moment& moment) {
  V total = zero;
  for (int idx = 0; idx < table.n_monomials; ++idx) {
    const Monomial& term = table.monomials[idx];
    V product = ScalarOf<V>(term.coefficient) * moment(term.moments[0]) * moment(term.moments[1]) *
                moment(term.moments[2]);
    if (term.moments[3] >= 0) product *= moment(term.moments[3]);
    total += product;
  }
  return total;
}

/// Adds `factor` times d(invariant)/ds_a through `add(a, contribution)`.
template <class V, class Moment, class Add>
NEP_HD void invariant_gradient(const InvariantTable& table, V factor, const Moment& moment,
                               const Add& add) {
  for (int idx = 0; idx < table.n_monomials; ++idx) {
    const Monomial& term = table.monomials[idx];
    const V first = moment(term.moments[0]);
    const V second = moment(term.moments[1]);
    const V third = moment(term.moments[2]);
    V scale = factor * ScalarOf<V>(term.coefficient);
    if (term.moments[3] >= 0) {
      add(term.moments[3], scale * first * second * third);
      scale *= moment(term.moments[3]);
    }
    add(term.moments[0], scale * second * third);
    add(term.moments[1], scale * first * third);
    add(term.moments[2], scale * first * second);
  }
}

}  // namespace nepforge
