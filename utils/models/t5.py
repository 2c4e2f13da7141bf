"""T5: an encoder-decoder that gets every task as text and answers it in text.

    T5               the model; from_hf takes the weights of a T5ForConditionalGeneration; greedy and beam_search write
    noise_spans      which stretches of a text are taken out in pretraining
    corrupt, restore a text with stretches taken out, and the whole text again

Source: Raffel et al., "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer" (2019, arXiv
1910.10683), sections 2.1 and 3.1.4. What differs from utils.models.transformer: positions are a relative bias that all layers
of a stack share; scores are not scaled; RMSNorm; no biases in matrices. T5 1.1 (and Flan-T5, which is T5 1.1 taught further)
has the gated "geglu" and an output head of its own. The original has "relu", and one matrix for embedding and head; there the
head reads its vectors times 1 / sqrt(C).
"""

import dataclasses
import re
from random import Random

import torch
from torch import Tensor, nn

from utils.generation import search_beams
from utils.models.transformer import Config, Stack, Transformer
from utils.positions import RelativeBias

# what all T5 have in common, whatever their sizes; the original's activation and head
ORIGINAL = Config(
    activation="relu",
    norm="rms",
    epsilon=1e-6,
    bias=False,
    head_bias=False,
    scale=1.0,
    scaled_embedding=False,
    initialization="t5",
)
# T5 1.1
GATED = dataclasses.replace(ORIGINAL, activation="geglu", tied_head=False)


