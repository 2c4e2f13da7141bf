"""Learning from preferences: log-probabilities of answers, Bradley-Terry, and the losses that need no sampling.

    Answers              prompts with their answers as one batch, padded on the right
    token_log_probs      log pi(y_t | x, y_<t) at each token of the answers
    answer_log_probs     their sum, log pi(y | x)
    scores               the same for any number of answers, without gradient
    frozen_copy          the reference model: the policy as it is now, never trained
    sft_loss             cross-entropy on the answers' tokens
    bradley_terry_loss   a reward model's loss on pairs
    dpo_loss, ipo_loss, kto_loss      from log-ratios log pi(y | x) - log pi_ref(y | x)
    simpo_loss, orpo_loss             from mean log-probabilities a token; no reference model

x a prompt, y its answer; N pairs of a chosen and a rejected answer to one prompt; B rows, T tokens. A model is any causal
`nn.Module` that takes ids (B, T) and returns logits (B, T, V), or an object with `.logits` as Transformers' models do.
Each loss is the mean over its rows: multiply by the batch's size to get a sum.
"""

import copy
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Answers(NamedTuple):
    """One batch: `ids` (B, T), each row a prompt, its answer, padding; `mask` (B, T), True at the answer's tokens.

    Padding stands on the right, so that a causal model needs no mask for it: no token that counts looks at what follows.
    """

    ids: Tensor
    mask: Tensor

    @property
    def lengths(self) -> Tensor:
        """Tokens of each answer: (B,)."""
        return self.mask.sum(1)

    @classmethod
    def of(cls, prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]], pad: int = 0, device=None) -> "Answers":
        """Lists of ids to one batch. An answer's end token is one of its tokens: put it there.

        For pairs, give the prompts twice and chosen + rejected: one pass of the model, and `chunk(2)` parts what comes out.
        Raises ValueError for an empty prompt or answer, or where their numbers differ.
        """
        if len(prompts) != len(answers):
            raise ValueError(f"{len(prompts)} prompts and {len(answers)} answers: give each answer its own prompt.")
        if not all(len(x) and len(y) for x, y in zip(prompts, answers)):
            raise ValueError("A prompt or an answer has no tokens. The first token of an answer is predicted from the prompt.")
        width = max(len(x) + len(y) for x, y in zip(prompts, answers))
        ids = torch.full((len(prompts), width), pad)
        mask = torch.zeros(len(prompts), width, dtype=torch.bool)
        for row, (x, y) in enumerate(zip(prompts, answers)):
            ids[row, : len(x) + len(y)] = torch.tensor([*x, *y])
            mask[row, len(x) : len(x) + len(y)] = True
        return cls(ids.to(device), mask.to(device))


def logits_at(model: nn.Module, ids: Tensor, places: Tensor) -> Tensor:
    """The logits at the places that are True, in their order: (B, T), (B, T) -> (places, V).

    Where a model is parted into `hidden` and `head`, as the course's are, the head reads these places alone.
    """
    if hasattr(model, "hidden"):
        return model.head(model.hidden(ids)[places])
    output = model(ids)
    return getattr(output, "logits", output)[places]


def token_log_probs(model: nn.Module, answers: Answers) -> Tensor:
    """(B, T) -> (B, T - 1): column t holds log pi of token t + 1, zero where that is no token of the answer."""
    wanted = answers.mask[:, 1:]
    logits = logits_at(model, answers.ids, F.pad(wanted, (0, 1)))  # (all answers' tokens, V)
    picked = -F.cross_entropy(logits, answers.ids[:, 1:][wanted], reduction="none")
    return picked.new_zeros(wanted.shape).masked_scatter(wanted, picked)


def answer_log_probs(model: nn.Module, answers: Answers) -> Tensor:
    """log pi(y | x) = sum_t log pi(y_t | x, y_<t): (B, T) -> (B,). Divide by `answers.lengths` for the mean a token."""
    return token_log_probs(model, answers).sum(1)


@torch.no_grad()
def scores(
    model: nn.Module, prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]], batch: int = 32, device=None
) -> Tensor:
    """log pi(y | x) of any number of answers, in their order: (B,), without gradient and without dropout.

    A reference model never changes: what it says of the training pairs is computed once. Answers of like length share a batch.
    """
    was_training = model.training
    model.eval()
    order = sorted(range(len(answers)), key=lambda row: len(prompts[row]) + len(answers[row]))
    found = torch.zeros(len(answers), device=device)
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        part = Answers.of([prompts[row] for row in rows], [answers[row] for row in rows], device=device)
        found[rows] = answer_log_probs(model, part).float()
    model.train(was_training)
    return found


