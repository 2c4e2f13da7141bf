"""DeepSeek-V3: a Llama whose keys and values come from one small vector, and whose feed-forwards are many, a few at a time.

    DeepSeek             ids (B, T) -> logits (B, T, V); from_hf takes the weights of a DeepseekV3ForCausalLM
    LatentAttention      multi-head latent attention (MLA): naive, or with absorbed weights
    MixtureOfExperts     DeepSeekMoE: shared experts, and some of many routed ones
    route                which experts a token goes to: sigmoid scores, groups, a bias that only chooses
    balanced, violation  the bias after a batch, and how far from even the experts' load was
    multi_token_loss     the loss of the next token and of those after it

Sources: DeepSeek-V2 (2024, arXiv 2405.04434), section 2.1: MLA; DeepSeekMoE (Dai et al. 2024, arXiv 2401.06066); the bias: Wang
et al., "Auxiliary-Loss-Free Load Balancing Strategy for Mixture-of-Experts" (2024, arXiv 2408.15664); DeepSeek-V3 Technical
Report (2024, arXiv 2412.19437), sections 2.1 and 2.2. Left out: V3's sequence-wise balance loss.
"""

import dataclasses
import re
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from utils.attention import KeyValueCache, causal_mask, fused_attention
from utils.layers import FeedForward, RMSNorm, initialize, norm_of
from utils.models.llama import NAMES as LLAMA_NAMES
from utils.models.transformer import Block, Caches, Config, DecoderOnly
from utils.positions import RotaryPositions, rope_frequencies, yarn_attention_factor


@dataclasses.dataclass(frozen=True)
class DeepSeekConfig(Config):
    """Sizes and choices. Those of `Config` are Llama's here; head_size is D of what is not turned, rotate turns R more.

    Raises ValueError where positions or head size are missing, or experts, groups and choices do not fit together.
    """

    dropout: float = 0.0
    activation: str = "swiglu"
    norm: str = "rms"
    epsilon: float = 1e-6
    bias: bool = False
    scaled_embedding: bool = False
    head_bias: bool = False
    tied_head: bool = False
    initialization: str = "normal"
    # d_c, the numbers from which the keys and values of all heads are made; they are what the cache holds
    latent: int = 64
    # d_c', the same for queries, which saves weights and memory in training; None for one matrix
    query_rank: int | None = None
    # of a head's values; None for the head size
    value_size: int | None = None
    # the first layers have one feed-forward of width `hidden`, the others experts of width `expert_hidden`
    dense_layers: int = 1
    expert_hidden: int = 128
    # E routed ones, of which each token takes `active`, beside `shared` that all take
    experts: int = 8
    active: int = 2
    shared: int = 1
    # the routed ones lie in groups, on a machine each; a token goes to `active_groups` of them at most
    groups: int = 1
    active_groups: int = 1
    # whether the weights of the chosen are divided by their sum; what they are multiplied by then
    normalized: bool = True
    routed_scale: float = 1.0
    # modules that predict one token more each, in training
    ahead: int = 0

    def __post_init__(self):
        if self.rotate is None or self.head_size is None:
            raise ValueError(
                "A DeepSeek needs rotate, or it cannot tell places apart, and a head_size for what is not turned: "
                "DeepSeekConfig(head_size=32, rotate=RotaryPositions(16), ...)."
            )
        inside = self.experts // self.groups if self.groups > 0 else 0
        if self.experts % max(1, self.groups) or inside < 2 or not 1 <= self.active_groups <= self.groups:
            raise ValueError(
                f"{self.experts} experts in {self.groups} groups, of which {self.active_groups} are open to a token: groups "
                "are equal, hold at least two experts (their two best are its score), and no more are open than there are."
            )
        if not 1 <= self.active <= inside * self.active_groups or self.shared < 1:
            raise ValueError(
                f"active={self.active}, shared={self.shared}: a token takes at least one expert of each kind, and no more "
                f"routed ones than the {inside * self.active_groups} in its groups."
            )


