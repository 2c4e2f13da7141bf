# %% tags=["more"]
def one_round(beta=BETA, alpha=ALPHA, steps=60, pairs=None):
    model = copy.deepcopy(sft_model)
    notes = dpo(model, pairs, beta=beta, alpha=alpha, steps=steps)
    return {"notes": [[round(x, 3) for x in note] for note in notes[9::10]], **measured(model, 50)}


def sweep():
    pairs = middles.mirrored(candidates_of(sft_model, middles.tasks(PROMPTS, "train", "round 0, seed 0"), seed=0), 0)
    betas = {f"beta {beta:g}": one_round(beta, pairs=pairs) for beta in (0.01, 0.1, 1.0, 10.0)}
    return betas | {f"DPO alone, {steps} steps": one_round(alpha=0.0, steps=steps, pairs=pairs) for steps in (60, 180)} | {
        "DPO + SFT, 180 steps": one_round(steps=180, pairs=pairs)}  # fmt: skip


sweep_log = recorded.results("19_sweep", lesson=19, settings=ROUND | {"steps": [60, 180]}, compute=sweep)
print(sweep_log)
sweep = sweep_log.results
for name, found in sweep.items():
    rate = win_rate([found["points"]], [sft_runs[0]["points"]])[0]
    three = found["sentences"].count(3) / len(HELD_OUT)
    points, kl = sum(found["points"]) / len(HELD_OUT), found["kl"]
    print(f"{name:<22} points {points:.2f}, over SFT {show_interval(rate)}, KL {kl:>5.1f}, three sentences {three:.0%}")
plots.show(figures.leash(sweep, sft_runs[0]), alt="Mean points after one round and KL from SFT, over beta.")
plots.show(figures.displaced(sweep, sft_runs[0]),
           alt="Log-ratios over 180 steps of DPO with and without SFT, and the number of sentences.")  # fmt: skip

# %% [markdown] tags=["more"]
# SWEEPTEXT
