#include "stacks.h"

#include "modules.h"

#include <cstring>
#include <mutex>
#include <unwind.h>

namespace graphcheck {
namespace {

constexpr std::size_t kStacks = 1 << 16;  // places in the table; three quarters of them are used
constexpr std::size_t kMostStacks = kStacks / 4 * 3;

// Read without a lock: a block is complete before its address is in the table, and stays.
struct Table {
    std::mutex inserting;
    std::atomic<const StackBlock*> places[kStacks];
    std::uint32_t filled = 0;
};

Table& table() {
    static auto* made = new Table();
    return *made;
}

struct Walk {
    bool is_inside = true;  // still in the function that asked
    std::uint32_t depth = 0;
    bool is_plain = true;  // every return address lies where the memo expects it
    const std::uintptr_t* slots[kMaxDepth];
    std::uintptr_t addresses[kMaxDepth];
};

_Unwind_Reason_Code step(_Unwind_Context* context, void* data) {
    auto& walk = *static_cast<Walk*>(data);
    if (walk.is_inside) {
        walk.is_inside = false;
        return _URC_NO_REASON;
    }
    const auto address = static_cast<std::uintptr_t>(_Unwind_GetIP(context));
    if (address == 0 || walk.depth == kMaxDepth) {
        return _URC_END_OF_STACK;
    }
#if defined(__x86_64__)
    // `call` pushed the return address right below the caller's frame.
    const auto* slot = reinterpret_cast<const std::uintptr_t*>(_Unwind_GetCFA(context)) - 1;
    walk.is_plain = walk.is_plain && *slot == address;
    walk.slots[walk.depth] = slot;
#else
    walk.is_plain = false;
#endif
    walk.addresses[walk.depth] = address;
    ++walk.depth;
    return _URC_NO_REASON;
}

std::uint64_t hash_of(const std::uintptr_t* addresses, std::uint32_t depth) {
    std::uint64_t hash = 0x9E3779B97F4A7C15ULL + depth;
    for (std::uint32_t i = 0; i < depth; ++i) {
        hash = (hash ^ addresses[i]) * 0xFF51AFD7ED558CCDULL;
        hash ^= hash >> 32U;
    }
    return hash;
}

bool is_same(const StackBlock& block, const Walk& walk) {
    return block.depth == walk.depth &&
           std::memcmp(&block + 1, walk.addresses, walk.depth * sizeof(std::uintptr_t)) == 0;
}

std::uint32_t write(TraceWriter& trace, Table& stacks, std::size_t place, const Walk& walk) {
    for (std::uint32_t i = 0; i < walk.depth; ++i) {
        if (!is_known_code(walk.addresses[i])) {
            record_modules(trace);
            break;
        }
    }
    const std::uint64_t bytes = walk.depth * sizeof(std::uintptr_t);
    auto* block = static_cast<StackBlock*>(trace.take(sizeof(StackBlock) + bytes));
    if (block == nullptr) {
        return 0;
    }
    block->id = ++stacks.filled;
    block->depth = walk.depth;
    std::memcpy(block + 1, walk.addresses, bytes);
    TraceWriter::commit(block, Kind::stack);
    stacks.places[place].store(block, std::memory_order_release);
    return block->id;
}

std::uint32_t number_of(TraceWriter& trace, const Walk& walk) {
    Table& stacks = table();
    std::size_t place = hash_of(walk.addresses, walk.depth) % kStacks;
    const auto find = [&]() -> const StackBlock* {
        const StackBlock* block = nullptr;
        while ((block = stacks.places[place].load(std::memory_order_acquire)) != nullptr && !is_same(*block, walk)) {
            place = (place + 1) % kStacks;
        }
        return block;
    };
    if (const StackBlock* block = find()) {
        return block->id;
    }
    const std::lock_guard<std::mutex> lock(stacks.inserting);
    if (const StackBlock* block = find()) {
        return block->id;
    }
    const std::uint32_t id = stacks.filled < kMostStacks ? write(trace, stacks, place, walk) : 0;
    if (id == 0) {
        trace.header()->dropped_stacks.fetch_add(1, std::memory_order_relaxed);
    }
    return id;
}

// Whether the stack is the one that was unwound with the same frame of this library: then every return address is
// still where it was. That is no guess. The innermost one lies at a fixed distance from our frame; where it is the same,
// the code it leads to is the same, so its frame has the same size and the next one lies where it did; and so on
// outwards. (A frame of variable size, alloca's, is the exception: there a stale address could pass for a live one, if
// all the others fit as well.)
bool holds(const MemoEntry& entry) {
    for (std::uint32_t i = 0; i < entry.depth; ++i) {
        if (*entry.slots[i] != entry.addresses[i]) {
            return false;
        }
    }
    return true;
}

// 0 if the stack is not remembered.
std::uint32_t recall(Memo& memo, const void* frame) {
    for (std::uint32_t step = 1; step <= kMemoEntries; ++step) {
        const std::uint32_t at = (memo.last + step) % kMemoEntries;
        if (memo.frames[at] == frame && holds(memo.entries[at])) {
            memo.last = at;
            return memo.entries[at].stack;
        }
    }
    return 0;
}

void remember(Memo& memo, const void* frame, const Walk& walk, std::uint32_t stack) {
    const std::uint32_t at = memo.next_free;
    memo.next_free = (at + 1) % kMemoEntries;
    memo.last = at;
    memo.frames[at] = frame;
    MemoEntry& entry = memo.entries[at];
    entry.stack = stack;
    entry.depth = walk.depth;
    std::memcpy(entry.slots, walk.slots, walk.depth * sizeof walk.slots[0]);
    std::memcpy(entry.addresses, walk.addresses, walk.depth * sizeof walk.addresses[0]);
}

}  // namespace

__attribute__((noinline)) std::uint32_t current_stack(TraceWriter& trace, Thread& thread) {
    const void* frame = __builtin_frame_address(0);
    if (const std::uint32_t known = recall(thread.memo, frame)) {
        return known;
    }
    Walk walk;
    _Unwind_Backtrace(step, &walk);
    const std::uint32_t stack = number_of(trace, walk);
    if (walk.is_plain && walk.depth > 0 && stack != 0) {
        remember(thread.memo, frame, walk, stack);
    }
    return stack;
}

}  // namespace graphcheck
