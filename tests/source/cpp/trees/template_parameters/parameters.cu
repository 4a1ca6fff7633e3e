// entry: forward
template <typename T, bool Fast>
struct Impl { static void run() { cudaMemset(p, 0, 4); } };  //! memset ?
template <typename T>
struct Impl<T, true> { static void run() { cudaStreamSynchronize(stream); } };  //! sync yes forbidden

struct FastPolicy { static void go() { cudaEventSynchronize(done); } };  //! sync yes forbidden
struct OtherPolicy { static void go() { cudaFree(p); } };  //! free no
template <typename Policy>
void by_policy() { Policy::go(); }

struct BaseWork {
    void base_work() { cudaMemsetAsync(p, 0, 4, stream); }  //! memset yes fixed
    void other() { cudaMallocAsync(&p, 4, stream); }  //! alloc yes fixed
};
struct OtherWork {
    void base_work() { cudaDeviceSynchronize(); }  //! sync no
};
template <typename B>
struct Child : B {
    void work() {
        B::base_work();
        this->other();
    }
};

void given() { cudaFreeAsync(p, stream); }  //! free yes fixed
void not_given() { cudaEventQuery(done); }  //! query no
template <void (*F)()>
void launch() { F(); }

void forward() {
    Impl<float, true>::run();
    by_policy<FastPolicy>();
    Child<BaseWork> child;
    child.work();
    launch<given>();
}
