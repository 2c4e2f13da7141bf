"""Pretraining with Lightning: the same training in one process, in several, and on several machines.

    LanguageModel          any model from ids to logits as a LightningModule: loss, optimizer, schedule
    PackedText, Numbered   packed files, and their batches by number: a loader whose place a checkpoint holds
    RandomStates, FiniteGradients, Throughput, Lines      callbacks: what Lightning leaves to you
    fit, logged            the Trainer with all of them; killed and called again, it goes on. What it logged
    flops_a_token, peak_flops                             what a token costs, and what the machine can do

The batch with a number is the same however many processes share it: each takes its rows, and the mean of their gradients is
that of the whole batch. So devices and nodes may change in the middle of a training.
"""

import csv
import logging
import math
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import lightning
import safetensors.torch
import torch
import torch.nn.functional as F
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.strategies import ModelParallelStrategy
from torch import Tensor, nn
from torch.utils.data import DataLoader

from utils import optimizers, training
from utils.data import packed
from utils.device import seconds
from utils.generation import Sampling, generate
from utils.io import say, write_atomically

CHECKPOINT = "last"
# What Lightning says of things that are meant so: a folder that holds the training to go on with, a loader without workers ...
MEANT = (
    ".*exists and is not empty",
    ".*does not have many workers",
    r".*isinstance\(treespec, LeafSpec\)",
    ".*smaller than the logging interval",
    ".*but have no `val_dataloader`",
    ".*across ranks is zero",
)


