"""Wrong answers to the exercises of lesson 20, each with a fragment of the message that is meant for it."""


def kept(
    stays: str = "[y * min(1.0, c * x / y) if y else 0.0 for x, y in zip(p, q)]",
    more: str = "[max(0.0, x - y) for x, y in zip(p, q)]",
    result: str = "[kept + lost * x / total for kept, x in zip(stays, more)], sum(stays)",
) -> str:
    """An answer to exercise 20.1 with some of its parts replaced."""
    return (
        f"def kept_distribution(p, q, c=1.0):\n    stays = {stays}\n    more = {more}\n"
        f"    lost, total = 1 - sum(stays), sum(more) or 1.0\n    return {result}\n"
    )


def fit(
    free: str = "0.9 * gpus * gigabytes * 1e9 - weights * bits / 8",
    blocks: str = "-(-tokens // 16)",
    result: str = "max(0, int(free // (blocks * 16 * cache_bytes)))",
) -> str:
    """An answer to exercise 20.2 with some of its parts replaced."""
    return (
        "def requests_that_fit(weights, bits, gpus, gigabytes, cache_bytes, tokens):\n"
        f"    free = {free}\n    blocks = {blocks}\n    return {result}\n"
    )


def look(
    lengths: str = "range(min(size, len(text) - 1), 0, -1)",
    starts: str = "range(len(text) - length - 1, -1, -1)",
    found: str = "text[start + length : start + length + count]",
) -> str:
    """An answer to exercise 20.3 with some of its parts replaced."""
    return (
        f"def look_up(text, size, count):\n    for length in {lengths}:\n        end = text[-length:]\n"
        f"        for start in {starts}:\n            if text[start : start + length] == end:\n"
        f"                return {found}\n    return []\n"
    )


def bands(
    meet: str = "1 - (1 - j**r) ** b",
    choose: str = "min(good, key=lambda shape: meet(unwanted, *shape))",
    result: str = "best, meet(unwanted, *best)",
    functions: str = "functions",
) -> str:
    """An answer to exercise 20.4 with some of its parts replaced."""
    return (
        f"def bands_for(wanted, least, unwanted, functions=128):\n    meet = lambda j, b, r: {meet}\n"
        f"    shapes = [({functions} // r, r) for r in range(1, {functions} + 1) if {functions} % r == 0]\n"
        "    good = [shape for shape in shapes if meet(wanted, *shape) >= least]\n"
        f"    best = {choose}\n    return {result}\n"
    )


MISTAKES = {
    "20.1": [
        (kept(more="p"), "drawn from p itself"),
        (kept(result="stays, sum(stays)"), "is lost in yours"),
        (kept(result="[kept + lost * x / total for kept, x in zip(stays, more)], 1 - sum(stays)"), "thrown away. Asked for"),
        (kept(stays="[y * min(1.0, x / y) if y else 0.0 for x, y in zip(p, q)]"), "c changes nothing"),
        (kept(stays="[y * min(1.0, c * x / y) for x, y in zip(p, q)]"), "never proposes"),
        (kept(result="list(q), sum(stays)"), "draft's distribution"),
    ],
    "20.2": [
        (fit(free="gpus * gigabytes * 1e9 - weights * bits / 8"), "Only a share of 0.9"),
        (fit(free="0.9 * gpus * gigabytes * 2**30 - weights * bits / 8"), "10 to the 9"),
        (fit(free="0.9 * gpus * gigabytes * 1e9"), "take them off first"),
        (fit(free="0.9 * gpus * gigabytes * 1e9 - weights"), "two bytes"),
        (fit(blocks="tokens / 16"), "the second is taken whole"),
        (fit(blocks="tokens // 16"), "round up"),
        (fit(free="gpus * (0.9 * gigabytes * 1e9 - weights * bits / 8)"), "lie there once"),
        (fit(result="int(free // (blocks * 16 * cache_bytes))"), "not below"),
    ],
    "20.3": [
        (look(starts="range(len(text) - length)"), "first place"),
        (look(starts="range(len(text) - length, -1, -1)"), "match themselves"),
        (look(found="text[start : start + count]"), "matched tokens themselves"),
        (look(found="text[start + length :][: count + 1]"), "At most"),
        (look(lengths="[size]"), "look for two"),
    ],
    "20.4": [
        (bands(choose="max(good, key=lambda shape: meet(wanted, *shape))"), "lets everything else through"),
        (bands(choose="min(shapes, key=lambda shape: meet(unwanted, *shape))"), "must reach"),
        (bands(result="best[::-1], meet(unwanted, *best)"), "exchanged"),
        (bands(result="best, unwanted ** best[1]"), "one band"),
        (bands(result="best, 1 - meet(unwanted, *best)"), "NOT meet"),
        (bands(functions="128"), "128 written into it"),
    ],
}
