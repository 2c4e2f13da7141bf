# %% [markdown]
# # 16 · GPT
#
# **[Open in Colab](https://colab.research.google.com/github/OWNER/transformers-course/blob/main/notebooks/16_gpt.ipynb)** ·
# level 3 of 3 · needs lessons 2 to 5 · [notation](../data/notation.md) · [glossary](../data/glossary.md)
#
# A GPT is trained for one thing: to say which token comes next. **How does text come out of that, and what does a model
# learn that nobody asked for?** You build GPT-2 and prove it equal to the library's, choose tokens by five rules, write with a cache,
# measure a model on texts of people, and then open a real one: it learns tasks from examples in its prompt, and a handful of its 270 attention
# heads do the copying.
#
# | what it costs | time | memory | download |
# |---|---|---|---|
# | CPU, two cores (measured 2026-11-27) | TIME s | MEM GB | 93 MB, once |
# | Colab T4 (estimated) | 4 min with GPT-2 | 3 GB | 820 MB |
# | larger GPU (estimated) | 3 min with GPT-2 | 4 GB | 820 MB |
#
# *In class (50 minutes):* sections 1 to 6, 8 and 9 without the cells marked **More**, then *Where it goes wrong* and the summary. The rest is for
# self-study.

# %% [markdown]
# ## You will be able to
#
# 1. **build** GPT-2 and prove it equal to `GPT2LMHeadModel`, with a cache, without, and in a batch that is filled up at its left;
# 2. **choose** the next token by temperature, top-k, top-p, min-p and a repetition penalty, and say what each does to a text;
# 3. **explain** what a KV cache saves and what it costs;
# 4. **measure** a language model in bits a byte, beside one that only counts;
# 5. **test** whether a part of a model matters by taking it out, with a fair control.

# %% [markdown]
# ## Set-up
#
# The same cell opens every lesson. On Colab it fetches the course and what is missing there; everywhere it finds the course's
# folder and prints the *run card*. The folded code below it draws the lesson's result.

SETUP
# %% jupyter={"source_hidden": true}
from utils.course import plots, recorded
from utils.course.figures import lesson_16 as figures
from utils.metrics import mean_interval


def ends(values):
    """(mean, low, high) of some numbers."""
    found = mean_interval(values)
    return found.value, found.low, found.high


if not recorded.is_recording():
    taken_out, by_examples = (recorded.load(name).results for name in ("16_ablation", "16_in_context"))
    names = {"whole": "whole", "induction 8": "without 8 induction heads", "random 8": "without 8 other heads"}
    costs = {label: ends([x for run_ in taken_out["second half"][name] for x in run_]) for name, label in names.items()}
    shown = {task: {k: ends(found) for k, found in each.items()} for task, each in by_examples["accuracy"].items()}
    plots.show(figures.answer(costs, shown), alt="Left: nats a token on text that comes a second time, whole and without some heads. Right: answers right by number of examples, six tasks.")

# %% [markdown]
# Left: SmolLM2, a real language model of 135 million weights, reads random tokens that come twice. Without eight of its heads it no longer copies
# them; without eight others it does. Right: tasks that it does when its prompt shows some examples. Sections 8 and 9 explain both. (The drawings'
# code is in `utils/course/figures/lesson_16.py`.)

# %% [markdown]
# ## 1. The next token
#
# Read this text and count: *the cat sat, the cat ran*. After `the` came `cat`, twice of two: $p = 1$. After `cat` came `sat` once and `ran`
# once: $p = \tfrac12$ each. A model that says so pays $-\ln 1 = 0$ for the first guess and $-\ln \tfrac12 = 0.69$ for the second. A GPT does the same with all that
# stands before, and pays on average
#
# $$ \mathcal{L} = -\frac{1}{T - 1} \sum_{t=1}^{T-1} \ln p(x_{t+1} \mid x_1, \dots, x_t) . $$
#
# $x_1, \dots, x_T$ are the tokens of a text, $T$ their number, $p$ the model's probability, and $\mathcal{L}$ the loss in nats a token (*causal language modelling*).
# A text of $T$ tokens asks $T - 1$ questions at once: the causal mask of lesson 4 keeps each place from seeing its answer. So the logits lose their last place, the labels
# their first.

