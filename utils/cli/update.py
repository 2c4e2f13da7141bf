"""`python -m utils update`: what the user changed goes into my_course/ under a name with the date, then comes the newest
course.

Everything that is overwritten afterwards has been copied before, so the command can be interrupted anywhere and given
again. It changes nothing where it cannot finish: no git, no clone, no network, commits of the user's own.
"""

from __future__ import annotations

import datetime
import json
import os
import shutil
import subprocess
from pathlib import Path

from utils.cli.notebooks import COPIES, source
from utils.io import ROOT, CommandError, say, write_atomically

# A server that sends less than 1 kB in 20 seconds counts as away; nobody is asked for a password.
PATIENCE = {"GIT_TERMINAL_PROMPT": "0", "GIT_HTTP_LOW_SPEED_LIMIT": "1000", "GIT_HTTP_LOW_SPEED_TIME": "20"}
PATIENCE |= {"GIT_SSH_COMMAND": "ssh -o BatchMode=yes -o ConnectTimeout=20"}


class GitFailed(CommandError):
    """A call of git failed, for the reason that git gives."""

    def __init__(self, command: str, reason: str):
        super().__init__(f"git {command} failed: {reason}. Mend that and give the command again; nothing is lost.")
        self.reason = reason


def run() -> None:
    """Keeps what the user changed, brings the newest course, says what it did.

    Raises CommandError, with nothing changed, where there is no newest course to be had or it cannot simply follow.
    """
    newest = fetch()
    before = git("rev-parse", "HEAD")
    lessons_changed = [path for path in changed() if path.startswith("notebooks/") and path.endswith(".ipynb")]
    in_the_way = sorted({*lessons_changed, *overwritten(newest)})
    kept = [copy for path in in_the_way for copy in keep(path)]
    clear(in_the_way)
    git("merge", "--ff-only", "--quiet", newest)
    say("\n".join(report(before, newest, kept)))


def git(*arguments: str, missing_ok: bool = False) -> str:
    """What git prints; raises CommandError with its own last line where it fails ("" if that is expected)."""
    return git_bytes(*arguments, missing_ok=missing_ok).decode("utf-8", "replace").strip()


def git_bytes(*arguments: str, missing_ok: bool = False) -> bytes:
    environment = {
        name: value for name, value in os.environ.items() if name not in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")
    }
    done = subprocess.run(
        ["git", *arguments],
        cwd=ROOT,
        env={**PATIENCE, **environment, "LC_ALL": "C"},
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode and not missing_ok:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it gave no reason"]
        reason = next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[-1])
        raise GitFailed(arguments[0], reason)
    return b"" if done.returncode else done.stdout


def paths(*arguments: str) -> list[str]:
    """The paths that a git command lists with -z."""
    return [path for path in git_bytes(*arguments).decode("utf-8", "surrogateescape").split("\0") if path]


# --- can it be done? ----------------------------------------------------------------------------------------------


def fetch() -> str:
    """Fetches; returns the commit of the newest course. Raises CommandError where this copy cannot simply follow it."""
    if shutil.which("git") is None:
        raise CommandError("`update` needs git, which is not installed here. Nothing was changed.")
    top = git("rev-parse", "--show-toplevel", missing_ok=True)
    if not top or Path(top).resolve() != ROOT.resolve():
        raise CommandError(
            "this copy of the course was not cloned with git, so it cannot be updated. Clone it anew beside this one "
            f"(README.md says where from) and take {COPIES}/ over. Nothing was changed."
        )
    upstream = git("rev-parse", "--abbrev-ref", "--symbolic-full-name", "@{upstream}", missing_ok=True)
    if not upstream:
        raise CommandError("this copy follows no branch of another, so there is nothing to update from. Nothing was changed.")
    if any((ROOT / git("rev-parse", "--git-path", name)).exists() for name in ("MERGE_HEAD", "rebase-merge", "rebase-apply")):
        raise CommandError("a merge is not finished here. End it with `git merge --abort` or a commit. Nothing was changed.")
    try:
        git("fetch", "--quiet")
    except GitFailed as error:
        raise CommandError(
            f"the newest course cannot be fetched ({error.reason}). Check the network. Nothing was changed."
        ) from None
    own = int(git("rev-list", "--count", "@{upstream}..HEAD"))
    if own:
        raise CommandError(
            f"this copy has {own} commit{'s' * (own > 1)} of its own, so it cannot simply follow {upstream}. Bring both "
            f"together with `git merge {upstream}`. Nothing was changed."
        )
    return git("rev-parse", "@{upstream}")


