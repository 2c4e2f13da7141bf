# %% [markdown]
# # 18 · RLHF and DPO
#
# **[Open in Colab](https://colab.research.google.com/github/OWNER/transformers-course/blob/main/notebooks/18_rlhf_and_dpo.ipynb)** ·
# level 3 of 3 · needs lesson 16 · [notation](../data/notation.md) · [glossary](../data/glossary.md)
#
# A language model writes what is *likely*. You want what is *good*, and you cannot write down what that is; but of two answers you
# can say which is better. **How does a model learn from comparisons alone, and what goes wrong when it learns too well?** You train a
# reward model on comparisons, improve a small GPT by REINFORCE and PPO, watch it cheat, and derive DPO, which needs neither reward
# model nor sampling.
#
# | what it costs | time | memory | download |
# |---|---|---|---|
# | CPU, two cores (TIMEDATE) | TIMES s | MEMORY GB | none |
# | Colab T4 (estimated) | 3 min | 3 GB | none |
# | larger GPU (estimated) | 2 min | 3 GB | none |
#
# *In class (50 minutes):* sections 1 to 8 without the cells marked **More**, then *Where it goes wrong* and the summary. The rest is
# for self-study.

# %% [markdown]
# ## You will be able to
#
# 1. **fit** Bradley-Terry to comparisons, and **judge** a reward model on held-out pairs;
# 2. **write** REINFORCE with a baseline, and PPO with its clip, GAE and KL leash;
# 3. **measure** reward against KL, and **make** a reward hack happen, and stop it;
# 4. **derive** DPO line by line, and **prove** your DPO, IPO, KTO, SimPO and ORPO equal to TRL's;
# 5. **name** where the libraries depart from the papers.

# %% [markdown]
# ## Set-up
#
# The cell that opens every lesson; it prints the *run card*. The folded code below it draws the lesson in one picture.

# %% tags=["setup", "nbval-ignore-output"]
import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: threads that wait shall sleep, not spin
REPOSITORY = "OWNER/transformers-course"
if "google.colab" in sys.modules and not Path("/content/course").is_dir():
    how = "python -m utils address OWNER/NAME"
    assert not REPOSITORY.startswith("OWNER/"), f"This copy does not say where the course lies. In the course's folder: {how}"
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", f"https://github.com/{REPOSITORY}", "/content/course"], check=True)
folders = [Path.cwd(), *Path.cwd().parents, Path("/content/course")]
root = next((folder for folder in folders if (folder / "utils" / "__main__.py").is_file()), None)
assert root, "The course's folder was not found. Open this notebook inside the course, or in a folder below it."
sys.path.insert(0, str(root))

from utils.course import runtime

run = runtime.start(lesson=18)

# %% jupyter={"source_hidden": true}
from utils.course import plots, recorded
from utils.course.figures import lesson_18 as figures

if not recorded.is_recording():
    figure = figures.reward_and_kl(recorded.load("18_ppo").results, recorded.load("18_best_of_n").results)
    plots.show(figure, alt="Against the KL from the start: the reward model's score rises without end, the judge's rises and then falls.")

# %% [markdown]
# A policy is trained on the score of a *reward model* (left). What that model stands for is a *judge* (right). The further the policy moves from where it
# began, the higher the left score; the right one rises, and then falls to nothing. Each line is a recorded run, explained in section 6. (The code of
# the drawings is in `utils/course/figures/lesson_18.py`.)

# %% [markdown]
# ## 1. Who wins: Bradley-Terry
#
# Three answers to one question, A, B and C, compared two at a time by several people:
#
# | pair | first wins | second wins |
# |---|---|---|
# | A and B | 3 | 1 |
# | B and C | 3 | 1 |
#
# Who would win between A and C? Give each answer $y$ a number $r(y)$, its *reward*, and say that the odds of a win are $e$ to the
# difference of the rewards. A beats B with odds 3 to 1, so $r(A) - r(B) = \ln 3$; also $r(B) - r(C) = \ln 3$. Then $r(A) - r(C) = 2 \ln 3$: odds of 9 to 1,
# and A wins in 9 of 10 comparisons that nobody made. In general (Bradley and Terry, 1952), $y_w$ (*winner*) is chosen over $y_l$ (*loser*) with probability
#
# $$ p(y_w \succ y_l) = \sigma\big(r(y_w) - r(y_l)\big), \qquad \sigma(z) = \frac{1}{1 + e^{-z}} , $$
#
# and the rewards are fitted to comparisons by cross-entropy:
#
# $$ \mathcal{L} = -\frac{1}{N} \sum_{(w,\, l)} \log \sigma\big(r(y_w) - r(y_l)\big) \qquad \text{over } N \text{ comparisons.} $$

