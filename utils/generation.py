"""Generation: from a language model's logits to text.

    temperature_scaled, top_k, top_p, min_p, repetition_penalized   logits (B, V) -> logits (B, V)
    Sampling                     the five together, in Transformers' order; GREEDY always takes the likeliest token
    generate                     continues a batch of prompts, by the cache
    next_tokens                  the same step by step, as an iterator
    stream                       the text of one continuation, piece by piece as it is written
    stop_at                      ends a row where its text has one of some strings
    beam_search, search_beams    the likeliest continuations: of a language model; of anything that gives logits
    LibraryModel                 lets a causal model of Transformers write here

A language model here is what utils.models.transformer.DecoderOnly is: its `reader` reads new ids and gives vectors (B, T, C),
`head` makes logits of them. In a batch of prompts the shorter ones are filled up at their
left, and a mask (B, T) says which tokens are real.

What is taken out gets the logit -inf. On the same logits each function gives what Transformers' processor of that name gives.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn
from transformers import DynamicCache, PreTrainedModel

from utils.attention import KeyValueCache

# ----------------------------------------------------------------------------------------------------------------------
# Logits to logits
# ----------------------------------------------------------------------------------------------------------------------


def temperature_scaled(logits: Tensor, temperature: float) -> Tensor:
    """logits / temperature: below 1 the likely tokens become likelier, above 1 all come nearer to each other.

    Raises ValueError for a temperature that is not above zero. Source: Ackley et al. 1985, as in every softmax.
    """
    if not temperature > 0:
        raise ValueError(f"Logits are divided by the temperature, so it must be above 0, not {temperature}. Use GREEDY for 0.")
    return logits / temperature


def top_k(logits: Tensor, k: int) -> Tensor:
    """Keeps the k highest of each row; of what ties with the last of them, all. Source: Fan et al. 2018, arXiv 1805.04833.

    Raises ValueError for a k below one.
    """
    if k < 1:
        raise ValueError(f"top_k={k}: at least one token must stay.")
    last = logits.topk(min(k, logits.shape[-1])).values[..., -1:]  # (B, 1)
    return logits.masked_fill(logits < last, -torch.inf)


def top_p(logits: Tensor, p: float) -> Tensor:
    """Keeps the likeliest tokens of each row, as few as have the probability p together ("nucleus").

    The token that crosses p stays, so at least one does. Raises ValueError for a p outside (0, 1].
    Source: Holtzman et al. 2019, arXiv 1904.09751.
    """
    _check_share("top_p", p)
    ascending, order = logits.sort(dim=-1)
    out = ascending.softmax(-1).cumsum(-1) <= 1 - p  # the unlikely end, where all up to here have at most 1 - p
    out[..., -1] = False
    return logits.masked_fill(out.scatter(-1, order, out), -torch.inf)


def min_p(logits: Tensor, p: float) -> Tensor:
    """Keeps tokens that are at least p times as likely as the likeliest of their row.

    Raises ValueError for a p outside (0, 1]. Source: Nguyen et al. 2024, arXiv 2407.01082.
    """
    _check_share("min_p", p)
    probabilities = logits.softmax(-1)
    return logits.masked_fill(probabilities < p * probabilities.amax(-1, keepdim=True), -torch.inf)


def repetition_penalized(logits: Tensor, ids: Tensor, penalty: float) -> Tensor:
    """Makes what already stands in the row's ids (B, T) less likely: logits above 0 by the penalty, others times the penalty.

    Raises ValueError for a penalty that is not above zero. Source: Keskar et al. 2019, arXiv 1909.05858, section 4.1 (which
    divides all of them: that would make a token of negative logit likelier).
    """
    if not penalty > 0:
        raise ValueError(f"repetition_penalty={penalty} must be above 0; 1 changes nothing.")
    found = logits.gather(-1, ids)  # (B, T)
    return logits.scatter(-1, ids, torch.where(found < 0, found * penalty, found / penalty))


def _check_share(name: str, p: float) -> None:
    if not 0 < p <= 1:
        raise ValueError(f"{name}={p} is a share of probability: above 0, and 1 at most.")


@dataclasses.dataclass(frozen=True)
class Sampling:
    """How the next token is chosen. None, and a penalty of 1, leave a step out. temperature 0: the likeliest, none is drawn."""

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repetition_penalty: float = 1.0

    def logits(self, logits: Tensor, ids: Tensor) -> Tensor:
        """logits (B, V) and the ids so far (B, T) -> logits (B, V)."""
        if self.repetition_penalty != 1.0:
            logits = repetition_penalized(logits, ids, self.repetition_penalty)
        if self.temperature != 0.0:
            logits = temperature_scaled(logits, self.temperature) if self.temperature != 1.0 else logits
            for step, value in ((top_k, self.top_k), (top_p, self.top_p), (min_p, self.min_p)):
                logits = logits if value is None else step(logits, value)
        return logits

    def choose(self, logits: Tensor, ids: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """The next token of each row, (B,)."""
        logits = self.logits(logits.float(), ids)
        if self.temperature == 0.0:
            return logits.argmax(-1)
        return logits.softmax(-1).multinomial(1, generator=generator)[:, 0]


GREEDY = Sampling(temperature=0.0)


# ----------------------------------------------------------------------------------------------------------------------
# A token after the other
# ----------------------------------------------------------------------------------------------------------------------


def generate(
    model: nn.Module, ids: Tensor, new: int, sampling: Sampling = GREEDY, generator: torch.Generator | None = None, **options
) -> Tensor:
    """Prompts (B, T) with what follows them, (B, T + n): n <= `new`, fewer where all rows have ended. Options: next_tokens'."""
    steps = next_tokens(model, ids, new, sampling, generator, **options)
    return torch.cat([ids, *(token[:, None] for token in steps)], dim=1)


