"""utils.plots: figures with an alternative text, in letters that the font has and colors that can be told apart."""

import io
import itertools
import math
import unicodedata
import warnings

import matplotlib.pyplot as plt
import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from utils.course import plots
from utils.metrics import Interval

plt.switch_backend("agg")  # no windows


@pytest.fixture(autouse=True)
def closed():
    """No test inherits another's figures."""
    plt.close("all")
    yield
    plt.close("all")


def drawn(figure) -> bytes:
    """The figure as a PNG; any warning of matplotlib (a glyph that the font lacks) is an error."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(buffer, format="png")
    return buffer.getvalue()


# --- show and figure --------------------------------------------------------------------------------------------


def test_the_alternative_text_is_in_the_metadata(notebook):
    figure, axes = plots.figure()
    axes.plot([1, 2])
    plots.show(figure, alt="a rising line")
    ((data, metadata),) = notebook.shown
    assert metadata == {"image/png": {"alt": "a rising line"}}
    assert data["image/png"].startswith(b"\x89PNG\r\n")
    assert data["text/plain"] == "a rising line"
    assert "image/svg+xml" not in data


def test_the_figure_is_closed(notebook):
    figure, _ = plots.figure()
    plots.show(figure, alt="nothing")
    assert plt.get_fignums() == [], "an open figure is drawn a second time at the end of the cell"


@pytest.mark.parametrize("alt", ["", "   ", "\n", None])
def test_a_missing_alternative_text(notebook, alt):
    figure, _ = plots.figure()
    with pytest.raises(ValueError, match="alternative text.*alt="):
        plots.show(figure, alt=alt)
    assert notebook.shown == []


def test_two_figures_of_the_same_are_the_same_bytes(notebook):
    for _ in range(2):
        figure, axes = plots.figure()
        axes.plot([3, 1])
        plots.show(figure, alt="a falling line")
    assert notebook.shown[0][0]["image/png"] == notebook.shown[1][0]["image/png"]


def test_figure_has_the_size_and_the_axes_that_were_asked_for():
    figure, axes = plots.figure(2, 3, width=6.0, height=4.0, sharex=True)
    assert axes.shape == (2, 3)
    assert tuple(figure.get_size_inches()) == (6.0, 4.0)


def test_the_style_is_on():
    _, axes = plots.figure()
    assert not axes.spines["top"].get_visible()
    assert axes.plot([1, 2])[0].get_color() == plots.BLUE
    assert "DejaVu Sans" in plt.rcParams["font.family"]


def luminance(color) -> float:
    """Relative luminance, WCAG 2.2."""
    channels = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in plt.matplotlib.colors.to_rgb(color)]
    return sum(weight * channel for weight, channel in zip((0.2126, 0.7152, 0.0722), channels))


def contrast(first, second) -> float:
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


# Machado, Oliveira, Fernandes (2009): full deuteranopia and protanopia, in linear RGB.
DEFICIENCIES = {
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
}


@pytest.mark.parametrize("matrix", DEFICIENCIES.values(), ids=DEFICIENCIES)
def test_colors_can_be_told_apart_by_a_color_blind_reader(matrix):
    assert len(set(plots.COLORS)) == len(plots.COLORS) == 8

    def seen(color):
        linear = numpy.array(plt.matplotlib.colors.to_rgb(color)) ** 2.2
        return numpy.clip(numpy.array(matrix) @ linear, 0, 1) ** (1 / 2.2)

    closest = min(numpy.linalg.norm(seen(a) - seen(b)) for a, b in itertools.combinations(plots.COLORS, 2))
    assert closest > 0.1  # red and green of the usual palettes come below 0.1 here


# --- readable ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, expected",
    [
        ("a b", "a·b"),
        ("a\nb", "a↵b"),
        ("\t", "→"),
        ("", ""),
        ("naïve", "naïve"),
        ("Ġthe", "Ġthe"),
        ("漢", "[U+6F22]"),
        ("🙂", "[U+1F642]"),
        ("\ud800", "[U+D800]"),
        ("\x00", "[U+0]"),
        ("\r", "[U+D]"),
        ("\u00a0", "[U+A0]"),
        ("\u2003", "[U+2003]"),
        ("\u00ad", "[U+AD]"),
        ("\ufeff", "[U+FEFF]"),
        (17, "17"),
    ],
)
def test_readable(text, expected):
    assert plots.readable(text) == expected


def test_readable_lets_nothing_invisible_through():
    invisible = [
        chr(i) for i in range(0x110000) if chr(i).isspace() or unicodedata.category(chr(i)) in ("Cc", "Cf", "Zs", "Cs")
    ]
    passed = [hex(ord(c)) for c in invisible if plots.readable(c) == c]
    assert passed == []


@given(st.text(st.characters(), max_size=20))
def test_readable_draws_every_character(text):
    visible = plots.readable(text)
    assert visible.isprintable()
    assert len(visible) >= len(text)


# --- tokens -----------------------------------------------------------------------------------------------------

PIECES = {
    "spaces": ["Hello", " world", "\n", "\t", "  "],
    "other scripts": ["漢字", "かな", "한국", "नमस्ते", "العربية", "ไทย"],
    "emoji": ["🙂", "👩‍👩‍👧", "🇫🇷"],
    "mathematics": ["$x$", "$\\frac$", "costs $5 or $6", "\\alpha", "$", "$$", "{", "^_"],
    "code": ["def", " f", "(", "):", "\n", "    "],
    "surrogates and controls": ["\ud800", "\x00", "\x1b[0m", "\r\n", "\ufeff"],
    "empty pieces": ["", "a", ""],
    "nothing": [],
}


@pytest.mark.parametrize("pieces", PIECES.values(), ids=PIECES)
def test_tokens_of_any_text_are_drawn_without_a_warning(pieces):
    figure, axes = plots.figure(height=1)
    plots.tokens(axes, pieces)
    assert drawn(figure).startswith(b"\x89PNG")
    assert [text.get_text() for text in axes.texts] == [plots.readable(piece) for piece in pieces]
    assert len(axes.patches) == len(pieces)


def test_a_dollar_is_a_dollar():
    """Between two dollars matplotlib sets mathematics, and loses the dollars."""
    figures = []
    for piece in ("$abc$", "abc"):
        figure, axes = plots.figure(height=1)
        plots.tokens(axes, [piece])
        figure.canvas.draw()
        figures.append(axes.texts[0].get_window_extent().width)
    assert figures[0] == pytest.approx(figures[1] * 5 / 3, rel=0.1)


def test_neighboring_tokens_differ_in_color():
    _, axes = plots.figure()
    plots.tokens(axes, list("abcdefgh"))
    colors = [patch.get_facecolor() for patch in axes.patches]
    assert all(first != second for first, second in itertools.pairwise(colors))


def test_tokens_break_into_lines_and_stay_inside():
    _, axes = plots.figure()
    plots.tokens(axes, ["token"] * 40, per_row=30)
    lines = {patch.get_y() for patch in axes.patches}
    assert len(lines) == 8  # 5 letters and a gap of 0.8: five need 29
    left, right = axes.get_xlim()
    low, high = axes.get_ylim()
    for patch in axes.patches:
        assert left <= patch.get_x() and patch.get_x() + patch.get_width() <= right
        assert low <= patch.get_y() and patch.get_y() + patch.get_height() <= high


def test_tokens_do_not_overlap():
    _, axes = plots.figure()
    plots.tokens(axes, ["a", "longer piece", "", "漢", "b"], per_row=20)
    boxes = [(patch.get_y(), patch.get_x(), patch.get_x() + patch.get_width()) for patch in axes.patches]
    for (line, _, end), (next_line, start, _) in itertools.pairwise(boxes):
        assert line != next_line or end <= start


def test_a_piece_longer_than_a_line_stays_inside():
    figure, axes = plots.figure(height=1)
    plots.tokens(axes, ["short", "x" * 200, "short"], per_row=70)
    drawn(figure)
    assert axes.get_xlim()[1] >= max(patch.get_x() + patch.get_width() for patch in axes.patches)
    assert "".join(text.get_text() for text in axes.texts) == "short" + "x" * 200 + "short"
    long = {patch.get_facecolor() for patch in axes.patches[1:-1]}
    assert len(long) == 1, "the parts of one piece share its color"


# --- heatmap ----------------------------------------------------------------------------------------------------


def numbers_of(axes):
    return [text for text in axes.texts if text.get_text()]


def test_heatmap_labels_and_numbers():
    figure, axes = plots.figure()
    matrix = torch.tensor([[0.0, 0.25], [0.5, 1.0]])
    image = plots.heatmap(axes, matrix, row_labels=["a b", "漢"], column_labels=["x", "$y$"], numbers=True)
    drawn(figure)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a·b", "[U+6F22]"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["x", "$y$"]
    assert [text.get_text() for text in numbers_of(axes)] == ["0.00", "0.25", "0.50", "1.00"]
    assert image.get_array().shape == (2, 2)


def test_heatmap_without_labels_or_numbers():
    figure, axes = plots.figure()
    plots.heatmap(axes, [[1, 2], [3, 4]])
    drawn(figure)
    assert numbers_of(axes) == []


def test_heatmap_limits():
    _, axes = plots.figure()
    assert plots.heatmap(axes, [[0.2, 0.4]], limits=(0, 1)).get_clim() == (0, 1)


@pytest.mark.parametrize("labels", [["$\\x$", "$"], ["\\frac", "{"], ["🙂", "\x00"]])
def test_heatmap_labels_of_any_text(labels):
    figure, axes = plots.figure()
    plots.heatmap(axes, [[1, 2], [3, 4]], row_labels=labels, column_labels=labels)
    drawn(figure)


def test_long_column_labels_are_turned():
    _, axes = plots.figure()
    plots.heatmap(axes, [[1, 2]], column_labels=["a", "attention"])
    assert {label.get_rotation() for label in axes.get_xticklabels()} == {60.0}
    _, axes = plots.figure()
    plots.heatmap(axes, [[1, 2]], column_labels=["a", "b"])
    assert {label.get_rotation() for label in axes.get_xticklabels()} == {0.0}


def test_empty_labels():
    _, axes = plots.figure()
    plots.heatmap(axes, [[1]], column_labels=[""])


@pytest.mark.parametrize("colormap", ["viridis", "PuOr"])
def test_numbers_can_be_read_on_every_color(colormap):
    _, axes = plots.figure()
    image = plots.heatmap(axes, [[i / 100 for i in range(101)]], colormap=colormap, numbers=True)
    for text, value in zip(numbers_of(axes), image.get_array()[0]):
        behind = image.cmap(image.norm(value))[:3]
        assert contrast(text.get_color(), behind) >= 4.5, f"{text.get_text()} on {behind}"  # WCAG 2.2, level AA


@pytest.mark.parametrize("value", [math.nan, -math.inf, math.inf])
def test_a_masked_cell_is_white_and_its_number_black(value):
    figure, axes = plots.figure()
    plots.heatmap(axes, torch.tensor([[value, 0.0], [1.0, 2.0]]), numbers=True)
    drawn(figure)
    assert numbers_of(axes)[0].get_color() == "black"


def test_a_heatmap_of_weights_with_gradients():
    figure, axes = plots.figure()
    matrix = torch.rand(2, 2, requires_grad=True)
    plots.heatmap(axes, matrix, numbers=True)
    plots.heatmap(axes, (matrix > 0.5), numbers=True)
    plots.heatmap(axes, matrix.bfloat16(), numbers=True)
    drawn(figure)
    assert matrix.requires_grad


def test_heatmap_leaves_its_arguments_alone():
    matrix, labels = [[1.0, 2.0]], ["a b", "c"]
    _, axes = plots.figure()
    plots.heatmap(axes, matrix, column_labels=labels, numbers=True)
    assert matrix == [[1.0, 2.0]] and labels == ["a b", "c"]


def test_colored_tokens_stay_inside_and_have_the_colors_of_their_values():
    figure, axes = plots.figure(height=1.5)
    pieces = ["good ", "and", "$bad", "\n", "漢"] * 20
    plots.colored_tokens(axes, pieces, [2.0, 0.0, -2.0, 1.0, -1.0] * 20, per_row=60)
    assert drawn(figure).startswith(b"\x89PNG")
    assert [text.get_text() for text in axes.texts] == [plots.readable(piece) for piece in pieces]
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    for patch in axes.patches:
        assert left <= patch.get_x() and patch.get_x() + patch.get_width() <= right
        assert low <= patch.get_y() and patch.get_y() + patch.get_height() <= high
    red, _, blue, _ = axes.patches[0].get_facecolor()
    assert blue > red  # above zero: purple
    red, _, blue, _ = axes.patches[2].get_facecolor()
    assert red > blue  # below: orange


def test_intervals_show_each_row_with_its_ends_its_score_and_its_color():
    figure, axes = plots.figure()
    found = {"low": Interval(0.5, 0.4, 0.6), "person": Interval(0.9, 0.8, 0.95), "ours": Interval(0.75, 0.7, 0.8)}
    plots.intervals(axes, found, special=("person", "ours"))
    bars, dots = axes.lines[::2], axes.lines[1::2]
    assert [(list(bar.get_xdata()), list(bar.get_ydata())) for bar in bars] == [
        ([one.low, one.high], [row, row]) for row, one in enumerate(found.values())
    ]
    assert [float(dot.get_xdata()[0]) for dot in dots] == [one.value for one in found.values()]
    assert [dot.get_color() for dot in dots] == [plots.BLUE, plots.BLACK, plots.VERMILION]
    assert [text.get_text() for text in axes.texts] == ["50.0%", "90.0%", "75.0%"]
    assert [label.get_text() for label in axes.get_yticklabels()] == list(found)
    assert drawn(figure)


def test_colored_tokens_of_nothing_of_zeros_and_of_other_lengths():
    for pieces, values in (([], []), (["a"], [0.0])):
        figure, axes = plots.figure(height=1)
        plots.colored_tokens(axes, pieces, values)
        drawn(figure)
    with pytest.raises(ValueError, match="2 pieces and 1 values"):
        plots.colored_tokens(plots.figure()[1], ["a", "b"], [1.0])
