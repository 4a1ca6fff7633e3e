namespace engine {
namespace gemm {
class Planner {
 public:
    void plan();
    void plan(void* p);
    template <class T>
    void plan(T& t, int n) { plan(&t); }
};
class Context {
 public:
    explicit Context(int n) {}
    void init() { planner_.plan(); planner_.plan(x, 3); }

 private:
    Planner planner_;
};
}
}
