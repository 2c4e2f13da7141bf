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

# %% [markdown]
# `summary` gives the mean with its 95 % interval over the tasks (bootstrap, lesson 6). First the programs, and the stories' own middles:

# %%
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

# %% [markdown]
# The same three stories, once by this function, once by Transformers with the same weights and labels, once by `utils`. The last number counts the prompts, too, as a careless loop would:

# %%
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

# %% [markdown] tags=["predict"]
# **Predict.** SFT's greedy answers got many more points than its answers at temperature 1. Will DPO at temperature 1 catch up with them? And which needs the pairs more: to learn what is good, or what is bad?

# %%
copier = sum(trivial["copier"]) / len(HELD_OUT)
plots.show(figures.rounds(dpo_log.results, chosen_log.results, copier),
           alt="Mean points over the rounds for DPO and SFT on the chosen, and their win rates over SFT.")  # fmt: skip


def win_rate(new, old):
    """new and old: points, (seeds, tasks). Wins as a share of the decided, with an interval over tasks; the share of ties."""
    won, decided = figures.by_task(new, old)
    return metrics.ratio_interval(won, decided), 1 - sum(decided) / (len(new) * len(new[0]))


# %% [markdown]
# On the left: each seed's mean points. On the right: of the tasks in which the points differ, the share that the new model wins. Beside SFT at temperature 1, three harder opponents:

# %%
sft_runs, last = dpo_log.results["SFT"], [run[-1] for run in dpo_log.results["DPO"]]
chosen_last = [run[-1] for run in chosen_log.results]
take = lambda runs, key: [run[key] for run in runs]
show_interval = lambda found: f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"
recorded_wins = {}
for name, new, old in (("DPO over SFT, temperature 1", take(last, "points"), take(sft_runs, "points")),
                       ("DPO over SFT, both greedy", take(last, "greedy"), take(sft_runs, "greedy")),
                       ("DPO over SFT greedy", take(last, "points"), take(sft_runs, "greedy")),
                       ("SFT on the chosen over SFT", take(chosen_last, "points"), take(sft_runs[:2], "points")),
                       ("DPO over SFT on the chosen", take(last[:2], "points"), take(chosen_last, "points")),
                       ("DPO over the copier", take(last, "points"), [trivial["copier"]] * SEEDS)):  # fmt: skip
    recorded_wins[name], ties = win_rate(new, old)
    print(f"recorded: {name:<28} {show_interval(recorded_wins[name])} of the decided; ties {ties:.0%}")

# %% [markdown]
# WINTEXT

# %% [markdown]
# ## 8. Live: the recorded model at work
#
# The weights of the first seed come with the course. The judge compares their answers with SFT's, drawn anew here. *Ties* are tasks where both have the same points.

# %% tags=["nbval-ignore-output"]
dpo_model = GPT.from_hf(theirs)
dpo_model.load_state_dict(weights, strict=False)
dpo_model.eval().requires_grad_(False)
by_dpo = {temperature: written(dpo_model, temperature=temperature) for temperature in (1.0, 0.0)}
dpo_points = {temperature: points_of(HELD_OUT, answers) for temperature, answers in by_dpo.items()}
live_win, ties = win_rate([dpo_points[1.0]], [sft_points[1.0]])
print(f"DPO at temperature 1: {summary(dpo_points[1.0])}")
print(f"DPO greedy:           {summary(dpo_points[0.0])}")
print(f"live: DPO over SFT, temperature 1: {show_interval(live_win)} of the decided; ties {ties:.0%}")

words = lambda text: len(text.split())
longer = [words(a) > words(b) for a, b in zip(by_dpo[1.0], by_sft[1.0])]
for name, wanted in (("longer", True), ("as long or shorter", False)):
    rows = [row for row, is_longer in enumerate(longer) if is_longer == wanted]
    part = win_rate([[dpo_points[1.0][row] for row in rows]], [[sft_points[1.0][row] for row in rows]])[0]
    print(f"    where DPO's answer is {name:<19} ({len(rows):>3} tasks): {show_interval(part)}")

# %% [markdown]
# BLINDTEXT
#
# Three tasks, before and after; the first column is the judge's points:

# %% tags=["nbval-ignore-output"]
for row in range(3):
    print(f"\n{middles.asked(HELD_OUT[row])}")
    for name, answers, points in (("SFT", by_sft, sft_points), ("DPO", by_dpo, dpo_points)):
        print(f"  {points[1.0][row]}  {name}, temperature 1: {answers[1.0][row]}")
        print(f"  {points[0.0][row]}  {name}, greedy:        {answers[0.0][row]}")

# %% [markdown]
# ## 9. What it cost
#
# A win rate says nothing of what was lost. Four things to look at: the KL from SFT (how far the model has moved: the mean of $\log \pi(y \mid x) - \log \pi_{\text{SFT}}(y \mid x)$ over its own answers); the length; how many sentences are *distinct* (a model
# that always says the same safe thing wins, too); and the old skill, telling whole stories without a template.

