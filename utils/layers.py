"""The parts of a transformer besides attention: embedding, positions, normalization, feed-forward, residual, head.

Source: Vaswani et al., "Attention Is All You Need" (2017, arXiv 1706.03762), sections 3.1 and 3.3 to 3.5. What BERT, GPT-2,
T5 and Llama do otherwise are arguments here.
"""

import functools
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from utils.attention import MultiHeadAttention
from utils.positions import frequencies, places_from

_gelu_tanh = functools.partial(F.gelu, approximate="tanh")
ACTIVATIONS = {"relu": F.relu, "gelu": F.gelu, "gelu_tanh": _gelu_tanh, "swiglu": F.silu, "geglu": _gelu_tanh}
GATED = ("swiglu", "geglu")


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


class RMSNorm(nn.Module):
    """Brings each vector to a mean square of 1, then scales each of its numbers by a learned amount; no mean, no shift.

    Source: Zhang and Sennrich, "Root Mean Square Layer Normalization" (2019, arXiv 1910.07467); T5 and Llama have it.
    """

    def __init__(self, width: int, epsilon: float = 1e-6):
        super().__init__()
        self.epsilon = epsilon
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)"""
        return F.rms_norm(x, self.weight.shape, self.weight, self.epsilon)

    def extra_repr(self) -> str:
        return f"{len(self.weight)}, epsilon={self.epsilon}"


class Dropout(nn.Dropout):
    """PyTorch's, which costs nothing outside training: a token that is written by the cache passes a dozen of them."""

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.p) if self.training else x


NORMS = {"layer": LayerNorm, "rms": RMSNorm}


def norm_of(kind: str, width: int, epsilon: float) -> LayerNorm | RMSNorm:
    """The norm that a name in NORMS means. Raises ValueError for another name."""
    return _chosen("norm", NORMS, kind)(width, epsilon)


class FeedForward(nn.Module):
    """Each position by itself: up to `hidden` numbers, an activation, back to `width`. Equation 2 of the paper.

    activation: "relu" as in the paper, "gelu" as in BERT, "gelu_tanh", its approximation, as in GPT-2. Two are gated: a second
        matrix up to `hidden` numbers, whose products are multiplied by the activated ones (Shazeer 2020, arXiv 2002.05202):
        "swiglu" as in Llama, "geglu" as in T5 1.1. Dropout follows the activation, as in PyTorch.
    bias: whether the matrices add one (those of T5 and Llama do not).
    Raises ValueError for another activation.
    """

    def __init__(self, width: int, hidden: int, dropout: float = 0.0, activation: str = "relu", bias: bool = True):
        super().__init__()
        self.activation = _chosen("activation", ACTIVATIONS, activation)
        self.inner = nn.Linear(width, hidden, bias=bias)
        self.gated = nn.Linear(width, hidden, bias=bias) if activation in GATED else None
        self.outer = nn.Linear(hidden, width, bias=bias)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, hidden) -> (B, T, C)"""
        activated = self.activation(self.inner(x))
        if self.gated is not None:
            activated = activated * self.gated(x)
        return self.outer(self.dropout(activated))


class Residual(nn.Module):
    """What stands around every sublayer: a path past it, dropout, and a norm before it or after the sum.

    norm: for vectors of the width of x. norm_first: where it stands.
    True:  x + dropout(sublayer(norm(x))), "pre-norm" (Xiong et al. 2020, arXiv 2002.04745);
    False: norm(x + dropout(sublayer(x))), "post-norm", as in the paper, section 3.1.
    """

    def __init__(self, norm: nn.Module, dropout: float = 0.0, norm_first: bool = True):
        super().__init__()
        self.norm = norm
        self.dropout = Dropout(dropout)
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

    def forward(self, length: int, start: int | Tensor = 0) -> Tensor:
        """The vectors (T, C) of the places start .. start + length - 1: sine at their even numbers, cosine at the odd ones.

        start: one for all, or (B,), one for each row, as in utils.positions.places_from; then the vectors are (B, T, C).
        """
        angles = places_from(start, length, self.rates.device)[..., None] * self.rates  # (T, 1) x (C / 2,) -> (T, C / 2)
        return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)  # (T, C / 2, 2) -> (T, C)


class Embedding(nn.Module):
    """Token ids to vectors: a learned row for each id, times the root of C, plus the position, then dropout. Section 3.4.

    The rows start with variance 1 / C, so that after the scaling their numbers are as large as those of the positions.
    positions: a module from a length T and a first place to vectors (T, C), such as SinusoidalPositions
        or utils.positions.LearnedPositions; None for none.
    scaled: times the root of C, as in the paper. BERT, GPT-2, T5 and Llama leave it out.
    segments: how many kinds of segments have a learned vector too, which is added; BERT has two, for two sentences.
    norm: what follows the sum, before dropout; in BERT a layer norm.
    """

    def __init__(
        self,
        vocabulary_size: int,
        width: int,
        positions: nn.Module | None = None,
        dropout: float = 0.0,
        scaled: bool = True,
        segments: int = 0,
        norm: nn.Module | None = None,
    ):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(vocabulary_size, width) * width**-0.5)  # (V, C)
        self.positions = positions
        self.segment_weight = nn.Parameter(0.02 * torch.randn(segments, width)) if segments else None
        self.norm = norm
        self.dropout = Dropout(dropout)
        self.factor = math.sqrt(width) if scaled else 1.0

    def forward(self, ids: Tensor, start: int | Tensor = 0, segments: Tensor | None = None) -> Tensor:
        """ids (B, T), whose first token stands at place `start` -> (B, T, C). segments (B, T): the kind of each, or all 0.

        start: one for all rows, or (B,), one for each.
        """
        x = F.embedding(ids, self.weight) * self.factor
        if self.positions is not None:
            x = x + self.positions(ids.shape[1], start)
        if self.segment_weight is not None:
            x = x + F.embedding(torch.zeros_like(ids) if segments is None else segments, self.segment_weight)
        return self.dropout(x if self.norm is None else self.norm(x))

    def extra_repr(self) -> str:
        return f"{self.weight.shape[0]}, {self.weight.shape[1]}"


class OutputHead(nn.Module):
    """Vectors to one score for each word of the vocabulary: the product with each row of a matrix (V, C), plus a bias.

    embedding: the embedding whose matrix is shared (tied), as in the paper, section 3.4. A matrix that is shared is one
    parameter: it is learned from both its uses. tied=False: a matrix of its own, as in the larger Llamas.
    bias: BERT's has one; those of GPT-2, T5 and Llama have none.
    """

    def __init__(self, embedding: Embedding, bias: bool = True, tied: bool = True):
        super().__init__()
        size, width = embedding.weight.shape
        self.weight = embedding.weight if tied else nn.Parameter(torch.randn(size, width) * width**-0.5)
        self.bias = nn.Parameter(torch.zeros(size)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, V)"""
        return F.linear(x, self.weight, self.bias)


