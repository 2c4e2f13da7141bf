"""utils.tokenization against the `tokenizers` library, against a plain reference, and on bad input."""

import json
import os
import pydoc_data.topics
import random
import sys
import unicodedata
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from utils import tokenization
from utils.cli.bench import train_by_recounting
from utils.tokenization import PATTERNS, BytePairTokenizer, pre_tokenize

DOCS = "\n".join(text for _, text in sorted(pydoc_data.topics.topics.items()))
SPECIAL = ["<pad>", "</s>", "<|end of text|>", "<|end", "[ROLE:é]"]
MULTILINGUAL = """
Die Straße ist naß, der Übergang gesperrt. L'été, l'élève n'a rien reçu ; où est-il ? ¿Dónde está el niño?
Съешь же ещё этих мягких французских булок. 敏捷的棕色狐狸跳过了懒狗。敏捷的狐狸。 いろはにほへと ちりぬるを 素早い茶色の狐。
अआइई नमस्ते दुनिया सभी को ۱۲۳۴ السلام عليكم ורחמים 안녕하세요 세계 여러분 👩‍👩‍👧‍👦 👍🏽 👍🏽👍🏽 e\u0301 é ½ ² Ⅷ 1234567 3.14159
def f(x):\n\t\treturn  {x: [y**2 for y in range(10)]}  # don't, DON'T, we'll   \r\n\r\n \u3000 \u00a0 end   
"""
# Text without lone surrogates; and what both regular expression engines know (each has its own version of Unicode).
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
ASSIGNED_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cn"]))


def train_theirs(texts, vocabulary_size, special_tokens=(), pattern="gpt2"):
    """The same training in `tokenizers`."""
    theirs = Tokenizer(models.BPE())
    if pattern == "gpt2":  # the library's own copy of the pattern, to check ours
        theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    else:
        split = pre_tokenizers.Split(Regex(PATTERNS[pattern]), "isolated")
        byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        theirs.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    theirs.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=list(special_tokens),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    theirs.train_from_iterator(texts, trainer)
    return theirs


def assert_same_training(texts, vocabulary_size, special_tokens=(), pattern="gpt2"):
    """Train here and there: equal merges, equal ids of all tokens, equal encodings."""
    ours = BytePairTokenizer.train(texts, vocabulary_size, special_tokens, pattern)
    theirs = train_theirs(texts, vocabulary_size, special_tokens, pattern)
    model = json.loads(theirs.to_str())["model"]
    assert ours.merges == [(model["vocab"][left], model["vocab"][right]) for left, right in model["merges"]]
    assert {token: index for index, token in enumerate(ours._written_tokens())} == model["vocab"]
    for text in texts:
        assert ours.encode(text, allow_special=True) == theirs.encode(text).ids
    return ours, theirs


def assert_same_encoding(ours, theirs, text):
    assert ours.encode(text, allow_special=True) == theirs.encode(text).ids


def exported(tokenizer, folder):
    path = Path(folder) / "tokenizer.json"
    tokenizer.to_tokenizers_json(path)
    return Tokenizer.from_file(str(path))


@pytest.fixture(scope="module")
def trained():
    return BytePairTokenizer.train([DOCS[:100_000], MULTILINGUAL * 3], 1500, SPECIAL)


@pytest.fixture(scope="module")
def trained_theirs(trained, tmp_path_factory):
    return exported(trained, tmp_path_factory.mktemp("export"))


@pytest.fixture(scope="module")
def small():
    return BytePairTokenizer.train(["low lower lowest newer wider aaaa"], 290, ["<s>"])


# ---------------------------------------------------------------- the same as `tokenizers`


@pytest.mark.parametrize("pattern", PATTERNS)
def test_training_equals_tokenizers_on_documentation(pattern):
    ours, _ = assert_same_training([DOCS[:60_000]], 1500, SPECIAL, pattern)
    assert ours.vocabulary_size == 1500


