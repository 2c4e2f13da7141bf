"""Lesson 7's small pretraining: how many words of held-out sentences are filled, the table to beat, and the head start.

gaps, words_filled        one word of each sentence, and whether a masked model names all its pieces
word_table, table_filled  the trivial program: the word that stood most often between these neighbors
WholeWords                masks that hide all pieces of a word together
head_start                first weights with which a BERT of one layer learns in half a minute
MuonAndAdamW              the optimizer of the course's BERT
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable

import torch
from torch import Tensor, nn

from utils.models.bert import IGNORED
from utils.positions import frequencies, sinusoidal

PAD, UNK, CLS, SEP, MASK = range(5)  # the ids in bert-mini and in the tokenizers of lesson 7
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LONGEST = 110  # characters of a sentence with a gap

Gap = tuple[str, int, int]  # a sentence, and where its missing word begins and ends


def gaps(documents: list[list[str]], seed: int = 0) -> list[Gap]:
    """One word of each sentence, drawn with the seed; sentences that are too long are left out."""
    rng, found = random.Random(seed), []
    for sentence in (sentence for story in documents for sentence in story):
        word = rng.choice(list(re.finditer("[A-Za-z]+", sentence)))
        if len(sentence) < LONGEST:
            found.append((sentence, *word.span()))
    return found


@torch.no_grad()
def words_filled(model: nn.Module, encode: Callable, gaps: list[Gap]) -> list[bool]:
    """For each gap, whether every piece of the word was named. encode: a text -> ids and their spans (start, end) in it."""
    right = []
    for first in range(0, len(gaps), 92):
        part = gaps[first : first + 92]
        encoded = [encode(sentence) for sentence, *_ in part]
        ids = torch.full((len(part), 2 + max(len(found) for found, _ in encoded)), PAD)  # (B, T)
        asked = torch.zeros(ids.shape, dtype=torch.bool)
        for row, ((found, spans), (_, start, end)) in enumerate(zip(encoded, part)):
            ids[row, : len(found) + 2] = torch.tensor([CLS, *found, SEP])
            asked[row, 1 : len(found) + 1] = torch.tensor([low < end and high > start for low, high in spans])
        named = model(ids.masked_fill(asked, MASK)).argmax(-1)  # (B, T, V) -> (B, T)
        right += ((named == ids) | ~asked).all(1).tolist()
    return right


def word_table(documents: list[list[str]], reach: int = 1) -> dict[tuple, str]:
    """(words before, words after) -> the word that stood there most often. reach: 1 or 2 neighbors on each side, and fewer."""
    seen = defaultdict(Counter)
    for sentence in (sentence for story in documents for sentence in story):
        words = ["", "", *_words(sentence), "", ""]
        for place in range(2, len(words) - 2):
            for key in _keys(words[place - 2 : place], words[place + 1 : place + 3], reach) if words[place].isalpha() else ():
                seen[key][words[place]] += 1
    return {key: counts.most_common(1)[0][0] for key, counts in seen.items()}


def table_filled(table: dict[tuple, str], gaps: list[Gap]) -> list[bool]:
    """For each gap, whether the table names the word; the first key that it has decides."""
    right = []
    for sentence, start, end in gaps:
        keys = _keys(["", "", *_words(sentence[:start])][-2:], [*_words(sentence[end:]), "", ""][:2], reach=2)
        right.append(next(table[key] for key in keys if key in table) == sentence[start:end].lower())
    return right


def _words(text: str) -> list[str]:
    return re.findall(r"\w+|[^\w\s]", text.lower())


def _keys(before: list[str], after: list[str], reach: int) -> list[tuple]:
    """Two words before and two after -> the keys of a table, the longest first; none holds more than `reach` of a side."""
    sizes = [(2, 2), (2, 1), (1, 2), (1, 1), (1, 0), (0, 1), (0, 0)]
    return [(tuple(before[2 - a :]), tuple(after[:b])) for a, b in sizes if max(a, b) <= reach]


class WholeWords:
    """15 % of the words, each with all its pieces: 80 % [MASK], 10 % any token, 10 % as they are, piece by piece."""

    def __init__(self, tokenizer):
        self.size = tokenizer.get_vocab_size()
        self.inside = torch.tensor([tokenizer.id_to_token(i).startswith("##") for i in range(self.size)])

    def __call__(self, ids: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """ids (B, T) -> masked ids and labels, (B, T) each."""
        word = (~self.inside[ids]).cumsum(1)  # (B, T): the number of the word that a piece belongs to
        chosen = torch.rand(len(ids), ids.shape[1] + 1, generator=generator) < 0.15  # a toss for each word
        chosen = chosen.gather(1, word) & (ids >= len(SPECIAL))
        kind, drawn = torch.rand(ids.shape, generator=generator), torch.randint(self.size, ids.shape, generator=generator)
        inputs = torch.where(chosen & (kind < 0.8), MASK, ids)
        return torch.where(chosen & (kind >= 0.9), drawn, inputs), ids.masked_fill(~chosen, IGNORED)


@torch.no_grad()
def head_start(model: nn.Module) -> None:
    """Positions begin as sinusoids, and the four heads of the first layer look near by: at the token itself and the tokens
    1 and 2 places before and after it.

    In sinusoids, to move by an offset is to turn by an angle (lesson 5). BERT has to find its neighbors by chance.
    """
    places, attention = model.bert.embedding.positions.weight, model.bert.encoder.blocks[0].self_attention
    places.copy_(0.1 * sinusoidal(*places.shape))
    model.bert.embedding.weight.normal_(std=0.05)
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
    size, rates = attention.head_size, frequencies(places.shape[1])[: attention.head_size // 2]
    for head, offset in enumerate((-1, 1, -2, 2)):
        turns = zip((rates * offset).cos().tolist(), (rates * offset).sin().tolist())
        rows = slice(head * size, (head + 1) * size)
        turned = torch.block_diag(*[torch.tensor([[cosine, sine], [-sine, cosine]]) for cosine, sine in turns])
        for matrix, inside in ((attention.query_projection, turned), (attention.key_projection, torch.eye(size))):
            matrix.weight[rows] = 0
            matrix.weight[rows, :size] = 2 * inside


class MuonAndAdamW:
    """Muon for the matrices of the layers, AdamW for all else, as in `optimizer`; the rates are set by `training.train`."""

    def __init__(self, model: nn.Module, factor: float = 1.0):
        matrices = [p for p in model.bert.encoder.parameters() if p.dim() == 2]
        others = [p for p in model.parameters() if all(p is not matrix for matrix in matrices)]
        muon = torch.optim.Muon(matrices, 0.02 * factor, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
        self.both = [muon, torch.optim.AdamW(others, 0.003 * factor, betas=(0.9, 0.98), weight_decay=0.0)]
        self.param_groups = [group for one in self.both for group in one.param_groups]

    def zero_grad(self, set_to_none: bool = True) -> None:
        for one in self.both:
            one.zero_grad(set_to_none)

    def step(self) -> None:
        for one in self.both:
            one.step()
