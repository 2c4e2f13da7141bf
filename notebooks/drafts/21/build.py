import subprocess,sys
s=open('scratch/p1.py').read().replace('SETUP\n',open('scratch/setup.txt').read()+'\n')
s+="\n"+open('scratch/p2.py').read()+open('scratch/p3.py').read()
open('scratch/21.py','w').write(s)
subprocess.run(['jupytext','--to','ipynb','scratch/21.py','-o','notebooks/21_llama_architecture.ipynb'],check=True,stdout=subprocess.DEVNULL)
