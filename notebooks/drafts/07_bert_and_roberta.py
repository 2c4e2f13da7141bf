# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # 7 · BERT and RoBERTa
#
# **[Open in Colab](https://colab.research.google.com/github/OWNER/transformers-course/blob/main/notebooks/07_bert_and_roberta.ipynb)** ·
# level 2 of 3 · needs lessons 3 to 6 · [notation](../data/notation.md) · [glossary](../data/glossary.md)
#
# | what it costs | time | memory | download |
# |---|---|---|---|
# | CPU, two cores (measured 2026-11-26) | 70 s | 1.5 GB | none |
# | Colab T4 (estimated) | 4 min, most of it downloads | 4 GB | 1 GB |
# | larger GPU (estimated) | 3 min, most of it downloads | 4 GB | 1 GB |
#
# In lesson 6 a model met film reviews knowing nothing, and a few thousand labels had to teach it English and taste at once.
# Labels are dear, and text is free. This lesson answers one question: **what can a model learn from text alone, by filling
# gaps, and what is that worth for a task with few labels?** You will build BERT, load real weights into it, pretrain a small
# one in several ways, and measure which of RoBERTa's changes matter at this size.
#
# The *core path* of 50 minutes is every cell without the tag `more`: sections 1 to 5, 7 and 8.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## You will be able to
#
# 1. **build** BERT from its parts, and prove it equal to Transformers' with MiniLM's weights;
# 2. **pretrain** by masked language modeling, with BERT's 80/10/10 rule, and judge what was learned;
# 3. **test** RoBERTa's changes one at a time, over seeds, and tell an effect from noise;
# 4. **decide** whether pretraining helps a task, against a start from random weights and against a trivial program;
# 5. **probe** what each layer of a pretrained encoder holds, beside a control task.

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
    how = "python -m utils address OWNER/NAME"
    assert not REPOSITORY.startswith("OWNER/"), f"This copy does not say where the course lies. In the course's folder: {how}"
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", f"https://github.com/{REPOSITORY}", "/content/course"], check=True)
folders = [Path.cwd(), *Path.cwd().parents, Path("/content/course")]
root = next((folder for folder in folders if (folder / "utils" / "__main__.py").is_file()), None)
assert root, "The course's folder was not found. Open this notebook inside the course, or in a folder below it."
sys.path.insert(0, str(root))

from utils.course import runtime

run = runtime.start(lesson=7)

# %% [markdown] slideshow={"slide_type": "slide"}
# The picture of the answer comes first. It is drawn from two *recorded runs*, whose logs lie in the course's folder `data/runs`; sections 5 and 7
# compute a part of each again. On the left a small BERT, pretrained in seven ways, each with four seeds: how many missing words it fills.
# On the right three tasks, and what each start is worth. (The plotting code is folded.)

# %% jupyter={"source_hidden": true} slideshow={"slide_type": "fragment"}
from utils.course import plots, recorded


def total(rows):
    """Rows of (right, given, wanted) -> F1 of names, or accuracy where a row has one label."""
    right, given, wanted = (sum(column) for column in zip(*rows))
    return 2 * right / (given + wanted)


def picture(pretraining, tasks):
    figure, (left, right) = plots.figure(columns=2, width=11, height=3.9)
    for place, (name, runs) in enumerate(pretraining.items()):
        left.scatter([run["filled"] for run in runs], [place] * len(runs), s=26, color=plots.BLUE if place else plots.BLACK)
    left.set_yticks(range(len(pretraining)), list(pretraining))
    left.invert_yaxis()
    left.set(xlim=(0, 0.6), xlabel="words filled", title="One set of masks hurts; the rest is within the noise")
    who = [name for name in tasks["topics"] if name != "layer"]
    for number, name in enumerate(who):
        scores = [sum(map(total, tasks[task][name])) / len(tasks[task][name]) for task in tasks]
        right.bar([x + 0.16 * (number - 2) for x in range(len(tasks))], scores, 0.15, label=name, color=plots.COLORS[number])
    right.set_xticks(range(len(tasks)), list(tasks))
    right.set(ylim=(0, 1.45), yticks=[0, 0.25, 0.5, 0.75, 1], ylabel="F1 of names, accuracy", title="MiniLM helps everywhere, bert-mini with names only")
    right.legend(fontsize=8, ncol=2, loc="upper center")
    plots.show(figure, alt="Left: words filled by seven ways of pretraining, a dot a seed. Right: scores of five starts on entities, topics and sentiment.")


picture(recorded.load("07_pretraining").results, recorded.load("07_downstream").results)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1. One word is missing
#
# > Mia wrapped the otter in a ____ and took it home.
#
# A scarf, you think, or a blanket. Which words told you? *Wrapped* and *in a* stand to the left, *took it home* to the right.
# A model that writes from left to right (a decoder, [lesson 2](02_high_level_architecture.ipynb)) would have had the left half only.
# BERT (Devlin et al., 2018) is an encoder: each token sees both sides. It cannot be trained to name the *next*
# token, since it sees it. So some tokens are hidden and it is asked for those. That is **masked language modeling** (MLM).
#
# No one has to label anything: the text is its own answer. Training on such self-made questions before any task is **pretraining**.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["predict"]
# `bert-mini` is a BERT of four layers that was trained so for this course, for twenty minutes of one core. It read stories of a small world, which a
# program writes, some of Python's documentation, and texts by an AI language model. **Predict:** three gaps, one from its small world, one from a film review as
# people write them, one that needs a fact. In which will it find a word that fits?

# %% slideshow={"slide_type": "-"} tags=["nbval-ignore-output"]
import torch
import torch.nn.functional as F

from utils.data import catalog
from utils.models.bert import IGNORED, Bert, BertConfig, BertForPretraining, mask_tokens

mini, mini_tokenizer = BertForPretraining.from_pretrained("bert-mini").float(), catalog.load_tokenizer("bert-mini")


@torch.no_grad()
def candidates(text, count=4):
    """The likeliest tokens for the first [MASK] of a text, with their probabilities."""
    ids = mini_tokenizer(text, return_tensors="pt").input_ids  # (1, T)
    place = (ids[0] == mini_tokenizer.mask_token_id).nonzero()[0, 0]
    best = mini(ids)[0, place].softmax(-1).topk(count)  # (V,) -> the `count` largest
    return [(mini_tokenizer.decode(int(i)).strip(), round(p, 2)) for i, p in zip(best.indices, best.values.tolist())]


GAP_TEXTS = {
    "its world": "Mia wrapped the otter in a [MASK] and took it home.",
    "a review": "The acting was wooden and the plot made no [MASK].",
    "a fact": "The capital of France is [MASK].",
}
for kind, text in GAP_TEXTS.items():
    print(f"{kind:<10} {text}\n           {candidates(text)}")
assert {"scarf", "blanket", "towel"} & {word for word, _ in candidates(GAP_TEXTS["its world"])}
assert "sense" not in dict(candidates(GAP_TEXTS["a review"])) and "paris" not in dict(candidates(GAP_TEXTS["a fact"]))

# %% [markdown] slideshow={"slide_type": "-"}
# In its own world it finds a fitting word. *No sense* and *Paris* are not among its candidates: it has not read enough for either. With the Hub, the real BERT
# tries all three in section 11. Type your own gap:

# %% slideshow={"slide_type": "fragment"} tags=["nbval-ignore-output"]
import ipywidgets

from utils.course import widgets


def draw_candidates(text):
    words, shares = zip(*candidates(text, 8))
    figure, axes = plots.figure(width=7, height=2.4)
    axes.bar([plots.readable(word) or "(nothing)" for word in words], shares)
    axes.set(ylim=(0, 1), ylabel="probability", title=text if len(text) < 70 else text[:67] + "...")
    return figure


typed = ipywidgets.Text(value="One day Mia lost her red [MASK] at the market.", continuous_update=False, layout={"width": "90%"})
widgets.explore(draw_candidates, alt="The eight likeliest words for the gap of a typed sentence, as bars.", text=typed)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Counting
#
# Three readings prove nothing. Take stories that no model here was trained on, hide one word in each sentence, all its pieces if it has several, and count how often *every* piece
# is named. (The grammar is small, so a sentence may have been read elsewhere, word for word.) `read` is what the small models of section 5 will learn from; `held_out` is for measuring.

# %% slideshow={"slide_type": "-"}
from utils.small_models.gaps import gaps, table_filled, word_table, words_filled
from utils.worlds import stories


def tell(split, count):
    """Stories as lists of sentences; the same ones on every machine."""
    return [[sentence.english for sentence in stories.write(f"{split} {number}").sentences] for number in range(count)]


read, held_out = tell("train", 300), tell("validation", 150)
GAPS = gaps(held_out)
print(f"{sum(map(len, read)):,} sentences to read, {len(GAPS):,} with a gap; the first: {GAPS[0]}")

