import re,statistics
s="\n"+open('scratch/18.py').read()
c=[x for x in s.split("\n# %%")[1:] if not x.lstrip().startswith('[markdown]')]
L=[len([l for l in x.splitlines()[1:] if l.strip()]) for x in c]
for n,x in sorted(zip(L,c)): print(n, x.splitlines()[0][:40], '|', x.splitlines()[1][:60])
print(statistics.median(L))
m=[x for x in s.split("\n# %%")[1:] if x.lstrip().startswith('[markdown]')]
tot=0
for x in m:
    t=re.sub(r'(?m)^# ?','',x.split("\n",1)[1])
    w=len(re.findall(r"\w+", re.sub(r"(?s)\$\$.*?\$\$|<[^>]+>|\$[^$\n]*\$|```.*?```", " ", t))); tot+=w
    print(w, t.strip()[:60].replace("\n"," "))
print(tot)
