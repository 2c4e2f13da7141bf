"""utils.isolated: a tool's environment is whole or not there, and its exit code is not believed. pip installs from a folder."""

import dataclasses
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from utils import isolated

MAKES = "import pathlib; pathlib.Path('out').mkdir(); pathlib.Path('out/model.bin').write_text('weights')"


def wheel(index: Path, name: str = "hammer", version: str = "1.0", code: str = "import numpy\n") -> None:
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(index / f"{name}-{version}-py3-none-any.whl", "w") as file:
        file.writestr(f"{name}.py", code + f"def main():\n    print('{name} {version}')\n")
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/entry_points.txt", f"[console_scripts]\n{name} = {name}:main\n")
        file.writestr(f"{info}/RECORD", "")


@pytest.fixture
def index(tmp_path, monkeypatch):
    """The folder that stands for the package index; a tool `hammer` is wanted from it."""
    folder, lists = tmp_path / "index", tmp_path / "lists"
    folder.mkdir()
    lists.mkdir()
    wheel(folder)
    (lists / "hammer.txt").write_text("# a tool\nhammer==1.0\n", encoding="utf-8")
    monkeypatch.setattr(isolated, "FOLDER", tmp_path / "environments")
    monkeypatch.setattr(isolated, "LISTS", lists)
    tool = isolated.Tool("hammer", "Hammer", "import hammer, numpy", megabytes=1, lessons=frozenset({15}))
    monkeypatch.setattr(isolated, "TOOLS", {"hammer": tool})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def is_empty() -> bool:
    return not list(isolated.FOLDER.glob("*/"))


@pytest.fixture
def here():
    """An environment that is this very interpreter, for what does not depend on how it was made."""
    tool = isolated.Tool("hammer", "Hammer", "", 1, frozenset())
    return isolated.Environment(tool, Path(sys.executable))


# --- making it ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_it_is_made_once_and_sees_the_course_s_packages(index, tmp_path):
    said = []
    made = isolated.prepare("hammer", said.append)
    assert isolated.is_ready("hammer") and "once" in said[0] and "ready" in said[-1]
    assert made.version("hammer") == "1.0"
    again = []
    assert isolated.prepare("hammer", again.append) == made and not again, "what is here is not spoken of"
    answer = subprocess.check_output([made.python, "-c", "import numpy, hammer; print(numpy.__file__)"], encoding="utf-8")
    assert str(isolated.FOLDER) not in answer, "NumPy is the course's own"
    program = shutil.which("hammer", path=str(made.python.parent))
    assert subprocess.check_output([program], encoding="utf-8").strip() == "hammer 1.0"


@pytest.mark.slow
def test_its_own_version_comes_before_the_course_s(index):
    wheel(index, "idna", "0.0.1", "OWN = True\n")
    (isolated.LISTS / "hammer.txt").write_text("hammer==1.0\nidna==0.0.1\n", encoding="utf-8")
    made = isolated.prepare("hammer", str)
    answer = subprocess.check_output([made.python, "-c", "import idna; print(idna.OWN)"], encoding="utf-8")
    assert answer.strip() == "True"


@pytest.mark.slow
def test_half_made_broken_or_outdated_it_is_made_anew(index):
    made = isolated.prepare("hammer", str)
    (made.tool.folder / isolated.STAMP).unlink()
    assert not isolated.is_ready("hammer"), "without the stamp it is half made"
    said = []
    isolated.prepare("hammer", said.append)
    assert "made anew" in said[0] and isolated.is_ready("hammer")
    shutil.rmtree(isolated._site(made.tool) / "hammer-1.0.dist-info")
    assert not isolated.is_ready("hammer") and isolated.absent(made.tool) == ["hammer==1.0"]
    wheel(index, version="2.0")
    (isolated.LISTS / "hammer.txt").write_text("hammer==2.0\n", encoding="utf-8")
    isolated.prepare("hammer", str)
    assert isolated.is_ready("hammer") and not list(isolated._site(made.tool).glob("hammer-1.0*"))


@pytest.mark.slow
def test_no_index_is_said_and_nothing_stays(index, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    with pytest.raises(isolated.Unavailable, match="the package index cannot be reached"):
        isolated.prepare("hammer", str)
    assert is_empty() and not isolated.is_ready("hammer")


@pytest.mark.slow
def test_an_import_that_fails_is_found_and_nothing_stays(index):
    wheel(index, code="import something_that_is_missing\n")
    with pytest.raises(isolated.Unavailable, match="import fails.*something_that_is_missing"):
        isolated.prepare("hammer", str)
    assert is_empty()


@pytest.mark.slow
def test_interrupted_nothing_stays(index, monkeypatch):
    def stop(tool):
        raise KeyboardInterrupt

    monkeypatch.setattr(isolated, "_check", stop)
    with pytest.raises(KeyboardInterrupt):
        isolated.prepare("hammer", str)
    assert is_empty()


@pytest.mark.slow
def test_two_at_once_make_it_once(index):
    said: list[str] = []
    threads = [threading.Thread(target=isolated.prepare, args=("hammer", said.append)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert isolated.is_ready("hammer") and sum("making an environment" in line for line in said) == 1


def test_a_full_disk_is_said_before(index, monkeypatch):
    monkeypatch.setattr(isolated.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9, 1000))
    with pytest.raises(isolated.Unavailable, match="the disk has 0 MB free and it needs 2"):
        isolated.prepare("hammer", str)
    assert is_empty()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "the disk is full"),
        ("Failed to establish a new connection", "the package index cannot be reached"),
        ("ERROR: No matching distribution found for x==1 (from versions: none)", "the package index cannot be reached"),
        (
            "ERROR: Could not find a version (from versions: 2.0)\nERROR: No matching distribution found for x==1",
            "lacks a version",
        ),
        ("No module named pip", "has no pip"),
        ("ERROR: boom", "pip failed (ERROR: boom)"),
    ],
)
def test_pip_s_words_in_ours(said, reason):
    assert reason in isolated._why(said)


