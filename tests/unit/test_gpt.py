"""utils.models.gpt against Transformers' GPT-2: same weights, same logits and gradients, with cache and with left padding."""

import dataclasses

import pytest
import torch
import transformers

from utils.models import gpt
from utils.models.gpt import GPT, GPT2

B, T, V, C, H, N, LONGEST = 3, 10, 40, 24, 3, 2, 32


def models(**changed):
    """Transformers' GPT-2 with every parameter moved, in evaluation mode, and ours with its weights."""
    settings = {"vocab_size": V, "n_embd": C, "n_head": H, "n_layer": N, "n_positions": LONGEST, "attn_implementation": "eager"}
    settings |= {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0, "bos_token_id": 0, "eos_token_id": 0}
    torch.manual_seed(0)
    theirs = transformers.GPT2LMHeadModel(transformers.GPT2Config(**settings | changed)).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return theirs, GPT.from_hf(theirs)


def batch():
    """Ids (B, T) of which 0, 3 and 7 stand at the left for nothing, and their mask."""
    ids = torch.randint(1, V, (B, T), generator=torch.Generator().manual_seed(1))
    mask = torch.arange(T) >= torch.tensor([0, 3, 7])[:, None]
    return ids.masked_fill(~mask, 0), mask


def places(mask):
    return (mask.long().cumsum(1) - 1).clamp(min=0)


def close(found, wanted):
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("changed", [{}, {"n_inner": 40}, {"tie_word_embeddings": False}])
def test_logits_and_gradients_equal_transformers(changed):
    theirs, ours = models(**changed)
    ids, _ = batch()
    wanted, found = theirs(ids).logits, ours(ids)
    close(found, wanted)
    for logits in (wanted, found):
        logits.cos().sum().backward()
    block, own = theirs.transformer.h[1], ours.decoder.blocks[1]
    pairs = [(theirs.transformer.wte.weight.grad, ours.embedding.weight.grad)]
    pairs += [(theirs.transformer.wpe.weight.grad, ours.embedding.positions.weight.grad)]
    pairs += [(block.attn.c_attn.weight.grad[:, C : 2 * C].T, own.self_attention.key_projection.weight.grad)]
    pairs += [(block.mlp.c_proj.weight.grad.T, own.feed_forward.outer.weight.grad)]
    for a, b in pairs:
        assert a.abs().max() > 1e-3
        assert (a - b).norm() < 1e-3 * a.norm()
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())
    assert (ours.head.weight is ours.embedding.weight) == ("tie_word_embeddings" not in changed)


def test_back_to_transformers_and_the_pattern_keeps_its_own_weights():
    theirs, ours = models()
    with torch.no_grad():
        for weight in ours.parameters():
            weight += 0.1 * torch.randn_like(weight)
    before = {name: weight.clone() for name, weight in theirs.state_dict().items()}
    back, ids = ours.to_hf(theirs), torch.randint(V, (2, 7))
    torch.testing.assert_close(back(ids).logits, ours(ids), atol=1e-5, rtol=1e-5)
    assert all(torch.equal(weight, before[name]) for name, weight in theirs.state_dict().items())
    assert not torch.equal(back.lm_head.weight, theirs.lm_head.weight)


def test_left_padding_changes_nothing_and_equals_transformers():
    theirs, ours = models()
    ids, mask = batch()
    with torch.no_grad():
        found = ours(ids, mask=mask)
        wanted = theirs(ids, attention_mask=mask.long(), position_ids=places(mask)).logits
        close(found[mask], wanted[mask])
        for row, real in zip(range(B), mask):
            close(found[row][real], ours(ids[row][real][None])[0])


def test_right_padding_changes_nothing():
    _, ours = models()
    ids, mask = batch()
    ids, mask = ids.flip(1), mask.flip(1)
    with torch.no_grad():
        close(ours(ids, mask=mask)[mask], ours(ids)[mask])


@pytest.mark.parametrize("steps", [(T,), (1,) * T, (4, 1, 3, 2)])
def test_with_cache_equals_all_at_once(steps):
    theirs, ours = models()
    ids, mask = batch()
    for given in (None, mask):
        with torch.no_grad():
            caches, end, found = ours.caches_for(T), 0, []
            for size in steps:
                begin, end = end, end + size
                found.append(ours(ids[:, begin:end], caches, None if given is None else given[:, :end]))
            found = torch.cat(found, 1)
            real = torch.ones_like(mask) if given is None else given
            wanted = theirs(ids, attention_mask=real.long(), position_ids=places(real)).logits
            close(found[real], wanted[real])


