// CUPTI's callbacks over the fake driver, with the ids and names of the real one.
#include "fake_driver.h"

#include <cstdlib>
#include <set>
#include <utility>

namespace {

struct Name {
    CUpti_CallbackDomain domain;
    CUpti_CallbackId id;
    const char* name;
};

#define RUNTIME(name) {CUPTI_CB_DOMAIN_RUNTIME_API, CUPTI_RUNTIME_TRACE_CBID_##name, #name}
#define DRIVER(name) {CUPTI_CB_DOMAIN_DRIVER_API, CUPTI_DRIVER_TRACE_CBID_##name, #name}

const Name kNames[] = {
    RUNTIME(cudaMalloc_v3020),
    RUNTIME(cudaMallocHost_v3020),
    RUNTIME(cudaFree_v3020),
    RUNTIME(cudaMallocAsync_v11020),
    RUNTIME(cudaFreeAsync_v11020),
    RUNTIME(cudaMemsetAsync_v3020),
    RUNTIME(cudaMemcpyAsync_v3020),
    RUNTIME(cudaStreamCreateWithFlags_v5000),
    RUNTIME(cudaStreamSynchronize_v3020),
    RUNTIME(cudaStreamBeginCapture_v10000),
    RUNTIME(cudaStreamEndCapture_v10000),
    RUNTIME(cudaGraphInstantiate_v12000),
    RUNTIME(cudaGraphLaunch_v10000),
    RUNTIME(cudaEventCreateWithFlags_v3020),
    RUNTIME(cudaEventRecord_v3020),
    RUNTIME(cudaStreamWaitEvent_v3020),
    RUNTIME(cudaEventQuery_v3020),
    RUNTIME(cudaLaunchHostFunc_v10000),
    RUNTIME(cudaLaunchKernel_v7000),
    DRIVER(cuMemAlloc_v2),
    DRIVER(cuMemAllocHost_v2),
    DRIVER(cuMemcpyHtoDAsync_v2),
    DRIVER(cuStreamSynchronize),
    DRIVER(cuStreamBeginCapture_v2),
    DRIVER(cuStreamEndCapture),
    DRIVER(cuEventQuery),
    DRIVER(cuThreadExchangeStreamCaptureMode),
};

CUpti_CallbackFunc callback = nullptr;
std::set<std::pair<int, CUpti_CallbackId>> enabled;

void forward(CUpti_CallbackDomain domain, CUpti_CallbackId id, const CUpti_CallbackData* data) {
    if (enabled.count({domain, id}) != 0) {
        callback(nullptr, domain, id, data);
    }
}

}  // namespace

extern "C" {

CUptiResult cuptiGetVersion(std::uint32_t* version) {
    *version = 130001;
    return CUPTI_SUCCESS;
}

CUptiResult cuptiSubscribe(CUpti_SubscriberHandle* subscriber, CUpti_CallbackFunc function, void*) {
    if (const char* answer = std::getenv("FAKE_CUPTI_ANSWERS")) {
        return static_cast<CUptiResult>(std::atoi(answer));
    }
    callback = function;
    *subscriber = nullptr;
    fake_set_tool(forward);
    return CUPTI_SUCCESS;
}

CUptiResult cuptiGetCallbackName(CUpti_CallbackDomain domain, std::uint32_t id, const char** name) {
    for (const Name& each : kNames) {
        if (each.domain == domain && each.id == id) {
            *name = each.name;
            return CUPTI_SUCCESS;
        }
    }
    return CUPTI_ERROR_INVALID_PARAMETER;
}

CUptiResult cuptiEnableCallback(std::uint32_t enable, CUpti_SubscriberHandle, CUpti_CallbackDomain domain,
                                CUpti_CallbackId id) {
    if (enable != 0) {
        enabled.insert({domain, id});
    }
    return CUPTI_SUCCESS;
}

}  // extern "C"
