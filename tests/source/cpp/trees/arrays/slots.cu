// entry: Ring::forward
#include <memory>

struct Slot {
    void fill() { cudaMemcpyAsync(d, &h, 4, cudaMemcpyHostToDevice, stream); }  //! h2d yes rereads host
    void drop() { cudaFree(d); }  //! free yes forbidden
};

struct Lock {
    Lock() { cudaStreamSynchronize(stream); }  //! sync yes forbidden
};

struct Heavy {
    Heavy() { cudaMalloc(&p, 4); }  //! alloc no
    ~Heavy() { cudaFree(p); }  //! free no
};

struct Guard {
    Heavy* kept;
    Heavy& also;
    Lock lock;
};

class Ring {
    Slot slots_[4];
    Slot* spare_[2][3];
    std::unique_ptr<Slot> owned_[2];

 public:
    void forward() {
        Guard guard;
        slots_[at].fill();
        spare_[0][1]->drop();
        owned_[1]->drop();
        Slot here[2];
        here[0].drop();
    }
};
