"""The form that every lesson has. `shortfalls` says where a notebook falls short of it; the tests try it both ways.

Each rule is a generator of sentences: nothing comes out of it where the notebook is as it should be. The name of the
rule stands before each sentence.
"""

import ast
import json
import os
import re
import statistics
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import nbformat

from utils import lessons
from utils.cli.notebooks import WIDGET_VIEW, source, tags
from utils.course.runtime import ROOT, SCORECARD_MIME, round_to
from utils.lessons import Lesson

# What each lesson's scorecard must prove first, in this order: a regular expression for each claim.
SHOW = {
    1: [
        r"English to French",
        r"Python to JavaScript",
        r"question answering",
        r"text generation",
        r"summarizing",
        r"classification into categories",
        r"sentiment",
        r"named entities",
    ],
    2: [r"torch\.nn\.Transformer", r"exact match on whole dates"],
    3: [r"merges identical", r"lossless|unchanged|round trip", r"times faster"],
    4: [r"scaled_dot_product_attention", r"MultiheadAttention", r"future token", r"entropy"],
    5: [
        r"order task without positions",
        r"order task solved with",
        r"T5.s buckets",
        r"ALiBi.s slopes",
        r"beyond the training length",
    ],
    6: [
        r"from scratch.*above the majority",
        r"macro-F1, above",
        r"beside it.*from scratch",
        r"beside it.*TF-IDF",
        r"beside it.*MiniLM",
        r"beside it.*bag of words",
        r"from scratch minus TF-IDF",
        r"learning curve",
        r"resumed equals unbroken: weights",
    ],
}

SECTIONS = [
    "You will be able to",
    "Set-up",
    "The library way",
    "On a GPU",
    "Where it goes wrong",
    "Check yourself",
    "Exercises",
    "Scorecard",
    "Summary",
]
TAGS = {"setup", "exercise", "check", "solution", "gpu", "hub", "scorecard", "nbval-ignore-output"}
SLIDE_TYPES = {"slide", "subslide", "fragment", "skip", "notes", "-"}
LONGEST_LINE = 160  # characters of code; above that a slide and a small screen cut it off
BADGES = re.compile(r"https://(colab\.research\.google\.com|img\.shields\.io)/")
ABOUT_TIME = re.compile(r"\b(faster|slower|speed-?up|seconds?|milliseconds?|tokens a second)\b", re.IGNORECASE)
FILLER = re.compile(
    r"\b(delve|now we will|let's dive|in this (section|notebook|lesson),? we (will|are going to))\b", re.IGNORECASE
)


class View:
    """A notebook, read as the rules need it."""

    def __init__(self, notebook: dict, lesson: Lesson, folder: Path):
        self.notebook, self.lesson, self.folder = notebook, lesson, folder
        self.cells: list[dict] = notebook["cells"]

    @cached_property
    def code(self) -> list[dict]:
        return [cell for cell in self.cells if cell["cell_type"] == "code" and source(cell).strip()]

    @cached_property
    def prose(self) -> list[dict]:
        return [cell for cell in self.cells if cell["cell_type"] == "markdown"]

    @cached_property
    def text(self) -> str:
        """All prose, without code blocks, inline code and HTML comments."""
        joined = "\n\n".join(source(cell) for cell in self.prose)
        return re.sub(r"(?s)<!--.*?-->|```.*?```|`[^`\n]*`|<code>.*?</code>", " ", joined)

    @cached_property
    def outputs(self) -> list[dict]:
        return [output for cell in self.code for output in cell["outputs"]]

    @cached_property
    def headings(self) -> list[tuple[int, int, str]]:
        """Place of the cell, level and text of every heading. A number before the text is left out."""
        found = []
        for place, cell in enumerate(self.cells):
            if cell["cell_type"] == "markdown":
                for marks, text in re.findall(r"(?m)^(#{1,6}) +(.+?)\s*$", re.sub(r"(?s)```.*?```", "", source(cell))):
                    found.append((place, len(marks), re.sub(r"^\d+\. ", "", text)))
        return found

    def tagged(self, tag: str) -> list[dict]:
        return [cell for cell in self.cells if tag in tags(cell)]

    def section(self, name: str) -> list[dict]:
        """The cells from the heading of a section to the next one of the same level."""
        starts = [place for place, level, _ in self.headings if level == 2]
        for place, level, text in self.headings:
            if level == 2 and text.lower().startswith(name.lower()):
                return self.cells[place : next((start for start in starts if start > place), None)]
        return []

    @cached_property
    def cards(self) -> list[tuple[dict, list]]:
        """Each scorecard cell with its rows."""
        found = [
            (cell, data[SCORECARD_MIME]) for cell in self.code for data in bundles(cell["outputs"]) if SCORECARD_MIME in data
        ]
        return [(cell, card if isinstance(card, list) else [{"no": "list"}]) for cell, card in found]

    @cached_property
    def links(self) -> list[str]:
        """The targets of all links and images in the prose."""
        return re.findall(r"\]\(<?([^)>\s]+)>?(?:\s+\"[^\"]*\")?\)", self.text) + re.findall(
            r"(?:href|src)=[\"']([^\"']+)", self.text
        )


