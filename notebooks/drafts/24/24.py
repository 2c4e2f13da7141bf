# %% [markdown]
# # 24 · GRPO
#
# **[Open in Colab](https://colab.research.google.com/github/OWNER/transformers-course/blob/main/notebooks/24_grpo.ipynb)** ·
# level 3 of 3 · needs lessons 18 and 21 · [notation](../data/notation.md) · [glossary](../data/glossary.md)
#
# Nobody shows the model a solution. It answers each sum sixteen times, a program says which answers are right, and what was right is made
# likelier. **What does a language model learn from that, and what does it not learn?** You write GRPO, the method behind DeepSeek-R1, with its
# variants as switches, train a small Llama until it thinks before it answers, and find out how much of the gain it had in it from the start.
#
# | what it costs | time | memory | download |
# |---|---|---|---|
# | CPU, two cores (measured 2026-11-28) | 75 s | 2.0 GB | none |
# | Colab T4 (estimated) | 20 min | 10 GB | 1 GB |
# | larger GPU (estimated) | 8 min | 20 GB | 1 GB |
#
# *In class (50 minutes):* sections 1 to 8 without the cells marked **More**, then *Where it goes wrong* and the summary.
# The rest is for self-study.

# %% [markdown]
# ## You will be able to
#
# 1. **write** rewards that a program can check, and turn a group's rewards into advantages;
# 2. **write** GRPO's loss, with Dr. GRPO and DAPO as switches, and **prove** it equal to TRL's;
# 3. **measure** bias and variance of three estimates of the KL;
# 4. **train** a model until it thinks first, and **judge** the gain beside the strongest trivial cure;
# 5. **tell** by pass@k whether training added an ability or made one likelier.

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

run = runtime.start(lesson=24)

# %% jupyter={"source_hidden": true}
from utils.course import plots, recorded
from utils.course.figures import lesson_24 as figures

if not recorded.is_recording():
    first = recorded.load("24_grpo").results
    forced_share = recorded.load("24_pass_at_k").results["forced greedy"]
    plots.show(figures.climb(first, forced_share),
               alt="Over the steps of three seeds: greedy accuracy climbs from a tenth to nearly one, answers grow longer.")  # fmt: skip
    assert min(run["greedy"][-1] for run in first) > 2 * max(run["greedy"][0] for run in first)

# %% [markdown]
# Left: of 200 held-out sums, the share whose likeliest answer is right; three recorded runs of GRPO (section 7). Right: how long the answers are that
# the model draws in training. Both rise together: it learns to think first. The dotted line is the *same model before any training*, made to think by hand. Keep it in mind.
# (The drawings' code: `utils/course/figures/lesson_24.py`.)

# %% [markdown]
# ## 1. Sums, and a program that judges
#
# The model is `llama-mini` (lesson 21 opens its architecture): 2.2 million weights, trained on stories and on sums that a *program* wrote. The sums came with two habits. Four of five answers were
# given at once, half of them wrong; the others worked column by column inside `<think>...</think>`, from the right, as on paper:
#
# `<think>5+5+1=11 carry 1; 1+7+6+1=15 carry 1</think>...` for 15 + 75 + 61. (Its second step has a mistake in it: which?)
#
# A *verifiable reward* is one that a program can compute. `arithmetic.verify` reads a response and says whether its form is right (one `<think>` block, then a number), whether the number is right, and whether anything stands inside the block.

# %%
from random import Random

from utils.worlds import arithmetic

problem = arithmetic.Problem("+", (15, 75, 61))
for response in ("<think>5+5+1=11 carry 1; 1+7+6+1=15</think>151", "<think></think>151", "<think></think>141", "151", "no idea"):
    judged = arithmetic.verify(problem, response)
    print(f"right {judged.right!s:<5}  form {judged.formatted!s:<5}  thinks {judged.thinks!s:<5}  {response}")
assert problem.answer == 151

# %% [markdown]
# The reward has two *components*, as DeepSeek-R1's had: 1 for the right answer, and a little, 0.1, for the right form. Nothing in it speaks of thinking. (The example above said `carry 1` after 15: there is no third column to carry to; the digits are right.)

# %%
FORM = 0.1  # the reward for the right form, beside 1 for the right answer


def reward(judgment, text="", length=0):
    """What an answer earns; this reward does not look at its text or its length, later ones do."""
    return judgment.right + FORM * judgment.formatted


rng = Random("held-out sums of lesson 24")
HELD_OUT = [arithmetic.draw(rng, level=4, held_out=True) for _ in range(200)]  # three numbers of two digits
print(*(one.prompt for one in HELD_OUT[:4]), sep="   ")
assert all(one.held_out for one in HELD_OUT)

# %% [markdown]
# One sum in ten is held out, whatever the order of its numbers; the training draws from the others. Now the model, as the course's own Llama, whose cache writes fast. `group_rollout` reads each prompt once for its whole group, and drops an answer from the batch as soon as it has ended.

# %% tags=["nbval-ignore-output"]
import torch

from utils.alignment import grpo, policy, preferences
from utils.data import catalog
from utils.generation import GREEDY, Sampling
from utils.models.llama import Llama

theirs, tokenizer = catalog.load("llama-mini")
reference = Llama.from_hf(theirs).requires_grad_(False)  # where everything begins; never trained
OPEN, CLOSE, END = tokenizer.convert_tokens_to_ids(["<think>", "</think>", "<|end|>"])
PAD, NEW = tokenizer.pad_token_id, 40  # an answer has at most 40 tokens


def prompt_of(problem, start=()):
    """The chat template's ids, up to where the answer begins; `start`: tokens put into the model's mouth."""
    turns = [{"role": "user", "content": problem.prompt}]
    return [*tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False), *start]


