"""utils.models.classifier: filling changes nothing, saved equals loaded, and any text gets an answer or a clear line."""

import json
import os
import subprocess
import sys

import pytest
import torch

from utils.io import ROOT
from utils.models import classifier
from utils.models.classifier import MASK, PAD, Classifier, ClassifierConfig, TextClassifier, to_batch
from utils.tokenization import BytePairTokenizer

TEXTS = ["A fine film, and short.", "I would not go again", "Bad", "Not bad at all, not at all, not bad at all."]


def text_classifier(**options) -> TextClassifier:
    tokenizer = BytePairTokenizer.train(TEXTS, 300, classifier.SPECIAL_TOKENS)
    torch.manual_seed(0)
    sizes = {"width": 16, "hidden": 32, "longest": 40} | options
    model = Classifier(ClassifierConfig(tokenizer.vocabulary_size, **sizes))
    torch.nn.init.normal_(model.head.weight)
    return TextClassifier(model, tokenizer, ["negative", "positive"], temperature=1.5)


@pytest.mark.parametrize(
    "options",
    [{}, {"pooling": "first"}, {"positions": "sinusoidal"}, {"positions": "none"}, {"layers": 0}, {"layers": 2}],
    ids=str,
)
def test_filling_and_company_change_nothing(options):
    judge = text_classifier(**options)
    alone = torch.cat([judge.model(to_batch([row])) for row in judge.ids(TEXTS)])
    torch.testing.assert_close(judge.model(to_batch(judge.ids(TEXTS))), alone)
    torch.testing.assert_close(judge.scores(TEXTS, batch_size=3), alone)
    torch.testing.assert_close(judge.probabilities(TEXTS), (alone / 1.5).softmax(-1))


def test_the_blocks_equal_pytorchs():
    judge = text_classifier(layers=2, positions="none")
    ids = to_batch(judge.ids(TEXTS))
    layer = torch.nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, norm_first=True)
    theirs = torch.nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).eval()
    for block, other in zip(judge.model.blocks, theirs.layers, strict=True):
        block.load_from_torch(other)
    x = theirs(judge.model.embedding(ids), src_key_padding_mask=ids == PAD)
    mask = (ids != PAD)[..., None]
    mean = (judge.model.norm(x) * mask).sum(1) / mask.sum(1)
    torch.testing.assert_close(judge.model(ids), judge.model.head(mean), atol=1e-5, rtol=1e-5)


def test_without_positions_order_means_nothing_and_with_them_it_does():
    for positions, same in (("none", True), ("learned", False), ("sinusoidal", False)):
        judge = text_classifier(positions=positions)
        row = judge.ids(TEXTS[3:])[0]
        turned = [row[0], *row[:0:-1]]
        assert torch.allclose(judge.model(to_batch([row])), judge.model(to_batch([turned])), atol=1e-5) == same


def test_words_are_hidden_in_training_only():
    seen = []
    judge = text_classifier(word_dropout=0.5, dropout=0.0)
    judge.model.embedding.register_forward_hook(lambda module, given, _: seen.append(given[0]))
    ids = to_batch(judge.ids(TEXTS))
    judge.model.train()
    torch.manual_seed(0)
    judge.model(ids)
    judge.model.eval()
    judge.model(ids)
    hidden = seen[0] == MASK
    assert 0.3 < hidden[ids > MASK].float().mean() < 0.7 and not hidden[ids <= MASK].any()
    assert torch.equal(seen[1], ids)


def test_a_wrong_choice_is_refused():
    with pytest.raises(ValueError, match="no pooling 'max'"):
        ClassifierConfig(300, pooling="max")
    with pytest.raises(ValueError, match="no positions 'rope'"):
        ClassifierConfig(300, positions="rope")


# --- any text ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, fragment",
    [
        ("", "there is no text"),
        ("  \n\t ", "there is no text"),
        ("\U0001f600\U0001f44d\U0001f3fd", "only signs"),
        ("12 / 10 ...", "only signs"),
        ("Это был прекрасный фильм", "not written in Latin letters"),
        ("とても良い映画でした", "not written in Latin letters"),
        ("هذا الفيلم رائع", "not written in Latin letters"),
    ],
)
def test_what_is_not_answered(text, fragment):
    line = text_classifier().answer(text)
    assert line.startswith("No answer: ") and fragment in line and "\n" not in line


@pytest.mark.parametrize(
    "text, cut",
    [
        ("A fine film", False),
        ("x", False),
        ("Très bon film, né à Paris", False),
        ("Good \U0001f600", False),
        ("a\x00b \u202e c", False),
        ("A fine film. " * 8000, True),  # 104,000 characters
        ("a" * 100_000, True),
    ],
)
def test_what_is_answered(text, cut):
    line = text_classifier().answer(text)
    assert "% sure" in line and line.split(",")[0] in ("negative", "positive")
    assert ("only the first 39 tokens were read" in line) == cut


def test_no_texts_at_all():
    assert text_classifier().scores([]).shape == (0, 2)


# --- saved and loaded -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_saved_and_loaded_in_another_process(tmp_path):
    judge = text_classifier()
    judge.save(tmp_path / "deep" / "folder")
    code = (
        "import json, sys\nfrom utils.models.classifier import TextClassifier\n"
        "print(json.dumps(TextClassifier.load(sys.argv[1]).probabilities(json.loads(sys.argv[2])).tolist()))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "deep" / "folder"), json.dumps(TEXTS)]
    there = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert json.loads(there) == judge.probabilities(TEXTS).tolist()
    assert sorted(path.name for path in (tmp_path / "deep" / "folder").iterdir()) == sorted(classifier.FILES)


def test_a_save_that_fails_leaves_the_old_one(tmp_path, monkeypatch):
    old = text_classifier()
    old.save(tmp_path)
    new = text_classifier()
    torch.nn.init.zeros_(new.model.head.weight)
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("no space left")))
    with pytest.raises(OSError, match="no space"):
        new.save(tmp_path)
    assert torch.equal(TextClassifier.load(tmp_path).probabilities(TEXTS), old.probabilities(TEXTS))


@pytest.mark.parametrize("name", classifier.FILES)
@pytest.mark.parametrize("damage", ["missing", "cut", "other"])
def test_a_damaged_folder_is_refused(tmp_path, name, damage):
    text_classifier().save(tmp_path)
    file = tmp_path / name
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:20] if damage == "cut" else b"{}")
    with pytest.raises(ValueError, match="no whole classifier"):
        TextClassifier.load(tmp_path)


def test_weights_of_another_size_are_refused(tmp_path):
    text_classifier().save(tmp_path)
    known = json.loads((tmp_path / "config.json").read_text())
    known["model"]["width"] = 32
    (tmp_path / "config.json").write_text(json.dumps(known))
    with pytest.raises(ValueError, match="no whole classifier"):
        TextClassifier.load(tmp_path)