def bundles(outputs: list[dict]) -> list[dict]:
    return [output["data"] for output in outputs if "data" in output]


def output_text(cell: dict) -> str:
    """What a code cell printed or displayed as plain text."""
    pieces = [output.get("text", output.get("data", {}).get("text/plain", "")) for output in cell["outputs"]]
    return "\n".join(piece if isinstance(piece, str) else "".join(piece) for piece in pieces)


def first_line(cell: dict) -> str:
    return (source(cell).strip().splitlines() or [""])[0][:60]


def parsed(cell: dict) -> ast.Module:
    """The syntax tree of a code cell; lines for IPython (%, !) count as empty. Raises SyntaxError."""
    return ast.parse(re.sub(r"(?m)^(\s*)[%!].*$", r"\1pass", source(cell)))


# --- the file ---------------------------------------------------------------------------------------------------


def valid(view: View) -> Iterator[str]:
    try:
        nbformat.validate(nbformat.from_dict(view.notebook))
    except nbformat.ValidationError as error:
        yield f"no valid notebook: {str(error).splitlines()[0]}"


def kernel(view: View) -> Iterator[str]:
    name = view.notebook["metadata"].get("kernelspec", {}).get("name")
    if name != "python3":
        yield f"the kernel is {name!r} and must be 'python3', which every machine has"


def size(view: View) -> Iterator[str]:
    megabytes = len(json.dumps(view.notebook, indent=1, ensure_ascii=False).encode("utf-8", "replace")) / 1e6
    if megabytes >= 1:
        yield f"{megabytes:.2f} MB (under 1)"


def machine_paths(view: View) -> Iterator[str]:
    text = json.dumps(view.notebook, ensure_ascii=False)
    own = {str(ROOT), str(Path.home())} - {"/", "/content/course"}
    for found in sorted(
        set(re.findall(r"/home/\w+|/Users/\w+|[A-Za-z]:(?:\\\\)+Users", text)) | {path for path in own if path + "/" in text}
    ):
        yield f"a path of one machine: {found}"


# --- executed ---------------------------------------------------------------------------------------------------


def executed(view: View) -> Iterator[str]:
    counts = [cell["execution_count"] for cell in view.code]
    if counts != list(range(1, len(counts) + 1)):
        yield "the execution counts are not 1..n: `python -m utils run` executes it whole"
    for cell in view.code:
        if tags(cell) & {"setup", "check", "gpu", "hub", "scorecard"} and not cell["outputs"]:
            yield f"no output: {first_line(cell)}"
        calls = re.search(r"\b(print|plots\.show|widgets\.explore|\.show)\(", re.sub(r"(?m)^ +.*$", "", source(cell)))
        if calls and not cell["outputs"]:
            yield f"it prints or shows, and there is no output: {first_line(cell)}"


def no_errors(view: View) -> Iterator[str]:
    if any(output["output_type"] == "error" for output in view.outputs):
        yield "an error is among the outputs"
    if any(output.get("name") == "stderr" for output in view.outputs):
        yield "stderr is among the outputs"


def no_widget_state(view: View) -> Iterator[str]:
    if "widgets" in view.notebook["metadata"]:
        yield "widget state in the metadata: GitHub shows nothing then"
    if any(WIDGET_VIEW in data for data in bundles(view.outputs)):
        yield "a widget's view is among the outputs"


def no_traces(view: View) -> Iterator[str]:
    """Nothing in the outputs that is only a trace of how the run went."""
    for cell in view.code:
        text = output_text(cell)
        if re.search(r" at 0x[0-9a-f]{6,}", text):
            yield f"an address in memory is printed: {first_line(cell)}"
        if "\r" in text or re.search(r"\d(it/s|s/it)\b", text):
            yield f"a progress bar is among the outputs: {first_line(cell)}"
        if "\x1b[" in text:
            yield f"terminal colors are among the outputs: {first_line(cell)}"


