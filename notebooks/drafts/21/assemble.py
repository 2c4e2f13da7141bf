import sys, json, os; sys.path.insert(0, ".")
os.environ["COURSE_RECORD"] = "1"
L=dict(LENGTH=64, BATCH=16, STEPS=80, RATES=(3e-3, 8e-3))
arms=["GPT"]; arms+=["+ "+n for n in ("RMSNorm","no biases","SwiGLU","RoPE","grouped queries","untied head")]
from utils.course import recorded
import time
runs, cpu = {}, 0
g=lambda n,r,s: json.load(open(f"scratch/lad/{n}|{r}|{s}.json"))
for n in arms:
    first=[g(n,r,0) for r in L["RATES"]]
    best=min((0,1), key=lambda a: sum(first[a]["validation"]))
    others=[g(n,L["RATES"][best],s) for s in (1,2)]
    for x in first+others: cpu+=x.pop("cpu")
    runs[n]={"rate":L["RATES"][best],"both rates":[sum(x["validation"]) for x in first],"runs":[first[best],*others]}
settings={"steps":80,"length":64,"batch":16,"rates":L["RATES"],"seeds":3,"arms":arms}
log=recorded.results("21_ladder", lesson=21, settings=settings, compute=lambda: runs)
d=json.load(open("data/runs/21_ladder.json")); d["seconds"]=round(cpu,1)
json.dump(d,open("data/runs/21_ladder.json","w"),indent=None if "\n" not in open("data/runs/21_ladder.json").read().strip() else 1,ensure_ascii=False)
import torch
TB=None
for n in arms: print(n, runs[n]["rate"], runs[n]["both rates"], [round(sum(x["test"])) for x in runs[n]["runs"]], [round(x["tokens a second"]) for x in runs[n]["runs"]], runs[n]["runs"][0]["by place"])
print(cpu, os.path.getsize("data/runs/21_ladder.json"))