@pytest.mark.slow
@pytest.mark.parametrize("pattern", PATTERNS)
def test_training_equals_tokenizers_on_much_documentation(pattern):
    ours, _ = assert_same_training([DOCS], 8000, (), pattern)
    assert ours.vocabulary_size == 8000


@pytest.mark.parametrize("pattern", PATTERNS)
def test_training_equals_tokenizers_on_many_scripts_until_no_pair_is_left(pattern):
    ours, _ = assert_same_training(MULTILINGUAL.splitlines(keepends=True), 5000, SPECIAL, pattern)
    assert ours.vocabulary_size < 5000


@pytest.mark.parametrize("few_places", [0, 3, 10**9])  # by tensors alone, by both, in Python alone
@pytest.mark.parametrize("letters", ["a", "ab", "a1 !\n", "é汉"])
def test_training_equals_tokenizers_where_ties_and_overlaps_abound(letters, few_places, monkeypatch):
    monkeypatch.setattr(tokenization, "_FEW_PLACES", few_places)
    generator = random.Random(letters)
    for length in [1, 2, 3, 4, 5, 7, 30, 200]:
        texts = ["".join(generator.choices(letters, k=length)) for _ in range(5)]
        assert_same_training(texts, 400, ["<s>"])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text("aab \n1é", max_size=40), min_size=1, max_size=4).filter(any), st.integers(256, 300), st.booleans())
def test_training_equals_tokenizers_on_any_small_alphabet(texts, vocabulary_size, tensors_alone):
    with mock.patch.object(tokenization, "_FEW_PLACES", 0 if tensors_alone else 3):
        assert_same_training(texts, vocabulary_size)


@settings(max_examples=50, deadline=None)
@given(st.lists(ASSIGNED_TEXT, min_size=1, max_size=4).filter(any), st.sampled_from(sorted(PATTERNS)))
def test_training_equals_tokenizers_on_any_text(texts, pattern):
    assert_same_training(texts, 320, ["<|role|>"], pattern)


def test_training_equals_recounting():
    text = DOCS[:10_000]
    assert BytePairTokenizer.train(text, 400).merges == train_by_recounting(text, 400)


@settings(max_examples=50, deadline=None)
@given(st.text("aab ", min_size=1, max_size=40))
def test_training_equals_recounting_on_any_small_alphabet(text):
    assert BytePairTokenizer.train(text, 280).merges == train_by_recounting(text, 280)


def test_ids_of_bytes_are_those_of_gpt2(small):
    assert [small.token_bytes(1 + index) for index in (0, 1, 93, 94, 188)] == [b"!", b'"', b"~", b"\xa1", b"\x00"]
    assert small.token_bytes(1 + 220) == b" "  # the space is number 220 in GPT-2's vocabulary


def test_encoding_equals_tokenizers_on_text_never_seen(trained, trained_theirs):
    for text in [DOCS[200_000:300_000], MULTILINGUAL[::-1], "".join(SPECIAL) * 2, "a" * 999, " ".join(SPECIAL), "x\n\n  y"]:
        assert_same_encoding(trained, trained_theirs, text)
        ids = trained.encode(text, allow_special=True)
        assert trained_theirs.decode(ids, skip_special_tokens=True) == trained.decode(ids, skip_special=True)


@settings(max_examples=100, deadline=None)
@given(text=st.lists(ASSIGNED_TEXT | st.sampled_from(SPECIAL)).map("".join))
def test_encoding_equals_tokenizers_on_any_text(trained, trained_theirs, text):
    assert_same_encoding(trained, trained_theirs, text)
    trained_theirs.encode_special_tokens = True  # their way to say that special tokens are ordinary text
    try:
        assert trained.encode(text) == trained_theirs.encode(text).ids
    finally:
        trained_theirs.encode_special_tokens = False


