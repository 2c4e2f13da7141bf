"""Widgets to play with that also leave a static figure, for readers who see the notebook and cannot run it.

Where a notebook is executed without a person (`python -m utils run` and `test`), only the figure for the starting values is
drawn. Live, the same figure stands under the controls and follows them.
"""

from collections.abc import Callable

from utils.course import plots
from utils.io import is_headless


def explore(draw: Callable, alt: str, **controls) -> None:
    """Shows `draw(**values)` under its controls.

    Args:
        draw: takes the controls' values by name and returns a matplotlib figure.
        alt: the alternative text of the figure.
        controls: name -> an ipywidgets control; its value is the one to start with.

    A value that `draw` cannot use gives its error as one line under the controls, and the next value works again.
    """
    if is_headless():
        plots.show(draw(**{name: control.value for name, control in controls.items()}), alt=alt)
        return
    import ipywidgets
    from IPython.display import display

    output = ipywidgets.Output()

    def redraw(_change=None) -> None:
        output.clear_output(wait=True)
        open_before = set(plots.plt.get_fignums())
        with output:
            try:
                plots.show(draw(**{name: control.value for name, control in controls.items()}), alt=alt)
            except Exception as error:  # noqa: BLE001  a person may type anything
                for number in set(plots.plt.get_fignums()) - open_before:
                    plots.plt.close(number)  # half drawn; left open it would turn up under another cell
                print(f"This does not work: {' '.join(str(error).split())} ({type(error).__name__})")

    for control in controls.values():
        control.observe(redraw, names="value")
    redraw()
    display(ipywidgets.VBox([*controls.values(), output]))
