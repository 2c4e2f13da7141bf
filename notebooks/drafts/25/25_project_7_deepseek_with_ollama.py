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
# What does that cost a *reasoner*? A sum that is worked out column by column forgives no slip. Forty sums of three numbers that no training saw: does each file write the same tokens as PyTorch, and how many are right? (The likeliest first step of `llama-mini` is to answer at once, so each prompt opens the thinking with its first digit. The reasoner of lesson 24 needs no such help.)

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
assert measured["Q8_0"]["same"] > measured["Q4_0"]["same"] and measured["Q4_0"]["right"] < measured["F16"]["right"]

# %% tags=["nbval-ignore-output"]
plots.show(figures.by_kind(measured), alt="For F32, F16, Q8_0 and Q4_0: megabytes, tokens a second, and answers that are identical to PyTorch's and right.")

# %% [markdown]
# F32 and F16 write what PyTorch writes, token for token. Eight bits are close to it; four bits change some answers, and among those are sums that were right before. A model of two million weights is hit harder than one of eight billion: it has no weights to spare.
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
from utils.export import conversation

turns = [{"role": "user", "content": "My name is Anna and I live in Lisbon."}, {"role": "assistant", "content": "Nice to meet you, Anna."}]
for thing in ("A cat", "Rain", "Bread"):
    turns += [{"role": "user", "content": f"What is {thing.lower()}?"}, {"role": "assistant", "content": f"{thing} is a thing that everybody knows, and it is hard to say in a sentence."}]
turns += [{"role": "user", "content": "What is my name?"}]
read = {}
with Engine(path, context=256, threads=1) as engine:
    for context in (2048, 96):
        answer = client.chat("smollm2", turns, options={"temperature": 0, "num_predict": 1, "num_ctx": context})
        kept = conversation.fitted(known, turns, context, lambda text: len(engine.tokens(text)))
        read[context] = answer.prompt_eval_count, "Anna" in kept
        print(f"num_ctx {context:>4}: {answer.prompt_eval_count:>3} tokens read; the name is among them: {'Anna' in kept}")
assert read[2048][1] and not read[96][1] and read[96][0] < 96

# %% [markdown]
# The second request never saw the name. (Asked in full, this small model does not find it with either; try it.) Ollama's default is 4,096 tokens; a long conversation, or a document pasted into it, is beyond that sooner than one thinks. `prompt_eval_count` tells.
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
assert all(set(one) == {"name", "age"} for one in people) and [one["name"] for one in people[:2]] == ["Anna", "Tom"]

# %% [markdown]
# Every answer can be parsed, and ages that stand in the sentence as figures come out wrong all the same. A form is no check of the content.
#
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

# %% [markdown]
# ## 11. A chat box
#
# Live, the box has a field, a button that sends and one that stops, and the thinking is folded. `utils/course/chat_box.py` is 80 lines: a stream is read in a thread, and closing the stream hangs up, which a server hears. Without a person in front of it the cell shows one turn.

# %% tags=["nbval-ignore-output"]
from utils.course.chat_box import ChatBox

box = ChatBox(client, "reasoner:f16", options={"temperature": 1, "seed": seed})
box.ask(problems[0].prompt)
box.show()
assert box.turns[-1]["thinking"] and not box.turns[-1]["content"].startswith("[")

# %% [markdown] tags=["more"]
# ## 12. **More:** embeddings and tools, in Ollama itself
#
# With a model that has learned to call tools, `tools=[function]` sends the function's name, docstring and types, and the answer may be a *call*: a name and arguments, which your program runs, appends as a message with the role `tool`, and asks again. Here the course's server refuses both.

# %% tags=["more", "hub", "nbval-ignore-output"]
def add(a: int, b: int) -> int:
    """Adds two whole numbers."""
    return a + b


if real:
    official = ollama.Client(found.address)
    names = [one.model for one in official.list().models]
    able = [name for name in names if "tools" in official.show(name).capabilities]
    for name in able[:1]:
        answer = official.chat(name, [{"role": "user", "content": "What is 17 + 25?"}], tools=[add])
        print(name, [(call.function.name, call.function.arguments) for call in answer.message.tool_calls or []])
    for name in [name for name in names if "embedding" in official.show(name).capabilities][:1]:
        print(name, len(official.embed(name, "a text").embeddings[0]), "numbers")
for ask in (lambda: client.chat("smollm2", question, tools=[add]), lambda: client.embed("smollm2", "a text")):
    try:
        ask()
    except ollama.ResponseError as error:
        print("the course's server:", error.status_code, error.error)

