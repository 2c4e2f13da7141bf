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
