// The trace file, byte by byte. imp_graphcheck/inject/trace_file.py reads it: change both, and kVersion.
//
// One file per process: a header of one page, then blocks, each a multiple of 8 bytes, in the order in which their
// space was taken. All numbers are little-endian. The file is mapped, so what was stored is in it however the process
// ends. Space that was never filled is zero.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace graphcheck {

constexpr char kMagic[8] = {'I', 'M', 'P', 'G', 'C', 'T', 'R', 'C'};
constexpr std::uint32_t kVersion = 1;
constexpr std::uint32_t kHeaderBytes = 4096;

enum class State : std::uint32_t { starting = 0, tracing = 1, blind = 2 };

struct FileHeader {
    char magic[8];
    std::uint32_t version;
    std::uint32_t header_bytes;
    std::atomic<std::uint64_t> used;  // where the next block goes, from the start of the file
    std::uint64_t limit;              // the file never grows beyond this
    std::uint32_t pid;
    std::uint32_t parent_pid;
    std::uint64_t started_monotonic_ns;
    std::uint64_t started_realtime_ns;
    std::atomic<std::uint32_t> state;
    std::int32_t cupti_result;    // of the call that failed, if `state` is blind
    std::uint32_t cupti_version;  // CUPTI_API_VERSION of the library that was loaded
    std::uint32_t driver_version;
    std::atomic<std::uint64_t> dropped_blocks;   // calls that found no room in the file
    std::atomic<std::uint64_t> dropped_stacks;   // calls without a stack, because the table of stacks was full
    std::atomic<std::uint64_t> dropped_tallies;  // calls outside of captures that were not counted
    std::atomic<std::uint64_t> forks;            // children that were forked; they are not traced
    char problem[256];                           // why nothing, or not everything, is traced
    char executable[1024];
    char cupti_path[1024];
};

enum class Kind : std::uint32_t { name = 1, module = 2, stack = 3, call = 4, tally = 5, thread = 6 };

// Set in the kind of a block whose space is taken and that is not written yet.
constexpr std::uint32_t kUnfinished = 0x80000000U;

struct BlockHeader {
    std::uint32_t kind;
    std::uint32_t bytes;  // of the whole block, this header included
};

// Followed by the name as CUPTI spells it ("cudaMemcpyAsync_v3020").
struct NameBlock {
    BlockHeader header;
    std::uint32_t id;
    std::uint32_t domain;  // CUpti_CallbackDomain: 1 driver, 2 runtime
};

constexpr std::size_t kBuildIdBytes = 32;

// Followed by the path. Addresses of the file are addresses in memory less `base`.
struct ModuleBlock {
    BlockHeader header;
    std::uint64_t base;
    std::uint64_t start;  // first executable byte
    std::uint64_t end;
    std::uint32_t build_id_bytes;
    std::uint32_t reserved;
    std::uint8_t build_id[kBuildIdBytes];
};

// Followed by `depth` return addresses, innermost first.
struct StackBlock {
    BlockHeader header;
    std::uint32_t id;
    std::uint32_t depth;
};

struct ThreadBlock {
    BlockHeader header;
    std::uint32_t index;
    std::uint32_t tid;
    char name[16];
};

enum class Direction : std::uint8_t {
    none = 0,
    host_to_device = 1,
    device_to_host = 2,
    device_to_device = 3,
    host_to_host = 4
};

enum class Memory : std::uint8_t { unknown = 0, pageable = 1, pinned = 2, device = 3, managed = 4 };

// What the arguments of a call say.
struct Details {
    std::uint64_t stream;
    std::uint64_t bytes;
    std::uint64_t source;
    std::uint64_t target;
    Direction direction;
    Memory source_memory;
    Memory target_memory;
    std::uint8_t mode;  // cudaStreamCaptureMode that a capture was begun with
    std::uint32_t reserved;
};

// One call that failed, or that was made while any stream of the process was being captured, or that began or ended a
// capture. Written when the call begins, completed when it returns.
struct CallBlock {
    BlockHeader header;
    std::uint64_t begin_ns;
    std::uint64_t end_ns;  // 0: it never returned
    std::uint32_t call;    // NameBlock::id
    std::uint32_t thread;  // ThreadBlock::index
    std::uint32_t stack;   // StackBlock::id, 0 if there was no room for it
    std::int32_t result;
    std::uint32_t correlation;
    std::uint32_t inner_call;  // the first call beneath this one that failed, 0 if none
    std::int32_t inner_result;
    std::uint8_t status_before;  // CUstreamCaptureStatus of the stream of the call: 0 none, 1 active, 2 invalidated
    std::uint8_t status_after;
    std::uint8_t thread_mode;  // the thread's stream capture interaction mode
    std::uint8_t reserved;
    std::uint64_t capture_id;  // which capture the stream belongs to, 0 if none
    Details details;
};

// All other calls, counted: `details` and the times of `first_ns` are those of the first one.
struct TallyBlock {
    BlockHeader header;
    std::uint64_t first_ns;
    std::atomic<std::uint64_t> last_ns;
    std::atomic<std::uint64_t> count;
    std::atomic<std::uint64_t> bytes;
    std::uint32_t call;
    std::uint32_t thread;
    std::uint32_t stack;
    std::uint32_t reserved;
    Details details;
};

static_assert(sizeof(FileHeader) == 104 + 256 + 1024 + 1024 && sizeof(FileHeader) <= kHeaderBytes);
static_assert(sizeof(Details) == 40);
static_assert(sizeof(NameBlock) == 16 && sizeof(StackBlock) == 16 && sizeof(ThreadBlock) == 32);
static_assert(sizeof(ModuleBlock) == 72 && sizeof(CallBlock) == 104 && sizeof(TallyBlock) == 96);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

}  // namespace graphcheck
