# %% [markdown]
# The intervals are over the twelve questions. Without an open turn the model must first write the marks itself, so the word is very unlikely; that costs most. No template and the wrong role cost less, and clearly. A turn that was not closed does no harm that twelve questions show.
# No error message comes with any of them. A template is part of the weights: take it from the tokenizer.

# %% [markdown]
# ## 8. From GPT to Llama, one change at a time
#
# A ladder: rung by rung from a small GPT to a small Llama, each trained on the same stories (a program wrote them) with `gpt-mini`'s tokenizer, the same tokens in the same order, and as nearly as can be the same number of weights: SwiGLU has $\frac{8}{3} C$, and what grouped queries save goes into the feed-forward.
#
# The text comes as windows of 65 tokens, 64 of which are predicted. Two exceptions to the equal number of weights: RoPE has no table of positions, and the untied head adds a second matrix. Each change is a field of `Config` in `utils/models/transformer.py`.

# %%
import dataclasses
import time

from utils.models.gpt import GPT2
from utils.models.transformer import DecoderOnly
from utils.positions import LearnedPositions, RotaryPositions
from utils.worlds import stories

LENGTH, BATCH, STEPS, RATES = 64, 16, 350, (1e-3, 3e-3, 8e-3)
coder = catalog.load_tokenizer("gpt-mini")
START = dataclasses.replace(GPT2, width=96, heads=4, hidden=384, layers=3, dropout=0.0)
STEP_UP = {  # what each change sets; hidden keeps the number of weights
    "RMSNorm": {"norm": "rms"},
    "no biases": {"bias": False},
    "SwiGLU": {"activation": "swiglu", "hidden": 256},
    "RoPE": {"rotate": RotaryPositions(24)},
    "grouped queries": {"key_value_heads": 2, "hidden": 288},
    "untied head": {"tied_head": False},
}
arms, rung = {"GPT": START}, START
for name, change in STEP_UP.items():
    arms[f"+ {name}"] = rung = dataclasses.replace(rung, **change)
ALONE = {**STEP_UP, "grouped queries": {"key_value_heads": 2, "hidden": 432}}
arms |= {f"{name} alone": dataclasses.replace(START, **ALONE[name]) for name in list(ALONE)[1:]}

def windows_of(split, count, length):
    """Stories one after the other, cut into windows of length + 1 ids: (count, length + 1)."""
    ids, number = [], 0
    while len(ids) < count * (length + 1):
        told = stories.write(f"{split} of lesson 21, {number}").english
        ids += [coder.eos_token_id, *coder.encode(told, add_special_tokens=False)]
        number += 1
    return torch.tensor(ids[: count * (length + 1)]).view(count, length + 1)


def bytes_of(windows):
    """The bytes of the text that is predicted in each window: all but its first id."""
    return [len(coder.decode(row[1:], skip_special_tokens=True).encode()) for row in windows.tolist()]


def built(config, seed):
    torch.manual_seed(seed)
    positions = LearnedPositions(2 * LENGTH, config.width) if config.rotate is None else None
    return DecoderOnly(len(coder), config, positions)

# %% [markdown]
# One model is trained so. Each rung was trained at three learning rates, and the better one on *validation* windows was kept for it: otherwise the rate that suits the first rung would judge the others.