def quiet() -> None:
    """Keeps Lightning's tips, its list of devices and its warnings of what is meant so from a notebook's stderr."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in MEANT:
        warnings.filterwarnings("ignore", message=message)


# ----------------------------------------------------------------------------------------------------------------------
# Model
# ----------------------------------------------------------------------------------------------------------------------


class LanguageModel(lightning.LightningModule):
    """model: ids (B, T) -> logits (B, T, V). A batch is windows (B, T + 1): all but the last are read, all but the first told.

    blocks: the model's layers. FSDP shards each for itself, so that one at a time is whole on a device. With a matrix_rate
    Muon learns their matrices at that rate; without, all is learned by AdamW.
    """

    def __init__(
        self, model: nn.Module, settings: training.Settings, blocks: Iterable[nn.Module] = (), matrix_rate: float | None = None
    ):
        super().__init__()
        self.model, self.settings, self.matrix_rate = model, settings, matrix_rate
        self._blocks, self._losses = tuple(blocks), []

    def configure_model(self) -> None:
        """Shards the model where the strategy is FSDP (Zhao et al. 2023, arXiv 2304.11277; here its second version)."""
        if isinstance(self.trainer.strategy, ModelParallelStrategy):
            from torch.distributed.fsdp import fully_shard

            for module in (*self._blocks, self.model):
                fully_shard(module, mesh=self.device_mesh["data_parallel"])

    def loss(self, windows: Tensor) -> Tensor:
        """The mean of -log p over all tokens that are told, in nats."""
        logits = self.model(windows[:, :-1])
        return F.cross_entropy(logits.flatten(0, 1).float(), windows[:, 1:].flatten())

    def training_step(self, windows: Tensor, number: int) -> Tensor:
        loss = self.loss(windows)
        self._losses.append(loss.detach())
        if len(self._losses) == self.trainer.accumulate_grad_batches:  # the loss of a step, and not of its last part
            self.log("loss", torch.stack(self._losses).mean(), sync_dist=True)
            self._losses = []
        return loss

    def validation_step(self, windows: Tensor, number: int) -> None:
        self.log("held_out", self.loss(windows), sync_dist=True, batch_size=len(windows))

    def configure_optimizers(self) -> dict:
        optimizer = self._optimizer()
        factor = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: training.rate_factor(step, self.settings))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": factor, "interval": "step"}}

    def _optimizer(self) -> torch.optim.Optimizer:
        if self.matrix_rate is None:
            return training.default_optimizer(self.model, self.settings)
        matrices = [parameter for block in self._blocks for parameter in block.parameters() if parameter.dim() == 2]
        known = {id(parameter) for parameter in matrices}
        others = [parameter for parameter in self.model.parameters() if id(parameter) not in known]
        rate, decay = self.settings.learning_rate, self.settings.weight_decay
        return optimizers.MuonAndAdamW(matrices, others, self.matrix_rate, rate, decay)


# ----------------------------------------------------------------------------------------------------------------------
# Data
# ----------------------------------------------------------------------------------------------------------------------


class Numbered:
    """A loader of this process's rows of the batches 0 ... steps - 1, in order. It tells a checkpoint how many it has given.

    batch_at: number -> a batch, always the same, such as training.Shuffled. A batch's rows are split into `accumulate` parts,
    and each part among the `world` processes. Raises ValueError where they do not come out even.
    """

    def __init__(self, batch_at: Callable[[int], Tensor], steps: int, accumulate: int = 1, rank: int = 0, world: int = 1):
        self.batch_at, self.steps, self.accumulate, self.rank, self.world = batch_at, steps, accumulate, rank, world
        self.given = 0

    def __len__(self) -> int:
        return self.steps * self.accumulate

    def __iter__(self) -> Iterator[Tensor]:
        while self.given < len(self):
            step, part = divmod(self.given, self.accumulate)
            batch = self.batch_at(step)
            rows, rest = divmod(len(batch), self.accumulate * self.world)
            if rest:
                parts = f"{self.accumulate} parts for {self.world} processes"
                raise ValueError(f"{len(batch)} rows cannot be split evenly into {parts}. Choose a multiple.")
            self.given += 1
            yield batch[(part * self.world + self.rank) * rows :][:rows]

    def state_dict(self) -> dict:
        return {"given": self.given}

    def load_state_dict(self, state: dict) -> None:
        self.given = state["given"]


class PackedText(lightning.LightningDataModule):
    """Packed files as training batches and held-out windows.

    files: split -> packed file; "train", and "validation" where it is to be measured. rows: of a batch, in all processes
    together. write: makes the files where they are missing; called in one process of each machine.
    """

    def __init__(
        self,
        files: dict[str, Path],
        window: int,
        rows: int,
        steps: int,
        accumulate: int = 1,
        seed: int = 0,
        write: Callable[[], None] | None = None,
    ):
        super().__init__()
        self.files, self.window, self.rows, self.steps = files, window, rows, steps
        self.accumulate, self.seed, self.write = accumulate, seed, write

    def prepare_data(self) -> None:
        if self.write is not None:
            self.write()

    def train_dataloader(self) -> Numbered:
        items = packed.Packed(self.files["train"], self.window)
        batches = training.Shuffled(items, self.rows, torch.stack, self.seed)
        return Numbered(batches, self.steps, self.accumulate, self.trainer.global_rank, self.trainer.world_size)

    def val_dataloader(self) -> DataLoader | list:
        """Up to 256 windows, each process its own."""
        if "validation" not in self.files:
            return []
        items = packed.Packed(self.files["validation"], self.window)
        rank, world = self.trainer.global_rank, self.trainer.world_size
        rows = [items[number] for number in range(rank, min(len(items), 256) // world * world, world)]
        return DataLoader(
            rows, max(1, self.rows // world), generator=torch.Generator()
        )  # which leaves the global numbers alone


# ----------------------------------------------------------------------------------------------------------------------
# Callbacks
# ----------------------------------------------------------------------------------------------------------------------


class RandomStates(lightning.Callback):
    """Keeps the states of all random numbers in the checkpoint: Lightning's own lacks them, and dropout draws.

    A process beyond the first draws other numbers, which no checkpoint holds: it begins anew from its rank and the step.
    """

    def __init__(self):
        self.states = None

    def state_dict(self) -> dict:
        return training.random_states()

    def load_state_dict(self, state_dict: dict) -> None:
        self.states = state_dict

    def on_train_start(self, trainer, module) -> None:
        if self.states is not None and trainer.global_rank == 0:
            training.set_random_states(self.states)
        elif trainer.global_rank:
            torch.manual_seed(1_000_003 * trainer.global_rank + trainer.global_step)


class FiniteGradients(lightning.Callback):
    """Logs the gradient's norm, before clipping, and ends the training before a step that would put NaN into the weights.

    Raises training.TrainingError; the last checkpoint is from before. With float16 the scaler skips such steps itself.
    """

    def on_before_optimizer_step(self, trainer, module, optimizer) -> None:
        gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        norm = (norm.full_tensor() if hasattr(norm, "full_tensor") else norm).item()
        module.log("gradient_norm", norm)
        if not math.isfinite(norm) and trainer.scaler is None:
            raise training.TrainingError(
                f"The gradient of step {trainer.global_step + 1} is {norm}, so the weights were not changed by it. Look at "
                "that step's batch; lower the learning rate or warm up longer. The last checkpoint is from before."
            )


class Throughput(lightning.Callback):
    """Logs tokens a second since the last time, in all processes together, and the share of the machine's peak (MFU).

    flops: of a token, forward and backward. peak: of the machine, in floating-point operations a second, or None.
    Source of MFU: Chowdhery et al. 2022, arXiv 2204.02311, appendix B.
    """

    def __init__(self, every: int, flops: float, peak: float | None):
        self.every, self.flops, self.peak = every, flops, peak

    def on_train_start(self, trainer, module) -> None:
        self.start, self.tokens = time.perf_counter(), 0

    def on_validation_start(self, trainer, module) -> None:
        self.paused = time.perf_counter()

    def on_validation_end(self, trainer, module) -> None:
        self.start += time.perf_counter() - self.paused  # what is held out is not trained on

    def on_train_batch_end(self, trainer, module, outputs, batch, number) -> None:
        self.tokens += batch[:, 1:].numel() * trainer.world_size
        if (number + 1) % (self.every * trainer.accumulate_grad_batches) == 0:
            now = time.perf_counter()
            rate = self.tokens / (now - self.start)
            module.log("tokens_a_second", rate)
            if self.peak:
                module.log("mfu", rate * self.flops / self.peak)
            self.start, self.tokens = now, 0


class Lines(lightning.Callback):
    """Says a line every so many steps, and what the model writes, where `sample` (model -> text) is given: `samples` times."""

    def __init__(self, every: int, steps: int, sample: Callable[[nn.Module], str] | None = None, samples: int = 5):
        self.every, self.sample, self.sample_every = every, sample, max(1, steps // samples)
        self.done = 0

    def on_train_start(self, trainer, module) -> None:
        self.done = trainer.global_step

    def on_train_batch_end(self, trainer, module, outputs, batch, number) -> None:
        step = trainer.global_step
        if not trainer.is_global_zero or step == self.done:  # not at each part of an accumulated step
            return
        self.done = step
        if step % self.every == 0:
            said = {name: float(value) for name, value in trainer.callback_metrics.items()}
            shown = {"loss": "loss {:.3f}", "held_out": "held out {:.3f}", "tokens_a_second": "{:,.0f} tokens a second"}
            parts = [form.format(said[name]) for name, form in shown.items() if name in said]
            say(f"step {step:,} of {module.settings.steps:,}: {', '.join(parts)}")
        if self.sample is not None and step % self.sample_every == 0:
            states = training.random_states()  # looking changes nothing
            say(f"  | {self.sample(module.model)}")
            training.set_random_states(states)


# ----------------------------------------------------------------------------------------------------------------------
# Training
# ----------------------------------------------------------------------------------------------------------------------


def fit(
    module: LanguageModel,
    data: lightning.LightningDataModule,
    folder: str | Path,
    callbacks: tuple[lightning.Callback, ...] = (),
    save_every: int = 100,
    log_every: int = 10,
    **options,
) -> lightning.Trainer:
    """Trains to the end of `module.settings`; where the folder holds a checkpoint of it, goes on from there.

    The folder gets last.ckpt, written whole or not at all, metrics.csv in log/version_N (a new N each time), and the same for
    TensorBoard. callbacks: besides the random states, the gradient's check and the learning rate. options: of Lightning's
    Trainer, such as devices, num_nodes, strategy, precision, accelerator.

    Raises training.TrainingError where the gradient is no finite number, or the batches do not fit the settings.
    """
    quiet()
    folder, settings = Path(folder), module.settings
    checkpoint = ModelCheckpoint(
        folder, CHECKPOINT, every_n_train_steps=save_every, save_on_train_epoch_end=True, enable_version_counter=False
    )
    trainer = lightning.Trainer(
        max_epochs=1,  # the loader counts steps, and not epochs
        accumulate_grad_batches=settings.accumulate,
        gradient_clip_val=settings.clip,
        val_check_interval=min(settings.evaluate_every, settings.steps) * settings.accumulate,
        callbacks=[checkpoint, RandomStates(), FiniteGradients(), LearningRateMonitor("step"), *callbacks],
        logger=[CSVLogger(folder, "log"), TensorBoardLogger(folder, "tensorboard", "")],
        log_every_n_steps=log_every,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,  # Numbered has split the batches
        **options,
    )
    there = folder / f"{CHECKPOINT}.ckpt"
    try:
        trainer.fit(module, data, ckpt_path=str(there) if there.exists() else None, weights_only=False)
    except SystemExit:  # what Lightning makes of Ctrl-C
        raise KeyboardInterrupt from None
    return trainer


def logged(folder: str | Path) -> dict[str, dict[int, float]]:
    """name -> {step: value} of what `fit` logged. A resumed training has several CSV files; the later one counts."""
    found: dict[str, dict[int, float]] = {}
    for path in sorted(Path(folder).glob("log/version_*/metrics.csv"), key=lambda path: int(path.parent.name.split("_")[1])):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                for name, value in row.items():
                    if value and name not in ("step", "epoch"):
                        found.setdefault(name, {})[int(row["step"])] = float(value)
    return found


def fsdp_strategy(devices: int) -> ModelParallelStrategy:
    """Weights, gradients and optimizer states in shards, one on each device of all nodes; the checkpoint is one file."""
    return ModelParallelStrategy(devices, tensor_parallel_size=1, save_distributed_checkpoint=False)


def save(folder: Path) -> Path:
    """The weights of the folder's last checkpoint, of a GPT, as model.safetensors: a tied head is left out."""
    state = torch.load(folder / f"{CHECKPOINT}.ckpt", map_location="cpu", weights_only=False)["state_dict"]
    weights = {name.removeprefix("model."): tensor.contiguous() for name, tensor in state.items()}
    if torch.equal(weights["head.weight"], weights["embedding.weight"]):
        del weights["head.weight"]  # it is tied
    write_atomically(folder / "model.safetensors", safetensors.torch.save(weights))
    return folder / "model.safetensors"