@pytest.mark.slow
@pytest.mark.parametrize("pattern", PATTERNS)
def test_pre_tokens_equal_those_of_tokenizers_for_every_character(pattern):
    assigned = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) not in ("Cs", "Cn")]
    assigned = [character for character in assigned if unicodedata.category(character) != "Co"] + ["\ue000"]
    if pattern == "gpt2":
        theirs = pre_tokenizers.ByteLevel(add_prefix_space=False)
    else:
        theirs = pre_tokenizers.Split(Regex(PATTERNS[pattern]), "isolated")
    for start in range(0, len(assigned), 5_000):
        text = "".join(f"a{c}1{c} {c}!{c}" for c in assigned[start : start + 5_000])
        assert pre_tokenize(text, pattern) == [text[a:b] for _, (a, b) in theirs.pre_tokenize_str(text)]


def test_export_loads_in_transformers(trained, tmp_path):
    transformers = pytest.importorskip("transformers")
    trained.to_tokenizers_json(tmp_path / "tokenizer.json")
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(tmp_path / "tokenizer.json"), pad_token="<pad>", eos_token="</s>"
    )
    text = "Hello wörld, don't 12345 👍🏽 <|end of text|> again</s>"
    ids = trained.encode(text, allow_special=True)
    assert fast(text)["input_ids"] == ids
    assert fast.decode(ids) == trained.decode(ids) == text
    assert fast.decode(ids, skip_special_tokens=True) == trained.decode(ids, skip_special=True)
    assert len(fast) == trained.vocabulary_size
    assert (fast.pad_token_id, fast.eos_token_id) == (trained.special_tokens["<pad>"], trained.special_tokens["</s>"])


@pytest.mark.parametrize("few", [0, 10**9])
def test_both_ways_of_encoding_equal_tokenizers(trained, trained_theirs, monkeypatch, few):
    monkeypatch.setattr(tokenization, "_FEW", few)
    nothing_cached = BytePairTokenizer(trained.merges, trained.special_tokens)
    text = DOCS[200_000:250_000] + MULTILINGUAL[::-1] + "a" * 63 + " " * 64 + "é" * 65 + " " + "-=" * 999
    assert_same_encoding(nothing_cached, trained_theirs, text)


@settings(max_examples=60, deadline=None)
@given(pre_tokens=st.lists(st.text("aab é", min_size=1), min_size=1))
def test_both_ways_of_encoding_are_the_same(pre_tokens):
    tokenizer = BytePairTokenizer.train("aaaa abab baab aabbab é aé", 290)
    one_by_one = [tokenizer._merge_one(pre_token) for pre_token in pre_tokens]
    assert tokenizer._merge_together(pre_tokens) == one_by_one


# ---------------------------------------------------------------- the comparisons above can fail


class HighestIdsFirst:
    """Stands in for heapq: ties are broken the wrong way round."""

    @staticmethod
    def heappush(heap, entry):
        heap.append(entry)

    @staticmethod
    def heappop(heap):
        best = min(heap, key=lambda entry: (entry[0], tuple(-index for index in entry[1])))
        heap.remove(best)
        return best


def test_a_wrong_tie_break_is_noticed(monkeypatch):
    monkeypatch.setattr(tokenization, "heapq", HighestIdsFirst)
    merges = BytePairTokenizer.train("abcd", 258).merges
    assert merges != train_by_recounting("abcd", 258)
    monkeypatch.setattr(BytePairTokenizer, "encode", lambda *args, **kwargs: [])
    with pytest.raises(AssertionError):
        assert_same_training(["abcd"], 258)


def test_merging_overlapping_pairs_is_noticed(monkeypatch):
    monkeypatch.setattr(tokenization, "_FEW_PLACES", 0)
    monkeypatch.setattr(tokenization, "_without_overlaps", lambda positions, length: positions)
    with pytest.raises(AssertionError):
        assert_same_training(["aaaaaa aaa"], 260)


def test_counting_distinct_pre_tokens_alone_is_noticed(monkeypatch):
    monkeypatch.setattr(tokenization._Line, "count", lambda self, places: len(places))
    with pytest.raises(AssertionError):
        assert_same_training([DOCS[:5_000]], 400)


