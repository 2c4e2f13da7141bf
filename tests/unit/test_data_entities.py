"""The data set `entities`: newswire, well-formed tags, names that are new, and no mere look-up."""

import json
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "data" / "entities"
SPLITS = ("train", "validation", "test")
KINDS = ("PER", "LOC", "ORG", "MISC")
MOST_BY_CAPITALS = 0.72  # F1 of spans without kinds; measured: 0.695
MOST_BY_DICTIONARY = 0.53  # F1 of spans with kinds; measured: 0.497
MOST_BY_BOTH = 0.48  # the names of the training split, then capital letters with the commonest kind; measured: 0.451

Row = dict
Span = tuple[int, int, str]


def read() -> dict[str, list[Row]]:
    return {split: [json.loads(line) for line in (FOLDER / f"{split}.jsonl").open(encoding="utf-8")] for split in SPLITS}


@pytest.fixture(scope="module")
def splits():
    return read()


def wire(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["hard"] == "newswire"]


def broken_tags(row: Row) -> list[str]:
    """What is not well formed in BIO."""
    tags = row["ner_tags"]
    faults = [] if len(tags) == len(row["tokens"]) else [f"{len(tags)} tags for {len(row['tokens'])} tokens"]
    for before, tag in zip(["O", *tags], tags):
        if tag != "O" and tag not in {f"{start}-{kind}" for start in "BI" for kind in KINDS}:
            faults.append(f"{tag} is no tag")
        if tag.startswith("I-") and before[1:] != tag[1:]:
            faults.append(f"{tag} follows {before}")
    return faults


def spans(row: Row) -> list[Span]:
    """Start, end and kind of each name."""
    found, start = [], None
    for place, tag in enumerate([*row["ner_tags"], "O"]):
        if start is not None and not tag.startswith("I-"):
            found.append((start, place, row["ner_tags"][start][2:]))
            start = None
        if tag.startswith("B-"):
            start = place
    return found


def named(row: Row) -> list[tuple[tuple[str, ...], str]]:
    """The names in a row, in lower case, with their kinds."""
    return [(tuple(token.lower() for token in row["tokens"][start:end]), kind) for start, end, kind in spans(row)]


def f1(predicted: list[list[Span]], rows: list[Row], kinds: bool) -> float:
    """Of whole spans. Without `kinds`, only the ends must agree."""
    width = 3 if kinds else 2
    told = {(number, *span[:width]) for number, found in enumerate(predicted) for span in found}
    true = {(number, *span[:width]) for number, row in enumerate(rows) for span in spans(row)}
    return 2 * len(told & true) / (len(told) + len(true))


def by_capitals(row: Row, kind: str = "LOC") -> list[Span]:
    """Every unbroken run of tokens that begin with a capital letter is a name."""
    found, start = [], None
    for place, token in enumerate([*row["tokens"], ""]):
        if start is not None and not token[:1].isupper():
            found.append((start, place, kind))
            start = None
        if start is None and token[:1].isupper():
            start = place
    return found


def dictionary(rows: list[Row]) -> dict[tuple[str, ...], str]:
    """Name -> the kind that it has most often."""
    counts = defaultdict(Counter)
    for row in rows:
        for name, kind in named(row):
            counts[name][kind] += 1
    return {name: kinds.most_common(1)[0][0] for name, kinds in counts.items()}


def by_dictionary(row: Row, known: dict[tuple[str, ...], str]) -> list[Span]:
    """The longest names that are known, from left to right, whatever their case."""
    tokens = [token.lower() for token in row["tokens"]]
    longest = max(map(len, known))
    found, place = [], 0
    while place < len(tokens):
        for length in range(min(longest, len(tokens) - place), 0, -1):
            if tuple(tokens[place : place + length]) in known:
                found.append((place, place + length, known[tuple(tokens[place : place + length])]))
                place += length
                break
        else:
            place += 1
    return found


def by_both(row: Row, known: dict[tuple[str, ...], str], kind: str) -> list[Span]:
    """What the dictionary knows, and the runs of capital letters that touch none of it."""
    found = by_dictionary(row, known)
    free = [span for span in by_capitals(row, kind) if all(span[1] <= start or end <= span[0] for start, end, _ in found)]
    return found + free


def commonest_kind(rows: list[Row]) -> str:
    return Counter(kind for row in rows for _, kind in named(row)).most_common(1)[0][0]


def fresh_rows(splits: dict[str, list[Row]], rows: list[Row]) -> float:
    """The share of the rows with a name that neither training nor validation split has."""
    known = {name for split in ("train", "validation") for row in splits[split] for name, _ in named(row)}
    return sum(any(name not in known for name, _ in named(row)) for row in rows) / len(rows)


def outside(rows: list[Row]) -> float:
    """The share of the tokens with a capital letter that belong to no name."""
    tags = [tag for row in rows for token, tag in zip(row["tokens"], row["ner_tags"]) if token[:1].isupper()]
    return tags.count("O") / len(tags)


def test_newswire_is_there(splits):
    counts = {split: len(wire(rows)) for split, rows in splits.items()}
    assert sum(counts.values()) >= 300
    assert counts["train"] >= 200 and counts["validation"] >= 25 and counts["test"] >= 50


