// A library whose handle is made of calls of the runtime, some of them repeated, none of them its own to CUPTI.
#include <cuda_runtime_api.h>

extern "C" __attribute__((noinline)) int cublasCreate_v2(void** handle) {
    static char made;
    void* workspace = nullptr;
    cudaError_t result = cudaMalloc(&workspace, 1024);
    for (int i = 0; i < 4 && result == cudaSuccess; ++i) {
        cudaEvent_t event = nullptr;
        result = cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
    }
    *handle = &made;
    return result == cudaSuccess ? 0 : 3;
}
