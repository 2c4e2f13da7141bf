# %% [markdown]
# TEXT5B

# %% [markdown] tags=["more"]
# **More: beams.** Lesson 14's beam search keeps the likeliest beginnings. `utils.generation.beam_search` does it for any language model, taking the caches along; on `gpt-mini` it must find what `generate(num_beams=4)` finds.

# %% tags=["more"]
from utils.generation import beam_search

beams_equal, likelier = 0, []
for begin in beginnings_of(4):
    row = encode(begin)
    found = beam_search(gpt, row, END, beams=4, longest=40, length_penalty=0.0)
    options = {"num_beams": 4, "length_penalty": 0.0, "early_stopping": False, "max_new_tokens": 40, "do_sample": False}
    wanted = theirs.generate(row, attention_mask=torch.ones_like(row), pad_token_id=PAD, **options)[0, row.shape[1] :]
    one = beam_search(gpt, row, END, beams=1, longest=40, length_penalty=0.0)[0][0]
    beams_equal += found[0][1] == wanted[: len(found[0][1])].tolist()
    likelier.append(found[0][0] - one)
print(f"{beams_equal} of 4 beginnings: the library's text; beams are likelier than greedy by {min(likelier):.1f} to {max(likelier):.1f} nats")
assert beams_equal == 4 and min(likelier) > -1e-3

# %% [markdown]
# ## 6. The cache
#
# `write` read everything again for each token. For a prompt of one token and 4 new ones it reads $1 + 2 + 3 + 4 = 10$ tokens; for $n$ new ones $n (n + 1) / 2$. But a token's keys and values depend on
# what stands before it alone, so they never change. Keep them (the *KV cache*), and each token is read once: 4, or $n$.
#
# The price is memory. For $N$ layers, width $C$, $T$ tokens so far, $B$ rows and $b$ bytes a number, keys and values take $2 N C T B b$ bytes. GPT-2 with 12 layers of width 768 and 1,024 tokens in 16 bits:
# $2 \cdot 12 \cdot 768 \cdot 1024 \cdot 2 = 37.7$ MB a row.

# %%
@torch.no_grad()
def write_cached(ids, new):
    """Greedy, each token read once."""
    past, read = {}, ids
    for _ in range(new):
        token = gpt2(W, read, HEADS, past)[:, -1].argmax(-1, keepdim=True)
        ids, read = torch.cat([ids, token], dim=1), token
    return ids, past


start = encode("Mia")
with_cache, past = write_cached(start, 64)
anew = start
with torch.no_grad():
    for _ in range(64):
        anew = torch.cat([anew, gpt2(W, anew, HEADS)[:, -1:].argmax(-1)], dim=1)
fast = generate(gpt, start, 64)
same_tokens = with_cache.equal(anew) and fast.equal(anew)
held = sum(each.numel() * 4 for pair in past.values() for each in pair)
formula = 2 * theirs.config.n_layer * theirs.config.n_embd * (anew.shape[1] - 1) * 4
print(f"the same 64 tokens: {same_tokens}; the cache holds {held:,} bytes, by the formula {formula:,}")
assert same_tokens and held == formula

# %% [markdown] tags=["predict"]
# **Predict.** The next cell times both ways for 32, 64, 128 and 256 tokens. Without a cache 256 tokens take how many times as long as 128?

# %% tags=["nbval-ignore-output"]
import time


def seconds(call, *arguments):
    begin = time.perf_counter()
    call(*arguments)
    return time.perf_counter() - begin


def write_anew(ids, new):
    with torch.no_grad():
        for _ in range(new):
            ids = torch.cat([ids, gpt2(W, ids, HEADS)[:, -1:].argmax(-1)], dim=1)


lengths = [32, 64, 128, 256]
slow, quick = ([seconds(call, start, new) for new in lengths] for call in (write_anew, write_cached))
by_utils = min(seconds(generate, gpt, start, 256) for _ in range(2))
options = {"max_new_tokens": 256, "do_sample": False, "eos_token_id": None, "pad_token_id": PAD, "attention_mask": torch.ones_like(start)}
by_transformers = min(seconds(lambda: theirs.generate(start, **options)) for _ in range(2))
plots.show(figures.times(lengths, slow, quick), alt="Seconds to write 32 to 256 tokens, with a cache and without.")
speed_up = [a / b for a, b in zip(slow, quick)]
print("times faster with a cache:", ", ".join(f"{ratio:.1f}" for ratio in speed_up))
print(f"256 tokens: utils.generation {by_utils:.2f} s, Transformers' generate {by_transformers:.2f} s")

