// entry: forward
#include <vector>

struct Staging {
    int* ids = nullptr;
    Staging() { cudaMallocHost(&ids, 64); }  //! alloc no
};

void copy(void* to, const void* from, size_t n, cudaMemcpyKind kind, cudaStream_t stream) {
    cudaMemcpyAsync(to, from, n, kind, stream);  //! d2h yes rereads host
}

void forward(Staging& staging, float* d_out) {
    int local = 3;
    std::vector<float> table(4);
    cudaMemcpyAsync(d_out, &local, 4, cudaMemcpyHostToDevice, stream);  //! h2d yes rereads host pageable
    cudaMemcpyAsync(d_out, table.data(), 16, cudaMemcpyHostToDevice, stream);  //! h2d yes rereads host pageable
    cudaMemcpyAsync(d_out, staging.ids, 16, cudaMemcpyHostToDevice, stream);  //! h2d yes rereads host pinned
    cudaMemcpyAsync(d_out, d_in, 16, cudaMemcpyDeviceToDevice, stream);  //! d2d yes fixed
    cudaMemcpy(d_out, d_in, 16, cudaMemcpyDeviceToDevice);  //! d2d yes forbidden
    cudaMemcpyAsync(d_out, d_in, 16, cudaMemcpyDeviceToDevice);  //! d2d yes forbidden
    cudaMemcpyAsync(d_out, d_in, 16, cudaMemcpyDeviceToDevice, 0);  //! d2d yes forbidden
    cudaMemcpyAsync(table.data(), table.data(), 16, cudaMemcpyHostToHost, stream);
    cudaMemcpy2DAsync(&local, 4, d_out, 4, 4, 1, cudaMemcpyDeviceToHost, stream);  //! d2h yes rereads host pageable
    cuMemcpyHtoDAsync(d_out, &local, 4, stream);  //! h2d yes rereads host pageable
    cuMemAlloc_v2(&ptr, 4);  //! alloc yes forbidden
    cudaMemcpyPeerAsync(d_out, 0, d_in, 1, 4, stream);  //! d2d yes fixed
    copy(&local, d_out, 4, cudaMemcpyDeviceToHost, stream);
}
