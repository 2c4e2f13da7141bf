# %% [markdown]
# # 18 · RLHF and DPO
#
# **[Open in Colab](https://colab.research.google.com/github/OWNER/transformers-course/blob/main/notebooks/18_rlhf_and_dpo.ipynb)** ·
# level 3 of 3 · needs lesson 16 · [notation](../data/notation.md) · [glossary](../data/glossary.md)
#
# A language model writes what is *likely*. You want what is *good*, and you cannot write down what that is; but of two answers you
# can say which is better. **How does a model learn from comparisons alone, and what goes wrong when it learns too well?** You train a
# reward model on comparisons, improve a small GPT by REINFORCE and PPO, watch its score rise while its stories fall apart, and derive DPO, which
# needs neither reward model nor sampling.
#
# | what it costs | time | memory | download |
# |---|---|---|---|
# | CPU, two cores (TIMEDATE) | TIMES s | MEMORY GB | none |
# | Colab T4 (estimated) | 3 min | 3 GB | none |
# | larger GPU (estimated) | 2 min | 3 GB | none |
#
# *In class (50 minutes):* sections 1 to 7, 9 and 10 without the cells marked **More**, then *Where it goes wrong* and the summary.
# The rest is for self-study.

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
    plots.show(figure, alt="Over the KL: the reward model's score goes up and stays up, the judge's goes up and then down.")

# %% [markdown]
# A policy is trained on the score of a *reward model* (left). What that model stands for is a *judge* (right). The further the policy moves from where
# it began (the *KL*, section 5), the higher the left score, up to a ceiling. The right one rises with it at first, and then falls to nothing where no leash
# holds the policy back. Each line is a recorded run, explained in section 6. (The code of the drawings is in `utils/course/figures/lesson_18.py`.)

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
    r.data -= 2.0 * torch.autograd.grad(bradley_terry(r[won], r[lost]), r)[0]
print(f"rewards {[round(x, 2) for x in r.tolist()]}; A beats C with probability {torch.sigmoid(r[0] - r[2]).item():.2f}")
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
for answer in ("Mia went to the beach.", '"You can do it, Ivan!" called Mia. Mia went to the beach.',
               '"You can do it, Ivan!" called Mia. "I cannot do it," whispered Ivan.'):  # fmt: skip
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
# the pairs. Papers read the number at the last token. Here it is the *mean* of the numbers at the answer's tokens, so that from few pairs each token learns. That is a
# departure; the open task may try the other.

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

# %% [markdown] tags=["predict"]
# **Predict.** In the pairs nearly every answer is mostly telling: where there is a sentence of speech, it wins. Answers that are talk alone come up a few times in a thousand. What score will the
# reward model give to those, which the judge gives 0?

# %% tags=["nbval-ignore-output"]
from utils import metrics
from utils.experiments import tastes

reward_model, losses = trained_on(pairs["train"])
x, chosen, rejected = zip(*pairs["test"])


def scores_of(model, prompts, answers):
    """A reward model's scores of any number of answers, (rows,)."""
    parts = range(0, len(answers), 32)
    return torch.cat([model(preferences.Answers.of(prompts[at : at + 32], answers[at : at + 32], PAD)) for at in parts])


def agreement(scores, others):
    """For each held-out prompt the share of its pairs in which the first score is higher; a draw counts half."""
    shares = {}
    for prompt, a, b in zip(x, scores, others):
        shares.setdefault(tuple(prompt), []).append((a > b) + 0.5 * (a == b))
    return [sum(each) / len(each) for each in shares.values()]


text = lambda ids: tokenizer.decode(ids, skip_special_tokens=True)
right = {"reward model": agreement(*(scores_of(reward_model, x, y).tolist() for y in (chosen, rejected)))}
programs = {"longer wins": lambda y: len(text(y)), "quotation marks": lambda y: text(y).count('"'),
            "bag of words": tastes.bag_of_words(pairs["train"], text)}  # fmt: skip
for name, program in programs.items():
    right[name] = agreement(map(program, chosen), map(program, rejected))
accuracy = {name: metrics.mean_interval(shares) for name, shares in right.items()}  # over prompts
for name, share in accuracy.items():
    print(f"{name:<16} right on held-out pairs: {share}")
ahead = metrics.gain_interval(right["quotation marks"], right["reward model"])
print(f"reward model ahead of quotation marks by {ahead}")
assert accuracy["reward model"].low > accuracy["longer wins"].high and accuracy["reward model"].low > 0.75 and ahead.low <= 0

# %% [markdown]
# The reward model has learned most of the judge's taste, from pairs alone. Better than counting quotation marks it is not shown to be. What an accuracy on *such* pairs hides, the next figure shows: a mean score for each share of
# talk, over all held-out answers. Talk alone is too rare to measure, so those answers are made: all sentences of speech in the four answers to a prompt, one after the other. First the scale. Differences alone were learned, so from here on the score is shifted and scaled to mean 0 and standard deviation 1 over `gpt-mini`'s own answers.

# %% tags=["nbval-ignore-output"]
told = [one for group in answers["test"] for one in group]
raw = scores_of(reward_model, *zip(*((one.prompt, one.answer) for one in told)))
CENTER, SCALE = raw.mean(), raw.std()


def model_reward(answers):
    return (reward_model(answers) - CENTER) / SCALE  # (B,)


def talk_alone(group):
    """The sentences of speech in all four answers to a prompt, as one answer."""
    sentences = [sentence for one in group for sentence in split(text(one.answer)) if sentence[-1] in '.!?"']
    said = dict.fromkeys(sentence for sentence in sentences if '"' in sentence)
    return [*encode(" " + " ".join(said))] if len(said) > 1 else None


probe = [(group[0].prompt, ids) for group in answers["test"] if (ids := talk_alone(group))]
talk, by_judge = (torch.tensor([getattr(one.opinion, part) for one in told]) for part in ("talk", "score"))
bands = [(talk >= low) & (talk <= high) for low, high in ((0, 0), (0.01, 0.3), (0.31, 0.45), (0.46, 0.6), (0.61, 0.9))]
of_probe = scores_of(reward_model, *zip(*probe))
means = {"share": [talk[band].mean().item() for band in bands] + [1.0],
         "count": [int(band.sum()) for band in bands] + [len(probe)],
         "judge": [by_judge[band].mean().item() for band in bands] + [0.0],
         "reward model": [scores.mean().item() for scores in (*(raw[band] for band in bands), of_probe)]}  # fmt: skip
means["reward model"] = [(score - CENTER.item()) / SCALE.item() for score in means["reward model"]]
plots.show(figures.by_talk(means), alt="Mean score over the share of talk: the reward model's only goes up, the judge's up and down.")
assert means["reward model"][-1] > means["reward model"][3] > means["reward model"][0] and len(probe) > 10

# %% [markdown]
# The judge likes a half best. The reward model has seen that more talk wins, and goes on in a straight line: answers of talk alone get its *highest* score. In the data that hardly matters. It will as soon as a policy *looks* for high scores.

# %% [markdown]
# ## 4. REINFORCE: what paid off, more of it
#
# A *policy* $\pi_\theta$ is a language model that is trained on rewards; $\pi_\theta(y \mid x)$ is the probability of the answer $y$. A reward has no derivative with respect to the weights $\theta$: it is a
# number that comes back. The probability of the answer has one. With $\nabla \pi = \pi\, \nabla \log \pi$,
#
# $$ \nabla_\theta\, \mathbb{E}_{y \sim \pi_\theta} [r(y)] = \sum_y r(y)\, \nabla \pi_\theta(y) = \sum_y \pi_\theta(y)\, r(y)\, \nabla \log \pi_\theta(y) = \mathbb{E}_{y \sim \pi_\theta} \big[ r(y)\, \nabla \log \pi_\theta(y) \big] , $$
#
# a mean over answers that the policy writes itself (Williams, 1992). Any number $b$, the *baseline*, may be taken off $r$, since $\sum_y \pi\, \nabla \log \pi = \nabla 1 = 0$. What is left, $r - b$, is an *advantage*.
#
# By hand: two answers with rewards 10 and 11, each with probability ½ and logits $(0, 0)$. Then $\nabla \log \pi$ of the first is $(½, -½)$, of the second $(-½, ½)$. A draw gives $(5, -5)$ or $(-5.5, 5.5)$: the mean is right, $(-0.25, 0.25)$, but
# each draw is some twenty times as long, and half of them point the other way. With $b = 10.5$ *both* draws give exactly $(-0.25, 0.25)$.

# %%
def gradient_of(logits, answer, advantage):
    """(1 / batch) sum of A grad log pi over a batch of answers: (4,)."""
    logits = logits.detach().requires_grad_()
    log_probs = logits.log_softmax(-1)[answer]  # (batch,)
    return torch.autograd.grad((log_probs * advantage).mean(), logits)[0]


draws = torch.Generator().manual_seed(0)
logits, rewards = torch.tensor([0.5, 0.0, -0.5, 1.0]), torch.tensor([10.0, 11.0, 12.0, 9.0])
found = {"no baseline": [], "mean of the others": []}
for _ in range(2000):
    y = logits.softmax(-1).multinomial(16, replacement=True, generator=draws)
    others = (rewards[y].sum() - rewards[y]) / 15  # a baseline that does not know this answer
    for name, b in zip(found, (0.0, others)):
        found[name].append(gradient_of(logits, y, rewards[y] - b))
