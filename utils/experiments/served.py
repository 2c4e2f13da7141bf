"""Lesson 25's measurements of models that are served: files against PyTorch on the same texts, and speeds.

next_tokens    a model of Transformers: the next token's log-probabilities at some places of each text
losses         of these, what the true next tokens cost
off_by         a file against these: divergence, loss and likeliest tokens, text by text
speeds         tokens a second of a file, read and written
model_speeds   the same of a model of Transformers
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from utils.export.engine import Engine

CONTEXT = 512  # tokens, more than any text here has


@torch.no_grad()
def next_tokens(model, rows: Tensor, places: Sequence[int]) -> Tensor:
    """Texts as ids (N, T), and how many tokens of each are read -> (N, P, V), natural logarithms."""
    return torch.stack([model(row[None]).logits[0, [place - 1 for place in places]].log_softmax(-1) for row in rows])


def losses(expected: Tensor, rows: Tensor, places: Sequence[int]) -> list[float]:
    """Each text's mean loss of the true next token (nats). expected: (N, P, V); rows: (N, T)."""
    true = rows[:, list(places)][..., None]  # the token after `place` tokens stands at that place, (N, P, 1)
    return [round(loss, 5) for loss in (-expected.gather(2, true).mean((1, 2))).tolist()]


def off_by(path: Path, rows: Tensor, places: Sequence[int], expected: Tensor) -> dict[str, list[float]]:
    """For each text the mean over its places: KL(model || file) in nats, the loss of the true next token, and how often the
    likeliest token is the model's. expected: what `next_tokens` gave for the same rows and places.
    """
    found: dict[str, list[float]] = {"divergence": [], "loss": [], "same": []}
    with Engine(path, CONTEXT, threads=1) as engine:
        for row, of_model in zip(rows, expected):
            told = [engine.log_probabilities(row[:place].tolist()) for place in places]
            of_file = torch.tensor(told).log_softmax(-1)  # (P, V); again, for the engine's own sum is 1 to some digits only
            kl = (of_model.exp() * (of_model - of_file)).sum(-1)
            found["divergence"].append(round(kl.mean().item(), 6))
            found["loss"] += losses(of_file[None], row[None], places)
            found["same"].append((of_file.argmax(-1) == of_model.argmax(-1)).float().mean().item())
    return found


def speeds(path: Path, ids: list[int], tokens: int, repeats: int) -> dict[str, list[float]]:
    """Tokens a second in one thread, each repeat from nothing: of reading the prompt, and of writing so many."""
    with Engine(path, CONTEXT, threads=1) as engine:
        engine.write(ids, n_predict=2)  # the first time takes longer
        told = [engine.write(ids, n_predict=tokens, ignore_eos=True) for _ in range(repeats)]
    return {
        "reading": [round(one.read / (one.reading / 1e9), 1) for one in told],
        "writing": [round(one.written / (one.writing / 1e9), 1) for one in told],
    }


@torch.no_grad()
def model_speeds(model, ids: list[int], tokens: int, repeats: int) -> dict[str, list[float]]:
    """The same by `generate`, in as many threads as PyTorch has; what it writes first is counted as reading."""
    prompt, pad = torch.tensor([ids]), model.config.eos_token_id
    pad = pad[0] if isinstance(pad, list) else pad
    found: dict[str, list[float]] = {"reading": [], "writing": []}
    for _ in range(repeats):
        begun = time.perf_counter()
        model.generate(prompt, min_new_tokens=1, max_new_tokens=1, do_sample=False, pad_token_id=pad)
        read = time.perf_counter() - begun
        model.generate(prompt, min_new_tokens=tokens, max_new_tokens=tokens, do_sample=False, pad_token_id=pad)
        written = time.perf_counter() - begun - 2 * read  # the prompt was read twice
        found["reading"].append(round(len(ids) / read, 1))
        found["writing"].append(round((tokens - 1) / written, 1))
    return found
