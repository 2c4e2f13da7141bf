"""Downloads from the Hugging Face Hub that never hang and leave no half-written file.

A child process downloads (the second half of this file) and writes a line whenever the Hub has sent something; the parent (the
first half) watches the lines and stops the child after five seconds without one. What has arrived lies in the Hub's
own cache and is used from then on, with and without a network. The parent needs the standard library only.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from utils import io

ADDRESS = "https://huggingface.co"
PATIENCE = 5  # seconds without a byte
START = 60  # seconds for the child's imports, on a slow disk
SMALL_FILES = (".json", ".txt", ".model", ".spm", ".jinja")  # of a model: its configuration and its tokenizer
WEIGHTS = re.compile(r"(?:model|pytorch_model)(?:-\d{5}-of-\d{5})?\.(?:safetensors|bin)")
SHARD = re.compile(r"-\d{5}-of-(\d{5})")


class Unavailable(Exception):
    """Something is not to be had; the message is the reason, to be read after "because"."""


class TooLarge(Exception):
    """A download is larger than was allowed."""

    def __init__(self, megabytes: float):
        super().__init__(f"a download of {megabytes:,.0f} MB")
        self.megabytes = megabytes


# --- is it there? ------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=None)
def reachable(seconds: float = 4.0) -> bool:
    """Does the Hugging Face Hub answer within so many seconds? COURSE_HUB (on, off) overrides the question.

    Raises:
        SettingError: COURSE_HUB is neither on nor off.
    """
    if wanted := setting():
        return wanted == "on"
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        return False
    status = io.http_status(os.environ.get("HF_ENDPOINT") or ADDRESS, seconds)
    return status is not None and status < 500  # below that it answered, if only to say no


def setting() -> str:
    """What COURSE_HUB says: "on", "off" or nothing. What is off stays off: the cache of the Hub is left out, too.

    Raises:
        SettingError: COURSE_HUB is neither on nor off.
    """
    return io.setting("COURSE_HUB")


# --- what belongs to an entry of the catalog --------------------------------------------------------------------------


def wanted(entry: dict, files: list[str], tokenizer_only: bool = False) -> list[str]:
    """Of a repository's files those that the entry needs, the weights last; [] where some are missing.

    Of a model: its configuration, its tokenizer, and the weights as safetensors, or as PyTorch's own files where there
    are none. Of a data set: the parquet files of the splits that the table names.
    """
    if entry["kind"] == "set":
        parts = [of_split(entry, files, split) for split in entry["splits"].values()]
        return sorted(set().union(*parts)) if all(map(_all_shards, parts)) else []
    small = sorted(file for file in files if "/" not in file and file.endswith(SMALL_FILES))
    weights = sorted(file for file in files if WEIGHTS.fullmatch(file))
    weights = [file for file in weights if file.endswith(".safetensors")] or weights
    if "config.json" not in small or not (tokenizer_only or _all_shards(weights)):
        return []
    return small if tokenizer_only else small + weights


def of_split(entry: dict, files: list[str], split: str) -> list[str]:
    """The files of one of the Hub's splits: `train-00000-of-00002.parquet`, in the configuration's folder if any."""
    paths = [PurePosixPath(file) for file in files if file.endswith(".parquet")]
    starts = re.compile(rf"{re.escape(split)}[-.]")
    config = entry.get("config")
    return [str(path) for path in paths if starts.match(path.name) and (config is None or config in path.parts)]


def _all_shards(files: list[str]) -> bool:
    """Whether there are files, and as many as their names (`-of-00003`) say."""
    counts = [SHARD.search(file) for file in files]
    return bool(files) and all(count is None or int(count[1]) == len(files) for count in counts)


def cached(entry: dict, tokenizer_only: bool = False) -> Path | None:
    """The folder in this machine's cache of the Hub that holds all the entry's files, or None. Asks no network."""
    commit = storage(entry) / "refs" / entry["revision"]
    if not commit.is_file():
        return None
    folder = storage(entry) / "snapshots" / commit.read_text(encoding="utf-8").strip()
    files = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    return folder if wanted(entry, files, tokenizer_only) else None


def storage(entry: dict) -> Path:
    """Where `huggingface_hub` keeps this repository: its rules, without its import."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    cache = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE") or Path(home) / "hub"
    kind = "datasets" if entry["kind"] == "set" else "models"
    return Path(os.path.expandvars(cache)).expanduser() / f"{kind}--{entry['hub'].replace('/', '--')}"


# --- the parent: starts and watches -----------------------------------------------------------------------------------


