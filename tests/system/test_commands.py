"""`python -m utils`: the commands, what they say to bad input, and the environment they make.

Nothing here installs anything real: a small course with a false pip stands in (`small_course`).
"""

import ast
import errno
import http.server
import json
import multiprocessing
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import types
import urllib.request
import venv
import zipfile
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import nbformat
import packaging
import psutil
import pytest
import safetensors.torch
import torch
from conftest import share_cache
from nbformat import v4

import utils.device
from utils import io, lessons
from utils.cli import bench, doctor, environment, lab, launcher, notebooks, pretrain
from utils.io import CommandError
from utils.worlds import stories

ROOT = Path(__file__).resolve().parents[2]
posix_only = pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is sent by a POSIX signal here")
CONFLICT = "<<<<<<< HEAD\n"


# --- helpers ------------------------------------------------------------------------------------------------------


def child_variables(**extra: str) -> dict[str, str]:
    """The environment of a child, as a user's shell has it: no switches of this test run."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COURSE_"))}
    return {**inherited, **extra}


def command(root: Path, *arguments: str, timeout: float = 120, **extra: str) -> subprocess.CompletedProcess:
    """`python -m utils ...` in a course."""
    return subprocess.run(
        [sys.executable, "-m", "utils", *arguments],
        cwd=root,
        env=child_variables(**extra),
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=timeout,
    )


def obey_control_c() -> None:
    """In a child, before it starts: SIGINT is heard even where this run ignores it (`nohup`, `&`)."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def one_line(result: subprocess.CompletedProcess) -> str:
    """The error of a failed command; there is one line of it and no traceback."""
    assert result.returncode != 0
    assert "Traceback" not in result.stderr + result.stdout
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("error: ")
    return lines[0]


def copy_course(root: Path) -> Path:
    """The commands alone in a folder of their own."""
    shutil.copytree(ROOT / "utils", root / "utils", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "notebooks").mkdir()
    (root / "data").mkdir()
    shutil.copy(lessons.TABLE, root / "data")
    shutil.copytree(ROOT / "data" / "worlds", root / "data" / "worlds")
    (root / "data" / "catalog.toml").write_text("", encoding="utf-8")  # nothing to fetch
    (root / "constraints.txt").write_text("")
    (root / "requirements.txt").write_text("# [commands]\npytest>=8\n")
    return root


def lesson_3(root: Path, *cells) -> Path:
    path = root / "notebooks" / "03_tokenization.ipynb"
    nbformat.write(v4.new_notebook(cells=list(cells)), path)
    return path


@pytest.fixture
def false_kernel(tmp_path) -> str:
    """A JUPYTER_PATH on which another program calls itself the kernel python3."""
    folder = tmp_path / "jupyter" / "kernels" / "python3"
    folder.mkdir(parents=True)
    spec = {"argv": ["no-such-python", "{connection_file}"], "display_name": "False", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    return str(tmp_path / "jupyter")


@pytest.fixture
def course(tmp_path) -> Path:
    """A small course whose requirements this interpreter satisfies."""
    return copy_course(tmp_path / "course")


@pytest.fixture
def in_course(course, monkeypatch) -> Path:
    """The same for calls in this process."""
    for module in (io, environment, launcher, lessons, doctor):
        monkeypatch.setattr(module, "ROOT", course)
    monkeypatch.setattr(environment, "VENV", course / ".venv")
    return course


def cell(source: str, *tags: str):
    return v4.new_code_cell(source, metadata={"tags": list(tags)} if tags else {})


# --- the command line ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "fragment"),
    [
        (["tset"], 2, "Did you mean test?"),
        (["xyzzy"], 2, "The commands are lab, test, run"),
        (["run"], 2, "required: N"),
        (["run", "0"], 1, "The nearest is 1"),
        (["run", "77"], 1, "the lessons are 1 to 25. The nearest is 25"),
        (["test", "tokenisation"], 1, "The nearest is 3"),
        (["copy", "7"], 1, "not written yet. Lessons written so far: none"),
        (["run", "1.5"], 1, "Give single numbers, as in 1 2 3, or a range, as in 1-3."),
        (["copy", "3-1"], 1, "or a range, as in 1-3."),
        (["copy", "7-99"], 1, "there is no lesson 26"),
        (["lab", "3", "4"], 2, "unrecognized arguments: 4"),
        (["address", "nobody"], 1, "OWNER/NAME"),
    ],
)
def test_bad_arguments_get_one_line(in_course, capsys, arguments, code, fragment):
    assert launcher.main(arguments) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ") and printed.err.count("\n") == 1
    assert fragment in printed.err


@pytest.mark.parametrize("arguments", [[], ["-h"], ["run", "--help"], ["lab", "-h"], ["doctor", "-h"]])
def test_help(capsys, arguments):
    try:
        assert launcher.main(arguments) == 0
    except SystemExit as end:
        assert end.code == 0
    assert "usage: python -m utils" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--help"], ["doctor"], ["copy", "3"]])
def test_the_start_needs_the_standard_library_alone(course, arguments):
    lesson_3(course, cell("1"))
    (course / "requirements.txt").write_text("no-such-thing>=1\n")
    look = (
        "import sys; before = set(sys.modules); from utils.cli.launcher import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "finally:\n    names = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "    print('more:', *sorted(names - sys.stdlib_module_names - {'utils'}))"
    )
    result = subprocess.run(
        [sys.executable, "-c", look, *arguments],
        cwd=course,
        env=child_variables(COURSE_HUB="off"),
        capture_output=True,
        encoding="utf-8",
    )
    more = result.stdout.splitlines()[-1].split()
    assert more[0] == "more:" and set(more[1:]) <= {"packaging"}, result.stderr  # where it is there, it reads the ranges


def test_python_utils_works_too(course):
    result = subprocess.run(
        [sys.executable, str(course / "utils"), "copy", "9"], env=child_variables(), capture_output=True, encoding="utf-8"
    )
    assert "not written yet" in one_line(result)


def test_an_unknown_lesson_is_refused_before_anything_is_installed(in_course, monkeypatch):
    monkeypatch.setattr(environment, "prepare", lambda: pytest.fail("must not be reached"))
    assert launcher.main(["run", "26"]) == 1


@pytest.mark.parametrize("name", ["__init__", "__main__"])
def test_an_old_python_can_read_what_it_meets_first(name):
    ast.parse((ROOT / "utils" / f"{name}.py").read_text(encoding="utf-8"), feature_version=(3, 8))


def test_an_old_python_is_told_so():
    pretend = "import sys, runpy; sys.version_info = (3, 10, 1); runpy.run_module('utils', run_name='__main__')"
    result = subprocess.run([sys.executable, "-c", pretend], cwd=ROOT, capture_output=True, encoding="utf-8")
    assert "needs Python 3.11 or newer, and this is Python 3.10" in one_line(result)


@pytest.mark.parametrize(
    ("error", "fragment"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "x.ipynb"), "the disk is full"),
        (OSError(errno.EROFS, "Read-only file system", "x.ipynb"), "x.ipynb cannot be written"),
        (PermissionError(errno.EACCES, "Permission denied", "x.ipynb"), "x.ipynb cannot be written"),
        (PermissionError(errno.EACCES, "Permission denied"), "a file cannot be written"),
    ],
)
def test_what_the_system_refuses_gets_one_line(monkeypatch, capsys, error, fragment):
    def refuse():
        raise error

    monkeypatch.setattr(doctor, "examine", refuse)
    assert launcher.main(["doctor"]) == 1
    printed = capsys.readouterr().err
    assert fragment in printed and printed.count("\n") == 1


