"""utils.runtime: detection and its overriding variables, the run card, the gates, the scorecard."""

import contextlib
import http.server
import inspect
import json
import math
import re
import socket
import subprocess
import sys
import threading
import time
import types

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import utils
from utils import catalog, lessons, runtime

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")

# ----------------------------------------------------------------------------------------------------------------
# Device, number type, threads, seed
# ----------------------------------------------------------------------------------------------------------------


def pretend_devices(monkeypatch, *names: str) -> None:
    """PyTorch says that these devices are there; every computation on them takes place on the CPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in names)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in names)
    to = torch.Tensor.to
    monkeypatch.setattr(
        torch.Tensor, "to", lambda self, where, *rest: to(self, "cpu" if where in names else where, *rest)
    )


def test_no_gpu_means_cpu_without_a_word(detection, capsys):
    pretend_devices(detection)
    assert runtime.detect_device() == "cpu"
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("there, chosen", [(["cuda"], "cuda"), (["mps"], "mps"), (["cuda", "mps"], "cuda")])
def test_a_gpu_that_computes_correctly_is_chosen(detection, there, chosen):
    pretend_devices(detection, *there)
    assert runtime.detect_device() == chosen


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_gpu_that_computes_something_else_is_left_with_a_word(detection, capsys, device):
    pretend_devices(detection, device)
    exact = torch.nn.functional.scaled_dot_product_attention
    calls = []

    def wrong_the_second_time(*arguments, **options):  # the CPU is asked first
        calls.append(arguments)
        return exact(*arguments, **options) * (1 if len(calls) == 1 else 5)

    detection.setattr(torch.nn.functional, "scaled_dot_product_attention", wrong_the_second_time)
    assert runtime.detect_device() == "cpu"
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
    assert runtime.detect_device() == "cpu"


def test_a_gpu_that_raises_is_left_with_a_word(detection, capsys):
    pretend_devices(detection, "cuda")
    to = torch.Tensor.to

    def driver_too_old(self, where, *rest):
        if where == "cuda":
            raise RuntimeError("CUDA error: no kernel image is available for execution on the device")
        return to(self, where, *rest)

    detection.setattr(torch.Tensor, "to", driver_too_old)
    assert runtime.detect_device() == "cpu"
    assert "CPU is used" in capsys.readouterr().out


def test_a_wrong_cuda_does_not_hide_a_right_mps(detection):
    pretend_devices(detection, "cuda", "mps")
    detection.setattr(runtime, "agrees_with_cpu", lambda device: device == "mps")
    assert runtime.detect_device() == "mps"


def test_the_cpu_agrees_with_itself():
    assert runtime.agrees_with_cpu("cpu")


def test_detection_happens_once(detection):
    pretend_devices(detection, "mps")
    checked = []
    detection.setattr(runtime, "agrees_with_cpu", lambda device: not checked.append(device))
    assert runtime.detect_device() == runtime.detect_device() == "mps"
    assert checked == ["mps"]


@pytest.mark.parametrize("value", ["cpu", "CPU", " cpu "])
def test_course_device_overrides(detection, value):
    pretend_devices(detection, "cuda")
    detection.setenv("COURSE_DEVICE", value)
    assert runtime.detect_device() == "cpu"


def test_course_device_takes_a_device_that_is_there(detection):
    pretend_devices(detection, "cuda", "mps")
    detection.setenv("COURSE_DEVICE", "mps")
    assert runtime.detect_device() == "mps"


def test_an_empty_course_device_is_none(detection):
    pretend_devices(detection, "mps")
    detection.setenv("COURSE_DEVICE", "")
    assert runtime.detect_device() == "mps"


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_course_device_that_is_absent(detection, device):
    pretend_devices(detection)
    detection.setenv("COURSE_DEVICE", device)
    with pytest.raises(RuntimeError, match=f"COURSE_DEVICE.*'{device}'.*Unset COURSE_DEVICE"):
        runtime.detect_device()


@pytest.mark.parametrize("value", ["gpu", "tpu", "cuda:0", "1"])
def test_course_device_that_is_no_device(detection, value):
    detection.setenv("COURSE_DEVICE", value)
    with pytest.raises(ValueError, match="COURSE_DEVICE.*cpu, cuda or mps"):
        runtime.detect_device()


@pytest.mark.parametrize("native, expected", [(True, torch.bfloat16), (False, torch.float16)])
def test_bfloat16_only_where_it_is_native(monkeypatch, native, expected):
    def supported(including_emulation=True):
        return native or including_emulation  # a T4: True by emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert runtime.detect_dtype("cuda") is expected


@pytest.mark.parametrize("device", ["cpu", "mps"])
def test_float32_without_cuda(device):
    assert runtime.detect_dtype(device) is torch.float32


@pytest.fixture
def threads(detection):
    """Restores the number of threads; returns monkeypatch."""
    before = torch.get_num_threads()
    yield detection
    torch.set_num_threads(before)


def test_course_threads(threads):
    threads.setenv("COURSE_THREADS", "2")
    assert runtime.set_threads() == 2 == torch.get_num_threads()


def test_without_course_threads_nothing_changes(threads):
    torch.set_num_threads(2)
    assert runtime.set_threads() == 2
    threads.setenv("COURSE_THREADS", "  ")
    assert runtime.set_threads() == 2


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5", "1e3", "²", "9" * 30])
def test_course_threads_that_cannot_be(threads, value):
    before = torch.get_num_threads()
    threads.setenv("COURSE_THREADS", value)
    with pytest.raises(ValueError, match="COURSE_THREADS.*whole number"):
        runtime.set_threads()
    assert torch.get_num_threads() == before


def test_the_seed_reaches_all_three_libraries():
    import random

    def drawn():
        runtime.set_seed(7)
        return random.random(), numpy.random.rand(), torch.rand(1).item()

    first = drawn()
    assert first == drawn()
    runtime.set_seed(8)
    assert first[0] != random.random() and first[1] != numpy.random.rand() and first[2] != torch.rand(1).item()


def test_seconds_is_the_shortest_after_one_uncounted_call(monkeypatch):
    clock, durations = [100.0], iter([0.25, 2.0, 0.5, 4.0])
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    def work():
        clock[0] += next(durations)

    assert runtime.seconds(work, repeats=3) == 0.5
    assert next(durations, None) is None


# ----------------------------------------------------------------------------------------------------------------
# The Hub
# ----------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def serving(answer):
    """A local HTTP server that answers HEAD by `answer(handler)`; gives its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):  # noqa: N802  the library's name
            answer(self)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def status(code: int):
    def answer(handler):
        handler.send_response(code)
        handler.end_headers()

    return answer


