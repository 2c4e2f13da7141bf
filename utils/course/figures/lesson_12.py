"""The figures of lesson 12: the learning curve, ways beside their seeds, what is kept against what is learned."""

from __future__ import annotations

from utils.course import plots

COLORS = (plots.BLUE, plots.VERMILION, plots.GREEN, plots.PURPLE, plots.ORANGE, plots.SKY, plots.BLACK)
MARKS = "osD^vPX"


def draw_curve(axes, curve: dict[str, dict[int, list[float]]]) -> None:
    """curve: name -> rows -> accuracies, one for each training; a line goes through the means."""
    for (name, by_size), color, mark in zip(curve.items(), COLORS, MARKS):
        axes.plot(list(by_size), [sum(some) / len(some) for some in by_size.values()], "-", color=color, label=name)
        for size, some in by_size.items():
            axes.plot([size] * len(some), some, mark, color=color, markersize=5, alpha=0.7)
    sizes = list(next(iter(curve.values())))
    axes.set(xlabel="training sentences", ylabel="accuracy on test", xscale="log", ylim=(0.45, 0.9))
    axes.set_xticks(sizes, labels=[f"{size:,}" for size in sizes], minor=False)
    axes.minorticks_off()


def draw_trade(axes, marks: dict[str, list[tuple[float, float]]], before: float, words: dict[str, list[str]]) -> None:
    """marks: name -> (recall of the search, accuracy) of each training; before: the recall of MiniLM as it came.

    words: a name -> what stands to the left of each of its marks.
    """
    for (name, points), color, mark in zip(marks.items(), COLORS, MARKS):
        axes.plot(*zip(*points), mark, color=color, label=name)
        for word, point in zip(words.get(name, ()), points):
            axes.annotate(word, point, xytext=(-6, -10), textcoords="offset points", ha="right", fontsize=8)
    axes.axvline(before, color="gray", linestyle=":", label="the search before")
    axes.legend(fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))


def draw_differences(axes, differences: dict) -> None:
    """differences: a label -> an interval; upright, side by side, with a line at zero."""
    for place, one in enumerate(differences.values()):
        axes.plot([place, place], [one.low, one.high], color=plots.BLUE)
        axes.plot(place, one.value, "o", color=plots.BLUE)
    axes.axhline(0, color="gray", linestyle=":")
    axes.set_xticks(range(len(differences)), labels=list(differences))
    axes.set(xlim=(-0.5, len(differences) - 0.5))


def range_test(rates, losses, middles, smooth, lines: dict):
    """The loss of each step against its rate, smoothed; lines: a name -> one rate, dotted, or several, dashed."""
    figure, axes = plots.figure(width=9, height=2.6)
    axes.plot(rates, losses, ".", color=plots.SKY, label="each step")
    axes.plot(middles, smooth, color=plots.BLUE, label="mean of five\n(looks two steps ahead)")
    for name, where in lines.items():
        several = isinstance(where, tuple)
        for place, rate in enumerate(where if several else (where,)):
            style = (
                {"color": plots.BLACK, "linestyle": "--", "linewidth": 1}
                if several
                else {"color": plots.VERMILION, "linestyle": ":"}
            )
            axes.axvline(rate, label=name if place == 0 else None, **style)
    axes.set(xscale="log", xlabel="learning rate", ylabel="loss", ylim=(0.3, 3))
    axes.set_title("Where the loss climbs, the rate is too large")
    axes.legend(fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def schedules(shapes: dict[str, list[float]], own: list[float]):
    """name -> the share of the highest rate at each step; the course's own is dotted."""
    figure, axes = plots.figure(width=7, height=2.3)
    for (name, shape), color in zip(shapes.items(), COLORS):
        axes.plot(shape, color=color, label=name)
    axes.plot(own, ":", color=plots.BLACK, label="the course's")
    axes.set(xlabel="step", ylabel="share of the rate", title="Four schedules with a warm-up of ten steps")
    axes.legend(fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure
