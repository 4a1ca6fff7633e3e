// entry: forward
static cublasHandle_t warm_handle = nullptr;
static cublasHandle_t cold_handle = nullptr;
static float* table = nullptr;

cublasHandle_t get_warm() {
    if (!warm_handle) {
        cublasCreate(&warm_handle);  //! handle yes harmless
    }
    return warm_handle;
}

cublasHandle_t get_cold() {
    if (!cold_handle) {
        cublasCreate(&cold_handle);  //! handle yes forbidden
    }
    return cold_handle;
}

float* sometimes(int n) {
    if (table == nullptr) {
        cudaMalloc(&table, n);  //! alloc yes forbidden
    }
    return table;
}

void prewarm_handles(bool with_table) {
    get_warm();
    if (with_table) {
        sometimes(4);
    }
}

void forward() {
    get_warm();
    get_cold();
    sometimes(8);
}

int main() {
    prewarm_handles(true);
    cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal);
    forward();
    cudaStreamEndCapture(stream, &graph);
}
