# %% [markdown] tags=["predict"]
# **Predict.** SFT's greedy answers got many more points than its answers at temperature 1. Will DPO at temperature 1 catch up with them? And which needs the pairs more: to learn what is good, or what is bad?

# %%
copier = sum(trivial["copier"]) / len(HELD_OUT)
plots.show(figures.rounds(dpo_log.results, chosen_log.results, copier),
           alt="Mean points over the rounds for DPO and SFT on the chosen, and their win rates over SFT.")  # fmt: skip


def win_rate(new, old):
    """new and old: points, (seeds, tasks). Wins as a share of the decided, with an interval over tasks; the share of ties."""
    won, decided = figures.by_task(new, old)
    return metrics.ratio_interval(won, decided), 1 - sum(decided) / (len(new) * len(new[0]))


# %% [markdown]
# On the left: each seed's mean points. On the right: of the tasks in which the points differ, the share that the new model wins. Beside SFT at temperature 1, three harder opponents:

# %%
sft_runs, last = dpo_log.results["SFT"], [run[-1] for run in dpo_log.results["DPO"]]
chosen_last = [run[-1] for run in chosen_log.results]
take = lambda runs, key: [run[key] for run in runs]
show_interval = lambda found: f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"
recorded_wins = {}
for name, new, old in (("DPO over SFT, temperature 1", take(last, "points"), take(sft_runs, "points")),
                       ("DPO over SFT, both greedy", take(last, "greedy"), take(sft_runs, "greedy")),
                       ("DPO over SFT greedy", take(last, "points"), take(sft_runs, "greedy")),
                       ("SFT on the chosen over SFT", take(chosen_last, "points"), take(sft_runs[:2], "points")),
                       ("DPO over SFT on the chosen", take(last[:2], "points"), take(chosen_last, "points")),
                       ("DPO over the copier", take(last, "points"), [trivial["copier"]] * SEEDS)):  # fmt: skip
    recorded_wins[name], ties = win_rate(new, old)
    print(f"recorded: {name:<28} {show_interval(recorded_wins[name])} of the decided; ties {ties:.0%}")

# %% [markdown]
# WINTEXT

# %% [markdown]
# ## 8. Live: the recorded model at work
#
# The weights of the first seed come with the course. The judge compares their answers with SFT's, drawn anew here. *Ties* are tasks where both have the same points.

# %% tags=["nbval-ignore-output"]
dpo_model = GPT.from_hf(theirs)
dpo_model.load_state_dict(weights, strict=False)
dpo_model.eval().requires_grad_(False)
by_dpo = {temperature: written(dpo_model, temperature=temperature) for temperature in (1.0, 0.0)}
dpo_points = {temperature: points_of(HELD_OUT, answers) for temperature, answers in by_dpo.items()}
live_win, ties = win_rate([dpo_points[1.0]], [sft_points[1.0]])
print(f"DPO at temperature 1: {summary(dpo_points[1.0])}")
print(f"DPO greedy:           {summary(dpo_points[0.0])}")
print(f"live: DPO over SFT, temperature 1: {show_interval(live_win)} of the decided; ties {ties:.0%}")

words = lambda text: len(text.split())
longer = [words(a) > words(b) for a, b in zip(by_dpo[1.0], by_sft[1.0])]
for name, wanted in (("longer", True), ("as long or shorter", False)):
    rows = [row for row, is_longer in enumerate(longer) if is_longer == wanted]
    part = win_rate([[dpo_points[1.0][row] for row in rows]], [[sft_points[1.0][row] for row in rows]])[0]
    print(f"    where DPO's answer is {name:<19} ({len(rows):>3} tasks): {show_interval(part)}")

# %% [markdown]
# BLINDTEXT
#
# Three tasks, before and after; the first column is the judge's points:

# %% tags=["nbval-ignore-output"]
for row in range(3):
    print(f"\n{middles.asked(HELD_OUT[row])}")
    for name, answers, points in (("SFT", by_sft, sft_points), ("DPO", by_dpo, dpo_points)):
        print(f"  {points[1.0][row]}  {name}, temperature 1: {answers[1.0][row]}")
        print(f"  {points[0.0][row]}  {name}, greedy:        {answers[0.0][row]}")

# %% [markdown]
# ## 9. What it cost
#
# A win rate says nothing of what was lost. Four things to look at: the KL from SFT (how far the model has moved: the mean of $\log \pi(y \mid x) - \log \pi_{\text{SFT}}(y \mid x)$ over its own answers); the length; how many sentences are *distinct* (a model
# that always says the same safe thing wins, too); and the old skill, telling whole stories without a template.

# %%
table = {"SFT": sft_runs, "SFT on the chosen": chosen_last, "DPO": last}
print(f"{'':<20}{'KL':>6}{'words':>8}{'three sentences':>18}{'distinct':>10}{'old skill, nats a token':>26}")
average = lambda runs, read: sum(map(read, runs)) / len(runs)
costs = {}
for name, runs in table.items():
    costs[name] = [average(runs, read) for read in (
        lambda run: run["kl"], lambda run: sum(run["words"]) / len(HELD_OUT),
        lambda run: run["sentences"].count(3) / len(HELD_OUT), lambda run: run["distinct"], lambda run: run["old skill"])]  # fmt: skip
    kl, length, three, distinct, nats = costs[name]
    print(f"{name:<20}{kl:>6.1f}{length:>8.1f}{three:>18.0%}{distinct:>10.0%}{nats:>26.3f}")
untouched = old_skill(start)
print(f"{'gpt-mini':<62}{untouched:>26.3f}")

# %% [markdown]
# COSTTEXT

# %% [markdown] tags=["more"]
# ### More: the leash, and why SFT stands in the loss
#
# One round with one set of pairs and one seed, once for each $\beta$; and $\beta = 0.1$ without the SFT part, for 60 and for 180 steps (three times through the pairs).
#
# **Predict.** DPO alone sees only differences. What happens to an answer's *length* when the probabilities of both answers fall?