# %%
table = {"SFT": sft_runs, "SFT on the chosen": chosen_last, "DPO": last}
print(f"{'':<20}{'KL':>6}{'words':>8}{'three sentences':>18}{'distinct':>10}{'old skill, nats a token':>26}")
average = lambda runs, read: sum(map(read, runs)) / len(runs)
costs = {}
for name, runs in table.items():
    costs[name] = [average(runs, read) for read in (
        lambda run: run["kl"], lambda run: sum(run["words"]) / len(HELD_OUT),
        lambda run: run["sentences"].count(3) / len(HELD_OUT), lambda run: run["distinct"], lambda run: run["old skill"])]  # fmt: skip
    kl, length, three, distinct, nats = costs[name]
    print(f"{name:<20}{kl:>6.1f}{length:>8.1f}{three:>18.0%}{distinct:>10.0%}{nats:>26.3f}")
untouched = old_skill(start)
print(f"{'gpt-mini':<62}{untouched:>26.3f}")

# %% [markdown]
# COSTTEXT

# %% [markdown] tags=["more"]
# ### More: the leash, and why SFT stands in the loss
#
# One round with one set of pairs and one seed, once for each $\beta$; and $\beta = 0.1$ without the SFT part, for 60 and for 180 steps (three times through the pairs).
#
# **Predict.** DPO alone sees only differences. What happens to an answer's *length* when the probabilities of both answers fall?

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

# %% [markdown]
# ## 10. The library way: `DPOTrainer`
#
# TRL takes conversations and does the rest: template, masks, reference, padding. `loss_type=["sigmoid", "sft"]` with weights is our loss. Four steps on the same pairs, in the same order, with the same optimizer, from the same weights: are the losses the same?

# %%
import warnings
import tempfile

import datasets
import transformers
import trl

warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
datasets.disable_progress_bars()
END = middles.end_of_turn(tokenizer)


def spoken(pair):
    """A pair as TRL wants it: three lists of turns."""
    said = tokenizer.decode(pair.prompt).removeprefix("<|user|>").split("<|end|>")[0]
    turn = lambda role, content: [{"role": role, "content": content}]
    answers = {name: turn("assistant", middles.text_of(tokenizer, ids)) for name, ids in zip(("chosen", "rejected"), pair[1:3])}
    return {"prompt": turn("user", said)} | answers


def encoded_anew(pair):
    """The pair as it is read from its text: a sampled answer may part its words otherwise than the tokenizer would."""
    texts = [middles.text_of(tokenizer, ids) for ids in pair[1:3]]
    chosen, rejected = (tokenizer.encode(text, add_special_tokens=False) + [END] for text in texts)
    return pair._replace(chosen=chosen, rejected=rejected)


def by_trl(pairs, steps, reference=sft_model, **schedule):
    """SFT's model after so many steps of DPOTrainer, 16 pairs each, in their order; and each step's loss."""
    with tempfile.TemporaryDirectory() as folder:
        settings = trl.DPOConfig(
            output_dir=folder, beta=BETA, loss_type=["sigmoid", "sft"], loss_weights=[1.0, ALPHA], learning_rate=RATE,
            per_device_train_batch_size=16, max_steps=steps, weight_decay=0.0, max_grad_norm=1.0, bf16=False, use_cpu=True,
            gradient_checkpointing=False, train_sampling_strategy="sequential", logging_steps=1, save_strategy="no",
            report_to="none", disable_tqdm=True, **schedule)  # fmt: skip
        rows = datasets.Dataset.from_list([spoken(pair) for pair in pairs])
        both = [model and model.to_hf(theirs) for model in (sft_model, reference)]
        trainer = trl.DPOTrainer(*both, args=settings, train_dataset=rows, processing_class=tokenizer)
        trainer.remove_callback(transformers.PrinterCallback)  # it would print a line a step
        trainer.train()
    return GPT.from_hf(trainer.model), [row["loss"] for row in trainer.state.log_history if "loss" in row]

# %% [markdown]
# And the same by hand. The reference is given to the trainer as a second model, a copy of SFT's; section 13 shows what happens without it.

# %% tags=["nbval-ignore-output"]
def by_hand(pairs, steps):
    """The same with our loss: plain AdamW, a constant rate."""
    model, losses = copy.deepcopy(sft_model).requires_grad_(True), []
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.0)
    rows = with_reference(sft_model, pairs)
    for step in range(steps):
        loss = preference_loss(model, pair_batch(rows[16 * step : 16 * step + 16]), BETA, ALPHA)[0]
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses


same_pairs = [encoded_anew(pair) for pair in pairs][:64]
ours, library = by_hand(same_pairs, 4), by_trl(same_pairs, 4, lr_scheduler_type="constant")[1]
for step, two in enumerate(zip(ours, library), 1):
    print(f"step {step}: our loss {two[0]:.4f}, DPOTrainer's {two[1]:.4f}")
off_trl = max(abs(a - b) for a, b in zip(ours, library))
print(f"equal: {off_trl < 1e-3}")
assert len(ours) == len(library) and off_trl < 1e-3

# %% [markdown]
# So are they after a whole round? Its shuffling and its schedule are not quite ours (section 6), so the two weights differ; the result should not.

