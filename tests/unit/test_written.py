"""utils.experiments.written: the parser's shares, bits a byte piece by piece."""

import dataclasses
import math

import numpy
import pytest
import torch
import torch.nn.functional as F

from utils.data import catalog
from utils.experiments import written
from utils.experiments.ngrams import Ngrams
from utils.models.gpt import GPT, GPT2
from utils.worlds import stories


@pytest.fixture(scope="module")
def tokenizer():
    return catalog.load_tokenizer("gpt-mini")


@pytest.fixture(scope="module")
def model(tokenizer):
    torch.manual_seed(0)
    return GPT(len(tokenizer), dataclasses.replace(GPT2, width=16, heads=2, hidden=32, layers=2, dropout=0.0), 32).eval()


def test_a_judged_story_counts_what_was_added():
    story = stories.parser.split(stories.write("judged 1").english)
    first, rest = story[0], " ".join(story[1:])
    whole = written.judged([first] * 3, [rest, rest + " He then", "Nothing here is a sentence of the world."], {story[1]})
    added = len(story) - 1
    assert whole[0].tolist() == [added, added - 1, added, 1]
    assert whole[1].tolist() == whole[0].tolist(), "what was cut off counts for nothing"
    assert whole[2].tolist() == [0, 0, 1, 0]
    assert written.judged([first], [""], ()).tolist() == [[0, 0, 0, 0]]


def test_a_share_is_of_all_sentences_and_lies_in_its_interval():
    rows = numpy.array([[3, 1, 4, 0], [0, 0, 4, 0], [8, 8, 8, 1]])
    value, low, high = written.share(rows)
    assert value == pytest.approx(11 / 16, abs=1e-3) and low < value < high
    assert written.share(rows, 1)[0] == pytest.approx(9 / 16, abs=1e-3)
    assert written.share(numpy.zeros((3, 4), int)) == [0.0, 0.0, 0.0]


def test_bits_a_byte_of_a_short_text_is_its_loss_and_of_a_long_one_counts_each_token_once(model):
    encode = lambda text: [1 + ord(letter) % 50 for letter in text]  # noqa: E731
    short = "abcdefgh"
    ids = torch.tensor([[0, *encode(short)]])
    with torch.no_grad():
        loss = F.cross_entropy(model(ids[:, :-1])[0], ids[0, 1:], reduction="sum").item()
    assert written.bits_a_byte(model, encode, [short], 32) == pytest.approx(loss / math.log(2) / 8, rel=1e-5)
    long = short * 9
    sure = lambda ids: torch.zeros(*ids.shape, 64)  # noqa: E731  every token costs 6 bits
    assert written.bits_a_byte(sure, encode, [long, "é" + short], 32) == pytest.approx(6 * (72 + 9) / (72 + 10))


def test_xz_knows_what_it_has_read():
    text = [f"The {number}th sentence of a text about {number * number} apples and {number % 7} pears." for number in range(99)]
    assert written.xz_bits(text, text[10:60]) < 0.5 < written.xz_bits(["x"], text[10:60])


def test_copies_with_other_people_are_new_word_for_word_and_not_when_people_are_masked():
    told = [f"{name} hugged {other}." for name in ("Emma", "Peter", "Sarah") for other in ("Leo", "Oscar", "Olga")]
    assert written.masked("Emma and he saw her hat.") == "_ and _ saw _ hat."
    texts = written.copied(told, 4, sentences=3)
    sentences = [sentence for text in texts for sentence in stories.parser.split(text)]
    assert len(sentences) == 12 and sum(sentence in told for sentence in sentences) < 3
    assert all(written.masked(sentence) == "_ hugged _." for sentence in sentences)
    shares = {key: value for key, (value, *_) in written.newness(["Emma was happy."] * 4, texts, told).items()}
    assert shares["accepted"] == 1.0 and shares["word for word"] > 0.7 and shares["new"] == 0.0


def test_an_ngram_models_windows_hold_its_bits_and_the_ends_of_the_texts():
    documents = [[1, 2, 3], [1, 2, 4], [2, 3]]
    counted = Ngrams(documents, 3, 6)
    row = [0, *(token for ids in documents for token in (*ids, 0))]  # 12 tokens
    windows = torch.tensor([row[at : at + 5] for at in (0, 4)])
    by_hand = [-math.log(counted.probability(1, [0])), -math.log(counted.probability(2, [0, 1]))]
    by_hand += [-math.log(counted.probability(3, [1, 2])), -math.log(counted.probability(0, [2, 3]))]
    found = written.ngram_nats(counted, windows)
    assert found[0] == pytest.approx(sum(by_hand) / 4)
    assert found[1] * 4 == pytest.approx(counted.bits([1, 2, 4]) * math.log(2) - math.log(counted.probability(0, [2, 4])))
