"""What one can ask of a story: questions with answers, a dialogue, entity labels.

questions(story)   who, what, where, why, yes-no, and questions that the story does not answer
dialogue(story)    turns of a user and an assistant about the story
entities(story)    its tokens and a BIO label for each: PER, LOC, ORG, MISC
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from utils.worlds import tables
from utils.worlds.stories.grammar import GENDERS, Sentence, Slot, english_form
from utils.worlds.stories.lexicon import ENTRIES

UNKNOWN = "The story does not say."
TOKEN = re.compile(r"\w+(?:['-]\w+)*|[^\w\s]")


@dataclass(frozen=True)
class Question:
    """A question on a story. kind: who, what, where, why, yes-no or unanswerable; `sentence`: from 0; -1 for none."""

    kind: str
    question: str
    answer: str
    sentence: int


@lru_cache(maxsize=None)
def _rows(section: str) -> dict[str, list[tuple[str, ...]]]:
    """A section of data/worlds/questions.txt: frame -> the other columns of each of its rows."""
    rows: dict[str, list[tuple[str, ...]]] = {}
    for frame, *rest in tables.rows(tables.sections("questions")[section]):
        rows.setdefault(frame, []).append(tuple(rest))
    return rows


def _fill(pattern: str, sentence: Sentence, **other: str) -> str | None:
    """The pattern with the sentence's words; None where it lacks one. other: roles that are filled otherwise."""

    roles = sentence.roles | other
    plain = Sentence(sentence.template, roles, {}, None, sentence.cast)

    def word(match: re.Match) -> str:
        role, form = match.group(1), match.group(2) or ""
        if role in ("a", "b", "c"):
            return english_form(Slot(role, form or "name"), plain)
        return english_form(Slot(role, form), plain)

    needed = set(re.findall(r"\{(\w+)", pattern))
    return re.sub(r"\{(\w+)(?::(\w+))?\}", word, pattern) if needed <= roles.keys() else None


def questions(story) -> list[Question]:
    """All questions of a story, in the order of its sentences; two of them it does not answer.

    A question that two sentences would answer differently is left out. Answers are short: "Mia", "the kite".
    """
    rng = Random(f"questions {story.seed}")
    found = []
    for number, sentence in enumerate(story.sentences):
        found += _asked(sentence, number)
        found += _yes_no(story, sentence, number, rng)
        if "cause" in sentence.roles:
            found.append(_why(sentence, number))
    answers: dict[str, set[str]] = {}
    for question in found:
        answers.setdefault(question.question, set()).add(question.answer)
    sure = {question.question: question for question in found if len(answers[question.question]) == 1}
    return [*sure.values(), *_unanswered(story, rng)]


def _asked(sentence: Sentence, number: int) -> list[Question]:
    found = []
    for kind, pattern, answer in _rows("question").get(sentence.template.frame, []):
        question, filled = _fill(pattern, sentence), _fill(answer, sentence)
        if question is not None and filled is not None:
            found.append(Question(kind, question, filled, number))
    return found


def _why(sentence: Sentence, number: int) -> Question:
    """The reason, with a name where the sentence has it."""
    reason = re.split(r"because |, for |: ", sentence.english, maxsplit=1)[1].rstrip(".")
    return Question("why", f"Why was {sentence.roles['a']} {sentence.roles['feeling']}?", f"because {reason}", number)


def _yes_no(story, sentence: Sentence, number: int, rng: Random) -> list[Question]:
    """A question whose answer is yes, or the same with another person, to be answered with no."""
    rows = _rows("yes-no").get(sentence.template.frame, [])
    if not rows:
        return []
    (pattern,) = rng.choice(rows)
    if rng.random() < 0.5:
        question = _fill(pattern, sentence)
        return [] if question is None else [Question("yes-no", question, "Yes.", number)]
    roles_told = [pair for other in story.sentences for pair in other.roles.items()]
    people = sorted({value for role, value in roles_told if role in ("a", "b", "c")})
    frame, roles = sentence.template.frame, sentence.roles
    if "a" not in roles:
        return []
    done = {other.roles.get("a") for other in story.sentences if other.template.frame == frame}
    done |= {other.roles.get("b") for other in story.sentences if other.template.frame == frame}
    others = [name for name in people if name not in done]
    if frame in ("go", "go_pair", "one_day", "own", "live") or not others:
        others = [name for name in GENDERS if name not in people]
    question = _fill(pattern, sentence, a=rng.choice(others))
    return [] if question is None else [Question("yes-no", question, "No.", number)]


