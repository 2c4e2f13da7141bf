"""Byte-level byte-pair encoding (BPE), trained and applied with PyTorch tensors.

The algorithm is Algorithm 1 of Sennrich, Haddow and Birch, "Neural Machine Translation of Rare Words with Subword
Units" (2016), on bytes as in section 2.2 of Radford et al., "Language Models are Unsupervised Multitask Learners"
(2019):

1. A text is cut into pre-tokens (roughly words), and a pre-token into bytes, the first 256 tokens. No text is unknown.
2. Training merges the most frequent pair of neighboring tokens into a new token, again and again. Of pairs that are
   equally frequent, the one with the lowest ids goes first.
3. Encoding merges the same pairs in the same order; decoding puts the bytes of the tokens together.

The module gives the merges of the trainer in the `tokenizers` library (`BpeTrainer` with
`initial_alphabet=ByteLevel.alphabet()`), and the same ids: special tokens first, then the 256 bytes in GPT-2's order,
then one token a merge.

Where the speed comes from. All distinct pre-tokens lie end to end in one line of tensors, and a merge rewrites all
places of its pair with a few tensor operations. A merge also creates pairs, and each of these holds the new token.
So a pair comes to be in one step only, and after that step it can only become rarer. Two shortcuts follow:

* The places of a pair are noted when it comes to be. Later, places may drop out, but none is added.
* A count may be out of date, but it is never too low. A heap can therefore be ordered by old counts: the pair on top is
  counted again, and if the count still holds, it is the most frequent pair of all. No other pair is touched.

The tensors stay on the CPU: most merges touch only a few places, too few to keep a GPU busy. Even there a tensor
operation takes some microseconds whatever its size, so a merge with a few places goes through them in plain Python,
in the memory of the same tensors. Encoding uses the same line for whole corpora and for long pre-tokens; a few short
ones are merged one by one.
"""

import heapq
import json
import operator
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, islice
from pathlib import Path

import regex
import torch
from torch import Tensor

from utils.io import write_atomically

