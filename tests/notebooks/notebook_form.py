"""What a lesson must have so that it works: `shortfalls` says what it lacks. Its style is for readers to judge.

Each rule is a generator of sentences: nothing comes out of it where the notebook is as it should be.
"""

import ast
import builtins
import importlib
import json
import os
import re
import symtable
from collections.abc import Iterator
from pathlib import Path

from utils import lessons
from utils.cli.notebooks import WIDGET_VIEW, source, tags
from utils.course.scorecard import MIME as SCORECARD
from utils.io import ROOT

ROLES = ("exercise", "check", "solution")
TAGS = {"setup", *ROLES, "gpu", "hub", "scorecard", "predict", "open-task", "more", "nbval-ignore-output"}
BADGES = re.compile(r"https://(colab\.research\.google\.com|img\.shields\.io)/")


def code_cells(notebook: dict) -> list[dict]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code" and source(cell).strip()]


def prose_cells(notebook: dict) -> list[dict]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "markdown"]


def bundles(cell: dict) -> list[dict]:
    return [output["data"] for output in cell["outputs"] if "data" in output]


def first_line(cell: dict) -> str:
    return source(cell).strip().splitlines()[0][:60]


def plain(cell: dict) -> str:
    """A code cell's Python; lines for IPython (%, !) count as empty."""
    return re.sub(r"(?m)^(\s*)[%!].*$", r"\1pass", source(cell))


class AsGenerators(ast.NodeTransformer):
    """Every comprehension as a generator: from Python 3.12 on the others' variables count as those of the code around."""

    def visit_ListComp(self, node):
        return self.generic_visit(ast.GeneratorExp(node.elt, node.generators))

    visit_SetComp = visit_ListComp

    def visit_DictComp(self, node):
        return self.generic_visit(ast.GeneratorExp(ast.Tuple([node.key, node.value], ast.Load()), node.generators))


def names(text: str) -> tuple[set[str], set[str]]:
    """The names that a piece of Python binds at its top level, and those that it needs. Raises SyntaxError."""
    tree = ast.parse(text)
    added_to = {node.target.id for node in tree.body if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name)}
    top = symtable.symtable(ast.unparse(AsGenerators().visit(tree)), "cell", "exec")
    bound = {name.get_name() for name in top.get_symbols() if name.is_assigned() or name.is_imported()}
    used, tables = {name.get_name() for name in top.get_symbols() if name.is_referenced()}, list(top.get_children())
    while tables:
        table = tables.pop()
        shared = [name for name in table.get_symbols() if name.is_global()]
        used |= {name.get_name() for name in shared if name.is_referenced()}
        bound |= {name.get_name() for name in shared if name.is_assigned()}
        tables += table.get_children()
    return bound, (used | added_to) - set(dir(builtins))


# --- the file ---------------------------------------------------------------------------------------------------


