"""Three small heads on a frozen, pretrained encoder (all-MiniLM-L6-v2): sentiment, topic, named entities.

    load(name, encoder)    a `TextHead` (one label a text) or an `EntityHead` (the names in a text)
    train(recipe, out)     `python -m utils train minilm-heads`: trains all three and measures them once on the test splits

The encoder turns each piece of a word into a vector and is never changed. A head is one or two matrices on top. Labels of
words follow the BIO scheme: B- opens a name, I- goes on with it, O is outside (Ramshaw and Marcus, "Text Chunking using
Transformation-Based Learning", 1995, arXiv cmp-lg/9505040).
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from torch import nn

from utils.data import catalog, sets
from utils.device import set_seed
from utils.io import CommandError, say, write_atomically, write_json
from utils.metrics import labeled_spans, span_f1
from utils.small_models import recipes, texts
from utils.small_models.cards import with_notes
from utils.small_models.sequence_pairs import rows_of

NAME = "minilm-heads"
LONGEST = 256  # word pieces of a text that are read; the rest of a longer text is left out
MOST_WORDS = 5000  # of a text whose names are looked for
WINDOW = 100  # words that go through the encoder at once; below its 512 places whatever the words
BATCH = 32
WORD = re.compile(r"'s\b|’s\b|\w+(?:['’-](?!s\b)\w+)*|[^\w\s]")
FORBIDDEN = -1e4  # the log-probability of what no labeling may do
CASE_SHAPES = [0, 1, 5, 6]  # the columns of `word_shapes` that look at capital letters


# ----------------------------------------------------------------------------------------------------------------------
# The heads
# ----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Prediction:
    """The likeliest label of a text, and the probability of each."""

    label: str
    probabilities: dict[str, float]


@dataclass(frozen=True)
class Span:
    """A name: its kind, its words, and where it stands. start and end count characters of a text, or tokens of a list."""

    kind: str
    text: str
    start: int
    end: int


class TextHead:
    """One label for a text, from the mean of the encoder's vectors."""

    def __init__(self, encoder: catalog.Pretrained, layers: nn.Sequential, labels: list[str], reads: list[int]):
        self.encoder, self.layers, self.labels, self.reads = encoder, layers, labels, reads

    @torch.no_grad()
    def predict(self, given: str | list[str]) -> list[Prediction]:
        """A prediction for each text. Of a long text the first 256 word pieces are read.

        Raises:
            TypeError: something given is no text.
            ValueError: a text is empty, or holds no English words to go by.
        """
        given = [given] if isinstance(given, str) else list(given)
        for text in given:
            check(text)
        if not given:
            return []
        probabilities = self.layers(text_vectors(self.encoder, given, self.reads)).softmax(-1)  # (B, labels)
        return [
            Prediction(self.labels[row.argmax()], dict(zip(self.labels, row.tolist(), strict=True))) for row in probabilities
        ]


class EntityHead:
    """The names in a text, from the vectors and the shape of each word; the best labeling that is legal BIO."""

    def __init__(self, encoder: catalog.Pretrained, layers: nn.Sequential, labels: list[str], reads: list[int]):
        self.encoder, self.layers, self.labels, self.reads = encoder, layers, labels, reads

    def predict(self, given: str | list[str] | list[list[str]]) -> list[list[Span]]:
        """The names in each text, or in each list of tokens.

        Raises:
            TypeError: something given is neither a text nor a list of tokens.
            ValueError: a text is empty, longer than 5,000 words, or holds no English words to go by.
        """
        given = [given] if isinstance(given, str) else list(given)
        found: list[list[Span]] = []
        places, tokens = [], []
        for item in given:
            words = item if isinstance(item, (list, tuple)) else None
            check(" ".join(words) if words and all(isinstance(word, str) for word in words) else item)
            places.append(None if words else [match.span() for match in WORD.finditer(item)])
            tokens.append(list(words or WORD.findall(item)))
            if len(tokens[-1]) > MOST_WORDS:
                raise ValueError(
                    f"The text has {len(tokens[-1]):,} words, and {MOST_WORDS:,} are read at most. Give it in parts."
                )
        for item, place, words, labels in zip(given, places, tokens, self.label(tokens), strict=True):
            spans = labeled_spans(labels)
            if place is None:
                found.append([Span(kind, " ".join(words[first:end]), first, end) for kind, first, end in spans])
            else:
                cut = [(kind, place[first][0], place[end - 1][1]) for kind, first, end in spans]
                found.append([Span(kind, item[first:end], first, end) for kind, first, end in cut])
        return found

    @torch.no_grad()
    def label(self, tokens: list[list[str]]) -> list[list[str]]:
        """The BIO label of each token of each list. A long list goes through the encoder in pieces."""
        pieces = [(row, words[at : at + WINDOW]) for row, words in enumerate(tokens) for at in range(0, len(words), WINDOW)]
        vectors = word_vectors(self.encoder, [words for _, words in pieces], self.reads)
        rows: list[list[torch.Tensor]] = [[] for _ in tokens]
        for (row, _), part in zip(pieces, vectors, strict=True):
            rows[row].append(part)
        labels = []
        for words, parts in zip(tokens, rows, strict=True):
            scores = self.layers(torch.cat([word_shapes(words), torch.cat(parts)], dim=1))  # (W, labels)
            labels.append(best_legal(scores.log_softmax(-1), self.labels))
        return labels