# %% [markdown]
# ## 13. On a GPU: DeepSeek-R1
#
# On Colab this cell installs Ollama, starts it, pulls the distill that the GPU holds, and asks it the sum. Elsewhere it says what it would do, and asks your reasoner.

# %% tags=["gpu", "hub", "nbval-ignore-output"]
large = runtime.gpu("asks DeepSeek-R1, distilled into 1.5 or 8 billion weights", needs="a GPU with 4 GB and the network")
if large and "google.colab" in sys.modules and not real:
    subprocess.run("curl -fsSL https://ollama.com/install.sh | sh", shell=True, check=True)
    subprocess.Popen(["ollama", "serve"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(60):
        time.sleep(1)
        if found := course_ollama.find():
            break
    real = bool(found and found.is_real)
if large and real:
    official, name = ollama.Client(found.address), "deepseek-r1:1.5b"
    for part in official.pull(name, stream=True):
        if part.total and part.completed == part.total:
            print(part.status, f"{part.total / 1e9:.1f} GB")
    answer = official.chat(name, question, options={"temperature": 0.6, "num_predict": 2000})
else:
    name, answer = "reasoner:f16", client.chat("reasoner:f16", question, options={"temperature": 1, "seed": seed})
print(f"{name} thinks {len(answer.message.thinking or '')} signs and answers {answer.message.content.strip()[:100]}")

# %% [markdown]
# ## 14. Where it goes wrong
#
# **Fluent nonsense** after an export: rows in the wrong order (section 3), or a tokenizer that is cut in another way. Compare log-probabilities and ids, not impressions.
#
# **It never stops.** The engine does not know the token that ends a turn. The file names it (`eot_token_id`), or the Modelfile does (`PARAMETER stop`).
#
# **It repeats or rambles**, although the same weights were fine in PyTorch: another chat template, or none. Print the prompt that the server makes.
#
# **It has forgotten the beginning.** `num_ctx` (section 7).
#
# **Greedy, and still another answer.** Another engine keeps activations in other numbers; where two tokens are nearly as likely, that decides. Identical tokens are what F32 and F16 gave here, no promise for 8 or 4 bits.
#
# **Open to the world.** `OLLAMA_HOST=0.0.0.0` makes Ollama listen on all networks, without a password. The course's server listens on 127.0.0.1 only.
#
# ## Check yourself
#
# 1. Why do only queries and keys change their order, and values not?
# 2. How many bits a weight has Q8_0, and why not 8?
# 3. What does `tokenizer.ggml.pre` hold, and how do you notice that it is wrong?
# 4. A schema guarantees the form of an answer. What does it not guarantee?
# 5. `prompt_eval_count` is smaller than your conversation. What happened?
#
# <details><summary>Answers</summary>
#
# 1. Only they are rotated, in pairs; values are added up feature by feature.
# 2. 8.5: each block of 32 has a scale of 16 bits.
# 3. The name of an expression in llama.cpp; ids differ from the tokenizer's own, without any error.
# 4. That it is true.
# 5. It did not fit into `num_ctx`, and the oldest turns were left out.
# </details>

# %% [markdown]
# ## Exercises
#
# ### Exercise 25.1 · Q4_0 by hand (difficulty 3, 20 minutes)
#
# A block of Q4_0 is a scale $d$ (16 bits) and 16 bytes. The low half of byte $i$ is number $i$, its high half number $i + 16$; a weight is $d\,(q - 8)$. Give the weights of blocks: bytes (N, 18) -> numbers (N, 32).
#
# <details><summary>Hint</summary>
#
# `blocks[:, :2].copy().view(numpy.float16)` is the scale; `& 15` and `>> 4` are the halves.
# </details>

# %% tags=["exercise"]
import numpy


def q4_0(blocks):
    """Bytes (N, 18), uint8 -> weights (N, 32), float32."""
    raise NotImplementedError

# %% tags=["check"]
from utils.course import exercises


@exercises.check("25.1", q4_0)
def check_q4_0(attempt):
    import gguf
    import numpy

    weights = numpy.random.default_rng(0).normal(size=(5, 32)).astype(numpy.float32)
    kind = gguf.GGMLQuantizationType.Q4_0
    blocks = gguf.quantize(weights, kind).reshape(5, 18)
    before, right = blocks.copy(), gguf.dequantize(blocks, kind)
    got = numpy.asarray(attempt(blocks))
    assert numpy.array_equal(blocks, before), "The bytes were overwritten: make a new array."
    assert got.shape == (5, 32), f"The shape should be (5, 32), not {got.shape}."
    scale = blocks[:, :2].copy().view(numpy.float16).astype(numpy.float32)
    low, high = (blocks[:, 2:] & 15).astype(numpy.float32), (blocks[:, 2:] >> 4).astype(numpy.float32)
    likely = {
        "The halves are turned round: the low one comes first.": scale * (numpy.concatenate([high, low], 1) - 8),
        "Number 1 is the low half of byte 1, not the high half of byte 0.": scale * (numpy.stack([low, high], 2).reshape(5, 32) - 8),
        "The 8 is missing: the numbers 0 to 15 stand for -8 to 7.": scale * numpy.concatenate([low, high], 1),
        "The scale is missing.": numpy.concatenate([low, high], 1) - 8,
    }
    for message, wrong in likely.items():
        assert not numpy.allclose(got, wrong), message
    assert numpy.allclose(got, right), "These are not the weights that gguf reads from the blocks."

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def q4_0_solution(blocks):
    scale = blocks[:, :2].copy().view(numpy.float16).astype(numpy.float32)
    return scale * (numpy.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], axis=1).astype(numpy.float32) - 8)