# %%
import math

import torch
import torch.nn.functional as F
from utils.data import catalog
from utils.worlds import stories

theirs, tokenizer = catalog.load("gpt-mini")
theirs.loss_type = "ForCausalLM"  # Transformers takes it anyway, and says so on stderr
END, PAD = tokenizer.eos_token_id, tokenizer.pad_token_id
encode = lambda text: torch.tensor([[END, *tokenizer.encode(text, add_special_tokens=False)]])  # (1, T)
story = stories.write("lesson 16").english
ids = encode(story)
with torch.no_grad():
    logits = theirs(ids).logits  # (1, T, V)
    by_library = theirs(ids, labels=ids).loss.item()
costs = F.cross_entropy(logits[0, :-1], ids[0, 1:], reduction="none")  # (T - 1,): -ln p of each token that came
by_hand = costs.mean().item()
print(f"{story[:96]}...\n{ids.shape[1]} tokens, {len(costs)} questions: {by_hand:.3f} nats a token; the library's loss the same: {abs(by_hand - by_library) < 1e-4}")
assert abs(by_hand - by_library) < 1e-4

# %% [markdown]
# `gpt-mini` is this course's own GPT-2: 2.4 million weights, four layers, 3,072 tokens. It read stories of a small world, made by a program, and Python's documentation, written by people.
#
# **Bits.** A cost in nats divided by $\ln 2$ is one in bits: a token of probability $\tfrac18$ costs 3 bits. The figure draws what each token of this story cost.

# %%
pieces = [tokenizer.decode([i]) for i in ids[0, 1:]]
bits = costs / math.log(2)
plots.show(figures.surprise(pieces, bits), alt="A story's tokens, each colored by the bits that it cost the model.")
cheap = (bits < 1).float().mean().item()
print(f"tokens that cost less than one bit: {cheap:.0%}; the dearest: {pieces[bits.argmax()]!r}")
assert cheap > 0.6

# %% [markdown]
# Most tokens are nearly free: grammar, the second half of a word, a name that was just said. The cost falls on a few places, where the story really chooses. One number, the mean, hides that.

# %% [markdown]
# ## 2. From GPT-1 to today
#
# | year | model | weights | what was new |
# |---|---|---|---|
# | 2018 | GPT-1 | 117 million | a decoder alone, pretrained on books, then fine-tuned for each task |
# | 2019 | GPT-2 | 124 million to 1.5 billion | web pages; does tasks that the prompt describes, without training on them |
# | 2020 | GPT-3 | 175 billion | learns tasks from examples in the prompt |
# | 2022 | InstructGPT | 175 billion | taught to follow instructions by people's preferences (lesson 18) |
# | 2023 | Llama | 7 to 65 billion | open weights, and the parts that most use since (lesson 21) |
# | 2025 | SmolLM2 | 135 million to 1.7 billion | small, and read 2 to 11 trillion tokens |
#
# Task and loss never changed. Size and texts did, and what is taught afterwards. GPT-2 differs from the decoder of lesson 2 in little: learned positions, the norm before each sublayer and one more at the end, GELU in place of ReLU.

# %% [markdown]
# ## 3. GPT-2 from scratch
#
# With $x$ the vectors $(B, T, C)$ of a batch, one *block* is
#
# $$ x \leftarrow x + \text{attention}(\text{norm}_1(x)), \qquad x \leftarrow x + W_2\, \text{gelu}(W_1\, \text{norm}_2(x)) . $$
#
# You read the weights straight from the library's dictionary. Two things to know: its matrices are stored as (inputs, outputs), the other way round than `nn.Linear`; and GELU is the approximation
# with tanh that GPT-2 used, $\text{gelu}(z) \approx \tfrac{z}{2} \left(1 + \tanh\left(\sqrt{2/\pi}\,(z + 0.0447\, z^3)\right)\right)$. By hand: $\text{gelu}(1) \approx \tfrac12 (1 + \tanh 0.834) = 0.84$.

