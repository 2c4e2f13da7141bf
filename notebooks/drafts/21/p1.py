# %% [markdown]
# # 21 · The Llama architecture
#
# **[Open in Colab](https://colab.research.google.com/github/OWNER/transformers-course/blob/main/notebooks/21_llama_architecture.ipynb)** ·
# level 3 of 3 · needs lessons 11 and 16 · [notation](../data/notation.md) · [glossary](../data/glossary.md)
#
# Open models of today (Llama, Mistral, Qwen, SmolLM2) are nearly the GPT of lesson 16. **Which parts were exchanged, and what does each exchange do?**
# You write a Llama on a few screens, load the weights of a real model into it, talk with it, and take the way from GPT to Llama one change at a time.
#
# | what it costs | time | memory | download |
# |---|---|---|---|
# | CPU, two cores (measured 2026-11-28) | TIME | MEM | 93 MB (SmolLM2) |
# | Colab T4 (estimated) | 3 min | 4 GB | 270 MB |
# | larger GPU (estimated) | 2 min | 18 GB | 16 GB (Llama 3.1 8B) |
#
# *In class (50 minutes):* sections 1 to 8, *Where it goes wrong* and the summary. The rest is for self-study.

# %% [markdown]
# ## You will be able to
#
# 1. **write** RMSNorm, SwiGLU, RoPE and grouped-query attention with a cache;
# 2. **load** published weights into your own model, and **prove** it equal to the library's;
# 3. **write** a conversation in a model's chat template, and **measure** what a wrong one costs;
# 4. **say** what each change from GPT to Llama does at a small size, and what it does not;
# 5. **compute** weights, memory and cache of Llama 1 to 4 from their configurations.

# %% [markdown]
# ## Set-up
#
# The cell that opens every lesson; it prints the *run card*. The folded cell below it loads SmolLM2 and draws where its weights are.

SETUP
# %% jupyter={"source_hidden": true}
import torch
from transformers.utils import logging

from utils.course import plots
from utils.data import catalog

logging.disable_progress_bar()
theirs, tokenizer = catalog.load("smollm2")
config = theirs.config
theirs.eval().requires_grad_(False)
kinds = {"embedding (tied: also the head)": "embed_tokens", "query and output": ("q_proj", "o_proj"),
         "key and value": ("k_proj", "v_proj"), "SwiGLU": "mlp", "norms": "norm"}  # fmt: skip
found = lambda words: sum(p.numel() for name, p in theirs.named_parameters() if any(w in name for w in words))
share = {kind: found((words,) if isinstance(words, str) else words) for kind, words in kinds.items()}
figure, axis = plots.figure(width=9, height=2.6)
axis.barh(list(share)[::-1], [count / 1e6 for count in share.values()][::-1], color=plots.BLUE)
for row, count in enumerate(list(share.values())[::-1]):
    axis.text(count / 1e6 + 0.5, row, f"{count / 1e6:.2f}", va="center")
axis.set(xlabel="million weights", title="SmolLM2: where 135 million weights are", xlim=(0, 90))
plots.show(figure, alt="Bars: the weights of SmolLM2 by part; SwiGLU has most, keys and values few, the norms hardly any.")
assert sum(share.values()) == sum(p.numel() for p in theirs.parameters()) and max(share, key=share.get) == "SwiGLU"

# %% [markdown]
# This is SmolLM2 (Hugging Face, 2024; without the Hub the *chat-tuned* 135M model, unpacked from a 4-bit file), a Llama in all but name. Most weights are in the SwiGLU layers.
# Keys and values have few, because three heads of them serve nine heads of queries. The norms have next to none.
#
# ## 1. What is exchanged
#
# | | GPT-2 | Llama | where |
# |---|---|---|---|
# | norm | LayerNorm | RMSNorm | section 2 |
# | feed-forward | GELU, $4C$ | SwiGLU, about $\frac{8}{3} C$ | 3 |
# | positions | a learned vector each | RoPE in queries and keys | 4 |
# | attention | as many key heads as query heads | grouped queries | 5 |
# | biases | everywhere | none | 6 |
# | head | tied to the embedding | its own in the large ones | 6 |
#
# What stays: a decoder of pre-norm blocks with residuals, a norm above the last one, and the loss on the next token.