# %%
import torch
import torch.nn.functional as F

won = torch.tensor([0, 0, 0, 1, 1, 1, 1, 2])  # the winner of each comparison: A is 0, B is 1, C is 2
lost = torch.tensor([1, 1, 1, 0, 2, 2, 2, 1])


def bradley_terry(chosen, rejected):
    """Rewards (N,) of winners and losers -> the loss, ()."""
    return -F.logsigmoid(chosen - rejected).mean()


r = torch.zeros(3, requires_grad=True)
for _ in range(400):
    gradient = torch.autograd.grad(bradley_terry(r[won], r[lost]), r)[0]
    r.data -= 2.0 * gradient
print("rewards", [f"{x:+.2f}" for x in r.tolist()], f"  sum {abs(r.sum().item()):.2f}")
print(f"A beats C with probability {torch.sigmoid(r[0] - r[2]).item():.2f}")
assert abs(torch.sigmoid(r[0] - r[2]).item() - 0.9) < 0.005

# %% [markdown]
# Only differences count: add 5 to all three rewards, and no probability changes. So the rewards have no zero of their own. Descent from zero kept their sum at
# zero; a reward model's scores will need a zero, and a scale, given to them.

# %% [markdown]
# ## 2. Stories, a judge, and pairs
#
# People's comparisons are costly, and people cannot be asked again after each training step. So a *program* plays the people here, as in Gao et al. (2022),
# and one can ask it a thousand times. Its taste: **a story should have talk in it, and things that happen, half and half.**
#
# The model is `gpt-mini` (lesson 16): 2.4 million weights, trained on stories that a program wrote. The *prompt* $x$ is a story's first two sentences, the *answer* $y$ at most 40 tokens
# that the model adds. Say an answer has $n$ sentences, of which the share $s$ has speech in it, and $g$ of them are *good*: accepted by the grammar of the small world, in agreement with the facts, and new. The judge's score is
#
# $$ J(x, y) = 4\, s\, (1 - s)\, \frac{g}{n} . $$
#
# Four good sentences, two of them speech: $4 \cdot 0.5 \cdot 0.5 \cdot 1 = 1$. One of four: 0.75. None, or all of them: 0.

# %%
from typing import NamedTuple

from utils.worlds import stories
from utils.worlds.stories.parser import split  # the sentences of a text


class Opinion(NamedTuple):
    score: float
    talk: float  # share of sentences with speech
    good: float  # share of sentences that are good


def judge(prompt, answer):
    """What the judge thinks of an answer; a last sentence that is not finished does not count."""
    told = [sentence for sentence in split(answer) if sentence[-1] in '.!?"']
    if not told:
        return Opinion(0.0, 0.0, 0.0)
    verdict = stories.judge(f"{prompt} {' '.join(told)}")
    wrong = {*verdict.rejected, *(sentence for sentence, _ in verdict.contradictions), *split(prompt)}
    good, talk = len(set(told) - wrong) / len(told), sum('"' in sentence for sentence in told) / len(told)
    return Opinion(4 * talk * (1 - talk) * good, talk, good)


opening = "Mia was a brave girl who lived in Oakham. She loved her uncle Ivan very much."
for answer in ("Mia went to the beach.", '"You can do it, Ivan!" called Mia. Mia went to the beach.', '"You can do it, Ivan!" called Mia. "I cannot do it," whispered Ivan.'):
    print(f"{judge(opening, answer).score:.2f}  {answer}")

# %% [markdown]
# Now answers. `rollout` writes them with the cache of lesson 16, drawn at temperature 1 from all tokens, and gives one batch: ids (B, T), and a mask that is
# true at the answers' tokens. The judge compares the four answers to each prompt, two at a time; a draw makes no pair.

# %%
from itertools import combinations
from random import Random

from utils.alignment import policy, preferences
from utils.data import catalog
from utils.models.gpt import GPT
from utils.small_models import texts

theirs, tokenizer = catalog.load("gpt-mini")
reference = GPT.from_hf(theirs).requires_grad_(False)  # where everything begins; never trained
END, PAD, NEW, WIDTH = tokenizer.eos_token_id, tokenizer.pad_token_id, 40, theirs.config.n_embd
encode = lambda text: tokenizer.encode(text, add_special_tokens=False)


