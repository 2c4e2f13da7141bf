"""GPT: a decoder alone that is trained to say, at each place of a text, which token comes next.

    GPT        ids (B, T) -> logits (B, T, V); with caches only the new tokens; a mask for rows that are filled up
    GPT2       what all sizes of GPT-2 have in common

Source: Radford et al., "Language Models are Unsupervised Multitask Learners" (2019), section 2.3: GPT-1 (Radford et al. 2018)
with pre-norm, a norm above the last block, and smaller first weights where a block writes into the residual path. What differs
from utils.models.transformer's defaults: learned positions, GELU by its tanh approximation, no scaled embedding, no bias in
the head, whose matrix is the embedding's; and hidden units of the feed-forward are not dropped out.
utils.generation writes with it.
"""

import copy
import dataclasses
import re
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from utils.attention import MultiHeadAttention
from utils.layers import Dropout, Embedding, FeedForward, LayerNorm, OutputHead, Residual
from utils.models.transformer import Block, Caches, Config, DecoderOnly, Stack
from utils.positions import LearnedPositions

# the sizes are those of the smallest GPT-2, of 124 million weights
GPT2 = Config(
    width=768,
    heads=12,
    hidden=3072,
    layers=12,
    activation="gelu_tanh",
    scaled_embedding=False,
    head_bias=False,
    initialization="gpt2",
)


class GPT(DecoderOnly):
    """GPT-2, with GPT-2's first weights until others are loaded.

    config: dataclasses.replace(GPT2, width=..., heads=..., hidden=..., layers=...). longest: the places that have a vector.
    """

    def __init__(self, vocabulary_size: int = 50_257, config: Config = GPT2, longest: int = 1024):
        super().__init__(vocabulary_size, config, LearnedPositions(longest, config.width))
        self.longest = longest
        for block in self.decoder.blocks:
            block.feed_forward.dropout.p = 0.0

    def caches_for(self, longest: int) -> list[Caches]:
        """Empty caches with room for so many tokens. Raises ValueError for more than there are positions."""
        if longest > self.longest:
            raise ValueError(
                f"Prompt and continuation are {longest} tokens, and this model has positions for {self.longest}. "
                "Cut the prompt at its left, or write fewer tokens."
            )
        return super().caches_for(longest)

    def reader(self, longest: int) -> Callable[[Tensor, Tensor | None], Tensor]:
        """As DecoderOnly's. A single new token takes a shorter way, unless a module was exchanged, or a hook hangs on one."""
        caches, step = self.caches_for(longest), _step_of(self) if _is_plain(self) else None

        def read(ids: Tensor, mask: Tensor | None = None) -> Tensor:
            alone = step is not None and ids.shape[1] == 1 and caches[0][0].length
            return step(ids, caches, mask) if alone else self.hidden(ids, caches, mask)

        return read

    @classmethod
    def from_hf(cls, theirs: nn.Module) -> "GPT":
        """A copy of Transformers' GPT2LMHeadModel, in evaluation mode. Raises ValueError where it has what is not here."""
        given = theirs.config
        _check(given)
        config = dataclasses.replace(
            GPT2,
            width=given.n_embd,
            heads=given.n_head,
            hidden=given.n_inner or 4 * given.n_embd,
            layers=given.n_layer,
            dropout=given.resid_pdrop,
            epsilon=given.layer_norm_epsilon,
            tied_head=theirs.lm_head.weight is theirs.transformer.wte.weight,
        )
        model = cls(given.vocab_size, config, given.n_positions)
        model.load_state_dict(_own_weights(theirs.state_dict()))
        return model.to(theirs.dtype).eval()

    @torch.no_grad()
    def to_hf(self, like: nn.Module) -> nn.Module:
        """A copy of `like`, a GPT2LMHeadModel of the same sizes, with this model's weights; in evaluation mode."""
        theirs, ours = copy.deepcopy(like), self.state_dict()
        for name, place in _own_weights(theirs.state_dict()).items():  # views of its tensors, so it is these that are filled
            place.copy_(ours[name])
        return theirs.eval()

    @classmethod
    def from_pretrained(cls, name: str) -> "GPT":
        """A model of the catalog, such as "gpt-mini"."""
        from utils.data import catalog  # which reads files of the course; the model itself needs none

        return cls.from_hf(catalog.load(name).model)


# ----------------------------------------------------------------------------------------------------------------------
# One new token by plain calls: on a CPU the modules around a small model's matrices take longer than the matrices
# ----------------------------------------------------------------------------------------------------------------------

PLAIN = {GPT, Stack, nn.ModuleList, Block, MultiHeadAttention, FeedForward, Residual, LayerNorm, nn.Linear, Dropout}
PLAIN |= {Embedding, LearnedPositions, OutputHead}
SIZES = ("width", "heads", "hidden", "layers", "dropout", "epsilon", "tied_head")


