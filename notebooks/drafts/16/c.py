# %% [markdown]
# ## 11. The library way
#
# At work one call does all of this: `generate` with a `GenerationConfig`. It takes the same names, stop strings (with the tokenizer), and a *streamer* that prints or hands on what is written. Chat models want their template (lesson 1).

# %% tags=["nbval-ignore-output"]
from transformers import GenerationConfig, TextIteratorStreamer

config = GenerationConfig(do_sample=True, temperature=0.8, top_p=0.95, min_p=0.05, repetition_penalty=1.1, max_new_tokens=40, pad_token_id=2)
inputs = smol_tokenizer("<|endoftext|>The old man opened the door and saw a", return_tensors="pt")
torch.manual_seed(16)
streamer = TextIteratorStreamer(smol_tokenizer, skip_prompt=True)
smol.generate(**inputs, generation_config=config, stop_strings=["."], tokenizer=smol_tokenizer, streamer=streamer)
print("".join(streamer))

# %%
greedy_config = {"do_sample": False, "max_new_tokens": 24, "eos_token_id": None, "pad_token_id": 2}
by_library = smol.generate(question, attention_mask=torch.ones_like(question), **greedy_config)
by_own_loop = generate(open_model, question, 24)
same_greedy = by_library.equal(by_own_loop)
left = torch.tensor([[2] * 3 + question[0].tolist(), [2] * 3 + question[0].tolist()])
padded_too = generate(open_model, left, 24, mask=torch.arange(left.shape[1]).expand(2, -1) >= 3)[0, 3:].equal(by_own_loop[0])
print("greedy, SmolLM2: the course's loop writes what generate writes:", same_greedy, "- filled up at the left:", padded_too)
assert same_greedy and padded_too

# %% [markdown]
# ## 12. On a GPU, and with the Hub
#
# GPT-2 by its name: the course's class takes the real weights, and must agree. On a GPU SmolLM2 writes 64 texts at once in 16 bits, where one core writes a few short ones.

# %% tags=["hub", "gpu", "nbval-ignore-output"]
here = runtime.hub("loads GPT-2 by its name", needs="548 MB", loads=("gpt2",))
large = runtime.gpu("writes 64 texts of 256 tokens with SmolLM2", needs="a GPU with 2 GB")
real, real_tokenizer = catalog.load("gpt2" if here else "gpt-mini")
real_ids = real_tokenizer("In a shocking finding, scientists discovered", return_tensors="pt", return_token_type_ids=False).input_ids
with torch.no_grad():
    real_difference = (GPT.from_hf(real)(real_ids) - real(real_ids).logits).abs().max().item()
written = generate(GPT.from_hf(real), real_ids, 30, Sampling(0.8, top_p=0.95), torch.Generator().manual_seed(0))
print(f"{'GPT-2' if here else 'gpt-mini, its stand-in'}: equal {real_difference < 0.01}; {real_tokenizer.decode(written[0])}")
rows, new = (64, 256) if large else (4, 16)
device, dtype = (run.device, run.dtype) if large else ("cpu", torch.float32)
mover = Library(smol.to(device, dtype))
many = smol_encode("Once upon a time").to(device).expand(rows, -1)
took = seconds(generate, mover, many, new, Sampling(0.8), torch.Generator(device).manual_seed(0))
print(f"SmolLM2, {rows} rows of {new} tokens: {rows * new / took:.0f} tokens a second on {device}")
smol = smol.to("cpu", torch.float32)

# %% [markdown]
# ## 13. Where it goes wrong
#
# **Filled up at the right.** A tokenizer's default is often the right side. Then the next token follows padding. `utils.generation` refuses; the library writes on.

# %%
lines = ["The cat", "Mia found a red key in the garden, and"]
padded_rows = torch.nn.utils.rnn.pad_sequence([smol_encode(line)[0] for line in lines], True, 2)  # right
options = {"max_new_tokens": 8, "do_sample": False, "pad_token_id": 2}
mask_of = (torch.arange(padded_rows.shape[1]) < torch.tensor([[len(smol_encode(line)[0])] for line in lines])).long()
library_log = torch.nn.Module  # the library's warning goes to its logger
wrong = smol.generate(padded_rows, attention_mask=mask_of, **options)[0, padded_rows.shape[1] :]
alone = smol.generate(smol_encode(lines[0]), attention_mask=torch.ones_like(smol_encode(lines[0])), **options)[0, smol_encode(lines[0]).shape[1] :]
print(f"alone: {smol_tokenizer.decode(alone)!r}\nfilled up at the right: {smol_tokenizer.decode(wrong)!r}")
try:
    generate(open_model, padded_rows, 8, mask=mask_of.bool())
    refused = ""
