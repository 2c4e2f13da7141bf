"""utils.fine_tuning: each part by hand, and against PyTorch and scikit-learn."""

import numpy
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch import nn

from utils.fine_tuning import by_length, class_weights, interpolated, part_rates, range_test, unfrozen


def test_batches_are_of_like_length_and_take_each_row_once_an_epoch():
    lengths = numpy.random.default_rng(0).integers(3, 60, 200)
    rows = list(range(100, 164))
    batches = by_length(lengths, rows, 4, 32, seed=1)
    for epoch in (batches[:16], batches[16:]):
        assert sorted(sum(epoch, [])) == rows
    assert batches[:16] != batches[16:]
    width = sum(lengths[batch].max() for batch in batches)
    order = numpy.random.default_rng(0).permutation(rows).reshape(16, 4)
    assert width < 0.85 * 2 * sum(lengths[batch].max() for batch in order)
    assert [len({lengths[row] for row in batch}) for batch in batches] != [1] * 32 and {len(batch) for batch in batches} == {4}


def test_batches_are_shuffled_and_come_again_with_the_seed():
    lengths = list(range(64))
    batches = by_length(lengths, lengths, 4, 16, seed=0)
    assert batches == by_length(lengths, lengths, 4, 16, seed=0) != by_length(lengths, lengths, 4, 16, seed=1)
    longest = [max(batch) for batch in batches[:8]]
    assert longest != sorted(longest), "short ones come first"


def test_rows_left_out_are_others_in_each_epoch():
    batches = by_length(list(range(25)), list(range(25)), 16, 20, seed=0)  # 9 of 25 are left out each time
    assert {len(set(batch)) for batch in batches} == {16}
    assert {row for batch in batches for row in batch} == set(range(25)), "the longest ones are never read"


def test_batches_that_no_row_fills():
    with pytest.raises(ValueError, match="Choose 1 to 3"):
        by_length([1, 2, 3], [0, 1, 2], 4, 1, seed=0)


def test_rates_by_hand():
    assert part_rates(2, 1.0, 0.5, 7.0) == [0.25, 0.5, 1.0, 7.0]
    assert part_rates(6, 1.0, 1.0, 1.0) == [1.0] * 8


def test_unfreezing_by_hand():
    assert [unfrozen(step, 50, 8) for step in (0, 4, 5, 10, 34, 35, 49)] == [1, 1, 2, 3, 7, 8, 8]


def test_the_range_test_is_sgd_with_rising_rates():
    def new():
        torch.manual_seed(0)
        return nn.Linear(3, 1)

    def loss_of(model, batch):
        return model(batch).square().mean()

    x = torch.randn(5, 4, 3, generator=torch.Generator().manual_seed(1))
    model, rates = new(), [0.01, 0.1, 1.0, 10.0, 100.0]
    groups = [{"params": [model.weight], "lr": 5.0}, {"params": [model.bias], "lr": 10.0}]
    optimizer = torch.optim.SGD(groups, lr=1.0)
    losses = range_test(model, loss_of, lambda index: x[index], optimizer, rates)
    by_hand, wanted = new(), []
    for index, rate in enumerate(rates):
        loss = loss_of(by_hand, x[index])
        wanted.append(loss.item())
        weight, bias = torch.autograd.grad(loss, list(by_hand.parameters()))
        by_hand.weight.data -= rate * weight
        by_hand.bias.data -= 2 * rate * bias
    assert losses == pytest.approx(wanted)


def test_interpolation_has_its_ends_and_a_new_head():
    start = {"a": torch.tensor([0.2]), "places": torch.tensor([0, 1])}
    end = {"a": torch.tensor([0.4]), "places": torch.tensor([0, 1]), "head": torch.tensor([3.0])}
    mixed = interpolated(start, end, 0.25)
    assert mixed["a"].item() == pytest.approx(0.25) and mixed["head"].item() == 3 and mixed["places"].tolist() == [0, 1]
    for alpha, wanted in ((0.0, start), (1.0, end)):
        assert interpolated(start, end, alpha)["a"].item() == pytest.approx(wanted["a"].item())
    mixed["head"] += 1
    assert end["head"].item() == 3, "the end's own tensor was handed out"


def test_class_weights_are_those_of_scikit_learn():
    labels = [0] * 90 + [1] * 10
    assert class_weights(labels) == pytest.approx([100 / 180, 5.0])
    labels = numpy.random.default_rng(0).integers(0, 4, 50)
    assert class_weights(labels) == pytest.approx(compute_class_weight("balanced", classes=numpy.arange(4), y=labels))
    with pytest.raises(ValueError, match="Class 1 has no row"):
        class_weights([0, 2, 2])
