"""What the lessons must have: those that are written, and a small one in which every rule is broken.

COURSE_LESSONS (numbers, as in "3" or "3 4") chooses lessons.
"""

import os
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from notebook_form import RULES, SCORECARD, names, shortfalls, source, tags

from utils import lessons
from utils.cli.notebooks import WIDGET_VIEW
from utils.io import ROOT


def chosen() -> list[lessons.Lesson]:
    """The lessons that are written, or those of them that COURSE_LESSONS names."""
    wanted = [lessons.find(number) for number in re.findall(r"\w+", os.environ.get("COURSE_LESSONS", ""))]
    return [lesson for lesson in lessons.written(ROOT) if not wanted or lesson in wanted]


def read(lesson: lessons.Lesson) -> dict:
    return nbformat.read(lessons.notebook_path(ROOT, lesson), as_version=4)


@pytest.mark.parametrize("lesson", chosen(), ids=lambda lesson: lesson.name)
def test_the_form_of_a_lesson(lesson):
    notebook = read(lesson)
    nbformat.validate(notebook)
    found = shortfalls(notebook)
    assert not found, "\n".join(found)


def test_the_set_up_cell_is_the_same_in_all_lessons():
    cells = [source(cell) for lesson in lessons.written(ROOT) for cell in read(lesson).cells if "setup" in tags(cell)]
    assert len(cells) == len(lessons.written(ROOT)) and len({re.sub(r"lesson=\d+", "", text) for text in cells}) <= 1
    assert all(f'REPOSITORY = "{lessons.address()}"' in text for text in cells)
    assert all(text.find("OMP_WAIT_POLICY") < text.find("from utils") for text in cells)


