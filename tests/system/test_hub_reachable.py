"""utils.data.hub: whether the Hub can be reached, and what overrides the question."""

import contextlib
import http.server
import inspect
import socket
import threading
import time

import pytest

from utils.data import hub

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")


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


@pytest.mark.parametrize("code, reachable", [(200, True), (401, True), (404, True), (429, True), (500, False), (503, False)])
def test_what_the_hub_answers(detection, code, reachable):
    with serving(status(code)) as address:
        detection.setenv("HF_ENDPOINT", address)
        assert hub.reachable() is reachable


def test_the_hub_is_asked_once(detection):
    asked = []
    with serving(lambda handler: (asked.append(1), status(200)(handler))) as address:
        detection.setenv("HF_ENDPOINT", address)
        assert hub.reachable() and hub.reachable()
    assert len(asked) == 1


def elapsed_and_answer(timeout: float) -> tuple[float, bool]:
    start = time.perf_counter()
    answer = hub.reachable(timeout)
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
        assert hub.reachable() is False
    assert capfd.readouterr() == ("", ""), "a traceback of the asking thread"


@pytest.mark.parametrize("address", ["no address", "http://", "http://127.0.0.1:port", "http://[::1", "ftp//x", "http://a b/"])
def test_an_endpoint_that_is_no_address(detection, capfd, address):
    detection.setenv("HF_ENDPOINT", address)
    assert hub.reachable(2.0) is False
    assert capfd.readouterr() == ("", ""), "a traceback of the asking thread"


def test_an_endpoint_that_is_a_file(detection, tmp_path):
    detection.setenv("HF_ENDPOINT", tmp_path.as_uri())
    assert hub.reachable(2.0) is False


def test_the_waiting_time_is_a_few_seconds():
    assert 1 <= inspect.signature(hub.reachable).parameters["seconds"].default <= 5


def nobody_asks(monkeypatch):
    monkeypatch.setattr(hub.io, "http_status", lambda timeout: pytest.fail("the Hub was asked"))


@pytest.mark.parametrize("value, expected", [("on", True), ("off", False), ("ON", True), (" Off ", False)])
def test_course_hub_overrides(detection, value, expected):
    nobody_asks(detection)
    detection.setenv("COURSE_HUB", value)
    detection.setenv("HF_HUB_OFFLINE", "0" if value == "off" else "1")
    assert hub.reachable() is expected


@pytest.mark.parametrize("value", ["1", "yes", "true", "onn", "https://huggingface.co"])
def test_course_hub_garbage(detection, value):
    detection.setenv("COURSE_HUB", value)
    with pytest.raises(ValueError, match="COURSE_HUB.*on or off"):
        hub.reachable()


def test_hub_offline_is_respected(detection):
    nobody_asks(detection)
    detection.setenv("HF_HUB_OFFLINE", "1")
    assert hub.reachable() is False
