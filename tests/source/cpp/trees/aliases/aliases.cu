// entry: forward
namespace deep { namespace inner { void work() { cudaEventSynchronize(done); } } }  //! sync yes forbidden
namespace shallow { void work() { cudaDeviceSynchronize(); } }  //! sync no
namespace other { void ask() { cudaStreamQuery(stream); } }  //! query yes forbidden
namespace di = deep::inner;
using other::ask;

struct Workspace { Workspace() { cudaMallocHost(&p, 4); } };  //! alloc yes forbidden
using Alias = Workspace;
typedef Alias Defined;

namespace mylib { void cudaMalloc(void** p, int n) {} }
struct Arena {
    void cudaFree(void* p) {}
    void go() {
        cudaFree(p);
        this->cudaFree(p);
        mylib::cudaMalloc(&p, 3);
        ::cudaFree(p);  //! free yes forbidden
    }
};

namespace { struct Inner { struct Deep { template <class T> void run(); }; }; }
template <class T>
void Inner::Deep::run() { cudaMemset(p, 0, 4); }  //! memset yes forbidden
inline namespace v1 { void versioned() { cudaHostRegister(p, 4, 0); } }  //! alloc yes forbidden
extern "C" void plain_c() { cudaStreamSynchronize(stream); }  //! sync yes forbidden

void forward() {
    di::work();
    ask();
    Defined defined;
    Arena arena;
    arena.go();
    Inner::Deep deep;
    deep.run<int>();
    versioned();
    plain_c();
}
