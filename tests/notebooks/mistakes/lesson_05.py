"""Wrong answers to the exercises of lesson 5, each with a fragment of the message that is meant for it."""


def shift(block: str = "[[c, s], [-s, c]]", angle: str = "k * base ** (-2 * i / width)") -> str:
    """An answer to exercise 5.1 with one part replaced."""
    return (
        "import math\nimport torch\n\n\n"
        "def shift_matrix(k, width, base=10000.0):\n"
        "    matrix = torch.zeros(width, width)\n"
        "    for i in range(width // 2):\n"
        f"        angle = {angle}\n"
        "        c, s = math.cos(angle), math.sin(angle)\n"
        f"        matrix[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = torch.tensor({block})\n"
        "    return matrix\n"
    )


HALVES = shift().replace("matrix[2 * i : 2 * i + 2, 2 * i : 2 * i + 2]", "matrix[i :: width // 2, i :: width // 2]")
ROLLED = "import torch\n\n\ndef shift_matrix(k, width, base=10000.0):\n    return torch.eye(width).roll(k, 0)\n"


def begins(far: str, near: str = "bucket_number < exact") -> str:
    """An answer to exercise 5.2 with one part replaced."""
    return (
        "import math\n\n\n"
        "def first_distance(bucket_number, buckets=32, max_distance=128):\n"
        "    exact = buckets // 2\n"
        f"    if {near}:\n"
        "        return bucket_number\n"
        f"    return {far}\n"
    )


LIMIT = "exact * (max_distance / exact) ** ((bucket_number - exact) / (buckets - exact))"
COUNTED = (
    "def first_distance(bucket_number, buckets=32, max_distance=128):\n"
    "    back = 0\n"
    "    while back != bucket_number:\n"
    "        back = min(back + 1, 7)\n"
    "    return back\n"
)


def neighbors(
    first: str, second: str, result: str = "torch.stack([new_a, new_b], dim=-1).flatten(1)", halves: bool = False
) -> str:
    """An answer to exercise 5.3 with one part replaced."""
    cut = "x.chunk(2, dim=1)" if halves else "x[:, 0::2], x[:, 1::2]"
    return (
        "def rotate_neighbors(x, angles):\n"
        f"    a, b = {cut}\n"
        "    cos, sin = angles.cos(), angles.sin()\n"
        f"    new_a, new_b = {first}, {second}\n"
        f"    return {result}\n"
    )


def in_place(source: str, first: str, second: str) -> str:
    """An answer to exercise 5.3 that writes into its argument, or into a copy."""
    return (
        "def rotate_neighbors(x, angles):\n"
        f"    x = {source}\n"
        "    cos, sin = angles.cos(), angles.sin()\n"
        f"    {first}\n"
        f"    {second}\n"
        "    return x\n"
    )


RIGHT_FIRST, RIGHT_SECOND = "a * cos - b * sin", "b * cos + a * sin"
WRITE_FIRST = "x[:, 0::2] = x[:, 0::2] * cos - x[:, 1::2] * sin"
WRITE_SECOND = "x[:, 1::2] = x[:, 1::2] * cos + x[:, 0::2] * sin"
WRITE_BOTH = "a, b = x[:, 0::2].clone(), x[:, 1::2].clone(); x[:, 0::2] = a * cos - b * sin"


def positions(expression: str) -> str:
    """An answer to exercise 5.4."""
    return f"def positions_of(mask):\n    return {expression}\n"


