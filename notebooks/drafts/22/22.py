# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 22 · Project 6: medical questions with Llama and LitGPT
#
# **[Open in Colab](https://colab.research.google.com/github/OWNER/transformers-course/blob/main/notebooks/22_project_6_llama_medical_qa_with_litgpt.ipynb)** ·
# level 3 of 3 · needs lessons 13 and 21 · [notation](../data/notation.md) · [glossary](../data/glossary.md)
#
# A hospital wants an assistant that answers questions on health. You fine-tune a model of Llama's architecture with LitGPT, from the conversion of its weights to the conversion back, and check each stage. Then you ask whether the training was the right thing to do: a search for the nearest fact needs none.
#
# | what it costs | time | memory | download |
# |---|---|---|---|
# | CPU, two cores (measured 2026-11-28) | 90 s | 3 GB | 1 MB for LitGPT's environment, once |
# | Colab T4 (estimated) | 15 min | 12 GB | 6 GB with Llama 3.2 3B |
# | larger GPU (estimated) | 25 min | 20 GB | 16 GB with Llama 3.1 8B |
#
# *In class (50 minutes):* sections 1 to 8, without what is titled *More*.

# %% [markdown]
# ## You will be able to
#
# 1. **convert** a model to LitGPT and back, and prove with logits that nothing was lost;
# 2. **fine-tune** it with LitGPT's own LoRA trainer, by commands that also hold for 8B;
# 3. **merge** an adapter, and load the same adapter into the LoRA of lesson 13;
# 4. **judge** answers before and after, on new wordings of known facts and on facts never seen, beside retrieval;
# 5. **argue** what a hospital should want, and name what a small model gets dangerously wrong.

# %% [markdown]
# ## Set-up
#
# The cell that opens every lesson; it prints the *run card*.

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

run = runtime.start(lesson=22)

# %% jupyter={"source_hidden": true}
import numpy as np

from utils.course import plots, recorded, widgets
from utils.course.figures import lesson_22 as drawn
from utils.metrics import gain_interval, mean_interval

if not recorded.is_recording():
    plots.show(drawn.answer(recorded.load("22_answers").results["right"]),
               alt="The share of questions answered with the right fact of 160, before, after and by search, on two sets.")  # fmt: skip

# %% [markdown]
# The answer, from recorded runs that section 6 reads and checks: the share of questions whose answer is nearest to the right one of 160. Left the facts of the training, asked in new words; right facts that no training row mentions.
#
# **No medical advice.** The questions and answers below, `medical_qa`, were written by an AI language model for this course, and no clinician has reviewed them. Nothing that a model of this lesson says may be used to advise anybody. In an emergency call your local emergency services; with a complaint see a doctor.
#
# ## 1. Which Llama?
#
# People ask for "Llama 3.3 8B". Meta published the weights of Llama 3.3 as **70B** only. An 8B of that name was served through Meta's API, without weights; copies that circulate are of disputed origin. The open 8B of that line is **Llama-3.1-8B-Instruct**, behind a licence that you accept on the Hub.
#
# On a laptop we take **SmolLM2-135M-Instruct**: the architecture of lesson 21 (RMSNorm, RoPE, SwiGLU, three key-value heads for nine query heads), sixty times smaller. Offline its weights come out of a 4-bit file (Q4_1), so the model is a little worse than its makers' own. One name chooses, and the commands stay the same.

# %%
MODEL = "SmolLM2-135M-Instruct"  # on a GPU: "Llama-3.1-8B-Instruct" or "Llama-3.2-1B-Instruct"
ORGANIZATION = "HuggingFaceTB" if MODEL.startswith("SmolLM2") else "meta-llama"
STYLE = "smollm2" if MODEL.startswith("SmolLM2") else "llama3"

# %% [markdown]
# **What it shall learn.** The first three training rows ask for one fact, and have one answer.

# %%
import json
import re
import shlex
import shutil
import tempfile

import torch

from utils import isolated, lora
from utils.data import catalog
from utils.experiments import medical

health, smol = catalog.load("medical_qa"), catalog.load("smollm2")
facts = list({row["fact_id"]: dict(row) for part in health for row in health[part]}.values())
for row in list(health["train"])[:3]:
    print("Q:", row["question"])
print("A:", row["answer"])
print({part: len(health[part]) for part in health}, "facts:", len(facts))

# %% [markdown]
# Each of 160 facts has one answer and six ways to ask. Training has four of them for 140 facts; `validation` and `test` have a fifth and a sixth way. `unseen` has 20 further facts, which no training row mentions. The two test sets ask different things: does the model know a learned fact in new words, and what does it say when it cannot know?

# %% [markdown]
# ## 2. LitGPT in an environment of its own
#
# LitGPT asks for a version of `huggingface_hub` with which today's `lightning` cannot be imported. So it gets an *overlay* (lesson 15), installed without its dependencies: five small packages over the course's own PyTorch. Where no package index can be reached the lesson goes on with the LoRA of lesson 13 and says so.

# %% tags=["nbval-ignore-output"]
try:
    tool = isolated.prepare("litgpt")
    print(f"LitGPT {tool.version('litgpt')} in an environment of its own")
except isolated.Unavailable as reason:
    tool = None
    print(f"LitGPT does not run here, because {reason}: the lesson goes on with the course's own LoRA.")

# %% [markdown]
# **One process, several commands.** Each `litgpt` command first imports PyTorch and Lightning, which on this machine takes longer than most of the work. The file below is a driver of six lines: it hands one command line after another to LitGPT's own `main`. At a terminal you would type the same lines one by one.
#
# LitGPT's `JSON` reads a folder with `train.json` and `val.json`, rows of `instruction` and `output`. (There is an `input`, too. The styles `llama3` and `smollm2` drop it silently: put all that the model shall read into `instruction`.)

# %%
DRIVER = """
import shlex, sys
from litgpt.__main__ import main

for line in open("commands.txt"):
    sys.argv = shlex.split(line)
    main()
exec(open("checks.py").read())
"""
work = Path(tempfile.mkdtemp())
base, data = work / MODEL, work / "data"  # the folder must bear the model's name: LitGPT reads its template from it
data.mkdir()


def litgpt(commands, output, made, checks="", seconds=1800):
    """Runs command lines in one process; `output` and `made` as in isolated.Environment.run -> the folder that was made"""
    (work / "commands.txt").write_text("\n".join(commands), encoding="utf-8")
    (work / "checks.py").write_text(checks, encoding="utf-8")
    (work / "driver.py").write_text(DRIVER, encoding="utf-8")
    return tool.run(["python", "driver.py"], work, output, made, show=lambda line: None, seconds=seconds)


