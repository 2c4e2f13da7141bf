"""The judge: which sentences of a text the grammar accepts, and whether its facts agree with each other.

    judge(text) -> Verdict     any text at all, in time proportional to its length
    split(text)                its sentences

All templates lie in one tree, whose branches are words or slots; a sentence is accepted if a path through it uses up
all its tokens. What it says is then checked against the `World` of the sentences before it, and told to that world.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache

from utils.worlds.stories import lexicon
from utils.worlds.stories.grammar import (
    GENDERS,
    PAIRS,
    PEOPLE,
    PRONOUNS,
    SPEECH,
    Cause,
    Lead,
    Slot,
    Template,
    World,
    article,
    frames,
    leads,
    word_form,
)
from utils.worlds.stories.lexicon import ENTRIES

MAX_TOKENS = 60  # No sentence of the grammar is longer.
MAX_CHARACTERS = 500
MAX_READINGS = 6
TOKEN = re.compile(r"\w+(?:['-]\w+)*|[^\w\s]")
END = re.compile(r'(?<![.!?])[.!?]+["”]?(?=\s|$)|\n')


@dataclass(frozen=True)
class Mention:
    """What a phrase may mean: a word's key, a pronoun's gender, an adjective that came with a noun."""

    key: str = ""
    gender: str = ""
    adjective: str = ""
    introduces: bool = False


@dataclass
class Verdict:
    """What the parser found.

    sentences        how many the text has
    accepted         how many of them the grammar accepts
    rejected         the others
    facts            how many facts could be checked against an earlier one
    contradictions   (sentence, reason) for each fact that does not agree
    """

    sentences: int = 0
    accepted: int = 0
    rejected: list[str] = field(default_factory=list)
    facts: int = 0
    contradictions: list[tuple[str, str]] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Accepted sentences, as a share of all; 0 for an empty text."""
        return self.accepted / self.sentences if self.sentences else 0.0

    @property
    def agrees(self) -> bool:
        """Whether no fact contradicts another (and there is at least one accepted sentence)."""
        return self.accepted > 0 and not self.contradictions


def split(text: str) -> list[str]:
    """The sentences of a text. A full stop inside quotation marks ends none, unless the mark closes there too."""
    found, start = [], 0
    quoted = False
    seen = 0
    for match in END.finditer(text):
        quoted ^= text.count('"', seen, match.end()) % 2 == 1
        seen = match.end()
        following = text[match.end() : match.end() + 3].lstrip()[:1]
        if match.group() != "\n" and (quoted or (following and following.islower())):
            continue
        if text[start : match.end()].strip():
            found.append(text[start : match.end()].strip())
        start, quoted = match.end(), False
    if text[start:].strip():
        found.append(text[start:].strip())
    return found


# --- the tree of templates ----------------------------------------------------------------------------------------


class _Node:
    """A point in the tree: branches by word, branches by slot, and the templates that end here."""

    __slots__ = ("words", "slots", "ends")

    def __init__(self):
        self.words: dict[str, _Node] = {}
        self.slots: dict[Slot, _Node] = {}
        self.ends: list[Template] = []


def _insert(root: _Node, template: Template) -> None:
    node, first = root, True
    for part in template.english:
        if isinstance(part, Slot):
            node = node.slots.setdefault(part, _Node())
        else:
            for token in TOKEN.findall(part):
                token = token[0].lower() + token[1:] if first else token
                node = node.words.setdefault(token, _Node())
                first = first and not token[0].isalnum() and token != '"'
        first = False
    node.ends.append(template)


@lru_cache(maxsize=None)
def _trees() -> tuple[_Node, _Node, _Node]:
    """The trees of all sentences, of those that may follow a connective, and of the causes."""
    every, after_lead, causes = _Node(), _Node(), _Node()
    for frame in frames().values():
        for template in frame.templates:
            _insert(every, template)
            if template.takes_lead:
                _insert(after_lead, template)
        for cause in frame.causes:
            _insert(causes, cause)
    return every, after_lead, causes


@lru_cache(maxsize=None)
def _leads() -> dict[tuple[str, ...], Lead]:
    found = {}
    for lead in leads():
        tokens = TOKEN.findall(lead.english)
        found[(tokens[0], *tokens[1:])] = lead
    return found


