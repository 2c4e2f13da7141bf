"""A small model's recipe, read from data/models/NAME/recipe.toml: architecture, tokenizer, texts, settings."""

from __future__ import annotations

import difflib
import hashlib
import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from utils.io import ROOT, CommandError

FOLDER = ROOT / "data" / "models"
KINDS = ("adapter", "causal", "chat", "heads", "masked", "rewarded", "text-to-text")


@dataclass(frozen=True)
class Recipe:
    """What makes a model.

    kind: "causal", "chat" (a causal model that goes on from another), "masked", "text-to-text", "heads" (see `heads`),
    "adapter" (see `rated`), or "rewarded" (see `rewarded`).
    training: steps, batch_size, window, learning_rate, warmup, seed. mixture: kind of text -> its share. shapes and
    written: of a text-to-text model, see `sequence_pairs.Pairs`. tokenizer: how it is trained, or {"from": name} for another
    model's. model: the class of Transformers, its configuration's class and fields, or {"from": name} to go on from
    another model. headline: the measures that matter most, each with the words around its value.
    """

    name: str
    what: str
    kind: str
    lessons: tuple[int, ...]
    training: dict
    tokenizer: dict
    model: dict
    mixture: dict[str, float] = field(default_factory=dict)
    shapes: list[dict] = field(default_factory=list)
    written: dict[str, float] = field(default_factory=dict)
    heads: dict[str, dict] = field(default_factory=dict)
    headline: dict[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """A short hash of what decides the model's weights."""
        parts = (self.kind, self.training, self.tokenizer, self.model, self.mixture, self.shapes, self.written)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def names() -> list[str]:
    """The models that have a recipe."""
    return sorted(file.parent.name for file in FOLDER.glob("*/recipe.toml"))


def read(name: str) -> Recipe:
    """Raises CommandError where there is no such recipe, or where one cannot be used."""
    file = FOLDER / name / "recipe.toml"
    if name not in names():
        near = difflib.get_close_matches(name, names(), n=1)
        meant = f"Did you mean {near[0]}? " if near else ""
        raise CommandError(f"there is no recipe for {name}. {meant}The models are {', '.join(names())}.")
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
        recipe = Recipe(name=name, **content | {"lessons": tuple(content["lessons"])})
    except (tomllib.TOMLDecodeError, TypeError, KeyError) as error:
        raise CommandError(f"{shown(file)} cannot be read: {error}. Get it again: git checkout -- {shown(file)}") from None
    if recipe.kind not in KINDS:
        raise CommandError(f"{shown(file)} asks for the kind {recipe.kind!r}. There are {', '.join(KINDS)}.")
    return recipe


def read_scores(name: str) -> dict:
    """The measured figures of a model of `data/models`; raises CommandError where they are missing or damaged."""
    file = FOLDER / name / "scores.json"
    if not (FOLDER / name / "model.safetensors").exists():
        raise CommandError(f"not trained yet. To make it: python -m utils train {name} --out data/models/{name}")
    try:
        return json.loads(file.read_text(encoding="utf-8"))["scores"]
    except (OSError, json.JSONDecodeError, KeyError, TypeError):
        raise CommandError(f"{shown(file)} is missing or damaged. Get it again: git checkout -- {shown(file)}") from None


def headline(name: str) -> str:
    """The scores of a model that matter most, in a line."""
    measured, parts = read_scores(name), []
    for key, words in read(name).headline.items():
        value = measured
        for step in key.split("."):
            value = value[step]
        value = sum(value) / len(value) if isinstance(value, list) else value
        parts.append(words.format(f"{value:.2f}" if "bits" in key else f"{100 * value:.0f} %"))
    return ", ".join(parts)


def shown(path: Path) -> str:
    """A path as one types it from the course's folder."""
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)
