"""utils.metrics: equal to scikit-learn where that has it; true of any input; planted faults are caught."""

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


# --- counts -----------------------------------------------------------------------------------------------------


@FEW
@given(COLUMNS)
def test_counts_equal_scikit_learns(columns):
    labels, predictions, _ = columns
    table = metrics.confusion_matrix(labels, predictions, classes=4)
    numpy.testing.assert_array_equal(table, reference.confusion_matrix(labels, predictions, labels=range(4)))
    assert metrics.accuracy(labels, predictions) == pytest.approx(reference.accuracy_score(labels, predictions))
    theirs = reference.precision_recall_fscore_support(labels, predictions, labels=range(4), zero_division=0)[:3]
    numpy.testing.assert_allclose(metrics.precision_recall_f1(labels, predictions, 4), numpy.stack(theirs, 1))
    for average in ("macro", "micro"):
        theirs = reference.f1_score(labels, predictions, average=average, zero_division=0)
        assert metrics.f1(labels, predictions, average) == pytest.approx(theirs)


@FEW
@given(COLUMNS, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(columns, random):
    labels, predictions, _ = columns
    order = list(range(len(labels)))
    random.shuffle(order)
    shuffled = [labels[i] for i in order], [predictions[i] for i in order]
    for metric in (metrics.accuracy, metrics.f1):
        assert metric(*shuffled) == pytest.approx(metric(labels, predictions))


def test_by_hand():
    labels, predictions = [0, 0, 0, 1], [0, 0, 1, 1]
    assert metrics.confusion_matrix(labels, predictions).tolist() == [[2, 1], [0, 1]]
    assert metrics.accuracy(labels, predictions) == 0.75
    assert metrics.precision_recall_f1(labels, predictions)[1].tolist() == pytest.approx([0.5, 1.0, 2 / 3])
    assert metrics.f1(labels, predictions) == pytest.approx((0.8 + 2 / 3) / 2)


@pytest.mark.parametrize(
    "fault",
    [
        lambda labels, predictions: metrics.confusion_matrix(predictions, labels),  # turned round
        lambda labels, predictions: metrics.confusion_matrix(labels, labels),
        lambda labels, predictions: metrics.confusion_matrix(labels[1:], predictions[:-1], 3),  # off by one row
    ],
)
def test_a_planted_fault_shows(fault):
    generator = numpy.random.default_rng(0)
    labels, predictions = generator.integers(0, 3, 90), generator.integers(0, 3, 90)
    assert (fault(labels, predictions) != reference.confusion_matrix(labels, predictions)).any()


def test_tensors_and_booleans_will_do():
    assert metrics.accuracy(torch.tensor([0, 1, 1]), torch.tensor([0, 1, 0])) == pytest.approx(2 / 3)
    assert metrics.accuracy([True, False], [True, True]) == 0.5


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
    for metric in (metrics.accuracy, metrics.confusion_matrix, metrics.f1):
        with pytest.raises(ValueError, match=fragment):
            metric(labels, predictions)


def test_a_class_too_many_and_an_unknown_average():
    with pytest.raises(ValueError, match="Count from 0"):
        metrics.confusion_matrix([1, 2], [1, 2], classes=2)
    with pytest.raises(ValueError, match="macro"):
        metrics.f1([0], [0], average="weighted")


# --- intervals --------------------------------------------------------------------------------------------------


def test_the_interval_is_that_of_the_binomial():
    """90 right of 120: the bootstrap's ends are those of resampling, which are the binomial's."""
    labels, predictions = [1] * 120, [1] * 90 + [0] * 30
    found = metrics.bootstrap_interval(metrics.accuracy, labels, predictions, 0, samples=4000)
    wide = 1.96 * math.sqrt(0.75 * 0.25 / 120)
    assert found.value == 0.75
    assert found.low == pytest.approx(0.75 - wide, abs=0.012) and found.high == pytest.approx(0.75 + wide, abs=0.012)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    generator, inside = numpy.random.default_rng(5), 0
    for _ in range(200):
        predictions = (generator.random(150) < 0.8).astype(int)
        found = metrics.bootstrap_interval(metrics.accuracy, numpy.ones(150, int), predictions, generator, 0.9, 200)
        inside += found.low <= 0.8 <= found.high
    assert 0.83 <= inside / 200 <= 0.96


@FEW
@given(COLUMNS)
def test_an_interval_holds_its_value_and_comes_again(columns):
    labels, predictions, _ = columns
    once = metrics.bootstrap_interval(metrics.accuracy, labels, predictions, 7, samples=60)
    assert once == metrics.bootstrap_interval(metrics.accuracy, labels, predictions, 7, samples=60)
    assert 0 <= once.low <= once.high <= 1


def test_the_generator_goes_on_and_the_global_one_is_left_alone():
    numpy.random.seed(1)
    before, generator = numpy.random.get_state()[1].tolist(), numpy.random.default_rng(0)
    a, b = [metrics.bootstrap_interval(metrics.f1, [0, 1, 1] * 9, [0, 1, 0] * 9, generator, samples=30) for _ in "ab"]
    assert a != b and numpy.random.get_state()[1].tolist() == before


@pytest.mark.parametrize("options, fragment", [({"level": 95}, "share between"), ({"samples": 5}, "samples")])
def test_an_interval_that_cannot_be(options, fragment):
    with pytest.raises(ValueError, match=fragment):
        metrics.bootstrap_interval(metrics.accuracy, [0, 1], [0, 1], 0, **options)


def test_the_string_of_an_interval():
    assert str(metrics.Interval(0.8, 0.75, 0.85)) == "80.0% [75.0%, 85.0%]"


@FEW
@given(COLUMNS)
def test_two_models_compared(columns):
    labels, first, second = columns
    gain = metrics.paired_bootstrap(metrics.accuracy, labels, first, second, 0, samples=40)
    assert gain.value == pytest.approx(metrics.accuracy(labels, second) - metrics.accuracy(labels, first))
    same = metrics.paired_bootstrap(metrics.accuracy, labels, first, first, 0, samples=40)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    a, b, p = metrics.mcnemar(labels, first, second)
    assert metrics.mcnemar(labels, second, first) == (b, a, p) and 0 < p <= 1
    assert (b - a) / len(labels) == pytest.approx(gain.value)


def test_paired_is_narrower_than_unpaired_where_models_err_together():
    generator = numpy.random.default_rng(0)
    labels, hard = numpy.ones(400, int), generator.random(400) < 0.3
    first = (~hard).astype(int)
    second = numpy.where(generator.random(400) < 0.05, 1 - first, first)
    gain = metrics.paired_bootstrap(metrics.accuracy, labels, first, second, 1)
    alone = metrics.bootstrap_interval(metrics.accuracy, labels, first, 1)
    assert gain.high - gain.low < 0.6 * (alone.high - alone.low)


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
def test_losses_and_curve_equal_scikit_learns(seed):
    from sklearn.calibration import calibration_curve

    labels, _, probabilities = random_probabilities(seed, 500)
    expected = reference.log_loss(labels, probabilities)
    assert metrics.negative_log_likelihood(labels, probabilities) == pytest.approx(expected)
    assert metrics.brier(labels, probabilities) == pytest.approx(2 * reference.brier_score_loss(labels, probabilities[:, 1]))
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
    fitted, plain = (metrics.negative_log_likelihood(labels, p) for p in (soft, probabilities))
    assert fitted <= plain + 1e-9


def test_labels_drawn_from_the_probabilities_are_calibrated():
    generator = numpy.random.default_rng(0)
    _, scores, probabilities = random_probabilities(1, 20_000)
    labels = (generator.random(20_000) < probabilities[:, 1]).astype(int)
    assert metrics.expected_calibration_error(labels, probabilities) < 0.015
    for factor in (0.5, 3.0):  # scores that are too sure by this factor: the fitted temperature takes it back
        assert metrics.fit_temperature(labels, factor * scores) == pytest.approx(factor, rel=0.08)
    assert metrics.expected_calibration_error(labels, metrics.softened(3 * scores, 1.0)) > 0.05


def test_temperature_equals_a_library_search():
    from scipy.optimize import minimize_scalar

    labels, scores, _ = random_probabilities(3, 300)
    scores = scores + 1.5 * numpy.eye(2)[labels]
    loss = lambda t: reference.log_loss(labels, metrics.softened(scores, t))  # noqa: E731
    expected = minimize_scalar(loss, bounds=(0.05, 20), method="bounded", options={"xatol": 1e-8}).x
    assert metrics.fit_temperature(labels, scores) == pytest.approx(expected, rel=1e-4)


def test_softened_is_the_softmax_and_stays_finite():
    scores = [[1.0, 2.0, 3.0], [1000.0, 0.0, -1000.0]]
    expected = torch.tensor(scores, dtype=torch.float64).div(1.7).softmax(-1)
    numpy.testing.assert_allclose(metrics.softened(scores, 1.7), expected)
    assert metrics.negative_log_likelihood([2, 2], metrics.softened(scores, 1.0)) < 800


@pytest.mark.parametrize(
    "call, fragment",
    [
        (lambda: metrics.reliability_curve([0], [[0.2, 0.9]]), "no probabilities"),
        (lambda: metrics.reliability_curve([0], [[0.2, 0.8]], bins=0), "bins"),
        (lambda: metrics.brier([2], [[0.2, 0.8]]), "no column"),
        (lambda: metrics.brier([0], [0.2]), "finite numbers"),
        (lambda: metrics.softened([[1.0, math.nan]], 1.0), "finite numbers"),
        (lambda: metrics.softened([[1.0, 2.0]], 0.0), "above 0"),
        (lambda: metrics.negative_log_likelihood([0, 1], [[0.5, 0.5]]), "equally long"),
    ],
)
def test_no_probabilities(call, fragment):
    with pytest.raises(ValueError, match=fragment):
        call()
