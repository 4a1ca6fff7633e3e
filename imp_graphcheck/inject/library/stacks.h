// Native stacks as return addresses, each written once and known by a number.
#pragma once

#include "threads.h"

namespace graphcheck {

// The stack of the caller; 0 if there is no room for it. Never less than 1 otherwise.
std::uint32_t current_stack(TraceWriter& trace, Thread& thread);

}  // namespace graphcheck
