"""Stories of a small world, without end and from a seed, and a parser that measures what a model writes.

    write(seed)            a `Story`: English, French, summary, and (annotations.py) questions, dialogue, entity labels
    stories(seed, count)   many of them
    judge(text)            what share of any text's sentences the grammar accepts, and whether its facts agree

A story is told from a simulated world: who is where, who has what, who feels what and why. The parser goes through the
same world sentence by sentence, so that a text is not praised but measured.

    lexicon      the words, English and French
    grammar      events and their templates, the world, the sentences
    storylines   the writer
    french       agreement, contraction, elision
    parser       the judge
    annotations  questions, dialogues and entity labels for a story
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from random import Random

from utils.worlds.stories.annotations import Question, dialogue, entities, questions
from utils.worlds.stories.french import sentence as french_sentence
from utils.worlds.stories.grammar import Sentence, World
from utils.worlds.stories.parser import Verdict, judge
from utils.worlds.stories.storylines import PLOTS, Teller

__all__ = [
    "Question",
    "Sentence",
    "Story",
    "Verdict",
    "World",
    "dialogue",
    "entities",
    "judge",
    "questions",
    "stories",
    "write",
]


@dataclass
class Story:
    """A story: sentences with their meanings, the plot's name, the world at its end, and a summary of one sentence.

    summaries: all that the plot has, of which `summary` was drawn: other words for the same.
    """

    seed: int | str
    plot: str
    sentences: list[Sentence]
    summary: str
    summaries: tuple[str, ...]
    world: World

    @cached_property
    def english(self) -> str:
        return " ".join(sentence.english for sentence in self.sentences)

    @cached_property
    def french(self) -> str:
        return " ".join(map(french_sentence, self.sentences))


def write(seed: int | str) -> Story:
    """The story of a seed: 5 to 15 sentences, always the same for the same seed."""
    rng = Random(f"story {seed}")
    while True:
        teller = Teller(rng)
        plot = rng.choice(PLOTS)
        summaries = plot(teller)
        summary = rng.choice(summaries)
        if 5 <= len(teller.sentences) <= 15:
            return Story(seed, plot.__name__, teller.sentences, summary, summaries, teller.world)


def stories(seed: int, count: int) -> Iterator[Story]:
    """`count` stories. Different seeds give different stories: the n-th of seed s is `write(f"{s}.{n}")`."""
    for number in range(count):
        yield write(f"{seed}.{number}")
