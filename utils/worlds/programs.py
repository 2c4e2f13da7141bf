"""Small Python functions and their JavaScript twins, from a grammar, and a checker that runs both.

    write(seed, split)     a `Program`: Python, JavaScript, inputs and the outputs that Python gave
    programs(seed, count)  many of them
    skeleton, split_of     a program without its names and numbers, and the split that it is dealt to
    check                  runs a Python and a JavaScript function on the inputs and compares

A function is a chain of steps; each turns a value of one type into the next, in one of several idioms of either
language: loops, conditions, comprehensions beside map and filter, f-strings beside template literals,
dictionaries, ranges, slices.

The twins mean the same, not only look the same: // rounds down (Math.floor), % of a negative number is not negative,
an empty list is false in Python and true in JavaScript (so its length is asked for), "ab" * -1 is empty.
"""

import builtins
import itertools
import json
import keyword
import re
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random

from utils.worlds import tables

WORDS = """apple river stone cloud tiger lemon bread house green quiet happy seven night ocean paper light music table
chair horse sugar winter summer garden window pencil yellow little castle dragon silver banana coffee planet rocket
""".split()
VARIABLES = {
    "int": "result value number amount score level".split(),
    "ints": "values items numbers data list_ kept".split(),
    "str": "text label message line name".split(),
    "strs": "words parts names tokens pieces".split(),
    "counts": "counts table seen tally".split(),
    "bool": "found answer okay check".split(),
}
ITEMS = {"int": ["n", "x", "v", "num"], "str": ["w", "s", "word", "part"]}
DEFAULTS = {
    "int": ("0", "0"),
    "ints": ("[]", "[]"),
    "str": ('""', '""'),
    "strs": ("[]", "[]"),
    "counts": ("{}", "{}"),
    "bool": ("False", "false"),
}
EMPTY = {"ints": ("not {x}", "{x}.length === 0"), "strs": ("not {x}", "{x}.length === 0"), "str": ("not {x}", '{x} === ""')}


@dataclass(frozen=True)
class Step:
    """A statement or a few, in both languages."""

    verb: str
    source: str
    target: str
    python: str
    javascript: str


@dataclass(frozen=True)
class Program:
    """A function in both languages. `outputs` is what the Python function gives for each of `inputs`."""

    name: str
    python: str
    javascript: str
    javascript_name: str
    kinds: tuple[str, ...]
    inputs: tuple
    outputs: tuple


@lru_cache(maxsize=None)
def steps() -> tuple[Step, ...]:
    """All kinds of steps."""
    return tuple(Step(*row) for row in tables.rows(tables.sections("programs")["step"], between=" | "))


def write(seed: int | str, split: str | None = None) -> Program:
    """The program of a seed: one to four steps, four inputs, the outputs as Python gives them.

    split: "train" or "test", for a program whose skeleton is dealt to that split (see `split_of`). Where the seed's own
    program is not, others are drawn until one is. None: whatever is drawn first.
    """
    if split not in (None, "train", "test"):
        raise ValueError(f"There is no split {split!r} of the programs: choose train or test, or None for both.")
    for number in itertools.count():
        program = _drawn(Random(f"program {seed}" if number == 0 else f"program {seed}, {number}"))
        if split is None or split_of(program.python) == split:
            outputs = tuple(_call(program.python, program.name, value) for value in program.inputs)
            return replace(program, outputs=outputs)


def _drawn(rng: Random) -> Program:
    """A program that has not run yet, so without outputs."""
    source = rng.choice(("ints", "ints", "int", "str", "strs"))
    chain = _chain(rng, source)
    name = "_".join(step.verb for step in chain)
    camel = re.sub(r"_(\w)", lambda match: match.group(1).upper(), name)
    python, javascript = _bodies(rng, chain, source, name, camel)
    inputs = tuple(_input(rng, source) for _ in range(4))
    return Program(name, python, javascript, camel, tuple(step.verb for step in chain), inputs, ())


# --- splits -------------------------------------------------------------------------------------------------------

HELD_OUT_PERCENT = 10
KEPT = {*keyword.kwlist, *dir(builtins)}
NAME_OR_VALUE = re.compile(r""""[^"]*"|\d+|(?<![\w.])[A-Za-z_]\w*""")  # but no method: x.append stays


def skeleton(python: str) -> str:
    """A program of this grammar without its names, numbers and texts: two that differ in nothing else have the same."""

    def blank(match: re.Match) -> str:
        found = match[0]
        return '""' if found[0] == '"' else "0" if found[0].isdigit() else found if found in KEPT else "x"

    return NAME_OR_VALUE.sub(blank, python)


def split_of(python: str) -> str | None:
    """The split that a program belongs to, by the checksum of its skeleton: one skeleton in ten is held out for the test.

    None: its skeleton is held out, but the recorded t5-mini was trained before skeletons were dealt and has read it
    (data/worlds/programs_read.txt), so it is left out of both.
    """
    checksum = zlib.crc32(skeleton(python).encode())
    if checksum % 100 >= HELD_OUT_PERCENT:
        return "train"
    return None if checksum in _read() else "test"


