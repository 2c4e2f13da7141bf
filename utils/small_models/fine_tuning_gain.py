"""What pretraining is worth: a task learned from a model's weights and from random ones, everything else alike.

    measure     task and start -> test scores, one for each seed

Three written tasks with few rows: sentiment and topic of a text (accuracy), and named entities, word by word (F1).
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable

import torch
from torch import nn

from utils import training
from utils.device import set_seed
from utils.metrics import labeled_spans, span_f1
from utils.small_models import sequence_pairs, texts
from utils.small_models.scores import SEEDS, SPLIT

EPOCHS = {"sentiment": 2, "topic": 6, "entities": 4}
LONGEST = 96  # tokens; what is longer is cut off
BATCH_SIZE = 16
LEARNING_RATE = 3e-4
DROPOUT = 0.1


def measure(model: nn.Module, tokenizer) -> dict[str, list[float]]:
    """Scores of a masked model from both starts. Architecture, rows, steps, rate and seeds are the same."""
    scores = {}
    for task in EPOCHS:
        for start in ("pretrained", "random"):
            weights = model.bert.state_dict() if start == "pretrained" else None
            scores[f"{task}_after_a_{start}_start"] = [_learned(task, model.config, weights, tokenizer, seed) for seed in SEEDS]
    return scores


def _learned(task: str, config, weights: dict | None, tokenizer, seed: int) -> float:
    """The test score after the epochs of a task."""
    import transformers

    rows = {split: list(zip(*sequence_pairs.rows_of(task, split), strict=True)) for split in ("train", SPLIT)}
    words = task == "entities"  # a label for each word
    names = sorted({name for _, wanted in rows["train"] for name in (wanted if words else [wanted])})
    kind = "BertForTokenClassification" if words else "BertForSequenceClassification"
    settings = config.to_dict() | {"num_labels": len(names), "hidden_dropout_prob": DROPOUT}
    set_seed(seed)
    classifier = getattr(transformers, kind)(transformers.BertConfig.from_dict(settings))
    if weights is not None:
        classifier.bert.load_state_dict(weights, strict=False)  # a masked model has no pooler
    collate = functools.partial(_words if words else _texts, tokenizer, names)
    batches = training.Shuffled(rows["train"], BATCH_SIZE, collate, seed)
    steps = EPOCHS[task] * batches.batches_an_epoch
    training.train(
        classifier,
        lambda model, batch: model(**batch).loss,
        batches,
        training.Settings(steps=steps, learning_rate=LEARNING_RATE, warmup=steps // 10),
    )
    held_out = [collate(rows[SPLIT][at : at + 64]) for at in range(0, len(rows[SPLIT]), 64)]
    return (_span_f1 if words else _accuracy)(classifier, names, held_out)


def _texts(tokenizer, names: list[str], rows: list[tuple[str, str]]) -> dict[str, torch.Tensor]:
    labels = torch.tensor([names.index(name) for _, name in rows])
    return dict(_encoded(tokenizer, [text for text, _ in rows])) | {"labels": labels}


def _words(tokenizer, names: list[str], rows: list[tuple[list[str], list[str]]]) -> dict[str, torch.Tensor]:
    """The first piece of each word has the word's label."""
    batch = _encoded(tokenizer, [words for words, _ in rows], is_split_into_words=True)
    labels = torch.full(batch["input_ids"].shape, texts.IGNORED)
    for number, (_, tags) in enumerate(rows):
        places = batch.word_ids(number)
        for at, (before, word) in enumerate(itertools.pairwise(places), start=1):
            if word is not None and word != before:
                labels[number, at] = names.index(tags[word])
    return dict(batch) | {"labels": labels}


def _encoded(tokenizer, given: list, **options):
    return tokenizer(given, padding=True, truncation=True, max_length=LONGEST, return_tensors="pt", **options)


@torch.no_grad()
def _accuracy(classifier: nn.Module, names: list[str], batches: Iterable[dict]) -> float:
    classifier.eval()
    right = [classifier(**batch).logits.argmax(-1) == batch["labels"] for batch in batches]
    return torch.cat(right).float().mean().item()


@torch.no_grad()
def _span_f1(classifier: nn.Module, names: list[str], batches: Iterable[dict]) -> float:
    classifier.eval()
    found, wanted = [], []
    for batch in batches:
        for guesses, labels in zip(classifier(**batch).logits.argmax(-1), batch["labels"], strict=True):
            known = labels != texts.IGNORED
            found.append(labeled_spans([names[number] for number in guesses[known]]))
            wanted.append(labeled_spans([names[number] for number in labels[known]]))
    return span_f1(found, wanted)
