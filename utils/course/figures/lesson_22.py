"""The figures of lesson 22: LitGPT's losses, scores of all methods on two sets of rows, calls for help, a search's list."""

from __future__ import annotations

import numpy as np

from utils.course import plots
from utils.metrics import Interval, mean_interval


def losses(whole: dict[str, list], live: dict[str, list] | None):
    """The recorded training, with the validation loss before it and after each epoch; the live steps over it."""
    figure, axes = plots.figure(width=8, height=2.8)
    axes.plot(range(1, len(whole["training"]) + 1), whole["training"], color=plots.BLUE, label="recorded, training")
    steps = np.linspace(0, len(whole["training"]), len(whole["validation"]))
    axes.plot(steps, whole["validation"], "s", color=plots.BLACK, label="recorded, validation")
    if live:
        axes.plot(range(1, len(live["training"]) + 1), live["training"], "o", color=plots.VERMILION, label="live, training")
    axes.set(xlabel="step of eight rows", ylabel="loss on the answers", ylim=(0, None), title="LitGPT trains SmolLM2")
    axes.legend()
    return figure


def answer(right: dict[str, list[int]]):
    """right: method -> 1 or 0 for each row, 140 of `test` and then 120 of `unseen`, six for each of 20 facts."""
    names = {"search": "search (MiniLM)", "before": "before", "after": "after"}
    parts = {"test": lambda one: one[:140], "unseen": lambda one: np.reshape(one[140:], (20, 6)).mean(1)}
    found = {names[name]: {part: mean_interval(cut(one)) for part, cut in parts.items()} for name, one in right.items()}
    return sets(found, "right fact of 160, 95 % interval")


MODELS = ("before", "after", "after, with a note")  # drawn in colors of their own; the others are searches and programs
TITLES = {"test": "learned facts, new words", "unseen": "facts never seen", "fair": "never seen, fair choice"}


def sets(found: dict[str, dict[str, Interval]], label: str, guess: float | None = None):
    """found: method -> "test", "unseen" ... -> interval. A panel for each set; a dotted line where guessing lies."""
    parts = list(next(iter(found.values())))
    figure, panels = plots.figure(columns=len(parts), width=9.5, height=0.34 * len(found) + 1.1, sharey=True)
    for axes, part in zip(panels, parts):
        plots.intervals(axes, {method: both[part] for method, both in found.items()}, special=MODELS, digits=0)
        axes.set(xlim=(-0.02, 1.02), xlabel=label, title=TITLES[part])
        if guess is not None:
            axes.axvline(guess, color="gray", linestyle=":")
    return figure


def nearest(question: str, names: list[str], likeness: list[float], right: int | None):
    """The facts nearest to a question, the right one in another color."""
    figure, axes = plots.figure(width=9, height=0.4 * len(names) + 0.8)
    colors = [plots.VERMILION if place == right else plots.BLUE for place in range(len(names))]
    axes.barh(range(len(names)), likeness, color=colors)
    axes.set_yticks(range(len(names)), labels=[name if len(name) < 72 else name[:70] + " ..." for name in names], fontsize=8)
    axes.invert_yaxis()
    axes.set(xlabel="likeness (cosine) by MiniLM", title=plots.readable(question).replace("·", " ")[:90], xlim=(0, 1))
    return figure


def calls(where_it_must: dict[str, Interval], where_it_need_not: dict[str, Interval]):
    """Which share of the answers calls for help, where the reference does and where it does not."""
    figure, panels = plots.figure(columns=2, width=9.5, height=0.34 * len(where_it_must) + 1.1, sharey=True)
    titles = ("where it must: more is better", "where it need not: less is better")
    for axes, found, title in zip(panels, (where_it_must, where_it_need_not), titles):
        plots.intervals(axes, found, special=MODELS, digits=0)
        axes.set(xlim=(-0.02, 1.02), xlabel="share that calls for help", title=title)
    return figure