@pytest.mark.parametrize("few", [0, 10**9])
def test_a_wrong_order_of_merges_is_noticed(trained, trained_theirs, monkeypatch, few):
    last_first = SimpleNamespace(heappush=list.append, heappop=lambda heap: heap.pop(heap.index(max(heap))))
    monkeypatch.setattr(tokenization, "heapq", last_first)
    monkeypatch.setattr(tokenization, "min", max, raising=False)
    monkeypatch.setattr(tokenization, "_FEW", few)
    nothing_cached = BytePairTokenizer(trained.merges, trained.special_tokens)
    with pytest.raises(AssertionError):
        assert_same_encoding(nothing_cached, trained_theirs, DOCS[300_000:310_000])


# ---------------------------------------------------------------- lossless, cached, deterministic


@settings(max_examples=100, deadline=None)
@given(text=ANY_TEXT, allow_special=st.booleans())
def test_round_trip_on_any_text(trained, text, allow_special):
    ids = trained.encode(text, allow_special)
    assert trained.decode(ids) == text
    assert trained.decode_bytes(ids) == text.encode()
    assert all(0 <= index < trained.vocabulary_size for index in ids)


@settings(max_examples=50, deadline=None)
@given(text=ANY_TEXT.filter(bool), pattern=st.sampled_from(sorted(PATTERNS)))
def test_round_trip_of_the_training_text(text, pattern):
    tokenizer = BytePairTokenizer.train(text, 300, pattern=pattern)
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert "".join(pre_tokenize(text, pattern)) == text


@pytest.mark.slow
def test_every_character_round_trips(trained):
    text = "".join(chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000)
    assert trained.decode(trained.encode(text)) == text


def test_empty_text(small):
    assert small.encode("") == []
    assert small.encode_batch([]) == []
    assert small.encode_batch(["", "low", ""]) == [[], small.encode("low"), []]
    assert small.decode([]) == ""
    assert pre_tokenize("") == []


def test_special_tokens_are_found_only_when_allowed(trained):
    text = "a<|end of text|>b<|end</s>"
    ids = trained.special_tokens
    assert not set(trained.encode(text)) & set(ids.values())
    allowed = trained.encode(text, allow_special=True)
    assert [index for index in allowed if index in ids.values()] == [
        ids["<|end of text|>"],  # the longest at its place, not "<|end"
        ids["<|end"],
        ids["</s>"],
    ]
    assert trained.decode(allowed) == trained.decode(trained.encode(text)) == text
    assert trained.decode(allowed, skip_special=True) == "ab"
    assert trained.token_bytes(ids["[ROLE:é]"]) == "[ROLE:é]".encode()


def test_special_token_that_is_also_one_pre_token_keeps_its_two_readings():
    tokenizer = BytePairTokenizer.train("abc", 257, ["user"])
    plain = tokenizer.encode("user user")
    assert tokenizer.encode("user user", allow_special=True) == [0, *tokenizer.encode(" "), 0]
    assert tokenizer.encode("user user") == plain and 0 not in plain


def test_decoding_half_a_character_gives_the_replacement_character(small):
    half = small.encode("é")[:1]
    assert small.decode(half) == "\ufffd"
    assert small.decode_bytes(half) == "é".encode()[:1]


def test_decode_takes_tensors(small):
    ids = small.encode("lowest")
    assert small.decode(torch.tensor(ids)) == small.decode(tuple(ids)) == small.decode(iter(ids)) == "lowest"


def test_batches_equal_single_texts(trained):
    texts = ["one two", "", MULTILINGUAL, "<pad>one", DOCS[400_000:401_000]]
    for allow_special in (False, True):
        singly = [trained.encode(text, allow_special) for text in texts]
        assert trained.encode_batch(texts, allow_special) == singly
        assert trained.encode_batch(iter(texts), allow_special) == singly


def test_cache_is_bounded_and_changes_nothing(trained, monkeypatch):
    monkeypatch.setattr(tokenization, "_CACHE_ENTRIES", 50)
    text = DOCS[200_000:220_000] + "x" * 100
    first = trained.encode(text)
    for start in range(0, len(text), 1_000):
        trained.encode(text[start : start + 1_000])
        assert len(trained._cache) <= 50
        assert max(map(len, trained._cache), default=0) <= tokenization._LONG
    assert trained.encode(text) == first


