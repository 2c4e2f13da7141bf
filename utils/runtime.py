"""What a lesson runs on: device, number type, threads, seed and Hub; the run card, the gates, the scorecard.

Two things are detected and never asked for: the device (`cpu`, `cuda`, `mps`) and whether the Hugging Face Hub can be
reached. Three environment variables override what is detected:

    COURSE_DEVICE   cpu, cuda or mps
    COURSE_HUB      on or off
    COURSE_THREADS  a whole number: the CPU threads that PyTorch may use

Importing this module is cheap: heavy libraries are imported inside the functions that need them.
"""

import dataclasses
import functools
import http.client
import importlib.metadata
import math
import os
import platform
import random
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCORECARD_MIME = "application/vnd.course.scorecard+json"
HUB_ADDRESS = "https://huggingface.co"
MOST_THREADS = 1024  # far above any machine's cores; PyTorch would try to start millions


class ScorecardError(AssertionError):
    """A claim of the lesson does not hold in this run."""


@dataclasses.dataclass(frozen=True)
class Run:
    """What `start` found: the machine side of one run of one lesson."""

    lesson: int
    device: str  # "cpu", "cuda" or "mps"
    dtype: "torch.dtype"  # noqa: F821  the number type for training on this device
    hub: bool  # can the Hugging Face Hub be reached?
    seed: int
    root: Path  # the course's folder


# ---------------------------------------------------------------------------------------------------------------------
# Device, number type, threads, seed
# ---------------------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=None)
def detect_device() -> str:
    """The device to compute on: "cuda" or "mps" where one is there and computes correctly, else "cpu".

    A GPU is trusted only after one small computation on it agrees with the CPU. COURSE_DEVICE overrides the choice.

    Raises:
        ValueError: COURSE_DEVICE names no known device.
        RuntimeError: COURSE_DEVICE names a device that this machine does not have.
    """
    import torch

    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    wanted = os.environ.get("COURSE_DEVICE", "").strip().lower()
    if wanted:
        if wanted not in present:
            raise ValueError(f"COURSE_DEVICE is {wanted!r}, which is no device. Set it to cpu, cuda or mps, or unset it.")
        if not present[wanted]:
            raise RuntimeError(
                f"COURSE_DEVICE asks for {wanted!r}, but PyTorch finds no such device on this machine. "
                "Unset COURSE_DEVICE to use what is there."
            )
        return wanted
    for device in ("cuda", "mps"):
        if present[device]:
            if agrees_with_cpu(device):
                return device
            print(f"The device {device!r} is there but computes something else than the CPU, so the CPU is used.")
    return "cpu"


def agrees_with_cpu(device: str) -> bool:
    """True where a small network gives the same loss and gradients on `device` as on the CPU, within 1 %.

    On some machines the same code gave a loss of 19.9 on Apple's GPU and 3.8 on the CPU, without any error message.
    """
    import torch

    def loss_and_gradient(where: str) -> "torch.Tensor":
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(4, 16, 32, generator=generator).to(where)  # (B, T, C)
        weight = torch.randn(32, 32, generator=generator).to(where).requires_grad_()  # (C, C)
        query = (x @ weight).view(4, 16, 2, 16).transpose(1, 2)  # (B, T, C) -> (B, H, T, D)
        mixed = torch.nn.functional.scaled_dot_product_attention(query, query, query, is_causal=True)
        loss = torch.nn.functional.cross_entropy(mixed.transpose(1, 2).flatten(2).flatten(0, 1), torch.arange(64).to(where) % 32)
        loss.backward()
        return torch.cat([loss.detach().reshape(1), weight.grad.flatten()]).cpu()

    try:
        expected, measured = loss_and_gradient("cpu"), loss_and_gradient(device)
    except (RuntimeError, NotImplementedError):  # e.g. a driver that is too old for this build of PyTorch
        return False
    return bool(torch.allclose(measured, expected, rtol=1e-2, atol=1e-3))


def detect_dtype(device: str) -> "torch.dtype":  # noqa: F821
    """The number type for training on `device`: bfloat16 only where the GPU computes it natively, float16 on older
    NVIDIA GPUs (a T4 only emulates bfloat16, slowly), float32 on everything else."""
    import torch

    if device != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def set_threads() -> int:
    """Gives PyTorch the number of CPU threads that COURSE_THREADS asks for, if it does; returns the number in use."""
    import torch

    wanted = os.environ.get("COURSE_THREADS", "").strip()
    if wanted:
        if not wanted.isdecimal() or not 1 <= int(wanted) <= MOST_THREADS:
            raise ValueError(f"COURSE_THREADS is {wanted!r}. Set it to a whole number from 1 to {MOST_THREADS}, or unset it.")
        torch.set_num_threads(int(wanted))
    return torch.get_num_threads()


