# ## Check yourself
#
# 1. Why does RMSNorm square in 32 bits? <details><summary>Answer</summary>In float16 the square of 300 is infinite, and the vector becomes 0.</details>
# 2. What do grouped queries save, and what not? <details><summary>Answer</summary>The cache, and the two small matrices. The scores of all query heads are computed as before.</details>
# 3. Why $\frac{8}{3} C$? <details><summary>Answer</summary>Three matrices of it weigh as much as two of $4C$.</details>
# 4. Which tokens does the second turn of a conversation read? <details><summary>Answer</summary>Its own and the marks around them; the rest is cached, if the text before is the same token by token.</details>
# 5. Model A has perplexity 8 a token, B 12. Which is better? <details><summary>Answer</summary>With two vocabularies you cannot tell. Ask for bits a byte on the same text.</details>

# %% [markdown]
# ## Exercises
#
# Fill in the function, run the check. A wrong answer prints a hint and stops nothing.
#
# ### Exercise 21.1 · RMSNorm in half precision (difficulty 2, 10 minutes)
#
# For $x$ of any type: the sum in 32 bits, then back to the type of $x$, and only then the weight, as in Llama.

# %% tags=["exercise"]
import torch


def rms_norm(x, weight, epsilon):
    """x (..., C), weight (C,) of the same type -> (..., C) of that type."""
    raise NotImplementedError

# %% tags=["check"]
from utils.course import exercises


@exercises.check("21.1", rms_norm)
def check_rms_norm(attempt):
    import torch

    x = torch.tensor([[300.0, -400.0, 0.0, 500.0]], dtype=torch.float16)
    weight = torch.tensor([1.0, 2.0, 3.0, 0.5], dtype=torch.float16)
    got = attempt(x.clone(), weight, 1e-5)
    assert isinstance(got, torch.Tensor) and got.shape == x.shape, "A tensor of the shape of x is asked for."
    assert not (got == 0).all() and got.isfinite().all(), "300 squared is too large for float16: square in 32 bits."
    assert got.dtype == torch.float16, f"The result is {got.dtype}: back to the type of x."
    wide = x.float()
    right = lambda wide, eps=1e-5: wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)
    near = lambda other: torch.allclose(got.float(), other, atol=5e-3)
    assert not near(right(wide)), "The weight is missing."
    assert not near(right(wide - wide.mean(-1, keepdim=True)) * weight.float()), "RMSNorm takes no mean away: that is LayerNorm."
    assert not near(wide * torch.rsqrt(wide.square().sum(-1, keepdim=True)) * weight.float()), "The mean of the squares, and not their sum."
    assert near(right(wide) * weight.float()), "The values are off: x over the root of the mean square, times the weight."
    tiny = torch.full((1, 4), 1e-3)
    wanted, outside = 1e-3 / (1e-6 + 1e-2) ** 0.5, 1e-3 / (1e-3 + 1e-2)
    value = attempt(tiny, torch.ones(4), 1e-2)[0, 0].item()
    assert abs(value - outside) > 1e-4, "Epsilon stands inside the root."
    assert abs(value - wanted) < 1e-4, "Epsilon is added to the mean square, inside the root."

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def rms_norm_solution(x, weight, epsilon):
    wide = x.float()
    return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + epsilon)).to(x.dtype) * weight


check_rms_norm(rms_norm_solution)

# %% [markdown]
# ### Exercise 21.2 · Heads that share (difficulty 2, 10 minutes)
#
# Keys (B, G, T, D) for H heads of queries: (B, H, T, D), so that neighbouring query heads share. H = 4, G = 2: $(k_0, k_0, k_1, k_1)$.

# %% tags=["exercise"]
import torch


def repeat_kv(x, heads):
    """(B, G, T, D) -> (B, heads, T, D)"""
    raise NotImplementedError

# %% tags=["check"]
from utils.course import exercises


