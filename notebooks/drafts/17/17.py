# %% [markdown]
# # 17 · Project 4: a GPT from scratch with Lightning
#
# **[Open in Colab](https://colab.research.google.com/github/OWNER/transformers-course/blob/main/notebooks/17_project_4_gpt_from_scratch_with_lightning.ipynb)** ·
# level 3 of 3 · needs lessons 6 and 16 · [notation](../data/notation.md) · [glossary](../data/glossary.md)
#
# You have a GPT (lesson 16) and a few megabytes of text. **What does it take to pretrain it, from the first token to a text that one can
# read, so that a power cut costs nothing and the same program runs on one processor or on many GPUs?** You pack the text, count what a
# token costs, train with Lightning, have a program judge the grammar, kill the training, and share it.
#
# | what it costs | time | memory | download |
# |---|---|---|---|
# | CPU, two cores, busy (measured 2026-11-27) | 193 s | 1.0 GB | none |
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
import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: threads that wait shall sleep, not spin
REPOSITORY = "OWNER/transformers-course"
if "google.colab" in sys.modules and not Path("/content/course").is_dir():
    how = "python -m utils address OWNER/NAME"
    assert not REPOSITORY.startswith("OWNER/"), f"This copy does not say where the course lies. In the course's folder: {how}"
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", f"https://github.com/{REPOSITORY}", "/content/course"], check=True)
folders = [Path.cwd(), *Path.cwd().parents, Path("/content/course")]
root = next((folder for folder in folders if (folder / "utils" / "__main__.py").is_file()), None)
assert root, "The course's folder was not found. Open this notebook inside the course, or in a folder below it."
sys.path.insert(0, str(root))

from utils.course import runtime

run = runtime.start(lesson=17)

# %% jupyter={"source_hidden": true}
from utils.course import plots, recorded
from utils.course.figures import lesson_17 as figures

if not recorded.is_recording():
    figure = figures.answer(recorded.load("17_stories").results)
    plots.show(figure, alt="The held-out loss of three trainings beside the n-gram model's; shares of accepted sentences.")

# %% [markdown]
# Left, the loss of three trainings of two minutes (three seeds) on stories that they have not read, beside the best n-gram model of the
# same text. Right, what share of the written sentences a parser accepts. Both are recorded runs. The first part of one of them runs in
# section 5. (The code of the drawings is in `utils/course/figures/lesson_17.py`.)

# %% [markdown]
# ## 1. Text into windows
#
# The text: 5,000 *stories* of the small world. An AI language model wrote the world's tables of names, things and events for this course,
# and a program tells stories of them. The tokenizer is that of `gpt-mini`, the byte-level BPE of lesson 3 with 3,072 tokens.
#
# A batch is a rectangle of ids; texts have all lengths. By hand: three texts of 3, 1 and 2 tokens, `5 6 7`, `8`, `9 10`; 0 is the end
# of text.
#
# | | rows | places | filled up |
# |---|---|---|---|
# | padded | `5 6 7 0` · `8 0 _ _` · `9 10 0 _` | 12 | 3 |
# | packed, windows of 4 | `0 5 6 7` · `0 8 0 9` | 8 | 0 |
#
# *Packed*, the texts stand one after the other, the end of text before the first and after each: `0 5 6 7 0 8 0 9 10 0`. Window number $i$
# of length $T$ takes the tokens $iT$ to $iT + T$, one more than $T$: the model reads all but the last, and is asked for all but the
# first. So neighbors share one token, and each is asked for once.

# %%
import tempfile

import numpy
import torch
from utils.data import catalog, packed
from utils.worlds import stories

holder = tempfile.TemporaryDirectory(prefix="course-17-", ignore_cleanup_errors=True)  # gone when the kernel ends
work, texts = Path(holder.name), catalog.load("stories")
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
figure = figures.packing(batches[0].tolist(), T)
plots.show(figure, alt="Eight stories as bars of unlike lengths with gray filling, and the same tokens in full windows.")
print(f"padded, {wasted:.0%} of the places hold nothing; packed, none")
assert 0.15 < wasted < 0.4

# %% [markdown]
# Left, each row is a story (its blue part) and the gray is computed for nothing. Right, the same stories packed. A window may begin in the
# middle of a story; the end of text tells the model where a new one begins.
#
# On disk a token takes two bytes, since $V \le 2^{16}$. A *memory map* shows a file as an array: a window is read when it is asked for, and
# only its own pages of the file come into memory. So a corpus of any size can be trained on. The file is written under another name and
# renamed at the end, so that nobody ever meets half of it.

# %%
def pack(path, documents):
    """All documents in one file, two bytes a token; whole, or not there."""
    ids = [END, *(i for text in documents for i in [*encode(text), END])]
    path.with_suffix(".part").write_bytes(numpy.array(ids, numpy.uint16).tobytes())
    os.replace(path.with_suffix(".part"), path)


def window(tokens, number):
    """Tokens in a memory map -> window number i, (T + 1,)."""
    return torch.from_numpy(tokens[number * T : number * T + T + 1].astype(numpy.int64))


pack(work / "hand", texts["validation"]["text"])
tokens = numpy.memmap(work / "hand", numpy.uint16, mode="r")
print(f"{len(tokens):,} tokens in {os.path.getsize(work / 'hand'):,} bytes; window 3 begins {window(tokens, 3)[:6].tolist()}")

# %% [markdown]
# The course's `utils.data.packed` does the same for any vocabulary, writes text by text, so that no list holds all tokens, puts a header
# before them that says what is inside, and refuses a file that was cut off. It must give the same windows.

# %%
files = {split: work / f"{split}.tokens" for split in ("train", "validation")}
for split, path in files.items():
    packed.write(path, texts[split]["text"], encode, END, V)
train, held_out = (packed.Packed(path, T) for path in files.values())
same_windows = sum(torch.equal(held_out[i], window(tokens, i)) for i in range(len(held_out)))
print(f"{same_windows} of {len(held_out)} windows are the same")
print(f"to train on: {train.header['tokens']:,} tokens, {len(train):,} windows")
assert same_windows == len(held_out)

# %% [markdown]
# ## 2. What a token costs
#
# Before you train: how much can two minutes do? A matrix of $n \times m$ weights costs $nm$ multiplications and $nm$ additions for a token
# forward. Backward costs twice that: once for the gradient of what came in, once for that of the weights. So $W$ weights in matrices make
# $6W$ operations (*FLOP*) a token. A GPT with $N$ layers of width $C$ and a vocabulary of $V$ has $W = 12 N C^2 + VC$: in a layer 4
# matrices of $C \times C$ in attention and two of $C \times 4C$, at the end the head. The scores have no weights: each of $T$ keys costs
# $2C$ forward, and as much again for the weighted sum. Together
#
# $$ \text{FLOP a token} = 6 \left( 12 N C^2 + V C \right) + 12\, N\, T\, C . $$
#
# By hand, with $C = 4$, $N = 1$, $V = 10$, $T = 8$: $6\,(192 + 40) + 12 \cdot 32 = 1{,}392 + 384 = 1{,}776$. (Papers write $6N$, with $N$
# for the weights; in this course $N$ counts layers.)

# %%
import dataclasses

import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from utils.models.gpt import GPT, GPT2

CONFIG = dataclasses.replace(GPT2, width=128, heads=4, hidden=512, layers=3, dropout=0.0)


def flops_a_token(V, C, N, T):
    return 6 * (12 * N * C**2 + V * C) + 12 * N * T * C


def loss_of(model, windows):  # (B, T + 1) -> the mean over B T tokens
    return F.cross_entropy(model(windows[:, :-1]).flatten(0, 1), windows[:, 1:].flatten())


model = GPT(V, CONFIG, T)
windows = torch.stack([train[i] for i in range(8)])  # (B, T + 1)
with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:  # attention as plain products: these it can count
    loss_of(model, windows[:2]).backward()
formula, counted = flops_a_token(V, 128, 3, T), counter.get_total_flops() // (2 * T)
print(f"{sum(p.numel() for p in model.parameters()):,} weights")
print(f"{formula / 1e6:.2f} million FLOP a token; by PyTorch's counter {counted / 1e6:.2f}")
assert flops_a_token(10, 4, 1, 8) == 1776 and counted == formula

# %% [markdown] tags=["predict"]
# What the machine can do is measured by a product of two large matrices. **Predict.** What share of it does a training step reach? (This
# share is the *model FLOP utilization*, MFU; PaLM was trained on 6,144 chips at 46 %.)

# %% tags=["nbval-ignore-output"]
from utils import pretraining
from utils.device import seconds

took = seconds(lambda: loss_of(model, windows).backward())
rate, peak = windows[:, 1:].numel() / took, pretraining.peak_flops("cpu")
print(f"{rate:,.0f} tokens a second = {rate * formula / 1e9:.0f} GFLOP/s of {peak / 1e9:.0f}: MFU {rate * formula / peak:.0%}")
print(f"in two minutes: {120 * rate / 1e6:.1f} million tokens, {120 * rate / train.header['tokens']:.1f} times all stories")
assert 0.05 < rate * formula / peak < 1

# %% [markdown]
# Far from 100 %: norms, softmax and the loss take time and count nothing in the formula. Where two minutes are the budget, the text has to
# be easy and the learning quick.

