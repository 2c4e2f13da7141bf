"""The figures of lesson 25: what fewer bits cost, where a request's time goes, thinking, a full context, memory of distills."""

from __future__ import annotations

import statistics

from utils import metrics
from utils.course import plots
from utils.sizes import Sizes, weight_bytes

COLORS = plots.BLUE, plots.ORANGE, plots.GREEN
MACHINES = 8, 16, 32  # GB


def _shares(
    axis, names: list[str], rows: list[list[bool]], color: str, shift: float = 0.0, width: float = 0.7, label: str = ""
):
    """Bars of shares with their 95 % intervals."""
    found = [metrics.mean_interval(row) for row in rows]
    places = [place + shift for place in range(len(names))]
    errors = [[max(one.value - one.low, 0) for one in found], [max(one.high - one.value, 0) for one in found]]
    heights = [one.value for one in found]
    axis.bar(places, heights, width, color=color, label=label, yerr=errors, error_kw={"elinewidth": 1, "capsize": 2})
    axis.set_xticks(range(len(names)), names)
    axis.set_ylim(0, 1.08)


def costs(reasoner: dict[str, dict], closed: list[bool], smollm2: dict[str, dict]):
    """Recorded: right sums of the reasoner and with its thinking closed, SmolLM2's divergence from PyTorch, its speed."""
    figure, axes = plots.figure(columns=3, width=12, height=3.4)
    kinds = list(reasoner)
    _shares(axes[0], kinds, [reasoner[kind]["right"] for kind in kinds], plots.BLUE)
    axes[0].axhline(statistics.mean(closed), color=plots.BLACK, linestyle=":", label="F16, kept from thinking")
    axes[0].legend(loc="upper left", fontsize=8, bbox_to_anchor=(0, 1.02))
    axes[0].set(title="four bits lose sums of your reasoner", ylabel="share right", ylim=(0, 1.25))
    files = [kind for kind in smollm2 if "divergence" in smollm2[kind]]
    found = [metrics.mean_interval(smollm2[kind]["divergence"]) for kind in files]
    axes[1].errorbar(
        range(len(files)),
        [max(one.value, 1e-6) for one in found],
        [[one.value - max(one.low, 1e-6) for one in found], [one.high - one.value for one in found]],
        fmt="o",
        color=plots.VERMILION,
        capsize=3,
    )
    axes[1].set_xticks(range(len(files)), files)
    axes[1].set(title="SmolLM2: how far off PyTorch", ylabel="KL (nats, log axis)", yscale="log", xlim=(-0.5, len(files) - 0.5))
    names = list(smollm2)
    axes[2].bar(range(len(names)), [statistics.median(smollm2[name]["writing"]) for name in names], color=plots.GREEN)
    axes[2].set_xticks(range(len(names)), names, fontsize=9)
    axes[2].set(title="SmolLM2: fewer bits are faster", ylabel="tokens a second, one thread")
    return figure


def by_kind(measured: dict[str, dict]):
    """Live: size, speed and answers of each kind of file of the reasoner."""
    figure, axes = plots.figure(columns=3, width=11, height=3.2)
    kinds = list(measured)
    for axis, part, title in zip(axes, ("megabytes", "speed"), ("megabytes", "tokens a second, one thread")):
        axis.bar(kinds, [measured[kind][part] for kind in kinds], color=plots.GREEN)
        axis.set(title=title)
    for place, (part, label) in enumerate({"same": "as PyTorch writes it", "right": "right"}.items()):
        rows = [measured[kind][part] for kind in kinds]
        _shares(axes[2], kinds, rows, (plots.ORANGE, plots.BLUE)[place], 0.4 * place - 0.2, 0.38, label)
    axes[2].set(title="four bits change answers", ylabel="share", ylim=(0, 1.35))
    axes[2].legend(fontsize=8, loc="upper right", ncols=2)
    return figure


