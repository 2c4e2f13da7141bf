"""Lesson 17's measures of what a model writes, and of how well it guesses what people wrote.

judged, share    what the stories' parser says of each text; a share of all sentences with its interval
masked, copied   a sentence without its people; texts of copied sentences with other people
newness          what of the accepted sentences is in no known text, word for word and with the people masked
ngram_nats       an n-gram model's loss on packed windows
bits_a_byte      a GPT's loss on texts, in a unit that does not depend on the tokenizer
xz_bits          the same of a compressor that has just read the training texts
"""

from __future__ import annotations

import lzma
import math
import random
import re
from collections.abc import Callable, Collection, Sequence

import numpy
import torch
import torch.nn.functional as F
from torch import nn

from utils.experiments.ngrams import Ngrams
from utils.worlds import stories
from utils.worlds.stories.grammar import GENDERS

SENTENCES = 2  # the column of `judged` that counts them all
NAME = re.compile(rf"\b(?:{'|'.join(GENDERS)})\b")
PRONOUN = re.compile(r"(?i)\b(?:he|she|his|her|him)\b")


def masked(sentence: str) -> str:
    """The sentence with a gap for each person's name and each pronoun of one person."""
    return PRONOUN.sub("_", NAME.sub("_", sentence))


def copied(told: Sequence[str], count: int, sentences: int = 10, seed: int = 0) -> list[str]:
    """Texts of sentences drawn from those told, each sentence with other names for its people."""
    draw, texts = random.Random(seed), []
    for _ in range(count):
        chosen = draw.sample(told, sentences)
        others = [dict(zip(GENDERS, draw.sample(list(GENDERS), len(GENDERS)), strict=True)) for _ in chosen]
        texts.append(
            " ".join(NAME.sub(lambda found, new=new: new[found[0]], text) for text, new in zip(chosen, others, strict=True))
        )
    return texts


def judged(
    beginnings: Sequence[str], added: Sequence[str], known: Collection[str], form: Callable[[str], str] = str
) -> numpy.ndarray:
    """A row for each text (N, 4): sentences added and accepted; those of them not in `known`; all; 1 if nothing is wrong in it.

    form: what is made of a sentence before it is looked for in `known`, such as `masked`.
    A last sentence that was cut off in the middle does not count. A beginning is one accepted sentence.
    """
    found = []
    for first, text in zip(beginnings, added, strict=True):
        text = (re.match(r"(?s).*[.!?]+[\"”]?", text) or [""])[0]
        verdict, sentences = stories.judge(f"{first} {text}"), stories.parser.split(text)
        right = [sentence for sentence in sentences if sentence not in verdict.rejected]
        flawless = bool(sentences) and len(right) == len(sentences) and not verdict.contradictions
        found.append((len(right), sum(form(sentence) not in known for sentence in right), len(sentences), flawless))
    return numpy.array(found)


def share(rows: numpy.ndarray, column: int = 0) -> list[float]:
    """A column of `judged` over all sentences, with its 95 % interval: whole texts are drawn anew. [value, low, high]"""
    draws = numpy.random.default_rng(0).integers(len(rows), size=(1000, len(rows)))
    samples = rows[draws].sum(axis=1)  # (1000, 4)
    ends = numpy.quantile(samples[:, column] / numpy.maximum(samples[:, SENTENCES], 1), [0.025, 0.975])
    return [round(float(value), 3) for value in (rows[:, column].sum() / max(1, rows[:, SENTENCES].sum()), *ends)]


def newness(beginnings: Sequence[str], added: Sequence[str], known: Collection[str]) -> dict[str, list[float]]:
    """Shares with intervals: sentences accepted; of those, in no known text word for word; nor with the people masked."""
    exact, without = judged(beginnings, added, known), {masked(sentence) for sentence in known}
    return {
        "accepted": share(exact),
        "word for word": share(exact, 1),
        "new": share(judged(beginnings, added, without, masked), 1),
    }


def ngram_nats(counted: Ngrams, windows: torch.Tensor) -> numpy.ndarray:
    """The mean loss of an n-gram model in each of consecutive windows (N, T + 1), ends of texts included: (N,), in nats."""
    row = [*windows[0, :1].tolist(), *windows[:, 1:].flatten().tolist()]
    first = counted.order - 1  # no n-gram was counted across the end of a text, so the text before is not looked at
    losses = [-math.log(counted.probability(row[at], row[max(0, at - first) : at])) for at in range(1, len(row))]
    return numpy.array(losses).reshape(len(windows), -1).mean(axis=1)


@torch.no_grad()
def bits_a_byte(model: nn.Module, encode: Callable, documents: Sequence[str], window: int, end: int = 0) -> float:
    """All tokens of the documents together, in bits, over their bytes: read in pieces of up to half a window.

    Each piece is read with the half window before it, which is not counted again. Pieces of one length go together.
    """
    step, pieces = window // 2, {}
    for text in documents:
        ids = [end, *encode(text)]
        for done in range(1, len(ids), step):
            first = max(0, done - step)
            piece = ids[first : done + step]  # what is new begins at done
            pieces.setdefault((len(piece), done - first), []).append(piece)
    bits = 0.0
    for (_, new), rows in pieces.items():
        for some in torch.tensor(rows).split(16):
            losses = F.cross_entropy(model(some[:, :-1]).flatten(0, 1), some[:, 1:].flatten(), reduction="none")
            bits += losses.view(len(some), -1)[:, new - 1 :].sum().item() / math.log(2)
    return bits / sum(len(text.encode()) for text in documents)


def xz_bits(train: Sequence[str], test: Sequence[str]) -> float:
    """Bits a byte of the test texts for xz: both together compressed, less the training texts alone."""
    alone, both = (len(lzma.compress("\n".join(each).encode(), preset=9)) for each in (train, [*train, *test]))
    return 8 * (both - alone) / len("\n".join(test).encode())
