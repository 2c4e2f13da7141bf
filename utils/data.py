"""Texts that every Python brings along: the language reference and the standard library's docstrings.

They differ between versions of Python, so no number that depends on them may stand in a lesson's prose.
"""

import ast
import functools
import sysconfig
import zlib
from pathlib import Path

# Folders of the standard library that some installations lack, and the tests.
LEFT_OUT = {"site-packages", "dist-packages", "test", "tests", "idlelib", "lib2to3", "tkinter", "turtledemo", "ensurepip",
            "distutils", "lib-dynload", "pydoc_data", "__pycache__", "__phello__"}  # fmt: skip
SHORTEST = 40  # characters; below that a docstring is a label and no text


@functools.lru_cache(maxsize=1)
def python_documentation() -> tuple[tuple[str, str], ...]:
    """Pairs of name and text: the topics of `help()`, then the docstrings of the standard library, sorted by name.

    The sources are parsed and never imported. A text that occurs twice is kept once.
    """
    first_name: dict[str, str] = {}  # of each text
    for name, text in (*_topics(), *_library()):
        first_name.setdefault(text, name)
    return tuple((name, text) for text, name in first_name.items())


def _topics():
    """The names and texts of the topics of `help()`."""
    from pydoc_data.topics import topics

    for name in sorted(topics):
        yield f"topic:{name}", topics[name]


def _library():
    """The names and docstrings of the standard library."""
    library = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(library.rglob("*.py")):
        relative = path.relative_to(library)
        if LEFT_OUT.isdisjoint(relative.parts):
            for name, text in _docstrings(path):
                if len(text) >= SHORTEST:
                    yield f"{'.'.join(relative.with_suffix('').parts)}:{name}", text


def _docstrings(path: Path):
    """The names and docstrings of a source file's module, classes and functions; nothing where it cannot be parsed."""
    source = path.read_bytes()
    if b'"""' not in source:  # parsing is slow, and a fifth of the files has no docstring
        return
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            text = ast.get_docstring(node)
            if text:
                yield getattr(node, "name", ""), text


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
