"""utils.sizes against models as they are made, PyTorch's counter of operations, real caches and optimizers, published figures."""

import pytest
import torch
import transformers
from torch.utils.flop_counter import FlopCounterMode

from utils import sizes
from utils.sizes import Sizes


def model(**changed):
    shape = {
        "vocab_size": 50,
        "hidden_size": 24,
        "intermediate_size": 40,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,  # not width / heads
        "tie_word_embeddings": True,
        "attn_implementation": "eager",
    }
    torch.manual_seed(0)
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**shape | changed)).eval()


@pytest.mark.parametrize("changed", [{}, {"tie_word_embeddings": False}, {"num_key_value_heads": 4, "num_hidden_layers": 1}])
def test_weights_are_those_of_the_model(changed):
    made = model(**changed)
    found = Sizes.of(made.config)
    assert found.parameters == sum(weight.numel() for weight in made.parameters())
    layers = sum(weight.numel() for name, weight in made.named_parameters() if "embed" not in name and "lm_head" not in name)
    assert found.non_embedding == layers


@torch.no_grad()
def test_operations_are_those_that_pytorch_counts():
    made = model()
    found = Sizes.of(made.config)
    with FlopCounterMode(display=False) as counter:
        made(torch.arange(12)[None])
    assert found.forward_flops(12) == counter.get_total_flops()
    cache = transformers.DynamicCache(config=made.config)
    made(torch.arange(12)[None], past_key_values=cache)
    with FlopCounterMode(display=False) as counter:
        made(torch.arange(5)[None], past_key_values=cache)
    assert found.forward_flops(5, past=12) == counter.get_total_flops()


@torch.no_grad()
def test_the_cache_takes_the_bytes_that_are_calculated():
    made = model()
    cache = transformers.DynamicCache(config=made.config)
    made(torch.arange(14).view(2, 7), past_key_values=cache)
    kept = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)
    assert Sizes.of(made.config).cache_bytes(7, batch=2, bits=32) == kept


def test_training_takes_the_bytes_that_are_calculated():
    layer = torch.nn.Linear(30, 20)
    count = sum(weight.numel() for weight in layer.parameters())
    for how, optimizer in (
        ("adam, 32 bit", torch.optim.AdamW(layer.parameters())),
        ("sgd, 32 bit", torch.optim.SGD(layer.parameters())),
    ):
        optimizer.zero_grad()
        layer(torch.ones(2, 30)).sum().backward()
        optimizer.step()
        states = sum(x.nbytes for state in optimizer.state.values() for x in state.values() if x is not None and x.dim())
        assert sizes.training_bytes(count, how) == sum(w.nbytes + w.grad.nbytes for w in layer.parameters()) + states


def test_published_figures():
    llama = Sizes(128_256, 4096, 32, 32, 8, 128, 14_336, tied=False)
    assert llama.parameters == 8_030_261_248  # Llama 3.1 8B
    assert llama.cache_bytes(1) == 131_072
    assert sizes.training_flops(405e9, 15.6e12) == pytest.approx(3.8e25, rel=0.01)
    weights, tokens = sizes.compute_optimal(5.76e23)
    assert weights == pytest.approx(70e9, rel=0.02) and tokens == pytest.approx(1.4e12, rel=0.02)
    assert sizes.training_flops(weights, tokens) == pytest.approx(5.76e23)
    assert sizes.training_bytes(7.5e9) == 120e9
    assert sizes.weight_bytes(8, 4.5) == 4.5
    assert sizes.gpu_hours(3600e12, 1e12, 0.5) == 2.0


@pytest.mark.parametrize(
    "call",
    [
        lambda: sizes.compute_optimal(0),
        lambda: sizes.training_bytes(1, "lion"),
        lambda: sizes.gpu_hours(1, 1, 0),
        lambda: sizes.gpu_hours(1, 1, 40),
    ],
)
def test_what_makes_no_sense_is_refused(call):
    with pytest.raises(ValueError):
        call()
