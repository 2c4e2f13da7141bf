
# %% [markdown]
# ## Exercises
#
# ### Exercise 22.1 · Labels of the answer (difficulty 1, 10 minutes)
#
# Give the labels of one row: the prompt's ids masked with $-100$, the answer's ids as they are, all cut to `longest` places.
#
# <details><summary>Hint</summary>
#
# Lists can be added and multiplied by a number; cut the sum.
# </details>

# %% tags=["exercise"]
def labels_of(prompt, answer, longest):
    """Two lists of ids, a length -> the list of labels"""
    raise NotImplementedError("Exercise 22.1")

# %% tags=["check"]
from utils.course import exercises


@exercises.check("22.1", labels_of)
def check_labels_of(attempt):
    assert attempt([5, 6], [7, 8, 2], 10) != [5, 6, 7, 8, 2], "The prompt's places must be -100: the model shall not learn to ask."
    assert attempt([5, 6], [7, 8, 2], 10) != [7, 8, 2], "The prompt keeps its places: labels are as long as the ids."
    assert attempt([5, 6], [7, 8, 2], 10) == [-100, -100, 7, 8, 2], "Wanted: -100 for each prompt token, then the answer with its end token."
    assert attempt([5, 6], [7, 8, 2], 4) == [-100, -100, 7, 8], "Cut the whole row to `longest` places, at its end."

# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def labels_of_solution(prompt, answer, longest):
    return ([-100] * len(prompt) + list(answer))[:longest]


check_labels_of(labels_of_solution)

# %% [markdown]
# ### Exercise 22.2 · Per byte (difficulty 2, 15 minutes)
#
# From each answer's text and the log-probabilities of its tokens, give the place of the answer with the highest log-likelihood per byte (UTF-8).
#
# <details><summary>Hint</summary>
#
# `len(text)` counts characters; `len(text.encode())` counts bytes.
# </details>

# %% tags=["exercise"]
def likeliest(texts, log_probabilities):
    """Texts; for each a list of its tokens' log-probabilities -> the place of the likeliest per byte"""
    raise NotImplementedError("Exercise 22.2")

# %% tags=["check"]
from utils.course import exercises


@exercises.check("22.2", likeliest)
def check_likeliest(attempt):
    assert attempt(["a" * 80, "b" * 120], [[-24, -24], [-30, -30]]) == 1, "-60 over 120 bytes beats -48 over 80: divide each sum by its bytes."
    assert attempt(["a" * 10, "b" * 10], [[-1, -1, -1, -1], [-3]]) == 1, "Sum over the tokens, then divide by bytes; the number of tokens does not count."
    assert attempt(["ééééé", "abcdefg"], [[-9], [-7]]) == 0, "é has two bytes in UTF-8: count bytes, and not characters."
    assert attempt(["ab", "cd"], [[-4], [-2]]) == 1, "The highest is wanted, and log-probabilities are negative: -2 is above -4."

# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def likeliest_solution(texts, log_probabilities):
    scores = [sum(some) / len(text.encode()) for text, some in zip(texts, log_probabilities)]
    return scores.index(max(scores))


check_likeliest(likeliest_solution)

# %% [markdown]
# ### Exercise 22.3 · Cut the fused matrices (difficulty 3, 20 minutes)
#
# LitGPT keeps the LoRA of query, key and value in one $A$ $(3r, d)$ and one $B$ (outputs, $r$), first the queries' part. With $h$ query heads and $g$ key-value heads of the same size, give the three changes $\frac{\alpha}{r} B_i A_i$.
#
# <details><summary>Hint</summary>
#
# $A$ is cut in three equal parts. $B$ has $h + 2g$ heads of rows: the queries have $h$ of them.
# </details>

# %% tags=["exercise"]
def changes(A, B, heads, groups, alpha):
    """A (3r, d), B (outputs, r) -> [change of query, of key, of value], each (its outputs, d)"""
    raise NotImplementedError("Exercise 22.3")

