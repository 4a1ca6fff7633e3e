import ctypes as C, glob, threading, torch, os, sys
torch.zeros(1,device="cuda"); torch.cuda.synchronize()
cand=[l.split()[-1] for l in open("/proc/self/maps") if "libcudart" in l]
L=C.CDLL(sorted(set(cand))[0]); print(sorted(set(cand)), torch.__version__)
V=C.c_void_p; st=lambda: (lambda s:(L.cudaStreamCreateWithFlags(C.byref(s),1),s)[1])(V())
def ev():
    e=V(); L.cudaEventCreateWithFlags(C.byref(e),2); return e
def alloc(n=1<<22):
    p=V(); r=L.cudaMalloc(C.byref(p),C.c_size_t(n)); return r,p
_,D=alloc()
H=V(); L.cudaHostAlloc(C.byref(H),C.c_size_t(1<<20),0)
page=C.create_string_buffer(4096)
ms=lambda s,d=D: L.cudaMemsetAsync(d,1,C.c_size_t(64),s)
def wait(s,e): return L.cudaStreamWaitEvent(s,e,0)
class X: pass
def setup(mode):
    x=X(); x.s,x.o,x.b=st(),st(),st(); x.oe=ev(); L.cudaEventRecord(x.oe,x.o); L.cudaDeviceSynchronize(); x.ne=ev(); x.ce=ev(); x.be=ev()
    x.pre=alloc()[1]
    # a graph to launch
    L.cudaStreamBeginCapture(x.b,2); ms(x.b); g=V(); L.cudaStreamEndCapture(x.b,C.byref(g)); x.x=V(); L.cudaGraphInstantiate(C.byref(x.x),g,C.c_ulonglong(0)); 
    r=L.cudaStreamBeginCapture(x.s,mode); assert r==0,r
    assert ms(x.s)==0
    L.cudaEventRecord(x.ce,x.s)
    return x
def ha():
    p=V(); return L.cudaHostAlloc(C.byref(p),C.c_size_t(4096),0)
def mode_query(x): 
    return L.cudaEventQuery(x.oe)
def el(x):
    f=C.c_float(); return L.cudaEventElapsedTime(C.byref(f),x.oe,x.oe)
def mk(x):
    s=V(); return L.cudaStreamCreateWithFlags(C.byref(s),1)
def mkb(x):
    s=V(); return L.cudaStreamCreateWithFlags(C.byref(s),0)
def mke(x):
    e=V(); return L.cudaEventCreateWithFlags(C.byref(e),2)
def begin2(x):
    r=L.cudaStreamBeginCapture(x.b,0); 
    if r==0:
        g=V(); r=1000+L.cudaStreamEndCapture(x.b,C.byref(g))
    return r
def inst(x):
    g=V(); L.cudaGraphCreate(C.byref(g),0); e=V(); return L.cudaGraphInstantiate(C.byref(e),g,C.c_ulonglong(0))
def fork_end(x):
    r=wait(x.b,x.ce); g=V(); return r*10000+L.cudaStreamEndCapture(x.b,C.byref(g))
def merge(x):
    L.cudaStreamBeginCapture(x.b,2); ms(x.b); L.cudaEventRecord(x.be,x.b); r=wait(x.s,x.be); g=V(); return r*1000+L.cudaStreamEndCapture(x.b,C.byref(g))
