# %% [markdown]
# ## 6. Reward against KL
#
# How far may a policy go? The *recorded run* trains on three leashes, $\beta = 0$, 0.03 and 0.1, with three seeds each, for 25 steps; beside them a policy on the judge's own score, which is no proxy. At the end each writes an answer to all 64 held-out prompts.

# %%
ARMS = {"no leash": (model_reward, 0.0), "beta 0.03": (model_reward, 0.03), "beta 0.1": (model_reward, 0.1), "judge's own score": (judge_reward, 0.03)}
SEEDS, STEPS = 3, 25


@torch.no_grad()
def on_held_out(model, seed):
    """One answer to each held-out prompt: scores, KL from the reference, and some texts."""
    model.eval()
    answers = policy.rollout(model, HELD_OUT, NEW, torch.Generator().manual_seed(seed), END, PAD)
    log_probs, fixed = (preferences.answer_log_probs(each, answers) for each in (model, reference))
    found = opinions(answers)
    return {"judge": [round(opinion.score, 3) for opinion in found], "talk": sum(opinion.talk for opinion in found) / len(found),
            "good": sum(opinion.good for opinion in found) / len(found), "reward": model_reward(answers).mean().item(),
            "kl": (log_probs - fixed).mean().item(), "texts": [text(ids[mask]) for ids, mask in zip(*answers)][:4]}  # fmt: skip


def one_run(reward, beta, seed):
    learner = Learner(seed)
    steps = [ppo_step(learner, reward, beta) for _ in range(STEPS)]
    return {"steps": {name: [round(step[name], 3) for step in steps] for name in steps[0]}, "held out": on_held_out(learner.policy, 100 + seed)}


def all_runs():
    return {name: [one_run(*arm, seed) for seed in range(SEEDS)] for name, arm in ARMS.items()} | {"start": on_held_out(reference, 100)}

# %% [markdown] tags=["predict"]
# **Predict.** Without a leash, what will the reward model's score and the judge's be after 25 steps? And with $\beta = 0.1$?

# %%
log = recorded.results("18_ppo", lesson=18, settings={"arms": {name: beta for name, (_, beta) in ARMS.items()}, "seeds": SEEDS, "steps": STEPS}, compute=all_runs)
print(log)
by_arm = {name: log.results[name] for name in ARMS}
ended = {name: metrics.mean_interval([score for run in runs for score in run["held out"]["judge"]]) for name, runs in by_arm.items()}
began = metrics.mean_interval(log.results["start"]["judge"])
print(f"{'start':<17} judge {began.value:.2f} [{began.low:.2f}, {began.high:.2f}]")
for name, runs in by_arm.items():
    last = [run["held out"] for run in runs]
    print(f"{name:<17} judge {ended[name].value:.2f} [{ended[name].low:.2f}, {ended[name].high:.2f}]   reward model",
          " ".join(f"{each['reward']:+.2f}" for each in last), "  KL", " ".join(f"{each['kl']:.1f}" for each in last))  # fmt: skip
