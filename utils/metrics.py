"""What a classifier's answers are worth: scores, how sure they are, and whether its probabilities mean what they say.

    bootstrap_interval                   how far a score would move on another test set of the same kind
    mean_interval, gain_interval         the same for a number per row: its mean, and the gain of one method over another
    pass_at_k                            is one of k drawn answers right? from more answers than k
    ratio_interval                       the same for the ratio of two sums over the rows, such as bits a byte
    paired_bootstrap, mcnemar            is one model better than another, on the same rows?
    expected_calibration_error, reliability_curve           do the probabilities hold?
    exact, token_f1                      a text against the wanted one, as SQuAD scores answers
    labeled_spans, span_f1, entity_f1    entities: all of a name or nothing
    fit_temperature, softened            one number that mends probabilities that are too sure of themselves

What is counted from labels and predictions, and the losses of probabilities, are in sklearn.metrics: accuracy_score, f1_score,
confusion_matrix, precision_recall_fscore_support, log_loss, brier_score_loss.

Labels and predictions are whole numbers 0 .. K - 1, probabilities and scores (N, K): lists, arrays or tensors on the CPU.
Nothing here draws a random number but from the generator or the seed that is handed to it.
"""

import collections
import dataclasses
import math
import re
from collections.abc import Callable, Sequence

import numpy
import scipy.optimize
import scipy.special
import scipy.stats

Generator = numpy.random.Generator | int
NO_ENTITIES = "no entities"  # what a model that writes entities as text writes for none


@dataclasses.dataclass(frozen=True)
class Interval:
    """A score, and the range in which it would lie on most other samples of the same kind and size."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.1%} [{self.low:.1%}, {self.high:.1%}]"


@dataclasses.dataclass(frozen=True)
class Bin:
    """The rows whose confidence lies in one range: how many, how sure on average, and how often right."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


# ----------------------------------------------------------------------------------------------------------------------
# How sure is a score
# ----------------------------------------------------------------------------------------------------------------------


def bootstrap_interval(
    metric: Callable, labels, predictions, generator: Generator, level: float = 0.95, samples: int = 1000
) -> Interval:
    """The percentile bootstrap: the metric on many samples of the rows, each drawn with replacement and equally long.

    metric: of labels and predictions, such as sklearn.metrics.accuracy_score. It is called a thousand times: a line of NumPy,
        lambda labels, predictions: (labels == predictions).mean(), takes a fiftieth of the library's time.
    generator: one of NumPy's, or a seed.
    level: the share of the samples' values that lies inside. Only the rows are drawn anew: the interval speaks of another
    test set, not of another training.

    Raises ValueError for a level that is not between 0 and 1, for fewer than 20 samples, and where labels and predictions
    differ in length, are empty or hold something else than whole numbers from 0.
    Source: Efron, "Bootstrap methods: another look at the jackknife" (1979), Annals of Statistics 7(1).
    """
    labels, predictions = _two_columns(labels, predictions)
    drawn = [metric(labels[rows], predictions[rows]) for rows in _resampled(len(labels), generator, level, samples)]
    return Interval(float(metric(labels, predictions)), *_middle(drawn, level))


def paired_bootstrap(
    metric: Callable, labels, first, second, generator: Generator, level: float = 0.95, samples: int = 1000
) -> Interval:
    """metric(second) - metric(first), with its interval: both models are scored on the same drawn rows.

    Rows that are hard for both move both scores and not the difference, so this interval is narrower than what the two
    intervals of the models suggest. Arguments and errors are those of `bootstrap_interval`.
    """
    labels, first = _two_columns(labels, first)
    _, second = _two_columns(labels, second)

    def gain(rows) -> float:
        return float(metric(labels[rows], second[rows]) - metric(labels[rows], first[rows]))

    drawn = [gain(rows) for rows in _resampled(len(labels), generator, level, samples)]
    return Interval(gain(slice(None)), *_middle(drawn, level))


def mean_interval(scores: Sequence[float], seed: int = 0) -> Interval:
    """The mean of a number per row, such as 1 where an answer is right, with its 95 % bootstrap interval over the rows."""
    scores, rows = numpy.asarray(scores, dtype=float), numpy.arange(len(scores))
    return bootstrap_interval(lambda _, drawn: scores[drawn].mean(), rows, rows, seed)


def pass_at_k(right: int, drawn: int, k: int) -> float:
    """The chance that at least one of k answers is right, from `drawn` answers to one problem, `right` of them right.

    1 - C(drawn - right, k) / C(drawn, k), over all sets of k: unbiased, where 1 - (1 - right / drawn)^k is too low. Chen et
    al., "Evaluating Large Language Models Trained on Code", 2021, arXiv 2107.03374, equation 1.
    Raises ValueError for a k outside 1 ... drawn, or more right than drawn.
    """
    if not (1 <= k <= drawn and 0 <= right <= drawn):
        raise ValueError(f"{right} of {drawn} answers right, k={k}: k goes from 1 to the answers drawn, right from 0.")
    return 1 - math.comb(drawn - right, k) / math.comb(drawn, k)


