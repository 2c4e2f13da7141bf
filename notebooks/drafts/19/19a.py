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
