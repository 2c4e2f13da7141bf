"""The shortcuts of `reviews`: what a program reaches that does not read them. The card gives the same figures."""

import json
import re
from pathlib import Path

import numpy
import pytest
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FOLDER = Path(__file__).resolve().parents[2] / "data" / "reviews"
FOLDS = StratifiedKFold(10, shuffle=True, random_state=0)


@pytest.fixture(scope="module")
def reviews():
    """Texts, and whether each is positive."""
    files = [FOLDER / f"{split}.jsonl" for split in ("train", "validation", "test")]
    rows = [json.loads(line) for file in files for line in file.open(encoding="utf-8")]
    return [row["text"] for row in rows], numpy.array([row["stars"] > 3 for row in rows])


def shape(text: str) -> list[int]:
    """Characters, words, sentences, and marks."""
    return [len(text), len(text.split()), len(re.findall(r"[.!?]", text)), *(text.count(mark) for mark in ",!?")]


def by_length(texts: list[str], labels: numpy.ndarray) -> float:
    """The best of three strengths of regularization."""
    columns = numpy.array([shape(text) for text in texts], dtype=float)
    models = [make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=1000)) for C in (0.1, 1, 10)]
    return max(cross_val_score(model, columns, labels, cv=FOLDS).mean() for model in models)


def by_function_words(texts: list[str], labels: numpy.ndarray) -> float:
    words = CountVectorizer(vocabulary=sorted(ENGLISH_STOP_WORDS), token_pattern=r"[\w']+")
    models = [make_pipeline(words, LogisticRegression(C=C, max_iter=2000)) for C in (0.1, 1)]
    return max(cross_val_score(model, texts, labels, cv=FOLDS).mean() for model in models)


def test_length_and_marks_tell_little(reviews):
    assert by_length(*reviews) <= 0.59


def test_function_words_tell_something(reviews):
    assert by_function_words(*reviews) <= 0.69


def test_a_planted_shortcut_is_found(reviews):
    texts, labels = reviews
    marked = [text + " Good!" if positive else text for text, positive in zip(texts, labels, strict=True)]
    assert by_length(marked, labels) > 0.7


def test_the_card_says_what_the_set_is():
    card = " ".join((FOLDER / "README.md").read_text(encoding="utf-8").split())
    assert "A challenge set, written by an AI language model." in card and "42 % of the rows were made hard on purpose" in card
    assert "57 %" in card and "67 %" in card