def fetch(
    entry: dict,
    *,
    limit: float | None = None,
    tokenizer_only: bool = False,
    recheck: bool = False,
    show: Callable[[int, int], None] | None = None,
) -> Path:
    """Downloads what the entry needs and the cache lacks; returns the folder.

    Args:
        entry: an entry of the catalog.
        limit: megabytes; a larger download is refused.
        tokenizer_only: leaves out a model's weights.
        recheck: what the cache holds has failed: its hashes are checked, too, and damaged files fetched again.
        show: called with the bytes that have come and the bytes that will.

    Raises:
        Unavailable: with the reason, after five seconds without a byte at the latest.
        TooLarge: the download is larger than the limit.
    """
    request = json.dumps({"entry": entry, "limit": limit, "tokenizer_only": tokenizer_only, "recheck": recheck})
    started = time.time()
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "utils.data.hub", request],
            cwd=io.ROOT,
            env=_child_variables(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            encoding="utf-8",
            errors="replace",
        )
        answer = None
        try:
            answer = _watch(process, show)
        finally:
            kindly = _stop(process)
            if answer == {} or not kindly:
                _sweep(entry, started)
        errors.seek(0)
        said = errors.read()
    if answer and "folder" in answer:
        return Path(answer["folder"])
    if answer and "reason" in answer:
        raise Unavailable(answer["reason"])
    if answer and "too_large" in answer:
        raise TooLarge(answer["too_large"])
    raise Unavailable(_why_silent(said) if answer is None else _last_line(said))


def _watch(process: subprocess.Popen, show: Callable[[int, int], None] | None) -> dict | None:
    """The child's last word, {"folder"}, {"reason"} or {"too_large"}; {} where it died without, None where it fell silent."""
    started, ready = time.monotonic(), False
    for line in _lines_and_pauses(process.stdout, seconds=PATIENCE):
        if line is None:
            if ready or time.monotonic() - started > START:
                return None
            continue
        ready = True
        if not line.startswith("{"):  # something that a library printed
            continue
        message = json.loads(line)
        if "bytes" not in message:
            return message
        if show and message["bytes"]:
            show(message["bytes"], message["total"])
    return {}


def _lines_and_pauses(stream, seconds: float = 10.0):
    """The lines of a stream as they come, and None whenever none came for so many seconds."""
    lines: queue.Queue = queue.Queue()

    def read() -> None:
        for line in stream:
            lines.put(line)
        lines.put("")

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=seconds)
        except queue.Empty:
            yield None
            continue
        if line == "":
            return
        yield line


def _stop(process: subprocess.Popen) -> bool:
    """Ends the child: kindly, so that it takes its half-written file away, else by force. True where it went itself."""
    kindly = os.name == "posix" or process.poll() is not None  # Windows knows only force
    process.terminate()
    try:
        process.wait(timeout=3)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        kindly = False
    return kindly


def _sweep(entry: dict, started: float) -> None:
    """Removes what a child that died or was ended by force left half-written since it started."""
    for path in storage(entry).glob("blobs/*.incomplete"):
        if path.stat().st_mtime >= started - 1:
            path.unlink(missing_ok=True)


def _child_variables() -> dict[str, str]:
    variables = io.child_environment(
        HF_HUB_OFFLINE="0",
        TRANSFORMERS_OFFLINE="0",
        HF_HUB_ETAG_TIMEOUT=str(PATIENCE),
        HF_HUB_DOWNLOAD_TIMEOUT=str(PATIENCE),
        HF_HUB_DISABLE_XET="1",  # plain HTTP only: one way to fail, and a tested one
        HF_HUB_DISABLE_TELEMETRY="1",
        HF_HUB_DISABLE_SYMLINKS_WARNING="1",
    )
    if "google.colab" in sys.modules:  # Colab keeps the token where only this process can ask for it
        from huggingface_hub import get_token

        if token := get_token():
            variables["HF_TOKEN"] = token
    return variables


def _why_silent(said: str) -> str:
    """The reason for five seconds of silence, from what the library wrote about its retries."""
    if status := re.findall(r"HTTP Error (\d{3})", said):
        return _status(int(status[-1]))
    if "resume download" in said:
        return "the download broke off and did not go on"
    return f"the Hub sent no byte for {PATIENCE} seconds"


def _last_line(said: str) -> str:
    return "the download failed: " + (said.strip().splitlines() or ["no message"])[-1][:150]


def _status(code: int) -> str:
    if code == 429:
        return "the Hub takes no more requests from here for now (429)"
    if code >= 500:
        return f"the Hub is out of order ({code})"
    if code in (401, 403):
        return f"the Hub refuses access ({code}): log in with `hf auth login`, or set HF_TOKEN"
    return f"the Hub answers with an error ({code})"


# --- the child: downloads ---------------------------------------------------------------------------------------------


class Count:
    """Stands in for the library's progress bar: adds up the bytes of all files, says so ten times a second at most."""

    done, total, said = 0, 0, 0.0

    def __init__(self, *arguments, **options):
        Count.done += options.get("initial") or 0

    def update(self, count: float | None = 1) -> None:
        Count.done += count or 0
        Count.say()

    @staticmethod
    def say() -> None:
        """A sign of life."""
        if time.monotonic() - Count.said > 0.1:
            Count.said = time.monotonic()
            tell(bytes=int(Count.done), total=Count.total)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def __getattr__(self, name):  # whatever else a progress bar can do
        return lambda *_, **__: None


def tell(**message) -> None:
    print(json.dumps(message), flush=True)


