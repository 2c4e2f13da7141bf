"""utils.training: killed in the middle it goes on bit for bit; what goes wrong is said in a sentence."""

import os
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from utils import training
from utils.course.runtime import ROOT
from utils.training import Settings, Shuffled, TrainingError, rate_factor, train

# A small training with everything random in it: dropout, shuffled data, numbers of Python and NumPy, early best weights.
SCRIPT = """
import os, random, signal, sys
import numpy, torch
from torch import nn
from utils.course.runtime import set_seed
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
