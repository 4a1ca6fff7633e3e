#pragma once
struct Layer {
    virtual ~Layer() = default;
    virtual void forward(float* x, cudaStream_t stream) = 0;
    void reset();
};

struct Dense : public Layer {
    void forward(float* x, cudaStream_t stream) override;
};

struct Sparse : public Layer {
    void forward(float* x, cudaStream_t stream) override;
};

struct Fixed {
    void forward(float* x, cudaStream_t stream);
    float* buffer = nullptr;
};