# %% [markdown]
# With a cache the time grows like the length; without, faster, and the gap widens. `utils.generation` does the same loop with the course's GPT; how it compares with the library's `generate` stands in `python -m utils bench`.
#
# **Streaming and stop strings.** People read while the model writes, so text is handed out piece by piece. Two traps: a character of several bytes may lie in two tokens, so half of it must wait; and a *stop string*, which ends the answer, may begin in one
# token and end in the next, so its possible beginning must wait too. `stream` holds both back. The library's model runs in the same loop, by the small class of section 5.

# %% tags=["nbval-ignore-output"]
from utils.generation import stop_at, stream

question = smol_encode("Q: What is the capital of France?\nA: Paris\nQ: What is the capital of Italy?\nA:")
for piece in stream(open_model, question, 24, smol_tokenizer.decode, stop=["\nQ"]):
    print(piece, end="|", flush=True)
both = torch.cat([question, question])
stopped = generate(open_model, both, 24, stop=stop_at(["\nQ", "."], smol_tokenizer.decode), pad_id=2)
greedy_text = smol_tokenizer.decode(stopped[0, question.shape[1] :], skip_special_tokens=True)
print("\nas a batch, with the token that completes the stop string:", repr(greedy_text))

# %% [markdown]
# ## 7. How good is it? Bits a byte
#
# *Perplexity* is $e^{\mathcal{L}}$: a loss of 2.3 nats is a perplexity of 10, as if the model had to guess among ten equally likely tokens each time. It depends on the tokenizer: whoever cuts a text into fewer pieces pays more for each. Bytes do not depend on it:
#
# $$ \text{bits a byte} = \frac{1}{\text{bytes of the text}} \sum_t -\log_2 p(x_{t+1} \mid x_1, \dots, x_t) . $$
#
# By hand: 10 tokens at 3 nats each cost $30 / 0.693 = 43.3$ bits; if they have 40 bytes, that is 1.08 bits a byte. The baseline counts: how often each byte followed the seven before it, in the *training part of the same texts*, smoothed
# by Kneser and Ney's method (`utils/experiments/ngrams.py`). Texts: film-review sentences (people), Python's documentation (people; `gpt-mini` read its training part), stories of the small world (a program).

# %%
from utils.experiments.ngrams import ByteGrams


@torch.no_grad()
def bits_of(model, row):
    """ids (1, T), cut to 256 -> (bits of all tokens but the first, the ids that were read)"""
    row = row[:, :256]
    return F.cross_entropy(model(row).logits[0, :-1], row[0, 1:]).item() / math.log(2) * (row.shape[1] - 1), row


def measured(kind, count):
    """name -> [bits, bytes] of each text, each model on the same beginning of it: 200 characters."""
    known, new = KINDS[kind]
    counted, new = ByteGrams(known, order=7), [text[:200] for text in new[:count]]
    size = [len(text.encode()) for text in new]
    costs = {"SmolLM2": [bits_of(smol, smol_encode(text))[0] for text in new], "gpt-mini": [bits_of(theirs, encode(text))[0] for text in new],
             "counted bytes": [counted.bits(text) for text in new]}  # fmt: skip
    return {name: [[round(cost, 2), n] for cost, n in zip(found, size)] for name, found in costs.items()}


films = catalog.load("ratings", part="films")
drawn = lambda split, count: [texts.story(Random(f"{split} {number} of lesson 16"), split).english for number in range(count)]
KINDS = {"film reviews": (films["train"]["text"][:], films["test"]["text"][:]),
         "Python's documentation": (texts.documentation("train"), texts.documentation("test")),
         "stories": (drawn("train", 2000), drawn("test", 200))}  # fmt: skip

# %% [markdown] tags=["predict"]
# **Predict.** SmolLM2 has 55 times the weights of `gpt-mini`, and read hundred thousand times as much. On which of the three texts is it not the best?

