// Writes down the calls of CUDA that matter to stream captures, of a program that knows nothing of it.
//
// The driver loads this library when the program initialises CUDA (CUDA_INJECTION64_PATH) and calls
// InitializeInjection. It says nothing on stdout or stderr and never ends the program: what goes wrong is in the header
// of the trace. Kernel launches are not watched, so the host's time per launch stays what it was.
//
// Handles of libraries (cublasCreate, cudnnCreate) are no CUDA calls, and CUPTI does not report them. They are found
// afterwards, in the stacks of the CUDA calls that they make: the function of the library is a frame there, under its
// exported name, however it was reached (linked, dlopen'ed with RTLD_LOCAL, looked up with dlsym, linked statically).
// A preloaded library that defines those names would count them exactly, but it would make weak references resolve,
// answer to dlsym in place of a library that is not there, and have to guess which of two versions was meant: it would
// no longer be the program as it is. What is missed is a handle that makes none of the calls that matter; such a one
// cannot disturb a capture either.
#include "calls.h"
#include "driver.h"
#include "modules.h"
#include "stacks.h"
#include "tallies.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cupti.h>
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <string>

namespace graphcheck {
namespace {

constexpr std::int32_t kNotReady = 600;  // the answer of a query, not a failure
constexpr std::uint64_t kDefaultLimit = 256ULL << 20U;
constexpr std::uint64_t kPerThreadStream = 2;  // CU_STREAM_PER_THREAD

TraceWriter* trace = nullptr;  // leaked, like everything that calls may need during the exit of the program
std::atomic<int> open_captures{0};

// The driver's own calls in between are not the program's.
class Busy {
  public:
    explicit Busy(Thread& thread) : thread_(thread) { thread_.busy = true; }
    ~Busy() { thread_.busy = false; }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;

