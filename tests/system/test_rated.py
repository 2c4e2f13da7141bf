"""The teacher of lessons 9 and 10: its rows, its recorded logits, its card, LoRA merged, damaged files."""

import json
import shutil

import pytest
import torch

from utils.data import catalog
from utils.small_models import rated, recipes

FOLDER = recipes.FOLDER / rated.NAME


@pytest.fixture(scope="module")
def rows():
    return rated.divided(catalog.load("ratings", part="films"))


@pytest.fixture(scope="module")
def teacher():
    return catalog.load(rated.NAME)


def test_no_row_is_in_two_parts_and_transfer_rows_have_no_label(rows):
    numbers = [row["id"] for part in rows.values() for row in part]
    assert len(set(numbers)) == len(numbers)
    assert all(set(row) == {"id", "text"} for row in rows["transfer"])
    assert all(abs(row["mean"]) >= rated.CLEAR and row["label"] == (row["mean"] > 0) for row in rows["labelled"])
    assert {name: len(part) for name, part in rows.items()} == {name: len(part) for name, part in rated.logits().items()}


@pytest.mark.slow
def test_the_recorded_logits_are_the_merged_models(rows, teacher):
    for name, recorded in rated.logits().items():
        some = [row["text"] for row in rows[name][::97]]
        torch.testing.assert_close(rated.predict(*teacher, some), recorded[::97], atol=0.02, rtol=0.01)


def test_the_card_and_the_scores_are_those_of_the_logits(rows):
    scores = json.loads((FOLDER / "scores.json").read_text(encoding="utf-8"))["scores"]
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    for split in ("validation", "test"):
        assert rated.accuracy(rated.logits()[split], rows[split]) == pytest.approx(scores[split]["accuracy"], abs=2e-3)
        assert f"{scores[split]['accuracy']:.1%}" in card
    assert scores["test"]["low"] > 0.811, "the interval lies above naive Bayes on all training rows (lesson 6)"


@pytest.mark.slow
def test_merged_equals_unmerged(rows, teacher):
    import peft

    model, tokenizer = rated.adapted(recipes.read(rated.NAME))
    before = rated.predict(model.eval(), tokenizer, [row["text"] for row in rows["test"][:8]])
    model.load_adapter(str(FOLDER), "teacher")
    model.set_adapter("teacher")
    assert isinstance(model, peft.PeftModel)
    unmerged = rated.predict(model.eval(), tokenizer, [row["text"] for row in rows["test"][:8]])
    torch.testing.assert_close(
        unmerged, rated.predict(*teacher, [row["text"] for row in rows["test"][:8]]), atol=1e-4, rtol=1e-4
    )
    assert (unmerged - before).abs().max() > 0.1, "the adapter changes nothing"


def test_no_path_of_a_machine_is_in_the_files():
    for file in FOLDER.glob("*.json"):
        assert "/tmp" not in file.read_text(encoding="utf-8") and ".cache" not in file.read_text(encoding="utf-8")


def test_damaged_logits(tmp_path):
    shutil.copy(FOLDER / rated.LOGITS, tmp_path)
    (tmp_path / rated.LOGITS).write_bytes((tmp_path / rated.LOGITS).read_bytes()[:-40])
    with pytest.raises(catalog.DamagedFile, match="git checkout"):
        rated.logits(tmp_path)
