import sys
from e8 import *
def candidates2(asked_for, answers, each, most):  # rejected may have another number of sentences
    end, found = M.end_of_turn(tok), []
    for number, task in enumerate(asked_for):
        ranked=[]
        for a in answers[number*each:(number+1)*each]:
            ranked.append((M.points(task,M.text_of(tok,a)) if a[-1]==end else -1, len(split(M.text_of(tok,a)))==3 and a[-1]==end, a))
        ranked.sort(key=lambda o:o[0]); prompt=M.ids_of(tok,task)[0]
        for low,high in list(zip(ranked,ranked[::-1]))[:min(most,len(ranked)//2)]:
            if low[0]<high[0] and high[1]: found.append(M.Pair(prompt,high[2],low[2],(high[0],low[0])))
    return found
def dpo2(m,rs,pairs,beta,lr,steps,rows,seed,alpha,final=0.1):
    rw,rl=rs; log=[]
    data=[(p.prompt,p.chosen,p.rejected,a,b) for p,a,b in zip(pairs,rw,rl)]
    def col(items):
        p,w,l,a,b=zip(*items); x=P.Answers.of(p*2,w+l); return (x.ids,x.mask,torch.stack(a),torch.stack(b))
    def loss(model,b):
        lw,ll=P.answer_log_probs(model,P.Answers(b[0],b[1])).chunk(2); hw=lw-b[2]; hl=ll-b[3]
        log.append((hw.mean().item(),hl.mean().item(),(hw>hl).float().mean().item()))
        n=b[1].chunk(2)[0].sum()
        return P.dpo_loss(hw,hl,beta)-alpha*lw.sum()/n
    h=training.train(m,loss,training.Shuffled(data,rows,col,seed),training.Settings(steps,learning_rate=lr,warmup=min(10,steps//4),weight_decay=0.0,final_rate=final),count_of=lambda b:rows)
    k=len(log)//4
    print("  hw,hl,acc by quarter",[tuple(round(sum(x[j] for x in log[i*k:(i+1)*k])/k,2) for j in range(3)) for i in range(4)])
    return h
def decided(a,b):
    w=sum(x>y for x,y in zip(a,b)); l=sum(x<y for x,y in zip(a,b)); return f"{w}-{l} {w/(w+l):.2f}"
if __name__=="__main__":
    sft,prompts,how,grid=sys.argv[1:5]
    V=M.tasks(150,"validation","v"); m=load(sft); name=os.path.basename(sft)[:-3]
    b1=evaluate(m,V,11,1.0,"sft"); b0=evaluate(m,V,11,0.0,"sft")
    prompts=int(prompts)
    f=f"scratch/s_{name}_{prompts}_0.pkl"; TS=M.tasks(prompts,"train","pairs 0")
    if os.path.exists(f): o=pickle.load(open(f,"rb"))
    else:
        c=time.process_time(); o=M.write(m,tok,TS,0,each=8); print("sampling cpu",time.process_time()-c,sum(map(len,o)),flush=True); pickle.dump(o,open(f,"wb"))
    c=M.candidates(tok,TS,o,8,3) if how=="3" else candidates2(TS,o,8,int(how[0]) if how[0].isdigit() else 4)
    k=M.mirrored(c,0); print("pairs",len(c),len(k))
    pr=[p.prompt for p in k]; rs=P.scores(m,pr,[p.chosen for p in k]),P.scores(m,pr,[p.rejected for p in k])
    for g in grid.split(","):
        beta,lr,steps,rows,alpha=map(float,g.split(":")); m=load(sft); print("==",how,g)
        if alpha<0:  # sft on chosen only
            D=[(p.prompt,p.chosen) for p in k if p.points[0]==6]
            training.train(m,P.sft_loss,training.Shuffled(D,int(rows),lambda it:P.Answers.of(*zip(*it)),0),training.Settings(int(steps),learning_rate=lr,warmup=10,weight_decay=0.0,final_rate=0.1))
        else: dpo2(m,rs,k,beta,lr,int(steps),int(rows),0,alpha)
        n1=evaluate(m,V,12,1.0,"dpo"); n0=evaluate(m,V,12,0.0,"dpo")
        print("WIN T1/T1",decided(n1[1],b1[1]),"T0/T0",decided(n0[1],b0[1]),"T1/T0",decided(n1[1],b0[1]),flush=True)
        torch.save(m.state_dict(),f"scratch/g_{name}_{how}_{g.replace(':','_')}.pt")