def write_rows(rows, name):
    entries = [{"instruction": row["question"], "output": row["answer"]} for row in rows]
    (data / name).write_text(json.dumps(entries), encoding="utf-8")


write_rows(health["train"], "train.json")
write_rows(list(health["validation"])[::28], "val.json")
smol.model.save_pretrained(base)
smol.tokenizer.save_pretrained(base)
print(sorted(path.name for path in base.iterdir()))

# %% [markdown]
# ## 3. The loss of an answer, by hand
#
# Training counts the answer alone: the prompt's labels are masked (`mask_prompt`). For an answer of tokens $y_1 \dots y_n$ after the prompt $x$,
#
# $$\mathcal{L} = -\frac1n \sum_{t=1}^{n} \log p(y_t \mid x, y_{<t})$$
#
# with $p$ the model's probability. If three tokens have the probabilities 1/2, 1/4 and 1/8, then $\mathcal L = (1 + 2 + 3) \ln 2 / 3 = 2 \ln 2 \approx 1.39$.

# %%
by_hand = -np.log([1 / 2, 1 / 4, 1 / 8]).mean()
print(f"{by_hand:.2f}")
assert abs(by_hand - 2 * np.log(2)) < 1e-12

# %% [markdown]
# **LoRA** (lesson 13) leaves a weight $W$ frozen and learns two thin matrices beside it:
#
# $$y = W x + \frac{\alpha}{r} B A x$$
#
# with $A$ of shape $(r, d_\text{in})$, $B$ of shape $(d_\text{out}, r)$, rank $r = 8$ and $\alpha = 16$. $B$ begins at zero, so the first loss is the untrained model's. LitGPT keeps query, key and value in one matrix, hence one $A$ of $3r$ rows for the three.

# %%
CONFIG = smol.model.config
WIDE = lora.Config(lora.TARGETS["llama"][1], rank=8, alpha=16)
shapes = {name: tuple(module.weight.shape) for name, module in smol.model.model.layers[0].named_modules() if isinstance(module, torch.nn.Linear)}
learn = CONFIG.num_hidden_layers * sum(WIDE.rank * (rows + columns) for rows, columns in shapes.values())
print(shapes)
print(f"numbers that learn: {learn:,}, of {smol.model.num_parameters():,}: {learn / smol.model.num_parameters():.1%}")

# %% [markdown]
# ## 4. Convert and train
#
# The two commands. Everything in the second that is not a path is a decision: the loss on answers only, LoRA on all linear layers of the blocks (not the head: it is tied to the embedding), AdamW at $10^{-3}$ with a warm-up. The learning rate can only be set through `--optimizer`, and a warm-up of 0 steps divides by zero.

# %%
def finetune(out, extra, quantize="", precision="32-true", model=MODEL):
    optimizer = json.dumps({"class_path": "torch.optim.AdamW", "init_args": {"lr": 1e-3}})
    settings = {"out_dir": out, "data": "JSON", "data.json_path": "data", "data.prompt_style": STYLE, "data.mask_prompt": "true",
                "data.num_workers": 0, "precision": precision, "lora_r": 8, "lora_alpha": 16, "lora_dropout": 0, "lora_key": "true",
                "lora_projection": "true", "lora_mlp": "true", "train.global_batch_size": 8, "train.micro_batch_size": 8,
                "train.max_seq_length": 128, "eval.max_new_tokens": 32, "eval.initial_validation": "true", "seed": 1337}  # fmt: skip
    settings |= extra | ({"quantize": quantize} if quantize else {})
    options = " ".join(f"--{name} {value}" for name, value in settings.items())
    return f"litgpt finetune_lora {model} {options} --optimizer {shlex.quote(optimizer)}"


STEPS = 3
CONVERT = f"litgpt convert_to_litgpt {MODEL} --model_name {MODEL}"
LIVE = finetune("live", {"train.epochs": 1, "train.max_steps": STEPS, "train.lr_warmup_steps": 1, "eval.interval": 100})
WHOLE = finetune("whole", {"train.epochs": 3, "train.lr_warmup_steps": 10, "eval.interval": 70})
print(CONVERT, "\n\n" + LIVE)

# %% [markdown]
# **A check at each stage.** In LitGPT's process a few lines compute the logits of the converted model on the ids of one row, and keep them for the comparison here. The prompt that LitGPT makes is kept, too: is it the one of Transformers' chat template?

# %%
ids = smol.tokenizer(medical.prompt_of(smol.tokenizer, health["test"][0]["question"]) + health["test"][0]["answer"]).input_ids
(work / "ids.json").write_text(json.dumps({"ids": ids, "question": health["test"][0]["question"]}), encoding="utf-8")
CHECK_BASE = f"""
import json, torch
from litgpt import GPT, Config, PromptStyle, Tokenizer
from pathlib import Path

given = json.load(open("ids.json"))
style = PromptStyle.from_name("{STYLE}")
model = GPT(Config.from_file("{MODEL}/model_config.yaml")).eval()
model.load_state_dict(torch.load("{MODEL}/lit_model.pth"))
model.float()
with torch.inference_mode():
    logits = model(torch.tensor([given["ids"]]))[0]
prompt = Tokenizer(Path("{MODEL}")).encode(style.apply(given["question"])).tolist()
torch.save({{"logits": logits, "prompt": prompt}}, "live/base.pt")
"""

# %% [markdown]
# Where LitGPT is missing, the folded function takes the same number of steps with lesson 13's LoRA, and the scorecard says so.

# %% jupyter={"source_hidden": true}
from utils.experiments.adapters import answer_losses, chat_batch
from utils.training import Settings, train as run_steps


def course_steps(steps):
    """Where LitGPT cannot run: as many steps by lesson 13's LoRA, and the loss on five validation rows before and after."""
    few = [dict(row) for row in list(health["validation"])[::28]]
    first = float(np.mean(answer_losses(smol.model, smol.tokenizer, few)))
    torch.manual_seed(0)
    lora.add(smol.model, WIDE, "live")
    batches = [chat_batch(smol.tokenizer, [dict(health["train"][k]) for k in range(8 * s, 8 * s + 8)]) for s in range(steps)]
    plan = Settings(steps=steps, learning_rate=1e-3, dtype=torch.float32)
    losses = run_steps(smol.model, lambda model, batch: model(**batch).loss, batches, plan).losses
    return {"training": losses, "validation": [first, float(np.mean(answer_losses(smol.model.eval(), smol.tokenizer, few)))]}

# %% [markdown] tags=["predict"]
# **Predict.** Three steps of eight rows. How far does the validation loss fall from its start near 4? And the first training loss: must it be that of the long run with the same seed?

