"""Arithmetic with worked steps: problems of graded difficulty, two habits of answering, and a verifier.

    Problem                a sum, difference or product; its text, its answer, its steps column by column
    draw                   a random problem of a level, from the training or the held-out split
    row                    a training row: the problem, and a response in one of two habits, some with a slip
    verify                 whether a response has the right form and the right answer

A response is `<think>steps</think>answer`. One habit answers at once (`<think></think>`), the other works column by
column, from the right, as on paper. A model taught both has something to choose between: reinforcement learning then
finds that thinking pays (DeepSeek-AI, "DeepSeek-R1", 2025, arXiv 2501.12948, at scale).

The split goes by a checksum of the problem with its numbers in order, so that 12+30 and 30+12 are never on two sides.
"""

import re
import zlib
from dataclasses import dataclass
from functools import cached_property
from random import Random

HELD_OUT_PERCENT = 10
THINK = re.compile(r"\s*<think>(.*?)</think>(.*)", re.DOTALL)
NUMBER = re.compile(r"-?(?:[1-9]\d{0,2}(?:,\d{3})+(?!\d)|\d+)")

# level -> (operation, fewest and most numbers, fewest and most digits)
LEVELS = {
    1: ("+", 2, 2, 1, 1),
    2: ("+", 2, 2, 1, 2),
    3: ("+", 2, 2, 2, 2),
    4: ("+", 3, 3, 2, 2),
    5: ("+", 2, 3, 3, 3),
    6: ("+", 4, 5, 1, 3),
    7: ("-", 2, 2, 1, 2),
    8: ("-", 2, 2, 2, 3),
    9: ("*", 2, 2, 1, 2),
    10: ("*", 2, 2, 2, 3),
}