p = logits.softmax(-1)
exact = p * (rewards - (p * rewards).sum())
spread = {name: torch.stack(each).var(0).sum().item() for name, each in found.items()}
for name, each in found.items():
    print(f"{name:<19} mean {[f'{g:+.2f}' for g in torch.stack(each).mean(0).tolist()]}, total variance {spread[name]:.3f}")
print(f"{'exact':<19}      {[f'{g:+.2f}' for g in exact.tolist()]}")
assert spread["no baseline"] > 20 * spread["mean of the others"]

# %% [markdown]
# Both are right on average; without the baseline the variance is many times larger, and so is the number of answers you would need. On stories: the reward is the judge's own score, a number that a
# program gives. An answer's advantage goes to all its tokens, as $\log \pi(y \mid x)$ is the sum of theirs.
# `token_log_probs` gives these as a grid (B, T - 1): column $t$ belongs to token $t + 1$, and is 0 where that is no token of the answer.

# %%
class Learner:
    """A policy that begins as gpt-mini, a head that guesses what is still to come (section 5), and their optimizer."""

    def __init__(self, seed, rate=5e-4):
        torch.manual_seed(seed)
        device = reference.embedding.weight.device
        self.policy = copy.deepcopy(reference).requires_grad_(True)
        self.value = torch.nn.Linear(WIDTH, 1, device=device)
        torch.nn.init.zeros_(self.value.weight)
        self.optimizer = torch.optim.AdamW([{"params": self.policy.parameters(), "lr": rate},
                                            {"params": self.value.parameters(), "lr": 1e-2}], weight_decay=0.0)  # fmt: skip
        self.draws, self.prompts = torch.Generator(device).manual_seed(seed), Random(seed)

    def answers(self, rows=32):
        return policy.rollout(self.policy, self.prompts.sample(PROMPTS, rows), NEW, self.draws, END, PAD)

    def descend(self, loss):
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.policy.parameters(), 1.0)
        self.optimizer.step()


def judge_reward(answers):
    return torch.tensor([opinion.score for opinion in opinions(answers)], device=answers.ids.device)


def reinforce_step(learner, reward):
    """One batch of answers, one step; gives the batch's mean reward."""
    answers = learner.answers()
    rewards = reward(answers)  # (B,)
    advantages = (rewards - (rewards.sum() - rewards) / (len(rewards) - 1))[:, None]  # (B, 1): the same for all tokens
    log_probs = preferences.token_log_probs(learner.policy, answers)  # (B, T - 1)
    learner.descend(-(log_probs * advantages).sum() / answers.mask.sum())
    return rewards.mean().item()

# %% [markdown] tags=["predict"]
# **Predict.** Six steps of 32 answers each. How far up does the judge's mean score come from about 0.2?

# %% tags=["nbval-ignore-output"]
learner = Learner(seed=0)
climb = [reinforce_step(learner, judge_reward) for _ in range(6)]
print("judge's mean score in each step:", " ".join(f"{score:.2f}" for score in climb))
first, last = sum(climb[:3]) / 3, sum(climb[-3:]) / 3
print(f"first three steps {first:.2f}, last three {last:.2f}")
assert last > first + 0.05

# %% [markdown]
# It works, and each answer was used for one step and thrown away, though writing answers is most of the cost. A second step on the same batch would be wrong, since the policy that takes it is no longer the one
# that wrote. PPO is a way to dare it.

# %% [markdown]
# ## 5. PPO by hand
#
# **The ratio and its clip.** Let $\pi_{\text{old}}$ be the policy that wrote the answers, and $\rho_t = \pi_\theta(y_t \mid \cdot) / \pi_{\text{old}}(y_t \mid \cdot)$ the *ratio* for token $t$; before the first step it is 1. The gradient of $\rho_t A_t$ is, there, that of REINFORCE. Later
# $\rho_t$ moves away from 1, and the clip takes away the reason to move it further than $\epsilon = 0.2$ (Schulman et al., 2017):
#
# $$ \mathcal{L} = -\,\text{mean}_t\ \min\big(\rho_t A_t,\ \text{clip}(\rho_t, 1 - \epsilon, 1 + \epsilon)\, A_t\big) . $$
#
# By hand, $\rho = 1.5$: with $A = +2$ the minimum of 3 and 2.4 is 2.4, a constant, so no gradient: this token has been pushed far enough. With $A = -2$ it is the minimum of $-3$ and $-2.4$: $-3$, and the gradient stays, which brings the token back.

# %%
def clipped_loss(log_probs, old, advantages, mask, clip=0.2):
    """Grids (B, T - 1) -> the loss, ()."""
    ratio = (log_probs - old).exp()
    surrogate = torch.minimum(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages)
    return -(surrogate * mask).sum() / mask.sum()


one = torch.ones(1, 1, dtype=torch.bool)
for A in (2.0, -2.0):
    log_prob = torch.tensor([[1.5]]).log().requires_grad_()
    loss = clipped_loss(log_prob, torch.zeros(1, 1), torch.tensor([[A]]), one)
    slope = 0.0 - torch.autograd.grad(loss, log_prob)[0].item()
    print(f"ratio 1.5, A = {A:+.0f}: objective {-loss.item():+.1f}, its gradient {slope:+.1f}")

# %% [markdown]
# **The leash.** The policy shall not run away from $\pi_{\text{ref}}$, the model it began as. So each token pays for being likelier now than it was then: with the answer's reward $R$ at the last token $T$, token $t$ earns
#
# $$ r_t = -\beta\, \big( \log \pi_{\text{old}}(y_t \mid \cdot) - \log \pi_{\text{ref}}(y_t \mid \cdot) \big) + R \cdot [\,t = T\,] . $$
#
# The mean of $\sum_t (\log \pi - \log \pi_{\text{ref}})$ over answers that $\pi$ wrote is the *Kullback-Leibler divergence* $\text{KL}(\pi \,\|\, \pi_{\text{ref}})$, in nats: 0 for equal policies, and else above. So on average an answer earns $R - \beta\, \text{KL}$ (Ziegler et al., 2019). The field calls it the KL *penalty*; $\beta$ is how short the leash is.
#
# **GAE.** Which token deserves the praise? A *value head* guesses from each state (the tokens so far) what is still to come, $V_t$. What a token changes is $\delta_t = r_t + \gamma V_{t+1} - V_t$, with $V = 0$ after the end. *Generalized advantage estimation* adds up what follows, fading by $\gamma \lambda$:
#
# $$ A_t = \delta_t + \gamma \lambda\, A_{t+1} . $$
#
# By hand: three tokens, $V = (0.2, 0.4, 0.9)$, rewards $(0, 0, 1)$, $\gamma = 1$, $\lambda = 0.5$. Then $\delta = (0.2, 0.5, 0.1)$, and from the end $A_3 = 0.1$, $A_2 = 0.5 + 0.05 = 0.55$, $A_1 = 0.2 + 0.275 = 0.475$. The second token, which raised hopes most, gets most. With $\lambda = 1$ all get $1 - V_t$.

# %%
def leashed(rewards, log_probs, fixed, mask, beta):
    """rewards (B,) and grids (B, T - 1) of log pi and log pi_ref -> what each token earns, (B, T - 1)."""
    last = mask & (mask.flip(1).cumsum(1).flip(1) == 1)
    return -beta * (log_probs - fixed) * mask + rewards[:, None] * last


def gae(rewards, values, mask, gamma=1.0, lam=0.95):
    """Grids -> advantages and returns A + V, both zero off the mask."""
    values = values * mask
    advantages = torch.zeros_like(values)
    following = next_value = torch.zeros_like(values[:, 0])
    for t in reversed(range(values.shape[1])):
        delta = rewards[:, t] + gamma * next_value - values[:, t]
        following = (delta + gamma * lam * following) * mask[:, t]
        next_value = values[:, t]
        advantages[:, t] = following
    return advantages, advantages + values


by_hand, _ = gae(torch.tensor([[0.0, 0, 1]]), torch.tensor([[0.2, 0.4, 0.9]]), torch.ones(1, 3).bool(), lam=0.5)
print("advantages", [round(a, 3) for a in by_hand[0].tolist()])
assert [round(a, 3) for a in by_hand[0].tolist()] == [0.475, 0.55, 0.1]

# %% [markdown]
# The same in `utils.alignment.policy`, on random grids with answers of unlike length: values, and gradients of the loss. (The tests of the course compare the clip with TRL's as well: it has no PPO trainer any more, but GRPO uses the same clip.)

# %%
grids = torch.randn(5, 6, 12, generator=torch.Generator().manual_seed(5)).unbind()
mask = (torch.arange(12) >= 3) & (torch.arange(12) < torch.tensor([5, 12, 7, 9, 4, 10])[:, None])  # (6, 12)
noise, old, fixed, values, advantages = grids
log_probs = (old + 0.3 * noise).requires_grad_()
both = [(leashed(grids[0][:, 0], old, fixed, mask, 0.1), policy.leashed_rewards(grids[0][:, 0], old, fixed, mask, 0.1))]
both += zip(gae(both[0][0], values, mask), policy.gae(both[0][0], values, mask))
losses_of_both = [loss(log_probs, old, advantages, mask) for loss in (clipped_loss, policy.ppo_loss)]
both += [losses_of_both, [torch.autograd.grad(loss, log_probs)[0] for loss in losses_of_both]]
ppo_difference = max((ours - theirs).abs().max().item() for ours, theirs in both)
clipped = policy.share_clipped(log_probs.detach(), old, advantages, mask)
print(f"leash, advantages, returns, loss, gradient equal utils': {ppo_difference < 1e-5}; clipped: {clipped:.0%} of tokens")
assert ppo_difference < 1e-5

