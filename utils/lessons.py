"""The table of the lessons (data/lessons.toml) and the repository's address in its one place. Standard library only."""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from utils.io import ROOT, CommandError, write_atomically

TABLE = ROOT / "data" / "lessons.toml"
MEMORY_GB = 4.0  # the bound that every lesson keeps; a lesson that has run carries its own measurement

# GitHub's rules: an owner is letters, digits and single hyphens inside; a name is letters, digits, dots, _ and -.
ADDRESS = re.compile(r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}/[A-Za-z0-9._-]{1,100}")
REPOSITORY = re.compile(rb'(?m)^repository = "([^"]+)"')


class UnknownLesson(CommandError):
    """There is no such lesson; the message names the nearest one."""


@dataclass(frozen=True)
class Lesson:
    """One lesson: what it is called and what it gains from more than a laptop.

    `gpu` and `hub` say what a GPU and the Hub add (empty: nothing); `tools` names what lives in an environment or
    a program of its own.
    """

    name: str
    title: str
    level: str
    gpu: str = ""
    hub: str = ""
    tools: str = ""

    @property
    def number(self) -> int:
        return int(self.name[:2])

    @property
    def file(self) -> str:
        return f"{self.name}.ipynb"


LESSONS = tuple(Lesson(**entry) for entry in tomllib.loads(TABLE.read_text(encoding="utf-8"))["lesson"])


def find(number: int | str) -> Lesson:
    """The lesson of this number ("3", "03") or name ("03_tokenization", "tokenization").

    Raises UnknownLesson with the nearest one in its message.
    """
    wanted = str(number).strip().lower()
    for lesson in LESSONS:
        if wanted in (lesson.name, lesson.name[3:]) or (wanted.isdecimal() and int(wanted) == lesson.number):
            return lesson
    raise UnknownLesson(
        f"there is no lesson {number}: the lessons are 1 to {len(LESSONS)}. "
        f'The nearest is {nearest(wanted).number}, "{nearest(wanted).title}".'
    )


def nearest(wanted: str) -> Lesson:
    """The lesson whose number, or else name, is closest to what was asked for."""
    if re.fullmatch(r"-?\d+", wanted):
        return min(LESSONS, key=lambda lesson: abs(lesson.number - int(wanted)))
    return max(LESSONS, key=lambda lesson: difflib.SequenceMatcher(None, wanted, lesson.name[3:]).ratio())


def notebook_path(root: Path, lesson: Lesson) -> Path:
    """Where the lesson's notebook lies under the course's root."""
    return root / "notebooks" / lesson.file


def written(root: Path = ROOT) -> list[Lesson]:
    """The lessons whose notebook exists, in order."""
    return [lesson for lesson in LESSONS if notebook_path(root, lesson).is_file()]


def chosen(numbers: list[str], root: Path) -> list[Lesson]:
    """The lessons of these numbers, each once. Raises CommandError where one is unknown or not written yet."""
    wanted = list(dict.fromkeys(find(number) for number in numbers))
    there = written(root)
    for lesson in wanted:
        if lesson not in there:
            numbers_there = ", ".join(str(one.number) for one in there) or "none"
            raise CommandError(
                f'lesson {lesson.number}, "{lesson.title}", is not written yet. Lessons written so far: {numbers_there}.'
            )
    return wanted


def measured(root: Path, lesson: Lesson) -> dict:
    """What the lesson's last run recorded: {"seconds", "peak_mb", "date"}, or {} where it has not run."""
    path = notebook_path(root, lesson)
    if not path.is_file():
        return {}
    return json.loads(path.read_text(encoding="utf-8"))["metadata"].get("course", {})


def address(root: Path = ROOT) -> str:
    """The repository's address, OWNER/NAME."""
    return REPOSITORY.search((root / "data" / "lessons.toml").read_bytes())[1].decode()


def stamp_address(new: str, root: Path) -> list[Path]:
    """Writes the repository's address where the old one stands; returns the files that changed.

    The address is plain ASCII, so in a notebook it is replaced in the bytes: nothing else in the file moves.
    The table is written last: an interrupted call leaves the old address known, and the next one finishes.
    """
    if not ADDRESS.fullmatch(new) or new.endswith((".git", "/.", "/..")):
        raise CommandError(
            f'"{new}" is not a repository\'s address. Give its owner and name, as in: python -m utils address OWNER/NAME'
        )
    old = re.escape(address(root).encode())
    whole = re.compile(rb"(?<![\w.-])" + old + rb"(?![\w-]|\.(?!git\b)\w)")
    files = [root / "README.md", *sorted((root / "notebooks").glob("*.ipynb")), root / "data" / "lessons.toml"]
    changes = {}
    for path in filter(Path.is_file, files):
        text = path.read_bytes()
        if (stamped := whole.sub(new.encode(), text)) != text:
            changes[path] = stamped
    for path, stamped in changes.items():
        write_atomically(path, stamped)
    return list(changes)
