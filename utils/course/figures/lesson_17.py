"""The figures of lesson 17: packing, the training's curves, what was written, rates, means of means, bits a byte."""

from __future__ import annotations

import textwrap

import numpy as np

from utils.course import plots

WRITERS = {  # label, color, marker
    "n-gram": ("{}", plots.VERMILION, "o"),
    "GPT": ("this lesson's GPT", plots.BLUE, "s"),
    "gpt-mini": ("gpt-mini", plots.GREEN, "^"),
}


def answer(results: dict):
    """Held-out loss of the seeds beside the best n-gram's; what share of their sentences the parser accepts."""
    figure, (left, right) = plots.figure(columns=2, width=11, height=3.4, width_ratios=[1.2, 1])
    for curve in results["curves"]:
        tokens = np.arange(1, len(curve) + 1) / len(curve) * results["tokens"] / 1e6
        left.plot(tokens, curve, color=plots.BLUE, linewidth=1.5)
    best = min(results["ngrams"].values())
    left.axhline(best, color=plots.VERMILION, linestyle="--")
    left.text(left.get_xlim()[1], best, "best n-gram ", va="bottom", ha="right", color=plots.VERMILION, fontsize=9)
    left.set(title="Three minutes of training, three seeds", xlabel="million tokens read", ylabel="held-out loss, nats a token")
    left.set_ylim(0, 5)
    written(right, results["verdicts"], "accepted")
    right.set_title("Sentences that the parser accepts")
    return figure


def both(results: dict, news: dict[str, dict[str, list[float]]]):
    """Accepted sentences by temperature; accepted and new ones at 0.7, with intervals, by writer."""
    figure, (left, right) = plots.figure(columns=2, width=11, height=3.2)
    written(left, results["verdicts"], "accepted")
    left.set_title("Accepted by the parser")
    for row, (name, found) in enumerate(news.items()):
        value, low, high = found["new"]
        color = WRITERS[kind(name)][1] if kind(name) in WRITERS else "gray"
        right.plot([low, high], [row, row], color=color, linewidth=1.5)
        right.plot(value, row, WRITERS[kind(name)][2] if kind(name) in WRITERS else "D", color=color, markersize=5)
    right.set_yticks(range(len(news)), labels=list(news))
    right.invert_yaxis()
    right.set(title="Accepted and new, people masked, at 0.7", xlabel="share of the sentences", xlim=(-0.02, 0.5))
    return figure


def written(axes, verdicts: dict, key: str) -> None:
    """Each writer's share over the temperatures, with its interval; the seeds of the GPT side by side."""
    names = list(verdicts)
    for place, name in enumerate(names):
        label, color, marker = WRITERS[kind(name)]
        for at, found in enumerate(verdicts[name].values()):
            value, low, high = found[key]
            x = at + 0.11 * (place - (len(names) - 1) / 2)
            axes.plot([x, x], [low, high], color=color, linewidth=1.5)
            axes.plot(x, value, marker, color=color, markersize=5)
        if name == names[[kind(other) for other in names].index(kind(name))]:  # the first of its kind
            axes.plot([], [], marker, color=color, label=label.format(name))
    axes.set_xticks(range(len(verdicts[names[0]])), labels=list(verdicts[names[0]]))
    axes.set(xlabel="temperature", ylim=(0, 1.03))
    axes.legend(fontsize=9, loc="lower right")


def kind(name: str) -> str:
    """Which writer it is, whatever the order of its n-grams or its seed."""
    return "n-gram" if name.endswith("-gram") else name.partition(",")[0]