check_q4_0(q4_0_solution)

# %% [markdown]
# ### Exercise 25.2 · Thinking apart (difficulty 2, 15 minutes)
#
# Write what the server does: a text -> (thinking, answer). Thinking stands at the beginning, between `<think>` and `</think>`, or nowhere; blanks at the beginning of both parts are dropped. A text that ends within its thinking has no answer.

# %% tags=["exercise"]
def apart(text):
    """A model's text -> (thinking, answer)."""
    raise NotImplementedError

# %% tags=["check"]
from utils.course import exercises


@exercises.check("25.2", apart)
def check_apart(attempt):
    cases = {
        "<think>2+3=5</think>5": ("2+3=5", "5", "The plain case."),
        "no thought": ("", "no thought", "A text without marks is all answer."),
        "<think>cut off": ("cut off", "", "A text that ends within its thinking has no answer."),
        "<think></think>\n\n7": ("", "7", "Blanks before the answer are dropped."),
        "  <think>a</think>b": ("a", "b", "Blanks may stand before the first mark."),
        "say <think>x</think>": ("", "say <think>x</think>", "Marks in the middle of an answer are no thinking."),
        "<think>a</think>b</think>c": ("a", "b</think>c", "The thinking ends at the first closing mark."),
    }
    for text, (thinking, answer, message) in cases.items():
        got = attempt(text)
        assert isinstance(got, tuple) and len(got) == 2, "Give two texts: the thinking and the answer."
        assert got == (thinking, answer), f"{message} {text!r} should give {(thinking, answer)}, not {got}."

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def apart_solution(text):
    start = text.lstrip()
    if not start.startswith("<think>"):
        return "", text
    thinking, _, answer = start.removeprefix("<think>").partition("</think>")
    return thinking.lstrip(), answer.lstrip()


check_apart(apart_solution)

# %% [markdown]
# ### Exercise 25.3 · What fits (difficulty 2, 15 minutes)
#
# The memory of a served model: weights times bits / 8, plus the cache: for each token of the context keys and values (2), in each layer, for each key-value head, of the head's size, in 2 bytes. Give gigabytes ($10^9$ bytes).

# %% tags=["exercise"]
def gigabytes(weights, bits, context, layers, key_value_heads, head_size):
    """Memory of a served model in GB."""
    raise NotImplementedError

# %% tags=["check"]
from utils.course import exercises


@exercises.check("25.3", gigabytes)
def check_gigabytes(attempt):
    llama = {"weights": 8.03e9, "bits": 4.5, "context": 131072, "layers": 32, "key_value_heads": 8, "head_size": 128}
    got = float(attempt(**llama))
    cache = 131072 * 32 * 8 * 128 * 2 * 2 / 1e9
    file = 8.03e9 * 4.5 / 8 / 1e9
    likely = {
        file: "The cache is missing.",
        file + cache / 2: "Keys and values are two: the cache has half its size. Or a number has 2 bytes.",
        8.03 * 4.5 + cache: "Bits were taken for bytes.",
        (file + cache) * 1e9 / 2**30: "GB are 10^9 bytes here, not 2^30.",
        cache: "The weights are missing.",
    }
    for value, message in likely.items():
        assert abs(got - value) > 1e-3, message
    assert abs(got - file - cache) < 1e-3, f"It should be {file + cache:.2f} GB, not {got:.2f}."

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def gigabytes_solution(weights, bits, context, layers, key_value_heads, head_size):
    return (weights * bits / 8 + context * layers * key_value_heads * head_size * 2 * 2) / 1e9


