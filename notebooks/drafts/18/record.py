"""Records the two missing logs of lesson 18 by the notebook's own cells."""
import os, sys, time
sys.path.insert(0, os.getcwd())
import matplotlib; matplotlib.use("Agg")
s="\n"+open('scratch/18.py').read()
cells=[c.split("\n",1) for c in s.split("\n# %%")[1:] if not c.lstrip().startswith('[markdown]')]
G={"__name__":"__main__","os":os}
skip=("lesson_18 as figures","climb = [","def gradient_of","gains = {name","off = [ppo_step",'log = recorded.results("18_ppo"',"figures.hack","draw_clip","grids = torch","ref = torch","some = torch","line_4 =",'dpo_log = ',"log_prob = torch")
for n,(head,src) in enumerate(cells):
    if "def dpo(h_w" in src: break
    if "setup" in head: src="from utils.course import runtime, plots, recorded\nfrom utils.course.figures import lesson_18 as figures\nfrom utils.course import widgets\nrun = runtime.start(lesson=18)\nplots.show=lambda f, alt: f.savefig('/tmp/l18_bands.png', dpi=80)\n"
    elif any(x in src for x in skip):
        if "log_prob = torch" in src: src=src[:src.index("one = torch")]
        else: continue
    if "def best_of_n" in src: src=src[:src.index("best = recorded")]
    t=time.time(); exec(compile(src,f"cell{n}","exec"),G); print(f"   --- {n} {time.time()-t:.1f} s", flush=True)
recorded=G["recorded"]
recorded._record("18_best_of_n",18,{"prompts": 32, "answers": 64},G["best_of_n"])
print(recorded.load("18_best_of_n"), flush=True)
recorded._record("18_dpo",18,{"steps": 32, "seeds": 3},G["dpo_runs"])
print(recorded.load("18_dpo"))
