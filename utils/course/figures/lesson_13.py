"""Figures of lesson 13, LoRA: drawing alone, every number is handed over."""

import numpy as np

from utils.course import plots


def shares(axes, found: dict, share: dict) -> None:
    """Accuracies with intervals, and beside each the share of the weights that learned."""
    plots.intervals(
        axes, {f"{name} ({share[name]})": one for name, one in found.items()}, special=("", f"LoRA ({share['LoRA']})")
    )
    axes.set(xlabel="accuracy on 1,907 test sentences, with its 95 % interval", title="LoRA beside full fine-tuning")


def boxes(axes, rank: int, rows: int, columns: int) -> None:
    """W, B and A as rectangles to scale."""
    scale = 1 / max(rows, columns)
    for left, width, height, label, color in (
        (0.0, columns * scale, rows * scale, f"W\n{rows} x {columns}\nfrozen", plots.SKY),
        (1.35, rank * scale, rows * scale, "B", plots.VERMILION),
        (1.65, columns * scale, rank * scale, "A", plots.VERMILION),
    ):
        axes.add_patch(plots.plt.Rectangle((left, 1 - height), width, height, color=color))
        inside = label.startswith("W")
        place = (left + width / 2, 1 - height / 2) if inside else (left + width / 2, 1 - height - 0.07)
        axes.text(*place, label, ha="center", va="center" if inside else "top", fontsize=10)
    axes.text(1.18, 0.5, "+ s", ha="center", fontsize=12)
    axes.set(
        xlim=(-0.05, 2.7),
        ylim=(-0.2, 1.05),
        title=f"Rank {rank}: {rank * (rows + columns):,} numbers beside {rows * columns:,}",
    )
    axes.set_aspect("equal")
    axes.axis("off")


def spectrum(axes, shares_of: dict) -> None:
    """name -> cumulated share of the squared singular values, from the largest on."""
    for (name, share), color in zip(shares_of.items(), (plots.BLUE, plots.VERMILION, plots.GREEN)):
        axes.plot(range(1, len(share) + 1), share, color=color, label=name)
    axes.set(
        xscale="log",
        ylim=(0, 1.02),
        xlabel="largest singular values that are kept",
        ylabel="share of the squares",
        title="Eight values hold a third of a change, or most",
    )
    axes.set_xticks([1, 2, 4, 8, 16, 32, 64, 128, 384], labels=[1, 2, 4, 8, 16, 32, 64, 128, 384])
    axes.minorticks_off()
    axes.legend(fontsize=9)


def rates(axes, tuned: dict, chosen: dict) -> None:
    """name -> rate -> accuracy on validation rows; a ring around the chosen rate."""
    for (name, by_rate), color in zip(tuned.items(), (plots.BLUE, plots.VERMILION)):
        places = [float(rate) for rate in by_rate]
        axes.plot(places, list(by_rate.values()), "o-", color=color, label=name)
        axes.plot(chosen[name], by_rate[str(chosen[name])], "o", markersize=13, markerfacecolor="none", color=color)
    axes.set(xscale="log", xlabel="learning rate", ylabel="accuracy on validation", title="Each has a rate of its own")
    axes.legend(fontsize=9)


def curves(axes, lines: dict, xlabel: str, ylabel: str, title: str) -> None:
    """name -> numbers, one a step."""
    for (name, values), color in zip(lines.items(), (plots.VERMILION, plots.BLUE, plots.GREEN, plots.BLACK)):
        axes.plot(range(1, len(values) + 1), values, "o-", markersize=3, color=color, label=name)
    axes.set(xlabel=xlabel, ylabel=ylabel, title=title)
    axes.legend(fontsize=9)


def levels(axes, nf4: np.ndarray, weights: np.ndarray) -> None:
    """Left: the 16 levels over the weights of blocks, each divided by its largest. Right: how many weights take each."""
    axes[0].hist(weights, bins=80, density=True, color=plots.SKY)
    for place, level in enumerate(nf4):
        axes[0].axvline(level, color=plots.VERMILION, linewidth=1, label="NF4" if not place else None)
        axes[0].plot(
            -1 + 2 * place / 15, -0.06, "|", color=plots.BLACK, markersize=9, label="even steps" if not place else None
        )
    axes[0].set(xlabel="weight / largest of its block", ylabel="density", title="Levels lie where the weights are")
    axes[0].legend(fontsize=9, frameon=True, framealpha=1, loc="upper left")
    even = np.linspace(-1, 1, 16)
    for offset, table, color, label in ((-0.2, nf4, plots.VERMILION, "NF4"), (0.2, even, plots.BLACK, "even steps")):
        nearest = np.abs(weights[:, None] - table).argmin(1)
        axes[1].bar(np.arange(16) + offset, np.bincount(nearest, minlength=16) / len(weights), 0.4, color=color, label=label)
    axes[1].axhline(1 / 16, color="gray", linestyle=":")
    axes[1].set(xlabel="code", ylabel="share of the weights", title="How often each code is used")
    axes[1].legend(fontsize=9)


def errors(axes, found: dict) -> None:
    """name -> list of (bits a weight, relative error)."""
    for (name, points), color in zip(found.items(), (plots.GREEN, plots.BLACK, plots.BLUE, plots.VERMILION)):
        axes.plot(*zip(*sorted(points)), "o-", color=color, label=name)
    axes.set(xlabel="bits a weight, scales counted", ylabel="relative error", title="Scales quantized, too: level at 4.5 bits")
    axes.legend(fontsize=9)


def memory(axes, table: dict) -> None:
    """name -> {part: gigabytes}: stacked bars."""
    parts = list(next(iter(table.values())))
    left = np.zeros(len(table))
    for part, color in zip(parts, (plots.BLUE, plots.ORANGE, plots.GREEN, plots.VERMILION)):
        width = np.array([row[part] for row in table.values()])
        axes.barh(range(len(table)), width, left=left, color=color, label=part)
        left += width
    for place, total in enumerate(left):
        axes.text(total + 6, place, f"{total:,.0f} GB", va="center", fontsize=9, bbox={"color": "white", "pad": 1})
    axes.set_yticks(range(len(table)), labels=list(table))
    axes.set(xlabel="GB, without activations", xlim=(0, left.max() * 1.15), title="What a training step keeps")
    axes.axvline(80, color="gray", linestyle=":")
    axes.text(200, 0, "dotted: a card of 80 GB", fontsize=9, color="gray", va="center")
    axes.legend(fontsize=9, loc="upper right")
