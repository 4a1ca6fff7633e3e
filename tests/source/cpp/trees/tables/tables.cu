// entry: forward
struct Entry {
    const char* name;
    void (*fn)(int);
};
void listed(int n) { cudaMemcpyAsync(d, &h, 4, cudaMemcpyHostToDevice, stream); }  //! h2d maybe rereads host
void listed_too(int n) { cudaStreamSynchronize(stream); }  //! sync maybe forbidden
void elsewhere(int n) { cudaDeviceSynchronize(); }  //! sync no
static const Entry table[] = {{"a", listed}, {"b", listed_too}};
static const Entry unused[] = {{"c", elsewhere}};

struct Bound {
    void method() { cudaStreamQuery(stream); }  //! query maybe forbidden
    void go() {
        auto f = std::bind(&Bound::method, this);
        f();
    }
};

void forward(Bound& bound) {
    table[0].fn(3);
    bound.go();
}