# %%
W = {name.removeprefix("transformer."): weight for name, weight in theirs.state_dict().items()}


def linear(w, name, x):
    return x @ w[f"{name}.weight"] + w[f"{name}.bias"]


def norm(w, name, x):
    x = (x - x.mean(-1, keepdim=True)) / (x.var(-1, correction=0, keepdim=True) + 1e-5).sqrt()
    return x * w[f"{name}.weight"] + w[f"{name}.bias"]


def gelu(z):
    return 0.5 * z * (1 + torch.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))


def feed_forward(w, name, x):
    return linear(w, f"{name}.c_proj", gelu(linear(w, f"{name}.c_fc", x)))


print(f"gelu(1) = {gelu(torch.tensor(1.0)):.2f}; one matrix: {tuple(W['h.0.mlp.c_fc.weight'].shape)} = (C, 4 C)")

# %% [markdown]
# **Attention.** One matrix `c_attn` makes queries, keys and values together, $(B, T, C) \to (B, T, 3C)$. `past` is `None` until section 6, which keeps keys and values in it; until then
# $S = T$ and the mask is the plain triangle.

# %%
def attend(w, name, x, heads, past=None):
    """x (B, T, C) -> (B, T, C)"""
    q, k, v = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in linear(w, f"{name}.c_attn", x).chunk(3, -1))  # (B, H, T, D)
    if past is not None:
        if name in past:
            k, v = (torch.cat(pair, dim=2) for pair in zip(past[name], (k, v)))  # (B, H, S, D)
        past[name] = k, v
    T, S = q.shape[2], k.shape[2]
    future = torch.ones(T, S, dtype=torch.bool).triu(1 + S - T)
    scores = (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).masked_fill(future, -torch.inf)  # (B, H, T, S)
    mixed = scores.softmax(-1) @ v  # (B, H, T, D)
    return linear(w, f"{name}.c_proj", mixed.transpose(1, 2).flatten(2))

# %% [markdown]
# **The whole.** Token embedding plus position embedding, the blocks, a last norm, and the head: the embedding matrix a second time (*tied*), without a bias.

# %%
def gpt2(w, ids, heads, past=None):
    """ids (B, T) -> logits (B, T, V). With past (a dict): ids are only the tokens that are new."""
    start = next(iter(past.values()))[0].shape[2] if past else 0
    x = w["wte.weight"][ids] + w["wpe.weight"][start : start + ids.shape[1]]  # (B, T, C)
    layer = 0
    while f"h.{layer}.ln_1.weight" in w:
        block = f"h.{layer}"
        x = x + attend(w, f"{block}.attn", norm(w, f"{block}.ln_1", x), heads, past)
        x = x + feed_forward(w, f"{block}.mlp", norm(w, f"{block}.ln_2", x))
        layer += 1
    return norm(w, "ln_f", x) @ w["wte.weight"].T


HEADS = theirs.config.n_head
with torch.no_grad():
    inline_difference = (gpt2(W, ids, HEADS) - logits).abs().max().item()
print("equal to GPT2LMHeadModel with the same weights:", inline_difference < 1e-3)
assert inline_difference < 1e-3

# %% [markdown]
# That is all of GPT-2. The course's fast version, `utils.models.gpt.GPT`, is made of the parts that you know from `utils.layers` and `utils.attention`. It must agree on `gpt-mini`, and on random weights of odd sizes: all at
# once, and one token at a time with a cache.
#
# **A batch of prompts.** Prompts have different lengths, and what is written comes at their right end. So the shorter ones are filled up at the *left*, a mask hides the filling, and positions count from the first real
# token: in the row `[PAD] [PAD] the cat`, `the` stands at position 0, not 2.

# %% [markdown] tags=["predict"]
# **Predict.** Suppose positions are counted from the left edge, filling included. In which rows of the batch do the logits change: in all, in the padded ones, in none?

