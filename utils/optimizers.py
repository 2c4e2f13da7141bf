"""Muon: for the matrices inside a model's layers a step that is as long in all directions; AdamW for everything else.

    MuonAndAdamW      both as one optimizer of PyTorch
    orthogonalized    the matrix with the same directions, all about equally long

Source: Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024); the size of its steps from Liu et al.,
"Muon is Scalable for LLM Training" (2025, arXiv 2502.16982), section 2.2. It is torch.optim.Muon, but for the number type:
that computes in bfloat16 everywhere, which takes some twenty times as long on a CPU that has no such multiplication.
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
MOMENTUM = 0.95


class MuonAndAdamW(torch.optim.Optimizer):
    """Muon for the matrices, AdamW for the other parameters.

    A gradient's matrix has a few long directions and many short ones; orthogonalized, what is rarely shown is learned as fast.
    Embeddings, heads, norms and biases are no maps from one space into another, and stay with AdamW.

    matrices: parameters (n, m), or groups of them with rates of their own. matrix_rate: in AdamW's size, since an update's
    entries are about 0.2 times the rate. weight_decay: of the matrices. rate, betas: AdamW's.
    """

    def __init__(
        self,
        matrices: Iterable[nn.Parameter] | list[dict],
        others: Iterable[nn.Parameter],
        matrix_rate: float,
        rate: float,
        weight_decay: float = 0.0,
        betas: tuple[float, float] = (0.9, 0.98),
        epsilon: float = 1e-8,
    ):
        matrices, others = list(matrices), list(others)
        groups = matrices if matrices and isinstance(matrices[0], dict) else [{"params": matrices}]
        groups = [{"lr": matrix_rate, **group, "weight_decay": weight_decay, "muon": True} for group in groups]
        groups.append({"params": others, "lr": rate, "weight_decay": 0.0, "muon": False})
        super().__init__(groups, {"betas": betas, "epsilon": epsilon})

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        """One update of all parameters that have a gradient; gives the closure's loss."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            update = self._muon if group["muon"] else self._adamw
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    parameter.sub_(update(parameter, group), alpha=group["lr"])
        return loss

    def _muon(self, parameter: Tensor, group: dict) -> Tensor:
        """What is taken off, but for the rate: the mean gradient with Nesterov's look ahead, orthogonalized."""
        state, gradient = self.state[parameter], parameter.grad
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        state["momentum"].lerp_(gradient, 1 - MOMENTUM)
        return 0.2 * max(parameter.shape) ** 0.5 * orthogonalized(gradient.lerp(state["momentum"], MOMENTUM))

    def _adamw(self, parameter: Tensor, group: dict) -> Tensor:
        """What is taken off, but for the rate: Loshchilov and Hutter 2017 (arXiv 1711.05101), algorithm 2."""
        state, gradient, (first, second) = self.state[parameter], parameter.grad, group["betas"]
        if not state:
            state |= {"steps": torch.zeros(()), "mean": torch.zeros_like(parameter), "square": torch.zeros_like(parameter)}
        state["steps"] += 1
        state["mean"].lerp_(gradient, 1 - first)
        state["square"].mul_(second).addcmul_(gradient, gradient, value=1 - second)
        mean = state["mean"] / (1 - first ** state["steps"].item())
        square = state["square"] / (1 - second ** state["steps"].item())
        return mean / (square.sqrt() + group["epsilon"])


def orthogonalized(matrix: Tensor) -> Tensor:
    """U V^T of a matrix U S V^T (n, m), about: its singular values come out between 0.7 and 1.2.

    Newton and Schulz's iteration with Jordan's coefficients: X <- a X + (b A + c A^2) X with A = X X^T.
    """
    a, b, c = COEFFICIENTS
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x = wide / (wide.norm() + 1e-7)
    x = x.bfloat16() if x.is_cuda and torch.cuda.is_bf16_supported(including_emulation=False) else x
    for _ in range(ITERATIONS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x if matrix.shape[0] <= matrix.shape[1] else x.T).to(matrix.dtype)
