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
    """The share of pairs in which the first score is higher, with its interval; a draw counts half."""
    return metrics.mean_interval([float(a > b) + 0.5 * (a == b) for a, b in zip(scores, others)])


text = lambda ids: tokenizer.decode(ids, skip_special_tokens=True)
accuracy = {"reward model": agreement(*(scores_of(reward_model, x, y).tolist() for y in (chosen, rejected)))}
programs = {"longer wins": len, "quotation marks": lambda y: text(y).count('"'), "bag of words": tastes.bag_of_words(pairs["train"], text)}
for name, program in programs.items():
    accuracy[name] = agreement(map(program, chosen), map(program, rejected))
for name, share in accuracy.items():
    print(f"{name:<16} right on held-out pairs: {share}")
assert accuracy["reward model"].low > accuracy["longer wins"].high and accuracy["reward model"].low > 0.75

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
    said = {sentence: None for one in group for sentence in split(text(one.answer)) if '"' in sentence and sentence[-1] in '.!?"'}
    return [*encode(" " + " ".join(said))] if len(said) > 1 else None


probe = [(group[0].prompt, ids) for group in answers["test"] if (ids := talk_alone(group))]
talk, by_judge = (torch.tensor([getattr(one.opinion, part) for one in told]) for part in ("talk", "score"))
bands = [(talk >= low) & (talk <= high) for low, high in ((0, 0), (0.01, 0.3), (0.31, 0.45), (0.46, 0.6), (0.61, 0.9))]
means = {"share": [talk[band].mean().item() for band in bands] + [1.0], "count": [int(band.sum()) for band in bands] + [len(probe)],
         "judge": [by_judge[band].mean().item() for band in bands] + [0.0],
         "reward model": [raw[band].mean().item() for band in bands] + [scores_of(reward_model, *zip(*probe)).mean().item()]}  # fmt: skip
means["reward model"] = [(score - CENTER.item()) / SCALE.item() for score in means["reward model"]]
plots.show(figures.by_talk(means), alt="Mean score over the share of talk: the reward model's goes up all the way, the judge's up and down.")
assert means["reward model"][-1] > means["reward model"][3] > means["reward model"][0] and len(probe) > 10

# %% [markdown]
# The judge likes a half best. The reward model has seen that more talk wins, and goes on in a straight line: answers of talk alone get its *highest* score. In the data that hardly matters, they are too few. It will matter as soon as a policy *looks* for high scores.

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
# By hand: two answers with rewards 10 and 11, each with probability ½ and logits $(0, 0)$. Then $\nabla \log \pi$ of the first is $(½, -½)$, of the second $(-½, ½)$. A draw gives $(5, -5)$ or $(-5.5, 5.5)$: the mean is right, $(-0.25, 0.25)$, and
# hardly a single draw even points there. With $b = 10.5$ *both* draws give exactly $(-0.25, 0.25)$.

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
# **Predict.** Eight steps of 32 answers each. How far up does the judge's mean score come from about 0.2?

# %% tags=["nbval-ignore-output"]
learner = Learner(seed=0)
climb = [reinforce_step(learner, judge_reward) for _ in range(8)]
print("judge's mean score in each step:", " ".join(f"{score:.2f}" for score in climb))
first, last = sum(climb[:3]) / 3, sum(climb[-3:]) / 3
print(f"first three steps {first:.2f}, last three {last:.2f}")
assert last > first + 0.05
# %% [markdown]
# It works, and each answer was used once and thrown away: one batch, one step. Writing answers is most of the cost. A second step on the same batch would be wrong, since the policy that takes it is no longer the one
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
    log_prob = torch.tensor([[0.0]]).add(1.5).log().requires_grad_()
    loss = clipped_loss(log_prob, torch.zeros(1, 1), torch.tensor([[A]]), one)
    print(f"ratio 1.5, A = {A:+.0f}: objective {-loss.item():+.1f}, its gradient {-torch.autograd.grad(loss, log_prob)[0].item():+.1f}")

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
# The same in `utils.alignment.policy`, on random grids with answers of unlike length: values, and gradients of the loss. (The tests of the course hold its clip against TRL's, too, on one batch: TRL has no PPO trainer any more, but its GRPO uses the same clip.)

