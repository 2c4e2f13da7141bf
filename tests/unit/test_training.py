"""utils.training: killed in the middle it goes on bit for bit; what goes wrong is said in a sentence."""

import copy
import itertools
import os
import random
import subprocess
import sys
from typing import NamedTuple

import numpy
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from utils import training
from utils.device import set_seed
from utils.io import ROOT
from utils.training import Settings, Shuffled, TrainingError, rate_factor, train

# A small training with everything random in it: dropout, shuffled data, numbers of Python and NumPy, early best weights.
SCRIPT = """
import os, random, signal, sys
import numpy, torch
from torch import nn
from utils.device import set_seed
from utils.training import Settings, Shuffled, train

folder, kill_at = sys.argv[1], int(sys.argv[2])
set_seed(3)
model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 1))
data = [torch.randn(5) for _ in range(40)]

def loss_of(model, batch):
    noise = random.random() + numpy.random.rand()
    return ((model(batch[:, :4])[:, 0] - batch[:, 4]) ** 2).mean() * (1 + 0.1 * noise)

def die(done, loss, model):
    if done == kill_at:
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))

settings = Settings(steps=40, warmup=5, accumulate=2, save_every=7, evaluate_every=6, patience=20, higher_is_better=False)
history = train(model, loss_of, Shuffled(data, 6, torch.stack), settings, evaluate=lambda m: loss_of(m, torch.stack(data)).item(),
                on_step=die, checkpoint=f"{folder}/state.pt", resume=True)
torch.save([model.state_dict(), vars(history), torch.rand(3)], f"{folder}/result.pt")
"""


def run_script(folder, kill_at=0) -> int:
    variables = {**os.environ, "COURSE_HEADLESS": "1", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, "-c", SCRIPT, str(folder), str(kill_at)], env=variables, cwd=ROOT).returncode


@pytest.mark.slow
def test_killed_and_resumed_equals_unbroken(tmp_path):
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    unbroken.mkdir()
    broken.mkdir()
    assert run_script(unbroken) == 0
    for kill_at in (3, 11, 33):  # before the first checkpoint, between two, after the best weights
        assert run_script(broken, kill_at) != 0
        assert not (broken / "result.pt").exists()
    assert run_script(broken) == 0
    for a, b in zip(torch.load(unbroken / "result.pt"), torch.load(broken / "result.pt"), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0) if not isinstance(a, dict) or "losses" not in a else None
        if isinstance(a, dict) and "losses" in a:
            assert a == b and len(a["losses"]) == 40


@pytest.fixture(autouse=True)
def headless(monkeypatch):
    monkeypatch.setenv("COURSE_HEADLESS", "1")
    torch.manual_seed(0)


def line(steps=20, **options):
    """Arguments of `train` for a model that learns y = 2 x."""
    data = [torch.tensor([x, 2 * x]) for x in torch.linspace(-1, 1, 32).tolist()]
    batches = Shuffled(data, 8, torch.stack)
    return nn.Linear(1, 1), lambda model, b: F.mse_loss(model(b[:, :1]), b[:, 1:]), batches, Settings(steps=steps, **options)


def test_it_learns_and_keeps_a_history():
    model, loss_of, batches, settings = line(200, learning_rate=0.05, warmup=10)
    seen = []
    history = train(model, loss_of, batches, settings, on_step=lambda done, loss, model: seen.append((done, loss)))
    assert history.losses[-1] < 1e-3 < history.losses[0]
    assert len(history.losses) == len(history.rates) == len(history.gradient_norms) == 200
    assert seen == list(enumerate(history.losses, start=1))
    assert not model.training


def test_broken_off_and_resumed_equals_unbroken(tmp_path):
    """What the killed processes above show, in one process and in a moment."""

    def trained(name, stop_at=None):
        set_seed(5)
        model = nn.Sequential(nn.Linear(1, 4), nn.Dropout(0.4), nn.Linear(4, 1))
        loss_of = lambda m, b: F.mse_loss(m(b[:, :1]), b[:, 1:]) * (1 + random.random() + numpy.random.rand())  # noqa: E731
        settings = Settings(steps=20, save_every=4, evaluate_every=3, patience=9, higher_is_better=False)

        def stop(done, loss, model):
            if done == stop_at:
                raise KeyboardInterrupt

        batches = Shuffled([torch.tensor([x, 2 * x]) for x in torch.linspace(-1, 1, 11).tolist()], 4, torch.stack)
        evaluate = lambda m: m[0].weight.norm()  # noqa: E731
        history = train(model, loss_of, batches, settings, evaluate, stop, checkpoint=tmp_path / name, resume=True)
        return [parameter.detach().clone() for parameter in model.parameters()], history

    unbroken = trained("unbroken.pt")
    for stop_at in (2, 10, 19):
        with pytest.raises(KeyboardInterrupt):
            trained("broken.pt", stop_at)
    weights, history = trained("broken.pt")
    assert all(map(torch.equal, weights, unbroken[0])) and history == unbroken[1] and len(history.losses) == 20


