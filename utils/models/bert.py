"""BERT: an encoder that is pretrained by filling masks, and by telling whether one text follows another.

    BertConfig          the sizes
    Bert                ids and segments (B, T) -> a vector for each token (B, T, C); a pooler for the whole text
    BertForPretraining  Bert, the head that fills masks, and, where asked for, the one that tells what follows
    mask_tokens         the masks: 80 % [MASK], 10 % another token, 10 % the token itself

Source: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding" (2018, arXiv
1810.04805), section 3. RoBERTa (Liu et al. 2019, arXiv 1907.11692) is the same model without segments and without the second
head; its weights load here too.
"""

import dataclasses
import re

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from utils.attention import padding_mask
from utils.layers import Embedding, LayerNorm, OutputHead, initialize
from utils.models.transformer import Config, Stack
from utils.positions import LearnedPositions

IGNORED = -100  # the label of a token that nobody asks for, as in PyTorch's cross-entropy


@dataclasses.dataclass(frozen=True)
class BertConfig:
    """The sizes; the defaults are those of BERT base. pad_id fills up short texts; epsilon stands inside the norms' root."""

    vocabulary_size: int = 30_522  # V
    width: int = 768  # C
    heads: int = 12  # H
    hidden: int = 3072  # of the feed-forward
    layers: int = 12  # N
    longest: int = 512  # tokens of a text
    segments: int = 2  # kinds of them; RoBERTa has one
    dropout: float = 0.1
    epsilon: float = 1e-12  # 1e-5 in RoBERTa
    pad_id: int = 0


class Bert(nn.Module):
    """The encoder. pooler: whether there is a matrix for the first token's vector, which then stands for the whole text."""

    def __init__(self, config: BertConfig, pooler: bool = True):
        super().__init__()
        c = self.config = config
        sizes = Config(c.width, c.heads, c.hidden, c.layers, c.dropout, "gelu", norm_first=False, epsilon=c.epsilon)
        places, norm = LearnedPositions(c.longest, c.width), LayerNorm(c.width, c.epsilon)
        self.embedding = Embedding(c.vocabulary_size, c.width, places, c.dropout, False, c.segments, norm)
        self.encoder = Stack(sizes)
        self.pooler = nn.Linear(c.width, c.width) if pooler else None
        initialize(self, "normal")

    def forward(self, ids: Tensor, segments: Tensor | None = None) -> Tensor:
        """ids and segments (B, T) -> (B, T, C). segments: 0 in the first text of a pair, 1 in the second; None for all 0."""
        return self.layers(ids, segments)[-1]

    def layers(self, ids: Tensor, segments: Tensor | None = None) -> list[Tensor]:
        """The embedded tokens, then what each block makes of them: N + 1 tensors (B, T, C)."""
        mask = padding_mask(ids, self.config.pad_id)  # (B, 1, 1, T)
        found = [self.embedding(ids, segments=segments)]
        for block in self.encoder.blocks:
            found.append(block(found[-1], mask=mask))
        return found

    def pooled(self, x: Tensor) -> Tensor:
        """(B, T, C), as `forward` gives it -> (B, C): the first token's vector, a matrix, tanh."""
        return self.pooler(x[:, 0]).tanh()

    @classmethod
    def from_hf(cls, model: nn.Module) -> "Bert":
        """A copy of Transformers' BertModel or RobertaModel, in evaluation mode."""
        return _filled(cls(config_of(model.config), pooler=model.pooler is not None), model)

    @classmethod
    def from_pretrained(cls, name: str) -> "Bert":
        """A model of the catalog, such as "minilm"."""
        return cls.from_hf(_loaded(name, "AutoModel"))


class BertForPretraining(nn.Module):
    """Bert and what it is pretrained with. next_sentence: whether it also learns to tell what follows (not in RoBERTa)."""

    def __init__(self, config: BertConfig, next_sentence: bool = False):
        super().__init__()
        self.config = config
        self.bert = Bert(config, pooler=next_sentence)
        self.transform = nn.Linear(config.width, config.width)
        self.norm = LayerNorm(config.width, config.epsilon)
        self.head = OutputHead(self.bert.embedding)
        self.next_sentence = nn.Linear(config.width, 2) if next_sentence else None
        initialize(self, "normal")

    def forward(self, ids: Tensor, segments: Tensor | None = None) -> Tensor:
        """ids and segments (B, T) -> the logits of each place's token (B, T, V)."""
        return self.fill(self.bert(ids, segments))

    def fill(self, x: Tensor) -> Tensor:
        """Vectors (..., C) -> logits (..., V). Training needs only those of the masked places."""
        return self.head(self.norm(F.gelu(self.transform(x))))

    def losses(self, ids: Tensor, labels: Tensor, segments: Tensor | None = None, follows: Tensor | None = None) -> Tensor:
        """The mean cross-entropy where `labels` (B, T) are not IGNORED; plus, with `follows` (B,), that of the second head.

        follows: 0 where the second text follows the first, 1 where it was drawn (BERT's own numbers).
        """
        x = self.bert(ids, segments)
        known = labels != IGNORED
        loss = F.cross_entropy(self.fill(x[known]), labels[known])  # (L, C) -> (L, V)
        return loss if follows is None else loss + F.cross_entropy(self.follows(x), follows)

    def follows(self, x: Tensor) -> Tensor:
        """(B, T, C), as the encoder gives it -> (B, 2): logits of "follows" and of "was drawn"."""
        return self.next_sentence(self.bert.pooled(x))

    @classmethod
    def from_hf(cls, model: nn.Module) -> "BertForPretraining":
        """A copy of Transformers' BertForPreTraining, BertForMaskedLM or RobertaForMaskedLM, in evaluation mode."""
        both = any("seq_relationship" in name for name, _ in model.named_parameters())
        return _filled(cls(config_of(model.config), next_sentence=both), model)

    @classmethod
    def from_pretrained(cls, name: str) -> "BertForPretraining":
        """A model of the catalog that can fill masks, such as "bert-mini"."""
        return cls.from_hf(_loaded(name, "AutoModelForMaskedLM"))