# %%
draws = torch.Generator().manual_seed(5)
grids = [torch.randn(6, 12, generator=draws) for _ in range(5)]
mask = (torch.arange(12) >= 3) & (torch.arange(12) < torch.tensor([5, 12, 7, 9, 4, 10])[:, None])  # (6, 12)
log_probs, old, fixed, values, advantages = grids
log_probs = (old + 0.3 * log_probs).requires_grad_()
both = [(leashed(grids[0][:, 0], old, fixed, mask, 0.1), policy.leashed_rewards(grids[0][:, 0], old, fixed, mask, 0.1))]
both += zip(gae(both[0][0], values, mask), policy.gae(both[0][0], values, mask))
losses_of_both = [loss(log_probs, old, advantages, mask) for loss in (clipped_loss, policy.ppo_loss)]
both += [losses_of_both, [torch.autograd.grad(loss, log_probs)[0] for loss in losses_of_both]]
ppo_difference = max((ours - theirs).abs().max().item() for ours, theirs in both)
print(f"leash, advantages, returns, loss, gradient equal utils': {ppo_difference < 1e-5}; "
      f"clipped: {policy.share_clipped(log_probs.detach(), old, advantages, mask):.0%} of tokens")  # fmt: skip
assert ppo_difference < 1e-5

# %% tags=["nbval-ignore-output"]
import ipywidgets
from utils.course import widgets


def draw_clip(clip, ratio):
    return figures.clip(clip, ratio)


widgets.explore(draw_clip, alt="PPO's objective over the ratio, for an advantage above zero and one below: flat beyond the clip on one side.",
                clip=ipywidgets.FloatSlider(value=0.2, min=0.05, max=0.5, step=0.05),
                ratio=ipywidgets.FloatSlider(value=1.5, min=0.4, max=1.8, step=0.1))  # fmt: skip

# %% [markdown]
# Flat means: no gradient. A token that paid off ($A > 0$) is pushed up to $1 + \epsilon$ and no further; one that did not is pushed down to $1 - \epsilon$. On the other sides the line goes on, so that a mistake can be taken back.
#
# One step of PPO: write, score, pay for the leash, guess, two rounds of descent on the same answers. Advantages are brought to mean 0 and deviation 1 over the batch's tokens. Departures from InstructGPT: the value head reads the policy's own vectors and sends no gradient into them, where InstructGPT has a second whole model for it;
# no mix of pretraining text; and an answer that was cut off counts as ended.

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
            "explained": 1 - (policy.masked_mean((returns - values).square(), mask)
                              / policy.masked_mean((returns - policy.masked_mean(returns, mask)).square(), mask)).item()}  # fmt: skip

# %% [markdown] tags=["predict"]
# **Predict.** Now the reward is the reward model's score, and $\beta = 0.1$. Eight steps: will the judge's score, which nobody optimizes here, go up as well?

# %% tags=["nbval-ignore-output"]
learner = Learner(seed=0)
steps = [ppo_step(learner, model_reward, beta=0.1) for _ in range(8)]
for number, step in enumerate(steps, 1):
    print(f"step {number:>2}  reward model {step['reward']:+.2f}   judge {step['score']:.2f}   KL {step['kl']:5.2f}   talk {step['talk']:.0%}")
gains = {name: sum(step[name] for step in steps[-3:]) / 3 - sum(step[name] for step in steps[:3]) / 3 for name in ("reward", "score")}
assert gains["reward"] > 0.3 and gains["score"] > 0.05
# %% [markdown]
# Both go up: the reward model stands for the judge, so far. And now take the leash off.

# %% [markdown] tags=["predict"]
# **Predict.** The same policy goes on for ten steps with $\beta = 0$. What becomes of the reward model's score, of the judge's, and of the stories?

# %% tags=["nbval-ignore-output"]
off = [ppo_step(learner, model_reward, beta=0.0) for _ in range(10)]
for number, step in enumerate(off, 9):
    print(f"step {number:>2}  reward model {step['reward']:+.2f}   judge {step['score']:.2f}   KL {step['kl']:5.2f}   talk {step['talk']:.0%}")
ends = {name: sum(step[name] for step in off[-2:]) / 2 for name in ("reward", "score")}
print("best of the judge's scores on the way: {:.2f}".format(best_seen := max(step["score"] for step in steps + off)))
assert ends["reward"] > steps[-1]["reward"] and ends["score"] < best_seen - 0.1

# %% [markdown]
# The proxy rises, and what it stands for turns and falls. That is *reward hacking*: nobody cheats in any human sense. Descent finds where the reward model is wrong, as it finds everything else that pays. Section 3 showed the place: talk alone.

# %% [markdown]
# ## 6. Reward against KL
#
# How far may a policy go? The *recorded run* trains three leashes, $\beta = 0$, 0.03 and 0.1, with three seeds each, for 25 steps; beside them a policy on the judge's own score, which cannot be hacked. At the end each writes an answer to all 64 held-out prompts.

