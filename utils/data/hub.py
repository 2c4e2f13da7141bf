"""Downloads from the Hugging Face Hub that never hang and leave no half-written file.

`huggingface_hub` downloads, keeps the cache and tries again. What it does not do: end the look-up of a name that hangs, a
server that sends a byte now and then, its own retries; compare hashes; ask again without a token that has expired. So it
runs in a child process (the second half of this file), which can be ended where a thread cannot, and which says
so when nothing has come for five seconds. The parent (the first half) needs the standard library only.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from utils import io

ADDRESS = "https://huggingface.co"
PATIENCE = 5  # seconds without a byte
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
    """The folder in this machine's cache of the Hub that holds all the entry's files, whole, or None. Asks no network."""
    reference = storage(entry) / "refs" / entry["revision"]
    commit = reference.read_text(encoding="utf-8", errors="replace").strip() if reference.is_file() else ""
    folder = storage(entry) / "snapshots" / commit
    if not commit or not folder.is_dir():
        return None
    files = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and has_its_end(path)]
    return folder if wanted(entry, files, tokenizer_only) else None


def has_its_end(path: Path) -> bool:
    """Whether a file is not cut off, as another program, a full disk or a power cut may leave it. Reads a few bytes."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if path.suffix == ".safetensors":  # eight bytes with the header's length, the header, the tensors
            start = 8 + int.from_bytes(file.read(8), "little")
            try:
                header = json.loads(file.read(start - 8)) if 8 < start <= size else None
                return size == start + max(tensor["data_offsets"][1] for name, tensor in header.items() if name[:2] != "__")
            except (ValueError, TypeError, AttributeError, KeyError):
                return False
        file.seek(-min(size, 64), os.SEEK_END)
        end = file.read().rstrip()
    return end.endswith({".json": (b"}", b"]"), ".parquet": b"PAR1"}.get(path.suffix, b"")) and size > 0


def storage(entry: dict) -> Path:
    """Where `huggingface_hub` keeps this repository: its rules, without its import."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    cache = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE") or Path(home) / "hub"
    kind = "datasets" if entry["kind"] == "set" else "models"
    return Path(os.path.expandvars(cache)).expanduser() / f"{kind}--{entry['hub'].replace('/', '--')}"


# --- the parent: starts and listens -----------------------------------------------------------------------------------


def fetch(
    entry: dict, *, limit: float | None = None, tokenizer_only: bool = False, show: Callable[[int, int], None] | None = None
) -> Path:
    """Downloads what the entry needs and the cache lacks, or holds damaged; returns the folder.

    Prints a line where the Hub refused the user's token and gave the files without one.

    Args:
        entry: an entry of the catalog.
        limit: megabytes; a larger download is refused.
        tokenizer_only: leaves out a model's weights.
        show: called with the bytes that have come and the bytes that will.

    Raises:
        Unavailable: with the reason, after five seconds without a byte at the latest.
        TooLarge: the download is larger than the limit.
    """
    request = {"entry": entry, "patience": PATIENCE, "limit": limit, "tokenizer_only": tokenizer_only}
    command = [sys.executable, "-m", "utils.data.hub", json.dumps(request)]
    null, pipe = subprocess.DEVNULL, subprocess.PIPE
    with subprocess.Popen(command, cwd=io.ROOT, env=_child_variables(), stdin=null, stdout=pipe, stderr=null) as child:
        try:
            answer = _listen(child.stdout, show)
        finally:
            _end(child, entry)
    if "too_large" in answer:
        raise TooLarge(answer["too_large"])
    if "reason" in answer:
        raise Unavailable(answer["reason"])
    if answer["note"]:
        io.say(answer["note"])
    return Path(answer["folder"])


def _listen(lines: Iterable[bytes], show: Callable[[int, int], None] | None) -> dict:
    """The child's last word: {"folder", "note"}, {"reason"} or {"too_large"}."""
    for line in lines:
        if not line.startswith(b"{"):  # something that a library printed
            continue
        message = json.loads(line)
        if "bytes" not in message:
            return message
        if show and message["bytes"]:
            show(message["bytes"], message["total"])
    return {"reason": "the process that downloads was ended from outside"}


