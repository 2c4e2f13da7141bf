"""The figures of lesson 23: bytes of cache, experts' loads and violations, eight bits, two habits."""

from __future__ import annotations

import torch

from utils.course import plots

ARM_COLORS = {"nothing": plots.VERMILION, "bias": plots.BLUE, "auxiliary loss": plots.GREEN}
SCHEME_COLORS = {"MHA": plots.VERMILION, "GQA": plots.ORANGE, "MQA": plots.BLACK, "MLA": plots.BLUE}


def answer(numbers: dict[str, int], layers: int, runs: dict):
    """Bytes of cache a token by scheme, in 16 bits, and the mean violation of each arm over the steps."""
    figure, (left, right) = plots.figure(columns=2, width=11, height=3.6)
    kib = [2 * layers * count / 1024 for count in numbers.values()]
    left.scatter(kib, list(numbers), s=90, color=[SCHEME_COLORS[name[:3]] for name in numbers])
    for name, value in zip(numbers, kib):
        left.annotate(f"   {value:,.0f} KiB", (value, name), va="center")
    left.set(xscale="log", xlim=(10, 4e4), xlabel="KiB of cache a token, log scale", title="latent attention keeps little")
    left.invert_yaxis()
    for arm, color in ARM_COLORS.items():
        means = torch.tensor([run["violations"] for run in runs[arm]]).mean(0)
        right.plot(smoothed(means), color=color, label=arm)
    right.set(
        xlabel="step",
        ylabel="violation (0 is even)",
        ylim=(0, None),
        title="experts: left alone, the busiest has several times its share",
    )
    right.legend(title="cure")
    return figure


def smoothed(values: torch.Tensor, width: int = 9) -> list[float]:
    """The mean of each step and those around it."""
    half = width // 2
    return [values[max(0, at - half) : at + half + 1].mean().item() for at in range(len(values))]


def growth(latent: int, groups: int, layers: int):
    """GiB of cache over the length of the text for DeepSeek-V3's heads, in 16 bits; a line at 80 GiB."""
    figure, axis = plots.figure(width=8, height=3.4)
    numbers = {"MHA": 2 * 128 * 128, "GQA": 2 * groups * 128, "MQA": 2 * 128, "MLA": latent + 64}
    lengths = torch.logspace(10, 20, 21, base=2)
    for name, count in numbers.items():
        label = {"GQA": f"GQA, {groups} groups", "MLA": f"MLA, latent of {latent}"}.get(name, name)
        axis.plot(lengths, 2 * layers * count * lengths / 2**30, color=SCHEME_COLORS[name], label=label)
    axis.axhline(80, color="gray", linewidth=1, linestyle=":")
    axis.text(1100, 90, "80 GiB, one large GPU", fontsize=9, color="dimgray")
    axis.set(xscale="log", yscale="log", xlabel="tokens", ylabel="GiB of cache", ylim=(0.02, 1e4), title="cache of one text")
    axis.set_xticks([2**10, 2**13, 2**16, 2**20], labels=["1K", "8K", "64K", "1M"])
    axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def violations(runs: dict):
    """The violation over the steps: a line for each seed, a color for each arm."""
    figure, axis = plots.figure(width=8.5, height=3.4)
    for arm, color in ARM_COLORS.items():
        for number, run in enumerate(runs[arm]):
            values = smoothed(torch.tensor(run["violations"]), 5)
            axis.plot(values, color=color, linewidth=1.3, alpha=0.85, label=None if number else arm)
    axis.axhline(7, color="gray", linewidth=1, linestyle=":")
    axis.text(2, 7.1, "all tokens to two experts", fontsize=9, color="dimgray")
    axis.set(
        xlabel="step", ylabel="MaxVio of the batch", ylim=(0, 7.8), title="without a cure the load stays uneven, in every seed"
    )
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def loads(runs: dict, kinds: tuple[str, ...], layer: int = 1):
    """Each expert's share of a kind's tokens, as a multiple of an even one: first recorded model of two arms."""
    figure, axes = plots.figure(rows=2, width=9, height=3.6)
    for axis, arm in zip(axes, ("nothing", "bias"), strict=True):
        load = torch.tensor([runs[arm][0]["load"][kind][layer] for kind in kinds])  # (kinds, E)
        share = load / load.mean(1, keepdim=True)
        image = axis.imshow(share, cmap="viridis_r", vmin=0, vmax=4, aspect="auto")
        axis.set_yticks(range(len(kinds)), labels=kinds)
        axis.set(title={"nothing": "no cure", "bias": "with the bias"}[arm], xticks=range(load.shape[1]))
        axis.tick_params(length=0)
    axes[1].set_xlabel("expert")
    figure.colorbar(image, ax=axes, label="times an even share", extend="max")
    return figure


def eight_bits(outliers: list[float], lost: dict[str, list[float]]):
    """The numbers of E4M3 from 0 to 4, and the share of a row's numbers that are lost over the size of its outlier."""
    figure, (left, right) = plots.figure(columns=2, width=11, height=3.2)
    numbers = torch.arange(127, dtype=torch.uint8).view(torch.float8_e4m3fn).float()
    left.vlines(numbers[numbers <= 4], 0, 1, color=plots.BLUE, linewidth=0.8)
    left.set(yticks=[], xlabel="number", title="E4M3: eight numbers from a power of two to the next")
    for (name, shares), color, mark in zip(
        lost.items(), (plots.ORANGE, plots.VERMILION, plots.GREEN, plots.BLUE), "s^vo", strict=True
    ):
        right.plot(outliers, shares, mark + "-", color=color, label=name)
    right.set(xscale="log", xlabel="size of the outlier", ylabel="share lost", ylim=(-0.03, 1.05))
    right.set_title("one scale loses nearly all, tiles one tile of four")
    right.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def habits(right: dict, tokens: dict[str, list[int]]):
    """The share right of each habit with its interval, and how many tokens its answers have."""
    figure, axes = plots.figure(columns=2, width=9, height=3.0)
    colors = plots.ORANGE, plots.BLUE
    for at, (interval, color) in enumerate(zip(right.values(), colors, strict=True)):
        error = [[interval.value - interval.low], [interval.high - interval.value]]
        axes[0].bar(at, interval.value, yerr=error, color=color, width=0.6, capsize=4)
    axes[0].set(ylim=(0, 1), ylabel="share right", title="thinking first is right more often")
    axes[0].set_xticks([0, 1], labels=list(right))
    axes[1].hist(list(tokens.values()), bins=range(0, 66, 3), stacked=True, color=colors, label=list(tokens))
    axes[1].set(xlabel="tokens of an answer", ylabel="answers", title="and costs more tokens")
    axes[1].legend()
    return figure
