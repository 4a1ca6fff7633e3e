// entry: forward
#include <ATen/ATen.h>
#include <thrust/device_vector.h>
#include <thrust/sort.h>

void forward(at::Tensor x, cudaStream_t stream) {
    thrust::device_vector<float> keys(100);  //! alloc yes forbidden
    thrust::sort(thrust::cuda::par.on(stream), keys.begin(), keys.end());  //! sync yes forbidden
    thrust::sort(thrust::host, a, b);
    thrust::fill(thrust::cuda::par_nosync.on(stream), a, b, 0);  //! alloc yes forbidden
    float v = x.item<float>();  //! d2h yes forbidden
    auto n = x.nonzero();  //! sync yes forbidden
    auto size = x.size(0);
    cub::DeviceReduce::Sum(temporary, bytes, in, out, size, stream);
    at::cuda::getCurrentCUDAStream().synchronize();  //! sync yes forbidden
    std::sort(a, b);
    cublasCreate(&blas);  //! handle yes forbidden
    cublasLtCreate(&lt);  //! handle yes capture only
    cuModuleLoadData(&module, image);  //! handle yes capture only
}
