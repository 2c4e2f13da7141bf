"""utils.attention against PyTorch's own attention: same weights, same outputs, same gradients."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn

from utils import attention as attention_module
from utils.attention import (
    KeyValueCache,
    MultiHeadAttention,
    causal_mask,
    fused_attention,
    length_mask,
    padding_mask,
    scaled_dot_product_attention,
    tiled_attention,
)

B, T, S, C, H = 3, 6, 5, 24, 4
quick = settings(max_examples=25, deadline=None)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def leaves(*tensors):
    return [tensor.detach().clone().requires_grad_() for tensor in tensors]


def some_mask(*shape):
    """A random mask in which every query may attend to at least one key."""
    mask = torch.rand(*shape) < 0.6
    mask[..., 0] = True
    return mask


# The comparisons. The planted faults below must fail in these same functions.


def assert_same_function(attention):
    """attention(query, key, value, mask) gives PyTorch's outputs and gradients, with all kinds of masks."""
    for shape in (None, (T, S), (B, 1, 1, S), (B, 1, T, S), (B, H, T, S)):
        tensors = torch.randn(B, H, T, 8), torch.randn(B, H, S, 8), torch.randn(B, H, S, 8)
        mask = None if shape is None else some_mask(*shape)
        mine, theirs = leaves(*tensors), leaves(*tensors)
        output = attention(*mine, mask)
        expected = F.scaled_dot_product_attention(*theirs, attn_mask=mask)
        torch.testing.assert_close(output, expected)
        direction = torch.randn_like(expected)
        output.backward(direction)
        expected.backward(direction)
        for a, b in zip(mine, theirs, strict=True):
            torch.testing.assert_close(a.grad, b.grad)


def assert_same_module(kind=MultiHeadAttention, need_weights=False, bias=True):
    """The module gives the outputs, weights and gradients of torch.nn.MultiheadAttention with the same weights."""
    reference = nn.MultiheadAttention(C, H, bias=bias, batch_first=True)
    for parameter in reference.parameters():  # its biases start at zero, which would hide a fault
        nn.init.normal_(parameter, std=0.3)
    module = kind(C, H, bias=bias).load_from_torch(reference)
    padding = length_mask(torch.tensor([3, 5, 4]))
    causal = causal_mask(T)
    cases = [  # own arguments, the reference's: its masks say True where a query may NOT attend
        (False, {}, {}),
        (False, {"causal": True}, {"attn_mask": ~causal}),
        (True, {}, {}),
        (True, {"mask": padding}, {"key_padding_mask": ~padding[:, 0, 0]}),
        (True, {"mask": some_mask(T, S)}, None),
    ]
    for cross, own, other in cases:
        tensors = [torch.randn(B, T, C), torch.randn(B, S, C)][: 1 + cross]
        other = {"attn_mask": ~own["mask"]} if other is None else other
        mine, theirs = leaves(*tensors), leaves(*tensors)
        output, weights = module(*mine, **own, need_weights=True) if need_weights else (module(*mine, **own), None)
        expected, expected_weights = reference(theirs[0], theirs[-1], theirs[-1], **other, average_attn_weights=False)
        torch.testing.assert_close(output, expected)
        if need_weights:
            torch.testing.assert_close(weights, expected_weights)
        direction = torch.randn_like(expected)
        module.zero_grad()
        reference.zero_grad()
        output.backward(direction)
        expected.backward(direction)
        for a, b in zip(mine, theirs, strict=True):
            torch.testing.assert_close(a.grad, b.grad)
        projections = (module.query_projection, module.key_projection, module.value_projection)
        torch.testing.assert_close(torch.cat([p.weight.grad for p in projections]), reference.in_proj_weight.grad)
        torch.testing.assert_close(module.output_projection.weight.grad, reference.out_proj.weight.grad)
        if bias:
            # The key's bias adds the same to all scores of a row: its gradient is zero but for rounding.
            mine = torch.cat([p.bias.grad for p in projections])
            torch.testing.assert_close(mine, reference.in_proj_bias.grad, atol=1e-5, rtol=1e-5)


