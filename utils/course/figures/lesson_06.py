"""The figures of lesson 6: models, people, training, calibration, costs, errors, learning curve, other texts, report."""

from __future__ import annotations

import numpy as np

from utils.course import plots


def models(found: dict, seeds: list[float], encoder: str = "encoder from scratch"):
    """Rows with their intervals, and above the encoder's a stroke for each seed that it was trained with."""
    figure, axes = plots.figure(width=8.5, height=2.6)
    plots.intervals(axes, found, special=("one person", encoder))
    places = [place + 0.3 for place, row in enumerate(found) if row == encoder for _ in seeds]
    axes.plot(seeds[: len(places)], places, "|", color=plots.VERMILION, markersize=8)
    axes.set(
        xlabel="accuracy on 1,907 test sentences with its 95 % interval; strokes: five trainings of the encoder",
        xlim=(0.45, 1),
        title="Trained from scratch on 7,584 sentences, attention stays below counting words",
    )
    return figure


def people(means, by_strength, overall: float):
    """How the mean ratings are spread, and how often one person agrees with the rest, from weak opinions to strong ones."""
    figure, (left, right) = plots.figure(columns=2, width=9, height=2.3)
    left.hist(means, bins=[k / 4 for k in range(-16, 17)], color=plots.SKY)
    left.axvspan(-0.5, 0.5, color="gray", alpha=0.3)
    left.set(xlabel="mean rating of a test sentence; gray: left out", ylabel="sentences", title="Two hills, and few in between")
    right.plot(by_strength, "o-", color=plots.BLACK)
    right.axhline(overall, color="gray", linestyle=":")
    right.set_xticks(range(5), labels=["0.5-1", "1-1.5", "1.5-2", "2-2.5", "over 2.5"])
    right.set(xlabel="how far the mean is from zero", ylabel="one person agrees", ylim=(0.7, 1.01))
    right.set_title("The weaker the opinion, the less people agree")
    return figure


def training(history, clipped: float):
    """The losses, and beside them gradient norms and learning rate. history: what `training.train` gives."""
    figure, (left, right) = plots.figure(columns=2, width=8.6, height=2.3)
    smooth = [np.mean(history.losses[at : at + 20]) for at in range(len(history.losses) - 19)]
    left.plot(range(20, len(history.losses) + 1), smooth, label="training, mean of 20 steps")
    left.plot(*zip(*history.evaluations), "o-", label="validation")
    left.axvline(history.best_step, color="gray", linestyle=":")
    left.set(xlabel="step", ylabel="loss", ylim=(0.2, None), title="From the middle on it learns mostly these rows")
    left.legend(loc="lower left", fontsize=9)
    norms, rates = history.gradient_norms, np.array(history.rates) / max(history.rates)
    right.plot(norms, color=plots.SKY, linewidth=0.8, label=f"gradient norm, clipped in {clipped:.0%} of the steps")
    right.plot(rates, color=plots.BLACK, label="learning rate, as a part of the highest")
    right.axhline(1, color=plots.VERMILION, linewidth=1, linestyle="--")
    right.set(xlabel="step", ylim=(0, 1.5 * max(norms)), title="Clipping is for the high peaks")
    right.legend(loc="upper right", fontsize=9)
    return figure


def gains(gain: dict):
    """Differences from naive Bayes with their intervals."""
    figure, axes = plots.figure(width=7.5, height=2.2)
    plots.intervals(axes, gain, special=("", "encoder from scratch"))
    axes.axvline(0, color="gray", linestyle=":")
    axes.set(xlabel="accuracy minus naive Bayes's, row by row", title="Only the vote is above the best word counter")
    return figure


def calibration(points: dict, recorded: dict, live: dict, errors: dict):
    """Reliability diagram and squared distances. points: name -> mean probability and share of people of each bin."""
    figure, (left, right) = plots.figure(columns=2, width=9.2, height=2.8)
    colors, styles = (plots.VERMILION, plots.ORANGE, plots.BLUE, plots.SKY), ("o-", "o--", "s-", "s--")
    for place, (name, color, style) in enumerate(zip(points, colors, styles)):
        left.plot(*points[name][:2], style, color=color)
        seeds = recorded[name]
        right.plot(seeds, [place] * len(seeds), "s", color="gray", alpha=0.6, label=None if place else "recorded, a seed each")
        right.plot(live[name], place + 0.25, "o", color=color, label=None if place else "live, seed 0")
    left.plot([0, 1], [0, 1], color="gray", linestyle=":")
    left.set(xlabel="probability of positive", ylabel="share of people", title="As trained, both are surer than the people")
    right.set_yticks(range(len(points)), labels=[f"{name}\nECE {errors[name]:.3f}" for name in points])
    right.set(xlabel="mean of $(p - q)^2$ on test; less is nearer", ylim=(-0.5, 4), title="Both together are nearest")
    right.legend(fontsize=8, loc="upper right")
    for label, color in zip(right.get_yticklabels(), colors):
        label.set_color(color)
    return figure