def test_tags_are_well_formed(splits):
    assert [fault for rows in splits.values() for row in rows for fault in broken_tags(row)] == []
    for rows in splits.values():
        for row in rows:
            assert all(token and not re.search(r"\s", token) for token in row["tokens"]), row


def test_newswire_is_rich_in_organisations(splits):
    rows = wire([row for rows in splits.values() for row in rows])
    kinds = Counter(kind for row in rows for _, kind in named(row))
    assert kinds["ORG"] == max(kinds.values()) and min(kinds[kind] for kind in KINDS) >= 25
    acronyms = [row["tokens"][start] for row in rows for start, end, kind in spans(row)
                if kind == "ORG" and end - start == 1 and re.fullmatch(r"[A-Z]{2,7}\d?", row["tokens"][start])]  # fmt: skip
    assert len(set(acronyms)) >= 50
    forms = {
        "a dateline in capitals": r"^[A-Z]{4,}( [A-Z]+)*( , | \d{4}-\d\d-\d\d| - )",
        "a date as in a wire": r"\d{4}-\d\d-\d\d",
        "a score": r"[a-z] \d{1,3} ([A-Z]|\( )",
        "an attribution": r"\b(said|told|quoted|reported|called|denied)\b",
        "a sum or a rate": r"\$ \d|percent|pct|\d\.\d\d",
    }
    texts = [" ".join(row["tokens"]) for row in rows]
    for form, pattern in forms.items():
        assert sum(bool(re.search(pattern, text)) for text in texts) >= 6, form


def test_names_of_the_test_split_are_fresh(splits):
    assert fresh_rows(splits, splits["test"]) >= 1 / 3
    assert fresh_rows(splits, wire(splits["test"])) >= 1 / 3


def test_the_same_name_has_several_kinds(splits):
    kinds = defaultdict(set)
    for rows in splits.values():
        for row in rows:
            for name, kind in named(row):
                kinds[name].add(kind)
    assert sum(len(found) > 1 for found in kinds.values()) >= 20


def test_capital_letters_are_not_enough(splits):
    rows = splits["test"]
    assert f1([by_capitals(row) for row in rows], rows, kinds=False) <= MOST_BY_CAPITALS
    assert outside(rows) >= 0.25 and outside(wire(rows)) >= 0.25
    small = [row["tokens"][start] for row in rows for start, _, _ in spans(row) if not row["tokens"][start][:1].isupper()]
    assert len(small) >= 10, "names without a capital letter"


def test_a_dictionary_is_not_enough(splits):
    rows, known = splits["test"], dictionary(splits["train"])
    assert f1([by_dictionary(row, known) for row in rows], rows, kinds=True) <= MOST_BY_DICTIONARY
    kind = commonest_kind(splits["train"])
    assert f1([by_both(row, known, kind) for row in rows], rows, kinds=True) <= MOST_BY_BOTH


# ---------------------------------------------------------------------------------------------------------------------
# The checks find what is planted
# ---------------------------------------------------------------------------------------------------------------------


def test_rows_that_capitals_give_away_are_found(splits):
    """Outside names all in small letters, names all with capital letters: the rule reaches far more than it may."""

    def tidy(row):
        tokens = [token.lower() if tag == "O" else token.capitalize() for token, tag in zip(row["tokens"], row["ner_tags"])]
        return row | {"tokens": tokens}

    rows = [tidy(row) for row in splits["test"]]
    assert f1([by_capitals(row) for row in rows], rows, kinds=False) > MOST_BY_CAPITALS
    assert outside(rows) < 0.25


def test_rows_that_a_dictionary_gives_away_are_found(splits):
    """Names that training knows all: the dictionary reaches far more than it may, and no row is fresh."""
    rows = splits["test"]
    leaky = splits | {"train": splits["train"] + rows}
    known = dictionary(leaky["train"])
    assert f1([by_dictionary(row, known) for row in rows], rows, kinds=True) > MOST_BY_DICTIONARY
    assert f1([by_both(row, known, "LOC") for row in rows], rows, kinds=True) > MOST_BY_BOTH
    assert fresh_rows(leaky, rows) == 0


@pytest.mark.parametrize(("tags", "fault"), [
    (["B-ORG", "I-ORG"], None), (["O", "I-ORG"], "I-ORG follows O"), (["B-ORG", "I-LOC"], "I-LOC follows B-ORG"),
    (["B-FIRM", "O"], "B-FIRM is no tag"), (["O"], "1 tags for 2 tokens"),
])  # fmt: skip
def test_broken_tags_are_found(tags, fault):
    assert broken_tags({"tokens": ["Karst", "Minerals"], "ner_tags": tags}) == ([fault] if fault else [])


def test_f1_counts_whole_spans():
    row = {"tokens": "Ada Byron met Bo".split(), "ner_tags": ["B-PER", "I-PER", "O", "B-PER"], "hard": ""}
    assert spans(row) == [(0, 2, "PER"), (3, 4, "PER")]
    assert f1([[(0, 2, "PER"), (3, 4, "LOC")]], [row], kinds=True) == 0.5
    assert f1([[(0, 2, "PER"), (3, 4, "LOC")]], [row], kinds=False) == 1
    assert f1([[(0, 1, "PER")]], [row], kinds=True) == 0
    assert by_capitals(row) == [(0, 2, "LOC"), (3, 4, "LOC")]
    assert by_dictionary(row, {("ada", "byron"): "PER"}) == [(0, 2, "PER")]