class T5(Transformer):
    """Encoder and decoder as Transformer has them, with relative biases in the place of positions.

    config: ORIGINAL or GATED with sizes, dataclasses.replace(ORIGINAL, width=..., heads=..., head_size=...).
    pad_id: what fills up short sources; T5 also begins each target with it. decoder_layers: None for as many as the encoder's.
    """

    def __init__(
        self,
        vocabulary_size: int,
        config: Config,
        pad_id: int = 0,
        decoder_layers: int | None = None,
        buckets: int = 32,
        max_distance: int = 128,
    ):
        super().__init__(vocabulary_size, config, positions=None, pad_id=pad_id)
        if decoder_layers is not None and decoder_layers != config.layers:
            self.decoder = Stack(dataclasses.replace(config, layers=decoder_layers), cross=True)
        self.encoder_bias = RelativeBias(config.heads, True, buckets, max_distance)
        self.decoder_bias = RelativeBias(config.heads, False, buckets, max_distance)
        for bias in (self.encoder_bias, self.decoder_bias):
            nn.init.normal_(bias.weight, std=config.width**-0.5)
        self.dropout = nn.Dropout(config.dropout)  # above both stacks, as in Transformers
        self.factor = config.width**-0.5 if config.tied_head else 1.0

    def encode(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """ids (B, S) -> the encoder's output (B, S, C) and the source's padding mask (B, 1, 1, S)."""
        mask = (source != self.pad_id)[:, None, None, :]
        x = self.encoder(self.embedding(source), mask=mask, bias=self.encoder_bias(*2 * source.shape[1:]))
        return self.dropout(x), mask

    def decode(self, target: Tensor, memory: Tensor, source_mask: Tensor, caches: list | None = None) -> Tensor:
        """target ids (B, T) and what `encode` gave -> logits (B, T, V). With caches: only the new tokens' ids."""
        past = caches[0][0].length if caches else 0
        bias = self.decoder_bias(target.shape[1], past + target.shape[1])  # (H, T, past + T)
        x = self.decoder(self.embedding(target), None, True, memory, source_mask, caches, bias)
        return self.head(self.dropout(x) * self.factor)

    def shift_right(self, labels: Tensor) -> Tensor:
        """Targets (B, T) -> what the decoder reads: pad_id first, then all but the last. -100 becomes pad_id."""
        shifted = torch.cat([torch.full_like(labels[:, :1], self.pad_id), labels[:, :-1]], dim=1)
        return shifted.masked_fill(shifted == -100, self.pad_id)

    @torch.no_grad()
    def beam_search(
        self, source: Tensor, start_id: int, end_id: int, beams: int = 4, longest: int = 64, length_penalty: float = 1.0
    ) -> list[tuple[float, list[int]]]:
        """The `beams` best finished targets of one source (1, S), each with its score, the best first.

        A score is the sum of log-probabilities over (number of tokens) ** length_penalty. Ids are without start_id and with
        end_id. The same as Transformers' generate(num_beams=beams, early_stopping=False).
        Raises ValueError for more sources than one.
        """
        if len(source) != 1:
            raise ValueError(
                f"beam_search reads one source at a time, not {len(source)}. Call it for each: model.beam_search(ids[:1], ...)."
            )
        training = self.training
        self.eval()
        memory, mask = (each.expand(beams, *each.shape[1:]) for each in self.encode(source))
        caches = self.decoder.caches_for(longest, source.shape[1])
        start = torch.full((1, 1), start_id, device=source.device)
        found = search_beams(
            lambda ids: self.decode(ids, memory, mask, caches)[:, -1],
            [own for own, _ in caches],
            start,
            end_id,
            beams,
            longest,
            length_penalty,
        )
        self.train(training)
        return found

    @classmethod
    def from_hf(cls, theirs: nn.Module) -> "T5":
        """The same model as one of Transformers' T5ForConditionalGeneration, with its weights; in evaluation mode."""
        given = theirs.config
        config = dataclasses.replace(
            GATED if given.is_gated_act else ORIGINAL,
            width=given.d_model,
            heads=given.num_heads,
            hidden=given.d_ff,
            layers=given.num_layers,
            head_size=given.d_kv,
            dropout=given.dropout_rate,
            epsilon=given.layer_norm_epsilon,
            tied_head=theirs.lm_head.weight is theirs.shared.weight,  # the configuration of Transformers 5 does not say
        )
        distances = given.relative_attention_num_buckets, given.relative_attention_max_distance
        model = cls(given.vocab_size, config, given.pad_token_id, given.num_decoder_layers, *distances)
        model.factor = given.d_model**-0.5 if getattr(given, "scale_decoder_outputs", given.tie_word_embeddings) else 1.0
        model.load_state_dict(
            {_own_name(name): weight for name, weight in theirs.state_dict().items() if "embed_tokens" not in name}
        )
        return model.to(theirs.dtype).eval()


NAMES = [  # Transformers' names, and those of utils.models.transformer
    (r"^shared\.", "embedding."),
    (r"^lm_head\.", "head."),
    (r"final_layer_norm", "final_norm"),
    (r"(\w+)\.block\.0\.layer\.0\.SelfAttention\.relative_attention_bias", r"\1_bias"),
    (r"\.block\.", ".blocks."),
    (r"layer\.0\.SelfAttention", "self_attention"),
    (r"layer\.0\.layer_norm", "self_residual.norm"),
    (r"layer\.1\.EncDecAttention", "cross_attention"),
    (r"(decoder\.blocks\.\d+)\.layer\.1\.layer_norm", r"\1.cross_residual.norm"),
    (r"layer\.\d\.DenseReluDense", "feed_forward"),
    (r"layer\.\d\.layer_norm", "feed_forward_residual.norm"),
    (r"\.wi(_0)?\.", ".inner."),
    (r"\.wi_1\.", ".gated."),
    (r"\.wo\.", ".outer."),
    (r"attention\.q\.", "attention.query_projection."),
    (r"attention\.k\.", "attention.key_projection."),
    (r"attention\.v\.", "attention.value_projection."),
    (r"attention\.o\.", "attention.output_projection."),
]


def _own_name(name: str) -> str:
    for theirs, ours in NAMES:
        name = re.sub(theirs, ours, name)
    return name


# ----------------------------------------------------------------------------------------------------------------------
# Span corruption
# ----------------------------------------------------------------------------------------------------------------------


def noise_spans(length: int, rng: Random, share: float = 0.15, mean: float = 3.0) -> list[tuple[int, int]]:
    """Stretches (first, end) of a text of so many tokens: about `share` of them, `mean` tokens long on average.

    As in T5: between two stretches at least one token stays, the first token of the text stays too, and the last stretch ends
    the text. A text of fewer than two tokens has none.
    """
    if length < 2:
        return []
    noise = min(max(round(length * share), 1), length - 1)
    count = min(max(round(noise / mean), 1), noise, length - noise)
    taken, kept = _parts(noise, count, rng), _parts(length - noise, count, rng)
    spans, place = [], 0
    for stays, goes in zip(kept, taken, strict=True):
        spans.append((place + stays, place + stays + goes))
        place += stays + goes
    return spans


def _parts(total: int, count: int, rng: Random) -> list[int]:
    """`total` as a sum of `count` whole numbers from 1, each way of cutting it equally likely."""
    cuts = [0, *sorted(rng.sample(range(1, total), count - 1)), total]
    return [after - before for before, after in zip(cuts, cuts[1:])]


def corrupt(ids: list[int], spans: list[tuple[int, int]], sentinel: int) -> tuple[list[int], list[int]]:
    """Source and target of span corruption: a sentinel stands for each span; the target says what it stands for.

    sentinel: the id of the first; the second has the id below, and so on down, as in T5's vocabulary. The target ends in one
    sentinel more. Spans are in order and do not touch. Raises ValueError where they do, or where a sentinel stands in the text.
    """
    lowest = sentinel - len(spans)
    if any(lowest <= token <= sentinel for token in ids):
        raise ValueError(f"The ids {lowest} to {sentinel} are sentinels here, and one stands in the text. Choose others.")
    source, target, place = [], [], 0
    for number, (first, end) in enumerate(spans):
        if not place + (number > 0) <= first < end <= len(ids):
            raise ValueError(f"The span {first} to {end} does not lie after the last one and inside the text of {len(ids)}.")
        source += [*ids[place:first], sentinel - number]
        target += [sentinel - number, *ids[first:end]]
        place = end
    return source + list(ids[place:]), [*target, lowest]


def restore(source: list[int], target: list[int], sentinel: int) -> list[int]:
    """The text whose corruption gives this source and target. Raises ValueError where they do not belong together."""
    spans: dict[int, list[int]] = {}
    expected, inside = sentinel, None
    for token in target:
        if token == expected:
            inside, expected = token, expected - 1
            spans[inside] = []
        elif inside is None:
            raise ValueError(f"A target begins with the first sentinel, {sentinel}, and not with {token}.")
        else:
            spans[inside].append(token)
    if sum(token in spans for token in source) != len(spans) - 1:
        raise ValueError("The source has not one sentinel for each span of the target: they are of different texts.")
    return [kept for token in source for kept in spans.get(token, [token])]
