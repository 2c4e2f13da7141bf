"""The writer: a cast, a plot, and a world in which every sentence is checked before it is told.

A plot is a function of a `Teller`; it says what happens, the teller chooses how to say it. A plot returns the summaries
that it has, one sentence each.
"""

from functools import lru_cache
from random import Random

from utils.worlds.stories import lexicon
from utils.worlds.stories.grammar import GENDERS, PEOPLE, Cause, Lead, Sentence, Template, World, frames, leads
from utils.worlds.stories.lexicon import ENTRIES, tagged

SOON = tuple(lead for lead in leads() if not lead.clock)
LATER = tuple(lead for lead in leads() if lead.clock == "next")
DAYS = tuple(lead for lead in LATER if "few days" in lead.english or "week" in lead.english)

# What only describes: after it, "Soon" or "After that" would refer to nothing.
STATES = {
    "live",
    "live_kin",
    "dreamer",
    "kin",
    "friend",
    "work",
    "own",
    "keepsake",
    "member",
    "far",
    "newcomer",
    "birthday",
    "afraid",
    "wish_skill",
    "want",
    "poor",
    "enter",
    "own_pet",
    "call_it_pet",
    "rival",
}


@lru_cache(maxsize=None)
def _words(kind: str, tags: tuple[str, ...]) -> tuple[str, ...]:
    """The words of a kind with these tags; "home" is nobody's choice, since whose home it is would be unclear."""
    return tuple(word.english for word in tagged(kind, *tags) if word.english != "home")