@exercises.check("21.2", repeat_kv)
def check_repeat_kv(attempt):
    import torch

    x = torch.randn(2, 3, 5, 4, generator=torch.Generator().manual_seed(0))
    got = attempt(x.clone(), 6)
    assert isinstance(got, torch.Tensor), "A tensor is asked for."
    assert got.shape != (2, 18, 5, 4), "heads is how many there are in the end, and not how often each is repeated."
    assert got.shape == (2, 6, 5, 4), f"The shape should be (2, 6, 5, 4), not {tuple(got.shape)}: it is the heads that are repeated."
    assert not torch.equal(got, x.repeat(1, 2, 1, 1)), "That is k0, k1, k2, k0, ...: each head is repeated in place, k0, k0, k1, k1, ..."
    assert torch.equal(got, x.repeat_interleave(2, 1)), "Query heads 0 and 1 read key head 0, 2 and 3 key head 1, and so on."
    assert torch.equal(attempt(x.clone(), 3), x), "With as many heads as groups nothing is repeated."

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def repeat_kv_solution(x, heads):
    return x.repeat_interleave(heads // x.shape[1], dim=1)


check_repeat_kv(repeat_kv_solution)

# %% [markdown]
# ### Exercise 21.3 · Weights and cache from a configuration (difficulty 3, 15 minutes)
#
# Given a `LlamaConfig`: the number of weights, and the bytes of cache a token in 16 bits. Mind `head_dim`, which need not be $C / H$, and tying.

# %% tags=["exercise"]
def sizes_of(config):
    """-> (weights, bytes of cache a token)"""
    raise NotImplementedError

# %% tags=["check"]
from utils.course import exercises


@exercises.check("21.3", sizes_of)
def check_sizes_of(attempt):
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    for tied, head in ((True, 8), (False, 8), (False, 10)):
        c = LlamaConfig(vocab_size=100, hidden_size=32, intermediate_size=80, num_hidden_layers=3, num_attention_heads=4,
                        num_key_value_heads=2, head_dim=head, tie_word_embeddings=tied)  # fmt: skip
        with torch.device("meta"):
            right = sum(p.numel() for p in LlamaForCausalLM(c).parameters())
        got = attempt(c)
        assert isinstance(got, (tuple, list)) and len(got) == 2, "Two numbers are asked for: the weights and the cache."
        weights, cache = got
        assert not tied or weights != right + 3200, "A tied head has no matrix of its own."
        assert tied or weights != right - 3200, "This head is untied: it has a second matrix of V x C."
        assert weights != right - 32, "The norm above the last block is missing."
        assert weights != right - 7 * 32, "The norms are missing: two a block, and one above the last."
        assert weights != right + 3 * 2 * 32 * 2 * head, "Keys and values have num_key_value_heads, and not as many heads as the queries."
        assert weights != right - 3 * 32 * 80, "SwiGLU has three matrices: gate, up and down."
        assert head != 10 or weights != right - 3 * 2 * 32 * (4 + 2) * 2, "head_dim is given here: it is 10, and not C / H."
        assert weights == right, f"The real module has {right} weights, and not {weights}."
        wanted = 2 * 3 * 2 * head * 2
        assert cache != wanted // 2, "Half of it: keys and values, 2 bytes each."
        assert cache != wanted * 2, "The cache has the heads of keys and values, or 16 bits were taken for 4 bytes."
        assert cache == wanted, f"The cache is {wanted} bytes a token, and not {cache}."

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def sizes_of_solution(config):
    C, D, G = config.hidden_size, config.head_dim, config.num_key_value_heads
    block = 2 * C * D * (config.num_attention_heads + G) + 3 * C * config.intermediate_size + 2 * C
    matrices = 1 if config.tie_word_embeddings else 2
    weights = config.num_hidden_layers * block + matrices * config.vocab_size * C + C
    return weights, 2 * config.num_hidden_layers * G * D * 2


check_sizes_of(sizes_of_solution)

# %% [markdown]
# ### Exercise 21.4 · From Meta's rows to the library's (difficulty 4, 20 minutes)
#
# Meta's files turn the rows $2i$ and $2i + 1$ of each head together, Transformers $i$ and $i + D/2$. Reorder the rows of a query matrix.
#
# <details><summary>Hint</summary>
#
# Within a head: first all even rows, then all odd ones. `view`, `transpose`, `reshape`.
# </details>

# %% tags=["exercise"]
import torch


def from_meta(weight, heads):
    """(heads * D, C) with pairs 2i, 2i + 1 -> the same rows with pairs i, i + D / 2."""
    raise NotImplementedError

# %% tags=["check"]
from utils.course import exercises


@exercises.check("21.4", from_meta)
def check_from_meta(attempt):
    import torch

    weight = torch.arange(24.0)[:, None].expand(24, 3).clone()  # 3 heads of 8
    got = attempt(weight.clone(), 3)
    assert isinstance(got, torch.Tensor) and got.shape == weight.shape, "A matrix of the same shape is asked for."
    assert not torch.equal(got, weight), "Nothing was moved."
    back = torch.cat([torch.stack(head.chunk(2), 1).flatten(0, 1) for head in weight.split(8)])
    assert not torch.equal(got, back), "That is the way back, from the library's rows to Meta's."
    assert not torch.equal(got, torch.cat([weight[0::2], weight[1::2]])), "Within each head, and not over all heads together."
    assert got[:, 0].tolist()[8:16] == [8, 10, 12, 14, 9, 11, 13, 15], "Within a head of 8 the rows should come as 0, 2, 4, 6, 1, 3, 5, 7."

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def from_meta_solution(weight, heads):
    rows, width = weight.shape
    return weight.view(heads, rows // heads // 2, 2, width).transpose(1, 2).reshape(rows, width)


check_from_meta(from_meta_solution)

# %% [markdown] tags=["open-task"]
# ### Open task · A Llama of your own (2 hours)
#
# You may spend 135 million weights. Choose width, layers, heads, groups, hidden size and vocabulary for a use that you name (short chats on a phone, long documents, code), and **decide** what to give up.
#
# | points | for |
# |---|---|
# | 2 | the use, and what it asks for: length, languages, memory |
# | 3 | the configuration, counted, beside SmolLM2's: weights, cache, embedding's share |
# | 3 | two of your choices trained small, three seeds each, in bits a byte with an interval |
# | 2 | the decision, and what would change it |

# %% [markdown]
# ## Scorecard
#
# The first rows are the equalities, then what the ladder measured.

# %% tags=["scorecard"]
from utils.course.scorecard import Scorecard

card = Scorecard(lesson=21)
for name, difference in parts.items():
    card.at_most(f"{name}: largest difference from Transformers'", 1e-5 if difference < 1e-5 else difference, 1e-4)
for name, difference in model_differences.items():
    what = "logits off LlamaForCausalLM, with or without cache, in 64 bits"
    card.at_most(f"{name}: {what}", 1e-11 if difference < 1e-11 else difference, 1e-10)
card.at_least("recorded: SwiGLU for GELU, bits a byte, lower end of the change", steps_up["+ SwiGLU"][0] - steps_up["+ SwiGLU"][1], 0.0, digits=2)
card.equal("grouped queries: cache of GPT as a multiple", cache_bytes["GPT"] / cache_bytes["+ grouped queries"], 2)
card.equal("Llama 1 to 3.2: weights off the real modules", off_meta, 0)
card.at_most("Llama 1 to 3.2: relative distance from the published counts", off_published, 0.05)
card.at_least("interleaved RoPE: nats a token lost on real text", more["interleaved RoPE, weights in halves"], 1.0, digits=1)
card.at_least("repeat for repeat_interleave: nats a token lost", more["repeat for repeat_interleave"], 5.0, digits=1)
card.show()

# %% [markdown]
# ## Summary
#
# 1. A Llama is a GPT with RMSNorm, SwiGLU, RoPE, grouped queries and no biases. Yours equals the library's with real weights, in 64 bits.
# 2. Its cache is appended to, and a conversation reads each token once.
# 3. A chat template belongs to the weights; a wrong one raises no error.
# 4. In a short training of a small model most changes show nothing, and SwiGLU loses; grouped queries halve the cache at no loss that was shown.
# 5. A configuration gives weights, memory and cache by a formula on one line; bits a byte compare models of different vocabularies.
#
# **New words**, in the [glossary](../data/glossary.md): SwiGLU; gate; grouped-query attention; turn.
#
# **Papers.** Zhang and Sennrich, [RMSNorm](https://arxiv.org/abs/1910.07467), 2019 · Shazeer, [GLU variants](https://arxiv.org/abs/2002.05202), 2020 · Su et al., [RoPE](https://arxiv.org/abs/2104.09864), 2021 · Touvron et al., [LLaMA](https://arxiv.org/abs/2302.13971) and [Llama 2](https://arxiv.org/abs/2307.09288), 2023 · Ainslie et al., [GQA](https://arxiv.org/abs/2305.13245), 2023 · Grattafiori et al., [Llama 3](https://arxiv.org/abs/2407.21783), 2024
#
# **Next:** lesson 22 teaches a Llama to answer medical questions with LitGPT.