# %%
from transformers import GPT2Config, GPT2LMHeadModel
from utils.models.gpt import GPT

torch.manual_seed(0)
odd = GPT2LMHeadModel(GPT2Config(vocab_size=3072, n_embd=48, n_head=3, n_layer=5, n_inner=100, n_positions=64, bos_token_id=0, eos_token_id=0)).eval()
batch = torch.stack([F.pad(ids[0, :length], (20 - length, 0), value=PAD) for length in (20, 12, 5)])  # (3, 20)
mask = batch != PAD
places = (mask.long().cumsum(1) - 1).clamp(min=0)


@torch.no_grad()
def differences(model):
    """Largest difference of a logit from Transformers': all at once, a token at a time; and with positions from the left edge."""
    mine, longest = GPT.from_hf(model), batch.shape[1]
    wanted = model(batch, attention_mask=mask.long(), position_ids=places).logits[mask]
    caches = mine.caches_for(longest)
    steps = [mine(batch[:, t : t + 1], caches, mask[:, : t + 1]) for t in range(longest)]
    wrong = model(batch, attention_mask=mask.long(), position_ids=torch.arange(longest)[None]).logits
    last = (wrong[:, -1] - mine(batch, mask=mask)[:, -1]).abs().amax(-1)  # (3,)
    return [(found[mask] - wanted).abs().max().item() for found in (mine(batch, mask=mask), torch.cat(steps, 1))], last


equality, wrong_places = {}, {}
for name, model in {"gpt-mini": theirs, "random": odd}.items():
    equality[name], wrong_places[name] = differences(model)
    print(f"{name:<9} equal at once and with cache: {[value < 1e-3 for value in equality[name]]};"
          f" positions from the edge change the row: {[value > 0.05 for value in wrong_places[name].tolist()]}")  # fmt: skip
assert max(value for each in equality.values() for value in each) < 1e-3
assert all((each > 0.05).tolist() == [False, True, True] for each in wrong_places.values())

# %% [markdown]
# Only the padded rows. The full row has its positions right either way, so a test with one prompt, or with prompts of one length, would not notice.

# %% [markdown] tags=["more"]
# **More: the first weights.** Each of the $N$ blocks adds two things to the stream $x$. If each has variance $s^2$, the stream's variance after all blocks is $1 + 2 N s^2$: it grows with depth. GPT-2
# divides the first weights of the matrices that write into the stream by $\sqrt{2N}$, so that it is $1 + s^2$, whatever $N$.

# %% tags=["more"]
import dataclasses

from utils.models.gpt import GPT2


@torch.no_grad()
def growth(layers, scheme):
    """The stream's standard deviation above the last block, relative to that of the embeddings."""
    torch.manual_seed(0)
    sizes = {"width": 128, "heads": 4, "hidden": 512, "layers": layers, "dropout": 0.0}
    model = GPT(500, dataclasses.replace(GPT2, **sizes, initialization=scheme), longest=32).eval()
    x = first = model.embedding(torch.randint(500, (8, 32)))
    for block in model.decoder.blocks:
        x = block(x, causal=True)
    return (x.std() / first.std()).item()


grown = {scheme: [growth(layers, scheme) for layers in (2, 8, 32)] for scheme in ("normal", "gpt2")}
for scheme, values in grown.items():
    print(f"{scheme:<7} first weights: with 2, 8, 32 blocks the stream grows", ", ".join(f"{value:.1f}" for value in values), "times")
assert grown["normal"][2] > 2 * grown["normal"][0] and max(grown["gpt2"]) < 1.2 * min(grown["gpt2"])

