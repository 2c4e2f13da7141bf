"""Sentences that people have rated: the sets of Hutto and Gilbert, from their archive in the package vaderSentiment.

Source: Hutto and Gilbert, "VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media Text" (ICWSM 2014).
What an audit of the archive found stands in data/ratings/README.md. The splits are those of data/ratings/splits.json, which
holds numbers of rows and no texts.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING

from utils.data import sets
from utils.io import ROOT

if TYPE_CHECKING:
    import datasets

SPLITS = ROOT / "data" / "ratings" / "splits.json"
FILES = {"films": "movieReview", "products": "amazonReview", "editorials": "nytEditorial"}


def read(entry: dict, folder: Path, part: str) -> datasets.DatasetDict:
    """The sentences of a part ("films", "products", "editorials") in their splits, each with the number of every rater."""
    from datasets import Dataset, DatasetDict

    rows: dict[str, list[dict]] = {split: [] for split in entry["splits"]}
    for row in rated(folder, part):
        rows[split_of(part, row["id"])].append(row)
    types = sets.features(entry["columns"])
    return DatasetDict({split: Dataset.from_list(found, types) for split, found in rows.items()})


def rated(folder: Path, part: str) -> list[dict]:
    """All rows of a part in the archive's order: id, text, mean, ratings."""
    texts = _table(folder / f"{FILES[part]}Snippets_GroundTruth.txt")
    raters = {columns[0]: json.loads(columns[-1]) for columns in _table(folder / f"{FILES[part]}Snippets_anonDataRatings.txt")}
    return [
        {"id": number, "text": text.strip(), "mean": float(mean), "ratings": raters[number]} for number, mean, text in texts
    ]


def _table(path: Path) -> list[list[str]]:
    """The tab-separated columns of a file's lines. One of the files begins with a byte order mark."""
    return [line.split("\t") for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]


@functools.lru_cache(maxsize=1)
def _held_out() -> dict[str, dict[str, str]]:
    """Of each part: the numbers of rows (films) or of whole texts (the others) that are not for training -> split."""
    table = json.loads(SPLITS.read_text(encoding="utf-8"))
    return {
        part: {number: split for split, numbers in splits.items() for number in numbers.split()}
        for part, splits in table.items()
    }


def split_of(part: str, number: str) -> str:
    """The split of a row. A product review and an editorial stay together: "12_3" is the third sentence of text 12."""
    return _held_out()[part].get(number.partition("_")[0], "train")
