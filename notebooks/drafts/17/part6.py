errors, losses = numpy.array(errors), numpy.array(losses)
plots.show(figures.means(losses), alt="Twenty batches: the mean of means lies off the mean over all tokens, on both sides.")
print(f"gradient off by: weighted by tokens, less than 0.001 %: {errors[:, 0].max() < 1e-5}; mean of means {numpy.median(errors[:, 1]):.0%} in the median")
assert errors[:, 0].max() < 1e-5 and numpy.median(errors[:, 1]) > 0.04 and (losses[:, 1] > losses[:, 0]).sum() in range(4, 17)

# %% [markdown]
# Each dot is a batch, and the gray line is where both agree. The losses differ to both sides, so a loss curve shows nothing; the gradient goes another way at every step, since the tokens of short sentences weigh more. Transformers' `Trainer` had it until 2024 ([pull request 34191](https://github.com/huggingface/transformers/pull/34191));
# in Lightning it is open ([21386](https://github.com/Lightning-AI/pytorch-lightning/pull/21386)), so there it is yours to weigh. Between processes the same holds: DDP takes the mean of the processes' means.

# %% [markdown]
# ## 9. Two processes, and two hundred
#
# *Data parallel* (DDP): each process has a copy of the model and takes its rows of the batch; before the step the gradients are averaged. The mean of two means over halves of equal size is the mean of all, so the training must be the same, but for the order in which numbers are added.
#
# Here two processes run on this CPU and talk by *gloo* (on GPUs it is NCCL). It is the command of section 7 with `--devices 2`.

# %% tags=["nbval-ignore-output"]
two = subprocess.Popen(command("two", "--devices", "2", "--strategy", "ddp"), **quietly)
list(lines_of(two))
assert two.wait() == 0
one, both = (logged(work / name)["loss"] for name in ("killed", "two"))
ddp_loss = max(abs(one[step] - both[step]) for step in one)
ddp_distance = distance("two")
print(f"largest difference of a loss in 40 steps {ddp_loss:.1e}, of a weight {ddp_distance:.1e}")
assert ddp_loss < 1e-4 and ddp_distance < 1e-3

# %% [markdown]
# A copy on each device is wasteful where the model is large: weights, gradients and AdamW's two means take 16 bytes a weight, 16 GB for a model of a billion. *Fully sharded* (FSDP) keeps a share of them on each device and gathers one
# block's weights when it is their turn. It is for GPUs, and the command says so here:

# %%
from utils.cli import launcher
from utils.io import CommandError


def asked(*arguments):
    """What the command answers to arguments that cannot be had here."""
    try:
        launcher.pretrain_gpt(launcher.make_parser()[0].parse_args(["pretrain", "--out", str(work / "no"), *arguments]))
    except CommandError as error:
        return f"error: {error}"


if run.device == "cpu":
    refusals = [asked("--strategy", "fsdp"), asked("--devices", "3"), asked("--num-nodes", "2")]
    print("\n".join(refusals))
    assert "CUDA" in refusals[0] and "multiple of 3" in refusals[1] and "MASTER_ADDR" in refusals[2]

# %% [markdown]
# On two machines of eight GPUs give the same line on each, with another `NODE_RANK`:
#
# ```
# MASTER_ADDR=10.0.0.1 MASTER_PORT=29500 NODE_RANK=0 python -m utils pretrain --size gpt2 --data tinystories \
#     --devices 8 --num-nodes 2 --strategy fsdp --precision bf16 --compile
# ```
#
# Flags change, and the code does not. The batch stays the same 480 rows, so a training that was killed on one machine may go on on two.
