"""The environment that the commands run in: the interpreter at hand where it has everything, else .venv.

Standard library only: this runs before anything is installed.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

from utils.io import ROOT, CommandError, child_environment, damaged, http_status, read_text, say, write_atomically

VENV = ROOT / ".venv"
STAMP = "course-ready.txt"  # in .venv: written when an installation is complete, with the hash of what was asked for
SHOWN = ("Downloading", "Using cached", "Processing", "Installing collected", "Successfully", "ERROR")  # of pip's lines
# What pip's settings may say: where packages come from. Where they go is the course's (PIP_USER=1, `user = true`, a target).
SOURCES = ("index-url", "extra-index-url", "find-links", "no-index", "trusted-host", "cert", "client-cert", "proxy")
SOURCES += ("timeout", "default-timeout", "cache-dir", "keyring-provider")
CPU_INDEX = "https://download.pytorch.org/whl/cpu"

# Sums of the wheels' sizes and of what lies on disk after them, torch 2.13, measured on Linux.
SMALL_GB = (0.6, 2.5)  # PyTorch for the CPU: Linux from CPU_INDEX; macOS and Windows from PyPI
CUDA_GB = (3.1, 8.0)  # what pip finds on Linux: PyTorch with the CUDA libraries

# `run` and `test` set these, so that every machine computes the same outputs.
REPRODUCIBLE = {
    "COURSE_DEVICE": "cpu",
    "COURSE_HUB": "off",
    "COURSE_THREADS": "1",
    "COURSE_HEADLESS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "PYTHONHASHSEED": "0",
}


# --- what is there ------------------------------------------------------------------------------------------------


def requirements(part: str | None = None) -> list[str]:
    """The lines of requirements.txt, of one part ("lessons", "commands") or of both."""
    lines, section = [], None
    for line in read_text(ROOT / "requirements.txt").splitlines():
        if heading := re.match(r"# \[(\w+)\]", line):
            section = heading[1]
        requirement = line.partition("#")[0].strip()
        if requirement and part in (None, section):
            lines.append(requirement)
    return lines


def missing(part: str | None = None) -> list[str]:
    """The requirements that the running interpreter does not satisfy. Raises DamagedFile where one is no requirement."""
    try:
        from packaging.requirements import InvalidRequirement, Requirement
    except ImportError:
        try:
            from pip._vendor.packaging.requirements import InvalidRequirement, Requirement
        except ImportError:
            return requirements(part)
    try:
        return [line for line in requirements(part) if not satisfied(Requirement(line))]
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0]
        raise damaged(ROOT / "requirements.txt", f"it asks for something that is no package ({reason})") from None


def satisfied(requirement) -> bool:
    """Whether the installed version of a `packaging` Requirement is in its range."""
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return version is not None and requirement.specifier.contains(version, prereleases=True)


def fingerprint() -> str:
    """The hash of what an installation is made from. Raises DamagedFile where that cannot be read."""
    texts = [read_text(ROOT / name) for name in ("requirements.txt", "constraints.txt")]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def venv_python() -> Path:
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def running_in_venv() -> bool:
    return Path(sys.prefix).resolve() == VENV.resolve()


def stamped() -> bool:
    """Whether .venv was installed to the end, from the requirements as they are now."""
    try:
        return (VENV / STAMP).read_bytes() == fingerprint().encode()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False


def works(python: Path) -> bool:
    """Whether this interpreter starts and is new enough."""
    try:
        check = subprocess.run(
            [python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"], capture_output=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return check.returncode == 0


def find() -> Path | None:
    """The Python that has all that the requirements ask for, without installing: this one, .venv's, or None."""
    if (stamped() or not running_in_venv()) and not missing():
        return Path(sys.executable)
    if not running_in_venv() and stamped() and works(venv_python()):
        return venv_python()
    return None


# --- making it ----------------------------------------------------------------------------------------------------


