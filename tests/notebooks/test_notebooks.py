"""The form of the lessons: of those that are written, and of a small one in which every rule is broken once.

COURSE_LESSONS (numbers, as in "3" or "3 4") chooses lessons.
"""

import base64
import os
import re

import nbformat
import notebook_form
import pytest
from notebook_form import RULES, SHOW, shortfalls, source, tags

from utils import lessons
from utils.cli.notebooks import WIDGET_VIEW
from utils.course.runtime import ROOT, SCORECARD_MIME


def chosen() -> list[lessons.Lesson]:
    """The lessons that are written, or those of them that COURSE_LESSONS names."""
    wanted = [lessons.find(number) for number in re.findall(r"\w+", os.environ.get("COURSE_LESSONS", ""))]
    return [lesson for lesson in lessons.written(ROOT) if not wanted or lesson in wanted]


def read(lesson: lessons.Lesson) -> dict:
    return nbformat.read(lessons.notebook_path(ROOT, lesson), as_version=4)


# --- the lessons ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lesson", chosen(), ids=lambda lesson: lesson.name)
def test_the_form_of_a_lesson(lesson):
    found = shortfalls(read(lesson), lesson)
    assert not found, "\n".join(found)


def test_the_set_up_cell_is_the_same_in_all_lessons():
    cells = {notebook_form.setup_without_number(read(lesson)) for lesson in lessons.written(ROOT)}
    assert len(cells) <= 1


