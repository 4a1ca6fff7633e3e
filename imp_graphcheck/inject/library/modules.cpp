#include "modules.h"

#include <cstring>
#include <elf.h>
#include <link.h>
#include <mutex>
#include <vector>

namespace graphcheck {
namespace {

struct Span {
    std::uintptr_t start;
    std::uintptr_t end;
    std::uintptr_t base;
};

struct Known {
    std::mutex mutex;
    std::vector<Span> spans;
    unsigned long long loads = 0;  // the dynamic linker's own counters
    unsigned long long unloads = 0;
    TraceWriter* trace = nullptr;
};

Known& known() {
    static auto* state = new Known;
    return *state;
}

void read_build_id(const dl_phdr_info& info, const ElfW(Phdr) & segment, ModuleBlock& block) {
    const auto* at = reinterpret_cast<const unsigned char*>(info.dlpi_addr + segment.p_vaddr);
    const auto* end = at + segment.p_memsz;
    while (at + sizeof(ElfW(Nhdr)) <= end) {
        const auto* note = reinterpret_cast<const ElfW(Nhdr)*>(at);
        const auto* name = at + sizeof *note;
        const auto* content = name + (note->n_namesz + 3U) / 4U * 4U;
        if (content + note->n_descsz > end) {
            return;
        }
        if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && std::memcmp(name, "GNU", 4) == 0) {
            block.build_id_bytes = note->n_descsz < kBuildIdBytes ? note->n_descsz : kBuildIdBytes;
            std::memcpy(block.build_id, content, block.build_id_bytes);
            return;
        }
        at = content + (note->n_descsz + 3U) / 4U * 4U;
    }
}

void write(Known& state, const dl_phdr_info& info, const Span& span) {
    // The first module is the program itself, which has no name there.
    const char* path = info.dlpi_name;
    if (path == nullptr || path[0] == '\0') {
        path = state.trace->header()->executable;
    }
    const std::size_t length = std::strlen(path) + 1;
    auto* block = static_cast<ModuleBlock*>(state.trace->take(sizeof(ModuleBlock) + length));
    if (block == nullptr) {
        return;
    }
    block->base = span.base;
    block->start = span.start;
    block->end = span.end;
    for (int i = 0; i < info.dlpi_phnum; ++i) {
        if (info.dlpi_phdr[i].p_type == PT_NOTE && block->build_id_bytes == 0) {
            read_build_id(info, info.dlpi_phdr[i], *block);
        }
    }
    std::memcpy(block + 1, path, length);
    TraceWriter::commit(block, Kind::module);
}

Span code_of(const dl_phdr_info& info) {
    Span span{UINTPTR_MAX, 0, info.dlpi_addr};
    for (int i = 0; i < info.dlpi_phnum; ++i) {
        const auto& segment = info.dlpi_phdr[i];
        if (segment.p_type == PT_LOAD && (segment.p_flags & PF_X) != 0) {
            const std::uintptr_t start = info.dlpi_addr + segment.p_vaddr;
            span.start = start < span.start ? start : span.start;
            span.end = start + segment.p_memsz > span.end ? start + segment.p_memsz : span.end;
        }
    }
    return span;
}

int visit(dl_phdr_info* info, std::size_t, void* data) {
    auto& state = *static_cast<Known*>(data);
    if (info->dlpi_adds == state.loads && info->dlpi_subs == state.unloads) {
        return 1;
    }
    const Span span = code_of(*info);
    if (span.end == 0) {
        return 0;
    }
    for (const Span& old : state.spans) {
        if (old.start == span.start && old.end == span.end && info->dlpi_subs == state.unloads) {
            return 0;
        }
    }
    state.spans.push_back(span);
    write(state, *info, span);
    return 0;
}

int count(dl_phdr_info* info, std::size_t, void* data) {
    auto& state = *static_cast<Known*>(data);
    state.loads = info->dlpi_adds;
    state.unloads = info->dlpi_subs;
    return 1;
}

}  // namespace

// After something was unloaded every module is written down again, since another may lie at its address. The reader
// takes the last one before the stack that it names. (A stack that was seen before is not written again: a library
// that is unloaded and another one at the very same return addresses would be taken for it.)
void record_modules(TraceWriter& trace) {
    Known& state = known();
    const std::lock_guard<std::mutex> lock(state.mutex);
    state.trace = &trace;
    dl_iterate_phdr(visit, &state);
    dl_iterate_phdr(count, &state);
}

bool is_known_code(std::uintptr_t address) {
    Known& state = known();
    const std::lock_guard<std::mutex> lock(state.mutex);
    for (const Span& span : state.spans) {
        if (span.start <= address && address < span.end) {
            return true;
        }
    }
    return false;
}

}  // namespace graphcheck
