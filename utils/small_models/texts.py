"""What the small models read: texts without end, cut into windows of tokens.

    story, arithmetic_row       one document of a split each, drawn with an open random generator
    documentation, written      texts of a split that are there
    Windows                     batch index -> windows of tokens; the same index gives the same batch

A window is cut out of documents that follow each other, with the end-of-text token between them, so that no place is
lost to padding.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from random import Random

import torch

from utils.data import sets
from utils.data.catalog import find
from utils.data.documentation import python_documentation, split_of
from utils.io import ROOT
from utils.worlds import arithmetic, stories

END_OF_TEXT = "<|endoftext|>"
USER, ASSISTANT, END_OF_TURN = "<|user|>", "<|assistant|>", "<|end|>"
SHARES = {"train": 90, "validation": 5, "test": 5}  # of the documentation, as in the catalog
WHOLE = 0.75  # the share of the windows that begin with a whole document
IGNORED = -100  # the label that PyTorch's cross-entropy leaves out


# ----------------------------------------------------------------------------------------------------------------------
# Documents
# ----------------------------------------------------------------------------------------------------------------------


def story(rng: Random, split: str) -> stories.Story:
    """A story of the split. The seeds of the splits are different strings, so no story is in two of them."""
    return stories.write(f"{split} {rng.getrandbits(60)}")


@functools.lru_cache(maxsize=None)
def documentation(split: str) -> tuple[str, ...]:
    """The texts of Python's documentation in a split."""
    return tuple(text for name, text in python_documentation() if split_of(name, SHARES) == split)


@functools.lru_cache(maxsize=None)
def written(name: str, split: str) -> tuple[dict, ...]:
    """The rows of one of the course's own data sets in a split."""
    entry = find(name)
    return tuple(sets.read_set(entry, ROOT / entry["folder"])[split])


@functools.lru_cache(maxsize=None)
def class_names(name: str, column: str) -> tuple[str, ...]:
    """The names behind the numbers of a column of labels (or of lists of labels)."""
    kind = sets.features(find(name)["columns"])[column]
    return tuple(getattr(kind, "feature", kind).names)


@functools.lru_cache(maxsize=None)
def written_texts(split: str) -> tuple[str, ...]:
    """All English texts of the reviews, topics, articles, questions and entities in a split."""
    columns = {"reviews": "text", "topics": "text", "articles": "article", "questions": "context"}
    found = [row[column] for name, column in columns.items() for row in written(name, split)]
    found += [" ".join(row["tokens"]) for row in written("entities", split)]
    return tuple(dict.fromkeys(found))  # several questions share a context


def turn(role: str, content: str) -> str:
    """One message as the models read it; the chat template in the tokenizer's folder writes the same."""
    return f"{role}{content}{END_OF_TURN}"


def arithmetic_row(rng: Random, split: str) -> str:
    """A problem and a response in one of the two habits (see `arithmetic.row`), as a conversation of two turns."""
    level = rng.choice((1, 2, 3, 4, 4, 4, 4, 4, 5, 7, 8))
    row = arithmetic.row(rng, level, think_share=0.25, held_out=split != "train")
    return turn(USER, row.problem.prompt) + turn(ASSISTANT, row.response)


# name in a recipe's mixture -> a function that draws one document of a split
DRAWN: dict[str, Callable[[Random, str], str]] = {
    "stories": lambda rng, split: story(rng, split).english,
    "arithmetic": arithmetic_row,
    "written": lambda rng, split: rng.choice(written_texts(split)),
}


# ----------------------------------------------------------------------------------------------------------------------
# Windows
# ----------------------------------------------------------------------------------------------------------------------