# %% tags=["nbval-ignore-output"]
import ipywidgets
from utils.course import widgets


def draw_clip(clip, ratio):
    return figures.clip(clip, ratio)


widgets.explore(draw_clip, alt="PPO's objective over the ratio, for advantages above and below zero: flat beyond the clip on one side.",
                clip=ipywidgets.FloatSlider(value=0.2, min=0.05, max=0.5, step=0.05),
                ratio=ipywidgets.FloatSlider(value=1.5, min=0.4, max=1.8, step=0.1))  # fmt: skip

# %% [markdown]
# Flat means: no gradient. A token that paid off ($A > 0$) is pushed up to $1 + \epsilon$ and no further; one that did not is pushed down to $1 - \epsilon$. On the other sides the line goes on, so that a mistake can be taken back.
#
# One step of PPO: write, score, pay for the leash, guess, two rounds of descent on the same answers. Advantages are brought to mean 0 and deviation 1 over the batch's tokens. Departures from InstructGPT: the value head reads the policy's own vectors and sends no gradient into them, where InstructGPT has a second whole model for it;
# no mix of pretraining text; and an answer that was cut off counts as ended. Beside scores and KL it reports what the value head is worth: the share of the returns' variance that its guesses *explain*, where 0 is what a constant would do, and less than 0 is worse.

# %%
def ppo_step(learner, reward, beta, rounds=2):
    """One batch of answers and `rounds` steps on it; what was measured on the batch before them."""
    answers = learner.answers()
    mask, rewards = answers.mask[:, 1:], reward(answers)
    with torch.no_grad():
        old, fixed = (preferences.token_log_probs(model, answers) for model in (learner.policy, reference))  # (B, T - 1)
        states = learner.policy.hidden(answers.ids)[:, :-1]  # (B, T - 1, C)
        values = learner.value(states)[..., 0]
    advantages, returns = gae(leashed(rewards, old, fixed, mask, beta), values, mask)
    advantages = policy.standardized(advantages, mask)
    for _ in range(rounds):
        log_probs = preferences.token_log_probs(learner.policy, answers)
        guesses = learner.value(states)[..., 0]
        learner.descend(clipped_loss(log_probs, old, advantages, mask) + policy.value_loss(guesses, returns, mask))
    return {"reward": rewards.mean().item(), "kl": ((old - fixed) * mask).sum(1).mean().item(),
            **dict(zip(Opinion._fields, torch.tensor(opinions(answers)).mean(0).tolist())),
            "explained": 1 - ((returns - values)[mask].square().mean() / returns[mask].var(unbiased=False)).item()}  # fmt: skip

# %% [markdown] tags=["predict"]
# **Predict.** Now the reward is the reward model's score, and there is no leash: $\beta = 0$. Eight steps: will the judge's score, which nobody optimizes here, go up as well?

# %% tags=["nbval-ignore-output"]
def show(number, step):
    print(f"step {number:>2}  reward model {step['reward']:+.2f}   judge {step['score']:.2f}   KL {step['kl']:5.2f}   "
          f"talk {step['talk']:3.0%}   good {step['good']:3.0%}   explained {step['explained']:+.2f}")  # fmt: skip


learner = Learner(seed=0)
steps = [ppo_step(learner, model_reward, beta=0.0) for _ in range(8)]
for number, step in enumerate(steps, 1):
    show(number, step)
mean_of = lambda part, name: sum(step[name] for step in part) / len(part)
gains = {name: mean_of(steps[-3:], name) - mean_of(steps[:3], name) for name in ("reward", "score")}
assert gains["reward"] > 0.3 and gains["score"] > 0.05

# %% [markdown]
# Both go up: the reward model stands for the judge, so far. The value head explains a part of the returns at best.

# %% [markdown] tags=["predict"]
# **Predict.** The same policy goes on for five steps. What becomes of the reward model's score, of the judge's, and of the stories?

# %% tags=["nbval-ignore-output"]
off = [ppo_step(learner, model_reward, beta=0.0) for _ in range(5)]
for number, step in enumerate(off, 9):
    show(number, step)
ends = {name: mean_of(off[-2:], name) for name in ("reward", "score")}
best_seen = max(step["score"] for step in steps + off)
print(f"best of the judge's scores on the way: {best_seen:.2f}; mean of the last two steps: {ends['score']:.2f}")
assert ends["reward"] > steps[-1]["reward"] and ends["score"] < best_seen - 0.1

# %% [markdown]
# The proxy rises, and what it stands for turns and falls. That is *reward hacking*: nobody cheats in any human sense. Descent finds where the reward model is wrong, as it finds everything else that pays. Section 3 showed where that would be: ever more talk.
#
# ## 6. Reward against KL
#
# How far may a policy go? The *recorded run* trains on the reward model with three leashes, $\beta = 0$, 0.03 and 0.1, with three seeds each, for 25 steps; beside them a policy on the judge's own score ($\beta = 0.03$), which is no proxy. At the end each writes an answer to all 64 held-out prompts.

# %%
ARMS = {"no leash": (model_reward, 0.0), "beta 0.03": (model_reward, 0.03), "beta 0.1": (model_reward, 0.1),
        "judge's own score": (judge_reward, 0.03)}  # fmt: skip
SEEDS, STEPS = 3, 25


@torch.no_grad()
def on_held_out(model, seed):
    """One answer to each held-out prompt: scores, KL from the reference, and some texts."""
    model.eval()
    answers = policy.rollout(model, HELD_OUT, NEW, torch.Generator().manual_seed(seed), END, PAD)
    log_probs, fixed = (preferences.answer_log_probs(each, answers) for each in (model, reference))
    found = opinions(answers)
    return {"judge": [round(opinion.score, 3) for opinion in found],
            "talk": sum(opinion.talk for opinion in found) / len(found),
            "good": sum(opinion.good for opinion in found) / len(found), "reward": model_reward(answers).mean().item(),
            "kl": (log_probs - fixed).mean().item(), "texts": [text(ids[mask]) for ids, mask in zip(*answers)][:4]}  # fmt: skip


def one_run(reward, beta, seed):
    learner = Learner(seed)
    steps = [ppo_step(learner, reward, beta) for _ in range(STEPS)]
    steps = {name: [round(step[name], 3) for step in steps] for name in steps[0]}
    return {"steps": steps, "held out": on_held_out(learner.policy, 100 + seed)}


def all_runs():
    runs = {name: [one_run(*arm, seed) for seed in range(SEEDS)] for name, arm in ARMS.items()}
    return runs | {"start": on_held_out(reference, 100)}

# %% [markdown] tags=["predict"]
# **Predict.** Without a leash, what will the reward model's score and the judge's be after 25 steps? And with $\beta = 0.1$?

# %%
betas = {name: beta for name, (_, beta) in ARMS.items()}
log = recorded.results("18_ppo", lesson=18, settings={"arms": betas, "seeds": SEEDS, "steps": STEPS}, compute=all_runs)
print(log)
by_arm = {name: log.results[name] for name in ARMS}
judged = {name: torch.tensor([run["held out"]["judge"] for run in runs]) for name, runs in by_arm.items()}  # (seeds, prompts)
ended = {name: metrics.mean_interval(scores.mean(0).tolist()) for name, scores in judged.items()}
began = metrics.mean_interval(log.results["start"]["judge"])
show_interval = lambda found: f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"
print(f"{'start':<17}  judge {show_interval(began)}")
for name, runs in by_arm.items():
    last, seeds = [run["held out"] for run in runs], " ".join(f"{mean:.2f}" for mean in judged[name].mean(1).tolist())
    print(f"{name:<17}  judge {show_interval(ended[name])}, by seed {seeds}   reward model",
          " ".join(f"{each['reward']:+.1f}" for each in last), "  KL", " ".join(f"{each['kl']:.0f}" for each in last))  # fmt: skip
between = {pair: metrics.gain_interval(*(judged[name].mean(0).tolist() for name in pair)) for pair in
           (("beta 0.03", "beta 0.1"), ("beta 0.03", "judge's own score"), ("beta 0.1", "judge's own score"))}  # fmt: skip
for (first, second), gain in between.items():
    print(f"{second} above {first}: {show_interval(gain)}")
at_like_kl = {}
for name in ("no leash", "beta 0.03"):
    rows = [zip(run["steps"]["kl"], run["steps"]["score"]) for run in by_arm[name]]
    at_like_kl[name] = [torch.tensor([score for kl, score in each if 12 <= kl < 25]).mean().item() for each in rows]
    print(f"{name}, steps of 12 to 25 nats: judge by seed", " ".join(f"{mean:.2f}" for mean in at_like_kl[name]))
assert min(at_like_kl["beta 0.03"]) > max(at_like_kl["no leash"]) and ended["no leash"].high < began.low and min(ended[name].low for name in ("beta 0.03", "beta 0.1")) > began.high
assert between["beta 0.03", "beta 0.1"].low <= 0 < min(between[name, "judge's own score"].low for name in ("beta 0.03", "beta 0.1"))

# %% [markdown]
# (Intervals are over the 64 prompts, each with the mean of its three seeds.) Without a leash the reward model's scores are the highest, and the judge's next to nothing, in every seed.
# On either leash the judge's score lies well above the start. That the shorter leash is better than the longer one is *not* shown: the interval contains 0.
# The policy that was paid the judge's own score is ahead of both: that much the proxy costs, even on a leash.
#
# Look at the figure at the top again. Up to some 9 nats all lines lie together, whatever $\beta$: there a leash only stops the policy before the turn, and stopping early would do the same. Gao et al. (2022) found no more than that in their reward models of up to
# 3 billion weights. Here, further out, there is more: between 12 and 25 nats the policy on the longer leash scores higher than the one without, in every seed.

