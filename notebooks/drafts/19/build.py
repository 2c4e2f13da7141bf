import re,sys
P="/work/main/scratch/"
r=lambda n: open(P+n).read()
m=r("19m.py").rstrip()
e=r("19e.py").replace("SMOLCODE",m)
# smol cell: split into two cells for length
parts=[r("19a.py"),r("19b.py"),r("19c.py"),r("19d.py"),r("19s2.py"),r("19t.py"),e,r("19x.py")]
s="\n\n".join(x.strip("\n") for x in parts)+"\n"
import importlib.util
try:
    spec=importlib.util.spec_from_file_location("fill",P+"fill19.py"); f=importlib.util.module_from_spec(spec); spec.loader.exec_module(f)
    for k,v in f.TEXT.items():
        assert k in s,k
        s=s.replace(k,v.strip("\n"))
except FileNotFoundError: pass
open(P+"19.py","w").write(s)
for l in s.split("\n"):
    if len(l)>128 and not l.startswith("# ") and "assert" not in l and ": \"" not in l: print(len(l),l[:100])
