"""The figures of lesson 16: what a next-token model does beyond its task, surprise, kept tokens, temperatures, heads, lens."""

from __future__ import annotations

import math

import numpy

from utils.course import plots

METHODS = {"top_k": plots.BLUE, "top_p": plots.VERMILION, "min_p": plots.GREEN}


def answer(ablation: dict, learned: dict):
    """The lesson's result: cost of the repeated half with and without some heads; answers right by number of examples.

    ablation: "whole", "induction 8", "random 8" -> (mean, low, high) of nats a token.
    learned: task -> {number of examples: (mean, low, high)}.
    """
    figure, (left, right) = plots.figure(columns=2, width=11, height=3.6, width_ratios=(1, 1.35))
    for row, (value, low, high) in enumerate(reversed(ablation.values())):
        left.plot([low, high], [row, row], color=plots.COLORS[row % 3])
        left.plot(value, row, "o", color=plots.COLORS[row % 3])
    labels = ["without 8 other heads", "without 8 induction heads", "whole"]
    left.set(yticks=range(len(ablation)), yticklabels=labels, ylim=(-0.5, len(ablation) - 0.5), xlim=(0, None))
    left.axvline(math.log(49_152), color=plots.BLACK, linestyle=":", linewidth=1.2)
    left.text(math.log(49_152) - 0.2, len(ablation) - 0.6, "guessing", fontsize=8, ha="right")
    left.set(xlabel="nats a token, second time", title="it copies by a few heads")
    by_examples(right, learned)
    right.set_title("it learns tasks from examples in the prompt")
    return figure


def by_examples(axis, learned: dict) -> None:
    """Answers right over the number of examples, a line for each task, with intervals."""
    places = [0, 1, 2, 4, 8]
    for number, (task, found) in enumerate(learned.items()):
        x = [places.index(int(k)) + 0.05 * (number - 2.5) for k in found]
        values, lows, highs = (numpy.array(column) for column in zip(*found.values()))
        color, style = plots.COLORS[number], ("-", "--", "-.", ":", "-", "--")[number]
        axis.errorbar(x, values, (values - lows, highs - values), color=color, linestyle=style, marker="o", ms=4, label=task)
    axis.set(
        xticks=range(len(places)),
        xticklabels=places,
        xlabel="examples in the prompt",
        ylabel="answers right",
        ylim=(-0.03, 1.03),
    )
    axis.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))


def surprise(pieces: list[str], bits):
    """A text's tokens, the darker the more bits each cost."""
    figure, axis = plots.figure(width=10, height=2.2)
    plots.colored_tokens(axis, pieces, bits, per_row=110)
    axis.set_title("the darker, the more bits: names and new turns are dear, grammar is cheap")
    return figure


def kept(largest, counts: dict):
    """How many tokens each rule keeps at each place, over the probability of the likeliest token there."""
    figure, axes = plots.figure(columns=len(counts), width=11, height=3.0, sharey=True)
    for axis, (name, numbers) in zip(axes, counts.items()):
        axis.plot(largest, numbers, "o", ms=3, alpha=0.5, color=METHODS[name.split(" ")[0]])
        axis.set(title=name, xlabel="probability of the likeliest", yscale="log")
    axes[0].set_ylabel("tokens kept")
    return figure


def candidates(pieces: list[str], before, after):
    """The likeliest next tokens: their probability before the rules, and after them; what is taken out stays pale."""
    figure, axis = plots.figure(width=9, height=4.2)
    rows = numpy.arange(len(pieces))
    axis.barh(rows + 0.2, before, 0.38, color="#BBBBBB", label="as the model gives it")
    axis.barh(rows - 0.2, after, 0.38, color=plots.BLUE, label="with temperature and rules")
    axis.set_yticks(rows, labels=[plots.readable(piece) for piece in pieces], parse_math=False)
    axis.invert_yaxis()
    axis.set(xlabel="probability", title=f"{int((numpy.asarray(after) > 0).sum())} of these {len(pieces)} tokens can come")
    axis.legend(fontsize=9, loc="lower right")
    return figure


