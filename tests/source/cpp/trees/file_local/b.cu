static void helper() { cudaMalloc(&p, 4); }  //! alloc no
namespace {
void other() { cudaFreeHost(nullptr); }  //! free no
}
void run_b() {
    helper();
    other();
}
