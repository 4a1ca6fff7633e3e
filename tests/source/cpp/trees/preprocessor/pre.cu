// entry: forward
#if defined(USE_HIP)
#define STREAM hipStream_t
#else
#define STREAM cudaStream_t
#endif

#ifdef USE_ROCM
void vendor(STREAM s) { cudaDeviceSynchronize(); }  //! sync no
#else
void vendor(STREAM s) { cudaStreamSynchronize(s); }  //! sync yes forbidden
#endif

#define TIMING_ON 0
#define FAST_PATH 1
#ifndef SWITCHABLE
#define SWITCHABLE 0
#endif

void switched() {
#if TIMING_ON
    cudaEventSynchronize(done);
#endif
#if FAST_PATH
    cudaMemset(p, 0, 4);  //! memset yes forbidden
#else
    cudaFreeHost(p);
#endif
#if SWITCHABLE
    cudaStreamQuery(stream);  //! query yes forbidden
#endif
    if (ENGINE_NATIVE_WINDOWS) cudaEventQuery(done);  //! query no
}

void forward(
#ifdef WITH_SIZE
    int size
#else
    long size
#endif
) {
#if 0
    cudaFree(p);
#endif
#ifndef NDEBUG
    cudaDeviceSynchronize();  //! sync maybe harmless
#endif
#if CUDART_VERSION >= 11000
    cudaMallocAsync(&p, size, stream);  //! alloc yes fixed
#else
    cudaMalloc(&p, size);  //! alloc yes forbidden
#endif
    if (size > 3) {
#ifdef FAST
        cudaMemsetAsync(p, 0, size, stream);  //! memset yes fixed
    } else {
#endif
        vendor(stream);
        switched();
    }
}