# %% tags=["check"]
from utils.course import exercises


@exercises.check("22.3", changes)
def check_changes(attempt):
    generator = torch.Generator().manual_seed(0)
    A, B = torch.randn(6, 5, generator=generator), torch.randn(20, 2, generator=generator)  # 3 heads, 1 group, 4 wide; r = 2
    found = attempt(A, B, 3, 1, 4)
    assert [tuple(one.shape) for one in found] != [(20, 5)] * 3, "Cut B, too: the queries have heads x width rows, keys and values groups x width."
    assert [tuple(one.shape) for one in found] == [(12, 5), (4, 5), (4, 5)], "Three heads of four for the queries, one of four for key and value each."
    assert not torch.allclose(found[0], B[:12] @ A[:2]), "The scale alpha / r is missing: r is a third of A's rows."
    assert torch.allclose(found[0], 2 * B[:12] @ A[:2]), "The query's change is alpha / r times B's first part times A's first part; r = 2 here, not 6."
    assert torch.allclose(found[1], 2 * B[12:16] @ A[2:4]), "The key has the second part of A and of B."
    assert torch.allclose(found[2], 2 * B[16:] @ A[4:]), "The value has the last part of both."

# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def changes_solution(A, B, heads, groups, alpha):
    rank, width = len(A) // 3, len(B) // (heads + 2 * groups)
    parts = zip(A.split(rank), B.split([heads * width, groups * width, groups * width]))
    return [alpha / rank * b @ a for a, b in parts]


check_changes(changes_solution)

# %% [markdown]
# ### Exercise 22.4 · When to call (difficulty 2, 15 minutes)
#
# From two lists of True and False, *must call* and *does call*, give the share of missed calls among those that must, and of false alarms among those that need not. A share over nothing is 0.
#
# <details><summary>Hint</summary>
#
# Two sums and two denominators, each of its own kind of rows.
# </details>

# %% tags=["exercise"]
def misses_and_alarms(must, does):
    """-> (missed share, false alarm share)"""
    raise NotImplementedError("Exercise 22.4")

# %% tags=["check"]
from utils.course import exercises


@exercises.check("22.4", misses_and_alarms)
def check_misses_and_alarms(attempt):
    must, does = [True, True, False, False, False], [True, False, True, False, False]
    missed, alarms = attempt(must, does)
    assert abs(missed - 0.2) > 1e-9, "Divide the missed calls by the rows that must call, and not by all rows."
    assert abs(missed - 0.5) < 1e-9, "One of two that must call is missed."
    assert abs(alarms - 1 / 3) < 1e-9, "One of three that need not call is an alarm: divide by those three."
    assert attempt([False], [False]) == (0, 0), "No row must call: that share is 0, and no error."
    assert attempt([True], [True]) == (0, 0), "No row may be a false alarm: that share is 0, and no error."

# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def misses_and_alarms_solution(must, does):
    missed = sum(a and not b for a, b in zip(must, does))
    alarms = sum(b and not a for a, b in zip(must, does))
    return missed / max(sum(must), 1), alarms / max(len(must) - sum(must), 1)


check_misses_and_alarms(misses_and_alarms_solution)

# %% [markdown] tags=["open-task"]
# ### Open task · A field of your own (an afternoon)
#
# Write 30 facts of a field in which a wrong answer hurts nobody (your library, your bicycle, your town), with three questions each. Decide between retrieval, fine-tuning and both.
#
# | points | what is asked |
# |---|---|
# | 2 | the facts, each with two wordings for training and one held out, five facts kept unseen |
# | 2 | retrieval, with its interval, on held-out wordings and unseen facts |
# | 2 | LitGPT or lesson 13's LoRA on the same rows, judged before and after |
# | 2 | ten wrong answers read, and sorted by what a reader would do |
# | 2 | a decision, and what happens when a fact changes |

