"""utils.positions against Transformers' T5, Bloom and Llama, and against what each scheme promises."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import LlamaConfig, T5Config
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb
from transformers.models.t5.modeling_t5 import T5Attention

from utils.attention import (
    KeyValueCache,
    MultiHeadAttention,
    causal_mask,
    fused_attention,
    length_mask,
    scaled_dot_product_attention,
)
from utils.positions import (
    LearnedPositions,
    RelativeBias,
    RotaryPositions,
    ShawBias,
    alibi_bias,
    alibi_slopes,
    distances,
    frequencies,
    linear_frequencies,
    llama3_frequencies,
    ntk_frequencies,
    places_from,
    relative_position_bucket,
    rope_frequencies,
    sinusoidal,
    yarn_attention_factor,
    yarn_frequencies,
)

B, T, C, H = 2, 7, 24, 3
D = C // H
quick = settings(max_examples=25, deadline=None)


def test_places_of_rows_that_begin_with_padding():
    assert places_from(3, 4).tolist() == [3, 4, 5, 6]
    assert places_from(torch.tensor([-2, 0, 3]), 4).tolist() == [[0, 0, 0, 1], [0, 1, 2, 3], [3, 4, 5, 6]]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


# The comparisons. The planted faults below must fail in these same functions.


def assert_buckets_equal_t5(bucket):
    every = torch.arange(-3000, 3001)
    for bidirectional in (True, False):
        for buckets, max_distance in ((32, 128), (32, 64), (16, 128), (8, 20), (64, 1000)):
            expected = T5Attention._relative_position_bucket(every, bidirectional, buckets, max_distance)
            assert torch.equal(bucket(every, bidirectional, buckets, max_distance), expected)


def assert_slopes_equal_bloom(slopes):
    for heads in range(1, 41):
        expected = build_alibi_tensor(torch.ones(1, 2, dtype=torch.long), heads, torch.float32)[:, 0, 1]
        torch.testing.assert_close(slopes(heads), expected, rtol=1e-6, atol=0)


def assert_rotation_equals_llama(rotate, head_size=16, base=10000.0):
    config = LlamaConfig(hidden_size=4 * head_size, num_attention_heads=4, rope_theta=base)
    query, key = torch.randn(B, 4, 50, head_size), torch.randn(B, 4, 50, head_size)
    cosine, sine = LlamaRotaryEmbedding(config)(query, torch.arange(50)[None])
    for mine, theirs in zip((rotate(query), rotate(key)), apply_rotary_pos_emb(query, key, cosine, sine), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-5)


def assert_relative(rotate, start):
    """Scores depend on the distance only: shifted to another start, they stay."""
    query, key = torch.randn(6, D, dtype=torch.float64), torch.randn(6, D, dtype=torch.float64)
    torch.testing.assert_close(rotate(query, start) @ rotate(key, start).T, rotate(query) @ rotate(key).T, rtol=0, atol=1e-3)


def test_buckets_equal_t5():
    assert_buckets_equal_t5(relative_position_bucket)


def test_slopes_equal_bloom():
    assert_slopes_equal_bloom(alibi_slopes)
    assert alibi_slopes(8).tolist() == [2.0**-n for n in range(1, 9)]  # the paper's example


def test_rotation_equals_llama():
    assert_rotation_equals_llama(RotaryPositions(16))
    assert_rotation_equals_llama(RotaryPositions(32), head_size=32)


@quick
@given(start=st.integers(0, 3000))
def test_rotated_scores_depend_on_the_distance_only(start):
    assert_relative(RotaryPositions(D), start)


# Planted faults


def buckets_all_exact(distance, bidirectional, buckets, max_distance):
    return relative_position_bucket(distance, bidirectional, buckets, max_distance=10 * max_distance)


def buckets_of_the_other_side(distance, *options):
    return relative_position_bucket(-distance, *options)


@pytest.mark.parametrize("fault", [buckets_all_exact, buckets_of_the_other_side])
def test_a_planted_fault_in_the_buckets_is_seen(fault):
    with pytest.raises(AssertionError):
        assert_buckets_equal_t5(fault)


def test_a_planted_fault_in_the_slopes_is_seen():
    with pytest.raises(AssertionError):
        assert_slopes_equal_bloom(lambda heads: 2.0 ** (-8 * torch.arange(1, heads + 1) / heads))


def turned_in_neighboring_pairs(x, start=0):
    mixed = RotaryPositions(x.shape[-1])(torch.cat([x[..., ::2], x[..., 1::2]], -1), start)
    return torch.stack(mixed.chunk(2, -1), -1).flatten(-2)


def turned_backward(x, start=0):
    turned = RotaryPositions(x.shape[-1])(torch.cat(x.chunk(2, -1)[::-1], -1), start)
    return torch.cat(turned.chunk(2, -1)[::-1], -1)


@pytest.mark.parametrize("fault", [turned_in_neighboring_pairs, turned_backward])
def test_a_planted_fault_in_the_rotation_is_seen(fault):
    assert_relative(fault, 11)  # both are rotations, only not Llama's
    with pytest.raises(AssertionError):
        assert_rotation_equals_llama(fault)


def test_a_planted_fault_in_the_relativity_is_seen():
    with pytest.raises(AssertionError):
        assert_relative(lambda x, start=0: x + sinusoidal(start + len(x), D)[start:], 11)


# Sinusoids, learned vectors, distances


def test_sinusoids_are_the_papers():
    vectors = sinusoidal(40, 10)
    for place, i in ((0, 0), (1, 0), (7, 3), (39, 4)):
        angle = place / 10000 ** (2 * i / 10)
        assert vectors[place, 2 * i].item() == pytest.approx(math.sin(angle), abs=1e-5)
        assert vectors[place, 2 * i + 1].item() == pytest.approx(math.cos(angle), abs=1e-5)


@quick
@given(first=st.integers(0, 400), second=st.integers(0, 400), shift=st.integers(0, 90))
def test_products_of_sinusoids_depend_on_the_distance_only(first, second, shift):
    vectors = sinusoidal(500, 32)
    torch.testing.assert_close(
        vectors[first] @ vectors[second], vectors[first + shift] @ vectors[second + shift], rtol=0, atol=1e-3
    )


def test_learned_positions():
    positions = LearnedPositions(5, 8)
    assert torch.equal(positions(3), positions.weight[:3]) and torch.equal(positions(2, start=3), positions.weight[3:])
    positions(4).sum().backward()
    assert positions.weight.grad[:, 0].tolist() == [1, 1, 1, 1, 0]
    with pytest.raises(ValueError, match="vectors for 5 places, but place 5 was asked for"):
        positions(2, start=4)


def test_distances():
    assert distances(3, 3).tolist() == [[0, 1, 2], [-1, 0, 1], [-2, -1, 0]]
    assert distances(1, 3).tolist() == [[-2, -1, 0]]
    with pytest.raises(ValueError, match="more where a cache"):
        distances(4, 3)


# The biases


@pytest.mark.parametrize("bidirectional", [True, False])
def test_relative_bias_equals_t5(bidirectional):
    config = T5Config(d_model=C, d_kv=D, num_heads=H, is_decoder=not bidirectional, relative_attention_num_buckets=16)
    reference = T5Attention(config, has_relative_attention_bias=True, layer_idx=0)
    ours = RelativeBias(H, bidirectional, buckets=16)
    with torch.no_grad():
        ours.weight.copy_(torch.randn(16, H))
        reference.relative_attention_bias.weight.copy_(ours.weight)
    assert torch.equal(ours(200, 200), reference.compute_bias(200, 200)[0])
    assert torch.equal(ours(3, 200), reference.compute_bias(3, 200, past_seen_tokens=197)[0])


def test_alibi_gives_blooms_weights():
    query, key = torch.randn(B, 6, T, D), torch.randn(B, 6, T, D)
    theirs = build_alibi_tensor(torch.ones(B, T, dtype=torch.long), 6, torch.float32).view(B, 6, 1, T)
    weights = [
        scaled_dot_product_attention(query, key, key, causal_mask(T), bias=bias)[1] for bias in (alibi_bias(6, T, T), theirs)
    ]
    torch.testing.assert_close(*weights)


def test_shaw_is_the_formula():
    module, query, key = ShawBias(D, limit=2), torch.randn(B, H, T, D), torch.randn(B, H, T, D)
    scores = query @ key.transpose(-2, -1) / math.sqrt(D) + module(query, T)
    for t in range(T):
        for s in range(T):
            shifted = key[:, :, s] + module.weight[min(max(s - t, -2), 2) + 2]
            torch.testing.assert_close(scores[:, :, t, s], (query[:, :, t] * shifted).sum(-1) / math.sqrt(D))


# In the attention


def schemes():
    """Attention with each of the relative schemes, and the arguments of its forward pass for queries T, keys S."""
    plain, shaw, t5 = MultiHeadAttention(C, H), ShawBias(D, limit=3), RelativeBias(H, buckets=8, max_distance=12)
    torch.nn.init.normal_(t5.weight)
    return {
        "shaw": (plain, lambda queries, keys: {"bias": shaw}),
        "t5": (plain, lambda queries, keys: {"bias": t5(queries, keys)}),
        "alibi": (plain, lambda queries, keys: {"bias": alibi_bias(H, queries, keys)}),
        "rope": (MultiHeadAttention(C, H, rotate=RotaryPositions(D)), lambda queries, keys: {}),
    }


@pytest.mark.parametrize("name", ["shaw", "t5", "alibi", "rope"])
def test_formula_and_kernel_and_cache_agree(name):
    attention, options = schemes()[name]
    x, lengths = torch.randn(B, T, C), length_mask(torch.tensor([T, 4]))
    for mask in (None, lengths, causal_mask(T), lengths & causal_mask(T)):
        fast = attention(x, mask=mask, **options(T, T))
        slow, weights = attention(x, mask=mask, need_weights=True, **options(T, T))
        torch.testing.assert_close(fast, slow)
        torch.testing.assert_close(weights.sum(-1), torch.ones(B, H, T))
    cache = KeyValueCache(T)
    with torch.no_grad():
        parts, past = [], 0
        for part in x.split([3, 1, 3], dim=1):
            past += part.shape[1]
            parts.append(attention(part, causal=True, cache=cache, **options(part.shape[1], past)))
        torch.testing.assert_close(torch.cat(parts, 1), attention(x, causal=True, **options(T, T)))


@pytest.mark.parametrize("name", ["shaw", "t5", "alibi", "rope"])
def test_order_is_seen_and_place_is_not(name):
    attention, options = schemes()[name]
    x = torch.randn(1, T, C)
    order = torch.tensor([0, 2, 1, *range(3, T)])
    output = attention(x, **options(T, T))
    assert not torch.allclose(attention(x[:, order], **options(T, T))[:, 0], output[:, 0], atol=1e-4)
    # Under a mask that hides all before it, a shifted text comes out the same: only distances count.
    shifted = torch.cat([torch.randn(1, 5, C), x], 1)
    hidden = torch.arange(T + 5) >= 5
    outputs = attention(shifted, mask=hidden.expand(T + 5, -1), **options(T + 5, T + 5))
    torch.testing.assert_close(outputs[:, 5:], output, rtol=1e-4, atol=1e-5)


def test_alibi_alone_gives_a_mirrored_text_the_mirror_image():
    attention, x = MultiHeadAttention(C, H), torch.randn(1, T, C)
    bias = alibi_bias(H, T, T)
    torch.testing.assert_close(attention(x.flip(1), bias=bias), attention(x, bias=bias).flip(1))


def test_a_bias_moves_outputs_and_gradients_alike_in_both_functions():
    query, key, value = (torch.randn(B, H, T, D) for _ in range(3))
    mask = causal_mask(T) & length_mask(torch.tensor([T, 3]))
    mask = mask & (torch.arange(T) != 2)[:, None]  # a query that may attend to nothing
    for shape in ((T, T), (H, T, T), (1, H, 1, T), (B, H, T, T)):
        gradients = []
        bias = torch.randn(shape, requires_grad=True)
        for function in (fused_attention, lambda *all, bias: scaled_dot_product_attention(*all, bias=bias)[0]):
            output = function(query, key, value, mask, bias=bias)
            assert output[:, :, 2].eq(0).all()
            gradients += [output, *torch.autograd.grad(output.square().sum(), bias)]
        torch.testing.assert_close(gradients[:2], gradients[2:])


# What is refused


def test_bad_arguments():
    for call, words in (
        (lambda: sinusoidal(3, 5), "must be even"),
        (lambda: sinusoidal(-1, 4), "cannot be -1"),
        (lambda: frequencies(4, base=0), "above zero"),
        (lambda: ShawBias(4, limit=-1), "cannot be -1"),
        (lambda: relative_position_bucket(torch.zeros(1), buckets=2), "at least 4 buckets"),
        (lambda: RelativeBias(2, buckets=32, max_distance=8), "must be above 8"),
        (lambda: alibi_slopes(0), "at least one head"),
        (lambda: RotaryPositions(7), "must be even"),
        (lambda: RotaryPositions(8)(torch.randn(2, 6)), "not with the width C"),
    ):
        with pytest.raises(ValueError, match=words):
            call()


def test_bad_biases_and_rotations():
    attention, x = MultiHeadAttention(C, H), torch.randn(B, T, C)
    with pytest.raises(TypeError, match="floating-point"):
        attention(x, bias=causal_mask(T))
    for bias in (torch.randn(T), torch.randn(T, T + 1), torch.randn(H + 1, T, T), torch.randn(1, B, H, T, T)):
        for need_weights in (False, True):
            with pytest.raises(ValueError, match="does not fit scores"):
                attention(x, bias=bias, need_weights=need_weights)
    with pytest.raises(ValueError, match="Make the cross-attention without rotate"):
        MultiHeadAttention(C, H, rotate=RotaryPositions(D))(x, x)
    with pytest.raises(ValueError, match="Pass mask=causal_mask"):
        fused_attention(*[torch.randn(B, H, T, D)] * 3, causal=True, bias=torch.zeros(T, T))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(dtype):
    x = torch.randn(B, H, T, D, dtype=dtype)
    rotated = RotaryPositions(D)(x, start=5000)
    assert rotated.dtype == dtype
    torch.testing.assert_close(rotated.float(), RotaryPositions(D)(x.float(), start=5000), rtol=0, atol=0.05)
    assert fused_attention(x, x, x, bias=alibi_bias(H, T, T)).dtype == dtype


# RoPE beyond the training length


def scaled_parameters(kind, factor, trained, base):
    given = {"rope_type": kind, "rope_theta": base}
    if kind != "default":
        given["factor"] = factor
    if kind in ("yarn", "llama3"):
        given["original_max_position_embeddings"] = trained
    if kind == "llama3":
        given |= {"low_freq_factor": 1.0, "high_freq_factor": 4.0}
    return given


def assert_scaling_equals_transformers(kind, size, factor, trained, base, length=None):
    parameters = scaled_parameters(kind, factor, trained, base)
    longest = trained if kind == "dynamic" else int(trained * factor)
    config = LlamaConfig(
        hidden_size=2 * size, num_attention_heads=2, max_position_embeddings=longest, rope_parameters=dict(parameters)
    )
    theirs, attention_factor = ROPE_INIT_FUNCTIONS[kind](config, seq_len=length)
    mine, my_factor = rope_frequencies(size, parameters, longest, length)
    torch.testing.assert_close(mine, theirs, rtol=3e-6, atol=0)
    assert my_factor == pytest.approx(attention_factor)


@pytest.mark.parametrize("weights", [{"mscale": 0.707, "mscale_all_dim": 1.0}, {"mscale": 1.0}, {"mscale_all_dim": 1.0}])
def test_yarns_attention_factor_with_weights_equals_transformers(weights):
    parameters = scaled_parameters("yarn", 40.0, 64, 1e4) | weights
    config = LlamaConfig(
        hidden_size=32, num_attention_heads=2, max_position_embeddings=64 * 40, rope_parameters=dict(parameters)
    )
    assert rope_frequencies(16, parameters)[1] == pytest.approx(ROPE_INIT_FUNCTIONS["yarn"](config)[1])


SIZES = st.sampled_from([16, 48, 64, 128])
BASES = st.sampled_from([1e4, 1e5, 5e5, 1e6])
FACTORS = st.floats(1.5, 32)
TRAINED = st.sampled_from([256, 1000, 8192])


@pytest.mark.parametrize("kind", ["linear", "dynamic", "yarn", "llama3"])
@quick
@given(size=SIZES, base=BASES, factor=FACTORS, trained=TRAINED, times=st.none() | st.floats(0.5, 8))
def test_scalings_equal_transformers(kind, size, base, factor, trained, times):
    length = None if times is None else int(times * trained)
    assert_scaling_equals_transformers(kind, size, factor, trained, base, length)


@quick
@given(size=SIZES, base=BASES, factor=FACTORS, trained=TRAINED)
def test_every_scaling_lies_between_plain_and_linear(size, base, factor, trained):
    plain, slowest = frequencies(size, base), linear_frequencies(size, factor, base)
    yarn, sharper = yarn_frequencies(size, factor, trained, base)
    for found in (ntk_frequencies(size, factor, base), llama3_frequencies(size, factor, trained, base), yarn):
        assert (found <= plain * (1 + 1e-5)).all() and (found >= slowest * (1 - 1e-5)).all()
    ntk = ntk_frequencies(size, factor, base)
    torch.testing.assert_close(ntk[[0, -1]], torch.stack([plain[0], slowest[-1]]), rtol=1e-4, atol=0)  # its two ends
    assert sharper > 1


def test_a_factor_of_one_changes_nothing():
    plain = frequencies(48)
    yarn, factor = yarn_frequencies(48, 1, 256)
    assert factor == 1
    for found in (linear_frequencies(48, 1), ntk_frequencies(48, 1), llama3_frequencies(48, 1, 256), yarn):
        torch.testing.assert_close(found, plain)


def test_the_scalings_of_the_lessons_table():
    def by(found):
        return [round(value, 1) for value in (frequencies(8) / found).tolist()]

    assert by(linear_frequencies(8, 4)) == [4, 4, 4, 4]
    assert by(ntk_frequencies(8, 4)) == [1, 1.6, 2.5, 4]
    assert by(yarn_frequencies(8, 4, 256)[0]) == [1, 1.6, 4, 4]
    assert by(llama3_frequencies(8, 4, 256)) == [1, 1, 4, 4]


@pytest.mark.parametrize("kind", ["linear", "yarn", "llama3"])
def test_a_scaled_rotation_equals_llamas(kind):
    parameters = scaled_parameters(kind, 4.0, 64, 1e4)
    config = LlamaConfig(hidden_size=64, num_attention_heads=4, max_position_embeddings=256, rope_parameters=dict(parameters))
    query = torch.randn(B, 4, 200, 16)
    cosine, sine = LlamaRotaryEmbedding(config)(query, torch.arange(200)[None])
    expected = apply_rotary_pos_emb(query, query, cosine, sine)[0]
    rotate = RotaryPositions(16, 1e4, *rope_frequencies(16, parameters))
    torch.testing.assert_close(rotate(query), expected, rtol=0, atol=2e-5)
    torch.testing.assert_close(rotate(query[..., 50:, :], 50), expected[..., 50:, :], rtol=0, atol=2e-5)


def test_bad_scalings():
    for call, fragment in (
        (lambda: linear_frequencies(8, 0.5), "1 or more"),
        (lambda: ntk_frequencies(2, 4), "4 or more"),
        (lambda: yarn_frequencies(8, 4, 1), "training texts"),
        (lambda: llama3_frequencies(8, 4, 0), "training texts"),
        (lambda: yarn_attention_factor(0.5), "1 or more"),
        (lambda: rope_frequencies(8, {"rope_type": "longrope", "factor": 4.0}), "ROPE_INIT_FUNCTIONS"),
        (lambda: rope_frequencies(8, {"rope_type": "yarn", "factor": 4.0, "truncate": False}), "truncate"),
        (lambda: rope_frequencies(8, {"rope_type": "dynamic", "factor": 4.0}), "longest"),
        (lambda: RotaryPositions(16, frequencies=torch.ones(4)), "has 8 pairs"),
    ):
        with pytest.raises(ValueError, match=fragment):
            call()
    assert rope_frequencies(8, {"rope_theta": 100.0})[1] == 1.0
    torch.testing.assert_close(rope_frequencies(8, {"rope_theta": 100.0})[0], frequencies(8, 100.0))