def frozen_copy(model: nn.Module) -> nn.Module:
    """The reference pi_ref: a copy of the policy as it is now, without dropout, that no optimizer changes."""
    return copy.deepcopy(model).eval().requires_grad_(False)


def sft_loss(model: nn.Module, answers: Answers) -> Tensor:
    """Supervised fine-tuning: cross-entropy, the mean over all tokens of the answers; prompts do not count. (B, T) -> ()."""
    return -token_log_probs(model, answers).sum() / answers.mask.sum()


def bradley_terry_loss(chosen: Tensor, rejected: Tensor) -> Tensor:
    """-log sigmoid(r(y_w) - r(y_l)): rewards (N,) and (N,) -> ().

    Bradley and Terry, "Rank Analysis of Incomplete Block Designs", 1952; as a reward model's loss Ouyang et al., 2022,
    arXiv 2203.02155, equation 1 (there over all pairs of K answers).
    """
    _check(chosen, rejected)
    return -F.logsigmoid(chosen - rejected).mean()


def dpo_loss(chosen: Tensor, rejected: Tensor, beta: float) -> Tensor:
    """-log sigmoid(beta (h_w - h_l)): log-ratios h = log pi(y | x) - log pi_ref(y | x), (N,) and (N,) -> ().

    Rafailov et al., "Direct Preference Optimization", 2023, arXiv 2305.18290, equation 7: Bradley-Terry with beta h as reward.
    """
    return bradley_terry_loss(beta * chosen, beta * rejected)


def ipo_loss(chosen: Tensor, rejected: Tensor, beta: float) -> Tensor:
    """(h_w - h_l - 1 / (2 beta))^2, from log-ratios: (N,) and (N,) -> ().

    Azar et al., "A General Theoretical Paradigm to Understand Learning from Human Preferences", 2023, arXiv 2310.12036,
    equation 17, with beta for its tau. TRL divides each log-ratio by its answer's length first: give it so for TRL's form.
    """
    _check(chosen, rejected)
    return (chosen - rejected - 1 / (2 * beta)).square().mean()


def kto_reference_point(mismatched: Tensor) -> Tensor:
    """max(0, mean h) over answers that stand beside another row's prompt, a constant: (B,) -> ().

    An estimate of KL(pi || pi_ref) (Ethayarajh et al., 2024, arXiv 2402.01306, section 4.1), biased on purpose.
    """
    return mismatched.mean().clamp(min=0).detach()


def kto_loss(good: Tensor, bad: Tensor, point: Tensor, beta: float, weights: tuple[float, float] = (1.0, 1.0)) -> Tensor:
    """w_good (1 - sigmoid(beta (h - z))) for good answers, w_bad (1 - sigmoid(beta (z - h))) for bad ones; mean over both.

    Log-ratios (N,) and (M,), in no pairs, and either may be empty; z = `point`. Ethayarajh et al., "KTO", 2024,
    arXiv 2402.01306, equation 8 without its constant lambda.
    """
    losses = weights[0] * (1 - torch.sigmoid(beta * (good - point))), weights[1] * (1 - torch.sigmoid(beta * (point - bad)))
    return torch.cat(losses).mean()


def simpo_loss(chosen: Tensor, rejected: Tensor, beta: float, gamma: float) -> Tensor:
    """-log sigmoid(beta (m_w - m_l) - gamma): m the mean log-probability a token, (N,) and (N,) -> ().

    Meng et al., "SimPO", 2024, arXiv 2405.14734, equation 6.
    """
    return bradley_terry_loss(beta * chosen, beta * rejected + gamma)


def log_odds(mean_log_prob: Tensor) -> Tensor:
    """log(p / (1 - p)) of p = exp(m) without leaving the logarithms: (...) -> (...)."""
    return mean_log_prob - torch.log(-torch.expm1(mean_log_prob))


def orpo_loss(chosen: Tensor, rejected: Tensor, weight: float) -> Tensor:
    """-m_w - weight log sigmoid(log odds_w - log odds_l): m the mean log-probability a token, (N,) and (N,) -> ().

    Hong et al., "ORPO", 2024, arXiv 2403.07691, equations 6 and 7; `weight` is its lambda, TRL's beta. The first part is
    cross-entropy on the chosen answer. TRL counts the prompt's tokens in it, too, and averages over the batch's tokens.
    """
    return -chosen.mean() + weight * bradley_terry_loss(log_odds(chosen), log_odds(rejected))


def _check(chosen: Tensor, rejected: Tensor) -> None:
    if chosen.shape != rejected.shape:
        raise ValueError(
            f"{tuple(chosen.shape)} chosen and {tuple(rejected.shape)} rejected: a pair has one of each, in the same order."
        )
