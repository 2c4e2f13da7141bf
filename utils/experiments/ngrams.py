"""The n-gram model: how often tokens followed the few before them, the baseline of every language model.

    Ngrams      counts of a training text -> probabilities of the next token, bits of a text, new texts

Source: interpolated modified Kneser-Ney, Chen and Goodman, "An Empirical Study of Smoothing Techniques for Language Modeling"
(1998, Harvard TR-10-98), section 3: of what is known without a network, the n-gram model that predicts best.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy
import torch

# after one context: tokens in order, their discounted shares, and the share that is left for the shorter context
Known = tuple[numpy.ndarray, numpy.ndarray, float]


class Ngrams:
    """Probabilities of the next token from the order - 1 before it. The end-of-text token stands before and after a document.

    documents: ids, without the end-of-text token. vocabulary: V, the number of ids, among which the last bit of the
    probability is spread evenly. Raises ValueError for an order below 1.
    """

    def __init__(self, documents: Iterable[Sequence[int]], order: int, vocabulary: int, end: int = 0):
        if order < 1:
            raise ValueError(f"order={order}: a model of single tokens has the order 1, one of pairs the order 2 ...")
        self.order, self.vocabulary, self.end = order, vocabulary, end
        rows = [(end, *ids, end) for ids in documents]
        counts = [_ngrams(rows, size) for size in range(1, order + 1)]
        counts[0][end,] -= len(rows)  # the one before a document is given and never predicted
        for size in range(1, order):  # below the highest order: after how many different tokens an n-gram has stood
            kept = {gram: count for gram, count in counts[size - 1].items() if size > 1 and gram[0] == end}
            counts[size - 1] = Counter(gram[1:] for gram in counts[size]) | Counter(kept)
        self._discounts = [_discounts(found) for found in counts]
        self._pairs = [_by_context(found) for found in counts]
        self._tables: list[dict[tuple, Known]] = [{} for _ in counts]

    def distribution(self, context: Sequence[int]) -> numpy.ndarray:
        """The probabilities (V,) of the token after these; only the last order - 1 count."""
        chances = numpy.full(self.vocabulary, 1 / self.vocabulary)
        for tokens, shares, left in self._known(context):
            chances *= left
            chances[tokens] += shares
        return chances

    def probability(self, token: int, context: Sequence[int]) -> float:
        """That of one token: as `distribution`, without the others."""
        chance = 1 / self.vocabulary
        for tokens, shares, left in self._known(context):
            place = numpy.searchsorted(tokens, token)
            found = place < len(tokens) and tokens[place] == token
            chance = left * chance + (shares[place] if found else 0.0)
        return float(chance)

    def _known(self, context: Sequence[int]) -> Iterator[Known]:
        """What is known after the end of the context: first the shortest, then longer ones, as far as they were seen."""
        for size in range(min(self.order, len(context) + 1)):
            before = tuple(context[len(context) - size :])
            if before not in self._pairs[size]:
                return
            if before not in self._tables[size]:  # made when it is asked for: most never are
                tokens, seen = numpy.array(sorted(self._pairs[size][before])).T  # (2, n)
                lost = self._discounts[size][numpy.minimum(seen, 3)]
                self._tables[size][before] = tokens, (seen - lost) / seen.sum(), lost.sum() / seen.sum()
            yield self._tables[size][before]

    def bits(self, ids: Sequence[int]) -> float:
        """Bits that the tokens of a document cost together, without the end-of-text token at its end."""
        row = [self.end, *ids]
        return -sum(math.log2(self.probability(row[at], row[max(0, at - self.order + 1) : at])) for at in range(1, len(row)))

    def write(self, ids: Sequence[int], new: int, generator: torch.Generator, temperature: float = 1.0) -> list[int]:
        """Up to `new` tokens after these, to the end of the text, which is left out.

        Raises ValueError for a temperature that is not above zero.
        """
        if not temperature > 0:
            raise ValueError(f"Probabilities are raised to 1 / temperature, so it must be above 0, not {temperature}.")
        row = [self.end, *ids]
        while len(row) <= len(ids) + new:
            chances = self.distribution(row[-self.order + 1 :] if self.order > 1 else []) ** (1 / temperature)
            token = torch.from_numpy(chances).multinomial(1, generator=generator).item()
            if token == self.end:
                break
            row.append(token)
        return row[len(ids) + 1 :]


def _ngrams(rows: list[tuple[int, ...]], size: int) -> Counter:
    """How often each run of `size` tokens stands in the rows."""
    counts: Counter = Counter()
    for row in rows:
        counts.update(zip(*(row[first:] for first in range(size))))
    return counts


def _discounts(counts: Counter) -> numpy.ndarray:
    """What a count of 0, 1, 2, and 3 or more loses: from how many n-grams were counted once ... four times (equation 26)."""
    how_often = Counter(counts.values())
    n1, n2, n3, n4 = (how_often[count] or 1 for count in (1, 2, 3, 4))
    y = n1 / (n1 + 2 * n2)
    return numpy.clip([0.0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3], 0.0, [0.0, 1.0, 2.0, 3.0])


def _by_context(counts: Counter) -> dict[tuple, list[tuple[int, int]]]:
    """Context -> pairs of a token that followed it, and its count."""
    found = defaultdict(list)
    for gram, count in counts.items():
        if count > 0:
            found[gram[:-1]].append((gram[-1], count))
    return found