# %% [markdown]
# ## Scorecard
#
# *Recorded* rows come from the logs in `data/runs`. What hangs on LitGPT's environment stands in a second card.

# %% tags=["scorecard"]
from utils.course.scorecard import Scorecard

card = Scorecard(lesson=22)
losses = log.results
card.at_least("recorded: steps that LitGPT's trainer logged", len(losses["training"]), 200, digits=0)
card.at_most("recorded: validation loss after, over before", losses["validation"][-1] / losses["validation"][0], 0.3, digits=2)
SCOREROWS
card.at_most("live: scores of eight rows against the recorded", apart_live, 0.01, digits=3)
card.equal("nearest training question on unseen facts: never right", bool(right["MiniLM, nearest question"][where["unseen"]].any()), False)
card.at_least("search in a store with the new facts: unseen facts right, low end", written["MiniLM, nearest answer"]["unseen"].low, 0.3)
card.show()

# %% tags=["scorecard", "nbval-ignore-output"]
ran = Scorecard(lesson=22)
if tool:
    ran.at_least("LitGPT's own trainer ran live: fall of the validation loss", live_losses["validation"][0] - live_losses["validation"][-1], 0.15)
    ran.at_most("its first loss against the recorded run's", first_apart, 0.02)
    ran.at_most("logits apart after the conversion to LitGPT", apart_to, 1e-3)
    ran.at_most("logits apart after the conversion back", apart_back, 1e-3)
    ran.at_most("merged against unmerged", apart_merged, 1e-3)
    ran.at_most("LitGPT's adapter in the course's LoRA", apart_course, 1e-3)
    ran.equal("the same prompt, token for token", same_prompt, True)
else:
    ran.equal("LitGPT did NOT run here; the course's own LoRA carried the adapter", layers, 210)
ran.show()

# %% [markdown]
# ## Summary
#
# 1. LitGPT's path is convert, fine-tune, merge, generate, convert back; each stage is proved by logits, and not by its exit code.
# 2. What it trains is lesson 13's LoRA: the adapter gives the same logits in the course's own layers.
# 3. Here the loss fell far, and the model picks trained answers better than before; its own sentences name the right fact no more often. On facts never seen it got worse: it answers with what it was trained on.
# 4. A search in a store beats it on both, names its source, and takes up a new fact without training.
# 5. The tuned model's voice is the same where it is dangerously wrong. Nothing here may advise anybody.
#
# **New words**, in the [glossary](../data/glossary.md): LitGPT; retrieval-augmented generation (RAG); fact store; held-out phrasing; likelihood per byte; driver.
#
# **Papers.** Hu et al., *LoRA*, 2021, [arXiv 2106.09685](https://arxiv.org/abs/2106.09685) · Dettmers et al., *QLoRA*, 2023, [arXiv 2305.14314](https://arxiv.org/abs/2305.14314) ·
# Lewis et al., *Retrieval-Augmented Generation for Knowledge-Intensive NLP Tasks*, 2020, [arXiv 2005.11401](https://arxiv.org/abs/2005.11401) · Ovadia et al., *Fine-Tuning or Retrieval?*, 2023, [arXiv 2312.05934](https://arxiv.org/abs/2312.05934) ·
# Gekhman et al., *Does Fine-Tuning LLMs on New Knowledge Encourage Hallucinations?*, 2024, [arXiv 2405.05904](https://arxiv.org/abs/2405.05904) · Singhal et al., *Large Language Models Encode Clinical Knowledge*, 2022, [arXiv 2212.13138](https://arxiv.org/abs/2212.13138) ·
# Jin et al., *PubMedQA*, 2019, [arXiv 1909.06146](https://arxiv.org/abs/1909.06146) · Grattafiori et al., *The Llama 3 Herd of Models*, 2024, [arXiv 2407.21783](https://arxiv.org/abs/2407.21783)
#
# **Next:** lesson 23, DeepSeek: attention with a smaller memory, and many experts of which few work.
