"""What all tests share: the markers, and the course's root on sys.path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes some seconds; `test --fast` leaves it out")
    config.addinivalue_line("markers", "browser: needs Chromium; says so where there is none")