# %% [markdown]
# ## 2. RMSNorm
#
# Take $x = (3, 4)$. The mean of the squares is $(9 + 16) / 2 = 12.5$, its root 3.54, and $x$ divided by it $(0.85, 1.13)$: the mean square is now 1. LayerNorm would take the mean 3.5 away first, and give
# $(-1, 1)$ for every pair of rising numbers. In general, for a vector of $C$ numbers with learned scales $g$ (Zhang and Sennrich, 2019):
#
# $$ \text{RMSNorm}(x)_i = \frac{x_i}{\sqrt{\frac{1}{C} \sum_j x_j^2 + \epsilon}}\; g_i . $$
#
# No mean, no shift. The sum is taken in 32 bits whatever the type of $x$; the library does the same. The proof, as everywhere here: the library's module, with the weights of SmolLM2's fourth block, which are not all one.

# %%
from torch import nn
import torch.nn.functional as F
from transformers.models.llama import modeling_llama as library


class RMSNorm(nn.Module):
    def __init__(self, width, epsilon):
        super().__init__()
        self.weight, self.epsilon = nn.Parameter(torch.ones(width)), epsilon

    def forward(self, x):  # (..., C) -> (..., C)
        wide = x.float()
        return self.weight * (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.epsilon)).to(x.dtype)


print("by hand:", [round(value, 2) for value in RMSNorm(2, 1e-6)(torch.tensor([3.0, 4.0])).tolist()])

torch.manual_seed(21)
x = torch.randn(2, 7, config.hidden_size)
pair = RMSNorm(config.hidden_size, 1e-5), library.LlamaRMSNorm(config.hidden_size, 1e-5)
for norm in pair:
    norm.weight.data = theirs.model.layers[3].input_layernorm.weight.data
parts = {"RMSNorm": (pair[0](x) - pair[1](x)).abs().max().item()}
print("RMSNorm equals LlamaRMSNorm:", parts["RMSNorm"] < 1e-6)
assert parts["RMSNorm"] < 1e-6

# %% [markdown]
# ## 3. SwiGLU
#
# GPT's feed-forward goes up by one matrix, through GELU, and down. SwiGLU (Shazeer, 2020) goes up by two, the *gate* and the *up* matrix, and multiplies what they give:
#
# $$ \text{SwiGLU}(x) = W_{\text{down}} \big( \text{silu}(W_{\text{gate}}\, x) \odot W_{\text{up}}\, x \big), \qquad \text{silu}(z) = z\, \sigma(z) . $$
#
# By hand for one hidden unit, with a gate of 1 and an up of 2: $\text{silu}(1) = 0.73$, so 1.46. With a gate of $-4$: $\text{silu}(-4) = -0.07$, and whatever comes up is nearly shut off. $\odot$ is the product number by number.
# Three matrices of $C \times h$ are as many weights as two of $C \times 4C$ for $h = \frac{8}{3} C$. SmolLM2 has 1,536 for 576: exactly that.

# %%
class SwiGLU(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.gate, self.up = (nn.Linear(width, hidden, bias=False) for _ in range(2))
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x):  # (B, T, C) -> (B, T, h) -> (B, T, C)
        return self.down(F.silu(self.gate(x)) * self.up(x))


own, block = SwiGLU(config.hidden_size, config.intermediate_size), theirs.model.layers[3]
for name in ("gate", "up", "down"):
    getattr(own, name).weight = getattr(block.mlp, f"{name}_proj").weight
parts["SwiGLU"] = (own(x) - block.mlp(x)).abs().max().item()
assert parts["SwiGLU"] < 1e-4  # equal to the library's LlamaMLP

# %% [markdown]
# One hidden unit over its gate, for an up value that you choose:

# %% tags=["nbval-ignore-output"]
import ipywidgets
from utils.course import widgets