class Teller:
    """Writes one story: sentences in order, each consistent with the world so far.

    Raises ValueError where a plot tells what the world forbids: a fault of the plot.
    """

    def __init__(self, rng: Random):
        self.rng = rng
        self.world = World()
        self.sentences: list[Sentence] = []
        self.used: set[tuple[str, int]] = set()
        self.words: set[str] = set()

    # choosing -------------------------------------------------------------------------------------------------

    def pick(self, kind: str, *tags: str) -> str:
        """A word of a kind with these tags that the story has not used yet; a used one where there is no other."""
        words = _words(kind, tags)
        word = self.rng.choice([word for word in words if word not in self.words] or words)
        self.words.add(word)
        return word

    def person(self, gender: str = "any") -> str:
        """A name that the story has not used yet."""
        names = {"f": lexicon.GIRLS, "m": lexicon.BOYS}.get(gender) or self.rng.choice((lexicon.GIRLS, lexicon.BOYS))
        while True:
            name = self.rng.choice(names)
            if name not in self.words and all(name[0] != other[0] for other in self.words if other in GENDERS):
                self.words.add(name)
                return name

    def relative(self, *tags: str) -> str:
        """A person who is kin of the main one: an adult or a child."""
        kin = self.pick("kin", *tags)
        gender = ENTRIES["kin"][kin].columns[1]
        name = self.person(gender)
        self.world.kin[name] = kin
        return name

    def thing(self, *tags: str, large: bool = False) -> str:
        """A thing with an adjective, most of the time. large: it need not fit into a bag."""
        thing = self.pick("thing", *tags)
        while "large" in ENTRIES["thing"][thing].tags and not large:
            thing = self.pick("thing", *tags)
        if self.rng.random() < 0.85:
            self.world.adjective[thing] = self.pick("adjective")
        return thing

    def animal(self, *tags: str) -> str:
        """An animal with an adjective."""
        animal = self.pick("animal", *tags)
        self.world.adjective[animal] = self.pick("animal_adjective")
        return animal

    def place(self, *tags: str) -> str:
        return self.pick("place", *tags)

    def spot(self, place: str) -> str:
        """A spot inside or outside, as the place is."""
        return self.pick("indoor_spot" if "in" in ENTRIES["place"][place].tags else "outdoor_spot")

    def pastime(self, place: str) -> str:
        """A pastime that suits a place."""
        tags = ["any"]
        if "out" in ENTRIES["place"][place].tags:
            tags.append("out")
            tags += ["water"] * ("water" in ENTRIES["place"][place].tags) + ["beach"] * (place == "beach")
        return self.pick("pastime", self.rng.choice(tags))

    def ground(self, tag: str) -> str:
        """A place where a skill or a contest with this tag is practiced."""
        if tag == "rink":
            return "skating rink"
        if tag == "slope":
            return self.rng.choice(("hill", "mountain"))
        if tag == "farm":
            return self.rng.choice(("farm", "barn", "stable"))
        return self.place() if tag == "any" else self.place(tag)

    def chore(self, job: str) -> str:
        """Work that somebody of this profession needs done."""
        return self.pick("chore", lexicon.JOB_CHORES.get(job, "any") if self.maybe(0.6) else "any")

    def feed(self, animal: str) -> str:
        """Food for an animal."""
        bird = "bird" in ENTRIES["animal"][animal].tags
        return self.pick("feed", "bird" if bird or self.maybe(0.3) else "other")

    def maybe(self, probability: float = 0.5) -> bool:
        return self.rng.random() < probability

    # telling --------------------------------------------------------------------------------------------------

    def tell(self, name: str, lead: str = "", **roles) -> None:
        """Tells an event, in one of its sentences that fit. lead: "later" lets a night pass, "days" more."""
        frame = frames()[name]
        given = roles.keys()
        fitting = [t for t in frame.templates if t.roles <= given and self._clear(t, roles)]
        if lead:
            fitting = [t for t in fitting if t.takes_lead] or fitting
        fresh = [t for t in fitting if (name, t.number) not in self.used] or fitting
        if not fresh:
            raise ValueError(f"The event {name} has no sentence for {sorted(given)}: add one to frames.py.")
        template = self.rng.choice(fresh)
        self.used.add((name, template.number))
        self._add(template, {role: roles[role] for role in template.roles}, self._lead(template, lead))

    def feel(self, who: str, cause_frame: str, mood: str, **roles) -> None:
        """Tells what somebody feels because of an event that has happened."""
        causes = [
            cause
            for cause in frames()[cause_frame].causes
            if (cause.mood == mood or (mood, cause.mood) == ("good", "pride"))
            and cause.roles <= roles.keys()
            and roles.get(cause.feeler, who) == who
        ]
        causes = [cause for cause in causes if self._happened(cause, roles)]
        if not causes:
            return
        cause = self.rng.choice(causes)
        inner = Cause(cause, tuple(sorted((role, roles[role]) for role in cause.roles)))
        feeling = self.pick("feeling", cause.mood)
        template = self.rng.choice(frames()["feel"].templates)
        self._add(template, {"a": who, "feeling": feeling, "cause": inner}, None)

    def _happened(self, cause: Template, roles: dict) -> bool:
        told = {role: roles[role] for role in cause.roles}
        return any(
            name == cause.frame and all(past.get(role, value) == value for role, value in told.items())
            for name, past in self.world.history
        )

    def _clear(self, template: Template, roles: dict) -> bool:
        """Whether it is clear from the last two sentences whom its pronouns mean."""
        named = {roles[role] for role in template.roles if role in PEOPLE and role not in template.pronominal}
        if any(slot.form == "a_kin" for slot in template.slots) and self.world.kin[roles["b"]] in ("mother", "father"):
            return False  # Nobody says "a father".
        if any(slot.form == "its" for slot in template.slots) and self.world.recent_animal != roles["n"]:
            return False
        return all(self._unique(roles[role], named) for role in template.pronominal)

    def _unique(self, who: str, named: set[str]) -> bool:
        """Whether a pronoun can mean only this person, also for a reader who has not seen the rest of the sentence."""
        gender = GENDERS[who]
        return self.world.meant_by(gender, set()) == [who] == self.world.meant_by(gender, named)

    def _lead(self, template: Template, lead: str) -> Lead | None:
        if lead and template.takes_lead:
            return self.rng.choice(DAYS if lead == "days" else LATER)
        if template.english[0] in ("the weather changed, and ", "there came a letter from "):
            return self.rng.choice(SOON)
        after_event = self.sentences and self.sentences[-1].template.frame not in STATES
        if template.takes_lead and after_event and self.maybe(0.3):
            return self.rng.choice(SOON)
        return None

    def _add(self, template: Template, roles: dict, lead: Lead | None) -> None:
        frame = frames()[template.frame]
        found = self.world.problems(frame, roles, lead)
        if found:
            raise ValueError(f"The plot contradicts its world at {template.frame}: {found[0]}")
        sentence = Sentence(template, roles, self._style(template, roles), lead, self.world)
        self.sentences.append(sentence)
        self.world.apply(frame, roles, lead)
        self.world.remember(*mentions(template, roles), animal=roles.get("n", ""))

    def _style(self, template: Template, roles: dict) -> dict[str, str]:
        style = {}
        subject = template.subject
        if subject == "ab" and self.world.recent_pair == (roles["a"], roles["b"]) and self.maybe(0.7):
            style["ab"] = "pronoun"
        elif subject in PEOPLE and self.maybe(0.7):
            who = roles[subject]
            named = {roles[role] for role in template.roles if role in PEOPLE and role != subject}
            other = any(GENDERS[roles[role]] == GENDERS[who] for role in template.pronominal)
            if not other and self._unique(who, named):
                style[subject] = "pronoun"
        for role in ("t", "u"):
            if role in roles and roles[role] in self.world.adjective and self.maybe(0.25):
                style[role] = "long"
        if "n" in roles and roles["n"] in self.world.pet and template.frame not in ("call_it", "call_it_pet"):
            style["n"] = "called" if self.maybe(0.6) else "short"
        return style


def mentions(template: Template, roles: dict) -> tuple[list[str], tuple[str, ...]]:
    """The people a sentence tells of, in the order of their roles, and the pair among them that "they" would mean."""
    told = dict(roles)
    people = [told[role] for role in PEOPLE if role in told]
    cause = told.get("cause")
    if cause is not None:
        people += [value for role, value in cause.roles if role in PEOPLE and value not in people]
    pair = any(slot.role == "ab" for slot in template.slots)
    return people, (told["a"], told["b"]) if pair else ()


# --- openings -----------------------------------------------------------------------------------------------------


