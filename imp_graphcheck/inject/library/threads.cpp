#include "threads.h"

#include <cstdlib>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace graphcheck {
namespace {

std::atomic<std::uint32_t> announced{0};
thread_local Thread* current = nullptr;

// A thread may still call CUDA after this, from another destructor: then it gets a new state.
void forget(void* thread) {
    current = nullptr;
    std::free(thread);
}

pthread_key_t exit_key() {
    static const pthread_key_t key = [] {
        pthread_key_t made{};
        pthread_key_create(&made, forget);
        return made;
    }();
    return key;
}

void announce(TraceWriter& trace, std::uint32_t index) {
    auto* block = static_cast<ThreadBlock*>(trace.take(sizeof(ThreadBlock)));
    if (block == nullptr) {
        return;
    }
    block->index = index;
    block->tid = static_cast<std::uint32_t>(syscall(SYS_gettid));
    prctl(PR_GET_NAME, block->name);
    TraceWriter::commit(block, Kind::thread);
}

}  // namespace

Thread* this_thread(TraceWriter& trace) {
    if (current != nullptr) {
        return current;
    }
    auto* thread = static_cast<Thread*>(std::calloc(1, sizeof(Thread)));
    if (thread == nullptr) {
        return nullptr;
    }
    thread->index = announced.fetch_add(1) + 1;
    current = thread;
    pthread_setspecific(exit_key(), thread);
    announce(trace, thread->index);
    return thread;
}

}  // namespace graphcheck
