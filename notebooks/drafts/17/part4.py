# %% [markdown]
# Both logs hold the same numbers: `metrics.csv` opens in any program, and TensorBoard draws its own file (`tensorboard --logdir FOLDER`), also while the training runs. Read the one, check it with the other, and draw.

# %% tags=["nbval-ignore-output"]
import csv

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def logged(folder):
    """name -> {step: value}, from all CSV logs of a folder: a resumed training has several, and the later one counts."""
    found = {}
    for path in sorted(folder.glob("log/version_*/metrics.csv"), key=lambda path: path.stat().st_mtime):
        for row in csv.DictReader(path.open(encoding="utf-8")):
            for name, value in row.items():
                if value and name not in ("step", "epoch"):
                    found.setdefault(name, {})[int(row["step"])] = float(value)
    return found


curves = logged(work / "stories")
board = EventAccumulator(str(work / "stories" / "tensorboard")).Reload()
same_logs = all(abs(curves["loss"][event.step] - event.value) < 1e-4 for event in board.Scalars("loss"))
plots.show(figures.training(curves, ROWS * T), alt="The loss falls over the tokens; the rate rises and falls; the gradient's norm.")
speed = list(curves["tokens_a_second"].values())
print(f"CSV and TensorBoard agree: {same_logs}; {numpy.median(speed):,.0f} tokens a second, MFU {numpy.median(speed) * formula / peak:.0%}")
held = list(curves["held_out"].values())
assert same_logs and held[-1] < 0.3 * held[0]

# %% [markdown]
# From left: the loss on the training windows (thin) and on held-out ones (dots) lie close together, because no story was read more than twice. The rate is the schedule's. The gradient's norm is largest at the
# beginning, which the warm-up is for.
#
# What the model wrote on the way, always after the same first sentence:

# %% tags=["nbval-ignore-output"]
import ipywidgets
from utils.course import widgets


def draw_page(page):
    step, share, text = diary.pages[page - 1]
    verdict = stories.judge(text)
    sentences = [(sentence, sentence not in verdict.rejected) for sentence in stories.parser.split(text)]
    return figures.page(step, share, sentences, [(at, value) for at, value, _ in diary.pages])


widgets.explore(draw_page, alt="What the model wrote at a step, sentence by sentence, and the share that the parser accepts over the steps.",
                page=ipywidgets.IntSlider(value=len(diary.pages), min=1, max=len(diary.pages)))  # fmt: skip
shares = [share for _, share, _ in diary.pages]
assert shares[-1] > 0.6 and shares[0] < 0.2

# %% [markdown]
# Blue sentences are accepted, orange ones are not. Move the slider: first come frequent words in any order, then pieces of sentences, then whole ones. (The readers on GitHub see the last page.)

# %% [markdown] tags=["predict"]
# ## 6. Is it readable?
#
# The best trivial program that writes is an *n-gram model*: it counts in the same training text what followed the last $n - 1$ tokens, and draws accordingly. Where it has not seen them it goes back to fewer (interpolated, modified Kneser-Ney: the n-gram model that
# predicts best). The same parser judges both, on stories that begin with the same held-out sentences.
#
# **Predict.** A 7-gram model knows the last six tokens, about a third of a sentence. What share of its sentences is grammatical? In what will the GPT differ, after two minutes?

# %%
import re

from utils.experiments.ngrams import Ngrams

KNOWN = {sentence for text in texts["train"]["text"] for sentence in stories.parser.split(text)}
ORDER = 7  # the best of 2 to 8 on the validation stories, in the recorded run


def judged(beginnings, added):
    """For each text: sentences after the first that are accepted; accepted and in no training story; all; whether all is right.

    What was cut off in the middle of its last sentence is judged without it."""
    found = []
    for first, text in zip(beginnings, added):
        text = (re.match(r"(?s).*[.!?]+[\"”]?", text) or [""])[0]
        verdict, sentences = stories.judge(f"{first} {text}"), stories.parser.split(text)
        right = [sentence for sentence in sentences if sentence not in verdict.rejected]
        flawless = bool(sentences) and len(right) == len(sentences) and not verdict.contradictions
        found.append((len(right), sum(s not in KNOWN for s in right), len(sentences), flawless))
    return numpy.array(found)  # (stories, 4)


