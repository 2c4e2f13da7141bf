"""Lesson 16's plans for taking attention heads out of a model, with controls that are as large.

ranked   all heads, the highest score first
plans    name -> draws of heads that are taken out together
"""

from __future__ import annotations

from random import Random

from torch import Tensor

Head = tuple[int, int]  # layer, number within it


def ranked(scores: Tensor) -> list[Head]:
    """(layers, heads) scores -> all heads, the highest first."""
    order = scores.flatten().argsort(descending=True).tolist()
    return [(place // scores.shape[1], place % scores.shape[1]) for place in order]


def plans(order: list[Head], sizes: tuple[int, ...], draws: int) -> dict[str, list[list[Head]]]:
    """The first k heads of the order, and so many random draws of k others, for each k; and of 8 from the first 8's layers."""
    found = {"whole": [[]]} | {f"induction {k}": [order[:k]] for k in sizes}
    for k in sizes:
        found[f"random {k}"] = [Random(f"{k} {draw}").sample(order[k:], k) for draw in range(draws)]
    found["same layers 8"] = [_beside(order[:8], order[8:], str(draw)) for draw in range(draws)]
    return found


def _beside(chosen: list[Head], others: list[Head], seed: str) -> list[Head]:
    """As many of the others as are chosen in each layer."""
    found = []
    for layer in sorted({layer for layer, _ in chosen}):
        k = sum(at == layer for at, _ in chosen)
        found += Random(f"{seed} {layer}").sample([head for head in others if head[0] == layer], k)
    return found
