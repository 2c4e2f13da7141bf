# %% [markdown]
# # 19 · Project 5: improving a GPT with DPO
#
# **[Open in Colab](https://colab.research.google.com/github/OWNER/transformers-course/blob/main/notebooks/19_project_5_improving_gpt_with_dpo.ipynb)** ·
# level 3 of 3 · needs lessons 16 and 18 · [notation](../data/notation.md) · [glossary](../data/glossary.md)
#
# You have a small GPT, 1,500 examples of a job done well, and a program that can tell a better answer from a worse one. **How good does the
# model get from the examples, and how much better from comparisons of its own answers?** You teach it the job by supervised fine-tuning (SFT), let it
# write, make pairs of its answers, and train on them by DPO, with your own loop and with TRL. Then you find out whether it got better, by how
# much, and what it lost. At the end a real language model, SmolLM2, goes the same way.
#
# | what it costs | time | memory | download |
# |---|---|---|---|
# | CPU, two cores (measured 2026-11-28) | TIME s | MEM GB | 98 MB (lesson 1's) |
# | Colab T4 (estimated) | 3 min | 3 GB | 270 MB |
# | larger GPU (estimated) | 2 min | 3 GB | 270 MB |
#
# *In class (50 minutes):* sections 1 to 8 without the cells marked **More**, then *Where it goes wrong* and the summary. The rest is for self-study.

# %% [markdown]
# ## You will be able to
#
# 1. **fine-tune** a GPT on demonstrations, with a chat template and a loss on the answer only;
# 2. **make** preference pairs of a model's own answers that no length tells apart;
# 3. **train** by DPO, with your own loop and with `DPOTrainer`, and **prove** the two equal;
# 4. **measure** a win rate with ties and an interval, and what the training cost: KL, length, old skills;
# 5. **decide** whether DPO was worth it, beside a lower temperature and beside SFT on the best answers.

# %% [markdown]
# ## Set-up
#
# The cell that opens every lesson; it prints the *run card*. The folded code below it draws the lesson in one picture.

# %% tags=["setup", "nbval-ignore-output"]
import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: threads that wait shall sleep, not spin
REPOSITORY = "OWNER/transformers-course"
if "google.colab" in sys.modules and not Path("/content/course").is_dir():
    how = "python -m utils address OWNER/NAME"
    assert not REPOSITORY.startswith("OWNER/"), f"This copy does not say where the course lies. In the course's folder: {how}"
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", f"https://github.com/{REPOSITORY}", "/content/course"], check=True)
folders = [Path.cwd(), *Path.cwd().parents, Path("/content/course")]
root = next((folder for folder in folders if (folder / "utils" / "__main__.py").is_file()), None)
assert root, "The course's folder was not found. Open this notebook inside the course, or in a folder below it."
sys.path.insert(0, str(root))

from utils.course import runtime

run = runtime.start(lesson=19)

# %% jupyter={"source_hidden": true}
from utils.course import plots, recorded
from utils.course.figures import lesson_19 as figures

if not recorded.is_recording():
    figure = figures.points_by_writer(recorded.load("19_sft").results, recorded.load("19_dpo").results)
    plots.show(figure, alt="Points of the held-out answers by each writer: copied, SFT, SFT on the chosen, DPO.")

# %% [markdown]
# Each bar holds the answers of one writer to the same 200 held-out tasks, by the points that a program gives them (0 to 6; section 1). FIGTEXT
# (The drawings' code: `utils/course/figures/lesson_19.py`.)

# %% [markdown]
# ## 1. The job, and a judge
#
# Somebody gives you the first sentence of a story and its fifth. You write the three between:
#
# > Beginning: Emil lived in Willowdale and was very shy. End: "I miss you, Max," wrote Emil.
#
# Max must come in before the end, or nobody knows who he is. So the answer has to *prepare* the end: this is the skill to be learned.
# The stories come from the small world of lesson 16, which a program writes and can judge. For an answer the judge looks at each of the first three sentences. It is *sound* if the grammar accepts it, if it
# contradicts nothing before it, and if it has not been said already. Then the end is read behind them, and is sound or not in the same way:
#
# $$ \text{points} = \text{sound sentences of three} \; + \; 3 \cdot [\text{the end is sound}] , $$
#
# from 0 to 6. Two of three sentences sound, and the end, too: $2 + 3 = 5$. What follows a third sentence is not read: length earns nothing.

# %%
from utils.experiments import middles

