"""Recorded runs: what takes too long for a class is computed once, and its log in `data/runs/` is what the lesson draws.

    results      a notebook's one call: computes and writes the log where a recording is asked for, else reads it
    trained      the same for a training whose weights the lesson goes on with
    load         reads a log

A log says what was computed, by which command, when, with which versions, on what machine and in how many seconds.
`python -m utils run 6 --record` makes all logs of lesson 6 again.
"""

import dataclasses
import datetime
import hashlib
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from utils.device import detect_device
from utils.io import ROOT, damaged, installed_version, shown, write_atomically

FOLDER = ROOT / "data" / "runs"
PACKAGES = ("torch", "numpy", "transformers", "scikit-learn")


class NoSuchRun(RuntimeError):
    """There is no log of this run, or it is one of other settings; the message says how to make it."""


@dataclasses.dataclass(frozen=True)
class Log:
    """A recorded run. results: what the function gave. settings: what it was asked for. seconds: how long it took.

    weights: the SHA-256 of the file of weights that was written with it, if there is one.
    """

    name: str
    command: str
    date: str
    seconds: float
    versions: dict[str, str]
    machine: str
    settings: dict
    results: Any
    weights: str | None = None

    def __str__(self) -> str:
        versions = ", ".join(f"{package} {version}" for package, version in self.versions.items())
        return f"recorded {self.date} by `{self.command}` in {self.seconds:.0f} s on {self.machine} ({versions})"


def is_recording() -> bool:
    """Is this notebook executed by `python -m utils run --record`?"""
    return os.environ.get("COURSE_RECORD") == "1"


def results(name: str, lesson: int, settings: dict, compute: Callable[[], Any]) -> Log:
    """The log `data/runs/NAME.json`; where a recording is asked for, `compute()` is called and the log written first.

    settings and what `compute` returns: what JSON can hold. A log is used only for the settings that it was made with.
    Raises NoSuchRun where there is no log, or one of other settings.
    """
    if is_recording():
        _record(name, lesson, settings, compute)
    return _of_these_settings(name, settings)


def trained(
    name: str, lesson: int, settings: dict, compute: Callable[[], tuple[Any, dict[str, Tensor]]]
) -> tuple[Log, dict[str, Tensor]]:
    """A recorded training: its log, and the weights that it ended with, `data/runs/NAME.safetensors`, as float32.

    `compute` gives what the log shall hold, and a `state_dict`. Weights are kept in 16 bit, so what is given is rounded, in
    the recording, too. Raises NoSuchRun as `results` does, and DamagedFile where the weights are not those of the log.
    """
    from safetensors.torch import load, save

    def compute_and_save() -> Any:
        computed, state = compute()
        content = save({key: value.detach().half().contiguous() for key, value in state.items()})
        write_atomically(_weights_of(name), content)
        return computed

    if is_recording():
        _record(name, lesson, settings, compute_and_save, with_weights=True)
    log = _of_these_settings(name, settings)
    try:
        content = _weights_of(name).read_bytes()
    except FileNotFoundError:
        raise damaged(_weights_of(name), "it is missing") from None
    if hashlib.sha256(content).hexdigest() != log.weights:
        raise damaged(_weights_of(name), "its weights are not those of the log beside it")
    return log, {key: value.float() for key, value in load(content).items()}


def _weights_of(name: str) -> Path:
    return FOLDER / f"{name}.safetensors"


def _of_these_settings(name: str, settings: dict) -> Log:
    log = load(name)
    if log.settings != json.loads(json.dumps(settings)):
        changed = [key for key in {**log.settings, **settings} if log.settings.get(key) != settings.get(key)]
        raise NoSuchRun(
            f"The log of {name} was made with other settings ({', '.join(changed)} changed), so it says nothing about "
            f"these. Make it again: {log.command}"
        )
    return log


def load(name: str) -> Log:
    """Reads a log. Raises NoSuchRun where there is none, or where it is damaged."""
    path = FOLDER / f"{name}.json"
    try:
        return Log(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        there = ", ".join(sorted(file.stem for file in FOLDER.glob("*.json"))) or "none"
        raise NoSuchRun(
            f"There is no recorded run {name}. There are: {there}. Runs whose names begin with the number of a lesson are "
            "made by `python -m utils run NUMBER --record`."
        ) from None
    except (ValueError, TypeError) as error:
        raise NoSuchRun(f"{shown(path)} is damaged ({error}). Get it again: git checkout -- {shown(path)}") from error


def _record(name: str, lesson: int, settings: dict, compute: Callable[[], Any], with_weights: bool = False) -> None:
    start = time.monotonic()
    computed = compute()
    log = Log(
        name=name,
        command=f"python -m utils run {lesson} --record",
        date=datetime.date.today().isoformat(),
        seconds=round(time.monotonic() - start, 1),
        versions={"python": platform.python_version()} | {name: installed_version(name) for name in PACKAGES},
        machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, device {detect_device()}",
        settings=settings,
        results=computed,
        weights=hashlib.sha256(_weights_of(name).read_bytes()).hexdigest() if with_weights else None,
    )
    FOLDER.mkdir(parents=True, exist_ok=True)
    content = {key: value for key, value in dataclasses.asdict(log).items() if value is not None}
    write_atomically(FOLDER / f"{name}.json", (json_text(content) + "\n").encode())


def json_text(value: Any, depth: int = 0) -> str:
    """JSON with one line for each entry of a dictionary; a list that holds no dictionary stands on one line."""
    pad = "\n" + " " * (depth + 1)
    if isinstance(value, dict) and value:
        names = (key if isinstance(key, str) else json.dumps(key) for key in value)  # JSON's names are strings
        entries = (f"{json.dumps(name)}: {json_text(inner, depth + 1)}" for name, inner in zip(names, value.values()))
        return "{" + ",".join(pad + entry for entry in entries) + pad[:-1] + "}"
    if isinstance(value, list) and "{" in json.dumps(value):
        return "[" + ",".join(pad + json_text(inner, depth + 1) for inner in value) + pad[:-1] + "]"
    return json.dumps(value)
