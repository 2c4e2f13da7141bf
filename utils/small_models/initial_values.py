"""Where the weights of the small models begin, besides what Transformers draws: what would take long to find by chance.

begin(model)            changes a new model in place, by its kind of positions
sinusoids_for           learned positions begin as the sinusoids of the first Transformer
near_tokens_first       T5's heads begin with a look at the tokens near by
small_vectors           T5's embeddings begin small, as AdamW needs it
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from utils.positions import relative_position_bucket, sinusoidal

SIZE = 0.1  # of the sinusoids; Transformers draws positions and tokens with a standard deviation of 0.02
FARTHEST = 3.0  # the lowest bias that a head of T5 begins with
SMALL = 0.05  # of T5's initial values


@torch.no_grad()
def begin(model: nn.Module) -> None:
    """Sets the initial values of a new model with learned positions (GPT-2, BERT) or with T5's; others stay as they are."""
    kind = model.config.model_type
    if kind == "gpt2":
        sinusoids_for(model.transformer.wpe.weight)
    elif kind == "bert":
        sinusoids_for(model.bert.embeddings.position_embeddings.weight)
    elif kind == "t5":
        small_vectors(model)
        for stack, both_sides in ((model.encoder, True), (model.decoder, False)):
            near_tokens_first(stack.block[0].layer[0].SelfAttention, both_sides)


def sinusoids_for(positions: Tensor) -> None:
    """Positions (T, C) that are learned later on. In sinusoids the place before is a rotation away, the same one
    everywhere (lesson 5): a head that looks one token back is found at once, and not place by place."""
    positions.copy_(SIZE * sinusoidal(*positions.shape))


def near_tokens_first(attention: nn.Module, both_sides: bool) -> None:
    """T5's bias table (buckets, H): head 0 begins at the token before, head 1 at the one after (in the decoder, where
    there is none, at the last few), head 2 in a wide window, and the others anywhere.

    T5 knows nothing of order but this table. It is drawn near zero, and so the encoder would begin as a bag of words.
    """
    table = attention.relative_attention_bias.weight
    offsets = torch.arange(-127, 128 if both_sides else 1)  # of the key from the query
    buckets = relative_position_bucket(offsets, both_sides, table.shape[0], attention.relative_attention_max_distance)
    table.zero_()
    for bucket in buckets.unique():
        offset = offsets[buckets == bucket].float().mean()
        after = (offset - 1).abs() if both_sides else 0.5 * offset.abs()
        wide = (0.3 if both_sides else 0.15) * offset.abs()
        for head, distance in enumerate(((offset + 1).abs(), after, wide)):
            table[bucket, head] = -distance.clamp(max=FARTHEST)


def small_vectors(model: nn.Module) -> None:
    """T5's embeddings begin with a standard deviation of 1, for Adafactor, whose steps grow with the size of a matrix.
    AdamW's do not: it would take thousands of steps to move them. So they begin small, and with them what the layers add
    to them, which would drown them otherwise. The last norm makes up for the smaller size."""
    for name, parameter in model.named_parameters():
        if name == "shared.weight" or name.endswith((".o.weight", ".wo.weight")):
            parameter.mul_(SMALL)
    model.decoder.final_layer_norm.weight.fill_(8.0)
