"""Lesson 19's task, whose judge is a program: a story's beginning and end are given, the three sentences between are not.

Task, tasks              beginning, middle, end, from the world of `utils.worlds.stories`; the end needs the middle
asked, ids_of            the user's message; prompt and answer as ids, by the chat template
sentence_points, points  the judge: what it sees in each sentence, and its verdict, 0 to 6
borrowed, people         a trivial writer: the middle of the story whose end is most like the task's, with other names
write                    answers drawn from a model, several to a task
candidates, mirrored     pairs of a better and a worse answer; as many with the longer one better as with the shorter one
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

import torch
from torch import nn

from utils.alignment.policy import rollout
from utils.experiments.written import NAME
from utils.generation import Sampling
from utils.worlds import stories
from utils.worlds.stories.grammar import GENDERS
from utils.worlds.stories.parser import split

SENTENCES = 3  # of the middle, and what the user asks for
MOST = 2 * SENTENCES  # points


class Task(NamedTuple):
    """A beginning and an end of one sentence each, and the middle that the story has there."""

    beginning: str
    middle: str
    end: str


class Pair(NamedTuple):
    """The ids of a prompt and of two answers to it, and the judge's points for them."""

    prompt: list[int]
    chosen: list[int]
    rejected: list[int]
    points: tuple[int, int]


def tasks(count: int, split: str, name: str = "") -> list[Task]:
    """So many tasks, always the same for one name; split: train, validation or test, whose stories differ.

    Only those count whose end does not fit behind the beginning alone: somebody or something in it must be brought in first.
    """
    rng, found = Random(f"middles {split} {name}"), []
    while len(found) < count:
        told = [sentence.english for sentence in stories.write(f"{split} {rng.getrandbits(60)}").sentences]
        task = Task(told[0], " ".join(told[1 : 1 + SENTENCES]), told[1 + SENTENCES])
        if not _sound(f"{task.beginning} {task.end}")[-1]:
            found.append(task)
    return found


def asked(task: Task) -> str:
    """What the user says."""
    return f"Beginning: {task.beginning} End: {task.end}"


def ids_of(tokenizer, task: Task, answer: str | None = None) -> tuple[list[int], list[int]]:
    """Prompt and answer (the story's own middle where none is given) as the model reads them, by the chat template.

    The end of the turn is the answer's last token.
    """
    turns = [{"role": "user", "content": asked(task)}]
    prompt = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False)
    said = tokenizer.encode(task.middle if answer is None else answer, add_special_tokens=False)
    return prompt, [*said, end_of_turn(tokenizer)]


def end_of_turn(tokenizer) -> int:
    return tokenizer.convert_tokens_to_ids("<|end|>")


# ----------------------------------------------------------------------------------------------------------------------
# The judge
# ----------------------------------------------------------------------------------------------------------------------


def _sound(text: str) -> list[bool]:
    """Is each sentence accepted by the grammar, does it contradict nothing before it, and is it said for the first time?"""
    verdict, sentences = stories.judge(text), split(text)
    bad = {*verdict.rejected, *(sentence for sentence, _ in verdict.contradictions)}
    return [sentence not in bad and sentence not in sentences[:place] for place, sentence in enumerate(sentences)]


def sentence_points(task: Task, answer: str) -> list[bool]:
    """For the three sentences and the end: is it sound? What follows an answer's third sentence is not read.

    A sentence that is missing is not sound.
    """
    said = split(answer)[:SENTENCES]
    sound = _sound(" ".join([task.beginning, *said, task.end]))
    if len(sound) != len(said) + 2:  # the last sentence is torn, and runs on into the end
        return [False] * (SENTENCES + 1)
    return [*sound[1:-1], *[False] * (SENTENCES - len(said)), sound[-1]]


def points(task: Task, answer: str) -> int:
    """A point for each sound sentence of three, and three if the end fits: 0 to 6."""
    *middle, end = sentence_points(task, answer)
    return sum(middle) + SENTENCES * end


def problems(task: Task, answer: str) -> list[str]:
    """What the judge has against an answer, in words."""
    sentences = [task.beginning, *split(answer)[:SENTENCES], task.end]
    verdict = stories.judge(" ".join(sentences))
    again = [sentence for place, sentence in enumerate(sentences) if sentence in sentences[:place]]
    rejected = [f"not in the grammar: {sentence}" for sentence in verdict.rejected]
    return rejected + [f"said again: {sentence}" for sentence in again] + [reason for _, reason in verdict.contradictions]