def draw_gate(up):
    figure, axis = plots.figure(width=8, height=3)
    z = torch.linspace(-6, 6, 200)
    axis.plot(z, F.gelu(z), color=plots.ORANGE, label="GELU(z)")
    axis.plot(z, F.silu(z) * up, color=plots.BLUE, label=f"silu(gate) * {up:.1f}")
    axis.set(xlabel="z, the gate", ylabel="hidden unit", ylim=(-7, 7))
    axis.legend()
    return figure


widgets.explore(draw_gate, alt="GELU and the gated unit over the gate: the second one's slope is what the up matrix gives.",
                up=ipywidgets.FloatSlider(value=-1.0, min=-2, max=2, step=0.5))  # fmt: skip

# %% [markdown]
# GELU is one fixed curve. In SwiGLU the second matrix chooses, for each token, how steep the curve is and on which side it goes: move the slider.

# %% [markdown]
# ## 4. RoPE, and Llama 3's scaling
#
# Lesson 11 derived it: each pair of coordinates of a query or key is turned by an angle $m\, \theta_i$ with the place $m$ and $\theta_i = b^{-2i/D}$, so that scores depend on distances alone. Llama pairs coordinate $i$ with $i + D/2$.
#
# Llama 3.1 reads texts sixteen times as long as those it was first trained on (8,192 tokens). Pairs that turn at least four times in 8,192 tokens stay; those that turn less than once go 8 times slower; in between there is a ramp:
#
# $$ \theta_i' = s\, \theta_i + (1 - s)\, \frac{\theta_i}{8}, \qquad s = \text{clip}\Big( \frac{8192\, \theta_i / 2\pi - 1}{4 - 1},\ 0,\ 1 \Big) . $$

# %%
import math

LLAMA3 = {"rope_type": "llama3", "rope_theta": 500_000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 8192}  # fmt: skip


def frequencies(D, base, scaling=None):
    theta = 1.0 / base ** (torch.arange(0, D, 2, dtype=torch.int64).float() / D)  # (D / 2,)
    if scaling is None:
        return theta
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    turns = scaling["original_max_position_embeddings"] * theta / (2 * math.pi)
    s = ((turns - low) / (high - low)).clamp(0, 1)
    return s * theta + (1 - s) * theta / scaling["factor"]


def rotated(x, theta, start):
    """x (B, H, T, D), whose first token stands at place `start` -> the same, turned."""
    angles = torch.outer(torch.arange(start, start + x.shape[2]).float(), theta)  # (T, D / 2)
    cosine, sine = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x.chunk(2, -1)
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], -1)

# %% [markdown]
# The proof, and the picture: how many tokens a pair needs for a full turn.

# %%
from transformers import LlamaConfig, LlamaForCausalLM

reference = library.LlamaRotaryEmbedding(LlamaConfig(head_dim=128, max_position_embeddings=131_072, rope_parameters=LLAMA3))
plain, scaled = frequencies(128, 500_000.0), frequencies(128, 500_000.0, LLAMA3)
parts["RoPE, Llama 3 scaling"] = ((scaled - reference.inv_freq) / reference.inv_freq).abs().max().item()
figure, axis = plots.figure(width=8, height=3)
axis.semilogy(2 * math.pi / plain, color=plots.ORANGE, label="plain, base 500,000")
axis.semilogy(2 * math.pi / scaled, color=plots.BLUE, label="Llama 3.1's")
axis.axhline(8192, color="black", linestyle=":", linewidth=1, label="8,192 tokens")
axis.set(xlabel="pair of coordinates", ylabel="tokens a turn")
axis.legend()
plots.show(figure, alt="Tokens a full turn takes, over the pair: plain and scaled agree for fast pairs, and the slow ones take 8 times as long.")
assert parts["RoPE, Llama 3 scaling"] < 1e-6

# %% [markdown]
# Fast pairs, which tell near places apart, are as before. Slow pairs, which in training never made a full turn, are slowed until they see no angle at 131,072 that they have not seen. Your frequencies are the library's.