# %% [markdown]
# ## 3. A loop that somebody else wrote
#
# In lesson 6 you wrote the training loop, and every lesson since has used it: batch, loss, backward, clip, step, rate. *Lightning* is that
# loop as a library. You give it two things: a `LightningModule`, which says what a step *is* (loss, optimizer, schedule), and a `Trainer`,
# which says how it is *run* (devices, number types, clipping, logs, checkpoints). The second can be changed without touching the first.

# %%
import lightning
from utils import training

pretraining.quiet()  # Lightning's tips and warnings of what is meant so


class Pretraining(lightning.LightningModule):
    def __init__(self, model, settings, optimizer=None):
        super().__init__()
        self.model, self.settings, self.own = model, settings, optimizer

    def training_step(self, windows, number):  # (B, T + 1)
        loss = loss_of(self.model, windows)
        self.log("loss", loss)
        return loss

    def validation_step(self, windows, number):
        self.log("held_out", loss_of(self.model, windows))

    def configure_optimizers(self):
        optimizer = self.own or training.default_optimizer(self.model, self.settings)
        factor = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: training.rate_factor(step, self.settings))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": factor, "interval": "step"}}

# %% [markdown]
# The batches: `training.Shuffled` gives the batch with a number, always the same one. Any iterable can be Lightning's loader. This one also
# tells how many batches it has given (`state_dict`), which a checkpoint will keep; section 7 needs that.

# %%
class Numbered:
    """The batches 0 ... steps - 1, in order."""

    def __init__(self, batch_at, steps):
        self.batch_at, self.steps, self.given = batch_at, steps, 0

    def __iter__(self):
        while self.given < self.steps:
            self.given += 1
            yield self.batch_at(self.given - 1)

    __len__ = lambda self: self.steps
    state_dict = lambda self: {"given": self.given}
    load_state_dict = lambda self, state: setattr(self, "given", state["given"])

# %% [markdown]
# Is it the same training? A small GPT, ten steps, by the course's own loop and by Lightning: every weight must be the same number.

# %%
SMALL = dataclasses.replace(CONFIG, width=32, heads=2, hidden=128, layers=2)
batches = training.Shuffled(train, 4, torch.stack)
settings = training.Settings(10, learning_rate=3e-3, warmup=2, clip=None)
BARE = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False,
        "max_epochs": 1, "accelerator": "cpu"}  # fmt: skip


def small_gpt(seed=0):
    torch.manual_seed(seed)
    return GPT(V, SMALL, T)


own_loop, by_lightning = small_gpt(), small_gpt()
training.train(own_loop, loss_of, batches, settings)
lightning.Trainer(**BARE).fit(Pretraining(by_lightning, settings), Numbered(batches, 10))
same_loop = all(torch.equal(a, b) for a, b in zip(own_loop.parameters(), by_lightning.parameters()))
print("own loop and Lightning, ten steps: all weights the same, bit for bit:", same_loop)
assert same_loop

# %% [markdown]
# (Without clipping. With it the last bit may differ: Lightning adds up the gradient's norm in the optimizer's order of the weights.)
# What Lightning gives stands in the Trainer's arguments and in *callbacks*, objects whose methods
# it calls at given moments: after each batch, before each step, at each checkpoint.

# %% [markdown]
# ## 4. What learns quickly
#
# AdamW scales each weight's step by itself. *Muon* looks at a matrix as a whole. The gradient of a matrix has a few directions in which it
# is long, and many in which it is short: what is shown often drowns what is shown rarely. Write it as $G = U S V^\top$ ($U$, $V$
# orthogonal, the diagonal matrix $S \ge 0$ holds the lengths). Muon steps along $U V^\top$: the same directions, all equally long. By hand,
# for $G = \begin{pmatrix} 100 & 0 \\ 0 & 1 \end{pmatrix}$ that is $\begin{pmatrix} 1 & 0 \\ 0 & 1 \end{pmatrix}$.
#
# No decomposition is computed. Five rounds of $X \leftarrow aX + (bA + cA^2)X$ with $A = X X^\top$, begun at $G$ divided by its length,
# bring every length near 1. It is for matrices inside the layers; embeddings, norms and biases stay with AdamW.

# %%
from utils import optimizers

generator = torch.Generator().manual_seed(0)
gradient = torch.randn(64, 256, generator=generator) * torch.logspace(0, 2, 64)[:, None]  # row 63 a hundred times row 0
before, after = (torch.linalg.svdvals(matrix) for matrix in (gradient, optimizers.orthogonalized(gradient)))
print(f"longest direction over shortest: {before.max() / before.min():,.0f} before, {after.max() / after.min():.1f} after")
assert before.max() / before.min() > 100 and after.max() / after.min() < 2


def muon(model, matrix_rate=1.5e-2, rate=4e-3):
    """Muon for the matrices of the blocks, AdamW for the rest."""
    matrices = [p for p in model.decoder.parameters() if p.dim() == 2]
    others = [p for p in model.parameters() if all(p is not matrix for matrix in matrices)]
    return optimizers.MuonAndAdamW(matrices, others, matrix_rate, rate, weight_decay=0.05)

# %% [markdown]
# Is it worth it? The *recorded run* trains with both, several rates and two seeds, for 60 steps of 1,536 tokens.

# %%
SHORT = 60


def held_out_loss(optimizer, rate, seed):
    """After a short training, nats a token on 64 held-out windows."""
    torch.manual_seed(seed)
    model = GPT(V, CONFIG, T)
    plan = training.Settings(SHORT, learning_rate=rate, warmup=10, final_rate=0.05)
    module = Pretraining(model, plan, muon(model, rate) if optimizer == "Muon" else None)
    loader = Numbered(training.Shuffled(train, 8, torch.stack, seed), SHORT)
    lightning.Trainer(**BARE, gradient_clip_val=1.0).fit(module, loader)
    with torch.no_grad():
        return round(loss_of(model.eval(), torch.stack([held_out[i] for i in range(64)])).item(), 4)


def best_rates():
    tried = {"Muon": (7.5e-3, 1.5e-2, 3e-2), "AdamW": (5e-4, 1e-3, 2e-3, 4e-3, 8e-3)}
    pairs = [(name, rate) for name, rates in tried.items() for rate in rates]
    return {f"{name} {rate:g}": [held_out_loss(name, rate, seed) for seed in range(2)] for name, rate in pairs}


log_rates = recorded.results("17_rates", lesson=17, settings={"steps": SHORT, "rows": 8, "window": T}, compute=best_rates)
print(log_rates)
plots.show(figures.rates(log_rates.results, SHORT), alt="Held-out loss of two seeds at several rates, for each optimizer.")
pick = lambda name: [loss for key, row in log_rates.results.items() if key.startswith(name) for loss in row]
all_of = {name: pick(name) for name in ("Muon", "AdamW")}
print({name: f"{min(losses):.2f} to {max(losses):.2f} nats a token" for name, losses in all_of.items()})

# %% [markdown]
# All of Muon's losses lie below all of AdamW's, at each of the rates tried. That is said of so short a training of so small a model.

# %% [markdown]
# ## 5. Two minutes
#
# 800 steps take about two minutes of one core. Here the first `LIVE` of them run; three trainings of all 800, with three seeds, are
# *recorded*, and the numbers of the live one must be theirs. (In a copy of your own, `LIVE = STEPS` trains to the end.) The rate rises in a
# *warm-up* and falls along a cosine (lesson 6). Callbacks watch:
#
# | callback | does |
# |---|---|
# | `ModelCheckpoint` | writes all that is needed to go on, whole or not at all |
# | `LearningRateMonitor` | logs the rate of each step |
# | `Diary`, yours | lets the model write in the middle of training, and asks the parser what it thinks |
# | `pretraining.Throughput` and others, the course's | tokens a second, the gradient's norm, random states |
#
# The parser of the stories' grammar reads any text: which sentences the grammar accepts, and whether their facts agree (lesson 1 met it).

# %%
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint
from utils.experiments import written


class Diary(lightning.Callback):
    def __init__(self, beginnings, every):
        self.beginnings, self.every, self.pages = beginnings, every, {}

    def on_train_batch_end(self, trainer, module, outputs, batch, number):
        if trainer.global_step % self.every == 0:
            added = written.go_on(module.model, tokenizer, self.beginnings, T, temperature=0.7)
            accepted, _ = written.share(written.judged(self.beginnings, added, ()))[:2]
            self.pages[str(trainer.global_step)] = accepted, f"{self.beginnings[0]} {added[0]}"

# %%
STEPS, LIVE, ROWS, EVERY = 800, 100, 8, 50
firsts = {split: [stories.parser.split(text)[0] for text in texts[split]["text"]] for split in ("validation", "test")}


