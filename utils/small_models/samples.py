"""What a model writes while it is trained, with the parser's or the verifier's verdict beside it."""

from __future__ import annotations

from random import Random

import torch

from utils.small_models import sequence_pairs, texts
from utils.worlds import arithmetic, stories


@torch.no_grad()
def write_stories(model, tokenizer, beginnings: list[str], seed: int, temperature: float = 0.7) -> list[str]:
    """How a causal model goes on after each beginning: sampled until its end-of-text token, at most 320 tokens.

    Beginnings of equal length go through the model together, so that none needs padding.
    """
    prompts = [[tokenizer.eos_token_id, *tokenizer.encode(text, add_special_tokens=False)] for text in beginnings]
    return _written(model, tokenizer, prompts, seed, 320, tokenizer.eos_token_id, temperature)


@torch.no_grad()
def _written(
    model, tokenizer, prompts: list[list[int]], seed: int | None, longest: int, end: int, temperature: float = 1.0
) -> list[str]:
    """What a causal model adds to each prompt: greedily where there is no seed, else sampled."""
    by_length: dict[int, list[int]] = {}
    for number, ids in enumerate(prompts):
        by_length.setdefault(len(ids), []).append(number)
    found: dict[int, str] = {}
    if seed is not None:
        torch.manual_seed(seed)
    for length, numbers in sorted(by_length.items()):
        ids = torch.tensor([prompts[number] for number in numbers], device=model.device)
        how = {"do_sample": False} if seed is None else {"do_sample": True, "temperature": temperature, "top_k": 0}
        room = model.config.max_position_embeddings - length
        with torch.autocast(model.device.type, enabled=False):
            written = model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=min(longest, room),
                eos_token_id=end,
                pad_token_id=tokenizer.pad_token_id,
                **how,
            )
        for number, row in zip(numbers, written[:, length:], strict=True):
            found[number] = tokenizer.decode(row, skip_special_tokens=True).strip()
    return [found[number] for number in range(len(prompts))]


def shown(name: str, model, tokenizer, seed: int) -> str:
    """A sample of the model of that name, with its verdict, in a few lines."""
    return SAMPLES[name](model, tokenizer, seed)


def _story(model, tokenizer, seed: int) -> str:
    beginning = texts.story(Random(f"samples {seed}"), "validation").sentences[0].english
    text = f"{beginning} {write_stories(model, tokenizer, [beginning], seed)[0]}"
    verdict = stories.judge(text)
    facts = "its facts agree" if verdict.agrees else f"contradictions: {len(verdict.contradictions)}"
    return f"  | {text}\n  = the parser accepts {verdict.accepted} of {verdict.sentences} sentences; {facts}"


@torch.no_grad()
def answers(model, tokenizer, sources: list[str], longest: int = 64) -> list[str]:
    """What an encoder-decoder writes for the sources (with their prefixes), greedily."""
    inputs = tokenizer(sources, padding=True, return_tensors="pt", return_token_type_ids=False).to(model.device)
    with torch.autocast(model.device.type, enabled=False):
        ids = model.generate(**inputs, max_new_tokens=longest, do_sample=False)
    return [text.strip() for text in tokenizer.batch_decode(ids, skip_special_tokens=True)]


def _answers(model, tokenizer, seed: int) -> str:
    rng = Random(f"samples {seed}")
    pairs = [sequence_pairs.pair(task, rng, "validation") for task in ("translate", "question", "summarize", "entities")]
    found = answers(model, tokenizer, [source for source, _ in pairs])
    return "\n".join(
        f"  | {source[-90:]}\n  = {answer}   (wanted: {target})" for (source, target), answer in zip(pairs, found, strict=True)
    )


def replies(model, tokenizer, conversations: list[list[dict]], longest: int = 48, seed: int | None = None) -> list[str]:
    """What a chat model says next in each conversation: greedily, or sampled at temperature 1 with a seed."""
    prompts = [tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False) for turns in conversations]
    end = tokenizer.convert_tokens_to_ids(texts.END_OF_TURN)
    return _written(model, tokenizer, prompts, seed, longest, end)


def solutions(model, tokenizer, problems: list[arithmetic.Problem], seed: int | None = None) -> list[str]:
    """The model's responses to problems."""
    return replies(model, tokenizer, [[{"role": "user", "content": problem.prompt}] for problem in problems], 80, seed)


def _sums(model, tokenizer, seed: int) -> str:
    problems = [arithmetic.draw(Random(f"samples {seed} {number}"), level=4, held_out=True) for number in range(4)]
    lines = [_story(model, tokenizer, seed)]
    for problem, text in zip(problems, solutions(model, tokenizer, problems, seed), strict=True):
        verdict = "right" if arithmetic.verify(problem, text).right else f"wrong, {problem.answer} is right"
        lines.append(f"  | {problem.prompt}{text}\n  = the verifier: {verdict}")
    return "\n".join(lines)


def _reply(model, tokenizer, seed: int) -> str:
    conversation = sequence_pairs.brought(Random(f"samples {seed}"), "validation")[:2]
    answer = replies(model, tokenizer, [conversation[:1]])[0]
    return f"  | ...{conversation[0]['content'][-120:]}\n  = {answer}   (wanted: {conversation[1]['content']})"


def _masks(model, tokenizer, seed: int) -> str:
    text = texts.story(Random(f"samples {seed}"), "validation").sentences[0].english
    ids = tokenizer(text, return_tensors="pt")["input_ids"].to(model.device)
    masked = ids.clone()
    masked[0, 3 : ids.shape[1] - 1 : 5] = tokenizer.mask_token_id
    filled = torch.where(masked == tokenizer.mask_token_id, model(masked).logits.argmax(-1), masked)
    shown = (tokenizer.decode(row[0], skip_special_tokens=False) for row in (masked, filled))
    return "  | {}\n  = {}".format(*shown)


SAMPLES = {"gpt-mini": _story, "gpt-mini-chat": _reply, "llama-mini": _sums, "t5-mini": _answers, "bert-mini": _masks}
