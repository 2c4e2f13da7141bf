"""The French side: agreement, articles, contraction and elision over the same templates.

sentence(sentence)   a sentence of a story in French
elide(text)          "le arbre" -> "l'arbre", "que il" -> "qu'il", "de Anna" -> "d'Anna"
"""

import re

from utils.worlds.stories.grammar import GENDERS, SPEECH, Sentence, Slot
from utils.worlds.stories.lexicon import ENTRIES, Word

VOWELS = "aeiouyâàéèêëîïôœAEIOUÉÂÎ"
# An h that is not elided before.
ASPIRATED = ("hamster", "hérisson", "héron", "hibou", "hangar", "haie", "hamac", "hautes", "hurlait", "huit")
VERBS = {
    "said": "dit",
    "asked": "demandé",
    "answered": "répondu",
    "whispered": "murmuré",
    "cried": "crié",
    "called": "lancé",
    "shouted": "crié",
    "replied": "répondu",
    "explained": "expliqué",
    "promised": "promis",
    "admitted": "avoué",
    "suggested": "proposé",
}


def starts_with_vowel(text: str) -> bool:
    """Whether the word before it is elided: a vowel or a mute h (yo-yo and onze are not)."""
    if text[:1] in ("y", "Y"):
        return text[:2] in ("y ", "y'")
    if text[:1] == "h":
        return not text.startswith(ASPIRATED)
    return text[:1] in VOWELS


def elide(text: str) -> str:
    """Elision: le, la, je, me, te, se, de, ne, que, parce que ... before a vowel or a mute h."""

    def join(match: re.Match) -> str:
        word = match.group(1)
        return word[:-1] + "'" if starts_with_vowel(text[match.end() :]) else match.group(0)

    text = re.sub(r"\b([LlDdJjMmTtSsNn]e|[Ll]a|[Qq]ue|[Jj]usque|[Pp]uisque|[Ll]orsque)\s", join, text)
    return re.sub(r"\b([Ss])i (?=ils?\b)", r"\1'", text)


def sentence(told: Sentence) -> str:
    """A sentence of a story in French."""
    text = "".join(_part(part, told) for part in told.template.french)
    if told.lead is not None:
        text = f"{told.lead.french} {text}"
    text = elide(text)
    at = 2 if text.startswith("« ") else 0
    return text[:at] + text[at].upper() + text[at + 1 :]


def _part(part, told: Sentence) -> str:
    if isinstance(part, str):
        return part
    if part.role == "cause":
        cause = told.roles["cause"]
        inner = Sentence(cause.template, dict(cause.roles), {}, None, told.cast)
        return "".join(_part(piece, inner) for piece in cause.template.french)
    if part.kind == "pair":
        return _pair(part, told)
    value = told.roles[part.role]
    if part.kind == "person":
        return _person(part, value, told)
    if part.kind in ("thing", "animal"):
        return _noun(part, value, told)
    return _word(part, value, told)


def _pair(slot: Slot, told: Sentence) -> str:
    first, second = told.roles["a"], told.roles["b"]
    women = GENDERS[first] == GENDERS[second] == "f"
    ils = "elles" if women else "ils"
    if slot.form == "":
        return ils if told.style.get("ab") == "pronoun" else f"{first} et {second}"
    return {"s": "es" if women else "s", "ils": ils, "eux": "elles" if women else "eux"}[slot.form]


def _person(slot: Slot, name: str, told: Sentence) -> str:
    form, woman = slot.form, GENDERS[name] == "f"
    il = "elle" if woman else "il"
    pronoun = told.style.get(slot.role) == "pronoun" and told.template.subject == slot.role
    if form in ("", "name"):
        if not pronoun or form:
            return name
        # As a subject; in any other place French takes the stressed form ("de lui").
        return il
    if form in SPEECH:
        return f"a-t-{il} {VERBS[form]}" if pronoun else f"a {VERBS[form]} {name}"
    if form in ("kin", "un_kin", "son"):
        return _kin(form, name, told.cast.kin[name])
    feminine = {
        "il": "elle",
        "elle": "elle",
        "la": "la",
        "lui": "lui",
        "e": "e",
        "une": "une",
        "Une": "Une",
        "un": "une",
        "fille": "fille",
        "son": "son",
        "un_ami": "une amie",
        "son_ami": "son amie",
        "nouveau": "nouvelle",
        "meilleur": "sa meilleure amie",
    }
    masculine = {
        "il": "il",
        "elle": "lui",
        "la": "le",
        "lui": "lui",
        "e": "",
        "une": "un",
        "Une": "Un",
        "un": "un",
        "fille": "garçon",
        "un_ami": "un ami",
        "son_ami": "son ami",
        "nouveau": "nouveau",
        "meilleur": "son meilleur ami",
    }
    return (feminine if woman else masculine)[form]


def _kin(form: str, name: str, kin: str) -> str:
    masculine, _, feminine = ENTRIES["kin"][kin].columns[0].partition("/")
    woman = GENDERS[name] == "f"
    noun = feminine if feminine and woman else masculine
    if form == "kin":
        return noun
    if form == "un_kin":
        return f"{'une' if woman else 'un'} {noun}"
    return f"{_possessive('s', woman, noun)} {noun}"


def _possessive(letter: str, feminine: bool, following: str) -> str:
    """mon, ton, son or ma, ta, sa: the masculine form before a vowel."""
    return letter + ("a" if feminine and not starts_with_vowel(following) else "on")


def agree(word: Word, feminine: bool) -> str:
    """An adjective (or a feeling, a trait, a profession) in its gender."""
    return word.columns[1 if feminine else 0]


