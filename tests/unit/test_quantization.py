"""Eight bits: against PyTorch's own quantizers, and against ONNX Runtime's operators."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from utils import quantization as q

WEIGHT = torch.randn(7, 5, generator=torch.Generator().manual_seed(0)) * torch.logspace(-2, 1, 7)[:, None]
INPUT = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(1)) + 0.7


def test_one_scale_is_pytorchs():
    ours = q.quantize(WEIGHT)
    theirs = torch.fake_quantize_per_tensor_affine(WEIGHT, float(ours.scale), 0, -127, 127)
    assert ours.values.dtype == torch.int8 and ours.values.abs().max() == 127
    torch.testing.assert_close(ours.dequantize(), theirs)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_a_scale_for_each_channel_is_pytorchs(axis):
    ours = q.quantize(WEIGHT, axis)
    scales = ours.scale.flatten()
    assert len(scales) == WEIGHT.shape[axis]
    theirs = torch.fake_quantize_per_channel_affine(WEIGHT, scales, torch.zeros_like(scales), axis % 2, -127, 127)
    torch.testing.assert_close(ours.dequantize(), theirs)


def test_channels_of_their_own_keep_small_rows():
    together, apart = (q.quantize(WEIGHT, axis).dequantize() - WEIGHT for axis in (None, 0))
    assert apart[0].abs().max() < 0.05 * together[0].abs().max()


NUMBERS = st.floats(-100, 100).map(lambda number: round(number, 6))  # a step of 1e-43 has no digits left


@given(st.lists(NUMBERS, min_size=1, max_size=30), st.booleans())
def test_the_error_is_half_a_step_at_most_and_zero_stays_zero(numbers, symmetric):
    x = torch.tensor([*numbers, 0.0])
    found = q.quantize(x, symmetric=symmetric)
    assert found.dequantize()[-1] == 0
    error = (found.dequantize() - x).abs().max()
    assert error <= found.scale * 0.51 * (1 if symmetric else 2)  # with a zero point, which is rounded, too


def test_a_zero_point_is_that_of_onnx_runtime():
    reference = onnx_operator("DynamicQuantizeLinear", INPUT.numpy())
    ours = q.quantize(INPUT, symmetric=False)
    assert np.array_equal(ours.values.numpy(), reference[0])
    assert abs(float(ours.scale) - reference[1]) < 1e-7 and int(ours.zero_point) == reference[2]


def onnx_operator(name: str, x: np.ndarray) -> list:
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    of = onnx.helper.make_tensor_value_info
    outputs = [of("y", 2, None), of("scale", 1, []), of("zero", 2, [])]
    node = onnx.helper.make_node(name, ["x"], [output.name for output in outputs])
    graph = onnx.helper.make_graph([node], "one", [of("x", 1, list(x.shape))], outputs)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
    return runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {"x": x})


@pytest.mark.parametrize("axis", [None, 0])
def test_a_layer_in_whole_numbers_is_the_product_of_what_was_quantized(axis):
    weight, bias = q.quantize(WEIGHT, axis), torch.arange(7.0)
    inputs = q.quantize(INPUT, symmetric=False).dequantize()
    expected = torch.nn.functional.linear(inputs, weight.dequantize(), bias)
    torch.testing.assert_close(q.linear(INPUT, weight, bias), expected)
    torch.testing.assert_close(q.linear(INPUT, weight), expected - bias)


def test_zeros_have_a_scale_and_what_is_not_finite_has_none():
    assert torch.equal(q.quantize(torch.zeros(2, 3), 0).dequantize(), torch.zeros(2, 3))
    for broken in (torch.tensor([1.0, float("nan")]), torch.tensor([float("inf")]), torch.zeros(0)):
        with pytest.raises(ValueError, match="finite"):
            q.quantize(broken)


def test_the_argument_stays_as_it_was():
    before = WEIGHT.clone()
    q.linear(INPUT, q.quantize(WEIGHT, 0))
    assert torch.equal(before, WEIGHT)


# --- four bits --------------------------------------------------------------------------------------------------------

NORMAL = torch.randn(6, 128, generator=torch.Generator().manual_seed(2))
PUBLISHED = [  # appendix E of the QLoRA paper, arXiv 2305.14314; bitsandbytes' table is the same
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
]  # fmt: skip


def test_the_levels_are_the_published_ones():
    torch.testing.assert_close(q.nf4_levels(), torch.tensor(PUBLISHED), atol=1e-6, rtol=0)


def test_two_codes_share_a_byte_the_first_in_the_high_bits():
    codes = torch.tensor([1, 15, 0, 7])
    assert q.pack(codes).tolist() == [0x1F, 0x07] and q.unpack(q.pack(codes)).tolist() == codes.tolist()


def test_q4_1_is_ggufs():
    import gguf

    kind, theirs = gguf.GGMLQuantizationType.Q4_1, NORMAL.numpy()
    back = gguf.quants.dequantize(gguf.quants.quantize(theirs, kind), kind)
    torch.testing.assert_close(q.Q4_1.quantize(NORMAL).dequantize(), torch.tensor(back), atol=0, rtol=0)
    assert q.Q4_1.quantize(NORMAL).bits == 5 and q.Q4_1.quantize(torch.ones(32)).dequantize().tolist() == [1.0] * 32


@pytest.mark.parametrize("double", [False, True])
def test_nf4_takes_the_nearest_level_of_each_block(double):
    packed = q.NF4.quantize(NORMAL, 64, double)
    scale, levels = packed.scales(), torch.tensor(PUBLISHED)
    nearest = ((NORMAL.view(-1, 64) / NORMAL.view(-1, 64).abs().amax(1, keepdim=True))[..., None] - levels).abs().argmin(-1)
    assert torch.equal(q.unpack(packed.codes).view(-1, 64), nearest)
    torch.testing.assert_close(packed.dequantize().view(-1, 64), levels[nearest] * scale, atol=1e-5, rtol=0)
    torch.testing.assert_close(scale, NORMAL.view(-1, 64).abs().amax(1, keepdim=True), atol=0.01 if double else 0, rtol=0)
    assert packed.bits == (4 + (8 + 32 / 256) / 64 if double else 4.5)


def test_a_block_of_zeros_stays_zero_and_odd_sizes_are_refused():
    assert q.NF4.quantize(torch.zeros(2, 64)).dequantize().abs().max() == 0
    assert q.NF4.quantize(torch.zeros(64), double=False).dequantize().abs().max() == 0
    for kind in (q.NF4, q.Q4_1):
        with pytest.raises(ValueError, match="whole blocks"):
            kind.quantize(torch.ones(3, 20))


def test_a_layer_in_nf4_is_its_weight_multiplied_out():
    layer = torch.nn.Linear(128, 6)
    layer.weight.data = NORMAL.clone()
    packed, x = q.NF4Linear(layer), torch.randn(3, 128, requires_grad=True)
    y = packed(x)
    torch.testing.assert_close(y, torch.nn.functional.linear(x, packed.weight, layer.bias))
    y.square().sum().backward()
    torch.testing.assert_close(x.grad, 2 * y.detach() @ packed.weight)
    model = q.to_nf4(torch.nn.ModuleDict({"inner": torch.nn.Linear(64, 2), "classifier": torch.nn.Linear(64, 2)}))
    assert isinstance(model["inner"], q.NF4Linear) and isinstance(model["classifier"], torch.nn.Linear)


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("block", [4, 8, None])
def test_any_number_of_bits_in_blocks(bits, block):
    x = torch.randn(6, 16, generator=torch.Generator().manual_seed(bits))
    before = x.clone()
    found = q.rounded(x, bits, block)
    size = block or 16
    assert found.bits == bits + 32 / size and x.equal(before)
    rows, back = x.view(-1, size), found.weight.view(-1, size)
    step = (rows.amax(1) - rows.amin(1)) / (2**bits - 1)
    assert ((rows - back).abs().amax(1) <= 0.51 * step + 4e-3).all()  # half a step, and 16 bits' rounding
    assert all(len(row.unique()) <= 2**bits for row in back)


def test_four_bits_in_blocks_of_32_are_q4_1():
    x = torch.randn(8, 64, generator=torch.Generator().manual_seed(0))
    found, wanted = q.rounded(x, 4, 32), q.Q4_1.quantize(x)
    assert found.bits == wanted.bits == 5
    assert (found.weight - wanted.dequantize()).abs().mean() < 1e-3  # but for codes beside a tie
    with pytest.raises(ValueError, match="bits"):
        q.rounded(x, 9)
    with pytest.raises(ValueError, match="whole blocks"):
        q.rounded(x, 4, 24)
    assert q.rounded(torch.full((2, 8), 0.5), 2).weight.equal(torch.full((2, 8), 0.5))


# FP8 in blocks


def codes():
    """All numbers of E4M3 that are finite, rising."""
    bits = torch.arange(256, dtype=torch.uint8).view(torch.float8_e4m3fn).float()
    return bits[torch.isfinite(bits)].sort().values


def test_fp8_takes_the_nearest_number_of_each_tile():
    x = torch.randn(6, 40, generator=torch.Generator().manual_seed(0)) * torch.logspace(-3, 3, 40)
    found = q.FP8.quantize(x, 1, 8)
    assert found.values.dtype == torch.float8_e4m3fn and found.scale.shape == (6, 5)
    for row in range(6):
        for tile in range(5):
            part = x[row, 8 * tile : 8 * tile + 8]
            scale = part.abs().max() / 448
            nearest = codes()[(part[:, None] / scale - codes()).abs().argmin(1)] * scale
            torch.testing.assert_close(found.dequantize()[row, 8 * tile : 8 * tile + 8], nearest)


def test_fp8_of_weights_has_a_scale_for_each_square_also_at_the_edges():
    weight = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    found = q.FP8.quantize(weight, 2, 3)
    assert found.scale.shape == (3, 3) and found.values.shape == weight.shape
    torch.testing.assert_close(found.scale[2, 1], weight[4:, 3:6].abs().max() / 448)
    torch.testing.assert_close(found.scale[0, 2], weight[:2, 6:].abs().max() / 448)
    assert ((found.dequantize() - weight).abs() <= weight.abs() / 16 + found.scale.max() / 1024).all()  # 3 bits of mantissa


def test_zeros_stay_zeros_in_fp8():
    assert q.FP8.quantize(torch.zeros(2, 4)).dequantize().tolist() == torch.zeros(2, 4).tolist()


def test_a_layer_in_fp8_is_its_factors_multiplied_out():
    draws = torch.Generator().manual_seed(0)
    x, weight = torch.randn(2, 3, 16, generator=draws), torch.randn(10, 16, generator=draws)
    wanted = q.FP8.quantize(x.view(6, 16), 1, 8).dequantize() @ q.FP8.quantize(weight, 8, 8).dequantize().T
    found = q.fp8_linear(x, weight, block=8)
    torch.testing.assert_close(found, wanted.view(2, 3, 10))
    assert 0.005 < (found - x @ weight.T).norm() / (x @ weight.T).norm() < 0.05
    assert not torch.equal(found, q.fp8_linear(x, weight, block=16))


def test_an_outlier_spoils_its_own_tile_alone():
    x = torch.full((1, 256), 0.01)
    x[0, 5] = 3000.0
    error = (q.FP8.quantize(x).dequantize() - x).abs()[0] / x[0]
    assert error[128:].max() < 0.07 and error[6:128].min() > 0.3


@pytest.mark.parametrize("x", [torch.ones(3), torch.ones(2, 2, 2), torch.ones(0, 4), torch.tensor([[1.0, torch.inf]])])
def test_what_fp8_cannot_hold_is_refused(x):
    with pytest.raises(ValueError, match="matrix of finite numbers"):
        q.FP8.quantize(x)