def test_every_notebook_is_a_lesson():
    there = {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert there <= {lesson.file for lesson in lessons.LESSONS}


@pytest.mark.parametrize("number", SHOW)
def test_the_table_of_what_is_shown(number):
    assert lessons.find(number) and all(re.compile(fragment) for fragment in SHOW[number])


# --- a small lesson that is as it should be ---------------------------------------------------------------------

LESSON = lessons.find(3)
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
WORDS = "A token is a piece of text that the model reads as one symbol and not as letters. " * 6


def markdown(text: str) -> dict:
    return nbformat.v4.new_markdown_cell(text, metadata={"slideshow": {"slide_type": "slide"}})


def code(text: str, *outputs: dict, tag: str = "", **metadata) -> dict:
    names = {"tags": tag.split()} if tag else {}
    return nbformat.v4.new_code_cell(
        text, outputs=list(outputs), metadata={"slideshow": {"slide_type": "-"}} | names | metadata
    )


def printed(text: str, name: str = "stdout") -> dict:
    return nbformat.v4.new_output("stream", name=name, text=text + "\n")


def displayed(data: dict, metadata: dict | None = None) -> dict:
    return nbformat.v4.new_output("display_data", data, metadata=metadata or {})


def figure(alt: str = "a line that rises") -> dict:
    return displayed({"image/png": PNG, "text/plain": alt}, {"image/png": {"alt": alt}})


def card(*claims: str) -> dict:
    rows = [{"claim": claim, "measured": 0.123, "bound": "<= 1", "holds": True} for claim in claims]
    return displayed({SCORECARD_MIME: rows, "text/plain": "a table"})


def exercise(k: int) -> list[dict]:
    return [
        markdown(f"### Exercise 3.{k}: double (difficulty 1, 5 minutes)\n\nWrite a function that doubles."),
        code(f'def double_{k}(value):\n    raise NotImplementedError("Exercise 3.{k}")', tag="exercise"),
        markdown("<details><summary>Hint</summary>\n\nAdd it to itself.\n</details>"),
        code(
            f'from utils import exercises\n\n\n@exercises.check("3.{k}", double_{k})\ndef check_double_{k}(attempt):\n'
            f'    assert attempt(3) == 6, "Twice."',
            displayed({"text/plain": f"Exercise 3.{k}: not attempted yet."}),
            tag="check",
        ),
        code(
            f"#@title Solution\ndef double_{k}_solution(value):\n    return 2 * value\n\n\n"
            f"check_double_{k}(double_{k}_solution)",
            tag="solution",
            cellView="form",
            jupyter={"source_hidden": True},
        ),
    ]


def good_notebook() -> dict:
    """A lesson in which every rule is kept."""
    badge = f"https://colab.research.google.com/github/{lessons.REPOSITORY}/blob/main/notebooks/{LESSON.file}"
    cells = [
        markdown(
            f"# 3 · {LESSON.title}\n\n"
            f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({badge}) · level 1 of 3 · "
            "needs no other lesson · [notation](../data/notation.md) · [glossary](../data/glossary.md)\n\n"
            "| what it costs | time | memory | download |\n|---|---|---|---|\n"
            "| CPU, two cores (measured 2026-11-22) | 45 s | 1.2 GB | none |\n"
            "| Colab T4 (estimated) | 1 min | 2 GB | 0.1 GB |"
        ),
        markdown("## You will be able to\n\n1. cut;\n2. count;\n3. compare."),
        markdown("## Set-up\n\nThe same cell opens every lesson."),
        code(
            'import os\n\nos.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")\n'
            f'REPOSITORY = "{lessons.REPOSITORY}"\nfrom utils import runtime\n\nrun = runtime.start(lesson=3)',
            printed(
                "lesson    3 - Tokenization\ndevice    cpu, float32; 1 CPU thread\nHub       not reachable or switched off"
            ),
            tag="setup nbval-ignore-output",
        ),
    ]
    for number in range(1, 10):
        cells += [
            markdown(f"## {number}. Section {number}\n\n{WORDS}"),
            code(f"value_{number} = {number}\nassert value_{number} == {number}\nplots.show(drawn, alt='a line')", figure()),
            markdown(f"### What you see\n\n{WORDS}"),
        ]
    cells += [
        markdown(
            f"See [attention](04_attention_mechanisms.ipynb) and [the questions](#Check-yourself).\n\n$$a! = b$$\n\n{WORDS}"
        ),
        code("from utils import widgets\n\nwidgets.explore(draw, alt='a line', size=slider)", figure()),
        markdown("## 10. The library way\n\nIn one call."),
        code(
            "if runtime.hub('loads a model', 'the Hub'):\n    load()",
            printed("No Hub in this run"),
            tag="hub nbval-ignore-output",
        ),
        markdown("## 11. On a GPU\n\nLarger."),
        code("if runtime.gpu('trains', 'a GPU'):\n    train()", printed("No GPU in this run"), tag="gpu nbval-ignore-output"),
        markdown("## 12. Where it goes wrong\n\nHere."),
        markdown("## Check yourself\n\n" + "<details><summary>Why?</summary>\n\nSo.\n</details>\n\n" * 5),
        markdown("## Exercises\n\nEach has a cell to write in."),
        *(cell for k in range(1, 5) for cell in exercise(k)),
        markdown("## Scorecard\n\nWhat was claimed."),
        code(
            "card = runtime.Scorecard(lesson=3)\ncard.show()",
            card("merges identical", "lossless on any Unicode", "more"),
            tag="scorecard",
        ),
        code(
            "speed = runtime.Scorecard(lesson=3)\nspeed.show()",
            card("training times faster"),
            tag="scorecard nbval-ignore-output",
        ),
        markdown(
            "## Summary\n\n1. One.\n2. Two.\n3. Three.\n4. Four.\n5. Five.\n\n"
            "New words: [glossary](../data/glossary.md). "
            "Sennrich (2015, arXiv 1508.07909).\n\nNext: [attention](04_attention_mechanisms.ipynb)."
        ),
    ]
    for count, cell in enumerate([cell for cell in cells if cell.cell_type == "code"], start=1):
        cell.execution_count = count
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel, "course": {"seconds": 44, "peak_mb": 910}})


def test_a_good_notebook_has_no_shortfall():
    assert shortfalls(good_notebook(), LESSON) == []


# --- every rule, broken -----------------------------------------------------------------------------------------


def first(notebook: dict, fragment: str) -> dict:
    """The first cell that holds the fragment."""
    return next(cell for cell in notebook.cells if fragment in source(cell))


def tagged(notebook: dict, tag: str) -> dict:
    return next(cell for cell in notebook.cells if tag in tags(cell))