# %% [markdown]
# ## 7. The hack, step by step
#
# Three scores over the steps, a line for each seed, without a leash and with $\beta = 0.1$. Below the figure stand two answers of each, to the same prompts.

# %%
plots.show(figures.hack(by_arm), alt="Without a leash the reward model's score stays high; the judge's and the good sentences vanish.")
for name in ("no leash", "beta 0.1"):
    print(name, *(f"   {said.strip()}" for said in by_arm[name][0]["held out"]["texts"][:2]), sep="\n")

# %% [markdown]
# First comes what section 3 foretold: more talk, which the judge likes, too, up to a half. From there on the two part. Sentences break off in the middle, words are repeated, and in the end hardly a sentence is good. Next to no pair
# of section 2 had such an answer in it, so the reward model never learned that it is bad: its score stays at its ceiling all the while. From that score alone you would not notice. On the leash, broken text is dear, since the reference finds it very unlikely.

# %% [markdown] tags=["more", "predict"]
# ## 8. More: best of n
#
# There is a way without training: write $n$ answers, score them, keep the best. How far is *that* from the start? If no two scores are equal, its KL from the policy that wrote is at most
#
# $$ \text{KL}(\text{best of } n \,\|\, \pi_{\text{ref}}) \le \ln n - \frac{n - 1}{n} , $$
#
# which was long taken for the exact value (Beirami et al., 2024, show that it is a bound). For $n = 4$: $1.39 - 0.75 = 0.64$ nats; for $n = 64$: $3.17$. Out of $m = 64$ answers to a prompt, the mean over *all* sets of $n$ can be had at once: sorted by score, the answer of rank $i = 0, 1, \dots$ from below is the best in $\binom{i}{n-1}$ of the $\binom{m}{n}$ sets.
#
# **Predict.** From $n = 1$ to 64: does the judge's score of the best by the reward model rise all the way?

# %% tags=["more"]
@torch.no_grad()
def best_of_n(prompts=32, m=64):
    flat = [one for group in written(reference, HELD_OUT[:prompts], m, seed=2) for one in group]
    scores = scores_of(reward_model, *zip(*((one.prompt, one.answer) for one in flat))).view(prompts, m)
    scores, by_judge = (scores - CENTER) / SCALE, torch.tensor([one.opinion.score for one in flat]).view(prompts, m)
    return {str(n): {name: [round(mean, 3) for mean in tastes.best_of(n, scores, values).tolist()] for name, values in
                     (("reward", scores), ("judge", by_judge))} for n in (1, 2, 4, 8, 16, 32, 64)}  # fmt: skip


best = recorded.results("18_best_of_n", lesson=18, settings={"prompts": 32, "answers": 64}, compute=best_of_n)
print(best)
for n, found in best.results.items():
    reward, by_judge = (metrics.mean_interval(found[name]) for name in ("reward", "judge"))
    bound = figures.bound(int(n))
    print(f"n = {n:>2}   KL at most {bound:.2f}   reward model {reward.value:+.2f}   judge {show_interval(by_judge)}")

# %% [markdown] tags=["more"]
# TEXT-BEST

# %% [markdown]
# ## 9. DPO, line by line
#
# PPO holds four networks in memory (policy, reference, reward model, values) and must write all the time. Rafailov et al. (2023) found a way around this, by means of the leash itself. First five answers, so few that every mean is a plain sum:

# %%
ref = torch.tensor([0.40, 0.30, 0.15, 0.10, 0.05])  # pi_ref of five answers
r5, beta = torch.tensor([0.0, 1.0, 2.0, 0.5, 3.0]), 1.0  # their rewards, the leash


def objective(pi):
    """(..., 5) -> (...): the reward's mean minus beta KL(pi || ref)."""
    return (pi * r5).sum(-1) - beta * (pi * (pi / ref).log()).sum(-1)


Z = (ref * (r5 / beta).exp()).sum()
best_pi = ref * (r5 / beta).exp() / Z
for name, pi in (("pi_ref", ref), ("pi*", best_pi)):
    print(f"{name:<7}", *(f"{p:.3f}" for p in pi.tolist()))

# %% [markdown]
# **Line 1, what PPO wants:** the policy with the largest $\sum_y \pi(y)\, r(y) - \beta\, \text{KL}(\pi \,\|\, \pi_{\text{ref}})$.
#
# **Line 2.** Put both sums into one: $-\beta \sum_y \pi(y) \big[ \log \pi(y) - \log \big( \pi_{\text{ref}}(y)\, e^{r(y)/\beta} \big) \big]$. Over all $y$ the product $\pi_{\text{ref}}(y)\, e^{r(y)/\beta}$ sums to some $Z$, not to 1. Divided by $Z$ it is a policy,
#
# $$ \pi^*(y) = \frac{1}{Z}\, \pi_{\text{ref}}(y)\, e^{r(y) / \beta}, \qquad\text{and the objective is}\qquad \beta \ln Z - \beta\, \text{KL}(\pi \,\|\, \pi^*) . $$
#
# **Line 3.** A KL is never below 0, and 0 only for equal policies. So $\pi^*$ is the best there is, and its value is $\beta \ln Z$: a policy that PPO searches for, written down.

# %% tags=["nbval-ignore-output"]
some = torch.randn(1000, 5, generator=torch.Generator().manual_seed(0)).softmax(-1)  # a thousand policies
line_2 = (objective(some) - beta * Z.log() + beta * (some * (some / best_pi).log()).sum(-1)).abs().max().item()
logits = ref.log().clone().requires_grad_()
for _ in range(300):  # line 3: climb, without knowing pi*
    logits.data += torch.autograd.grad(objective(logits.softmax(-1)), logits)[0]
line_3 = (logits.softmax(-1) - best_pi).abs().max().item()
print(f"line 2 on 1,000 policies: equal {line_2 < 1e-5}; line 3, climbing from pi_ref reaches pi*: {line_3 < 5e-4}")
assert line_2 < 1e-5 and line_3 < 5e-4 and (objective(some) <= beta * Z.log() + 1e-6).all()


def draw_optimum(beta):
    return figures.optimum(ref, r5, beta)


widgets.explore(draw_optimum, alt="Five answers: probabilities at the start and in the best policy of this leash.",
                beta=ipywidgets.FloatLogSlider(value=1.0, base=10, min=-1, max=1, step=0.1))  # fmt: skip

# %% [markdown]
# A long leash (small $\beta$) puts nearly all on the answer with the highest reward; a short one leaves the start as it was.
#
# **Line 4, turned round:** $r(y) = \beta \log \dfrac{\pi^*(y)}{\pi_{\text{ref}}(y)} + \beta \ln Z$. Whoever has the best policy has the reward.
#
# **Line 5.** $Z$ would be a sum over all answers there are. But Bradley-Terry needs a *difference*, and in that it is gone. With the *log-ratio* $h(y) = \log \pi(y \mid x) - \log \pi_{\text{ref}}(y \mid x)$,
#
# $$ r(y_w) - r(y_l) = \beta\, \big( h(y_w) - h(y_l) \big) . $$
#
# **Line 6.** So do not fit a reward model; put the policy's $\beta h$ in its place, into section 1's loss, and descend on the *policy's* weights:
#
# $$ \mathcal{L}_{\text{DPO}} = -\frac{1}{N} \sum_{(x,\, w,\, l)} \log \sigma \Big( \beta\, \big( h(y_w) - h(y_l) \big) \Big) . $$
#
# **Line 7.** If people choose by Bradley-Terry with rewards $r$, and there are enough of their choices, the lowest loss is at $\pi^*$. The next cell never shows $r$ to the policy, only how often each answer wins.

# %%
line_4 = (beta * (best_pi / ref).log() + beta * Z.log() - r5).abs().max().item()
w, l = torch.cartesian_prod(torch.arange(5), torch.arange(5)).T  # all ordered pairs
how_often = torch.sigmoid(r5[w] - r5[l])  # w is chosen over l
logits = ref.log().clone().requires_grad_()
for _ in range(3000):
    h = logits.log_softmax(-1) - ref.log()
    loss = -(how_often * F.logsigmoid(beta * (h[w] - h[l]))).mean()
    logits.data -= 2.0 * torch.autograd.grad(loss, logits)[0]
line_7 = (logits.softmax(-1) - best_pi).abs().max().item()
print(f"line 4: equal {line_4 < 1e-5}; line 7: DPO reaches pi* from choices alone: {line_7 < 5e-4}")
assert line_4 < 1e-5 and line_7 < 5e-4

# %% [markdown]
# ## 10. DPO on stories
#
# The pairs of section 2 are all that is needed: no reward model, no new answers. (Who passes through them many times computes once what the reference says, since it never changes.)
# The *recorded run* takes 32 steps of 16 pairs, which is about once through them, with three seeds, and lets each policy write to the held-out prompts on the way. The first four
# steps of one seed are live.