# %%
def trainer_round():
    tasks = middles.tasks(PROMPTS, "train", "round 0, seed 0")
    pairs = [encoded_anew(pair) for pair in middles.mirrored(candidates_of(sft_model, tasks, seed=0), 0)]
    schedule = {"lr_scheduler_type": "cosine_with_min_lr", "lr_scheduler_kwargs": {"min_lr_rate": 0.1}, "warmup_steps": 10}
    model, losses = by_trl(pairs, 60, **schedule)
    return {"losses": [round(loss, 4) for loss in losses], **measured(model, 50)}


trainer_log = recorded.results("19_trainer", lesson=19, settings=ROUND, compute=trainer_round)
first_round = dpo_log.results["DPO"][0][0]
both = {"own loop": first_round["points"], "DPOTrainer": trainer_log.results["points"]}
for name, points in both.items():
    wins = win_rate([points], [sft_runs[0]["points"]])[0]
    print(f"recorded, one round: {name:<11} {summary(points)}; over SFT {show_interval(wins)}")
same_result = metrics.gain_interval(both["own loop"], both["DPOTrainer"])
print(f"DPOTrainer's points minus the loop's: {same_result.value:+.2f} [{same_result.low:+.2f}, {same_result.high:+.2f}]")
assert same_result.low < 0 < same_result.high

# %% [markdown]
# Equal step by step where all is equal, and within noise where the order is another. At work you take `DPOTrainer`; you read its log with the eyes of section 6: `rewards/chosen` is $\beta h_w$, `rewards/margins` is $\beta\,(h_w - h_l)$, and `rewards/accuracies` the share in order.

# %% [markdown]
# ## 11. A real model: SmolLM2 and `preferences`
#
# The same loss on a real language model. SmolLM2 (lesson 13: 135 million weights, tuned for chat by its makers) gets LoRA of rank 8 (lesson 13) and `preferences`: 609 pairs that an AI language model wrote for this course, no two alike, each with the
# reason of the choice in a word. The rejected answers are wrong on purpose. The reference costs no second model: LoRA switched off *is* the reference.
#
# No program can judge open answers such as these. What can be measured is whether the *held-out pairs* are put in the right order by $h_w > h_l$, the *implicit reward* of lesson 18. That must not be length: "the longer one" finds 42 % of
# the chosen test answers, "the shorter one" somewhat more than half.

# %% [markdown] tags=["predict"]
# **Predict.** Eight reasons: clear, complete, concise, correct, helpful, honest, polite, safe. Which will 150 steps on a small model teach, and which can they not?

# %%
from utils import lora
from utils.generation import LibraryModel, Sampling, generate

SMOL = {"steps": 150, "pairs a step": 4, "rate": 3e-4, "rank": 8, "beta": 0.1}
preferred = catalog.load("preferences")


def smol_pair(tokenizer, row):
    """Prompt, chosen and rejected as ids, by SmolLM2's chat template."""
    turns = [{"role": "system", "content": "You are a helpful assistant."}, {"role": "user", "content": row["prompt"]}]
    prompt = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False)
    ids = lambda text: tokenizer.encode(text, add_special_tokens=False)
    return prompt, *(ids(row[name]) + [tokenizer.convert_tokens_to_ids("<|im_end|>")] for name in ("chosen", "rejected"))


def smol_answers(model, tokenizer, rows, longest=60):
    """Greedy answers to the rows' prompts: texts, and whether each came to its end."""
    prompts, end = [smol_pair(tokenizer, row)[0] for row in rows], tokenizer.convert_tokens_to_ids("<|im_end|>")
    ids = [torch.tensor(prompt) for prompt in prompts]
    ids = torch.nn.utils.rnn.pad_sequence(ids, True, tokenizer.pad_token_id, padding_side="left")
    mask = torch.tensor([[False] * (ids.shape[1] - len(prompt)) + [True] * len(prompt) for prompt in prompts])
    options = {"mask": mask, "end_id": end, "pad_id": tokenizer.pad_token_id}
    out = generate(LibraryModel(model), ids, longest, Sampling(temperature=0.0), torch.Generator(), **options)
    out = out[:, ids.shape[1] :]
    return [tokenizer.decode(row, skip_special_tokens=True).strip() for row in out], [end in row for row in out.tolist()]


def smol_log_probs(model, tokenizer, rows):
    """log pi of chosen and rejected answers, (rows,) each."""
    prompts, *both = zip(*(smol_pair(tokenizer, row) for row in rows))
    return [preferences.scores(model, prompts, answers, batch=8) for answers in both]

# %% [markdown]
# The run: what the reference says of all pairs, once; LoRA; 150 steps of four pairs, about once through them; everything again.

