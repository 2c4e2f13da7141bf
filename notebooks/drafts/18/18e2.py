# %% [markdown] tags=["predict"]
# **Predict.** From $n = 1$ to 64: does the judge's score of the best by the reward model rise all the way?

# %%
best = recorded.results("18_best_of_n", lesson=18, settings={"prompts": 32, "answers": 64}, compute=best_of_n)
print(best)
for n, scores in best.results.items():
    print(f"n = {n:>2}   KL at most {figures.bound(int(n)):.2f}   reward model {scores['reward']:+.2f}   judge {scores['judge']:.2f}")
