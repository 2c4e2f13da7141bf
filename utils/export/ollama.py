"""Ollama: its Modelfile written and read, and whether one runs on this machine. Standard library only.

    Modelfile         FROM, TEMPLATE, PARAMETER and SYSTEM; str() writes it, Modelfile.parse reads it
    modelfile_for     the Modelfile of a GGUF file of the course: its template in Ollama's language, where answers end
    find              the server that answers where OLLAMA_HOST says, or on Ollama's own port of this machine

Ollama's TEMPLATE is one of Go's (https://pkg.go.dev/text/template), not the Jinja template in the GGUF file. From a template
that shows .Thinking between two marks Ollama learns how a model marks its thinking, and gives it apart from the answer.
Source: https://docs.ollama.com/modelfile
"""

from __future__ import annotations

import json
import os
import re
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from utils.export.engine import facts

PORT = 11434
COURSE_VERSION = "0.0.0-course"  # what the course's own server calls itself
PARAMETERS = {  # of a Modelfile and of a request's options -> their type
    "num_ctx": int,
    "num_predict": int,
    "seed": int,
    "top_k": int,
    "repeat_last_n": int,
    "temperature": float,
    "top_p": float,
    "min_p": float,
    "repeat_penalty": float,
    "stop": list,
}
CLOSED = "{{ if and .IsThinkSet (not .Think) }}<think></think>{{ end }}"  # where a request says think: false
THINKING = "{{ if .Thinking }}<think>{{ .Thinking }}</think>{{ end }}"
TEMPLATES = {  # the token with which a turn begins -> the template in Ollama's language
    "<|im_start|>": "{{ range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n",
    "<|assistant|>": "{{ range .Messages }}<|{{ .Role }}|>" + THINKING + "{{ .Content }}<|end|>{{ end }}<|assistant|>" + CLOSED,
}
ENDS = {"<|im_start|>": "<|im_end|>", "<|assistant|>": "<|end|>"}


@dataclass(frozen=True)
class Modelfile:
    """What `ollama create NAME -f Modelfile` reads.

    source: FROM, a GGUF file beside it ("./model.gguf") or the name of a model. parameters: name -> value; `stop` is a list.
    """

    source: str
    template: str = ""
    parameters: dict = field(default_factory=dict)
    system: str = ""

    def __post_init__(self):
        if not self.source.strip() or self.source != self.source.strip() or re.search(r"[\r\n]", self.source):
            raise ValueError(f"FROM needs a file or the name of a model in one line, not {self.source!r}.")
        for name, value in self.parameters.items():
            _check(name, value)

    def __str__(self) -> str:
        lines = [f"FROM {self.source}"]
        if self.template:
            lines.append(f"TEMPLATE {_quoted(self.template)}")
        for name, value in self.parameters.items():
            every = value if isinstance(value, list) else [value]
            lines += [f"PARAMETER {name} {_quoted(item) if isinstance(item, str) else item}" for item in every]
        if self.system:
            lines.append(f"SYSTEM {_quoted(self.system)}")
        return "\n".join(lines) + "\n"

    @classmethod
    def parse(cls, text: str) -> Modelfile:
        """Reads a Modelfile. Raises ValueError, which names the line, for what is none or has other instructions."""
        found, parameters = {}, {}
        for number, instruction, value in _instructions(text):
            name, _, rest = value.partition(" ")
            if instruction == "PARAMETER":
                name = name.lower()
                item = _typed(name, _unquoted(rest.strip()), number)
                parameters[name] = [*parameters.get(name, []), item] if PARAMETERS[name] is list else item
            elif instruction in ("FROM", "TEMPLATE", "SYSTEM"):
                found[instruction] = _unquoted(value)
            else:
                raise ValueError(f"Line {number}: {instruction} is not known here, only FROM, TEMPLATE, PARAMETER and SYSTEM.")
        if "FROM" not in found:
            raise ValueError("There is no FROM line, which says what the model is made from.")
        return cls(found["FROM"], found.get("TEMPLATE", ""), parameters, found.get("SYSTEM", ""))


def _check(name: str, value) -> None:
    kind = PARAMETERS.get(name)
    right = {int: int, float: (int, float), list: list, None: ()}[kind]
    if kind is None:
        raise ValueError(f"PARAMETER {name} is not known here. There are {', '.join(PARAMETERS)}.")
    if isinstance(value, bool) or not isinstance(value, right) or value == []:
        raise ValueError(f"PARAMETER {name} has to be {'a list of texts' if kind is list else kind.__name__}, not {value!r}.")
    if kind is list and not all(isinstance(item, str) and item for item in value):
        raise ValueError(f"PARAMETER {name} has to be a list of texts, not {value!r}.")