def _hero(s: Teller) -> str:
    """Opens the story and gives the main person."""
    a = s.person()
    if s.maybe(0.75):
        s.tell("live", a=a, town=s.pick("town"), trait=s.pick("trait"))
    else:
        s.tell("dreamer", a=a, dream=s.pick("dream"))
    if s.maybe(0.12):
        s.tell("member", a=a, organization=s.pick("organization", "club"))
    return a


def _friend(s: Teller, a: str) -> str:
    """A second person: a friend or a relative of about the same age."""
    if s.maybe(0.65):
        b = s.person()
        s.tell("friend", a=a, b=b)
    else:
        b = s.relative("child")
        s.tell("kin", a=a, b=b)
    return b


def _two(s: Teller, *tags: str) -> tuple[str, str]:
    """Opens the story with two people who live or stand together. tags: child, where the second must be one."""
    if s.maybe(0.4):
        a, b = s.person(), s.relative(*tags)
        s.tell("live_kin", a=a, b=b, town=s.pick("town"))
    else:
        a = _hero(s)
        b = _friend(s, a)
    return a, b


def _adult(s: Teller) -> tuple[str, str]:
    """Somebody with a profession: the name and the profession."""
    c, job = s.person(), s.pick("job")
    s.tell("work", b=c, job=job)
    return c, job


def _arrive(s: Teller, a: str, place: str) -> None:
    """The main person comes to a place at a time of day, in some weather."""
    mood = "good" if s.maybe(0.75) else "bad"
    if s.maybe(0.7):
        time = s.rng.choice(("morning", "afternoon", "evening"))
        s.tell("one_day", a=a, p=place, time=time, weather=s.pick("weather", mood))
    else:
        s.tell("go", a=a, p=place)


def _end(s: Teller, a: str, b: str = "", lesson: str = "") -> None:
    """A last sentence, or none. lesson: care, help or truth, what the main person has learned."""
    chance = s.rng.random()
    if lesson and s.maybe(0.25):
        s.tell(f"lesson_{lesson}", a=a)
        return
    if b and b not in s.world.kin and chance < 0.3:
        s.tell("friends", a=a, b=b)
    elif b and chance < 0.45:
        s.tell("smile", a=a, b=b)
    elif chance < 0.8:
        s.tell("lesson", a=a)


# --- plots --------------------------------------------------------------------------------------------------------


def lost_thing(s: Teller) -> tuple[str, ...]:
    """Something is lost, searched for and found."""
    a = _hero(s)
    t, p = s.thing(), s.place()
    s.tell("own", a=a, t=t)
    if s.maybe(0.35):
        s.tell("keepsake", a=a, b=s.relative("adult"), t=t)
    b = _friend(s, a)
    _arrive(s, a, p)
    if s.maybe(0.4):
        s.tell("play_thing", a=a, t=t, p=p)
    s.tell("lose", a=a, t=t)
    if s.maybe(0.6):
        s.feel(a, "lose", "bad", a=a, t=t)
    else:
        if s.maybe():
            s.tell("feel_plain", a=a, feeling=s.pick("feeling", "bad"))
        else:
            s.tell("cry", a=a)
    s.tell(s.rng.choice(("meet", "arrive")), a=a, b=b, p=p)
    if s.maybe():
        s.tell("ask_matter", a=a, b=b, feeling=s.pick("feeling", "bad"))
        s.tell("tell", a=a, b=b)
    s.tell(s.rng.choice(("comfort", "offer")), a=a, b=b)
    s.tell("search_pair", a=a, b=b, t=t, p=p, spot=s.spot(p))
    finder, other = (b, a) if s.maybe(0.6) else (a, b)
    s.tell("find_spot", a=finder, t=t, spot=s.spot(p))
    if finder == b:
        s.tell("give_back", a=b, b=a, t=t)
        s.feel(a, "give_back", "good", a=b, b=a, t=t)
    else:
        s.feel(a, "find_spot", "good", a=a, t=t)
    s.tell("thank", a=a, b=b)
    _end(s, a, b, lesson="care")
    return (
        f"{a} lost the {t}, and {b} helped to find it.",
        f"With the help of {b}, the lost {t} of {a} was found again.",
        f"{a} and {b} searched for the lost {t} until {finder} found it.",
    )


def saved_for(s: Teller) -> tuple[str, ...]:
    """Something too expensive is earned by work."""
    a = _hero(s)
    t = s.thing(s.rng.choice(("toy", "tool", "clothes", "instrument")), large=True)
    s.tell("want", a=a, t=t)
    s.tell("poor", a=a, t=t)
    if s.maybe(0.4):
        s.feel(a, "want", "bad", a=a, t=t)
    p = s.place("public")
    s.tell("go", a=a, p=p, lead="later" if s.maybe() else "")
    c, job = _adult(s)
    h = s.chore(job)
    s.tell("chore_ask", a=a, b=c, chore=h)
    s.tell("chore", a=a, b=c, chore=h)
    if s.maybe(0.4):
        second = s.chore(job)
        s.tell("chore", a=a, b=c, chore=second, lead="later")
    if s.maybe(0.4):
        s.tell("smile", a=c, b=a)
    s.tell("earn", a=a, b=c)
    if s.maybe(0.3):
        s.feel(a, "earn", "good", a=a, b=c)
    s.tell("thank", a=a, b=c)
    s.tell("buy", a=a, t=t)
    if s.maybe():
        s.feel(a, "buy", "good", a=a, t=t)
    s.tell("enjoy", a=a, t=t)
    if s.maybe(0.4):
        _end(s, a)
    return (
        f"{a} worked for {c} and bought the {t} at last.",
        f"Because the {t} was too expensive, {a} earned the money by working for {c}.",
        f"{a} wished for {article_of(s, t)} and earned it with hard work.",
    )


