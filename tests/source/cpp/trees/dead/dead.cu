// entry: forward
static void never_called() { cudaDeviceSynchronize(); }  //! sync no
static void only_from_dead() { cudaFree(p); }  //! free no
static void also_dead() { only_from_dead(); }
void old_forward() { also_dead(); never_called(); }
void recursive(int n) {
    if (n > 0) recursive(n - 1);
    cudaMemsetAsync(p, 0, 4, stream);  //! memset yes fixed
}
void forward() {
    recursive(3);
    while (false) {
        cudaEventSynchronize(event);  //! sync no
    }
}
