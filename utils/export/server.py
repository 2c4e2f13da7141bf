"""The course's own small model server: Ollama's HTTP interface over llama.cpp, on this machine alone.

    Server            offers GGUF files by their names on 127.0.0.1; use it as a context manager
    serve             the same as a command, until Ctrl-C

It says what it is: its version is 0.0.0-course, its first line and its start page name it. It lists, shows, pulls (what the
course has), chats, generates, streams, thinks, keeps to a JSON schema, and has OpenAI's /v1/chat/completions. What it cannot
do - embeddings, creating, copying, deleting, pushing, a registry - it answers with 501 and a sentence. It never answers for
deepseek-r1. Answers are written one after the other, in the order in which they were asked for.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import queue
import select
import socket
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from utils.data.catalog import NotHere
from utils.export import conversation, library, ollama, requests
from utils.export.engine import Engine, Facts, Written, facts
from utils.export.requests import Refusal, Request
from utils.io import CommandError, say

TITLE = "The course's small model server: Ollama's interface over llama.cpp. This is not Ollama."
LARGEST_BODY = 4 << 20
WAITING = 64  # requests that may wait; one more is told to come again
PATIENCE = 60  # seconds without a byte after which a connection is given up
TICK = 0.2  # seconds between two looks at whether a client is still there
LOOPBACK = ("127.0.0.1", "localhost", "::1")
NEVER = "deepseek-r1"
ABSENT = {  # what Ollama has and this server has not
    ("POST", "/api/embed"): "computes no embeddings",
    ("POST", "/api/embeddings"): "computes no embeddings",
    ("POST", "/v1/embeddings"): "computes no embeddings",
    ("POST", "/api/create"): "creates no models; `python -m utils serve FOLDER` serves one of yours",
    ("POST", "/api/copy"): "copies no models",
    ("DELETE", "/api/delete"): "deletes nothing",
    ("POST", "/api/push"): "has no registry to push to",
    ("POST", "/v1/completions"): "has /v1/chat/completions only, and /api/generate with raw",
    ("POST", "/v1/responses"): "has /v1/chat/completions only",
    ("POST", "/v1/messages"): "has /v1/chat/completions only",
}


class Job:
    """A request that waits for its turn. `events` gets its story: ("load", ns), ("piece", text) ..., ("end", Written) or
    ("refused", Refusal)."""

    def __init__(self, path: Path, request: Request):
        self.path, self.request = path, request
        self.events: queue.SimpleQueue = queue.SimpleQueue()
        self.cancelled = threading.Event()


class Worker(threading.Thread):
    """The one thread that uses the engine. It holds one model at a time and lets it go when nobody has asked for a while."""

    def __init__(self):
        super().__init__(daemon=True, name="model server: engine")
        self.jobs: queue.Queue[Job | None] = queue.Queue(WAITING)
        self.ending = threading.Event()
        self.engine: Engine | None = None
        self.loaded: tuple[Path, int] | None = None
        self.expires = float("inf")

    def run(self) -> None:
        while not self.ending.is_set():
            try:
                job = self.jobs.get(timeout=TICK)
            except queue.Empty:
                if time.monotonic() > self.expires:
                    self.unload()
                continue
            if job is not None and not job.cancelled.is_set():
                self._do(job)
        self.unload()

    def unload(self) -> None:
        if self.engine is not None:
            self.engine.close()
        self.engine, self.loaded, self.expires = None, None, float("inf")

    def _do(self, job: Job) -> None:
        try:
            begun = time.perf_counter_ns()
            request = job.request
            if request.messages == [] and request.kept == 0:
                self.unload()
                job.events.put(("end", Written("unload", 0, 0, 0, 0, [])))
                return
            self._load(job.path, request.context)
            job.events.put(("load", time.perf_counter_ns() - begun))
            if request.messages == []:
                job.events.put(("end", Written("load", 0, 0, 0, 0, [])))
            else:
                job.events.put(
                    ("end", self.engine.write(self._prompt(request), lambda piece: self._tell(job, piece), **request.sampling))
                )
            self.expires = time.monotonic() + request.kept
        except CommandError as error:
            job.events.put(("refused", Refusal(400, str(error))))
        except Exception as error:  # whatever the engine did, the next request finds the server at its place
            self.unload()
            job.events.put(("refused", Refusal(500, f"the engine failed: {type(error).__name__}: {error}")))

    def _load(self, path: Path, context: int) -> None:
        context = min(context, facts(path).context_length or context)
        if self.loaded != (path, context):
            self.unload()
            self.engine = Engine(path, context)
            self.loaded = path, context

    def _prompt(self, request: Request) -> str:
        if request.text is not None:
            return request.text
        think = False if request.formatted else request.think
        count: Callable[[str], int] = lambda text: len(self.engine.tokens(text))  # noqa: E731
        return conversation.fitted(self.engine.facts, request.messages, self.engine.context, count, think)

    def _tell(self, job: Job, piece: str) -> bool:
        job.events.put(("piece", piece))
        return job.cancelled.is_set() or self.ending.is_set()


class Server:
    """Serves models over HTTP on 127.0.0.1 in threads of its own.

    models: name -> GGUF file; more can be pulled, of those that the course has on this machine.
    port: 0 takes a free one. `address` is what `ollama.Client` and OLLAMA_HOST want.

    Raises ValueError for a name that no model can have here, EngineError for a file that is none.
    """

    def __init__(self, models: dict[str, Path], port: int = 0):
        self.models: dict[str, Path] = {}
        for name, path in models.items():
            self.add(name, path)
        self.worker = Worker()
        self._http = _HTTPServer(("127.0.0.1", port), self)
        self.address = f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Server:
        self.worker.start()
        threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True, name="model server"
        ).start()
        return self

    def __exit__(self, *_) -> None:
        """Ends: what is being written breaks off, the engine is freed, the port is closed."""
        self._http.shutdown()
        self._http.server_close()
        self.worker.ending.set()
        self.worker.join(30)

    def add(self, name: str, path: Path) -> None:
        """Offers a file under a name."""
        if not library.NAME.fullmatch(name) or name.rpartition("/")[2].lower().startswith(NEVER):
            raise ValueError(
                f"The course's server offers no model as {name!r}. deepseek-r1 comes from Ollama itself; a name has letters, "
                "digits, ., _ and -, and may have a tag after a colon."
            )
        facts(path)
        self.models[library.full(name)] = Path(path).resolve()

    def path(self, name: str) -> Path:
        """The file of a model that is offered. Raises Refusal (404)."""
        if library.full(name) not in self.models:
            raise Refusal(404, f"model '{name[:200]}' not found")
        return self.models[library.full(name)]

    def submit(self, request: Request) -> Job:
        """Lets a request wait for its turn. Raises Refusal where the model is unknown or cannot do it, or too many wait."""
        path = self.path(request.model)
        if request.think and not facts(path).can_think:
            raise Refusal(400, f'"{request.model}" does not support thinking')
        if request.think and request.formatted:
            raise Refusal(400, "the course's server keeps to a format from the first token on: leave out think or format")
        job = Job(path, request)
        try:
            self.worker.jobs.put_nowait(job)
        except queue.Full:
            raise Refusal(503, "server busy, please try again. maximum pending requests exceeded") from None
        return job

    # --- what it says of its models ------------------------------------------------------------------------------------

    def described(self, name: str) -> dict:
        """A model's line in a list."""
        path = self.models[name]
        return {
            "name": name,
            "model": name,
            "size": path.stat().st_size,
            "digest": library.digest(path),
            "details": details(facts(path)),
        }

    def tags(self) -> dict:
        return {
            "models": [self.described(name) | {"modified_at": modified(path)} for name, path in sorted(self.models.items())]
        }

    def running(self) -> dict:
        loaded = self.worker.loaded
        name = next((name for name, path in self.models.items() if loaded and path == loaded[0]), None)
        if name is None:
            return {"models": []}
        left = min(self.worker.expires - time.monotonic(), 1e9)
        until = (datetime.now(UTC) + timedelta(seconds=left)).isoformat()
        return {"models": [self.described(name) | {"expires_at": until, "size_vram": 0, "context_length": loaded[1]}]}

    def shown(self, name: str) -> dict:
        path = self.path(name)
        known = facts(path)
        answer = {"details": details(known), "modified_at": modified(path), "capabilities": ["completion"]}
        answer["capabilities"] += ["thinking"] * known.can_think
        answer["model_info"] = {key: value for key, value in known.fields.items() if not key.startswith("GGUF.")}
        answer["model_info"] |= {"general.parameter_count": known.parameters}
        answer["model_info"].pop("tokenizer.chat_template", None)
        answer["template"] = known.fields.get("tokenizer.chat_template", "")
        with contextlib.suppress(ValueError):  # tokens of no conversation that is known
            written = ollama.modelfile_for(path)
            answer["modelfile"] = str(written)
            pairs = [
                (key, value)
                for key, every in written.parameters.items()
                for value in (every if isinstance(every, list) else [every])
            ]
            answer["parameters"] = "\n".join(f"{key:<30} {json.dumps(value)}" for key, value in pairs)
        return answer

    def pulled(self, name: str) -> Iterator[dict]:
        """The lines of a pull of a model that the course has: its file is made where it has to be, and read whole."""
        yield {"status": "pulling manifest"}
        path = library.local(name)
        total = path.stat().st_size
        for done in library.read_through(path):
            yield {"status": f"pulling {path.name}", "total": total, "completed": done}
        self.add(name, path)
        for status in ("verifying sha256 digest", "writing manifest", "success"):
            yield {"status": status}


