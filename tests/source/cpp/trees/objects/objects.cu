// entry: forward
#include <memory>

struct Timer {
    Timer() { cudaEventCreate(&start_); }  //! handle yes harmless
    ~Timer() { cudaEventSynchronize(start_); }  //! sync yes forbidden
    cudaEvent_t start_;
};

struct Kept {
    Kept() { cudaHostAlloc(&p, 4, 0); }  //! alloc yes forbidden
    ~Kept() { cudaFreeHost(p); }  //! free no
};

struct Deleted {
    ~Deleted() { cudaFree(p); }  //! free yes forbidden
};

struct Pool {
    void* alloc(size_t n) { cudaMalloc(&p, n); return p; }  //! alloc yes forbidden
    void release(void* p) { cudaFree(p); }  //! free yes forbidden
};

template <typename T>
struct PoolAlloc {
    Pool& pool;
    T* ptr;
    PoolAlloc(Pool& pool, size_t n) : pool(pool) { ptr = (T*)pool.alloc(n); }
    ~PoolAlloc() { pool.release(ptr); }
};

struct Holder {
    Timer timer;
};

void forward(Pool& pool, Deleted* old) {
    Holder holder;
    auto kept = std::make_unique<Kept>();
    keep(std::move(kept));
    PoolAlloc<float> temporary(pool, 3);
    delete old;
}
