"""Runs the first cells of scratch/18.py up to one that contains a text, timing each. usage: cells.py FROM_LOG..."""
import sys, time, os
sys.path.insert(0, os.getcwd())
import matplotlib; matplotlib.use("Agg")
until = sys.argv[1]; skip = sys.argv[2:]
def load():
    s="\n"+open('scratch/18.py').read()
    return [c for c in s.split("\n# %%")[1:] if not c.lstrip().startswith('[markdown]')]
import subprocess
G={"os":os,"__name__":"__main__"}
for n,c in enumerate(load()):
    head,src=c.split("\n",1)
    if "setup" in head: src="from utils.course import runtime\nrun = runtime.start(lesson=18)\n"
    if "lesson_18 as figures" in src and "--fake" in skip: src="from utils.course import plots, recorded\nfrom utils.course.figures import lesson_18 as figures\nimport itertools\nNUM=itertools.count()\ndef _show(f, alt): f.savefig(f\"/tmp/l18_s{next(NUM)}.png\", dpi=80)\nplots.show=_show\nfrom utils.course import widgets\n"
    if any(x in src for x in skip): continue
    src=src.replace("#@title","# @title")
    t=time.time(); exec(compile(src,f"cell{n}","exec"),G); 
    print(f"   --- cell {n}: {time.time()-t:.1f} s", src.strip()[:50].replace("\n"," "), flush=True)
    if until in src: break
