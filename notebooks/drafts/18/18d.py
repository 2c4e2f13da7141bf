# %% [markdown]
# Both go up: the reward model stands for the judge, so far. And now take the leash off.

# %% [markdown] tags=["predict"]
# **Predict.** The same policy goes on for ten steps with $\beta = 0$. What becomes of the reward model's score, of the judge's, and of the stories?

# %% tags=["nbval-ignore-output"]
off = [ppo_step(learner, model_reward, beta=0.0) for _ in range(10)]
for number, step in enumerate(off, 9):
    print(f"step {number:>2}  reward model {step['reward']:+.2f}   judge {step['score']:.2f}   KL {step['kl']:5.2f}   talk {step['talk']:.0%}")
ends = {name: sum(step[name] for step in off[-2:]) / 2 for name in ("reward", "score")}
print("best of the judge's scores on the way: {:.2f}".format(best_seen := max(step["score"] for step in steps + off)))
assert ends["reward"] > steps[-1]["reward"] and ends["score"] < best_seen - 0.1

# %% [markdown]
# The proxy rises, and what it stands for turns and falls. That is *reward hacking*: nobody cheats in any human sense. Descent finds where the reward model is wrong, as it finds everything else that pays. Section 3 showed the place: talk alone.

