"""Wrong answers to the exercises of lesson 8, each with a fragment of the message that is meant for it."""


def subsequence(
    size: str = "+ 1", match: str = "best[i - 1][j - 1] + 1", other: str = "max(best[i - 1][j], best[i][j - 1])"
) -> str:
    """An answer to exercise 8.1 with one part replaced."""
    return (
        "def longest_common(first, second):\n"
        "    best = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]\n"
        f"    for i in range(1, len(first) {size}):\n"
        f"        for j in range(1, len(second) {size}):\n"
        f"            best[i][j] = {match} if first[i - 1] == second[j - 1] else {other}\n"
        "    return max(max(row) for row in best)\n"
    )


def blocking(
    trigrams: str = "zip(words, words[1:], words[2:])",
    blocked: str = "continue",
    end: str = "sorted(chosen)",
    keep: str = "seen |= runs",
    words: str = "sentences[number].lower().split()",
    order: str = "sorted(range(len(sentences)), key=lambda k: -scores[k])",
) -> str:
    """An answer to exercise 8.2 with one part replaced."""
    return (
        "def with_blocking(sentences, scores, count):\n"
        "    chosen, seen = [], set()\n"
        f"    for number in {order}:\n"
        f"        words = {words}\n"
        f"        runs = set({trigrams})\n"
        "        if runs & seen:\n"
        f"            {blocked}\n"
        "        if len(chosen) < count:\n"
        "            chosen.append(number)\n"
        f"            {keep}\n"
        f"    return {end}\n"
    )


def threshold(
    read: str = "a >= t",
    through: str = "a < t",
    choices: str = "range(max(alarms) + 2)",
    key: str = "cost",
    each: str = "a",
    of: str = "alarms",
    end: str = "",
) -> str:
    """An answer to exercise 8.3 with one part replaced."""
    return (
        "def best_threshold(alarms, false, reading, shame):\n"
        "    def cost(t):\n"
        f"        return reading * sum({read} for {each} in {of}) + shame * sum(bad for a, bad in zip(alarms, false) if {through})\n"
        f"    return {end or f'min({choices}, key={key})'}\n"
    )


def paired(gains: str, ends: str = "[0.025, 0.975]") -> str:
    """An answer to exercise 8.4 with these gains of the samples."""
    return (
        f"def paired_interval(first, second, draws):\n    import numpy as np\n    return tuple(np.quantile({gains}, {ends}))\n"
    )


GAINS = "second[draws].mean(1) - first[draws].mean(1)"

MISTAKES = {
    "8.1": [
        ("def longest_common(first, second):\n    return len(set(first) & set(second))\n", "You counted shared words"),
        (subsequence(other="0"), "a subsequence may skip words"),
        (subsequence(size=""), "a row and a column for no words at all"),
        (subsequence(match="max(best[i - 1][j], best[i][j - 1]) + 1"), "matched only once"),
        (
            "def longest_common(first, second):\n"
            "    if not first or not second:\n        return 0\n"
            "    if first[-1] == second[-1]:\n        return longest_common(first[:-1], second[:-1]) + 1\n"
            "    return max(longest_common(first[:-1], second), longest_common(first, second[:-1]))\n",
            "stopped after",
        ),
        (
            "def longest_common(first, second):\n"
            "    found, start = [], 0\n"
            "    for word in first:\n"
            "        if word in second[start:]:\n"
            "            start += second[start:].index(word) + 1\n"
            "            found.append(word)\n"
            "    return len(found)\n",
            "takes each word as soon as it comes",
        ),
        (
            "def longest_common(first, second):\n    return [word for word in first if word in second]\n",
            "how many words, not the words",
        ),
    ],
    "8.2": [
        (blocking(trigrams="[]"), "the second must be skipped"),
        (blocking(trigrams="zip(words, words[1:])"), "shares two words"),
        (blocking(blocked="break"), "skip it and go on"),
        (blocking(end="chosen"), "in the order of the text"),
        (blocking(trigrams="zip(words, words[1:], words[2:], words[3:])"), "the second must be skipped"),
        (blocking(keep="seen = runs"), "not with the last"),
        (blocking(blocked="seen |= runs; continue"), "only the trigrams of chosen sentences"),
        (blocking(words="sentences[number].split()"), "one word: sentence.lower()"),
        (
            blocking(order="sorted(range(len(sentences)), key=lambda k: -scores[k])[:count]"),
            "You looked at three sentences only",
        ),
    ],
    "8.3": [
        (threshold(through="True"), "count each false summary as a cost also where it is read"),
        (threshold(read="a > t", through="a <= t"), "is marked: a >= t"),
        (threshold(choices="range(max(alarms) + 1)"), "one above the largest count"),
        (threshold(choices="range(1, max(alarms) + 2)"), "t = 0 is allowed"),
        (threshold(choices="reversed(range(max(alarms) + 2))"), "take the smallest t"),
        (threshold(read="a >= t and not bad", of="zip(alarms, false)", each="a, bad"), "also for one that is false"),
        (threshold(end="min(cost(t) for t in range(max(alarms) + 2))"), "return the threshold that has it"),
        (threshold(choices="sorted({*alarms, max(alarms) + 1})"), "not only of those that occur"),
    ],
    "8.4": [
        (paired("first[draws].mean(1) - second[draws].mean(1)"), "The sign is turned round"),
        (paired("second[draws[::-1]].mean(1) - first[draws].mean(1)"), "use the same row of draws"),
        (paired(GAINS.replace("mean", "sum")), "not a sum"),
        (paired(GAINS, "[0.05, 0.95]"), "90 % interval"),
        (paired(GAINS.replace("mean(1)", "mean(0)")), "You averaged over the samples"),
        (paired("np.median(second[draws] - first[draws], axis=1)"), "You took medians"),
        (
            "def paired_interval(first, second, draws):\n"
            f"    gains = {GAINS}\n"
            "    return gains.mean() - 1.96 * gains.std(), gains.mean() + 1.96 * gains.std()\n",
            "suppose a normal distribution",
        ),
    ],
}
