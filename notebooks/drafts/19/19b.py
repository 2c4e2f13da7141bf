# %% [markdown]
# ## 3. Supervised fine-tuning
#
# The first twelve steps run here. The recorded run took 150 steps of 32 demonstrations, three times through them, and kept its weights, with which the lesson goes on. Rate and number of steps
# were chosen on validation stories: with more steps the loss on unseen stories rises again.

# %%
from utils import training

SFT_STEPS, ROWS = 150, 32


def batch_of(some):
    """(prompt, answer) pairs of ids -> one batch."""
    return preferences.Answers.of(*zip(*some))


def sft(steps):
    """`gpt-mini` after so many steps on the demonstrations: the model, and each step's loss."""
    model = GPT.from_hf(theirs)
    pairs = [middles.ids_of(tokenizer, one) for one in DEMONSTRATIONS]
    settings = training.Settings(steps, learning_rate=1e-3, warmup=10, final_rate=0.05, weight_decay=0.1)
    batches = training.Shuffled(pairs, ROWS, batch_of, seed=0)
    history = training.train(model, lambda model, batch: sft_loss(model, *batch), batches, settings)
    return model, [round(loss, 4) for loss in history.losses]


def weights_of(model):
    """All weights but the head's, which are the embedding's."""
    return {name: weight for name, weight in model.state_dict().items() if name != "head.weight"}


def sft_run():
    model, losses = sft(SFT_STEPS)
    return losses, weights_of(model)


sft_log, weights = recorded.trained("19_sft", lesson=19, settings={"steps": SFT_STEPS, "demonstrations": len(DEMONSTRATIONS)},
                                    compute=sft_run)  # fmt: skip
sft_model = GPT.from_hf(theirs)
sft_model.load_state_dict(weights, strict=False)
sft_model.eval().requires_grad_(False)
live = sft(12)[1]
off = max(abs(a - b) for a, b in zip(live[:10], sft_log.results))  # from step 11 on the rate falls, sooner where steps are few
print(f"live, steps 1 to 10 are the recorded ones: {off < 0.02}")
print("recorded loss at steps 1, 5, 10, 50, 150:", *(f"{sft_log.results[step - 1]:.2f}" for step in (1, 5, 10, 50, 150)))
assert off < 0.02

# %% [markdown]
# Most of the fall comes in the first twenty steps, and most of that is form: three sentences, the turn's end.
#
# ## 4. What it can do now, and at what temperature
#
# The judge reads answers to the held-out tasks: drawn at temperature 1, at 0.7, and *greedy* (the likeliest token each time, temperature 0).

# %% [markdown] tags=["predict"]
# **Predict.** Which of the three gets most points? Does the model beat the copier at temperature 1?

# %% tags=["nbval-ignore-output"]
def written(model, tasks=HELD_OUT, temperature=1.0, seed=0):
    """One answer to each task, as text."""
    return [middles.text_of(tokenizer, ids) for ids in middles.write(model, tokenizer, tasks, seed, temperature=temperature)]


by_sft = {temperature: written(sft_model, temperature=temperature) for temperature in (1.0, 0.7, 0.0)}
sft_points = {temperature: points_of(HELD_OUT, answers) for temperature, answers in by_sft.items()}
print(f"{'copier':<16} {summary(trivial['copier'])}")
for temperature, points in sft_points.items():
    print(f"SFT at {temperature:<9} {summary(points)}")
worst = min(range(40), key=lambda row: sft_points[1.0][row])
print(f"\n{middles.asked(HELD_OUT[worst])}\n  {by_sft[1.0][worst]}")
print("\n".join(f"    {problem}" for problem in middles.problems(HELD_OUT[worst], by_sft[1.0][worst])))
