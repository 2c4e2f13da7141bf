"""`python -m utils train NAME`: makes a small model of `data/models` from its recipe.

    train          the command: from the recipe to a folder with the model, killed and continued at will
    tokenizer_for, model_for, batches_for, Loss          what the recipe's words mean
    save           a folder in Transformers' own format, in 16 bit

The folder of a training holds run.json (what is being trained, and how), log.jsonl (a line every hundred steps) and
checkpoint.pt; the last goes when the model is complete.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import platform
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from utils import training
from utils.device import detect_device, detect_dtype, set_seed, set_threads
from utils.io import ROOT, CommandError, installed_version, say, write_atomically, write_json
from utils.small_models import cards, initial_values, recipes, sequence_pairs, texts, vocabulary
from utils.small_models.optimizer import MuonAndAdamW
from utils.small_models.recipes import Recipe

OUT = ROOT / "my_course" / "models"
LOG_EVERY = 100  # steps, between two lines of the log and two checkpoints; in a short training a tenth of it
EVALUATE_EVERY = 500
VALIDATION_BATCHES = 8
SAMPLES = 8  # shown in a training
TIMED_STEPS = 4
WEIGHT_DECAY = 0.05
WORTH_COMPILING = 300  # steps; below that the compiler takes longer than it saves


# ----------------------------------------------------------------------------------------------------------------------
# What the recipe's words mean
# ----------------------------------------------------------------------------------------------------------------------


def tokenizer_for(recipe: Recipe):
    """The tokenizer, trained as the recipe says, or another model's."""
    from transformers import AutoTokenizer

    settings = recipe.tokenizer
    if "from" in settings:
        return AutoTokenizer.from_pretrained(str(recipes.FOLDER / settings["from"]))
    if recipe.kind == "masked":
        return vocabulary.word_pieces(settings["characters"], settings["vocabulary"])
    tokenizer = vocabulary.byte_pairs(settings["characters"], settings["vocabulary"])
    return vocabulary.with_end(tokenizer) if recipe.kind == "text-to-text" else tokenizer


def model_for(recipe: Recipe, tokenizer) -> nn.Module:
    """The model with random weights, drawn with the recipe's seed, or another model to go on from."""
    import transformers

    settings = dict(recipe.model)
    model_class = getattr(transformers, settings.pop("class"))
    if "from" in settings:
        model = model_class.from_pretrained(str(recipes.FOLDER / settings["from"]), dtype=torch.float32)
        if len(tokenizer) > model.config.vocab_size:
            raise CommandError(
                f"the tokenizer of {recipe.name} has {len(tokenizer)} tokens and the model knows "
                f"{model.config.vocab_size}: they do not belong together. Take both from one folder."
            )
        return model
    ids = {"pad_token_id": tokenizer.pad_token_id}
    if recipe.kind != "masked":
        ids |= {"bos_token_id": tokenizer.eos_token_id, "eos_token_id": tokenizer.eos_token_id}
    if recipe.kind == "text-to-text":
        ids["decoder_start_token_id"] = tokenizer.pad_token_id  # as in T5
    config = getattr(transformers, settings.pop("config"))(vocab_size=len(tokenizer), **ids, **settings)
    set_seed(recipe.training["seed"])
    model = model_class(config)
    initial_values.begin(model)
    return model


def batches_for(recipe: Recipe, tokenizer, model: nn.Module, split: str = "train") -> Callable[[int], dict]:
    """Batch index -> batch, of a split; the validation batches are drawn from other seeds and held-out rows."""
    settings = recipe.training
    if recipe.kind == "text-to-text":
        return sequence_pairs.Pairs(
            tokenizer, recipe.shapes, recipe.written, model.config.decoder_start_token_id, seed=settings["seed"], split=split
        )
    common = {"batch_size": settings["batch_size"], "seed": settings["seed"], "split": split}
    encode = vocabulary.encoder_of(tokenizer)
    if recipe.kind == "chat":
        return sequence_pairs.Conversations(encode, tokenizer.eos_token_id, recipe.mixture, window=settings["window"], **common)
    if recipe.kind == "masked":
        return texts.MaskedWindows(
            encode, tokenizer, recipe.mixture, window=settings["window"], mask_share=settings["mask_share"], **common
        )
    positions = getattr(model.config, "max_position_embeddings", settings["window"])
    return texts.Windows(
        encode, tokenizer.eos_token_id, recipe.mixture, window=settings["window"], positions=positions, **common
    )


