"""The machine side of a computation: device, number type, threads, random numbers, and how long something takes.

The device (`cpu`, `cuda`, `mps`) is detected and never asked for. Two environment variables override what is detected:

    COURSE_DEVICE   cpu, cuda or mps
    COURSE_THREADS  a whole number: the CPU threads that PyTorch may use

PyTorch is imported inside the functions, so that importing this module costs nothing.
"""

from __future__ import annotations

import functools
import random
import time
from typing import TYPE_CHECKING

from utils.io import CommandError, setting

if TYPE_CHECKING:
    import torch


class DeviceMissing(CommandError, RuntimeError):
    """COURSE_DEVICE names a device that this machine does not have."""


@functools.lru_cache(maxsize=None)
def detect_device() -> str:
    """The device to compute on: "cuda" or "mps" where one is there and computes correctly, else "cpu".

    A GPU is trusted only after one small computation on it agrees with the CPU. COURSE_DEVICE overrides the choice.

    Raises:
        SettingError: COURSE_DEVICE names no known device.
        DeviceMissing: COURSE_DEVICE names a device that this machine does not have.
    """
    import torch

    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted := setting("COURSE_DEVICE"):
        if not present[wanted]:
            raise DeviceMissing(
                f"COURSE_DEVICE asks for {wanted!r}, but PyTorch finds no such device on this machine. "
                "Unset COURSE_DEVICE to use what is there."
            )
        return wanted
    for device in ("cuda", "mps"):
        if present[device]:
            if agrees_with_cpu(device):
                return device
            print(f"The device {device!r} is there but computes something else than the CPU, so the CPU is used.")
    return "cpu"


def agrees_with_cpu(device: str) -> bool:
    """True where a small network gives the same loss and gradients on `device` as on the CPU, within 1 %.

    On some machines the same code gave a loss of 19.9 on Apple's GPU and 3.8 on the CPU, without any error message.
    """
    import torch

    def loss_and_gradient(where: str) -> torch.Tensor:
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(4, 16, 32, generator=generator).to(where)  # (B, T, C)
        weight = torch.randn(32, 32, generator=generator).to(where).requires_grad_()  # (C, C)
        query = (x @ weight).view(4, 16, 2, 16).transpose(1, 2)  # (B, T, C) -> (B, H, T, D)
        mixed = torch.nn.functional.scaled_dot_product_attention(query, query, query, is_causal=True)
        loss = torch.nn.functional.cross_entropy(
            mixed.transpose(1, 2).flatten(2).flatten(0, 1), torch.arange(64).to(where) % 32
        )
        loss.backward()
        return torch.cat([loss.detach().reshape(1), weight.grad.flatten()]).cpu()

    try:
        expected, measured = loss_and_gradient("cpu"), loss_and_gradient(device)
    except (RuntimeError, NotImplementedError):  # e.g. a driver that is too old for this build of PyTorch
        return False
    return bool(torch.allclose(measured, expected, rtol=1e-2, atol=1e-3))


def detect_dtype(device: str) -> torch.dtype:
    """The number type for training on `device`: bfloat16 only where the GPU computes it natively, float16 on older
    NVIDIA GPUs (a T4 only emulates bfloat16, slowly), float32 on everything else."""
    import torch

    if device != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def set_threads() -> int:
    """Gives PyTorch the number of CPU threads that COURSE_THREADS asks for, if it does; returns the number in use."""
    import torch

    if wanted := setting("COURSE_THREADS"):
        torch.set_num_threads(int(wanted))
    return torch.get_num_threads()


def set_seed(seed: int) -> None:
    """Seeds Python's, NumPy's and PyTorch's global random numbers.

    What must not depend on what ran before draws from a generator of its own: `torch.Generator().manual_seed(seed)`.
    """
    import numpy
    import torch

    random.seed(seed)
    numpy.random.seed(seed)
    torch.manual_seed(seed)  # the CPU and every GPU


def seconds(function, repeats: int = 3) -> float:
    """The shortest of `repeats` timings of `function()`, in seconds, after one call that is not counted.

    The shortest and not the mean: other programs can only make a run slower.
    """
    import torch

    def timed() -> float:
        start = time.perf_counter()
        function()
        if torch.cuda.is_available():
            torch.cuda.synchronize()  # a GPU works on after the call returns
        elif torch.backends.mps.is_available():
            torch.mps.synchronize()
        return time.perf_counter() - start

    timed()
    return min(timed() for _ in range(repeats))