# %%
from utils.metrics import paired_bootstrap

log = recorded.results("16_bits", lesson=16, settings={"texts": 200}, compute=lambda: {kind: measured(kind, 200) for kind in KINDS})


def ratio(rows):
    """Bits a byte of [bits, bytes] rows, with an interval."""
    rows = torch.tensor(rows, dtype=torch.float64)
    chosen = torch.randint(len(rows), (2000, len(rows)), generator=torch.Generator().manual_seed(0))
    drawn_bits, drawn_bytes = rows[chosen].sum(1).T
    low, high = (drawn_bits / drawn_bytes).quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return (rows[:, 0].sum() / rows[:, 1].sum()).item(), low, high


bits_a_byte = {kind: {name: ratio(rows) for name, rows in found.items()} for kind, found in log.results.items()}
print(log)
plots.show(figures.bits(bits_a_byte), alt="Bits a byte of SmolLM2, gpt-mini and counted bytes, on film reviews, documentation, stories.")
for kind, found in bits_a_byte.items():
    print(f"{kind:<23}", "  ".join("{} {:.2f} [{:.2f}, {:.2f}]".format(name, *value) for name, value in found.items()))

# %% [markdown]
# TEXT7

# %%
few = measured("film reviews", 12)
for name, rows in few.items():
    value, then = sum(bits for bits, _ in rows) / sum(size for _, size in rows), bits_a_byte["film reviews"][name][0]
    inside = [bits / size for bits, size in log.results["film reviews"][name]]
    print(f"live, 12 sentences: {name:<14} {value:.2f}; recorded, 200: {then:.2f}")
    assert abs(value - then) < 0.45 and len(inside) == 200
same_rows = all(abs(a[0] - b[0]) < 0.05 for name in few for a, b in zip(few[name], log.results["film reviews"][name]))
print("each of the 12 as recorded:", same_rows)

# %% [markdown]
# ## 8. Learning from the prompt
#
# GPT-3's paper had a surprise: show the model a few solved examples in the prompt, and it does the next one. No weight changes. Try it with pairs of words:
#
# > `dog -> dogs`
# > `box -> boxes`
# > `city ->`
#
# A pair counts as right if the model, always taking the likeliest token, would write exactly the answer and then a new line. One pass tells: put the right answer there, and look whether each of its tokens is the likeliest at its place. Six tasks of thirty
# pairs (a list of this course); eight random pairs are kept for the prompt, the other 22 are asked.

# %%
from utils.experiments.in_context import TASKS, suffix_rule

part = lambda text: smol_tokenizer.encode(text, add_special_tokens=False)


@torch.no_grad()
def right(examples, asked):
    """For each asked pair: would SmolLM2, after these examples, write its answer and a new line?"""
    before = [0, *(i for word, answer in examples for i in part(f"{word} ->") + part(f" {answer}\n"))]
    rows = [(part(f"{word} ->"), part(f" {answer}\n")) for word, answer in asked]
    ids = torch.nn.utils.rnn.pad_sequence([torch.tensor(q + a) for q, a in rows], True, 2)  # right: nobody sees the filling
    cache = DynamicCache()
    smol(torch.tensor([before]), past_key_values=cache)  # the examples are read once,
    cache.batch_repeat_interleave(len(rows))  # and serve all questions
    likeliest = smol(ids, past_key_values=cache).logits.argmax(-1)  # (22, T)
    return [line[len(q) - 1 : len(q) + len(a) - 1].tolist() == a for line, (q, a) in zip(likeliest, rows)]


def split_of(task, seed):
    """Eight pairs for the prompt, and those that are asked."""
    shown = Random(f"{task} {seed}").sample(TASKS[task], 8)
    return shown, [pair for pair in TASKS[task] if pair not in shown]


for task in ("plural", "capital"):
    shown, asked = split_of(task, 0)
    found = {k: sum(right(shown[:k], asked)) for k in (0, 1, 4)}
    print(f"{task}: right of {len(asked)} with 0, 1, 4 examples: {list(found.values())}")
    assert found[0] == 0 and found[4] >= 10