def _quoted(text: str) -> str:
    """In Ollama's quotes. There is no escape in a Modelfile."""
    if '"""' in text:
        raise ValueError('Three quotation marks (""") end a text in a Modelfile: it cannot hold them.')
    return f'"""{text}"""' if re.search(r'["\r\n]', text) else f'"{text}"'


def _unquoted(text: str) -> str | None:
    """The text without its quotes; None where they do not close (yet)."""
    for mark in ('"""', '"'):
        if text.startswith(mark):
            return text[len(mark) : -len(mark)] if len(text) >= 2 * len(mark) and text.endswith(mark) else None
    return text


def _instructions(text: str):
    """(line number, INSTRUCTION, its argument with quotes) of a Modelfile; an argument in quotes may have many lines."""
    begun, number = None, 0
    for line in re.findall(r"[^\r\n]*(?:\r\n|\r|\n|\Z)", text):
        number += 1
        if begun is None:
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            instruction, _, argument = line.strip().partition(" ")
            begun = number, instruction.upper(), line.lstrip()[len(instruction) :].lstrip(" ")
        else:
            begun = begun[0], begun[1], begun[2] + line
        first, instruction, argument = begun
        name, _, value = argument.partition(" ") if instruction == "PARAMETER" else ("", "", argument)
        if _unquoted(value.strip()) is not None:
            yield first, instruction, argument.strip()
            begun = None
    if begun:
        raise ValueError(f"Line {begun[0]}: the quotation marks after {begun[1]} are not closed.")


def _typed(name: str, text: str, line: int):
    if name not in PARAMETERS:
        raise ValueError(f"Line {line}: PARAMETER {name} is not known here. There are {', '.join(PARAMETERS)}.")
    try:
        return text if PARAMETERS[name] is list else PARAMETERS[name](text)
    except ValueError:
        raise ValueError(f"Line {line}: PARAMETER {name} has to be {PARAMETERS[name].__name__}, not {text!r}.") from None


def modelfile_for(path: Path, system: str = "") -> Modelfile:
    """The Modelfile of a GGUF file that lies beside it.

    Raises ValueError where the file's tokens are of no conversation that is known here: write the TEMPLATE by hand then.
    """
    known = facts(path)
    begins = next((token for token in TEMPLATES if token in known.tokens), None)
    if begins is None:
        raise ValueError(f"{Path(path).name} has none of the tokens {', '.join(TEMPLATES)}: write its TEMPLATE by hand.")
    parameters = {"num_ctx": min(4096, known.context_length or 4096), "stop": [ENDS[begins]]}
    return Modelfile(f"./{Path(path).name}", TEMPLATES[begins], parameters, system)


# ----------------------------------------------------------------------------------------------------------------------
# A running Ollama
# ----------------------------------------------------------------------------------------------------------------------


class Found(NamedTuple):
    """A server that speaks Ollama's interface."""

    address: str
    version: str

    @property
    def is_real(self) -> bool:
        """Whether it is Ollama itself and not the course's own server."""
        return self.version != COURSE_VERSION


def address(host: str | None = None) -> str:
    """Where Ollama is to be looked for: OLLAMA_HOST (or `host`), read as Ollama reads it.

    Without a port 11434; 0.0.0.0, on which a server listens everywhere, is 127.0.0.1 for one who asks.
    Raises ValueError where it is no address.
    """
    given = (os.environ.get("OLLAMA_HOST", "") if host is None else host).strip().strip("\"'")
    scheme, found, rest = given.rpartition("://")
    parts = urllib.parse.urlsplit(f"//{rest}")
    name = parts.hostname or "127.0.0.1"
    port = parts.port or ({"http": 80, "https": 443}[scheme] if scheme in ("http", "https") and parts.hostname else PORT)
    if found and scheme not in ("http", "https"):
        raise ValueError(f"OLLAMA_HOST is {given!r}: an address begins with http:// or https://.")
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(name, name)
    return f"{scheme or 'http'}://{f'[{name}]' if ':' in name else name}:{port}{parts.path.rstrip('/')}"


def find(seconds: float = 2.0, host: str | None = None) -> Found | None:
    """The server at `address`, if one answers there as Ollama does; it is asked directly, never by a proxy."""
    try:
        where = address(host)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{where}/api/version", timeout=seconds) as answer:
            version = json.loads(answer.read(1000)).get("version")
    except (OSError, ValueError, AttributeError):  # nobody there, another kind of server, no address
        return None
    return Found(where, version) if isinstance(version, str) and version else None
