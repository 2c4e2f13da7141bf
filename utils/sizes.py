"""How large, how long, how much: a decoder's weights, operations, memory and cost, counted from its configuration.

    Sizes               the numbers of a decoder's configuration; weights, weights outside the embedding, FLOP, bytes of cache
    training_flops      6 N D, and compute_optimal, which divides a budget into weights and tokens
    training_bytes      what lies in memory for each weight while it is trained
    weight_bytes        weights at so many bits
    gpu_hours           from operations to hours of a GPU

All are for a dense decoder of Llama's kind. N: weights, D: tokens, as in the papers on scaling.
Sources: Kaplan et al., "Scaling Laws for Neural Language Models" (2020, arXiv 2001.08361), section 2.1; Hoffmann et al.,
"Training Compute-Optimal Large Language Models" (2022, arXiv 2203.15556); Rajbhandari et al., "ZeRO" (2019, arXiv 1910.02054),
section 3, for the bytes of training.
"""

import dataclasses
import math

# Bytes a weight: the weight itself, its gradient, and what the optimizer keeps. Activations come on top.
TRAINING_BYTES = {
    "adam, 32 bit": 4 + 4 + 8,  # and the two moments
    "adam, mixed": 2 + 2 + 12,  # 16 bit, and in 32 bit the weight's own copy and the two moments
    "sgd, 32 bit": 4 + 4,
}


@dataclasses.dataclass(frozen=True)
class Sizes:
    """The sizes of a decoder with SwiGLU or a plain feed-forward, without biases; norms have a weight for each channel."""

    vocabulary: int
    width: int  # C
    layers: int
    heads: int
    key_value_heads: int
    head_size: int  # D in shapes
    hidden: int  # of the feed-forward
    tied: bool  # is the head's matrix the embedding's?
    gated: bool = True  # SwiGLU has three matrices, a plain feed-forward two

    @classmethod
    def of(cls, config) -> "Sizes":
        """From one of Transformers' configurations of Llama's family."""
        return cls(
            config.vocab_size,
            config.hidden_size,
            config.num_hidden_layers,
            config.num_attention_heads,
            config.num_key_value_heads,
            config.head_dim,
            config.intermediate_size,
            config.tie_word_embeddings,
        )

    @property
    def matrices(self) -> int:
        """Weights in the matrices of attention and feed-forward, all layers."""
        attention = 2 * self.width * self.head_size * (self.heads + self.key_value_heads)
        return self.layers * (attention + (2 + self.gated) * self.width * self.hidden)

    @property
    def non_embedding(self) -> int:
        """N: all weights but embedding and head."""
        return self.matrices + (2 * self.layers + 1) * self.width

    @property
    def parameters(self) -> int:
        """All weights; a tied head is counted once."""
        return self.non_embedding + (1 if self.tied else 2) * self.vocabulary * self.width

    def forward_flops(self, tokens: int, past: int = 0) -> int:
        """Operations to read so many tokens of one text after `past` others; a multiplication and an addition are two.

        Matrices and head: 2 for each weight and token. Scores and weighted sums: 4 for each query, key, head and channel;
        the causal mask saves nothing here, as in a kernel that leaves out no tile. Norms, softmax and rotations are left out.
        """
        products = 2 * tokens * (self.matrices + self.vocabulary * self.width)
        return products + 4 * self.layers * self.heads * self.head_size * tokens * (past + tokens)

    def cache_bytes(self, tokens: int, batch: int = 1, bits: float = 16) -> float:
        """Keys and values of all layers: 2 x layers x key-value heads x head size, for each token."""
        return 2 * self.layers * self.key_value_heads * self.head_size * tokens * batch * bits / 8


def training_flops(weights: float, tokens: float) -> float:
    """6 N D: two operations for a weight and token forward, four backward. Attention's scores are left out."""
    return 6 * weights * tokens


def compute_optimal(flops: float, tokens_a_weight: float = 20.0) -> tuple[float, float]:
    """Weights and tokens that spend a budget of 6 N D with D = tokens_a_weight N. Raises ValueError below zero."""
    if flops <= 0 or tokens_a_weight <= 0:
        raise ValueError(f"A budget of {flops} FLOP at {tokens_a_weight} tokens a weight buys nothing: both must be above 0.")
    weights = math.sqrt(flops / (6 * tokens_a_weight))
    return weights, tokens_a_weight * weights


def training_bytes(weights: float, how: str = "adam, mixed") -> float:
    """Weights, gradients and the optimizer's states. Raises ValueError for a `how` that is not in TRAINING_BYTES."""
    if how not in TRAINING_BYTES:
        raise ValueError(f"There is no {how!r} here. Choose one of {', '.join(TRAINING_BYTES)}.")
    return weights * TRAINING_BYTES[how]


def weight_bytes(weights: float, bits: float) -> float:
    """Weights at so many bits each, scales counted in."""
    return weights * bits / 8


def gpu_hours(flops: float, peak: float, utilization: float) -> float:
    """Hours of one GPU with `peak` FLOP a second, of which a share (MFU) is used. Raises ValueError outside (0, 1]."""
    if not 0 < utilization <= 1:
        raise ValueError(f"utilization={utilization} is a share of the peak: above 0, and 1 at most.")
    return flops / (peak * utilization) / 3600
