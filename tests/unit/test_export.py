"""A Llama as a GGUF file, the engine that reads it, Modelfiles, prompts, and what a client's request may hold."""

import http.server
import json
import threading

import gguf as package
import numpy
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.export import conversation, engine, gguf, library, ollama, requests
from utils.export.ollama import Modelfile
from utils.io import ROOT

MINI = ROOT / "data" / "models" / "llama-mini"
TEXTS = [
    "The year 2024 had 366 days; 3.14 and 1,000,000 are numbers, too.",
    "a  5\n\n1. One\n\n2. Two\n   10 blanks and  \t tabs \r\n   ",
    "def f(x):\n    if x > 10:\n        return [1,  22, 333]\n\treturn {'a': x ** 2}  # don't\n",
    "😀👩‍👩‍👧 naïve café ½²³ ١٢ 中文 — I'LL we've",
    "<|user|>24+31=<|end|><|assistant|><think>4+1=5; 2+3=5</think>55<|end|>",
]


@pytest.fixture(scope="module")
def mini():
    """The model and the tokenizer of llama-mini."""
    model = transformers.AutoModelForCausalLM.from_pretrained(MINI, dtype=torch.float32)
    return model.eval(), transformers.AutoTokenizer.from_pretrained(MINI)


@pytest.fixture(scope="module")
def files(mini, tmp_path_factory):
    """llama-mini in each kind."""
    folder = tmp_path_factory.mktemp("gguf")
    return {kind: gguf.write(folder / f"mini-{kind}.gguf", *mini, kind) for kind in gguf.KINDS}


def tiny(**changes):
    """A random Llama with llama-mini's vocabulary."""
    sizes = {"vocab_size": 3072, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "head_dim": 32}
    sizes |= {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512, "bos_token_id": 0}
    torch.manual_seed(0)
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**(sizes | {"eos_token_id": 0} | changes)))
    for weight in model.parameters():  # norms of one hide which norm is which
        torch.nn.init.normal_(weight, 1.0 if weight.ndim == 1 else 0.0, 0.2)
    return model.eval()


def difference(model, path, ids: list[int]) -> float:
    """The largest difference of log-probabilities between PyTorch and the engine."""
    with torch.no_grad():
        expected = model(torch.tensor([ids])).logits[0, -1].log_softmax(-1)
    with engine.Engine(path, threads=1) as running:
        return (torch.tensor(running.log_probabilities(ids)) - expected).abs().max().item()


def greedy(model, ids: list[int], count: int) -> list[int]:
    with torch.no_grad():
        written = model.generate(
            torch.tensor([ids]), max_new_tokens=count, do_sample=False, eos_token_id=[0, 4], pad_token_id=1
        )
    return written[0, len(ids) :].tolist()


# --- weights ------------------------------------------------------------------------------------------------------


def test_log_probabilities_equal_transformers(mini, files):
    for text in ("<|endoftext|>Once there was a", "<|user|>24+31+47=<|end|><|assistant|>"):
        assert difference(mini[0], files["F32"], mini[1](text)["input_ids"]) < 1e-4


@pytest.mark.parametrize(
    "changes",
    [
        {"tie_word_embeddings": False},
        {"tie_word_embeddings": True, "num_key_value_heads": 4},
        {
            "rope_parameters": {
                "rope_type": "llama3",
                "rope_theta": 5000.0,
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64,
            }
        },
    ],
)
def test_other_llamas_equal_transformers(mini, tmp_path, changes):
    model = tiny(**changes)
    ids = torch.randint(7, 3072, (90,), generator=torch.Generator().manual_seed(1)).tolist()
    assert difference(model, gguf.write(tmp_path / "tiny.gguf", model, mini[1], "F32"), ids) < 1e-4


def test_a_scaled_rotation_is_noticed_where_it_is_left_out(mini, tmp_path, monkeypatch):
    scaling = {"rope_type": "llama3", "rope_theta": 5000.0, "factor": 8.0, "low_freq_factor": 1.0}
    model = tiny(rope_parameters=scaling | {"high_freq_factor": 4.0, "original_max_position_embeddings": 64})
    monkeypatch.setattr(gguf, "_rotation_factors", lambda _: None)
    ids = list(range(7, 97))
    assert difference(model, gguf.write(tmp_path / "tiny.gguf", model, mini[1], "F32"), ids) > 1e-2