def on_cpu_without_hub(view: View) -> Iterator[str]:
    """The outputs come from a run on the CPU without the Hub."""
    for cell in view.tagged("setup"):
        if not re.search(r"(?m)^device +cpu\b", output_text(cell)):
            yield "the run card does not say that the device is the CPU"
        if not re.search(r"(?m)^Hub +not reachable", output_text(cell)):
            yield "the run card does not say that there is no Hub"


# --- what is drawn ----------------------------------------------------------------------------------------------


def figures(view: View) -> Iterator[str]:
    pngs = [output for output in view.outputs if "image/png" in output.get("data", {})]
    if len(pngs) < 4:
        yield f"{len(pngs)} figures (4 at least)"
    for output in pngs:
        if not output.get("metadata", {}).get("image/png", {}).get("alt", "").strip():
            yield "a figure without alternative text in the output's metadata: plots.show(figure, alt=...)"
    if any("image/svg+xml" in data for data in bundles(view.outputs)):
        yield "an SVG is among the outputs: it carries a date"
    if any(re.search(r"\bplt\.show\(", source(cell)) for cell in view.code):
        yield "plt.show() leaves no alternative text: plots.show(figure, alt=...)"


def widget(view: View) -> Iterator[str]:
    drawn = [cell for cell in view.code if "widgets.explore(" in source(cell)]
    if not drawn:
        yield "no widget: widgets.explore(...)"
    for cell in drawn:
        if not any("image/png" in data for data in bundles(cell["outputs"])):
            yield f"a widget without a static figure: {first_line(cell)}"


# --- the beginning ----------------------------------------------------------------------------------------------


def badges(view: View) -> Iterator[str]:
    first = source(view.cells[0])
    address = f"https://colab.research.google.com/github/{lessons.REPOSITORY}/blob/main/notebooks/{view.lesson.file}"
    if address not in first:
        yield f"the first cell has no link to Colab: {address}"
    if not re.search(r"\blevel\b", first, re.IGNORECASE):
        yield "the first cell does not say the level"
    if not re.search(r"\bneeds?\b", first):
        yield "the first cell does not say which lessons it needs"
    for owner in set(re.findall(r"colab\.research\.google\.com/github/([^/]+/[^/]+)/", view.text)) - {lessons.REPOSITORY}:
        yield f"a link to Colab has another address than utils/lessons.py: {owner}"


def cost_box(view: View) -> Iterator[str]:
    """A table under the title: time, memory and download on CPU (measured), T4 and a larger GPU."""
    rows = [
        [part.strip() for part in line.strip("| ").split("|")]
        for line in source(view.cells[0]).splitlines()
        if line.startswith("|")
    ]
    if not rows or not all(word in " ".join(rows[0]) for word in ("time", "memory", "download")):
        yield "the first cell has no cost box: a table with the columns time, memory, download"
        return
    cpu = [row for row in rows if row[0].startswith("CPU")]
    if not any("T4" in row[0] for row in rows):
        yield "the cost box has no row for a T4"
    if not cpu or not re.search(r"measured \d{4}-\d{2}-\d{2}", cpu[0][0]):
        yield "the cost box has no row 'CPU ... (measured YYYY-MM-DD)'"
        return
    recorded = view.notebook["metadata"].get("course", {})
    units = {"s": 1, "second": 1, "min": 60, "minute": 60, "MB": 1, "GB": 1000}
    for name, cell in (("seconds", cpu[0][1]), ("peak_mb", cpu[0][2])):
        said = re.match(r"(?:about |under )?(\d+(?:\.\d+)?) (second|minute|s|min|MB|GB)", cell)
        if not said:
            yield f"the cost box says {cell!r}, which is no number of s, min, MB or GB"
        elif name in recorded:
            value = float(said[1]) * units[said[2]]
            if not recorded[name] / 3 <= value <= recorded[name] * 3:
                yield f"the cost box says {cell!r}, the last run took {recorded[name]} ({name})"


