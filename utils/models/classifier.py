"""A text classifier from scratch: the encoder, one vector for the whole text, a score for each class.

    ClassifierConfig    the sizes and the choices
    Classifier          ids (B, T) -> scores (B, K)
    TextClassifier      classifier, tokenizer, names of the classes and temperature: from text to an answer; save and load

The text's vector is the mean of its tokens' vectors, or the first token's, as in BERT (Devlin et al. 2019, arXiv 1810.04805).
Word dropout, which masks whole tokens in training, is that of Iyyer et al. 2015 (Deep Averaging Networks, ACL P15-1162).
"""

import dataclasses
import json
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from utils.io import whole_file
from utils.layers import Embedding, LayerNorm, SinusoidalPositions, initialize
from utils.models.transformer import Block, Config
from utils.positions import LearnedPositions
from utils.tokenization import BytePairTokenizer

PAD, FIRST, MASK = 0, 1, 2  # the ids of the special tokens
SPECIAL_TOKENS = ("<pad>", "<first>", "<mask>")
MOST_CHARACTERS = 20_000  # of a text that is answered; what is beyond the model's length is cut anyway
FILES = ("config.json", "model.safetensors", "tokenizer.json")


@dataclasses.dataclass(frozen=True)
class ClassifierConfig:
    """The sizes and the choices. Raises ValueError for another pooling or another kind of positions."""

    # V
    vocabulary_size: int
    # K
    classes: int = 2
    # C, the size of the vectors
    width: int = 64
    # H
    heads: int = 2
    # the feed-forward's inner width
    hidden: int = 128
    # N; 0 for a bag of words
    layers: int = 1
    # of embeddings and in the blocks
    dropout: float = 0.3
    # the share of tokens that are masked in training
    word_dropout: float = 0.3
    # "learned", "sinusoidal" or "none"
    positions: str = "learned"
    # "mean" of the tokens' vectors, or the "first" token's
    pooling: str = "mean"
    # tokens of a text that are read
    longest: int = 128

    def __post_init__(self):
        for name, allowed in (("pooling", ("mean", "first")), ("positions", ("learned", "sinusoidal", "none"))):
            if getattr(self, name) not in allowed:
                raise ValueError(f"There is no {name} {getattr(self, name)!r} here. Choose one of {', '.join(allowed)}.")


class Classifier(nn.Module):
    """ids (B, T), filled up with PAD -> scores (B, K), before the softmax."""

    def __init__(self, config: ClassifierConfig):
        super().__init__()
        self.config = config
        positions = {
            "learned": lambda: LearnedPositions(config.longest, config.width),
            "sinusoidal": lambda: SinusoidalPositions(config.width),
            "none": lambda: None,
        }[config.positions]()
        sizes = Config(config.width, config.heads, config.hidden, config.layers, config.dropout)
        self.embedding = Embedding(config.vocabulary_size, config.width, positions, config.dropout)
        self.blocks = nn.ModuleList(Block(sizes) for _ in range(config.layers))
        self.norm = LayerNorm(config.width)
        self.head = nn.Linear(config.width, config.classes)
        initialize(self)

    def forward(self, ids: Tensor) -> Tensor:
        if self.training and self.config.word_dropout:
            chosen = torch.rand(ids.shape, device=ids.device) < self.config.word_dropout
            ids = ids.masked_fill(chosen & (ids > MASK), MASK)
        return self.from_vectors(self.embedding(ids), ids != PAD)

    def from_vectors(self, x: Tensor, present: Tensor) -> Tensor:
        """Embedded tokens (B, T, C) and where there is one, boolean (B, T) -> scores (B, K)."""
        for block in self.blocks:
            x = block(x, mask=present[:, None, None, :])
        x = self.norm(x)
        if self.config.pooling == "first":
            return self.head(x[:, 0])
        weights = present[..., None].to(x.dtype)  # (B, T, 1)
        return self.head((x * weights).sum(1) / weights.sum(1))  # (B, T, C) -> (B, C) -> (B, K)