def executed(notebook: dict) -> Iterator[str]:
    counts = [cell["execution_count"] for cell in code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield "the execution counts are not 1..n: `python -m utils run` executes it whole"
    for cell in code_cells(notebook):
        top_level = re.sub(r"(?m)^ +.*$", "", source(cell))
        speaks = re.search(r"\b(print|plots\.show|widgets\.explore|\.show)\(", top_level)
        if (speaks or tags(cell) & {"setup", "check", "gpu", "hub", "scorecard"}) and not cell["outputs"]:
            yield f"an output is missing: {first_line(cell)}"
        if any(output["output_type"] == "error" or output.get("name") == "stderr" for output in cell["outputs"]):
            yield f"an error or stderr is among the outputs: {first_line(cell)}"


def light(notebook: dict) -> Iterator[str]:
    """What GitHub can show."""
    megabytes = len(json.dumps(notebook, indent=1, ensure_ascii=False).encode("utf-8", "replace")) / 1e6
    if megabytes >= 1:
        yield f"{megabytes:.2f} MB (under 1)"
    views = [data for cell in code_cells(notebook) for data in bundles(cell) if WIDGET_VIEW in data]
    if "widgets" in notebook["metadata"] or views:
        yield "a widget's state is saved: GitHub shows nothing then"


def known_tags(notebook: dict) -> Iterator[str]:
    for tag in sorted(set().union(*map(tags, notebook["cells"])) - TAGS):
        yield f"an unknown tag: {tag}"


def imports(notebook: dict) -> Iterator[str]:
    """Everything that a cell imports is there, what it asks a module of the course for too, and every name is bound.

    A package that the course does not require may be missing behind a gate.
    """
    modules, bound = {}, {"display", "get_ipython"}
    for cell in code_cells(notebook):
        stored, needed = names(plain(cell))
        modules = {name: module for name, module in modules.items() if name not in stored}
        bound |= stored
        for name in sorted(needed - bound):
            yield f"{name} is bound nowhere before: {first_line(cell)}"
        tree = ast.parse(plain(cell))
        for node in (node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)):
            for alias in node.names:
                try:
                    modules[alias.asname or alias.name] = imported(getattr(node, "module", None), alias.name)
                except (ImportError, AttributeError) as error:
                    if "utils" in ast.unparse(node) or not tags(cell) & {"gpu", "hub"}:
                        yield f"{ast.unparse(node)}: {error}"
        for node in (node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
            module = modules.get(node.value.id)
            if getattr(module, "__name__", "").startswith("utils.") and not hasattr(module, node.attr):
                yield f"{module.__name__} has no {node.attr}"


def imported(module: str | None, name: str):
    """The module that `import name` or `from module import name` binds; None where it is no module.

    What stands in `dir` is not fetched: Transformers would import its model.
    """
    found = importlib.import_module(module or name)
    if module is None or name in dir(found):
        return found if module is None else vars(found).get(name)
    return importlib.import_module(f"{module}.{name}")


# --- figures and the scorecard ----------------------------------------------------------------------------------


def figures(notebook: dict) -> Iterator[str]:
    for cell in code_cells(notebook):
        for output in cell["outputs"]:
            kinds = output.get("data", {})
            if "image/svg+xml" in kinds:
                yield f"an SVG is among the outputs, and carries a date: {first_line(cell)}"
            if "image/png" in kinds and not output.get("metadata", {}).get("image/png", {}).get("alt", "").strip():
                yield f"a figure without alternative text, plots.show(figure, alt=...): {first_line(cell)}"


def scorecard(notebook: dict) -> Iterator[str]:
    cards = [data[SCORECARD] for cell in code_cells(notebook) for data in bundles(cell) if SCORECARD in data]
    if not cards:
        yield "no scorecard among the outputs"
    for row in (row for card in cards for row in card):
        if set(row) != {"claim", "measured", "bound", "holds"}:
            yield f"no row of a scorecard: {row}"
        elif row["holds"] is not True:
            yield f"a claim does not hold: {row['claim']}"


# --- exercises --------------------------------------------------------------------------------------------------


def exercises_of(notebook: dict) -> list[dict]:
    """The number, the cells, the name that is asked for and the solution's name of each exercise. Raises ValueError."""
    cells = [(role, cell) for cell in notebook["cells"] for role in ROLES if role in tags(cell)]
    if [role for role, _ in cells] != list(ROLES) * (len(cells) // 3):
        raise ValueError(f"an exercise is a stub, a check, a solution, in this order: {[role for role, _ in cells]}")
    found = []
    for at in range(0, len(cells), 3):
        stub, check, solution = (source(cell) for _, cell in cells[at : at + 3])
        call = re.search(r"""@exercises\.check\("([\d.]+)", (\w+)\)\ndef (\w+)""", check)
        if call is None:
            raise ValueError(f'no function with @exercises.check("N.M", name): {check.strip().splitlines()[0]}')
        number, name, strict = call.groups()
        answer = re.search(rf"(?m)^{strict}\((\w+)\)", solution)
        if name not in names(stub)[0] or answer is None or answer[1] not in names(solution)[0]:
            raise ValueError(f"{number}: the stub defines {name}, the solution calls {strict} on an answer of its own")
        if "raise NotImplementedError" not in stub:
            raise ValueError(f"the stub of {number} must raise NotImplementedError")
        found.append({"number": number, "name": name, "answer": answer[1], "stub": stub, "check": check, "solution": solution})
    return found


def exercises(notebook: dict) -> Iterator[str]:
    """Each has its three cells, and nothing outside of them uses their names."""
    try:
        found = exercises_of(notebook)
    except ValueError as error:
        yield str(error)
        return
    if not found:
        yield "no exercise"
    for each in found:
        own = [each[part] for part in ("stub", "check", "solution")]
        bound = set().union(*(names(text)[0] for text in own)) - imports_of(own)
        for cell in code_cells(notebook):
            if source(cell) not in own and (used := bound & set().union(*names(plain(cell)))):
                yield f"exercise {each['number']}: {', '.join(sorted(used))} is used outside of it: {first_line(cell)}"


def imports_of(texts: list[str]) -> set[str]:
    nodes = (node for text in texts for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom))
    return {alias.asname or alias.name for node in nodes for alias in node.names}


# --- links ------------------------------------------------------------------------------------------------------


def without_code(cell: dict) -> str:
    return re.sub(r"(?s)<!--.*?-->|```.*?```|`[^`\n]*`", " ", source(cell))


def links(notebook: dict) -> Iterator[str]:
    """Every link inside the course leads to a file or a heading that is there, or to a lesson that is to come."""
    known = {lesson.file for lesson in lessons.LESSONS}
    text = "\n\n".join(map(without_code, prose_cells(notebook)))
    headings = [heading for cell in prose_cells(notebook) for heading in re.findall(r"(?m)^#+ +(.+?)\s*$", source(cell))]
    slugs = {re.sub(r"\s", "-", heading).lower() for heading in headings}  # Jupyter keeps the capitals, GitHub does not
    targets = re.findall(r"\]\(<?([^)>\s]+)>?(?:\s+\"[^\"]*\")?\)", text) + re.findall(r"(?:href|src)=[\"']([^\"']+)", text)
    for target in targets:
        path, _, heading = target.partition("#")
        leads = heading.lower() in slugs if not path else path in known or is_file(path)
        if not leads and not re.match(r"[a-z]+:|//", target):
            yield f"a link that leads nowhere: {target}"


def is_file(path: str) -> bool:
    return not path.startswith("/") and Path(os.path.normpath(ROOT / "notebooks" / path)).is_file()


def images(notebook: dict) -> Iterator[str]:
    """No picture lies on another site, and each has an alternative text."""
    for cell in prose_cells(notebook):
        written = re.findall(r"!\[([^\]]*)\]\(([^)\s]+)", without_code(cell))
        tagged = re.findall(r"<img\b[^>]*>", without_code(cell))
        for alt, target in written + [(attribute(tag, "alt"), attribute(tag, "src")) for tag in tagged]:
            if re.match(r"(https?:)?//", target) and not BADGES.match(target):
                yield f"a picture from another site: {target}"
            if target.startswith("attachment:") and target.removeprefix("attachment:") not in cell.get("attachments", {}):
                yield f"a picture that is not attached: {target}"
            if not alt.strip():
                yield f"a picture without alternative text: {target[:60]}"


def attribute(tag: str, name: str) -> str:
    found = re.search(rf"\b{name}=[\"']([^\"']*)", tag)
    return found[1] if found else ""


RULES = [executed, light, known_tags, imports, figures, scorecard, exercises, links, images]


def shortfalls(notebook: dict) -> list[str]:
    """What a notebook lacks: "rule: what is wrong", nothing where it is as it should be."""
    return [f"{rule.__name__}: {why}" for rule in RULES for why in rule(notebook)]
