"""The figures of lesson 18: reward against KL, a reward model by share of talk, PPO's clip, a hack step by step, five losses."""

from __future__ import annotations

from utils.course import plots


def by_talk(means: dict):
    """The mean scores of reward model and judge over the share of sentences with speech, with the number of answers."""
    figure, axes = plots.figure(columns=2, width=10, height=3.2)
    for axis, name, color, unit in zip(
        axes, ("reward model", "judge"), (plots.VERMILION, plots.BLUE), ("standard deviations", "from 0 to 1")
    ):
        axis.plot(means["share"], means[name], "o-", color=color)
        for share, score, count in zip(means["share"], means[name], means["count"]):
            axis.annotate(str(count), (share, score), xytext=(0, 7), textcoords="offset points", ha="center", fontsize=9)
        axis.set(xlabel="share of sentences with speech (numbers: answers)", ylabel=f"mean score, {unit}")
        axis.margins(0.1, 0.15)
    axes[0].set_title("reward model: the more talk, the better")
    axes[1].set_title("judge: half of it is best")
    return figure


def clip(epsilon: float, ratio: float):
    """PPO's objective over the ratio of new to old probability, for A = 1 and A = -1, with one ratio marked."""
    figure, axes = plots.figure(columns=2, width=10, height=3.0, sharex=True)
    ratios = [0.3 + 0.01 * step for step in range(161)]
    for axis, advantage, title in zip(
        axes, (1, -1), ("A = +1: pushed up, as far as the clip", "A = -1: pushed down, as far as the clip")
    ):
        objective = lambda rho: min(rho * advantage, min(max(rho, 1 - epsilon), 1 + epsilon) * advantage)
        axis.plot(ratios, [rho * advantage for rho in ratios], "--", color=plots.BLACK, linewidth=1, label="without the clip")
        axis.plot(ratios, [objective(rho) for rho in ratios], color=plots.BLUE, label="with it")
        axis.axvspan(1 - epsilon, 1 + epsilon, color="lightgray", alpha=0.4, linewidth=0)
        axis.plot(ratio, objective(ratio), "o", color=plots.VERMILION, label=f"ratio {ratio:.1f}")
        axis.set(title=title, xlabel="ratio of new to old probability", ylabel="objective")
    axes[0].legend(fontsize=9)
    return figure