def test_warm_up_and_cosine():
    settings = Settings(steps=101, warmup=10, final_rate=0.1)
    factors = [rate_factor(step, settings) for step in range(101)]
    assert factors[:10] == pytest.approx([(k + 1) / 10 for k in range(10)])
    assert factors[10] == 1 and factors[100] == pytest.approx(0.1) and factors[55] == pytest.approx(0.55)
    assert all(a >= b for a, b in zip(factors[10:], factors[11:]))
    history = train(*line(30, learning_rate=0.5, warmup=3))
    assert history.rates == pytest.approx([0.5 * rate_factor(k, Settings(steps=30, warmup=3)) for k in range(30)])


def test_accumulation_equals_one_large_batch():
    results = []
    for accumulate, size in ((1, 8), (4, 2)):
        torch.manual_seed(0)
        model, loss_of, _, _ = line()
        data = torch.randn(160, 2)
        rows = lambda index: data[index * size : (index + 1) * size]  # noqa: B023, E731
        train(model, loss_of, rows, Settings(steps=20, accumulate=accumulate))
        results.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    torch.testing.assert_close(*results)


RAGGED = [5, 2, 1, 8]  # rows a batch


def after_a_step(batches, accumulate, loss_of, count_of=None):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    settings = Settings(steps=1, learning_rate=0.1, accumulate=accumulate, clip=None)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    history = train(model, loss_of, batches, settings, optimizer=optimizer, count_of=count_of)
    return [*model.parameters(), torch.tensor(history.losses)]


def test_accumulation_over_ragged_batches_equals_one_large_batch():
    """Rows, then tokens: of each row of tokens only some have a label."""
    x, y = torch.randn(16, 3), torch.randint(2, (16,))
    loss_of = lambda model, batch: F.cross_entropy(model(batch["x"]), batch["y"])  # noqa: E731
    parts = [{"x": a, "y": b} for a, b in zip(x.split(RAGGED), y.split(RAGGED))]
    large = after_a_step([{"x": x, "y": y}], 1, loss_of)
    torch.testing.assert_close(after_a_step(parts, 4, loss_of), large, rtol=0, atol=1e-6)
    pairs = lambda model, batch: F.cross_entropy(model(batch[0]), batch[1])  # noqa: E731
    parts = list(zip(x.split(RAGGED), y.split(RAGGED)))
    torch.testing.assert_close(after_a_step(parts, 4, pairs), large, rtol=0, atol=1e-6)
    alike = after_a_step(parts, 4, pairs, count_of=lambda batch: 1)
    assert (alike[0] - large[0]).abs().max() > 1e-4  # the mean of the means is another step

    x, y = torch.randn(16, 6, 3), torch.randint(2, (16, 6))
    y[torch.rand(16, 6) < 0.6] = -100
    y[:, 0] = 1
    of_tokens = lambda model, batch: F.cross_entropy(model(batch[0]).flatten(0, 1), batch[1].flatten())  # noqa: E731
    count = lambda batch: (batch[1] != -100).sum().item()  # noqa: E731
    large = after_a_step([(x, y)], 1, of_tokens, count)
    parts = list(zip(x.split(RAGGED), y.split(RAGGED)))
    torch.testing.assert_close(after_a_step(parts, 4, of_tokens, count), large, rtol=0, atol=1e-6)
    with pytest.raises(TrainingError, match="nothing in them that counts"):
        after_a_step(parts, 4, of_tokens, count_of=lambda batch: 0)


def test_batches_from_any_iterable():
    """A list, a DataLoader, a generator and an index give the same training; what has ended says so."""
    data = torch.randn(12, 2)
    loss_of = line()[1]

    def trained(batches, steps=8):
        torch.manual_seed(0)
        model = nn.Linear(1, 1)
        train(model, loss_of, batches, Settings(steps=steps))
        return model.weight

    wanted = trained(lambda index: data[4 * (index % 3) :][:4])
    endless = (rows for _ in itertools.count() for rows in data.split(4))
    for batches in (data.split(4), list(data.split(4)), torch.utils.data.DataLoader(data, 4), endless):
        assert torch.equal(trained(batches), wanted)
    with pytest.raises(TrainingError, match="ran out after 3, and a generator that has ended .* a DataLoader"):
        trained(rows for rows in data.split(4))
    with pytest.raises(TrainingError, match="ran out after 0"):
        trained([])


