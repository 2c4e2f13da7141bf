"""utils.models.llama against Transformers' Llama: same weights, same logits and gradients, with cache, padding, scaled RoPE."""

import dataclasses

import pytest
import torch
import transformers

from utils.models.llama import LLAMA, Llama
from utils.positions import RotaryPositions

B, T, V, C, H, G, N = 3, 9, 40, 24, 4, 2, 2
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10_000.0,
    "factor": 4.0,
    "original_max_position_embeddings": 16,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
}


def models(**changed):
    """Transformers' Llama with every parameter moved, in evaluation mode and 64 bits, and ours with its weights."""
    settings = {
        "vocab_size": V,
        "hidden_size": C,
        "intermediate_size": 40,
        "num_hidden_layers": N,
        "num_attention_heads": H,
        "num_key_value_heads": G,
        "max_position_embeddings": 64,
        "tie_word_embeddings": False,
        "attn_implementation": "sdpa",
    }
    torch.manual_seed(0)
    theirs = transformers.LlamaForCausalLM(transformers.LlamaConfig(**settings | changed)).double().eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return theirs, Llama.from_hf(theirs)


def batch(length: int = T):
    return torch.randint(V, (B, length), generator=torch.Generator().manual_seed(1))


CHANGED = [{}, {"tie_word_embeddings": True}, {"num_key_value_heads": H}, {"head_dim": 10}, {"rope_parameters": LLAMA3}]


@pytest.mark.parametrize("changed", CHANGED)
def test_logits_and_gradients_equal_transformers(changed):
    theirs, ours = models(**changed)
    ids = batch(48)
    wanted, found = theirs(ids).logits, ours(ids)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)  # angles are of 32 bits in both
    wanted.square().mean().backward()
    found.square().mean().backward()
    pairs = {
        "model.embed_tokens": ours.embedding,
        "model.layers.1.self_attn.k_proj": ours.decoder.blocks[1].self_attention.key_projection,
    }
    for name, module in pairs.items():
        torch.testing.assert_close(module.weight.grad, theirs.get_submodule(name).weight.grad, rtol=1e-4, atol=1e-6)


def test_the_cache_changes_nothing():
    _, ours = models(rope_parameters=LLAMA3)
    ids = batch()
    with torch.no_grad():
        whole, caches = ours(ids), ours.caches_for(T)
        pieces = [ours(piece, caches) for piece in ids.split([4, 1, 1, 3], dim=1)]
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole)


def test_rows_filled_up_at_their_left_equal_transformers_and_the_row_alone():
    theirs, ours = models()
    ids, mask = batch(), torch.ones(B, T, dtype=torch.bool)
    mask[1, :4] = mask[2, :7] = False
    places = (mask.cumsum(1) - 1).clamp(min=0)
    with torch.no_grad():
        found = ours(ids, mask=mask)
        wanted = theirs(ids, attention_mask=mask.long(), position_ids=places).logits
        alone = ours(ids[1:2, 4:])
    torch.testing.assert_close(found[mask], wanted[mask], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found[1:2, 4:], alone, rtol=1e-5, atol=1e-5)


def test_a_later_token_changes_nothing_before_it():
    _, ours = models()
    ids = batch()
    changed = ids.clone()
    changed[:, 5] = (ids[:, 5] + 1) % V
    with torch.no_grad():
        before, after = ours(ids), ours(changed)
    assert torch.equal(before[:, :5], after[:, :5])
    assert not torch.allclose(before[:, 5:], after[:, 5:])


@pytest.mark.parametrize(
    "changed, word", [({"hidden_act": "gelu"}, "silu"), ({"attention_bias": True}, "biases"), ({"mlp_bias": True}, "biases")]
)
def test_what_a_llama_has_not_is_refused(changed, word):
    with pytest.raises(ValueError, match=word):
        models(**changed)


def test_without_rotation_it_is_refused():
    with pytest.raises(ValueError, match="rotate=RotaryPositions"):
        Llama(V, LLAMA)


def test_first_weights_give_an_even_guess():
    torch.manual_seed(0)
    config = dataclasses.replace(
        LLAMA, width=C, heads=H, key_value_heads=G, hidden=40, layers=N, rotate=RotaryPositions(C // H)
    )
    logits = Llama(V, config)(batch())
    assert logits.std() < 0.2


@pytest.mark.parametrize("changed", CHANGED[:2])
def test_weights_go_back_to_transformers(changed):
    theirs, ours = models(**changed)
    before = {name: weight.clone() for name, weight in theirs.state_dict().items()}
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.add_(0.1)
    back = ours.to_hf(theirs)
    torch.testing.assert_close(back(batch()).logits, ours(batch()), rtol=1e-5, atol=1e-8)
    assert all(torch.equal(before[name], weight) for name, weight in theirs.state_dict().items()), "it is a copy"
