cd /tmp/wt/l18; export PATH=/tmp/v311/bin:$PATH
date
[ -f data/runs/18_dpo.json ] || python scratch/record.py > /tmp/l18_rec.log 2>&1
date
cp data/runs/18_*.json /tmp/
jupytext --to ipynb scratch/18.py -o notebooks/18_rlhf_and_dpo.ipynb > /dev/null 2>&1
( /usr/bin/time -v python -m utils run 18 ) > /tmp/l18_run.log 2>&1
date
