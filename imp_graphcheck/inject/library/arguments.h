// What the arguments of a call say: which stream, how many bytes, from where to where.
#pragma once

#include "trace_format.h"

namespace graphcheck {

using Reader = void (*)(const void* arguments, Details& details);

// By the name that CUPTI gives the call, version and all: the layout of its arguments depends on it. nullptr where
// there is nothing to read.
Reader reader_for(const char* name);

}  // namespace graphcheck
