"""utils.exercises: what a check says of an attempt, and that only the strict check raises."""

import linecache

import pytest
import torch

from utils.course import exercises


def double(value):
    """What the exercises below ask for."""
    return 2 * value


def check_double(attempt):
    assert attempt(3) == 6, "Twice the value is asked for: did you add two?"
    assert attempt(0) == 0, "Zero stays zero."


@pytest.fixture
def said(capsys):
    """What a lenient check of `attempt` prints."""

    def run(attempt, assertions=check_double) -> str:
        strict = exercises.check("3.1", attempt)(assertions)
        assert strict is assertions
        return capsys.readouterr().out.strip()

    return run


def test_right(said):
    assert said(double) == "Exercise 3.1: right."


def test_a_lambda_is_an_attempt_too(said):
    assert said(lambda value: value + value) == "Exercise 3.1: right."


def test_not_attempted(said):
    def stub(value):
        raise NotImplementedError("Exercise 3.1")

    text = said(stub)
    assert "not attempted yet" in text and "`stub`" in text and "run this cell again" in text


def test_a_bare_not_implemented_error_is_not_attempted(said):
    def stub(value):
        raise NotImplementedError

    assert "not attempted yet" in said(stub)


def test_wrong_with_the_message_meant_for_it(said):
    text = said(lambda value: value + 2)
    assert text.startswith("Exercise 3.1: not yet right. Twice the value is asked for: did you add two?")


def test_the_first_message_counts(said):
    assert "Zero stays zero." in said(lambda value: 2 * value or 1)


def test_an_assertion_without_a_message_still_says_something(said):
    def silent(attempt):
        assert attempt(3) == 7

    text = said(double, silent)
    assert text.startswith("Exercise 3.1: not yet right. ") and len(text) > len("Exercise 3.1: not yet right. ")


def test_the_message_of_assert_close_is_passed_on(said):
    def close(attempt):
        torch.testing.assert_close(attempt(torch.ones(2)), torch.ones(2))

    assert "not yet right" in said(double, close) and "Mismatched elements" in exercises.verdict("3.1", double, close)


def test_returns_none(said):
    def forgot(value):
        2 * value  # noqa: B018  the slip itself

    text = said(forgot)
    assert "`forgot` returned None" in text and "return" in text


def test_returning_none_is_told_even_where_the_check_stops_with_an_error(said):
    def shape(attempt):
        assert attempt(torch.ones(2)).shape == (2,)  # None has no shape

    def forgot(value):
        pass

    assert "returned None" in said(forgot, shape)


def test_none_is_no_slip_where_the_check_passes(said):
    def asks_for_none(attempt):
        assert attempt(3) is None

    assert said(lambda value: None, asks_for_none) == "Exercise 3.1: right."


def test_code_that_stops_with_an_error_names_it_and_the_line(said):
    source = "def inverse(value):\n    halved = value / 2\n    return halved / 0\n"
    linecache.cache["<cell 7>"] = (len(source), None, source.splitlines(keepends=True), "<cell 7>")
    names = {}
    exec(compile(source, "<cell 7>", "exec"), names)
    text = said(names["inverse"])
    assert "your code stopped with ZeroDivisionError: float division by zero" in text
    assert "in `inverse`, at `return halved / 0`" in text


@pytest.mark.parametrize(
    "error", [TypeError("x"), KeyError("x"), RuntimeError("sizes of tensors"), RecursionError("deep"), MemoryError()]
)
def test_no_error_of_a_student_stops_a_run(said, error):
    def broken(value):
        raise error

    text = said(broken)
    assert text.startswith("Exercise 3.1: your code stopped with " + type(error).__name__)


class _IncompleteInputError(SyntaxError):
    """As Python 3.13 has it for a statement that is not finished."""


def test_a_private_kind_of_error_has_its_public_name(said):
    def unfinished(value):
        raise _IncompleteInputError("incomplete input")

    assert said(unfinished).startswith("Exercise 3.1: your code stopped with SyntaxError: incomplete input")


