"""The figures of lesson 9: the ways of teaching, softened answers, gradients, the sweep, doubts, mistakes."""

from __future__ import annotations

import numpy as np

from utils.course import plots


def ways(found: dict, seeds: dict[str, list[float]], special: tuple[str, ...], title: str):
    """Accuracies with their intervals, and above a student's row a stroke for each seed."""
    figure, axes = plots.figure(width=8, height=0.32 * len(found) + 0.8)
    plots.intervals(axes, found, special=special)
    for place, name in enumerate(found):
        axes.plot(seeds.get(name, []), [place + 0.3] * len(seeds.get(name, [])), "|", color=plots.VERMILION, markersize=6)
    axes.set(xlabel="accuracy on 1,907 test sentences with its 95 % interval; strokes: five seeds", title=title)
    return figure


def softened(temperatures, probabilities, names):
    """The same logits at several temperatures: bars side by side."""
    figure, panels = plots.figure(columns=len(temperatures), width=8.5, height=2, sharey=True)
    for axis, temperature, p in zip(panels, temperatures, probabilities):
        axis.bar(names, p, color=plots.SKY)
        for place, value in enumerate(p):
            axis.text(place, value + 0.02, f"{value:.2f}", ha="center", fontsize=9)
        axis.set(title=f"T = {temperature:g}", ylim=(0, 1.12))
    panels[0].set_ylabel("probability")
    return figure


def gradients(temperatures, without, with_square):
    """The mean size of the gradient against T, both axes logarithmic."""
    figure, axes = plots.figure(width=6.5, height=2.6)
    axes.plot(temperatures, without, "o-", color=plots.VERMILION, label="without the factor")
    axes.plot(temperatures, with_square, "s-", color=plots.BLUE, label="times T squared")
    axes.plot(temperatures, with_square[-1] / np.square(temperatures), ":", color="gray", label="1 / T squared")
    axes.set(xscale="log", yscale="log", xlabel="temperature T", ylabel="gradient's mean size")
    axes.set_title("The factor T squared keeps the gradient's size")
    axes.set_xticks(temperatures, labels=[f"{t:g}" for t in temperatures])
    axes.minorticks_off()
    axes.legend(fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def sweep(accuracy, temperatures, alphas):
    """Mean accuracy for each T (down) and alpha (across), written into the cells: accuracy (splits, T, alpha)."""
    figure, panels = plots.figure(columns=2, width=8, height=2.6)
    for axis, one, name in zip(panels, accuracy, ("validation", "test")):
        image = axis.imshow(one, vmin=np.min(accuracy), vmax=np.max(accuracy), aspect="auto")
        for (row, column), value in np.ndenumerate(one):
            color = plots._text_color(image, value)
            axis.text(column, row, f"{value:.3f}", ha="center", va="center", color=color, fontsize=9)
        axis.set_xticks(range(len(alphas)), labels=[f"{a:g}" for a in alphas])
        axis.set_yticks(range(len(temperatures)), labels=[f"{t:g}" for t in temperatures])
        axis.set(xlabel="alpha", ylabel="T", title=f"accuracy on {name}")
    return figure


def doubts(share, p, edges, means):
    """The teacher's probability beside the raters' share, a point a sentence, and its mean in bins of the share."""
    figure, axes = plots.figure(width=6.5, height=2.9)
    jitter = np.random.default_rng(0).uniform(-0.008, 0.008, len(share))
    axes.plot(np.asarray(share) + jitter, p, ".", color=plots.SKY, markersize=3, alpha=0.6, label="a test sentence")
    axes.plot((edges[1:] + edges[:-1]) / 2, means, "o-", color=plots.VERMILION, label="mean in a tenth")
    axes.plot([0, 1], [0, 1], ":", color=plots.BLACK, label="as sure as the people")
    axes.set(xlabel="share of raters who were positive", ylabel="teacher's probability of positive")
    axes.set_title("The teacher follows the people, and adds doubts of its own")
    axes.legend(fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def mistakes(found: dict[str, tuple]):
    """For each student: how often it is wrong where the teacher is right, and where the teacher is wrong."""
    figure, axes = plots.figure(width=7, height=2.3)
    for place, (where_right, where_wrong) in enumerate(found.values()):
        for one, color, shift in ((where_right, plots.BLUE, 0.12), (where_wrong, plots.VERMILION, -0.12)):
            axes.plot([one.low, one.high], [place + shift] * 2, color=color)
            axes.plot(one.value, place + shift, "o", color=color)
    axes.set_yticks(range(len(found)), labels=list(found))
    axes.set(xlim=(0, 1), xlabel="wrong: blue where the teacher is right, red where the teacher is wrong")
    axes.set_title("Its student gains where the teacher is right, and not where it is wrong")
    return figure
