"""Wrong answers to the exercises of lesson 12, each with a fragment of the message that is meant for it."""


def rate(
    of_layer: str, of_embeddings: str = "rate * decay**layers", number: str = "int(parts[parts.index('layer') + 1])"
) -> str:
    """An answer to exercise 12.1; `k` is the layer's number."""
    return (
        "def rate_of(name, rate, decay, layers):\n    parts = name.split('.')\n"
        f"    if 'layer' in parts:\n        k = {number}\n        return {of_layer}\n"
        f"    return {of_embeddings} if 'embeddings' in parts else rate\n"
    )


def line(expression: str) -> str:
    """An answer to exercise 12.2."""
    return f"def line_factor(step, warmup, steps):\n    return {expression}\n"


def distance(expression: str) -> str:
    """An answer to exercise 12.3."""
    return f"def distance_from_start(weights, start):\n    return {expression}\n"


def threshold(score: str, first: str = "pass", result: str = "max(p, key=lambda t: (score(t), t))") -> str:
    """An answer to exercise 12.4."""
    return f"def best_threshold(p, y):\n    import numpy as np\n\n    {first}\n    score = lambda t: {score}\n    return {result}\n"


TOP = "rate * decay ** (layers - 1 - k)"
UP = "step / warmup if step < warmup else "
NEAR = "sum(((weights[n] - s.detach()) ** 2).sum() for n, s in start.items())"
COSINE = "0.5 * (1 + math.cos(math.pi * min(1, (step - warmup) / (steps - warmup))))"
F1 = "2 * ((p >= t) & (y == 1)).sum() / ((p >= t).sum() + (y == 1).sum())"
ROW_BY_ROW = "p[order][(2 * y[order].cumsum() / (np.arange(1, len(p) + 1) + y.sum())).argmax()]"
MISTAKES = {
    "12.1": [
        (rate("rate * decay**k"), "Yours shrink upward"),
        (rate(f"{TOP} * decay"), "begins one layer too early"),
        (rate("rate / decay ** (layers - 1 - k)"), "do not divide"),
        (rate(TOP, of_embeddings="rate * decay ** (layers - 1)"), "one decay more"),
        (rate(TOP, of_embeddings="rate"), "The embeddings are no head"),
        (rate(TOP, number="int(name.split('layer.')[1][0])"), "taken for layer 1"),
        (
            rate(TOP, number="int(next(part for part in parts if part.isdigit()))").replace(
                "'layer' in parts", "any(map(str.isdigit, parts))"
            ),
            "does not stand behind `layer`",
        ),
        (rate(TOP).replace("'embeddings' in parts", "name.startswith('embeddings')"), "With the prefix"),
    ],
    "12.2": [
        (line("(step + 1) / warmup if step < warmup else (steps - step) / (steps - warmup)"), "the course's warm-up"),
        (line(UP + "(steps - step) / steps"), "not by all steps"),
        (line(UP + "(steps - 1 - step) / (steps - 1 - warmup)"), "not at `steps - 1`"),
        (line(UP + "(steps - step) / (steps - warmup)"), "yours is negative"),
        (line("min(1, step / warmup) * max(0, min(1, (steps - step) / (steps - warmup)))"), "ZeroDivisionError"),
        (line(UP + COSINE).replace("    return", "    import math\n    return"), "half a cosine"),
        (
            line(UP + "max(0.0, (steps - step) / (steps - warmup)) if warmup else 1"),
            "Without a warm-up the line still goes down",
        ),
    ],
    "12.3": [
        (distance("sum(((w - start.get(n, 0)) ** 2).sum() for n, w in weights.items())"), "The head is in it"),
        (distance("sum(((weights[n] - s.detach()) ** 2).mean() for n, s in start.items())"), "That is a mean"),
        (distance("sum((weights[n] - s.detach()).abs().sum() for n, s in start.items())"), "square them"),
        (distance("sum(((weights[n] - s) ** 2).sum() for n, s in start.items())"), "The start gets a gradient"),
        (distance("sum((weights[n] ** 2).sum() for n in start)"), "subtract the start"),
        (distance("sum(((weights[n] - s) ** 2).sum() for n, s in start.items()).item()"), "Return a tensor"),
        (distance("sum(((weights[n] - s) ** 2).sum() for n, s in start.items()) ** 0.5"), "leave the root out"),
        (
            distance("sum(((w - s.detach()) ** 2).sum() for w, s in zip(weights.values(), start.values()))"),
            "paired by position",
        ),
        (distance(f"weights.pop('head') is None or {NEAR}"), "You changed the arguments"),
        (distance(f"[s.requires_grad_(False) for s in start.values()] and {NEAR}"), "You changed the arguments"),
        (distance("sum(((w - start[n].detach()) ** 2).sum() for n, w in weights.items() if n != 'head')"), "KeyError"),
        (
            distance("sum(((w - start.get(n, 0 * w).detach()) ** 2).sum() for n, w in weights.items() if n != 'head')"),
            "`classifier`",
        ),
    ],
    "12.4": [
        (threshold("((p >= t) == (y == 1)).mean()"), "Accuracy is highest where nothing is called"),
        (threshold("((p >= t) & (y == 1)).sum() / (p >= t).sum()"), "compare F1, not precision"),
        (threshold(F1, result="0.5"), "0.5 calls nothing"),
        (threshold(F1, first="p.sort()"), "changed p in place"),
        (threshold(F1, result="max(sorted(p), key=score)"), "give the higher threshold"),
        (threshold(F1, result="max((k / 100 for k in range(1, 100)), key=lambda t: (score(t), t))"), "not a grid"),
        (threshold(F1, result="max(p, key=score)"), "give the higher threshold"),
        (threshold("0", first="order = np.argsort(-p, kind='stable')", result=ROW_BY_ROW), "are called together"),
        (threshold("2 * ((p > t) & (y == 1)).sum() / ((p > t).sum() + (y == 1).sum())"), "yours is 0.1"),
    ],
}