# %% [markdown]
# ## 4. From logits to a token
#
# The model gives a logit for each token; you have to pick one. Five words, and what a model might say after *the cat sat on the*:
#
# | | mat | floor | chair | roof | moon |
# |---|---|---|---|---|---|
# | $p$ | 0.50 | 0.25 | 0.15 | 0.08 | 0.02 |
#
# **Temperature** $\tau$ divides the logits $z$, so $p_i \propto e^{z_i / \tau}$, which is $p_i^{1/\tau}$ made to sum to 1. With $\tau = 0.5$ square them: $0.25, 0.0625, \dots$, and `mat` gets $0.25 / 0.342 = 0.73$. With $\tau = 2$
# take roots: `mat` falls to 0.35, `moon` rises to 0.07. Toward $\tau = 0$ all goes to the likeliest: *greedy*.
#
# **Repetition penalty** $\rho$ divides the logit of a token that already came, or multiplies it if it is below zero: lower in both cases.

# %%
def temperature(z, tau):
    return z / tau


def repetition(z, seen, rho):
    """z (B, V), seen (B, T): ids that already came"""
    old = z.gather(-1, seen)
    return z.scatter(-1, seen, torch.where(old < 0, old * rho, old / rho))


WORDS = ["mat", "floor", "chair", "roof", "moon"]
z = torch.tensor([[0.5, 0.25, 0.15, 0.08, 0.02]]).log()
show = lambda name, z: print(f"{name:<18}", "  ".join(f"{word} {p:.2f}" for word, p in zip(WORDS, z.softmax(-1)[0].tolist()) if p > 0))
for tau in (0.5, 1.0, 2.0):
    show(f"temperature {tau}", temperature(z, tau))
show("mat came, rho 1.5", repetition(z, torch.tensor([[0]]), 1.5))

# %% [markdown]
# **Taking the tail out.** `moon` has 2 % here; a real vocabulary has fifty thousand moons, each unlikely, together not. Three rules cut them off, all by setting logits to $-\infty$:
#
# - *top-k*: keep the $k$ likeliest. With $k = 2$: `mat`, `floor`.
# - *top-p* (nucleus): keep the likeliest until they have the share $p$ together. With $p = 0.8$: `mat` and `floor` have 0.75, which is not enough, so `chair` too.
# - *min-p*: keep what is at least $p$ times as likely as the likeliest. With $p = 0.2$ the threshold is $0.2 \cdot 0.5 = 0.1$: `mat`, `floor`, `chair`.

# %%
def top_k(z, k):
    return z.masked_fill(z < z.topk(k).values[..., -1:], -torch.inf)


def top_p(z, p):
    descending, order = z.sort(descending=True)
    chances = descending.softmax(-1)
    out = chances.cumsum(-1) - chances >= p  # the likelier ones alone have p
    return z.masked_fill(out.scatter(-1, order, out), -torch.inf)


def min_p(z, p):
    chances = z.softmax(-1)
    return z.masked_fill(chances < p * chances.amax(-1, keepdim=True), -torch.inf)


for name, rule, value in (("top-k 2", top_k, 2), ("top-p 0.8", top_p, 0.8), ("min-p 0.2", min_p, 0.2)):
    show(name, rule(z, value))
assert [(rule(z, v) > -torch.inf).sum().item() for rule, v in ((top_k, 2), (top_p, 0.8), (min_p, 0.2))] == [2, 3, 3]

# %% [markdown]
# These must be the library's, on real logits: those of `gpt-mini` at every place of the story, with three settings each. And `utils.generation`'s too.

# %%
from transformers.generation import logits_process as library
from utils import generation

rows, seen = logits[0], ids[0].expand(ids.shape[1], -1)  # (T, V), (T, T)
PROCESSORS = {
    "temperature": (temperature, generation.temperature_scaled, library.TemperatureLogitsWarper, (0.5, 0.8, 1.7)),
    "top-k": (top_k, generation.top_k, library.TopKLogitsWarper, (1, 10, 300)),
    "top-p": (top_p, generation.top_p, library.TopPLogitsWarper, (0.3, 0.9, 0.98)),
    "min-p": (min_p, generation.min_p, library.MinPLogitsWarper, (0.02, 0.1, 0.5)),
    "repetition": (lambda z, v: repetition(z, seen, v), lambda z, v: generation.repetition_penalized(z, seen, v),
                   library.RepetitionPenaltyLogitsProcessor, (0.8, 1.2, 2.0)),
}  # fmt: skip
unequal = {}
for name, (mine, fast, processor, values) in PROCESSORS.items():
    wanted = [processor(value)(seen, rows) for value in values]
    unequal[name] = sum((rule(rows, v) != w).sum().item() for rule in (mine, fast) for v, w in zip(values, wanted))
