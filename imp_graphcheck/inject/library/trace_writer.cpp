#include "trace_writer.h"

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <mutex>
#include <sys/mman.h>
#include <unistd.h>

namespace graphcheck {
namespace {

constexpr std::uint64_t kStep = 1 << 20;

// Leaked on purpose: calls are traced until the very end of the process, after static objects have been destroyed.
std::mutex& growing() {
    static auto* mutex = new std::mutex;
    return *mutex;
}

std::uint64_t now(clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(time.tv_nsec);
}

std::uint64_t up_to(std::uint64_t value, std::uint64_t step) { return (value + step - 1) / step * step; }

// A new file: a process that replaces itself (exec) has the same id.
int create(const char* directory) {
    char path[PATH_MAX];
    for (int attempt = 0; attempt < 1000; ++attempt) {
        std::snprintf(path, sizeof path, "%s/%d-%d.trace", directory, getpid(), attempt);
        const int file = ::open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (file >= 0 || errno != EEXIST) {
            return file;
        }
    }
    return -1;
}

}  // namespace

std::uint64_t monotonic_ns() { return now(CLOCK_MONOTONIC); }

bool TraceWriter::open(const char* directory, std::uint64_t limit) {
    limit_ = up_to(limit < 2 * kStep ? 2 * kStep : limit, kStep);
    file_ = create(directory);
    if (file_ < 0) {
        return false;
    }
    // The whole span is mapped at once, and the file grows under it: addresses of blocks stay.
    void* mapping = mmap(nullptr, limit_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file_, 0);
    if (mapping == MAP_FAILED) {
        return false;
    }
    mapping_ = static_cast<unsigned char*>(mapping);
    if (!reach(kHeaderBytes)) {
        return false;
    }
    auto* header = reinterpret_cast<FileHeader*>(mapping_);
    header->version = kVersion;
    header->header_bytes = kHeaderBytes;
    header->used.store(kHeaderBytes);
    header->limit = limit_;
    header->pid = static_cast<std::uint32_t>(getpid());
    header->parent_pid = static_cast<std::uint32_t>(getppid());
    header->started_monotonic_ns = now(CLOCK_MONOTONIC);
    header->started_realtime_ns = now(CLOCK_REALTIME);
    if (readlink("/proc/self/exe", header->executable, sizeof header->executable - 1) < 0) {
        header->executable[0] = '\0';
    }
    // The magic last: a file without it is not a trace yet.
    std::atomic_thread_fence(std::memory_order_release);
    std::memcpy(header->magic, kMagic, sizeof kMagic);
    header_ = header;
    return true;
}

void* TraceWriter::take(std::uint64_t bytes) {
    if (header_ == nullptr || muted()) {
        return nullptr;
    }
    bytes = up_to(bytes, 8);
    if (full_.load(std::memory_order_relaxed)) {
        header_->dropped_blocks.fetch_add(1, std::memory_order_relaxed);
        return nullptr;
    }
    const std::uint64_t start = header_->used.fetch_add(bytes, std::memory_order_relaxed);
    if (!reach(start + bytes)) {
        full_.store(true, std::memory_order_relaxed);
        header_->dropped_blocks.fetch_add(1, std::memory_order_relaxed);
        return nullptr;
    }
    auto* header = reinterpret_cast<std::atomic<std::uint64_t>*>(mapping_ + start);
    // The size at once, before anything else: a reader can step over what a killed thread left unfinished.
    header->store((bytes << 32U) | kUnfinished, std::memory_order_release);
    return header;
}

void TraceWriter::commit(void* block, Kind kind) {
    auto* header = static_cast<std::atomic<std::uint64_t>*>(block);
    const std::uint64_t bytes = header->load(std::memory_order_relaxed) >> 32U;
    header->store((bytes << 32U) | static_cast<std::uint32_t>(kind), std::memory_order_release);
}

// Makes sure that the file holds all bytes before `end`. They are asked for beforehand: a store into a mapped hole of
// a full disk would kill the program with SIGBUS.
bool TraceWriter::reach(std::uint64_t end) {
    if (end <= backed_.load(std::memory_order_acquire)) {
        return true;
    }
    const std::lock_guard<std::mutex> lock(growing());
    const std::uint64_t backed = backed_.load(std::memory_order_relaxed);
    if (end <= backed) {
        return true;
    }
    const std::uint64_t wanted = up_to(end, kStep);
    if (wanted > limit_ || posix_fallocate(file_, static_cast<off_t>(backed), static_cast<off_t>(wanted - backed)) != 0) {
        return false;
    }
    backed_.store(wanted, std::memory_order_release);
    return true;
}

void TraceWriter::problem(const char* text, int cupti_result) {
    if (header_ == nullptr) {
        return;
    }
    std::snprintf(header_->problem, sizeof header_->problem, "%s", text);
    header_->cupti_result = cupti_result;
}

}  // namespace graphcheck