@lru_cache(maxsize=None)
def _read() -> frozenset[int]:
    rows = tables.sections("programs_read")["checksum"]
    return frozenset(int(checksum, 16) for row in rows for checksum in row.split())


def programs(seed: int, count: int) -> Iterator[Program]:
    """`count` programs: the n-th of seed s is `write(f"{s}.{n}")`."""
    for number in range(count):
        yield write(f"{seed}.{number}")


def _chain(rng: Random, source: str) -> list[Step]:
    chain: list[Step] = []
    for _ in range(rng.choice((1, 2, 2, 3, 3, 4))):
        fitting = [step for step in steps() if step.source == source and step not in chain]
        # At most one step may multiply two values, so that all numbers stay exact in JavaScript.
        if any(step.verb == "square" for step in chain):
            fitting = [step for step in fitting if step.verb not in ("scale", "scale_positive", "times_table")]
        if not fitting:
            break
        chain.append(rng.choice(fitting))
        source = chain[-1].target
    return chain


def _bodies(rng: Random, chain: list[Step], source: str, name: str, camel: str) -> tuple[str, str]:
    first = rng.choice(VARIABLES[source])
    used, variable = {first}, first
    python, javascript = [], []
    if source in EMPTY and rng.random() < 0.3:
        test_python, test_javascript = (test.format(x=variable) for test in EMPTY[source])
        default_python, default_javascript = DEFAULTS[chain[-1].target]
        python += [f"if {test_python}:", f"    return {default_python}"]
        javascript += [f"if ({test_javascript}) {{", f"  return {default_javascript};", "}"]
    taken = {"total", "rest", "left"}
    for step in chain:
        target = rng.choice([word for word in VARIABLES[step.target] if word not in used | taken])
        used.add(target)
        item = rng.choice(ITEMS["int" if step.source in ("int", "ints") else "str"])
        words = {
            "x": variable,
            "y": target,
            "v": item,
            "i": rng.choice("ij"),
            "k": rng.randint(2, 9),
            "c": rng.choice("aeionrst"),
            "w": rng.choice(WORDS),
        }
        python += _lines(step.python.format(**words), "    ")
        javascript += _lines(step.javascript.format(**words), "  ")
        variable = target
    python.append(f"return {variable}")
    javascript.append(f"return {variable};")
    head = f"def {name}({first}):\n" + "".join(f"    {line}\n" for line in python)
    twin = f"function {camel}({first}) {{\n" + "".join(f"  {line}\n" for line in javascript) + "}\n"
    return head, twin


def _lines(text: str, indent: str) -> list[str]:
    """Lines from a step's pattern: ~ parts them, > at the beginning indents."""
    found = []
    for line in text.split("~"):
        depth = len(line) - len(line.lstrip(">"))
        found.append(indent * depth + line[depth:].strip())
    return found


def _input(rng: Random, kind: str):
    if kind == "int":
        return rng.choice((0, rng.randint(-20, 20), rng.randint(1, 200)))
    if kind == "ints":
        return [rng.randint(-15, 30) for _ in range(rng.choice((0, 3, 4, 5, 6)))]
    words = [rng.choice(WORDS) for _ in range(rng.choice((0, 2, 3, 4)))]
    words += words[:1] if rng.random() < 0.4 else []
    return words if kind == "strs" else " ".join(words)


def _call(source: str, name: str, value):
    """A function of this grammar, called in this process: its text is ours. Others go through `run_python`."""
    space: dict = {}
    exec(source, space)
    return space[name](json.loads(json.dumps(value)))


# --- running ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What a function gave: outputs, one an input; or an error, a sentence. how: "ran" or "recorded"."""

    outputs: tuple | None
    error: str | None
    how: str = "ran"


@dataclass(frozen=True)
class Check:
    """Two outcomes side by side. same: both ran (or are recorded) and gave equal outputs."""

    same: bool
    python: Outcome
    javascript: Outcome

    def __str__(self) -> str:
        how = "both ran" if self.javascript.how == "ran" else "Node.js is not here: compared with the recorded result"
        reason = self.python.error or self.javascript.error
        return f"{'equal' if self.same else 'different'} ({how})" + (f": {reason}" if reason else "")