@pytest.mark.parametrize(
    "code, reachable", [(200, True), (401, True), (404, True), (429, True), (500, False), (503, False)]
)
def test_what_the_hub_answers(detection, code, reachable):
    with serving(status(code)) as address:
        detection.setenv("HF_ENDPOINT", address)
        assert runtime.hub_reachable() is reachable


def test_the_hub_is_asked_once(detection):
    asked = []
    with serving(lambda handler: (asked.append(1), status(200)(handler))) as address:
        detection.setenv("HF_ENDPOINT", address)
        assert runtime.hub_reachable() and runtime.hub_reachable()
    assert len(asked) == 1


def elapsed_and_answer(timeout: float) -> tuple[float, bool]:
    start = time.perf_counter()
    answer = runtime.hub_reachable(timeout)
    return time.perf_counter() - start, answer


def test_a_closed_port(detection, capfd):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody answers there
        detection.setenv("HF_ENDPOINT", f"http://127.0.0.1:{taken.getsockname()[1]}")
        elapsed, answer = elapsed_and_answer(4.0)
    assert answer is False and elapsed < 6
    assert capfd.readouterr() == ("", "")


def test_a_server_that_hangs(detection, capfd):
    released = threading.Event()
    with serving(lambda handler: released.wait(20)) as address:
        detection.setenv("HF_ENDPOINT", address)
        elapsed, answer = elapsed_and_answer(0.5)
        released.set()
    assert answer is False and elapsed < 4
    assert capfd.readouterr() == ("", "")


