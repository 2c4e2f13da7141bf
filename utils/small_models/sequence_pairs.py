"""Pairs of a source and a target: the eight prefixes of `t5-mini`, and conversations for the chat model.

    PREFIXES         task -> the words before its input
    pair             a source and a target of a task, drawn from the generated worlds or from the written sets
    Pairs            batch index -> padded batches of pairs, of about equal length each
    Conversations    batch index -> windows of conversations, with labels on what the assistant says

The generated worlds: stories (translation, summaries, questions, entities, continuation) and programs (code). Sentiment
and topics are learned from the written sets alone; of translation, questions and entities a part is written too.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from random import Random

import torch

from utils.metrics import NO_ENTITIES, labeled_spans
from utils.small_models import texts
from utils.worlds import programs, stories
from utils.worlds.stories.french import sentence as french_sentence

PREFIXES = {
    "translate": "translate English to French: ",
    "code": "translate Python to JavaScript: ",
    "summarize": "summarize: ",
    "question": "question: ",
    "sentiment": "sentiment: ",
    "topic": "topic: ",
    "entities": "entities: ",
    "continue": "continue: ",
}
RESTORE = "restore: "  # a training task alone: a text of which words are missing, to be written whole
MISSING = 0.15  # the share of its words


# ----------------------------------------------------------------------------------------------------------------------
# Inputs as one writes them
# ----------------------------------------------------------------------------------------------------------------------


def question_input(question: str, context: str) -> str:
    return f"{question} context: {context}"


def entities_text(tokens: list[str], labels: list[str]) -> str:
    """The entities of a sentence as text: "PER: Mia; LOC: Foxley", each once, in the order of the sentence."""
    found = [f"{kind}: {' '.join(tokens[first:end])}" for kind, first, end in labeled_spans(labels)]
    return "; ".join(dict.fromkeys(found)) or NO_ENTITIES


def rows_of(task: str, split: str) -> tuple[list, list]:
    """Inputs and wanted labels of sentiment, topic or entities, all written: texts and names, or tokens and BIO labels."""
    if task == "sentiment":
        rows = texts.written("reviews", split)
        return [row["text"] for row in rows], ["positive" if row["stars"] > 3 else "negative" for row in rows]
    if task == "topic":
        rows, names = texts.written("topics", split), texts.class_names("topics", "label")
        return [row["text"] for row in rows], [names[row["label"]] for row in rows]
    rows, names = texts.written("entities", split), texts.class_names("entities", "ner_tags")
    return [row["tokens"] for row in rows], [[names[tag] for tag in row["ner_tags"]] for row in rows]


# ----------------------------------------------------------------------------------------------------------------------
# Pairs
# ----------------------------------------------------------------------------------------------------------------------


def _translate(rng: Random, split: str) -> tuple[str, str]:
    told = texts.story(rng, split).sentences
    first, count = rng.randrange(len(told)), rng.choice((1, 1, 1, 2))
    chosen = told[first : first + count]
    return " ".join(s.english for s in chosen), " ".join(map(french_sentence, chosen))


def _program(rng: Random, split: str) -> programs.Program:
    """A program of the split; its skeleton is held out of training where it is not of the training split."""
    return programs.write(f"{split} {rng.getrandbits(60)}", "train" if split == "train" else "test")


def _code(rng: Random, split: str) -> tuple[str, str]:
    program = _program(rng, split)
    return program.python, program.javascript


def _summarize(rng: Random, split: str) -> tuple[str, str]:
    story = texts.story(rng, split)
    return story.english, story.summary


def _question(rng: Random, split: str) -> tuple[str, str]:
    """A question on a story, or on its first sentences; always with the one that answers it."""
    story = texts.story(rng, split)
    asked = rng.choice(stories.questions(story))
    known = rng.randint(max(2, asked.sentence + 1), len(story.sentences))
    context = " ".join(sentence.english for sentence in story.sentences[:known])
    return question_input(asked.question, context), asked.answer


def _entities(rng: Random, split: str) -> tuple[str, str]:
    told = texts.story(rng, split).sentences
    first, count = rng.randrange(len(told)), rng.choice((1, 2, 3))
    text = " ".join(s.english for s in told[first : first + count])
    return text, entities_text(*stories.annotations.label(text))


def _continue(rng: Random, split: str) -> tuple[str, str]:
    told = texts.story(rng, split).sentences
    known = rng.randint(2, len(told) - 2)
    after = told[known : known + 2]
    return " ".join(s.english for s in told[:known]), " ".join(s.english for s in after)


def _restore(rng: Random, split: str) -> tuple[str, str]:
    """A few sentences, English or French, or lines of a program. To write them one has to look at the source all the
    time, which is what the other tasks build on."""
    kind = rng.choices(("english", "french", "program", "written"), (0.4, 0.3, 0.15, 0.15))[0]
    if kind == "program":
        program = _program(rng, split)
        parts, mark = rng.choice((program.python, program.javascript)).splitlines(), "\n"
    elif kind == "written":
        parts, mark = stories.parser.split(rng.choice(texts.written_texts(split))), " "
    else:
        told = texts.story(rng, split).sentences
        parts, mark = [s.english if kind == "english" else french_sentence(s) for s in told], " "
    first, count = rng.randrange(len(parts)), rng.randint(2, 5)
    text = mark.join(parts[first : first + count])
    return " ".join(word for word in text.split(" ") if rng.random() >= MISSING), text


GENERATED = {
    "translate": _translate,
    "code": _code,
    "summarize": _summarize,
    "question": _question,
    "entities": _entities,
    "continue": _continue,
}


@functools.lru_cache(maxsize=None)
def written_pairs(task: str, split: str) -> tuple[tuple[str, str], ...]:
    """All pairs of a task from the written sets."""
    rows = functools.partial(texts.written, split=split)
    if task == "translate":
        return tuple((row["translation"]["en"], row["translation"]["fr"]) for row in rows("translations"))
    if task == "question":
        return tuple(
            (question_input(row["question"], row["context"]), (row["answers"]["text"] or [stories.annotations.UNKNOWN])[0])
            for row in rows("questions")
        )
    if task == "sentiment":
        return tuple((row["text"], "positive" if row["stars"] > 3 else "negative") for row in rows("reviews"))
    if task == "topic":
        names = texts.class_names("topics", "label")
        return tuple((row["text"], names[row["label"]]) for row in rows("topics"))
    if task == "entities":
        names = texts.class_names("entities", "ner_tags")
        return tuple(
            (" ".join(row["tokens"]), entities_text(row["tokens"], [names[tag] for tag in row["ner_tags"]]))
            for row in rows("entities")
        )
    if task == "summarize":
        return tuple((row["article"], row["highlights"]) for row in rows("articles"))
    return ()


def pair(task: str, rng: Random, split: str, written_share: float = 0.0) -> tuple[str, str]:
    """A source, with its prefix, and a target. written_share: how often it comes from the written sets."""
    if task == "restore":
        source, target = _restore(rng, split)
        return RESTORE + source, target
    if task not in GENERATED or rng.random() < written_share:
        source, target = rng.choice(written_pairs(task, split))
    else:
        source, target = GENERATED[task](rng, split)
    return PREFIXES[task] + source, target


class Pairs:
    """Batches of pairs for an encoder-decoder: called with an index, it gives the batch of that index.

    shapes: what a batch can look like, each a dictionary with share (how often), tasks (name -> share), rows, source and
    target (lengths in tokens; a pair that is longer is drawn anew), and until, the first batch that no longer has it,
    where it is for the beginning alone. A few fixed shapes cost little padding, and the compiler translates the model
    once for each. written: task -> the share of its pairs from the written sets.

    A batch has input_ids and attention_mask (B, S), decoder_input_ids and labels (B, T).
    """

    def __init__(
        self, tokenizer, shapes: list[dict], written: dict[str, float], start: int, seed: int = 0, split: str = "train"
    ):
        self.backend, self.padding, self.start = tokenizer.backend_tokenizer, tokenizer.pad_token_id, start
        self.shapes, self.written, self.seed, self.split = shapes, written, seed, split

    @property
    def fingerprint(self) -> dict:
        return {"shapes": str(self.shapes), "written": dict(self.written), "seed": self.seed, "split": self.split}

    def __call__(self, index: int) -> dict[str, torch.Tensor]:
        rng = Random(f"{self.split} {self.seed} {index}")
        # Held-out batches show what is to be learned in the end, from the first one on.
        shapes = [shape for shape in self.shapes if "until" not in shape or self.split == "train" and index < shape["until"]]
        shape = rng.choices(shapes, [shape["share"] for shape in shapes])[0]
        pairs = [self._drawn(rng, shape) for _ in range(shape["rows"])]
        sources = padded([source for source, _ in pairs], self.padding, shape["source"])
        labels = padded([target for _, target in pairs], texts.IGNORED, shape["target"])
        decoder = padded([[self.start, *target[:-1]] for _, target in pairs], self.padding, shape["target"])
        return {
            "input_ids": sources,
            "attention_mask": (sources != self.padding).long(),
            "decoder_input_ids": decoder,
            "labels": labels,
        }

    def _drawn(self, rng: Random, shape: dict) -> tuple[list[int], list[int]]:
        """The ids of a pair that fits the shape."""
        while True:
            task = rng.choices(list(shape["tasks"]), list(shape["tasks"].values()))[0]
            source, target = (
                self.backend.encode(text).ids for text in pair(task, rng, self.split, self.written.get(task, 0.0))
            )
            if len(source) <= shape["source"] and len(target) <= shape["target"]:
                return source, target


def padded(rows: list[list[int]], value: int, length: int | None = None) -> torch.Tensor:
    """Rows of ids as one tensor (rows, length), filled up on the right; length: None for that of the longest row."""
    length = length or max(map(len, rows))
    return torch.tensor([row + [value] * (length - len(row)) for row in rows])


# ----------------------------------------------------------------------------------------------------------------------
# Conversations
# ----------------------------------------------------------------------------------------------------------------------

Turns = list[dict[str, str]]
ASK_ABOUT = (
    "Here is a story. {story} {question}",
    "{story}\n\n{question}",
    "Read this story: {story}\n{question}",
    "{question}\n\n{story}",
)
QUESTIONS = 6  # on one story, at most
ASK_TO_SUM_UP = ("Sum up this story in one sentence: {story}", "{story}\n\nWhat is this story about?")


def told(rng: Random, split: str) -> Turns:
    """The user asks for a story and then about it (see `stories.dialogue`)."""
    return stories.dialogue(texts.story(rng, split), turns=3)


def brought(rng: Random, split: str) -> Turns:
    """The user brings a story and asks about it, several times, or has it summed up."""
    story = texts.story(rng, split)
    asked = stories.questions(story)
    first, *others = rng.sample(asked, min(QUESTIONS, len(asked)))
    opening = rng.choice(ASK_ABOUT).format(story=story.english, question=first.question)
    turns = [("user", opening), ("assistant", stories.annotations.spoken(first))]
    if rng.random() < 0.2:
        turns = [("user", rng.choice(ASK_TO_SUM_UP).format(story=story.english)), ("assistant", story.summary)]
    for question in others:
        turns += [("user", question.question), ("assistant", stories.annotations.spoken(question))]
    return [{"role": role, "content": content} for role, content in turns]


CONVERSATIONS: dict[str, Callable[[Random, str], Turns]] = {"told": told, "brought": brought}


class Conversations(texts.Windows):
    """Windows of conversations for a causal model; only what the assistant says, and the end of its turn, has labels.

    A conversation begins at the first position. What is left of the window is filled with end-of-text tokens that have no
    labels; a conversation that is longer loses its last turns.
    """

    def __init__(
        self,
        encode: Callable[[str], list[int]],
        end_of_text: int,
        mixture: dict[str, float],
        batch_size: int,
        window: int,
        seed: int = 0,
        split: str = "train",
    ):
        super().__init__(encode, end_of_text, mixture, batch_size, window, window, seed, split)

    def __call__(self, index: int) -> dict[str, torch.Tensor]:
        rows = [self._row(Random(f"{self.split} {self.seed} {index} {row}")) for row in range(self.batch_size)]
        ids = padded([row for row, _ in rows], self.end_of_text, self.window + 1)
        labels = padded([row for _, row in rows], texts.IGNORED, self.window + 1)
        return {"input_ids": ids[:, :-1], "labels": labels[:, 1:]}

    def _row(self, rng: Random) -> tuple[list[int], list[int]]:
        """Ids and labels of a window and one token more."""
        kind = rng.choices(list(self.mixture), list(self.mixture.values()))[0]
        ids, labels = [], []
        for message in CONVERSATIONS[kind](rng, self.split):
            spoken = message["role"] == "assistant"
            role = self.encode(texts.ASSISTANT if spoken else texts.USER)
            content = self.encode(message["content"] + texts.END_OF_TURN)
            ids += role + content
            labels += [texts.IGNORED] * len(role) + (content if spoken else [texts.IGNORED] * len(content))
        return ids[: self.window + 1], labels[: self.window + 1]