def pretrain(seed, folder, steps=STEPS, callbacks=()):
    """The first steps of the whole training: the model. Where the folder has a checkpoint, it goes on from there."""
    torch.manual_seed(seed)
    model = GPT(V, CONFIG, T)
    settings = training.Settings(STEPS, learning_rate=4e-3, warmup=40, final_rate=0.05)
    checkpoint = ModelCheckpoint(folder, "last", every_n_train_steps=100, enable_version_counter=False)
    watchers = [pretraining.RandomStates(), pretraining.FiniteGradients(), pretraining.Throughput(EVERY, formula, peak)]
    trainer = lightning.Trainer(
        max_epochs=1, accelerator="cpu", gradient_clip_val=1.0, num_sanity_val_steps=0, log_every_n_steps=5,
        val_check_interval=EVERY, enable_progress_bar=False, enable_model_summary=False,
        logger=[pretraining.CSVLogger(folder, "log"), pretraining.TensorBoardLogger(folder, "tensorboard", "")],
        callbacks=[checkpoint, LearningRateMonitor("step"), *watchers, *callbacks])  # fmt: skip
    loader = Numbered(training.Shuffled(train, ROWS, torch.stack, seed), steps)
    there, tests = folder / "last.ckpt", torch.utils.data.DataLoader([held_out[i] for i in range(64)], batch_size=32)
    trainer.fit(Pretraining(model, settings, muon(model)), loader, tests, there if there.exists() else None, weights_only=False)
    return model.eval()


diary = Diary(firsts["validation"][:16], EVERY)
young = pretrain(0, work / "stories", LIVE, [diary])

# %% [markdown]
# Both logs hold the same numbers: `metrics.csv` opens in any program, and TensorBoard draws its own file, also while the training runs
# (`tensorboard --logdir FOLDER`).

# %% tags=["nbval-ignore-output"]
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

curves = pretraining.logged(work / "stories")
board = EventAccumulator(str(work / "stories" / "tensorboard")).Reload()
same_logs = all(abs(curves["loss"][event.step] - event.value) < 1e-4 for event in board.Scalars("loss"))
plots.show(figures.training(curves, ROWS * T), alt="The loss falls over the tokens; the rates; the gradient's norm.")
held, mfu = list(curves["held_out"].values()), numpy.median(list(curves["mfu"].values()))
print(f"CSV and TensorBoard agree: {same_logs}; MFU {mfu:.0%}")
assert same_logs and held[-1] < 0.8 * curves["loss"][4]

# %% [markdown]
# From left: the loss on the training windows (thin) and on held-out ones (dots) lie close together, because no story was read twice. The
# gradient's norm is largest in the first steps, which the warm-up is for.

# %% [markdown] tags=["predict"]
# ## 6. Is it readable?
#
# The best trivial program that writes is an *n-gram model*: it counts in the same training text what followed the last $n - 1$ tokens, and
# draws accordingly. Where it has not seen them it goes back to fewer (interpolated, modified Kneser-Ney: the n-gram model that predicts
# best). The same parser judges both, on stories that begin with the same held-out sentences.
#
# **Predict.** An 8-gram model, the best of the orders tried, knows the last seven tokens: more than half a sentence. What share of its
# sentences is grammatical? In what will the GPT differ, after two minutes?

# %%
from utils.experiments.ngrams import Ngrams

KNOWN = {sentence for text in texts["train"]["text"] for sentence in stories.parser.split(text)}
gpt_mini = GPT.from_pretrained("gpt-mini")


def n_grams(order):
    """An n-gram model of the training stories, and how it goes on after beginnings."""
    counted = Ngrams([encode(text) for text in texts["train"]["text"]], order, V, END)

    def go_on(beginnings, temperature):
        generator = torch.Generator().manual_seed(0)
        rows = [counted.write(encode(text), T - 1 - len(encode(text)), generator, temperature) for text in beginnings]
        return [tokenizer.decode(row).strip() for row in rows]

    return counted, go_on


def verdict(beginnings, added):
    """Shares of sentences accepted, and accepted and new, with intervals; the share of stories without a fault."""
    rows = written.judged(beginnings, added, KNOWN)
    return {"accepted": written.share(rows), "new": written.share(rows, 1), "flawless": round(float(rows[:, 3].mean()), 3)}

# %%
def whole_run(count=100, kept=40):
    """n-grams, three trainings, gpt-mini: held-out losses, the diary of the first, and verdicts on what all write."""
    rows = [encode(text) for text in texts["validation"]["text"]]
    found, writers = {"ngrams": {}, "curves": [], "tokens": STEPS * ROWS * T}, {}
    by_gpt = lambda model: lambda beginnings, t: written.go_on(model, tokenizer, beginnings, T, t)
    for order in (3, 5, 6, 7, 8):
        counted, writes = n_grams(order)
        found["ngrams"][str(order)] = round(sum(map(counted.bits, rows)) * numpy.log(2) / sum(map(len, rows)), 4)
        if found["ngrams"][str(order)] == min(found["ngrams"].values()):
            writers = {f"{order}-gram": writes}
    for seed in range(3):
        watch = Diary(firsts["validation"][:16], EVERY)
        writers[f"GPT, seed {seed}"] = by_gpt(pretrain(seed, work / f"seed {seed}", callbacks=[] if seed else [watch]))
        found["curves"].append([round(value, 4) for value in pretraining.logged(work / f"seed {seed}")["held_out"].values()])
        found["pages"] = found.get("pages", watch.pages)
    writers["gpt-mini"], beginnings = by_gpt(gpt_mini), firsts["test"][:count]
    added = {name: {f"{t:g}": writes(beginnings, t) for t in (1.0, 0.7, 0.3)} for name, writes in writers.items()}
    found["verdicts"] = {name: {t: verdict(beginnings, rows) for t, rows in each.items()} for name, each in added.items()}
    return found | {"written": {name: each["0.7"][:kept] for name, each in added.items() if name[-1] not in "12"}}


log = recorded.results("17_stories", lesson=17, settings={"steps": STEPS, "rows": ROWS, "window": T}, compute=whole_run)
print(log)
early = numpy.array(log.results["curves"])[:, : len(held)]  # (seeds, looks)
off_by = numpy.abs(early[0] - held).max()
print(f"the live losses lie within 0.05 of the recorded training with the same seed: {off_by < 0.05}")
print(f"its last loss: {log.results['curves'][0][-1]:.2f}; by the best n-grams {min(log.results['ngrams'].values()):.2f}")
assert off_by < 0.05 and max(curve[-1] for curve in log.results["curves"]) < min(log.results["ngrams"].values())

# %% [markdown]
# What that training wrote on the way, always after the same first sentence; the first pages are those of the live one:

# %% tags=["nbval-ignore-output"]
import ipywidgets
from utils.course import widgets

pages = log.results["pages"] | diary.pages


def draw_page(page):
    step, (share, text) = list(pages.items())[page - 1]
    judged = stories.judge(text)
    sentences = [(sentence, sentence not in judged.rejected) for sentence in stories.parser.split(text)]
    return figures.page(int(step), share, sentences, [(int(at), value) for at, (value, _) in pages.items()])


slider = ipywidgets.IntSlider(value=len(pages), min=1, max=len(pages))
widgets.explore(draw_page, alt="What the model wrote at a step; accepted sentences over the steps.", page=slider)

# %% [markdown]
# Blue sentences are accepted, orange ones are not. Move the slider: first come frequent words in any order, then pieces of sentences, then
# whole ones. Beside the others, on a hundred held-out beginnings:

# %%
verdicts, best = log.results["verdicts"], next(iter(log.results["verdicts"]))
plots.show(figures.both(log.results), alt="Shares of accepted, and of new accepted sentences, by temperature.")
for name, row in verdicts.items():
    form = lambda v: f"{v['accepted'][0]:.0%}, new {v['new'][0]:.0%}, flawless {v['flawless']:.0%}"
    print(f"{name:<12}", "  |  ".join(f"{t}: {form(found)}" for t, found in row.items()))
again = {name: verdict(firsts["test"][:40], added)["accepted"] for name, added in log.results["written"].items()}
seeds = [verdicts[name] for name in verdicts if "seed" in name]
assert min(min(row[t]["new"][1] for row in seeds) - verdicts[best][t]["new"][2] for t in verdicts[best]) > 0.1
assert max(row["0.7"]["new"][2] for row in seeds) < verdicts["gpt-mini"]["0.7"]["new"][1]
assert max(row["0.7"]["flawless"] for row in seeds) < 0.05 < 0.4 < verdicts["gpt-mini"]["1"]["flawless"]
print("\nforty texts of each at 0.7, judged again:", {name: f"{value:.0%}" for name, (value, *_) in again.items()})
print(f"\n{firsts['test'][1]} | {log.results['written']['GPT, seed 0'][1]}")

# %% [markdown]
# Left: at temperatures of 1 and 0.7 the parser accepts clearly more of the GPT's sentences than of the n-grams'; at 0.3 the intervals meet.
# Grammar alone can be had by copying. Right, only accepted sentences count that no training story has: there the GPT is far ahead at each
# temperature, and at 1 and 0.7 behind `gpt-mini`, which trained far longer.
#
# Read the story: its sentences can be read, and they hang together badly. Nearly none is *flawless* (all sentences accepted, no fact against
# another); of `gpt-mini`'s about half or more are.

