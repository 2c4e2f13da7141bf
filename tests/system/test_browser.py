"""`python -m utils lab` in a real browser: a lesson opens, runs to its end, and its widgets answer.

Chromium (or Chrome, or Edge) is driven over the DevTools protocol, with websocket-client, which JupyterLab brings
along. Where there is no such browser the test is skipped and says so. On a failure the page lies as failure.png in
pytest's folder.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from utils import lessons
from utils.course.runtime import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.browser]
LESSON = lessons.find(3)
NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge", "microsoft-edge"]
PLACES = [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    *(
        str(Path(os.environ[folder]) / program)
        for folder in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")
        for program in (
            "Google/Chrome/Application/chrome.exe",
            "Chromium/Application/chrome.exe",
            "Microsoft/Edge/Application/msedge.exe",
        )
        if folder in os.environ
    ),
]
# JupyterLab as it is for a new user, but without questions about news, and with all cells in the page at once.
SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True},
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
}
COLLECT = """(() => {
  const all = (selector) => [...document.querySelectorAll(`.jp-Notebook ${selector}`)];
  const text = (mime) => all(`[data-mime-type="application/vnd.jupyter.${mime}"]`).map((output) => output.innerText);
  const page = document.body.innerText;
  return {
    waiting: all('.jp-InputPrompt').filter((prompt) => prompt.textContent.includes('*')).length,
    errors: text('error'), stderr: text('stderr'),
    figures: all('.jp-RenderedImage img').filter((image) => image.naturalWidth > 100).length,
    controls: all('.jupyter-widgets :is(input, select, .noUi-handle)').length,
    broken: page.includes('Error displaying widget') || page.includes('Loading widget'),
  };
})()"""
# Asked of the server: in the page the sign of the kernel says idle before there is one.
IDLE = """fetch('/api/sessions').then((answer) => answer.json())
  .then((sessions) => sessions.some((session) => session.kernel?.execution_state === 'idle'))"""
# The box of the first widget that has a control and a figure.
BOX = """[...document.querySelectorAll('.jp-Notebook .jp-OutputArea-child')]
  .find((output) => output.querySelector('.jupyter-widgets img'))"""


def browser_program() -> str:
    """Chromium or one of its kin; skips the test where there is none."""
    for name in NAMES:
        if found := shutil.which(name):
            return found
    for place in PLACES:
        if Path(place).is_file():
            return place
    pytest.skip("no Chromium, Chrome or Edge on this machine: the lessons were not opened in a browser")


class Page:
    """A page of a headless Chromium."""

    def __init__(self, program: str, folder: Path):
        websocket = pytest.importorskip("websocket")
        self.process = subprocess.Popen(
            [
                program,
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--disable-quic",
                "--no-proxy-server",
                "--remote-debugging-port=0",
                "--remote-allow-origins=*",
                f"--user-data-dir={folder}",
                "--window-size=1400,1000",
                "about:blank",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        port_file = folder / "DevToolsActivePort"
        self.wait(lambda: port_file.is_file() and port_file.read_text().count("\n"), 60, "the browser did not start")
        port = port_file.read_text().split()[0]
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(f"http://127.0.0.1:{port}/json/list", timeout=30) as answer:
            address = next(target["webSocketDebuggerUrl"] for target in json.load(answer) if target["type"] == "page")
        self.socket = websocket.create_connection(address, timeout=60, http_no_proxy=["127.0.0.1"])
        self.count = 0

    def call(self, method: str, **parameters):
        """One call of the DevTools protocol; events that come in between are left aside."""
        self.count += 1
        self.socket.send(json.dumps({"id": self.count, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("id") == self.count:
                assert "error" not in answer, answer
                return answer["result"]

    def value(self, expression: str):
        """The value of a JavaScript expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, condition, seconds: float, why: str):
        """The first true value of the condition (JavaScript or a function)."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := (self.value(condition) if isinstance(condition, str) else condition()):
                return found
            time.sleep(0.25)
        pytest.fail(f"{why} within {seconds} seconds")

    def click(self, element: str) -> None:
        """A click with the mouse on the element that a JavaScript expression gives."""
        x, y = self.value(f"""(() => {{
          const clicked = {element};
          clicked.scrollIntoViewIfNeeded?.();
          const place = clicked.getBoundingClientRect();
          return [place.x + place.width / 2, place.y + place.height / 2];
        }})()""")
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, key: str, code: int) -> None:
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def close(self) -> None:
        try:
            self.call("Browser.close")
            self.socket.close()
            self.process.wait(timeout=15)
        except Exception:  # noqa: BLE001  it must end, whatever state it is in
            self.process.kill()
            self.process.wait()


@pytest.fixture
def page(tmp_path):
    opened = Page(browser_program(), tmp_path / "browser")
    yield opened
    opened.close()


@pytest.fixture
def course(tmp_path):
    """A copy of the course, so that JupyterLab saves nothing into this one."""
    if not lessons.notebook_path(ROOT, LESSON).is_file():
        pytest.skip(f"lesson {LESSON.number} is not written yet")
    folder = tmp_path / "course"
    left_out = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
    for name in ("utils", "notebooks", "data"):
        shutil.copytree(ROOT / name, folder / name, ignore=left_out)
    for name in ("requirements.txt", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture
def address(course, tmp_path, monkeypatch):
    """What `python -m utils lab --no-browser 3` prints; the server runs until the test ends."""
    for name, settings in SETTINGS.items():
        file = tmp_path / "settings" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(settings), encoding="utf-8")
    variables = {name: value for name, value in os.environ.items() if name not in ("COURSE_HEADLESS", "MPLBACKEND")}
    variables |= {
        "COURSE_DEVICE": "cpu",
        "COURSE_HUB": "off",
        "COURSE_THREADS": "1",
        "PYTHONUTF8": "1",
        "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(tmp_path / "workspaces"),
        "JUPYTER_CONFIG_DIR": str(tmp_path / "configuration"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        "IPYTHONDIR": str(tmp_path / "ipython"),
    }
    with (tmp_path / "lab.txt").open("w+", encoding="utf-8") as log:
        command = [sys.executable, "-m", "utils", "lab", "--no-browser", str(LESSON.number)]
        lab = subprocess.Popen(
            command, cwd=course, env=variables, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            yield printed_address(lab, tmp_path / "lab.txt")
        finally:
            stop(lab, (tmp_path / "lab.txt").read_text(encoding="utf-8"))


def printed_address(lab: subprocess.Popen, log: Path, seconds: float = 180) -> str:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and lab.poll() is None:
        if found := re.search(r"^http://\S+$", log.read_text(encoding="utf-8"), re.MULTILINE):
            return found[0]
        time.sleep(0.2)
    pytest.fail(f"`lab` printed no address:\n{log.read_text(encoding='utf-8')}")


def stop(lab: subprocess.Popen, log: str) -> None:
    """Asks the server to end, which ends `lab` too; on every system the same."""
    if found := re.search(r"^(http://[^/\s]+)/\S*token=(\w+)$", log, re.MULTILINE):
        request = urllib.request.Request(
            f"{found[1]}/api/shutdown", method="POST", headers={"Authorization": f"token {found[2]}"}
        )
        try:
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10).close()
            lab.wait(timeout=30)
        except (OSError, subprocess.TimeoutExpired):
            pass
    lab.terminate()
    lab.wait()


def test_a_lesson_in_the_browser(page, address, course, tmp_path):
    try:
        open_and_run(address, page)
        saved(page, lessons.notebook_path(course, LESSON))
        move_a_control(page)
    except BaseException:
        page.screenshot(tmp_path / "failure.png")
        print(f"The page as it was: {tmp_path / 'failure.png'}")
        raise


def choose(page: Page, menu: str, command: str) -> None:
    """A click on a menu of JupyterLab and on an entry of it."""
    page.click(f"[...document.querySelectorAll('.lm-MenuBar-item')].find((item) => item.innerText.trim() === '{menu}')")
    entry = f"document.querySelector('.lm-Menu li[data-command=\"{command}\"]')"
    page.wait(f"!!{entry}", 10, f"the menu {menu} has no {command}")
    page.click(entry)


def open_and_run(address: str, page: Page) -> None:
    """The lesson opens at the printed address, and Run > Run All Cells runs it to its end without an error."""
    page.call("Page.navigate", url=address)
    page.wait("!!document.querySelector('.jp-Notebook .jp-CodeCell')", 90, "the lesson did not open")
    tabs = "[...document.querySelectorAll('.lm-TabBar-tab')].map((tab) => tab.innerText).join(' ')"
    page.wait(f"{tabs}.includes('{LESSON.file}')", 30, f"no tab of {LESSON.file}")
    page.wait(IDLE, 60, "no kernel was ready")
    choose(page, "Run", "runmenu:run-all")
    page.wait(f"{COLLECT}.waiting > 0", 20, "nothing ran")
    page.wait(
        f"(() => {{ const s = {COLLECT}; return s.errors.length > 0 || s.waiting === 0; }})()", 300, "the lesson did not end"
    )
    page.wait(IDLE, 30, "the kernel is not idle")
    state = page.value(COLLECT)
    assert state["errors"] == [] and state["stderr"] == []
    assert state["figures"] >= 4 and state["controls"] >= 1 and not state["broken"], state


def saved(page: Page, notebook: Path) -> None:
    """What JupyterLab saves is executed from the first cell to the last, the folded ones too, without an error."""
    before = notebook.read_bytes()
    choose(page, "File", "docmanager:save")
    page.wait(lambda: notebook.read_bytes() != before, 30, "the notebook was not saved")
    code = [cell for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert [
        output
        for cell in code
        for output in cell["outputs"]
        if output["output_type"] == "error" or output.get("name") == "stderr"
    ] == []


def move_a_control(page: Page) -> None:
    """The figure under a control follows it."""
    page.wait(f"!!({BOX})", 30, "no widget has a figure")
    page.value(f"window.box = {BOX}, window.before = box.querySelector('img').src, true")
    if page.value("!!box.querySelector('.noUi-handle')"):
        page.click("box.querySelector('.noUi-handle')")
        page.value("box.querySelector('.noUi-handle').focus(), true")
        page.press("ArrowRight", 39)
        page.press("ArrowRight", 39)
    elif page.value("!!box.querySelector('select')"):
        page.value("""(() => {
          const list = box.querySelector('select');
          list.selectedIndex = list.selectedIndex ? 0 : 1;
          list.dispatchEvent(new Event('change', {bubbles: true}));
        })()""")
    else:
        page.click("box.querySelector('input')")
        page.call("Input.insertText", text="a")
        page.press("Enter", 13)
    page.wait(
        "box.querySelector('img') && box.querySelector('img').src !== window.before",
        60,
        "the figure did not follow its control",
    )
    assert page.value(f"{COLLECT}.errors.length") == 0
