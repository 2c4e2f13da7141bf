"""A conversation as a prompt, and an answer taken apart: chat template, oldest turns left out, thinking told from the answer.

prompt            messages -> the text that the model reads, by the Jinja template of its file
fitted            the same with as many turns as the context holds
Splitter          pieces of a text -> (thinking, answer), also where a mark comes in two pieces
"""

from __future__ import annotations

from collections.abc import Callable

from utils.export.engine import EngineError, Facts

OPEN, CLOSE = "<think>", "</think>"


def prompt(known: Facts, messages: list[dict], think: bool | None = None) -> str:
    """The text that a model reads before it answers.

    think: False closes the thinking before it begins; else the model decides.
    Raises EngineError where the file has no template or the template refuses the messages.
    """
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    source = known.fields.get("tokenizer.chat_template")
    if not source:
        raise EngineError("this model's file has no chat template; ask it by /api/generate with raw")

    def refuse(message: str):
        raise jinja2.TemplateError(message)

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)  # a file's template is not trusted
    names = {place: token for token, place in known.tokens.items()}
    ends = {f"{what}_token": names.get(known.fields.get(f"tokenizer.ggml.{what}_token_id"), "") for what in ("bos", "eos")}
    try:
        template = environment.from_string(source)
        text = template.render(messages=messages, add_generation_prompt=True, raise_exception=refuse, **ends)
    except Exception as error:  # a template is a program: it may fail in any way
        raise EngineError(f"the model's chat template refuses these messages: {error}") from None
    return text + (OPEN + CLOSE if think is False and known.can_think else "")


def fitted(known: Facts, messages: list[dict], room: int, count: Callable[[str], int], think: bool | None = None) -> str:
    """The prompt with as many of the last messages as leave one of `room` tokens for the answer; system messages stay.

    count: text -> number of tokens. Raises EngineError where the last message alone is too long.
    """
    kept = list(messages)
    while True:
        text = prompt(known, kept, think)
        if (length := count(text)) < room:
            return text
        oldest = next((place for place, message in enumerate(kept[:-1]) if message["role"] != "system"), None)
        if oldest is None:
            raise EngineError(f"the input length exceeds the context length: {length} tokens, and num_ctx is {room}")
        del kept[oldest]


class Splitter:
    """Takes pieces as they come; gives (thinking, answer) of each. Thinking stands before the answer or nowhere."""

    def __init__(self):
        self._held = ""  # what may be the beginning of a mark, or blanks between two parts
        self._part = "before"

    def feed(self, piece: str) -> tuple[str, str]:
        """The thinking and the answer that have become certain with this piece."""
        self._held += piece
        thinking = answer = ""
        if self._part == "before":
            start = self._held.lstrip()
            if start.startswith(OPEN):
                self._part, self._held = "thinking", start[len(OPEN) :]
            elif not OPEN.startswith(start):
                self._part = "answer"
        if self._part == "thinking":
            thinking, mark, rest = self._held.partition(CLOSE)
            if mark:
                self._part, self._held = "between", rest
            else:
                certain = len(thinking) - _beginning(thinking)
                thinking, self._held = thinking[:certain], thinking[certain:]
        if self._part == "between" and (start := self._held.lstrip()):
            self._part, self._held = "answer", start
        if self._part == "answer":
            answer, self._held = self._held, ""
        return thinking, answer

    def end(self) -> tuple[str, str]:
        """What was held back when the text ended."""
        held, self._held = self._held, ""
        return (held, "") if self._part == "thinking" else ("", held if self._part == "before" else "")


def _beginning(text: str) -> int:
    """How many characters at the end of a text may begin the mark that closes the thinking."""
    return next((size for size in range(min(len(text), len(CLOSE) - 1), 0, -1) if CLOSE.startswith(text[-size:])), 0)
