"""utils.alignment.preferences: only the answers' tokens count, and each loss is TRL's, in value and gradient."""

import copy
import math
from collections import defaultdict
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from utils.alignment.preferences import (
    Answers,
    answer_log_probs,
    bradley_terry_loss,
    dpo_loss,
    frozen_copy,
    ipo_loss,
    kto_loss,
    kto_reference_point,
    log_odds,
    orpo_loss,
    scores,
    sft_loss,
    simpo_loss,
    token_log_probs,
)
from utils.models.gpt import GPT

PROMPTS = [[5, 6, 7], [8, 9], [3]]
CHOSEN = [[10, 11], [12, 13, 14, 2], [15, 16, 2]]
REJECTED = [[17], [18, 2], [19, 20, 21, 22, 2]]
BETA = 0.3
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # TRL asks for it so


@pytest.fixture(scope="module")
def gpt():
    """A GPT-2 of two layers and a reference that differs from it."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=32, n_positions=16, n_embd=16, n_layer=2, n_head=2, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0
    )
    model = transformers.GPT2LMHeadModel(config).double()
    reference = copy.deepcopy(model)
    with torch.no_grad():
        for weight in reference.parameters():
            weight.add_(torch.randn_like(weight) * 0.1)
    return model, reference.requires_grad_(False)


@pytest.fixture(scope="module")
def trl():
    """TRL keeps its losses in private methods, so that what is compared is one version."""
    trl = pytest.importorskip("trl")
    if not trl.__version__.startswith("1.16."):
        pytest.skip(f"the private methods compared here are those of TRL 1.16, not {trl.__version__}")
    return trl


def pairs() -> Answers:
    return Answers.of(PROMPTS * 2, CHOSEN + REJECTED)


# --- log-probabilities


def test_a_batch_by_hand():
    batch = Answers.of([[1, 2], [3]], [[4], [5, 6, 7]], pad=9)
    assert batch.ids.tolist() == [[1, 2, 4, 9], [3, 5, 6, 7]]
    assert batch.mask.tolist() == [[False, False, True, False], [False, True, True, True]]
    assert batch.lengths.tolist() == [1, 3]


def test_what_cannot_be_a_batch_is_refused():
    for prompts, answers in (([[]], [[1]]), ([[1]], [[]])):
        with pytest.raises(ValueError, match="has no tokens"):
            Answers.of(prompts, answers)
    with pytest.raises(ValueError, match="2 prompts and 1 answers"):
        Answers.of([[1], [2]], [[3]])
    with pytest.raises(ValueError, match="a pair has one of each"):
        dpo_loss(torch.zeros(3), torch.zeros(1), BETA)


def test_each_token_of_an_answer_and_none_else(gpt):
    model, _ = gpt
    batch = pairs()
    found = token_log_probs(model, batch)
    for row, (x, y) in enumerate(zip(PROMPTS * 2, CHOSEN + REJECTED)):
        alone = model(torch.tensor([x + y])).logits[0].log_softmax(-1)
        wanted = torch.zeros(found.shape[1], dtype=torch.float64)
        for place, token in enumerate(y):
            wanted[len(x) + place - 1] = alone[len(x) + place - 1, token]
        torch.testing.assert_close(found[row], wanted)
    torch.testing.assert_close(answer_log_probs(model, batch), found.sum(1))


def test_padding_and_company_change_nothing(gpt):
    model, _ = gpt
    wanted = answer_log_probs(model, pairs())
    torch.testing.assert_close(answer_log_probs(model, Answers.of(PROMPTS * 2, CHOSEN + REJECTED, pad=31)), wanted)
    torch.testing.assert_close(scores(model, PROMPTS * 2, CHOSEN + REJECTED, batch=2).double(), wanted, rtol=1e-6, atol=1e-6)


def test_other_kinds_of_models_say_the_same(gpt):
    """One that returns bare logits, and the course's own, whose head reads the answers' places alone."""

    class Bare(nn.Module):
        def forward(self, ids):
            return gpt[0](ids).logits

    wanted = token_log_probs(gpt[0], pairs())
    for model in (Bare(), GPT.from_hf(gpt[0]).double()):
        torch.testing.assert_close(token_log_probs(model, pairs()), wanted)


def test_scores_leave_the_mode_as_it_was_and_drop_nothing_out():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(32, 8), nn.Dropout(0.5), nn.Linear(8, 32))
    for mode in (True, False):
        model.train(mode)
        first, second = (scores(model, PROMPTS, CHOSEN) for _ in range(2))
        assert torch.equal(first, second) and model.training is mode and not first.requires_grad


def test_the_reference_stays_where_the_policy_was(gpt):
    model = copy.deepcopy(gpt[0]).train()
    reference = frozen_copy(model)
    assert not reference.training and not any(weight.requires_grad for weight in reference.parameters())
    before = answer_log_probs(reference, pairs())
    with torch.no_grad():
        next(model.parameters()).add_(1.0)
    assert torch.equal(answer_log_probs(reference, pairs()), before)
    assert all(weight.requires_grad for weight in model.parameters()) and model.training


def test_sft_is_cross_entropy_with_the_prompt_left_out(gpt):
    batch = Answers.of(PROMPTS, CHOSEN)
    labels = batch.ids.masked_fill(~batch.mask, -100)
    wanted = F.cross_entropy(gpt[0](batch.ids).logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
    torch.testing.assert_close(sft_loss(gpt[0], batch), wanted)


# --- losses by hand


def test_losses_by_hand():
    one, zero = torch.tensor([math.log(3.0)]), torch.tensor([0.0])
    assert bradley_terry_loss(one, zero).item() == pytest.approx(math.log(4 / 3))  # sigmoid(ln 3) = 3/4
    assert dpo_loss(zero, zero, 0.1).item() == pytest.approx(math.log(2)), "a policy that is its reference"
    assert dpo_loss(2 * one, zero, 0.5).item() == pytest.approx(math.log(4 / 3))
    assert ipo_loss(torch.tensor([5.0]), zero, 0.1).item() == pytest.approx(0), "1 / (2 beta) is the margin wanted"
    assert ipo_loss(zero, zero, 0.1).item() == pytest.approx(25)
    assert kto_loss(one, one, zero[0], 1.0).item() == pytest.approx((1 / 4 + 3 / 4) / 2)
    assert kto_loss(one, one, one[0], 1.0, weights=(2.0, 4.0)).item() == pytest.approx((2 / 2 + 4 / 2) / 2)
    assert simpo_loss(one, zero, 2.0, math.log(3.0)).item() == pytest.approx(math.log(4 / 3))
    half, third = torch.tensor([math.log(0.5)]), torch.tensor([math.log(1 / 3)])
    assert log_odds(third).item() == pytest.approx(math.log(1 / 2))
    assert orpo_loss(half, third, 0.1).item() == pytest.approx(math.log(2) + 0.1 * math.log(3 / 2))  # odds 1 and 1/2


def test_the_reference_point_is_a_constant_and_never_below_zero():
    ratios = torch.tensor([1.0, 2.0], requires_grad=True)
    assert kto_reference_point(ratios).item() == 1.5 and not kto_reference_point(ratios).requires_grad
    assert kto_reference_point(-ratios).item() == 0


@given(st.floats(-30, 30), st.floats(-30, 30), st.floats(-20, 20), st.floats(0.01, 2))
def test_pair_losses_see_differences_alone(chosen, rejected, shift, beta):
    a, b = (torch.tensor([value], dtype=torch.float64) for value in (chosen, rejected))
    for loss in (lambda w, l: dpo_loss(w, l, beta), lambda w, l: ipo_loss(w, l, beta), bradley_terry_loss):
        torch.testing.assert_close(loss(a + shift, b + shift), loss(a, b), rtol=1e-6, atol=1e-8)
        assert loss(a, b) >= 0


@given(st.floats(-20, -1e-3))
def test_log_odds_are_those_of_the_probability(value):
    p = math.exp(value)
    assert log_odds(torch.tensor(value, dtype=torch.float64)).item() == pytest.approx(math.log(p / (1 - p)), rel=1e-6, abs=1e-9)


# --- TRL


class Fused(nn.Module):
    """What TRL's trainers get from a model with its fused head: log-probabilities of the labels, zero where there is none."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, labels, **_):
        logits = self.model(input_ids=input_ids, attention_mask=attention_mask).logits[:, :-1]
        wanted = labels[:, 1:] != -100
        picked = logits.log_softmax(-1).gather(-1, labels[:, 1:].clamp(min=0).unsqueeze(-1)).squeeze(-1)
        nothing = torch.zeros_like(picked)
        return SimpleNamespace(
            log_probs=picked * wanted, entropy=nothing, mean_logits=nothing, is_top1=torch.zeros_like(wanted), aux_loss=None
        )