# %% [markdown]
# ## 5. Grouped queries, and the cache
#
# SmolLM2 has nine heads of queries and three of keys and values. Queries 0, 1, 2 read keys 0; 3, 4, 5 keys 1; 6, 7, 8 keys 2 (Ainslie et al., 2023). So the keys are repeated *each three times in place*:
# $(k_0, k_0, k_0, k_1, k_1, \dots)$, `repeat_interleave`. With $(k_0, k_1, k_2, k_0, \dots)$, `repeat`, all but three query heads read keys they were never trained with.
#
# What it is for is the cache. With $G$ heads of keys and values, $L$ layers and 2 bytes a number, a token takes
#
# $$ 2 \cdot L \cdot G \cdot D \cdot 2 \text{ bytes.} $$
#
# SmolLM2: $2 \cdot 30 \cdot 3 \cdot 64 \cdot 2 = 23{,}040$ bytes; with nine heads three times as much.

# %%
class Attention(nn.Module):
    def __init__(self, width, heads, groups, D):
        super().__init__()
        self.heads, self.groups, self.D = heads, groups, D
        self.query, self.key, self.value = (nn.Linear(width, n * D, bias=False) for n in (heads, groups, groups))
        self.output = nn.Linear(heads * D, width, bias=False)

    def forward(self, x, theta, cache):  # (B, T, C) -> (B, T, C); cache: a list, empty or [keys, values]
        split = lambda y: y.unflatten(-1, (-1, self.D)).transpose(1, 2)  # (B, T, n D) -> (B, n, T, D)
        start = cache[0].shape[2] if cache else 0
        query, key = (rotated(split(each(x)), theta, start) for each in (self.query, self.key))
        value = split(self.value(x))
        if cache:
            key, value = torch.cat([cache[0], key], 2), torch.cat([cache[1], value], 2)
        if cache is not None:
            cache[:] = key, value
        T, S, times = x.shape[1], key.shape[2], self.heads // self.groups
        seen = torch.ones(T, S, dtype=torch.bool, device=x.device).tril(S - T)
        mixed = F.scaled_dot_product_attention(query, *(y.repeat_interleave(times, 1) for y in (key, value)), seen)
        return self.output(mixed.transpose(1, 2).flatten(2))

# %% [markdown]
# The mask of a piece that follows a cache is the lower part of a triangle: row $t$ of the new tokens sees all that is cached and the new ones up to itself (`tril(S - T)`).

# %%
own = Attention(config.hidden_size, 9, 3, 64)
for mine, name in (("query", "q"), ("key", "k"), ("value", "v"), ("output", "o")):
    getattr(own, mine).weight = getattr(block.self_attn, f"{name}_proj").weight
places = theirs.model.rotary_emb(x, torch.arange(7)[None])
above = torch.full((7, 7), float("-inf")).triu(1)[None, None]
wanted = block.self_attn(x, position_embeddings=places, attention_mask=above)[0]
theta = frequencies(64, config.rope_parameters["rope_theta"])
pieces = torch.cat([own(x[:, :4], theta, cache := []), own(x[:, 4:], theta, cache)], 1)
both = {"attention": own(x, theta, None), "attention, in two pieces by the cache": pieces}
parts |= {name: (found - wanted).abs().max().item() for name, found in both.items()}
print({name: difference < 1e-4 for name, difference in parts.items()}, "cached:", tuple(cache[0].shape))
assert max(parts.values()) < 1e-4 and tuple(cache[0].shape) == (2, 3, 7, 64)

# %% [markdown]
# ## 6. The model, with real weights
#
# The rest is lesson 16's: blocks, a norm, a head. A *tied* head is the embedding's matrix.

# %%
class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.norm_1, self.norm_2 = (RMSNorm(c.hidden_size, c.rms_norm_eps) for _ in range(2))
        self.attention = Attention(c.hidden_size, c.num_attention_heads, c.num_key_value_heads, c.head_dim)
        self.feed_forward = SwiGLU(c.hidden_size, c.intermediate_size)

    def forward(self, x, theta, cache):
        x = x + self.attention(self.norm_1(x), theta, cache)
        return x + self.feed_forward(self.norm_2(x))