shown = middles.tasks(3, "test", "shown")
task, other = shown[1], shown[2]
print(middles.asked(task))
first, *rest = middles.split(task.middle)
answers = {"the story's own": task.middle, "another story's": other.middle, "said twice": " ".join([first, first, *rest[:1]])}
for name, answer in answers.items():
    print(f"\n{middles.points(task, answer)} points, {name}: {answer}")
    print("\n".join(f"    {problem}" for problem in middles.problems(task, answer)[:2]))

# %% [markdown]
# What can a program reach that has no model? Two are worth a name. One *constant* answer to all tasks, the best of 60 on training tasks. And a *copier*: it looks among the 1,500 demonstrations for the story whose *end* is
# most like this one, takes its middle, and renames the people (`middles.borrowed`). Whatever we train has to beat the copier.

# %% [markdown] tags=["predict"]
# **Predict.** The copier never writes a sentence of its own. Of 6 points, how many will it get on average?

# %%
from utils import metrics

DEMONSTRATIONS = middles.tasks(1500, "train", "demonstrations")
HELD_OUT = middles.tasks(200, "test", "held out")  # no story of these is among the training stories


def points_of(tasks, answers):
    """The judge's points of one answer to each task."""
    return [middles.points(task, answer) for task, answer in zip(tasks, answers, strict=True)]


def summary(points):
    """Mean points with an interval, and the share of answers that have all six."""
    found = metrics.mean_interval(points)
    return f"mean {found.value:.2f} [{found.low:.2f}, {found.high:.2f}], all six points {points.count(6) / len(points):.0%}"


tuning = middles.tasks(40, "train", "tuning")
constant = max((one.middle for one in DEMONSTRATIONS[:60]), key=lambda answer: sum(points_of(tuning, [answer] * 40)))
trivial = {"constant": points_of(HELD_OUT, [constant] * len(HELD_OUT)),
           "copier": points_of(HELD_OUT, middles.borrowed(HELD_OUT, DEMONSTRATIONS))}  # fmt: skip
for name, points in {**trivial, "the stories' own": points_of(HELD_OUT, [task.middle for task in HELD_OUT])}.items():
    print(f"{name:<16} {summary(points)}")
assert sum(trivial["copier"]) > 1.5 * sum(trivial["constant"])

# %% [markdown]
# The copier is no straw man: it gets most of the points, and the whole of some answers, since many stories of the small world run alike.
#
# ## 2. Demonstrations, a template, and a loss on the answer only
#
# `gpt-mini` (lesson 16) has read stories; it has never been *asked* for anything. A *chat template* turns a request into one text with marks for who speaks. The marks are tokens of their own, so that nobody can type them by accident:

# %%
from utils.data import catalog
from utils.models.gpt import GPT

_, tokenizer = catalog.load("gpt-mini-chat")  # the tokenizer of gpt-mini, and its chat template
theirs = catalog.load("gpt-mini").model.float().eval()  # GPT2LMHeadModel of Transformers
start = GPT.from_hf(theirs)  # the same weights in lesson 16's own
prompt, answer = middles.ids_of(tokenizer, shown[0])  # two lists of ids
print(tokenizer.decode(prompt), "\n", tokenizer.decode(answer), sep="")
assert tokenizer.convert_tokens_to_ids("<|end|>") == answer[-1] and answer[-1] not in prompt[1:-2]

# %% [markdown]
# The answer ends with `<|end|>`. It counts as one of the answer's tokens: a model that never learns it never stops. The prompt's tokens do *not* count: the model should answer, and not learn to write requests. With the answer
# $y = (y_1, \dots, y_n)$ of $n$ tokens to the prompt $x$,
#
# $$ \mathcal{L}_{\text{SFT}} = -\frac{1}{n} \sum_{t=1}^{n} \log \pi(y_t \mid x, y_{<t}) , $$
#
# $\pi$ the model, and in a batch the mean over *all* its answers' tokens. Transformers wants the same said by *labels*: a copy of the ids, in which every token that does not count is $-100$.

# %%
import torch
import torch.nn.functional as F

from utils.alignment import preferences

batch = preferences.Answers.of(*zip(*(middles.ids_of(tokenizer, one) for one in shown)))  # ids and mask (B, T)


def sft_loss(model, ids, mask):
    """ids and mask (B, T) -> (): the mean over the answers' tokens."""
    logits = model(ids)[:, :-1]  # (B, T, V) -> (B, T - 1, V): what stands at t guesses token t + 1
    wanted = mask[:, 1:]  # (B, T - 1)
    return F.cross_entropy(logits[wanted], ids[:, 1:][wanted])


