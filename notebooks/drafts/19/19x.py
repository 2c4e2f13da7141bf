# %% [markdown]
# ## Exercises
#
# ### Exercise 19.1 · Labels of a conversation (difficulty 2, 15 minutes)
#
# A conversation has several turns, and the model shall learn all answers in it, each with its end token. You get the turns, (role, ids) each, the ids with the marks that the template wrote: a turn of the assistant is `[mark, ..., end]`. The mark that opens a turn is
# given to the model when it writes, so it does not count; the end token does. Give ids and labels, lists as long as the conversation, $-100$ where nothing is to be learned. Do not shift: Transformers does.
#
# <details><summary>Hint</summary>
#
# For a turn of the assistant: `labels += [-100, *ids[1:]]`.
# </details>

# %% tags=["exercise"]
def conversation_labels(turns):
    """[(role, ids), ...] -> ids and labels of the whole conversation."""
    raise NotImplementedError

# %% tags=["check"]
from utils.course import exercises


@exercises.check("19.1", conversation_labels)
def check_conversation_labels(attempt):
    turns = [("user", [2, 40, 41, 4]), ("assistant", [3, 50, 51, 52, 4]), ("user", [2, 42, 4]), ("assistant", [3, 53, 4])]
    before = [(role, list(ids)) for role, ids in turns]
    got = attempt(turns)
    assert isinstance(got, (tuple, list)) and len(got) == 2, "Two lists are asked for: ids and labels."
    assert turns == before, "The turns were changed: build new lists."
    ids, labels = ([int(x) for x in part] for part in got)
    whole = [token for _, some in before for token in some]
    assert ids == whole, f"The ids should be those of all turns, one behind the other: {whole}."
    assert len(labels) == len(ids), f"{len(ids)} ids need {len(ids)} labels, not {len(labels)}."
    n = -100
    wanted = [n, n, n, n, n, 50, 51, 52, 4, n, n, n, n, 53, 4]
    assert labels != whole, "Everything counts: the user's turns must be -100."
    assert labels != [n] * 9 + wanted[9:], "Only the last answer counts. All answers of the assistant are to be learned."
    assert labels != [x if x != 4 else n for x in wanted], "The end token does not count in yours: the model would never learn to stop."
    assert labels != [n, n, n, n, 3, 50, 51, 52, 4, n, n, n, 3, 53, 4], "The mark that opens the turn is given, not written: -100."
    assert labels != [*wanted[1:], n], "The labels are shifted. Transformers shifts them itself: the label of a token stands at its own place."
    swapped = [2 if x == 2 else x for x in [n, 40, 41, 4, n, n, n, n, n, n, 42, 4, n, n, n]]
    assert labels != swapped, "The user's turns count, and the assistant's do not: turn it round."
    assert 0 not in labels, "What does not count is -100. 0 is a token like others, and would be learned."
    assert labels == wanted, f"The labels should be {wanted}, not {labels}."
    only = attempt([("user", [2, 7, 4])])
    assert list(only[1]) == [n, n, n], "A conversation without an answer has nothing to learn: all labels -100."

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def conversation_labels_solution(turns):
    ids, labels = [], []
    for role, some in turns:
        ids += some
        labels += [-100, *some[1:]] if role == "assistant" else [-100] * len(some)
    return ids, labels


check_conversation_labels(conversation_labels_solution)

# %% [markdown]
# ### Exercise 19.2 · A win rate without drawing (difficulty 2, 15 minutes)
#
# An interval without a bootstrap: Wilson's (1927). With $n$ decided tasks, the share $p$ of wins among them, and $z = 1.96$, its ends are
#
# $$ \frac{p + \frac{z^2}{2n} \pm z \sqrt{\frac{p (1 - p)}{n} + \frac{z^2}{4 n^2}}}{1 + \frac{z^2}{n}} . $$
#
# You get two lists of points, of the new and of the old model on the same tasks. Give win rate, low and high end, and the share of ties among all tasks. With no decided task the win rate is 0.5, from 0 to 1.
#
# <details><summary>Hint</summary>
#
# `wins = sum(a > b for a, b in zip(new, old))`, and `losses` likewise; ties do not enter `n`.
# </details>

# %% tags=["exercise"]
def win_rate_wilson(new, old):
    """Points of both on the same tasks -> win rate, low, high, share of ties."""
    raise NotImplementedError

