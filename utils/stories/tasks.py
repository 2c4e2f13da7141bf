"""What one can ask of a story: questions with answers, a dialogue, entity labels.

    questions(story)   who, what, where, why, yes-no, and questions that the story does not answer
    dialogue(story)    turns of a user and an assistant about the story
    entities(story)    its tokens and a BIO label for each: PER, LOC, ORG, MISC
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from random import Random


from .grammar import GENDERS, Sentence, Slot, english_form
from .lexicon import ENTRIES

UNKNOWN = "The story does not say."
TOKEN = re.compile(r"\w+(?:['-]\w+)*|[^\w\s]")

# frame | kind | question | answer. A role stands for its name or "the kite"; role:a for "a red kite", place:in for "in
# the park". A question is asked only where the sentence fills all its roles.
QUESTIONS = """
live | where | Where did {a} live? | in {town}
live | what | What was {a} like? | {trait}
live_kin | who | Who lived with {a}? | {b}
live_kin | where | Where did {a} live? | in {town}
dreamer | what | What did {a} want? | {dream}
own | what | What did {a} have? | {t:a}
own | who | Who had {t:a}? | {a}
kin | who | Who was the {b:kin} of {a}? | {b}
work | what | What was the profession of {b}? | {job}
go | where | Where did {a} go? | {p:to}
go_pair | where | Where did {a} and {b} go? | {p:to}
go_pair | who | Who went {p:to} with {a}? | {b}
one_day | where | Where was {a} one {time}? | {p:in}
lose | what | What did {a} lose? | {t}
lose | who | Who lost {t}? | {a}
find_spot | who | Who found {t}? | {a}
find_spot | where | Where did {a} find {t}? | {spot}
find_new | what | What did {a} find? | {t:a}
find_new | where | Where was {t}? | {spot}
give | who | Who gave {t} to {b}? | {a}
give | what | What did {a} give to {b}? | {t}
give_back | who | Who gave {t} back to {b}? | {a}
lend | who | Who lent {t} to {b}? | {a}
lend | what | What did {a} lend to {b}? | {t}
present | what | What did {b} get from {a}? | {t:a}
present | who | Who gave {b} {t:a}? | {a}
reward | what | What did {b} get as a reward? | {t:a}
make | what | What did {a} make? | {t:a}
make | who | Who made {t}? | {a}
hide | where | Where did {a} hide {t}? | {spot}
want | what | What did {a} wish for? | {t:a}
buy | who | Who bought {t}? | {a}
break | who | Who broke {t}? | {a}
break | what | What did {a} break? | {t}
repair | who | Who repaired {t}? | {a}
gift | what | What did {b} get from {a}? | {t}
steal | who | Who stole {t}? | {n}
steal | what | What did {n} steal? | {t}
meet_animal | what | What animal did {a} see? | {n:a}
meet_animal | where | Where was {n}? | {spot}
hear | what | What did {a} hear? | {noise}
call_it | what | What did {a} call {n}? | {pet_name}
hurt | what | What part of {n} was hurt? | the {injury}
bandage | who | Who took care of the {injury}? | {b}
release | where | Where did {a} set {n} free? | {p:in}
animal_found | who | Who found {n}? | {a}
pastime_two | what | What did {a} and {b} do? | {pastime:past}
chore | what | What work did {a} do? | {chore:past}
succeed | what | What did {a} learn? | to {skill}
wish_skill | what | What did {a} want to learn? | to {skill}
teach | who | Who taught {a}? | {b}
afraid | what | What was {a} afraid of? | {fear}
cook_plan | what | What did {a} and {b} want to make? | {dish:a}
missing | what | What was missing in the kitchen? | {ingredient}
neighbor_ingredient | who | Who gave {a} some {ingredient}? | {c}
win | who | Who won the {contest}? | {a}
practice | where | Where did {a} practice? | {p:in}
far | where | Where did {b} live? | in {town}
write | who | Who wrote to {b}? | {a}
newcomer | where | Where was {a} new? | in {town}
join | what | What did {a} join? | the {organization}
shelter | where | Where did {a} and {b} wait? | {shelter}
storm | what | What happened to the weather? | {storm}
"""

# frame | question that "Yes." or "No." answers
YES_NO = """
give | Did {a} give {t} to {b}?
give_back | Did {a} give {t} back to {b}?
lend | Did {a} lend {t} to {b}?
find_spot | Did {a} find {t}?
lose | Did {a} lose {t}?
go_pair | Did {a} go {p:to}?
go | Did {a} go {p:to}?
break | Did {a} break {t}?
own | Did {a} have {t:a}?
make | Did {a} make {t:a}?
win | Did {a} win the {contest}?
forgive | Did {b} forgive {a}?
thank | Did {a} thank {b}?
succeed | Could {a} {skill} in the end?
meet_animal | Did {a} see {n:a}?
steal | Did {n} steal {t}?
visit | Did {b} come to see {a}?
newcomer | Was {a} new in {town}?
one_day | Was {a} {p:in}?
live | Did {a} live in {town}?
"""

# What hardly any story tells; asked only where its frame does not occur. frame | question
UNANSWERED = """
buy | How much did the present cost?
live_age | How old was {a}?
live_kin | What was the name of the mother of {a}?
letter | Who read the newspaper?
color | What was the color of the house of {a}?
train | When did the train leave?
dish | What did {a} eat for breakfast?
school | Who was the teacher of {a}?
shoes | What shoes did {a} wear?
count | How many brothers did {b} have?
month | In which month was {b} born?
song | Which song did {b} like best?
"""


@dataclass(frozen=True)
class Question:
    """A question on a story. kind: who, what, where, why, yes-no or unanswerable; `sentence`: from 0; -1 for none."""

    kind: str
    question: str
    answer: str
    sentence: int


@lru_cache(maxsize=None)
def _rows(table: str) -> dict[str, list[tuple[str, ...]]]:
    rows: dict[str, list[tuple[str, ...]]] = {}
    for line in table.strip().splitlines():
        frame, *rest = (column.strip() for column in line.split("|"))
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
    for kind, pattern, answer in _rows(QUESTIONS).get(sentence.template.frame, []):
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
    rows = _rows(YES_NO).get(sentence.template.frame, [])
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
    for frame, rows in _rows(UNANSWERED).items():
        question = _fill(rows[0][0], pairs[0] if pairs else first)
        if frame not in told and question is not None:
            found.append(Question("unanswerable", question, UNKNOWN, -1))
    return rng.sample(found, 2)


# --- dialogue -----------------------------------------------------------------------------------------------------

ASK_FOR_STORY = (
    "Tell me a story about {who}.", "Please tell me a story about {who}.", "Can you tell me a story about {who}?",
    "I would like to hear a story about {who}.", "Do you know a story about {who}?", "Write a short story about {who}.",
)  # fmt: skip
ASK_FOR_SUMMARY = (
    "Sum it up in one sentence, please.", "What is the story about?", "Tell me the story in one sentence.",
    "Can you summarize it?",
)  # fmt: skip


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
