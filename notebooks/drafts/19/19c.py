# %% [markdown]
# ## 5. Pairs of its own answers
#
# Now *comparisons*. The model writes eight answers to each of some training tasks, at temperature 1, and the judge ranks them: the best makes a pair with the worst, the second best with the second worst, as far as their points differ. Only
# three whole sentences are ever chosen.
#
# Pairs carry more than what you mean. If the better answer is the longer one in most pairs, "write more" is the easiest lesson to draw from them, and a judge who likes length would never tell you. So the pairs are *mirrored*: for
# each number $d$ there are as many pairs whose chosen answer is $d$ tokens longer as pairs where it is $d$ shorter; the surplus is left out.

# %%
EACH = 8


def candidates_of(model, tasks, seed):
    return middles.candidates(tokenizer, tasks, middles.write(model, tokenizer, tasks, seed, each=EACH), EACH)


def shorter(pairs):
    """In how many pairs the chosen answer is shorter, and in how many longer."""
    apart = [len(pair.chosen) - len(pair.rejected) for pair in pairs]
    return sum(d < 0 for d in apart), sum(d > 0 for d in apart)

# %% [markdown] tags=["predict"]
# **Predict.** Before mirroring: is the chosen answer more often the longer or the shorter one?

# %% tags=["nbval-ignore-output"]
some = candidates_of(sft_model, middles.tasks(60, "train", "shown pairs"), seed=1)
pairs = middles.mirrored(some)
print(f"{len(some)} pairs: chosen shorter {shorter(some)[0]}, longer {shorter(some)[1]}")
print(f"{len(pairs)} mirrored: chosen shorter {shorter(pairs)[0]}, longer {shorter(pairs)[1]}\n")
shown_pair = max(pairs, key=lambda pair: pair.points[0] - pair.points[1])
print(tokenizer.decode(shown_pair.prompt))
for name, ids, points in zip(("chosen", "rejected"), shown_pair[1:3], shown_pair.points):
    print(f"{name}, {points} points: {tokenizer.decode(ids)}")
assert len(set(shorter(pairs))) == 1

# %% [markdown]
# After mirroring the two numbers are equal, and the same holds for every single difference $d$.
#
# ## 6. DPO, your own loop
#
# Lesson 18 derived it. With the *log-ratio* $h(y) = \log \pi(y \mid x) - \log \pi_{\text{ref}}(y \mid x)$ of an answer $y$ to the prompt $x$, of which $\pi$ is the model in training and $\pi_{\text{ref}}$ the *reference*, the model as it was before,
#
# $$ \mathcal{L} = -\log \sigma\big(\beta\, (h(y_w) - h(y_l))\big) \;-\; \frac{\alpha}{|y_w|} \log \pi(y_w \mid x) , $$
#
# $y_w$ the chosen and $y_l$ the rejected answer, $|y_w|$ the number of its tokens, $\sigma$ the logistic function. The first part, with the leash $\beta$, is DPO. The second, with the weight $\alpha$, is SFT on the chosen answer; why it is there, section 8 shows. (Pang et al., 2024, train reasoning so.)
#
# How hard does a pair pull? The slope of the first part by the *margin* $d = h_w - h_l$ is $-\beta\, \sigma(-\beta d)$:

# %%
import ipywidgets

from utils.course import widgets


def draw_pull(beta):
    return figures.pull(beta)


widgets.explore(draw_pull, alt="DPO's loss and its pull over the margin, for one beta.",
                beta=ipywidgets.FloatLogSlider(value=0.1, base=10, min=-2, max=0, step=0.1))  # fmt: skip

# %% [markdown]
# At a margin of 0 a pair pulls with $\beta / 2$; once the chosen answer is ahead by a few times $1 / \beta$, hardly any more; and a pair that is the wrong way round pulls with up to $\beta$, however hopeless.
#
# The reference never changes in a training. So what it says of the pairs is computed once, before the first step.

# %%
import copy

BETA, ALPHA, RATE = 0.1, 1.0, 1e-4


def with_reference(reference, pairs):
    """Each pair with log pi_ref of its chosen and of its rejected answer."""
    prompts, chosen, rejected = ([pair[part] for pair in pairs] for part in range(3))
    return list(zip(prompts, chosen, rejected, *(preferences.scores(reference, prompts, y) for y in (chosen, rejected))))


def pair_batch(some):
    """Rows 0 to N - 1 the chosen answers, N to 2N - 1 the rejected ones: ids and mask (2N, T), reference (2N,)."""
    prompts, chosen, rejected, *fixed = zip(*some)
    return *preferences.Answers.of(prompts * 2, chosen + rejected), torch.cat([torch.stack(part) for part in fixed])


def preference_loss(model, batch, beta, alpha):
    """The loss, and h of chosen and rejected, (N,) each."""
    ids, mask, fixed = batch
    log_probs = preferences.answer_log_probs(model, preferences.Answers(ids, mask))  # (2N,)
    h_w, h_l = (log_probs - fixed).chunk(2)
    dpo = -F.logsigmoid(beta * (h_w - h_l)).mean()
    chosen, tokens = log_probs.chunk(2)[0].sum(), mask.chunk(2)[0].sum()
    return dpo - alpha * chosen / tokens, h_w, h_l