PYTHON_RUNNER = r"""
import ast, builtins, json, sys
NAMES = "abs all any bool dict enumerate filter float int isinstance len list map max min range repr reversed round set"
SAFE = {name: getattr(builtins, name) for name in (NAMES + " sorted str sum tuple zip").split()}
SAFE |= {"ValueError": ValueError, "KeyError": KeyError, "IndexError": IndexError, "print": lambda *_, **__: None}
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29))
except (ImportError, ValueError, OSError):
    pass


class TooManySteps(BaseException):
    pass


def run(source, name, inputs, steps):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Import, ast.ImportFrom, ast.Global, ast.ClassDef, ast.Try)):
            raise ValueError(f"{type(node).__name__} is not allowed")
        if isinstance(node, ast.Pow) or isinstance(node, (ast.Attribute, ast.Name)) and "__" in (
            node.attr if isinstance(node, ast.Attribute) else node.id
        ):
            raise ValueError("names with two underscores and powers are not allowed")
        growing = ("format", "format_map", "ljust", "rjust", "center", "zfill")
        if isinstance(node, ast.Attribute) and node.attr in growing:
            raise ValueError(f"{node.attr} is not allowed")
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        frame.f_trace_opcodes = True  # A loop on one line has no line events.
        count += 1
        if count > steps:
            raise TooManySteps
        return trace

    space = {"__builtins__": SAFE}
    sys.settrace(trace)
    try:
        exec(compile(source, "program", "exec"), space)
        return [space[name](value) for value in inputs]
    finally:
        sys.settrace(None)


answers = []
for source, name, inputs in json.load(sys.stdin):
    try:
        answers.append({"outputs": json.loads(json.dumps(run(source, name, inputs, 1000000)))})
    except TooManySteps:
        answers.append({"error": "It took more than a million steps."})
    except BaseException as error:
        answers.append({"error": f"{type(error).__name__}: {error}"[:200]})
print(json.dumps(answers))
"""

NODE_RUNNER = r"""
const vm = require("vm");
const jobs = JSON.parse(require("fs").readFileSync(0, "utf8"));
const answers = jobs.map(([source, name, inputs]) => {
  try {
    const context = vm.createContext(Object.create(null), { codeGeneration: { strings: false, wasm: false } });
    const call = `${source}\n;JSON.stringify(${JSON.stringify(inputs)}.map((value) => ${name}(value)))`;
    const text = vm.runInContext(call, context, { timeout: 1000 });
    return { outputs: JSON.parse(text) };
  } catch (error) {
    return { error: String(error && error.message ? error.name + ": " + error.message : error).slice(0, 200) };
  }
});
process.stdout.write(JSON.stringify(answers));
"""


def node() -> str | None:
    """Where Node.js is; None where it is not."""
    return shutil.which("node")


def _run(command: list[str], jobs: list[tuple], seconds: float) -> list[Outcome]:
    """Runs jobs in one process. Where that hangs or dies, its halves, so that one bad job spoils no other's result."""
    try:
        done = subprocess.run(
            command, input=json.dumps(jobs), capture_output=True, text=True, encoding="utf-8", timeout=seconds
        )
        answers = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        problem = f"It took longer than {seconds:g} seconds."
    except json.JSONDecodeError:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1][:200]
        problem = f"The run ended without a result: {last}"
    else:
        return [Outcome(tuple(a["outputs"]) if "outputs" in a else None, a.get("error")) for a in answers]
    if len(jobs) == 1:
        return [Outcome(None, problem)]
    middle, shorter = len(jobs) // 2, max(2.0, seconds / 2)
    return _run(command, jobs[:middle], shorter) + _run(command, jobs[middle:], shorter)


def run_python(jobs: list[tuple[str, str, list]], seconds: float = 10) -> list[Outcome]:
    """Runs Python functions, (source, name, inputs) each, in one process of their own.

    There are few builtins and no imports, a million steps for a job, `seconds` for all. This keeps a model's mistakes
    from doing harm; it is no wall against somebody who wants to.
    """
    return _run([sys.executable, "-I", "-c", PYTHON_RUNNER], jobs, seconds)


def run_javascript(jobs: list[tuple[str, str, list]], seconds: float = 20) -> list[Outcome]:
    """Runs JavaScript functions in one Node.js process, each in a context of its own without `require`, a second each.

    Raises FileNotFoundError where there is no Node.js: see `node`.
    """
    if node() is None:
        raise FileNotFoundError("Node.js is not here, so no JavaScript can run: install it, or use recorded results.")
    return _run([node(), "--max-old-space-size=256", "-e", NODE_RUNNER], jobs, seconds)


def check(found: list[Program], javascript: list[str] | None = None) -> list[Check]:
    """Runs programs in both languages and compares. javascript: other texts for the twins, as a model translates.

    Without Node.js a text that is the recorded twin (but for white space) counts as giving the recorded outputs;
    any other is not run, and its outcome says so.
    """
    texts = [program.javascript for program in found] if javascript is None else javascript
    if len(texts) != len(found):
        raise ValueError(f"{len(found)} programs do not fit {len(texts)} JavaScript texts: give one for each.")
    if not found:
        return []
    left = run_python([(program.python, program.name, list(program.inputs)) for program in found])
    if node() is not None:
        jobs = [(text, p.javascript_name, list(p.inputs)) for p, text in zip(found, texts, strict=True)]
        right = run_javascript(jobs)
    else:
        right = [_recorded(program, text) for program, text in zip(found, texts, strict=True)]
    return [
        Check(ours.outputs is not None and _same(ours.outputs, theirs.outputs), ours, theirs)
        for ours, theirs in zip(left, right, strict=True)
    ]


def _recorded(program: Program, text: str) -> Outcome:
    if text.split() == program.javascript.split():
        return Outcome(program.outputs, None, "recorded")
    return Outcome(None, "Node.js is not here, and the text is not the recorded one: it was not run.", "recorded")


def _same(first: tuple, second: tuple | None) -> bool:
    """Equal outputs: true is not 1, and the order of a dictionary's keys does not matter."""
    return json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True)
