# %% [markdown]
# # 25 · Project 7: DeepSeek with Ollama
#
# **[Open in Colab](https://colab.research.google.com/github/OWNER/transformers-course/blob/main/notebooks/25_project_7_deepseek_with_ollama.ipynb)** ·
# level 3 of 3 · needs lessons 21 and 24 · [notation](../data/notation.md) · [glossary](../data/glossary.md)
#
# You have trained a model that thinks. It lives in a Python process, beside PyTorch, and ends with it. **How does it become a service that any
# program on your machine can ask, and what does it lose on the way?** You write the file that other engines read, check it token by token against PyTorch,
# squeeze it into 8 and 4 bits, and talk to it through the interface of *Ollama*, the program with which most people run DeepSeek's models at home.
#
# | what it costs | time | memory | download |
# |---|---|---|---|
# | CPU, two cores (to be measured) | - | - | none |
# | Colab T4 (estimated) | 5 min | 3 GB | 1.6 GB: Ollama and DeepSeek-R1 with 1.5 B |
# | larger GPU (estimated) | 5 min | 6 GB | 6 GB: DeepSeek-R1 with 8 B |
#
# *In class (50 minutes):* sections 1 to 7 without the cells marked **More**, then *Where it goes wrong* and the summary.

# %% [markdown]
# ## You will be able to
#
# 1. **read** a GGUF file byte by byte, and **write** one from a model of Transformers;
# 2. **prove** that an exported model is the one you trained, and **find** the fault where it is not;
# 3. **weigh** 8 and 4 bits: bytes, tokens a second, answers that change;
# 4. **use** Ollama's interface: chat, streams, thinking, options, forms, errors, timings;
# 5. **decide** which DeepSeek-R1 a given machine can hold.

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

run = runtime.start(lesson=25)

# %% jupyter={"source_hidden": true}
from utils.course import plots
from utils.course.figures import lesson_25 as figures

figure = figures.memory_of_distills(figures.DISTILLS, bits={"F16": 16, "Q8_0": 8.5, "Q4_0": 4.5}, machines=(8, 16, 32))
plots.show(figure, alt="Gigabytes of six DeepSeek-R1 distills at 16, 8.5 and 4.5 bits a weight, beside machines of 8, 16 and 32 GB.")

# %% [markdown]
# DeepSeek-R1 has 671 billion weights. Its *distills* are Qwen and Llama models that were fine-tuned on 800,000 answers which R1 wrote (DeepSeek-AI, 2025). The bars are
# weights times bits, divided by eight: the file, before the cache of keys and values. At 16 bits a laptop with 8 GB holds the smallest alone; at 4.5 bits the 8 B fits. What those bits
# cost, you measure below, on two models of your own.

# %% [markdown]
# ## 1. Who answers
#
# Four parts make a local language model:
#
# | part | here | what it does |
# |---|---|---|
# | file | GGUF | weights, tokenizer and settings in one |
# | engine | llama.cpp | reads the file, computes the next token, without PyTorch |
# | server | Ollama | loads and unloads models, fills the chat template, speaks HTTP and JSON |
# | client | `ollama` for Python, a chat page, an editor | asks |
#
# Ollama listens on port 11434 of your own machine, unless the variable `OLLAMA_HOST` says otherwise. Where none answers, this lesson starts the course's own
# small server (`utils/export/server.py`, also as `python -m utils serve`). It speaks the same interface over the same engine, and says what it is: its version is `0.0.0-course`.
# A cell that needs the real one says so.

# %% tags=["nbval-ignore-output"]
import ollama

from utils.export import library
from utils.export import ollama as course_ollama
from utils.export.server import Server

found = course_ollama.find()
real = bool(found and found.is_real)
server = Server({"smollm2": library.local("smollm2")}).__enter__()
client = ollama.Client(server.address)
print(f"Ollama itself: {found.version + ' at ' + found.address if real else 'not here'}")
print(f"the course's server: at {server.address}, version", client._client.get("/api/version").json()["version"])

# %% [markdown]
# ## 2. The file
#
# A GGUF file begins with four letters and three numbers, little-endian: the version (32 bits), the number of tensors and the number of settings (64 bits each). Then the settings come, each a name, a type and a value;
# then the tensors' names, shapes and places; then the weights. A text is its length (64 bits) and its bytes. That is enough to read the beginning of SmolLM2's file by hand.