@lru_cache(maxsize=None)
def _phrases(kind: str, form: str) -> dict:
    """All phrases that may stand in a slot, as a tree of tokens; under the key None what a phrase means."""
    tree: dict = {}
    for phrase, mention in _enumerate(kind, form):
        node = tree
        for token in TOKEN.findall(phrase):
            node = node.setdefault(token, {})
        node.setdefault(None, []).append(mention)
    return tree


def _enumerate(kind: str, form: str):
    """Pairs of a phrase and its mention for every word of a kind in a form."""
    if kind == "person":
        yield from _enumerate_people(form)
    elif kind == "pair":
        if form:
            yield {"they": "they", "their": "their", "them": "them"}[form], Mention(gender="pair")
        else:
            yield "they", Mention(gender="pair")
            for first in GENDERS:
                yield f"{first} and", Mention(key=first)  # The second name is read by `_slot`.
    elif kind in ("thing", "animal"):
        yield from _enumerate_nouns(kind, form)
    else:
        for key in ENTRIES[kind]:
            yield word_form(kind, form, key), Mention(key=key)


def _enumerate_people(form: str):
    if form in PRONOUNS:
        for gender in "mf":
            yield PRONOUNS[form][gender], Mention(gender=gender)
    elif form in ("kin", "a_kin"):
        for kin, word in ENTRIES["kin"].items():
            gender = word.columns[1]
            mention = Mention(gender="" if gender == "any" else gender, adjective=kin)
            yield kin if form == "kin" else article(kin), mention
    elif form in ("girl", "a_girl"):
        for gender, noun in (("f", "girl"), ("m", "boy")):
            yield f"a {noun}" if form == "a_girl" else noun, Mention(gender=gender)
    else:
        for name in GENDERS:
            shown = {"name's": f"{name}'s"}.get(form, f"{form} {name}" if form in SPEECH else name)
            yield shown, Mention(key=name)
        if form == "":
            for gender in "mf":
                yield PRONOUNS["he"][gender], Mention(gender=gender)
        if form in SPEECH:
            for gender in "mf":
                yield f"{PRONOUNS['he'][gender]} {form}", Mention(gender=gender)


def _enumerate_nouns(kind: str, form: str):
    adjectives = list(ENTRIES["adjective" if kind == "thing" else "animal_adjective"])
    if form in ("it", "its"):
        yield form, Mention()
        return
    for noun in ENTRIES[kind]:
        if form == "bare":
            yield noun, Mention(key=noun, introduces=True)
        elif form in ("a", "cap_a"):
            yield article(noun), Mention(key=noun, introduces=True)
            for adjective in adjectives:
                yield article(f"{adjective} {noun}"), Mention(key=noun, adjective=adjective, introduces=True)
        else:
            yield f"the {noun}", Mention(key=noun)
            for adjective in adjectives:
                yield f"the {adjective} {noun}", Mention(key=noun, adjective=adjective)
    if kind == "animal" and form in ("", "cap"):
        for name in lexicon.PET_NAMES:
            yield name, Mention(key=f"called {name}")


# --- matching -----------------------------------------------------------------------------------------------------

Bound = tuple[tuple[Slot, object], ...]


def _slot(slot: Slot, tokens: list[str], at: int):
    """All (end, mention) of a slot's phrases that begin at a token."""
    if slot.role == "cause":
        for end, template, bound in _match(_trees()[2], tokens, at, whole=False):
            yield end, (template, bound)
        return
    node = _phrases(slot.kind, slot.form)
    variants = [tokens[at]]
    if at == 0 and tokens[0][0].isupper():
        variants.append(tokens[0][0].lower() + tokens[0][1:])
    for variant in variants:
        branch, end = node.get(variant), at + 1
        while branch is not None:
            for mention in branch.get(None, ()):
                if slot.kind == "pair" and mention.key:
                    if end < len(tokens) and tokens[end] in GENDERS:
                        yield end + 1, Mention(key=f"{mention.key} {tokens[end]}")
                else:
                    yield end, mention
            branch = branch.get(tokens[end]) if end < len(tokens) else None
            end += 1