def test_training_is_deterministic_and_takes_generators():
    texts = [DOCS[:5_000], DOCS[5_000:10_000]]
    once = BytePairTokenizer.train(texts, 400)
    again = BytePairTokenizer.train((text for text in texts), 400)
    assert once.merges == again.merges
    assert BytePairTokenizer.train("ab ab", 258).merges == BytePairTokenizer.train(["ab ab"], 258).merges


def test_arguments_are_not_changed():
    texts, special_tokens = ["low lower", "", "newer"], ["<s>"]
    tokenizer = BytePairTokenizer.train(texts, 270, special_tokens)
    merges = [list(pair) for pair in tokenizer.merges]
    BytePairTokenizer(merges, special_tokens)
    assert (texts, special_tokens) == (["low lower", "", "newer"], ["<s>"])
    assert merges == [list(pair) for pair in tokenizer.merges]
    ids = tokenizer.encode("newer")
    copy = torch.tensor(ids)
    tokenizer.decode(copy)
    assert copy.tolist() == ids
    tokenizer.special_tokens.clear()
    assert tokenizer.special_tokens == {"<s>": 0}


def test_default_device_does_not_matter():
    torch.set_default_device("meta")  # a tensor made there holds no data, as one made on a GPU would not be on the CPU
    try:
        tokenizer = BytePairTokenizer.train("aaaa aaa low lower", 270)
        assert tokenizer.decode(tokenizer.encode("aaaaa low")) == "aaaaa low"
    finally:
        torch.set_default_device(None)


def test_vocabulary_of_bytes_only():
    tokenizer = BytePairTokenizer.train("abc", 256)
    assert tokenizer.merges == []
    assert tokenizer.decode_bytes(range(256)) == bytes(tokenization.INDEX_OF_BYTE)


def test_a_huge_vocabulary_size_costs_nothing():
    assert BytePairTokenizer.train("abcab", 10**15).vocabulary_size < 270


# ---------------------------------------------------------------- bounded time and memory


@pytest.mark.slow
def test_one_long_character_run_equals_tokenizers(tmp_path):
    # Their trainer needs time in the square of a pre-token's length; 10,000 bytes are enough for it.
    for text in ["a" * 10_000, "ab" * 5_000 + "a" * 333]:
        assert_same_training([text], 300)
    long_run = "a" * 200_000 + " " * 200_001 + "ab" * 100_000
    tokenizer = BytePairTokenizer.train(long_run, 320)
    assert tokenizer.encode(long_run) == exported(tokenizer, tmp_path).encode(long_run).ids
    assert tokenizer.decode(tokenizer.encode(long_run)) == long_run


@pytest.mark.slow
@pytest.mark.parametrize("character", ["a", " "])
def test_ten_megabytes_of_one_character(character):
    text = character * 10_000_000
    tokenizer = BytePairTokenizer.train(text, 4096)
    assert tokenizer.vocabulary_size < 300
    assert tokenizer.decode(tokenizer.encode(text)) == text
    other = BytePairTokenizer.train("low lower aaaa    a", 300)
    assert other.decode(other.encode(text)) == text


# ---------------------------------------------------------------- files


def test_save_and_load(trained, tmp_path):
    trained.save(tmp_path / "tokenizer.json")
    loaded = BytePairTokenizer.load(tmp_path / "tokenizer.json")
    assert (loaded.merges, loaded.special_tokens, loaded.pattern) == (trained.merges, trained.special_tokens, trained.pattern)
    assert loaded.encode(MULTILINGUAL) == trained.encode(MULTILINGUAL)
    loaded.save(str(tmp_path / "again.json"))
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "tokenizer.json").read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["again.json", "tokenizer.json"]