MISTAKES = {
    "5.1": [
        (shift("[[c, -s], [s, c]]"), "goes back by k positions"),
        (shift("[[c, s], [s, c]]"), "this matrix does not"),
        (HALVES, "all sines stand first"),
        (shift(angle="k * base ** (-i / width)"), "the exponent of the base is -2 i / width"),
        (shift(angle="math.radians(k) * base ** (-2 * i / width)"), "without a conversion"),
        (shift(angle="k * 100.0 ** (-2 * i / width)"), "Right for k = 3, width 4"),
        (ROLLED, "outside of the two-by-two"),
        (shift("[[s, c], [-c, s]]"), "should move nothing"),
        (shift(angle="base ** (-2 * i / width)"), "should move nothing"),
        (shift(angle="3 * base ** (-2 * i / width)"), "should move nothing"),
    ],
    "5.2": [
        (begins(f"int({LIMIT})"), "round up, with math.ceil"),
        (begins(f"round({LIMIT})"), "not to the nearest"),
        (begins(LIMIT), "whole number"),
        (begins(f"math.ceil({LIMIT.replace('bucket_number - exact', 'bucket_number + 1 - exact')})"), "where the bucket ends"),
        (
            begins(f"math.ceil({LIMIT.replace('bucket_number - exact', 'bucket_number + 1 - exact')}) - 1"),
            "its first is asked for",
        ),
        (begins("exact + (bucket_number - exact) * (max_distance - exact) // (buckets - exact)"), "by a constant factor"),
        (begins(f"math.ceil({LIMIT})", near="False"), "The first four buckets"),
        (begins("math.ceil(4 * 4 ** ((bucket_number - 4) / 4))", near="bucket_number < 4"), "Right for 8 buckets"),
        (begins(f"int({LIMIT}) + 1"), "One too far"),
        (begins(f"math.ceil({LIMIT.replace('buckets - exact', 'buckets - exact - 1')})"), "you made 3 of it"),
        (begins(f"math.ceil({LIMIT})").replace("buckets // 2", "buckets // 4"), "halve twice, for an encoder"),
        (COUNTED.replace("bucket_number:", "bucket_number + 0.5:"), "stopped after"),
    ],
    "5.3": [
        (neighbors("a * cos + b * sin", "b * cos - a * sin"), "You rotated clockwise"),
        (
            neighbors(RIGHT_FIRST, RIGHT_SECOND, "torch.cat([new_a, new_b], dim=1)", halves=True),
            "the paper's are 2i and 2i + 1",
        ),
        (neighbors(RIGHT_FIRST, RIGHT_SECOND, "torch.cat([new_a, new_b], dim=1)"), "back in their old order"),
        (neighbors("a * cos - b * sin", "b * cos - a * sin"), "check the signs"),
        (neighbors(RIGHT_FIRST, RIGHT_SECOND, "torch.stack([new_a, new_b], dim=-1)"), "shape should stay"),
        (in_place("x", WRITE_FIRST, WRITE_SECOND), "from the first one's new value"),
        (in_place("x.clone()", WRITE_FIRST, WRITE_SECOND), "from the first one's new value"),
        (in_place("x.clone()", WRITE_SECOND, WRITE_FIRST), "from the second one's new value"),
        (in_place("x", WRITE_BOTH, "x[:, 1::2] = b * cos + a * sin"), "x itself was overwritten"),
        (neighbors("a * cos[:, :1] - b * sin[:, :1]", "b * cos[:, :1] + a * sin[:, :1]"), "does each pair get its own angle"),
    ],
    "5.4": [
        (positions("torch.arange(mask.shape[1]).expand(mask.shape)"), "You counted the padding"),
        (positions("mask.long().cumsum(1)"), "subtract one"),
        (positions("mask.long().cumsum(1) - 1"), "position -1"),
        (positions("(mask.float().cumsum(1) - 1).clamp_min(0)"), "whole numbers"),
        (positions("(mask.long().flatten().cumsum(0).view(mask.shape) - 1).clamp_min(0)"), "from one text to the next"),
        (positions("(mask.long().cumsum(0) - 1).clamp_min(0)"), "You counted down the batch"),
        (positions("(mask.long().cumsum(1) - 1).masked_fill(~mask, 1)"), "Your padding has position 1"),
        (positions("(mask.long().cumsum(1) - 1).abs()"), "Your padding has position 1"),
        (positions("(torch.arange(mask.shape[1]) - mask.int().argmax(1, keepdim=True)).clamp_min(0)"), "all padding"),
        (positions("torch.arange(mask.shape[1]) - (~mask).sum(1, keepdim=True)"), "position -2"),
    ],
}