def trainer(model, reference, **settings):
    """As much of a trainer as its loss reads."""
    same = SimpleNamespace(device="cpu", gather=lambda x: x, gather_for_metrics=lambda x: x)
    return SimpleNamespace(
        **{
            "model": model, "ref_model": Fused(reference), "accelerator": same, "beta": BETA, "aux_loss_enabled": False,
            "precompute_ref_logps": False, "use_weighting": False, "label_smoothing": 0.0, "_tp_size": 1,
            "_total_train_tokens": 0, "_metrics": defaultdict(lambda: defaultdict(list)),
            "args": SimpleNamespace(gradient_checkpointing_kwargs=None), **settings,
        }
    )  # fmt: skip


def trl_dpo(trl, gpt, kind):
    from trl.trainer.dpo_trainer import DataCollatorForPreference

    rows = [{"prompt_ids": x, "chosen_ids": w, "rejected_ids": l} for x, w, l in zip(PROMPTS, CHOSEN, REJECTED)]
    batch = DataCollatorForPreference(pad_token_id=0)(rows)
    assert torch.equal(batch["input_ids"], pairs().ids) and torch.equal(batch["completion_mask"].bool(), pairs().mask)
    settings = {"loss_types": [kind], "loss_weights": [1.0], "ld_alpha": None, "f_divergence_type": "reverse_kl"}
    return trl.DPOTrainer._compute_loss(trainer(*gpt, **settings), Fused(gpt[0]), batch, False)


