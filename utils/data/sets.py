"""Data sets in one form, wherever their rows come from: the course's folders, its generators, the Hub's files."""

from __future__ import annotations

import itertools
import json
import os
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from utils.data import hub
from utils.io import damaged
from utils.worlds import arithmetic, stories

if TYPE_CHECKING:
    import datasets

SPLITS = ("train", "validation", "test")
SENTENCE_END = re.compile(r'(?<=[.!?])\s+(?=["A-Z0-9])|(?<=[.!?]")\s+(?=["A-Z0-9])')
IN_MEMORY = 200_000_000  # bytes; larger files are mapped into memory from the cache of `datasets`


# ----------------------------------------------------------------------------------------------------------------------
# Sets
# ----------------------------------------------------------------------------------------------------------------------


def features(columns: dict) -> datasets.Features:
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


def read_set(entry: dict, folder: Path) -> datasets.DatasetDict:
    """An entry of the catalog, read from its folder in the course or from a snapshot of the Hub."""
    from datasets import DatasetDict

    if "hub" not in entry:
        return DatasetDict({split: _written_split(entry, folder / f"{split}.jsonl") for split in entry["splits"]})
    parts = DatasetDict({split: _hub_split(entry, folder, name) for split, name in entry["splits"].items()})
    return with_all_splits(parts)


def generated_set(entry: dict) -> datasets.DatasetDict:
    """An entry of the catalog whose rows one of the course's generators writes: the same ones on every machine."""
    from datasets import Dataset, DatasetDict

    write, types = GENERATORS[entry["generator"]], features(entry["columns"])
    parts = {split: list(itertools.islice(write(split), count)) for split, count in entry["made"].items()}
    return with_all_splits(DatasetDict({split: Dataset.from_list(rows, types) for split, rows in parts.items()}))


def _stories(split: str) -> Iterator[dict]:
    for number in itertools.count():
        yield {"text": stories.write(f"{split} {number}").english}


def _sums(split: str) -> Iterator[dict]:
    """Each sum once, in GSM8K's form: the steps, and the answer after four hash marks."""
    rng, seen = random.Random(split), set()
    while True:
        problem = arithmetic.draw(rng, rng.choice((4, 5, 6, 8, 9, 10)), held_out=split != "train")
        if problem not in seen:
            seen.add(problem)
            steps = "\n".join(problem.steps())
            yield {"question": problem.prompt, "answer": f"{steps}\n#### {problem.answer}"}


GENERATORS = {"stories": _stories, "arithmetic": _sums}


def shaped_as(entry: dict, stand_in: datasets.DatasetDict) -> datasets.DatasetDict:
    """The stand-in with the columns and the splits of what it stands in for; the table gives these the same types."""
    from datasets import DatasetDict

    parts = DatasetDict({split: stand_in[split] for split in SPLITS if split in stand_in})
    return with_all_splits(parts).select_columns(list(entry["columns"]))


def with_all_splits(parts: datasets.DatasetDict) -> datasets.DatasetDict:
    """Train, validation and test: a missing one is a tenth of the training split, drawn with seed 0."""
    from datasets import DatasetDict

    parts = dict(parts)
    for split in ("test", "validation"):
        if split not in parts:
            cut = parts["train"].train_test_split(test_size=0.1, seed=0, keep_in_memory=True)
            parts |= {"train": cut["train"], split: cut["test"]}
    return DatasetDict({split: parts[split] for split in SPLITS})


def _written_split(entry: dict, path: Path) -> datasets.Dataset:
    """A split that was written for the course: a JSON object a line. Stars also give the label of the sentiment.

    Raises DamagedFile, with the number of the line, where the file is cut off or holds something else.
    """
    from datasets import Dataset

    columns, rows = entry["columns"], []
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
                if "label" in columns and "stars" in columns:
                    row["label"] = -1 if row["stars"] == 3 else int(row["stars"] > 3)  # -1: neither
                rows.append([row[name] for name in columns])
            except (ValueError, TypeError, KeyError):
                text = line.decode(errors="replace").strip()
                raise damaged(path, f"line {number} is no row with {', '.join(columns)}, but {text[:40]!r}") from None
    if not rows:
        raise damaged(path, "it is empty")
    return Dataset.from_dict(dict(zip(columns, zip(*rows))), features=features(columns))


def _hub_split(entry: dict, folder: Path, split: str) -> datasets.Dataset:
    """One of the Hub's splits, with the table's columns only."""
    import datasets

    there = [path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet")]
    paths = [str(folder / name) for name in sorted(hub.of_split(entry, there, split))]
    origin = {column: entry.get("from_hub", {}).get(column, column).split(".") for column in entry["columns"]}
    bars = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        rows = _parquet(paths, columns=sorted({column for column, *_ in origin.values()}))
        for name, (column, *steps) in origin.items():
            if steps:
                rows = rows.map(_step_into, input_columns=[column], fn_kwargs={"name": name, "steps": steps})
            elif name != column:
                rows = rows.rename_column(column, name)
        rows = rows.select_columns(list(entry["columns"]))
        types = features(entry["columns"])
        return rows if rows.features == types else rows.cast(types)
    finally:
        if bars:
            datasets.enable_progress_bars()


def _parquet(paths: list[str], columns: list[str]) -> datasets.Dataset:
    """Some columns of parquet files: in memory where they are small, else mapped from the cache of `datasets`."""
    from datasets import Dataset, concatenate_datasets, table
    from pyarrow import parquet

    if sum(os.path.getsize(path) for path in paths) > IN_MEMORY:
        return Dataset.from_parquet(paths, columns=columns)
    tables = (table.InMemoryTable(parquet.read_table(path, columns=columns)) for path in paths)
    return concatenate_datasets([Dataset(rows) for rows in tables])


def _step_into(value, name: str, steps: list[str]) -> dict:
    return {name: follow(value, steps)}


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
