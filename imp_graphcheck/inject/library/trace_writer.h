// The trace file of this process, mapped, so that nothing is lost when the process dies.
#pragma once

#include "trace_format.h"

namespace graphcheck {

class TraceWriter {
  public:
    // Makes `directory/PID-N.trace`. False if that cannot be: then every take() is refused.
    bool open(const char* directory, std::uint64_t limit);

    // Room for one block of `bytes` (rounded up to 8), zeroed; nullptr if the file is full. Any thread. The block is
    // invisible to readers until commit().
    void* take(std::uint64_t bytes);
    static void commit(void* block, Kind kind);

    // nullptr before open() has succeeded.
    FileHeader* header() const { return header_; }

    // For the child of a fork, which shares the mapping with its parent: it must not write another byte.
    void mute() { muted_.store(true, std::memory_order_relaxed); }
    bool muted() const { return muted_.load(std::memory_order_relaxed); }

    void problem(const char* text, int cupti_result = 0);

  private:
    bool reach(std::uint64_t end);

    FileHeader* header_ = nullptr;
    unsigned char* mapping_ = nullptr;
    int file_ = -1;
    std::uint64_t limit_ = 0;
    std::atomic<std::uint64_t> backed_{0};  // bytes of the file that the file system has promised
    std::atomic<bool> full_{false};
    std::atomic<bool> muted_{false};
};

std::uint64_t monotonic_ns();

}  // namespace graphcheck
