"""`minilm-ratings`: MiniLM fine-tuned by LoRA on rated film sentences, the teacher of lessons 9 and 10.

    divided(films)        the rows that it learns from, and those that count as unlabelled: the transfer set
    logits()              what it says of all of them, recorded beside its weights
    train(recipe, out)    `python -m utils train minilm-ratings`

The teacher sees a third of the training sentences with their labels. The other two thirds are for students: their labels
are never used. `catalog.load("minilm-ratings")` gives it with its LoRA weights merged into MiniLM's (Hu et al., "LoRA:
Low-Rank Adaptation of Large Language Models", 2021, arXiv 2106.09685).
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from utils import metrics, training
from utils.data import catalog
from utils.device import set_seed
from utils.io import CommandError, say, write_atomically, write_json
from utils.small_models import recipes
from utils.small_models.cards import with_notes

NAME = "minilm-ratings"
LABELS = ["negative", "positive"]
CLEAR = 0.5  # a sentence whose mean rating lies nearer to zero has hardly a side, and no label
LABELLED = 3  # one training sentence in so many has its label, by the archive's number
LONGEST = 64  # word pieces; the longest sentence has fewer
LOGITS = "logits.safetensors"


def clear(rows: Iterable[dict]) -> list[dict]:
    """The rows at least 0.5 from zero, each with its label (1: positive) and the share of its raters who were positive."""
    chosen = [row for row in rows if abs(row["mean"]) >= CLEAR]
    return [row | {"label": int(row["mean"] > 0), "share": _share(row["ratings"])} for row in chosen]


def _share(ratings: list[int]) -> float:
    return float(np.mean(np.sign(ratings) / 2 + 0.5))  # who says 0 counts half


def divided(films) -> dict[str, list[dict]]:
    """labelled, transfer, validation and test rows of the film sentences, in the order in which `logits` has them.

    films: what `catalog.load("ratings", part="films")` gives. The transfer rows have an id and a text and nothing else.
    Whoever has no labels cannot leave out the sentences without a side, so they are among the transfer rows.
    """
    labelled = [row for row in films["train"] if int(row["id"]) % LABELLED == 0]
    transfer = [{"id": row["id"], "text": row["text"]} for row in films["train"] if int(row["id"]) % LABELLED]
    held_out = {split: clear(films[split]) for split in ("validation", "test")}
    return {"labelled": clear(labelled), "transfer": transfer} | held_out


def logits(folder: Path | None = None) -> dict[str, Tensor]:
    """The teacher's logits (rows, 2) of labelled, transfer, validation and test rows, in the order of `divided`.

    Raises:
        DamagedFile: the file cannot be read.
    """
    from safetensors.torch import load_file

    file = (folder or recipes.FOLDER / NAME) / LOGITS
    try:
        return {name: value.float() for name, value in load_file(file).items()}
    except Exception as error:  # a missing, cut or edited file: each has an error of its own
        shown = recipes.shown(file)
        raise catalog.DamagedFile(f"{shown} cannot be read ({error}). Get it again: git checkout -- {shown}") from None


@torch.no_grad()
def predict(model: nn.Module, tokenizer, some_texts: list[str], batch_size: int = 64) -> Tensor:
    """The logits (texts, 2) of a classifier in Transformers' form; texts of like length go together."""
    order = sorted(range(len(some_texts)), key=lambda place: len(some_texts[place]))
    found = torch.empty(len(some_texts), len(LABELS))
    for at in range(0, len(order), batch_size):
        part = order[at : at + batch_size]
        found[part] = model(**_encoded(tokenizer, [some_texts[place] for place in part])).logits.float()
    return found


def _encoded(tokenizer, some_texts: list[str]):
    return tokenizer(some_texts, padding=True, truncation=True, max_length=LONGEST, return_tensors="pt")


# ----------------------------------------------------------------------------------------------------------------------
# Training
# ----------------------------------------------------------------------------------------------------------------------


def train(recipe: recipes.Recipe, out: Path) -> Path:
    """Trains LoRA weights and a head, keeps those of the best evaluation on validation rows, measures once on test rows."""
    try:
        rows = divided(catalog.load("ratings", part="films"))
        model, tokenizer = adapted(recipe)
    except (catalog.NotHere, catalog.DamagedFile) as error:
        raise CommandError(str(error)) from None
    out.mkdir(parents=True, exist_ok=True)
    start, wanted = time.perf_counter(), recipe.training
    batches = training.Shuffled(rows["labelled"], wanted["batch_size"], lambda part: _batch(tokenizer, part), wanted["seed"])
    steps = wanted["epochs"] * batches.batches_an_epoch
    settings = training.Settings(
        steps=steps,
        learning_rate=wanted["learning_rate"],
        warmup=steps // 10,
        evaluate_every=wanted["evaluate_every"],
        patience=steps,  # the whole training, and the best weights at its end
        dtype=torch.float32,
    )

    def evaluate(model: nn.Module) -> float:
        return accuracy(predict(model, tokenizer, _texts(rows["validation"])), rows["validation"])

    history = training.train(model, _loss, batches, settings, evaluate)
    say(f"accuracy on validation rows: {history.evaluations}, kept: step {history.best_step}")
    _save(model, out)
    merged = model.merge_and_unload().eval()
    found = {name: predict(merged, tokenizer, _texts(part)) for name, part in rows.items()}
    _save_logits(found, out)
    log = {"steps": steps, "kept": history.best_step, "seconds": round(time.perf_counter() - start)}
    _describe(recipe, out, rows, found, log | {"evaluations": history.evaluations, "losses": _means(history.losses)})
    say(f"Saved in {recipes.shown(out)}.")
    return out


