"""Wrong answers to the exercises of lesson 12, each with a fragment of the message that is meant for it."""


def rates(expression: str) -> str:
    """An answer to exercise 12.1."""
    return f"def layer_rates(rate, decay, layers):\n    return {expression}\n"


def line(expression: str) -> str:
    """An answer to exercise 12.2."""
    return f"def line_factor(step, warmup, steps):\n    return {expression}\n"


def distance(expression: str) -> str:
    """An answer to exercise 12.3."""
    return f"def distance_from_start(weights, start):\n    return {expression}\n"


def threshold(score: str, first: str = "pass", result: str = "max(p, key=lambda t: (score(t), t))") -> str:
    """An answer to exercise 12.4."""
    return f"def best_threshold(p, y):\n    {first}\n    score = lambda t: {score}\n    return {result}\n"


UP = "step / warmup if step < warmup else "
F1 = "2 * ((p >= t) & (y == 1)).sum() / ((p >= t).sum() + (y == 1).sum())"
MISTAKES = {
    "12.1": [
        (rates("[rate] + [rate * decay**k for k in range(layers + 1)]"), "from the top down"),
        (rates("[rate * decay ** (layers - k) for k in range(layers + 1)]"), "Three rates for four parts"),
        (rates("[rate * decay ** (layers + 1 - k) for k in range(layers + 2)]"), "begins one part too early"),
        (rates("[rate / decay ** (layers - k) for k in range(layers + 1)] + [rate]"), "do not divide"),
        (rates("[0.25, 0.5, 1.0, 1.0]"), "Right for two layers"),
    ],
    "12.2": [
        (line("(step + 1) / warmup if step < warmup else (steps - step) / (steps - warmup)"), "the course's warm-up"),
        (line(UP + "(steps - step) / steps"), "not by all steps"),
        (line(UP + "(steps - 1 - step) / (steps - 1 - warmup)"), "not at `steps - 1`"),
        (line(UP + "(steps - step) / (steps - warmup)"), "yours is negative"),
        (line("min(1, step / warmup) * max(0, min(1, (steps - step) / (steps - warmup)))"), "ZeroDivisionError"),
    ],
    "12.3": [
        (distance("sum(((w - start.get(n, 0)) ** 2).sum() for n, w in weights.items())"), "The head is in it"),
        (distance("sum(((weights[n] - s.detach()) ** 2).mean() for n, s in start.items())"), "That is a mean"),
        (distance("sum((weights[n] - s.detach()).abs().sum() for n, s in start.items())"), "square them"),
        (distance("sum(((weights[n] - s) ** 2).sum() for n, s in start.items())"), "The start gets a gradient"),
        (distance("sum((weights[n] ** 2).sum() for n in start)"), "subtract the start"),
        (distance("sum(((weights[n] - s) ** 2).sum() for n, s in start.items()).item()"), "Return a tensor"),
        (distance("sum(((weights[n] - s) ** 2).sum() for n, s in start.items()) ** 0.5"), "leave the root out"),
    ],
    "12.4": [
        (threshold("((p >= t) == (y == 1)).mean()"), "Accuracy is highest where nothing is called"),
        (threshold("((p >= t) & (y == 1)).sum() / (p >= t).sum()"), "compare F1, not precision"),
        (threshold(F1, result="0.5"), "0.5 calls nothing"),
        (threshold(F1, first="p.sort()"), "changed p in place"),
        (threshold(F1, result="max(sorted(p), key=score)"), "give the higher threshold"),
        (threshold("2 * ((p > t) & (y == 1)).sum() / ((p > t).sum() + (y == 1).sum())"), "yours is 0.1"),
    ],
}
