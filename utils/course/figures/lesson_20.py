"""The figures of lesson 20: the overview, a scaling law, memory, bits, speculation, MinHash's bands, accuracy by shots."""

from __future__ import annotations

import numpy

from utils import sizes
from utils.course import plots

GIGABYTE = 1e9


def overview(losses: dict, larger: list, bits: dict, jobs: dict):
    """Loss over weights, perplexity over bits, tokens a pass by job: three recorded runs in one row."""
    figure, (left, middle, right) = plots.figure(columns=3, width=12, height=3.4)
    means = [sum(seeds) / len(seeds) for seeds in losses.values()]
    left.plot(range(1, len(means) + 1), means, "o-", color=plots.BLUE)
    left.plot(len(means) + 1, sum(larger) / len(larger), "D", color=plots.ORANGE)
    left.set(
        title="1. loss by size of the model",
        xlabel="sizes, smallest first; orange: forecast",
        ylabel="held-out loss, nats a token",
    )
    rows = [(each[0], float(numpy.exp(numpy.mean(each[1])))) for each in bits.values()][1:]
    middle.plot(*zip(*rows), "o", color=plots.VERMILION)
    middle.set(title="3. perplexity by bits a weight", xlabel="bits a weight, scales counted in", yscale="log")
    middle.set_ylabel("perplexity of SmolLM2")
    names = list(jobs)
    values = [jobs[name]["look-up"]["tokens a pass"] for name in names]
    colors = [plots.GREEN] * 4 + [plots.ORANGE] * (len(names) - 4)
    right.barh(names[::-1], values[::-1], color=colors[::-1])
    right.axvline(1, color=plots.BLACK, linewidth=1)
    right.set(title="4. tokens in one pass", xlabel="green: jobs that copy, orange: that do not")
    return figure


def scaling(weights, losses: dict, means, held: int, seen: list, forecast: dict, law):
    """Six sizes with their seeds, the law and the plain line through them, and the larger run that was forecast."""
    figure, axis = plots.figure(width=8.5, height=4)
    for count, seeds in zip(weights, losses.values()):
        axis.plot([count] * len(seeds), seeds, "o", color=plots.BLUE, markersize=5, alpha=0.7)
    xs = numpy.geomspace(weights[0], held, 60)
    axis.plot(xs, law(xs), color=plots.BLUE, label="E + (A / N)^alpha, fitted to the blue points")
    slope = numpy.polyfit(numpy.log(weights), numpy.log(means), 1)
    axis.plot(xs, numpy.exp(numpy.polyval(slope, numpy.log(xs))), "--", color=plots.GREEN, label="plain power law")
    axis.plot([held] * len(seen), seen, "D", color=plots.VERMILION, label="held out: the larger run, each seed")
    axis.plot([weights[-1], held], [forecast["last value"]] * 2, ":", color=plots.BLACK, label="last value")
    axis.set(xscale="log", yscale="log", xlabel="N, weights outside the embedding", ylabel="held-out loss, nats a token")
    ticks = [tick for tick in (1, 1.2, 1.5, 2, 2.5, 3, 3.5, 4, 5) if min(*seen, *means) * 0.8 < tick < 1.1 * max(means)]
    axis.set_yticks(ticks, [str(tick) for tick in ticks], minor=False)
    axis.minorticks_off()
    axis.set_title("The larger run, and what the smaller ones said of it")
    axis.legend()
    return figure


def memory(models: dict[str, sizes.Sizes], bits: float, tokens: int, users: int):
    """Weights and cache of each model, beside the memory of one, two, eight and sixteen GPUs of 80 GB."""
    figure, axis = plots.figure(width=9, height=2.6)
    names = list(models)
    weights = [sizes.weight_bytes(each.parameters, bits) / GIGABYTE for each in models.values()]
    caches = [each.cache_bytes(tokens, users) / GIGABYTE for each in models.values()]
    axis.barh(names, weights, color=plots.BLUE, label=f"weights, {bits} bits")
    axis.barh(names, caches, left=weights, color=plots.ORANGE, label=f"KV cache, {users} users of {tokens:,} tokens, 16 bits")
    for count in (1, 2, 4, 8):
        axis.axvline(80 * count, color=plots.BLACK, linewidth=1, linestyle=":")
    for row, total in enumerate(w + c for w, c in zip(weights, caches)):
        axis.annotate(f" {total:,.0f} GB", (total, row), va="center", fontsize=9)
    axis.set(xlim=(0, 1.15 * max(w + c for w, c in zip(weights, caches))), xlabel="gigabytes; dotted: 1, 2, 4, 8 GPUs of 80 GB")
    axis.set_title("What must lie in memory while it writes")
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    return figure


