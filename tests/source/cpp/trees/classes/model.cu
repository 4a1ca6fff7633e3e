// entry: Model::forward
#include "layers.h"
#include <memory>
#include <vector>

void Dense::forward(float* x, cudaStream_t stream) {
    cudaMemcpyAsync(&count, x, 4, cudaMemcpyDeviceToHost, stream);  //! d2h maybe rereads host
}
void Sparse::forward(float* x, cudaStream_t stream) {
    cudaEventSynchronize(done);  //! sync maybe forbidden
}
void Fixed::forward(float* x, cudaStream_t stream) {
    cudaMemsetAsync(buffer, 0, 4, stream);  //! memset yes fixed
}

class Model {
    std::vector<std::unique_ptr<Layer>> layers_;
    std::unique_ptr<Layer> head_;
    Fixed fixed_;

 public:
    Model() { head_ = std::make_unique<Head>(); }
    void forward(float* x);
};

struct Head : Layer {
    void forward(float* x, cudaStream_t stream) override { cudaEventQuery(done); }  //! query yes forbidden
};

void Model::forward(float* x) {
    for (auto& layer : layers_) {
        layer->forward(x, stream);
    }
    fixed_.forward(x, stream);
    head_->forward(x, stream);
}
