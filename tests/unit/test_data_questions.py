"""The data set `questions`: what a program reaches that looks at the wrong thing."""

import collections
import json
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FOLDER = Path(__file__).resolve().parents[2] / "data" / "questions"
SPLITS = ("train", "validation", "test")
MOST_AUC = 0.60  # for telling from the question alone whether the text answers it
FOLDS = 5
FIRST_LONG = 159  # the contexts from this number on have 100 to 200 words
Row = dict


def rows_of(split: str) -> list[Row]:
    return [json.loads(line) for line in (FOLDER / f"{split}.jsonl").open(encoding="utf-8")]


@pytest.fixture(scope="module")
def splits() -> dict[str, list[Row]]:
    return {split: rows_of(split) for split in SPLITS}


@pytest.fixture(scope="module")
def rows(splits) -> list[Row]:
    return [row for split in SPLITS for row in splits[split]]


def context_of(row: Row) -> str:
    return row["id"].split("-")[0]


def is_long(row: Row) -> bool:
    return int(context_of(row)[1:]) >= FIRST_LONG


def answerable(row: Row) -> bool:
    return bool(row["answers"]["text"])


def words(text: str) -> list[str]:
    return re.findall(r"[\w']+", text.lower())


# ---------------------------------------------------------------------------------------------------------------------
# Does the question alone tell whether it can be answered?
# ---------------------------------------------------------------------------------------------------------------------


def size(questions: list[str]) -> np.ndarray:
    """The length in words and in characters, and both squared, so that a middle length can be told too."""
    lengths = np.array([[len(question.split()), len(question)] for question in questions], dtype=float)
    return np.hstack([lengths, lengths**2])


class Size:
    def fit(self, questions, labels=None):
        return self

    def transform(self, questions):
        return size(questions)


def opening(question: str) -> list[str]:
    """The first word and the first two."""
    return [" ".join(words(question)[:count]) for count in (1, 2)]


VIEWS = {
    "words": lambda: TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"[\w']+"),
    "characters": lambda: TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), sublinear_tf=True),
    "opening": lambda: CountVectorizer(analyzer=opening),
    "length": lambda: make_pipeline(Size(), StandardScaler()),
}


def aucs(rows: list[Row], views=tuple(VIEWS), strengths=(0.1, 1, 10)) -> dict[tuple, float]:
    """(what is looked at, C) -> the area under the curve, each row scored by a model that has not seen its context."""
    questions = np.array([row["question"] for row in rows], dtype=object)
    labels = np.array([not answerable(row) for row in rows])
    scores: dict[tuple, np.ndarray] = collections.defaultdict(lambda: np.zeros(len(rows)))
    for train, test in GroupKFold(FOLDS).split(questions, labels, [context_of(row) for row in rows]):
        for view in views:
            look = VIEWS[view]()
            seen, unseen = look.fit(questions[train]).transform(questions[train]), look.transform(questions[test])
            for strength in strengths:
                model = LogisticRegression(C=strength, max_iter=1000, class_weight="balanced").fit(seen, labels[train])
                scores[view, strength][test] = model.decision_function(unseen)
    return {key: roc_auc_score(labels, found) for key, found in scores.items()}


def test_the_question_alone_does_not_tell_whether_it_can_be_answered(rows):
    found = aucs(rows)
    assert len(found) == len(VIEWS) * 3
    assert max(found.values()) <= MOST_AUC, found


@pytest.mark.parametrize("view, planted", [
    ("words", lambda question: "How much does it cost, " + question),
    ("characters", lambda question: question.replace("?", " exactly?")),
    ("opening", lambda question: "How high " + question),
    ("length", lambda question: " ".join(question.split()[:4]) + "?"),
])  # fmt: skip
def test_a_planted_shortcut_is_found(rows, view, planted):
    """Every third question without an answer gets what gives it away."""
    third = {row["id"] for row in [row for row in rows if not answerable(row)][::3]}
    spoilt = [{**row, "question": planted(row["question"])} if row["id"] in third else row for row in rows]
    assert max(aucs(spoilt, (view,), (1,)).values()) > MOST_AUC


# ---------------------------------------------------------------------------------------------------------------------
# Other things that a program may look at
# ---------------------------------------------------------------------------------------------------------------------


def sentences(text: str) -> list[tuple[int, int]]:
    """The first and the last position of each sentence; titles and initials do not end one."""
    ends = [match.end() for match in re.finditer(r"[.!?][\"”)]*(?=\s)", text)
            if not re.search(r"\b(?:Dr|Mr|Mrs|Ms|St|no|approx|[A-Z]|[ap]\.m)\.$", text[: match.end()])]  # fmt: skip
    return list(zip([0, *ends], [*ends, len(text)]))


def content(text: str) -> set[str]:
    return {word for word in words(text) if word not in ENGLISH_STOP_WORDS}


def sentence_of(row: Row) -> int:
    start = row["answers"]["answer_start"][0]
    return max(number for number, (first, _) in enumerate(sentences(row["context"])) if first <= start)