def broken_thing(s: Teller) -> tuple[str, ...]:
    """Something borrowed breaks; the truth is told."""
    a, b = _two(s, "child")
    t = s.thing("fragile")
    s.tell("own", a=b, t=t)
    s.tell("borrow_ask", a=a, b=b, t=t)
    s.tell("lend", a=b, b=a, t=t)
    p = s.place()
    s.tell("go", a=a, p=p)
    s.tell("break", a=a, t=t, mishap=s.pick("mishap"))
    s.feel(a, "break", "guilt", a=a, t=t)
    if s.maybe(0.4):
        s.tell("hide", a=a, t=t, spot=s.spot(p))
        if s.maybe():
            s.tell("miss_sleep", a=a)
        s.tell("fetch", a=a, t=t)
    s.tell("return_to" if b in s.world.kin else "call_on", a=a, b=b, lead="later" if s.maybe(0.3) else "")
    s.tell("confess", a=a, b=b, t=t)
    if s.maybe(0.4):
        s.feel(b, "break", "anger", a=a, c=b, t=t)
    s.tell("sorry", a=a, b=b)
    if s.maybe(0.6):
        who = a if s.maybe(0.7) else b
        s.tell("repair", a=who, t=t)
        if s.maybe(0.4):
            s.tell("like_new", t=t)
        if who == a:
            s.tell("give_back", a=a, b=b, t=t)
            s.feel(b, "repair", "good", a=a, c=b, t=t)
    s.tell("forgive", a=a, b=b)
    if s.maybe(0.4):
        s.feel(a, "forgive", "good", a=a, b=b)
    _end(s, a, b, lesson="truth")
    return (
        f"{a} broke the {t} of {b}, told the truth and was forgiven.",
        f"{b} lent {a} the {t}, which broke, but {b} forgave {a}.",
        f"{a} was sorry for breaking the {t} that belonged to {b}.",
    )


def hurt_animal(s: Teller) -> tuple[str, ...]:
    """An animal is found hurt, nursed, and stays or goes free."""
    a = _hero(s)
    p = s.place("out")
    n = s.animal("wild")
    _arrive(s, a, p)
    spot = s.spot(p)
    if s.maybe():
        s.tell("hear", a=a, p=p, noise=s.pick("noise"), spot=spot)
    s.tell("meet_animal", a=a, n=n, p=p, spot=spot)
    bird = "bird" in ENTRIES["animal"][n].tags
    injury = s.rng.choice(("leg", "foot", "wing") if bird else ("leg", "paw", "tail", "ear"))
    s.tell("hurt", a=a, n=n, injury=injury)
    if s.maybe():
        s.feel(a, "hurt", "bad", a=a, n=n)
    s.tell("take_home", a=a, n=n)
    b = s.relative("adult")
    s.tell("kin", a=a, b=b)
    s.tell("bandage", a=a, b=b, injury=injury)
    if s.maybe(0.7):
        s.tell("feed_it", a=a, n=n, feed=s.feed(n))
    if s.maybe(0.7):
        s.tell("call_it", a=a, n=n, pet_name=s.pick("pet_name"))
    s.tell("heal", lead="days", n=n)
    if s.maybe(0.6):
        s.feel(a, "heal", "good", a=a, n=n)
    free = n in ("seal", "beaver", "stork", "heron", "swan", "fawn", "seagull") or s.maybe()
    if free:
        s.tell("release", a=a, n=n, p=p)
        s.tell("look_back", a=a, n=n)
    else:
        s.tell("stay", a=a, n=n)
    _end(s, a)
    name = s.world.pet.get(n)
    called = f" called {name}" if name else ""
    return (
        f"{a} found a hurt {n} and took care of it until it was well.",
        f"{a} and {b} nursed a hurt {n}{called}.",
        f"A {n} that {a} had found {'went free again' if free else 'stayed'} after it was well.",
    )