class LatentAttention(nn.Module):
    """Multi-head latent attention. What all heads' keys and values are made of is one vector of `latent` numbers a token.

        c = norm(W_down x)        k_h = [W_UK,h c ; r]        v_h = W_UV,h c        q_h = [q ; turned q]

    r, of R numbers, is the one part of the keys that knows its place; all heads share it (decoupled RoPE). A cache holds c
    and r, and nothing else. As q (W_UK c) = (W_UK^T q) c, and W_O (W_UV sum a c) is linear too, the two matrices can be
    *absorbed*: queries go to the latents, and outputs come back from them; keys and values are then never made.

    absorb: True or False; None: where a cache holds a past, for then they would be made again for all of it.
    Source: DeepSeek-V2, section 2.1 and appendix C; DeepseekV3Attention of Transformers, which has the naive form alone.
    """

    def __init__(self, config: DeepSeekConfig):
        super().__init__()
        self.heads, self.head_size, self.latent = config.heads, config.head_size, config.latent
        self.value_size = config.head_size if config.value_size is None else config.value_size
        self.rotate, self.dropout, self.absorb = config.rotate, config.dropout, None
        query_size = config.head_size + config.rotate.head_size  # D + R
        self.scale = query_size**-0.5 if config.scale is None else config.scale
        width, rank, heads = config.width, config.query_rank, config.heads
        # their norms have this epsilon in Transformers, whatever the model's
        self.query_down = nn.Sequential(nn.Linear(width, rank, bias=False), RMSNorm(rank, 1e-6)) if rank else nn.Identity()
        self.query_up = nn.Linear(rank or width, heads * query_size, bias=False)
        self.latent_down = nn.Linear(width, config.latent + config.rotate.head_size, bias=False)
        self.latent_norm = RMSNorm(config.latent, 1e-6)
        self.latent_up = nn.Linear(config.latent, heads * (config.head_size + self.value_size), bias=False)
        self.output_projection = nn.Linear(heads * self.value_size, width, bias=False)

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        causal: bool = False,
        cache: KeyValueCache | None = None,
        bias: Tensor | None = None,
    ) -> Tensor:
        """x (B, T, C) -> (B, T, C). mask: boolean, broadcast to (B, H, T, S). cache: gets (B, 1, T, d_c) and (B, 1, T, R).

        Raises ValueError for a bias, which latents leave no place for; else as utils.attention.fused_attention.
        """
        if bias is not None:
            raise ValueError("Latent attention has no bias on its scores: places are told by the turned part. Leave it out.")
        past = 0 if cache is None else cache.length
        query, turned = self._heads(self.query_up(self.query_down(x))).split([self.head_size, self.rotate.head_size], -1)
        turned = self.rotate(turned, past)  # (B, H, T, R)
        latent, key = self.latent_down(x)[:, None].split([self.latent, self.rotate.head_size], -1)
        latent, key = self.latent_norm(latent), self.rotate(key, past)  # (B, 1, T, d_c), (B, 1, T, R)
        if cache is not None:
            latent, key = cache.append(latent, key)  # (B, 1, S, ...)
        length = x.shape[1]
        if causal and length > 1 and (mask is not None or past):
            mine = causal_mask(length, past, device=x.device)
            mask, causal = mine if mask is None else mask & mine, False
        attend = self._absorbed if self.absorb or (self.absorb is None and past) else self._naive
        options = mask, causal and length > 1, self.dropout if self.training else 0.0
        mixed = attend(query, turned, latent, key, options)  # (B, H, T, D_v)
        return self.output_projection(mixed.transpose(1, 2).flatten(2))

    def _naive(self, query: Tensor, turned: Tensor, latent: Tensor, key: Tensor, options: tuple) -> Tensor:
        own, value = self._heads(self.latent_up(latent[:, 0])).split([self.head_size, self.value_size], -1)  # (B, H, S, D)
        keys = torch.cat([own, key.expand(-1, self.heads, -1, -1)], -1)  # (B, H, S, D + R)
        return fused_attention(torch.cat([query, turned], -1), keys, value, *options, scale=self.scale)

    def _absorbed(self, query: Tensor, turned: Tensor, latent: Tensor, key: Tensor, options: tuple) -> Tensor:
        weight = self.latent_up.weight.view(self.heads, -1, self.latent)  # (H, D + D_v, d_c)
        to_key, to_value = weight.split([self.head_size, self.value_size], 1)
        query = torch.cat([query @ to_key, turned], -1)  # (B, H, T, D) @ (H, D, d_c) -> (B, H, T, d_c + R)
        keys = torch.cat([latent, key], -1).expand(-1, self.heads, -1, -1)  # one for all heads, as in multi-query attention
        mixed = fused_attention(query, keys, keys[..., : self.latent], *options, scale=self.scale)  # (B, H, T, d_c)
        return mixed @ to_value.transpose(1, 2)  # @ (H, d_c, D_v) -> (B, H, T, D_v)

    def _heads(self, x: Tensor) -> Tensor:
        """(B, T, H n) -> (B, H, T, n)"""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