# %%
def trained(config, rate, seed, steps, rows):
    """A model after so many steps on batches of windows in the seed's order."""
    model = built(config, seed).train()
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.95), weight_decay=0.1)
    factor = lambda step: min(1, (step + 1) / 20) * 0.5 * (1 + math.cos(math.pi * step / steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    for step in range(steps):
        batch = rows[order[step * BATCH : (step + 1) * BATCH]]
        loss = F.cross_entropy(model(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return model.eval()

@torch.no_grad()
def bits_of(model, windows):
    """The bits of each window's ids, place by place: (rows, T)."""
    losses = [F.cross_entropy(model(rows[:, :-1]).transpose(1, 2), rows[:, 1:], reduction="none") for rows in windows.split(32)]
    return torch.cat(losses) / math.log(2)


def one_run(config, rate, seed, steps, rows):
    """Trained and measured: bits of each validation and test window, and by place in windows twice as long."""
    began = time.process_time()
    model = trained(config, rate, seed, steps, rows["train"])
    took = time.process_time() - began
    measured = {part: [round(bits, 1) for bits in bits_of(model, rows[part]).sum(1).tolist()] for part in ("validation", "test")}
    by_place = bits_of(model, rows["long"]).view(len(rows["long"]), -1, 16).mean((0, 2))
    return measured | {"by place": [round(bits, 3) for bits in by_place.tolist()], "tokens a second": steps * BATCH * LENGTH / took}


def all_rows(steps=None):
    rows = {"train": windows_of("train", (steps or STEPS) * BATCH, LENGTH)}
    rows |= {part: windows_of(part, 64, LENGTH) for part in ("validation", "test")}
    return rows | {"long": windows_of("test", 32, 2 * LENGTH)}

# %% [markdown]
# The recorded run: every rung, three seeds.

# %%
from utils.course import recorded

SEEDS, SHORT, RATE = 3, 80, 3e-3


def ladder():
    """Every rate with the first seed, the best rate with the others; and two arms with fewer steps, for the live cell."""
    rows, runs = all_rows(), {}
    for name, arm in arms.items():
        first = [one_run(arm, rate, 0, STEPS, rows) for rate in RATES]
        best = min(range(len(RATES)), key=lambda at: sum(first[at]["validation"]))
        others = [one_run(arm, RATES[best], seed, STEPS, rows) for seed in range(1, SEEDS)]
        runs[name] = {"rate": RATES[best], "each rate": [sum(run["validation"]) for run in first], "runs": [first[best], *others]}
    rows = all_rows(SHORT)
    short = {name: [sum(one_run(arms[name], RATE, seed, SHORT, rows)["test"]) for seed in range(SEEDS)] for name in ("GPT", "+ RoPE")}
    return {"arms": runs, "short": short}


settings = {"steps": STEPS, "length": LENGTH, "batch": BATCH, "rates": RATES, "seeds": SEEDS, "arms": list(arms), "short": SHORT}
log = recorded.results("21_ladder", lesson=21, settings=settings, compute=ladder)
print(log)

# %% [markdown] tags=["predict"]
# **Predict.** Which of the six changes will lower the loss of a model of 0.6 million weights, and which will not show?

# %%
TEST_BYTES = sum(bytes_of(windows_of("test", 64, LENGTH)))
runs = log.results["arms"]
bits = {name: [sum(run["test"]) / TEST_BYTES for run in arm["runs"]] for name, arm in runs.items()}
T_2 = 4.303  # Student's t of two degrees of freedom: three seeds, 95 %


def change(new, old):
    """The mean over the seeds of what `new` has more than `old`, in bits a byte, and half of its interval's width."""
    differences = torch.tensor(bits[new]) - torch.tensor(bits[old])
    return differences.mean().item(), T_2 * differences.std().item() / SEEDS**0.5


def report(new, old):
    (mean, half), speed = change(new, old), sum(run["tokens a second"] for run in runs[new]["runs"]) / SEEDS
    verdict = "better" if mean + half < 0 else "worse" if mean - half > 0 else "not shown"
    print(f"{new:<23}rate {runs[new]['rate']:.3f} {sum(bits[new]) / SEEDS:6.3f} bits a byte   change {mean:+.3f} "
          f"[{mean - half:+.3f}, {mean + half:+.3f}] {verdict:<10} {speed:5.0f} tokens a second")  # fmt: skip
    return verdict


rungs = [name for name in arms if not name.endswith("alone")]
print(f"GPT: {sum(bits['GPT']) / SEEDS:.3f} bits a byte at the rate {runs['GPT']['rate']}\n\nrung by rung, against the one before:")
by_rung = {new: report(new, old) for old, new in zip(rungs, rungs[1:])}
print("\neach alone, and all together without the untied head, against GPT:")
alone = {name: report(name, "GPT") for name in [*(name for name in arms if name.endswith("alone")), "+ grouped queries"]}
cache_bytes = {name: 2 * c.layers * (c.key_value_heads or c.heads) * (c.width // c.heads) * 2 for name, c in arms.items()}
print("\ncache, bytes a token:", cache_bytes["GPT"], "for GPT,", cache_bytes["+ grouped queries"], "with grouped queries")
assert cache_bytes["GPT"] == 2 * cache_bytes["+ grouped queries"]
LADDERASSERT

# %% [markdown]
# A dot is a seed. On the right the same models read windows twice as long as those they were trained on.

# %%
figure, axes = plots.figure(columns=2, width=11, height=3.8)
for row, name in enumerate(arms):
    axes[0].plot(bits[name], [row] * SEEDS, "o", color=plots.BLUE, alpha=0.7)
axes[0].set(yticks=range(len(arms)), yticklabels=list(arms), xlabel="bits a byte on test windows (a dot a seed)", title="one change at a time")
axes[0].invert_yaxis()
for name, color in (("GPT", plots.ORANGE), ("+ SwiGLU", plots.VERMILION), ("+ RoPE", plots.BLUE)):
    curves = torch.tensor([run["by place"] for run in runs[name]["runs"]])
    axes[1].plot(range(8, 2 * LENGTH, 16), curves.mean(0), "o-", color=color, label=name)
axes[1].axvline(LENGTH, color="black", linestyle=":", linewidth=1)
axes[1].set(xlabel="place (trained up to the dotted line)", ylabel="bits a token", title="beyond the training length")
axes[1].legend()
plots.show(figure, alt="Left: bits a byte of each rung and seed. Right: bits a token by place, with the training length marked.")

# %% [markdown]
# Read the intervals before the means. RMSNorm and grouped queries change nothing that three seeds can show, while the second halves the cache. SwiGLU is *worse* here than a GELU of the same weights.
# The whole way, without the untied head, is not shown to gain or to lose. Be careful with all of it: after so few steps these models know little more than which tokens are frequent, and the right picture shows no cliff beyond the training length, because they hardly use places yet.
# What Llama's parts are for (fewer passes over memory, a small cache, long texts, stable training of deep models) is not what a short training of a small model measures.
#
# **Live: one seed of two rungs,** with fewer steps; the same few steps were recorded with three seeds.

# %% tags=["nbval-ignore-output"]
live = {}
rows = all_rows(SHORT)
for name in ("GPT", "+ RoPE"):
    live[name] = sum(one_run(arms[name], RATE, 0, SHORT, rows)["test"]) / TEST_BYTES
    before = [total / TEST_BYTES for total in log.results["short"][name]]
    print(f"{name}: {live[name]:.3f}, recorded {min(before):.3f} to {max(before):.3f}")
    assert min(before) - 0.05 < live[name] < max(before) + 0.05
wide, one = torch.randn(256, 4096), torch.ones(4096)
shifted = lambda x: x - x.mean(-1, keepdim=True)
norms = {"LayerNorm, written out": lambda: shifted(wide) * torch.rsqrt(shifted(wide).square().mean(-1, keepdim=True) + 1e-5) * one + one,
         "RMSNorm, written out": lambda: wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + 1e-5) * one,
         "PyTorch's layer_norm": lambda: F.layer_norm(wide, (4096,), one, one),
         "PyTorch's rms_norm": lambda: F.rms_norm(wide, (4096,), one)}  # fmt: skip
spent = {}
for name, norm in norms.items():
    norm()  # warm
    began = time.perf_counter()
    for _ in range(20):
        norm()
    spent[name] = time.perf_counter() - began
    print(f"{name}: {50 * spent[name]:.1f} ms")
assert spent["RMSNorm, written out"] < spent["LayerNorm, written out"]

# %% [markdown]
# Written out, RMSNorm is the cheaper of the two: a mean and a shift less. Whether that shows in practice is a question of the library: on a CPU PyTorch's own `layer_norm` is one fused loop, and its `rms_norm` may be slower.
#
# ## 9. Llama 1 to 4, computed
#
# The weights of a block are $2 C H D + 2 C G D$ in attention, $3 C h$ in SwiGLU and $2 C$ in the norms; outside there are $V C$ in the embedding, again in an untied head, and $C$ in the last norm. Llama 4 puts experts in place of a SwiGLU: $E$ of them and a shared one, of which a token passes its best one and the shared one, and a router of $E C$.

# %%
SIZES = {  # name: (C, layers, heads, groups, hidden, V, tied), published billions
    "Llama 1 7B": ((4096, 32, 32, 32, 11008, 32000, 0), 6.7), "Llama 1 13B": ((5120, 40, 40, 40, 13824, 32000, 0), 13.0),
    "Llama 1 33B": ((6656, 60, 52, 52, 17920, 32000, 0), 32.5), "Llama 1 65B": ((8192, 80, 64, 64, 22016, 32000, 0), 65.2),
    "Llama 2 7B": ((4096, 32, 32, 32, 11008, 32000, 0), 7), "Llama 2 13B": ((5120, 40, 40, 40, 13824, 32000, 0), 13),
    "Llama 2 70B": ((8192, 80, 64, 8, 28672, 32000, 0), 70), "Llama 3 8B": ((4096, 32, 32, 8, 14336, 128256, 0), 8),
    "Llama 3 70B": ((8192, 80, 64, 8, 28672, 128256, 0), 70), "Llama 3.1 405B": ((16384, 126, 128, 8, 53248, 128256, 0), 405),
    "Llama 3.2 1B": ((2048, 16, 32, 8, 8192, 128256, 1), 1.23), "Llama 3.2 3B": ((3072, 28, 24, 8, 8192, 128256, 1), 3.21)}  # fmt: skip


def weights_of(C, layers, heads, groups, hidden, V, tied):
    D = C // heads
    block = 2 * C * heads * D + 2 * C * groups * D + 3 * C * hidden + 2 * C
    return layers * block + (1 if tied else 2) * V * C + C


def on_meta(C, layers, heads, groups, hidden, V, tied):
    """The weights of the real module, made without memory."""
    sizes = {"vocab_size": V, "hidden_size": C, "intermediate_size": hidden, "num_hidden_layers": layers,
             "num_attention_heads": heads, "num_key_value_heads": groups, "tie_word_embeddings": bool(tied)}  # fmt: skip
    with torch.device("meta"):
        real = LlamaForCausalLM(LlamaConfig(**sizes))
    return sum(p.numel() for p in real.parameters())

# %% [markdown]
# Three proofs in one cell: the formula against the real modules, on PyTorch's `meta` device, which has shapes and no memory; and against the counts that Meta published.

# %%
print(f"{'':<15}{'billions':>9}{'cache KB':>10}{'16 bit GB':>11}{'4 bit GB':>10}")
for name, (sizes, _) in SIZES.items():
    count, cache = weights_of(*sizes) / 1e9, 4 * sizes[1] * sizes[3] * sizes[0] // sizes[2] / 1024
    print(f"{name:<15}{count:>9.2f}{cache:>10.0f}{count * 2:>11.1f}{count * 0.5625:>10.1f}")
off_meta = max(abs(weights_of(*sizes) - on_meta(*sizes)) for sizes, _ in SIZES.values())
off_published = max(abs(weights_of(*sizes) / 1e9 / billions - 1) for sizes, billions in SIZES.values())
print("equal to the real modules:", off_meta == 0, "- within 5 % of the published counts:", off_published < 0.05)
assert off_meta == 0 and off_published < 0.05

# %% [markdown]
# The configurations are those of the published repositories. The cache is in 16 bits, in KB a token; 4 bit means blocks of 32 with a 16-bit scale: 4.5 bits a weight. With grouped queries the 70B keeps less for a token than the first 7B.

# %% [markdown] tags=["more"]
# **More.** Llama 4's text models, by the same kind of formula.

# %% tags=["more"]
from transformers import Llama4ForCausalLM, Llama4TextConfig

FOUR = {"vocab_size": 202_048, "hidden_size": 5120, "intermediate_size": 8192, "intermediate_size_mlp": 16384,
        "num_hidden_layers": 48, "num_attention_heads": 40, "num_key_value_heads": 8, "head_dim": 128}  # fmt: skip


def llama4_weights(experts, every):
    """Total and active weights of the text model; every: one block in so many has experts."""
    C, h, V, sparse = 5120, 8192, 202_048, 48 // every
    rest = 48 * (2 * C * 5120 + 2 * C * 1024 + 2 * C) + (48 - sparse) * 3 * C * 16384 + 2 * V * C + C
    return tuple(rest + sparse * (3 * C * h * (n + 1) + experts * C) for n in (experts, 1))


for name, experts, every in (("Scout", 16, 1), ("Maverick", 128, 2)):
    with torch.device("meta"):
        real = Llama4ForCausalLM(Llama4TextConfig(**FOUR, num_local_experts=experts, interleave_moe_layer_step=every))
    total, active = llama4_weights(experts, every)
    print(f"Llama 4 {name}: {total / 1e9:.1f} billion weights, {active / 1e9:.1f} active")
    assert total == sum(p.numel() for p in real.parameters())

# %% [markdown] tags=["more"]
# Published are 109 and 400 billion, 17 of them active. The 109 include the part that reads pictures, which is not counted here. The sizes of Llama 4 are *unchecked*: from the library's defaults and memory of the published configuration; what bears them out is that both totals come out.

# %% [markdown]
# ## 10. A larger vocabulary
#
# Llama 2 had 32,000 tokens, Llama 3 has 128,256. Train byte-level BPE of several sizes on the same documentation, and count on held-out documents.

# %%
from tokenizers import ByteLevelBPETokenizer

training_texts, held_out = texts.documentation("train")[:1500], texts.documentation("test")[:60]
held_bytes = sum(len(text.encode()) for text in held_out)
per_byte = {}
for size in (512, 1024, 2048, 4096, 8192):
    trained_here = ByteLevelBPETokenizer()
    trained_here.train_from_iterator(training_texts, vocab_size=size, show_progress=False)
    per_byte[size] = sum(len(trained_here.encode(text).ids) for text in held_out) / held_bytes
smol_rate = sum(len(tokenizer.encode(text, add_special_tokens=False)) for text in held_out) / held_bytes
assert all(per_byte[a] > per_byte[b] for a, b in zip(per_byte, list(per_byte)[1:]))
figure, axes = plots.figure(columns=2, width=10, height=3)
axes[0].semilogx(list(per_byte), list(per_byte.values()), "o-", label="BPE trained on this text")
axes[0].semilogx([49152], [smol_rate], "s", color=plots.VERMILION, label="SmolLM2's")
axes[0].set(xlabel="vocabulary", ylabel="tokens a byte")
axes[0].legend()
shares = {name: s[5] * s[0] * (1 if s[6] else 2) / weights_of(*s) for name, (s, _) in SIZES.items()}
axes[1].barh(list(shares)[::-1], [share * 100 for share in shares.values()][::-1], color=plots.BLUE)
axes[1].set(xlabel="% of the weights in embedding and head")
plots.show(figure, alt="Left: tokens a byte fall with the vocabulary, ever more slowly. Right: the embedding's share of each Llama.")
assert shares["Llama 3.2 1B"] == max(shares.values())

# %% [markdown]
# Each doubling saves less. A text of fewer tokens is cheaper to write and leaves more room in the cache; the price is the embedding, a fifth of Llama 3.2 1B and a hundredth of 405B.
#
# **Perplexity a token cannot be compared across vocabularies.** A model of long tokens must guess more at each. Bits a byte can: the sum of the bits, divided by the bytes of the text.

# %%
def losses_of(model, ids, text):
    """Perplexity a token, bits a byte."""
    with torch.no_grad():
        nats = F.cross_entropy(model(ids)[0, :-1], ids[0, 1:], reduction="sum").item()
    return math.exp(nats / (ids.shape[1] - 1)), nats / math.log(2) / len(text.encode())


passage = stories.write("a passage of lesson 21").english[:500]
own_mini = loaded(mini.float())
both = {}
for name, reader, coder_of in (("SmolLM2", model, tokenizer), ("llama-mini", own_mini, mini_tokenizer)):
    encoded = torch.tensor([[coder_of.eos_token_id, *coder_of.encode(passage, add_special_tokens=False)]])
    both[name] = losses_of(reader, encoded, passage)
    print(f"{name}: {encoded.shape[1]} tokens, perplexity a token {both[name][0]:.1f}, bits a byte {both[name][1]:.2f}")

# %% [markdown]
# Compare by the last column. `llama-mini` was trained on such stories, SmolLM2 was not.

# %% [markdown]
# ## 11. The library way
#
# At work you load by one line, and write by `generate`.

# %%
asked = tokenizer.apply_chat_template(question, add_generation_prompt=True, return_tensors="pt", return_dict=True)
with torch.no_grad():
    written = theirs.generate(**asked, max_new_tokens=10, do_sample=False, pad_token_id=2)[0, asked["input_ids"].shape[1] :]
mine = list(Conversation(model).say(question[0]["content"], longest=10))
by_library = tokenizer.decode(written, skip_special_tokens=True)
print("your model and generate write the same:", "".join(mine) == by_library)
assert "".join(mine) == by_library

# %% [markdown]
# ## 12. On a GPU
#
# Llama 3.1 8B by its name: Meta's licence must be accepted on the Hub first. Without a GPU `llama-mini` goes through the same lines.

# %% tags=["gpu", "nbval-ignore-output"]
from utils.course import runtime

large = runtime.gpu("loads Llama 3.1 8B into your model", needs="18 GB and the Hub, with the licence accepted")
big, big_tokenizer = catalog.load("llama-3.1-8b-instruct", large=True) if large else (mini, mini_tokenizer)
big_model = loaded(big)
big_ids = torch.tensor([big_tokenizer.encode("Mia went to the garden.", add_special_tokens=False)])
with torch.no_grad():
    print("equal logits:", torch.allclose(big_model(big_ids), big(big_ids).logits, atol=1e-2))

# %% [markdown]
# ## 13. Where it goes wrong
#
# Seven mistakes that people really make, each planted into your model and measured on real text: the loss of SmolLM2, in nats a token, beside the right one.

# %%
def nats(model, some=ids):
    with torch.no_grad():
        return F.cross_entropy(model(some)[0, :-1], some[0, 1:]).item()


right_rotation = rotated


def interleaved(x, theta, start):
    """Meta's pairs: 2i and 2i + 1."""
    D = x.shape[-1]
    order = torch.arange(D).view(2, -1).T.flatten()  # 0, D/2, 1, D/2 + 1, ...
    return right_rotation(x[..., order.argsort()], theta, start)


def late(x, theta, start):
    return right_rotation(x, theta, 0)


def by_cache(model):
    caches = model.empty_caches()
    with torch.no_grad():
        logits = torch.cat([model(piece, caches) for piece in ids.split(40, 1)], 1)
    return F.cross_entropy(logits[0, :-1], ids[0, 1:]).item()

# %% [markdown] tags=["predict"]
# **Predict.** Which of them breaks the model, which costs a little, and which goes unseen?

# %%
mistakes = {"right": nats(model)}
rotated = interleaved
mistakes["interleaved RoPE, weights in halves"] = nats(model)
rotated = late
mistakes["places begin at 0 after the cache"] = by_cache(model)
rotated = right_rotation
repeat = torch.Tensor.repeat_interleave
torch.Tensor.repeat_interleave = lambda y, times, dim: y.repeat(1, times, 1, 1)
mistakes["repeat for repeat_interleave"] = nats(model)
torch.Tensor.repeat_interleave = repeat
epsilons = [m for m in model.modules() if isinstance(m, RMSNorm)]
for value, name in ((1e-6, "epsilon 1e-6 for 1e-5"), (1e-2, "epsilon 1e-2")):
    for norm in epsilons:
        norm.epsilon = value
    mistakes[name] = nats(model)
for norm in epsilons:
    norm.epsilon = config.rms_norm_eps
model.head.weight = nn.Parameter(0.02 * torch.randn(config.vocab_size, config.hidden_size))
mistakes["tying forgotten: a random head"] = nats(model)
model.head.weight = model.embedding.weight
mistakes["two BOS"] = nats(model, torch.cat([torch.tensor([[1, 1]]), ids], 1)) - nats(model, torch.cat([torch.tensor([[1]]), ids], 1))
more = {name: loss - mistakes["right"] for name, loss in mistakes.items()}
assert abs(nats(model) - mistakes["right"]) < 1e-4 and abs(more["epsilon 1e-6 for 1e-5"]) < 0.05 and mistakes["two BOS"] < 0.5
assert min(more["repeat for repeat_interleave"], more["tying forgotten: a random head"]) > 5
assert min(more["interleaved RoPE, weights in halves"], more["places begin at 0 after the cache"]) > 1
for name, loss in mistakes.items():
    print(f"{name:<37}{loss:.2f}" + (" more than with one" if name == "two BOS" else ""))

large_numbers = torch.full((1, 8), 300.0, dtype=torch.float16)
naive = large_numbers / (large_numbers.square().mean(-1, keepdim=True) + 1e-5).sqrt()
print("300 squared in float16:", (large_numbers * large_numbers)[0, 0].item(), "- naive norm", naive[0, 0].item(),
      "- RMSNorm", RMSNorm(8, 1e-5)(large_numbers)[0, 0].item())  # fmt: skip
assert naive[0, 0] == 0 and abs(RMSNorm(8, 1e-5)(large_numbers)[0, 0].item() - 1) < 1e-2

# %% [markdown]
# Wrong heads and a forgotten tie leave nothing of the model. Wrong pairs and wrong places are worse to find: they cost one nat or two, and could pass for bad training. The wrong epsilon and the second BOS hardly show in a loss.
# None of them raises an error, and every shape is right. What notices the first four is a comparison with the library's logits: section 6, and for the places only its part with the cache. For the BOS, look at the ids: a template that begins with BOS, encoded by a tokenizer that adds one. In float16 the naive norm turns large vectors into 0.

# %% [markdown]
