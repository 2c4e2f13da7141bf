"""The table of the lessons, and the repository's address in its one place. Standard library only."""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from utils.environment import ROOT, CommandError, write_atomically

REPOSITORY = "OWNER/transformers-course"  # `python -m utils address OWNER/NAME` rewrites this line

MEMORY_GB = 4.0  # the bound that every lesson keeps; a lesson that has run carries its own measurement

# GitHub's rules: an owner is letters, digits and single hyphens inside; a name is letters, digits, dots, _ and -.
ADDRESS = re.compile(r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}/[A-Za-z0-9._-]{1,100}")


class UnknownLesson(CommandError):
    """There is no such lesson; the message names the nearest one."""


@dataclass(frozen=True)
class Lesson:
    """One lesson: what it is called and what it gains from more than a laptop.

    `gpu` and `hub` say what a GPU and the Hub add (empty: nothing); `tools` names what lives in an environment or
    a program of its own.
    """

    number: int
    name: str
    title: str
    level: str
    gpu: str = ""
    hub: str = ""
    tools: str = ""

    @property
    def file(self) -> str:
        return f"{self.name}.ipynb"


LESSONS = (
    Lesson(1, "01_use_cases", "What transformers are used for", "beginner", hub="larger models"),
    Lesson(2, "02_high_level_architecture", "The architecture from the outside in", "beginner", gpu="a wider model"),
    Lesson(3, "03_tokenization", "Tokenization", "beginner", hub="other models' tokenizers"),
    Lesson(4, "04_attention_mechanisms", "Attention mechanisms", "beginner", gpu="longer sequences"),
    Lesson(5, "05_position_embeddings", "Position embeddings", "beginner", gpu="longer texts"),
    Lesson(6, "06_project_1_sentiment_analysis_from_scratch", "Project 1: sentiment analysis from scratch",
           "beginner", gpu="all of IMDB", hub="IMDB"),
    Lesson(7, "07_bert_and_roberta", "BERT and RoBERTa", "intermediate",
           gpu="longer pretraining", hub="BERT, RoBERTa"),
    Lesson(8, "08_project_2_text_summarization_with_bert", "Project 2: text summarization with BERT", "intermediate",
           gpu="BERT2BERT", hub="CNN/DailyMail, BART, distilBART"),
    Lesson(9, "09_knowledge_distillation", "Knowledge distillation", "intermediate", gpu="larger teachers"),
    Lesson(10, "10_distilbert", "DistilBERT", "intermediate", gpu="larger batches", hub="DistilBERT"),
    Lesson(11, "11_rope_and_flash_attention", "RoPE and FlashAttention", "intermediate", gpu="the flash kernels"),
    Lesson(12, "12_fine_tuning", "Fine-tuning", "intermediate", gpu="BERT base", hub="BERT, IMDB"),
    Lesson(13, "13_lora", "LoRA", "intermediate", gpu="QLoRA with bitsandbytes", hub="larger models"),
    Lesson(14, "14_t5", "T5", "intermediate", gpu="Flan-T5 base", hub="Flan-T5"),
    Lesson(15, "15_project_3_t5_ner_with_autotrain", "Project 3: named entities with T5 and AutoTrain",
           "intermediate", gpu="Flan-T5 base", hub="CoNLL-2003", tools="AutoTrain"),
    Lesson(16, "16_gpt", "GPT", "advanced", gpu="longer generation", hub="GPT-2"),
    Lesson(17, "17_project_4_gpt_from_scratch_with_lightning", "Project 4: a GPT from scratch with Lightning",
           "advanced", gpu="GPT-2 size", hub="TinyStories", tools="Lightning"),
    Lesson(18, "18_rlhf_and_dpo", "RLHF and DPO", "advanced", gpu="larger policies"),
    Lesson(19, "19_project_5_improving_gpt_with_dpo", "Project 5: improving a GPT with DPO", "advanced",
           gpu="larger policies", hub="UltraFeedback"),
    Lesson(20, "20_large_language_models", "Large language models", "advanced", gpu="serving with vLLM",
           hub="SmolLM2, Qwen2.5"),
    Lesson(21, "21_llama_architecture", "The Llama architecture", "advanced", gpu="larger models", hub="Llama 3.2"),
    Lesson(22, "22_project_6_llama_medical_qa_with_litgpt", "Project 6: medical questions with Llama and LitGPT",
           "advanced", gpu="the 8B model in 4 bit", hub="Llama 3.1, PubMedQA", tools="LitGPT"),
    Lesson(23, "23_deepseek", "DeepSeek", "advanced", gpu="larger models", hub="DeepSeek-R1 distills"),
    Lesson(24, "24_grpo", "GRPO", "advanced", gpu="a 0.5B model on GSM8K", hub="Qwen2.5, GSM8K"),
    Lesson(25, "25_project_7_deepseek_with_ollama", "Project 7: DeepSeek with Ollama", "advanced",
           gpu="faster answers", hub="DeepSeek-R1 distills", tools="Ollama or its stand-in"),
)


