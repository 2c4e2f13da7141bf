"""Token data sets in one file that is read through a memory map: a batch touches its own windows, however long the file is.

    write       documents -> the file, whole or not at all
    Packed      the file as numbered windows of tokens

The file: a header of 4,096 bytes (JSON, filled up with spaces), then the tokens, two bytes each (four where the vocabulary has
more than 65,536). The documents stand one after the other, the end-of-text token before the first and after each, so no place
is lost to padding. Packing is section 2.2 of Raffel et al. 2019 (arXiv 1910.10683) and common since.
"""

import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy
import torch
from torch import Tensor

from utils.io import DamagedFile, shown, whole_file

HEADER = 4096  # bytes
FORMAT = "transformers-course tokens 1"
AT_ONCE = 1000  # documents that are encoded before they are written


def write(
    path: str | Path,
    documents: Iterable[str],
    encode: Callable[[str], list[int]],
    end: int,
    vocabulary: int,
    about: dict | None = None,
) -> "Packed":
    """Writes the tokens of all documents; gives the finished file. Killed in the middle it leaves the old file, or none.

    encode: text -> ids. end: the end-of-text token. about: what else the header shall say (where the texts are from ...).
    Raises ValueError for an id outside of the vocabulary, and where there is no document.
    """
    kind, tokens, texts, size = numpy.uint16 if vocabulary <= 2**16 else numpy.uint32, 1, 0, 0
    with whole_file(Path(path)) as unfinished, unfinished.open("wb") as file:
        file.write(b" " * HEADER + numpy.array([end], kind).tobytes())
        for group in _groups(documents, AT_ONCE):
            ids = numpy.array([i for text in group for i in (*encode(text), end)])
            if ids.min() < 0 or ids.max() >= vocabulary:
                raise ValueError(
                    f"Ids from {ids.min()} to {ids.max()} do not fit a vocabulary of {vocabulary}: another tokenizer's?"
                )
            file.write(ids.astype(kind).tobytes())
            tokens, texts, size = tokens + len(ids), texts + len(group), size + sum(len(text.encode()) for text in group)
        if not texts:
            raise ValueError("There is no document to pack. A generator that was read before is empty.")
        said = {"format": FORMAT, "type": kind.__name__, "tokens": tokens, "documents": texts, "bytes": size, "end": end}
        header = json.dumps(said | {"vocabulary": vocabulary, "about": about or {}}).encode()
        if len(header) > HEADER:
            raise ValueError(f"The header has room for {HEADER} bytes, and with `about` it needs {len(header)}. Say less.")
        file.seek(0)
        file.write(header.ljust(HEADER))
        file.flush()
        os.fsync(file.fileno())
    return Packed(path, window=1)


def _groups(items: Iterable, size: int) -> Iterator[list]:
    items = iter(items)
    while group := list(itertools.islice(items, size)):
        yield group


class Packed:
    """A packed file as windows: number i is a tensor of `window` tokens and the one after them, (window + 1,).

    Neighbors share one token, which the first predicts and the second reads: so every token is predicted once. What does not
    fill a window at the end is left out. header: what `write` said of it. tokens: all of them, mapped from the file.

    Raises DamagedFile where the file is none of these or was cut off, ValueError where it holds less than one window.
    """

    def __init__(self, path: str | Path, window: int = 256):
        self.path, self.window = Path(path), window
        self.header = _header(self.path)
        self.tokens = numpy.memmap(self.path, dtype=self.header["type"], mode="r", offset=HEADER)
        if len(self.tokens) <= window:
            raise ValueError(
                f"{shown(self.path)} has {len(self.tokens)} tokens: too few for a window of {window} and one more."
            )

    def __len__(self) -> int:
        return (len(self.tokens) - 1) // self.window

    def __getitem__(self, number: int) -> Tensor:
        if not 0 <= number < len(self):
            raise IndexError(f"There are windows 0 to {len(self) - 1}, and none has the number {number}.")
        first = number * self.window
        return torch.from_numpy(self.tokens[first : first + self.window + 1].astype(numpy.int64))  # (T + 1,)


def _header(path: Path) -> dict:
    """What the file says of itself, if its length fits to it."""
    try:
        with path.open("rb") as file:
            header = json.loads(file.read(HEADER))
        right = HEADER + header["tokens"] * numpy.dtype(header["type"]).itemsize
        whole = header["format"] == FORMAT and path.stat().st_size == right
    except (ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        raise DamagedFile(f"{shown(path)} is no whole file of packed tokens. Delete it, and it is written again.")
    return header
