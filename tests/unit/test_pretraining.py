"""Pretraining with Lightning: the course's own loop bit for bit, resumed and accumulated, its callbacks, its formulas."""

import csv
import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from utils import pretraining, training
from utils.data import packed
from utils.io import ROOT, child_environment
from utils.models.gpt import GPT, GPT2
from utils.optimizers import MuonAndAdamW
from utils.pretraining import LanguageModel, Numbered, PackedText

STEPS, WINDOW, ROWS, V = 10, 16, 8, 40
SMALL = dataclasses.replace(GPT2, width=16, heads=2, hidden=32, layers=2, dropout=0.0)


class Killed(Exception):
    pass


class KillAt(pretraining.lightning.Callback):
    def __init__(self, step):
        self.step = step

    def on_train_batch_end(self, trainer, *others):
        if trainer.global_step == self.step:
            raise Killed


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    folder, generator = tmp_path_factory.mktemp("packed"), torch.Generator().manual_seed(0)
    texts = [" ".join(map(str, torch.randint(1, V, (40,), generator=generator).tolist())) for _ in range(40)]
    encode = lambda text: [int(word) for word in text.split()]  # noqa: E731
    paths = {split: folder / f"{split}.tokens" for split in ("train", "validation")}
    for path, rows in zip(paths.values(), (texts, texts[:8])):
        packed.write(path, rows, encode, 0, V)
    return paths


def module(dropout=0.0, matrix_rate=None, **changes) -> LanguageModel:
    torch.manual_seed(1)
    model = GPT(V, dataclasses.replace(SMALL, dropout=dropout), WINDOW)
    settings = training.Settings(STEPS, **{"learning_rate": 3e-3, "warmup": 2, "evaluate_every": 4} | changes)
    return LanguageModel(model, settings, model.decoder.blocks, matrix_rate)


def fit(files, folder, *callbacks, save_every=3, **changes) -> LanguageModel:
    one = module(**changes)
    data = PackedText(files, WINDOW, ROWS, STEPS, one.settings.accumulate)
    pretraining.fit(one, data, folder, callbacks, save_every=save_every, log_every=1, accelerator="cpu", devices=1)
    return one


def weights(one: LanguageModel) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in one.model.parameters()])


def rows_of(folder: Path) -> list[dict]:
    with next(folder.glob("log/version_0/metrics.csv")).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


# --- the training -------------------------------------------------------------------------------------------------


def test_it_is_the_courses_own_loop_bit_for_bit(files, tmp_path):
    ours, own = fit(files, tmp_path), module()
    batches = training.Shuffled(packed.Packed(files["train"], WINDOW), ROWS, torch.stack)
    loss = lambda model, windows: F.cross_entropy(model(windows[:, :-1]).flatten(0, 1), windows[:, 1:].flatten())  # noqa: E731
    history = training.train(own.model, loss, batches, own.settings)
    assert torch.equal(weights(ours), weights(own))
    logged = [float(row["loss"]) for row in rows_of(tmp_path) if row["loss"]]
    assert logged == pytest.approx(history.losses, abs=1e-6)
    norms = [float(row["gradient_norm"]) for row in rows_of(tmp_path) if row["gradient_norm"]]
    assert norms == pytest.approx(history.gradient_norms, rel=1e-5)


@pytest.mark.parametrize("changes", [{"dropout": 0.2}, {"dropout": 0.2, "accumulate": 2}, {"matrix_rate": 1e-2}])
def test_resumed_it_equals_unbroken(files, tmp_path, changes):
    unbroken = fit(files, tmp_path / "unbroken", **changes)
    with pytest.raises(Killed):
        fit(files, tmp_path / "killed", KillAt(8), **changes)
    assert torch.equal(weights(fit(files, tmp_path / "killed", **changes)), weights(unbroken))


def test_without_the_random_states_it_would_not(files, tmp_path, monkeypatch):
    unbroken = fit(files, tmp_path / "unbroken", dropout=0.2)
    with pytest.raises(Killed):
        fit(files, tmp_path / "killed", KillAt(8), dropout=0.2)
    monkeypatch.setattr(pretraining.RandomStates, "on_train_start", lambda *given: None)
    assert not torch.equal(weights(fit(files, tmp_path / "killed", dropout=0.2)), weights(unbroken))


def test_accumulated_it_equals_the_large_batch(files, tmp_path):
    whole, parts = fit(files, tmp_path / "whole"), fit(files, tmp_path / "parts", accumulate=4)
    torch.testing.assert_close(weights(whole), weights(parts), rtol=0, atol=1e-5)
    loss = [[float(row["loss"]) for row in rows_of(tmp_path / name) if row["loss"]] for name in ("whole", "parts")]
    assert loss[0] == pytest.approx(loss[1], abs=1e-5) and len(loss[0]) == STEPS


def test_what_was_logged_is_read_from_both_parts_of_a_resumed_training(files, tmp_path):
    with pytest.raises(Killed):
        fit(files, tmp_path / "killed", KillAt(8))
    fit(files, tmp_path / "killed")
    fit(files, tmp_path / "whole")
    killed, whole = (pretraining.logged(tmp_path / name) for name in ("killed", "whole"))
    assert list(killed["loss"]) == list(range(STEPS)) and "epoch" not in killed and "step" not in killed
    assert killed["loss"] == whole["loss"] and killed["held_out"].keys() == whole["held_out"].keys()
    assert pretraining.logged(tmp_path / "nothing") == {}


