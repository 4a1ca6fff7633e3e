#pragma once
template <typename T, int N>
struct Buffer {
    T* data = nullptr;
    explicit Buffer(int n) { cudaMalloc(&data, n * sizeof(T)); }  //! alloc yes forbidden
    ~Buffer() { cudaFree(data); }  //! free yes forbidden
    void zero(cudaStream_t s) { cudaMemsetAsync(data, 0, N, s); }  //! memset yes fixed
};

template <typename T>
void launch(T* x) {
    cudaMemcpyAsync(x, h, sizeof(T), cudaMemcpyHostToDevice, stream);  //! h2d yes rereads host
}

template <>
inline void launch<double>(double* x) {
    cudaMemcpyAsync(x, h, 8, cudaMemcpyHostToDevice, stream);  //! h2d ? ?
}
