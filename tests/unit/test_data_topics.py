"""The data set `topics`: sizes, balance, and what simple programs reach on the test split."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

FOLDER = Path(__file__).resolve().parents[2] / "data" / "topics"
SPLITS = ("train", "validation", "test")
LABELS = {"sport", "science", "business", "culture", "travel", "health"}
HARD = {
    "": 0.575,
    "overlap": 0.176,
    "implicit": 0.108,
    "short": 0.074,
    "figurative": 0.068,
}  # shares of the set before the test split grew
BY_WORDS = (0.66, 0.75)  # accuracy of TF-IDF and logistic regression; measured: 0.706
MOST_BY_LENGTH = 0.23  # accuracy of the number of words, or of characters, alone; guessing: 0.167; measured: 0.198
MOST_BY_WORD_LENGTH = 0.28  # accuracy of both numbers together, so of the mean length of a word as well; measured: 0.246
MOST_BY_FORM = 0.26  # accuracy of length, punctuation, digits and capitals; measured: 0.218
MOST_ALIKE = 0.5  # cosine of TF-IDF vectors across splits; measured: 0.33

Row = dict


def read() -> dict[str, list[Row]]:
    return {split: [json.loads(line) for line in (FOLDER / f"{split}.jsonl").open(encoding="utf-8")] for split in SPLITS}


@pytest.fixture(scope="module")
def splits():
    return read()


def labels(rows: list[Row]) -> list[str]:
    return [row["label"] for row in rows]


def texts(rows: list[Row]) -> list[str]:
    return [row["text"] for row in rows]


def lengths(rows: list[Row]) -> np.ndarray:
    return np.array([[len(row["text"].split()), len(row["text"])] for row in rows], dtype=float)


def form(rows: list[Row]) -> np.ndarray:
    """Length, punctuation marks a word, and the shares of digits and capital letters: no words."""
    return np.array([
        [len(text), *(text.count(mark) / len(text.split()) for mark in ",.;:?!'\"-()"),
         sum(map(str.isdigit, text)) / len(text), sum(map(str.isupper, text)) / len(text)]
        for text in texts(rows)
    ])  # fmt: skip


def by_words(train: list[Row], test: list[Row]) -> float:
    model = make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000))
    return model.fit(texts(train), labels(train)).score(texts(test), labels(test))


def best(columns: list[int], train: list[Row], test: list[Row]) -> float:
    """The better of logistic regression and a small tree on some columns of `lengths`."""
    models = [
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        DecisionTreeClassifier(max_depth=4, random_state=0),
    ]
    known, new = lengths(train)[:, columns], lengths(test)[:, columns]
    return max(model.fit(known, labels(train)).score(new, labels(test)) for model in models)


def by_length(train: list[Row], test: list[Row]) -> float:
    return max(best([0], train, test), best([1], train, test))


def by_word_length(train: list[Row], test: list[Row]) -> float:
    return best([0, 1], train, test)


def by_form(train: list[Row], test: list[Row]) -> float:
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return model.fit(form(train), labels(train)).score(form(test), labels(test))


def most_alike(others: list[Row], rows: list[Row]) -> float:
    vectors = TfidfVectorizer(sublinear_tf=True)
    known = vectors.fit_transform(texts(others))
    return (vectors.transform(texts(rows)) @ known.T).max()


def unbalanced(rows: list[Row], most: int = 1) -> list[str]:
    """Labels that have over `most` rows more, or fewer, than the mean."""
    counts = Counter(labels(rows))
    return [f"{label}: {counts[label]}" for label in sorted(LABELS) if abs(counts[label] - len(rows) / len(LABELS)) > most]


def test_size(splits):
    sizes = {split: len(rows) for split, rows in splits.items()}
    assert sizes["test"] >= 290 and sizes["train"] >= 470 and sizes["validation"] >= 90
    assert sizes["train"] > sum(sizes.values()) / 2
    assert all(12 <= len(row["text"].split()) <= 60 for rows in splits.values() for row in rows)


@pytest.mark.parametrize("split", SPLITS)
def test_labels_are_balanced(splits, split):
    assert set(labels(splits[split])) == LABELS and unbalanced(splits[split]) == []


@pytest.mark.parametrize("split", SPLITS)
def test_the_hard_kinds_keep_their_shares(splits, split):
    counts = Counter(row["hard"] for row in splits[split])
    assert set(counts) == set(HARD)
    for kind, share in HARD.items():
        assert abs(counts[kind] / len(splits[split]) - share) <= 0.03, kind
        assert {row["label"] for row in splits[split] if row["hard"] == kind} == LABELS, kind
    assert all((row["hard"] == "short") == (len(row["text"].split()) < 16) for row in splits[split])


def test_words_are_neither_enough_nor_useless(splits):
    low, high = BY_WORDS
    assert low <= by_words(splits["train"], splits["test"]) <= high
    plain = [row for row in splits["test"] if not row["hard"]]
    hard = [row for row in splits["test"] if row["hard"] and row["hard"] != "overlap"]
    assert by_words(splits["train"], plain) >= 0.8 and by_words(splits["train"], hard) <= 0.45


def test_length_is_near_chance(splits):
    assert by_length(splits["train"], splits["test"]) <= MOST_BY_LENGTH
    assert by_word_length(splits["train"], splits["test"]) <= MOST_BY_WORD_LENGTH
    assert by_form(splits["train"], splits["test"]) <= MOST_BY_FORM


def test_no_test_row_is_like_a_training_row(splits):
    assert most_alike(splits["train"] + splits["validation"], splits["test"]) <= MOST_ALIKE


def test_heatstroke_is_an_emergency_in_every_row(splits):
    told = [row["text"].lower() for rows in splits.values() for row in rows if "heatstroke" in row["text"].lower()]
    assert told and all("emergency" in text and "at once" in text for text in told if "symptom" in text or "sign" in text)


# ---------------------------------------------------------------------------------------------------------------------
# The checks find what is planted
# ---------------------------------------------------------------------------------------------------------------------


def test_rows_that_length_gives_away_are_found(splits):
    """Health texts made longer, sport texts shorter: length tells two labels of six."""

    def planted(row):
        text = row["text"]
        if row["label"] == "health":
            text += " and so on" * 25
        if row["label"] == "sport":
            text = " ".join(text.split()[:8])
        return row | {"text": text}

    train, test = ([planted(row) for row in splits[split]] for split in ("train", "test"))
    assert by_length(train, test) > MOST_BY_LENGTH and by_form(train, test) > MOST_BY_FORM
    assert by_word_length(train, test) > MOST_BY_WORD_LENGTH


def test_easy_rows_and_noise_are_found(splits):
    low, high = BY_WORDS
    easy = [row | {"text": f"{row['text']} {row['label']} {row['label']} {row['label']}"} for row in splits["test"]]
    told = [row | {"text": f"{row['text']} {row['label']} {row['label']} {row['label']}"} for row in splits["train"]]
    assert by_words(told, easy) > high
    noise = [row | {"label": label} for row, label in zip(splits["test"], labels(splits["test"])[1:] + ["sport"])]
    assert by_words(splits["train"], noise) < low


def test_copies_and_imbalance_are_found(splits):
    assert most_alike(splits["train"], [splits["train"][0]]) > MOST_ALIKE
    assert unbalanced(splits["test"]) == [] != unbalanced([row for row in splits["test"] if row["label"] != "travel"])