def test_pattern_is_saved(tmp_path):
    tokenizer = BytePairTokenizer.train("1234 5678", 260, pattern="gpt4")
    tokenizer.save(tmp_path / "tokenizer.json")
    assert BytePairTokenizer.load(tmp_path / "tokenizer.json").pattern == "gpt4"
    assert exported(tokenizer, tmp_path).encode("12345678").ids == tokenizer.encode("12345678")


def fail_to_rename(monkeypatch):
    def replace(source, target):
        raise OSError("the file is in use")

    monkeypatch.setattr(os, "replace", replace)


def fail_to_write(monkeypatch):
    def full(file):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)


@pytest.mark.parametrize("fail", [fail_to_rename, fail_to_write])
@pytest.mark.parametrize("method", [BytePairTokenizer.save, BytePairTokenizer.to_tokenizers_json])
def test_a_failing_write_leaves_the_old_file(trained, small, tmp_path, monkeypatch, fail, method):
    path = tmp_path / "tokenizer.json"
    method(small, path)
    before = path.read_bytes()
    fail(monkeypatch)
    with pytest.raises(OSError):
        method(trained, path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["tokenizer.json"]


def test_saving_into_a_missing_folder_says_so(small, tmp_path):
    with pytest.raises(FileNotFoundError, match="is no folder.*Create it first"):
        small.save(tmp_path / "missing" / "tokenizer.json")


GOOD = {"format": tokenization._FORMAT, "pattern": "gpt2", "special_tokens": ["<s>"], "merges": [[1, 2], [257, 3]]}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff\xfe",
        b"[1, 2]",
        b"3",
        json.dumps(GOOD).encode()[:-20],
        json.dumps({"model": {"type": "BPE"}}).encode(),
        json.dumps(GOOD | {"format": "another"}).encode(),
        json.dumps(GOOD | {"pattern": "another"}).encode(),
        json.dumps(GOOD | {"pattern": ["gpt2"]}).encode(),
        json.dumps(GOOD | {"special_tokens": "<s>"}).encode(),
        json.dumps(GOOD | {"special_tokens": [None]}).encode(),
        json.dumps(GOOD | {"merges": None}).encode(),
        json.dumps(GOOD | {"merges": [[1, 2, 3]]}).encode(),
        json.dumps(GOOD | {"merges": [["a", "b"]]}).encode(),
        json.dumps(GOOD | {"merges": [[0, 1]]}).encode(),
        json.dumps(GOOD | {"merges": [[257, 1]]}).encode(),
        json.dumps(GOOD | {"merges": [[-1, 1]]}).encode(),
        json.dumps(GOOD | {"merges": [[1, 2], [1, 2]]}).encode(),
    ],
)
def test_a_broken_or_foreign_file_is_refused(tmp_path, content):
    path = tmp_path / "tokenizer.json"
    path.write_bytes(json.dumps(GOOD).encode())
    assert BytePairTokenizer.load(path).vocabulary_size == 259
    path.write_bytes(content)
    with pytest.raises(ValueError, match="tokenizer.json is not a tokenizer that BytePairTokenizer.save wrote"):
        BytePairTokenizer.load(path)


def test_a_missing_file_is_not_called_broken(tmp_path):
    with pytest.raises(FileNotFoundError):
        BytePairTokenizer.load(tmp_path / "missing.json")


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize("texts", ["", [], ["", ""], iter(())])
def test_training_without_text(texts):
    with pytest.raises(ValueError, match="no text to learn from.*Check"):
        BytePairTokenizer.train(texts, 300)


@pytest.mark.parametrize(
    ("texts", "advice"),
    [
        (b"text", "bytes.*decode"),
        ([b"text"], "bytes.*decode"),
        (None, "NoneType.*missing"),
        (["a", None], "NoneType.*missing"),
        (7, "int.*path"),
    ],
)
def test_training_on_what_is_no_text(texts, advice):
    with pytest.raises(TypeError, match=advice):
        BytePairTokenizer.train(texts, 300)


