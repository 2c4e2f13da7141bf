"""The figures of lesson 18: reward against KL, scores by talk, PPO's clip, a hack by steps, the best policy, losses."""

from __future__ import annotations

import math

import torch

from utils.course import plots

ARM_COLORS = {"no leash": plots.VERMILION, "beta 0.03": plots.ORANGE, "beta 0.1": plots.BLUE, "judge's own score": plots.GREEN}

SEED_COLORS = plots.BLACK, plots.PURPLE, plots.SKY  # beside blue and vermilion, which mean chosen and rejected


def bound(n: int) -> float:
    """KL of the best of n from the policy that wrote them, at most: ln n - (n - 1) / n."""
    return math.log(n) - (n - 1) / n


def reward_and_kl(runs: dict, best: dict):
    """Reward model's and judge's mean score over the KL: each recorded run a line, the best of n as crosses at its bound."""
    figure, axes = plots.figure(columns=2, width=11, height=3.8, sharex=True)
    titles = "reward model: up, and there it stays", "what it stands for, the judge: up, then down"
    for axis, name, title in zip(axes, ("reward", "score"), titles):
        for arm, color in ARM_COLORS.items():
            if arm == "judge's own score" and name == "reward":
                continue  # trained on another score: it belongs to the other panel
            for number, run in enumerate(runs[arm]):
                kl, score = (smoothed(run["steps"][part]) for part in ("kl", name))
                axis.plot(kl, score, color=color, linewidth=1.5, alpha=0.8, label=None if number else arm)
        ns = sorted(map(int, best))
        scores = [best[str(n)]["judge" if name == "score" else name] for n in ns]  # a number for each prompt
        values = [sum(each) / len(each) for each in scores]
        axis.plot(
            [bound(n) for n in ns], values, "x", color=plots.BLACK, markersize=7, label="best of n, n = 1 to 64, at its bound"
        )
        axis.set_xscale("function", functions=(lambda x: x.clip(0) ** 0.5, lambda x: x**2))
        axis.set(
            title=title, xlabel="KL from the start, nats (square-root axis)", xticks=[n**2 for n in range(11)], xlim=(0, None)
        )
    axes[0].set_ylabel("mean score, standard deviations")
    axes[1].set_ylabel("mean score, 0 to 1")
    figure.legend(*axes[1].get_legend_handles_labels(), loc="outside lower center", ncols=5, fontsize=9)
    return figure


def smoothed(values: list[float], width: int = 3) -> list[float]:
    """The mean of each step and its neighbors."""
    half = width // 2
    parts = (values[max(0, at - half) : at + half + 1] for at in range(len(values)))
    return [sum(part) / len(part) for part in parts]


def by_talk(means: dict):
    """The mean scores of reward model and judge over the share of sentences with speech, with the number of answers.

    The last answers are made: hollow.
    """
    figure, axes = plots.figure(columns=2, width=10, height=3.2)
    for axis, name, color, unit in zip(
        axes, ("reward model", "judge"), (plots.VERMILION, plots.BLUE), ("standard deviations", "from 0 to 1")
    ):
        axis.plot(means["share"][:-1], means[name][:-1], "o-", color=color)
        axis.plot(means["share"][-2:], means[name][-2:], ":", color=color, zorder=1)
        axis.plot(means["share"][-1], means[name][-1], "o", color=color, markerfacecolor="white")
        counts = [*map(str, means["count"][:-1]), f"{means['count'][-1]} made"]
        places = [(14, -5), *[(0, 7)] * (len(counts) - 2), (0, -16)]  # off the lines
        for share, score, count, place in zip(means["share"], means[name], counts, places):
            axis.annotate(count, (share, score), xytext=place, textcoords="offset points", ha="center", fontsize=9)
        axis.set(xlabel="share of sentences with speech (numbers: answers)", ylabel=f"mean score, {unit}")
        axis.margins(0.12, 0.2)
    axes[0].set_title("reward model: the more talk, the better")
    axes[1].set_title("judge: half of it is best")
    return figure


def clip(epsilon: float, ratio: float):
    """PPO's objective over the ratio of new to old probability, for A = 1 and A = -1, with one ratio marked."""
    figure, axes = plots.figure(columns=2, width=10, height=3.0, sharex=True)
    ratios = torch.linspace(0.3, 1.9, 161)
    for axis, advantage, where in zip(axes, (1, -1), ("up", "down")):
        clipped = ratios.clamp(1 - epsilon, 1 + epsilon) * advantage
        axis.plot(ratios, ratios * advantage, "--", color=plots.BLACK, linewidth=1, label="without the clip")
        axis.plot(ratios, torch.minimum(ratios * advantage, clipped), color=plots.BLUE, label="with it")
        axis.axvspan(1 - epsilon, 1 + epsilon, color="lightgray", alpha=0.4, linewidth=0)
        here = min(ratio * advantage, min(max(ratio, 1 - epsilon), 1 + epsilon) * advantage)
        axis.plot(ratio, here, "o", color=plots.VERMILION, label=f"ratio {ratio:.1f}")
        axis.set(title=f"A = {advantage:+d}: pushed {where}, as far as the clip", xlabel="ratio of new to old probability")
    axes[0].set_ylabel("objective")
    axes[0].legend(fontsize=9)
    return figure