def read(model, ids, mask=None):
    """The logits by the reader: the first four tokens together, then one by one."""
    with torch.no_grad():
        reader, found = model.reader(ids.shape[1]), []
        for begin, end in [(0, 4), *((t, t + 1) for t in range(4, ids.shape[1]))]:
            found.append(reader(ids[:, begin:end], None if mask is None else mask[:, :end]))
        return model.head(torch.cat(found, 1))


def test_the_short_way_of_a_single_token_computes_the_same():
    _, ours = models()
    ids, mask = batch()
    with torch.no_grad():
        close(read(ours, ids), ours(ids))
        close(read(ours, ids, mask)[mask], ours(ids, mask=mask)[mask])
    assert gpt._is_plain(ours)


class Doubled(torch.nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


def exchanged(model):
    attention = model.decoder.blocks[0].self_attention
    other = Doubled(C, C)
    other.load_state_dict(attention.value_projection.state_dict())
    attention.value_projection = other


def hooked(model):
    model.decoder.blocks[1].self_attention.output_projection.register_forward_pre_hook(lambda module, given: (0 * given[0],))


def patched(model):
    model.decoder.blocks[0].feed_forward.forward = torch.zeros_like


@pytest.mark.parametrize("change", [exchanged, hooked, patched])
def test_the_short_way_is_left_where_a_module_does_something_else(change):
    _, ours = models()
    ids, _ = batch()
    before = read(ours, ids)
    change(ours)
    with torch.no_grad():
        close(read(ours, ids), ours(ids))
    assert (read(ours, ids) - before).abs().max() > 0.01


@pytest.mark.parametrize(
    "changed", [{"activation": "relu"}, {"scale": 1.0}, {"norm": "rms"}, {"key_value_heads": 1}, {"bias": False}]
)
def test_the_short_way_is_that_of_gpt2_alone(changed):
    torch.manual_seed(0)
    model = GPT(V, dataclasses.replace(GPT2, width=C, heads=H, hidden=4 * C, layers=1, **changed), LONGEST).eval()
    ids, _ = batch()
    with torch.no_grad():
        close(read(model, ids), model(ids))


def test_first_weights_are_transformers():
    torch.manual_seed(0)
    settings = {"vocab_size": 300, "n_embd": 128, "n_head": 4, "n_layer": 3, "n_positions": 100}
    copied = GPT.from_hf(transformers.GPT2LMHeadModel(transformers.GPT2Config(**settings)))
    ours = GPT(300, dataclasses.replace(copied.config, dropout=0.0), 100)
    for (name, mine), other in zip(ours.named_parameters(), copied.parameters(), strict=True):
        assert mine.std().item() == pytest.approx(other.std().item(), rel=0.1, abs=1e-4), name


def test_dropout_stands_where_gpt2_has_it():
    config = dataclasses.replace(GPT2, width=C, heads=H, hidden=4 * C, layers=1, dropout=0.5)
    model = GPT(V, config, LONGEST)
    with torch.no_grad():
        model.decoder.blocks[0].self_attention.output_projection.weight.zero_()
    x = torch.randn(1, 400, C)
    model.embedding.dropout.p = 0.0
    block = model.decoder.blocks[0]
    assert block.feed_forward(x).equal(block.feed_forward(x))  # no hidden unit is dropped
    dropped = ((block(x, causal=True) - x) == 0).float().mean()
    assert dropped.item() == pytest.approx(0.5, abs=0.05)
    assert block.self_attention.dropout == 0.5


def test_learns():
    torch.manual_seed(0)
    model = GPT(V, dataclasses.replace(GPT2, width=C, heads=H, hidden=4 * C, layers=1, dropout=0.0), LONGEST)
    ids = torch.randint(V, (4, 12))
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(60):
        loss = torch.nn.functional.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.3


def test_what_is_not_gpt2_is_refused():
    for changed, message in [
        ({"activation_function": "relu"}, "activation is relu"),
        ({"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx"),
        ({"scale_attn_weights": False}, "scale_attn_weights"),
        ({"attn_pdrop": 0.3}, "different dropouts"),
    ]:
        with pytest.raises(ValueError, match=message):
            models(**changed)


def test_too_long_and_misshapen_are_refused():
    _, ours = models()
    ids, mask = batch()
    with pytest.raises(ValueError, match="33 tokens, and this model has positions for 32"):
        ours.caches_for(LONGEST + 1)
    with pytest.raises(ValueError, match="place 32 was asked for"):
        ours(torch.ones(1, LONGEST + 1, dtype=torch.long))
    with pytest.raises(ValueError, match="mask has the shape"):
        ours(ids, mask=mask[:, 1:])


def test_a_model_of_the_catalog():
    ours = GPT.from_pretrained("gpt-mini")
    assert ours.longest == 320 and ours.embedding.weight.shape == (3072, 192) and not ours.training
