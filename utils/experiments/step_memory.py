"""What a training step holds in memory, measured in a process of its own.

    measured(folder, way)    starts that process and reads what it found

The process loads a Llama, makes one step of AdamW on 16 tokens, and notes after each part how much memory it holds. What it
loads of PyTorch's and Transformers' code is loaded before, by a step of a tiny model.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

from utils.io import ROOT, child_environment


def measured(folder: Path, way: str) -> dict:
    """Megabytes (2**20) that weights, adapter, gradients and Adam's means add; how many weights learn, and all.

    way: "full" or "LoRA" (rank 8 on all linear layers). Raises RuntimeError where the process fails.
    """
    command = [sys.executable, "-m", "utils.experiments.step_memory", str(folder), way]
    done = subprocess.run(command, cwd=ROOT, env=child_environment(OMP_NUM_THREADS="1"), capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"The process that measures memory failed: {done.stderr.strip()[-300:]}")
    return json.loads(done.stdout)


def held() -> float:
    """Megabytes that this process holds of its own; on Linux without files that are mapped."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"RssAnon:\s+(\d+)", status.read_text(encoding="utf-8"))[1]) / 1024
    import psutil

    return psutil.Process().memory_info().rss / 2**20


def main(folder: str, way: str) -> None:
    import torch
    import transformers

    from utils import lora

    def step(model, note=lambda part: None) -> None:
        learned = [p for p in model.parameters() if p.requires_grad]
        optimizer, ids = torch.optim.AdamW(learned, lr=1e-4, foreach=False), torch.arange(16)[None]
        model(ids, labels=ids).loss.backward()
        note("gradients")
        optimizer.step()
        note("Adam")

    def note(part: str) -> None:
        found[part] = round(held() - sum(found.values()) - start)

    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    tiny = {"num_hidden_layers": 1, "hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64, "vocab_size": 50}
    step(transformers.LlamaForCausalLM(transformers.LlamaConfig(**tiny)))
    found, start = {}, held()
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    note("weights")
    if way == "LoRA":
        lora.add(model, lora.Config(lora.TARGETS["llama"][1], rank=8))
    note("adapter")
    step(model, note)
    learn, everything = lora.trained(model)
    sys.stdout.write(json.dumps(found | {"learn": learn, "all": everything}))


if __name__ == "__main__":
    main(*sys.argv[1:])
