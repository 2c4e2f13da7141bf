"""Lesson 18's programs beside a reward model, and what the best of n answers would be.

bag_of_words   a score of answers by their words, learned from pairs
best_of        the mean of a quantity over the best of n answers, from more answers than n
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence

from torch import Tensor


def bag_of_words(pairs: Sequence[tuple], text: Callable[[list[int]], str]) -> Callable[[list[int]], float]:
    """ids -> score: logistic regression on the differences of word counts. pairs: (prompt, chosen, rejected), ids each."""
    from scipy.sparse import vstack
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import LogisticRegression

    def counts(ids):
        return Counter(re.findall(r"\w+|[^\w\s]", text(ids)))

    words = DictVectorizer()
    table = words.fit_transform([counts(ids) for _, *two in pairs for ids in two])
    apart = table[0::2] - table[1::2]
    model = LogisticRegression(fit_intercept=False).fit(vstack([apart, -apart]), [1] * len(pairs) + [0] * len(pairs))
    return lambda ids: float(model.decision_function(words.transform([counts(ids)]))[0])


def best_of(n: int, scores: Tensor, values: Tensor) -> Tensor:
    """E[value of the answer with the highest score among n], over all sets of n of the m answers to each prompt.

    scores and values (prompts, m) -> (prompts,). The answer of rank i from below is the best of n in C(i, n - 1) of C(m, n)
    sets, i = 0 ... m - 1. Raises ValueError for n > m.
    """
    m = scores.shape[1]
    if not 1 <= n <= m:
        raise ValueError(f"The best of {n} cannot be found among {m} answers.")
    weights = values.new_tensor([math.comb(rank, n - 1) / math.comb(m, n) for rank in range(m)])  # (m,)
    return values.gather(1, scores.argsort(dim=1)) @ weights
