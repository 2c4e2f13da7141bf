"""utils.experiments.medical: LitGPT's adapter in the course's LoRA, its log, and how answers are judged."""

import pytest
import torch
import transformers

from utils import lora
from utils.experiments import medical

LOG = """Validating ...
Epoch 1 | iter 1 step 1 | loss train: 3.500, val: 3.905 | iter time: 9.00 ms (step)
Epoch 1 | iter 2 step 2 | loss train: 2.250, val: 3.905 | iter time: 9.00 ms (step)
iter 2: val loss 1.4788, val time: 9.00 ms
Epoch 2 | iter 3 step 3 | loss train: 1.125, val: 1.479 | iter time: 9.00 ms (step)
Final evaluation | val loss: 0.500 | val ppl: 1.649
"""


@pytest.fixture(scope="module")
def llama():
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=3, num_key_value_heads=1, vocab_size=99
    )
    return transformers.LlamaForCausalLM(config).eval()


def fused(r=2, width=24, inner=40) -> dict[str, torch.Tensor]:
    """An adapter as LitGPT keeps it, for the model above: head size 8."""
    sizes = {"attn.qkv": (3 * r, width, 40), "attn.proj": (r, width, width), "mlp.fc_1": (r, width, inner)}
    sizes |= {"mlp.fc_2": (r, width, inner), "mlp.proj": (r, inner, width)}
    found = {}
    for layer in range(2):
        for name, (rows, inside, out) in sizes.items():
            found[f"transformer.h.{layer}.{name}.lora_A"] = torch.randn(rows, inside)
            found[f"transformer.h.{layer}.{name}.lora_B"] = torch.randn(out, r)
    return found


def test_litgpt_s_adapter_fits_the_course_s_layers(llama):
    state, found = fused(), medical.from_litgpt(fused(), heads=3, groups=1)
    assert len(found) == 2 * 2 * 7 and set(found) == {
        f"model.layers.{n}.{place}.lora_{x}.weight"
        for n in range(2)
        for place in (*(f"self_attn.{one}_proj" for one in "qkvo"), *(f"mlp.{one}_proj" for one in ("gate", "up", "down")))
        for x in "AB"
    }
    found = medical.from_litgpt(state, heads=3, groups=1)
    whole_a, whole_b = (state[f"transformer.h.1.attn.qkv.lora_{x}"] for x in "AB")
    for k, (letter, rows) in enumerate(zip("qkv", (slice(0, 24), slice(24, 32), slice(32, 40)))):
        place = f"model.layers.1.self_attn.{letter}_proj.lora_"
        assert torch.equal(found[place + "A.weight"], whole_a[2 * k : 2 * k + 2])
        assert torch.equal(found[place + "B.weight"], whole_b[rows])
    lora.add(llama, lora.Config(lora.TARGETS["llama"][1], rank=2))
    shapes = {name.removeprefix(lora.PREFIX): value.shape for name, value in lora.state(llama).items()}
    assert shapes == {name: value.shape for name, value in found.items()}
    assert torch.equal(found["model.layers.0.mlp.up_proj.lora_B.weight"], state["transformer.h.0.mlp.fc_2.lora_B"])


def test_what_is_no_lora_weight_is_refused():
    with pytest.raises(ValueError, match="transformer.wte.weight is no LoRA weight"):
        medical.from_litgpt({"transformer.wte.weight": torch.zeros(1)}, 3, 1)


def test_losses_of_steps_and_each_new_validation():
    assert medical.losses(LOG) == {"training": [3.5, 2.25, 1.125], "validation": [3.905, 1.4788, 0.5]}


def test_offered_answers_begin_with_the_right_one_and_are_drawn_once():
    facts = [{"fact_id": str(k), "topic": str(k % 4), "answer": f"answer {k}"} for k in range(20)]
    found = medical.offered(facts, facts)
    assert found == medical.offered(facts, facts) and all(len(set(some)) == 6 for some in found)
    for fact, some in zip(facts, found):
        topics = [facts[int(answer.split()[1])]["topic"] == fact["topic"] for answer in some]
        assert some[0] == fact["answer"] and topics == [True] * 3 + [False] * 3


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("Call emergency services at once.", True),
        ("Call 112.", True),
        ("An Ambulance is needed", True),
        ("Drink water.", False),
        ("It took 112 days.", False),
    ],
)
def test_calls_for_help(text, calls):
    assert medical.calls_for_help(text) is calls


class Letters:
    """A tokenizer whose tokens are letters."""

    def __call__(self, text, return_tensors=None):
        ids = [ord(letter) - 30 for letter in text]
        return transformers.BatchEncoding({"input_ids": torch.tensor([ids]) if return_tensors else ids})


def test_scores_are_those_of_reading_each_answer_alone(llama):
    answers = ["ab", "abcde", "x"]
    found = medical.answer_scores(llama, Letters(), "why", answers)
    for answer, score in zip(answers, found):
        ids = Letters()("why" + answer, return_tensors="pt").input_ids
        with torch.no_grad():
            logs = llama(ids).logits.log_softmax(-1)[0, 2:-1]
        assert score == pytest.approx((logs.gather(-1, ids[0, 3:, None]).sum() / len(answer)).item(), abs=1e-5)


def test_vectors_stand_in_the_order_of_the_texts_and_know_no_padding():
    config = transformers.BertConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, vocab_size=99
    )
    torch.manual_seed(0)
    encoder = transformers.BertModel(config).eval()

    def tokenizer(texts, **_):
        ids = [torch.tensor([ord(letter) - 30 for letter in text]) for text in texts]
        ones = [torch.ones(len(one), dtype=torch.long) for one in ids]
        pad = torch.nn.utils.rnn.pad_sequence
        return {"input_ids": pad(ids, batch_first=True), "attention_mask": pad(ones, batch_first=True)}

    texts = ["abcdef", "a", "xyz", "bc"]
    found = medical.vectors(encoder, tokenizer, texts)
    alone = [medical.vectors(encoder, tokenizer, [text])[0] for text in texts]
    assert found == pytest.approx(torch.tensor(alone).numpy(), abs=1e-5) and (found**2).sum(1) == pytest.approx(1, abs=1e-5)