INITIALIZATIONS = ("xavier", "normal", "gpt2", "t5")
DEVIATION = 0.02  # of BERT's, GPT-2's and Llama's first weights


@torch.no_grad()
def initialize(model: nn.Module, scheme: str = "xavier") -> None:
    """Draws the first weights of a model that is made of these parts; biases of matrices are zero.

    "xavier": uniform numbers of variance 2 / (inputs + outputs) in the matrices, as in the paper's own code. Embedding and
        head stay as they were made; so do norms, learned positions and relative biases in all schemes.
    "normal": the standard deviation 0.02, in embedding and head too, as in BERT and Llama.
    "gpt2": the same, and the matrices that write into the residual path are divided by the root of the number of its sums:
        so the sum of many layers begins no larger than that of a few (Radford et al. 2019, section 2.3).
    "t5": 1 / sqrt(inputs), and the queries' matrices are divided by sqrt(D), as T5's scores are not; 1 in embedding and head
        (T5PreTrainedModel._init_weights of Transformers).

    Raises ValueError for another scheme.
    """
    _chosen("initialization", dict.fromkeys(INITIALIZATIONS), scheme)
    sums = sum(isinstance(module, Residual) for module in model.modules())
    for module in model.modules():
        if isinstance(module, nn.Linear):
            if scheme == "xavier":
                nn.init.xavier_uniform_(module.weight)
            else:
                nn.init.normal_(module.weight, std=module.in_features**-0.5 if scheme == "t5" else DEVIATION)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, (Embedding, OutputHead)) and scheme != "xavier":
            nn.init.normal_(module.weight, std=1.0 if scheme == "t5" else DEVIATION)
    for module in model.modules():
        if scheme == "gpt2" and isinstance(module, (MultiHeadAttention, FeedForward)):
            written = module.outer if isinstance(module, FeedForward) else module.output_projection
            written.weight /= math.sqrt(sums)
        elif scheme == "t5" and isinstance(module, MultiHeadAttention):
            module.query_projection.weight /= math.sqrt(module.head_size)


def _chosen(what: str, table: dict, name: str):
    if name not in table:
        raise ValueError(f"There is no {what} {name!r} here. Choose one of {', '.join(table)}.")
    return table[name]