except ValueError as error:
    refused = str(error)
print("utils.generation:", refused)
assert not wrong[: len(alone)].equal(alone) and "padding" in refused

# %% [markdown] tags=["predict"]
# **The forgotten shift.** If logits and labels both keep all places, each place is asked for the token that it just read. **Predict:** what does the loss do in training, and what does such a model write?

# %%
def small_gpt(shift, steps=60):
    """A tiny GPT on four stories; with shift 0 each place is asked for its own token. Its last loss, and what it writes."""
    torch.manual_seed(0)
    model = GPT(3072, dataclasses.replace(GPT2, width=64, heads=2, hidden=128, layers=1, dropout=0.0), 64)
    ids = torch.stack([encode(stories.write(f"shift {n}").english)[0, :40] for n in range(4)])
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(steps):
        logits, labels = model(ids)[:, : 40 - shift], ids[:, shift:]
        loss = F.cross_entropy(logits.flatten(0, 1), labels.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item(), tokenizer.decode(generate(model, ids[:1, :4], 8)[0, 1:])


unshifted_loss, echo = small_gpt(0)
shifted_loss, right_text = small_gpt(1)
print(f"forgotten: loss {unshifted_loss:.3f}, writes {echo!r}\nshifted:   loss {shifted_loss:.3f}, writes {right_text!r}")
last = encode(stories.write("shift 0").english)[0, 3].item()
assert unshifted_loss < 0.05 and echo.endswith(tokenizer.decode([last] * 8))

# %% [markdown]
# A beautiful loss, and an echo: the model learned to say again what it reads. A loss near zero in the first minute is a bug until proved otherwise (with four stories the right one gets low too, by heart).
#
# **Decoding token by token.** A letter of several bytes may lie in two tokens. `decode` of each alone gives the replacement sign �; decode all that is written, and hold back an end that is not complete.

# %%
pieces_of = smol_tokenizer.encode("Zürich 東京", add_special_tokens=False)
one_by_one = "".join(smol_tokenizer.decode([i]) for i in pieces_of)
together = smol_tokenizer.decode(pieces_of)
print(f"{len(pieces_of)} tokens; one by one {one_by_one!r}; together {together!r}")
assert "\ufffd" in one_by_one and together == "Zürich 東京"

# %% [markdown]
# **Also met often.** A perplexity compared between models with different tokenizers. Temperature 0 given to a function that divides by it. The end token left out of training texts, so that the model never stops. A cache that is used again for another prompt.
#
# ## Check yourself
#
# <details><summary>1. A text has 100 tokens. How many predictions does its loss average, and why do all of them come from one pass?</summary>
#
# 99. The causal mask hides from each place what comes after it, so each place's logits are an honest prediction of the next token.
# </details>
# <details><summary>2. One token has p = 0.97. How many tokens do top-k 40, top-p 0.9 and min-p 0.05 keep?</summary>
#
# 40; 1; 1 (the threshold is 0.0485, and all others together have 0.03).
# </details>
# <details><summary>3. Why is a batch of prompts filled up at the left, and what else must change?</summary>
#
# The next token is written after the last column, so the last column must be real. The mask hides the filling, and positions start at each row's first real token.
# </details>
# <details><summary>4. A model with a larger vocabulary has a higher perplexity and fewer bits a byte. Which is better?</summary>
#
# The one with fewer bits a byte, on the same text. It cuts the text into fewer tokens, each dearer.
# </details>
# <details><summary>5. A head has a high induction score. Which two runs show that it matters, and that not any head does?</summary>
#
# The second round's cost without it; and without as many other heads, drawn at random several times.
# </details>

# %% [markdown]
# ## Exercises
#
# ### Exercise 16.1 · The loss of a padded batch (difficulty 2, 15 minutes)
#
# Compute the mean cost, in nats, of the next tokens of a batch. `mask` is True at real tokens; rows may be filled up at either end. A prediction counts if the token that it is asked for is real *and* the token it is made from is real. Average over all that count, not row by row.
#
# <details><summary>Hint</summary>
#
# The logits of places $1 \dots T-1$ answer for the tokens of places $2 \dots T$. The pairs that count are `mask[:, :-1] & mask[:, 1:]`.
# </details>

# %% tags=["exercise"]
def causal_loss(logits, ids, mask):
    """logits (B, T, V), ids (B, T), mask (B, T) of booleans -> the mean cost, a tensor with one number."""
    raise NotImplementedError

# %% tags=["check"]
from utils.course import exercises


@exercises.check("16.1", causal_loss)
def check_causal_loss(attempt):
    import torch

    generator = torch.Generator().manual_seed(1)
    logits, ids = torch.randn(3, 6, 9, generator=generator), torch.randint(9, (3, 6), generator=generator)
    mask = torch.tensor([[1, 1, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1], [1, 1, 0, 0, 0, 0]]).bool()

    def mean(pairs, rows=slice(None)):
        costs = [-logits[b, t].log_softmax(-1)[ids[b, s]] for b, t, s in pairs]
        return torch.stack(costs).mean().item()

    every = [(b, t, t + 1) for b in range(3) for t in range(5)]
    right = [(b, t, s) for b, t, s in every if mask[b, t] and mask[b, s]]
    got = attempt(logits.clone(), ids.clone(), mask.clone())
    assert torch.is_tensor(got) and got.numel() == 1, f"One number is asked for, as a tensor, not {type(got).__name__}."
    got = got.item()
    near = lambda value: abs(got - value) < 1e-4
    assert not near(mean([(b, t, t) for b in range(3) for t in range(6) if mask[b, t]])), "Each place is asked for its own token: shift the labels by one."
    assert not near(mean([(b, t + 1, t) for b, t, s in right])), "You shifted the wrong way: a place's logits are about the token after it."
    assert not near(mean(every)), "Padding counts in yours: leave out the pairs that touch it."
    assert not near(mean([p for p in every if mask[p[0], p[2]]])), "A prediction made from padding counts in yours (rows filled up at the left)."
    assert not near(mean([p for p in every if mask[p[0], p[1]]])), "A prediction of padding counts in yours (rows filled up at the right)."
    by_row = [mean([p for p in right if p[0] == b]) for b in range(3)]
    assert not near(sum(by_row) / 3), "You averaged each row first: short rows weigh too much. Average over all predictions at once."
    assert not near(sum(by_row)), "The rows' means are added up: average over all predictions."
    assert near(mean(right)), f"Expected {mean(right):.4f}, not {got:.4f}."

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def causal_loss_solution(logits, ids, mask):
    counts = mask[:, :-1] & mask[:, 1:]  # (B, T - 1)
    return torch.nn.functional.cross_entropy(logits[:, :-1][counts], ids[:, 1:][counts])


check_causal_loss(causal_loss_solution)

# %% [markdown]
# ### Exercise 16.2 · Typical sampling (difficulty 3, 25 minutes)
#
# Meister and others (2022) found that people rarely say the likeliest thing, nor an unlikely one: the surprise $-\ln p_i$ of what they say is near the *expected* surprise, the entropy $H = -\sum_i p_i \ln p_i$. So *typical sampling* sorts tokens by $|-\ln p_i - H|$, the smallest first, and keeps the first ones,
# as few as have at least the share `mass` together. The rest become $-\infty$; do not change the given logits.
#
# <details><summary>Hint</summary>
#
# Like `top_p`, with another order. A token stays if those *before* it in the order have less than `mass`. `nan_to_num` where $p_i = 0$: $0 \cdot \ln 0$ is 0.
# </details>

# %% tags=["exercise"]
def typical(z, mass):
    """logits (B, V) -> logits (B, V), -inf where a token is out."""
    raise NotImplementedError

# %% tags=["check"]
from utils.course import exercises


@exercises.check("16.2", typical)
def check_typical(attempt):
    import torch
    from transformers.generation.logits_process import TypicalLogitsWarper

    z = torch.tensor([0.55, 0.2, 0.13, 0.07, 0.05]).log()[None]  # H = 1.26: 0.2 is the most typical, 0.13 next
    given = z.clone()
    got = attempt(given, 0.3)
    assert got is not None and got.shape == z.shape, "Give logits of the same shape (B, V)."
    assert given.equal(z), "The given logits were changed: use masked_fill without the underscore."
    stays = lambda found: [i for i, kept in enumerate((found[0] > -torch.inf).tolist()) if kept]
    kept = stays(got)
    assert kept != [0], "You sorted by probability, which is top-p. Sort by the distance of the surprise from the entropy."
    assert kept != [3, 4] and kept != [4], "The entropy has the wrong sign, or you kept the far ones: the nearest to H come first."
    assert kept != [1], "The token that reaches the mass must stay too: keep those before which less than `mass` lies."
    assert kept == [1, 2], f"With mass 0.3 the tokens 1 and 2 stay here, in yours {kept}."
    assert torch.equal(got[0, kept], z[0, kept]), "What stays keeps its logit."
    generator = torch.Generator().manual_seed(0)
    z = 3 * torch.randn(6, 40, generator=generator)
    for mass in (0.2, 0.7, 0.95):
        assert torch.equal(attempt(z.clone(), mass) > -torch.inf, TypicalLogitsWarper(mass)(None, z) > -torch.inf), f"Several rows, mass {mass}: other tokens stay than in Transformers. Is every row sorted by itself?"
    z[:, 5] = -torch.inf
    found = attempt(z.clone(), 0.9)
    assert torch.equal(found > -torch.inf, TypicalLogitsWarper(0.9)(None, z) > -torch.inf), "A token that is already out (-inf) makes yours go wrong: 0 times ln 0 is NaN."

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def typical_solution(z, mass):
    logs = z.log_softmax(-1)
    chances = logs.exp()
    entropy = -(chances * logs).nan_to_num(0.0).sum(-1, keepdim=True)  # (B, 1)
    order = (-logs - entropy).abs().argsort(-1)
    ordered = chances.gather(-1, order)
    out = ordered.cumsum(-1) - ordered >= mass
    return z.masked_fill(out.scatter(-1, order, out), -torch.inf)


check_typical(typical_solution)

# %% [markdown]
# ### Exercise 16.3 · How many conversations fit (difficulty 2, 15 minutes)
#
# A server has so many bytes free beside the weights. How many rows can it write at once, if each may grow to `tokens` tokens? Most models since Llama let several query heads share one head of keys and values, so the cache counts `key_value_heads`. SmolLM2 has 30 layers, 9 heads of size 64, and 3 heads of keys and values: in 16 bits a row of 2,048 tokens takes 47.2 MB, and 1 GB (1,000,000,000 bytes) holds 21.
#
# <details><summary>Hint</summary>
#
# The formula of section 6, with `key_value_heads * head_size` in the place of $C$. Whole rows only.
# </details>

# %% tags=["exercise"]
def rows_that_fit(free_bytes, layers, key_value_heads, head_size, tokens, bytes_each=2):
    """How many rows of so many tokens have room for their keys and values, a whole number."""
    raise NotImplementedError

# %% tags=["check"]
from utils.course import exercises


@exercises.check("16.3", rows_that_fit)
def check_rows_that_fit(attempt):
    def fits(free, layers, heads, size, tokens, each=2, both=2):
        return free // (both * layers * heads * size * tokens * each)

    case = (10**9, 30, 3, 64, 2048)
    got = attempt(*case)
    assert not (isinstance(got, float) and got != int(got)), "Whole rows only: round down."
    assert got != fits(*case, both=1), "Keys and values are both kept: twice as much."
    assert got != fits(*case, each=4), "Two bytes a number is the default here, not four."
    assert got != fits(*case) + 1, "Round down: the last row does not fit whole."
    assert got != fits(10**9, 1, 3, 64, 2048), "Each layer keeps its own keys and values."
    assert got == fits(*case) == 21, f"For SmolLM2 it is 21, not {got}."
    assert isinstance(got, int), f"A whole number (int) is asked for, not {got!r}."
    for case in ((10**9, 30, 3, 64, 2048, 4), (24 * 10**9, 32, 8, 128, 8192), (10**6, 30, 3, 64, 2048)):
        assert attempt(*case) == fits(*case), f"For {case} it is {fits(*case)}, not {attempt(*case)}. Is a number written into your function?"

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def rows_that_fit_solution(free_bytes, layers, key_value_heads, head_size, tokens, bytes_each=2):
    return free_bytes // (2 * layers * key_value_heads * head_size * tokens * bytes_each)


check_rows_that_fit(rows_that_fit_solution)

# %% [markdown]
# ### Exercise 16.4 · A stream that stops in time (difficulty 4, 30 minutes)
#
# Text comes in pieces; hand them on as soon as it is safe. What is handed on, joined, must end just before the first `stop` string, and no character of it may ever be shown, even if it comes in several pieces. Without a stop string everything is handed on in the end. `shown(["Hel", "lo EN", "D!"], "END")` gives pieces that join to `"Hello "`; after `"lo EN"` only `"lo "` may have been given. What turns out not to be the stop string must come later.
#
# <details><summary>Hint</summary>
#
# Keep all text so far and how much of it you gave. Hold back the longest end of the text that is a beginning of `stop`.
# </details>

# %% tags=["exercise"]
def shown(pieces, stop):
    """A generator (use yield): takes pieces one by one, gives pieces as early as possible."""
    raise NotImplementedError
    yield

# %% tags=["check"]
from utils.course import exercises


@exercises.check("16.4", shown)
def check_shown(attempt):
    def run(pieces, stop="END"):
        """What was given, and how many characters were out after each piece was taken."""
        out, taken = [], []

        def feed():
            for piece in pieces:
                taken.append(sum(map(len, out)))  # before the next piece is taken
                yield piece

        for piece in attempt(feed(), stop):
            out.append(piece)
        return "".join(out), taken

    text, taken = run(["Hel", "lo EN", "D!", " more"])
    assert "END" not in text, "The stop string itself was shown."
    assert not text.startswith("Hello EN"), "A part of the stop string was shown: it came in two pieces, and its beginning must wait."
    assert text != "Hello" and "!" not in text and "more" not in text, "The text ends just before the stop string: nothing after it, nothing too few."
    assert text == "Hello ", f"Expected 'Hello ', not {text!r}."
    assert taken[1] == 3, "Pieces that are safe must be given at once: 'Hel' was out late. Give as you go, and do not collect."
    assert run(["a", "b END c"])[0] == "ab ", "A stop string inside one piece: cut there."
    text, taken = run(["the E", "agle ", "landed"])
    assert text != "the agle landed", "What was held back is lost when it is not the stop string after all: give it later."
    assert text == "the Eagle landed", f"Expected 'the Eagle landed', not {text!r}."
    assert run(["We met E", "N"])[0] == "We met EN", "At the end of the pieces what is held back must come out: it was no stop string."
    text, _ = run(["x", "EE", "ND", "y"])
    assert text != "xEEND" and text != "xEENDy", "In 'EEND' the stop string begins at the second E: hold back the longest end that begins it, anew for each piece."
    assert text == "xE", f"For the pieces 'x', 'EE', 'ND' expected 'xE', not {text!r}."
    assert run([])[0] == "" and run(["", "ab", ""])[0] == "ab", "Empty pieces, or none at all, go wrong."

# %% jupyter={"source_hidden": true} tags=["solution"]
#@title Solution
def shown_solution(pieces, stop):
    text, given = "", 0
    for piece in pieces:
        text += piece
        if stop in text:
            yield text[given : text.index(stop)]
            return
        held = max(size for size in range(len(stop)) if text.endswith(stop[:size]))
        if len(text) - held > given:
            yield text[given : len(text) - held]
            given = len(text) - held
    yield text[given:]


check_shown(shown_solution)

# %% [markdown] tags=["open-task"]
# ### Open task · How should your model write? (90 minutes)
#
# Choose a use for SmolLM2 or `gpt-mini`: names for a product, endings for stories, a sentence on a word. Collect 20 prompts, compare at least four ways to choose tokens, and **decide on one**.
#
# | points | for |
# |---|---|
# | 2 | the use, and what makes a text good for it, in a number that a program computes |
# | 2 | a second number against cheating (length, repetition, variety) |
# | 3 | four ways, three seeds each, on the same prompts, with intervals; greedy and plain sampling among them |
# | 2 | ten texts read, blind to the way; do you agree with the numbers? |
# | 1 | the decision, and for which use you would decide otherwise |
