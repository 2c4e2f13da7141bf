"""Everything that needs the Hub, against a Hub on this machine: what it gives, and each way in which it can fail."""

import importlib.util
import io
import re
import subprocess
import sys
import time
import types
import zipfile
from pathlib import Path

import loopback_hub
import numpy as np
import pytest

from utils.cli import environment, launcher, prefetch
from utils.course import runtime
from utils.data import catalog, hub, packages, sets
from utils.io import ROOT

ON_HUB = [name for name, entry in catalog.entries().items() if "hub" in entry]
SETS = [name for name in ON_HUB if catalog.find(name)["kind"] == "set"]
MODELS = [name for name in ON_HUB if catalog.find(name)["kind"] == "model"]
QUIET = 2  # seconds without a byte, in place of the five of a lesson
LONGEST = 20  # with the start of a process on a busy machine; the server hangs for 60
CONLL = catalog.find("conll2003")  # two megabytes, and `entities` stands in for it


def made(name: str) -> dict:
    """An entry whose files the server has made already, so that nobody takes its work on them for silence."""
    entry = catalog.find(name)
    loopback_hub.repository("datasets" if entry["kind"] == "set" else "models", entry["hub"])
    return entry


@pytest.fixture(scope="module")
def server():
    made("conll2003")
    with loopback_hub.LoopbackHub() as running:
        yield running


@pytest.fixture
def loopback(server, monkeypatch, tmp_path):
    """The server in good order, an empty cache, no package, a machine without a GPU that is told that the Hub is there."""
    server.failure = None
    server.requests.clear()
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in {"HF_ENDPOINT": server.address, "HF_HOME": str(tmp_path / "hf"), "COURSE_HUB": "on"}.items():
        monkeypatch.setenv(name, value)
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(packages, "CACHE", tmp_path / "packages")
    monkeypatch.setattr(hub, "PATIENCE", QUIET)
    monkeypatch.setattr(catalog, "detect_device", lambda: "cpu")
    hub.reachable.cache_clear()
    yield server
    hub.reachable.cache_clear()


@pytest.fixture
def detected(loopback, monkeypatch):
    """Whether the Hub is there is found out and not told."""
    monkeypatch.delenv("COURSE_HUB")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    return loopback