def gradients(model, loss):
    return torch.cat(
        [gradient.flatten() for gradient in torch.autograd.grad(loss, list(model.parameters()), retain_graph=True)]
    )


def assert_same(model, own, wanted):
    """Value and gradient by every weight of the model, and a gradient that is not zero."""
    torch.testing.assert_close(own, wanted.to(own.dtype), rtol=1e-6, atol=1e-9)
    found = gradients(model, own)
    torch.testing.assert_close(found, gradients(model, wanted), rtol=1e-5, atol=1e-7)
    assert found.abs().max() > 1e-4


def ratios(gpt):
    batch = pairs()
    ratio = answer_log_probs(gpt[0], batch) - answer_log_probs(gpt[1], batch)
    return ratio.chunk(2), batch.lengths.chunk(2)


def test_dpo_is_trls(trl, gpt):
    (chosen, rejected), _ = ratios(gpt)
    assert_same(gpt[0], dpo_loss(chosen, rejected, BETA), trl_dpo(trl, gpt, "sigmoid"))


def test_ipo_is_trls_where_ratios_are_means_a_token(trl, gpt):
    (chosen, rejected), (chosen_lengths, rejected_lengths) = ratios(gpt)
    assert_same(gpt[0], ipo_loss(chosen / chosen_lengths, rejected / rejected_lengths, BETA), trl_dpo(trl, gpt, "ipo"))
    assert abs(ipo_loss(chosen, rejected, BETA) - trl_dpo(trl, gpt, "ipo")) > 0.01, "the paper's form is another"