# ----------------------------------------------------------------------------------------------------------------------
# A writer without a model
# ----------------------------------------------------------------------------------------------------------------------


def borrowed(asked_for: Sequence[Task], told: Sequence[Task]) -> list[str]:
    """For each task the middle of a told story, the people renamed in their order: that whose end is most like its own.

    Only stories count whose hero has the same gender and that have as many people, as far as there are such. Likeness: TF-IDF
    of words and of pairs of words, with every person's name replaced by one word.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    known = words.fit_transform([NAME.sub("Person", task.end) for task in told])
    likeness = (words.transform([NAME.sub("Person", task.end) for task in asked_for]) @ known.T).toarray()
    casts = [_cast(people(task)) for task in told]
    found = []
    for task, row in zip(asked_for, likeness.tolist()):
        cast = _cast(people(task))
        best = max(range(len(told)), key=lambda number: (casts[number] == cast, row[number]))
        names = dict(zip(people(told[best]), people(task)))
        found.append(NAME.sub(lambda name, names=names: names.get(name[0], name[0]), told[best].middle))
    return found


def people(task: Task) -> list[str]:
    """The people of a task's two sentences, in the order in which they come."""
    return list(dict.fromkeys(NAME.findall(f"{task.beginning} {task.end}")))


def _cast(names: list[str]) -> tuple[str, int]:
    """The hero's gender and how many people there are."""
    return GENDERS[names[0]] if names else "", len(names)


# ----------------------------------------------------------------------------------------------------------------------
# Answers and pairs
# ----------------------------------------------------------------------------------------------------------------------


def write(
    model: nn.Module,
    tokenizer,
    asked_for: Sequence[Task],
    seed: int,
    each: int = 1,
    temperature: float = 1.0,
    longest: int = 64,
    batch: int = 256,
) -> list[list[int]]:
    """`each` answers to every task, as ids with the end token, those of one task in a row. Temperature 0: the likeliest token.

    An answer that has no end token after `longest` is given as far as it came.
    """
    prompts = [prompt for task in asked_for for prompt in [ids_of(tokenizer, task)[0]] * each]
    order = sorted(range(len(prompts)), key=lambda row: len(prompts[row]))  # rows of like length write together
    generator, found, sampling = torch.Generator().manual_seed(seed), [[]] * len(prompts), Sampling(temperature=temperature)
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        written = rollout(model, [prompts[row] for row in rows], longest, generator, end_of_turn(tokenizer), 0, sampling)
        for row, ids, mask in zip(rows, *written):
            found[row] = ids[mask].tolist()
    return found


def text_of(tokenizer, answer: Sequence[int]) -> str:
    """An answer's words, without its end token."""
    return tokenizer.decode(answer, skip_special_tokens=True).strip()


def candidates(tokenizer, asked_for: Sequence[Task], answers: Sequence[list[int]], each: int) -> list[Pair]:
    """Pairs of a task's `each` answers: the best with the worst, the second best with the second worst, and so on.

    Each answer is in one pair at most, and a pair's points differ. Only three whole sentences are ever chosen; what has no
    end token counts as 0 points.
    """
    end, found = end_of_turn(tokenizer), []
    for number, task in enumerate(asked_for):
        ranked = []
        for answer in answers[number * each : (number + 1) * each]:
            text = text_of(tokenizer, answer)
            ended = answer[-1] == end
            ranked.append((points(task, text) if ended else 0, ended and len(split(text)) == SENTENCES, answer))
        ranked.sort(key=lambda one: one[:2])
        prompt = ids_of(tokenizer, task)[0]
        for (low, _, worse), (high, whole, better) in list(zip(ranked, ranked[::-1]))[: each // 2]:
            if low < high and whole:
                found.append(Pair(prompt, better, worse, (high, low)))
    return found


def mirrored(pairs: Sequence[Pair], seed: int = 0) -> list[Pair]:
    """As many pairs whose chosen answer is d tokens longer as pairs where it is d shorter, for each d; the surplus is left out.

    So no rule that looks at the difference of the lengths finds more than half of the chosen answers.
    """
    by_difference, rng = defaultdict(list), Random(f"mirrored {seed}")
    for pair in pairs:
        by_difference[len(pair.chosen) - len(pair.rejected)].append(pair)
    kept = list(by_difference[0])
    for difference in sorted(d for d in by_difference if d > 0):
        longer, shorter = by_difference[difference], by_difference.get(-difference, [])
        count = min(len(longer), len(shorter))
        kept += rng.sample(longer, count) + rng.sample(shorter, count)
    rng.shuffle(kept)
    return kept
