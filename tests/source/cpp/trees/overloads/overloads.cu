// entry: step
struct Tensor {
    float* data;
};
struct Cache {
    int* blocks;
};

void store(Tensor t) { cudaMemsetAsync(t.data, 0, 4, stream); }  //! memset yes fixed
void store(Cache c) { cudaFree(c.blocks); }  //! free no
void store(Tensor t, int layer) { cudaMalloc(&t.data, layer); }  //! alloc no

void grow(int bytes);
void grow(int bytes, int times) { cudaHostAlloc(&p, bytes * times, 0); }  //! alloc yes forbidden
void grow(int bytes) { cudaFreeHost(p); }  //! free no

void with_default(int bytes, cudaStream_t stream = nullptr);
void with_default(int bytes, cudaStream_t stream) { cudaStreamSynchronize(stream); }  //! sync yes forbidden

void step(Tensor& t) {
    store(t);
    grow(1, 2);
    with_default(3);
}