# %%
def dpo_steps(steps, seed, beta=0.1, size=16, rate=2e-4, look=()):
    """DPO on the pairs of section 2: the policy, what was measured in each step, and on held-out prompts after some."""
    torch.manual_seed(seed)
    model, rows, history, looks = copy.deepcopy(reference).requires_grad_(True), [], [], {}
    optimizer, rng = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0), Random(seed)
    x, chosen, rejected = zip(*pairs["train"])
    for step in range(1, steps + 1):
        rows = rows if len(rows) >= size else rows + rng.sample(range(len(x)), len(x))
        now, rows = rows[:size], rows[size:]
        batch = preferences.Answers.of([x[i] for i in now] * 2, [y[i] for y in (chosen, rejected) for i in now], PAD)
        with torch.no_grad():
            fixed = preferences.answer_log_probs(reference, batch)
        h = (preferences.answer_log_probs(model, batch) - fixed).view(2, -1)  # (2, size): log-ratios
        loss = preferences.dpo_loss(*h, beta)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        history.append([loss.item(), *h.mean(1).tolist()])
        if step in look:
            looks[str(step)] = on_held_out(model, 100 + seed)
    return model, history, looks


def dpo_runs():
    return [dict(zip(("history", "held out"), dpo_steps(32, seed, look=(4, 8, 16, 32))[1:])) for seed in range(SEEDS)]

# %% [markdown] tags=["predict"]
# **Predict.** The loss sees the difference of the log-ratios alone. Will the chosen answers become likelier than they were, and the rejected ones less likely?

# %% tags=["nbval-ignore-output"]
dpo_log = recorded.results("18_dpo", lesson=18, settings={"steps": 32, "seeds": SEEDS}, compute=dpo_runs)
print(dpo_log)
live = dpo_steps(4, seed=0)[1]
for step, (loss, h_w, h_l) in enumerate(live, 1):
    print(f"live, step {step}: loss {loss:.3f}   log-ratio of chosen {h_w:+6.2f}, of rejected {h_l:+6.2f}")
dpo_off = max(abs(now[0] - then[0]) for now, then in zip(live, dpo_log.results[0]["history"]))
dpo_ended = [run["held out"]["32"] for run in dpo_log.results]
dpo_judged = metrics.mean_interval(torch.tensor([found["judge"] for found in dpo_ended]).mean(0).tolist())  # over prompts
print(f"recorded, after 32 steps: judge {show_interval(dpo_judged)}; KL", " ".join(f"{found['kl']:.1f}" for found in dpo_ended))
plots.show(figures.preferred(dpo_log.results, log.results["start"]),
           alt="DPO: log-ratios of chosen and rejected answers over the steps, and the judge's score over the KL.")  # fmt: skip
assert abs(live[0][0] - 0.6931) < 1e-3 and dpo_off < 0.05

# %% [markdown]
# TEXT-DPO

# %% [markdown]
# ## 11. DPO's kin
#
# The others change a term each. $h_w, h_l$ are log-ratios, $m_w, m_l$ the mean log-probability a token, $m = \frac{1}{|y|} \log \pi(y \mid x)$ with $|y|$ tokens, which needs no reference:
#
# | loss | reads | its idea |
# |---|---|---|
# | DPO | $h_w - h_l$ | above: the more apart, the better, without end |
# | IPO | $h_w - h_l$ | apart by $1 / 2\beta$, and no further: a square |
# | KTO | $h$ of single answers, good or bad | no pairs; each is compared with a reference point $z$, an estimate of the KL |
# | SimPO | $m_w - m_l$ | no reference; a margin $\gamma$ that must be won |
# | ORPO | $m_w$, $m_l$ | no reference, no SFT before: cross-entropy on the chosen, and the ratio of *odds* $p / (1 - p)$, $p = e^m$ |

# %%
def dpo(h_w, h_l, beta):
    return -F.logsigmoid(beta * (h_w - h_l)).mean()


def ipo(h_w, h_l, beta):
    return (h_w - h_l - 1 / (2 * beta)).square().mean()


def kto(h_good, h_bad, z, beta):
    return torch.cat([1 - torch.sigmoid(beta * (h_good - z)), 1 - torch.sigmoid(beta * (z - h_bad))]).mean()


def simpo(m_w, m_l, beta, gamma):
    return -F.logsigmoid(beta * (m_w - m_l) - gamma).mean()


def orpo(m_w, m_l, weight):
    log_odds = lambda m: m - torch.log(1 - m.exp())
    return -m_w.mean() - weight * F.logsigmoid(log_odds(m_w) - log_odds(m_l)).mean()


plots.show(figures.losses(dpo, ipo, kto, simpo), alt="Losses over the margin: DPO's falls on, IPO's is lowest at 5, KTO's is flat at both ends.")

# %% [markdown]
# DPO pulls without end, weaker and weaker: where one side of a pair always wins, nothing else stops it (Azar et al., 2023). IPO pulls back beyond its margin, here 5. KTO (its margin is $h - z$ of one answer) gives up on what is far on the wrong side, too: an answer that is hopelessly far off, perhaps by a wrong label, hardly pulls.

# %% [markdown]
# Six pairs of section 2, once by these functions and once by `utils.alignment.preferences`; the policy is one that has moved a little from the reference. *Mismatched* answers stand beside another row's prompt; their mean log-ratio, if above 0, is KTO's $z$.

# %%
torch.manual_seed(8)
moved = copy.deepcopy(reference)
for weight in moved.parameters():
    weight.data += 0.02 * weight.std() * torch.randn_like(weight)
x, chosen, rejected = (list(part) for part in zip(*pairs["train"][:6]))
batch = preferences.Answers.of(x + x, chosen + rejected, PAD)
others = preferences.Answers.of(x, chosen[-1:] + chosen[:-1], PAD)
with torch.no_grad():
    fixed = preferences.token_log_probs(reference, batch)  # (12, T - 1)
    h_others = preferences.answer_log_probs(moved, others) - preferences.answer_log_probs(reference, others)
    z = preferences.kto_reference_point(h_others)
log_probs = preferences.token_log_probs(moved, batch).detach().requires_grad_()  # (12, T - 1)


def parts():
    """h_w, h_l and m_w, m_l of the six pairs, with their gradients' paths."""
    return (log_probs - fixed).sum(1).chunk(2), (log_probs.sum(1) / batch.lengths).chunk(2)


by_us = {"DPO": lambda h, m: dpo(*h, 0.1), "IPO": lambda h, m: ipo(*h, 0.1), "KTO": lambda h, m: kto(*h, z, 0.1),
         "SimPO": lambda h, m: simpo(*m, 2.0, 0.5), "ORPO": lambda h, m: orpo(*m, 0.1)}  # fmt: skip
by_utils = {"DPO": lambda h, m: preferences.dpo_loss(*h, 0.1), "IPO": lambda h, m: preferences.ipo_loss(*h, 0.1),
            "KTO": lambda h, m: preferences.kto_loss(*h, z, 0.1), "SimPO": lambda h, m: preferences.simpo_loss(*m, 2.0, 0.5),
            "ORPO": lambda h, m: preferences.orpo_loss(*m, 0.1)}  # fmt: skip


def value_and_gradient(loss):
    return loss, torch.autograd.grad(loss, log_probs)[0]


def apart(ours, theirs):
    """The larger difference of the two: values, and gradients by every token's log-probability."""
    return max((a - b).abs().max().item() for a, b in zip(value_and_gradient(ours), value_and_gradient(theirs)))


off_utils = {name: apart(by_us[name](*parts()), by_utils[name](*parts())) for name in by_us}
print(f"KTO's z: {z.item():.2f}")
for name in by_us:
    print(f"{name:<6} {by_us[name](*parts()).item():8.4f}   equals utils': {off_utils[name] < 1e-4}")
assert max(off_utils.values()) < 1e-4 and z > 0.1

# %% [markdown]
# ## 12. The library way
#
# At work: TRL. `RewardTrainer`, `DPOTrainer` (`loss_type="sigmoid"`, `"ipo"` and others), `KTOTrainer`, and, under `trl.experimental`, `CPOTrainer` (SimPO) and `ORPOTrainer`; lesson 19 trains with `DPOTrainer`, lesson 24 with `GRPOTrainer`.
#
# Are your losses its losses? It keeps them in private methods, so this cell hands those as much of a trainer as they read, a *stub*, and the log-probabilities of the six pairs. Another version may keep them elsewhere; then the cell says so.

# %%
os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"
from collections import defaultdict
from types import SimpleNamespace

import trl


def trainer_stub(kind):
    """What the private methods read of a trainer."""
    same = SimpleNamespace(device="cpu", gather=lambda x: x, gather_for_metrics=lambda x: x)
    return SimpleNamespace(model=reference, accelerator=same, loss_types=[kind], loss_type=kind, loss_weights=[1.0], ld_alpha=None,
                           f_divergence_type="reverse_kl", precompute_ref_logps=True, use_weighting=False, label_smoothing=0.0,
                           aux_loss_enabled=False, beta=0.1, alpha=0.0, simpo_gamma=0.5, calculate_KL=True, desirable_weight=1.0,
                           undesirable_weight=1.0, _tp_size=1, _total_train_tokens=0,
                           _metrics=defaultdict(lambda: defaultdict(list)))  # fmt: skip