def load(name: str, encoder: catalog.Pretrained | None = None, folder: Path | None = None) -> TextHead | EntityHead:
    """A head of `data/models/minilm-heads`: "sentiment", "topic" or "entities".

    encoder: what `catalog.load("minilm")` gives; None to load it here.

    Raises:
        KeyError: there is no head of that name.
        DamagedFile: the folder cannot be read.
        NotHere: the encoder is neither installed nor to be had from the Hub.
    """
    from safetensors.torch import load_file

    folder = folder or recipes.FOLDER / NAME
    try:
        described = json.loads((folder / "config.json").read_text(encoding="utf-8"))["heads"]
        weights = load_file(folder / "model.safetensors")
    except Exception as error:  # a missing, cut or edited file: each library has an error of its own
        raise catalog.DamagedFile(
            f"The heads in {recipes.shown(folder)} cannot be read ({error}). "
            f"Get them again: git checkout -- {recipes.shown(folder)}"
        ) from None
    if name not in described:
        raise KeyError(f"There is no head {name!r}. There are {', '.join(described)}.")
    encoder = encoder or catalog.load("minilm")
    config = described[name]
    layers = head_layers(config["inputs"], config["hidden"], len(config["labels"]))
    try:
        layers.load_state_dict(
            {key.removeprefix(f"{name}."): value.float() for key, value in weights.items() if key.startswith(f"{name}.")}
        )
    except RuntimeError as error:
        raise catalog.DamagedFile(
            f"The weights of {name} do not fit its config.json ({error}). "
            f"Get them again: git checkout -- {recipes.shown(folder)}"
        ) from None
    kind = EntityHead if name == "entities" else TextHead
    return kind(encoder, layers.eval(), config["labels"], config["layers"])


def head_layers(inputs: int, hidden: int, outputs: int, dropout: float = 0.0) -> nn.Sequential:
    """One matrix, or two with a bend between them where `hidden` is not 0."""
    if not hidden:
        return nn.Sequential(nn.Linear(inputs, outputs))
    return nn.Sequential(nn.Linear(inputs, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, outputs))


def check(text: str) -> None:
    """Raises TypeError or ValueError, with a sentence, where a text holds nothing that the encoder could read."""
    if not isinstance(text, str):
        raise TypeError(f"A text is wanted, and this is {type(text).__name__}. Give a string, or a list of strings.")
    if not text.strip():
        raise ValueError("The text is empty, so there is nothing to read. Give it at least one word.")
    letters = [character for character in text[:10_000] if character.isalpha()]
    if not letters:
        raise ValueError(
            "The text holds no letters (only marks, digits or emoji), so there is nothing to go by. Give it words."
        )
    latin = sum(character < "\u0250" for character in letters)
    if latin < len(letters) / 2:
        raise ValueError("Most of the text is in a script that the encoder hardly knows: it read English. Translate it first.")


# ----------------------------------------------------------------------------------------------------------------------
# Vectors of texts and words
# ----------------------------------------------------------------------------------------------------------------------


@torch.no_grad()
def text_vectors(encoder: catalog.Pretrained, given: list[str], layers: list[int]) -> torch.Tensor:
    """The mean over a text's word pieces of the chosen layers' vectors: (B, layers C)."""
    found = torch.empty(len(given), len(layers) * encoder.model.config.hidden_size)
    for numbers in _batches([len(text) for text in given]):
        inputs = encoder.tokenizer(
            [given[n] for n in numbers], padding=True, truncation=True, max_length=LONGEST, return_tensors="pt"
        )
        states = encoder.model(**inputs, output_hidden_states=True).hidden_states
        chosen = torch.cat([states[layer] for layer in layers], dim=-1)  # (B, T, layers C)
        mask = inputs["attention_mask"][..., None]  # (B, T, 1)
        found[numbers] = (chosen * mask).sum(1) / mask.sum(1)
    return found