def test_control_c_gets_one_line(monkeypatch, capsys):
    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor, "examine", interrupt)
    assert launcher.main(["doctor"]) == 130
    assert capsys.readouterr().err.strip().count("\n") == 0


def test_bench_runs_the_table_in_the_environment(monkeypatch):
    monkeypatch.setattr(bench, "main", lambda: 3)
    monkeypatch.setattr(environment, "prepare", lambda: Path(sys.executable))
    assert launcher.main(["bench"]) == 3


@pytest.mark.slow
def test_the_table_of_speeds(monkeypatch, capsys):
    for name, value in {"TEXT_SIZE": 1_000, "ROUNDS": 1, "NEW_TOKENS": 2, "SMOLLM2_TOKENS": 2, "DPO_STEPS": 2}.items():
        monkeypatch.setattr(bench, name, value)
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    bench.main()
    rows = [row for row in capsys.readouterr().out.splitlines() if re.search(r"\d+\.\d{3} s +\d+\.\d\dx", row)]
    assert len(rows) == 9


def test_install_adds_what_the_lessons_lack_and_nothing_else(in_course, monkeypatch, capsys):
    (in_course / "requirements.txt").write_text("# [lessons]\npytest>=8\nno-such-thing>=1\n# [commands]\nnor-this>=1\n")
    given = []
    done = subprocess.CompletedProcess([], 0, "", "")
    monkeypatch.setattr(subprocess, "run", lambda command, **_: given.append(command) or done)
    assert launcher.main(["install", "3"]) == 1  # lesson 3 is not written here
    lesson_3(in_course)
    assert launcher.main(["install", "3"]) == 0
    assert given[-1][1:4] == ["-m", "pip", "install"] and given[-1][-1] == "no-such-thing>=1"
    assert "nor-this>=1" not in given[-1] and "pytest>=8" not in given[-1]


# --- variables ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["doctor"], ["prefetch"], ["copy", "3"], ["run", "3"], ["test"], ["lab"], ["bench"]])
@pytest.mark.parametrize(
    ("name", "value", "values"),
    [
        ("COURSE_HUB", "maybe", "on or off"),
        ("COURSE_DEVICE", "gpu", "cpu, cuda or mps"),
        ("COURSE_THREADS", "0", "a whole number from 1 to 1024"),
    ],
)
def test_a_wrong_variable_gets_the_same_line_in_every_command(in_course, monkeypatch, capsys, arguments, name, value, values):
    lesson_3(in_course)
    monkeypatch.setattr(environment, "prepare", lambda: pytest.fail("must not be reached"))
    monkeypatch.setenv(name, value)
    assert launcher.main(arguments) == 1
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err == f"error: {name} is {value!r}. Set it to {values}, or unset it.\n"


@pytest.mark.slow
def test_doctor_says_that_the_device_asked_for_is_missing(in_course, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("COURSE_HUB", "off")
    monkeypatch.setenv("COURSE_DEVICE", "cuda")
    assert "asks for 'cuda', but PyTorch finds no such device" in doctor.ask(Path(sys.executable))["device"]


@pytest.mark.slow
@pytest.mark.parametrize("variables", [{"COURSE_HUB": "maybe"}, {"COURSE_THREADS": "many"}, {"COURSE_DEVICE": "cuda"}])
def test_a_wrong_variable_gets_one_line_in_a_lesson(monkeypatch, variables):
    """And no page of calls: what IPython shows of the error is the error."""
    start = "import sys; sys.path.insert(0, '..')\nfrom utils.course import runtime\nrun = runtime.start(lesson=3)"
    notebook = v4.new_notebook(cells=[cell(start)])
    client = notebooks.client_here(notebook)
    client.allow_errors = True
    client.execute(cwd=str(ROOT / "notebooks"), env=child_variables(**{"COURSE_HUB": "off", **variables}))
    (output,) = notebook.cells[0].outputs
    (line,) = output["traceback"]
    assert re.match(r"(SettingError|DeviceMissing): COURSE_\w+ ", line) and "nset" in line and "\n" not in line


# --- damaged files ------------------------------------------------------------------------------------------------

NO_NOTEBOOKS = [CONFLICT + '{"cells": []}', "", '{"cells": [', "[]", '{"cells": [1], "metadata": {}}']
NO_NOTEBOOKS += ['{"cells": []}', '{"cells": [], "metadata": {"course": {"peak_mb": "much"}}}']


@pytest.mark.parametrize("content", NO_NOTEBOOKS)
def test_a_damaged_notebook_is_named_with_the_way_out(in_course, monkeypatch, capsys, content):
    lesson_3(in_course).write_text(content)
    monkeypatch.setattr(environment, "prepare", lambda: Path(sys.executable))
    monkeypatch.setattr(launcher, "call", lambda *_, **__: pytest.fail("must not be reached"))
    for command_name in ("copy", "run", "test"):
        assert launcher.main([command_name, "3"]) == 1
        printed = capsys.readouterr().err
        assert printed.startswith("error: notebooks/03_tokenization.ipynb is damaged: ") and printed.count("\n") == 1
        assert "`git checkout -- notebooks/03_tokenization.ipynb`" in printed
    assert ("marks of a conflict" in printed) == content.startswith(CONFLICT)
    assert not (in_course / "my_course").exists()


def test_run_refuses_a_damaged_notebook_before_the_first_runs(in_course, monkeypatch):
    lesson_3(in_course, cell("1"))
    lessons.notebook_path(in_course, lessons.find(4)).write_text("")
    monkeypatch.setattr(notebooks, "execute", lambda *_: pytest.fail("must not be reached"))
    with pytest.raises(io.DamagedFile, match="04_attention"):
        notebooks.run([lessons.find(3), lessons.find(4)], in_course)


def test_doctor_goes_on_with_the_other_lessons(in_course, capsys):
    lesson_3(in_course).write_text(CONFLICT)
    (in_course / "requirements.txt").write_text(CONFLICT)
    assert launcher.main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^ 3 .* damaged: see below$", out, re.MULTILINE) and re.search(r"^25 ", out, re.MULTILINE)
    assert "notebooks/03_tokenization.ipynb is damaged: git left" in out
    assert re.search(r"^Packages +requirements.txt is damaged: git left", out, re.MULTILINE) and "complete" not in out


@pytest.mark.parametrize("content", ["# [lessons]\n<no package>\n", CONFLICT, b"\xff\xfe", None])
def test_damaged_requirements_are_named(in_course, content):
    path = in_course / "requirements.txt"
    path.unlink() if content is None else path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(io.DamagedFile, match="requirements.txt is damaged.*git checkout"):
        environment.find()


@pytest.mark.parametrize(
    "content", ["[[lesson]]\nname = 'x'\ntitle = ''\nlevel = ''", "[[lesson]]", "not TOML", CONFLICT, None]
)
@pytest.mark.parametrize("how", [["-m", "utils"], ["utils"]])
def test_a_damaged_table_of_lessons_is_named(course, content, how):
    table = course / "data" / "lessons.toml"
    table.write_text(content) if content else table.unlink()
    result = subprocess.run([sys.executable, *how, "doctor"], cwd=course, capture_output=True, encoding="utf-8")
    assert "data/lessons.toml is damaged: " in one_line(result)


def test_a_damaged_stamp_is_no_stamp(in_course):
    environment.VENV.mkdir()
    (environment.VENV / environment.STAMP).write_bytes(b"\xff\x00")
    assert not environment.stamped()


def test_constraints_without_a_version_are_named(in_course):
    with pytest.raises(io.DamagedFile, match="constraints.txt is damaged: it has no version of torch"):
        notebooks.pinned("torch")


# --- whole files --------------------------------------------------------------------------------------------------


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError):
        io.write_atomically(path, b"new")
    assert path.read_bytes() == b"old" and [file.name for file in tmp_path.iterdir()] == ["file"]


