# %% [markdown]
# # 17 · Project 4: a GPT from scratch with Lightning
#
# **[Open in Colab](https://colab.research.google.com/github/OWNER/transformers-course/blob/main/notebooks/17_project_4_gpt_from_scratch_with_lightning.ipynb)** ·
# level 3 of 3 · needs lessons 6 and 16 · [notation](../data/notation.md) · [glossary](../data/glossary.md)
#
# You have a GPT (lesson 16) and a few megabytes of text. **What does it take to pretrain it, from the first token to a text that one can read,
# so that a power cut costs nothing and the same program runs on one processor or on many GPUs?** You pack the text, count what a token
# costs, train for two minutes with Lightning, have a program judge the grammar, kill the training and go on, and share it between two processes.
#
# | what it costs | time | memory | download |
# |---|---|---|---|
# | CPU, two cores (measured DATE) | SECONDS s | GIGABYTES GB | none |
# | Colab T4 (estimated) | 10 min with GPT-2's size | 10 GB | 1 GB |
# | larger GPU (estimated) | 10 min with GPT-2's size | 20 GB | 1 GB |
#
# *In class (50 minutes):* sections 1 to 8 without the cells marked **More**, then *Where it goes wrong* and the summary. The rest is for
# self-study.

# %% [markdown]
# ## You will be able to
#
# 1. **pack** texts into windows of tokens that are read from a file as they are needed;
# 2. **count** what training costs, in operations, seconds and share of the machine's peak;
# 3. **train** a language model with Lightning, and **prove** that it does what a loop of your own does;
# 4. **resume** a killed training bit for bit, **accumulate** gradients and **share** batches among processes without changing the result;
# 5. **judge** what the model writes against n-grams, and say what two minutes buy and what they do not.

# %% [markdown]
# ## Set-up
#
# The same cell opens every lesson. On Colab it fetches the course and what is missing there; everywhere it finds the course's
# folder and prints the *run card*. The folded code below it draws the lesson's result.

# %% tags=["setup", "nbval-ignore-output"]
SETUP

# %% jupyter={"source_hidden": true}
from utils.course import plots, recorded
from utils.course.figures import lesson_17 as figures

if not recorded.is_recording():
    plots.show(figures.answer(recorded.load("17_stories").results),
               alt="The held-out loss of three trainings falls below the n-gram model's; its sentences are right more often.")  # fmt: skip

# %% [markdown]
# Left, the loss of three trainings (three seeds) on stories that they have not read, beside the best n-gram model of the same text. Right, what share of the written sentences a
# parser accepts. Both are recorded runs. You train one of the three in section 5. (The code of the drawings is in `utils/course/figures/lesson_17.py`.)

# %% [markdown]
# ## 1. Text into windows
#
# The text: 5,000 *stories* of the small world. An AI language model wrote the world's tables of names, things and events for this course, and a
# program tells stories of them. The tokenizer is that of `gpt-mini`, the byte-level BPE of lesson 3 with 3,072 tokens.
#
# A batch is a rectangle of ids, and texts have all lengths. By hand: three texts of 3, 1 and 2 tokens, `5 6 7`, `8`, `9 10`; 0 is the end of text.
#
# | | rows | places | filled up |
# |---|---|---|---|
# | padded | `5 6 7 0` · `8 0 _ _` · `9 10 0 _` | 12 | 3 |
# | packed, windows of 4 | `0 5 6 7` · `0 8 0 9` | 8 | 0 |
#
# *Packed*, the texts stand one after the other, the end of text before the first and after each: `0 5 6 7 0 8 0 9 10 0`. Window number $i$ of
# length $T$ takes the tokens $iT$ to $iT + T$, one more than $T$: the model reads all but the last, and is asked for all but the first. So neighbors share one token, and
# each is asked for once.

# %%
import tempfile

import numpy
import torch
from utils.data import catalog, packed
from utils.worlds import stories

texts = catalog.load("stories")
tokenizer = catalog.load_tokenizer("gpt-mini")
END, V, T = tokenizer.eos_token_id, len(tokenizer), 192
encode = lambda text: tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids
print(texts["train"]["text"][1])

# %% [markdown] tags=["predict"]
# **Predict.** A batch of 8 stories, each filled up to the longest of the 8. What share of the places is padding?

# %%
lengths = [len(encode(text)) + 1 for text in texts["train"]["text"][:800]]
batches = numpy.array(lengths).reshape(-1, 8)  # (100, 8)
wasted = 1 - batches.sum() / (8 * batches.max(axis=1).sum())
plots.show(figures.packing(batches[0].tolist(), T), alt="Eight stories as bars of unlike lengths with gray filling, and the same tokens in full windows.")
print(f"padded, {wasted:.0%} of the places hold nothing; packed, none")
assert 0.15 < wasted < 0.4

# %% [markdown]
# Left, each row is a story (its blue part) and the gray is computed for nothing. Right, the same stories packed. A window may begin in the middle of a story; the end of text tells the model where
# a new one begins.

