#include "tallies.h"

#include <mutex>

namespace graphcheck {
namespace {

constexpr std::size_t kPlaces = 1 << 16;
constexpr std::size_t kMost = kPlaces / 4 * 3;

// Read without a lock, like the table of stacks. The counters themselves are in the file.
struct Table {
    std::mutex inserting;
    std::atomic<TallyBlock*> places[kPlaces];
    std::size_t filled = 0;
};

Table& table() {
    static auto* made = new Table();
    return *made;
}

bool is_same(const TallyBlock& one, const TallyBlock& other) {
    return one.call == other.call && one.thread == other.thread && one.stack == other.stack &&
           one.details.stream == other.details.stream && one.details.direction == other.details.direction;
}

std::size_t place_of(const TallyBlock& call) {
    std::uint64_t hash = call.call * 0x9E3779B97F4A7C15ULL;
    hash = (hash ^ call.stack) * 0xFF51AFD7ED558CCDULL;
    hash = (hash ^ (hash >> 29U) ^ call.thread) * 0xC4CEB9FE1A85EC53ULL;
    hash = (hash ^ (hash >> 32U) ^ call.details.stream) * 0xFF51AFD7ED558CCDULL;
    return (hash ^ (hash >> 33U)) % kPlaces;
}

TallyBlock* insert(TraceWriter& trace, const TallyBlock& call, const Details& details) {
    auto* block = static_cast<TallyBlock*>(trace.take(sizeof(TallyBlock)));
    if (block == nullptr) {
        return nullptr;
    }
    block->first_ns = call.first_ns;
    block->call = call.call;
    block->thread = call.thread;
    block->stack = call.stack;
    block->details = details;
    TraceWriter::commit(block, Kind::tally);
    return block;
}

}  // namespace

void tally(TraceWriter& trace, const TallyBlock& call, void (*describe)(Details&)) {
    Table& tallies = table();
    std::size_t place = place_of(call);
    const auto find = [&]() -> TallyBlock* {
        TallyBlock* block = nullptr;
        while ((block = tallies.places[place].load(std::memory_order_acquire)) != nullptr &&
               !is_same(*block, call)) {
            place = (place + 1) % kPlaces;
        }
        return block;
    };
    TallyBlock* block = find();
    if (block == nullptr) {
        // It asks the driver: not under a lock that a thread inside the driver may want.
        Details details = call.details;
        describe(details);
        const std::lock_guard<std::mutex> lock(tallies.inserting);
        block = find();
        if (block == nullptr && tallies.filled < kMost && (block = insert(trace, call, details)) != nullptr) {
            ++tallies.filled;
            tallies.places[place].store(block, std::memory_order_release);
        }
    }
    if (block == nullptr) {
        trace.header()->dropped_tallies.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    block->count.fetch_add(1, std::memory_order_relaxed);
    block->bytes.fetch_add(call.details.bytes, std::memory_order_relaxed);
    block->last_ns.store(call.first_ns, std::memory_order_relaxed);
}

}  // namespace graphcheck