cp=lambda dst,src,k,s: L.cudaMemcpyAsync(dst,src,C.c_size_t(64),k,s)
CALLS={
"eventQuery outside":mode_query,"eventQuery never recorded":lambda x:L.cudaEventQuery(x.ne),"eventQuery captured":lambda x:L.cudaEventQuery(x.ce),
"eventSync outside":lambda x:L.cudaEventSynchronize(x.oe),"eventSync captured":lambda x:L.cudaEventSynchronize(x.ce),
"streamQuery capturing":lambda x:L.cudaStreamQuery(x.s),"streamQuery other":lambda x:L.cudaStreamQuery(x.o),
"streamSync capturing":lambda x:L.cudaStreamSynchronize(x.s),"streamSync other":lambda x:L.cudaStreamSynchronize(x.o),
"streamSync legacy":lambda x:L.cudaStreamSynchronize(None),"streamQuery legacy":lambda x:L.cudaStreamQuery(None),
"deviceSync":lambda x:L.cudaDeviceSynchronize(),"malloc":lambda x:alloc()[0],"free":lambda x:L.cudaFree(x.pre),"hostAlloc":lambda x:ha(),
"eventElapsed outside":el,"streamCreate":mk,"streamCreate blocking":mkb,"eventCreate":mke,
"eventRecord outside on other":lambda x:L.cudaEventRecord(x.oe,x.o),"eventRecord on legacy":lambda x:L.cudaEventRecord(x.oe,None),
"memset other":lambda x:ms(x.o),"memset legacy":lambda x:ms(None),"memcpy sync h2d pinned":lambda x:L.cudaMemcpy(D,H,C.c_size_t(64),1),
"memcpy sync d2d":lambda x:L.cudaMemcpy(D,x.pre,C.c_size_t(64),3),
"memcpyAsync pageable on capturing":lambda x:cp(D,page,1,x.s),"memcpyAsync d2h pageable on capturing":lambda x:cp(page,D,2,x.s),"memcpyAsync pageable other":lambda x:cp(D,page,1,x.o),
"waitEvent capturing<-outside":lambda x:wait(x.s,x.oe),"waitEvent capturing<-never":lambda x:wait(x.s,x.ne),"waitEvent other<-captured (fork)":lambda x:wait(x.o,x.ce),
"waitEvent legacy<-captured":lambda x:wait(None,x.ce),
"graphLaunch capturing":lambda x:L.cudaGraphLaunch(x.x,x.s),"graphLaunch other":lambda x:L.cudaGraphLaunch(x.x,x.o),
"begin same":lambda x:L.cudaStreamBeginCapture(x.s,0),"begin/end second":begin2,"instantiate":inst,"fork, end on fork":fork_end,"merge":merge,
"end other":lambda x:L.cudaStreamEndCapture(x.o,C.byref(V())),
"end here":lambda x:L.cudaStreamEndCapture(x.s,C.byref(V())),
"captured event rerecorded outside then query":lambda x:(L.cudaEventRecord(x.ce,x.o)*1000+L.cudaEventQuery(x.ce)),
}
print("call | per mode(global,thread_local,relaxed): own thread call/next/end  other thread call/next/end")
for name,f in CALLS.items():
    row=[]
    for mode in (0,1,2):
        for other in (0,1):
            x=setup(mode); out=[]
            if other:
                t=threading.Thread(target=lambda:out.append(f(x))); t.start(); t.join()
            else: out.append(f(x))
            n=ms(x.s); g=V(); e=L.cudaStreamEndCapture(x.s,C.byref(g)); L.cudaGetLastError()
            row.append(f"{out[0]}/{n}/{e}")
            d=L.cudaDeviceSynchronize()
            if d: row.append(f"sync{d}")
    print(f"{name:45s}"," ".join(f"{c:13s}" for c in row))
# after capture
x=setup(2); g=V(); L.cudaStreamEndCapture(x.s,C.byref(g))
print("after end: query captured ev",L.cudaEventQuery(x.ce),"sync",L.cudaEventSynchronize(x.ce),"wait",wait(x.o,x.ce),"record again",L.cudaEventRecord(x.ce,x.o),"query",L.cudaEventSynchronize(x.ce))
# invalidated then more
x=setup(0); print("dev sync",L.cudaDeviceSynchronize(),"again",L.cudaDeviceSynchronize(),"streamSync cap",L.cudaStreamSynchronize(x.s),"evrec",L.cudaEventRecord(x.ne,x.s),"malloc",alloc()[0],"eventQuery outside",L.cudaEventQuery(x.oe),"capt ev query",L.cudaEventQuery(x.ce),"wait",wait(x.o,x.ce),"end",L.cudaStreamEndCapture(x.s,C.byref(g)))
x=setup(1); L.cudaStreamSynchronize(x.s); print("after invalid: fork wait",wait(x.o,x.ce),"o usable",ms(x.o),"end",L.cudaStreamEndCapture(x.s,C.byref(g)))
x=setup(1); wait(x.o,x.ce); ms(x.o); print("unjoined end",L.cudaStreamEndCapture(x.s,C.byref(g)),"o after",ms(x.o),L.cudaStreamSynchronize(x.o))
x=setup(1); wait(x.o,x.ce); print("forked empty unjoined end",L.cudaStreamEndCapture(x.s,C.byref(g)))
x=setup(1); wait(x.o,x.ce); ms(x.o); L.cudaEventRecord(x.be,x.o); wait(x.s,x.be); ms(x.o); print("fork join then more unjoined end",L.cudaStreamEndCapture(x.s,C.byref(g)))
x=setup(1); wait(x.o,x.ce); print("fork: query forked",L.cudaStreamQuery(x.o))
# fork in thread_local: capture stream used from another thread
x=setup(1); o=[]; t=threading.Thread(target=lambda:o.append(ms(x.s))); t.start(); t.join(); print("memset on capturing from other thread",o,L.cudaStreamEndCapture(x.s,C.byref(g)))
x=setup(0); o=[]; t=threading.Thread(target=lambda:o.append(ms(x.s))); t.start(); t.join(); print("global: memset on capturing from other thread",o,L.cudaStreamEndCapture(x.s,C.byref(g)))
# torch level
s=torch.cuda.Stream(); L2=lambda f:(lambda: f())
def tryc(name,f,**k):
    try:
        with torch.cuda.graph(torch.cuda.CUDAGraph(),**k): f()
        print(name,"ok")
    except Exception as e:
        c=e
        while c.__context__ is not None: c=c.__context__
        print(name,"|",type(e).__name__,str(e).split("\n")[0],"|",type(c).__name__,str(c).split("\n")[0])
    try: torch.cuda.synchronize()
    except Exception as e: print("  then",e)
