"""A Hugging Face Hub on this machine: the part of its HTTP API that `huggingface_hub` uses.

It serves, under the real ids, tiny random models of the real architectures and tiny parquet files with the real
columns, all made when they are first asked for. HF_ENDPOINT points the libraries at it. It can fail on purpose: see FAILURES.
"""

import contextlib
import functools
import hashlib
import http.server
import io
import json
import re
import tempfile
import threading
import urllib.parse
from pathlib import Path

# What `LoopbackHub.failure` may be set to.
FAILURES = (
    "slow",  # takes the request and never answers
    "stalls",  # sends the first bytes of a file and no more
    "drips",  # sends a byte of a file now and then
    "gated",  # 401 with the Hub's own code for gated repositories
    "401",
    "403",
    "404",
    "429",
    "500",
    "503",
    "half",  # breaks off in the middle of each file, again and again
    "damaged",  # the right length, other bytes
    "strange",  # answers like some other web server
)
IN_LFS = (".safetensors", ".bin", ".parquet", ".h5", ".onnx", ".spm")
SENTENCE = "the quick brown fox jumps over the lazy dog and a cat sat on the mat"


class LoopbackHub:
    """The server. Use it as a context manager; `address` is what HF_ENDPOINT has to be."""

    def __init__(self):
        self.failure: str | None = None
        self.requests: list[tuple[str, str]] = []  # method and path
        self.others: dict[str, bytes] = {}  # what it serves besides: path -> content
        self.ending = threading.Event()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, self))
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.server.shutdown()
        self.server.server_close()

    def downloaded(self) -> list[str]:
        """The files that were asked for, not counting questions about them."""
        return [path for method, path in self.requests if method == "GET" and ("/resolve/" in path or "/cdn/" in path)]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, hub: LoopbackHub, *arguments):
        self.hub = hub
        super().__init__(*arguments)

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.answer()

    def answer(self):
        url = urllib.parse.urlsplit(self.path)
        path = urllib.parse.unquote(url.path)
        self.hub.requests.append((self.command, path))
        failure = self.hub.failure
        if failure == "slow":
            self.hub.ending.wait(60)
            self.close_connection = True
            return None
        if path in ("", "/"):  # is anybody there?
            return self.send(200, b"a hub")
        if failure == "gated":
            return self.send(
                401, b"{}", {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access to this model is restricted."}
            )
        if failure == "strange":
            return self.send(200, b"<html>welcome to the hotel's network</html>", {"Content-Type": "text/html"})
        if failure == "token" and "Authorization" in self.headers:  # expired; without one the repositories are public
            return self.send(401, b"{}", {"X-Error-Message": "Invalid credentials in Authorization header"})
        if failure and failure.isdecimal():
            return self.send(int(failure), b"{}")
        if path in self.hub.others:
            return self.send_file(self.hub.others[path])
        if found := re.fullmatch(r"/cdn/([0-9a-f]{64})/(.+?)/(models|datasets)/([^/]+/[^/]+)", path):
            return self.send_file(repository(found[3], found[4])[found[2]])
        if found := re.fullmatch(r"/api/(models|datasets)/([^/]+/[^/]+)/revision/([^/]+)", path):
            return self.api(*found.groups())
        if found := re.fullmatch(r"(/datasets)?/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            return self.resolve("datasets" if found[1] else "models", *found.groups()[1:])
        return self.send(404, b"{}")

    # --- the three kinds of questions -------------------------------------------------------------------------------------

    def api(self, kind: str, name: str, revision: str):
        files = repository(kind, name)
        if files is None:
            return self.send(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        if revision not in ("main", commit(kind, name)):
            return self.send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        listed = [listing(path, content) for path, content in files.items()]
        self.send_json({"id": name, "sha": commit(kind, name), "private": False, "tags": [], "siblings": listed})

    def resolve(self, kind: str, name: str, revision: str, path: str):
        files = repository(kind, name)
        if files is None:
            return self.send(404, b"", {"X-Error-Code": "RepoNotFound"})
        headers = {"X-Repo-Commit": commit(kind, name)}
        if path not in files:
            return self.send(404, b"", headers | {"X-Error-Code": "EntryNotFound"})
        content = files[path]
        if not path.endswith(IN_LFS):
            return self.send_file(content, headers | {"ETag": f'"{git_hash(content)}"'})
        digest = hashlib.sha256(content).hexdigest()
        headers |= {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(content))}
        elsewhere = self.hub.address.replace("127.0.0.1", "localhost")  # large files lie on another host
        return self.send(302, b"", headers | {"Location": f"{elsewhere}/cdn/{digest}/{path}/{kind}/{name}"})

    # --- answers ----------------------------------------------------------------------------------------------------------

    def send(self, status: int, body: bytes, headers: dict | None = None):
        self.send_response(status)
        for key, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_json(self, value):
        self.send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def send_file(self, content: bytes, headers: dict | None = None):
        """A whole file, or the rest of it from where the client asks; or what the failure makes of it."""
        if self.hub.failure == "damaged":
            content = bytes(byte ^ 1 for byte in content)
        start, status = 0, 200
        headers = {"Accept-Ranges": "bytes"} | (headers or {})
        if asked := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")):
            start, status = int(asked[1]), 206
            headers |= {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        headers |= {"Content-Length": str(len(content) - start)}
        breaks = self.hub.failure in ("half", "stalls", "drips") and len(content) > 3000
        last = len(content) // 2 if breaks else len(content)
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(content[start : max(start, last)])
        self.wfile.flush()
        if last < len(content):
            if self.hub.failure == "stalls":
                self.hub.ending.wait(60)
            with contextlib.suppress(OSError):  # the client is gone
                for place in range(last, last + 300) if self.hub.failure == "drips" else ():
                    self.hub.ending.wait(0.2)
                    self.wfile.write(content[place : place + 1])
            self.close_connection = True


# --- repositories -----------------------------------------------------------------------------------------------------------


def git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def listing(path: str, content: bytes) -> dict:
    row = {"rfilename": path, "size": len(content), "blobId": git_hash(content)}
    if path.endswith(IN_LFS):
        row["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
    return row


def commit(kind: str, name: str) -> str:
    """The repository's commit: a hash of all that it holds."""
    files = repository(kind, name)
    return hashlib.sha1("".join(path + git_hash(files[path]) for path in sorted(files)).encode()).hexdigest()


LOCK = threading.Lock()
REPOSITORIES: dict[tuple[str, str], dict[str, bytes] | None] = {}


def repository(kind: str, name: str) -> dict[str, bytes] | None:
    """Path -> content; None where there is no such repository."""
    with LOCK:
        if (kind, name) not in REPOSITORIES:
            makers = MODELS if kind == "models" else DATASETS
            REPOSITORIES[kind, name] = makers[name]() if name in makers else None
        return REPOSITORIES[kind, name]


# --- tiny data sets with the real columns -----------------------------------------------------------------------------------


def parquet(rows: dict, types: dict | None = None) -> bytes:
    from datasets import Dataset, Features
    from pyarrow import parquet as writer

    buffer = io.BytesIO()
    table = Dataset.from_dict(rows, features=Features(types) if types else None).data.table
    writer.write_table(table, buffer)
    return buffer.getvalue()


def words(count: int, what: str) -> list[str]:
    return [f"{what} {number}: {SENTENCE}" for number in range(count)]


def imdb() -> dict[str, bytes]:
    from datasets import ClassLabel, Value

    types = {"text": Value("string"), "label": ClassLabel(names=["neg", "pos"])}
    file = "plain_text/{}-00000-of-00001.parquet".format
    return {
        file("train"): parquet({"text": words(40, "film"), "label": [0] * 20 + [1] * 20}, types),
        file("test"): parquet({"text": words(30, "play"), "label": [0, 1] * 15}, types),
        file("unsupervised"): parquet({"text": words(5, "show"), "label": [-1] * 5}, types),
    }


def cnn_dailymail() -> dict[str, bytes]:
    def rows(count, what):
        return parquet(
            {"article": words(count, what), "highlights": words(count, "in short"), "id": [f"{what}{n}" for n in range(count)]}
        )

    files = {f"3.0.0/train-0000{n}-of-00003.parquet": rows(10, f"a{n}") for n in range(3)}
    files |= {f"3.0.0/{split}-00000-of-00001.parquet": rows(5, split) for split in ("validation", "test")}
    return files | {"1.0.0/train-00000-of-00001.parquet": rows(7, "old"), "2.0.0/test-00000-of-00001.parquet": rows(7, "older")}


def conll2003() -> dict[str, bytes]:
    from datasets import ClassLabel, List, Value

    names = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC", "B-MISC", "I-MISC"]
    types = {
        "id": Value("string"),
        "tokens": List(Value("string")),
        "pos_tags": List(ClassLabel(names=["NN", "VB"])),
        "chunk_tags": List(ClassLabel(names=["O", "B-NP"])),
        "ner_tags": List(ClassLabel(names=names)),
    }

    def rows(count):
        return parquet(
            {
                "id": [str(n) for n in range(count)],
                "tokens": [["Ada", "came", "."]] * count,
                "pos_tags": [[0, 1, 0]] * count,
                "chunk_tags": [[1, 0, 0]] * count,
                "ner_tags": [[1, 0, 0]] * count,
            },
            types,
        )

    return {
        f"data/{split}-00000-of-00001.parquet": rows(count) for split, count in [("train", 20), ("validation", 6), ("test", 7)]
    }


def opus_books() -> dict[str, bytes]:
    from datasets import Translation, Value

    def rows(one, two):
        pairs = [{one: f"{SENTENCE} {n}", two: f"le chat {n}"} for n in range(40)]
        return parquet(
            {"id": [str(n) for n in range(40)], "translation": pairs},
            {"id": Value("string"), "translation": Translation(languages=[one, two])},
        )

    return {
        f"{one}-{two}/train-00000-of-00001.parquet": rows(one, two) for one, two in [("en", "fr"), ("de", "fr"), ("en", "es")]
    }


def pubmed_qa() -> dict[str, bytes]:
    def rows(count):
        context = {
            "contexts": [SENTENCE],
            "labels": ["AIM"],
            "meshes": ["Cats"],
            "reasoning_required_pred": ["y"],
            "reasoning_free_pred": ["y"],
        }
        return parquet(
            {
                "pubid": list(range(count)),
                "question": words(count, "why"),
                "context": [context] * count,
                "long_answer": words(count, "since"),
                "final_decision": ["yes"] * count,
            }
        )

    return {f"pqa_{part}/train-00000-of-00001.parquet": rows(30) for part in ("labeled", "artificial", "unlabeled")}


def ultrafeedback() -> dict[str, bytes]:
    def rows(count):
        def talk(word):
            return [
                [{"content": f"prompt {n}", "role": "user"}, {"content": f"{word} {n}", "role": "assistant"}]
                for n in range(count)
            ]

        return parquet(
            {
                "prompt": [f"prompt {n}" for n in range(count)],
                "prompt_id": [str(n) for n in range(count)],
                "chosen": talk("good"),
                "rejected": talk("bad"),
                "messages": talk("good"),
                "score_chosen": [8.0] * count,
                "score_rejected": [2.0] * count,
            }
        )

    splits = [("train_prefs", 30), ("test_prefs", 8), ("train_sft", 3), ("test_sft", 3), ("train_gen", 3), ("test_gen", 3)]
    return {f"data/{split}-00000-of-00001.parquet": rows(count) for split, count in splits}


def gsm8k() -> dict[str, bytes]:
    def rows(count):
        return parquet(
            {"question": words(count, "how many"), "answer": [f"{n} + 1 = {n + 1}\n#### {n + 1}" for n in range(count)]}
        )

    return {
        f"{part}/{split}-00000-of-00001.parquet": rows(count)
        for part in ("main", "socratic")
        for split, count in [("train", 30), ("test", 9)]
    }


def tinystories() -> dict[str, bytes]:
    files = {
        f"data/train-0000{n}-of-00004-2d5a1467fff1081b.parquet": parquet({"text": words(10, f"once {n}")}) for n in range(4)
    }
    files["data/validation-00000-of-00001-869c898b519ad725.parquet"] = parquet({"text": words(8, "then")})
    return files | {"TinyStories-train.txt": b"not this one", "TinyStories_all_data.tar.gz": b"nor this"}


DATASETS = {
    "stanfordnlp/imdb": imdb,
    "abisee/cnn_dailymail": cnn_dailymail,
    "lhoestq/conll2003": conll2003,
    "Helsinki-NLP/opus_books": opus_books,
    "qiaojin/PubMedQA": pubmed_qa,
    "HuggingFaceH4/ultrafeedback_binarized": ultrafeedback,
    "openai/gsm8k": gsm8k,
    "roneneldan/TinyStories": tinystories,
}

# --- tiny models of the real architectures ----------------------------------------------------------------------------------

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


def word_pieces():
    """BERT's kind of tokenizer: lower case, WordPiece."""
    from transformers import BertTokenizer

    letters = "abcdefghijklmnopqrstuvwxyz.,?!"
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *("##" + letter for letter in letters), *SENTENCE.split()]
    return BertTokenizer(vocab={piece: number for number, piece in enumerate(dict.fromkeys(pieces))})


def trained_on_bytes(special: list[str]):
    """A byte-level BPE with a few merges."""
    import tokenizers

    trained = tokenizers.ByteLevelBPETokenizer()
    trained.train_from_iterator([SENTENCE] * 3, vocab_size=280, special_tokens=special, show_progress=False)
    return trained


def bytes_pieces(kind: str, special: list[str]):
    """It in one of Transformers' classes."""
    import transformers

    state = json.loads(trained_on_bytes(special).to_str())["model"]
    return getattr(transformers, kind)(vocab=state["vocab"], merges=[tuple(merge) for merge in state["merges"]])


def whole_tokenizer(special: list[str]):
    """It as tokenizer.json alone, as Llama 3's comes."""
    import transformers

    trained = trained_on_bytes(special)._tokenizer
    return transformers.PreTrainedTokenizerFast(tokenizer_object=trained, bos_token=special[0], eos_token=special[1])


def unigrams():
    """T5's kind of tokenizer."""
    from transformers import T5Tokenizer

    words = ["\u2581" + word for word in SENTENCE.split()]
    pieces = ["<pad>", "</s>", "<unk>", "\u2581", *"abcdefghijklmnopqrstuvwxyz", *words]
    return T5Tokenizer(vocab=[(piece, -float(n)) for n, piece in enumerate(dict.fromkeys(pieces))], extra_ids=5)


ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
LLAMA = ["<|begin_of_text|>", "<|eot_id|>"]


def model(head: str, config: str, sizes: dict, tokenizer, *, shards: bool = False, as_bin: bool = False):
    """The maker of a repository: configuration, tokenizer, random weights, and files that nobody should fetch."""

    def make() -> dict[str, bytes]:
        import torch
        import transformers

        transformers.utils.logging.disable_progress_bar()
        transformers.utils.logging.set_verbosity_error()
        pieces = tokenizer()
        torch.manual_seed(0)
        settings = getattr(transformers, config)(**sizes, vocab_size=len(pieces))
        built = getattr(transformers, head)(settings)
        with tempfile.TemporaryDirectory() as folder:
            built.save_pretrained(folder, max_shard_size="20KB" if shards else "5GB")
            pieces.save_pretrained(folder)
            if as_bin:
                (Path(folder) / "model.safetensors").unlink()
                torch.save(built.state_dict(), Path(folder) / "pytorch_model.bin")
            files = {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.is_file()}
        decoys = ("README.md", ".gitattributes", "tf_model.h5", "onnx/model.onnx", "original/consolidated.00.pth")
        return files | dict.fromkeys(decoys, b"no") | ({} if as_bin else {"pytorch_model.bin": b"no"})

    return make


def marian() -> dict[str, bytes]:
    """Marian has two SentencePiece models, one for each language; they are trained here."""
    import sentencepiece

    files = {}
    for side, text in (("source", SENTENCE), ("target", SENTENCE[::-1])):
        buffer = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter([text] * 20), model_writer=buffer, vocab_size=40, minloglevel=2, hard_vocab_limit=False
        )
        files[f"{side}.spm"] = buffer.getvalue()
    processor = sentencepiece.SentencePieceProcessor(model_proto=files["source.spm"])
    pieces = [processor.id_to_piece(n) for n in range(processor.get_piece_size())]
    vocabulary = {piece: n for n, piece in enumerate(dict.fromkeys(["</s>", "<unk>", *pieces, "<pad>"]))}

    class Pieces(list):
        def save_pretrained(self, folder):
            for name, content in files.items():
                (Path(folder) / name).write_bytes(content)
            (Path(folder) / "vocab.json").write_text(json.dumps(vocabulary))
            settings = {"source_lang": "en", "target_lang": "fr", "tokenizer_class": "MarianTokenizer"}
            (Path(folder) / "tokenizer_config.json").write_text(json.dumps(settings))

    last = len(vocabulary) - 1
    sizes = BART_SIZES | {"pad_token_id": last, "decoder_start_token_id": last, "bos_token_id": 0, "eos_token_id": 0}
    return model("MarianMTModel", "MarianConfig", sizes, lambda: Pieces(vocabulary), as_bin=True)()


BERT_SIZES = SMALL | {"max_position_embeddings": 64}
DISTILBERT_SIZES = {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32, "max_position_embeddings": 64}
BART_SIZES = {
    "d_model": 16,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 32,
    "max_position_embeddings": 64,
}
T5_SIZES = {
    "d_model": 16,
    "d_kv": 8,
    "d_ff": 32,
    "num_layers": 1,
    "num_heads": 2,
    "feed_forward_proj": "gated-gelu",
    "tie_word_embeddings": False,
    "decoder_start_token_id": 0,
}
LLAMA_SIZES = SMALL | {"num_key_value_heads": 1, "max_position_embeddings": 64}

roberta = functools.partial(bytes_pieces, "RobertaTokenizer", ROBERTA)
bart = functools.partial(bytes_pieces, "BartTokenizer", ROBERTA)
gpt2 = functools.partial(bytes_pieces, "GPT2Tokenizer", ["<|endoftext|>"])
qwen2 = functools.partial(bytes_pieces, "Qwen2Tokenizer", ["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
llama3 = functools.partial(whole_tokenizer, LLAMA)

MODELS = {
    "sentence-transformers/all-MiniLM-L6-v2": model("BertModel", "BertConfig", BERT_SIZES, word_pieces),
    "google-bert/bert-base-uncased": model("BertForPreTraining", "BertConfig", BERT_SIZES, word_pieces),
    "FacebookAI/roberta-base": model("RobertaForMaskedLM", "RobertaConfig", BERT_SIZES, roberta),
    "distilbert/distilbert-base-uncased": model("DistilBertForMaskedLM", "DistilBertConfig", DISTILBERT_SIZES, word_pieces),
    "distilbert/distilbert-base-uncased-finetuned-sst-2-english": model(
        "DistilBertForSequenceClassification",
        "DistilBertConfig",
        DISTILBERT_SIZES | {"id2label": {0: "NEGATIVE", 1: "POSITIVE"}, "label2id": {"NEGATIVE": 0, "POSITIVE": 1}},
        word_pieces,
    ),
    "dslim/bert-base-NER": model("BertForTokenClassification", "BertConfig", BERT_SIZES | {"num_labels": 9}, word_pieces),
    "deepset/roberta-base-squad2": model("RobertaForQuestionAnswering", "RobertaConfig", BERT_SIZES, roberta),
    "Helsinki-NLP/opus-mt-en-fr": marian,
    "facebook/bart-large-cnn": model("BartForConditionalGeneration", "BartConfig", BART_SIZES, bart),
    "sshleifer/distilbart-cnn-12-6": model("BartForConditionalGeneration", "BartConfig", BART_SIZES, bart, as_bin=True),
    "google/flan-t5-small": model("T5ForConditionalGeneration", "T5Config", T5_SIZES, unigrams),
    "google/flan-t5-base": model("T5ForConditionalGeneration", "T5Config", T5_SIZES, unigrams),
    "openai-community/gpt2": model(
        "GPT2LMHeadModel", "GPT2Config", {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64}, gpt2
    ),
    "HuggingFaceTB/SmolLM2-135M-Instruct": model("LlamaForCausalLM", "LlamaConfig", LLAMA_SIZES, gpt2),
    "Qwen/Qwen2.5-0.5B-Instruct": model("Qwen2ForCausalLM", "Qwen2Config", LLAMA_SIZES, qwen2),
    "meta-llama/Llama-3.1-8B-Instruct": model("LlamaForCausalLM", "LlamaConfig", LLAMA_SIZES, llama3, shards=True),
    "meta-llama/Llama-3.2-1B-Instruct": model("LlamaForCausalLM", "LlamaConfig", LLAMA_SIZES, llama3),
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B": model("Qwen2ForCausalLM", "Qwen2Config", LLAMA_SIZES, llama3),
}