def test_rows_in_another_order_are_noticed(mini, tmp_path, monkeypatch):
    monkeypatch.setattr(gguf, "permuted", lambda weight, heads: weight)
    path = gguf.write(tmp_path / "wrong.gguf", *mini, "F32")
    assert difference(mini[0], path, mini[1]("<|user|>24+31+47=<|end|><|assistant|>")["input_ids"]) > 0.1


def test_permuted_by_hand():
    rows = numpy.arange(8.0)[:, None]  # two heads of four features: pairs (0, 2), (1, 3)
    assert gguf.permuted(rows, 2)[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


@pytest.mark.parametrize("kind", ["F32", "F16"])
def test_greedy_tokens_are_identical(mini, files, kind):
    model, tokenizer = mini
    prompts = [
        "<|endoftext|>Once there was",
        "<|user|>24+31+47=<|end|><|assistant|>",
        "<|user|>7+8=<|end|><|assistant|><think>7",
    ]
    with engine.Engine(files[kind], threads=1) as running:
        for text in prompts:
            ids = tokenizer(text)["input_ids"]
            assert running.write(ids, n_predict=40).tokens == greedy(model, ids, 40), text


def test_blocks_hold_what_gguf_reads_from_them(mini, files):
    """Each block by hand - a float16 scale, then bytes or half bytes - equals the package's dequantization."""
    weights = gguf.tensors(mini[0])
    for kind, size in (("Q8_0", 34), ("Q4_0", 18)):
        reader = package.GGUFReader(files[kind])
        tensor = next(one for one in reader.tensors if one.name == "blk.1.ffn_down.weight")
        assert tensor.tensor_type.name == kind
        blocks = tensor.data.reshape(-1, size)
        scale = blocks[:, :2].copy().view(numpy.float16).astype(numpy.float32)
        if kind == "Q8_0":
            numbers = blocks[:, 2:].view(numpy.int8).astype(numpy.float32)
        else:
            halves = numpy.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], axis=1)
            numbers = halves.astype(numpy.float32) - 8
        by_hand = scale * numbers
        numpy.testing.assert_array_equal(by_hand.reshape(-1), package.dequantize(tensor.data, tensor.tensor_type).reshape(-1))
        error = numpy.abs(by_hand - weights["blk.1.ffn_down.weight"].reshape(by_hand.shape))
        assert (error <= (0.57 if kind == "Q8_0" else 1.02) * numpy.abs(scale)).all()


def test_what_stays_finer(files):
    kinds = {one.name: one.tensor_type.name for one in package.GGUFReader(files["Q4_0"]).tensors}
    assert kinds["blk.0.attn_q.weight"] == "Q4_0"
    assert kinds["token_embd.weight"] == "Q8_0"  # it is the output, too
    assert kinds["blk.0.attn_norm.weight"] == kinds["output_norm.weight"] == "F32"
    assert "output.weight" not in kinds


# --- tokens -------------------------------------------------------------------------------------------------------


def test_tokens_are_identical(mini, files):
    import pydoc_data.topics

    real = [text[:2000] for text in list(pydoc_data.topics.topics.values())[:20]]
    with engine.Engine(files["F16"], threads=1) as running:
        for text in TEXTS + real:
            assert running.tokens(text) == mini[1](text)["input_ids"], text[:80]


def test_special_tokens_have_their_kinds(mini, files):
    reader = package.GGUFReader(files["F16"])
    field = reader.fields["tokenizer.ggml.token_type"]
    kinds = [int(field.parts[place][0]) for place in field.data]
    control, defined = int(package.TokenType.CONTROL), int(package.TokenType.USER_DEFINED)
    assert kinds[:8] == [control] * 5 + [defined] * 2 + [int(package.TokenType.NORMAL)]
    known = engine.facts(files["F16"])
    assert known.can_think and known.kind == "F16" and known.context_length == 256
    assert known.parameters == sum(weight.numel() for weight in mini[0].parameters())
    assert known.fields["tokenizer.chat_template"] == mini[1].chat_template
    assert known.fields["tokenizer.ggml.eot_token_id"] == 4 and known.fields["tokenizer.ggml.eos_token_id"] == 0
    assert known.fields["tokenizer.ggml.add_bos_token"] is False


