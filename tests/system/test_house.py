"""The house: ruff is clean, imports go downward only, a module has a name of its own, the command line starts light."""

import collections
import subprocess
import sys

import pytest

from utils.io import ROOT

PYTHON = [path for path in (ROOT / "utils").rglob("*.py") if path.name != "__init__.py"]


def run(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("what", [("check",), ("format", "--check")])
def test_ruff(what):
    run(sys.executable, "-m", "ruff", *what, "--no-cache", "utils", "tests")


@pytest.mark.slow
def test_imports_go_downward_only():
    code = "import sys; from importlinter.cli import lint_imports_command; sys.argv = ['lint-imports', '--no-cache']; "
    run(sys.executable, "-c", code + "lint_imports_command()")


def test_no_two_modules_of_one_name():
    names = collections.Counter(path.stem for path in PYTHON if path.name != "__main__.py")
    assert [name for name, count in names.items() if count > 1] == []


def test_no_line_is_kept_from_the_formatter():
    assert [path.name for path in PYTHON if "fmt: skip" in path.read_text(encoding="utf-8")] == []


def test_the_root_holds_what_the_readme_names():
    """Files and folders that git knows; a picture or a log that was saved beside them does not belong there."""
    try:
        known = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, encoding="utf-8", check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no git here")
    top = {line.partition("/")[0] for line in known.splitlines()}
    hidden = {".ci", ".gitattributes", ".github", ".gitignore"}
    folders, pages = {"data", "notebooks", "tests", "utils"}, {"README.md", "CONTRIBUTING.md", "LICENSE"}
    settings = {"constraints.txt", "environment.yml", "pyproject.toml", "requirements.txt"}
    assert top <= hidden | folders | pages | settings, "something stands in the course's folder that belongs elsewhere"
