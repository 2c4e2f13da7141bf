"""Python's own documentation: the language reference and the standard library's docstrings, as text to learn from.

The texts differ between Python's versions, so no number that depends on them may stand in a lesson's prose.
"""

from __future__ import annotations

import ast
import functools
import gc
import os
import sysconfig
import zlib
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datasets

# Folders of the standard library that some installations lack, and the tests.
LEFT_OUT = {
    "site-packages",
    "dist-packages",
    "test",
    "tests",
    "idlelib",
    "lib2to3",
    "tkinter",
    "turtledemo",
    "ensurepip",
    "distutils",
    "lib-dynload",
    "pydoc_data",
    "__pycache__",
    "__phello__",
}
SHORTEST = 40  # characters; below that a docstring is a label and no text


def documentation_set(shares: dict[str, int]) -> datasets.DatasetDict:
    """Python's documentation with the columns name and text, cut into splits by `split_of`."""
    from datasets import Dataset, DatasetDict

    rows: dict[str, list[tuple[str, str]]] = {split: [] for split in shares}
    for name, text in python_documentation():
        rows[split_of(name, shares)].append((name, text))
    return DatasetDict(
        {
            split: Dataset.from_dict({"name": [name for name, _ in pairs], "text": [text for _, text in pairs]})
            for split, pairs in rows.items()
        }
    )


@functools.lru_cache(maxsize=1)
def python_documentation() -> tuple[tuple[str, str], ...]:
    """Pairs of name and text: the topics of `help()`, then the docstrings of the standard library, sorted by name.

    The sources are parsed and never imported. A text that occurs twice is kept once.
    """
    first_name: dict[str, str] = {}  # of each text
    collecting = gc.isenabled()
    gc.disable()  # a syntax tree is many small objects, and none of them garbage: a third of the time saved
    try:
        for name, text in (*_topics(), *_library()):
            first_name.setdefault(text, name)
    finally:
        if collecting:
            gc.enable()
    return tuple((name, text) for text, name in first_name.items())


def _topics() -> Iterator[tuple[str, str]]:
    """The names and texts of the topics of `help()`."""
    from pydoc_data.topics import topics

    for name in sorted(topics):
        yield f"topic:{name}", topics[name]


def _library() -> Iterator[tuple[str, str]]:
    """The names and docstrings of the standard library."""
    library = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(_sources(library)):
        module = ".".join(path.relative_to(library).with_suffix("").parts)
        for name, text in _docstrings(path):
            if len(text) >= SHORTEST:
                yield f"{module}:{name}", text


def _sources(library: Path) -> Iterator[Path]:
    """The library's source files; the folders that are left out are not even looked into."""
    for folder, subfolders, files in os.walk(library):
        subfolders[:] = [name for name in subfolders if name not in LEFT_OUT]
        yield from (Path(folder, file) for file in files if file.endswith(".py"))


def _docstrings(path: Path) -> Iterator[tuple[str, str]]:
    """The names and docstrings of a source file's module, classes and functions; nothing where it cannot be parsed."""
    source = path.read_bytes()
    if b'"""' not in source:  # parsing is slow, and a fifth of the files has no docstring
        return
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    for node in _blocks(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            text = ast.get_docstring(node)
            if text:
                yield getattr(node, "name", ""), text


def _blocks(tree: ast.Module) -> Iterator[ast.AST]:
    """Everything that holds statements, level by level. Like `ast.walk`, past the expressions: three times faster."""
    waiting = deque([tree])
    while waiting:
        node = waiting.popleft()
        yield node
        for part in ("body", "handlers", "orelse", "finalbody", "cases"):
            children = getattr(node, part, ())
            waiting.extend(child for child in children if hasattr(child, "body") or hasattr(child, "cases"))


def split_of(name: str, shares: dict[str, int]) -> str:
    """The split that a document belongs to, by a checksum of its name: the same on every machine and in every order.

    Args:
        shares: split -> per cent, adding up to 100.

    >>> split_of("topic:for", {"train": 90, "validation": 5, "test": 5})
    'train'
    """
    place = zlib.crc32(name.encode()) % 100
    for split, share in shares.items():
        if place < share:
            return split
        place -= share
    raise ValueError(f"The shares of the splits add up to {sum(shares.values())} per cent. They must add up to 100.")
