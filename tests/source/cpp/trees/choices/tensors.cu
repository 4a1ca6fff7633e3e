// entry: forward
#include <memory>

enum class Type { F16, F32 };
enum class Place { Host, Device };

struct Allocator {
    virtual ~Allocator() = default;
    virtual void* allocate(long n) = 0;
};

struct CudaAllocator : Allocator {
    void* allocate(long n) override { void* p; cudaMallocAsync(&p, n, stream); return p; }  //! alloc yes fixed
};

class Memory {
 public:
    explicit Memory(Place place) { impl_ = std::make_shared<CudaAllocator>(); }
    Allocator* operator->() const { return impl_.get(); }

 private:
    std::shared_ptr<Allocator> impl_;
};

struct Shape {
    Shape(int n) : n(n) {}
    int n;
};

Memory& memory_of(Place place);

class Tensor {
 public:
    Tensor() = default;
    Tensor(Shape shape, Type type, Place place) : Tensor{shape, type, memory_of(place)} {}
    Tensor(Shape shape, Type type, Memory& memory) { data_ = memory->allocate(shape.n); }
    Tensor(void* data, Shape shape, Type type) { cudaPointerGetAttributes(&a, data); cudaDeviceSynchronize(); }  //! sync no
    Type type() const { return type_; }

 private:
    void* data_;
    Type type_;
};

template <typename T>
struct Ref {
    T& get();
};

struct Buffer {
    long size() const;
};

void Copy(const Tensor& from, Ref<Tensor> to, cudaStream_t stream) {
    cudaMemcpyAsync(a, b, 4, cudaMemcpyDeviceToDevice, stream);  //! d2d yes fixed
}
void Copy(const Tensor& from, Ref<Tensor> to) { Copy(from, to, stream); }
void Copy(const Buffer& from, Ref<Buffer> to, cudaStream_t stream) {
    cudaMemcpy(a, b, 4, cudaMemcpyDeviceToDevice);  //! d2d no
}
void Copy(const Buffer& from, Ref<Buffer> to) { Copy(from, to, stream); }

void set(long n) { cudaStreamSynchronize(stream); }  //! sync yes forbidden
void set(void* p) { cudaFree(p); }  //! free no

// Nobody can tell which of the two is meant; both get to the same place.
struct Left {};
struct Right {};
void wait_all() { cudaEventSynchronize(done); }  //! sync yes forbidden
void finish(Left side) { wait_all(); }
void finish(Right side) { cudaEventQuery(done); wait_all(); }  //! query maybe forbidden

void forward(const Tensor& x, long n) {
    Tensor y;
    y = {{n}, x.type(), Place::Device};
    Copy(x, y);
    set(n);
    finish(side_of(x));
}