# %%
import struct

path = library.local("smollm2")
with path.open("rb") as file:
    magic, version, tensors, settings = struct.unpack("<4sIQQ", file.read(24))
    print(f"{magic.decode()}, version {version}: {tensors} tensors, {settings} settings")
    for _ in range(2):
        name = file.read(struct.unpack("<Q", file.read(8))[0]).decode()
        kind = struct.unpack("<I", file.read(4))[0]  # 8 means text
        value = file.read(struct.unpack("<Q", file.read(8))[0]).decode() if kind == 8 else None
        print(f"  {name} = {value}")

# %% [markdown] tags=["predict"]
# **Before you run the next cell:** SmolLM2 has 134.5 million weights, and most of them are kept in Q4_1: blocks of 32 weights, 4 bits each, with a scale and a minimum of 16 bits. How many bytes is a block, and how many megabytes
# would the file have if all weights were kept so? The file has 98.

# %%
from utils.export.engine import facts

known = facts(path)
block = 32 * 4 / 8 + 2 + 2
print(f"a block: {block:.0f} bytes, {block * 8 / 32} bits a weight; all in Q4_1: {known.parameters * block / 32 / 1e6:.0f} MB")
print(f"the file: {path.stat().st_size / 1e6:.0f} MB, kind {known.kind}, context {known.context_length}")
print(f"how text is cut: {known.fields['tokenizer.ggml.pre']}; special tokens: {list(known.tokens)[:3]}")
assert block == 20 and known.parameters * block / 32 < path.stat().st_size

# %% [markdown]
# The file is larger, since the embeddings stay at 8 bits: they are the output matrix, too, and there a rounding error goes straight into the logits.
#
# ## 3. Your model as a GGUF file
#
# The reasoner of lesson 24 is a Llama, so its matrices only need other names (`model.layers.0.self_attn.q_proj` is `blk.0.attn_q`) - and one of them another order. RoPE turns pairs of features. Transformers pairs feature $i$ of a head with feature $i + D/2$;
# llama.cpp, like Meta's own code, pairs $2i$ with $2i + 1$. With $D = 4$ the rows of a head, 0 1 2 3, have to become 0 2 1 3: pair (0, 2) comes first, then (1, 3).

# %%
import torch

from utils.export import gguf


def interleaved(weight, heads):
    """The rows of a query or key matrix, pairs side by side: (H * D, C) -> (H * D, C)."""
    first, second = weight.reshape(heads, 2, -1, weight.shape[1]).unbind(1)  # the halves of each head, (H, D / 2, C)
    return torch.stack((first, second), dim=2).reshape(weight.shape)


rows = torch.arange(8.0)[:, None]
print(interleaved(rows, heads=2)[:, 0].int().tolist())
assert torch.equal(interleaved(rows, 2), torch.from_numpy(gguf.permuted(rows.numpy(), 2)))

# %% [markdown]
# `gguf.write` does this for a whole model: names, order, tokenizer, chat template, and the two tokens `<think>` and `</think>`, which are marked *user-defined*, so that the engine shows them. A *control* token, such as `<|end|>`, is never shown.

# %% tags=["nbval-ignore-output"]
import tempfile

from utils.data import catalog

REASONER = "llama-mini-reasoner" if "llama-mini-reasoner" in library.names() else "llama-mini"  # draft: lesson 24 makes the first
loaded = catalog.load(REASONER)
model, tokenizer = loaded.model.eval(), loaded.tokenizer
work = Path(tempfile.mkdtemp())
files = {kind: gguf.write(work / f"reasoner-{kind.lower()}.gguf", model, tokenizer, kind) for kind in gguf.KINDS}
for kind, file in files.items():
    print(f"{kind:<5} {file.stat().st_size / 1e6:5.2f} MB")

# %% [markdown] tags=["predict"]
# **Before you run the next cell:** the same prompt, once through PyTorch and once through llama.cpp with the F32 file: how large will the largest difference of the 3,072 log-probabilities be? And with queries and keys in the old order: a little, or beyond repair?

