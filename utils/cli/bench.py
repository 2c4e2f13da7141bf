"""The speed table: the course's implementations beside the reference ones, as ratios within one run, on one thread.

A ratio of two times of one run carries over to other machines far better than a time does. What a lesson times itself is
not timed again here.
"""

import contextlib
import io
import itertools
import time
from collections import Counter

TEXT_SIZE = 1_000_000  # characters of Python's documentation
ROUNDS = 5  # of timings by turns
NEW_TOKENS = 200  # that gpt-mini writes
SMOLLM2_TOKENS = 40
DPO_STEPS, DPO_PAIRS = 12, 8


def main() -> None:
    """Measures and prints the table, a row as soon as it is known."""
    import torch

    torch.set_num_threads(1)
    print(f"{'what':<36} {'course':>9}   {'reference':<26} {'time':>9} {'ratio':>7} {'goal':>6}")
    tables = (bpe_training(), gpt_training(), decoding(), smollm2_decoding(), dpo_step())
    for what, course, name, reference, goal in itertools.chain(*tables):
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


def gpt_training():
    """The row of a training step of a GPT of gpt-mini's size: forward, backward, optimizer."""
    import torch

    ours, theirs = _gpts()
    ids = torch.randint(3072, (8, 256), generator=torch.Generator().manual_seed(0))

    def own_loss():
        return torch.nn.functional.cross_entropy(ours(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())

    course, reference = _in_turn(_step(ours.train(), own_loss), _step(theirs.train(), lambda: theirs(ids, labels=ids).loss))
    yield "GPT training step, 8 x 256 tokens", course, "Transformers' GPT-2", reference, 1.0


def _gpts():
    """The course's GPT and Transformers', of gpt-mini's size, with the same random weights."""
    from transformers import GPT2Config, GPT2LMHeadModel

    from utils.models.gpt import GPT

    none = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0, "bos_token_id": 0, "eos_token_id": 0}
    theirs = GPT2LMHeadModel(GPT2Config(vocab_size=3072, n_embd=192, n_head=3, n_layer=4, n_positions=320, **none))
    return GPT.from_hf(theirs), theirs.eval()


def _step(model, loss_of):
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), 1e-4)

    def step():
        loss = loss_of()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def decoding():
    """Rows of greedy decoding with a cache by a GPT of gpt-mini's size: one prompt, and eight at once."""
    import torch

    from utils.generation import generate

    ours, theirs = _gpts()
    options = {"max_new_tokens": NEW_TOKENS, "do_sample": False, "eos_token_id": None, "pad_token_id": 1}
    for rows in (1, 8):
        ids = torch.randint(3, 3072, (rows, 16), generator=torch.Generator().manual_seed(0))
        mask = torch.ones_like(ids)
        times = _in_turn(
            lambda ids=ids: generate(ours, ids, NEW_TOKENS),
            lambda ids=ids, mask=mask: theirs.generate(ids, attention_mask=mask, **options),
        )
        yield f"decoding {NEW_TOKENS} tokens, {rows} row{'s' * (rows > 1)}", times[0], "Transformers' generate", times[1], 2.0


def _in_turn(course, reference) -> tuple[float, float]:
    """The shortest seconds of both, called by turns, so that what else the machine does meets both."""
    from utils.device import seconds

    pairs = [(seconds(course, 1), seconds(reference, 1)) for _ in range(ROUNDS)]
    return min(a for a, _ in pairs), min(b for _, b in pairs)


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
    what = f"SmolLM2, {SMOLLM2_TOKENS} tokens with cache"
    course = seconds(lambda: generate(ours, ids, SMOLLM2_TOKENS))
    with torch.inference_mode():
        library = seconds(
            lambda: theirs.generate(ids, min_new_tokens=SMOLLM2_TOKENS, max_new_tokens=SMOLLM2_TOKENS, do_sample=False)
        )
    yield what, course, "Transformers' generate", library, 0.9
    yield what, course, "llama.cpp, 4 bits", seconds(by_llama_cpp(prompt, SMOLLM2_TOKENS)), 1 / 6


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


def dpo_step():
    """The row of a DPO step: the same pairs in the same order, the reference's log-probabilities known in both."""
    import torch

    from utils import training
    from utils.alignment import preferences
    from utils.data import catalog
    from utils.experiments import middles
    from utils.models.gpt import GPT

    theirs, tokenizer = catalog.load("gpt-mini-chat")
    told = middles.tasks(2 * DPO_STEPS * DPO_PAIRS, "train", "bench")
    pairs = [(task, other.middle) for task, other in zip(told[::2], told[1::2])]  # the middle of another story is the worse one
    model = GPT.from_hf(theirs.float())
    prompts, chosen = zip(*(middles.ids_of(tokenizer, task) for task, _ in pairs))
    rejected = [middles.ids_of(tokenizer, task, other)[1] for task, other in pairs]
    known = [preferences.scores(model, prompts, answers) for answers in (chosen, rejected)]
    batches = []
    for first in range(0, len(pairs), DPO_PAIRS):
        rows = slice(first, first + DPO_PAIRS)
        answers = preferences.Answers.of(prompts[rows] * 2, chosen[rows] + tuple(rejected[rows]))
        batches.append((answers, torch.cat([part[rows] for part in known])))

    def loss_of(model, batch):
        answers, reference = batch
        better, worse = (preferences.answer_log_probs(model, answers) - reference).chunk(2)
        return preferences.dpo_loss(better, worse, beta=0.1)

    start = time.perf_counter()
    training.train(model, loss_of, batches, training.Settings(DPO_STEPS, learning_rate=1e-4))
    course = (time.perf_counter() - start) / DPO_STEPS
    yield f"DPO step, gpt-mini, {DPO_PAIRS} pairs", course, "DPOTrainer (TRL)", dpo_by_library(theirs, tokenizer, pairs), 1.0


def dpo_by_library(model, tokenizer, pairs) -> float:
    """Seconds a step of TRL's trainer on pairs of a task and a worse answer."""
    import tempfile

    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer

    from utils.experiments import middles

    say = lambda role, text: [{"role": role, "content": text}]  # noqa: E731
    rows = [
        {
            "prompt": say("user", middles.asked(task)),
            "chosen": say("assistant", task.middle),
            "rejected": say("assistant", other),
        }
        for task, other in pairs
    ]
    with tempfile.TemporaryDirectory() as folder:
        settings = DPOConfig(
            output_dir=folder,
            max_steps=DPO_STEPS,
            per_device_train_batch_size=DPO_PAIRS,
            learning_rate=1e-4,
            beta=0.1,
            precompute_ref_log_probs=True,
            train_sampling_strategy="sequential",
            gradient_checkpointing=False,
            bf16=False,
            use_cpu=True,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
        )
        rows = Dataset.from_list(rows)
        trainer = DPOTrainer(model=model, args=settings, train_dataset=rows, processing_class=tokenizer)
        start = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):  # its log
            trainer.train()
        return (time.perf_counter() - start) / DPO_STEPS
