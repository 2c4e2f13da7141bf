"""Wrong answers to the exercises of lesson 4, each with a fragment of the message that is meant for it."""


def attend(
    score: str, exponential: str = "score - max(scores)", share: str = "e / sum(es)", end: str = "return shares, blend"
) -> str:
    """An answer to exercise 4.1 with one part replaced."""
    return (
        "def attend_by_hand(query, keys, values):\n"
        f"    scores = [{score} for key in keys]\n"
        f"    es = [math.exp({exponential}) for score in scores]\n"
        f"    shares = [{share} for e in es]\n"
        "    blend = sum(s * v for s, v in zip(shares, values))\n"
        f"    {end}\n"
    )


DOT = "sum(a * b for a, b in zip(query, key))"


def window(condition: str) -> str:
    """An answer to exercise 4.2 with this condition on the distance."""
    return (
        "def window_mask(size, window):\n"
        "    places = torch.arange(size)\n"
        "    distance = places[:, None] - places\n"
        f"    return {condition}\n"
    )


def split(expression: str) -> str:
    """An answer to exercise 4.3."""
    return f"def split_heads(x, heads):\n    B, T, C = x.shape\n    D = C // heads\n    return {expression}\n"


def induction(wanted: str, result: str) -> str:
    """An answer to exercise 4.4."""
    return (
        "def induction_scores(maps, tokens):\n"
        "    T = len(tokens)\n"
        f"    wanted = torch.tensor([[{wanted} for s in range(T)] for t in range(T)])\n"
        "    per_query = (maps * wanted).sum(-1)\n"
        f"    return {result}\n"
    )


WANTED = "1 <= s <= t and tokens[s - 1] == tokens[t]"

MISTAKES = {
    "4.1": [
        (attend(DOT), "without the root"),
        (attend(f"{DOT} / len(query)"), "You divided by D itself"),
        (attend(f"{DOT} / math.sqrt(len(query))", exponential="score"), "overflows: subtract the largest score"),
        (attend(f"{DOT} / math.sqrt(len(query))", exponential="score - scores[0]"), "not the first"),
        (attend(f"{DOT} / math.sqrt(len(query))", share="e / max(es)"), "do not add up to 1"),
        (attend(f"{DOT} / math.sqrt(len(query))", end="return shares, sum(values) / len(values)"), "the blend is not"),
    ],
    "4.2": [
        (window("(distance >= 0) & (distance <= window)"), "One token too many"),
        (window("distance.abs() < window"), "lets a token see the future"),
        (window("~((distance >= 0) & (distance < window))"), "turned round"),
        (window("((distance >= 0) & (distance < window)).float()"), "tensor of booleans"),
    ],
    "4.3": [
        (split("x.view(B, heads, T, D)"), "view alone deals out positions"),
        (split("x.view(B, T, heads, D)"), "swap these two axes"),
        (split("x.view(B, T, D, heads).permute(0, 3, 1, 2)"), "every second number"),
        (split("x.view(B, T, heads, D).permute(0, 3, 1, 2)"), "D and H have changed places"),
    ],
    "4.4": [
        (induction(WANTED, "per_query.mean(-1)"), "You divided by all tokens"),
        (induction("s < t and tokens[s] == tokens[t]", "per_query[:, wanted.any(-1)].mean(-1)"), "looks at the same letter"),
        (induction(WANTED, "(maps * wanted).amax(-1)[:, wanted.any(-1)].mean(-1)"), "add the shares"),
        (induction(WANTED, "per_query.sum(-1)"), "Expected the scores 1, 0, 0"),
    ],
}