# %%
from utils.export.engine import Engine


def difference(file, text):
    """The largest difference of the next token's log-probabilities between PyTorch and the engine."""
    ids = tokenizer(text)["input_ids"]
    with torch.no_grad():
        ours = model(torch.tensor([ids])).logits[0, -1].log_softmax(-1)
    with Engine(file, threads=1) as engine:
        return (torch.tensor(engine.log_probabilities(ids)) - ours).abs().max().item()


prompt = "<|user|>24+31+47=<|end|><|assistant|>"
exact = difference(files["F32"], prompt)
keep, gguf.permuted = gguf.permuted, lambda weight, heads: weight  # the fault: rows as they were
unordered = difference(gguf.write(work / "unordered.gguf", model, tokenizer, "F32"), prompt)
gguf.permuted = keep
print(f"below 1e-4: {exact < 1e-4}; rows in the old order: {unordered:.1f}")
assert exact < 1e-4 < 0.5 < unordered

# %% [markdown]
# No engine can notice the second fault: the file is well-formed, the shapes fit, and the text that comes out is fluent nonsense. The same goes for the tokenizer. llama.cpp has the expressions that cut a text in its own code, and the file only
# *names* one of them (`tokenizer.ggml.pre`). So compare ids on texts that hurt: numbers, code, emoji.

# %%
texts = ["In 2024, 3.14 < 22/7.", "def f(x):\n    return [1,  22]  # don't", "naïve café 😀 中文 ½²", prompt]
with Engine(files["F16"], threads=1) as engine:
    same = [engine.tokens(text) == tokenizer(text)["input_ids"] for text in texts]
print(f"ids equal on {sum(same)} of {len(same)} texts; the file says {gguf.pre_tokenizer(tokenizer)!r}")
assert all(same)

# %% [markdown]
# ## 4. Eight bits, four bits
#
# Q8_0 keeps 32 weights as one scale $d$ (16 bits) and 32 whole numbers $q_i$ from -127 to 127: $w_i \approx d\, q_i$ with $d = \max_i |w_i| / 127$. For the weights 0.5, -1.27, 0.02 the scale is 0.01, and the numbers are 50, -127, 2. Q4_0 has 16 steps in the place of 255.

# %%
import gguf as package
import numpy

weights = torch.randn(4, 32, generator=torch.Generator().manual_seed(0))
scale = (weights.abs().amax(1, keepdim=True) / 127)
by_hand = (weights / scale).round() * scale.half().float()
theirs = package.dequantize(package.quantize(weights.numpy(), package.GGMLQuantizationType.Q8_0), package.GGMLQuantizationType.Q8_0)
print(f"bits a weight: {(16 + 32 * 8) / 32}; equal to gguf's: {numpy.abs(by_hand.numpy() - theirs).max() < 1e-6}")
assert numpy.abs(by_hand.numpy() - theirs).max() < 1e-6

# %% [markdown]
# What does that cost a *reasoner*? A sum that is worked out column by column forgives no slip. Forty sums of three numbers that no training saw: does each file write the same tokens as PyTorch, and how many are right?

# %% tags=["nbval-ignore-output"]
import time
from random import Random

from utils.worlds import arithmetic

draws = Random(25)
problems = [arithmetic.draw(draws, level=4, held_out=True) for _ in range(40)]


def asked(problem):
    """The prompt's ids; the model begins to think."""
    return tokenizer(f"<|user|>{problem.prompt}<|end|><|assistant|><think>{sum(n % 10 for n in problem.numbers[:1])}")["input_ids"]


def by_pytorch(ids):
    with torch.no_grad():
        out = model.generate(torch.tensor([ids]), max_new_tokens=60, do_sample=False, eos_token_id=[0, 4], pad_token_id=1)
    return out[0, len(ids) :].tolist()


