"""utils.alignment.grpo: loss and gradients against TRL's, advantages by hand and by properties, groups against single rollouts."""

import copy
import dataclasses
from collections import defaultdict
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.alignment import preferences
from utils.alignment.grpo import (
    DAPO,
    DR_GRPO,
    GRPO,
    Variant,
    batches_by_length,
    dynamic_groups,
    group_advantages,
    group_rollout,
    grpo_loss,
    informative,
    overlong_penalty,
)
from utils.alignment.policy import kl_estimates, rollout
from utils.alignment.preferences import Answers
from utils.generation import GREEDY
from utils.models.gpt import GPT, GPT2
from utils.models.llama import LLAMA, Llama
from utils.positions import RotaryPositions

# four rows of a prompt of 2 tokens and answers of 5, 2, 3 and 1: these columns count
LENGTHS = torch.tensor([5, 2, 3, 1])
MASK = (torch.arange(6) >= 1) & (torch.arange(6) < 1 + LENGTHS[:, None])
ADVANTAGES = torch.tensor([1.5, -0.5, -2.0, 1.0], dtype=torch.float64)


def grid(seed: int, scale: float = 1.0) -> torch.Tensor:
    return torch.randn(4, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * scale


def near(seed: int = 1) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """log pi, log pi_old, log pi_ref: near enough to each other that the clip holds somewhere, and not everywhere."""
    old = grid(seed) - 2
    return (old + grid(seed + 1, 0.25)).requires_grad_(), old, old + grid(seed + 2, 0.3)


# --- rewards to advantages


def test_advantages_by_hand():
    found = group_advantages(torch.tensor([[1.0, 0, 0, 0], [1, 1, 0, 0]]))
    torch.testing.assert_close(
        found, torch.tensor([[1.5, -0.5, -0.5, -0.5], [0.866, 0.866, -0.866, -0.866]]), rtol=0, atol=1e-3
    )
    found = group_advantages(torch.tensor([[1.0, 0, 0, 0]]), divide_by_spread=False)
    torch.testing.assert_close(found, torch.tensor([[0.75, -0.25, -0.25, -0.25]]))


@given(st.integers(0, 10_000), st.floats(-5, 5), st.floats(0.5, 10))
@settings(max_examples=50, deadline=None)
def test_a_group_is_its_own_zero_and_its_own_scale(seed, shift, scale):
    rewards = torch.randn(3, 8, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    for divided in (True, False):
        found = group_advantages(rewards, divided)
        torch.testing.assert_close(found.sum(1), torch.zeros(3, dtype=torch.float64))
        moved = group_advantages(rewards + shift, divided)
        torch.testing.assert_close(moved, found)
        grown = group_advantages(scale * rewards, divided)
        torch.testing.assert_close(grown, found if divided else scale * found, rtol=1e-3, atol=1e-3)
    assert (group_advantages(rewards).std(1) - 1).abs().max() < 1e-3


def test_groups_all_alike_teach_nothing():
    rewards = torch.tensor([[1.0, 1, 1], [0, 0, 0], [0, 1, 0]])
    assert informative(rewards).tolist() == [False, False, True]
    for divided in (True, False):
        assert (group_advantages(rewards, divided)[:2] == 0).all()
    log_probs, old, _ = near()
    loss = grpo_loss(log_probs, old, torch.zeros(4), MASK, Variant())
    assert (torch.autograd.grad(loss, log_probs)[0] == 0).all()


def test_a_long_answer_gets_dearer_in_the_buffer():
    found = overlong_penalty(torch.tensor([1, 30, 35, 39, 40, 50]), longest=40, buffer=10)
    torch.testing.assert_close(found, torch.tensor([0, 0, -0.5, -0.9, -1, -1]))


# --- the loss


def test_the_three_means_by_hand():
    """At ratio 1 and with A = 1 each token is worth -1; lengths 5, 2, 3, 1."""
    old, ones = torch.zeros(4, 6), torch.ones(4)
    weights = {"answer": (1 / LENGTHS / 4), "token": torch.full((4,), 1 / 11), "longest": torch.full((4,), 1 / (4 * 8))}
    for per, weight in weights.items():
        log_probs = torch.zeros(4, 6, requires_grad=True)
        loss = grpo_loss(log_probs, old, ones, MASK, Variant(per=per), longest=8)
        torch.testing.assert_close(loss.item(), -(weight * LENGTHS).sum().item())
        torch.testing.assert_close(torch.autograd.grad(loss, log_probs)[0], -weight[:, None] * MASK)


def test_the_clip_stops_the_gradient_and_dapo_clips_higher():
    ratio = torch.tensor([[1.25, 1.35, 0.75, 1.0]])
    mask = torch.ones(1, 4).bool()
    for variant, moving in ((Variant(), [False, False, True, True]), (DAPO, [True, False, True, True])):
        log_probs = ratio.log().requires_grad_()
        loss = grpo_loss(log_probs, torch.zeros(1, 4), torch.ones(1), mask, variant)
        assert (torch.autograd.grad(loss, log_probs)[0] != 0)[0].tolist() == moving
    log_probs = ratio.log().requires_grad_()
    loss = grpo_loss(log_probs, torch.zeros(1, 4), -torch.ones(1), mask, DAPO)
    assert (torch.autograd.grad(loss, log_probs)[0] != 0)[0].tolist() == [True, True, False, True]


def test_variants_are_those_of_the_papers():
    assert GRPO == Variant(0.2, 0.2, "answer", True, 0.04, False)
    assert DR_GRPO == Variant(0.2, 0.2, "longest", False, 0.0, False)
    assert DAPO == Variant(0.2, 0.28, "token", True, 0.0, True)


def test_neither_advantages_nor_old_nor_reference_are_trained():
    log_probs, old, reference = near()
    others = [old.requires_grad_(), reference.requires_grad_(), ADVANTAGES.clone().requires_grad_()]
    loss = grpo_loss(log_probs, others[0], others[2], MASK, GRPO, others[1])
    assert torch.autograd.grad(loss, others, allow_unused=True) == (None, None, None)


def test_parts_by_length_give_the_batch_its_loss():
    log_probs, old, reference = near()
    answers = Answers(torch.zeros(4, 7, dtype=torch.long), torch.nn.functional.pad(MASK, (1, 0)))
    for variant in (GRPO, DR_GRPO, DAPO):
        whole = grpo_loss(log_probs, old, ADVANTAGES, MASK, variant, reference, 8)
        parts = [
            weight * grpo_loss(log_probs[rows], old[rows], ADVANTAGES[rows], MASK[rows], variant, reference[rows], 8)
            for rows, _, weight in batches_by_length(answers, 3, variant)
        ]
        torch.testing.assert_close(sum(parts), whole)
    short, long = batches_by_length(answers, 2, DAPO)
    assert short[0].tolist() == [3, 1] and long[0].tolist() == [2, 0]
    assert short[1].ids.shape == (2, 4) and long[1].ids.shape == (2, 7) and short[1].lengths.tolist() == [1, 2]


def test_dynamic_sampling_draws_until_all_groups_teach():
    asked, given_ = [], iter([[[0.0, 1], [1, 1], [0, 0]], [[1, 1], [1, 0]], [[0, 1]]])

    def draw(count):
        asked.append(count)
        rewards = torch.tensor(next(given_))
        width = 2 + len(asked)
        ids = torch.arange(2 * count)[:, None].expand(-1, width) + 100 * len(asked)
        return Answers(ids, torch.ones(2 * count, width).bool()), rewards

    answers, rewards = dynamic_groups(draw, 3)
    assert asked == [3, 2, 1] and rewards.tolist() == [[0, 1], [1, 0], [0, 1]]
    assert answers.ids[:, 0].tolist() == [100, 101, 202, 203, 300, 301] and answers.lengths.tolist() == [3, 3, 4, 4, 5, 5]
    with pytest.raises(RuntimeError, match="the same reward"):
        dynamic_groups(lambda count: (answers, torch.ones(3, 2)), 3, tries=2)


def test_what_is_wrong_is_named():
    log_probs, old, _ = near()
    for given_, message in (
        (lambda: group_advantages(torch.ones(8)), "N, G"),
        (lambda: group_advantages(torch.ones(8, 1)), "at least two"),
        (lambda: Variant(per="row"), "answer, token, longest"),
        (lambda: Variant(beta=-0.1), "negative"),
        (lambda: overlong_penalty(torch.ones(2), 10, 0), "buffer"),
        (lambda: overlong_penalty(torch.ones(2), 10, 11), "buffer"),
        (lambda: grpo_loss(log_probs, old, ADVANTAGES[:, None], MASK), "one for each row"),
        (lambda: grpo_loss(log_probs, old, ADVANTAGES, MASK, GRPO), "reference"),
        (lambda: grpo_loss(log_probs, old, ADVANTAGES, MASK, DR_GRPO), "longest="),
    ):
        with pytest.raises(ValueError, match=message):
            given_()


# --- KL


def test_k1_and_k3_are_unbiased_and_k3_spreads_less():
    """100,000 draws from a policy near its reference, against the sum over all outcomes."""
    draws = torch.Generator().manual_seed(0)
    logits = torch.randn(20, generator=draws, dtype=torch.float64)
    policy = logits.log_softmax(-1)
    reference = (logits + 0.2 * torch.randn(20, generator=draws, dtype=torch.float64)).log_softmax(-1)
    exact = (policy.exp() * (policy - reference)).sum()
    drawn = policy.exp().multinomial(100_000, replacement=True, generator=draws)
    found = kl_estimates(policy[drawn], reference[drawn])
    for name in ("k1", "k3"):
        assert (found[name].mean() - exact).abs() < 4 * found[name].std() / 100_000**0.5
    assert (found["k3"] >= 0).all() and found["k3"].std() < found["k1"].std() / 2


# --- TRL


def trl_loss(trl, kind: str, log_probs, old, advantages, mask, beta=0.0, reference=None, high=0.2, longest=8):
    """TRL's own loss on grids, by the private method and as much of a trainer as it reads."""
    same = SimpleNamespace(
        gather=lambda x: x, reduce=lambda x, reduction: x, gather_for_metrics=lambda x: x, device="cpu", num_processes=1
    )
    stub = SimpleNamespace(
        model=SimpleNamespace(training=True), loss_type=kind, epsilon_low=0.2, epsilon_high=high, beta=beta,
        importance_sampling_level="token", top_entropy_quantile=1.0, off_policy_mask_threshold=None, use_vllm=False,
        aux_loss_enabled=False, _entropy_bonus_enabled=False, current_gradient_accumulation_steps=1, accelerator=same,
        max_completion_length=longest, _metrics=defaultdict(lambda: defaultdict(list)),
        args=SimpleNamespace(delta=None, use_bias_correction_kl=False, steps_per_generation=1),
        _get_per_token_logps_and_entropies=lambda *_, **__: (log_probs, torch.zeros_like(log_probs), None),
    )  # fmt: skip
    nothing = torch.zeros(len(mask), 1, dtype=torch.long)
    batch = {"prompt_ids": nothing, "prompt_mask": nothing, "completion_ids": mask.long(), "completion_mask": mask.long()}
    batch |= {"advantages": advantages, "old_per_token_logps": old, "num_items_in_batch": mask.sum()}
    return trl.GRPOTrainer._compute_loss(stub, None, batch | ({} if reference is None else {"ref_per_token_logps": reference}))


@pytest.mark.parametrize("beta", [0.0, 0.1])
@pytest.mark.parametrize(
    ("kind", "variant"), [("grpo", Variant()), ("dr_grpo", DR_GRPO), ("bnpo", Variant(per="token")), ("dapo", DAPO)]
)
def test_loss_and_gradient_are_trls(kind, variant, beta):
    trl = pytest.importorskip("trl")
    if not trl.__version__.startswith("1.16."):
        pytest.skip(f"the private method compared here is that of TRL 1.16, not {trl.__version__}")
    log_probs, old, reference = near()
    ratio = (log_probs - old).exp()[MASK]
    assert (ratio > 1.28).any() and (ratio < 0.8).any(), "a batch in which the clip holds somewhere"
    variant = dataclasses.replace(variant, beta=beta)
    own = grpo_loss(log_probs, old, ADVANTAGES, MASK, variant, reference, longest=8)
    wanted = trl_loss(trl, kind, log_probs, old, ADVANTAGES, MASK, beta, reference, variant.high)
    torch.testing.assert_close(own, wanted)
    torch.testing.assert_close(*(torch.autograd.grad(loss, log_probs, retain_graph=True)[0] for loss in (own, wanted)))


# --- groups


@pytest.fixture(scope="module", params=["gpt", "llama"])
def model(request):
    torch.manual_seed(0)
    if request.param == "gpt":
        return GPT(12, dataclasses.replace(GPT2, width=16, heads=2, hidden=32, layers=2), longest=32)
    sizes = dict(width=16, heads=4, key_value_heads=2, hidden=32, layers=2, rotate=RotaryPositions(4))
    llama = Llama(12, dataclasses.replace(LLAMA, **sizes))
    llama.head.weight.data *= 20  # its first weights make all tokens alike
    llama.embedding.weight.data *= 20
    return llama


PROMPTS = [[3, 4, 5, 6], [7], [8, 9]]


def test_groups_stand_together_and_end_where_they_ended(model):
    def draw(seed):
        return group_rollout(model, PROMPTS, 16, 10, torch.Generator().manual_seed(seed), end_id=2, pad_id=1)

    found, again, other = draw(0), draw(0), draw(1)
    assert torch.equal(found.ids, again.ids) and (found.ids.shape != other.ids.shape or not torch.equal(found.ids, other.ids))
    assert 0 < (found.lengths < 10).sum() < 48, "some answers end, others are cut off"
    for row in range(48):
        prompt, answer = PROMPTS[row // 16], found.ids[row][found.mask[row]].tolist()
        assert found.ids[row, : len(prompt)].tolist() == prompt and found.mask[row].nonzero()[0, 0] == len(prompt)
        assert 2 not in answer[:-1] and (len(answer) == 10 or answer[-1] == 2)


def test_a_greedy_group_writes_what_a_rollout_writes(model):
    """With an end token that some rows reach early, some late: who has ended leaves the batch, and the others go on."""
    prompts = [[first, second] for first in range(3, 9) for second in range(3, 9)] + PROMPTS

    def greedy(write, prompts, end, *size):
        return write(model, prompts, *size, 9, torch.Generator(), end_id=end, pad_id=1, sampling=GREEDY)

    written = greedy(rollout, prompts, 99)
    end = max(range(12), key=lambda token: len({(ids[mask] == token).int().argmax().item() for ids, mask in zip(*written)}))
    found, alone = greedy(group_rollout, prompts, end, 2), greedy(rollout, [x for x in prompts for _ in range(2)], end)
    assert len(set(alone.lengths.tolist())) > 2, "answers of several lengths"
    assert torch.equal(found.ids, alone.ids) and torch.equal(found.mask, alone.mask)


def test_a_group_is_drawn_from_the_policy(model):
    """Second tokens of 4,000 answers after the commonest first one, against the policy's own probabilities."""
    found = group_rollout(model, [[3, 4]], 4000, 2, torch.Generator().manual_seed(1), end_id=2, pad_id=1)
    first = found.ids[:, 2][found.ids[:, 2] != 2].mode().values.item()
    after = found.ids[found.ids[:, 2] == first, 3]
    with torch.no_grad():
        wanted = copy.deepcopy(model).eval()(torch.tensor([[3, 4, first]]))[0, -1].softmax(-1)
    shares = torch.bincount(after, minlength=12) / len(after)
    assert len(after) > 200 and (shares - wanted).abs().max() < 4 * (0.25 / len(after)) ** 0.5


def test_what_never_stands_first_is_not_there(model):
    """And the model goes on in the mode in which it was."""
    model.train()
    found = group_rollout(model, PROMPTS, 40, 4, torch.Generator().manual_seed(3), 2, 1, never_first=[2, 5])
    assert model.training
    first = torch.stack([ids[mask][0] for ids, mask in zip(*found)])
    assert not torch.isin(first, torch.tensor([2, 5])).any() and (found.lengths >= 2).all()
    assert torch.isfinite(preferences.token_log_probs(model, found)).all()


def test_a_group_of_none_is_refused(model):
    for size, new in ((0, 3), (3, 0)):
        with pytest.raises(ValueError, match="at least one"):
            group_rollout(model, PROMPTS, size, new, torch.Generator(), 2, 1)
