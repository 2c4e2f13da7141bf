"""The figures of lesson 24: the climb, advantages of a group, KL estimators, live steps, variants, pass@k, what goes wrong."""

from __future__ import annotations

import torch

from utils.alignment.grpo import group_advantages
from utils.course import plots

ARM_COLORS = {"GRPO": plots.BLUE, "Dr. GRPO": plots.ORANGE, "DAPO": plots.GREEN, "SFT on right answers": plots.BLACK}


def climb(runs: list[dict], forced: float):
    """Held-out greedy accuracy and length of the drawn answers over the steps, a line for each recorded run."""
    figure, axes = plots.figure(columns=2, width=10, height=3.4)
    for run in runs:
        axes[0].plot(run["at"], run["greedy"], "o-", color=plots.BLUE, alpha=0.8, markersize=4)
        axes[1].plot(range(1, len(run["steps"]["tokens"]) + 1), run["steps"]["tokens"], color=plots.PURPLE, alpha=0.8)
    axes[0].axhline(forced, color=plots.BLACK, linestyle=":", label="the start, made to think")
    axes[0].set(title="right, held-out sums, greedy", xlabel="step", ylim=(0, 1.04))
    axes[0].legend(frameon=False, loc="lower right")
    axes[1].set(title="tokens of an answer in training", xlabel="step", ylim=(0, None))
    return figure


def group(right: int, size: int = 16):
    """The advantages of right and wrong answers where so many of a group are right, with and without the division."""
    figure, axes = plots.figure(columns=2, width=9.5, height=3.2, sharey=True)
    for axis, divided, title in zip(axes, (True, False), ("GRPO: divided by the spread", "Dr. GRPO: not divided")):
        found = {True: [], False: []}
        for count in range(size + 1):
            rewards = torch.tensor([[1.0] * count + [0.0] * (size - count)])
            advantages = group_advantages(rewards, divided)[0]
            found[True].append(advantages[0].item() if count else None)
            found[False].append(advantages[-1].item() if count < size else None)
        for is_right, color, name in ((True, plots.BLUE, "a right answer"), (False, plots.VERMILION, "a wrong answer")):
            marked = [(count, value) for count, value in enumerate(found[is_right]) if value is not None]
            axis.plot(*zip(*marked), "o-", color=color, markersize=3, label=name)
        axis.axvline(right, color=plots.BLACK, linestyle=":")
        axis.axhline(0, color=plots.BLACK, linewidth=0.5)
        axis.set(title=title, xlabel=f"right answers in a group of {size}")
    axes[0].set_ylabel("advantage")
    axes[1].legend(frameon=False, loc="upper right")
    return figure


def estimators(rows: list[dict]):
    """Bias and standard deviation of k1, k2, k3 over the true KL, on axes of equal meaning."""
    figure, axes = plots.figure(columns=2, width=10, height=3.4)
    for name, color in (("k1", plots.VERMILION), ("k2", plots.ORANGE), ("k3", plots.BLUE)):
        exact = [row["kl"] for row in rows]
        axes[0].plot(
            exact, [row[name]["bias"] / row["kl"] for row in rows], "o-", color=color, markersize=9 if name == "k1" else 5
        )
        axes[1].plot(exact, [row[name]["deviation"] / row["kl"] for row in rows], "o-", color=color, label=name)
    axes[0].axhline(0, color=plots.BLACK, linewidth=0.5)
    axes[0].set(title="bias: k2 alone has one", ylabel="as a multiple of the KL", xlabel="true KL (nats)", xscale="log")
    axes[1].set(title="deviation: k1 is wide near, k3 far out", xlabel="true KL (nats)", xscale="log", yscale="log")
    axes[1].legend(frameon=False)
    return figure


def live(steps: list[dict]):
    """What was drawn in each live step: reward by component, thinking, length."""
    figure, axes = plots.figure(columns=2, width=10, height=3.2)
    numbers = range(1, len(steps) + 1)
    marks = {"right": (plots.BLUE, "o-"), "formatted": (plots.ORANGE, "s--"), "thinks": (plots.GREEN, "^-")}
    for name, (color, style) in marks.items():
        axes[0].plot(numbers, [step[name] for step in steps], style, color=color, markersize=4, label=name)
    axes[0].set(title="right answers rise with thinking", ylabel="share of the drawn answers", xlabel="step", ylim=(0, 1.05))
    axes[0].legend(frameon=False)
    axes[1].plot(numbers, [step["tokens"] for step in steps], "o-", color=plots.PURPLE, markersize=4)
    axes[1].set(title="answers grow", ylabel="tokens", xlabel="step", ylim=(0, None))
    return figure


def variants(by_arm: dict[str, list[dict]]):
    """Held-out accuracy over the steps, greedy and drawn: the mean of the seeds, and a band from the lowest to the highest."""
    figure, axes = plots.figure(columns=2, width=10, height=3.6, sharey=True)
    for axis, name, title in zip(axes, ("greedy", "drawn"), ("the likeliest answer", "an answer drawn at temperature 1")):
        for arm, color in ARM_COLORS.items():
            values = torch.tensor([run[name] for run in by_arm[arm]])  # (seeds, looks)
            axis.plot(by_arm[arm][0]["at"], values.mean(0), "o-", color=color, markersize=4, label=arm)
            axis.fill_between(by_arm[arm][0]["at"], values.amin(0), values.amax(0), color=color, alpha=0.15, linewidth=0)
        axis.set(title=title, xlabel="step", ylim=(0, 1.04))
    axes[0].set_ylabel("right, held-out sums")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    return figure


def pass_at(curves: dict[str, dict[int, float]]):
    """pass@k over k: name -> k -> share."""
    figure, axes = plots.figure(width=7, height=3.4)
    styles = (plots.BLACK, "o-"), (plots.ORANGE, "s-"), (plots.VERMILION, "v-"), (plots.BLUE, "^--")
    for (name, curve), (color, style) in zip(curves.items(), styles):
        axes.plot(list(curve), list(curve.values()), style, color=color, markersize=5, label=name)
    axes.set_xscale("log", base=2)
    axes.set(title="at least one of k drawn answers is right", xlabel="k", ylim=(0, 1.04))
    axes.set_xticks(list(curve), list(map(str, curve)))
    axes.legend(frameon=False, loc="lower right")
    return figure


def wrong_turns(runs: dict[str, list[dict]]):
    """A rate five times too high: right answers, and groups that teach. A price on tokens: reward, right answers, thinking."""
    figure, axes = plots.figure(columns=2, width=10, height=3.4)
    panels = {
        "fast": ("a learning rate five times as high", {"right": plots.BLUE, "informative": plots.ORANGE}),
        "price": ("a price on each token", {"reward": plots.VERMILION, "right": plots.BLUE, "thinks": plots.GREEN}),
    }
    for axis, (name, (title, parts)) in zip(axes, panels.items()):
        for part, color in parts.items():
            for number, run in enumerate(runs[name]):
                label = None if number else part.replace("informative", "groups that teach")
                axis.plot(range(1, len(run[part]) + 1), run[part], color=color, alpha=0.8, label=label)
        axis.axhline(0, color=plots.BLACK, linewidth=0.5)
        axis.set(title=title, xlabel="step")
        axis.legend(frameon=False)
    return figure