# %%
ARMS = {"no leash": (model_reward, 0.0), "beta 0.03": (model_reward, 0.03), "beta 0.1": (model_reward, 0.1), "judge's own score": (judge_reward, 0.03)}
SEEDS, STEPS = 3, 25


@torch.no_grad()
def on_held_out(model, seed):
    """One answer to each held-out prompt: scores, KL from the reference, and some texts."""
    model.eval()
    answers = policy.rollout(model, HELD_OUT, NEW, torch.Generator().manual_seed(seed), END, PAD)
    log_probs, fixed = (preferences.answer_log_probs(each, answers) for each in (model, reference))
    found = opinions(answers)
    return {"judge": [round(opinion.score, 3) for opinion in found], "talk": sum(opinion.talk for opinion in found) / len(found),
            "good": sum(opinion.good for opinion in found) / len(found), "reward": model_reward(answers).mean().item(),
            "kl": (log_probs - fixed).mean().item(), "texts": [text(ids[mask]) for ids, mask in zip(*answers)][:4]}  # fmt: skip


def one_run(reward, beta, seed):
    learner = Learner(seed)
    steps = [ppo_step(learner, reward, beta) for _ in range(STEPS)]
    return {"steps": {name: [round(step[name], 3) for step in steps] for name in steps[0]}, "held out": on_held_out(learner.policy, 100 + seed)}


def all_runs():
    return {name: [one_run(*arm, seed) for seed in range(SEEDS)] for name, arm in ARMS.items()} | {"start": on_held_out(reference, 100)}

# %% tags=["nbval-ignore-output"]
log = recorded.results("18_ppo", lesson=18, settings={"arms": {name: beta for name, (_, beta) in ARMS.items()}, "seeds": SEEDS, "steps": STEPS}, compute=all_runs)
# %% [markdown]
# ## 8. Best of n
#
# There is a way without training: write $n$ answers, score them, keep the best. How far is *that* from the start? If no two scores are equal, its KL from the policy that wrote is at most
#
# $$ \text{KL}(\text{best of } n \,\|\, \pi_{\text{ref}}) \le \ln n - \frac{n - 1}{n} , $$
#
# which was long taken for the exact value (Beirami et al., 2024, show that it is a bound). For $n = 4$: $1.39 - 0.75 = 0.64$ nats; for $n = 64$: $3.17$. Out of $m = 64$ answers to a prompt, the mean over *all* sets of $n$ can be had at once: sorted by score, the answer of rank $i = 0, 1, \dots$ from below is the best in $\binom{i}{n-1}$ of the $\binom{m}{n}$ sets.

# %%
from utils.experiments.tastes import best_of


def best_of_n(prompts=32, m=64):
    groups = written(reference, HELD_OUT[:prompts], m, seed=2)
    flat = [one for group in groups for one in group]
    with torch.no_grad():
        scores = scores_of(reward_model, *zip(*((one.prompt, one.answer) for one in flat))).view(prompts, m)
    scores, by_judge = (scores - CENTER) / SCALE, torch.tensor([one.opinion.score for one in flat]).view(prompts, m)
    return {str(n): {"reward": best_of(n, scores, scores).mean().item(), "judge": best_of(n, scores, by_judge).mean().item()}
            for n in (1, 2, 4, 8, 16, 32, 64)}  # fmt: skip

# %% tags=["nbval-ignore-output"]
best = recorded.results("18_best_of_n", lesson=18, settings={"prompts": 32, "answers": 64}, compute=best_of_n)

# %% [markdown]
# ## 9. DPO, line by line
# %%
def dpo_steps(steps, seed, beta=0.1, size=16, rate=2e-4, look=()):
    """DPO on the pairs of section 2: the policy, what was measured in each step, and on held-out prompts after some."""
    torch.manual_seed(seed)
    model, rows, history, looks = copy.deepcopy(reference).requires_grad_(True), [], [], {}
    optimizer, rng = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0), Random(seed)
    x, chosen, rejected = zip(*pairs["train"])
    fixed = torch.stack([preferences.scores(reference, x, y) for y in (chosen, rejected)])  # (2, N), once
    for step in range(1, steps + 1):
        rows = rows if len(rows) >= size else rows + rng.sample(range(len(x)), len(x))
        now, rows = rows[:size], rows[size:]
        batch = preferences.Answers.of([x[i] for i in now] * 2, [y[i] for y in (chosen, rejected) for i in now], PAD)
        h = preferences.answer_log_probs(model, batch).view(2, -1) - fixed[:, now]  # (2, size): log-ratios
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


dpo_log = recorded.results("18_dpo", lesson=18, settings={"steps": 32, "seeds": SEEDS}, compute=dpo_runs)