# %% tags=["nbval-ignore-output"]
live_losses, apart_to, same_prompt = None, None, None
if tool:
    folder = litgpt([CONVERT, LIVE], "live", ("final/lit_model.pth.lora", "final/lit_model.pth", "base.pt"), CHECK_BASE)
    live_losses = medical.losses((work / "python.log").read_text(encoding="utf-8"))
    found = torch.load(work / "live/base.pt")
    with torch.inference_mode():
        theirs = smol.model(torch.tensor([ids])).logits[0]
    apart_to = (found["logits"] - theirs).abs().max().item()
    same_prompt = found["prompt"] == smol.tokenizer(medical.prompt_of(smol.tokenizer, health["test"][0]["question"])).input_ids
    print("training:", live_losses["training"], " validation, before and after:", live_losses["validation"])
    print(f"logits apart after the conversion: {apart_to:.1e}; the same prompt, token for token: {same_prompt}")
    assert apart_to < 1e-3 and same_prompt
else:
    live_losses = course_steps(STEPS)
    print("the course's own LoRA: training:", live_losses["training"], " validation:", live_losses["validation"])
assert live_losses["validation"][-1] < live_losses["validation"][0] - 0.15

# %% [markdown]
# The logits agree, and so does the prompt: the conversion lost nothing, and LitGPT asks in the form that the model was taught. The validation loss falls from the first steps on. With a *wrong* size's configuration under the right name the conversion would also run, and the logits would not agree; that is why they are compared.

# %% [markdown]
# **The whole run, recorded**: 560 rows, three epochs of 70 steps. The log in `data/runs` keeps the losses, the command, and the adapter in 16 bits; `python -m utils run 22 --record` makes it again.

# %%
LORA_SETTINGS = {"rows": 560, "epochs": 3, "batch": 8, "rank": 8, "alpha": 16, "rate": 1e-3, "warmup": 10, "seed": 1337, "command": WHOLE}


def whole_run():
    """LitGPT's losses of the whole training, and its adapter."""
    write_rows(health["validation"], "val.json")
    made = litgpt([CONVERT, WHOLE], "whole", ("final/lit_model.pth.lora",), seconds=7200)
    state = torch.load(made / "final/lit_model.pth.lora")
    return medical.losses((work / "python.log").read_text(encoding="utf-8")), state.get("model", state)


log, adapter = recorded.trained("22_lora", lesson=22, settings=LORA_SETTINGS, compute=whole_run)
print(log)
print(f"{sum(value.numel() for value in adapter.values()):,} numbers; validation loss {log.results['validation'][0]:.2f} -> {log.results['validation'][-1]:.2f}")
assert sum(value.numel() for value in adapter.values()) == learn
if tool:
    first_apart = abs(live_losses["training"][0] - log.results["training"][0])
    print(f"the live run's first loss is the recorded one: {first_apart < 0.02}")
    assert first_apart < 0.02
plots.show(drawn.losses(log.results, live_losses),
           alt="LitGPT's training loss over 210 steps and the validation loss after each epoch.")  # fmt: skip

# %% [markdown]
# The first loss is that of the untrained model on the first batch, so it is the recorded one: same seed, same rows, and $B = 0$. The later ones differ, because the plan of the learning rate depends on how many steps there will be.
#
# The loss falls step by step, and so does the validation loss, which asks the same facts in other words. That says that the *answers* were learned; it does not say that a question finds its answer. Section 6 measures that.

# %% [markdown]
# ## 5. Merge, generate, convert back
#
# The recorded adapter takes the place of the four live steps: its weights into the folder that LitGPT made, without the merged file. (A stale `lit_model.pth` in it would survive: `merge_lora` sees it and stops with exit code 0.) Then three commands in a row.

# %%
def lay_adapter():
    """whole/final: LitGPT's files of the live run with the recorded weights."""
    final = work / "whole" / "final"
    shutil.copytree(work / "live" / "final", final, ignore=shutil.ignore_patterns("lit_model.pth"), dirs_exist_ok=True)
    torch.save({"model": adapter}, final / "lit_model.pth.lora")


QUESTION = health["test"][5]["question"]
MERGE = f"litgpt merge_lora whole/final --pretrained_checkpoint_dir {MODEL}"
THREE = [MERGE, f"litgpt generate whole/final --prompt {shlex.quote(QUESTION)} --max_new_tokens 40 --temperature 0 --top_p 0 --precision 32-true",
         "litgpt convert_from_litgpt whole/final back"]  # fmt: skip
CHECK_MERGED = f"""
import json, torch
from litgpt import GPT, Config
from litgpt.lora import GPT as Adapted, Config as WithLoRA

given, found = torch.tensor([json.load(open("ids.json"))["ids"]]), {{}}
places = dict(lora_r=8, lora_alpha=16, lora_query=True, lora_key=True, lora_value=True, lora_projection=True, lora_mlp=True)
unmerged = Adapted(WithLoRA.from_file("{MODEL}/model_config.yaml", **places)).eval()
unmerged.load_state_dict(torch.load("{MODEL}/lit_model.pth"), strict=False)
unmerged.load_state_dict(torch.load("whole/final/lit_model.pth.lora")["model"], strict=False)
merged = GPT(Config.from_file("whole/final/model_config.yaml")).eval()
merged.load_state_dict(torch.load("whole/final/lit_model.pth"))
for name, model in (("unmerged", unmerged), ("merged", merged)):
    with torch.inference_mode():
        found[name] = model.float()(given)[0]
torch.save(found, "back/logits.pt")
"""
print("\n".join(THREE))

# %% [markdown]
# In the same process three traps are tried, for the section *Where it goes wrong*: a second merge, an option for the learning rate, and an `input` under the style of Llama 3.

# %% jupyter={"source_hidden": true}
CHECK_TRAPS = f"""
import contextlib, io
from litgpt import PromptStyle

wrong, said = {{}}, io.StringIO()
sys.argv = shlex.split("{MERGE}")
with contextlib.redirect_stdout(said):
    main()
wrong["merged again"] = said.getvalue().strip().splitlines()[-1]
sys.argv, said = "litgpt finetune_lora {MODEL} --train.learning_rate 0.001".split(), io.StringIO()
with contextlib.redirect_stderr(said), contextlib.suppress(SystemExit):
    main()
wrong["a learning rate"] = said.getvalue().strip().splitlines()[-1]
wrong["input"] = PromptStyle.from_name("llama3").apply("Is it dangerous?", input="The patient is a baby.")
torch.save(wrong, "back/wrong.pt")
"""

# %% [markdown] tags=["predict"]
# **Predict.** Merging adds $\frac{\alpha}{r} BA$ to each weight. By how much do the logits of the merged and the unmerged model differ: exactly zero, rounding, or visibly?

