// The few questions that this library asks the driver. Found in the libcuda that the program has loaded.
#pragma once

#include "trace_format.h"

namespace graphcheck {

struct Capture {
    std::uint64_t id;     // 0: the stream is not being captured
    std::uint8_t status;  // CUstreamCaptureStatus
};

void find_driver();
std::uint32_t driver_version();

// Which capture the stream belongs to.
Capture capture_of(std::uint64_t stream);

// What memory the addresses of a copy are in.
void find_memory(Details& details);

}  // namespace graphcheck