def test_a_tokenizer_that_begins_with_a_token_says_so(mini, tmp_path):
    content = json.loads(mini[1].backend_tokenizer.to_str())
    begin = {"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}
    content["post_processor"]["single"].insert(0, begin)
    content["post_processor"]["special_tokens"] = {
        "<|endoftext|>": {"id": "<|endoftext|>", "ids": [0], "tokens": ["<|endoftext|>"]}
    }
    tokenizer = fast(content, bos_token="<|endoftext|>", eos_token="<|endoftext|>")
    path = gguf.write(tmp_path / "bos.gguf", mini[0], tokenizer, "F16")
    with engine.Engine(path, threads=1) as running:
        assert running.tokens("Hi 5") == tokenizer("Hi 5")["input_ids"]
        assert running.tokens("Hi 5")[0] == 0


def fast(content: dict, **options):
    import tokenizers

    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizers.Tokenizer.from_str(json.dumps(content)), **options)


def test_ways_to_cut_text_have_their_names(mini):
    content = json.loads(mini[1].backend_tokenizer.to_str())
    by_bytes = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    digits = {"type": "Digits", "individual_digits": True}

    def name_of(*steps, merges=None):
        changed = {**content, "pre_tokenizer": {"type": "Sequence", "pretokenizers": list(steps)}}
        if merges:
            added = {"".join(pair): 3072 + place for place, pair in enumerate(merges)}
            changed["model"] = {**content["model"], "merges": content["model"]["merges"] + merges}
            changed["model"]["vocab"] = content["model"]["vocab"] | added
        return gguf.pre_tokenizer(fast(changed))

    def split(pattern):
        return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}

    plain = {**by_bytes, "use_regex": False}
    assert name_of(by_bytes) == "gpt-2"
    assert name_of(digits, by_bytes) == "smollm"
    assert name_of(split(gguf.LLAMA_3), plain) == "llama-bpe"
    own = split(gguf.PATTERNS["digits"])
    assert name_of(own, plain) == "gpt-2"
    with pytest.raises(gguf.CannotExport, match="cuts text is not among"):
        name_of(own, plain, merges=[["1", "2"]])  # then GPT-2's way gives other tokens
    with pytest.raises(gguf.CannotExport, match="cuts text is not among"):
        name_of(split(r"\w+|\W+"), plain)


# --- what cannot be exported --------------------------------------------------------------------------------------


def test_rows_that_do_not_divide_into_blocks(mini, tmp_path):
    model = tiny(intermediate_size=100)
    for kind in ("Q8_0", "Q4_0"):
        with pytest.raises(gguf.CannotExport, match="rows of 100 weights.*blocks of 32.*F16"):
            gguf.write(tmp_path / "x.gguf", model, mini[1], kind)
    assert list(tmp_path.iterdir()) == []
    gguf.write(tmp_path / "x.gguf", model, mini[1], "F16")