# %% tags=["check"]
from utils.course import exercises


@exercises.check("19.2", win_rate_wilson)
def check_win_rate_wilson(attempt):
    def wilson(p, n, z=1.96):
        middle, half = p + z * z / (2 * n), z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
        return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)

    new, old = [6, 6, 6, 3, 2, 6, 5, 4, 6, 6, 6, 1], [3, 6, 5, 3, 3, 6, 6, 2, 1, 0, 6, 0]  # 6 wins, 2 losses, 4 ties
    got = attempt(list(new), list(old))
    assert isinstance(got, (tuple, list)) and len(got) == 4, "Four numbers are asked for: win rate, low, high, share of ties."
    rate, low, high, ties = map(float, got)
    close = lambda a, b: abs(a - b) < 1e-6
    assert not close(rate, 0.5), "Ties count as losses in yours: they are left out of the win rate."
    assert not close(rate, 8 / 12), "A tie counts as half a win in yours: here ties are left out."
    assert not close(rate, 10 / 12), "Ties count as wins in yours: `>` and not `>=`."
    assert not close(rate, 0.25), "That is the old model's win rate."
    assert close(rate, 0.75), f"6 wins and 2 losses: the win rate should be 0.75, not {rate:.4f}."
    assert not close(ties, 4 / 8), "The share of ties is one of all 12 tasks, not of the decided."
    assert close(ties, 4 / 12), f"4 of 12 tasks are ties: {4 / 12:.4f}, not {ties:.4f}."
    plain = 1.96 * (0.75 * 0.25 / 8) ** 0.5
    assert not close(low, 0.75 - plain), "That is the normal interval, p plus or minus z times the standard error: it goes past 1 for few tasks. Wilson's is asked for."
    assert not close(low, wilson(0.75, 12)[0]), "n is the number of decided tasks, 8, and not of all."
    assert not close(low, wilson(0.75, 8)[1]), "Low and high are exchanged."
    assert close(low, wilson(0.75, 8)[0]) and close(high, wilson(0.75, 8)[1]), "The ends should be {:.4f} and {:.4f}, not {:.4f} and {:.4f}.".format(*wilson(0.75, 8), low, high)
    assert close(float(attempt([1, 1], [0, 0])[2]), 1.0), "Two wins of two: the upper end is 1."
    nothing = list(map(float, attempt([3, 3], [3, 3])))
    assert nothing == [0.5, 0.0, 1.0, 1.0], f"With ties alone nothing is known: 0.5, 0, 1, and ties 1; not {nothing}."

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def win_rate_wilson_solution(new, old, z=1.96):
    wins, losses = sum(a > b for a, b in zip(new, old)), sum(a < b for a, b in zip(new, old))
    n, ties = wins + losses, 1 - (wins + losses) / len(new)
    if n == 0:
        return 0.5, 0.0, 1.0, ties
    p = wins / n
    half = z * (p * (1 - p) / n + z**2 / (4 * n**2)) ** 0.5
    return p, (p + z**2 / (2 * n) - half) / (1 + z**2 / n), (p + z**2 / (2 * n) + half) / (1 + z**2 / n), ties


check_win_rate_wilson(win_rate_wilson_solution)

# %% [markdown]
# ### Exercise 19.3 · How much the length tells (difficulty 3, 20 minutes)
#
# A rule that sees nothing but $d$, the tokens of answer A minus those of answer B, says which of the two was chosen. Any rule that does not care which is called A: if it says A for $d$, it says B for $-d$; for $d = 0$ it guesses. It may have another opinion for each $|d|$.
# You get chosen minus rejected tokens of pairs. In what share of them can the *best* such rule be right?
#
# <details><summary>Hint</summary>
#
# For each $|d| > 0$ it picks the sign that is more frequent: `max(counts[d], counts[-d])`.
# </details>

# %% tags=["exercise"]
def best_by_length(differences):
    """Tokens of the chosen minus tokens of the rejected answer, whole numbers -> a share from 0.5 to 1."""
    raise NotImplementedError

# %% tags=["check"]
from utils.course import exercises