def trip(s: Teller) -> tuple[str, ...]:
    """A trip, bad weather, shelter, and home again."""
    a, b = _two(s)
    p = s.place("out")
    y = s.pastime(p)
    if s.maybe(0.6):
        s.tell("plan", a=a, b=b, pastime=y, p=p)
    s.tell("go_pair", a=a, b=b, p=p)
    s.tell("pastime", a=a, b=b, pastime=y, p=p)
    if s.maybe(0.3):
        s.tell("hear", a=b, p=p, noise=s.pick("noise"), spot=s.spot(p))
    z, v = s.pick("storm"), s.pick("shelter")
    s.tell("storm", a=a, storm=z)
    if s.maybe(0.6):
        s.feel(a, "storm", "fear", storm=z)
        s.tell("comfort", a=a, b=b)
    s.tell("shelter", a=a, b=b, shelter=v)
    if s.maybe(0.4):
        idle = s.rng.choice(("tell stories", "sing songs", "invent riddles", "play cards"))
        s.tell("pastime_wait", a=a, b=b, pastime=idle)
    s.tell("storm_over", weather=s.pick("weather", "good"))
    s.tell("go_home_pair", a=a, b=b)
    if s.maybe(0.6):
        s.tell("wet", a=a, b=b)
    if s.maybe():
        d = s.pick("dish")
        s.tell("cook_plan", a=a, b=b, dish=d)
        s.tell("eat", a=a, b=b, dish=d)
    _end(s, a, b)
    return (
        f"{a} and {b} were surprised by bad weather {where(p)} and waited {v}.",
        f"During a trip to the {p}, {a} and {b} had to find shelter.",
        f"{a} and {b} wanted to {y}, but then {z}.",
    )


def birthday(s: Teller) -> tuple[str, ...]:
    """A present is made in secret."""
    a = _hero(s)
    b = s.relative() if s.maybe() else ""
    if b:
        s.tell("kin", a=a, b=b)
    else:
        b = s.person()
        s.tell("friend", a=a, b=b)
    s.tell("birthday", a=a, b=b)
    t, p = s.thing("craft"), s.place("in")
    s.tell("go", a=a, p=p)
    s.tell("make", a=a, t=t)
    if s.maybe(0.4):
        s.feel(a, "make", "good", a=a, t=t)
    s.tell("hide", a=a, t=t, spot=s.spot(p))
    s.tell("suspect", a=a, b=b, spot=s.spot(p))
    s.tell("fetch", a=a, t=t, lead="later")
    s.tell("happy_birthday", a=a, b=b)
    s.tell("gift", a=a, b=b, t=t)
    s.feel(b, "gift", "good", a=a, b=b, t=t)
    if s.maybe():
        s.tell("thank", a=b, b=a)
    if s.maybe(0.4):
        d = s.pick("dish")
        s.tell("cook", a=a, b=b, dish=d)
        s.tell("eat", a=a, b=b, dish=d)
    _end(s, a, b)
    return (
        f"{a} made {article_of(s, t)} in secret for the birthday of {b}.",
        f"For {b}, {a} made a birthday present: {article_of(s, t)}.",
        f"{b} got {article_of(s, t)} from {a}.",
    )


def quarrel(s: Teller) -> tuple[str, ...]:
    """Two want the same thing and learn to share it."""
    a, b = _two(s, "child")
    p, t = s.place(), s.thing("toy" if s.maybe() else "tool")
    s.tell("go_pair", a=a, b=b, p=p)
    if s.maybe():
        s.tell("pastime", a=a, b=b, p=p, pastime=s.pastime(p))
    s.tell("find_new", a=a, p=p, t=t, spot=s.spot(p))
    s.tell("quarrel", a=a, b=b, t=t)
    angry = b if s.maybe() else a
    s.feel(angry, "quarrel", "anger", a=a, b=b, t=t)
    if s.maybe(0.5):
        s.tell("cry", a=b)
    if s.maybe(0.6):
        s.tell("sorry", a=a, b=b)
        s.tell("forgive", a=a, b=b)
    s.tell("share", a=a, b=b, t=t)
    s.feel(b, "share", "good", a=a, b=b, t=t)
    _end(s, a, b, lesson="help")
    return (
        f"{a} and {b} quarreled about {article_of(s, t)} and then shared it.",
        f"Both {a} and {b} wanted the {t}, but in the end they shared it.",
        f"{a} found {article_of(s, t)} {where(p)} and shared it with {b} after a quarrel.",
    )


def overcome_fear(s: Teller) -> tuple[str, ...]:
    """Somebody is afraid and dares in the end."""
    a = _hero(s)
    x = s.pick("fear")
    s.tell("afraid", a=a, fear=x)
    b = _friend(s, a)
    p = s.rng.choice(lexicon.FEAR_PLACES[x])
    s.tell("go_pair", a=a, b=b, p=p, lead="later" if s.maybe(0.3) else "")
    s.tell("hesitate", a=a, p=p)
    s.feel(a, "afraid", "fear", a=a, fear=x)
    s.tell("encourage", a=a, b=b, fear=x)
    if s.maybe():
        s.tell("hesitate", a=a, p=p)
        s.tell("comfort", a=a, b=b)
    s.tell("dare", a=a, fear=x)
    s.feel(a, "dare", "good", a=a, fear=x)
    if s.maybe():
        s.tell("smile", a=b, b=a)
    s.tell("thank", a=a, b=b)
    if s.maybe():
        s.tell("pastime", a=a, b=b, p=p, pastime=s.pastime(p))
    s.tell("go_home_pair", a=a, b=b)
    _end(s, a, b, lesson="help")
    return (
        f"With the help of {b}, {a} was no longer afraid of {x}.",
        f"{a} was afraid of {x} but learned to be brave.",
        f"{b} helped {a}, who was afraid of {x}.",
    )


