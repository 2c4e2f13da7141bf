"""utils.widgets: a static figure without a person, live controls with one."""

import contextlib

import ipywidgets
import matplotlib.pyplot as plt
import pytest

from utils.course import plots, widgets

plt.switch_backend("agg")  # no windows


def bar(height):
    figure, axes = plots.figure()
    axes.bar(["a"], [height])
    axes.set_title(f"height {height}")
    return figure


@pytest.fixture
def live(monkeypatch, notebook):
    """With a person in front of it. What stands under the controls is collected in `live`: figures and lines."""
    monkeypatch.setenv("COURSE_HEADLESS", "0")
    under: list = []

    class Output(ipywidgets.Output):
        def clear_output(self, wait=False):
            under.clear()

        def __enter__(self):
            self.before = len(notebook.shown)
            self.printed = contextlib.redirect_stdout(Lines(under))
            self.printed.__enter__()

        def __exit__(self, *error):
            self.printed.__exit__(*error)
            under.extend(data for data, _ in notebook.shown[self.before :])
            del notebook.shown[self.before :]
            return False  # an error that `explore` lets through fails the test; the real Output would draw a traceback

    monkeypatch.setattr(ipywidgets, "Output", Output)
    return under


class Lines:
    def __init__(self, lines):
        self.lines = lines

    def write(self, text):
        self.lines.extend(line for line in text.splitlines() if line)

    def flush(self):
        pass


@pytest.fixture
def shown_widgets(monkeypatch, notebook):
    """The widgets that are displayed; figures still go to `notebook.shown`."""
    import IPython.display

    found: list = []

    def display(what, **options):
        found.append(what) if isinstance(what, ipywidgets.Widget) else notebook.display(what, **options)

    monkeypatch.setattr(IPython.display, "display", display)
    return found


@pytest.mark.parametrize("value, headless", [("1", True), ("0", False), ("", False), (None, False)])
def test_is_headless(monkeypatch, value, headless):
    monkeypatch.delenv("COURSE_HEADLESS", raising=False)
    if value is not None:
        monkeypatch.setenv("COURSE_HEADLESS", value)
    assert widgets.is_headless() is headless


def test_headless_leaves_the_static_figure_alone(monkeypatch, notebook, shown_widgets):
    monkeypatch.setenv("COURSE_HEADLESS", "1")
    drawn = []
    slider = ipywidgets.IntSlider(3, 0, 9)
    widgets.explore(lambda height: drawn.append(height) or bar(height), alt="a bar", height=slider)
    ((data, metadata),) = notebook.shown
    assert data["image/png"].startswith(b"\x89PNG") and metadata["image/png"]["alt"] == "a bar"
    assert drawn == [3]
    assert shown_widgets == []
    slider.value = 5
    assert drawn == [3] and len(notebook.shown) == 1


def test_headless_an_error_is_an_error(monkeypatch, notebook):
    monkeypatch.setenv("COURSE_HEADLESS", "1")
    with pytest.raises(ZeroDivisionError):
        widgets.explore(lambda height: 1 / height, alt="a bar", height=ipywidgets.IntSlider(0, 0, 9))


def test_live_the_controls_stand_over_the_figure(live, shown_widgets):
    first, second = ipywidgets.IntSlider(3, 0, 9), ipywidgets.Text("a title")
    widgets.explore(lambda height, title: bar(height), alt="a bar", height=first, title=second)
    (box,) = shown_widgets
    assert list(box.children[:-1]) == [first, second]
    assert isinstance(box.children[-1], ipywidgets.Output)
    assert len(live) == 1 and live[0]["text/plain"] == "a bar"


def test_live_a_change_draws_again(live, shown_widgets):
    drawn = []
    slider = ipywidgets.IntSlider(3, 0, 9)
    widgets.explore(lambda height: drawn.append(height) or bar(height), alt="a bar", height=slider)
    before = live[0]["image/png"]
    slider.value = 7
    assert drawn == [3, 7]
    assert len(live) == 1, "the new figure replaces the old one"
    assert live[0]["image/png"] != before
    slider.value = 3
    assert live[0]["image/png"] == before


def test_live_each_control_redraws(live, shown_widgets):
    drawn = []
    first, second = ipywidgets.IntSlider(3), ipywidgets.Text("a")
    widgets.explore(lambda **values: drawn.append(values) or bar(1), alt="a bar", height=first, title=second)
    second.value = "b"
    first.value = 4
    assert drawn == [{"height": 3, "title": "a"}, {"height": 3, "title": "b"}, {"height": 4, "title": "b"}]


@pytest.mark.parametrize(
    "error",
    [ValueError("no such word"), TypeError("x"), KeyError("x"), IndexError("x"), RuntimeError("x"), ZeroDivisionError("x")],
)
def test_live_an_error_is_one_line_and_the_next_value_works(live, shown_widgets, error):
    def draw(height):
        if height == 0:
            raise error
        return bar(height)

    slider = ipywidgets.IntSlider(3, 0, 9)
    widgets.explore(draw, alt="a bar", height=slider)
    slider.value = 0
    (line,) = live
    assert line.startswith("This does not work") and str(error) in line
    slider.value = 5
    assert len(live) == 1 and "image/png" in live[0]


def test_live_the_first_value_may_be_one_that_does_not_work(live, shown_widgets):
    slider = ipywidgets.IntSlider(0, 0, 9)
    widgets.explore(lambda height: bar(1 / height), alt="a bar", height=slider)
    assert "This does not work" in live[0]
    assert len(shown_widgets) == 1
    slider.value = 2
    assert "image/png" in live[0]


def test_live_an_error_of_many_lines_is_one_line(live, shown_widgets):
    def draw(height):
        raise RuntimeError("Error(s) in loading state_dict:\n\tsize mismatch\n\tsize mismatch")

    widgets.explore(draw, alt="a bar", height=ipywidgets.IntSlider(0, 0, 9))
    assert len(live) == 1


def test_live_an_error_leaves_no_figure_open(live, shown_widgets):
    """A figure that stays open would be drawn under some later cell."""

    def draw(height):
        plots.figure()
        raise ValueError("after the figure was made")

    plt.close("all")
    other, _ = plots.figure()  # not ours
    slider = ipywidgets.IntSlider(0, 0, 9)
    widgets.explore(draw, alt="a bar", height=slider)
    slider.value = 1
    assert plt.get_fignums() == [other.number]
    plt.close(other)


def test_live_an_interruption_is_passed_on(live, shown_widgets):
    def draw(height):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        widgets.explore(draw, alt="a bar", height=ipywidgets.IntSlider(0, 0, 9))


def test_a_missing_alternative_text(monkeypatch, notebook):
    monkeypatch.setenv("COURSE_HEADLESS", "1")
    with pytest.raises(ValueError, match="alternative text"):
        widgets.explore(bar, alt="", height=ipywidgets.IntSlider(3))


def test_controls_that_draw_does_not_take(monkeypatch, notebook):
    monkeypatch.setenv("COURSE_HEADLESS", "1")
    with pytest.raises(TypeError, match="heigth"):
        widgets.explore(bar, alt="a bar", heigth=ipywidgets.IntSlider(3))