def _end(child: subprocess.Popen, entry: dict) -> None:
    """Ends the child: kindly, so that it takes its half-written file away, else by force."""
    child.terminate()
    try:
        child.wait(timeout=3)
    except subprocess.TimeoutExpired:  # as in the look-up of a name
        child.kill()
    if os.name == "nt":  # where there is only force; a file that another process is writing cannot be removed there
        for path in storage(entry).glob("blobs/*.incomplete"):
            with contextlib.suppress(OSError):
                path.unlink()


def _child_variables() -> dict[str, str]:
    # Plain HTTP, without Xet: one way to fail, and a tested one.
    variables = io.child_environment(HF_HUB_OFFLINE="0", HF_HUB_DISABLE_XET="1")
    if "google.colab" in sys.modules:  # Colab keeps the token where only this process can ask for it
        from huggingface_hub import get_token

        if token := get_token():
            variables["HF_TOKEN"] = token
    return variables


# --- the child: downloads ---------------------------------------------------------------------------------------------


def main(entry: dict, patience: float, **options) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # an exception: the library removes its half-written file
    note = ""
    try:
        from huggingface_hub import HfApi, constants, errors, get_session, get_token

        constants.DOWNLOAD_CHUNK_SIZE = 1 << 14  # else ten megabytes have to come before one is counted
        session = get_session()
        session.event_hooks = session.event_hooks | {"response": [answered]}
        Count.beat()
        threading.Thread(target=watch, args=[patience], daemon=True).start()
        try:
            folder = download(HfApi(), entry, **options)
        except errors.HfHubHTTPError as error:
            if error.response.status_code != 401 or not get_token():
                raise
            place = "HF_TOKEN" if os.environ.get("HF_TOKEN") else "the file of `hf auth login`"
            note = f"the Hub refused the token in {place} (401), which has expired or is wrong: make a new one, or remove it"
            folder = download(HfApi(token=False), entry, **options)
        tell(bytes=Count.total, total=Count.total)
        tell(folder=str(folder), note=note and f"{entry['hub']} came without a token, because {note}.")
    except TooLarge as found:
        tell(too_large=found.megabytes)
    except Exception as error:
        tell(reason="; ".join(filter(None, (explain(error, entry), note))))


def tell(**message) -> None:
    print(json.dumps(message) + "\n", end="", flush=True)  # in one piece: two threads tell


class Count:
    """Stands in for the library's progress bar: adds up the bytes of all files, and remembers when the last ones came."""

    done, total, said, heard = 0, 0, 0.0, 0.0

    def __init__(self, *_, **__):
        pass

    def update(self, count: float | None = 1) -> None:
        Count.done += count or 0
        Count.beat()

    @staticmethod
    def beat() -> None:
        """A sign of life; ten times a second at most the parent hears of it."""
        Count.heard = time.monotonic()
        if Count.heard - Count.said > 0.1:
            Count.said = Count.heard
            tell(bytes=int(Count.done), total=Count.total)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def __getattr__(self, name):  # whatever else a progress bar can do
        return lambda *_, **__: None


def watch(patience: float) -> None:
    """Waits for a silence of so many seconds and tells it, upon which the parent ends this process."""
    while (rest := Count.heard + patience - time.monotonic()) > 0:
        time.sleep(rest)
    try:
        tell(reason=f"the Hub sent next to nothing for {patience:g} seconds")
    except OSError:  # the parent is gone
        os.kill(os.getpid(), signal.SIGTERM)


def answered(response) -> None:
    """A hook of the HTTP client: what the library would ask again and again is an answer, too."""
    from huggingface_hub import hf_raise_for_status

    Count.beat()
    if response.status_code == 429 or response.status_code >= 500:
        hf_raise_for_status(response)


