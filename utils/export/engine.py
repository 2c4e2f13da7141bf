"""llama.cpp by xllamacpp: a GGUF file loaded, its tokens, what it writes piece by piece, its log-probabilities.

    Engine            a loaded file: tokens, write, log_probabilities; use it as a context manager
    facts             what a GGUF file says of itself without being loaded

The engine computes alone: one request after the other, each from nothing (no cache from an earlier one), so that an answer
depends on its own request only.
"""

from __future__ import annotations

import functools
import gc
import json
import os
import secrets
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from utils.io import CommandError, setting

ROUNDED = 256  # tokens, the steps in which llama.cpp makes room for a context
FASTEST = 4  # threads; more help small models little
SMALL = 20_000_000  # weights; below that, threads wait for each other longer than they compute


class EngineError(CommandError, ValueError):
    """The engine refuses a file or a request; the message is its reason."""


class Facts(NamedTuple):
    """The head of a GGUF file. `fields` has all of it but the long lists of tokens and merges."""

    fields: dict
    architecture: str
    context_length: int
    parameters: int
    kind: str  # F16, Q8_0 ...
    tokens: dict[str, int]  # the special ones: control and user-defined

    @property
    def can_think(self) -> bool:
        """Whether its vocabulary marks thinking, with tokens that are shown."""
        return {"<think>", "</think>"} <= self.tokens.keys()


@functools.lru_cache(maxsize=16)
def _facts(path: str, _changed: float) -> Facts:
    import gguf

    try:
        reader = gguf.GGUFReader(path)
    except Exception as error:  # the reader checks little: a damaged file ends in any error of NumPy's
        raise EngineError(f"{Path(path).name} is no GGUF file ({type(error).__name__}: {error}).") from None
    fields = {name: field.contents() for name, field in reader.fields.items() if len(field.data) < 100}
    names, types = (reader.fields.get(f"tokenizer.ggml.{what}") for what in ("tokens", "token_type"))
    shown = {}
    if names and types:
        special = (int(gguf.TokenType.CONTROL), int(gguf.TokenType.USER_DEFINED))
        kinds = [int(types.parts[place][0]) for place in types.data]
        shown = {names.contents(place): place for place, kind in enumerate(kinds) if kind in special}
    architecture = fields.get("general.architecture", "")
    try:
        kind = gguf.LlamaFileType(fields.get("general.file_type")).name.removeprefix("MOSTLY_").removeprefix("ALL_")
    except ValueError:
        kind = "unknown"
    return Facts(
        fields,
        architecture,
        int(fields.get(f"{architecture}.context_length", 0)),
        sum(int(tensor.n_elements) for tensor in reader.tensors if tensor.name != "rope_freqs.weight"),
        kind,
        shown,
    )


def facts(path: Path) -> Facts:
    """What the file says of itself. Raises EngineError where it is no GGUF file."""
    path = Path(path)
    if not path.is_file():
        raise EngineError(f"There is no file {path}.")
    return _facts(str(path), path.stat().st_mtime)


class Written(NamedTuple):
    """How a text ended, and what it took. Durations in nanoseconds, as Ollama counts them."""

    reason: str  # "stop", or "length" where the limit or the context's end came first
    read: int  # tokens of the prompt
    reading: int
    written: int  # tokens
    writing: int
    tokens: list[int]


def _threads_for(known: Facts) -> int:
    return 1 if known.parameters < SMALL else min(os.cpu_count() or 1, FASTEST)


