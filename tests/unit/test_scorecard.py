"""utils.course.scorecard: rows, bounds, rounding."""

import contextlib
import json
import math
import re
import sys

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from utils.course.scorecard import MIME, Scorecard, ScorecardError, round_to


@pytest.fixture
def card():
    return Scorecard(lesson=4)


@pytest.mark.parametrize(
    "method, measured, bound, holds",
    [
        ("at_least", 10.0, 10, True),
        ("at_least", 9.999, 10, False),
        ("at_least", 11, 10, True),
        ("at_most", 10.0, 10, True),
        ("at_most", 10.001, 10, False),
        ("at_most", -3, 10, True),
        ("equal", 3, 3, True),
        ("equal", 3, 4, False),
        ("equal", "a", "a", True),
        ("equal", True, True, True),
        ("at_least", math.nan, 0, False),
        ("at_most", math.nan, 0, False),
        ("equal", math.nan, math.nan, False),
        ("at_most", math.inf, 1e300, False),
        ("at_least", math.inf, 1, True),
        ("at_most", -math.inf, 1e-5, True),
        ("at_least", torch.tensor(2.0), 1, True),
        ("at_most", numpy.float32(0.5), 0.25, False),
        ("equal", torch.tensor(3), 3, True),
        ("equal", numpy.int64(3), 3, True),
        ("equal", numpy.int64(2), 3, False),
        ("equal", (2, 3), (2, 3), True),
        ("equal", torch.zeros(2, 3).shape, (2, 3), True),
    ],
)
def test_rows_hold_or_do_not(card, notebook, method, measured, bound, holds):
    getattr(card, method)("a claim", measured, bound)
    (row,) = card.rows
    assert set(row) == {"claim", "measured", "bound", "holds"}
    assert row["claim"] == "a claim"
    assert row["holds"] is holds
    with contextlib.nullcontext() if holds else pytest.raises(ScorecardError):
        card.show()
    ((bundle, _),) = notebook.shown
    as_json = json.dumps(bundle[MIME], allow_nan=False)  # NaN and Infinity are no JSON
    assert json.loads(as_json)[0]["holds"] is holds


@pytest.mark.parametrize(
    "method, bound, expected",
    [("at_least", 10, ">= 10"), ("at_most", 1e-5, "<= 1e-05"), ("at_most", 0.25, "<= 0.25"), ("equal", 7, "= 7")],
)
def test_bounds_are_written_out(card, method, bound, expected):
    getattr(card, method)("a claim", 0, bound)
    assert card.rows[0]["bound"] == expected


def test_measured_values_are_rounded(card):
    card.at_least("a ratio", 12.3456, 10)
    card.at_least("finer", 12.3456, 10, digits=5)
    card.at_most("a share", 0.0123456, 0.5)
    assert [row["measured"] for row in card.rows] == [12.3, 12.346, 0.0123]


@pytest.mark.parametrize("bound, shown", [(1e-5, 1e-6), (1e-6, 1e-7), (5e-4, 5e-5)])
@pytest.mark.parametrize("noise", [0.0, 1.2e-8, 4.7e-8])
def test_noise_far_below_a_small_bound_is_the_same_everywhere(card, bound, shown, noise):
    card.at_most("largest difference", noise, bound)
    assert repr(card.rows[0]["measured"]) == repr(shown)
    assert card.rows[0]["holds"]


@pytest.mark.parametrize("noise", [1.43e-6, 3.07e-6, 1e-5])
def test_noise_near_the_bound_is_written_as_the_bound(card, noise):
    card.at_most("largest difference", noise, 1e-5)
    card.at_most("a share", 0.001, 0.5)
    assert [row["measured"] for row in card.rows] == [1e-5, 0.001]


@pytest.mark.parametrize("method, measured, bound", [("at_least", 9.9999, 10), ("at_most", 0.100001, 0.1)])
def test_rounding_does_not_hide_why_a_row_is_missed(card, capsys, method, measured, bound):
    getattr(card, method)("a claim", measured, bound)
    with pytest.raises(ScorecardError, match=re.escape(str(measured))):
        card.show()


@pytest.mark.parametrize("measured, bound", [(-5.0, 0), (-5.0, -1)])
def test_a_bound_of_zero_or_less_hides_nothing(card, measured, bound):
    card.at_most("change of the loss", measured, bound)
    assert card.rows[0]["measured"] == measured and card.rows[0]["holds"]


def test_every_missed_row_is_named(card, capsys):
    card.at_least("rows that hold are not named", 2, 1)
    card.at_least("accuracy", 0.61, 0.9)
    card.at_most("largest difference", 0.5, 1e-5)
    card.equal("merges identical", False, True)
    with pytest.raises(ScorecardError) as raised:
        card.show()
    message = str(raised.value)
    assert "Lesson 4" in message and "3 of 4" in message
    for fragment in ("accuracy: measured 0.61, bound >= 0.9", "largest difference", "merges identical"):
        assert fragment in message
    assert "not named" not in message
    assert isinstance(raised.value, AssertionError)
    assert "MISS accuracy" in capsys.readouterr().out, "the table is shown before it raises"


def test_an_empty_scorecard(card):
    with pytest.raises(ValueError, match="no rows"):
        card.show()


def test_outside_of_a_notebook_the_text_is_printed(card, capsys):
    card.equal("lossless", True, True)
    card.at_least("times faster", 55.5, 10)
    card.show()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("ok   lossless") and "(= True)" in lines[0]
    assert lines[1].startswith("ok   times faster") and "55.5" in lines[1] and "(>= 10)" in lines[1]


def test_in_a_notebook_a_table_and_the_rows(card, notebook, capsys):
    card.equal("a < b & c", "<b>", "<b>")
    card.show()
    assert capsys.readouterr().out == ""
    ((bundle, _),) = notebook.shown
    assert set(bundle) == {"text/plain", "text/html", "application/vnd.course.scorecard+json"}
    assert bundle["application/vnd.course.scorecard+json"] == card.rows
    assert "a &lt; b &amp; c" in bundle["text/html"] and "&lt;b&gt;" in bundle["text/html"]
    assert "a < b & c" in bundle["text/plain"]


def test_two_cards_share_nothing():
    first, second = Scorecard(3), Scorecard(3)
    first.equal("x", 1, 1)
    assert second.rows == []


@pytest.mark.parametrize(
    "value, digits, expected",
    [
        (0.0123456, 3, 0.0123),
        (1234.5, 3, 1230),
        (999.9, 3, 1000),
        (-0.0456, 2, -0.046),
        (0.0, 3, 0.0),
        (12.0, 3, 12.0),
        (7, 3, 7),
    ],
)
def test_round_to(value, digits, expected):
    assert round_to(value, digits) == expected


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_round_to_leaves_what_is_no_number(value):
    assert repr(round_to(value, 3)) == repr(value)


@given(st.floats(-1e300, 1e300), st.integers(1, 15))
def test_round_to_keeps_the_value_and_drops_the_digits(value, digits):
    rounded = round_to(value, digits)
    smallest = sys.float_info.min * 10**digits  # below it a float has fewer digits
    assert abs(rounded - value) <= max(0.5000001 * 10 ** (1 - digits) * abs(value), smallest)
    assert round_to(float(rounded), digits) == rounded
    written = f"{float(rounded):.17e}".split("e")[0] if abs(value) < smallest else repr(float(rounded))
    if abs(value) >= smallest:
        assert len(written.split("e")[0].replace("-", "").replace(".", "").strip("0")) <= digits
