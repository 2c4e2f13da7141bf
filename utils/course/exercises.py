"""Exercises that check themselves: an unattempted or wrong answer gets help and never stops a run.

A stub cell raises `NotImplementedError`; the check cell below it wraps a function of assertions:

    @exercises.check("3.1", bytes_per_token)
    def check_bytes_per_token(attempt):
        assert attempt("aaaa", [1, 2]) == 2.0, "Bytes divided by tokens is asked for: did you divide the other way?"

The check runs at once, and leniently: it prints and does not raise, and it stops an answer that never ends. What the
decorator returns is the strict check, which raises; the solution cell calls it on its own answer.
"""

import _thread
import contextlib
import functools
import signal
import threading
import traceback
import types
from collections.abc import Callable, Iterator

from utils.course.display import display_bundle

PATIENCE = 20.0  # seconds that a check may take, with the answer's own work in it


class TooLong(Exception):
    """An answer was still at work when its time was over."""


def check(number: str, attempt: Callable) -> Callable[[Callable], Callable]:
    """Decorator for a function of assertions: runs it leniently on `attempt`, and returns it as the strict check.

    Each assertion's message must name the mistake that most likely led to it.
    """

    def decorate(assertions: Callable) -> Callable:
        display_bundle({"text/plain": verdict(number, attempt, assertions)})
        return assertions

    return decorate


def verdict(number: str, attempt: Callable, assertions: Callable) -> str:
    """One or two sentences on an attempt: right, not attempted yet, wrong and why, or an error and where."""
    name = getattr(attempt, "__name__", "your answer")
    watched, returned_nothing = _watch(attempt)
    try:
        with _time_limit(PATIENCE):
            assertions(watched)
    except TooLong:
        return (
            f"Exercise {number}: stopped after {PATIENCE:.0f} seconds. Does a loop in `{name}` never end? "
            "Look at what it waits for, and whether that changes in each round."
        )
    except (Exception, SystemExit) as error:  # noqa: BLE001  whatever a student's code raises must not stop Run All
        if isinstance(error, NotImplementedError) and str(error) in ("", f"Exercise {number}"):  # and not PyTorch's own
            return (
                f"Exercise {number}: not attempted yet. Write the body of `{name}` in the cell above, run it, "
                "then run this cell again."
            )
        if returned_nothing:
            return f"Exercise {number}: `{name}` returned None. Does it end with `return`?"
        if isinstance(error, AssertionError):
            return f"Exercise {number}: not yet right. {error or 'An assertion of the check does not hold.'}"
        return f"Exercise {number}: your code stopped with {_kind(error)}: {error}{_where(error, name)}"
    return f"Exercise {number}: right."


@contextlib.contextmanager
def _time_limit(limit: float) -> Iterator[None]:
    """Raises TooLong in the body where it takes longer.

    The end comes as a Ctrl-C does, which works on every system and ends any loop in Python. Elsewhere than in the main
    thread, which alone gets a Ctrl-C, there is no limit.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    over = threading.Event()

    def end() -> None:
        over.set()
        _thread.interrupt_main()

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a kernel may have been started without one
    timer = threading.Timer(limit, end)
    timer.daemon = True
    timer.start()
    try:
        try:
            yield
        finally:
            timer.cancel()
            timer.join()  # from here on it interrupts nobody
    except KeyboardInterrupt:
        if over.is_set():
            raise TooLong from None
        raise
    finally:
        signal.signal(signal.SIGINT, before)


def _watch(attempt: Callable) -> tuple[Callable, list]:
    """The attempt, and a list that gets an entry each time it returns None: the commonest slip of all."""
    returned_nothing: list[bool] = []
    if not isinstance(attempt, types.FunctionType):  # a class is checked as it is: wrapped, it would be no class
        return attempt, returned_nothing

    @functools.wraps(attempt)
    def watched(*arguments, **options):
        result = attempt(*arguments, **options)
        if result is None:
            returned_nothing.append(True)
        return result

    return watched, returned_nothing


def _kind(error: BaseException) -> str:
    """The nearest public name of an error's kind: Python 3.13 says _IncompleteInputError where a SyntaxError is meant."""
    return next(kind.__name__ for kind in type(error).__mro__ if not kind.__name__.startswith("_"))


def _where(error: Exception, name: str) -> str:
    """Where in the student's own function the error arose, if it did arise there."""
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.name == name]
    return f" (in `{name}`, at `{own[-1].line}`)" if own and own[-1].line else ""