def test_only_what_has_an_index_is_resumed(tmp_path):
    model, loss_of, batches, settings = line(20)
    batches = [batches(index) for index in range(4)]
    train(model, loss_of, batches, settings, checkpoint=tmp_path / "c.pt")
    train(nn.Linear(1, 1), loss_of, batches, settings, checkpoint=tmp_path / "c.pt", resume=True)
    with pytest.raises(ValueError, match="A DataLoader cannot be read from the middle on.*Pass a Shuffled"):
        train(model, loss_of, torch.utils.data.DataLoader(batches), settings, checkpoint=tmp_path / "c.pt", resume=True)


def test_the_optimizer_is_adamw_with_decay_on_matrices_only():
    """Three steps by PyTorch's own AdamW, its groups written out by hand."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 1))
    for parameter in model.parameters():
        nn.init.normal_(parameter)
    theirs = copy.deepcopy(model)
    batches = list(torch.randn(3, 5, 3))
    train(model, lambda m, b: m(b).square().mean(), batches, Settings(steps=3, weight_decay=0.5, warmup=2, clip=None))
    pulled = [theirs[0].weight, theirs[2].weight]
    left = [theirs[0].bias, theirs[1].weight, theirs[1].bias, theirs[2].bias]
    groups = [{"params": pulled, "weight_decay": 0.5}, {"params": left, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.98))
    for batch, share in zip(batches, (0.5, 1.0, 1.0)):
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * share
        optimizer.zero_grad()
        theirs(batch).square().mean().backward()
        optimizer.step()
    for ours, other in zip(model.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(ours, other, rtol=0, atol=1e-7)


def test_the_gradient_is_clipped():
    model, _, batches, _ = line()
    before = model.weight.detach().clone()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    history = train(model, lambda m, b: 1000 * m(b[:, :1]).mean(), batches, Settings(steps=1, clip=0.5), optimizer=optimizer)
    assert history.gradient_norms[0] > 0.5
    assert (model.weight - before).norm() <= 0.5


def test_every_epoch_has_every_item_once_in_an_order_of_its_own():
    batches = Shuffled(range(10), 3, list, seed=1)
    epochs = [[item for k in range(3) for item in batches(3 * epoch + k)] for epoch in range(3)]
    assert all(len(set(epoch)) == 9 for epoch in epochs)
    assert epochs[0] != epochs[1]
    assert Shuffled(range(10), 3, list, seed=1)(7) == epochs[2][3:6]  # asked for out of turn
    assert Shuffled(range(10), 3, list, seed=2)(0) != epochs[0][:3]
    with pytest.raises(ValueError, match="Batches of 11 cannot be made of 10"):
        Shuffled(range(10), 11, list)


def test_early_stopping_takes_back_the_best_weights():
    values, weights = iter([0.1, 0.5, 0.4, 0.3, 0.2, 0.9]), []

    def evaluate(model):
        assert not model.training and not torch.is_grad_enabled()
        weights.append(model.weight.detach().clone())
        return next(values)

    model, loss_of, batches, settings = line(100, evaluate_every=5, patience=2)
    history = train(model, loss_of, batches, settings, evaluate)
    assert history.evaluations == [(5, 0.1), (10, 0.5), (15, 0.4), (20, 0.3)]
    assert history.best_step == 10 and history.stopped_early and len(history.losses) == 20
    assert torch.equal(model.weight, weights[1])


def test_an_evaluation_that_is_no_number_is_never_the_best():
    values = iter([float("nan"), 0.5, float("nan"), 0.4])
    model, loss_of, batches, settings = line(20, evaluate_every=5)
    assert train(model, loss_of, batches, settings, lambda model: next(values)).best_step == 10


def test_looking_often_changes_nothing():
    results = []
    for every in (1, 50):
        torch.manual_seed(0)
        model, _, batches, settings = line(20, evaluate_every=every)
        model = nn.Sequential(model, nn.Dropout(0.5))
        train(model, lambda m, b: F.mse_loss(m(b[:, :1]), b[:, 1:]), batches, settings, lambda m: torch.rand(1).item())
        results.append(model[0].weight)
    assert torch.equal(*results)


def test_a_loss_that_is_no_number_keeps_weights_and_checkpoint(tmp_path):
    model, loss_of, batches, settings = line(20, save_every=5)
    kept = {}

    def poisoned(model, batch):
        return loss_of(model, batch) * (float("nan") if len(kept) == 8 else 1.0)

    def keep(done, loss, model):
        kept[done] = model.weight.detach().clone()

    with pytest.raises(TrainingError, match=r"loss of step 9 is nan.*last checkpoint is untouched.*lower the learning rate"):
        train(model, poisoned, batches, settings, on_step=keep, checkpoint=tmp_path / "c.pt")
    assert torch.equal(model.weight, kept[8])
    assert training.load_checkpoint(tmp_path / "c.pt")["step"] == 5


def test_a_gradient_that_is_no_number_is_not_taken():
    model, _, batches, settings = line()
    before = model.weight.detach().clone()
    with pytest.raises(TrainingError, match="gradient of step 1 is nan"):
        train(model, lambda m, b: (m(b[:, :1]) * 0).sqrt().sum(), batches, settings)
    assert torch.equal(model.weight, before)


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "text", "another"])
def test_a_damaged_checkpoint_is_said_to_be_damaged(tmp_path, damage):
    path = tmp_path / "c.pt"
    arguments = line()
    train(*arguments, checkpoint=path)
    whole = path.read_bytes()
    place = whole.index(arguments[0].weight.detach().numpy().tobytes())  # inside of a tensor
    flipped = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
    path.write_bytes({"cut": whole[: len(whole) // 2], "flipped": flipped, "empty": b"", "text": b"hello"}.get(damage, b""))
    if damage == "another":
        torch.save({"weights": torch.zeros(3)}, path)
    with pytest.raises(TrainingError, match="cannot be read .* Delete it"):
        train(*line(), checkpoint=path, resume=True)


def test_a_kill_while_writing_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "c.pt"
    training.save_checkpoint(path, {"identity": {}, "step": 1})

    def half(state, file):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(KeyboardInterrupt):
        training.save_checkpoint(path, {"identity": {}, "step": 2})
    assert training.load_checkpoint(path)["step"] == 1


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    path = tmp_path / "c.pt"
    train(*line(), checkpoint=path)
    with pytest.raises(TrainingError, match="steps, learning_rate changed"):
        train(*line(30, learning_rate=0.1), checkpoint=path, resume=True)
    _, loss_of, batches, settings = line()
    with pytest.raises(TrainingError, match="of another model or optimizer"):
        train(nn.Linear(1, 2), loss_of, batches, settings, checkpoint=path, resume=True)
    with pytest.raises(TrainingError, match="the data changed"):
        train(nn.Linear(1, 1), loss_of, Shuffled(batches.items, 4, torch.stack), settings, checkpoint=path, resume=True)


def test_a_finished_training_is_only_read(tmp_path):
    first, *rest = line()
    history = train(first, *rest, checkpoint=tmp_path / "c.pt")
    again = nn.Linear(1, 1)
    assert train(again, *rest, checkpoint=tmp_path / "c.pt", resume=True) == history
    assert torch.equal(again.weight, first.weight)


def test_mixed_precision_where_it_is_asked_for():
    seen = []
    model, _, batches, _ = line()

    def loss_of(model, batch):
        output = model(batch[:, :1])
        seen.append(output.dtype)
        return F.mse_loss(output.float(), batch[:, 1:])

    train(model, loss_of, batches, Settings(steps=2, dtype=torch.bfloat16))
    train(model, loss_of, batches, Settings(steps=1))
    assert seen == [torch.bfloat16, torch.bfloat16, torch.float32]


@pytest.mark.parametrize("wrong, message", [({"steps": 0}, "steps is 0"), ({"steps": 5, "warmup": 5}, "warm-up of 5 steps")])
def test_settings_that_make_no_sense(wrong, message):
    with pytest.raises(ValueError, match=message):
        Settings(**wrong)


def test_a_named_tuple_stays_one_when_it_is_moved():
    class Both(NamedTuple):
        first: torch.Tensor
        second: torch.Tensor

    moved = training.to_device((Both(torch.ones(2), torch.zeros(2)), [torch.ones(1)]), torch.device("cpu"))
    assert type(moved[0]) is Both and moved[0].second.equal(torch.zeros(2)) and type(moved[1]) is list
