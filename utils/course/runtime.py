"""The start of a lesson: device, number type, threads, seed, Hub; the run card; the gates of cells for a GPU or the Hub.

What is here and what is not is detected and never asked for. Three environment variables override it: COURSE_DEVICE and
COURSE_THREADS (utils.device), COURSE_HUB (utils.data.hub).
"""

from __future__ import annotations

import dataclasses
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from utils import lessons
from utils.data import catalog
from utils.data import hub as hugging_face
from utils.device import detect_device, detect_dtype, set_seed, set_threads
from utils.io import ROOT, CommandError, installed_version

if TYPE_CHECKING:
    import torch


@dataclasses.dataclass(frozen=True)
class Run:
    """What `start` found: the machine side of one run of one lesson."""

    lesson: int
    device: str  # "cpu", "cuda" or "mps"
    dtype: torch.dtype  # the number type for training on this device
    hub: bool  # can the Hugging Face Hub be reached?
    seed: int
    root: Path  # the course's folder


def start(lesson: int, seed: int = 0) -> Run:
    """Prepares a lesson: device, threads, seed, Hub; prints the run card; returns what was found.

    Raises:
        UnknownLesson: there is no such lesson.
        ValueError: one of the three variables has a value that it cannot have.
        RuntimeError: COURSE_DEVICE names a device that this machine does not have.
    """
    entry = lessons.find(lesson)
    if "google.colab" in sys.modules:
        if subprocess.run([sys.executable, "-m", "utils", "install", str(lesson)], cwd=ROOT).returncode:
            raise CommandError("what this lesson needs could not be installed; the line above says why. Run this cell again.")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # else `tokenizers` warns in every forked process
    hub = hugging_face.reachable()
    if not hub:
        os.environ["HF_HUB_OFFLINE"] = "1"  # the libraries need not find out again, each with its own waiting time
    device = detect_device()
    threads = set_threads()
    set_seed(seed)
    run = Run(lesson=lesson, device=device, dtype=detect_dtype(device), hub=hub, seed=seed, root=ROOT)
    print(run_card(run, entry.title, threads))
    return run


def run_card(run: Run, title: str, threads: int) -> str:
    """The lines that say what this run runs on and what it will load from where."""
    dtype = str(run.dtype).removeprefix("torch.")
    place = "Google Colab" if "google.colab" in sys.modules else f"{platform.system()} {platform.machine()}"
    rows = [
        ("lesson", f"{run.lesson} - {title}"),
        ("device", f"{_device_name(run.device)}, {dtype}; {threads} CPU thread{'s' * (threads > 1)}"),
        ("Hub", "reachable" if run.hub else "not reachable or switched off: the lesson uses what comes with the course"),
        ("seed", str(run.seed)),
        ("machine", f"{place}, Python {platform.python_version()}"),
        (
            "versions",
            ", ".join(f"{name} {installed_version(name)}" for name in ("torch", "transformers", "tokenizers", "datasets")),
        ),
    ]
    rows += [("loads", line) for line in catalog.announce(run.lesson, run.hub)]
    return "\n".join(f"{name:<9} {value}" for name, value in rows)


def _device_name(device: str) -> str:
    if device != "cuda":
        return {"cpu": "cpu", "mps": "mps (Apple GPU)"}[device]
    import torch

    properties = torch.cuda.get_device_properties(0)
    return f"cuda ({properties.name}, {properties.total_memory / 2**30:.0f} GB)"


# ---------------------------------------------------------------------------------------------------------------------
# Gates: cells that need a GPU or the Hub
# ---------------------------------------------------------------------------------------------------------------------


def gpu(does: str, needs: str) -> bool:
    """True on a GPU. Elsewhere it prints one line: what the cell `does` there and `needs`, and that it rehearses here.

    The answer chooses the size, and not whether the cell runs: `steps = 1000 if runtime.gpu(...) else 10`.
    """
    if detect_device() != "cpu":
        return True
    print(f"No GPU in this run: the cell rehearses small. On one it {does}. It needs {needs}.")
    return False


def hub(does: str, needs: str, loads: tuple[str, ...] = (), tokenizers: tuple[str, ...] = ()) -> bool:
    """True where the Hub can be reached. Elsewhere it prints one line: what the cell `does` with it, and that it rehearses.

    A cell that names what it loads of the catalog, whole or as `tokenizers` alone, also runs without the Hub, once that
    was fetched (`python -m utils prefetch`).
    """
    if hugging_face.reachable():
        return True
    here = [catalog.available(name) for name in loads] + [catalog.available(name, tokenizer_only=True) for name in tokenizers]
    if here and all(here):
        return True
    print(f"No Hub in this run: the cell rehearses small. With it, it {does}. It needs {needs}.")
    return False


# ---------------------------------------------------------------------------------------------------------------------
# The scorecard
# ---------------------------------------------------------------------------------------------------------------------
