"""Learning from rewards: policy gradients and PPO on answers that the policy itself wrote.

    rollout              answers that a policy writes to prompts, as one batch
    Scorer               a language model that gives numbers: reward model, or values of states
    kl_estimates         what one sampled token says of KL(pi || pi_ref), in three ways
    leashed_rewards      an answer's reward at its last token, and the price of leaving the reference at each
    gae                  rewards and values -> advantages and returns
    masked_mean, standardized
    reinforce_loss       -A log pi
    clipped_surrogate    PPO's min(ratio A, clipped ratio A), token by token
    ppo_loss, value_loss, share_clipped

All tensors are grids (B, T - 1) as `preferences.token_log_probs` gives them: column t belongs to token t + 1, and to the
state before it, in which it was chosen. `mask` is True at the answers' tokens, which follow each other in a row; what
stands elsewhere does not count. An answer that was cut off at its longest length counts as ended there.
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from utils.alignment.preferences import Answers
from utils.generation import Sampling, generate


def rollout(
    model: nn.Module,
    prompts: Sequence[Sequence[int]],
    new: int,
    generator: torch.Generator,
    end_id: int,
    pad_id: int,
    sampling: Sampling = Sampling(),  # noqa: B008  it is frozen
) -> Answers:
    """What the policy writes to each prompt, up to `new` tokens, the end token among them; drawn from pi itself by default.

    Policy gradients want answers of pi at temperature 1 and from all tokens: those of another sampling are not pi's.
    """
    longest, device = max(map(len, prompts)), next(model.parameters()).device
    ids = torch.tensor([[pad_id] * (longest - len(x)) + list(x) for x in prompts], device=device)  # (B, T), padded at the left
    real = torch.tensor([[False] * (longest - len(x)) + [True] * len(x) for x in prompts], device=device)
    mask = None if real.all() else real
    written = generate(model, ids, new, sampling, generator, mask=mask, end_id=end_id, pad_id=pad_id)[:, longest:].tolist()
    answers = [y[: y.index(end_id) + 1] if end_id in y else y for y in written]
    return Answers.of(prompts, answers, pad_id, device)


class Scorer(nn.Module):
    """A copy of a language model with a head of one number: ids (B, T) -> (B, T), one for each state.

    Begins with the head at zero, so that all scores are the same. trunk: a model with `hidden`, as utils.models' are.
    """

    def __init__(self, trunk: nn.Module, width: int):
        super().__init__()
        self.trunk = copy.deepcopy(trunk)
        self.head = nn.Linear(width, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.trunk.hidden(ids))[..., 0]  # (B, T, C) -> (B, T)

    def reward(self, answers: Answers) -> Tensor:
        """The mean of the scores at the answer's tokens: (B, T) -> (B,).

        Papers read the score at the last token alone. From a few hundred pairs a mean is learned far sooner.
        """
        return (self(answers.ids) * answers.mask).sum(1) / answers.lengths


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """The mean over all tokens that count: (B, T - 1) -> ()."""
    return (values * mask).sum() / mask.sum()


def standardized(values: Tensor, mask: Tensor) -> Tensor:
    """Mean 0 and standard deviation 1 over the tokens that count, zero elsewhere: (B, T - 1) -> the same."""
    centered = values - masked_mean(values, mask)
    return centered / (masked_mean(centered.square(), mask).sqrt() + 1e-8) * mask


def kl_estimates(log_probs: Tensor, reference: Tensor) -> dict[str, Tensor]:
    """k1, k2, k3 of KL(pi || pi_ref) from log pi and log pi_ref of tokens that pi drew: (...) -> (...) each.

    With r = pi_ref / pi: k1 = -log r, k2 = (log r)^2 / 2, k3 = r - 1 - log r. The means of k1 and k3 are the KL; k1 may be
    negative, k2 and k3 never are. Schulman, "Approximating KL Divergence", 2020 (a note, joschu.net/blog/kl-approx.html).
    """
    log_ratio = reference - log_probs
    return {"k1": -log_ratio, "k2": log_ratio.square() / 2, "k3": log_ratio.exp() - 1 - log_ratio}


def leashed_rewards(rewards: Tensor, log_probs: Tensor, reference: Tensor, mask: Tensor, beta: float) -> Tensor:
    """-beta (log pi - log pi_ref) at each token, and the answer's reward added at its last: (B,), grids -> (B, T - 1).

    The sum of a row estimates r(x, y) - beta KL (Ziegler et al., 2019, arXiv 1909.08593, equation 2). Constants all.
    """
    grid = -beta * kl_estimates(log_probs.detach(), reference.detach())["k1"] * mask
    return grid + torch.where(_last(mask), rewards[:, None], 0.0)


def gae(rewards: Tensor, values: Tensor, mask: Tensor, gamma: float = 1.0, lam: float = 0.95) -> tuple[Tensor, Tensor]:
    """Generalized advantage estimation: grids -> advantages A and returns A + V, both constants and zero off the mask.

    delta_t = r_t + gamma V_t+1 - V_t and A_t = delta_t + gamma lam A_t+1, from the end backward; after the end V and A are 0.
    lam = 1: all rewards that follow, minus V; lam = 0: one step. Schulman et al., 2015, arXiv 1506.02438, equations 11 to 16.
    """
    values = values.detach() * mask
    advantages = torch.zeros_like(values)
    following = next_value = torch.zeros_like(values[:, 0])
    for t in reversed(range(values.shape[1])):
        delta = rewards[:, t] + gamma * next_value - values[:, t]
        following = (delta + gamma * lam * following) * mask[:, t]
        next_value = values[:, t]
        advantages[:, t] = following
    return advantages, advantages + values


def reinforce_loss(log_probs: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
    """-A log pi, the mean over tokens: its gradient is the policy gradient where pi itself wrote the answers. Grids -> ().

    Williams, "Simple Statistical Gradient-Following Algorithms", 1992. An advantage is a reward minus a baseline.
    """
    return -masked_mean(log_probs * advantages.detach(), mask)


def clipped_surrogate(log_probs: Tensor, old: Tensor, advantages: Tensor, low: float = 0.2, high: float = 0.2) -> Tensor:
    """min(rho A, clip(rho, 1 - low, 1 + high) A) with rho = pi / pi_old, token by token: grids -> grid.

    Schulman et al., "Proximal Policy Optimization Algorithms", 2017, arXiv 1707.06347, equation 7.
    """
    ratio = (log_probs - old.detach()).exp()
    return torch.minimum(ratio * advantages, ratio.clamp(1 - low, 1 + high) * advantages)


def ppo_loss(log_probs: Tensor, old: Tensor, advantages: Tensor, mask: Tensor, clip: float = 0.2) -> Tensor:
    """Minus the clipped surrogate, the mean over tokens: grids -> ()."""
    return -masked_mean(clipped_surrogate(log_probs, old, advantages.detach(), clip, clip), mask)


def share_clipped(log_probs: Tensor, old: Tensor, advantages: Tensor, mask: Tensor, clip: float = 0.2) -> float:
    """The share of tokens whose gradient the clip takes away: grids -> a number from 0 to 1."""
    moved = (log_probs - old).exp() - 1
    stopped = ((moved > clip) & (advantages > 0)) | ((moved < -clip) & (advantages < 0))
    return masked_mean(stopped.float(), mask).item()


def value_loss(values: Tensor, returns: Tensor, mask: Tensor) -> Tensor:
    """Half the mean square of V minus the return: grids -> ()."""
    return masked_mean((values - returns.detach()).square(), mask) / 2


def _last(mask: Tensor) -> Tensor:
    """True at the last token of each row's answer: (B, T - 1) -> the same."""
    return mask & (mask.flip(1).cumsum(1).flip(1) == 1)