def test_other_models_are_refused(mini, tmp_path):
    small = {"n_embd": 32, "n_layer": 1, "n_head": 2, "vocab_size": 64}
    gpt2 = transformers.GPT2LMHeadModel(transformers.GPT2Config(**small))
    with pytest.raises(gguf.CannotExport, match="architecture 'gpt2'.*knows 'llama'"):
        gguf.write(tmp_path / "x.gguf", gpt2, mini[1])
    with pytest.raises(gguf.CannotExport, match="architecture 'gpt2'"):
        gguf.write_folder(tmp_path / "x.gguf", ROOT / "data" / "models" / "gpt-mini")
    with pytest.raises(gguf.CannotExport, match="attention_bias=True"):
        gguf.write(tmp_path / "x.gguf", tiny(attention_bias=True), mini[1])
    yarn = {"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0, "original_max_position_embeddings": 128}
    with pytest.raises(gguf.CannotExport, match="scaled by 'yarn'"):
        gguf.write(tmp_path / "x.gguf", tiny(rope_parameters=yarn), mini[1])
    with pytest.raises(gguf.CannotExport, match="no kind 'Q5_K'"):
        gguf.write(tmp_path / "x.gguf", *mini, "Q5_K")
    bert = transformers.AutoTokenizer.from_pretrained(ROOT / "data" / "models" / "bert-mini")
    if json.loads(bert.backend_tokenizer.to_str())["model"]["type"] != "BPE":
        with pytest.raises(gguf.CannotExport, match="writes byte-level BPE"):
            gguf.write(tmp_path / "x.gguf", mini[0], bert)
    with pytest.raises(gguf.CannotExport, match="no config.json"):
        gguf.write_folder(tmp_path / "x.gguf", tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(gguf.CannotExport, match="damaged"):
        gguf.write_folder(tmp_path / "x.gguf", tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(gguf.CannotExport, match="no weights in safetensors"):
        gguf.write_folder(tmp_path / "x.gguf", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_a_file_is_whole_or_the_old_one(mini, tmp_path, monkeypatch):
    path = tmp_path / "x.gguf"
    path.write_bytes(b"the old one")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(package.GGUFWriter, "write_tensors_to_file", full)
    with pytest.raises(OSError, match="No space"):
        gguf.write(path, *mini, "F16")
    assert path.read_bytes() == b"the old one" and len(list(tmp_path.iterdir())) == 1


def test_the_folder_gives_the_same_file(files, tmp_path):
    path = gguf.write_folder(tmp_path / "mini-F16.gguf", MINI, "F16", name="mini-F16")
    assert path.read_bytes() == files["F16"].read_bytes()


@pytest.mark.parametrize("content", [b"", b"GGUF", b"no model", b"GGUF" + bytes(100)])
def test_no_gguf_file(tmp_path, content):
    path = tmp_path / "x.gguf"
    path.write_bytes(content)
    with pytest.raises(engine.EngineError, match="x.gguf is no GGUF file|cannot load x.gguf"):
        engine.Engine(path)
    with pytest.raises(engine.EngineError, match="There is no file"):
        engine.facts(tmp_path / "y.gguf")


# --- the engine ---------------------------------------------------------------------------------------------------


def test_writing_can_be_ended_and_limited(mini, files):
    with engine.Engine(files["F16"], threads=1) as running:
        pieces = []
        running.write("Once there was", lambda piece: pieces.append(piece) or len(pieces) == 3, n_predict=50)
        assert len(pieces) == 3
        limited = running.write("Once there was", n_predict=5)
        assert (limited.reason, limited.written, len(limited.tokens)) == ("length", 5, 5)
        assert limited.read == len(mini[1]("Once there was")["input_ids"]) and limited.reading > 0 and limited.writing > 0
        with pytest.raises(engine.EngineError, match="input length exceeds the context length"):
            running.write("word " * 300)
        pieces = []
        running.write("<|user|>7+8=<|end|><|assistant|>", pieces.append, stop=["think"])
        assert "".join(pieces) == "<"


@pytest.mark.parametrize("context", [1, 2, 7, 40, 1000])
def test_the_context_is_kept_to(files, context):
    """llama.cpp itself rounds a context up to 256, and ends the process where it is 1."""
    with engine.Engine(files["F16"], context, threads=1) as running:
        assert running.context == min(context, 256)
        if context == 1:
            with pytest.raises(engine.EngineError, match="1 tokens, and num_ctx is 1"):
                running.write([0])
        else:
            told = running.write([0], ignore_eos=True)
            assert told.reason == "length" and told.read + told.written == running.context


# --- Modelfiles ---------------------------------------------------------------------------------------------------

ANY = st.text(st.characters(codec="utf-8"), max_size=60) | st.text('"\n\r #a\u00e9', max_size=8)  # what quoting trips over
TEXT = ANY.filter(lambda text: '"""' not in text)
PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        "num_ctx": st.integers(1, 2**31),
        "seed": st.integers(-(2**31), 2**31),
        "temperature": st.floats(0, 10),
        "top_p": st.floats(0, 1),
        "stop": st.lists(TEXT.filter(bool), min_size=1, max_size=3),
    },
)


@settings(max_examples=150, deadline=None)
@given(TEXT, PARAMETERS, TEXT)
def test_a_modelfile_comes_back(template, parameters, system):
    written = Modelfile("./model.gguf", template, parameters, system)
    assert Modelfile.parse(str(written)) == written


def test_a_modelfile_as_people_write_them():
    text = '# a model\nfrom llama3.2\n\nPARAMETER temperature 1\n  PARAMETER stop <|end|>\nParameter stop "<|user|>"\nSYSTEM You are Mario.\n'
    text += 'TEMPLATE """{{ .System }}\n# no comment\n"quoted" {{ .Prompt }}\n"""\n'
    read = Modelfile.parse(text)
    assert read.source == "llama3.2" and read.system == "You are Mario."
    assert read.parameters == {"temperature": 1.0, "stop": ["<|end|>", "<|user|>"]}
    assert read.template == '{{ .System }}\n# no comment\n"quoted" {{ .Prompt }}\n'
    assert Modelfile.parse(text.replace("\n", "\r\n")).parameters == read.parameters


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("", "no FROM"),
        ('FROM x\nTEMPLATE """a\nb', "Line 2: the quotation marks after TEMPLATE"),
        ("FROM x\nPARAMETER warmth 1", "Line 2: PARAMETER warmth is not known"),
        ("FROM x\nPARAMETER num_ctx many", "Line 2: PARAMETER num_ctx has to be int"),
        ("FROM x\nADAPTER y", "Line 2: ADAPTER is not known"),
    ],
)
def test_no_modelfile(text, fragment):
    with pytest.raises(ValueError, match=fragment):
        Modelfile.parse(text)


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (("",), "FROM needs"),
        (("a\nSYSTEM b",), "one line"),
        (("x", "", {"warmth": 1}), "not known"),
        (("x", "", {"num_ctx": "1"}), "has to be int"),
        (("x", "", {"num_ctx": True}), "has to be int"),
        (("x", "", {"stop": "<|end|>"}), "a list of texts"),
        (("x", "", {"stop": []}), "a list of texts"),
    ],
)
def test_no_modelfile_is_written(arguments, fragment):
    with pytest.raises(ValueError, match=fragment):
        Modelfile(*arguments)
    with pytest.raises(ValueError, match="cannot hold them"):
        str(Modelfile("x", 'a """ b'))


