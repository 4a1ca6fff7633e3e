// entry: forward
#define CUDA_CHECK_GEN(err, success, fn) do { auto e_ = (err); if (e_ != (success)) fn(#err); } while (0)
#define CUDA_CHECK(err) CUDA_CHECK_GEN(err, cudaSuccess, die)
#define WAIT_FOR_DEVICE cudaDeviceSynchronize()
#define COPY(to, from, n) CUDA_CHECK(cudaMemcpyAsync(to, from, n, cudaMemcpyHostToDevice, stream))
#define CALL(name) cuda##name(stream)
#ifdef CHECK_EVERY_KERNEL_DEBUG
#define AFTER_KERNEL() cudaStreamSynchronize(stream)
#define DEBUG_ONLY(x) x
#else
#define AFTER_KERNEL()
#define DEBUG_ONLY(x)
#endif
#define NEVER_USED() cudaFree(p)
#define EXPORT __attribute__((visibility("default")))
#define BEGIN_NS namespace ns {
#define END_NS }

BEGIN_NS
EXPORT void forward() {
    COPY(a, b, 4);  //! h2d yes rereads host
    WAIT_FOR_DEVICE;  //! sync yes forbidden
    CALL(StreamSynchronize);  //! sync yes forbidden
    CUDA_CHECK(cudaMalloc(&p, 4));  //! alloc yes forbidden
    DEBUG_ONLY(cudaEventSynchronize(event));  //! sync maybe harmless
}
END_NS
