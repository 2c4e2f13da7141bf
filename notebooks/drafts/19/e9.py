from e8 import *
N,steps,rows,lr=int(sys.argv[1]),int(sys.argv[2]),int(sys.argv[3]),float(sys.argv[4])
D=[M.ids_of(tok,t) for t in M.tasks(N,"train","demonstrations")]
W=M.tasks(200,"validation","loss"); VA=P.Answers.of(*zip(*[M.ids_of(tok,t) for t in W]))
m=GPT.from_pretrained("gpt-mini").float()
V=M.tasks(150,"validation","v")
best=[9]
def on(step,loss,model):
    if step%50==0:
        with torch.no_grad(): model.eval(); v=P.sft_loss(model,VA).item(); model.train()
        print(step,round(loss,3),"val",round(v,4),"cpu",round(time.process_time()),flush=True)
        if v<best[0]: best[0]=v; torch.save(model.state_dict(),f"scratch/f_sft_{N}.pt")
        if step%200==0: evaluate(model,V,0,1.0,"sft"); model.train()
h=training.train(m,P.sft_loss,training.Shuffled(D,rows,lambda items:P.Answers.of(*zip(*items)),0),training.Settings(steps,learning_rate=lr,warmup=20,final_rate=0.05,weight_decay=0.1),on_step=on)
m.load_state_dict(torch.load(f"scratch/f_sft_{N}.pt"))
evaluate(m,V,0,1.0,"best"); evaluate(m,V,0,0.0,"best")