def test_the_modelfile_of_a_file(files):
    written = ollama.modelfile_for(files["F16"])
    assert written.source == "./mini-F16.gguf"
    assert written.parameters == {"num_ctx": 256, "stop": ["<|end|>"]}
    assert "<think>{{ .Thinking }}</think>" in written.template
    assert written.template.endswith("<|assistant|>" + ollama.CLOSED)  # where a request says think: false


# --- is Ollama there? ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        (":8080", "http://127.0.0.1:8080"),
        ("localhost", "http://localhost:11434"),
        ("http://example.org", "http://example.org:80"),
        ("https://example.org/ollama/", "https://example.org:443/ollama"),
        ('"127.0.0.1:9"', "http://127.0.0.1:9"),
        ("[::1]:9", "http://[::1]:9"),
    ],
)
def test_where_ollama_is_looked_for(host, expected, monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", host)
    assert ollama.address() == expected


@pytest.mark.parametrize("answer", [b'{"version": "0.33.0"}', b'{"version": "0.0.0-course"}', b"<html>", b"[]", b"{}", b"\xff"])
def test_who_answers_there(answer, monkeypatch):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # is not asked
        found = ollama.find(host=address)
        server.shutdown()
    if b"version" in answer:
        assert found.address == address and found.is_real == (b"course" not in answer)
    else:
        assert found is None
    assert ollama.find(host=address) is None  # nobody there any more
    assert ollama.find(host="ftp://x") is None and ollama.find(host="127.0.0.1:many") is None


# --- prompts and answers ------------------------------------------------------------------------------------------


def test_the_prompt_is_the_templates(mini, files):
    turns = [{"role": "user", "content": "1+1="}, {"role": "assistant", "content": "2"}, {"role": "user", "content": "2+2="}]
    known = engine.facts(files["F16"])
    expected = mini[1].apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    assert conversation.prompt(known, turns) == expected
    assert conversation.prompt(known, turns, think=False) == expected + "<think></think>"
    with pytest.raises(engine.EngineError, match="roles user and assistant only"):
        conversation.prompt(known, [{"role": "system", "content": "x"}])


def test_the_oldest_turns_make_room(files):
    known = engine.facts(files["F16"])
    turns = [{"role": role, "content": f"{number} {role}"} for number in range(3) for role in ("user", "assistant")]
    turns.append({"role": "user", "content": "last"})
    fits = conversation.fitted(known, turns, 70, len)
    assert fits == "<|assistant|>2 assistant<|end|><|user|>last<|end|><|assistant|>"
    assert conversation.fitted(known, turns, 1000, len) == conversation.prompt(known, turns)
    with pytest.raises(engine.EngineError, match="exceeds the context length"):
        conversation.fitted(known, turns, 10, len)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([
        ("<think>2+3=5</think>55", "2+3=5", "55"),
        (" <think>a < b </th</think>\n\n x ", "a < b </th", "x "),
        ("<think></think>7", "", "7"),
        ("no thought <think>later</think>", "", "no thought <think>later</think>"),
        ("<thin", "", "<thin"),
        ("<think>cut off </thi", "cut off </thi", ""),
        ("", "", ""),
        ("< 5", "", "< 5"),
    ]),
    st.lists(st.integers(1, 5), max_size=40),
)  # fmt: off
def test_thinking_is_told_from_the_answer_wherever_the_text_is_cut(case, sizes):
    text, *expected = case
    splitter, found = conversation.Splitter(), ["", ""]
    for size in [*sizes, len(text)]:
        piece, text = text[:size], text[size:]
        found = [old + new for old, new in zip(found, splitter.feed(piece))]
    assert [old + new for old, new in zip(found, splitter.end())] == expected


