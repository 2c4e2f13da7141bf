"""Speculative decoding: a cheap draft proposes tokens, the model reads them in one pass and keeps what it would have drawn.

    speculate        continues one prompt; the tokens follow the model's own distribution, whatever the draft
    verified         the rule itself: which proposals stay, and the token after them
    ModelDraft       a smaller model with the same tokenizer proposes
    PromptLookup     what stood after the last few tokens, earlier in the text, is proposed again
    NgramDraft       what a table of counts says
    Rewindable       a model whose cache can go back
    expected_gain    tokens a pass and speed-up, from the rate of acceptance

Sources: Leviathan, Kalman and Matias, "Fast Inference from Transformers via Speculative Decoding" (2022, arXiv 2211.17192);
Chen et al., "Accelerating Large Language Model Decoding with Speculative Sampling" (2023, arXiv 2302.01318). Prompt look-up is
the case in which the draft is certain of what it proposes.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from transformers import DynamicCache, PreTrainedModel

from utils.generation import GREEDY, Sampling


class Rewindable:
    """A language model, of this course or of Transformers, that reads one text on and on and can go back in it."""

    def __init__(self, model: nn.Module, longest: int):
        """longest: the places of the cache; a library's cache grows."""
        self.model, self.length = model, 0
        library = isinstance(model, PreTrainedModel)
        self._cache = DynamicCache(config=model.config) if library else model.caches_for(longest)
        self._library = library

    def logits(self, ids: Sequence[int]) -> Tensor:
        """Reads new ids and gives the logits after each of them, (n, V)."""
        device = next(self.model.parameters()).device
        row = torch.tensor([list(ids)], device=device)
        read = self.model(row, past_key_values=self._cache).logits if self._library else self.model(row, self._cache)
        self.length += len(ids)
        return read[0].float()

    def back_to(self, length: int) -> None:
        """Forgets all after the first `length` tokens."""
        if length < self.length:
            if self._library:
                self._cache.crop(length - self.length)  # how many to take off, as a negative number
            else:
                for cache, _ in self._cache:
                    cache.crop(length)
            self.length = length


# ----------------------------------------------------------------------------------------------------------------------
# The rule
# ----------------------------------------------------------------------------------------------------------------------


def verified(tokens: Tensor, draft: Tensor, target: Tensor, generator: torch.Generator | None = None) -> list[int]:
    """The proposals that stay, from the first on, and one token more.

    tokens (k,), each drawn from its row of draft (k, V); target (k + 1, V): probabilities of the model in the same places. A
    token x stays with probability min(1, p(x) / q(x)). The first that does not is replaced by one drawn from what p has more
    than q, max(0, p - q), scaled to sum 1; if all stay, the token after them is drawn from p. Each token so follows p.
    """
    rows = torch.arange(len(tokens), device=tokens.device)
    ratio = target[rows, tokens] / draft[rows, tokens]
    draws = torch.rand(len(tokens), generator=generator, device=tokens.device)
    stay = int((draws < ratio).long().cumprod(0).sum())
    left = target[stay]
    if stay < len(tokens):
        left = (target[stay] - draft[stay]).clamp(min=0)
    last = int(left.multinomial(1, generator=generator))
    return [*tokens[:stay].tolist(), last]


# ----------------------------------------------------------------------------------------------------------------------
# Drafts
# ----------------------------------------------------------------------------------------------------------------------

Proposal = tuple[Tensor, Tensor]  # tokens (k,) and the probabilities that they were drawn from (k, V); k may be 0
Draft = Callable[[list[int], int], Proposal]  # of the text so far, at most so many tokens


class ModelDraft:
    """A smaller model with the same vocabulary proposes what it draws, with a cache of its own."""

    def __init__(self, model: nn.Module, longest: int, sampling: Sampling = GREEDY, generator: torch.Generator | None = None):
        self.reader, self.sampling, self.generator, self._read = Rewindable(model, longest), sampling, generator, []

    def __call__(self, text: list[int], count: int) -> Proposal:
        same = _shared(self._read, text[:-1])  # the last token is read in any case
        self.reader.back_to(same)
        new, tokens, rows = text[same:], [], []
        for _ in range(count):
            row = _distribution(self.reader.logits(new)[-1:], self.sampling)
            tokens.append(int(row.multinomial(1, generator=self.generator)))
            rows.append(row)
            new = tokens[-1:]
        self._read = [*text, *tokens[:-1]]
        return torch.tensor(tokens, device=rows[0].device), torch.cat(rows)


class PromptLookup:
    """Looks for the last `size` tokens earlier in the text, where they stood last, and proposes what came after them."""

    def __init__(self, vocabulary: int, size: int = 3, smallest: int = 1):
        """Where `size` tokens are not found, fewer are looked for, down to `smallest`."""
        self.vocabulary, self.size, self.smallest = vocabulary, size, smallest

    def __call__(self, text: list[int], count: int) -> Proposal:
        for size in range(min(self.size, len(text) - 1), self.smallest - 1, -1):
            end = text[-size:]
            for start in range(len(text) - size - 1, -1, -1):
                if text[start : start + size] == end:
                    return certain(text[start + size : start + size + count], self.vocabulary)
        return certain([], self.vocabulary)


