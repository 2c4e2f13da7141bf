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
    return f"def best_threshold(p, y):\n    {first}\n    score = lambda t: {score}\n    return {result}\n"


TOP = "rate * decay ** (layers - 1 - k)"
UP = "step / warmup if step < warmup else "
F1 = "2 * ((p >= t) & (y == 1)).sum() / ((p >= t).sum() + (y == 1).sum())"
MISTAKES = {
    "12.1": [
        (rate("rate * decay**k"), "Yours shrink upward"),
        (rate(f"{TOP} * decay"), "begins one layer too early"),
        (rate("rate / decay ** (layers - 1 - k)"), "do not divide"),
        (rate(TOP, of_embeddings="rate * decay ** (layers - 1)"), "one decay more"),
        (rate(TOP, of_embeddings="rate"), "The embeddings are no head"),
        (rate(TOP, number="int(name.split('layer.')[1][0])"), "taken for layer 1"),
        (rate(TOP).replace("'embeddings' in parts", "name.startswith('embeddings')"), "With the prefix"),
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
