// A program whose time is the host's: launches of a kernel that does next to nothing, and among them calls that an audit
// watches. Prints the seconds that its steps took: launch_bound STEPS LAUNCHES_PER_CALL.
//
// Built without nvcc's help for a machine without a GPU (-x c++), the launches are left out.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cuda_runtime_api.h>

#ifdef __CUDACC__
__global__ void nothing(float* numbers) { numbers[0] = 1.0f; }
#endif

int main(int argc, char** argv) {
    const int steps = argc > 1 ? std::atoi(argv[1]) : 20000;
    const int launches = argc > 2 ? std::atoi(argv[2]) : 8;
    float* numbers = nullptr;
    float* pinned = nullptr;
    cudaStream_t stream = nullptr;
    cudaEvent_t event = nullptr;
    if (cudaMalloc(reinterpret_cast<void**>(&numbers), 4096) != cudaSuccess ||
        cudaMallocHost(reinterpret_cast<void**>(&pinned), 4096) != cudaSuccess ||
        cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) != cudaSuccess ||
        cudaEventCreateWithFlags(&event, cudaEventDisableTiming) != cudaSuccess) {
        return 1;
    }
    const auto step = [&] {
        for (int i = 0; i < launches; ++i) {
#ifdef __CUDACC__
            nothing<<<1, 1, 0, stream>>>(numbers);
#endif
        }
        cudaMemcpyAsync(numbers, pinned, 256, cudaMemcpyHostToDevice, stream);
        cudaEventRecord(event, stream);
    };
    for (int i = 0; i < 1000; ++i) {
        step();
    }
    cudaStreamSynchronize(stream);
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < steps; ++i) {
        step();
    }
    cudaStreamSynchronize(stream);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::printf("%.9f\n", seconds.count());
    return 0;
}