def writer(tokenizer, window: int, temperature: float = 0.7) -> Callable[[nn.Module], str]:
    """What a model writes from nothing, always with the same random numbers, in as many tokens as it has places."""
    end = tokenizer.eos_token_id

    def write(model: nn.Module) -> str:
        start = torch.tensor([[end]], device=next(model.parameters()).device)
        generator = torch.Generator(start.device).manual_seed(0)
        ids = generate(model, start, window - 1, Sampling(temperature), generator=generator, end_id=end, pad_id=end)
        return tokenizer.decode(ids[0].tolist(), skip_special_tokens=True)

    return write


# ----------------------------------------------------------------------------------------------------------------------
# Speed
# ----------------------------------------------------------------------------------------------------------------------

# Dense multiplications in 16 bits, in FLOP a second, from NVIDIA's data sheets; the first name found in the device's counts.
PEAKS = {"H100": 989e12, "H200": 989e12, "A100": 312e12, "L4": 121e12, "A10G": 70e12, "T4": 65e12}


def flops_a_token(vocabulary: int, width: int, layers: int, window: int, hidden: int | None = None) -> int:
    """Floating-point operations of a GPT for one token, forward and backward: 6 N + 12 L T C.

    N counts what is multiplied: per layer 4 C^2 in attention and 2 C hidden in the feed-forward (None: 4 C), and the head. Each
    weight costs a multiplication and an addition forward, and twice that backward. The scores and the weighted sum cost
    2 T C each and layer forward, if no tile of the causal mask is left out.
    """
    weights = layers * (4 * width**2 + 2 * width * (hidden or 4 * width)) + vocabulary * width
    return 6 * weights + 12 * layers * window * width


def peak_flops(device: str) -> float:
    """What the machine can do: a GPU's data sheet, or, where that is not known, a product of two large matrices, timed."""
    if device == "cuda":
        name = torch.cuda.get_device_name()
        if known := [peak for part, peak in PEAKS.items() if part in name]:
            return known[0]
    matrix = torch.eye(1024, device=device)
    return 2 * 1024**3 / seconds(lambda: matrix @ matrix, repeats=5)
