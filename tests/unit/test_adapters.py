"""What lesson 13 measures with: choices by TF-IDF, losses of answers alone, shares of singular values, memory of a step."""

import json
import types

import numpy as np
import pytest
import torch

from utils.data import catalog
from utils.experiments import adapters, step_memory

ROWS = [
    {"fact_id": "a", "question": "How much water is in a body?", "answer": "About sixty per cent of the body is water."},
    {"fact_id": "b", "question": "How long should adults sleep?", "answer": "Seven to nine hours of sleep each night."},
    {"fact_id": "c", "question": "What helps against a burn?", "answer": "Cool the burn under running water at once."},
]


@pytest.fixture(scope="module")
def tokenizer():
    return catalog.load_tokenizer("llama-mini")


def test_answers_survive_a_log():
    assert adapters.digits(adapters.as_text([1, 0, 1])).tolist() == [1, 0, 1]


def test_kept_by_rank_is_one_at_the_rank():
    matrix = torch.outer(torch.arange(1.0, 5), torch.ones(6)) + torch.diag(torch.ones(6))[:4]
    kept = adapters.kept_by_rank(matrix)
    assert len(kept) == 4 and kept == sorted(kept) and kept[-1] == 1
    assert adapters.kept_by_rank(torch.outer(torch.ones(3), torch.ones(5)))[0] == 1


def test_labels_are_the_answer_alone_and_padding_counts_nowhere(tokenizer):
    batch = adapters.chat_batch(tokenizer, ROWS)
    ids, labels = adapters.conversation(tokenizer, ROWS[0])
    assert len(ids) == len(labels) and labels[0] == -100 and labels[-1] == ids[-1]
    assert batch["labels"].shape == batch["input_ids"].shape == batch["attention_mask"].shape
    assert (batch["labels"][batch["attention_mask"] == 0] == -100).all()


def test_an_answers_loss_is_the_mean_over_its_tokens(tokenizer):
    size = len(tokenizer)
    model = lambda ids, attention_mask: types.SimpleNamespace(logits=torch.zeros(*ids.shape, size))  # noqa: E731
    assert np.allclose(adapters.answer_losses(model, tokenizer, ROWS), np.log(size))


def test_choices_hold_the_right_answer_at_its_place_and_tf_idf_finds_it():
    again = [row | {"question": row["question"].lower()} for row in ROWS]
    rows, places, picks = adapters.choices({"train": {key: [r[key] for r in ROWS] for key in ROWS[0]}, "test": again}, 3, 3)
    assert len(rows) == 9 and picks == places
    for k, place in enumerate(places):
        offered = [row["answer"] for row in rows[3 * k : 3 * k + 3]]
        assert len(set(offered)) == 3 and {row["question"] for row in rows[3 * k : 3 * k + 3]} == {rows[3 * k]["question"]}
        assert offered[place] == next(row["answer"] for row in again if row["question"] == rows[3 * k]["question"])


def test_a_step_of_a_small_llama_is_measured(monkeypatch, capsys):
    monkeypatch.setattr(step_memory, "held", iter(range(100)).__next__)
    step_memory.main(str(catalog.on_this_machine(catalog.find("llama-mini"))[0]), "LoRA")
    found = json.loads(capsys.readouterr().out)
    assert {"weights", "adapter", "gradients", "Adam"} <= set(found) and 0 < found["learn"] < found["all"]
    assert [found[part] for part in ("weights", "adapter", "gradients", "Adam")] == [1, 1, 1, 1]
