import time,sys,json,math,argparse
import numpy as np, torch
torch.set_num_threads(1)
from utils import lora, training
from utils.alignment import preferences as P
from utils.data import catalog
ap=argparse.ArgumentParser()
for n,d in dict(lr=1e-4,beta=0.1,steps=40,rows=4,rank=8,seed=0,test=137,gen=0,out="").items(): ap.add_argument("--"+n,type=type(d),default=d)
A=ap.parse_args(); print(A,flush=True)
sets=catalog.load("preferences"); m,tok=catalog.load("smollm2")
enc=lambda s: tok(s).input_ids
def ids(row):
    p=enc(f"<|im_start|>user\n{row['prompt']}<|im_end|>\n<|im_start|>assistant\n")
    return p,enc(row["chosen"]+"<|im_end|>"),enc(row["rejected"]+"<|im_end|>")
torch.manual_seed(A.seed)
lora.add(m,lora.Config(lora.TARGETS["llama"][1],rank=A.rank,alpha=2*A.rank))
def sc(rows): 
    p,w,l=zip(*map(ids,rows)); return P.scores(m,p,w,batch=8),P.scores(m,p,l,batch=8), torch.tensor([len(x) for x in w]),torch.tensor([len(x) for x in l])
order=np.random.default_rng(A.seed).permutation(len(sets["train"])).tolist()
rows=[sets["train"][k] for k in (order*3)[:A.steps*A.rows]]
test=[sets["test"][k] for k in range(A.test)]
c=time.process_time()
lora.use(m,None); import os
f="scratch/smol_ref.json"
rw,rl,_,_=sc(rows); print("ref train",time.process_time()-c,flush=True)
tw,tl,nw,nl=sc(test); print("ref test",time.process_time()-c,flush=True)
print("base sum logp acc",(tw>tl).float().mean().item(),"mean logp acc",(tw/nw>tl/nl).float().mean().item(),"longer",(nw>nl).float().mean().item())
lora.use(m,"default")
data=[(ids(r),a,b) for r,a,b in zip(rows,rw,rl)]
bs=[]
for i in range(A.steps):
    part=data[i*A.rows:(i+1)*A.rows]; p,w,l=zip(*(x[0] for x in part))
    a=P.Answers.of(p*2,w+l); bs.append((a.ids,a.mask,torch.stack([x[1] for x in part]),torch.stack([x[2] for x in part])))
log=[]
def loss(model,b):
    hw,hl=P.answer_log_probs(model,P.Answers(b[0],b[1])).chunk(2); hw=hw-b[2]; hl=hl-b[3]
    log.append(((hw>hl).float().mean().item(),hw.mean().item(),hl.mean().item())); return P.dpo_loss(hw,hl,A.beta)
c=time.process_time()
h=training.train(m,loss,bs,training.Settings(A.steps,learning_rate=A.lr,warmup=5,weight_decay=0.0,dtype=torch.float32))
print("train",time.process_time()-c,[round(x,2) for x in h.losses[::5]],[tuple(round(v,2) for v in x) for x in log[::5]],flush=True)
aw,al,_,_=sc(test)
hw,hl=aw-tw,al-tl
print("implicit acc",(hw>hl).float().mean().item(),"loss",P.dpo_loss(hw,hl,A.beta).item(),"hw",hw.mean().item(),"hl",hl.mean().item(),"after mean logp acc",(aw/nw>al/nl).float().mean().item(),"margin vs len corr",np.corrcoef((hw-hl).numpy(),(nw-nl).numpy())[0,1])
by={}
for r,ok in zip(test,(hw>hl).tolist()): by.setdefault(r["reason"],[]).append(ok)
print({k:f"{sum(v)}/{len(v)}" for k,v in by.items()})
lora.save(m,__import__("pathlib").Path(f"scratch/smol_{A.lr}_{A.steps}"))
torch.save(dict(tw=tw,tl=tl,aw=aw,al=al,nw=nw,nl=nl),f"scratch/smol_{A.lr}_{A.steps}.pt")
from utils.generation import LibraryModel, Sampling, generate
m.eval()
def answers(rows):
    pr=[enc(f"<|im_start|>user\n{r['prompt']}<|im_end|>\n<|im_start|>assistant\n") for r in rows]; L=max(map(len,pr)); end=enc("<|im_end|>")[0]
    x=torch.tensor([[end]*(L-len(p))+p for p in pr]); mk=torch.tensor([[False]*(L-len(p))+[True]*len(p) for p in pr])
    o=generate(LibraryModel(m),x,60,Sampling(temperature=0.0),torch.Generator().manual_seed(0),mask=mk,end_id=end,pad_id=end)[:,L:]
    return [tok.decode(r[:(r==end).nonzero()[0,0]] if (r==end).any() else r) for r in o], [(r==end).any().item() for r in o]
G=test[:40]
c=time.process_time(); a1=answers(G); print("gen",time.process_time()-c)
lora.use(m,None); a0=answers(G)
print("ended",sum(a0[1]),sum(a1[1]),"words",np.mean([len(x.split()) for x in a0[0]]),np.mean([len(x.split()) for x in a1[0]]), "same",sum(x==y for x,y in zip(a0[0],a1[0])))
for r,b,a in list(zip(G,a0[0],a1[0]))[:14]: print("\nP",r["prompt"],r["reason"],"\n  C",r["chosen"],"\n  0",b,"\n  1",a)
