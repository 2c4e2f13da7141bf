"""Summaries: sentences and windows, extracts, ROUGE against the package's own results, and invented names and numbers."""

import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from utils import summarization as s

RANDOM = np.random.default_rng(0)
VECTORS = RANDOM.normal(size=(8, 5))
TEXT = 'The bridge is shut. "It is unsafe," said Ann. "Go home!" Nobody did.\nOn Monday 12 boats came.'


def test_sentences_are_cut_at_marks_before_capitals_digits_and_quotations():
    assert s.split_sentences(TEXT) == [
        "The bridge is shut.", '"It is unsafe," said Ann.', '"Go home!"', "Nobody did.", "On Monday 12 boats came.",
    ]  # fmt: skip
    assert s.split_sentences("It cost 3.5 million. no capital") == ["It cost 3.5 million. no capital"]
    assert s.split_sentences("") == []


@given(st.lists(st.integers(1, 30), max_size=30), st.integers(1, 60), st.integers(0, 4))
def test_windows_hold_all_sentences_fit_and_overlap(lengths, limit, overlap):
    found = s.windows(lengths, limit, overlap)
    assert sorted({k for first, end in found for k in range(first, end)}) == list(range(len(lengths)))
    assert all(sum(lengths[first:end]) <= limit or end == first + 1 for first, end in found)
    for (before, end), (first, last) in zip(found, found[1:]):
        assert before < first <= end < last + 1 and first >= end - overlap


def test_windows_overlap_by_so_many_sentences():
    assert s.windows([60, 50, 40, 70], 160) == [(0, 3), (3, 4)]
    assert s.windows([60, 50, 40, 70], 160, overlap=1) == [(0, 3), (2, 4)]


def test_textrank_is_networkx_pagerank_of_the_positive_cosines():
    for vectors in RANDOM.normal(size=(20, 8, 3)):
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        weights = np.clip(unit @ unit.T, 0, None) * (1 - np.eye(8))
        ranks = networkx.pagerank(networkx.from_numpy_array(weights))
        assert s.textrank(vectors, 3) == sorted(sorted(ranks, key=ranks.get)[-3:])


def test_centroid_is_nearest_to_the_mean_whatever_the_lengths_of_the_vectors():
    vectors = np.array([[1.0, 0], [0, 9], [1, 1], [2, 0.1]])
    cosines = vectors @ vectors.mean(0) / np.linalg.norm(vectors, axis=1)
    assert s.centroid(vectors, 2) == sorted(np.argsort(-cosines)[:2])
    assert s.centroid(VECTORS, 20) == list(range(8)) and s.lead(["a", "b"], 3) == [0, 1]


def test_mmr_takes_the_new_one_and_with_balance_1_is_the_centroid():
    vectors = np.array([[1.0, 0.1], [1, 0.1], [1, 0.11], [0.2, 1]])
    assert s.mmr(vectors, 2, balance=0.3) == [2, 3] and 3 not in s.mmr(vectors, 2, balance=1)
    assert s.mmr(VECTORS, 3, balance=1) == s.centroid(VECTORS, 3)


def test_mmr_counts_the_likest_of_those_that_were_taken():
    angles = np.radians([0, 20, 45, 90, 95])
    vectors = np.column_stack([np.cos(angles), np.sin(angles)])
    assert s.mmr(vectors, 4, balance=0.1) == [0, 1, 2, 4], "90 degrees are like the 95 that were taken, however unlike 0"


def test_the_oracle_takes_what_the_reference_says_and_stops_where_nothing_helps():
    sentences = ["A dog ran off.", "The bridge is shut today.", "It rained.", "Boats bring people over the river."]
    assert s.oracle(sentences, "The bridge is shut. Boats bring people over.", 3) == [1, 3]
    assert s.oracle(sentences, "Nothing.", 3) == []


def test_rouge_is_the_packages_f1_with_a_line_for_a_sentence():
    scorer = RougeScorer(s.MEASURES, use_stemmer=True)
    library = scorer.score("The cat ran.\nA dog barked.", "A dog barks.\nThe cat ran away.")
    found = s.rouge("A dog barks. The cat ran away.", "The cat ran. A dog barked.")
    assert found == {name: score.fmeasure for name, score in library.items()} and found["rougeLsum"] > 0.8


def test_coverage_and_novelty_by_hand():
    source = "The bridge over the Aller is shut."
    assert s.coverage("The bridge is shut.", source) == 1 and s.novelty("The bridge is shut.", source) == pytest.approx(1 / 3)
    assert s.coverage("Aller and bridge", source) == 0 and s.novelty(source, source) == 0 and s.coverage("", source) == 0


def test_numbers_in_figures_and_in_words():
    text = "Forty-three of 1,900 boats, eleven thousand tonnes, one man, two hundred and 3.5 per cent"
    assert s.numbers(text) == {"43", "1900", "11000", "200", "3.5"}


def test_names_do_not_begin_a_sentence_or_a_quotation():
    assert s.names('Olive Tarrant came. "She did," I said to Dunsey\'s mayor.') == ["Tarrant", "Dunsey"]


def test_unsupported_finds_planted_names_and_numbers_and_nothing_else():
    source = "Forty-three of 1,900 boats sank off Kerrin, said Anna."
    assert s.unsupported("In Kerrin 43 boats sank, said Anna.", source) == []
    assert s.unsupported("In Kerrin 43 boats sank, said Boll and Boll of the 1,800.", source) == ["Boll", "1800"]
    assert s.unsupported("In Kerrin 43 boats did not sink.", source) == []
