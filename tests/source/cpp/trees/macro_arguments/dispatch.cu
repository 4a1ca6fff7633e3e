// entry: forward
#define PASTE(a, b) a##b
#define CASE_OF(f, type) case type_of<type>: { return f(type{}); }
#define CASES_1(macro, f, type) macro(f, type)
#define CASES(n, ...) PASTE(CASES_, n)(__VA_ARGS__)
#define DISPATCH(tag, f, ...) switch (tag) { CASES(1, CASE_OF, f, __VA_ARGS__) }
#define WITH_TYPE(type, ...) { using T = type; __VA_ARGS__; }
#define LAUNCH(type, call) do { using scalar = type; call; } while (0)
#define RESERVE(type, name, n) type* name; cudaMallocAsync(&name, n * sizeof(type), stream)

template <typename T>
void run(T) { cudaMemcpyAsync(d, &h, 4, cudaMemcpyHostToDevice, stream); }  //! h2d yes rereads host

void forward(int tag, cudaStream_t stream = {}) {
    auto invoke = [&](auto t) {
        using T = decltype(t);
        run<T>(t);
        auto inner = [&](auto n) { cudaMemsetAsync(p, 0, n, stream); };  //! memset yes fixed
        auto twice = [&](auto f) { f(1); f(2); };
        twice(inner);
    };
    DISPATCH(tag, invoke, float);
    LAUNCH(float, cudaStreamSynchronize(stream));  //! sync yes forbidden
    LAUNCH(int, { cudaFree(p); });  //! free yes forbidden
    WITH_TYPE(half, [&] { cudaEventQuery(done); }());  //! query yes forbidden
    RESERVE(int64_t, scratch, 16);  //! alloc yes fixed
    auto never = [&](int n) { cudaDeviceSynchronize(); };  //! sync no
}
