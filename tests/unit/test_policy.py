"""utils.alignment.policy: estimates against sums over all outcomes, GAE against its definition, PPO's clip against TRL's."""

import copy
import dataclasses
import math
from collections import defaultdict
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.alignment.policy import (
    Scorer,
    clipped_surrogate,
    gae,
    kl_estimates,
    leashed_rewards,
    masked_mean,
    ppo_loss,
    reinforce_loss,
    rollout,
    share_clipped,
    standardized,
    value_loss,
)
from utils.alignment.preferences import Answers, token_log_probs
from utils.generation import GREEDY
from utils.models.gpt import GPT, GPT2

# two rows of a prompt of 2 tokens and answers of 3 and 2: columns 1, 2, 3 and 1, 2 count
MASK = torch.tensor([[0, 1, 1, 1], [0, 1, 1, 0]]).bool()


def grid(seed: int, scale: float = 1.0) -> torch.Tensor:
    return torch.randn(2, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * scale


@pytest.fixture(scope="module")
def gpt() -> GPT:
    torch.manual_seed(0)
    return GPT(12, dataclasses.replace(GPT2, width=16, heads=2, hidden=32, layers=2), longest=32)


# --- answers and scores


PROMPTS = [[3, 4, 5, 6], [7], [8, 9]]


def test_a_rollout_is_prompts_with_their_answers(gpt):
    found = rollout(gpt, PROMPTS * 8, 10, torch.Generator().manual_seed(0), end_id=2, pad_id=1)
    again = rollout(gpt, PROMPTS * 8, 10, torch.Generator().manual_seed(0), end_id=2, pad_id=1)
    assert torch.equal(found.ids, again.ids) and torch.equal(found.mask, again.mask)
    assert 0 < (found.lengths < 10).sum() < 24, "some answers end, others are cut off"
    for row, prompt in enumerate(PROMPTS * 8):
        answer = found.ids[row][found.mask[row]].tolist()
        assert found.ids[row, : len(prompt)].tolist() == prompt and found.mask[row].nonzero()[0, 0] == len(prompt)
        assert 2 not in answer[:-1] and (len(answer) == 10 or answer[-1] == 2)


def test_company_of_longer_prompts_does_not_change_what_is_written(gpt):
    together = rollout(gpt, PROMPTS, 6, torch.Generator(), end_id=2, pad_id=1, sampling=GREEDY)
    for row, prompt in enumerate(PROMPTS):
        alone = rollout(gpt, [prompt], 6, torch.Generator(), end_id=2, pad_id=1, sampling=GREEDY)
        assert together.ids[row][together.mask[row]].tolist() == alone.ids[alone.mask].tolist()


def test_answers_are_drawn_from_the_policy(gpt):
    """The first token of 3,000 answers, against the policy's own probabilities."""
    gpt = copy.deepcopy(gpt)
    gpt.embedding.weight.data *= 20  # its first weights make all tokens alike
    found = rollout(gpt, [[3, 4]] * 3000, 1, torch.Generator().manual_seed(1), end_id=2, pad_id=1)
    shares = torch.bincount(found.ids[:, 2], minlength=12) / 3000
    with torch.no_grad():
        wanted = gpt.eval()(torch.tensor([[3, 4]]))[0, -1].softmax(-1)
    assert (shares - wanted).abs().max() < 4 * (0.25 / 3000) ** 0.5


def test_a_scorer_begins_with_equal_scores_and_reads_the_answer_alone(gpt):
    scorer = Scorer(gpt, 16)
    answers = Answers.of(PROMPTS, [[5, 6], [7, 8, 9], [4]], pad=1)
    assert (scorer(answers.ids) == 0).all() and scorer(answers.ids).shape == answers.ids.shape
    torch.nn.init.normal_(scorer.head.weight)
    with torch.no_grad():
        found = scorer.eval().reward(answers)
        for row, (x, y) in enumerate(zip(PROMPTS, [[5, 6], [7, 8, 9], [4]])):
            torch.testing.assert_close(found[row], scorer(torch.tensor([x + y]))[0, len(x) :].mean())
    before = token_log_probs(gpt.eval(), answers)
    scorer.train().reward(answers).sum().backward()
    assert all(weight.grad is None for weight in gpt.parameters()), "its trunk is a copy"
    assert torch.equal(token_log_probs(gpt, answers), before)


# --- masks


def test_means_over_the_tokens_that_count():
    values = torch.tensor([[9.0, 1, 2, 3], [9, 4, 5, 9]])
    assert masked_mean(values, MASK).item() == 3
    found = standardized(values, MASK)
    assert found[MASK].mean().item() == pytest.approx(0, abs=1e-6)
    assert found[MASK].std(correction=0).item() == pytest.approx(1, abs=1e-5)
    assert (found[~MASK] == 0).all()


# --- KL


def test_kl_estimates_average_to_the_divergence():
    policy, reference = (grid(seed, 0.7)[0].log_softmax(-1) for seed in (1, 2))
    wanted = torch.distributions.kl_divergence(*(torch.distributions.Categorical(logits=x) for x in (policy, reference)))
    found = kl_estimates(policy, reference)  # of each outcome; their mean is weighted by the policy's probability
    for name in ("k1", "k3"):
        torch.testing.assert_close((policy.exp() * found[name]).sum(), wanted)
    assert (found["k2"] >= 0).all() and (found["k3"] >= 0).all() and found["k1"].min() < 0
    near = kl_estimates(policy, policy + 1e-3 * torch.tensor([1.0, -1, 1, -1]))
    torch.testing.assert_close(near["k2"], near["k3"], rtol=1e-2, atol=1e-12)


def test_a_leash_by_hand():
    log_probs, reference = torch.full((2, 4), -1.0), torch.full((2, 4), -1.5)
    found = leashed_rewards(torch.tensor([1.0, 2.0]), log_probs.requires_grad_(), reference, MASK, beta=0.2)
    torch.testing.assert_close(found, torch.tensor([[0, -0.1, -0.1, 0.9], [0, -0.1, 1.9, 0]]))
    assert not found.requires_grad, "the price is part of the reward, no loss of its own"


# --- advantages


def test_gae_by_hand():
    rewards, values = torch.tensor([[0.0, 0, 0, 1], [0, 0, 1, 7]]), torch.tensor([[9.0, 0.5, 0.5, 0.5], [9, 0.2, 0.4, 9]])
    advantages, returns = gae(rewards, values, MASK, gamma=1.0, lam=1.0)
    torch.testing.assert_close(advantages, torch.tensor([[0, 0.5, 0.5, 0.5], [0, 0.8, 0.6, 0]]))
    torch.testing.assert_close(returns, MASK.float())
    advantages, _ = gae(rewards, values, MASK, gamma=1.0, lam=0.0)
    torch.testing.assert_close(advantages, torch.tensor([[0, 0, 0, 0.5], [0, 0.2, 0.6, 0]]))
    advantages, _ = gae(rewards, values, MASK, gamma=0.9, lam=0.5)
    first = (0.9 * 0.4 - 0.2) + 0.9 * 0.5 * (1 - 0.4)
    torch.testing.assert_close(advantages[1], torch.tensor([0, first, 0.6, 0]))


@given(st.integers(0, 10_000), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_gae_is_its_definition(seed, gamma, lam):
    """Equation 16 of the paper: A_t = sum_l (gamma lam)^l delta_t+l, with V = 0 after the end."""
    rewards, values = grid(seed), grid(seed + 1)
    advantages, returns = gae(rewards, values, MASK, gamma, lam)
    for row, (first, end) in enumerate(((1, 4), (1, 3))):
        state = [*values[row, first:end].tolist(), 0.0]
        deltas = [rewards[row, first + t].item() + gamma * state[t + 1] - state[t] for t in range(end - first)]
        for t in range(end - first):
            wanted = sum((gamma * lam) ** k * delta for k, delta in enumerate(deltas[t:]))
            assert advantages[row, first + t].item() == pytest.approx(wanted, abs=1e-9)
    torch.testing.assert_close(returns, (advantages + values) * MASK)


def test_values_are_constants_of_the_advantages():
    values = grid(0).requires_grad_()
    assert not any(found.requires_grad for found in gae(grid(1), values, MASK))
    value_loss(values, grid(2), MASK).backward()
    torch.testing.assert_close(values.grad, (values - grid(2)).detach() * MASK / MASK.sum())


# --- the policy's losses


def test_reinforce_is_the_gradient_of_the_expected_reward():
    """Over all outcomes, weighted by the policy, with any baseline: the same gradient."""
    rewards = torch.tensor([1.0, 0.0, 3.0, -2.0], dtype=torch.float64)
    logits = grid(3)[0].requires_grad_()
    wanted = torch.autograd.grad((logits.softmax(-1) * rewards).sum(), logits)[0]
    for baseline in (0.0, 5.0):
        log_probs, one = logits.log_softmax(-1), torch.ones(1, dtype=torch.bool)
        losses = [reinforce_loss(log_probs[i : i + 1], (rewards - baseline)[i : i + 1], one) for i in range(4)]
        mean = (torch.stack(losses) * log_probs.exp().detach()).sum()
        torch.testing.assert_close(-torch.autograd.grad(mean, logits)[0], wanted)


def test_the_clip_by_hand():
    ratio = torch.tensor([1.0, 1.5, 1.5, 0.5, 0.5], requires_grad=True)
    advantages = torch.tensor([2.0, 2.0, -2.0, 2.0, -2.0])
    old = torch.zeros(5)
    found = clipped_surrogate(ratio.log(), old, advantages)
    torch.testing.assert_close(found, torch.tensor([2.0, 2.4, -3.0, 1.0, -1.6]))
    found.sum().backward()
    torch.testing.assert_close(ratio.grad, torch.tensor([2.0, 0, -2, 2, 0])), "no gradient where the clip holds"
    moved = ratio.log().detach()
    assert share_clipped(moved, old, advantages, torch.ones(5).bool()) == pytest.approx(2 / 5)
    assert share_clipped(moved[:4], old[:4], advantages[:4], torch.ones(4).bool()) == pytest.approx(1 / 4)
    wide = clipped_surrogate(ratio.log(), old, advantages, low=0.1, high=0.4)
    torch.testing.assert_close(wide.detach(), torch.tensor([2.0, 2.8, -3.0, 1.0, -1.8]))


def test_where_the_policy_wrote_the_answers_ppo_is_reinforce():
    log_probs, advantages = grid(4).requires_grad_(), grid(5)
    gradients = [
        torch.autograd.grad(loss, log_probs)[0]
        for loss in (ppo_loss(log_probs, log_probs, advantages, MASK), reinforce_loss(log_probs, advantages, MASK))
    ]
    torch.testing.assert_close(*gradients)
    assert gradients[0][~MASK].abs().max() == 0 and gradients[0][MASK].abs().min() > 0


def test_ppo_is_trls_surrogate():
    """TRL has no PPO trainer; GRPO's loss without its groups, averaged over tokens ("bnpo"), is the same clipped surrogate."""
    trl = pytest.importorskip("trl")
    if not trl.__version__.startswith("1.16."):
        pytest.skip(f"the private method compared here is that of TRL 1.16, not {trl.__version__}")
    log_probs, old, advantages = grid(6).requires_grad_(), grid(7, 0.3) + grid(6), grid(8)
    same = SimpleNamespace(
        gather=lambda x: x, reduce=lambda x, reduction: x, gather_for_metrics=lambda x: x, device="cpu", num_processes=1
    )
    stub = SimpleNamespace(
        model=SimpleNamespace(training=True), loss_type="bnpo", epsilon_low=0.2, epsilon_high=0.2, beta=0.0,
        importance_sampling_level="token", top_entropy_quantile=1.0, off_policy_mask_threshold=None, use_vllm=False,
        aux_loss_enabled=False, _entropy_bonus_enabled=False, current_gradient_accumulation_steps=1, accelerator=same,
        args=SimpleNamespace(delta=None, use_bias_correction_kl=False), _metrics=defaultdict(lambda: defaultdict(list)),
        _get_per_token_logps_and_entropies=lambda *_, **__: (log_probs, torch.zeros_like(log_probs), None),
    )  # fmt: skip
    nothing = torch.zeros(2, 1, dtype=torch.long)
    batch = {"prompt_ids": nothing, "prompt_mask": nothing, "completion_ids": torch.zeros(2, 4), "completion_mask": MASK.long()}
    wanted = trl.GRPOTrainer._compute_loss(stub, None, batch | {"advantages": advantages, "old_per_token_logps": old})
    own = ppo_loss(log_probs, old, advantages, MASK)
    assert share_clipped(log_probs.detach(), old, advantages, MASK) > 0, "a batch in which the clip holds somewhere"
    torch.testing.assert_close(own, wanted)
    torch.testing.assert_close(*(torch.autograd.grad(loss, log_probs, retain_graph=True)[0] for loss in (own, wanted)))


def test_best_of_the_policy_cannot_be_reached_by_one_step():
    """A step of PPO moves a token's probability by about the clip, however large its advantage."""
    logits = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([logits], lr=1.0)
    old = torch.full((1, 1), math.log(0.5), dtype=torch.float64)
    for _ in range(200):
        optimizer.zero_grad()
        ppo_loss(logits.log_softmax(-1)[None, :1], old, torch.full((1, 1), 10.0), torch.ones(1, 1).bool()).backward()
        optimizer.step()
    first = logits.softmax(-1)[0].item()
    assert 0.6 <= first < 1
