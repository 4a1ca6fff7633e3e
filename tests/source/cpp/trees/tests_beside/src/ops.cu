// entry: forward
void scale(float* x);
void scale(float* x) { cudaMemsetAsync(x, 0, 4, stream); }  //! memset yes fixed
void forward(float* x) { scale(x); }