def test_every_tool_has_exact_versions():
    for name, tool in isolated.TOOLS.items():
        assert tool.name == name and tool.pins() and all(pin.count("==") == 1 for pin in tool.pins())
        assert not {"torch", "numpy"} & {pin.split("==")[0] for pin in tool.pins()}, "these are the course's own"


# --- running it ---------------------------------------------------------------------------------------------------------


def python(code: str) -> list[str]:
    return [Path(sys.executable).name, "-c", code]


def test_a_fresh_file_is_believed_and_the_log_kept(here, tmp_path):
    lines = []
    code = "print('10%', end='\\r'); print('done');" + MAKES
    made = here.run(python(code), tmp_path, "out", ("model.bin",), lines.append)
    assert made == tmp_path.resolve() / "out" and lines == ["10%", "done"]
    assert "done" in (tmp_path / f"{Path(sys.executable).name}.log").read_text(encoding="utf-8")


def test_exit_code_0_without_a_file_is_refused(here, tmp_path):
    with pytest.raises(
        isolated.ToolFailed, match=r"exit code 0, and it left no fresh model.bin. The log says: ERROR \| it broke"
    ):
        here.run(python("print('ERROR | it broke'); print('bye')"), tmp_path, "out", ("model.bin",), str)


def test_an_old_file_is_deleted_first(here, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "model.bin").write_text("of yesterday", encoding="utf-8")
    with pytest.raises(isolated.ToolFailed, match="no fresh model.bin"):
        here.run(python("pass"), tmp_path, "out", ("model.bin",), str)
    assert not (tmp_path / "out").exists()


def test_a_copy_of_an_old_file_is_not_fresh(here, tmp_path):
    (tmp_path / "old.bin").write_text("of yesterday", encoding="utf-8")
    os.utime(tmp_path / "old.bin", (1e9, 1e9))
    code = "import os, shutil; os.mkdir('out'); shutil.copy2('old.bin', 'out/model.bin')"
    with pytest.raises(isolated.ToolFailed, match="no fresh model.bin"):
        here.run(python(code), tmp_path, "out", ("model.bin",), str)


def test_an_empty_file_and_a_failing_exit_code_are_refused(here, tmp_path):
    with pytest.raises(isolated.ToolFailed, match="no fresh model.bin"):
        here.run(python(MAKES.replace("'weights'", "''")), tmp_path, "out", ("model.bin",), str)
    with pytest.raises(isolated.ToolFailed, match="exit code 3, and its files may be unfinished"):
        here.run(python(MAKES + "; raise SystemExit(3)"), tmp_path, "out", ("model.bin",), str)


def test_what_takes_too_long_is_ended(here, tmp_path):
    with pytest.raises(isolated.ToolFailed, match="took more than 1 seconds"):
        here.run(python("import time; time.sleep(60)"), tmp_path, "out", ("model.bin",), str, seconds=1)


@pytest.mark.parametrize("output", [".", "..", "../other"])
def test_only_a_folder_inside_is_deleted(here, tmp_path, output):
    with pytest.raises(ValueError, match="must be a folder inside"):
        here.run(python("pass"), tmp_path, output, ("model.bin",), str)


def test_its_processes_see_no_foreign_settings(here, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    variables = here.variables(MORE="1")
    assert "PYTHONPATH" not in variables and variables["MORE"] == "1"
    assert variables["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)


def test_a_program_that_is_not_there(here, tmp_path):
    other = dataclasses.replace(here, python=tmp_path / "python")
    with pytest.raises(isolated.ToolFailed, match="there is no program autotrain"):
        other.run(["autotrain"], tmp_path, "out", ("model.bin",), str)


# --- the commands -------------------------------------------------------------------------------------------------------


def test_set_up_makes_the_environments_of_the_lessons_asked_for(index, monkeypatch, capsys):
    from utils.cli import prefetch

    asked = []
    monkeypatch.setattr(isolated, "prepare", asked.append)
    assert prefetch.bring_environments({3, 15}) == [] and asked == ["hammer"]
    assert prefetch.bring_environments({3}) == [] and asked == ["hammer"]

    def refuse(name):
        raise isolated.Unavailable("the package index cannot be reached")

    monkeypatch.setattr(isolated, "prepare", refuse)
    assert prefetch.bring_environments({15}) == ["hammer"]
    assert "Hammer: no environment, because the package index cannot be reached" in capsys.readouterr().out


def test_doctor_names_what_is_missing(monkeypatch):
    from utils.cli import doctor

    monkeypatch.setattr(isolated, "TOOLS", {"hammer": isolated.Tool("hammer", "Hammer", "", 1, frozenset())})
    assert doctor.tools(None) == "Hammer: no environment yet, `python -m utils prefetch` makes it"
    monkeypatch.setattr(doctor.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, stdout="Hammer\n"))
    assert doctor.tools(Path(sys.executable)) == "Hammer in an environment of its own"
