"""Lesson 12's old skill: does the sentence nearest to a question lie in the passage that the question is about?

in_order   what a model makes of texts, those of like length together, in the order they came
Search     lesson 1's search over the passages of a split of `questions`
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy
import torch
from torch import Tensor, nn


def in_order(
    model: nn.Module,
    rows_of_ids: Sequence[Sequence[int]],
    read: Callable[[nn.Module, Tensor, Tensor], Tensor],
    dtype: torch.dtype = torch.float32,
    batch_size: int = 64,
) -> numpy.ndarray:
    """read: model, ids (B, T) and mask (B, T) -> (B, ...). Gives (rows, ...), in the order of the rows.

    Rows of like length share a batch, filled up with 0. The model is in evaluation mode afterwards.
    """
    order, found = sorted(range(len(rows_of_ids)), key=lambda row: len(rows_of_ids[row])), {}
    model.eval()
    for at in range(0, len(order), batch_size):
        part = order[at : at + batch_size]
        ids = nn.utils.rnn.pad_sequence([torch.tensor(rows_of_ids[row]) for row in part], batch_first=True)
        with torch.no_grad(), torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            found |= dict(zip(part, read(model, ids, (ids != 0).long()).float().numpy()))
    return numpy.stack([found[row] for row in range(len(rows_of_ids))])


class Search:
    """rows: columns `question` and `context`. encode: texts -> lists of ids. sentences: a text -> the sentences in it."""

    def __init__(self, rows, encode: Callable[[list[str]], list[list[int]]], sentences: Callable[[str], list[str]]):
        self.questions, self.passages = list(rows["question"]), list(dict.fromkeys(rows["context"]))
        pieces = [(number, sentence) for number, text in enumerate(self.passages) for sentence in sentences(text)]
        self.owner = numpy.array([number for number, _ in pieces])  # (sentences,): the passage of each
        self.wanted = numpy.array([self.passages.index(text) for text in rows["context"]])  # (questions,)
        self.question_ids, self.sentence_ids = encode(self.questions), encode([sentence for _, sentence in pieces])

    def __call__(self, vectors_of: Callable[[list[list[int]]], numpy.ndarray]) -> numpy.ndarray:
        """For each question, whether the sentence of the largest cosine lies in its passage: (questions,).

        vectors_of: lists of ids -> (rows, C).
        """
        x, y = (vectors_of(ids) for ids in (self.question_ids, self.sentence_ids))
        x, y = (one / numpy.linalg.norm(one, axis=1, keepdims=True) for one in (x, y))
        return self.owner[(x @ y.T).argmax(1)] == self.wanted
