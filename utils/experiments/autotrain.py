"""What an AutoTrain run needs around it where the Hub cannot be reached: files for its trainer, and a base to start from.

    lay_out     writes ROUGE and a trained Punkt into the folder of a run, which the trainer would fetch; gives the variables
    save_base   a model and its tokenizer as Transformers 4 reads them
    losses      what its log says of the training

AutoTrain 0.8.36 was released with transformers 4.48 (`data/environments/autotrain.txt`).
"""

import ast
import json
import re
import sys
from pathlib import Path

# `evaluate.load("rouge")` takes the file rouge/rouge.py of the working directory before it asks the Hub.
ROUGE = '''"""ROUGE for `evaluate.load("rouge")`. Lin, "ROUGE: A Package for Automatic Evaluation of Summaries" (2004)."""

import datasets
import evaluate
from rouge_score import rouge_scorer

KINDS = ["rouge1", "rouge2", "rougeL", "rougeLsum"]


class Rouge(evaluate.Metric):
    def _info(self):
        text = datasets.Value("string")
        features = datasets.Features({"predictions": text, "references": text})
        return evaluate.MetricInfo(description="ROUGE", citation="Lin (2004)", inputs_description="texts", features=features)

    def _compute(self, predictions, references, use_stemmer=False):
        scorer = rouge_scorer.RougeScorer(KINDS, use_stemmer=use_stemmer)
        scores = [scorer.score(wanted, found) for found, wanted in zip(predictions, references)]
        return {kind: sum(score[kind].fmeasure for score in scores) / len(scores) for kind in KINDS}
'''


def lay_out(folder: Path, text: str) -> dict[str, str]:
    """Writes into `folder` what the trainer would fetch; returns the variables for the run.

    text: some thousand words, from which NLTK's Punkt learns where sentences end (lesson 3).
    """
    from nltk.tabdata import TabEncoder
    from nltk.tokenize.punkt import PunktTrainer

    (folder / "rouge").mkdir(parents=True, exist_ok=True)
    (folder / "rouge" / "rouge.py").write_text(ROUGE, encoding="utf-8")
    learned, table = PunktTrainer(text).get_params(), TabEncoder()
    punkt = folder / "nltk_data" / "tokenizers" / "punkt_tab" / "english"
    punkt.mkdir(parents=True, exist_ok=True)
    for name, content in {
        "collocations.tab": table.tups2tab(learned.collocations),
        "sent_starters.txt": table.set2txt(learned.sent_starters),
        "abbrev_types.txt": table.set2txt(learned.abbrev_types),
        "ortho_context.tab": table.ivdict2tab(learned.ortho_context),
    }.items():
        (punkt / name).write_text(content, encoding="utf-8", newline="")
    local = {"HF_HUB_OFFLINE": "1", "ALLOW_REMOTE_CODE": "false", "HF_HOME": str(folder / "hub"), "WANDB_DISABLED": "true"}
    return {**local, "NLTK_DATA": str(folder / "nltk_data"), "TOKENIZERS_PARALLELISM": "false"}


def save_base(model, tokenizer, folder: Path, longest: int) -> None:
    """Writes model and tokenizer so that Transformers 4 loads them and its trainer can use them.

    longest: how many tokens the trainer's own evaluation may write; without it these are 20.
    """
    before = model.generation_config.max_length
    model.generation_config.max_length = longest
    try:
        model.save_pretrained(folder)
    finally:
        model.generation_config.max_length = before
    tokenizer.save_pretrained(folder)
    file = Path(folder) / "tokenizer_config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    config["tokenizer_class"] = "PreTrainedTokenizerFast"  # version 5 writes a name that version 4 does not know
    config["model_input_names"] = ["input_ids", "attention_mask"]  # T5 takes no token types
    file.write_text(json.dumps(config, indent=2), encoding="utf-8")


def losses(log: str) -> dict[str, list[tuple[float, float]]]:
    """(epoch, loss) of the training and of the validation, from the text of a log."""
    found: dict[str, list[tuple[float, float]]] = {"training": [], "validation": []}
    for line in dict.fromkeys(re.findall(r"on_log:\d+ - (\{.*?\})", log)):
        said = ast.literal_eval(line)
        if "loss" in said:
            found["training"].append((said["epoch"], said["loss"]))
        elif "eval_loss" in said and (said["epoch"], said["eval_loss"]) not in found["validation"]:
            found["validation"].append((said["epoch"], said["eval_loss"]))
    return found


if __name__ == "__main__":  # to look at what a log says
    print(json.dumps(losses(Path(sys.argv[1]).read_text(encoding="utf-8"))))