@dataclass(frozen=True)
class Problem:
    """Numbers and the operation between them: "+" of two to five, "-" of two, "*" by a number of one digit."""

    operation: str
    numbers: tuple[int, ...]

    def __post_init__(self):
        if self.operation not in ("+", "-", "*"):
            raise ValueError(f"The operation {self.operation!r} is not known: use +, - or *.")
        if self.operation == "+" and len(self.numbers) < 2 or self.operation != "+" and len(self.numbers) != 2:
            raise ValueError(f"{self.operation} does not fit {len(self.numbers)} numbers: give two (for + also more).")
        if min(self.numbers) < 0:
            raise ValueError(f"{self.numbers} has a negative number: the columns know none.")
        if self.operation == "-" and self.numbers[0] < self.numbers[1]:
            raise ValueError(f"{self.numbers[0]}-{self.numbers[1]} is below zero: give the larger number first.")
        if self.operation == "*" and self.numbers[1] > 9:
            raise ValueError(f"The second factor is {self.numbers[1]}: the columns need one digit.")

    @property
    def prompt(self) -> str:
        """The problem as a model reads it: "12+30+45="."""
        return self.operation.join(map(str, self.numbers)) + "="

    @cached_property
    def answer(self) -> int:
        if self.operation == "+":
            return sum(self.numbers)
        first, second = self.numbers
        return first - second if self.operation == "-" else first * second

    @property
    def held_out(self) -> bool:
        """Whether the problem belongs to the test split: one in ten, by checksum, whatever the order of its numbers."""
        numbers = self.numbers if self.operation == "-" else sorted(self.numbers)
        text = self.operation + ",".join(map(str, numbers))
        return zlib.crc32(text.encode()) % 100 < HELD_OUT_PERCENT

    def steps(self) -> list[str]:
        """One step a column, ones first: "2+0+5=7" where nothing is carried, "7+5+1=13 carry 1" where one is."""
        return self._columns()[0]

    def _columns(self, slip: tuple[int, int] | None = None) -> tuple[list[str], int]:
        """The steps and the number their digits make. slip: (column, difference) of one wrong sum, carried on."""
        width = max(len(str(number)) for number in self.numbers)
        carried, digits, lines = 0, [], []
        for column in range(width):
            places = [number // 10**column % 10 for number in self.numbers if number >= 10**column or column == 0]
            line, total = self._column(places, carried, self.numbers[1])
            if slip is not None and slip[0] == column:
                total = max(0, total + slip[1])
            if self.operation == "-":
                borrowed = total < 0
                digit, carried = total % 10, int(borrowed)
                lines.append(f"{line}={digit}" + (" borrow 1" if borrowed else ""))
            else:
                digit, carried = total % 10, total // 10
                lines.append(f"{line}={total}" + (f" carry {carried}" if carried else ""))
            digits.append(digit)
        return lines, sum(digit * 10**place for place, digit in enumerate([*digits, carried * (self.operation != "-")]))

    def _column(self, places: list[int], carried: int, factor: int) -> tuple[str, int]:
        if self.operation == "*":
            digit = places[0]
            return f"{digit}*{factor}" + (f"+{carried}" if carried else ""), digit * factor + carried
        if self.operation == "-":
            first, second = places[0], places[1] if len(places) > 1 else 0
            return f"{first}-{second}" + ("-1" if carried else ""), first - second - carried
        terms = [*places, carried] if carried else places
        return "+".join(map(str, terms)), sum(terms)

    def response(self, think: bool) -> str:
        """The right response in one of the two habits."""
        inside = "; ".join(self.steps()) if think else ""
        return f"<think>{inside}</think>{self.answer}"


@dataclass(frozen=True)
class Row:
    """A problem with a response a model is to learn from, which may be wrong on purpose."""

    problem: Problem
    response: str
    thinks: bool

    @property
    def text(self) -> str:
        return self.problem.prompt + self.response


def draw(rng: Random, level: int = 4, held_out: bool = False) -> Problem:
    """A random problem of a level (see LEVELS), from the training split or the held-out one.

    Raises ValueError for an unknown level.
    """
    if level not in LEVELS:
        raise ValueError(f"There is no level {level}: choose one of {min(LEVELS)} to {max(LEVELS)}.")
    operation, fewest, most, shortest, longest = LEVELS[level]
    while True:
        count = rng.randint(fewest, most)
        numbers = [_number(rng, rng.randint(shortest, longest)) for _ in range(count)]
        if operation == "*":
            numbers[1] = rng.randint(2, 9)
        if operation == "-":
            numbers.sort(reverse=True)
        problem = Problem(operation, tuple(numbers))
        if problem.held_out == held_out:
            return problem


def _number(rng: Random, digits: int) -> int:
    return rng.randint(10 ** (digits - 1) if digits > 1 else 0, 10**digits - 1)


def row(
    rng: Random,
    level: int = 4,
    think_share: float = 0.2,
    slip_rate: float = 0.1,
    guess_rate: float = 0.5,
    held_out: bool = False,
) -> Row:
    """A row in one of two habits, of the training split or of the held-out one.

    think_share   the share of rows that work column by column; the others answer at once
    slip_rate     of the rows that work: the share with one wrong column, carried on to a wrong answer
    guess_rate    of the rows that answer at once: the share with a wrong answer of about the right size
    """
    problem = draw(rng, level, held_out)
    if rng.random() < think_share:
        slip = rng.random() < slip_rate
        response = slipped(problem, rng) if slip else problem.response(think=True)
        return Row(problem, response, True)
    answer = problem.answer
    if rng.random() < guess_rate:
        answer = max(0, answer + rng.choice((-20, -11, -10, -9, -2, -1, 1, 2, 9, 10, 11, 20)))
    return Row(problem, f"<think></think>{answer}", False)


def slipped(problem: Problem, rng: Random) -> str:
    """A worked response with one column off by one or two, and the answer that follows from it."""
    width = max(len(str(number)) for number in problem.numbers)
    while True:
        lines, answer = problem._columns(slip=(rng.randrange(width), rng.choice((-2, -1, 1, 2))))
        if answer != problem.answer:
            return f"<think>{'; '.join(lines)}</think>{answer}"


@dataclass(frozen=True)
class Judgment:
    """What the verifier says of a response. steps_right: None where there are no steps."""

    formatted: bool
    answer: int | None
    right: bool
    thinks: bool
    steps_right: bool | None


def verify(problem: Problem, response: str) -> Judgment:
    """Checks a response, whatever text it is; spaces do not matter.

    formatted: there is one <think>...</think> at its beginning and a number after it. The answer is the last number
    after </think>, or of the whole response where there is none. right asks for the right answer only: a reward that
    wants the format as well adds `formatted`.
    """
    match = THINK.fullmatch(response)
    after = match.group(2) if match else response.rpartition("</think>")[2]
    answer = last_number(after)
    inside = match.group(1).strip() if match else ""
    formatted = match is not None and answer is not None and response.count("think>") == 2
    wanted = re.sub(r"\s", "", "; ".join(problem.steps()))
    steps_right = re.sub(r"\s", "", inside) == wanted if inside else None
    return Judgment(formatted, answer, answer == problem.answer, bool(inside), steps_right)


def last_number(text: str) -> int | None:
    """The last number of a text ("1,234" is one); None without any. Only its last 200 characters are looked at."""
    found = NUMBER.findall(text[-200:])
    return int(found[-1].replace(",", "")) if found else None
