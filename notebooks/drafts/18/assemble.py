"""Puts lesson 18 together from its draft: old cells by number, replaced ones by text."""
D='notebooks/drafts/18/'
def cells(f):
    s="\n"+open(D+f).read()
    return ["# %%"+c.rstrip()+"\n" for c in s.split("\n# %%")[1:]]
m,g,h=cells('18.py'),cells('18g.py'),cells('18h.py')
d2,d3,e,e2,f2=(cells(x+'.py') for x in ('18d2','18d3','18e','18e2','18f2'))
out=[*m[:44], *d2, *d3, *e[:2], *e2, *g[:7], *f2, m[51], *g[7:], *h]
open('scratch/18.py','w').write("\n".join(out))
print(len(out))

def find(start):
    hits=[i for i,c in enumerate(out) if start in c.split("\n",3)[1]+"\n"+c]
    hits=[i for i in hits if start in out[i]]
    assert len(hits)==1,(start,hits); return hits[0]
def sub(old,new,count=1):
    hits=[i for i,c in enumerate(out) if old in c]
    assert len(hits)==1 and out[hits[0]].count(old)==count,(old,hits,[out[i].count(old) for i in hits])
    out[hits[0]]=out[hits[0]].replace(old,new)
def body(cell):  # of a text cell, without its head
    return cell.split("\n",1)[1]
def join(a,b):
    i,j=find(a),find(b); assert j==i+1,(a,i,b,j)
    out[i]=out[i].rstrip()+"\n#\n"+body(out[j]); del out[j]
exec(open('scratch/edits.py').read())
open('scratch/18.py','w').write("\n".join(out))
md=[c for c in out if c.startswith('# %% [markdown]')]
print(len(out),'cells',len(md),'text',len(out)-len(md),'code')
