"""`llama-mini-reasoner`: llama-mini after GRPO, with rewards by a program for the right answer and the right form.

    train(settings, model, tokenizer)    the model after GRPO, and the rows of a log

Nobody shows it a solution: it reads sums, answers each several times, and what is right is made likelier (lesson 24).
"""

from __future__ import annotations

import time
from random import Random

import torch
from torch import Tensor, nn

from utils.alignment import grpo, preferences
from utils.alignment.grpo import Variant
from utils.alignment.preferences import Answers
from utils.io import say
from utils.models.llama import Llama
from utils.small_models import texts
from utils.worlds import arithmetic

LEVEL = 4  # sums of three numbers of two digits
PARTS = 2  # of a batch, by length


def train(settings: dict, model: nn.Module, tokenizer) -> tuple[nn.Module, list[dict]]:
    """A LlamaForCausalLM after GRPO, and a row of the log for each step.

    settings: steps, prompts, answers (to each), longest (tokens), learning_rate (falls to zero in a line), form (the reward
    for the right form, beside 1 for the right answer), seed.
    """
    policy = Llama.from_hf(model).requires_grad_(True)
    end, pad = tokenizer.convert_tokens_to_ids(texts.END_OF_TURN), tokenizer.pad_token_id
    draws, problems = torch.Generator().manual_seed(settings["seed"]), Random(settings["seed"])
    optimizer = torch.optim.AdamW(policy.parameters(), lr=settings["learning_rate"], weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / settings["steps"])
    rows, start = [], time.perf_counter()
    for step in range(1, settings["steps"] + 1):
        asked = [arithmetic.draw(problems, LEVEL) for _ in range(settings["prompts"])]
        prompts = [prompt_of(problem, tokenizer) for problem in asked]
        answers = grpo.group_rollout(policy, prompts, settings["answers"], settings["longest"], draws, end, pad)
        judged = judgments(asked, answers, tokenizer)
        rewards = torch.tensor([judgment.right + settings["form"] * judgment.formatted for judgment in judged])
        _descend(policy, optimizer, answers, grpo.group_advantages(rewards.view(len(asked), -1)).flatten())
        schedule.step()
        row = {"step": step, "reward": rewards.mean().item(), "tokens": answers.lengths.float().mean().item()}
        row |= {name: sum(getattr(one, name) for one in judged) / len(judged) for name in ("right", "thinks", "formatted")}
        rows.append({name: round(value, 4) for name, value in row.items()})
        rows[-1]["seconds"] = round(time.perf_counter() - start, 1)
        if step % 5 == 0:
            say(f"step {step} of {settings['steps']}: right {row['right']:.0%}, thinks {row['thinks']:.0%}")
    return policy.to_hf(model), rows


def prompt_of(problem: arithmetic.Problem, tokenizer) -> list[int]:
    """The problem as the model's chat template has it, up to where the answer begins."""
    turns = [{"role": "user", "content": problem.prompt}]
    return tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False)


def judgments(asked: list[arithmetic.Problem], answers: Answers, tokenizer) -> list[arithmetic.Judgment]:
    """The verifier's judgment of each row; the answers to one problem stand next to each other."""
    each = len(answers.ids) // len(asked)
    written = tokenizer.batch_decode([ids[mask] for ids, mask in zip(*answers)], skip_special_tokens=False)
    texts_of = [text.removesuffix(texts.END_OF_TURN) for text in written]
    return [arithmetic.verify(asked[row // each], text) for row, text in enumerate(texts_of)]


def _descend(policy: nn.Module, optimizer: torch.optim.Optimizer, answers: Answers, advantages: Tensor) -> None:
    """One step on a batch, in parts of like length."""
    optimizer.zero_grad()
    variant = Variant()
    for rows, part, weight in grpo.batches_by_length(answers, PARTS, variant):
        log_probs = preferences.token_log_probs(policy, part)
        (weight * grpo.grpo_loss(log_probs, log_probs.detach(), advantages[rows], part.mask[:, 1:], variant)).backward()
    torch.nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
    optimizer.step()