@torch.no_grad()
def word_vectors(encoder: catalog.Pretrained, given: list[list[str]], layers: list[int]) -> list[torch.Tensor]:
    """The vectors of each word's first piece: (W, layers C) for each list of words."""
    found: list[torch.Tensor] = [torch.empty(0)] * len(given)
    for numbers in _batches([sum(map(len, words)) for words in given]):
        inputs = encoder.tokenizer(
            [given[n] for n in numbers],
            padding=True,
            truncation=True,
            max_length=512,
            is_split_into_words=True,
            return_tensors="pt",
        )
        states = encoder.model(**inputs, output_hidden_states=True).hidden_states
        chosen = torch.cat([states[layer] for layer in layers], dim=-1)  # (B, T, layers C)
        for row, n in enumerate(numbers):
            first: dict[int, int] = {}
            for place, word in enumerate(inputs.word_ids(row)):
                if word is not None:
                    first.setdefault(word, place)
            # a word without pieces (a control character), or past the last place, gets the vector of [CLS]
            found[n] = chosen[row, [first.get(word, 0) for word in range(len(given[n]))]]
    return found


def _batches(sizes: list[int]) -> list[list[int]]:
    """Numbers of items in batches of about equal size each, so that little is padded."""
    order = sorted(range(len(sizes)), key=sizes.__getitem__)
    return [order[at : at + BATCH] for at in range(0, len(order), BATCH)]


def word_shapes(words: list[str]) -> torch.Tensor:
    """What the encoder cannot see, since its tokenizer makes all letters small: (W, 7) zeros and ones.

    A capital at the beginning, all capitals, a digit, a mark, the first word, a capital in the word before and after.
    """
    capital = [word[:1].isupper() for word in words]
    first = next((n for n, word in enumerate(words) if word[:1].isalnum()), 0)
    return torch.tensor(
        [
            [
                capital[n],
                len(word) > 1 and word.isupper(),
                any(c.isdigit() for c in word),
                not word[:1].isalnum(),
                n <= first,
                n > 0 and capital[n - 1],
                n + 1 < len(words) and capital[n + 1],
            ]
            for n, word in enumerate(words)
        ],
        dtype=torch.float32,
    )


# ----------------------------------------------------------------------------------------------------------------------
# Labels of words
# ----------------------------------------------------------------------------------------------------------------------


def best_legal(scores: torch.Tensor, labels: list[str]) -> list[str]:
    """The labeling with the largest sum of scores (W, labels) in which every I- follows a B- or I- of its kind.

    Viterbi's algorithm: for each label the best way to it, word by word (Viterbi, 1967, doi 10.1109/TIT.1967.1054010).
    """
    inside = [label.startswith("I-") for label in labels]
    allowed = torch.tensor(
        [[0.0 if not inside[b] or first[2:] == labels[b][2:] else FORBIDDEN for b in range(len(labels))] for first in labels]
    )
    best = scores[0] + torch.tensor([FORBIDDEN if i else 0.0 for i in inside])
    steps = []
    for row in scores[1:]:
        values, before = (best[:, None] + allowed).max(0)  # (labels before, labels) -> the best one before each
        best = values + row
        steps.append(before)
    way = [int(best.argmax())]
    for before in reversed(steps):
        way.append(int(before[way[-1]]))
    return [labels[number] for number in reversed(way)]


def capital_runs(words: list[str], kind: str) -> list[tuple[str, int, int]]:
    """The baseline: every run of capitalized words is a name of one kind; the first word of a sentence is none alone."""
    runs = labeled_spans([f"I-{kind}" if word[:1].isupper() else "O" for word in words])
    return [run for run in runs if run[1:] != (0, 1)]


# ----------------------------------------------------------------------------------------------------------------------
# Training
# ----------------------------------------------------------------------------------------------------------------------


