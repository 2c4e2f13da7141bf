"""The card of a small model: what it read, how long, on what, its curve, what it can do, where it is weak.

write       scores.json, curve.png and README.md in the model's folder, from its run, its log and fresh measurements
render      README.md alone, from the scores that are there
with_notes  a card with what a person wrote at the end of the one that is there
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from safetensors.torch import load_file

from utils.course import plots
from utils.io import write_atomically, write_json
from utils.small_models import fine_tuning_gain, recipes, scores
from utils.small_models.recipes import Recipe

NOTES = "## Limits"  # from here on a card is written by hand, and kept


def write(name: str, folder: Path) -> None:
    """Measures the model in the folder and writes its card."""
    import transformers

    recipe = recipes.read(name)
    model = getattr(transformers, recipe.model["class"]).from_pretrained(str(folder))
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder))
    start = time.perf_counter()
    measured = scores.measure(name, model, tokenizer)
    if recipe.mixture.get("documentation") and recipe.kind == "causal":
        measured["documentation_bits_a_byte_of_5_grams"] = scores.ngram_bits_a_byte(tokenizer)
    if recipe.kind == "masked":
        measured |= fine_tuning_gain.measure(model, tokenizer)
    rounded = {
        key: [round(v, 4) for v in value] if isinstance(value, list) else round(value, 4) for key, value in measured.items()
    }
    write_json(
        folder / "scores.json",
        {
            "model": name,
            "inputs": scores.COUNT,
            "split": scores.SPLIT,
            "temperature": scores.TEMPERATURE,
            "seeds": list(scores.SEEDS),
            "date": time.strftime("%Y-%m-%d"),
            "seconds": round(time.perf_counter() - start),
            "scores": rounded,
        },
    )
    _draw_curve(recipe, _log(folder), folder / "curve.png")
    render(name, folder)


def render(name: str, folder: Path) -> None:
    """Writes the card from the scores, the run and the log in the folder; what a person wrote at its end stays."""
    run, measured = (json.loads((folder / file).read_text(encoding="utf-8")) for file in ("run.json", "scores.json"))
    weights = load_file(folder / "model.safetensors")
    million = sum(weight.numel() for weight in weights.values()) / 1e6
    file = folder / "README.md"
    card = _card(recipes.read(name), run, _log(folder), measured["scores"], million)
    write_atomically(file, with_notes(file, card).encode())


def _log(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def with_notes(file: Path, card: str) -> str:
    """The card, and at its end what a person wrote at the end of the one in the file."""
    old = file.read_text(encoding="utf-8") if file.exists() else ""
    return card + (NOTES + old.partition(NOTES)[2] if NOTES in old else f"{NOTES}\n\nNone written down yet.\n")


def _draw_curve(recipe: Recipe, log: list[dict], file: Path) -> None:
    figure, axes = plots.figure(width=6, height=3.2)
    if recipe.kind == "rewarded":
        for number, name in enumerate(("right", "thinks")):
            axes.plot([row["step"] for row in log], [row[name] for row in log], color=plots.COLORS[number], label=name)
        axes.set(xlabel="step", ylabel="share of the drawn answers", title=recipe.name, ylim=(0, 1.02))
        axes.legend(frameon=False)
        figure.savefig(file, dpi=80, metadata={"Software": None})
        return
    axes.plot([row["step"] for row in log], [row["loss"] for row in log], color=plots.COLORS[0], label="training")
    held_out = [row for row in log if "validation_loss" in row]
    axes.plot(
        [row["step"] for row in held_out],
        [row["validation_loss"] for row in held_out],
        "o--",
        color=plots.COLORS[1],
        label="held out",
    )
    axes.set(xlabel="step", ylabel="loss (nats a token)", title=recipe.name)
    axes.set_ylim(0, min(6.0, log[0]["loss"]))
    axes.legend(frameon=False)
    figure.savefig(file, dpi=80, metadata={"Software": None})


def _card(recipe: Recipe, run: dict, log: list[dict], measured: dict, million: float) -> str:
    versions = ", ".join(f"{package} {version}" for package, version in run["versions"].items())
    command = f"python -m utils train {recipe.name}"
    lines = [
        f"# {recipe.name}",
        "",
        f"{recipe.what[0].upper()}{recipe.what[1:]}. {million:.1f} million parameters in float16, "
        f"in Transformers' own format: `{recipe.model['class']}.from_pretrained(...)`. Trained for this course; "
        "licence CC BY 4.0.",
        "",
        "| | |",
        "|---|---|",
        f"| made by | `{command}` (recipe.toml beside this card) |",
        f"| read | {_read(recipe, run['steps'])} |",
        f"| training | {run['steps']:,} steps{_tokens(recipe, run)}, {log[-1]['seconds'] / 60:.0f} minutes |",
        f"| machine | {run['device']}, {run['machine']}, Python {run['python']}, {versions}, {run['date']} |",
        _end(recipe, log),
        "",
        f"![{'What was right' if recipe.kind == 'rewarded' else 'The loss'} over the steps](curve.png)",
        "",
        "## What it can do",
        "",
        f"Measured on held-out inputs, {scores.COUNT} of each kind; where the model samples, the mean of "
        f"three seeds and their range (temperature {scores.TEMPERATURE} for stories, {scores.LOW_TEMPERATURE} where a low "
        "one is named, 1 for sums). "
        "`tests/system/test_small_models.py` measures a sample of it again.",
        "",
        "| measure | value |",
        "|---|---|",
        *(f"| {key.replace('_', ' ')} | {shown(key, value)} |" for key, value in measured.items()),
        "",
        "",
    ]
    return "\n".join(lines)


def _end(recipe: Recipe, log: list[dict]) -> str:
    if recipe.kind == "rewarded":
        last = log[-5:]
        right, tokens = (sum(row[name] for row in last) / len(last) for name in ("right", "tokens"))
        return f"| drawn answers, last five steps | {right:.0%} right, {tokens:.0f} tokens long |"
    held_out = [row["validation_loss"] for row in log if "validation_loss" in row]
    return f"| loss at the end | {log[-1]['loss']:.3f} nats a token in training, {held_out[-1]:.3f} held out |"


def _read(recipe: Recipe, steps: int) -> str:
    if recipe.kind == "rewarded":
        return "sums without solutions; what it wrote itself, judged by a program"
    if recipe.shapes:
        pairs: dict[str, float] = {}
        for shape, batches in zip(recipe.shapes, _batches(recipe.shapes, steps), strict=True):
            for task, share in shape["tasks"].items():
                pairs[task] = pairs.get(task, 0) + batches * shape["rows"] * share
        total = sum(pairs.values())
        written = ", ".join(f"{share:.0%} of {task}" for task, share in recipe.written.items())
        return (
            ", ".join(f"{task} {count / total:.1%}" for task, count in pairs.items())
            + f" of the pairs; from the written sets {written}, all of sentiment and topic"
        )
    return ", ".join(f"{kind} {share:.0%}" for kind, share in recipe.mixture.items())


def _batches(shapes: list[dict], steps: int) -> list[float]:
    """About how many batches of each shape a training has; see `sequence_pairs.Pairs` for `share` and `until`."""
    found = [0.0] * len(shapes)
    ends = sorted({min(shape.get("until", steps), steps) for shape in shapes} | {0, steps})
    for start, end in zip(ends, ends[1:]):
        shares = [shape["share"] * (shape.get("until", steps) > start) for shape in shapes]
        for number, share in enumerate(shares):
            found[number] += (end - start) * share / sum(shares)
    return found


def _tokens(recipe: Recipe, run: dict) -> str:
    if recipe.kind == "rewarded":
        return f" of {recipe.training['prompts']} sums with {recipe.training['answers']} answers each"
    if recipe.shapes:
        batches = _batches(recipe.shapes, run["steps"])
        pairs = sum(count * shape["rows"] for count, shape in zip(batches, recipe.shapes, strict=True))
        return f" of {pairs / run['steps']:.0f} pairs on average ({pairs:,.0f} pairs)"
    each = recipe.training["batch_size"] * recipe.training["window"]
    return f" of {each:,} tokens ({run['steps'] * each / 1e6:.1f} million)"


def shown(key: str, value) -> str:
    if isinstance(value, list):
        return f"{sum(value) / len(value):.1%} ({min(value):.1%} to {max(value):.1%})"
    return f"{value:.3f}" if "bits" in key else f"{value:.1%}"
