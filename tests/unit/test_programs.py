"""utils.worlds.programs: twins that agree under Node.js, a checker that finds those that do not, and its limits."""

import time

import pytest

from utils.worlds import programs
from utils.worlds.programs import Program, check, run_python, write

needs_node = pytest.mark.skipif(programs.node() is None, reason="Node.js is not here: twins are compared as recorded")


@pytest.fixture(scope="module")
def some():
    return list(programs.programs(1, 300))


def test_the_same_seed_gives_the_same_program():
    assert write(5) == write(5) and write(5) != write(6)


def test_programs_are_varied(some):
    assert len({program.python for program in some}) > 280
    assert len({kind for program in some for kind in program.kinds}) > 80
    assert len({step.verb for step in programs.steps()}) == len(programs.steps()) >= 90
    assert all(program.javascript_name in program.javascript for program in some)


# --- splits -------------------------------------------------------------------------------------------------------


def test_a_skeleton_has_no_names_numbers_or_texts():
    python = 'def keep_odd(words):\n    left = [w for w in words if len(w) > 3 and w != "sea"]\n    return left[:2]\n'
    other = 'def f(names):\n    kept = [s for s in names if len(s) > 12 and s != "a"]\n    return kept[:7]\n'
    assert programs.skeleton(python) == programs.skeleton(other) != programs.skeleton(other.replace("len", "sum"))
    assert programs.skeleton("x.append(3)") == programs.skeleton("seen.append(0)") != programs.skeleton("x.remove(3)")


def test_no_skeleton_of_the_test_is_in_training():
    found = {split: {programs.skeleton(write(f"{split} {n}", split).python) for n in range(200)} for split in ("train", "test")}
    assert len(found["train"]) > 100 < len(found["test"]) and not found["train"] & found["test"]
    drawn = [write(f"any {n}") for n in range(400)]
    assert {programs.skeleton(one.python) for one in drawn if programs.split_of(one.python) == "train"} - found["test"]
    assert 0.06 < sum(programs.split_of(one.python) != "train" for one in drawn) / 400 < 0.15, "one in ten is held out"


def test_what_the_recorded_model_has_read_is_in_no_test(monkeypatch):
    drawn = [write(f"test {n}", "test") for n in range(20)]
    monkeypatch.setattr(programs, "_read", frozenset)
    read = [one for one in (write(f"test {n}", "test") for n in range(200)) if one not in drawn]
    monkeypatch.undo()
    assert sum(programs.split_of(one.python) is None for one in read) > 50, "short programs, mostly"


def test_a_program_of_the_seed_stays_where_its_split_is_asked_for():
    assert sum(write(n) == write(n, "train") for n in range(100)) > 80
    with pytest.raises(ValueError, match="choose train or test"):
        write(1, "validation")


# --- running ------------------------------------------------------------------------------------------------------


@needs_node
def test_twins_agree_under_node(some):
    checks = check(some)
    for program, one in zip(some, checks, strict=True):
        assert one.same and one.javascript.how == "ran", (program.python, program.javascript, str(one))
        assert one.python.outputs == one.javascript.outputs == program.outputs


@needs_node
def test_every_step_agrees_under_node():
    """Each kind of statement alone, on inputs with the hard cases: negative numbers, empty lists, empty text."""
    hard = {
        "int": (-7, -1, 0, 1, 8, 123),
        "ints": ([], [-7, -3, 0, 2, 9], [5, 5, -5]),
        "str": ("", "a", "apple  tree era "),
        "strs": ([], ["apple", "sea", "apple"], ["x"]),
        "counts": ({}, {"a": 2, "apple": 1}),
    }
    from random import Random

    found = []
    for step in programs.steps():
        for seed in range(3):
            python, javascript = programs._bodies(Random(seed), [step], step.source, "one", "one")
            outputs = tuple(programs._call(python, "one", value) for value in hard[step.source])
            found.append(Program("one", python, javascript, "one", (step.verb,), hard[step.source], outputs))
    for program, one in zip(found, check(found), strict=True):
        assert one.same, (program.python, program.javascript, one.python.outputs, one.javascript.outputs)


PYTHON = "def half(x):\n    return x // 2\n"
TWIN = "function half(x) {\n  return Math.floor(x / 2);\n}\n"
HALF = Program("half", PYTHON, TWIN, "half", ("divide",), (-3, 4), (-2, 2))


@needs_node
@pytest.mark.parametrize(
    "javascript",
    [
        "function half(x) { return x / 2; }",
        "function half(x) { return Math.trunc(x / 2); }",
        "function half(x) { return }",
        pytest.param("function half(x) { while (true) {} }", marks=pytest.mark.slow),
        "function half(x {",
        "",
        "function half(x) { return process.exit(); }",
        "function half(x) { return require('fs'); }",
        pytest.param("function half(x) { let a = []; for (;;) a.push('x'.repeat(99)); }", marks=pytest.mark.slow),
    ],
)
def test_a_wrong_twin_is_found(javascript):
    (one,) = check([HALF], [javascript])
    assert not one.same


@needs_node
def test_true_is_not_one():
    program = Program("f", "def f(x):\n    return x > 0\n", "", "f", (), (1,), (True,))
    assert not check([program], ["function f(x) { return 1; }"])[0].same
    assert check([program], ["function f(x) { return x > 0; }"])[0].same


def test_without_node_the_recorded_twin_is_compared(monkeypatch, some):
    monkeypatch.setattr(programs, "node", lambda: None)
    checks = check(some[:20])
    assert all(one.same and one.javascript.how == "recorded" for one in checks)
    assert "Node.js is not here" in str(checks[0])
    (other,) = check([HALF], ["function half(x) { return x / 2; }"])
    assert not other.same and "was not run" in other.javascript.error
    with pytest.raises(FileNotFoundError, match="Node.js is not here"):
        programs.run_javascript([])


@pytest.mark.parametrize(
    "body, message",
    [
        ("while True: pass", "a million steps"),
        ("import os", "Import is not allowed"),
        ("return open('x')", "NameError"),
        ("return ().__class__", "two underscores"),
        ("return 9 ** 9 ** 9", "powers"),
        ("return [0] * 10 ** 9", "powers"),
        ("return x + ", "SyntaxError"),
        ("return {1, 2}", "TypeError"),
        ("return f(x)", "Error"),
    ],
)
def test_python_is_restricted(body, message):
    (outcome,) = run_python([(f"def f(x):\n    {body}\n", "f", [1])])
    assert outcome.outputs is None and message in outcome.error


@pytest.mark.slow
def test_a_bad_job_spoils_no_other():
    slow = "def f(x):\n    return sum(range(10000000000000))\n"
    start = time.perf_counter()
    first, second = run_python([(slow, "f", [1]), (PYTHON, "half", [5])], seconds=2)
    assert "longer than" in first.error and second.outputs == (2,)
    assert time.perf_counter() - start < 15


def test_texts_must_be_as_many_as_programs():
    with pytest.raises(ValueError, match="give one for each"):
        check([HALF], [])
    assert check([]) == []
