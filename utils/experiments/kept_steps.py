"""Lesson 12's learning curve: a training that is looked at on the way, and whose best weights by several measures are kept.

kept_steps    trains; gives what was seen at each look, and the weights that each measure would keep
MEASURES      the highest accuracy on the validation rows, their lowest loss, the last step
SmallEncoder  lesson 6's encoder with the interface of Transformers' models: ids, mask, labels -> logits and loss
head_alone    logistic regression on an encoder's vectors; of several strengths the best on the validation rows
best_counter  the better of naive Bayes and TF-IDF on the validation rows
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy
import torch
import torch.nn.functional as F
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from torch import Tensor, nn

from utils.models.classifier import Classifier, ClassifierConfig
from utils.training import Settings, train

MEASURES = ("accuracy", "loss", "last step")


class Look(NamedTuple):
    """The validation rows after so many steps."""

    step: int
    accuracy: float
    loss: float


def kept_steps(
    model: nn.Module,
    batches: Callable,
    settings: Settings,
    optimizer: torch.optim.Optimizer,
    logits_of: Callable[[nn.Module], numpy.ndarray],
    labels: Sequence[int],
    looks: int,
) -> tuple[list[Look], dict[str, tuple[int, dict[str, Tensor]]]]:
    """Trains the model, and looks at the validation rows `looks` times, at equal distances, the last step among them.

    The model gives a dictionary with a loss for a batch, as Transformers' do. logits_of: model -> its logits (rows, K) for the
    validation rows, whose labels are `labels` (rows,). Of equally good steps the later one is kept.

    Returns the looks, and for each measure the step and the weights it keeps. Raises ValueError where the looks do not part
    the steps evenly.
    """
    if settings.steps % looks:
        raise ValueError(f"{settings.steps} steps cannot be parted by {looks} looks. Choose numbers that divide.")
    seen, best, y = [], {}, torch.tensor(labels)

    def look(done: int, _, model: nn.Module) -> None:
        if done % (settings.steps // looks):
            return
        logits = torch.as_tensor(logits_of(model))
        seen.append(Look(done, (logits.argmax(1) == y).float().mean().item(), F.cross_entropy(logits, y).item()))
        weights = {name: weight.clone() for name, weight in model.state_dict().items()}
        for measure, value in zip(MEASURES, (seen[-1].accuracy, -seen[-1].loss, done)):
            if measure not in best or value >= best[measure][0]:
                best[measure] = value, done, weights
        model.train()

    train(model, lambda model, batch: model(**batch)["loss"], batches, settings, optimizer=optimizer, on_step=look)
    return seen, {measure: one[1:] for measure, one in best.items()}


class SmallEncoder(nn.Module):
    """One layer of width 64 with strong dropout, as lesson 6 tuned it for rated film sentences, for ids that pad with 0."""

    def __init__(self, vocabulary_size: int, seed: int, longest: int = 64):
        super().__init__()
        torch.manual_seed(seed)
        self.classifier = Classifier(ClassifierConfig(vocabulary_size, longest=longest))

    def forward(self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
        logits = self.classifier(input_ids)  # (B, K)
        return {"logits": logits} if labels is None else {"logits": logits, "loss": F.cross_entropy(logits, labels)}


def head_alone(x, y, x_check, y_check, **options) -> LogisticRegression:
    """x (rows, C), y (rows,); strengths from 0.1 to 30. options: those of LogisticRegression."""
    fitted = [LogisticRegression(C=C, max_iter=3000, **options).fit(x, y) for C in (0.1, 1, 3, 10, 30)]
    return max(fitted, key=lambda one: one.score(x_check, y_check))


def best_counter(texts: Sequence[str], y, check: Sequence[str], y_check):
    """A fitted pipeline from texts to classes: words and pairs of words."""
    candidates = [make_pipeline(CountVectorizer(ngram_range=(1, 2), binary=True), MultinomialNB())]
    for strength in (1, 10):
        features = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
        candidates.append(make_pipeline(features, LogisticRegression(C=strength, max_iter=3000)))
    return max((one.fit(texts, y) for one in candidates), key=lambda one: one.score(check, y_check))
