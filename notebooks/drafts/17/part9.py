
# %% [markdown]
# ## 14. Where it goes wrong
#
# **A NaN, and the way back.** One bad batch is enough. Here the labels of batch 7 are all $-100$: no token is asked for, the mean over nothing is $0/0$. Lightning goes on.

# %% [markdown] tags=["predict"]
# **Predict.** After batch 7 come twelve good ones. How many of the model's weights are numbers at the end? And what is in the newest checkpoint?

# %%
def film_batch(number):
    """Rows of film sentences, as windows with labels; in batch 7 nobody is asked anything."""
    ids, labels = padded(film_rows[8 * number : 8 * number + 8])
    return ids, labels.fill_(-100) if number == 7 else labels


class Labelled(Pretraining):
    def training_step(self, batch, number):
        ids, labels = batch
        return F.cross_entropy(self.model(ids).flatten(0, 1), labels.flatten(), ignore_index=-100)


def train_on_films(name, batch_at=film_batch, *callbacks):
    """Twenty steps; the share of weights that are numbers, in the model and in the checkpoint."""
    model = small_gpt()
    checkpoint = ModelCheckpoint(work / name, "last", every_n_train_steps=1, enable_version_counter=False)
    trainer = lightning.Trainer(**BARE | {"enable_checkpointing": True}, callbacks=[checkpoint, *callbacks])
    there, plan = work / name / "last.ckpt", training.Settings(20, learning_rate=3e-3, warmup=2)
    try:
        trainer.fit(Labelled(model, plan), Numbered(batch_at, 20), ckpt_path=there if there.exists() else None, weights_only=False)
    except training.TrainingError as error:
        print(f"    stopped: {str(error)[:58]}...")
    kept = torch.load(there, weights_only=False)["state_dict"].values()
    return [torch.cat([w.detach().flatten() for w in part]).isfinite().float().mean().item() for part in (model.parameters(), kept)]


ruined = train_on_films("ruined")
guarded = train_on_films("guarded", film_batch, pretraining.FiniteGradients())
print(f"weights that are numbers, model and checkpoint: unguarded {ruined}, guarded {guarded}")
assert ruined == [0.0, 0.0] and guarded == [1.0, 1.0]

# %% [markdown]
# One batch, and nothing is left, in the checkpoint as well: it has replaced the good one. `FiniteGradients` looks at the gradient's norm before each step, and stops before the weights are touched. The way back: look at the batch, leave it out, and give the same call again. The batches have numbers, so this is one line.

# %%
without_it = lambda number: film_batch(number if number < 7 else number + 1)
mended = train_on_films("guarded", without_it, pretraining.FiniteGradients())
print(f"resumed without batch 7: {mended}")
assert mended == [1.0, 1.0]

# %% [markdown]
# Clipping does not help: a NaN divided by its norm is a NaN. Nor does a lower rate, here; it does where the loss has *grown* for some steps before (then go back to a checkpoint from before the growth, and leave out or reorder its batches, as PaLM's authors did).

# %% [markdown]
# **`torch.compile`** turns Python into fused kernels, and is often worth a factor of two on a GPU. It trips over three things. A *shape* that it has not seen compiles anew (the last, shorter batch; texts of all lengths). A value that Python needs, as `.item()` for a log, *breaks the graph*. And a compiled copy has
# other *names* for its weights, so that its checkpoint does not fit. The cell counts with a back end that compiles nothing, so it needs no compiler.

# %%
import torch._dynamo.testing

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
# Packed windows have one shape, so the first trap is none here. `block.compile()` compiles in place, and the names stay. After eight shapes (PyTorch's limit) it gives up and runs the rest uncompiled, and says so in a log that few read.

# %% [markdown]
# **Three quiet ones.** The window is read and asked for at the same places, without the shift by one: the loss falls to nothing in minutes, and the model copies. The validation texts lie in the training file too. The learning rate is scheduled by *epoch* (Lightning's default), and stays
# at the first warm-up step's value to the end.

# %%
def steps_of(interval):
    """The rates that ten steps are made with."""
    class Logged(Pretraining):
        def configure_optimizers(self):
            found = super().configure_optimizers()
            found["lr_scheduler"]["interval"] = interval
            return found

        def on_train_batch_end(self, *given):
            rates.append(self.optimizers().param_groups[0]["lr"])

    rates = []
    lightning.Trainer(**BARE).fit(Logged(small_gpt(), settings), Numbered(batches, 10))
    return len(set(rates))


different = {interval: steps_of(interval) for interval in ("step", "epoch")}
print("different rates in ten steps:", different)
assert different["step"] >= 9 and different["epoch"] <= 2

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
# 3. Your training was resumed, its loss curve goes on without a jump, and yet the final weights differ from the unbroken ones. Name two things that the checkpoint may lack.
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
