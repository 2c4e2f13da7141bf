"""Lesson 16's tasks to be learned from examples in a prompt: pairs of words, and a trivial program for the same examples.

TASKS        name -> thirty pairs (word, answer); a list of this course
split_of     a task's pairs, divided at random into those for the prompt and those that are asked
suffix_rule  what a program answers that only looks at how the examples' words end
measured     shares of right answers: by the number of examples, by their order, with exchanged answers, by the program
"""

from __future__ import annotations

import os.path
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random

_WORDS = {
    "capital": """France Paris, Italy Rome, Spain Madrid, Germany Berlin, Japan Tokyo, China Beijing, Egypt Cairo,
        Greece Athens, Russia Moscow, England London, Norway Oslo, Sweden Stockholm, Poland Warsaw,
        Austria Vienna, Portugal Lisbon, Ireland Dublin, Finland Helsinki, Hungary Budapest, Turkey
        Ankara, Canada Ottawa, Cuba Havana, Peru Lima, Chile Santiago, Kenya Nairobi, Iran Tehran,
        Iraq Baghdad, Thailand Bangkok, Vietnam Hanoi, Denmark Copenhagen, Belgium Brussels""",
    "opposite": """hot cold, big small, up down, left right, day night, black white, good bad, fast slow, young old,
        rich poor, open closed, full empty, early late, high low, hard soft, light dark, long short,
        near far, wet dry, loud quiet, happy sad, win lose, buy sell, love hate, inside outside,
        first last, true false, push pull, begin end, strong weak""",
    "past tense": """go went, see saw, take took, come came, eat ate, write wrote, run ran, speak spoke, give gave, find
        found, think thought, know knew, buy bought, bring brought, teach taught, sing sang, drink
        drank, swim swam, break broke, drive drove, fly flew, grow grew, sleep slept, leave left,
        feel felt, keep kept, tell told, sell sold, win won, fall fell""",
    "plural": """man men, woman women, child children, foot feet, tooth teeth, mouse mice, goose geese, person
        people, leaf leaves, knife knives, wife wives, city cities, baby babies, box boxes, church
        churches, dog dogs, house houses, tree trees, book books, car cars, bus buses, wolf wolves,
        half halves, story stories, country countries, watch watches, hero heroes, potato potatoes,
        glass glasses, day days""",
    "digits": """one 1, two 2, three 3, four 4, five 5, six 6, seven 7, eight 8, nine 9, ten 10, eleven 11, twelve
        12, thirteen 13, fourteen 14, fifteen 15, sixteen 16, seventeen 17, eighteen 18, nineteen
        19, twenty 20, thirty 30, forty 40, fifty 50, sixty 60, seventy 70, eighty 80, ninety 90,
        hundred 100, thousand 1000, million 1000000""",
    "feminine": """king queen, prince princess, man woman, boy girl, father mother, brother sister, son daughter, uncle
        aunt, husband wife, actor actress, waiter waitress, hero heroine, host hostess, duke
        duchess, emperor empress, nephew niece, grandfather grandmother, groom bride, he she, him
        her, his hers, sir madam, gentleman lady, bull cow, rooster hen, lion lioness, wizard witch,
        monk nun, heir heiress, god goddess""",
}
TASKS = {name: tuple(tuple(pair.split()) for pair in text.split(",")) for name, text in _WORDS.items()}


def suffix_rule(examples: Sequence[tuple[str, str]], word: str) -> str:
    """The word with its end changed as that of most examples: "dog dogs" teaches to add an s, "city cities" ies for y.

    The commonest change whose old end the word has; among equally common ones the first. Without any: the word itself.
    """
    changes = Counter()
    for asked, answer in examples:
        same = len(os.path.commonprefix([asked, answer]))
        changes[asked[same:], answer[same:]] += 1
    for (old, new), _ in changes.most_common():
        if word.endswith(old):
            return word[: len(word) - len(old)] + new
    return word


def split_of(task: str, seed: int) -> tuple[list, list]:
    """Eight pairs for the prompt, and the other 22, which are asked."""
    shown = Random(f"{task} {seed}").sample(TASKS[task], 8)
    return shown, [pair for pair in TASKS[task] if pair not in shown]


def measured(right: Callable[[list, list], list[bool]], draws: int, orders: int) -> dict[str, dict]:
    """Shares of right answers of each task, one for each draw of examples.

    right(examples, asked) says of each asked pair whether it is answered rightly after these examples. "accuracy" and
    "program" (the suffix rule): task -> number of examples -> shares. "exchanged": four examples whose answers have moved on
    by one. "orders": of the first four draws, four examples in so many random orders.
    """

    def share(flags):
        return round(sum(flags) / len(flags), 4)

    found = {key: {task: {} for task in TASKS} for key in ("accuracy", "program", "exchanged", "orders")}
    for task in TASKS:
        splits = [split_of(task, seed) for seed in range(draws)]
        for k in (0, 1, 2, 4, 8):
            found["accuracy"][task][k] = [share(right(shown[:k], asked)) for shown, asked in splits]
            by_rule = [[suffix_rule(shown[:k], word) == answer for word, answer in asked] for shown, asked in splits]
            found["program"][task][k] = [share(flags) for flags in by_rule]
        moved = [[(pair[0], other[1]) for pair, other in zip(shown[:4], shown[1:4] + shown[:1])] for shown, _ in splits]
        found["exchanged"][task] = [share(right(pairs, asked)) for pairs, (_, asked) in zip(moved, splits)]
        found["orders"][task] = [
            [share(right(Random(f"{order}").sample(shown[:4], 4), asked)) for order in range(orders)]
            for shown, asked in splits[:4]
        ]
    return found