def noun_phrase(noun: Word, adjective: Word | None) -> str:
    """A noun with its adjective before or after it."""
    french, feminine = noun.columns[0], noun.gender == "f"
    if adjective is None:
        return french
    form = agree(adjective, feminine)
    if adjective.columns[2] == "after":
        return f"{french} {form}"
    if not feminine and len(adjective.columns) > 3 and starts_with_vowel(french):
        form = adjective.columns[3]
    return f"{form} {french}"


def definite(phrase: str, feminine: bool, preposition: str = "") -> str:
    """le, la or l' before the phrase; with de or à contracted ("du", "au"). Elision is left to `elide`."""
    article = "la" if feminine else "le"
    if preposition in ("de", "à") and not feminine and not starts_with_vowel(phrase):
        return {"de": "du", "à": "au"}[preposition] + " " + phrase
    return f"{preposition} {article} {phrase}".strip()


def _noun(slot: Slot, noun: str, told: Sentence) -> str:
    kind, form = slot.kind, slot.form
    word = ENTRIES[kind][noun]
    feminine = word.gender == "f"
    style = told.style.get(slot.role)
    key = told.cast.adjective.get(noun)
    adjective = ENTRIES["adjective" if kind == "thing" else "animal_adjective"][key] if key else None
    full = noun_phrase(word, adjective)
    shown = full if style == "long" else word.columns[0]
    if style == "called" and form in ("", "cap", "du", "au"):
        name = told.cast.pet[noun]
        return {"": name, "cap": name, "du": f"de {name}", "au": f"à {name}"}[form]
    if form in ("", "cap"):
        return definite(shown, feminine)
    if form in ("du", "au"):
        return definite(shown, feminine, {"du": "de", "au": "à"}[form])
    if form in ("un", "cap_un", "d'un"):
        return ("d'" if form == "d'un" else "") + f"{'une' if feminine else 'un'} {full}"
    bare = word.columns[0]
    if form in ("mon", "Mon", "ton", "son"):
        possessive = _possessive(form[0].lower(), feminine, bare)
        return f"{possessive.capitalize() if form == 'Mon' else possessive} {bare}"
    if form in ("ce", "Ce"):
        this = "cette" if feminine else "cet" if starts_with_vowel(bare) else "ce"
        return f"{this.capitalize() if form == 'Ce' else this} {bare}"
    pronouns = {
        "la": ("le", "la"),
        "il": ("il", "elle"),
        "il_cap": ("il", "elle"),
        "e": ("", "e"),
        "fve": ("f", "ve"),
        "lui": ("lui", "lui"),
        "bare": (bare, bare),
    }
    return pronouns[form][feminine]


def _word(slot: Slot, key: str, told: Sentence) -> str:
    kind, form = slot.kind, slot.form
    word = ENTRIES[kind][key]
    first = word.columns[0]
    if kind == "place":
        return _place(word, form)
    if kind in ("feeling", "trait"):
        return agree(word, GENDERS[told.roles[form or "a"]] == "f")
    if kind == "job":
        feminine = GENDERS[told.roles["b"]] == "f"
        noun = agree(word, feminine)
        return definite(noun, feminine) if form == "le" else noun
    if kind in ("organization", "festival"):
        if word.gender == "p":
            return {"": "les", "du": "des", "au": "aux"}[form] + " " + first
        return definite(first, word.gender == "f", {"": "", "du": "de", "au": "à"}[form])
    if kind in ("dish", "contest"):
        return _made(word, form)
    if kind == "ingredient":
        return word.columns[1] if form == "de" else first
    if kind == "dream":
        if "/" in first:
            stem, _, feminine = first.rpartition(" ")
            pair = feminine.split("/")
            return f"{stem} {pair[GENDERS[told.roles[form or 'a']] == 'f']}"
        return first
    if kind == "mishap":
        return first.replace("{e}", "e" if GENDERS[told.roles[form or "a"]] == "f" else "")
    if kind == "time":
        return {
            "un": f"{'Une' if word.gender == 'f' else 'Un'} {first}",
            "c'était": "C'était " + ("la nuit" if key == "night" else f"le {first}"),
        }[form]
    if kind == "injury" and form == "e":
        return "e" if first.startswith("la ") or key in ("ear", "wing") else ""
    if kind in ("skill", "chore", "pastime"):
        return word.columns[2] if form == "done" else word.columns[1]
    return first


def _place(word: Word, form: str) -> str:
    _, noun, gender, preposition = word.columns[:4]
    feminine = gender == "f"
    if form == "jusque":
        return "jusque " + definite(noun, feminine, "à")
    if form == "du":
        return definite(noun, feminine, "de")
    if form == "to" and preposition == "près de":
        return definite(noun, feminine, "à")
    if form in ("in", "to"):
        if preposition == "près de":
            return "près " + definite(noun, feminine, "de")
        return definite(noun, feminine, preposition)
    return definite(noun, feminine)


def _made(word: Word, form: str) -> str:
    """A dish or a contest: with an article, contracted, or as an adjective that agrees with it."""
    first, feminine = word.columns[0], word.gender == "f"
    if form in ("un", "d'un"):
        return ("d'" if form == "d'un" else "") + ("une " if feminine else "un ") + first
    if form in ("du", "au"):
        return definite(first, feminine, {"du": "de", "au": "à"}[form])
    if form == "done":
        return word.columns[3]
    adjectives = {"pret": ("prêt", "prête"), "reussi": ("réussi", "réussie"), "bon": ("bon", "bonne")}
    if form in adjectives:
        return adjectives[form][feminine]
    return definite(first, feminine)
