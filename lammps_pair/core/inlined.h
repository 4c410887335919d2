// How functions are declared that must be part of their caller: on the host, because files are
// compiled for several instruction sets and no AVX code may be linked in place of a baseline
// function of the same name; on a GPU, for both sides.
#pragma once

#ifdef __CUDACC__
#define NEP_HD_MEMBER __host__ __device__ __forceinline__
#else
#define NEP_HD_MEMBER inline __attribute__((always_inline))
#endif
#define NEP_HD static NEP_HD_MEMBER
