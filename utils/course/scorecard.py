"""The scorecard of a lesson: claims, measured values, bounds. It raises where a claim does not hold."""

import html
import math

from utils.course.display import display_bundle

MIME = "application/vnd.course.scorecard+json"


class ScorecardError(AssertionError):
    """A claim of the lesson does not hold in this run."""


class Scorecard:
    """Rows of claim, measured value and bound. `show` draws the table and raises where a row does not hold."""

    def __init__(self, lesson: int):
        self.lesson = lesson
        self.rows: list[dict] = []

    def at_least(self, claim: str, measured, bound: float, digits: int = 3) -> None:
        """The measured value must reach the bound."""
        value = float(measured)
        rounded = round_to(value, digits)
        shown = rounded if (rounded >= bound) == (value >= bound) else value  # rounding must not change the verdict
        self._add(claim, shown, f">= {bound:g}", value >= bound)

    def at_most(self, claim: str, measured, bound: float, digits: int = 3) -> None:
        """The measured value must not exceed the bound.

        A difference between two computations is rounding noise, and other machines have other noise. So under a bound below
        0.001 a value is written as the tenth of the bound, or as the bound itself, whichever it first stays under.
        """
        value = float(measured)
        noise = 0 < bound < 1e-3 and value <= bound
        rounded = round_to((bound / 10 if value <= bound / 10 else bound) if noise else value, digits)
        shown = rounded if (rounded <= bound) == (value <= bound) else value
        self._add(claim, shown, f"<= {bound:g}", value <= bound)

    def equal(self, claim: str, measured, bound) -> None:
        """The measured value must be exactly the bound (counts, strings, True)."""
        self._add(claim, measured, f"= {bound}", measured == bound)

    def show(self) -> None:
        """Draws the table, with the rows as JSON beside it.

        Raises:
            ValueError: there are no rows.
            ScorecardError: a row does not hold; the message names every such row.
        """
        if not self.rows:
            raise ValueError("This scorecard has no rows. Add some with at_least, at_most or equal before show().")
        display_bundle({"text/plain": self._as_text(), "text/html": self._as_html(), MIME: self.rows})
        missed = [row for row in self.rows if not row["holds"]]
        if missed:
            lines = [f"  {row['claim']}: measured {row['measured']}, bound {row['bound']}" for row in missed]
            raise ScorecardError(
                f"Lesson {self.lesson}: {len(missed)} of {len(self.rows)} claims do not hold here.\n" + "\n".join(lines)
            )

    def _add(self, claim: str, measured, bound: str, holds) -> None:
        if hasattr(measured, "item"):  # a number of NumPy or PyTorch
            measured = measured.item()
        if isinstance(measured, float) and not math.isfinite(measured):
            measured = str(measured)  # JSON has no NaN and no infinity
        self.rows.append({"claim": claim, "measured": measured, "bound": bound, "holds": bool(holds)})

    def _as_text(self) -> str:
        width = max(len(row["claim"]) for row in self.rows)
        return "\n".join(
            f"{'ok  ' if row['holds'] else 'MISS'} {row['claim']:<{width}}  {row['measured']}  ({row['bound']})"
            for row in self.rows
        )

    def _as_html(self) -> str:
        cells = "".join(
            "<tr>"
            + f"<td style='text-align:left'>{html.escape(row['claim'])}</td>"
            + f"<td style='text-align:right'><b>{html.escape(str(row['measured']))}</b></td>"
            + f"<td style='text-align:left'>{html.escape(row['bound'])}</td>"
            + f"<td>{'holds' if row['holds'] else '<b>does not hold</b>'}</td></tr>"
            for row in self.rows
        )
        head = "<thead><tr><th>claim</th><th>measured</th><th>bound</th><th></th></tr></thead>"
        return f"<table>{head}<tbody>{cells}</tbody></table>"


def round_to(value: float, digits: int) -> float:
    """`value` rounded to `digits` significant digits; NaN and infinities stay as they are.

    >>> round_to(0.0123456, 3)
    0.0123
    """
    if value == 0 or not math.isfinite(value):
        return value
    rounded = round(value, digits - 1 - math.floor(math.log10(abs(value))))
    return int(rounded) if rounded == int(rounded) and abs(rounded) >= 10 ** (digits - 1) else rounded
