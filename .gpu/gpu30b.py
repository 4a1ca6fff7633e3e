import sys, time; sys.path[:0]=["engine","kernels"]
import torch
from imp_engine import Engine, EngineConfig, EagerRunner
print(torch.__version__, torch.cuda.get_device_name(), hasattr(torch,"_grouped_mm"))
t=time.time()
e=Engine.from_shape("qwen3-coder-30b-a3b","cuda",config=EngineConfig(max_sequence_length=4096,max_sequences=4,chunk_size=512,logit_rows=4))
torch.cuda.synchronize(); print("load s",time.time()-t, "GiB", torch.cuda.memory_allocated()/2**30, "peak", torch.cuda.max_memory_allocated()/2**30)
e.prewarm()
ids=torch.randint(0,151936,(1024,),generator=torch.Generator().manual_seed(0)).tolist()
def walk(run):
    s=e.new_sequence(ids); out=[]
    for c in e.prefill_chunks(s): out.append(run(c).clone())
    e.release(s); return torch.cat(out)
def eager(c): e.stage(c); return e.forward(c.key)
def timed(run,n=5):
    walk(run); torch.cuda.synchronize(); ts=[]
    for _ in range(n):
        t=time.time(); o=walk(run); torch.cuda.synchronize(); ts.append(time.time()-t)
    return o, sorted(ts)[n//2]
walk(e.run); walk(e.run)
oe,te=timed(eager); og,tg=timed(e.run)
print("equal",torch.equal(oe,og),"top1",og.argmax(-1).tolist(),"finite",og.isfinite().all().item(), "std", og.std().item())
print(f"eager {1024/te:.0f} tok/s, graph {1024/tg:.0f} tok/s", e.graph_runner.counters, [g.capture_seconds for g in e.graph_runner.captured.values()])
t=time.time(); e.generate([ids[:100]],4); torch.cuda.synchronize()
t=time.time(); out=e.generate([ids[:100]],64); torch.cuda.synchronize(); print("decode tok/s",64/(time.time()-t), out[0][:12], e.graph_runner.counters)
print("GiB peak", torch.cuda.max_memory_allocated()/2**30, torch.cuda.memory_reserved()/2**30)
from torch.profiler import profile, ProfilerActivity
for what in ("decode","prefill"):
    with profile(activities=[ProfilerActivity.CUDA]) as p:
        if what=="decode": e.generate([ids[:100]],8)
        else: walk(e.run)
        torch.cuda.synchronize()
    print(what); print("\n".join(f"{k.self_device_time_total/1e3:8.2f} ms {k.count:6d} {k.key[:90]}" for k in sorted(p.key_averages(),key=lambda k:-k.self_device_time_total)[:9]))
