#include "calls.h"

#include "arguments.h"

#include <cctype>
#include <cstring>
#include <string>
#include <string_view>

namespace graphcheck {
namespace {

// imp_graphcheck.apis.CALLS, written out by build.py: the catalogue is in one place.
constexpr std::string_view kWanted[] = {
#include "wanted_calls.inc"
};

struct Special {
    std::string_view name;
    Role role;
};

// Not calls to judge, but what the judgement of others depends on.
constexpr Special kSpecial[] = {
    {"cudaStreamBeginCapture", Role::begin_capture},
    {"cudaStreamBeginCaptureToGraph", Role::begin_capture},
    {"cuStreamBeginCapture", Role::begin_capture},
    {"cuStreamBeginCaptureToGraph", Role::begin_capture},
    {"cudaStreamEndCapture", Role::end_capture},
    {"cuStreamEndCapture", Role::end_capture},
    {"cudaThreadExchangeStreamCaptureMode", Role::exchange_mode},
    {"cuThreadExchangeStreamCaptureMode", Role::exchange_mode},
    {"cudaGraphInstantiate", Role::plain},
    {"cudaGraphInstantiateWithFlags", Role::plain},
    {"cudaGraphInstantiateWithParams", Role::plain},
    {"cuGraphInstantiate", Role::plain},
    {"cuGraphInstantiateWithFlags", Role::plain},
    {"cuGraphInstantiateWithParams", Role::plain},
    {"cudaGraphLaunch", Role::plain},
    {"cuGraphLaunch", Role::plain},
};

constexpr std::uint32_t kMostIds = 4096;
constexpr CUpti_CallbackDomain kDomains[] = {CUPTI_CB_DOMAIN_DRIVER_API, CUPTI_CB_DOMAIN_RUNTIME_API};

Call calls[2][kMostIds];  // by domain and id; the id of a call that is not watched is 0

std::size_t row_of(CUpti_CallbackDomain domain) { return domain == CUPTI_CB_DOMAIN_DRIVER_API ? 0 : 1; }

void drop_version(std::string_view& name) {
    std::size_t end = name.size();
    while (end > 0 && std::isdigit(static_cast<unsigned char>(name[end - 1])) != 0) {
        --end;
    }
    if (end < name.size() && end >= 2 && name.substr(end - 2, 2) == "_v") {
        name.remove_suffix(name.size() - end + 2);
    }
}

// "cuMemcpyHtoDAsync_v2_ptsz" is cuMemcpyHtoDAsync.
std::string_view without_version(std::string_view name) {
    drop_version(name);
    if (name.size() > 5) {
        const std::string_view last = name.substr(name.size() - 5);
        if (last == "_ptsz" || last == "_ptds") {
            name.remove_suffix(5);
        }
    }
    drop_version(name);
    return name;
}

bool is_wanted(std::string_view name, Role& role) {
    role = Role::plain;
    for (const Special& special : kSpecial) {
        if (special.name == name) {
            role = special.role;
            return true;
        }
    }
    for (const std::string_view wanted : kWanted) {
        if (wanted == name) {
            return true;
        }
    }
    return false;
}

void write_name(TraceWriter& trace, const Call& call, CUpti_CallbackDomain domain, const char* name) {
    const std::size_t length = std::strlen(name) + 1;
    auto* block = static_cast<NameBlock*>(trace.take(sizeof(NameBlock) + length));
    if (block == nullptr) {
        return;
    }
    block->id = call.id;
    block->domain = static_cast<std::uint32_t>(domain);
    std::memcpy(block + 1, name, length);
    TraceWriter::commit(block, Kind::name);
}

}  // namespace

std::size_t watch_calls(TraceWriter& trace, CUpti_SubscriberHandle subscriber, NameOf name_of, Enable enable) {
    std::uint32_t count = 0;
    for (const CUpti_CallbackDomain domain : kDomains) {
        for (std::uint32_t id = 1; id < kMostIds; ++id) {
            const char* name = nullptr;
            Role role{};
            if (name_of(domain, id, &name) != CUPTI_SUCCESS || name == nullptr ||
                !is_wanted(without_version(name), role)) {
                continue;
            }
            Call& call = calls[row_of(domain)][id];
            call.role = role;
            call.is_driver = domain == CUPTI_CB_DOMAIN_DRIVER_API;
            call.default_is_per_thread = std::strstr(name, "_pts") != nullptr || std::strstr(name, "_ptds") != nullptr;
            call.read = reader_for(name);
            call.id = count + 1;
            write_name(trace, call, domain, name);
            const CUptiResult result = enable(1, subscriber, domain, id);
            if (result != CUPTI_SUCCESS) {
                trace.problem((std::string("CUPTI does not report ") + name).c_str(), result);
                call.id = 0;
                continue;
            }
            ++count;
        }
    }
    return count;
}

const Call* watched(CUpti_CallbackDomain domain, CUpti_CallbackId id) {
    if ((domain != CUPTI_CB_DOMAIN_DRIVER_API && domain != CUPTI_CB_DOMAIN_RUNTIME_API) || id >= kMostIds) {
        return nullptr;
    }
    const Call& call = calls[row_of(domain)][id];
    return call.id == 0 ? nullptr : &call;
}

}  // namespace graphcheck