# %%
def smol_run():
    model, tokenizer = catalog.load("smollm2")
    model.float().requires_grad_(False)
    torch.manual_seed(19)
    train, test = list(preferred["train"]), list(preferred["test"])
    articles = [tokenizer.encode(row["article"])[:101] for row in list(catalog.load("articles")["test"])[:20]]
    first, rest = [ids[:1] for ids in articles], [ids[1:] for ids in articles]
    old = lambda: -(preferences.scores(model, first, rest, batch=4).sum() / 2000).item()
    before, answers, nats = smol_log_probs(model, tokenizer, test), smol_answers(model, tokenizer, test[:40]), old()
    fixed = smol_log_probs(model, tokenizer, train)
    lora.add(model, lora.Config(lora.TARGETS["llama"][1], rank=SMOL["rank"], alpha=2 * SMOL["rank"]))
    items, notes = [(*smol_pair(tokenizer, row), *two) for row, *two in zip(train, *fixed)], []

    def loss_of(model, batch):
        loss, h_w, h_l = preference_loss(model, batch, SMOL["beta"], 0.0)
        notes.append([round(x, 3) for x in (loss.item(), h_w.mean().item(), h_l.mean().item())])
        return loss

    settings = training.Settings(SMOL["steps"], learning_rate=SMOL["rate"], warmup=5, weight_decay=0.0, dtype=torch.float32)
    training.train(model, loss_of, training.Shuffled(items, SMOL["pairs a step"], pair_batch, seed=0), settings)
    after = smol_log_probs(model, tokenizer, test)
    lengths = [[len(y) for y in smol_pair(tokenizer, row)[1:]] for row in test]
    round_all = lambda two: [[round(x, 3) for x in part.tolist()] for part in two]
    both = [answers, smol_answers(model, tokenizer, test[:40])]
    return {"notes": notes, "before": round_all(before), "after": round_all(after), "lengths": lengths, "answers": both,
            "nats": [round(nats, 4), round(old(), 4)]}  # fmt: skip


# %% [markdown]
# Of the recorded run, the held-out pairs, by their lengths and by their reasons:

# %%
smol_log = recorded.results("19_smollm2", lesson=19, settings=SMOL, compute=smol_run)
print(smol_log)

smol = smol_log.results
before, after = torch.tensor(smol["before"]), torch.tensor(smol["after"])  # (2, pairs): log pi of chosen, rejected
margins = (after - before)[0] - (after - before)[1]  # h_w - h_l
apart = torch.tensor([w - l for w, l in smol["lengths"]])  # tokens
reasons = [row["reason"] for row in preferred["test"]]
facts, right = [reason in ("correct", "honest") for reason in reasons], margins > 0
shares = {"chosen likelier, before": before[0] > before[1], "shorter answer": torch.where(apart == 0, 0.5, (apart < 0).float()),
          "after: h_w > h_l": right, "    chosen longer": right[apart > 0], "    chosen shorter": right[apart < 0],
          "    correct, honest": right[facts]}  # fmt: skip
implicit = {name: metrics.mean_interval(found.float().tolist()) for name, found in shares.items()}
for name, found in implicit.items():
    print(f"{name:<24} {show_interval(found)}  of {len(shares[name])} pairs")
(texts, ended), (texts_after, ended_after) = smol["answers"]
words_of = lambda texts: sum(len(text.split()) for text in texts) / len(texts)
print(f"40 test prompts, greedy, ended within 60 tokens: {sum(ended)}, after {sum(ended_after)}")
print(f"their words: {words_of(texts):.0f}, after {words_of(texts_after):.0f}")
print(f"old skill, nats a token of articles: {smol['nats'][0]:.3f}, after {smol['nats'][1]:.3f}")
plots.show(figures.smollm2(smol, reasons),
           alt="Held-out pairs in the right order, by reason; and the margin over the difference of lengths.")  # fmt: skip

# %% [markdown]
# SMOLTEXT

# %% tags=["nbval-ignore-output"]
for row in (0, 3, 8):
    print(f"\n{preferred['test'][row]['prompt']}  [{preferred['test'][row]['reason']}]")
    print(f"  before: {texts[row][:180]}\n  after:  {texts_after[row][:180]}")

# %% [markdown]
# READTEXT

# %% [markdown]
# ## 12. On a GPU: UltraFeedback
#
# At work: tens of thousands of pairs, a trainer, PEFT. With a GPU and the Hub this cell takes 200 steps of eight pairs from UltraFeedback (Cui et al., 2023: prompts from many sources, answers of many models, preferences by GPT-4); elsewhere one step of two short pairs of `preferences`. With `peft_config` the trainer switches
# the adapters off for the reference, as we did.

# %% tags=["gpu", "hub", "nbval-ignore-output"]
import peft

large = runtime.gpu("trains 200 steps of eight pairs", needs="a GPU with 8 GB")
large = large and runtime.hub("reads UltraFeedback", needs="a download of 235 MB")
smollm2 = catalog.load("smollm2")
turn = lambda role, content: [{"role": role, "content": content}]
roles = {"prompt": "user", "chosen": "assistant", "rejected": "assistant"}
rows = catalog.load("ultrafeedback" if large else "preferences")["train"].select(range(1600 if large else 2))
rows = datasets.Dataset.from_list([{name: turn(roles[name], row[name]) for name in roles} for row in rows])
with tempfile.TemporaryDirectory() as folder:
    settings = trl.DPOConfig(
        output_dir=folder, beta=0.1, learning_rate=2e-4, max_steps=200 if large else 1, max_length=512 if large else 128,
        per_device_train_batch_size=8 if large else 2, logging_steps=20 if large else 1, gradient_checkpointing=False,
        bf16=False, use_cpu=run.device == "cpu", save_strategy="no", report_to="none", disable_tqdm=True)  # fmt: skip
    adapters = peft.LoraConfig(task_type="CAUSAL_LM", r=8, lora_alpha=16, target_modules="all-linear")
    trainer = trl.DPOTrainer(smollm2.model.float(), args=settings, train_dataset=rows, processing_class=smollm2.tokenizer,
                             peft_config=adapters)  # fmt: skip
    trainer.remove_callback(transformers.PrinterCallback)
    trainer.train()