def no_network(monkeypatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nothing listens there
    hub.reachable.cache_clear()


def leftovers(home: Path) -> list[str]:
    """Half-written files in the cache."""
    return [path.name for path in home.rglob("*") if path.name.endswith((".incomplete", ".part"))]


def reason_of(load, capsys) -> str:
    """The one line that a failed download leads to: the stand-in is there, and it says why."""
    start = time.monotonic()
    loaded = load()
    assert time.monotonic() - start < LONGEST
    assert len(loaded["train"]) > 100, "the Hub of the tests has 20 rows, the stand-in many"
    said = capsys.readouterr()
    assert said.out.count("\n") == 1 and said.err == "" and "entities stands in" in said.out
    return said.out.strip().split(" because ")[1]


def conll():
    return catalog.load("conll2003")


# --- everything that the catalog names ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [SETS[0], *(pytest.param(name, marks=pytest.mark.slow) for name in SETS[1:])])
def test_a_set_from_the_hub(name, loopback, capsys):
    """The columns, types and splits that the stand-in has, too (tests/unit/test_catalog.py); nothing else is downloaded."""
    entry = made(name)
    loaded = catalog.load(name, large=True)
    assert list(loaded) == list(sets.SPLITS)
    for rows in loaded.values():
        assert rows.features == sets.features(entry["columns"]) and len(rows)
    said = capsys.readouterr()
    assert said.out.count("\n") == 1 and f"from the Hub, {entry['hub']}" in said.out and said.err == ""
    of_the_table = loopback_hub.repository("datasets", entry["hub"])
    assert len(loopback.downloaded()) == len(hub.wanted(entry, list(of_the_table)))
    asked = len(loopback.requests)
    again = catalog.load(name)
    assert all(again[split][:] == loaded[split][:] for split in loaded), "the seeded splits are always the same"
    assert len(loopback.requests) == asked, "the second time nothing is asked for"
    assert "this machine's cache of the Hub" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_a_model_from_the_hub(name, loopback, capsys):
    import torch

    entry = made(name)
    if "needs" in entry and importlib.util.find_spec(entry["needs"]) is None:
        with pytest.raises(catalog.NotHere, match=f"pip install {entry['needs']}"):
            catalog.load(name, large=True)
        pytest.skip(f"{name} needs the package {entry['needs']}")
    model, tokenizer = catalog.load(name, large=True)
    batch = tokenizer(["a quick brown fox"], return_tensors="pt")
    batch.pop("token_type_ids", None)
    if entry["class"] == "AutoModelForSeq2SeqLM":
        batch["decoder_input_ids"] = torch.tensor([[0]])
    with torch.no_grad():
        output = model(**batch)[0]
    assert torch.isfinite(output).all() and not model.training
    said = capsys.readouterr()
    assert said.out.count("\n") == 1 and f"from the Hub, {entry['hub']}" in said.out and said.err == ""
    wanted = hub.wanted(entry, list(loopback_hub.repository("models", entry["hub"])))
    assert len(loopback.downloaded()) == len(wanted), "no file twice, none that is not needed"
    asked = len(loopback.requests)
    catalog.load(name)
    assert len(loopback.requests) == asked, "the second time nothing is asked for, whatever its size"


@pytest.mark.slow
def test_columns_are_taken_from_where_the_hub_has_them(loopback):
    made("pubmed-qa")
    medical = catalog.load("pubmed-qa")
    assert medical["train"][0]["answer"].startswith("since ")


@pytest.mark.slow
def test_options_and_another_class_reach_transformers(loopback):
    made("bert-base-uncased")
    model, _ = catalog.load("bert-base-uncased", large=True, model_class="AutoModelForMaskedLM", attn_implementation="eager")
    assert type(model).__name__ == "BertForMaskedLM" and model.config._attn_implementation == "eager"


@pytest.mark.slow
def test_a_tokenizer_alone_and_the_weights_later(detected, capsys, monkeypatch):
    """What is there without its weights is completed, and until then not taken for the model."""
    made("bert-base-uncased")
    tokenizer = catalog.load_tokenizer("bert-base-uncased")
    assert tokenizer.tokenize("The fox") == ["the", "fox"]
    assert "a vocabulary of" in capsys.readouterr().out
    assert not any("safetensors" in path for path in detected.downloaded())
    with monkeypatch.context() as patched:
        no_network(patched)
        assert catalog.available("bert-base-uncased", tokenizer_only=True) and not catalog.available("bert-base-uncased")
    hub.reachable.cache_clear()
    detected.requests.clear()
    assert catalog.load("bert-base-uncased", large=True).model.config.hidden_size == 16
    assert len(detected.downloaded()) == 1, "only the weights were missing"


# --- large things without a GPU -----------------------------------------------------------------------------------------


def test_large_things_are_loaded_only_when_asked_for(loopback, capsys):
    catalog.load("ultrafeedback")
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "preferences stands in" in said
    assert 'a download of 235 MB and there is no GPU here: catalog.load("ultrafeedback", large=True) gets it' in said
    with pytest.raises(catalog.NotHere, match=r'bart-large-cnn cannot be.*MB.*catalog\.load\("bart-large-cnn", large=True\)'):
        catalog.load("bart-large-cnn")
    assert loopback.requests == [], "the Hub is not even asked"


@pytest.mark.slow
def test_the_hubs_own_sizes_count_more_than_the_tables(loopback, monkeypatch):
    monkeypatch.setattr(catalog, "LARGE", 0.001)
    small = {key: value for key, value in CONLL.items() if key != "stand_in"} | {"megabytes": 0.0001}
    monkeypatch.setattr(catalog, "find", lambda name: small)
    with pytest.raises(catalog.NotHere, match="a download of .* there is no GPU here"):
        conll()
    assert loopback.downloaded() == []


@pytest.mark.slow
def test_with_a_gpu_large_things_are_loaded(loopback, monkeypatch):
    made("ultrafeedback")
    monkeypatch.setattr(catalog, "detect_device", lambda: "cuda")
    assert catalog.load("ultrafeedback")["test"][3] == {"prompt": "prompt 3", "chosen": "good 3", "rejected": "bad 3"}


# --- each way to fail -----------------------------------------------------------------------------------------------------

SILENT = f"the Hub sent next to nothing for {QUIET} seconds"
REASONS = {
    "slow": SILENT,
    "stalls": SILENT,
    "drips": SILENT,
    "gated": "it is gated: ask for access at https://huggingface.co/.*hf auth login",
    "401": r"refuses access \(401\): log in",
    "403": r"refuses access \(403\): log in",
    "404": "the Hub has no ",
    "429": r"takes no more requests from here for now \(429\)",
    "500": r"out of order \(500\)",
    "503": r"out of order \(503\)",
    "half": "the download broke off",
    "damaged": "arrived damaged",
    "strange": "is not the Hub",
}


@pytest.mark.parametrize(
    "failure", ["503", *(pytest.param(kind, marks=pytest.mark.slow) for kind in loopback_hub.FAILURES if kind != "503")]
)
def test_each_failure_leads_to_the_stand_in_and_the_next_call_works(failure, loopback, capsys, tmp_path):
    loopback.failure = failure
    assert re.match(f".*{REASONS[failure]}", reason_of(conll, capsys))
    assert leftovers(tmp_path) == [] and not hub.cached(CONLL)
    loopback.failure = None
    assert len(conll()["train"]) == 20, "the cache is in order"


@pytest.mark.slow
def test_one_sentence_where_nothing_stands_in(loopback):
    loopback.failure = "gated"
    with pytest.raises(catalog.NotHere, match=f"bart-large-cnn cannot be loaded, because {REASONS['gated']}") as caught:
        catalog.load("bart-large-cnn", large=True)
    assert "\n" not in str(caught.value) and caught.value.__suppress_context__


@pytest.mark.slow
def test_a_model_whose_hub_fails(loopback, capsys):
    loopback.failure = "500"
    catalog.load("gpt2", large=True)
    assert re.search("gpt-mini stands in.* because the Hub is out of order", capsys.readouterr().out)


def test_an_expired_token_is_left_out(loopback, monkeypatch, capsys):
    """The Hub refuses an expired token also for what everybody may have."""
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    loopback.failure = "token"
    assert len(conll()["train"]) == 20
    note, loaded = capsys.readouterr().out.splitlines()
    assert re.match(r"\S*conll2003 came without a token, because the Hub refused the token in HF_TOKEN \(401\)", note)
    assert "make a new one, or remove it" in note and "log in" not in note and "from the Hub" in loaded


@pytest.mark.slow
def test_an_expired_token_of_a_login_and_a_gated_repository(loopback, monkeypatch, capsys, tmp_path):
    (tmp_path / "hf").mkdir()
    (tmp_path / "hf" / "token").write_text("hf_expired", encoding="utf-8")
    loopback.failure = "gated"
    assert re.match("it is gated: .*; the Hub refused the token in the file of `hf auth login`", reason_of(conll, capsys))


@pytest.mark.slow
@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "no address", "ftp://127.0.0.1", "http://"])
def test_a_wrong_address(loopback, monkeypatch, capsys, address):
    monkeypatch.setenv("HF_ENDPOINT", address)
    reason = reason_of(conll, capsys)
    assert reason == (
        "the Hub cannot be reached" if ":9" in address else f"HF_ENDPOINT is {address!r}, which is no web address"
    )


