"""Packed files: what stands in them, their windows, and what becomes of a half-written or damaged one."""

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.data import packed
from utils.io import DamagedFile

DOCUMENTS = ["5 6 7", "8", "9 10"]


def encode(text: str) -> list[int]:
    return [int(word) for word in text.split()]


def test_by_hand(tmp_path):
    file = packed.write(tmp_path / "x.tokens", DOCUMENTS, encode, end=0, vocabulary=11, about={"from": "here"})
    assert file.tokens.tolist() == [0, 5, 6, 7, 0, 8, 0, 9, 10, 0] and file.tokens.dtype == numpy.uint16
    said = {"tokens": 10, "documents": 3, "bytes": 10, "end": 0, "vocabulary": 11, "about": {"from": "here"}}
    assert said.items() <= file.header.items()
    again = packed.Packed(file.path, window=4)
    assert [window.tolist() for window in again] == [[0, 5, 6, 7, 0], [0, 8, 0, 9, 10]] and len(again) == 2
    assert again[0].dtype == torch.int64


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=9), min_size=1, max_size=9), st.integers(1, 6))
def test_every_token_is_told_once_and_in_order(tmp_path_factory, documents, window):
    path = tmp_path_factory.mktemp("packed") / "x.tokens"
    tokens = [0, *(i for ids in documents for i in (*ids, 0))]
    if len(tokens) <= window:
        return
    packed.write(path, (" ".join(map(str, ids)) for ids in documents), encode, 0, 10)
    file = packed.Packed(path, window)
    told = [token for number in range(len(file)) for token in file[number][1:].tolist()]
    assert told == tokens[1 : 1 + window * ((len(tokens) - 1) // window)]


def test_a_large_vocabulary_takes_four_bytes(tmp_path):
    file = packed.write(tmp_path / "x.tokens", ["70000 3"], encode, end=0, vocabulary=100_000)
    assert file.tokens.tolist() == [0, 70_000, 3, 0] and file.tokens.dtype == numpy.uint32


def test_many_documents_are_written_in_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(packed, "AT_ONCE", 2)
    assert packed.write(tmp_path / "x.tokens", iter(DOCUMENTS), encode, 0, 11).header["documents"] == 3


def test_what_fails_in_the_middle_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.tokens"
    packed.write(path, DOCUMENTS, encode, 0, 11)

    def broken():
        yield "1 2 3"
        raise RuntimeError("the power went")

    with pytest.raises(RuntimeError):
        packed.write(path, broken(), encode, 0, 11)
    assert packed.Packed(path, 2).header["documents"] == 3 and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "documents, vocabulary, about, why",
    [
        (DOCUMENTS, 10, {}, "do not fit a vocabulary of 10"),
        ([], 11, {}, "no document"),
        (DOCUMENTS, 11, {"x": "y" * 5000}, "Say less"),
    ],
)
def test_what_cannot_be_packed_is_refused_and_leaves_nothing(tmp_path, documents, vocabulary, about, why):
    with pytest.raises(ValueError, match=why):
        packed.write(tmp_path / "x.tokens", documents, encode, 0, vocabulary, about)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: data[:100], lambda data: b"x" + data, lambda data: b""]
)
def test_a_damaged_file_is_refused(tmp_path, damage):
    path = packed.write(tmp_path / "x.tokens", DOCUMENTS, encode, 0, 11).path
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DamagedFile, match="Delete it"):
        packed.Packed(path, 2)


def test_places_that_there_are_not(tmp_path):
    path = packed.write(tmp_path / "x.tokens", DOCUMENTS, encode, 0, 11).path
    with pytest.raises(ValueError, match="has 10 tokens"):
        packed.Packed(path, 10)
    for number in (-1, 2):
        with pytest.raises(IndexError, match="windows 0 to 1"):
            packed.Packed(path, 4)[number]
