"""`python -m utils`: the command line. Standard library only, so that it runs before anything is installed."""

from __future__ import annotations

import argparse
import difflib
import errno
import os
import subprocess
import sys
from pathlib import Path

from utils import lessons
from utils.cli import doctor, environment, notebooks, pretrain
from utils.io import ROOT, SETTINGS, CommandError, child_environment, say, setting

LESSON_TESTS = ("tests/notebooks",)  # what is tested of each lesson


class UsageError(CommandError):
    """The command was not understood."""

    code = 2


class Parser(argparse.ArgumentParser):
    def error(self, message: str):
        raise UsageError(f"{message}. For help: {self.prog} --help")


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # a console that lacks a character shows "?"
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        return run_command(arguments)
    except CommandError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        print("\nStopped. Give the same command to go on.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `doctor | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        print(f"error: {describe(error)}", file=sys.stderr)
        return 1


def describe(error: OSError) -> str:
    """One sentence for what the operating system refused."""
    if error.errno == errno.ENOSPC:
        return f"the disk is full, so {error.filename or 'a file'} could not be written. Make room and try again."
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return f"{error.filename or 'a file'} cannot be written. Copy the course to a folder of your own and try again."
    return f"{error}. Mend that and try again."


def run_command(arguments: list[str]) -> int:
    parser, commands = make_parser()
    if not arguments:
        parser.print_help()
        return 0
    command = arguments[0]
    if not command.startswith("-") and command not in commands:
        raise UsageError(f"there is no command {command}. {suggestion(command, commands)}")
    options = parser.parse_args(arguments)
    for name in SETTINGS:
        setting(name)  # a value that it cannot have is refused in every command alike
    options.lessons = lessons.chosen(options.lessons, ROOT)
    if options.installed and (python := environment.prepare()) != Path(sys.executable):
        return hand_over(python, arguments)
    if options.carried:
        bring_packages(options.lessons)
    return options.action(options) or 0


def suggestion(command: str, commands: list[str]) -> str:
    near = difflib.get_close_matches(command, commands, n=1)
    meant = f"Did you mean {near[0]}? " if near else ""
    return f"{meant}The commands are {', '.join(commands)}."


def make_parser() -> tuple[argparse.ArgumentParser, list[str]]:
    """The parser and the names of the commands. A command that is `installed` needs the environment, one with `data` also
    what packages carry."""
    parser = Parser(
        prog="python -m utils",
        description="The course's commands. The first one that needs the requirements installs them into .venv.",
    )
    commands = parser.add_subparsers(metavar="command", required=True)

    def add(name: str, action, help: str, *, installed: bool, data: bool = False) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".")
        command.set_defaults(action=action, installed=installed, carried=data, lessons=[])
        return command

    command = add("lab", lab, "opens JupyterLab on the course, or on one lesson", installed=True, data=True)
    command.add_argument("lessons", nargs="?", metavar="N", type=lambda number: [number], help="a lesson's number")
    command.add_argument("--no-browser", action="store_true", help="only print the address")
    command = add("test", test, "runs the unit tests and all notebooks, or those of some lessons", installed=True, data=True)
    command.add_argument("lessons", nargs="*", metavar="N", help="numbers of lessons (default: all)")
    command.add_argument("--fast", action="store_true", help="the quick unit tests only")
    command = add("run", run, "executes notebooks and saves their outputs", installed=True, data=True)
    command.add_argument("lessons", nargs="+", metavar="N", help="numbers of lessons, or a range: 1-3")
    command.add_argument("--record", action="store_true", help="first make their recorded runs in data/runs again")
    command = add("copy", copy, "writes your own copy of lessons, without outputs and solutions", installed=False)
    command.add_argument("lessons", nargs="+", metavar="N", help="numbers of lessons, or a range: 1-3")
    command = add("prefetch", prefetch, "fetches what all lessons, or some, load, for a room without network", installed=True)
    command.add_argument("lessons", nargs="*", metavar="N", help="numbers of lessons (default: all)")
    command.add_argument("--large", action="store_true", help="also what is gated or larger than 200 MB")
    command = add("doctor", examine, "says what this machine can run, lesson by lesson", installed=False)
    command.add_argument("--data", action="store_true", help="instead: every data set and model, and where it is")
    command = add("train", train, "trains a small model of data/models anew, from its recipe", installed=True, data=True)
    command.add_argument("name", metavar="NAME", help="gpt-mini, t5-mini ... (a wrong one lists them)")
    command.add_argument("--minutes", type=positive, metavar="M", help="shorten the training to about M minutes")
    command.add_argument("--device", choices=("cpu", "cuda", "mps"), help="default: the best one here")
    command.add_argument("--out", type=Path, metavar="FOLDER", help="default: my_course/models/NAME")
    command.add_argument("--fresh", action="store_true", help="throw away a training that is there and begin anew")
    command = add("serve", serve, "serves a model on this machine with Ollama's interface and OpenAI's", installed=True)
    command.add_argument("model", nargs="?", default="smollm2", metavar="MODEL", help="a name, a .gguf file or a folder")
    command.add_argument("--port", type=port, default=0, metavar="N", help="of 127.0.0.1; default: a free one")
    command = add("pretrain", pretrain_gpt, "trains a GPT from nothing, on one device or many", installed=True)
    command.add_argument("--data", choices=pretrain.DATA, default="stories", help="default: stories")
    command.add_argument("--size", choices=list(pretrain.SIZES), default="mini", help="default: mini, two minutes on a CPU")
    command.add_argument("--steps", type=whole, metavar="N", help="updates of the weights; default: the size's")
    command.add_argument("--rows", type=whole, metavar="N", help="of a batch, on all devices together; default: the size's")
    command.add_argument("--accumulate", type=whole, default=1, metavar="N", help="parts in which a batch is computed")
    command.add_argument("--devices", type=whole, default=1, metavar="N", help="of this machine: GPUs, or processes on a CPU")
    command.add_argument("--num-nodes", type=whole, default=1, metavar="M", help="machines; the command is given on each")
    command.add_argument("--strategy", choices=("ddp", "fsdp"), default="ddp", help="copies of the model, or shards of it")
    command.add_argument("--precision", choices=list(pretrain.PRECISIONS), help="default: the best one here")
    command.add_argument("--compile", action="store_true", help="through PyTorch's compiler, which needs one for C++")
    command.add_argument("--out", type=Path, metavar="FOLDER", help="default: my_course/pretrained/DATA-SIZE")
    command.add_argument("--fresh", action="store_true", help="throw away a training that is there and begin anew")
    add("bench", bench, "prints the speed of the course's code beside the reference ones", installed=True)
    add(
        "update",
        bring_newest,
        "keeps what you changed in a lesson, in my_course, and brings the newest course",
        installed=False,
    )
    command = add("install", install, "adds to this Python what the lessons need and it lacks: for Colab", installed=False)
    command.add_argument("lessons", nargs="*", metavar="N", help="numbers of lessons (default: all)")
    command = add("address", address, "writes the repository's address into badges and set-up cells", installed=False)
    command.add_argument("address", metavar="OWNER/NAME", help="as in github.com/OWNER/NAME")
    return parser, list(commands.choices)


