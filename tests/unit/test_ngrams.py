"""N-grams: probabilities that add up, the formula by another way, texts that stand in the counts."""

from collections import Counter

import numpy
import pytest
import torch

from utils.experiments.ngrams import Ngrams

ROWS = [[int(i) for i in torch.randint(1, 7, (12,), generator=torch.Generator().manual_seed(seed))] for seed in range(40)]


def by_definition(rows, order, vocabulary, token, context):
    """Interpolated modified Kneser-Ney as Chen and Goodman write it, slowly."""
    rows = [[0, *row, 0] for row in rows]

    def counts(size):
        seen = Counter(tuple(row[at : at + size]) for row in rows for at in range(len(row) - size + 1))
        if size == 1:
            seen[0,] -= len(rows)
        if size == order:
            return seen
        longer = Counter(tuple(row[at : at + size + 1]) for row in rows for at in range(len(row) - size))
        before = {gram: len({g[0] for g in longer if g[1:] == gram}) for gram in {g[1:] for g in longer}}
        return {g: seen[g] if size > 1 and g[0] == 0 else before.get(g, 0) for g in seen}

    def chance(size, context):
        if size == 0:
            return 1 / vocabulary
        found = counts(size)
        n = [sum(count == wanted for count in found.values()) or 1 for wanted in (1, 2, 3, 4)]
        y = n[0] / (n[0] + 2 * n[1])
        lost = [0.0, *(min(max(k - (k + 1) * y * n[k] / n[k - 1], 0), k) for k in (1, 2, 3))]
        here = {g[-1]: count for g, count in found.items() if g[:-1] == tuple(context[len(context) - size + 1 :]) and count > 0}
        if not here:
            return chance(size - 1, context)
        total, count = sum(here.values()), here.get(token, 0)
        left = sum(lost[min(c, 3)] for c in here.values()) / total
        return (count - lost[min(count, 3)]) / total + left * chance(size - 1, context)

    return chance(order, context)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_formula_and_that_all_add_up(order):
    model = Ngrams(ROWS, order, vocabulary=8)
    for context in ([0, 3, 5], [0, 2, 2], [1, 7, 7], [4, 1, 6]):
        chances = model.distribution(context)
        assert chances.sum() == pytest.approx(1) and (chances > 0).all()
        for token in range(8):
            assert model.probability(token, context) == pytest.approx(chances[token])
            assert chances[token] == pytest.approx(by_definition(ROWS, order, 8, token, context))


def test_bits_are_minus_the_logarithms():
    model = Ngrams(ROWS, 3, vocabulary=8)
    wanted = [model.probability(3, [0]), model.probability(5, [0, 3]), model.probability(1, [3, 5])]
    assert model.bits([3, 5, 1]) == pytest.approx(-numpy.log2(wanted).sum())
    assert model.bits([]) == 0


def test_what_was_read_often_is_written_again():
    model = Ngrams([[1, 2, 3, 4]] * 50, 3, vocabulary=6)
    write = lambda temperature, seed=0: model.write([1], 9, torch.Generator().manual_seed(seed), temperature)  # noqa: E731
    assert write(0.2) == [2, 3, 4]
    assert write(1.0, 5) == write(1.0, 5)
    assert len(Ngrams(ROWS, 1, 8).write([], 4, torch.Generator().manual_seed(1))) <= 4


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="order=0"):
        Ngrams(ROWS, 0, 8)
    with pytest.raises(ValueError, match="temperature|above 0"):
        Ngrams(ROWS, 2, 8).write([1], 4, torch.Generator(), temperature=0)
