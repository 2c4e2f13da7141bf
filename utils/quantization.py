"""Numbers in eight bits, in four and in fewer: whole numbers with a scale, or levels of a table.

    Quantized      whole numbers with their scale and zero point; `dequantize` gives numbers back
    quantize       symmetric or with a zero point; one scale for the whole tensor, or one for each place of an axis
    linear         a linear layer in whole numbers: the weights are quantized before, the inputs when they come
    Q4_1           four bits in blocks: 16 steps from the block's smallest number up, as in GGUF files
    NF4            four bits in blocks: 16 levels that are quantiles of the normal distribution, with double quantization
    NF4Linear      a frozen linear layer that keeps its weight so, and multiplies it out when it is called
    rounded        any number of bits, in blocks of any size or a row at a time, multiplied out again
    FP8            floating-point numbers of eight bits with a scale for each block, as DeepSeek-V3 multiplies in training

Eight bits follow ONNX Runtime: symmetric weights in -127 .. 127, inputs in 0 .. 255 with a zero point, halves rounded to even
(Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", 2017, arXiv
1712.05877, section 2). NF4: Dettmers et al., "QLoRA", 2023, arXiv 2305.14314, section 3 and appendix E.
"""

import dataclasses
import functools
import math

import scipy.stats
import torch
import torch.nn.functional as F
from torch import Tensor, nn


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


# ----------------------------------------------------------------------------------------------------------------------
# Four bits, in blocks
# ----------------------------------------------------------------------------------------------------------------------


def _blocks(x: Tensor, size: int) -> Tensor:
    """All numbers in their order, a block a row, in 32 bits. Raises ValueError where they do not fill whole blocks."""
    if x.numel() == 0 or x.numel() % size or not torch.isfinite(x).all():
        raise ValueError(f"{x.numel()} numbers make no whole blocks of {size}, or some of them are not finite.")
    return x.detach().float().reshape(-1, size)


def pack(codes: Tensor) -> Tensor:
    """Numbers 0 .. 15, an even count -> half as many bytes; the first of two stands in the high bits."""
    codes = codes.flatten().to(torch.uint8)
    return codes[::2] << 4 | codes[1::2]


def unpack(data: Tensor) -> Tensor:
    """The way back: bytes (n,) -> numbers 0 .. 15 (2 n,)."""
    return torch.stack([data >> 4, data & 15], -1).flatten()


@dataclasses.dataclass(frozen=True)
class Q4_1:
    """A weight is step * code + low, with a step and a low of 16 bits for each block (llama.cpp's type of this name)."""

    codes: Tensor  # uint8, two in a byte
    step: Tensor  # (blocks, 1), float16
    low: Tensor
    shape: torch.Size
    block: int

    @classmethod
    def quantize(cls, x: Tensor, block: int = 32) -> "Q4_1":
        """The codes are found with the step in 32 bits, as in llama.cpp. Raises ValueError as `_blocks` does."""
        rows = _blocks(x, block)
        low = rows.amin(1, keepdim=True)
        step = (rows.amax(1, keepdim=True) - low) / 15
        inverse = torch.where(step == 0, 0.0, 1 / step)
        codes = ((rows - low) * inverse + 0.5).floor().clamp(0, 15)
        return cls(pack(codes), step.half(), low.half(), x.shape, block)

    def dequantize(self) -> Tensor:
        codes = unpack(self.codes).float().view(-1, self.block)
        return (self.step.float() * codes + self.low.float()).view(self.shape)

    @property
    def bits(self) -> float:
        """Bits a weight, with step and low."""
        return 4 + 2 * 16 / self.block


@functools.lru_cache(maxsize=1)
def nf4_levels() -> Tensor:
    """The 16 levels (16,), rising from -1 to 1, 0 among them: appendix E of the paper.

    Seven quantiles of the normal distribution below zero and eight above, evenly spaced in probability, divided by the
    largest. The outermost is the quantile of 1 - (1/30 + 1/32) / 2: at probability 1 it would be infinite.
    """
    outermost = 1 - (1 / 30 + 1 / 32) / 2
    below, above = (scipy.stats.norm.ppf(torch.linspace(outermost, 0.5, n + 1, dtype=torch.double))[:-1] for n in (7, 8))
    levels = torch.tensor([*-below, 0.0, *above[::-1]], dtype=torch.double)
    return (levels / levels.max()).float()