def test_exit_does_not_stop_a_run(said):
    def leaves(value):
        raise SystemExit(1)

    assert "SystemExit" in said(leaves)


def test_a_wrong_number_of_arguments(said):
    assert "TypeError" in said(lambda: 1)


def test_infinite_recursion(said):
    def forever(value):
        return forever(value)

    assert "RecursionError" in said(forever)


def test_an_error_of_pytorch_is_no_unattempted_exercise(said):
    """nn.Module raises NotImplementedError where `forward` is missing or misspelled."""

    class Misspelled(torch.nn.Module):
        def foward(self, value):
            return 2 * value

    text = said(Misspelled, lambda attempt: attempt()(3))
    assert "not attempted" not in text and "forward" in text


@pytest.mark.parametrize("signal", [KeyboardInterrupt, GeneratorExit])
def test_an_interrupted_check_is_interrupted(signal):
    def slow(value):
        raise signal

    with pytest.raises(signal):
        exercises.check("3.1", slow)(check_double)


class Stack:
    def __init__(self):
        self.items = []

    def push(self, item):
        self.items.append(item)


def check_stack(attempt):
    assert isinstance(attempt, type), "the check gets the class itself"
    stack = attempt()
    stack.push(3)
    assert stack.items == [3], "push has to keep the item."


def test_a_class_that_is_right(said):
    assert said(Stack, check_stack) == "Exercise 3.1: right."


def test_a_class_that_is_wrong(said):
    class Forgetful(Stack):
        def push(self, item):
            pass

    assert "push has to keep the item." in said(Forgetful, check_stack)


def test_a_class_that_is_not_attempted(said):
    class Stub(Stack):
        def push(self, item):
            raise NotImplementedError("Exercise 3.1")

    text = said(Stub, check_stack)
    assert "not attempted yet" in text and "`Stub`" in text


def test_something_that_is_no_function(said):
    assert "TypeError" in said(3)
    assert "TypeError" in said(None)


def test_the_watched_attempt_keeps_its_name_and_arguments(said):
    def asks(attempt):
        """..."""
        assert attempt.__name__ == "double" and attempt.__doc__ == double.__doc__
        assert attempt(value=4) == 8

    assert said(double, asks) == "Exercise 3.1: right."


def test_the_strict_check_raises(capsys):
    strict = exercises.check("3.1", double)(check_double)
    assert strict(double) is None
    with pytest.raises(AssertionError, match="did you add two"):
        strict(lambda value: value + 2)
    with pytest.raises(ZeroDivisionError):
        strict(lambda value: value / 0)
    with pytest.raises(NotImplementedError):
        strict(_unattempted)


def _unattempted(value):
    raise NotImplementedError("Exercise 3.1")


def test_in_a_notebook_the_verdict_is_an_output_of_plain_text(notebook):
    exercises.check("3.1", double)(check_double)
    assert notebook.shown == [({"text/plain": "Exercise 3.1: right."}, {})]


def test_an_endless_loop_is_stopped(monkeypatch):
    monkeypatch.setattr(exercises, "PATIENCE", 0.3)

    def answer():
        while True:
            pass

    said = exercises.verdict("9.9", answer, lambda attempt: attempt())
    assert said.startswith("Exercise 9.9: stopped after 0 seconds. Does a loop in `answer` never end?")


def test_a_real_ctrl_c_is_not_taken_for_an_endless_loop():
    def answer():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exercises.verdict("9.9", answer, lambda attempt: attempt())


def test_the_limit_leaves_nothing_behind():
    import signal
    import threading

    before = signal.getsignal(signal.SIGINT)
    exercises.verdict("9.9", lambda: 1, lambda attempt: attempt())
    assert signal.getsignal(signal.SIGINT) is before
    assert not any(isinstance(thread, threading.Timer) and thread.is_alive() for thread in threading.enumerate())
