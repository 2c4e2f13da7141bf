"""Wrong answers to the exercises of lesson 15, each with a fragment of the message that is meant for it."""


def bioes(
    after: str = "[*tags[1:], 'O']",
    ends: str = "not after.startswith('I-')",
    letters: str = "{'B': 'S', 'I': 'E'}",
    start: str = "",
) -> str:
    """An answer to exercise 15.1 with one part replaced."""
    return (
        f"def to_bioes(tags):\n    found = []\n{start}    for tag, after in zip(tags, {after}):\n        ends = {ends}\n"
        f"        found.append(tag if tag == 'O' or not ends else {letters}[tag[0]] + tag[1:])\n    return found\n"
    )


IN_PLACE = (
    "def to_bioes(tags):\n    for k, tag in enumerate(tags):\n        after = tags[k + 1] if k + 1 < len(tags) else 'O'\n"
    "        if tag != 'O' and not after.startswith('I-'):\n            tags[k] = {'B': 'S', 'I': 'E'}[tag[0]] + tag[1:]\n    return tags\n"
)


def labels(
    special: str = "None if word is None else tags[word]",
    inner: str = "word is not None and word == before",
    tag: str = "'I' + tag[1:] if inner and tag[0] == 'B' else tag",
) -> str:
    """An answer to exercise 15.2 with one part replaced."""
    return (
        "def label_all(word_ids, tags):\n    found, before = [], None\n    for word in word_ids:\n"
        f"        inner = {inner}\n        tag = {special}\n        found.append({tag})\n        before = word\n    return found\n"
    )


def json_answer(
    cut: str = "text[text.index('[') : text.rindex(']') + 1]",
    kinds: str = "pair[0] in ('PER', 'LOC', 'ORG', 'MISC')",
    stands: str = "f' {pair[1]} ' in f' {\" \".join(words)} '",
    pair: str = "(entry.get('type'), entry.get('text')) if isinstance(entry, dict) else (None, None)",
    once: str = "pair not in found",
    error: str = "ValueError",
) -> str:
    """An answer to exercise 15.3 with one part replaced."""
    return (
        "import json\n\n\ndef read_json(words, text):\n    try:\n"
        f"        entries = json.loads({cut})\n    except {error}:\n        return [], True\n    found, wrong = [], False\n"
        f"    for entry in entries:\n        pair = {pair}\n"
        f"        good = {kinds} and isinstance(pair[1], str) and {stands}\n        wrong = wrong or not good\n"
        f"        if good and {once}:\n            found.append(pair)\n    return found, wrong\n"
    )


def judged(
    over: str = "span[1] < end and first < span[2]",
    order: str = "'right' if right else 'kind' if same else 'ends' if over else 'missed'",
    loop: str = "wanted",
) -> str:
    """An answer to exercise 15.4 with one part replaced."""
    return (
        f"def verdicts(found, wanted):\n    words = []\n    for kind, first, end in {loop}:\n"
        "        same = [span for span in found if span[1:] == (first, end)]\n"
        f"        over = [span for span in found if {over}]\n"
        "        right = any(span[0] == kind for span in same)\n"
        f"        words.append({order})\n    return words\n"
    )


FIRST_THAT_TOUCHES = (
    "def verdicts(found, wanted):\n    words = []\n    for kind, first, end in wanted:\n        word = 'missed'\n"
    "        for span in found:\n            if span[1] < end and first < span[2]:\n"
    "                same = span[1:] == (first, end)\n"
    "                word = 'ends' if not same else 'right' if span[0] == kind else 'kind'\n                break\n"
    "        words.append(word)\n    return words\n"
)

MISTAKES = {
    "15.1": [
        (IN_PLACE, "in place"),
        (bioes(after="tags[1:]"), "so 4 tags, not 3"),
        (bioes(letters="{'B': 'E', 'I': 'E'}"), "it begins and ends there"),
        (bioes(after="[*tags[1:], 'I-']"), "after it comes nothing"),
        (bioes(letters="{'B': 'S', 'I': 'I'}"), "The last word of a name of several"),
        (bioes(ends="after[2:] != tag[2:]"), "although it is of the same kind"),
    ],
    "15.2": [
        (labels(special="-100 if word is None else tags[word]"), "belong to no word and keep None"),
        (labels(inner="word == before", special="tags[word or 0]"), "belong to no word and keep None"),
        (labels(special="tags[word] if word else None", inner="bool(word) and word == before"), "word 0 is a word, too"),
        (labels(tag="tag"), "or it begins another name"),
        (labels(tag="-100 if inner else tag"), "every piece of a word has a label"),
        (
            labels(inner="found and found[-1] is not None and found[-1][2:] == (tags[word][2:] if word is not None else '')"),
            "*same* word",
        ),
    ],
    "15.3": [
        (json_answer(cut="text"), "cut from the first [ to the last ]"),
        (json_answer(error="KeyError"), "stopped with ValueError"),
        (json_answer(pair="(entry.get('type'), entry.get('text'))"), "has no attribute 'get'"),
        (json_answer(kinds="True"), "CITY is none of the four"),
        (json_answer(stands="pair[1] in ' '.join(words)"), "a part of a word"),
        (json_answer(pair="(entry['type'], entry['text']) if isinstance(entry, dict) else (None, None)"), "KeyError"),
        (json_answer(once="True"), "counts once"),
        (
            json_answer().replace(
                "        wrong = wrong", "        if not good:\n            return [], True\n        wrong = wrong"
            ),
            "Keep the good entries",
        ),
    ],
    "15.4": [
        (judged(loop="found"), "for each *wanted* span"),
        (judged(over="span[1] <= end and first <= span[2]"), "touch no common word"),
        (judged(order="'right' if right else 'ends' if over else 'missed'"), "the kind does not: kind"),
        (judged(over="first <= span[1] < end"), "A longer span that holds the wanted one"),
        (FIRST_THAT_TOUCHES, "`right` comes first"),
        (judged(order="'right' if right else 'kind' if same else 'missed'"), "an end differs: ends"),
    ],
}
