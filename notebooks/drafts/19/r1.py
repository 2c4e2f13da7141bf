import sys
from g1 import *
sft,prompts,rounds,spec=sys.argv[1],int(sys.argv[2]),int(sys.argv[3]),sys.argv[4]
beta,lr,steps,rows,alpha=map(float,spec.split(":")); T=float(sys.argv[5]) if len(sys.argv)>5 else 1.0
V=M.tasks(150,"validation","v"); m=load(sft); b1=evaluate(m,V,11,1.0,"sft"); b0=evaluate(m,V,11,0.0,"sft")
for r in range(rounds):
    TS=M.tasks(prompts,"train",f"round {r}"); c=time.process_time(); o=M.write(m,tok,TS,r,each=8,temperature=T); print("== round",r,"sampling",time.process_time()-c,flush=True)
    c=candidates2(TS,o,8,4); k=M.mirrored(c,0); print("pairs",len(c),len(k))
    pr=[p.prompt for p in k]; rs=P.scores(m,pr,[p.chosen for p in k]),P.scores(m,pr,[p.rejected for p in k])
    m.train(); dpo2(m,rs,k,beta,lr,int(steps),int(rows),r,alpha); m.eval()
    n1=evaluate(m,V,12,1.0,"dpo"); n0=evaluate(m,V,12,0.0,"dpo")
    print("WIN T1/T1",decided(n1[1],b1[1]),"T0/T0",decided(n0[1],b0[1]),"T1/T0",decided(n1[1],b0[1]),flush=True)
    torch.save(m.state_dict(),f"scratch/r_{spec.replace(':','_')}_{r}.pt")