# ----------------------------------------------------------------------------------------------------------------------
# Experts
# ----------------------------------------------------------------------------------------------------------------------


def route(scores: Tensor, bias: Tensor, config: DeepSeekConfig) -> tuple[Tensor, Tensor]:
    """Each token's experts and their weights, both (N, active).

    scores (N, E): how well each expert fits, between 0 and 1. bias (E,): added where experts are *chosen*, and left out of
    their weights. Groups are compared by the sum of their two best; experts outside the best groups are closed.
    Source: V3, equations 13 to 16; DeepseekV3TopkRouter of Transformers, which it equals.
    """
    wanted = (scores + bias).unflatten(-1, (config.groups, -1))  # (N, groups, E / groups)
    best = wanted.topk(2, -1).values.sum(-1).topk(config.active_groups, -1).indices  # (N, active_groups)
    closed = torch.ones_like(wanted[..., 0], dtype=torch.bool).scatter(-1, best, False)  # (N, groups)
    chosen = wanted.masked_fill(closed[..., None], -torch.inf).flatten(-2).topk(config.active, -1).indices
    weights = scores.gather(-1, chosen)
    if config.normalized:
        weights = weights / (weights.sum(-1, keepdim=True) + 1e-20)
    return weights * config.routed_scale, chosen


def balanced(bias: Tensor, load: Tensor, rate: float = 1e-3) -> Tensor:
    """The bias (E,) after a batch in which `load` (E,) tokens went to each expert: up where too few did, down where too many.

    The step is the same however far off a load is. Source: algorithm 1 of Wang et al.; V3 has the rate 0.001, and 0 at the end.
    """
    load = load.float()
    return bias + rate * torch.sign(load.mean() - load)


def violation(load: Tensor) -> float:
    """How much more than an even share the busiest expert got: (max - mean) / mean. 0 is even; E / active - 1 is the worst.

    load (E,): tokens of each expert. Raises ValueError where there are none. Source: MaxVio, equation 4 of Wang et al.
    """
    if not load.sum() > 0:
        raise ValueError("No expert got a token, so there is no load to judge: run the model in training mode first.")
    load = load.float()
    return (load.max() / load.mean() - 1).item()


