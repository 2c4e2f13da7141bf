"""The transformer: encoder-decoder, encoder-only and decoder-only, from one block.

    Block          self-attention, cross-attention where asked for, feed-forward; pre- or post-norm
    Stack          blocks one above the other: an encoder, or, with causal=True, a decoder
    Transformer    encoder and decoder with one vocabulary
    EncoderOnly    the encoder alone: one vector for each token (the shape of BERT)
    DecoderOnly    the decoder alone, without cross-attention: scores of the next token (the shape of GPT)

Source: Vaswani et al., "Attention Is All You Need" (2017, arXiv 1706.03762), section 3.1 and figure 1.
The departures: pre-norm is the default; attention has biases; attention weights and hidden units are dropped out too.
What BERT, GPT-2, T5 and Llama do otherwise is a choice in Config.
"""

import dataclasses
from collections.abc import Callable

import torch
from torch import Tensor, nn

from utils.attention import KeyValueCache, MultiHeadAttention, padding_mask
from utils.layers import Embedding, FeedForward, OutputHead, Residual, initialize, norm_of


@dataclasses.dataclass(frozen=True)
class Config:
    """The sizes of a transformer, and the choices in which the well-known ones differ. The defaults are this course's."""

    # C, the size of the vectors
    width: int = 128
    # H
    heads: int = 4
    # the feed-forward's inner width
    hidden: int = 512
    # N, in encoder and decoder each
    layers: int = 2
    # of embeddings, attention weights, hidden units and what a sublayer adds
    dropout: float = 0.1
    # of the feed-forward, a name in utils.layers.ACTIVATIONS
    activation: str = "relu"
    # pre-norm, otherwise post-norm
    norm_first: bool = True
    # a norm above the last block. None: where it is needed, in pre-norm. (torch.nn.Transformer has one always.)
    final_norm: bool | None = None
    # "layer", or "rms" as in T5 and Llama
    norm: str = "layer"
    # what stands inside the norm's root: 1e-12 in BERT, 1e-6 in T5
    epsilon: float = 1e-5
    # whether the matrices of attention and feed-forward add one; not in T5 and Llama
    bias: bool = True
    # heads of keys and values, shared by the others; None for as many as heads. Llama has fewer
    key_value_heads: int | None = None
    # D; None for width / heads
    head_size: int | None = None
    # what the scores are multiplied by; None for 1 / sqrt(D). T5's is 1
    scale: float | None = None
    # turns the queries and keys of self-attention: utils.positions.RotaryPositions(D), as in Llama
    rotate: Callable[[Tensor, int], Tensor] | None = None
    # embeddings times the root of C, as in the paper and in none of the four
    scaled_embedding: bool = True
    # the head's matrix is the embedding's
    tied_head: bool = True
    # whether the head adds one; BERT's does
    head_bias: bool = True
    # the first weights, a name in utils.layers.INITIALIZATIONS
    initialization: str = "xavier"


Caches = tuple[KeyValueCache | None, KeyValueCache | None]  # of a block's self-attention and of its cross-attention


class Block(nn.Module):
    """One layer: self-attention, then, with `cross`, attention to a context, then feed-forward; a residual around each."""

    def __init__(self, config: Config, cross: bool = False):
        super().__init__()
        self.self_attention = _attention(config, config.rotate)
        self.self_residual = _residual(config)
        self.cross_attention = _attention(config, rotate=None) if cross else None
        self.cross_residual = _residual(config) if cross else None
        self.feed_forward = FeedForward(config.width, config.hidden, config.dropout, config.activation, config.bias)
        self.feed_forward_residual = _residual(config)

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        causal: bool = False,
        context: Tensor | None = None,
        context_mask: Tensor | None = None,
        caches: Caches = (None, None),
        bias: Tensor | None = None,
    ) -> Tensor:
        """x (B, T, C), context (B, S, C) -> (B, T, C). caches: of the self-attention and of the cross-attention.

        bias: what is added to the scores of the self-attention, such as utils.positions.RelativeBias gives.
        """
        own, crossed = caches
        x = self.self_residual(x, lambda x: self.self_attention(x, mask=mask, causal=causal, cache=own, bias=bias))
        if self.cross_attention is not None:
            x = self.cross_residual(x, lambda x: self.cross_attention(x, context, mask=context_mask, cache=crossed))
        return self.feed_forward_residual(x, self.feed_forward)

    @torch.no_grad()
    def load_from_torch(self, layer: nn.TransformerEncoderLayer | nn.TransformerDecoderLayer) -> None:
        """Copies the weights of one of PyTorch's layers."""
        self.self_attention.load_from_torch(layer.self_attn)
        norms = [self.self_residual.norm, self.feed_forward_residual.norm]
        if self.cross_attention is not None:
            self.cross_attention.load_from_torch(layer.multihead_attn)
            norms.insert(1, self.cross_residual.norm)
        self.feed_forward.inner.load_state_dict(layer.linear1.state_dict())
        self.feed_forward.outer.load_state_dict(layer.linear2.state_dict())
        for number, norm in enumerate(norms, start=1):
            norm.load_state_dict(getattr(layer, f"norm{number}").state_dict())


