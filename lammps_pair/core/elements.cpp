#include "elements.h"

namespace nepforge {
namespace {

struct Element {
  const char* symbol;
  double zbl_radius;  // Å
};

constexpr Element elements[n_elements] = {
    {"H", 0.426667}, {"He", 0.613333}, {"Li", 1.6},     {"Be", 1.25333}, {"B", 1.02667},
    {"C", 1.0},      {"N", 0.946667},  {"O", 0.84},     {"F", 0.853333}, {"Ne", 0.893333},
    {"Na", 1.86667}, {"Mg", 1.66667},  {"Al", 1.50667}, {"Si", 1.38667}, {"P", 1.46667},
    {"S", 1.36},     {"Cl", 1.32},     {"Ar", 1.28},    {"K", 2.34667},  {"Ca", 2.05333},
    {"Sc", 1.77333}, {"Ti", 1.62667},  {"V", 1.61333},  {"Cr", 1.46667}, {"Mn", 1.42667},
    {"Fe", 1.38667}, {"Co", 1.33333},  {"Ni", 1.32},    {"Cu", 1.34667}, {"Zn", 1.45333},
    {"Ga", 1.49333}, {"Ge", 1.45333},  {"As", 1.53333}, {"Se", 1.46667}, {"Br", 1.52},
    {"Kr", 1.56},    {"Rb", 2.52},     {"Sr", 2.22667}, {"Y", 1.96},     {"Zr", 1.85333},
    {"Nb", 1.76},    {"Mo", 1.65333},  {"Tc", 1.53333}, {"Ru", 1.50667}, {"Rh", 1.50667},
    {"Pd", 1.44},    {"Ag", 1.53333},  {"Cd", 1.64},    {"In", 1.70667}, {"Sn", 1.68},
    {"Sb", 1.68},    {"Te", 1.64},     {"I", 1.76},     {"Xe", 1.74667}, {"Cs", 2.78667},
    {"Ba", 2.34667}, {"La", 2.16},     {"Ce", 1.96},    {"Pr", 2.10667}, {"Nd", 2.09333},
    {"Pm", 2.08},    {"Sm", 2.06667},  {"Eu", 2.01333}, {"Gd", 2.02667}, {"Tb", 2.01333},
    {"Dy", 2.0},     {"Ho", 1.98667},  {"Er", 1.98667}, {"Tm", 1.97333}, {"Yb", 2.04},
    {"Lu", 1.94667}, {"Hf", 1.82667},  {"Ta", 1.74667}, {"W", 1.64},     {"Re", 1.57333},
    {"Os", 1.54667}, {"Ir", 1.48},     {"Pt", 1.49333}, {"Au", 1.50667}, {"Hg", 1.76},
    {"Tl", 1.73333}, {"Pb", 1.73333},  {"Bi", 1.81333}, {"Po", 1.74667}, {"At", 1.84},
    {"Rn", 1.89333}, {"Fr", 2.68},     {"Ra", 2.41333}, {"Ac", 2.22667}, {"Th", 2.10667},
    {"Pa", 2.02667}, {"U", 2.04},      {"Np", 2.05333}, {"Pu", 2.06667},
};

}  // namespace

const char* element_symbol(int atomic_number) {
  return elements[atomic_number - 1].symbol;
}

int atomic_number_of(const std::string& symbol) {
  for (int idx = 0; idx < n_elements; ++idx) {
    if (symbol == elements[idx].symbol) return idx + 1;
  }
  return 0;
}

double zbl_radius(int atomic_number) {
  return elements[atomic_number - 1].zbl_radius;
}

}  // namespace nepforge
