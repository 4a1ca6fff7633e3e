import cProfile, pstats, sys, time, collections
import torch
from imp_graphcheck.device.cuda.device import CudaDevice
from imp_graphcheck.device.op_trace import OpTrace
device=CudaDevice(); d=device._driver
layers=[torch.randn(256,256,device="cuda",dtype=torch.bfloat16) for _ in range(300)]
x=torch.randn(64,256,device="cuda",dtype=torch.bfloat16)
def body():
    y=x
    for w in layers: y=torch.nn.functional.rms_norm((y@w).relu()+y,(256,))
    return y
with device.recording():
    body(); torch.cuda.synchronize()
    for mode in ("trace","plain"):
        g=torch.cuda.CUDAGraph(keep_graph=True)
        t=OpTrace("cuda",device.captured_nodes,torch.cuda.is_current_stream_capturing)
        s=time.perf_counter()
        if mode=="trace":
            with torch.cuda.graph(g), t: out=body()
        else:
            with torch.cuda.graph(g): out=body()
        print(mode,"capture ms",(time.perf_counter()-s)*1e3, "launches",len(t.launches))
        for _ in range(4):
            s=time.perf_counter(); tr=device.read_graph(g,key="k",capture_seconds=0,launches=t.launches); e=time.perf_counter()-s
            print(mode,len(tr.nodes),"nodes", f"{e/len(tr.nodes)*1e6:.1f} us/node", collections.Counter(n.op for n in tr.nodes).most_common(5))
    pr=cProfile.Profile(); pr.enable(); device.read_graph(g,key="k",capture_seconds=0); pr.disable()
    pstats.Stats(pr).sort_stats("tottime").print_stats(14)
    h=g.raw_cuda_graph(); nodes=d.nodes(h)
    def tm(name,f,n=2000):
        s=time.perf_counter()
        for i in range(n): f(i)
        print(f"{name}: {(time.perf_counter()-s)/n*1e6:.2f} us")
    tm("kernel()",lambda i:d.kernel(nodes[i%len(nodes)]))
    tm("raw params",lambda i:d._module.cuGraphKernelNodeGetParams(nodes[i%len(nodes)]))
    tm("node_type",lambda i:d.node_type(nodes[i%len(nodes)]))
    tm("memory_type bad",lambda i:d.memory_type(0x400000040+i*8))
    tm("memory_type bad high",lambda i:d.memory_type(0x7fff00000000+i*8))
    tm("region good",lambda i:d.region(x.data_ptr()))
    tm("_snapshot",lambda i:torch.cuda.memory._snapshot(),50)
    tm("update",lambda i:device._journal.update(),50)
    print("regions probed", sum(1 for _ in ()) )
    from imp_graphcheck.device.cuda.pointer_finder import PointerFinder
    from imp_graphcheck.device.cuda.graph_reader import read_nodes
    raw=read_nodes(d,h); f=PointerFinder(device._journal,device._driver_memory,lambda k:None); f.find(raw)
    print("probed",len(f._regions),"known",sum(r is not None for r in f._regions.values()), [hex(a) for a in list(f._regions)[:6]], [r for r in f._regions.values() if r][:3])
    for n in raw[:4]: print(n.name[:60], [len(p.data) for p in n.params])
# history of many events
with device.recording():
    s=time.perf_counter()
    for _ in range(30): body()
    torch.cuda.synchronize(); e=time.perf_counter()-s
    s=time.perf_counter(); device.allocations(()); print("eager s",e,"update after 36k allocs ms",(time.perf_counter()-s)*1e3,"lives",len(device._journal.lives))
s=time.perf_counter()
for _ in range(30): body()
torch.cuda.synchronize(); print("eager unrecorded s",time.perf_counter()-s)
