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


@given(st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=30), st.booleans())
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
