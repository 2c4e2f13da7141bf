"""Numbers in eight bits: whole numbers, a scale, and where zero lies.

    Quantized      whole numbers with their scale and zero point; `dequantize` gives numbers back
    quantize       symmetric or with a zero point; one scale for the whole tensor, or one for each place of an axis
    linear         a linear layer in whole numbers: the weights are quantized before, the inputs when they come

The conventions are those of ONNX Runtime: symmetric weights in -127 .. 127, inputs in 0 .. 255 with a zero point, halves
rounded to even. Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference" (2017, arXiv 1712.05877), section 2.
"""

import dataclasses

import torch
from torch import Tensor


@dataclasses.dataclass(frozen=True)
class Quantized:
    """scale * (values - zero_point) is nearly the tensor that was quantized. Scale and zero point broadcast against it."""

    values: Tensor  # int8, or uint8 with a zero point
    scale: Tensor
    zero_point: Tensor

    def dequantize(self) -> Tensor:
        return self.scale * (self.values.to(self.scale.dtype) - self.zero_point)


def quantize(x: Tensor, axis: int | None = None, symmetric: bool = True) -> Quantized:
    """x in eight bits, with one scale, or with one for each place of `axis` (per channel).

    symmetric: whole numbers -127 .. 127, and 0 stands for 0: for weights. Else 0 .. 255 from the smallest number to the
    largest, with the zero point that stands for 0, so that padding stays exact: for inputs.
    Raises ValueError where x is empty or holds a number that is not finite.
    """
    if x.numel() == 0 or not torch.isfinite(x).all():
        raise ValueError("Only finite numbers have a scale, and one at least: look for NaN, infinity or an empty tensor.")
    axes = [k for k in range(x.dim()) if axis is None or k != axis % x.dim()]
    low, high = x.amin(axes, keepdim=True).clamp(max=0), x.amax(axes, keepdim=True).clamp(min=0)
    if symmetric:
        lowest, highest = -127, 127
        scale = torch.maximum(-low, high) / 127
    else:
        lowest, highest = 0, 255
        scale = (high - low) / 255
    scale = torch.where(scale == 0, torch.ones_like(scale), scale)  # of zeros alone
    zero_point = torch.zeros_like(scale) if symmetric else (-low / scale).round()
    values = ((x / scale).round() + zero_point).clamp(lowest, highest)
    return Quantized(values.to(torch.int8 if symmetric else torch.uint8), scale, zero_point)


def linear(x: Tensor, weight: Quantized, bias: Tensor | None = None) -> Tensor:
    """x (..., in) through a layer whose weight (out, in) was quantized with axis=0 or None -> (..., out).

    The inputs get one scale for the tensor as it comes: *dynamic* quantization. Products and sums are whole numbers, exact
    in 32 bits; only their result is scaled back.
    """
    inputs = quantize(x, symmetric=False)
    whole = inputs.values.int() - inputs.zero_point.int()
    sums = whole @ (weight.values.int() - weight.zero_point.int()).T  # (..., in) @ (in, out) -> (..., out)
    result = sums.to(x.dtype) * inputs.scale.flatten() * weight.scale.flatten()
    return result if bias is None else result + bias