# --- what is the user's -------------------------------------------------------------------------------------------


def changed() -> list[str]:
    """The tracked files that differ from the last commit, in the folder or in git's index."""
    return sorted({*paths("diff", "--name-only", "-z", "HEAD"), *paths("diff", "--cached", "--name-only", "-z", "HEAD")})


def overwritten(newest: str) -> set[str]:
    """The files of the user's that the newest course would write over: changed ones, and untracked ones in the way."""
    touched = set(paths("diff", "--name-only", "--no-renames", "-z", "HEAD", newest))
    added = set(paths("diff", "--name-only", "--no-renames", "--diff-filter=A", "-z", "HEAD", newest))
    return touched.intersection(changed()) | {path for path in added if (ROOT / path).is_file()}


def keep(path: str) -> list[Path]:
    """Copies the user's versions of a file (in the folder, in the index) into my_course/; returns the copies made."""
    committed = git_bytes("show", f"HEAD:{path}", missing_ok=True)
    versions = [git_bytes("show", f":{path}", missing_ok=True)]
    if (ROOT / path).is_file():
        versions.insert(0, (ROOT / path).read_bytes())
    own = [version for version in dict.fromkeys(versions) if version and not same(path, version, committed)]
    return [write_copy(path, version) for version in own]


def same(path: str, one: bytes, other: bytes) -> bool:
    """Whether two versions of a file are the same; of a notebook, what a run makes anew does not count."""
    if one == other or not path.endswith(".ipynb"):
        return one == other
    try:
        return written(one) == written(other)
    except (ValueError, LookupError, TypeError, AttributeError):  # damaged, so kept as it is
        return False


def written(notebook: bytes) -> list[tuple[str, str]]:
    """What a person wrote of a notebook: type and text of every cell."""
    return [(cell["cell_type"], source(cell)) for cell in json.loads(notebook)["cells"]]


def write_copy(path: str, content: bytes) -> Path:
    """Writes my_course/NAME_DATE, or the first with a number behind it that is free or holds the same; returns it."""
    name = Path(path)
    stem = f"{name.stem}_{datetime.date.today().isoformat()}"
    number = 1
    while (copy := ROOT / COPIES / f"{stem}{f'_{number}' * (number > 1)}{name.suffix}").exists():
        if copy.is_file() and copy.read_bytes() == content:  # an interrupted call has written it
            return copy
        number += 1
    write_atomically(copy, content)
    return copy


# --- making way ---------------------------------------------------------------------------------------------------


def clear(in_the_way: list[str]) -> None:
    """Brings files back to the last commit; what is not in it goes. All of it has been copied before."""
    committed = set(paths("ls-tree", "-r", "--name-only", "-z", "HEAD", "--", *in_the_way)) if in_the_way else set()
    if committed:
        git("checkout", "HEAD", "--", *sorted(committed))
    for path in in_the_way:
        if path not in committed:
            git("rm", "--cached", "--quiet", "--ignore-unmatch", "--", path)
            (ROOT / path).unlink(missing_ok=True)


def report(before: str, newest: str, kept: list[Path]) -> list[str]:
    """What was done, in lines."""
    lines = [f"{copy.relative_to(ROOT).as_posix()} holds what you had changed." for copy in kept]
    if before == newest:
        return [*lines, "This is the newest course."]
    touched = paths("diff", "--name-only", "-z", before, newest, "--", "notebooks")
    numbers = sorted({int(Path(path).name[:2]) for path in touched if Path(path).name[:2].isdecimal()})
    news = f"new or changed lessons: {', '.join(map(str, numbers))}" if numbers else "the lessons are as they were"
    return [*lines, f"The newest course is here ({git('log', '-1', '--format=%cs')}); {news}."]
