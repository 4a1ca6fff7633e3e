// entry: forward
#include <functional>

template <typename F>
int measure(int n, F launch, cudaStream_t stream) { return launch(n, stream); }

struct Queue {
    std::function<void()> later;
    void keep(std::function<void()> f) { later = f; }
};

int forward(Queue& queue) {
    const auto launch = [=](int n, cudaStream_t s) { return cudaStreamSynchronize(s); };  //! sync yes forbidden
    auto copy = [&] { cudaMemcpyAsync(d, &h, 4, cudaMemcpyHostToDevice, s); };  //! h2d yes rereads host
    auto keep = [&] { cudaFree(p); };  //! free maybe forbidden
    auto run = [&](auto f) { f(); };
    auto unused = [&] { cudaDeviceSynchronize(); };  //! sync no
    run(copy);
    queue.keep(keep);
    return measure(3, launch, stream);
}