def train(recipe: recipes.Recipe, out: Path) -> Path:
    """Trains the heads on the train splits, chooses on the validation splits, measures once on the test splits."""
    from safetensors.torch import save_file

    try:
        encoder = catalog.load("minilm")
    except (catalog.NotHere, catalog.DamagedFile) as error:
        raise CommandError(str(error)) from None
    out.mkdir(parents=True, exist_ok=True)
    start, weights, described, measured = time.perf_counter(), {}, {}, {}
    for name, wanted in recipe.heads.items():
        train_head = _train_entities if name == "entities" else _train_text
        layers, labels, chosen = train_head(encoder, wanted, recipe.training)
        described[name] = {
            "labels": labels,
            "layers": wanted["layers"],
            "hidden": wanted["hidden"],
            "inputs": layers[0].in_features,
        } | chosen
        weights |= {f"{name}.{key}": value.half().contiguous() for key, value in layers.state_dict().items()}
        say(f"{name}: {chosen}")
    save_file(weights, out / "model.safetensors")
    write_json(out / "config.json", {"encoder": "all-MiniLM-L6-v2", "heads": described})
    for name in recipe.heads:
        measured[name] = {key: round(value, 4) for key, value in measure(name, load(name, encoder, out)).items()}
        say(f"{name}: {measured[name]}")
    write_json(
        out / "scores.json",
        {
            "model": NAME,
            "split": "test",
            "date": time.strftime("%Y-%m-%d"),
            "seconds": round(time.perf_counter() - start),
            "scores": measured,
        },
    )
    _write_card(recipe, out, measured)
    say(f"Saved in {recipes.shown(out)}.")
    return out


def measure(name: str, head: TextHead | EntityHead, split: str = "test") -> dict[str, float]:
    """The scores of a head on a split, beside those of its baseline."""
    given, wanted = rows_of(name, split)
    _, known = rows_of(name, "train")
    if name == "entities":
        truth = [labeled_spans(labels) for labels in wanted]
        kind = Counter(kind for labels in known for kind, _, _ in labeled_spans(labels)).most_common(1)[0][0]
        return {
            "f1": span_f1([labeled_spans(labels) for labels in head.label(given)], truth),
            "capitals_f1": span_f1([capital_runs(words, kind) for words in given], truth),
        }
    right = [found.label == label for found, label in zip(head.predict(given), wanted, strict=True)]
    usual = Counter(known).most_common(1)[0][0]
    scores = {"accuracy": sum(right) / len(right), "majority": wanted.count(usual) / len(wanted)}
    if name == "sentiment":
        bitter = [ok for ok, row in zip(right, texts.written("reviews", split), strict=True) if row["hard"] == "sarcasm"]
        scores["accuracy_sarcasm"] = sum(bitter) / len(bitter)
    return scores


def _train_text(encoder, wanted: dict, settings: dict) -> tuple[nn.Sequential, list[str], dict]:
    """Logistic regression on standardized vectors; the validation loss chooses how hard large weights are punished."""
    name = {"reviews": "sentiment", "topics": "topic"}[wanted["rows"]]
    labels = ["negative", "positive"] if name == "sentiment" else list(texts.class_names("topics", "label"))
    vectors, numbers = {}, {}
    for split in ("train", "validation"):
        given, names = rows_of(name, split)
        if split == "train" and wanted.get("sentences"):
            given, names = _with_sentences(given, names)
        vectors[split] = text_vectors(encoder, given, wanted["layers"])
        numbers[split] = torch.tensor([labels.index(label) for label in names])
    mean, scale = vectors["train"].mean(0), vectors["train"].std(0) + 1e-5
    best, chosen = (float("inf"), 0.0, None), {}
    for penalty in settings["penalties"]:
        layers = _regression((vectors["train"] - mean) / scale, numbers["train"], len(labels), penalty)
        scores = layers((vectors["validation"] - mean) / scale)
        loss = nn.functional.cross_entropy(scores, numbers["validation"]).item()
        if loss < best[0]:
            best = (loss, penalty, layers)
            chosen = {
                "penalty": penalty,
                "validation_loss": round(loss, 4),
                "validation_accuracy": round((scores.argmax(-1) == numbers["validation"]).float().mean().item(), 4),
            }
    _fold(best[2][0], mean, scale)
    return best[2], labels, chosen


def _with_sentences(given: list[str], names: list[str]) -> tuple[list[str], list[str]]:
    """The reviews, and the first and last sentence of each plain one as a short review: people type short texts too."""
    rows = texts.written("reviews", "train")
    short = [
        (sentence, name)
        for row, name in zip(rows, names, strict=True)
        if not row["hard"]
        for sentence in {sets.sentences(row["text"])[place]: None for place in (0, -1)}
    ]
    return given + [sentence for sentence, _ in short], names + [name for _, name in short]