def by_trl(name):
    """TRL's loss on the six pairs, with the settings of `by_us`."""
    nothing = torch.zeros_like(fixed)
    says = lambda **_: SimpleNamespace(log_probs=log_probs, entropy=nothing, mean_logits=nothing, is_top1=nothing.bool())
    given = {"input_ids": batch.ids, "attention_mask": batch.ids, "completion_mask": batch.mask.long()}
    stub, (h, m) = trainer_stub({"IPO": "ipo", "DPO": "sigmoid"}.get(name, name.lower())), parts()
    if name in ("DPO", "IPO"):
        given |= dict(zip(("ref_chosen_logps", "ref_rejected_logps"), fixed.sum(1).chunk(2)))
        return trl.DPOTrainer._compute_loss(stub, says, given, False)
    if name == "KTO":
        stub._compute_kl_logps = lambda *_: z  # of the mismatched answers, less a reference of 0
        given |= {"label": torch.arange(12) < 6, "ref_logps": fixed.sum(1), "ref_KL_logps": torch.zeros(())}
        return trl.KTOTrainer._compute_loss(stub, says, given, False)
    if name == "SimPO":
        from trl.experimental.cpo import CPOTrainer
        stub.beta = 2.0
        return CPOTrainer.cpo_loss(stub, *m)[0].mean()
    from trl.experimental.orpo import ORPOTrainer
    return -m[0].mean() - ORPOTrainer.odds_ratio_loss(stub, *m)[0].mean()  # the trainer adds the first part elsewhere


off_trl = {}
if trl.__version__.startswith("1.16."):
    normalized = tuple(sums / lengths for sums, lengths in zip(parts()[0], batch.lengths.chunk(2)))
    off_trl = {name: apart(ipo(*normalized, 0.1) if name == "IPO" else by_us[name](*parts()), by_trl(name)) for name in by_us}
    print(*(f"{name:<6} equals TRL's: {off < 1e-4}" for name, off in off_trl.items()), sep="\n")
    print(f"IPO as the paper has it: {ipo(*parts()[0], 0.1).item():.2f}; TRL's: {by_trl('IPO').item():.2f}")
    assert max(off_trl.values()) < 1e-4
else:
    print(f"TRL here is {trl.__version__}, and its private methods were compared in 1.16.")

# %% [markdown]
# Where TRL 1.16 departs from the papers, named:
#
# | loss | the paper | TRL |
# |---|---|---|
# | IPO | sums of log-ratios | divides each by its answer's length first |
# | ORPO | cross-entropy on the chosen *answer* | on prompt and answer, averaged over the batch's tokens |
# | SimPO | its loss alone | `CPOTrainer` adds `cpo_alpha` times a cross-entropy, 1 unless you set it to 0 |
#
# TRL's KTO is the paper's. And Bradley-Terry: InstructGPT takes all pairs of the 4 to 9 answers to a prompt in one batch; `RewardTrainer`, and section 3, take single pairs.
#
# ## 13. On a GPU
#
# PPO profits twice: more answers a step make quieter gradients, and writing them is where a GPU is fast. With one, 256 answers a step for 40 steps, on a leash of 0.1; without, two steps of eight show that it runs.

# %% tags=["gpu", "nbval-ignore-output"]
large = runtime.gpu("trains 40 steps of PPO with 256 answers each", needs="a GPU with 4 GB")
rows, count, device = (256, 40, run.device) if large else (8, 2, "cpu")
for model in (reference, reward_model):
    model.to(device)
bigger = Learner(seed=1)
bigger.answers = lambda: policy.rollout(bigger.policy, bigger.prompts.choices(PROMPTS, k=rows), NEW, bigger.draws, END, PAD)
for number in range(1, count + 1):
    step = ppo_step(bigger, model_reward, beta=0.1)
    if number in (1, count) or number % 10 == 0:
        print(f"step {number:>2}  reward model {step['reward']:+.2f}   judge {step['score']:.2f}   KL {step['kl']:.2f}")
for model in (reference, reward_model):
    model.to("cpu")

# %% [markdown]
# ## 14. Where it goes wrong
#
# **The reference is the policy.** `reference = policy` instead of a copy: both move together, all log-ratios stay 0, and the loss stays at $\ln 2$, while the weights move. At step 0 a loss of $\ln 2 = 0.693$ is right; later it is this bug.
#
# **Dropout.** The policy wrote without dropout and learns with it: the ratio is not 1 before any step was taken.
#
# **The prompt's tokens are counted.** In which losses does it matter, if chosen and rejected share their prompt?

# %% [markdown] tags=["predict"]
# **Predict.** Which of DPO and SimPO changes, if the log-probabilities of the prompt's tokens are added to those of both answers?

# %%
bug, row_losses = copy.deepcopy(reference).requires_grad_(True), []
alias, optimizer = bug, torch.optim.SGD(bug.parameters(), lr=0.1)
before = bug.embedding.weight.detach().clone()
for _ in range(3):
    with torch.no_grad():
        as_reference = preferences.answer_log_probs(alias, batch)
    loss = dpo(*(preferences.answer_log_probs(bug, batch) - as_reference).chunk(2), 0.1)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    row_losses.append(loss.item())
moved_by = (bug.embedding.weight - before).abs().max().item()
print("the reference is the policy: losses", [f"{loss:.3f}" for loss in row_losses], "; weights moved:", moved_by > 1e-4)

theirs.config.resid_pdrop = theirs.config.embd_pdrop = theirs.config.attn_pdrop = 0.1
noisy = GPT.from_hf(theirs).train()
torch.manual_seed(0)
with torch.no_grad():
    ratio = (preferences.token_log_probs(noisy, batch) - fixed).exp()[batch.mask[:, 1:]]
dropped = ((ratio - 1).abs() > 0.2).float().mean().item()
print(f"dropout of 0.1: before any step {dropped:.0%} of the ratios lie beyond the clip")

with torch.no_grad():
    real = (batch.ids != PAD) & (torch.arange(batch.ids.shape[1]) > 0)  # all but the first token
    whole = preferences.Answers(batch.ids, real)
    by_moved, by_reference = (preferences.answer_log_probs(model, whole) for model in (moved, reference))
    dpo_shift = abs(dpo(*(by_moved - by_reference).chunk(2), 0.1) - by_us["DPO"](*parts())).item()
    simpo_shift = abs(simpo(*(by_moved / whole.lengths).chunk(2), 2.0, 0.5) - by_us["SimPO"](*parts())).item()
print(f"with the prompt's tokens DPO changes by {dpo_shift:.4f}, SimPO by {simpo_shift:.3f}")
assert all(abs(loss - 0.6931) < 1e-3 for loss in row_losses) and moved_by > 1e-4
assert dropped > 0.05 and dpo_shift < 1e-4 < simpo_shift

# %% [markdown]
# In DPO a common prompt cancels in the difference. In SimPO it does not: the mean is taken over more tokens, the same for both, and the margin shrinks. KTO's single answers, and pairs with unlike prompts, are changed, too.

# %% [markdown]
# ## Check yourself
#
# 1. Bradley-Terry rewards: A beats B with odds 2 to 1, B beats C with odds 3 to 1. How often does A beat C?
#
# <details><summary>Answer</summary>The odds multiply, as differences add: 6 to 1, so in 6 of 7.</details>
#
# 2. Why may a baseline be taken off the reward, and why should it not know the answer's own reward?
#
# <details><summary>Answer</summary>The mean of grad log pi is zero, so any number that does not depend on the answer drops out. One that contains the answer's own reward takes a part of it away.</details>
#
# 3. $\rho = 0.7$, $A = -1$, $\epsilon = 0.2$. Is there a gradient?
#
# <details><summary>Answer</summary>No. The minimum of -0.7 and -0.8 is -0.8, a constant: the token has been pushed down far enough.</details>
#
# 4. Your reward model's score rises from step to step. What else do you plot?
#
# <details><summary>Answer</summary>The KL from the reference, a score that training does not see (people, a judge), and the answers themselves: read ten.</details>
#
# 5. In DPO, log-probabilities of the chosen answers fall while the loss falls. Is that a bug?
#
# <details><summary>Answer</summary>No. The loss sees the difference alone, and both may fall, if the rejected fall faster (section 10).</details>

# %% [markdown]
# ## Exercises
#
# ### Exercise 18.1 · DPO from tokens (difficulty 2, 15 minutes)
#
# You get log-probabilities of *tokens*, grids (2N, T): the first N rows are the chosen answers, the others the rejected ones. `mask` is True at answers' tokens; what stands elsewhere are prompts and padding, and the numbers there mean nothing. Give the DPO loss, and the share of pairs whose chosen answer has the larger log-ratio, as a number.
#
# <details><summary>Hint</summary>
#
# `torch.where(mask, policy - reference, 0.0).sum(1)`, then `chunk(2)`.
# </details>

# %% tags=["exercise"]
import torch


def dpo_from_tokens(policy, reference, mask, beta):
    """(2N, T) three times, a number -> the loss, (), and the share of pairs that are in the right order."""
    raise NotImplementedError

# %% tags=["check"]
from utils.course import exercises


