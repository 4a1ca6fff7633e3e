#include "fake_driver.h"

#include <atomic>
#include <cstdlib>
#include <dlfcn.h>
#include <map>
#include <mutex>
#include <set>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

std::mutex mutex;
std::set<FakeStream*> capturing;
std::map<std::uint64_t, std::uint64_t> host_ranges;
std::map<std::uint64_t, std::uint64_t> device_ranges;
std::uint64_t captures = 0;
std::atomic<FakeTool> current_tool{nullptr};
thread_local int thread_mode = 0;

std::uint64_t this_thread() { return static_cast<std::uint64_t>(syscall(SYS_gettid)); }

bool is_in(const std::map<std::uint64_t, std::uint64_t>& ranges, std::uint64_t address) {
    auto after = ranges.upper_bound(address);
    if (after == ranges.begin()) {
        return false;
    }
    --after;
    return address < after->first + after->second;
}

constexpr auto kDriver = CUPTI_CB_DOMAIN_DRIVER_API;

}  // namespace

extern "C" {

void fake_set_tool(FakeTool tool) { current_tool = tool; }

void fake_report(CUpti_CallbackDomain domain, CUpti_CallbackId id, CUpti_ApiCallbackSite site, const void* params,
                 int* result) {
    const FakeTool tool = current_tool;
    if (tool == nullptr) {
        return;
    }
    CUpti_CallbackData data{};
    data.callbackSite = site;
    data.functionParams = params;
    data.functionReturnValue = result;
    tool(domain, id, &data);
}

int the_cuInit(unsigned) {
    static std::once_flag once;
    std::call_once(once, [] {
        const char* path = std::getenv("CUDA_INJECTION64_PATH");
        void* library = path == nullptr ? nullptr : dlopen(path, RTLD_NOW);
        if (library != nullptr) {
            reinterpret_cast<int (*)()>(dlsym(library, "InitializeInjection"))();
        }
    });
    return 0;
}

int the_cuDriverGetVersion(int* version) {
    *version = 13000;
    return 0;
}

int fake_unsafe() {
    const std::lock_guard<std::mutex> lock(mutex);
    for (FakeStream* stream : capturing) {
        const bool is_own = stream->thread == this_thread() && stream->mode != 2 && thread_mode != 2;
        const bool is_global = stream->thread != this_thread() && stream->mode == 0 && thread_mode == 0;
        if (is_own || is_global) {
            stream->is_broken = true;
            return 900;
        }
    }
    return 0;
}

int fake_refuse(FakeStream* stream) {
    const std::lock_guard<std::mutex> lock(mutex);
    if (stream != nullptr && stream->is_capturing) {
        stream->is_broken = true;
        return 900;
    }
    return 0;
}

int fake_enqueue(FakeStream* stream) {
    const std::lock_guard<std::mutex> lock(mutex);
    return stream != nullptr && stream->is_broken ? 901 : 0;
}

int the_cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* mode) {
    cuThreadExchangeStreamCaptureMode_params params{mode};
    FakeCall call(kDriver, CUPTI_DRIVER_TRACE_CBID_cuThreadExchangeStreamCaptureMode, &params);
    const int before = thread_mode;
    thread_mode = *mode;
    *mode = static_cast<CUstreamCaptureMode>(before);
    return 0;
}

int the_cuStreamGetCaptureInfo_v2(FakeStream* stream, int* status, std::uint64_t* id, void*, void*, void*) {
    const std::lock_guard<std::mutex> lock(mutex);
    *status = !stream->is_capturing ? 0 : stream->is_broken ? 2 : 1;
    *id = stream->is_broken ? 0 : stream->id;
    return 0;
}

int the_cuStreamBeginCapture_v2(FakeStream* stream, int mode) {
    cuStreamBeginCapture_v2_params params{reinterpret_cast<CUstream>(stream), static_cast<CUstreamCaptureMode>(mode)};
    FakeCall call(kDriver, CUPTI_DRIVER_TRACE_CBID_cuStreamBeginCapture_v2, &params);
    const std::lock_guard<std::mutex> lock(mutex);
    *stream = {true, false, mode, ++captures, this_thread()};
    capturing.insert(stream);
    return 0;
}

