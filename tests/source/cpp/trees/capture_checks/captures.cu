// entry: forward
static bool is_capturing(cudaStream_t stream) {
    cudaStreamCaptureStatus status;
    cudaStreamIsCapturing(stream, &status);
    return status != cudaStreamCaptureStatusNone;
}

void timed(cudaStream_t stream) {
    cudaStreamCaptureStatus capture_status = cudaStreamCaptureStatusNone;
    cudaStreamIsCapturing(stream, &capture_status);
    if (capture_status == cudaStreamCaptureStatusNone) {
        cudaEventSynchronize(event);  //! sync maybe harmless
    }
    if (capture_status == cudaStreamCaptureStatusActive) {
        cudaMemsetAsync(p, 0, 4, stream);  //! memset yes fixed
    }
}

void forward(cudaStream_t stream) {
    if (!is_capturing(stream)) {
        cudaStreamSynchronize(stream);  //! sync maybe harmless
    }
    timed(stream);
    if (is_capturing(stream)) return;
    cudaMalloc(&p, 4);  //! alloc maybe harmless
}
