# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # 12 · Fine-tuning
#
# **[Open in Colab](https://colab.research.google.com/github/OWNER/transformers-course/blob/main/notebooks/12_fine_tuning.ipynb)** ·
# level 2 of 3 · needs lesson 6 · [notation](../data/notation.md) · [glossary](../data/glossary.md)
#
# In [lesson 6](06_project_1_sentiment_analysis_from_scratch.ipynb) an encoder trained from scratch on 7,584 film sentences stayed below counting words, and MiniLM, frozen, came close to it. What if MiniLM's own weights may change, too?
# You fine-tune it in four ways, by the course's loop and by the library's, find a learning rate, and measure what it costs: what MiniLM could do before, it may do less well after.
#
# | what it costs | time | memory | download |
# |---|---|---|---|
# | CPU, two cores (estimated) | 85 s | 1.9 GB | 86 MB, once |
# | Colab T4 (estimated) | 12 min with BERT on IMDB | 6 GB | 570 MB with BERT and IMDB |
# | larger GPU (estimated) | 4 min with BERT on IMDB | 6 GB | the same |
#
# *In class (50 minutes):* sections 1 to 7. Sections 8 and 9, titled *More*, are for self-study.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## You will be able to
#
# 1. **fine-tune** a pretrained encoder in four ways, with one loop or another, to the same weights;
# 2. **bound** a learning rate by a short test;
# 3. **say** from how many labeled rows on pretraining pays, with an interval;
# 4. **measure** what a model forgets, and **keep** it;
# 5. **handle** a class that is rare.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Set-up
#
# The same cell opens every lesson. On Colab it fetches the course and what is missing there; everywhere it finds the
# course's folder and prints the *run card*: what this run runs on, and what it will load from where.

# %% slideshow={"slide_type": "-"} tags=["setup", "nbval-ignore-output"]
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

run = runtime.start(lesson=12)

# %% jupyter={"source_hidden": true} slideshow={"slide_type": "fragment"}
from utils.course import plots, recorded


def draw_curve(axes, curve):
    """curve: name -> size -> accuracies (seeds,); a mark for each training, a line through the means"""
    for (name, by_size), color in zip(curve.items(), (plots.BLUE, plots.VERMILION)):
        axes.plot(list(by_size), [sum(some) / len(some) for some in by_size.values()], "-", color=color, label=name)
        for size, some in by_size.items():
            axes.plot([size] * len(some), some, "o", color=color, markersize=5, alpha=0.7)
    sizes = list(next(iter(curve.values())))
    axes.set(xlabel="training sentences; a mark for each training", ylabel="accuracy on test", xscale="log", ylim=(0.45, 0.9))
    axes.set_xticks(sizes, labels=[f"{size:,}" for size in sizes], minor=False)
    axes.minorticks_off()


def draw_trade(axes, marks, start):
    """marks: name -> (recall of the search, accuracy), with a color each; start: the recall of MiniLM before"""
    for (name, points), color in zip(marks.items(), (plots.BLUE, plots.VERMILION, plots.GREEN, plots.PURPLE, plots.ORANGE, plots.SKY)):
        axes.plot(*zip(*points), "o", color=color, label=name)
    axes.axvline(start, color="gray", linestyle=":", label="the search before")
    axes.legend(fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))


