"""The heads on the frozen MiniLM: their scores again, what they do with odd input, damaged files, the command."""

import json
import shutil

import pytest
import torch

from utils import metrics
from utils.data import catalog
from utils.io import CommandError
from utils.small_models import heads, recipes, trainer

FOLDER = recipes.FOLDER / heads.NAME
LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


@pytest.fixture(scope="module")
def encoder():
    return catalog.load("minilm")


@pytest.fixture(scope="module")
def scores():
    return json.loads((FOLDER / "scores.json").read_text(encoding="utf-8"))["scores"]


# --- what they can do ---------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sentiment", "topic", "entities"])
def test_the_scores_are_those_of_the_card(name, encoder, scores):
    found = heads.measure(name, heads.load(name, encoder))
    assert found == pytest.approx(scores[name], abs=0.01)
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(f"{value:.1%}" in card for value in scores[name].values())


def test_the_scores_beat_the_baselines(scores):
    assert scores["sentiment"]["accuracy"] > 0.75 > scores["sentiment"]["majority"]
    assert scores["topic"]["accuracy"] > 0.8 > scores["topic"]["majority"]
    assert scores["entities"]["f1"] > 0.7 > scores["entities"]["capitals_f1"]


def test_a_planted_fault_is_seen(encoder, tmp_path):
    """Two labels that have changed places in config.json must cost most of the score."""
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    config["heads"]["sentiment"]["labels"].reverse()
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    given, wanted = heads.rows_of("sentiment", "validation")
    given, wanted = given[:40], wanted[:40]
    right, wrong = (
        sum(p.label == label for p, label in zip(heads.load("sentiment", encoder, folder).predict(given), wanted, strict=True))
        for folder in (FOLDER, tmp_path)
    )
    assert right > 26 and wrong == 40 - right


def test_the_heads_are_small():
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 300_000


# --- predictions --------------------------------------------------------------------------------------------------


def test_a_text_gets_a_label_and_probabilities(encoder):
    good, bad = heads.load("sentiment", encoder).predict(["A wonderful film, I loved it.", "Awful. It broke in a day."])
    assert (good.label, bad.label) == ("positive", "negative")
    assert sum(good.probabilities.values()) == pytest.approx(1)
    (topic,) = heads.load("topic", encoder).predict("The striker scored twice and the match ended three to one.")
    assert topic.label == "sport"


def test_the_order_and_the_batch_do_not_matter(encoder):
    head = heads.load("topic", encoder)
    given = ["The goalkeeper saved a penalty.", "A museum of modern art. " * 20, "The bank raised its rates."]
    together = head.predict(given)
    alone = [head.predict(text)[0] for text in given]
    for one, other in zip(together, alone, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-4)


def test_names_in_texts_and_in_tokens(encoder):
    head = heads.load("entities", encoder)
    text = "Yesterday Maria Keller flew to London."
    assert head.predict(text) == [[heads.Span("PER", "Maria Keller", 10, 22), heads.Span("LOC", "London", 31, 37)]]
    tokens = ["Yesterday", "Maria", "Keller", "flew", "to", "London", "."]
    assert head.predict([tokens]) == [[heads.Span("PER", "Maria Keller", 1, 3), heads.Span("LOC", "London", 5, 6)]]
    assert heads.WORD.findall("Mia's sister-in-law didn't") == ["Mia", "'s", "sister-in-law", "didn't"]
    assert head.predict([]) == []


BAD = {
    "": "empty",
    " \n": "empty",
    "\U0001f600\U0001f389": "no letters",
    "12 + 7 = 19": "no letters",
    "Это хорошая книга": "script",
    "これは本です": "script",
}


@pytest.mark.parametrize("name", ["sentiment", "topic", "entities"])
def test_what_cannot_be_read_gets_a_sentence(name, encoder):
    head = heads.load(name, encoder)
    for text, fragment in BAD.items():
        with pytest.raises(ValueError, match=fragment):
            head.predict(text)
    with pytest.raises(TypeError, match="A text is wanted"):
        head.predict([3])


def test_a_very_long_text(encoder):
    text = ("A dull film about a bridge. " * 4000)[:100_000]
    assert heads.load("sentiment", encoder).predict(text)[0].label == "negative"
    with pytest.raises(ValueError, match="5,000 are read at most"):
        heads.load("entities", encoder).predict(text)
    long = "Anna met Peter in Paris. " * 60  # more words than one window
    spans = heads.load("entities", encoder).predict(long)[0]
    assert len(spans) > 150 and all(long[span.start : span.end] == span.text for span in spans)


def test_a_word_without_pieces_is_no_accident(encoder):
    assert heads.load("entities", encoder).predict([["Anna", "\u200b", "sang"]])[0][0].text.startswith("Anna")


# --- labels -------------------------------------------------------------------------------------------------------


def test_the_labeling_is_legal_and_the_best_of_all():
    """Against trying them all."""
    import itertools

    torch.manual_seed(0)
    for _ in range(20):
        scores = torch.randn(4, len(LABELS))

        def legal(way):
            return all(LABELS[b][:1] != "I" or LABELS[a][2:] == LABELS[b][2:] for a, b in zip((0, *way), way))

        ways = [way for way in itertools.product(range(len(LABELS)), repeat=4) if legal(way)]
        best = max(ways, key=lambda way: sum(scores[n, label].item() for n, label in enumerate(way)))
        assert heads.best_legal(scores, LABELS) == [LABELS[number] for number in best]


def test_spans_and_their_f1():
    labels = ["B-PER", "I-PER", "O", "I-LOC", "B-LOC"]
    spans = metrics.labeled_spans(labels)
    assert spans == [("PER", 0, 2), ("LOC", 3, 4), ("LOC", 4, 5)]
    assert metrics.span_f1([spans], [spans[:2]]) == pytest.approx(0.8)
    assert metrics.span_f1([[]], [[]]) == 0.0
    assert heads.capital_runs("The boat of Anna Berg".split(), "LOC") == [("LOC", 3, 5)]
    assert heads.capital_runs("New York is far".split(), "LOC") == [("LOC", 0, 2)]


# --- files and command --------------------------------------------------------------------------------------------


def test_an_unknown_head_and_a_damaged_folder(encoder, tmp_path):
    with pytest.raises(KeyError, match="There are sentiment, topic, entities"):
        heads.load("mood", encoder)
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    config = (tmp_path / "config.json").read_text(encoding="utf-8")
    (tmp_path / "config.json").write_text(config.replace('"hidden": 64', '"hidden": 32'), encoding="utf-8")
    with pytest.raises(catalog.DamagedFile, match="do not fit"):
        heads.load("entities", encoder, tmp_path)
    weights = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(weights[:1000])
    with pytest.raises(catalog.DamagedFile, match="cannot be read"):
        heads.load("topic", encoder, tmp_path)


def test_the_command_knows_the_heads(monkeypatch, tmp_path):
    called = []
    monkeypatch.setattr(heads, "train", lambda recipe, out: called.append((recipe.kind, out)) or out)
    assert trainer.train(heads.NAME, out=tmp_path) == tmp_path
    assert called == [("heads", tmp_path)]


def test_without_the_encoder_the_command_says_so(monkeypatch, tmp_path):
    def missing(name):
        raise catalog.NotHere("minilm cannot be loaded")

    monkeypatch.setattr(catalog, "load", missing)
    with pytest.raises(CommandError, match="minilm cannot be loaded"):
        heads.train(recipes.read(heads.NAME), tmp_path)