class Llama(nn.Module):
    def __init__(self, c):
        super().__init__()
        rope = c.rope_parameters
        self.theta = frequencies(c.head_dim, rope["rope_theta"], rope if rope["rope_type"] == "llama3" else None)
        self.embedding = nn.Embedding(c.vocab_size, c.hidden_size)
        self.blocks = nn.ModuleList(Block(c) for _ in range(c.num_hidden_layers))
        self.norm = RMSNorm(c.hidden_size, c.rms_norm_eps)
        self.head = nn.Linear(c.hidden_size, c.vocab_size, bias=False)
        if c.tie_word_embeddings:
            self.head.weight = self.embedding.weight

    def forward(self, ids, caches=None):  # (B, T) -> (B, T, V)
        x = self.embedding(ids)
        for number, block in enumerate(self.blocks):
            x = block(x, self.theta, None if caches is None else caches[number])
        return self.head(self.norm(x))

    def empty_caches(self):
        return [[] for _ in self.blocks]

# %% [markdown]
# Loading is a table of names. `assign=True` takes the library's tensors themselves, so that no second copy lies in memory; strict loading complains of every name that is missing or left over.

# %%
NAMES = {"model.embed_tokens": "embedding", "model.layers": "blocks", "model.norm": "norm", "lm_head": "head",
         "self_attn.q_proj": "attention.query", "self_attn.k_proj": "attention.key", "self_attn.v_proj": "attention.value",
         "self_attn.o_proj": "attention.output", "input_layernorm": "norm_1", "post_attention_layernorm": "norm_2",
         "mlp.gate_proj": "feed_forward.gate", "mlp.up_proj": "feed_forward.up", "mlp.down_proj": "feed_forward.down"}  # fmt: skip


def loaded(theirs):
    """Your Llama with the weights of a LlamaForCausalLM."""
    with torch.device("meta"):
        model = Llama(theirs.config)
    weights = {}
    for name, weight in theirs.state_dict().items():
        for old, new in NAMES.items():
            name = name.replace(old, new)
        weights[name] = weight
    model.load_state_dict(weights, assign=True)
    rope = theirs.config.rope_parameters
    model.theta = frequencies(theirs.config.head_dim, rope["rope_theta"], rope if rope["rope_type"] == "llama3" else None)
    if theirs.config.tie_word_embeddings:
        model.head.weight = model.embedding.weight
    return model.eval().requires_grad_(False)

# %% [markdown] tags=["predict"]
# **Predict.** How far apart will the logits of your model and the library's be in 32 bits, read all at once, and read in pieces by the cache?

# %%
from unittest.mock import patch

from utils.small_models import texts

DOCUMENT = texts.documentation("test")[3]  # Python's documentation, written by people
ids = tokenizer(DOCUMENT[:900], return_tensors="pt").input_ids[:, :160]


def apart(theirs, ids):
    """The largest difference of logits: all at once, and read by the cache in pieces of 1, 60 and the rest."""
    mine = loaded(theirs)
    with torch.no_grad():
        wanted = theirs(ids).logits
        caches = mine.empty_caches()
        by_cache = torch.cat([mine(piece, caches) for piece in (ids[:, :1], ids[:, 1:61], ids[:, 61:])], 1)
        return (mine(ids) - wanted).abs().max().item(), (by_cache - wanted).abs().max().item()


at_once, by_pieces = apart(theirs, ids)
print(f"32 bits, all at once: below 1e-3: {at_once < 1e-3}; by the cache: {by_pieces < 1e-3}, but below 1e-6: {by_pieces < 1e-6}")
assert max(at_once, by_pieces) < 1e-3 and by_pieces > 1e-6

# %% [markdown]
# By the cache the same sums are taken in another order, and thirty layers of rounding show. Is it rounding? In 64 bits it should shrink a billion times. But both norms go through 32 bits whatever comes in, so a number type of 64 bits is not enough: for the proof the norms, too, compute in 64 bits.

# %%
def wide_norm(self, x):
    """RMSNorm in the type of x, for both classes."""
    epsilon = getattr(self, "variance_epsilon", None) or self.epsilon
    return self.weight * x * torch.rsqrt(x.square().mean(-1, keepdim=True) + epsilon)


