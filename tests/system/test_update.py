"""`python -m utils update` against repositories of this machine: nothing of the user's is ever lost."""

import datetime
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from utils.cli import launcher, update
from utils.io import CommandError

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed: `update` was not tested")
LESSON = "notebooks/03_tokenization.ipynb"
TODAY = datetime.date.today().isoformat()
KEPT = f"my_course/03_tokenization_{TODAY}.ipynb"


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, encoding="utf-8", check=True)
    return done.stdout.strip()


def notebook(*sources: str, output: str = "") -> str:
    outputs = [{"output_type": "stream", "name": "stdout", "text": output}] if output else []
    cells = [
        {"cell_type": "code", "source": text, "metadata": {}, "outputs": outputs, "execution_count": None} for text in sources
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1)


def publish(author: Path, message: str = "newer", **files: str) -> None:
    """The next commit of the author, in the repository that the copy of the user follows."""
    for name, content in files.items():
        path = author / {"lesson": LESSON, "seventh": "notebooks/07_bert.ipynb", "code": "utils/code.py"}[name]
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")
    git(author, "add", "--all")
    git(author, "commit", "--quiet", "--message", message)
    git(author, "push", "--quiet", "origin", "HEAD:main")


@pytest.fixture
def author(tmp_path, monkeypatch) -> Path:
    """The author's clone of a bare repository with one lesson in it."""
    for name, value in {"NAME": "A", "EMAIL": "a@example.org"}.items():
        for role in ("AUTHOR", "COMMITTER"):
            monkeypatch.setenv(f"GIT_{role}_{name}", value)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "course.git")
    git(tmp_path, "clone", "--quiet", str(tmp_path / "course.git"), "author")
    publish(tmp_path / "author", "first", lesson=notebook("old"), code="old")
    return tmp_path / "author"


@pytest.fixture
def user(author, tmp_path, monkeypatch) -> Path:
    """The user's copy, made the way Colab makes it."""
    git(tmp_path, "clone", "--quiet", "--depth", "1", (tmp_path / "course.git").as_uri(), "user")
    (tmp_path / "user" / ".git" / "info" / "exclude").write_text("my_course/\n")
    monkeypatch.setattr(update, "ROOT", tmp_path / "user")
    return tmp_path / "user"


def state(folder: Path) -> dict[str, bytes]:
    """Every file of a copy, and the commit that it is at."""
    files = {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file() and ".git" not in path.parts}
    return {**files, "HEAD": git(folder, "rev-parse", "HEAD").encode()}


def test_a_changed_lesson_is_kept_and_the_newest_comes(author, user, capsys):
    publish(author, lesson=notebook("new"), seventh=notebook("seven"))
    mine = notebook("old", "my answer")
    (user / LESSON).write_text(mine)
    assert launcher.main(["update"]) == 0
    assert (user / KEPT).read_text() == mine
    assert (user / LESSON).read_text() == notebook("new")
    assert git(user, "status", "--porcelain") == ""
    said = capsys.readouterr().out
    assert f"{KEPT} holds what you had changed." in said and "new or changed lessons: 3, 7." in said
    assert launcher.main(["update"]) == 0
    assert capsys.readouterr().out == "This is the newest course.\n"


def test_outputs_that_a_run_made_are_no_change(author, user):
    publish(author, lesson=notebook("new"))
    (user / LESSON).write_text(notebook("old", output="ran"))
    update.run()
    assert (user / LESSON).read_text() == notebook("new")
    assert not (user / "my_course").exists()


@pytest.mark.parametrize("way", ["the type of a cell", "conflict", "staged, then deleted", "staged, then changed"])
def test_every_version_of_the_users_is_kept(author, user, way):
    publish(author, lesson=notebook("new"))
    mine = {
        "the type of a cell": notebook("old").replace('"code"', '"markdown"'),
        "conflict": f"<<<<<<< HEAD\n{notebook('old')}",
    }.get(way, notebook("staged"))
    (user / LESSON).write_text(mine)
    versions = {mine}
    if way.startswith("staged"):
        git(user, "add", LESSON)
        (user / LESSON).unlink()
    if way == "staged, then changed":
        (user / LESSON).write_text(notebook("later"))
        versions.add(notebook("later"))
    update.run()
    assert {path.read_text() for path in (user / "my_course").iterdir()} == versions
    assert (user / LESSON).read_text() == notebook("new") and git(user, "status", "--porcelain") == ""


