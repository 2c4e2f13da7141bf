import sys,time,pickle,os,argparse
from collections import Counter
import torch; torch.set_num_threads(1)
from utils import training
from utils.alignment import preferences as P
from utils.data import catalog
from utils.experiments import middles as M
from utils.models.gpt import GPT
from utils.worlds.stories.parser import split
from transformers import AutoTokenizer
tok=AutoTokenizer.from_pretrained("data/models/gpt-mini-chat")
def load(f):
    m=GPT.from_pretrained("gpt-mini").float(); m.load_state_dict(torch.load(f)); return m.eval()
def evaluate(m,V,seed,T,label):
    o=[M.text_of(tok,x) for x in M.write(m,tok,V,seed,temperature=T)]; ps=[M.points(t,x) for t,x in zip(V,o)]
    ss=[s for x in o for s in split(x)]
    print(label,"T",T,"mean",round(sum(ps)/len(ps),2),"right",round(ps.count(6)/len(ps),3),dict(sorted(Counter(ps).items())),"n",dict(Counter(len(split(x)) for x in o)),"distinct",round(len(set(ss))/len(ss),3),"words",round(sum(len(x.split()) for x in o)/len(o),1),flush=True)
    return o,ps
def win(a,b): return sum((x>y)+0.5*(x==y) for x,y in zip(a,b))/len(a), sum(x==y for x,y in zip(a,b))/len(a)
def get_pairs(m,name,prompts,seed,each=8,most=3):
    f=f"scratch/s_{name}_{prompts}_{seed}.pkl"
    TS=M.tasks(prompts,"train",f"pairs {seed}")
    if os.path.exists(f): o=pickle.load(open(f,"rb"))
    else:
        c=time.process_time(); o=M.write(m,tok,TS,seed,each=each); print("sampling cpu",time.process_time()-c,sum(map(len,o)),flush=True); pickle.dump(o,open(f,"wb"))
    c=M.candidates(tok,TS,o,each,most); k=M.mirrored(c,seed)
    print("candidates",len(c),"longer",sum(len(x.chosen)>len(x.rejected) for x in c),"shorter",sum(len(x.chosen)<len(x.rejected) for x in c),"kept",len(k),"gap",Counter(x.points[0]-x.points[1] for x in k),"chosen",Counter(x.points[0] for x in k),flush=True)
    return k
def dpo(m,ref_scores,pairs,beta,lr,steps,rows,seed,b2=0.98):
    rw,rl=ref_scores; log=[]
    data=[(p.prompt,p.chosen,p.rejected,a,b) for p,a,b in zip(pairs,rw,rl)]
    def col(items):
        p,w,l,a,b=zip(*items); x=P.Answers.of(p*2,w+l); return (x.ids,x.mask,torch.stack(a),torch.stack(b))
    def loss(model,b):
        hw,hl=P.answer_log_probs(model,P.Answers(b[0],b[1])).chunk(2); hw=hw-b[2]; hl=hl-b[3]
        log.append((hw.mean().item(),hl.mean().item(),(hw>hl).float().mean().item())); return P.dpo_loss(hw,hl,beta)
    c=time.process_time()
    h=training.train(m,loss,training.Shuffled(data,rows,col,seed),training.Settings(steps,learning_rate=lr,warmup=min(10,steps//4),weight_decay=0.0,final_rate=0.1),count_of=lambda b:rows)
    print("dpo cpu",round(time.process_time()-c,1),"loss",[round(sum(h.losses[i:i+10])/len(h.losses[i:i+10]),3) for i in range(0,steps,10)],[tuple(round(v,1) for v in x) for x in log[::max(1,steps//5)]],flush=True)
    return h,log
if __name__=="__main__":
    ap=argparse.ArgumentParser()
    for n,d in dict(sft="scratch/c_sft_400.pt",prompts=300,seed=0,evals=150,grid="0.1:1e-4:40:16").items(): ap.add_argument("--"+n,type=type(d),default=d)
    A=ap.parse_args(); print(A)
    V=M.tasks(A.evals,"validation","v")
    m=load(A.sft); name=os.path.basename(A.sft)[:-3]
    b1=evaluate(m,V,11,1.0,"sft"); b0=evaluate(m,V,11,0.0,"sft")
    k=get_pairs(m,name,A.prompts,A.seed)
    pr=[p.prompt for p in k]; rs=P.scores(m,pr,[p.chosen for p in k]),P.scores(m,pr,[p.rejected for p in k])
    for g in A.grid.split(","):
        beta,lr,steps,rows=map(float,g.split(":")); m=load(A.sft); print("==",g)
        dpo(m,rs,k,beta,lr,int(steps),int(rows),A.seed)
        n1=evaluate(m,V,12,1.0,"dpo"); n0=evaluate(m,V,12,0.0,"dpo")
        print("win T1/T1",win(n1[1],b1[1]),"T0/T0",win(n0[1],b0[1]),"dpoT1/sftT0",win(n1[1],b0[1]),"sftT0/sftT1",win(b0[1],b1[1]),flush=True)
        torch.save(m.state_dict(),f"scratch/d_{name}_{g.replace(':','_')}.pt")
        if g==A.grid.split(",")[0]:
            for t,o,p,o2,p2 in list(zip(V,*n1,*b1))[:6]: print(p,"|",t.beginning,"|",o,"|",t.end,"\n     ",p2,o2)