def prepare() -> Path:
    """Makes sure of an environment with all that the requirements ask for; returns its Python.

    Raises CommandError where that cannot be done.
    """
    if python := find():
        return python
    refuse_intel_mac()
    index = cpu_index()
    download, disk = SMALL_GB if index or sys.platform != "linux" else CUDA_GB
    if index:
        say("There is no NVIDIA GPU here: taking PyTorch's smaller build for the CPU.")
    elif sys.platform == "linux" and not has_nvidia():
        say("PyTorch's index of CPU builds does not answer: taking the build that pip finds.")
    if works(venv_python()) and (VENV / STAMP).exists():
        say(f"The requirements have changed: completing {VENV.name}, at most {download} GB to download.")
    else:
        if VENV.exists() or VENV.is_symlink():
            say(
                f"{VENV.name} was not finished, or its Python does not start: making it anew. What pip has downloaded "
                "is not downloaded again."
            )
            remove_venv()
        refuse_full_disk(disk)
        say(f"Making the environment in {VENV.name}, once: up to {download} GB to download, {disk} GB on disk.")
        make_venv()
    install(venv_python(), index)
    return venv_python()


def refuse_intel_mac() -> None:
    if sys.platform == "darwin" and platform.machine() == "x86_64":
        raise CommandError(
            "PyTorch has no build for Intel Macs any more, so the lessons cannot run here. Open them "
            "on Google Colab (links in README.md); on Apple silicon, install the arm64 Python."
        )


def refuse_full_disk(gigabytes: float) -> None:
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < gigabytes:
        raise CommandError(
            f"the disk has {free:.1f} GB free and the environment needs {gigabytes} GB. Make room, "
            "or move the course to another disk."
        )


def remove_venv() -> None:
    if VENV.is_dir() and not VENV.is_symlink():
        shutil.rmtree(VENV)
    else:
        VENV.unlink()


def make_venv() -> None:
    """A new, empty .venv with pip."""
    VENV.mkdir()  # first, so that a folder that cannot be written is refused in our words
    made = subprocess.run(
        [sys.executable, "-m", "venv", str(VENV)],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        env=child_environment(),
    )
    if made.returncode == 0:
        return
    remove_venv()
    output = made.stdout + made.stderr
    if "ensurepip" in output:
        name = f"python3.{sys.version_info.minor}-venv"
        raise CommandError(
            "this Python came without its `venv` part, so no environment can be made. Install it "
            f"(Debian, Ubuntu: sudo apt install {name}), or use the Python from python.org."
        )
    why = output.strip().splitlines()[-1] if output.strip() else f"`venv` ended with {made.returncode}"
    raise CommandError(f"no environment could be made in {VENV}: {why}. Mend that and try again.")


def cpu_index() -> str | None:
    """PyTorch's CPU index where it is of use: Linux without an NVIDIA GPU, and the index answers."""
    if sys.platform != "linux" or has_nvidia():
        return None
    return CPU_INDEX if http_status(f"{CPU_INDEX}/torch/", seconds=5) == 200 else None


def has_nvidia() -> bool:
    """Whether an NVIDIA driver is there; does not need PyTorch."""
    return shutil.which("nvidia-smi") is not None or Path("/proc/driver/nvidia/version").exists()


def install(python: Path, index: str | None) -> None:
    """Installs the requirements with the versions of constraints.txt, then writes the stamp.

    Where this Python or platform lacks one of those versions, the ranges alone decide.
    """
    (VENV / STAMP).unlink(missing_ok=True)
    extra = ["--extra-index-url", index] if index else []
    requested = ["-r", str(ROOT / "requirements.txt")]
    status, output = pip_install(python, [*requested, *extra, "-c", str(ROOT / "constraints.txt")])
    if status and unsatisfiable(output):
        say(
            "A version in constraints.txt does not exist for this Python or platform: "
            "taking the newest that requirements.txt allows."
        )
        status, output = pip_install(python, [*requested, *extra])
    if status:
        raise CommandError(explain(output))
    write_atomically(VENV / STAMP, fingerprint().encode())
    importlib.invalidate_caches()


