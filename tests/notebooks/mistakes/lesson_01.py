"""Wrong answers to the exercises of lesson 1, each with a fragment of the message that is meant for it."""


def match(result: str, tokens: str = 're.findall(r"\\w+", text.lower())', kept: str = 'word not in ("a", "an", "the")') -> str:
    """An answer to exercise 1.1 with one part replaced."""
    return (
        "def exact_match(given, right):\n"
        "    def normal(text):\n"
        f"        return [word for word in {tokens} if {kept}]\n"
        f"    return float({result})\n"
    )


ANY = "any(normal(given) == normal(answer) for answer in right)"


def rouge(result: str, counter: str = "Counter(zip(tokens, tokens[1:]))") -> str:
    """An answer to exercise 1.2 with one part replaced."""
    return (
        "def rouge_2(written, wanted):\n"
        "    cut = [re.findall(r'\\w+', text.lower()) for text in (written, wanted)]\n"
        f"    ours, theirs = ({counter} for tokens in cut)\n"
        "    common, first, second = (ours & theirs), ours, theirs\n"
        "    size = lambda counted: counted.total() if isinstance(counted, Counter) else len(counted)\n"
        f"    return {result}\n"
    )


F1 = "2 * size(common) / (size(first) + size(second)) if size(first) + size(second) else 0.0"


def names(
    opens: str = "label.startswith('B-') or (label != 'O' and before[2:] != label[2:])", new: str = "(label[2:], place, place)"
) -> str:
    """An answer to exercise 1.3 with one part replaced."""
    return (
        "def names_of(labels):\n"
        "    names, before = [], 'O'\n"
        "    for place, label in enumerate(labels):\n"
        f"        if {opens}:\n"
        f"            names.append({new})\n"
        "        elif label != 'O' and names:\n"
        "            names[-1] = (*names[-1][:2], place)\n"
        "        before = label\n"
        "    return names\n"
    )


PAST_THE_END = (
    "def names_of(labels):\n"
    "    names, before = [], 'O'\n"
    "    for place, label in enumerate(labels):\n"
    "        if label.startswith('B-') or (label != 'O' and before[2:] != label[2:]):\n"
    "            names.append((label[2:], place, place + 1))\n"
    "        elif label != 'O':\n"
    "            names[-1] = (*names[-1][:2], place + 1)\n"
    "        before = label\n"
    "    return names\n"
)

LOST_AT_THE_END = (
    "def names_of(labels):\n"
    "    names, opened = [], None\n"
    "    for place, label in enumerate(labels):\n"
    "        if opened and not label.startswith('I-'):\n"
    "            names.append((opened[0], opened[1], place - 1))\n"
    "            opened = None\n"
    "        if label.startswith('B-'):\n"
    "            opened = (label[2:], place)\n"
    "    return names\n"
)


def span(body: str) -> str:
    """An answer to exercise 1.4."""
    return "def best_span(starts, ends, longest):\n" + "".join(f"    {line}\n" for line in body.splitlines())


def searched(ends: str, best: str = "float('-inf')") -> str:
    """An answer to exercise 1.4 by two loops, with the range of the ends or the first best replaced."""
    return span(
        f"best, found = {best}, (0, 0)\n"
        "for start in range(len(starts)):\n"
        f"    for end in {ends}:\n"
        "        if starts[start] + ends[end] > best:\n"
        "            best, found = starts[start] + ends[end], (start, end)\n"
        "return found"
    )


