"""utils.course.runtime: the start of a lesson, the run card, the gates."""

import re
import subprocess
import sys
import types

import pytest
import torch

from utils import lessons
from utils.course import runtime
from utils.data import catalog
from utils.io import CommandError


def test_start(threads, capsys):
    threads.setenv("COURSE_DEVICE", "cpu")
    threads.setenv("COURSE_HUB", "off")
    threads.setenv("COURSE_THREADS", "1")
    run = runtime.start(lesson=3, seed=5)
    assert (run.lesson, run.device, run.dtype, run.hub, run.seed) == (3, "cpu", torch.float32, False, 5)
    assert (run.root / "utils" / "course" / "runtime.py").is_file()
    after = torch.rand(1)
    torch.manual_seed(5)
    assert after == torch.rand(1), "start has to seed last: nothing may be drawn after it"
    lines = [line for line in capsys.readouterr().out.splitlines() if line]
    names = [re.match(r"(\S+) +\S", line)[1] for line in lines]
    assert names[:6] == ["lesson", "device", "Hub", "seed", "machine", "versions"]
    assert set(names[6:]) == {"loads"}
    card = dict(zip(names[:6], lines))
    assert lessons.find(3).title in card["lesson"] and "3" in card["lesson"]
    assert "cpu" in card["device"] and "float32" in card["device"] and "1 CPU thread" in card["device"]
    assert "threads" not in card["device"]
    assert "not reachable" in card["Hub"]
    assert card["seed"].endswith("5")
    assert f"Python {sys.version_info.major}.{sys.version_info.minor}" in card["machine"]
    assert f"torch {torch.__version__.split('+')[0]}" in card["versions"]
    loads = [line for line in lines if line.startswith("loads")]
    assert len(loads) == sum(3 in entry["lessons"] for entry in catalog.entries().values()) >= 2
    assert any("minilm" in line and "Apache-2.0" in line and "MB" in line for line in loads)


def test_start_tells_the_libraries_that_there_is_no_hub(threads):
    import os

    threads.setenv("COURSE_HUB", "off")
    threads.setenv("COURSE_DEVICE", "cpu")
    threads.setenv("HF_HUB_OFFLINE", "0")
    runtime.start(lesson=4)
    assert os.environ["HF_HUB_OFFLINE"] == "1"


def test_start_with_the_hub(threads, capsys):
    import os

    threads.setenv("COURSE_HUB", "on")
    threads.setenv("COURSE_DEVICE", "cpu")
    run = runtime.start(lesson=4)
    assert run.hub is True
    assert os.environ.get("HF_HUB_OFFLINE") != "1"
    assert re.search(r"^Hub +reachable$", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.parametrize("number", [0, 26, -1, 99])
def test_start_with_an_unknown_lesson(number):
    with pytest.raises(lessons.UnknownLesson, match="1 to 25"):
        runtime.start(lesson=number)


@pytest.mark.parametrize("code", [0, 1])
def test_start_gives_the_command_that_installs_what_is_missing_on_colab(threads, capsys, code):
    given = []

    def run(command, **options):
        given.append((command, options))
        return types.SimpleNamespace(returncode=code)

    threads.setattr(runtime.subprocess, "run", run)
    threads.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    threads.setenv("COURSE_HUB", "off")
    threads.setenv("COURSE_DEVICE", "cpu")
    if code:
        with pytest.raises(CommandError, match="the line above says why"):
            runtime.start(lesson=3)
    else:
        runtime.start(lesson=3)
        assert "Google Colab" in capsys.readouterr().out
    assert given == [([sys.executable, "-m", "utils", "install", "3"], {"cwd": runtime.ROOT})]


def test_the_card_names_a_gpu_its_memory_and_several_threads(monkeypatch):
    gpu = types.SimpleNamespace(name="Tesla T4", total_memory=15 * 2**30)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: gpu)
    run = runtime.Run(lesson=3, device="cuda", dtype=torch.float16, hub=True, seed=0, root=runtime.ROOT)
    card = runtime.run_card(run, "Tokenization", 4)
    assert "cuda (Tesla T4, 15 GB), float16; 4 CPU threads" in card


def test_the_card_of_a_mac(monkeypatch):
    run = runtime.Run(lesson=3, device="mps", dtype=torch.float32, hub=False, seed=0, root=runtime.ROOT)
    assert "mps (Apple GPU), float32" in runtime.run_card(run, "Tokenization", 1)


def test_a_run_cannot_be_changed():
    run = runtime.Run(lesson=3, device="cpu", dtype=torch.float32, hub=False, seed=0, root=runtime.ROOT)
    with pytest.raises(AttributeError):
        run.device = "cuda"


def test_importing_runtime_imports_no_library():
    heavy = ("torch", "numpy", "transformers", "IPython")
    code = f"import sys, utils.course.runtime; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=runtime.ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_gate_of_a_gpu_cell(monkeypatch, capsys):
    monkeypatch.setattr(runtime, "detect_device", lambda: "cpu")
    assert runtime.gpu("times the flash kernels", needs="an NVIDIA GPU with 8 GB") is False
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert "times the flash kernels" in lines[0] and "an NVIDIA GPU with 8 GB" in lines[0] and "No GPU" in lines[0]


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_the_gate_of_a_gpu_cell_is_open_on_a_gpu(monkeypatch, capsys, device):
    monkeypatch.setattr(runtime, "detect_device", lambda: device)
    assert runtime.gpu("times the flash kernels", needs="a GPU") is True
    assert capsys.readouterr().out == ""


def test_the_gate_of_a_hub_cell(monkeypatch, capsys):
    monkeypatch.setattr(runtime.hugging_face, "reachable", lambda: False)
    assert runtime.hub("loads GPT-2's tokenizer", needs="the Hub, 3 MB") is False
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert "loads GPT-2's tokenizer" in lines[0] and "the Hub, 3 MB" in lines[0] and "No Hub" in lines[0]
    monkeypatch.setattr(runtime.hugging_face, "reachable", lambda: True)
    assert runtime.hub("loads GPT-2's tokenizer", needs="the Hub, 3 MB") is True
    assert capsys.readouterr().out == ""
