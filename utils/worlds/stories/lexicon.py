"""The words of the small world: English beside French, with gender and the forms that are needed.

The table is data/worlds/lexicon.txt. `ENTRIES[kind][key]` gives a row as a `Word`; the key is the English word.
"""

from dataclasses import dataclass

from utils.worlds import tables


@dataclass(frozen=True)
class Word:
    """A row of a table: the kind of word, the English form (its key), the other columns, the tags."""

    kind: str
    english: str
    columns: tuple[str, ...]
    tags: frozenset[str]

    @property
    def gender(self) -> str:
        """m, f (or p, a plural name) of a French noun."""
        return self.columns[GENDER[self.kind]]


# Where the gender stands among the columns after the English one.
GENDER = {"organization": 1, "festival": 1, "thing": 1, "animal": 1, "place": 2, "dish": 1, "contest": 1, "time": 1}
TAGGED = {
    "thing",
    "animal",
    "place",
    "feeling",
    "weather",
    "kin",
    "organization",
    "pastime",
    "chore",
    "skill",
    "contest",
    "feed",
    "dish",
    "ingredient",
}


def _words(kind: str, rows: list[str]) -> dict[str, Word]:
    """The rows of a table by their English word."""
    words = {}
    for line in rows:
        english, *columns = (column.strip() for column in line.split("|"))
        tags = frozenset(columns[-1].split()) if kind in TAGGED else frozenset()
        words[english] = Word(kind, english, tuple(columns), tags)
    return words


def _plain(kind: str, names: list[str]) -> dict[str, Word]:
    """Names, which are the same in both languages."""
    return {name: Word(kind, name, (name,), frozenset()) for name in names}


_SECTIONS = tables.sections("lexicon")
GIRLS, BOYS, PET_NAMES, TOWNS = (" ".join(_SECTIONS.pop(kind)).split() for kind in ("girl", "boy", "pet_name", "town"))
FEAR_PLACES = {fear: tuple(places.split(", ")) for fear, places in tables.rows(_SECTIONS.pop("fear_place"))}
JOB_CHORES = dict(tables.rows(_SECTIONS.pop("job_chore")))
ENTRIES = {kind: _words(kind, rows) for kind, rows in _SECTIONS.items()}
ENTRIES |= {"town": _plain("town", TOWNS), "pet_name": _plain("pet_name", PET_NAMES)}
HOME = Word("place", "home", ("at", "maison", "f", "à", "in"), frozenset({"in"}))
ENTRIES["place"]["home"] = HOME
ENTRIES["spot"] = ENTRIES["outdoor_spot"] | ENTRIES["indoor_spot"]


def tagged(kind: str, *tags: str) -> list[Word]:
    """The words of a kind that carry all the tags, in the table's order."""
    return [word for word in ENTRIES[kind].values() if word.tags >= set(tags)]
