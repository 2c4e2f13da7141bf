"""A notebook's life: executed by `run`, saved in one normal form, checked by `test`, copied for a student.

The student's copy needs nothing installed; what executes a notebook imports nbclient and nbformat where it uses them.
"""

from __future__ import annotations

import copy
import datetime
import hashlib
import importlib.metadata
import json
import platform
import re
import subprocess
import sys
import time
from pathlib import Path

from utils import lessons
from utils.cli import environment
from utils.io import CommandError, child_environment, damaged, read_text, say, write_atomically
from utils.lessons import Lesson

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
COPIES = "my_course"
# As the lab's kernel says it (utils/cli/jupyter): else a lesson counts as changed when it is opened under another Python.
LANGUAGE_VERSION = "3"

# Asked of the kernel after the last cell, and not saved: its peak memory in MB.
PEAK_MEMORY = """
try:
    import resource, sys
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10))
except ImportError:  # Windows
    import psutil
    print(psutil.Process().memory_info().peak_wset / 2**20)
"""


def tags(cell: dict) -> set[str]:
    return set(cell.get("metadata", {}).get("tags", []))


def source(cell: dict) -> str:
    """A cell's text; a notebook file holds it as a string or as a list of lines."""
    text = cell.get("source", "")
    return text if isinstance(text, str) else "".join(text)


# --- run ----------------------------------------------------------------------------------------------------------


def run(chosen: list[Lesson], root: Path, record: bool = False) -> None:
    """Executes lessons one after the other and saves each with its outputs; a table of time and memory at the end.

    record: before that, once with COURSE_RECORD=1, for the logs in data/runs that the lessons then draw.
    Raises CommandError where a notebook is damaged, and at the first cell that fails or writes to stderr; that notebook
    stays as it was.
    """
    rows = []
    for lesson in chosen:
        lessons.read_notebook(lessons.notebook_path(root, lesson))  # a damaged one is refused before the first runs
    for lesson in chosen:
        path = lessons.notebook_path(root, lesson)
        if record:
            execute(path, COURSE_RECORD="1")
        notebook, seconds, peak_mb = execute(path)
        course = {
            "seconds": round(seconds),
            "peak_mb": round(peak_mb, -1),
            "date": datetime.date.today().isoformat(),
            "python": platform.python_version(),
        }
        save(path, normalise(notebook, course))
        rows.append(f"{lesson.name:<52} {seconds:6.1f} s {peak_mb / 1000:6.2f} GB at its peak")
    say("\n".join(rows))


def execute(path: Path, **extra: str) -> tuple[dict, float, float]:
    """Runs all cells of a notebook in a fresh kernel of this interpreter, in the notebook's folder.

    extra: environment variables besides those that make every machine compute the same.

    Returns the notebook with its outputs, the seconds, and the kernel's peak memory in MB.
    Raises CommandError where a cell fails or writes to stderr.
    """
    import nbformat
    from nbclient.exceptions import CellExecutionError, DeadKernelError

    notebook = nbformat.read(path, as_version=4)
    cells = [(index, cell) for index, cell in enumerate(notebook.cells) if cell.cell_type == "code" and cell.source.strip()]
    client = client_here(notebook)
    start = time.monotonic()
    variables = child_environment(**environment.REPRODUCIBLE, **extra)
    with client.setup_kernel(cwd=str(path.parent), env=variables, stderr=subprocess.DEVNULL):
        for count, (index, cell) in enumerate(cells, 1):
            progress(f"{path.stem}: cell {count} of {len(cells)}, {time.monotonic() - start:.0f} s")
            try:
                client.execute_cell(cell, index)
            except CellExecutionError:
                raise CommandError(f"{where(path, count, cell)} failed, so nothing was saved:\n{last_lines(cell)}") from None
            except DeadKernelError:
                raise CommandError(
                    f"{where(path, count, cell)}: the kernel died, so nothing was saved. Mostly the "
                    "memory was full: close other programs and try again."
                ) from None
            refuse_stderr(path, count, cell)
        seconds = time.monotonic() - start
        notebook.cells.append(nbformat.v4.new_code_cell(PEAK_MEMORY))
        client.execute_cell(notebook.cells[-1], len(notebook.cells) - 1)
        peak_mb = float(notebook.cells.pop().outputs[0].text)
        info = client.wait_for_reply(client.kc.kernel_info())
        notebook.metadata["language_info"] = info["content"]["language_info"] | {"version": LANGUAGE_VERSION}
    progress_end()
    return notebook, seconds, peak_mb


