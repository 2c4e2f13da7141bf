"""utils.distillation: its losses are their formulas and PyTorch's, and no gradient goes into the teacher."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from utils.distillation import (
    NO_LABEL,
    distillation_loss,
    feature_loss,
    relation_loss,
    similarities,
    soft_loss,
    soften,
    target_loss,
)

N, K, C = 6, 4, 5


@pytest.fixture
def logits():
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(N, K, generator=generator, dtype=torch.float64) * 3 for _ in range(2)]


def test_a_temperature_by_hand():
    for temperature, wanted in ((1, 4 / 5), (2, 2 / 3)):  # odds of 4 to 1, at T = 2 their root, 2 to 1
        assert soften(torch.tensor([math.log(4.0), 0.0]), temperature)[0].item() == pytest.approx(wanted)
    assert soften(torch.tensor([5.0, -5.0]), 1e6)[0].item() == pytest.approx(0.5, abs=1e-4)


@pytest.mark.parametrize("temperature", [0, -1.0, float("nan")])
def test_no_temperature_at_or_below_zero(logits, temperature):
    for call in (lambda: soften(logits[0], temperature), lambda: soft_loss(*logits, temperature)):
        with pytest.raises(ValueError, match="must be above 0"):
            call()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0, 8.0])
def test_soft_loss_is_pytorchs_divergence_times_t_squared(logits, temperature):
    student, teacher = logits
    wanted = nn.KLDivLoss(reduction="batchmean", log_target=True)(
        (student / temperature).log_softmax(-1), (teacher / temperature).log_softmax(-1)
    )
    torch.testing.assert_close(soft_loss(student, teacher, temperature), temperature**2 * wanted)
    divergence = torch.distributions.kl_divergence(
        torch.distributions.Categorical(logits=teacher / temperature),
        torch.distributions.Categorical(logits=student / temperature),
    )
    torch.testing.assert_close(soft_loss(student, teacher, temperature), temperature**2 * divergence.mean())


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_its_gradient_is_t_times_the_difference_of_the_probabilities(logits, temperature):
    student, teacher = (one.clone().requires_grad_() for one in logits)
    soft_loss(student, teacher, temperature).backward()
    wanted = temperature * (soften(student, temperature) - soften(teacher, temperature)) / N
    torch.testing.assert_close(student.grad, wanted.detach())
    assert teacher.grad is None, "the teacher is a constant"


def test_a_hot_gradient_is_the_difference_of_the_logits(logits):
    """Section 2.1 of the paper: for large T and logits with mean zero, the gradient is (z - v) / K, whatever T is."""
    student, teacher = (one - one.mean(-1, keepdim=True) for one in logits)
    student.requires_grad_()
    soft_loss(student, teacher, 1e5).backward()
    torch.testing.assert_close(student.grad, (student - teacher).detach() / (K * N), rtol=1e-3, atol=1e-5)


def test_the_same_answers_cost_nothing_and_others_do(logits):
    student, teacher = logits
    assert soft_loss(teacher, teacher + 7, 2.0).item() == pytest.approx(0, abs=1e-12)  # a constant changes no probability
    assert soft_loss(student, teacher, 2.0) > 0.1


def test_other_shapes_are_refused(logits):
    with pytest.raises(ValueError, match="same rows and classes"):
        soft_loss(logits[0], logits[1][:1])


def test_rows_without_a_label_count_in_the_soft_part_alone(logits):
    student, teacher = logits
    labels = torch.tensor([1, NO_LABEL, 0, NO_LABEL, 3, 2])
    found = distillation_loss(student, teacher, labels, 2.0, 0.3)
    wanted = 0.3 * soft_loss(student, teacher, 2.0) + 0.7 * F.cross_entropy(student, labels, ignore_index=NO_LABEL)
    torch.testing.assert_close(found, wanted)
    none = torch.full((N,), NO_LABEL)
    torch.testing.assert_close(distillation_loss(student, teacher, none, 2.0, 0.3), 0.3 * soft_loss(student, teacher, 2.0))
    assert distillation_loss(student, teacher, none, 2.0, 0.0) == 0
    for alpha in (-0.1, 1.1):
        with pytest.raises(ValueError, match="from 0 to 1"):
            distillation_loss(student, teacher, labels, 2.0, alpha)


def test_given_targets(logits):
    student, teacher = logits
    torch.testing.assert_close(target_loss(student, soften(teacher)), soft_loss(student, teacher))
    hard = F.one_hot(torch.tensor([0, 1, 2, 3, 0, 1]), K).double()  # 0 ln 0 counts as 0
    torch.testing.assert_close(target_loss(student, hard), F.cross_entropy(student, hard.argmax(-1)))


def test_features_behind_a_projection():
    projection = nn.Linear(2, 3)
    student, teacher = torch.randn(N, 2), torch.randn(N, 3, requires_grad=True)
    loss = feature_loss(student, teacher, projection)
    torch.testing.assert_close(loss, (projection(student) - teacher).square().sum() / (N * 3))
    loss.backward()
    assert projection.weight.grad is not None and teacher.grad is None


def test_relations_by_hand_and_by_scikit_learn():
    from sklearn.metrics.pairwise import cosine_similarity

    student, teacher = torch.tensor([[1.0, 0.0], [1.0, 1.0]]), torch.tensor([[0.0, 2.0, 0.0], [3.0, 0.0, 0.0]])
    assert relation_loss(student, teacher).item() == pytest.approx(0.5)  # cosines 1 / sqrt(2) and 0
    first, second = torch.randn(N, C), torch.randn(N, C + 2)
    torch.testing.assert_close(similarities(first).numpy(), cosine_similarity(first.numpy()), rtol=1e-5, atol=1e-6)
    gap = torch.tensor(cosine_similarity(first.numpy()) - cosine_similarity(second.numpy()))
    torch.testing.assert_close(relation_loss(first, second), gap[~torch.eye(N, dtype=bool)].square().mean())
    torch.testing.assert_close(relation_loss(first, 5 * first), torch.tensor(0.0), atol=1e-6, rtol=0)  # lengths do not matter
    with pytest.raises(ValueError, match="two rows at least"):
        relation_loss(first[:1], second[:1])