references = [by_pytorch(asked(problem)) for problem in problems]
measured = {}
for kind, file in files.items():
    with Engine(file, threads=1) as engine:
        engine.write(asked(problems[0]), n_predict=5)  # warm
        told = [engine.write(asked(problem), n_predict=60) for problem in problems]
    whole = [tokenizer.decode(asked(problem) + one.tokens).rpartition("<|assistant|>")[2] for problem, one in zip(problems, told)]
    measured[kind] = {
        "same": sum(one.tokens == reference for one, reference in zip(told, references)),
        "right": sum(arithmetic.verify(problem, text.removesuffix("<|end|>")).right for problem, text in zip(problems, whole)),
        "speed": sum(one.written for one in told) / (sum(one.writing for one in told) / 1e9),
        "megabytes": file.stat().st_size / 1e6,
    }
    print(f"{kind:<5} {measured[kind]['same']:>2} of 40 answers identical, {measured[kind]['right']:>2} right, {measured[kind]['speed']:>5.0f} tokens/s")
assert measured["F32"]["same"] == measured["F16"]["same"] == 40 and measured["Q4_0"]["same"] < 40

# %% tags=["nbval-ignore-output"]
plots.show(figures.by_kind(measured), alt="For F32, F16, Q8_0 and Q4_0: megabytes, tokens a second, and answers that are identical to PyTorch's and right.")

# %% [markdown]
# F32 and F16 write what PyTorch writes, token for token. The 8-bit file departs in some sums, the 4-bit file in many, and its right answers are fewer. A model of two million weights is hit much harder than one of eight billion: it has no weights to spare.
#
# ## 5. Ollama's interface
#
# From here on everything goes through the official client. `pull` brings a model - from Ollama's registry there, from the course's own files here -, `list` and `show` say what there is.

# %%
for kind in ("F16", "Q8_0", "Q4_0"):
    server.add(f"reasoner:{kind.lower()}", files[kind])
for part in client.pull("llama-mini:q8_0", stream=True):
    if part.total is None or part.completed == part.total:
        print(part.status)
for one in client.list().models:
    print(f"{one.model:<18} {one.details.parameter_size:>8} {one.details.quantization_level:>5}")
print("it can:", client.show("reasoner:f16").capabilities)

# %% [markdown]
# `chat` takes messages with roles. The server fills the template, and the answer's last line says what it took, in nanoseconds. A *stream* is the same in pieces: one JSON object a line (`application/x-ndjson`), the last with `done: true`.

# %% tags=["nbval-ignore-output"]
text = "Summarize in one sentence: The ferry was late. The harbour was closed because of the storm. Two hundred people waited until midnight."
GREEDY = {"temperature": 0, "num_predict": 40}
pieces = []
for part in client.chat("smollm2", [{"role": "user", "content": text}], stream=True, options=GREEDY):
    pieces.append(part.message.content)
print("".join(pieces))
print(f"{len(pieces)} pieces; {part.prompt_eval_count} tokens read, {part.eval_count} written, done because of {part.done_reason!r}")
print(f"{part.eval_count / (part.eval_duration / 1e9):.0f} tokens/s; loading took {part.load_duration / 1e9:.1f} s")
assert part.done and "".join(pieces)

# %% [markdown]
# ## 6. Thinking apart from the answer
#
# The reasoner writes `<think>steps</think>answer` as one text. The server takes it apart: `message.thinking` and `message.content`. With `think=False` the thinking is closed before it begins.

# %%
question = [{"role": "user", "content": problems[0].prompt}]
for seed in range(30):
    thought = client.chat("reasoner:f16", question, options={"temperature": 1, "seed": seed})
    if thought.message.thinking:
        break
quick = client.chat("reasoner:f16", question, think=False, options={"temperature": 0})
print(f"{problems[0].prompt}  thinking: {thought.message.thinking}  answer: {thought.message.content}")
print(f"{problems[0].prompt}  without:  {quick.message.content}")
assert "<think>" not in thought.message.content and not quick.message.thinking

# %% [markdown] tags=["predict"]
# **Before you run the next cell:** SmolLM2 has never learned to think between marks. What does a server say to `think=True`: does it try, ignore the wish, or refuse? And to a model that it does not have?

# %%
errors = {}
for name, call in {
    "think": lambda: client.chat("smollm2", question, think=True),
    "tools": lambda: client.chat("smollm2", question, tools=[{"type": "function", "function": {"name": "add"}}]),
    "no such model": lambda: client.chat("deepseek-r1", question),
    "embeddings": lambda: client.embed("smollm2", "a text"),
}.items():
    try:
        call()
    except ollama.ResponseError as error:
        errors[name] = error.status_code
        print(f"{name:<14} {error.status_code}  {error.error}")
