"""GRPO: policy gradients without a value head, where the other answers to the same prompt are the baseline.

    group_rollout        `size` answers to each prompt, written fast: a prompt is read once, and who has ended leaves the batch
    group_advantages     rewards (N, G) -> how much better each answer is than its group
    informative          the groups that have something to teach: DAPO keeps these and draws new ones
    dynamic_groups       draws until there are enough of those
    overlong_penalty     DAPO's price of a long answer
    Variant              the switches; GRPO, DR_GRPO and DAPO are three settings of them
    grpo_loss            the clipped surrogate and the KL penalty, averaged as a variant says
    batches_by_length    parts of a batch with little padding, and what each weighs in the mean

N prompts with G answers each are B = N G rows, the answers to one prompt next to each other. Grids (B, T - 1) are those of
`policy`: `kl_estimates`, `clipped_surrogate`, `share_clipped` there work on them.

Sources: Shao et al., "DeepSeekMath", 2024, arXiv 2402.03300, section 4.1; Liu et al., "Understanding R1-Zero-Like Training"
(Dr. GRPO), 2025, arXiv 2503.20783; Yu et al., "DAPO", 2025, arXiv 2503.14476.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from utils.alignment.policy import clipped_surrogate, kl_estimates
from utils.alignment.preferences import Answers
from utils.generation import Sampling

SPREAD_FLOOR = 1e-4  # added to a group's standard deviation, as TRL does

# ----------------------------------------------------------------------------------------------------------------------
# Groups of answers
# ----------------------------------------------------------------------------------------------------------------------


@torch.no_grad()
def group_rollout(
    model: nn.Module,
    prompts: Sequence[Sequence[int]],
    size: int,
    new: int,
    generator: torch.Generator,
    end_id: int,
    pad_id: int,
    sampling: Sampling = Sampling(),  # noqa: B008  it is frozen
    never_first: Sequence[int] = (),
) -> Answers:
    """`size` answers of up to `new` tokens to each prompt, the end token among them: N prompts -> B = N size rows.

    Draws from the same distribution as `policy.rollout` on each prompt `size` times, and is faster: a prompt is read once
    for its whole group, and an answer that has ended is computed no further. model: a DecoderOnly of utils.models.
    never_first: tokens that no answer begins with. Raises ValueError for a size or a `new` below one.
    """
    if size < 1 or new < 1:
        raise ValueError(f"size={size}, new={new}: a group has at least one answer, and an answer at least one token.")
    device, training, longest = next(model.parameters()).device, model.training, max(map(len, prompts))
    ids = torch.tensor([[pad_id] * (longest - len(x)) + list(x) for x in prompts], device=device)  # (N, T), padded at the left
    real = torch.tensor([[False] * (longest - len(x)) + [True] * len(x) for x in prompts], device=device)
    caches = model.caches_for(longest + new - 1)
    model.eval()
    x = model.hidden(ids, caches, None if real.all() else real)[:, -1]  # (N, T) -> (N, C)
    going = torch.arange(len(prompts), device=device).repeat_interleave(size)  # (B,): the prompt of each row
    x, seen, masks = x[going], ids[going], real[going]
    _keep(caches, going)
    rows = torch.arange(len(going), device=device)
    written = torch.full((len(going), new), pad_id, device=device)
    for place in range(new):
        logits = model.head(x)  # (rows that go on, V)
        if place == 0 and len(never_first):
            logits[:, list(never_first)] = -torch.inf
        token = sampling.choose(logits, seen, generator)
        written[rows, place] = token
        on = (token != end_id).nonzero()[:, 0]
        if len(on) == 0 or place == new - 1:
            break
        if len(on) < len(rows):
            rows, token, seen, masks = rows[on], token[on], seen[on], masks[on]
            _keep(caches, on)
        seen = torch.cat([seen, token[:, None]], dim=1)
        masks = F.pad(masks, (0, 1), value=True)
        x = model.hidden(token[:, None], caches, None if real.all() else masks)[:, -1]
    model.train(training)
    answers = [y[: y.index(end_id) + 1] if end_id in y else y for y in written.tolist()]
    return Answers.of([prompt for prompt in prompts for _ in range(size)], answers, pad_id, device)


def _keep(caches: list, rows: Tensor) -> None:
    for own, _ in caches:
        own.keep(rows)


# ----------------------------------------------------------------------------------------------------------------------
# Rewards to advantages
# ----------------------------------------------------------------------------------------------------------------------


def group_advantages(rewards: Tensor, divide_by_spread: bool = True) -> Tensor:
    """r minus the mean of its group, and divided by the group's standard deviation: (N, G) -> (N, G).

    DeepSeekMath, section 4.1.2. Dr. GRPO leaves the division out (its section 3.1). The deviation is the sample's (G - 1), with
    1e-4 added, as in TRL, so that a group of equal rewards gets zeros. Raises ValueError for a group of fewer than two.
    """
    if rewards.ndim != 2 or rewards.shape[1] < 2:
        raise ValueError(f"Rewards {tuple(rewards.shape)}: give (N, G), a row for each prompt, with at least two answers each.")
    centered = rewards - rewards.mean(1, keepdim=True)
    return centered / (rewards.std(1, keepdim=True) + SPREAD_FLOOR) if divide_by_spread else centered


def informative(rewards: Tensor) -> Tensor:
    """Which groups have unequal rewards: (N, G) -> (N,). The others have no gradient; DAPO draws new prompts for them."""
    return rewards.amax(1) > rewards.amin(1)


def dynamic_groups(draw: Callable[[int], tuple[Answers, Tensor]], wanted: int, tries: int = 10) -> tuple[Answers, Tensor]:
    """Draws until `wanted` groups are informative: their answers, N G rows, and rewards (N, G). DAPO's dynamic sampling.

    draw: the number of groups -> their answers and rewards. Raises RuntimeError where `tries` draws do not give as many.
    """
    kept, rewards, missing = [], [], wanted
    for _ in range(tries):
        answers, found = draw(missing)
        keep = informative(found)
        rows = keep.repeat_interleave(found.shape[1])
        kept.append(Answers(answers.ids[rows], answers.mask[rows]))
        rewards.append(found[keep])
        missing -= int(keep.sum())
        if missing == 0:
            width = max(part.ids.shape[1] for part in kept)
            fill = [[F.pad(each, (0, width - each.shape[1])) for each in part] for part in kept]
            return Answers(*map(torch.cat, zip(*fill))), torch.cat(rewards)
    raise RuntimeError(
        f"After {tries} draws {missing} of {wanted} groups are still missing: all answers to a prompt have the same reward. "
        "The prompts are too easy or too hard for this policy, or its answers no longer differ."
    )


def overlong_penalty(lengths: Tensor, longest: int, buffer: int) -> Tensor:
    """0 up to longest - buffer tokens, then down in a line to -1 at `longest` tokens: (...) -> (...). DAPO, equation 13.

    Raises ValueError for a buffer outside 1 ... longest.
    """
    if not 1 <= buffer <= longest:
        raise ValueError(f"buffer={buffer}: the stretch in which answers get dearer has 1 to longest={longest} tokens.")
    return ((longest - buffer - lengths) / buffer).clamp(-1, 0)


# ----------------------------------------------------------------------------------------------------------------------
# The loss
# ----------------------------------------------------------------------------------------------------------------------

PER = ("answer", "token", "longest")


@dataclass(frozen=True)
class Variant:
    """The switches in which GRPO and its kin differ.

    low, high          the ratio is clipped to [1 - low, 1 + high]
    per                what the sum over an answer's tokens is divided by: "answer", its own length; "token", the batch's
                       tokens (all tokens weigh the same); "longest", a constant, the most tokens an answer may have
    divide_by_spread   whether advantages are divided by their group's standard deviation
    beta               the price of the KL from the reference, by k3
    dynamic            whether groups of equal rewards are replaced before the step

    Raises ValueError for an unknown `per` or a negative number.
    """

    low: float = 0.2
    high: float = 0.2
    per: str = "answer"
    divide_by_spread: bool = True
    beta: float = 0.0
    dynamic: bool = False

    def __post_init__(self):
        if self.per not in PER:
            raise ValueError(f"per={self.per!r} is not known: choose one of {', '.join(PER)}.")
        if min(self.low, self.high, self.beta) < 0:
            raise ValueError(f"low={self.low}, high={self.high}, beta={self.beta}: none of them can be negative.")


GRPO = Variant(beta=0.04)  # DeepSeekMath's own beta
DR_GRPO = Variant(per="longest", divide_by_spread=False)
DAPO = Variant(high=0.28, per="token", dynamic=True)


def grpo_loss(
    log_probs: Tensor,
    old: Tensor,
    advantages: Tensor,
    mask: Tensor,
    variant: Variant = GRPO,
    reference: Tensor | None = None,
    longest: int | None = None,
) -> Tensor:
    """Minus the clipped surrogate, plus beta k3: grids (B, T - 1), advantages (B,) -> ().

    old: log pi of the policy that wrote the answers. reference: log pi_ref, needed where beta > 0. longest: the most
    tokens an answer may have, needed where per="longest". DeepSeekMath, equation 3; Dr. GRPO and DAPO by the variant.
    TRL's loss types: "grpo" is per="answer", "bnpo" and (over one batch) "dapo" per="token", "dr_grpo" per="longest".

    Raises ValueError where advantages are not one for each row, or something that is needed is not given.
    """
    if advantages.shape != log_probs.shape[:1]:
        raise ValueError(
            f"Advantages {tuple(advantages.shape)} for {len(log_probs)} answers: one for each row, (B,), is needed."
        )
    losses = -clipped_surrogate(log_probs, old, advantages.detach()[:, None], variant.low, variant.high)  # (B, T - 1)
    if variant.beta:
        if reference is None:
            raise ValueError(f"beta={variant.beta} prices the KL from a reference: give its log-probabilities, or set beta=0.")
        losses = losses + variant.beta * kl_estimates(log_probs, reference.detach())["k3"]
    sums, lengths = (losses * mask).sum(1), mask.sum(1)  # (B,)
    if variant.per == "answer":
        return (sums / lengths).mean()
    if variant.per == "token":
        return sums.sum() / lengths.sum()
    if longest is None:
        raise ValueError('per="longest" divides by the most tokens that an answer may have: give longest=.')
    return sums.mean() / longest


def batches_by_length(answers: Answers, parts: int, variant: Variant) -> Iterator[tuple[Tensor, Answers, float]]:
    """Rows of like length together: (rows, their answers, weight) of each part.

    Short answers then are not filled up to the longest one. The weighted sum of the parts' losses is the batch's loss: a
    part's weight is its share of the answers, or of the tokens where the variant divides by those.
    """
    lengths = answers.lengths
    for rows in lengths.argsort(stable=True).tensor_split(parts):
        share = lengths[rows].sum() / lengths.sum() if variant.per == "token" else len(rows) / len(lengths)
        width = int(answers.mask[rows].any(0).nonzero().max()) + 1
        yield rows, Answers(answers.ids[rows, :width], answers.mask[rows, :width]), float(share)
