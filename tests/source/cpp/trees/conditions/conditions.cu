// entry: forward
#include <cstdlib>

template <typename T>
void check(T result, const char* what, const char* file, int line) {
    if (result) {
        cudaDeviceSynchronize();  //! sync maybe harmless
        throw what;
    }
}

struct Engine {
    bool trace_;
    bool loud_;
    void* buffer_ = nullptr;
    bool ready_ = false;
    Engine() : trace_(std::getenv("ENGINE_SLOW") != nullptr) { loud_ = getenv("ENGINE_LOUD") != nullptr; }
    void go() {
        if (trace_) { cudaDeviceSynchronize(); }  //! sync maybe forbidden
        if (!loud_) { cudaEventRecord(event, stream); }  //! xstream yes harmless
        if (!buffer_) { cudaMalloc(&buffer_, 4); }  //! alloc yes forbidden
        if (ready_) return;
        cudaMemset(buffer_, 0, 4);  //! memset yes forbidden
        ready_ = true;
    }
};

void forward(Engine& engine) {
    check(cudaMemcpyAsync(d, &h, 4, cudaMemcpyHostToDevice, stream), "copy", __FILE__, __LINE__);  //! h2d yes rereads host
    if (auto r = cudaMemcpyAsync(&h, d, 4, cudaMemcpyDeviceToHost, stream); r != cudaSuccess) {}  //! d2h yes rereads host
    while (cudaEventQuery(done) == cudaErrorNotReady) {}  //! query yes forbidden
    for (cudaStreamSynchronize(stream); i < 3; ++i) {}  //! sync yes forbidden
    switch (cudaStreamQuery(stream)) { case 0: break; }  //! query yes forbidden
    auto later = [q = cudaMallocAsync(&p, 3, stream)] {};  //! alloc yes fixed
    auto r = x ? cudaFree(p) : cudaFreeAsync(p, stream);  //! free yes ?
    engine.go();
}
