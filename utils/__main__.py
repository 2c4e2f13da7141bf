"""`python -m utils`: looks at the Python version before anything that an older Python could not read."""

import sys

if sys.version_info < (3, 11):
    sys.exit(
        "error: the course needs Python 3.11 or newer, and this is Python %d.%d. "
        "Install a newer one from python.org, then call it by name, for instance: python3.11 -m utils lab"
        % sys.version_info[:2]
    )

from utils.cli.launcher import main  # noqa: E402  (the version comes first)

if __name__ == "__main__":
    sys.exit(main())