# %% [markdown] tags=["predict"]
# ## 7. Killed, and on
#
# A training of three weeks is interrupted. *Exact resume* means that the one that was killed and went on ends in the same weights as the
# one that was not. What has to be in the checkpoint?
#
# | what | why | kept by |
# |---|---|---|
# | weights | | Lightning |
# | optimizer | Muon's and AdamW's means of past gradients | Lightning |
# | step and rate | where the schedule is | Lightning |
# | place in the data | else batches come twice, and others never | the loader, if it has `state_dict` |
# | random states | dropout draws | nobody: `pretraining.RandomStates` |
#
# And the file must be whole: a kill while it is written must leave the old one.
#
# The same training is a command, `python -m utils pretrain`. The next cell starts it as a process of its own, kills it with SIGKILL in the
# middle of its forty steps, which no program can catch, and gives the same command again.
#
# **Predict.** It writes a checkpoint after each step here. Will its weights differ from those of an unbroken training, and in which digit?

# %% tags=["nbval-ignore-output"]
import re
import shutil


def command(name, *more):
    """The command for a tiny GPT, forty steps, in a folder of its own, which gets packed files."""
    (work / name).mkdir(exist_ok=True)
    shutil.copy(files["train"], work / name)
    packed.write(work / name / "validation.tokens", texts["validation"]["text"][:10], encode, END, V)
    return [sys.executable, "-m", "utils", "pretrain", "--size", "tiny", "--steps", "40", "--out", str(work / name), *more]


def start(name, *more, kill_at="never"):
    """Some lines that the command prints, and its exit code."""
    quietly = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "env": {**os.environ, "COURSE_DEVICE": "cpu"}}
    with subprocess.Popen(command(name, *more), cwd=root, encoding="utf-8", **quietly) as process:
        for line in process.stdout:
            if line.startswith(("A GPT", "Done")) or re.match(r"step (1|15|16|17|40) of", line):
                print("   ", line.rstrip())
            if line.startswith(kill_at):
                process.kill()
    return process.returncode


print("killed; exit code", start("killed", kill_at="step 15"))
assert start("killed") == 0

# %% [markdown]
# The unbroken one is trained here in the kernel, by the class that you wrote in section 3.

# %%
from safetensors.torch import load_file

TINY = dataclasses.replace(CONFIG, width=32, heads=2, hidden=128, layers=2)
torch.manual_seed(0)
unbroken = GPT(V, TINY, 64)
short = packed.Packed(files["train"], window=64)
plan = training.Settings(40, learning_rate=4e-3, warmup=2, final_rate=0.05)
module = Pretraining(unbroken, plan, muon(unbroken))
lightning.Trainer(**BARE, gradient_clip_val=1.0).fit(module, Numbered(training.Shuffled(short, 8, torch.stack), 40))


def distance(name):
    """The largest difference of a weight between the command's model and this one."""
    theirs = load_file(work / name / "model.safetensors")
    return max((theirs[key] - value).abs().max().item() for key, value in unbroken.state_dict().items() if key in theirs)


resumed_distance = distance("killed")
print("killed and resumed, against unbroken: largest difference of a weight", resumed_distance)
assert resumed_distance == 0.0

# %% [markdown]
# Not one bit differs. Here the model has no dropout, so nothing random is left to restore. With dropout the states matter:

# %%
class Stop(lightning.Callback):
    def on_train_batch_end(self, trainer, *others):
        if trainer.global_step == 6:
            raise KeyError("the power is gone")


def with_dropout(name, *callbacks, keep=True):
    """Ten steps of a model with dropout; what the folder's checkpoint holds is taken up."""
    torch.manual_seed(0)
    model = GPT(V, dataclasses.replace(SMALL, dropout=0.2), T)
    states = [pretraining.RandomStates()] if keep else []
    checkpoint = ModelCheckpoint(work / name, "last", every_n_train_steps=2, enable_version_counter=False)
    trainer = lightning.Trainer(**BARE | {"enable_checkpointing": True}, callbacks=[checkpoint, *states, *callbacks])
    there = work / name / "last.ckpt"
    try:
        kept = there if there.exists() else None
        trainer.fit(Pretraining(model, settings), Numbered(batches, 10), ckpt_path=kept, weights_only=False)
    except KeyError:
        pass
    return torch.cat([p.detach().flatten() for p in model.parameters()])


whole, gaps = with_dropout("whole"), {}
for name, keep in (("with states", True), ("without", False)):
    with_dropout(name, Stop(), keep=keep)  # it stops at step 6
    gaps[name] = (with_dropout(name, keep=keep) - whole).abs().max().item()
print(f"resumed with the random states: difference {gaps['with states']}; without them: not zero, {gaps['without'] > 0}")
assert gaps["with states"] == 0 < gaps["without"]

# %% [markdown]
# ## 8. A batch that does not fit
#
# Where a batch is too large for the memory, compute it in parts and add up the gradients: *gradient accumulation*. The loss of the batch is
# the mean over its tokens. If each of $k$ parts has the same number of tokens, then the mean of the parts' means is the mean of all, and
# Lightning's `accumulate_grad_batches=k` gives the large batch's gradient. Packed windows are of one length, so it does.
#
# With texts of unlike lengths it does not. By hand: one part has 1 token with the loss 4, the other 3 tokens with the losses 1, 1, 1. The
# mean over tokens is $7 / 4 = 1.75$; the mean of means $(4 + 1) / 2 = 2.5$. A token of a short text weighs three times as much as it
# should. Right is
#
# $$ \frac{\sum_{i=1}^{k} n_i\, \ell_i}{\sum_{i=1}^{k} n_i} \quad \text{and not} \quad \frac{1}{k} \sum_{i=1}^{k} \ell_i , $$
#
# with $n_i$ tokens and the mean loss $\ell_i$ in part $i$. So multiply each part's loss by $k\, n_i / \sum_j n_j$ before Lightning divides
# it by $k$.
#
# Film sentences that people wrote, `ratings` (lesson 6), one to a row and filled up: the gradient of a batch of 16 against that of 8 parts,
# by both ways.

# %%
films = catalog.load("ratings")
film_rows = [torch.tensor([END, *encode(text)[:100], END]) for text in films["train"]["text"][:320]]


def padded(rows):  # -> ids (B, T), labels (B, T) with -100 at the filling
    ids = torch.nn.utils.rnn.pad_sequence([row[:-1] for row in rows], True, END)
    return ids, torch.nn.utils.rnn.pad_sequence([row[1:] for row in rows], True, -100)


def gradient_of(model, parts, by_tokens):
    """The loss and gradient of the parts together."""
    counts = [sum(len(row) - 1 for row in part) for part in parts]
    model.zero_grad()
    total = 0.0
    for part, count in zip(parts, counts):
        ids, labels = padded(part)
        loss = F.cross_entropy(model(ids).flatten(0, 1), labels.flatten(), ignore_index=-100)
        loss = loss * (count / sum(counts) if by_tokens else 1 / len(parts))
        loss.backward()
        total += loss.item()
    return total, torch.cat([p.grad.flatten() for p in model.parameters()])


reader, losses, errors = GPT.from_pretrained("gpt-mini"), [], []
for first in range(0, 320, 16):
    batch = film_rows[first : first + 16]
    parts = [batch[i : i + 2] for i in range(0, 16, 2)]
    (true, right), (_, weighted), (mean, plain) = (
        gradient_of(reader, *how) for how in (([batch], True), (parts, True), (parts, False))
    )
    losses.append((true, mean))
    errors.append([((other - right).norm() / right.norm()).item() for other in (weighted, plain)])
errors, losses = numpy.array(errors), numpy.array(losses)
plots.show(figures.means(losses), alt="Twenty batches: the mean of means against the mean over tokens.")
above = int((losses[:, 1] > losses[:, 0]).sum())
print(f"gradient off by: weighted by tokens, less than 0.001 %: {errors[:, 0].max() < 1e-5}; "
      f"mean of means {numpy.median(errors[:, 1]):.0%} in the median; its loss is the larger one in {above} of 20 batches")
assert errors[:, 0].max() < 1e-5 and numpy.median(errors[:, 1]) > 0.04 and 4 < above < 16

# %% [markdown]
# Each dot is a batch, and the gray line is where both agree. The losses differ to both sides, so a loss curve shows nothing; the gradient
# goes another way at every step, since the tokens of short sentences weigh more. Transformers' `Trainer` had it until 2024
# ([pull request 34191](https://github.com/huggingface/transformers/pull/34191)); in Lightning it is open
# ([21386](https://github.com/Lightning-AI/pytorch-lightning/pull/21386)), so there it is yours to weigh. Between processes the same holds:
# DDP takes the mean of the processes' means.

# %% [markdown]
# ## 9. Two processes, and two hundred
#
# *Data parallel* (DDP): each process has a copy of the model and takes its rows of the batch; before the step the gradients are averaged.
# The mean of two means over halves of equal size is the mean of all, so the training must be the same, but for the order in which numbers
# are added.
#
# Here two processes run on this CPU and talk by *gloo* (on GPUs it is NCCL). It is the command of section 7 with `--devices 2`.

# %% tags=["nbval-ignore-output"]
assert start("two", "--devices", "2", "--strategy", "ddp") == 0
one, both = (pretraining.logged(work / name)["loss"] for name in ("killed", "two"))
ddp_loss = max(abs(one[step] - both[step]) for step in one)
ddp_distance = distance("two")
print(f"largest difference of a loss in 40 steps {ddp_loss:.1e}, of a weight {ddp_distance:.1e}")
assert ddp_loss < 1e-4 and ddp_distance < 1e-3