def download(api, entry: dict, limit: float | None, tokenizer_only: bool) -> Path:
    """Downloads file by file, small files first, each checked against the Hub's hash; returns the snapshot's folder."""
    where = {"repo_id": entry["hub"], "repo_type": "dataset" if entry["kind"] == "set" else "model"}
    info = api.repo_info(**where, revision=entry["revision"], files_metadata=True)
    files = {file.rfilename: file for file in info.siblings}
    names = wanted(entry, list(files), tokenizer_only)
    if not names:
        raise Unavailable("the Hub's repository does not hold the files that are expected there")
    folder = storage(entry) / "snapshots" / info.sha
    missing = [name for name in names if not ((folder / name).is_file() and intact(folder / name, files[name]))]
    Count.total = sum(files[name].size for name in missing)
    if limit is not None and Count.total > limit * 1e6:
        raise TooLarge(Count.total / 1e6)
    if Count.total > (free := shutil.disk_usage(next(path for path in folder.parents if path.is_dir())).free):
        raise Unavailable(f"the disk has {free / 1e6:,.0f} MB free and it needs {Count.total / 1e6:,.0f}")
    for name in missing:
        api.hf_hub_download(**where, filename=name, revision=info.sha, cache_dir=storage(entry).parent, tqdm_class=Count)
        if not intact(folder / name, files[name]):
            raise Unavailable(f"{name} arrived damaged (its hash differs)")
    io.write_atomically(storage(entry) / "refs" / entry["revision"], info.sha.encode())
    return folder


def intact(path: Path, file) -> bool:
    """Whether the file has the hash that the Hub lists; where not, it is taken out of the cache."""
    digest = hashlib.sha256() if file.lfs else hashlib.sha1(b"blob %d\0" % path.stat().st_size)  # git's, of a small file
    with path.open("rb") as content:
        while block := content.read(1 << 24):
            digest.update(block)
            Count.beat()
    if digest.hexdigest() == (file.lfs.sha256 if file.lfs else file.blob_id):
        return True
    path.resolve().unlink()
    path.unlink(missing_ok=True)
    return False


NO_HUB, BROKEN_OFF = "what answers at {address} is not the Hub", "the download broke off"
NO_ADDRESS, UNREACHABLE = "HF_ENDPOINT is {address!r}, which is no web address", "the Hub cannot be reached"
REFUSED = "the Hub refuses access ({sign}): log in with `hf auth login`, or set HF_TOKEN to a token that has the right to it"
READ_ONLY = "the cache {cache} cannot be written"
REASONS = {  # an error's class, its HTTP status or the system's name of it -> what to say
    "GatedRepoError": "it is gated: ask for access at https://huggingface.co/{hub}, then log in with `hf auth login` or set "
    "HF_TOKEN",
    "RevisionNotFoundError": "the Hub has no revision {revision} of {hub}",
    "RepositoryNotFoundError": "the Hub has no {hub}, or keeps it private",
    "RemoteEntryNotFoundError": "the Hub lacks one of its files (404)",
    **dict.fromkeys(("FileMetadataError", "JSONDecodeError"), NO_HUB),
    **dict.fromkeys(("RemoteProtocolError", "ReadError"), BROKEN_OFF),
    **dict.fromkeys(("UnsupportedProtocol", "InvalidURL", "LocalProtocolError"), NO_ADDRESS),
    **dict.fromkeys(("ConnectError", "ProxyError"), UNREACHABLE),
    **dict.fromkeys((401, 403), REFUSED),
    404: "the Hub has no {hub} (404)",
    429: "the Hub takes no more requests from here for now (429)",
    "ENOSPC": "the disk is full",
    **dict.fromkeys(("EACCES", "EPERM", "EROFS", "ENOTDIR"), READ_ONLY),
}


def explain(error: BaseException, entry: dict) -> str:
    """The reason in a few words, from the first error in the chain of causes that says something."""
    link = error
    while link:
        if isinstance(link, Unavailable):
            return str(link)
        status = getattr(getattr(link, "response", None), "status_code", None)
        for sign in (type(link).__name__, status, errno.errorcode.get(getattr(link, "errno", None))):
            if sign in REASONS:
                place = {"address": os.environ.get("HF_ENDPOINT") or ADDRESS, "cache": storage(entry).parent}
                return REASONS[sign].format(**entry, **place, sign=sign)
        if status:
            return f"the Hub is out of order ({status})"
        link = link.__cause__ or link.__context__
    return f"the download failed ({type(error).__name__}: {' '.join(str(error).split())[:150]})"


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
