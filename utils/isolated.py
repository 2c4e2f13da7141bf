"""Tools that need other versions than the course: each gets an environment of its own, and is believed by what it makes.

    TOOLS                      the tools, with the versions of `data/environments/NAME.txt`
    is_ready, prepare          is the environment here; make sure that it is
    Environment.run            runs a command of the tool, streams its log, and wants a fresh file at the end

An environment is an *overlay*: a virtual environment that sees the course's own packages behind its own, so that it installs
only what differs (PyTorch is not among it). It lies in `.cache/environments/NAME`. The stamp that `prepare` writes last, after
a real import in the new environment, says that it is whole; without it, or with the stamp of other versions, it is made anew.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from utils.data.hub import Unavailable
from utils.data.packages import DISK_FULL, NETWORK
from utils.io import ROOT, CommandError, child_environment, installed_version, say, write_atomically

FOLDER = ROOT / ".cache" / "environments"
LISTS = ROOT / "data" / "environments"
STAMP = "whole.txt"
BELOW = ("torch", "numpy")  # packages of the course whose change may break an overlay
PATIENCE = 15 * 60  # seconds that one process waits for another that is making the same environment
KEPT_OUT = ("PYTHONPATH", "PYTHONHOME", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_REQUIRE_VIRTUALENV", "MPLBACKEND")


class ToolFailed(CommandError):
    """A tool's command did not make what it was asked for, whatever its exit code says."""


@dataclasses.dataclass(frozen=True)
class Tool:
    """name: that of its folder and of its list. title: as a person writes it. check: Python that must run in the finished
    environment. megabytes: what lies on the disk afterwards, about. lessons: who uses it."""

    name: str
    title: str
    check: str
    megabytes: int
    lessons: frozenset[int]

    @property
    def folder(self) -> Path:
        return FOLDER.resolve() / self.name

    @property
    def list(self) -> Path:
        return LISTS / f"{self.name}.txt"

    def pins(self) -> list[str]:
        """The lines NAME==VERSION of its list."""
        lines = (line.partition("#")[0].strip() for line in self.list.read_text(encoding="utf-8").splitlines())
        return [line for line in lines if line]


TOOLS = {
    "autotrain": Tool(
        name="autotrain",
        title="AutoTrain",
        check="import autotrain.cli.autotrain, autotrain.trainers.seq2seq.params, seqeval.metrics, peft",
        megabytes=330,
        lessons=frozenset({15}),
    ),
    "litgpt": Tool(
        name="litgpt",
        title="LitGPT",
        check="import litgpt.__main__, lightning.fabric, jsonargparse, docstring_parser, typeshed_client",
        megabytes=11,
        lessons=frozenset({22}),
    ),
}


@dataclasses.dataclass(frozen=True)
class Environment:
    """A finished environment. python: its interpreter."""

    tool: Tool
    python: Path

    def version(self, package: str) -> str:
        """The version that its list pins for a package."""
        return dict(pin.split("==") for pin in self.tool.pins())[package]

    def variables(self, **extra: str) -> dict[str, str]:
        """The environment variables of its processes: its own programs come first, and no user's settings get in."""
        kept = _clean()
        path = os.pathsep.join([str(self.python.parent), kept.get("PATH", "")])
        return {**kept, "PATH": path, "VIRTUAL_ENV": str(self.tool.folder), "PYTHONNOUSERSITE": "1", **extra}

    def run(
        self,
        command: list[str],
        folder: Path,
        output: str,
        made: tuple[str, ...],
        show: Callable[[str], None] = say,
        seconds: float = 3600,
        **variables: str,
    ) -> Path:
        """Runs a command in `folder`; returns the folder `output` in it that the command made.

        command: a program of the environment ("autotrain" ...) and its arguments.
        output: a folder inside of `folder`. It is deleted first: nothing old may pass for new.
        made: files of `output` that must be there afterwards, not empty, and written during this run.
        show: gets each line of the log as it comes; the whole of it is kept in folder/PROGRAM.log.
        seconds: after these the command and its children are ended.

        Raises ToolFailed where the command cannot start, fails, takes too long, or leaves no fresh files: an exit code of
        0 is not believed. Raises ValueError where `output` is not inside of `folder`.
        """
        folder = Path(folder).resolve()
        target = (folder / output).resolve()
        if folder == target or not target.is_relative_to(folder):
            raise ValueError(f"{output} is deleted before each run, so it must be a folder inside of {folder}.")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        if target.exists():
            raise ToolFailed(f"the old {target} cannot be deleted, and nothing old may pass for new. Delete it by hand.")
        with tempfile.NamedTemporaryFile(dir=folder) as clock:  # the file system's own clock
            begun = os.stat(clock.name).st_mtime_ns
        log = folder / f"{command[0]}.log"
        status, lines = self._stream(command, folder, log, show, seconds, variables)
        stale = [name for name in made if not _is_fresh(target / name, begun)]
        if status or stale:
            missing = f"it left no fresh {', '.join(stale)}" if stale else "its files may be unfinished"
            raise ToolFailed(f"{command[0]} ended with exit code {status}, and {missing}. {_reason(lines)} Its log: {log}")
        return target

    def _stream(self, command, folder, log, show, seconds, variables) -> tuple[int, list[str]]:
        apart = {"start_new_session": True} if os.name == "posix" else {}
        program = shutil.which(command[0], path=str(self.python.parent))
        if program is None:
            raise ToolFailed(f"there is no program {command[0]} in the environment of {self.tool.title}.")
        lines: list[str] = []
        with (
            subprocess.Popen(
                [program, *command[1:]],
                cwd=folder,
                env=self.variables(**variables),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",  # and a progress bar's carriage returns end lines, too
                **apart,
            ) as process,
            log.open("w", encoding="utf-8") as kept,
        ):
            late = threading.Timer(seconds, _end, [process])
            late.daemon = True
            late.start()
            try:
                for line in process.stdout:
                    kept.write(line)
                    lines.append(line.rstrip())
                    show(lines[-1])
                status = process.wait()
            except BaseException:
                _end(process)
                raise
            finally:
                overdue = not late.is_alive()
                late.cancel()
        if overdue and status:
            raise ToolFailed(f"{command[0]} took more than {seconds:,.0f} seconds and was ended. Its log: {log}")
        return status, lines


