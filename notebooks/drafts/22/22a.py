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
# The answer, from recorded runs that section 6 reads and checks: the share of questions whose answer is nearest to the right one of 160. Left the facts of the training, asked in new words; right facts that no training row mentions. Training on the facts did not make the model name them more often than before, and on facts that it never saw it names them far less. A search that learned nothing of this set is ahead of both.
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