assert errors == {"think": 400, "tools": 400, "no such model": 404, "embeddings": 501}

# %% [markdown]
# 400: the request cannot be met. 404: no such model. 501 is the course's server's own: Ollama itself computes embeddings (section 9).
#
# ## 7. Options, and what the model forgets
#
# A request may set the temperature, `top_k`, `top_p`, a `seed`, `stop` strings, `num_predict` and `num_ctx`, the *context length*: how many tokens, prompt and answer together, are kept. What does not fit is left out, the oldest turns first, **without a word**.

# %% tags=["nbval-ignore-output"]
turns = [{"role": "user", "content": "My name is Anna. Please remember it."}, {"role": "assistant", "content": "I will, Anna."}]
filler = [{"role": role, "content": "The weather was fine and the sea was calm. " * 4} for _ in range(4) for role in ("user", "assistant")]
last = [{"role": "user", "content": "What is my name?"}]
for context in (2048, 256):
    answer = client.chat("smollm2", turns + filler + last, options={"temperature": 0, "num_predict": 20, "num_ctx": context})
    print(f"num_ctx {context:>4}: {answer.prompt_eval_count:>3} tokens read; {answer.message.content.strip()[:80]}")
    read = answer.prompt_eval_count
assert read < 256

# %% [markdown]
# The second request never saw the name. Ollama's default is 4,096 tokens; a long conversation, or a document pasted into it, is beyond that sooner than one thinks. `prompt_eval_count` tells.
#
# ## 8. Answers in a form
#
# `format` takes a JSON schema. The engine then forbids, at each step, every token that could not go on to a valid text: the form is certain, the content is not.

# %%
import json

schema = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 20}, "age": {"type": "integer", "minimum": 0, "maximum": 120}}}
schema |= {"required": ["name", "age"], "additionalProperties": False}
sentences = ["Anna is 31 years old.", "The eldest, Tom, turned 12 last week.", "At 80, Maria still swims every day."]
people = []
for sentence in sentences:
    ask = [{"role": "user", "content": f"{sentence} Give the person's name and age as JSON."}]
    people.append(json.loads(client.chat("smollm2", ask, format=schema, options={"temperature": 0}).message.content))
    print(sentence, "->", people[-1])
assert all(set(one) == {"name", "age"} for one in people) and people[0] == {"name": "Anna", "age": 31}

# %% [markdown]
# ## 9. A Modelfile, and Ollama itself
#
# `ollama create NAME -f Modelfile` makes a model of a GGUF file. The Modelfile names the file, the template in Ollama's own language (Go's), where an answer ends, and default options. From a template that shows `.Thinking` between two marks Ollama learns how this model marks its thinking.

# %%
written = course_ollama.modelfile_for(files["F16"])
print(written)
assert course_ollama.Modelfile.parse(str(written)) == written

# %% tags=["hub", "nbval-ignore-output"]
if real:
    official = ollama.Client(found.address)
    (work / "Modelfile").write_text(str(course_ollama.modelfile_for(files["F16"])), encoding="utf-8")
    subprocess.run(["ollama", "create", "course-reasoner", "-f", str(work / "Modelfile")], check=True, capture_output=True)
    print("course-reasoner:", official.chat("course-reasoner", question, options={"temperature": 0}).message)
else:
    print("No Ollama answers here. Where one does, this cell makes the model course-reasoner there and asks it the same.")

# %% [markdown]
# ## 10. The library way: any client
#
# Many programs speak OpenAI's interface: editors, agents, Open WebUI. Ollama and the course's server have it, too, under `/v1`.

# %%
import httpx

body = {"model": "reasoner:f16", "messages": question, "temperature": 0, "max_tokens": 60}
answer = httpx.post(f"{server.address}/v1/chat/completions", json=body, timeout=60).json()
native = client.chat("reasoner:f16", question, options={"temperature": 0, "num_predict": 60})
print(answer["choices"][0]["message"], answer["usage"])
assert answer["choices"][0]["message"]["content"] == native.message.content

# %% tags=["nbval-ignore-output"]
server.__exit__()
