import sys,os,json; sys.path.insert(0,os.getcwd())
import matplotlib; matplotlib.use("Agg")
from utils.course.figures import lesson_18 as f
d=json.load(open('data/runs/18_ppo.json'))['results']
try: b=json.load(open('data/runs/18_best_of_n.json'))['results']
except Exception: b={str(n):{"reward":[0.5*i],"judge":[.2+.05*i]} for i,n in enumerate((1,2,4,8,16,32,64))}
f.reward_and_kl(d,b).savefig('/tmp/l18_f1.png',dpi=80)
f.hack({k:v for k,v in d.items() if k!='start'}).savefig('/tmp/l18_f2.png',dpi=80)
f.clip(.2,1.5).savefig('/tmp/l18_f3.png',dpi=80)