def assert_blind_to_the_future(module, cut, length=T):
    x = torch.randn(2, length, C)
    changed = x.clone()
    changed[:, cut:] = torch.randn(2, length - cut, C) * 100
    for need_weights in (False, True):
        outputs = [module(each, causal=True, need_weights=need_weights) for each in (x, changed)]
        first, second = (out[0] if need_weights else out for out in outputs)
        torch.testing.assert_close(first[:, :cut], second[:, :cut], rtol=0, atol=1e-6)
        assert cut == length or not torch.allclose(first[:, cut:], second[:, cut:])


def assert_cache_equals_full_pass(module, chunks):
    x = torch.randn(2, sum(chunks), C)
    cache = KeyValueCache(capacity=sum(chunks))
    with torch.no_grad():
        whole = module(x, causal=True)
        parts = [module(part, causal=True, cache=cache) for part in x.split(chunks, dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1), whole)
    assert cache.length == sum(chunks)


# Equality


def test_function_equals_torch():
    assert_same_function(lambda query, key, value, mask: scaled_dot_product_attention(query, key, value, mask)[0])
    assert_same_function(fused_attention)


@pytest.mark.parametrize("need_weights", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_module_equals_torch(need_weights, bias):
    assert_same_module(need_weights=need_weights, bias=bias)


def test_double_precision_equality_is_exact_to_rounding():
    query, key, value = (torch.randn(2, 2, 7, 16, dtype=torch.float64) for _ in range(3))
    output, _ = scaled_dot_product_attention(query, key, value, causal_mask(7))
    expected = F.scaled_dot_product_attention(query, key, value, is_causal=True)
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-14)


def test_values_may_be_wider_than_keys_and_any_leading_axes():
    output, weights = scaled_dot_product_attention(torch.randn(T, 8), torch.randn(S, 8), torch.randn(S, 3))
    assert output.shape == (T, 3) and weights.shape == (T, S)


def test_scale_replaces_the_root():
    query, key, value = torch.randn(T, 16), torch.randn(S, 16), torch.randn(S, 16)
    _, weights = scaled_dot_product_attention(query, key, value, scale=1.0)
    torch.testing.assert_close(weights, (query @ key.T).softmax(-1))


def test_dropout_keeps_the_expectation_and_rests_in_evaluation():
    module = MultiHeadAttention(C, H, dropout=0.5)
    x = torch.randn(1, T, C)
    assert not torch.equal(module(x), module(x))
    for need_weights in (False, True):
        runs = [module(x.expand(4000, T, C), need_weights=need_weights) for _ in range(2)]
        mean = torch.stack([run[0] if need_weights else run for run in runs]).mean((0, 1))
        torch.testing.assert_close(mean, module.eval()(x)[0], rtol=0, atol=0.05)
        module.train()
    weights = module(x, need_weights=True)[1]  # they are given as they were before dropout
    torch.testing.assert_close(weights.sum(-1), torch.ones(1, H, T))
    module.eval()
    assert torch.equal(module(x), module(x))


# Planted faults: the comparisons above must see them


def wrong_mask(query, key, value, mask):
    return scaled_dot_product_attention(query, key, value, None if mask is None else ~mask)[0]


def no_root(query, key, value, mask):
    return scaled_dot_product_attention(query, key, value, mask, scale=1.0)[0]


def wrong_axis(query, key, value, mask):
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    scores = scores if mask is None else scores.masked_fill(~mask, -1e9)
    return scores.softmax(-2) @ value


def softmax_before_mask(query, key, value, mask):
    weights = (query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])).softmax(-1)
    return (weights if mask is None else weights * mask) @ value


@pytest.mark.parametrize("fault", [wrong_mask, no_root, wrong_axis, softmax_before_mask])
def test_a_planted_fault_in_the_function_is_seen(fault):
    with pytest.raises(AssertionError):
        assert_same_function(fault)


class ViewedHeads(MultiHeadAttention):
    """Splits the heads with view alone: the numbers of different positions get mixed."""

    def _split(self, x):
        return x.reshape(x.shape[0], self.heads, x.shape[1], -1)


class InterleavedHeads(MultiHeadAttention):
    """Takes every H-th number for a head, where PyTorch takes D in a row."""

    def _split(self, x):
        return x.unflatten(-1, (-1, self.heads)).movedim(-1, 1)


