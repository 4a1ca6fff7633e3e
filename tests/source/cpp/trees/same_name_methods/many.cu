// entry: A::forward
struct Stream {
    void synchronize() { cudaStreamSynchronize(s); }  //! sync yes forbidden
};
struct Event {
    void synchronize() { cudaEventSynchronize(e); }  //! sync no
};
struct Device {
    void synchronize() { cudaDeviceSynchronize(); }  //! sync no
};
struct A {
    Stream stream_;
    void forward() {
        stream_.synchronize();
        values.clear();
    }
};
struct List {
    void clear() { cudaFree(p); }  //! free no
};
struct B {
    void forward() { Device().synchronize(); }
};
