"""python scratch/rec_judge.py before: the base judged on all rows, as the lesson asks; chunked, so that nothing is lost."""
import json, sys
from pathlib import Path
import time, torch
begun = time.time()
sys.path.insert(0, ".")
from utils.data import catalog
from utils.experiments import medical
from utils import lora
which, half, step = sys.argv[1], int(sys.argv[2]), 10
torch.set_num_threads(1)
health, smol, mini = catalog.load("medical_qa"), catalog.load("smollm2"), catalog.load("minilm")
if which == "after":
    from safetensors.torch import load_file
    lora.add(smol.model, lora.Config(lora.TARGETS["llama"][1], rank=8, alpha=16))
    adapter = medical.from_litgpt(torch.load("whole/final/lit_model.pth.lora")["model"], 9, 3)
    parts = {n.replace(".lora_A.weight", ".adapters.default.A").replace(".lora_B.weight", ".adapters.default.B"): v.half().float() for n, v in adapter.items()}
    missing = smol.model.load_state_dict(parts, strict=False)
    assert not missing.unexpected_keys
smol.model.eval()
rows = [dict(r) for part in ("test", "unseen") for r in health[part]]
facts = list({r["fact_id"]: dict(r) for part in health for r in health[part]}.values())
never = {r["fact_id"] for r in health["unseen"]}
answers = medical.offered(rows, [f for f in facts if f["fact_id"] in never])
store = medical.vectors(*mini, [f["answer"] for f in facts])
notes = [facts[k]["answer"] for k in (medical.vectors(*mini, [r["question"] for r in rows]) @ store.T).argmax(1)]
order = list(range(140 + half, 260, 2))  # every part of the rows early
out = Path(f"scratch/fair_{which}_{half}.json"); done = json.loads(out.read_text()) if out.exists() else {}
for at in range(0, len(order), step):
    todo = [k for k in order[at:at+step] if str(k) not in done]
    if not todo: continue
    if time.time() - begun > 230: break
    got = medical.scored(smol.model, smol.tokenizer, [rows[k] for k in todo], [answers[k] for k in todo])
    for k, one in zip(todo, got): done[str(k)] = one
    out.write_text(json.dumps(done))
print("done", len(done))