def temperatures(results: dict, marks: dict, true: dict):
    """Sentences that the grammar accepts, stories that agree, sentences that are distinct, each over the temperature.

    results: temperature -> [{"accepted": .., "agrees": .., "distinct": ..} of each seed]. marks: rule -> the same, at one
    temperature. true: the same of true stories.
    """
    names = {"accepted": "sentences accepted", "agrees": "stories that agree", "distinct": "sentences distinct"}
    figure, axes = plots.figure(columns=3, width=11, height=3.2, sharey=True)
    for axis, (key, title) in zip(axes, names.items()):
        x = [float(temperature) for temperature in results]
        runs = numpy.array([[run[key] for run in seeds] for seeds in results.values() if len(seeds) > 1])
        line = [numpy.mean([run[key] for run in seeds]) for seeds in results.values()]
        axis.plot(x, line, color=plots.BLUE)
        axis.plot(numpy.repeat(x[-len(runs) :], runs.shape[1]), runs.ravel(), ".", color=plots.BLUE, alpha=0.6)
        for number, (rule, (temperature, seeds)) in enumerate(marks.items(), start=1):
            values = [run[key] for run in seeds]
            axis.plot(
                [temperature] * len(values), values, "^sD"[number - 1], ms=5, color=plots.COLORS[number], label=rule, alpha=0.8
            )
        axis.axhline(true[key], color=plots.BLACK, linestyle=":", linewidth=1.2, label="true stories")
        axis.set(title=title, xlabel="temperature", ylim=(-0.03, 1.03))
    axes[0].legend(fontsize=8, loc="lower left")
    return figure


def times(lengths: list[int], without: list[float], with_cache: list[float]):
    """Seconds for a continuation of so many tokens."""
    figure, axis = plots.figure(width=7, height=3.0)
    axis.plot(lengths, without, "o-", color=plots.VERMILION, label="everything anew for each token")
    axis.plot(lengths, with_cache, "o-", color=plots.BLUE, label="with a cache")
    axis.set(
        xlabel="tokens written", ylabel="seconds", ylim=(0, None), title="without a cache, time grows faster than the text"
    )
    axis.legend(fontsize=9)
    return figure


def bits(results: dict):
    """Bits a byte with intervals, a panel for each text: text -> name -> (value, low, high)."""
    figure, axes = plots.figure(columns=len(results), width=11, height=2.6, sharex=True)
    for axis, (text, rows) in zip(axes, results.items()):
        for row, (value, low, high) in enumerate(reversed(rows.values())):
            color = plots.BLACK if "counted" in list(reversed(rows))[row] else plots.BLUE
            axis.plot([low, high], [row, row], color=color)
            axis.plot(value, row, "o", color=color)
        axis.set(yticks=range(len(rows)), yticklabels=list(reversed(rows)), ylim=(-0.5, len(rows) - 0.5), xlim=(0, None))
        axis.set(xlabel="bits a byte, less is better", title=text)
    return figure


def heads(scores, chosen: list[tuple[int, int]], attention, pieces: list[str]):
    """Left: each head's induction score. Right: one head's attention over a repeated text."""
    figure, (left, right) = plots.figure(columns=2, width=11, height=4.6, width_ratios=(1, 1.5))
    image = plots.heatmap(left, scores, limits=(0, 1))
    left.set(xlabel="head", ylabel="layer", title="induction score", aspect="auto", xticks=range(scores.shape[1]))
    left.plot([head for _, head in chosen], [layer for layer, _ in chosen], "s", mfc="none", mec=plots.VERMILION, ms=9)
    figure.colorbar(image, ax=left, shrink=0.8)
    plots.heatmap(right, attention, pieces, pieces, limits=(0, 1))
    right.set_title("one head: each repeated token looks at what followed it before")
    return figure


def lens(words: list[list[str]], layers: list[int], pieces: list[str], shares, agree: dict):
    """Left: the likeliest next token after some layers, at each place. Right: how often that is the last layer's choice."""
    figure, (left, right) = plots.figure(columns=2, width=11.5, height=4.2, width_ratios=(2.2, 1))
    plots.heatmap(left, shares, layers, pieces, limits=(0, 1))
    left.set(aspect="auto", ylabel="layers passed", title="the likeliest next token, read after each layer")
    for row, line in enumerate(words):
        for column, word in enumerate(line):
            color = "black" if shares[row, column] > 0.6 else "white"
            left.text(
                column, row, plots.readable(word)[:9], ha="center", va="center", fontsize=7, color=color, parse_math=False
            )
    right.plot(list(agree), list(agree.values()), "o-", color=plots.BLUE)
    right.set(xlabel="layers passed", ylabel="share of places", ylim=(0, 1.03), title="the choice is that of the last layer")
    return figure