int the_cuStreamEndCapture(FakeStream* stream, void**) {
    cuStreamEndCapture_params params{reinterpret_cast<CUstream>(stream), nullptr};
    FakeCall call(kDriver, CUPTI_DRIVER_TRACE_CBID_cuStreamEndCapture, &params);
    const std::lock_guard<std::mutex> lock(mutex);
    call.result = !stream->is_capturing ? 401 : stream->is_broken ? 901 : 0;
    const std::uint64_t id = stream->id;
    for (FakeStream* other : std::set<FakeStream*>(capturing)) {
        if (other->id == id) {
            *other = {};
            capturing.erase(other);
        }
    }
    return call.result;
}

// The fork of a capture: another stream joins it.
void fake_fork(FakeStream* from, FakeStream* to) {
    const std::lock_guard<std::mutex> lock(mutex);
    if (from->is_capturing && !to->is_capturing) {
        *to = *from;
        capturing.insert(to);
    }
}

int the_cuMemAlloc_v2(std::uint64_t* address, std::size_t bytes) {
    cuMemAlloc_v2_params params{reinterpret_cast<CUdeviceptr*>(address), bytes};
    FakeCall call(kDriver, CUPTI_DRIVER_TRACE_CBID_cuMemAlloc_v2, &params);
    if ((call.result = fake_unsafe()) != 0) {
        return call.result;
    }
    static std::uint64_t next = 0x7000'0000'0000;
    const std::lock_guard<std::mutex> lock(mutex);
    *address = next;
    next += bytes;
    device_ranges[*address] = bytes;
    return 0;
}

int the_cuMemAllocHost_v2(void** address, std::size_t bytes) {
    cuMemAllocHost_v2_params params{address, bytes};
    FakeCall call(kDriver, CUPTI_DRIVER_TRACE_CBID_cuMemAllocHost_v2, &params);
    if ((call.result = fake_unsafe()) != 0) {
        return call.result;
    }
    *address = std::malloc(bytes);
    const std::lock_guard<std::mutex> lock(mutex);
    host_ranges[reinterpret_cast<std::uint64_t>(*address)] = bytes;
    return 0;
}

int the_cuPointerGetAttribute(void* value, int attribute, std::uint64_t address) {
    // Stricter than the real one, which lets it pass: the library is to step aside before it asks.
    if (fake_unsafe() != 0) {
        return 900;
    }
    const std::lock_guard<std::mutex> lock(mutex);
    const bool is_host = is_in(host_ranges, address);
    if (!is_host && !is_in(device_ranges, address)) {
        return 1;
    }
    *static_cast<unsigned*>(value) = attribute == CU_POINTER_ATTRIBUTE_MEMORY_TYPE ? (is_host ? 1U : 2U) : 0U;
    return 0;
}

int the_cuMemcpyHtoDAsync_v2(std::uint64_t target, const void* source, std::size_t bytes, FakeStream* stream) {
    cuMemcpyHtoDAsync_v2_params params{target, source, bytes, reinterpret_cast<CUstream>(stream)};
    FakeCall call(kDriver, CUPTI_DRIVER_TRACE_CBID_cuMemcpyHtoDAsync_v2, &params);
    return call.result = fake_enqueue(stream);
}

int the_cuStreamSynchronize(FakeStream* stream) {
    cuStreamSynchronize_params params{reinterpret_cast<CUstream>(stream)};
    FakeCall call(kDriver, CUPTI_DRIVER_TRACE_CBID_cuStreamSynchronize, &params);
    return call.result = fake_refuse(stream);
}

int the_cuEventQuery(void* event) {
    cuEventQuery_params params{static_cast<CUevent>(event)};
    FakeCall call(kDriver, CUPTI_DRIVER_TRACE_CBID_cuEventQuery, &params);
    return call.result = fake_unsafe();
}

}  // extern "C"
