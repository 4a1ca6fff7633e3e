// entry: Engine::forward
#include <cuda_runtime.h>
#include "checks.h"

namespace engine {

__global__ void kernel(float* out) { out[0] = 1.0f; }

__device__ void device_code(float* out) { free(out); }

static float* scratch = nullptr;

class Engine {
 public:
    void forward(int tokens);
    void load(const char* path);

 private:
    void attention(int layer, cudaStream_t stream);
    float* host_table_ = nullptr;
    float* table_ = nullptr;
    cudaStream_t stream_ = nullptr;
};

void upload(float* target, const float* source, size_t count, cudaStream_t stream) {
    CHECK(cudaMemcpyAsync(target,
                          source,
                          count * sizeof(float),
                          cudaMemcpyHostToDevice,
                          stream));  //! -4 h2d yes rereads host
}

void Engine::attention(int layer, cudaStream_t stream) {
    upload(table_, host_table_, 16, stream);
    kernel<<<1, 1, 0, stream>>>(table_);
    auto* temporary = scratch + layer;
    CHECK(cudaMemcpyAsync(temporary, table_, 64, cudaMemcpyDeviceToDevice, stream));  //! d2d yes fixed
}

void Engine::forward(int tokens) {
    for (int layer = 0; layer < tokens; ++layer) {
        attention(layer, stream_);
    }
    // cudaDeviceSynchronize();
    const char* text = "cudaDeviceSynchronize();";
    /* cudaFree(scratch); */
    (void)text;
    cudaError_t status = cudaStreamSynchronize(stream_);  //! sync yes forbidden
    if (status != cudaSuccess) {
        cudaDeviceSynchronize();  //! sync maybe harmless
    }
    if (cudaMallocAsync(&scratch, 64, stream_) != cudaSuccess) {  //! alloc yes fixed
        throw 1;
    }
}

void Engine::load(const char* path) {
    CHECK(cudaMalloc(&table_, 64));  //! alloc no
    CHECK(cudaMemcpy(table_, path, 64, cudaMemcpyHostToDevice));  //! h2d no
}

}  // namespace engine
