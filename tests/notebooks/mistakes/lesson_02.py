"""Wrong answers to the exercises of lesson 2, each with a fragment of the message that is meant for it."""


def rms(divisor: str, first: str = "pass") -> str:
    """An answer to exercise 2.1 that divides x by `divisor`."""
    return f"def rms_norm(x, epsilon=1e-6):\n    {first}\n    return x / ({divisor})\n"


def count(formula: str) -> str:
    """An answer to exercise 2.2: `a`, `f` and `n` are the parameters of attention, feed-forward and norm."""
    return (
        "def decoder_only_parameters(V, C, F, N):\n"
        "    a, f, n = 4 * C * C + 4 * C, 2 * C * F + F + C, 2 * C\n"
        f"    return {formula}\n"
    )


def joined(given: str = "row[:-1]", labels: str = "[-100] * len(source) + target", first: str = "pass") -> str:
    """An answer to exercise 2.3 with one part replaced."""
    return (
        f"def one_row(source, target, start):\n    {first}\n    row = source + [start] + target\n    return {given}, {labels}\n"
    )


def likely(
    table: str = "logits.log_softmax(-1)",
    picked: str = "table.gather(-1, target[..., None])[..., 0]",
    result: str = "(picked * (target != pad)).sum(-1)",
    first: str = "pass",
) -> str:
    """An answer to exercise 2.4 with one part replaced."""
    return (
        "def log_probability(logits, target, pad):\n"
        f"    {first}\n"
        f"    table = {table}\n"
        f"    picked = {picked}\n"
        f"    return {result}\n"
    )


