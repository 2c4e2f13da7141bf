"""`medical_qa`: its form, and that the answers say what keeps people safe; and that these checks can fail."""

import collections
import json
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "data" / "medical_qa"
SPLITS = ("train", "validation", "test", "unseen")
ROWS = {split: [json.loads(line) for line in (FOLDER / f"{split}.jsonl").open(encoding="utf-8")] for split in SPLITS}
ALL = [row for rows in ROWS.values() for row in rows]

# fact -> patterns that its answer must match: what the fact is dangerous without
SAFE = {
    "f013": ["running water", "no ice", "small child"],
    "f015": ["do not pull it out"],
    "f016": ["neck", "do not move", "checking the breathing"],
    "f018": ["adult", "[Bb]abies", "pregnant", "chest thrusts"],
    "f019": ["nothing in the mouth", "five minutes"],
    "f020": ["not make the person vomit", "at once"],
    "f021": ["twenty minutes", "[Ll]ime", "until help takes over"],
    "f024": ["do not move", "blocked airway"],
    "f027": ["at once"],
    "f028": ["at once"],
    "f029": ["adrenaline pen at once"],
    "f030": ["everyone outside", "never belong indoors"],
    "f033": ["at once", "do not make the child vomit"],
    "f034": ["at once", "do not wait for a rash"],
    "f043": ["[Tt]hrow away"],
    "f049": ["under three months", "at once"],
    "f118": ["nuts", "popcorn", "lengthwise"],
    "f119": ["at once", "not make it vomit"],
    "f120": ["at once", "resuscitation"],
    "f122": ["under three months", "at once"],
    "f128": ["poison center", "at once"],
    "f130": ["at once", "no drink"],
    "f131": ["[Nn]ever", "at once", "even if it seems well"],
    "f132": ["no alcohol", "do not rub"],
    "f134": ["not if it may freeze again", "not hot"],
    "f142": ["pressure in the chest"],
    "f143": ["at once", "even if the pain is bearable"],
    "f156": ["crisis line", "at once"],
    "f157": ["crisis line", "do not leave them alone"],
}
LIFE_THREATENING = re.compile(
    r"(?i)unconscious|not breathe|chok|seizure|poison|bleeding is|nosebleed|burn|chemical|neck|stroke|heart attack|anaphyla"
    r"|blow to the head|electric|batter|mening|snake|life-threatening|drown|overdose"
)
CALL = re.compile(r"(?i)\bcall (?:a poison center or )?emergency services|emergency services called")


def told(rows) -> dict[str, set]:
    """Fact -> the versions of what is said about it."""
    versions = collections.defaultdict(set)
    for row in rows:
        versions[row["fact_id"]].add((row["answer"], row["fact"], row["topic"], row["source_kind"]))
    return versions


def unsafe(rows) -> list[str]:
    """What an answer should say for safety and does not."""
    answers = {row["fact_id"]: row["answer"] for row in rows}
    return [f"{fact} lacks {pattern!r}" for fact, patterns in SAFE.items() for pattern in patterns
            if fact in answers and not re.search(pattern, answers[fact])]  # fmt: skip


def life_threatening(rows) -> dict[str, str]:
    """Fact -> answer, of first aid and emergencies, where life may be in danger. A list of numbers to call is no such fact."""
    return {row["fact_id"]: row["answer"] for row in rows
            if row["topic"] in ("first aid", "emergencies") and LIFE_THREATENING.search(f"{row['fact']} {row['answer']}")}  # fmt: skip


def without_a_call(rows) -> list[str]:
    return [fact for fact, answer in life_threatening(rows).items() if not CALL.search(answer)]


def test_a_fact_has_one_answer_and_six_questions():
    assert {split: len(rows) for split, rows in ROWS.items()} == {"train": 560, "validation": 140, "test": 140, "unseen": 120}
    versions = told(ALL)
    assert sorted(versions) == [f"f{number:03}" for number in range(1, 161)]
    assert [fact for fact, found in versions.items() if len(found) > 1] == []
    assert sorted(row["id"] for row in ALL) == [f"f{fact:03}-q{number}" for fact in range(1, 161) for number in range(1, 7)]
    assert all(row["id"].startswith(row["fact_id"]) for row in ALL)
    assert len({row["question"] for row in ALL}) == len(ALL)
    for split, number in (("validation", 5), ("test", 6)):
        assert {row["id"][-1] for row in ROWS[split]} == {str(number)}


def test_lengths_are_those_of_the_card():
    lengths = {row["fact_id"]: len(row["answer"].split()) for row in ALL}
    assert (min(lengths.values()), max(lengths.values())) == (21, 40)
    assert sum(length > 37 for length in lengths.values()) == 17
    questions = [len(row["question"].split()) for row in ALL]
    assert (min(questions), max(questions)) == (3, 28)
    for row in ALL:
        assert 1 <= len(re.findall(r"[.!?](?=\s|$)", row["answer"])) <= 2, row["id"]
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert "21 to 40 words" in card and "17 of them have more than 37" in card and "3 to 28 words" in card


def test_answers_say_what_keeps_people_safe():
    assert unsafe(ALL) == []


def test_where_life_is_in_danger_an_answer_says_to_call():
    assert len(life_threatening(ALL)) >= 18
    assert without_a_call(ALL) == []


def test_no_answer_asks_for_what_harms():
    for row in ALL:
        assert not re.search(r"(?i)\bdoses? of \d|\d+ ?(?:mg|milligrams|tablets|drops)\b", row["answer"]), row["id"]
        for harm in ("make the person vomit", "make it vomit", "make the child vomit"):
            assert row["answer"].count(harm) == len(re.findall(f"(?i)do not {harm}", row["answer"])), row["id"]


@pytest.mark.parametrize(("fact", "old"), [
    ("f018", "Have someone call emergency services. Give up to five firm blows, then up to five abdominal thrusts, and alternate."),
    ("f131", "If you see a child shut in and unwell, call emergency services at once."),
    ("f134", "Go indoors, warm it gently in warm, not hot, water, and get medical help."),
    ("f021", "Rinse the open eye at once for at least fifteen minutes, and call emergency services."),
])  # fmt: skip
def test_an_unsafe_answer_is_found(fact, old):
    assert unsafe([row | ({"answer": old} if row["fact_id"] == fact else {}) for row in ALL])


def test_a_missing_call_and_a_second_version_are_found():
    planted = [row | ({"answer": "Wait until it is over."} if row["fact_id"] == "f027" else {}) for row in ALL]
    assert without_a_call(planted) == ["f027"]
    planted = [row | ({"answer": "Another answer."} if row["id"] == "f027-q6" else {}) for row in ALL]
    assert [fact for fact, found in told(planted).items() if len(found) > 1] == ["f027"]
