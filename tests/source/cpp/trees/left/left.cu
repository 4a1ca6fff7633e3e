// entry: forward
int after_return() {
    return 3;
    cudaFree(p);  //! free no
}
void after_throw() {
    throw 3;
    cudaFree(p);  //! free no
}
int in_one_build() {
#if defined(FAST)
    return cudaMallocAsync(&p, 4, stream);  //! alloc yes fixed
#else
    return cudaMalloc(&p, 4);  //! alloc yes forbidden
#endif
    cudaStreamSynchronize(stream);  //! sync yes forbidden
}
int in_a_case(int n) {
    switch (n) {
        case 0:
            return 3;
        case 1:
            cudaMemset(p, 0, 4);  //! memset yes forbidden
            break;
        default:
            return 4;
    }
    goto end;
    cudaDeviceSynchronize();  //! sync no
end:
    cudaEventQuery(done);  //! query yes forbidden
    return 0;
}
void never() {
    while (0) { cudaFree(p); }  //! free no
    if constexpr (false) { cudaFree(q); }  //! free no
    for (;;) {
        if (n) continue;
        cudaEventSynchronize(done);  //! sync yes forbidden
        break;
    }
    cudaMallocHost(&p, 4);  //! alloc yes forbidden
}
__global__ void kernel(int* p) { cudaDeviceSynchronize(); }
cudaStream_t get_stream() { cudaStreamCreate(&s); return s; }  //! handle yes capture only
void launches() { kernel<<<1, 2, 0, get_stream()>>>(p); }

void forward() {
    after_return();
    after_throw();
    in_one_build();
    in_a_case(3);
    never();
    launches();
}
