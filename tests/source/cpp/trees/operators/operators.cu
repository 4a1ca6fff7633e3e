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

#include <memory>
#include <vector>

struct Layer {
    virtual ~Layer() = default;
    virtual void operator()(int n) = 0;
};
struct Dense : Layer {
    void operator()(int n) override { cudaFree(p); }  //! free yes forbidden
};
struct Norm {
    void operator()(int n) const { cudaStreamQuery(stream); }  //! query yes forbidden
};

template <typename Handle, void Create(Handle*), void Destroy(Handle*) = nullptr>
struct Handles {
    Handle get() {
        Handle h;
        Create(&h);
        return h;
    }
};
void create_blas(cublasHandle_t* h) { cublasCreate(h); }  //! handle yes ?
void create_other(cublasHandle_t* h) { cudnnCreate(h); }  //! handle no
using BlasHandles = Handles<cublasHandle_t, create_blas>;

struct Decoder {
    std::vector<std::unique_ptr<Layer>> layers_;
    Norm norm_;
    void make() { layers_.push_back(std::make_unique<Dense>()); }
    void run() {
        for (int l = 0; l < 3; ++l) (*layers_[l])(l);
        norm_(3);
    }
};

void forward(int n) {
    Decoder decoder;
    decoder.run();
    BlasHandles handles;
    handles.get();
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