# %% [markdown]
# Without an example the model does not know what is wanted: it goes on with a list, or with prose. The examples say what the task is; the answers it had from its training. Two questions: does it matter *which* examples, and in which *order*? And is it the examples' content,
# or their form, that helps? For the last, the same examples with their answers *exchanged* (`dog -> boxes`). A trivial program gets the same examples: it changes the word's end as most of them do (`dog -> dogs`: add an s).

# %% [markdown] tags=["predict"]
# **Predict.** With answers exchanged among four examples, does the share of right answers stay, halve, or vanish?

# %%
DRAWS, ORDERS = 10, 6


def share(flags):
    return round(sum(flags) / len(flags), 4)


def learned_in_context():
    found = {key: {task: {} for task in TASKS} for key in ("accuracy", "program")} | {"orders": {}, "exchanged": {}}
    for task in TASKS:
        splits = [split_of(task, seed) for seed in range(DRAWS)]
        for k in (0, 1, 2, 4, 8):
            found["accuracy"][task][k] = [share(right(shown[:k], asked)) for shown, asked in splits]
            found["program"][task][k] = [share([suffix_rule(shown[:k], word) == answer for word, answer in asked]) for shown, asked in splits]
        moved = [[(pair[0], other[1]) for pair, other in zip(shown[:4], shown[1:4] + shown[:1])] for shown, _ in splits]
        found["exchanged"][task] = [share(right(pairs, asked)) for pairs, (_, asked) in zip(moved, splits)]
        found["orders"][task] = [[share(right(Random(f"{order}").sample(shown[:4], 4), asked)) for order in range(ORDERS)] for shown, asked in splits[:4]]
    return found


log = recorded.results("16_in_context", lesson=16, settings={"draws": DRAWS, "orders": ORDERS, "tasks": list(TASKS)}, compute=learned_in_context)
print(log)
mean = lambda values: sum(values) / len(values)
for task, each in log.results["accuracy"].items():
    line = "  ".join(f"{k}: {mean(values):.2f} ({min(values):.2f} to {max(values):.2f})" for k, values in each.items() if k != "2")
    print(f"{task:<10} {line};  program, 8: {mean(log.results['program'][task]['8']):.2f}; four, exchanged: {mean(log.results['exchanged'][task]):.2f}")

# %%
figure, axis = plots.figure(width=8.5, height=3.6)
figures.by_examples(axis, {task: {k: ends(values) for k, values in each.items()} for task, each in log.results["accuracy"].items()})
axis.set_title("the mean of ten draws of examples, with its interval")
plots.show(figure, alt="Share of right answers over the number of examples in the prompt, a line for each of six tasks.")
spread = {task: mean([max(line) - min(line) for line in lines]) for task, lines in log.results["orders"].items()}
print("four examples in six orders, best minus worst:", ", ".join(f"{task} {value:.2f}" for task, value in spread.items()))

# %% [markdown]
# TEXT8

# %% [markdown]
# ## 9. Induction heads
#
# Which part of the model looks back at its own prompt? Look for the simplest use: *what followed this token when it came before?* Take random tokens, and repeat them:
#
# > `A B C D E A B C D ?`
#
# Nothing but the repetition tells what comes next. A head that solves it looks from the second `D` at the token *after* the first `D`, which is `E`. Such a head is an *induction head* (Olsson and others, 2022). With a period of $L$ tokens, the query at place $t$ of the second round must look at the key at
# $t - L + 1$, and the head's *induction score* is the attention weight there, averaged over the second round. A head that spreads its attention evenly would have about $1/T$.

# %%
PERIOD, LAYERS, N_HEADS = 40, smol.config.num_hidden_layers, smol.config.num_attention_heads


def repeated_tokens(rows, seed):
    half = torch.randint(1000, 40_000, (rows, PERIOD), generator=torch.Generator().manual_seed(seed))
    return torch.cat([torch.zeros(rows, 1, dtype=torch.long), half, half], dim=1)  # (B, 1 + 2 L)