@torch.inference_mode()
def next_tokens(
    model: nn.Module,
    ids: Tensor,
    new: int,
    sampling: Sampling = GREEDY,
    generator: torch.Generator | None = None,
    mask: Tensor | None = None,
    end_id: int | Sequence[int] | None = None,
    pad_id: int = 0,
    stop: Callable[[Tensor], Tensor] | None = None,
) -> Iterator[Tensor]:
    """Up to `new` times the next token of each row, (B,), until all rows have ended. The model writes in evaluation mode.

    generator: draws the tokens; on the model's device. PyTorch's own where there is none.
    mask: boolean (B, T), True at real tokens, where prompts are filled up at their left.
    end_id: the token, or the tokens, after which a row has ended; it is given, and pad_id after it.
    stop: what tells from the new ids so far (B, n) which rows have ended, (B,); see stop_at.

    Raises ValueError for new < 1, an empty prompt, or a mask that is not True in its last column.
    """
    if new < 1 or not ids.numel():
        raise ValueError(f"new={new}, prompts {tuple(ids.shape)}: at least one token is read and one is written.")
    if mask is not None and not mask[:, -1].all():
        raise ValueError("A prompt ends in padding: what comes next would follow that. Fill up at the left (padding_side).")
    (rows, length), training = ids.shape, model.training
    room = torch.ones(rows, new, dtype=torch.bool, device=ids.device)
    masks = None if mask is None else torch.cat([mask, room], dim=1)
    # a row's padding stands for its last token, so that a penalty never meets padding
    seen = torch.cat([ids if mask is None else torch.where(mask, ids, ids[:, -1:]), torch.zeros_like(room, dtype=ids.dtype)], 1)
    ends = None if end_id is None else torch.tensor([end_id] if isinstance(end_id, int) else list(end_id), device=ids.device)
    ended = torch.zeros(rows, dtype=torch.bool, device=ids.device)
    read = model.reader(length + new - 1)  # the last token is not read
    model.eval()
    try:
        for place in range(length, length + new):
            x = read(ids, None if masks is None else masks[:, :place])
            token = sampling.choose(model.head(x[:, -1]), seen[:, :place], generator)
            if ends is not None or stop is not None:
                token = token.masked_fill(ended, pad_id)
                seen[:, place] = token
                ended = ended if ends is None else ended | torch.isin(token, ends)
                ended = ended if stop is None else ended | stop(seen[:, length : place + 1])
            else:
                seen[:, place] = token
            yield token
            if ended.all():
                break
            ids = token[:, None]
    finally:
        model.train(training)


class LibraryModel(nn.Module):
    """A causal model of Transformers as `next_tokens` and `stream` ask for it: a reader that keeps its cache, and a head."""

    def __init__(self, model: PreTrainedModel):
        super().__init__()
        self.body, self.head = model.base_model, model.get_output_embeddings()

    def reader(self, longest: int) -> Callable[[Tensor, Tensor | None], Tensor]:
        """As DecoderOnly.reader. Positions count from each row's first real token; the cache grows, whatever `longest`."""
        cache = DynamicCache(config=self.body.config)

        def read(ids: Tensor, mask: Tensor | None = None) -> Tensor:
            places = None if mask is None else (mask.long().cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :]
            mask = None if mask is None else mask.long()
            return self.body(ids, past_key_values=cache, attention_mask=mask, position_ids=places).last_hidden_state

        return read


