@torch.no_grad()
def loss_on(model, windows, count=64):
    """The mean loss over the first `count` windows."""
    return loss_of(model.eval(), torch.stack([windows[i] for i in range(count)])).item()


log = recorded.results("17_rates", lesson=17, settings={"steps": 130, "rows": 8, "window": T}, compute=best_rates)
print(log)
plots.show(figures.rates(log.results), alt="Held-out loss of three seeds at three rates each: all of Muon's are below all of AdamW's.")
lowest = {name: min(numpy.mean(values) for key, values in log.results.items() if key.startswith(name)) for name in ("Muon", "AdamW")}
worst_muon, best_adamw = (function(v for key, values in log.results.items() if key.startswith(name) for v in values)
                          for function, name in ((max, "Muon"), (min, "AdamW")))  # fmt: skip
print(f"mean of the best rate: Muon {lowest['Muon']:.2f}, AdamW {lowest['AdamW']:.2f} nats a token")

# %% [markdown]
# ## 5. Two minutes
#
# A batch has 8 windows of 192 tokens. The rate rises in a *warm-up* and falls along a cosine (lesson 6). Four callbacks watch:
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
from utils.generation import Sampling, generate


def write(model, beginnings, temperature, seed=0):
    """How the model goes on after each beginning, sampled; the shorter ones are filled up at their left."""
    rows = [[END, *encode(text)] for text in beginnings]
    longest = max(map(len, rows))
    ids = torch.tensor([[END] * (longest - len(row)) + row for row in rows])  # (B, T)
    mask = torch.tensor([[False] * (longest - len(row)) + [True] * len(row) for row in rows])
    generator = torch.Generator().manual_seed(seed)
    new = generate(model, ids, T - longest, Sampling(temperature), generator=generator, mask=mask, end_id=END, pad_id=END)
    return [tokenizer.decode(row, skip_special_tokens=True).strip() for row in new[:, longest:].tolist()]


class Diary(lightning.Callback):
    def __init__(self, beginnings, every):
        self.beginnings, self.every, self.pages = beginnings, every, []

    def on_train_batch_end(self, trainer, module, outputs, batch, number):
        if trainer.global_step % self.every == 0:
            added = write(module.model, self.beginnings, temperature=0.7)
            verdicts = [stories.judge(f"{first} {text}") for first, text in zip(self.beginnings, added)]
            share = sum(v.accepted - 1 for v in verdicts) / max(1, sum(v.sentences - 1 for v in verdicts))
            self.pages.append((trainer.global_step, share, f"{self.beginnings[0]} {added[0]}"))

# %%
STEPS, ROWS = 800, 8
firsts = {split: [stories.parser.split(text)[0] for text in texts[split]["text"]] for split in ("validation", "test")}


def pretrain(seed, folder, steps=STEPS, callbacks=()):
    """The whole training: the model and the Trainer. Where the folder has a checkpoint, it goes on from there."""
    torch.manual_seed(seed)
    model = GPT(V, CONFIG, T)
    settings = training.Settings(STEPS, learning_rate=4e-3, warmup=40, final_rate=0.05)
    trainer = lightning.Trainer(
        max_epochs=1, accelerator="cpu", gradient_clip_val=1.0, num_sanity_val_steps=0, log_every_n_steps=5, val_check_interval=50,
        enable_progress_bar=False, enable_model_summary=False,
        logger=[pretraining.CSVLogger(folder, "log"), pretraining.TensorBoardLogger(folder, "tensorboard", "")],
        callbacks=[ModelCheckpoint(folder, "last", every_n_train_steps=100, enable_version_counter=False), LearningRateMonitor("step"),
                   pretraining.RandomStates(), pretraining.FiniteGradients(), pretraining.Throughput(50, formula, peak), *callbacks])  # fmt: skip
    loader = Numbered(training.Shuffled(train, ROWS, torch.stack, seed), steps)
    tests = torch.utils.data.DataLoader([held_out[i] for i in range(64)], batch_size=32)
    trainer.fit(Pretraining(model, settings, muon(model)), loader, tests)
    return model.eval(), trainer


diary = Diary(firsts["validation"][:16], every=100)
gpt, trainer = pretrain(0, work / "stories", callbacks=[diary])