def durations(requests: dict[str, dict[str, float]]):
    """Seconds of loading, reading and writing, a bar for each request."""
    figure, axes = plots.figure(width=9, height=2.6)
    names, left = list(requests), [0.0] * len(requests)
    for part, color in zip(("load", "read", "write"), (plots.BLACK, plots.SKY, plots.GREEN)):
        widths = [requests[name][part] for name in names]
        axes.barh(names, widths, left=left, color=color, label=part)
        left = [start + width for start, width in zip(left, widths)]
    axes.invert_yaxis()
    axes.set(title="a long prompt is read longer than the answer is written", xlabel="seconds", xlim=(0, 1.22 * max(left)))
    axes.legend(loc="center right")
    return figure


def thinking(by_level: dict[str, dict[str, dict]]):
    """Shares of right sums and tokens written, left to itself and with the thinking closed, for kinds of sums."""
    figure, axes = plots.figure(columns=2, width=11, height=3.6)
    names = [name.replace(" of ", "\nof ") for name in by_level]
    for place, habit in enumerate(("as it likes", "closed")):
        color, shift = (plots.BLUE, plots.ORANGE)[place], 0.4 * place - 0.2
        _shares(axes[0], names, [rows[habit]["right"] for rows in by_level.values()], color, shift, 0.38, habit)
        tokens = [statistics.mean(rows[habit]["tokens"]) for rows in by_level.values()]
        axes[1].bar([x + shift for x in range(len(names))], tokens, 0.38, color=color)
    axes[0].set(title="thinking helps up to three numbers of two digits", ylabel="share right", ylim=(0, 1.3))
    axes[0].legend(title="thinking", loc="upper right", ncols=2, fontsize=9)
    axes[1].set(title="and costs tokens", ylabel="tokens of an answer, mean")
    axes[1].set_xticks(range(len(names)), names)
    for axis in axes:
        axis.tick_params(axis="x", labelsize=8)
    return figure


def context(whole: list[int], read: dict[int, list[int]]):
    """Tokens of a growing conversation, and what of it is read with some context lengths."""
    figure, axes = plots.figure(width=8, height=3.2)
    turns = range(1, len(whole) + 1)
    axes.plot(turns, whole, color=plots.BLACK, linestyle="--", label="the whole conversation")
    for (length, tokens), color in zip(read.items(), COLORS):
        axes.plot(turns, tokens, "o-", color=color, markersize=4, label=f"read with num_ctx {length}")
    axes.set(title="what does not fit is left out", xlabel="questions asked so far", ylabel="tokens", ylim=(0, None))
    axes.legend()
    return figure


def memory(distills: dict[str, Sizes], bits: float, tokens: int):
    """Gigabytes of each distill: weights at so many bits, and above them the cache of so many tokens."""
    figure, axes = plots.figure(width=9, height=3.6)
    names = list(distills)
    weights = [weight_bytes(sizes.parameters, bits) / 1e9 for sizes in distills.values()]
    caches = [sizes.cache_bytes(tokens) / 1e9 for sizes in distills.values()]
    axes.bar(names, weights, 0.6, color=plots.BLUE, label=f"weights, {bits} bits each")
    axes.bar(names, caches, 0.6, bottom=weights, color=plots.ORANGE, label=f"cache of {tokens:,} tokens")
    for memory_size in MACHINES:
        axes.axhline(memory_size, color=plots.BLACK, linewidth=0.8, linestyle="--")
        axes.text(len(names) - 0.6, memory_size + 0.5, f"{memory_size} GB", fontsize=8, ha="left")
    for place, (weight, cache) in enumerate(zip(weights, caches)):
        number = axes.text(place, weight + cache + 0.9, f"{weight + cache:.1f}", fontsize=9, ha="center")
        number.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.2})
    axes.set(title="what a DeepSeek-R1 distill takes", ylabel="GB", xlim=(-0.5, len(names) - 0.1), ylim=(0, None))
    axes.legend(loc="upper left")
    return figure