class Windows:
    """Batches of token windows for a causal model: called with an index, it gives the batch of that index.

    encode: text -> token ids. mixture: name of a kind of text -> its share of the windows. positions: how many positions
    the model knows; a window begins at a drawn one, so that all are trained though no window is that long.

    A batch has input_ids, labels (the same, one place on) and position_ids, each (B, T).
    """

    def __init__(
        self,
        encode: Callable[[str], list[int]],
        end_of_text: int,
        mixture: dict[str, float],
        batch_size: int,
        window: int,
        positions: int,
        seed: int = 0,
        split: str = "train",
    ):
        self.encode, self.end_of_text, self.mixture = encode, end_of_text, mixture
        self.batch_size, self.window, self.positions = batch_size, window, positions
        self.seed, self.split = seed, split

    @property
    def fingerprint(self) -> dict:
        return {
            "mixture": dict(self.mixture),
            "batch_size": self.batch_size,
            "window": self.window,
            "seed": self.seed,
            "split": self.split,
        }

    def __call__(self, index: int) -> dict[str, torch.Tensor]:
        ids = torch.tensor([self._row(Random(f"{self.split} {self.seed} {index} {row}")) for row in range(self.batch_size)])
        first = Random(f"positions {self.seed} {index}")
        starts = [first.randint(0, self.positions - self.window) for _ in range(self.batch_size)]
        places = torch.tensor(starts)[:, None] + torch.arange(self.window)  # (B, 1) + (T,) -> (B, T)
        return {"input_ids": ids[:, :-1], "labels": ids[:, 1:], "position_ids": places}

    def _row(self, rng: Random) -> list[int]:
        """A window and one token more."""
        kind = rng.choices(list(self.mixture), list(self.mixture.values()))[0]
        length = self.window + 1
        if kind == "documentation":
            corpus = _documentation_ids(self.encode, self.end_of_text, self.split)
            start = rng.randrange(len(corpus) - length)
            return corpus[start : start + length]
        return joined(self._documents(kind, rng), self.end_of_text, length, rng)

    def _documents(self, kind: str, rng: Random) -> Iterator[list[int]]:
        while True:
            yield [*self.encode(DRAWN[kind](rng, self.split)), self.end_of_text]


def joined(documents: Iterator[list[int]], end_of_text: int, length: int, rng: Random) -> list[int]:
    """A window of `length` tokens out of documents in a row.

    Most windows begin with the end-of-text token and a whole document, as one asks for a text from nothing; the others
    anywhere in the first document, so that a text that begins in the middle is known too.
    """
    first = next(documents)
    ids = [end_of_text, *first] if rng.random() < WHOLE else first[rng.randrange(len(first)) :]
    while len(ids) < length:
        ids += next(documents)
    return ids[:length]


@functools.lru_cache(maxsize=4)
def _documentation_ids(encode: Callable[[str], list[int]], end_of_text: int, split: str) -> list[int]:
    texts = list(documentation(split))
    Random(0).shuffle(texts)
    return list(itertools.chain.from_iterable([*encode(text), end_of_text] for text in texts))


class MaskedWindows(Windows):
    """Windows for a masked model: [CLS] tokens [SEP], of which a share (15 % in BERT) is chosen anew in each batch (Devlin et
    al., "BERT", 2018, arXiv 1810.04805, section 3.1): 80 % of them become [MASK], 10 % any token, 10 % stay. Only they have
    labels.

    A batch has input_ids and labels, each (B, T).
    """

    def __init__(
        self,
        encode: Callable[[str], list[int]],
        tokenizer,
        mixture: dict[str, float],
        batch_size: int,
        window: int,
        mask_share: float = 0.15,
        seed: int = 0,
        split: str = "train",
    ):
        super().__init__(encode, tokenizer.sep_token_id, mixture, batch_size, window - 3, window, seed, split)
        self.mask_share, self.mask, self.vocabulary = mask_share, tokenizer.mask_token_id, len(tokenizer)
        self.first, self.special = tokenizer.cls_token_id, set(tokenizer.all_special_ids)

    @property
    def fingerprint(self) -> dict:
        return super().fingerprint | {"mask_share": self.mask_share}

    def __call__(self, index: int) -> dict[str, torch.Tensor]:
        rows = [self._row(Random(f"{self.split} {self.seed} {index} {row}")) for row in range(self.batch_size)]
        ids = torch.tensor([[self.first, *row, self.end_of_text] for row in rows])  # (B, T)
        generator = torch.Generator().manual_seed(1_000_003 * self.seed + index)
        ordinary = ~torch.isin(ids, torch.tensor(sorted(self.special)))
        chosen = (torch.rand(ids.shape, generator=generator) < self.mask_share) & ordinary
        labels = ids.masked_fill(~chosen, IGNORED)
        kind = torch.rand(ids.shape, generator=generator)
        other = torch.randint(self.vocabulary, ids.shape, generator=generator)
        ids = torch.where(chosen & (kind < 0.8), self.mask, ids)
        return {"input_ids": torch.where(chosen & (kind >= 0.9), other, ids), "labels": labels}