print("logits that differ from Transformers':", unequal)
assert not any(unequal.values())

# %% [markdown] tags=["predict"]
# **Predict.** At some places the model is sure (one token has 99 %), at others many are possible. How many tokens does each rule keep in the two cases? Which rule keeps the same number in both?

# %%
largest = rows.softmax(-1).amax(-1)
rules = {"top_k 40": top_k(rows, 40), "top_p 0.9": top_p(rows, 0.9), "min_p 0.05": min_p(rows, 0.05)}
counts = {name: (left > -torch.inf).sum(-1) for name, left in rules.items()}
plots.show(figures.kept(largest, counts), alt="Tokens kept by top-k, top-p and min-p at each place, over the probability of the likeliest token.")
sure = largest > 0.9
middle = {name: (number[sure].float().mean().item(), number[largest < 0.3].float().mean().item()) for name, number in counts.items()}
for name, (where_sure, elsewhere) in middle.items():
    print(f"{name:<11} keeps {where_sure:4.1f} tokens where one has 90 % and more, {elsewhere:5.1f} where none has 30 %")
assert middle["top_p 0.9"][0] < 1.5 < 3 < middle["top_p 0.9"][1] and middle["top_k 40"][0] == middle["top_k 40"][1] == 40

# %% [markdown]
# Top-k keeps 40 always: 39 wrong ones where one is sure. Top-p and min-p follow the model. Now a real one: **SmolLM2** (135 million weights, of Llama's architecture, from Hugging Face; lesson 21 builds it). Play with a prompt and the rules.

# %% tags=["nbval-ignore-output"]
import ipywidgets
from utils.course import widgets

smol, smol_tokenizer = catalog.load("smollm2")
smol_encode = lambda text: torch.tensor([[0, *smol_tokenizer.encode(text, add_special_tokens=False)]])  # 0: beginning of a text


@torch.no_grad()
def draw_candidates(prompt, tau, k, p, floor):
    z = smol(smol_encode(prompt)).logits[:, -1].float()
    ruled = min_p(top_p(top_k(temperature(z, tau), k), p), floor)
    best = z.topk(12).indices[0]
    names = [smol_tokenizer.decode([i]) for i in best]
    return figures.candidates(names, z.softmax(-1)[0, best], ruled.softmax(-1)[0, best])


slider = lambda value, low, high, step: ipywidgets.FloatSlider(value=value, min=low, max=high, step=step)
widgets.explore(draw_candidates, alt="The twelve likeliest next tokens of SmolLM2, before and after temperature and rules.",
                prompt=ipywidgets.Text("The old man opened the door and saw a"), tau=slider(0.8, 0.1, 3.0, 0.1),
                k=ipywidgets.IntSlider(value=50, min=1, max=200), p=slider(0.95, 0.05, 1.0, 0.05), floor=slider(0.2, 0.01, 1.0, 0.01))  # fmt: skip

# %% [markdown]
# With these settings a *floor* (min-p) of 0.2 decides. Set it to 0.01 and the temperature to 2 and see what could come; then lower top-p until one is left.

# %% [markdown]
# ## 5. A text
#
# A text is written token by token: read all, choose one, append it, read again (*autoregressive*). The loop that you would write first:

# %%
@torch.no_grad()
def write(ids, new, choose):
    """ids (1, T); choose(logits (1, V), ids) -> the next token (1,)"""
    for _ in range(new):
        token = choose(gpt2(W, ids, HEADS)[:, -1], ids)
        ids = torch.cat([ids, token[:, None]], dim=1)
        if token.item() == END:
            break
    return ids