def set_seed(seed: int) -> None:
    """Seeds Python's, NumPy's and PyTorch's global random numbers.

    What must not depend on what ran before draws from a generator of its own: `torch.Generator().manual_seed(seed)`.
    """
    import numpy
    import torch

    random.seed(seed)
    numpy.random.seed(seed)
    torch.manual_seed(seed)  # the CPU and every GPU


def seconds(function, repeats: int = 3) -> float:
    """The shortest of `repeats` timings of `function()`, in seconds, after one call that is not counted.

    The shortest and not the mean: other programs can only make a run slower.
    """
    import torch

    def timed() -> float:
        start = time.perf_counter()
        function()
        if torch.cuda.is_available():
            torch.cuda.synchronize()  # a GPU works on after the call returns
        elif torch.backends.mps.is_available():
            torch.mps.synchronize()
        return time.perf_counter() - start

    timed()
    return min(timed() for _ in range(repeats))


# ---------------------------------------------------------------------------------------------------------------------
# The Hub
# ---------------------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=None)
def hub_reachable(timeout: float = 4.0) -> bool:
    """Does the Hugging Face Hub answer within `timeout` seconds? COURSE_HUB (on, off) overrides the question.

    The question is asked in a thread of its own, because looking up a name can hang longer than any socket timeout.

    Raises:
        ValueError: COURSE_HUB is neither on nor off.
    """
    if setting := hub_setting():
        return setting == "on"
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        return False
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(_hub_answers(timeout)), daemon=True)
    thread.start()
    thread.join(timeout)
    return bool(answers and answers[0])


def hub_setting() -> str:
    """What COURSE_HUB says: "on", "off" or nothing. What is off stays off: the cache of the Hub is left out, too.

    Raises:
        ValueError: COURSE_HUB is neither on nor off.
    """
    setting = os.environ.get("COURSE_HUB", "").strip().lower()
    if setting not in ("", "on", "off"):
        raise ValueError(f"COURSE_HUB is {setting!r}. Set it to on or off, or unset it.")
    return setting


def _hub_answers(timeout: float) -> bool:
    address = os.environ.get("HF_ENDPOINT") or HUB_ADDRESS
    try:
        request = urllib.request.Request(address, method="HEAD")  # in here: it refuses what is no address
        with urllib.request.urlopen(request, timeout=timeout):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500  # it answered, if only to say no; above that it is broken
    except (OSError, ValueError, http.client.HTTPException):  # no network, no such host, no address, no HTTP
        return False


# ---------------------------------------------------------------------------------------------------------------------
# The start of a lesson
# ---------------------------------------------------------------------------------------------------------------------


def start(lesson: int, seed: int = 0) -> Run:
    """Prepares a lesson: device, threads, seed, Hub; prints the run card; returns what was found.

    Raises:
        UnknownLesson: there is no such lesson.
        ValueError: one of the three variables has a value that it cannot have.
        RuntimeError: COURSE_DEVICE names a device that this machine does not have.
    """
    from utils import lessons

    entry = lessons.find(lesson)
    if "google.colab" in sys.modules:
        from utils import environment

        environment.install_missing()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # else `tokenizers` warns in every forked process
    hub = hub_reachable()
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
    from utils import catalog

    dtype = str(run.dtype).removeprefix("torch.")
    place = "Google Colab" if "google.colab" in sys.modules else f"{platform.system()} {platform.machine()}"
    rows = [
        ("lesson", f"{run.lesson} - {title}"),
        ("device", f"{_device_name(run.device)}, {dtype}; {threads} CPU thread{'s' * (threads > 1)}"),
        ("Hub", "reachable" if run.hub else "not reachable or switched off: the lesson uses what comes with the course"),
        ("seed", str(run.seed)),
        ("machine", f"{place}, Python {platform.python_version()}"),
        ("versions", ", ".join(f"{name} {installed_version(name)}" for name in ("torch", "transformers", "tokenizers", "datasets"))),
    ]
    rows += [("loads", line) for line in catalog.announce(run.lesson, run.hub)]
    return "\n".join(f"{name:<9} {value}" for name, value in rows)