def client_here(notebook):
    """An nbclient whose kernel is this interpreter, whatever kernels this machine has registered."""
    from ipykernel.kernelspec import RESOURCES, get_kernel_dict
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    class ThisInterpreter(KernelSpecManager):
        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            return KernelSpec(resource_dir=RESOURCES, **get_kernel_dict())

    manager = AsyncKernelManager(kernel_spec_manager=ThisInterpreter())
    client = NotebookClient(notebook, km=manager, timeout=None, store_widget_state=False, record_timing=False)
    client.owns_km = True  # so that it also stops the kernel
    return client


def where(path: Path, count: int, cell: dict) -> str:
    first_line = source(cell).strip().splitlines()[0]
    return f'{path.stem}, code cell {count} ("{first_line}")'


def last_lines(cell: dict, count: int = 6) -> str:
    """The end of the traceback among a cell's outputs, without colors."""
    text = "\n".join("\n".join(output["traceback"]) for output in cell["outputs"] if output["output_type"] == "error")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return "\n".join("  " + line for line in plain.rstrip().splitlines()[-count:])


def refuse_stderr(path: Path, count: int, cell: dict) -> None:
    written = "".join(output["text"] for output in cell["outputs"] if output.get("name") == "stderr")
    if written:
        raise CommandError(
            f"{where(path, count, cell)} wrote to stderr, so nothing was saved. Mend the cause of:\n"
            + "\n".join("  " + line for line in written.rstrip().splitlines()[-6:])
        )


def progress(text: str) -> None:
    """One line that is rewritten on a terminal; elsewhere a line each."""
    if sys.stdout.isatty():
        print(f"\r{text:<78}", end="", flush=True)
    else:
        say(text)


def progress_end() -> None:
    if sys.stdout.isatty():
        print(f"\r{'':<78}\r", end="", flush=True)


# --- the form it is saved in --------------------------------------------------------------------------------------


def normalise(notebook: dict, course: dict | None = None) -> dict:
    """The one form in which notebooks are saved, so that a second run differs in nothing but what it computed.

    Counts 1..n, no widget state, no timings, kernel python3, ids from the sources, slide types, folded solutions.
    `course` is what the run measured, kept in the metadata. The argument stays as it is.
    """
    notebook = copy.deepcopy(notebook)
    count, ids = 0, set()
    for cell in notebook["cells"]:
        cell["metadata"].pop("execution", None)
        if cell["cell_type"] == "code":
            if "solution" in tags(cell):
                fold(cell)
            cell["outputs"] = normal_outputs(cell["outputs"])
            count += bool(source(cell).strip())
            cell["execution_count"] = count if source(cell).strip() else None
            for output in cell["outputs"]:
                if "execution_count" in output:
                    output["execution_count"] = count
        cell["metadata"].setdefault("slideshow", {}).setdefault("slide_type", slide_type(cell))
        cell["id"] = unused_id(cell, ids)
    metadata = notebook["metadata"]
    metadata.pop("widgets", None)
    metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    if course:
        metadata["course"] = course
    notebook["nbformat"], notebook["nbformat_minor"] = 4, 5
    return notebook


def fold(cell: dict) -> None:
    """Hides a solution in JupyterLab and on Colab."""
    cell["metadata"].setdefault("jupyter", {})["source_hidden"] = True
    cell["metadata"]["cellView"] = "form"
    if not source(cell).startswith("#@title"):
        cell["source"] = "#@title Solution\n" + source(cell)


def normal_outputs(outputs: list[dict]) -> list[dict]:
    """Without widget views (the text beside them stays), and with neighboring pieces of one stream joined."""
    normal: list[dict] = []
    for output in outputs:
        output.get("data", {}).pop(WIDGET_VIEW, None)
        if output.get("data") == {}:
            continue
        if normal and output["output_type"] == "stream" and output["name"] == normal[-1].get("name"):
            normal[-1]["text"] = "".join(normal[-1]["text"]) + "".join(output["text"])
        else:
            normal.append(output)
    return normal


