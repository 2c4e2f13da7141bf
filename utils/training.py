"""One training loop for all lessons: it can be killed at any moment and goes on as if nothing had happened.

    Settings       steps, rates, warm-up, clipping, accumulation, early stopping, how often to evaluate and to save
    Shuffled       batches of a data set, shuffled anew in each epoch
    train          the loop
    rate_factor    warm-up and cosine

Two things are pure functions of a number, so there is no state to save and none to lose: the learning rate of a step, and
the batch with a given index (where the batches have one). All else goes into the checkpoint: weights, optimizer, the scaler
of float16, the best weights so far, the history, and the random states of Python, NumPy and PyTorch.
"""

import copy
import dataclasses
import math
import os
import pickle
import random
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from utils.device import detect_dtype
from utils.io import is_headless, whole_file


class TrainingError(RuntimeError):
    """Training cannot go on; the message says why and what to do."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """How to train. Raises ValueError for counts below 1 and for a warm-up that is as long as the training."""

    # updates of the weights
    steps: int
    # the highest, after the warm-up
    learning_rate: float = 1e-3
    # steps in which the rate rises to it
    warmup: int = 0
    # where a cosine leads to at the last step, as a share of the highest rate
    final_rate: float = 0.0
    # on matrices, not on biases and norms
    weight_decay: float = 0.01
    # the largest norm of the gradient; None for no clipping
    clip: float | None = 1.0
    # batches a step
    accumulate: int = 1
    # steps between two evaluations
    evaluate_every: int = 100
    # stop after so many evaluations without a better one, and take back the best weights
    patience: int | None = None
    # of what `evaluate` returns
    higher_is_better: bool = True
    # steps between two checkpoints
    save_every: int = 100
    # None for what the device likes best (detect_dtype)
    dtype: torch.dtype | None = None

    def __post_init__(self):
        for name in ("steps", "accumulate", "evaluate_every", "save_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: it counts steps or batches and must be 1 or more.")
        if not 0 <= self.warmup < self.steps:
            raise ValueError(f"A warm-up of {self.warmup} steps does not fit into {self.steps} steps. Make it shorter.")


@dataclasses.dataclass
class History:
    """What happened: one number a step in `losses`, `rates`, `gradient_norms`; (step, value) in `evaluations`."""

    losses: list[float] = dataclasses.field(default_factory=list)
    rates: list[float] = dataclasses.field(default_factory=list)
    gradient_norms: list[float] = dataclasses.field(default_factory=list)
    evaluations: list[tuple[int, float]] = dataclasses.field(default_factory=list)
    best_step: int | None = None
    stopped_early: bool = False


class Shuffled:
    """Batches of a data set: called with an index 0, 1, 2 ... it gives the batch of that index, always the same one.

    items: anything with a length and numbered items; collate: makes a batch of a list of items. The items are shuffled
    anew for each epoch, by a generator made from the seed and the epoch; a last batch that is not full is left out.
    """

    def __init__(self, items: Sequence, batch_size: int, collate: Callable[[list], Any], seed: int = 0):
        if not 1 <= batch_size <= len(items):
            raise ValueError(f"Batches of {batch_size} cannot be made of {len(items)} items. Choose 1 to {len(items)}.")
        self.items, self.batch_size, self.collate, self.seed = items, batch_size, collate, seed
        self.batches_an_epoch = len(items) // batch_size
        self._epoch, self._order = None, []

    @property
    def fingerprint(self) -> dict:
        """What decides the order; a checkpoint of another order does not fit."""
        return {"items": len(self.items), "batch_size": self.batch_size, "seed": self.seed}

    def __call__(self, index: int) -> Any:
        epoch, place = divmod(index, self.batches_an_epoch)
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(1_000_003 * self.seed + epoch)
            self._epoch, self._order = epoch, torch.randperm(len(self.items), generator=generator).tolist()
        return self.collate([self.items[i] for i in self._order[place * self.batch_size :][: self.batch_size]])


def rate_factor(step: int, settings: Settings) -> float:
    """The share of the learning rate at a step, 0 to steps - 1: a line up, then half a cosine down to `final_rate`."""
    if step < settings.warmup:
        return (step + 1) / settings.warmup
    done = (step - settings.warmup) / max(1, settings.steps - 1 - settings.warmup)
    return settings.final_rate + (1 - settings.final_rate) * (1 + math.cos(math.pi * done)) / 2


def train(
    model: nn.Module,
    loss_of: Callable[[nn.Module, Any], Tensor],
    batches: Iterable | Callable[[int], Any],
    settings: Settings,
    evaluate: Callable[[nn.Module], float] | None = None,
    on_step: Callable[[int, float, nn.Module], None] | None = None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    optimizer: torch.optim.Optimizer | None = None,
    count_of: Callable[[Any], int] | None = None,
) -> History:
    """Trains the model in place, on the device that it is on; it is in evaluation mode afterwards.

    loss_of: model and batch -> the mean loss, a tensor without axes. batches: any iterable of them, begun again where it
    ends (a DataLoader, a list, a generator that never ends), or index -> batch, always the same for one index (a Shuffled,
    or a function that seeds its own generator with the index). Their tensors are moved to the device.
    evaluate: model -> a number; called without gradients, in evaluation mode, and without effect on the random numbers
    of the training. on_step: called after each step with the number of steps done, the loss and the model.
    checkpoint: a file, written every `save_every` steps and at the end. resume: go on from it, if it is there.
    optimizer: None for AdamW; the rates of its groups are scaled by `rate_factor`.
    count_of: batch -> how many rows or tokens its mean loss is the mean of; so much it weighs among the batches that one
    step accumulates. None: its rows, the length of its first tensor. Where the loss is a mean over tokens, say so, as in
    lambda batch: (batch["labels"] != -100).sum().item().

    Raises ValueError for resume with batches that have no index: what was read of them cannot be told again.
    Raises TrainingError where batches run out, where the loss or the gradient is no finite number (weights and checkpoint are
    those of the last good step), or where a checkpoint is damaged or belongs to another training.
    """
    if resume and not (callable(batches) or isinstance(batches, Sequence)):
        raise ValueError(
            f"A {type(batches).__name__} cannot be read from the middle on, so a training with it cannot be resumed exactly. "
            "Pass a Shuffled or a list of batches, or leave resume out."
        )
    batch_at = _by_index(batches)
    device = next(model.parameters()).device
    optimizer = default_optimizer(model, settings) if optimizer is None else optimizer
    for group in optimizer.param_groups:
        group.setdefault("initial_lr", group["lr"])
    dtype = settings.dtype or detect_dtype(device.type)
    scaler = torch.amp.GradScaler(device.type, enabled=dtype == torch.float16)
    identity = {
        "settings": {name: str(value) for name, value in dataclasses.asdict(settings).items()},
        "data": getattr(batches, "fingerprint", None),
    }
    history, best, first = History(), None, 0
    if resume and checkpoint is not None and Path(checkpoint).exists():
        state = load_checkpoint(checkpoint)
        _restore(checkpoint, state, identity, model, optimizer, scaler)
        history, best, first = History(**state["history"]), state["best"], state["step"]

    def save(step: int) -> None:
        save_checkpoint(
            checkpoint,
            {
                "identity": identity,
                "step": step,
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "scaler": scaler.state_dict(),
                "best": best,
                "history": dataclasses.asdict(history),
                "random": random_states(),
            },
        )

    model.train()
    quiet = is_headless()
    with tqdm(initial=first, total=settings.steps, desc="training", leave=False, disable=quiet) as bar:
        for done in range(first + 1, settings.steps + 1):
            if history.stopped_early:
                break
            given = [batch_at(index) for index in range((done - 1) * settings.accumulate, done * settings.accumulate)]
            weights = [(count_of or _rows)(batch) for batch in given]
            loss = _step(done - 1, model, loss_of, given, weights, settings, optimizer, scaler, history, checkpoint)
            last = done == settings.steps
            if evaluate is not None and (last or done % settings.evaluate_every == 0):
                if _is_best(history, done, _evaluated(model, evaluate), settings) and settings.patience is not None:
                    best = copy.deepcopy(model.state_dict())
            if checkpoint is not None and (last or done % settings.save_every == 0 or history.stopped_early):
                save(done)
            bar.update(1)
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
            if on_step is not None:
                on_step(done, loss, model)
    if best is not None:
        model.load_state_dict(best)
    model.eval()
    return history


def _step(step, model, loss_of, batches, weights, settings, optimizer, scaler, history, checkpoint) -> float:
    """One update of the weights from these batches; gives the loss, and notes it in the history.

    The mean of several means is that of all rows only where each weighs as many rows as it has.
    """
    device = next(model.parameters()).device
    dtype = settings.dtype or detect_dtype(device.type)
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * rate_factor(step, settings)
    optimizer.zero_grad(set_to_none=True)
    if not sum(weights):
        raise TrainingError(f"The batches of step {step + 1} have nothing in them that counts. Look at them and at count_of.")
    total = 0.0
    for batch, weight in zip(batches, weights):
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            loss = loss_of(model, to_device(batch, device)) * (weight / sum(weights))
        total += loss.item()
        _check_finite("loss", total, step, checkpoint)
        scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    norm = nn.utils.clip_grad_norm_(model.parameters(), settings.clip or math.inf).item()
    if not scaler.is_enabled():  # with float16 an overflow is expected now and then: the scaler skips that step
        _check_finite("gradient", norm, step, checkpoint)
    scaler.step(optimizer)
    scaler.update()
    history.losses.append(total)
    history.rates.append(optimizer.param_groups[0]["lr"])
    history.gradient_norms.append(norm)
    return total


def _by_index(batches: Iterable | Callable[[int], Any]) -> Callable[[int], Any]:
    """Index -> batch. An iterable gives its next one, whatever the index: the loop asks for each once and in order."""
    if callable(batches):
        return batches
    if isinstance(batches, Sequence) and len(batches):
        return lambda index: batches[index % len(batches)]
    coming = _without_end(batches)
    return lambda index: next(coming)


def _without_end(batches: Iterable) -> Iterator:
    """The batches, again and again. Raises TrainingError where there are no more, as in a generator that has ended."""
    given = 0
    while True:
        before = given
        for batch in batches:
            given += 1
            yield batch
        if given == before:
            raise TrainingError(
                f"The batches ran out after {given}, and a {type(batches).__name__} that has ended cannot begin again. "
                "Train for fewer steps, or pass what can be gone through more than once: a list, a DataLoader, a Shuffled."
            )


def _rows(batch: Any) -> int:
    """The length of the first tensor in a batch; 1 where there is none."""
    if isinstance(batch, Tensor):
        return len(batch) if batch.dim() else 1
    parts = list(batch.values() if isinstance(batch, dict) else batch if isinstance(batch, (tuple, list)) else ())
    return _rows(parts[0]) if parts else 1


def default_optimizer(model: nn.Module, settings: Settings) -> torch.optim.AdamW:
    """AdamW with weight decay on matrices only: biases and the scales of norms are not pulled to zero."""
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in learned if p.dim() >= 2], "weight_decay": settings.weight_decay},
        {"params": [p for p in learned if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, 0.98))


def to_device(batch: Any, device: torch.device) -> Any:
    """The batch with all its tensors on the device; tuples, lists and dictionaries are gone through."""
    if isinstance(batch, Tensor):
        return batch.to(device)
    if isinstance(batch, dict):
        return {name: to_device(value, device) for name, value in batch.items()}
    if isinstance(batch, (tuple, list)):
        parts = [to_device(value, device) for value in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)  # a named tuple takes them one by one
    return batch


def random_states() -> dict:
    """The states of all global random numbers: Python's, NumPy's, PyTorch's on the CPU and on each GPU."""
    name, keys, *rest = numpy.random.get_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    mps = torch.mps.get_rng_state() if torch.backends.mps.is_available() else None
    numbers = {"python": random.getstate(), "numpy": (name, keys.tolist(), *rest), "torch": torch.get_rng_state()}
    return numbers | {"cuda": cuda, "mps": mps}