def find(number: int | str) -> Lesson:
    """The lesson of this number ("3", "03") or name ("03_tokenization", "tokenization").

    Raises UnknownLesson with the nearest one in its message.
    """
    wanted = str(number).strip().lower()
    for lesson in LESSONS:
        if wanted in (lesson.name, lesson.name[3:]) or (wanted.isdecimal() and int(wanted) == lesson.number):
            return lesson
    raise UnknownLesson(f"there is no lesson {number}: the lessons are 1 to {len(LESSONS)}. "
                        f"The nearest is {nearest(wanted).number}, \"{nearest(wanted).title}\".")


def nearest(wanted: str) -> Lesson:
    """The lesson whose number, or else name, is closest to what was asked for."""
    if re.fullmatch(r"-?\d+", wanted):
        return min(LESSONS, key=lambda lesson: abs(lesson.number - int(wanted)))
    return max(LESSONS, key=lambda lesson: difflib.SequenceMatcher(None, wanted, lesson.name[3:]).ratio())


def notebook_path(root: Path, lesson: Lesson) -> Path:
    """Where the lesson's notebook lies under the course's root."""
    return root / "notebooks" / lesson.file


def written(root: Path = ROOT) -> list[Lesson]:
    """The lessons whose notebook exists, in order."""
    return [lesson for lesson in LESSONS if notebook_path(root, lesson).is_file()]


def chosen(numbers: list[str], root: Path) -> list[Lesson]:
    """The lessons of these numbers, each once. Raises CommandError where one is unknown or not written yet."""
    wanted = list(dict.fromkeys(find(number) for number in numbers))
    there = written(root)
    for lesson in wanted:
        if lesson not in there:
            numbers_there = ", ".join(str(one.number) for one in there) or "none"
            raise CommandError(f"lesson {lesson.number}, \"{lesson.title}\", is not written yet. "
                               f"Lessons written so far: {numbers_there}.")
    return wanted


def measured(root: Path, lesson: Lesson) -> dict:
    """What the lesson's last run recorded: {"seconds", "peak_mb", "date"}, or {} where it has not run."""
    path = notebook_path(root, lesson)
    if not path.is_file():
        return {}
    return json.loads(path.read_text(encoding="utf-8"))["metadata"].get("course", {})


def stamp_address(address: str, root: Path) -> list[Path]:
    """Writes the repository's address where the old one stands; returns the files that changed.

    The address is plain ASCII, so in a notebook it is replaced in the bytes: nothing else in the file moves.
    This module is written last: an interrupted call leaves the old address known, and the next one finishes.
    """
    if not ADDRESS.fullmatch(address) or address.endswith((".git", "/.", "/..")):
        raise CommandError(f"\"{address}\" is not a repository's address. "
                           "Give its owner and name, as in: python -m utils address OWNER/NAME")
    source = root / "utils" / "lessons.py"
    old = re.search(rb'(?m)^REPOSITORY = "([^"]+)"', source.read_bytes())[1]
    whole = re.compile(rb"(?<![\w.-])" + re.escape(old) + rb"(?![\w-]|\.(?!git\b)\w)")
    files = [root / "README.md", *sorted((root / "notebooks").glob("*.ipynb")), source]
    changes = {}
    for path in filter(Path.is_file, files):
        text = path.read_bytes()
        if (stamped := whole.sub(address.encode(), text)) != text:
            changes[path] = stamped
    for path, stamped in changes.items():
        write_atomically(path, stamped)
    return list(changes)
