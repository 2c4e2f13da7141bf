"""The grammar: sentences as templates with slots, and the world whose facts they must agree with.

    Template, Frame     a sentence form in both languages; an event with its conditions and effects
    World               who is where, has what, is whose; `problems` tells what an event would contradict
    Sentence            a template with its roles filled in; renders itself

The writer (plots.py) and the parser (parser.py) go through the same `World`, so what one calls consistent,
the other does too.
Knowledge is open: what no sentence has told is unknown and contradicts nothing.
"""

import re
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from utils.worlds import tables
from utils.worlds.stories import lexicon
from utils.worlds.stories.lexicon import ENTRIES

GENDERS = {name: "f" for name in lexicon.GIRLS} | {name: "m" for name in lexicon.BOYS}
PEOPLE, PAIRS = ("a", "b", "c"), ("ab",)
KINDS = {
    "a": "person",
    "b": "person",
    "c": "person",
    "ab": "pair",
    "t": "thing",
    "u": "thing",
    "n": "animal",
    "p": "place",
    "q": "place",
}
SPEECH = (
    "said",
    "asked",
    "answered",
    "whispered",
    "cried",
    "called",
    "shouted",
    "replied",
    "explained",
    "promised",
    "admitted",
    "suggested",
)
HOURS = ("morning", "afternoon", "evening", "night")
PRONOUNS = {"he": {"m": "he", "f": "she"}, "him": {"m": "him", "f": "her"}, "his": {"m": "his", "f": "her"}}


def kind_of(role: str) -> str:
    """The kind of word that fills a role."""
    return KINDS.get(role, role)


@dataclass(frozen=True)
class Slot:
    """A place in a template: which role, in which form."""

    role: str
    form: str

    @property
    def kind(self) -> str:
        return kind_of(self.role)


@dataclass(frozen=True)
class Template:
    """A sentence form (or a clause after "because"): English and French parts, strings and slots in turn."""

    frame: str
    number: int
    english: tuple
    french: tuple
    takes_lead: bool = False
    feeler: str = ""
    mood: str = ""

    @cached_property
    def roles(self) -> frozenset[str]:
        """The roles it names, pairs resolved into their people."""
        return frozenset(letter for slot in self.slots for letter in people_in(slot.role))

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        return tuple(part for part in self.english if isinstance(part, Slot))

    @cached_property
    def subject(self) -> str:
        """The first role of people, where it stands in a form that may be a name or a pronoun; else nothing."""
        for slot in self.slots:
            if slot.kind in ("person", "pair"):
                return slot.role if not self.feeler and (slot.form == "" or slot.form in SPEECH) else ""
        return ""

    @cached_property
    def pronominal(self) -> frozenset[str]:
        """The roles of people that appear as pronouns only, so that an earlier sentence must say who they are."""
        named = {
            letter
            for slot in self.slots
            for letter in people_in(slot.role)
            if slot.form not in PRONOUNS and slot.form not in ("they", "their")
        }
        return frozenset(role for role in self.roles & set(PEOPLE) if role not in named)


def people_in(role: str) -> tuple[str, ...]:
    """A pair's two roles; any other role itself."""
    return tuple(role) if role in PAIRS else (role,)


@dataclass(frozen=True)
class Frame:
    """An event: conditions and effects as tuples of words, its sentences, and itself as a cause."""

    name: str
    needs: tuple[tuple[str, ...], ...]
    effects: tuple[tuple[str, ...], ...]
    templates: tuple[Template, ...]
    causes: tuple[Template, ...]


@dataclass(frozen=True)
class Cause:
    """An earlier event as the reason of a feeling: a clause and its roles."""

    template: Template
    roles: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Lead:
    """A connective at the head of a sentence, and what it does to the clock."""

    english: str
    french: str
    clock: str


