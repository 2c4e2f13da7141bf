import sys
from g1 import *
from utils.alignment.policy import rollout
from utils.generation import Sampling
END=M.end_of_turn(tok)
def go_on(m,prompts,seed,batch=256,longest=64):
    order=sorted(range(len(prompts)),key=lambda r:len(prompts[r])); g=torch.Generator().manual_seed(seed); out=[[]]*len(prompts)
    for s in range(0,len(order),batch):
        rows=order[s:s+batch]; w=rollout(m,[prompts[r] for r in rows],longest,g,END,0,Sampling(temperature=1.0))
        for r,i,k in zip(rows,*w): out[r]=i[k].tolist()
    return out
def branch(m,TS,seed,each=2,again=4):
    first=M.write(m,tok,TS,seed,each=each); starts=[]
    for n,a in enumerate(first):
        t=TS[n//each]; x=M.text_of(tok,a); s=split(x)
        ok=M.sentence_points(t,x)
        if a[-1]!=END or len(s)!=3: k=2
        elif all(ok): k=2
        else: k=min(ok.index(False),2)
        # tokens of the first k sentences: longest prefix whose text equals
        cut=0
        if k and len(s)>=k:
            want=x[:x.find(s[k-1])+len(s[k-1])]
            for j in range(1,len(a)+1):
                if tok.decode(a[:j],skip_special_tokens=True).strip()==want: cut=j; break
        starts.append((t,a[:cut],a[cut:]))
    again_p=[M.ids_of(tok,t)[0]+p for t,p,_ in starts for _ in range(again)]
    more=go_on(m,again_p,seed+1)
    pairs=[]
    for i,(t,p,rest) in enumerate(starts):
        opts=[rest]+more[i*again:(i+1)*again]; sc=[]
        for o in opts:
            x=M.text_of(tok,p+o); good=o[-1]==END and len(split(x))==3
            sc.append((M.points(t,x) if good else -1, o))
        sc.sort(key=lambda z:z[0])
        prompt=M.ids_of(tok,t)[0]+p
        for (l,w),(h,b) in list(zip(sc,sc[::-1]))[:2]:
            if l<h and h>=0: pairs.append(M.Pair(prompt,b,w,(h,l)))
    return pairs
if __name__=="__main__":
    sft,prompts,grid=sys.argv[1:4]; V=M.tasks(150,"validation","v"); m=load(sft)
    b1=evaluate(m,V,11,1.0,"sft"); b0=evaluate(m,V,11,0.0,"sft")
    TS=M.tasks(int(prompts),"train","pairs 0"); c=time.process_time(); k=branch(m,TS,0); print("branch cpu",time.process_time()-c,"pairs",len(k),"tokens",sum(len(p.chosen) for p in k)/len(k))
    kk=M.mirrored(k,0); print("mirrored",len(kk),Counter(p.points for p in kk).most_common(8))
    for g in grid.split(","):
        beta,lr,steps,rows,alpha=map(float,g.split(":")); m=load(sft); k_=kk if len(sys.argv)<5 else k; print("==",g)
        pr=[p.prompt for p in k_]; rs=P.scores(m,pr,[p.chosen for p in k_]),P.scores(m,pr,[p.rejected for p in k_])
        dpo2(m,rs,k_,beta,lr,int(steps),int(rows),0,alpha)
        n1=evaluate(m,V,12,1.0,"dpo"); n0=evaluate(m,V,12,0.0,"dpo")
        print("WIN T1/T1",decided(n1[1],b1[1]),"T0/T0",decided(n0[1],b0[1]),"T1/T0",decided(n1[1],b0[1]),flush=True)
        torch.save(m.state_dict(),f"scratch/b_{g.replace(':','_')}.pt")