def set_random_states(states: dict) -> None:
    """Takes back what `random_states` gave; the states of a device that is not here are left out."""
    random.setstate(states["python"])
    numpy.random.set_state(states["numpy"])
    torch.set_rng_state(states["torch"])
    if torch.cuda.device_count() == len(states["cuda"]):
        torch.cuda.set_rng_state_all(states["cuda"])
    if states["mps"] is not None and torch.backends.mps.is_available():
        torch.mps.set_rng_state(states["mps"])


def save_checkpoint(path: str | Path, state: dict) -> None:
    """Writes a file beside the checkpoint, then puts it in its place at once: a kill leaves the old one or the new one."""
    with whole_file(Path(path)) as unfinished, unfinished.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())


def load_checkpoint(path: str | Path) -> dict:
    """Reads a checkpoint after a look at its check sums. Raises TrainingError where it is damaged or none of ours."""
    try:
        with zipfile.ZipFile(path) as archive:  # torch.save writes a zip file, with a check sum for each part
            if (part := archive.testzip()) is not None:
                raise zipfile.BadZipFile(f"the check sum of {part} is wrong")
        state = torch.load(path, map_location="cpu", weights_only=True)
        state["identity"], state["step"]  # noqa: B018
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        pickle.UnpicklingError,
        EOFError,
        RuntimeError,
        KeyError,
        TypeError,
    ) as error:
        raise TrainingError(
            f"The checkpoint {path} cannot be read ({' '.join(str(error).split())[:120]}): it is damaged or no checkpoint "
            "of this loop. Delete it to train from the beginning, or put a copy in its place."
        ) from error
    return state


