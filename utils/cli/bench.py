"""The speed table: the course's implementations beside the reference ones, as ratios within one run, on one thread.

A ratio of two times of one run carries over to other machines far better than a time does. What a lesson times itself is
not timed again here.
"""

import itertools
import time
from collections import Counter

TEXT_SIZE = 1_000_000  # characters of Python's documentation
NEW = 40  # tokens that a model writes


def main() -> None:
    """Measures and prints the table, a row as soon as it is known."""
    import torch

    torch.set_num_threads(1)
    print(f"{'what':<36} {'course':>9}   {'reference':<26} {'time':>9} {'ratio':>7} {'goal':>6}")
    for what, course, name, reference, goal in itertools.chain(bpe_training(), smollm2_decoding()):
        ratio = reference / course
        mark = "" if ratio >= goal else "  below the goal"
        print(f"{what:<36} {course:>7.3f} s   {name:<26} {reference:>7.3f} s {ratio:>6.2f}x {goal:>5.2f}x{mark}", flush=True)
    print("ratio = reference / course: above 1, the course's code is faster. All on one CPU thread.")


def bpe_training():
    """Rows of BPE training: what, the course's seconds, the reference's name and seconds, the smallest ratio asked for."""
    from utils.data.documentation import python_documentation
    from utils.device import seconds
    from utils.tokenization import BytePairTokenizer

    text = "\n\n".join(text for _, text in python_documentation())[:TEXT_SIZE]
    for size in (4_096, 16_384):
        what = f"BPE training, 1 MB, V = {size:,}"
        course = seconds(lambda size=size: BytePairTokenizer.train(text, size))
        yield what, course, "tokenizers (Rust)", seconds(lambda size=size: train_by_library(text, size)), 1 / 3
        if size == 4_096:
            start = time.perf_counter()  # once: it takes most of a minute
            train_by_recounting(text, size)
            yield what, course, "recounting, plain Python", time.perf_counter() - start, 50


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


def smollm2_decoding():
    """Rows of decoding SmolLM2, greedy and with cache: the course's Llama beside `generate` and llama.cpp.

    Each token reads all 540 MB of the float32 weights once, which is three quarters of the time: two programs that both do
    so cannot be far apart. llama.cpp reads the 4-bit file, 98 MB.
    """
    import torch

    from utils.data import catalog
    from utils.device import seconds
    from utils.generation import generate
    from utils.models.llama import Llama

    smollm2 = catalog.load("smollm2")
    theirs = smollm2.model.float().eval()
    ours = Llama.from_hf(theirs)
    prompt = "The capital of France is Paris, and the river that runs through it"
    ids = smollm2.tokenizer(prompt, return_tensors="pt").input_ids
    what = f"SmolLM2, {NEW} tokens with cache"
    course = seconds(lambda: generate(ours, ids, NEW))
    with torch.inference_mode():
        library = seconds(lambda: theirs.generate(ids, min_new_tokens=NEW, max_new_tokens=NEW, do_sample=False))
    yield what, course, "Transformers' generate", library, 0.9
    yield what, course, "llama.cpp, 4 bits", seconds(by_llama_cpp(prompt, NEW)), 1 / 6


def by_llama_cpp(prompt: str, new: int):
    """A function that writes `new` tokens after the prompt by llama.cpp, from SmolLM2's own GGUF file."""
    import xllamacpp

    from utils.data import catalog

    settings = xllamacpp.CommonParams()
    settings.model.path = str(catalog.gguf("smollm2"))
    settings.n_ctx, settings.n_parallel, settings.n_gpu_layers, settings.verbosity = 512, 1, 0, -1
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(settings)
    question = {"prompt": prompt, "n_predict": new, "temperature": 0, "ignore_eos": True, "cache_prompt": False}
    return lambda: server.handle_completions(question)
