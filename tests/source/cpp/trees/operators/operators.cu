// entry: forward
struct Matrix {
    Matrix& operator=(const Matrix& other) {
        cudaMemcpy(a, b, 4, cudaMemcpyDeviceToDevice);  //! d2d yes forbidden
        return *this;
    }
    Matrix& operator+=(const Matrix& other) {
        cudaMemsetAsync(a, 0, 4, stream);  //! memset yes fixed
        return *this;
    }
    float operator[](int i) {
        cudaMemcpy(&h, d, 4, cudaMemcpyDeviceToHost);  //! d2h yes forbidden
        return h;
    }
    void operator()(int n) { cudaStreamSynchronize(stream); }  //! sync yes forbidden
    Matrix operator+(const Matrix& other) {
        cudaMallocAsync(&p, 4, stream);  //! alloc yes fixed
        return *this;
    }
    Matrix operator-(const Matrix& other) {
        cudaEventSynchronize(done);  //! sync no
        return *this;
    }
};

void forward(int n) {
    Matrix a, b;
    int count = 0;
    count = n;
    a = b;
    a += b;
    float first = a[3];
    a(4);
    auto sum = a + b;
    auto difference = n - count;
}
