// entry: engine::forward
#include "engine.h"

struct Context {
    ~Context() { cudaStreamDestroy(s); }  //! handle no
    void init() { cudaDeviceSynchronize(); }  //! sync no
};

namespace engine {
namespace gemm {
void run() {
    Context context{3};
    context.init();
}
}
void forward() { gemm::run(); }
}

using namespace engine::gemm;
void Planner::plan(void* p) { cudaFree(p); }  //! free yes forbidden
void Planner::plan() { cudaStreamSynchronize(stream); }  //! sync yes forbidden
