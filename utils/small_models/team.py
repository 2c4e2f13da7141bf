"""The processes that train one model together: one alone, or as many as `torchrun` started, on as many machines.

    torchrun --nproc_per_node 4 -m utils train gpt-mini
    torchrun --nnodes 2 --node_rank 0 --master_addr HOST --nproc_per_node 8 -m utils train gpt-mini

Each process works on batches of its own, and Accelerate averages the gradients: N processes do in a step what one does
with N times the batch. Only the first one speaks and writes the model.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import torch
from torch import nn


class Team:
    """size: how many processes. rank: which of them this one is, from 0."""

    def __init__(self, device: str):
        self.size, self.rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
        self.accelerator = None
        if self.size > 1:
            from accelerate import Accelerator

            self.accelerator = Accelerator(cpu=device == "cpu")

    @property
    def first(self) -> bool:
        return self.rank == 0

    def device(self, kind: str) -> torch.device:
        """The device of this process."""
        return torch.device(kind) if self.accelerator is None else self.accelerator.device

    def wait(self) -> None:
        """Until all are here."""
        if self.accelerator is not None:
            self.accelerator.wait_for_everyone()

    def agreed(self, value):
        """The first process's value."""
        if self.accelerator is None:
            return value
        from accelerate.utils import broadcast_object_list

        return broadcast_object_list([value])[0]

    def joined(self, model: nn.Module) -> nn.Module:
        """The model whose gradients are averaged over all; it shares its weights with the one that is given."""
        return model if self.accelerator is None else self.accelerator.prepare_model(model)

    def share(self, batches: Callable[[int], dict]) -> Callable[[int], dict]:
        """This process's batches: of N processes number r gets r, N + r, 2 N + r ..."""
        if self.size == 1:
            return batches

        def mine(index: int) -> dict:
            return batches(index * self.size + self.rank)

        mine.fingerprint = batches.fingerprint | {"processes": self.size}
        return mine
