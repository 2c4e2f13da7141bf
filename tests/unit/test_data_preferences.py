"""The preferences: nothing but the reason may tell which answer is better, as far as a simple program can see.

What is measured, each time with ten folds of the pairs of all splits, none in two folds (one shuffle, for speed; the card gives
the means of three):
- words: pairwise logistic regression without intercept on the difference of the two answers' vectors (counts or TF-IDF of
  lower-case words and single punctuation marks; words, words with pairs of words, or pairs of words alone; C 0.1, 1, 10).
  The best of the 18 variants counts. Vocabulary and document frequencies come from all answers, without labels.
- length: characters, words, sentences, words a sentence, distance from the median length, and the counts of single marks, of
  digits and of all marks, for each answer and their difference; pairwise logistic regression, and gradient-boosted trees
  that see a pair in both orders.
"""

import collections
import json
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold

FOLDER = Path(__file__).resolve().parents[2] / "data" / "preferences"
SPLITS = ("train", "validation", "test")
TOKEN = r"[^\W_]+(?:'[^\W_]+)*|[^\w\s]|_|\n"
MOST_BY_WORDS = 0.65
MOST_BY_LENGTH = 0.56
MOST_BY_TREES = 0.66  # the aim was .56; about .63 is reached
REASONS = {"clear", "complete", "concise", "correct", "helpful", "honest", "polite", "safe"}


def read(split: str) -> list[dict]:
    return [json.loads(line) for line in (FOLDER / f"{split}.jsonl").open(encoding="utf-8")]


@pytest.fixture(scope="module")
def rows() -> list[dict]:
    return [row for split in SPLITS for row in read(split)]


def folds(count: int, seed: int):
    return KFold(10, shuffle=True, random_state=seed).split(np.arange(count))


def pairwise(difference, train, test, C: float):
    """Margins of the held-out pairs. Every second pair is turned round, which leaves the loss as it is."""
    signs = np.where(np.arange(len(train)) % 2, -1.0, 1.0)
    from_train = difference[train]
    turned = from_train.multiply(signs[:, None]).tocsr() if hasattr(from_train, "multiply") else from_train * signs[:, None]
    # Both orders of a pair give the same loss: twice the weight stands for both.
    model = LogisticRegression(C=2 * C, fit_intercept=False, solver="liblinear", max_iter=200).fit(turned, signs > 0)
    return difference[test] @ model.coef_[0]


def accuracy(margins) -> float:
    return float(np.mean(margins > 0) + 0.5 * np.mean(margins == 0))


def words_accuracy(rows: list[dict], seeds=(0,), spans=((1, 1), (1, 2), (2, 2)), costs=(0.1, 1, 10)) -> dict[tuple, float]:
    """(kind, span of words, C) -> accuracy."""
    found = {}
    chosen, rejected = [row["chosen"] for row in rows], [row["rejected"] for row in rows]
    for kind in (CountVectorizer, TfidfVectorizer):
        for span in spans:
            vectors = kind(token_pattern=TOKEN, ngram_range=span, **({"sublinear_tf": True} if kind is TfidfVectorizer else {}))
            vectors.fit(chosen + rejected)
            difference = (vectors.transform(chosen) - vectors.transform(rejected)).tocsr()
            for C in costs:
                scores = []
                for seed in seeds:
                    margins = np.zeros(len(rows))
                    for train, test in folds(len(rows), seed):
                        margins[test] = pairwise(difference, train, test, C)
                    scores.append(accuracy(margins))
                found[kind.__name__, span, C] = float(np.mean(scores))
    return found


def sentences(text: str) -> int:
    return max(1, sum(bool(part.strip()) for part in re.split(r"(?<=[.!?])[\"')]*\s+|\n", text)))


def shape(text: str, median: float) -> list[float]:
    words, marks = len(text.split()), [text.count(mark) for mark in ',;:.!?"-(']
    others = [sum(sign.isdigit() for sign in text), sum(not sign.isalnum() and not sign.isspace() for sign in text)]
    return [len(text), words, sentences(text), words / sentences(text), abs(words - median), *marks, *others]


def shapes(rows: list[dict]):
    median = np.median([len(row[column].split()) for row in rows for column in ("chosen", "rejected")])
    return (np.array([shape(row[column], median) for row in rows], float) for column in ("chosen", "rejected"))


def length_accuracy(rows: list[dict], columns=slice(None), seeds=(0,)) -> float:
    chosen, rejected = shapes(rows)
    difference = (chosen - rejected)[:, columns]
    difference = difference / (difference.std(0) + 1e-9)
    scores = []
    for seed in seeds:
        margins = np.zeros(len(rows))
        for train, test in folds(len(rows), seed):
            margins[test] = pairwise(difference, train, test, 1.0)
        scores.append(accuracy(margins))
    return float(np.mean(scores))


def trees_accuracy(rows: list[dict], seeds=(0,)) -> float:
    chosen, rejected = shapes(rows)

    def both(first, second):
        return np.c_[first, second, first - second]

    scores = []
    for seed in seeds:
        margins = np.zeros(len(rows))
        for train, test in folds(len(rows), seed):
            model = GradientBoostingClassifier(n_estimators=60, max_depth=3, subsample=0.7, random_state=0)
            model.fit(np.r_[both(chosen[train], rejected[train]), both(rejected[train], chosen[train])],
                      np.repeat([1, 0], len(train)))  # fmt: skip
            margins[test] = (
                model.predict_proba(both(chosen[test], rejected[test]))
                - model.predict_proba(both(rejected[test], chosen[test]))
            )[:, 1]
        scores.append(accuracy(margins))
    return float(np.mean(scores))


