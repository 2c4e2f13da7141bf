"""Measured texts of lessons 16 and 17: what a GPT adds to stories, judged by a program; how often a text repeats itself.

beginnings  the first sentences of stories
continued   a GPT's continuations of them, all in one batch
judged      shares of what was added: sentences accepted, stories that agree, sentences that are distinct
runs        the same of several seeds
measured    the same of several ways to write, and of the true stories
repeated    the share of stretches of tokens that stood in the text before
documents   the first tokens of texts that are long enough
compared    ways to continue the documents: what each repeats, and what its text costs the model
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import PreTrainedModel

from utils.generation import LibraryModel, Sampling, generate
from utils.worlds import stories
from utils.worlds.stories import Story

LONGEST = 320  # tokens: the stories end before, and gpt-mini has room for them


def beginnings(told: Sequence[Story]) -> list[str]:
    """The first sentence of each story."""
    return [story.sentences[0].english for story in told]


def continued(model, tokenizer, first: Sequence[str], sampling: Sampling, seed: int = 0, places: int = LONGEST) -> list[str]:
    """What the model adds to each beginning, up to its end token or to so many places; the beginning is left out.

    All are written in one batch, which is filled up at its left.
    """
    end, pad = tokenizer.eos_token_id, tokenizer.pad_token_id
    rows = [torch.tensor([end, *tokenizer.encode(text, add_special_tokens=False)]) for text in first]
    ids = torch.nn.utils.rnn.pad_sequence(rows, True, pad, padding_side="left")  # (B, T)
    generator = torch.Generator().manual_seed(seed)
    options = {"mask": ids != pad, "end_id": end, "pad_id": pad}
    out = generate(model, ids, places - ids.shape[1], sampling, generator, **options)
    return [text.strip() for text in tokenizer.batch_decode(out[:, ids.shape[1] :], skip_special_tokens=True)]


def judged(first: Sequence[str], added: Sequence[str]) -> dict[str, float]:
    """Shares: of the sentences added, those that the grammar accepts; of the stories, those whose facts agree; of the
    sentences added, those that are distinct.
    """
    verdicts = [stories.judge(f"{begin} {text}") for begin, text in zip(first, added)]
    told = [sentence for text in added for sentence in stories.parser.split(text)]
    accepted = sum(verdict.accepted - 1 for verdict in verdicts) / max(1, sum(verdict.sentences - 1 for verdict in verdicts))
    return {
        "accepted": round(accepted, 4),
        "agrees": sum(verdict.agrees for verdict in verdicts) / len(first),
        "distinct": round(len(set(told)) / max(1, len(told)), 4),
    }


def runs(model, tokenizer, first: Sequence[str], sampling: Sampling, seeds: int) -> list[dict[str, float]]:
    """What is judged of each seed's continuations; of one, where nothing is drawn."""
    numbers = range(seeds if sampling.temperature else 1)
    return [judged(first, continued(model, tokenizer, first, sampling, seed)) for seed in numbers]


def measured(
    model, tokenizer, plans: dict[str, Sampling], told: Sequence[Story], seeds: int
) -> dict[str, list[dict[str, float]]]:
    """plan -> `runs` of the stories' beginnings; "true": of how the stories go on."""
    first = beginnings(told)
    true = [story.english.removeprefix(begin).strip() for begin, story in zip(first, told)]
    found = {name: runs(model, tokenizer, first, plan, seeds) for name, plan in plans.items()}
    return found | {"true": [judged(first, true)]}


def repeated(row: Sequence[int], size: int = 4) -> float:
    """The share of the row's stretches of so many tokens that are copies of another: 0 where all differ."""
    stretches = [tuple(row[at : at + size]) for at in range(len(row) - size + 1)]
    return 1 - len(set(stretches)) / len(stretches)


def documents(texts: Iterable[str], encode: Callable[[str], Tensor], count: int, length: int) -> Tensor:
    """The first tokens of the first texts that are long enough: (count, length)."""
    rows = (encode(text)[0] for text in texts)
    return torch.stack([row[:length] for row in rows if len(row) >= length][:count])


@torch.no_grad()
def compared(model: PreTrainedModel, rows: Tensor, prompt: int, ways: dict[str, Sampling], pad_id: int) -> dict[str, list]:
    """way -> [share repeated, bits a token by the model itself] of each row's continuation of its first `prompt` tokens.

    Besides the ways: "four beams", by the library's generate, and "people", which is how the rows go on.
    """
    new, prompts = rows.shape[1] - prompt, rows[:, :prompt]
    options = {"max_new_tokens": new, "num_beams": 4, "do_sample": False, "eos_token_id": None, "pad_token_id": pad_id}
    beams = [model.generate(part, attention_mask=torch.ones_like(part), **options) for part in prompts.split(8)]
    written = {"four beams": torch.cat(beams)}
    for name, how in ways.items():
        written[name] = generate(LibraryModel(model), prompts, new, how, torch.Generator().manual_seed(0))
    found = {}
    for name, out in (written | {"people": rows}).items():
        costs = [
            F.cross_entropy(model(part).logits[:, prompt - 1 : -1].transpose(1, 2), part[:, prompt:], reduction="none")
            for part in out.split(8)  # (8, n) each
        ]
        bits = torch.cat(costs).mean(1) / math.log(2)
        again = [repeated(row[prompt:].tolist()) for row in out]
        found[name] = [[round(share, 3), round(cost, 3)] for share, cost in zip(again, bits.tolist())]
    return found
