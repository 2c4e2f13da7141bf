"""Each exercise as a student has it: its check knows the planted mistakes, its solution is right.

One kernel a lesson, in which only the set-up cell runs, the statements whose names an exercise needs, and the exercises;
nbval runs the whole lesson. COURSE_LESSONS (numbers, as in "3" or "3 4") chooses lessons.
"""

import ast
import contextlib
import importlib
import subprocess
from pathlib import Path

import nbformat
import pytest
from notebook_form import code_cells, exercises_of, names, plain, source, tags
from test_notebooks import chosen, read

from utils import lessons
from utils.cli import environment, notebooks
from utils.io import ROOT, child_environment

pytestmark = pytest.mark.slow
SECONDS_A_CELL = 120


class Kernel:
    """Runs pieces of Python one after the other and says what came of each."""

    def __init__(self, client):
        self.client = client

    def run(self, text: str) -> tuple[str, str | None]:
        """What the piece printed or displayed as plain text, and the error that it stopped with."""
        cell = nbformat.v4.new_code_cell(text)
        self.client.nb.cells.append(cell)
        self.client.execute_cell(cell, len(self.client.nb.cells) - 1)
        said, error = [], None
        for output in cell.outputs:
            if output.output_type == "error":
                error = f"{output.ename}: {output.evalue}"
            else:
                said.append(output.get("text") or output.get("data", {}).get("text/plain", ""))
        return "\n".join(said), error


@contextlib.contextmanager
def kernel(folder: Path):
    """A kernel as `python -m utils run` starts it, in the notebook's folder."""
    client = notebooks.client_here(nbformat.v4.new_notebook())
    client.allow_errors, client.timeout = True, SECONDS_A_CELL
    variables = child_environment(**environment.REPRODUCIBLE)
    with client.setup_kernel(cwd=str(folder), env=variables, stderr=subprocess.DEVNULL):
        yield Kernel(client)


def lines_before(notebook: dict, exercises: list[dict]) -> list[str]:
    """The set-up cell, and each statement that gives the exercises a name they need, or gives one to such a statement."""
    parts = [names(each[part]) for each in exercises for part in ("stub", "check", "solution")]
    wanted = set().union(*(needed for _, needed in parts)) - set().union(*(bound for bound, _ in parts))
    found = []
    for cell in reversed(code_cells(notebook)):
        if tags(cell) & {"exercise", "check", "solution"}:
            continue
        statements = [source(cell)] if "setup" in tags(cell) else map(ast.unparse, ast.parse(plain(cell)).body)
        for text in reversed(list(statements)):
            bound, needed = names(text)
            if bound & wanted or "setup" in tags(cell):
                wanted = wanted - bound | needed
                found.append(text)
    return found[::-1]


def problems(notebook: dict, mistakes: dict[str, list[tuple[str, str]]], folder: Path) -> list[str]:
    """What goes wrong when a student runs each check untouched, makes each mistake, and reads each solution."""
    exercises = exercises_of(notebook)
    numbers = {each["number"] for each in exercises}
    found = [f"{number}: mistakes for an exercise that is not there" for number in mistakes.keys() - numbers]
    with kernel(folder) as python:
        for text in lines_before(notebook, exercises):
            _, error = python.run(text)
            if error:
                found.append(f"the lesson stops at {text.strip().splitlines()[0]!r}: {error}")
        for exercise in exercises:
            planted = mistakes.get(exercise["number"], [])
            if len(planted) < 2:
                found.append(f"{exercise['number']}: {len(planted)} planted mistakes (2 at least)")
            why = [*untouched(python, exercise)]
            for wrong, fragment in planted:
                why += mistake(python, exercise, wrong, fragment)
            found += [f"{exercise['number']}: {reason}" for reason in [*why, *solved(python, exercise)]]
    return found


def untouched(python: Kernel, exercise: dict):
    """A stub as it is must be told so, and stop nothing."""
    _, error = python.run(exercise["stub"])
    said, check_error = python.run(exercise["check"])
    if error or check_error or "not attempted yet" not in said:
        yield f"an untouched exercise is not told what to do: {said!r} {error or check_error or ''}"


def mistake(python: Kernel, exercise: dict, wrong: str, fragment: str):
    """A wrong answer has to meet the message that was written for it."""
    if exercise["name"] not in wrong or not fragment.strip():
        yield f"no mistake in {exercise['name']!r} with a fragment of its message: {wrong!r}, {fragment!r}"
        return
    _, error = python.run(wrong)
    if error:
        yield f"the mistake's own cell stops with {error}: {wrong!r}"
        return
    said, error = python.run(exercise["check"])
    if error:
        yield f"the check raises on a mistake, and would stop Run All: {error}"
    elif fragment not in said:
        yield f"a mistake is met with {said!r} and not with {fragment!r}: {wrong!r}"


