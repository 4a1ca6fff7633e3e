// entry: forward
#include <memory>
#include <optional>
#include <vector>

struct CudaDeleter { void operator()(void* p) const { cudaFreeHost(p); } };  //! free yes forbidden
struct Event { ~Event() { cudaEventSynchronize(e); } };  //! sync yes forbidden
struct Block {
    Block() { cudaMalloc(&p, 4); }  //! alloc yes forbidden
    ~Block() { cudaFree(p); }  //! free yes forbidden
};
struct Moved { ~Moved() { cudaFree(p); } };  //! free no
struct Returned { ~Returned() { cudaFree(p); } };  //! free no
struct Shared { ~Shared() { cudaStreamDestroy(s); } };  //! handle maybe capture only
struct Owned { ~Owned() { cudaHostUnregister(p); } };  //! free yes forbidden
struct Pointed { ~Pointed() { cudaFree(p); } };  //! free no

struct Owner {
    std::unique_ptr<Owned> owned;
    Pointed* pointed;
};

std::unique_ptr<Returned> returned() {
    auto made = std::make_unique<Returned>();
    return made;
}

void forward() {
    std::unique_ptr<float, CudaDeleter> host(get());
    std::vector<Event> events(3);
    auto block = std::make_unique<Block>();
    auto moved = std::make_unique<Moved>();
    keep(std::move(moved));
    keep(returned());
    auto shared = std::make_shared<Shared>();
    Owner owner;
}
