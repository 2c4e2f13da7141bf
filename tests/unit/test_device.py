"""utils.device: detection and its overriding variables, threads, seed, timing."""

import math
import time

import numpy
import pytest
import torch

from utils import device as machine


def pretend_devices(monkeypatch, *names: str) -> None:
    """PyTorch says that these devices are there; every computation on them takes place on the CPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in names)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in names)
    to = torch.Tensor.to
    monkeypatch.setattr(torch.Tensor, "to", lambda self, where, *rest: to(self, "cpu" if where in names else where, *rest))


def test_no_gpu_means_cpu_without_a_word(detection, capsys):
    pretend_devices(detection)
    assert machine.detect_device() == "cpu"
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("there, chosen", [(["cuda"], "cuda"), (["mps"], "mps"), (["cuda", "mps"], "cuda")])
def test_a_gpu_that_computes_correctly_is_chosen(detection, there, chosen):
    pretend_devices(detection, *there)
    assert machine.detect_device() == chosen


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_gpu_that_computes_something_else_is_left_with_a_word(detection, capsys, device):
    pretend_devices(detection, device)
    exact = torch.nn.functional.scaled_dot_product_attention
    calls = []

    def wrong_the_second_time(*arguments, **options):  # the CPU is asked first
        calls.append(arguments)
        return exact(*arguments, **options) * (1 if len(calls) == 1 else 5)

    detection.setattr(torch.nn.functional, "scaled_dot_product_attention", wrong_the_second_time)
    assert machine.detect_device() == "cpu"
    assert len(calls) == 2
    said = capsys.readouterr().out
    assert device in said and "CPU is used" in said


def test_a_gpu_that_computes_nan_is_left(detection):
    pretend_devices(detection, "mps")
    exact, calls = torch.nn.functional.cross_entropy, []

    def broken(*arguments):
        calls.append(1)
        return exact(*arguments) * (1 if len(calls) == 1 else math.nan)

    detection.setattr(torch.nn.functional, "cross_entropy", broken)
    assert machine.detect_device() == "cpu"


def test_a_gpu_that_raises_is_left_with_a_word(detection, capsys):
    pretend_devices(detection, "cuda")
    to = torch.Tensor.to

    def driver_too_old(self, where, *rest):
        if where == "cuda":
            raise RuntimeError("CUDA error: no kernel image is available for execution on the device")
        return to(self, where, *rest)

    detection.setattr(torch.Tensor, "to", driver_too_old)
    assert machine.detect_device() == "cpu"
    assert "CPU is used" in capsys.readouterr().out


def test_a_wrong_cuda_does_not_hide_a_right_mps(detection):
    pretend_devices(detection, "cuda", "mps")
    detection.setattr(machine, "agrees_with_cpu", lambda device: device == "mps")
    assert machine.detect_device() == "mps"


def test_the_cpu_agrees_with_itself():
    assert machine.agrees_with_cpu("cpu")


def test_detection_happens_once(detection):
    pretend_devices(detection, "mps")
    checked = []
    detection.setattr(machine, "agrees_with_cpu", lambda device: not checked.append(device))
    assert machine.detect_device() == machine.detect_device() == "mps"
    assert checked == ["mps"]


@pytest.mark.parametrize("value", ["cpu", "CPU", " cpu "])
def test_course_device_overrides(detection, value):
    pretend_devices(detection, "cuda")
    detection.setenv("COURSE_DEVICE", value)
    assert machine.detect_device() == "cpu"


def test_course_device_takes_a_device_that_is_there(detection):
    pretend_devices(detection, "cuda", "mps")
    detection.setenv("COURSE_DEVICE", "mps")
    assert machine.detect_device() == "mps"


def test_an_empty_course_device_is_none(detection):
    pretend_devices(detection, "mps")
    detection.setenv("COURSE_DEVICE", "")
    assert machine.detect_device() == "mps"


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_course_device_that_is_absent(detection, device):
    pretend_devices(detection)
    detection.setenv("COURSE_DEVICE", device)
    with pytest.raises(RuntimeError, match=f"COURSE_DEVICE.*'{device}'.*Unset COURSE_DEVICE"):
        machine.detect_device()


@pytest.mark.parametrize("value", ["gpu", "tpu", "cuda:0", "1"])
def test_course_device_that_is_no_device(detection, value):
    detection.setenv("COURSE_DEVICE", value)
    with pytest.raises(ValueError, match="COURSE_DEVICE.*cpu, cuda or mps"):
        machine.detect_device()


@pytest.mark.parametrize("native, expected", [(True, torch.bfloat16), (False, torch.float16)])
def test_bfloat16_only_where_it_is_native(monkeypatch, native, expected):
    def supported(including_emulation=True):
        return native or including_emulation  # a T4: True by emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert machine.detect_dtype("cuda") is expected


@pytest.mark.parametrize("device", ["cpu", "mps"])
def test_float32_without_cuda(device):
    assert machine.detect_dtype(device) is torch.float32


def test_course_threads(threads):
    threads.setenv("COURSE_THREADS", "2")
    assert machine.set_threads() == 2 == torch.get_num_threads()


def test_without_course_threads_nothing_changes(threads):
    torch.set_num_threads(2)
    assert machine.set_threads() == 2
    threads.setenv("COURSE_THREADS", "  ")
    assert machine.set_threads() == 2


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5", "1e3", "²", "9" * 30])
def test_course_threads_that_cannot_be(threads, value):
    before = torch.get_num_threads()
    threads.setenv("COURSE_THREADS", value)
    with pytest.raises(ValueError, match="COURSE_THREADS.*whole number"):
        machine.set_threads()
    assert torch.get_num_threads() == before


def test_the_seed_reaches_all_three_libraries():
    import random

    def drawn():
        machine.set_seed(7)
        return random.random(), numpy.random.rand(), torch.rand(1).item()

    first = drawn()
    assert first == drawn()
    machine.set_seed(8)
    assert first[0] != random.random() and first[1] != numpy.random.rand() and first[2] != torch.rand(1).item()


def test_seconds_is_the_shortest_after_one_uncounted_call(monkeypatch):
    clock, durations = [100.0], iter([0.25, 2.0, 0.5, 4.0])
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    def work():
        clock[0] += next(durations)

    assert machine.seconds(work, repeats=3) == 0.5
    assert next(durations, None) is None
