"""utils.metrics: equal to scikit-learn and SciPy where they have it; true of any input."""

import itertools
import math

import numpy
import pytest
import sklearn.metrics as reference
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from utils import metrics

COLUMNS = st.integers(1, 60).flatmap(
    lambda n: st.tuples(*[st.lists(st.integers(0, 3), min_size=n, max_size=n) for _ in range(3)])
)
FEW = settings(max_examples=60, deadline=None)


def random_probabilities(seed, rows=200, classes=2, sharpness=2.0):
    generator = numpy.random.default_rng(seed)
    scores = sharpness * generator.normal(size=(rows, classes))
    return generator.integers(0, classes, rows), scores, metrics.softened(scores, 1.0)


def accuracy(labels, predictions):
    return (labels == predictions).mean()


@pytest.mark.parametrize(
    "labels, predictions, fragment",
    [
        ([0, 1], [0], "equally long"),
        ([], [], "no rows"),
        ([0, 1], [0.2, 0.9], "whole numbers"),
        ([-1, 1], [0, 1], "whole numbers"),
        ([0, 1], [[0.2, 0.8], [0.9, 0.1]], "argmax"),
    ],
)
def test_what_cannot_be_counted(labels, predictions, fragment):
    calls = (
        lambda: metrics.bootstrap_interval(accuracy, labels, predictions, 0),
        lambda: metrics.paired_bootstrap(accuracy, labels, labels, predictions, 0),
        lambda: metrics.mcnemar(labels, labels, predictions),
    )
    for call in calls:
        with pytest.raises(ValueError, match=fragment):
            call()


def test_tensors_and_booleans_will_do():
    found = metrics.bootstrap_interval(reference.accuracy_score, torch.tensor([0, 1, 1]), torch.tensor([0, 1, 0]), 0)
    assert found.value == pytest.approx(2 / 3)
    assert metrics.bootstrap_interval(accuracy, [True, False], [True, True], 0).value == 0.5


# --- intervals --------------------------------------------------------------------------------------------------


def test_the_interval_is_that_of_the_binomial():
    """900 right of 1,200: the bootstrap's ends are those of resampling, which are the binomial's."""
    labels, predictions = [1] * 1200, [1] * 900 + [0] * 300
    found = metrics.bootstrap_interval(accuracy, labels, predictions, 0, samples=4000)
    wide = 1.96 * math.sqrt(0.75 * 0.25 / 1200)
    assert found.value == 0.75
    assert found.low == pytest.approx(0.75 - wide, abs=0.002) and found.high == pytest.approx(0.75 + wide, abs=0.002)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    generator, inside = numpy.random.default_rng(5), 0
    for _ in range(200):
        predictions = (generator.random(150) < 0.8).astype(int)
        found = metrics.bootstrap_interval(accuracy, numpy.ones(150, int), predictions, generator, 0.9, 200)
        inside += found.low <= 0.8 <= found.high
    assert 0.83 <= inside / 200 <= 0.96


@FEW
@given(COLUMNS)
def test_an_interval_holds_its_value_and_comes_again(columns):
    labels, predictions, _ = columns
    once = metrics.bootstrap_interval(accuracy, labels, predictions, 7, samples=60)
    assert once == metrics.bootstrap_interval(accuracy, labels, predictions, 7, samples=60)
    assert 0 <= once.low <= once.high <= 1


def test_the_generator_goes_on_and_the_global_one_is_left_alone():
    numpy.random.seed(1)
    before, generator = numpy.random.get_state()[1].tolist(), numpy.random.default_rng(0)
    a, b = [metrics.bootstrap_interval(accuracy, [0, 1, 1] * 9, [0, 1, 0] * 9, generator, samples=30) for _ in "ab"]
    assert a != b and numpy.random.get_state()[1].tolist() == before


@pytest.mark.parametrize("options, fragment", [({"level": 95}, "share between"), ({"samples": 5}, "samples")])
def test_an_interval_that_cannot_be(options, fragment):
    with pytest.raises(ValueError, match=fragment):
        metrics.bootstrap_interval(accuracy, [0, 1], [0, 1], 0, **options)


def test_the_string_of_an_interval():
    assert str(metrics.Interval(0.8, 0.75, 0.85)) == "80.0% [75.0%, 85.0%]"