def _regression(vectors: torch.Tensor, labels: torch.Tensor, classes: int, penalty: float) -> nn.Sequential:
    layers = head_layers(vectors.shape[1], 0, classes)
    nn.init.zeros_(layers[0].weight)
    nn.init.zeros_(layers[0].bias)
    optimizer = torch.optim.LBFGS(layers.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(layers(vectors), labels) + penalty * layers[0].weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return layers


@torch.no_grad()
def _fold(layer: nn.Linear, mean: torch.Tensor, scale: torch.Tensor) -> None:
    """Makes a layer that was trained on (x - mean) / scale give the same for x."""
    layer.weight /= scale
    layer.bias -= layer.weight @ mean


def _train_entities(encoder, wanted: dict, settings: dict) -> tuple[nn.Sequential, list[str], dict]:
    """Cross-entropy over words; the weights of the epoch with the best validation F1 are kept."""
    set_seed(settings["seed"])
    labels = list(texts.class_names("entities", "ner_tags"))
    inputs, numbers, truth = {}, {}, {}
    for split in ("train", "validation"):
        tokens, names = rows_of("entities", split)
        vectors = word_vectors(encoder, tokens, wanted["layers"])
        inputs[split] = [torch.cat([word_shapes(w), v], dim=1) for w, v in zip(tokens, vectors, strict=True)]
        numbers[split] = [torch.tensor([labels.index(label) for label in row]) for row in names]
        truth[split] = [labeled_spans(row) for row in names]
    together = torch.cat(inputs["train"])
    mean, scale = together.mean(0), together.std(0) + 1e-5
    layers = head_layers(together.shape[1], wanted["hidden"], len(labels), settings["dropout"])
    model = nn.Sequential(nn.Dropout(settings["dropout"]), layers)
    optimizer = torch.optim.AdamW(layers.parameters(), settings["learning_rate"], weight_decay=settings["weight_decay"])
    count, rng = len(inputs["train"]), Random(settings["seed"])
    a_round = range(0, count, settings["batch_size"])
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings["learning_rate"], len(a_round) * settings["epochs"])
    best, kept = -1.0, {}
    for _ in range(settings["epochs"]):
        order = rng.sample(range(count), count)
        for at in a_round:
            rows = order[at : at + settings["batch_size"]]
            x = torch.cat([_recased(inputs["train"][n], rng, settings["case_dropout"]) for n in rows])
            y = torch.cat([numbers["train"][n] for n in rows])
            loss = nn.functional.cross_entropy(model.train()((x - mean) / scale), y, label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        with torch.no_grad():
            scores = [model.eval()((x - mean) / scale).log_softmax(-1) for x in inputs["validation"]]
        f1 = span_f1([labeled_spans(best_legal(row, labels)) for row in scores], truth["validation"])
        if f1 > best:
            best, kept = f1, {key: value.clone() for key, value in layers.state_dict().items()}
    layers.load_state_dict(kept)
    _fold(layers[0], mean, scale)
    return layers, labels, {"validation_f1": round(best, 4)}


def _recased(x: torch.Tensor, rng: Random, share: float) -> torch.Tensor:
    """A sentence as it is, or, now and then, as if it were all in small letters or all in capitals."""
    drawn = rng.random()
    if drawn >= share:
        return x
    x = x.clone()
    x[:, CASE_SHAPES] = 0.0 if drawn < share / 2 else (1 - x[:, 3:4])  # column 3: marks, which have no case
    return x


def _write_card(recipe: recipes.Recipe, folder: Path, measured: dict) -> None:
    file = folder / "README.md"
    kilobytes = (folder / "model.safetensors").stat().st_size / 1000
    rows = "\n".join(
        f"| {name} | {key.replace('_', ' ')} | {value:.1%} |"
        for name, scores in measured.items()
        for key, value in scores.items()
    )
    card = f"""# {NAME}

{recipe.what[0].upper()}{recipe.what[1:]}. {kilobytes:.0f} kB in float16 (safetensors).
`utils.small_models.heads.load(name)` loads one; the encoder itself is all-MiniLM-L6-v2 (Apache-2.0). Trained for this
course; licence CC BY 4.0.

Made by `python -m utils train {NAME}` (recipe.toml beside this card) from the train splits of `reviews`, `topics` and
`entities`, which an AI language model wrote. How hard large weights are punished, and the epoch that is kept, were chosen
on the validation splits. The test splits made this table and chose nothing.

| head | measure, on the test split | value |
|---|---|---|
{rows}

`majority`: the most frequent label for every text. `capitals f1`: every run of capitalized words is a place, the most
frequent kind; a single word at the beginning is not.

"""
    write_atomically(file, with_notes(file, card).encode())
