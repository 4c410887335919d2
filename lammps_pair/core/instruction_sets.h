// Which instruction sets this machine can run.
#pragma once

namespace nepforge {

/// Whether code compiled for AVX-512 runs here.
inline bool has_avx512() {
#ifdef NEPFORGE_X86
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
#else
  return false;
#endif
}

/// Whether code compiled for AVX2 runs here.
inline bool has_avx2() {
#ifdef NEPFORGE_X86
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return false;
#endif
}

}  // namespace nepforge
