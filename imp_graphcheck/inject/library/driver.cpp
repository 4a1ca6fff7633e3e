#include "driver.h"

#include <cuda.h>
#include <dlfcn.h>

namespace graphcheck {
namespace {

// Declared here, and not taken from cuda.h, because newer headers give these names other arguments. The symbols that
// are looked up keep theirs for good.
using GetCaptureInfo = CUresult (*)(CUstream, CUstreamCaptureStatus*, cuuint64_t*, CUgraph*, const CUgraphNode**,
                                    std::size_t*);
using GetPointerAttribute = CUresult (*)(void*, CUpointer_attribute, CUdeviceptr);
using ExchangeMode = CUresult (*)(CUstreamCaptureMode*);
using GetVersion = CUresult (*)(int*);

GetCaptureInfo get_capture_info = nullptr;
GetPointerAttribute get_pointer_attribute = nullptr;
ExchangeMode exchange_mode = nullptr;
GetVersion get_version = nullptr;

// The calling thread does something that is none of the program's business: in relaxed mode nothing that it asks can
// be taken for a call that a capture forbids, neither its own nor another thread's. The mode that the program has set
// is put back.
class Aside {
  public:
    Aside() { is_exchanged_ = exchange_mode != nullptr && exchange_mode(&mode_) == CUDA_SUCCESS; }
    ~Aside() {
        if (is_exchanged_) {
            exchange_mode(&mode_);
        }
    }
    Aside(const Aside&) = delete;
    Aside& operator=(const Aside&) = delete;

  private:
    CUstreamCaptureMode mode_ = CU_STREAM_CAPTURE_MODE_RELAXED;
    bool is_exchanged_ = false;
};

Memory memory_at(std::uint64_t address) {
    if (address == 0) {
        return Memory::unknown;
    }
    unsigned int is_managed = 0;
    unsigned int type = 0;
    // An address that the driver has never heard of is an error to it, and ordinary memory to us.
    if (get_pointer_attribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, address) != CUDA_SUCCESS) {
        return Memory::pageable;
    }
    if (get_pointer_attribute(&is_managed, CU_POINTER_ATTRIBUTE_IS_MANAGED, address) == CUDA_SUCCESS && is_managed != 0) {
        return Memory::managed;
    }
    return type == CU_MEMORYTYPE_HOST ? Memory::pinned : Memory::device;
}

template <class Function> void look_up(void* library, const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(library, name));
}

}  // namespace

void find_driver() {
    // It is loaded: it is what has called us. Nothing that is not there is missed later.
    void* library = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_NOLOAD);
    if (library == nullptr) {
        return;
    }
    look_up(library, "cuStreamGetCaptureInfo_v2", get_capture_info);
    look_up(library, "cuPointerGetAttribute", get_pointer_attribute);
    look_up(library, "cuThreadExchangeStreamCaptureMode", exchange_mode);
    look_up(library, "cuDriverGetVersion", get_version);
}

std::uint32_t driver_version() {
    int version = 0;
    return get_version != nullptr && get_version(&version) == CUDA_SUCCESS ? static_cast<std::uint32_t>(version) : 0;
}

Capture capture_of(std::uint64_t stream) {
    // The legacy stream cannot be captured, and to ask about it while another stream is answers with an error.
    if (get_capture_info == nullptr || stream == 0 || stream == reinterpret_cast<std::uintptr_t>(CU_STREAM_LEGACY)) {
        return {0, 0};
    }
    const Aside aside;
    CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
    cuuint64_t id = 0;
    if (get_capture_info(reinterpret_cast<CUstream>(stream), &status, &id, nullptr, nullptr, nullptr) != CUDA_SUCCESS ||
        status == CU_STREAM_CAPTURE_STATUS_NONE) {
        return {0, 0};
    }
    return {id, static_cast<std::uint8_t>(status)};
}

void find_memory(Details& details) {
    if (get_pointer_attribute == nullptr || (details.source == 0 && details.target == 0)) {
        return;
    }
    const Aside aside;
    details.source_memory = memory_at(details.source);
    details.target_memory = memory_at(details.target);
}

}  // namespace graphcheck