greedy = lambda z, ids: z.argmax(-1)
generator = torch.Generator().manual_seed(16)
sampled = lambda z, ids: temperature(z, 1.2).softmax(-1).multinomial(1, generator=generator)[:, 0]
prompt = encode(stories.write("lesson 16").sentences[0].english)
for name, choose in (("greedy", greedy), ("temperature 1.2", sampled)):
    text = tokenizer.decode(write(prompt, 60, choose)[0, 1:], skip_special_tokens=True)
    print(f"{name}: {text}\n")

# %% [markdown]
# Is one better? Stories of this small world can be *judged by a program*: it parses each sentence by the world's grammar, and tells whether the story's facts agree. Continue 64 held-out
# beginnings at several temperatures, with four seeds, and count three shares: sentences that the grammar accepts, stories without a contradiction, and, of all sentences written, those that are distinct. The rule on top of a high
# temperature is the last question.

# %% [markdown] tags=["predict"]
# **Predict.** Toward temperature 0, which of the three shares is highest, which lowest? At 1.6, which falls first?

# %%
from random import Random

from utils.generation import GREEDY, Sampling, generate
from utils.small_models import texts

gpt = GPT.from_hf(theirs)


def beginnings_of(count):
    return [texts.story(Random(f"lesson 16 {number}"), "test").sentences[0].english for number in range(count)]


def continued(first, sampling, seed):
    """gpt-mini's continuation of each beginning, all in one batch that is filled up at its left."""
    rows = [encode(text)[0] for text in first]
    ids = torch.nn.utils.rnn.pad_sequence(rows, True, PAD, padding_side="left")  # (B, T)
    options = {"mask": ids != PAD, "end_id": END, "pad_id": PAD}
    out = generate(gpt, ids, 320 - ids.shape[1], sampling, torch.Generator().manual_seed(seed), **options)
    return [text.strip() for text in tokenizer.batch_decode(out[:, ids.shape[1] :], skip_special_tokens=True)]


def judged(first, added):
    """Shares: sentences accepted, stories whose facts agree, and sentences that are distinct, of those that were added."""
    verdicts = [stories.judge(f"{a} {b}") for a, b in zip(first, added)]
    told = [sentence for text in added for sentence in stories.parser.split(text)]
    accepted = sum(v.accepted - 1 for v in verdicts) / max(1, sum(v.sentences - 1 for v in verdicts))
    return {"accepted": round(accepted, 4), "agrees": sum(v.agrees for v in verdicts) / len(first), "distinct": round(len(set(told)) / max(1, len(told)), 4)}

# %%
SETTINGS = {"temperatures": [0.0, 0.3, 0.5, 0.7, 1.0, 1.3, 1.6], "beginnings": 64, "seeds": 4}
RULES = {"1.3, top-k 10": Sampling(1.3, top_k=10), "1.3, top-p 0.9": Sampling(1.3, top_p=0.9), "1.3, min-p 0.1": Sampling(1.3, min_p=0.1)}


def all_temperatures():
    first = beginnings_of(SETTINGS["beginnings"])
    plans = {str(tau): Sampling(tau) for tau in SETTINGS["temperatures"]} | RULES
    found = {name: [judged(first, continued(first, plan, seed)) for seed in range(SETTINGS["seeds"] if plan.temperature else 1)] for name, plan in plans.items()}
    true = [texts.story(Random(f"lesson 16 {number}"), "test").english for number in range(len(first))]
    return found | {"true": [judged(first, [text.removeprefix(begin).strip() for begin, text in zip(first, true)])]}


log = recorded.results("16_temperatures", lesson=16, settings=SETTINGS, compute=all_temperatures)
print(log)
by_temperature = {name: {key: sum(run_[key] for run_ in runs) / len(runs) for key in runs[0]} for name, runs in log.results.items()}
for name, each in by_temperature.items():
    print(f"{name:<15} accepted {each['accepted']:.0%}   agree {each['agrees']:.0%}   distinct {each['distinct']:.0%}")
