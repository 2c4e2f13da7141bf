# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # 1 · What transformers are used for
#
# **[Open in Colab](https://colab.research.google.com/github/OWNER/transformers-course/blob/main/notebooks/01_use_cases.ipynb)** ·
# level 1 of 3 · needs nothing but Python · [notation](../data/notation.md) · [glossary](../data/glossary.md)
#
# | what it costs | time | memory | download |
# |---|---|---|---|
# | CPU, two cores (measured 2026-11-26) | 90 s | 2 GB | none |
# | Colab T4 (estimated) | 4 min, most of it downloads | 6 GB | 3.3 GB |
# | larger GPU (estimated) | 3 min, most of it downloads | 6 GB | 3.3 GB |
#
# Somebody hands you a language model and says that it translates, answers and sums up. You try it, and it writes fluent
# English. Two questions follow, and this lesson answers both for nine tasks: **how would you know that it is any good**,
# and **do you need a general model, or a small one made for your task**? You will put a real language model, small
# specialists and programs of three lines on the same rows, and count.
#
# The *core path* of 50 minutes is every cell without the tag `more`. Cells with that tag go deeper; a class leaves them out.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## You will be able to
#
# 1. **name** nine uses of transformers, with what goes in, what comes out and the architecture that fits;
# 2. **ask** a general model for a task in words, and **call** a specialist for the same task;
# 3. **measure** each task by the metric of its field, worked by hand first;
# 4. **compare** models on the same rows, beside the best trivial program, with an interval;
# 5. **read** what a model wrote, and say where the score hides what is wrong.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Set-up
#
# The same cell opens every lesson. On Colab it fetches the course and what is missing there; everywhere it finds the
# course's folder and prints the *run card*: what this run runs on, and what it will load from where.

# %% slideshow={"slide_type": "-"} tags=["setup", "nbval-ignore-output"]
import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: threads that wait shall sleep, not spin
REPOSITORY = "OWNER/transformers-course"
if "google.colab" in sys.modules and not Path("/content/course").is_dir():
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", f"https://github.com/{REPOSITORY}", "/content/course"], check=True)
folders = [Path.cwd(), *Path.cwd().parents, Path("/content/course")]
root = next((folder for folder in folders if (folder / "utils" / "__main__.py").is_file()), None)
assert root, "The course's folder was not found. Open this notebook inside the course, or in a folder below it."
sys.path.insert(0, str(root))

from utils.course import runtime

run = runtime.start(lesson=1)

# %% [markdown] slideshow={"slide_type": "slide"}
# The picture of the answer comes first. A row is a task on one set of texts, a mark is a score, and the line through the
# mark says how far the score might move on other texts of the same kind. You will compute every mark below; section 14
# draws the picture again from this run and checks that it agrees.

# %% jupyter={"source_hidden": true} slideshow={"slide_type": "fragment"}
from utils.course import plots, recorded

PROGRAMS = ("SmolLM2, the general model", "the specialist", "the best trivial program")


def picture(results):
    """The scores between 0 and 1 on the left; bits a character, where less is better, on the right."""
    figure, axes = plots.figure(columns=2, width=9.6, height=5.4, width_ratios=(3, 1.25))
    for place, unit in zip(axes, ("score, 1 is best", "bits a character, less is better")):
        tasks = [task for task in results if ("bits" in task) == ("bits" in unit)]
        series = {name: [results[task][number] for task in tasks] for number, name in enumerate(PROGRAMS)}
        plots.scores_side_by_side(place, [task.replace(", bits", "") for task in tasks], series)
        place.set(xlabel=unit, xlim=(0, 1.02) if unit.startswith("score") else (0, None))
    axes[0].set_title("The specialist wins on the texts that it was made for,")
    axes[1].set_title("the general model elsewhere")
    axes[0].legend(loc="upper center", bbox_to_anchor=(0.5, -0.11), ncol=3)
    plots.show(figure, alt="Scores with intervals of the general model, the specialist and the best trivial program, task by task.")


picture(recorded.load("01_scores").results)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1. One model, five jobs
#
# SmolLM2-135M-Instruct is a real language model, made by Hugging Face in 2024: it read two trillion tokens of web pages and programs, and
# was then taught to answer requests. It has 135 million **weights**, the numbers that training sets. DeepSeek-V3, a large
# open model, has 671 billion, five thousand times as many. Ours fits a laptop and needs no network.
#
# It does one thing: it reads a text and says how likely each **token** is to come next. A token is a piece of text, a short
# word or a part of a longer one (lesson 3). Taking the likeliest token, appending it and asking again makes it write; a model
# that writes so is called **generative**.

# %% [markdown] slideshow={"slide_type": "-"}
# Replace the text, the question and the beginning by your own, then run the section again.

# %% slideshow={"slide_type": "-"}
import torch

from utils.data import catalog

smol, smol_tokenizer = catalog.load("smollm2", dtype=torch.float32)
smol = smol.to(run.device)
smol_tokenizer.padding_side = "left"  # prompts of a batch differ in length: each must end where the writing begins

TEXT = """The old lighthouse at Cape Orlin was going to be torn down this spring. Then Maria Keller, a teacher from Dunmore,
started a petition, and within three weeks 4,000 people had signed it. On Monday the town council voted seven to two to keep
the building. It will reopen in June as a small museum, run by the Dunmore History Society.""".replace("\n", " ")
QUESTION = "Who started the petition?"
BEGINNING = "When the museum opens,"

# %% [markdown] slideshow={"slide_type": "-"}
# How does a model that only goes on with a text answer a request? The request is put into a form that it met in training,
# its **chat template**, which marks who speaks. The last line opens the assistant's turn, and the likeliest way to go on is
# an answer. What you give a model to read is its **prompt**.

# %% slideshow={"slide_type": "-"}
def chat(request, system=None):
    """The request in SmolLM2's chat template; `system`: a standing order in front of it."""
    turns = [{"role": "system", "content": system}] if system else []
    turns.append({"role": "user", "content": request})
    return smol_tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)


print(chat("What is the capital of France?"))

# %% [markdown] slideshow={"slide_type": "-"}
# `complete` lets it write: token after token, until it ends its turn, or writes `stop`, or has written `longest` tokens. Twelve
# prompts go through together, which takes much less time than one after the other.

# %% slideshow={"slide_type": "-"}
END = "<|endoftext|>"  # the token that parts two texts in its training


@torch.no_grad()
def complete(prompts, longest, stop=None):
    """What SmolLM2 writes after each prompt, taking the likeliest token each time."""
    written = []
    for first in range(0, len(prompts), 12):
        batch = prompts[first : first + 12]
        inputs = smol_tokenizer(batch, padding=True, add_special_tokens=False, return_tensors="pt").to(run.device)
        options = {"stop_strings": stop, "tokenizer": smol_tokenizer} if stop else {}
        ids = smol.generate(**inputs, max_new_tokens=longest, do_sample=False, **options)
        texts = smol_tokenizer.batch_decode(ids[:, inputs.input_ids.shape[1] :], skip_special_tokens=True)
        written += [(text.split(stop)[0] if stop else text).strip() for text in texts]
    return written

# %% [markdown] slideshow={"slide_type": "slide"} tags=["predict"]
# **Predict.** Five jobs on the text above: rewrite it as three points, sum it up in one sentence, answer the question, list the
# names as JSON, and go on from your beginning. Which will it do well? Which will it do badly, and in what way?

# %% slideshow={"slide_type": "-"} tags=["nbval-ignore-output"]
import re
from time import perf_counter

POINT = "Extract and present the main key point of the input text in one very short sentence."
NAMES = "Which people, places and organizations are named in this text? Answer in JSON."
JOBS = {  # job -> prompt, and the first letters of the answer, which we write for it
    "rewrite": (chat(f"{TEXT}\n\nWrite this as a list of three points."), ""),
    "sum up": (chat(TEXT, system=POINT), ""),
    "answer": (chat(f"{TEXT}\n\n{QUESTION}"), ""),
    "names": (chat(f"{TEXT}\n\n{NAMES}"), '{"people": ["'),
    "go on": (f"{END}{TEXT} {BEGINNING}", ""),
}
start = perf_counter()
written = complete([prompt + first for prompt, first in JOBS.values()], longest=50)
taken = perf_counter() - start
said = {job: first + text for (job, (_, first)), text in zip(JOBS.items(), written)}
known = set(re.findall(r"\w+", TEXT.lower()))
for job, text in said.items():
    new = [word for word in re.findall(r"\w{5,}", text) if word.lower() not in known]
    print(f"{job.upper()}: {text}\n   (words of five letters or more that the text does not have: {', '.join(new) or 'none'})\n")
print(f"{sum(len(smol_tokenizer(text).input_ids) for text in written)} tokens in {taken:.0f} s")
if "Keller" in TEXT:
    assert all("Maria Keller" in said[job] for job in ("rewrite", "sum up", "answer", "names"))
    assert "passionate" in said["answer"] and said["names"].count("Dunmore History Society") > 1

# %% [markdown] slideshow={"slide_type": "-"}
# No line of code in this section knows what a summary or a name is. One model does all five jobs, and the words of the prompt say
# which. This is why general models changed the field.
#
# Now read it as an editor. The rewriting copies sentences, which is safe. The summary is good. The answer begins with the right name and
# goes on with things that the text does not say: how passionate she was, and why. The JSON has the form of JSON, and calls the
# History Society a person. The continuation is English, says nothing, and begins to repeat itself.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["predict"]
# **Predict.** Next it has no text to look at. You ask for the capital of France, and then, in two ways, for the first mayor of
# Paris, Texas, a town that was incorporated in 1845. What will it say to the second and third question: a name, two names, or that it does not know?

# %% slideshow={"slide_type": "-"} tags=["nbval-ignore-output"]
asked = ["What is the capital of France?", "Who was the first mayor of Paris, Texas?", "Tell me about the first mayor of Paris, Texas."]
replies = complete([chat(question) for question in asked], longest=36)
for question, reply in zip(asked, replies):
    print(f"{question}\n   {reply}\n")
years = [int(year) for reply in replies[1:] for year in re.findall(r"\b1[89]\d\d\b", reply)]
assert "Paris" in replies[0] and replies[1][:60] != replies[2][:60], "it names two different people"
assert years and min(years) > 1845 + 50, "and both lived long after the town got its first mayor"

# %% [markdown] slideshow={"slide_type": "-"}
# Two questions for the same person, two different people, with dates, and neither can be right: the dates lie more than fifty years too late.
# Nothing in the tone tells the true sentence about France from the others. Writing what is not so, or what the source does not say, is called
# **hallucination**. Larger models do it less often, and the check you just made works for all of them: ask twice, in other words.
#
# A model a thousandth of the size of today's best shows its faults more plainly, and that makes it a good one to learn on.
# But five readings prove nothing. From here on you count.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2. Three architectures, nine tasks
#
# Take one sentence: *Mia lost the red key in Otterby.* Three kinds of things can be asked of a reader.
#
# *Say something about it.* Is it happy or sad? Which words are names? The answer is a choice from a short list, made once
# for the sentence or once for each word. A model that only reads will do: an **encoder**.
#
# *Write something else that depends on it.* In French: *Mia a perdu la clé rouge à Otterby.* One half
# of the model reads, the other half writes and looks back at what was read: an **encoder-decoder**.
#
# *Go on.* There is no second text, only more of the first: a **decoder**. SmolLM2 is one.

# %% [markdown] slideshow={"slide_type": "-"}
# | task | what goes in | what comes out | architecture that fits | metric |
# |---|---|---|---|---|
# | translation, spoken languages | a text | the same in another language | encoder-decoder | words in common with a translation by somebody else |
# | translation, programming languages | a program | the same in another language | encoder-decoder | share of programs with equal outputs when they run |
# | question answering | a question and a text | words of the text | encoder, which marks them; or encoder-decoder, which writes them | words in common with the right answer |
# | text generation | a beginning | what follows | decoder | bits needed to be told what follows |
# | summarizing | a long text | a short one | encoder-decoder | words in common with a summary by somebody else |
# | classification | a text | one of several categories | encoder | share of texts put right |
# | sentiment | a text | positive or negative | encoder | share of texts put right |
# | named entities | a text | its names and their kinds | encoder | names found, whole and with their kind |
# | semantic search | a question | the passage that fits | encoder | share of questions whose passage comes first |
#
# The architectures are habits and no laws. A decoder can do all of these, since every task can be written as a text to go on
# with. That is what the general model stands for here. What is inside the boxes is the subject of [lesson 2](02_high_level_architecture.ipynb); today they stay closed.

