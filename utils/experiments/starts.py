"""Three tasks with few labels, for comparing starts in lesson 7: names, topics, the sentiment of rated film sentences.

rows_of, scores, score, gain   rows of a task, what is right in each, F1 or accuracy, and a difference with its interval
to_tensors, WithHead           ids and labels; an encoder with one new matrix
fine_tuned, three_seeds        trains all of it and answers the rows; three times, at the rate that validation prefers
layer_vectors                  the vectors of an encoder that stays as it is
trivial                        the best program that counts words, for each task
"""

from __future__ import annotations

import functools
from collections import Counter, defaultdict
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from utils import training
from utils.metrics import labeled_spans
from utils.models.bert import IGNORED, Bert

LABELS = {"entities": 9, "topics": 6, "sentiment": 2}
COUNTS = {"train": 600, "validation": 300, "test": 600}  # of film sentences; of names, 400 training sentences
CLEAR = 0.5  # a film sentence whose mean rating lies nearer to 0 is left out
LONGEST = 48  # tokens

Row = tuple[int, int, int] | int  # right, given, wanted; of one label 1 or 0


@functools.lru_cache(maxsize=None)
def _loaded(name: str):
    from utils.data import catalog

    return catalog.load(name, part="films" if name == "ratings" else None)


def rows_of(task: str, split: str) -> list[tuple]:
    """(text, label) of topics and sentiment, (words, tags) of entities."""
    if task == "entities":
        rows = _loaded("entities")[split]
        return list(zip(rows["tokens"], rows["ner_tags"]))[: 400 if split == "train" else None]
    if task == "topics":
        rows = _loaded("topics")[split]
        return list(zip(rows["text"], rows["label"]))
    drawn = _loaded("ratings")[split].shuffle(seed=0)  # in the archive the positive ones come first
    clear = [(text, int(mean > 0)) for text, mean in zip(drawn["text"], drawn["mean"]) if abs(mean) >= CLEAR]
    return clear[: COUNTS[split]]


def scores(task: str, answers: list, split: str = "test") -> list[Row]:
    """Of each row of a split what is right, given and wanted: names for entities, else 1 or 0 of one label."""
    rows = rows_of(task, split)
    if task != "entities":
        return [int(answer == label) for answer, (_, label) in zip(answers, rows)]
    names = _loaded("entities")[split].features["ner_tags"].feature.names
    found = [set(labeled_spans([names[tag] for tag in tags])) for tags in answers]
    wanted = [set(labeled_spans([names[tag] for tag in tags])) for _, tags in rows]
    return [(len(a & b), len(a), len(b)) for a, b in zip(found, wanted)]


def score(rows: list[Row]) -> float:
    """F1; where each row has one label, that is the accuracy."""
    right, given, wanted = (sum(column) for column in zip(*_counted(rows)))
    return 2 * right / (given + wanted)


def _counted(rows: list[Row]) -> list[tuple]:
    return [(row, 1, 1) if isinstance(row, int) else tuple(row) for row in rows]


def gain(rows: list[Row], other: list[Row], samples: int = 2000) -> tuple[float, float]:
    """The 95 % bootstrap interval of score(rows) - score(other), drawn over the test rows."""
    both = torch.tensor([_counted(rows), _counted(other)], dtype=torch.double)  # (2, rows, 3)
    drawn = torch.randint(both.shape[1], (samples, both.shape[1]), generator=torch.Generator().manual_seed(0))
    sums = both[:, drawn].sum(2)  # (2, samples, 3)
    found = 2 * sums[..., 0] / (sums[..., 1] + sums[..., 2])
    low, high = (found[0] - found[1]).quantile(torch.tensor([0.025, 0.975], dtype=torch.double)).tolist()
    return round(low, 3), round(high, 3)


def to_tensors(tokenizer, task: str, rows: list[tuple]) -> tuple[Tensor, Tensor]:
    """Ids (B, T), and labels: (B,) of texts, (B, T) with the tag at the first piece of each word."""
    words = task == "entities"
    options = {"padding": True, "truncation": True, "max_length": LONGEST, "return_tensors": "pt"}
    encoded = tokenizer([row[0] for row in rows], is_split_into_words=words, **options)
    if not words:
        return encoded.input_ids, torch.tensor([label for _, label in rows])
    labels = torch.full(encoded.input_ids.shape, IGNORED)
    for row, (_, tags) in enumerate(rows):
        places = encoded.word_ids(row)
        for place, word in enumerate(places):
            if word is not None and word != places[place - 1]:
                labels[row, place] = tags[word]
    return encoded.input_ids, labels


class WithHead(nn.Module):
    """A BERT and one new matrix: for each token, or for the mean of a text's tokens."""

    def __init__(self, bert: Bert, labels: int, each_token: bool):
        super().__init__()
        self.bert, self.each_token, self.head = bert, each_token, nn.Linear(bert.config.width, labels)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.bert(ids)
        return self.head(x if self.each_token else mean_vector(x, ids))


def mean_vector(x: Tensor, ids: Tensor) -> Tensor:
    """(B, T, C) -> (B, C), the mean over the tokens that are not filling."""
    present = (ids != 0)[..., None].to(x.dtype)
    return (x * present).sum(1) / present.sum(1)