def _match(node: _Node, tokens: list[str], at: int, whole: bool = True, bound: Bound = ()):
    """All paths through a tree: (end, template, what the slots hold). whole: up to the last token only."""
    if not whole or at == len(tokens):
        for template in node.ends:
            yield at, template, bound
    if at == len(tokens):
        return
    token = tokens[at]
    branch = node.words.get(token)
    if branch is None and at == 0 and token[0].isupper():
        branch = node.words.get(token[0].lower() + token[1:])
    if branch is not None:
        yield from _match(branch, tokens, at + 1, whole, bound)
    for slot, branch in node.slots.items():
        for end, mention in _slot(slot, tokens, at):
            yield from _match(branch, tokens, end, whole, (*bound, (slot, mention)))


def readings(sentence: str) -> list[tuple[Template, Lead | None, Bound]]:
    """The ways in which the grammar can read a sentence, a few at most; none for a sentence that is not its own."""
    if len(sentence) > MAX_CHARACTERS:
        return []
    tokens = TOKEN.findall(sentence)
    if not tokens or len(tokens) > MAX_TOKENS or not (tokens[0][0].isupper() or tokens[0] == '"'):
        return []
    if " ".join(sentence.split()) != sentence or not _spaced(sentence):
        return []
    every, after_lead, _ = _trees()
    found = []
    for _, template, bound in _match(every, tokens, 0):
        found.append((template, None, bound))
        if len(found) == MAX_READINGS:
            return found
    for length in (1, 2, 3, 4, 5):
        lead = _leads().get(tuple(tokens[:length]))
        if lead is not None and length < len(tokens):  # a lead alone is no sentence
            for _, template, bound in _match(after_lead, tokens, length):
                found.append((template, lead, bound))
                if len(found) == MAX_READINGS:
                    return found
    return found


def _spaced(sentence: str) -> bool:
    """No space before a comma, a full stop or their like, and one after."""
    return re.search(r"\s[.,!?:;]|[,;:](?=\w)", sentence) is None


# --- meaning ------------------------------------------------------------------------------------------------------


class _Reader:
    """Resolves the mentions of a reading to roles, and notes what does not fit."""

    def __init__(self, world: World, template: Template, bound: Bound, first: bool):
        self.world, self.template, self.bound, self.first = world, template, bound, first
        self.roles: dict = {}
        self.problems: list[str] = []
        self.checked = 0
        self.kin: dict[str, str] = {}
        self.adjectives: dict[str, str] = {}
        self.pronouns: list[tuple[str, str]] = []
        self.news: set[str] = set()
        self.cause: tuple[Template, Bound] | None = None

    def read(self) -> "_Reader":
        for slot, mention in self.bound:
            if slot.role == "cause":
                self.cause = mention
            else:
                self._bind(slot, mention)
        self._resolve()
        if self.cause is not None:
            self._read_cause()
        self._check_known()
        return self

    def _note(self, holds: bool, reason: str) -> None:
        self.checked += 1
        if not holds:
            self.problems.append(reason)

    def _set(self, role: str, key: str) -> None:
        if self.roles.setdefault(role, key) != key:
            self._note(False, f"One sentence speaks of {self.roles[role]} and of {key} as the same.")

    def _bind(self, slot: Slot, mention: Mention) -> None:
        if slot.kind == "pair":
            if mention.key:
                for role, name in zip(slot.role, mention.key.split(), strict=True):
                    self._set(role, name)
            elif not set(slot.role) <= self.roles.keys():
                self._they(slot.role)
        elif slot.kind == "person":
            if mention.key:
                self._set(slot.role, mention.key)
            elif mention.gender:
                self.pronouns.append((slot.role, mention.gender))
            if slot.form in ("kin", "a_kin"):
                self.kin[slot.role] = mention.adjective
        elif mention.key.startswith("called "):
            name = mention.key.removeprefix("called ")
            animals = [animal for animal, pet in self.world.pet.items() if pet == name]
            self._note(bool(animals), f"No animal is called {name}.")
            self._set(slot.role, animals[0] if animals else name)
        elif mention.key:
            self._set(slot.role, mention.key)
            if mention.adjective and slot.kind in ("thing", "animal"):
                self.adjectives[mention.key] = mention.adjective
            if mention.introduces:
                self.news.add(mention.key)

    def _they(self, roles: str) -> None:
        pair = self.world.recent_pair
        self._note(bool(pair), 'Nobody was named whom "they" could mean.')
        for role, name in zip(roles, pair, strict=False):
            self._set(role, name)

    def _resolve(self) -> None:
        """Pronouns: those of a person named in the sentence must fit, the others mean somebody told of just before."""
        named = {self.roles[role] for role in PEOPLE if role in self.roles}
        waiting: dict[str, str] = {}
        for role, gender in self.pronouns:
            if role in self.roles:
                name = self.roles[role]
                self._note(GENDERS.get(name) == gender, f"{name} is spoken of as if of the other gender.")
            elif waiting.setdefault(role, gender) != gender:
                self._note(False, "The pronouns of one sentence do not fit each other.")
        for role, gender in waiting.items():
            people = self.world.meant_by(gender, named)
            self._note(bool(people), f'Nobody was named whom "{PRONOUNS["he"][gender]}" could mean.')
            if people:
                self.roles[role] = people[0]
        if "n" in self.template.roles and "n" not in self.roles:
            self._note(bool(self.world.recent_animal), 'No animal was named that "it" could mean.')
            if self.world.recent_animal:
                self.roles["n"] = self.world.recent_animal

    def _read_cause(self) -> None:
        template, bound = self.cause
        inner = _Reader(self.world, template, bound, False)
        feeler = template.feeler
        if feeler in template.roles and "a" in self.roles:
            inner.roles[feeler] = self.roles["a"]
        inner.read()
        self.problems += inner.problems
        self.checked += inner.checked
        told = tuple(sorted((role, inner.roles[role]) for role in template.roles if role in inner.roles))
        self.roles["cause"] = Cause(template, told)

    def _check_known(self) -> None:
        """Whoever is named must have been introduced, and things keep their adjectives, relatives their kinship."""
        frame = frames()[self.template.frame]
        introduced = {word for effect in frame.effects if effect[0] in ("intro", "new") for word in effect[1:]}
        if self.template.feeler:
            introduced = set()
        for role, key in self.roles.items():
            if role in PEOPLE and role not in introduced:
                self._note(self.first or key in self.world.known, f"{key} has not been spoken of before.")
            if role in ("t", "u", "n") and role not in introduced and key not in self.news:
                self._note(key in self.world.known, f"The {key} has not been spoken of before.")
        for role, kin in self.kin.items():
            name = self.roles.get(role, "")
            known = self.world.kin.get(name)
            if known:
                self._note(known == kin, f"{name} is the {known}, not the {kin}.")
        for noun, adjective in self.adjectives.items():
            known = self.world.adjective.get(noun)
            if known:
                self._note(known == adjective, f"The {noun} is {known}, not {adjective}.")