def slide_type(cell: dict) -> str:
    """What a cell is in the slides, where its author has not said so."""
    text = source(cell)
    if tags(cell) & {"exercise", "check", "solution"} or "<details" in text:
        return "skip"
    if cell["cell_type"] == "markdown" and (heading := re.match(r"(#{1,3}) ", text)):
        return "subslide" if heading[1] == "###" else "slide"
    if any("image/png" in output.get("data", {}) for output in cell.get("outputs", [])):
        return "fragment"
    return "-"


def unused_id(cell: dict, ids: set[str]) -> str:
    """An id that stays as long as the cell's text does; `ids` collects those given out."""
    stem = hashlib.sha256(source(cell).encode()).hexdigest()[:12]
    name, copies = stem, 1
    while name in ids:
        copies += 1
        name = f"{stem}-{copies}"
    ids.add(name)
    return name


def save(path: Path, notebook: dict) -> None:
    """Writes a notebook whole or not at all."""
    import nbformat

    write_atomically(path, (nbformat.writes(nbformat.from_dict(notebook)) + "\n").encode())


# --- test ---------------------------------------------------------------------------------------------------------


def nbval_mode(paths: list[Path]) -> tuple[str, str]:
    """nbval's option for these notebooks, and why: printed output is compared only where it was made the same way."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return "--nbval-lax", f"outputs are compared on Linux x86-64 only, this is {sys.platform} {platform.machine()}"
    for path in paths:
        saved = lessons.read_notebook(path)["metadata"].get("course", {}).get("python")
        if saved != platform.python_version():
            return "--nbval-lax", f"{path.name} was saved by Python {saved}, this is {platform.python_version()}"
    for name, version in pinned("torch", "numpy", "transformers", "tokenizers", "nltk").items():
        here = importlib.metadata.version(name).partition("+")[0]
        if here != version:
            return "--nbval-lax", f"the outputs were made with {name} {version}, this is {here}"
    return "--nbval", "same platform, Python and packages as the saved outputs"


def pinned(*names: str) -> dict[str, str]:
    """The versions that constraints.txt gives for these packages. Raises DamagedFile where one is missing."""
    path = environment.ROOT / "constraints.txt"
    versions = dict(re.findall(r"(?m)^([\w.-]+)==([\w.+!-]+)$", read_text(path)))
    if absent := [name for name in names if name not in versions]:
        raise damaged(path, f"it has no version of {', '.join(absent)}")
    return {name: versions[name] for name in names}


# --- copy ---------------------------------------------------------------------------------------------------------


def student_copy(notebook: dict) -> dict:
    """The notebook without outputs, counts and solutions; the heading before a solution stays.

    Its metadata holds a hash of its cells, by which a later call knows whether the student has written in it.
    """
    notebook = copy.deepcopy(notebook)
    notebook["cells"] = [cell for cell in notebook["cells"] if "solution" not in tags(cell)]
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    notebook["metadata"].pop("widgets", None)
    notebook["metadata"]["course"] = {"copied": cells_hash(notebook)}
    return notebook


def cells_hash(notebook: dict) -> str:
    """A hash of what a person writes: the kind and the text of every cell."""
    cells = [(cell["cell_type"], source(cell)) for cell in notebook["cells"]]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()


def untouched(path: Path) -> bool:
    """Whether a student's copy is still as `copy` wrote it (having run it does not count)."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        return notebook["metadata"]["course"]["copied"] == cells_hash(notebook)
    except (ValueError, LookupError, TypeError):
        return False


def write_copy(lesson: Lesson, root: Path) -> Path:
    """Writes the student's copy of a lesson into my_course/; raises CommandError where the student's work is there, or the
    lesson is damaged."""
    path = root / COPIES / lesson.file
    if path.exists() and not untouched(path):
        raise CommandError(
            f"{COPIES}/{lesson.file} holds your work, so it stays as it is. To get a fresh copy, "
            f"rename yours first (for instance to {lesson.name}_mine.ipynb), then copy again."
        )
    notebook = lessons.read_notebook(lessons.notebook_path(root, lesson))
    path.parent.mkdir(exist_ok=True)
    text = json.dumps(student_copy(notebook), indent=1, ensure_ascii=False) + "\n"
    write_atomically(path, text.encode())
    return path
