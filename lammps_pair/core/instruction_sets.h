// What this machine can run of the code that is compiled for several instruction sets.
#pragma once

namespace nepforge {

/// Whether it can run what was compiled for AVX-512.
inline bool has_avx512() {
#ifdef NEPFORGE_X86
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
#else
  return false;
#endif
}

/// The same for AVX2.
inline bool has_avx2() {
#ifdef NEPFORGE_X86
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return false;
#endif
}

}  // namespace nepforge