def to_batch(rows: Sequence[Sequence[int]]) -> Tensor:
    """Lists of ids -> (B, T), short rows filled up with PAD."""
    return nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=PAD)


class TextClassifier:
    """From text to probabilities. labels: the classes' names. temperature: what the scores are divided by."""

    def __init__(self, model: Classifier, tokenizer: BytePairTokenizer, labels: Sequence[str], temperature: float = 1.0):
        self.model, self.tokenizer, self.labels, self.temperature = model.eval(), tokenizer, list(labels), temperature

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids that the model reads of each text: FIRST, then the text's tokens, cut at `longest`."""
        return [[FIRST, *ids][: self.model.config.longest] for ids in self.tokenizer.encode_batch(texts)]

    @torch.no_grad()
    def scores(self, texts: Sequence[str], batch_size: int = 64) -> Tensor:
        """(N, K), before temperature and softmax, on the CPU. Texts of like length go together: less filling."""
        rows = self.ids(texts)
        order = sorted(range(len(rows)), key=lambda k: len(rows[k]))
        device, found = next(self.model.parameters()).device, torch.zeros(len(rows), len(self.labels))
        for at in range(0, len(order), batch_size):
            part = order[at : at + batch_size]
            found[part] = self.model(to_batch([rows[k] for k in part]).to(device)).float().cpu()
        return found

    def probabilities(self, texts: Sequence[str]) -> Tensor:
        """(N, K); each row adds up to 1."""
        return (self.scores(texts) / self.temperature).softmax(-1)

    def answer(self, text: str) -> str:
        """One line on a text that anyone may have typed: the class and how sure, or why there is no answer."""
        if problem := unreadable(text):
            return problem
        text, cut = text[:MOST_CHARACTERS], len(text) > MOST_CHARACTERS
        probabilities = self.probabilities([text])[0]
        best = int(probabilities.argmax())
        count = len(self.tokenizer.encode(text))
        longest = self.model.config.longest - 1
        note = f" (only the first {longest} tokens were read)" if cut or count > longest else ""
        return f"{self.labels[best]}, {probabilities[best]:.0%} sure{note}"

    def save(self, folder: str | Path) -> None:
        """Writes config.json, model.safetensors and tokenizer.json, each whole or not at all."""
        from safetensors.torch import save_file

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        known = {"model": dataclasses.asdict(self.model.config), "labels": self.labels, "temperature": self.temperature}
        writers = {
            "tokenizer.json": self.tokenizer.save,
            "model.safetensors": lambda path: save_file(self.model.state_dict(), path),
            "config.json": lambda path: path.write_text(json.dumps(known, indent=1), encoding="utf-8"),
        }
        for name, write in writers.items():
            with whole_file(folder / name) as unfinished:
                write(unfinished)

    @classmethod
    def load(cls, folder: str | Path) -> "TextClassifier":
        """Reads what `save` wrote. Raises ValueError where a file is missing, damaged or of another model."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        folder = Path(folder)
        try:
            known = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            model = Classifier(ClassifierConfig(**known["model"]))
            model.load_state_dict(load_file(folder / "model.safetensors"))
            tokenizer = BytePairTokenizer.load(folder / "tokenizer.json")
            return cls(model, tokenizer, known["labels"], known["temperature"])
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            raise ValueError(
                f"There is no whole classifier in {folder} ({' '.join(str(error).split())[:150]}). It takes "
                f"{', '.join(FILES)}, as TextClassifier.save writes them: save it again."
            ) from error


def unreadable(text: str) -> str | None:
    """Why a classifier that has read English only cannot judge this text; None where it can."""
    if not text.strip():
        return "No answer: there is no text. Type a sentence or two."
    letters = [character for character in text[:MOST_CHARACTERS] if character.isalpha()]
    if not letters:
        return "No answer: there is no word in this text, only signs. This model has read words alone; add some."
    latin = sum(unicodedata.name(character, "").startswith("LATIN") for character in letters)
    if latin < len(letters) / 2:
        return "No answer: this is not written in Latin letters, and the model has read nothing but English."
    return None
