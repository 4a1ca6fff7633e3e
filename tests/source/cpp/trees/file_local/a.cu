// entry: run_a
static void helper() { cudaDeviceSynchronize(); }  //! sync yes forbidden
namespace {
void other() { cudaFree(nullptr); }  //! free yes forbidden
}
void run_a() {
    helper();
    other();
}
