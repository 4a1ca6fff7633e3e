// entry: compute
struct Interface {
    void (*graph_compute)(int);
    void (*synchronize)(int);
};

static void cuda_graph_compute(int n) {
    cudaStreamSynchronize(stream);  //! sync maybe forbidden
}
static void cuda_synchronize(int n) {
    cudaDeviceSynchronize();  //! sync no
}

static const Interface interface = {
    cuda_graph_compute,
    cuda_synchronize,
};

void on_done(void* data) {
    cudaFree(data);  //! free maybe forbidden
}

typedef void (*Plain)(int);

void compute(const Interface* device, Plain anything) {
    device->graph_compute(3);
    cudaLaunchHostFunc(stream, on_done, nullptr);  //! callback yes rereads host
    anything(4);
}
