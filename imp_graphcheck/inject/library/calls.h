// Which calls are watched, and what is to be done about each. Found by name, so that no table of ids can be wrong.
#pragma once

#include "trace_writer.h"

#include <cupti.h>

namespace graphcheck {

enum class Role : std::uint8_t { plain, begin_capture, end_capture, exchange_mode };

struct Call {
    std::uint32_t id;  // NameBlock::id, from 1
    Role role;
    bool is_driver;
    bool default_is_per_thread;  // `_ptsz`: stream 0 is the thread's own
    // Reads the arguments into the details; nullptr where there is nothing to read.
    void (*read)(const void* arguments, Details& details);
};

using NameOf = CUptiResult (*)(CUpti_CallbackDomain, std::uint32_t, const char**);
using Enable = CUptiResult (*)(std::uint32_t, CUpti_SubscriberHandle, CUpti_CallbackDomain, CUpti_CallbackId);

// Goes through all names that this CUPTI knows, switches on those that matter and writes them down. Returns how many.
std::size_t watch_calls(TraceWriter& trace, CUpti_SubscriberHandle subscriber, NameOf name_of, Enable enable);

// nullptr for a call that is not watched.
const Call* watched(CUpti_CallbackDomain domain, CUpti_CallbackId id);

}  // namespace graphcheck