first = {"pretrained": {}} if recorded.is_recording() else recorded.load("12_curve").results["accuracy"]
figure, axes = plots.figure(width=8.5, height=2.8)
draw_curve(axes, {name: {int(count): some for count, some in by_size.items()} for name, by_size in first.items()})
axes.axhline(0.811, color="gray", linestyle=":", label="naive Bayes, all rows (lesson 6)")
axes.set_title("The same encoder, pretrained and from random weights")
axes.legend(fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
plots.show(figure, alt="Accuracy on test against training sentences: the pretrained encoder rises far above the one from scratch.")

# %% [markdown] slideshow={"slide_type": "-"}
# The answer, from a *recorded run*, whose log section 6 reads again: one architecture, two starts. (The folded cell has two functions that draw.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1. What is fine-tuned, and for what
#
# Lesson 6's sentences again, the same rows cut the same way: ratings by some twenty people (Hutto and Gilbert), rows within 0.5 of zero left out, the label is the sign of the mean. So all scores of this lesson stand beside its table:
#
# | on the 1,907 test sentences, trained on 7,584 | accuracy |
# |---|---|
# | own encoder from scratch | .753 |
# | MiniLM, frozen | .783 |
# | TF-IDF and logistic regression | .793 |
# | naive Bayes | .811 |

# %% slideshow={"slide_type": "-"}
import numpy as np

from utils.data import catalog

films = catalog.load("ratings", part="films")
clear = {split: [row for row in films[split] if abs(row["mean"]) >= 0.5] for split in films}
texts = {split: [row["text"] for row in clear[split]] for split in clear}
labels = {split: np.array([int(row["mean"] > 0) for row in clear[split]]) for split in clear}
minilm = catalog.load("minilm")
ids = {split: minilm.tokenizer(texts[split], truncation=True, max_length=64)["input_ids"] for split in texts}
print({split: len(texts[split]) for split in texts}, f"; positive on test: {labels['test'].mean():.0%}")
assert len(texts["test"]) == 1907

# %% [markdown] slideshow={"slide_type": "-"}
# MiniLM's encoder gives each token a vector. As in lesson 6 the sentence's vector is the mean over the tokens that are no padding, and a **head**, one new matrix, makes two logits of it. The head starts at zero, so at first both classes get one half and the loss is
# $\ln 2 \approx 0.69$, whatever the sentence: the head's gradient is the first to say anything.
#
# $$z = W\,\frac{\sum_t m_t x_t}{\sum_t m_t} + b$$
#
# where $x_t$ is the vector of the token at position $t$ $(C)$, $m_t$ is 1 for a token and 0 for padding, $W$ $(2, C)$ and $b$ $(2)$ the head, $z$ the logits. The class gives a loss where labels are handed to it: that is the form the library expects.

# %% slideshow={"slide_type": "-"}
import torch
from torch import nn
from transformers import AutoModel


class Sentiment(nn.Module):
    """input_ids, attention_mask (B, T) -> logits (B, 2), and the loss where labels are given"""

    def __init__(self, encoder):
        super().__init__()
        self.encoder, self.head = encoder, nn.Linear(encoder.config.hidden_size, 2)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def vectors(self, input_ids, attention_mask):
        mask = attention_mask[..., None]  # (B, T, 1)
        x = self.encoder(input_ids, attention_mask=attention_mask).last_hidden_state  # (B, T, C)
        return (x * mask).sum(1) / mask.sum(1)  # (B, C)

    def forward(self, input_ids, attention_mask, labels=None):
        logits = self.head(self.vectors(input_ids, attention_mask))
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        return {"logits": logits} if loss is None else {"loss": loss, "logits": logits}


def new_model(seed, pretrained=True):
    torch.manual_seed(seed)
    encoder = AutoModel.from_config(minilm.model.config, add_pooling_layer=False)  # random weights
    if pretrained:
        encoder.load_state_dict({name: weight for name, weight in minilm.model.state_dict().items() if "pooler" not in name})
    return Sentiment(encoder)


model = new_model(0)
counts = {"embeddings": model.encoder.embeddings, "six layers": model.encoder.encoder, "head": model.head}
print({name: f"{sum(p.numel() for p in part.parameters()):,}" for name, part in counts.items()})

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2. Batches: the collator
#
# A **collator** makes a batch of a list of rows. Three sentences have 4, 6 and 20 tokens. Padded to a fixed width of 64 they cost $3 \cdot 64 = 192$ places for 30 tokens; padded to the longest of *this batch*, $3 \cdot 20 = 60$: **dynamic padding**. Put sentences of like length together and there is hardly any padding left. The part that is wasted is
#
# $$1 - \frac{\sum_i n_i}{\sum_i T_{b(i)}}$$
#
# with $n_i$ the tokens of row $i$ and $T_{b(i)}$ the width of the batch it is in.

# %% slideshow={"slide_type": "-"}
def collate(some):
    """[(ids, label)] -> a batch as wide as its longest text: input_ids (B, T), attention_mask (B, T), labels (B,)"""
    width = max(len(one) for one, _ in some)
    padded = torch.tensor([one + [0] * (width - len(one)) for one, _ in some])
    return {"input_ids": padded, "attention_mask": (padded != 0).long(), "labels": torch.tensor([int(label) for _, label in some])}


def pairs(numbers, split="train"):
    return [(ids[split][k], labels[split][k]) for k in numbers]

# %% [markdown] slideshow={"slide_type": "-"}
# The library's collator with dynamic padding must give the same batch.

# %% slideshow={"slide_type": "-"}
from transformers import DataCollatorWithPadding

theirs = DataCollatorWithPadding(minilm.tokenizer)([{"input_ids": one, "labels": int(label)} for one, label in pairs(range(8))])
ours = collate(pairs(range(8)))
for name in ("input_ids", "attention_mask", "labels"):
    assert torch.equal(ours[name], theirs[name])
print("equal to DataCollatorWithPadding:", tuple(ours["input_ids"].shape))

# %% [markdown] slideshow={"slide_type": "-"}
# `plan` decides all batches of a training in advance: shuffled in each epoch, then eight batches' worth of rows sorted by length and cut, and the batches shuffled. Who goes with whom is still mostly chance.

# %% slideshow={"slide_type": "-"}
def plan(numbers, size, steps, seed):
    """Training rows -> a list of batches, each a list of rows of like length; the rows are shuffled in each epoch"""
    generator, batches = np.random.default_rng(seed), []
    while len(batches) < steps:
        order, epoch = generator.permutation(numbers), []
        for at in range(0, len(order), 8 * size):  # eight batches are sorted together
            some = sorted(order[at : at + 8 * size].tolist(), key=lambda k: len(ids["train"][k]))
            epoch += [some[start : start + size] for start in range(0, len(some) - size + 1, size)]
        generator.shuffle(epoch)
        batches += epoch
    return batches[:steps]

# %% [markdown] slideshow={"slide_type": "-"} tags=["predict"]
# **Predict.** What part of the places is padding with a fixed width of 64, with dynamic padding, and with `plan`?

# %% slideshow={"slide_type": "-"}
numbers = np.arange(len(ids["train"]))
order = np.random.default_rng(0).permutation(numbers)
ways = {"to 64": 64, "dynamic": [order[at : at + 32] for at in range(0, 7584, 32)], "dynamic, like lengths": plan(numbers, 32, 237, 0)}
lengths = np.array([len(one) for one in ids["train"]])
wasted = {}
for name, batches in ways.items():
    width = 64 if name == "to 64" else np.repeat([lengths[some].max() for some in batches], 32)
    wasted[name] = 1 - lengths.sum() / (np.ones(7584) * width).sum()
print({name: f"{part:.0%} padding" for name, part in wasted.items()})
assert wasted["to 64"] > 0.55 and 0.4 < wasted["dynamic"] < 0.52 and wasted["dynamic, like lengths"] < 0.15

# %% [markdown] slideshow={"slide_type": "-"}
# Dynamic padding alone saves little here: among 32 sentences there is nearly always a long one. With like lengths together most of the padding is gone, and with it nearly half of the places that dynamic padding alone needs; a step's time grows with them.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3. Four ways to fine-tune
#
# - **Feature extraction**: only the head learns. Cheap, and MiniLM stays what it was.
# - **Full**: everything learns, MiniLM's weights with a small rate $\eta = 10^{-4}$, the new head with ten times that.
# - **Gradual unfreezing** (Howard and Ruder 2018): at first the head alone; after each tenth of the steps one more layer from the top.
# - **Layer-wise rates**: the lower a layer, the smaller its rate, $\eta_l = \eta\,\delta^{L-l}$ with $L = 6$ layers, $l = 0$ for the embeddings and $\delta$ the **decay**.
#
# **By hand:** with $\eta = 1$ and $\delta = 0.5$ the top layer has the rate 1, the layer below it 0.5, the embeddings $0.5^6 \approx 0.016$. General features, so the thought, are low down and need the least change.

# %% slideshow={"slide_type": "-"}
LAYERS, BASE, HEAD = 6, 1e-4, 1e-3
METHODS = ("feature extraction", "full", "gradual unfreezing", "layer-wise rates")


def parts(model):
    """From the bottom: embeddings, six layers, head"""
    return [model.encoder.embeddings, *model.encoder.encoder.layer, model.head]


def freeze(model, trained):
    """Only the uppermost `trained` of the eight parts learn."""
    for place, part in enumerate(parts(model)):
        part.requires_grad_(place >= LAYERS + 2 - trained)


def make_optimizer(model, method, rate=BASE, decay=0.7):
    rates = [rate * (decay ** (LAYERS - place) if method == "layer-wise rates" else 1) for place in range(LAYERS + 1)]
    rates.append(1e-2 if method == "feature extraction" else HEAD)
    groups = [{"params": list(part.parameters()), "lr": one} for part, one in zip(parts(model), rates)]
    return torch.optim.AdamW(groups, weight_decay=0.01)


def thaw(model, method, step, steps):
    """How many parts learn from this step on: for gradual unfreezing one more after each tenth of the steps"""
    freeze(model, {"feature extraction": 1, "gradual unfreezing": min(8, 1 + 10 * step // steps)}.get(method, 8))


assert [round(group["lr"] / BASE, 3) for group in make_optimizer(model, "layer-wise rates", decay=0.5).param_groups][:7] == [0.016, 0.031, 0.062, 0.125, 0.25, 0.5, 1.0]
thawed = [min(8, 1 + 10 * step // 50) for step in range(0, 50, 5)]
print("parts that learn, gradual unfreezing, each tenth of the steps:", thawed)

# %% [markdown] slideshow={"slide_type": "-"}
# The course's loop (`utils/training`) does the rest: a **schedule**, which is a warm-up line for the first tenth of the steps and then half a cosine, and clipping the gradient's norm at 1. Before each step the seed is set from the step's number, so that dropout, too, can be repeated.

# %% slideshow={"slide_type": "-"}
from utils.training import Settings, rate_factor, train


def settings_for(steps, dtype=torch.float32):
    return Settings(steps=steps, learning_rate=BASE, warmup=max(1, steps // 10), dtype=dtype)


def seeded(batches, seed):
    """index -> batch, with the random numbers of dropout set anew for each step"""

    def batch(index):
        torch.manual_seed(1000 * seed + index)
        return collate(pairs(batches[index]))

    return batch


def fine_tune(model, batches, method="full", seed=0, rate=BASE, dtype=torch.float32, loss_of=lambda model, batch: model(**batch)["loss"]):
    """The course's loop"""
    steps = len(batches)
    thaw(model, method, 0, steps)
    return train(model, loss_of, seeded(batches, seed), settings_for(steps, dtype), optimizer=make_optimizer(model, method, rate),
                 on_step=lambda done, loss, model: thaw(model, method, done, steps))  # fmt: skip

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4. Two loops, one result
#
# `Trainer` is the library's loop. Left to itself it shuffles otherwise and has a straight line as its schedule; those are choices, and one can hand it ours: the optimizer, the schedule as a `LambdaLR`, the batches in our order, and for dropout and unfreezing a **callback**, an object whose methods it calls at each step.

# %% slideshow={"slide_type": "-"}
from torch.utils.data import DataLoader
from transformers import Trainer, TrainerCallback, TrainingArguments


class SameOrder(Trainer):
    def get_train_dataloader(self):
        return DataLoader(self.train_dataset, self.args.per_device_train_batch_size, collate_fn=collate)  # not shuffled


class EachStep(TrainerCallback):
    def __init__(self, method, seed, steps):
        self.method, self.seed, self.steps = method, seed, steps

    def on_step_begin(self, args, state, control, **others):
        torch.manual_seed(1000 * self.seed + state.global_step)

    def on_step_end(self, args, state, control, model=None, **others):
        thaw(model, self.method, state.global_step, self.steps)

# %% [markdown] slideshow={"slide_type": "-"}
# The rest is arguments. `max_grad_norm` is the clipping; the optimizer and its schedule are handed over as a pair. `Trainer` asks the model for its loss, which ours gives.

# %% slideshow={"slide_type": "-"}
def fine_tune_by_trainer(model, batches, method="full", seed=0):
    """The library's loop with our optimizer, schedule and order -> the loss of each step"""
    steps, settings, optimizer = len(batches), settings_for(len(batches)), make_optimizer(model, method)
    thaw(model, method, 0, steps)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_factor(step, settings))
    arguments = TrainingArguments(
        str(run.root / "my_course" / "lesson_12"), max_steps=steps, per_device_train_batch_size=len(batches[0]), max_grad_norm=1.0,
        logging_steps=1, save_strategy="no", report_to="none", use_cpu=True, disable_tqdm=True, seed=seed)  # fmt: skip
    rows = pairs([number for batch in batches for number in batch])
    trainer = SameOrder(model, arguments, train_dataset=rows, optimizers=(optimizer, schedule), callbacks=[EachStep(method, seed, steps)])
    trainer.remove_callback(next(type(one) for one in trainer.callback_handler.callbacks if "Printer" in type(one).__name__))
    trainer.train()
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]

# %% [markdown] slideshow={"slide_type": "-"} tags=["predict"]
# **Predict.** Same rows, same order, same schedule, same random numbers: will the two loops end at the same weights exactly, to rounding, or only about?

# %% slideshow={"slide_type": "-"}
short = [number for number in range(len(lengths)) if 8 <= lengths[number] <= 20]
apart = {}
for method in METHODS:
    for seed in (0, 1):
        batches = plan(short, 8, 5, seed)
        one, other = new_model(seed), new_model(seed)
        losses = fine_tune(one, batches, method, seed).losses
        their_losses = fine_tune_by_trainer(other, batches, method, seed)
        weights = zip(one.state_dict().values(), other.state_dict().values())
        apart[method, seed] = max((a - b).abs().max().item() for a, b in weights), np.abs(np.subtract(losses, their_losses)).max()
weights_apart, losses_apart = (max(pair[place] for pair in apart.values()) for place in (0, 1))
print(f"eight trainings of five steps: weights equal to rounding {weights_apart < 1e-5}, losses {losses_apart < 2e-4}")
assert weights_apart < 1e-5 and losses_apart < 2e-4

# %% [markdown] slideshow={"slide_type": "-"}
# Four methods, two seeds: both loops arrive at the same weights. So what you choose between is convenience. `Trainer` brings logging, checkpoints, several GPUs and mixed precision; your own loop brings nothing that you do not see. From here on the course's loop is used.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5. Finding a learning rate
#
# The **range test** (Smith 2015): raise the rate by a constant factor at each step, from far too small to far too large, and watch the loss. Where it falls fastest the rate works; where it shoots up, it is too large. Take one well below the lowest point: a tenth, by rule of thumb.
#
# **By hand:** from $10^{-6}$ to $10^{-1}$ in 26 steps the factor is $10^{5/25} \approx 1.58$: a tenfold every five steps.

# %% [markdown] slideshow={"slide_type": "-"} tags=["predict"]
# **Predict.** MiniLM was pretrained with rates of about $10^{-5}$ to $10^{-4}$. At which rate will the loss begin to climb?

# %% slideshow={"slide_type": "fragment"} tags=["nbval-ignore-output"]
probe, tested = new_model(0), np.geomspace(1e-6, 1e-1, 26)
optimizer, range_losses = make_optimizer(probe, "full"), []
batches = seeded(plan(short, 16, len(tested), 0), 0)
probe.train()
for index, rate in enumerate(tested):
    for group in optimizer.param_groups:
        group["lr"] = rate
    loss = probe(**batches(index))["loss"]
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    range_losses.append(loss.item())
smooth = np.convolve(range_losses, np.ones(5) / 5, mode="valid")  # of five steps each; the first belongs to the third rate
lowest = tested[2:-2][smooth[:-2].argmin()]
figure, axes = plots.figure(width=7, height=2.5)
axes.plot(tested, range_losses, ".", color=plots.SKY, label="each step")
axes.plot(tested[2:-2], smooth, color=plots.BLUE, label="mean of five")
axes.axvline(lowest / 10, color=plots.VERMILION, linestyle=":", label="a tenth of the lowest point")
axes.axvline(BASE, color=plots.BLACK, linestyle="--", linewidth=1, label="used in this lesson")
axes.set(xscale="log", xlabel="learning rate", ylabel="loss", ylim=(0.3, 2), title="Where the loss climbs, the rate is too large")
axes.legend(fontsize=9, loc="upper left")
plots.show(figure, alt="The loss over a rising learning rate, each step and smoothed; at the right it climbs.")
print(f"lowest at {lowest:.0e}, a tenth of it {lowest / 10:.0e}; the largest smoothed loss at the end {smooth[-1]:.2f}")
assert smooth[-1] > smooth.min() + 0.1
del probe, optimizer

# %% [markdown] slideshow={"slide_type": "-"}
# At the right end the loss climbs far above where it was: there the rate is too large. Batches of 16 are noisy, so two dozen steps show where training breaks more clearly than where it is fastest. The dashed line, an order of magnitude and more before the climb, is a customary rate for such encoders, and is used here.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6. How many rows does it take?
#
# Live, MiniLM learns once through 800 sentences. (`logits_of` puts texts of like length together for speed.)

# %% slideshow={"slide_type": "-"}
def in_order(model, some_ids, read, dtype=torch.float32):
    """read(model, batch) for texts of like length together -> (rows, ...), in the order given"""
    order, found = sorted(range(len(some_ids)), key=lambda k: len(some_ids[k])), {}
    model.eval()
    for at in range(0, len(order), 64):
        part = order[at : at + 64]
        batch = collate([(some_ids[k], 0) for k in part])
        with torch.no_grad(), torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            found |= dict(zip(part, read(model, batch["input_ids"], batch["attention_mask"]).float().numpy()))
    return np.stack([found[k] for k in range(len(some_ids))])


def logits_of(model, split="test", every=1, dtype=torch.float32):
    return in_order(model, ids[split][::every], lambda model, *batch: model(*batch)["logits"], dtype)  # (rows, 2)

# %% [markdown] slideshow={"slide_type": "-"}
# To see later what was forgotten, the old skill is measured first: lesson 1's search. For each of 210 questions the sentence with the largest cosine should lie in the passage that the question is about.

# %% slideshow={"slide_type": "-"}
from utils.data import sets

with_answers = catalog.load("questions")
questions = with_answers["test"]
passages = list(dict.fromkeys(questions["context"]))
pieces = [(number, sentence) for number, passage in enumerate(passages) for sentence in sets.sentences(passage)]
owner, wanted = np.array([number for number, _ in pieces]), np.array([passages.index(one) for one in questions["context"]])
encode = lambda some: minilm.tokenizer(some, truncation=True, max_length=64)["input_ids"]
question_ids, sentence_ids = encode(questions["question"][:]), encode([sentence for _, sentence in pieces])


def directions(model, some_ids, dtype=torch.float32):
    x = in_order(model, some_ids, lambda model, *batch: model.vectors(*batch), dtype)
    return x / np.linalg.norm(x, axis=1, keepdims=True)  # (rows, C), each of length 1


def search(model, dtype=torch.float32):
    """For each question: does the sentence with the largest cosine lie in the right passage?"""
    cosines = directions(model, question_ids, dtype) @ directions(model, sentence_ids, dtype).T  # (questions, sentences)
    return owner[cosines.argmax(1)] == wanted

# %% [markdown] slideshow={"slide_type": "-"}
# Questions and passages were written for this course by an AI language model. Now the training, and the search before and after it.

# %% slideshow={"slide_type": "-"} tags=["nbval-ignore-output"]
model, every = new_model(0), 4
before = search(model)
history = fine_tune(model, plan(np.random.default_rng(0).permutation(len(ids["train"]))[:800], 32, 25, 0))
live_right = logits_of(model, every=every).argmax(1) == labels["test"][::every]
live_after = search(model)
print(f"loss {np.mean(history.losses[:5]):.2f} -> {np.mean(history.losses[-5:]):.2f}; right on {len(live_right)} test sentences {live_right.mean():.3f}")
print(f"questions that find their passage: before {before.mean():.2f}, after {live_after.mean():.2f}")

# %% [markdown] slideshow={"slide_type": "-"}
# The **recorded run** trains with all four methods on 800 rows, twice through, with three seeds, in bfloat16 (numbers of 16 bit, about three times as fast where a processor has them), and answers all 1,907 test sentences. Two cures against forgetting, which section 7 explains, are in it. The first mixes weights:

# %% slideshow={"slide_type": "-"}
def between(model, alpha):
    """Weights (1 - alpha) of the way back: alpha = 1 is the fine-tuned model, alpha = 0 MiniLM (WiSE-FT)"""
    mixed, start = new_model(0), minilm.model.state_dict()
    weights = {name: alpha * weight + (1 - alpha) * start[name] for name, weight in model.encoder.state_dict().items()}
    mixed.encoder.load_state_dict(weights)
    mixed.head.load_state_dict(model.head.state_dict())
    return mixed

# %% [markdown] slideshow={"slide_type": "-"}
# The second changes the loss:

# %% slideshow={"slide_type": "-"}
old_sentences = encode([sentence for passage in dict.fromkeys(with_answers["train"]["context"]) for sentence in sets.sentences(passage)])


def with_replay(seed, strength=10.0, size=16):
    """A loss that also keeps the vectors of other sentences where MiniLM had them"""
    old, generator = new_model(0).eval(), np.random.default_rng(seed)

    def loss_of(model, batch):
        some = sorted(generator.permutation(len(old_sentences))[:size].tolist())
        other = collate([(old_sentences[k], 0) for k in some])
        given = other["input_ids"], other["attention_mask"]
        with torch.no_grad():
            target = old.vectors(*given)
        moved = 1 - nn.functional.cosine_similarity(model.vectors(*given), target)  # (size,)
        return model(**batch)["loss"] + strength * moved.mean()

    return loss_of

# %% [markdown] slideshow={"slide_type": "-"}
# And the run itself. It keeps what each model said of every test sentence, as a string of zeros and ones.

# %% slideshow={"slide_type": "-"}
HALF, SEEDS, ROWS, STEPS, ALPHAS = torch.bfloat16, [0, 1, 2], 800, 50, [0.25, 0.5, 0.75]
as_text, digits = lambda said: "".join(map(str, np.asarray(said).astype(int))), lambda text: np.array(list(map(int, text)))


def drawn(count, seed):
    return np.random.default_rng(seed).permutation(len(ids["train"]))[:count]


def outcome(model):
    """What a model says of the test sentences, and which questions find their passage"""
    return {"said": as_text(logits_of(model, dtype=HALF).argmax(1)), "found": as_text(search(model, HALF))}


def run_method(method, seed):
    """800 rows, twice through -> the model"""
    model, replay = new_model(seed), {"loss_of": with_replay(seed)} if method == "full with replay" else {}
    fine_tune(model, plan(drawn(ROWS, seed), 32, STEPS, seed), method, seed, dtype=HALF, **replay)
    return model


def all_methods():
    found = {"before": outcome(new_model(0))["found"]}
    for method in (*METHODS, "full with replay"):
        found[method] = []
        for seed in SEEDS:
            model = run_method(method, seed)
            one = outcome(model)
            if method == "full":
                one["between"] = [outcome(between(model, alpha)) for alpha in ALPHAS]
            found[method].append(one)
    return found


asked = {"rows": ROWS, "steps": STEPS, "seeds": SEEDS, "rates": [BASE, HEAD], "alphas": ALPHAS}
methods = recorded.results("12_methods", lesson=12, settings=asked, compute=all_methods)
print(methods)

# %% [markdown] slideshow={"slide_type": "-"} tags=["predict"]
# **Predict.** Order the four methods by their accuracy with 800 rows. Is any above naive Bayes with all 7,584 rows, .811?

# %% slideshow={"slide_type": "-"}
from utils.metrics import Interval


def interval(values, seed=0, samples=1000):
    """A number for each row -> the mean and its 95 % bootstrap interval, as in lesson 6"""
    generator, values = np.random.default_rng(seed), np.asarray(values, dtype=float)
    means = [values[generator.integers(0, len(values), len(values))].mean() for _ in range(samples)]
    return Interval(float(values.mean()), *map(float, np.quantile(means, [0.025, 0.975])))


right = {name: np.array([digits(one["said"]) == labels["test"] for one in some]) for name, some in methods.results.items() if name != "before"}  # (seeds, rows)
for name in METHODS:
    print(f"{name:<20} {interval(right[name].mean(0))}   seeds: {', '.join(f'{one.mean():.3f}' for one in right[name])}")
gain = {name: interval(right[name].mean(0) - right["feature extraction"].mean(0)) for name in METHODS[1:]}
print("above feature extraction:", ", ".join(f"{name} {one}" for name, one in gain.items()))
assert min(one.low for one in gain.values()) > 0.01 and interval(right["full"].mean(0) - right["gradual unfreezing"].mean(0)).low > 0
assert np.ptp(right["full"].mean(1)) > 0.02 and abs(max(right["full"].mean(1)) - 0.811) < 0.005 and abs(right["full"].mean() - 0.793) < 0.01
assert right["full"].mean() - right["gradual unfreezing"].mean() < 0.02

# %% [markdown] slideshow={"slide_type": "-"}
# All three that change MiniLM's weights are clearly above feature extraction, the whole interval of the difference lies above zero. Full fine-tuning is the best of these on average, and its seeds are further apart than its mean is from gradual unfreezing's: three seeds rank these ways only roughly. With 800 sentences it stands where TF-IDF stood with 7,584; its best seed about equals naive Bayes with all rows, and its mean does not reach it. (The interval draws new test rows and not new seeds.)
#
# Now the number of rows. The same architecture also starts from random weights, with three times the rate (it has farther to go) and the same batches. Sizes with few rows have more seeds.

# %% slideshow={"slide_type": "-"}
CURVE = {25: (16, 40, [0, 1, 2]), 100: (16, 40, [0, 1, 2]), 400: (32, 40, [0, 1]), 7584: (32, 237, [0])}  # rows: batch, steps, seeds


def one_size(count, pretrained, seed, size, steps):
    model = new_model(seed, pretrained)
    fine_tune(model, plan(drawn(count, seed), size, steps, seed), seed=seed, rate=BASE if pretrained else 3 * BASE, dtype=HALF)
    return as_text(logits_of(model, dtype=HALF).argmax(1))


def learning_curve():
    said = {name: {count: [one_size(count, name == "pretrained", seed, size, steps) for seed in seeds]
                   for count, (size, steps, seeds) in CURVE.items()} for name in ("pretrained", "from scratch")}  # fmt: skip
    score = lambda some: [round(float(np.mean(digits(one) == labels["test"])), 4) for one in some]
    return {"said": said, "accuracy": {name: {count: score(some) for count, some in by_size.items()} for name, by_size in said.items()}}


curve = recorded.results("12_curve", lesson=12, settings={"curve": [[n, *one] for n, one in CURVE.items()], "rates": [BASE, 3 * BASE]}, compute=learning_curve)
print(curve)

# %% [markdown] slideshow={"slide_type": "-"} tags=["predict"]
# **Predict.** With 25 sentences, is the pretrained encoder above guessing? From how many rows on is the one from scratch?

# %% slideshow={"slide_type": "fragment"}
hits = {name: {int(count): np.array([digits(said) == labels["test"] for said in some]) for count, some in by_size.items()} for name, by_size in curve.results["said"].items()}
ahead = {count: interval(hits["pretrained"][count].mean(0) - hits["from scratch"][count].mean(0)) for count in CURVE}
figure, axes = plots.figure(columns=2, width=9.5, height=2.8)
draw_curve(axes[0], {name: {count: [one.mean() for one in some] for count, some in by_size.items()} for name, by_size in hits.items()})
axes[0].axhline(0.811, color="gray", linestyle=":", label="naive Bayes, all rows")
axes[0].set_title("Pretraining pays at every size")
axes[0].legend(fontsize=8, loc="upper left")
for place, one in enumerate(ahead.values()):
    axes[1].plot([place, place], [one.low, one.high], color=plots.BLUE)
    axes[1].plot(place, one.value, "o", color=plots.BLUE)
axes[1].axhline(0, color="gray", linestyle=":")
axes[1].set_xticks(range(len(ahead)), labels=[f"{count:,}" for count in ahead])
axes[1].set(xlabel="training sentences", ylabel="accuracy, difference", title="Pretrained minus scratch, 95 % interval")
plots.show(figure, alt="Left: both learning curves. Right: the difference at each size with its interval above zero.")
for count, one in ahead.items():
    print(f"{count:>5} rows: pretrained {hits['pretrained'][count].mean():.3f}, scratch {hits['from scratch'][count].mean():.3f}, difference {one}")
assert min(one.low for one in ahead.values()) > 0.03 and max(some.mean() for count, some in hits["from scratch"].items() if count <= 400) < 0.56
assert hits["pretrained"][25].mean(1).min() < 0.53 and hits["pretrained"][100].mean() > 0.742 - 0.01
all_rows = interval(hits["pretrained"][7584].mean(0))
assert all_rows.low > 0.839 and np.ptp(hits["pretrained"][400].mean(1)) > 0.025 and abs(hits["from scratch"][7584].mean() - 0.753) < 0.02

# %% [markdown] slideshow={"slide_type": "-"}
# At every size the whole interval lies above zero: pretraining pays with 25 sentences and with 7,584. With 25, one of the three pretrained models has hardly left guessing; with 100 they are where the encoder from scratch comes with all rows, which is where lesson 6's smaller one came. Up to 400 sentences the one from scratch is barely above a coin. (It was given as many steps as the other; more would help it with all rows.)
#
# One pass through all rows takes the pretrained encoder above everything in lesson 6, the vote of five models (.839) included, on the same test sentences. That is one training; the two at 400 rows are three points apart.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7. What was forgotten
#
# MiniLM was made for *meaning*: questions near the sentences that answer them, measured by **recall at 1**, the share of questions whose nearest sentence lies in the right passage. Fine-tuning asks for one thing only, whether a critic is pleased. Nothing holds the rest in place: **catastrophic forgetting**.
#
# Two cures keep the old skill:
#
# - **Replay by distillation**: beside each batch the model reads sixteen other sentences (of the questions' *training* passages) and pays for turning their vectors away from where MiniLM had them: $\mathcal L + \lambda\,(1 - \cos(v, v_0))$ with $v$ the new vector, $v_0$ the old, $\lambda = 10$.
# - **Weight interpolation** (WiSE-FT): after training go back a part of the way, $w_\alpha = \alpha\,w + (1 - \alpha)\,w_0$, with $w_0$ the weights of MiniLM. **By hand:** a weight of 0.2 became 0.4; at $\alpha = 0.25$ it is 0.25. It costs no training.
#
# The trivial program for the search compares words: TF-IDF on whole passages.

# %% [markdown] slideshow={"slide_type": "-"} tags=["predict"]
# **Predict.** Which of the four methods forgets nothing at all, and why? Which of the two cures will cost less accuracy?

# %% slideshow={"slide_type": "-"}
from sklearn.feature_extraction.text import TfidfVectorizer

words = TfidfVectorizer(sublinear_tf=True).fit(passages)
nearest = (words.transform(questions["question"][:]) @ words.transform(passages).T).toarray().argmax(1)
trivial, found = nearest == wanted, {"before": digits(methods.results["before"])[None]}
found |= {name: np.array([digits(one["found"]) for one in some]) for name, some in methods.results.items() if name != "before"}
for place, alpha in enumerate(ALPHAS):
    name = f"between, {alpha}"
    some = [one["between"][place] for one in methods.results["full"]]
    found[name] = np.array([digits(one["found"]) for one in some])
    right[name] = np.array([digits(one["said"]) == labels["test"] for one in some])
lost = {name: interval(some.mean(0) - found["before"][0]) for name, some in found.items() if name != "before"}
print(f"the search before: {interval(found['before'][0])}; TF-IDF: {interval(trivial)}")
for name, one in lost.items():
    print(f"{name:<20} search {found[name].mean():.3f}, change {one}; accuracy {right[name].mean():.3f}")
assert max(lost[name].high for name in METHODS[1:]) < -0.02 and (found["feature extraction"] == found["before"]).all()
assert lost["full"].value < min(lost["gradual unfreezing"].value, lost["layer-wise rates"].value)
assert found["full"].mean() < trivial.mean() < found["before"].mean()
assert abs(lost["full with replay"].value) < 0.02 and right["full with replay"].mean() < right["feature extraction"].mean() - 0.02
leash = interval(right["between, 0.75"].mean(0) - right["full"].mean(0))
assert leash.low > -0.015 and lost["between, 0.75"].value > lost["full"].value + 0.04 and abs(lost["between, 0.25"].value) < 0.02

# %% [markdown] slideshow={"slide_type": "-"}
# The same as a drawing, a mark for each seed: the new task upward, the old one to the right. The line is the way back through mixtures of the weights.

# %% slideshow={"slide_type": "fragment"}
figure, axes = plots.figure(width=9, height=3)
marks = {name: [(one.mean(), other.mean()) for one, other in zip(found[name], right[name])] for name in (*METHODS, "full with replay")}
marks["weights between"] = [(found[f"between, {alpha}"].mean(), right[f"between, {alpha}"].mean()) for alpha in ALPHAS]
draw_trade(axes, marks, found["before"].mean())
axes.plot(*zip(*[(found["full"].mean(), right["full"].mean()), *reversed(marks["weights between"])]), color=plots.SKY, linewidth=1)
axes.set(xlabel="recall at 1 of the search", ylabel="accuracy on film sentences", title="Up: the new task. Right: the old one")
plots.show(figure, alt="Accuracy against recall: full fine-tuning high and left, the cures further right.")

# %% [markdown] slideshow={"slide_type": "-"}
# Feature extraction forgets nothing, since no weight of the encoder moves. Every other way forgets, and full fine-tuning most: after fifty steps on film sentences MiniLM's search is worse than comparing words. Gradual unfreezing and layer-wise rates forget less and learn less.
#
# Replay keeps the search whole, and with $\lambda = 10$ it is too tight a leash: the film sentences come out below feature extraction, by one seed above all, which the drawing shows far below the other two. The weights three quarters of the way lose next to no accuracy and win back a part of the search; a quarter of the way the search is whole and the accuracy is near feature extraction's. So there is a price, and $\alpha$ sets it after training. (On validation rows: these are test rows, shown and not chosen on.)
#
# The same live, with the model of section 6, once through 800 rows:

# %% slideshow={"slide_type": "-"} tags=["nbval-ignore-output"]
halfway = between(model, 0.5)
cured = search(halfway)
half_right = logits_of(halfway, every=2 * every).argmax(1) == labels["test"][:: 2 * every]
print(f"search: before {before.mean():.3f}, fine-tuned {live_after.mean():.3f}, halfway {cured.mean():.3f}; accuracy halfway {half_right.mean():.2f}")

# %% [markdown] slideshow={"slide_type": "-"}
# Move $\alpha$ in a live notebook: the drawing takes the recorded values at the nearest one.

# %% slideshow={"slide_type": "fragment"}
import ipywidgets

from utils.course import widgets


def at(alpha):
    path = {0.0: "before", **{value: f"between, {value}" for value in ALPHAS}, 1.0: "full"}
    name = path[min(path, key=lambda value: abs(value - alpha))]
    figure, axes = plots.figure(width=6, height=1.6)
    values = [found[name].mean(), right[name].mean() if name != "before" else 0.5]
    axes.barh(["search", "film sentences"], values, color=[plots.GREEN, plots.BLUE])
    axes.set(xlim=(0.4, 1), xlabel="recall at 1, accuracy", title=f"alpha = {alpha}: {name}")
    return figure


widgets.explore(at, alt="Two bars: recall of the search and accuracy, for one mixture of the weights.", alpha=ipywidgets.FloatSlider(value=0.5, min=0, max=1, step=0.25))

# %% [markdown] slideshow={"slide_type": "slide"} tags=["more"]
# ## 8. More: a rare class
#
# Suppose one review in ten is positive. Always saying *negative* is right nine times of ten and useless: accuracy hides the rare class, so look at its **recall** and at macro-F1 (lesson 6).
#
# Two remedies. **Class weights** multiply each row's loss by $w_k = N / (K N_k)$, with $N$ rows, $K$ classes, $N_k$ rows of class $k$. **By hand:** with 90 and 10 rows the weights are $100/180 \approx 0.56$ and $100/20 = 5$. Or leave training alone and lower the **threshold**: call a sentence positive from $p \ge \tau$ on, with $\tau$ chosen on validation rows.
# The weights shift the logit by about $\ln (w_1 / w_0) = \ln 9$, and so does a threshold of $\tau = 0.1$ instead of 0.5: they should do nearly the same.

# %% [markdown] slideshow={"slide_type": "-"} tags=["more", "predict"]
# **Predict.** Which of the two gives the better macro-F1?

# %% slideshow={"slide_type": "-"} tags=["more", "nbval-ignore-output"]
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, recall_score


def rare(split, every):
    """MiniLM's vectors and labels of some rows, all negative ones and a ninth as many positive ones"""
    some = np.arange(0, len(labels[split]), every)
    negative, positive = some[labels[split][some] == 0], some[labels[split][some] == 1]
    some = np.concatenate([negative, positive[: len(negative) // 9]])
    read = lambda model, *batch: model.vectors(*batch)
    return in_order(new_model(0), [ids[split][k] for k in some], read), labels[split][some]


(x, y), (x_check, y_check), (x_test, y_test) = rare("train", 9), rare("validation", 2), rare("test", 3)
plain, weighted = (LogisticRegression(max_iter=3000, class_weight=weight).fit(x, y) for weight in (None, "balanced"))
p = {name: plain.predict_proba(one)[:, 1] for name, one in (("check", x_check), ("test", x_test))}
thresholds = np.arange(0.02, 0.6, 0.02)
tau = max(thresholds, key=lambda t: f1_score(y_check, p["check"] >= t, average="macro"))
answers = {"always negative": np.zeros_like(y_test), "plain": plain.predict(x_test), "class weights": weighted.predict(x_test), "threshold": (p["test"] >= tau).astype(int)}
rare_scores = {name: [np.mean(said == y_test), recall_score(y_test, said), f1_score(y_test, said, average="macro")] for name, said in answers.items()}
print(f"{len(y)} training rows, {y.mean():.0%} positive; threshold chosen on validation: {tau:.2f}")
for name, scores in rare_scores.items():
    print(f"{name:<16} accuracy {scores[0]:.2f}, recall of the rare class {scores[1]:.2f}, macro-F1 {scores[2]:.2f}")
assert rare_scores["always negative"][0] > 0.85 and min(rare_scores[name][1] for name in ("class weights", "threshold")) > rare_scores["plain"][1] + 0.1

# %% [markdown] slideshow={"slide_type": "-"} tags=["more"]
# Always saying *negative* has a high accuracy and finds nothing. The plain model finds few of the rare class. Class weights and the threshold find far more, and cost a little accuracy.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["more"]
# ## 9. More: schedules
#
# Warm-up and cosine are one choice of many. The library knows a dozen by name; here are four over a hundred steps.

# %% slideshow={"slide_type": "fragment"} tags=["more"]
from transformers import get_scheduler

figure, axes = plots.figure(width=7, height=2.3)
shapes = {}
for name in ("constant_with_warmup", "linear", "cosine", "inverse_sqrt"):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = get_scheduler(name, optimizer, num_warmup_steps=10, num_training_steps=100)
    shapes[name] = []
    for _ in range(100):
        shapes[name].append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    axes.plot(shapes[name], label=name)
own = [rate_factor(step, Settings(steps=100, warmup=10)) for step in range(100)]
axes.plot(own, ":", color=plots.BLACK, label="the course's")
axes.set(xlabel="step", ylabel="share of the rate", title="Four schedules with a warm-up of ten steps")
axes.legend(fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
plots.show(figure, alt="Four schedules: all rise for ten steps; constant stays, linear and cosine fall to zero, inverse root falls slowly.")
assert np.abs(np.subtract(own, shapes["cosine"])).max() < 0.11 and shapes["linear"][99] < 0.02 and shapes["inverse_sqrt"][99] > 0.3

# %% [markdown] slideshow={"slide_type": "-"} tags=["more"]
# The course's cosine is the library's, one step ahead in the warm-up: the library's first step has the rate 0 and changes nothing.
#
# Why decay at all? With a large rate the weights hop around a minimum; a small one lets them settle.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The library way
#
# At work this is `AutoModelForSequenceClassification` and a `Trainer` with its own defaults: a straight line down, batches shuffled, length grouping by one argument.

# %% slideshow={"slide_type": "-"} tags=["nbval-ignore-output"]
from transformers import AutoModelForSequenceClassification

classifier = AutoModelForSequenceClassification.from_config(minilm.model.config)  # two labels, if nothing else is said
classifier.bert.load_state_dict(minilm.model.state_dict())
rows = [{"input_ids": one, "labels": int(label)} for one, label in pairs(short[:32])]
arguments = TrainingArguments(str(run.root / "my_course" / "lesson_12"), max_steps=2, per_device_train_batch_size=8, learning_rate=5e-5,
                              warmup_steps=1, lr_scheduler_type="linear", save_strategy="no", report_to="none", use_cpu=True, disable_tqdm=True)  # fmt: skip
trainer = Trainer(classifier, arguments, train_dataset=rows, data_collator=DataCollatorWithPadding(minilm.tokenizer))
print(f"two steps, mean loss {trainer.train().training_loss:.2f}; it reads the first token's vector, not the mean")
del classifier, trainer

# %% [markdown] slideshow={"slide_type": "-"}
# Handed a folder of weights, `from_pretrained` says which ones it had to make anew: the head, and that is as it should be.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## On a GPU
#
# The same functions with BERT base (110 million parameters) on IMDB's long reviews. Elsewhere MiniLM rehearses four steps on the course's `reviews`, which an AI language model wrote.

# %% slideshow={"slide_type": "-"} tags=["gpu", "hub", "nbval-ignore-output"]
there = runtime.hub("loads BERT base and IMDB", needs="downloads of 440 and 42 MB", loads=("bert-base-uncased", "imdb"))
large = runtime.gpu("fine-tunes BERT base on 5,000 reviews of IMDB", "6 GB and some minutes") and there
pretrained = catalog.load("bert-base-uncased", large=True) if large else minilm
reviews, steps, size = catalog.load("imdb"), *((600, 16) if large else (4, 8))
some = reviews["train"].shuffle(seed=0).select(range(5000 if large else 64))
encoded = pretrained.tokenizer(some["text"][:], truncation=True, max_length=256 if large else 48)["input_ids"]
big = Sentiment(pretrained.model if large else new_model(0).encoder).to(run.device)
batch_of = lambda index: collate([(encoded[k], some["label"][k]) for k in [(index * size + i) % len(encoded) for i in range(size)]])
optimizer = torch.optim.AdamW(big.parameters(), lr=3e-5)
history = train(big, lambda model, batch: model(**batch)["loss"], batch_of, Settings(steps=steps, learning_rate=3e-5, warmup=steps // 4), optimizer=optimizer)
print(f"{steps} steps: loss {history.losses[0]:.2f} -> {history.losses[-1]:.2f}")
del big, optimizer

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Where it goes wrong
#
# - *The rate of a training from scratch*: $10^{-3}$ on all weights tears up in ten steps what pretraining built. Compare the right end of the range test.
# - *Freezing without turning dropout off*: a frozen encoder in training mode still drops values, so its features flicker. `requires_grad_(False)` stops the gradient and nothing else:

# %% slideshow={"slide_type": "-"}
frozen, some = new_model(0), collate(pairs(short[:4]))
freeze(frozen, 1)
frozen.train()
with torch.no_grad():
    flicker = (frozen.vectors(some["input_ids"], some["attention_mask"]) - frozen.vectors(some["input_ids"], some["attention_mask"])).abs().max().item()
    frozen.eval()
    still = (frozen.vectors(some["input_ids"], some["attention_mask"]) - frozen.vectors(some["input_ids"], some["attention_mask"])).abs().max().item()
print(f"twice the same sentences, largest difference: in training mode over 0.05 {flicker > 0.05}, in evaluation mode {still:.0f}")
assert flicker > 0.05 and still == 0

# %% [markdown] slideshow={"slide_type": "-"}
# - *An optimizer made before unfreezing, of the trained weights only*: what is thawed later is in no group and never moves. Here all parts are in the optimizer from the start.
# - *Weight decay on a thawed layer*: it pulls toward zero, not toward the pretrained weights.
# - *Choosing by the test rows*: the rate, the method, $\alpha$ and the threshold are choices, and belong to validation rows.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Check yourself
#
# 1. Why does the head get a larger rate than the encoder?
#
# <details><summary>Answer</summary>It starts at zero and has everything to learn; the encoder's weights are already useful and should move little.</details>
#
# 2. Two loops start from the same weights and see the same batches. Name two more things that must be equal for the same result.
#
# <details><summary>Answer</summary>The schedule, the optimizer with its groups, the clipping, and the random numbers of dropout: any two.</details>
#
# 3. Dynamic padding saved little here. What saved more, and why?
#
# <details><summary>Answer</summary>Putting sentences of like length together: one long sentence makes the whole batch wide.</details>
#
# 4. Which weights does WiSE-FT mix, and what can it not mix?
#
# <details><summary>Answer</summary>Those that exist before and after, so the encoder's; the head has no earlier version.</details>
#
# 5. Class weights and a lower threshold do nearly the same. What is the advantage of the threshold?
#
# <details><summary>Answer</summary>It needs no new training, and the probabilities keep their meaning.</details>

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Exercises
#
# The check below each stub says what is wrong; the solution is folded.
#
# ### Exercise 12.1 · A rate for each layer (difficulty 1, 8 minutes)
#
# Give the list of learning rates for layer-wise decay: first the embeddings, then the layers from the bottom up, then the head.
# The head and the top layer get `rate`, each part below gets `decay` times the rate of the part above it. With `rate=1.0`, `decay=0.5` and 2 layers: `[0.25, 0.5, 1.0, 1.0]`.
#
# <details><summary>Hint</summary>
#
# The embeddings lie `layers` steps below the top layer.
# </details>
# %% slideshow={"slide_type": "skip"} tags=["exercise"]
def layer_rates(rate, decay, layers):
    """-> a list of layers + 2 rates: embeddings, layers from the bottom, head"""
    raise NotImplementedError("Exercise 12.1")
# %% slideshow={"slide_type": "skip"} tags=["check"]
from utils.course import exercises


@exercises.check("12.1", layer_rates)
def check_layer_rates(attempt):
    result = list(attempt(1.0, 0.5, 2))
    assert result != [1.0, 1.0, 0.5, 0.25], "That is from the top down: the embeddings come first."
    assert len(result) != 3, "Three rates for four parts: the embeddings, each layer and the head."
    assert result != [0.125, 0.25, 0.5, 1.0], "The top layer gets the full rate, like the head: your decay begins one part too early."
    assert result != [4.0, 2.0, 1.0, 1.0], "The rates grow downward in yours: multiply by the decay, do not divide."
    assert result == [0.25, 0.5, 1.0, 1.0], f"Expected [0.25, 0.5, 1.0, 1.0], got {result}."
    other = attempt(2e-3, 0.1, 3)
    assert len(other) == 5 and all(abs(a - b) < 1e-12 for a, b in zip(other, [2e-6, 2e-5, 2e-4, 2e-3, 2e-3])), "Right for two layers and a decay of one half only."
# %% cellView="form" jupyter={"source_hidden": true} slideshow={"slide_type": "skip"} tags=["solution"]
#@title Solution
def layer_rates_solution(rate, decay, layers):
    return [rate * decay ** (layers - place) for place in range(layers + 1)] + [rate]


check_layer_rates(layer_rates_solution)
# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 12.2 · The schedule of the library (difficulty 2, 10 minutes)
#
# `Trainer`'s own schedule is a line up and then a line down. Write its factor for step `step`, counted from 0: in the warm-up `step / warmup` (zero at the very first step), then down to
# 0 at step `steps`, and never below 0. Without a warm-up it begins at 1.
#
# <details><summary>Hint</summary>
#
# After the warm-up, `steps - step` steps are left of `steps - warmup`.
# </details>
# %% slideshow={"slide_type": "skip"} tags=["exercise"]
def line_factor(step, warmup, steps):
    """-> the share of the highest rate"""
    raise NotImplementedError("Exercise 12.2")
# %% slideshow={"slide_type": "skip"} tags=["check"]
from utils.course import exercises


@exercises.check("12.2", line_factor)
def check_line_factor(attempt):
    assert attempt(0, 4, 10) != 0.25, "That is the course's warm-up, (step + 1) / warmup. The library's begins at 0."
    rising = [attempt(step, 4, 10) for step in range(4)]
    assert rising == [0, 0.25, 0.5, 0.75], f"The warm-up should give 0, 0.25, 0.5, 0.75, not {rising}."
    assert abs(attempt(7, 4, 10) - 0.3) > 1e-9, "Divide by the steps after the warm-up, not by all steps: the line begins at 1."
    assert abs(attempt(7, 4, 10) - 0.4) > 1e-9, "The line reaches 0 at `steps`, not at `steps - 1`."
    assert abs(attempt(7, 4, 10) - 0.5) < 1e-9, f"Midway down it is 0.5, not {attempt(7, 4, 10)}."
    assert attempt(12, 4, 10) >= 0, "After the last step the factor must stay 0: yours is negative, so the weights would climb."
    assert attempt(0, 0, 10) == 1 and attempt(12, 4, 10) == 0, "Without a warm-up it begins at 1, and after the end it is 0."
    try:
        from transformers import get_linear_schedule_with_warmup
        import torch
    except ImportError:
        return
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    factor = get_linear_schedule_with_warmup(optimizer, 3, 11).lr_lambdas[0]
    assert all(abs(attempt(step, 3, 11) - factor(step)) < 1e-9 for step in range(14)), "It differs from the library's for 3 and 11 steps."
# %% cellView="form" jupyter={"source_hidden": true} slideshow={"slide_type": "skip"} tags=["solution"]
#@title Solution
def line_factor_solution(step, warmup, steps):
    return step / warmup if step < warmup else max(0.0, (steps - step) / (steps - warmup))


check_line_factor(line_factor_solution)
# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 12.3 · Stay near the start (difficulty 2, 12 minutes)
#
# A third cure against forgetting, **L2-SP**, adds to the loss how far the weights have moved: the sum of $(w - w_0)^2$ over all weights that the start had, too. Write it for two dictionaries of tensors.
# The new head has no start and is left out. The result must pass gradients on to `weights` and none to `start`.
#
# <details><summary>Hint</summary>
#
# Go through the names in `start`; `.detach()` cuts a tensor off from the gradient.
# </details>
# %% slideshow={"slide_type": "skip"} tags=["exercise"]
def distance_from_start(weights, start):
    """Two dictionaries, name -> tensor -> a tensor without axes"""
    raise NotImplementedError("Exercise 12.3")
# %% slideshow={"slide_type": "skip"} tags=["check"]
from utils.course import exercises


@exercises.check("12.3", distance_from_start)
def check_distance_from_start(attempt):
    import torch

    weights = {"a": torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True), "b": torch.tensor([1.0], requires_grad=True), "head": torch.tensor([7.0], requires_grad=True)}
    start = {"a": torch.tensor([[0.0, 2.0], [3.0, 2.0]], requires_grad=True), "b": torch.tensor([4.0], requires_grad=True)}
    result = attempt(weights, start)
    assert isinstance(result, torch.Tensor), "Return a tensor: a number of Python has no gradient (did you call .item()?)."
    value = result.detach().sum().item()
    assert abs(value - 63) > 1e-4, "The head is in it: it has no start, so leave it out."
    assert abs(value - 6) > 1e-4, "Those are absolute distances: square them."
    assert abs(value - 2.8) > 1e-4 and abs(value - (5 / 4 + 9)) > 1e-4, "That is a mean: the sum is asked for."
    assert abs(value - 14**0.5) > 1e-4, "That is the root of the sum: leave the root out."
    assert abs(value - 30 - 1) > 1e-4, "Those are the squares of the weights, plain weight decay: subtract the start first."
    assert abs(value - 14) < 1e-4 and result.dim() == 0, f"(1 + 4) + 9 = 14, without axes; yours is {result.tolist()}."
    assert result.requires_grad, "No gradient flows: did you detach the weights, too?"
    result.backward()
    assert start["a"].grad is None, "The start gets a gradient as well: detach it."
    assert torch.allclose(weights["b"].grad, torch.tensor([-6.0])), "The gradient should be 2 (w - w0)."
# %% cellView="form" jupyter={"source_hidden": true} slideshow={"slide_type": "skip"} tags=["solution"]
#@title Solution
def distance_from_start_solution(weights, start):
    return sum(((weights[name] - old.detach()) ** 2).sum() for name, old in start.items())


check_distance_from_start(distance_from_start_solution)
# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 12.4 · The best threshold (difficulty 3, 15 minutes)
#
# Given probabilities of the rare class and the labels of *validation* rows (1: rare), find the threshold with the highest $F_1 = 2 \cdot \text{hits} / (\text{called} + \text{wanted})$ of the rare class, calling a row rare where `p >= threshold`. Try the probabilities that occur;
# of several equally good ones give the highest.
#
# <details><summary>Hint</summary>
#
# Rows with equal probabilities are called together, so go by threshold and not row by row.
# </details>
# %% slideshow={"slide_type": "skip"} tags=["exercise"]
def best_threshold(p, y):
    """p (N,) probabilities, y (N,) of 0 and 1, arrays -> a threshold"""
    raise NotImplementedError("Exercise 12.4")
# %% slideshow={"slide_type": "skip"} tags=["check"]
from utils.course import exercises


@exercises.check("12.4", best_threshold)
def check_best_threshold(attempt):
    import numpy as np

    p, y = np.array([0.05, 0.3, 0.1, 0.2, 0.02, 0.01]), np.array([0, 1, 0, 1, 0, 0])
    before = p.copy()
    result = attempt(p, y)
    assert np.array_equal(p, before), "You changed p in place; the caller still needs its order."
    assert result != 0.5, "0.5 calls nothing here: try the probabilities that occur."
    assert result != 0.3, "With 0.3 one of the two is found. Call rows with p >= threshold, and compare F1, not precision."
    assert abs(result - 0.2) < 1e-12, f"0.2 finds both and nothing else, so F1 is 1; yours is {result}."
    many = attempt(np.array([0.9, 0.8, 0.7, 0.6, 0.1, 0.05]), np.array([1, 0, 1, 1, 0, 0]))
    assert many != 0.9, "0.9 has the best precision and F1 = 1/2; 0.6 has F1 = 6/7."
    assert many != 0.05, "Calling all has the best recall and F1 = 2/3; 0.6 has F1 = 6/7."
    assert abs(many - 0.6) < 1e-12, f"0.6 has the highest F1, 6/7; yours is {many}. Accuracy is something else."
    rare = attempt(np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4]), np.array([0, 0, 1, 0, 1, 0]))
    assert rare != 1 and rare != 0.9, "Accuracy is highest where nothing is called; F1 is asked for."
    assert abs(rare - 0.5) < 1e-12, f"0.5 has F1 = 4/7; yours is {rare}."
    tied = attempt(np.array([0.6, 0.6, 0.3]), np.array([1, 0, 1]))
    assert abs(tied - 0.3) < 1e-12, "Rows with equal p are called together: 0.6 has F1 = 1/2, 0.3 has 4/5."
    equal = attempt(np.array([0.8, 0.6, 0.5, 0.4]), np.array([1, 0, 0, 1]))
    assert abs(equal - 0.8) < 1e-12, "0.8 and 0.4 have the same F1, 2/3: give the higher threshold."
# %% cellView="form" jupyter={"source_hidden": true} slideshow={"slide_type": "skip"} tags=["solution"]
#@title Solution
def best_threshold_solution(p, y):
    f1 = lambda t: 2 * ((p >= t) & (y == 1)).sum() / ((p >= t).sum() + (y == 1).sum())
    return max(p, key=lambda t: (f1(t), t))


check_best_threshold(best_threshold_solution)
# %% [markdown] slideshow={"slide_type": "subslide"} tags=["open-task"]
# ### Open task · A small label set of your own (an afternoon)
#
# Label 100 short texts of a kind that you care about, with two classes. Which way of fine-tuning would you put to work, and at which cost to the model's other uses?
#
# | points | what is asked |
# |---|---|
# | 2 | where the texts come from, how they were split, how rare the rarer class is |
# | 2 | feature extraction, full fine-tuning and the best word counter on the same rows, three seeds, intervals |
# | 2 | the learning rate found on validation rows, with the curve |
# | 2 | one old ability measured before and after, and one cure |
# | 2 | a decision, and what would change your mind |

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Scorecard
#
# *Recorded* rows come from the runs in `data/runs`; what hangs on this run's training shows as *True*.

# %% slideshow={"slide_type": "-"} tags=["scorecard"]
from utils.course.scorecard import Scorecard

card = Scorecard(lesson=12)
for (count, one), bound in zip(ahead.items(), (0.035, 0.17, 0.2, 0.1)):
    card.at_least(f"pretrained minus scratch, {count:,} rows, low end (recorded)", one.low, bound, digits=2)
card.at_least("fine-tuned on all rows, low end of its interval; lesson 6's best: 0.839 (recorded)", all_rows.low, 0.845)
for name, bound in (("full", -0.08), ("gradual unfreezing", -0.035), ("layer-wise rates", -0.05)):
    card.at_most(f"forgetting, {name}: change of the search, high end (recorded)", lost[name].high, bound, digits=2)
card.equal("forgetting, feature extraction: questions lost (recorded)", bool((found["feature extraction"] == found["before"]).all()), True)
for name, bound, cost in (("full with replay", -0.02, -0.09), ("between, 0.75", -0.13, -0.006), ("between, 0.25", -0.025, -0.045)):
    card.at_least(f"cure, {name}: change of the search, low end (recorded)", lost[name].low, bound, digits=2)
    card.at_least(f"cure, {name}: accuracy minus that of full (recorded)", right[name].mean() - right["full"].mean(), cost, digits=2)
card.at_least("above feature extraction with 800 rows, lowest of three ways' low ends (recorded)", min(one.low for one in gain.values()), 0.012, digits=2)
card.at_most("two loops, eight trainings: largest difference of the weights (live)", weights_apart, 1e-5)
card.at_most("two loops, eight trainings: largest difference of the losses (live)", losses_apart, 2e-4)
card.at_most("part of the places that is padding, like lengths together (live)", wasted["dynamic, like lengths"], 0.15, digits=2)
card.equal("live: the interval after one pass through 800 rows meets the recorded seeds' range", bool(interval(live_right).high > right["full"].mean(1).min() and interval(live_right).low < right["full"].mean(1).max()), True)
card.equal("live: the search is worse after, and halfway back better again", bool(live_after.mean() < cured.mean() <= before.mean() + 0.02), True)
card.at_least("rare class: macro-F1 of the threshold minus plain (live)", rare_scores["threshold"][2] - rare_scores["plain"][2], -1, digits=2)
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Summary
#
# 1. Fine-tuning lets a pretrained encoder's weights move, by small steps; a new head gets larger ones.
# 2. The course's loop and `Trainer` arrive at the same weights when order, schedule and random numbers are the same.
# 3. The range test shows in some two dozen steps from which rate on training breaks; it is noisy on small batches.
# 4. Pretrained is above scratch from 25 sentences to 7,584; with 800 all three ways that change the encoder are above feature extraction.
# 5. Full fine-tuning forgets: the search falls below comparing words. Replay keeps it at a price, weight interpolation lets you set the price after training.
#
# New words: **fine-tuning**, **feature extraction**, **gradual unfreezing**, **layer-wise rates**, **collator**, **dynamic padding**, **range test**, **catastrophic forgetting**, **replay**, **class weights**.
#
# Papers: Howard and Ruder, *Universal language model fine-tuning* (2018), arXiv:1801.06146 · Smith, *Cyclical learning rates* (2015), arXiv:1506.01186 · Wortsman and others, *Robust fine-tuning of zero-shot models* (WiSE-FT, 2021), arXiv:2109.01903 ·
# Li, Grandvalet and Davoine, *Explicit inductive bias for transfer learning* (L2-SP, 2018), arXiv:1802.01483 · Reimers and Gurevych, *Sentence-BERT* (2019), arXiv:1908.10084.
#
# Next: lesson 13, where a few low-rank matrices learn in place of all weights.