with torch.no_grad():
    ours = sft_loss(start.eval(), *batch)
    labels = batch.ids.masked_fill(~batch.mask, -100)
    library = theirs(batch.ids, labels=labels).loss
    in_utils = preferences.sft_loss(start, batch)
    all_tokens = theirs(batch.ids, labels=batch.ids.masked_fill(batch.ids == 0, -100)).loss
apart = max(abs(ours - library).item(), abs(ours - in_utils).item())
print(f"equal to Transformers and to utils: {apart < 1e-5}; loss on the answers {ours:.2f}, with the prompts {all_tokens:.2f}")
assert apart < 1e-5
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
# %% [markdown]
# ## 5. Pairs of its own answers
#
# Now *comparisons*. The model writes eight answers to each of some training tasks, at temperature 1, and the judge ranks them: the best makes a pair with the worst, the second best with the second worst, as far as their points differ. Only
# three whole sentences are ever chosen.
#
# Pairs carry more than what you mean. If the better answer is the longer one in most pairs, "write more" is the easiest lesson to draw from them, and a judge who likes length would never tell you. So the pairs are *mirrored*: for
# each number $d$ there are as many pairs whose chosen answer is $d$ tokens longer as pairs where it is $d$ shorter; the surplus is left out.

# %% tags=["nbval-ignore-output"]
EACH = 8


def candidates_of(model, tasks, seed):
    return middles.candidates(tokenizer, tasks, middles.write(model, tokenizer, tasks, seed, each=EACH), EACH)


def shorter(pairs):
    """In how many pairs the chosen answer is shorter, and in how many longer."""
    apart = [len(pair.chosen) - len(pair.rejected) for pair in pairs]
    return sum(d < 0 for d in apart), sum(d > 0 for d in apart)


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

# %% tags=["nbval-ignore-output"]
from utils.worlds import stories

ROUNDS, PROMPTS, SEEDS = 4, 400, 3
OLD = [tokenizer.encode(stories.write(f"test old skill {number}").english, add_special_tokens=False)[:200] for number in range(60)]


def old_skill(model):
    """Nats a token on whole stories without a template, as `gpt-mini` learned them."""
    start_of_text = [[tokenizer.eos_token_id]] * len(OLD)
    return -(preferences.scores(model, start_of_text, OLD).sum() / sum(map(len, OLD))).item()


def measured(model, seed):
    """What a log keeps of a model: its answers' points, warm and greedy, words, KL from SFT; and its old skill."""
    ids = middles.write(model, tokenizer, HELD_OUT, seed)
    texts, greedy = [middles.text_of(tokenizer, y) for y in ids], written(model, temperature=0.0)
    prompts = [middles.ids_of(tokenizer, task)[0] for task in HELD_OUT]
    sentences = [sentence for text in texts for sentence in middles.split(text)]
    return {"points": points_of(HELD_OUT, texts), "greedy": points_of(HELD_OUT, greedy), "words": [len(text.split()) for text in texts],
            "sentences": [len(middles.split(text)) for text in texts], "distinct": round(len(set(sentences)) / len(sentences), 4),
            "kl": round((preferences.scores(model, prompts, ids) - preferences.scores(sft_model, prompts, ids)).mean().item(), 3),
            "old skill": round(old_skill(model), 4), "answers": [texts[:8], greedy[:8]]}  # fmt: skip


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
        found.append({"pairs": len(pairs), "notes": [[round(x, 3) for x in note] for note in notes or []], **measured(model, 50 + seed)})
    return model, found


def dpo_runs():
    (model, first), *others = (improved(seed) for seed in range(SEEDS))
    return {"SFT": [measured(sft_model, 50 + seed) for seed in range(SEEDS)],
            "DPO": [first, *(found for _, found in others)]}, weights_of(model)  # fmt: skip


ROUND = {"rounds": ROUNDS, "tasks": PROMPTS, "answers": EACH, "beta": BETA, "alpha": ALPHA, "rate": RATE, "held out": len(HELD_OUT)}
dpo_log, weights = recorded.trained("19_dpo", lesson=19, settings=ROUND | {"seeds": SEEDS}, compute=dpo_runs)
print(dpo_log)
chosen_log = recorded.results("19_chosen", lesson=19, settings=ROUND | {"seeds": 2},
                              compute=lambda: [improved(seed, chosen_alone)[1] for seed in range(2)])  # fmt: skip
print(chosen_log)
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
