# %% [markdown]
# ## 7. The hack, step by step

# %%
figure = figures.hack(by_arm)
plots.show(figure, alt="Over 25 steps: without a leash the reward model's score rises, the judge's falls to nothing and good sentences vanish; on a leash they stay.")
for name in ("no leash", "beta 0.1"):
    print(name, *(f"   {said.strip()}" for said in by_arm[name][0]["held out"]["texts"][:2]), sep="\n")
