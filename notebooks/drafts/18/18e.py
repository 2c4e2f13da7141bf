# %% [markdown]
# ## 8. Best of n
#
# There is a way without training: write $n$ answers, score them, keep the best. How far is *that* from the start? If no two scores are equal, its KL from the policy that wrote is at most
#
# $$ \text{KL}(\text{best of } n \,\|\, \pi_{\text{ref}}) \le \ln n - \frac{n - 1}{n} , $$
#
# which was long taken for the exact value (Beirami et al., 2024, show that it is a bound). For $n = 4$: $1.39 - 0.75 = 0.64$ nats; for $n = 64$: $3.17$. Out of $m = 64$ answers to a prompt, the mean over *all* sets of $n$ can be had at once: sorted by score, the answer of rank $i = 0, 1, \dots$ from below is the best in $\binom{i}{n-1}$ of the $\binom{m}{n}$ sets.

# %%
from utils.experiments.tastes import best_of


def best_of_n(prompts=32, m=64):
    groups = written(reference, HELD_OUT[:prompts], m, seed=2)
    flat = [one for group in groups for one in group]
    with torch.no_grad():
        scores = scores_of(reward_model, *zip(*((one.prompt, one.answer) for one in flat))).view(prompts, m)
    scores, by_judge = (scores - CENTER) / SCALE, torch.tensor([one.opinion.score for one in flat]).view(prompts, m)
    return {str(n): {"reward": best_of(n, scores, scores).mean().item(), "judge": best_of(n, scores, by_judge).mean().item()}
            for n in (1, 2, 4, 8, 16, 32, 64)}  # fmt: skip

# %% tags=["nbval-ignore-output"]
best = recorded.results("18_best_of_n", lesson=18, settings={"prompts": 32, "answers": 64}, compute=best_of_n)

# %% [markdown]
# ## 9. DPO, line by line
