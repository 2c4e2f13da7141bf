"""utils.experiments.kept_steps: each measure keeps its step, and looking changes nothing."""

import numpy
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from utils.experiments.kept_steps import SmallEncoder, best_counter, head_alone, kept_steps
from utils.training import Settings


class Line(nn.Module):
    """Logits (x w, 0); it counts its forward passes in training mode."""

    def __init__(self):
        super().__init__()
        self.w, self.drop = nn.Parameter(torch.zeros(1)), nn.Dropout(0.5)

    def forward(self, x, labels=None):
        z = self.drop(x * self.w)
        logits = torch.stack([-z, z], 1)
        return {"logits": logits} if labels is None else {"logits": logits, "loss": nn.functional.cross_entropy(logits, labels)}


def trained(validation, looks=4):
    """validation: the logits (2, 2) of each look, made up."""
    model, coming = Line(), iter(validation)

    def batch(index):
        torch.manual_seed(index)
        return {"x": torch.ones(8), "labels": torch.ones(8, dtype=torch.long)}

    def logits_of(model):
        model.eval()
        torch.rand(3)  # a look may draw random numbers
        return numpy.array(next(coming), dtype=numpy.float32)

    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    seen, best = kept_steps(model, batch, Settings(steps=8, dtype=torch.float32), optimizer, logits_of, [0, 1], looks)
    return model, seen, best


RIGHT, SURE_AND_HALF, HALF, WRONG = [[1, 0], [0, 1]], [[9, 0], [9, 0]], [[0.1, 0], [0.1, 0]], [[0, 1], [1, 0]]


def test_each_measure_keeps_its_step():
    _, seen, best = trained([WRONG, HALF, SURE_AND_HALF, WRONG])
    assert [one.step for one in seen] == [2, 4, 6, 8] and [one.accuracy for one in seen] == [0, 0.5, 0.5, 0]
    assert {name: step for name, (step, _) in best.items()} == {"accuracy": 6, "loss": 4, "last step": 8}
    weights = [best[name][1]["w"].item() for name in ("loss", "accuracy", "last step")]
    assert weights == sorted(weights) and len(set(weights)) == 3, "the weights are not those of the kept steps"


def test_looking_changes_nothing():
    few, many = (trained([RIGHT] * looks, looks)[0].w.item() for looks in (1, 8))
    assert few == many
    with pytest.raises(ValueError, match="cannot be parted"):
        trained([], looks=3)


def test_the_small_encoder_is_the_classifier():
    model = SmallEncoder(50, seed=0).eval()
    ids = torch.tensor([[5, 6, 7], [8, 9, 0]])
    out = model(ids, (ids != 0).long(), torch.tensor([0, 1]))
    assert torch.equal(out["logits"], model.classifier(ids)) and out["loss"].dim() == 0
    assert torch.equal(SmallEncoder(50, seed=0).eval()(ids, None)["logits"], out["logits"])


def test_baselines_choose_on_the_rows_to_check():
    generator = numpy.random.default_rng(0)
    y = generator.integers(0, 2, 60)
    x = generator.normal(size=(60, 5)) + y[:, None]
    model = head_alone(x[:40], y[:40], x[40:], y[40:])
    each = [LogisticRegression(C=C, max_iter=3000).fit(x[:40], y[:40]).score(x[40:], y[40:]) for C in (0.1, 1, 3, 10, 30)]
    assert model.score(x[40:], y[40:]) == max(each)
    texts = ["good film" if one else "bad film" for one in y]
    assert best_counter(texts[:40], y[:40], texts[40:], y[40:]).score(texts[40:], y[40:]) == 1