class Stack(nn.Module):
    """N blocks, and above them a norm where the sum in the residual path was never normalized (pre-norm)."""

    def __init__(self, config: Config, cross: bool = False):
        super().__init__()
        self.blocks = nn.ModuleList(Block(config, cross) for _ in range(config.layers))
        final = config.norm_first if config.final_norm is None else config.final_norm
        self.final_norm = norm_of(config.norm, config.width, config.epsilon) if final else nn.Identity()

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        causal: bool = False,
        context: Tensor | None = None,
        context_mask: Tensor | None = None,
        caches: list[Caches] | None = None,
        bias: Tensor | None = None,
    ) -> Tensor:
        """x (B, T, C) -> (B, T, C). mask, context_mask: True where a position may be looked at.

        caches: those of each block, as `caches_for` makes them. bias: added to the scores of each self-attention.

        Raises ValueError where a stack with cross-attention gets no context, or one without gets one.
        """
        crosses = self.blocks[0].cross_attention is not None
        if crosses != (context is not None):
            have, do = ("has", "Pass the encoder's output as context.") if crosses else ("has no", "Leave context out.")
            raise ValueError(f"This stack {have} cross-attention, so the context given does not fit. {do}")
        for number, block in enumerate(self.blocks):
            x = block(x, mask, causal, context, context_mask, caches[number] if caches else (None, None), bias)
        return self.final_norm(x)

    def caches_for(self, longest: int, context: int | None = None) -> list[Caches]:
        """Empty caches for each block: for `longest` tokens and, in a stack with cross-attention, a context of so many."""
        return [(KeyValueCache(longest), None if context is None else KeyValueCache(context)) for _ in self.blocks]

    def load_from_torch(self, stack: nn.TransformerEncoder | nn.TransformerDecoder) -> None:
        """Copies the weights of PyTorch's encoder or decoder."""
        if len(stack.layers) != len(self.blocks) or isinstance(self.final_norm, nn.Identity) != (stack.norm is None):
            raise ValueError(
                f"PyTorch's has {len(stack.layers)} layers and {'a' if stack.norm else 'no'} final norm, this one has "
                f"{len(self.blocks)} layers and {'no' if isinstance(self.final_norm, nn.Identity) else 'a'} final norm. "
                "Make it with the same number of layers, and with Config(final_norm=True) for torch.nn.Transformer."
            )
        for block, layer in zip(self.blocks, stack.layers, strict=True):
            block.load_from_torch(layer)
        if stack.norm is not None:
            self.final_norm.load_state_dict(stack.norm.state_dict())


