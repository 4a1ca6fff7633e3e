// entry: forward
struct Resource {
    Resource() { cudaMalloc(&p, 4); }  //! alloc yes forbidden
    ~Resource() { cudaFree(p); }  //! free yes forbidden
};

struct Plain : Resource { int x; };

struct Spoken : Resource {
    Spoken() {}
    ~Spoken() {}
};

struct Sized {
    Sized() { cudaDeviceSynchronize(); }  //! sync no
    Sized(int n) { cudaMallocAsync(&p, n, stream); }  //! alloc yes fixed
};

struct Chosen : Sized {
    Chosen() : Sized(3) {}
};

int make_handle() { cudaStreamCreate(&s); return 0; }  //! handle yes capture only

struct WithDefault { int handle = make_handle(); };

template <typename D>
struct Curious {
    void run() { static_cast<D*>(this)->impl(); }
};
struct Made : Curious<Made> {
    void impl() { cudaStreamSynchronize(stream); }  //! sync yes forbidden
};
struct NotMade : Curious<NotMade> {
    void impl() { cudaEventQuery(done); }  //! query maybe forbidden
};

struct Root { virtual ~Root() {} };
struct Leaf : Root { ~Leaf() override { cudaFreeHost(p); } };  //! free yes forbidden

void forward(Root* root) {
    Plain plain;
    Spoken spoken;
    Chosen chosen;
    WithDefault with_default;
    Made made;
    made.run();
    delete root;
    root = new Leaf();
}