def fine_tuned(
    make: Callable[[], Bert], tokenizer, task: str, seed: int, rate: float = 1e-3, epochs: int = 4
) -> dict[str, list[Row]]:
    """Trains an encoder, made with this seed, and a new matrix on a task: what is right in the validation and test rows."""
    torch.manual_seed(seed)
    model = WithHead(make(), LABELS[task], task == "entities")
    batches = training.Shuffled(rows_of(task, "train"), 16, lambda rows: to_tensors(tokenizer, task, rows), seed)
    steps = epochs * batches.batches_an_epoch
    settings = training.Settings(steps=steps, learning_rate=rate, warmup=steps // 10, save_every=steps, dtype=torch.float32)
    training.train(model, lambda m, batch: F.cross_entropy(m(batch[0]).flatten(0, -2), batch[1].flatten()), batches, settings)
    return {
        split: scores(task, _answers(model, tokenizer, task, rows_of(task, split)), split) for split in ("validation", "test")
    }


def three_seeds(train: Callable[[int, float], dict], rates: tuple = (0.0003, 0.001, 0.003)) -> tuple[list, dict]:
    """The test rows of seeds 0, 1, 2 at the rate that does best on the validation split with seed 0; and what each rate did.

    train: seed and rate -> what `fine_tuned` gives.
    """
    tried = {rate: train(0, rate) for rate in rates}
    found = {rate: round(score(rows["validation"]), 3) for rate, rows in tried.items()}
    best = max(found, key=found.get)
    return [tried[best]["test"], *(train(seed, best)["test"] for seed in (1, 2))], found


@torch.no_grad()
def _answers(model: WithHead, tokenizer, task: str, rows: list[tuple]) -> list:
    answers = []
    for first in range(0, len(rows), 64):
        ids, labels = to_tensors(tokenizer, task, rows[first : first + 64])
        found, known = model(ids).argmax(-1), labels != IGNORED
        answers += [row[keep].tolist() for row, keep in zip(found, known)] if task == "entities" else found.tolist()
    return answers


@torch.no_grad()
def layer_vectors(bert: Bert, tokenizer, task: str, rows: list[tuple]) -> tuple[list[Tensor], Tensor, list[int]]:
    """Of each layer the vectors (n, C) of the texts, or of all words; the labels (n,); how many of them each row has."""
    found, labels, counts = [[] for _ in range(bert.config.layers + 1)], [], []
    for first in range(0, len(rows), 64):
        ids, wanted = to_tensors(tokenizer, task, rows[first : first + 64])
        known = wanted != IGNORED
        for layer, x in enumerate(bert.layers(ids)):
            found[layer].append(x[known] if task == "entities" else mean_vector(x, ids))
        labels.append(wanted[known])
        counts += known.sum(1).tolist() if task == "entities" else [1] * len(ids)
    return [torch.cat(part) for part in found], torch.cat(labels), counts


def trivial(task: str) -> list[Row]:
    """The best of three programs for texts, chosen on the test rows themselves, in its favor; for names words and neighbors."""
    train, test = rows_of(task, "train"), rows_of(task, "test")
    if task == "entities":
        kinds, after = defaultdict(Counter), defaultdict(Counter)  # of a word; of a name after this word
        for tokens, tags in train:
            for place, (token, tag) in enumerate(zip(tokens, tags)):
                kinds[token][_kind(tag)] += 1
                if place and tag and token[:1].isupper():
                    after[tokens[place - 1].lower()][_kind(tag)] += 1
        return scores(task, [_guessed(kinds, after, tokens) for tokens, _ in test])
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import MultinomialNB

    programs = (
        (TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10, max_iter=500)),
        (TfidfVectorizer(ngram_range=(2, 5), sublinear_tf=True, analyzer="char_wb"), LogisticRegression(C=10, max_iter=500)),
        (CountVectorizer(binary=True), MultinomialNB()),
    )
    found = []
    for counts, model in programs:
        model.fit(counts.fit_transform([text for text, _ in train]), [label for _, label in train])
        found.append(scores(task, model.predict(counts.transform([text for text, _ in test])).tolist()))
    return max(found, key=score)


def _kind(tag: int) -> int:
    return (tag + 1) // 2  # 0 outside, then PER, ORG, LOC, MISC


def _guessed(kinds: dict[str, Counter], after: dict[str, Counter], tokens: list[str]) -> list[int]:
    """A word of training has its commonest kind. An unknown one with a capital letter goes on with the name before it, or has
    the kind that came most often after the word before it; at the beginning it is a person if a second one follows."""
    tags: list[int] = []
    for place, token in enumerate(tokens):
        capital = token[:1].isupper()
        if token in kinds:
            kind = kinds[token].most_common(1)[0][0]
        elif capital and place and tags[-1] and tokens[place - 1][:1].isupper():
            kind = _kind(tags[-1])
        elif capital and place:
            kind = after[tokens[place - 1].lower()].most_common(1)[0][0] if tokens[place - 1].lower() in after else 3
        else:
            kind = int(capital and tokens[1:2] != [] and tokens[1][:1].isupper())
        goes_on = kind and tags and _kind(tags[-1]) == kind
        tags.append(2 * kind - (not goes_on) if kind else 0)
    return tags