def replace(old: str, new: str):
    def break_it(notebook):
        cell = first(notebook, old)
        cell.source = cell.source.replace(old, new)

    return break_it


def append(text: str):
    return lambda notebook: notebook.cells[4].update(source=notebook.cells[4].source + text)


def with_output(output: dict):
    return lambda notebook: first(notebook, "value_1").outputs.append(output)


def row(place: int, **changes):
    """Changes a row of the first scorecard."""
    return lambda notebook: tagged(notebook, "scorecard").outputs[0].data[SCORECARD_MIME][place].update(changes)


def without(fragment: str):
    return lambda notebook: notebook.cells.remove(first(notebook, fragment))


def move(fragment: str, place: int):
    def break_it(notebook):
        cell = first(notebook, fragment)
        notebook.cells.remove(cell)
        notebook.cells.insert(place, cell)

    return break_it


def swapped_rows(notebook):
    rows = tagged(notebook, "scorecard").outputs[0].data[SCORECARD_MIME]
    rows[0], rows[2] = rows[2], rows[0]


def swapped_show_items(notebook):
    rows = tagged(notebook, "scorecard").outputs[0].data[SCORECARD_MIME]
    rows[0], rows[1] = rows[1], rows[0]


def one_card(notebook):
    """The row about time in the card that nbval compares."""
    first_card, second_card = [cell for cell in notebook.cells if "scorecard" in tags(cell)]
    first_card.outputs[0].data[SCORECARD_MIME] += second_card.outputs[0].data[SCORECARD_MIME]


