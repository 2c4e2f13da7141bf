import dataclasses
import math
import time

import torch
import torch.nn.functional as F

from utils.data import catalog
from utils.models.gpt import GPT2
from utils.models.transformer import DecoderOnly
from utils.positions import LearnedPositions, RotaryPositions
from utils.worlds import stories

LENGTH, BATCH, STEPS, RATES = 64, 16, 80, (3e-3, 8e-3)
coder = catalog.load_tokenizer("gpt-mini")
START = dataclasses.replace(GPT2, width=96, heads=4, hidden=384, layers=3, dropout=0.0)
STEP_UP = {  # what each change sets; hidden keeps the number of weights
    "RMSNorm": {"norm": "rms"},
    "no biases": {"bias": False},
    "SwiGLU": {"activation": "swiglu", "hidden": 256},
    "RoPE": {"rotate": RotaryPositions(24)},
    "grouped queries": {"key_value_heads": 2, "hidden": 288},
    "untied head": {"tied_head": False},
}
arms, config = {"GPT": START}, START
for name, change in STEP_UP.items():
    arms[f"+ {name}"] = config = dataclasses.replace(config, **change)


def windows_of(split, count, length):
    """Stories one after the other, cut into windows of length + 1 ids: (count, length + 1)."""
    ids, number = [], 0
    while len(ids) < count * (length + 1):
        told = stories.write(f"{split} of lesson 21, {number}").english
        ids += [coder.eos_token_id, *coder.encode(told, add_special_tokens=False)]
        number += 1
    return torch.tensor(ids[: count * (length + 1)]).view(count, length + 1)


def bytes_of(windows):
    """The bytes of the text that is predicted in each window: all but its first id."""
    return [len(coder.decode(row[1:], skip_special_tokens=True).encode()) for row in windows.tolist()]


def built(config, seed):
    torch.manual_seed(seed)
    positions = LearnedPositions(2 * LENGTH, config.width) if config.rotate is None else None
    return DecoderOnly(len(coder), config, positions)


def trained(config, rate, seed, steps, rows):
    """A model after so many steps on batches of windows in the seed's order."""
    model = built(config, seed).train()
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.95), weight_decay=0.1)
    factor = lambda step: min(1, (step + 1) / 20) * 0.5 * (1 + math.cos(math.pi * step / steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    for step in range(steps):
        batch = rows[order[step * BATCH : (step + 1) * BATCH]]
        loss = F.cross_entropy(model(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return model.eval()


@torch.no_grad()
def bits_of(model, windows):
    """The bits of each window's ids, place by place: (rows, T)."""
    losses = [F.cross_entropy(model(rows[:, :-1]).transpose(1, 2), rows[:, 1:], reduction="none") for rows in windows.split(32)]
    return torch.cat(losses) / math.log(2)


def one_run(config, rate, seed, steps, rows):
    """Trained and measured: bits of each validation and test window, and by place in windows twice as long."""
    began = time.process_time()
    model = trained(config, rate, seed, steps, rows["train"])
    took = time.process_time() - began
    measured = {part: [round(bits, 1) for bits in bits_of(model, rows[part]).sum(1).tolist()] for part in ("validation", "test")}
    by_place = bits_of(model, rows["long"]).view(len(rows["long"]), -1, 16).mean((0, 2))
    return measured | {"by place": [round(bits, 3) for bits in by_place.tolist()], "tokens a second": steps * BATCH * LENGTH / took}


def all_rows(steps=None):
    rows = {"train": windows_of("train", (steps or STEPS) * BATCH, LENGTH)}
    rows |= {part: windows_of(part, 64, LENGTH) for part in ("validation", "test")}
    return rows | {"long": windows_of("test", 32, 2 * LENGTH)}
