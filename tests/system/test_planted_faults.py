"""The table of planted faults: each is noticed by the fast test that is named beside it, and a survivor is named."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tests" / "planted_faults.py"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="its processes are forked, which Windows cannot do"),
]


def run(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, encoding="utf-8")


def test_every_planted_fault_is_noticed():
    result = run(str(SCRIPT), "--processes", "2")
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]


def test_a_survivor_and_a_line_that_has_changed_are_named():
    masks = "test_attention.py::test_masks"
    code = f"""
import sys
sys.path.insert(0, {str(SCRIPT.parent)!r})
import planted_faults
from planted_faults import Fault
planted_faults.FAULTS = [
    Fault("attention.py", "return str(tuple(tensor.shape))", "return 'a shape'", {masks!r}),
    Fault("attention.py", "no such line", "", {masks!r}),
    Fault("attention.py", "return", "", {masks!r}),
    Fault("attention.py", ".tril(diagonal=past)", ".triu(diagonal=past)", {masks!r}),
    Fault("attention.py", "import math\\n", "import no_such_module\\n", {masks!r}),
]
sys.exit(planted_faults.main([]))
"""
    result = run("-c", code)
    assert result.returncode == 1, result.stdout + result.stderr
    assert f"survives {masks}" in result.stdout
    assert "stands there 0 times" in result.stdout and "could not be run (exit code" in result.stdout
    assert "1 of 5 planted faults are noticed" in result.stdout
