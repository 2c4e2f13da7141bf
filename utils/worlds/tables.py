"""The tables of the worlds, data/worlds/NAME.txt: sections with rows, so that words and sentences are not code.

`[section]` begins a section; a line that begins with # is a comment; one that begins with white space continues the line
before it; columns are separated by a bar.
"""

from functools import lru_cache

from utils.io import ROOT

FOLDER = ROOT / "data" / "worlds"


@lru_cache(maxsize=None)
def _read(name: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found: dict[str, list[str]] = {}
    for line in (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("[") and line.endswith("]"):
            rows = found.setdefault(line[1:-1], [])
        elif line[0].isspace():
            rows[-1] += " " + line.strip()
        else:
            rows.append(line.rstrip())
    return tuple((section, tuple(rows)) for section, rows in found.items())


def sections(name: str) -> dict[str, list[str]]:
    """The sections of a table and the lines of each, in the table's order."""
    return {section: list(rows) for section, rows in _read(name)}


def rows(lines: list[str], between: str = "|") -> list[list[str]]:
    """The columns of each line."""
    return [[column.strip() for column in line.split(between)] for line in lines]
