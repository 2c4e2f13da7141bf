"""Data sets in one form: the rows that come with the course, the Hub's rows, and the texts that every Python brings.

The texts of Python (the language reference and the standard library's docstrings) differ between its versions, so no
number that depends on them may stand in a lesson's prose.
"""

from __future__ import annotations

import ast
import functools
import gc
import itertools
import json
import os
import random
import re
import sysconfig
import zlib
from collections import deque
from collections.abc import Iterator
from pathlib import Path

# Folders of the standard library that some installations lack, and the tests.
LEFT_OUT = {"site-packages", "dist-packages", "test", "tests", "idlelib", "lib2to3", "tkinter", "turtledemo", "ensurepip",
            "distutils", "lib-dynload", "pydoc_data", "__pycache__", "__phello__"}  # fmt: skip
SHORTEST = 40  # characters; below that a docstring is a label and no text
SPLITS = ("train", "validation", "test")
SENTENCE_END = re.compile(r'(?<=[.!?])\s+(?=["A-Z0-9])|(?<=[.!?]")\s+(?=["A-Z0-9])')
IN_MEMORY = 200_000_000  # bytes; larger files are mapped into memory from the cache of `datasets`


# ----------------------------------------------------------------------------------------------------------------------
# Sets
# ----------------------------------------------------------------------------------------------------------------------


def features(columns: dict) -> datasets.Features:  # noqa: F821
    """The types of a set's columns, from what the table says of them (see its head)."""
    from datasets import ClassLabel, Features, List, Translation, Value

    def type_of(column):
        if isinstance(column, str):
            return Value(column)
        kind, value = next(iter(column.items()))
        if kind == "class":
            return ClassLabel(names=value)
        if kind == "list":
            return List(type_of(value))
        if kind == "translation":
            return Translation(languages=value)
        return {name: type_of(inner) for name, inner in column.items()}

    return Features({name: type_of(column) for name, column in columns.items()})


def read_set(entry: dict, folder: Path) -> datasets.DatasetDict:  # noqa: F821
    """An entry of the catalog, read from its folder in the course or from a snapshot of the Hub."""
    from datasets import DatasetDict

    if "hub" not in entry:
        return DatasetDict({split: _written_split(entry, folder / f"{split}.jsonl") for split in entry["splits"]})
    parts = DatasetDict({split: _hub_split(entry, folder, name) for split, name in entry["splits"].items()})
    return with_all_splits(parts)


def generated_set(entry: dict) -> datasets.DatasetDict:  # noqa: F821
    """An entry of the catalog whose rows one of the course's generators writes: the same ones on every machine."""
    from datasets import Dataset, DatasetDict

    write, types = GENERATORS[entry["generator"]], features(entry["columns"])
    parts = {split: list(itertools.islice(write(split), count)) for split, count in entry["made"].items()}
    return with_all_splits(DatasetDict({split: Dataset.from_list(rows, types) for split, rows in parts.items()}))


def _stories(split: str) -> Iterator[dict]:
    from utils import stories

    for number in itertools.count():
        yield {"text": stories.write(f"{split} {number}").english}


def _sums(split: str) -> Iterator[dict]:
    """Each sum once, in GSM8K's form: the steps, and the answer after four hash marks."""
    from utils import arithmetic

    rng, seen = random.Random(split), set()
    while True:
        problem = arithmetic.draw(rng, rng.choice((4, 5, 6, 8, 9, 10)), held_out=split != "train")
        if problem not in seen:
            seen.add(problem)
            steps = "\n".join(problem.steps())
            yield {"question": problem.prompt, "answer": f"{steps}\n#### {problem.answer}"}


GENERATORS = {"stories": _stories, "arithmetic": _sums}


def shaped_as(entry: dict, stand_in: datasets.DatasetDict) -> datasets.DatasetDict:  # noqa: F821
    """The stand-in with the columns and the splits of what it stands in for; the table gives these the same types."""
    from datasets import DatasetDict

    parts = DatasetDict({split: stand_in[split] for split in SPLITS if split in stand_in})
    return with_all_splits(parts).select_columns(list(entry["columns"]))


def with_all_splits(parts: datasets.DatasetDict) -> datasets.DatasetDict:  # noqa: F821
    """Train, validation and test: a missing one is a tenth of the training split, drawn with seed 0."""
    from datasets import DatasetDict

    parts = dict(parts)
    for split in ("test", "validation"):
        if split not in parts:
            cut = parts["train"].train_test_split(test_size=0.1, seed=0, keep_in_memory=True)
            parts |= {"train": cut["train"], split: cut["test"]}
    return DatasetDict({split: parts[split] for split in SPLITS})


def _written_split(entry: dict, path: Path) -> datasets.Dataset:  # noqa: F821
    """A split that was written for the course: a JSON object a line. Stars also give the label of the sentiment."""
    from datasets import Dataset

    with path.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    columns = entry["columns"]
    if "label" in columns and "stars" in columns:
        rows = [row | {"label": -1 if row["stars"] == 3 else int(row["stars"] > 3)} for row in rows]  # -1: neither
    return Dataset.from_dict({name: [row[name] for row in rows] for name in columns}, features=features(columns))