def write_often(path: Path, letter: bytes) -> None:
    for _ in range(300):
        io.write_atomically(path, letter * 10_000)


@pytest.mark.slow  # each write waits for the disk
def test_two_processes_write_one_file_and_nobody_reads_half_of_it(tmp_path):
    path = tmp_path / "file"
    io.write_atomically(path, b"a" * 10_000)
    start = multiprocessing.get_context("spawn")
    writers = [start.Process(target=write_often, args=(path, letter)) for letter in (b"a", b"b")]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert path.read_bytes() in (b"a" * 10_000, b"b" * 10_000)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_no_unfinished_file_has_a_name_that_two_writers_share():
    fixed = [path for path in (ROOT / "utils").rglob("*.py") if re.search(r"""\.part['"]""", path.read_text(encoding="utf-8"))]
    assert fixed == [ROOT / "utils" / "io.py"]


# --- lessons and the address --------------------------------------------------------------------------------------


def test_the_table_has_twenty_five_lessons_in_order():
    assert [lesson.number for lesson in lessons.LESSONS] == list(range(1, 26))
    for lesson in lessons.LESSONS:
        assert re.fullmatch(rf"{lesson.number:02d}_[a-z0-9_]+", lesson.name)
        assert lesson.level in ("beginner", "intermediate", "advanced")


@pytest.mark.parametrize("asked", [3, "3", "03", "03_tokenization", "Tokenization"])
def test_a_lesson_is_found_by_number_and_name(asked):
    assert lessons.find(asked).name == "03_tokenization"


@pytest.mark.parametrize(("asked", "nearest"), [(26, 25), ("-4", 1), ("lora_", 13), ("gtp", 16)])
def test_the_nearest_lesson_is_named(asked, nearest):
    with pytest.raises(lessons.UnknownLesson, match=f"The nearest is {nearest},"):
        lessons.find(asked)


def test_written_lessons_are_those_with_a_notebook(course):
    assert lessons.written(course) == []
    lesson_3(course)
    assert [lesson.number for lesson in lessons.written(course)] == [3]
    assert [lesson.number for lesson in lessons.chosen(["03", "3", "3-3"], course)] == [3]
    with pytest.raises(CommandError, match="written so far: 3"):
        lessons.chosen(["4"], course)


def addressed_course(course: Path) -> dict[Path, bytes]:
    """A course whose README and lesson name the address; returns the files as they are."""
    old = lessons.address()
    readme = course / "README.md"
    readme.write_text(
        f"[Colab](https://colab.research.google.com/github/{old}/blob/main/x.ipynb)\n"
        f"git clone https://github.com/{old}.git\nNot {old}-fork and not my{old}.\n",
        newline="\r\n",
    )
    notebook = lesson_3(
        course,
        v4.new_markdown_cell("caf\u00e9 \U0001f600"),
        cell(f'REPOSITORY = "{old}"\nif REPOSITORY.startswith("OWNER/"): pass'),
    )
    return {path: path.read_bytes() for path in (readme, notebook, course / "data" / "lessons.toml")}


def test_the_address_is_stamped_where_it_stands_and_nowhere_else(course):
    before = addressed_course(course)
    old, new = lessons.address().encode(), b"some-one/the.course"
    assert sorted(lessons.stamp_address(new.decode(), course)) == sorted(before)
    for path, text in before.items():
        now = path.read_bytes()
        assert now.count(new) > 0
        assert now.replace(new, old) == text  # not a byte besides
    assert f"Not {old.decode()}-fork and not my{old.decode()}." in (course / "README.md").read_text()
    assert lessons.address(course) == new.decode()
    assert not list(course.rglob("*.part"))


def test_stamping_the_address_twice_changes_nothing_and_back_restores(course):
    before = addressed_course(course)
    lessons.stamp_address("some-one/the.course", course)
    assert lessons.stamp_address("some-one/the.course", course) == []
    lessons.stamp_address(lessons.address(), course)
    assert {path: path.read_bytes() for path in before} == before


def test_an_interrupted_stamp_is_finished_by_the_next(course, monkeypatch):
    addressed_course(course)
    real = lessons.write_atomically

    def fail_at_the_notebook(path, content):
        if path.suffix == ".ipynb":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        real(path, content)

    monkeypatch.setattr(lessons, "write_atomically", fail_at_the_notebook)
    with pytest.raises(OSError):
        lessons.stamp_address("some-one/course", course)
    monkeypatch.setattr(lessons, "write_atomically", real)
    lessons.stamp_address("some-one/course", course)
    assert b"some-one/course" in (course / "notebooks" / "03_tokenization.ipynb").read_bytes()


@pytest.mark.parametrize(
    "address", ["nobody", "a/b/c", "https://github.com/a/b", "a b/c", "a/b.git", "-a/b", "a--b/c", 'a/b"', "a/", "/b", "a/.."]
)
def test_an_address_of_another_form_is_refused(course, address):
    with pytest.raises(CommandError, match="OWNER/NAME"):
        lessons.stamp_address(address, course)


def test_the_set_up_cell_says_what_to_do_where_no_address_is_set(monkeypatch):
    notebook = nbformat.read(lessons.notebook_path(ROOT, lessons.find(3)), as_version=4)
    (source,) = [one.source for one in notebook.cells if "setup" in one.metadata.get("tags", [])]
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("nothing must be fetched"))
    with pytest.raises(AssertionError, match="does not say where.*python -m utils address OWNER/NAME"):
        exec(source.replace(lessons.address(), "OWNER/transformers-course"), {})


# --- the environment ----------------------------------------------------------------------------------------------


def test_requirements_by_part():
    assert any(line.startswith("torch") for line in environment.requirements("lessons"))
    assert any(line.startswith("nbval") for line in environment.requirements("commands"))
    both = environment.requirements()
    assert both == environment.requirements("lessons") + environment.requirements("commands")
    assert not any("#" in line for line in both)


def test_missing_names_what_is_absent_or_too_old(in_course):
    (in_course / "requirements.txt").write_text("# [lessons]\npytest>=8\npytest>=9999  # too old\nno-such-thing>=1\n")
    assert environment.missing() == ["pytest>=9999", "no-such-thing>=1"]
    assert environment.find() is None


def test_the_constraints_are_within_the_ranges():
    from packaging.requirements import Requirement

    for line in environment.requirements():
        requirement = Requirement(line)
        version = notebooks.pinned(requirement.name)[requirement.name]
        assert requirement.specifier.contains(version), line
    assert "+" not in (ROOT / "constraints.txt").read_text()


def test_a_changed_constraint_makes_the_stamp_stale(in_course):
    environment.VENV.mkdir()
    io.write_atomically(environment.VENV / environment.STAMP, environment.fingerprint().encode())
    assert environment.stamped()
    (in_course / "constraints.txt").write_text("pytest==8.0.0\n")
    assert not environment.stamped()


@pytest.mark.parametrize(
    ("system", "nvidia", "reachable", "expected"),
    [
        ("linux", False, True, environment.CPU_INDEX),
        ("linux", False, False, None),
        ("linux", True, True, None),
        ("darwin", False, True, None),
        ("win32", False, True, None),
    ],
)
def test_the_cpu_build_is_taken_on_linux_without_a_gpu(monkeypatch, system, nvidia, reachable, expected):
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(environment, "has_nvidia", lambda: nvidia)
    monkeypatch.setattr(environment, "http_status", lambda address, seconds: 200 if reachable else None)
    assert environment.cpu_index() == expected