def installed_version(package: str) -> str:
    """The version of an installed package, or "missing"."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


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
    """True on a GPU. Elsewhere it prints one line that says what the cell `does` there and what it `needs`."""
    if detect_device() != "cpu":
        return True
    print(f"No GPU in this run, so this cell does nothing. On one it {does}. It needs {needs}.")
    return False


def hub(does: str, needs: str, loads: tuple[str, ...] = (), tokenizers: tuple[str, ...] = ()) -> bool:
    """True where the Hub can be reached. Elsewhere it prints one line that says what the cell `does` with it.

    A cell that names what it loads of the catalog, whole or as `tokenizers` alone, also runs without the Hub, once that
    was fetched (`python -m utils prefetch`).
    """
    from utils import catalog

    if hub_reachable():
        return True
    here = [catalog.available(name) for name in loads] + [catalog.available(name, tokenizer_only=True) for name in tokenizers]
    if here and all(here):
        return True
    print(f"No Hub in this run, so this cell does nothing. With it the cell {does}. It needs {needs}.")
    return False


# ---------------------------------------------------------------------------------------------------------------------
# The scorecard
# ---------------------------------------------------------------------------------------------------------------------


class Scorecard:
    """Rows of claim, measured value and bound. `show` draws the table and raises where a row does not hold."""

    def __init__(self, lesson: int):
        self.lesson = lesson
        self.rows: list[dict] = []

    def at_least(self, claim: str, measured, bound: float, digits: int = 3) -> None:
        """The measured value must reach the bound."""
        value = float(measured)
        rounded = round_to(value, digits)
        shown = rounded if (rounded >= bound) == (value >= bound) else value  # rounding must not change the verdict
        self._add(claim, shown, f">= {bound:g}", value >= bound)

    def at_most(self, claim: str, measured, bound: float, digits: int = 3) -> None:
        """The measured value must not exceed the bound.

        A difference between two computations is rounding noise, and other machines have other noise. So a value at or
        below a tenth of a bound under 0.001 is written as that tenth.
        """
        value = float(measured)
        rounded = round_to(max(value, bound / 10) if 0 < bound < 1e-3 else value, digits)
        shown = rounded if (rounded <= bound) == (value <= bound) else value
        self._add(claim, shown, f"<= {bound:g}", value <= bound)

    def equal(self, claim: str, measured, bound) -> None:
        """The measured value must be exactly the bound (counts, strings, True)."""
        self._add(claim, measured, f"= {bound}", measured == bound)

    def show(self) -> None:
        """Draws the table, with the rows as JSON beside it.

        Raises:
            ValueError: there are no rows.
            ScorecardError: a row does not hold; the message names every such row.
        """
        if not self.rows:
            raise ValueError("This scorecard has no rows. Add some with at_least, at_most or equal before show().")
        display_bundle({"text/plain": self._as_text(), "text/html": self._as_html(), SCORECARD_MIME: self.rows})
        missed = [row for row in self.rows if not row["holds"]]
        if missed:
            lines = [f"  {row['claim']}: measured {row['measured']}, bound {row['bound']}" for row in missed]
            raise ScorecardError(f"Lesson {self.lesson}: {len(missed)} of {len(self.rows)} claims do not hold here.\n" + "\n".join(lines))

    def _add(self, claim: str, measured, bound: str, holds) -> None:
        if hasattr(measured, "item"):  # a number of NumPy or PyTorch
            measured = measured.item()
        if isinstance(measured, float) and not math.isfinite(measured):
            measured = str(measured)  # JSON has no NaN and no infinity
        self.rows.append({"claim": claim, "measured": measured, "bound": bound, "holds": bool(holds)})

    def _as_text(self) -> str:
        width = max(len(row["claim"]) for row in self.rows)
        return "\n".join(
            f"{'ok  ' if row['holds'] else 'MISS'} {row['claim']:<{width}}  {row['measured']}  ({row['bound']})" for row in self.rows
        )

    def _as_html(self) -> str:
        import html

        cells = "".join(
            "<tr>"
            + f"<td style='text-align:left'>{html.escape(row['claim'])}</td>"
            + f"<td style='text-align:right'><b>{html.escape(str(row['measured']))}</b></td>"
            + f"<td style='text-align:left'>{html.escape(row['bound'])}</td>"
            + f"<td>{'holds' if row['holds'] else '<b>does not hold</b>'}</td></tr>"
            for row in self.rows
        )
        return f"<table><thead><tr><th>claim</th><th>measured</th><th>bound</th><th></th></tr></thead><tbody>{cells}</tbody></table>"


def round_to(value: float, digits: int) -> float:
    """`value` rounded to `digits` significant digits; NaN and infinities stay as they are.

    >>> round_to(0.0123456, 3)
    0.0123
    """
    if value == 0 or not math.isfinite(value):
        return value
    rounded = round(value, digits - 1 - math.floor(math.log10(abs(value))))
    return int(rounded) if rounded == int(rounded) and abs(rounded) >= 10 ** (digits - 1) else rounded


def display_bundle(bundle: dict) -> None:
    """Shows a bundle of mime types in a notebook; outside of one, prints its plain text."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        get_ipython = None
    if get_ipython is None or get_ipython() is None:
        print(bundle["text/plain"])
    else:
        display(bundle, raw=True)