steps = [row for row in trainer.state.log_history if "loss" in row]
for row in steps:
    print(f"step {row['step']:>3}: loss {row['loss']:.3f}, accuracy {row['rewards/accuracies']:.2f}")
work_start = steps[0]["loss"]
del trainer, smollm2
assert large or abs(work_start - 0.6931) < 1e-3

# %% [markdown]
# ## 13. Where it goes wrong
#
# **A reference from the disk.** `DPOTrainer` without `ref_model` (and without PEFT) loads a *new* copy of the model by the name in its configuration. Weights that were changed in memory are not in it: here the reference would be `gpt-mini` before SFT. Nothing fails. The sign is the first loss, which is not $\ln 2$ plus the SFT part.

# %% tags=["nbval-ignore-output"]
wrong = by_trl(same_pairs[:16], 1, reference=None, lr_scheduler_type="constant")[1][0]
print(f"first loss: {library[0]:.3f} with our reference, {wrong:.3f} with the one that the trainer loads")
assert wrong > library[0] + 0.1

# %% [markdown]
# **The template forgotten.** The model has learned to answer behind `<|assistant|>`. Asked in plain text, as its own example shows it, it does not know that it was asked:

# %% tags=["nbval-ignore-output"]
from utils.alignment.policy import rollout

asked = [tokenizer.encode(middles.asked(task), add_special_tokens=False) for task in HELD_OUT[:40]]
plain = rollout(sft_model, asked, 64, torch.Generator().manual_seed(0), END, 0, Sampling(temperature=0.0))
plain_points = points_of(HELD_OUT[:40], [middles.text_of(tokenizer, ids[mask].tolist()) for ids, mask in zip(*plain)])
print(f"greedy, 40 tasks: with the template {sum(sft_points[0.0][:40]) / 40:.2f}, without {sum(plain_points) / 40:.2f}")
assert sum(plain_points) < sum(sft_points[0.0][:40])

# %% [markdown]
# **Ties swept under.** Of a hundred tasks 40 ties, 45 wins, 15 losses. "Wins in 45 %", "in 65 %" (a tie as half a win) and "in 75 % of the decided" are the same result. Say which one you give, and give the ties.
#
# **Teacher and examiner in one.** The judge that made the pairs also says who wins. That measures whether DPO learned what it was taught, on new stories; whether the judge's taste is yours is another question (lesson 18's hack).
#
# **More steps, because the margin still grows.** It always grows. Look at what the model writes.

# %% [markdown]
# ## Check yourself
#
# 1. Why does the end of the turn count as a token of the answer, and the prompt not?
#
# <details><summary>Answer</summary>Without the end the model never learns to stop. The prompt is given: learning to write it takes capacity from the answers, and most of its loss cannot be learned.</details>
#
# 2. The first loss of a DPO run is 0.95. What do you look at?
#
# <details><summary>Answer</summary>At the reference: at step 1 it must be the policy, and then all h are 0 and the loss is ln 2 = 0.693 (plus the SFT part, if there is one). Another reference, dropout, or another template breaks that.</details>
#
# 3. Chosen answers are longer in 70 % of your pairs. What can happen, and what do you do?
#
# <details><summary>Answer</summary>The model may learn to write more. Balance the pairs by length, and measure wins among answers that did not get longer.</details>
#
# 4. 200 tasks: 90 wins, 30 losses, 80 ties. What is the win rate?
#
# <details><summary>Answer</summary>0.75 of the decided, with 40 % ties; or 0.65 with ties as halves. Say which.</details>
#
# 5. Why new pairs in each round, and not four times through the first?
#
# <details><summary>Answer</summary>The old pairs show the old model's mistakes. Trained on them longer, log-ratios go on falling, also those of the chosen answers, and what is written gets worse (section 9).</details>

# %% [markdown]
# ## Exercises
#
# ### Exercise 19.1 · Labels of a conversation (difficulty 2, 15 minutes)
#
# A conversation has several turns, and the model shall learn all answers in it, each with its end token. You get the turns, (role, ids) each, the ids with the marks that the template wrote: a turn of the assistant is `[mark, ..., end]`. The mark that opens a turn is
# given to the model when it writes, so it does not count; the end token does. Give ids and labels, lists as long as the conversation, $-100$ where nothing is to be learned. Do not shift: Transformers does.
#
# <details><summary>Hint</summary>
#
# For a turn of the assistant: `labels += [-100, *ids[1:]]`.
# </details>

# %% tags=["exercise"]
def conversation_labels(turns):
    """[(role, ids), ...] -> ids and labels of the whole conversation."""
    raise NotImplementedError

# %% tags=["check"]
from utils.course import exercises


