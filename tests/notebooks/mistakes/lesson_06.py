"""Wrong answers to the exercises of lesson 6, each with a fragment of the message that is meant for it."""


def balanced(expression: str) -> str:
    """An answer to exercise 6.1."""
    return f"def balanced_accuracy(table):\n    return {expression}\n"


def mean(expression: str, first: str = "pass") -> str:
    """An answer to exercise 6.2."""
    return f"def pooled(x, present):\n    {first}\n    return {expression}\n"


def sure(order: str, chosen: str = "order[: int(share * len(labels))]") -> str:
    """An answer to exercise 6.3 with one part replaced."""
    return (
        "def accuracy_when_sure(labels, probabilities, share):\n"
        f"    order = {order}\n"
        f"    chosen = {chosen}\n"
        "    return float((probabilities[chosen].argmax(1) == labels[chosen]).mean())\n"
    )


def calibration(
    term: str = "inside.mean() * abs(right[inside].mean() - confidence[inside].mean())",
    place: str = "np.ceil(np.round(confidence * bins, 9)).astype(int) - 1",
    result: str = "total",
    count: str = "bins",
) -> str:
    """An answer to exercise 6.4 with one part replaced."""
    return (
        "def calibration_error(confidence, right, bins=10):\n"
        f"    place, total, used = {place}, 0.0, 0\n"
        f"    for k in range({count}):\n"
        "        inside = place == k\n"
        "        if inside.any():\n"
        "            used += 1\n"
        f"            total += {term}\n"
        f"    return {result}\n"
    )


MISTAKES = {
    "6.1": [
        (balanced("sum(row[i] for i, row in enumerate(table)) / sum(map(sum, table))"), "That is plain accuracy"),
        (
            balanced(
                "sum(table[i][i] / sum(row[i] for row in table) for i in range(len(table)) if any(row[i] for row in table)) / len(table)"
            ),
            "divide by the sum of the row",
        ),
        (balanced("(table[0][0] / sum(table[0]) + table[1][1] / sum(table[1])) / 2"), "Right for two classes"),
        (balanced("sum(row[i] / sum(row) for i, row in enumerate(table))"), "their mean is 0.65"),
    ],
    "6.2": [
        (mean("x.mean(1)"), "The padding is in your mean"),
        (mean("(x * present[..., None]).mean(1)"), "but divided by T"),
        (mean("(x * present[..., None]).sum(1)"), "That is the sum"),
        (mean("(x * present[..., None]).sum(2) / present.sum(1, keepdim=True)"), "which axis did you sum"),
        (mean("x.sum(1) / present.sum(1, keepdim=True)", "x *= present[..., None]"), "changed x in place"),
    ],
    "6.3": [
        (sure("probabilities.max(1).argsort(kind='stable')"), "turn the order round"),
        (sure("(-probabilities[:, 1]).argsort(kind='stable')"), "the probability of class 1 alone"),
        (sure("(-probabilities.max(1)).argsort(kind='stable')", "order"), "share counts for nothing"),
        (sure("(-probabilities.max(1)).argsort(kind='stable')", "order[: -int(-share * len(labels) // 1)]"), "round down"),
        (sure("(-probabilities.max(1)).argsort(kind='stable')", "order[: max(1, int(share * 4))]"), "Of the three surest"),
    ],
    "6.4": [
        (calibration("abs(right[inside].mean() - confidence[inside].mean())", result="total / used"), "weight it by its share"),
        (calibration("inside.mean() * (right[inside].mean() - confidence[inside].mean())"), "take the absolute value"),
        (
            calibration("inside.mean() * (right[inside].mean() - confidence[inside].mean())", result="abs(total)"),
            "in yours they cancel",
        ),
        (calibration(place="np.minimum((confidence * bins).astype(int), bins - 1)"), "belongs to the bin below"),
        (calibration(place="np.ceil(np.round(confidence * 10, 9)).astype(int) - 1"), "with bins=20 it is not"),
    ],
}
