"""The figures of lesson 19: points by writer, rounds, what becomes of the log-ratios, the leash, SmolLM2's pairs."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean

import numpy

from utils import metrics
from utils.course import plots

SHADES = ["#8c2d04", "#d94801", "#fd8d3c", "#fdd0a2", "#c6dbef", "#6baed6", "#08519c"]  # 0 to 6 points
WAYS = {"temperature 1": "points", "greedy": "greedy"}  # how an answer is drawn, and where a log keeps its points
STYLES = "-", "--", ":"  # seeds
DPO_COLOR, SFT_COLOR, CHOSEN_COLOR = plots.BLUE, plots.BLACK, plots.ORANGE


def points_by_writer(logs: dict, chosen: list):
    """Shares of the answers with 0 to 6 points, by writer; all seeds together."""
    last = {"SFT": logs["SFT"], "SFT on the chosen": [run[-1] for run in chosen], "DPO": [run[-1] for run in logs["DPO"]]}
    rows = {f"{name}, {how}": [p for run in runs for p in run[key]] for how, key in WAYS.items() for name, runs in last.items()}
    figure, axes = plots.figure(width=9, height=3.2)
    for place, points in enumerate(rows.values()):
        left = 0.0
        for value, shade in enumerate(SHADES):
            share = points.count(value) / len(points)
            axes.barh(place, share, left=left, color=shade, edgecolor="white", label=f"{value}" if place == 0 else None)
            if share >= 0.05:
                dark = value in (0, 1, 5, 6)
                axes.text(left + share / 2, place, f"{share:.0%}", ha="center", va="center", color="white" if dark else "black")
            left += share
    axes.set_yticks(range(len(rows)), list(rows))
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xticks=[], title="points of the answers to held-out tasks")
    axes.grid(False)
    figure.legend(title="points", loc="outside right center", fontsize=9)
    return figure


def rounds(logs: dict, chosen: list, copier: float, rates: Sequence[Sequence]):
    """Mean points of each seed after each round, and the win rate over SFT with its interval; all at temperature 1.

    rates: of DPO and of SFT on the chosen, a metrics.Interval for each round.
    """
    figure, axes = plots.figure(columns=2, width=11, height=3.4)
    start = mean([mean(run["points"]) for run in logs["SFT"]])
    runs = {"DPO, new pairs each round": (logs["DPO"], DPO_COLOR, "o"), "SFT on the chosen": (chosen, CHOSEN_COLOR, "s")}
    places = range(len(logs["DPO"][0]) + 1)
    for (name, (found, color, mark)), by_round in zip(runs.items(), rates):
        for number, run in enumerate(found):
            values = [start, *(mean(each["points"]) for each in run)]
            style = f"{STYLES[number]}{mark}"
            axes[0].plot(places, values, style, color=color, alpha=0.8, markersize=4, label=None if number else name)
        shift = 0.06 if color == CHOSEN_COLOR else -0.06
        for at, rate in enumerate(by_round, 1):
            ends = [[rate.value - rate.low], [rate.high - rate.value]]
            axes[1].errorbar(at + shift, rate.value, yerr=ends, fmt=mark, color=color, capsize=3, markersize=5)
    greedy = mean([mean(run["greedy"]) for run in logs["SFT"]])
    for value, name, style, color in ((greedy, "SFT, greedy", "-", plots.BLACK), (copier, "copier", "-", plots.PURPLE)):
        axes[0].axhline(value, color=color, linestyle=style, linewidth=1, label=name)
    axes[1].axhline(0.5, color=SFT_COLOR, linewidth=1)
    axes[0].set(xlabel="rounds", ylabel="mean points", xticks=list(places), title="points (a line style for each seed)")
    axes[1].set(
        xlabel="rounds", ylabel="win rate of decided tasks", xticks=list(places[1:]), title="wins over SFT (line: one half)"
    )
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=9)
    return figure


def pull(beta: float):
    """DPO's loss over the margin, and how hard a pair pulls there."""
    figure, axes = plots.figure(columns=2, width=10, height=3.0)
    margin = numpy.linspace(-60, 60, 241)
    axes[0].plot(margin, numpy.logaddexp(0, -beta * margin), color=plots.BLUE)
    axes[1].plot(margin, beta / (1 + numpy.exp(beta * margin)), color=plots.VERMILION)
    axes[0].set(title=f"loss, beta {beta:.2g}", xlabel="margin h_w - h_l")
    axes[1].set(title="pull on the margin", xlabel="margin h_w - h_l", ylim=(0, None))
    return figure