def hack(runs: dict, arms=("no leash", "beta 0.1")):
    """Reward model's and judge's score, the shares of talk and of good sentences over the steps, a line for each seed."""
    figure, axes = plots.figure(columns=4, width=13, height=3.0, sharex=True)
    titles = (
        ("reward", "reward model's score"),
        ("score", "judge's score"),
        ("talk", "share of talk"),
        ("good", "share of good sentences"),
    )
    for axis, (name, title) in zip(axes, titles):
        for arm in arms:
            for number, run in enumerate(runs[arm]):
                values = smoothed(run["steps"][name])
                steps = range(1, len(values) + 1)
                axis.plot(steps, values, color=ARM_COLORS[arm], linewidth=1.5, label=None if number else arm)
        axis.set(title=title, xlabel="step (means of three)")
    axes[1].legend(fontsize=9)
    return figure


def optimum(reference, rewards, beta: float):
    """Probabilities of a few answers at the start and in the best policy of a leash, with its mean reward and its KL."""
    best = (reference.log() + rewards / beta).softmax(0)
    figure, axis = plots.figure(width=7, height=3.0)
    places = torch.arange(len(reference))
    axis.bar(places - 0.2, reference, 0.4, color="lightgray", label="at the start")
    axis.bar(places + 0.2, best, 0.4, color=plots.BLUE, label="best policy")
    kl = (best * (best / reference).clamp(min=1e-30).log()).sum().item()
    axis.set(xticks=places.tolist(), xticklabels=[f"reward {reward:g}" for reward in rewards.tolist()], ylim=(0, 1))
    axis.set(ylabel="probability", title=f"beta {beta:.2g}: mean reward {(best * rewards).sum().item():.2f}, KL {kl:.2f} nats")
    axis.legend(fontsize=9)
    return figure


def losses(dpo, ipo, kto):
    """Losses on log-ratios and their slopes over the margin h_w - h_l; over h - z of one good answer for KTO."""
    by = {
        "DPO": lambda d: dpo(d, 0 * d, 0.1),
        "IPO, divided by 250": lambda d: ipo(d, 0 * d, 0.1) / 250,
        "KTO (one good answer)": lambda d: kto(d, d[:0], 0, 0.1),
    }
    figure, axes = plots.figure(columns=2, width=10, height=3.2, sharex=True)
    margins = torch.linspace(-40, 40, 321)
    for (name, loss), color in zip(by.items(), plots.COLORS):
        points = margins.clone().requires_grad_()
        values = torch.stack([loss(point[None]) for point in points])
        slopes = torch.autograd.grad(values.sum(), points)[0]
        axes[0].plot(margins, values.detach(), color=color, label=name)
        axes[1].plot(margins, slopes, color=color)
    axes[0].set(title="loss", xlabel="margin", ylim=(0, 5))
    axes[1].set(title="its slope: how hard it pulls", xlabel="margin", ylim=(-0.15, 0.1))
    axes[1].axhline(0, color=plots.BLACK, linewidth=0.8)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(by), fontsize=9)
    return figure


def preferred(runs: list[dict], start: dict):
    """DPO: log-ratios of chosen and rejected over the steps, and the judge's score over the KL, a line for each seed.

    runs: for each seed "history", rows of (loss, chosen, rejected), and "held out", steps -> what was measured there.
    """
    figure, axes = plots.figure(columns=2, width=10, height=3.2)
    for number, rows in enumerate(run["history"] for run in runs):
        for column, name, color in ((1, "chosen", plots.BLUE), (2, "rejected", plots.VERMILION)):
            values = smoothed([row[column] for row in rows])
            axes[0].plot(range(1, len(rows) + 1), values, color=color, linewidth=1.5, label=None if number else name)
    axes[0].axhline(0, color=plots.BLACK, linewidth=0.8)
    axes[0].set(title="log-ratios: apart, and both downward", xlabel="step (means of three)", ylabel="log-ratio, nats")
    for number, found in enumerate(run["held out"] for run in runs):
        points = [start, *found.values()]
        kl, judge = [each["kl"] for each in points], [sum(each["judge"]) / len(each["judge"]) for each in points]
        axes[1].plot(kl, judge, "os^"[number % 3] + "-", color=SEED_COLORS[number % 3], linewidth=1.5, label=f"seed {number}")
        if number == 0:
            for at, x, y in zip(("0", *found), kl, judge):
                place = (8, -9) if at == "4" else (6, 4)
                axes[1].annotate(at, (x, y), xytext=place, textcoords="offset points", fontsize=9)
    axes[1].set(title="the judge's score (numbers: steps)", xlabel="KL from the start, nats", ylabel="mean score")
    axes[0].legend(fontsize=9)
    axes[1].legend(fontsize=9)
    return figure
