"""Tokenizers of the small models, trained on a sample of what they read, in Transformers' own files.

The causal models and `t5-mini` have the course's byte-level BPE (`utils.tokenization`), `bert-mini` has WordPiece, as
BERT has (trained with `tokenizers`).
"""

from __future__ import annotations

import functools
import json
import tempfile
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from random import Random

from utils.small_models import texts
from utils.tokenization import BytePairTokenizer
from utils.worlds import programs

PADDING = "<|pad|>"
THINKING = ("<think>", "</think>")
CHAT_TOKENS = (texts.END_OF_TEXT, PADDING, texts.USER, texts.ASSISTANT, texts.END_OF_TURN, *THINKING)
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] not in ('user', 'assistant') %}"
    "{{ raise_exception('This model knows the roles user and assistant only.') }}{% endif %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def sample(parts: dict[str, int], seed: int = 0) -> list[str]:
    """Training texts for a tokenizer: for each kind of text about so many characters."""
    rng = Random(f"sample {seed}")
    drawn = {
        "stories": lambda: texts.story(rng, "train").english,
        "french": lambda: texts.story(rng, "train").french,
        "written": lambda: rng.choice(texts.written_texts("train")),
        "written_french": lambda: rng.choice(texts.written("translations", "train"))["translation"]["fr"],
        "documentation": lambda: rng.choice(texts.documentation("train")),
        "programs": lambda: "\n".join(attrgetter("python", "javascript")(programs.write(f"train {rng.getrandbits(60)}"))),
    }
    found = []
    for kind, characters in parts.items():
        while characters > 0:
            found.append(drawn[kind]())
            characters -= len(found[-1])
    return found


def byte_pairs(parts: dict[str, int], vocabulary_size: int):
    """The course's byte-level BPE as a tokenizer of Transformers, with the tokens of a conversation."""
    from transformers import PreTrainedTokenizerFast

    trained = BytePairTokenizer.train(sample(parts), vocabulary_size, CHAT_TOKENS, pattern="digits")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "tokenizer.json")
        trained.to_tokenizers_json(file)
        content = json.loads(file.read_text(encoding="utf-8"))
        for token in content["added_tokens"]:  # what a model thinks is text: decoding without special tokens keeps it
            token["special"] = token["content"] not in THINKING
        file.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
        tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(file), eos_token=texts.END_OF_TEXT, pad_token=PADDING)
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def with_end(tokenizer):
    """The same tokenizer for an encoder-decoder: it ends each text with the end-of-text token, as T5's does."""
    from tokenizers.processors import TemplateProcessing

    end = tokenizer.eos_token
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"$A {end}", pair=f"$A {end} $B {end}", special_tokens=[(end, tokenizer.eos_token_id)]
    )
    tokenizer.chat_template = None
    return tokenizer


def word_pieces(parts: dict[str, int], vocabulary_size: int):
    """A WordPiece tokenizer like BERT's: lower case, no accents, pieces inside a word begin with ##."""
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertTokenizerFast

    trained = BertWordPieceTokenizer(lowercase=True)
    trained.train_from_iterator(sample(parts), vocab_size=vocabulary_size, min_frequency=2, show_progress=False)
    return BertTokenizerFast(tokenizer_object=trained._tokenizer, do_lower_case=True)


@functools.lru_cache(maxsize=8)
def encoder_of(tokenizer) -> Callable[[str], list[int]]:
    """Text -> ids, without the tokens that a tokenizer puts around a text.

    A tokenizer has one such function, so that a cache with the function as its key (`texts`) finds what it holds.
    """
    backend = tokenizer.backend_tokenizer
    return lambda text: backend.encode(text, add_special_tokens=False).ids
