import sys
from e8 import *
N,steps=int(sys.argv[1]),int(sys.argv[2])
D=[M.ids_of(tok,t) for t in M.tasks(N,"train","demonstrations")]
m=GPT.from_pretrained("gpt-mini").float(); V=M.tasks(150,"validation","v")
training.train(m,P.sft_loss,training.Shuffled(D,32,lambda items:P.Answers.of(*zip(*items)),0),training.Settings(steps,learning_rate=1e-3,warmup=20,final_rate=0.05,weight_decay=0.1))
torch.save(m.state_dict(),f"scratch/k_{N}_{steps}.pt"); m.eval()
for T in (1.0,0.7,0.0): evaluate(m,V,0,T,"sft")