def cooking(s: Teller) -> tuple[str, ...]:
    """Something is missing in the kitchen."""
    a, b = _two(s)
    taste = s.rng.choice(("sweet", "savory"))
    d, i = s.pick("dish", taste), s.pick("ingredient", taste)
    s.tell("cook_plan", a=a, b=b, dish=d)
    s.tell("missing", a=a, b=b, ingredient=i)
    s.feel(a, "missing", "bad", b=b, ingredient=i)
    if s.maybe(0.6):
        c, _ = _adult(s)
        s.tell("neighbor_ingredient", a=a, c=c, ingredient=i)
        s.feel(a, "neighbor_ingredient", "good", a=a, c=c, ingredient=i)
        s.tell("thank", a=a, b=c)
        source = f"{c} gave them some"
    else:
        p = s.rng.choice(("market", "bakery", "farm", "restaurant", "café", "hotel"))
        s.tell("go", a=a, p=p)
        s.tell("get_ingredient", a=a, p=p, ingredient=i)
        s.tell("go_home", a=a)
        source = f"{a} got some {where(p)}"
    s.tell("cook", a=a, b=b, dish=d, ingredient=i)
    s.feel(b, "cook", "good", a=a, b=b, dish=d)
    s.tell("eat", a=a, b=b, dish=d)
    _end(s, a, b)
    return (
        f"{a} and {b} made {english_a(d)}, though there was no {i} at first.",
        f"There was no {i} for the {d}, but {source}.",
    )


def strange_noise(s: Teller) -> tuple[str, ...]:
    """A frightening noise turns out to be an animal."""
    a, b = _two(s, "child")
    p, o = s.place("in") if s.maybe() else s.place("out"), s.pick("noise")
    s.tell("go_pair", a=a, b=b, p=p)
    spot = s.spot(p)
    s.tell("hear", a=a, p=p, noise=o, spot=spot)
    s.feel(a, "hear", "fear", a=a, noise=o)
    s.tell("encourage" if s.maybe() else "comfort", a=a, b=b, fear=s.pick("fear"))
    if s.maybe():
        s.tell("search", a=b, spot=s.spot(p))
    n = s.animal("wild" if s.maybe(0.6) else "pet")
    s.tell("meet_animal", a=a, n=n, p=p, spot=spot)
    s.tell("relief_laugh", a=a, b=b, n=n)
    if s.maybe(0.6):
        s.tell("feed_it", a=b, n=n, feed=s.feed(n))
    if "pet" in ENTRIES["animal"][n].tags:
        s.tell("call_it", a=a, n=n, pet_name=s.pick("pet_name"))
        s.tell("stay", a=a, n=n)
    s.feel(a, "meet_animal", "good", a=a, n=n)
    _end(s, a, b)
    return (
        f"{a} and {b} were frightened by {o}, but it was only {english_a(n)}.",
        f"The noise that {a} heard {where(p)} came from {english_a(n)}.",
    )


def contest(s: Teller) -> tuple[str, ...]:
    """A contest, won or lost."""
    a, b = _two(s)
    g = s.pick("contest")
    s.tell("enter", a=a, contest=g, festival=s.pick("festival"), organization=s.pick("organization"))
    s.tell("practice", a=a, p=s.ground(_tag("contest", g)))
    if s.maybe():
        s.tell("encourage_plain", a=a, b=b)
    rival = b if s.maybe() else s.person()
    if rival != b:
        s.tell("rival", a=a, b=rival)
    s.tell("compete", a=a, b=rival, contest=g, lead="later")
    won = s.maybe()
    if won:
        s.tell("win", a=a, contest=g)
        s.feel(a, "win", "good", a=a, contest=g)
        s.tell("congratulate", a=rival, b=a)
        if s.maybe():
            t = s.thing("treasure")
            s.tell("prize", a=a, t=t)
            s.tell("enjoy", a=a, t=t)
    else:
        s.tell("not_win", a=a, b=rival, contest=g)
        s.feel(a, "not_win", "bad", a=a, contest=g)
        s.tell("congratulate", a=a, b=rival)
        s.tell("next_year", a=a, b=b)
    _end(s, a, b)
    result = "won" if won else "did not win"
    return (
        f"{a} practiced for the {g} and {result}.",
        f"{a} {result} the {g}.",
        f"{a} took part in the {g} and {result}, and {rival} {'came second' if won else 'was better'}.",
    )


