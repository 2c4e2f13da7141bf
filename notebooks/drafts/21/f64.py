import re
src=open('scratch/p1.py').read()
cut=src.index("model_differences = {")
src=src[:cut]
src=re.sub(r"figure, axis = .*?alt=.*?\)\n","",src,flags=re.S) if False else src
import sys; sys.argv=["x"]
open('scratch/_f.py','w').write(src+'''
print("f32", apart(theirs, ids)); d=theirs.double()
print("f64", apart(d, ids))
def fwd(self, x): return self.weight*(x*torch.rsqrt(x.pow(2).mean(-1,keepdim=True)+self.variance_epsilon))
library.LlamaRMSNorm.forward=fwd
RMSNorm.forward=lambda self,x: self.weight*(x*torch.rsqrt(x.square().mean(-1,keepdim=True)+self.epsilon))
print("f64 norms too", apart(d, ids))
''')