class SwappedKeysAndValues(MultiHeadAttention):
    def _keys_and_values(self, x, context, cache):
        return super()._keys_and_values(x, context, cache)[::-1]


class OwnContext(MultiHeadAttention):
    """Cross-attention that attends to itself."""

    def _keys_and_values(self, x, context, cache):
        return super()._keys_and_values(x if context is None else x[:, : context.shape[1]], None, cache)


@pytest.mark.parametrize("fault", [ViewedHeads, InterleavedHeads, SwappedKeysAndValues, OwnContext])
def test_a_planted_fault_in_the_module_is_seen(fault):
    with pytest.raises(AssertionError):
        assert_same_module(fault)


class ForgetfulCausality(MultiHeadAttention):
    def forward(self, x, context=None, mask=None, causal=False, need_weights=False, cache=None):
        return super().forward(x, context, mask, False, need_weights, cache)


def test_a_planted_fault_in_the_causal_mask_is_seen():
    with pytest.raises(AssertionError):
        assert_blind_to_the_future(ForgetfulCausality(C, H), 3)
    with pytest.raises(AssertionError):
        assert_cache_equals_full_pass(ForgetfulCausality(C, H), [2, 2, 2])


# Properties


@quick
@given(length=st.integers(1, 9), data=st.data())
def test_no_future_token_changes_a_past_output(length, data):
    cut = data.draw(st.integers(0, length))
    assert_blind_to_the_future(MultiHeadAttention(C, H), cut, length)


@quick
@given(chunks=st.lists(st.integers(1, 4), min_size=1, max_size=6))
def test_cache_equals_the_full_pass(chunks):
    assert_cache_equals_full_pass(MultiHeadAttention(C, H), chunks)


@quick
@given(order=st.permutations(range(T)))
def test_attention_is_blind_to_order(order):
    module = MultiHeadAttention(C, H)
    x = torch.randn(2, T, C)
    torch.testing.assert_close(module(x[:, list(order)]), module(x)[:, list(order)])
    context = torch.randn(2, T, C)
    torch.testing.assert_close(module(x, context[:, list(order)]), module(x, context))


@quick
@given(lengths=st.lists(st.integers(0, S), min_size=1, max_size=4))
def test_weights_sum_to_one_or_to_zero(lengths):
    lengths = torch.tensor(lengths)
    x, context = torch.randn(len(lengths), T, C), torch.randn(len(lengths), S, C)
    _, weights = MultiHeadAttention(C, H)(x, context, mask=length_mask(lengths, S), need_weights=True)
    assert (weights >= 0).all()
    expected = (lengths > 0).float()[:, None, None].expand(-1, H, T)
    torch.testing.assert_close(weights.sum(-1), expected)
    for row, length in zip(weights, lengths, strict=True):
        assert not row[..., length:].any()


@pytest.mark.parametrize("need_weights", [False, True])
def test_padding_has_no_influence(need_weights):
    module = MultiHeadAttention(C, H)
    lengths = torch.tensor([2, 5, 4])
    mask = length_mask(lengths)
    x = torch.randn(3, 5, C)
    loud = torch.where(mask[:, 0, 0, :, None], x, torch.full_like(x, 1e4))
    outputs = [module(each, mask=mask, need_weights=need_weights) for each in (x, loud)]
    first, second = (out[0] if need_weights else out for out in outputs)
    for row, length in enumerate(lengths):
        torch.testing.assert_close(first[row, :length], second[row, :length])
        alone = module(x[row : row + 1, :length])
        torch.testing.assert_close(first[row : row + 1, :length], alone)


