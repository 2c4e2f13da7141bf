
# %% [markdown]
# ## Scorecard
#
# The first card has equalities and the recorded runs, the second what hangs on the live training.

# %% tags=["scorecard"]
from utils.course.scorecard import Scorecard

SEEDS = [name for name in log.results["verdicts"] if name.startswith("GPT")]
accepted = lambda name, temperature: log.results["verdicts"][name][temperature]["accepted"]
card = Scorecard(lesson=17)
card.at_least("recorded: sentences accepted at a temperature of 0.7, lowest of three seeds", min(accepted(name, "0.7")[0] for name in SEEDS), BOUND_ACCEPTED, digits=2)
card.equal("killed with SIGKILL and resumed: largest difference of a weight from unbroken", resumed_distance, 0.0)
card.at_most("two processes with DDP: largest difference of a loss from one process", ddp_loss, 1e-4)
card.at_most("two processes with DDP: largest difference of a weight", ddp_distance, 1e-3)
card.equal("windows of the memory map that are utils.data.packed's", same_windows, len(held_out))
card.equal("FLOP a token by the formula, minus PyTorch's counter", counter.get_total_flops() // (2 * T) - formula, 0)
card.equal("Lightning and the course's own loop, ten steps: the same weights bit for bit", same_loop, True)
card.equal("utils.pretraining, ten steps: the same weights bit for bit", same_utils, True)
card.at_most("accumulated in four parts: largest difference of a weight", off, 1e-4)
card.equal("resumed with dropout: with the random states the same weights, without them others", gaps["with states"] == 0 < gaps["without"], True)
card.at_most("unequal parts weighed by tokens: gradient off by", errors[:, 0].max(), 1e-5)
card.at_least("mean of means: gradient off by, median of 20 batches", numpy.median(errors[:, 1]), BOUND_MEANS, digits=2)
card.equal("a NaN: weights left without and with a guard", (ruined[0], guarded[0], mended[0]), (0.0, 1.0, 1.0))
card.equal("torch.compile: graphs for five batches of three lengths", graphs[-1], 3)
for temperature in ("1", "0.7", "0.3"):
    card.at_least(f"recorded: accepted at {temperature}, lowest of three seeds, lower end, minus the 7-gram's upper end",
                  min(accepted(name, temperature)[1] for name in SEEDS) - accepted("7-gram", temperature)[2], 0.0, digits=2)  # fmt: skip
card.at_least("recorded: the worst of Muon's losses below the best of AdamW's by", best_adamw - worst_muon, BOUND_MUON, digits=2)
SCORE_ENGLISH
card.show()

# %% tags=["scorecard", "nbval-ignore-output"]
card = Scorecard(lesson=17)
card.at_least("live: sentences accepted at 0.7", live["GPT"]["accepted"][0], BOUND_LIVE, digits=2)
card.at_most("live: held-out loss after the two minutes", held[-1], BOUND_HELD, digits=3)
card.at_least("live: accepted at 0.7, GPT's lower end minus the 7-gram's upper end", live["GPT"]["accepted"][1] - live["7-gram"]["accepted"][2], 0.0, digits=2)
card.equal("live: the GPT's share lies inside the recorded seeds' range, 0.1 either way", live_inside, True)
card.at_most("live: forty steps on English, bits a byte away from the recorded runs", max(near.values()), 0.1, digits=2)
card.at_least("live: MFU, of a large product of matrices", numpy.median(speed) * formula / peak, 0.05, digits=2)
card.show()

# %% [markdown]
# ## Summary
#
# 1. Packed into windows and read through a memory map, a text of any size costs no padding and no memory.
# 2. A token costs $6N$ FLOP and the scores; tokens a second times that, over the machine's peak, is the MFU.
# 3. Lightning's Trainer is your loop with switches: the same weights bit for bit, and devices, precision and accumulation by arguments.
# 4. An exact resume needs the place in the data and the random states too; a mean of means is no mean where parts are unequal, among parts and among processes.
# 5. Two minutes make sentences that a parser accepts and stories that contradict themselves; on real English so short a training SUMMARY_ENGLISH.
#
# **New words**, in the [glossary](../data/glossary.md): packing; memory map; FLOP; MFU; callback; exact resume; gradient accumulation; mixed precision; loss scaler; data parallel (DDP); fully sharded (FSDP); Muon; Kneser-Ney; bits a byte.
#
# **Papers.** Eldan and Li, *TinyStories*, 2023, [arXiv 2305.07759](https://arxiv.org/abs/2305.07759) · Chowdhery et al., *PaLM* (MFU, appendix B), 2022, [arXiv 2204.02311](https://arxiv.org/abs/2204.02311) · Micikevicius et al., *Mixed Precision Training*, 2017, [arXiv
# 1710.03740](https://arxiv.org/abs/1710.03740) · Li et al., *PyTorch Distributed* (DDP), 2020, [arXiv 2006.15704](https://arxiv.org/abs/2006.15704) · Zhao et al., *PyTorch FSDP*, 2023, [arXiv 2304.11277](https://arxiv.org/abs/2304.11277) · Liu et al., *Muon is Scalable for LLM Training*, 2025,
# [arXiv 2502.16982](https://arxiv.org/abs/2502.16982) · Chen and Goodman, *An Empirical Study of Smoothing Techniques for Language Modeling*, 1998, Harvard TR-10-98
#
# **Next:** lesson 18 teaches a model what people prefer.
