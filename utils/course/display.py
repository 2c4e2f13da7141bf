"""Showing something in a notebook, or as plain text where there is none."""


def display_bundle(bundle: dict) -> None:
    """Shows a bundle of mime types in a notebook; outside of one, prints its plain text."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        get_ipython = None
    if get_ipython is None or get_ipython() is None:
        print(bundle["text/plain"])
    else:
        display(bundle, raw=True)