@exercises.check("18.1", dpo_from_tokens)
def check_dpo_from_tokens(attempt):
    import torch
    import torch.nn.functional as F

    draws = torch.Generator().manual_seed(1)
    log_probs, reference = (-torch.rand(8, 6, generator=draws) * 3 for _ in range(2))
    mask = torch.tensor([[0, 0, 1, 1, 1, 0], [0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1], [0, 1, 1, 1, 1, 0]] * 2).bool()
    mask[4:, 5] = True
    before = log_probs.clone(), reference.clone()
    got = attempt(log_probs, reference, mask, 0.5)
    assert isinstance(got, tuple) and len(got) == 2, "Two things are asked for: the loss and the share."
    assert torch.equal(log_probs, before[0]) and torch.equal(reference, before[1]), "The grids were overwritten: make new ones."
    loss, share = float(got[0]), float(got[1])

    def right(h, beta=0.5):
        return (-F.logsigmoid(beta * (h[:4] - h[4:])).mean()).item()

    h = torch.where(mask, log_probs - reference, 0.0).sum(1)
    by_neighbors = -F.logsigmoid(0.5 * (h[0::2] - h[1::2])).mean().item()
    likely = {
        right((log_probs - reference).sum(1)): "Prompts and padding are counted: only the tokens where `mask` is True belong to the answers.",
        right(h / mask.sum(1)): "Those are means a token. DPO takes the sum over the answer (SimPO, and TRL's IPO, take means).",
        right(-h): "The sign is turned round: chosen minus rejected, and policy minus reference.",
        right(torch.where(mask, log_probs, 0.0).sum(1)): "The reference is missing.",
        right(h, 1.0): "beta is missing inside the sigmoid.",
        0.5 * right(h, 1.0): "beta stands inside the sigmoid, and not before the loss.",
        4 * right(h): "The mean over the pairs is asked for, not their sum.",
        by_neighbors: "Row 0 and row 1 are no pair: row i and row i + N are.",
        torch.sigmoid(0.5 * (h[:4] - h[4:])).mean().item(): "That is the mean probability. The loss is minus the mean of its logarithm.",
    }
    for value, message in likely.items():
        assert abs(loss - value) > 1e-4, message
    assert abs(loss - right(h)) < 1e-4, f"The loss should be {right(h):.4f}, not {loss:.4f}."
    wanted = (h[:4] > h[4:]).float().mean().item()
    sums = torch.where(mask, log_probs, 0.0).sum(1)
    by_policy = (sums[:4] > sums[4:]).float().mean().item()
    assert wanted == by_policy or abs(share - by_policy) > 1e-6, "For the share, too, the reference is taken off: it is the larger log-ratio that counts."
    assert abs(share - wanted) < 1e-6, f"The share should be {wanted}, not {share}."
    nothing = log_probs.masked_fill(~mask, -torch.inf)
    assert abs(float(attempt(nothing, reference, mask, 0.5)[0]) - right(h)) < 1e-4, "What stands off the mask may be infinite, and infinity times 0 is NaN: choose by `torch.where`, do not multiply."

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def dpo_from_tokens_solution(policy, reference, mask, beta):
    chosen, rejected = torch.where(mask, policy - reference, 0.0).sum(1).chunk(2)
    return -torch.nn.functional.logsigmoid(beta * (chosen - rejected)).mean(), (chosen > rejected).float().mean().item()


check_dpo_from_tokens(dpo_from_tokens_solution)

# %% [markdown]
# ### Exercise 18.2 · Advantages of an answer that was cut off (difficulty 3, 20 minutes)
#
# Section 5 lets every answer end, with $V = 0$ behind it. An answer that was only *cut off* at its longest length would have gone on, and what would have come is guessed by the value of the state after its last token. Write GAE for one answer, with plain lists: `values` has one number more than `rewards` if it was cut off, and as many if it ended.
# For rewards `[0, 0, 1]`, values `[0.2, 0.4, 0.9]`, $\lambda = 0.5$ it gives `[0.475, 0.55, 0.1]`, as above; with values `[0.2, 0.4, 0.9, 0.6]` it gives `[0.625, 0.85, 0.7]`.
#
# <details><summary>Hint</summary>
#
# Put a 0 behind the values if none stands there. Then go backward, and keep the advantage of the token after.
# </details>

# %% tags=["exercise"]
def advantages_of(rewards, values, gamma=1.0, lam=0.95):
    """Lists of numbers -> the advantages, as a list as long as rewards."""
    raise NotImplementedError

# %% tags=["check"]
from utils.course import exercises


@exercises.check("18.2", advantages_of)
def check_advantages_of(attempt):
    def right(rewards, values, gamma=1.0, lam=0.95, last=0.0, fade=None, ahead=True):
        values = [*values, last] if len(values) == len(rewards) else list(values)
        fade, found = gamma * lam if fade is None else fade, []
        for t in reversed(range(len(rewards))):
            delta = rewards[t] + gamma * values[t + 1] * ahead - values[t]
            found.append(delta + fade * (found[-1] if found else 0.0))
        return found[::-1]

    rewards, values, longer = [0.0, -0.1, 0.0, 1.0], [0.2, 0.4, 0.9, 0.5], [0.2, 0.4, 0.9, 0.5, 0.6]
    given = list(rewards), list(values)
    got = attempt(*given, 0.9, 0.5)
    assert isinstance(got, list) and len(got) == 4, "A list with one advantage for each reward is asked for."
    assert given == (rewards, values), "The lists that were given have changed: work on copies."
    near = lambda a, b: all(abs(x - y) < 1e-6 for x, y in zip(a, b))
    assert not near(got[::-1], right(rewards, values, 0.9, 0.5)), "The order is turned round: you went backward, so reverse at the end."
    assert not near(got, right(rewards, values, 0.9, 0.5, fade=0.5)), "The advantage of the token after fades by gamma times lambda, and not by lambda alone."
    assert not near(got, right(rewards, values, 0.9, 0.5, ahead=False)), "V of the state after is missing in delta."
    assert not near(got, right(rewards, values, 1.0, 0.5)), "gamma stands before V of the state after, too: it is not always 1."
    assert not near(got, right(rewards, values, 0.9, 0.5, last=0.5)), "This answer ended: behind it V is 0, and not its last value again."
    returns = [a + v for a, v in zip(right(rewards, values, 0.9, 0.5), values)]
    assert not near(got, returns), "Those are the returns: the value of the state itself is to be taken off."
    assert near(got, right(rewards, values, 0.9, 0.5)), f"Expected {[round(a, 4) for a in right(rewards, values, 0.9, 0.5)]}, not {got}."
    got = attempt(rewards, longer, 0.9, 0.5)
    assert len(got) == 4, "An answer that was cut off has as many advantages as rewards: the value behind it is no token."
    assert not near(got, right(rewards, values, 0.9, 0.5)), "It was cut off: the value behind the last token counts, and yours leaves it out."
    assert near(got, right(rewards, longer, 0.9, 0.5)), f"Cut off: expected {[round(a, 4) for a in right(rewards, longer, 0.9, 0.5)]}, not {got}."
    assert near(attempt([1.0], [0.25]), [0.75]), "One token alone: its advantage is its reward minus its value."

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def advantages_of_solution(rewards, values, gamma=1.0, lam=0.95):
    values = [*values, 0.0][: len(rewards) + 1]
    found, following = [], 0.0
    for t in reversed(range(len(rewards))):
        following = rewards[t] + gamma * values[t + 1] - values[t] + gamma * lam * following
        found.append(following)
    return found[::-1]


check_advantages_of(advantages_of_solution)

# %% [markdown]
# ### Exercise 18.3 · The gradient of the clipped objective (difficulty 3, 15 minutes)
#
# Without autograd: the derivative of $\min(\rho A, \text{clip}(\rho, 1 - \epsilon, 1 + \epsilon) A)$ with respect to $\log \pi_\theta$, token by token, from the ratios and the advantages.
#
# <details><summary>Hint</summary>
#
# $\partial \rho / \partial \log \pi_\theta = \rho$. Where the clip holds, the minimum is a constant. It does not hold on both sides.
# </details>

# %% tags=["exercise"]
import torch


def clip_gradient(ratio, advantages, clip=0.2):
    """Tensors of one shape -> the derivative by log pi, of that shape."""
    raise NotImplementedError

# %% tags=["check"]
from utils.course import exercises


@exercises.check("18.3", clip_gradient)
def check_clip_gradient(attempt):
    import torch

    ratio = torch.tensor([1.0, 1.5, 1.5, 0.5, 0.5, 1.1, 0.9, 1.25])
    advantages = torch.tensor([2.0, 2.0, -2.0, 2.0, -2.0, -1.0, 3.0, 1.0])

    def right(clip):
        log_probs = ratio.log().requires_grad_()
        rho = log_probs.exp()
        torch.minimum(rho * advantages, rho.clamp(1 - clip, 1 + clip) * advantages).sum().backward()
        return log_probs.grad

    got, wanted = attempt(ratio.clone(), advantages.clone(), 0.2), right(0.2)
    assert isinstance(got, torch.Tensor) and got.shape == ratio.shape, "A tensor of the same shape is asked for."
    near = lambda other: torch.allclose(got.float(), other, atol=1e-5)
    inside = ((ratio > 0.8) & (ratio < 1.2)).float()
    stopped = (((ratio > 1.2) & (advantages > 0)) | ((ratio < 0.8) & (advantages < 0))).float()
    assert not near(-wanted), "The sign: it is the objective's derivative, which is to rise, and not that of the loss."
    assert not near(ratio * advantages), "There is no clip in it: where the objective is a constant, its derivative is 0."
    assert not near(inside * ratio * advantages), "The clip holds on one side only: a token that has gone the wrong way (ratio 1.5 with A < 0) keeps its gradient."
    assert not near((1 - stopped) * advantages), "The derivative of the ratio by log pi is the ratio itself: that factor is missing."
    assert not near(inside * advantages), "The factor of the ratio is missing, and the clip holds on one side only."
    assert not near(ratio.clamp(0.8, 1.2) * advantages), "Where the clip holds the objective is clip(ratio) A, but its derivative is 0."
    assert not near(stopped * ratio * advantages), "Just the other way round: those are the tokens that the clip stops."
    assert near(wanted), f"Expected {[round(g, 3) for g in wanted.tolist()]}, not {[round(g, 3) for g in got.tolist()]}."
    assert torch.allclose(attempt(ratio.clone(), advantages.clone(), 0.4), right(0.4), atol=1e-5), "Right for a clip of 0.2, not for 0.4: is 0.2 written into it?"

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def clip_gradient_solution(ratio, advantages, clip=0.2):
    stopped = ((ratio > 1 + clip) & (advantages > 0)) | ((ratio < 1 - clip) & (advantages < 0))
    return torch.where(stopped, 0.0, ratio * advantages)