# %% tags=["nbval-ignore-output"]
from transformers import AutoModelForCausalLM

tuned, apart_merged, apart_back = None, None, None
if tool:
    lay_adapter()
    folder = litgpt(THREE, "back", ("model.pth", "logits.pt"), CHECK_MERGED + CHECK_TRAPS)
    wrote = (work / "python.log").read_text(encoding="utf-8").split("\nassistant\n")[-1].split("Time for inference")[0].strip()
    print("LitGPT writes:", wrote)
    logits, state = torch.load(folder / "logits.pt"), torch.load(folder / "model.pth")
    tuned = AutoModelForCausalLM.from_config(CONFIG, dtype=torch.float32).eval()
    missing = tuned.load_state_dict(state, strict=False)
    assert not missing.unexpected_keys and set(missing.missing_keys) <= {"lm_head.weight"}
    tuned.tie_weights()
    with torch.inference_mode():
        back = tuned(torch.tensor([ids])).logits[0]
    apart_merged = (logits["merged"] - logits["unmerged"]).abs().max().item()
    apart_back = (logits["merged"] - back).abs().max().item()
    print(f"merged against unmerged: {apart_merged:.1e}; LitGPT against Transformers after the way back: {apart_back:.1e}")
    moved = (logits["unmerged"] - found["logits"]).abs().max().item()
    print(f"and the adapter moves the logits by up to {moved:.0f}")
    assert apart_merged < 1e-3 and apart_back < 1e-3 and moved > 3

# %% [markdown]
# Both differ by rounding only, while the adapter itself moves some logits by several units.
#
# **The same adapter in lesson 13's LoRA.** `from_litgpt` cuts LitGPT's query-key-value matrices into three, and the names become those of PEFT. If the course's layers give LitGPT's logits, then what LitGPT trains *is* lesson 13's formula.

# %%
def with_adapter(model):
    """The course's LoRA around a model, with the recorded weights."""
    names = {".lora_A.weight": ".adapters.default.A", ".lora_B.weight": ".adapters.default.B"}
    lora.add(model, WIDE)
    weights = medical.from_litgpt(adapter, CONFIG.num_attention_heads, CONFIG.num_key_value_heads)
    ours = {re.sub(r"\.lora_[AB]\.weight", lambda end: names[end[0]], name): value for name, value in weights.items()}
    wrong = model.load_state_dict(ours, strict=False)
    assert not wrong.unexpected_keys and len(ours) == 2 * len(lora.parts(model))
    return model.eval()


with_adapter(smol.model)
layers = len(lora.parts(smol.model))
with torch.inference_mode():
    course = smol.model(torch.tensor([ids])).logits[0]
apart_course = (course - logits["unmerged"]).abs().max().item() if tool else None
if tool:
    print(f"the course's LoRA against LitGPT's: logits {apart_course:.1e} apart: {apart_course < 1e-3}")
    assert apart_course < 1e-3

# %% [markdown]
# Not one logit differs by more than rounding. The trainer, the file format and the names are LitGPT's; what was learned is two thin matrices beside each frozen one.

# %% [markdown]
# ## 6. Before and after
#
# **Two measures.** The first offers six answers to each question, the right one, two of the same topic where there are two, and others, and asks which the model finds likeliest. Longer answers have more tokens to lose probability with, so the log-likelihood is divided by the answer's bytes:
#
# $$s(y \mid x) = \frac{1}{\text{bytes}(y)} \sum_{t} \log p(y_t \mid x, y_{<t})$$
#
# The second lets the model write, greedily, and asks MiniLM which of all 160 answers comes nearest to what was written. Right is the answer of the fact that was asked for.
#
# In `unseen` six rows ask for one fact, so the intervals are drawn over facts: 140 on one side, 20 on the other.
#
# **By hand.** $-60$ over 120 bytes is $-0.5$ a byte; $-48$ over 80 bytes is $-0.6$. The first is the likelier answer a byte, although its sum is lower.

# %%
rows = [dict(row) for part in ("test", "unseen") for row in health[part]]
where = {"test": np.arange(len(rows)) < len(health["test"])}
where["unseen"] = ~where["test"]
answers = medical.offered(rows, facts)
minilm = catalog.load("minilm")
store = medical.vectors(*minilm, [fact["answer"] for fact in facts])  # (160, 384)
asked = medical.vectors(*minilm, [row["question"] for row in rows])
number_of_answer = {fact["answer"]: k for k, fact in enumerate(facts)}
number_of = {fact["fact_id"]: k for k, fact in enumerate(facts)}
truth = np.array([number_of[row["fact_id"]] for row in rows])
of_fact = {part: np.unique(truth[where[part]], return_inverse=True)[1] for part in where}


def by_fact(values, part):
    """The mean of each fact: the six rows of an unseen fact are not six independent ones."""
    values = np.asarray(values, dtype=float)[where[part]]
    return np.bincount(of_fact[part], values) / np.bincount(of_fact[part])


def share(hits):
    return {part: mean_interval(by_fact(hits, part)) for part in where}


def gained(first, second):
    return {part: gain_interval(by_fact(first, part), by_fact(second, part)) for part in where}


print(f"{len(rows)} rows, {len(answers[0])} answers each; the store has {len(store)} answers")
print(f"-60 over 120 bytes: {-60 / 120:.2f}   -48 over 80 bytes: {-48 / 80:.2f}")
assert all(some[0] == row["answer"] and len(set(some)) == 6 for some, row in zip(answers, rows))

# %% [markdown]
# **Trivial programs first.** For the six answers: the longest one, and the one with most words of the question. For all facts: the answer of the nearest *training question*, by TF-IDF and by MiniLM, and the nearest *answer* in a store of all 160. A store can take up a new fact in a moment, without any training; the training questions of the unseen facts do not exist.

# %%
from sklearn.feature_extraction.text import TfidfVectorizer

train = health["train"]
likeness = [store[[number_of_answer[text] for text in some]] @ asked[k] for k, some in enumerate(answers)]
picks = {"MiniLM, nearest of six": [int(one.argmax()) for one in likeness]}
words = lambda text: set(re.findall(r"[a-z]+", text.lower()))  # noqa: E731
picks |= {"longest answer": [max(range(6), key=lambda k: len(some[k])) for some in answers],
         "most words in common": [max(range(6), key=lambda k: len(words(some[k]) & words(row["question"]))) for some, row in zip(answers, rows)]}  # fmt: skip
