"""README.md says what is there: the lessons, their links and run times, the commands, the variables."""

import re

import pytest

from utils import lessons
from utils.cli import launcher
from utils.io import ROOT, SETTINGS

README = (ROOT / "README.md").read_text(encoding="utf-8")
ROWS = re.findall(r"(?m)^\| (\d+) \| (.+?) \| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", README)


def test_every_lesson_has_a_row_in_order():
    assert [int(row[0]) for row in ROWS] == [lesson.number for lesson in lessons.LESSONS]


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_a_row_says_what_is_there(row):
    number, title, _, colab, run_time, status = row
    lesson = lessons.find(number)
    assert lesson.title in title
    if lesson not in lessons.written():
        assert (colab, run_time, status) == ("-", "-", "planned")
        return
    assert status == "ready"
    assert f"(notebooks/{lesson.file})" in title
    assert f"https://colab.research.google.com/github/{lessons.address()}/blob/main/notebooks/{lesson.file}" in colab
    measured = lessons.measured(ROOT, lesson)["seconds"]
    assert measured / 2 <= int(run_time.removesuffix(" s")) <= 2 * measured


def test_every_command_is_in_the_table():
    _, commands = launcher.make_parser()
    assert re.findall(r"(?m)^\| `(\w+)[^`]*` \|", README.partition("## Commands")[2].partition("Device and Hub")[0]) == commands


def test_every_variable_is_in_the_table():
    assert re.findall(r"(?m)^\| `(COURSE_\w+)` \|", README) == list(SETTINGS)


def test_local_links_resolve():
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", README) if not target.startswith("http")]
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []
