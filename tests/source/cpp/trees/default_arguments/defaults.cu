// entry: forward
int g(int n);
int f(int n = g());
int g(int n = f());

cudaStream_t make_stream() { cudaStreamCreate(&s); return s; }  //! handle yes capture only
cudaStream_t other_stream() { cudaStreamCreateWithFlags(&s, 1); return s; }  //! handle no
void launch(int n, cudaStream_t stream = make_stream());
void launch(int n, cudaStream_t stream) {}
void given(int n, cudaStream_t stream = other_stream()) {}
int f(int n) { cudaMalloc(&p, n); return 0; }  //! alloc yes forbidden
int g(int n) { return 0; }

void forward() {
    launch(3);
    given(3, stream);
    g();
}
