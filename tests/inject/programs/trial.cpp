// Writes a trace with the library's own writer, stacks and tallies, without CUDA: trial MODE DIRECTORY [LIMIT].
//
// The line of a call that is written ends in `// WRITTEN: FUNCTION`.
#include "stacks.h"
#include "tallies.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace graphcheck;

namespace {

TraceWriter trace;

void name_calls() {
    for (std::uint32_t id = 1; id <= 2; ++id) {
        const char* name = id == 1 ? "cudaMemcpyAsync_v3020" : "cudaEventQuery_v3020";
        auto* block = static_cast<NameBlock*>(trace.take(sizeof(NameBlock) + std::strlen(name) + 1));
        block->id = id;
        block->domain = 2;
        std::memcpy(block + 1, name, std::strlen(name) + 1);
        TraceWriter::commit(block, Kind::name);
    }
}

// Every field with a value of its own, so that the reader cannot take one for another.
CallBlock* write_call(std::uint64_t begin, bool is_finished) {
    Thread* thread = this_thread(trace);
    const std::uint32_t stack = current_stack(trace, *thread);
    auto* block = static_cast<CallBlock*>(trace.take(sizeof(CallBlock)));
    if (block == nullptr) {
        return nullptr;
    }
    block->begin_ns = begin;
    block->end_ns = begin + 5;
    block->call = 1;
    block->thread = thread->index;
    block->stack = stack;
    block->result = -7;
    block->correlation = 8;
    block->inner_call = 2;
    block->inner_result = 900;
    block->status_before = 1;
    block->status_after = 2;
    block->thread_mode = 3;
    block->capture_id = 11;
    block->details = {12, 13, 14, 15, Direction::host_to_device, Memory::pageable, Memory::device, 2, 0};
    if (is_finished) {
        TraceWriter::commit(block, Kind::call);
    }
    return block;
}

void write_tally() {
    Thread* thread = this_thread(trace);
    TallyBlock like{};
    like.first_ns = monotonic_ns();
    like.call = 2;
    like.thread = thread->index;
    like.stack = current_stack(trace, *thread);
    like.details.bytes = 10;
    tally(trace, like, [](Details& details) { details.source_memory = Memory::pinned; });
}

volatile int sink = 0;

__attribute__((noinline)) void innermost(std::uint64_t begin) {
    write_call(begin, true);  // WRITTEN: innermost
    sink = sink + 1;
}

__attribute__((noinline)) void middle(std::uint64_t begin) {
    innermost(begin);  // WRITTEN: middle
    sink = sink + 1;
}

__attribute__((noinline)) void first_way() {
    write_tally();  // WRITTEN: first_way
    sink = sink + 1;
}

__attribute__((noinline)) void second_way() {
    write_tally();  // WRITTEN: second_way
    sink = sink + 1;
}

__attribute__((noinline)) void shared_way(bool is_first) {
    (is_first ? first_way : second_way)();
    sink = sink + 1;
}

void alternate(int times) {
    for (int i = 0; i < times; ++i) {
        shared_way(i % 2 == 0);
    }
}

void in_threads() {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([t] {
            for (std::uint64_t i = 0; i < 2000; ++i) {
                middle(static_cast<std::uint64_t>(t) * 10000 + i);
            }
            alternate(2000);
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
}

void in_a_child() {
    pthread_atfork(nullptr, nullptr, [] { trace.mute(); });
    middle(1);
    const pid_t child = fork();
    if (child == 0) {
        middle(99);
        alternate(2);
        _exit(trace.take(64) == nullptr ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    middle(2);
    std::exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

void until_full() {
    for (std::uint64_t i = 0; i < 100'000; ++i) {
        middle(i);
    }
    alternate(10);
}

double seconds_for(const std::function<void()>& body) {
    const std::uint64_t start = monotonic_ns();
    body();
    return static_cast<double>(monotonic_ns() - start) / 1e9;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string mode = argc > 1 ? argv[1] : "";
    if (argc < 3 || !trace.open(argv[2], argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 8U << 20U)) {
        return 9;
    }
    name_calls();
    trace.problem("a word about it", 39);
    if (mode == "plain") {
        middle(1);
    } else if (mode == "threads") {
        in_threads();
    } else if (mode == "killed") {
        middle(1);
        write_call(2, false);
        middle(3);
        raise(SIGKILL);
    } else if (mode == "fork") {
        in_a_child();
    } else if (mode == "full") {
        until_full();
    } else if (mode == "memo") {
        alternate(1000);
    } else if (mode == "speed") {
        std::printf("%g\n", seconds_for([] { alternate(200'000); }) / 200'000);
    }
    return 0;
}