def ratio_interval(above: Sequence[float], below: Sequence[float], seed: int = 0) -> Interval:
    """sum(above) / sum(below) over rows that belong together, such as bits and bytes of texts, with its bootstrap interval.

    Raises ValueError where they have not equally many rows.
    """
    if len(above) != len(below):
        raise ValueError(f"{len(above)} and {len(below)} numbers: a ratio needs both of each row.")
    above, below, rows = numpy.asarray(above, dtype=float), numpy.asarray(below, dtype=float), numpy.arange(len(above))
    return bootstrap_interval(lambda _, drawn: above[drawn].sum() / below[drawn].sum(), rows, rows, seed)


def gain_interval(first: Sequence[float], second: Sequence[float], seed: int = 0) -> Interval:
    """mean(second) - mean(first) of two methods on the same rows, by the paired bootstrap.

    Raises ValueError where they were not scored on equally many rows.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} and {len(second)} scores: a paired comparison needs the same rows in both.")
    both, rows = numpy.array([*first, *second], dtype=float), numpy.arange(len(first))
    return paired_bootstrap(lambda _, drawn: both[drawn].mean(), rows, rows, rows + len(first), seed)


def mcnemar(labels, first, second) -> tuple[int, int, float]:
    """Rows that only the first has right, rows that only the second has right, and McNemar's exact p-value.

    If both were equally good, each row on which just one is right would be a throw of a coin. The p-value is the chance
    that such throws are at least as uneven as these (two-sided). Rows that both have right or wrong say nothing.
    Source: McNemar (1947), Psychometrika 12(2), with the binomial distribution in the place of chi-squared.
    """
    labels, first = _two_columns(labels, first)
    _, second = _two_columns(labels, second)
    only_first = int(((first == labels) & (second != labels)).sum())
    only_second = int(((first != labels) & (second == labels)).sum())
    throws = only_first + only_second
    return only_first, only_second, float(scipy.stats.binomtest(only_first, throws).pvalue) if throws else 1.0


# ----------------------------------------------------------------------------------------------------------------------
# Texts and spans
# ----------------------------------------------------------------------------------------------------------------------


def words_of(text: str) -> list[str]:
    """Lower case, without marks and articles, as SQuAD compares answers (Rajpurkar et al., 2016, arXiv 1606.05250)."""
    return [word for word in re.findall(r"\w+", text.lower()) if word not in ("a", "an", "the")]


def exact(found: str, wanted: str) -> float:
    """1.0 where the words are the same, else 0.0."""
    return float(words_of(found) == words_of(wanted))


def token_f1(found: str, wanted: str) -> float:
    """Harmonic mean of precision and recall over words, each counted as often as it occurs."""
    ours, theirs = collections.Counter(words_of(found)), collections.Counter(words_of(wanted))
    common = sum((ours & theirs).values())
    return 2 * common / (sum(ours.values()) + sum(theirs.values())) if common else float(ours == theirs)


def entity_f1(both: list[tuple[str, str]]) -> float:
    """F1 over the entities of all (found, wanted) texts together, each text like "PER: Mia; LOC: Porto"."""
    right = ours = theirs = 0
    for found, wanted in both:
        first, second = (set(text.split("; ")) - {NO_ENTITIES, ""} for text in (found, wanted))
        right, ours, theirs = right + len(first & second), ours + len(first), theirs + len(second)
    return 2 * right / (ours + theirs) if ours + theirs else 0.0


def labeled_spans(labels: list[str]) -> list[tuple[str, int, int]]:
    """(kind, first, end) of each name; `end` is the place after its last word. An I- without a beginning begins one, as
    CoNLL's scorer has it."""
    found: list[tuple[str, int, int]] = []
    before = "O"
    for place, label in enumerate(labels):
        if label != "O":
            if label.startswith("B-") or before[2:] != label[2:]:
                found.append((label[2:], place, place + 1))
            else:
                found[-1] = (found[-1][0], found[-1][1], place + 1)
        before = label
    return found


def span_f1(found: list[list[tuple]], wanted: list[list[tuple]]) -> float:
    """F1 over the names of all sentences: a name counts where its kind and both ends are right."""
    right = sum(len(set(ours) & set(theirs)) for ours, theirs in zip(found, wanted, strict=True))
    total = sum(map(len, found)) + sum(map(len, wanted))
    return 2 * right / total if total else 0.0


# ----------------------------------------------------------------------------------------------------------------------
# Calibration
# ----------------------------------------------------------------------------------------------------------------------