def costs(sure, correct, person_risk: float, thresholds, by_split: dict, best: float, formula: float):
    """Risk by coverage, and the cost of a sentence by threshold. sure, correct: (rows,) of the test split."""
    figure, (left, right) = plots.figure(columns=2, width=9, height=2.5)
    order, answered = (-sure).argsort(kind="stable"), sure >= best
    count = 1 + np.arange(len(order))
    left.plot((count / len(order))[50:], ((~correct[order]).cumsum() / count)[50:], color=plots.BLUE)
    left.plot(answered.mean(), 1 - correct[answered].mean() if answered.any() else 0, "o", color=plots.VERMILION)
    left.axhline(person_risk, color=plots.BLACK, linestyle=":")
    left.set(xlabel="coverage: part that the program answers", ylabel="risk: part of them wrong", ylim=(0, 0.27))
    left.set_title("Fewer answers, fewer mistakes")
    for (split, one), color in zip(by_split.items(), ("gray", plots.BLUE)):
        right.plot(thresholds, one, color=color, label=split)
    right.axvline(best, ymax=0.72, color=plots.VERMILION, label="chosen on validation")
    right.axvline(formula, ymax=0.72, color=plots.BLACK, linestyle=":", label="by the formula")
    right.set(xlabel="answer from this confidence on", ylabel="cost a sentence", ylim=(None, 1.2 * right.get_ylim()[1]))
    right.legend(fontsize=9, ncol=2, loc="upper left")
    return figure


def groups(shown: dict, inside: dict, interval):
    """Accuracy with its interval in groups of sentences. shown: name -> (rows,). inside: group -> (rows,) true or false."""
    figure, axes = plots.figure(width=7.6, height=2.5)
    colors = (plots.BLACK, plots.VERMILION, plots.BLUE, plots.PURPLE, plots.GREEN)
    for place, ((name, one), color) in enumerate(zip(shown.items(), colors)):
        found = [interval(one[rows]) for rows in inside.values()]
        low, middle, high = np.array([(row.low, row.value, row.high) for row in found]).T
        places = np.arange(len(inside)) + 0.06 * (2 - place)
        axes.errorbar(places, middle, yerr=[middle - low, high - middle], fmt="o-", color=color, label=name, linewidth=1.5)
    axes.set_xticks(range(len(inside)), labels=[f"{name}\n{rows.sum()} sentences" for name, rows in inside.items()])
    axes.set(xlabel="raters on the side of the others", ylabel="accuracy")
    axes.set_title("Models stumble where people do, and where people do not")
    axes.legend(fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def learning_curve(sizes: list[int], curves: dict, live: list[float], ceiling: float):
    """Mean and range over the seeds, by the number of training rows. curves: name -> (sizes, seeds)."""
    figure, axes = plots.figure(width=8.5, height=2.8)
    for (name, one), color in zip(curves.items(), (plots.VERMILION, plots.ORANGE, plots.BLUE, plots.GREEN)):
        axes.plot(sizes, one.mean(1), "s-", color=color, label=f"{name}, recorded")
        axes.fill_between(sizes, one.min(1), one.max(1), color=color, alpha=0.2)
    axes.plot(sizes, live, "x", color=plots.BLACK, markersize=9, label="TF-IDF, live, seed 0")
    axes.axhline(ceiling, color=plots.BLACK, linestyle=":", label="one person")
    axes.set(xlabel="training sentences", ylabel="accuracy on test", xscale="log")
    axes.set_title("Attention does not overtake counting words")
    axes.set_xticks(sizes, labels=[f"{count:,}" for count in sizes], minor=False)
    axes.minorticks_off()
    axes.legend(fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def elsewhere(scores: dict, people: dict, counts: dict):
    """A panel for each kind of text: the models with their intervals, and one person dotted."""
    figure, panels = plots.figure(columns=len(scores), width=10.5, height=2.3, sharey=True)
    for axes, (name, by_model) in zip(panels, scores.items()):
        plots.intervals(axes, by_model, special=("majority", "encoder, chosen"), digits=0)
        axes.axvline(people[name], color="gray", linestyle=":")
        axes.set(title=f"{name}, {counts[name]:,} rows", xlim=(0.4, 1), xlabel="accuracy; dotted: one person")
    return figure


def looked_at(pieces: list[str], values: dict):
    """One sentence for each method, its tokens colored by their value."""
    figure, panels = plots.figure(rows=len(values), width=9, height=2.2)
    for axes, (name, one) in zip(panels, values.items()):
        plots.colored_tokens(axes, pieces, one)
        signs = "never below zero" if name == "attention weights" else "purple speaks for positive, orange against"
        axes.set_title(f"{name}: {signs}")
    return figure


def ablations(variants: dict, live: float, low: float, high: float):
    """Accuracy of each variant, a square a seed. variants: name -> (seeds,). live: of the last one. Gray: low to high."""
    figure, axes = plots.figure(width=8, height=2.4)
    for place, one in enumerate(reversed(variants.values())):
        axes.plot(one, [place] * len(one), "s", color=plots.SKY, label="recorded, a seed each" if not place else None)
    axes.plot(live, -0.3, "o", color=plots.VERMILION, label="live, seed 0")
    axes.axvspan(low, high, color="gray", alpha=0.2)
    axes.set_yticks(range(len(variants)), labels=list(reversed(variants)))
    axes.set(xlabel="accuracy on test; gray: five seeds of the model as built", title="Few parts matter more than the seed")
    axes.legend(fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def report(text: str, thresholds, cost, threshold: float, by_part: dict):
    """A page: the text above, the cost by threshold and the accuracy on other texts below."""
    page, axes = plots.plt.subplot_mosaic([["text", "text"], ["cost", "shift"]], figsize=(8, 4.1), height_ratios=(5, 6))
    axes["text"].axis("off")
    axes["text"].text(-0.25, 1, text, va="top", fontsize=9.5, linespacing=1.5)
    axes["cost"].plot(thresholds, cost, color=plots.BLUE)
    axes["cost"].axvline(threshold, color=plots.VERMILION)
    axes["cost"].set(
        xlabel="answer from this confidence on", ylabel="cost a test sentence", title="Asking about some is cheapest"
    )
    plots.intervals(axes["shift"], by_part, digits=0)
    axes["shift"].set(xlabel="accuracy of this model", title="It knows films")
    return page
