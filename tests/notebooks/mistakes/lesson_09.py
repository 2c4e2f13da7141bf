"""Wrong answers to the exercises of lesson 9, each with a fragment of the message that is meant for it."""


def hot(result: str) -> str:
    """An answer to exercise 9.1."""
    return f"import math\n\n\ndef temperature_for(first, second, p):\n    return {result}\n"


def several(result: str, before: str = "pass") -> str:
    """An answer to exercise 9.2."""
    return f"def ensemble_targets(logits, T):\n    {before}\n    return {result}\n"


def apart(result: str, of: str = "F.pdist") -> str:
    """An answer to exercise 9.3."""
    return (
        "import torch\nimport torch.nn.functional as F\n\n\n"
        "def distance_loss(s, t):\n"
        f"    a, b = {of}(s), {of}(t)\n"
        f"    return {result}\n"
    )


def alike(result: str) -> str:
    """An answer to exercise 9.4."""
    return (
        f"def same_mistake(student, teacher, truth):\n    both = (student != truth) & (teacher != truth)\n    return {result}\n"
    )


SQUARE = "(a / a.mean() - b / b.mean()).square()"
MISTAKES = {
    "9.1": [
        (hot("(first - second) / math.log((1 - p) / p)"), "Negative"),
        (hot("math.log(p / (1 - p)) / (first - second)"), "That is 1 / T"),
        (hot("(first - second) / math.log2(p / (1 - p))"), "natural logarithm"),
        (hot("(first - second) / -math.log(p)"), "depends on the odds"),
        (hot("first / math.log(p / (1 - p))"), "only the difference counts"),
        (hot("(first - second) / p"), "the temperature is"),
    ],
    "9.2": [
        (several("(logits.mean(0) / T).softmax(-1)"), "You averaged the logits"),
        (several("(logits / T).softmax(-1).sum(0)"), "adds up to 2"),
        (several("logits.softmax(-1).mean(0)"), "That is T = 1"),
        (several("(logits * T).softmax(-1).mean(0)"), "do not multiply"),
        (several("(logits / T).softmax(0).mean(0)"), "the softmax goes over the classes"),
        (several("(logits / T).softmax(-1)"), "average over axis 0"),
        (several("logits.softmax(-1).mean(0)", "logits /= T"), "in place"),
    ],
    "9.3": [
        (apart(f"{SQUARE}.mean()", "(lambda x: torch.cdist(x, x))"), "Leave the diagonal out"),
        (apart("(a - b).square().mean()"), "plain distances"),
        (apart("(a / b.mean() - b / b.mean()).square().mean()"), "Each model has its own mean"),
        (apart(f"{SQUARE}.sum()"), "That is the sum"),
        (apart(f"{SQUARE}.mean() * float('nan')"), "NaN"),
        (apart("(a / a.max() - b / b.max()).square().mean()"), "The loss here is"),
    ],
    "9.4": [
        (alike("(student == teacher).mean()"), "agreement on all rows"),
        (alike("both.sum() / (teacher != truth).sum()"), "Both wrong is not yet"),
        (alike("(both & (student == teacher)).sum() / (teacher != truth).sum()"), "divided by the teacher's mistakes"),
        (alike("(both & (student == teacher)).sum() / (student != truth).sum()"), "divided by the student's mistakes"),
        (alike("(both & (student == teacher)).mean()"), "divided by all rows"),
        (alike("both.sum() / (student != truth).sum()"), "Both wrong is not yet"),
        (alike("both.mean()"), "Both wrong is not yet"),
        (alike("(student == teacher)[both].mean()"), "None, not"),
    ],
}
