"""utils.experiments.continuations, in_context and removals: shares counted by hand, and programs with known answers."""

import math

import pytest
import torch
import torch.nn.functional as F
from test_gpt import LONGEST, V, models

from utils.data import catalog
from utils.experiments import continuations, removals
from utils.experiments.in_context import TASKS, measured, split_of, suffix_rule
from utils.generation import GREEDY, Sampling, generate
from utils.models.gpt import GPT
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
    lengths, exchanged = [], []

    def never(examples, asked):
        lengths.append((len(examples), len(asked)))
        exchanged.append(sum(tuple(pair) not in {tuple(one) for pairs in TASKS.values() for one in pairs} for pair in examples))
        assert not {word for word, _ in examples} & {word for word, _ in asked}
        return [False] * len(asked)

    assert measured(never, draws=1, orders=1)["exchanged"]["plural"] == [0.0]
    assert 4 in exchanged, "in four examples every answer has moved on"
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


def test_filling_at_the_left_changes_no_text_and_greedy_runs_once():
    model, tokenizer = GPT.from_pretrained("gpt-mini").eval(), catalog.load_tokenizer("gpt-mini")
    long, short = "Mia was a girl who lived in the old village.", "Mia"
    both = continuations.continued(model, tokenizer, [short, long], GREEDY, places=32)
    assert both[1] == continuations.continued(model, tokenizer, [long], GREEDY, places=32)[0]
    assert both[0] != both[1] and not both[1].startswith("Mia was a girl")
    assert [len(continuations.runs(model, tokenizer, [short], how, 2)) for how in (GREEDY, Sampling())] == [1, 2]


def test_ways_to_go_on_are_compared_on_what_follows_the_prompt():
    theirs = models()[0]
    texts = [torch.randint(1, V, (1, size), generator=torch.Generator().manual_seed(size)) for size in (9, 14, 5, 12)]
    rows = continuations.documents(range(4), texts.__getitem__, count=2, length=9)
    assert rows.equal(torch.cat([texts[0], texts[1][:, :9]])) and 9 <= LONGEST
    found = continuations.compared(theirs, rows, 4, {"greedy": GREEDY}, pad_id=0)
    assert list(found) == ["four beams", "greedy", "people"]
    for name, out in (("people", rows), ("greedy", generate(GPT.from_hf(theirs), rows[:, :4], 5))):
        with torch.no_grad():
            costs = F.cross_entropy(theirs(out).logits[:, 3:8].transpose(1, 2), out[:, 4:], reduction="none").mean(1)
        assert [cost for _, cost in found[name]] == pytest.approx((costs / math.log(2)).tolist(), abs=2e-3)
        assert [share for share, _ in found[name]] == [
            pytest.approx(continuations.repeated(row[4:].tolist()), abs=1e-3) for row in out
        ]