class Engine:
    """A GGUF file, loaded. Not safe for two threads at once: whoever shares one lets them wait.

    context: the most tokens of a prompt and its answer together; at most what the model was made for.
    threads: of the CPU; None for COURSE_THREADS, or as many as there are cores, up to four, and one for a very small model.
    """

    def __init__(self, path: Path, context: int = 4096, threads: int | None = None):
        import xllamacpp

        self.facts = facts(path)
        self.context = min(context, self.facts.context_length or context)
        self._key = secrets.token_hex(16)  # of the engine's own port, which nobody else is meant to use
        threads = threads or int(setting("COURSE_THREADS") or _threads_for(self.facts))
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        # llama.cpp rounds up to a multiple of 256, and ends the whole process at 1: `write` keeps to the context itself
        params.n_ctx, params.n_parallel, params.n_gpu_layers = max(self.context, ROUNDED), 1, 0
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        if self.facts.kind == "F32":  # as exact as the weights; else keys and values are kept in 16 bits
            params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
            params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
        params.warmup, params.fit_params, params.ui, params.endpoint_slots = False, False, False, False
        params.verbosity, params.cache_ram_mib, params.n_threads_http = -1, 0, 2
        params.hostnames, params.port, params.api_keys = ["127.0.0.1"], 0, [self._key]
        try:
            self._server = xllamacpp.Server(params)
        except Exception as error:
            raise EngineError(f"llama.cpp cannot load {Path(path).name} ({error}).") from None
        # a token, so that its threads run: one that is closed before they do waits for ever (xllamacpp 2026.10)
        self._server.handle_completions({"prompt": [0], "max_tokens": 1})

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Frees the model."""
        self._server = None
        gc.collect()

    def tokens(self, text: str, special: bool = True) -> list[int]:
        """The ids of a text, special tokens in it recognised, with the first one that the file asks for (add_bos)."""
        return self._ask("/tokenize", {"content": text, "parse_special": special, "add_special": True})["tokens"]

    def write(self, prompt: str | list[int], show: Callable[[str], bool | None] = lambda piece: None, **options) -> Written:
        """Goes on with a prompt; `show` gets each piece of text and ends the writing by returning True.

        options: llama.cpp's own (temperature, top_k, top_p, min_p, seed, n_predict, stop, json_schema ...); greedy where
        no temperature is given.
        Raises EngineError where the prompt leaves no room in the context, or the engine refuses the request.
        """
        given = self.tokens(prompt) if isinstance(prompt, str) else prompt
        room = self.context - len(given)
        if room < 1:
            raise EngineError(
                f"the input length exceeds the context length: {len(given)} tokens, and num_ctx is {self.context}"
            )
        wanted = options.get("n_predict", -1)
        limits = {"n_predict": room if wanted < 0 else min(wanted, room), "cache_prompt": False}
        request = {"temperature": 0.0, **options, **limits, "prompt": given}
        request |= {"stream": True, "return_tokens": True, "verbose": True}
        last, failure, ids = {}, [], []

        def hear(chunk: dict) -> bool:
            if "error" in chunk:
                failure.append(chunk["error"]["message"])
                return True
            last.update(chunk)
            choice = chunk["choices"][0]
            ids.extend(chunk.get("__verbose", {}).get("tokens", []) if choice["finish_reason"] is None else [])
            return bool(show(choice["text"]) if choice["text"] else False)

        self._server.handle_completions(request, hear)
        if failure:
            raise EngineError(failure[0])
        taken, usage = last.get("timings", {}), last.get("usage", {})
        return Written(
            last["choices"][0]["finish_reason"] or "stop",
            usage.get("prompt_tokens", 0),
            int(1e6 * taken.get("prompt_ms", 0)),
            usage.get("completion_tokens", len(ids)),
            int(1e6 * taken.get("predicted_ms", 0)),
            ids,
        )

    def log_probabilities(self, ids: list[int]) -> list[float]:
        """Of each token of the vocabulary to come next, natural logarithm (V,)."""
        request = {"prompt": ids, "n_predict": 1, "temperature": 0.0, "n_probs": 1 << 20, "cache_prompt": False}
        found = self._ask("/completion", request)["completion_probabilities"][0]["top_logprobs"]
        by_id = {entry["id"]: entry["logprob"] for entry in found}
        return [by_id.get(place, float("-inf")) for place in range(max(by_id) + 1)]

    def _ask(self, path: str, request: dict) -> dict:
        """The engine's own port, which has more than its functions do."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"}
        asked = urllib.request.Request(self._server.listening_address + path, json.dumps(request).encode(), headers)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never by a proxy
        try:
            with opener.open(asked, timeout=600) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise EngineError(json.load(error)["error"]["message"]) from None
