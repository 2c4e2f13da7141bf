"""`python -m utils lab` in a real browser: a lesson opens unchanged, runs to its end, and its widgets answer.

Playwright drives the Chromium (or Chrome, or Edge) of this machine. Where there is none the test is skipped and says so.
On a failure the page lies as failure.png in pytest's folder.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import share_cache

from utils import lessons
from utils.io import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.browser]
LESSON = lessons.find(3)
NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge", "microsoft-edge"]
PLACES = [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    *(
        str(Path(os.environ[folder]) / program)
        for folder in ("PROGRAMFILES", "PROGRAMFILES(X86)")
        for program in ("Google/Chrome/Application/chrome.exe", "Microsoft/Edge/Application/msedge.exe")
        if folder in os.environ
    ),
]
# JupyterLab as it is for a new user, but with all cells in the page at once.
SETTINGS = {"@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"}}
# Started as a module that ends with its standard input, so that a run of the tests that is killed leaves no server behind.
START = "from utils.cli import lab, launcher; lab.end_with_input(); launcher.main(['lab', '--no-browser', '{number}'])"
# Asked of the server: in the page the sign of the kernel says idle before there is one.
IDLE = """fetch('/api/sessions').then((answer) => answer.json())
  .then((sessions) => sessions.some((session) => session.kernel?.execution_state === 'idle'))"""


@pytest.fixture
def page(tmp_path):
    """A page of a headless browser, which keeps a picture of itself where the test fails."""
    playwright = pytest.importorskip("playwright.sync_api", reason="no Playwright: the lessons were not opened in a browser")
    program = next(filter(None, map(shutil.which, NAMES)), None) or next(
        (place for place in PLACES if Path(place).is_file()), None
    )
    if not program:
        pytest.skip("no Chromium, Chrome or Edge on this machine: the lessons were not opened in a browser")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--no-proxy-server"])
        opened = browser.new_page(viewport={"width": 1400, "height": 1000})
        yield opened
        opened.screenshot(path=tmp_path / "last.png")
        browser.close()


@pytest.fixture
def course(tmp_path):
    """A copy of the course, so that JupyterLab saves nothing into this one."""
    folder = tmp_path / "course"
    left_out = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
    for name in ("utils", "notebooks", "data"):
        shutil.copytree(ROOT / name, folder / name, ignore=left_out)
    for name in ("requirements.txt", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    share_cache(folder)
    return folder


@pytest.fixture
def address(course, tmp_path):
    """What `python -m utils lab --no-browser 3` prints; the server runs until the test ends."""
    for name, settings in SETTINGS.items():
        file = tmp_path / "settings" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(settings), encoding="utf-8")
    variables = {name: value for name, value in os.environ.items() if name not in ("COURSE_HEADLESS", "MPLBACKEND")}
    variables |= {"COURSE_DEVICE": "cpu", "COURSE_HUB": "off", "COURSE_THREADS": "1", "PYTHONUTF8": "1"}
    variables["JUPYTERLAB_SETTINGS_DIR"] = str(tmp_path / "settings")
    for name in ("JUPYTERLAB_WORKSPACES_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        variables[name] = str(tmp_path / name)
    with subprocess.Popen(
        [sys.executable, "-c", START.format(number=LESSON.number)],
        cwd=course,
        env=variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    ) as lab:
        lines = []
        for line in lab.stdout:
            lines.append(line)
            if line.startswith("http"):
                break
        assert lines and lines[-1].startswith("http"), "".join(lines)
        yield lines[-1].strip()
        lab.stdin.close()


def test_a_lesson_in_the_browser(page, address, course):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    opens_unchanged(page, address)
    runs_to_its_end(page)
    is_saved_whole(page, lessons.notebook_path(course, LESSON))
    answers_to_a_control(page)
    assert [url for url in asked if not url.startswith((address.partition("/lab")[0], "data:", "blob:"))] == []


def idle(page) -> None:
    page.wait_for_function(f"async () => await {IDLE}", timeout=60_000, polling=500)


def opens_unchanged(page, address: str) -> None:
    """The lesson opens at the printed address; with its kernel there, nothing asks anything and nothing is to be saved."""
    page.goto(address)
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=90_000)
    tab = page.locator(".lm-TabBar-tab.jp-mod-current", has_text=LESSON.file)
    tab.wait_for(timeout=30_000)
    idle(page)
    page.wait_for_timeout(3_000)  # for what the kernel says of itself to be written into the notebook
    assert "jp-mod-dirty" not in tab.get_attribute("class")
    assert page.locator(".Toastify__toast, .jp-Dialog").count() == 0


def choose(page, menu: str, command: str) -> None:
    page.locator(".lm-MenuBar-item", has_text=menu).first.click()
    page.locator(f'.lm-Menu li[data-command="{command}"]').click()


def outputs(page, mime: str) -> list[str]:
    return page.locator(f'.jp-Notebook [data-mime-type="application/vnd.jupyter.{mime}"]').all_inner_texts()


def runs_to_its_end(page) -> None:
    """Run > Run All Cells: no error, figures and controls."""
    choose(page, "Run", "runmenu:run-all")
    waiting = page.locator(".jp-Notebook .jp-InputPrompt", has_text="*")
    waiting.first.wait_for(state="attached", timeout=20_000)
    stopped = (
        """[...document.querySelectorAll('.jp-Notebook .jp-InputPrompt')].every((one) => !one.textContent.includes('*'))"""
    )
    page.wait_for_function(stopped, timeout=300_000, polling=1_000)
    idle(page)
    assert outputs(page, "error") == [] and outputs(page, "stderr") == []
    wide = "(images) => images.filter((image) => image.naturalWidth > 100).length"
    assert page.locator(".jp-Notebook .jp-RenderedImage img").evaluate_all(wide) >= 4
    assert page.locator(".jp-Notebook .jupyter-widgets :is(input, select, .noUi-handle)").count() >= 1
    assert page.get_by_text("Error displaying widget").or_(page.get_by_text("Loading widget")).count() == 0


def is_saved_whole(page, notebook: Path) -> None:
    """What JupyterLab saves is executed from the first cell to the last, the folded ones too, without an error."""
    before = notebook.read_bytes()
    choose(page, "File", "docmanager:save")
    for _ in range(60):
        if notebook.read_bytes() != before:
            break
        page.wait_for_timeout(500)
    code = [cell for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    kinds = {(output["output_type"], output.get("name")) for cell in code for output in cell["outputs"]}
    assert not any(kind == "error" or name == "stderr" for kind, name in kinds)


def answers_to_a_control(page) -> None:
    """The figure under the first control that has one follows it."""
    selector = ".jp-Notebook .jp-OutputArea-child:has(.jupyter-widgets img)"
    box = page.locator(selector).first
    before = box.locator("img").first.get_attribute("src")
    slider, choice = box.locator(".noUi-handle"), box.locator("select")
    if slider.count():
        slider.first.focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
    elif choice.count():
        choice.first.select_option(index=1)
    else:
        box.locator("input").first.press_sequentially("a")
        page.keyboard.press("Enter")
    another = "([selector, before]) => ![before, undefined].includes(document.querySelector(`${selector} img`)?.src)"
    page.wait_for_function(another, arg=[selector, before], timeout=60_000)
    assert outputs(page, "error") == []
