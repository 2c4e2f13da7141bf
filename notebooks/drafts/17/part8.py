
# %% tags=["more"]
plots.show(figures.english(log_english.results, ROWS * T), alt="Bits a byte of the GPT over the tokens read, beside n-grams, xz and gpt-mini, for two kinds of text.")
table = log_english.results
last = {name: [seed[str(LONG)][name] for seed in table["GPT"]] for name in ENGLISH}
counts_best = {name: min(table["n-grams"][name].values()) for name in ENGLISH}
for name in ENGLISH:
    print(f"{name:<14} GPT {', '.join(f'{value:.2f}' for value in last[name])}; best n-gram {counts_best[name]:.2f}; xz {table['xz'][name]:.2f}; "
          f"gpt-mini {table['gpt-mini'][name]:.2f}")
live_english = pretrain_english(0, steps=40, looks=(40,))["40"]
near = {name: abs(live_english[name] - numpy.mean([seed["40"][name] for seed in table["GPT"]])) for name in ENGLISH}
print("forty steps live, as recorded:", {name: value < 0.1 for name, value in near.items()})
VERDICTS_ENGLISH

# %% [markdown] tags=["more"]
# TEXT_ENGLISH

# %% [markdown]
# ## 12. The library way
#
# In this lesson the library is Lightning, and `utils/pretraining.py` is what you wrote, complete: the loss of an accumulated step, rows shared among processes, shards, a line every so many steps. `python -m utils pretrain --help` lists its flags. In a program of
# your own it is three calls. Its weights after ten steps must be those of section 3.

# %%
by_utils = small_gpt()
data = pretraining.PackedText({"train": files["train"]}, window=T, rows=4, steps=10)
pretraining.fit(pretraining.LanguageModel(by_utils, settings), data, work / "by utils", accelerator="cpu")
same_utils = all(torch.equal(a, b) for a, b in zip(own_loop.parameters(), by_utils.parameters()))
parts = small_gpt()
quarter = pretraining.PackedText({"train": files["train"]}, window=T, rows=4, steps=10, accumulate=4)
pretraining.fit(pretraining.LanguageModel(parts, dataclasses.replace(settings, accumulate=4)), quarter, work / "parts", accelerator="cpu")
off = max((a - b).abs().max().item() for a, b in zip(own_loop.parameters(), parts.parameters()))
print(f"the same weights: {same_utils}; accumulated in four parts, off by less than 0.0001: {off < 1e-4}")
assert same_utils and off < 1e-4

# %% [markdown]
# Both, the whole batch at once and in four parts of one row, end where the loop of your own did.

# %% [markdown]
# ## 13. On a GPU, and with the Hub
#
# GPT-2's size, 124 million weights, on TinyStories (Eldan and Li 2023): two million stories in a small child's words, written by GPT-3.5 and GPT-4. The code is that of section 12. Without a GPU it rehearses with the small model and the small world.

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
module = pretraining.LanguageModel(candidate, plan, candidate.decoder.blocks, matrix_rate=6e-4 if large else MATRIX_RATE)
pretraining.fit(module, data, work / "large", [watch], accelerator="auto", devices=1, precision=kind if large else "32-true")
seen = logged(work / "large")
print(f"loss {list(seen['loss'].values())[0]:.2f} -> {list(seen['loss'].values())[-1]:.2f}; "
      f"{list(seen['tokens_a_second'].values())[-1]:,.0f} tokens a second, MFU {list(seen['mfu'].values())[-1]:.0%}")

# %% [markdown] tags=["more"]
# **More.** No GPU was at hand when this lesson was made, so the large size has not been run here. To train it to the end (on one A100 about a day for 5,000 batches of half a million tokens, at an MFU of 30 %): `python -m utils pretrain --size gpt2 --data tinystories --accumulate 32 --precision bf16 --compile`. FineWeb-Edu
# (1.3 trillion tokens of web pages, chosen by a model for their worth in teaching) takes its place with `datasets`' streaming and the same `packed.write`.
