// Chemical elements H..Pu: symbols, and the radii from which type-wise ZBL cutoffs are computed.
#pragma once

#include <string>

namespace nepforge {

constexpr int n_elements = 94;

/// Symbol of an atomic number in 1..n_elements.
const char* element_symbol(int atomic_number);

/// Atomic number of a symbol such as "Hf", 0 if there is no such element.
int atomic_number_of(const std::string& symbol);

<<<<<<< HEAD
/// 4/3 of a common covalent radius in Å, as GPUMD has it: a type-wise outer cutoff of ZBL is a
/// factor times the sum of the two radii.
=======
/// 4/3 of a common covalent radius in Å (nepforge/formats/NEP_FORMAT.md): the type-wise ZBL outer
/// cutoff of a pair is its factor times the sum of the two.
>>>>>>> main
double zbl_radius(int atomic_number);

}  // namespace nepforge