@pytest.mark.parametrize("text", [b"text", None, 7, ["text"]])
def test_encoding_what_is_no_text(small, text):
    with pytest.raises(TypeError, match="must be a str"):
        small.encode(text)
    with pytest.raises(TypeError, match="must be a str"):
        small.encode_batch(["low", text])
    with pytest.raises(TypeError, match="must be a str"):
        pre_tokenize(text)


def test_a_single_text_is_no_batch(small):
    with pytest.raises(TypeError, match="takes a list of texts.*encode"):
        small.encode_batch("low")


@pytest.mark.parametrize("surrogate", ["\ud800", "\udc80", "\udfff"])
def test_lone_surrogates(small, surrogate):
    text = f"héllo {surrogate}!"
    calls = [
        pre_tokenize,
        small.encode,
        lambda text: small.encode(text, allow_special=True),
        lambda text: small.encode_batch(["fine", text]),
        lambda text: BytePairTokenizer.train(["fine", text], 300),
    ]
    message = f"lone surrogate, U.{ord(surrogate):04X}, at position 6.*replace"
    for call in calls:
        with pytest.raises(ValueError, match=message) as raised:
            call(text)
        assert not isinstance(raised.value, UnicodeError)
    assert small.decode(small.encode(text.encode("utf-8", "replace").decode())) == "héllo ?!"


def test_vocabulary_too_small():
    for size, special_tokens in [(255, []), (0, []), (-1, []), (257, ["<a>", "<b>"])]:
        with pytest.raises(ValueError, match=f"vocabulary_size is {size}.*{256 + len(special_tokens)} already"):
            BytePairTokenizer.train("abc", size, special_tokens)
    with pytest.raises(TypeError):
        BytePairTokenizer.train("abc", 300.5)


@pytest.mark.parametrize(
    ("special_tokens", "error", "message"),
    [
        ([""], ValueError, "empty"),
        (["<s>", "<s>"], ValueError, "'<s>' is given more than once"),
        ("<s>", TypeError, "single text.*list"),
        ([None], TypeError, "must be a str"),
        ([b"<s>"], TypeError, "must be a str"),
        (["\ud800"], ValueError, "lone surrogate"),
        (["a"], ValueError, "'a' is also an ordinary token"),
        (["low"], ValueError, r"'low' is also an ordinary token.*<\|low\|>"),
        (["\u0120low"], ValueError, "also an ordinary token"),  # how " low" is written in a `tokenizers` file
    ],
)
def test_unsuitable_special_tokens(special_tokens, error, message):
    with pytest.raises(error, match=message):
        BytePairTokenizer.train("low low low", 300, special_tokens)


def test_unknown_pattern(small):
    with pytest.raises(ValueError, match="no pattern 'gpt5'.*gpt2, gpt4"):
        BytePairTokenizer.train("abc", 300, pattern="gpt5")
    with pytest.raises(ValueError, match="no pattern"):
        pre_tokenize("abc", "gpt5")


@pytest.mark.parametrize("index", [-1, 10_000, -100])
def test_ids_outside_of_the_vocabulary(small, index):
    for call in (small.decode, small.decode_bytes):
        with pytest.raises(ValueError, match=f"Id {index} at position 1 is outside of the vocabulary.*ids 0 to"):
            call([1, index])
    with pytest.raises(ValueError, match="outside of the vocabulary"):
        small.token_bytes(index)


@pytest.mark.parametrize(
    "ids", [[1.0], ["a"], "low", [[1, 2]], None, 5, torch.ones(2, 2, dtype=torch.long), torch.ones(2), torch.tensor(5)]
)
def test_ids_that_are_no_integers(small, ids):
    with pytest.raises(TypeError, match="must be integers in one dimension"):
        small.decode(ids)


@pytest.mark.parametrize("merges", [[(256, 0)], [(0, 1), (0, 1)], [(-1, 0)], [(0, 300)], [(0,)], [0], [("a", "b")]])
def test_impossible_merges(merges):
    with pytest.raises(ValueError, match="[Mm]erge"):
        BytePairTokenizer(merges)
