"""The figures of lesson 14: eight prefixes inside and outside the world, span corruption, the bias, what a start is worth."""

from __future__ import annotations

from utils.course import plots


def prefixes(results: dict):
    """Each task's score beside that of the best trivial program, with intervals: one panel for each place.

    results: "place: task" -> {"model": (score, low, high), "trivial": the same}.
    """
    figure, axes = plots.figure(columns=2, width=11, height=3.6)
    titles = {"inside": "inside its small world: ahead on five of six", "outside": "outside: ahead on none of eight"}
    for panel, (place, title) in zip(axes, titles.items()):
        rows = [(name.split(": ")[1], each) for name, each in results.items() if name.startswith(place)]
        for y, (_, each) in enumerate(reversed(rows)):
            (model, low, high), (trivial, *ends) = each["model"], each["trivial"]
            panel.plot([low, high], [y + 0.12] * 2, color=plots.BLUE)
            panel.plot(ends, [y - 0.12] * 2, color=plots.BLACK)
            panel.plot(model, y + 0.12, "o", color=plots.BLUE, label="t5-mini" if y == 0 else None)
            panel.plot(trivial, y - 0.12, "x", color=plots.BLACK, label="best trivial program" if y == 0 else None)
        panel.set(yticks=range(len(rows)), yticklabels=[task for task, _ in reversed(rows)], xlim=(-0.03, 1.03), xlabel="score")
        panel.set_title(title)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9)
    return figure


def biases(encoder, decoder, reach: int):
    """The learned bias over the distance, a line for each head: encoder (H, 2 reach + 1), decoder (H, reach + 1)."""
    figure, axes = plots.figure(columns=2, width=10, height=3.2, sharey=True)
    for axis, curves, title in zip(axes, (encoder, decoder), ("encoder: both sides", "decoder: the past alone")):
        for head, values in enumerate(curves):
            axis.plot(range(-reach, len(values) - reach), values, label=f"head {head}", drawstyle="steps-mid")
        axis.set(title=title, xlabel="distance of the key, s - t", ylabel="learned bias")
    axes[1].legend(fontsize=9)
    return figure


def starts(losses: dict):
    """The test loss of every seed by its start, one panel for each task: task -> start -> losses."""
    figure, axes = plots.figure(columns=len(losses), width=10, height=2.6, sharey=True)
    for panel, (task, plans) in zip(axes, losses.items()):
        for y, each in enumerate(reversed(plans.values())):
            panel.plot(each, [y] * len(each), "o", color=plots.COLORS[y], alpha=0.7)
        ticks = {"yticks": range(len(plans)), "yticklabels": list(reversed(plans)), "ylim": (-0.5, len(plans) - 0.5)}
        panel.set(xlabel="test loss, nats a token", title=task, **ticks)
    return figure


def corruption(pair: tuple[list[str], list[str]]):
    """A text with its sentinels, and below it what each of them stands for: two lists of pieces."""
    figure, axes = plots.figure(rows=2, width=9, height=3.4, height_ratios=[3.2, 1])
    for axis, part, title in zip(axes, pair, ("source", "target: what each sentinel stands for")):
        plots.tokens(axis, part, per_row=80)
        axis.set_title(f"{title} ({len(part)} tokens)")
    return figure