def _clean() -> dict[str, str]:
    """This process's environment variables, without those that would let other packages in."""
    return {name: value for name, value in child_environment().items() if name not in KEPT_OUT}


def _end(process: subprocess.Popen) -> None:
    """Ends a process and its children."""
    with contextlib.suppress(OSError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True)


def _is_fresh(path: Path, begun: int) -> bool:
    """Whether a file is there, not empty, and was written since. A copy that kept its old date is not fresh."""
    return path.is_file() and path.stat().st_size > 0 and path.stat().st_mtime_ns >= begun


def _reason(lines: list[str]) -> str:
    """The last line that names an error, else the last line."""
    named = [line for line in lines if re.search(r"\bERROR\b|^\w*(Error|Exception)\b", line)]
    last = (named or [line for line in lines if line.strip()] or ["It said nothing."])[-1].strip()
    return f"The log says: {last[-300:]}" if named or lines else last


# --- is it here ---------------------------------------------------------------------------------------------------------


def is_ready(name: str) -> bool:
    """Whether the environment is whole: stamped for these versions, this Python and this place, its files still there."""
    tool = TOOLS[name]
    try:
        stamped = (tool.folder / STAMP).read_text(encoding="utf-8")
    except OSError:
        return False
    return stamped == fingerprint(tool) and _python(tool).exists() and not absent(tool)