def install_missing() -> None:
    """Installs into the running interpreter what the lessons need and it lacks, and nothing else: for Colab.

    Raises CommandError where pip fails.
    """
    lacking = missing("lessons")
    if not lacking:
        return
    say(f"Installing what is missing here: {', '.join(lacking)}")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", *lacking]
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", errors="replace", env=pip_environment(Path(sys.executable))
    )
    if done.returncode:
        last = " / ".join((done.stdout + done.stderr).splitlines()[-3:])
        raise CommandError(f"pip could not install {', '.join(lacking)}: {last}. Check the network and run this cell again.")
    importlib.invalidate_caches()


def pip_install(python: Path, arguments: list[str]) -> tuple[int, list[str]]:
    """Runs pip; shows its lines on what it downloads and installs, keeps all of them in a log. Exit status and lines."""
    command = [
        str(python),
        "-m",
        "pip",
        "install",
        "--progress-bar",
        "off",
        "--no-input",
        "--no-compile",
        "--disable-pip-version-check",
        "--retries",
        "3",
        *arguments,
    ]
    output = []
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        encoding="utf-8",
        errors="replace",
        env=pip_environment(python),
        cwd=ROOT,
    ) as process:
        with open(VENV / "install.log", "a", encoding="utf-8") as log:
            for line in process.stdout:
                log.write(line)
                output.append(line.rstrip())
                if line.lstrip().startswith(SHOWN):
                    say(line.strip()[:100])
    return process.returncode, output


def pip_environment(python: Path) -> dict[str, str]:
    """The environment variables of pip: of the user's own settings, in variables and files, those in SOURCES alone."""
    listed = subprocess.run(
        [python, "-m", "pip", "config", "list"],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        env=child_environment(PIP_USER="0"),  # with `user = true` it would list the user's file alone
    )
    settings = re.findall(r"(?m)^(global|install|:env:)\.([\w-]+)=('.*'|\".*\")$", listed.stdout)
    settings.sort(key=lambda setting: ("global", "install", ":env:").index(setting[0]))  # the later one holds
    kept = {f"PIP_{name.upper().replace('-', '_')}": ast.literal_eval(text) for _, name, text in settings if name in SOURCES}
    others = {name: value for name, value in child_environment().items() if not name.upper().startswith("PIP_")}
    return {**others, **kept, "PIP_CONFIG_FILE": os.devnull}


# --- what went wrong ----------------------------------------------------------------------------------------------

NETWORK = re.compile(
    r"NewConnectionError|Failed to establish|name resolution|getaddrinfo|NameResolutionError|"
    r"ConnectTimeout|ReadTimeout|ProxyError|ConnectionReset|Connection aborted|Max retries|"
    r"Network is unreachable|IncompleteRead",
    re.IGNORECASE,
)
UNSATISFIABLE = re.compile(r"No matching distribution found|ResolutionImpossible")
DISK_FULL = re.compile(r"No space left|Errno 28\b|not enough space|Disk quota exceeded", re.IGNORECASE)
READ_ONLY = re.compile(r"Read-only file system|Permission denied|Access is denied", re.IGNORECASE)


def unsatisfiable(output: list[str]) -> bool:
    """Whether pip failed because the versions asked for do not exist here, and not because the network is away."""
    text = "\n".join(output)
    return UNSATISFIABLE.search(text) is not None and not NETWORK.search(text)


def explain(output: list[str]) -> str:
    """Why an installation failed, and what to do, in one sentence or two."""
    text = "\n".join(output)
    log = f" pip's own words are in {VENV.name}/install.log."
    again = " Then give the same command again: it goes on where it stopped." + log
    if DISK_FULL.search(text):
        return "the disk became full during the installation. Make room." + again
    if READ_ONLY.search(text):
        return f"the installation could not write into {VENV}. Make the folder writable, or copy the course." + again
    if NETWORK.search(text):
        return "the package index could not be reached, so the installation stopped. Check the network." + again
    if re.search(r"No matching distribution found for torch\b", text):
        version = platform.python_version()
        return (
            f"PyTorch has no build for Python {version} on {platform.system()} {platform.machine()}. Use Python "
            "3.11, 3.12 or 3.13 (64 bit) on a current system, or open the lessons on Google Colab (links in "
            "README.md)."
        )
    last = "\n  ".join(line for line in output[-6:] if line.strip())
    return f"pip could not install the requirements. Its last lines:\n  {last}\n Mend that." + again