@torch.no_grad()
def induction_scores(ids):
    """The score of each head, (layers, heads); and all attention weights of the first row."""
    smol.set_attn_implementation("eager")  # which gives the weights
    weights = torch.stack(smol(ids, output_attentions=True).attentions)  # (layers, B, H, T, T)
    smol.set_attn_implementation("sdpa")
    query = torch.arange(PERIOD + 1, 2 * PERIOD + 1)
    return weights[..., query, query - PERIOD + 1].mean((1, 3)), weights[:, 0]


scores, weights = induction_scores(repeated_tokens(4, seed=0))
ranked = [(int(i) // N_HEADS, int(i) % N_HEADS) for i in scores.flatten().argsort(descending=True)]
best = ranked[:8]
short = torch.cat([torch.zeros(1, 1, dtype=torch.long), repeated_tokens(1, 5)[:, 1:9].repeat(1, 2)], dim=1)
smol.set_attn_implementation("eager")
with torch.no_grad():
    small = smol(short, output_attentions=True).attentions[best[0][0]][0, best[0][1]]
smol.set_attn_implementation("sdpa")
names = [f"{smol_tokenizer.decode([i])[:8]}" for i in short[0]]
plots.show(figures.heads(scores, best, small, names), alt="Induction scores of 30 layers by 9 heads; the attention of the best head over eight tokens that come twice.")
print(f"of {LAYERS * N_HEADS} heads {(scores > 0.4).sum()} have a score above 0.4; the best, layer {best[0][0]} head {best[0][1]}: {scores.max():.2f}; the middle one: {scores.median():.3f}")
assert scores.max() > 0.85 and scores.median() < 0.02 and (scores > 0.4).sum() <= 10

# %% [markdown]
# Few heads, all in the later half. On the right the best one: in the second round its bright cells run along a diagonal, each one place after the same token's first place.
#
# A score is a correlation. To learn whether the heads *matter*, take them out: set what they hand to the output matrix to zero, and see what the second round costs. The control must be fair: the same number of other heads, drawn at random, and also drawn from the same layers.

# %% [markdown] tags=["predict"]
# **Predict.** Eight of 270 heads are taken out. The first round costs about 14 nats a token (random tokens), the second, whole, about 2. What will the second cost without the eight? And without eight others?

# %%
from contextlib import contextmanager


@contextmanager
def without(heads):
    """The model as if these (layer, head) gave nothing."""
    size, hooks = smol.config.head_dim, []
    for layer in {layer for layer, _ in heads}:
        places = [h * size + i for at, h in heads if at == layer for i in range(size)]

        def silence(module, inputs, places=places):
            mixed = inputs[0].clone()  # (B, T, H D)
            mixed[..., places] = 0.0
            return (mixed,)

        hooks.append(smol.model.layers[layer].self_attn.o_proj.register_forward_pre_hook(silence))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@torch.no_grad()
def cost(ids):
    """Nats a token of each row: the first round, and the second but for its first token."""
    found = F.cross_entropy(smol(ids).logits[:, :-1].transpose(1, 2), ids[:, 1:], reduction="none")  # (B, 2 L)
    return found[:, :PERIOD].mean(1).tolist(), found[:, PERIOD + 1 :].mean(1).tolist()


others = [head for head in ranked if head not in best]
new_rows = repeated_tokens(2, seed=1)
live_costs = {}
for name, heads in {"whole": [], "without the 8": best, "without 8 others": Random(0).sample(others, 8)}.items():
    with without(heads):
        live_costs[name] = [mean(part_) for part_ in cost(new_rows)]
    print(f"{name:<17} first round {live_costs[name][0]:.1f}, second round {live_costs[name][1]:.1f}")
assert live_costs["without the 8"][1] > live_costs["without 8 others"][1] + 4

# %% [markdown]
# The *recorded run* does this on sixteen new sequences with eight draws of other heads each way, for 1 to 16 heads; then it asks what else the eight are good for: Python's documentation, and section 8's tasks with four examples.

# %%
ABLATION = {"sequences": 16, "draws": 8, "documents": 12, "tasks": ["capital", "opposite", "past tense", "plural"]}


def with_four(task, seed):
    shown, asked = split_of(task, seed)
    return right(shown[:4], asked)


def ablations():
    ids = repeated_tokens(ABLATION["sequences"], seed=2)
    plans = {"whole": [[]]} | {f"induction {k}": [ranked[:k]] for k in (1, 2, 4, 8, 16)}
    for k in (1, 2, 4, 8, 16):
        plans[f"random {k}"] = [Random(f"{k} {draw}").sample(ranked[k:], k) for draw in range(ABLATION["draws"] if k == 8 else 3)]
    plans["same layers 8"] = [[Random(f"{draw} {n}").choice([h for h in others if h[0] == layer]) for n, (layer, _) in enumerate(best)] for draw in range(ABLATION["draws"])]
    found = {"first half": {}, "second half": {}, "documentation": {}, "tasks": {}}
    documents = [row[:, :160] for row in (smol_encode(text) for text in texts.documentation("test")) if row.shape[1] >= 160][: ABLATION["documents"]]
    for name, draws in plans.items():
        both = []
        for heads in draws:
            with without(heads):
                both.append([[x for at in ids.split(8) for x in cost(at)[half]] for half in (0, 1)])
                if name in ("whole", "induction 8", "random 8", "same layers 8"):
                    found["documentation"].setdefault(name, []).append([round(bits_of(smol, row)[0] / (row.shape[1] - 1), 3) for row in documents])
                    flags = [[flag for seed in (0, 1) for flag in with_four(task, seed)] for task in ABLATION["tasks"]]
                    found["tasks"].setdefault(name, []).append([share(each) for each in flags])
        found["first half"][name], found["second half"][name] = ([[round(x, 3) for x in each[half]] for each in both] for half in (0, 1))
    return found


log = recorded.results("16_ablation", lesson=16, settings=ABLATION, compute=ablations)
print(log)
pooled = lambda key, name: ends([x for each in log.results[key][name] for x in each])
for name in log.results["second half"]:
    print("{:<14} second round {:5.2f} [{:.2f}, {:.2f}]   first round {:.2f}".format(name, *pooled("second half", name), pooled("first half", name)[0]))

# %%
for name in log.results["tasks"]:
    line = "  ".join(f"{task} {mean([each[n] for each in log.results['tasks'][name]]):.2f}" for n, task in enumerate(ABLATION["tasks"]))
    print("{:<14} documentation {:.2f} bits a token;  right with four examples: {}".format(name, pooled("documentation", name)[0], line))

# %% [markdown]
# TEXT9

# %% [markdown]
# ## 10. The logit lens
#
# Every block adds to one stream, and the head reads that stream at the end. Nothing keeps you from reading it earlier: put the last norm and the head on the vectors after layer $l$, and see which token they would choose. That is the *logit lens* (nostalgebraist, 2020).

# %%
@torch.no_grad()
def lens(row, layers):
    """ids (1, T) -> what the head would say after each of these layers: logits (layers, T, V)."""
    states = smol(row, output_hidden_states=True).hidden_states  # 31 of (1, T, C); the last is normed already
    return torch.stack([smol.lm_head(states[l] if l == LAYERS else smol.model.norm(states[l]))[0] for l in layers])


LAST = [0, 10, 16, 20, 22, 24, 26, 27, 28, 29, 30]
row = smol_encode("The capital of France is Paris. The capital of Italy is")
said = lens(row, LAST)
chances, chosen = said.softmax(-1).max(-1)  # (layers, T)
agree = torch.zeros(len(LAST))
sentences = films["test"]["text"][:6]
for text in sentences:
    choices = lens(smol_encode(text), LAST).argmax(-1)
    agree += (choices == choices[-1]).float().mean(1) / len(sentences)
words = [[smol_tokenizer.decode([i]) for i in line[1:]] for line in chosen]
figure = figures.lens(words, LAST, [smol_tokenizer.decode([i]) for i in row[0, 1:]], chances[:, 1:].numpy(), dict(zip(LAST, agree.tolist())))
plots.show(figure, alt="The likeliest next token after several layers at each place of a sentence, and how often it is the last layer's choice.")
early, late = agree[LAST.index(16)].item(), agree[LAST.index(29)].item()
print(f"on film sentences the choice after 16 layers is the last one at {early:.0%} of the places, after 29 at {late:.0%}")
assert early < 0.3 < late < 0.75

# %% [markdown]
# TEXT10