@FEW
@given(COLUMNS)
def test_two_models_compared(columns):
    labels, first, second = columns
    gain = metrics.paired_bootstrap(accuracy, labels, first, second, 0, samples=40)
    assert gain.value == pytest.approx(
        accuracy(*map(numpy.array, (labels, second))) - accuracy(*map(numpy.array, (labels, first)))
    )
    same = metrics.paired_bootstrap(accuracy, labels, first, first, 0, samples=40)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    a, b, p = metrics.mcnemar(labels, first, second)
    assert metrics.mcnemar(labels, second, first) == (b, a, p) and 0 < p <= 1
    assert (b - a) / len(labels) == pytest.approx(gain.value)


def test_paired_is_narrower_than_unpaired_where_models_err_together():
    generator = numpy.random.default_rng(0)
    labels, hard = numpy.ones(400, int), generator.random(400) < 0.3
    first = (~hard).astype(int)
    second = numpy.where(generator.random(400) < 0.05, 1 - first, first)
    gain = metrics.paired_bootstrap(accuracy, labels, first, second, 1)
    alone = metrics.bootstrap_interval(accuracy, labels, first, 1)
    assert gain.high - gain.low < 0.6 * (alone.high - alone.low)


def test_intervals_are_of_means_and_a_constant_gain_is_sure():
    scores = numpy.random.default_rng(0).random(40)
    found = metrics.mean_interval(scores)
    assert found.value == pytest.approx(scores.mean()) and found.low < found.value < found.high
    gain = metrics.gain_interval(scores, scores + 0.1)
    assert (gain.value, gain.low, gain.high) == pytest.approx((0.1, 0.1, 0.1))
    with pytest.raises(ValueError, match="same rows"):
        metrics.gain_interval(scores, scores[:-1])


def test_a_ratio_is_of_sums_and_a_constant_one_is_sure():
    bits, sizes = numpy.random.default_rng(0).random((2, 40)) + 0.5
    found = metrics.ratio_interval(bits, sizes)
    assert found.value == pytest.approx(bits.sum() / sizes.sum()) and found.low < found.value < found.high
    sure = metrics.ratio_interval(3 * sizes, sizes)
    assert (sure.value, sure.low, sure.high) == pytest.approx((3, 3, 3))
    with pytest.raises(ValueError, match="both of each row"):
        metrics.ratio_interval(bits, sizes[:-1])


@pytest.mark.parametrize("a, b", [(0, 0), (3, 3), (1, 9), (0, 12), (15, 4)])
def test_mcnemar_equals_the_binomial_test(a, b):
    from scipy.stats import binomtest

    labels = [1] * (a + b + 5)
    first, second = [1] * a + [0] * b + [1] * 5, [0] * a + [1] * b + [1] * 5
    expected = binomtest(a, a + b, 0.5).pvalue if a + b else 1.0
    assert metrics.mcnemar(labels, first, second) == (a, b, pytest.approx(expected))


# --- calibration ------------------------------------------------------------------------------------------------


def test_calibration_by_hand():
    labels = [1, 1, 0, 1]
    probabilities = [[0.1, 0.9], [0.1, 0.9], [0.1, 0.9], [0.4, 0.6]]
    curve = metrics.reliability_curve(labels, probabilities)
    assert [(b.low, b.high, b.count) for b in curve] == [(0.5, 0.6, 1), (0.8, 0.9, 3)]
    assert metrics.expected_calibration_error(labels, probabilities) == pytest.approx((3 * abs(0.9 - 2 / 3) + 0.4) / 4)


@pytest.mark.parametrize("seed", range(4))
def test_the_curve_equals_scikit_learns(seed):
    from sklearn.calibration import calibration_curve

    labels, _, probabilities = random_probabilities(seed, 500)
    right = probabilities.argmax(1) == labels
    accuracy, confidence = calibration_curve(right, probabilities.max(1), n_bins=10)
    curve = metrics.reliability_curve(labels, probabilities)
    numpy.testing.assert_allclose([b.accuracy for b in curve], accuracy)
    numpy.testing.assert_allclose([b.confidence for b in curve], confidence)