def far_friend(s: Teller) -> tuple[str, ...]:
    """A letter to a friend far away, and an answer."""
    a = _hero(s)
    b = s.person()
    s.tell("far", a=a, b=b, town=s.pick("town"))
    s.feel(a, "far", "alone", a=a, b=b)
    s.tell("write", a=a, b=b, p=s.place(), dish=s.pick("dish"), festival=s.pick("festival"))
    s.tell("wait", a=a, b=b)
    if s.maybe():
        s.feel(a, "wait", "bad", a=a, b=b)
    s.tell("answer", a=a, b=b, festival=s.pick("festival"), lead="later")
    s.feel(a, "answer", "good", a=a, b=b)
    met = s.maybe(0.7)
    if met:
        p = s.place("public")
        s.tell("visit", a=a, b=b, p=p, lead="later")
        s.feel(a, "visit", "good", a=a, b=b)
        if s.maybe():
            t = s.thing()
            s.tell("present", a=b, b=a, t=t)
            s.tell("thank", a=a, b=b)
        s.tell("pastime_two", a=a, b=b, pastime=s.pick("pastime"))
    else:
        s.tell("reread", a=a, b=b)
    _end(s, a)
    return (
        f"{a} wrote to {b}, who lived far away, and {'they met again' if met else 'got an answer'}.",
        f"{a} missed {b} until {'they met again' if met else 'a letter came'}.",
    )


def learn_skill(s: Teller) -> tuple[str, ...]:
    """Something is learned with patience."""
    a = _hero(s)
    skill = s.pick("skill")
    s.tell("wish_skill", a=a, skill=skill)
    if s.maybe():
        s.feel(a, "wish_skill", "bad", a=a, skill=skill)
    b = s.relative("adult") if s.maybe() else s.person()
    if b in s.world.kin:
        s.tell("kin", a=a, b=b)
    else:
        s.tell("work", b=b, job=s.pick("job"))
    s.tell("teach", a=a, b=b, skill=skill)
    s.tell("fail", a=a, skill=skill)
    if s.maybe():
        s.feel(a, "fail", "bad", a=a, skill=skill)
        s.tell("comfort", a=a, b=b)
    s.tell("practice", a=a, p=s.ground(_tag("skill", skill)))
    s.tell("succeed", a=a, skill=skill, lead="later")
    s.feel(b if s.maybe(0.4) else a, "succeed", "good", a=a, b=b, skill=skill)
    if s.maybe(0.6):
        s.tell("thank", a=a, b=b)
    if s.maybe(0.3):
        t = s.thing()
        s.tell("present", a=a, b=b, t=t)
    _end(s, a, b, lesson="help")
    return (
        f"{b} taught {a} to {skill}.",
        f"{a} wanted to learn to {skill} and did not give up.",
        f"With the help of {b}, {a} learned to {skill}.",
    )


def thief(s: Teller) -> tuple[str, ...]:
    """An animal steals something and is followed."""
    a = _hero(s)
    t, p, q = s.thing("treasure"), s.place("out"), s.place("out")
    s.tell("own", a=a, t=t)
    _arrive(s, a, p)
    if s.maybe():
        s.tell("play_thing", a=a, t=t, p=p)
    n = s.rng.choice(("magpie", "crow", "seagull", "fox", "raccoon", "goat", "puppy", "squirrel", "goose", "parrot"))
    s.words.add(n)
    s.world.adjective[n] = s.pick("animal_adjective")
    s.tell("steal", a=a, n=n, t=t)
    s.feel(a, "steal", "bad", a=a, n=n, t=t)
    s.tell("chase", a=a, n=n, t=t, p=q)
    b = s.person()
    s.tell("helper", a=a, b=b, p=q)
    s.tell("offer", a=a, b=b)
    if s.maybe():
        spot = s.spot(q)
        s.tell("drop_animal", n=n, t=t, spot=spot)
        s.tell("find_spot", a=a, t=t, spot=spot)
        s.feel(a, "find_spot", "good", a=a, t=t)
    else:
        s.tell("nest", a=a, n=n, t=t, p=q, spot=s.spot(q), feed=s.feed(n))
        s.feel(a, "nest", "good", a=a, t=t)
    s.tell("thank", a=a, b=b)
    _end(s, a, b, lesson="care")
    return (
        f"{english_a(n).capitalize()} stole the {t}, but {a} got it back.",
        f"{a} chased {english_a(n)} that had stolen the {t}.",
        f"With the help of {b}, {a} got the stolen {t} back.",
    )


def swap(s: Teller) -> tuple[str, ...]:
    """Two things are swapped, to somebody's regret or joy."""
    a, b = _two(s, "child")
    t, u = s.thing(), s.thing()
    s.tell("own", a=a, t=t)
    s.tell("own", a=b, t=u)
    p = s.place()
    s.tell("go_pair", a=a, b=b, p=p)
    s.tell("swap", a=a, b=b, t=t, u=u)
    if s.maybe(0.55):
        s.tell("miss", a=a, t=t)
        s.feel(a, "swap", "bad", a=a, t=t)
        s.tell("tell", a=a, b=b)
        s.tell("give", a=b, b=a, t=t)
        s.tell("give", a=a, b=b, t=u)
        s.feel(a, "give", "good", a=b, b=a, t=t)
        s.tell("thank", a=a, b=b)
        back = " and then swapped back"
    else:
        s.feel(a, "swap", "good", a=a, u=u)
        s.tell("play_thing", a=b, t=t, p=p)
        s.tell("enjoy", a=a, t=u)
        back = ""
    _end(s, a, b)
    return (f"{a} and {b} swapped the {t} and the {u}{back}.", f"{a} gave {b} the {t} for the {u}{back}.")