theirs = theirs.double()
narrow_norms = max(apart(theirs, ids))
with patch.object(RMSNorm, "forward", wide_norm), patch.object(library.LlamaRMSNorm, "forward", wide_norm):
    model_differences = {"SmolLM2": max(apart(theirs, ids))}
theirs = theirs.float()
print(f"64 bits, norms in 32: below 1e-4: {narrow_norms < 1e-4}; norms in 64 too: below 1e-10: {model_differences['SmolLM2'] < 1e-10}")
assert model_differences["SmolLM2"] < 1e-10 < narrow_norms < 1e-4

# %% [markdown]
# It was rounding. The same for the course's `llama-mini`, for random weights with an untied head and Llama 3's scaling, and against the course's fast version in `utils`.

# %%
from utils.models.llama import Llama as UtilsLlama

mini, mini_tokenizer = catalog.load("llama-mini")
mini = mini.double().eval()
mini_ids = mini_tokenizer(DOCUMENT[:300], return_tensors="pt", add_special_tokens=False).input_ids[:, :100]
torch.manual_seed(0)
small = {"vocab_size": 500, "hidden_size": 96, "intermediate_size": 256, "num_hidden_layers": 3, "num_attention_heads": 6,
         "num_key_value_heads": 2, "tie_word_embeddings": False}  # fmt: skip
scaling = {**LLAMA3, "rope_theta": 10_000.0, "original_max_position_embeddings": 64}
untied = LlamaForCausalLM(LlamaConfig(**small, rope_parameters=scaling)).double().eval()
with patch.object(RMSNorm, "forward", wide_norm), patch.object(library.LlamaRMSNorm, "forward", wide_norm), torch.no_grad():
    model_differences["llama-mini"] = max(apart(mini, mini_ids))
    model_differences["random, untied, Llama 3 scaling"] = max(apart(untied, ids % 500))
    of_utils = UtilsLlama.from_hf(untied)(ids % 500)
    from_utils = (of_utils - loaded(untied)(ids % 500)).abs().max().item()
print({name: difference < 1e-10 for name, difference in model_differences.items()}, "utils:", from_utils < 1e-5)
assert max(model_differences.values()) < 1e-10 and from_utils < 1e-5

# %% [markdown]
# One function, three sets of weights, with and without the cache. `utils` takes the angles in 32 bits by another order of sums, so it has a wider bound.

# %% [markdown]
# ## 7. A conversation
#
# A chat model was tuned on conversations in one fixed form, its *chat template*. SmolLM2's begins each turn with `<|im_start|>` and a role, and ends it with `<|im_end|>`.

# %%
question = [{"role": "user", "content": "What is the capital of France?"}]
templated = tokenizer.apply_chat_template(question, add_generation_prompt=True, return_dict=False)
for number, token in enumerate(templated):
    print(f"{tokenizer.decode([token])!r}", end="\n" if tokenizer.decode([token]) == "\n" else " ")
assert tokenizer.decode(templated[-4:]) == "<|im_start|>assistant\n" and tokenizer.decode(templated).count("<|im_start|>") == 3

# %% [markdown]
# Nobody wrote the system turn: the template puts it there. `<|im_start|>` and `<|im_end|>` are one token each; *assistant* is two. The last turn is left open, and the model goes on from it.

# %%
def as_turn(role, content):
    return f"<|im_start|>{role}\n{content}<|im_end|>\n"


class Conversation:
    """Your Llama, its caches, and how many tokens it has read."""

    def __init__(self, model, system="You are a helpful AI assistant named SmolLM, trained by Hugging Face"):
        self.model, self.caches, self.read = model, model.empty_caches(), []
        self.ids = tokenizer.encode(as_turn("system", system), add_special_tokens=False)

    @torch.no_grad()
    def say(self, text, longest=24):
        """Adds a turn, and gives the answer piece by piece."""
        opened = as_turn("user", text) + "<|im_start|>assistant\n"
        self.ids = self.ids + tokenizer.encode(opened, add_special_tokens=False)
        for _ in range(longest):
            new = self.ids[self.caches[0][0].shape[2] if self.caches[0] else 0 :]
            self.read.append(len(new))
            token = self.model(torch.tensor([new]), self.caches)[0, -1].argmax().item()
            if token == tokenizer.eos_token_id:
                break
            self.ids = self.ids + [token]
            yield tokenizer.decode([token])
        self.ids = self.ids + tokenizer.encode("<|im_end|>\n", add_special_tokens=False)