def judgments(problems, answers, start=""):
    """The judge's word on each row; the answers to one problem stand next to each other."""
    texts = [start + text.removesuffix("<|end|>") for text in tokenizer.batch_decode([ids[mask] for ids, mask in zip(*answers)])]
    each = len(texts) // len(problems)
    return [arithmetic.verify(problems[row // each], text) for row, text in enumerate(texts)], texts


print(repr(tokenizer.decode(prompt_of(problem))))

# %% [markdown]
# ## 2. Before any training
#
# What can it do? On the held-out sums: the likeliest answer (*greedy*); an answer drawn at temperature 1; and the best trivial programs that I can name.
#
# 1. *The commonest total*, whatever the sum.
# 2. *A majority vote* of 16 drawn answers; and a vote of those among them that thought.
# 3. *The forced thought*: put `<think>` into the model's mouth, and forbid `</think>` as the next token. Then it has to write something in between.

# %% [markdown] tags=["predict"]
# **Predict.** The model answers at once in three of four cases. What will the forced thought do to the share of right answers, greedy?

# %% tags=["nbval-ignore-output"]
from collections import Counter

from utils import metrics


def answered(model, problems=HELD_OUT, size=1, sampling=GREEDY, seed=0, forced=False):
    """Judgments, texts and the batch of `size` answers to each problem."""
    prompts = [prompt_of(one, [OPEN] if forced else []) for one in problems]
    draws = torch.Generator().manual_seed(seed)
    answers = grpo.group_rollout(model, prompts, size, NEW, draws, END, PAD, sampling, [CLOSE] if forced else [])
    return *judgments(problems, answers, "<think>" if forced else ""), answers


def vote(judged, among=lambda one: True):
    """For each held-out sum: does the commonest number of its group win?"""
    size, found = len(judged) // len(HELD_OUT), []
    for row, one in enumerate(HELD_OUT):
        numbers = Counter(j.answer for j in judged[row * size : (row + 1) * size] if among(j))
        found.append(bool(numbers) and numbers.most_common(1)[0][0] == one.answer)
    return found


train_totals = Counter(arithmetic.draw(Random(f"total {number}"), level=4).answer for number in range(2000))
of_group = answered(reference, size=16, sampling=Sampling())[0]
right = lambda found: [one.right for one in found[0]]
start = {"commonest total": [one.answer == train_totals.most_common(1)[0][0] for one in HELD_OUT],
         "greedy": right(answered(reference)), "drawn": right(answered(reference, sampling=Sampling())),
         "forced thought, drawn": right(answered(reference, sampling=Sampling(), forced=True)),
         "vote of 16": vote(of_group), "vote of those of 16 that think": vote(of_group, lambda one: one.thinks),
         "forced thought, greedy": right(answered(reference, forced=True))}  # fmt: skip
begun = {name: metrics.mean_interval(rows) for name, rows in start.items()}
for name, found in begun.items():
    print(f"{name:<31} right: {found}")
thinks = [one.thinks for one in of_group]
alone = {habit: [one.right for one in of_group if one.thinks == habit] for habit in (True, False)}
print(f"drawn: {sum(thinks) / len(thinks):.0%} think; right where it thinks {sum(alone[True]) / len(alone[True]):.0%}, at once {sum(alone[False]) / len(alone[False]):.0%}")
assert begun["forced thought, greedy"].low > 0.95 and begun["greedy"].high < 0.2 and begun["drawn"].high < 0.35
assert begun["vote of 16"].high < begun["vote of those of 16 that think"].low + 0.05

# %% [markdown]
# Look at the last rows. The likeliest answer is nearly always wrong, since it is always the quick one. One token put into the model's mouth, and one forbidden, and the *same weights* solve nearly every sum. The ability is there. What is missing is the habit.
#
# So the forced thought is the bar for everything that follows. GRPO cannot beat it by much; the question is whether it gets there *without being told that there is such a thing as thinking*.

# %% [markdown]
# ## 3. A group is its own baseline
#
# Lesson 18 made likelier what paid off: $A \log \pi$, with an advantage $A$, a reward minus a baseline. PPO's baseline was a value head, a second network. GRPO (*group relative policy optimization*; Shao et al., 2024) asks the policy itself: draw $G$ answers to the same prompt, and compare each with the mean of its group.
#
# By hand: four answers with the rewards $r = (1, 0, 0, 0)$. The mean is 0.25, the sample's standard deviation 0.5. So the right answer has the advantage $(1 - 0.25) / 0.5 = 1.5$, the others $-0.5$ each. In general, for answer $i$ of a group of $G$,
#
# $$ A_i = \frac{r_i - \text{mean}(r_1, \dots, r_G)}{\text{std}(r_1, \dots, r_G)} . $$

# %%
def group_advantages(rewards, divide_by_spread=True):
    """(N, G), a row for each prompt -> (N, G)."""
    centered = rewards - rewards.mean(1, keepdim=True)
    return centered / (rewards.std(1, keepdim=True) + 1e-4) if divide_by_spread else centered


by_hand = group_advantages(torch.tensor([[1.0, 0, 0, 0], [1, 1, 1, 1]]))
print(by_hand)
assert torch.allclose(by_hand, torch.tensor([[1.5, -0.5, -0.5, -0.5], [0, 0, 0, 0]]), atol=1e-3)

# %% [markdown]
# The second group is all right, and so all its advantages are 0: there is nothing to compare, and nothing to learn. The same holds for a group that is all wrong. (The 0.0001 under the line is TRL's; without it, such a group would give 0/0.)
#
# Here is one group of eight, with rewards and advantages. Every token of an answer gets the answer's advantage.

# %% tags=["nbval-ignore-output"]
judged, texts, _ = answered(reference, [HELD_OUT[3]], 8, Sampling(), seed=2)
rewards = torch.tensor([reward(one) for one in judged])
print(f"{HELD_OUT[3].prompt}{HELD_OUT[3].answer}")
for text, r, advantage in sorted(zip(texts, rewards.tolist(), group_advantages(rewards[None])[0].tolist()), key=lambda row: -row[1]):
    print(f"reward {r:.1f}  advantage {advantage:+.2f}  {text}")
assert abs(group_advantages(rewards[None]).sum()) < 1e-4

# %% [markdown]
# Who is right has mostly thought. So the tokens of thinking are pushed up and the quick ones down, though the reward does not know the difference.
#
# **What the division does.** Draw the advantages over the number of right answers in a group of 16.

# %% tags=["nbval-ignore-output"]
import ipywidgets

from utils.course import widgets


def draw_group(right):
    return figures.group(right)


widgets.explore(draw_group, alt="Advantages over the number of right answers in a group of 16, divided by the spread and not.",
                right=ipywidgets.IntSlider(value=2, min=0, max=16))  # fmt: skip

# %% [markdown]
# Undivided (right panel), an advantage is never above 1, and a prompt weighs most where half of its answers are right. Divided, the one right answer in sixteen gets 3.75: very hard and very easy prompts weigh more than they would. *Dr. GRPO* (Liu et al., 2025) calls this a bias towards such questions and leaves the division out.

# %%
size = 16
for right_ones in (1, 8, 15):
    rows = torch.tensor([[1.0] * right_ones + [0.0] * (size - right_ones)])
    pull = {divided: group_advantages(rows, divided).abs().sum().item() for divided in (True, False)}
    print(f"{right_ones:>2} of 16 right: sum of |A| divided {pull[True]:5.2f}, not divided {pull[False]:5.2f}")
    if right_ones == 1:
        rare = group_advantages(rows)[0, 0].item()
assert abs(rare - 3.75) < 0.01

# %% [markdown]
# ## 4. The loss, and what it is divided by
#
# The rest is PPO's: with the ratio $\rho_t = \pi_\theta(y_t \mid \cdot) / \pi_{\text{old}}(y_t \mid \cdot)$ each token contributes
#
# $$ \ell_t = -\min\big( \rho_t A,\ \text{clip}(\rho_t,\ 1 - \epsilon_{\text{low}},\ 1 + \epsilon_{\text{high}})\, A \big) + \beta\, k_3(t) , $$
#
# where $\beta$ is the price of the KL from the reference (section 5), and $\epsilon$ how far one batch may move a token. There are $B$ answers with $|y_i|$ tokens each. How are their tokens averaged? Three papers give three answers:
#
# | name | $\mathcal{L}$ | what follows |
# |---|---|---|
# | GRPO | $\frac{1}{B} \sum_i \frac{1}{\lvert y_i \rvert} \sum_t \ell_{i,t}$ | all *answers* weigh the same: a token of a long one weighs less |
# | DAPO | $\frac{1}{\sum_i \lvert y_i \rvert} \sum_i \sum_t \ell_{i,t}$ | all *tokens* weigh the same |
# | Dr. GRPO | $\frac{1}{B\, L} \sum_i \sum_t \ell_{i,t}$ | as DAPO, but by a constant, the most tokens $L$ an answer may have |
#
# By hand: two wrong answers with $A = -1$, of 2 and of 8 tokens. In GRPO a token of the short one is pushed down by 1/4, one of the long one by 1/16. *Wrong and long* is punished less than wrong and short, and answers that are wrong grow. With DAPO each gets 1/10.

# %%
def grpo_loss(log_probs, old, advantages, mask, per="answer", low=0.2, high=0.2, beta=0.0, fixed=None, longest=NEW):
    """Grids (B, T - 1), advantages (B,) -> the loss, ()."""
    ratio, A = (log_probs - old).exp(), advantages[:, None]
    losses = -torch.minimum(ratio * A, ratio.clamp(1 - low, 1 + high) * A)
    if beta:
        away = fixed - log_probs
        losses = losses + beta * (away.exp() - 1 - away)  # k3, section 5
    sums, lengths = (losses * mask).sum(1), mask.sum(1)  # (B,)
    return {"answer": (sums / lengths).mean(), "token": sums.sum() / lengths.sum(), "longest": sums.mean() / longest}[per]


mask = torch.tensor([[1, 1] + [0] * 6, [1] * 8]).bool()
for per in ("answer", "token", "longest"):
    zero = torch.zeros(2, 8, requires_grad=True)
    pull = torch.autograd.grad(grpo_loss(zero, torch.zeros(2, 8), -torch.ones(2), mask, per), zero)[0]
    print(f"per {per:<8} a token of the short answer {pull[0, 0]:.4f}, of the long one {pull[1, 0]:.4f}")
    if per == "answer":
        assert abs(pull[0, 0] - 1 / 4) < 1e-6 and abs(pull[1, 0] - 1 / 16) < 1e-6

# %% [markdown]
# DAPO (Yu et al., 2025) has three more switches. *Clip-higher*: $\epsilon_{\text{high}} = 0.28$ beside $\epsilon_{\text{low}} = 0.2$, so that rare tokens can rise faster. *Dynamic sampling*: a group whose rewards are all equal is thrown away and another prompt drawn (section 9). *Overlong shaping*: an answer loses up to 1 over its last permitted tokens. And it drops the KL term.
# `utils.alignment.grpo` has the switches as a `Variant`, and three settings of it.

# %%
for name in ("GRPO", "DR_GRPO", "DAPO"):
    print(f"{name:<8}", getattr(grpo, name))

# %% [markdown]
# Your functions against `utils.alignment.grpo` and against TRL's `GRPOTrainer`, on real answers: six of `llama-mini`, by a policy that has moved a little, so that the ratio is not 1. TRL keeps its loss in a private method; the cell hands it as much of a trainer as it reads, a *stub*.

# %% tags=["nbval-ignore-output"]
import copy

_, _, sample = answered(reference, HELD_OUT[:2], 3, Sampling(), seed=5)
torch.manual_seed(24)
moved = copy.deepcopy(reference)
for weight in moved.parameters():
    weight.data += 0.03 * weight.std() * torch.randn_like(weight)
with torch.no_grad():
    fixed = preferences.token_log_probs(reference, sample)  # (6, T - 1)
    log_probs = preferences.token_log_probs(moved, sample)
mask, advantages = sample.mask[:, 1:], torch.tensor([1.5, -0.5, -1.0, 2.0, -1.0, -1.0])
old = (log_probs + 0.2 * torch.randn(log_probs.shape)) * mask
log_probs.requires_grad_()
outside = ((log_probs - old).exp() - 1).abs()[mask] > 0.2
print(f"{len(outside)} tokens, the ratio beyond the clip at {outside.float().mean().item():.0%}")
assert 0.1 < outside.float().mean() < 0.9

# %% tags=["nbval-ignore-output"]
from collections import defaultdict
from types import SimpleNamespace

import trl


def by_trl(kind, beta, high):
    """TRL's loss on the six answers."""
    same = SimpleNamespace(gather=lambda x: x, reduce=lambda x, reduction: x, gather_for_metrics=lambda x: x, device="cpu", num_processes=1)
    stub = SimpleNamespace(model=SimpleNamespace(training=True), loss_type=kind, epsilon_low=0.2, epsilon_high=high, beta=beta,
                           importance_sampling_level="token", top_entropy_quantile=1.0, off_policy_mask_threshold=None,
                           use_vllm=False, aux_loss_enabled=False, _entropy_bonus_enabled=False, max_completion_length=NEW,
                           current_gradient_accumulation_steps=1, accelerator=same, _metrics=defaultdict(lambda: defaultdict(list)),
                           args=SimpleNamespace(delta=None, use_bias_correction_kl=False, steps_per_generation=1),
                           _get_per_token_logps_and_entropies=lambda *_, **__: (log_probs, torch.zeros_like(log_probs), None))  # fmt: skip
    nothing = torch.zeros(len(mask), 1, dtype=torch.long)
    batch = {"prompt_ids": nothing, "prompt_mask": nothing, "completion_ids": mask.long(), "completion_mask": mask.long(),
             "advantages": advantages, "old_per_token_logps": old, "ref_per_token_logps": fixed, "num_items_in_batch": mask.sum()}  # fmt: skip
    return trl.GRPOTrainer._compute_loss(stub, None, batch)


def apart(ours, theirs):
    """The larger difference of the two: values, and gradients by every token's log-probability."""
    both = [(loss, torch.autograd.grad(loss, log_probs)[0]) for loss in (ours, theirs)]
    return max((a - b).abs().max().item() for a, b in zip(*both))


KINDS = {"grpo": grpo.Variant(), "grpo, beta 0.04": grpo.GRPO, "dr_grpo": grpo.DR_GRPO, "dapo": grpo.DAPO,
         "bnpo, beta 0.1": grpo.Variant(per="token", beta=0.1)}  # fmt: skip
off_utils, off_trl = {}, {}
for name, variant in KINDS.items():
    ours = lambda: grpo_loss(log_probs, old, advantages, mask, variant.per, 0.2, variant.high, variant.beta, fixed)
    off_utils[name] = apart(ours(), grpo.grpo_loss(log_probs, old, advantages, mask, variant, fixed, NEW))
    if trl.__version__.startswith("1.16."):
        off_trl[name] = apart(ours(), by_trl(name.split(",")[0], variant.beta, variant.high))
    print(f"{name:<16} equals utils': {off_utils[name] < 1e-5}   equals TRL's: {off_trl.get(name, 1) < 1e-5}")
assert max(off_utils.values()) < 1e-5 and max(off_trl.values(), default=0) < 1e-5

# %% [markdown]
# Equal in value and in gradient. A departure to name: TRL's default `loss_type` is `dapo` and its default `beta` is 0, so that a bare `GRPOTrainer` is not DeepSeekMath's GRPO. (Its `dapo` counts the tokens of the whole generation batch; with one batch it equals `bnpo`.)

# %% [markdown]
# ## 5. Three estimates of the KL
#
# $\beta$ prices $\text{KL}(\pi \,\|\, \pi_{\text{ref}})$. To know it exactly you would need a sum over the whole vocabulary at every token. From the token alone that was drawn, with $r = \pi_{\text{ref}} / \pi$, Schulman (2020) names three estimates:
#
# $$ k_1 = -\log r, \qquad k_2 = \tfrac{1}{2} (\log r)^2, \qquad k_3 = r - 1 - \log r . $$
#
# By hand: $\pi = (½, ½)$, $\pi_{\text{ref}} = (¾, ¼)$. The KL is $½ \ln \frac{2}{3} + ½ \ln 2 = 0.144$. Then $k_1$ is $-0.41$ or $+0.69$: right on average, but its sign changes. $k_3$ is $1.5 - 1 - 0.41 = 0.09$ or $0.5 - 1 + 0.69 = 0.19$: also 0.144 on average, and never below 0.

# %%
def estimates(log_probs, fixed):
    """log pi and log pi_ref of drawn tokens -> the three estimates, each of that shape."""
    log_r = fixed - log_probs
    return {"k1": -log_r, "k2": log_r**2 / 2, "k3": log_r.exp() - 1 - log_r}


pi, ref = torch.tensor([0.5, 0.5]), torch.tensor([0.75, 0.25])
for name, k in estimates(pi.log(), ref.log()).items():
    print(f"{name}: {[round(x, 3) for x in k.tolist()]}, mean {(pi * k).sum().item():.3f}")

# %% [markdown]
# Bias and spread can be had exactly where the vocabulary is small: 50 tokens, a reference, and policies that move away from it in one direction, step by step. The mean and the standard deviation of $k$ are sums over the 50 tokens, each weighted by $\pi$. The *bias* is the mean minus the KL.

# %% [markdown] tags=["predict"]
# **Predict.** Which of the three has a bias? Which has the smallest spread near the reference, and which far from it?

# %%
draws = torch.Generator().manual_seed(0)
logits, direction = torch.randn(2, 50, generator=draws, dtype=torch.float64)
log_ref, rows_kl = logits.log_softmax(-1), []
for move in (0.05, 0.1, 0.2, 0.4, 0.8, 1.6):
    log_pi = (logits + move * direction).log_softmax(-1)
    mean = lambda x: (log_pi.exp() * x).sum().item()
    row = {"kl": mean(log_pi - log_ref)}
    for name, k in estimates(log_pi, log_ref).items():
        row[name] = {"bias": mean(k) - row["kl"], "deviation": mean((k - mean(k)) ** 2) ** 0.5}
    rows_kl.append(row)
    parts = [f"{name} {row[name]['bias'] / row['kl'] + 0.0:+5.1%} {row[name]['deviation'] / row['kl']:5.1f}" for name in ("k1", "k2", "k3")]
    print(f"KL {row['kl']:.4f}, bias and deviation as multiples of it:  ", *parts, sep="   ")
plots.show(figures.estimators(rows_kl), alt="Bias and deviation of k1, k2 and k3 over the true KL: only k2 is biased; k1 spreads most near, k3 far out.")
near, far = rows_kl[0], rows_kl[-1]
k1_near, k3_far = near["k1"]["deviation"] / near["k3"]["deviation"], far["k3"]["deviation"] / far["k1"]["deviation"]
bias_of = {name: max(abs(row[name]["bias"]) / row["kl"] for row in rows_kl) for name in ("k1", "k2", "k3")}
assert bias_of["k1"] < 1e-9 and bias_of["k3"] < 1e-9 and bias_of["k2"] > 0.03 and k1_near > 20 and k3_far > 3

# %% [markdown]
# $k_1$ and $k_3$ have no bias; $k_2$ has one that grows with the distance, though it stays small here. Near the reference, where a leashed policy lives, a single token's $k_1$ spreads some thirty times as far as the KL is large, $k_3$ about once. So $k_3$ is what GRPO takes. Far out it is the other way round: a token that the reference likes and the policy hardly draws has a huge $r$, and $k_3$ with it.

# %% [markdown] tags=["more"]
# **More: an estimate of a value is not one of a gradient.** In the loss, $k$ is *differentiated*, and the tokens were drawn before. What is the mean of $\nabla k$? With $\nabla \log r = -\nabla \log \pi$:
#
# $$ \mathbb{E}[\nabla k_1] = \mathbb{E}[\nabla \log \pi] = 0, \qquad \mathbb{E}[\nabla k_2] = \mathbb{E}[-\log r\, \nabla \log \pi] = \nabla \text{KL}(\pi \,\|\, \pi_{\text{ref}}), \qquad \mathbb{E}[\nabla k_3] = \mathbb{E}[(1 - r) \nabla \log \pi] = \nabla \text{KL}(\pi_{\text{ref}} \,\|\, \pi) . $$

# %% tags=["more"]
moving = (logits + 0.8 * direction).requires_grad_()
log_pi = moving.log_softmax(-1)
slope = lambda loss: torch.autograd.grad(loss, moving, retain_graph=True)[0]
of_k = {name: slope((log_pi.detach().exp() * k).sum()) for name, k in estimates(log_pi, log_ref).items()}
reverse = slope((log_pi.exp() * (log_pi - log_ref)).sum())  # of KL(pi || ref)
forward = slope((log_ref.exp() * (log_ref - log_pi)).sum())  # of KL(ref || pi)
largest = lambda x: x.abs().max().item()
print(f"k1: nothing {largest(of_k['k1']) < 1e-9}   k2: KL(pi || ref) {largest(of_k['k2'] - reverse) < 1e-9}   k3: KL(ref || pi) {largest(of_k['k3'] - forward) < 1e-9}")
assert largest(of_k["k1"]) < 1e-9 and largest(of_k["k2"] - reverse) < 1e-9 and largest(of_k["k3"] - forward) < 1e-9

# %% [markdown] tags=["more"]
# So $k_1$ in the loss has no effect on average, and $k_3$, the unbiased one, has the gradient of the *other* KL. In lesson 18 $k_1$ stood in the reward, where nothing is differentiated: there it is right.

# %% [markdown]
# ## 6. Live: it learns to think
#
# One step: eight new sums, sixteen answers each, advantages, one step of AdamW. Each batch is used once, so that the ratio is 1 and the clip has nothing to do yet; section 9 uses a batch several times. There is no KL term here, as in DAPO: $\beta = 0$.

# %%
class Learner:
    """A policy that begins as llama-mini, its optimizer, and the sums that it will be asked."""

    def __init__(self, seed, rate=2e-4):
        self.policy = copy.deepcopy(reference).requires_grad_(True)
        self.optimizer = torch.optim.AdamW(self.policy.parameters(), lr=rate, weight_decay=0.0)
        self.draws, self.problems = torch.Generator().manual_seed(seed), Random(f"sums of lesson 24, {seed}")
        self.judged = []  # of the batch at hand

    def draw(self, prompts, size=16, reward=reward):
        """Answers to so many new sums, and their rewards (N, G)."""
        problems = [arithmetic.draw(self.problems, level=4) for _ in range(prompts)]
        answers = grpo.group_rollout(self.policy, [prompt_of(one) for one in problems], size, NEW, self.draws, END, PAD)
        judged, texts = judgments(problems, answers)
        self.judged += judged
        rewards = [reward(*row) for row in zip(judged, texts, answers.lengths.tolist())]
        return answers, torch.tensor(rewards).view(prompts, size)

    def descend(self):
        """A step along the gradient that was gathered."""
        torch.nn.utils.clip_grad_norm_(self.policy.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()

# %% [markdown]
# The step itself. Answers of like length go through the model together (`batches_by_length`), so that quick ones are not filled up to the longest; the parts' gradients add up to the batch's. `dynamic` and the other switches are those of the variant.

# %%
def share(judged, name):
    return sum(getattr(one, name) for one in judged) / len(judged)


def grpo_step(learner, variant=grpo.Variant(), reward=reward):
    """One batch of answers and one step on it; what was measured on the batch."""
    learner.judged.clear()
    draw = lambda prompts: learner.draw(prompts, reward=reward)
    answers, rewards = grpo.dynamic_groups(draw, 8) if variant.dynamic else draw(8)
    advantages = group_advantages(rewards, variant.divide_by_spread).flatten()  # (N, G) -> (B,)
    for rows, part, weight in grpo.batches_by_length(answers, 2, variant):
        log_probs = preferences.token_log_probs(learner.policy, part)  # (rows, T - 1)
        loss = grpo.grpo_loss(log_probs, log_probs.detach(), advantages[rows], part.mask[:, 1:], variant, longest=NEW)
        (weight * loss).backward()
    learner.descend()
    return {"reward": rewards.mean().item(), "tokens": answers.lengths.float().mean().item(),
            "informative": grpo.informative(rewards).float().mean().item(),
            **{name: share(learner.judged, name) for name in ("right", "formatted", "thinks")}}  # fmt: skip

# %% [markdown] tags=["predict"]
# **Predict.** Eight steps, 1,024 answers in all. What will become of the share that thinks, of the length, and of the greedy accuracy on held-out sums, which was about a tenth?

# %% tags=["nbval-ignore-output"]
def show(number, step):
    print(f"step {number:>2}  reward {step['reward']:.2f}   right {step['right']:4.0%}   form {step['formatted']:4.0%}   "
          f"thinks {step['thinks']:4.0%}   tokens {step['tokens']:4.1f}   groups that teach {step['informative']:4.0%}")  # fmt: skip


learner = Learner(seed=0)
steps = [grpo_step(learner) for _ in range(8)]
for number, step in enumerate(steps, 1):
    show(number, step)
judged, texts, answers = answered(learner.policy)
live = {"greedy": metrics.mean_interval([one.right for one in judged]), "thinks": share(judged, "thinks"),
        "drawn": metrics.mean_interval(right(answered(learner.policy, sampling=Sampling()))),
        "tokens": answers.lengths.float().mean().item(), "before": answered(reference)[2].lengths.float().mean().item()}  # fmt: skip
print(f"held out, greedy: {live['greedy']}, before {begun['greedy']}; drawn: {live['drawn']}, before {begun['drawn']}")
print(f"greedy answers: {live['thinks']:.0%} think, {live['tokens']:.0f} tokens, before {live['before']:.0f}")
assert live["greedy"].low > 2 * begun["greedy"].high and live["tokens"] > 3 * live["before"] and live["thinks"] > 0.9

# %% [markdown]
# The same as a picture: the two components of the reward and the thinking, beside the length.

# %%
plots.show(figures.live(steps), alt="Over eight live steps: right and thinks rise together, the form stays right, answers grow longer.")

# %% [markdown]
# Held-out greedy accuracy has far more than doubled, and an answer is several times as long. The model found out that thinking pays, from a reward that speaks of numbers alone. By component: the form was right from the start and taught nothing; all of the reward's rise comes from the answers.
#
# Read on, though. The greedy answers are about as good as those of the forced thought in section 2, and so are the drawn ones:

# %% tags=["nbval-ignore-output"]
for name, forced in (("greedy", "forced thought, greedy"), ("drawn", "forced thought, drawn")):
    print(f"{name:<6} after GRPO {live[name]}   the start with a forced thought {begun[forced]}")
ahead = metrics.gain_interval(start["forced thought, greedy"], [one.right for one in judged])
print(f"GRPO minus forced thought, greedy: {ahead}")
print(*(f"{one.prompt}{text}" for one, text in zip(HELD_OUT[:3], texts)), sep="\n")
assert -0.1 < ahead.value < 0.02 and abs(live["drawn"].value - begun["forced thought, drawn"].value) < 0.2

# %% [markdown]
# GRPO is *not* ahead of the forced thought. What it did was to choose between two habits that the model had. That is worth something: nobody had to know that there is a `<think>`, nor to put it into the model's mouth. It is not a new skill.

# %% [markdown]
# ## 7. Recorded: three seeds, three variants, and the plain baseline
#
# The *recorded run* has three seeds of four arms, 8 steps of 128 answers each: GRPO, Dr. GRPO, DAPO with all its switches, and the plainest use of the same answers: throw away what is wrong, and do one step of SFT on what is right (*rejection sampling*, or *expert iteration* where it is repeated, as here).

# %%
def shaped(judgment, text, length):
    """DAPO's overlong shaping: from 36 tokens on an answer gets dearer."""
    return reward(judgment) + grpo.overlong_penalty(torch.tensor(length), NEW, 4).item()


def sft_step(learner):
    """The same draw; one step of SFT on the right answers alone."""
    learner.judged.clear()
    answers, _ = learner.draw(8)
    rows = torch.tensor([one.right for one in learner.judged]).nonzero()[:, 0]
    preferences.sft_loss(learner.policy, preferences.Answers(answers.ids[rows], answers.mask[rows])).backward()
    learner.descend()
    return {"tokens": answers.lengths.float().mean().item(), **{name: share(learner.judged, name) for name in ("right", "thinks")}}


ARMS = {"GRPO": grpo_step, "Dr. GRPO": lambda learner: grpo_step(learner, grpo.DR_GRPO),
        "DAPO": lambda learner: grpo_step(learner, grpo.DAPO, shaped), "SFT on right answers": sft_step}  # fmt: skip
SEEDS, AT = 3, (4, 8)


def on_held_out(model):
    """Shares right, greedy and drawn."""
    return {"greedy": share(answered(model)[0], "right"), "drawn": share(answered(model, sampling=Sampling())[0], "right")}


def one_run(arm, seed):
    learner, steps, looks = Learner(seed), [], [{"greedy": begun["greedy"].value, "drawn": begun["drawn"].value}]
    for number in range(1, AT[-1] + 1):
        steps.append(ARMS[arm](learner))
        looks += [on_held_out(learner.policy)] if number in AT else []
    return {"at": [0, *AT], **{name: [look[name] for look in looks] for name in ("greedy", "drawn")},
            "steps": {name: [round(step[name], 3) for step in steps] for name in steps[0]}}  # fmt: skip


LOGS = {"GRPO": "24_grpo", "Dr. GRPO": "24_dr_grpo", "DAPO": "24_dapo", "SFT on right answers": "24_sft"}

# %% [markdown] tags=["predict"]
# **Predict.** SFT on the right answers ignores the wrong ones. Will it fall behind GRPO by much, at equal samples?

# %%
by_arm = {}
for arm, name in LOGS.items():
    log = recorded.results(name, lesson=24, settings={"seeds": SEEDS, "at": list(AT)},
                           compute=lambda: [one_run(arm, seed) for seed in range(SEEDS)])  # fmt: skip
    by_arm[arm] = log.results
    print(f"{arm:<21}", log)
ends = {arm: {name: [run[name][-1] for run in runs] for name in ("greedy", "drawn")} for arm, runs in by_arm.items()}
for arm, found in ends.items():
    print(f"{arm:<21}", "   ".join(f"{name}, by seed: " + " ".join(f"{x:.2f}" for x in found[name]) for name in found),
          "  tokens", " ".join(f"{run['steps']['tokens'][-1]:.0f}" for run in by_arm[arm]))  # fmt: skip
plots.show(figures.variants(by_arm), alt="Held-out accuracy over the steps for four arms with three seeds, greedy and drawn.")

# %% [markdown]
# Look at the left panel: within eight steps the likeliest answer turns from the quick habit to the slow one, in each arm and seed. On the right the same happens by degrees, as the share that thinks goes up. Is the effect there in the *worst* seed, and is the live run one of these?

# %%
lowest = {arm: min(found["greedy"]) for arm, found in ends.items()}
before = by_arm["GRPO"][0]["greedy"][0]
grown = min(run["steps"]["tokens"][-1] / run["steps"]["tokens"][0] for run in by_arm["GRPO"])
print(f"start {before:.2f}; least of three seeds after 8 steps: {lowest}; GRPO's drawn answers grew at least {grown:.1f} times as long")
best_drawn = max(max(found["drawn"]) for found in ends.values())
assert min(lowest.values()) > 2 * before and grown > 1.8 and best_drawn < begun["forced thought, drawn"].high + 0.05
within = live["greedy"].low <= max(ends["GRPO"]["greedy"]) and live["greedy"].high >= min(ends["GRPO"]["greedy"])
print(f"the live run's interval meets the recorded spread: {within}")
assert within

# %% [markdown]
# All four arms more than double the start in every seed, and are close to each other. At this size the switches do not decide, and the live run above is no outlier. SFT on the right answers does as well as GRPO: where the right habit is drawn often, what to do more of is clear without the wrong answers. For *drawn* answers, none comes beyond the level of the forced thought in section 2: within the habit of thinking, the model is as careless as before.

# %% [markdown]
# ## 8. Did it learn anything new? pass@k
#
# *pass@k* is the chance that at least one of $k$ drawn answers is right. From $n$ answers of which $c$ are right, without bias (Chen et al., 2021):
#
# $$ \text{pass@}k = 1 - \binom{n - c}{k} \Big/ \binom{n}{k} . $$
#
# By hand: $n = 4$, $c = 1$, $k = 2$. Of the 6 pairs 3 hold the right answer: 0.5. The formula: $1 - 3/6$. The plain guess $1 - (1 - ¼)^2 = 0.44$ is too low.
#
# If training gave new abilities, the curve after it lies above the one before for *every* $k$. If it made likelier what was there, the curves meet at large $k$ (Yue et al., 2025). The *after* is `llama-mini-reasoner`: GRPO for 30 steps of 256 answers, kept as a small model of the course (lesson 25 serves it). 64 answers to each of 60 held-out sums, recorded; 16 answers live.

# %% [markdown] tags=["predict"]
# **Predict.** Three curves: the start, the start with a forced thought, the reasoner. Where does each begin at $k = 1$, and where do they end at $k = 64$?

# %% tags=["nbval-ignore-output"]
reasoner = Llama.from_hf(catalog.load("llama-mini-reasoner").model).requires_grad_(False)
KS = (1, 2, 4, 8, 16, 32, 64)


def right_of(model, problems, size, forced=False):
    """How many of so many drawn answers to each problem are right."""
    judged, _, _ = answered(model, problems, size, Sampling(), seed=7, forced=forced)
    return [sum(one.right for one in judged[at : at + size]) for at in range(0, len(judged), size)]


def pass_at_k():
    some = HELD_OUT[:60]
    counts = {"start": right_of(reference, some, 64), "start, forced thought": right_of(reference, some, 64, forced=True),
              "reasoner": right_of(reasoner, some, 64)}  # fmt: skip
    return {"counts": counts, "forced greedy": share(answered(reference, forced=True)[0], "right"),
            "reasoner greedy": share(answered(reasoner)[0], "right")}  # fmt: skip


log = recorded.results("24_pass_at_k", lesson=24, settings={"sums": 60, "answers": 64}, compute=pass_at_k)
print(log)
counts = log.results["counts"]
curves = {name: {k: sum(metrics.pass_at_k(c, 64, k) for c in found) / len(found) for k in KS} for name, found in counts.items()}
for name, curve in curves.items():
    print(f"{name:<22}", "   ".join(f"k={k} {value:.2f}" for k, value in curve.items()))
plots.show(figures.pass_at(curves), alt="pass@k over k: the start begins low and meets the two others at large k.")
assert metrics.pass_at_k(1, 4, 2) == 0.5
assert curves["reasoner"][1] > 2 * curves["start"][1] and curves["start"][64] > 0.95
assert abs(curves["reasoner"][1] - curves["start, forced thought"][1]) < 0.15

# %% [markdown]
# The start's curve climbs to the others', which lie close together. As differences over the same sums, with intervals, and for the live policy of section 6 with 16 answers to each of 50 sums:

# %% tags=["nbval-ignore-output"]
gain = metrics.gain_interval([c / 64 for c in counts["start, forced thought"]], [c / 64 for c in counts["reasoner"]])
late = metrics.gain_interval(*([metrics.pass_at_k(c, 64, 32) for c in counts[name]] for name in ("start", "reasoner")))
print(f"reasoner minus start with a forced thought, k = 1: {gain}; reasoner minus start, k = 32: {late}")
before_16 = [sum(one.right for one in of_group[at : at + 16]) for at in range(0, 50 * 16, 16)]
after_16 = right_of(learner.policy, HELD_OUT[:50], 16)
for name, found in (("before", before_16), ("after, live policy", after_16)):
    print(f"live, {name}: " + "   ".join(f"pass@{k} {sum(metrics.pass_at_k(c, 16, k) for c in found) / 50:.2f}" for k in (1, 4, 16)))
assert late.high < 0.1

# %% [markdown]
# At $k = 1$ the reasoner is far above the start; with many draws the start solves as many sums. And the start with a forced thought lies where the reasoner lies, all the way. At this size and length of training GRPO raised the likelihood of what was there. Whether that holds for large models and long training is disputed.

# %% [markdown]
# ## 9. More than one step, and groups that teach nothing
#
# **The clip at work.** Take four steps on *one* batch. The policy leaves the one that wrote, and the clip takes the gradient of more and more tokens.

# %% tags=["nbval-ignore-output"]
again = Learner(seed=1)
answers, rewards = again.draw(4)
advantages, mask = group_advantages(rewards).flatten(), answers.mask[:, 1:]
with torch.no_grad():
    old = preferences.token_log_probs(again.policy, answers)
stopped = []
for _ in range(4):
    log_probs = preferences.token_log_probs(again.policy, answers)
    stopped.append(policy.share_clipped(log_probs.detach(), old, advantages[:, None], mask))
    grpo_loss(log_probs, old, advantages, mask).backward()
    again.descend()
print("tokens without gradient, step by step:", " ".join(f"{x:.0%}" for x in stopped))
assert stopped[0] == 0 and stopped[-1] > 0.01

# %% [markdown]
# **All right or all wrong.** If each answer is right with probability $p$, a group of $G$ teaches nothing with probability $p^G + (1 - p)^G$. For $p = 0.9$ and $G = 4$ that is 0.66: two of three prompts are wasted. Draws from a hard and an easy kind of sum show it, and what DAPO's dynamic sampling costs to cure it.

# %% tags=["nbval-ignore-output"]
def informative_share(level, size, prompts=40):
    """Shares: right, and groups with unequal verdicts, of the reasoner on sums of a level."""
    problems = [arithmetic.draw(Random(f"level {level}, {number}"), level) for number in range(prompts)]
    verdicts = torch.tensor([float(one.right) for one in answered(reasoner, problems, size, Sampling())[0]]).view(prompts, size)
    p = verdicts.mean(1)  # (N,)
    return p.mean().item(), grpo.informative(verdicts).float().mean().item()


teaching = {(level, size): informative_share(level, size) for level in (1, 4, 10) for size in (4, 16)}
for (level, size), (p, found) in teaching.items():
    needed = f"{8 / found:.0f}" if found else "no number"
    print(f"level {level:>2}, groups of {size:>2}: right {p:4.0%}, groups that teach {found:4.0%}; prompts for 8 such groups: {needed}")
assert teaching[4, 16][1] > teaching[4, 4][1] and teaching[10, 16][1] < 0.5

# %% [markdown]
# Level 4 is what it was trained on: with groups of 16 nearly each teaches. Products (level 10), which it has never met, are all wrong, and no group teaches: from nothing that is right, nothing can be made likelier. A curriculum must stay where the model is sometimes right.

# %% [markdown]
# **Two wrong turns**, recorded with three seeds each: a learning rate five times as high; and a reward for the form of an answer that asks for more than it means: *be brief*, a price of 0.04 on each token.

# %%
def priced(judgment, text, length):
    return reward(judgment) - 0.04 * length


TURNS = {"fast": (1e-3, reward, 8), "price": (2e-4, priced, 10)}  # rate, reward, steps


def wrong_run(rate, paid, count, seed):
    learner = Learner(seed, rate)
    steps = [grpo_step(learner, reward=paid) for _ in range(count)]
    return {name: [round(step[name], 3) for step in steps] for name in steps[0]}


def wrong_turns():
    return {name: [wrong_run(*turn, seed) for seed in range(SEEDS)] for name, turn in TURNS.items()}

# %% [markdown] tags=["predict"]
# **Predict.** What does each make of the model, and of its reward?

# %%
log = recorded.results("24_wrong_turns", lesson=24, settings={"turns": list(TURNS), "seeds": SEEDS}, compute=wrong_turns)
print(log)
for name, runs in log.results.items():
    for part in ("reward", "right", "thinks", "informative"):
        print(f"{name:<6} {part:<11} first and last step, by seed:", "  ".join(f"{run[part][0]:+.2f} {run[part][-1]:+.2f}" for run in runs))
plots.show(figures.wrong_turns(log.results),
           alt="Two panels: with a high rate right answers and informative groups vanish; with a price on tokens thinking ends.")  # fmt: skip
ends_of = lambda name, part: [sum(run[part][-3:]) / 3 for run in log.results[name]]  # means of the last three steps, by seed
paid_more = min(last - run["reward"][0] for last, run in zip(ends_of("price", "reward"), log.results["price"]))
print(f"price: reward up by at least {paid_more:.2f}; right at the end, most of three seeds: {max(ends_of('price', 'right')):.2f}")
assert max(ends_of("fast", "right")) < 0.05 and max(ends_of("fast", "informative")) < 0.4 and min(ends_of("fast", "thinks")) > 0.5
assert paid_more > 0.03 and max(ends_of("price", "right")) < 0.12 and max(ends_of("price", "thinks")) < 0.1

# %% [markdown]
# **The high rate** breaks the model in its first step, in every seed. It goes on thinking, and nearly all it writes is wrong. Few groups then have unequal rewards, so hardly anything is left that could bring it back: a policy that has lost every right answer cannot be taught by its own answers.
#
# **The price** is a hack. The reward goes *up*, and right answers go *down*, to those of the quick habit: brevity is the easier way to the same pay. Nothing in the curve of the reward says so; the components do. Always log them one by one.

# %% [markdown]
# ## 10. The library way
#
# At work: `GRPOTrainer`. It wants a model, a data set with a column `prompt`, and *reward functions*, one for each component, which get the completions and the data set's other columns. Here it trains `llama-mini` for two steps of eight answers.

# %% tags=["nbval-ignore-output"]
import tempfile
import warnings

import datasets
import transformers

warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
transformers.logging.set_verbosity_error()


def verified(completions, numbers):
    """The judge's word on each completion; `numbers` is a column of the data set."""
    problems = [arithmetic.Problem("+", tuple(each)) for each in numbers]
    return [arithmetic.verify(one, text[0]["content"]) for one, text in zip(problems, completions)]


def right_answer(completions, numbers, **_):
    return [float(one.right) for one in verified(completions, numbers)]


def right_form(completions, numbers, **_):
    return [float(one.formatted) for one in verified(completions, numbers)]


def by_trainer(model, tokenizer, rows, rewards, **settings):
    """The model after GRPOTrainer, and its log."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {"learning_rate": 2e-4, "lr_scheduler_type": "constant", "logging_steps": 1, "report_to": "none",
                    "bf16": False, "gradient_checkpointing": False} | settings  # fmt: skip
        settings = trl.GRPOConfig(output_dir=folder, save_strategy="no", disable_tqdm=True, **settings)
        trainer = trl.GRPOTrainer(model, list(rewards), args=settings, train_dataset=rows, processing_class=tokenizer)
        trainer.remove_callback(transformers.PrinterCallback)  # it would print a line a step
        trainer.train()
    return trainer.model, [row for row in trainer.state.log_history if "reward" in row]


sums = [arithmetic.draw(Random(f"library {number}"), level=4) for number in range(32)]
said = lambda text: [{"role": "user", "content": text}]
rows = datasets.Dataset.from_list([{"prompt": said(one.prompt), "numbers": list(one.numbers)} for one in sums])
library_tokenizer = copy.deepcopy(tokenizer)
library_tokenizer.eos_token = "<|end|>"  # where an answer ends
_, history = by_trainer(copy.deepcopy(theirs), library_tokenizer, rows, (right_answer, right_form), reward_weights=[1.0, FORM], max_steps=2,
                        num_generations=8, per_device_train_batch_size=16, max_completion_length=NEW, use_cpu=True)  # fmt: skip
for number, row in enumerate(history, 1):
    parts = {name.split("/")[1]: round(row[name], 2) for name in row if name.startswith("rewards/") and name.endswith("mean")}
    print(f"step {number}: reward {row['reward']:.2f}, by component {parts}, mean length {row['completions/mean_length']:.0f}")
assert len(history) == 2 and all(0 <= row["reward"] <= 1.1 for row in history)

# %% [markdown]
# The components are logged one by one: watch them singly, since a sum that rises may be the wrong one of its parts. `frac_reward_zero_std` is the share of groups that teach nothing, `completions/clipped_ratio` the share of answers that were cut off.

# %% [markdown]
# ## 11. On a GPU
#
# With a GPU and the Hub: Qwen2.5-0.5B-Instruct on GSM8K, grade-school sums in words that people wrote. The same code, another reward: the last number of the answer. Without, one step on `llama-mini` and the course's `sums`, which a program wrote.

# %% tags=["gpu", "hub", "nbval-ignore-output"]
large = runtime.gpu("trains Qwen2.5-0.5B on GSM8K for 200 steps", needs="a GPU with 16 GB") and runtime.hub(
    "loads Qwen2.5-0.5B-Instruct and GSM8K", needs="1 GB", loads=("qwen2.5-0.5b-instruct", "gsm8k"))  # fmt: skip


def last_number(completions, answer, **_):
    """1 where the last number is the one after #### in GSM8K's answer."""
    wanted = [arithmetic.last_number(text) for text in answer]
    return [float(arithmetic.last_number(text[0]["content"]) == number) for text, number in zip(completions, wanted)]


gsm8k = catalog.load("gsm8k" if large else "sums")["train"]
asked = [{"prompt": said(row["question"]), "answer": row["answer"]} for row in list(gsm8k)[: None if large else 8]]
if large:
    model, words = catalog.load("qwen2.5-0.5b-instruct")
    size = dict(max_steps=200, num_generations=8, per_device_train_batch_size=16, max_completion_length=300, learning_rate=1e-6,
                fp16=run.dtype == torch.float16, bf16=run.dtype == torch.bfloat16)  # fmt: skip
else:
    model, words = copy.deepcopy(theirs), library_tokenizer
    size = dict(max_steps=1, num_generations=4, per_device_train_batch_size=4, max_completion_length=8, use_cpu=True)
_, history = by_trainer(model, words, datasets.Dataset.from_list(asked), [last_number], **size)
for row in history[:: 20 if large else 1]:
    print(f"reward {row['reward']:.2f}, mean length {row['completions/mean_length']:.0f}")

# %% [markdown]
# ## 12. Where it goes wrong
#
# **Answers from another policy.** Sampling with `top_p` or a temperature below 1 draws from another distribution than the one whose log-probabilities stand in the loss. Draw with temperature 1 from all tokens, or use the ratio to the sampler that really wrote.
#
# **The end token is not counted.** Then stopping is never rewarded, and answers run on until they are cut off. In `mask` the end token is one of the answer's.
#
# **Advantages over the batch.** Subtract the batch's mean instead of the group's, and an easy prompt's answers all look good, a hard prompt's all bad. Nothing fails, and the loss looks as before:

# %%
rewards = torch.tensor([[1.0, 1, 1, 0], [0, 0, 0, 1]])  # an easy prompt and a hard one
in_group, in_batch = rewards - rewards.mean(1, keepdim=True), rewards - rewards.mean()
print("hard prompt, its one right answer: group", in_group[1, 3].item(), " batch", in_batch[1, 3].item())
print("easy prompt, a right answer:       group", in_group[0, 0].item(), " batch", in_batch[0, 0].item())
assert in_group[1, 3] == 3 * in_group[0, 0] and in_batch[1, 3] == in_batch[0, 0]

# %% [markdown]
# **Groups that are no groups.** Answers are written prompt by prompt, 0 0 0 1 1 1. With `.view(G, N)` instead of `.view(N, G)`, or with prompts repeated as 0 1 0 1, each "group" mixes prompts, and again nothing fails. Check that the rows of a group have the same prompt.
#
# **The judge is wrong.** A program that takes the first number of the response reads it out of the thinking. Then the model is paid for copying the sum. Test the judge on answers whose verdict you know, as section 1 did, before you train on it.

# %% [markdown]
# ## Check yourself
#
# 1. All sixteen answers to a prompt are wrong, but ten of them have the right form (0.1). Is there a gradient?
#
# <details><summary>Answer</summary>Yes, and a strong one: divided by the spread, a difference of 0.1 counts as much as one of 1. The answers of right form are made likelier. Undivided (Dr. GRPO) the push is a tenth as strong.</details>
#
# 2. Why is the clip idle where each batch is used for one step?
#
# <details><summary>Answer</summary>The policy that learns is the one that wrote, so the ratio is 1 at every token (section 6).</details>
#
# 3. Which loss lets wrong answers grow longest?
#
# <details><summary>Answer</summary>GRPO's mean per answer: the same advantage is spread over more tokens, so each token of a long wrong answer is pushed down less (section 4).</details>
#
# 4. pass@1 went up, pass@64 did not. What was learned?
#
# <details><summary>Answer</summary>To draw more often what could be drawn before (section 8).</details>
#
# 5. $k_3$ has no bias. Is its gradient that of $\text{KL}(\pi \,\|\, \pi_{\text{ref}})$?
#
# <details><summary>Answer</summary>No. On average it is the gradient of the KL the other way round (section 5, More).</details>

# %% [markdown]
# ## Exercises
#
# ### Exercise 24.1 · Leave one out (difficulty 2, 10 minutes)
#
# The mean of a group contains the answer that it judges. RLOO (Ahmadian et al., 2024) takes the mean of the *others*: the advantage of answer $i$ is $r_i$ minus the mean reward of the other $G - 1$. Rewards (N, G) in, the same shape out; no division by the spread. For `[1, 0, 0, 0]`: 1, and three times $-1/3$.
#
# <details><summary>Hint</summary>
#
# The sum of the others is the row's sum minus the answer's own reward.
# </details>

# %% tags=["exercise"]
import torch


def leave_one_out(rewards):
    """(N, G) -> (N, G)."""
    raise NotImplementedError

# %% tags=["check"]
from utils.course import exercises


@exercises.check("24.1", leave_one_out)
def check_leave_one_out(attempt):
    import torch

    rewards = torch.tensor([[1.0, 0, 0, 0], [0.5, 2, 1, 3], [1, 1, 1, 1]])
    before, G = rewards.clone(), 4
    got = attempt(rewards)
    assert torch.equal(rewards, before), "The rewards were overwritten: make a new tensor."
    assert isinstance(got, torch.Tensor) and got.shape == (3, 4), "A tensor of the same shape, (N, G), is asked for."
    near = lambda other: torch.allclose(got.float(), other, atol=1e-4)
    wanted = rewards - (rewards.sum(1, keepdim=True) - rewards) / (G - 1)
    centered = rewards - rewards.mean(1, keepdim=True)
    assert not near(centered), "That is the mean of the whole group, the answer among it. Leave the answer itself out."
    assert not near(centered / (rewards.std(1, keepdim=True) + 1e-4)), "That is GRPO: divided by the spread, and the answer itself is in the mean."
    assert not near(rewards - (rewards.sum() - rewards) / (rewards.numel() - 1)), "The others of the same GROUP, not of the whole batch: sum over dim 1."
    assert not near(rewards - (rewards.sum(0, keepdim=True) - rewards) / 2), "A group is a row: sum over dim 1, not over dim 0."
    assert not near(rewards - (rewards.sum(1, keepdim=True) - rewards) / G), "The others are G - 1 answers, so their sum is divided by G - 1."
    assert not near(-wanted), "The sign: reward minus baseline."
    assert near(wanted), f"Expected {[round(x, 2) for x in wanted[1].tolist()]} in the second row, not {[round(x, 2) for x in got[1].tolist()]}."
    assert torch.allclose(attempt(rewards[:, :2]), rewards[:, :2] - rewards[:, :2].flip(1), atol=1e-5), "Right for groups of 4, not of 2: is a number written into it?"

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def leave_one_out_solution(rewards):
    others = (rewards.sum(1, keepdim=True) - rewards) / (rewards.shape[1] - 1)
    return rewards - others


check_leave_one_out(leave_one_out_solution)

# %% [markdown]
# ### Exercise 24.2 · What a token weighs (difficulty 3, 15 minutes)
#
# The three means of section 4, as weights: give for each answer the factor that stands before *each of its tokens* in the loss. `lengths` (B,), `per` one of "answer", "token", "longest", and `longest` the most tokens an answer may have. For lengths 2 and 8: per answer 1/4 and 1/16, per token 1/10 and 1/10.
#
# <details><summary>Hint</summary>
#
# Write the loss as a double sum and read off what stands before $\ell_{i,t}$. One of them needs `torch.full`.
# </details>

# %% tags=["exercise"]
import torch


def token_weights(lengths, per, longest):
    """(B,) whole numbers -> (B,)."""
    raise NotImplementedError

# %% tags=["check"]
from utils.course import exercises


@exercises.check("24.2", token_weights)
def check_token_weights(attempt):
    import torch

    lengths, longest = torch.tensor([2, 8, 5]), 20
    B, total = 3, 15
    got = {per: attempt(lengths.clone(), per, longest) for per in ("answer", "token", "longest")}
    assert all(isinstance(x, torch.Tensor) and x.shape == (3,) for x in got.values()), "One weight for each answer, (B,), is asked for."
    near = lambda per, other: torch.allclose(got[per].float(), torch.as_tensor(other).float().expand(3), atol=1e-5)
    assert not near("answer", 1 / lengths), "Per answer: the mean over the answers is missing, a factor 1/B."
    assert not near("answer", [1 / B] * 3), "Per answer: each answer's own length stands under the line, too."
    assert near("answer", 1 / lengths / B), "Per answer the weight is 1 / (B |y_i|)."
    assert not near("token", lengths / total), "Per token: that is the weight of the whole ANSWER. A token weighs 1 over all tokens."
    assert not near("token", [1 / total / B] * 3), "Per token: the sum over all tokens is divided once, and not by B again."
    assert near("token", [1 / total] * 3), "Per token all weigh 1 / (sum of the lengths)."
    assert not near("longest", [1 / longest] * 3), "Longest: the mean over the answers is missing, a factor 1/B."
    assert not near("longest", [1 / (B * lengths.max().item())] * 3), "Longest: a constant of the settings, not the longest answer of this batch."
    assert near("longest", [1 / (B * longest)] * 3), "Longest: all weigh 1 / (B L)."
    two = attempt(torch.tensor([2, 8]), "answer", 20)
    assert torch.allclose(two.float(), torch.tensor([1 / 4, 1 / 16])), "Right for three answers, not for two: is a number written into it?"

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def token_weights_solution(lengths, per, longest):
    B = len(lengths)
    if per == "answer":
        return 1 / (B * lengths)
    return torch.full((B,), 1 / lengths.sum().item() if per == "token" else 1 / (B * longest))


check_token_weights(token_weights_solution)

# %% [markdown]
# ### Exercise 24.3 · Overlong shaping (difficulty 2, 15 minutes)
#
# DAPO's price of length: nothing up to `longest - buffer` tokens, then down in a straight line to $-1$ at `longest` tokens, and $-1$ beyond. For `longest=40`, `buffer=10`: 30 tokens cost 0, 35 cost 0.5, 40 and 50 cost 1. Do not use `utils`.
#
# <details><summary>Hint</summary>
#
# `torch.clamp` makes both ends flat.
# </details>

# %% tags=["exercise"]
import torch


def overlong(lengths, longest, buffer):
    """Lengths (B,) -> what is added to the reward, (B,), never above 0."""
    raise NotImplementedError

# %% tags=["check"]
from utils.course import exercises


@exercises.check("24.3", overlong)
def check_overlong(attempt):
    import torch

    lengths = torch.tensor([1, 20, 30, 35, 38, 40, 50])
    got = attempt(lengths.clone(), 40, 10)
    assert isinstance(got, torch.Tensor) and got.shape == lengths.shape, "A tensor of the same shape is asked for."
    wanted = torch.tensor([0, 0, 0, -0.5, -0.8, -1, -1])
    near = lambda other: torch.allclose(got.float(), other.float(), atol=1e-5)
    line = (30 - lengths) / 10
    assert not near(-wanted), "The sign: it is added to the reward, so long answers get less than 0."
    assert not near(line), "Below the buffer the line goes on above 0: short answers would be paid. And beyond `longest` it ends at -1."
    assert not near(line.clamp(max=0)), "Beyond `longest` it stays at -1."
    assert not near(line.clamp(min=-1)), "Below the buffer it is 0: else short answers would be paid."
    assert not near(torch.where(lengths > 30, -1.0, 0.0)) and not near(torch.where(lengths >= 40, -1.0, 0.0)), "A straight line leads down through the buffer, not a step."
    assert not near(((30 - lengths) / 40).clamp(-1, 0)), "The line goes down by 1 over the buffer's length, so divide by the buffer."
    assert not near(((40 - lengths) / 10).clamp(-1, 0)), "The line begins at longest - buffer and ends at longest."
    assert near(wanted), f"Expected {wanted.tolist()}, not {[round(x, 2) for x in got.tolist()]}."
    assert torch.allclose(attempt(torch.tensor([3, 5, 6]), 6, 3).float(), torch.tensor([0, -2 / 3, -1.0])), "Right for 40 and 10, not for 6 and 3: is a number written into it?"

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def overlong_solution(lengths, longest, buffer):
    return ((longest - buffer - lengths) / buffer).clamp(-1, 0)


check_overlong(overlong_solution)

# %% [markdown]
# ### Exercise 24.4 · How many draws? (difficulty 3, 20 minutes)
#
# Of $n$ drawn answers to a prompt $c$ are right. Give the smallest $k$ for which pass@k (section 8, without bias) is at least `target`, and 0 if no $k$ up to $n$ reaches it. For $n = 4$, $c = 1$: target 0.5 needs 2, target 0.9 needs 4.
#
# <details><summary>Hint</summary>
#
# `math.comb`. With $k > n - c$ every set holds a right answer.
# </details>

# %% tags=["exercise"]
import math


def draws_needed(right, drawn, target):
    """How many of `drawn` answers are right, how many there are, and a share -> k, or 0."""
    raise NotImplementedError

# %% tags=["check"]
from utils.course import exercises


@exercises.check("24.4", draws_needed)
def check_draws_needed(attempt):
    import math

    def right(c, n, target, share=lambda c, n, k: 1 - math.comb(n - c, k) / math.comb(n, k)):
        return next((k for k in range(1, n + 1) if share(c, n, k) >= target - 1e-12), 0)

    rows = [(1, 4, 0.5), (1, 4, 0.9), (2, 10, 0.6), (3, 16, 0.75), (5, 20, 0.25), (1, 16, 0.8), (6, 40, 0.9)]
    got = [attempt(*row) for row in rows]
    wanted = [right(*row) for row in rows]
    plain = [right(*row, share=lambda c, n, k: 1 - (1 - c / n) ** k) for row in rows]
    strict = [next((k for k in range(1, n + 1) if 1 - math.comb(n - c, k) / math.comb(n, k) > t), 0) for c, n, t in rows]
    assert got != plain, "That is 1 - (1 - c/n)^k, as if each answer were put back. Count the sets of k among the n answers that were drawn."
    assert got != strict, "At LEAST the target: a pass@k that equals it is enough."
    assert got != [k - 1 for k in wanted] and got != [k + 1 for k in wanted], "One off: k begins at 1, and the answer is the first k that reaches the target."
    assert attempt(0, 8, 0.5) == 0, "With no right answer no k reaches the target: give 0."
    assert got == wanted, f"For {rows} expected {wanted}, not {got}."
    assert attempt(8, 8, 1.0) == 1, "All are right: one draw is enough."

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def draws_needed_solution(right, drawn, target):
    for k in range(1, drawn + 1):
        if 1 - math.comb(drawn - right, k) / math.comb(drawn, k) >= target - 1e-12:
            return k
    return 0


check_draws_needed(draws_needed_solution)

# %% [markdown] tags=["open-task"]
# ### Open task · A reward of your own (2 hours)
#
# Choose something that a program can check (differences, products, a word that must occur, a length) and that a model of the course gets right sometimes, but not often. Train it by GRPO, and **decide whether the training was worth it**.
#
# | points | for |
# |---|---|
# | 2 | the reward in code, by component, tested on answers whose verdict you know |
# | 2 | the start: greedy, drawn, pass@16, and the strongest trivial cure that you can think of, with intervals |
# | 3 | three seeds, with the spread; the same samples used for SFT on the right answers |
# | 2 | an attempt to hack your reward, by hand and by training |
# | 1 | the decision |

# %% [markdown]
# ## Scorecard
#
# The second card has what the live trainings gave.

# %% tags=["scorecard"]
from utils.course.scorecard import Scorecard

card = Scorecard(lesson=24)
for name, off in off_trl.items():
    card.at_most(f"loss and gradient ({name}): largest difference from TRL's", off, 1e-5)
for name, off in off_utils.items():
    card.at_most(f"loss and gradient ({name}): largest difference from utils.alignment.grpo", off, 1e-5)
for arm, found in ends.items():
    card.at_least(f"recorded: {arm}, 8 steps, held-out greedy, least of three seeds, as a multiple of the start", min(found["greedy"]) / before, 10, digits=2)
card.at_least("recorded: GRPO, length of the drawn answers, step 8 over step 1, least of three seeds", grown, 1.8, digits=2)
card.at_most("largest bias of k1 and k3, as a share of the KL", max(bias_of["k1"], bias_of["k3"]), 1e-9)
card.at_least("largest bias of k2, as a share of the KL", bias_of["k2"], 0.035, digits=3)
card.at_least("deviation of k1 over that of k3, near the reference", k1_near, 25, digits=1)
card.at_least("deviation of k3 over that of k1, far from it", k3_far, 4, digits=1)
card.at_least("recorded: pass@1 of the reasoner over that of the start", curves["reasoner"][1] / curves["start"][1], 2.3, digits=2)
card.at_least("recorded: pass@64 of the start", curves["start"][64], 0.95, digits=2)
card.at_most("recorded: rate five times as high, right in the last three steps, most of three seeds", max(ends_of("fast", "right")), 0.05, digits=2)
card.at_least("recorded: price on tokens, rise of the reward, least of three seeds", paid_more, 0.03, digits=2)
card.at_most("recorded: price on tokens, right in the last three steps, most of three seeds", max(ends_of("price", "right")), 0.12, digits=2)
card.show()

# %% tags=["scorecard", "nbval-ignore-output"]
card = Scorecard(lesson=24)
card.at_least("live: held-out greedy accuracy after 8 steps, lower end, over the start's", live["greedy"].low / begun["greedy"].value, 5, digits=2)
card.at_least("live: tokens of a greedy answer, over the start's", live["tokens"] / live["before"], 4, digits=2)
card.at_least("live: the start with a forced thought, greedy, lower end", begun["forced thought, greedy"].low, 0.95, digits=2)
card.at_most("live: distance of drawn accuracy from that of the forced thought", abs(live["drawn"].value - begun["forced thought, drawn"].value), 0.2, digits=2)
card.show()

# %% [markdown]
# ## Summary
#
# 1. GRPO compares an answer with the others to the same prompt; groups that are all right or all wrong teach nothing.
# 2. GRPO, Dr. GRPO and DAPO differ in what is divided by what, and how far the clip lets a token rise. Yours equal TRL's, in value and gradient.
# 3. $k_1$ and $k_3$ estimate the KL without bias, $k_3$ with less spread; as a term of the loss their gradients are another matter.
# 4. In eight steps the model learned to think first, from rewards for numbers alone. SFT on its right answers did as well.
# 5. The same weights, made to think by hand, were as good before any training: here GRPO made likelier what was there.
#
# **New words**, in the [glossary](../data/glossary.md): GRPO; verifiable reward; group-relative advantage; Dr. GRPO; DAPO; clip-higher; dynamic sampling; overlong shaping; pass@k; rejection sampling; expert iteration.
#
# **Papers.** Schulman, *Approximating KL Divergence*, 2020 · Chen et al., [Codex and pass@k](https://arxiv.org/abs/2107.03374), 2021 · Shao et al., [DeepSeekMath](https://arxiv.org/abs/2402.03300), 2024 · Ahmadian et al., [RLOO](https://arxiv.org/abs/2402.14740), 2024 · DeepSeek-AI, [DeepSeek-R1](https://arxiv.org/abs/2501.12948), 2025 ·
# Yu et al., [DAPO](https://arxiv.org/abs/2503.14476), 2025 · Liu et al., [Dr. GRPO](https://arxiv.org/abs/2503.20783), 2025 · Yue et al., [Does RL really incentivize reasoning?](https://arxiv.org/abs/2504.13837), 2025
#
# **Next:** lesson 25 serves the reasoner of this lesson on your own machine, and its thinking shows.

