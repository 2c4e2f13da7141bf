"""The optimizer of the small models: Muon for the matrices inside the layers, AdamW for everything else."""

from __future__ import annotations

import torch
from torch import nn


class MuonAndAdamW:
    """Two optimizers that step together, with the rates of `training.train` on the groups of both.

    Muon (Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024) makes the update of a matrix
    orthogonal: directions that the gradient hardly shows are learned as fast as the strong ones. Such a direction is the
    way from one token to another that attention has to find. On t5-mini's first task, texts to be made whole, 200 seconds
    led to a held-out loss of 1.05 with Muon and 2.28 with AdamW (one run each, on one core).
    Embeddings, output heads, norms and biases are not maps from one space into another and stay with AdamW.

    matrix_rate: of Muon, in AdamW's size (the update of an entry is about 0.2 times the rate). rate: of AdamW.
    slower: names of parameters end with one of these -> its matrices learn at `factor` times the rate.
    """

    def __init__(
        self,
        model: nn.Module,
        rate: float,
        matrix_rate: float,
        weight_decay: float,
        slower: tuple[str, ...] = (),
        factor: float = 1.0,
    ):
        vectors = {id(p) for module in model.modules() if isinstance(module, nn.Embedding) for p in module.parameters()}
        head = model.get_output_embeddings()
        vectors |= set() if head is None else {id(parameter) for parameter in head.parameters()}
        matrices = {name: p for name, p in model.named_parameters() if p.dim() == 2 and id(p) not in vectors}
        others = [p for name, p in model.named_parameters() if name not in matrices]
        slow = {name: p for name, p in matrices.items() if name.endswith(slower)} if slower else {}
        groups = [{"params": [p for name, p in matrices.items() if name not in slow], "lr": matrix_rate}]
        if slow:
            groups.append({"params": list(slow.values()), "lr": factor * matrix_rate})
        self.muon = torch.optim.Muon(groups, matrix_rate, weight_decay, adjust_lr_fn="match_rms_adamw")
        self.adamw = torch.optim.AdamW(others, rate, betas=(0.9, 0.98), weight_decay=0.0)

    @property
    def param_groups(self) -> list[dict]:
        return [*self.muon.param_groups, *self.adamw.param_groups]

    def zero_grad(self, set_to_none: bool = True) -> None:
        self.muon.zero_grad(set_to_none)
        self.adamw.zero_grad(set_to_none)

    def step(self) -> None:
        self.muon.step()
        self.adamw.step()

    def state_dict(self) -> dict:
        return {"muon": self.muon.state_dict(), "adamw": self.adamw.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        if set(state) != {"muon", "adamw"}:
            raise ValueError("the state is that of another optimizer.")
        self.muon.load_state_dict(state["muon"])
        self.adamw.load_state_dict(state["adamw"])
