"""The figures of lesson 15: scores of all methods, token lengths of the formats, losses of two trainers, what is missed."""

from __future__ import annotations

import numpy as np

from utils.course import plots
from utils.metrics import Interval


def scores(found: dict[str, Interval], title: str, special: tuple[str, ...] = ("capitals, all LOC", "AutoTrain, whole")):
    """F1 of each method with its interval, the lowest at the bottom."""
    figure, axes = plots.figure(width=8, height=0.3 * len(found) + 0.9)
    plots.intervals(axes, dict(sorted(found.items(), key=lambda pair: pair[1].value)), special=special)
    axes.set(xlabel="F1 of whole names on 238 test sentences, with its 95 % interval", title=title, xlim=(0, 0.9))
    return figure


def lengths(lengths_of: dict[str, tuple[list[int], list[int]]]):
    """How many tokens a model reads and writes in each format: medians, and what nine of ten stay below."""
    figure, panels = plots.figure(columns=2, width=8.5, height=2.3, sharey=True)
    for panel, side, label in zip(panels, (0, 1), ("tokens read", "tokens written")):
        for row, both in enumerate(lengths_of.values()):
            panel.plot([np.percentile(both[side], 10), np.percentile(both[side], 90)], [row, row], color=plots.BLUE)
            panel.plot(np.median(both[side]), row, "o", color=plots.BLUE)
        panel.set(xlabel=label, xlim=(0, None), yticks=range(len(lengths_of)), yticklabels=list(lengths_of))
    panels[0].set_title("What numbers cost is read")
    panels[1].set_title("What markup costs is written")
    return figure


def two_trainers(autotrain: dict[str, list], trainer: list):
    """The losses of the same recipe under two versions of Transformers."""
    figure, axes = plots.figure(width=7, height=2.8)
    if autotrain["training"]:
        axes.plot(*zip(*autotrain["training"]), "o", color=plots.VERMILION, markersize=7, label="AutoTrain, Transformers 4.48")
    axes.plot(*zip(*trainer), "-", color=plots.BLUE, label="Seq2SeqTrainer, Transformers 5")
    if autotrain["validation"]:
        axes.plot(*zip(*autotrain["validation"]), "s", color=plots.BLACK, label="AutoTrain, on validation rows")
    axes.set(xlabel="epoch", ylabel="loss", ylim=(0, None), title="One recipe, two trainers")
    axes.legend(fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def alignment(pieces: list[str], labels: list[str]):
    """The pieces of a sentence and the label of each below it; pieces without a label are pale."""
    figure, axes = plots.figure(width=9.5, height=1.1)
    at = 0.0
    for piece, label in zip(pieces, labels):
        width = 0.13 * max(len(piece), len(label)) + 0.12
        color = "white" if label == "-100" else plots.SKY if label == "O" else plots.ORANGE
        axes.add_patch(plots.plt.Rectangle((at, 0.5), width, 0.45, facecolor=color, edgecolor="gray", linewidth=0.5))
        axes.text(at + width / 2, 0.72, piece, ha="center", va="center", fontsize=9)
        axes.text(
            at + width / 2, 0.25, label, ha="center", va="center", fontsize=8, color="gray" if label == "-100" else "black"
        )
        at += width + 0.04
    axes.set(xlim=(0, at), ylim=(0, 1), title="A word's label stands at its first piece")
    axes.axis("off")
    return figure


def recall(groups: dict[str, int], found: dict[str, list[float]]):
    """The share of names that each method finds, by what the name or its sentence is like."""
    figure, axes = plots.figure(width=9, height=3)
    width = 0.8 / len(found)
    colors = (plots.SKY, plots.VERMILION, plots.BLUE, plots.GREEN)
    for place, ((name, shares), color) in enumerate(zip(found.items(), colors)):
        axes.bar(np.arange(len(groups)) + (place - (len(found) - 1) / 2) * width, shares, width, color=color, label=name)
    axes.set_xticks(range(len(groups)), labels=[f"{name}\n({count})" for name, count in groups.items()], fontsize=8)
    axes.set(ylabel="share of names found", ylim=(0, 1), title="MiniLM finds most new names, the program fewer than half")
    axes.legend(fontsize=9, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.25))
    return figure


def marked(words: list[str], found: dict[str, list[tuple[str, int, int]]]):
    """A sentence, and a row of boxes under it for each program: what it calls a name."""
    figure, axes = plots.figure(width=9.5, height=0.32 * len(found) + 0.6)
    colors = {"PER": plots.SKY, "LOC": plots.GREEN, "ORG": plots.ORANGE, "MISC": plots.PURPLE}
    edges = np.cumsum([0.0] + [0.13 * len(word) + 0.2 for word in words])
    for word, left, right in zip(words, edges, edges[1:]):
        axes.text((left + right) / 2, 0, plots.readable(word), ha="center", va="center", fontsize=9)
    for row, (name, spans) in enumerate(found.items(), 1):
        axes.text(-0.2, -row, name, ha="right", va="center", fontsize=9)
        for kind, first, end in dict.fromkeys(spans):
            corner, width = (edges[first] + 0.04, -row - 0.35), edges[end] - edges[first] - 0.08
            axes.add_patch(plots.plt.Rectangle(corner, width, 0.7, facecolor=colors[kind], alpha=0.6))
            axes.text((edges[first] + edges[end]) / 2, -row, kind, ha="center", va="center", fontsize=8)
    axes.set(xlim=(-3.2, edges[-1]), ylim=(-len(found) - 0.6, 0.6), title="What each program marks")
    axes.axis("off")
    return figure