@exercises.check("19.3", best_by_length)
def check_best_by_length(attempt):
    given = [3, 3, 3, -3, 5, -5, -5, -5, -5, 0, 0, 8]  # |3|: 3 of 4; |5|: 4 of 5; 0: half of 2; |8|: 1 of 1
    before = list(given)
    got = float(attempt(given))
    assert given == before, "The list was changed: make a new one."
    close = lambda a, b: abs(a - b) < 1e-9
    assert not close(got, 5 / 12) and not close(got, 6 / 12), "That is the rule 'the longer one'. The best rule may say something else for each difference."
    assert not close(got, 8 / 12), "For d = 0 the rule guesses, and is right half of the time: each of those pairs counts 0.5."
    assert not close(got, 10 / 12), "For d = 0 it must guess: half a pair each, not a whole one."
    assert not close(got, 8 / 10), "The pairs with d = 0 are pairs, too: the share is one of all."
    assert not close(got, 3 / 12), "That is where the worse rule is right: `max`, not `min`."
    assert close(got, 9 / 12), f"The best rule is right in 9 of these 12: 0.75, not {got:.4f}."
    assert close(float(attempt([4, -4, 1, -1, 0])), 0.5), "Of mirrored pairs no rule finds more than half: 0.5."
    assert close(float(attempt([2, 2, -7])), 1.0), "Here 'longer' for 2 and 'shorter' for 7 is always right: 1."

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def best_by_length_solution(differences):
    right = 0.0
    for size in {abs(d) for d in differences}:
        right += max(differences.count(size), differences.count(-size)) if size else differences.count(0) / 2
    return right / len(differences)


check_best_by_length(best_by_length_solution)

# %% [markdown]
# ### Exercise 19.4 · Pairs that may be the wrong way round (difficulty 3, 20 minutes)
#
# People err. Say that a share $\epsilon$ of the pairs is labelled the wrong way round. Then take the mean of both losses, weighted so (Chowdhury et al., 2024, and TRL's `label_smoothing`, start from this thought):
#
# $$ \mathcal{L} = -(1 - \epsilon) \log \sigma(\beta d) - \epsilon \log \sigma(-\beta d), \qquad d = h_w - h_l . $$
#
# Give the mean loss over the pairs, and the margin $d^*$ at which a single pair's loss is lowest. For $\epsilon = 0$ that is infinity: plain DPO never has enough.
#
# <details><summary>Hint</summary>
#
# The derivative by $\beta d$ is $\sigma(\beta d) - (1 - \epsilon)$. Set it to 0.
# </details>

# %% tags=["exercise"]
def smoothed_dpo(h_w, h_l, beta, epsilon):
    """Log-ratios (N,) and (N,), two numbers, epsilon from 0 to below 0.5 -> the mean loss, (), and the best margin, a number."""
    raise NotImplementedError

# %% tags=["check"]
from utils.course import exercises