# ---------------------------------------------------------------------------------------------------------------------
# The rows
# ---------------------------------------------------------------------------------------------------------------------


def test_sizes_and_reasons(rows):
    assert [len(read(split)) for split in SPLITS] == [609, 82, 137]
    counts = collections.Counter(row["reason"] for row in rows)
    assert set(counts) == REASONS and max(counts.values()) - min(counts.values()) <= 1
    for split in SPLITS:
        own = collections.Counter(row["reason"] for row in read(split))
        assert set(own) == REASONS and max(own.values()) - min(own.values()) <= 3
    assert len({row["prompt"].lower() for row in rows}) == len(rows)


def test_a_concise_prompt_asks_for_brevity(rows):
    asks = re.compile(
        r"\b(one|two|three|five|single|short\w*|brief\w*|quick\w*|max|most|under|only|just|nothing|no (essay|story|comments|explanations)|few|"
        r"couple|a word|words?|tl;dr|nutshell|1[- ](line|sentence)|3-word|digits|number|yes or no|yes/no|compress|condense|waffle|"
        r"summar\w+|headline|sum up|boil|breath|cut|approximately|round|gist|essentials)\b",
        re.IGNORECASE,
    )
    assert [row["prompt"] for row in rows if row["reason"] == "concise" and not asks.search(row["prompt"])] == []
    assert all(len(row["chosen"].split()) < len(row["rejected"].split()) for row in rows if row["reason"] == "concise")


def test_a_complete_prompt_names_what_it_wants(rows):
    asks = re.compile(
        r"\b(all|every\w*|each|both|whole|full|complete|list|checklist|steps?|and|also|names?|every one|both|two|three|four|five|six|"
        r"letters|pros|stages|tips|questions|draft|write|give)\b|[:,]",
        re.IGNORECASE,
    )
    assert [row["prompt"] for row in rows if row["reason"] == "complete" and not asks.search(row["prompt"])] == []


def test_sentence_length_does_not_tell_what_is_clear(rows):
    clear = [row for row in rows if row["reason"] == "clear"]
    a_sentence = [[len(row[column].split()) / sentences(row[column]) for column in ("chosen", "rejected")] for row in clear]
    assert 0.4 < np.mean([rejected > chosen for chosen, rejected in a_sentence]) < 0.6
    means = np.mean(a_sentence, axis=0)
    assert abs(means[0] - means[1]) < 2.5, means


def test_words_do_not_tell(rows):
    found = words_accuracy(rows)
    assert max(found.values()) <= MOST_BY_WORDS, max(found.items(), key=lambda entry: entry[1])


def test_length_does_not_tell(rows):
    assert length_accuracy(rows) <= MOST_BY_LENGTH
    assert length_accuracy(rows, slice(0, 5)) <= MOST_BY_LENGTH, "without the marks"
    for column in (len, lambda text: len(text.split()), sentences):
        wins = [np.sign(column(row["chosen"]) - column(row["rejected"])) for row in rows]
        assert 0.46 < 0.5 + np.mean(wins) / 2 < 0.54


def test_trees_see_little_in_the_length(rows):
    assert trees_accuracy(rows) <= MOST_BY_TREES


# ---------------------------------------------------------------------------------------------------------------------
# The measures rise where a shortcut is planted
# ---------------------------------------------------------------------------------------------------------------------


def planted(rows: list[dict], change, share: float) -> list[dict]:
    count = round(share * 10)
    return [change(dict(row)) if number % 10 < count else row for number, row in enumerate(rows)]


def test_a_word_that_tells_is_found(rows):
    def thanks(row):
        return row | {"chosen": row["chosen"] + " Thank you."}

    found = words_accuracy(planted(rows, thanks, 0.5), seeds=(0,), spans=((1, 1),), costs=(1,))
    assert max(found.values()) > MOST_BY_WORDS


def test_a_mark_that_tells_is_found(rows):
    def semicolon(row):
        return row | {"rejected": row["rejected"].replace(", ", "; ").replace(". ", "; ")}

    found = words_accuracy(planted(rows, semicolon, 1.0), seeds=(0,), spans=((1, 1),), costs=(1,))
    assert max(found.values()) > MOST_BY_WORDS


def test_the_longer_answer_is_found(rows):
    def half(row):
        words = row["rejected"].split()
        return row | {"rejected": " ".join(words[: max(1, len(words) // 2)])}

    assert length_accuracy(planted(rows, half, 0.5), seeds=(0,)) > MOST_BY_LENGTH


def test_the_length_in_the_middle_is_found(rows):
    """The old shortcut: chosen answers of about 20 words, rejected ones far shorter or far longer."""

    def middle(row):
        words = (row["chosen"] + " " + row["rejected"]).split()
        far = 8 if len(row["prompt"]) % 2 else 40
        return row | {"chosen": " ".join((words * 20)[:20]), "rejected": " ".join((words * 20)[-far:])}

    assert trees_accuracy(planted(rows[::4], middle, 0.5)) > MOST_BY_TREES
