"""`python -m utils lab`: JupyterLab on the course, until Ctrl-C.

The server is a child that runs the end of this file. It reads its options from standard input, which stays open for as
long as `lab` lives: where the line breaks off, however `lab` ended, the server ends too, and its kernels with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import webbrowser

from utils.io import ROOT, CommandError, child_environment, say

FIRST_PORT = 8888
JUPYTER = ROOT / "utils" / "cli" / "jupyter"  # the course's kernel and default settings, found before all others


def run(file: str | None, browser: bool) -> int:
    """Opens JupyterLab, on a file of notebooks/ where one is named; prints its address once it answers."""
    port = free_port()
    token = secrets.token_hex(24)
    page = f"/tree/notebooks/{file}" if file else ""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        server = start(options(port, token), log)
        try:
            wait(server, port, token, log)
            url = f"http://127.0.0.1:{port}/lab{page}?token={token}"
            say(url)
            say("JupyterLab runs until you press Ctrl-C here.")
            if browser:
                webbrowser.open(url)
            return server.wait()
        except KeyboardInterrupt:
            say("\nJupyterLab is stopped.")
            return 130
        finally:
            server.stdin.close()  # its sign to end
            server.wait()


def free_port() -> int:
    """The first port from 8888 on that nothing listens on."""
    for port in range(FIRST_PORT, FIRST_PORT + 100):
        with socket.socket() as probe:
            if os.name == "posix":  # a socket that is closing is no hindrance; on Windows the option means something else
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port != FIRST_PORT:
            say(f"Port {FIRST_PORT} is in use, so this is on port {port}.")
        return port
    raise CommandError(f"the ports {FIRST_PORT} to {FIRST_PORT + 99} are all in use. Stop another server first.")


def options(port: int, token: str) -> list[str]:
    """What the course depends on, set past any configuration of the user's; and no question about news."""
    settings = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.sock": "",
        "ServerApp.base_url": "/",
        "ServerApp.certfile": "",
        "ServerApp.keyfile": "",
        "ServerApp.root_dir": ROOT,
        "ServerApp.allow_root": os.name == "posix" and os.geteuid() == 0,
        "ServerApp.identity_provider_class": "jupyter_server.auth.identity.PasswordIdentityProvider",
        "IdentityProvider.token": token,
        "PasswordIdentityProvider.token": token,
        "PasswordIdentityProvider.hashed_password": "",
        "PasswordIdentityProvider.password_required": False,
        "LabApp.news_url": None,
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    }
    return ["--no-browser", *(f"--{name}={value}" for name, value in settings.items())]


def start(options: list[str], log) -> subprocess.Popen:
    """Starts the server apart from this terminal, so that Ctrl-C stops it through us and asks nothing."""
    variables = child_environment(JUPYTER_PATH=str(JUPYTER), JUPYTER_CONFIG_PATH=str(JUPYTER), OMP_WAIT_POLICY="PASSIVE")
    apart = {"start_new_session": True} if os.name == "posix" else {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    server = subprocess.Popen(
        [sys.executable, "-m", "utils.cli.lab"], cwd=ROOT, env=variables, stdin=subprocess.PIPE, stdout=log, stderr=log, **apart
    )
    with contextlib.suppress(BrokenPipeError):  # it has ended already, and `wait` says why
        server.stdin.write(json.dumps(options).encode() + b"\n")  # not its command line: there others could read the token
        server.stdin.flush()
    return server


def wait(server: subprocess.Popen, port: int, token: str, log, seconds: float = 120) -> None:
    """Returns once the server answers. Raises CommandError where it ends, is silent for too long, or refuses us."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/status", headers={"Authorization": f"token {token}"})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    why = "did not start"
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.poll() is None:
        try:
            return direct.open(request, timeout=10).close()
        except urllib.error.HTTPError as error:
            why = f"answers with {error.code}, so something in the user's Jupyter configuration changes what it serves"
            break
        except OSError:
            time.sleep(0.2)
    log.seek(0)
    last = "\n".join("  " + line for line in log.read().splitlines()[-6:])
    raise CommandError(f"JupyterLab {why}. Its last lines:\n{last}")


def end_with_input() -> None:
    """Ends this process as soon as its standard input does: whoever started it is gone."""

    def watch() -> None:
        while os.read(0, 1):  # not by sys.stdin: a thread that waits in it stops Python from ending
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)  # for the kernels to be stopped
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    sys.argv[1:] = json.loads(sys.stdin.buffer.readline())
    end_with_input()
    from jupyterlab.labapp import main

    sys.exit(main())