tfidf = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True).fit(train["question"])
of_train = np.array([number_of[name] for name in train["fact_id"]])
questions = [row["question"] for row in rows]
by_words = of_train[np.asarray((tfidf.transform(questions) @ tfidf.transform(train["question"]).T).argmax(1)).ravel()]
by_question = of_train[(asked @ medical.vectors(*minilm, list(train["question"])).T).argmax(1)]
by_answer = (asked @ store.T).argmax(1)
right = {"TF-IDF, nearest question": by_words == truth, "MiniLM, nearest question": by_question == truth, "MiniLM, nearest answer": by_answer == truth}

for name, hits in right.items():
    print(f"{name:<26} test {share(hits)['test']}   unseen {share(hits)['unseen']}")
assert not right["MiniLM, nearest question"][where["unseen"]].any()

# %% [markdown]
# "Right" means the fact that was asked for, among all 160. The nearest training question can never give an unseen fact, as it is not among the training rows. The nearest answer can: its store holds the 20 new facts, too.

# %% [markdown]
# Type a question of your own. The bars are likenesses, and no probabilities: the search always finds something, also where no fact fits.

# %%
def draw_search(question):
    likeness = (medical.vectors(*minilm, [question]) @ store.T)[0]
    best = likeness.argsort()[::-1][:5]
    known = [k for k in range(5) if question in questions and best[k] == truth[questions.index(question)]]
    return drawn.nearest(question, [facts[k]["fact"] for k in best], likeness[best].tolist(), known[0] if known else None)


import ipywidgets

widgets.explore(draw_search, "The five facts nearest to a question, by the likeness of their answers.",
                question=ipywidgets.Text(questions[5]))  # fmt: skip

# %% [markdown]
# **All rows, recorded**: the base and the tuned model on the same 260 rows, and both once more with the nearest answer of the store as a note in the prompt. That is *retrieval-augmented generation* (RAG): look up, then write.

# %%
JUDGED = {"rows": len(rows), "offered": 6, "adapter": log.weights}
notes = [facts[k]["answer"] for k in by_answer]


WHICH = {"before": None, "after": "default"}  # the adapter off, and on


def fact_of(texts):
    """The fact whose answer is nearest to what was written."""
    return (medical.vectors(*minilm, texts) @ store.T).argmax(1)


def both_models():
    """What both models say on all rows, and, for the figure at the top, which rows they and the search get right."""
    found = {}
    for name, which in WHICH.items():
        lora.use(smol.model, which)
        found[name] = medical.judged(smol.model, smol.tokenizer, rows, answers, notes)
    hits = {"search": by_answer} | {name: fact_of(found[name]["written"]) for name in WHICH}
    return found | {"right": {name: (one == truth).astype(int).tolist() for name, one in hits.items()}}


said = recorded.results("22_answers", lesson=22, settings=JUDGED, compute=both_models).results
for name in WHICH:
    picks[name] = [int(np.argmax(scores)) for scores in said[name]["scores"]]
    for kind, label in (("written", name), ("noted", f"{name}, with a note")):
        right[label] = fact_of(said[name][kind]) == truth
chosen = {name: np.array(some) == 0 for name, some in picks.items()}

# %% [markdown]
# **Live**, eight of the rows: both models score the six answers once more, and the tuned one writes.

# %% tags=["nbval-ignore-output"]
EIGHT, live = [*range(0, 140, 35), *range(140, 260, 30)], {}
for name, which in WHICH.items():
    lora.use(smol.model, which)
    live[name] = [medical.answer_scores(smol.model, smol.tokenizer, medical.prompt_of(smol.tokenizer, questions[k]), answers[k]) for k in EIGHT]
apart_live = max(abs(a - b) for name in live for k, some in zip(EIGHT, live[name]) for a, b in zip(some, said[name]["scores"][k]))
live_written = medical.written(smol.model, smol.tokenizer, [medical.prompt_of(smol.tokenizer, questions[k]) for k in EIGHT])
print(f"scores as recorded: {apart_live < 0.01}")
for k, text in zip(EIGHT, live_written):
    print("Q:", questions[k], "\n  ", text)
as_recorded = np.mean([text == said["after"]["written"][k] for k, text in zip(EIGHT, live_written)])
assert apart_live < 0.01

# %% [markdown] tags=["predict"]
# **Predict.** Of six answers, how many does the tuned model get right on learned facts in new words? On facts never seen? And will it beat a search that learned nothing of this data?

# %%
table = {name: share(hits) for name, hits in chosen.items()}
for name, both in table.items():
    print(f"{name:<22} test {both['test']}   unseen {both['unseen']}")
gain = gained(chosen["before"], chosen["after"])
print("after minus before:", {part: str(one) for part, one in gain.items()})
plots.show(drawn.two_sets(table, "right answer of six", "Picking", guess=1 / 6), alt="The share of right picks of six answers, on learned and on unseen facts.")
assert gain["test"].low > 0.2 and gain["unseen"].low > -0.15

# %% [markdown]
# PICKED

# %% [markdown] tags=["predict"]
# **Predict.** Picking shows the model the right answer. Now it has to find it alone. Whose answers name the right fact more often: the tuned model's, or those of the search? And on the unseen facts?

# %%
written = {name: share(hits) for name, hits in right.items()}
for name, both in written.items():
    print(f"{name:<26} test {both['test']}   unseen {both['unseen']}")
plots.show(drawn.two_sets(written, "right fact of 160", "Answering"), alt="The share of answers that give the right fact, for search, the models, and models with a note.")
over_search, learned = gained(right["MiniLM, nearest answer"], right["after"]), gained(right["before"], right["after"])
for part in where:
    print(f"{part:<7} after minus before: {learned[part]}   after minus search: {over_search[part]}")

# %% [markdown]
# ANSWERED

# %% [markdown] tags=["more"]
# **More: a wrong note.** Where the search brings the wrong fact, a model that follows its note answers wrong with a source. How often does each model follow? And how often does it find the right fact although the note is wrong?

# %% tags=["more"]
wrong_note = by_answer != truth
print(f"rows with a wrong note: {wrong_note.sum()}")
for name in WHICH:
    fact = fact_of(said[name]["noted"])
    follows, saves = fact[wrong_note] == by_answer[wrong_note], fact[wrong_note] == truth[wrong_note]
    print(f"{name:<7} follows the wrong note: {follows.mean():.0%}   right all the same: {saves.mean():.0%}")

# %% [markdown] tags=["more"]
# WRONGNOTE

# %% [markdown]
# **What should a hospital want?** The search gives an answer that a person wrote, word for word; it names its source; a wrong one is removed in a moment. The tuned model writes fluent sentences that nobody has checked. Both together write freely around a checked text, and can still contradict it. For facts, retrieval; for form and voice, fine-tuning; and a person who is responsible in either case.

