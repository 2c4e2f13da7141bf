"""`python -m utils pretrain`: trains a GPT from nothing, on one device or on several, of one machine or of several.

What is trained (data, size, steps, rows) stands in the folder's run.json. Devices, nodes and strategy do not: a training that
was stopped on one may go on on others.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import shutil
from pathlib import Path

from utils.io import ROOT, CommandError, say, shown, write_json

DATA = ("stories", "python-docs", "tinystories")
PRECISIONS = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}
RENDEZVOUS = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK")  # how several machines find each other


@dataclasses.dataclass(frozen=True)
class Size:
    """A model, and how it is trained if nothing else is said. rate: AdamW's; matrix_rate: Muon's."""

    width: int
    heads: int
    layers: int
    window: int
    rows: int
    steps: int
    rate: float
    matrix_rate: float
    tokenizer: str = "gpt-mini"


SIZES = {
    "tiny": Size(width=32, heads=2, layers=2, window=64, rows=8, steps=60, rate=4e-3, matrix_rate=1.5e-2),
    "mini": Size(width=128, heads=4, layers=3, window=192, rows=8, steps=800, rate=4e-3, matrix_rate=1.5e-2),
    "gpt2": Size(768, 12, 12, window=1024, rows=480, steps=5000, rate=6e-4, matrix_rate=6e-4, tokenizer="gpt2"),
}


def run(options: argparse.Namespace) -> None:
    """The command. Raises CommandError where what is asked for cannot be done here."""
    from utils.device import detect_device, detect_dtype, set_threads
    from utils.training import TrainingError

    size, device = SIZES[options.size], detect_device()
    own = {"float32": "32", "bfloat16": "bf16", "float16": "16"}[str(detect_dtype(device)).removeprefix("torch.")]
    plan = {"data": options.data, "size": options.size, "steps": options.steps or size.steps}
    plan |= {"rows": options.rows or size.rows, "accumulate": options.accumulate, "precision": options.precision or own}
    check(options, plan, device)
    if options.devices == 1:
        set_threads()
    folder = (options.out or ROOT / "my_course" / "pretrained" / f"{options.data}-{options.size}").resolve()
    with contextlib.ExitStack() as stack:
        if is_first():
            begin(folder, plan, options.fresh)
        else:  # one of several speaks
            stack.enter_context(contextlib.redirect_stdout(stack.enter_context(open(os.devnull, "w", encoding="utf-8"))))
        try:
            train(options, plan, folder, device)
        except TrainingError as error:
            raise CommandError(str(error)) from None


def check(options: argparse.Namespace, plan: dict, device: str) -> None:
    """Refuses what this machine cannot do, before anything is loaded or written."""
    import torch

    from utils.data import catalog

    parts = options.devices * options.num_nodes * options.accumulate
    if plan["rows"] % parts:
        raise CommandError(
            f"{plan['rows']} rows a batch cannot be shared evenly by {options.devices} devices on {options.num_nodes} nodes, "
            f"in {options.accumulate} parts each. Give --rows a multiple of {parts}."
        )
    if options.strategy == "fsdp" and device != "cuda":
        raise CommandError("--strategy fsdp shards a model among CUDA GPUs, and there is none here. On a CPU: --strategy ddp.")
    if device == "cuda" and options.devices > torch.cuda.device_count():
        raise CommandError(f"--devices {options.devices}: this machine has {torch.cuda.device_count()} GPUs. Ask for fewer.")
    if device == "mps" and options.devices > 1:
        raise CommandError("a Mac has one GPU. For several processes on its CPU set COURSE_DEVICE=cpu.")
    if plan["precision"] == "16" and device != "cuda":
        raise CommandError("--precision 16 needs a CUDA GPU. Give 32 or bf16.")
    if options.num_nodes > 1 and (missing := [name for name in RENDEZVOUS if name not in os.environ]):
        raise CommandError(
            f"--num-nodes {options.num_nodes}: machines find each other by environment variables, and {', '.join(missing)} "
            "are not set. Set them on each (NODE_RANK counts from 0), or start with torchrun or Slurm, which do."
        )
    for name in {options.data, SIZES[options.size].tokenizer}:
        if not catalog.available(name, tokenizer_only=True):
            raise CommandError(f"{name} comes from the Hugging Face Hub, which cannot be reached or is switched off here.")


def is_first() -> bool:
    """Is this the first of all processes? Lightning starts the others with the same command and a rank."""
    return os.environ.get("LOCAL_RANK", "0") == "0" and os.environ.get("NODE_RANK", "0") == "0"


def begin(folder: Path, plan: dict, fresh: bool) -> None:
    """Makes the folder, or looks whether the training in it is this one."""
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
    file = folder / "run.json"
    if file.exists():
        try:
            known = json.loads(file.read_text(encoding="utf-8"))
        except ValueError:
            known = {}
        if changed := [f"{name} {known.get(name)}" for name in plan if known.get(name) != plan[name]]:
            raise CommandError(
                f"{shown(folder)} holds another training ({', '.join(changed)}). Give the same to go on with it, --fresh to "
                "throw it away, or another --out."
            )
        return
    write_json(file, plan)


def train(options: argparse.Namespace, plan: dict, folder: Path, device: str) -> None:
    import torch

    from utils import pretraining, training
    from utils.data import catalog, packed
    from utils.models.gpt import GPT, GPT2

    size, steps, devices = SIZES[plan["size"]], plan["steps"], options.devices * options.num_nodes
    tokenizer = catalog.load_tokenizer(size.tokenizer)
    files = {split: folder / f"{split}.tokens" for split in ("train", "validation")}

    def encode(text: str) -> list[int]:
        return tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids

    def write() -> None:
        if not all(file.exists() for file in files.values()):
            texts = catalog.load(plan["data"], large=True)
            for split, file in files.items():
                about = {"data": plan["data"], "split": split}
                packed.write(file, texts[split]["text"], encode, tokenizer.eos_token_id, len(tokenizer), about)

    torch.manual_seed(0)
    config = dataclasses.replace(
        GPT2, width=size.width, heads=size.heads, hidden=4 * size.width, layers=size.layers, dropout=0.0
    )
    model = GPT(len(tokenizer), config, size.window)
    if options.compile:
        for block in model.decoder.blocks:
            block.compile()
    settings = training.Settings(
        steps,
        learning_rate=size.rate,
        warmup=steps // 20,
        final_rate=0.05,
        weight_decay=0.05,
        accumulate=plan["accumulate"],
        evaluate_every=max(1, steps // 8),
    )
    every, sharded = max(1, steps // 40), options.strategy == "fsdp"
    flops = pretraining.flops_a_token(len(tokenizer), size.width, size.layers, size.window)
    sample = None if sharded else pretraining.writer(tokenizer, size.window)  # one process alone has no whole model then
    callbacks = [
        pretraining.Throughput(every, flops, devices * pretraining.peak_flops(device)),
        pretraining.Lines(every, steps, sample),
    ]
    weights = sum(parameter.numel() for parameter in model.parameters())
    say(
        f"A GPT of {weights / 1e6:.1f} million weights, {steps:,} steps of {plan['rows'] * size.window:,} tokens, on "
        f"{devices} x {device}, in {shown(folder)}."
    )
    trainer = pretraining.fit(
        pretraining.LanguageModel(model, settings, model.decoder.blocks, size.matrix_rate),
        pretraining.PackedText(files, size.window, plan["rows"], steps, plan["accumulate"], write=write),
        folder,
        callbacks,
        save_every=every,
        log_every=1,
        accelerator={"cuda": "gpu"}.get(device, device),
        devices=options.devices,
        num_nodes=options.num_nodes,
        strategy=pretraining.fsdp_strategy(devices) if sharded else "auto" if devices == 1 else "ddp",
        precision=PRECISIONS[plan["precision"]],
    )
    if trainer.is_global_zero:
        say(f"Done. The weights are in {shown(pretraining.save(folder))}.")