# How a text is cut into pre-tokens; no merge reaches across a cut. Each pattern matches any text without gaps.
# "gpt2" keeps words with the space before them, digits and punctuation apart (GPT-2's own pattern).
# "gpt4" cuts digits into groups of three, and lets a word begin with any one sign (the pattern of GPT-4 and Llama 3).
PATTERNS = {
    "gpt2": r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+""",
    "gpt4": r"""'(?:[sdmtSDMT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"""
    r"""| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+""",
    # GPT-2's with each digit by itself, so that a model sees the columns of a number (as Llama 1 and 2 cut them).
    "digits": r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+""",
}

# A `tokenizers` file writes a token as printable characters: a byte that is printable in Latin-1 stands for itself, the
# others for U+0100, U+0101, ... in order (a space becomes "\u0120"). The bytes get their ids in the order of these.
_PRINTABLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
BYTES_IN_ORDER = _PRINTABLE + [byte for byte in range(256) if byte not in _PRINTABLE]
INDEX_OF_BYTE = {byte: index for index, byte in enumerate(BYTES_IN_ORDER)}  # GPT-2's numbers of the bytes
_CHARACTER_OF_BYTE = {
    byte: chr(byte if index < len(_PRINTABLE) else 0x100 + index - len(_PRINTABLE)) for byte, index in INDEX_OF_BYTE.items()
}

_SEPARATOR = 0xFF  # never occurs in UTF-8, so it can part one pre-token from the next
_NO_TOKEN = -1
_LONG = 64  # characters; a pre-token that is longer hardly ever comes again
_FEW_PLACES = 24  # up to this number a loop over a pair's places is quicker than tensor operations
_FEW = 5_000  # pre-tokens; up to this number merging them one by one beats starting up tensor operations
_CACHE_ENTRIES = 65_536  # pre-tokens remembered with their ids (no long ones): some tens of megabytes at most
_FORMAT = "transformers-course byte-level BPE 1"


def pre_tokenize(text: str, pattern: str = "gpt2") -> list[str]:
    """Cut a text into pre-tokens, which joined give the text again.

    `pattern` names one of `PATTERNS`.

    Raises TypeError if `text` is not a str, ValueError if it holds a lone surrogate or if the pattern is unknown.
    """
    _check_text(text)
    return _compiled(pattern).findall(text)


class BytePairTokenizer:
    """A byte-level BPE tokenizer: special tokens, 256 bytes and one token for each merge.

    Made by `train` or `load`, or from merges that are known. With S special tokens these have ids 0 ... S-1, the bytes
    S ... S+255, and merge number i (from 0) makes the token S+256+i.

    merges: pairs of ids (left, right), in the order in which they were learned
    special_tokens: texts such as "<|endoftext|>" that get one id each and are never cut or merged
    pattern: the name of the pattern in `PATTERNS` that cuts texts into pre-tokens

    Raises ValueError if a merge uses a token that does not exist before it, if a merge comes twice, or if a special
    token is empty, comes twice or reads like another token.
    """

    def __init__(self, merges: Iterable[Sequence[int]], special_tokens: Iterable[str] = (), pattern: str = "gpt2"):
        self._pattern = _compiled(pattern)
        self.pattern = pattern
        special = _checked_special_tokens(special_tokens)
        self._special = {token: index for index, token in enumerate(special)}
        self._first_byte = len(special)
        self.merges = [_checked_pair(pair) for pair in merges]
        self._tokens = [token.encode() for token in special] + [bytes([byte]) for byte in BYTES_IN_ORDER]
        self._made: dict[tuple[int, int], int] = {}  # pair -> id of the token that it makes
        for left, right in self.merges:
            new = len(self._tokens)
            if not (self._first_byte <= left < new and self._first_byte <= right < new) or (left, right) in self._made:
                raise ValueError(
                    f"Merge {new - self._first_byte - 256} is ({left}, {right}), but a merge takes two tokens from"
                    f" {self._first_byte} (the first byte) to {new - 1} (the merge before), and each pair once."
                    " Are the merges in the order in which they were learned, and counted with the special tokens?"
                )
            self._made[left, right] = new
            self._tokens.append(self._tokens[left] + self._tokens[right])
        ordinary = set(self._written_tokens()[self._first_byte :]) if special else set()
        for token in special:
            if token in ordinary:
                raise ValueError(
                    f"The special token {token!r} is also an ordinary token of this vocabulary, so its text could mean"
                    f" either. Choose a text that ordinary words cannot form, such as {f'<|{token}|>'!r}."
                )
        # At one place the longest special token counts, so longer ones are tried first.
        longest_first = sorted(self._special, key=len, reverse=True)
        self._special_pattern = regex.compile("(" + "|".join(map(regex.escape, longest_first)) + ")")
        self._cache: dict[str, tuple[int, ...]] = {}

    @classmethod
    def train(
        cls, texts: str | Iterable[str], vocabulary_size: int, special_tokens: Iterable[str] = (), pattern: str = "gpt2"
    ) -> "BytePairTokenizer":
        """Learn merges from one text or several; a pre-token never reaches from one text into the next.

        The vocabulary may come out smaller than `vocabulary_size`: training ends when each pre-token is one token.
        Special tokens are not looked for in the training texts.

        Raises TypeError if a text is not a str, ValueError if there is no text at all, if a text holds a lone
        surrogate, if `vocabulary_size` has no room for bytes and special tokens, or if a special token is unsuitable.
        """
        special = _checked_special_tokens(special_tokens)
        smallest = 256 + len(special)
        if operator.index(vocabulary_size) < smallest:
            raise ValueError(
                f"vocabulary_size is {vocabulary_size}, but 256 bytes and {len(special)} special tokens need"
                f" {smallest} already. Ask for more: each token above {smallest} is one merge."
            )
        merges = _learn_merges(_count_pre_tokens(texts, pattern), vocabulary_size, first_byte=len(special))
        return cls(merges, special, pattern)

    @property
    def vocabulary_size(self) -> int:
        """Number of tokens: special tokens, 256 bytes and merges."""
        return len(self._tokens)

    @property
    def special_tokens(self) -> dict[str, int]:
        """Special tokens with their ids."""
        return dict(self._special)

    def __repr__(self) -> str:
        return (
            f"BytePairTokenizer(vocabulary_size={self.vocabulary_size}, special_tokens={list(self._special)},"
            f" pattern={self.pattern!r})"
        )

    def encode(self, text: str, allow_special: bool = False) -> list[int]:
        """Turn a text into ids.

        With `allow_special` the special tokens in the text become their ids (as `tokenizers` and Transformers do it);
        without, they are read as ordinary text. So what a user types cannot end a document or play another role.

        Raises TypeError if `text` is not a str, ValueError if it holds a lone surrogate.
        """
        return self.encode_batch([text], allow_special)[0]

    def encode_batch(self, texts: Iterable[str], allow_special: bool = False) -> list[list[int]]:
        """Turn several texts into ids, a list for each. Faster than text by text: new pre-tokens are merged together.

        Raises TypeError if `texts` is a single str or one of them is not a str, ValueError for a lone surrogate.
        """
        if isinstance(texts, (str, bytes)):
            raise TypeError("encode_batch takes a list of texts, and this is a single one. Use encode(text) for it.")
        special = self._special if allow_special else {}
        cut_texts = [self._cut(text, allow_special) for text in texts]
        cache = self._cache
        new = [
            pre_token
            for pre_token in dict.fromkeys(chain.from_iterable(cut_texts))
            if pre_token not in cache and pre_token not in special
        ]
        fresh = self._merge_pre_tokens(new)
        fresh.update((token, (index,)) for token, index in special.items())
        ids = [
            list(chain.from_iterable(fresh[piece] if piece in fresh else cache[piece] for piece in pieces))
            for pieces in cut_texts
        ]
        self._remember(new, fresh)
        return ids

    def decode(self, ids: Iterable[int] | Tensor, skip_special: bool = False) -> str:
        """Turn ids into text; `skip_special` leaves special tokens out. A 1-D tensor of integers will do as well.

        Ids may end within a character (of several bytes), and a model may write bytes that are no UTF-8: such bytes
        become U+FFFD, the replacement character. `decode_bytes` keeps them.

        Raises TypeError if `ids` are not integers, ValueError if one is outside of the vocabulary.
        """
        return self.decode_bytes(ids, skip_special).decode("utf-8", errors="replace")

    def decode_bytes(self, ids: Iterable[int] | Tensor, skip_special: bool = False) -> bytes:
        """Turn ids into the bytes of their text. Arguments and errors are those of `decode`."""
        numbers = self._checked_ids(ids)
        if skip_special:
            numbers = [number for number in numbers if number >= self._first_byte]
        return b"".join(map(self._tokens.__getitem__, numbers))

    def token_bytes(self, token_id: int) -> bytes:
        """The bytes that an id stands for. Raises TypeError or ValueError as `decode` does."""
        return self.decode_bytes([token_id])

    def save(self, path: str | os.PathLike) -> None:
        """Write the tokenizer to a JSON file. If writing fails, a file that was there before stays as it was."""
        content = {"format": _FORMAT, "pattern": self.pattern, "special_tokens": list(self._special), "merges": self.merges}
        _write_whole(path, json.dumps(content, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike) -> "BytePairTokenizer":
        """Read a tokenizer that `save` wrote. Raises ValueError if the file is another one or damaged."""
        try:
            content = json.loads(Path(path).read_bytes())
            if content["format"] != _FORMAT:
                raise ValueError(f"its format is {content['format']!r}, not {_FORMAT!r}.")
            return cls(content["merges"], content["special_tokens"], content["pattern"])
        except (ValueError, TypeError, LookupError) as error:
            raise ValueError(
                f"{path} is not a tokenizer that BytePairTokenizer.save wrote, or it is damaged."
                f" Save it again, or check the path. ({type(error).__name__}: {error})"
            ) from error

    def to_tokenizers_json(self, path: str | os.PathLike) -> None:
        """Write a tokenizer.json for `tokenizers.Tokenizer.from_file` and Transformers' `PreTrainedTokenizerFast`.

        Its ids equal those of `encode(text, allow_special=True)`: these libraries always look for special tokens. Only
        characters that came to Unicode in the last few years can differ, where this module's regular expressions
        and those of `tokenizers` disagree on what is a letter.
        """
        written = self._written_tokens()
        byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
        split = {"type": "Split", "pattern": {"Regex": self._pattern.pattern}, "behavior": "Isolated", "invert": False}
        flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
        content = {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [{"id": index, "content": token, **flags} for token, index in self._special.items()],
            "normalizer": None,
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, byte_level]},
            "post_processor": None,
            "decoder": byte_level,
            "model": {
                "type": "BPE",
                "dropout": None,
                "unk_token": None,
                "continuing_subword_prefix": None,
                "end_of_word_suffix": None,
                "fuse_unk": False,
                "byte_fallback": False,
                "ignore_merges": False,
                "vocab": {token: index for index, token in enumerate(written)},
                "merges": [[written[left], written[right]] for left, right in self.merges],
            },
        }
        _write_whole(path, json.dumps(content, ensure_ascii=False) + "\n")

    def _written_tokens(self) -> list[str]:
        """Tokens as a `tokenizers` file writes them, in the order of ids."""
        ordinary = ("".join(map(_CHARACTER_OF_BYTE.get, token)) for token in self._tokens[self._first_byte :])
        return [*self._special, *ordinary]

    def _cut(self, text: str, allow_special: bool) -> list[str]:
        """Cut a text into pre-tokens and, where they are allowed, special tokens."""
        _check_text(text)
        if not (allow_special and self._special):
            return self._pattern.findall(text)
        pieces = []
        for part in self._special_pattern.split(text):
            pieces.extend([part] if part in self._special else self._pattern.findall(part))
        return pieces

    def _merge_pre_tokens(self, pre_tokens: list[str]) -> dict[str, tuple[int, ...]]:
        short = [pre_token for pre_token in pre_tokens if len(pre_token) <= _LONG]
        if len(short) > _FEW:
            return dict(zip(pre_tokens, self._merge_together(pre_tokens)))
        ids = {pre_token: self._merge_one(pre_token) for pre_token in short}
        long = [pre_token for pre_token in pre_tokens if len(pre_token) > _LONG]
        ids.update(zip(long, self._merge_together(long)))
        return ids

    def _merge_one(self, pre_token: str) -> tuple[int, ...]:
        """Ids of a short pre-token: of the pairs in it the one that was learned first is merged, until none is left."""
        ids = [self._first_byte + INDEX_OF_BYTE[byte] for byte in pre_token.encode()]
        while made := [self._made[pair] for pair in zip(ids, ids[1:]) if pair in self._made]:
            new = min(made)
            pair = self.merges[new - self._first_byte - 256]
            position = 0
            while position < len(ids) - 1:
                if (ids[position], ids[position + 1]) == pair:
                    ids[position : position + 2] = [new]
                position += 1
        return tuple(ids)

    @torch.inference_mode()
    def _merge_together(self, pre_tokens: list[str]) -> list[tuple[int, ...]]:
        """Ids of many pre-tokens, or of long ones: merge after merge in the order learned, each everywhere at once."""
        if not pre_tokens:
            return []
        line = _Line(pre_tokens, self._first_byte, self.vocabulary_size)
        waiting: list[int] = []  # a heap: the merges that can be made now; the lowest id was learned first
        places: dict[int, _Places] = {}

        def note(pairs: "_Pairs") -> None:
            for pair, positions in pairs:
                new = self._made.get(pair)
                if new is not None:
                    heapq.heappush(waiting, new)
                    places[new] = positions

        note(line.all_pairs())
        while waiting:
            # Pairs that this merge creates hold the token `new`, so they were learned later: order is never broken.
            new = heapq.heappop(waiting)
            left, right = self.merges[new - self._first_byte - 256]
            positions = line.still_there(left, right, places.pop(new))
            if len(positions):
                note(line.merge(left, right, new, positions))
        return line.tokens()

    def _remember(self, new: list[str], ids: dict[str, tuple[int, ...]]) -> None:
        """Keep the ids of new pre-tokens for the next call; a full cache is thrown away."""
        kept = dict(islice(((key, ids[key]) for key in new if len(key) <= _LONG), _CACHE_ENTRIES))
        if len(self._cache) + len(kept) > _CACHE_ENTRIES:
            self._cache = {}
        self._cache.update(kept)

    def _checked_ids(self, ids: Iterable[int] | Tensor) -> list[int]:
        try:
            numbers = list(map(operator.index, ids.tolist() if isinstance(ids, Tensor) else ids))
        except TypeError as error:
            raise TypeError(
                f"Ids must be integers in one dimension, as encode returns them ({error})."
                " Decode a batch one sequence at a time, and take the argmax of logits first."
            ) from None
        for position, number in enumerate(numbers):
            if not 0 <= number < len(self._tokens):
                raise ValueError(
                    f"Id {number} at position {position} is outside of the vocabulary, which has the ids 0 to"
                    f" {len(self._tokens) - 1}. Do the ids come from another tokenizer, or are they padded (-100)?"
                )
        return numbers


_Places = list[int] | Tensor  # positions in a line, in order: a list of a few, a tensor of many
_Pairs = Iterable[tuple[tuple[int, int], _Places]]  # pairs of neighboring tokens, each with the places where it stands


class _Line:
    """Pre-tokens end to end in a line of bytes, each with a separator before and after it, as tokens to be merged.

    `starting[p]` is the token that starts at byte p, `ending[p]` the token that ends there; both are needed to find the
    neighbors of a token. Separators and the inside of a token hold no token. (In `ending` an old token may be left on
    the inside: nothing looks there, as the byte before a token is always an end.)

    counts: how often each pre-token occurs in the corpus; only `count` needs them
    """

    def __init__(self, pre_tokens: list[str], first_byte: int, vocabulary_size: int, counts: Iterable[int] | None = None):
        separator = bytes([_SEPARATOR])
        encoded = [pre_token.encode() for pre_token in pre_tokens]
        line = bytearray(separator + separator.join(encoded) + separator)
        token_of_byte = torch.tensor([first_byte + INDEX_OF_BYTE[byte] for byte in range(256)], device="cpu")
        token_of_byte[_SEPARATOR] = _NO_TOKEN
        self.starting = token_of_byte[torch.frombuffer(line, dtype=torch.uint8).int()]  # (length,)
        self.ending = self.starting.clone()  # (length,)
        # Bytes in a token, as a list too: a single number comes out of a list ten times faster than out of a tensor.
        self.sizes = [1] * vocabulary_size
        self.length = torch.ones(vocabulary_size, dtype=torch.long, device="cpu")  # (V,)
        self.spans = torch.tensor([1 + len(part) for part in encoded], device="cpu")  # bytes of a pre-token, and one
        # The same memory once more, for loops in Python.
        self._starts, self._ends = memoryview(self.starting.numpy()), memoryview(self.ending.numpy())
        if counts is not None:
            weights = torch.tensor(list(counts), device="cpu").repeat_interleave(self.spans)
            self.weights = torch.cat([weights[:1], weights])  # (length,), how often the pre-token of a byte occurs
            self._weights = memoryview(self.weights.numpy())

    def all_pairs(self) -> _Pairs:
        return self._pairs_at((self.starting != _NO_TOKEN).nonzero()[:, 0])

    def count(self, places: _Places) -> int:
        """How often a pair with these places occurs in the corpus."""
        if isinstance(places, list):
            return sum(map(self._weights.__getitem__, places))
        return self.weights[places].sum().item()

    def still_there(self, left: int, right: int, places: _Places) -> _Places:
        """Those of the places where the pair still stands: merges since may have used one of its tokens."""
        size = self.sizes[left]
        if isinstance(places, list):
            starts = self._starts
            return [place for place in places if starts[place] == left and starts[place + size] == right]
        left_over = places[(self.starting[places] == left) & (self.starting[places + size] == right)]
        return left_over.tolist() if len(left_over) <= _FEW_PLACES else left_over

    def merge(self, left: int, right: int, new: int, places: _Places) -> _Pairs:
        """Make the token `new` of the pair at these places. Returns the pairs that this creates."""
        size = self.sizes[left] + self.sizes[right]
        self.sizes[new] = self.length[new] = size
        if isinstance(places, list):
            return self._merge_few(left, right, new, places)
        if left == right:
            places = _without_overlaps(places, self.sizes[left])
        self.starting.index_fill_(0, places + self.sizes[left], _NO_TOKEN)
        self.starting.index_fill_(0, places, new)
        self.ending.index_fill_(0, places + (size - 1), new)
        before = self.ending[places - 1]
        # Two new tokens side by side are one pair, and the first of the two finds it.
        looked_at = (before != _NO_TOKEN) & (before != new)
        starts_before = (places - self.length[before])[looked_at]
        return self._pairs_at(torch.cat([starts_before, places]))

    def _merge_few(self, left: int, right: int, new: int, places: list[int]) -> _Pairs:
        """What `merge` does, place by place."""
        starts, ends, sizes = self._starts, self._ends, self.sizes
        merged = []
        for place in places:
            if starts[place] == left:  # not so where the pair before, of two equal tokens, has taken this one
                starts[place + sizes[left]] = _NO_TOKEN
                starts[place] = ends[place + sizes[new] - 1] = new
                merged.append(place)
        created: dict[tuple[int, int], list[int]] = {}
        for place in merged:
            before, after = ends[place - 1], starts[place + sizes[new]]
            if before != _NO_TOKEN and before != new:
                created.setdefault((before, new), []).append(place - sizes[before])
            if after != _NO_TOKEN:
                created.setdefault((new, after), []).append(place)
        return created.items()

    def tokens(self) -> list[tuple[int, ...]]:
        """The tokens of each pre-token."""
        is_token = self.starting != _NO_TOKEN
        ends = is_token.cumsum(0)[self.spans.cumsum(0)].tolist()
        tokens = self.starting[is_token].tolist()
        return [tuple(tokens[start:end]) for start, end in zip([0, *ends], ends)]

    def _pairs_at(self, places: Tensor) -> _Pairs:
        """The pairs whose left tokens start at these places; a token at the end of its pre-token has no partner."""
        left = self.starting[places]
        right = self.starting[places + self.length[left]]
        has_partner = right != _NO_TOKEN
        # One number for a pair makes sorting easy. The sort is stable: the places of a pair keep their order.
        base = len(self.length)
        keys, order = (left * base + right)[has_partner].sort(stable=True)  # (pairs,)
        places = places[has_partner][order]  # (pairs,), the places of one pair side by side
        keys, sizes = torch.unique_consecutive(keys, return_counts=True)
        for key, of_pair in zip(keys.tolist(), places.split(sizes.tolist())):
            yield divmod(key, base), of_pair.tolist() if len(of_pair) <= _FEW_PLACES else of_pair


@torch.inference_mode()
def _learn_merges(counts: dict[str, int], vocabulary_size: int, first_byte: int) -> list[tuple[int, int]]:
    """The merges of a corpus that is given as its distinct pre-tokens with their counts."""
    first_merge = first_byte + 256
    # A merge shortens the line, so there are fewer merges than bytes, whatever size is asked for.
    most_tokens = min(vocabulary_size, first_merge + sum(len(pre_token.encode()) for pre_token in counts))
    line = _Line(list(counts), first_byte, most_tokens, counts.values())
    heap: list[tuple[int, tuple[int, int]]] = []  # (-count, pair): the most frequent first, then the lowest ids
    places: dict[tuple[int, int], _Places] = {}

    def note(pairs: _Pairs) -> None:
        for pair, of_pair in pairs:
            heapq.heappush(heap, (-line.count(of_pair), pair))
            places[pair] = of_pair

    note(line.all_pairs())
    merges: list[tuple[int, int]] = []
    while heap and first_merge + len(merges) < most_tokens:
        negative_count, pair = heapq.heappop(heap)
        left_over = line.still_there(*pair, places.pop(pair))
        count = line.count(left_over)
        if count == -negative_count:
            new = first_merge + len(merges)
            merges.append(pair)
            note(line.merge(*pair, new, left_over))
        elif count:  # rarer than it was: back into the heap, where it belongs now
            heapq.heappush(heap, (-count, pair))
            places[pair] = left_over
    return merges


def _without_overlaps(positions: Tensor, length: int) -> Tensor:
    """Of the positions of a pair of equal tokens, those that are merged from left to right.

    In "aaaaa" the pair "aa" stands at 0, 1, 2 and 3; merged are 0 and 2: every second one of an unbroken run.
    """
    index = torch.arange(len(positions), device=positions.device)
    follows = positions[1:] == positions[:-1] + length
    run_start = torch.where(torch.cat([follows.new_zeros(1), follows]), 0, index).cummax(0).values
    return positions[(index - run_start) % 2 == 0]


def _count_pre_tokens(texts: str | Iterable[str], pattern: str) -> dict[str, int]:
    if isinstance(texts, str):
        texts = [texts]
    if isinstance(texts, (bytes, bytearray)) or not isinstance(texts, Iterable):
        _check_text(texts)
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(pre_tokenize(text, pattern))
    if not counts:
        raise ValueError("There is no text to learn from: none was given, or all are empty. Check how they were read.")
    return counts


def _compiled(pattern: str) -> regex.Pattern:
    if pattern not in PATTERNS:
        raise ValueError(f"There is no pattern {pattern!r} to cut a text with. Choose one of {', '.join(PATTERNS)}.")
    return regex.compile(PATTERNS[pattern])


def _check_text(text: object) -> None:
    if not isinstance(text, str):
        advice = "Is a value missing, or a path given instead of what the file holds?"
        if isinstance(text, (bytes, bytearray)):
            advice = "Decode it first: text.decode('utf-8')."
        raise TypeError(f"A text must be a str, and this is {type(text).__name__}. {advice}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"The text holds a lone surrogate, U+{ord(text[error.start]):04X}, at position {error.start}: half of a"
            " character, which has no bytes in UTF-8. It comes from cut UTF-16 or from a file that was read with"
            " errors='surrogateescape'. Read the file with errors='replace', or replace what cannot be encoded:"
            " text.encode('utf-8', 'replace').decode()."
        ) from None


def _checked_special_tokens(special_tokens: Iterable[str]) -> list[str]:
    if isinstance(special_tokens, (str, bytes)):
        raise TypeError("special_tokens is a single text. Put it into a list, or each of its characters would be one.")
    special = list(special_tokens)
    for token in special:
        _check_text(token)
    if "" in special:
        raise ValueError("A special token is empty, so it would be found between any two characters. Leave it out.")
    repeated = sorted(token for token, count in Counter(special).items() if count > 1)
    if repeated:
        raise ValueError(f"The special token {repeated[0]!r} is given more than once. Each has one id: name it once.")
    return special


def _checked_pair(pair: Sequence[int]) -> tuple[int, int]:
    try:
        left, right = map(operator.index, pair)
    except (TypeError, ValueError):
        raise ValueError(f"A merge is a pair of ids, (left, right), and this is {pair!r}.") from None
    return left, right


def _write_whole(path: str | os.PathLike, content: str) -> None:
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent} is no folder, so {path.name} cannot be saved there. Create it first.")
    write_atomically(path, content.encode())