@dataclasses.dataclass(frozen=True)
class NF4:
    """A weight is largest * level[code], where `largest` is the largest absolute number of its block.

    largest: (blocks, 1) in 32 bits; or, with double quantization, in eight bits around their mean, in groups of 256.
    """

    codes: Tensor  # uint8, two in a byte
    largest: Tensor | Quantized
    mean: Tensor | None
    shape: torch.Size
    block: int
    group: int | None

    @classmethod
    def quantize(cls, x: Tensor, block: int = 64, double: bool = True, group: int = 256) -> "NF4":
        """Each number becomes the nearest level. Raises ValueError as `_blocks` does.

        Departure: the paper's second quantization has 8-bit floats, this one 8-bit whole numbers.
        """
        rows, levels = _blocks(x, block), nf4_levels().to(x.device)
        largest = rows.abs().amax(1, keepdim=True)
        middles = (levels[1:] + levels[:-1]) / 2
        codes = torch.bucketize(rows / torch.where(largest == 0, 1.0, largest), middles)
        if not double:
            return cls(pack(codes), largest, None, x.shape, block, None)
        mean = largest.mean()
        grouped = F.pad((largest - mean).flatten(), (0, -len(largest) % group)).view(-1, group)  # filled up with zeros
        return cls(pack(codes), quantize(grouped, axis=0), mean, x.shape, block, group)

    def scales(self) -> Tensor:
        """The largest absolute number of each block (blocks, 1), as far as it was kept."""
        if self.mean is None:
            return self.largest
        count = math.prod(self.shape) // self.block
        return (self.largest.dequantize().flatten()[:count] + self.mean)[:, None]

    def dequantize(self) -> Tensor:
        levels = nf4_levels().to(self.codes.device)
        pairs = levels[unpack(torch.arange(256, dtype=torch.uint8, device=levels.device)).int()].view(256, 2)  # of each byte
        return (F.embedding(self.codes.int(), pairs).view(-1, self.block) * self.scales()).view(self.shape)

    @property
    def bits(self) -> float:
        """Bits a weight, with the scales, and the scales' scales."""
        return 4 + (32 / self.block if self.mean is None else (8 + 32 / self.group) / self.block)


@dataclasses.dataclass(frozen=True)
class FP8:
    """Floating point in eight bits: 4 of exponent and 3 of mantissa (E4M3), times a scale for each block.

    The scale brings a block's largest absolute number to 448, the largest that there is; the smallest above zero is 1/512.
    Source: DeepSeek-V3 Technical Report (2024, arXiv 2412.19437), section 3.3.
    """

    values: Tensor  # (rows, columns), float8_e4m3fn
    scale: Tensor  # (blocks down, blocks across), float32
    block: tuple[int, int]

    @classmethod
    def quantize(cls, x: Tensor, rows: int = 1, columns: int = 128) -> "FP8":
        """x (n, m) in blocks of rows x columns; those at the edges are smaller. V3: 1 x 128 of inputs, 128 x 128 of weights.

        Raises ValueError where x has other than two axes, is empty, or holds a number that is not finite.
        """
        if x.dim() != 2 or not x.numel() or not torch.isfinite(x).all():
            raise ValueError(f"FP8 takes a matrix of finite numbers, not {tuple(x.shape)}: flatten the axes before the last.")
        filled = F.pad(x.detach().float(), (0, -x.shape[1] % columns, 0, -x.shape[0] % rows))
        blocks = filled.unflatten(1, (-1, columns)).unflatten(0, (-1, rows))  # (down, rows, across, columns)
        scale = blocks.abs().amax((1, 3)) / torch.finfo(torch.float8_e4m3fn).max  # (down, across)
        scale = torch.where(scale == 0, 1.0, scale)  # of zeros alone
        values = (blocks / scale[:, None, :, None]).flatten(2).flatten(0, 1)[: x.shape[0], : x.shape[1]]
        return cls(values.to(torch.float8_e4m3fn), scale, (rows, columns))

    def dequantize(self) -> Tensor:
        """(n, m), in 32 bits"""
        scale = self.scale.repeat_interleave(self.block[0], 0).repeat_interleave(self.block[1], 1)
        return self.values.float() * scale[: self.values.shape[0], : self.values.shape[1]]