check_clip_gradient(clip_gradient_solution)

# %% [markdown]
# ### Exercise 18.4 · The KL of the best of n, exactly (difficulty 4, 25 minutes)
#
# A policy over a few answers with known probabilities, sorted by rising score, no two alike. You draw $n$ times and keep the best. Give the probabilities of what you keep, and its exact KL from the policy, in nats. With two answers of ½ each and $n = 2$: probabilities ¼ and ¾, KL 0.131, and the bound of section 8 is 0.193.
#
# <details><summary>Hint</summary>
#
# All $n$ draws are answer $i$ or worse with probability $F_i^n$, where $F_i = p_0 + \dots + p_i$. The best *is* $i$ with $F_i^n - F_{i-1}^n$.
# </details>

# %% tags=["exercise"]
import torch


def best_of_n_exactly(probabilities, n):
    """(K,) by rising score, and n -> the best one's probabilities (K,), and their KL from the policy, a number."""
    raise NotImplementedError

# %% tags=["check"]
from utils.course import exercises


@exercises.check("18.4", best_of_n_exactly)
def check_best_of_n_exactly(attempt):
    import math

    import torch

    p = torch.tensor([0.5, 0.2, 0.2, 0.1], dtype=torch.float64)

    def right(p, n):
        below = torch.cat([p.new_zeros(1), p.cumsum(0)])
        best = below[1:] ** n - below[:-1] ** n
        return best, (best * (best / p).log()).sum().item()

    got = attempt(p.clone(), 4)
    assert isinstance(got, tuple) and len(got) == 2, "Two things are asked for: the probabilities and the KL."
    best, wanted = right(p, 4)
    found, kl = torch.as_tensor(got[0], dtype=torch.float64), float(got[1])
    near = lambda other: found.shape == other.shape and torch.allclose(found, other, atol=1e-6)
    assert not near(p.cumsum(0) ** 4), "That is the probability that the best is answer i OR WORSE. Take off what is worse."
    assert not near(right(p.flip(0), 4)[0].flip(0)), "Yours keeps the worst: the last answer has the highest score."
    assert not near(p**4) and not near(p**4 / (p**4).sum()), "That is the probability that all n draws are the same answer. The others may be any that score less."
    assert not near(right(p, 5)[0]) and not near(right(p, 3)[0]), "n draws, and not one more or less."
    assert near(best), f"The probabilities should be {[round(x, 4) for x in best.tolist()]}, not {[round(x, 4) for x in found.tolist()]}."
    assert abs(kl - (math.log(4) - 3 / 4)) > 1e-6, "That is the bound. It is exact only where no answer has a probability of its own; here it is too large."
    assert abs(kl - (p * (p / best).log()).sum().item()) > 1e-6, "The KL the other way round: the mean is over what the best of n keeps."
    assert abs(kl - wanted / math.log(2)) > 1e-6, "In nats: the natural logarithm."
    assert abs(kl - wanted) < 1e-6, f"The KL should be {wanted:.4f}, not {kl:.4f}."
    assert abs(float(attempt(p.clone(), 1)[1])) < 1e-9, "The best of one is the policy itself: its KL is 0."
    zero = attempt(torch.tensor([0.0, 0.5, 0.5], dtype=torch.float64), 2)[1]
    assert not math.isnan(float(zero)), "An answer of probability 0 adds 0 to the KL, and 0 times log of 0 / 0 is NaN: torch.xlogy, or leave it out."

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def best_of_n_exactly_solution(probabilities, n):
    below = torch.cat([probabilities.new_zeros(1), probabilities.cumsum(0)])
    best = below[1:] ** n - below[:-1] ** n
    there = best > 0
    return best, (best[there] * (best[there] / probabilities[there]).log()).sum().item()


check_best_of_n_exactly(best_of_n_exactly_solution)

# %% [markdown] tags=["open-task"]
# ### Open task · A taste of your own (2 hours)
#
# Write another judge: no weather, three names at least, short sentences, an ending. Train a reward model on its pairs, let PPO run on it without a leash, and find out **what it exploits**. Then mend it, and **decide whether you would let your policy loose on people**.
#
# | points | for |
# |---|---|
# | 2 | the judge, in one sentence and in code, and what the start scores |
# | 2 | the reward model on held-out pairs beside the best trivial program, with intervals |
# | 2 | the hack: both scores over the steps, two seeds at least, and three answers to read |
# | 3 | a cure, measured: new pairs from the hacked policy, a leash, a mean of several reward models, reading at the last token |
# | 1 | the decision |

# %% [markdown]
# ## Scorecard
#
# Rows about equality, about small exact examples and about the recorded runs. The second card has what the live trainings gave.

# %% tags=["scorecard"]
from utils.course.scorecard import Scorecard

card = Scorecard(lesson=18)
card.at_most("PPO (leash, GAE, loss, gradient): largest difference from utils.alignment", ppo_difference, 1e-5)
for name in by_us:
    card.at_most(f"{name}: loss and gradient, largest difference from utils.alignment", off_utils[name], 1e-4)
for name, off in off_trl.items():
    card.at_most(f"{name}: loss and gradient, largest difference from TRL's", off, 1e-4)
noisier = spread["no baseline"] / spread["mean of the others"]
card.at_least("REINFORCE: variance without a baseline, as a multiple of that with one", noisier, 20, digits=2)
card.at_most("DPO, line 2: the two forms of the objective, largest difference", line_2, 1e-5)
card.at_most("DPO, line 3: climbing from pi_ref, distance from pi*", line_3, 5e-4)
card.at_most("DPO, line 7: from choices alone, distance from pi*", line_7, 5e-4)
card.at_least("recorded: the start, judge's score, lower end", began.low, 0.1)
card.at_most("recorded: no leash, judge's score, upper end", ended["no leash"].high, 0.05)
hacked = min(run["held out"]["reward"] for run in by_arm["no leash"])
card.at_least("recorded: no leash, reward model's score, least of three seeds", hacked, 2.0)
card.at_least("recorded: beta 0.1, judge's score, lower end", ended["beta 0.1"].low, 0.4)
card.at_least("recorded: judge's own score above beta 0.1, lower end", between["beta 0.1", "judge's own score"].low, 0.0)
card.show()

# %% tags=["scorecard", "nbval-ignore-output"]
card = Scorecard(lesson=18)
card.at_least("live: reward model right on held-out pairs, lower end", accuracy["reward model"].low, 0.8)
card.at_least("live: PPO, eight steps, gain of the judge's score", gains["score"], 0.05)
card.at_most("live: PPO, five steps more, judge's score at the end minus the best", ends["score"] - best_seen, -0.1)
card.at_most("live: four steps of DPO, largest difference of a loss from the recorded run's", dpo_off, 0.05)
from_ln_2 = max(abs(loss - 0.6931) for loss in row_losses)
card.at_most("live: DPO's loss while the reference is the policy, distance from ln 2", from_ln_2, 1e-3)
card.show()

# %% [markdown]
# ## Summary
#
# 1. Bradley-Terry turns comparisons into rewards, up to a constant. A reward model learns them, and is right only about what its pairs show.
# 2. REINFORCE makes likelier what paid off; a baseline takes most of the noise away. PPO dares several steps on the same answers, by a clip, GAE and a KL penalty.
# 3. Without the penalty the reward model's score rose and the judge's fell to nothing; with it the policy ended well above the start.
# 4. The best policy under a KL penalty is $\pi_{\text{ref}}\, e^{r/\beta} / Z$. Turned round, that makes Bradley-Terry a loss on the policy itself: DPO.
# 5. IPO, KTO, SimPO and ORPO change a term each. Yours equal TRL's, in value and gradient.
#
# **New words**, in the [glossary](../data/glossary.md): preference pair; Bradley-Terry; reward model; policy; reference; rollout; policy gradient; baseline; advantage; PPO; ratio and clip; value head; GAE; KL divergence; KL penalty; reward hacking; proxy; best of n; DPO; log-ratio.
#
# **Papers.** Williams, *Simple Statistical Gradient-Following Algorithms*, 1992 · Schulman et al., [GAE](https://arxiv.org/abs/1506.02438), 2015, and [PPO](https://arxiv.org/abs/1707.06347), 2017 · Ziegler et al., [KL penalty](https://arxiv.org/abs/1909.08593), 2019 · Ouyang et al., [InstructGPT](https://arxiv.org/abs/2203.02155),
# 2022 · Gao et al., [overoptimization](https://arxiv.org/abs/2210.10760), 2022 · Rafailov et al., [DPO](https://arxiv.org/abs/2305.18290), 2023 · Azar et al., [IPO](https://arxiv.org/abs/2310.12036), 2023 · Ethayarajh et al., [KTO](https://arxiv.org/abs/2402.01306), 2024 ·
# Beirami et al., [best of n](https://arxiv.org/abs/2401.01879), 2024 · Hong et al., [ORPO](https://arxiv.org/abs/2403.07691), 2024 · Meng et al., [SimPO](https://arxiv.org/abs/2405.14734), 2024
#
# **Next:** lesson 19 improves a GPT with SFT and DPO, by `DPOTrainer`, and programs judge who wins.
