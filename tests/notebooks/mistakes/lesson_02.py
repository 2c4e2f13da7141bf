"""Wrong answers to the exercises of lesson 2, each with a fragment of the message that is meant for it."""


def normalize(
    mean: str = "sum(numbers) / len(numbers)", divisor: str = "len(numbers)", root: str = "math.sqrt(variance + epsilon)"
) -> str:
    """An answer to exercise 2.1 with one part replaced."""
    return (
        "def normalize(numbers, epsilon=1e-5):\n"
        f"    mean = {mean}\n"
        "    centered = [number - mean for number in numbers]\n"
        f"    variance = sum(number**2 for number in centered) / ({divisor})\n"
        f"    return [number / ({root}) for number in centered]\n"
    )


def count(formula: str) -> str:
    """An answer to exercise 2.2: `a`, `f` and `n` are the parameters of attention, feed-forward and norm."""
    return (
        "def decoder_only_parameters(V, C, F, N):\n"
        "    a, f, n = 4 * C * C + 4 * C, 2 * C * F + F + C, 2 * C\n"
        f"    return {formula}\n"
    )


def shift(given: str, counted: str = "target != pad", first: str = "pass") -> str:
    """An answer to exercise 2.3."""
    return (
        "def given_and_counted(target, start, pad):\n"
        "    column = target.new_full((len(target), 1), start)\n"
        f"    {first}\n"
        f"    given = {given}\n"
        f"    return given, {counted}\n"
    )


GIVEN = "torch.cat([column, target[:, :-1]], dim=1)"


def write(
    place: str = "-1", asked: str = "ids", result: str = "ids[1:]", stop: str = "best == end", longest: str = "longest"
) -> str:
    """An answer to exercise 2.4."""
    return (
        "def write_greedily(scores_of, start, end, longest):\n"
        "    ids = [start]\n"
        f"    while len(ids) <= {longest}:\n"
        f"        last = scores_of({asked})[{place}]\n"
        "        best = last.index(max(last))\n"
        f"        if {stop}:\n"
        "            break\n"
        "        ids.append(best)\n"
        f"    return {result}\n"
    )


MISTAKES = {
    "2.1": [
        (normalize(mean="0"), "did you subtract the mean"),
        (normalize(root="variance + epsilon"), "divided by the variance"),
        (normalize(divisor="len(numbers) - 1"), "divides by C"),
        (normalize(root="math.sqrt(variance)"), "Equal numbers have variance 0"),
        (normalize(root="math.sqrt(variance) + epsilon"), "outside of the root"),
    ],
    "2.2": [
        (count("V * C + V + N * (2 * a + f + 3 * n) + n"), "You counted cross-attention"),
        (count("V * C + V + N * (2 * a + f + 2 * n) + n"), "You counted cross-attention"),
        (count("2 * V * C + V + N * (a + f + 2 * n) + n"), "You counted the table twice"),
        (count("V * C + N * (a + f + 2 * n) + n"), "own bias is missing"),
        (count("V * C + V + N * (a + f + 2 * n)"), "norm on top of the pile"),
        (count("V * C + V + N * (a + f + n) + n"), "Each layer has two norms"),
        (count("V * C + V + N * (4 * C * C + 2 * C * F + 2 * n) + n"), "biases of the linear layers"),
        (count("V * C + V + N * (4 * C * C + f + 2 * n) + n"), "four attention matrices"),
        (count("50 * C + 50 + N * (a + f + 2 * n) + n"), "Right for one size only"),
    ],
    "2.3": [
        (shift("target"), "Nothing is shifted"),
        (shift("torch.roll(target, 1, dims=1)", first="target = target[:1]"), "(B, T) = (2, 4)"),
        (shift("torch.roll(target, 1, dims=1)"), "came round to the front"),
        (shift("torch.cat([target[:, 1:], column], dim=1)"), "wrong side"),
        (shift("torch.cat([column, target], dim=1)"), "One column too many"),
        (shift("target", first="target[:, 1:] = target[:, :-1].clone(); target[:, 0] = start"), "changed the target itself"),
        (shift(GIVEN, counted="given != pad"), "Look for padding in the TARGET"),
        (shift(GIVEN, counted="(target != pad) & (target != 2)"), "The end counts"),
        (shift(GIVEN, counted="target >= 0"), "counts everywhere"),
    ],
    "2.4": [
        (write(result="ids"), "start id is in the answer"),
        (write(stop="ids[-1] == end"), "end id is in the answer"),
        (write(place="0"), "first list of scores each time"),
        (write(asked="ids[-1:]"), "first list of scores each time"),
        (write(longest="longest - 1"), "do you count the start"),
        (write(asked="ids[1:] or [end]"), "The first question should be"),
    ],
}