# %% [markdown] slideshow={"slide_type": "-"}
# What is the best trivial program? A table: for each pair of neighbors, the word that stood most often between them; where the pair was never met, the word most often seen
# after the left neighbor (`word_table` in `utils.small_models.gaps`). The stories repeat their phrases, so the table will be strong.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["predict"]
# **Predict.** Three answer the same gaps: a table that knows the left neighbor only, the table of both neighbors, each made of 10,000 stories, and `bert-mini`, which read some 30,000. Guess the three shares.

# %% slideshow={"slide_type": "-"} tags=["nbval-ignore-output"]
from utils import metrics

accuracy = lambda labels, found: (labels == found).mean()


def shown(name, right):
    """Prints and gives the share of True with its bootstrap interval (lesson 1)."""
    interval = metrics.bootstrap_interval(accuracy, [1] * len(right), [int(each) for each in right], 0)
    print(f"{name:<28} {interval}")
    return interval


def mini_encode(text):
    found = mini_tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    return found.input_ids, found.offset_mapping


table = word_table(tell("train", 10_000))
by_left = table_filled({key: word for key, word in table.items() if key[1] is None}, GAPS)
by_both, by_mini = table_filled(table, GAPS), words_filled(mini, mini_encode, GAPS)
left_side, both_sides, read_by_mini = shown("left neighbor", by_left), shown("both neighbors", by_both), shown("bert-mini", by_mini)
ahead = metrics.paired_bootstrap(accuracy, [1] * len(GAPS), [int(right) for right in by_both], [int(right) for right in by_mini], 0)
print(f"bert-mini minus the table of both: {ahead}")
assert both_sides.value > 1.8 * left_side.value and ahead.low > 0

# %% [markdown] slideshow={"slide_type": "-"}
# One neighbor more nearly doubles the table's share: what follows a gap tells as much as what stands before it, and MLM may use both. The table is strong, because the stories repeat their phrases, and `bert-mini` is ahead of it, by little.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2. BERT from its parts
#
# BERT is the encoder of lesson 2 with four decisions. Its positions are *learned* vectors (lesson 5). It is *post-norm*: the layer norm stands after each sum. Its
# activation is GELU, a ReLU with a round corner. And it reads **two texts at once**: a learned **segment** vector says to which of the two a token belongs.
#
# With $C = 2$: the word `otter` is $(0.2, 0.1)$, place 3 is $(0.1, -0.1)$, the second segment is $(0, 0.3)$. What enters is their sum, $(0.3, 0.3)$, after a layer norm.
# Two texts are laid out as `[CLS] first text [SEP] second text [SEP]`; the vector of `[CLS]`, the token in front, stands for the whole.
#
# $$ x_t = \text{norm}\big(E_{i_t} + P_t + S_{s_t}\big) \qquad
# a = \text{norm}\big(x + \text{attention}(x)\big) \qquad x' = \text{norm}\big(a + W_2\,\text{gelu}(W_1 a + b_1) + b_2\big) $$
#
# $i_t$ is the id of the token at place $t$ and $s_t$ its segment, 0 or 1. $E$ (V, C), $P$ (places, C) and $S$ (2, C) are the three tables. $W_1$ (4C, C), $W_2$ (C, 4C) and $b_1$, $b_2$ are the feed-forward's;
# $a$ is what the attention leaves, and $x'$ goes into the next of $N$ layers. Here is all of it, on the raw weights of MiniLM, a real BERT of six layers by Microsoft and sentence-transformers.