def dpo(model, pairs, beta=BETA, alpha=ALPHA, steps=60, size=16, seed=0, stop=None):
    """Trains the model in place against what it is now. Each step: loss, mean h of chosen and rejected, share in order."""
    notes = []

    def loss_of(model, batch):
        loss, h_w, h_l = preference_loss(model, batch, beta, alpha)
        notes.append([loss.item(), h_w.mean().item(), h_l.mean().item(), (h_w > h_l).float().mean().item()])
        return loss

    batches = training.Shuffled(with_reference(model, pairs), size, pair_batch, seed)
    settings = training.Settings(stop or steps, learning_rate=RATE, warmup=10, weight_decay=0.0, final_rate=0.1)
    training.train(model.requires_grad_(True), loss_of, batches, settings)
    return notes


live = dpo(copy.deepcopy(sft_model), pairs, alpha=0.0, stop=11)
for step, (loss, h_w, h_l, _) in enumerate(live, 1):
    print(f"live, step {step}: loss {loss:.3f}   h of chosen {h_w:+.2f}, of rejected {h_l:+.2f}")
print(f"step 1: ln 2, as it must be: {abs(live[0][0] - 0.6931) < 1e-3}")
assert abs(live[0][0] - 0.6931) < 1e-3

# %% [markdown]
# At the first step policy and reference are one: all log-ratios are 0, and the loss is $\ln 2$.
#
# ## 7. Round after round
#
# After a training the model writes differently, and the old pairs show mistakes that it may no longer make. So it writes *new* answers to *new* tasks, is compared with what it is *now*, and trained again. The recorded run took four rounds, of 400 tasks and 60 steps each,
# with three seeds. Beside it stands the plain rival that has the same judge: SFT on the chosen answers alone, as many rounds and steps.

# %%
from utils.worlds import stories

OLD = [tokenizer.encode(stories.write(f"test old skill {n}").english, add_special_tokens=False)[:200] for n in range(60)]


def old_skill(model):
    """Nats a token on whole stories without a template, as `gpt-mini` learned them."""
    start_of_text = [[tokenizer.eos_token_id]] * len(OLD)
    return -(preferences.scores(model, start_of_text, OLD).sum() / sum(map(len, OLD))).item()


def measured(model, seed):
    """What a log keeps of a model: its answers' points, warm and greedy, words, KL from SFT; and its old skill."""
    ids = middles.write(model, tokenizer, HELD_OUT, seed)
    texts, greedy = [middles.text_of(tokenizer, y) for y in ids], written(model, temperature=0.0)
    prompts = [middles.ids_of(tokenizer, task)[0] for task in HELD_OUT]
    sentences = [middles.split(text) for text in texts]
    said = [sentence for some in sentences for sentence in some]
    moved = preferences.scores(model, prompts, ids) - preferences.scores(sft_model, prompts, ids)
    return {"points": points_of(HELD_OUT, texts), "greedy": points_of(HELD_OUT, greedy),
            "words": [len(text.split()) for text in texts], "sentences": [len(some) for some in sentences],
            "distinct": round(len(set(said)) / len(said), 4), "kl": round(moved.mean().item(), 3),
            "old skill": round(old_skill(model), 4), "answers": [texts[:8], greedy[:8]]}  # fmt: skip

# %% [markdown]
# A round, four times; and the rival, which sees the chosen answers of pairs made in the same way:

# %%
ROUNDS, PROMPTS, SEEDS = 4, 400, 3


def chosen_alone(model, pairs, seed):
    """SFT on the chosen answers, in place."""
    batches = training.Shuffled([(pair.prompt, pair.chosen) for pair in pairs], 16, batch_of, seed)
    settings = training.Settings(60, learning_rate=RATE, warmup=10, weight_decay=0.0, final_rate=0.1)
    training.train(model.requires_grad_(True), lambda model, batch: sft_loss(model, *batch), batches, settings)


def improved(seed, method=dpo):
    """Four rounds: the model, and what is measured after each."""
    model, found = copy.deepcopy(sft_model), []
    for number in range(ROUNDS):
        tasks = middles.tasks(PROMPTS, "train", f"round {number}, seed {seed}")
        pairs = middles.mirrored(candidates_of(model, tasks, seed=10 * seed + number), seed)
        notes = method(model, pairs, seed=seed)
        notes = [[round(x, 3) for x in note] for note in notes or []]
        found.append({"pairs": len(pairs), "notes": notes, **measured(model, 50 + seed)})
    return model, found


def dpo_runs():
    (model, first), *others = (improved(seed) for seed in range(SEEDS))
    return {"SFT": [measured(sft_model, 50 + seed) for seed in range(SEEDS)],
            "DPO": [first, *(found for _, found in others)]}, weights_of(model)  # fmt: skip

# %% [markdown]
# One seed of DPO takes some ten minutes of a core, which is why these are recorded:

# %%
ROUND = {"rounds": ROUNDS, "tasks": PROMPTS, "answers": EACH, "beta": BETA, "alpha": ALPHA, "rate": RATE,
         "held out": len(HELD_OUT)}  # fmt: skip
dpo_log, weights = recorded.trained("19_dpo", lesson=19, settings=ROUND | {"seeds": SEEDS}, compute=dpo_runs)
print(dpo_log)
chosen_log = recorded.results("19_chosen", lesson=19, settings=ROUND | {"seeds": 2},
                              compute=lambda: [improved(seed, chosen_alone)[1] for seed in range(2)])  # fmt: skip
print(chosen_log)
