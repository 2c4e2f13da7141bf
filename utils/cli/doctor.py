"""What this machine can run, lesson by lesson. Standard library only: it speaks before anything is installed."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

from utils import isolated, lessons
from utils.cli import environment
from utils.data import hub
from utils.export import ollama
from utils.io import ROOT, CommandError, DamagedFile, child_environment, say, setting

VERDICT = 30  # width of the column

# Asked of the environment's Python, which can import torch. Its last line is the answer.
ASK_ENVIRONMENT = """
import json
from utils import device
from utils.data import hub
try:
    found = device.detect_device()
except device.DeviceMissing as error:
    found = str(error)
print(json.dumps({"device": found, "hub": hub.reachable()}))
"""


def examine() -> None:
    """Prints the report; goes on where a file of the course is damaged."""
    try:
        python = environment.find()
        complete = packages(python)
    except DamagedFile as error:
        python, complete = None, str(error)
    known = ask(python) if python else {}
    total, free = memory_gb()
    for name, value in [
        ("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores"),
        ("Memory", f"{total:.1f} GB, {free:.1f} GB of it free" if total else "could not be measured"),
        ("Disk", f"{shutil.disk_usage(ROOT).free / 1e9:.1f} GB free where the course lies"),
        ("Packages", complete),
        ("Tools", tools(python)),
        ("Device", known.get("device") or device_without_torch()),
        ("Hub", hub_state(known.get("hub"))),
        ("Ollama", ollama_state()),
    ]:
        say(f"{name:<10} {value}")
    say("")
    say(f"{'Lesson':<50} {'Memory':>6}  {'Verdict':<{VERDICT}}  {'A GPU adds':<23}  The Hub adds")
    damaged = []
    for lesson in lessons.LESSONS:
        try:
            say(row(lesson, total, free))
        except DamagedFile as error:
            say(f"{title(lesson):<50} {'-':>6}  damaged: see below")
            damaged.append(str(error))
    say("\n".join(["", *damaged]))
    say(f"Memory is the last run's peak on a CPU; a lesson not run yet keeps within {lessons.MEMORY_GB:.0f} GB.")


def ask(python: Path) -> dict:
    """Device and Hub as the lessons will find them; {} where the environment cannot say."""
    try:
        answer = subprocess.run(
            [python, "-c", ASK_ENVIRONMENT],
            cwd=ROOT,
            env=child_environment(),
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=120,
        )
        return json.loads(answer.stdout.splitlines()[-1])
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError):
        return {}


def packages(python: Path | None) -> str:
    if python:
        return "complete, in " + ("this Python" if python == Path(sys.executable) else environment.VENV.name)
    if environment.VENV.is_dir():
        return f"{environment.VENV.name} is not complete; `python -m utils lab` finishes it"
    absent = [re.split(r"[<>=!]", line)[0] for line in environment.missing()]
    return f"missing: {', '.join(absent)}. `python -m utils lab` installs them into {environment.VENV.name}"


def tools(python: Path | None) -> str:
    """The tools with an environment of their own, and whether it is made."""
    asked = "from utils import isolated; print(*[t.title for n, t in isolated.TOOLS.items() if isolated.is_ready(n)], sep=', ')"
    ready = []
    if python:
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            command = [python, "-c", asked]
            done = subprocess.run(command, cwd=ROOT, env=child_environment(), capture_output=True, encoding="utf-8", timeout=60)
            ready = [name for name in done.stdout.strip().split(", ") if name]
    missing = [tool.title for tool in isolated.TOOLS.values() if tool.title not in ready]
    have = [f"{', '.join(ready)} in an environment of its own"] if ready else []
    make = [f"{', '.join(missing)}: no environment yet, `python -m utils prefetch` makes it"] if missing else []
    return "; ".join(have + make)


def device_without_torch() -> str:
    if wanted := setting("COURSE_DEVICE"):
        return f"{wanted}, as COURSE_DEVICE says; whether it is here, PyTorch will say once it is installed"
    if environment.has_nvidia():
        return "an NVIDIA driver is here; PyTorch will say more once it is installed"
    return "cpu, as far as can be seen without PyTorch"


def hub_state(reachable: bool | None) -> str:
    if switch := setting("COURSE_HUB"):
        return f"switched {switch} by COURSE_HUB={switch}"
    if reachable is None:
        reachable = hub.reachable()
    return "reachable" if reachable else "not reachable: the lessons use what comes with the course"


def ollama_state() -> str:
    """Whether Ollama answers on this machine, or where OLLAMA_HOST says."""
    if found := ollama.find():
        if found.is_real:
            return f"{found.version} answers at {found.address}"
        return f"the course's own server answers at {found.address}; Ollama itself does not"
    where = "is installed and does not answer: `ollama serve` starts it" if shutil.which("ollama") else "does not answer here"
    return f"{where}; `python -m utils serve` is the course's stand-in"


def row(lesson: lessons.Lesson, total: float, free: float) -> str:
    need = lessons.measured(ROOT, lesson).get("peak_mb", 0) / 1000
    memory = f"{need:.1f} GB" if need else "-"
    ruling = verdict(lesson, need or lessons.MEMORY_GB, total, free)
    return f"{title(lesson):<50} {memory:>6}  {ruling:<{VERDICT}}  {lesson.gpu or '-':<23}  {lesson.hub or '-'}"


def title(lesson: lessons.Lesson) -> str:
    return f"{lesson.number:>2} {lesson.title}"


def verdict(lesson: lessons.Lesson, need: float, total: float, free: float) -> str:
    """Whether a lesson runs here, and what it takes if not."""
    if lesson not in lessons.written(ROOT):
        return "not written yet"
    if sys.platform == "darwin" and platform.machine() == "x86_64":
        return "needs Colab: an Intel Mac"
    if total and total < need:
        return f"needs {need:.1f} GB of memory: Colab"
    if total and free < need:
        return f"runs with {need:.1f} GB free: close programs"
    return "runs here" + (f", with {lesson.tools}" if lesson.tools else "")


# --- the data sets and models -------------------------------------------------------------------------------------


def examine_data() -> None:
    """Prints a line for every entry of the catalog: rows, size, hash, where it is."""
    from utils.data import catalog
    from utils.small_models import recipes

    say(f"{'Name':<30} {'Rows':>10} {'Megabytes':>9}  {'SHA-256':<12}  Where")
    for name, entry in catalog.entries().items():
        rows, megabytes, digest, where = data_row(entry)
        say(f"{name:<30} {rows:>10} {megabytes:>9}  {digest:<12}  {where}")
    say("")
    say("~ about, as the catalog has it: not checked against the Hub. The hash of a folder is that of its data files.")
    say("")
    say("The small models, measured on held-out inputs (data/models/NAME/README.md says more):")
    for name in recipes.names():
        say(f"{name:<30} {model_scores(name)}")


def model_scores(name: str) -> str:
    """The scores of a small model in a line, or why there are none."""
    from utils.small_models import recipes

    try:
        return recipes.headline(name)
    except CommandError as error:
        return str(error)


def data_row(entry: dict) -> tuple[str, str, str, str]:
    """Rows, megabytes, hash and place of an entry."""
    from utils.data import catalog

    on_hub = f"the Hub, {entry['hub']}{', gated' if entry['gated'] else ''}" if "hub" in entry else ""
    rows, megabytes, digest = (f"~{entry['rows']:,}" if "rows" in entry else "-"), f"~{entry['megabytes']:,}", "-"
    place = catalog.on_this_machine(entry)
    if "generator" in entry:
        return f"{sum(entry['made'].values()):,}", megabytes, "-", f"here: written by utils.worlds.{entry['generator']}"
    if entry["kind"] == "corpus":
        return "-", megabytes, "-", "here: this Python's own files"
    if folder := place[0] if place else None if "hub" not in entry else hub.cached(entry):
        kinds = (".jsonl", ".safetensors", ".bin", ".parquet", ".gguf", "GroundTruth.txt", "Ratings.txt")
        files = sorted(path for path in folder.rglob("*") if path.name.endswith(kinds))
        megabytes = f"{sum(file.stat().st_size for file in files) / 1e6:,.1f}"
        if place:
            digest = fingerprint(files)
        if entry["kind"] == "set" and place:
            counted = [file for file in files if not file.name.endswith("Ratings.txt")]  # those stand beside the texts
            rows = f"{sum(line.strip() != b'' for file in counted for line in file.open('rb')):,}"
        here = f"here: {place[1] if place else 'the cache of the Hub'}".removesuffix(", hash checked")
        return rows, megabytes, digest, " and ".join(filter(None, (here, on_hub)))
    stand_in = f"; {entry['stand_in']} stands in" if "stand_in" in entry else "" if on_hub else "missing here"
    return rows, megabytes, digest, on_hub + stand_in


def fingerprint(files: list[Path]) -> str:
    """The start of the SHA-256 of the files, one after the other."""
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as content:
            while block := content.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:12]


# --- memory, without psutil ---------------------------------------------------------------------------------------


def memory_gb() -> tuple[float, float]:
    """Total and free memory in GB; (0, 0) where the system does not say."""
    try:
        if sys.platform == "linux":
            return linux_memory()
        if sys.platform == "darwin":
            return mac_memory()
        if os.name == "nt":
            return windows_memory()
    except (OSError, ValueError, LookupError, subprocess.SubprocessError):
        pass
    return 0.0, 0.0


def linux_memory() -> tuple[float, float]:
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    return kilobytes["MemTotal"] * 1024 / 1e9, kilobytes["MemAvailable"] * 1024 / 1e9


def mac_memory() -> tuple[float, float]:
    total = int(subprocess.check_output(["sysctl", "-n", "hw.memsize"], timeout=5))
    text = subprocess.check_output(["vm_stat"], encoding="utf-8", timeout=5)
    page = int(re.search(r"page size of (\d+)", text)[1])
    pages = {name: int(count) for name, count in re.findall(r"Pages ([a-z ]+): +(\d+)", text)}
    return total / 1e9, (pages["free"] + pages["inactive"]) * page / 1e9


class MemoryStatus(ctypes.Structure):
    """Windows' MEMORYSTATUSEX."""

    _fields_ = [("length", ctypes.c_ulong), ("load", ctypes.c_ulong)] + [
        (name, ctypes.c_ulonglong)
        for name in ("total", "free", "total_page", "free_page", "total_virtual", "free_virtual", "free_extended")
    ]


def windows_memory() -> tuple[float, float]:
    status = MemoryStatus(length=ctypes.sizeof(MemoryStatus))
    if not ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
        raise OSError("GlobalMemoryStatusEx")
    return status.total / 1e9, status.free / 1e9
