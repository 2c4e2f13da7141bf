# %% [markdown]
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
# **Dropout.** The policy that wrote ran without dropout, the one that learns with it: the ratio is not 1 before any step was taken.
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
    whole = preferences.Answers(batch.ids, (batch.ids != PAD) & (torch.arange(batch.ids.shape[1]) > 0))  # all but the first token
    sums = {"policy": preferences.answer_log_probs(moved, whole), "reference": preferences.answer_log_probs(reference, whole)}
    dpo_shift = abs(dpo(*(sums["policy"] - sums["reference"]).chunk(2), 0.1) - by_us["DPO"](*parts())).item()
    simpo_shift = abs(simpo(*(sums["policy"] / whole.lengths).chunk(2), 2.0, 0.5) - by_us["SimPO"](*parts())).item()
print(f"with the prompt's tokens DPO changes by {dpo_shift:.4f}, SimPO by {simpo_shift:.3f}")
assert all(abs(loss - 0.6931) < 1e-3 for loss in row_losses) and moved_by > 1e-4 and dropped > 0.05 and dpo_shift < 1e-4 < simpo_shift

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
# <details><summary>Answer</summary>No. The loss sees the difference alone, and both may fall, if the rejected fall faster. Whether you want it is another question (section 10's figure).</details>

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
    policy, reference = (-torch.rand(8, 6, generator=draws) * 3 for _ in range(2))
    mask = torch.tensor([[0, 0, 1, 1, 1, 0], [0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1], [0, 1, 1, 1, 1, 0]] * 2).bool()
    mask[4:, 5] = True
    before = policy.clone(), reference.clone()
    got = attempt(policy, reference, mask, 0.5)
    assert isinstance(got, tuple) and len(got) == 2, "Two things are asked for: the loss and the share."
    assert torch.equal(policy, before[0]) and torch.equal(reference, before[1]), "The grids were overwritten: make new ones."
    loss, share = float(got[0]), float(got[1])

    def right(h, beta=0.5):
        return (-F.logsigmoid(beta * (h[:4] - h[4:])).mean()).item()

    h = torch.where(mask, policy - reference, 0.0).sum(1)
    by_neighbors = -F.logsigmoid(0.5 * (h[0::2] - h[1::2])).mean().item()
    likely = {
        right((policy - reference).sum(1)): "Prompts and padding are counted: only the tokens where `mask` is True belong to the answers.",
        right(h / mask.sum(1)): "Those are means a token. DPO takes the sum over the answer (SimPO, and TRL's IPO, take means).",
        right(-h): "The sign is turned round: chosen minus rejected, and policy minus reference.",
        right(torch.where(mask, policy, 0.0).sum(1)): "The reference is missing.",
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
    by_policy = (torch.where(mask, policy, 0.0).sum(1)[:4] > torch.where(mask, policy, 0.0).sum(1)[4:]).float().mean().item()
    assert wanted == by_policy or abs(share - by_policy) > 1e-6, "For the share, too, the reference is taken off: it is the larger log-ratio that counts."
    assert abs(share - wanted) < 1e-6, f"The share should be {wanted}, not {share}."
    nothing = policy.masked_fill(~mask, -torch.inf)
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
