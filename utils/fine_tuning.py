"""Fine-tuning: how a pretrained model's weights learn a new task, and how its old one is kept.

    by_length       batches of rows of like length, shuffled in each epoch: little padding
    part_rates      layer-wise learning rates: the lower a part, the smaller
    unfrozen        gradual unfreezing: how many parts learn at a step
    range_test      the loss under a rate that rises at each step
    interpolated    weights between a start and a fine-tuned end
    class_weights   what a row's loss is multiplied by where classes are of unequal size

Sources: Howard and Ruder, "Universal language model fine-tuning", 2018, arXiv 1801.06146 (rates by layer, unfreezing); Smith,
"Cyclical learning rates", 2015, arXiv 1506.01186 (range test); Wortsman et al., "Robust fine-tuning of zero-shot models",
2021, arXiv 2109.01903 (interpolation).
"""

from collections.abc import Callable, Sequence

import numpy
import torch
from torch import Tensor, nn


def by_length(lengths: Sequence[int], rows: Sequence[int], size: int, steps: int, seed: int) -> list[list[int]]:
    """`steps` batches of `size` of these rows; lengths: of every row that there is, in tokens.

    In each epoch the rows are shuffled, each eight batches' worth of them is sorted by length and cut, and the batches are
    shuffled. Rows that fill no batch are left out, others in each epoch. Raises ValueError where not one batch is filled.
    """
    if not 1 <= size <= len(rows):
        raise ValueError(f"Batches of {size} cannot be made of {len(rows)} rows. Choose 1 to {len(rows)}.")
    generator, batches = numpy.random.default_rng(seed), []
    while len(batches) < steps:
        order, epoch = generator.permutation(rows)[: len(rows) // size * size].tolist(), []
        for first in range(0, len(order), 8 * size):
            some = sorted(order[first : first + 8 * size], key=lambda row: lengths[row])
            epoch += [some[at : at + size] for at in range(0, len(some), size)]
        batches += [epoch[place] for place in generator.permutation(len(epoch))]
    return batches[:steps]


def part_rates(layers: int, rate: float, decay: float, head: float) -> list[float]:
    """The rates of the embeddings, of each layer from the bottom up, and of the head: layers + 2 numbers.

    The top layer has `rate`, each part below it `decay` times that of the part above. Howard and Ruder take 1 / 2.6.
    """
    return [rate * decay ** (layers - place) for place in range(layers + 1)] + [head]


def unfrozen(step: int, steps: int, parts: int) -> int:
    """How many parts, from the top, learn at a step from 0: one at first, one more after each tenth of all steps."""
    return min(parts, 1 + 10 * step // steps)


def range_test(
    model: nn.Module, loss_of: Callable, batch_of: Callable, optimizer: torch.optim.Optimizer, rates: Sequence[float]
) -> list[float]:
    """Trains for as many steps as there are rates -> the loss before each step. The optimizer's first group has the rate, the
    others keep their ratio to it, so that a new head may learn faster.

    loss_of: model and batch -> a loss; batch_of: index -> batch. The model is of no use afterwards.
    """
    model.train()
    losses, ratios = [], [group["lr"] / optimizer.param_groups[0]["lr"] for group in optimizer.param_groups]
    for index, rate in enumerate(rates):
        for group, ratio in zip(optimizer.param_groups, ratios):
            group["lr"] = rate * ratio
        loss = loss_of(model, batch_of(index))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def interpolated(start: dict[str, Tensor], end: dict[str, Tensor], alpha: float) -> dict[str, Tensor]:
    """alpha end + (1 - alpha) start for each name of `end`; what `start` lacks, such as a new head, is that of `end`.

    What is no float, such as a table of positions, is taken from `end`, too.
    """
    mixed = {}
    for name, weight in end.items():
        both = name in start and weight.is_floating_point()
        mixed[name] = alpha * weight + (1 - alpha) * start[name] if both else weight.clone()
    return mixed


def class_weights(labels: Sequence[int]) -> numpy.ndarray:
    """N / (K N_k) for each class k: labels (N,), whole numbers 0 .. K - 1 -> (K,). Their mean over the rows is 1.

    Raises ValueError where a class below the largest has no row.
    """
    counts = numpy.bincount(labels)
    if not counts.all():
        raise ValueError(f"Class {int(counts.argmin())} has no row, and no weight makes up for it. Number them from 0 on.")
    return len(labels) / (len(counts) * counts)