def stop_at(strings: Sequence[str], decode: Callable[[list[int]], str]) -> Callable[[Tensor], Tensor]:
    """For next_tokens' `stop`: a row ends with the token that completes one of the strings. decode: a tokenizer's."""

    def stop(written: Tensor) -> Tensor:  # (B, n) -> (B,)
        texts = [decode(row) for row in written.tolist()]
        return torch.tensor([any(each in text for each in strings) for text in texts], device=written.device)

    return stop


def stream(
    model: nn.Module,
    ids: Tensor,
    new: int,
    decode: Callable[[list[int]], str],
    sampling: Sampling = GREEDY,
    stop: Sequence[str] = (),
    end_id: int | None = None,
    generator: torch.Generator | None = None,
) -> Iterator[str]:
    """The text that follows one prompt (1, T), piece by piece; the pieces together end before `stop` and the end token.

    A piece is held back while it may still change: bytes of a character that is not complete, the beginning of a stop string.
    """
    written, shown, text = [], 0, ""
    for token in next_tokens(model, ids, new, sampling, generator, end_id=end_id):
        if token.item() == end_id:
            break
        written.append(token.item())
        text = decode(written)
        found = [text.index(each) for each in stop if each in text]
        if found:
            text = text[: min(found)]
            break
        safe = len(text) - max((_begun(text, each) for each in stop), default=0)
        if not text.endswith("\ufffd") and safe > shown:
            yield text[shown:safe]
            shown = safe
    if len(text) > shown:
        yield text[shown:]


def _begun(text: str, stop: str) -> int:
    """How many characters at the end of the text are the beginning of the stop string."""
    return max(size for size in range(len(stop)) if text.endswith(stop[:size]))


# ----------------------------------------------------------------------------------------------------------------------
# Beams
# ----------------------------------------------------------------------------------------------------------------------


def beam_search(
    model: nn.Module, ids: Tensor, end_id: int, beams: int = 4, longest: int = 64, length_penalty: float = 1.0
) -> list[tuple[float, list[int]]]:
    """The likeliest continuations of one prompt (1, T) by a language model, each with its score: search_beams, by the cache."""
    caches, training = model.caches_for(ids.shape[1] + longest - 1), model.training
    model.eval()
    own = [cache for cache, _ in caches]
    found = search_beams(
        lambda new: model.head(model.hidden(new, caches)[:, -1]), own, ids, end_id, beams, longest, length_penalty
    )
    model.train(training)
    return found


@torch.no_grad()
def search_beams(
    logits_after: Callable[[Tensor], Tensor],
    caches: list[KeyValueCache],
    start: Tensor,
    end_id: int,
    beams: int,
    longest: int,
    length_penalty: float = 1.0,
) -> list[tuple[float, list[int]]]:
    """The `beams` best finished continuations of one text, each with its score, the best first.

    logits_after: reads the new ids (K, T) of all beams, the whole of `start` (1, T) at first, then a token at a time, and gives
        the logits of the next (K, V). caches: those whose rows are the beams'; they follow when a beam splits.

    A score is the sum of log-probabilities over (number of tokens) ** length_penalty. Ids are without `start` and with end_id.
    The same as Transformers' generate(num_beams=beams, early_stopping=False). Raises ValueError for more than one text.
    """
    if len(start) != 1:
        raise ValueError(f"Beams are searched for one text at a time, not for {len(start)}. Call it for each: ids[:1], ...")
    read = start.expand(beams, -1)  # (K, T)
    live = read[:, :0]  # (K, n), what the beams have written
    scores = torch.full((beams,), -1e9, device=start.device)
    scores[0] = 0.0  # the beams are alike at first: one of them counts
    finished: list[tuple[float, list[int]]] = []
    for length in range(1, longest + 1):
        sums = scores[:, None] + logits_after(read).float().log_softmax(-1)  # (K, V)
        best, places = sums.flatten().topk(2 * beams)  # at most K of them end, so K are left to go on
        rows, tokens = places // sums.shape[1], places % sums.shape[1]
        ended = (tokens == end_id) | (length == longest)
        texts = torch.cat([live[rows], tokens[:, None]], dim=1)  # (2 K, n + 1)
        for rank in range(beams):
            if ended[rank]:
                finished.append((best[rank].item() / length**length_penalty, texts[rank].tolist()))
        finished = sorted(finished, key=lambda one: -one[0])[:beams]
        going = (~ended).nonzero()[:beams, 0]
        if len(going) < beams or (len(finished) == beams and best[going[0]].item() / length**length_penalty <= finished[-1][0]):
            break
        live, scores, read = texts[going], best[going], tokens[going, None]
        for cache in caches:
            cache.keep(rows[going])
    return finished
