"""What a client of the server asks for: JSON read and checked, in Ollama's form and in OpenAI's.

    Refusal           an answer other than 200: status and sentence
    body              bytes -> a JSON object
    Request           what a model is to write: messages or a prompt, options, think, format
    read_chat, read_generate, read_openai   a body -> Request

Ollama's defaults: temperature 0.8, top_k 40, top_p 0.9, no penalty, num_ctx 4096, as many tokens as the context holds.
Options that steer a GPU or memory (num_gpu, num_thread ...) are accepted and have no effect.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

CONTEXT = 4096
KEPT = 300.0  # seconds that a model stays loaded after its last answer
DEFAULTS = {"temperature": 0.8, "top_k": 40, "top_p": 0.9, "min_p": 0.0, "repeat_penalty": 1.0}
OPTIONS = {  # Ollama's name -> its type and llama.cpp's name
    "temperature": (float, "temperature"),
    "top_k": (int, "top_k"),
    "top_p": (float, "top_p"),
    "min_p": (float, "min_p"),
    "seed": (int, "seed"),
    "num_predict": (int, "n_predict"),
    "num_ctx": (int, None),
    "repeat_penalty": (float, "repeat_penalty"),
    "repeat_last_n": (int, "repeat_last_n"),
    "presence_penalty": (float, "presence_penalty"),
    "frequency_penalty": (float, "frequency_penalty"),
    "stop": (list, "stop"),
}
# One blank after a colon and a comma, as most JSON that a model has read. Left free, a small model writes blanks without end;
# without any, it has to write tokens that it has hardly met, and gets the content wrong (lesson 25).
BLANKS = {"whitespace_flexible": False, "key_separator": ": ", "item_separator": ", "}
ROLES = ("system", "user", "assistant", "tool")
UNITS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
LARGEST = 2**31 - 1


class Refusal(Exception):
    """An answer other than 200: `status` and a sentence."""

    def __init__(self, status: int, sentence: str):
        super().__init__(sentence)
        self.status = status


@dataclass
class Request:
    """What a model is to write. Exactly one of messages and text is given."""

    model: str
    messages: list[dict] | None = None
    text: str | None = None
    sampling: dict = field(default_factory=dict)  # by llama.cpp's names
    context: int = CONTEXT
    think: bool | None = None
    streams: bool = True
    kept: float = KEPT
    formatted: bool = False


def body(content: bytes) -> dict:
    """The JSON object that was sent. Raises Refusal (400) with the reason."""
    if not content.strip():
        raise Refusal(400, "missing request body")
    try:
        found = json.loads(content, parse_constant=_no_number)
        json.dumps(found, ensure_ascii=False).encode()  # a lone surrogate is no text
    except UnicodeError:
        raise Refusal(400, "the request is no text in UTF-8") from None
    except RecursionError:
        raise Refusal(400, "the request is nested too deeply") from None
    except ValueError as error:
        raise Refusal(400, f"the request is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise Refusal(400, f"the request has to be a JSON object, not {_kind(found)}")
    return found


def _no_number(name: str):
    raise ValueError(f"{name} is no number of JSON")


def _kind(value) -> str:
    kinds = {dict: "an object", list: "an array", str: "a string", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")


def take(asked: dict, name: str, kind: type, default: Any = None):
    """A field of the request, null like absent. Raises Refusal (400) where it has another type."""
    value = asked.get(name)
    if value is None:
        return default
    number = kind in (int, float) and isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and (kind is float or float(value).is_integer()) and abs(value) <= 1e15:
        return kind(value)
    if kind in (int, float) or not isinstance(value, kind):
        called = {
            int: "an integer",
            float: "a number",
            str: "a string",
            list: "an array",
            dict: "an object",
            bool: "true or false",
        }
        raise Refusal(400, f"{name} has to be {called[kind]}, not {value!r}"[:300])
    return value


def model_name(asked: dict) -> str:
    """The model that is asked for; older clients call the field `name`. Raises Refusal (400) where it is missing."""
    name = take(asked, "model", str) or take(asked, "name", str)
    if not name:
        raise Refusal(400, "model is required")
    return name


def read_chat(asked: dict) -> Request:
    """A body of /api/chat. Raises Refusal."""
    name = model_name(asked)
    if take(asked, "tools", list):
        raise Refusal(400, f"{name} does not support tools")
    return Request(name, messages=messages(asked), **_common(asked, take(asked, "options", dict, {})))


def read_generate(asked: dict) -> Request:
    """A body of /api/generate: the prompt is a user's message, or with `raw` the text as it is. Raises Refusal."""
    name = model_name(asked)
    if take(asked, "suffix", str):
        raise Refusal(400, f"{name} does not support insert")
    if take(asked, "images", list):
        raise Refusal(400, f"{name} does not support images")
    for absent in ("template", "context"):
        if asked.get(absent):
            raise Refusal(400, f"{absent} is not supported by the course's server; send the whole prompt with raw instead")
    text, system = take(asked, "prompt", str, ""), take(asked, "system", str)
    common = _common(asked, take(asked, "options", dict, {}))
    if not text:
        return Request(name, messages=[], **common)
    if take(asked, "raw", bool, False):
        return Request(name, text=text, **common)
    turns = [{"role": "system", "content": system}] if system else []
    return Request(name, messages=[*turns, {"role": "user", "content": text}], **common)