def _parts(pattern: str) -> tuple:
    """ "{a} went {p:to}." -> (Slot a, " went ", Slot p:to, ".")."""
    pieces = re.split(r"\{(\w+)(?::([^}]*))?\}", pattern)
    parts = []
    for at in range(0, len(pieces), 3):
        if pieces[at]:
            parts.append(pieces[at])
        if at + 1 < len(pieces):
            parts.append(Slot(pieces[at + 1], pieces[at + 2] or ""))
    return tuple(parts)


def _clauses(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(clause.split()) for clause in text.split(",") if clause.strip())


@lru_cache(maxsize=None)
def frames() -> dict[str, Frame]:
    """All frames by name. Read once, on first use."""
    found = {}
    for block in "\n".join(tables.sections("frames")["frame"]).removeprefix("@").split("\n@"):
        header, *lines = block.splitlines()
        name, _, conditions = header.partition(" ")
        needs, _, effects = conditions.partition("=>")
        templates, causes = [], []
        for line in lines:
            if line.startswith("!"):
                marks, _, line = line[1:].partition("|")
                feeler, mood = marks.split()
                english, french = line.split("||")
                parts = _parts(english.strip()), _parts(french.strip())
                causes.append(Template(name, len(causes), *parts, feeler=feeler, mood=mood))
            else:
                english, french = line.lstrip("+").split("||")
                parts = _parts(english.strip()), _parts(french.strip())
                templates.append(Template(name, len(templates), *parts, takes_lead=line.startswith("+")))
        found[name] = Frame(name, _clauses(needs), _clauses(effects), tuple(templates), tuple(causes))
    return found


@lru_cache(maxsize=None)
def leads() -> tuple[Lead, ...]:
    """All connectives."""
    rows = tables.rows(tables.sections("frames")["lead"])
    return tuple(Lead(row[0], row[1], row[2] if len(row) > 2 else "") for row in rows)


# --- the world ----------------------------------------------------------------------------------------------------