class Transformer(nn.Module):
    """Encoder and decoder with one vocabulary; embedding and output head share one matrix.

    positions: what gives (T, C) for a length and a first place, such as utils.layers.SinusoidalPositions(C).
    pad_id: the id that fills up short sources; nobody looks at it. Targets are filled up at their end, where the causal
    mask hides the filling anyway.
    """

    def __init__(self, vocabulary_size: int, config: Config, positions: nn.Module | None, pad_id: int = 0):
        super().__init__()
        self.config, self.pad_id = config, pad_id
        self.embedding = _embedding(vocabulary_size, config, positions)
        self.encoder = Stack(config)
        self.decoder = Stack(config, cross=True)
        self.head = OutputHead(self.embedding, config.head_bias, config.tied_head)
        initialize(self, config.initialization)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """source ids (B, S), target ids (B, T) -> scores (B, T, V): at place t those of the token that follows it."""
        return self.decode(target, *self.encode(source))

    def encode(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """ids (B, S) -> the encoder's output (B, S, C) and the source's padding mask (B, 1, 1, S)."""
        mask = padding_mask(source, self.pad_id)
        return self.encoder(self.embedding(source), mask=mask), mask

    def decode(self, target: Tensor, memory: Tensor, source_mask: Tensor, caches: list | None = None) -> Tensor:
        """target ids (B, T) and what `encode` gave -> scores (B, T, V). With caches: only the new tokens' ids."""
        x = self.embedding(target, start=_past(caches))
        return self.head(self.decoder(x, causal=True, context=memory, context_mask=source_mask, caches=caches))

    @torch.no_grad()
    def greedy(self, source: Tensor, start_id: int, end_id: int, longest: int = 64) -> Tensor:
        """Writes a target for each source (B, S), always the token of the highest score, by cached keys and values.

        Returns ids (B, T), T <= longest, without start_id; after end_id comes pad_id. The model is in the mode it was in
        before, but writes in evaluation mode. Raises ValueError where longest is below 1.
        """
        if longest < 1:
            raise ValueError(f"longest={longest}: at least one token must be written.")
        training = self.training
        self.eval()
        memory, mask = self.encode(source)
        caches = self.decoder.caches_for(longest, source.shape[1])
        token, written = torch.full_like(source[:, :1], start_id), []
        finished = torch.zeros_like(token, dtype=torch.bool)
        while len(written) < longest and not finished.all():
            scores = self.decode(token, memory, mask, caches)  # (B, 1, V)
            token = scores[:, -1:].argmax(-1).masked_fill(finished, self.pad_id)
            finished = finished | (token == end_id)
            written.append(token)
        self.train(training)
        return torch.cat(written, dim=1)

    def load_from_torch(self, module: nn.Transformer) -> "Transformer":
        """Copies the weights of a torch.nn.Transformer (which has no embedding and no head). Gives itself back.

        Raises ValueError where sizes differ, or one is pre-norm and the other post-norm.
        """
        first = module.encoder.layers[0]
        theirs = {"norm_first": first.norm_first, "hidden": first.linear1.out_features}
        for name, value in theirs.items():
            if getattr(self.config, name) != value:
                raise ValueError(f"PyTorch's has {name}={value}, this one {getattr(self.config, name)}. Make both alike.")
        self.encoder.load_from_torch(module.encoder)
        self.decoder.load_from_torch(module.decoder)
        return self


class EncoderOnly(nn.Module):
    """The encoder alone: every token sees every other; out comes one vector for each token."""

    def __init__(self, vocabulary_size: int, config: Config, positions: nn.Module | None, pad_id: int = 0):
        super().__init__()
        self.pad_id = pad_id
        self.embedding = _embedding(vocabulary_size, config, positions)
        self.encoder = Stack(config)
        initialize(self, config.initialization)

    def forward(self, ids: Tensor) -> Tensor:
        """(B, T) -> (B, T, C)"""
        return self.encoder(self.embedding(ids), mask=padding_mask(ids, self.pad_id))


class DecoderOnly(nn.Module):
    """The decoder alone: a token sees itself and what came before; out come scores of the next token."""

    def __init__(self, vocabulary_size: int, config: Config, positions: nn.Module | None):
        super().__init__()
        self.config = config
        self.embedding = _embedding(vocabulary_size, config, positions)
        self.decoder = Stack(config)
        self.head = OutputHead(self.embedding, config.head_bias, config.tied_head)
        initialize(self, config.initialization)

    def forward(self, ids: Tensor, caches: list[Caches] | None = None, mask: Tensor | None = None) -> Tensor:
        """ids (B, T) -> the logits of each place's next token (B, T, V).

        caches: as `caches_for` makes them; then ids are only the tokens that are new.
        mask: boolean (B, S), True at real tokens, over all S = past + T of them; None where no row is filled up. Rows are
            filled up at one end. What fills a row up at its left takes no places: its first real token stands at the first.

        Raises ValueError for a mask of another shape.
        """
        return self.head(self.hidden(ids, caches, mask))

    def hidden(self, ids: Tensor, caches: list[Caches] | None = None, mask: Tensor | None = None) -> Tensor:
        """What the head reads: the vectors above the last block and its norm, (B, T, C). As `forward` otherwise."""
        start = past = _past(caches)
        if mask is not None:
            if mask.shape != (len(ids), past + ids.shape[1]):
                raise ValueError(
                    f"The mask has the shape {tuple(mask.shape)}; there are {len(ids)} rows of {past + ids.shape[1]} tokens, "
                    f"{past} of them in the cache. It covers all: True at a real token, False where a row is filled up."
                )
            start = past - mask.int().argmax(dim=1)  # (B,)
            mask = mask[:, None, None, :]  # (B, 1, 1, S)
        return self.decoder(self.embedding(ids, start), mask, causal=True, caches=caches)

    def caches_for(self, longest: int) -> list[Caches]:
        """Empty caches with room for so many tokens."""
        return self.decoder.caches_for(longest)

    def reader(self, longest: int) -> Callable[[Tensor, Tensor | None], Tensor]:
        """A function that reads so many tokens, call by call: new ids (B, T) and a mask -> `hidden`, by caches of its own."""
        caches = self.caches_for(longest)
        return lambda ids, mask=None: self.hidden(ids, caches, mask)


def _attention(config: Config, rotate: Callable[[Tensor, int], Tensor] | None) -> MultiHeadAttention:
    more = config.key_value_heads, config.head_size, config.scale
    return MultiHeadAttention(config.width, config.heads, config.bias, config.dropout, rotate, *more)


def _residual(config: Config) -> Residual:
    return Residual(norm_of(config.norm, config.width, config.epsilon), config.dropout, config.norm_first)


def _embedding(vocabulary_size: int, config: Config, positions: nn.Module | None) -> Embedding:
    return Embedding(vocabulary_size, config.width, positions, config.dropout, config.scaled_embedding)


def _past(caches: list[Caches] | None) -> int:
    return caches[0][0].length if caches else 0
