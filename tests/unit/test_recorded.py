"""utils.recorded: a log is written whole where a recording is asked for, read elsewhere, and refused where it is stale."""

import json

import pytest
import torch

from utils.course import recorded
from utils.course.recorded import NoSuchRun
from utils.course.runtime import ROOT
from utils.io import DamagedFile

SETTINGS = {"seeds": [0, 1], "rows": (100, 200)}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(recorded, "FOLDER", tmp_path / "runs")
    monkeypatch.delenv("COURSE_RECORD", raising=False)
    return tmp_path / "runs"


def never():
    raise AssertionError("computed without being asked")


def make(monkeypatch, settings=SETTINGS):
    monkeypatch.setenv("COURSE_RECORD", "1")
    log = recorded.results("06_curve", 6, settings, lambda: {"0": [0.5, 0.75]})
    monkeypatch.delenv("COURSE_RECORD")
    return log


def test_a_recording_is_made_once_and_then_read(folder, monkeypatch):
    made = make(monkeypatch)
    assert recorded.results("06_curve", 6, SETTINGS, never) == made == recorded.load("06_curve")
    assert made.results == {"0": [0.5, 0.75]}
    assert [path.name for path in folder.iterdir()] == ["06_curve.json"]


def test_a_log_says_where_it_comes_from(folder, monkeypatch):
    log = make(monkeypatch)
    assert log.command == "python -m utils run 6 --record"
    assert set(log.versions) == {"python", *recorded.PACKAGES} and "missing" not in log.versions.values()
    for part in (log.date, log.command, log.machine, f"torch {log.versions['torch']}"):
        assert part in str(log)
    assert str(ROOT) not in (folder / "06_curve.json").read_text()


def test_other_settings_are_refused(folder, monkeypatch):
    make(monkeypatch)
    with pytest.raises(NoSuchRun, match=r"rows changed.*run 6 --record"):
        recorded.results("06_curve", 6, SETTINGS | {"rows": [100]}, never)
    with pytest.raises(NoSuchRun, match="width changed"):
        recorded.results("06_curve", 6, SETTINGS | {"width": 32}, never)


def test_no_log_and_a_damaged_one(folder, monkeypatch):
    with pytest.raises(NoSuchRun, match="There are: none"):
        recorded.results("06_curve", 6, SETTINGS, never)
    make(monkeypatch)
    with pytest.raises(NoSuchRun, match="There are: 06_curve"):
        recorded.load("07_other")
    whole = (folder / "06_curve.json").read_text()
    for content in ("", whole[:-40], f"<<<<<<< HEAD\n{whole}", json.dumps({"name": "06_curve"}), "[]"):
        (folder / "06_curve.json").write_text(content)
        with pytest.raises(NoSuchRun, match=r"06_curve.json is damaged.*git checkout -- \S*06_curve.json") as caught:
            recorded.load("06_curve")
        assert "\n" not in str(caught.value)


def test_a_failed_recording_leaves_the_old_log(folder, monkeypatch):
    old = make(monkeypatch)
    monkeypatch.setenv("COURSE_RECORD", "1")
    with pytest.raises(ZeroDivisionError):
        recorded.results("06_curve", 6, SETTINGS, lambda: 1 / 0)
    assert recorded.load("06_curve") == old


def test_a_training_keeps_its_weights_beside_its_log(folder, monkeypatch):
    state = {"weight": torch.randn(3, 4, generator=torch.Generator().manual_seed(0))}
    monkeypatch.setenv("COURSE_RECORD", "1")
    log, found = recorded.trained("19_sft", 19, SETTINGS, lambda: ([0.5], state))
    monkeypatch.delenv("COURSE_RECORD")
    assert log.results == [0.5] and torch.equal(found["weight"], state["weight"].half().float())
    again, same = recorded.trained("19_sft", 19, SETTINGS, never)
    assert again == log and torch.equal(same["weight"], found["weight"])
    with pytest.raises(NoSuchRun, match="rows changed"):
        recorded.trained("19_sft", 19, SETTINGS | {"rows": [1]}, never)


def test_weights_that_are_not_those_of_the_log(folder, monkeypatch):
    monkeypatch.setenv("COURSE_RECORD", "1")
    recorded.trained("19_sft", 19, SETTINGS, lambda: ([], {"weight": torch.ones(2)}))
    monkeypatch.delenv("COURSE_RECORD")
    file = folder / "19_sft.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\x00")
    with pytest.raises(DamagedFile, match=r"19_sft.safetensors is damaged: its weights are not those of the log"):
        recorded.trained("19_sft", 19, SETTINGS, never)
    file.unlink()
    with pytest.raises(DamagedFile, match=r"it is missing.*git checkout"):
        recorded.trained("19_sft", 19, SETTINGS, never)


@pytest.mark.parametrize("path", sorted((ROOT / "data" / "runs").glob("*.json")), ids=lambda path: path.stem)
def test_every_log_that_comes_with_the_course(path):
    log = recorded.load(path.stem)
    number = int(path.stem[:2])
    assert log.name == path.stem and log.command == f"python -m utils run {number} --record"
    notebook = next((ROOT / "notebooks").glob(f"{number:02}_*.ipynb"))
    assert f'\\"{log.name}\\"' in notebook.read_text(encoding="utf-8"), "no notebook draws this log"


def test_a_log_is_text_that_a_person_can_scroll():
    value = {"a": {"b": [[1, 0.5], [2, None]], "c": []}, "d": [{"e": "{"}, {"f": {}}]}
    text = recorded.json_text(value)
    assert json.loads(text) == value
    assert text.splitlines()[2] == '  "b": [[1, 0.5], [2, null]],'
    assert json.loads(recorded.json_text({0.001: 1, 2: {True: None}})) == {"0.001": 1, "2": {"true": None}}