# --- requests -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "fragment"),
    [
        (b"", "missing request body"),
        (b"{", "not JSON"),
        (b"[1]", "a JSON object, not an array"),
        (b'{"a": NaN}', "no number of JSON"),
        (b'{"a": "\\ud800"}', "no text in UTF-8"),
        (b'{"a": "\xff"}', "no text in UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_body_that_is_none(content, fragment):
    with pytest.raises(requests.Refusal, match=fragment) as error:
        requests.body(content)
    assert error.value.status == 400


@pytest.mark.parametrize(
    ("asked", "fragment"),
    [
        ({}, "model is required"),
        ({"model": 3}, "model has to be a string"),
        ({"model": "m", "messages": "Hi"}, "messages has to be an array"),
        ({"model": "m", "messages": ["Hi"]}, r"messages\[0\] needs a role"),
        ({"model": "m", "messages": [{"role": "user", "content": 5}]}, "has to be a string, not a number"),
        ({"model": "m", "messages": [{"role": "user", "content": "x", "images": ["AA"]}]}, "images"),
        ({"model": "m", "options": {"temperature": "warm"}}, "temperature has to be a number"),
        ({"model": "m", "options": {"top_k": 1.5}}, "top_k has to be an integer"),
        ({"model": "m", "options": {"top_k": True}}, "top_k has to be an integer"),
        ({"model": "m", "options": {"num_ctx": 0}}, "num_ctx has to be 1 at least"),
        ({"model": "m", "options": {"stop": [""]}}, "stop has to be"),
        ({"model": "m", "stream": "yes"}, "stream has to be true or false"),
        ({"model": "m", "think": "high"}, 'think value "high" is not supported'),
        ({"model": "m", "format": 7}, "JSON schema, not a number"),
        ({"model": "m", "format": {"type": "nonsense"}}, "format is no JSON schema: 'nonsense'"),
        ({"model": "m", "format": {"properties": {"a": {"pattern": "(("}}}}, "is not a 'regex'"),
        ({"model": "m", "format": {"items": {"$ref": "#/$defs/none"}}}, "'#/\\$defs/none', which it has not"),
        ({"model": "m", "keep_alive": "soon"}, "keep_alive"),
        ({"model": "m", "tools": [{}]}, "m does not support tools"),
    ],
)
def test_a_request_that_cannot_be_met(asked, fragment):
    with pytest.raises(requests.Refusal, match=fragment) as error:
        requests.read_chat(asked)
    assert error.value.status == 400


def test_what_a_request_means():
    read = requests.read_chat({"model": "m", "messages": [{"role": "user", "content": "x"}]})
    assert read.sampling == {"temperature": 0.8, "top_k": 40, "top_p": 0.9, "min_p": 0.0, "repeat_penalty": 1.0}
    assert (read.context, read.streams, read.think, read.kept) == (4096, True, None, 300.0)
    options = {"temperature": 0, "num_predict": 5, "stop": "a", "seed": -1, "num_gpu": 1, "num_ctx": 512.0, "top_p": None}
    read = requests.read_generate({"model": "m", "prompt": "x", "raw": True, "options": options, "keep_alive": "1h30m"})
    assert read.text == "x" and read.messages is None and read.context == 512 and read.kept == 5400
    assert read.sampling["n_predict"] == 5 and read.sampling["stop"] == ["a"] and read.sampling["top_p"] == 0.9
    assert requests.read_chat({"model": "m", "keep_alive": -1}).kept == float("inf")
    own = {"$defs": {"a/b": {"type": "string", "pattern": "^a+$"}}, "items": {"$ref": "#/$defs/a~1b"}}
    assert requests.read_chat({"model": "m", "format": own}).formatted
    asked = {"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}], "max_tokens": 4}
    read = requests.read_openai(asked | {"response_format": {"type": "json_object"}})
    assert read.sampling["temperature"] == 1.0 and read.sampling["n_predict"] == 4 and not read.streams
    assert read.formatted and read.messages[0]["content"] == "x"


# --- what can be served -------------------------------------------------------------------------------------------


def test_what_serve_is_given(files, tmp_path, monkeypatch):
    monkeypatch.setattr(library, "EXPORTED", tmp_path / "exported")
    assert library.given(str(files["F16"])) == ("mini-f16", files["F16"])
    name, path = library.given("llama-mini:q8_0")
    assert name == "llama-mini:q8_0" and engine.facts(path).kind == "Q8_0"
    assert library.given(str(MINI)) == ("llama-mini", tmp_path / "exported" / "llama-mini-f16.gguf")
    written = path.stat().st_mtime_ns
    assert library.local("llama-mini:q8_0").stat().st_mtime_ns == written  # not made again
    with pytest.raises(library.NoSuchModel, match="no model 'gpt-5' here. It has .*llama-mini"):
        library.given("gpt-5")
    with pytest.raises(library.NoSuchModel, match="tags f32, f16"):
        library.local("llama-mini:q5")
    with pytest.raises(engine.EngineError, match="There is no file"):
        library.given("x.gguf")
    with pytest.raises(gguf.CannotExport, match="gpt2"):
        library.given(str(ROOT / "data" / "models" / "gpt-mini"))


def test_a_text_with_a_quotation_mark_stands_in_three():
    assert 'SYSTEM """Say "yes"."""' in str(Modelfile("./m.gguf", system='Say "yes".'))


def test_a_very_small_model_computes_in_one_thread(files, monkeypatch):
    """Its threads would wait for each other longer than they compute; a large one gets the cores, up to four."""
    monkeypatch.setattr(engine.os, "cpu_count", lambda: 8)
    known = engine.facts(files["F16"])
    assert engine._threads_for(known) == 1
    assert engine._threads_for(known._replace(parameters=135_000_000)) == 4


@pytest.mark.parametrize(
    ("own", "separators"), [({}, (", ", ": ")), ({"x-guidance": {"whitespace_flexible": False}}, (",", ":"))]
)
def test_blanks_in_a_form_are_those_of_json_dumps(files, own, separators):
    """As most JSON is written; a schema may ask for others."""
    numbers = {"type": "integer", "minimum": 0, "maximum": 9}
    schema = {
        "type": "object",
        "properties": {"a": numbers, "b": numbers},
        "required": ["a", "b"],
        "additionalProperties": False,
    }
    asked = {"model": "m", "messages": [{"role": "user", "content": "1+2="}], "format": schema | own}
    sampling = requests.read_chat(asked).sampling
    pieces = []
    with engine.Engine(files["F16"], threads=1) as running:
        running.write("<|user|>1+2=<|end|><|assistant|>", pieces.append, n_predict=40, json_schema=sampling["json_schema"])
    text = "".join(pieces)
    assert text == json.dumps(json.loads(text), separators=separators)