class Loss(nn.Module):
    """The mean cross-entropy of a batch's labels, in nats a token.

    Where few places have labels, as in masked and chat models, the head reads only those: with a vocabulary of 3,000 the
    head costs as much as a layer or two.
    """

    def __init__(self, model: nn.Module, kind: str):
        super().__init__()
        self.model, self.few_labels = model, kind in ("masked", "chat")
        self.options = {} if kind == "masked" else {"use_cache": False}

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        inputs = {name: value for name, value in batch.items() if name != "labels"} | self.options
        labels = batch["labels"].flatten()  # (B, T) -> (B T)
        if self.few_labels:
            return self._at_labels(self.model.base_model(**inputs).last_hidden_state.flatten(0, 1), labels)
        return _cross_entropy(self.model(**inputs).logits.flatten(0, 1), labels)  # (B, T, V) -> (B T, V)

    @torch.compiler.disable  # it would compile anew for each number of labels
    def _at_labels(self, hidden: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        head = self.model.cls if hasattr(self.model, "cls") else self.model.get_output_embeddings()
        known = labels != texts.IGNORED
        return _cross_entropy(head(hidden[known]), labels[known])  # (B T, C) -> (L, C) -> (L, V)


def _cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return nn.functional.cross_entropy(logits.float(), labels, ignore_index=texts.IGNORED)


# ----------------------------------------------------------------------------------------------------------------------
# The command
# ----------------------------------------------------------------------------------------------------------------------


def train(name: str, minutes: float | None = None, out: Path | None = None, fresh: bool = False) -> Path:
    """Trains a model, or goes on with a training that was interrupted. Gives the folder of the model.

    minutes: shorten the training so that it takes about so long. out: the folder, None for my_course/models/NAME.
    fresh: throw away what is there and begin anew. The device is the best one here, or that of COURSE_DEVICE.

    Raises CommandError where the recipe, the folder or the training is no good.
    """
    recipe = recipes.read(name)
    folder = Path(out) if out is not None else OUT / name
    if recipe.kind in ("heads", "adapter"):
        from utils.small_models import heads, rated

        if minutes is not None:
            raise CommandError(f"{name} takes a few minutes and is trained whole. Leave --minutes out.")
        return (heads if recipe.kind == "heads" else rated).train(recipe, folder)
    if recipe.kind == "rewarded" and minutes is not None:
        raise CommandError(f"{name} takes a few minutes and is trained whole. Leave --minutes out.")
    try:
        device = detect_device()
        set_threads()
    except (ValueError, RuntimeError) as error:
        raise CommandError(str(error)) from None
    if fresh:
        _clear(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer, run = _begin(recipe, folder, minutes, device)
    if run.get("complete"):
        say(f"{recipes.shown(folder)} holds a complete {name}. To train it anew: python -m utils train {name} --fresh")
        return folder
    model = model_for(recipe, tokenizer).to(device)
    if recipe.kind == "rewarded":
        _reward(recipe, run, model, tokenizer, folder)
        return folder
    if device == "cpu":
        model.set_attn_implementation("eager")  # compiled, faster there than the fused attention
    if run["steps"] is None:
        run["steps"] = _steps_for(minutes, model, batches_for(recipe, tokenizer, model), recipe, device)
    write_json(folder / "run.json", run)
    _announce(recipe, run, model, device)
    _train(recipe, run, model, tokenizer, folder, device)
    _finish(recipe, run, model, tokenizer, folder)
    return folder


def _reward(recipe: Recipe, run: dict, model: nn.Module, tokenizer, folder: Path) -> None:
    """GRPO, whole and at once: on the CPU, so that it comes out the same."""
    from utils.small_models import rewarded

    trained, rows = rewarded.train(recipe.training, model.cpu(), tokenizer)
    write_atomically(folder / "log.jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode())
    _finish(recipe, run, trained, tokenizer, folder)


def _announce(recipe: Recipe, run: dict, model: nn.Module, device: str) -> None:
    tokens = recipe.training.get("batch_size", 0) * recipe.training.get("window", 0)
    say(
        f"{recipe.name}: {sum(p.numel() for p in model.parameters()) / 1e6:.1f} M parameters, {run['steps']:,} steps"
        + (f" of {tokens:,} tokens" if tokens else "")
        + f", on {device} in {str(_dtype(device)).removeprefix('torch.')}"
    )


def _finish(recipe: Recipe, run: dict, model, tokenizer, folder: Path) -> None:
    """Saves the model, measures it where it had its whole training, and then takes the checkpoints away."""
    save(model, tokenizer, folder)
    if run["minutes"] is None:
        say("Measuring what it can do, for its card ...")
        cards.write(recipe.name, folder)
    write_json(folder / "run.json", run | {"complete": True})
    (folder / "checkpoint.pt").unlink(missing_ok=True)
    say(f"Saved in {recipes.shown(folder)}.")


def _begin(recipe: Recipe, folder: Path, minutes: float | None, device: str):
    """The tokenizer and the description of the training: those in the folder, or new ones."""
    from transformers import AutoTokenizer

    file = folder / "run.json"
    if file.exists():
        try:
            run = json.loads(file.read_text(encoding="utf-8"))
            known, digest = run["recipe"], run["tokenizer"]
        except (json.JSONDecodeError, KeyError, TypeError):
            raise CommandError(
                f"{recipes.shown(file)} cannot be read. To begin anew: python -m utils train {recipe.name} --fresh"
            ) from None
        if known != recipe.digest or run["minutes"] != minutes:
            raise CommandError(
                f"{recipes.shown(folder)} holds a training with another recipe or another --minutes "
                f"({run['minutes'] or 'none'}). Give the same to go on, or --fresh to begin anew."
            )
        tokenizer = AutoTokenizer.from_pretrained(str(folder))
        if _digest(tokenizer.backend_tokenizer.to_str()) != digest:
            raise CommandError(
                f"the tokenizer in {recipes.shown(folder)} is not the one that this training began with. "
                f"Put it back, or begin anew with --fresh."
            )
        if not run.get("complete"):
            say(f"Going on with the training in {recipes.shown(folder)}.")
        return tokenizer, run
    tokenizer = tokenizer_for(recipe)
    tokenizer.save_pretrained(str(folder))
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    run = {
        "model": recipe.name,
        "recipe": recipe.digest,
        "tokenizer": _digest(tokenizer.backend_tokenizer.to_str()),
        "minutes": minutes,
        "steps": recipe.training["steps"] if minutes is None else None,
        "device": device,
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "versions": {package: installed_version(package) for package in ("torch", "transformers")},
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d"),
    }
    write_json(file, run)
    return tokenizer, run


def _train(recipe: Recipe, run: dict, model, tokenizer, folder: Path, device: str) -> None:
    settings = _settings(recipe, run["steps"], device)
    checkpoint = folder / "checkpoint.pt"
    batches = batches_for(recipe, tokenizer, model)
    held_out = batches_for(recipe, tokenizer, model, "validation")
    log = Log(folder / "log.jsonl", run["steps"], _steps_done(checkpoint))
    loss = _compiled(Loss(model, recipe.kind), run["steps"])

    def evaluate(model) -> float:
        with torch.autocast(device, settings.dtype, enabled=settings.dtype != torch.float32):
            values = [
                Loss(model, recipe.kind)(training.to_device(held_out(i), model.device)).item()
                for i in range(VALIDATION_BATCHES)
            ]
        log.validation = sum(values) / len(values)
        return log.validation

    def on_step(done: int, loss: float, model) -> None:
        log.note(done, loss)
        if done == run["steps"] or done % max(1, run["steps"] // SAMPLES) == 0:
            _show_sample(recipe, model, tokenizer, done)

    try:
        training.train(
            model,
            lambda _, batch: loss(batch),
            batches,
            settings,
            evaluate,
            on_step,
            checkpoint=checkpoint,
            resume=True,
            optimizer=_optimizer(recipe, model, settings),
        )
    except training.TrainingError as error:
        raise CommandError(str(error)) from None


def _settings(recipe: Recipe, steps: int, device: str) -> training.Settings:
    wanted = recipe.training
    return training.Settings(
        steps=steps,
        learning_rate=wanted["learning_rate"],
        warmup=min(wanted["warmup"], steps // 5),
        final_rate=0.02,
        weight_decay=WEIGHT_DECAY,
        evaluate_every=EVALUATE_EVERY,
        higher_is_better=False,
        save_every=_log_every(steps),
        dtype=_dtype(device),
    )


def _log_every(steps: int) -> int:
    return max(1, min(LOG_EVERY, steps // 10))


def _optimizer(recipe: Recipe, model: nn.Module, settings: training.Settings) -> MuonAndAdamW:
    """T5 has no 1/sqrt(d) in its attention: that factor is in its query matrices, which begin smaller by it, so their
    steps are smaller too."""
    slower = {"slower": ("Attention.q.weight",), "factor": model.config.d_kv**-0.5} if recipe.kind == "text-to-text" else {}
    return MuonAndAdamW(model, settings.learning_rate, recipe.training["matrix_rate"], settings.weight_decay, **slower)


def _dtype(device: str) -> torch.dtype:
    """bfloat16 also on a CPU that multiplies it in hardware: twice as fast there, and slower on any other."""
    if device == "cpu":
        able = torch.cpu.get_capabilities()
        return torch.bfloat16 if able.get("avx512_bf16") or able.get("amx_bf16") else torch.float32
    return detect_dtype(device)


def _compiled(loss: nn.Module, steps: int) -> nn.Module:
    """Model and loss through PyTorch's compiler where there is one for C++ and the training is long: twice as fast."""
    if steps < WORTH_COMPILING or shutil.which(os.environ.get("CXX", "g++")) is None:
        return loss
    return torch.compile(loss, dynamic=False)


def _steps_for(minutes: float, model, batches, recipe: Recipe, device: str) -> int:
    """How many steps fit into the minutes: a few are tried on a copy of the model."""
    trial = copy.deepcopy(model).train()
    settings = _settings(recipe, TIMED_STEPS + 1, device)
    times: list[float] = []
    loss = Loss(trial, recipe.kind)
    training.train(trial, lambda _, batch: loss(batch), batches, settings, on_step=lambda *_: times.append(time.perf_counter()))
    a_step = (times[-1] - times[0]) / TIMED_STEPS
    steps = max(10, min(recipe.training["steps"], int(0.9 * 60 * minutes / a_step)))
    say(
        f"A step takes {a_step:.2f} s here: {steps:,} steps fit into {minutes:g} minutes "
        f"(the whole recipe has {recipe.training['steps']:,})."
    )
    return steps


def _steps_done(checkpoint: Path) -> int:
    try:
        return training.load_checkpoint(checkpoint)["step"] if checkpoint.exists() else 0
    except training.TrainingError as error:
        raise CommandError(str(error)) from None


class Log:
    """A line every hundred steps, on the screen and in log.jsonl; after an interruption it goes on where the checkpoint is."""

    def __init__(self, file: Path, steps: int, first: int):
        self.file, self.steps, self.validation = file, steps, None
        try:
            rows = (
                [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() and first else []
            )
            self.rows = [row for row in rows if row["step"] <= first]
            self.before = self.rows[-1]["seconds"] if self.rows else 0.0
        except (ValueError, KeyError, TypeError):
            raise CommandError(
                f"{recipes.shown(file)} cannot be read. Delete it to go on without what it held: the model "
                "does not depend on it."
            ) from None
        self.first, self.start, self.losses = first, time.perf_counter(), []

    def note(self, done: int, loss: float) -> None:
        self.losses.append(loss)
        if done % _log_every(self.steps) and done != self.steps:
            return
        seconds = self.before + time.perf_counter() - self.start
        row = {"step": done, "loss": round(sum(self.losses) / len(self.losses), 4), "seconds": round(seconds, 1)}
        if self.validation is not None:
            row["validation_loss"] = round(self.validation, 4)
        self.rows.append(row)
        self.losses, self.validation = [], None
        write_atomically(self.file, "".join(json.dumps(row) + "\n" for row in self.rows).encode())
        left = (time.perf_counter() - self.start) / (done - self.first) * (self.steps - done) / 60
        held_out = f", held out {row['validation_loss']:.3f}" if "validation_loss" in row else ""
        say(f"step {done:,} of {self.steps:,}: loss {row['loss']:.3f}{held_out}; {left:.0f} minutes left")


def _show_sample(recipe: Recipe, model, tokenizer, done: int) -> None:
    from utils.small_models import samples

    random = training.random_states()  # looking at samples changes nothing in the training
    model.eval()
    with torch.no_grad():
        say(samples.shown(recipe.name, model, tokenizer, seed=done))
    model.train()
    training.set_random_states(random)


# ----------------------------------------------------------------------------------------------------------------------
# Files
# ----------------------------------------------------------------------------------------------------------------------


def save(model: nn.Module, tokenizer, folder: Path) -> None:
    """Writes the model in float16 in Transformers' format. Its configuration says float32, which is what it is loaded as."""
    unfinished = folder / ".unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    small = copy.deepcopy(model).cpu().to(torch.float16)
    small.save_pretrained(str(unfinished))
    tokenizer.save_pretrained(str(unfinished))
    config = json.loads((unfinished / "config.json").read_text(encoding="utf-8"))
    write_json(unfinished / "config.json", config | {"dtype": "float32"})
    for file in unfinished.iterdir():
        os.replace(file, folder / file.name)
    unfinished.rmdir()


def _clear(folder: Path) -> None:
    """Removes what a training leaves; the recipe, the card and anything else stays."""
    for file in (folder / "run.json", folder / "log.jsonl", folder / "checkpoint.pt"):
        file.unlink(missing_ok=True)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