class NgramDraft:
    """Proposes the commonest follower of the last tokens in texts that were counted; nothing after tokens that it never saw."""

    def __init__(self, documents: Sequence[Sequence[int]], vocabulary: int, size: int = 2):
        self.vocabulary, self.size, counts = vocabulary, size, {}
        for ids in documents:
            for at in range(size, len(ids)):
                followers = counts.setdefault(tuple(ids[at - size : at]), {})
                followers[ids[at]] = followers.get(ids[at], 0) + 1
        self.best = {before: max(followers, key=followers.get) for before, followers in counts.items()}

    def __call__(self, text: list[int], count: int) -> Proposal:
        tokens, end = [], tuple(text[-self.size :])
        while len(tokens) < count and end in self.best:
            tokens.append(self.best[end])
            end = (*end[1:], tokens[-1])
        return certain(tokens, self.vocabulary)


def certain(tokens: Sequence[int], vocabulary: int) -> Proposal:
    """Tokens of a draft that draws nothing: each has probability 1."""
    tokens = torch.tensor(list(tokens), dtype=torch.long)
    return tokens, torch.nn.functional.one_hot(tokens, vocabulary).float()


# ----------------------------------------------------------------------------------------------------------------------
# The loop
# ----------------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Speculated:
    """ids: prompt and continuation. passes: of the model, the prompt's among them. Of the draft's tokens: how many were
    proposed, how many were tried (all up to the first that did not stay), and how many accepted. written: new tokens."""

    ids: list[int]
    passes: int = 0
    proposed: int = 0
    tried: int = 0
    accepted: int = 0
    written: int = 0

    @property
    def tokens_a_pass(self) -> float:
        return self.written / self.passes

    @property
    def acceptance(self) -> float:
        """The share of the tried tokens that stayed; 0 where none were proposed."""
        return self.accepted / max(1, self.tried)


@torch.inference_mode()
def speculate(
    model: nn.Module,
    draft: Draft,
    ids: Sequence[int],
    new: int,
    length: int = 4,
    sampling: Sampling = GREEDY,
    generator: torch.Generator | None = None,
    end_id: int | None = None,
) -> Speculated:
    """A prompt (ids) with up to `new` tokens more, as `generation.generate` would draw them, in fewer passes.

    length: how many tokens the draft may propose at a time. Where it proposes none, a pass is an ordinary step.
    Raises ValueError for new < 1, an empty prompt, or a repetition penalty, which would need another p for each proposal.
    """
    if new < 1 or not ids:
        raise ValueError(f"new={new}, {len(ids)} tokens of prompt: at least one token is read and one is written.")
    if sampling.repetition_penalty != 1.0:
        raise ValueError("A repetition penalty depends on the tokens before each place; speculate without one.")
    reader, text = Rewindable(model, len(ids) + new + length), list(ids)
    found = Speculated(text)
    while found.written < new:
        room = min(length, new - found.written - 1)
        tokens, q = draft(text, room) if room else certain([], 1)
        logits = reader.logits([*text[reader.length :], *tokens.tolist()])[-len(tokens) - 1 :]  # (k + 1, V)
        p = _distribution(logits, sampling)
        kept = verified(tokens.to(p.device), q.to(p.device), p, generator)
        found.passes += 1
        found.proposed += len(tokens)
        found.tried += min(len(kept), len(tokens))
        found.accepted += len(kept) - 1
        if end_id in kept:
            kept = kept[: kept.index(end_id) + 1]
        text += kept
        found.written += len(kept)
        reader.back_to(len(text) - 1)  # the last token has not been read yet
        if end_id is not None and kept[-1] == end_id:
            break
    return found


def _distribution(logits: Tensor, sampling: Sampling) -> Tensor:
    """logits (n, V) -> the probabilities that a token is drawn from (n, V); certainty where the likeliest is taken."""
    if sampling.temperature == 0.0:
        return torch.nn.functional.one_hot(logits.argmax(-1), logits.shape[-1]).float()
    return sampling.logits(logits, logits.new_zeros(len(logits), 0, dtype=torch.long)).softmax(-1)


def _shared(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens two texts have in common at their beginning."""
    same = 0
    while same < min(len(first), len(second)) and first[same] == second[same]:
        same += 1
    return same


# ----------------------------------------------------------------------------------------------------------------------
# What it gives
# ----------------------------------------------------------------------------------------------------------------------


class Gain(NamedTuple):
    tokens_a_pass: float
    speed_up: float


def expected_gain(acceptance: float, length: int, cost: float = 0.0, wide: float = 1.0) -> Gain:
    """Where each proposal stays with the same probability, whatever stayed before (Leviathan et al., theorem 3.8).

    cost: of one draft step, as a share of the model's. wide: of the model's pass over length + 1 tokens, as a multiple of
    a pass over one; the paper takes it as 1. Raises ValueError for an acceptance outside 0 ... 1.
    """
    if not 0 <= acceptance <= 1:
        raise ValueError(f"acceptance={acceptance} is a share, from 0 to 1.")
    tokens = sum(acceptance**k for k in range(length + 1))  # (1 - a^(length + 1)) / (1 - a)
    return Gain(tokens, tokens / (length * cost + wide))