# %% [markdown] slideshow={"slide_type": "-"}
# The **specialists** are small models that were trained for these tasks. `t5-mini` is an encoder-decoder and `gpt-mini` a decoder, both
# made for this course, and most of what they read comes from a **small world**: stories and programs that a program invents. MiniLM is
# a real encoder, trained on a billion pairs of English sentences, and on top of it sit **heads**: one or two matrices each, trained for one
# task while the encoder stays as it is.

# %% slideshow={"slide_type": "-"}
from utils.small_models import heads, samples, sequence_pairs

t5, t5_tokenizer = catalog.load("t5-mini")
gpt, gpt_tokenizer = catalog.load("gpt-mini")
minilm = catalog.load("minilm")
topic_head, sentiment_head, entity_head = (heads.load(name, minilm) for name in ("topic", "sentiment", "entities"))
PREFIX = sequence_pairs.PREFIXES  # the words that tell t5-mini which of its tasks is meant


def write(task, sources, longest=64):
    """What t5-mini writes for each source."""
    return samples.answers(t5, t5_tokenizer, [PREFIX[task] + source for source in sources], longest)


print("the prefixes:", *PREFIX.values(), sep="\n   ")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3. The same rows for everybody
#
# Somebody tells you: *our model gets 7 of 10 right.* Three things are missing.
#
# **The rows.** Which ten? A score holds for the texts it was measured on. All programs here answer the same forty rows of each task, from
# the **test split**, which no model of the course saw in training: every second, fifth or tenth row, so that nobody picks them.
#
# **The baseline.** If 7 of the 10 are positive, the program that always says *positive* gets 7 as well. The model must be
# compared with the best *trivial* program that you can name, and not with the weakest.

# %% [markdown] slideshow={"slide_type": "-"}
# **The interval.** Ten other rows would have given 6, or 9. How far does the score move? You have no other rows, but you can
# draw ten from the ten you have, *with replacement*: one may come twice and another not at all. One such draw holds the wrong rows four times and scores
# 0.6, the next scores 0.8. Do it two thousand times and keep the middle 95 %: this is the **bootstrap interval** (Efron, 1979).
#
# $$ s = \frac{\sum_i a_i}{\sum_i b_i} $$
#
# Here $i$ counts the rows, $a_i$ is what is right in row $i$, and $b_i$ is what counts in it. For most tasks $b_i = 1$ and $s$ is a mean; for names, $b_i$ is
# the number of names. Two programs are compared on the same drawn rows, and what gets the interval is their **difference**.

# %% slideshow={"slide_type": "-"}
import numpy


def scored(rows):
    """rows: a_i for each row, or (a_i, b_i) -> the score, and the scores of 2,000 drawn samples."""
    table = numpy.array(rows, dtype=float).reshape(len(rows), -1)
    right, counts = table[:, 0], table[:, 1] if table.shape[1] == 2 else numpy.ones(len(table))
    drawn = numpy.random.default_rng(0).integers(0, len(table), (2000, len(table)))  # the same draws for all programs
    return right.sum() / counts.sum(), right[drawn].sum(1) / counts[drawn].sum(1)


def interval(rows):
    score, samples = scored(rows)
    return [round(float(x), 3) for x in (score, *numpy.quantile(samples, [0.025, 0.975]))]


print("7 of 10: {} [{}, {}]".format(*interval([1] * 7 + [0] * 3)))
print("28 of 40: {} [{}, {}]".format(*interval([1] * 28 + [0] * 12)))

# %% [markdown] slideshow={"slide_type": "-"}
# With ten rows, 0.7 may mean anything from 0.4 to 1. Forty rows leave 0.55 to 0.85: enough to tell a good program from a bad one, and not a good one from
# another. `compare` prints a table of programs with their intervals, and under it two differences: the best model minus the best trivial program, and the specialist minus the
# general model. If the interval of a difference lies above 0, the first is better, as far as these rows can say. (The best of several is chosen on the same rows, which flatters it a little: the trivial one too.)

# %% slideshow={"slide_type": "-"}
RESULTS, GAIN, LEAD = {}, {}, {}  # task -> the three scores; best model minus best trivial; specialist minus SmolLM2


def difference(first, second, sign):
    """Prints and gives the interval of one program's score minus another's. first, second: (name, rows)."""
    drawn = sign * (scored(first[1])[1] - scored(second[1])[1])
    low, high = (float(end) for end in numpy.quantile(drawn, [0.025, 0.975]))
    verdict = "better" if low > 0 else "worse" if high < 0 else "no difference shown"
    print(f"   {first[0]} against {second[0]}: [{low:+.2f}, {high:+.2f}], {verdict}")
    return low, high


def compare(task, general, special, trivial, sign=1):
    """Prints and keeps what programs score on the same rows. special, trivial: name -> rows. sign -1: less is better."""
    models = {"SmolLM2": general} | special if general is not None else special
    for name, rows in (models | trivial).items():
        print("{:<40} {:.2f}  [{:.2f}, {:.2f}]".format(name + " (trivial)" * (name in trivial), *interval(rows)))
    best, best_trivial = (max(them.items(), key=lambda one: sign * scored(one[1])[0]) for them in (models, trivial))
    GAIN[task] = difference(best, best_trivial, sign)
    (specialist,) = special.items()
    if general is not None:
        LEAD[task] = difference(specialist, ("SmolLM2", general), sign)
    three = general, specialist[1], best_trivial[1]
    RESULTS[task] = [None if rows is None else interval(rows) for rows in three]

# %% [markdown] slideshow={"slide_type": "slide"}
# **Who wrote the rows?** The sentences of film reviews are real, written by critics and rated by some twenty people each (Hutto and Gilbert, 2014).
# Everyday sentences, questions, articles, topics, reviews and names were written for this course by an AI language model, row by row;
# their cards in `data/` say how. Stories and programs come from a generator of the course. No test row of these was used to train a model or to choose a prompt.

# %% slideshow={"slide_type": "-"}
from random import Random

COUNT = 40


def every(step, name, **part):
    """Forty rows of a test split: every step-th one."""
    return catalog.load(name, **part)["test"].select(range(0, COUNT * step, step))