# %% [markdown]
# Weights, gradients and AdamW's two means take 16 bytes a weight, 16 GB for a model of a billion, and a copy of them on each device. *Fully
# sharded* (FSDP) keeps a share of them on each device and gathers one block's weights when it is their turn. It is for GPUs, and the
# command says so here:

# %%
from utils.cli import launcher
from utils.io import CommandError


def asked(*arguments):
    """What the command answers to arguments that cannot be had here."""
    try:
        launcher.pretrain_gpt(launcher.make_parser()[0].parse_args(["pretrain", "--out", str(work / "no"), *arguments]))
    except CommandError as error:
        return f"error: {error}"


if run.device == "cpu":
    refusals = [asked("--strategy", "fsdp"), asked("--devices", "3"), asked("--num-nodes", "2")]
    print("\n".join(refusals))
    assert "CUDA" in refusals[0] and "multiple of 3" in refusals[1] and "MASTER_ADDR" in refusals[2]

# %% [markdown]
# On two machines of eight GPUs give the same line on each, with another `NODE_RANK`:
#
# ```
# MASTER_ADDR=10.0.0.1 MASTER_PORT=29500 NODE_RANK=0 python -m utils pretrain --size gpt2 --data tinystories \
#     --devices 8 --num-nodes 2 --strategy fsdp --precision bf16 --compile
# ```
#
# The batch stays the same, so a training that was killed on one machine may go on on two.
# %% [markdown] tags=["more", "predict"]
# ## 10. More: half the bits
#
# bfloat16 has float32's range and 8 significant bits: the next number after 1 is $1 + 2^{-7}$. A weight of 1 that is to grow by 0.003 stays
# 1. So in *mixed precision* (Lightning's `bf16-mixed`) weights, optimizer and loss stay in float32, and only the products of matrices are
# computed in 16 bits. (float16, for older GPUs, also has too small a range for gradients: a *loss scaler* multiplies the loss, and divides
# the gradients again.)
#
# **Predict.** Half the bits: is a step on this CPU faster in mixed precision, or slower?

# %% tags=["more", "nbval-ignore-output"]
def in_precision(dtype):
    """The loss of two windows, after a step backward, and the number type that the head gave."""
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        logits = model(windows[:2, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1).float(), windows[:2, 1:].flatten())
    loss.backward()
    return loss.item(), logits.dtype


half, full = (in_precision(dtype) for dtype in (torch.bfloat16, torch.float32))
times = [seconds(lambda dtype=dtype: in_precision(dtype), repeats=1) for dtype in (torch.bfloat16, torch.float32)]
able = [name for name, there in torch.cpu.get_capabilities().items() if there is True and "bf16" in name]
print(f"1 + 0.003: {(torch.tensor(1.0, dtype=torch.bfloat16) + 0.003).item()}; weights are {model.head.weight.dtype}, "
      f"logits {half[1]}; the losses are {half[0]:.2f} and {full[0]:.2f}")
print(f"a step takes {times[0] / times[1]:.1f} times as long as in float32; instructions for bfloat16 here: {able or 'none'}")
assert half[1] == torch.bfloat16 and abs(half[0] - full[0]) < 0.02

# %% [markdown] tags=["more"]
# Where the processor has instructions for bfloat16 (AVX512-BF16, AMX) a step is faster than in float32, and elsewhere they are imitated and
# it is slower. So measure. A T4 is the same case: PyTorch says it supports bfloat16, and emulates it.

# %% [markdown] tags=["more"]
# ## 11. More: real English
#
# The stories are easy: a few thousand words, a grammar. Now text that people wrote: Python's own documentation (the language reference and
# the standard library's docstrings) and the film sentences of section 8. The tokenizers of others differ, so the loss is given in *bits a
# byte*: the bits that all tokens of a text cost together, over its bytes. For a loss of $\ell$ nats a token and $b$ bytes a token it is
# $\ell / (b \ln 2)$. With 2.1 nats and 3 bytes: 1.01.
#
# | program | knows |
# |---|---|
# | `xz` | compresses: training text and test text together, less the training text alone |
# | n-grams | counts of the training text of the same kind, the best order of 1 to 5 |
# | GPT, this lesson's | 250 steps on the training texts of both kinds |
# | `gpt-mini` | 6,500 steps, one in seven on the documentation, and no film sentence |
#
# These are recorded. Readable English is not to be expected of so short a training; where does the curve stand beside programs that do not
# train?

# %% tags=["more"]
LONG = 250
ENGLISH = {"documentation": catalog.load("python-docs"), "films": films}
both_kinds = [text for rows in ENGLISH.values() for text in rows["train"]["text"]]


class Look(lightning.Callback):
    """Bits a byte on the test texts of both kinds, after some steps."""

    def __init__(self, looks):
        self.looks, self.found = looks, {}

    def on_train_batch_end(self, trainer, module, *others):
        if trainer.global_step in self.looks:
            bits = lambda rows: round(written.bits_a_byte(module.model, encode, rows["test"]["text"], T, END), 4)
            self.found[str(trainer.global_step)] = {name: bits(rows) for name, rows in ENGLISH.items()}


def pretrain_english(seed):
    file = packed.write(work / "english.tokens", both_kinds, encode, END, V)
    torch.manual_seed(seed)
    model, look = GPT(V, CONFIG, T), Look((50, 120, LONG))
    plan = training.Settings(LONG, learning_rate=4e-3, warmup=20, final_rate=0.05)
    loader = Numbered(training.Shuffled(packed.Packed(file.path, T), ROWS, torch.stack, seed), LONG)
    lightning.Trainer(**BARE, gradient_clip_val=1.0, callbacks=[look]).fit(Pretraining(model, plan, muon(model)), loader)
    return look.found

# %% tags=["more"]
def english():
    found = {"GPT": [pretrain_english(seed) for seed in range(2)], "n-grams": {}, "xz": {}, "gpt-mini": {}}
    for name, rows in ENGLISH.items():
        test, known = rows["test"]["text"], [encode(text) for text in rows["train"]["text"]]
        size = sum(len(text.encode()) for text in test)
        counted = {order: Ngrams(known, order, V, END) for order in (1, 2, 3, 4, 5)}
        bits = {n: sum(one.bits(encode(text)) for text in test) for n, one in counted.items()}
        found["n-grams"][name] = {str(n): round(value / size, 4) for n, value in bits.items()}
        found["xz"][name] = round(written.xz_bits(rows["train"]["text"], test), 4)
        found["gpt-mini"][name] = round(written.bits_a_byte(gpt_mini, encode, test, T, END), 4)
    return found


log_english = recorded.results("17_english", lesson=17, settings={"steps": LONG, "rows": ROWS, "window": T}, compute=english)
table = log_english.results
print(log_english)
plots.show(figures.english(table, ROWS * T), alt="Bits a byte of the GPT over the tokens, beside n-grams, xz and gpt-mini.")
last = {name: [seed[str(LONG)][name] for seed in table["GPT"]] for name in ENGLISH}
counts_best = {name: min(table["n-grams"][name].values()) for name in ENGLISH}
for name in ENGLISH:
    own = ", ".join(f"{value:.2f}" for value in last[name])
    others = f"best n-gram {counts_best[name]:.2f}; xz {table['xz'][name]:.2f}; gpt-mini {table['gpt-mini'][name]:.2f}"
    print(f"{name:<14} GPT {own}; {others}")
    assert min(last[name]) > max(counts_best[name], table["xz"][name])
level = [counts_best["documentation"], table["xz"]["documentation"], table["gpt-mini"]["documentation"]]
assert max(level) - min(level) < 0.02 and table["gpt-mini"]["films"] > max(last["films"]) + 1

# %% [markdown] tags=["more"]
# On neither kind does so short a training reach the programs that count: both seeds end above the n-grams, and above `xz` too. `gpt-mini`,
# which read the documentation far longer, draws level with both there, and on films, of which it has read nothing, it is far worse.

# %% [markdown]
# ## 12. The library way
#
# Here the library is Lightning, and `utils/pretraining.py` is what you wrote, complete: accumulated steps, rows shared among processes,
# shards. In your own program it is three calls. Its weights after ten steps must be those of section 3.

# %%
by_utils = small_gpt()
data = pretraining.PackedText({"train": files["train"]}, window=T, rows=4, steps=10)
pretraining.fit(pretraining.LanguageModel(by_utils, settings), data, work / "by utils", accelerator="cpu")
same_utils = all(torch.equal(a, b) for a, b in zip(own_loop.parameters(), by_utils.parameters()))
parts = small_gpt()
quarter = pretraining.PackedText({"train": files["train"]}, window=T, rows=4, steps=10, accumulate=4)
four = pretraining.LanguageModel(parts, dataclasses.replace(settings, accumulate=4))
pretraining.fit(four, quarter, work / "parts", accelerator="cpu")
off = max((a - b).abs().max().item() for a, b in zip(own_loop.parameters(), parts.parameters()))
print(f"the same weights: {same_utils}; accumulated in four parts, off by less than 0.0001: {off < 1e-4}")
assert same_utils and off < 1e-4