def positive(text: str) -> float:
    """A number above zero, for argparse."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError
    return number


def port(text: str) -> int:
    """The number of a port, for argparse."""
    if not 0 <= int(text) < 65536:
        raise ValueError
    return int(text)


def whole(text: str) -> int:
    """A whole number above zero, for argparse."""
    if int(text) < 1:
        raise ValueError
    return int(text)


def hand_over(python: Path, arguments: list[str]) -> int:
    """Runs the same command with the environment's Python, in this process's place where the system can do that."""
    command = [str(python), "-m", "utils", *arguments]
    if os.name == "posix":
        os.chdir(ROOT)
        os.execve(python, command, child_environment())
    try:
        return call(command)
    except KeyboardInterrupt:  # the child has said so
        return 130


def call(command: list[str], **variables: str) -> int:
    """Runs a child to its end. Ctrl-C reaches it too: it gets the time to clean up."""
    process = subprocess.Popen(command, cwd=ROOT, env=child_environment(**variables))
    try:
        return process.wait()
    except BaseException:
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait()
        raise


# --- the commands -------------------------------------------------------------------------------------------------


def run(options: argparse.Namespace) -> None:
    notebooks.run(options.lessons, ROOT, options.record)


def copy(options: argparse.Namespace) -> int:
    """Copies all it may; where a student's work is in the way, says so and goes on with the next."""
    refused = 0
    for lesson in options.lessons:
        try:
            say(f"{notebooks.write_copy(lesson, ROOT).relative_to(ROOT).as_posix()} is yours to write in.")
        except CommandError as error:
            print(f"error: {error}", file=sys.stderr)
            refused = error.code
    return refused