# %% [markdown]
# On disk a token takes two bytes, since $V \le 2^{16}$. A *memory map* shows a file as an array: a window is read when it is asked for, and only its own pages of the file come
# into memory. So a corpus of any size can be trained on. The file is written under another name and renamed at the end, so that nobody ever meets half of it.

# %%
def pack(path, documents):
    """All documents in one file, two bytes a token; whole, or not there."""
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        file.write(numpy.array([END], numpy.uint16).tobytes())
        for text in documents:
            file.write(numpy.array([*encode(text), END], numpy.uint16).tobytes())
    os.replace(unfinished, path)


def window(tokens, number):
    """Tokens in a memory map -> window number i, (T + 1,)."""
    return torch.from_numpy(tokens[number * T : number * T + T + 1].astype(numpy.int64))


holder = tempfile.TemporaryDirectory(prefix="course-17-", ignore_cleanup_errors=True)  # gone when the kernel ends
work = Path(holder.name)
pack(work / "hand", texts["validation"]["text"])
tokens = numpy.memmap(work / "hand", numpy.uint16, mode="r")
print(f"{len(tokens):,} tokens in {os.path.getsize(work / 'hand'):,} bytes; window 3 begins {window(tokens, 3)[:6].tolist()}")

# %% [markdown]
# The course's `utils.data.packed` does the same for any vocabulary and any number of texts, with a header that says what is inside, and refuses a file that was cut off. It must give
# the same windows.

# %%
files = {split: work / f"{split}.tokens" for split in ("train", "validation")}
for split, path in files.items():
    packed.write(path, texts[split]["text"], encode, END, V)
train, held_out = (packed.Packed(path, T) for path in files.values())
same_windows = sum(torch.equal(held_out[i], window(tokens, i)) for i in range(len(held_out)))
print(f"{same_windows} of {len(held_out)} windows are the same; to train on: {train.header['tokens']:,} tokens, {len(train):,} windows")
assert same_windows == len(held_out)

# %% [markdown]
# ## 2. What a token costs
#
# Before you train: how much can two minutes do? A matrix of $n \times m$ weights costs $nm$ multiplications and $nm$ additions for a token forward. Backward costs twice
# that: once for the gradient of what came in, once for that of the weights. So $N$ weights in matrices make $6N$ operations (*FLOP*) a token. A GPT
# with $L$ layers of width $C$ has $N = 12 L C^2 + VC$: in a layer 4 matrices of $C \times C$ in attention and two of $C \times 4C$, at the end the head. The scores have no weights: each of $T$ keys costs $2C$ forward, and as much again for
# the weighted sum. Together
#
# $$ \text{FLOP a token} = 6 \left( 12 L C^2 + V C \right) + 12\, L\, T\, C . $$
#
# By hand, with $C = 4$, $L = 1$, $V = 10$, $T = 8$: $6\,(192 + 40) + 12 \cdot 32 = 1{,}392 + 384 = 1{,}776$.

# %%
import dataclasses

import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from utils.models.gpt import GPT, GPT2

CONFIG = dataclasses.replace(GPT2, width=128, heads=4, hidden=512, layers=3, dropout=0.0)


def flops_a_token(V, C, L, T):
    return 6 * (12 * L * C**2 + V * C) + 12 * L * T * C


model = GPT(V, CONFIG, T)
windows = torch.stack([train[i] for i in range(2)])  # (B, T + 1)
with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:  # attention as plain products: these it can count
    F.cross_entropy(model(windows[:, :-1]).flatten(0, 1), windows[:, 1:].flatten()).backward()
formula = flops_a_token(V, 128, 3, T)
print(f"{sum(p.numel() for p in model.parameters()):,} weights; {formula / 1e6:.2f} million FLOP a token; by PyTorch's counter "
      f"{counter.get_total_flops() / windows[:, 1:].numel() / 1e6:.2f}")
assert flops_a_token(10, 4, 1, 8) == 1776 and counter.get_total_flops() == windows[:, 1:].numel() * formula

# %% [markdown] tags=["predict"]
# What the machine can do is measured by a product of two large matrices. **Predict.** What share of it does a training step reach? (This share is the *model FLOP utilization*, MFU; PaLM was trained on 6,144 chips at 46 %.)

# %% tags=["nbval-ignore-output"]
from utils import pretraining
from utils.device import seconds

windows = torch.stack([train[i] for i in range(8)])
step = lambda: F.cross_entropy(model(windows[:, :-1]).flatten(0, 1), windows[:, 1:].flatten()).backward()
rate, peak = windows[:, 1:].numel() / seconds(step), pretraining.peak_flops("cpu")
print(f"{rate:,.0f} tokens a second = {rate * formula / 1e9:.0f} GFLOP/s of {peak / 1e9:.0f}: MFU {rate * formula / peak:.0%}")
print(f"in two minutes: {120 * rate / 1e6:.1f} million tokens, {120 * rate / train.header['tokens']:.1f} times all stories")
assert 0.05 < rate * formula / peak < 1

# %% [markdown]
# Far from 100 %: norms, softmax, the loss over 3,072 tokens and reading the weights take time and count nothing in the formula. Two minutes are a budget of a million tokens or so. GPT-3 read 300 billion. So the text has to be easy, and the
# learning quick.