def details(known: Facts) -> dict:
    """A model in Ollama's few words."""
    size = known.parameters
    return {
        "parent_model": "",
        "format": "gguf",
        "family": known.architecture,
        "families": [known.architecture],
        "parameter_size": f"{size / 1e9:.1f}B" if size >= 1e9 else f"{size / 1e6:.2f}M",
        "quantization_level": known.kind,
    }


def modified(path: Path) -> str:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat()


def now() -> str:
    return datetime.now(UTC).isoformat()


# ----------------------------------------------------------------------------------------------------------------------
# HTTP
# ----------------------------------------------------------------------------------------------------------------------


class _HTTPServer(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, where: tuple[str, int], server: Server):
        self.models = server
        super().__init__(where, Handler)

    def server_bind(self) -> None:
        socketserver_bind = super(http.server.HTTPServer, self).server_bind  # HTTPServer's own looks up the machine's name
        socketserver_bind()
        self.server_name, self.server_port = self.server_address[:2]

    def handle_error(self, request, client_address) -> None:
        """A client that hung up is no news."""


class Gone(Exception):
    """The client has hung up."""


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a short answer waits 40 ms for the client to confirm its header
    server_version, sys_version = f"transformers-course/{ollama.COURSE_VERSION}", ""
    timeout = PATIENCE
    server: _HTTPServer

    def log_message(self, *_) -> None:
        pass

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What http.server itself refuses: an unknown method, a line that is no HTTP."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            status = 405 if code == 501 else code
            self._send(status, {"error": message or http.HTTPStatus(status).phrase})

    def _answer(self) -> None:
        self._streaming, path = False, ""
        try:
            try:
                path = urllib.parse.urlsplit(self.path).path.rstrip("/") or "/"
                self._check_origin()
                self._route(path)
            except (Refusal, NotHere, CommandError) as error:
                self._refuse(path, error)
            except (OSError, Gone):
                raise
            except Exception as error:  # never the end of the server
                self._refuse(path, Refusal(500, f"the server failed: {type(error).__name__}: {error}"))
        except (OSError, Gone):
            self.close_connection = True

    do_GET = do_POST = do_HEAD = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answer

    def _check_origin(self) -> None:
        """Only programs of this machine, and no page that a browser has loaded from elsewhere."""
        named = urllib.parse.urlsplit(f"//{self.headers.get('Host') or 'localhost'}").hostname
        origin = self.headers.get("Origin")
        if named not in LOOPBACK or origin and urllib.parse.urlsplit(origin).hostname not in LOOPBACK:
            self.close_connection = True
            raise Refusal(403, "this server answers programs of its own machine only")

    def _route(self, path: str) -> None:
        method = "GET" if self.command == "HEAD" else self.command
        content = self._read()
        if sentence := ABSENT.get((method, path)) or ("stores no files" if path.startswith("/api/blobs/") else None):
            raise Refusal(501, f"The course's server {sentence}. Ollama itself does: https://ollama.com")
        routes = ROUTES.get(path)
        if routes is None:
            raise Refusal(404, f"there is no {path[:200]} here")
        if method not in routes:
            raise Refusal(405, f"{path} wants {' or '.join(routes)}, not {self.command[:20]}")
        routes[method](self, content)

    def _read(self) -> bytes:
        """The body. Raises Refusal where its length is not said or too large."""
        if "chunked" in (self.headers.get("Transfer-Encoding") or "").lower():
            self.close_connection = True
            raise Refusal(411, "send the request's length (Content-Length)")
        given = self.headers.get("Content-Length") or "0"
        if not (given.isascii() and given.isdecimal()) or int(given[:20]) > LARGEST_BODY:
            self.close_connection = True
            if given.isascii() and given.isdecimal():
                raise Refusal(413, f"the request has more than {LARGEST_BODY >> 20} MB")
            raise Refusal(400, "Content-Length is no number")
        content = self.rfile.read(int(given))
        if len(content) < int(given):
            raise Gone
        return content

    # --- answers -------------------------------------------------------------------------------------------------------

    def _send(self, status: int, content: dict | str, kind: str = "application/json; charset=utf-8") -> None:
        written = (content if isinstance(content, str) else json.dumps(content)).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(written)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(written)

    def _refuse(self, path: str, error: Exception) -> None:
        """An error in Ollama's form, under /v1 in OpenAI's; in the middle of a stream as its last line."""
        status = (
            error.status if isinstance(error, Refusal) else 404 if isinstance(error, (NotHere, library.NoSuchModel)) else 400
        )
        content: dict = {"error": str(error)}
        if path.startswith("/v1/"):
            content = {"error": {"message": str(error), "type": "invalid_request_error", "param": None, "code": None}}
        if self._streaming:
            self._line(content)
            self._end_stream()
        else:
            self._send(status, content)
            if self.close_connection:
                self._drain()

    def _drain(self) -> None:
        """Reads on for a moment after a refusal, so that the client sees the answer before the connection breaks."""
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(0.5)
        until, left = time.monotonic() + 3, 64 << 20
        while left > 0 and time.monotonic() < until and (block := self.connection.recv(1 << 16)):
            left -= len(block)

    def _begin_stream(self, kind: str) -> None:
        self._streaming, self._kind = True, kind
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self._chunked = self.request_version != "HTTP/1.0"
        if self._chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.close_connection = True
        self.end_headers()

    def _line(self, content: dict | str) -> None:
        """One line of a stream, sent at once."""
        text = content if isinstance(content, str) else json.dumps(content)
        written = (f"data: {text}\n\n" if self._kind == "text/event-stream" else f"{text}\n").encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(written), written) if self._chunked else written)

    def _end_stream(self) -> None:
        if self._chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _is_gone(self) -> bool:
        ready, _, _ = select.select([self.connection], [], [], 0)
        return bool(ready) and not self.connection.recv(1, socket.MSG_PEEK)

    def _events(self, job: Job) -> Iterator[tuple[str, object]]:
        """A job's story, as it happens; the job ends early where the client hangs up or the caller breaks off."""
        try:
            while True:
                try:
                    event = job.events.get(timeout=TICK)
                except queue.Empty:
                    if self._is_gone() or not self.server.models.worker.is_alive():
                        raise Gone from None
                    continue
                if event[0] == "refused":
                    raise event[1]
                yield event
                if event[0] == "end":
                    return
        finally:
            job.cancelled.set()

    def _pieces(self, request: Request) -> Iterator[tuple[str, str, dict | None]]:
        """(thinking, answer, None) as they come, then ("", "", how it ended and what it took)."""
        begun, loading = time.perf_counter_ns(), 0
        job = self.server.models.submit(request)
        splits = request.text is None and facts(job.path).can_think
        splitter = conversation.Splitter() if splits else None
        for kind, value in self._events(job):
            if kind == "load":
                loading = value
            elif kind == "piece":
                thinking, answer = splitter.feed(value) if splitter else ("", value)
                if thinking or answer:
                    yield thinking, answer, None
            else:
                thinking, answer = splitter.end() if splitter else ("", "")
                if thinking or answer:
                    yield thinking, answer, None
                yield "", "", _ending(value, time.perf_counter_ns() - begun, loading)

    def _write(self, request: Request, shaped: Callable[[str, str], dict]) -> None:
        """An answer of /api/chat or /api/generate, line by line or whole. shaped: (thinking, answer) -> its own fields."""
        whole = ["", ""]
        for thinking, answer, ending in self._pieces(request):
            head = {"model": request.model, "created_at": now()}
            if request.streams:
                if not self._streaming:
                    self._begin_stream("application/x-ndjson")
                self._line({**head, **shaped(thinking, answer), "done": ending is not None, **(ending or {})})
            whole = [whole[0] + thinking, whole[1] + answer]
            if ending and not request.streams:
                self._send(200, {**head, **shaped(*whole), "done": True, **ending})
        if request.streams:
            self._end_stream()

    # --- the routes ----------------------------------------------------------------------------------------------------

    def start_page(self, _: bytes) -> None:
        self._send(200, TITLE + "\n", "text/plain; charset=utf-8")

    def version(self, _: bytes) -> None:
        self._send(200, {"version": ollama.COURSE_VERSION})

    def tags(self, _: bytes) -> None:
        self._send(200, self.server.models.tags())

    def running(self, _: bytes) -> None:
        self._send(200, self.server.models.running())

    def show(self, content: bytes) -> None:
        self._send(200, self.server.models.shown(requests.model_name(requests.body(content))))

    def pull(self, content: bytes) -> None:
        asked = requests.body(content)
        name = requests.model_name(asked)
        try:
            lines = self.server.models.pulled(name)
            first = [next(lines), next(lines)]  # the second one has the file
        except library.NoSuchModel as error:
            raise Refusal(501, f"The course's server has no registry to pull from. {error}") from None
        if not requests.take(asked, "stream", bool, True):
            self._send(200, [*first, *lines][-1])
            return
        self._begin_stream("application/x-ndjson")
        for line in (*first, *lines):
            self._line(line)
        self._end_stream()

    def chat(self, content: bytes) -> None:
        def shaped(thinking: str, answer: str) -> dict:
            return {"message": {"role": "assistant", "content": answer, **({"thinking": thinking} if thinking else {})}}

        self._write(requests.read_chat(requests.body(content)), shaped)

    def generate(self, content: bytes) -> None:
        def shaped(thinking: str, answer: str) -> dict:
            return {"response": answer, **({"thinking": thinking} if thinking else {})}

        self._write(requests.read_generate(requests.body(content)), shaped)

    def openai_models(self, _: bytes) -> None:
        every = self.server.models.models.items()
        listed = [
            {"id": name, "object": "model", "created": int(path.stat().st_mtime), "owned_by": "course"} for name, path in every
        ]
        self._send(200, {"object": "list", "data": listed})

    def openai_chat(self, content: bytes) -> None:
        asked = requests.body(content)
        request = requests.read_openai(asked)
        head = {"id": f"chatcmpl-{time.time_ns()}", "created": int(time.time()), "model": request.model}
        chunk = head | {"object": "chat.completion.chunk"}
        whole = ["", ""]
        for thinking, answer, ending in self._pieces(request):
            said = {"content": answer, **({"reasoning": thinking} if thinking else {})}
            if request.streams:
                if not self._streaming:
                    self._begin_stream("text/event-stream")
                reason = ending["done_reason"] if ending else None
                self._line(chunk | {"choices": [{"index": 0, "delta": {"role": "assistant", **said}, "finish_reason": reason}]})
            whole = [whole[0] + thinking, whole[1] + answer]
        usage = {"prompt_tokens": ending["prompt_eval_count"], "completion_tokens": ending["eval_count"]}
        usage["total_tokens"] = sum(usage.values())
        if request.streams:
            if (requests.take(asked, "stream_options", dict) or {}).get("include_usage"):
                self._line(chunk | {"choices": [], "usage": usage})
            self._line("[DONE]")
            self._end_stream()
        else:
            said = {"role": "assistant", "content": whole[1], **({"reasoning": whole[0]} if whole[0] else {})}
            choice = {"index": 0, "message": said, "finish_reason": ending["done_reason"]}
            self._send(200, head | {"object": "chat.completion", "choices": [choice], "usage": usage})