def solved(python: Kernel, exercise: dict):
    """The solution passes its own strict check, and is told right where it stands in the stub's place."""
    _, error = python.run(exercise["solution"])
    if error:
        yield f"the solution does not pass its own check: {error}"
        return
    _, error = python.run(f"{exercise['name']} = {exercise['answer']}")
    said, check_error = python.run(exercise["check"])
    if error or check_error or "right." not in said or "not yet right" in said:
        yield f"the solution in the stub's place is told {said!r} {error or check_error or ''}"


def planted_in(lesson: lessons.Lesson) -> dict[str, list[tuple[str, str]]]:
    """The mistakes of mistakes/lesson_NN.py; none where there is no such file."""
    name = f"lesson_{lesson.number:02}"
    if not (Path(__file__).parent / "mistakes" / f"{name}.py").is_file():
        return {}
    return importlib.import_module(f"mistakes.{name}").MISTAKES


@pytest.mark.parametrize("lesson", chosen(), ids=lambda lesson: lesson.name)
def test_the_exercises_of_a_lesson(lesson):
    folder = lessons.notebook_path(ROOT, lesson).parent
    found = problems(read(lesson), planted_in(lesson), folder)
    assert not found, "\n".join(found)


# --- the test itself, tried on small notebooks ------------------------------------------------------------------


def small_notebook(stub: str, check: str, solution: str, cell: str = "factor = 2") -> dict:
    cells = [
        nbformat.v4.new_code_cell(
            f"import sys\n\nsys.path.insert(0, {str(ROOT)!r})\nfrom utils.course import exercises", metadata={"tags": ["setup"]}
        ),
        nbformat.v4.new_code_cell(cell),
        nbformat.v4.new_code_cell("other = 1 / 0"),
        nbformat.v4.new_code_cell(stub, metadata={"tags": ["exercise"]}),
        nbformat.v4.new_code_cell(check, metadata={"tags": ["check"]}),
        nbformat.v4.new_code_cell(solution, metadata={"tags": ["solution"]}),
    ]
    return nbformat.v4.new_notebook(cells=cells)


STUB = 'def double(value):\n    raise NotImplementedError("Exercise 3.1")'
CHECK = (
    '@exercises.check("3.1", double)\ndef check_double(attempt):\n    assert attempt(3) != 5, "Did you add two?"\n'
    '    assert attempt(3) == 6, "Twice."\n    assert attempt(0) == 0, "Zero."'
)
SOLUTION = "def double_solution(value):\n    return factor * value\n\n\ncheck_double(double_solution)"
ADDED = ("def double(value):\n    return value + 2", "Did you add two?")
FORGOT = ("def double(value):\n    2 * value", "returned None")
CRASHED = ("def double(value):\n    return value / 0", "ZeroDivisionError")


def test_a_good_exercise(tmp_path):
    """What it needs has run; another cell, which would stop the run, has not."""
    assert problems(small_notebook(STUB, CHECK, SOLUTION), {"3.1": [ADDED, FORGOT, CRASHED]}, tmp_path) == []


def test_what_is_wrong_is_found(tmp_path):
    stub = STUB.replace("    raise", "    return 2\n    raise")
    solution = "def double_solution(value):\n    return factor * value + value // 9\n\n\ncheck_double(double_solution)"
    check = CHECK.replace("attempt(0) == 0", "attempt(9) == 18")
    mistakes = {
        "3.1": [
            ("def double(value):\n    return 3 * value", "Did you add two?"),
            ("def double(value:", "x"),
            ("def triple(value): ...", "x"),
        ],
        "3.2": [],
    }
    found = "\n".join(problems(small_notebook(stub, check, solution, cell="factor = 2\nfactor += 1 / 0"), mistakes, tmp_path))
    for fragment in (
        "the lesson stops at 'factor += 1 / 0': ZeroDivisionError",
        "an untouched exercise is not told what to do",
        "a mistake is met with 'Exercise 3.1: not yet right. Twice.'",
        "the mistake's own cell stops with ",
        "no mistake in 'double'",
        "3.1: the solution does not pass its own check: AssertionError: Zero.",
        "3.2: mistakes for an exercise that is not there",
    ):
        assert fragment in found, found


def test_too_few_mistakes_and_a_check_that_raises(tmp_path):
    check = (
        CHECK
        + "\n\n\nif double.__code__.co_code == (lambda value: value + 2).__code__.co_code:\n"
        + "    raise RuntimeError('stops Run All')"
    )
    solution = SOLUTION + "\ndouble_solution = lambda value: 7"
    found = "\n".join(problems(small_notebook(STUB, check, solution), {"3.1": [ADDED]}, tmp_path))
    for fragment in ("3.1: 1 planted mistakes", "the check raises on a mistake", "the solution in the stub's place is told"):
        assert fragment in found, found