def test_an_address_answers_or_not_in_bounded_time():
    class Quiet(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Quiet) as server, socket.socket() as silent:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert io.http_status(f"http://127.0.0.1:{server.server_port}/", 5) == 200
        server.shutdown()
        silent.bind(("127.0.0.1", 0))
        silent.listen()  # takes the connection and never says a word
        start = time.monotonic()
        assert io.http_status(f"http://127.0.0.1:{silent.getsockname()[1]}/", 0.5) is None
        assert time.monotonic() - start < 3
    assert io.http_status("no address", 5) is None


def test_an_intel_mac_is_sent_to_colab(in_course, monkeypatch):
    (in_course / "requirements.txt").write_text("no-such-thing>=1\n")
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    with pytest.raises(CommandError, match="Intel Macs.*Colab"):
        environment.prepare()


def test_a_full_disk_is_refused_before_the_download(in_course, monkeypatch):
    (in_course / "requirements.txt").write_text("no-such-thing>=1\n")
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(100e9, 99.5e9, 0.5e9))
    monkeypatch.setattr(environment, "cpu_index", lambda: environment.CPU_INDEX)
    with pytest.raises(CommandError, match="0.5 GB free.*needs 2.5 GB"):
        environment.prepare()
    assert not environment.VENV.exists()


def test_a_read_only_folder_gets_one_line(in_course, monkeypatch, capsys):
    (in_course / "requirements.txt").write_text("no-such-thing>=1\n")
    monkeypatch.setattr(environment, "cpu_index", lambda: None)
    monkeypatch.setattr(environment, "refuse_full_disk", lambda gigabytes: None)

    def refuse(self, *_, **__):
        raise OSError(errno.EROFS, "Read-only file system", str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    assert launcher.main(["test", "--fast"]) == 1
    assert "cannot be written. Copy the course" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("said", "fragment"),
    [
        ("ensurepip is not available", r"apt install python3\.\d+-venv"),
        ("Error: [Errno 28] No space left on device\n", "No space left on device. Mend that"),
    ],
)
def test_an_environment_that_cannot_be_made_says_why(in_course, monkeypatch, said, fragment):
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 1, "", said))
    with pytest.raises(CommandError, match=fragment):
        environment.make_venv()
    assert not environment.VENV.exists()


@pytest.mark.parametrize("state", ["its Python does not start", "unfinished", "a link that leads nowhere"])
def test_a_venv_that_is_of_no_use_is_made_anew(in_course, monkeypatch, capsys, state):
    (in_course / "requirements.txt").write_text("no-such-thing>=1\n")
    python = environment.venv_python()
    if state.startswith("a link"):
        environment.VENV.symlink_to(in_course / "nowhere")
    else:
        python.parent.mkdir(parents=True)
        python.symlink_to(sys.executable) if state == "unfinished" else python.write_text("not a Python")
    if state.startswith("its"):
        (environment.VENV / environment.STAMP).write_text(environment.fingerprint())
    made = []
    monkeypatch.setattr(environment, "cpu_index", lambda: None)
    monkeypatch.setattr(environment, "refuse_full_disk", lambda gigabytes: None)
    monkeypatch.setattr(environment, "make_venv", lambda: made.append(os.path.lexists(environment.VENV)))
    monkeypatch.setattr(environment, "install", lambda python, index: made.append("installed"))
    assert environment.prepare() == python
    assert made == [False, "installed"]
    assert "making it anew" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "version_missing", "fragment"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", False, "disk became full"),
        ("ERROR: [Errno 13] Permission denied: '/x/.venv'", False, "could not write"),
        ("WARNING: NewConnectionError\nERROR: No matching distribution found for torch", False, "index could not be reached"),
        ("ERROR: No matching distribution found for torch>=2.11", True, "PyTorch has no build for Python"),
        ("ERROR: ResolutionImpossible: for help visit", True, "Its last lines:\n  ERROR: ResolutionImpossible"),
        ("ERROR: something never seen", False, "Its last lines:\n  ERROR: something never seen"),
    ],
)
def test_why_an_installation_failed_and_whether_a_version_is_missing(line, version_missing, fragment):
    assert fragment in environment.explain(line.splitlines())
    assert environment.unsatisfiable(line.splitlines()) is version_missing


