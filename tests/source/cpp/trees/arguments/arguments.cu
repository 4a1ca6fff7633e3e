// entry: forward
#include <thread>
template <typename F>
void with_stream(F f) { f(stream); }

void work(cudaStream_t s) { cudaStreamSynchronize(s); }  //! sync yes forbidden
void background() { cudaEventQuery(event); }  //! query yes forbidden
void registered(cudaStream_t s) { cudaStreamQuery(s); }  //! query maybe forbidden
void keep(void (*f)(cudaStream_t)) { hooks.push_back(f); }

void forward() {
    with_stream(work);
    std::thread poll(background);
    keep(registered);
}