def setup(view: View) -> Iterator[str]:
    cells = view.tagged("setup")
    if len(cells) != 1:
        yield f"{len(cells)} cells tagged setup (1)"
        return
    (cell,), text = cells, source(cells[0])
    if cell is not view.code[0]:
        yield "the set-up cell is not the first code cell"
    if "nbval-ignore-output" not in tags(cell):
        yield "the set-up cell is not tagged nbval-ignore-output: the run card differs from machine to machine"
    if f"runtime.start(lesson={view.lesson.number})" not in text:
        yield f"the set-up cell does not call runtime.start(lesson={view.lesson.number})"
    if f'REPOSITORY = "{lessons.REPOSITORY}"' not in text:
        yield "the set-up cell has another address than utils/lessons.py"
    if not 0 <= text.find("OMP_WAIT_POLICY") < text.find("from utils"):
        yield "the set-up cell does not set OMP_WAIT_POLICY before the first import of the course"


def setup_without_number(notebook: dict) -> str:
    """The set-up cell, the same in all lessons once the lesson's number is taken out."""
    return "\n".join(re.sub(r"lesson=\d+", "lesson=N", source(cell)) for cell in notebook["cells"] if "setup" in tags(cell))


# --- the sections -----------------------------------------------------------------------------------------------


def title(view: View) -> Iterator[str]:
    levels = [level for _, level, _ in view.headings]
    if levels[:1] != [1] or levels.count(1) != 1 or view.headings[0][0] != 0:
        yield "the first cell must begin with the only heading of the first level"
    elif view.lesson.title.lower() not in view.headings[0][2].lower() or not re.search(
        rf"\b{view.lesson.number}\b", view.headings[0][2]
    ):
        yield f"the title must hold the lesson's number and {view.lesson.title!r}"


def heading_levels(view: View) -> Iterator[str]:
    levels = [(level, text) for _, level, text in view.headings]
    for (above, _), (level, text) in zip(levels, levels[1:]):
        if level > above + 1:
            yield f"a heading's level is skipped before {text!r}"


def sections(view: View) -> Iterator[str]:
    found = [text.lower() for _, level, text in view.headings if level == 2]
    places = [next((place for place, text in enumerate(found) if text.startswith(name.lower())), None) for name in SECTIONS]
    for name, place in zip(SECTIONS, places):
        if place is None:
            yield f"no section {name!r}"
    there = [place for place in places if place is not None]
    if there != sorted(there):
        yield f"the sections are not in the order {', '.join(SECTIONS)}"
    if None not in places and places[2] - places[1] < 4:
        yield "fewer than three sections of its own between the set-up and the library"


def goals(view: View) -> Iterator[str]:
    points = re.findall(r"(?m)^(?:\d+\.|[-*]) ", "\n".join(source(cell) for cell in view.section("You will be able to")))
    if not 3 <= len(points) <= 5:
        yield f"{len(points)} points under 'You will be able to' (3-5)"


def gates(view: View) -> Iterator[str]:
    if not any("gpu" in tags(cell) for cell in view.section("On a GPU")):
        yield "no cell tagged gpu in the section 'On a GPU'"
    for tag in ("gpu", "hub"):
        for cell in view.tagged(tag):
            if f"runtime.{tag}(" not in source(cell):
                yield f"a cell tagged {tag} without its gate, runtime.{tag}(...): {first_line(cell)}"


def questions(view: View) -> Iterator[str]:
    folded = "\n".join(source(cell) for cell in view.section("Check yourself")).count("<details>")
    if folded != 5:
        yield f"{folded} folded answers under 'Check yourself' (5)"


def summary(view: View) -> Iterator[str]:
    text = "\n".join(source(cell) for cell in view.section("Summary"))
    if not re.search(r"arxiv(\.org/abs/|[: ]) ?\d{4}\.\d{4,5}", text, re.IGNORECASE):
        yield "no paper with its arXiv number in the summary"
    if len(re.findall(r"(?m)^\d+\. ", text)) != 5:
        yield f"{len(re.findall(r'(?m)^[0-9]+[.] ', text))} lines in the summary (5)"
    if "data/glossary.md" not in text:
        yield "the summary's new words have no link to the glossary"
    if view.lesson.number < len(lessons.LESSONS) and lessons.find(view.lesson.number + 1).file not in text:
        yield "the summary has no link to the next lesson"


# --- exercises --------------------------------------------------------------------------------------------------


def exercise_cells(view: View) -> list[tuple[str, list[dict]]]:
    """The cells of the section, each with its role in an exercise, or with its kind where it has none."""
    roles = ("exercise", "check", "solution")
    return [
        (next((role for role in roles if role in tags(cell)), cell["cell_type"]), cell) for cell in view.section("Exercises")
    ]


