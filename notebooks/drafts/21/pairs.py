import json
n=json.load(open('notebooks/21_llama_architecture.ipynb'))
prev=None
for i,c in enumerate(n['cells']):
    s=''.join(c['source']); L=len([l for l in s.splitlines() if l.strip()])
    t=c['metadata'].get('tags',[])
    if c['cell_type']=='code' and prev and prev[0]=='code': print('PAIR',prev[1:],(i,L,t,s[:50]))
    if c['cell_type']=='markdown' and prev and prev[0]=='markdown': print('MD',i,prev[3][:40],'|',s[:40])
    prev=(c['cell_type'],i,L,s[:50],t)