def test_looking_changes_nothing(files, tmp_path):
    lines = pretraining.Lines(2, STEPS, sample=lambda model: f"{torch.rand(1).item():.0f}", samples=3)
    rate = pretraining.Throughput(2, pretraining.flops_a_token(V, 16, 2, WINDOW, 32), 1e9)
    watched, alone = fit(files, tmp_path / "a", lines, rate, dropout=0.2), fit(files, tmp_path / "b", dropout=0.2)
    assert torch.equal(weights(watched), weights(alone))


def test_what_is_said_and_logged(files, tmp_path, capsys):
    lines = pretraining.Lines(5, STEPS, sample=lambda model: "Once.", samples=2)
    fit(files, tmp_path, lines, pretraining.Throughput(2, 100.0, 1e6))
    said, _ = capsys.readouterr()
    assert "step 5 of 10: loss" in said and "tokens a second" in said and said.count("  | Once.") == 2
    rows = rows_of(tmp_path)
    rates = [float(row["lr-AdamW/pg1"]) for row in rows if row["lr-AdamW/pg1"]]
    assert rates == pytest.approx([3e-3 * training.rate_factor(step, module().settings) for step in range(STEPS)])
    assert [int(row["step"]) + 1 for row in rows if row["held_out"]] == [4, 8]
    speed = {(float(row["tokens_a_second"]), float(row["mfu"])) for row in rows if row["mfu"]}  # a value stays until the next
    assert len(speed) == 5 and all(share == pytest.approx(rate * 100 / 1e6) for rate, share in speed)
    assert list(tmp_path.glob("tensorboard/events*"))


def test_a_gradient_that_is_no_number_ends_it_before_the_weights(files, tmp_path):
    class Poison(pretraining.lightning.Callback):
        def on_after_backward(self, trainer, module):
            if trainer.global_step == 5:
                next(module.parameters()).grad[0] = float("nan")

    with pytest.raises(training.TrainingError, match="gradient of step 6 is nan"):
        fit(files, tmp_path, Poison(), save_every=5)
    state = torch.load(tmp_path / "last.ckpt", weights_only=False)
    assert state["global_step"] == 5 and all(torch.isfinite(w).all() for w in state["state_dict"].values())


def test_muon_takes_the_matrices_of_the_blocks():
    one = module(matrix_rate=1e-2)
    optimizer = one._optimizer()
    assert isinstance(optimizer, MuonAndAdamW)
    muon, adamw = optimizer.param_groups
    assert len(muon["params"]) == 2 * 6 and {p.dim() for p in muon["params"]} == {2}
    assert sum(p.numel() for p in muon["params"] + adamw["params"]) == sum(p.numel() for p in one.model.parameters())
    assert (muon["lr"], adamw["lr"]) == (1e-2, 3e-3)


def test_nothing_is_said_on_stderr(files, tmp_path):
    code = (
        "import sys, pathlib; sys.path.insert(0, 'tests/unit'); import test_pretraining as t\n"
        "files = {split: pathlib.Path(sys.argv[1]) / f'{split}.tokens' for split in ('train', 'validation')}\n"
        "[t.fit(files, pathlib.Path(sys.argv[2])) for _ in range(2)]\n"
    )
    command = [sys.executable, "-c", code, str(files["train"].parent), str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=child_environment(), capture_output=True, encoding="utf-8", timeout=300)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


# --- batches by number --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("accumulate, world", [(1, 1), (2, 1), (1, 4), (2, 2)])
def test_the_processes_share_each_batch(accumulate, world):
    batches = lambda number: torch.arange(8)[:, None] + 10 * number  # noqa: E731
    loaders = [list(Numbered(batches, 3, accumulate, rank, world)) for rank in range(world)]
    for step in range(3):
        parts = [loader[step * accumulate + part] for part in range(accumulate) for loader in loaders]
        assert torch.cat(parts).flatten().tolist() == batches(step).flatten().tolist()


def test_a_loader_knows_its_place():
    first = Numbered(lambda number: torch.full((2, 1), number), 5)
    given = iter(first)
    next(given), next(given)
    second = Numbered(first.batch_at, 5)
    second.load_state_dict(first.state_dict())
    assert [batch[0, 0].item() for batch in second] == [2, 3, 4] and len(second) == 5


def test_rows_that_do_not_come_out_even_are_refused():
    with pytest.raises(ValueError, match="Choose a multiple"):
        list(Numbered(lambda number: torch.zeros(6, 1), 1, accumulate=2, world=2))


# --- what a step costs, and what is saved -------------------------------------------------------------------------


def test_the_formula_counts_what_pytorch_counts():
    model, windows = module().model, torch.randint(V, (2, WINDOW + 1))
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:  # it knows no formula of the CPU's tiles
        F.cross_entropy(model(windows[:, :-1]).flatten(0, 1), windows[:, 1:].flatten()).backward()
    assert counter.get_total_flops() == 2 * WINDOW * pretraining.flops_a_token(V, 16, 2, WINDOW, 32)


def test_the_peak_is_more_than_nothing():
    assert 1e8 < pretraining.peak_flops("cpu") < 1e14


def test_the_saved_weights_are_those_of_the_model(files, tmp_path):
    from safetensors.torch import load_model

    one = fit(files, tmp_path)
    path = pretraining.save(tmp_path)
    again = GPT(V, SMALL, WINDOW)
    load_model(again, path)
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), one.model.parameters()))
    assert os.path.getsize(path) < 1.1 * sum(4 * p.numel() for p in one.model.parameters()) + 10_000


def test_a_writer_writes_the_same_each_time(files):
    class Letters:
        eos_token_id = 0

        def decode(self, ids, skip_special_tokens):
            return " ".join(map(str, ids))

    write = pretraining.writer(Letters(), WINDOW)
    model = module().model
    assert write(model) == write(model) and isinstance(model, nn.Module)