def _hub_split(entry: dict, folder: Path, split: str) -> datasets.Dataset:  # noqa: F821
    """One of the Hub's splits, with the table's columns only."""
    import datasets

    from utils import hub

    there = [path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet")]
    paths = [str(folder / name) for name in sorted(hub.of_split(entry, there, split))]
    origin = {column: entry.get("from_hub", {}).get(column, column).split(".") for column in entry["columns"]}
    bars = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        rows = _parquet(paths, columns=sorted({column for column, *_ in origin.values()}))
        for name, (column, *steps) in origin.items():
            if steps:
                rows = rows.map(lambda value: {name: follow(value, steps)}, input_columns=[column])
            elif name != column:
                rows = rows.rename_column(column, name)
        rows = rows.select_columns(list(entry["columns"]))
        types = features(entry["columns"])
        return rows if rows.features == types else rows.cast(types)
    finally:
        if bars:
            datasets.enable_progress_bars()


def _parquet(paths: list[str], columns: list[str]) -> datasets.Dataset:  # noqa: F821
    """Some columns of parquet files: in memory where they are small, else mapped from the cache of `datasets`."""
    from datasets import Dataset, concatenate_datasets, table
    from pyarrow import parquet

    if sum(os.path.getsize(path) for path in paths) > IN_MEMORY:
        return Dataset.from_parquet(paths, columns=columns)
    tables = (table.InMemoryTable(parquet.read_table(path, columns=columns)) for path in paths)
    return concatenate_datasets([Dataset(rows) for rows in tables])


def follow(value, steps: list[str]):
    """What lies in a nested value at the end of the steps: keys, and numbers for places in a list.

    >>> follow([{"content": "Why?"}, {"content": "Because."}], ["-1", "content"])
    'Because.'
    """
    for step in steps:
        value = value[int(step) if isinstance(value, list) else step]
    return value


def sentences(article: str) -> list[str]:
    """The sentences of a text of `articles`, as its column key_sentences counts them.

    >>> sentences('It rained. "Stay in!" she said. Nobody did.')
    ['It rained.', '"Stay in!" she said.', 'Nobody did.']
    """
    return SENTENCE_END.split(article)


# ----------------------------------------------------------------------------------------------------------------------
# Python's own documentation
# ----------------------------------------------------------------------------------------------------------------------


def documentation_set(shares: dict[str, int]) -> datasets.DatasetDict:  # noqa: F821
    """Python's documentation with the columns name and text, cut into splits by `split_of`."""
    from datasets import Dataset, DatasetDict

    rows: dict[str, list[tuple[str, str]]] = {split: [] for split in shares}
    for name, text in python_documentation():
        rows[split_of(name, shares)].append((name, text))
    return DatasetDict({
        split: Dataset.from_dict({"name": [name for name, _ in pairs], "text": [text for _, text in pairs]})
        for split, pairs in rows.items()
    })  # fmt: skip


@functools.lru_cache(maxsize=1)
def python_documentation() -> tuple[tuple[str, str], ...]:
    """Pairs of name and text: the topics of `help()`, then the docstrings of the standard library, sorted by name.

    The sources are parsed and never imported. A text that occurs twice is kept once.
    """
    first_name: dict[str, str] = {}  # of each text
    collecting = gc.isenabled()
    gc.disable()  # a syntax tree is many small objects, and none of them garbage: a third of the time saved
    try:
        for name, text in (*_topics(), *_library()):
            first_name.setdefault(text, name)
    finally:
        if collecting:
            gc.enable()
    return tuple((name, text) for text, name in first_name.items())


def _topics() -> Iterator[tuple[str, str]]:
    """The names and texts of the topics of `help()`."""
    from pydoc_data.topics import topics

    for name in sorted(topics):
        yield f"topic:{name}", topics[name]


def _library() -> Iterator[tuple[str, str]]:
    """The names and docstrings of the standard library."""
    library = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(_sources(library)):
        module = ".".join(path.relative_to(library).with_suffix("").parts)
        for name, text in _docstrings(path):
            if len(text) >= SHORTEST:
                yield f"{module}:{name}", text


def _sources(library: Path) -> Iterator[Path]:
    """The library's source files; the folders that are left out are not even looked into."""
    for folder, subfolders, files in os.walk(library):
        subfolders[:] = [name for name in subfolders if name not in LEFT_OUT]
        yield from (Path(folder, file) for file in files if file.endswith(".py"))


def _docstrings(path: Path) -> Iterator[tuple[str, str]]:
    """The names and docstrings of a source file's module, classes and functions; nothing where it cannot be parsed."""
    source = path.read_bytes()
    if b'"""' not in source:  # parsing is slow, and a fifth of the files has no docstring
        return
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    for node in _blocks(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            text = ast.get_docstring(node)
            if text:
                yield getattr(node, "name", ""), text


def _blocks(tree: ast.Module) -> Iterator[ast.AST]:
    """Everything that holds statements, level by level. Like `ast.walk`, past the expressions: three times faster."""
    waiting = deque([tree])
    while waiting:
        node = waiting.popleft()
        yield node
        for part in ("body", "handlers", "orelse", "finalbody", "cases"):
            children = getattr(node, part, ())
            waiting.extend(child for child in children if hasattr(child, "body") or hasattr(child, "cases"))


def split_of(name: str, shares: dict[str, int]) -> str:
    """The split that a document belongs to, by a checksum of its name: the same on every machine and in every order.

    Args:
        shares: split -> per cent, adding up to 100.

    >>> split_of("topic:for", {"train": 90, "validation": 5, "test": 5})
    'train'
    """
    place = zlib.crc32(name.encode()) % 100
    for split, share in shares.items():
        if place < share:
            return split
        place -= share
    raise ValueError(f"The shares of the splits add up to {sum(shares.values())} per cent. They must add up to 100.")