everyday, questions, news = every(2, "translations"), every(5, "questions"), every(1, "articles")
about, reviews, sentences = every(7, "topics"), every(10, "reviews"), every(5, "entities")
films = catalog.load("ratings", part="films")
rated = [row for row in films["test"] if abs(row["mean"]) >= 1.5]  # clear ones, by the mean of their raters, -4 to 4
rated = rated[:: len(rated) // 160][:160]  # short ones, so there can be more of them


def invented(task):
    """Forty pairs of a source and a target from the small world, from the part kept for tests."""
    rng = Random(f"lesson 1 {task}")
    pairs = [sequence_pairs.pair(task, rng, "test") for _ in range(COUNT)]
    return [(source.removeprefix(PREFIX[task]), target) for source, target in pairs]


program_pairs = sorted(invented("code"), key=lambda pair: len(pair[0]))  # the short ones first: these are answered live
story_pairs = {task: invented(task) for task in ("translate", "question", "continue")}

# %% [markdown] slideshow={"slide_type": "-"}
# **How is a general model asked?** In words. An instruction alone, **zero-shot**, does for French and for summaries. For the other tasks the prompt shows the form
# of a good answer: one solved example for questions and programs, four for names. This is called **few-shot** prompting. The examples are
# training rows. What follows is all the programming that the general model needs. (Each prompt was chosen among two to four on validation rows.)

# %% slideshow={"slide_type": "-"}
KINDS = {"PER": "person", "LOC": "place", "ORG": "organization", "MISC": "other"}
TAGS = sentences.features["ner_tags"].feature.names


def names_of_row(row):
    """The names of a row as text: "PER: Ana Kovač; LOC: Porto"."""
    return sequence_pairs.entities_text(row["tokens"], [TAGS[tag] for tag in row["ner_tags"]])


def in_words(text):
    """The same as one would say it: "Ana Kovač (person); Porto (place)"."""
    parts = [part.split(": ", 1) for part in text.split("; ")]
    return "; ".join(f"{name} ({KINDS[kind]})" for kind, name in parts)


def ask_question(context, question, answer=""):
    return f"{context}\nQuestion: {question}\nAnswer:{answer}"


def ask_names(row, answer=""):
    return f"Sentence: {' '.join(row['tokens'])}\nNames:{answer}"


def ask_code(python, javascript=""):
    return f"Python:\n{python}\nJavaScript:\n{javascript}"


solved, learned = catalog.load("questions")["train"][0], catalog.load("entities")["train"].select([34, 56, 87, 129])
one_question = ask_question(solved["context"], solved["question"], f" {solved['answers']['text'][0]}\n\n")
four_names = "".join(ask_names(row, f" {in_words(names_of_row(row))}\n\n") for row in learned)
source, target = sequence_pairs.pair("code", Random("an example"), "train")
one_program = ask_code(source.removeprefix(PREFIX["code"]), f"{target}\n")
print(one_question + four_names)

# %% [markdown] slideshow={"slide_type": "-"}
# Categories need no writing. `choose` lets the model read *Text: ... Topic:* and compares how likely it finds each of the allowed words as the next one. It
# takes the one with the largest **logit**, the raw score that the model gives to every token of its vocabulary. `bits_per_letter` belongs to section 7.

# %% slideshow={"slide_type": "-"}
import math


@torch.no_grad()
def choose(prompts, words, model=smol, tokenizer=smol_tokenizer):
    """Of the allowed words, the one that SmolLM2 finds likeliest after each prompt."""
    first = [tokenizer(f" {word}", add_special_tokens=False).input_ids[0] for word in words]
    chosen = []
    for at in range(0, len(prompts), 12):
        inputs = tokenizer(prompts[at : at + 12], padding=True, add_special_tokens=False, return_tensors="pt").to(model.device)
        logits = model(**inputs, logits_to_keep=1).logits[:, -1, first]  # (B, words): those of the next token
        chosen += [words[number] for number in logits.argmax(-1).tolist()]
    return chosen


@torch.no_grad()
def bits_per_letter(texts, model=smol, tokenizer=smol_tokenizer):
    """How many bits a letter a model needs to be told each text, token by token."""
    found = []
    for text in texts:
        ids = tokenizer(END + text, add_special_tokens=False, return_tensors="pt").input_ids.to(model.device)
        log_p = model(input_ids=ids).logits[0, :-1].log_softmax(-1)  # (T - 1, V): each place foretells the next token
        true = log_p.gather(1, ids[0, 1:, None])  # (T - 1, 1): the log-probability of the token that came
        found.append(round(-true.sum().item() / math.log(2) / len(text), 4))
    return found

# %% [markdown] slideshow={"slide_type": "-"}
# Forty rows of thirteen kinds are 7,000 tokens to write and 60,000 to read: some minutes of a laptop. So the whole is a **recorded run**, a log
# in `data/runs` with its date, command and versions. In each section the first rows are answered live, and must come out as recorded.

# %% slideshow={"slide_type": "-"}
import zlib

FRENCH, TWO, ONE = "Translate to French: ", "\n\nSummarize this text in two sentences.", "\n\nSummarize this text in one sentence."
story_questions = [source.split(" context: ", 1)[::-1] for source, _ in story_pairs["question"]]
line, films_plain = {"longest": 16, "stop": "\n"}, films["test"].select(range(0, COUNT * 50, 50))["text"][:]
ASKED = {  # rows -> how, the forty prompts, options
    "everyday": (complete, [chat(FRENCH + row["translation"]["en"]) for row in everyday], line | {"longest": 30}),
    "programs": (complete, [one_program + ask_code(python) for python, _ in program_pairs], {"longest": 100, "stop": "\n}"}),
    "questions": (complete, [one_question + ask_question(row["context"], row["question"]) for row in questions], line),
    "film bits": (bits_per_letter, films_plain, {}),
    "news": (complete, [chat(row["article"] + TWO) for row in news], {"longest": 60}),
    "topics": (choose, [f"Text: {row['text']}\nTopic:" for row in about], {"words": about.features["label"].names}),
    "films": (choose, [f"Review: {row['text']}\nSentiment:" for row in rated], {"words": ["negative", "positive"]}),
    "reviews": (choose, [f"Review: {row['text']}\nSentiment:" for row in reviews], {"words": ["negative", "positive"]}),
    "names": (complete, [four_names + ask_names(row) for row in sentences], line | {"longest": 36}),
    "story sentences": (complete, [chat(FRENCH + english) for english, _ in story_pairs["translate"]], line | {"longest": 40}),
    "story questions": (complete, [one_question + ask_question(*parts) for parts in story_questions], line),
    "story bits": (bits_per_letter, [source for source, _ in story_pairs["continue"]], {}),
}
WEIGHTS = round(smol.get_input_embeddings().weight.double().abs().mean().item(), 9)  # which copy of the model is this?
settings = {rows: {"prompts": zlib.crc32("".join(prompts).encode()), **options} for rows, (_, prompts, options) in ASKED.items()}
log = recorded.results("01_generalist", lesson=1, settings=settings, compute=lambda: {
    "weights": WEIGHTS, "answers": {rows: how(prompts, **options) for rows, (how, prompts, options) in ASKED.items()}})  # fmt: skip
print(log)

# %% slideshow={"slide_type": "-"}
AGREES = []  # for each live answer: is it the recorded one?


def general(rows, live=12):
    """The recorded answers of SmolLM2; the first ones are computed again and compared."""
    how, prompts, options = ASKED[rows]
    for now, then in zip(how(prompts[:live], **options), log.results["answers"][rows]):
        AGREES.append(now == then if isinstance(now, str) else abs(now - then) < 0.01)
    return log.results["answers"][rows]

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4. Translation: English to French
#
# **In** a sentence, **out** the same sentence in another language. The Transformer was invented for this in 2017.
#
# How good is a translation? Wanted is *Mia a perdu la clé*, written was *Mia a trouvé la clé*. Of five words on
# either side four are common to both. So **precision** (right among the written) is 4/5, **recall** (right among the wanted) is 4/5, and
# their harmonic mean, the **F1**, is
#
# $$F_1 = \frac{2 \cdot \text{common}}{\text{written} + \text{wanted}} = \frac{2 \cdot 4}{5 + 5} = 0.8.$$
#
# The field's own **BLEU** and **chrF** do the same with runs of words or of letters, so that order counts too.

# %% [markdown] slideshow={"slide_type": "-"} tags=["predict"]
# **Predict.** Can a program that does not look at the English score above 0? Think of the French words that stand in nearly every sentence.

# %% slideshow={"slide_type": "-"}
from collections import Counter

from sklearn.feature_extraction.text import TfidfVectorizer

from utils.metrics import token_f1


def words(text):
    return re.findall(r"\w+", text.lower())


def word_f1(written, wanted):
    """2 common / (written + wanted), each word counted as often as it occurs."""
    ours, theirs = Counter(words(written)), Counter(words(wanted))
    total = ours.total() + theirs.total()
    return 2 * (ours & theirs).total() / total if total else 1.0


by_hand = word_f1("Mia a trouvé la clé", "Mia a perdu la clé"), token_f1("Mia trouvé la clé", "Mia perdu la clé")
assert by_hand == (0.8, 0.75), "token_f1 leaves out the word a: it is an article in English"


def nearest(texts, known):
    """The number of the known text that shares the most words with each text, rare words counting more (TF-IDF)."""
    vectors = TfidfVectorizer(sublinear_tf=True).fit(known)
    return (vectors.transform(texts) @ vectors.transform(known).T).toarray().argmax(1)

# %% [markdown] slideshow={"slide_type": "-"}
# Three trivial programs: copy the source; write the French of the training sentence whose English is nearest; write the twelve commonest French
# words of the training sentences, always.

# %% slideshow={"slide_type": "-"}
known = catalog.load("translations")["train"]["translation"]
english, french = ([row["translation"][language] for row in everyday] for language in ("en", "fr"))
often = Counter(word for pair in known for word in set(words(pair["fr"])))
always = " ".join(word for word, _ in often.most_common(12))
written = {
    "SmolLM2": general("everyday"),
    "t5-mini": write("translate", english),
    "nearest training sentence": [known[n]["fr"] for n in nearest(english, [pair["en"] for pair in known])],
    "twelve French words": [always] * COUNT,
    "source copied": english,
}
F1 = {name: [word_f1(text, wanted) for text, wanted in zip(texts, french)] for name, texts in written.items()}
compare("translation, everyday", F1.pop("SmolLM2"), {"t5-mini": F1.pop("t5-mini")}, F1)
for n in (1, 6):
    print(f"\n{english[n]}\n   wanted: {french[n]}", *(f"   {name}: {texts[n]}" for name, texts in written.items()), sep="\n")
assert RESULTS["translation, everyday"][0][0] < RESULTS["translation, everyday"][2][0]

# %% [markdown] slideshow={"slide_type": "-"}
# Read the two examples. SmolLM2 was taught English; its French holds words that no language has, and it scores *below* a program that always writes the same
# twelve words. `t5-mini` scores a little above it, and its sentences are not translations either: it learned French from
# stories, where Mia loses a key.
#
# So two things at once. The score tells you that neither is any good, because you put a trivial program beside it. And a metric that counts
# common words pays for *la*, *de* and *est*: look at the writing before you trust a number below 0.5. Marian, a real translator, joins the table
# in *The library way*, where there is a network.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5. Translation: Python to JavaScript
#
# **In** a function in Python, **out** the same function in JavaScript. Programs are texts too, and the architecture is the same.
#
# The metric is not. Take `x // 2` for `x = -7`. In Python it is $-4$, since `//` rounds down. A translation that writes
# `Math.trunc(x / 2)` has most words right and gives $-3$. So you do not compare texts, you **run** both: *the share of programs
# that give equal outputs on all four test inputs.* The field calls it functional correctness, and `pass@1` where the model has one try.

# %% [markdown] slideshow={"slide_type": "-"}
# `programs.check` runs the Python and the JavaScript, each in a process of its own with a limit on time and memory. (Without Node.js on your machine a text that
# equals the recorded right one counts as right, and any other as wrong.) Trivial programs: the Python itself, run as JavaScript; a function that returns its
# input; functions that always return the same.

# %% slideshow={"slide_type": "-"}
from utils.worlds import programs

INPUTS = {
    "int": (0, -7, 12, 45),
    "ints": ([], [3, -2, 8], [5, 5, 0, 12], [30, -15, 7, 1, 2]),
    "str": ("", "river", "green tiger castle", "a quiet night a quiet sea"),
    "strs": ([], ["tiger"], ["house", "river", "house"], ["sugar", "stone", "apple", "night"]),
}


def program(python, javascript, inputs=None):
    """A pair of functions with four inputs; their kind follows from the name of the parameter."""
    name, parameter = re.search(r"def (\w+)\((\w+)\)", python).groups()
    inputs = inputs or next(INPUTS[kind] for kind, named in programs.VARIABLES.items() if parameter in named)
    (ran,) = programs.run_python([(python, name, list(inputs))])
    return programs.Program(name, python, javascript, re.search(r"function (\w+)", javascript)[1], (), tuple(inputs), ran.outputs)


def runs_equal(pairs, texts):
    """Whether each text gives what its Python gives. A function under another name is renamed first."""
    named = [re.sub(r"function \w+", f"function {pair.javascript_name}", text, count=1) for pair, text in zip(pairs, texts)]
    return [check.same for check in programs.check(pairs, named)]

# %% slideshow={"slide_type": "-"}
pairs = [program(python, javascript) for python, javascript in program_pairs]
sources = [pair.python for pair in pairs]
by_t5 = write("code", sources, longest=224)
by_smol = [text + "\n}\n" for text in general("programs", live=2)]
trivial = {"Python run as JavaScript": runs_equal(pairs, sources)}
trivial |= {f"always return {value}": runs_equal(pairs, [f"function f(x) {{ return {value}; }}"] * COUNT) for value in ("x", "0", "[]", "false")}
compare("Python to JavaScript", runs_equal(pairs, by_smol), {"t5-mini": runs_equal(pairs, by_t5)}, trivial)
print(f"\n{sources[1]}\nt5-mini:\n{by_t5[1]}\n\nSmolLM2:\n{by_smol[1]}")

# %% [markdown] slideshow={"slide_type": "-"}
# The specialist of 3.7 million weights, a small part of the general model's, translates nearly all of these programs so that they run equal. The general model
# writes something that looks like JavaScript and is no translation: here a function that always returns the same is about as good.
#
# Is `t5-mini` a good translator, then? These programs come from the generator that wrote its training programs. The next cell asks for functions that the generator
# cannot write.

# %% slideshow={"slide_type": "-"} tags=["more"]
ORDINARY = {  # written for this lesson by an AI language model
    "add_one": ("    return x + 1\n", (0, -7, 12)),
    "is_even": ("    return x % 2 == 0\n", (0, -7, 12)),
    "factorial": ("    return 1 if x < 2 else x * factorial(x - 1)\n", (0, 3, 5)),
    "count_down": ("    steps = 0\n    while x > 0:\n        x = x - 3\n        steps += 1\n    return steps\n", (0, 7, 12)),
}
odd = [program(f"def {name}(x):\n{body}", f"function {name}(x) {{}}", inputs) for name, (body, inputs) in ORDINARY.items()]
texts = write("code", [pair.python for pair in odd], longest=100)
odd_right = runs_equal(odd, texts)
for pair, text, right in zip(odd, texts, odd_right):
    print(f"{pair.python}{text.strip()[:300]}\n-> {'equal' if right else 'different'} outputs\n")
assert not odd_right[0], "even x + 1 is beyond it"

# %% [markdown] slideshow={"slide_type": "-"} tags=["more"]
# Even `x + 1` fails, so recursion and `while` are not the reason: any function outside of the generator's forms is lost. What comes out still has the
# *form* of a program. Form is learned first, which is why you run what a model wrote.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6. Question answering
#
# **In** a question and a text, **out** a stretch of the text, or the statement that it has no answer.
#
# Two metrics, after the data set SQuAD (Rajpurkar et al., 2016). **Exact match**: *the share of answers that are the right one, capitals, marks and articles aside.*
# And the F1 over words, which pays for a part. Wanted: *the old mill by the river*; given: *the old mill*. Without articles 2 words of 4 wanted: exact match 0,
# F1 $2 \cdot 2 / (2 + 4) = 0.67$. Where several answers are accepted, the best counts.

# %% [markdown] slideshow={"slide_type": "-"}
# A fifth of these questions have no answer in their text. That gives the trivial programs a chance: one always says *no answer*, one gives the sentence that shares
# the most words with the question. What `t5-mini` says in the words of its small world, *The story does not say*, counts as *no answer*.

# %% slideshow={"slide_type": "-"}
from utils.data import sets
from utils.metrics import exact

NONE = "no answer"
accepted = [row["answers"]["text"] or [NONE] for row in questions]


def best_of(metric, given):
    return [max(metric(text, right) for right in several) for text, several in zip(given, accepted)]


def likest_sentence(row):
    asked_for = set(words(row["question"]))
    return max(sets.sentences(row["context"]), key=lambda sentence: len(asked_for & set(words(sentence))))


by_t5 = write("question", [sequence_pairs.question_input(row["question"], row["context"]) for row in questions], longest=24)
given = {
    "SmolLM2": general("questions", live=4),
    "t5-mini": [NONE if "does not say" in text else text for text in by_t5],
    "always no answer": [NONE] * COUNT,
    "the likest sentence": [likest_sentence(row) for row in questions],
}
F1 = {name: best_of(token_f1, texts) for name, texts in given.items()}
print("exact match:", ", ".join(f"{name} {interval(best_of(exact, texts))[0]:.2f}" for name, texts in given.items()), "\n")
compare("question answering", F1.pop("SmolLM2"), {"t5-mini": F1.pop("t5-mini")}, F1)
for n in (0, 1, 2, 8):
    print(f"\n{questions[n]['question']}\n   wanted: {accepted[n][0]}; SmolLM2: {given['SmolLM2'][n]}; t5-mini: {given['t5-mini'][n]}")
assert NONE not in given["SmolLM2"] and GAIN["question answering"][0] < 0 < GAIN["question answering"][1]

# %% [markdown] slideshow={"slide_type": "-"}
# Neither model is shown to be better than the program that always says *no answer*. SmolLM2 often points to the right kind of thing, a year for a year, a place for a
# place; it never once says that there is no answer, though a fifth of the questions have none. A model that always answers cannot be trusted when it answers.
#
# Real question answering models, RoBERTa on SQuAD 2 for instance (*The library way*), read a hundred thousand questions, with and without answers, before they get this right.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7. Text generation
#
# **In** a beginning, **out** what follows. There is no right answer to compare with. But before it writes, the model says how likely it finds each next token, and so
# it can be asked how likely it finds what a person really wrote.
#
# By hand: a model gives the true next word the probability 1/2, and the one after it 1/8. Naming one of two equally likely things takes
# 1 bit, one of eight takes 3 bits: in general $-\log_2 p$ bits for a thing of probability $p$. Both words took $1 + 3 = 4$ bits. If they have 8 letters with their spaces,
# that is 0.5 **bits a letter**: *what the model must still be told, on average, to get the next letter right.* Less is better, 0 would be a prophet. (Letters, because
# models cut texts into different tokens. For spaces and marks, which count too, the field says *bits a character*.)

# %% [markdown] slideshow={"slide_type": "-"}
# The trivial program counts letters: how often did each one follow these five letters in training texts? If they never occurred, it falls back to the last four, and so
# on. Such a model is an **n-gram** model, and it was the best there was for decades.

# %% slideshow={"slide_type": "-"}
def letter_counter(texts, order=5):
    """A function: text -> its bits a letter, by counts of stretches of up to `order` + 1 letters in the texts."""
    counts, totals, pad = Counter(), Counter(), "\n" * order
    for text in texts:
        padded = pad + text
        for i in range(order, len(padded)):
            counts.update(padded[i - k : i + 1] for k in range(order + 1))
            totals.update(padded[i - k : i] for k in range(order + 1))

    def probability(letter, before):
        shorter = probability(letter, before[1:]) if before else 1 / 200
        return (counts[before + letter] + 4 * shorter) / (totals[before] + 4)

    def bits(text):
        padded = pad + text
        return -sum(math.log2(probability(padded[i], padded[i - order : i])) for i in range(order, len(padded))) / len(text)

    return bits

# %% slideshow={"slide_type": "-"}
count_letters = letter_counter(films["train"]["text"][:3000])
by_gpt = bits_per_letter(films_plain, gpt, gpt_tokenizer)
compare("film sentences, bits", general("film bits"), {"gpt-mini": by_gpt},
        {"counted letters": [count_letters(text) for text in films_plain]}, sign=-1)  # fmt: skip
beginning = " ".join(films_plain[0].split()[:6])
inputs = gpt_tokenizer(gpt_tokenizer.eos_token + beginning, return_tensors="pt", return_token_type_ids=False)
with torch.no_grad():
    ids = gpt.generate(**inputs, max_new_tokens=25, do_sample=False, pad_token_id=gpt_tokenizer.pad_token_id)
print(f"\n{beginning} ...\n   gpt-mini: {gpt_tokenizer.decode(ids[0, inputs.input_ids.shape[1]:], skip_special_tokens=True)}")
print(f"   SmolLM2:  {complete([END + beginning], longest=25)[0]}")

# %% [markdown] slideshow={"slide_type": "-"}
# On sentences of real film reviews SmolLM2 needs the fewest bits, by far: it has read much English. (It may have read some of these very sentences on the web. Nobody can rule
# that out, which is why test sets for large models age quickly.) `gpt-mini` was trained on stories of the small world and on Python's manual, and *counting letters*
# does better than it. It goes on with a film review as it goes on with everything: see its line.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 8. Summarizing
#
# **In** a long text, **out** its point. The metric is **ROUGE**: *the share of words that the summary and a reference have in common.* ROUGE-1 counts single
# words, and its F1 is the `word_f1` of section 4; ROUGE-2 counts pairs of neighbors, and you will write it in exercise 1.2.
#
# The trivial program is **Lead**: the first sentences of the text. Reporters put the point first, so in newspapers it is hard to beat. `t5-mini` never
# read news; it stands in the table as what a specialist is worth away from home.

# %% slideshow={"slide_type": "-"}
references = [row["highlights"] for row in news]
lead = {f"Lead-{k}": [" ".join(sets.sentences(row["article"])[:k]) for row in news] for k in (1, 2, 3)}
by_smol, by_t5 = general("news", live=1), write("summarize", [row["article"] for row in news], longest=24)
rouge = {name: [word_f1(text, wanted) for text, wanted in zip(texts, references)]
         for name, texts in ({"SmolLM2": by_smol, "t5-mini": by_t5} | lead).items()}  # fmt: skip
compare("summarizing news", rouge.pop("SmolLM2"), {"t5-mini": rouge.pop("t5-mini")}, rouge)
strange = [[word for word in re.findall(r"\b[A-Z0-9]\w*", text) if word.lower() not in words(row["article"])]
           for text, row in zip(by_smol, news)]  # fmt: skip
bad = next(n for n in range(COUNT) if strange[n])
print(f"\nSmolLM2: {by_smol[bad]}\nreference: {references[bad]}\nt5-mini: {by_t5[bad]}")
print(f"\nnames and numbers of SmolLM2's summary that the article does not have: {', '.join(strange[bad])}")
print(f"summaries with at least one of that kind: {sum(map(bool, strange))} of {COUNT}")
assert GAIN["summarizing news"][0] < 0 < GAIN["summarizing news"][1] and sum(map(bool, strange)) >= COUNT // 4

# %% [markdown] slideshow={"slide_type": "-"}
# The general model sums up as well as the first three sentences do, by ROUGE. In its own words, which is what one wants of a summary, and with names and numbers of its own,
# which is not. Lead cannot invent anything. ROUGE does not see the difference: it counts common words, and a wrong year is one word. Lesson 8 takes
# this up, with methods that cannot invent and with ways to count invention.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9. Classification into categories
#
# **In** a text, **out** one of a fixed list: here sport, science, business, culture, travel, health. Metric: **accuracy**, *the share of
# texts whose category is right.* Seven of ten right: 0.7. Where categories differ in size, the field adds the macro F1, which gives each category
# the same weight.
#
# The trivial programs: one always says the **majority class**, one gives the label of the training text that shares the most words. The specialist is the head on MiniLM, two thousand numbers trained on 477 texts. The general model saw no example.

# %% slideshow={"slide_type": "-"}
from sklearn.metrics import accuracy_score, confusion_matrix

classes = about.features["label"].names
truth = [classes[label] for label in about["label"]]
by_head = [found.label for found in topic_head.predict(about["text"][:])]
by_smol = general("topics")
right = {name: [a == b for a, b in zip(texts, truth)] for name, texts in (("SmolLM2", by_smol), ("head", by_head))}
training = catalog.load("topics")["train"]
trivial = {f"always {name}": [wanted == name for wanted in truth] for name in classes}
near = [classes[training[int(n)]["label"]] for n in nearest(about["text"], training["text"])]
trivial["as the nearest training text"] = [a == b for a, b in zip(near, truth)]
compare("topics", right["SmolLM2"], {"head on MiniLM": right["head"]}, trivial)
assert accuracy_score(truth, by_head) == numpy.mean(right["head"]), "our own count and scikit-learn's"
mixed = Counter((wanted, found) for wanted, found in zip(truth, by_smol) if wanted != found)
(wanted, found), times = mixed.most_common(1)[0]
print(f"\nSmolLM2's commonest confusion: {wanted} called {found}, {times} of {sum(mixed.values())} mistakes")
strangers = ["Peel two onions, fry them in butter, add the flour and stir until it smells of nuts.",
             "Dear neighbor, your dog barks at night. Please do something."]  # fmt: skip
for text, answer in zip(strangers, topic_head.predict(strangers)):
    print(f"{text} -> {answer.label}, {answer.probabilities[answer.label]:.0%}")

# %% [markdown] slideshow={"slide_type": "-"}
# The last line says whether forty rows tell the two apart. For the specialist somebody had to
# label 477 texts; the general model needed the words *Text:* and *Topic:*. It is also six times as large, and correspondingly slow.
#
# The failure is common to both. **A classifier cannot shrug.** A recipe and a letter to a neighbor belong to none of the six, and get one of them, with a probability.

# %% slideshow={"slide_type": "fragment"} tags=["more"]
figure, axes = plots.figure(columns=2, width=9, height=3.9)
for place, name, answers in zip(axes, ("SmolLM2", "head on MiniLM"), (by_smol, by_head)):
    plots.heatmap(place, confusion_matrix(truth, answers, labels=classes), classes, classes, limits=(0, 7))
    place.set(title=f"{name}: {sum(a != b for a, b in zip(answers, truth))} of 40 off the diagonal", xlabel="answer")
axes[0].set_ylabel("true category")
plots.show(figure, alt="Two confusion matrices of six topics; most of the forty texts lie on the diagonals.")

# %% [markdown] slideshow={"slide_type": "-"} tags=["more"]
# One number hides *which* categories are mixed up. The **confusion matrix** has a row for each true category and a column for each answer; what lies off the diagonal is a mistake.
# With six or seven texts a row, read it as a list of texts to look at, and not as a property of the models.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 10. Sentiment
#
# **In** a text, **out** positive or negative: classification with two classes, and the first thing most companies try. Metric: accuracy again, or the F1 of
# the rarer class where one is rare. The trivial programs are those of section 9.

# %% [markdown] slideshow={"slide_type": "-"} tags=["predict"]
# **Predict.** The head on MiniLM was trained on 1,463 product, film and book reviews that an AI language model wrote. Both models now read (a) forty more of these, held out, and
# (b) forty sentences from real film reviews, clearly positive or negative by their raters. Who wins on (a), who wins on (b)?

# %% slideshow={"slide_type": "-"}
training = catalog.load("reviews")["train"]


def sentiment(name, texts, positive, rows):
    """Head and general model against trivial programs on texts of which we know whether they are positive."""
    near = nearest(texts, training["text"])
    answers = {
        "SmolLM2": general(rows),
        "head on MiniLM": [found.label for found in sentiment_head.predict(texts)],
        "always positive": ["positive"] * len(texts),
        "always negative": ["negative"] * len(texts),
        "as the nearest training text": ["positive" if training[int(n)]["label"] == 1 else "negative" for n in near],
    }
    right = {who: [(said == "positive") == yes for said, yes in zip(them, positive)] for who, them in answers.items()}
    compare(name, right.pop("SmolLM2"), {"head on MiniLM": right.pop("head on MiniLM")}, right)


print("(a) reviews written by an AI language model")
sentiment("sentiment, AI-written", reviews["text"][:], [label == 1 for label in reviews["label"]], "reviews")
print("\n(b) sentences of real film reviews")
sentiment("sentiment, films", [row["text"] for row in rated], [row["mean"] > 0 for row in rated], "films")

# %% [markdown] slideshow={"slide_type": "-"}
# On the AI-written reviews the two are close. On real sentences the general model is ahead of the head that was trained for this task: critics do not write like the training
# texts, and SmolLM2 has read people. **What a specialist learned from artificial texts need not hold for real ones.** You would not
# have seen this on the test split of its own data set. Lesson 6 takes the real sentences for training.

# %% slideshow={"slide_type": "-"}
everything = list(catalog.load("reviews")["test"])
bitter = [row for row in everything if row["hard"] == "sarcasm"]
others = [row for row in everything if row["hard"] != "sarcasm"][:100]
said = {kind: [found.label for found in sentiment_head.predict([row["text"] for row in rows])]
        for kind, rows in (("sarcastic", bitter), ("others", others))}  # fmt: skip
right_on = {kind: [(label == "positive") == bool(row["label"]) for label, row in zip(said[kind], rows)]
         for kind, rows in (("sarcastic", bitter), ("others", others))}  # fmt: skip
for kind, rows in right_on.items():
    print("head on MiniLM, {} ({} reviews): {:.2f} [{:.2f}, {:.2f}]".format(kind, len(rows), *interval(rows)))
wrong = min((n for n, ok in enumerate(right_on["sarcastic"]) if not ok), key=lambda n: len(bitter[n]["text"]))
print(f"\n{bitter[wrong]['stars']} of 5 stars, read as {said['sarcastic'][wrong]}: {bitter[wrong]['text']}")

# %% [markdown] slideshow={"slide_type": "-"}
# **Where it fails: sarcasm.** The words are words of praise, and the meaning is not. The head reads the mean of all words' vectors, and the one word that turns the review round weighs
# little in a mean.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 11. Named entities
#
# **In** a text, **out** its names and their kinds: persons (PER), places (LOC), organizations (ORG), others (MISC). Inside, the model labels every
# word, in a scheme called **BIO**: `B-` opens a name, `I-` goes on with it, `O` is outside.
#
# | Maria | Keller | flew | to | New | York |
# |---|---|---|---|---|---|
# | B-PER | I-PER | O | O | B-LOC | I-LOC |
#
# The metric is F1 over whole names: *a name counts where all of it is found, with the right kind.* Found: *Maria Keller* (PER) and *York* (LOC). One of two
# found is right, one of two wanted was found: $2 \cdot 1 / (2 + 2) = 0.5$. Half of New York counts nothing.

# %% [markdown] slideshow={"slide_type": "-"}
# The trivial programs call every run of **capitalized words** a name: all of one kind, or of the kind that it had in the training sentences. Each program's answer becomes a text like `PER: Maria Keller; LOC: New York`, so that all are
# counted alike; $a_i$ is twice the names in common, $b_i$ the names found plus the names wanted.

# %% slideshow={"slide_type": "-"}
WORDS = {word: kind for kind, word in KINDS.items()}


def listed(names):
    return "; ".join(dict.fromkeys(f"{kind}: {name}" for kind, name in names)) or "no entities"


def out_of_words(text):
    """What SmolLM2 wrote, "Ana Kovač (person); ...", as "PER: Ana Kovač; ..."; what is no such list is left out."""
    return listed((WORDS[kind], name.strip()) for name, kind in re.findall(r"([^;()]+) \((\w+)\)", text) if kind in WORDS)


def counted(texts, wanted):
    sets_of = [[set(text.split("; ")) - {"no entities"} for text in pair] for pair in zip(texts, wanted)]
    return [(2 * len(ours & theirs), len(ours) + len(theirs)) for ours, theirs in sets_of]


tokens, true_names = sentences["tokens"][:], [names_of_row(row) for row in sentences]
answers = {"SmolLM2": [out_of_words(text) for text in general("names", live=4)]}
answers["head on MiniLM"] = [listed((span.kind, span.text) for span in spans) for spans in entity_head.predict(tokens)]
runs = [[" ".join(row[a:b]) for _, a, b in heads.capital_runs(row, "X")] for row in tokens]
for kind in KINDS:
    answers[f"capitals are {kind}"] = [listed((kind, name) for name in names) for names in runs]
seen = dict(part.split(": ", 1)[::-1] for row in catalog.load("entities")["train"] for part in names_of_row(row).split("; ") if ": " in part)
answers["capitals, looked up in training"] = [listed((seen.get(name, "LOC"), name) for name in names) for names in runs]
points = {name: counted(texts, true_names) for name, texts in answers.items()}
compare("named entities", points.pop("SmolLM2"), {"head on MiniLM": points.pop("head on MiniLM")}, points)
for n in (3, 19):
    print(f"\n{' '.join(tokens[n])}\n   wanted:  {true_names[n]}\n   SmolLM2: {answers['SmolLM2'][n]}\n   head:    {answers['head on MiniLM'][n]}")

# %% [markdown] slideshow={"slide_type": "-"}
# The specialist is clearly ahead. The general model finds some names from four examples, and misses by the details that the metric insists on: a wrong kind, a title taken into the name, a
# name that is none. **Where the specialist fails**, a picture shows best.

# %% slideshow={"slide_type": "fragment"} tags=["more"]
shown = ["The Bank of England lent the University of Leeds a painting of Paris.",
         "Amazon opened a shop in Berlin, and Maria Keller of the Green Party bought a Swiss watch there."]  # fmt: skip
shown.append(shown[1].lower())
spans = entity_head.predict(shown)
figure, axes = plots.figure(width=8.8, height=2.1)
plots.marked_words(axes, shown, [[(span.start, span.end, span.kind) for span in found] for found in spans])
plots.show(figure, alt="Three sentences; colored boxes mark the persons, places, organizations and other names that the head found.")

# %% [markdown] slideshow={"slide_type": "-"} tags=["more"]
# *The Bank of England* is one organization, and no place is meant. A head that labels word by word, from vectors in which *England* looks very much like a place, is in danger of cutting it in two.
# In the third line the same sentence stands in small letters. MiniLM's tokenizer makes all letters small anyway; the head is told of capitals by a few extra
# numbers.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 12. Semantic search
#
# **In** a question, **out** the passage that it is about. The encoder turns every text into a vector, and texts of similar meaning into vectors of similar direction. The
# *cosine* of the angle between two of them is 1 for the same direction and 0 for nothing in common. You compute the vectors of your passages once and
# those of a question when it comes: this is how documents are found for a chatbot (*retrieval*).
#
# Metric: **recall at 1**, *the share of questions whose passage comes first.* Ten questions, seven times the right passage on top: 0.7. The trivial program compares words
# (TF-IDF, the `nearest` of section 4). The general model is left out: a decoder is not trained to give one vector for a text.

# %% [markdown] slideshow={"slide_type": "-"} tags=["predict"]
# **Predict.** You can give a passage of ten sentences one vector, or give each sentence one and take the passage of the best sentence. Which is better for questions on a detail? For MiniLM only, or for TF-IDF too?

# %% slideshow={"slide_type": "-"}
test = catalog.load("questions")["test"]
passages = list(dict.fromkeys(test["context"]))
wanted = [passages.index(context) for context in test["context"]]
parts = [(number, sentence) for number, passage in enumerate(passages) for sentence in sets.sentences(passage)]
cut, owner = [sentence for _, sentence in parts], [number for number, _ in parts]


def by_meaning(queries, texts):
    """The number of the text whose vector (the mean of MiniLM's last layer) has the largest cosine with each query's."""
    first, second = (torch.nn.functional.normalize(heads.text_vectors(minilm, them, [6]), dim=-1) for them in (queries, texts))
    return (first @ second.T).argmax(1).tolist()


queries, whole = test["question"][:], "whole passages"
places = {"MiniLM, sentences": [owner[n] for n in by_meaning(queries, cut)], f"MiniLM, {whole}": by_meaning(queries, passages)}
places |= {"TF-IDF, sentences": [owner[n] for n in nearest(queries, cut)], f"TF-IDF, {whole}": nearest(queries, passages)}
hits = {name: [found == right for found, right in zip(numbers, wanted)] for name, numbers in places.items()}
print(f"{len(queries)} questions, {len(passages)} passages, {len(cut)} sentences")
print("{:<40} {:.2f}  [{:.2f}, {:.2f}]".format(f"MiniLM, {whole}", *interval(hits[f"MiniLM, {whole}"])))
compare("semantic search", None, {"MiniLM, sentences": hits["MiniLM, sentences"]},
        {name: rows for name, rows in hits.items() if name.startswith("TF-IDF")})  # fmt: skip
RECALL = {hard: {name: float(numpy.mean([rows[n] for n, row in enumerate(test) if row["hard"] == hard])) for name, rows in hits.items()}
          for hard in ("", "paraphrase")}  # fmt: skip
for hard, title in (("", "plain questions"), ("paraphrase", "no content word in common with the answer's sentence")):
    print(f"{title} ({test['hard'][:].count(hard)}): " + ", ".join(f"{name} {value:.2f}" for name, value in RECALL[hard].items()))

# %% [markdown] slideshow={"slide_type": "-"}
# One vector for a whole passage is the worse way to use MiniLM: ten sentences in one direction, and the detail is lost. There it is behind TF-IDF, which is free. One vector a sentence
# brings it to the front, by little on the average: most of these questions use the words of their text, and then counting words is hard to beat. Look at the last line for the questions that use other words. This is what you pay an encoder for.
#
# **Where it fails.** The cosine always has a largest value. Ask for something that stands in no passage, and you get the nearest one, with no word of warning.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 13. The specialist at home
#
# `t5-mini` and `gpt-mini` looked poor on texts by others. Now the same models, the same metrics, and the general model beside them, on texts from the small world that they
# were trained on. These stories are held out too: no model saw them.

# %% [markdown] slideshow={"slide_type": "-"} tags=["predict"]
# **Predict.** `t5-mini` has a thirtieth of SmolLM2's weights. Will it be ahead at home? And what will *counting letters* be worth there?

# %% slideshow={"slide_type": "-"}
import json

from utils.worlds import stories

english, french = zip(*story_pairs["translate"])
rng = Random("lesson 1, known stories")
known = [sequence_pairs.pair("translate", rng, "train") for _ in range(1000)]
near = nearest(english, [source.removeprefix(PREFIX["translate"]) for source, _ in known])
F1 = {name: [word_f1(text, right) for text, right in zip(texts, french)]
      for name, texts in (("SmolLM2", general("story sentences", live=2)), ("t5-mini", write("translate", english)),
                          ("nearest training sentence", [known[n][1] for n in near]))}  # fmt: skip
print("translation, word F1")
compare("translation, stories", F1.pop("SmolLM2"), {"t5-mini": F1.pop("t5-mini")}, F1)

sources, answers = zip(*story_pairs["question"])
scores = {name: [exact(text, right) for text, right in zip(texts, answers)]
          for name, texts in (("SmolLM2", general("story questions", live=2)), ("t5-mini", write("question", sources, longest=24)))}  # fmt: skip
same = {f"always {text}": [exact(text, right) for right in answers] for text in ("Yes.", "No.", "The story does not say.")}
print("\nquestions, exact match")
compare("questions, stories", scores["SmolLM2"], {"t5-mini": scores["t5-mini"]}, same)
card = json.loads((run.root / "data/models/t5-mini/scores.json").read_text())
on_card = card["scores"]["question_exact"]
_, story_low, story_high = RESULTS["questions, stories"][1]
print(f"t5-mini on {card['inputs']} other questions of this kind, by its card: {on_card:.2f}")
assert story_low <= on_card <= story_high

told = [source for source, _ in story_pairs["continue"]]
count_letters = letter_counter([stories.write(f"train {number} of lesson 1").english for number in range(100)])
print("\ngeneration, bits a letter")
compare("stories, bits", general("story bits", live=6), {"gpt-mini": bits_per_letter(told, gpt, gpt_tokenizer)},
        {"counted letters": [count_letters(text) for text in told]}, sign=-1)  # fmt: skip

# %% [markdown] slideshow={"slide_type": "-"}
# All three pictures change. `t5-mini` and `gpt-mini`, worth little on texts by others, are far ahead of a model more than thirty times their size.
#
# And look at the interval of the questions. By its card `t5-mini` has a lower score on two hundred other questions of the same kind than on these forty; the card's score lies inside the interval. Forty rows
# can be lucky, which is what the interval is for.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 14. All tasks beside each other

# %% slideshow={"slide_type": "fragment"}
kept = recorded.results("01_scores", lesson=1, settings={"tasks": list(RESULTS)}, compute=lambda: RESULTS)
for task, now in RESULTS.items():
    for one, then in zip(now, kept.results[task]):
        assert (one is None) == (then is None) and (one is None or abs(one[0] - then[0]) < 0.1), f"{task}: not as in the first picture"
picture(RESULTS)
for title, chosen in (("a model is better than the best trivial program", [task for task in GAIN if GAIN[task][0] > 0]),
                      ("no model is shown to be better", [task for task in GAIN if GAIN[task][0] <= 0]),
                      ("the specialist is better than SmolLM2", [task for task in LEAD if LEAD[task][0] > 0]),
                      ("SmolLM2 is better than the specialist", [task for task in LEAD if LEAD[task][1] < 0]),
                      ("no difference shown between the two", [task for task in LEAD if LEAD[task][0] <= 0 <= LEAD[task][1]])):  # fmt: skip
    print(f"{title}:\n   {'; '.join(chosen)}")

# %% [markdown] slideshow={"slide_type": "-"}
# No program leads in every row. The specialists lead on what they were made for: programs and stories, and names, where somebody labelled sentences of the same kind. The general model leads on real English by people, film
# sentences in both rows, for which no specialist here was made. And in some rows no model is shown to be better than a trivial program; without that mark you would have read 0.3 as an achievement.
#
# What would a model a thousand times as large change? It writes French and programs, and does most of these tasks without an example. You would find out how well in the same way: the same rows, the best trivial program, an interval, and a look at what it wrote.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 15. Your turn
#
# Choose a task and who is to do it, and type. With an empty box you get the task's own example. For a question, write it first, then `context:` and the text. Whatever you type gets an
# answer or a sentence, and no crash. For readers who cannot run it, the picture holds the specialists' answers to eight examples.

# %% slideshow={"slide_type": "-"}
EXAMPLES = {
    "translate": english[0], "code": pairs[0].python, "question": sources[0], "go on": told[0], "summarize": TEXT,
    "topic": "The striker scored twice before the break.", "sentiment": "The soup was cold and the waiter rude.",
    "names": "Maria Keller of the Green Party flew from Paris to Oslo.",
}  # fmt: skip
MOST = 1500  # characters that are read


def by_specialist(task, text):
    if task in ("topic", "sentiment"):
        (found,) = (topic_head if task == "topic" else sentiment_head).predict(text)
        best = sorted(found.probabilities.items(), key=lambda pair: -pair[1])[:3]
        return ", ".join(f"{name} {chance:.0%}" for name, chance in best)
    if task == "names":
        return listed((span.kind, span.text) for span in entity_head.predict(text)[0])
    return write({"go on": "continue"}.get(task, task), [text], longest=120)[0]


def by_general(task, text):
    if task in ("topic", "sentiment"):
        rows = {"topic": "topics", "sentiment": "films"}[task]
        form = "Text: {}\nTopic:" if task == "topic" else "Review: {}\nSentiment:"
        return choose([form.format(text)], ASKED[rows][2]["words"])[0]
    question, _, context = text.partition("context: ")
    prompts = {"translate": chat(FRENCH + text), "code": one_program + ask_code(text), "go on": END + text, "summarize": chat(text + TWO),
               "question": one_question + ask_question(context, question), "names": f"{four_names}Sentence: {text}\nNames:"}  # fmt: skip
    stop = {"code": "\n}", "go on": None, "summarize": None}.get(task, "\n")
    return complete([prompts[task]], longest=100 if task == "code" else 50, stop=stop)[0]


def respond(task, who, text):
    """An answer to whatever a person typed, or a sentence that says why there is none."""
    text = (text if text.strip() else EXAMPLES[task])[:MOST]
    try:
        heads.check(text)
        answer = by_general(task, text) if who == "SmolLM2" else by_specialist(task, text)
    except ValueError as reason:
        return str(reason)
    return answer or "(The model wrote nothing.)"

# %% slideshow={"slide_type": "fragment"}
import textwrap

import ipywidgets

from utils.course import widgets


def panel(task, who, text):
    lines = []
    for each in EXAMPLES if task == "all examples" else [task]:
        for mark, content in ((each, (text if text.strip() else EXAMPLES[each])[:MOST]), ("   answer", respond(each, who, text))):
            readable = " ".join(plots.readable(word) for word in content.split())
            lines += textwrap.wrap(f"{mark}: {readable}", 100, subsequent_indent="      ", max_lines=3)
        lines.append("")
    figure, axes = plots.figure(width=9, height=0.4 + 0.19 * len(lines))
    for number, line in enumerate(lines):
        axes.text(0, -number, line, family="DejaVu Sans Mono", fontsize=8.5, parse_math=False)
    axes.set(xlim=(0, 1), ylim=(-len(lines), 1))
    axes.axis("off")
    return figure


assert all(respond(task, "the specialist", odd) for task in EXAMPLES for odd in ("", "a dull film " * 9000, "Это книга", "\U0001f600"))
choice = ipywidgets.Dropdown(options=["all examples", *EXAMPLES], value="all examples", description="task")
who = ipywidgets.Dropdown(options=["the specialist", "SmolLM2"], value="the specialist", description="who")
box = ipywidgets.Textarea(placeholder="type here, then click elsewhere", continuous_update=False, description="text")
widgets.explore(panel, alt="Eight tasks, each with an input and a specialist's answer.", task=choice, who=who, text=box)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The library way
#
# Hugging Face's `transformers` is the library you have used already: `catalog.load` calls its `AutoModel...` classes, and `generate` is its. For some tasks it has a shortcut, the **pipeline**:
# tokenizer, template, model and decoding in one call. It must write what `complete` writes.
#
# In version 5 `text-generation`, `text-classification` and `token-classification` are left of the pipelines for this lesson's tasks; `translation`, `summarization`, `text2text-generation`
# and `question-answering` are gone. Old tutorials use them and fail. Model classes work in every version.

# %% slideshow={"slide_type": "-"}
from transformers import pipeline

generator = pipeline("text-generation", model=smol, tokenizer=smol_tokenizer)
turns = [{"role": "user", "content": "What is the capital of France?"}]
(result,) = generator(turns, max_new_tokens=12, do_sample=False, return_full_text=False)
same_as_pipeline = result["generated_text"] == complete([chat("What is the capital of France?")], longest=12)[0]
assert same_as_pipeline, "the pipeline and our own function must write the same"
print(result["generated_text"])

# %% [markdown] slideshow={"slide_type": "-"} tags=["more"]
# With the Hub, the models that people use at work answer **the same forty rows**, and their scores can be read beside the tables above. Each is a download of some hundred megabytes, so without a GPU
# the cell prints the line that gets it: run that once in a cell of your own, then this one again. Without the Hub the same code runs on two rows with `t5-mini`, and with MiniLM under heads that are
# new and untrained, whose answers mean nothing.
#
# First what *writes*: Marian translates, distilBART sums up, Flan-T5 follows an instruction.

# %% slideshow={"slide_type": "-"} tags=["hub", "more"]
def from_hub(name):
    """A model of the Hub, or None after a line that says why not and what to do."""
    try:
        return catalog.load(name)
    except catalog.NotHere as reason:
        print(reason)


def places_of(model):
    """How many tokens it can read: T5 has no limit, RoBERTa two places less than its table has rows."""
    return getattr(model.config, "max_position_embeddings", 514) - 2


@torch.no_grad()
def written_by(loaded, texts, longest=60):
    """What an encoder-decoder from the Hub writes for the texts, eight at a time."""
    model, tokenizer = loaded[0].to(run.device), loaded[1]
    options = {"padding": True, "truncation": True, "max_length": places_of(model), "return_token_type_ids": False}
    written = []
    for at in range(0, len(texts), 8):
        inputs = tokenizer(texts[at : at + 8], return_tensors="pt", **options).to(run.device)
        ids = model.generate(**inputs, max_new_tokens=min(longest, places_of(model)), num_beams=1, do_sample=False)
        written += tokenizer.batch_decode(ids, skip_special_tokens=True)
    return written


instruction = "Answer the question with words of the text, or say no answer. Question: {question} Text: {context}"
WRITERS = {  # model -> rows, inputs, what scores its answers
    "opus-mt-en-fr": ("translation, everyday", [row["translation"]["en"] for row in everyday],
                      lambda texts: [word_f1(text, row["translation"]["fr"]) for text, row in zip(texts, everyday)]),
    "distilbart-cnn": ("summarizing news", [row["article"] for row in news],
                       lambda texts: [word_f1(text, row["highlights"]) for text, row in zip(texts, news)]),
    "flan-t5-small": ("question answering", [instruction.format(**row) for row in questions], lambda texts: best_of(token_f1, texts)),
}  # fmt: skip
here = runtime.hub("translates, sums up and answers with three well-known models", "the Hub and 1.9 GB of downloads", loads=tuple(WRITERS))
for name, (task, inputs, score) in WRITERS.items():
    if loaded := from_hub(name) if here else (t5, t5_tokenizer):
        answers = written_by(loaded, inputs[: COUNT if here else 2])
        print("{} in {}'s place, {}: {:.2f} [{:.2f}, {:.2f}]".format("in truth" if here else "t5-mini", name, task, *interval(score(answers))))

# %% [markdown] slideshow={"slide_type": "-"} tags=["more"]
# Then what *reads*. A question answering encoder gives each token of the text two logits, one for *the answer begins here* and one for *it ends here*. The first token stands for *no answer*. Of all pairs of a beginning and
# an end that does not stand before it, the one with the largest sum is the answer: `torch.triu` leaves these. Exercise 1.4 asks you for the search.

# %% slideshow={"slide_type": "-"} tags=["hub", "more"]
@torch.no_grad()
def span_by(model, tokenizer, question, context, longest=30):
    """The best stretch of the context, or "no answer"."""
    options = {"truncation": "only_second", "max_length": places_of(model)}
    inputs = tokenizer(question, context, return_tensors="pt", **options).to(model.device)
    output = model(**inputs)
    sums = output.start_logits[0][:, None] + output.end_logits[0][None, :]  # (T, T): a beginning down, an end across
    allowed = torch.ones_like(sums, dtype=torch.bool).triu().tril(longest - 1)
    in_context = torch.tensor([part == 1 for part in inputs.sequence_ids(0)], device=model.device)
    sums = sums.masked_fill(~(allowed & in_context[:, None] & in_context[None, :]), float("-inf"))
    start, end = divmod(sums.argmax().item(), sums.shape[1])
    if output.start_logits[0, 0] + output.end_logits[0, 0] > sums[start, end]:
        return NONE
    return tokenizer.decode(inputs.input_ids[0, start : end + 1], skip_special_tokens=True).strip()


@torch.no_grad()
def labels_by(model, tokenizer, given, **options):
    """The likeliest label of each text; for lists of words, of each word's first token."""
    inputs = tokenizer(given, padding=True, truncation=True, max_length=places_of(model), return_tensors="pt", **options).to(model.device)
    best = model(**inputs).logits.argmax(-1).tolist()
    if not options:
        return best
    names = [[model.config.id2label[number] for number in row] for row in best]
    firsts = [[ids.index(word) for word in sorted({word for word in ids if word is not None})] for ids in map(inputs.word_ids, range(len(given)))]
    return [[row[place] for place in places] for row, places in zip(names, firsts)]


readers = ("roberta-base-squad2", "distilbert-sst2", "bert-base-ner")
here = runtime.hub("answers, judges and finds names with three well-known models", "the Hub and 1.2 GB of downloads", loads=readers)
count, heads_of = COUNT if here else 2, ("QuestionAnswering", "SequenceClassification", "TokenClassification")
torch.manual_seed(0)
for name, kind in zip(readers, heads_of):
    loaded = from_hub(name) if here else catalog.load("minilm", model_class=f"AutoModelFor{kind}")
    if loaded and kind == "QuestionAnswering":
        rows = best_of(token_f1, [span_by(*loaded, row["question"], row["context"]) for row in questions.select(range(count))])
    elif loaded and kind == "SequenceClassification":
        rows = [found == (row["mean"] > 0) for found, row in zip(labels_by(*loaded, [row["text"] for row in rated[:: 160 // count]]), rated[:: 160 // count])]
    elif loaded:
        found = labels_by(*loaded, tokens[:count], is_split_into_words=True)
        rows = counted([sequence_pairs.entities_text(row, labels) for row, labels in zip(tokens, found)], true_names[:count])
    if loaded and here:
        print("   {:.2f} [{:.2f}, {:.2f}]".format(*interval(rows)))

# %% [markdown] slideshow={"slide_type": "slide"}
# ## On a GPU
#
# For one answer a GPU is a few times faster. Its strength is many answers at once: each step reads all weights from memory, and serves every prompt of the batch.

# %% slideshow={"slide_type": "-"} tags=["gpu", "more", "nbval-ignore-output"]
large = runtime.gpu("lets SmolLM2 answer up to 256 prompts at once", needs="4 GB of its memory")
for size in (1, 8, 64, 256) if large else (1, 4):
    prompts = [chat(f"Tell me one fact about the number {number}.") for number in range(size)]
    inputs = smol_tokenizer(prompts, padding=True, add_special_tokens=False, return_tensors="pt").to(run.device)
    start, length = perf_counter(), 64 if large else 8
    with torch.no_grad():
        smol.generate(**inputs, min_new_tokens=length, max_new_tokens=length, do_sample=False)
    print(f"{size:>4} prompts at once: {size * length / (perf_counter() - start):,.0f} tokens a second")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Where it goes wrong
#
# **Padding on the wrong side.** Prompts of a batch have different lengths and are filled up. A decoder goes on after the *last* place of each row. If the filling stands there, it goes on after the filling,
# and nothing warns you in `choose`.
#
# **Asking in the chat.** The same question in the chat template, *positive or negative? Answer with one word*, seems the natural way. Try both mistakes on twelve film sentences.

# %% slideshow={"slide_type": "-"}
twelve = rated[::14][:12]
positive = [row["mean"] > 0 for row in twelve]
prompts, sides = [f"Review: {row['text']}\nSentiment:" for row in twelve], {}
for side in ("left", "right"):
    smol_tokenizer.padding_side = side
    sides[side] = choose(prompts, ["negative", "positive"])
    right = sum((answer == "positive") == yes for answer, yes in zip(sides[side], positive))
    print(f"filled on the {side}: {right} of 12 right, {sides[side].count('positive')} called positive")
smol_tokenizer.padding_side = "left"
request = "Is this sentence from a film review positive or negative? Answer with one word.\n\n{text}"
chatted = complete([chat(request.format(**row)) for row in twelve], longest=4)
print("in the chat:", Counter(chatted).most_common(4))
kept_by_padding = sum(a == b for a, b in zip(sides["left"], sides["right"]))
plain_answers = [text for text in chatted if text.strip(".").lower() in ("positive", "negative")]

# %% [markdown] slideshow={"slide_type": "-"}
# Compare the two lines of padding: the same prompts, the same weights, and answers that follow the filling and not the sentence. In the chat the model begins a sentence, or says *positive* again and again; compared word against word, in the form in which reviews
# stand on the web, it knows better. How you ask is a part of the program, so choose it on validation rows, like any other setting.

# %% [markdown] slideshow={"slide_type": "-"} tags=["more"]
# **A metric that does not see the point.** Wanted: *Mia did not lose the key*; written: *Mia did lose the key*. Common 5, written 5, wanted 6, so F1 is
# $10 / 11 = 0.91$ for the opposite of the truth. And *the key lost Mia* against *Mia lost the key* has 1.0. Read a sample of the outputs before you trust the mean.
#
# **Silent truncation.** The heads read the first 256 tokens of a text, BERT reads 512, and the rest is dropped without a word. If the verdict of your
# reviews stands in the last sentence, that is what you lose.
#
# **Choosing on the test rows.** You try twenty prompts on the same forty rows and report the best. Some of its lead is luck, and it is gone on other rows. Choose on validation rows, measure once on the test rows.
#
# **No baseline.** An accuracy of 0.95 on data in which 95 of 100 texts are of one class is worth nothing.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Check yourself
#
# 1. You have 10,000 letters to a company and want to know which department each belongs to. Which architecture fits, which metric, and which trivial program?
#
# <details><summary>Answer</summary>An encoder with a head: the answer is a choice from a short list. Accuracy, beside the majority class; macro F1 if some departments get few letters. A stronger trivial program looks for the departments' names in the letter.</details>
#
# 2. Wanted: `the old mill`. Given: `old mill by the river`. Exact match and F1, without articles?
#
# <details><summary>Answer</summary>Exact match 0. Without articles: wanted 2 words, given 4 (old, mill, by, river), common 2, so 2 · 2 / (4 + 2) = 0.67.</details>
#
# 3. Two models score 0.80 [0.68, 0.93] and 0.85 [0.72, 0.95] on the same forty rows. Is the second better?
#
# <details><summary>Answer</summary>These intervals cannot tell. Look at the interval of the difference, on the same drawn rows; if it holds 0, take more rows, or choose by price.</details>
#
# 4. Twelve fixed French words score more than SmolLM2's French. Whose fault is it, the model's or the metric's?
#
# <details><summary>Answer</summary>Both. The French is no French, and a metric that counts common words pays for words that stand in every sentence. The baseline shows both at once.</details>
#
# 5. A head scores 0.8 on held-out rows of its data set and loses on your texts. Did somebody cheat?
#
# <details><summary>Answer</summary>Not necessarily. Held out means not trained on. The rows may still come from the same narrow source as the training rows, here an AI language model, and your texts do not.</details>

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Exercises
#
# Four, from easy to less so: you write metrics and a search that this lesson took from a library. The check below each stub says what is wrong; the solution is folded.
#
# ### Exercise 1.1 · Exact match (difficulty 1, 10 minutes)
#
# Write SQuAD's exact match: lower case, no punctuation, no articles (*a, an, the*), and white space does not matter; then 1.0 where the two are equal, else 0.0. There can be
# several right answers: one of them is enough.
#
# <details><summary>Hint</summary>
#
# `re.findall(r"\w+", text.lower())` gives the words; leave out the articles, compare lists.
# </details>

# %% slideshow={"slide_type": "skip"} tags=["exercise"]
import re


def exact_match(given, right):
    """given: a text; right: a list of right answers -> 1.0 or 0.0."""
    raise NotImplementedError("Exercise 1.1")

# %% slideshow={"slide_type": "skip"} tags=["check"]
from utils.course import exercises


@exercises.check("1.1", exact_match)
def check_exact_match(attempt):
    assert attempt("Otterby", ["Otterby"]) == 1.0, "Equal texts should give 1.0."
    assert attempt("Otterby", ["Foxley"]) == 0.0, "Different texts should give 0.0."
    assert attempt("otterby.", ["Otterby"]) == 1.0, "Capitals and marks should not matter."
    assert attempt("the old mill", ["an old mill"]) == 1.0, "Articles should not matter: leave out a, an and the."
    assert attempt("mill", ["Foxley", "the mill"]) == 1.0, "One of several right answers is enough: did you look at the first alone?"
    assert attempt("Foxley", ["Foxley", "the mill"]) == 1.0, "One of several right answers is enough: not all of them have to fit."
    assert attempt("mill old", ["old mill"]) == 0.0, "The order counts: compare lists, not sets."
    assert attempt("theater", ["ater"]) == 0.0, "You cut articles out of words: leave out whole words only."
    spaced = attempt("old  mill ", ["old mill"]), attempt("old\nmill", ["old mill"])
    assert spaced == (1.0, 1.0), "White space should not matter: two spaces, a space at the end or a line break are no words."
    part = attempt("old mill", ["old mill by the river"])
    assert part == 0.0, "A part of the answer is not the answer: compare for equality."
    assert isinstance(attempt("mill", ["mill"]), float), "Give a number, 1.0 or 0.0, and not True or False: scores are added up."

# %% cellView="form" jupyter={"source_hidden": true} slideshow={"slide_type": "skip"} tags=["solution"]
#@title Solution
def exact_match_solution(given, right):
    def normal(text):
        return [word for word in re.findall(r"\w+", text.lower()) if word not in ("a", "an", "the")]

    return float(any(normal(given) == normal(answer) for answer in right))


check_exact_match(exact_match_solution)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 1.2 · ROUGE-2 (difficulty 2, 15 minutes)
#
# Write the F1 over **pairs of neighboring words**. *the cat sat* has two: (the, cat) and (cat, sat). Count each pair as often as it occurs. Where neither
# text has a pair, the score is 0.
#
# <details><summary>Hint</summary>
#
# `zip(tokens, tokens[1:])` gives the pairs, `Counter` counts them, `&` of two counters takes the smaller count of each.
# </details>

# %% slideshow={"slide_type": "skip"} tags=["exercise"]
import re
from collections import Counter


def rouge_2(written, wanted):
    """F1 over the pairs of neighboring words of two texts; words are re.findall(r"\\w+", text.lower())."""
    raise NotImplementedError("Exercise 1.2")

# %% slideshow={"slide_type": "skip"} tags=["check"]
from utils.course import exercises


@exercises.check("1.2", rouge_2)
def check_rouge_2(attempt):
    assert attempt("the cat sat", "the cat sat") == 1.0, "Equal texts should give 1.0."
    result = attempt("the cat sat", "the cat ran away")
    assert abs(result - 4 / 7) > 1e-6, "You counted single words: that is ROUGE-1."
    assert abs(result - 0.5) > 1e-6, "That is precision, 1 of 2 written pairs: recall belongs in it too."
    assert abs(result - 1 / 3) > 1e-6, "That is recall, 1 of 3 wanted pairs: precision belongs in it too."
    assert abs(result - 0.4) < 1e-6, f"1 common pair, 2 written and 3 wanted: 2 / 5 = 0.4, not {result:.3f}."
    assert attempt("cat the", "the cat") == 0.0, "The order inside a pair counts: (cat, the) is not (the, cat)."
    repeated = attempt("no no no no", "no no")
    assert repeated != 1.0, "A pair that occurs three times counts three times: use Counter and not set."
    assert abs(repeated - 0.5) < 1e-6, f"3 pairs written, 1 wanted, 1 common: 2 / 4 = 0.5, not {repeated:.3f}."
    try:
        nothing = attempt("cat", "dog")
    except ZeroDivisionError:
        raise AssertionError("A text of one word has no pairs: mind the division by zero.") from None
    assert nothing == 0.0, "Where there are no pairs the score is 0."

# %% cellView="form" jupyter={"source_hidden": true} slideshow={"slide_type": "skip"} tags=["solution"]
#@title Solution
def rouge_2_solution(written, wanted):
    ours, theirs = (re.findall(r"\w+", text.lower()) for text in (written, wanted))
    ours, theirs = (Counter(zip(tokens, tokens[1:])) for tokens in (ours, theirs))
    total = ours.total() + theirs.total()
    return 2 * (ours & theirs).total() / total if total else 0.0


check_rouge_2(rouge_2_solution)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 1.3 · From labels to names (difficulty 2, 20 minutes)
#
# Turn BIO labels into names: a list of `(kind, first, last)`, where `last` is the place of the last word itself. Two names may stand side by side. An `I-` that follows nothing of its
# kind opens a name, as in the field's own scorer.
#
# <details><summary>Hint</summary>
#
# Go through the labels with the label before at hand. A name begins at `B-`, or at an `I-` whose kind differs from the kind before. Otherwise an `I-` moves the end of the last name by one.
# </details>

# %% slideshow={"slide_type": "skip"} tags=["exercise"]
def names_of(labels):
    """["B-PER", "I-PER", "O"] -> [("PER", 0, 1)]"""
    raise NotImplementedError("Exercise 1.3")

# %% slideshow={"slide_type": "skip"} tags=["check"]
from utils.course import exercises


@exercises.check("1.3", names_of)
def check_names_of(attempt):
    def names(labels):
        return [tuple(name) for name in attempt(labels)]

    found = names(["B-PER", "I-PER", "O"])
    assert found != [("PER", 0, 2)], "`last` is the place of the last word itself, not the place after it."
    assert found != [("PER", 0, 0), ("PER", 1, 1)], "You made a name of every label that is not O: an I- goes on with the name before it."
    assert found == [("PER", 0, 1)], f"B-PER I-PER O holds one name, (PER, 0, 1), not {found}."
    assert names(["O", "O"]) == [], "Where all is O there are no names."
    assert names(["O", "B-LOC"]) == [("LOC", 1, 1)], "A name that ends with the text is lost: close it after the loop."
    found = names(["B-PER", "B-PER"])
    assert found == [("PER", 0, 0), ("PER", 1, 1)], "Two names stand side by side here: every B- opens a new one."
    assert names(["O", "I-ORG", "I-ORG"]) == [("ORG", 1, 2)], "An I- after O opens a name too, once."
    found = names(["B-PER", "I-LOC"])
    assert found == [("PER", 0, 0), ("LOC", 1, 1)], "An I- of another kind does not go on with the name: it opens one."
    found = names(["B-PER", "O", "I-PER"])
    assert found == [("PER", 0, 0), ("PER", 2, 2)], "After an O the name before is over: an I- of the same kind opens a new one."
    assert names([]) == [], "No labels, no names: an empty list should give an empty list."

# %% cellView="form" jupyter={"source_hidden": true} slideshow={"slide_type": "skip"} tags=["solution"]
#@title Solution
def names_of_solution(labels):
    names, before = [], "O"
    for place, label in enumerate(labels):
        if label.startswith("B-") or (label.startswith("I-") and before[2:] != label[2:]):
            names.append((label[2:], place, place))
        elif label != "O":
            names[-1] = (*names[-1][:2], place)
        before = label
    return names


check_names_of(names_of_solution)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 1.4 · The best span (difficulty 3, 20 minutes)
#
# An encoder for question answering gives each token a logit for *the answer begins here* and one for *it ends here*. Give the pair `(start, end)` with the largest sum, where the end does
# not stand before the start, and the span has at most `longest` tokens.
#
# <details><summary>Hint</summary>
#
# Two loops: over each start, and over the ends from `start` to `start + longest - 1`. `max` over a generator with a key does the rest.
# </details>

# %% slideshow={"slide_type": "skip"} tags=["exercise"]
def best_span(starts, ends, longest):
    """Two lists of logits of equal length -> (start, end), both counted from 0, end included."""
    raise NotImplementedError("Exercise 1.4")

# %% slideshow={"slide_type": "skip"} tags=["check"]
from utils.course import exercises


@exercises.check("1.4", best_span)
def check_best_span(attempt):
    def span(starts, ends, longest):
        return tuple(attempt(starts, ends, longest))

    found = span([0, 5, 0], [0, 0, 5], 3)
    assert found != (2, 1), "The start comes first: (start, end)."
    assert found != (1, 3), "`end` is the place of the last token itself, not the place after it."
    assert found == (1, 2), f"Start 1 and end 2 have the largest logits here, and make a span; yours is {found}."
    found = span([0, 3, 9], [0, 8, 1], 3)
    assert found != (2, 1), "The end stands before the start: the two cannot be chosen apart."
    assert found != (2, 2), "You took the largest start first, then the best end for it. A smaller start can have a larger sum: (1, 1), 3 + 8."
    assert found == (1, 1), f"(1, 1) has the sum 11, the best of all that are spans; yours is {found}."
    found = span([1, 9, 0], [8, 5, 0], 3)
    assert found != (0, 0), "You took the largest end first, then the best start for it. A smaller end can have a larger sum: (1, 1), 9 + 5."
    assert found == (1, 1), f"(1, 1) has the sum 14, the best of all that are spans; yours is {found}."
    found = span([9, 0, 0, 3], [0, 0, 0, 9], 2)
    assert found != (0, 3), "That span has 4 tokens, and 2 are allowed: `longest` is not used."
    assert found == (3, 3), f"With at most 2 tokens (3, 3) is best, with the sum 12; yours is {found}."
    found = span([4, 0, 0], [1, 0, 3], 2)
    assert found != (0, 2), "That span has 3 tokens, and 2 are allowed: one too many. The last end is start + longest - 1."
    assert found == (0, 0), f"With at most 2 tokens (0, 0) is best, with the sum 5; yours is {found}."
    assert span([4, 0], [0, 3], 2) == (0, 1), "longest=2 allows two tokens, and you stop at one: the limit counts both ends."
    assert span([-4, -3], [-2, -1], 1) == (1, 1), "Logits may be negative: do not begin with a best of 0."

# %% cellView="form" jupyter={"source_hidden": true} slideshow={"slide_type": "skip"} tags=["solution"]
#@title Solution
def best_span_solution(starts, ends, longest):
    spans = [(start, end) for start in range(len(starts)) for end in range(start, min(start + longest, len(ends)))]
    return max(spans, key=lambda span: starts[span[0]] + ends[span[1]])


check_best_span(best_span_solution)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["open-task"]
# ### Open task · General or special? A decision for your own texts (3 hours)
#
# Take a task from your own work or life: letters to sort, notes to sum up, names to find in minutes, questions on a handbook. Decide, with numbers, whether you would use the general model, a specialist, or a
# program of ten lines. Collect 60 texts and write the right answers yourself, before you see any model's: 20 to choose prompts and settings on, 40 to measure once. Hand in one page.
#
# | points | for |
# |---|---|
# | 2 | the task in one sentence, what goes in, what comes out, what a mistake costs |
# | 2 | the metric in one sentence, with an example worked by hand, and what it does not see |
# | 2 | the best trivial program that you could think of, and two that you rejected |
# | 2 | all programs on the same 40 texts, with intervals, and the intervals of the differences |
# | 2 | five outputs read closely: what is wrong that the score does not show |
# | 2 | the decision, its price in time and money, and the number that would change it |


# %% [markdown] slideshow={"slide_type": "slide"}
# ## Scorecard
#
# What this lesson claims. The scores of SmolLM2 are *recorded*, and its first answers live; all others are live. *Low* and *high* are the ends of the interval of a difference.

# %% slideshow={"slide_type": "-"} tags=["scorecard"]
from utils.course.scorecard import Scorecard

card = Scorecard(lesson=1)
low = {task: ends[0] for task, ends in GAIN.items()}
BEST, LEADS = "best model minus best trivial program, low", "specialist minus general model"
card.at_least(f"translation, English to French, everyday: {BEST}", low["translation, everyday"], 0.0, digits=2)
card.at_least(f"translation, Python to JavaScript: {BEST}", low["Python to JavaScript"], 0.5, digits=2)
card.at_most(f"question answering: {BEST} (not shown to be better)", low["question answering"], 0.0, digits=2)
card.at_least(f"text generation, bits a letter of film sentences: {BEST}", low["film sentences, bits"], 0.45, digits=2)
card.at_most(f"summarizing news: {BEST} (not shown to be better)", low["summarizing news"], 0.0, digits=2)
for task, claim, bound in (("topics", "classification into categories", 0.0), ("sentiment, films", "sentiment, real film sentences", 0.08),
                           ("sentiment, AI-written", "sentiment, AI-written reviews", 0.0), ("named entities", "named entities", 0.1)):  # fmt: skip
    card.at_least(f"{claim}: {BEST}", low[task], bound, digits=2)
recall = RESULTS["semantic search"]
card.at_least("semantic search: MiniLM on sentences minus best trivial program", recall[1][0] - recall[2][0], 0.04, digits=2)
for task, bound in (("Python to JavaScript", 0.6), ("named entities", 0.1), ("translation, stories", 0.6), ("questions, stories", 0.25), ("stories, bits", 0.8)):
    card.at_least(f"{task}: {LEADS}, low", LEAD[task][0], bound, digits=2)
for task, bound in (("sentiment, films", -0.01), ("film sentences, bits", -1.8), ("summarizing news", -0.1)):
    card.at_most(f"{task}: {LEADS}, high", LEAD[task][1], bound, digits=2)
three = RESULTS["translation, everyday"]
card.at_least("French: the best trivial program minus SmolLM2", three[2][0] - three[0][0], 0.04, digits=2)
card.at_least("news summaries of 40 with a name or number that the article lacks", sum(map(bool, strange)), 12)
card.at_most("ordinary functions of 4, x + 1 among them, that t5-mini translates", sum(odd_right), 1)
bitter_gap = numpy.mean(right_on["others"]) - numpy.mean(right_on["sarcastic"])
card.at_least("accuracy of the head on other reviews minus on sarcastic ones", bitter_gap, 0.1, digits=2)
cut_gain = numpy.mean(hits["MiniLM, sentences"]) - numpy.mean(hits["MiniLM, whole passages"])
card.at_least("recall of MiniLM, one vector a sentence minus one a passage", cut_gain, 0.06, digits=2)
card.equal("t5-mini on story questions: its card's score lies in the interval", story_low <= on_card <= story_high, True)
card.equal("our own function and the library's pipeline write the same", same_as_pipeline, True)
if abs(WEIGHTS - log.results["weights"]) < 1e-6:  # the Hub's own weights are not the 4-bit copy: their answers may differ
    card.at_least("live answers of SmolLM2 that are the recorded ones, share", round(sum(AGREES) / len(AGREES), 1), 0.9)
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Summary
#
# 1. A general model does a task for which it is asked in words; a specialist does the one that it was trained for. An encoder chooses, an encoder-decoder rewrites, a decoder goes on.
# 2. A score means something beside the best trivial program, on the same rows, with an interval.
# 3. Small specialists are far ahead on the texts they were made for, and may be worth nothing on others.
# 4. A general model, even a small one, was best on real English; it cannot do French or programs, and it never says that it does not know.
# 5. Metrics pay for what they count. An invented year, an opposite, a sentence that is no sentence are seen only by reading.
#
# **New words**, in the [glossary](../data/glossary.md): held-out; baseline; prompt; chat template; zero-shot, few-shot; logit; specialist, general model; prefix; task head; bootstrap interval; precision, recall, F1; BLEU, chrF; functional correctness;
# exact match; bits a letter; n-gram; ROUGE; Lead-3; accuracy; majority class; confusion matrix; named entity; BIO; semantic search; recall at 1; hallucination; pipeline; recorded run.
#
# **Papers.** Vaswani et al., *Attention Is All You Need*, 2017, [arXiv 1706.03762](https://arxiv.org/abs/1706.03762) ·
# Allal et al., *SmolLM2: When Smol Goes Big*, 2025, [arXiv 2502.02737](https://arxiv.org/abs/2502.02737) ·
# Brown et al., *Language Models are Few-Shot Learners*, 2020, [arXiv 2005.14165](https://arxiv.org/abs/2005.14165) ·
# Raffel et al., *Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer*, 2019, [arXiv 1910.10683](https://arxiv.org/abs/1910.10683) ·
# Rajpurkar et al., *SQuAD: 100,000+ Questions for Machine Comprehension of Text*, 2016, [arXiv 1606.05250](https://arxiv.org/abs/1606.05250) ·
# Rajpurkar et al., *Know What You Don't Know*, 2018, [arXiv 1806.03822](https://arxiv.org/abs/1806.03822) ·
# Chen et al., *Evaluating Large Language Models Trained on Code*, 2021, [arXiv 2107.03374](https://arxiv.org/abs/2107.03374) ·
# Hutto and Gilbert, *VADER*, ICWSM 2014 ·
# Tjong Kim Sang and De Meulder, *Introduction to the CoNLL-2003 Shared Task*, 2003, [arXiv cs/0306050](https://arxiv.org/abs/cs/0306050) ·
# Wang et al., *MiniLM*, 2020, [arXiv 2002.10957](https://arxiv.org/abs/2002.10957) ·
# Reimers and Gurevych, *Sentence-BERT*, 2019, [arXiv 1908.10084](https://arxiv.org/abs/1908.10084)
#
# **Next:** [lesson 2, the architecture from the outside in](02_high_level_architecture.ipynb), opens the box.
