// Every kind of call that an audit is to find, each on a line of its own.
//
// A line that ends in `// PLANTED: CLASS VERDICT API` is what the tests expect to read in the audit, at that line; `_`
// stands for a blank. nvcc builds this for a card. A plain C++ compiler builds it too, without the kernel, to be linked
// with the fakes of tests/inject/fakes.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cuda_runtime_api.h>
#include <thread>

extern "C" int cublasCreate_v2(void** handle);

namespace {

constexpr int kNumbers = 256;
constexpr size_t kBytes = kNumbers * sizeof(float);

float* on_device = nullptr;
float* pinned = nullptr;
void* blas = nullptr;

void check(cudaError_t result, const char* what) {
    if (result != cudaSuccess) {
        std::fprintf(stderr, "%s: error %d\n", what, static_cast<int>(result));
        std::exit(4);
    }
}

void expect_failure(cudaError_t result, const char* what) {
    if (result == cudaSuccess) {
        std::fprintf(stderr, "%s: passed, and was to be refused\n", what);
    }
    cudaGetLastError();
}

#ifdef __CUDACC__
__global__ void add_one(float* numbers) { numbers[threadIdx.x] += 1.0f; }
void launch(cudaStream_t stream) { add_one<<<1, kNumbers, 0, stream>>>(on_device); }
#else
void launch(cudaStream_t) {}
#endif

void CUDART_CB on_host(void*) {}

cudaStream_t new_stream() {
    cudaStream_t stream = nullptr;
    check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "stream");
    return stream;
}

// Upload of what lies on this stack: gone when the graph is replayed.
void upload_from_stack(cudaStream_t stream) {
    float numbers[kNumbers] = {1.0f};
    check(cudaMemcpyAsync(on_device, numbers, kBytes, cudaMemcpyHostToDevice, stream), "h2d");  // PLANTED: h2d rereads_host cudaMemcpyAsync
}

// The memory of one call, as engines do that were not written for graphs.
void scratch_per_call(cudaStream_t stream) {
    void* scratch = nullptr;
    check(cudaMallocAsync(&scratch, kBytes, stream), "alloc");  // PLANTED: alloc fixed cudaMallocAsync
    check(cudaMemsetAsync(scratch, 0, kBytes, stream), "memset");  // PLANTED: memset fixed cudaMemsetAsync
    check(cudaFreeAsync(scratch, stream), "free");  // PLANTED: free fixed cudaFreeAsync
}

void forward(cudaStream_t stream, cudaStream_t side, cudaEvent_t forked, cudaEvent_t joined) {
    upload_from_stack(stream);
    check(cudaMemcpyAsync(on_device, pinned, kBytes, cudaMemcpyDefault, stream), "h2d");  // PLANTED: h2d rereads_host cudaMemcpyAsync
    scratch_per_call(stream);
    check(cudaEventRecord(forked, stream), "fork");  // PLANTED: xstream harmless cudaEventRecord
    check(cudaStreamWaitEvent(side, forked, 0), "fork");  // PLANTED: xstream harmless cudaStreamWaitEvent
    launch(side);
    check(cudaEventRecord(joined, side), "join");
    check(cudaStreamWaitEvent(stream, joined, 0), "join");
    check(cudaLaunchHostFunc(stream, on_host, nullptr), "host");  // PLANTED: callback rereads_host cudaLaunchHostFunc
    check(cudaMemcpyAsync(pinned, on_device, kBytes, cudaMemcpyDeviceToHost, stream), "d2h");  // PLANTED: d2h rereads_host cudaMemcpyAsync
}

