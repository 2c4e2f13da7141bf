"""Wrong answers to the exercises of lesson 10, each with a fragment of the message that is meant for it."""


def layers(expression: str, guard: bool = True) -> str:
    """An answer to exercise 10.1."""
    check = "    if N % n:\n        raise ValueError\n" if guard else ""
    return f"def layers_to_copy(N, n):\n{check}    return {expression}\n"


def dashboard(
    kept: str = "np.array(times[warmup:])",
    median: str = "np.median(kept)",
    p95: str = "np.percentile(kept, 95, method='inverted_cdf')",
    rate: str = "batch * len(kept) / kept.sum()",
) -> str:
    """An answer to exercise 10.2 with one part replaced."""
    return (
        f"import numpy as np\n\n\ndef dashboard(times, batch, warmup):\n    kept = {kept}\n    return {median}, {p95}, {rate}\n"
    )


def zero_point(
    low: str = "x.min().clamp(max=0)",
    high: str = "x.max().clamp(min=0)",
    scale: str = "(high - low) / 255 if high > low else torch.tensor(1.0)",
    zero: str = "(-low / scale).round()",
    whole: str = "((x / scale).round() + zero).clamp(0, 255).to(torch.uint8)",
) -> str:
    """An answer to exercise 10.3 with one part replaced."""
    return (
        "import torch\n\n\ndef with_zero_point(x):\n"
        f"    low, high = {low}, {high}\n"
        f"    scale = {scale}\n"
        f"    zero = {zero}\n"
        f"    return {whole}, scale, zero\n"
    )


def vocabulary(
    fill: str = "torch.full((len(table),), list(keep).index(unknown))",
    numbers: str = "torch.arange(len(keep))",
    small: str = "table[torch.tensor(keep)].clone()",
) -> str:
    """An answer to exercise 10.4 with one part replaced."""
    return (
        "import torch\n\n\ndef smaller_vocabulary(table, keep, unknown):\n"
        f"    new_id = {fill}\n"
        f"    new_id[torch.tensor(keep)] = {numbers}\n"
        f"    return {small}, new_id\n"
    )


ZEROED = (
    "import torch\n\n\ndef smaller_vocabulary(table, keep, unknown):\n"
    "    gone = [k for k in range(len(table)) if k not in keep]\n"
    "    table[gone] = 0\n"
    "    return table, torch.arange(len(table))\n"
)

MISTAKES = {
    "10.1": [
        (layers("list(range(0, N, N // n))"), "the last layer, which the head knows, is missing"),
        (layers("list(range(N // n, N + 1, N // n))"), "You count from 1"),
        (layers("list(range(1, N, 2))[:n]"), "a quarter of twelve takes every third"),
        (layers("list(range(n))"), "These are neighbors"),
        (layers("list(range(N - n, N))"), "These are neighbors"),
        (layers("[(k + 1) * (N / n) - 1 for k in range(n)]"), "divide with //"),
        (layers("list(range(N // n - 1, N, N // n))", guard=False), "raise a ValueError"),
        (layers("list(range(N - 1, -1, -(N // n)))"), "For 12 and 4 it is [2, 5, 8, 11]"),
        (
            layers("np.linspace(0, N - 1, n).round().astype(int).tolist()").replace("def", "import numpy as np\n\n\ndef", 1),
            "For 12 and 4",
        ),
        (
            "def layers_to_copy(N, n):\n    assert N % n == 0\n    return list(range(N // n - 1, N, N // n))\n",
            "stop with an AssertionError",
        ),
        (layers("[2, 5, 8, 11]"), "Right for 12 and 4, wrong for others"),
    ],
    "10.2": [
        (dashboard(kept="np.array(times)"), "leave the first `warmup` out"),
        (dashboard(median="kept.mean()"), "That is the mean"),
        (dashboard(median="1000 * np.median(kept)"), "not milliseconds"),
        (dashboard(rate="len(kept) / kept.sum()"), "a call has `batch` texts"),
        (dashboard(rate="batch / np.median(kept)"), "throughput of the median call"),
        (dashboard(p95="np.percentile(kept, 95)"), "Yours lies between two calls"),
        (dashboard(p95="kept.max()"), "or is the largest"),
        (dashboard(p95="1000 * np.percentile(kept, 95, method='inverted_cdf')"), "not milliseconds"),
        (dashboard(rate="batch * len(times) / sum(times)"), "leave the first `warmup` out"),
        (dashboard(rate="kept.sum() / (batch * len(kept))"), "160 texts in 3.5 seconds"),
        (dashboard(median="kept[len(kept) // 2]"), "Does the order of the calls matter"),
        (dashboard(kept="(times.sort(), np.array(times[:-warmup]))[1]"), "in place"),
    ],
    "10.3": [
        (zero_point(scale="x.abs().max() / 127"), "symmetric scale of weights"),
        (zero_point(scale="(high - low) / 256"), "255 steps between them"),
        (zero_point(zero="(low / scale).round()"), "with the minus"),
        (zero_point(whole="((x / scale).round() + zero).clamp(0, 255).to(torch.int8)"), "fit into torch.uint8"),
        (zero_point(whole="((x / scale).floor() + zero).clamp(0, 255).to(torch.uint8)"), "cut off instead of rounding"),
        (zero_point(whole="((x / scale).round() + zero).to(torch.uint8)"), "before you change the type"),
        (zero_point(zero="-low / scale"), "so is the zero point: round it"),
        (zero_point(whole="(x / scale).round().clamp(0, 255).to(torch.uint8)"), "The whole numbers are [0, 50, 66, 255]"),
        (zero_point(low="x.min()"), "the minimum is 0 then"),
        (zero_point(high="x.max()"), "the maximum is 0 then"),
        (zero_point(scale="(high - low) / 255"), "you divide by it"),
        (zero_point(low="x.min().clamp_(max=0)", whole="x.mul_(1 / scale).round_().add_(zero).to(torch.uint8)"), "in place"),
    ],
    "10.4": [
        (ZEROED, "in place"),
        (vocabulary(small="table.clone()"), "With the others set to zero"),
        (vocabulary(fill="torch.full((len(table),), unknown)"), "gets the *new* id"),
        (vocabulary(fill="torch.zeros(len(table), dtype=torch.long)"), "They must become `unknown`".replace("They", "they")),
        (
            vocabulary(
                fill="torch.full((len(table),), float(list(keep).index(unknown)))", numbers="torch.arange(len(keep)).float()"
            ),
            "torch.long",
        ),
        (vocabulary(fill="torch.full((len(table),), unknown - keep[0])"), "wrong for others"),
        (vocabulary(fill="torch.full((len(table),), -1)"), "The new ids are [1, 0, 1, 1, 1, 2]"),
        (
            vocabulary(numbers="torch.arange(len(keep))").replace("    return", "    new_id = torch.tensor(keep)\n    return"),
            "the way back",
        ),
        (vocabulary(small="table[: len(keep)].clone()"), "the vector of the i-th kept token"),
    ],
}
