"""Lesson 7's parts: gaps and the table by hand, whole words, the head start, scores and their differences."""

from collections import Counter

import pytest
import torch

from utils.experiments import gaps, starts
from utils.models.bert import IGNORED, BertConfig, BertForPretraining

DOCUMENTS = [["The cat sat.", "The cat ran.", "A dog sat."], ["The cat sat."]]


def test_the_table_prefers_both_neighbors_then_the_left_one():
    table = gaps.word_table(DOCUMENTS)
    assert table[("cat",), (".",)] == "sat" and table[("the",), ()] == "cat" and table[(), (".",)] == "sat"
    asked = [("The cat sat.", 8, 11), ("The dog sat.", 4, 7), ("The cow ran.", 4, 7), ("Zebra sat.", 0, 5)]
    assert gaps.table_filled(table, asked) == [True, False, False, False]


def test_a_wider_table_knows_more_and_falls_back():
    documents = [["a red cat ran off", "a big cat sat on", "the cat sat on"]] * 2
    near, wide = gaps.word_table(documents), gaps.word_table(documents, reach=2)
    assert all(wide[key] == word for key, word in near.items()) and len(wide) > len(near)
    assert wide[("red", "cat"), ("off", "")] == "ran" and near[("cat",), ()] == "sat"
    asked = [("a red cat ran", 10, 13), ("my cat sat on", 7, 10)]  # two words before and none after; then one before only
    assert gaps.table_filled(near, asked) == [False, True] and gaps.table_filled(wide, asked)[1]


def test_gaps_are_the_same_for_a_seed_and_stand_in_the_sentence():
    found = gaps.gaps(DOCUMENTS)
    assert found == gaps.gaps(DOCUMENTS) and len(found) == 4
    assert all(sentence[start:end].isalpha() for sentence, start, end in found)


def test_a_word_is_filled_where_all_its_pieces_are():
    """A model that writes 7 everywhere, and a tokenizer of one id for two characters."""

    def encode(text):
        spans = [(at, at + 2) for at in range(0, len(text), 2)]
        return [7 if text[a:b].isalpha() else 8 for a, b in spans], spans

    def sevens(ids):
        assert (ids == gaps.MASK).any(1).all()
        return torch.nn.functional.one_hot(torch.full_like(ids, 7), 10)

    assert gaps.words_filled(sevens, encode, [("abcd..", 0, 4), ("abc..", 0, 3)]) == [True, False]


def test_whole_words_go_together():
    class Tokenizer:
        def get_vocab_size(self):
            return 40

        def id_to_token(self, number):
            return "##x" if number >= 30 else "x"

    ids = torch.tensor([[2, 10, 30, 31, 11, 32, 12, 3]]).repeat(4000, 1)
    inputs, labels = gaps.WholeWords(Tokenizer())(ids, torch.Generator().manual_seed(0))
    chosen = labels != IGNORED
    assert (
        torch.equal(chosen[:, 1], chosen[:, 2])
        and torch.equal(chosen[:, 1], chosen[:, 3])
        and torch.equal(chosen[:, 4], chosen[:, 5])
    )
    assert not chosen[:, [0, 7]].any() and torch.equal(inputs[~chosen], ids[~chosen])
    assert chosen[:, 1].float().mean().item() == pytest.approx(0.15, abs=0.02)
    assert (inputs == gaps.MASK)[chosen].float().mean().item() == pytest.approx(0.8, abs=0.02)


@torch.no_grad()
def test_the_heads_begin_near_by():
    torch.manual_seed(0)
    model = BertForPretraining(BertConfig(50, 128, 4, 64, 1, 32, dropout=0.0))
    gaps.head_start(model)
    x = model.bert.embedding(torch.randint(5, 50, (200, 20)))
    weights = model.bert.encoder.blocks[0].self_attention(x, need_weights=True)[1].mean(0)  # (H, T, T), the mean over texts
    assert all(weights[head, 10, 7:14].sum() > 0.95 for head in range(4))
    assert weights[2, 10, 7:10].sum() > 0.6 and weights[3, 10, 11:14].sum() > 0.6  # before and after


def test_scores_and_their_difference():
    rows, worse = [(1, 1, 1)] * 90 + [(0, 1, 1)] * 10, [(1, 1, 1)] * 50 + [(0, 1, 1)] * 50
    assert starts.score(rows) == pytest.approx(0.9)
    assert starts.score([(1, 2, 1), (0, 1, 1)]) == pytest.approx(2 * 1 / (3 + 2))
    assert starts.score([1, 0, 1, 1]) == pytest.approx(3 / 4)
    assert starts.gain([1] * 90 + [0] * 10, [1] * 50 + [0] * 50) == starts.gain(rows, worse)
    low, high = starts.gain(rows, worse)
    assert 0.25 < low < 0.4 < high < 0.55


def test_three_seeds_train_at_the_rate_that_validation_prefers():
    asked = []

    def train(seed, rate):
        asked.append((seed, rate))
        return {"validation": [int(rate == 0.01), 1], "test": [int(rate != 0.01), seed]}  # the test rows prefer another rate

    runs, found = starts.three_seeds(train, (0.001, 0.01, 0.1))
    assert asked == [(0, 0.001), (0, 0.01), (0, 0.1), (1, 0.01), (2, 0.01)]
    assert runs == [[0, 0], [0, 1], [0, 2]] and found == {0.001: 0.5, 0.01: 1.0, 0.1: 0.5}


def test_the_program_for_names_looks_at_words_capitals_and_the_word_before():
    kinds = {"Paris": Counter({3: 2}), "in": Counter({0: 5}), "met": Counter({0: 2})}
    after = {"met": Counter({1: 2})}

    def guessed(text):
        return starts._guessed(kinds, after, text.split())

    assert guessed("met Ana Lee in Paris") == [0, 1, 2, 0, 5]  # B-PER, I-PER; a word of training
    assert guessed("Ana Lee met") == [1, 2, 0] and guessed("Rain fell") == [0, 0]
    assert guessed("near Oslo") == [0, 5]  # no name came after this word in training: a place
