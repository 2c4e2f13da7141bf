"""python rec.py NAMES: runs the lesson's code, records these logs only."""
import os, sys, re
only=set(sys.argv[1].split(","))
sys.path.insert(0,"/work/main")
import torch; torch.set_num_threads(1)
from utils.course import recorded, plots
real_results, real_trained = recorded.results, recorded.trained
def wrap(f):
    def g(name, *a, **k):
        os.environ["COURSE_RECORD"]="1" if name in only else "0"
        try: return f(name,*a,**k)
        except recorded.NoSuchRun as e:
            print("skip",name,e); return (None,None) if f is real_trained else None
        finally:
            only.discard(name); os.environ["COURSE_RECORD"]="1" if only else "0"
            if not only: print("done",flush=True); os._exit(0)
    return g
recorded.results, recorded.trained = wrap(real_results), wrap(real_trained)
os.environ["COURSE_RECORD"]="1"
src=open(sys.argv[2]).read()
exec(compile(src,sys.argv[2],"exec"),{"__name__":"__main__"})