# %% [markdown]
# The whole batch at once and in four parts of one row: both end where your own loop did.

# %% [markdown]
# ## 13. On a GPU, and with the Hub
#
# GPT-2's size, 124 million weights, on TinyStories (Eldan and Li 2023): two million stories in a small child's words, written by GPT-3.5
# and GPT-4. Without a GPU it rehearses with the small model and the small world.

# %% tags=["gpu", "hub", "nbval-ignore-output"]
large = runtime.gpu("trains 124 million weights for 200 steps of 32,768 tokens", needs="a GPU with 14 GB")
here = runtime.hub("reads TinyStories by GPT-2's tokenizer", needs="1 GB", tokenizers=("gpt2",))
big = catalog.load_tokenizer("gpt2") if here and large else tokenizer
stories_there = catalog.load("tinystories")["train"]
stories_there = stories_there.select(range(min(len(stories_there), 50_000 if large else 400)))
into = lambda text: big.backend_tokenizer.encode(text, add_special_tokens=False).ids
window_size, rows, steps = (1024, 32, 200) if large else (64, 8, 10)
packed.write(work / "large.tokens", stories_there["text"], into, big.eos_token_id, len(big))
torch.manual_seed(0)
candidate = GPT(len(big), dataclasses.replace(GPT2 if large else SMALL, dropout=0.0), window_size)
if large and run.device == "cuda":
    for block in candidate.decoder.blocks:
        block.compile()