@dataclass
class World:
    """What the sentences so far have told. Keys are names of people and the English words of things and places.

    at         where a person or an animal is
    holder     who has a thing ("" for nobody)
    spot       where a thing that nobody has lies
    owner      whose a thing or an animal is
    """

    at: dict[str, str] = field(default_factory=dict)
    holder: dict[str, str] = field(default_factory=dict)
    owner: dict[str, str] = field(default_factory=dict)
    spot: dict[str, str] = field(default_factory=dict)
    whole: dict[str, bool] = field(default_factory=dict)
    lives: dict[tuple[str, str], str] = field(default_factory=dict)
    kin: dict[str, str] = field(default_factory=dict)
    adjective: dict[str, str] = field(default_factory=dict)
    pet: dict[str, str] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    clock: str = ""
    history: list[tuple[str, dict]] = field(default_factory=list)
    recent: list[list[str]] = field(default_factory=list)
    recent_pair: tuple[str, ...] = ()
    recent_animal: str = ""
    checked: int = 0

    # conditions -----------------------------------------------------------------------------------------------

    def problems(self, frame: Frame, roles: dict, lead: Lead | None = None) -> list[str]:
        """What an event would contradict, a sentence each; nothing is changed but the count of checks."""
        found = [] if lead is None else self._clock_problems(lead.clock)
        for need in frame.needs:
            values = [roles.get(word, word if word == "home" else None) for word in need[1:]]
            if None not in values:
                found += getattr(self, "_need_" + need[0])(*values)
        for effect in frame.effects:
            check = getattr(self, "_before_" + effect[0], None)
            values = [roles.get(word, word if word == "home" else None) for word in effect[1:]]
            if check and None not in values:
                found += check(*values)
        if "cause" in roles:
            found += self._cause_problems(roles)
        return found

    def _test(self, holds: bool, reason: str) -> list[str]:
        self.checked += 1
        return [] if holds else [reason]

    def _need_at(self, who: str, place: str) -> list[str]:
        if who not in self.at:
            return []
        return self._test(self.at[who] == place, f"{who} is at the {self.at[who]}, not at the {place}.")

    def _need_near(self, who: str, whom: str) -> list[str]:
        if who not in self.at or whom not in self.at:
            return []
        here, there = self.at[who], self.at[whom]
        return self._test(here == there, f"{who} is at the {here}, but {whom} is at the {there}.")

    def _need_has(self, who: str, thing: str) -> list[str]:
        if thing not in self.holder:
            return []
        holder = self.holder[thing]
        return self._test(holder == who, f"{who} does not have the {thing}: {holder or 'nobody'} has it.")

    def _need_lacks(self, who: str, thing: str) -> list[str]:
        if thing not in self.holder:
            return []
        return self._test(self.holder[thing] != who, f"{who} has the {thing} and cannot miss it.")

    def _need_free(self, thing: str) -> list[str]:
        if thing not in self.holder:
            return []
        return self._test(not self.holder[thing], f"The {thing} is not lying about: {self.holder[thing]} has it.")

    def _need_lies(self, thing: str, spot: str) -> list[str]:
        if thing not in self.spot:
            return []
        return self._test(self.spot[thing] == spot, f"The {thing} lies {self.spot[thing]}, not {spot}.")

    def _need_owns(self, who: str, thing: str) -> list[str]:
        if thing not in self.owner:
            return []
        return self._test(self.owner[thing] == who, f"The {thing} belongs to {self.owner[thing]}, not to {who}.")

    def _need_whole(self, thing: str) -> list[str]:
        if thing not in self.whole:
            return []
        return self._test(self.whole[thing], f"The {thing} is broken already.")

    def _need_broken(self, thing: str) -> list[str]:
        return self._test(not self.whole.get(thing, True), f"Nobody has broken the {thing}.")

    def _need_wants(self, who: str, thing: str) -> list[str]:
        return self._test(("wants", who, thing) in self.known, f"{who} never wished for the {thing}.")

    def _need_earned(self, who: str) -> list[str]:
        return self._test(("earned", who) in self.known, f"{who} has earned no money.")

    def _need_lost_animal(self, animal: str) -> list[str]:
        return self._test(animal in self.lost, f"The {animal} was not lost.")

    def _before_new(self, thing: str) -> list[str]:
        return self._test(thing not in self.known, f"The {thing} is told of as new, but is known already.")

    def _before_intro(self, who: str) -> list[str]:
        return []

    def _before_lives(self, who: str, where: str) -> list[str]:
        kind = "town" if where in ENTRIES["town"] else "organization"
        if kind == "organization" or (who, kind) not in self.lives:
            return []
        return self._test(self.lives[who, kind] == where, f"{who} lives in {self.lives[who, kind]}, not in {where}.")

    def _before_called(self, animal: str, name: str) -> list[str]:
        if animal not in self.pet:
            return []
        return self._test(self.pet[animal] == name, f"The {animal} is called {self.pet[animal]}, not {name}.")

    def _clock_problems(self, clock: str) -> list[str]:
        if clock not in HOURS or not self.clock:
            return []
        later = HOURS.index(clock) >= HOURS.index(self.clock)
        return self._test(later, f"It was {self.clock} already, and now it is {clock} of the same day.")

    def _cause_problems(self, roles: dict) -> list[str]:
        """A reason must have happened, to the one who feels it, and must fit the feeling."""
        cause = roles["cause"]
        told = dict(cause.roles)
        happened = any(
            name == cause.template.frame and all(past.get(role, value) == value for role, value in told.items())
            for name, past in self.history
        )
        found = self._test(happened, f"The reason given for what {roles.get('a')} feels has not happened in the story.")
        if "feeling" in roles:
            fits = cause.template.mood in ENTRIES["feeling"][roles["feeling"]].tags
            found += self._test(fits, f"{roles.get('a')} is {roles['feeling']}, which does not fit the reason.")
        return found

    # effects --------------------------------------------------------------------------------------------------

    def apply(self, frame: Frame, roles: dict, lead: Lead | None = None) -> None:
        """Changes the world as the event does, and remembers the event."""
        if lead is not None and lead.clock:
            self._pass_time(lead.clock)
        for need in frame.needs:
            self._learn(need, roles)
        for effect in frame.effects:
            values = [roles.get(word, word if word == "home" else None) for word in effect[1:]]
            if None not in values:
                getattr(self, "_do_" + effect[0])(*values)
        self.history.append((frame.name, {role: value for role, value in roles.items() if role != "cause"}))

    def _pass_time(self, clock: str) -> None:
        # Where people are after a night or a week, nobody has told.
        if clock == "next":
            self.at.clear()
        self.clock = "" if clock == "next" else clock

    def _learn(self, need: tuple[str, ...], roles: dict) -> None:
        """What a sentence takes for granted is known from then on."""
        values = [roles.get(word, word if word == "home" else None) for word in need[1:]]
        if None in values:
            return
        if need[0] == "has":
            self.holder[values[1]] = values[0]
        elif need[0] == "owns":
            self.owner[values[1]] = values[0]
        elif need[0] == "at":
            self.at[values[0]] = values[1]
        elif need[0] == "near":
            who, whom = values
            if who in self.at:
                self.at[whom] = self.at[who]
            elif whom in self.at:
                self.at[who] = self.at[whom]

    def _do_at(self, who: str, place: str) -> None:
        self.at[who] = place
        self.lost.discard(who)

    def _do_has(self, who: str, thing: str) -> None:
        self.holder[thing] = who
        self.spot.pop(thing, None)

    def _do_lies(self, thing: str, spot: str) -> None:
        self.spot[thing] = spot

    def _do_owns(self, who: str, thing: str) -> None:
        self.owner[thing] = who

    def _do_gone(self, thing: str) -> None:
        self.holder[thing] = ""

    _do_drop = _do_gone

    def _do_gone_animal(self, animal: str) -> None:
        self.at.pop(animal, None)
        self.lost.add(animal)

    def _do_broken(self, thing: str) -> None:
        self.whole[thing] = False

    def _do_whole(self, thing: str) -> None:
        self.whole[thing] = True

    def _do_new(self, thing: str) -> None:
        self.known.add(thing)

    def _do_intro(self, who: str) -> None:
        self.known.add(who)

    def _do_wants(self, who: str, thing: str) -> None:
        self.known.add(("wants", who, thing))

    def _do_earned(self, who: str) -> None:
        self.known.add(("earned", who))

    def _do_lives(self, who: str, where: str) -> None:
        self.lives[who, "town" if where in ENTRIES["town"] else "organization"] = where

    def _do_kin(self, who: str, whom: str) -> None:
        pass  # The mention itself tells the relative: see `Sentence` and the parser.

    def _do_job(self, who: str, job: str) -> None:
        pass

    def _do_called(self, animal: str, name: str) -> None:
        self.pet[animal] = name

    def _do_clock(self, hour: str) -> None:
        self.clock = hour

    # who is meant ---------------------------------------------------------------------------------------------

    def meant_by(self, gender: str, named: set[str]) -> list[str]:
        """The people a pronoun may mean: of that gender, told of in the last two sentences, not named in this one.

        The latest sentence comes first. gender: m or f.
        """
        people = [who for mentioned in reversed(self.recent[-2:]) for who in mentioned]
        return list(dict.fromkeys(who for who in people if GENDERS.get(who) == gender and who not in named))

    def remember(self, mentioned: list[str], pair: tuple[str, ...], animal: str = "") -> None:
        """Notes who and what a sentence told of, for the pronouns of the next two."""
        self.recent_animal = animal
        self.recent = [*self.recent[-1:], mentioned]
        self.recent_pair = pair