def _is_plain(model: GPT) -> bool:
    """Whether the model is GPT-2 and each module computes what it was made to: no adapter, nothing quantized, no hook."""
    if dataclasses.replace(model.config, **{name: getattr(GPT2, name) for name in SIZES}) != GPT2:
        return False
    return not any(
        type(module) not in PLAIN or module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module)
        for module in model.modules()
    )


def _step_of(model: GPT) -> Callable[[Tensor, list[Caches], Tensor | None], Tensor]:
    """What `hidden` computes in evaluation mode of one new token a row, (B, 1) -> (B, 1, C), without the modules."""
    blocks = [_weights_of(block) for block in model.decoder.blocks]
    width, heads, epsilon, last = model.config.width, model.config.heads, model.config.epsilon, model.decoder.final_norm

    def step(ids: Tensor, caches: list[Caches], mask: Tensor | None) -> Tensor:
        start = past = caches[0][0].length
        if mask is not None:
            start, mask = past - mask.int().argmax(dim=1), mask[:, None, None, :]
        x = model.embedding(ids, start)[:, 0]  # (B, C)
        for (cache, _), (norm, qkv, output, second_norm, inner, outer) in zip(caches, blocks):
            mixed = F.linear(torch.layer_norm(x, (width,), *norm, epsilon), *qkv)  # (B, C) -> (B, 3 C)
            query, key, value = mixed.view(len(x), 3, heads, 1, -1).unbind(1)  # (B, H, 1, D) each
            mixed = F.scaled_dot_product_attention(query, *cache.append(key, value), mask)
            x = x + F.linear(mixed.view(len(x), width), *output)
            hidden = F.linear(torch.layer_norm(x, (width,), *second_norm, epsilon), *inner)  # (B, C) -> (B, hidden)
            x = x + F.linear(F.gelu(hidden, approximate="tanh"), *outer)
        return last(x)[:, None]

    return step


def _weights_of(block: Block) -> tuple[tuple[Tensor, Tensor], ...]:
    """Weight and bias of norm, query and key and value together, output, second norm, and both matrices of the feed-forward."""
    a, f = block.self_attention, block.feed_forward
    three = (a.query_projection, a.key_projection, a.value_projection)
    qkv = torch.cat([each.weight for each in three]), torch.cat([each.bias for each in three])
    norm, second_norm = block.self_residual.norm, block.feed_forward_residual.norm
    first, *others = ((each.weight, each.bias) for each in (norm, a.output_projection, second_norm, f.inner, f.outer))
    return first, qkv, *others


# ----------------------------------------------------------------------------------------------------------------------
# Transformers' weights
# ----------------------------------------------------------------------------------------------------------------------

NAMES = [  # Transformers' names, and those of utils.models.transformer
    (r"^transformer\.wte\.", "embedding."),
    (r"^transformer\.wpe\.", "embedding.positions."),
    (r"^transformer\.ln_f\.", "decoder.final_norm."),
    (r"^transformer\.h\.", "decoder.blocks."),
    (r"^lm_head\.", "head."),
    (r"\.ln_1\.", ".self_residual.norm."),
    (r"\.ln_2\.", ".feed_forward_residual.norm."),
    (r"\.attn\.c_proj\.", ".self_attention.output_projection."),
    (r"\.mlp\.c_fc\.", ".feed_forward.inner."),
    (r"\.mlp\.c_proj\.", ".feed_forward.outer."),
]


def _own_weights(theirs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Transformers' weights under our names: its matrices are (inputs, outputs), and one is queries, keys and values."""
    weights = {}
    for name, weight in theirs.items():
        if re.search(r"\.c_(attn|proj|fc)\.weight$", name):
            weight = weight.T
        for pattern, new in NAMES:
            name = re.sub(pattern, new, name)
        if ".attn.c_attn." in name:
            for part, rows in zip(("query", "key", "value"), weight.chunk(3)):
                weights[name.replace(".attn.c_attn.", f".self_attention.{part}_projection.")] = rows
        else:
            weights[name] = weight
    return weights


def _check(given) -> None:
    """Raises ValueError for a GPT2Config that asks for something else than GPT-2."""
    if given.activation_function not in ("gelu_new", "gelu_pytorch_tanh"):
        raise ValueError(f"This model's activation is {given.activation_function}, and GPT-2's here is gelu_new.")
    others = ("scale_attn_by_inverse_layer_idx", "reorder_and_upcast_attn", "add_cross_attention")
    if found := [name for name in others if getattr(given, name)] + ["scale_attn_weights"] * (not given.scale_attn_weights):
        raise ValueError(f"This model's {', '.join(found)} differ from GPT-2's, and this class is GPT-2 alone.")
    if not given.resid_pdrop == given.embd_pdrop == given.attn_pdrop:
        raise ValueError("This model has different dropouts for residuals, embeddings and attention; here is one for all.")