def exercises(view: View) -> Iterator[str]:
    """Text with difficulty and minutes, stub, hint, check, solution; four times at least, numbered N.1 and so on."""
    cells = [(role, cell) for role, cell in exercise_cells(view) if role in ("exercise", "check", "solution")]
    inside = [cell for _, cell in cells]
    if any(tags(cell) & {"exercise", "check", "solution"} and cell not in inside for cell in view.cells):
        yield "a cell of an exercise outside of the section 'Exercises'"
    roles = [role for role, _ in cells]
    if roles != ["exercise", "check", "solution"] * (len(roles) // 3) or len(roles) < 12:
        yield f"stub, check, solution, in this order, 4 times or more, make the exercises: {' '.join(roles)}"
        return
    texts = texts_before(view)
    for k in range(len(cells) // 3):
        number = f"{view.lesson.number}.{k + 1}"
        stub, check, solution = (cell for _, cell in cells[3 * k : 3 * k + 3])
        heading, hint = texts[3 * k], texts[3 * k + 1]
        if not re.search(rf"Exercise {re.escape(number)}\b.*difficulty \d.*\d+ minutes?", heading, re.IGNORECASE | re.DOTALL):
            yield f"no 'Exercise {number} ... difficulty D, M minutes' before its stub"
        if "<details>" not in heading + hint:
            yield f"exercise {number} has no folded hint before its check"
        if not re.search(rf"raise NotImplementedError(\(\"Exercise {re.escape(number)}\"\))?$", source(stub), re.MULTILINE):
            yield f'the stub of exercise {number} does not raise NotImplementedError("Exercise {number}")'
        yield from one_check(number, stub, check, solution)


def texts_before(view: View) -> list[str]:
    """For each stub, check and solution the text between it and the cell of an exercise before it."""
    texts, collected = [], []
    for role, cell in exercise_cells(view):
        if role in ("exercise", "check", "solution"):
            texts.append("\n".join(collected))
            collected = []
        else:
            collected.append(source(cell))
    return texts


def one_check(number: str, stub: dict, check: dict, solution: dict) -> Iterator[str]:
    try:
        name, strict = checked_name(check, number)
        if name not in bound_names(parsed(stub)):
            yield f"the check of exercise {number} checks {name!r}, which its stub does not define"
        if not strict_call(solution, strict):
            yield f"the solution of exercise {number} does not call the strict check, {strict}(...)"
    except (SyntaxError, LookupError):
        yield f'the check of exercise {number} is no function decorated with @exercises.check("{number}", ...)'


def checked_name(check: dict, number: str) -> tuple[str, str]:
    """The name that a check cell checks, and the check's own name. Raises LookupError where it is no such check."""
    for node in parsed(check).body:
        if isinstance(node, ast.FunctionDef):
            for call in node.decorator_list:
                if ast.unparse(call).startswith(f"exercises.check({number!r}, "):
                    return ast.unparse(call.args[1]), node.name
    raise LookupError(number)


def strict_call(solution: dict, strict: str) -> str | None:
    """What the solution cell hands to the strict check; None where it does not call it."""
    for node in parsed(solution).body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == strict:
            return ast.unparse(node.value.args[0])
    return None


def bound_names(tree: ast.Module) -> set[str]:
    """The functions, classes and variables that a cell defines at its top level; imports do not count."""
    names = set()
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            names |= {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
    return names


def exercises_stay_inside(view: View) -> Iterator[str]:
    """Nothing outside of an exercise uses its names."""
    inside, outside = set(), {}
    for cell in view.code:
        try:
            tree = parsed(cell)
        except SyntaxError:
            continue  # the rule `code` says so
        if tags(cell) & {"exercise", "check", "solution"}:
            inside |= bound_names(tree)
        else:
            names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} | bound_names(tree)
            outside |= {name: first_line(cell) for name in names}
    for name in sorted(inside & set(outside)):
        yield f"the name {name!r} of an exercise is used outside of it: {outside[name]}"


def folded_solutions(view: View) -> Iterator[str]:
    for cell in view.tagged("solution"):
        if cell["metadata"].get("jupyter", {}).get("source_hidden") is not True:
            yield f"a solution is not folded in JupyterLab (source_hidden): {first_line(cell)}"
        if cell["metadata"].get("cellView") != "form" or not re.match(r"# ?@title\b", source(cell)):
            yield f"a solution is not folded on Colab (cellView form and a first line #@title): {first_line(cell)}"


# --- the scorecard ----------------------------------------------------------------------------------------------


def scorecard(view: View) -> Iterator[str]:
    if not view.cards:
        yield f"no scorecard: no output of type {SCORECARD_MIME}"
    rows = [row for _, card in view.cards for row in card]
    if any(not isinstance(row, dict) or set(row) != {"claim", "measured", "bound", "holds"} for row in rows):
        yield "a scorecard is no list of {claim, measured, bound, holds}"
        return
    if len(rows) < 3:
        yield f"{len(rows)} rows in the scorecard (3 at least)"
    for cell, card in view.cards:
        if "scorecard" not in tags(cell):
            yield f"a scorecard's cell is not tagged scorecard: {first_line(cell)}"
        for row in card:
            if row["holds"] is not True:
                yield f"a claim does not hold: {row['claim']}"
            if isinstance(row["measured"], float) and row["measured"] != round_to(row["measured"], 4):
                yield f"a measured value is not rounded: {row['claim']}: {row['measured']}"
            if ABOUT_TIME.search(row["claim"]) and "nbval-ignore-output" not in tags(cell):
                yield f"a row about time needs a second scorecard cell, tagged nbval-ignore-output: {row['claim']}"


def show_items(view: View) -> Iterator[str]:
    """The first rows are what the lesson must show, in that order; those about time in the card for time."""
    wanted = SHOW.get(view.lesson.number)
    if wanted is None:
        yield f"SHOW in tests/notebook_form.py says nothing of lesson {view.lesson.number}"
        return
    claims = [[str(row.get("claim")) for row in card] for _, card in view.cards]
    missing = [
        fragment for fragment in wanted if not any(re.search(fragment, claim, re.I) for card in claims for claim in card)
    ]
    if missing:
        yield f"no row of the scorecard claims: {', '.join(missing)}"
        return
    found: list[str] = []
    for card in claims:
        shown = [
            next((fragment for fragment in wanted if fragment not in found and re.search(fragment, claim, re.I)), None)
            for claim in card
        ]
        leading = shown[: shown.index(None)] if None in shown else shown
        for fragment in leading:
            if fragment not in found:
                found.append(fragment)
    if found != wanted:
        they = ", ".join(found) or "others"
        yield f"the first rows of the scorecard must be, in this order: {', '.join(wanted)}; they are: {they}"


# --- the cells --------------------------------------------------------------------------------------------------


def known_tags(view: View) -> Iterator[str]:
    for tag in sorted(set().union(*map(tags, view.cells)) - TAGS):
        yield f"an unknown tag: {tag}"


def slides(view: View) -> Iterator[str]:
    for place, cell in enumerate(view.cells):
        if cell["metadata"].get("slideshow", {}).get("slide_type") not in SLIDE_TYPES:
            yield f"cell {place} has no slide type"


def volatile(view: View) -> Iterator[str]:
    """nbval must compare what it can."""
    ignored = sum("nbval-ignore-output" in tags(cell) for cell in view.code)
    if ignored > len(view.code) / 3:
        yield f"{ignored} of {len(view.code)} code cells ignore their output (a third at most)"
    if any("NBVAL_" in source(cell) for cell in view.code):
        yield "a comment for nbval (# NBVAL_...): use the tag nbval-ignore-output"


def lengths(view: View) -> Iterator[str]:
    lines = [sum(bool(line.strip()) for line in source(cell).splitlines()) for cell in view.code] or [0]
    text = "\n".join(source(cell) for cell in view.prose)
    words = len(re.findall(r"\w+", re.sub(r"(?s)\$\$.*?\$\$|<[^>]+>|\$[^$\n]*\$|```.*?```", " ", text)))
    if not 40 <= len(view.cells) <= 100:
        yield f"{len(view.cells)} cells (40-100)"
    if not 1800 <= words <= 5000:
        yield f"{words} words of prose (1,800-5,000)"
    if not 1.1 * len(view.code) <= len(view.prose) <= 2.2 * len(view.code):
        yield f"{len(view.prose)} text cells to {len(view.code)} code cells (1.1-2.2 to 1)"
    if max(lines) > 40:
        yield f"the longest code cell has {max(lines)} lines (40 at most)"
    if statistics.median(lines) > 12:
        yield f"the median code cell has {statistics.median(lines)} lines (12 at most)"
    if any(not source(cell).strip() for cell in view.cells):
        yield "an empty cell"


def code(view: View) -> Iterator[str]:
    everything = "\n".join(source(cell) for cell in view.code)
    for cell in view.code:
        try:
            parsed(cell)
        except SyntaxError:
            yield f"this is no Python: {first_line(cell)}"
        if max(map(len, source(cell).splitlines())) > LONGEST_LINE:
            yield f"a line of more than {LONGEST_LINE} characters: {first_line(cell)}"
    if not re.search(r"assert_close|assert_equal|\bassert ", everything):
        yield "nothing is proved equal to a reference (assert_close)"


def wording(view: View) -> Iterator[str]:
    outside = "\n".join(source(cell) for cell in view.code if not tags(cell) & {"exercise", "solution"})
    if found := re.search(r"TODO|FIXME|lorem ipsum", view.text + outside):
        yield f"{found[0]} is left over"
    plain = re.sub(r"(?s)\$\$.*?\$\$|\$[^$\n]*\$|^>.*?$", " ", view.text, flags=re.MULTILINE)
    if found := FILLER.search(plain):
        yield f"filler: {found[0]}"
    if found := re.search(r"\w+!(?=[\s)]|$)", plain):
        yield f"an exclamation mark: {found[0]}"


# --- links ------------------------------------------------------------------------------------------------------


def links(view: View) -> Iterator[str]:
    """Every link inside the course leads to a file that is there, or to a lesson that is to come."""
    known = {lesson.file for lesson in lessons.LESSONS}
    for target in view.links:
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        if not path:
            if anchor.lower() not in {slug(text) for text in raw_headings(view)}:
                yield f"a link to a heading that is not there: #{anchor}"
        elif path.startswith("/") or not (there(view.folder, path) or path in known):
            yield f"a link that leads nowhere: {target}"
    for page in ("notation.md", "glossary.md"):
        if f"../data/{page}" not in view.links:
            yield f"no link to ../data/{page}"


def there(folder: Path, path: str) -> bool:
    return Path(os.path.normpath(folder / path)).is_file()


def raw_headings(view: View) -> list[str]:
    return [text for cell in view.prose for text in re.findall(r"(?m)^#{1,6} +(.+?)\s*$", source(cell))]


def slug(heading: str) -> str:
    """The anchor of a heading, in lower case: Jupyter keeps the capitals, GitHub does not."""
    return re.sub(r"\s", "-", heading.strip()).lower()


def images(view: View) -> Iterator[str]:
    """No picture lies on another site; every picture lies where the notebook says."""
    for cell in view.prose:
        attached = cell.get("attachments", {})
        for target in re.findall(r"!\[[^\]]*\]\(([^)\s]+)", source(cell)) + re.findall(
            r"<img[^>]+src=[\"']([^\"']+)", source(cell)
        ):
            if target.startswith("attachment:"):
                if target.removeprefix("attachment:") not in attached:
                    yield f"a picture that is not attached: {target}"
            elif re.match(r"(https?:)?//", target):
                if not BADGES.match(target):
                    yield f"a picture from another site: {target}"
            elif not target.startswith("data:") and not there(view.folder, target):
                yield f"a picture that is not there: {target}"
        for alt in re.findall(r"!\[([^\]]*)\]\(", source(cell)):
            if not alt.strip():
                yield "a picture in the text without alternative text"


RULES = [
    valid,
    kernel,
    size,
    machine_paths,
    executed,
    no_errors,
    no_widget_state,
    no_traces,
    on_cpu_without_hub,
    figures,
    widget,
    badges,
    cost_box,
    setup,
    title,
    heading_levels,
    sections,
    goals,
    gates,
    questions,
    summary,
    exercises,
    exercises_stay_inside,
    folded_solutions,
    scorecard,
    show_items,
    known_tags,
    slides,
    volatile,
    lengths,
    code,
    wording,
    links,
    images,
]


def shortfalls(notebook: dict, lesson: Lesson, folder: Path = ROOT / "notebooks") -> list[str]:
    """Where a notebook falls short of the form: "rule: what is wrong", nothing where it is as it should be.

    Args:
        folder: where the notebook lies; links are read from there.
    """
    view = View(notebook, lesson, folder)
    return [f"{rule.__name__}: {why}" for rule in RULES for why in rule(view)]
