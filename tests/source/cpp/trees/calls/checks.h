#pragma once
#include <cstdio>
#include <cstdlib>

#define CHECK(call) /*! free maybe harmless */                            \
    do {                                                                 \
        cudaError_t error_ = (call);                                     \
        if (error_ != cudaSuccess) {                                     \
            fprintf(stderr, "%s\n", cudaGetErrorString(error_));         \
            cudaDeviceReset();                                           \
            abort();                                                     \
        }                                                                \
    } while (0)
