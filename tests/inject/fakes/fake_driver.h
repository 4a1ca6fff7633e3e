// A driver that does nothing, keeps book of captures as the real one does, and reports calls to whoever subscribed.
#pragma once

#include <cstdint>
#include <cupti.h>

using FakeTool = void (*)(CUpti_CallbackDomain, CUpti_CallbackId, const CUpti_CallbackData*);

struct FakeStream {
    bool is_capturing = false;
    bool is_broken = false;
    int mode = 0;
    std::uint64_t id = 0;
    std::uint64_t thread = 0;
};

extern "C" {
void fake_set_tool(FakeTool tool);
void fake_report(CUpti_CallbackDomain domain, CUpti_CallbackId id, CUpti_ApiCallbackSite site, const void* params,
                 int* result);
// What the driver says to a call that is unsafe while streams are being captured.
int fake_unsafe();
// What it says to a call on a captured stream that cannot be recorded.
int fake_refuse(FakeStream* stream);
// A capture that is broken already says so.
int fake_enqueue(FakeStream* stream);
// Another stream joins the capture.
void fake_fork(FakeStream* from, FakeStream* to);

// The driver's own functions, with types of the fake and under the driver's names.
#define NAMED(name) __asm__(#name)
int the_cuInit(unsigned) NAMED(cuInit);
int the_cuDriverGetVersion(int* version) NAMED(cuDriverGetVersion);
int the_cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* mode) NAMED(cuThreadExchangeStreamCaptureMode);
int the_cuStreamGetCaptureInfo_v2(FakeStream* stream, int* status, std::uint64_t* id, void*, void*, void*)
    NAMED(cuStreamGetCaptureInfo_v2);
int the_cuStreamBeginCapture_v2(FakeStream* stream, int mode) NAMED(cuStreamBeginCapture_v2);
int the_cuStreamEndCapture(FakeStream* stream, void** graph) NAMED(cuStreamEndCapture);
int the_cuMemAlloc_v2(std::uint64_t* address, std::size_t bytes) NAMED(cuMemAlloc_v2);
int the_cuMemAllocHost_v2(void** address, std::size_t bytes) NAMED(cuMemAllocHost_v2);
int the_cuPointerGetAttribute(void* value, int attribute, std::uint64_t address) NAMED(cuPointerGetAttribute);
int the_cuMemcpyHtoDAsync_v2(std::uint64_t target, const void* source, std::size_t bytes, FakeStream* stream)
    NAMED(cuMemcpyHtoDAsync_v2);
int the_cuStreamSynchronize(FakeStream* stream) NAMED(cuStreamSynchronize);
int the_cuEventQuery(void* event) NAMED(cuEventQuery);
#undef NAMED
}

// Reports the call from here to the end of the block.
class FakeCall {
  public:
    FakeCall(CUpti_CallbackDomain domain, CUpti_CallbackId id, const void* params)
        : domain_(domain), id_(id), params_(params) {
        fake_report(domain_, id_, CUPTI_API_ENTER, params_, nullptr);
    }
    ~FakeCall() { fake_report(domain_, id_, CUPTI_API_EXIT, params_, &result); }
    int result = 0;

  private:
    CUpti_CallbackDomain domain_;
    CUpti_CallbackId id_;
    const void* params_;
};