def test_nothing_to_attend_gives_zeros_and_finite_gradients():
    mask = torch.ones(T, S, dtype=torch.bool)
    mask[2] = False
    query, key, value = leaves(torch.randn(B, H, T, 8), torch.randn(B, H, S, 8), torch.randn(B, H, S, 8))
    explicit, weights = scaled_dot_product_attention(query, key, value, mask)
    fused = fused_attention(query, key, value, mask)
    torch.testing.assert_close(explicit, fused)
    for output in (explicit, fused):
        assert not output[:, :, 2].any()
        gradients = torch.autograd.grad(output.sum(), (query, key, value), retain_graph=True)
        assert all(gradient.isfinite().all() for gradient in gradients)
        assert not gradients[0][:, :, 2].any()
    assert not weights[:, :, 2].any()
    # How PyTorch differs, as the module says.
    assert not F.scaled_dot_product_attention(query, key, value, attn_mask=mask)[:, :, 2].any()
    reference = nn.MultiheadAttention(C, H, batch_first=True)
    x, context = torch.randn(1, T, C), torch.randn(1, S, C)
    assert reference(x, context, context, attn_mask=~mask)[0][:, 2].isnan().all()


def test_a_bias_that_leaves_a_query_nothing_gives_zeros_and_finite_gradients():
    """A row that is closed by the bias alone, by mask and bias together, and one that is half closed."""
    closed = torch.randn(T, S)
    closed[2] = -torch.inf
    closed[4, 1:] = -torch.inf
    rest = torch.ones(T, S, dtype=torch.bool)
    rest[4, 0] = False
    together = closed[None, None].expand(B, H, T, S).contiguous()
    for added, mask, empty in ((closed, None, [2]), (closed, rest, [2, 4]), (together, None, [2]), (together, rest, [2, 4])):
        query, key, value, bias = leaves(torch.randn(B, H, T, 8), torch.randn(B, H, S, 8), torch.randn(B, H, S, 8), added)
        explicit, weights = scaled_dot_product_attention(query, key, value, mask, bias=bias)
        fused = fused_attention(query, key, value, mask, bias=bias)
        gradients = []
        for output in (explicit, fused):
            assert not output[:, :, empty].any() and output.isfinite().all()
            found = torch.autograd.grad(output.square().sum(), (query, key, value, bias))
            assert all(gradient.isfinite().all() for gradient in found)
            assert not found[0][:, :, empty].any() and not found[3][..., empty, :].any()
            gradients.append((output, *found))
        torch.testing.assert_close(*gradients)
        assert not weights[:, :, empty].any() and not weights[..., 4, 1:].any()
        full = [row for row in range(T) if row not in empty]
        plain = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)  # PyTorch's, where nothing is empty
        if mask is None:
            torch.testing.assert_close(fused[:, :, full], plain[:, :, full])
    assert (
        scaled_dot_product_attention(torch.randn(4, 8), torch.randn(4, 8), torch.randn(4, 8), bias=closed[:4, :4])[0]
        .isfinite()
        .all()
    )


def test_causal_and_padding_together():
    module = MultiHeadAttention(C, H)
    x, padding = torch.randn(3, 5, C), length_mask(torch.tensor([2, 5, 4]))
    expected = module(x, mask=padding & causal_mask(5))
    torch.testing.assert_close(module(x, mask=padding, causal=True), expected)
    torch.testing.assert_close(module(x, mask=padding, causal=True, need_weights=True)[0], expected)


def test_arguments_stay_as_they_are():
    x, context, mask = torch.randn(2, T, C), torch.randn(2, S, C), some_mask(2, 1, T, S)
    copies = x.clone(), context.clone(), mask.clone()
    module = MultiHeadAttention(C, H)
    with torch.no_grad():
        module(x, context, mask=mask)
        module(x, context, mask=mask, need_weights=True)
        module(x, causal=True, cache=KeyValueCache(T))
        scaled_dot_product_attention(x, context, context, mask[:, 0])
    for now, before in zip((x, context, mask), copies, strict=True):
        assert torch.equal(now, before)


# Masks


def test_masks():
    assert causal_mask(3).tolist() == [[True, False, False], [True, True, False], [True, True, True]]
    assert causal_mask(2, past=1).tolist() == [[True, True, False], [True, True, True]]
    assert causal_mask(1, past=3).all() and causal_mask(0).shape == (0, 0)
    ids = torch.tensor([[7, 8, 0], [7, 0, 0]])
    assert padding_mask(ids, 0).shape == (2, 1, 1, 3)
    assert padding_mask(ids, 0)[:, 0, 0].tolist() == [[True, True, False], [True, False, False]]
    assert torch.equal(length_mask(torch.tensor([2, 1]), 3), padding_mask(ids, 0))
    assert length_mask(torch.tensor([2, 1])).shape == (2, 1, 1, 2)


