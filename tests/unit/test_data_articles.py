"""`articles`: wire reports in the test split, true numbers, no pet number, and what the first sentences reach; and that these checks can fail."""

import collections
import json
import re
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parents[2] / "data" / "articles"
SPLITS = ("train", "validation", "test")
ROWS = {split: [json.loads(line) for line in (FOLDER / f"{split}.jsonl").open(encoding="utf-8")] for split in SPLITS}
ALL = [row for rows in ROWS.values() for row in rows]
WIRE = {f"article-{number}" for number in range(116, 156)}  # plain agency reports
CUT = re.compile(r'(?<=[.!?])\s+(?=["A-Z0-9])|(?<=[.!?]")\s+(?=["A-Z0-9])')
NUMERAL = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
WORTH = {
    word: value
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
    )
}
WORTH |= {word: 10 * value for value, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}  # fmt: skip
MOST = 4  # articles with the same number of three digits or more


def numbers(text: str) -> set[str]:
    """The numbers of a text; those in words as numerals ('forty-three', 'eleven thousand'), but not 'one', which is often no number."""
    found = {numeral.replace(",", "") for numeral in NUMERAL.findall(text)}
    tokens = re.findall(r"[a-z]+", text.lower()) + [""]
    at = 0
    while at < len(tokens):
        value, at = WORTH.get(tokens[at]), at + 1
        if value is None:
            continue
        if value >= 20 and 0 < WORTH.get(tokens[at], 0) < 10:
            value, at = value + WORTH[tokens[at]], at + 1
        for word, factor in (("hundred", 100), ("thousand", 1000)):
            if tokens[at] == word:
                value, at = value * factor, at + 1
        found.add(str(value))
    return found - {"1"}


def invented(rows) -> list[str]:
    """Numbers of a summary that are not in its article."""
    return [f"{row['id']}: {number}" for row in rows for number in sorted(numbers(row["highlights"]) - numbers(row["article"]))]


def pet_numbers(rows) -> dict[str, int]:
    """Numbers of three digits or more (as numerals) that stand in more than `MOST` articles."""
    counts = collections.Counter(numeral for row in rows for numeral in set(NUMERAL.findall(row["article"]))
                                 if sum(character.isdigit() for character in numeral) >= 3)  # fmt: skip
    return {numeral: count for numeral, count in counts.items() if count > MOST}


def words(text: str) -> collections.Counter:
    return collections.Counter(re.findall(r"[a-z0-9]+(?:[.,'][a-z0-9]+)*", re.sub(r"'s\b", "", text.lower())))


def overlap(summary: str, reference: str) -> float:
    """F1 of words, as in ROUGE-1, without stemming."""
    ours, theirs = words(summary), words(reference)
    return 2 * sum((ours & theirs).values()) / (sum(ours.values()) + sum(theirs.values()))


def first_three(rows) -> float:
    return np.mean([overlap(" ".join(CUT.split(row["article"])[:3]), row["highlights"]) for row in rows])


def key_sentences(rows) -> float:
    return np.mean(
        [
            overlap(" ".join(CUT.split(row["article"])[index] for index in row["key_sentences"]), row["highlights"])
            for row in rows
        ]
    )


def wire(rows) -> list[dict]:
    return [row for row in rows if row["id"] in WIRE]


def test_the_test_split_has_forty_wire_reports():
    assert [row["id"] for row in ALL if row["id"] in WIRE] == sorted(WIRE)
    assert len(ROWS["test"]) >= 71 and len(wire(ROWS["test"])) == 40
    assert sorted(row["id"] for row in ALL) == [f"article-{number:03}" for number in range(1, 156)]


def test_wire_reports_are_plain():
    for row in wire(ALL):
        sentences = CUT.split(row["article"])
        assert 180 <= len(row["article"].split()) <= 450 and 30 <= len(row["highlights"].split()) <= 60, row["id"]
        assert 2 <= len(CUT.split(row["highlights"])) <= 4 and 2 <= len(row["key_sentences"]) <= 5, row["id"]
        assert '"' not in sentences[-1] and not re.search(r"[!?]", row["article"]), row["id"]
        assert row["key_sentences"][0] == 0, "the lead comes first"
    assert sum(bool(row["hard"]) for row in wire(ALL)) <= 10


def test_no_abbreviation_breaks_the_rule_for_sentences():
    assert [row["id"] for row in ALL if re.search(r"\b(?:Mr|Mrs|Ms|Dr|St|No|Prof|[A-Z])\.\s", row["article"])] == []


def test_numbers_of_summaries_are_in_their_articles():
    assert invented(ALL) == []


def test_no_number_is_in_more_than_four_articles():
    assert pet_numbers(ALL) == {}


def test_what_the_first_sentences_reach_is_what_the_card_says():
    assert 0.33 <= first_three(ALL) <= 0.37 and 0.40 <= key_sentences(ALL) <= 0.445
    assert 0.39 <= first_three(wire(ALL)) <= 0.44, "as in real papers, the lead is strong here"
    assert first_three([row for row in ALL if row["id"] not in WIRE]) <= 0.34
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    for figure in (
        first_three(ALL),
        key_sentences(ALL),
        first_three(wire(ALL)),
        key_sentences(wire(ALL)),
        first_three(ROWS["test"]),
    ):
        assert f"{figure:.3f}" in card


def test_numbers_in_words_are_understood():
    assert numbers("Forty-three of 1,900 boats, eleven thousand tonnes, one man and 3.5 per cent") == {
        "43",
        "1900",
        "11000",
        "3.5",
    }


def test_an_invented_number_is_found():
    row = {"id": "x", "article": "Nine of 43 boats sank.", "highlights": "Nine of forty-three boats went down."}
    assert invented([row]) == []
    assert invented([row | {"highlights": "Nine of 34 boats went down."}]) == ["x: 34"]


def test_a_pet_number_is_found():
    planted = [row | {"article": row["article"] + " It cost 212 pounds."} for row in ALL[:3]] + ALL[3:]
    assert pet_numbers(planted) == {"212": 5}


def test_a_lead_that_gives_the_summary_away_is_found():
    planted = [row | {"article": f"{row['highlights']}\n{row['article']}"} for row in ALL[:15]] + ALL[15:]
    assert first_three(planted) > 0.37
    assert first_three([row | {"article": " ".join(CUT.split(row["article"])[3:])} for row in ALL]) < 0.33