  private:
    Thread& thread_;
};

bool has_failed(std::int32_t result) { return result != 0 && result != kNotReady; }

bool is_boundary(const Call& call) { return call.role == Role::begin_capture || call.role == Role::end_capture; }

CallBlock* take_block(const Thread& thread, std::uint32_t correlation) {
    auto* block = static_cast<CallBlock*>(trace->take(sizeof(CallBlock)));
    if (block == nullptr) {
        return nullptr;
    }
    block->begin_ns = thread.begin_ns;
    block->call = thread.call;
    block->thread = thread.index;
    block->stack = thread.stack;
    block->correlation = correlation;
    block->thread_mode = thread.capture_mode;
    block->details = thread.details;
    return block;
}

void read_arguments(const Call& call, const CUpti_CallbackData& data, Details& details) {
    details = Details{};
    if (call.read != nullptr && data.functionParams != nullptr) {
        call.read(data.functionParams, details);
    }
    if (details.stream == 0 && call.default_is_per_thread) {
        details.stream = kPerThreadStream;
    }
}

void begin(Thread& thread, const Call& call, const CUpti_CallbackData& data) {
    thread.call = call.id;
    thread.begin_ns = monotonic_ns();
    thread.inner_call = 0;
    thread.inner_result = 0;
    thread.block = nullptr;
    read_arguments(call, data, thread.details);
    thread.stack = current_stack(*trace, thread);
    if (open_captures.load(std::memory_order_relaxed) == 0 && !is_boundary(call)) {
        return;
    }
    // Written before the call is made: it may be the one that never returns.
    thread.block = take_block(thread, data.correlationId);
    if (thread.block == nullptr) {
        return;
    }
    const Busy busy(thread);
    const Capture capture = capture_of(thread.details.stream);
    thread.block->capture_id = capture.id;
    thread.block->status_before = capture.status;
    find_memory(thread.block->details);
    TraceWriter::commit(thread.block, Kind::call);
}

void count_captures(const Call& call, std::int32_t result, const CallBlock* block, const Capture& now) {
    if (call.role == Role::begin_capture && result == 0) {
        open_captures.fetch_add(1, std::memory_order_relaxed);
    }
    // A capture can outlast an attempt to end it (from the wrong thread), and be none at all.
    if (call.role == Role::end_capture && now.status == 0 && (block == nullptr || block->status_before != 0)) {
        if (open_captures.fetch_sub(1, std::memory_order_relaxed) <= 0) {
            open_captures.store(0, std::memory_order_relaxed);
        }
    }
}

void end(Thread& thread, const Call& call, const CUpti_CallbackData& data, std::int32_t result) {
    const std::uint64_t end_ns = monotonic_ns();
    if (call.role == Role::exchange_mode && result == 0) {
        thread.capture_mode = thread.details.mode;
    }
    CallBlock* block = thread.block;
    if (block == nullptr && !has_failed(result) && !is_boundary(call)) {
        TallyBlock like{};
        like.first_ns = thread.begin_ns;
        like.call = thread.call;
        like.thread = thread.index;
        like.stack = thread.stack;
        like.details = thread.details;
        const Busy busy(thread);
        tally(*trace, like, find_memory);
        return;
    }
    const Busy busy(thread);
    const Capture now = has_failed(result) || is_boundary(call) ? capture_of(thread.details.stream) : Capture{};
    count_captures(call, result, block, now);
    const bool is_late = block == nullptr;
    if (is_late) {
        block = take_block(thread, data.correlationId);
    }
    if (block == nullptr) {
        return;
    }
    block->result = result;
    block->inner_call = thread.inner_call;
    block->inner_result = thread.inner_result;
    block->details.direction = thread.details.direction;
    block->status_after = now.status;
    if (call.role == Role::begin_capture) {
        block->capture_id = now.id;
    }
    block->end_ns = end_ns;
    if (is_late) {
        find_memory(block->details);
        TraceWriter::commit(block, Kind::call);
    }
}

// A call of the runtime is made of calls of the driver. They are not counted beside it, but may know more.
void learn_from(Thread& thread, const Call& inner, const CUpti_CallbackData& data, std::int32_t result) {
    if (has_failed(result) && thread.inner_result == 0) {
        thread.inner_call = inner.id;
        thread.inner_result = result;
    }
    Details& details = thread.details;
    if (details.direction == Direction::none && details.source != 0 && details.target != 0) {
        Details more{};
        read_arguments(inner, data, more);
        details.direction = more.direction;
    }
}

void CUPTIAPI on_call(void*, CUpti_CallbackDomain domain, CUpti_CallbackId id, const void* raw) {
    const Call* call = watched(domain, id);
    if (call == nullptr || trace->muted()) {
        return;
    }
    Thread* thread = this_thread(*trace);
    if (thread == nullptr || thread->busy) {
        return;
    }
    const auto& data = *static_cast<const CUpti_CallbackData*>(raw);
    if (data.callbackSite == CUPTI_API_ENTER) {
        if (thread->depth++ == 0) {
            begin(*thread, *call, data);
        }
        return;
    }
    if (thread->depth == 0) {
        return;  // it began before this library was there: the call that initialised CUDA
    }
    std::int32_t result = 0;
    if (data.functionReturnValue != nullptr) {
        std::memcpy(&result, data.functionReturnValue, sizeof result);
    }
    if (--thread->depth == 0) {
        end(*thread, *call, data, result);
    } else {
        learn_from(*thread, *call, data, result);
    }
}

int find_loaded_cupti(dl_phdr_info* info, std::size_t, void* found) {
    const char* name = info->dlpi_name == nullptr ? nullptr : std::strrchr(info->dlpi_name, '/');
    if (name == nullptr || std::strncmp(name, "/libcupti.so", 12) != 0) {
        return 0;
    }
    *static_cast<void**>(found) = dlopen(info->dlpi_name, RTLD_LAZY | RTLD_NOLOAD);
    return *static_cast<void**>(found) != nullptr ? 1 : 0;
}

template <class Function> Function look_up(void* library, const char* name) {
    return reinterpret_cast<Function>(dlsym(library, name));
}

void note_library(void* subscribe, std::uint32_t version) {
    Dl_info info{};
    if (dladdr(subscribe, &info) != 0 && info.dli_fname != nullptr) {
        std::snprintf(trace->header()->cupti_path, sizeof trace->header()->cupti_path, "%s", info.dli_fname);
    }
    trace->header()->cupti_version = version;
    trace->header()->driver_version = driver_version();
}

const char* why_not(CUptiResult result) {
    switch (result) {
    case CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED:
        return "another tool of this process has subscribed to CUPTI (a profiler?), which serves one at a time";
    case CUPTI_ERROR_NOT_COMPATIBLE:
        return "this CUPTI does not fit the driver";
    default:
        return "CUPTI refuses the subscription";
    }
}

// Empty if the calls are being watched now.
const char* start_with(void* library, CUptiResult& result) {
    const auto subscribe =
        look_up<CUptiResult (*)(CUpti_SubscriberHandle*, CUpti_CallbackFunc, void*)>(library, "cuptiSubscribe");
    const auto enable = look_up<Enable>(library, "cuptiEnableCallback");
    const auto name_of = look_up<NameOf>(library, "cuptiGetCallbackName");
    const auto get_version = look_up<CUptiResult (*)(std::uint32_t*)>(library, "cuptiGetVersion");
    if (subscribe == nullptr || enable == nullptr || name_of == nullptr) {
        return "this libcupti has no callbacks";
    }
    std::uint32_t version = 0;
    if (get_version != nullptr && get_version(&version) != CUPTI_SUCCESS) {
        version = 0;
    }
    note_library(reinterpret_cast<void*>(subscribe), version);
    CUpti_SubscriberHandle subscriber{};
    result = subscribe(&subscriber, on_call, nullptr);
    if (result != CUPTI_SUCCESS) {
        return why_not(result);
    }
    return watch_calls(*trace, subscriber, name_of, enable) == 0 ? "CUPTI knows none of the calls" : "";
}

// With the libcupti that the program has loaded already, if it has: two in one process would be in each other's way.
// Otherwise with the first of those that were found (newest first, separated by colons) that fits the driver.
const char* start(CUptiResult& result) {
    void* library = nullptr;
    dl_iterate_phdr(find_loaded_cupti, &library);
    if (library != nullptr) {
        return start_with(library, result);
    }
    const char* problem = "libcupti could not be loaded";
    const char* paths = std::getenv("IMP_GRAPHCHECK_CUPTI");
    for (std::string rest = paths == nullptr ? "" : paths; !rest.empty();) {
        const std::size_t colon = rest.find(':');
        library = dlopen(rest.substr(0, colon).c_str(), RTLD_LAZY | RTLD_LOCAL);
        rest = colon == std::string::npos ? "" : rest.substr(colon + 1);
        if (library == nullptr) {
            continue;
        }
        problem = start_with(library, result);
        if (result != CUPTI_ERROR_NOT_COMPATIBLE) {
            break;
        }
    }
    return problem;
}

void before_fork() { trace->header()->forks.fetch_add(1, std::memory_order_relaxed); }

// CUDA does not survive a fork, and the file is the parent's.
void in_child() { trace->mute(); }

}  // namespace
}  // namespace graphcheck

// The answer is always that all is well: a program that cannot be traced runs as it would have.
extern "C" __attribute__((visibility("default"))) int InitializeInjection(void) {
    using namespace graphcheck;
    const char* directory = std::getenv("IMP_GRAPHCHECK_TRACE_DIR");
    if (trace != nullptr || directory == nullptr) {
        return 1;
    }
    const char* limit = std::getenv("IMP_GRAPHCHECK_TRACE_BYTES");
    auto* writer = new TraceWriter;
    if (!writer->open(directory, limit == nullptr ? kDefaultLimit : std::strtoull(limit, nullptr, 10))) {
        return 1;
    }
    trace = writer;
    pthread_atfork(before_fork, nullptr, in_child);
    find_driver();
    record_modules(*trace);
    CUptiResult result = CUPTI_SUCCESS;
    const char* problem = start(result);
    if (problem[0] != '\0') {
        trace->problem(problem, static_cast<int>(result));
    }
    trace->header()->state.store(static_cast<std::uint32_t>(problem[0] == '\0' ? State::tracing : State::blind));
    return 1;
}