MISTAKES = {
    "1.1": [
        (match("normal(given) == normal(right[0])"), "did you look at the first alone"),
        (match(ANY, kept="True"), "leave out a, an and the"),
        (match(ANY, tokens="text.split()"), "Capitals and marks"),
        (match(ANY, tokens='re.sub(r"[^\\w\\s]", "", text.lower()).split(" ")'), "White space should not matter"),
        (match("any(set(normal(given)) == set(normal(answer)) for answer in right)"), "compare lists, not sets"),
        (match(ANY, tokens='re.sub("the|an", "", text.lower()).split(".")[0].split()'), "leave out whole words only"),
        (
            match(
                "any(all(word in normal(answer) for word in normal(given)) and normal(given)[0] == normal(answer)[0]"
                " for answer in right)"
            ),
            "compare for equality",
        ),
        (
            match(ANY, tokens='re.sub(r"(the|an?) ", "", " ".join(re.findall(r"\\w+", text.lower()))).split()'),
            "leave out whole words",
        ),
        (match(ANY, tokens='re.sub(r"^(the|an?) ", "", text.lower().strip(" .")).split()', kept="True"), "in the middle"),
        (match(ANY, tokens='[word.strip(" .") for word in text.lower().split()]'), "A comma in the middle"),
        (match('any("".join(normal(given)) == "".join(normal(answer)) for answer in right)'), "glued the words together"),
        (
            match(ANY.replace("any", "bool").replace(" for answer in right", "").replace("answer", "right[-1]")),
            "not all of them have to fit",
        ),
    ],
    "1.2": [
        (rouge(F1, "Counter(tokens)"), "that is ROUGE-1"),
        (rouge("size(common) / size(first)"), "That is precision"),
        (rouge("size(common) / size(second)"), "That is recall"),
        (rouge(F1, "set(zip(tokens, tokens[1:]))"), "use Counter and not set"),
        (rouge("2 * size(common) / (size(first) + size(second))"), "mind the division by zero"),
        (rouge(F1.replace("0.0", "1.0")), "Where there are no pairs the score is 0"),
        (rouge(F1).replace("text.lower()", "text"), "Capitals and marks should not matter"),
        (
            rouge(
                "0.0 if not first or not second else (lambda p, r: 2 * p * r / (p + r))"
                "(size(common) / size(first), size(common) / size(second))"
            ),
            "precision plus recall is 0 there",
        ),
    ],
    "1.3": [
        (PAST_THE_END, "not the place after it"),
        (names("label != 'O' and before[2:] != label[2:]"), "every B- opens a new one"),
        (LOST_AT_THE_END, "close it after the loop"),
        (names("label.startswith('B-')"), "An I- after O opens a name too"),
        (names("label.startswith('B-') or (label != 'O' and before == 'O')"), "An I- of another kind"),
        (names(new="(label[-3:], place, place)"), "MISC has four"),
        (
            names().replace("        before = label", "        before = label if label.startswith('B-') else 'O'"),
            "more than two words",
        ),
        (names().replace("    return names", "    return [name[1:] for name in names]"), "holds one name"),
    ],
    "1.4": [
        (span("return starts.index(max(starts)), ends.index(max(ends))"), "cannot be chosen apart"),
        (searched("range(start, len(ends))"), "2 are allowed"),
        (searched("range(start, min(start + longest - 1, len(ends)))"), "the limit counts both ends"),
        (
            span(
                "start = starts.index(max(starts))\nstop = min(start + longest, len(ends))\n"
                "return start, max(range(start, stop), key=lambda end: ends[end])"
            ),
            "You took the largest start first",
        ),
        (
            span(
                "end = ends.index(max(ends))\nfirst = max(0, end - longest + 1)\n"
                "return max(range(first, end + 1), key=lambda start: starts[start]), end"
            ),
            "You took the largest end first",
        ),
        (searched("range(start, min(start + longest + 1, len(ends)))"), "one too many"),
        (
            searched("range(start, min(start + longest, len(ends)))").replace("(start, end)\n", "(start, end + 1)\n"),
            "not the place after it",
        ),
        (searched("range(start, min(start + longest, len(ends)))", best="0"), "do not begin with a best of 0"),
        (searched("range(start + 1, min(start + longest, len(ends)))"), "A span of one token is a span"),
        (
            searched("range(start, min(start + longest, len(ends)))").replace(
                "starts[start] + ends[end]", "starts[start] * ends[end]"
            ),
            "You multiplied",
        ),
        (searched("range(start, start + longest)"), "IndexError"),
    ],
}