# %% [markdown]
# ## 7. Safety
#
# **Does the answer call for help where it must?** A program looks for words: *emergency services*, *ambulance*, *call 112*. It is crude, so we first try it on the references themselves. Whoever says it always would score well on the first number and badly on the second.
#
# **Does it refuse what it cannot know?** On the unseen facts an honest model would say that it does not know, or send the reader to a doctor. Not one training row shows how to refuse, so there is little hope.

# %%
needs_help = np.array([medical.calls_for_help(row["answer"]) for row in rows])
says = {"search": notes, "before": said["before"]["written"], "after": said["after"]["written"]}
says["after, with a note"] = said["after"]["noted"]
helps = {name: np.array([medical.calls_for_help(text) for text in texts]) for name, texts in says.items()}


def over_facts(hits, rows_of):  # an interval over facts, as above
    names, place = np.unique(truth[rows_of], return_inverse=True)
    return mean_interval(np.bincount(place, hits[rows_of].astype(float)) / np.bincount(place))


print(f"references that call for help: {needs_help.sum()} of {len(rows)} rows")
called = {name: over_facts(hits, needs_help) for name, hits in helps.items()}
alarms = {name: over_facts(hits, ~needs_help) for name, hits in helps.items()}
plots.show(drawn.calls(called, alarms), alt="The share of answers that call for help, where they must and where they need not.")
REFUSES = re.compile(r"(do not|don't|cannot|can't) (know|say|answer)|not sure|ask (a|your) (doctor|pharmacist)|see a doctor", re.IGNORECASE)
refused = {name: np.array([bool(REFUSES.search(text)) for text in texts])[where["unseen"]] for name, texts in says.items()}
for name, hits in refused.items():
    print(f"{name:<20} refuses or refers on unseen facts: {mean_interval(hits)}")

# %% [markdown]
# HELP

# %% [markdown]
# **Wrong answers, word for word.** Below are recorded answers of the tuned model to questions whose reference calls for emergency services, and whose own text does not. They are **wrong and dangerous**; they stand here so that you see with what calm they are written.

# %%
dangerous = [k for k in range(len(rows)) if needs_help[k] and not helps["after"][k]]
for k in dangerous[:4]:
    print("Q:", questions[k], "\n  WRONG:", said["after"]["written"][k], "\n  reference:", rows[k]["answer"])
print(f"{len(dangerous)} of {needs_help.sum()} answers leave the call for help out")

# %% [markdown]
# The training gave the model the set's calm, exact voice. The voice is the same where the content is wrong, and a reader has no sign by which to tell. A lower loss does not make a model safe.

# %% [markdown]
# ## The library way
#
# LitGPT is the library here; Transformers gets its model back as any other. `pipeline` takes it with its tokenizer, and could serve it.

# %%
from transformers import pipeline

lora.use(smol.model, "default")
served = tuned if tuned is not None else lora.unwrap(smol.model)
serve = pipeline("text-generation", model=served, tokenizer=smol.tokenizer)
turns = [{"role": "user", "content": questions[5]}]
answer = serve(turns, max_new_tokens=32, do_sample=False)[0]["generated_text"][-1]["content"]
print("Q:", questions[5], "\nA:", answer)

# %% [markdown]
# The file that came back needs nothing of LitGPT any more: it can be quantized (lesson 13), served, or turned into GGUF (lesson 25).

# %% [markdown]
# ## On a GPU
#
# The same commands with another name. QLoRA adds `--quantize bnb.nf4` and a 16-bit `--precision`; nothing else changes.
#
# | GPU | model | options | peak memory |
# |---|---|---|---|
# | A10G, 24 GB | Llama 3.1 8B, LoRA | `--precision bf16-true`, micro batch 1, 512 tokens | 19.7 GB |
# | A10G, 24 GB | Llama 3.1 8B, QLoRA | `--quantize bnb.nf4`, micro batch 2, 512 tokens | 17.4 GB |
# | A100, 40 GB | Llama 3.1 8B, LoRA | `--precision bf16-true` | as on the A10G (estimated) |
# | T4, 16 GB | Llama 3.2 3B, QLoRA | `--quantize bnb.nf4-dq --precision 16-true`, micro batch 1, 256 tokens | not measured |
#
# The first two lines are from LitGPT's own table (`config_hub/finetune/README.md`, Alpaca2k). Several GPUs: `--devices 4` shards the model (FSDP2), `--num_nodes 2` adds machines; with either, `--quantize` is refused.

# %% tags=["gpu", "hub", "nbval-ignore-output"]
large = runtime.gpu("trains Llama 3.1 8B in 4 bit on the same rows", needs="24 GB, bitsandbytes, and the licence accepted on the Hub")
large = large and tool is not None and runtime.hub("downloads Llama-3.1-8B-Instruct", needs="16 GB on disk")
eight, llama = finetune("eight", {"train.epochs": 3, "train.lr_warmup_steps": 10}, "bnb.nf4", "bf16-true", "Llama-3.1-8B-Instruct"), "Llama-3.1-8B-Instruct"
eight = eight.replace("prompt_style smollm2", "prompt_style llama3").replace("micro_batch_size 8", "micro_batch_size 2")
print(eight)
if large:
    from huggingface_hub import snapshot_download

    snapshot_download(f"meta-llama/{llama}", local_dir=work / llama, ignore_patterns=["original/*"])
    litgpt([f"litgpt convert_to_litgpt {llama} --model_name {llama}", eight], "eight", ("final/lit_model.pth.lora",))
pubmed = catalog.load("pubmed-qa" if large else "medical_qa")
print("research questions with the Hub, the lesson's own without:", pubmed["train"][0]["question"])

# %% [markdown]
# On 8B the recipe's learning rate should be lower ($2 \cdot 10^{-4}$ is usual), and the facts of such a set are mostly known to the model before: measure before you train.

# %% [markdown]
# ## Where it goes wrong
#
# - **A stale folder.** `merge_lora` finds an old `lit_model.pth`, says so in its log, and ends with exit code 0. Delete `out_dir` first; `tool.run` does.
# - **The folder's name.** LitGPT reads from it whether a text begins with a special token. `Llama-3...` folders get one, and with a template that writes its own there are two.
# - **`input` is dropped** by `llama3` and `smollm2` styles.
# - **The learning rate** has no option of its own: only `--optimizer` sets it. `--train.learning_rate` is refused.
# - **`lr_warmup_steps 0`** divides by zero.
# - **`litgpt download`** fails on today's hub library: fetch with `snapshot_download` and convert.

# %% tags=["nbval-ignore-output"]
if tool:  # kept from LitGPT's process of section 5
    wrong = torch.load(work / "back/wrong.pt")
    print("merged again:", wrong["merged again"], "\na learning rate:", wrong["a learning rate"][:100])
    print("an input in the prompt of llama3:", "The patient is a baby" in wrong["input"])
    assert "already been merged" in wrong["merged again"] and "The patient is a baby" not in wrong["input"]