@FEW
@given(st.integers(0, 10_000), st.integers(2, 4), st.integers(1, 20))
def test_what_is_true_of_any_probabilities(seed, classes, bins):
    labels, scores, probabilities = random_probabilities(seed, 50, classes)
    assert sum(b.count for b in metrics.reliability_curve(labels, probabilities, bins)) == 50
    assert 0 <= metrics.expected_calibration_error(labels, probabilities, bins) <= 1
    temperature = metrics.fit_temperature(labels, scores)
    soft = metrics.softened(scores, temperature)
    assert (soft.argmax(1) == probabilities.argmax(1)).all()
    fitted, plain = (reference.log_loss(labels, p, labels=range(classes)) for p in (soft, probabilities))
    assert fitted <= plain + 1e-9


def test_labels_drawn_from_the_probabilities_are_calibrated():
    generator = numpy.random.default_rng(0)
    _, scores, probabilities = random_probabilities(1, 20_000)
    labels = (generator.random(20_000) < probabilities[:, 1]).astype(int)
    assert metrics.expected_calibration_error(labels, probabilities) < 0.015
    for factor in (0.5, 3.0):  # scores that are too sure by this factor: the fitted temperature takes it back
        assert metrics.fit_temperature(labels, factor * scores) == pytest.approx(factor, rel=0.08)
    assert metrics.expected_calibration_error(labels, metrics.softened(3 * scores, 1.0)) > 0.05


@pytest.mark.parametrize("growth", [0.5, 1.5])
def test_no_other_temperature_is_likelier(growth):
    """A grid of three hundred, by scikit-learn's log loss."""
    labels, scores, _ = random_probabilities(3, 300)
    scores = scores + growth * numpy.eye(2)[labels]
    fitted, *others = (
        reference.log_loss(labels, metrics.softened(scores, t))
        for t in (metrics.fit_temperature(labels, scores), *numpy.geomspace(0.05, 20, 300))
    )
    assert fitted <= min(others) < fitted + 1e-3


def test_a_model_that_is_always_right_and_one_that_is_always_wrong():
    """The likeliest temperature lies at the ends of the range."""
    scores = numpy.eye(2)[[0, 1, 1]]
    assert metrics.fit_temperature([0, 1, 1], scores) == pytest.approx(0.05, rel=0.2)
    assert metrics.fit_temperature([1, 0, 0], scores) == pytest.approx(20, rel=0.01)


def test_softened_is_the_softmax_and_stays_finite():
    scores = [[1.0, 2.0, 3.0], [1000.0, 0.0, -1000.0]]
    expected = torch.tensor(scores, dtype=torch.float64).div(1.7).softmax(-1)
    numpy.testing.assert_allclose(metrics.softened(scores, 1.7), expected)
    assert 0.05 <= metrics.fit_temperature([2, 2], scores) <= 20


@pytest.mark.parametrize(
    "call, fragment",
    [
        (lambda: metrics.reliability_curve([0], [[0.2, 0.9]]), "no probabilities"),
        (lambda: metrics.reliability_curve([0], [[0.2, 0.8]], bins=0), "bins"),
        (lambda: metrics.reliability_curve([2], [[0.2, 0.8]]), "no column"),
        (lambda: metrics.reliability_curve([0], [0.2]), "finite numbers"),
        (lambda: metrics.softened([[1.0, math.nan]], 1.0), "finite numbers"),
        (lambda: metrics.softened([[1.0, 2.0]], 0.0), "above 0"),
        (lambda: metrics.fit_temperature([0, 1], [[0.5, 0.5]]), "equally long"),
    ],
)
def test_no_probabilities(call, fragment):
    with pytest.raises(ValueError, match=fragment):
        call()


def test_pass_at_k_is_the_mean_over_all_sets():
    for right in range(7):
        answers = [1] * right + [0] * (6 - right)
        for k in range(1, 7):
            sets = list(itertools.combinations(answers, k))
            assert metrics.pass_at_k(right, 6, k) == pytest.approx(sum(map(any, sets)) / len(sets))
    assert metrics.pass_at_k(3, 12, 1) == 0.25
    for right, drawn, k in ((1, 4, 5), (1, 4, 0), (5, 4, 2), (-1, 4, 2)):
        with pytest.raises(ValueError, match="from 1 to"):
            metrics.pass_at_k(right, drawn, k)
