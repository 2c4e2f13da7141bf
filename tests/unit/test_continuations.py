"""utils.experiments.continuations, in_context and removals: shares counted by hand, and programs with known answers."""

import pytest
import torch

from utils.experiments import continuations, removals
from utils.experiments.in_context import TASKS, measured, split_of, suffix_rule
from utils.worlds import stories


def test_true_stories_agree_and_copies_are_counted():
    told = [stories.write(f"continued {number}") for number in range(3)]
    first = continuations.beginnings(told)
    added = [story.english.removeprefix(begin).strip() for begin, story in zip(first, told)]
    true = continuations.judged(first, added)
    assert true["accepted"] == true["agrees"] == 1 and true["distinct"] > 0.8
    spoilt = continuations.judged(first, [added[0], "Colorless ideas sleep.", added[0]])
    assert spoilt["distinct"] < 0.7 and spoilt["accepted"] < 1
    assert continuations.judged(first, ["", "", ""])["distinct"] == 0


@pytest.mark.parametrize(("row", "share"), [([1, 2, 3, 4, 5], 0.0), ([7] * 6, 2 / 3), ([1, 2, 3, 4, 1, 2, 3, 4], 0.2)])
def test_repeated_stretches_of_four(row, share):
    assert continuations.repeated(row) == pytest.approx(share)


def test_measured_by_programs_with_known_answers():
    """One that knows the rule of the examples has the program's shares; one that answers by the examples' words has none."""

    def by_rule(examples, asked):
        return [suffix_rule(examples, word) == answer for word, answer in asked]

    found = measured(by_rule, draws=4, orders=2)
    assert found["accuracy"] == found["program"] and set(found["accuracy"]) == set(TASKS)
    assert len(found["accuracy"]["plural"][8]) == 4 and [len(line) for line in found["orders"]["plural"]] == [2] * 4
    assert 0.1 < sum(found["program"]["plural"][8]) / 4 < 0.9
    lengths = []

    def never(examples, asked):
        lengths.append((len(examples), len(asked)))
        assert not {word for word, _ in examples} & {word for word, _ in asked}
        return [False] * len(asked)

    assert measured(never, draws=1, orders=1)["exchanged"]["plural"] == [0.0]
    assert {count for count, _ in lengths} == {0, 1, 2, 4, 8} and {count for _, count in lengths} == {22}


def test_a_split_divides_all_pairs():
    shown, asked = split_of("capital", 3)
    assert sorted(shown + asked) == sorted(TASKS["capital"]) and split_of("capital", 3) == (shown, asked)


def test_plans_take_out_as_many_heads_from_as_many_layers():
    scores = torch.rand(6, 9, generator=torch.Generator().manual_seed(0))
    order = removals.ranked(scores)
    assert [scores[head].item() for head in order] == sorted(scores.flatten().tolist(), reverse=True)
    found = removals.plans(order, (1, 8), draws=5)
    assert found["induction 8"] == [order[:8]] and found["whole"] == [[]]
    for name in ("random 8", "same layers 8"):
        assert len(found[name]) == 5 and len({tuple(draw) for draw in found[name]}) > 1
        assert all(len(set(draw)) == 8 and not set(draw) & set(order[:8]) for draw in found[name])
    layers = sorted(layer for layer, _ in order[:8])
    assert all(sorted(layer for layer, _ in draw) == layers for draw in found["same layers 8"])