def adapted(recipe: recipes.Recipe) -> tuple[nn.Module, object]:
    """MiniLM with a new head and LoRA weights as the recipe has them, before training; and its tokenizer."""
    import peft

    set_seed(recipe.training["seed"])
    names = {"id2label": dict(enumerate(LABELS)), "label2id": {name: number for number, name in enumerate(LABELS)}}
    encoder = catalog.load("minilm", model_class="AutoModelForSequenceClassification", num_labels=len(LABELS), **names)
    config = peft.LoraConfig(task_type="SEQ_CLS", **recipe.model["lora"])
    return peft.get_peft_model(encoder.model, config), encoder.tokenizer


def _texts(rows: list[dict]) -> list[str]:
    return [row["text"] for row in rows]


def _batch(tokenizer, rows: list[dict]) -> dict:
    return dict(_encoded(tokenizer, _texts(rows))) | {"labels": torch.tensor([row["label"] for row in rows])}


def _loss(model: nn.Module, batch: dict) -> Tensor:
    inputs = {key: value for key, value in batch.items() if key != "labels"}
    return F.cross_entropy(model(**inputs).logits, batch["labels"])


def _means(losses: list[float], every: int = 20) -> list[float]:
    return [round(sum(losses[at : at + every]) / len(losses[at : at + every]), 4) for at in range(0, len(losses), every)]


def accuracy(found: Tensor, rows: list[dict]) -> float:
    return (found.argmax(1) == torch.tensor([row["label"] for row in rows])).float().mean().item()


def _save(model: nn.Module, out: Path) -> None:
    """The LoRA weights and the head in 16 bit, in PEFT's own format."""
    from safetensors.torch import load_file, save_file

    model.peft_config["default"].base_model_name_or_path = catalog.find("minilm")["hub"]  # and no path of this machine
    model.save_pretrained(str(out))
    file = out / "adapter_model.safetensors"
    save_file({name: value.half().contiguous() for name, value in load_file(file).items()}, file, metadata={"format": "pt"})
    (out / "README.md").unlink(missing_ok=True)  # PEFT's empty card
    model.base_model.model.config.save_pretrained(str(out))


def _save_logits(found: dict[str, Tensor], out: Path) -> None:
    from safetensors.torch import save_file

    save_file({name: value.half().contiguous() for name, value in found.items()}, out / LOGITS)


def _describe(recipe: recipes.Recipe, out: Path, rows: dict, found: dict[str, Tensor], log: dict) -> None:
    """log.json, scores.json and the card."""
    write_json(out / "log.json", log)
    measured = {}
    for split in ("validation", "test"):
        truth, said = np.array([row["label"] for row in rows[split]]), found[split].argmax(1).numpy()
        one = metrics.bootstrap_interval(lambda a, b: float(np.mean(a == b)), truth, said, 0)
        measured[split] = {"accuracy": round(one.value, 4), "low": round(one.low, 4), "high": round(one.high, 4)}
        measured[split]["majority"] = round(float(max(truth.mean(), 1 - truth.mean())), 4)
    scores = {"model": NAME, "split": "test", "date": time.strftime("%Y-%m-%d"), "seconds": log["seconds"], "scores": measured}
    write_json(out / "scores.json", scores)
    test, held_out = measured["test"], measured["validation"]
    kilobytes = sum(file.stat().st_size for file in out.glob("*.safetensors")) / 1000
    labelled, transfer = len(rows["labelled"]), len(rows["transfer"])
    card = f"""# {NAME}

{recipe.what[0].upper()}{recipe.what[1:]}. {kilobytes:,.0f} kB in float16 (safetensors), in PEFT's own format.
`catalog.load("{NAME}")` merges it into all-MiniLM-L6-v2 (Apache-2.0). Trained for this course; licence CC BY 4.0.

Made by `python -m utils train {NAME}` (recipe.toml beside this card) from {labelled:,} sentences of film
reviews, which people rated (Hutto and Gilbert 2014): those training sentences whose number is divisible by
{LABELLED} and whose mean rating is at least {CLEAR} from zero. The other {transfer:,} training sentences are the *transfer
set*: nothing of theirs but the text was used. {log["steps"]} steps in {log["seconds"]} seconds of one core; step
{log["kept"]} was the best on validation rows.

| rows | right | always the commoner class |
|---|---|---|
| test, {len(rows["test"]):,} | {test["accuracy"]:.1%} [{test["low"]:.1%}, {test["high"]:.1%}] | {test["majority"]:.1%} |
| validation, {len(rows["validation"]):,}, which chose the step | {held_out["accuracy"]:.1%} | {held_out["majority"]:.1%} |

`{LOGITS}` has its logits of all rows, in the order of `utils.small_models.rated.divided`.

"""
    file = out / "README.md"
    write_atomically(file, with_notes(file, card).encode())
