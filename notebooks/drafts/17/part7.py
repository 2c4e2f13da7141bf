# %% [markdown] tags=["more"]
# ## 10. More: half the bits
#
# bfloat16 has float32's range and 8 significant bits: the next number after 1 is $1 + 2^{-7}$. A weight of 1 that is to grow by 0.003 stays 1. So in *mixed precision* (Lightning's `bf16-mixed`) weights, optimizer and loss stay in
# float32, and only the products of matrices are computed in 16 bits. (float16, for older GPUs, also has too small a range for gradients: a *loss scaler* multiplies the loss, and divides the gradients again.)

# %% tags=["more"]
sixteen = {}
torch.manual_seed(0)
mixed = GPT(V, CONFIG, T)
exact = loss_of(mixed, windows)
with torch.autocast("cpu", torch.bfloat16):
    for name, module in (("matrix", mixed.decoder.blocks[0].feed_forward.inner), ("head", mixed.head)):
        module.register_forward_hook(lambda module, given, output, name=name: sixteen.__setitem__(name, output.dtype))
    inexact = F.cross_entropy(mixed(windows[:, :-1]).flatten(0, 1).float(), windows[:, 1:].flatten())
print(f"1 + 0.003 in bfloat16: {(torch.tensor(1.0, dtype=torch.bfloat16) + 0.003).item()}; matrices give {sixteen['matrix']}, "
      f"weights are {mixed.head.weight.dtype}; loss {exact.item():.2f}, in mixed precision {inexact.item():.2f}")
assert sixteen["matrix"] == torch.bfloat16 and abs(exact - inexact) < 0.02

# %% [markdown] tags=["more", "predict"]
# **Predict.** Half the bits: is a step on this CPU faster in mixed precision, or slower?

# %% tags=["more", "nbval-ignore-output"]
def one_step(dtype):
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        loss = F.cross_entropy(mixed(windows[:2, :-1]).flatten(0, 1).float(), windows[:2, 1:].flatten())
    loss.backward()


times = {dtype: seconds(lambda: one_step(dtype), repeats=2) for dtype in (torch.float32, torch.bfloat16)}
able = {name for name, there in torch.cpu.get_capabilities().items() if there is True and "bf16" in name}
print(f"bfloat16 takes {times[torch.bfloat16] / times[torch.float32]:.1f} times as long as float32; instructions for it here: {able or 'none'}")

# %% [markdown] tags=["more"]
# Where the processor has instructions for bfloat16 (AVX512-BF16, AMX) it is up to twice as fast, and elsewhere it is imitated, several times slower. `is it faster` is a question to a clock, and not to a data sheet. A T4 is the same case: PyTorch says it supports bfloat16, and emulates it.

# %% [markdown] tags=["more"]
# ## 11. More: real English
#
# The stories are easy: a few thousand words, a grammar. Now text that people wrote: Python's own documentation (the language reference and the standard library's docstrings) and the film sentences of section 8. The tokenizers of others differ, so the loss is given in *bits a byte*: the
# bits that all tokens of a text cost together, over its bytes. For a loss of $\ell$ nats a token and $b$ bytes a token it is $\ell / (b \ln 2)$. With 2.1 nats and 3 bytes: 1.01.
#
# | program | knows |
# |---|---|
# | `xz` | compresses: training text and test text together, less the training text alone |
# | 6-gram | counts of the training text |
# | GPT, this lesson's | 1,600 steps on the training text |
# | `gpt-mini` | 6,500 steps, one in seven on the documentation, and no film sentence |

# %% tags=["more"]
import lzma

docs = catalog.load("python-docs")
ENGLISH = {"documentation": docs, "films": films}


def xz_bits(train, test):
    """Bits a byte of the test texts for xz, which has just read the training texts."""
    sizes = [len(lzma.compress("\n".join(each).encode(), preset=9)) for each in (train, [*train, *test])]
    return 8 * (sizes[1] - sizes[0]) / len("\n".join(test).encode())


@torch.no_grad()
def gpt_bits(model, documents, window=T):
    """Bits a byte of the documents: in pieces, each with half a window before it that is read and not counted."""
    bits, size, step = 0.0, 0, window // 2
    for text in documents:
        ids, size = [END, *encode(text)], size + len(text.encode())
        for done in range(1, len(ids), step):
            first = max(0, done - step)
            piece = torch.tensor([ids[first : done + step]])  # what is new begins at done
            losses = F.cross_entropy(model(piece[:, :-1])[0], piece[0, 1:], reduction="none")
            bits += losses[done - first - 1 :].sum().item() / numpy.log(2)
    return bits / size

# %% tags=["more"]
LONG = 1600
english_file = packed.write(work / "english.tokens", [*docs["train"]["text"], *films["train"]["text"]], encode, END, V)


def pretrain_english(seed, steps=LONG, looks=(40, 200, 400, 800, 1600)):
    """step -> bits a byte on the test texts of both kinds, while a GPT trains on both together."""
    torch.manual_seed(seed)
    model, found = GPT(V, CONFIG, T), {}
    plan = training.Settings(LONG, learning_rate=4e-3, warmup=40, final_rate=0.05)
    loader = training.Shuffled(packed.Packed(english_file.path, T), ROWS, torch.stack, seed)

    class Look(lightning.Callback):
        def on_train_batch_end(self, trainer, module, *others):
            if trainer.global_step in looks:
                module.eval()
                some = slice(40 if trainer.global_step == looks[0] else None)  # the first look is made live, too
                found[str(trainer.global_step)] = {name: round(gpt_bits(model, rows["test"]["text"][some]), 4) for name, rows in ENGLISH.items()}
                module.train()

    lightning.Trainer(**BARE, gradient_clip_val=1.0, callbacks=[Look()]).fit(Pretraining(model, plan, muon(model)), Numbered(loader, steps))
    return found


def english(seeds=2):
    found = {"GPT": [pretrain_english(seed) for seed in range(seeds)], "n-grams": {}, "xz": {}, "gpt-mini": {}}
    for name, rows in ENGLISH.items():
        test, known = rows["test"]["text"], [encode(text) for text in rows["train"]["text"]]
        size = sum(len(text.encode()) for text in test)
        orders = {order: Ngrams(known, order, V, END) for order in (1, 2, 3, 4, 5, 6)}
        found["n-grams"][name] = {str(n): round(sum(model.bits(encode(t)) for t in test) / size, 4) for n, model in orders.items()}
        found["xz"][name] = round(xz_bits(rows["train"]["text"], test), 4)
        found["gpt-mini"][name] = round(gpt_bits(gpt_mini, test), 4)
    return found


log_english = recorded.results("17_english", lesson=17, settings={"steps": LONG, "rows": ROWS, "window": T}, compute=english)
print(log_english)