def test_a_hub_that_is_found_out_to_be_down(detected, monkeypatch, capsys):
    no_network(monkeypatch)
    assert reason_of(conll, capsys) == "the Hub cannot be reached"


@pytest.mark.slow
def test_a_hub_that_is_found_out_to_be_slow(detected, capsys):
    detected.failure = "slow"
    assert reason_of(conll, capsys) == "the Hub cannot be reached"
    asked = len(detected.requests)
    conll()
    assert len(detected.requests) == asked, "found out once a session"


# What a child finds when it starts: writes that fail as they do on a full disk or in a cache that is read-only, and a look-up
# of names that hangs and cannot be interrupted.
NO_WRITING = """
import errno, io, os, pathlib
opened = pathlib.Path.open

class Full(io.FileIO):
    def write(self, block):
        raise OSError(errno.{name}, os.strerror(errno.{name}))

def fails(path, mode="r", *arguments, **options):
    return Full(path, "wb") if str(path).endswith(".incomplete") else opened(path, mode, *arguments, **options)

pathlib.Path.open = fails
"""
NO_NAMES = """
import contextlib, socket, time

def hangs(*_, **__):
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(60)

socket.getaddrinfo = hangs
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault, reason",
    [
        (NO_WRITING.format(name="ENOSPC"), "the disk is full"),
        (NO_WRITING.format(name="EROFS"), "the cache .* cannot be written"),
        (NO_NAMES, SILENT),
    ],
    ids=["full disk", "read-only", "names"],
)
def test_a_fault_of_this_machine(fault, reason, loopback, monkeypatch, capsys, tmp_path):
    (tmp_path / "fault").mkdir()
    (tmp_path / "fault" / "sitecustomize.py").write_text(fault, encoding="utf-8")
    with monkeypatch.context() as patched:
        patched.setenv("PYTHONPATH", str(tmp_path / "fault"))
        assert re.match(reason, reason_of(conll, capsys))
    assert leftovers(tmp_path) == []
    assert len(conll()["train"]) == 20


@pytest.mark.slow
def test_a_cache_whose_place_is_taken_by_a_file(loopback, capsys, tmp_path):
    (tmp_path / "hf").write_text("no folder", encoding="utf-8")
    assert "cannot be written" in reason_of(conll, capsys)


def test_a_disk_that_is_too_small_is_seen_before_the_download(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setattr(hub.shutil, "disk_usage", lambda folder: types.SimpleNamespace(free=5_000_000))
    names = [f"{split}-00000-of-00001.parquet" for split in CONLL["splits"].values()]
    files = [types.SimpleNamespace(rfilename=name, size=2_000_000) for name in names]
    api = types.SimpleNamespace(repo_info=lambda *_, **__: types.SimpleNamespace(sha="0" * 40, siblings=files))
    with pytest.raises(hub.Unavailable, match="the disk has 5 MB free and it needs 6"):
        hub.download(api, CONLL, None, False)


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["cut", "changed", "reference"])
def test_a_damaged_file_in_the_cache_is_fetched_again(damage, detected, monkeypatch, capsys):
    """Left by another program, or by a disk that lost power. Without a network the stand-in comes."""
    conll()
    file = next(hub.cached(CONLL).rglob("train*.parquet")).resolve()
    content = file.read_bytes()
    middle = len(content) // 2
    changed = content[: middle - 500] + bytes(1000) + content[middle + 500 :]
    if damage == "reference":
        (hub.storage(CONLL) / "refs" / "main").write_bytes(bytes(40))
    else:
        file.write_bytes(content[:100] if damage == "cut" else changed)
    assert bool(hub.cached(CONLL)) == (damage == "changed"), "what is cut off does not count as present"
    capsys.readouterr()
    with monkeypatch.context() as patched:
        no_network(patched)
        assert "the Hub cannot be reached" in reason_of(conll, capsys)
    hub.reachable.cache_clear()
    assert len(conll()["train"]) == 20
    assert file.read_bytes() == content


@pytest.mark.slow
def test_a_notebook_that_is_killed_in_the_middle(loopback, monkeypatch, tmp_path):
    loopback.failure = "stalls"
    code = f"from utils.data import catalog, hub; hub.PATIENCE = {QUIET}; hub.fetch(catalog.find('conll2003'))"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    until(loopback.downloaded)
    process.kill()
    process.wait()
    assert not hub.cached(CONLL)
    until(lambda: leftovers(tmp_path) == [])
    loopback.failure = None
    assert len(conll()["train"]) == 20


def until(what) -> None:
    """Waits for what another process does."""
    deadline = time.monotonic() + LONGEST
    while not what():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


@pytest.mark.slow
def test_ctrl_c_ends_the_download(loopback, monkeypatch, tmp_path):
    loopback.failure = "stalls"
    started = []

    class Popen(subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            started.append(self)

    def interrupted(lines, show):
        until(loopback.downloaded)
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "Popen", Popen)
    monkeypatch.setattr(hub, "_listen", interrupted)
    with pytest.raises(KeyboardInterrupt):
        conll()
    assert started[0].poll() is not None, "the child is gone"
    assert leftovers(tmp_path) == []


@pytest.mark.slow
def test_progress_is_shown_while_somebody_watches(loopback, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_HEADLESS", "0")
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "0")
    conll()
    assert "conll2003: 100%" in capsys.readouterr().err


# --- with the network off afterwards ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_what_is_cached_is_used_without_a_network(detected, monkeypatch, capsys):
    made("imdb")
    first = catalog.load("imdb")
    no_network(monkeypatch)
    assert not hub.reachable()
    assert catalog.load("imdb")["test"][:] == first["test"][:]
    assert "from this machine's cache of the Hub" in capsys.readouterr().out
    assert runtime.hub("trains on IMDB", "42 MB of download", loads=("imdb",)), "the cell runs: all it loads is here"
    assert not runtime.hub("trains on both", "more", loads=("imdb", "conll2003"))
    assert not runtime.hub("trains", "something unnamed")
    assert not runtime.hub("cuts", "more", tokenizers=("bert-base-uncased",))
    assert "this machine's cache" in next(line for line in catalog.announce(6, reachable=False) if line.startswith("imdb"))
    monkeypatch.setenv("COURSE_HUB", "off")
    hub.reachable.cache_clear()
    assert not runtime.hub("trains on IMDB", "42 MB of download", loads=("imdb",)), "what is off stays off"
    capsys.readouterr()
    catalog.load("imdb")
    assert "reviews stands in" in capsys.readouterr().out


PUNKT = {
    "abbrev_types.txt": "dr\nmr\n",
    "collocations.tab": "##number##\tother\n",
    "ortho_context.tab": "the\t46\n",
    "sent_starters.txt": "the\n",
}


@pytest.fixture
def punkt(loopback, monkeypatch, tmp_path):
    """NLTK's server; and a place of one's own for its data, which is returned."""
    import nltk

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in PUNKT.items():
            archive.writestr(f"punkt_tab/english/{name}", content)
    monkeypatch.setitem(loopback.others, "/punkt_tab.zip", buffer.getvalue())
    monkeypatch.setattr(prefetch, "PUNKT", f"{loopback.address}/punkt_tab.zip")
    place = tmp_path / "nltk_data"
    place.mkdir()
    monkeypatch.setattr(nltk.data, "path", [str(place)])
    return place


@pytest.mark.slow  # the import of nltk alone
def test_nltks_data_comes_whole_or_not_at_all(punkt, loopback, capsys):
    import nltk

    archive = loopback.others["/punkt_tab.zip"]
    loopback.others["/punkt_tab.zip"] = archive[:-30]
    assert not prefetch.fetch_punkt() and "punkt_tab: not fetched, because" in capsys.readouterr().out
    assert list((punkt / "tokenizers").iterdir()) == [], "nothing half-written is left"
    loopback.others["/punkt_tab.zip"] = archive
    assert prefetch.fetch_punkt() and "from NLTK's server" in capsys.readouterr().out
    assert nltk.data.find("tokenizers/punkt_tab/english/")
    asked = len(loopback.requests)
    assert prefetch.fetch_punkt() and "punkt_tab: here" in capsys.readouterr().out and len(loopback.requests) == asked


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage", [lambda file: file.unlink(), lambda file: file.write_text(""), lambda file: file.write_text("t")]
)
def test_nltks_data_that_another_tool_left_half_is_fetched_anew(damage, punkt, capsys):
    folder = punkt / "tokenizers" / "punkt_tab" / "english"
    folder.mkdir(parents=True)
    for name, content in PUNKT.items():
        (folder / name).write_text(content, encoding="utf-8")
    damage(folder / "ortho_context.tab")
    assert prefetch.fetch_punkt() and "from NLTK's server" in capsys.readouterr().out
    assert {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()} == PUNKT
    assert len(list(folder.parent.parent.iterdir())) == 1


@pytest.fixture
def few(monkeypatch):
    """Three entries for two lessons: a set, a large model with a tokenizer for lesson 3, a gated model."""
    table = {name: catalog.entries()[name] for name in ("imdb", "bert-base-uncased", "llama-3.2-1b-instruct")}
    table["imdb"] = table["imdb"] | {"lessons": [3, 4]}
    table["bert-base-uncased"] = table["bert-base-uncased"] | {"lessons": [4], "tokenizer_lessons": [3]}
    table["llama-3.2-1b-instruct"] = table["llama-3.2-1b-instruct"] | {"lessons": [4]}
    monkeypatch.setattr(catalog, "entries", lambda: table)


def said_by_prefetch(capsys, *arguments: str) -> tuple[int, str]:
    code = launcher.main(["prefetch", *arguments])
    printed = capsys.readouterr()
    return code, printed.out + printed.err


@pytest.fixture
def here(monkeypatch):
    """This Python is the environment of the commands."""
    monkeypatch.setattr(environment, "prepare", lambda: Path(sys.executable))


@pytest.mark.slow
def test_prefetch_then_no_network(detected, here, few, punkt, capsys, monkeypatch):
    for name in catalog.entries():
        made(name)
    code, said = said_by_prefetch(capsys, "3", "4")
    assert code == 0, said
    assert "imdb: 0.0 MB from the Hub" in said and "bert-base-uncased: left out, 440 MB; --large" in said
    assert "bert-base-uncased: its tokenizer, " in said and "punkt_tab: " in said
    assert "llama-3.2-1b-instruct: left out, gated and 2,472 MB" in said
    code, said = said_by_prefetch(capsys, "3", "4", "--large")
    assert code == 0 and "imdb: here" in said and "punkt_tab: here" in said and "llama-3.2-1b-instruct: 0.1 MB from" in said
    no_network(monkeypatch)
    for name in catalog.entries():
        catalog.load(name)
    assert capsys.readouterr().out.count("this machine's cache of the Hub") == 3
    code, said = said_by_prefetch(capsys, "3", "4")
    assert code == 0 and "The lessons run without a network now." in said, "all is here, so no network is needed"


def test_prefetch_without_a_network(detected, here, few, capsys, monkeypatch):
    no_network(monkeypatch)
    code, said = said_by_prefetch(capsys, "4")
    last = said.strip().splitlines()[-1]
    assert code == 1 and last.startswith("error: the Hub cannot be reached") and "Connect to the network" in last
    monkeypatch.setenv("COURSE_HUB", "off")
    code, said = said_by_prefetch(capsys, "4")
    assert "COURSE_HUB=off" in said and said.count("\n") == 1


@pytest.mark.slow
def test_prefetch_goes_on_after_a_failure(detected, here, few, punkt, capsys, tmp_path):
    for name in catalog.entries():
        made(name)
    detected.failure = "damaged"
    code, said = said_by_prefetch(capsys, "3")
    assert code == 1 and "imdb: not fetched, because" in said and "could not be fetched. Give the same command again" in said
    assert leftovers(tmp_path) == []
    detected.failure = None
    code, said = said_by_prefetch(capsys, "3")
    assert code == 0, said


@pytest.mark.slow
def test_doctor_lists_all_data(loopback, here, capsys):
    made("imdb")
    catalog.load("imdb")
    capsys.readouterr()
    assert launcher.main(["doctor", "--data"]) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert set(catalog.entries()) <= set(rows)
    assert "here: the cache of the Hub and the Hub, stanfordnlp/imdb" in rows["imdb"]
    assert "~8,792" in rows["gsm8k"] and "the Hub, openai/gsm8k" in rows["gsm8k"] and "here" not in rows["gsm8k"]
    assert "gated" in rows["llama-3.1-8b-instruct"]
    count = sum(1 for path in (ROOT / "data" / "entities").glob("*.jsonl") for _ in path.open(encoding="utf-8"))
    assert f"{count:,}" in rows["entities"] and "here: data/entities" in rows["entities"]


# --- what belongs to an entry -----------------------------------------------------------------------------------------------


def test_wanted_files_of_a_model():
    entry = {"kind": "model"}
    small = ["config.json", "tokenizer.json", "vocab.txt"]
    rest = ["README.md", "onnx/model.onnx", "onnx/config.json", "flax_model.msgpack", "model.fp16.safetensors"]
    assert hub.wanted(entry, [*small, *rest]) == [], "no weights"
    assert hub.wanted(entry, ["model.safetensors"]) == [], "no configuration"
    assert hub.wanted(entry, [*small, *rest, "pytorch_model.bin"]) == [*small, "pytorch_model.bin"]
    assert hub.wanted(entry, [*small, *rest, "pytorch_model.bin", "model.safetensors"]) == [*small, "model.safetensors"]
    shards = [f"model-0000{n}-of-00002.safetensors" for n in (1, 2)]
    assert hub.wanted(entry, [*small, *shards]) == [*small, *shards], "the weights come last"
    assert hub.wanted(entry, [*small, shards[0]]) == []
    assert hub.wanted(entry, [*small, *rest], tokenizer_only=True) == small


def test_wanted_files_of_a_set():
    entry = {"kind": "set", "config": "main", "splits": {"train": "train", "test": "test"}}
    files = ["main/train-00000-of-00001.parquet", "main/test-00000-of-00001.parquet"]
    others = ["socratic/train-00000-of-00001.parquet", "main/train.txt", "main/train_sft-00000-of-00001.parquet", "README.md"]
    assert hub.wanted(entry, files + others) == sorted(files)
    assert hub.wanted(entry, files[:1] + others) == [], "a split is missing"
    assert hub.wanted(entry, ["main/train-00000-of-00002.parquet", files[1]]) == [], "a part of a split is missing"


def test_a_file_that_is_cut_off(tmp_path):
    from safetensors.numpy import save

    whole = {
        "a.safetensors": save({"weight": np.arange(6.0)}, metadata={"format": "pt"}),
        "a.parquet": b"rows PAR1",
        "a.json": b'{"layers": 2}\n',
    }
    for name, content in whole.items():
        for length in range(len(content) + 1):
            (tmp_path / name).write_bytes(content[:length])
            assert hub.has_its_end(tmp_path / name) == (length >= len(content.strip())), (name, length)
    (tmp_path / "a.txt").touch()
    (tmp_path / "a.safetensors").write_bytes(b"\xff" * 100)
    assert not hub.has_its_end(tmp_path / "a.txt") and not hub.has_its_end(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    "variables", [{"HF_HUB_CACHE": "/a/b"}, {"HF_HOME": "/a"}, {"XDG_CACHE_HOME": "/x"}, {}, {"HUGGINGFACE_HUB_CACHE": "/c"}]
)
def test_the_cache_is_where_the_library_has_it(monkeypatch, variables):
    for name in ("HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    code = "from huggingface_hub import constants; print(constants.HF_HUB_CACHE)"
    library = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert hub.storage(catalog.find("imdb")) == Path(library) / "datasets--stanfordnlp--imdb"
