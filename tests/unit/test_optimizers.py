"""Muon and AdamW: each as PyTorch's own, together one optimizer whose state can be kept."""

import copy

import pytest
import torch
from torch import nn

from utils import optimizers
from utils.optimizers import MuonAndAdamW, orthogonalized


def small() -> tuple[nn.Module, list, list]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 20), nn.Tanh(), nn.Linear(20, 6))
    matrices = [p for p in model.parameters() if p.dim() == 2]
    return model, matrices, [p for p in model.parameters() if p.dim() == 1]


def steps(model, optimizer, count, start=0):
    for step in range(start, start + count):
        x = torch.randn(8, 12, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()


def test_all_directions_become_about_equally_long():
    matrix = torch.randn(30, 50) * torch.logspace(0, 2, 50)
    before, after = torch.linalg.svdvals(matrix), torch.linalg.svdvals(orthogonalized(matrix))
    assert before.max() / before.min() > 5
    assert 0.65 < after.min() and after.max() < 1.25
    torch.testing.assert_close(orthogonalized(matrix.T), orthogonalized(matrix).T)


def test_muon_is_pytorchs(monkeypatch):
    from torch.optim import _muon

    monkeypatch.setattr(_muon, "_zeropower_via_newtonschulz", lambda gradient, *rest: orthogonalized(gradient))
    ours, matrices, others = small()
    theirs = copy.deepcopy(ours)
    both = MuonAndAdamW(matrices, others, 0.02, 0.0, weight_decay=0.1)
    muon = torch.optim.Muon([p for p in theirs.parameters() if p.dim() == 2], 0.02, 0.1, adjust_lr_fn="match_rms_adamw")
    steps(ours, both, 5), steps(theirs, muon, 5)
    for mine, wanted in zip(ours.parameters(), theirs.parameters()):
        torch.testing.assert_close(mine, wanted, rtol=1e-5, atol=1e-6)


def test_the_iteration_is_pytorchs_to_its_rounding():
    from torch.optim._muon import _zeropower_via_newtonschulz

    matrix = torch.randn(16, 24)
    theirs = _zeropower_via_newtonschulz(matrix, optimizers.COEFFICIENTS, optimizers.ITERATIONS, 1e-7)
    torch.testing.assert_close(orthogonalized(matrix), theirs.float(), rtol=0, atol=0.03)


def test_the_others_are_pytorchs_adamw():
    ours, matrices, others = small()
    theirs = copy.deepcopy(ours)
    both = MuonAndAdamW([], list(ours.parameters()), 0.0, 0.01)
    steps(ours, both, 5), steps(theirs, torch.optim.AdamW(theirs.parameters(), 0.01, (0.9, 0.98), weight_decay=0.0), 5)
    for mine, wanted in zip(ours.parameters(), theirs.parameters()):
        torch.testing.assert_close(mine, wanted)


def test_a_state_that_was_kept_goes_on():
    whole, *parts = small()
    steps(whole, MuonAndAdamW(*parts, 0.02, 0.01), 6)
    first, *parts = small()
    optimizer = MuonAndAdamW(*parts, 0.02, 0.01)
    steps(first, optimizer, 3)
    second, *parts = small()
    second.load_state_dict(first.state_dict())
    again = MuonAndAdamW(*parts, 0.02, 0.01)
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    steps(second, again, 3, start=3)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), second.parameters()))


def test_groups_of_matrices_have_rates_of_their_own_and_a_closure_gives_its_loss():
    model, matrices, others = small()
    both = MuonAndAdamW([{"params": matrices[:1]}, {"params": matrices[1:], "lr": 0.001}], others, 0.02, 0.01)
    assert [group["lr"] for group in both.param_groups] == [0.02, 0.001, 0.01]
    assert both.step(lambda: model(torch.ones(1, 12)).sum()).requires_grad


def test_another_optimizers_state_is_refused():
    model, *parts = small()
    with pytest.raises(ValueError, match="parameter group"):
        MuonAndAdamW(*parts, 0.02, 0.01).load_state_dict(torch.optim.SGD(model.parameters(), 0.1).state_dict())
