// entry: forward
#include <mutex>
std::once_flag first, second;

struct Pool {
    Pool() { cudaMallocManaged(&p, 4); }  //! alloc yes forbidden
    ~Pool() { cudaFree(p); }  //! free no
};

struct Cache {
    Cache() { cudaMalloc(&p, 4); }  //! alloc yes forbidden
    ~Cache() { cudaFree(p); }  //! free no
};

void init_blas() { cublasCreate(&h); }  //! handle yes ?

struct Library {
    void init() { cudnnCreate(&h); }  //! handle yes ?
    void use() {
        std::call_once(first, init_blas);
        std::call_once(second, &Library::init, this);
    }
};

void statics() {
    static bool once = [] { cusparseCreate(&h); return true; }();  //! handle yes ?
    static auto* pool = new Pool();
    thread_local Cache cache;
}

void forward(Library& library) {
    library.use();
    statics();
}
