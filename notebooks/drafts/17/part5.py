# %% [markdown]
# ## 7. Killed, and on
#
# A training of three weeks is interrupted: by a power cut, by an operator, by whoever shares the machine. *Exact resume* means that the one that was killed and went on ends in the same weights as the one that was not. What has to be in the checkpoint?
#
# | what | why | kept by |
# |---|---|---|
# | weights | | Lightning |
# | optimizer | Muon's and AdamW's means of past gradients | Lightning |
# | step and rate | where the schedule is | Lightning |
# | place in the data | else batches come twice, and others never | the loader, if it has `state_dict` |
# | random states | dropout draws | nobody: `pretraining.RandomStates` |
#
# And the file must be whole: a kill while it is written must leave the old one.

# %% [markdown] tags=["predict"]
# The same training is a command, `python -m utils pretrain`. The next cell starts it as a process of its own, kills it with SIGKILL in the middle of its forty steps, which no program can catch, and gives the same command again.
#
# **Predict.** It writes a checkpoint after each step here. Will its weights differ from those of an unbroken training, and in which digit?

# %% tags=["nbval-ignore-output"]
import shutil
import time


def command(name, *more):
    """The command for a tiny GPT, forty steps, in a folder of its own, which gets the packed files."""
    (work / name).mkdir(exist_ok=True)
    for path in files.values():
        shutil.copy(path, work / name)
    return [sys.executable, "-m", "utils", "pretrain", "--size", "tiny", "--steps", "40", "--out", str(work / name), *more]


def lines_of(process):
    for line in process.stdout:
        if line.startswith(("A GPT", "Done")) or line.split(" of ")[0] in ("step 1", "step 15", "step 16", "step 17", "step 18", "step 40"):
            print("   ", line.rstrip())
            yield line


quietly = {"cwd": root, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "encoding": "utf-8", "env": {**os.environ, "COURSE_DEVICE": "cpu"}}
process = subprocess.Popen(command("killed"), **quietly)
for line in lines_of(process):
    if line.startswith("step 15"):
        process.kill()
        break
print("killed; exit code", process.wait())
again = subprocess.Popen(command("killed"), **quietly)
list(lines_of(again))
assert again.wait() == 0

# %% [markdown]
# The unbroken one is trained here in the kernel, by the class that you wrote in section 3. So three things are compared at once: killed and unbroken, the course's program and yours, another process and this one.

# %%
from safetensors.torch import load_file

TINY = dataclasses.replace(CONFIG, width=32, heads=2, hidden=128, layers=2)
torch.manual_seed(0)
unbroken = GPT(V, TINY, 64)
short = packed.Packed(files["train"], window=64)
plan = training.Settings(40, learning_rate=4e-3, warmup=2, final_rate=0.05)
module = Pretraining(unbroken, plan, muon(unbroken))
lightning.Trainer(**BARE, gradient_clip_val=1.0).fit(module, Numbered(training.Shuffled(short, 8, torch.stack), 40))


def distance(name):
    """The largest difference of a weight between the command's model and this one."""
    theirs = load_file(work / name / "model.safetensors")
    return max((theirs[key] - value).abs().max().item() for key, value in unbroken.state_dict().items() if key in theirs)


resumed_distance = distance("killed")
print("killed and resumed, against unbroken: largest difference of a weight", resumed_distance)
assert resumed_distance == 0.0

# %% [markdown]
# Not one bit differs. Here the model has no dropout, so nothing random is left to restore. With dropout the states matter:

# %%
class Stop(lightning.Callback):
    def on_train_batch_end(self, trainer, *others):
        if trainer.global_step == 6:
            raise KeyError("the power is gone")