def share(rows, column=0):
    """Of all sentences, with its 95 % interval over the stories: [value, low, high]."""
    draws = numpy.random.default_rng(0).integers(len(rows), size=(1000, len(rows)))
    samples = rows[draws].sum(axis=1)  # (1000, 4)
    ends = numpy.quantile(samples[:, column] / samples[:, 2], [0.025, 0.975])
    return [round(float(value), 3) for value in (rows[:, column].sum() / rows[:, 2].sum(), *ends)]


counted = Ngrams([encode(text) for text in texts["train"]["text"]], ORDER, V, END)

# %%
def by_counting(beginnings, temperature, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [tokenizer.decode(counted.write(encode(text), T - 1 - len(encode(text)), generator, temperature)).strip() for text in beginnings]


def verdicts(writers, beginnings, temperatures):
    """writer -> temperature -> shares accepted and new, with intervals, and how many stories are flawless."""
    found = {}
    for name, writes in writers.items():
        found[name] = {}
        for temperature in temperatures:
            rows = judged(beginnings, writes(beginnings, temperature))
            found[name][f"{temperature:g}"] = {"accepted": share(rows), "new": share(rows, 1), "flawless": round(float(rows[:, 3].mean()), 3)}
    return found


def whole_run(seeds=3, count=200):
    """The training with three seeds: losses, verdicts; and those of n-grams and gpt-mini on the same beginnings."""
    rows, bits = list(map(encode, texts["train"]["text"])), {}
    for order in range(2, 9):
        model = Ngrams(rows, order, V, END)
        bits[order] = sum(model.bits(encode(text)) for text in texts["validation"]["text"])
    size = sum(len(encode(text)) for text in texts["validation"]["text"])
    found = {"ngrams": {str(order): round(value * numpy.log(2) / size, 4) for order, value in bits.items()}, "curves": [], "tokens": STEPS * ROWS * T}
    writers = {"7-gram": by_counting}
    for seed in range(seeds):
        model, _ = pretrain(seed, work / f"seed {seed}")
        found["curves"].append([round(value, 4) for value in logged(work / f"seed {seed}")["held_out"].values()])
        writers[f"GPT, seed {seed}"] = lambda beginnings, temperature, model=model: write(model, beginnings, temperature)
    writers["gpt-mini"] = lambda beginnings, temperature: write(gpt_mini, beginnings, temperature)
    return found | {"verdicts": verdicts(writers, firsts["test"][:count], (1.0, 0.7, 0.3))}


gpt_mini = GPT.from_pretrained("gpt-mini")
log = recorded.results("17_stories", lesson=17, settings={"steps": STEPS, "rows": ROWS, "window": T}, compute=whole_run)
print(log)

# %%
found = log.results["verdicts"]
live = {name: row["0.7"] for name, row in verdicts({"7-gram": by_counting, "GPT": lambda b, t: write(gpt, b, t), "gpt-mini":
        lambda b, t: write(gpt_mini, b, t)}, firsts["test"][:60], (0.7,)).items()}  # fmt: skip
plots.show(figures.both(log.results), alt="Accepted sentences at three temperatures: gpt-mini above the GPT of this lesson, and that above the 7-gram model.")
for name in found:
    rows = [f"{t}: {row['accepted'][0]:.0%}, new {row['new'][0]:.0%}, flawless {row['flawless']:.0%}" for t, row in found[name].items()]
    print(f"{name:<12}", "  |  ".join(rows))
own = [row for name, row in found.items() if name.startswith("GPT")]
assert int(min(log.results["ngrams"], key=log.results["ngrams"].get)) == ORDER
for t in ("1", "0.7", "0.3"):
    assert min(row[t]["accepted"][1] for row in own) > found["7-gram"][t]["accepted"][2]
    assert found["gpt-mini"][t]["accepted"][1] > max(row[t]["accepted"][2] for row in own)

# %% [markdown]
# TEXT_STORIES

# %% tags=["nbval-ignore-output"]
for name, row in live.items():
    print("live, 60 texts at 0.7: {:<9} accepted {:.0%} [{:.0%}, {:.0%}], new {:.0%}, flawless {:.0%}".format(name, *row["accepted"], row["new"][0], row["flawless"]))
recorded_shares = [row["0.7"]["accepted"][0] for row in own]
live_inside = min(recorded_shares) - 0.1 <= live["GPT"]["accepted"][0] <= max(recorded_shares) + 0.1
assert live_inside and live["GPT"]["accepted"][1] > live["7-gram"]["accepted"][2]
print()
print(firsts["test"][1], "|", write(gpt, firsts["test"][1:2], 0.3)[0])

# %% [markdown]
# TEXT_LIVE

