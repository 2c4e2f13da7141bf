"""Llama: GPT's decoder with RMSNorm, SwiGLU, rotated queries and keys, shared heads of keys and values, and no biases.

    Llama   ids (B, T) -> logits (B, T, V); from_hf takes the weights of a LlamaForCausalLM, SmolLM2's among them, and
            to_hf gives them back

Sources: Touvron et al., "LLaMA: Open and Efficient Foundation Language Models" (2023, arXiv 2302.13971), section 2.2; grouped
queries since Llama 2's largest (Touvron et al. 2023, arXiv 2307.09288); the scaled rotation of Llama 3.1 (Grattafiori et al.
2024, arXiv 2407.21783). Mistral and SmolLM2 are the same model with other sizes.
"""

import copy
import dataclasses
import re

from torch import nn

from utils.models.transformer import Config, DecoderOnly
from utils.positions import RotaryPositions, rope_frequencies

# what all Llamas have in common, whatever their sizes
LLAMA = Config(
    dropout=0.0,
    activation="swiglu",
    norm="rms",
    epsilon=1e-5,
    bias=False,
    scaled_embedding=False,
    head_bias=False,
    tied_head=False,
    initialization="normal",
)


class Llama(DecoderOnly):
    """A decoder of blocks with RoPE inside their attention: nothing is added to the embeddings.

    config: LLAMA with sizes, dataclasses.replace(LLAMA, width=..., heads=..., key_value_heads=..., rotate=RotaryPositions(D)).
    """

    def __init__(self, vocabulary_size: int, config: Config):
        if config.rotate is None:
            raise ValueError(
                "A Llama without rotate cannot tell places apart. Make its configuration with "
                "rotate=RotaryPositions(head_size, base=rope_theta)."
            )
        super().__init__(vocabulary_size, config, positions=None)

    @classmethod
    def from_hf(cls, theirs: nn.Module) -> "Llama":
        """The same model as one of Transformers' LlamaForCausalLM, with its weights and number type; in evaluation mode.

        Raises ValueError where its configuration asks for biases, another activation, or a scaling that is not known here.
        """
        model = cls(theirs.config.vocab_size, config_of(theirs.config)).to(theirs.dtype)
        weights = {_own_name(name): weight for name, weight in theirs.state_dict().items()}
        model.load_state_dict(weights)
        return model.eval()

    def to_hf(self, like: nn.Module) -> nn.Module:
        """A copy of `like`, a LlamaForCausalLM of the same sizes, with this model's weights; in evaluation mode."""
        theirs, ours = copy.deepcopy(like), self.state_dict()
        theirs.load_state_dict({name: ours[_own_name(name)] for name in theirs.state_dict()})
        return theirs.eval()


def config_of(theirs) -> Config:
    """The sizes that a LlamaConfig of Transformers names. Raises ValueError for what this Llama has not."""
    if theirs.hidden_act != "silu" or theirs.attention_bias or theirs.mlp_bias:
        raise ValueError(
            f"This model has hidden_act={theirs.hidden_act!r}, attention_bias={theirs.attention_bias} and "
            f"mlp_bias={theirs.mlp_bias}; a Llama has SwiGLU ('silu') and no biases."
        )
    found, factor = rope_frequencies(theirs.head_dim, theirs.rope_parameters, theirs.max_position_embeddings)
    return dataclasses.replace(
        LLAMA,
        width=theirs.hidden_size,
        heads=theirs.num_attention_heads,
        key_value_heads=theirs.num_key_value_heads,
        head_size=theirs.head_dim,
        hidden=theirs.intermediate_size,
        layers=theirs.num_hidden_layers,
        epsilon=theirs.rms_norm_eps,
        tied_head=theirs.tie_word_embeddings,
        rotate=RotaryPositions(theirs.head_dim, frequencies=found, attention_factor=factor),
    )


NAMES = [  # Transformers' names, and those of utils.models.transformer
    (r"^model\.embed_tokens\.", "embedding."),
    (r"^lm_head\.", "head."),
    (r"^model\.norm\.", "decoder.final_norm."),
    (r"^model\.layers\.", "decoder.blocks."),
    (r"\.self_attn\.q_proj\.", ".self_attention.query_projection."),
    (r"\.self_attn\.k_proj\.", ".self_attention.key_projection."),
    (r"\.self_attn\.v_proj\.", ".self_attention.value_projection."),
    (r"\.self_attn\.o_proj\.", ".self_attention.output_projection."),
    (r"\.input_layernorm\.", ".self_residual.norm."),
    (r"\.post_attention_layernorm\.", ".feed_forward_residual.norm."),
    (r"\.mlp\.gate_proj\.", ".feed_forward.inner."),
    (r"\.mlp\.up_proj\.", ".feed_forward.gated."),
    (r"\.mlp\.down_proj\.", ".feed_forward.outer."),
]


def _own_name(name: str) -> str:
    for theirs, ours in NAMES:
        name = re.sub(theirs, ours, name)
    return name