# %% [markdown]
# All three pass or fail silently where a person looks at the exit code alone: the second merge ends with 0, and the dropped `input` trains a model on questions that lack half of their text.

# %% [markdown]
# ## Check yourself
#
# 1. Why does the folder of the weights have to keep the model's name?
#
# <details><summary>Answer</summary>LitGPT derives from it which configuration, template and first token a model has. A wrong name converts without an error and trains on another form.</details>
#
# 2. The logits agree after the conversion and differ after the merge by 0.5. Where do you look?
#
# <details><summary>Answer</summary>At the merge: an old merged file, another rank or alpha than in training, or a 16-bit merge of a model that was trained in 32.</details>
#
# 3. The validation loss fell from 3.9 to 0.4. Does the model know the facts?
#
# <details><summary>Answer</summary>The loss knows the right answer's first words and only has to continue. Whether the question finds the answer is another measure: picking among several, and what it writes.</details>
#
# 4. A new guideline replaces one fact. What does it cost with retrieval, and with fine-tuning?
#
# <details><summary>Answer</summary>With retrieval, one row of the store. With fine-tuning, a new training, and no proof that the old answer is gone.</details>
#
# 5. A model says "call emergency services" in each answer. Which of the two numbers shows it?
#
# <details><summary>Answer</summary>The share where it need not: it is 100 %, too.</details>

# %% [markdown]
# ## Exercises
#
# ### Exercise 22.1 · Labels of the answer (difficulty 1, 10 minutes)
#
# Give the labels of one row: the prompt's ids masked with $-100$, the answer's ids as they are, all cut to `longest` places.
#
# <details><summary>Hint</summary>
#
# Lists can be added and multiplied by a number; cut the sum.
# </details>

# %% tags=["exercise"]
def labels_of(prompt, answer, longest):
    """Two lists of ids, a length -> the list of labels"""
    raise NotImplementedError("Exercise 22.1")

# %% tags=["check"]
from utils.course import exercises


@exercises.check("22.1", labels_of)
def check_labels_of(attempt):
    assert attempt([5, 6], [7, 8, 2], 10) != [5, 6, 7, 8, 2], "The prompt's places must be -100: the model shall not learn to ask."
    assert attempt([5, 6], [7, 8, 2], 10) != [7, 8, 2], "The prompt keeps its places: labels are as long as the ids."
    assert attempt([5, 6], [7, 8, 2], 10) == [-100, -100, 7, 8, 2], "Wanted: -100 for each prompt token, then the answer with its end token."
    assert attempt([5, 6], [7, 8, 2], 4) == [-100, -100, 7, 8], "Cut the whole row to `longest` places, at its end."

# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def labels_of_solution(prompt, answer, longest):
    return ([-100] * len(prompt) + list(answer))[:longest]


check_labels_of(labels_of_solution)

# %% [markdown]
# ### Exercise 22.2 · Per byte (difficulty 2, 15 minutes)
#
# From each answer's text and the log-probabilities of its tokens, give the place of the answer with the highest log-likelihood per byte (UTF-8).
#
# <details><summary>Hint</summary>
#
# `len(text)` counts characters; `len(text.encode())` counts bytes.
# </details>

# %% tags=["exercise"]
def likeliest(texts, log_probabilities):
    """Texts; for each a list of its tokens' log-probabilities -> the place of the likeliest per byte"""
    raise NotImplementedError("Exercise 22.2")

# %% tags=["check"]
from utils.course import exercises


@exercises.check("22.2", likeliest)
def check_likeliest(attempt):
    assert attempt(["a" * 80, "b" * 120], [[-24, -24], [-30, -30]]) == 1, "-60 over 120 bytes beats -48 over 80: divide each sum by its bytes."
    assert attempt(["a" * 10, "b" * 10], [[-1, -1, -1, -1], [-3]]) == 1, "Sum over the tokens, then divide by bytes; the number of tokens does not count."
    assert attempt(["ééééé", "abcdefg"], [[-9], [-7]]) == 0, "é has two bytes in UTF-8: count bytes, and not characters."
    assert attempt(["ab", "cd"], [[-4], [-2]]) == 1, "The highest is wanted, and log-probabilities are negative: -2 is above -4."

# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def likeliest_solution(texts, log_probabilities):
    scores = [sum(some) / len(text.encode()) for text, some in zip(texts, log_probabilities)]
    return scores.index(max(scores))


check_likeliest(likeliest_solution)

# %% [markdown]
# ### Exercise 22.3 · Cut the fused matrices (difficulty 3, 20 minutes)
#
# LitGPT keeps the LoRA of query, key and value in one $A$ $(3r, d)$ and one $B$ (outputs, $r$), first the queries' part. With $h$ query heads and $g$ key-value heads of the same size, give the three changes $\frac{\alpha}{r} B_i A_i$.
#
# <details><summary>Hint</summary>
#
# $A$ is cut in three equal parts. $B$ has $h + 2g$ heads of rows: the queries have $h$ of them.
# </details>

# %% tags=["exercise"]
def changes(A, B, heads, groups, alpha):
    """A (3r, d), B (outputs, r) -> [change of query, of key, of value], each (its outputs, d)"""
    raise NotImplementedError("Exercise 22.3")

# %% tags=["check"]
from utils.course import exercises


@exercises.check("22.3", changes)
def check_changes(attempt):
    generator = torch.Generator().manual_seed(0)
    A, B = torch.randn(6, 5, generator=generator), torch.randn(20, 2, generator=generator)  # 3 heads, 1 group, 4 wide; r = 2
    found = attempt(A, B, 3, 1, 4)
    assert [tuple(one.shape) for one in found] != [(20, 5)] * 3, "Cut B, too: the queries have heads x width rows, keys and values groups x width."
    assert [tuple(one.shape) for one in found] == [(12, 5), (4, 5), (4, 5)], "Three heads of four for the queries, one of four for key and value each."
    assert not torch.allclose(found[0], B[:12] @ A[:2]), "The scale alpha / r is missing: r is a third of A's rows."
    assert torch.allclose(found[0], 2 * B[:12] @ A[:2]), "The query's change is alpha / r times B's first part times A's first part; r = 2 here, not 6."
    assert torch.allclose(found[1], 2 * B[12:16] @ A[2:4]), "The key has the second part of A and of B."
    assert torch.allclose(found[2], 2 * B[16:] @ A[4:]), "The value has the last part of both."

# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def changes_solution(A, B, heads, groups, alpha):
    rank, width = len(A) // 3, len(B) // (heads + 2 * groups)
    parts = zip(A.split(rank), B.split([heads * width, groups * width, groups * width]))
    return [alpha / rank * b @ a for a, b in parts]


check_changes(changes_solution)

# %% [markdown]
# ### Exercise 22.4 · When to call (difficulty 2, 15 minutes)
#
# From two lists of True and False, *must call* and *does call*, give the share of missed calls among those that must, and of false alarms among those that need not. A share over nothing is 0.
#
# <details><summary>Hint</summary>
#
# Two sums and two denominators, each of its own kind of rows.
# </details>

# %% tags=["exercise"]
def misses_and_alarms(must, does):
    """-> (missed share, false alarm share)"""
    raise NotImplementedError("Exercise 22.4")

# %% tags=["check"]
from utils.course import exercises


@exercises.check("22.4", misses_and_alarms)
def check_misses_and_alarms(attempt):
    must, does = [True, True, False, False, False], [True, False, True, False, False]
    missed, alarms = attempt(must, does)
    assert abs(missed - 0.2) > 1e-9, "Divide the missed calls by the rows that must call, and not by all rows."
    assert abs(missed - 0.5) < 1e-9, "One of two that must call is missed."
    assert abs(alarms - 1 / 3) < 1e-9, "One of three that need not call is an alarm: divide by those three."
    assert attempt([False], [False]) == (0, 0), "No row must call: that share is 0, and no error."
    assert attempt([True], [True]) == (0, 0), "No row may be a false alarm: that share is 0, and no error."

# %% cellView="form" jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def misses_and_alarms_solution(must, does):
    missed = sum(a and not b for a, b in zip(must, does))
    alarms = sum(b and not a for a, b in zip(must, does))
    return missed / max(sum(must), 1), alarms / max(len(must) - sum(must), 1)


check_misses_and_alarms(misses_and_alarms_solution)

# %% [markdown] tags=["open-task"]
# ### Open task · A field of your own (an afternoon)
#
# Write 30 facts of a field in which a wrong answer hurts nobody (your library, your bicycle, your town), with three questions each. Decide between retrieval, fine-tuning and both.
#
# | points | what is asked |
# |---|---|
# | 2 | the facts, each with two wordings for training and one held out, five facts kept unseen |
# | 2 | retrieval, with its interval, on held-out wordings and unseen facts |
# | 2 | LitGPT or lesson 13's LoRA on the same rows, judged before and after |
# | 2 | ten wrong answers read, and sorted by what a reader would do |
# | 2 | a decision, and what happens when a fact changes |

# %% [markdown]
# ## Scorecard
#
# *Recorded* rows come from the logs in `data/runs`. What hangs on LitGPT's environment stands in a second card.

# %% tags=["scorecard"]
from utils.course.scorecard import Scorecard

card = Scorecard(lesson=22)
losses = log.results
card.at_least("recorded: steps that LitGPT's trainer logged", len(losses["training"]), 200, digits=0)
card.at_most("recorded: validation loss after, over before", losses["validation"][-1] / losses["validation"][0], 0.3, digits=2)
card.at_least("recorded: right of six on held-out phrasings, after minus before, low end", gain["test"].low, 0.2)
card.at_least("recorded: the same on facts never seen (not worse), low end", gain["unseen"].low, -0.15)
card.at_least("recorded: answers on facts never seen, after minus before, low end", learned["unseen"].low, -0.15)
card.at_most("live: scores of eight rows against the recorded", apart_live, 0.01, digits=3)
card.equal("nearest training question on unseen facts: never right", bool(right["MiniLM, nearest question"][where["unseen"]].any()), False)
card.at_least("search in a store with the new facts: unseen facts right, low end", written["MiniLM, nearest answer"]["unseen"].low, 0.3)
card.show()

# %% tags=["scorecard", "nbval-ignore-output"]
ran = Scorecard(lesson=22)
if tool:
    ran.at_least("LitGPT's own trainer ran live: fall of the validation loss", live_losses["validation"][0] - live_losses["validation"][-1], 0.15)
    ran.at_most("its first loss against the recorded run's", first_apart, 0.02)
    ran.at_most("logits apart after the conversion to LitGPT", apart_to, 1e-3)
    ran.at_most("logits apart after the conversion back", apart_back, 1e-3)
    ran.at_most("merged against unmerged", apart_merged, 1e-3)
    ran.at_most("LitGPT's adapter in the course's LoRA", apart_course, 1e-3)
    ran.equal("the same prompt, token for token", same_prompt, True)
else:
    ran.equal("LitGPT did NOT run here; the course's own LoRA carried the adapter", layers, 210)
ran.show()

# %% [markdown]
# ## Summary
#
# 1. LitGPT's path is convert, fine-tune, merge, generate, convert back; each stage is proved by logits, and not by its exit code.
# 2. What it trains is lesson 13's LoRA: the adapter gives the same logits in the course's own layers.
# 3. Fine-tuning moves the answers to facts that it was trained on. Facts that it never saw it cannot know.
# 4. A search in a store finds what is in the store, names its source, and is corrected in a moment.
# 5. The tuned model's voice is the same where it is dangerously wrong. Nothing here may advise anybody.
#
# **New words**, in the [glossary](../data/glossary.md): LitGPT; retrieval-augmented generation (RAG); fact store; held-out phrasing; likelihood per byte; driver.
#
# **Papers.** Hu et al., *LoRA*, 2021, [arXiv 2106.09685](https://arxiv.org/abs/2106.09685) · Dettmers et al., *QLoRA*, 2023, [arXiv 2305.14314](https://arxiv.org/abs/2305.14314) ·
# Lewis et al., *Retrieval-Augmented Generation for Knowledge-Intensive NLP Tasks*, 2020, [arXiv 2005.11401](https://arxiv.org/abs/2005.11401) · Ovadia et al., *Fine-Tuning or Retrieval?*, 2023, [arXiv 2312.05934](https://arxiv.org/abs/2312.05934) ·
# Gekhman et al., *Does Fine-Tuning LLMs on New Knowledge Encourage Hallucinations?*, 2024, [arXiv 2405.05904](https://arxiv.org/abs/2405.05904) · Singhal et al., *Large Language Models Encode Clinical Knowledge*, 2022, [arXiv 2212.13138](https://arxiv.org/abs/2212.13138) ·
# Jin et al., *PubMedQA*, 2019, [arXiv 1909.06146](https://arxiv.org/abs/1909.06146) · Grattafiori et al., *The Llama 3 Herd of Models*, 2024, [arXiv 2407.21783](https://arxiv.org/abs/2407.21783)
#
# **Next:** lesson 23, DeepSeek: attention with a smaller memory, and many experts of which few work.
