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