def absent(tool: Tool) -> list[str]:
    """The pinned packages of which the environment has not that version."""
    here = {_plain(path.name.removesuffix(".dist-info")) for path in _site(tool).glob("*.dist-info")}
    return [pin for pin in tool.pins() if _plain(pin.replace("==", "-")) not in here]


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def fingerprint(tool: Tool) -> str:
    """The hash of all that an environment depends on."""
    below = [f"{name} {installed_version(name)}" for name in BELOW]
    parts = ["\n".join(tool.pins()), tool.check, str(tool.folder), platform.python_version(), *_course_packages(), *below]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _course_packages() -> list[str]:
    """The folders of the packages that the running interpreter uses."""
    return list(dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib")))


def _python(tool: Tool) -> Path:
    return tool.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _site(tool: Tool) -> Path:
    inside = ("Lib",) if os.name == "nt" else ("lib", f"python{sys.version_info.major}.{sys.version_info.minor}")
    return tool.folder.joinpath(*inside, "site-packages")


# --- making it ----------------------------------------------------------------------------------------------------------


def prepare(name: str, show: Callable[[str], None] = say) -> Environment:
    """Makes sure of the environment of a tool; returns it. What pip has downloaded once is not downloaded again.

    Two that ask at once do not meet: the second waits for the first. A half-made or outdated environment is removed.
    Raises Unavailable with the reason: no package index, a full disk, pip's own error, or an import that fails.
    """
    tool = TOOLS[name]
    found = Environment(tool, _python(tool))
    if is_ready(name):
        return found
    try:
        FOLDER.mkdir(parents=True, exist_ok=True)
        with _alone(tool, show):
            if not is_ready(name):  # another process may have made it in the meantime
                _make(tool, show)
    except OSError as error:
        full = DISK_FULL.search(str(error))
        raise Unavailable("the disk is full" if full else f"{FOLDER} cannot be written ({error.strerror})") from None
    return found


@contextlib.contextmanager
def _alone(tool: Tool, show: Callable[[str], None]) -> Iterator[None]:
    """Holds the tool's lock, which the system takes back from a process that dies."""
    from filelock import FileLock, Timeout

    lock = FileLock(FOLDER / f"{tool.name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        show(f"{tool.title}: another process is making the environment; waiting for it")
        try:
            lock.acquire(timeout=PATIENCE)
        except Timeout:
            raise Unavailable(f"another process has been making it for {PATIENCE // 60} minutes") from None
    try:
        yield
    finally:
        lock.release()


def _make(tool: Tool, show: Callable[[str], None]) -> None:
    again = tool.folder.exists()
    _remove(tool)
    free, needed = shutil.disk_usage(FOLDER).free / 1e6, 1.5 * tool.megabytes
    if free < needed:
        raise Unavailable(f"the disk has {free:,.0f} MB free and it needs {needed:,.0f}")
    pins = tool.pins()
    state = "it was not whole or not up to date, so it is made anew" if again else "once"
    show(f"{tool.title}: making an environment of its own, {len(pins)} packages, {tool.megabytes} MB on disk ({state})")
    try:
        _empty(tool)
        _install(tool, show)
        _check(tool)
    except BaseException:  # also Ctrl-C: nothing half-made stays
        _remove(tool)
        raise
    write_atomically(tool.folder / STAMP, fingerprint(tool).encode())
    show(f"{tool.title}: its environment is ready, and the import works")


def _remove(tool: Tool) -> None:
    (tool.folder / STAMP).unlink(missing_ok=True)  # first: what is half removed must not count as whole
    shutil.rmtree(tool.folder, ignore_errors=True)
    if tool.folder.exists():
        raise Unavailable(f"{tool.folder} cannot be removed. Is a program running from it? Delete it by hand")


def _empty(tool: Tool) -> None:
    """A virtual environment without packages of its own, that sees those of the course. On Colab these are the system's."""
    on_colab = "google.colab" in sys.modules or os.environ.get("COLAB_RELEASE_TAG")
    options = ["--without-pip"] + ["--system-site-packages"] * bool(on_colab)
    made = _quiet([sys.executable, "-m", "venv", *options, str(tool.folder)], env=_clean())
    if made.returncode:
        raise Unavailable(f"no virtual environment could be made ({_last(made.stdout + made.stderr)})")
    if not on_colab:
        (_site(tool) / "course.pth").write_text("\n".join(_course_packages()) + "\n", encoding="utf-8")


def _install(tool: Tool, show: Callable[[str], None]) -> None:
    """The pinned packages and nothing else, by the course's pip, which then works inside of the new environment."""
    command = [
        *(
            sys.executable,
            "-m",
            "pip",
            "--python",
            str(_python(tool)),
            "install",
            "--no-deps",
            "--ignore-installed",
            "--no-user",
        ),
        *("--no-input", "--disable-pip-version-check", "--progress-bar", "off", "--retries", "1", "--timeout", "15"),
        *("--no-warn-script-location", "-r", str(tool.list)),
    ]
    said, count, total = [], 0, len(tool.pins())
    with subprocess.Popen(
        command,
        env=_clean(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as process:
        try:
            for line in process.stdout:
                said.append(line.rstrip())
                if line.startswith("Collecting"):
                    count += 1
                    if count % 7 == 0 or count == total:
                        show(f"{tool.title}: {count} of {total} packages fetched")
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise Unavailable(_why("\n".join(said)))


def _why(said: str) -> str:
    """Why pip failed, from its own words."""
    if DISK_FULL.search(said):
        return "the disk is full"
    if re.search(r"No matching distribution", said) and not re.search(r"from versions: none", said):
        return f"this Python ({platform.python_version()}) lacks a version that it needs ({_last(said)})"
    if "No module named pip" in said:
        return "this Python has no pip (python -m ensurepip brings it)"
    if NETWORK.search(said):
        return "the package index cannot be reached"
    return f"pip failed ({_last(said)})"


def _check(tool: Tool) -> None:
    """The real import, in the new environment."""
    variables = Environment(tool, _python(tool)).variables(HF_HUB_OFFLINE="1")
    try:
        done = _quiet([str(_python(tool)), "-c", tool.check], env=variables, timeout=300)
    except subprocess.TimeoutExpired:
        raise Unavailable("its import takes more than five minutes in the finished environment") from None
    if done.returncode:
        raise Unavailable(f"its import fails in the finished environment ({_last(done.stderr)})")


_quiet = functools.partial(subprocess.run, capture_output=True, encoding="utf-8", errors="replace", stdin=subprocess.DEVNULL)


def _last(said: str) -> str:
    lines = [line for line in said.splitlines() if line.startswith("ERROR")] or said.strip().splitlines() or ["it said nothing"]
    return lines[-1].strip()[:200]
