"""utils.experiments.old_skill: rows come back in their order, and the search finds passages by cosine."""

import re

import numpy
import torch
from torch import nn

from utils.experiments.old_skill import Search, in_order


def test_rows_come_back_in_their_order_and_padding_counts_for_nothing():
    generator = numpy.random.default_rng(0)
    rows = [generator.integers(1, 9, length).tolist() for length in generator.integers(1, 12, 30)]
    model, modes = nn.Identity().train(), []

    def read(model, ids, mask):
        modes.append(model.training)
        assert (mask == (ids != 0)).all()
        return (ids * mask).sum(1, keepdim=True)

    found = in_order(model, rows, read, batch_size=4)
    assert found.shape == (30, 1) and found[:, 0].tolist() == [sum(row) for row in rows] and not any(modes)


def test_the_search_goes_by_angle_and_counts_any_sentence_of_the_passage():
    rows = {
        "question": ["a", "b", "c"],
        "context": ["One is here. Two is here.", "Three is here.", "One is here. Two is here."],
    }
    vectors = {
        "a": [0, 2.0],
        "b": [1, 0.1],
        "c": [1, 0.1],
        "One is here.": [5.0, 5],
        "Two is here.": [0, 0.1],
        "Three is here.": [1, 0],
    }
    search = Search(rows, lambda texts: texts, lambda text: re.findall(r"[^.]+\.", text.replace(". ", ".")))
    assert search.owner.tolist() == [0, 0, 1] and search.wanted.tolist() == [0, 1, 0]
    found = search(lambda texts: numpy.array([vectors[text] for text in texts]))
    assert found.tolist() == [True, True, False], "the longest vector is not the nearest one"


def test_bfloat16_is_used_where_it_is_asked_for():
    kinds = []
    model = nn.Linear(1, 1)
    read = lambda model, ids, mask: (kinds.append(model(ids.float()[:, :1]).dtype), model(ids.float()[:, :1]))[1]  # noqa: E731
    for dtype in (torch.float32, torch.bfloat16):
        in_order(model, [[1], [2]], read, dtype)
    assert kinds == [torch.float32, torch.bfloat16]