def newcomer(s: Teller) -> tuple[str, ...]:
    """Somebody new finds a friend."""
    a = s.person()
    s.tell("newcomer", a=a, town=(town := s.pick("town")))
    s.feel(a, "newcomer", "alone", a=a, town=town)
    p = s.place("public")
    _arrive(s, a, p)
    if s.maybe(0.4):
        s.tell("pastime_alone", a=a, pastime=s.pastime(p))
    s.tell("watch_others", a=a, p=p, spot=s.spot(p))
    if s.maybe():
        s.feel(a, "watch_others", "alone", a=a)
    b, y = s.person(), s.pastime(p)
    s.tell("invite", a=a, b=b, p=p, pastime=y, trait=s.pick("trait"))
    s.feel(a, "invite", "good", a=a, b=b)
    s.tell("pastime", a=a, b=b, p=p, pastime=y)
    if s.maybe():
        organization = s.pick("organization", "club")
        s.tell("join", a=a, b=b, organization=organization)
    if s.maybe(0.4):
        t = s.thing()
        s.tell("present", a=b, b=a, t=t)
        s.feel(a, "present", "good", a=b, b=a, t=t)
    s.tell("friends", a=a, b=b)
    if s.maybe():
        s.tell("lesson", a=a)
    return (f"{a} was new in {town} and made friends with {b}.", f"{b} became the first friend of {a} in {town}.")


def found_property(s: Teller) -> tuple[str, ...]:
    """Something found is brought back to its owner."""
    a = _hero(s)
    p, t = s.place(), s.thing("treasure" if s.maybe() else "clothes")
    _arrive(s, a, p)
    s.tell("find_new", a=a, t=t, p=p, spot=s.spot(p))
    s.tell("whose", a=a, t=t)
    b = _friend(s, a) if s.maybe(0.4) else ""
    c, _ = _adult(s)
    if b:
        s.tell("owner_told", a=a, b=b, c=c, t=t)
    else:
        s.tell("owner_known", a=a, b=c, t=t)
    s.tell("call_on", a=a, b=c)
    s.tell("give_back", a=a, b=c, t=t)
    s.feel(c, "give_back", "good", a=a, b=c, t=t)
    s.tell("thank", a=c, b=a)
    if s.maybe(0.7):
        u = s.thing(large=True)
        s.tell("reward", a=c, b=a, t=u)
        s.feel(a, "reward", "good", a=c, b=a, t=u)
        s.tell("enjoy", a=a, t=u)
    _end(s, a, lesson="truth")
    return (
        f"{a} found {article_of(s, t)} {where(p)} and brought it back to {c}.",
        f"{c} got the lost {t} back from {a}.",
        f"{a} found out that the {t} belonged to {c} and returned it.",
    )


def lost_pet(s: Teller) -> tuple[str, ...]:
    """A pet runs away and is found."""
    a = _hero(s)
    n = s.animal("pet")
    s.tell("own_pet", a=a, n=n)
    s.tell("call_it_pet", a=a, n=n, pet_name=s.pick("pet_name"))
    b = _friend(s, a)
    if s.maybe(0.4):
        s.tell("storm", storm=s.pick("storm"), a=a)
    s.tell("animal_gone", a=a, n=n)
    s.feel(a, "animal_gone", "bad", n=n)
    s.tell("tell", a=a, b=b)
    s.tell("offer", a=a, b=b)
    p, q = s.place("out"), s.place("out")
    s.tell("go_pair", a=a, b=b, p=p)
    s.tell("search_pet", a=a, b=b, n=n, spot=s.spot(p))
    s.tell("go_pair", a=a, b=b, p=q)
    s.tell("animal_found", a=a if s.maybe() else b, n=n, p=q, spot=s.spot(q))
    s.feel(a, "animal_found", "good", n=n)
    if s.maybe():
        s.tell("feed_it", a=a, n=n, feed=s.feed(n))
    s.tell("thank", a=a, b=b)
    _end(s, a, b, lesson="care")
    name = s.world.pet[n]
    return (
        f"{a} and {b} looked for the {n} {name} and found it {where(q)}.",
        f"{name}, the {n} of {a}, ran away but was found again.",
    )


PLOTS = (
    lost_thing,
    saved_for,
    broken_thing,
    hurt_animal,
    trip,
    birthday,
    quarrel,
    overcome_fear,
    cooking,
    strange_noise,
    contest,
    far_friend,
    learn_skill,
    thief,
    swap,
    newcomer,
    found_property,
    lost_pet,
)


def _tag(kind: str, word: str) -> str:
    """The one tag of a word."""
    return next(iter(ENTRIES[kind][word].tags))


def english_a(word: str) -> str:
    """The word with its article."""
    return ("an " if word[0] in "aeiou" else "a ") + word


def article_of(s: Teller, thing: str) -> str:
    """The thing with article and adjective."""
    return english_a(f"{s.world.adjective.get(thing, '')} {thing}".strip())


def where(place: str) -> str:
    """ "in the park"."""
    return f"{ENTRIES['place'][place].columns[0]} the {place}"
