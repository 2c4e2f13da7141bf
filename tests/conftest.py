"""What all tests share: the course's root on the path, one thread, no Hub, and small helpers."""

import os
import sys
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(Path(__file__).resolve().parent / "system"))  # loopback_hub

# The same settings as `python -m utils test`, for those who call pytest themselves. Before torch is imported.
for name, value in {
    "COURSE_DEVICE": "cpu",
    "COURSE_HUB": "off",
    "COURSE_THREADS": "1",
    "COURSE_HEADLESS": "1",
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "PYTHONUTF8": "1",
}.items():
    os.environ.setdefault(name, value)


def share_cache(folder: Path) -> None:
    """What was fetched from packages serves a copy of the course, too, so that no test fetches it again."""
    if (ROOT / ".cache").is_dir():
        (folder / ".cache").symlink_to(ROOT / ".cache", target_is_directory=True)


@pytest.fixture
def detection(monkeypatch):
    """Detection as on a fresh machine: no overriding variables, nothing remembered. Returns monkeypatch."""
    from utils.data import hub
    from utils.device import detect_device

    caches = (detect_device, hub.reachable)
    for name in ("COURSE_DEVICE", "COURSE_HUB", "COURSE_THREADS", "HF_HUB_OFFLINE", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for cached in caches:
        cached.cache_clear()
    yield monkeypatch
    for cached in caches:
        cached.cache_clear()


@pytest.fixture
def threads(detection):
    """Restores the number of threads; returns monkeypatch."""
    import torch

    before = torch.get_num_threads()
    yield detection
    torch.set_num_threads(before)


class Notebook:
    """Stands for the notebook's front end: collects what is displayed."""

    def __init__(self):
        self.shown: list[tuple[dict, dict]] = []  # data, metadata

        self.events = types.SimpleNamespace(register=lambda *_: None)  # matplotlib registers itself here

    def display(self, data, metadata=None, raw=False, **_options):
        assert raw, "a bundle of mime types has to be displayed raw"
        self.shown.append((data, metadata or {}))


@pytest.fixture
def notebook(monkeypatch):
    """Inside of a notebook: what is displayed is collected in `notebook.shown`."""
    import IPython
    import IPython.display

    front_end = Notebook()
    monkeypatch.setattr(IPython, "get_ipython", lambda: front_end)
    monkeypatch.setattr(IPython.display, "display", front_end.display)
    return front_end
