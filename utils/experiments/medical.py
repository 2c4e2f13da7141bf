"""What lesson 22 needs besides LitGPT: its adapter in the course's LoRA, and how answers to questions on health are judged.

from_litgpt           LitGPT's LoRA weights -> the names of `utils.lora` and PEFT
losses                 the losses that LitGPT's log tells
offered                six answers to each question, two of the wrong ones from the same topic
answer_scores, scored  the log-likelihood of each offered answer, per byte
written                the greedy answers to prompts, in batches
judged                 all that is recorded of a model: scores, answers, answers with a note in the prompt
vectors                MiniLM's sentence vectors, of length 1
calls_for_help         does a text send the reader to the emergency services?
"""

import re

import numpy as np
import torch
from torch import Tensor, nn

from utils import generation

HELP = re.compile(r"\bemergency (services|number|room|department)\b|\bambulance\b|\bcall (112|911|999)\b", re.IGNORECASE)
LOSS = re.compile(r"iter (\d+) step (\d+) \| loss train: ([\d.]+)")
NOTE = "Answer from this note: {note}\nQuestion: {question}"
HELD_OUT = re.compile(r"val loss ([\d.]+)|val: ([\d.]+)|\| val loss: ([\d.]+)")


def from_litgpt(state: dict[str, Tensor], heads: int, groups: int) -> dict[str, Tensor]:
    """LitGPT's adapter with query, key and value in one matrix -> name of the layer's A or B -> tensor, as PEFT has them.

    A of query, key and value (3r, in) is cut in three; B (out, r) where the outputs of the queries and of the keys end.
    heads, groups: how many query heads and key-value heads. Raises ValueError for a name that is no LoRA weight of a Llama.
    """
    mlp = {"mlp.fc_1": "mlp.gate_proj", "mlp.fc_2": "mlp.up_proj", "mlp.proj": "mlp.down_proj", "attn.proj": "self_attn.o_proj"}
    found = {}
    for name, weight in state.items():
        match = re.fullmatch(r"transformer\.h\.(\d+)\.(attn\.qkv|attn\.proj|mlp\.\w+)\.lora_([AB])", name)
        if not match or match[2] not in mlp and match[2] != "attn.qkv":
            raise ValueError(f"{name} is no LoRA weight of a Llama in LitGPT.")
        place, end = f"model.layers.{match[1]}.", f".lora_{match[3]}.weight"
        if match[2] != "attn.qkv":
            found[place + mlp[match[2]] + end] = weight
            continue
        head = weight.shape[0] // (heads + 2 * groups)
        sizes = [weight.shape[0] // 3] * 3 if match[3] == "A" else [heads * head, groups * head, groups * head]
        for letter, part in zip("qkv", weight.split(sizes)):
            found[f"{place}self_attn.{letter}_proj{end}"] = part
    return found


def losses(log: str) -> dict[str, list]:
    """The log of `litgpt finetune_lora` -> {"training": [loss of each step], "validation": [each new loss that is told]}"""
    training = {int(step): float(loss) for _, step, loss in LOSS.findall(log)}
    told = [float(next(filter(None, one))) for one in HELD_OUT.findall(log)]
    news = told[:1] + [new for old, new in zip(told, told[1:]) if round(new, 3) != round(old, 3)]
    return {"training": list(training.values()), "validation": news}


# ----------------------------------------------------------------------------------------------------------------------
# Judging
# ----------------------------------------------------------------------------------------------------------------------


def offered(rows: list[dict], facts: list[dict], count: int = 6, seed: int = 0) -> list[list[str]]:
    """For each row `count` answers, the right one first: then up to two of its topic, then others, drawn once and for all."""
    generator, found = np.random.default_rng(seed), []
    for row in rows:
        others = [fact for fact in facts if fact["fact_id"] != row["fact_id"]]
        others = [others[k] for k in generator.permutation(len(others))]
        near = [fact["answer"] for fact in others if fact["topic"] == row["topic"]][:2]
        far = [fact["answer"] for fact in others if fact["topic"] != row["topic"]]
        found.append([row["answer"], *near, *far][:count])
    return found


@torch.inference_mode()
def answer_scores(model: nn.Module, tokenizer, prompt: str, answers: list[str]) -> list[float]:
    """log p(answer | prompt) / its bytes, for each answer. The prompt is read once, and its cache shared."""
    front = tokenizer(prompt, return_tensors="pt").input_ids
    ids = [torch.tensor(tokenizer(answer).input_ids) for answer in answers]
    back = nn.utils.rnn.pad_sequence(ids, batch_first=True)  # (B, T)
    first = model(front, use_cache=True)
    first.past_key_values.batch_repeat_interleave(len(answers))
    rest = model(back[:, :-1], past_key_values=first.past_key_values).logits
    logits = torch.cat([first.logits[:, -1:].expand(len(answers), -1, -1), rest], dim=1)  # (B, T, V)
    each = logits.log_softmax(-1).gather(-1, back[..., None])[..., 0]
    return [(row[: len(one)].sum() / len(text.encode())).item() for row, one, text in zip(each, ids, answers)]


def written(model: nn.Module, tokenizer, prompts: list[str], new: int = 56, batch: int = 20) -> list[str]:
    """The greedy answer to each prompt. Prompts of a batch are filled up at the left."""
    tokenizer.padding_side, found = "left", []
    wrapped, end = generation.LibraryModel(model), tokenizer.convert_tokens_to_ids("<|im_end|>")
    for at in range(0, len(prompts), batch):
        inputs = tokenizer(prompts[at : at + batch], return_tensors="pt", padding=True)
        mask = inputs["attention_mask"].bool()
        out = generation.generate(wrapped, inputs["input_ids"], new, mask=mask, end_id=end, pad_id=end)
        found += tokenizer.batch_decode(out[:, mask.shape[1] :], skip_special_tokens=True)
    return [text.strip() for text in found]


def prompt_of(tokenizer, question: str, note: str = "") -> str:
    """The chat form up to the place where the answer begins, with a note before the question where there is one."""
    said = NOTE.format(note=note, question=question) if note else question
    return tokenizer.apply_chat_template([{"role": "user", "content": said}], tokenize=False, add_generation_prompt=True)


def scored(model: nn.Module, tokenizer, rows: list[dict], answers: list[list[str]]) -> list[list[float]]:
    """The scores of the answers that are offered to each row's question, rounded."""
    prompts = [prompt_of(tokenizer, row["question"]) for row in rows]
    found = [answer_scores(model, tokenizer, *both) for both in zip(prompts, answers, strict=True)]
    return [[round(score, 4) for score in some] for some in found]


def judged(model: nn.Module, tokenizer, rows: list[dict], answers: list[list[str]], notes: list[str]) -> dict[str, list]:
    """scores: of the answers offered to each row, rounded. written: its greedy answer. noted: the same with a note."""
    prompts = [prompt_of(tokenizer, row["question"]) for row in rows]
    with_note = [prompt_of(tokenizer, row["question"], note) for row, note in zip(rows, notes, strict=True)]
    return {
        "scores": scored(model, tokenizer, rows, answers),
        "written": written(model, tokenizer, prompts),
        "noted": written(model, tokenizer, with_note),
    }


@torch.inference_mode()
def vectors(encoder: nn.Module, tokenizer, texts: list[str]) -> np.ndarray:
    """The mean of MiniLM's vectors over a text's tokens, of length 1: (texts, C)."""
    order = sorted(range(len(texts)), key=lambda k: len(texts[k]))  # texts of like length in a batch: less padding
    found = []
    for at in range(0, len(texts), 64):
        some = [texts[k] for k in order[at : at + 64]]
        inputs = tokenizer(some, padding=True, truncation=True, max_length=96, return_tensors="pt")
        mask = inputs["attention_mask"][..., None]
        mean = (encoder(**inputs).last_hidden_state * mask).sum(1) / mask.sum(1)  # (B, T, C) -> (B, C)
        found.append(nn.functional.normalize(mean, dim=-1))
    return torch.cat(found)[np.argsort(order)].numpy()


def calls_for_help(text: str) -> bool:
    return bool(HELP.search(text))
