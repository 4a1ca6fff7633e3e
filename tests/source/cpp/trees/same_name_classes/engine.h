namespace engine {
namespace gemm {
class Planner {
 public:
    void plan();
};
class Context {
 public:
    explicit Context(int n) {}
    void init() { planner_.plan(); }

 private:
    Planner planner_;
};
}
}