def wheel(folder: Path) -> None:
    """A real wheel of one module."""
    information = "course_test_thing-1.0.dist-info"
    with zipfile.ZipFile(folder / "course_test_thing-1.0-py3-none-any.whl", "w") as made:
        made.writestr("course_test_thing.py", "A = 1")
        made.writestr(f"{information}/METADATA", "Metadata-Version: 2.1\nName: course-test-thing\nVersion: 1.0\n")
        made.writestr(f"{information}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        made.writestr(f"{information}/RECORD", "")


@pytest.mark.slow
@pytest.mark.parametrize("way", ["a variable", "a file"])
def test_pips_settings_say_where_packages_come_from_and_not_where_they_go(in_course, tmp_path, monkeypatch, way):
    """With the real pip, offline: the user's settings name the folder of wheels, and wish the package elsewhere."""
    wheel(tmp_path)
    (in_course / "requirements.txt").write_text("course-test-thing\n")
    settings = {"find-links": tmp_path, "no-index": "true", "user": "true", "target": tmp_path / "x", "prefix": tmp_path / "y"}
    settings["require-hashes"] = "true"
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    if way == "a file":
        (tmp_path / "pip.conf").write_text("[global]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()))
        monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    else:
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        for name, value in settings.items():
            monkeypatch.setenv(f"PIP_{name.upper().replace('-', '_')}", str(value))
    environment.make_venv()
    environment.install(environment.venv_python(), None)
    assert (site_packages(in_course) / "course_test_thing.py").is_file() and environment.stamped()
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example/simple")
    assert environment.pip_environment(environment.venv_python())["PIP_INDEX_URL"] == "https://mirror.example/simple"


# --- an installation, with a false pip ----------------------------------------------------------------------------

# It "installs" a package of one module; how it fares is told by the variable FALSE_PIP.
FALSE_PIP = """
import os, sys, time
from pathlib import Path

if sys.argv[1] == "config":
    sys.exit()
site = Path(__file__).resolve().parent.parent
how = os.environ.get("FALSE_PIP", "well")
with open(site / "calls.txt", "a") as calls:
    print(how, *sys.argv[1:], file=calls)
print("Collecting course-test-thing", flush=True)
if how == "network":
    print("WARNING: Retrying after connection broken by NewConnectionError")
    sys.exit("ERROR: No matching distribution found for course-test-thing")
if how == "disk":
    sys.exit("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device")
if how == "versions" and "-c" in sys.argv:
    sys.exit("ERROR: ResolutionImpossible: course-test-thing==1.0 does not exist")
metadata = site / "course_test_thing-1.0.dist-info"
if metadata.exists():
    print("Requirement already satisfied: course-test-thing")
    sys.exit()
print("  Downloading course_test_thing-1.0-py3-none-any.whl (12 kB)", flush=True)
print("Installing collected packages: course-test-thing", flush=True)
if how == "slowly":
    time.sleep(60)
metadata.mkdir()
(metadata / "METADATA").write_text("Metadata-Version: 2.1\\nName: course-test-thing\\nVersion: 1.0\\n")
(site / "course_test_thing.py").write_text("A = 1")
"""


@pytest.fixture
def small_course(course) -> Path:
    """A course that needs a package this interpreter lacks, with a .venv of older requirements whose pip is FALSE_PIP."""
    (course / "requirements.txt").write_text("# [commands]\npytest>=8\ncourse-test-thing>=1.0\n")
    (course / "constraints.txt").write_text("course-test-thing==1.0\n")
    (course / "utils" / "cli" / "bench.py").write_text(
        "def main():\n    import course_test_thing, sys\n    print('in', sys.prefix, course_test_thing.A)\n"
    )
    venv.EnvBuilder(with_pip=False, symlinks=os.name != "nt").create(course / ".venv")
    (course / ".venv" / environment.STAMP).write_text("of older requirements")
    site = site_packages(course)
    (site / "pip").mkdir()
    (site / "pip" / "__init__.py").touch()
    (site / "pip" / "__main__.py").write_text(FALSE_PIP)
    (site / "the_rest.pth").write_text(str(Path(packaging.__file__).parent.parent))
    return course


def site_packages(course: Path) -> Path:
    return next((course / ".venv").glob("Lib/site-packages" if os.name == "nt" else "lib/python3*/site-packages"))


def pip_calls(course: Path) -> list[str]:
    return (site_packages(course) / "calls.txt").read_text().splitlines()


def test_what_is_missing_is_installed_once(small_course):
    result = command(small_course, "bench")
    assert result.returncode == 0, result.stderr
    assert "completing .venv, at most" in result.stdout and "Downloading course_test_thing-1.0" in result.stdout
    assert f"in {small_course / '.venv'} 1" in result.stdout
    assert len(pip_calls(small_course)) == 1 and "-c" in pip_calls(small_course)[0].split()
    again = command(small_course, "bench", FALSE_PIP="network")
    assert again.returncode == 0 and "GB" not in again.stdout
    assert len(pip_calls(small_course)) == 1  # neither pip nor a network


def test_an_activated_environment_of_older_requirements_is_completed(small_course):
    python = small_course / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    result = subprocess.run(
        [python, "-m", "utils", "bench"], cwd=small_course, env=child_variables(), capture_output=True, encoding="utf-8"
    )
    assert result.returncode == 0 and "completing .venv" in result.stdout
    assert len(pip_calls(small_course)) == 1


@posix_only
def test_an_interrupted_installation_says_so_and_is_not_complete(small_course):
    started = subprocess.Popen(
        [sys.executable, "-m", "utils", "bench"],
        cwd=small_course,
        encoding="utf-8",
        env=child_variables(FALSE_PIP="slowly"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=obey_control_c,
    )
    assert any("Installing" in line for line in started.stdout)
    started.send_signal(signal.SIGINT)
    _, errors = started.communicate(timeout=30)
    assert started.returncode == 130
    assert errors.strip() == "Stopped. Give the same command to go on."
    assert not (small_course / ".venv" / environment.STAMP).exists()


@pytest.mark.parametrize(("how", "fragment"), [("network", "index could not be reached"), ("disk", "disk became full")])
def test_a_failed_installation_gets_one_line(small_course, how, fragment):
    assert fragment in one_line(command(small_course, "bench", FALSE_PIP=how))
    assert not (small_course / ".venv" / environment.STAMP).exists()
    assert "ERROR" in (small_course / ".venv" / "install.log").read_text()


def test_without_the_exact_versions_the_ranges_decide(small_course):
    result = command(small_course, "bench", FALSE_PIP="versions")
    assert result.returncode == 0, result.stderr
    assert "taking the newest that requirements.txt allows" in result.stdout
    assert ["-c" in call.split() for call in pip_calls(small_course)] == [True, False]


# --- run ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_run_saves_outputs_in_the_normal_form(course, false_kernel):
    path = lesson_3(
        course,
        v4.new_markdown_cell("# Title"),
        cell(
            "import os, sys\nfrom pathlib import Path\nprint(Path.cwd().name, os.environ['COURSE_DEVICE'],"
            " os.environ['COURSE_HUB'], sys.flags.utf8_mode)"
        ),
        cell(""),
        cell("import ipywidgets\nprint(sys.executable)\nipywidgets.IntSlider()"),
        cell("40 + 2", "solution"),
    )
    result = command(course, "run", "3", COURSE_DEVICE="cuda", JUPYTER_PATH=false_kernel, PYTHONUTF8="0")
    assert result.returncode == 0, result.stderr
    assert "cell 3 of 3" in result.stdout
    assert re.search(r"03_tokenization +\d+\.\d s +\d\.\d+ GB", result.stdout)
    notebook = json.loads(path.read_text(encoding="utf-8"))
    code = [one for one in notebook["cells"] if one["cell_type"] == "code"]
    assert [one["execution_count"] for one in code] == [1, None, 2, 3]
    assert code[0]["outputs"][0]["text"] == ["notebooks cpu off 1\n"]
    assert code[2]["outputs"][0]["text"] == [f"{sys.executable}\n"]
    assert notebooks.WIDGET_VIEW not in path.read_text() and "widgets" not in notebook["metadata"]
    assert code[3]["outputs"][0]["data"]["text/plain"] == ["42"]
    assert notebook["metadata"]["language_info"]["version"] == notebooks.LANGUAGE_VERSION
    course_data = notebook["metadata"]["course"]
    assert set(course_data) == {"seconds", "peak_mb", "date", "python"} and 20 < course_data["peak_mb"] < 2000
    assert course_data["python"] == ".".join(map(str, sys.version_info[:3]))
    nbformat.validate(nbformat.read(path, as_version=4))


@pytest.mark.slow
@pytest.mark.parametrize(("options", "said"), [([], ["None\n"]), (["--record"], ["1\n", "None\n"])])
def test_run_records_first_and_saves_an_ordinary_run(course, options, said):
    """Each execution of the notebook adds a line: what it saw of COURSE_RECORD."""
    path = lesson_3(
        course,
        cell(
            "import os\nfrom pathlib import Path\nsaw = f\"{os.environ.get('COURSE_RECORD')}\\n\"\n"
            "with Path('seen.txt').open('a') as file:\n    _ = file.write(saw)\nprint(saw)"
        ),
    )
    result = command(course, "run", "3", *options)
    assert result.returncode == 0, result.stderr
    assert (course / "notebooks" / "seen.txt").read_text() == "".join(said)
    assert "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["outputs"][0]["text"]).startswith("None")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "fragments"),
    [
        ("# the second\n1 / 0", ['code cell 2 ("# the second") failed', "ZeroDivisionError: division by zero"]),
        ("import sys\nprint('beware', file=sys.stderr)", ["code cell 2", "wrote to stderr", "beware"]),
        ("import os\nos._exit(1)", ["code cell 2", "the kernel died"]),
    ],
)
def test_run_saves_nothing_where_a_cell_fails(course, source, fragments):
    path = lesson_3(course, cell("print('first')"), cell(source))
    before = path.read_bytes()
    result = command(course, "run", "3")
    assert result.returncode == 1 and result.stderr.startswith("error: 03_tokenization, ")
    for fragment in fragments:
        assert fragment in result.stderr
    assert "Traceback (most recent call last):\n  File" not in result.stderr
    assert path.read_bytes() == before


def a_notebook() -> dict:
    picture = {"output_type": "display_data", "data": {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure>"}, "metadata": {}}
    view = {"output_type": "display_data", "metadata": {}, "data": {notebooks.WIDGET_VIEW: {"model_id": "1"}}}
    words = [{"output_type": "stream", "name": "stdout", "text": text} for text in ("a", "b")]
    return v4.new_notebook(
        metadata={"widgets": {"state": 1}, "kernelspec": {"name": "mine", "display_name": "Mine"}},
        cells=[
            v4.new_markdown_cell("# One"),
            v4.new_markdown_cell("## Two"),
            v4.new_markdown_cell("### Three"),
            v4.new_markdown_cell("words"),
            v4.new_markdown_cell("<details>hint</details>"),
            v4.new_code_cell("plot", outputs=[picture], execution_count=7, metadata={"execution": {"t": "1"}}),
            v4.new_code_cell("talk", outputs=[*words, view]),
            v4.new_code_cell("talk", metadata={"slideshow": {"slide_type": "notes"}}),
            v4.new_code_cell("pass", metadata={"tags": ["exercise"]}),
            v4.new_code_cell("x = 1", metadata={"tags": ["solution"]}),
        ],
    )


def test_the_normal_form():
    before = a_notebook()
    untouched = json.dumps(before)
    notebook = notebooks.normalise(before, {"seconds": 3})
    assert json.dumps(before) == untouched
    cells = notebook["cells"]
    types = [one["metadata"]["slideshow"]["slide_type"] for one in cells]
    assert types == "slide slide subslide - skip fragment - notes skip skip".split()
    assert [one["execution_count"] for one in cells[5:]] == [1, 2, 3, 4, 5]
    assert cells[6]["outputs"] == [{"output_type": "stream", "name": "stdout", "text": "ab"}]
    assert "execution" not in cells[5]["metadata"]
    assert cells[9]["source"] == "#@title Solution\nx = 1"
    assert cells[9]["metadata"]["jupyter"] == {"source_hidden": True} and cells[9]["metadata"]["cellView"] == "form"
    assert "widgets" not in notebook["metadata"] and notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert notebook["metadata"]["course"] == {"seconds": 3}
    assert len({one["id"] for one in cells}) == len(cells) and cells[7]["id"] == cells[6]["id"] + "-2"


def test_the_normal_form_is_a_fixed_point():
    once = notebooks.normalise(a_notebook())
    assert notebooks.normalise(once) == once


# --- test ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def pytest_call(in_course, monkeypatch) -> list:
    """What `test` would run: filled with the command and its variables."""
    seen = []
    monkeypatch.setattr(environment, "prepare", lambda: Path(sys.executable))
    monkeypatch.setattr(launcher, "call", lambda command, **variables: seen.extend([command, variables]) or 5)
    lesson_3(in_course)
    return seen


def test_test_runs_units_and_notebooks_in_one_pytest(pytest_call):
    assert launcher.main(["test"]) == 5
    command, variables = pytest_call
    assert command[1:4] == ["-m", "pytest", "tests"]
    assert str(Path("notebooks") / "03_tokenization.ipynb") in command and "--nbval-lax" in command
    assert " ".join(command).endswith(f"-n {min(2, os.cpu_count())} --dist loadfile")
    assert variables["COURSE_DEVICE"] == "cpu" and variables["COURSE_HUB"] == "off"
    assert "COURSE_LESSONS" not in variables


def test_test_of_a_lesson(pytest_call):
    launcher.main(["test", "3"])
    command, variables = pytest_call
    assert command[3] == "tests/notebooks" and "tests" not in command
    assert variables["COURSE_LESSONS"] == "3"


def test_fast_test_leaves_notebooks_and_slow_tests_out(pytest_call):
    launcher.main(["test", "--fast"])
    command, _ = pytest_call
    assert not any("nbval" in word or "ipynb" in word for word in command)
    assert command[command.index("not slow") - 1] == "-m"


def saved_here(path: Path) -> None:
    """Marks a notebook as saved by this Python on the platform of reference."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notebook["metadata"]["course"] = {"python": "3.11.7"}
    path.write_text(json.dumps(notebook), encoding="utf-8")


@pytest.mark.parametrize(
    ("system", "python", "torch", "mode", "why"),
    [
        ("linux", "3.11.7", "2.13.0+cpu", "--nbval", "same platform"),
        ("darwin", "3.11.7", "2.13.0", "--nbval-lax", "Linux x86-64 only"),
        ("linux", "3.12.1", "2.13.0+cpu", "--nbval-lax", "saved by Python 3.11.7, this is 3.12.1"),
        ("linux", "3.11.7", "2.12.0", "--nbval-lax", "made with torch 2.13.0, this is 2.12.0"),
    ],
)
def test_outputs_are_compared_only_where_they_were_made(course, monkeypatch, system, python, torch, mode, why):
    path = lesson_3(course)
    saved_here(path)
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr("platform.python_version", lambda: python)
    versions = {**notebooks.pinned("torch", "numpy", "transformers", "tokenizers", "nltk"), "torch": torch}
    monkeypatch.setattr("importlib.metadata.version", versions.get)
    chosen, reason = notebooks.nbval_mode([path])
    assert chosen == mode and why in reason


# --- copy ---------------------------------------------------------------------------------------------------------


def test_a_copy_has_no_outputs_and_no_solutions(in_course, capsys):
    path = lesson_3(in_course, v4.new_markdown_cell("### Solution"), cell("secret = 1", "solution"), cell("print(1)"))
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notebook["cells"][2].update(execution_count=2, outputs=[v4.new_output("stream", name="stdout", text="1\n")])
    path.write_text(json.dumps(notebook), encoding="utf-8")
    assert launcher.main(["copy", "3"]) == 0 and "my_course/03_tokenization.ipynb" in capsys.readouterr().out
    mine = in_course / "my_course" / "03_tokenization.ipynb"
    copied = nbformat.read(mine, as_version=4)
    nbformat.validate(copied)
    assert [one.source for one in copied.cells] == ["### Solution", "print(1)"]
    assert copied.cells[1].outputs == [] and copied.cells[1].execution_count is None
    assert json.loads(path.read_text(encoding="utf-8")) == notebook


def test_a_copy_is_refreshed_until_the_student_writes_in_it(in_course, capsys):
    lesson_3(in_course, cell("old"))
    assert launcher.main(["copy", "3"]) == 0
    mine = in_course / "my_course" / "03_tokenization.ipynb"
    copied = nbformat.read(mine, as_version=4)
    copied.cells[0].outputs = [v4.new_output("stream", name="stdout", text="ran\n")]
    nbformat.write(copied, mine)  # having run it is not work that a fresh copy would lose
    lesson_3(in_course, cell("new"))
    assert launcher.main(["copy", "3"]) == 0
    assert nbformat.read(mine, as_version=4).cells[0].source == "new"
    mine.write_text(mine.read_text().replace('"new"', '"my answer"'))
    work = mine.read_bytes()
    assert launcher.main(["copy", "3"]) == 1 and "holds your work" in capsys.readouterr().err
    assert mine.read_bytes() == work


@pytest.mark.parametrize("content", ["", "not json", "[]", '{"cells": [], "metadata": {}}'])
def test_a_file_that_is_no_untouched_copy_is_never_overwritten(in_course, content):
    lesson_3(in_course, cell("1"))
    mine = in_course / "my_course" / "03_tokenization.ipynb"
    mine.parent.mkdir()
    mine.write_text(content)
    with pytest.raises(CommandError, match="holds your work"):
        notebooks.write_copy(lessons.find(3), in_course)
    assert mine.read_text() == content


def test_copy_goes_on_with_the_next_lesson(in_course, capsys):
    lesson_3(in_course, cell("1"))
    shutil.copy(lessons.notebook_path(in_course, lessons.find(3)), lessons.notebook_path(in_course, lessons.find(4)))
    mine = in_course / "my_course" / "03_tokenization.ipynb"
    mine.parent.mkdir()
    mine.write_text("my work")
    assert launcher.main(["copy", "3", "4"]) == 1
    assert (in_course / "my_course" / "04_attention_mechanisms.ipynb").exists() and mine.read_text() == "my work"


# --- doctor -------------------------------------------------------------------------------------------------------


def test_doctor_names_the_machine_and_every_lesson(course):
    path = lesson_3(course, cell("1"))
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notebook["metadata"]["course"] = {"seconds": 9, "peak_mb": 1200, "date": "2026-01-01"}
    path.write_text(json.dumps(notebook), encoding="utf-8")
    (course / "requirements.txt").write_text("# [lessons]\nno-such-thing>=1\n")
    result = command(course, "doctor", COURSE_HUB="off")
    assert result.returncode == 0, result.stderr
    for name in ("Python", "Memory", "Disk", "Packages", "Device", "Hub"):
        assert re.search(rf"^{name} +\S", result.stdout, re.MULTILINE), name
    assert "missing: no-such-thing" in result.stdout and "switched off by COURSE_HUB=off" in result.stdout
    rows = [line for line in result.stdout.splitlines() if re.match(r"[ \d]\d ", line)]
    assert len(rows) == 25
    assert re.search(r"1\.2 GB +runs here", rows[2]) and "not written yet" in rows[3]
    assert not (course / ".venv").exists()


@pytest.mark.parametrize(
    ("total", "free", "fragment"),
    [(8, 6, "runs here"), (8, 1, "runs with 2.0 GB free"), (1, 1, "needs 2.0 GB of memory"), (0, 0, "runs here")],
)
def test_the_verdict_on_a_lesson(in_course, monkeypatch, total, free, fragment):
    monkeypatch.setattr(lessons, "written", lambda root: [lessons.find(3)])
    monkeypatch.setattr(sys, "platform", "linux")
    assert doctor.verdict(lessons.find(3), 2.0, total, free).startswith(fragment)
    assert doctor.verdict(lessons.find(4), 2.0, total, free) == "not written yet"
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert "Colab" in doctor.verdict(lessons.find(3), 2.0, 64, 64)


def test_the_memory_of_this_machine():
    total, free = doctor.memory_gb()
    assert 0.5 < total < 100_000 and 0 < free <= total


def test_the_memory_of_a_mac(monkeypatch):
    answers = {
        "sysctl": b"17179869184\n",
        "vm_stat": "Mach Virtual Memory Statistics: (page size of 16384 bytes)\n"
        "Pages free:                               10000.\nPages active:   5.\nPages inactive:   20000.\n",
    }
    monkeypatch.setattr(subprocess, "check_output", lambda command, **_: answers[command[0]])
    total, free = doctor.mac_memory()
    assert total == pytest.approx(17.18, abs=0.01) and free == pytest.approx(0.49, abs=0.01)


def test_doctor_goes_on_where_the_environment_cannot_say(in_course):
    assert doctor.ask(Path("no-such-python")) == {}
    (in_course / "utils" / "device.py").write_text("raise ImportError('torch is broken')\n")
    assert doctor.ask(Path(sys.executable)) == {}


def test_doctor_asks_the_environment(in_course):
    (in_course / "utils" / "device.py").write_text(
        "DeviceMissing = OSError\ndef detect_device():\n    print('a word besides')\n    return 'mps'\n"
    )
    assert doctor.ask(Path(sys.executable)) == {"device": "mps", "hub": False}


# --- lab ----------------------------------------------------------------------------------------------------------


def test_a_port_in_use_is_passed_over_and_one_that_closes_is_not(monkeypatch, capsys):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(lab, "FIRST_PORT", port)
        found = lab.free_port()
        assert found > port
        assert capsys.readouterr().out == f"Port {port} is in use, so this is on port {found}.\n"
        with socket.create_connection(("127.0.0.1", port)) as client:
            taken.accept()[0].close()  # the side that closes first waits for a while
            client.recv(1)
    assert lab.free_port() == port


@pytest.mark.parametrize("code", [403, 404])
def test_a_server_that_refuses_us_is_not_waited_for(tmp_path, code):
    class Refuses(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(code)

        def log_message(self, *_):
            pass

    running = types.SimpleNamespace(poll=lambda: None)
    with http.server.HTTPServer(("127.0.0.1", 0), Refuses) as server, open(tmp_path / "log", "w+", encoding="utf-8") as log:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(CommandError, match=f"answers with {code}"):
            lab.wait(running, server.server_port, "token", log, seconds=60)
        server.shutdown()


# It ends with its standard input, so that a run of the tests that is killed leaves no server behind.
LAB = "import sys; from utils.cli import lab, launcher; lab.end_with_input(); sys.exit(launcher.main(['lab', '3', '--no-browser']))"


@pytest.fixture
def started_lab(course, tmp_path, false_kernel):
    """`lab` as its user starts it, with a configuration of theirs that is against it in everything; and its address."""
    lesson_3(course, cell("1"))
    configuration = tmp_path / "configuration"
    configuration.mkdir()
    (configuration / "jupyter_server_config.py").write_text(
        "c.ServerApp.base_url = '/me/'\nc.ServerApp.ip = '0.0.0.0'\nc.ServerApp.port = 9\nc.ServerApp.root_dir = '/'\n"
        "c.ServerApp.token = c.IdentityProvider.token = c.PasswordIdentityProvider.token = 'mine'\n"
        "c.ServerApp.password = c.PasswordIdentityProvider.hashed_password = 'sha1:0:0'\n"
        "c.PasswordIdentityProvider.password_required = True\nc.ServerApp.certfile = 'none.pem'\n"
        "c.ServerApp.allow_root = False\nc.ServerApp.sock = 'x.sock'\nc.ServerApp.open_browser = True\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", LAB],
        cwd=course,
        encoding="utf-8",
        env=child_variables(JUPYTER_PATH=false_kernel, JUPYTER_CONFIG_DIR=str(configuration), HOME=str(tmp_path)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=obey_control_c,
    )
    address = next((line for line in process.stdout if line.startswith("http")), "").strip()
    assert address, process.stderr.read()
    yield process, address
    process.kill()
    process.wait()


@posix_only
@pytest.mark.slow
@pytest.mark.parametrize("ending", ["SIGINT", "SIGTERM", "SIGKILL", "input"])
def test_lab_answers_at_the_address_it_prints_and_leaves_nothing_behind(started_lab, ending):
    process, address = started_lab
    page, token = address.split("?token=")
    assert page.endswith("/lab/tree/notebooks/03_tokenization.ipynb") and len(token) > 30
    assert urllib.request.urlopen(address, timeout=30).status == 200
    server = page.partition("/lab")[0]

    def ask(path: str, method: str = "GET", **content):
        request = urllib.request.Request(f"{server}/api/{path}", method=method, headers={"Authorization": f"token {token}"})
        return json.load(urllib.request.urlopen(request, json.dumps(content).encode() if content else None, timeout=30))

    assert "start.py" in ask("kernelspecs")["kernelspecs"]["python3"]["spec"]["argv"][1]
    assert [one["name"] for one in ask("contents/notebooks")["content"]] == ["03_tokenization.ipynb"]
    ask("kernels", "POST", name="python3")
    family = [one for one in psutil.Process(process.pid).children(recursive=True) if "python" in one.name().lower()]
    assert len(family) == 2  # the server and the kernel
    assert not any(token in word for one in family for word in one.cmdline())
    process.stdin.close() if ending == "input" else process.send_signal(getattr(signal, ending))
    out, errors = process.stdout.read(), process.stderr.read()
    codes = {"SIGINT": 130, "SIGTERM": -signal.SIGTERM, "SIGKILL": -signal.SIGKILL, "input": -signal.SIGTERM}
    assert process.wait(timeout=60) == codes[ending] and errors == ""
    assert ("JupyterLab is stopped." in out) == (ending == "SIGINT")
    _, alive = psutil.wait_procs(family, timeout=30)
    assert alive == []


@pytest.mark.slow
def test_lab_that_does_not_start_says_why(course):
    (course / "jupyterlab").mkdir()  # in the way of the real one
    (course / "jupyterlab" / "__init__.py").touch()
    (course / "jupyterlab" / "labapp.py").write_text("raise SystemExit('a broken installation')")
    result = command(course, "lab", "--no-browser")
    assert result.returncode == 1
    assert "error: JupyterLab did not start" in result.stderr and "a broken installation" in result.stderr


# --- pretrain -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (["--strategy", "fsdp"], "shards a model among CUDA GPUs, and there is none here. On a CPU: --strategy ddp"),
        (["--devices", "3"], "8 rows a batch cannot be shared evenly by 3 devices on 1 nodes"),
        (["--devices", "2", "--accumulate", "8"], "Give --rows a multiple of 16"),
        (["--num-nodes", "2"], "MASTER_ADDR, MASTER_PORT, NODE_RANK are not set"),
        (["--precision", "16"], "--precision 16 needs a CUDA GPU"),
        (["--data", "tinystories"], "tinystories comes from the Hugging Face Hub"),
    ],
)
def test_pretrain_says_what_cannot_be_had_here(monkeypatch, capsys, tmp_path, arguments, fragment):
    monkeypatch.setenv("COURSE_HUB", "off")
    monkeypatch.setattr(environment, "prepare", lambda: Path(sys.executable))
    for name in ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(utils.device, "detect_device", lambda: "cpu")
    assert launcher.main(["pretrain", "--out", str(tmp_path / "out"), *arguments]) == 1
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.startswith("error: ") and printed.err.count("\n") == 1
    assert fragment in printed.err and not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [["--devices", "0"], ["--devices", "two"], ["--strategy", "magic"], ["--size", "huge"]])
def test_pretrain_refuses_bad_arguments(capsys, arguments):
    assert launcher.main(["pretrain", *arguments]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_pretrain_goes_on_only_with_the_same_training(tmp_path, monkeypatch):
    plan = {"data": "stories", "size": "tiny", "steps": 20}
    pretrain.begin(tmp_path, plan, fresh=False)
    pretrain.begin(tmp_path, dict(plan), fresh=False)
    with pytest.raises(CommandError, match=r"holds another training \(steps 20\)"):
        pretrain.begin(tmp_path, plan | {"steps": 30}, fresh=False)
    (tmp_path / "last.ckpt").touch()
    pretrain.begin(tmp_path, plan | {"steps": 30}, fresh=True)
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(CommandError, match="--fresh"):
        pretrain.begin(tmp_path, plan, fresh=False)


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory) -> Callable[..., tuple[Path, str]]:
    """A tiny GPT, ten steps, by the command: its folder and what was said. Packed files are made once."""
    from utils.data import catalog, packed

    folder, tokenizer = tmp_path_factory.mktemp("pretrained"), catalog.load_tokenizer("gpt-mini")
    encode = lambda text: tokenizer.backend_tokenizer.encode(text).ids  # noqa: E731
    rows = [stories.write(f"pretrain {number}").english for number in range(40)]
    files = [packed.write(folder / f"{split}.tokens", rows, encode, 0, 3072).path for split in ("train", "validation")]

    def start(name: str, *arguments: str, kill_at: str = "") -> tuple[Path, str]:
        (folder / name).mkdir(exist_ok=True)
        for file in files:
            shutil.copy(file, folder / name)
        line = [sys.executable, "-m", "utils", "pretrain", "--size", "tiny", "--steps", "10", "--out", str(folder / name)]
        variables = child_variables(COURSE_DEVICE="cpu", COURSE_HUB="off", COURSE_THREADS="1", OMP_NUM_THREADS="1")
        said = []
        with subprocess.Popen(
            [*line, *arguments], cwd=ROOT, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
        ) as process:
            for text in process.stdout:
                said.append(text)
                if kill_at and text.startswith(kill_at):
                    process.kill()
            errors = process.stderr.read()
        assert process.returncode == (-signal.SIGKILL if kill_at else 0) and errors == "", errors
        return folder / name, "".join(said)

    return start


def weights_in(folder: Path) -> torch.Tensor:
    weights = safetensors.torch.load_file(folder / "model.safetensors")
    return torch.cat([weights[name].flatten() for name in sorted(weights)])


@posix_only
@pytest.mark.slow
def test_pretrain_killed_and_shared_is_the_same_training(pretrained):
    whole, said = pretrained("whole")
    assert "A GPT of 0.1 million weights, 10 steps of 512 tokens, on 1 x cpu" in said and "step 10 of 10: loss" in said
    killed, _ = pretrained("killed", kill_at="step 4 of")
    assert (killed / "last.ckpt").exists() and not (killed / "model.safetensors").exists()
    pretrained("killed")
    assert torch.equal(weights_in(whole), weights_in(killed))
    two, said = pretrained("two", "--devices", "2")
    assert "on 2 x cpu" in said and said.count("step 10 of 10") == 1
    torch.testing.assert_close(weights_in(two), weights_in(whole), rtol=0, atol=1e-4)


SHARDED = """
import dataclasses, sys
import torch
from utils import pretraining, training
from utils.models.gpt import GPT, GPT2

folder, strategy, devices = sys.argv[1], sys.argv[2], int(sys.argv[3])
torch.set_num_threads(1)
torch.manual_seed(0)
model = GPT(3072, dataclasses.replace(GPT2, width=32, heads=2, hidden=64, layers=2, dropout=0.0), 64)
module = pretraining.LanguageModel(model, training.Settings(6, warmup=2), model.decoder.blocks, 1e-2)
data = pretraining.PackedText({"train": f"{folder}/train.tokens"}, 64, 8, 6)
how = pretraining.fsdp_strategy(devices) if strategy == "fsdp" else strategy
pretraining.fit(module, data, folder, save_every=2, accelerator="cpu", devices=devices, strategy=how)
pretraining.save(pretraining.Path(folder))
"""


@posix_only
@pytest.mark.slow
def test_shards_on_two_processes_are_the_same_training(pretrained, tmp_path):
    """FSDP's code on a CPU with gloo, which the command leaves to GPUs."""
    source, _ = pretrained("whole")
    (tmp_path / "sharded.py").write_text(SHARDED)
    for strategy, devices in (("auto", 1), ("fsdp", 2)):
        shutil.copytree(source, tmp_path / strategy, ignore=lambda _, names: [n for n in names if not n.endswith(".tokens")])
        done = subprocess.run(
            [sys.executable, str(tmp_path / "sharded.py"), str(tmp_path / strategy), strategy, str(devices)],
            env=child_variables(PYTHONPATH=str(ROOT), OMP_NUM_THREADS="1"),
            capture_output=True,
            encoding="utf-8",
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
    torch.testing.assert_close(weights_in(tmp_path / "fsdp"), weights_in(tmp_path / "auto"), rtol=0, atol=1e-4)


# --- a fresh clone ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_commands_in_a_fresh_clone(tmp_path):
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("the course was not cloned with git, so it cannot be cloned again")
    if environment.missing():
        pytest.skip(f"this Python lacks {', '.join(environment.missing())}, and the test installs nothing")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone)], check=True)
    (clone / "notebooks").mkdir(exist_ok=True)
    share_cache(clone)
    lesson_3(clone, v4.new_markdown_cell("# Tokens"), cell("print('two' + ' words')"), cell("1", "solution"))
    assert command(clone, "run", "3").returncode == 0
    assert command(clone, "copy", "3").returncode == 0
    assert re.search(r"^ 3 .* GB +runs", command(clone, "doctor").stdout, re.MULTILINE)
    tested = command(clone, "test", "--fast", timeout=300, PYTEST_ADDOPTS="-k 'twenty_five_lessons or requirements_by_part'")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert re.search(r"=+ 2 passed.* in [\d.]+s", tested.stdout.strip().splitlines()[-1])
    assert not (clone / ".venv").exists()
