// entry: forward
#include <algorithm>
#include <functional>
#include <mutex>
#include <vector>

template <typename F>
void for_each_layer(int n, F&& body) {
    for (int i = 0; i < n; ++i) body(i);
}

struct Queue {
    std::vector<std::function<void()>> later;
    void defer(std::function<void()> work) { later.push_back(work); }
};

static std::once_flag once;

void forward(Queue& queue) {
    auto copy = [&](float* to, const float* from) {
        cudaMemcpyAsync(to, from, 4, cudaMemcpyHostToDevice, stream);  //! h2d yes rereads host
    };
    auto unused = [&]() {
        cudaDeviceSynchronize();  //! sync no
    };
    copy(a, b);
    for_each_layer(3, [&](int layer) {
        cudaMallocAsync(&p, layer, stream);  //! alloc yes fixed
    });
    std::for_each(v.begin(), v.end(), [](float* x) { cudaFree(x); });  //! free yes forbidden
    queue.defer([] {
        cudaStreamQuery(stream);  //! query maybe forbidden
    });
    std::call_once(once, [] {
        cublasCreate(&handle);  //! handle yes forbidden
    });
    const bool ready = [] { return cudaStreamSynchronize(stream) == cudaSuccess; }();  //! sync yes forbidden
}
