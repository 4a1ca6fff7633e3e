// The programs and libraries that are loaded, so that addresses can be named afterwards.
#pragma once

#include "trace_writer.h"

namespace graphcheck {

// Writes down what has been loaded since the last time. Cheap if nothing has.
void record_modules(TraceWriter& trace);

// Whether `address` is in a module that was written down.
bool is_known_code(std::uintptr_t address);

}  // namespace graphcheck