def test_every_notebook_is_a_lesson():
    there = {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert there <= {lesson.file for lesson in lessons.LESSONS}


def test_names_that_are_bound_and_needed():
    text = "import torch as t\nfrom a import b\nc, d = 1, [x + e for x in y]\ndef f(p):\n    q = p + g\n    return len(q)"
    more = "\nfor i in z: pass\nc += h\nj = {k: v for k, v in w if (m := k)}"
    assert names(text + more) == ({*"tbcdfijm"}, {*"eygzhcw"})


# --- a small lesson in which every rule is kept, and broken -------------------------------------------------------


def printed(text: str, name: str = "stdout") -> dict:
    return new_output("stream", name=name, text=text)


def displayed(data: dict, **metadata: dict) -> dict:
    return new_output("display_data", data, metadata=metadata)


def code(text: str, *outputs: dict, tag: str = "") -> dict:
    return new_code_cell(text, outputs=list(outputs), metadata={"tags": tag.split()})


def figure(**metadata: dict) -> dict:
    return displayed({"image/png": "iVBORw0KGgo="}, **({"image/png": {"alt": "a line"}} | metadata))


def card(**changes) -> dict:
    return displayed({SCORECARD: [{"claim": "equal", "measured": 1, "bound": "= 1", "holds": True} | changes]})


SET_UP = "from utils.course import exercises, plots, runtime, scorecard\n\ncard = scorecard.Scorecard(lesson=3)\nprint(1)"
STUB = 'def double(value):\n    raise NotImplementedError("Exercise 3.1")'
CHECK = '@exercises.check("3.1", double)\ndef check_double(attempt):\n    assert attempt(3) == 6'
SOLUTION = "#@title Solution\ndef double_solution(value):\n    return 2 * value\n\n\ncheck_double(double_solution)"


def good_notebook() -> dict:
    cells = [
        new_markdown_cell("# 3 · Tokenization\n\n[![Colab](https://img.shields.io/x)](https://x.org) [the end](#The-end)"),
        code(SET_UP, printed("1"), tag="setup nbval-ignore-output"),
        code("value = 2"),
        code("from utils.data import catalog\n\nrows = catalog.load('reviews')\nplots.show(rows, alt='a line')", figure()),
        code("if runtime.gpu('trains'):\n    import no_such_package", printed("none"), tag="gpu"),
        code(STUB, tag="exercise"),
        code(CHECK, printed("not attempted yet"), tag="check"),
        code(SOLUTION, tag="solution"),
        code("card.show()", card(), tag="scorecard"),
        new_markdown_cell("## The end\n\n[next](04_attention_mechanisms.ipynb) [words](../data/glossary.md) `[x](y.md)`"),
    ]
    for count, cell in enumerate([cell for cell in cells if cell.cell_type == "code"], start=1):
        cell.execution_count = count
    return new_notebook(cells=cells)


def change(place: int, **fields):
    return lambda notebook: notebook.cells[place].update(**fields)


def replace(place: int, old: str, new: str):
    return lambda notebook: notebook.cells[place].update(source=notebook.cells[place].source.replace(old, new))


def output(place: int, *outputs: dict):
    return change(place, outputs=list(outputs))


def write(text: str):
    return lambda notebook: notebook.cells.append(new_markdown_cell(text))


PLANTED = [
    ("executed", "1..n", change(2, execution_count=9)),
    ("executed", "missing: print", replace(2, "value = 2", "print(2)")),
    ("executed", "missing: @exercises", output(6)),
    ("executed", "error or stderr", output(2, new_output("error", ename="E", evalue="", traceback=[]))),
    ("executed", "error or stderr", output(2, printed("a warning", name="stderr"))),
    ("light", "MB", output(2, printed("x" * 1_000_000))),
    ("light", "widget", lambda notebook: notebook.metadata.update(widgets={})),
    ("light", "widget", output(2, displayed({WIDGET_VIEW: {}}))),
    ("known_tags", "solutions", change(2, metadata={"tags": ["solutions"]})),
    ("imports", "no_such_module", replace(3, "from utils.data", "from utils.no_such_module")),
    ("imports", "no_such_name", replace(3, "import catalog", "import catalog, no_such_name")),
    ("imports", "no_such_package", replace(2, "value = 2", "import no_such_package")),
    ("imports", "utils.no_such_gate", replace(4, "no_such_package", "utils.no_such_gate")),
    ("imports", "value is bound nowhere", replace(2, "value = 2", "first = value")),
    ("imports", "utils.data.catalog has no unload", replace(3, "catalog.load(", "catalog.unload(")),
    ("figures", "alternative", output(3, figure(**{"image/png": {"alt": " "}}))),
    ("figures", "SVG", output(3, displayed({"image/svg+xml": "<svg/>"}))),
    ("scorecard", "no scorecard", output(8, printed("a table"))),
    ("scorecard", "no row", output(8, card(unit="s"))),
    ("scorecard", "does not hold", output(8, card(holds=False))),
    ("exercises", "no exercise", lambda notebook: [notebook.cells.pop(5) for _ in range(3)]),
    ("exercises", "in this order", change(7, metadata={})),
    ("exercises", "no function", replace(6, "@exercises", "# exercises")),
    ("exercises", "the stub defines double", replace(5, "double", "twice")),
    ("exercises", "on an answer of its own", replace(7, "check_double(double_solution)", "")),
    ("exercises", "must raise", replace(5, 'raise NotImplementedError("Exercise 3.1")', "return value")),
    ("exercises", "double is used outside", replace(8, "card.show()", "double(2)")),
    ("exercises", "double_solution is used outside", replace(2, "value = 2", "double_solution = 2")),
    ("links", "nothing.md", write("[there](../data/nothing.md)")),
    ("links", "/data/glossary.md", write("<a href='/data/glossary.md'>there</a>")),
    ("links", "30_no_lesson.ipynb", write("[there](30_no_lesson.ipynb)")),
    ("links", "#No-such-heading", write("[there](#No-such-heading)")),
    ("links", "picture.png", write("![a picture](picture.png)")),
    ("images", "another site", write("![a picture](https://example.com/picture.png)")),
    ("images", "another site", write("<img alt='x' src='//example.com/picture.png'>")),
    ("images", "not attached", write("![a picture](attachment:picture.png)")),
    ("images", "without alternative", write("![](attachment:picture.png)")),
    ("images", "without alternative", write("<img src='attachment:picture.png'>")),
]


def test_a_good_notebook_has_no_shortfall():
    assert shortfalls(good_notebook()) == []


@pytest.mark.parametrize("rule, fragment, break_it", PLANTED, ids=[f"{rule}-{fragment[:24]}" for rule, fragment, _ in PLANTED])
def test_a_broken_rule_is_found(rule, fragment, break_it):
    notebook = good_notebook()
    break_it(notebook)
    found = [why for why in shortfalls(notebook) if why.startswith(f"{rule}: ")]
    assert any(fragment in why for why in found), shortfalls(notebook)


def test_every_rule_is_broken():
    assert {rule for rule, _, _ in PLANTED} == {rule.__name__ for rule in RULES}
