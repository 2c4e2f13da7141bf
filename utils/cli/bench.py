"""The speed table: the course's implementations beside the reference ones, as ratios within one run.

Every time is the shortest of several runs, on one thread, so that both sides have the same machine. A ratio of two times
of one run carries over to other machines far better than a time does.
"""

import time
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

TEXT_SIZE = 1_000_000  # characters of Python's documentation
VOCABULARY_SIZE = 4096


class Row(NamedTuple):
    """One line of the table: `ratio` is reference / course, so above 1 the course is faster."""

    what: str
    course: float  # seconds
    reference_name: str
    reference: float  # seconds
    goal: float  # the smallest ratio asked for

    @property
    def ratio(self) -> float:
        return self.reference / self.course


def main() -> None:
    """Measures and prints the table, a row as soon as it is known."""
    import torch

    torch.set_num_threads(1)
    print(f"{'what':<52} {'course':>9}   {'reference':<26} {'time':>9} {'ratio':>7} {'goal':>6}")
    for measure in (bpe_training, bpe_encoding, attention):
        for row in measure():
            mark = "" if row.ratio >= row.goal else "  below the goal"
            print(
                f"{row.what:<52} {row.course:>7.3f} s   {row.reference_name:<26} {row.reference:>7.3f} s "
                f"{row.ratio:>6.2f}x {row.goal:>5.2f}x{mark}",
                flush=True,
            )
    print("ratio = reference / course: above 1, the course's code is faster. All on one CPU thread.")


def best(function: Callable[[], object], repeats: int) -> float:
    """The shortest of several runs, in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def documentation() -> str:
    """A million characters of Python's own documentation."""
    from utils.data.sets import python_documentation

    return "\n\n".join(text for _, text in python_documentation())[:TEXT_SIZE]


def train_by_recounting(text: str, vocabulary_size: int) -> list[tuple[int, int]]:
    """BPE in plain Python, as in lesson 3: counts the pairs of all distinct pre-tokens anew before each merge."""
    from utils.tokenization import INDEX_OF_BYTE, pre_tokenize

    words = Counter(tuple(INDEX_OF_BYTE[byte] for byte in piece.encode()) for piece in pre_tokenize(text))
    merges: list[tuple[int, int]] = []
    for new in range(256, vocabulary_size):
        pairs: dict[tuple[int, int], int] = {}
        for word, count in words.items():
            for pair in zip(word, word[1:]):
                pairs[pair] = pairs.get(pair, 0) + count
        if not pairs:
            break
        best_pair = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best_pair)
        words = {
            _merged(word, best_pair, new) if best_pair in zip(word, word[1:]) else word: count for word, count in words.items()
        }
    return merges


def _merged(word: tuple[int, ...], pair: tuple[int, int], new: int) -> tuple[int, ...]:
    """The word with the pair replaced by the new id, from left to right."""
    merged, place = [], 0
    while place < len(word):
        found = word[place : place + 2] == pair
        merged.append(new if found else word[place])
        place += 2 if found else 1
    return tuple(merged)


def train_by_library(text: str, vocabulary_size: int):
    """Byte-level BPE by the `tokenizers` library (Rust), with the same pre-tokenization."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        [text], trainers.BpeTrainer(vocab_size=vocabulary_size, initial_alphabet=alphabet, show_progress=False)
    )
    return tokenizer


def bpe_training():
    """Training on a million characters, against plain Python and against the Rust library."""
    from utils.tokenization import BytePairTokenizer

    text = documentation()
    course = best(lambda: BytePairTokenizer.train(text, VOCABULARY_SIZE), repeats=3)
    library = best(lambda: train_by_library(text, VOCABULARY_SIZE), repeats=3)
    yield Row("BPE training, 1 MB, V = 4,096", course, "tokenizers (Rust)", library, goal=1 / 3)
    plain = best(lambda: train_by_recounting(text, VOCABULARY_SIZE), repeats=1)
    yield Row("BPE training, 1 MB, V = 4,096", course, "recounting, plain Python", plain, goal=50)


def bpe_encoding():
    """Encoding the same million characters with nothing remembered from before, against the Rust library."""
    from utils.tokenization import BytePairTokenizer

    text = documentation()
    merges = BytePairTokenizer.train(text, VOCABULARY_SIZE).merges
    library = train_by_library(text, VOCABULARY_SIZE).to_str()

    def fresh_library():
        from tokenizers import Tokenizer

        return Tokenizer.from_str(library)

    course = min(timed_after(lambda: BytePairTokenizer(merges), lambda made: made.encode(text)) for _ in range(3))
    reference = min(timed_after(fresh_library, lambda made: made.encode(text)) for _ in range(3))
    yield Row("BPE encoding, 1 MB, nothing cached", course, "tokenizers (Rust)", reference, goal=1 / 10)


def timed_after(make: Callable, use: Callable) -> float:
    """The seconds that `use(made)` takes, without those of `made = make()`."""
    made = make()
    return best(lambda: use(made), repeats=1)


def attention():
    """Forward and backward of self-attention with the same weights, against PyTorch's module."""
    import torch

    from utils.attention import MultiHeadAttention

    torch.manual_seed(0)
    width, heads = 256, 8
    reference = torch.nn.MultiheadAttention(width, heads, batch_first=True)
    course = MultiHeadAttention(width, heads).load_from_torch(reference)
    for batch, length in ((16, 128), (4, 512)):
        x = torch.randn(batch, length, width)
        mask = torch.nn.Transformer.generate_square_subsequent_mask(length)

        def course_step(x=x):
            course(x, causal=True).sum().backward()

        def reference_step(x=x, mask=mask):
            reference(x, x, x, attn_mask=mask, is_causal=True, need_weights=False)[0].sum().backward()

        best(course_step, repeats=2), best(reference_step, repeats=2)  # warm up both
        times = [(best(course_step, repeats=1), best(reference_step, repeats=1)) for _ in range(15)]  # in turn
        own, theirs = (min(column) for column in zip(*times))
        yield Row(
            f"causal attention, step, (B, T, C) = ({batch}, {length}, {width})", own, "nn.MultiheadAttention", theirs, goal=1
        )
