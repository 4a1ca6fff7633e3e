// The runtime over the fake driver: it initialises it at the first call, and makes calls of it within its own.
#include "fake_driver.h"

#include <cuda_runtime_api.h>

namespace {
struct Event {
    FakeStream* recorded = nullptr;
};
FakeStream* fake(cudaStream_t stream) { return reinterpret_cast<FakeStream*>(stream); }
}  // namespace

// As in the real one, the call that initialises CUDA has begun before anybody listens.
#define BEGIN(api, version, ...)                                                                     \
    api##_##version##_params params{__VA_ARGS__};                                                     \
    FakeCall call(CUPTI_CB_DOMAIN_RUNTIME_API, CUPTI_RUNTIME_TRACE_CBID_##api##_##version, &params);   \
    the_cuInit(0)
#define ANSWER(value) return static_cast<cudaError_t>(call.result = (value))

extern "C" {

cudaError_t cudaFree(void* address) {
    BEGIN(cudaFree, v3020, address);
    ANSWER(fake_unsafe());
}

cudaError_t cudaGetLastError() { return cudaSuccess; }

cudaError_t cudaMalloc(void** address, size_t bytes) {
    BEGIN(cudaMalloc, v3020, address, bytes);
    ANSWER(the_cuMemAlloc_v2(reinterpret_cast<std::uint64_t*>(address), bytes));
}

cudaError_t cudaMallocHost(void** address, size_t bytes) {
    BEGIN(cudaMallocHost, v3020, address, bytes);
    ANSWER(the_cuMemAllocHost_v2(address, bytes));
}

cudaError_t cudaMallocAsync(void** address, size_t bytes, cudaStream_t stream) {
    BEGIN(cudaMallocAsync, v11020, address, bytes, stream);
    *address = reinterpret_cast<void*>(0x7800'0000'0000);
    ANSWER(fake_enqueue(fake(stream)));
}

cudaError_t cudaFreeAsync(void* address, cudaStream_t stream) {
    BEGIN(cudaFreeAsync, v11020, address, stream);
    ANSWER(fake_enqueue(fake(stream)));
}

cudaError_t cudaMemsetAsync(void* address, int value, size_t bytes, cudaStream_t stream) {
    BEGIN(cudaMemsetAsync, v3020, address, value, bytes, stream);
    ANSWER(fake_enqueue(fake(stream)));
}

cudaError_t cudaMemcpyAsync(void* target, const void* source, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
    BEGIN(cudaMemcpyAsync, v3020, target, source, bytes, kind, stream);
    if (kind == cudaMemcpyHostToDevice) {
        ANSWER(the_cuMemcpyHtoDAsync_v2(reinterpret_cast<std::uint64_t>(target), source, bytes, fake(stream)));
    }
    ANSWER(fake_enqueue(fake(stream)));
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
    BEGIN(cudaStreamCreateWithFlags, v5000, stream, flags);
    *stream = reinterpret_cast<cudaStream_t>(new FakeStream);
    ANSWER(0);
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    BEGIN(cudaStreamSynchronize, v3020, stream);
    ANSWER(the_cuStreamSynchronize(fake(stream)));
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
    BEGIN(cudaStreamBeginCapture, v10000, stream, mode);
    ANSWER(the_cuStreamBeginCapture_v2(fake(stream), mode));
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
    BEGIN(cudaStreamEndCapture, v10000, stream, graph);
    ANSWER(the_cuStreamEndCapture(fake(stream), nullptr));
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* instance, cudaGraph_t graph, unsigned long long flags) {
    BEGIN(cudaGraphInstantiate, v12000, instance, graph, flags);
    ANSWER(0);
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t instance, cudaStream_t stream) {
    BEGIN(cudaGraphLaunch, v10000, instance, stream);
    ANSWER(0);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
    BEGIN(cudaEventCreateWithFlags, v3020, event, flags);
    *event = reinterpret_cast<cudaEvent_t>(new Event);
    ANSWER(0);
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    BEGIN(cudaEventRecord, v3020, event, stream);
    reinterpret_cast<Event*>(event)->recorded = fake(stream);
    ANSWER(fake_enqueue(fake(stream)));
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags) {
    BEGIN(cudaStreamWaitEvent, v3020, stream, event, flags);
    if (FakeStream* from = reinterpret_cast<Event*>(event)->recorded) {
        fake_fork(from, fake(stream));
    }
    ANSWER(0);
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
    BEGIN(cudaEventQuery, v3020, event);
    ANSWER(the_cuEventQuery(event));
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* data) {
    BEGIN(cudaLaunchHostFunc, v10000, stream, function, data);
    ANSWER(fake_enqueue(fake(stream)));
}

}  // extern "C"
