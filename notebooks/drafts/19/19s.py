# %% tags=["nbval-ignore-output"]
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