# Cache


def test_cross_attention_fills_its_cache_once():
    module = MultiHeadAttention(C, H)
    x, context = torch.randn(2, T, C), torch.randn(2, S, C)
    cache = KeyValueCache(S)
    with torch.no_grad():
        whole = module(x, context)
        parts = [module(part, context, cache=cache) for part in x.split(1, dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1), whole)
    assert cache.length == S


def test_cache_gives_weights_and_takes_masks():
    module = MultiHeadAttention(C, H)
    x = torch.randn(2, 4, C)
    padding = torch.tensor([[False, True, True, True], [True, True, True, True]])[:, None, None]
    cache = KeyValueCache(9)
    assert cache.keys is None and cache.values is None
    with torch.no_grad():
        whole, whole_weights = module(x, mask=padding, causal=True, need_weights=True)
        module(x[:, :3], mask=padding[..., :3], causal=True, cache=cache)
        last, weights = module(x[:, 3:], mask=padding, causal=True, need_weights=True, cache=cache)
    torch.testing.assert_close(last, whole[:, 3:])
    torch.testing.assert_close(weights, whole_weights[:, :, 3:])
    assert cache.keys.shape == cache.values.shape == (2, H, 4, C // H)


# Bad input: what happened, why, what to do


def says(error, *fragments):
    return pytest.raises(error, match="(?s)" + ".*".join(fragments))


def test_bad_heads_and_dropout():
    with says(ValueError, "7 heads cannot share a width of 24", "such as 1, 2, 3, 4, 6, 8, 12, 24"):
        MultiHeadAttention(24, 7)
    for heads, width in ((0, 24), (-2, 24), (4, 0)):
        with pytest.raises(ValueError):
            MultiHeadAttention(width, heads)
    for dropout in (-0.1, 1.0):
        with says(ValueError, "dropout"):
            MultiHeadAttention(C, H, dropout=dropout)


@pytest.mark.parametrize("need_weights", [False, True])
def test_bad_masks(need_weights):
    module, x = MultiHeadAttention(C, H), torch.randn(B, T, C)
    with says(TypeError, "torch.float32", "mask == 0"):
        module(x, mask=torch.zeros(T, T), need_weights=need_weights)
    with says(TypeError, "torch.int64", r"mask\.bool\(\)"):
        module(x, mask=torch.ones(T, T, dtype=torch.long), need_weights=need_weights)
    for shape in ((T, S), (B, T), (B, 1, 1, S), (1, B, 1, 1, T), (B, T, T), (T,)):
        with says(ValueError, "does not fit scores of shape", r"mask\[:, None, None, :\]"):
            module(x, mask=torch.ones(shape, dtype=torch.bool), need_weights=need_weights)


def test_bad_masks_in_the_functions():
    query = torch.randn(B, H, T, 8)
    for attention in (scaled_dot_product_attention, fused_attention):
        with says(ValueError, "does not fit"):
            attention(query, query, query, torch.ones(B, T, dtype=torch.bool))
        with says(TypeError, "expected is torch.bool"):
            attention(query, query, query, torch.ones(T, T))
    with says(ValueError, "Combine them"):
        fused_attention(query, query, query, causal_mask(T), causal=True)
    with says(ValueError, "as many queries as keys", "causal_mask"):
        fused_attention(query[:, :, :2], query, query, causal=True)


def test_bad_shapes():
    module = MultiHeadAttention(C, H)
    with says(ValueError, "x must have the shape", r"x\[None\]"):
        module(torch.randn(T, C))
    with says(ValueError, "x has vectors of width 7"):
        module(torch.randn(B, T, 7))
    with says(ValueError, "context has vectors of width 7"):
        module(torch.randn(B, T, C), torch.randn(B, S, 7))
    with says(ValueError, "context must have"):
        module(torch.randn(B, T, C), torch.randn(B, H, S, C))
    with says(ValueError, "x has 3 sequences, context has 2"):
        module(torch.randn(3, T, C), torch.randn(2, S, C))
    with says(ValueError, "no before and after"):
        module(torch.randn(B, T, C), torch.randn(B, S, C), causal=True)
    with says(ValueError, "8 and 7 wide"):
        scaled_dot_product_attention(torch.randn(T, 8), torch.randn(S, 7), torch.randn(S, 7))
    with says(ValueError, "5 keys but 6 values"):
        scaled_dot_product_attention(torch.randn(T, 8), torch.randn(S, 8), torch.randn(T, 8))
    with says(ValueError, "leading axes"):
        scaled_dot_product_attention(torch.randn(2, T, 8), torch.randn(3, S, 8), torch.randn(3, S, 8))
    with says(ValueError, "two axes"):
        scaled_dot_product_attention(torch.randn(8), torch.randn(S, 8), torch.randn(S, 8))


def test_bad_mask_makers():
    with says(ValueError, "negative"):
        causal_mask(-1)
    with says(ValueError, "negative"):
        causal_mask(2, past=-1)
    with says(ValueError, r"ids\[None\]"):
        padding_mask(torch.tensor([1, 2]), 0)
    with says(ValueError, "one length a row"):
        length_mask(torch.tensor(3))
    with says(ValueError, "one length a row"):
        length_mask(torch.tensor([], dtype=torch.long))
    with says(ValueError, "5 tokens, but longest=4"):
        length_mask(torch.tensor([5, 2]), 4)


def test_bad_caches():
    with says(ValueError, "at least one position"):
        KeyValueCache(0)
    module, x = MultiHeadAttention(C, H), torch.randn(2, 3, C)
    cache = KeyValueCache(4)
    with says(RuntimeError, "no_grad"):
        module(x, causal=True, cache=cache)
    with torch.no_grad():
        module(x, causal=True, cache=cache)
        before = cache.keys.clone()
        with says(ValueError, "room for 4 positions and holds 3: 3 more do not fit", "greater capacity"):
            module(x, causal=True, cache=cache)
        with says(ValueError, "holds keys for batch 2"):
            module(x[:1, :1], causal=True, cache=cache)
        assert cache.length == 3 and torch.equal(cache.keys, before)
        with says(ValueError, "holds a context", "new cache"):
            module(x, torch.randn(2, 2, C), cache=cache)


def test_a_foreign_module_that_cannot_be_copied():
    module = MultiHeadAttention(C, H)
    for other, fragment in (
        (nn.MultiheadAttention(C, 2), "with 2 heads"),
        (nn.MultiheadAttention(C, H, kdim=8), "kdim"),
        (nn.MultiheadAttention(C, H, add_zero_attn=True), "add_zero_attn"),
        (nn.MultiheadAttention(C, H, bias=False), "biases"),
    ):
        with says(ValueError, fragment):
            module.load_from_torch(other)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_stays_finite(dtype):
    module, x = MultiHeadAttention(C, H).to(dtype), torch.randn(2, T, C, dtype=dtype) * 30
    mask = causal_mask(T) & length_mask(torch.tensor([0, 4]), T)
    for need_weights in (False, True):
        output = module(x, mask=mask, need_weights=need_weights)
        assert (output[0] if need_weights else output).isfinite().all()


def test_empty_batches_and_sequences():
    module = MultiHeadAttention(C, H)
    assert module(torch.randn(0, T, C)).shape == (0, T, C)
    assert module(torch.randn(2, 0, C)).shape == (2, 0, C)


# By tiles


def assert_tiles_equal(attention, T, S, tile, causal=False, window=None, dtype=torch.float32):
    """attention(query, key, value, causal, window, scale, tile) gives the full attention's outputs and gradients."""
    tensors = [torch.randn(2, 3, length, size, dtype=dtype) for length, size in ((T, 8), (S, 8), (S, 5))]
    mask = causal_mask(T) if causal else None
    mask = mask & ~causal_mask(T).tril(-window) if window else mask
    mine, theirs = leaves(*tensors), leaves(*tensors)
    output, expected = attention(*mine, causal, window, None, tile), scaled_dot_product_attention(*theirs, mask)[0]
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-5)
    direction = torch.randn_like(expected)
    output.backward(direction)
    expected.backward(direction)
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=0, atol=1e-5)