class MixtureOfExperts(nn.Module):
    """DeepSeekMoE in the place of a feed-forward: shared experts see each token, of the routed ones those that `route` names.

    bias (E,): what `balanced` moves; no gradient reaches it. load (E,): tokens of each expert in training since `balance`.
    The gate is computed in 32 bits, whatever the model's type.
    """

    def __init__(self, config: DeepSeekConfig):
        super().__init__()
        self.config = config
        sizes = config.dropout, config.activation, config.bias
        self.gate = nn.Linear(config.width, config.experts, bias=False)
        self.experts = nn.ModuleList(FeedForward(config.width, config.expert_hidden, *sizes) for _ in range(config.experts))
        self.shared = FeedForward(config.width, config.shared * config.expert_hidden, *sizes)  # side by side they are one
        self.register_buffer("bias", torch.zeros(config.experts))
        self.register_buffer("load", torch.zeros(config.experts), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)"""
        tokens = x.flatten(0, -2)  # (N, C)
        scores = F.linear(tokens.float(), self.gate.weight.float()).sigmoid()  # (N, E)
        weights, chosen = route(scores, self.bias, self.config)  # (N, active) each
        if self.training:
            self.load += torch.bincount(chosen.flatten(), minlength=len(self.experts))
        mixed = self.shared(tokens)
        for number, expert in enumerate(self.experts):
            token, slot = (chosen == number).nonzero(as_tuple=True)  # (n,) each: whose choice it is, and which of them
            if len(token):
                mixed = mixed.index_add(0, token, expert(tokens[token]) * weights[token, slot, None].to(x.dtype))
        return mixed.view_as(x)


# ----------------------------------------------------------------------------------------------------------------------
# The model
# ----------------------------------------------------------------------------------------------------------------------


class PredictionModule(nn.Module):
    """One token further: what was known at a place, and the token that came there, give the vector for the one after it.

    Departure: the paper writes [hidden; embedding] before the projection. The published weights, and this, have the embedding
    first. Source: V3, section 2.2; MtpLayer of Transformers, which it equals.
    """

    def __init__(self, config: DeepSeekConfig):
        super().__init__()
        self.embedding_norm, self.hidden_norm, self.final_norm = (
            norm_of(config.norm, config.width, config.epsilon) for _ in range(3)
        )
        self.joined = nn.Linear(2 * config.width, config.width, bias=False)
        self.block = _block(config, dense=False)

    def forward(self, hidden: Tensor, embedded: Tensor, caches: Caches = (None, None)) -> Tensor:
        """(B, T, C) twice -> (B, T, C)"""
        x = self.joined(torch.cat([self.embedding_norm(embedded), self.hidden_norm(hidden)], -1))
        return self.final_norm(self.block(x, causal=True, caches=caches))


class DeepSeek(DecoderOnly):
    """A decoder of blocks with latent attention, the first of them with one feed-forward, the others with experts.

    Caches, masks and generation are those of every DecoderOnly: a KeyValueCache holds latents as its keys, and the shared
    turned keys as its values.
    """

    def __init__(self, vocabulary_size: int, config: DeepSeekConfig):
        super().__init__(vocabulary_size, dataclasses.replace(config, layers=0), positions=None)
        self.config = config
        self.decoder.blocks.extend(_block(config, dense=number < config.dense_layers) for number in range(config.layers))
        self.ahead = nn.ModuleList(PredictionModule(config) for _ in range(config.ahead))
        initialize(self, config.initialization)

    def mixtures(self) -> Iterator[MixtureOfExperts]:
        """The layers that have experts, those of the prediction modules last."""
        return (module for module in self.modules() if isinstance(module, MixtureOfExperts))

    @torch.no_grad()
    def balance(self, rate: float = 1e-3) -> list[float]:
        """To be called after each step of training: moves the biases by the loads since the last call. Gives the violations.

        Raises ValueError as `violation` does.
        """
        found = []
        for mixture in self.mixtures():
            found.append(violation(mixture.load))
            mixture.bias.copy_(balanced(mixture.bias, mixture.load, rate))
            mixture.load.zero_()
        return found

    def absorb(self, choice: bool | None) -> None:
        """Sets `absorb` of every attention: see LatentAttention."""
        for module in self.modules():
            if isinstance(module, LatentAttention):
                module.absorb = choice

    def predictions(self, ids: Tensor) -> list[Tensor]:
        """ids (B, T) -> logits (B, T, V) of the next token, (B, T - 1, V) of the one after it, ... one for each module more.

        At place t those of module k say what token t + k + 1 is, from tokens 0 .. t + k. Raises ValueError for too few tokens.
        """
        if ids.shape[1] <= len(self.ahead):
            raise ValueError(f"{ids.shape[1]} tokens are too few for {len(self.ahead)} modules: each reads one token further.")
        hidden = self.hidden(ids)
        found = [self.head(hidden)]
        for k, module in enumerate(self.ahead, start=1):
            hidden = module(hidden[:, :-1], self.embedding(ids[:, k:]))  # (B, T - k, C)
            found.append(self.head(hidden))
        return found

    @classmethod
    def from_hf(cls, theirs: nn.Module, ahead: nn.Module | None = None) -> "DeepSeek":
        """The same model as one of Transformers' DeepseekV3ForCausalLM, with its weights and number type; in evaluation mode.

        ahead: its MtpModel, whose layers become the prediction modules. Raises ValueError as `config_of` does.
        """
        config = dataclasses.replace(config_of(theirs.config), ahead=len(ahead.layers) if ahead else 0)
        model = cls(theirs.config.vocab_size, config).to(theirs.dtype)
        for mixture in model.mixtures():  # a step of 0.001 is lost in 16 bits
            mixture.bias = mixture.bias.float()
        given = dict(theirs.state_dict())
        if ahead is not None:
            given |= {f"ahead.{name}": weight for name, weight in ahead.layers.state_dict().items()}
        weights = {}
        for name, weight in given.items():
            weights |= _own(name, weight, config, theirs.config.rope_interleave)
        model.load_state_dict(weights)
        return model.eval()


def multi_token_loss(predictions: list[Tensor], ids: Tensor, weight: float = 0.3) -> Tensor:
    """The next token's cross-entropy, and `weight` times the mean of those of the tokens after it. ids (B, T).

    Departure: each is a mean over the places that have a target; the paper divides all by T. Its weight is 0.3, later 0.1.
    Raises ValueError where the texts are too short for the last prediction to have a target.
    Source: V3, equations 24 and 25.
    """
    if ids.shape[1] <= len(predictions):
        raise ValueError(f"{len(predictions)} predictions a place need texts of more than {len(predictions)} tokens.")
    losses = [
        F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, k:].flatten()) for k, logits in enumerate(predictions, start=1)
    ]
    return losses[0] + weight * torch.stack(losses[1:]).mean() if losses[1:] else losses[0]


def _block(config: DeepSeekConfig, dense: bool) -> Block:
    block = Block(dataclasses.replace(config, hidden=config.hidden if dense else 1))
    block.self_attention = LatentAttention(config)
    if not dense:
        block.feed_forward = MixtureOfExperts(config)
    return block


# ----------------------------------------------------------------------------------------------------------------------
# From Transformers
# ----------------------------------------------------------------------------------------------------------------------


def config_of(theirs) -> DeepSeekConfig:
    """The sizes that a DeepseekV3Config of Transformers names. Raises ValueError for what this DeepSeek has not.

    With YaRN the scores are multiplied by the square of 0.1 mscale_all_dim ln(factor) + 1, beside the attention factor.
    """
    if theirs.hidden_act != "silu" or theirs.attention_bias:
        raise ValueError(
            f"This model has hidden_act={theirs.hidden_act!r} and attention_bias={theirs.attention_bias}; a DeepSeek has "
            "SwiGLU ('silu') and no biases."
        )
    rotated = theirs.qk_rope_head_dim
    found, factor = rope_frequencies(rotated, theirs.rope_parameters, theirs.max_position_embeddings)
    scale = (theirs.qk_nope_head_dim + rotated) ** -0.5
    if theirs.rope_parameters.get("mscale_all_dim"):
        scale *= yarn_attention_factor(theirs.rope_parameters["factor"], theirs.rope_parameters["mscale_all_dim"]) ** 2
    return DeepSeekConfig(
        width=theirs.hidden_size,
        heads=theirs.num_attention_heads,
        hidden=theirs.intermediate_size,
        layers=theirs.num_hidden_layers,
        epsilon=theirs.rms_norm_eps,
        tied_head=theirs.tie_word_embeddings,
        head_size=theirs.qk_nope_head_dim,
        scale=scale,
        rotate=RotaryPositions(rotated, frequencies=found, attention_factor=factor),
        latent=theirs.kv_lora_rank,
        query_rank=theirs.q_lora_rank,
        value_size=theirs.v_head_dim,
        dense_layers=theirs.first_k_dense_replace,
        expert_hidden=theirs.moe_intermediate_size,
        experts=theirs.n_routed_experts,
        active=theirs.num_experts_per_tok,
        shared=theirs.n_shared_experts,
        groups=theirs.n_group,
        active_groups=theirs.topk_group,
        normalized=theirs.norm_topk_prob,
        routed_scale=theirs.routed_scaling_factor,
    )


NAMES = [  # Transformers' names, and those of this file; what is left are Llama's
    (r"^ahead\.(\d+)\.mtp_block\.", r"ahead.\1.block."),
    (r"^ahead\.(\d+)\.enorm\.", r"ahead.\1.embedding_norm."),
    (r"^ahead\.(\d+)\.hnorm\.", r"ahead.\1.hidden_norm."),
    (r"^ahead\.(\d+)\.eh_proj\.", r"ahead.\1.joined."),
    (r"^ahead\.(\d+)\.post_norm\.", r"ahead.\1.final_norm."),
    (r"\.self_attn\.q_a_proj\.", ".self_attention.query_down.0."),
    (r"\.self_attn\.q_a_layernorm\.", ".self_attention.query_down.1."),
    (r"\.self_attn\.q(_b)?_proj\.", ".self_attention.query_up."),
    (r"\.self_attn\.kv_a_proj_with_mqa\.", ".self_attention.latent_down."),
    (r"\.self_attn\.kv_a_layernorm\.", ".self_attention.latent_norm."),
    (r"\.self_attn\.kv_b_proj\.", ".self_attention.latent_up."),
    (r"\.mlp\.gate\.e_score_correction_bias$", ".feed_forward.bias"),
    (r"\.mlp\.gate\.", ".feed_forward.gate."),
    (r"\.mlp\.shared_experts\.gate_proj\.", ".feed_forward.shared.inner."),
    (r"\.mlp\.shared_experts\.up_proj\.", ".feed_forward.shared.gated."),
    (r"\.mlp\.shared_experts\.down_proj\.", ".feed_forward.shared.outer."),
    (r"\.mlp\.experts\.", ".feed_forward.experts."),
    *LLAMA_NAMES,
]


def _own(name: str, weight: Tensor, config: DeepSeekConfig, interleaved: bool) -> dict[str, Tensor]:
    """One weight of Transformers as the weights it is here: experts apart, and pairs of coordinates i and i + R / 2."""
    for theirs, ours in NAMES:
        name = re.sub(theirs, ours, name)
    start = name.rpartition(".")[0]
    if name.endswith("experts.gate_up_proj"):  # (E, 2 F, C)
        halves = enumerate(weight.chunk(2, 1))
        return {f"{start}.{e}.{('inner', 'gated')[k]}.weight": one for k, half in halves for e, one in enumerate(half)}
    if name.endswith("experts.down_proj"):  # (E, C, F)
        return {f"{start}.{e}.outer.weight": one for e, one in enumerate(weight)}
    turned = config.rotate.head_size
    if interleaved and name.endswith((".query_up.weight", ".latent_down.weight")):
        heads = config.heads if "query_up" in name else 1
        kept, pairs = weight.unflatten(0, (heads, -1)).tensor_split([-turned], 1)  # (heads, R, in): 2i and 2i + 1 are a pair
        weight = torch.cat([kept, pairs[:, ::2], pairs[:, 1::2]], 1).flatten(0, 1)
    return {name: weight}
