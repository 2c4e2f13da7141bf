"""Wrong answers to the exercises of lesson 17, each with a fragment of the message that is meant for it."""


def packed(
    start: str = "[end]",
    after: str = "[*ids, *text, end]",
    piece: str = "ids[i * T : i * T + T + 1]",
    count: str = "(len(ids) - 1) // T",
    before: str = "pass",
) -> str:
    """An answer to exercise 17.1 with some of its parts replaced."""
    return (
        "def windows_of(texts, T, end):\n"
        f"    {before}\n"
        f"    ids = {start}\n"
        "    for text in texts:\n"
        f"        ids = {after}\n"
        f"    return [{piece} for i in range({count})]\n"
    )


def hours(formula: str) -> str:
    """An answer to exercise 17.2."""
    return f"def hours(weights, tokens, devices, peak, mfu):\n    return {formula}\n"


def factors(formula: str, before: str = "pass") -> str:
    """An answer to exercise 17.3; `formula` may use total, parts, processes, and count and process in the loops."""
    return (
        "def factors(counts):\n"
        "    total, parts, processes = sum(map(sum, counts)), len(counts[0]), len(counts)\n"
        f"    {before}\n"
        f"    return [[{formula} for count in process] for process in counts]\n"
    )


def alarms(
    test: str = "not math.isfinite(loss) or (len(kept) >= last and loss > times * statistics.median(kept[-last:]))",
    kept: str = "else:\n            kept.append(loss)",
    step: str = "step",
    result: str = "found",
) -> str:
    """An answer to exercise 17.4 with some of its parts replaced."""
    return (
        "import math\nimport statistics\n\n\n"
        "def alarms(losses, last=10, times=2.0):\n"
        "    kept, found = [], []\n"
        "    for step, loss in enumerate(losses):\n"
        f"        if {test}:\n"
        f"            found.append({step})\n"
        f"        {kept}\n"
        f"    return {result}\n"
    )


MEDIAN = "statistics.median(kept[-last:])"
WITH = "statistics.median((kept + [loss])[-last:])"  # the loss itself is among them
OF = "The median of two is their mean"

MISTAKES = {
    "17.1": [
        (packed(piece="ids[i * T : i * T + T]"), "Each window has T + 1 ids"),
        (packed(start="[]"), "also stands before the first text"),
        (packed(after="[*ids, *text]"), "stands between the texts"),
        (packed(piece="ids[i * (T + 1) : (i + 1) * (T + 1)]", count="len(ids) // (T + 1)"), "begins T places on"),
        (packed(count="-(-(len(ids) - 1) // T) + 1", piece="ids[i * T : i * T + T + 1]"), "The last window is too short"),
        (packed(count="len(ids) // T"), "The last window is too short"),
        (packed(count="len(range(0, len(ids), T))"), "The last window is too short"),
        (packed(after="[*ids, *text, end, end]"), "Expected [[0, 5, 6, 7, 0]"),
        (packed(count="(len(ids) - 2) // T"), "one window is missing"),
        (packed(start="[0]", after="[*ids, *text, 0]"), "is 0 written into your function"),
        (packed(before="texts[0].append(end)"), "The texts themselves were changed"),
    ],
    "17.2": [
        (hours("2 * weights * tokens / (devices * peak * mfu) / 3600"), "Two operations a weight are the forward pass alone"),
        (hours("4 * weights * tokens / (devices * peak * mfu) / 3600"), "Backward costs twice"),
        (hours("2 * weights * tokens / (peak * mfu) / 3600"), "Two operations a weight are the forward pass alone"),
        (hours("6 * weights * tokens / (devices * peak * (1 - mfu)) / 3600"), "not by what is left of it"),
        (hours("6 * weights * tokens / (devices * peak) / 3600"), "An MFU below 1 makes it longer"),
        (hours("6 * weights * tokens * mfu / (devices * peak) / 3600"), "An MFU below 1 makes it longer"),
        (hours("6 * weights * tokens / (peak * mfu) / 3600"), "share the work"),
        (hours("6 * weights * tokens / (devices * peak * mfu)"), "Those are seconds"),
        (hours("6 * weights * tokens / (devices * peak * mfu) / 60"), "Those are minutes"),
        (hours("6 * weights * tokens / (devices * peak * mfu) / 86400"), "Those are days"),
        (hours("6 * weights * tokens / (8 * peak * mfu) / 3600"), "Right for the example"),
        (hours("str(6 * weights * tokens / (devices * peak * mfu) / 3600)"), "A number of hours"),
    ],
    "17.3": [
        (factors("count / total"), "That is each part's share"),
        (factors("1.0"), "All parts alike"),
        (factors("total / (parts * count)"), "Upside down"),
        (factors("parts * count / sum(process)"), "Each process was weighed by itself"),
        (factors("parts * count / total"), "DDP divides by the number of processes"),
        (factors("4 * count / total if processes > 1 else 2 * count / total"), "not the mean over all tokens for three"),
        (factors("parts * processes * count / total", before="counts[0].append(0)"), "The counts were changed"),
        ("def factors(counts):\n    return 0.5\n", "the same shape"),
    ],
    "17.4": [
        (alarms(f"len(kept) >= last and loss > times * {MEDIAN}"), "The NaN is missing"),
        (alarms(step="step + 1"), "Steps are counted from 0"),
        (alarms(f"len(kept) >= last and (not math.isfinite(loss) or loss > times * {MEDIAN})"), "from the first step on"),
        (alarms(kept="kept += [loss] if math.isfinite(loss) else []"), "must not count as normal"),
        (
            alarms(f"not math.isfinite(loss) or (len(kept) >= last and loss > times * {MEDIAN.replace('median', 'mean')})"),
            "the median is asked for",
        ),
        (
            alarms("not math.isfinite(loss) or (len(kept) >= last and loss > times * statistics.median(kept))"),
            "Only the last three count",
        ),
        (alarms(f"not math.isfinite(loss) or (len(kept) >= 1 and loss > times * {MEDIAN})"), "With fewer than `last` losses"),
        (alarms(f"not math.isfinite(loss) or (len(kept) >= last and loss >= times * {MEDIAN})"), "is not larger than it"),
        (alarms(result="len(found)"), "A list of step numbers"),
        (
            alarms(
                f"not math.isfinite(loss) or (len(kept) >= last and loss > times * {MEDIAN.replace('median', 'median_low')})"
            ),
            OF,
        ),
        (alarms("not math.isfinite(loss) or (len(kept) >= last and loss > times * sorted(kept[-last:])[last // 2])"), OF),
        (alarms(f"not math.isfinite(loss) or (len(kept) >= last and loss > times * {WITH})"), OF),
        (alarms(f"not math.isfinite(loss) or (step >= last and loss > times * {MEDIAN})"), "and not the steps"),
    ],
}
