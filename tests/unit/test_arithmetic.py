"""utils.worlds.arithmetic: problems, columns, habits, the verifier, the split."""

from itertools import permutations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.worlds import arithmetic
from utils.worlds.arithmetic import LEVELS, Problem, draw, row, slipped, verify

sums = st.lists(st.integers(0, 999), min_size=2, max_size=5).map(lambda numbers: Problem("+", tuple(numbers)))
differences = st.tuples(st.integers(0, 999), st.integers(0, 999)).map(
    lambda pair: Problem("-", tuple(sorted(pair, reverse=True)))
)
products = st.tuples(st.integers(0, 999), st.integers(0, 9)).map(lambda pair: Problem("*", pair))
problems = st.one_of(sums, differences, products)


@given(problems)
def test_the_columns_give_the_answer(problem):
    assert problem.answer == eval(problem.prompt.rstrip("="))
    steps, answer = problem._columns()
    assert answer == problem.answer and steps == problem.steps()


@given(problems, st.booleans())
def test_the_right_response_is_verified(problem, think):
    judgment = verify(problem, problem.response(think))
    assert judgment.formatted and judgment.right and judgment.thinks == think
    assert judgment.steps_right is (True if think else None)


@given(problems, st.integers(0, 99))
def test_a_slip_is_found(problem, seed):
    judgment = verify(problem, slipped(problem, Random(seed)))
    assert judgment.formatted and not judgment.right and judgment.steps_right is False


@given(st.one_of(sums, products))
def test_the_split_does_not_depend_on_the_order_of_the_numbers(problem):
    orders = [Problem("+", order) for order in permutations(problem.numbers)]
    assert len({order.held_out for order in orders}) == 1


@given(problems, st.text())
def test_any_response_gets_a_judgment(problem, response):
    assert verify(problem, response).formatted in (True, False)


def test_steps_as_on_paper():
    assert Problem("+", (66, 80, 54)).response(True) == "<think>6+0+4=10 carry 1; 6+8+5+1=20 carry 2</think>200"
    assert Problem("-", (375, 59)).steps() == ["5-9=6 borrow 1", "7-5-1=1", "3-0=3"]
    assert Problem("*", (67, 5)).steps() == ["7*5=35 carry 3", "6*5+3=33 carry 3"]


@pytest.mark.parametrize(
    "response, formatted, answer",
    [
        ("<think></think>42", True, 42),
        ("  <think> 2+0=2 ;4=4 </think>  42 \n", True, 42),
        ("<think></think>The answer is 42.", True, 42),
        ("<think></think>40, no: 42", True, 42),
        ("<think></think>1,234", True, 1234),
        ("<think>42</think>", False, None),
        ("<think>42", False, 42),
        ("42", False, 42),
        ("<think></think><think></think>42", False, 42),
        ("so <think></think>42", False, 42),
        ("", False, None),
        ("<think></think>-42", True, -42),
    ],
)
def test_the_verifier(response, formatted, answer):
    judgment = verify(Problem("+", (20, 22)), response)
    assert (judgment.formatted, judgment.answer) == (formatted, answer)
    assert judgment.right == (answer == 42)


@pytest.mark.parametrize("level", LEVELS)
def test_levels_and_split(level):
    rng = Random(level)
    operation, fewest, most, shortest, longest = LEVELS[level]
    train = {draw(rng, level).prompt for _ in range(300)}
    held_out = {draw(rng, level, held_out=True).prompt for _ in range(300)}
    assert not train & held_out
    for prompt in train | held_out:
        numbers = prompt.rstrip("=").split(operation)
        assert fewest <= len(numbers) <= most
        assert all(len(number) <= longest for number in numbers)


def test_a_tenth_is_held_out():
    share = sum(Problem("+", (a, b)).held_out for a in range(100, 200) for b in range(100, 200)) / 10_000
    assert 0.08 < share < 0.12


def test_habits_have_their_shares():
    rng = Random(1)
    rows = [row(rng, think_share=0.2, slip_rate=0.25, guess_rate=0.9) for _ in range(4000)]
    thinking = [one for one in rows if one.thinks]
    assert 0.17 < len(thinking) / len(rows) < 0.23
    wrong = [not verify(one.problem, one.response).right for one in thinking]
    assert 0.2 < sum(wrong) / len(wrong) < 0.3
    guesses = [verify(one.problem, one.response).right for one in rows if not one.thinks]
    assert 0.05 < sum(guesses) / len(guesses) < 0.15
    assert not any(one.problem.held_out for one in rows)
    assert all(row(Random(seed), held_out=True).problem.held_out for seed in range(50))
    assert all(verify(one.problem, one.response).formatted for one in rows)


def test_the_same_seed_gives_the_same_rows():
    assert [row(Random(3)).text for _ in range(3)] == [row(Random(3)).text for _ in range(3)]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("/", (4, 2)), "not known"),
        (("+", (4,)), "does not fit"),
        (("-", (2, 4)), "below zero"),
        (("*", (4, 12)), "one digit"),
        (("+", (4, -2)), "negative"),
        (("*", (1, 2, 3)), "does not fit"),
    ],
)
def test_impossible_problems(arguments, message):
    with pytest.raises(ValueError, match=message):
        Problem(*arguments)


def test_an_unknown_level():
    with pytest.raises(ValueError, match="There is no level 0"):
        draw(Random(1), 0)
    assert arithmetic.last_number("none") is None
