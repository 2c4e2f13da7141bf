"""The course's model server, asked by Ollama's official client and by sockets that do what clients should not."""

import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import ollama
import psutil
import pytest
import torch
import transformers
from test_commands import child_variables, obey_control_c, one_line, posix_only

from utils.data import catalog
from utils.export import gguf, library
from utils.export import server as servers
from utils.export.ollama import COURSE_VERSION, find
from utils.export.server import Server
from utils.io import ROOT

MINI = ROOT / "data" / "models" / "llama-mini"
SUM = [{"role": "user", "content": "24+31+47="}]
GREEDY = {"temperature": 0}
LONG = {"model": "mini", "raw": True, "prompt": "<|endoftext|>", "options": {"seed": 1, "num_predict": 100_000}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def server(folder):
    """llama-mini under two names; what is pulled is made in a folder of its own."""
    paths = {kind: gguf.write_folder(folder / f"mini-{kind}.gguf", MINI, kind) for kind in ("F32", "F16")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(library, "EXPORTED", folder / "exported")
        with Server({"mini": paths["F32"], "mini:f16": paths["F16"]}) as running:
            yield running


@pytest.fixture
def client(server):
    """The official client; afterwards the server is asked whether it still answers as it should."""
    yield ollama.Client(server.address, timeout=120)
    assert answers(server)


def answers(server) -> bool:
    """Whether it does its work still."""
    body = {"model": "mini", "messages": SUM, "options": GREEDY, "stream": False, "think": False}
    return httpx.post(f"{server.address}/api/chat", json=body, timeout=60).json()["message"]["content"] == "104"


def by_pytorch(text: str, count: int) -> str:
    """What the model writes greedily in PyTorch."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(MINI)
    model = transformers.AutoModelForCausalLM.from_pretrained(MINI, dtype=torch.float32).eval()
    ids = torch.tensor([tokenizer(text)["input_ids"]])
    with torch.no_grad():
        out = model.generate(ids, max_new_tokens=count, do_sample=False, eos_token_id=[0, 4], pad_token_id=1)
    return (
        tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=False).replace("<|end|>", "").replace("<|endoftext|>", "")
    )


def raw(server, content: bytes, seconds: float = 10) -> bytes:
    """What comes back to bytes that are sent as they are."""
    with socket.create_connection(server.address.removeprefix("http://").split(":"), timeout=seconds) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(content)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while block := connection.recv(1 << 16):
                answer += block
        return answer


def post(path: str, body: bytes, *headers: str) -> bytes:
    """A request as bytes, which asks for the connection's end."""
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Connection: close", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


# --- what it says of itself and of its models ---------------------------------------------------------------------


def test_it_says_what_it_is(server, client):
    assert httpx.get(f"{server.address}/api/version").json() == {"version": "0.0.0-course"}
    assert "This is not Ollama" in httpx.get(server.address).text
    assert httpx.head(server.address).status_code == 200
    assert COURSE_VERSION in httpx.get(server.address).headers["Server"]
    found = find(host=server.address)
    assert found.version == COURSE_VERSION and not found.is_real


def test_it_listens_on_this_machine_only(server):
    port = int(server.address.rpartition(":")[2])
    mine = [one for one in psutil.Process().net_connections() if one.status == psutil.CONN_LISTEN]
    assert port in {one.laddr.port for one in mine}
    assert {one.laddr.ip for one in mine} == {"127.0.0.1"}  # the engine's own port, too


def test_list_show_and_ps(client, server):
    listed = {model.model: model for model in client.list().models}
    assert {"mini:latest", "mini:f16"} <= set(listed)
    assert listed["mini:latest"].details.quantization_level == "F32"
    assert listed["mini:latest"].size == server.models["mini:latest"].stat().st_size
    assert re.fullmatch("[0-9a-f]{64}", listed["mini:f16"].digest)
    shown = client.show("mini")
    assert shown.capabilities == ["completion", "thinking"]
    assert shown.modelinfo["llama.context_length"] == 256 and shown.modelinfo["general.parameter_count"] == 2213568
    assert "<|assistant|>" in shown.template and 'PARAMETER stop "<|end|>"' in shown.modelfile
    client.generate("mini:f16", "", keep_alive=60)
    running = client.ps().models
    assert [(one.model, one.context_length) for one in running] == [("mini:f16", 256)]
    assert client.generate("mini:f16", "", keep_alive=0).done_reason == "unload"
    assert client.ps().models == []


def test_pull_brings_what_the_course_has_with_progress(client, server):
    parts = list(client.pull("llama-mini:q8_0", stream=True))
    assert parts[0].status == "pulling manifest" and parts[-1].status == "success"
    progress = [(part.completed, part.total) for part in parts if part.total]
    assert progress and progress[-1][0] == progress[-1][1] == server.models["llama-mini:q8_0"].stat().st_size
    assert client.show("llama-mini:q8_0").details.quantization_level == "Q8_0"
    assert client.pull("llama-mini:q8_0").status == "success"


def test_pull_of_what_it_has_not(client):
    for name in ("deepseek-r1", "llama3.2", "llama-mini:q5"):
        with pytest.raises(ollama.ResponseError, match="has no registry to pull from.*llama-mini") as error:
            client.pull(name)
        assert error.value.status_code == 501


# --- what it writes -----------------------------------------------------------------------------------------------


def test_chat_writes_what_pytorch_writes(client):
    expected = by_pytorch("<|user|>24+31+47=<|end|><|assistant|>", 60)
    for name in ("mini", "mini:latest", "mini:f16"):
        answer = client.chat(name, SUM, options=GREEDY)
        thinking = answer.message.thinking or ""
        assert f"<think>{thinking}</think>{answer.message.content}" == expected
        assert answer.model == name and answer.done and answer.done_reason == "stop"
    expected = by_pytorch("<|endoftext|>Once there was", 60)
    assert (
        client.generate("mini", "<|endoftext|>Once there was", raw=True, options=GREEDY | {"num_predict": 60}).response
        == expected
    )


def test_streams_are_lines_of_json(server, client):
    whole = client.generate("mini", "<|endoftext|>Once", raw=True, options=GREEDY | {"num_predict": 20}).response
    parts = list(client.generate("mini", "<|endoftext|>Once", raw=True, options=GREEDY | {"num_predict": 20}, stream=True))
    assert len(parts) > 10 and "".join(part.response for part in parts) == whole
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    body = {"model": "mini", "messages": SUM}  # streams where nothing else is said
    with httpx.stream("POST", f"{server.address}/api/chat", json=body, timeout=60) as answer:
        assert answer.headers["Content-Type"] == "application/x-ndjson"
        lines = [json.loads(line) for line in answer.iter_lines()]
    assert all(line["model"] == "mini" and "created_at" in line and line["message"]["role"] == "assistant" for line in lines)


def test_the_first_piece_comes_before_the_last_is_written(client):
    begun, times = time.monotonic(), []
    for _ in client.generate("mini", "<|endoftext|>Once", raw=True, options={"seed": 1, "num_predict": 200}, stream=True):
        times.append(time.monotonic() - begun)
    assert times[0] < times[-1] / 2 or times[-1] < 0.5


def test_times_are_in_nanoseconds(client):
    begun = time.perf_counter_ns()
    answer = client.generate("mini", "Once there was", raw=True, options=GREEDY | {"num_predict": 30})
    took = time.perf_counter_ns() - begun
    assert answer.prompt_eval_count == 5 and 0 < answer.eval_count <= 30
    parts = answer.load_duration + answer.prompt_eval_duration + answer.eval_duration
    assert 1e5 < parts <= answer.total_duration * 1.05 and answer.total_duration < took


def test_options(client):
    def told(**options):
        return client.generate("mini", "<|endoftext|>Once there was", raw=True, options={"num_predict": 12, **options})

    assert told(seed=1).response == told(seed=1).response
    assert told(seed=1).response != told(seed=2).response
    assert told(temperature=0).response == told(seed=5, top_k=1).response == told(seed=6, top_p=1e-6).response
    assert told(temperature=0).done_reason == "length" and told(temperature=0).eval_count == 12
    text = told(temperature=0).response
    word = text.split()[2]
    stopped = told(temperature=0, stop=[word])
    assert stopped.response == text[: text.index(word)] and stopped.done_reason == "stop"


def test_the_context_bounds_what_is_read_and_written(client):
    answer = client.generate("mini", "<|endoftext|>", raw=True, options={"temperature": 0, "num_ctx": 40, "seed": 1})
    assert answer.done_reason in ("length", "stop") and answer.prompt_eval_count + answer.eval_count <= 41
    assert client.ps().models[0].context_length == 40
    with pytest.raises(ollama.ResponseError, match="input length exceeds the context length"):
        client.generate("mini", "word", raw=True, options={"num_ctx": 1})
    turns = [{"role": role, "content": "1+1=2 " * 5} for _ in range(9) for role in ("user", "assistant")] + SUM
    answer = client.chat("mini", turns, options=GREEDY | {"num_ctx": 64, "num_predict": 3})
    assert answer.prompt_eval_count < 64  # the oldest turns are left out
    with pytest.raises(ollama.ResponseError, match="exceeds the context length") as error:
        client.chat("mini", [{"role": "user", "content": "word " * 300}])
    assert error.value.status_code == 400
    with pytest.raises(ollama.ResponseError, match="input length exceeds the context length"):
        client.generate("mini", "word " * 300, raw=True)


def test_thinking_stands_apart_from_the_answer(client):
    for seed in range(20):
        answer = client.chat("mini", SUM, options={"temperature": 1, "seed": seed})
        if answer.message.thinking:
            break
    assert "+" in answer.message.thinking and answer.message.content.strip().isdigit()
    parts = list(client.chat("mini", SUM, options={"temperature": 1, "seed": seed}, stream=True))
    assert "".join(part.message.thinking or "" for part in parts) == answer.message.thinking
    assert "".join(part.message.content for part in parts) == answer.message.content
    asked = client.chat("mini", SUM, think=True, options={"temperature": 1, "seed": seed})
    assert asked.message == answer.message
    quick = client.chat("mini", SUM, think=False, options={"temperature": 1, "seed": seed})
    assert not quick.message.thinking and "<think>" not in quick.message.content
    told = client.generate("mini", "24+31+47=", options={"temperature": 1, "seed": seed})
    assert (told.thinking, told.response) == (answer.message.thinking, answer.message.content)


def test_an_answer_in_a_form(client):
    schema = {"type": "object", "properties": {"sum": {"type": "integer", "minimum": 0, "maximum": 999}}, "required": ["sum"]}
    schema["additionalProperties"] = False
    for seed in range(3):
        answer = client.chat("mini", SUM, format=schema, options={"seed": seed})
        assert isinstance(json.loads(answer.message.content)["sum"], int)
    with pytest.raises(ollama.ResponseError, match="leave out think or format"):
        client.chat("mini", SUM, format=schema, think=True)


def test_the_conversation_goes_on(client):
    turns = [*SUM, {"role": "assistant", "content": "102"}, {"role": "user", "content": "1+2="}]
    read = client.chat("mini", turns, options=GREEDY | {"num_predict": 5}).prompt_eval_count
    assert read > client.chat("mini", SUM, options=GREEDY | {"num_predict": 5}).prompt_eval_count
    with pytest.raises(ollama.ResponseError, match="roles user and assistant only"):
        client.chat("mini", [{"role": "system", "content": "x"}, *SUM])


# --- what it refuses ----------------------------------------------------------------------------------------------


def test_errors_have_ollamas_form(server, client):
    for call in (client.chat, client.generate, client.show):
        with pytest.raises(ollama.ResponseError, match="^model 'nothing' not found") as error:
            call("nothing")
        assert error.value.status_code == 404
    for body in (b"", b"{", b"[]", b'{"model": "mini", "messages": 5}', b"\xff\xfe", b"[" * 50_000):
        answer = httpx.post(f"{server.address}/api/chat", content=body)
        assert answer.status_code == 400 and list(answer.json()) == ["error"], body[:20]
    assert httpx.get(f"{server.address}/api/nothing").status_code == 404
    assert httpx.get(f"{server.address}/api/nothing").json()["error"].startswith("there is no /api/nothing")


def test_wrong_methods(server, client):
    for method, path in (
        ("GET", "/api/chat"),
        ("POST", "/api/tags"),
        ("DELETE", "/api/show"),
        ("PUT", "/"),
        ("PATCH", "/api/ps"),
    ):
        answer = httpx.request(method, server.address + path)
        assert answer.status_code == 405 and "wants" in answer.json()["error"]
    assert b" 405 " in raw(server, b"BREW /api/tags HTTP/1.1\r\nHost: localhost\r\n\r\n").splitlines()[0]


def test_what_it_cannot_do_it_says_with_501(client):
    calls = {
        "computes no embeddings": [lambda: client.embed("mini", "x"), lambda: client.embeddings("mini", "x")],
        "creates no models": [lambda: client.create("new", from_="mini")],
        "copies no models": [lambda: client.copy("mini", "new")],
        "deletes nothing": [lambda: client.delete("mini")],
        "no registry to push": [lambda: client.push("mini")],
    }
    for sentence, group in calls.items():
        for call in group:
            with pytest.raises(ollama.ResponseError, match=f"The course's server .*{sentence}") as error:
                call()
            assert error.value.status_code == 501


def test_no_tools(client):
    def add(a: int, b: int) -> int:
        """Adds."""
        return a + b

    with pytest.raises(ollama.ResponseError, match="mini does not support tools") as error:
        client.chat("mini", SUM, tools=[add])
    assert error.value.status_code == 400


def test_a_model_that_cannot_think_is_not_asked_to(client, server, folder, monkeypatch):
    known = servers.facts(server.models["mini:f16"])
    thoughtless = known._replace(tokens={name: place for name, place in known.tokens.items() if "think" not in name})
    monkeypatch.setattr(servers, "facts", lambda path: thoughtless)
    with pytest.raises(ollama.ResponseError, match='"mini:f16" does not support thinking') as error:
        client.chat("mini:f16", SUM, think=True)
    assert error.value.status_code == 400
    assert client.show("mini:f16").capabilities == ["completion"]


def test_it_never_answers_for_deepseek_r1(client, server, folder):
    for name in ("deepseek-r1", "deepseek-r1:1.5b", "library/deepseek-r1"):
        with pytest.raises(ollama.ResponseError, match="not found"):
            client.chat(name, SUM)
        with pytest.raises(ValueError, match="comes from Ollama itself"):
            server.add(name, folder / "mini-F16.gguf")


# --- clients that misbehave ---------------------------------------------------------------------------------------


def test_bodies_are_bounded(server, client):
    large = servers.LARGEST_BODY + 1
    answer = raw(
        server, f"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: {large}\r\n\r\n".encode() + bytes(100_000)
    )
    assert b" 413 " in answer.splitlines()[0] and b'{"error": "the request has more than 4 MB"}' in answer
    assert httpx.post(f"{server.address}/api/chat", content=bytes(large)).status_code == 413
    for length in ("-1", "many", "9" * 5000, "1e3", "²"):
        answer = raw(server, f"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode())
        assert re.match(rb"HTTP/1.1 (400|413) ", answer), length
    answer = raw(server, b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{....")
    assert b" 411 " in answer.splitlines()[0]


@pytest.mark.parametrize(
    "content",
    [
        b"\0\1\2\3\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 500 + b"\r\n",
        b"GET //[ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: [\r\nConnection: close\r\n\r\n",
        post(
            "/api/chat",
            b'{"model": "mini", "messages": [{"role": "user", "content": "\\u0000"}], "options": {"num_predict": 2}}',
        ),
    ],
)
def test_bytes_that_are_no_request(server, client, content):
    raw(server, content)  # whatever it says: it goes on


def test_pages_from_elsewhere_are_refused(server, client):
    for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
        assert httpx.get(f"{server.address}/api/tags", headers=headers).status_code == 403
    assert httpx.get(f"{server.address}/api/tags", headers={"Origin": "http://localhost:3000"}).status_code == 200


def test_an_old_client_gets_its_stream_too(server, client):
    body = json.dumps({"model": "mini", "messages": SUM, "options": GREEDY}).encode()
    answer = raw(server, f"POST /api/chat HTTP/1.0\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    head, _, lines = answer.partition(b"\r\n\r\n")
    assert b"chunked" not in head and json.loads(lines.splitlines()[-1])["done"]


@pytest.mark.parametrize("streams", [True, False])
def test_a_client_that_hangs_up_is_no_longer_written_for(server, client, streams):
    body = json.dumps(LONG | {"stream": streams, "options": {"seed": 1, "temperature": 5, "stop": [], "num_ctx": 256}}).encode()
    begun = time.monotonic()
    for _ in range(5):
        with socket.create_connection(server.address.removeprefix("http://").split(":")) as connection:
            connection.sendall(post("/api/generate", body))
            if streams:
                connection.recv(100)
    assert answers(server)
    assert time.monotonic() - begun < 20
    assert server.worker.jobs.empty()


def test_half_a_request_does_not_hold_up_the_others(server, client):
    with contextlib.ExitStack() as stack:
        for _ in range(30):
            connection = stack.enter_context(socket.create_connection(server.address.removeprefix("http://").split(":")))
            connection.sendall(b"POST /api/chat HTTP/1.1\r\nContent-Le")
        assert answers(server)


def test_sixteen_at_once(server, client):
    asked = [f"{number}+{number + 3}=" for number in range(10, 26)]

    def ask(question: str) -> str:
        answer = ollama.Client(server.address, timeout=120).chat(
            "mini", [{"role": "user", "content": question}], options=GREEDY
        )
        return f"<think>{answer.message.thinking or ''}</think>{answer.message.content}"

    alone = [ask(question) for question in asked]
    together: dict[str, str] = {}
    barrier = threading.Barrier(len(asked))

    def run(question: str) -> None:
        barrier.wait()
        together[question] = ask(question)

    threads = [threading.Thread(target=run, args=(question,)) for question in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert [together[question] for question in asked] == alone


def test_too_many_are_told_to_come_again(folder, monkeypatch):
    monkeypatch.setattr(servers, "WAITING", 2)
    server = Server({"mini": folder / "mini-F16.gguf"})  # its engine does not run: nothing leaves the queue
    request = servers.requests.read_chat({"model": "mini", "messages": SUM})
    server.submit(request)
    server.submit(request)
    with pytest.raises(servers.Refusal, match="server busy") as error:
        server.submit(request)
    assert error.value.status == 503
    server._http.server_close()


def test_an_engine_that_fails_is_replaced(server, client, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(servers.Engine, "write", lambda *_, **__: 1 / 0)
        with pytest.raises(ollama.ResponseError, match="the engine failed: ZeroDivisionError") as error:
            client.chat("mini", SUM)
        assert error.value.status_code == 500


def test_a_failure_in_the_middle_of_a_stream_is_its_last_line(server, client, monkeypatch):
    def write(self, prompt, show, **_):
        show("a piece")
        raise servers.CommandError("the engine had enough")

    with monkeypatch.context() as patch:
        patch.setattr(servers.Engine, "write", write)
        parts = client.generate("mini", "x", raw=True, stream=True)
        assert next(parts).response == "a piece"
        with pytest.raises(ollama.ResponseError, match="the engine had enough"):
            next(parts)


# --- OpenAI's interface -------------------------------------------------------------------------------------------


def test_openais_interface(server, client):
    assert {"mini:latest", "mini:f16"} <= {one["id"] for one in httpx.get(f"{server.address}/v1/models").json()["data"]}
    body = {"model": "mini", "messages": SUM, "temperature": 0, "max_tokens": 60}
    answer = httpx.post(f"{server.address}/v1/chat/completions", json=body, timeout=60).json()
    choice, usage = answer["choices"][0], answer["usage"]
    assert choice["message"]["content"] == client.chat("mini", SUM, options=GREEDY).message.content
    assert choice["finish_reason"] == "stop" and usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    asked = body | {"stream": True, "stream_options": {"include_usage": True}}
    with httpx.stream("POST", f"{server.address}/v1/chat/completions", json=asked, timeout=60) as stream:
        assert stream.headers["Content-Type"] == "text/event-stream"
        lines = [line.removeprefix("data: ") for line in stream.iter_lines() if line]
    assert lines[-1] == "[DONE]"
    chunks = [json.loads(line) for line in lines[:-1]]
    told = "".join(chunk["choices"][0]["delta"]["content"] for chunk in chunks if chunk["choices"])
    assert told == choice["message"]["content"] and chunks[-1]["usage"] == usage
    for changes, status in ({"model": "nothing"}, 404), ({"tools": [{}]}, 400), ({"n": 2}, 400), ({"messages": []}, 400):
        answer = httpx.post(f"{server.address}/v1/chat/completions", json=body | changes)
        assert answer.status_code == status and answer.json()["error"]["message"]


# --- its life -----------------------------------------------------------------------------------------------------


def test_it_ends_cleanly_also_while_it_writes(folder):
    before = psutil.Process().num_threads()
    with Server({"mini": folder / "mini-F16.gguf"}) as server:
        body = json.dumps(LONG).encode()
        connection = socket.create_connection(server.address.removeprefix("http://").split(":"))
        connection.sendall(post("/api/generate", body))
        connection.recv(100)
        begun = time.monotonic()
    assert time.monotonic() - begun < 10
    assert not server.worker.is_alive() and server.worker.engine is None
    connection.close()
    with pytest.raises(OSError):
        socket.create_connection(server.address.removeprefix("http://").split(":"), timeout=2)
    until = time.monotonic() + 10
    while psutil.Process().num_threads() > before + 1 and time.monotonic() < until:
        time.sleep(0.1)
    assert psutil.Process().num_threads() <= before + 1


def test_a_model_goes_when_nobody_asks(folder):
    with Server({"mini": folder / "mini-F16.gguf"}) as server:
        client = ollama.Client(server.address)
        client.chat("mini", SUM, keep_alive="100ms")
        until = time.monotonic() + 10
        while client.ps().models and time.monotonic() < until:
            time.sleep(0.1)
        assert client.ps().models == []
        client.chat("mini", SUM, keep_alive=-1)
        assert client.ps().models[0].expires_at.year > 2030


@posix_only
def test_the_command_serves_until_control_c(folder):
    command = [sys.executable, "-m", "utils", "serve", str(folder / "mini-F16.gguf")]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=child_variables(),
        preexec_fn=obey_control_c,
    )
    try:
        lines = [process.stdout.readline() for _ in range(6)]
        assert "This is not Ollama" in lines[0] and COURSE_VERSION in lines[1]
        address = re.search(r"http://127\.0\.0\.1:\d+", lines[2])[0]
        assert ollama.Client(address).chat("mini-f16", SUM, options=GREEDY).done
    finally:
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=30)
    assert process.returncode == 0 and "The server has ended." in out and error == ""


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (["gpt-5"], "no model 'gpt-5' here"),
        (["no-such.gguf"], "There is no file no-such.gguf"),
        (["README.md"], "README.md is no GGUF file"),
        (["data/models/gpt-mini"], "architecture 'gpt2'"),
        (["notebooks"], "no config.json"),
        (["llama-mini", "--port", "99999"], "invalid port value"),
        (["deepseek-r1"], "no model 'deepseek-r1' here"),
    ],
)
def test_a_bad_argument_is_one_line(arguments, fragment):
    result = subprocess.run(
        [sys.executable, "-m", "utils", "serve", *arguments],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        env=child_variables(),
    )
    assert fragment in one_line(result)


def test_a_port_that_is_taken_is_one_line(server):
    port = server.address.rpartition(":")[2]
    command = [sys.executable, "-m", "utils", "serve", "llama-mini", "--port", port]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", env=child_variables())
    assert f"port {port} of 127.0.0.1 cannot be had" in one_line(result)


# --- a real model -------------------------------------------------------------------------------------------------


def test_smollm2_is_served_from_its_own_file():
    try:
        path = catalog.gguf("smollm2")
    except catalog.NotHere as reason:
        pytest.skip(str(reason))
    with Server({"smollm2": path}) as server:
        client = ollama.Client(server.address, timeout=300)
        assert client.show("smollm2").capabilities == ["completion"]
        with pytest.raises(ollama.ResponseError, match="does not support thinking"):
            client.chat("smollm2", SUM, think=True)
        schema = {
            "type": "object",
            "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
            "required": ["name", "age"],
        }
        asked = [{"role": "user", "content": "Anna is 31 years old. Name and age as JSON."}]
        answer = client.chat("smollm2", asked, format=schema, options=GREEDY)
        assert json.loads(answer.message.content) == {"name": "Anna", "age": 31}
        turns = [{"role": "system", "content": "You are a pirate."}, {"role": "user", "content": "Hi"}]
        assert client.chat("smollm2", turns, options=GREEDY | {"num_predict": 5}).eval_count == 5


def test_no_course_server_is_taken_for_ollama(server, monkeypatch):
    from utils.cli import doctor

    monkeypatch.setenv("OLLAMA_HOST", server.address)
    assert doctor.ollama_state().startswith("the course's own server answers")
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:1")
    assert "does not answer" in doctor.ollama_state()
    monkeypatch.setattr(doctor.ollama, "find", lambda: doctor.ollama.Found("http://127.0.0.1:11434", "0.33.0"))
    assert doctor.ollama_state() == "0.33.0 answers at http://127.0.0.1:11434"
