"""utils.experiments.tastes: the best of n by its sets, and a bag of words that finds the word that wins."""

from itertools import combinations

import pytest
import torch

from utils.experiments.tastes import bag_of_words, best_of


@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_the_best_of_n_is_the_mean_over_all_sets(n):
    draws = torch.Generator().manual_seed(0)
    scores, values = torch.randn(2, 6, generator=draws), torch.randn(2, 6, generator=draws)
    wanted = [
        sum(values[row, max(chosen, key=lambda i: scores[row, i])].item() for chosen in sets) / len(sets)
        for row in range(2)
        for sets in [list(combinations(range(6), n))]
    ]
    torch.testing.assert_close(best_of(n, scores, values), torch.tensor(wanted))
    with pytest.raises(ValueError, match="among 6"):
        best_of(7, scores, values)


def test_a_bag_of_words_finds_the_word_that_wins():
    words = {1: "cat", 2: "dog", 3: "sat", 4: "ran"}

    def text(ids):
        return " ".join(words[i] for i in ids)

    pairs = [([0], [1, 3], [2, 3]), ([0], [4, 1], [4, 2]), ([0], [1], [3, 4])]
    score = bag_of_words(pairs, text)
    assert score([1, 4]) > score([2, 4]) and score([3]) == pytest.approx(score([3, 3]) / 2)