curve = {name: log.results[name] for name in map(str, SETTINGS["temperatures"])}
figure = figures.temperatures(curve, {name: (1.3, log.results[name]) for name in RULES}, by_temperature["true"])
plots.show(figure, alt="Sentences accepted, stories that agree, sentences distinct, over the temperature; each dot is a seed.")

# %% [markdown]
# TEXT5

# %%
first = beginnings_of(16)
live = {name: judged(first, continued(first, plan, seed=1)) for name, plan in (("0.0", GREEDY), ("0.7", Sampling(0.7)), ("1.6", Sampling(1.6)))}
for name, each in live.items():
    print(f"live, 16 beginnings, temperature {name}: accepted {each['accepted']:.2f}, agree {each['agrees']:.2f}, distinct {each['distinct']:.2f}")
assert live["0.0"]["accepted"] > live["1.6"]["accepted"] + 0.2 and live["1.6"]["distinct"] >= live["0.0"]["distinct"]

# %% [markdown]
# **Repetition.** A model of the open world, asked for the likeliest, often falls into a loop: once a sentence stands there, its repetition becomes likelier each time. Holtzman and others (2019) measured it beside what people write. The same here:
# SmolLM2 goes on with 32 texts of Python's documentation, 64 tokens each, by six ways; the seventh row is what people wrote there. *Repeated*: the share of 4-token stretches that already stand in the continuation.

# %%
from transformers import DynamicCache
from utils.generation import next_tokens


class Library(torch.nn.Module):
    """A model of Transformers as utils.generation asks for it: a reader that keeps its cache, and a head."""

    def __init__(self, model):
        super().__init__()
        self.body, self.head = model.model, model.lm_head

    def reader(self, longest):
        cache = DynamicCache()
        return lambda ids, mask=None: self.body(ids, past_key_values=cache, attention_mask=mask).last_hidden_state


def repeated(row, size=4):
    stretches = [tuple(row[at : at + size]) for at in range(len(row) - size + 1)]
    return 1 - len(set(stretches)) / len(stretches)


open_model = Library(smol)
WAYS = {"greedy": GREEDY, "greedy, penalty 1.2": Sampling(0.0, repetition_penalty=1.2), "temperature 1": Sampling(), "top-p 0.9": Sampling(top_p=0.9), "min-p 0.1": Sampling(min_p=0.1)}

# %%
@torch.no_grad()
def continuations(count=32, prompt=32, new=64):
    """way -> [share repeated, bits a token by the model itself] of each continuation."""
    documents = [smol_encode(text)[0] for text in texts.documentation("test")]
    rows = torch.stack([row[: prompt + new] for row in documents if len(row) >= prompt + new][:count])
    written = {name: generate(open_model, rows[:, :prompt], new, how, torch.Generator().manual_seed(0)) for name, how in WAYS.items()}
    beams = [smol.generate(part, attention_mask=torch.ones_like(part), max_new_tokens=new, num_beams=4, do_sample=False, eos_token_id=None, pad_token_id=2)
             for part in rows[:, :prompt].split(8)]  # fmt: skip
    found = {}
    for name, out in ({"four beams": torch.cat(beams)} | written | {"people": rows}).items():
        costs = [F.cross_entropy(smol(part).logits[:, prompt - 1 : -1].transpose(1, 2), part[:, prompt:], reduction="none") for part in out.split(8)]
        bits = torch.cat(costs).mean(1) / math.log(2)
        found[name] = [[round(repeated(row[prompt:].tolist()), 3), round(cost.item(), 3)] for row, cost in zip(out, bits)]
    return found


log = recorded.results("16_continuations", lesson=16, settings={"texts": 32, "prompt": 32, "new": 64, "ways": list(WAYS)}, compute=continuations)
print(log)
ways = {name: [ends(column) for column in zip(*rows)] for name, rows in log.results.items()}
for name, (again, bits) in ways.items():
    print("{:<20} repeated {:4.0%} [{:.0%}, {:.0%}]   bits a token {:.2f} [{:.2f}, {:.2f}]".format(name, *again, *bits))
