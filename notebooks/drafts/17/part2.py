
# %% [markdown]
# ## 3. A loop that somebody else wrote
#
# In lesson 6 you wrote the training loop, and every lesson since has used it: batch, loss, backward, clip, step, rate. *Lightning* is that loop as a
# library. You give it two things: a `LightningModule`, which says what a step *is* (loss, optimizer, schedule), and a `Trainer`, which says how it is *run* (devices, number types, clipping,
# logs, checkpoints). The second can be changed without touching the first.

# %%
import lightning
from utils import training

pretraining.quiet()  # Lightning's tips and warnings of what is meant so


class Pretraining(lightning.LightningModule):
    def __init__(self, model, settings, optimizer=None):
        super().__init__()
        self.model, self.settings, self.own = model, settings, optimizer

    def training_step(self, windows, number):  # (B, T + 1)
        logits = self.model(windows[:, :-1])  # (B, T, V)
        loss = F.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())
        self.log("loss", loss)
        return loss

    def validation_step(self, windows, number):
        self.log("held_out", F.cross_entropy(self.model(windows[:, :-1]).flatten(0, 1), windows[:, 1:].flatten()))

    def configure_optimizers(self):
        optimizer = self.own or training.default_optimizer(self.model, self.settings)
        factor = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: training.rate_factor(step, self.settings))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": factor, "interval": "step"}}

# %% [markdown]
# The batches: `training.Shuffled` gives the batch with a number, always the same one. Any iterable can be Lightning's loader. This one also tells how many batches it has given (`state_dict`), which a checkpoint will keep; section
# 7 needs that.

# %%
class Numbered:
    """The batches 0 ... steps - 1, in order."""

    def __init__(self, batch_at, steps):
        self.batch_at, self.steps, self.given = batch_at, steps, 0

    def __len__(self):
        return self.steps

    def __iter__(self):
        while self.given < self.steps:
            self.given += 1
            yield self.batch_at(self.given - 1)

    def state_dict(self):
        return {"given": self.given}

    def load_state_dict(self, state):
        self.given = state["given"]

# %% [markdown]
# Is it the same training? A small GPT, ten steps, by the course's own loop and by Lightning: every weight must be the same number.

# %%
SMALL = dataclasses.replace(CONFIG, width=32, heads=2, hidden=128, layers=2)
batches = training.Shuffled(train, 4, torch.stack)
settings = training.Settings(10, learning_rate=3e-3, warmup=2, clip=None)
BARE = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False,
        "max_epochs": 1, "accelerator": "cpu"}  # fmt: skip


def loss_of(model, windows):
    return F.cross_entropy(model(windows[:, :-1]).flatten(0, 1), windows[:, 1:].flatten())


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
# (Without clipping. With it the last bit may differ: Lightning adds up the gradient's norm in the optimizer's order of the weights.) Nothing was gained yet, and nothing lost. What Lightning gives stands in the Trainer's arguments and in *callbacks*, objects whose methods it calls at given moments: after each batch, before each step, at each checkpoint.

# %% [markdown]
# ## 4. What learns quickly
#
# AdamW scales each weight's step by itself. *Muon* looks at a matrix as a whole. The gradient of a matrix has a few directions in which it is long, and many in which it is short: what is shown often drowns what is
# shown rarely. Write it as $G = U S V^\top$ ($U$, $V$ orthogonal, the diagonal matrix $S \ge 0$ holds the lengths). Muon steps along $U V^\top$: the same directions, all equally long. By hand, for
# $G = \begin{pmatrix} 100 & 0 \\ 0 & 1 \end{pmatrix}$ that is $\begin{pmatrix} 1 & 0 \\ 0 & 1 \end{pmatrix}$.
#
# No decomposition is computed. Five rounds of $X \leftarrow aX + (bA + cA^2)X$ with $A = X X^\top$, begun at $G$ divided by its length, bring every length near 1. It is for matrices inside the layers; embeddings, norms and biases stay with AdamW.

# %%
from utils import optimizers

generator = torch.Generator().manual_seed(0)
gradient = torch.randn(64, 256, generator=generator) * torch.logspace(0, 2, 64)[:, None]  # the last row a hundred times the first
before, after = (torch.linalg.svdvals(matrix) for matrix in (gradient, optimizers.orthogonalized(gradient)))
print(f"longest direction over shortest: {before.max() / before.min():,.0f} before, {after.max() / after.min():.1f} after")
assert before.max() / before.min() > 100 and after.max() / after.min() < 2


def muon(model, matrix_rate=MATRIX_RATE, rate=4e-3):
    """Muon for the matrices of the blocks, AdamW for the rest."""
    matrices = [p for p in model.decoder.parameters() if p.dim() == 2]
    others = [p for p in model.parameters() if all(p is not matrix for matrix in matrices)]
    return optimizers.MuonAndAdamW(matrices, others, matrix_rate, rate, weight_decay=0.05)

# %% [markdown]
# Is it worth it? The *recorded run* trains with both, three rates each and three seeds, on the first 200,000 tokens.

# %%
def best_rates():
    """optimizer and rate -> the held-out loss of three seeds after 130 steps of 1,536 tokens."""
    found = {}
    for name, make in (("Muon", muon), ("AdamW", None)):
        for rate in (7.5e-3, 1.5e-2, 3e-2) if make else (2e-3, 4e-3, 8e-3):
            found[f"{name} {rate:g}"] = []
            for seed in range(3):
                torch.manual_seed(seed)
                model = GPT(V, CONFIG, T)
                plan = training.Settings(130, learning_rate=rate, warmup=10, final_rate=0.05)
                module = Pretraining(model, plan, make and make(model, rate))
                lightning.Trainer(**BARE, gradient_clip_val=1.0).fit(module, Numbered(training.Shuffled(train, 8, torch.stack, seed), 130))
                found[f"{name} {rate:g}"].append(round(loss_on(model, held_out), 4))
    return found