@exercises.check("19.4", smoothed_dpo)
def check_smoothed_dpo(attempt):
    import math

    import torch
    import torch.nn.functional as F

    h_w, h_l = torch.tensor([0.5, -1.0, 2.0]), torch.tensor([-0.5, 1.5, -4.0])
    right = lambda e, b=0.5, d=h_w - h_l: (-(1 - e) * F.logsigmoid(b * d) - e * F.logsigmoid(-b * d)).mean().item()
    got = attempt(h_w.clone(), h_l.clone(), 0.5, 0.2)
    assert isinstance(got, (tuple, list)) and len(got) == 2, "Two things are asked for: the loss and the best margin."
    loss, best = float(got[0]), float(got[1])
    likely = {
        right(0.0): "epsilon is not in it: that is plain DPO.",
        right(0.8): "epsilon and 1 - epsilon are exchanged.",
        3 * right(0.2): "The mean over the pairs is asked for, not the sum.",
        right(0.2, 1.0): "beta is missing inside the sigmoid.",
        0.8 * right(0.0): "The second part, for the pair turned round, is missing.",
        -F.logsigmoid(0.5 * (1 - 2 * 0.2) * (h_w - h_l)).mean().item(): "The mean is taken inside the logarithm's argument. It is two losses that are weighted.",
        right(0.2, 0.5, h_l - h_w): "h_w and h_l are exchanged.",
        (-(1 - 0.2) * F.logsigmoid(0.5 * (h_w - h_l)) + 0.2 * F.logsigmoid(-0.5 * (h_w - h_l))).mean().item(): "The second part has the wrong sign: both are losses.",
    }
    for value, message in likely.items():
        assert abs(loss - value) > 1e-5, message
    assert abs(loss - right(0.2)) < 1e-5, f"The loss should be {right(0.2):.4f}, not {loss:.4f}."
    wanted = math.log(0.8 / 0.2) / 0.5
    assert abs(best - math.log(4)) > 1e-6, "That is beta times the best margin: divide by beta."
    assert abs(best + wanted) > 1e-6, "The sign is turned round: with epsilon below 0.5 the chosen answer should be ahead."
    assert abs(best - 0.8 / 0.5) > 1e-6 and abs(best - 0.8) > 1e-6, "sigma(beta d) is 1 - epsilon there: take the inverse of sigma, the logarithm of the odds."
    assert abs(best - wanted) < 1e-5, f"The best margin should be {wanted:.4f}, not {best:.4f}."
    try:
        endless = float(attempt(h_w, h_l, 0.5, 0.0)[1])
    except (ZeroDivisionError, ValueError):
        raise AssertionError("epsilon = 0 ends in an error. The best margin is infinity then.") from None
    assert endless == math.inf, f"Without noise the best margin is infinity, not {endless}."
    far = torch.tensor([400.0])
    assert math.isfinite(float(attempt(far, -far, 1.0, 0.2)[0])), "For a large margin the loss is infinite: use `logsigmoid`, not the logarithm of `sigmoid`."

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def smoothed_dpo_solution(h_w, h_l, beta, epsilon):
    import math

    import torch.nn.functional as F

    d = beta * (h_w - h_l)
    loss = -(1 - epsilon) * F.logsigmoid(d) - epsilon * F.logsigmoid(-d)
    return loss.mean(), math.log((1 - epsilon) / epsilon) / beta if epsilon else math.inf


check_smoothed_dpo(smoothed_dpo_solution)

# %% [markdown] tags=["open-task"]
# ### Open task · Your own examiner (3 hours)
#
# Take a job of your own for `gpt-mini` or SmolLM2 that a program can judge (answers of a fixed form, a story without a given word, a list in order). Make demonstrations, fine-tune, make pairs, train, and **decide what you would ship: SFT, SFT on the best answers, or DPO**.
#
# | points | for |
# |---|---|
# | 2 | the judge, in one sentence and in code, blind to length, and the best trivial program's points |
# | 2 | SFT at two temperatures, with intervals |
# | 3 | DPO and SFT on the best answers, two seeds or more, win rates with ties and intervals |
# | 2 | what it cost: KL, length, distinct answers, an old skill |
# | 1 | the decision, and what would change it |

# %% [markdown]
# ## Scorecard
#
# The second card has what was drawn live.

# %% tags=["scorecard"]
from utils.course.scorecard import Scorecard

card = Scorecard(lesson=19)
won = recorded_wins["DPO over SFT, temperature 1"]
card.at_least("recorded: win rate of DPO over SFT on held-out tasks, three seeds", won.value, 0.7)
CARD
card.show()

# %% tags=["scorecard", "nbval-ignore-output"]
card = Scorecard(lesson=19)
LIVECARD
card.show()

# %% [markdown]
# ## Summary
#
# SUMMARY
#
# **New words**, in the [glossary](../data/glossary.md): chat template; completion-only loss; demonstration; SFT; on-policy pairs; win rate; tie; mirrored pairs; implicit reward; likelihood displacement; rejection sampling.
#
# **Papers.** Wilson, *Probable Inference, the Law of Succession, and Statistical Inference*, 1927 · Ouyang et al., [InstructGPT](https://arxiv.org/abs/2203.02155), 2022 · Rafailov et al., [DPO](https://arxiv.org/abs/2305.18290), 2023 · Cui et al., [UltraFeedback](https://arxiv.org/abs/2310.01377), 2023 ·
# Park et al., [length in DPO](https://arxiv.org/abs/2403.19159), 2024 · Chowdhury et al., [robust DPO](https://arxiv.org/abs/2403.00409), 2024 · Pang et al., [iterative reasoning preference optimization](https://arxiv.org/abs/2404.19733), 2024 · Razin et al., [likelihood displacement](https://arxiv.org/abs/2410.08847), 2024
#
# **Next:** lesson 20 asks what changes when models become large.
