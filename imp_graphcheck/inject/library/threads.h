// What is remembered of each thread between the beginning and the end of a call.
#pragma once

#include "trace_writer.h"

namespace graphcheck {

constexpr std::size_t kMaxDepth = 48;
constexpr std::uint32_t kMemoEntries = 128;

// A stack that was unwound before: where each return address lay, and what it was (stacks.cpp).
struct MemoEntry {
    std::uint32_t stack;
    std::uint32_t depth;
    const std::uintptr_t* slots[kMaxDepth];
    std::uintptr_t addresses[kMaxDepth];
};

// A stack can only be the one that was unwound from the same frame, so frames are looked through first. Programs make
// the same calls over and over in the same order: the search begins after the last one that was found.
struct Memo {
    std::uint32_t last;
    std::uint32_t next_free;
    const void* frames[kMemoEntries];
    MemoEntry entries[kMemoEntries];
};

struct Thread {
    std::uint32_t index;
    std::uint32_t depth;        // calls that are being made, one within the other
    bool busy;                  // this library is calling the driver: not the program's doing
    std::uint8_t capture_mode;  // stream capture interaction mode, 0 global

    // The outermost call.
    std::uint32_t call;
    std::uint32_t stack;
    std::uint64_t begin_ns;
    std::uint32_t inner_call;
    std::int32_t inner_result;
    Details details;
    CallBlock* block;

    Memo memo;
};

// The calling thread; it is announced in the trace the first time. nullptr if there is no memory for it.
Thread* this_thread(TraceWriter& trace);

}  // namespace graphcheck