# %% slideshow={"slide_type": "-"}
def bert_by_hand(weights, ids, segments, present, heads=12, layers=6):
    """ids, segments, present (B, T) -> (B, T, C). weights: name -> tensor, under Transformers' names."""
    norm = lambda x, name: F.layer_norm(x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"], 1e-12)
    linear = lambda x, name: x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
    tables = (weights[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type"))
    words, places, kinds = tables
    x = norm(words[ids] + places[: ids.shape[1]] + kinds[segments], "embeddings.LayerNorm")  # (B, T, C)
    for number in range(layers):
        layer, attention = f"encoder.layer.{number}", f"encoder.layer.{number}.attention"
        query, key, value = (
            linear(x, f"{attention}.self.{name}").unflatten(-1, (heads, -1)).transpose(1, 2) for name in ("query", "key", "value")
        )  # (B, H, T, D)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=present[:, None, None, :])
        x = norm(x + linear(mixed.transpose(1, 2).flatten(2), f"{attention}.output.dense"), f"{attention}.output.LayerNorm")
        inner = F.gelu(linear(x, f"{layer}.intermediate.dense"))  # (B, T, 4C)
        x = norm(x + linear(inner, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
    return x

# %% [markdown] slideshow={"slide_type": "slide"}
# `utils.models.bert` says the same with the course's own parts, and copies Transformers' weights by a table of names. Three implementations, one batch: pairs of texts of different lengths, so that segments
# and filling both count. `bert-mini` adds the head that fills masks: a matrix, GELU, norm, then the product with every row of the embedding. (The unit tests hold the same in half precision, to its rounding.)

# %% slideshow={"slide_type": "-"}
reference, minilm_tokenizer = catalog.load("minilm")
minilm = Bert.from_hf(reference)
PAIRS = (["Who lost the key?", "It rained."], ["Mia lost it in the old harbor.", "Nobody went out."])
batch = minilm_tokenizer(*PAIRS, padding=True, return_tensors="pt")
ids, segments, present = batch.input_ids, batch.token_type_ids, batch.attention_mask.bool()
with torch.no_grad():
    wanted = reference(**batch).last_hidden_state[present]
    by_hand = bert_by_hand(reference.state_dict(), ids, segments, present)[present]
    ours, wrong_segments = minilm(ids, segments)[present], minilm(ids)[present]
difference = max((found - wanted).abs().max().item() for found in (by_hand, ours))
torch.testing.assert_close(difference, 0.0, atol=1e-5, rtol=0)
assert (wrong_segments - wanted).abs().max() > 0.1, "the segments count"
print("MiniLM, by hand and by the course's parts: within 0.00001 of Transformers:", difference < 1e-5)

masked_reference = catalog.load("bert-mini").model.float()
pairs = mini_tokenizer(*PAIRS, padding=True, return_tensors="pt")
with torch.no_grad():
    logits, filled = masked_reference(**pairs).logits, mini(pairs.input_ids, pairs.token_type_ids)
mlm_difference = (filled - logits)[pairs.attention_mask.bool()].abs().max().item()
torch.testing.assert_close(mlm_difference, 0.0, atol=1e-5, rtol=0)
print("bert-mini's logits: within 0.00001 of Transformers:", mlm_difference < 1e-5)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3. Which tokens, and what stands in their place
#
# BERT chooses 15 % of the tokens. If all of them became `[MASK]`, the model would learn to be clever only where it sees that sign, and no task ever shows it. So of the chosen ones
#
# - 80 % become `[MASK]`,
# - 10 % become any token of the vocabulary,
# - 10 % stay as they are;
#
# and it must name the right token at all of them. A token that looks ordinary may be wrong, so every token's vector must be worth something.
#
# By hand: a text of 100 tokens. 15 are chosen; 12 become `[MASK]`, 1 or 2 another token, 1 or 2 stay. The loss is the mean over these 15 and ignores the other 85:
#
# $$ \mathcal{L} = -\frac{1}{|M|} \sum_{t \in M} \log p\big(i_t \mid \tilde{x}\big) $$
#
# $M$ is the set of chosen places and $|M|$ how many they are, $i_t$ the token that stood there, $\tilde{x}$ the text with its masks, and $p$ the softmax of the head's logits. Below, `toss` decides for each chosen token.

# %% slideshow={"slide_type": "-"}
generator = torch.Generator().manual_seed(0)
ids_drawn = torch.randint(5, 3072, (200, 100), generator=generator)  # (B, T): random ids stand in for a text
chosen = torch.rand(ids_drawn.shape, generator=generator) < 0.15
toss = torch.rand(ids_drawn.shape, generator=generator)
masked = torch.where(chosen & (toss < 0.8), mini_tokenizer.mask_token_id, ids_drawn)
masked = torch.where(chosen & (toss >= 0.9), torch.randint(3072, ids_drawn.shape, generator=generator), masked)
labels = ids_drawn.masked_fill(~chosen, -100)  # -100: PyTorch's cross-entropy leaves these out

share_chosen = chosen.float().mean().item()
share_masked = (masked == mini_tokenizer.mask_token_id)[chosen].float().mean().item()
share_kept = (masked == ids_drawn)[chosen].float().mean().item()
print(f"chosen {share_chosen:.1%}; of these [MASK] {share_masked:.1%}, as they were {share_kept:.1%}")
assert torch.equal(masked[~chosen], ids_drawn[~chosen])

# %% [markdown] slideshow={"slide_type": "slide"} tags=["predict"]
# **Predict.** A new BERT with a vocabulary of 3,072 has learned nothing. What is its loss, about: 0.7, 1, 8 or 3,072? And will the same number come out for the 85 % that nobody asks for?

# %% slideshow={"slide_type": "-"}
import math

torch.manual_seed(0)
untrained = BertForPretraining(mini.config).eval()
with torch.no_grad():
    at_the_start = untrained.losses(masked, labels).item()
    elsewhere = untrained.losses(masked, ids_drawn.masked_fill(chosen, IGNORED)).item()
print(f"first loss {at_the_start:.2f}, where nobody asks {elsewhere:.2f}; ln 3072 is {math.log(3072):.2f}")
assert abs(at_the_start - math.log(3072)) < 0.1 and abs(elsewhere - math.log(3072)) < 0.1

# %% [markdown] slideshow={"slide_type": "-"}
# All 3,072 tokens get about the same probability, $1/3072$, so the loss is $\ln 3072$, at the places nobody asks for too: the model cannot tell them apart yet. A first loss far from $\ln V$ is a bug.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4. Does this sentence follow?
#
# BERT had a second task, **next sentence prediction** (NSP). It reads two texts; by the toss of a coin the second is the real next one or one drawn from another document. From the vector of `[CLS]`,
# through one more matrix and a tanh (the **pooler**), it says which. The idea: tasks such as question answering are about pairs.
#
# Before a model is trained on a task, look for the laziest way to solve it. These stories name their hero in most sentences. So: *do both texts share a word with a capital letter?*

# %% slideshow={"slide_type": "-"}
import random
import re

rng = random.Random(0)
names_in = lambda sentences: set(re.findall(r"\b[A-Z][a-z]{2,}", " ".join(sentences))) - {"The", "She", "And", "But", "One", "There", "When"}
says_follows = lambda first, second: bool(names_in(first) & names_in(second))
verdicts = {"really next": [], "of another story": [], "the two swapped": []}
for number, story in enumerate(held_out):
    other = held_out[(number + rng.randrange(1, len(held_out))) % len(held_out)]
    for at in range(0, len(story) - 3, 2):
        first, second, elsewhere = story[at : at + 2], story[at + 2 : at + 4], other[-2:]
        verdicts["really next"].append(says_follows(first, second))
        verdicts["of another story"].append(says_follows(first, elsewhere))
        verdicts["the two swapped"].append(says_follows(second, first))
share = {kind: sum(found) / len(found) for kind, found in verdicts.items()}
lazy_nsp = (share["really next"] + 1 - share["of another story"]) / 2
print({kind: round(value, 2) for kind, value in share.items()}, "-> right:", round(lazy_nsp, 2))
assert lazy_nsp > 0.8 and share["the two swapped"] == share["really next"]

# %% [markdown] slideshow={"slide_type": "-"}
# One line without any learning solves more than four pairs in five. It says nothing about order: swap the two texts and it still says *follows*. A negative from another document differs in *subject*, and subject is easy.
# This is what RoBERTa's authors (Liu et al., 2019) suspected when they left NSP out, and why ALBERT (Lan et al., 2019) swapped the two sentences instead.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5. Pretrain your own
#
# BERT base read 3.3 billion words, on 16 chips for four days. Here the world is small: 300 stories, a vocabulary of 1,500, one layer of width 128, rows of 40 tokens. That is enough to see what each choice does,
# and too little to say what it would do at a thousand times the size; where the papers found otherwise, you will read so.
#
# First the two tokenizers of lesson 3, BERT's kind and RoBERTa's.

# %% slideshow={"slide_type": "-"}
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from utils.small_models.gaps import CLS, MASK, PAD, SEP, SPECIAL


def word_pieces(texts, **options):
    found = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    found.normalizer, found.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    letters = sorted({letter for text in texts for letter in found.normalizer.normalize_str(text) if not letter.isspace()})
    first = [*SPECIAL, *("##" + letter for letter in letters)]  # in a fixed order, which decides ties between merges
    found.train_from_iterator(texts, trainers.WordPieceTrainer(special_tokens=first, show_progress=False, **options))
    found.model = models.WordPiece(found.get_vocab(), unk_token="[UNK]")
    return found


def byte_pairs(texts, **options):
    found, letters = Tokenizer(models.BPE()), pre_tokenizers.ByteLevel.alphabet()  # one letter for each byte
    found.pre_tokenizer = pre_tokenizers.ByteLevel()
    found.train_from_iterator(texts, trainers.BpeTrainer(special_tokens=SPECIAL, initial_alphabet=letters, show_progress=False, **options))
    return found

# %% [markdown] slideshow={"slide_type": "-"}
# Both learn from the same stories, up to the same size. Look at how each cuts a text with an accent and a sign that no story has, and at what comes back.

# %% slideshow={"slide_type": "-"}
from tokenizers import decoders

TEXTS = [" ".join(story) for story in read]
TOKENIZERS = {kind: learn(TEXTS, vocab_size=1500) for kind, learn in (("WordPiece", word_pieces), ("byte BPE", byte_pairs))}
for kind, decoder in (("WordPiece", decoders.WordPiece()), ("byte BPE", decoders.ByteLevel())):
    tokens = TOKENIZERS[kind].encode("Zoë fed 🙂!").tokens
    print(f"{kind:<10} {tokens} -> {decoder.decode(tokens).strip()}")
assert decoder.decode(tokens).strip() == "Zoë fed 🙂!"

# %% [markdown] slideshow={"slide_type": "-"}
# WordPiece, uncased as in BERT, makes the letters small and drops the accent: *Zoë* and *zoe* become one; a sign that it never met becomes `[UNK]`, unknown. Byte-level BPE writes every text back as it was, and pays for it in tokens.
#
# Then the rows of 40 tokens. RoBERTa fills each row with sentences one after the other and cuts where it is full.

# %% slideshow={"slide_type": "-"}
LENGTH = 40  # tokens in a row


def packed(documents, tokenizer):
    """RoBERTa's rows: sentences one after the other, cut where a row is full. -> ids (rows, LENGTH)"""
    stream = [i for story in documents for encoded in tokenizer.encode_batch(story) for i in encoded.ids]
    room = LENGTH - 2
    ids = torch.tensor(stream[: len(stream) // room * room]).view(-1, room)
    edge = torch.ones(len(ids), 1, dtype=torch.long)
    return [torch.cat([CLS * edge, ids, SEP * edge], dim=1)]

# %% [markdown] slideshow={"slide_type": "-"}
# BERT makes pairs, with segments, filling, and the answer for NSP: 0 where the second sentence is the next one, 1 where it was drawn.

# %% slideshow={"slide_type": "-"}
def paired(documents, tokenizer, seed):
    """BERT's rows: a sentence and, by the toss of a coin, the next one or one of another story. -> ids, segments, drawn"""
    rng, rows = random.Random(seed), []
    encoded = [[one.ids for one in tokenizer.encode_batch(story)] for story in documents]
    for number, sentences in enumerate(encoded):
        for first, second in zip(sentences, sentences[1:]):
            drawn = rng.random() < 0.5
            if drawn:
                other = rng.randrange(len(encoded) - 1)
                second = rng.choice(encoded[other + (other >= number)])
            first, second = first[:18], second[:19]
            segments = [0] * (len(first) + 2) + [1] * (len(second) + 1)
            filling = [PAD] * (LENGTH - len(segments))
            rows.append(([CLS, *first, SEP, *second, SEP, *filling], segments + filling, int(drawn)))
    return [torch.tensor(column) for column in zip(*rows)]

# %% [markdown] slideshow={"slide_type": "-"}
# With BERT's own first weights and AdamW the loss stays at the level of *the commonest tokens* for hundreds of steps: a head must find its neighbors before a gap tells it anything (the log of `bert-mini`, in its folder, shows it). BERT had a million steps.
# Here there are 250, so `head_start` lets the four heads begin with a look at the places near by, and the matrices are trained by **Muon** (Jordan et al., 2024), which makes all directions of a matrix's step equally large. All ways below get the same.
#
# One more choice: with a toss for each token, `dra ##g ##on` may lose only `##g`, and the rest gives it away. **Whole-word masking** tosses once for each word.

# %% slideshow={"slide_type": "-"}
from utils import training
from utils.small_models.gaps import MuonAndAdamW, WholeWords, head_start


def pretrained(kind="WordPiece", pairs=False, copies=0, words=False, batch=48, steps=250, seed=0):
    """A BERT of one layer that has read the stories. copies: masks that are drawn once and come again; 0: new ones always."""
    tokenizer, draw = TOKENIZERS[kind], torch.Generator().manual_seed(seed)
    columns = paired(read, tokenizer, seed) if pairs else packed(read, tokenizer)
    single = lambda ids, draw: mask_tokens(ids, torch.arange(5), MASK, tokenizer.get_vocab_size(), draw)
    masks = WholeWords(tokenizer) if words else single
    fixed = [masks(columns[0], draw) for _ in range(copies)]

    def batch_at(step):
        draw = torch.Generator().manual_seed(10_000 * seed + step)
        rows = torch.randint(len(columns[0]), (batch,), generator=draw)
        if fixed:
            inputs, labels = (part[rows] for part in fixed[step * batch // len(columns[0]) % copies])
        else:
            inputs, labels = masks(columns[0][rows], draw)
        return inputs, labels, *[column[rows] for column in columns[1:]]

    torch.manual_seed(seed)
    sizes = BertConfig(tokenizer.get_vocab_size(), width=128, heads=4, hidden=512, layers=1, longest=64, dropout=0.0)
    model = BertForPretraining(sizes, next_sentence=pairs)
    head_start(model)
    model.to(run.device)
    settings = training.Settings(steps=steps, warmup=steps // 10, save_every=steps, dtype=torch.float32)
    optimizer = MuonAndAdamW(model, factor=(batch / 48) ** 0.5)
    history = training.train(model, lambda model, batch: model.losses(*batch), batch_at, settings, optimizer=optimizer)
    return model.cpu(), history

# %% [markdown] slideshow={"slide_type": "slide"} tags=["predict"]
# **Predict.** 250 steps of 48 rows: about half a million tokens, of which 15 % are asked for. Will it beat the table of neighbors that is made of the same 300 stories? Guess the share of words that it fills.

# %% slideshow={"slide_type": "fragment"} tags=["nbval-ignore-output"]
def encoder(kind):
    return lambda text: (lambda found: (found.ids, found.offsets))(TOKENIZERS[kind].encode(text))


own, history = pretrained(seed=0)
own_filled = shown("your BERT", words_filled(own, encoder("WordPiece"), GAPS))
table_small = shown("the table, same 300 stories", table_filled(word_table(read), GAPS))
assert own_filled.high < table_small.low, "the table wins"

figure, axes = plots.figure(width=8, height=3)
axes.plot(range(10, 251), torch.tensor(history.losses).unfold(0, 10, 1).mean(1), label="loss at the masks, mean of 10 steps")
axes.axhline(math.log(1500), color="gray", linestyle=":", label="ln V: knows nothing")
axes.set(xlabel="step", ylabel="nats a token", ylim=(0, 8), title="The loss leaves ln V at once, and then falls slowly")
axes.legend()
plots.show(figure, alt="The training loss leaves ln V in the first steps and then falls slowly until step 250.")

# %% [markdown] slideshow={"slide_type": "-"}
# Your BERT loses to the table, which counts the same stories in a second. `bert-mini` read twenty times as much and beat a table of 10,000 stories in section 1.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["predict"]
# ### One change at a time
#
# RoBERTa is BERT with five decisions taken again: no NSP, new masks each time (**dynamic** masking, where BERT drew ten sets once, which is **static**), bytes instead of WordPiece, much larger batches, much more text and time. **Predict**
# for each of the first four, and for whole-word masking: better, worse, or no difference that four seeds could show?

# %% slideshow={"slide_type": "-"}
VARIANTS = {  # one change at a time to RoBERTa's way on BERT's tokens
    "the base": {},
    "with NSP": {"pairs": True},
    "masks drawn once": {"copies": 1},
    "ten sets of masks": {"copies": 10},
    "byte BPE": {"kind": "byte BPE"},
    "whole words masked": {"words": True},
    "batches of 12": {"batch": 12, "steps": 1000},
}
SEEDS = 4

# %% slideshow={"slide_type": "-"}
def measured(change, seed):
    """A pretraining: words filled in held-out sentences, the loss on what was read, and the share of pairs judged right."""
    model, history = pretrained(**change, seed=seed)
    kind = change.get("kind", "WordPiece")
    right = words_filled(model, encoder(kind), GAPS)
    found = {"filled": sum(right) / len(right), "loss": sum(history.losses[-25:]) / 25}
    if change.get("pairs"):
        ids, segments, drawn = paired(held_out, TOKENIZERS[kind], 0)
        with torch.no_grad():
            found["pairs right"] = (model.follows(model.bert(ids, segments)).argmax(-1) == drawn).float().mean().item()
    return found


def all_variants():
    return {name: [measured(change, seed) for seed in range(SEEDS)] for name, change in VARIANTS.items()}


log = recorded.results("07_pretraining", 7, {"variants": VARIANTS, "seeds": SEEDS, "stories": len(read)}, all_variants)
print(log)

# %% [markdown] slideshow={"slide_type": "-"}
# How do you read four numbers beside four numbers? If every run of one way lies above every run of the other, chance would do that to two equal ways in 1 of 35 such comparisons (there are $\binom{8}{4} = 70$ ways to deal eight runs, and two of them look so). With six comparisons, the chance of one such accident
# somewhere is one in six: keep it in mind. Anything less is called *within the noise* here.

# %% slideshow={"slide_type": "fragment"}
filled = {name: [run["filled"] for run in runs] for name, runs in log.results.items()}
base = filled["the base"]
VERDICTS = {}
for name, values in filled.items():
    VERDICTS[name] = "better" if min(values) > max(base) else "worse" if max(values) < min(base) else "within the noise"
    loss = sum(run["loss"] for run in log.results[name]) / SEEDS
    print(f"{name:<19} filled {min(values):.2f} to {max(values):.2f}, loss on what it read {loss:.2f}: {VERDICTS[name] if values != base else 'the measure of all others'}")
pairs_right = [run["pairs right"] for run in log.results["with NSP"]]
print(f"pairs judged right after NSP: {min(pairs_right):.2f} to {max(pairs_right):.2f} (a coin 0.50, the one-line program {lazy_nsp:.2f} on its pairs)")
inside_range = min(base) - 0.03 <= own_filled.value <= max(base) + 0.03
print("your live run lies in the range of the recorded ones:", inside_range)
assert VERDICTS["masks drawn once"] == "worse" and min(filled["batches of 12"]) < min(base) < sorted(filled["batches of 12"])[1]
assert all(verdict == "within the noise" for name, verdict in VERDICTS.items() if name != "masks drawn once")
assert max(sum(filled.values(), [])) < table_small.value and 0.4 < min(pairs_right) and max(pairs_right) < 0.6
assert all(run["loss"] < min(other["loss"] for name in filled if name != "masks drawn once" for other in log.results[name]) for run in log.results["masks drawn once"])

# %% [markdown] slideshow={"slide_type": "-"}
# One change shows. **One set of masks** is worse, and look at its loss on what it read: by far the lowest. The same gaps came back a dozen times, and their answers were learned by heart. **Ten sets**, as BERT had them, do as well as ever new ones; in RoBERTa's paper too, dynamic masking is only slightly better.
#
# Everything else lies within the noise. **NSP** was not learned at all: its pairs are judged no better than by a coin, so this run does *not* say that NSP is harmless. **Byte BPE** and **whole words** neither help nor harm visibly. **Batches of 12**, with four times as many steps on the same amount of text, came out ahead with three seeds, and with the fourth stayed where one knows the commonest tokens only. (It has half the rate, by the rule of the square root: one more choice that could be turned.) RoBERTa's large batches need a size at which steps are not scarce.
#
# And look how far four equal runs of the base lie apart. With one seed each, any of these changes could have been sold as an advance.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["more"]
# ## 6. RoBERTa's recipe, and what became of it
#
# | | BERT | RoBERTa | seen here |
# |---|---|---|---|
# | second task | NSP | none | within the noise, and not learned |
# | masks | ten sets, drawn once | new each time | one set: clearly worse; ten sets: within the noise |
# | tokens | WordPiece, 30,522, uncased | byte BPE, 50,265, cased | within the noise |
# | batch | 256 rows | up to 8,192 | small: within the noise, one seed stuck |
# | text | 16 GB | 160 GB | not tried |
# | segments, places | 2, from 0 | 1, from 2 | the same class loads both |
#
# The paper found no loss without NSP, a slight gain by new masks, a *slight loss* by bytes, taken for having no unknown tokens, and large gains by batches, text and time. It changed no line of the architecture.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7. Is pretraining worth it?
#
# Three tasks with a few hundred labels each:
#
# - **entities**: names in sentences and their kinds, F1 over whole names ([lesson 1](01_use_cases.ipynb)); sentences by an AI language model;
# - **topics**: six categories of short texts, by an AI language model;
# - **sentiment**: film sentences that *people* wrote and rated (`ratings`, [lesson 6](06_project_1_sentiment_analysis_from_scratch.ipynb)), those with a mean of at least 0.5 away from zero.

# %% slideshow={"slide_type": "-"}
from utils.small_models import starts

for task in starts.LABELS:
    counts = [len(starts.rows_of(task, split)) for split in ("train", "test")]
    print(f"{task:<10} {counts[0]} to train on, {counts[1]} to test; the first: {str(starts.rows_of(task, 'train')[0])[:90]}...")

# %% [markdown] slideshow={"slide_type": "-"}
# On top of the encoder comes one new matrix: for entities it reads each word's first piece, for texts the mean of all tokens. **Fine-tuning** trains everything (`starts.fine_tuned`: four epochs, batches of 16, rate 0.001). The two starts differ in the weights and in nothing else: rows, order, rate and steps are the same.

# %% slideshow={"slide_type": "-"}
import dataclasses


def fine_tuned(task, start, seed):
    """bert-mini's architecture, trained on a task from its own weights or from random ones: what is right in each test row."""

    def make():
        bert = Bert(dataclasses.replace(mini.config, dropout=0.1), pooler=False)
        if start == "pretrained":
            bert.load_state_dict(mini.bert.state_dict())
        return bert

    return starts.fine_tuned(make, mini_tokenizer, task, seed)

# %% [markdown] slideshow={"slide_type": "slide"} tags=["predict"]
# **Predict.** `bert-mini` read for twenty minutes. Fine-tuned on 400 sentences with names, does it do better than the same architecture from random weights? And on film sentences, none of which it ever read?

# %% slideshow={"slide_type": "-"} tags=["nbval-ignore-output"]
live = {start: starts.score(fine_tuned("entities", start, seed=0)) for start in ("random", "pretrained")}
print({f"entities, {start} start": f"F1 {value:.2f}" for start, value in live.items()})
assert live["pretrained"] > live["random"]

# %% [markdown] slideshow={"slide_type": "-"}
# The pretrained start is ahead, and both are poor. What does more reading bring? Microsoft distilled MiniLM (lesson 9) from a BERT that read Wikipedia and books, and sentence-transformers trained it on a billion pairs of sentences. Here it stays **frozen**: its vectors are computed once, and only one matrix is fitted, by least squares with a penalty $\lambda$ on large weights (*ridge*):
#
# $$ W = (X^\top X + \lambda I)^{-1} X^\top Y $$
#
# $X$ (rows, C) holds the vectors, each number brought to mean 0 and deviation 1, $Y$ (rows, K) a one in the column of the right label, less the columns' means, $I$ is the identity, and the answer is the largest number of $xW$. Such a matrix on frozen vectors is a **linear probe**.

# %% slideshow={"slide_type": "-"}
def linear(train, labels, strength):
    """Ridge from vectors (rows, C) to one-hot labels; gives a function from vectors to labels. strength: lambda."""
    mean, deviation = train.mean(0), train.std(0) + 1e-6
    inputs = ((train - mean) / deviation).double()
    targets = F.one_hot(labels).double()
    penalty = strength * torch.eye(inputs.shape[1])
    weights = torch.linalg.solve(inputs.T @ inputs + penalty, inputs.T @ (targets - targets.mean(0)))
    return lambda x: (((x - mean) / deviation).double() @ weights + targets.mean(0)).argmax(-1)

# %% [markdown] slideshow={"slide_type": "-"}
# Which layer's vectors, and which $\lambda$? The validation split decides, and the test rows are looked at once.

# %% slideshow={"slide_type": "-"}
def frozen(task, bert, tokenizer):
    """A matrix on an encoder that stays as it is. Layer and penalty are chosen on the validation split."""
    (train, labels, _), (tried, wanted, _), (test, _, counts) = (
        starts.layer_vectors(bert, tokenizer, task, starts.rows_of(task, split)) for split in ("train", "validation", "test")
    )
    best = (-1.0, None)
    for layer in range(len(train)):
        for strength in (30.0, 300.0, 3000.0):
            reader = linear(train[layer], labels, strength)
            right = (reader(tried[layer]) == wanted).double().mean().item()
            best = max(best, (right, (layer, reader(test[layer]))), key=lambda pair: pair[0])
    layer, answers = best[1]
    return starts.scores(task, [part.tolist() for part in answers.split(counts)] if task == "entities" else answers.tolist()), layer

# %% [markdown] slideshow={"slide_type": "-"}
# The trivial programs (`starts.trivial`): for texts, counts of words weighted by rarity, and logistic regression (lesson 6). For names, the kind that a word most often had in training; an unknown word with a capital letter is a place. It sees capitals, which the uncased models do not. All of it on the same test rows is a recorded run of some minutes.

# %% slideshow={"slide_type": "-"}
def unpretrained(seed):
    torch.manual_seed(seed)
    return Bert(minilm.config, pooler=False).eval()


def downstream():
    """Task -> who -> (right, given, wanted) of each test row, one list a seed."""
    found = {}
    for task in starts.LABELS:
        found[task] = {"trivial": [starts.trivial(task)]}
        for start in ("random", "pretrained"):
            found[task][f"bert-mini, {start}"] = [fine_tuned(task, start, seed) for seed in range(3)]
        found[task]["MiniLM's shape, random, frozen"] = [frozen(task, unpretrained(0), minilm_tokenizer)[0]]
        rows, layer = frozen(task, minilm, minilm_tokenizer)
        found[task] |= {"MiniLM, frozen": [rows], "layer": layer}
    return found


tasks_log = recorded.results("07_downstream", 7, {"counts": starts.COUNTS, "labels": starts.LABELS}, downstream)
print(tasks_log)

# %% slideshow={"slide_type": "fragment"}
GAINS = {}
for task, runs in tasks_log.results.items():
    means = {who: sum(map(starts.score, each)) / len(each) for who, each in runs.items() if who != "layer"}
    print(f"{task}: " + ", ".join(f"{who} {value:.2f}" for who, value in means.items()))
    mine, other = ([round(starts.score(rows), 3) for rows in runs[f"bert-mini, {start}"]] for start in ("pretrained", "random"))
    best = max((who for who in means if "MiniLM, frozen" != who and "pretrained" not in who), key=means.get)
    rival = max(runs[best], key=starts.score)  # its best seed
    assert means["trivial"] > max(means["bert-mini, random"], means["bert-mini, pretrained"])
    assert means["MiniLM, frozen"] > means["MiniLM's shape, random, frozen"] + 0.2
    GAINS[task] = {"seeds": (mine, other), "MiniLM": starts.gain(runs["MiniLM, frozen"][0], rival)}
    print(f"   bert-mini pretrained {mine}, random {other}; MiniLM minus the best without pretraining ({best}): {GAINS[task]['MiniLM']}")
assert all(GAINS[task]["MiniLM"][0] > 0 for task in GAINS), "MiniLM is ahead of all that read nothing before"
mine, other = GAINS["entities"]["seeds"]
assert min(mine) > max(other)
for mine, other in (GAINS["topics"]["seeds"], GAINS["sentiment"]["seeds"]):
    assert max(mine) < min(other)

# %% [markdown] slideshow={"slide_type": "-"}
# MiniLM, frozen, is ahead of everything that read nothing before, on all three tasks, film sentences by people included, each time with its whole interval. The rival is the *trivial program*. The same shape with random weights is far behind: the advantage comes from reading.
#
# `bert-mini` is another case. It read the training texts of entities and topics themselves, without their labels, and no film sentence by people. With names it is ahead of its random start with every seed, and behind a program that looks words up. On topics and sentiment it is *worse* than a random start, with every seed. Why, these runs do not say. Its [card](../data/models/bert-mini/README.md) found a gain on topics at a third of this rate, with both starts far below the random one here: a single rate does not settle such a comparison.
#
# So pretraining does not always pay. MiniLM's does; it read masks *and* sentence pairs, and these runs cannot part the two.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 8. What the layers know
#
# A layer *knows* something, let us say, if one matrix can read it off. Ask each of MiniLM's seven layers (the embedding counts as layer 0) three things about every word of the `entities` sentences:
#
# - its **kind**: PER, ORG, LOC, MISC or outside; what counts is the share right *of the words inside names*;
# - its **place** in the sentence, 0 to 9 and later;
# - a **control task**: a random number from 0 to 4, drawn once for each piece of the vocabulary (Hewitt and Liang, 2019). It means nothing. A probe that gets it right has memorized which word is which.
#
# The same questions go to the same architecture with random weights.

# %% slideshow={"slide_type": "-"}
def asked_of(split, count):
    """For each probed word of `count` sentences: kind, place, control number; and the word itself, in small letters."""
    rows = starts.rows_of("entities", split)[:count]
    control = torch.randint(5, (len(minilm_tokenizer),), generator=torch.Generator().manual_seed(0))
    ids, labels = starts.to_tensors(minilm_tokenizer, "entities", rows)
    known = labels != IGNORED
    place = (known.cumsum(1) - 1).clamp(max=9)  # the number of the word in its sentence
    words = [token.lower() for (tokens, _), kept in zip(rows, known) for token in tokens[: int(kept.sum())]]
    return {"kind": (labels[known] + 1) // 2, "place": place[known], "control": control[ids[known]]}, words, rows


PROBED, TESTED = asked_of("train", 300), asked_of("test", 238)


def probed(bert):
    """Task -> for each layer whether the probe is right on each test word."""
    train, _, _ = starts.layer_vectors(bert, minilm_tokenizer, "entities", PROBED[2])
    test, _, _ = starts.layer_vectors(bert, minilm_tokenizer, "entities", TESTED[2])
    right = {task: [linear(x, PROBED[0][task], 300.0)(y) == TESTED[0][task] for x, y in zip(train, test)] for task in PROBED[0]}
    named = TESTED[0]["kind"] > 0
    return {task: [found[named] if task == "kind" else found for found in each] for task, each in right.items()}

# %% [markdown] slideshow={"slide_type": "slide"} tags=["predict"]
# **Predict.** Draw three lines from layer 0 to layer 6: kind of name, place, control. Which rise, and which fall? And what can be read off a model that has learned nothing?

# %% slideshow={"slide_type": "fragment"} tags=["nbval-ignore-output"]
from collections import Counter, defaultdict

probes = {"MiniLM": probed(minilm), "random weights": probed(unpretrained(0))}
curves = {who: {task: [found.double().mean().item() for found in each] for task, each in tasks.items()} for who, tasks in probes.items()}
lookup = defaultdict(Counter)
for word, kind in zip(PROBED[1], PROBED[0]["kind"].tolist()):
    lookup[word][kind] += 1
inside = [(word, kind) for word, kind in zip(TESTED[1], TESTED[0]["kind"].tolist()) if kind]
looked_up = sum(word in lookup and lookup[word].most_common(1)[0][0] == kind for word, kind in inside) / len(inside)
figure, axes = plots.figure(columns=2, width=10, height=3.2, sharey=True)
for axis, (who, tasks) in zip(axes, curves.items()):
    for (task, values), marker in zip(tasks.items(), "os^"):
        axis.plot(range(7), values, marker=marker, label=task)
    axis.set(xlabel="layer", ylim=(0, 1), title={"MiniLM": "MiniLM: the kind rises as the rest fades", "random weights": "No training: words and places, no kinds"}[who])
axes[0].axhline(looked_up, color="gray", linestyle=":", label="kind, by looking the word up")
axes[0].set_ylabel("share right")
axes[0].legend(fontsize=8)
plots.show(figure, alt="Share right by layer. MiniLM: kind of name rises to the middle layers and falls in the last, place and control fall. Random weights: place and control high and flat, kind near zero.")
for who, tasks in curves.items():
    print(who, {task: [round(value, 2) for value in values] for task, values in tasks.items()})

kind, control = probes["MiniLM"]["kind"], curves["MiniLM"]["control"]
best_layer = max(range(7), key=lambda layer: kind[layer].double().mean())
truth = [1] * len(kind[0])
rise = metrics.paired_bootstrap(lambda labels, found: (labels == found).mean(), truth, kind[0].int().tolist(), kind[best_layer].int().tolist(), 0)
print(f"kind, best layer {best_layer} minus layer 0: {rise}; the word looked up: {looked_up:.0%}")
assert rise.low > 0.1 and max(curves["random weights"]["kind"]) < 0.1 and 2 <= best_layer <= 5
assert control[6] < control[0] - 0.05 and curves["MiniLM"]["place"][6] < curves["MiniLM"]["place"][0] - 0.05

# %% [markdown] slideshow={"slide_type": "-"}
# Going up, MiniLM gives up *which word this is* and *where it stands*, and wins *what kind of thing it is*, which the neighbors tell. In the last layer the kind fades again: this model was trained to say what a *sentence* means.
#
# Without the control task and the random model you might have reported that layer 0 knows places well. So does a model that has learned nothing, and better: the positions were added to its input.
#
# A warning: a probe says that something *can be read off*, and not that the model *uses* it.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["more"]
# ## 9. ModernBERT
#
# Encoders did not end in 2019. ModernBERT (Warner et al., 2024) keeps the masks, 30 % of the tokens, and no NSP, and takes from the decoders of lessons 11 and 21: rotary positions, pre-norm, gated feed-forwards, no biases. Most layers look at 128 near tokens only.
# It reads 8,192 tokens where BERT reads 512, and read two trillion in training.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["more"]
# ## 10. The library way
#
# `pipeline("fill-mask")` joins tokenizer, model and softmax. For training, `DataCollatorForLanguageModeling` draws new masks for every batch. Check that its rule is yours.

# %% slideshow={"slide_type": "-"} tags=["more"]
import transformers

fill = transformers.pipeline("fill-mask", model=masked_reference, tokenizer=mini_tokenizer, device="cpu")
assert [found["token_str"] for found in fill(GAP_TEXTS["its world"], top_k=4)] == [word for word, _ in candidates(GAP_TEXTS["its world"])]

torch.manual_seed(0)
collate = transformers.DataCollatorForLanguageModeling(mini_tokenizer, mlm_probability=0.15)
drawn = collate([{"input_ids": row} for row in ids_drawn])  # the random ids of section 3
asked = drawn["labels"] != IGNORED
shares = [asked.float().mean(), (drawn["input_ids"] == MASK)[asked].float().mean(), (drawn["input_ids"] == ids_drawn)[asked].float().mean()]
collator_difference = max(abs(share.item() - rule) for share, rule in zip(shares, (0.15, 0.8, 0.1)))
print("same candidates; shares chosen, masked and kept within 0.02 of the rule:", collator_difference < 0.02)
assert collator_difference < 0.02

# %% [markdown] slideshow={"slide_type": "slide"} tags=["more"]
# ## 11. With the Hub: the real ones, and your own model there
#
# BERT base and RoBERTa base fill the three gaps of section 1. RoBERTa's mask is written `<mask>`, and its words carry their space with them.

# %% slideshow={"slide_type": "-"} tags=["more", "hub", "nbval-ignore-output"]
REAL, readers = ("bert-base-uncased", "roberta-base"), [(masked_reference, mini_tokenizer)]
if runtime.hub("fills the gaps with BERT base and RoBERTa base", "two downloads of 440 and 499 MB", loads=REAL):
    for name in REAL:
        try:
            readers.append(catalog.load(name, model_class="AutoModelForMaskedLM"))
        except catalog.NotHere as reason:  # without a GPU so much is downloaded only where it is asked for: it says how
            print(reason)
for model, tokenizer in readers:
    fill = transformers.pipeline("fill-mask", model=model, tokenizer=tokenizer, device="cpu")
    for text in GAP_TEXTS.values():
        answers = fill(text.replace("[MASK]", tokenizer.mask_token), top_k=3)
        print(f"{text}   {[answer['token_str'].strip() for answer in answers]}")

# %% [markdown] slideshow={"slide_type": "-"} tags=["more"]
# A model that others shall use goes to the Hub in Transformers' format, with a card that says what it read, what it scored, what it cannot do, and under which licence. The cell writes the folder, reads it back and proves that nothing was lost. To upload it, name your repository in `MY_REPOSITORY` and log in first
# (`huggingface_hub.login()`, with a *write* token; never write a token into a notebook).

# %% slideshow={"slide_type": "-"} tags=["hub", "more"]
import tempfile

MY_REPOSITORY = ""  # such as "your-name/bert-mini-stories"
CARD = "---\nlicense: cc-by-4.0\nlibrary_name: transformers\n---\n# bert-mini\nFills masks in stories of a small world. Reads English, lower case, 160 tokens.\n"
uploads = runtime.hub("uploads the folder to MY_REPOSITORY", "a name in MY_REPOSITORY, and a login with a write token") and MY_REPOSITORY
with tempfile.TemporaryDirectory() as folder:
    masked_reference.save_pretrained(folder)
    mini_tokenizer.save_pretrained(folder)
    Path(folder, "README.md").write_text(CARD, encoding="utf-8")
    back = BertForPretraining.from_hf(transformers.AutoModelForMaskedLM.from_pretrained(folder))
    same = all(torch.equal(a, b) for a, b in zip(back.state_dict().values(), mini.state_dict().values()))
    if uploads:
        from huggingface_hub import HfApi

        HfApi().create_repo(MY_REPOSITORY, private=True, exist_ok=True)
        HfApi().upload_folder(repo_id=MY_REPOSITORY, folder_path=folder)
print("read back, the weights are the same:", same)
assert same

# %% [markdown] slideshow={"slide_type": "slide"} tags=["more"]
# ## 12. On a GPU
#
# There the same function reads longer. Does a longer reading overtake the table?

# %% slideshow={"slide_type": "-"} tags=["more", "gpu", "nbval-ignore-output"]
steps = 4000 if runtime.gpu("reads for 4,000 steps and compares with the table again", "3 minutes of a T4") else 20
longer, longer_history = pretrained(steps=steps, seed=1)
right = words_filled(longer, encoder("WordPiece"), GAPS)
print(f"{steps} steps: {sum(right) / len(right):.2f} of the words, loss {sum(longer_history.losses[-10:]) / 10:.2f}; the table {table_small.value:.2f}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Where it goes wrong
#
# - **Segments forgotten.** A pair without `token_type_ids` gives other vectors and no error. `tokenizer(a, b)` makes them; two texts glued by hand have none.
# - **Filling attended to.** Without `attention_mask` the answer depends on the longest text of the batch.
# - **The wrong mask.** RoBERTa splits `[MASK]` into letters and fills nothing. Use `tokenizer.mask_token`.
# - **Labels everywhere.** If the labels are the ids themselves, 85 % of the loss is copying, and it looks wonderful. What was not chosen gets -100.
# - **A new head taken for a trained one.** `AutoModelForMaskedLM` on MiniLM has a new head, and fills gaps with noise.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Check yourself
#
# <details><summary>1. Why can BERT not be trained to name the next token?</summary>
#
# Each token sees both sides, the next token included. It would copy.
# </details>
#
# <details><summary>2. Why do a tenth of the chosen tokens stay as they are?</summary>
#
# So that ordinary tokens need useful vectors too. No task shows it `[MASK]`.
# </details>
#
# <details><summary>3. The training loss with one fixed set of masks is far lower. Why is that no success?</summary>
#
# The model learns the answers by heart. Held-out words tell.
# </details>
#
# <details><summary>4. What was NSP's negative example, and why is it too easy?</summary>
#
# A text from another document: it differs in subject, which shared words betray.
# </details>
#
# <details><summary>5. A probe reads the place of a word off layer 0. Has MiniLM learned places?</summary>
#
# That cannot be said: positions are added to the input, and random weights do as well.
# </details>

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercises
#
# ### Exercise 7.1 · The loss at the masks (difficulty 2, 10 minutes)
#
# Write the loss of section 3 without `cross_entropy`. `logits` is (B, T, V), `labels` (B, T) with -100 where nobody asks.
#
# <details><summary>Hint</summary>
#
# `logits.log_softmax(-1)` gives $\log p$. Take the asked places first: `logits[labels != -100]` is (n, V).
# </details>

# %% slideshow={"slide_type": "skip"} tags=["exercise"]
def masked_loss(logits, labels):
    """The mean of -log p(right token) over the places that have a label; a tensor without axes."""
    raise NotImplementedError

# %% slideshow={"slide_type": "skip"} tags=["check"]
from utils.course import exercises


@exercises.check("7.1", masked_loss)
def check_masked_loss(attempt):
    import torch

    logits = torch.tensor([[[2.0, 0, 0], [0, 1, 0], [0, 0, 5], [9, 0, 0]]])  # (1, 4, 3)
    labels = torch.tensor([[0, -100, 1, -100]])
    given, (kept, kept_labels) = float(attempt(logits, labels)), (logits.clone(), labels.clone())
    right = float(torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten()))
    near = lambda value: abs(given - value) < 1e-3
    assert not near(-right), "The sign is wrong: log p is negative, and a loss is positive."
    assert not near(right * 2), "You added up: divide by the number of places that are asked for."
    assert not near(right / 2), "You divided by all the places: only those with a label count."
    assert not near(-1.0), "These are the logits themselves: take log_softmax over the vocabulary first."
    over_places = -logits.log_softmax(1)
    assert not near(float((over_places[0, 0, 0] + over_places[0, 2, 1]) / 2)), "Your softmax runs over the places: it must run over the vocabulary, the last axis."
    assert near(right), f"The loss should be {right:.3f} here and is {given:.3f}: is the label's own column taken at each place?"
    assert torch.equal(logits, kept) and torch.equal(labels, kept_labels), "Your function changed its arguments: work on a copy."

# %% cellView="form" jupyter={"source_hidden": true} slideshow={"slide_type": "skip"} tags=["solution"]
#@title Solution
def masked_loss_solution(logits, labels):
    asked = labels != -100
    chances = logits[asked].log_softmax(-1)  # (n, V)
    return -chances.gather(1, labels[asked][:, None]).mean()


check_masked_loss(masked_loss_solution)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 7.2 · Whose segment is it (difficulty 2, 10 minutes)
#
# Make the segments of a batch from its ids alone, for rows `[CLS] first [SEP] second [SEP] [PAD] ...`. The first `[SEP]` belongs to the first text; the second one to the second; the filling gets 0. A row may also hold one text only. The filling's id is 0.
#
# <details><summary>Hint</summary>
#
# `(ids == sep).cumsum(1)` counts the `[SEP]` up to each place, that place included. You want the count *before* it.
# </details>

# %% slideshow={"slide_type": "skip"} tags=["exercise"]
def segments_of(ids, sep):
    """ids (B, T) -> segments (B, T), 0 or 1."""
    raise NotImplementedError

# %% slideshow={"slide_type": "skip"} tags=["check"]
@exercises.check("7.2", segments_of)
def check_segments_of(attempt):
    import torch

    ids = torch.tensor([[2, 7, 8, 3, 9, 3, 0, 0], [2, 7, 3, 9, 9, 9, 9, 3], [2, 7, 7, 3, 0, 0, 0, 0]])
    before = ids.clone()
    found = attempt(ids, 3)
    assert isinstance(found, torch.Tensor) and found.shape == ids.shape, "A segment for every token is asked for: a tensor of the shape of ids."
    assert torch.equal(ids, before), "Your function changed the ids it was given: work on a copy."
    found = found.long()
    assert found.max() < 2, "There are two segments, 0 and 1: a second [SEP] must not begin a third."
    assert found[0, 3] == 0, "The first [SEP] belongs to the first text: count the [SEP] before each place, without its own."
    assert found[2, 4:].sum() == 0 and found[0, 6:].sum() == 0, "The filling got segment 1: it belongs to neither text and gets 0."
    assert found[0, 5] == 1, "The second [SEP] belongs to the second text."
    assert found.tolist() == [[0, 0, 0, 0, 1, 1, 0, 0], [0, 0, 0, 1, 1, 1, 1, 1], [0] * 8], f"The rows should be 00001100, 00011111, 00000000, and are {found.tolist()}."
    assert attempt(torch.tensor([[2, 5, 102, 6, 102]]), 102).long().tolist() == [[0, 0, 0, 1, 1]], "With another id for [SEP] it goes wrong: use the argument `sep`, not 3."

# %% cellView="form" jupyter={"source_hidden": true} slideshow={"slide_type": "skip"} tags=["solution"]
#@title Solution
def segments_of_solution(ids, sep):
    seps = ids == sep
    before = seps.long().cumsum(1) - seps.long()
    return ((before == 1) & (ids != 0)).long()


check_segments_of(segments_of_solution)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 7.3 · Words, not pieces (difficulty 3, 15 minutes)
#
# A tokenizer says which word each piece belongs to: `word_ids = [None, 0, 1, 1, 1, 2, None]`, None for `[CLS]` and `[SEP]`. Choose whole words: call `toss()` **once for each word**, in order, and mark all its pieces if the answer is True.
#
# <details><summary>Hint</summary>
#
# Keep a dictionary: word -> what the toss said.
# </details>

# %% slideshow={"slide_type": "skip"} tags=["exercise"]
def choose_words(word_ids, toss):
    """A list of True and False, one for each piece. toss: a function without arguments that says True or False."""
    raise NotImplementedError

# %% slideshow={"slide_type": "skip"} tags=["check"]
@exercises.check("7.3", choose_words)
def check_choose_words(attempt):
    import itertools

    def tosses(answers):
        called = []
        coming = itertools.chain(answers, itertools.repeat(False))
        return called, lambda: (called.append(1), next(coming))[1]

    called, toss = tosses([False, True, False])
    found = list(attempt([None, 0, 1, 1, 1, 2, None], toss))
    assert len(found) == 7, "One answer for each piece is asked for, those of None included."
    assert len(called) != 7, "You tossed for [CLS] or [SEP] too: None is no word."
    assert len(called) != 5, "You tossed for each piece: a word of three pieces would be hit three times as often. Toss once for a word."
    assert not found[0] and not found[-1], "[CLS] or [SEP] was chosen: None is no word."
    assert found != [False, False, True, False, False, False, False], "Only the first piece is marked: the rest of the word would give it away."
    assert found == [False, False, True, True, True, False, False], f"With the tosses no, yes, no the middle word should be chosen whole, and you gave {found}."
    called, toss = tosses([True, False])
    assert list(attempt([None, 5, 5, 6, None], toss)) == [False, True, True, False, False], "Words need not begin at 0: use what stands in word_ids, and do not count for yourself."
    called, toss = tosses([])
    assert list(attempt([None, None], toss)) == [False, False] and not called, "A text without words has nothing to toss for."

# %% cellView="form" jupyter={"source_hidden": true} slideshow={"slide_type": "skip"} tags=["solution"]
#@title Solution
def choose_words_solution(word_ids, toss):
    said = {None: False}
    for word in word_ids:
        if word not in said:
            said[word] = toss()
    return [said[word] for word in word_ids]


check_choose_words(choose_words_solution)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 7.4 · How likely is a sentence? (difficulty 3, 20 minutes)
#
# A masked model gives no probability of a sentence, but a **pseudo-log-likelihood** (Salazar et al., 2020): mask each token *alone*, ask for it, add up the log-probabilities. Leave out the first and last token, which are `[CLS]` and `[SEP]`. `model` maps ids (1, T) to logits (1, T, V).
#
# <details><summary>Hint</summary>
#
# In a loop over the places 1 to T - 2: `masked = ids.clone()`, put the mask there, and look at that place's logits.
# </details>

# %% slideshow={"slide_type": "skip"} tags=["exercise"]
def pseudo_log_likelihood(model, ids, mask_id):
    """The sum over the inner places of log p(token | the text with this token masked). ids: (1, T)."""
    raise NotImplementedError

# %% slideshow={"slide_type": "skip"} tags=["check"]
@exercises.check("7.4", pseudo_log_likelihood)
def check_pseudo_log_likelihood(attempt):
    import torch

    def model(ids):
        """A toy: copies what it sees, and at a mask (id 9) prefers the token after its left neighbor."""
        logits = torch.zeros(*ids.shape, 10)
        for place, token in enumerate(ids[0].tolist()):
            left = int(ids[0, place - 1]) if place else 0
            logits[0, place, token if token != 9 else (left + 1) % 10] = 20.0 if token != 9 else 2.0 if left != 9 else -1.0
        return logits

    ids = torch.tensor([[1, 2, 3, 5, 6, 8]])
    chance = lambda masked, place: float(model(masked)[0, place].log_softmax(-1)[ids[0, place]])
    alone = [torch.where(torch.arange(6) == place, 9, ids) for place in range(6)]
    inner, every = (sum(chance(alone[place], place) for place in places) for places in (range(1, 5), range(6)))
    before = ids.clone()
    found = float(attempt(model, ids, 9))
    near = lambda value: abs(found - value) < 1e-3
    together = torch.where((torch.arange(6) > 0) & (torch.arange(6) < 5), 9, ids)
    assert torch.equal(ids, before), "The ids you were given are changed: mask a copy, or the next place sees the masks of the places before."
    assert not near(sum(chance(ids, place) for place in range(1, 5))), "Nothing is masked, so the model copies: put the mask at the place you ask for."
    assert not near(sum(chance(together, place) for place in range(1, 5))), "All tokens are masked at once: mask one alone, and let it see the others."
    assert not near(every), "[CLS] and [SEP] were asked for too: leave out the first and the last place."
    assert not near(inner / 4), "This is the mean: the sum is asked for."
    assert not near(-inner), "The sign is turned round: log p is negative, and their sum too."
    assert near(inner), f"The sum should be {inner:.2f} here and is {found:.2f}: is it the log-probability of the token that stood there?"

# %% cellView="form" jupyter={"source_hidden": true} slideshow={"slide_type": "skip"} tags=["solution"]
#@title Solution
def pseudo_log_likelihood_solution(model, ids, mask_id):
    total = 0.0
    for place in range(1, ids.shape[1] - 1):
        masked = ids.clone()
        masked[0, place] = mask_id
        total += float(model(masked)[0, place].log_softmax(-1)[ids[0, place]])
    return total


check_pseudo_log_likelihood(pseudo_log_likelihood_solution)

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["open-task"]
# ### Open task · Would you pretrain?
#
# Take a kind of text you know: messages, a forum, recipes, logs. A colleague proposes to pretrain a small encoder on it before fine-tuning on 300 labels. Decide, with numbers: a pretrained start (`pretrained`, or MiniLM frozen), a random start and the best trivial program, on the same test rows.
#
# | | weak | good | very good |
# |---|---|---|---|
# | data | a few lines | a test split that was not looked at | and a check that no test row, nor its near copy, was read in pretraining |
# | comparison | one model | random start and trivial program beside it | and intervals, three seeds, the cost in minutes |
# | decision | "pretraining is better" | says at how many labels | and names what would change your mind |
#
# Write half a page that the colleague can act on.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Scorecard
#
# What this lesson claims. Rows marked *recorded* are computed from the logs of `data/runs`; the others from this run.

# %% slideshow={"slide_type": "-"} tags=["scorecard"]
from utils.course.scorecard import Scorecard

card = Scorecard(lesson=7)
card.at_most("own BERT with MiniLM's weights equals Transformers', padding and segments: largest difference", difference, 1e-5)
card.at_most("own BERT with bert-mini's weights equals BertForMaskedLM: largest difference", mlm_difference, 1e-5)
for task, bound in (("entities", 0.07), ("topics", 0.08), ("sentiment", 0.07)):
    card.at_least(f"{task}: MiniLM minus the best that read nothing before, lower end (recorded)", GAINS[task]["MiniLM"][0], bound)
(mine, other), (worse, better) = GAINS["entities"]["seeds"], GAINS["topics"]["seeds"]
card.at_least("entities: bert-mini's worst seed minus the best of its random start (recorded)", min(mine) - max(other), 0.05, digits=2)
card.at_most("topics: bert-mini's best seed minus the worst of its random start (recorded)", max(worse) - min(better), -0.1, digits=2)
card.at_most("one set of masks: its best seed minus the base's worst, words filled (recorded)", max(filled["masks drawn once"]) - min(base), 0.0, digits=1)
card.at_least("four equal runs of the base: best minus worst (recorded)", max(base) - min(base), 0.1, digits=2)
card.equal("NSP, ten sets, byte BPE, whole words, small batches: within the noise (recorded)", sum(v == "within the noise" for v in VERDICTS.values()) - 1, 5)
card.at_most("an untrained BERT's first loss: distance from ln V", abs(at_the_start - math.log(3072)), 0.1, digits=1)
card.at_least("next sentence prediction by one line without learning", lazy_nsp, 0.85, digits=2)
card.at_least("bert-mini minus the table of neighbors, words filled: lower end", ahead.low, 0.0, digits=1)
card.at_least("MiniLM, kind of name: best layer minus layer 0, lower end", rise.low, 0.13, digits=2)
card.at_most("MiniLM, control task: layer 6 minus layer 0", control[6] - control[0], -0.1, digits=2)
card.at_most("kind of name read off random weights", max(curves["random weights"]["kind"]), 0.05, digits=1)
card.show()

# %% slideshow={"slide_type": "-"} tags=["scorecard", "nbval-ignore-output"]
card = Scorecard(lesson=7)
card.equal("your live pretraining lies in the range of the recorded seeds (0.03 wider)", inside_range, True)
card.at_least("live, entities: F1 of the pretrained start minus the random one, one seed", live["pretrained"] - live["random"], 0.02, digits=2)
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Summary
#
# 1. BERT is an encoder with learned positions, post-norm, GELU and segments; with MiniLM's weights yours equals Transformers'.
# 2. It learns by filling gaps: 15 % of the tokens, of which 80 % are masked, 10 % exchanged, 10 % kept; the loss counts these alone and begins at ln V.
# 3. At this size one thing shows: the same masks again and again are learned by heart. NSP, ten sets of masks, bytes, whole words and small batches lie within the noise of four seeds.
# 4. What enough reading is worth: MiniLM, frozen, beats everything that read nothing before, on three tasks. Twenty minutes on a small world help with names, and hurt elsewhere.
# 5. Going up its layers an encoder trades words and places for kinds. A probe means something only beside a control task and a model with random weights.
#
# **New words**, in the [glossary](../data/glossary.md): pretraining, fine-tuning; masked language modeling; static and dynamic masking; whole-word masking; next sentence prediction; segment; pooler; linear probe; control task; pseudo-log-likelihood.
#
# **Papers.** Devlin et al., *BERT*, 2018, [arXiv 1810.04805](https://arxiv.org/abs/1810.04805) · Liu et al., *RoBERTa*, 2019, [arXiv 1907.11692](https://arxiv.org/abs/1907.11692) ·
# Lan et al., *ALBERT*, 2019, [arXiv 1909.11942](https://arxiv.org/abs/1909.11942) · Hewitt and Liang, *Designing and Interpreting Probes with Control Tasks*, 2019, [arXiv 1909.03368](https://arxiv.org/abs/1909.03368) ·
# Salazar et al., *Masked Language Model Scoring*, 2020, [arXiv 1910.14659](https://arxiv.org/abs/1910.14659) · Warner et al., *Smarter, Better, Faster, Longer* (ModernBERT), 2024, [arXiv 2412.13663](https://arxiv.org/abs/2412.13663)
#
# **Next:** [lesson 8, text summarization](08_project_2_text_summarization_with_bert.ipynb), puts these encoders to work on whole articles.