def _restore(path, state: dict, identity: dict, model: nn.Module, optimizer: torch.optim.Optimizer, scaler) -> None:
    """Takes everything back from a checkpoint, if it is one of this very training."""
    if state["identity"] != identity:
        saved, wanted = state["identity"]["settings"], identity["settings"]
        changed = [name for name in wanted if saved.get(name) != wanted[name]] or ["the data"]
        raise TrainingError(
            f"The checkpoint {path} is of another training: {', '.join(changed)} changed. Resumed, it would be neither the "
            "one nor the other. Use the old settings, or pass resume=False to begin anew."
        )
    try:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        scaler.load_state_dict(state["scaler"])
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise TrainingError(
            f"The checkpoint {path} is of another model or optimizer: {reason} Give it another name."
        ) from error
    set_random_states(state["random"])


def _check_finite(what: str, value: float, step: int, checkpoint) -> None:
    if math.isfinite(value):
        return
    kept = f" The last checkpoint is untouched: {checkpoint}." if checkpoint is not None and Path(checkpoint).exists() else ""
    raise TrainingError(
        f"The {what} of step {step + 1} is {value}, so the weights were not changed by it.{kept} Look at that step's batch; "
        "lower the learning rate or warm up longer; look for a logarithm or a root of 0 and for rows that are all masked."
    )


def _evaluated(model: nn.Module, evaluate: Callable[[nn.Module], float]) -> float:
    """evaluate(model), leaving mode and random numbers as they were: how often one looks changes nothing."""
    states = random_states()
    model.eval()
    with torch.no_grad():
        value = float(evaluate(model))
    model.train()
    set_random_states(states)
    return value


def _is_best(history: History, step: int, value: float, settings: Settings) -> bool:
    """Notes an evaluation; is it the best so far? Sets `stopped_early` where patience has run out."""
    sign = 1 if settings.higher_is_better else -1
    better = not math.isnan(value) and not any(sign * earlier >= sign * value for _, earlier in history.evaluations)
    history.evaluations.append((step, value))
    if better:
        history.best_step = step
    waited = sum(at > (history.best_step or 0) for at, _ in history.evaluations)
    history.stopped_early = settings.patience is not None and waited >= settings.patience
    return better
