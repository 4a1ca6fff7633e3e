// entry: engine_compute
// The macros in capitals come from a header that is not here.
#include "engine/api.h"

struct LIB_EXPORT Pool {
    virtual ~Pool() = default;
    virtual void release(void* p) = 0;
};

struct LIB_EXPORT DevicePool : public Pool {
    LIB_NODISCARD void release(void* p) override LIB_NOEXCEPT { cudaFree(p); }  //! free yes forbidden
};

LIB_CALL static const char* engine_name(int device) {
    LIB_DECLARE_LOCALS
    return "device";
}

LIB_CALL lib_status_t engine_set(const float * LIB_RESTRICT x, float * LIB_RESTRICT y) {
    cudaMemcpy(y, x, 4, cudaMemcpyHostToDevice);  //! h2d no
    return 0;
}

static LIB_INLINE Pool * engine_pool() { return new DevicePool(); }

LIB_CALL static lib_status_t engine_compute(float * LIB_RESTRICT x, lib_tensor * t) {
    LIB_TENSOR_LOCALS(size_t, ne, t, ne)
    LIB_TENSOR_LOCALS(float, nb, t, nb)

    cudaStreamSynchronize(stream);  //! sync yes forbidden
    LIB_PRAGMA_UNROLL
    for (int i = 0; i < 4; ++i) {
        cudaMemsetAsync(x + i, 0, 4, stream);  //! memset yes fixed
    }
    fprintf(stderr, LIB_PREFIX "value %" PRIu64 "\n", 3);
    cudaStreamQuery(stream);  //! query yes forbidden
    engine_pool()->release(x);
    return LIB_OK;
}