def prefetch(options: argparse.Namespace) -> int:
    from utils.cli import prefetch

    return prefetch.run(options.lessons, options.large)


def examine(options: argparse.Namespace) -> None:
    doctor.examine_data() if options.data else doctor.examine()


def bench(options: argparse.Namespace) -> int | None:
    from utils.cli import bench as table

    return table.main()


def train(options: argparse.Namespace) -> None:
    if options.device:
        os.environ["COURSE_DEVICE"] = options.device
    from utils.small_models import trainer

    trainer.train(options.name, options.minutes, options.out, options.fresh)


def serve(options: argparse.Namespace) -> None:
    from utils.data.catalog import NotHere
    from utils.export import library, server

    if options.model in library.AS_FILE and options.model not in library.names():
        bring_packages([lessons.find(25)])
    try:
        name, path = library.given(options.model)
        server.serve({name: path}, options.port)
    except (NotHere, ValueError) as error:
        raise error if isinstance(error, CommandError) else CommandError(str(error)) from None


def pretrain_gpt(options: argparse.Namespace) -> None:
    pretrain.run(options)


def bring_newest(options: argparse.Namespace) -> None:
    from utils.cli import update

    update.run()


def install(options: argparse.Namespace) -> None:
    environment.install_missing()
    bring_packages(options.lessons)


def bring_packages(chosen: list[lessons.Lesson]) -> None:
    """Fetches what packages carry for these lessons, or for all, and makes the environments of their tools."""
    from utils.cli import prefetch

    numbers = {lesson.number for lesson in chosen or lessons.LESSONS}
    prefetch.bring_packages(numbers)
    prefetch.bring_environments(numbers)


def address(options: argparse.Namespace) -> None:
    changed = [path.relative_to(ROOT).as_posix() for path in lessons.stamp_address(options.address, ROOT)]
    say(f"{options.address} stands in {', '.join(changed)} now." if changed else f"{options.address} stood there.")


def test(options: argparse.Namespace) -> int:
    """One pytest for the unit tests and the notebooks: two processes, one thread each, which take a file at a time.

    A lesson is executed once, by nbval; a file, so that its cells go to one process (xdist's groups do not reach them).
    """
    variables = dict(environment.REPRODUCIBLE)
    targets = ["tests"]
    if options.lessons:
        variables["COURSE_LESSONS"] = " ".join(str(lesson.number) for lesson in options.lessons)
        targets = list(LESSON_TESTS)
    paths = [lessons.notebook_path(ROOT, lesson) for lesson in options.lessons or lessons.written(ROOT)]
    if options.fast:
        chosen = ["-m", "not slow"]
    elif paths:
        mode, why = notebooks.nbval_mode(paths)
        say(f"Notebooks are checked with {mode}: {why}.")
        chosen = [mode, "--nbval-current-env", "--nbval-cell-timeout", "300"]
        targets += [str(path.relative_to(ROOT)) for path in paths]
    else:
        chosen = []
    processes = str(min(2, os.cpu_count() or 1))
    command = [sys.executable, "-m", "pytest", *targets, *chosen, "-n", processes, "--dist", "loadfile"]
    return call(command, **variables)


def lab(options: argparse.Namespace) -> int:
    from utils.cli import lab as jupyter

    return jupyter.run(options.lessons[0].file if options.lessons else None, browser=not options.no_browser)
