// entry: Model::forward
#include <memory>
#include <vector>

struct Layer {
    virtual ~Layer() = default;
    virtual void forward() = 0;
    virtual void reset() { cudaEventSynchronize(done); }  //! sync yes forbidden
};

struct Dense : Layer {
    void forward() override { cudaStreamSynchronize(stream); }  //! sync yes forbidden
};

struct Sparse : Layer {
    void forward() final { cudaFree(p); }  //! free yes forbidden
    void reset() override { cudaMalloc(&p, 4); }  //! alloc yes forbidden
};

struct Planned : Layer {
    void forward() override { cudaEventQuery(done); }  //! query maybe forbidden
};

template <typename T>
struct Typed : Layer {
    void forward() override { cudaMemsetAsync(p, 0, sizeof(T), stream); }  //! memset yes fixed
};

struct Other {
    void forward() { cudaDeviceSynchronize(); }  //! sync no
};

template <typename T>
std::unique_ptr<Layer> make_layer() { return std::make_unique<T>(); }

std::unique_ptr<Layer> by_name(int kind) {
    if (kind == 0) return std::unique_ptr<Layer>(new Dense());
    if (kind == 1) return std::make_unique<Typed<float>>();
    return make_layer<Sparse>();
}

struct Arena {
    virtual void clear(void* p, size_t n) = 0;
    void* again(void* p, size_t n) {
        clear(p, n);
        return p;
    }
};
struct DeviceArena : Arena {
    void clear(void* p, size_t n) override { cudaMemset(p, 0, n); }  //! memset yes forbidden
};

struct Workspace { ~Workspace() { cudaFreeHost(p); } };  //! free no

class Model {
    std::vector<std::unique_ptr<Layer>> layers_;
    Layer* head_ = nullptr;
    Other* other_;

 public:
    void forward() {
        for (auto& layer : layers_) layer->forward();
        head_->reset();
        DeviceArena arena;
        arena.again(p, 4);
        static Workspace forever;
    }
};

void elsewhere() { delete new Planned_(); }
// A variable of the same name that holds something else.
void unrelated() { auto head_ = std::make_unique<Workspace>(); }