void replayed() {
    cudaStream_t stream = new_stream();
    cudaStream_t side = new_stream();
    cudaEvent_t forked = nullptr;
    cudaEvent_t joined = nullptr;
    check(cudaEventCreateWithFlags(&forked, cudaEventDisableTiming), "event");
    check(cudaEventCreateWithFlags(&joined, cudaEventDisableTiming), "event");
    forward(stream, side, forked, joined);
    check(cudaStreamSynchronize(stream), "eager");  // PLANTED: sync harmless cudaStreamSynchronize
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t instance = nullptr;
    check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), "begin");
    forward(stream, side, forked, joined);
    check(cudaStreamEndCapture(stream, &graph), "end");
    check(cudaGraphInstantiate(&instance, graph, 0), "instantiate");
    for (int i = 0; i < 3; ++i) {
        check(cudaGraphLaunch(instance, stream), "launch");
    }
    check(cudaStreamSynchronize(stream), "replay");
}

// A handle that is made when it is first needed.
void* blas_handle() {
    if (blas == nullptr && cublasCreate_v2(&blas) != 0) {  // PLANTED: handle capture_only cublasCreate
        std::fprintf(stderr, "no cuBLAS handle\n");
        std::exit(5);
    }
    return blas;
}

void relaxed() {
    cudaStream_t stream = new_stream();
    cudaStream_t elsewhere = new_stream();
    cudaGraph_t graph = nullptr;
    void* grown = nullptr;
    check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed), "begin");
    launch(stream);
    check(cudaMalloc(&grown, kBytes), "grow");  // PLANTED: alloc capture_only cudaMalloc
    blas_handle();
    check(cudaMemcpyAsync(on_device, pinned, kBytes, cudaMemcpyHostToDevice, elsewhere), "h2d");  // PLANTED: h2d capture_only cudaMemcpyAsync
    check(cudaStreamEndCapture(stream, &graph), "end");
    check(cudaStreamSynchronize(elsewhere), "elsewhere");
}

void waits_inside() {
    cudaStream_t stream = new_stream();
    cudaGraph_t graph = nullptr;
    check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), "begin");
    launch(stream);
    expect_failure(cudaStreamSynchronize(stream), "sync");  // PLANTED: sync forbidden cudaStreamSynchronize
    expect_failure(cudaStreamEndCapture(stream, &graph), "end");
}

void allocates_inside() {
    cudaStream_t stream = new_stream();
    cudaGraph_t graph = nullptr;
    void* grown = nullptr;
    check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "begin");
    launch(stream);
    expect_failure(cudaMalloc(&grown, kBytes), "alloc");  // PLANTED: alloc forbidden cudaMalloc
    expect_failure(cudaStreamEndCapture(stream, &graph), "end");
}

void ask(cudaEvent_t event, bool is_refused) {
    if (is_refused) {
        expect_failure(cudaEventQuery(event), "query");  // PLANTED: query forbidden cudaEventQuery
    } else {
        check(cudaEventQuery(event), "query");  // PLANTED: query harmless cudaEventQuery
    }
}

// A thread with work of its own, as a watchdog has, while another one captures.
void disturbed(cudaStreamCaptureMode mode, bool is_refused) {
    cudaStream_t stream = new_stream();
    cudaGraph_t graph = nullptr;
    cudaEvent_t event = nullptr;
    check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "event");
    check(cudaStreamBeginCapture(stream, mode), "begin");
    launch(stream);
    std::thread watchdog(ask, event, is_refused);
    watchdog.join();
    const cudaError_t result = cudaStreamEndCapture(stream, &graph);
    if (is_refused) {
        expect_failure(result, "end");
    } else {
        check(result, "end");
    }
}

}  // namespace

int main() {
    check(cudaFree(nullptr), "start");
    check(cudaMalloc(reinterpret_cast<void**>(&on_device), kBytes), "alloc");
    check(cudaMallocHost(reinterpret_cast<void**>(&pinned), kBytes), "pin");
    replayed();
    relaxed();
    waits_inside();
    allocates_inside();
    disturbed(cudaStreamCaptureModeGlobal, true);
    disturbed(cudaStreamCaptureModeThreadLocal, false);
    std::printf("planted calls were made\n");
    return 3;
}