def test_a_server_that_drips(detection):
    """Each byte restarts a socket's timeout, so a timeout alone would never end."""
    stopped = threading.Event()

    def drip(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        with contextlib.suppress(OSError):
            while not stopped.wait(0.1):
                handler.wfile.write(b"X-Slow: yes\r\n")

    with serving(drip) as address:
        detection.setenv("HF_ENDPOINT", address)
        elapsed, answer = elapsed_and_answer(0.5)
        stopped.set()
    assert answer is False and elapsed < 4


def test_a_name_lookup_that_hangs(detection):
    released = threading.Event()
    detection.setattr(socket, "getaddrinfo", lambda *_, **__: released.wait(20) and [])
    detection.setenv("HF_ENDPOINT", "https://hub.invalid")
    elapsed, answer = elapsed_and_answer(0.5)
    released.set()
    assert answer is False and elapsed < 4


def test_a_server_that_speaks_no_http(detection, capfd):
    with serving(lambda handler: handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")) as address:
        detection.setenv("HF_ENDPOINT", address)
        assert runtime.hub_reachable() is False
    assert capfd.readouterr() == ("", ""), "a traceback of the asking thread"


@pytest.mark.parametrize(
    "address", ["no address", "http://", "http://127.0.0.1:port", "http://[::1", "ftp//x", "http://a b/"]
)
def test_an_endpoint_that_is_no_address(detection, capfd, address):
    detection.setenv("HF_ENDPOINT", address)
    assert runtime.hub_reachable(2.0) is False
    assert capfd.readouterr() == ("", ""), "a traceback of the asking thread"


def test_an_endpoint_that_is_a_file(detection, tmp_path):
    detection.setenv("HF_ENDPOINT", tmp_path.as_uri())
    assert runtime.hub_reachable(2.0) is False


def test_the_waiting_time_is_a_few_seconds():
    assert 1 <= inspect.signature(runtime.hub_reachable).parameters["timeout"].default <= 5


def nobody_asks(monkeypatch):
    monkeypatch.setattr(runtime, "_hub_answers", lambda timeout: pytest.fail("the Hub was asked"))


@pytest.mark.parametrize("value, expected", [("on", True), ("off", False), ("ON", True), (" Off ", False)])
def test_course_hub_overrides(detection, value, expected):
    nobody_asks(detection)
    detection.setenv("COURSE_HUB", value)
    detection.setenv("HF_HUB_OFFLINE", "0" if value == "off" else "1")
    assert runtime.hub_reachable() is expected


@pytest.mark.parametrize("value", ["1", "yes", "true", "onn", "https://huggingface.co"])
def test_course_hub_garbage(detection, value):
    detection.setenv("COURSE_HUB", value)
    with pytest.raises(ValueError, match="COURSE_HUB.*on or off"):
        runtime.hub_reachable()


def test_hub_offline_is_respected(detection):
    nobody_asks(detection)
    detection.setenv("HF_HUB_OFFLINE", "1")
    assert runtime.hub_reachable() is False


# ----------------------------------------------------------------------------------------------------------------
# The start of a lesson
# ----------------------------------------------------------------------------------------------------------------


def test_start(threads, capsys):
    threads.setenv("COURSE_DEVICE", "cpu")
    threads.setenv("COURSE_HUB", "off")
    threads.setenv("COURSE_THREADS", "1")
    run = runtime.start(lesson=3, seed=5)
    assert (run.lesson, run.device, run.dtype, run.hub, run.seed) == (3, "cpu", torch.float32, False, 5)
    assert (run.root / "utils" / "runtime.py").is_file()
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


def test_start_installs_what_is_missing_on_colab(threads, capsys):
    installed = []
    environment = types.SimpleNamespace(install_missing=lambda *_, **__: installed.append(1))
    threads.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    threads.setitem(sys.modules, "utils.environment", environment)
    threads.setattr(utils, "environment", environment, raising=False)
    threads.setenv("COURSE_HUB", "off")
    threads.setenv("COURSE_DEVICE", "cpu")
    runtime.start(lesson=3)
    assert installed == [1]
    assert "Google Colab" in capsys.readouterr().out


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


def test_the_version_of_a_package_that_is_missing():
    assert runtime.installed_version("torch") == torch.__version__.split("+")[0] or "+" in runtime.installed_version(
        "torch"
    )
    assert runtime.installed_version("no-such-package-anywhere") == "missing"


def test_importing_runtime_imports_no_library():
    heavy = ("torch", "numpy", "transformers", "IPython")
    code = f"import sys, utils.runtime; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=runtime.ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# ----------------------------------------------------------------------------------------------------------------
# Gates
# ----------------------------------------------------------------------------------------------------------------


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
    monkeypatch.setattr(runtime, "hub_reachable", lambda: False)
    assert runtime.hub("loads GPT-2's tokenizer", needs="the Hub, 3 MB") is False
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert "loads GPT-2's tokenizer" in lines[0] and "the Hub, 3 MB" in lines[0] and "No Hub" in lines[0]
    monkeypatch.setattr(runtime, "hub_reachable", lambda: True)
    assert runtime.hub("loads GPT-2's tokenizer", needs="the Hub, 3 MB") is True
    assert capsys.readouterr().out == ""


# ----------------------------------------------------------------------------------------------------------------
# The scorecard
# ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def card():
    return runtime.Scorecard(lesson=4)


@pytest.mark.parametrize(
    "method, measured, bound, holds",
    [
        ("at_least", 10.0, 10, True), ("at_least", 9.999, 10, False), ("at_least", 11, 10, True),
        ("at_most", 10.0, 10, True), ("at_most", 10.001, 10, False), ("at_most", -3, 10, True),
        ("equal", 3, 3, True), ("equal", 3, 4, False), ("equal", "a", "a", True), ("equal", True, True, True),
        ("at_least", math.nan, 0, False), ("at_most", math.nan, 0, False), ("equal", math.nan, math.nan, False),
        ("at_most", math.inf, 1e300, False), ("at_least", math.inf, 1, True), ("at_most", -math.inf, 1e-5, True),
        ("at_least", torch.tensor(2.0), 1, True), ("at_most", numpy.float32(0.5), 0.25, False),
        ("equal", torch.tensor(3), 3, True), ("equal", numpy.int64(3), 3, True), ("equal", numpy.int64(2), 3, False),
        ("equal", (2, 3), (2, 3), True), ("equal", torch.zeros(2, 3).shape, (2, 3), True),
    ],
)  # fmt: skip
def test_rows_hold_or_do_not(card, notebook, method, measured, bound, holds):
    getattr(card, method)("a claim", measured, bound)
    (row,) = card.rows
    assert set(row) == {"claim", "measured", "bound", "holds"}
    assert row["claim"] == "a claim"
    assert row["holds"] is holds
    with contextlib.nullcontext() if holds else pytest.raises(runtime.ScorecardError):
        card.show()
    ((bundle, _),) = notebook.shown
    as_json = json.dumps(bundle[runtime.SCORECARD_MIME], allow_nan=False)  # NaN and Infinity are no JSON
    assert json.loads(as_json)[0]["holds"] is holds


@pytest.mark.parametrize(
    "method, bound, expected",
    [("at_least", 10, ">= 10"), ("at_most", 1e-5, "<= 1e-05"), ("at_most", 0.25, "<= 0.25"), ("equal", 7, "= 7")],
)
def test_bounds_are_written_out(card, method, bound, expected):
    getattr(card, method)("a claim", 0, bound)
    assert card.rows[0]["bound"] == expected


def test_measured_values_are_rounded(card):
    card.at_least("a ratio", 12.3456, 10)
    card.at_least("finer", 12.3456, 10, digits=5)
    card.at_most("a share", 0.0123456, 0.5)
    assert [row["measured"] for row in card.rows] == [12.3, 12.346, 0.0123]


@pytest.mark.parametrize("bound, shown", [(1e-5, 1e-6), (1e-6, 1e-7), (5e-4, 5e-5)])
@pytest.mark.parametrize("noise", [0.0, 1.2e-8, 4.7e-8])
def test_noise_far_below_a_small_bound_is_the_same_everywhere(card, bound, shown, noise):
    card.at_most("largest difference", noise, bound)
    assert repr(card.rows[0]["measured"]) == repr(shown)
    assert card.rows[0]["holds"]


def test_noise_near_the_bound_is_shown(card):
    card.at_most("largest difference", 4.567e-6, 1e-5)
    card.at_most("a share", 0.001, 0.5)
    assert [row["measured"] for row in card.rows] == [4.57e-06, 0.001]


@pytest.mark.parametrize("method, measured, bound", [("at_least", 9.9999, 10), ("at_most", 0.100001, 0.1)])
def test_rounding_does_not_hide_why_a_row_is_missed(card, capsys, method, measured, bound):
    getattr(card, method)("a claim", measured, bound)
    with pytest.raises(runtime.ScorecardError, match=re.escape(str(measured))):
        card.show()


@pytest.mark.parametrize("measured, bound", [(-5.0, 0), (-5.0, -1)])
def test_a_bound_of_zero_or_less_hides_nothing(card, measured, bound):
    card.at_most("change of the loss", measured, bound)
    assert card.rows[0]["measured"] == measured and card.rows[0]["holds"]


def test_every_missed_row_is_named(card, capsys):
    card.at_least("rows that hold are not named", 2, 1)
    card.at_least("accuracy", 0.61, 0.9)
    card.at_most("largest difference", 0.5, 1e-5)
    card.equal("merges identical", False, True)
    with pytest.raises(runtime.ScorecardError) as raised:
        card.show()
    message = str(raised.value)
    assert "Lesson 4" in message and "3 of 4" in message
    for fragment in ("accuracy: measured 0.61, bound >= 0.9", "largest difference", "merges identical"):
        assert fragment in message
    assert "not named" not in message
    assert isinstance(raised.value, AssertionError)
    assert "MISS accuracy" in capsys.readouterr().out, "the table is shown before it raises"


def test_an_empty_scorecard(card):
    with pytest.raises(ValueError, match="no rows"):
        card.show()


def test_outside_of_a_notebook_the_text_is_printed(card, capsys):
    card.equal("lossless", True, True)
    card.at_least("times faster", 55.5, 10)
    card.show()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("ok   lossless") and "(= True)" in lines[0]
    assert lines[1].startswith("ok   times faster") and "55.5" in lines[1] and "(>= 10)" in lines[1]


def test_in_a_notebook_a_table_and_the_rows(card, notebook, capsys):
    card.equal("a < b & c", "<b>", "<b>")
    card.show()
    assert capsys.readouterr().out == ""
    ((bundle, _),) = notebook.shown
    assert set(bundle) == {"text/plain", "text/html", "application/vnd.course.scorecard+json"}
    assert bundle["application/vnd.course.scorecard+json"] == card.rows
    assert "a &lt; b &amp; c" in bundle["text/html"] and "&lt;b&gt;" in bundle["text/html"]
    assert "a < b & c" in bundle["text/plain"]


def test_two_cards_share_nothing():
    first, second = runtime.Scorecard(3), runtime.Scorecard(3)
    first.equal("x", 1, 1)
    assert second.rows == []


# ----------------------------------------------------------------------------------------------------------------
# Rounding
# ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value, digits, expected",
    [
        (0.0123456, 3, 0.0123),
        (1234.5, 3, 1230),
        (999.9, 3, 1000),
        (-0.0456, 2, -0.046),
        (0.0, 3, 0.0),
        (12.0, 3, 12.0),
        (7, 3, 7),
    ],
)
def test_round_to(value, digits, expected):
    assert runtime.round_to(value, digits) == expected


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_round_to_leaves_what_is_no_number(value):
    assert repr(runtime.round_to(value, 3)) == repr(value)


@given(st.floats(-1e300, 1e300), st.integers(1, 15))
def test_round_to_keeps_the_value_and_drops_the_digits(value, digits):
    rounded = runtime.round_to(value, digits)
    smallest = sys.float_info.min * 10**digits  # below it a float has fewer digits
    assert abs(rounded - value) <= max(0.5000001 * 10 ** (1 - digits) * abs(value), smallest)
    assert runtime.round_to(float(rounded), digits) == rounded
    written = f"{float(rounded):.17e}".split("e")[0] if abs(value) < smallest else repr(float(rounded))
    if abs(value) >= smallest:
        assert len(written.split("e")[0].replace("-", "").replace(".", "").strip("0")) <= digits