@exercises.check("19.1", conversation_labels)
def check_conversation_labels(attempt):
    turns = [("user", [2, 40, 41, 4]), ("assistant", [3, 50, 51, 52, 4]), ("user", [2, 42, 4]), ("assistant", [3, 53, 4])]
    before = [(role, list(ids)) for role, ids in turns]
    got = attempt(turns)
    assert isinstance(got, (tuple, list)) and len(got) == 2, "Two lists are asked for: ids and labels."
    assert turns == before, "The turns were changed: build new lists."
    ids, labels = ([int(x) for x in part] for part in got)
    whole = [token for _, some in before for token in some]
    assert ids == whole, f"The ids should be those of all turns, one behind the other: {whole}."
    assert len(labels) == len(ids), f"{len(ids)} ids need {len(ids)} labels, not {len(labels)}."
    n = -100
    wanted = [n, n, n, n, n, 50, 51, 52, 4, n, n, n, n, 53, 4]
    assert labels != whole, "Everything counts: the user's turns must be -100."
    assert labels != [n] * 9 + wanted[9:], "Only the last answer counts. All answers of the assistant are to be learned."
    assert labels != [x if x != 4 else n for x in wanted], "The end token does not count in yours: the model would never learn to stop."
    assert labels != [n, n, n, n, 3, 50, 51, 52, 4, n, n, n, 3, 53, 4], "The mark that opens the turn is given, not written: -100."
    assert labels != [*wanted[1:], n], "The labels are shifted. Transformers shifts them itself: the label of a token stands at its own place."
    swapped = [2 if x == 2 else x for x in [n, 40, 41, 4, n, n, n, n, n, n, 42, 4, n, n, n]]
    assert labels != swapped, "The user's turns count, and the assistant's do not: turn it round."
    assert 0 not in labels, "What does not count is -100. 0 is a token like others, and would be learned."
    assert labels == wanted, f"The labels should be {wanted}, not {labels}."
    only = attempt([("user", [2, 7, 4])])
    assert list(only[1]) == [n, n, n], "A conversation without an answer has nothing to learn: all labels -100."

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def conversation_labels_solution(turns):
    ids, labels = [], []
    for role, some in turns:
        ids += some
        labels += [-100, *some[1:]] if role == "assistant" else [-100] * len(some)
    return ids, labels


check_conversation_labels(conversation_labels_solution)

# %% [markdown]
# ### Exercise 19.2 · A win rate without drawing (difficulty 2, 15 minutes)
#
# An interval without a bootstrap: Wilson's (1927). With $n$ decided tasks, the share $p$ of wins among them, and $z = 1.96$, its ends are
#
# $$ \frac{p + \frac{z^2}{2n} \pm z \sqrt{\frac{p (1 - p)}{n} + \frac{z^2}{4 n^2}}}{1 + \frac{z^2}{n}} . $$
#
# You get two lists of points, of the new and of the old model on the same tasks. Give win rate, low and high end, and the share of ties among all tasks. With no decided task the win rate is 0.5, from 0 to 1.
#
# <details><summary>Hint</summary>
#
# `wins = sum(a > b for a, b in zip(new, old))`, and `losses` likewise; ties do not enter `n`.
# </details>

# %% tags=["exercise"]
def win_rate_wilson(new, old):
    """Points of both on the same tasks -> win rate, low, high, share of ties."""
    raise NotImplementedError

# %% tags=["check"]
from utils.course import exercises


@exercises.check("19.2", win_rate_wilson)
def check_win_rate_wilson(attempt):
    def wilson(p, n, z=1.96):
        middle, half = p + z * z / (2 * n), z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
        return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)

    new, old = [6, 6, 6, 3, 2, 6, 5, 4, 6, 6, 6, 1], [3, 6, 5, 3, 3, 6, 6, 2, 1, 0, 6, 0]  # 6 wins, 2 losses, 4 ties
    got = attempt(list(new), list(old))
    assert isinstance(got, (tuple, list)) and len(got) == 4, "Four numbers are asked for: win rate, low, high, share of ties."
    rate, low, high, ties = map(float, got)
    close = lambda a, b: abs(a - b) < 1e-6
    assert not close(rate, 0.5), "Ties count as losses in yours: they are left out of the win rate."
    assert not close(rate, 8 / 12), "A tie counts as half a win in yours: here ties are left out."
    assert not close(rate, 10 / 12), "Ties count as wins in yours: `>` and not `>=`."
    assert not close(rate, 0.25), "That is the old model's win rate."
    assert close(rate, 0.75), f"6 wins and 2 losses: the win rate should be 0.75, not {rate:.4f}."
    assert not close(ties, 4 / 8), "The share of ties is one of all 12 tasks, not of the decided."
    assert close(ties, 4 / 12), f"4 of 12 tasks are ties: {4 / 12:.4f}, not {ties:.4f}."
    plain = 1.96 * (0.75 * 0.25 / 8) ** 0.5
    assert not close(low, 0.75 - plain), "That is the normal interval, p plus or minus z times the standard error: it goes past 1 for few tasks. Wilson's is asked for."
    assert not close(low, wilson(0.75, 12)[0]), "n is the number of decided tasks, 8, and not of all."
    assert not close(low, wilson(0.75, 8)[1]), "Low and high are exchanged."
    assert close(low, wilson(0.75, 8)[0]) and close(high, wilson(0.75, 8)[1]), "The ends should be {:.4f} and {:.4f}, not {:.4f} and {:.4f}.".format(*wilson(0.75, 8), low, high)
    assert close(float(attempt([1, 1], [0, 0])[2]), 1.0), "Two wins of two: the upper end is 1."
    nothing = list(map(float, attempt([3, 3], [3, 3])))
    assert nothing == [0.5, 0.0, 1.0, 1.0], f"With ties alone nothing is known: 0.5, 0, 1, and ties 1; not {nothing}."

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def win_rate_wilson_solution(new, old, z=1.96):
    wins, losses = sum(a > b for a, b in zip(new, old)), sum(a < b for a, b in zip(new, old))
    n, ties = wins + losses, 1 - (wins + losses) / len(new)
    if n == 0:
        return 0.5, 0.0, 1.0, ties
    p = wins / n
    half = z * (p * (1 - p) / n + z**2 / (4 * n**2)) ** 0.5
    return p, (p + z**2 / (2 * n) - half) / (1 + z**2 / n), (p + z**2 / (2 * n) + half) / (1 + z**2 / n), ties


