
# %% [markdown]
# ## Exercises
#
# ### Exercise 17.1 · Pack by hand (difficulty 2, 10 minutes)
#
# Section 1 in plain Python: lists of ids become windows. The end of text stands before the first text and after each; window $i$ takes the places $iT$ to $iT + T$, so it has $T + 1$ ids and shares its last one with the next. What does not fill
# a window at the end is left out. `[[5, 6, 7], [8], [9, 10]]` with $T = 4$ and the end 0 gives `[[0, 5, 6, 7, 0], [0, 8, 0, 9, 10]]`.
#
# <details><summary>Hint</summary>
#
# First one long list. The last window begins at the last place $iT$ for which place $iT + T$ is still inside.
# </details>

# %% tags=["exercise"]
def windows_of(texts, T, end):
    """Lists of ids -> windows, each a list of T + 1 ids."""
    raise NotImplementedError

# %% tags=["check"]
from utils.course import exercises


@exercises.check("17.1", windows_of)
def check_windows_of(attempt):
    texts = [[5, 6, 7], [8], [9, 10]]
    given = [list(text) for text in texts]
    got = attempt(given, 4, 0)
    assert given == texts, "The texts themselves were changed. Build a new list."
    assert isinstance(got, list) and all(hasattr(row, "__len__") for row in got), f"A list of windows is asked for, not {got!r}."
    got = [list(row) for row in got]
    assert got != [[0, 5, 6, 7], [0, 8, 0, 9]], "Each window has T + 1 ids: the last one is the answer to the one before it."
    assert got[:1] != [[5, 6, 7, 0, 8]], "The end of text also stands before the first text: a model begins to write from it."
    assert got[:1] != [[0, 5, 6, 7, 8]], "The end of text stands between the texts, too: else two stories run into one another."
    assert got[:2] != [[0, 5, 6, 7, 0], [8, 0, 9, 10, 0]], "The next window begins T places on, and not T + 1: its first id is the last of the one before, else one token in T + 1 is never asked for."
    assert got == [[0, 5, 6, 7, 0], [0, 8, 0, 9, 10]], f"Expected [[0, 5, 6, 7, 0], [0, 8, 0, 9, 10]], not {got}."
    got = [list(row) for row in attempt(texts, 3, 0)]
    assert all(len(row) == 4 for row in got), "The last window is too short: what does not fill one is left out."
    assert got != [[0, 5, 6, 7], [7, 0, 8, 0]], "With T = 3 one window is missing: places 6 to 9 are all there, the last one included."
    assert got == [[0, 5, 6, 7], [7, 0, 8, 0], [0, 9, 10, 0]], f"With T = 3 expected [[0, 5, 6, 7], [7, 0, 8, 0], [0, 9, 10, 0]], not {got}."
    got = [list(row) for row in attempt([[1, 2]], 2, 9)]
    assert got == [[9, 1, 2]], f"With the end 9 the text [1, 2] gives [[9, 1, 2]] for T = 2, not {got}: is 0 written into your function?"
    assert [list(row) for row in attempt([[1]], 5, 0)] == [], "Too little text for one window: an empty list."

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def windows_of_solution(texts, T, end):
    ids = [end]
    for text in texts:
        ids = [*ids, *text, end]
    return [ids[i * T : i * T + T + 1] for i in range((len(ids) - 1) // T)]


check_windows_of(windows_of_solution)

# %% [markdown]
# ### Exercise 17.2 · How many hours? (difficulty 2, 10 minutes)
#
# Somebody asks what a training will take: so many weights in matrices, so many tokens, so many devices of a given peak (FLOP a second, each), at a given MFU. Leave the scores of attention out. For 124 million weights, 10 billion tokens, 8 devices of 312 TFLOP/s and an MFU of
# 40 % it is 2.07 hours.
#
# <details><summary>Hint</summary>
#
# $6 N$ FLOP a token. What the devices really do in a second is their number times the peak times the MFU.
# </details>

# %% tags=["exercise"]
def hours(weights, tokens, devices, peak, mfu):
    """How many hours the training takes."""
    raise NotImplementedError

# %% tags=["check"]
from utils.course import exercises


@exercises.check("17.2", hours)
def check_hours(attempt):
    case = (124e6, 10e9, 8, 312e12, 0.4)
    wanted = 6 * 124e6 * 10e9 / (8 * 312e12 * 0.4) / 3600
    got = attempt(*case)
    assert isinstance(got, (int, float)), f"A number of hours is asked for, not {got!r}."
    near = lambda value: abs(got - value) < 1e-3 * abs(value)
    assert not near(wanted / 3), "2 N is the forward pass alone: backward costs twice as much again, 6 N in all."
    assert not near(wanted * 2 / 3), "Backward costs twice what forward does: 6 N in all, not 4 N."
    assert not near(wanted * 0.4) and not near(wanted * 0.16), "An MFU below 1 makes it longer: divide by it."
    assert not near(wanted * 8) and not near(wanted * 64), "Eight devices share the work: the time is divided by their number."
    assert not near(wanted * 3600), "Those are seconds. An hour has 3,600."
    assert not near(wanted * 60), "Those are minutes."
    assert not near(wanted / 24), "Those are days."
    assert near(wanted), f"For the example it is {wanted:.2f} hours, not {got:.4g}."
    for case, right in (((1e9, 20e9, 1, 1e14, 0.5), 666.67), ((1e6, 1e6, 2, 5e10, 0.3), 0.0556)):
        assert abs(attempt(*case) - right) < 1e-2 * right, f"Right for the example, and not for {case}: {right} hours. Is a number of the example in your function?"

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def hours_solution(weights, tokens, devices, peak, mfu):
    return 6 * weights * tokens / (devices * peak * mfu) / 3600


check_hours(hours_solution)

# %% [markdown]
# ### Exercise 17.3 · What each part weighs (difficulty 3, 15 minutes)
#
# Several processes compute a batch in several parts each. `counts[p][i]` is the number of tokens in part $i$ of process $p$; each has as many parts. Lightning divides each part's loss by the number of parts, and DDP takes the mean over the processes. By which factor must each part's mean loss be multiplied
# before that, so that the result is the mean over all tokens? For `[[1, 3]]` it is `[[0.5, 1.5]]`.
#
# <details><summary>Hint</summary>
#
# Wanted is the weight $n / \sum n$ for each part. With 2 processes of 3 parts each part's loss will be divided by 6.
# </details>

# %% tags=["exercise"]
def factors(counts):
    """counts[p][i]: tokens of part i in process p -> the factor of each, in the same shape."""
    raise NotImplementedError

# %% tags=["check"]
from utils.course import exercises


@exercises.check("17.3", factors)
def check_factors(attempt):
    import numpy

    counts = [[1, 3]]
    got = attempt(counts)
    assert counts == [[1, 3]], "The counts were changed: return a new list."
    try:
        got = numpy.array(got, dtype=float)
    except (TypeError, ValueError):
        got = None
    assert got is not None and got.shape == (1, 2), "A list of the same shape is asked for: one list for each process."
    close = lambda values: numpy.allclose(got, values, atol=1e-6)
    assert not close([[0.25, 0.75]]), "That is each part's share. Lightning will divide it by the number of parts once more: make up for that."
    assert not close([[1, 1]]), "All parts alike is what Lightning does by itself, and what is wrong."
    assert not close([[1.5, 0.5]]) and not close([[2, 2 / 3]]), "Upside down: a part with more tokens weighs more."
    assert close([[0.5, 1.5]]), f"For [[1, 3]] expected [[0.5, 1.5]], not {got.tolist()}."
    got = numpy.array(attempt([[1, 3], [4, 2]]), dtype=float)
    assert got.shape == (2, 2), "Two processes of two parts: the same shape."
    assert not close([[0.5, 1.5], [4 / 3, 2 / 3]]), "Each process was weighed by itself. The sum goes over the tokens of all processes."
    assert not close([[0.2, 0.6], [0.8, 0.4]]), "DDP divides by the number of processes, too."
    assert close([[0.4, 1.2], [1.6, 0.8]]), f"For [[1, 3], [4, 2]] expected [[0.4, 1.2], [1.6, 0.8]], not {got.round(3).tolist()}."
    random = numpy.random.default_rng(0)
    for _ in range(20):
        tokens = random.integers(1, 50, size=(3, 4))
        losses = random.uniform(1, 5, size=(3, 4))
        found = (numpy.array(attempt(tokens.tolist())) * losses).mean()
        assert abs(found - (tokens * losses).sum() / tokens.sum()) < 1e-9, "For three processes of four parts it is not the mean over all tokens."

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def factors_solution(counts):
    total = sum(map(sum, counts))
    divided = len(counts) * len(counts[0])
    return [[divided * count / total for count in process] for process in counts]


check_factors(factors_solution)

# %% [markdown]
# ### Exercise 17.4 · A watch for losses (difficulty 3, 20 minutes)
#
# Say which steps of a training should have raised an alarm. A loss that is no finite number is one always. Else it is one if it is larger than `times` times the *median* of the `last` losses before it that were no alarms; as long as there are fewer than `last` of
# those, it is none. `[4, 3, 3, 9, 3, nan]` with `last=3`, `times=2` gives `[3, 5]`.
#
# <details><summary>Hint</summary>
#
# Keep a list of the losses that were no alarms. `math.isfinite`, `statistics.median(kept[-last:])`.
# </details>

# %% tags=["exercise"]
def alarms(losses, last=10, times=2.0):
    """The numbers of the steps, from 0, whose loss is an alarm."""
    raise NotImplementedError

# %% tags=["check"]
from utils.course import exercises


@exercises.check("17.4", alarms)
def check_alarms(attempt):
    nan, inf = float("nan"), float("inf")
    got = attempt([4.0, 3.0, 3.0, 9.0, 3.0, nan], last=3, times=2.0)
    got = list(got) if not isinstance(got, (int, float, type(None))) else got
    assert isinstance(got, list), f"A list of step numbers is asked for, not {got!r}."
    assert got != [3], "The NaN is missing. Every comparison with NaN is false, also nan > 6: ask math.isfinite first."
    assert got != [4, 6], "Steps are counted from 0."
    assert got == [3, 5], f"For the example expected [3, 5], not {got}."
    got = list(attempt([nan, 3.0, inf, 3.0], last=3))
    assert got == [0, 2], f"A loss that is no finite number is an alarm from the first step on, with few losses before it as well. Expected [0, 2], not {got}."
    got = list(attempt([1.0, 1.0, 1.0, 9.0, 9.0, 9.0, 9.0], last=3))
    assert got != [3] and got != [3, 4], "An alarm's own loss must not count as normal later on: after two of them your median is 9."
    assert got == [3, 4, 5, 6], f"For 1, 1, 1, 9, 9, 9, 9 with last=3 expected [3, 4, 5, 6], not {got}."
    got = list(attempt([8.0, 1.0, 1.0, 3.0], last=3))
    assert got != [], "The mean of 8, 1, 1 is 3.3, and their median is 1: the median is asked for."
    assert got == [3], f"For 8, 1, 1, 3 with last=3 expected [3], not {got}."
    got = list(attempt([1.0, 1.0, 1.0, 5.0, 5.0, 5.0, 9.0], last=3, times=6.0))
    assert got == [], "Only the last three count: after 5, 5, 5 a 9 is none for times=6. Does your median go over all losses?"
    assert list(attempt([1.0, 5.0, 5.0], last=3)) == [], "With fewer than `last` losses before it a finite loss is no alarm."
    assert list(attempt([2.0, 2.0, 4.0], last=2)) == [], "Exactly `times` times the median is not larger than it."

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
import math
import statistics


def alarms_solution(losses, last=10, times=2.0):
    kept, found = [], []
    for step, loss in enumerate(losses):
        if not math.isfinite(loss) or (len(kept) >= last and loss > times * statistics.median(kept[-last:])):
            found.append(step)
        else:
            kept.append(loss)
    return found


check_alarms(alarms_solution)

# %% [markdown] tags=["open-task"]
# ### Open task · A GPT of your own text (2 hours)
#
# Take a text that you know well: your mails, a novel out of copyright, the source code of a project. Cut it by documents into training, validation and test, pack it, pretrain with section 5's function within a budget that you name before, and **decide whether the same minutes
# would be spent better on more data, a larger model, or an n-gram model**.
#
# | points | for |
# |---|---|
# | 2 | the text: whose it is, how many tokens, no document in two parts |
# | 2 | the budget by section 2's formula, and what it really took |
# | 3 | bits a byte on the test part, beside n-grams of the best order and `xz`; two seeds |
# | 2 | ten texts that it wrote, with a criterion that you named before you read them |
# | 1 | the decision |