def mask_tokens(
    ids: Tensor, special: Tensor, mask_id: int, vocabulary_size: int, generator: torch.Generator, share: float = 0.15
) -> tuple[Tensor, Tensor]:
    """ids (B, T) -> masked ids and labels (B, T). `share` of the tokens are chosen, each for itself; only they have labels.

    Of the chosen ones 80 % become `mask_id`, 10 % any token of the vocabulary, 10 % stay as they are. special: ids that are
    never chosen. Source: Devlin et al., section 3.1 (which chooses exactly 15 % of a text; here it is so on average).
    """
    chosen = (torch.rand(ids.shape, generator=generator) < share) & ~torch.isin(ids, special)
    kind = torch.rand(ids.shape, generator=generator)
    drawn = torch.randint(vocabulary_size, ids.shape, generator=generator)
    masked = torch.where(chosen & (kind < 0.8), mask_id, ids)
    return torch.where(chosen & (kind >= 0.9), drawn, masked), ids.masked_fill(~chosen, IGNORED)


# --- the names of Transformers' weights, and what they are called here --------------------------------------------

NAMES = [
    (r"^(bert|roberta)\.", ""),
    (r"^embeddings\.word_embeddings\.", "embedding."),
    (r"^embeddings\.position_embeddings\.", "embedding.positions."),
    (r"^embeddings\.token_type_embeddings\.weight", "embedding.segment_weight"),
    (r"^embeddings\.LayerNorm\.", "embedding.norm."),
    (r"^encoder\.layer\.", "encoder.blocks."),
    (r"\.attention\.self\.(query|key|value)\.", r".self_attention.\1_projection."),
    (r"\.attention\.output\.dense\.", ".self_attention.output_projection."),
    (r"\.attention\.output\.LayerNorm\.", ".self_residual.norm."),
    (r"\.intermediate\.dense\.", ".feed_forward.inner."),
    (r"\.output\.dense\.", ".feed_forward.outer."),
    (r"\.output\.LayerNorm\.", ".feed_forward_residual.norm."),
    (r"^pooler\.dense\.", "pooler."),
    (r"^(embedding|encoder|pooler)(?=\.)", r"BERT\1"),
    (r"^(cls\.predictions\.transform|lm_head)\.dense\.", "transform."),
    (r"^(cls\.predictions\.transform\.LayerNorm|lm_head\.layer_norm)\.", "norm."),
    (r"^(cls\.predictions|lm_head)(\.decoder)?\.bias$", "head.bias"),
    (r"^(cls\.predictions|lm_head)\.decoder\.weight$", "head.weight"),
    (r"^cls\.seq_relationship\.", "next_sentence."),
]


def config_of(theirs) -> BertConfig:
    """The sizes that a BertConfig or RobertaConfig of Transformers names. Raises ValueError for another activation."""
    if theirs.hidden_act != "gelu":
        raise ValueError(f"This model's activation is {theirs.hidden_act}, and BERT's here is gelu.")
    sizes = (theirs.vocab_size, theirs.hidden_size, theirs.num_attention_heads, theirs.intermediate_size)
    sizes += (theirs.num_hidden_layers, theirs.max_position_embeddings - _first_place(theirs), theirs.type_vocab_size)
    return BertConfig(*sizes, theirs.hidden_dropout_prob, theirs.layer_norm_eps, theirs.pad_token_id)


def _loaded(name: str, model_class: str) -> nn.Module:
    from utils.data import catalog  # which reads files of the course; the model itself needs none

    return catalog.load(name, model_class=model_class).model


def _first_place(theirs) -> int:
    """RoBERTa counts places from the id of the filling plus one; the rows before that are no places."""
    return theirs.pad_token_id + 1 if theirs.model_type == "roberta" else 0


def _filled(ours: nn.Module, theirs: nn.Module) -> nn.Module:
    """`ours` with the weights of `theirs`. Raises RuntimeError, from PyTorch, where one is missing or left over."""
    weights, inside = {}, "" if isinstance(ours, Bert) else "bert."
    for name, weight in theirs.named_parameters(remove_duplicate=False):
        for pattern, new in NAMES:
            name = re.sub(pattern, new, name)
        first = _first_place(theirs.config) if name.endswith("positions.weight") else 0
        weights[name.replace("BERT", inside)] = weight[first:]
    ours.to(next(theirs.parameters()).dtype).load_state_dict(weights)
    return ours.eval()