MISTAKES = {
    "2.1": [
        (rms("x.square().mean(-1, keepdim=True) + epsilon"), "divide by its root"),
        (rms("(x.square().sum(-1, keepdim=True) + epsilon).sqrt()"), "sum of the squares"),
        (rms("x.norm(dim=-1, keepdim=True) + epsilon"), "sum of the squares"),
        (rms("(x.square().mean(-1) + epsilon).sqrt()"), "keepdim=True"),
        (rms("(x.square().mean() + epsilon).sqrt()"), "One number for the whole tensor"),
        (rms("(x.square().mean(1, keepdim=True) + epsilon).sqrt()"), "runs over T"),
        (rms("(x.square().mean(0, keepdim=True) + epsilon).sqrt()"), "runs over the batch"),
        (rms("x.square().mean(-1, keepdim=True).sqrt()"), "gives NaN"),
        (rms("x.square().mean(-1, keepdim=True).sqrt() + epsilon"), "outside of the root"),
        (rms("x.std(-1, keepdim=True) + epsilon"), "`std` subtracts the mean"),
        (rms("(x.square().mean(-1, keepdim=True) + epsilon).sqrt()", first="x = x - x.mean(-1, keepdim=True)"), "layer norm"),
        (rms("1", first="x /= (x.square().mean(-1, keepdim=True) + epsilon).sqrt()"), "changed x itself"),
        (rms("(x.var(-1, keepdim=True, unbiased=False) + epsilon).sqrt()"), "The variance subtracts the mean"),
        (rms("x.std(-1, keepdim=True)", first="x = x - x.mean(-1, keepdim=True)"), "layer norm with C - 1"),
        (rms("x.abs().mean(-1, keepdim=True) + epsilon"), "the mean of |x|"),
        (rms("(x.mean(-1, keepdim=True).square() + epsilon).sqrt()"), "You took the mean first"),
        (rms("(x.square().mean(-1, keepdim=True) + 1e-6).sqrt()"), "Epsilon is not always 1e-6"),
    ],
    "2.2": [
        (count("V * C + V + N * (2 * a + f + 3 * n) + n"), "You counted cross-attention"),
        (count("V * C + V + N * (2 * a + f + 2 * n) + n"), "You counted cross-attention"),
        (count("2 * V * C + V + N * (a + f + 2 * n) + n"), "You counted the table twice"),
        (count("V * C + N * (a + f + 2 * n) + n"), "own bias is missing"),
        (count("V * C + V + N * (a + f + 2 * n)"), "norm on top of the stack"),
        (count("V * C + V + N * (a + f + n) + n"), "Each layer has two norms"),
        (count("V * C + V + N * (4 * C * C + 2 * C * F + 2 * n) + n"), "biases of the linear layers"),
        (count("V * C + V + N * (4 * C * C + f + 2 * n) + n"), "four attention matrices"),
        (count("V * C + V + N * (a + 2 * C * F + 2 * n) + n"), "biases of the feed-forward"),
        (count("V * C + V + N * (a + 8 * C * C + 5 * C + 2 * n) + n"), "does not depend on F"),
        (count("50 * C + 50 + N * (a + f + 2 * n) + n"), "Right for one size only"),
        (count("V * C + V + N * (a + f + 2 * n) + 2 * n"), "one norm on top"),
        (count("V * C + V + N * (a + f + 3 * n) + n"), "three norms a layer"),
        (count("V * C + V + N * (3 * C * C + 3 * C + f + 2 * n) + n"), "Attention has four matrices"),
    ],
    "2.3": [
        (joined(given="row", labels="[-100] * (len(source) + 1) + target"), "last token is not given"),
        (joined(given="(source + target)[:-1]"), "START is missing"),
        (joined(labels="([-100] * (len(source) + 1) + target)[:-1]"), "Nothing is shifted"),
        (joined(labels="[-100] * (len(source) + 1) + target"), "One label for each place"),
        (joined(labels="row[1:]"), "counts inside the source"),
        (joined(labels="[-100] * (len(source) - 1) + [start] + target"), "START has a label"),
        (joined(labels="[-100] * (len(source) + 1) + target[1:]"), "first token has no label"),
        (joined(labels="[-100] * len(source) + target[:-1] + [-100]"), "The end has no label"),
        (joined(labels="[0] * len(source) + target"), "0 is the id of padding"),
        (joined(labels="[-100] * 3 + target"), "Right for one length only"),
        (joined(given="(source + [1] + target)[:-1]"), "START is not always 1"),
        (
            "def one_row(source, target, start):\n    labels = [-100] * len(source) + target\n"
            "    source += [start]\n    source += target\n    return source[:-1], labels",
            "You changed a list",
        ),
        (joined(labels="[-100] * len(source) + [start] + target[:-1]"), "START has a label"),
        (joined(labels="source + target"), "counts inside the source"),
    ],
    "2.4": [
        (likely(result="picked.sum(-1)"), "Padding is counted"),
        (likely(result="(picked * (target != pad)).sum(-1) / (target != pad).sum(-1)"), "That is the mean"),
        (likely(result="(picked * (target != pad)).mean(-1)"), "That is the mean"),
        (likely(result="-(picked * (target != pad)).sum(-1)"), "sign is that of a loss"),
        (likely(result="(picked * (target != pad)).sum(-1).exp()"), "That is the probability"),
        (likely(result="(picked * (target != pad)).sum()"), "One number for the whole batch"),
        (likely(result="picked * (target != pad)"), "One number for each place"),
        (likely(table="logits.softmax(-1)"), "You added up probabilities"),
        (likely(table="logits"), "Logits are no log-probabilities"),
        (likely(table="logits.log_softmax(1)"), "softmax runs over T"),
        (likely(picked="table.max(-1).values"), "You took the largest"),
        (likely(result="(picked * (target != 0)).sum(-1)"), "Padding is not always 0"),
        (likely(table="logits.softmax(-1).log()"), "not finite"),
        (likely(first="logits -= logits.logsumexp(-1, keepdim=True)", table="logits"), "changed the logits"),
        (likely(table="logits.log_softmax(0)"), "softmax runs over the batch"),
        (
            likely(
                picked="table[:, :-1].gather(-1, target[:, 1:, None])[..., 0]",
                result="(picked * (target[:, 1:] != pad)).sum(-1)",
            ),
            "nothing is shifted here",
        ),
        (likely(result="(picked * (target == pad)).sum(-1)"), "mask is turned round"),
        (likely(result="(picked * (target != pad)).prod(-1)"), "added, and not multiplied"),
    ],
}