def prompts_of(split, count, longest=28):
    """The first two sentences of stories, as ids; short ones, so that batches are narrow."""
    found, rng = [], Random(f"prompts of lesson 18, {split}")
    while len(found) < count:
        ids = [END, *encode(" ".join(sentence.english for sentence in texts.story(rng, split).sentences[:2]))]
        found += [ids] * (len(ids) <= longest)
    return found


def opinions(answers):
    """The judge's opinion of each row of a batch."""
    first = answers.mask.int().argmax(1)  # where the answer begins
    read = lambda ids: tokenizer.decode(ids, skip_special_tokens=True).strip()
    return [judge(read(ids[:start]), read(ids[mask])) for ids, mask, start in zip(answers.ids, answers.mask, first)]


PROMPTS, HELD_OUT = prompts_of("train", 192), prompts_of("test", 64)

# %%
class Written(NamedTuple):
    prompt: list[int]
    answer: list[int]
    opinion: Opinion


def written(model, prompts, each, seed):
    """For each prompt `each` answers with their opinions: lists of lists."""
    draws, found = torch.Generator().manual_seed(seed), []
    for start in range(0, len(prompts), 16):
        rows = [prompt for prompt in prompts[start : start + 16] for _ in range(each)]
        batch = policy.rollout(model, rows, NEW, draws, END, PAD)
        found += [Written(x, ids[mask].tolist(), opinion) for x, ids, mask, opinion in zip(rows, *batch, opinions(batch))]
    return [found[start : start + each] for start in range(0, len(found), each)]


def pairs_of(groups):
    """(prompt, chosen, rejected) of all that are not a draw."""
    both = [sorted(two, key=lambda one: -one.opinion.score) for group in groups for two in combinations(group, 2)]
    return [(win.prompt, win.answer, lose.answer) for win, lose in both if win.opinion.score > lose.opinion.score]


answers = {"train": written(reference, PROMPTS, 4, seed=0), "test": written(reference, HELD_OUT, 4, seed=1)}
pairs = {part: pairs_of(groups) for part, groups in answers.items()}
flat = [one for groups in answers.values() for group in groups for one in group]
everything = sum(one.opinion.talk == 1 for one in flat)
print("pairs:", {part: len(found) for part, found in pairs.items()}, f"from {len(flat)} answers")
print(f"mean score {sum(one.opinion.score for one in flat) / len(flat):.2f}; answers that are talk alone: {everything}")
x, chosen, rejected = pairs["train"][0]
print(f"\nprompt    {tokenizer.decode(x[1:])}\nchosen   {tokenizer.decode(chosen)}\nrejected {tokenizer.decode(rejected)}")

# %% [markdown]
# ## 3. A reward model
#
# A *reward model* $r_\phi(x, y)$ is a language model with another head: one number instead of $V$ logits, with weights $\phi$. It begins as `gpt-mini` and learns Bradley-Terry on
# the pairs. Papers read the number at the last token. Here it is the *mean* of the numbers at the answer's tokens, which learns far sooner from few pairs. That is a
# departure; the exercise of the open task may try the other.

# %%
import copy


class RewardModel(torch.nn.Module):
    def __init__(self, trunk, width):
        super().__init__()
        self.trunk = copy.deepcopy(trunk).requires_grad_(True)
        self.head = torch.nn.Linear(width, 1)
        torch.nn.init.zeros_(self.head.weight)

    def forward(self, answers):
        scores = self.head(self.trunk.hidden(answers.ids))[..., 0]  # (B, T) -> (B, T, C) -> (B, T)
        return (scores * answers.mask).sum(1) / answers.mask.sum(1)  # (B,)


def trained_on(pairs, steps=32, size=16, seed=18):
    """A reward model after so many steps of `size` pairs, and its losses."""
    torch.manual_seed(seed)
    model, rng, losses = RewardModel(reference, WIDTH), Random(seed), []
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1, (step + 1) / 5) * (1 - step / steps))
    for _ in range(steps):
        x, chosen, rejected = zip(*rng.sample(pairs, size))
        loss = bradley_terry(*model(preferences.Answers.of(x + x, chosen + rejected, PAD)).chunk(2))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return model.eval().requires_grad_(False), losses

# %% [markdown]
# Beside it stand programs that know no weights: the longer answer wins; a *bag of words*, logistic regression on the same pairs; and the answer with more quotation marks wins. The
# last is the best trivial program that I can name, but only somebody who has guessed the judge's taste can name it.

