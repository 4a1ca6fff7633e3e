void scale(float* x) { cudaDeviceSynchronize(); }  //! sync no
int main() { scale(x); }