def _ending(written: Written, total: int, loading: int) -> dict:
    """The last line's own fields, as Ollama has them."""
    if written.reason in ("load", "unload"):
        return {"done_reason": written.reason}
    return {
        "done_reason": written.reason,
        "total_duration": total,
        "load_duration": loading,
        "prompt_eval_count": written.read,
        "prompt_eval_duration": written.reading,
        "eval_count": written.written,
        "eval_duration": written.writing,
    }


ROUTES = {
    "/": {"GET": Handler.start_page},
    "/api/version": {"GET": Handler.version},
    "/api/tags": {"GET": Handler.tags},
    "/api/ps": {"GET": Handler.running},
    "/api/show": {"POST": Handler.show},
    "/api/pull": {"POST": Handler.pull},
    "/api/chat": {"POST": Handler.chat},
    "/api/generate": {"POST": Handler.generate},
    "/v1/models": {"GET": Handler.openai_models},
    "/v1/chat/completions": {"POST": Handler.openai_chat},
}


def serve(models: dict[str, Path], port: int = 0) -> None:
    """Serves until Ctrl-C, with a banner that says what it is."""
    try:
        server = Server(models, port)
    except OSError as error:
        raise CommandError(
            f"port {port} of 127.0.0.1 cannot be had ({error.strerror}). Leave out --port for a free one."
        ) from None
    with server:
        say(TITLE)
        say(f"  version   {ollama.COURSE_VERSION}")
        say(f"  address   {server.address}   (this machine only; OLLAMA_HOST={server.address} points Ollama's clients here)")
        say(f"  OpenAI    {server.address}/v1")
        say(f"  models    {', '.join(server.models)}; it can pull {', '.join(library.names())}")
        say("Ctrl-C ends it.")
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()
    say("The server has ended.")