# --- sentences ----------------------------------------------------------------------------------------------------


@dataclass
class Sentence:
    """A sentence of a story: its template with the roles filled in.

    roles    role -> name or English word; a `Cause` for the role "cause"
    style    role -> "pronoun" (of the subject), "long" (a thing with its adjective), "called" (an animal by its name)
    cast     the kin, adjectives and animals' names of the story, as the `World` at its end knows them
    """

    template: Template
    roles: dict
    style: dict[str, str]
    lead: Lead | None
    cast: World

    @property
    def meaning(self) -> tuple:
        """The event: its name, then (role, value) pairs in alphabetical order."""
        pairs = sorted((role, value) for role, value in self.roles.items() if role != "cause")
        if "cause" in self.roles:
            cause = self.roles["cause"]
            pairs.append(("cause", (cause.template.frame, *cause.roles)))
        return (self.template.frame, *pairs)

    @cached_property
    def english(self) -> str:
        text = "".join(self._english(part) for part in self.template.english)
        if self.lead is not None:
            text = f"{self.lead.english} {text}"
        return text[0].upper() + text[1:]

    def _english(self, part) -> str:
        if isinstance(part, str):
            return part
        if part.role == "cause":
            cause = self.roles["cause"]
            inner = Sentence(cause.template, dict(cause.roles), {}, None, self.cast)
            return "".join(inner._english(piece) for piece in cause.template.english)
        return english_form(part, self)


