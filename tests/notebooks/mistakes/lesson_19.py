"""Wrong answers to the exercises of lesson 19, each with a fragment of the message that is meant for it."""


def labels(assistant: str = "[-100, *some[1:]]", user: str = "[-100] * len(some)", ends: str = "ids, labels") -> str:
    """An answer to exercise 19.1 with some of its parts replaced."""
    return (
        "def conversation_labels(turns):\n    ids, labels = [], []\n    for role, some in turns:\n        ids += some\n"
        f"        labels += {assistant} if role == 'assistant' else {user}\n    return {ends}\n"
    )


def wins(
    won: str = "sum(a > b for a, b in zip(new, old))",
    n: str = "won + lost",
    ties: str = "1 - (won + lost) / len(new)",
    rate: str = "won / n",
    low: str = "(p + z**2 / (2 * n) - half) / (1 + z**2 / n)",
    high: str = "(p + z**2 / (2 * n) + half) / (1 + z**2 / n)",
    nothing: str = "0.5, 0.0, 1.0, ties",
) -> str:
    """An answer to exercise 19.2 with some of its parts replaced."""
    return (
        "def win_rate_wilson(new, old, z=1.96):\n"
        f"    won, lost = {won}, sum(a < b for a, b in zip(new, old))\n    n = {n}\n    ties = {ties}\n"
        f"    if n == 0:\n        return {nothing}\n    p = {rate}\n"
        f"    half = z * (p * (1 - p) / n + z**2 / (4 * n**2)) ** 0.5\n    return p, {low}, {high}, ties\n"
    )


def by_length(
    each: str = "max(d.count(size), d.count(-size))", zero: str = "d.count(0) / 2", end: str = "right / len(d)"
) -> str:
    """An answer to exercise 19.3 with some of its parts replaced."""
    return (
        "def best_by_length(differences):\n    d = list(differences)\n    right = 0.0\n    for size in {abs(one) for one in d}:\n"
        f"        right += {each} if size else {zero}\n    return {end}\n"
    )


def smoothed(loss: str = "-(1 - e) * F.logsigmoid(d) - e * F.logsigmoid(-d)", best: str = "math.log((1 - e) / e) / beta if e else math.inf",
             d: str = "beta * (h_w - h_l)", mean: str = "loss.mean()") -> str:  # fmt: skip
    """An answer to exercise 19.4 with some of its parts replaced."""
    return (
        "import math\n\nimport torch\nimport torch.nn.functional as F\n\n\ndef smoothed_dpo(h_w, h_l, beta, epsilon):\n"
        f"    e, d = epsilon, {d}\n    loss = {loss}\n    return {mean}, {best}\n"
    )