def packing(lengths: list[int], window: int):
    """A batch of texts filled up to the longest, and the same tokens in windows."""
    figure, (left, right) = plots.figure(columns=2, width=9.5, height=2.5)
    for row, length in enumerate(lengths):
        left.barh(row, length, color=plots.SKY, height=0.7)
        left.barh(row, max(lengths) - length, left=length, color="lightgray", height=0.7)
    left.set_title("padded: a text a row")
    ends, total = np.cumsum(lengths), sum(lengths)
    for row in range(-(-total // window)):
        right.barh(row, min(window, total - row * window), color=plots.SKY, height=0.7)
        inside = [end - row * window for end in ends if row * window < end <= (row + 1) * window]
        right.vlines(inside, row - 0.35, row + 0.35, color=plots.BLACK, linewidth=1.5)
    right.set_title("packed: windows, ends of texts as lines")
    for axes in (left, right):
        axes.set(xlabel="tokens", yticks=[], xlim=(0, max(lengths)), ylim=(len(lengths) - 0.4, -0.6))
        axes.spines["left"].set_visible(False)
    return figure


def rates(results: dict[str, list[float]], steps: int):
    """The held-out losses of the seeds for each optimizer and rate."""
    figure, axes = plots.figure(width=7, height=2.8)
    for row, (name, values) in enumerate(results.items()):
        color = plots.BLUE if name.startswith("Muon") else plots.VERMILION
        axes.plot(values, [row] * len(values), "o", color=color, alpha=0.8)
    axes.set_yticks(range(len(results)), labels=list(results))
    axes.invert_yaxis()
    axes.set(xlabel=f"held-out loss after {steps} steps, nats a token (a dot is a seed)", title="Optimizer and highest rate")
    return figure


def training(curves: dict[str, dict[int, float]], tokens_a_step: int):
    """Loss, rate and gradient norm of a training over the tokens that it read."""
    figure, axes = plots.figure(columns=3, width=12, height=2.9, width_ratios=[1.4, 1, 1])
    steps = lambda name: tokens_a_step * (np.array(list(curves[name])) + 1) / 1e6  # noqa: E731
    values = lambda name: list(curves[name].values())  # noqa: E731
    axes[0].plot(steps("loss"), values("loss"), color=plots.SKY, linewidth=1, label="training windows")
    axes[0].plot(steps("held_out"), values("held_out"), "o", color=plots.BLACK, markersize=4, label="held out")
    axes[0].set(title="Loss", ylabel="nats a token", ylim=(0, None))
    axes[0].legend(fontsize=9)
    for name, color, label in (("pg1", plots.BLUE, "Muon"), ("pg2", plots.VERMILION, "AdamW")):
        found = next(key for key in curves if key.startswith("lr-") and key.endswith(name))
        axes[1].plot(steps(found), values(found), color=color, label=label)
    axes[1].set_title("Learning rate")
    axes[1].legend(fontsize=9)
    axes[2].plot(steps("gradient_norm"), values("gradient_norm"), color=plots.GREEN, linewidth=1)
    axes[2].set(title="Gradient norm, before clipping", yscale="log")
    for panel in axes:
        panel.set_xlabel("million tokens read")
    return figure


def page(step: int, share: float, sentences: list[tuple[str, bool]], shares: list[tuple[int, float]]):
    """A text of the diary, its accepted sentences blue and the others orange, beside the shares over the steps."""
    figure, (left, right) = plots.figure(columns=2, width=11, height=3.0, width_ratios=[2.4, 1])
    line = 0
    for sentence, accepted in sentences:
        for part in textwrap.wrap(sentence, 84):
            color = plots.BLUE if accepted else plots.VERMILION
            left.text(0, -line, part, fontsize=9, color=color, va="top", family="DejaVu Sans Mono", parse_math=False)
            line += 1
    left.set(xlim=(0, 1), ylim=(-max(line, 14), 0.5), title=f"Step {step}")
    left.axis("off")
    right.plot(*zip(*shares), "o-", color=plots.BLACK)
    right.plot(step, share, "o", color=plots.GREEN, markersize=11, zorder=3)
    right.set(title="Share of accepted sentences, 16 texts", xlabel="step", ylim=(-0.03, 1.03))
    return figure


def means(losses):
    """Mean over tokens and mean of means of each batch, (N, 2)."""
    figure, axes = plots.figure(width=4.4, height=3.4)
    low, high = losses.min() - 0.1, losses.max() + 0.1
    axes.plot([low, high], [low, high], color="gray", linewidth=1)
    axes.plot(*losses.T, "o", color=plots.BLUE)
    axes.set(
        xlabel="mean over all tokens", ylabel="mean of the parts' means", title="Losses of twenty batches, eight parts each"
    )
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    return figure


def english(results: dict, tokens_a_step: int):
    """Bits a byte over the tokens read, beside the programs that do not train."""
    figure, panels = plots.figure(columns=2, width=11, height=3.4, sharey=True)
    for panel, name in zip(panels, results["xz"]):
        for run in results["GPT"]:
            steps = [int(step) for step in run]
            panel.plot(np.array(steps) * tokens_a_step / 1e6, [run[str(step)][name] for step in steps], "o-", color=plots.BLUE)
        lines = [
            ("best n-gram", min(results["n-grams"][name].values()), plots.VERMILION, 0.98, "bottom"),
            ("xz", results["xz"][name], plots.PURPLE, 0.98, "top"),
            ("gpt-mini", results["gpt-mini"][name], plots.GREEN, 0.75, "bottom"),
        ]
        values = [value for _, value, *_ in lines]
        if max(values) - min(values) < 0.02:  # they would hide each other
            lines = [("n-gram, xz and gpt-mini", min(values), plots.BLACK, 0.98, "bottom")]
        for label, value, color, place, side in lines:
            panel.axhline(value, color=color, linestyle="--")
            at = panel.get_yaxis_transform()  # x in shares of the panel
            panel.text(place, value, label, transform=at, va=side, ha="right", color=color, fontsize=9)
        panel.set(title=f"Python's {name}" if name == "documentation" else "Film sentences", xlabel="million tokens read")
        step, value = max((int(step), seed[name]) for step, seed in results["GPT"][0].items())
        panel.text(step * tokens_a_step / 1e6, value + 0.16, "this lesson's GPT", ha="right", color=plots.BLUE, fontsize=9)
    panels[0].set(ylabel="bits a byte", ylim=(1.4, None))
    return figure