def article(phrase: str) -> str:
    """The phrase with "a" or "an"."""
    return ("an " if phrase[0] in "aeiou" or phrase.startswith("honest") else "a ") + phrase


def english_form(slot: Slot, sentence: Sentence) -> str:
    """What stands in a slot of an English sentence. Raises KeyError where the role is not filled."""
    kind, form = slot.kind, slot.form
    if kind == "pair":
        first, second = sentence.roles["a"], sentence.roles["b"]
        if form == "" and sentence.style.get("ab") != "pronoun":
            return f"{first} and {second}"
        return {"": "they", "they": "they", "their": "their", "them": "them"}[form]
    value = sentence.roles[slot.role]
    if kind == "person":
        return _person(slot, value, sentence)
    if kind in ("thing", "animal"):
        return _noun(slot, value, sentence)
    return word_form(kind, form, value)


def _person(slot: Slot, name: str, sentence: Sentence) -> str:
    form, gender = slot.form, GENDERS[name]
    pronoun = sentence.style.get(slot.role) == "pronoun" and sentence.template.subject == slot.role
    # Only the first time: a later slot of the same role names the person.
    if form in ("", "name"):
        return PRONOUNS["he"][gender] if pronoun and form == "" else name
    if form in SPEECH:
        return f"{PRONOUNS['he'][gender]} {form}" if pronoun else f"{form} {name}"
    if form == "name's":
        return f"{name}'s"
    if form in PRONOUNS:
        return PRONOUNS[form][gender]
    girl = "girl" if gender == "f" else "boy"
    kin = sentence.cast.kin.get(name, "")
    return {"girl": girl, "a_girl": f"a {girl}", "kin": kin, "a_kin": article(kin) if kin else ""}[form]


def _noun(slot: Slot, noun: str, sentence: Sentence) -> str:
    adjective = sentence.cast.adjective.get(noun, "")
    full = f"{adjective} {noun}".strip()
    form = slot.form
    if form == "bare":
        return noun
    if form in ("a", "cap_a"):
        return article(full)
    if form == "it":
        return "it"
    if form == "its":
        return "its"
    style = sentence.style.get(slot.role)
    if style == "called":
        return sentence.cast.pet[noun]
    return f"the {full if style == 'long' else noun}"


def word_form(kind: str, form: str, word: str) -> str:
    """The English form of a word that is neither a person nor a thing of the story."""
    entry = ENTRIES[kind][word]
    if kind == "place":
        if word == "home":
            return {"to": "home", "in": "at home", "of": "of the house", "to_the": "home"}.get(form, "the house")
        preposition = {"to": "to", "in": entry.columns[0], "of": "of", "to_the": "to"}.get(form)
        return f"{preposition} the {word}" if preposition else f"the {word}"
    if kind == "dish":
        return article(word) if form == "a" else f"the {word}"
    if form == "a":
        return article(word)
    if form in ("past", "part"):
        return entry.columns[0]
    if form == "did":
        return entry.columns[2]
    return word