@quick
@given(T=st.integers(1, 40), S=st.integers(1, 40), tile=st.integers(1, 50))
def test_tiles_of_any_size_equal_full_attention(T, S, tile):
    assert_tiles_equal(tiled_attention, T, S, tile)


@quick
@given(T=st.integers(1, 40), tile=st.integers(1, 50), window=st.none() | st.integers(1, 60))
@example(T=12, tile=5, window=4)  # the window ends inside a tile, and keys lie beyond it
def test_causal_tiles_and_windows_equal_masks(T, tile, window):
    assert_tiles_equal(tiled_attention, T, T, tile, True, window)


def test_tiles_equal_torch():
    for causal in (False, True):
        tensors = torch.randn(3, B, H, 300, 16).unbind(0)
        mine, theirs = leaves(*tensors), leaves(*tensors)
        output, expected = tiled_attention(*mine, causal), F.scaled_dot_product_attention(*theirs, is_causal=causal)
        torch.testing.assert_close(output, expected, rtol=0, atol=1e-5)
        direction = torch.randn_like(expected)
        for a, b in zip(torch.autograd.grad(output, mine, direction), torch.autograd.grad(expected, theirs, direction)):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-5)
    with_scale = tiled_attention(*tensors, scale=0.3)
    torch.testing.assert_close(with_scale, F.scaled_dot_product_attention(*tensors, scale=0.3), rtol=0, atol=1e-5)