@pytest.mark.parametrize("good", [[True, False, True], [True, True, True], [False, False, False]])
def test_kto_is_trls(trl, gpt, good):
    answers = [CHOSEN[0], REJECTED[1], CHOSEN[2]]
    own, other = Answers.of(PROMPTS, answers), Answers.of(PROMPTS, answers[-1:] + answers[:-1])
    batch = {"label": torch.tensor(good)}
    for prefix, part in (("", own), ("KL_", other)):
        attention = torch.arange(part.ids.shape[1]) < (part.mask.shape[1] - part.mask.flip(1).int().argmax(1))[:, None]
        batch |= {prefix + "input_ids": part.ids, prefix + "attention_mask": attention, prefix + "completion_mask": part.mask}
    settings = {"calculate_KL": True, "loss_type": "kto", "desirable_weight": 1.2, "undesirable_weight": 0.7}
    stub = trainer(*gpt, **settings)
    stub._compute_kl_logps = lambda model, batch: trl.KTOTrainer._compute_kl_logps(stub, model, batch)
    wanted = trl.KTOTrainer._compute_loss(stub, Fused(gpt[0]), batch, False)
    ratio, mismatched = (answer_log_probs(gpt[0], part) - answer_log_probs(gpt[1], part) for part in (own, other))
    point = kto_reference_point(mismatched)
    good = torch.tensor(good)
    assert_same(gpt[0], kto_loss(ratio[good], ratio[~good], point, BETA, weights=(1.2, 0.7)), wanted)


def test_simpo_is_trls(trl, gpt):
    from trl.experimental.cpo import CPOTrainer

    batch = pairs()
    chosen, rejected = (answer_log_probs(gpt[0], batch) / batch.lengths).chunk(2)
    stub = trainer(*gpt, alpha=0.0, loss_type="simpo", simpo_gamma=0.5)
    wanted = CPOTrainer.cpo_loss(stub, chosen, rejected)[0].mean()
    assert_same(gpt[0], simpo_loss(chosen, rejected, BETA, 0.5), wanted)


def test_orpo_is_trls_where_the_prompt_counts_in_the_cross_entropy(trl, gpt):
    from trl.experimental.orpo import ORPOTrainer

    batch = pairs()
    labels = batch.ids.masked_fill(~batch.mask, -100)
    means = ORPOTrainer.get_batch_logps(gpt[0](batch.ids).logits, labels, average_log_prob=True)
    chosen, rejected = (answer_log_probs(gpt[0], batch) / batch.lengths).chunk(2)
    torch.testing.assert_close(torch.cat([chosen, rejected]), means)
    part = -ORPOTrainer.odds_ratio_loss(trainer(*gpt), *means.chunk(2))[0].mean()
    assert_same(gpt[0], orpo_loss(chosen, rejected, BETA) + chosen.mean(), part)
    first = Answers.of(PROMPTS, CHOSEN, pad=-100)  # TRL: "computed over the full prompt and response"
    logits = gpt[0](first.ids.clamp(min=0)).logits[:, :-1]
    nll = F.cross_entropy(logits.flatten(0, 1), first.ids[:, 1:].flatten())
    whole = SimpleNamespace(**vars(trainer(*gpt)), concatenated_forward=lambda *_: (*means.chunk(2), means, means, nll))
    whole.odds_ratio_loss = lambda *given: ORPOTrainer.odds_ratio_loss(whole, *given)
    trls, _ = ORPOTrainer.get_batch_loss_metrics(whole, gpt[0], None)
    with_prompt = sft_loss(gpt[0], Answers.of([x[:1] for x in PROMPTS], [x[1:] + w for x, w in zip(PROMPTS, CHOSEN)]))
    assert_same(gpt[0], orpo_loss(chosen, rejected, BETA) + chosen.mean() + with_prompt, trls)


def test_bradley_terry_is_trls_reward_loss(trl):
    rewards = torch.randn(8, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    wanted = trl.RewardTrainer.compute_loss(
        trainer(nn.Identity(), None, args=SimpleNamespace(center_rewards_coefficient=None)),
        lambda **_: SimpleNamespace(logits=rewards[:, None]),
        {"attention_mask": torch.ones(8, 2)},
    )
    own = bradley_terry_loss(*rewards.chunk(2))
    torch.testing.assert_close(own, wanted)
    torch.testing.assert_close(*(torch.autograd.grad(loss, rewards)[0] for loss in (own, wanted)))