y=torch.ones(8,device="cuda"); hp=torch.ones(8).pin_memory(); oe=torch.cuda.Event(); oe.record()
torch.randn(8,device="cuda")
for mode in ("global","thread_local","relaxed"):
    K=dict(capture_error_mode=mode); print("--",mode)
    tryc("hostalloc pin_memory new",lambda: torch.empty(1<<22,pin_memory=True),**K)
    tryc("empty_cache",lambda: torch.cuda.empty_cache(),**K)
    tryc("to cpu pinned blocking",lambda: hp.copy_(y),**K)
    tryc("to dev from pinned blocking",lambda: y.copy_(hp),**K)
    tryc("big alloc own stream",lambda: torch.empty(1<<28,device="cuda"),**K)
    def side():
        with torch.cuda.stream(s): torch.empty(1<<28,device="cuda")
    torch.cuda.empty_cache(); tryc("big alloc side stream own thread",side,**K)
    tryc("event query",lambda: oe.query(),**K); tryc("event sync",lambda: oe.synchronize(),**K)
    tryc("stream query side",lambda: s.query(),**K); tryc("stream sync side",lambda: s.synchronize(),**K)
    tryc("wait_stream outside",lambda: torch.cuda.current_stream().wait_stream(s),**K)
    tryc("wait_event never",lambda: torch.cuda.current_stream().wait_event(torch.cuda.Event()),**K)
    tryc("graph nested",lambda: torch.cuda.CUDAGraph().capture_begin(),**K)
    tryc("randn default gen",lambda: torch.randn(4,device="cuda"),**K)
    tryc("seed",lambda: torch.manual_seed(3),**K)
    tryc("dev sync",lambda: torch.cuda.synchronize(),**K)
    tryc("item other stream",lambda: side2(),**K) if 0 else None
    def side2():
        with torch.cuda.stream(s): return y.sum().item()
    tryc("item on side stream",side2,**K)
    tryc("value error inside",lambda: (_ for _ in ()).throw(ValueError("x")),**K)
    tryc("pin_memory of tensor",lambda: torch.randn(1<<20).pin_memory(),**K)
    tryc("print",lambda: str(y),**K)
    tryc("equal",lambda: torch.equal(y,y),**K)
    tryc("to cpu nonblocking pageable",lambda: y.to("cpu",non_blocking=True),**K)
    tryc("empty tensor copy",lambda: torch.empty(0).to("cuda"),**K)
    tryc("empty cpu",lambda: y[:0].cpu(),**K)
g=torch.cuda.CUDAGraph()
try: g.replay()
except Exception as e: print(e)
try: g.pool()
except Exception as e: print("pool:",e)
with torch.cuda.graph(g): y2=y*2
try: g.capture_begin()
except Exception as e: print("recapture:",e)
p=g.pool(); g.reset()
try: print(g.pool())
except Exception as e: print("pool after reset:",e)
try: g.replay()
except Exception as e: print("replay after reset",e)
print("pool ids",p,torch.cuda.graph_pool_handle(),torch.cuda.CUDAGraph)
try: torch.cuda.CUDAGraph().capture_begin()
except Exception as e: print("default stream:",e)
try: torch.cuda.CUDAGraph().capture_end()
except Exception as e: print("end w/o begin:",e)
try: torch.rand(4,device="cuda",generator=torch.Generator("cpu"))
except Exception as e: print("gen:",e)
try: y+torch.ones(8)
except Exception as e: print("mix:",e)
try: y.numpy()
except Exception as e: print("np:",e)
g=torch.cuda.CUDAGraph()
with torch.cuda.graph(g): z=torch.randn(4,device="cuda")
torch.cuda.manual_seed(5); g.replay(); a=z.clone(); g.replay(); b=z.clone(); torch.cuda.manual_seed(5); c=torch.randn(4,device="cuda"); d=torch.randn(4,device="cuda"); print("rng replay equals eager",torch.equal(a,c),torch.equal(b,d))
t0=y.data_ptr(); 
try: torch.empty(1<<45,dtype=torch.uint8,device="cuda")
except Exception as e: print(type(e).__name__,str(e)[:200])
w=torch.zeros(4,device="cuda"); 
try:
    w[torch.tensor([7],device="cuda")]=1; torch.cuda.synchronize()
except Exception as e: print("oob:",type(e).__name__,str(e).split("\n")[0])