def _unanswered(story, rng: Random) -> list[Question]:
    told = {sentence.template.frame for sentence in story.sentences}
    first = next(sentence for sentence in story.sentences if "a" in sentence.roles)
    pairs = [sentence for sentence in story.sentences if {"a", "b"} <= sentence.roles.keys()]
    found = []
    for frame, rows in _rows("unanswered").items():
        question = _fill(rows[0][0], pairs[0] if pairs else first)
        if frame not in told and question is not None:
            found.append(Question("unanswerable", question, UNKNOWN, -1))
    return rng.sample(found, 2)


# --- dialogue -----------------------------------------------------------------------------------------------------

ASK_FOR_STORY = (
    "Tell me a story about {who}.",
    "Please tell me a story about {who}.",
    "Can you tell me a story about {who}?",
    "I would like to hear a story about {who}.",
    "Do you know a story about {who}?",
    "Write a short story about {who}.",
)
ASK_FOR_SUMMARY = (
    "Sum it up in one sentence, please.",
    "What is the story about?",
    "Tell me the story in one sentence.",
    "Can you summarize it?",
)


def dialogue(story, turns: int = 3) -> list[dict[str, str]]:
    """A conversation: the story is asked for and told, then `turns` questions on it, now and then its summary.

    Messages as chat templates want them: {"role": "user" or "assistant", "content": text}.
    """
    rng = Random(f"dialogue {story.seed}")
    things = [value for sentence in story.sentences for role, value in sentence.roles.items() if role in ("t", "n")]
    first = next(sentence.roles["a"] for sentence in story.sentences if "a" in sentence.roles)
    who = f"{first} and {_with_article(things[0])}" if things else first
    told = [_message("user", rng.choice(ASK_FOR_STORY).format(who=who)), _message("assistant", story.english)]
    asked = questions(story)
    for question in rng.sample(asked, min(turns, len(asked))):
        told += [_message("user", question.question), _message("assistant", spoken(question))]
    if rng.random() < 0.3:
        told += [_message("user", rng.choice(ASK_FOR_SUMMARY)), _message("assistant", story.summary)]
    return told


def spoken(question: Question) -> str:
    """An answer as one says it: a capital letter and a full stop."""
    text = question.answer.rstrip(".")
    return text[0].upper() + text[1:] + "."


def _with_article(word: str) -> str:
    return ("an " if word[0] in "aeiou" else "a ") + word


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


# --- entities -----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=None)
def _names() -> dict[tuple[str, ...], str]:
    """Every proper name of the world, in tokens, with its label."""
    labels = {"town": "LOC", "organization": "ORG", "festival": "MISC", "pet_name": "PER"}
    found = {(name,): "PER" for name in GENDERS}
    for kind, label in labels.items():
        for name in ENTRIES[kind]:
            found[tuple(TOKEN.findall(name))] = label
    return found


def entities(story) -> tuple[list[str], list[str]]:
    """The story's tokens (words and marks; a possessive 's apart) and their labels, B-PER, I-ORG, O and so on."""
    return label(story.english)


def label(text: str) -> tuple[list[str], list[str]]:
    """The tokens of a text and their labels: the longest name of the world that begins at a token."""
    tokens = [piece for token in TOKEN.findall(text) for piece in re.split(r"(?='s$)", token) if piece]
    labels, at = ["O"] * len(tokens), 0
    longest = max(map(len, _names()))
    while at < len(tokens):
        for length in range(longest, 0, -1):
            kind = _names().get(tuple(tokens[at : at + length]))
            if kind is not None and at + length <= len(tokens):
                labels[at : at + length] = [f"B-{kind}"] + [f"I-{kind}"] * (length - 1)
                at += length - 1
                break
        at += 1
    return tokens, labels
