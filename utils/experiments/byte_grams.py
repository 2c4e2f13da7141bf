"""Lesson 16's baseline of a language model: how often which byte followed which bytes, smoothed as Kneser and Ney do it.

ByteGrams  counts of the bytes of texts; the bits that another text costs by them
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy

LONGEST = 7  # bytes of context: with the byte that follows they are eight, one number of 64 bits


class ByteGrams:
    """Interpolated Kneser-Ney: what followed the last `order` bytes, less a discount, which goes to what followed fewer.

    Below the longest context a byte counts by how many different bytes stood before the stretch, and not how often it came.
    The discount of each length is n1 / (n1 + 2 n2), of the stretches that came once and twice. A text begins with zero bytes.
    Source: Kneser and Ney, "Improved backing-off for m-gram language modeling" (ICASSP 1995); the interpolated form and the
    discount as in Chen and Goodman (1998). Raises ValueError for an order outside 0 .. 7, or no text.
    """

    def __init__(self, texts: Sequence[str], order: int = 5):
        if not 0 <= order <= LONGEST or not any(texts):
            raise ValueError(f"order={order}: 0 to {LONGEST} bytes of context, and at least one text to count in.")
        self.order = order
        grams, counts = numpy.unique(numpy.concatenate([_stretches(text, order) for text in texts]), return_counts=True)
        self.tables = [_table(grams, counts)]
        for size in range(order, 0, -1):
            grams, counts = numpy.unique(_last(grams, size), return_counts=True)
            self.tables.insert(0, _table(grams, counts))

    def bits(self, text: str) -> float:
        """What all bytes of the text cost together, in bits."""
        stretches = _stretches(text, self.order)
        share = numpy.full(len(stretches), 1 / 256)
        for size, (grams, counts, contexts, totals, kinds, discount) in enumerate(self.tables, start=1):
            wanted = _last(stretches, size)
            seen, before = _found(grams, counts, wanted), _found(contexts, totals, wanted >> numpy.uint64(8))
            different = _found(contexts, kinds, wanted >> numpy.uint64(8))
            known = before > 0
            left = discount * different[known] / before[known]
            share[known] = numpy.maximum(seen[known] - discount, 0) / before[known] + left * share[known]
        return float(-numpy.log2(share).sum())


def _stretches(text: str, order: int) -> numpy.ndarray:
    """Each byte of the text with the `order` bytes before it, as one number a byte."""
    padded = numpy.frombuffer(b"\0" * order + text.encode(), dtype=numpy.uint8).astype(numpy.uint64)
    size, found = len(padded) - order, numpy.zeros(len(padded) - order, numpy.uint64)
    for place in range(order + 1):
        found = found << numpy.uint64(8) | padded[place : place + size]
    return found


def _last(stretches: numpy.ndarray, size: int) -> numpy.ndarray:
    """Their last `size` bytes."""
    return stretches & numpy.uint64(2 ** (8 * size) - 1)


def _table(grams: numpy.ndarray, counts: numpy.ndarray):
    """Stretches and their counts; their contexts, the sum of the counts behind each, how many bytes came; the discount."""
    contexts, first = numpy.unique(grams >> numpy.uint64(8), return_index=True)  # grams are sorted, so are their contexts
    totals, kinds = numpy.add.reduceat(counts, first), numpy.diff([*first, len(grams)])
    once, twice = (counts == 1).sum(), (counts == 2).sum()
    return grams, counts, contexts, totals, kinds, once / max(once + 2 * twice, 1)


def _found(keys: numpy.ndarray, values: numpy.ndarray, wanted: numpy.ndarray) -> numpy.ndarray:
    """The value of each wanted key, 0 where it is none of the keys, which are sorted."""
    places = numpy.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    return numpy.where(keys[places] == wanted, values[places], 0)