def most_overlap(row: Row) -> int:
    """The sentence that shares the most content words with the question; of several, the first."""
    asked = content(row["question"])
    shared = [len(asked & content(row["context"][first:last])) for first, last in sentences(row["context"])]
    return int(np.argmax(shared))


def found_by_overlap(rows: list[Row]) -> float:
    return float(np.mean([most_overlap(row) == sentence_of(row) for row in rows if answerable(row)]))


def in_first_sentence(rows: list[Row]) -> float:
    return float(np.mean([sentence_of(row) == 0 for row in rows if answerable(row)]))


def plain(rows: list[Row]) -> list[Row]:
    return [row for row in rows if is_long(row) and answerable(row)]


def sharing(rows: list[Row]) -> float:
    """The share of questions with a content word, in the same form, from the sentence that answers them."""
    return float(np.mean([bool(content(row["question"]) & content(row["context"][slice(*sentences(row["context"])[sentence_of(row)])]))
                          for row in rows if answerable(row)]))  # fmt: skip


def test_plain_questions_share_words_with_the_sentence_that_answers_them(rows):
    assert sharing(plain(rows)) >= 0.95 and found_by_overlap(plain(rows)) >= 0.7
    strangers = [{**row, "question": "What else was said about it?"} for row in plain(rows)]
    assert sharing(strangers) < 0.5 and found_by_overlap(strangers) < 0.5


def test_the_answers_are_spread_over_the_text(rows):
    assert in_first_sentence(rows) <= 0.25
    crowded = [
        {**row, "answers": {"text": ["x"], "answer_start": [0]}} if number % 2 else row for number, row in enumerate(rows)
    ]
    assert in_first_sentence(crowded) > 0.25


# ---------------------------------------------------------------------------------------------------------------------
# Counts and form
# ---------------------------------------------------------------------------------------------------------------------


def strays(splits: dict[str, list[Row]]) -> list[str]:
    """Contexts that stand in two splits, or under two numbers, or numbers with two contexts."""
    home, number, text = {}, {}, {}
    faults = []
    for split, rows in splits.items():
        for row in rows:
            if home.setdefault(row["context"], split) != split:
                faults.append(f"{row['id']} stands in {home[row['context']]} and in {split}")
            if number.setdefault(row["context"], context_of(row)) != context_of(row) \
                    or text.setdefault(context_of(row), row["context"]) != row["context"]:  # fmt: skip
                faults.append(f"{row['id']} does not have the text of its number")
    return faults


def test_a_context_stays_in_its_split(splits):
    assert strays(splits) == []
    assert strays({**splits, "test": [*splits["test"], splits["train"][0]]}) != []


def test_the_ids_count_the_questions_of_a_context(splits):
    for rows in splits.values():
        counts = collections.defaultdict(list)
        for row in rows:
            counts[context_of(row)].append(int(row["id"].split("-")[1]))
        assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in counts.values())
        assert list(counts) == sorted(counts)


def test_long_texts_have_many_plain_questions(splits, rows):
    long = [row for row in rows if is_long(row)]
    contexts = {context_of(row): row["context"] for row in long}
    assert len(contexts) >= 55 and all(100 <= len(text.split()) <= 200 for text in contexts.values())
    assert sum(row["hard"] == "" for row in long) >= 250
    for split in ("validation", "test"):
        assert sum(is_long(row) for row in splits[split]) >= 0.13 * len(long), split


def test_both_kinds_ask_in_all_ways(rows):
    openings = {
        kind: collections.Counter(opening(row["question"])[0] for row in rows if answerable(row) == kind)
        for kind in (True, False)
    }
    assert sum(openings[False][word] for word in ("who", "whom", "whose", "why", "where")) >= 80
    quantities = [row for row in rows if re.match(r"How (much|many|long|high|old|large)\b", row["question"])]
    assert sum(answerable(row) for row in quantities) >= 2.5 * sum(not answerable(row) for row in quantities)
    for split in SPLITS:
        assert np.mean([not answerable(row) for row in rows_of(split)]) >= 0.15


def test_the_card_gives_the_counts(splits, rows):
    card = (FOLDER / "README.md").read_text(encoding="utf-8")

    def line(name: str, count) -> str:
        numbers = [count(splits[split]) for split in SPLITS]
        return "| " + " | ".join([name, *(f"{number:,}" for number in [*numbers, sum(numbers)])]) + " |"

    assert line("questions", len) in card
    assert line("contexts", lambda found: len({context_of(row) for row in found})) in card
    assert line("unanswerable", lambda found: sum(not answerable(row) for row in found)) in card
    assert (
        line("with more than one accepted answer", lambda found: sum(len(row["answers"]["text"]) > 1 for row in found)) in card
    )
    for kind in {row["hard"] for row in rows}:
        assert line(kind or "(none)", lambda found, kind=kind: sum(row["hard"] == kind for row in found)) in card
    short = [row for row in rows if not is_long(row)]
    for share in (found_by_overlap(rows), found_by_overlap(plain(rows)), found_by_overlap(short), in_first_sentence(rows)):
        assert f"{share:.0%}" in card