def displaced(sweep: dict, sft: dict):
    """Log-ratios over the steps with and without SFT on the chosen, and how many sentences the answers then have."""
    figure, axes = plots.figure(columns=3, width=11, height=3.2)
    names = "DPO alone, 180 steps", "DPO + SFT, 180 steps"
    for axis, name in zip(axes, names):
        notes = numpy.array(sweep[name]["notes"])
        steps = 10 * numpy.arange(1, len(notes) + 1)
        axis.plot(steps, notes[:, 1], color=plots.BLUE, label="chosen")
        axis.plot(steps, notes[:, 2], color=plots.VERMILION, label="rejected")
        axis.axhline(0, color=plots.BLACK, linewidth=0.8)
        axis.set(title=name.replace("SFT", "SFT on chosen"), xlabel="step", ylabel="log-ratio h")
        axis.legend(fontsize=9)
    low = min(axis.get_ylim()[0] for axis in axes[:2])
    for axis in axes[:2]:
        axis.set_ylim(low, 3)
    bars = {"SFT": sft, "alone": sweep[names[0]], "+ SFT": sweep[names[1]]}
    for place, found in enumerate(bars.values()):
        counts = found["sentences"]
        few, three, more = (
            sum(test(count) for count in counts) / len(counts) for test in (lambda n: n < 3, lambda n: n == 3, lambda n: n > 3)
        )
        left = 0.0
        for share, color, label in ((few, plots.ORANGE, "fewer"), (three, plots.BLUE, "three"), (more, plots.PURPLE, "more")):
            axes[2].bar(place, share, bottom=left, color=color, label=label if place == 0 else None)
            left += share
    axes[2].set_xticks(range(len(bars)), list(bars))
    axes[2].set(title="sentences of the answers", ylabel="share", ylim=(0, 1.3), yticks=[0, 0.5, 1])
    axes[2].legend(fontsize=9, ncols=3, loc="upper center")
    return figure


def leash(sweep: dict, sft: dict):
    """Mean points and KL after one round, by beta."""
    figure, axes = plots.figure(columns=2, width=10, height=3.2)
    betas = [name for name in sweep if name.startswith("beta")]
    values = [float(name.split()[1]) for name in betas]
    scores = [metrics.mean_interval(sweep[name]["points"]) for name in betas]
    ends = [[s.value - s.low for s in scores], [s.high - s.value for s in scores]]
    axes[0].errorbar(values, [s.value for s in scores], yerr=ends, fmt="o", color=plots.BLUE, capsize=3)
    axes[0].axhline(sum(sft["points"]) / len(sft["points"]), color=plots.BLACK, linestyle="--", linewidth=1, label="SFT")
    axes[0].legend(fontsize=9)
    axes[1].plot(values, [sweep[name]["kl"] for name in betas], "o-", color=plots.VERMILION)
    axes[0].set(title="points after one round", ylabel="mean points")
    axes[1].set(title="how far from SFT", ylabel="KL, nats an answer")
    for axis in axes:
        axis.set_xscale("log")
        axis.set_xlabel("beta")
    return figure


def smollm2(log: dict, reasons: Sequence[str]):
    """SmolLM2's held-out pairs: the share in the right order by reason, and the margin over the difference of lengths."""
    figure, axes = plots.figure(columns=2, width=11, height=3.4)
    h = numpy.array(log["after"]) - numpy.array(log["before"])  # (2, pairs)
    margin = h[0] - h[1]
    apart = numpy.array(log["lengths"])
    apart = apart[:, 0] - apart[:, 1]
    right = {name: [float(m > 0) for m, reason in zip(margin, reasons) if reason == name] for name in set(reasons)}
    found = {name: metrics.mean_interval(right[name]) for name in sorted(right, key=lambda name: mean(right[name]))}
    plots.intervals(axes[0], found, digits=0)
    axes[0].axvline(0.5, color=plots.BLACK, linewidth=1)
    axes[0].set(xlim=(0, 1), xlabel="share of held-out pairs in the right order", title="by the reason of the choice")
    axes[1].scatter(apart, margin, s=14, color=plots.BLUE)
    axes[1].axhline(0, color=plots.BLACK, linewidth=1)
    axes[1].axvline(0, color=plots.BLACK, linewidth=0.8, linestyle=":")
    axes[1].set(
        xlabel="tokens of the chosen minus tokens of the rejected", ylabel="margin h_w - h_l", title="margin and length"
    )
    return figure
