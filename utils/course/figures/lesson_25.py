"""The figures of lesson 25: what a distill takes in memory, and what a file's kind costs."""

from __future__ import annotations

from utils.course import plots

# billions of weights, as the models' pages on the Hub give them (not checked here, without a network)
DISTILLS = {"1.5B": 1.78, "7B": 7.62, "8B": 8.03, "14B": 14.8, "32B": 32.8, "70B": 70.6}
COLORS = plots.BLUE, plots.ORANGE, plots.GREEN


def memory_of_distills(billions: dict[str, float], bits: dict[str, float], machines: tuple[int, ...]):
    """Gigabytes of each distill's weights, a bar for each number of bits, and machines' memories as lines."""
    figure, axes = plots.figure(width=9, height=3.6)
    for place, (kind, size) in enumerate(bits.items()):
        heights = [weights * size / 8 for weights in billions.values()]
        axes.bar([x + 0.27 * (place - 1) for x in range(len(billions))], heights, 0.25, color=COLORS[place], label=kind)
    for memory in machines:
        axes.axhline(memory, color=plots.BLACK, linewidth=0.8, linestyle="--")
        axes.text(-0.55, memory * 1.06, f"a machine with {memory} GB", fontsize=8)
    axes.set_yscale("log")
    axes.set(
        title="What a distill's weights take", ylabel="gigabytes (log axis)", xlabel="DeepSeek-R1-Distill", xlim=(-0.6, None)
    )
    axes.set_xticks(range(len(billions)), billions)
    axes.legend(title="kind of file", loc="upper center", ncols=3)
    return figure


def by_kind(measured: dict[str, dict]):
    """Size, speed and answers of each kind of file."""
    figure, axes = plots.figure(columns=3, width=11, height=3.2)
    kinds = list(measured)
    for axis, part, title in zip(axes, ("megabytes", "speed"), ("megabytes", "tokens a second")):
        axis.bar(kinds, [measured[kind][part] for kind in kinds], color=plots.BLUE)
        axis.set(title=title)
    for place, (part, label) in enumerate({"same": "identical to PyTorch's", "right": "right"}.items()):
        heights = [measured[kind][part] for kind in kinds]
        axes[2].bar([x + 0.4 * place - 0.2 for x in range(len(kinds))], heights, 0.38, color=COLORS[place], label=label)
    axes[2].set_xticks(range(len(kinds)), kinds)
    axes[2].set(title="answers of 40", ylim=(0, 52))
    axes[2].legend(fontsize=8, loc="upper right")
    return figure
