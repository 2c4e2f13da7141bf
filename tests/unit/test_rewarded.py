"""utils.small_models.rewarded: a few steps of GRPO on llama-mini, the judge's reading of a batch, the command's limits."""

import pytest
import torch

from utils.alignment.preferences import Answers
from utils.data import catalog
from utils.io import CommandError
from utils.small_models import recipes, rewarded, trainer
from utils.worlds.arithmetic import Problem

SETTINGS = {"steps": 2, "prompts": 2, "answers": 6, "longest": 40, "learning_rate": 1e-4, "form": 0.1, "seed": 0}


@pytest.fixture(scope="module")
def llama():
    return catalog.load("llama-mini")


def test_the_judge_reads_the_answers_alone_and_each_with_its_own_problem(llama):
    asked = [Problem("+", (10, 20, 30)), Problem("+", (11, 22, 33))]
    written = ["<think></think>60<|end|>", "<think></think>66<|end|>", "<think>0+0+0=0; 1+2+3=6</think>66", "66<|end|>"]
    prompts = [rewarded.prompt_of(problem, llama.tokenizer) for problem in asked for _ in range(2)]
    assert llama.tokenizer.decode(prompts[0]) == "<|user|>10+20+30=<|end|><|assistant|>"
    answers = Answers.of(prompts, [llama.tokenizer.encode(text, add_special_tokens=False) for text in written])
    found = rewarded.judgments(asked, answers, llama.tokenizer)
    assert [one.right for one in found] == [True, False, True, True]
    assert [one.formatted for one in found] == [True, True, True, False]
    assert [one.thinks for one in found] == [False, False, True, False]


def test_training_moves_a_copy_and_comes_out_the_same(llama):
    before = {name: weight.clone() for name, weight in llama.model.state_dict().items()}
    (first, rows), (second, others) = (rewarded.train(SETTINGS, llama.model, llama.tokenizer) for _ in range(2))
    assert all(torch.equal(before[name], weight) for name, weight in llama.model.state_dict().items())
    moved = max((weight - before[name]).abs().max().item() for name, weight in first.state_dict().items())
    assert 0 < moved <= 0.6e-4, "the first step's rewards are all equal, and the second has half the rate"
    assert all(torch.equal(weight, second.state_dict()[name]) for name, weight in first.state_dict().items())
    assert [row["step"] for row in rows] == [1, 2] and [row["reward"] for row in rows] == [row["reward"] for row in others]
    for row in rows:
        assert row["reward"] == pytest.approx(row["right"] + 0.1 * row["formatted"], abs=2e-4) and row["tokens"] > 4


def test_a_shortened_training_is_refused(tmp_path):
    with pytest.raises(CommandError, match="whole"):
        trainer.train("llama-mini-reasoner", minutes=1, out=tmp_path)
    assert recipes.read("llama-mini-reasoner").kind == "rewarded"
