"""`python -m utils`: looks at the Python version before anything that an older Python could not read."""

import os
import sys

if sys.version_info < (3, 11):
    sys.exit(
        "error: the course needs Python 3.11 or newer, and this is Python %d.%d. "
        "Install a newer one from python.org, then call it by name, for instance: python3.11 -m utils lab"
        % sys.version_info[:2]
    )

if not __package__:  # `python utils`: this folder is on the path then, and not the one that it lies in
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from utils.io import CommandError  # noqa: E402  (the version comes first)

try:
    from utils.cli.launcher import main
except CommandError as error:  # the table of the lessons is damaged
    sys.exit(f"error: {error}")

if __name__ == "__main__":
    sys.exit(main())
