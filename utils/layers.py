"""The parts of a transformer besides attention: embedding, positions, normalization, feed-forward, residual, head.

Source: Vaswani et al., "Attention Is All You Need" (2017, arXiv 1706.03762), sections 3.1 and 3.3 to 3.5.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from utils.positions import frequencies

ACTIVATIONS = {"relu": F.relu, "gelu": F.gelu}


class LayerNorm(nn.Module):
    """Brings each vector to mean 0 and variance 1, then scales and shifts each of its numbers by learned amounts.

    Source: Ba et al., "Layer Normalization" (2016, arXiv 1607.06450). The variance is that of the C numbers themselves,
    divided by C and not by C - 1; epsilon stands inside the root, so that a vector of equal numbers gives no NaN.
    """

    def __init__(self, width: int, epsilon: float = 1e-5):
        super().__init__()
        self.epsilon = epsilon
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)"""
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.epsilon)

    def extra_repr(self) -> str:
        return f"{len(self.weight)}, epsilon={self.epsilon}"


class FeedForward(nn.Module):
    """Each position by itself: up to `hidden` numbers, an activation, back to `width`. Equation 2 of the paper.

    activation: "relu" as in the paper, or "gelu" as in BERT and GPT. Dropout follows the activation, as in PyTorch.
    Raises ValueError for another activation.
    """

    def __init__(self, width: int, hidden: int, dropout: float = 0.0, activation: str = "relu"):
        super().__init__()
        if activation not in ACTIVATIONS:
            raise ValueError(f"There is no activation {activation!r} here. Choose one of {', '.join(ACTIVATIONS)}.")
        self.inner = nn.Linear(width, hidden)
        self.outer = nn.Linear(hidden, width)
        self.dropout = nn.Dropout(dropout)
        self.activation = ACTIVATIONS[activation]

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, hidden) -> (B, T, C)"""
        return self.outer(self.dropout(self.activation(self.inner(x))))


class Residual(nn.Module):
    """What stands around every sublayer: a path past it, dropout, and a layer norm before it or after the sum.

    norm_first: x + dropout(sublayer(norm(x))), "pre-norm" (Xiong et al. 2020, arXiv 2002.04745);
    otherwise:  norm(x + dropout(sublayer(x))), "post-norm", as in the paper, section 3.1.
    """

    def __init__(self, width: int, dropout: float = 0.0, norm_first: bool = True):
        super().__init__()
        self.norm = LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.norm_first = norm_first

    def forward(self, x: Tensor, sublayer: Callable[[Tensor], Tensor]) -> Tensor:
        """x (B, T, C) and a function of (B, T, C) -> (B, T, C)"""
        if self.norm_first:
            return x + self.dropout(sublayer(self.norm(x)))
        return self.norm(x + self.dropout(sublayer(x)))

    def extra_repr(self) -> str:
        return f"norm_first={self.norm_first}"


class SinusoidalPositions(nn.Module):
    """utils.positions.sinusoidal as a module, from any place on: a fixed vector for each place. Section 3.5.

    Raises ValueError for an odd width: sines and cosines come in pairs.
    """

    def __init__(self, width: int):
        super().__init__()
        self.register_buffer("rates", frequencies(width), persistent=False)  # (C / 2,), on the model's device

    def forward(self, length: int, start: int = 0) -> Tensor:
        """The vectors (T, C) of the places start .. start + length - 1: sine at their even numbers, cosine at the odd ones."""
        places = torch.arange(start, start + length, device=self.rates.device)  # (T,)
        angles = places[:, None] * self.rates  # (T, C / 2)
        return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)  # (T, C / 2, 2) -> (T, C)


class Embedding(nn.Module):
    """Token ids to vectors: a learned row for each id, times the root of C, plus the position, then dropout. Section 3.4.

    The rows start with variance 1 / C, so that after the scaling their numbers are as large as those of the positions.
    positions: a module from a length T and a first place to vectors (T, C), such as SinusoidalPositions
        or utils.positions.LearnedPositions; None for none.
    """

    def __init__(self, vocabulary_size: int, width: int, positions: nn.Module | None = None, dropout: float = 0.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(vocabulary_size, width) * width**-0.5)  # (V, C)
        self.positions = positions
        self.dropout = nn.Dropout(dropout)

    def forward(self, ids: Tensor, start: int = 0) -> Tensor:
        """ids (B, T), whose first token stands at place `start` -> (B, T, C)"""
        x = F.embedding(ids, self.weight) * math.sqrt(self.weight.shape[1])
        if self.positions is not None:
            x = x + self.positions(ids.shape[1], start)
        return self.dropout(x)

    def extra_repr(self) -> str:
        return f"{self.weight.shape[0]}, {self.weight.shape[1]}"


class OutputHead(nn.Module):
    """Vectors to one score for each word of the vocabulary: the product with each row of a matrix (V, C), plus a bias.

    embedding: the embedding whose matrix is shared (tied), as in the paper, section 3.4. A matrix that is shared is one
    parameter: it is learned from both its uses.
    """

    def __init__(self, embedding: Embedding):
        super().__init__()
        self.weight = embedding.weight
        self.bias = nn.Parameter(torch.zeros(embedding.weight.shape[0]))

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, V)"""
        return F.linear(x, self.weight, self.bias)
