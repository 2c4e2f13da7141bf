"""Wrong answers to the exercises of lesson 22, each with a fragment of the message that is meant for it."""


def labels(row: str) -> str:
    return f"def labels_of(prompt, answer, longest):\n    return {row}\n"


def likeliest(score: str, best: str = "max") -> str:
    return (
        "def likeliest(texts, log_probabilities):\n"
        f"    scores = [{score} for text, some in zip(texts, log_probabilities)]\n    return scores.index({best}(scores))\n"
    )


def changes(
    rank: str = "len(A) // 3",
    sizes: str = "[heads * width, groups * width, groups * width]",
    change: str = "alpha / rank * b @ a",
    parts: str = "A.split(rank)",
) -> str:
    return (
        f"def changes(A, B, heads, groups, alpha):\n    rank, width = {rank}, len(B) // (heads + 2 * groups)\n"
        f"    return [{change} for a, b in zip({parts}, B.split({sizes}))]\n"
    )


def shares(missed: str = "max(sum(must), 1)", alarms: str = "max(len(must) - sum(must), 1)") -> str:
    return (
        "def misses_and_alarms(must, does):\n    missed = sum(a and not b for a, b in zip(must, does))\n"
        f"    alarms = sum(b and not a for a, b in zip(must, does))\n    return missed / {missed}, alarms / {alarms}\n"
    )


MISTAKES = {
    "22.1": [
        (labels("(prompt + answer)[:longest]"), "the model shall not learn to ask"),
        (labels("answer[:longest]"), "The prompt keeps its places"),
        (labels("[-100] * len(prompt) + answer"), "Cut the whole row"),
        (labels("[-100] * len(prompt) + answer[: longest - len(prompt)]"), "A prompt longer than"),
        (labels("[-100] * 2 + answer[: longest - 2]"), "A prompt"),
    ],
    "22.2": [
        (likeliest("sum(some)"), "divide each sum by its bytes"),
        (likeliest("sum(some) / len(some) / len(text.encode())"), "the number of tokens does not count"),
        (likeliest("sum(some) / len(text)"), "count bytes, and not characters"),
        (likeliest("sum(some) / len(text.encode())", "min"), "divide each sum by its bytes"),
    ],
    "22.3": [
        (
            changes(sizes="[len(B)] * 1").replace("zip(A.split(rank), B.split([len(B)] * 1))", "zip(A.split(rank), [B] * 3)"),
            "Cut B, too",
        ),
        (changes(change="b @ a"), "The scale alpha / r is missing"),
        (changes(change="alpha / len(A) * b @ a"), "r = 2 here, not 6"),
        (changes(parts="[A[: len(A) // 3]] * 3"), "The key has the second part"),
    ],
    "22.4": [
        (shares(missed="len(must)"), "not by all rows"),
        (shares(alarms="max(len(must), 1)"), "divide by those four"),
        (shares(alarms="max(sum(does), 1)"), "divide by those four"),
        (
            shares().replace("return missed / max(sum(must), 1), alarms", "return 1 - missed / max(sum(must), 1), alarms"),
            "the share of calls that were made",
        ),
    ],
}