def read_openai(asked: dict) -> Request:
    """A body of /v1/chat/completions. Raises Refusal."""
    name = model_name(asked)
    if take(asked, "tools", list):
        raise Refusal(400, f"{name} does not support tools")
    if take(asked, "n", int, 1) != 1:
        raise Refusal(400, "n has to be 1: the course's server writes one answer")
    turns = messages(asked)
    if not turns:
        raise Refusal(400, "messages must not be empty")
    limit = take(asked, "max_completion_tokens", int) or take(asked, "max_tokens", int)
    same = ("temperature", "top_p", "seed", "stop", "presence_penalty", "frequency_penalty")
    options = {"temperature": 1.0, "top_p": 1.0} | {key: asked[key] for key in same if asked.get(key) is not None}
    if limit is not None:
        options["num_predict"] = limit
    wanted = take(asked, "response_format", dict, {})
    form = {"json_object": "json", "json_schema": (wanted.get("json_schema") or {}).get("schema")}.get(wanted.get("type"))
    think = False if asked.get("reasoning_effort") == "none" else None
    ours = {"stream": take(asked, "stream", bool, False), "format": form, "think": think}
    return Request(name, messages=turns, **_common(ours, options))


def messages(asked: dict) -> list[dict]:
    """The turns, each with a role and a text. Raises Refusal (400)."""
    turns = []
    for place, turn in enumerate(take(asked, "messages", list, [])):
        if not isinstance(turn, dict) or turn.get("role") not in ROLES:
            raise Refusal(400, f"messages[{place}] needs a role: one of {', '.join(ROLES)}")
        if turn.get("images"):
            raise Refusal(400, "images are not supported: the models here read text")
        content = turn.get("content") or ""
        if isinstance(content, list):  # OpenAI's parts
            if not all(isinstance(part, dict) and isinstance(part.get("text"), str) for part in content):
                raise Refusal(400, f"messages[{place}].content has parts that are no text")
            content = "".join(part["text"] for part in content)
        if not isinstance(content, str):
            raise Refusal(400, f"messages[{place}].content has to be a string, not {_kind(content)}")
        turns.append({"role": turn["role"], "content": content})
    return turns


def _common(asked: dict, options: dict) -> dict:
    think = asked.get("think")
    if isinstance(think, str):
        raise Refusal(400, f'think value "{think[:20]}" is not supported for this model')
    schema = _schema(asked.get("format"))
    sampling = DEFAULTS | {OPTIONS[name][1]: value for name, value in _options(options).items() if OPTIONS[name][1]}
    return {
        "sampling": sampling | ({"json_schema": schema} if schema is not None else {}),
        "context": _options(options).get("num_ctx", CONTEXT),
        "think": take(asked, "think", bool),
        "streams": take(asked, "stream", bool, True),
        "kept": _seconds(asked.get("keep_alive")),
        "formatted": schema is not None,
    }


def _options(given: dict) -> dict:
    """The options that have an effect, in their types. Raises Refusal (400)."""
    found = {}
    for name, (kind, _) in OPTIONS.items():
        value = given.get(name)
        if name == "stop" and isinstance(value, str):
            value = [value]
        value = take({name: value}, name, kind)
        if value is not None:
            found[name] = value
    if found.get("num_ctx", 1) < 1:
        raise Refusal(400, f"num_ctx has to be 1 at least, not {found['num_ctx']}")
    if not all(isinstance(text, str) and text for text in found.get("stop", [])):
        raise Refusal(400, "stop has to be an array of texts that are not empty")
    if "seed" in found:
        found["seed"] = -1 if found["seed"] < 0 else found["seed"] % 2**32
    for name in ("top_k", "num_predict", "num_ctx", "repeat_last_n"):
        if name in found:
            found[name] = max(-1, min(found[name], LARGEST))
    return found


def _schema(form) -> dict | None:
    """The JSON schema of `format`, with BLANKS; a schema's own "x-guidance" comes before them."""
    if form in (None, ""):
        return None
    if form == "json":
        form = {"type": "object"}
    if not isinstance(form, dict):
        raise Refusal(400, f'format has to be "json" or a JSON schema, not {_kind(form)}')
    _check_schema(form)
    return {"x-guidance": BLANKS, **form}


def _check_schema(schema: dict) -> None:
    """Raises Refusal (400) where it is no schema: the engine would write without any form, and say nothing."""
    import jsonschema

    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise Refusal(400, f"format is no JSON schema: {error.message}"[:300]) from None
    inside = [schema]
    while inside:
        part = inside.pop()
        inside += part.values() if isinstance(part, dict) else part if isinstance(part, list) else []
        if isinstance(part, dict):
            _check_reference(schema, part.get("$ref"))


def _check_reference(schema: dict, reference) -> None:
    if not isinstance(reference, str):
        return
    found = schema
    for name in reference.removeprefix("#").strip("/").split("/") if reference != "#" else []:
        found = found.get(name.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
    if not reference.startswith("#") or found is None:
        raise Refusal(400, f"format refers to {reference!r}, which it has not"[:300])


def _seconds(kept) -> float:
    """`keep_alive`: seconds, or "5m"; below zero for ever. Raises Refusal (400)."""
    if kept is None:
        return KEPT
    if isinstance(kept, str) and (parts := re.fullmatch(r"(-?)((?:\d+(?:\.\d+)?(?:ms|s|m|h))+|\d+(?:\.\d+)?)", kept.strip())):
        every = re.findall(r"([\d.]+)(ms|s|m|h)", parts[2])
        kept = sum(float(count) * UNITS[unit] for count, unit in every) if every else float(parts[2])
        kept = -kept if parts[1] else kept
    if isinstance(kept, bool) or not isinstance(kept, (int, float)):
        raise Refusal(400, f'keep_alive has to be seconds or a time such as "5m", not {kept!r}'[:200])
    return float("inf") if kept < 0 else min(float(kept), 1e9)
