#include "arguments.h"

#include <cuda.h>
#include <cuda_runtime_api.h>
#include <cupti.h>
#include <string_view>
#include <type_traits>

namespace graphcheck {
namespace {

// CUPTI hands over the arguments as a struct of its own for each call. Their members are called the same wherever they
// mean the same, so one reader that takes what is there serves most calls.
#define HAS_MEMBER(member)                                                            \
    template <class Arguments, class = void> struct Has_##member : std::false_type {}; \
    template <class Arguments>                                                        \
    struct Has_##member<Arguments, std::void_t<decltype(std::declval<Arguments>().member)>> : std::true_type {};

HAS_MEMBER(stream)
HAS_MEMBER(hStream)
HAS_MEMBER(dst)
HAS_MEMBER(dstDevice)
HAS_MEMBER(dstHost)
HAS_MEMBER(devPtr)
HAS_MEMBER(dptr)
HAS_MEMBER(ptr)
HAS_MEMBER(p)
HAS_MEMBER(src)
HAS_MEMBER(srcDevice)
HAS_MEMBER(srcHost)
HAS_MEMBER(userData)
HAS_MEMBER(count)
HAS_MEMBER(ByteCount)
HAS_MEMBER(bytesize)
HAS_MEMBER(size)
HAS_MEMBER(width)
HAS_MEMBER(WidthInBytes)
HAS_MEMBER(N)
HAS_MEMBER(Width)
HAS_MEMBER(kind)
HAS_MEMBER(mode)
#undef HAS_MEMBER

template <class Value> std::uint64_t number(const Value& value) {
    if constexpr (std::is_pointer_v<Value>) {
        return reinterpret_cast<std::uintptr_t>(value);
    } else {
        return static_cast<std::uint64_t>(value);
    }
}

// Whether it is an address, and not where an address is to be put.
template <class Value>
constexpr bool is_address = std::is_same_v<Value, void*> || std::is_same_v<Value, const void*> ||
                            std::is_same_v<Value, CUdeviceptr>;

Direction direction_of(cudaMemcpyKind kind) {
    switch (kind) {
    case cudaMemcpyHostToDevice:
        return Direction::host_to_device;
    case cudaMemcpyDeviceToHost:
        return Direction::device_to_host;
    case cudaMemcpyDeviceToDevice:
        return Direction::device_to_device;
    case cudaMemcpyHostToHost:
        return Direction::host_to_host;
    default:
        return Direction::none;  // cudaMemcpyDefault: by the addresses
    }
}

template <class Arguments> void read_places(const Arguments& arguments, Details& details) {
    if constexpr (Has_dst<Arguments>::value) {
        if constexpr (is_address<decltype(arguments.dst)>) {
            details.target = number(arguments.dst);
        }
    }
    if constexpr (Has_src<Arguments>::value) {
        if constexpr (is_address<decltype(arguments.src)>) {
            details.source = number(arguments.src);
        }
    }
    if constexpr (Has_dstHost<Arguments>::value) {
        details.target = number(arguments.dstHost);
        details.direction = Direction::device_to_host;
    } else if constexpr (Has_dstDevice<Arguments>::value && Has_srcHost<Arguments>::value) {
        details.direction = Direction::host_to_device;
    } else if constexpr (Has_dstDevice<Arguments>::value && Has_srcDevice<Arguments>::value) {
        details.direction = Direction::device_to_device;
    }
    if constexpr (Has_dstDevice<Arguments>::value) {
        if constexpr (is_address<decltype(arguments.dstDevice)>) {
            details.target = number(arguments.dstDevice);
        }
    }
    if constexpr (Has_srcHost<Arguments>::value) {
        details.source = number(arguments.srcHost);
    }
    if constexpr (Has_srcDevice<Arguments>::value) {
        if constexpr (is_address<decltype(arguments.srcDevice)>) {
            details.source = number(arguments.srcDevice);
        }
    }
    if constexpr (Has_devPtr<Arguments>::value) {
        if constexpr (is_address<decltype(arguments.devPtr)>) {
            details.target = number(arguments.devPtr);
        }
    }
    if constexpr (Has_dptr<Arguments>::value) {
        if constexpr (is_address<decltype(arguments.dptr)>) {
            details.target = number(arguments.dptr);
        }
    }
    if constexpr (Has_ptr<Arguments>::value) {
        if constexpr (is_address<decltype(arguments.ptr)>) {
            details.target = number(arguments.ptr);
        }
    }
    if constexpr (Has_p<Arguments>::value) {
        if constexpr (is_address<decltype(arguments.p)>) {
            details.target = number(arguments.p);
        }
    }
    if constexpr (Has_userData<Arguments>::value) {
        details.source = number(arguments.userData);
    }
}

template <class Arguments> void read_bytes(const Arguments& arguments, Details& details) {
    if constexpr (Has_ByteCount<Arguments>::value) {
        details.bytes = arguments.ByteCount;
    } else if constexpr (Has_bytesize<Arguments>::value) {
        details.bytes = arguments.bytesize;
    } else if constexpr (Has_count<Arguments>::value) {
        details.bytes = arguments.count;
    } else if constexpr (Has_size<Arguments>::value) {
        details.bytes = arguments.size;
    } else if constexpr (Has_width<Arguments>::value) {
        details.bytes = arguments.width * arguments.height;
    } else if constexpr (Has_WidthInBytes<Arguments>::value) {
        details.bytes = arguments.WidthInBytes * arguments.Height;
    }
}

template <class Arguments> void read(const void* raw, Details& details) {
    const auto& arguments = *static_cast<const Arguments*>(raw);
    if constexpr (Has_stream<Arguments>::value) {
        details.stream = number(arguments.stream);
    } else if constexpr (Has_hStream<Arguments>::value) {
        details.stream = number(arguments.hStream);
    }
    read_places(arguments, details);
    read_bytes(arguments, details);
    if constexpr (Has_kind<Arguments>::value) {
        details.direction = direction_of(arguments.kind);
    }
    if constexpr (Has_mode<Arguments>::value) {
        if constexpr (!std::is_pointer_v<decltype(arguments.mode)>) {
            details.mode = static_cast<std::uint8_t>(arguments.mode);
        }
    }
}

// cuMemsetD16 and its like count elements.
template <class Arguments, unsigned element> void read_memset(const void* raw, Details& details) {
    const auto& arguments = *static_cast<const Arguments*>(raw);
    read<Arguments>(raw, details);
    if constexpr (Has_N<Arguments>::value) {
        details.bytes = arguments.N * element;
    } else {
        details.bytes = arguments.Width * arguments.Height * element;
    }
}

template <class Arguments> void read_mode(const void* raw, Details& details) {
    const auto* mode = static_cast<const Arguments*>(raw)->mode;
    details.mode = mode == nullptr ? 0 : static_cast<std::uint8_t>(*mode);
}

template <class Arguments> void read_runtime_3d(const void* raw, Details& details) {
    const auto& arguments = *static_cast<const Arguments*>(raw);
    if constexpr (Has_stream<Arguments>::value) {
        details.stream = number(arguments.stream);
    }
    if (arguments.p == nullptr) {
        return;
    }
    details.source = number(arguments.p->srcPtr.ptr);
    details.target = number(arguments.p->dstPtr.ptr);
    const cudaExtent& extent = arguments.p->extent;
    details.bytes = extent.width * extent.height * extent.depth;
    if constexpr (std::is_same_v<decltype(arguments.p), const cudaMemcpy3DParms*>) {
        details.direction = direction_of(arguments.p->kind);
    } else {
        details.direction = Direction::device_to_device;
    }
}

template <class Arguments> void read_runtime_memset_3d(const void* raw, Details& details) {
    const auto& arguments = *static_cast<const Arguments*>(raw);
    if constexpr (Has_stream<Arguments>::value) {
        details.stream = number(arguments.stream);
    }
    details.target = number(arguments.pitchedDevPtr.ptr);
    details.bytes = arguments.extent.width * arguments.extent.height * arguments.extent.depth;
}

std::uint64_t depth_of(const CUDA_MEMCPY2D&) { return 1; }
std::uint64_t depth_of(const CUDA_MEMCPY3D& copy) { return copy.Depth; }

template <class Arguments> void read_driver_shape(const void* raw, Details& details) {
    const auto& arguments = *static_cast<const Arguments*>(raw);
    if constexpr (Has_hStream<Arguments>::value) {
        details.stream = number(arguments.hStream);
    }
    if (arguments.pCopy == nullptr) {
        return;
    }
    const auto& copy = *arguments.pCopy;
    const bool from_host = copy.srcMemoryType == CU_MEMORYTYPE_HOST;
    const bool to_host = copy.dstMemoryType == CU_MEMORYTYPE_HOST;
    details.source = from_host ? number(copy.srcHost) : number(copy.srcDevice);
    details.target = to_host ? number(copy.dstHost) : number(copy.dstDevice);
    details.bytes = copy.WidthInBytes * copy.Height * depth_of(copy);
    if (copy.srcMemoryType == CU_MEMORYTYPE_UNIFIED || copy.dstMemoryType == CU_MEMORYTYPE_UNIFIED) {
        details.direction = Direction::none;
    } else if (from_host) {
        details.direction = to_host ? Direction::host_to_host : Direction::host_to_device;
    } else {
        details.direction = to_host ? Direction::device_to_host : Direction::device_to_device;
    }
}

#if CUDART_VERSION >= 13000
using Prefetch = cudaMemPrefetchAsync_v12020_params;
#elif CUDART_VERSION >= 12020
using Prefetch = cudaMemPrefetchAsync_v2_v12020_params;
#endif

struct Entry {
    std::string_view name;
    Reader reader;
};

// Runtime calls by the name before `_ptsz` and the version, whose arguments are the same; driver calls with their own.
#define RUNTIME(api, version) \
    { #api, read<api##_##version##_params> }
#define DRIVER(api) \
    { #api, read<api##_params> }

const Entry kReaders[] = {
    RUNTIME(cudaMemcpy, v3020),
    RUNTIME(cudaMemcpyAsync, v3020),
    RUNTIME(cudaMemcpy2D, v3020),
    RUNTIME(cudaMemcpy2DAsync, v3020),
    RUNTIME(cudaMemcpyToSymbol, v3020),
    RUNTIME(cudaMemcpyToSymbolAsync, v3020),
    RUNTIME(cudaMemcpyFromSymbol, v3020),
    RUNTIME(cudaMemcpyFromSymbolAsync, v3020),
    RUNTIME(cudaMemcpyToArray, v3020),
    RUNTIME(cudaMemcpyToArrayAsync, v3020),
    RUNTIME(cudaMemcpy2DToArray, v3020),
    RUNTIME(cudaMemcpy2DToArrayAsync, v3020),
    RUNTIME(cudaMemcpyPeer, v4000),
    RUNTIME(cudaMemcpyPeerAsync, v4000),
    {"cudaMemcpy3D", read_runtime_3d<cudaMemcpy3D_v3020_params>},
    {"cudaMemcpy3DAsync", read_runtime_3d<cudaMemcpy3DAsync_v3020_params>},
    {"cudaMemcpy3DPeerAsync", read_runtime_3d<cudaMemcpy3DPeerAsync_v4000_params>},
    RUNTIME(cudaMemset, v3020),
    RUNTIME(cudaMemsetAsync, v3020),
    RUNTIME(cudaMemset2D, v3020),
    RUNTIME(cudaMemset2DAsync, v3020),
    {"cudaMemset3D", read_runtime_memset_3d<cudaMemset3D_v3020_params>},
    {"cudaMemset3DAsync", read_runtime_memset_3d<cudaMemset3DAsync_v3020_params>},
    RUNTIME(cudaMalloc, v3020),
    RUNTIME(cudaMallocManaged, v6000),
    RUNTIME(cudaMallocHost, v3020),
    RUNTIME(cudaHostAlloc, v3020),
    RUNTIME(cudaHostRegister, v4000),
    RUNTIME(cudaMallocPitch, v3020),
    RUNTIME(cudaMallocAsync, v11020),
    RUNTIME(cudaMallocFromPoolAsync, v11020),
    RUNTIME(cudaFree, v3020),
    RUNTIME(cudaFreeHost, v3020),
    RUNTIME(cudaHostUnregister, v4000),
    RUNTIME(cudaFreeAsync, v11020),
    RUNTIME(cudaStreamSynchronize, v3020),
    RUNTIME(cudaStreamQuery, v3020),
    RUNTIME(cudaStreamWaitEvent, v3020),
    RUNTIME(cudaStreamDestroy, v5050),
    RUNTIME(cudaStreamAddCallback, v5000),
    RUNTIME(cudaLaunchHostFunc, v10000),
    RUNTIME(cudaEventRecord, v3020),
    RUNTIME(cudaEventRecordWithFlags, v11010),
    RUNTIME(cudaGraphLaunch, v10000),
    RUNTIME(cudaStreamBeginCapture, v10000),
    RUNTIME(cudaStreamEndCapture, v10000),
    {"cudaThreadExchangeStreamCaptureMode", read_mode<cudaThreadExchangeStreamCaptureMode_v10010_params>},
#if CUDART_VERSION >= 12020
    // Not the first version, whose arguments are others. CUDA 12 and 13 spell the second one differently.
    {"cudaMemPrefetchAsync_v12020", read<Prefetch>},
    {"cudaMemPrefetchAsync_ptsz_v12020", read<Prefetch>},
    {"cudaMemPrefetchAsync_v2_v12020", read<Prefetch>},
    {"cudaMemPrefetchAsync_v2_ptsz_v12020", read<Prefetch>},
    DRIVER(cuMemPrefetchAsync_v2),
#endif
#if CUDART_VERSION >= 12030
    RUNTIME(cudaStreamBeginCaptureToGraph, v12030),
    DRIVER(cuStreamBeginCaptureToGraph),
#endif
    // The driver's first versions have addresses of 32 bits; no program of today calls them.
    DRIVER(cuMemcpy),
    DRIVER(cuMemcpyAsync),
    DRIVER(cuMemcpyHtoD_v2),
    DRIVER(cuMemcpyHtoDAsync_v2),
    DRIVER(cuMemcpyDtoH_v2),
    DRIVER(cuMemcpyDtoHAsync_v2),
    DRIVER(cuMemcpyDtoD_v2),
    DRIVER(cuMemcpyDtoDAsync_v2),
    DRIVER(cuMemcpyPeer),
    DRIVER(cuMemcpyPeerAsync),
    {"cuMemcpy2D_v2", read_driver_shape<cuMemcpy2D_v2_params>},
    {"cuMemcpy2DAsync_v2", read_driver_shape<cuMemcpy2DAsync_v2_params>},
    {"cuMemcpy3D_v2", read_driver_shape<cuMemcpy3D_v2_params>},
    {"cuMemcpy3DAsync_v2", read_driver_shape<cuMemcpy3DAsync_v2_params>},
    {"cuMemsetD8_v2", read_memset<cuMemsetD8_v2_params, 1>},
    {"cuMemsetD16_v2", read_memset<cuMemsetD16_v2_params, 2>},
    {"cuMemsetD32_v2", read_memset<cuMemsetD32_v2_params, 4>},
    {"cuMemsetD8Async", read_memset<cuMemsetD8Async_params, 1>},
    {"cuMemsetD16Async", read_memset<cuMemsetD16Async_params, 2>},
    {"cuMemsetD32Async", read_memset<cuMemsetD32Async_params, 4>},
    {"cuMemsetD2D8_v2", read_memset<cuMemsetD2D8_v2_params, 1>},
    {"cuMemsetD2D16_v2", read_memset<cuMemsetD2D16_v2_params, 2>},
    {"cuMemsetD2D32_v2", read_memset<cuMemsetD2D32_v2_params, 4>},
    {"cuMemsetD2D8Async", read_memset<cuMemsetD2D8Async_params, 1>},
    {"cuMemsetD2D16Async", read_memset<cuMemsetD2D16Async_params, 2>},
    {"cuMemsetD2D32Async", read_memset<cuMemsetD2D32Async_params, 4>},
    DRIVER(cuMemAlloc_v2),
    DRIVER(cuMemAllocManaged),
    DRIVER(cuMemAllocHost_v2),
    DRIVER(cuMemHostAlloc),
    DRIVER(cuMemHostRegister_v2),
    DRIVER(cuMemAllocPitch_v2),
    DRIVER(cuMemAllocAsync),
    DRIVER(cuMemAllocFromPoolAsync),
    DRIVER(cuMemAddressReserve),
    DRIVER(cuMemCreate),
    DRIVER(cuMemMap),
    DRIVER(cuMemUnmap),
    DRIVER(cuMemFree_v2),
    DRIVER(cuMemFreeHost),
    DRIVER(cuMemHostUnregister),
    DRIVER(cuMemFreeAsync),
    DRIVER(cuStreamSynchronize),
    DRIVER(cuStreamQuery),
    DRIVER(cuStreamWaitEvent),
    DRIVER(cuStreamDestroy_v2),
    DRIVER(cuStreamAddCallback),
    DRIVER(cuLaunchHostFunc),
    DRIVER(cuEventRecord),
    DRIVER(cuEventRecordWithFlags),
    DRIVER(cuGraphLaunch),
    DRIVER(cuStreamBeginCapture_v2),
    DRIVER(cuStreamEndCapture),
    {"cuThreadExchangeStreamCaptureMode", read_mode<cuThreadExchangeStreamCaptureMode_params>},
};
#undef RUNTIME
#undef DRIVER

bool starts_with(std::string_view text, std::string_view start) { return text.substr(0, start.size()) == start; }

}  // namespace

Reader reader_for(const char* name) {
    const std::string_view full = name;
    for (const Entry& entry : kReaders) {
        if (!starts_with(full, entry.name)) {
            continue;
        }
        const std::string_view rest = full.substr(entry.name.size());
        const bool is_runtime = starts_with(full, "cuda");
        // What may follow: nothing or the per-thread variant, for the runtime its version too. "cuMemAllocAsync" is no
        // "cuMemAlloc", and another version of a driver call has other arguments.
        if (rest.empty() || starts_with(rest, "_pt") || (is_runtime && starts_with(rest, "_v"))) {
            return entry.reader;
        }
    }
    return nullptr;
}

}  // namespace graphcheck