check_win_rate_wilson(win_rate_wilson_solution)

# %% [markdown]
# ### Exercise 19.3 · How much the length tells (difficulty 3, 20 minutes)
#
# A rule that sees nothing but $d$, the tokens of answer A minus those of answer B, says which of the two was chosen. Any rule that does not care which is called A: if it says A for $d$, it says B for $-d$; for $d = 0$ it guesses. It may have another opinion for each $|d|$.
# You get chosen minus rejected tokens of pairs. In what share of them can the *best* such rule be right?
#
# <details><summary>Hint</summary>
#
# For each $|d| > 0$ it picks the sign that is more frequent: `max(counts[d], counts[-d])`.
# </details>

# %% tags=["exercise"]
def best_by_length(differences):
    """Tokens of the chosen minus tokens of the rejected answer, whole numbers -> a share from 0.5 to 1."""
    raise NotImplementedError

# %% tags=["check"]
from utils.course import exercises


@exercises.check("19.3", best_by_length)
def check_best_by_length(attempt):
    given = [3, 3, 3, -3, 5, -5, -5, -5, -5, 0, 0, 8]  # |3|: 3 of 4; |5|: 4 of 5; 0: half of 2; |8|: 1 of 1
    before = list(given)
    got = float(attempt(given))
    assert given == before, "The list was changed: make a new one."
    close = lambda a, b: abs(a - b) < 1e-9
    assert not close(got, 5 / 12) and not close(got, 6 / 12), "That is the rule 'the longer one'. The best rule may say something else for each difference."
    assert not close(got, 8 / 12), "For d = 0 the rule guesses, and is right half of the time: each of those pairs counts 0.5."
    assert not close(got, 10 / 12), "For d = 0 it must guess: half a pair each, not a whole one."
    assert not close(got, 8 / 10), "The pairs with d = 0 are pairs, too: the share is one of all."
    assert not close(got, 3 / 12), "That is where the worse rule is right: `max`, not `min`."
    assert close(got, 9 / 12), f"The best rule is right in 9 of these 12: 0.75, not {got:.4f}."
    assert close(float(attempt([4, -4, 1, -1, 0])), 0.5), "Of mirrored pairs no rule finds more than half: 0.5."
    assert close(float(attempt([2, 2, -7])), 1.0), "Here 'longer' for 2 and 'shorter' for 7 is always right: 1."

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def best_by_length_solution(differences):
    right = 0.0
    for size in {abs(d) for d in differences}:
        right += max(differences.count(size), differences.count(-size)) if size else differences.count(0) / 2
    return right / len(differences)


check_best_by_length(best_by_length_solution)

# %% [markdown]
# ### Exercise 19.4 · Pairs that may be the wrong way round (difficulty 3, 20 minutes)
#
# People err. Say that a share $\epsilon$ of the pairs is labelled the wrong way round. Then take the mean of both losses, weighted so (Chowdhury et al., 2024, and TRL's `label_smoothing`, start from this thought):
#
# $$ \mathcal{L} = -(1 - \epsilon) \log \sigma(\beta d) - \epsilon \log \sigma(-\beta d), \qquad d = h_w - h_l . $$
#
# Give the mean loss over the pairs, and the margin $d^*$ at which a single pair's loss is lowest. For $\epsilon = 0$ that is infinity: plain DPO never has enough.
#
# <details><summary>Hint</summary>
#
# The derivative by $\beta d$ is $\sigma(\beta d) - (1 - \epsilon)$. Set it to 0.
# </details>

# %% tags=["exercise"]
def smoothed_dpo(h_w, h_l, beta, epsilon):
    """Log-ratios (N,) and (N,), two numbers, epsilon from 0 to below 0.5 -> the mean loss, (), and the best margin, a number."""
    raise NotImplementedError

# %% tags=["check"]
from utils.course import exercises


