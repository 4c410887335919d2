// Chemical elements H..Pu: symbols, and the radii from which type-wise ZBL cutoffs are computed.
#pragma once

#include <string>

namespace nepforge {

constexpr int n_elements = 94;

/// Symbol of an atomic number in 1..n_elements.
const char* element_symbol(int atomic_number);

/// Atomic number of a symbol such as "Hf", 0 if there is no such element.
int atomic_number_of(const std::string& symbol);

/// 4/3 of a common covalent radius in Å, as GPUMD has it: a type-wise outer cutoff of ZBL is a
/// factor times the sum of the two radii.
double zbl_radius(int atomic_number);

}  // namespace nepforge