def ignore_everything(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.metadata.tags = [*tags(cell), "nbval-ignore-output"]


def clear(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None


def code_only(notebook):
    notebook.cells[5:5] = [code(f"x_{i} = {i}") for i in range(12)]


PLANTED = [
    ("valid", "no valid", lambda notebook: notebook.cells[4].update(output="none")),
    ("kernel", "'conda-env'", lambda notebook: notebook.metadata.kernelspec.update(name="conda-env")),
    ("kernel", "None", lambda notebook: notebook.metadata.pop("kernelspec")),
    ("size", "MB", with_output(printed("x" * 1_000_000))),
    ("machine_paths", "/home/ada", with_output(printed("/home/ada/course"))),
    ("machine_paths", "/Users/ada", append("\n\nsaved to /Users/ada/course")),
    ("machine_paths", "Users", with_output(printed(r"C:\Users\ada"))),
    ("machine_paths", "path of one", with_output(printed(f"{ROOT}/utils/runtime.py"))),
    ("executed", "1..n", clear),
    ("executed", "1..n", lambda notebook: first(notebook, "value_2").update(execution_count=99)),
    ("executed", "no output", lambda notebook: tagged(notebook, "check").update(outputs=[])),
    ("executed", "prints or shows", lambda notebook: first(notebook, "value_3").update(outputs=[])),
    ("no_errors", "error", with_output(nbformat.v4.new_output("error", ename="E", evalue="", traceback=[]))),
    ("no_errors", "stderr", with_output(printed("a warning", name="stderr"))),
    ("no_widget_state", "metadata", lambda notebook: notebook.metadata.update(widgets={"state": {}})),
    ("no_widget_state", "view", with_output(displayed({WIDGET_VIEW: {}, "text/plain": "IntSlider()"}))),
    ("no_traces", "address in memory", with_output(printed("<function f at 0x7f3a26389050>"))),
    ("no_traces", "progress", with_output(printed("50%|#####     | 5/10 [00:01<00:01, 4.9it/s]"))),
    ("no_traces", "progress", with_output(printed("step 1\rstep 2"))),
    ("no_traces", "colors", with_output(printed("\x1b[31mred"))),
    (
        "on_cpu_without_hub",
        "CPU",
        lambda notebook: tagged(notebook, "setup").outputs[0].update(text="device    cuda (T4)\nHub       not reachable"),
    ),
    (
        "on_cpu_without_hub",
        "Hub",
        lambda notebook: tagged(notebook, "setup").outputs[0].update(text="device    cpu\nHub       reachable"),
    ),
    (
        "figures",
        "4 at least",
        lambda notebook: [first(notebook, f"value_{i}").update(outputs=[printed("")]) for i in range(1, 8)],
    ),
    ("figures", "alternative text", lambda notebook: first(notebook, "value_1").outputs[0].update(metadata={})),
    (
        "figures",
        "alternative text",
        lambda notebook: first(notebook, "value_1").outputs[0].metadata["image/png"].update(alt=" "),
    ),
    ("figures", "SVG", with_output(displayed({"image/svg+xml": "<svg/>"}))),
    ("figures", "plt.show", replace("value_1 = 1", "plt.show()")),
    ("widget", "no widget", replace("widgets.explore(draw", "plots.show(draw")),
    ("widget", "static figure", lambda notebook: first(notebook, "widgets.explore").update(outputs=[printed("")])),
    ("badges", "link to Colab", replace("/github/", "/gist/")),
    ("badges", "link to Colab", replace("03_tokenization.ipynb", "04_attention_mechanisms.ipynb")),
    ("badges", "level", replace("level", "grade")),
    ("badges", "needs", replace("needs no", "after no")),
    ("badges", "someone/else", append("\n\n[open](https://colab.research.google.com/github/someone/else/blob/main/x.ipynb)")),
    ("cost_box", "no cost box", replace("| what it costs | time", "| what it costs | duration")),
    ("cost_box", "T4", replace("| Colab T4", "| Colab")),
    ("cost_box", "measured", replace("measured 2026-11-22", "estimated")),
    ("cost_box", "seconds", replace("| 45 s |", "| 5 min |")),
    ("cost_box", "peak_mb", replace("| 1.2 GB |", "| 200 MB |")),
    ("cost_box", "no number", replace("| 45 s |", "| short |")),
    ("setup", "0 cells", lambda notebook: tagged(notebook, "setup").metadata.update(tags=[])),
    ("setup", "2 cells", lambda notebook: notebook.cells.append(code(tagged(notebook, "setup").source, tag="setup"))),
    ("setup", "first code cell", lambda notebook: notebook.cells.insert(1, code("x = 1"))),
    ("setup", "nbval-ignore-output", lambda notebook: tagged(notebook, "setup").metadata.update(tags=["setup"])),
    ("setup", "start(lesson=3)", replace("lesson=3", "lesson=4")),
    ("setup", "address", replace('REPOSITORY = "', 'REPOSITORY = "x')),
    ("setup", "OMP_WAIT_POLICY", replace("OMP_WAIT_POLICY", "OMP_NUM_THREADS")),
    ("title", "only heading", append("\n\n# Another title")),
    ("title", "only heading", replace("# 3 ·", "## 3 ·")),
    ("title", "number", replace("# 3 ·", "#")),
    ("title", "number", replace(LESSON.title, "Something else")),
    ("heading_levels", "skipped", replace("### What you see", "#### What you see")),
    ("sections", "'The library way'", replace("The library way", "With the library")),
    ("sections", "'Where it goes wrong'", without("Where it goes wrong")),
    ("sections", "order", move("## Check yourself", 3)),
    (
        "sections",
        "three sections",
        lambda notebook: [replace(f"## {i}. Section", "### Section")(notebook) for i in range(1, 8)],
    ),
    ("goals", "2 points", replace("\n3. compare.", "")),
    ("goals", "6 points", replace("3. compare.", "3. c.\n4. d.\n5. e.\n6. f.")),
    ("gates", "no cell tagged gpu", lambda notebook: tagged(notebook, "gpu").metadata.update(tags=[])),
    ("gates", "no cell tagged gpu", move("runtime.gpu(", 6)),
    ("gates", "without its gate", replace("if runtime.hub('loads a model', 'the Hub'):", "if True:")),
    (
        "questions",
        "4 folded",
        lambda notebook: first(notebook, "## Check yourself").update(source="## Check yourself\n" + "<details>x</details>" * 4),
    ),
    ("summary", "arXiv", replace("arXiv 1508.07909", "a paper")),
    ("summary", "4 lines", replace("5. Five.", "")),
    (
        "summary",
        "glossary",
        lambda notebook: (
            replace("[glossary](../data/glossary.md)", "none")(notebook)
            or replace("New words: [glossary](../data/glossary.md)", "")(notebook)
        ),
    ),
    ("summary", "next lesson", replace("Next: [attention](04_attention_mechanisms.ipynb)", "The end")),
    ("exercises", "4 times or more", lambda notebook: [without("double_4")(notebook) for _ in range(3)]),
    ("exercises", "in this order", lambda notebook: tagged(notebook, "solution").metadata.update(tags=[])),
    ("exercises", "in this order", lambda notebook: tagged(notebook, "check").metadata.update(tags=["exercise"])),
    ("exercises", "outside of the section", move("def double_1(value)", 6)),
    ("exercises", "difficulty", replace("difficulty 1, 5 minutes", "easy")),
    ("exercises", "Exercise 3.2", replace("### Exercise 3.2", "### Exercise 3.7")),
    ("exercises", "no folded hint", without("<details><summary>Hint")),
    ("exercises", "NotImplementedError", replace('raise NotImplementedError("Exercise 3.1")', "return value")),
    (
        "exercises",
        "NotImplementedError",
        replace('raise NotImplementedError("Exercise 3.3")', 'raise NotImplementedError("Exercise 3.2")'),
    ),
    ("exercises", "no function decorated", replace('@exercises.check("3.2"', '@exercises.check("3.5"')),
    ("exercises", "no function decorated", replace('@exercises.check("3.1", double_1)', "")),
    ("exercises", "does not define", replace('"3.1", double_1)', '"3.1", twice)')),
    ("exercises", "strict check", replace("check_double_1(double_1_solution)", "pass")),
    ("exercises_stay_inside", "'double_2'", replace("value_5 = 5", "value_5 = double_2(5)")),
    ("exercises_stay_inside", "'double_1_solution'", replace("value_5 = 5", "double_1_solution = 5")),
    ("folded_solutions", "JupyterLab", lambda notebook: tagged(notebook, "solution").metadata.update(jupyter={})),
    ("folded_solutions", "Colab", lambda notebook: tagged(notebook, "solution").metadata.pop("cellView")),
    ("folded_solutions", "Colab", replace("#@title Solution\n", "")),
    (
        "scorecard",
        "no scorecard",
        lambda notebook: [cell.outputs[0].data.pop(SCORECARD_MIME) for cell in notebook.cells if "scorecard" in tags(cell)],
    ),
    (
        "scorecard",
        "no list",
        lambda notebook: tagged(notebook, "scorecard").outputs[0].data.update({SCORECARD_MIME: {"rows": []}}),
    ),
    ("scorecard", "no list", row(1, unit="s")),
    ("scorecard", "does not hold", row(1, holds=False)),
    ("scorecard", "does not hold", row(1, holds="yes")),
    ("scorecard", "not rounded", row(0, measured=0.123456789)),
    ("scorecard", "second scorecard cell", one_card),
    ("scorecard", "not tagged", lambda notebook: tagged(notebook, "scorecard").metadata.update(tags=[])),
    (
        "scorecard",
        "2 rows",
        lambda notebook: [
            cell.outputs[0].data[SCORECARD_MIME].__delitem__(slice(1, None))
            for cell in notebook.cells
            if "scorecard" in tags(cell)
        ],
    ),
    ("show_items", "lossless", row(1, claim="something else")),
    ("show_items", "in this order", swapped_rows),
    ("show_items", "in this order", swapped_show_items),
    ("known_tags", "raises-exception", lambda notebook: first(notebook, "value_1").metadata.update(tags=["raises-exception"])),
    ("known_tags", "solutions", lambda notebook: tagged(notebook, "solution").metadata.tags.append("solutions")),
    ("slides", "cell 4 ", lambda notebook: notebook.cells[4].metadata.pop("slideshow")),
    ("slides", "cell 4 ", lambda notebook: notebook.cells[4].metadata.slideshow.update(slide_type="page")),
    ("volatile", "a third", ignore_everything),
    ("volatile", "NBVAL", replace("value_1 = 1", "# NBVAL_IGNORE_OUTPUT\nvalue_1 = 1")),
    ("lengths", "39 cells", lambda notebook: notebook.cells.__delitem__(slice(4, 4 + len(notebook.cells) - 39))),
    (
        "lengths",
        "101 cells",
        lambda notebook: notebook.cells.extend(markdown("More.") for _ in range(101 - len(notebook.cells))),
    ),
    ("lengths", "words", lambda notebook: [cell.update(source=cell.source.replace(WORDS, "Few.")) for cell in notebook.cells]),
    ("lengths", "words", append(" word" * 4000)),
    ("lengths", "text cells", code_only),
    ("lengths", "longest code cell", replace("value_1 = 1", "\n".join(f"a_{i} = {i}" for i in range(41)))),
    (
        "lengths",
        "median",
        lambda notebook: [
            cell.update(source=cell.source + "\nx = 1" * 12) for cell in notebook.cells if cell.cell_type == "code"
        ],
    ),
    ("lengths", "empty", lambda notebook: notebook.cells.append(markdown(" "))),
    ("code", "no Python", replace("value_1 = 1", "value_1 =")),
    ("code", "characters", replace("value_1 = 1", "value_1 = '" + "x" * 160 + "'")),
    ("code", "proved", lambda notebook: [cell.update(source=cell.source.replace("assert ", "")) for cell in notebook.cells]),
    ("wording", "TODO", append("\n\nTODO: a picture")),
    ("wording", "FIXME", replace("value_1 = 1", "value_1 = 1  # FIXME")),
    ("wording", "delve", append("\n\nHere we delve deeper.")),
    ("wording", "Now we will", append("\n\nNow we will train.")),
    ("wording", "exclamation", append("\n\nIt works!")),
    ("links", "leads nowhere", append("\n\n[there](../data/nothing.md)")),
    ("links", "leads nowhere", append("\n\n[there](30_no_lesson.ipynb)")),
    ("links", "leads nowhere", append("\n\n<a href='../nothing.md'>there</a>")),
    ("links", "leads nowhere", append("\n\n[there](/data/notation.md)")),
    ("links", "heading", append("\n\n[there](#No-such-heading)")),
    ("links", "notation.md", replace("[notation](../data/notation.md)", "none")),
    ("images", "another site", append("\n\n![a picture](https://example.com/picture.png)")),
    ("images", "another site", append("\n\n<img src='//example.com/picture.png' alt='x'>")),
    ("images", "not there", append("\n\n![a picture](images/picture.png)")),
    ("images", "not attached", append("\n\n![a picture](attachment:picture.png)")),
    ("images", "alternative text", append("\n\n![](attachment:picture.png)")),
]


@pytest.mark.parametrize("rule, fragment, break_it", PLANTED, ids=[f"{rule}-{fragment[:24]}" for rule, fragment, _ in PLANTED])
def test_a_broken_rule_is_found(rule, fragment, break_it):
    notebook = good_notebook()
    break_it(notebook)
    found = [why for why in shortfalls(notebook, LESSON) if why.startswith(f"{rule}: ")]
    assert any(fragment in why for why in found), found


def test_every_rule_is_broken_once():
    assert {rule for rule, _, _ in PLANTED} == {rule.__name__ for rule in RULES}


def test_a_lesson_that_show_does_not_know():
    notebook = good_notebook()
    assert any(why.startswith("show_items: SHOW") for why in shortfalls(notebook, lessons.find(25)))


def test_the_set_up_cell_without_its_number():
    notebook, other = good_notebook(), good_notebook()
    replace("lesson=3", "lesson=12")(other)
    assert notebook_form.setup_without_number(notebook) == notebook_form.setup_without_number(other) != ""
    replace("PASSIVE", "ACTIVE")(other)
    assert notebook_form.setup_without_number(notebook) != notebook_form.setup_without_number(other)