def reliability_curve(labels, probabilities, bins: int = 10) -> list[Bin]:
    """Confidence against accuracy: the rows in bins of equal width by the probability of the predicted class.

    A probability on an edge falls into the bin below it. Bins without rows are left out.
    Raises ValueError for probabilities that are no such, fewer bins than one, and as `bootstrap_interval` does.
    """
    if bins < 1:
        raise ValueError(f"{bins} bins hold nothing. Ask for 1 or more; 10 is usual.")
    labels, probabilities = _labels_and_probabilities(labels, probabilities)
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    place = numpy.clip(numpy.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    return [
        Bin(k / bins, (k + 1) / bins, int(inside.sum()), float(confidence[inside].mean()), float(right[inside].mean()))
        for k in range(bins)
        if (inside := place == k).any()
    ]


def expected_calibration_error(labels, probabilities, bins: int = 10) -> float:
    """The mean distance between confidence and accuracy, over the bins, weighted by their rows.

    0 where each 80 % is right in 80 of 100 cases. It is never quite 0 on few rows, and it depends on the bins.
    Source: Guo et al., "On Calibration of Modern Neural Networks" (2017, arXiv 1706.04599), equation 3.
    """
    curve = reliability_curve(labels, probabilities, bins)
    return sum(b.count * abs(b.accuracy - b.confidence) for b in curve) / sum(b.count for b in curve)


def softened(scores, temperature: float) -> numpy.ndarray:
    """softmax(scores / temperature), (N, K): above 1 less sure, below 1 more; the order of the classes stays.

    Raises ValueError for a temperature that is not above 0.
    """
    if not temperature > 0:
        raise ValueError(f"Scores are divided by the temperature, so it must be above 0, not {temperature}.")
    return scipy.special.softmax(_matrix(scores) / temperature, axis=1)


def fit_temperature(labels, scores, lowest: float = 0.05, highest: float = 20.0) -> float:
    """The temperature under which these rows' labels are likeliest. Fit it on validation rows, never on the test.

    scores: (N, K), what the softmax gets. The loss, the mean of -log of the true class's probability, is convex in
    1 / temperature: it has one lowest place. Source: Guo et al. (2017, arXiv 1706.04599), section 4.2.
    """
    scores = _matrix(scores)
    labels, _ = _two_columns(labels, scores.argmax(1))

    def loss(inverse: float) -> float:
        return -scipy.special.log_softmax(scores * inverse, axis=1)[numpy.arange(len(labels)), labels].mean()

    bounds = 1 / highest, 1 / lowest
    return float(1 / scipy.optimize.minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-9}).x)


# ----------------------------------------------------------------------------------------------------------------------


def _two_columns(labels, predictions) -> tuple[numpy.ndarray, numpy.ndarray]:
    labels, predictions = numpy.asarray(labels), numpy.asarray(predictions)
    if labels.shape != predictions.shape or labels.ndim != 1:
        raise ValueError(
            f"Labels {labels.shape} and predictions {predictions.shape} must be two equally long lists of classes. "
            "Of scores (N, K) take the largest first: scores.argmax(1)."
        )
    if len(labels) == 0:
        raise ValueError("There are no rows, so there is nothing to measure. Was everything filtered away?")
    for name, column in (("labels", labels), ("predictions", predictions)):
        if column.dtype == bool:
            continue
        if not numpy.issubdtype(column.dtype, numpy.integer) or column.min() < 0:
            raise ValueError(
                f"The {name} must be whole numbers from 0, but are {column.dtype}, the smallest {column.min()}. "
                "Leave rows without a class out, and make classes of probabilities with argmax."
            )
    return labels.astype(int), predictions.astype(int)


def _labels_and_probabilities(labels, probabilities) -> tuple[numpy.ndarray, numpy.ndarray]:
    probabilities = _matrix(probabilities)
    labels, _ = _two_columns(labels, probabilities.argmax(1))
    if labels.max() >= probabilities.shape[1]:
        raise ValueError(f"Class {labels.max()} has no column: the probabilities are {probabilities.shape[1]} wide.")
    if probabilities.min() < 0 or not numpy.allclose(probabilities.sum(1), 1, atol=1e-4):
        raise ValueError("These are no probabilities: each row must add up to 1. Put scores through a softmax first.")
    return labels, probabilities


def _matrix(values) -> numpy.ndarray:
    values = numpy.asarray(values, dtype=float)
    if values.ndim != 2 or values.shape[1] < 2 or not numpy.isfinite(values).all():
        raise ValueError(f"(N, K) finite numbers are asked for, a row each and K >= 2 classes, not {values.shape}.")
    return values


def _resampled(rows: int, generator: Generator, level: float, samples: int):
    """Indices (rows,) of each sample."""
    if not 0 < level < 1:
        raise ValueError(f"The level is a share between 0 and 1, such as 0.95, not {level}.")
    if samples < 20:
        raise ValueError(f"{samples} samples cannot show the ends of an interval. Draw 1,000.")
    generator = numpy.random.default_rng(generator)  # a seed makes a new one, a generator stays itself
    for _ in range(samples):
        yield generator.integers(0, rows, rows)


def _middle(values: list[float], level: float) -> tuple[float, float]:
    return tuple(float(end) for end in numpy.quantile(values, [(1 - level) / 2, (1 + level) / 2]))