check_gigabytes(gigabytes_solution)

# %% [markdown]
# ### Exercise 25.4 · Read a stream (difficulty 2, 15 minutes)
#
# You get the bytes of an answer of `/api/chat` in pieces, as the network cut them: a line may come in two pieces, and one piece may hold two lines. Give the answer's text and the tokens a second of the last line (`eval_count`, `eval_duration` in nanoseconds).

# %% tags=["exercise"]
import json


def read_stream(pieces):
    """Pieces of bytes -> (text, tokens a second)."""
    raise NotImplementedError

# %% tags=["check"]
from utils.course import exercises


@exercises.check("25.4", read_stream)
def check_read_stream(attempt):
    import json

    lines = [{"message": {"content": text}, "done": False} for text in ("Der ", "Größte", " 😀")]
    lines.append({"message": {"content": ""}, "done": True, "eval_count": 30, "eval_duration": 1_500_000_000})
    whole = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()
    for size in (len(whole), 7, 1):
        got = attempt([whole[place : place + size] for place in range(0, len(whole), size)])
        assert isinstance(got, tuple) and len(got) == 2, "Give two things: the text and the tokens a second."
        assert got[0] == "Der Größte 😀", f"The text should be 'Der Größte 😀', not {got[0]!r}: collect bytes, cut at line ends, and decode whole lines."
        assert abs(got[1] - 30 / 1.5e9) > 1e-12, "Durations are in nanoseconds: there are 10^9 in a second."
        assert abs(got[1] - 20.0) < 1e-6, f"30 tokens in 1.5 seconds are 20 a second, not {got[1]}."

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def read_stream_solution(pieces):
    lines = [json.loads(line) for line in b"".join(pieces).splitlines()]
    return "".join(line["message"]["content"] for line in lines), lines[-1]["eval_count"] / (lines[-1]["eval_duration"] / 1e9)


check_read_stream(read_stream_solution)

# %% [markdown] tags=["open-task"]
# ### Open task · A model for a machine (2 hours)
#
# Choose a real machine and a task: yours, a school's, a doctor's practice. Decide which model, in how many bits, with which context, you would serve on it, and to whom it would listen.
#
# | points | for |
# |---|---|
# | 2 | the memory, computed, with the cache of the longest conversation |
# | 3 | the task measured: twenty inputs of your own, two models or two kinds of file, with an interval |
# | 2 | tokens a second, and whether a person would wait for them |
# | 1 | the licence of the model: may it be used so? |
# | 2 | the decision, and what would change it |

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
from utils.course.scorecard import Scorecard

card = Scorecard(lesson=25)
card.equal("greedy answers identical to PyTorch's at F32, of 40", measured["F32"]["same"], 40)
card.equal("greedy answers identical to PyTorch's at F16, of 40", measured["F16"]["same"], 40)
card.at_most("log-probabilities, largest difference from PyTorch's at F32: below", 1e-4 if exact < 1e-4 else exact, 1e-4)
card.at_least("the same with rows in the old order", min(unordered, 1.0), 0.5, digits=1)
card.equal("texts with equal token ids, of 4", sum(same), 4)
card.at_most("Q4_0: answers identical to PyTorch's, of 40", measured["Q4_0"]["same"], 39)
card.equal("answers in the form of the schema, of 3", len(people), 3)
card.equal("refusals with their status, of 4", len(errors), 4)
card.show()

# %% tags=["scorecard", "nbval-ignore-output"]
card = Scorecard(lesson=25)
card.at_least("tokens a second at F16, as a multiple of F32's", measured["F16"]["speed"] / measured["F32"]["speed"], 0.5, digits=1)
card.show()
server.__exit__()

# %% [markdown]
# ## Summary
#
# 1. A served model is a file, an engine, a server and a client. GGUF holds weights, tokenizer and settings in one.
# 2. An export is proved by log-probabilities and ids; a wrong order of rows or a wrong name of the tokenizer gives no error.
# 3. F32 and F16 wrote PyTorch's tokens. Four bits changed answers of a reasoner that has no weights to spare.
# 4. Ollama's interface streams lines of JSON, tells thinking from the answer, keeps a form, counts its time, and leaves out what does not fit the context.
# 5. Which distill a machine holds is a product: weights times bits, and the cache.
#
# **New words:** GGUF; engine; Modelfile; context length; distill; NDJSON.
#
# **Papers.** DeepSeek-AI, [DeepSeek-R1](https://arxiv.org/abs/2501.12948), 2025.
#
# This is the last lesson. The thread that began with a raw string of text ends here: a model that you built, trained, taught to think, and serve.