@exercises.check("19.4", smoothed_dpo)
def check_smoothed_dpo(attempt):
    import math

    import torch
    import torch.nn.functional as F

    h_w, h_l = torch.tensor([0.5, -1.0, 2.0]), torch.tensor([-0.5, 1.5, -4.0])
    right = lambda e, b=0.5, d=h_w - h_l: (-(1 - e) * F.logsigmoid(b * d) - e * F.logsigmoid(-b * d)).mean().item()
    got = attempt(h_w.clone(), h_l.clone(), 0.5, 0.2)
    assert isinstance(got, (tuple, list)) and len(got) == 2, "Two things are asked for: the loss and the best margin."
    loss, best = float(got[0]), float(got[1])
    likely = {
        right(0.0): "epsilon is not in it: that is plain DPO.",
        right(0.8): "epsilon and 1 - epsilon are exchanged.",
        3 * right(0.2): "The mean over the pairs is asked for, not the sum.",
        right(0.2, 1.0): "beta is missing inside the sigmoid.",
        0.8 * right(0.0): "The second part, for the pair turned round, is missing.",
        -F.logsigmoid(0.5 * (1 - 2 * 0.2) * (h_w - h_l)).mean().item(): "The mean is taken inside the logarithm's argument. It is two losses that are weighted.",
        right(0.2, 0.5, h_l - h_w): "h_w and h_l are exchanged.",
        (-(1 - 0.2) * F.logsigmoid(0.5 * (h_w - h_l)) + 0.2 * F.logsigmoid(-0.5 * (h_w - h_l))).mean().item(): "The second part has the wrong sign: both are losses.",
    }
    for value, message in likely.items():
        assert abs(loss - value) > 1e-5, message
    assert abs(loss - right(0.2)) < 1e-5, f"The loss should be {right(0.2):.4f}, not {loss:.4f}."
    wanted = math.log(0.8 / 0.2) / 0.5
    assert abs(best - math.log(4)) > 1e-6, "That is beta times the best margin: divide by beta."
    assert abs(best + wanted) > 1e-6, "The sign is turned round: with epsilon below 0.5 the chosen answer should be ahead."
    assert abs(best - 0.8 / 0.5) > 1e-6 and abs(best - 0.8) > 1e-6, "sigma(beta d) is 1 - epsilon there: take the inverse of sigma, the logarithm of the odds."
    assert abs(best - wanted) < 1e-5, f"The best margin should be {wanted:.4f}, not {best:.4f}."
    try:
        endless = float(attempt(h_w, h_l, 0.5, 0.0)[1])
    except (ZeroDivisionError, ValueError):
        raise AssertionError("epsilon = 0 ends in an error. The best margin is infinity then.") from None
    assert endless == math.inf, f"Without noise the best margin is infinity, not {endless}."
    far = torch.tensor([400.0])
    assert math.isfinite(float(attempt(far, -far, 1.0, 0.2)[0])), "For a large margin the loss is infinite: use `logsigmoid`, not the logarithm of `sigmoid`."

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def smoothed_dpo_solution(h_w, h_l, beta, epsilon):
    import math

    import torch.nn.functional as F

    d = beta * (h_w - h_l)
    loss = -(1 - epsilon) * F.logsigmoid(d) - epsilon * F.logsigmoid(-d)
    return loss.mean(), math.log((1 - epsilon) / epsilon) / beta if epsilon else math.inf


check_smoothed_dpo(smoothed_dpo_solution)

# %% [markdown] tags=["open-task"]
# ### Open task · Your own examiner (3 hours)
#
# Take a job of your own for `gpt-mini` or SmolLM2 that a program can judge (answers of a fixed form, a story without a given word, a list in order). Make demonstrations, fine-tune, make pairs, train, and **decide what you would ship: SFT, SFT on the best answers, or DPO**.
#
# | points | for |
# |---|---|
# | 2 | the judge, in one sentence and in code, blind to length, and the best trivial program's points |
# | 2 | SFT at two temperatures, with intervals |
# | 3 | DPO and SFT on the best answers, two seeds or more, win rates with ties and intervals |
# | 2 | what it cost: KL, length, distinct answers, an old skill |
# | 1 | the decision, and what would change it |

# %% [markdown]
# ## Scorecard
#
# The second card has what was drawn live.

# %% tags=["scorecard"]
from utils.course.scorecard import Scorecard

card = Scorecard(lesson=19)
won = recorded_wins["DPO over SFT, temperature 1"]
card.at_least("recorded: win rate of DPO over SFT on held-out tasks, three seeds", won.value, 0.7)
CARD
card.show()

# %% tags=["scorecard", "nbval-ignore-output"]
card = Scorecard(lesson=19)
LIVECARD
card.show()

# %% [markdown]
# ## Summary
#
# SUMMARY
#
# **New words**, in the [glossary](../data/glossary.md): chat template; completion-only loss; demonstration; SFT; on-policy pairs; win rate; tie; mirrored pairs; implicit reward; likelihood displacement; rejection sampling.
#
# **Papers.** Wilson, *Probable Inference, the Law of Succession, and Statistical Inference*, 1927 · Ouyang et al., [InstructGPT](https://arxiv.org/abs/2203.02155), 2022 · Rafailov et al., [DPO](https://arxiv.org/abs/2305.18290), 2023 · Cui et al., [UltraFeedback](https://arxiv.org/abs/2310.01377), 2023 ·
# Park et al., [length in DPO](https://arxiv.org/abs/2403.19159), 2024 · Chowdhury et al., [robust DPO](https://arxiv.org/abs/2403.00409), 2024 · Pang et al., [iterative reasoning preference optimization](https://arxiv.org/abs/2404.19733), 2024 · Razin et al., [likelihood displacement](https://arxiv.org/abs/2410.08847), 2024
#
# **Next:** lesson 20 asks what changes when models become large.