MISTAKES = {
    "19.1": [
        (labels(user="some"), "The user's turns count"),
        (labels("some"), "The mark that opens the turn"),
        (labels("[-100, *some[1:-1], -100]"), "would never learn to stop"),
        (labels("some", "some"), "Everything counts"),
        (labels(ends="ids, [*labels[1:], -100]"), "The labels are shifted"),
        (labels("[0, *some[1:]]", "[0] * len(some)"), "0 is a token like others"),
        (labels("[-100] * len(some)", "[-100, *some[1:]]"), "turn it round"),
        (labels(ends="ids, [-100] * (len(ids) - len(turns[-1][1])) + labels[-len(turns[-1][1]):]"), "Only the last answer counts"),
        (labels(ends="ids[1:], labels[1:]"), "those of all turns"),
        (labels(ends="ids, [-100 if x == 3 else x for x in labels]", assistant="some"), "Go by the role"),
        (labels(user="([-100, *some[1:]] if role == 'system' else [-100] * len(some))"), "the system's, counts"),
        ("def conversation_labels(turns):\n    ids = turns[0][1]\n    for _, some in turns[1:]:\n        ids += some\n    return ids, ids\n",
         "The turns were changed"),
    ],
    "19.2": [
        (wins(n="len(new)"), "Ties count as losses"),
        (wins(rate="(won + (len(new) - n) / 2) / len(new)"), "half a win"),
        (wins(won="sum(a >= b for a, b in zip(new, old))", n="len(new)"), "Ties count as wins"),
        (wins(won="sum(a < b for a, b in zip(new, old))", n="2 * lost + 4", rate="lost / 8"), "the old model's win rate"),
        (wins(ties="(len(new) - won - lost) / (won + lost) if won + lost else 1.0"), "one of all 12 tasks"),
        (wins(low="p - z * (p * (1 - p) / n) ** 0.5", high="p + z * (p * (1 - p) / n) ** 0.5"), "the normal interval"),
        (wins(n="len(new)", rate="won / (won + lost)"), "the number of decided tasks"),
        (wins(low="(p + z**2 / (2 * n) + half) / (1 + z**2 / n)", high="(p + z**2 / (2 * n) - half) / (1 + z**2 / n)"), "exchanged"),
        (wins(nothing="0.0, 0.0, 0.0, ties"), "With ties alone nothing is known"),
        (wins(nothing="won / n, 0.0, 1.0, ties"), "yours divides by zero"),
    ],
    "19.3": [
        (by_length("d.count(size)"), "the rule 'the longer one'"),
        (by_length("d.count(-size)"), "the rule 'the shorter one'"),
        (by_length(zero="0"), "each of those pairs counts 0.5"),
        (by_length(zero="d.count(0)"), "not a whole one"),
        (by_length(zero="0", end="right / (len(d) - d.count(0))"), "the share is one of all"),
        ("def best_by_length(differences):\n    d = list(differences)\n    return sum(max(d.count(x), d.count(-x)) if x else d.count(0) / 2 for x in set(d)) / len(d)\n",
         "may be counted once only"),
        (by_length("min(d.count(size), d.count(-size))"), "the worse rule"),
        ("def best_by_length(differences):\n    longer = sum(d > 0 for d in differences) / len(differences)\n    zero = differences.count(0) / 2 / len(differences)\n"
         "    return max(longer + zero, 1 - longer - zero)\n", "the rule 'the longer one'"),
        (by_length("(max(d.count(size), d.count(-size)) if d.count(-size) else 0)"), "whose mirror image is missing"),
    ],
    "19.4": [
        (smoothed("-F.logsigmoid(d)"), "plain DPO"),
        (smoothed("-e * F.logsigmoid(d) - (1 - e) * F.logsigmoid(-d)"), "exchanged"),
        (smoothed(mean="loss.sum()"), "not the sum"),
        (smoothed(mean="loss"), "not one for each pair"),
        (smoothed(d="h_w - h_l"), "beta is missing"),
        (smoothed("-(1 - e) * F.logsigmoid(d)"), "the pair turned round, is missing"),
        (smoothed("-F.logsigmoid((1 - 2 * e) * d)"), "two losses that are weighted"),
        (smoothed(d="beta * (h_l - h_w)"), "exchanged"),
        (smoothed("-(1 - e) * F.logsigmoid(d) + e * F.logsigmoid(-d)"), "as robust DPO does"),
        (smoothed(best="math.log((1 - e) / e) if e else math.inf"), "divide by beta"),
        (smoothed(best="math.log(e / (1 - e)) / beta if e else math.inf"), "The sign is turned round"),
        (smoothed(best="(1 - e) / beta"), "the inverse of sigma"),
        (smoothed(best="math.log((1 - e) / e) / beta"), "ends in an error"),
        (smoothed("(-(1 - e) * F.logsigmoid(d) + e * F.logsigmoid(-d)) / (1 - 2 * e)"), "That is robust DPO"),
        (smoothed("F.binary_cross_entropy(d.sigmoid(), torch.full_like(d, 1 - e), reduction='none')"), "use `logsigmoid`"),
        (smoothed("-(1 - e) * d.sigmoid().log() - e * (-d).sigmoid().log()"), "use `logsigmoid`"),
    ],
}  # fmt: skip