def main(request: dict) -> None:
    entry = request["entry"]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # an exception: the library removes its half-written file
    try:
        tell(folder=str(download(**request)))
    except TooLarge as found:
        tell(too_large=found.megabytes)
    except Exception as error:
        if not (reason := explain(error, entry)):
            raise
        tell(reason=reason)


def download(entry: dict, limit: float | None, tokenizer_only: bool, recheck: bool) -> Path:
    """Downloads file by file, small files first, each checked against the Hub's hash; returns the snapshot's folder."""
    from huggingface_hub import HfApi, constants, hf_hub_download, try_to_load_from_cache

    constants.DOWNLOAD_CHUNK_SIZE = 1 << 16  # else ten megabytes have to come before one is counted
    Count.say()
    where = {"repo_id": entry["hub"], "repo_type": "dataset" if entry["kind"] == "set" else "model"}
    commit = HfApi().repo_info(**where, revision=entry["revision"], timeout=PATIENCE).sha
    Count.say()
    tree = HfApi().list_repo_tree(**where, revision=commit, recursive=True)
    files = {file.path: file for file in tree if hasattr(file, "size")}
    Count.say()
    names = wanted(entry, list(files), tokenizer_only)
    if not names:
        raise Unavailable("the Hub's repository does not hold the files that are expected there")
    missing = []
    for name in names:
        path = try_to_load_from_cache(**where, filename=name, revision=commit)
        if not isinstance(path, str) or (recheck and not intact(Path(path), files[name])):
            missing.append(name)
    Count.total = sum(files[name].size for name in missing)
    if limit is not None and Count.total > limit * 1e6:
        raise TooLarge(Count.total / 1e6)
    if Count.total > (free := free_space(storage(entry))):
        raise Unavailable(f"the disk has {free / 1e6:,.0f} MB free and it needs {Count.total / 1e6:,.0f}")
    for name in names:
        path = Path(hf_hub_download(**where, filename=name, revision=commit, tqdm_class=Count))
        if name in missing and not intact(path, files[name]):
            raise Unavailable(f"{path.name} arrived damaged (its hash differs)")
    remember(entry, commit)
    return path.parents[name.count("/")]


def free_space(folder: Path) -> int:
    """The bytes that are free where the folder is or will be."""
    while not folder.is_dir():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def intact(path: Path, file) -> bool:
    """Whether the file has the hash that the Hub lists; where not, it is taken out of the cache."""
    if file.lfs:
        digest, expected = hashlib.sha256(), file.lfs.sha256
    else:  # git's own hash of a small file
        digest, expected = hashlib.sha1(b"blob %d\0" % path.stat().st_size), file.blob_id
    with path.open("rb") as content:
        while block := content.read(1 << 24):
            digest.update(block)
            Count.say()
    if digest.hexdigest() == expected:
        return True
    path.resolve().unlink()
    path.unlink(missing_ok=True)
    return False


def remember(entry: dict, commit: str) -> None:
    """Notes which commit the revision is, as the library does where it is not given the commit."""
    reference = storage(entry) / "refs" / entry["revision"]
    if not reference.is_file() or reference.read_text(encoding="utf-8") != commit:
        reference.parent.mkdir(parents=True, exist_ok=True)
        io.write_atomically(reference, commit.encode())


def explain(error: BaseException, entry: dict) -> str | None:
    """The reason in a few words; None for what nobody expected."""
    from huggingface_hub import errors

    chain = [error]
    while following := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(following)
    for link in chain:
        if isinstance(link, Unavailable):
            return str(link)
        if isinstance(link, errors.GatedRepoError):
            return (
                f"it is gated: ask for access at https://huggingface.co/{entry['hub']}, then log in with "
                "`hf auth login` or set HF_TOKEN"
            )
        if isinstance(link, errors.RevisionNotFoundError):
            return f"the Hub has no revision {entry['revision']} of {entry['hub']}"
        if isinstance(link, errors.RepositoryNotFoundError):
            return f"the Hub has no {entry['hub']}, or keeps it private"
        if isinstance(link, errors.EntryNotFoundError) and not isinstance(link, errors.LocalEntryNotFoundError):
            return "the Hub lacks one of its files (404)"
        if code := getattr(getattr(link, "response", None), "status_code", None):
            return f"the Hub has no {entry['hub']} (404)" if code == 404 else _status(code)
        if isinstance(link, OSError) and link.errno == errno.ENOSPC:
            return "the disk is full"
        if isinstance(link, PermissionError):
            return f"the cache {storage(entry).parent} cannot be written"
        name = type(link).__name__
        if name in ("FileMetadataError", "JSONDecodeError"):
            return f"what answers at {os.environ.get('HF_ENDPOINT') or 'its address'} is not the Hub"
        if "Consistency check" in str(link) or name in ("RemoteProtocolError", "ReadError"):
            return "the download broke off"
        if name in ("UnsupportedProtocol", "InvalidURL", "LocalProtocolError"):
            return f"HF_ENDPOINT is {os.environ.get('HF_ENDPOINT')!r}, which is no web address"
        if "Timeout" in name:
            return f"the Hub sent no byte for {PATIENCE} seconds"
        if name in ("ConnectError", "ProxyError"):
            return "the Hub cannot be reached"
    return None


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