def test_gradients_by_tiles_equal_differences():
    tensors = leaves(*torch.randn(3, 1, 1, 7, 4, dtype=torch.float64).unbind(0))
    for causal, window in ((False, None), (True, None), (True, 3)):
        assert torch.autograd.gradcheck(lambda *x: tiled_attention(*x, causal, window, tile=3), tensors)  # noqa: B023


def test_large_scores_do_not_overflow():
    query, key, value = (torch.randn(1, 1, 50, 8) * size for size in (100, 100, 1))
    torch.testing.assert_close(
        tiled_attention(query, key, value, tile=16), scaled_dot_product_attention(query, key, value)[0], rtol=0, atol=1e-4
    )


def test_tiles_outside_of_a_window_are_not_visited(monkeypatch):
    visited, scores = [], attention_module._scores
    monkeypatch.setattr(attention_module, "_scores", lambda *given: visited.append(given[2:4]) or scores(*given))
    tiled_attention(*torch.randn(3, 1, 1, 64, 4).unbind(0), causal=True, window=9, tile=8)
    assert len(visited) == 8 + 7  # a tile and the one before it; the first has none


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_tiles_in_half_precision(dtype):
    query, key, value = leaves(*torch.randn(3, 1, 2, 60, 8, dtype=dtype).unbind(0))
    output = tiled_attention(query, key, value, causal=True, tile=16)
    exact = scaled_dot_product_attention(query.float(), key.float(), value.float(), causal_mask(60))[0]
    assert output.dtype == dtype
    torch.testing.assert_close(output.float(), exact, rtol=0.02, atol=0.02)
    output.sum().backward()
    assert all(each.grad.dtype == dtype and each.grad.isfinite().all() for each in (query, key, value))


def test_tiles_keep_nothing_that_grows_with_the_square():
    query, key, value = leaves(*torch.randn(3, 1, 1, 512, 8).unbind(0))
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor.numel()) or tensor, lambda tensor: tensor):
        tiled_attention(query, key, value)
    assert max(kept) == 512 * 8


def test_bad_tiles():
    q = torch.randn(1, 1, 6, 4)
    for call, fragment in (
        (lambda: tiled_attention(q, q[..., :5, :], q[..., :5, :], causal=True), "as many queries as keys"),
        (lambda: tiled_attention(q, q, q, window=3), "needs causal=True"),
        (lambda: tiled_attention(q, q, q, causal=True, window=0), "1 or more"),
        (lambda: tiled_attention(q, q, q, tile=0), "1 or more"),
        (lambda: tiled_attention(q, q[..., :0, :], q[..., :0, :]), "at least one key"),
        (lambda: tiled_attention(q.expand(2, 1, 6, 4), q, q), "Expand them first"),
        (lambda: tiled_attention(q, q[..., :2], q), "Project both"),
    ):
        with says(ValueError, fragment):
            call()
