"""The table of the lessons (data/lessons.toml) and the repository's address in its one place. Standard library only."""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from utils.io import ROOT, CommandError, damaged, read_text, write_atomically

TABLE = ROOT / "data" / "lessons.toml"
MEMORY_GB = 4.0  # the bound that every lesson keeps; a lesson that has run carries its own measurement

# GitHub's rules: an owner is letters, digits and single hyphens inside; a name is letters, digits, dots, _ and -.
ADDRESS = re.compile(r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}/[A-Za-z0-9._-]{1,100}")
REPOSITORY = re.compile(r'(?m)^repository = "([^"]+)"')


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


def table() -> tuple[Lesson, ...]:
    """The lessons of data/lessons.toml. Raises DamagedFile where that cannot be read."""
    try:
        lessons = tuple(Lesson(**entry) for entry in tomllib.loads(read_text(TABLE))["lesson"])
        return tuple(sorted(lessons, key=lambda lesson: lesson.number))
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(TABLE, f"it is no table of lessons ({error})") from None


LESSONS = table()


def find(number: int | str) -> Lesson:
    """The lesson of this number ("3", "03") or name ("03_tokenization", "tokenization").

    Raises UnknownLesson with the nearest one in its message.
    """
    wanted = str(number).strip().lower()
    for lesson in LESSONS:
        if wanted in (lesson.name, lesson.name[3:]) or (wanted.isdecimal() and int(wanted) == lesson.number):
            return lesson
    there = f"there is no lesson {number}: the lessons are 1 to {len(LESSONS)}. "
    if wanted[:1].isdecimal() and not wanted.isdecimal():
        raise UnknownLesson(f"{there}Give single numbers, as in 1 2 3, or a range, as in 1-3.")
    raise UnknownLesson(f'{there}The nearest is {nearest(wanted).number}, "{nearest(wanted).title}".')


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
    """The lessons of these numbers and ranges ("2-4"), each once. Raises CommandError where one is unknown or not written
    yet."""
    wanted = list(dict.fromkeys(find(number) for text in numbers for number in expand(text)))
    there = written(root)
    for lesson in wanted:
        if lesson not in there:
            numbers_there = ", ".join(str(one.number) for one in there) or "none"
            raise CommandError(
                f'lesson {lesson.number}, "{lesson.title}", is not written yet. Lessons written so far: {numbers_there}.'
            )
    return wanted


def expand(text: str) -> list[str]:
    """The numbers of a range ("2-4"); anything else as it is."""
    ends = re.fullmatch(r"(\d{1,3})-(\d{1,3})", text.strip(), re.ASCII)
    if not ends or int(ends[1]) > int(ends[2]):
        return [text]
    return [str(number) for number in range(int(ends[1]), int(ends[2]) + 1)]


def read_notebook(path: Path) -> dict:
    """A notebook as its file has it. Raises DamagedFile where it is none."""
    try:
        notebook = json.loads(read_text(path))
        for cell in notebook["cells"]:
            cell["cell_type"], cell["source"], cell["metadata"].get("tags")
        float(notebook["metadata"].get("course", {}).get("peak_mb", 0))
    except (ValueError, LookupError, TypeError, AttributeError):
        raise damaged(path, "it is no notebook") from None
    return notebook


def measured(root: Path, lesson: Lesson) -> dict:
    """What the lesson's last run recorded: {"seconds", "peak_mb", "date"}, or {} where it has not run."""
    path = notebook_path(root, lesson)
    return read_notebook(path)["metadata"].get("course", {}) if path.is_file() else {}


def address(root: Path = ROOT) -> str:
    """The repository's address, OWNER/NAME. Raises DamagedFile where the table does not say it."""
    path = root / "data" / "lessons.toml"
    if line := REPOSITORY.search(read_text(path)):
        return line[1]
    raise damaged(path, 'it has no line `repository = "OWNER/NAME"`')


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
