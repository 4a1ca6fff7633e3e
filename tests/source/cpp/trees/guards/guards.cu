// entry: Runner::forward
#include <cstdlib>
#include <unordered_map>

static bool debug_enabled() {
    static const bool on = std::getenv("ENGINE_DEBUG") != nullptr;
    return on;
}
static const bool no_fusion = getenv("NO_FUSION") != nullptr;
static void* workspace = nullptr;
static size_t workspace_bytes = 0;
static bool configured = false;

cublasHandle_t handle_for_thread() {
    static thread_local cublasHandle_t handle = nullptr;
    if (handle) return handle;
    cublasCreate(&handle);  //! handle yes forbidden
    return handle;
}

void* ensure(size_t needed) {
    if (needed <= workspace_bytes) return workspace;
    if (workspace) cudaFree(workspace);  //! free yes forbidden
    cudaMalloc(&workspace, needed);  //! alloc yes forbidden
    workspace_bytes = needed;
    return workspace;
}

struct Runner {
    bool verbose_ = false;
    std::unordered_map<int, int> plans_;
    void forward(int n, float* optional, bool use_tc);
};

void Runner::forward(int n, float* optional, bool use_tc) {
    if (n <= 0) return;
    handle_for_thread();
    ensure(n * 4);
    if (!configured) {
        cudaMemcpyToSymbolAsync(table, host, 4, 0, cudaMemcpyHostToDevice, stream);  //! h2d yes rereads host
        configured = true;
    }
    if (debug_enabled()) {
        cudaDeviceSynchronize();  //! sync maybe forbidden
    }
    if (!no_fusion && n == 1) {
        cudaMemsetAsync(p, 0, 4, stream);  //! memset yes fixed
    }
    if (verbose_) cudaStreamSynchronize(stream);  //! sync maybe harmless
    if (optional != nullptr) {
        cudaMemcpyAsync(optional, p, 4, cudaMemcpyDeviceToHost, stream);  //! d2h yes rereads host
    }
    if (use_tc) {
        cudaEventRecord(event, stream);  //! xstream yes harmless
    } else {
        cudaEventSynchronize(event);  //! sync yes forbidden
    }
    auto it = plans_.find(n);
    if (it == plans_.end()) {
        cudnnCreate(&dnn);  //! handle yes forbidden
        plans_.emplace(n, 1);
    }
    try {
        cudaStreamQuery(stream);  //! query yes forbidden
    } catch (...) {
        cudaDeviceReset();  //! free maybe harmless
    }
    if (false) {
        cudaFreeHost(p);  //! free no
    }
    switch (n) {
        case 1:
            cudaLaunchHostFunc(stream, callback, nullptr);  //! callback yes rereads host
            break;
        default:
            break;
    }
}