def with_dropout(name, *callbacks, keep=True):
    """Ten steps of a model with dropout; what the folder's checkpoint holds is taken up."""
    torch.manual_seed(0)
    model = GPT(V, dataclasses.replace(SMALL, dropout=0.2), T)
    kept = [pretraining.RandomStates()] if keep else []
    checkpoint = ModelCheckpoint(work / name, "last", every_n_train_steps=2, enable_version_counter=False)
    trainer = lightning.Trainer(**BARE | {"enable_checkpointing": True}, callbacks=[checkpoint, *kept, *callbacks])
    there = work / name / "last.ckpt"
    try:
        trainer.fit(Pretraining(model, settings), Numbered(batches, 10), ckpt_path=there if there.exists() else None, weights_only=False)
    except KeyError:
        pass
    return torch.cat([p.detach().flatten() for p in model.parameters()])


whole = with_dropout("whole")
for name, keep in (("with states", True), ("without", False)):
    with_dropout(name, Stop(), keep=keep)
gaps = {name: (with_dropout(name, keep=keep) - whole).abs().max().item() for name, keep in (("with states", True), ("without", False))}
print(f"resumed with the random states: difference {gaps['with states']}; without them: not zero, {gaps['without'] > 0}")
assert gaps["with states"] == 0 < gaps["without"]

# %% [markdown]
# ## 8. A batch that does not fit
#
# Where a batch is too large for the memory, compute it in parts and add up the gradients: *gradient accumulation*. The loss of the batch is the mean over its tokens. If each of $k$ parts has the same number of tokens, then
# the mean of the parts' means is the mean of all, and Lightning's `accumulate_grad_batches=k` gives the large batch's gradient. Packed windows are of one length, so it does.
#
# With texts of unlike lengths it does not. By hand: one part has 1 token with the loss 4, the other 3 tokens with the losses 1, 1, 1. The mean over tokens is $7 / 4 = 1.75$; the mean of means $(4 + 1) / 2 = 2.5$. A token of a short text weighs
# three times as much as it should. Right is
#
# $$ \frac{\sum_{i=1}^{k} n_i\, \ell_i}{\sum_{i=1}^{k} n_i} \quad \text{and not} \quad \frac{1}{k} \sum_{i=1}^{k} \ell_i , $$
#
# with $n_i$ tokens and the mean loss $\ell_i$ in part $i$. So multiply each part's loss by $k\, n_i / \sum_j n_j$ before Lightning divides it by $k$.

# %% [markdown]
# Film sentences that people wrote, `ratings` (lesson 6), one to a row and filled up: the gradient of a batch of 16 against that of 8 parts, by both ways.

# %%
films = catalog.load("ratings")
film_rows = [torch.tensor([END, *encode(text)[:100], END]) for text in films["train"]["text"][:320]]


def padded(rows):  # -> ids (B, T), labels (B, T) with -100 at the filling
    ids = torch.nn.utils.rnn.pad_sequence([row[:-1] for row in rows], True, END)
    return ids, torch.nn.utils.rnn.pad_sequence([row[1:] for row in rows], True, -100)


def gradient_of(model, parts, by_tokens):
    """The loss and gradient of the parts together."""
    counts = [sum(len(row) - 1 for row in part) for part in parts]
    model.zero_grad()
    total = 0.0
    for part, count in zip(parts, counts):
        ids, labels = padded(part)
        loss = F.cross_entropy(model(ids).flatten(0, 1), labels.flatten(), ignore_index=-100)
        loss = loss * (count / sum(counts) if by_tokens else 1 / len(parts))
        loss.backward()
        total += loss.item()
    return total, torch.cat([p.grad.flatten() for p in model.parameters()])


reader, losses, errors = GPT.from_pretrained("gpt-mini"), [], []
for first in range(0, 320, 16):
    batch = film_rows[first : first + 16]
    parts = [batch[i : i + 2] for i in range(0, 16, 2)]
    (true, right), (_, weighted), (mean, plain) = (gradient_of(reader, *how) for how in (([batch], True), (parts, True), (parts, False)))
    losses.append((true, mean))
    errors.append([((other - right).norm() / right.norm()).item() for other in (weighted, plain)])
