"""What everything else stands on: the course's folder, whole files, messages, the error that a command prints, the
course's variables, and whether a web address answers.

Standard library only: the commands run before anything is installed.
"""

from __future__ import annotations

import http.client
import importlib.metadata
import json
import os
import re
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class CommandError(Exception):
    """A sentence for the user: what happened, why, what to do next. A command prints it and exits with `code`."""

    code = 1

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in a lesson, in the place of a page of calls."""
        return [f"{type(self).__name__}: {self}"]


class DamagedFile(CommandError):
    """A file cannot be read as what it is; the message names it and the way out."""


def damaged(path: Path, why: str) -> DamagedFile:
    """The error for a file of the course that git can bring back."""
    return DamagedFile(
        f"{shown(path)} is damaged: {why}. Get the course's own back with `git checkout -- {shown(path)}` "
        f"(within an unfinished merge: `git checkout HEAD -- {shown(path)}`)."
    )


class SettingError(CommandError, ValueError):
    """One of the course's variables has a value that it cannot have."""


SETTINGS = {
    "COURSE_DEVICE": (("cpu", "cuda", "mps"), "cpu, cuda or mps"),
    "COURSE_HUB": (("on", "off"), "on or off"),
    # the bound is far above any machine's cores; PyTorch would try to start millions
    "COURSE_THREADS": (tuple(map(str, range(1, 1025))), "a whole number from 1 to 1024"),
}


def setting(name: str) -> str:
    """What a variable of the course says, in lower case; "" where it is not set.

    Raises:
        SettingError: it has a value that it cannot have.
    """
    value = os.environ.get(name, "").strip().lower()
    allowed, in_words = SETTINGS[name]
    if value and value not in allowed:
        raise SettingError(f"{name} is {value!r}. Set it to {in_words}, or unset it.")
    return value


def say(line: str) -> None:
    """Prints a line at once, also into a pipe."""
    print(line, flush=True)


def shown(path: Path) -> str:
    """A path as a message names it: from the course's folder on, with forward slashes."""
    path = Path(path)
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)


def read_text(path: Path) -> str:
    """The text of a file of the course.

    Raises:
        DamagedFile: it is missing, is no text, or git left the marks of a conflict in it.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError):
        raise damaged(path, "it is missing") from None
    except UnicodeDecodeError:
        raise damaged(path, "it is no text in UTF-8") from None
    if re.search(r"(?m)^(<{7}|>{7})( |$)", text):
        raise damaged(path, "git left the marks of a conflict in it")
    return text


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path to write to, which becomes `path` at the end: the whole file or the old one, never half of it.

    Each writer has a name of its own, so that two that write one file at once do not meet in the unfinished one.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    os.close(handle)
    unfinished = Path(name)
    try:
        yield unfinished
        unfinished.chmod(mode_of(path))  # a temporary file can be read by its owner alone
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def mode_of(path: Path) -> int:
    """The permissions of a file, or those that a new one gets."""
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def write_atomically(path: Path, content: bytes) -> None:
    """Writes the whole file or leaves the old one. The folder is made where it is missing."""
    with whole_file(path) as unfinished, unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())  # a power cut after the renaming must not leave an empty file


def write_json(path: Path, content: dict) -> None:
    """The content as JSON, the whole file or the old one."""
    write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())


def child_environment(**extra: str) -> dict[str, str]:
    """The environment variables of a child process: UTF-8 everywhere, and `extra`."""
    return {**os.environ, "PYTHONUTF8": "1", **extra}


def is_headless() -> bool:
    """Is this notebook executed without a person in front of it (`python -m utils run` and `test`)?"""
    return os.environ.get("COURSE_HEADLESS") == "1"


def installed_version(package: str) -> str:
    """The version of an installed package, or "missing"."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def http_status(address: str, seconds: float) -> int | None:
    """The status with which a web address answers within so many seconds; None where nothing does.

    The question is asked in a thread of its own, because looking up a name can hang longer than any socket's time-out.
    """
    answer: list[int] = []

    def ask() -> None:
        try:
            request = urllib.request.Request(address, method="HEAD")  # in here: it refuses what is no address
            with urllib.request.urlopen(request, timeout=seconds) as response:
                answer.append(response.status)
        except urllib.error.HTTPError as error:
            answer.append(error.code)
        except (OSError, ValueError, http.client.HTTPException):  # no network, no such host, no address, no HTTP
            pass

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    return answer[0] if answer else None