def bits(found: dict[str, tuple[float, list[float]]]):
    """Perplexity with its interval over bits a weight; names beside the points."""
    figure, axis = plots.figure(width=9, height=4)
    kinds = {"blocks of 16": plots.GREEN, "blocks of 64": plots.BLUE, "a row": plots.VERMILION}
    for kind, color in kinds.items():
        rows = sorted(
            (each for name, each in found.items() if " bits, " in name and name.endswith(kind)), key=lambda row: row[0]
        )
        axis.plot([row[0] for row in rows], [row[1][0] for row in rows], "o-", color=color, label=f"2, 3, 4 bits, {kind}")
        for width, (_, low, high) in rows:
            axis.plot([width, width], [low, high], color=color, linewidth=1)
    for name, marker in (("int8, a row", "s"), ("Q4_1, blocks of 32", "D"), ("NF4, blocks of 64", "^")):
        axis.plot(found[name][0], found[name][1][0], marker, color=plots.BLACK, label=name, linestyle="none", markersize=7)
    axis.axhline(found["as loaded"][1][0], color=plots.BLACK, linewidth=1, linestyle=":", label="as loaded")
    axis.set(yscale="log", xlabel="bits a weight, scales counted in", ylabel="perplexity, logarithmic")
    axis.set_title("Perplexity by bits: flat, then steep")
    axis.legend(fontsize=9)
    return figure


def speculation(jobs: dict, copies: list[str]):
    """Tokens a pass and speed-up of both drafts by job; those that copy first."""
    figure, axes = plots.figure(columns=2, width=11, height=3.6, sharey=True)
    names = list(jobs)
    places = numpy.arange(len(names))[::-1]
    for shift, draft, color in ((0.2, "look-up", plots.BLUE), (-0.2, "n-grams", plots.ORANGE)):
        axes[0].barh(places + shift, [jobs[name][draft]["tokens a pass"] for name in names], 0.38, color=color, label=draft)
        speed = [jobs[name]["alone"]["seconds"] / jobs[name][draft]["seconds"] for name in names]
        axes[1].barh(places + shift, speed, 0.38, color=color)
    axes[0].set_yticks(places, [f"{name} (copies)" if name in copies else name for name in names])
    for axis, title in zip(axes, ("tokens in one pass", "times as fast as alone")):
        axis.axvline(1, color=plots.BLACK, linewidth=1)
        axis.set_title(title)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def bands(jaccard: dict, found: set, count: int, rows: int):
    """The share of pairs that meet in a band, in steps of their similarity, on the curve that is to be expected."""
    figure, axis = plots.figure(width=7.5, height=3.2)
    xs = numpy.linspace(0, 1, 200)
    axis.plot(xs, 1 - (1 - xs**rows) ** count, color=plots.BLACK, label=f"1 - (1 - J^{rows})^{count}")
    for low in numpy.arange(0, 1, 0.1):
        inside = [(value, pair in found) for pair, value in jaccard.items() if low <= value < low + 0.1]
        if inside:
            value, share = (sum(each) / len(inside) for each in zip(*inside))
            axis.plot(value, share, "o", color=plots.BLUE)
            axis.annotate(f"{len(inside):,}", (value, share), xytext=(8, -4), textcoords="offset points", fontsize=8)
    axis.set(
        xlabel="Jaccard similarity J (numbers: pairs in this step)", ylabel="share that meets in a band", xlim=(-0.03, 1.1)
    )
    axis.set_title("Near copies meet, others do not")
    axis.legend()
    return figure


def shots(by_order: dict, accuracy: dict):
    """Accuracy of each draw of shots, their mean with its interval, and the programs as lines."""
    figure, axis = plots.figure(width=8.5, height=3.8)
    for place, (count, each) in enumerate(by_order.items()):
        axis.plot([place] * len(each), each, "o", color=plots.SKY, markersize=5)
        found = accuracy[f"{count} shots"]
        axis.errorbar(
            place + 0.12, found.value, [[found.value - found.low], [found.high - found.value]], fmt="s", color=plots.BLUE
        )
    styles = {"majority": (plots.BLACK, ":"), "nearest of 16 shots": (plots.VERMILION, "--"), "lexicon": (plots.GREEN, "-")}
    for name, (color, style) in styles.items():
        axis.axhline(accuracy[name].value, color=color, linestyle=style, label=name)
    axis.set_xticks(range(len(by_order)), [str(count) for count in by_order])
    axis.set(xlabel="shots in the prompt (each draw a dot; square: mean, with the interval over rows)", ylabel="accuracy")
    axis.set_title("More shots are not always better")
    figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    return figure