accumulate = 8 if large else 1  # four rows at a time: a T4 has room for them
plan = training.Settings(steps, learning_rate=6e-4, warmup=steps // 10, accumulate=accumulate)
kind = {torch.float32: "32-true", torch.bfloat16: "bf16-mixed", torch.float16: "16-mixed"}[run.dtype]
cost = pretraining.flops_a_token(len(big), candidate.config.width, candidate.config.layers, window_size)
watch = pretraining.Throughput(10, cost, pretraining.peak_flops(run.device))
data = pretraining.PackedText({"train": work / "large.tokens"}, window_size, rows, steps, accumulate)
module = pretraining.LanguageModel(candidate, plan, candidate.decoder.blocks, matrix_rate=6e-4 if large else 1.5e-2)
options = {"accelerator": {"cuda": "gpu"}.get(run.device, run.device), "devices": 1, "precision": kind if large else "32-true"}
pretraining.fit(module, data, work / "large", [watch], log_every=steps // 10, **options)
seen = {name: list(steps.values()) for name, steps in pretraining.logged(work / "large").items()}
print(f"loss {seen['loss'][0]:.3f} -> {seen['loss'][-1]:.3f}; {seen['tokens_a_second'][-1]:,.0f} tokens a second, "
      f"MFU {seen['mfu'][-1]:.0%}")

# %% [markdown] tags=["more"]
# **More.** No GPU was at hand when this lesson was made, so the large size has not been run here. To train it to the end (5,000 batches of
# half a million tokens, by section 2 some six hours of an A100 at an MFU of 30 %):
# `python -m utils pretrain --size gpt2 --data tinystories --accumulate 32 --precision bf16 --compile`. FineWeb-Edu takes its place with
# `datasets`' streaming and the same `packed.write`.

# %% [markdown] tags=["predict"]
# ## 14. Where it goes wrong
#
# **A NaN, and the way back.** One bad batch is enough. Here the loss is a masked mean, as many write it: the losses times 1 or 0, over the
# number of ones. The labels of batch 7 are all $-100$: no token is asked for, and the mean over nothing is $0/0$. Lightning goes on.
#
# **Predict.** After batch 7 come twelve good ones. How many of the model's weights are numbers at the end? And what is in the newest
# checkpoint?

# %%
def film_batch(number):
    """Rows of film sentences, as windows with labels; in batch 7 nobody is asked anything."""
    ids, labels = padded(film_rows[8 * number : 8 * number + 8])
    return ids, labels.fill_(-100) if number == 7 else labels


class Labelled(Pretraining):
    def training_step(self, batch, number):
        ids, labels = batch
        asked = (labels != -100).float()  # (B, T)
        losses = F.cross_entropy(self.model(ids).transpose(1, 2), labels.clamp(min=0), reduction="none")
        return (losses * asked).sum() / asked.sum()


def train_on_films(name, batch_at=film_batch, *callbacks):
    """Twenty steps; the share of weights that are numbers, in the model and in the checkpoint."""
    model = small_gpt()
    checkpoint = ModelCheckpoint(work / name, "last", every_n_train_steps=1, enable_version_counter=False)
    trainer = lightning.Trainer(**BARE | {"enable_checkpointing": True}, callbacks=[checkpoint, *callbacks])
    there, plan = work / name / "last.ckpt", training.Settings(20, learning_rate=3e-3, warmup=2)
    begun = there if there.exists() else None
    try:
        trainer.fit(Labelled(model, plan), Numbered(batch_at, 20), ckpt_path=begun, weights_only=False)
    except training.TrainingError as error:
        print(f"    stopped: {str(error)[:58]}...")
    kept = torch.load(there, weights_only=False)["state_dict"].values()
    flat = [torch.cat([w.detach().flatten() for w in part]) for part in (model.parameters(), kept)]
    return [weights.isfinite().float().mean().item() for weights in flat]


without_it = lambda number: film_batch(number if number < 7 else number + 1)
ruined = train_on_films("ruined")
guarded = train_on_films("guarded", film_batch, pretraining.FiniteGradients())
mended = train_on_films("guarded", without_it, pretraining.FiniteGradients())
for how, shares in {"unguarded": ruined, "guarded": guarded, "then without batch 7": mended}.items():
    print(f"{how:<20} weights that are numbers: {shares[0]:.0%} in the model, {shares[1]:.0%} in the checkpoint")
assert max(ruined) < 0.05 and guarded == mended == [1.0, 1.0]

# %% [markdown]
# One batch, and nothing is left but positions that no sentence here is long enough to reach, in the checkpoint as well: it has replaced the
# good one. `FiniteGradients` looks at the gradient's norm before each step, and stops before the weights are touched. The way back: look at
# the batch, leave it out, and give the same call again. The batches have numbers, so this is one line.
#
# Clipping does not help: a NaN divided by its norm is a NaN. Where the loss has *grown* for some steps before, go back to a checkpoint from
# before the growth and leave out its batches, as PaLM's authors did.

# %% [markdown]
# **`torch.compile`** turns Python into fused kernels, and is often worth a factor of two on a GPU. It trips over three things. A *shape*
# that it has not seen compiles anew (the last, shorter batch; texts of all lengths). A value that Python needs, as `.item()` for a log,
# *breaks the graph*. And a compiled copy has other *names* for its weights, so that its checkpoint does not fit. The cell counts with a
# back end that compiles nothing, so it needs no compiler.

# %%
import logging

import torch._dynamo.testing

torch._logging.set_logs(dynamo=logging.ERROR)  # what it says of the break is counted here
counting = torch._dynamo.testing.CompileCounter()
compiled = torch.compile(small_gpt().eval(), backend=counting, dynamic=False)
graphs = []
with torch.no_grad():
    for length in (64, 64, 63, 62, 64):
        compiled(windows[:2, :length])
        graphs.append(counting.frame_count)


def with_a_look(x):
    y = x * 2
    if y.sum().item() > 0:  # Python wants to know
        y = y + 1
    return y * 3


broken = torch._dynamo.explain(with_a_look)(torch.ones(3)).graph_break_count
names_differ = next(iter(compiled.state_dict())).startswith("_orig_mod.")
print(f"graphs after texts of 64, 64, 63, 62, 64 tokens: {graphs}; breaks by .item(): {broken}; other names: {names_differ}")
assert graphs == [1, 1, 2, 3, 3] and broken == 1 and names_differ

# %% [markdown]
# Packed windows have one shape, so the first trap is none here. `block.compile()` compiles in place, and the names stay.
#
# **Two quiet ones.** Without the shift by one the model copies, and the loss falls to nothing in minutes. By *epoch* (Lightning's default)
# the learning rate stays at the first warm-up step's value: hence `"interval": "step"` in section 3.

# %% [markdown]
# ## Check yourself
#
# 1. A packed file has 10,001 tokens. How many windows of 200 does it give, and how many tokens are asked for?
#
# <details><summary>Answer</summary>(10,001 - 1) / 200 = 50 windows, which ask for 50 · 200 = 10,000 tokens: all but the first.</details>
#
# 2. A model has 100 million weights in matrices and reads 2 billion tokens. How many FLOP is that, without attention's scores, and how long does it take at $10^{14}$ FLOP/s and an MFU of 40 %?
#
# <details><summary>Answer</summary>6 · 10⁸ · 2 · 10⁹ = 1.2 · 10¹⁸. Divided by 4 · 10¹³ that is 30,000 seconds, a bit more than eight hours.</details>
#
# 3. A resumed loss curve goes on without a jump, and yet the final weights differ from the unbroken ones. Name two things that the checkpoint may lack.
#
# <details><summary>Answer</summary>The place in the data, and the random states (dropout). The curve shows neither.</details>
#
# 4. Two processes get 3 and 5 sentences of a batch. Why is DDP's gradient wrong, and what mends it?
#
# <details><summary>Answer</summary>It takes the mean of two means. Weigh each process's loss by its tokens times the number of processes over all tokens.</details>
#
# 5. Why do the optimizer's means belong into a checkpoint?
#
# <details><summary>Answer</summary>Muon and AdamW step along averages over past gradients. Begun again from zero, the next steps are others.</details>

# %% [markdown]
# ## Exercises
#
# ### Exercise 17.1 · Pack by hand (difficulty 2, 10 minutes)
#
# Section 1 in plain Python: lists of ids become windows. The end of text stands before the first text and after each; window $i$ takes the
# places $iT$ to $iT + T$, so it has $T + 1$ ids and shares its last one with the next. What does not fill a window at the end is left out.
# `[[5, 6, 7], [8], [9, 10]]` with $T = 4$ and the end 0 gives `[[0, 5, 6, 7, 0], [0, 8, 0, 9, 10]]`.
#
# <details><summary>Hint</summary>
#
# First one long list. The last window begins at the last place $iT$ for which place $iT + T$ is still inside.
# </details>

# %% tags=["exercise"]
def windows_of(texts, T, end):
    """Lists of ids -> windows, each a list of T + 1 ids."""
    raise NotImplementedError

# %% tags=["check"]
from utils.course import exercises


@exercises.check("17.1", windows_of)
def check_windows_of(attempt):
    texts = [[5, 6, 7], [8], [9, 10]]
    given = [list(text) for text in texts]
    got = attempt(given, 4, 0)
    assert given == texts, "The texts themselves were changed. Build a new list."
    assert isinstance(got, list) and all(hasattr(row, "__len__") for row in got), (
        f"A list of windows is asked for, not {got!r}."
    )
    got = [list(row) for row in got]
    assert got != [[0, 5, 6, 7], [0, 8, 0, 9]], "Each window has T + 1 ids: the last one is the answer to the one before it."
    assert got[:1] != [[5, 6, 7, 0, 8]], "The end of text also stands before the first text: a model begins to write from it."
    assert got[:1] != [[0, 5, 6, 7, 8]], "The end of text stands between the texts, too: else two stories run into one another."
    assert got[:2] != [[0, 5, 6, 7, 0], [8, 0, 9, 10, 0]], (
        "The next window begins T places on, and not T + 1: else one token in T + 1 is never asked for."
    )
    assert got == [[0, 5, 6, 7, 0], [0, 8, 0, 9, 10]], f"Expected [[0, 5, 6, 7, 0], [0, 8, 0, 9, 10]], not {got}."
    got = [list(row) for row in attempt(texts, 3, 0)]
    assert all(len(row) == 4 for row in got), "The last window is too short: what does not fill one is left out."
    assert got != [[0, 5, 6, 7], [7, 0, 8, 0]], (
        "With T = 3 one window is missing: places 6 to 9 are all there, the last one included."
    )
    assert got == [[0, 5, 6, 7], [7, 0, 8, 0], [0, 9, 10, 0]], (
        f"With T = 3 expected [[0, 5, 6, 7], [7, 0, 8, 0], [0, 9, 10, 0]], not {got}."
    )
    got = [list(row) for row in attempt([[1, 2]], 2, 9)]
    assert got == [[9, 1, 2]], (
        f"With the end 9 the text [1, 2] gives [[9, 1, 2]] for T = 2, not {got}: is 0 written into your function?"
    )
    assert [list(row) for row in attempt([[1]], 5, 0)] == [], "Too little text for one window: an empty list."

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def windows_of_solution(texts, T, end):
    ids = [end]
    for text in texts:
        ids = [*ids, *text, end]
    return [ids[i * T : i * T + T + 1] for i in range((len(ids) - 1) // T)]


check_windows_of(windows_of_solution)

# %% [markdown]
# ### Exercise 17.2 · How many hours? (difficulty 2, 10 minutes)
#
# Somebody asks what a training will take: so many weights in matrices, so many tokens, so many devices of a given peak (FLOP a second,
# each), at a given MFU. Leave the scores of attention out. For 124 million weights, 10 billion tokens, 8 devices of 312 TFLOP/s and an MFU
# of 40 % it is 2.07 hours.
#
# <details><summary>Hint</summary>
#
# 6 FLOP a weight and token. What the devices really do in a second is their number times the peak times the MFU.
# </details>

# %% tags=["exercise"]
def hours(weights, tokens, devices, peak, mfu):
    """How many hours the training takes."""
    raise NotImplementedError

# %% tags=["check"]
from utils.course import exercises


@exercises.check("17.2", hours)
def check_hours(attempt):
    case = (124e6, 10e9, 8, 312e12, 0.4)
    wanted = 6 * 124e6 * 10e9 / (8 * 312e12 * 0.4) / 3600
    got = attempt(*case)
    assert isinstance(got, (int, float)), f"A number of hours is asked for, not {got!r}."
    near = lambda value: abs(got - value) < 1e-3 * abs(value)
    assert not near(wanted / 3), (
        "Two operations a weight are the forward pass alone: backward costs twice as much again, six in all."
    )
    assert not near(wanted * 2 / 3), "Backward costs twice what forward does: six operations a weight in all, not four."
    assert not near(wanted * 0.4) and not near(wanted * 0.16), "An MFU below 1 makes it longer: divide by it."
    assert not near(wanted * 8) and not near(wanted * 64), "Eight devices share the work: the time is divided by their number."
    assert not near(wanted * 3600), "Those are seconds. An hour has 3,600."
    assert not near(wanted * 60), "Those are minutes."
    assert not near(wanted / 24), "Those are days."
    assert near(wanted), f"For the example it is {wanted:.2f} hours, not {got:.4g}."
    for case, right in (((1e9, 20e9, 1, 1e14, 0.5), 666.67), ((1e6, 1e6, 2, 5e10, 0.3), 0.0556)):
        assert abs(attempt(*case) - right) < 1e-2 * right, f"Right for the example, and not for {case}: {right} hours."

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def hours_solution(weights, tokens, devices, peak, mfu):
    return 6 * weights * tokens / (devices * peak * mfu) / 3600


check_hours(hours_solution)

# %% [markdown]
# ### Exercise 17.3 · What each part weighs (difficulty 3, 15 minutes)
#
# Several processes compute a batch in several parts each. `counts[p][i]` is the number of tokens in part $i$ of process $p$; each has as
# many parts. Lightning divides each part's loss by the number of parts, and DDP takes the mean over the processes. By which factor must
# each part's mean loss be multiplied before that, so that the result is the mean over all tokens? For `[[1, 3]]` it is `[[0.5, 1.5]]`.
#
# <details><summary>Hint</summary>
#
# Wanted is the weight $n / \sum n$ for each part. With 2 processes of 3 parts each part's loss will be divided by 6.
# </details>

# %% tags=["exercise"]
def factors(counts):
    """counts[p][i]: tokens of part i in process p -> the factor of each, in the same shape."""
    raise NotImplementedError

# %% tags=["check"]
from utils.course import exercises


@exercises.check("17.3", factors)
def check_factors(attempt):
    import numpy

    counts = [[1, 3]]
    got = attempt(counts)
    assert counts == [[1, 3]], "The counts were changed: return a new list."
    try:
        got = numpy.array(got, dtype=float)
    except (TypeError, ValueError):
        got = None
    assert got is not None and got.shape == (1, 2), "A list of the same shape is asked for: one list for each process."
    close = lambda values: numpy.allclose(got, values, atol=1e-6)
    assert not close([[0.25, 0.75]]), (
        "That is each part's share. Lightning will divide it by the number of parts: make up for that."
    )
    assert not close([[1, 1]]), "All parts alike is what Lightning does by itself, and what is wrong."
    assert not close([[1.5, 0.5]]) and not close([[2, 2 / 3]]), "Upside down: a part with more tokens weighs more."
    assert close([[0.5, 1.5]]), f"For [[1, 3]] expected [[0.5, 1.5]], not {got.tolist()}."
    got = numpy.array(attempt([[1, 3], [4, 2]]), dtype=float)
    assert got.shape == (2, 2), "Two processes of two parts: the same shape."
    assert not close([[0.5, 1.5], [4 / 3, 2 / 3]]), (
        "Each process was weighed by itself. The sum goes over the tokens of all processes."
    )
    assert not close([[0.2, 0.6], [0.8, 0.4]]), "DDP divides by the number of processes, too."
    assert close([[0.4, 1.2], [1.6, 0.8]]), (
        f"For [[1, 3], [4, 2]] expected [[0.4, 1.2], [1.6, 0.8]], not {got.round(3).tolist()}."
    )
    random = numpy.random.default_rng(0)
    for _ in range(20):
        tokens = random.integers(1, 50, size=(3, 4))
        losses = random.uniform(1, 5, size=(3, 4))
        found = (numpy.array(attempt(tokens.tolist())) * losses).mean()
        assert abs(found - (tokens * losses).sum() / tokens.sum()) < 1e-9, (
            "It is not the mean over all tokens for three processes of four parts."
        )

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def factors_solution(counts):
    total = sum(map(sum, counts))
    divided = len(counts) * len(counts[0])
    return [[divided * count / total for count in process] for process in counts]


check_factors(factors_solution)

# %% [markdown]
# ### Exercise 17.4 · A watch for losses (difficulty 3, 20 minutes)
#
# Say which steps of a training should have raised an alarm. A loss that is no finite number is one always. Else it is one if it is larger
# than `times` times the *median* of the `last` losses before it that were no alarms; as long as there are fewer than `last` of those, it is
# none. `[4, 3, 3, 9, 3, nan]` with `last=3`, `times=2` gives `[3, 5]`.
#
# <details><summary>Hint</summary>
#
# Keep a list of the losses that were no alarms. `math.isfinite`, `statistics.median(kept[-last:])`.
# </details>

# %% tags=["exercise"]
def alarms(losses, last=10, times=2.0):
    """The numbers of the steps, from 0, whose loss is an alarm."""
    raise NotImplementedError

# %% tags=["check"]
from utils.course import exercises


@exercises.check("17.4", alarms)
def check_alarms(attempt):
    nan, inf = float("nan"), float("inf")
    got = attempt([4.0, 3.0, 3.0, 9.0, 3.0, nan], last=3, times=2.0)
    got = list(got) if not isinstance(got, (int, float, type(None))) else got
    assert isinstance(got, list), f"A list of step numbers is asked for, not {got!r}."
    assert got != [3], "The NaN is missing. Every comparison with NaN is false, also nan > 6: ask math.isfinite first."
    assert got != [4, 6], "Steps are counted from 0."
    assert got == [3, 5], f"For the example expected [3, 5], not {got}."
    got = list(attempt([nan, 3.0, inf, 3.0], last=3))
    assert got == [0, 2], f"A loss that is no finite number is an alarm from the first step on. Expected [0, 2], not {got}."
    got = list(attempt([1.0, 1.0, 1.0, 9.0, 9.0, 9.0, 9.0], last=3))
    assert got != [3] and got != [3, 4], "An alarm's own loss must not count as normal later on: your median becomes 9."
    assert got == [3, 4, 5, 6], f"For 1, 1, 1, 9, 9, 9, 9 with last=3 expected [3, 4, 5, 6], not {got}."
    got = list(attempt([8.0, 1.0, 1.0, 3.0], last=3))
    assert got != [], "The mean of 8, 1, 1 is 3.3, and their median is 1: the median is asked for."
    assert got == [3], f"For 8, 1, 1, 3 with last=3 expected [3], not {got}."
    got = list(attempt([1.0, 1.0, 1.0, 5.0, 5.0, 5.0, 20.0], last=3, times=6.0))
    assert got == [], "Only the last three count: after 5, 5, 5 a 20 is none for times=6. Does your median go over all losses?"
    assert list(attempt([1.0, 5.0, 5.0], last=3)) == [], "With fewer than `last` losses before it a finite loss is no alarm."
    assert list(attempt([2.0, 2.0, 4.0], last=2)) == [], "Exactly `times` times the median is not larger than it."

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
import math
import statistics


def alarms_solution(losses, last=10, times=2.0):
    kept, found = [], []
    for step, loss in enumerate(losses):
        if not math.isfinite(loss) or (len(kept) >= last and loss > times * statistics.median(kept[-last:])):
            found.append(step)
        else:
            kept.append(loss)
    return found


check_alarms(alarms_solution)

# %% [markdown] tags=["open-task"]
# ### Open task · A GPT of your own text (2 hours)
#
# Take a text that you know well: your mails, a novel out of copyright, the source code of a project. Split it by documents, pack it,
# pretrain within a budget that you name before, and **decide whether the same minutes would be spent better on more data, a larger model,
# or an n-gram model**.
#
# | points | for |
# |---|---|
# | 2 | the text: whose it is, how many tokens, no document in two parts |
# | 2 | the budget by section 2's formula, and what it really took |
# | 3 | bits a byte on the test part, beside n-grams of the best order and `xz`; two seeds |
# | 2 | ten texts that it wrote, with a criterion that you named before you read them |
# | 1 | the decision |

# %% [markdown]
# ## Scorecard
#
# The first card has equalities and the recorded runs, the second what hangs on the live training.

# %% tags=["scorecard"]
from utils.course.scorecard import Scorecard

own, other = [name for name in verdicts if name.startswith("GPT")], next(iter(verdicts))  # the other: the n-grams
gap = lambda t, key: min(verdicts[name][t][key][1] for name in own) - verdicts[other][t][key][2]
card = Scorecard(lesson=17)
lowest = min(verdicts[name]["0.7"]["accepted"][0] for name in own)
card.at_least("recorded: sentences accepted at 0.7, lowest of three seeds", lowest, 0.75, digits=2)
card.equal("killed with SIGKILL and resumed: largest difference of a weight from unbroken", resumed_distance, 0.0)
card.at_most("two processes with DDP: largest difference of a loss from one process", ddp_loss, 1e-4)
card.at_most("two processes with DDP: largest difference of a weight", ddp_distance, 9e-4)
card.equal("windows of the memory map that are utils.data.packed's", same_windows, len(held_out))
card.equal("FLOP a token by the formula, minus PyTorch's counter", counted - formula, 0)
card.equal("Lightning and the course's own loop, ten steps: the same weights bit for bit", same_loop, True)
card.equal("utils.pretraining, ten steps: the same weights bit for bit", same_utils, True)
card.at_most("accumulated in four parts: largest difference of a weight", off, 1e-4)
right_states = gaps["with states"] == 0 < gaps["without"]
card.equal("resumed with dropout: the same weights with the random states, without them others", right_states, True)
card.at_most("unequal parts weighed by tokens: gradient off by", errors[:, 0].max(), 1e-5)
card.at_least("mean of means: gradient off by, median of 20 batches", numpy.median(errors[:, 1]), 0.07, digits=1)
card.at_most("a NaN: share of weights left without a guard", ruined[0], 0.05, digits=2)
card.equal("a NaN: shares of weights left with a guard, and after the way back", (guarded[0], mended[0]), (1.0, 1.0))
card.equal("torch.compile: graphs for five batches of three lengths", graphs[-1], 3)
ahead = gap("0.7", "accepted")
card.at_least("recorded: accepted at 0.7, lowest end of the seeds minus the n-grams' upper end", ahead, 0.0, digits=2)
for t, bound in (("1", 0.2), ("0.7", 0.25), ("0.3", 0.45)):
    claim = f"recorded: accepted and new at {t}, lowest end of the seeds minus the n-grams' upper end"
    card.at_least(claim, gap(t, "new"), bound, digits=2)
margin = min(all_of["AdamW"]) - max(all_of["Muon"])
card.at_least("recorded: the worst of Muon's losses below the best of AdamW's by", margin, 0.9, digits=2)
behind = min(last[name][seed] - counts_best[name] for name in ENGLISH for seed in range(2))
card.at_least("recorded: on real English, bits a byte by which the best n-grams are better, at least", behind, 0.5, digits=2)
card.show()

# %% tags=["scorecard", "nbval-ignore-output"]
card = Scorecard(lesson=17)
card.at_most("live: held-out losses off the recorded training with the same seed", off_by, 0.05, digits=1)
above_all = held[-1] - early[:, -1].max()
card.at_most("live: last held-out loss, minus the highest of the recorded seeds at that step", above_all, 0.05, digits=2)
card.at_least("live: MFU, of a large product of matrices", mfu, 0.05, digits=2)
card.show()

# %% [markdown]
# ## Summary
#
# 1. Packed into windows and read through a memory map, a text of any size costs no padding and no memory.
# 2. A token costs 6 FLOP for each weight in a matrix, and the scores; tokens a second times that, over the machine's peak, is the MFU.
# 3. Lightning's Trainer is your loop with switches: the same weights bit for bit, and devices, precision and accumulation by arguments.
# 4. An exact resume needs the place in the data and the random states too; a mean of means is no mean where parts are unequal.
# 5. Two minutes make sentences that a parser accepts and stories that contradict themselves; on real English programs that count are better than so short a training.
#
# **New words**, in the [glossary](../data/glossary.md): packing; memory map; FLOP; MFU; callback; exact resume; gradient accumulation;
# mixed precision; loss scaler; data parallel (DDP); fully sharded (FSDP); Muon; Kneser-Ney; bits a byte.
#
# **Papers.** Eldan and Li, *TinyStories*, 2023, [arXiv 2305.07759](https://arxiv.org/abs/2305.07759) · Chowdhery et al., *PaLM* (MFU,
# appendix B), 2022, [arXiv 2204.02311](https://arxiv.org/abs/2204.02311) · Micikevicius et al., *Mixed Precision Training*, 2017,
# [arXiv 1710.03740](https://arxiv.org/abs/1710.03740) · Li et al., *PyTorch Distributed* (DDP), 2020,
# [arXiv 2006.15704](https://arxiv.org/abs/2006.15704) · Zhao et al., *PyTorch FSDP*, 2023,
# [arXiv 2304.11277](https://arxiv.org/abs/2304.11277) · Liu et al., *Muon is Scalable for LLM Training*, 2025,
# [arXiv 2502.16982](https://arxiv.org/abs/2502.16982) · Chen and Goodman, *Smoothing Techniques for Language Modeling*, 1998, TR-10-98
#
# **Next:** lesson 18 teaches a model what people prefer.
