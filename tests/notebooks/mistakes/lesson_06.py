"""Wrong answers to the exercises of lesson 6, each with a fragment of the message that is meant for it."""


def balanced(expression: str) -> str:
    """An answer to exercise 6.1."""
    return f"def balanced_accuracy(table):\n    return {expression}\n"


def pool(expression: str, first: str = "pass") -> str:
    """An answer to exercise 6.2."""
    return f"def largest(x, present):\n    {first}\n    return {expression}\n"


def lowest(body: str) -> str:
    """An answer to exercise 6.3; `risk(t)` is that of answering from t on."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    start = "    import math\n    risk = lambda t: (~right[confidence >= t]).mean()\n"
    return f"def lowest_threshold(confidence, right, limit):\n{start}{lines}"


def groups(
    term: str = "len(g) * abs(p[g].mean() - q[g].mean())",
    made: str = "[g for g in np.array_split(p.argsort(kind='stable'), bins) if len(g)]",
    result: str = "total / len(p)",
    first: str = "pass",
) -> str:
    """An answer to exercise 6.4 with one part replaced."""
    return (
        "import numpy as np\n\n\n"
        "def equal_groups_error(p, q, bins=10):\n"
        f"    {first}\n"
        f"    made = {made}\n"
        f"    total = sum({term} for g in made)\n"
        f"    return {result}\n"
    )


FILLED = "x.masked_fill(~present[..., None], float('-inf'))"
MISTAKES = {
    "6.1": [
        (balanced("sum(row[i] for i, row in enumerate(table)) / sum(map(sum, table))"), "That is plain accuracy"),
        (
            balanced("sum(table[i][i] / max(1, sum(row[i] for row in table)) for i in range(len(table))) / len(table)"),
            "divide by the sum of the row",
        ),
        (balanced("sum(row[i] / sum(row) for i, row in enumerate(table))"), "divide by the number of classes"),
        (balanced("(table[0][0] / sum(table[0]) + table[1][1] / sum(table[1])) / 2"), "Right for two classes"),
        (balanced("sum(max(row) / sum(row) for row in table) / len(table)"), "One class found, the other never"),
        (balanced("sum(row[i] / max(1, sum(row)) for i, row in enumerate(table)) / len(table)"), "so it is left out"),
    ],
    "6.2": [
        (pool("x.amax(1)"), "The padding has won"),
        (pool("(x * present[..., None]).amax(1)"), "A zero has won"),
        (pool("x.masked_fill(present[..., None], float('-inf')).amax(1)"), "The padding has won"),
        (pool("x[present].amax(0)"), "not (4,)"),
        (pool(f"{FILLED}.max(1)"), "return the numbers alone"),
        (pool(f"{FILLED}.amax(2)"), "axis 1"),
        (pool(f"{FILLED}.amax(1, keepdim=True)"), "not (2, 1, 4)"),
        (pool("x.amax(1)", "x.masked_fill_(~present[..., None], float('-inf'))"), "changed x in place"),
        (pool("x.masked_fill(~present, float('-inf')).amax(1)"), "RuntimeError"),
    ],
    "6.3": [
        (
            lowest(
                "found = math.inf\nfor t in sorted(confidence)[::-1]:\n    if risk(t) > limit:\n        break\n    found = t\n"
                "return found"
            ),
            "stop at the first failure",
        ),
        (lowest("return max((t for t in confidence if risk(t) <= limit), default=math.inf)"), "give the lowest"),
        (
            lowest(
                "return min((t for t in confidence if t < 0.95 and (~right[confidence > t]).mean() <= limit), default=math.inf)"
            ),
            ">=, not >",
        ),
        (lowest("return min((t for t in confidence if risk(t) < limit), default=math.inf)"), "<=, not <"),
        (lowest("return next((t for t in confidence if risk(t) <= limit), math.inf)"), "give the lowest"),
        (
            lowest("return min((t for t in confidence if 1 - risk(t) <= limit), default=math.inf)"),
            "the part that is *not* right",
        ),
        (
            lowest(
                "return min((t for t in confidence if (~right[confidence >= t]).sum() / len(right) <= limit), default=math.inf)"
            ),
            "of the answers, not of all rows",
        ),
        (
            lowest(
                "order = (-confidence).argsort(kind='stable')\nallowed = [confidence[k] for n, k in enumerate(order, 1) "
                "if (~right[order[:n]]).mean() <= limit]\nreturn min(allowed, default=math.inf)"
            ),
            "answered together",
        ),
        (
            lowest("allowed = [t for t in confidence if risk(t) <= limit]\nreturn min(allowed) if allowed else None"),
            "returned None",
        ),
    ],
    "6.4": [
        (
            groups(
                made="np.array_split(p.argsort(kind='stable'), bins)",
                term="len(g) / len(p) * abs(p[g].mean() - q[g].mean())",
                result="total",
            ),
            "leave them out",
        ),
        (groups(term="len(g) * (p[g].mean() - q[g].mean())", result="abs(total) / len(p)"), "cancel in yours"),
        (groups(term="abs(p[g].mean() - q[g].mean())", result="total / len(made)"), "weight each by its rows"),
        (groups(made="[g for g in np.array_split(np.arange(len(p)), bins) if len(g)]"), "not neighbors"),
        (groups(first="p = np.sort(p)"), "left q as it was"),
        (groups(first="p.sort()"), "in place"),
        (groups(first="p, q = np.sort(p), np.sort(q)"), "each by itself"),
        (groups(made="[g for g in np.array_split((-p).argsort(kind='stable'), bins) if len(g)]"), "the smallest p"),
        (
            groups(
                made="[g for g in (np.where(np.minimum((p * bins).astype(int), bins - 1) == b)[0] for b in range(bins)) if len(g)]"
            ),
            "bins of equal width",
        ),
    ],
}