def test_a_conflict_that_git_left_is_cleared_and_kept(author, user):
    (user / LESSON).write_text(notebook("mine"))
    git(user, "stash", "--quiet")
    publish(author, lesson=notebook("new"))
    git(user, "pull", "--quiet")
    subprocess.run(["git", "stash", "pop"], cwd=user, capture_output=True)
    left = (user / LESSON).read_text()
    assert "<<<<<<< " in left
    publish(author, lesson=notebook("newest"))
    update.run()
    assert (user / LESSON).read_text() == notebook("newest") and (user / KEPT).read_text() == left


def test_a_deleted_lesson_comes_back(author, user):
    publish(author, code="new")
    (user / LESSON).unlink()
    update.run()
    assert (user / LESSON).read_text() == notebook("old") and (user / "utils" / "code.py").read_text() == "new"


def test_what_stands_in_the_way_is_kept_and_the_rest_is_left_alone(author, user):
    publish(author, code="new", seventh=notebook("seven"))
    (user / "utils" / "code.py").write_text("mine")
    (user / "notebooks" / "07_bert.ipynb").write_text("my own")
    (user / "notebooks" / "mine.ipynb").write_text("left alone")
    update.run()
    assert (user / f"my_course/code_{TODAY}.py").read_text() == "mine"
    assert (user / f"my_course/07_bert_{TODAY}.ipynb").read_text() == "my own"
    assert (user / "notebooks" / "07_bert.ipynb").read_text() == notebook("seven")
    assert (user / "notebooks" / "mine.ipynb").read_text() == "left alone"


def test_a_change_that_is_not_in_the_way_stays(author, user):
    publish(author, lesson=notebook("new"))
    (user / "utils" / "code.py").write_text("mine")
    update.run()
    assert (user / "utils" / "code.py").read_text() == "mine" and (user / LESSON).read_text() == notebook("new")


def test_a_copy_of_the_same_name_is_never_overwritten(author, user):
    publish(author, lesson=notebook("new"))
    (user / "my_course").mkdir()
    (user / KEPT).write_text("from this morning")
    (user / LESSON).write_text(notebook("mine"))
    update.run()
    assert (user / KEPT).read_text() == "from this morning"
    assert (user / KEPT.replace(".ipynb", "_2.ipynb")).read_text() == notebook("mine")


@pytest.mark.parametrize(
    ("step", "before"), [("keep", True), ("write_copy", False), ("keep", False), ("clear", False), ("report", True)]
)
def test_interrupted_between_steps_it_is_finished_by_the_next(author, user, monkeypatch, step, before):
    publish(author, lesson=notebook("new"), seventh=notebook("seven"))
    (user / LESSON).write_text(notebook("mine"))
    (user / "notebooks" / "07_bert.ipynb").write_text("my own")
    real = getattr(update, step)

    def interrupted(*arguments):
        if not before:
            real(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(update, step, interrupted)
    assert launcher.main(["update"]) == 130
    monkeypatch.setattr(update, step, real)
    assert launcher.main(["update"]) == 0
    assert sorted(path.read_text() for path in (user / "my_course").iterdir()) == sorted([notebook("mine"), "my own"])
    assert (user / LESSON).read_text() == notebook("new") and git(user, "status", "--porcelain") == ""


def own_commit(user: Path) -> None:
    (user / "utils" / "code.py").write_text("mine")
    git(user, "commit", "--quiet", "--all", "--message", "mine")


@pytest.mark.parametrize(
    ("prepare", "fragment"),
    [
        (lambda user: shutil.rmtree(user / ".git"), "not cloned with git"),
        (lambda user: git(user, "remote", "set-url", "origin", "https://localhost:9/course"), "Check the network"),
        (own_commit, "1 commit of its own"),
        (lambda user: git(user, "checkout", "--quiet", "--detach"), "follows no branch"),
        (lambda user: (user / ".git" / "MERGE_HEAD").write_text(git(user, "rev-parse", "HEAD")), "merge is not finished"),
    ],
)
def test_where_it_cannot_be_done_one_line_says_so_and_nothing_changes(author, user, capsys, prepare, fragment):
    publish(author, lesson=notebook("new"))
    prepare(user)
    (user / LESSON).write_text(notebook("mine"))
    before = state(user) if (user / ".git").exists() else None
    assert launcher.main(["update"]) == 1
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.startswith("error: ") and printed.err.count("\n") == 1
    assert fragment in printed.err and "Nothing was changed." in printed.err
    assert (user / LESSON).read_text() == notebook("mine")
    assert before is None or state(user) == before


def test_without_git_one_line_says_so(user, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(CommandError, match="needs git.*Nothing was changed"):
        update.run()