def fp8_linear(x: Tensor, weight: Tensor, block: int = 128) -> Tensor:
    """x (..., in) W^T for a weight (out, in), as FP8 would give it -> (..., out), in 32 bits. No gradient passes.

    Simulated: the factors are rounded to FP8 and multiplied out, the sums are of 32 bits. A GPU adds `block` products in its
    tensor cores, with fewer bits, and V3 then adds these sums in 32.
    """
    inputs = FP8.quantize(x.flatten(0, -2), 1, block).dequantize()
    return (inputs @ FP8.quantize(weight, block, block).dequantize().T).unflatten(0, x.shape[:-1])


class _Product(torch.autograd.Function):
    """x W^T with a W in four bits: it is multiplied out for the product and again for the gradient, and never kept."""

    @staticmethod
    def forward(ctx, x, packed):
        ctx.packed = packed
        return x @ packed.dequantize().to(x.dtype).T  # (..., in) @ (in, out)

    @staticmethod
    def backward(ctx, gradient):
        return gradient @ ctx.packed.dequantize().to(gradient.dtype), None  # (..., out) @ (out, in); W itself learns nothing


class NF4Linear(nn.Module):
    """A frozen linear layer whose weight is kept in NF4. The gradient passes through it to the input."""

    def __init__(self, layer: nn.Linear, block: int = 64, double: bool = True):
        super().__init__()
        self.out_features, self.in_features = layer.weight.shape
        self.packed = NF4.quantize(layer.weight, block, double)
        self.bias = layer.bias

    @property
    def weight(self) -> Tensor:
        """Multiplied out (out, in)."""
        return self.packed.dequantize()

    def forward(self, x: Tensor) -> Tensor:
        y = _Product.apply(x, self.packed)
        return y if self.bias is None else y + self.bias


def to_nf4(model: nn.Module, skip: tuple[str, ...] = ("lm_head", "classifier"), **options) -> nn.Module:
    """Turns the linear layers of a model into NF4Linear, in place, but for those whose name ends in one of `skip`.

    Embeddings and norms stay as they are, as in QLoRA.
    """
    for place, module in list(model.named_modules()):
        if isinstance(module, nn.Linear) and place.split(".")[-1] not in skip:
            parent, _, last = place.rpartition(".")
            setattr(model.get_submodule(parent), last, NF4Linear(module, **options))
    return model


# ----------------------------------------------------------------------------------------------------------------------
# Any number of bits
# ----------------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Rounded:
    """A weight rounded in blocks, multiplied out again, with the bits a weight that storing it would cost."""

    weight: Tensor
    bits: float


def rounded(x: Tensor, bits: int, block: int | None = None) -> Rounded:
    """x (out, in) at 2 ** bits even steps from each block's smallest number to its largest; step and low in 16 bits.

    block: numbers of one row that share step and low; None for the whole row. As Q4_1, of any size and number of bits.
    Raises ValueError for bits outside 1 .. 8, or where the blocks do not fill whole rows.
    """
    if not 1 <= bits <= 8:
        raise ValueError(f"bits={bits}: from 1 to 8.")
    size = x.shape[-1] if block is None else block
    if x.shape[-1] % size:
        raise ValueError(f"Rows of {x.shape[-1]} numbers make no whole blocks of {size}.")
    rows = _blocks(x, size)
    low, most = rows.amin(1, keepdim=True), 2**bits - 1
    step = ((rows.amax(1, keepdim=True) - low) / most).half().float()
    low = low.half().float()
    codes = ((rows - low) / torch.where(step == 0, 1.0, step)).round().clamp(0, most)
    return Rounded((step * codes + low).view_as(x), bits + 2 * 16 / size)