def _tell(world: World, reader: _Reader, lead: Lead | None) -> None:
    """Adds what a sentence tells to the world."""
    frame = frames()[reader.template.frame]
    roles = reader.roles
    world.apply(frame, roles, lead)
    world.known |= {value for role, value in roles.items() if role in (*PEOPLE, "t", "u", "n")}
    for role, kin in reader.kin.items():
        if role in roles:
            world.kin[roles[role]] = kin
    world.adjective |= reader.adjectives
    people = [roles[role] for role in PEOPLE if role in roles]
    if "cause" in roles:
        people += [value for role, value in roles["cause"].roles if role in PEOPLE and value not in people]
    pair = any(slot.role in PAIRS for slot, _ in reader.bound) and "a" in roles and "b" in roles
    world.remember(people, (roles["a"], roles["b"]) if pair else (), roles.get("n", ""))


def judge(text: str) -> Verdict:
    """Reads any text sentence by sentence.

    A rejected sentence tells nothing; pronouns reach over it. Of several readings the one with the fewest
    contradictions is taken. 100 kB take less than a second.
    """
    verdict, world = Verdict(), World()
    for sentence in split(text):
        verdict.sentences += 1
        found = readings(sentence)
        if not found:
            verdict.rejected.append(sentence)
            continue
        best = None
        for template, lead, bound in found:
            reader = _Reader(world, template, bound, first=verdict.accepted == 0).read()
            before = world.checked
            problems = reader.problems + world.problems(frames()[template.frame], reader.roles, lead)
            facts = reader.checked + world.checked - before
            if best is None or len(problems) < len(best[0]):
                best = problems, facts, reader, lead
        problems, facts, reader, lead = best
        verdict.accepted += 1
        verdict.facts += facts
        verdict.contradictions += [(sentence, problem) for problem in problems]
        _tell(world, reader, lead)
    return verdict
