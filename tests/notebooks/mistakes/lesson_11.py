"""Wrong answers to the exercises of lesson 11, each with a fragment of the message that is meant for it."""


def halves(expression: str) -> str:
    """An answer to exercise 11.1."""
    return f"import torch\n\n\ndef to_halves(weight, heads):\n    rows = weight.unflatten(0, (heads, -1))\n    return {expression}\n"


def round_(expression: str) -> str:
    """An answer to exercise 11.2."""
    return f"import math\n\n\ndef pairs_with_a_full_turn(size, base, trained):\n    return {expression}\n"


LAST = "math.floor(size / 2 * math.log(trained / (2 * math.pi)) / math.log(base))"


def merged(output: str, normalizer: str = "torch.logaddexp(normalizer1, normalizer2)", both: str = "") -> str:
    """An answer to exercise 11.3 in which a and b are e to the log-sum-exps, as columns."""
    return (
        "import torch\n\n\n"
        "def merge(output1, normalizer1, output2, normalizer2):\n"
        "    a, b = normalizer1.exp()[:, None], normalizer2.exp()[:, None]\n"
        f"    return {both or f'{output}, {normalizer}'}\n"
    )


RIGHT = "(a * output1 + b * output2) / (a + b)"


def tiles(first: str, last: str = "row + 1") -> str:
    """An answer to exercise 11.4."""
    return f"def key_tiles(row, tile, window):\n    return list(range({first}, {last}))\n"


MISTAKES = {
    "11.1": [
        (halves("torch.cat([weight[0::2], weight[1::2]])"), "across the heads"),
        (halves("rows.unflatten(1, (2, -1)).transpose(1, 2).flatten(0, 2)"), "the way back"),
        (halves("torch.cat([rows[:, 1::2], rows[:, 0::2]], 1).flatten(0, 1)"), "The even rows come first"),
        (halves("torch.cat([rows[:, 0::2], rows[:, 1::2]], 1)"), "flatten the heads again"),
        (halves("rows.flatten(0, 1)"), "Nothing has moved"),
        (halves("rows[:, [0, 2, 4, 1, 3, 5]].flatten(0, 1)"), "Right for D = 6"),
        (halves("torch.cat([rows[0::2], rows[1::2]]).flatten(0, 1)"), "Nothing has moved"),
    ],
    "11.2": [
        (round_(LAST), "counting begins at 0"),
        (round_(LAST.replace(" / (2 * math.pi)", "") + " + 1"), "Is 2 pi in it?"),
        (round_(LAST.replace("size / 2", "size") + " + 1"), "D / 2 and not D"),
        (round_(LAST.replace("math.floor", "") + " + 1"), "whole number"),
        (round_(LAST.replace("math.floor", "round") + " + 1"), "Pair 2 makes no full turn"),
        (round_(LAST + " + 1"), "no more"),
        (round_(f"max({LAST} + 1, 0)"), "no more"),
        (round_(f"min({LAST} + 1, size // 2)"), "not even the first"),
        (round_(LAST.replace("math.log(base)", "math.log(10000)") + " + 1"), "Is one number written into it?"),
        ("def pairs_with_a_full_turn(size, base, trained):\n    i = 0\n    while i >= 0:\n        i += 1\n", "stopped after"),
    ],
    "11.3": [
        (merged("(output1 + output2) / 2"), "You averaged the two"),
        (merged("output1 + output2"), "You added the two outputs"),
        (merged("(b * output1 + a * output2) / (a + b)"), "changed places"),
        (merged("a * output1 + b * output2"), "divided by the sum of both"),
        (merged(RIGHT, "normalizer1 + normalizer2"), "neither L1 + L2 nor the larger"),
        (merged(RIGHT, "torch.maximum(normalizer1, normalizer2)"), "neither L1 + L2 nor the larger"),
        (merged(RIGHT), "overflow"),
        (merged("", both=RIGHT), "Give two things back"),
    ],
    "11.4": [
        (tiles("0"), "skip it"),
        (tiles("row"), "The first query, 8, sees 6 and 7"),
        (tiles("max(0, row * tile - window + 1) // tile", "row"), "range(a, b) stops"),
        (tiles("max(0, row * tile - window) // tile"), "its own tile only"),
        (tiles("(row * tile - window + 1) // tile"), "no tiles before tile 0"),
        (tiles("max(0, row - 1)"), "its own tile only"),
        ("def key_tiles(row, tile, window):\n    while True:\n        row = row\n", "stopped after"),
    ],
}
