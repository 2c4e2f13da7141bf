"""Wrong answers to the exercises of lesson 5, each with a fragment of the message that is meant for it."""


def vector(
    angle: str = "place * base ** (-2 * i / width)", result: str = "[f(a) for a in angles for f in (math.sin, math.cos)]"
) -> str:
    """An answer to exercise 5.1 with one part replaced."""
    return (
        "def place_vector(place, width, base=10000.0):\n"
        f"    angles = [{angle} for i in range(width // 2)]\n"
        f"    return {result}\n"
    )


def bucket(far: str, near: str = "back < exact", result: str = "min(buckets - 1, far)") -> str:
    """An answer to exercise 5.2 with one part replaced."""
    return (
        "def bucket_of(back, buckets=32, max_distance=128):\n"
        "    exact = buckets // 2\n"
        f"    if {near}:\n"
        "        return back\n"
        f"    far = {far}\n"
        f"    return {result}\n"
    )


PART = "math.log(back / exact) / math.log(max_distance / exact)"


def neighbors(
    first: str, second: str, result: str = "torch.stack([new_a, new_b], dim=-1).flatten(1)", halves: bool = False
) -> str:
    """An answer to exercise 5.3 with one part replaced."""
    cut = "x.chunk(2, dim=1)" if halves else "x[:, 0::2], x[:, 1::2]"
    return (
        "def turn_neighbors(x, angles):\n"
        f"    a, b = {cut}\n"
        "    cos, sin = angles.cos(), angles.sin()\n"
        f"    new_a, new_b = {first}, {second}\n"
        f"    return {result}\n"
    )


RIGHT_FIRST, RIGHT_SECOND = "a * cos - b * sin", "b * cos + a * sin"


def places(expression: str) -> str:
    """An answer to exercise 5.4."""
    return f"def places_of(mask):\n    return {expression}\n"


MISTAKES = {
    "5.1": [
        (vector(result="[math.sin(a) for a in angles] + [math.cos(a) for a in angles]"), "All sines stand first"),
        (vector(result="[f(a) for a in angles for f in (math.cos, math.sin)]"), "have changed places"),
        (vector(angle="place * base ** (-i / width)"), "the exponent is 2 i / width"),
        (vector(angle="math.radians(place) * base ** (-2 * i / width)"), "do not convert it"),
        (vector(result="[math.sin(a) for a in angles]"), "two a hand: 4 and not 2"),
        (vector(angle="place * 100.0 ** (-2 * i / width)"), "Right for 4 numbers"),
    ],
    "5.2": [
        (bucket(f"exact + round({PART} * (buckets - exact))"), "cut off the decimals, do not round"),
        (bucket(f"exact + int({PART} * (buckets - exact))", result="far"), "cap it"),
        (bucket(f"exact + {PART} * (buckets - exact)"), "whole number"),
        (bucket("exact + int(math.log(back / exact) / math.log(max_distance) * (buckets - exact))"), "max_distance / exact"),
        (bucket(f"int({PART} * (buckets - exact))", near="back <= 1"), "have a bucket each"),
        (bucket("4 + int(math.log(back / 4) / math.log(max_distance / 4) * 4)"), "Right for 8 buckets"),
    ],
    "5.3": [
        (neighbors("a * cos + b * sin", "b * cos - a * sin"), "You turned clockwise"),
        (
            neighbors(RIGHT_FIRST, RIGHT_SECOND, "torch.cat([new_a, new_b], dim=1)", halves=True),
            "the paper's are 2i and 2i + 1",
        ),
        (neighbors(RIGHT_FIRST, RIGHT_SECOND, "torch.cat([new_a, new_b], dim=1)"), "back in their old order"),
        (neighbors("a * cos - b * sin", "b * cos - a * sin"), "check the signs"),
        (neighbors(RIGHT_FIRST, RIGHT_SECOND, "torch.stack([new_a, new_b], dim=-1)"), "shape should stay"),
    ],
    "5.4": [
        (places("torch.arange(mask.shape[1]).expand(mask.shape)"), "You counted the padding"),
        (places("mask.long().cumsum(1)"), "subtract one"),
        (places("mask.long().cumsum(1) - 1"), "place -1"),
        (places("(mask.float().cumsum(1) - 1).clamp_min(0)"), "whole numbers"),
    ],
}