# %% [markdown]
# Three turns with one conversation; each answer is cut at 24 tokens.

# %% tags=["nbval-ignore-output"]
model = loaded(theirs)
talk = Conversation(model)
for said in ("What is the capital of France?", "And of Italy?", "Which of the two is further south?"):
    print(f"> {said}\n  ", end="")
    for piece in talk.say(said):
        print(piece, end="")
    print()

# %% [markdown]
# How many tokens did the model read?

# %%
once = sum(talk.read) <= len(talk.ids)
lengths = torch.tensor(talk.read).cumsum(0).sum().item()  # each step again from the beginning
print("every token was read at most once:", once, "- without the cache more than 10 times as many:", lengths > 10 * sum(talk.read))
assert once and lengths > 10 * sum(talk.read)

# %% [markdown]
# The second question is understood only from the first turn, which is in the cache; each turn reads its new tokens alone. (Whether such a small model answers rightly is another matter.)
#
# What if the template is wrong? Take questions with one-word answers, and the log-likelihood of that word.

# %% [markdown] tags=["predict"]
# **Predict.** Five forms: the right one; the bare question; the last turn opened as the user's and not the assistant's; a user's turn that is not closed; and no open turn at all. Order them by how likely they make the right word. Which mistake costs most?

# %% tags=["nbval-ignore-output"]
from utils import metrics

FACTS = {"What is the capital of France?": "Paris", "What is the capital of Italy?": "Rome", "What is 2 plus 2?": "4",
         "Which planet do we live on?": "Earth", "What is the opposite of hot?": "cold", "Which animal says meow?": "cat",
         "What color is grass?": "green", "What do bees make?": "honey", "What is frozen water called?": "ice",
         "How many days has a week?": "7", "What is the capital of Japan?": "Tokyo", "What is the capital of Spain?": "Madrid"}  # fmt: skip
SYSTEM = as_turn("system", "Answer with one word.")
forms = {"right": lambda q: SYSTEM + as_turn("user", q) + "<|im_start|>assistant\n",
         "no template": lambda q: f"Answer with one word. {q} ",
         "last turn opened as the user's": lambda q: SYSTEM + as_turn("user", q) + "<|im_start|>user\n",
         "turn not closed": lambda q: SYSTEM + f"<|im_start|>user\n{q}\n<|im_start|>assistant\n",
         "no open turn": lambda q: SYSTEM + as_turn("user", q)}  # fmt: skip


@torch.no_grad()
def likelihood(prompt, answer):
    """log p of the answer's first token, with or without a capital, whichever is likelier."""
    log_probs = model(torch.tensor([tokenizer.encode(prompt, add_special_tokens=False)]))[0, -1].log_softmax(-1)
    firsts = {tokenizer.encode(word, add_special_tokens=False)[0] for word in (answer, answer.capitalize(), f" {answer}")}
    return max(log_probs[first].item() for first in firsts)


by_form = {name: [likelihood(form(q), a) for q, a in FACTS.items()] for name, form in forms.items()}
losses_of_forms = {name: metrics.gain_interval(each, by_form["right"]) for name, each in by_form.items() if name != "right"}
print(f"right: mean log p {sum(by_form['right']) / len(FACTS):.2f}")
for name, cost in losses_of_forms.items():
    print(f"{name}: loses {cost.value:.2f} nats [{cost.low:.2f}, {cost.high:.2f}]")
assert min(losses_of_forms[name].low for name in forms if name not in ("right", "turn not closed")) > 0
assert max(losses_of_forms, key=lambda name: losses_of_forms[name].value) == "no open turn"
