"""utils.experiments.byte_grams by hand, as a distribution, and against NLTK; utils.experiments.in_context's trivial program."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.experiments.byte_grams import ByteGrams
from utils.experiments.in_context import TASKS, suffix_rule

TEXTS = ["abracadabra", "a cat sat on a mat", "cats and hats", "", "é à"]


def chance(model: ByteGrams, before: str, byte: str) -> float:
    return 2 ** -(model.bits(before + byte) - (model.bits(before) if before else 0))


@pytest.mark.parametrize("order", range(8))
def test_all_bytes_share_one(order):
    model = ByteGrams(["abracadabra", "a cat sat on a mat", "cats and hats"], order)
    for before in ("", "a", "abr", "zzz", "a cat sat"):
        ascii_part = sum(chance(model, before, chr(i)) for i in range(128))
        others = 128 * chance(model, before, "\x01")  # as unlikely as another byte that no text has
        assert ascii_part + others == pytest.approx(1)


def test_by_hand():
    """aab: pairs 0a, aa, ab come once each; so does every stretch, and the discount is 1 / (1 + 0) = 1: the shorter decides."""
    model = ByteGrams(["aab"], order=1)
    # below, a stands behind two different bytes and b behind one: counts 2 and 1, discount 1 / (1 + 2 * 1) = 1 / 3
    below = {"a": (2 - 1 / 3) / 3 + (2 / 3) / 3 / 256, "b": (1 - 1 / 3) / 3 + (2 / 3) / 3 / 256}
    assert model.bits("a") == pytest.approx(-math.log2(below["a"]))
    assert model.bits("b") == pytest.approx(-math.log2(below["b"]))


def test_against_nltk():
    from nltk.lm import KneserNeyInterpolated

    text, order = "the cat sat on the mat and the hat sat on the cat", 2
    ours = ByteGrams([text], order)
    tokens = ["\0"] * order + list(text)
    grams = [[tuple(tokens[at - size : at + 1]) for at in range(order, len(tokens))] for size in range(order + 1)]
    theirs = KneserNeyInterpolated(order + 1, discount=float(ours.tables[-1][-1]))
    theirs.fit([[gram for size in grams for gram in size]], vocabulary_text=set(text))
    likeliest = max(set(text), key=lambda letter: theirs.score(letter, ["t", "h"]))
    assert max(set(text), key=lambda letter: chance(ours, "the cat sat on th", letter)) == likeliest == "e"


def test_what_was_read_costs_less_and_longer_contexts_help():
    text = "the quick brown fox jumps over the lazy dog. " * 3
    costs = [ByteGrams([text], order).bits(text) for order in (0, 2, 5)]
    assert costs[0] > costs[1] > costs[2]
    other = "sphinx of black quartz, judge my vow. " * 3
    assert ByteGrams([text], 5).bits(other) > 2 * ByteGrams([text, other], 5).bits(other)


@settings(max_examples=40, deadline=None)
@given(st.text(), st.integers(0, 7))
def test_any_text_costs_something_finite(text, order):
    cost = ByteGrams(TEXTS, order).bits(text)
    assert math.isfinite(cost) and (cost > 0) == bool(text)


def test_wrong_arguments_are_refused():
    for texts, order in ((["a"], 8), (["a"], -1), ([""], 3), ([], 3)):
        with pytest.raises(ValueError, match="0 to 7 bytes"):
            ByteGrams(texts, order)


def test_the_ends_of_words():
    assert suffix_rule([("dog", "dogs"), ("city", "cities"), ("car", "cars")], "tree") == "trees"
    assert suffix_rule([("city", "cities")], "baby") == "babies" and suffix_rule([("city", "cities")], "dog") == "dog"
    assert suffix_rule([("city", "cities"), ("baby", "babies"), ("dog", "dogs")], "car") == "cars"
    assert suffix_rule([], "go") == "go"


def test_tasks_are_thirty_pairs_of_different_words():
    for pairs in TASKS.values():
        assert len(pairs) == len({word for word, _ in pairs}) == 30 and all(word != answer for word, answer in pairs)
