"""The models that the course can serve, by their names: as a GGUF file that is there, or made from a folder.

    local             the name of a model of the course -> its file, exported first where it has to be
    given             what `serve MODEL` was given - a name, a .gguf file, a folder - -> name and file
    digest            the SHA-256 of a file
    read_through      a file read to its end, with progress

A name is MODEL or MODEL:TAG; a model of the course that is exported has the tags f32, f16, q8_0 and q4_0, and :latest is f16.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from utils.data import catalog
from utils.export import engine
from utils.io import ROOT, CommandError

EXPORTED = ROOT / ".cache" / "exported"
AS_FILE = ("smollm2",)  # comes as a GGUF file
AS_FOLDER = ("llama-mini-reasoner", "llama-mini")  # folders of data/models
TAGS = {"latest": "F16", "f32": "F32", "f16": "F16", "q8_0": "Q8_0", "q4_0": "Q4_0"}
NAME = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[\w.-]+)*(?::[\w.-]+)?")


class NoSuchModel(CommandError, ValueError):
    """There is no such model to serve; the message says what there is."""

    code = 2


def full(name: str) -> str:
    """ "smollm2" -> "smollm2:latest" """
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def names() -> list[str]:
    """The models of the course that can be had on this machine."""
    return [name for name in (*AS_FILE, *AS_FOLDER) if _is_here(name)]


def _folder(name: str) -> Path:
    return ROOT / "data" / "models" / name


def _is_here(name: str) -> bool:
    if name in AS_FOLDER:
        return (_folder(name) / "config.json").is_file()
    try:
        return catalog.gguf(name).is_file()
    except catalog.NotHere:
        return False


def local(name: str) -> Path:
    """The file of a model of the course, made where it has to be. Raises NoSuchModel, or NotHere with what brings it."""
    model, _, tag = full(name).partition(":")
    if model in AS_FILE and tag == "latest":
        return catalog.gguf(model)
    if model in AS_FOLDER and tag in TAGS and _is_here(model):
        return exported(_folder(model), TAGS[tag])
    have = ", ".join(names())
    tags = f", with the tags {', '.join(list(TAGS)[1:])}" if model in AS_FOLDER and _is_here(model) else ""
    raise NoSuchModel(f"The course has no model {name!r} here. It has {have}{tags}.")


def exported(folder: Path, kind: str) -> Path:
    """The GGUF file of a folder in Transformers' format, in the course's cache; made where it is missing or older."""
    folder = Path(folder).absolute()
    where = EXPORTED if folder.is_relative_to(ROOT) else EXPORTED / hashlib.sha256(str(folder).encode()).hexdigest()[:8]
    path = where / f"{folder.name}-{kind.lower()}.gguf"
    parts = [file.stat().st_mtime for file in folder.iterdir() if file.suffix in (".safetensors", ".json", ".jinja")]
    if not path.is_file() or path.stat().st_mtime < max(parts, default=0):
        from utils.export import gguf

        gguf.write_folder(path, folder, kind)
    return path


def given(what: str) -> tuple[str, Path]:
    """The name and the file of a model that a user names: one of the course's, a .gguf file, or a folder.

    Raises NoSuchModel, EngineError or CannotExport, each a line that says what is wrong.
    """
    path = Path(what).expanduser()
    if what.endswith(".gguf") or path.is_file():
        engine.facts(path)
        return _name_of(path.stem), path
    if path.is_dir() and (os.sep in what or "/" in what or not NAME.fullmatch(what) or what not in AS_FOLDER):
        return _name_of(path.resolve().name), exported(path, "F16")
    return what, local(what)


def _name_of(stem: str) -> str:
    """A file's name as a model's: in lower case, with other signs than letters, digits, ., _ and - replaced."""
    return re.sub(r"[^a-z0-9._-]+", "-", stem.lower()).strip("-._") or "model"


@functools.lru_cache(maxsize=16)
def _digest(path: str, _changed: float) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal digits; computed once for a file."""
    return _digest(str(path), path.stat().st_mtime)


def read_through(path: Path) -> Iterator[int]:
    """Reads a file to its end; gives the number of bytes that are read, after each four megabytes."""
    done = 0
    with Path(path).open("rb") as file:
        while block := file.read(4 << 20):
            done += len(block)
            yield done
