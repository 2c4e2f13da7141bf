"""What a lesson loads: one call, the same result with and without the Hub. The table is `data/catalog.toml`.

`load` looks for a thing in this order: what lies in the course or was taken out of a package (utils.data.packages); this
machine's cache of the Hub; the Hub; what stands in for it. Where a package carries a smaller copy (`instead`), the Hub's own
files come first. COURSE_HUB=off leaves out the cache and the Hub, so that every machine computes the
same. Importing this module is cheap: heavy libraries are imported inside the functions that need them.
"""

import contextlib
import dataclasses
import functools
import importlib.util
import os
import tomllib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from utils.data import documentation, hub, packages, quantized, ratings, sets
from utils.data.hub import Unavailable
from utils.device import detect_device
from utils.io import ROOT, DamagedFile, is_headless, shown

TABLE = ROOT / "data" / "catalog.toml"
LARGE = 200  # megabytes: without a GPU a larger download has to be asked for
# Heads that are useless untrained. A classification head is new in every fine-tuning.
PRETRAINED_HEADS = ("AutoModelForMaskedLM", "AutoModelForCausalLM", "AutoModelForSeq2SeqLM", "AutoModelForQuestionAnswering")


class Pretrained(NamedTuple):
    """A model in evaluation mode and its tokenizer, both in Transformers' classes."""

    model: "transformers.PreTrainedModel"  # noqa: F821
    tokenizer: "transformers.PreTrainedTokenizerBase"  # noqa: F821


class NotHere(RuntimeError):
    """Neither the thing nor a stand-in can be loaded; the message says why and what to do."""

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]  # in a notebook: the sentence, without a page of calls


@dataclasses.dataclass(frozen=True)
class Request:
    """How something is to be loaded."""

    large: bool = False
    tokenizer_only: bool = False
    model_class: str | None = None
    part: str | None = None
    options: dict = dataclasses.field(default_factory=dict)


@functools.lru_cache(maxsize=1)
def entries() -> dict[str, dict]:
    """The catalog: name -> what `data/catalog.toml` says of it."""
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))


def find(name: str) -> dict:
    """One entry of the catalog.

    Raises:
        KeyError: there is none of that name; the message lists those that there are.
    """
    if name not in entries():
        raise KeyError(f"The catalog has no {name!r}. It has: {', '.join(sorted(entries()))}.")
    return entries()[name]


# ----------------------------------------------------------------------------------------------------------------------
# Loading
# ----------------------------------------------------------------------------------------------------------------------


def load(name: str, *, part: str | None = None, large: bool = False, model_class: str | None = None, **options):
    """Loads a model or a data set and says in one line what it is, how large, and where it came from.

    Args:
        name: an entry of the catalog.
        part: of data that comes in parts (`ratings`), the one that is wanted; None for the first.
        large: also without a GPU, download more than 200 MB.
        model_class: for a model, a class of Transformers other than the table's, e.g. "AutoModelForMaskedLM".
        options: for a model, passed on to Transformers' `from_pretrained` (e.g. `attn_implementation="eager"`).

    Returns:
        `Pretrained` for a model; for data a `datasets.DatasetDict` with the splits train, validation and test at least,
        and the columns and types that the table names, wherever the rows came from.

    Raises:
        KeyError: the catalog has no such entry.
        TypeError: an option for models was given for data.
        ValueError: the entry has no such part.
        DamagedFile: a file on this machine is not the one that the catalog names.
        NotHere: neither the thing nor a stand-in can be loaded; the message says why and what to do.
    """
    entry = find(name)
    if entry["kind"] != "model" and (model_class or options):
        raise TypeError(f"{name} is data: model_class and the options of from_pretrained are for models.")
    parts = entry.get("parts", [None])
    if part is not None and part not in parts:
        have = f"It has {', '.join(parts)}." if parts[0] else "It comes whole."
        raise ValueError(f"{name} has no part {part!r}. {have}")
    return _load(name, Request(large=large, model_class=model_class, part=part or parts[0], options=options))


def load_tokenizer(name: str):
    """Loads a model's tokenizer alone: a few megabytes, whatever the model's size. Otherwise like `load`."""
    if find(name)["kind"] != "model":
        raise TypeError(f"{name} is data and has no tokenizer.")
    return _load(name, Request(tokenizer_only=True))


def _load(name: str, request: Request):
    try:
        loaded, story = _obtain(name, request)
    except Unavailable as reason:
        raise NotHere(f"{name} cannot be loaded, because {reason}.") from None
    note = find(name).get("note")
    print(f"{name}: {story}" + (f" ({note})" if note else ""))
    return loaded


def _obtain(name: str, request: Request) -> tuple[object, str]:
    """The loaded thing and the story of where it came from. Raises Unavailable."""
    entry = find(name)
    if made_here(entry):
        return _made(entry)
    place = on_this_machine(entry)
    if place and not _is_smaller_copy(entry):
        return _read(entry, *place, request)
    try:
        return _from_hub(name, entry, request)
    except Unavailable as reason:
        if place:
            loaded, story = _read(entry, *place, request)
            return loaded, f"{story}, {entry['package']['instead']}, because {reason}"
        if "stand_in" not in entry:
            raise Unavailable(f"{reason}{_way_out(entry)}") from None
        try:
            loaded, story = _obtain(entry["stand_in"], request)
        except Unavailable as second:
            raise Unavailable(f"{reason}; nor its stand-in {entry['stand_in']}, because {second}") from None
        if entry["kind"] == "set":
            loaded = sets.shaped_as(entry, loaded)
            story = _story(entry, loaded, _origin(find(entry["stand_in"])))
        return loaded, f"{entry['stand_in']} stands in, {story}, because {reason}"


def _way_out(entry: dict) -> str:
    if "package" in entry:
        return ". It comes in a package, which is not here yet: python -m utils prefetch"
    return "; it has no stand-in yet" if "hub" in entry else ""


def made_here(entry: dict) -> bool:
    """Whether there are no files to look for: the rows are Python's own texts, or a generator of the course writes them."""
    return entry["kind"] == "corpus" or "generator" in entry


def on_this_machine(entry: dict) -> tuple[Path, str] | None:
    """The folder in the course or of a package's files, and how to call it."""
    if "folder" in entry:
        files = ["config.json"] if entry["kind"] == "model" else [f"{split}.jsonl" for split in entry["splits"]]
        if all((ROOT / entry["folder"] / file).is_file() for file in files):
            return ROOT / entry["folder"], entry["folder"]
    if (package := entry.get("package")) and packages.is_here(package):
        return packages.folder(package), f"the package {packages.title(package)}, hash checked"
    return None


def _is_smaller_copy(entry: dict) -> bool:
    """Whether the package carries something else than the Hub's own files."""
    return "instead" in entry.get("package", {})


def gguf(name: str) -> Path:
    """The GGUF file of a model that comes as one, for engines that read it (llama.cpp, Ollama).

    Raises:
        KeyError: the catalog has no such entry.
        DamagedFile: the file is not the one that the catalog names.
        NotHere: it is not on this machine.
    """
    package = find(name).get("package", {"sha256": {}})
    if not (path := gguf_of(package)):
        raise NotHere(f"{name} does not come as a GGUF file.")
    if not packages.is_here(package):
        raise NotHere(f"{name} is not here yet: python -m utils prefetch")
    packages.check(package)
    return path


def gguf_of(package: dict) -> Path | None:
    """Where the GGUF file of a package lies, or will lie; None where it has none."""
    return next((packages.folder(package) / file for file in package["sha256"] if file.endswith(".gguf")), None)


def _from_hub(name: str, entry: dict, request: Request) -> tuple[object, str]:
    """From this machine's cache of the Hub, else from the Hub. Raises Unavailable."""
    if "hub" not in entry:
        if "package" in entry:
            raise Unavailable("its package is not here")
        if (ROOT / entry["folder"] / "recipe.toml").is_file():
            command = f"python -m utils train {name} --out {entry['folder']}"
            raise Unavailable(f"it has a recipe and is not trained yet ({command} makes it)")
        raise Unavailable(f"its folder {entry['folder']} is not in this copy of the course")
    if hub.setting() == "off":
        raise Unavailable("COURSE_HUB=off switches the Hub off")
    if (needs := entry.get("needs")) and importlib.util.find_spec(needs) is None:
        raise Unavailable(f"its tokenizer needs a package: python -m pip install {needs}")
    if folder := hub.cached(entry, request.tokenizer_only):
        try:
            return _read(entry, folder, f"this machine's cache of the Hub, {entry['hub']}", request)
        except Unavailable as damage:
            if not hub.reachable():
                raise Unavailable(f"{damage}, and the Hub cannot be reached") from None
    free = request.large or request.tokenizer_only or folder
    if not free and entry["megabytes"] > LARGE and detect_device() == "cpu":
        raise Unavailable(too_large(name, entry["megabytes"]))
    if not hub.reachable():
        raise Unavailable("the Hub cannot be reached")
    limit = None if free or detect_device() != "cpu" else LARGE  # the table's sizes are about; the Hub's are exact
    with progress(name) as show:
        try:
            folder = hub.fetch(entry, limit=limit, tokenizer_only=request.tokenizer_only, show=show)
        except hub.TooLarge as found:
            raise Unavailable(too_large(name, found.megabytes)) from None
    return _read(entry, folder, f"the Hub, {entry['hub']}", request)


def too_large(name: str, megabytes: float) -> str:
    """The reason for which something large is not downloaded, with the line that asks for it."""
    ask = f'catalog.load("{name}", large=True)'
    return f"it is a download of {megabytes:,.0f} MB and there is no GPU here: {ask} gets it"


@contextlib.contextmanager
def progress(name: str) -> Iterator[Callable[[int, int], None] | None]:
    """A progress bar for a download, as a function of the bytes that have come and will; None where nobody watches."""
    if is_headless() or os.environ.get("HF_HUB_DISABLE_PROGRESS_BARS") == "1":
        yield None
        return
    from tqdm.auto import tqdm

    bars = []  # made with the first byte: most failures come before it

    def show(done: int, total: int) -> None:
        if not bars:
            bars.append(tqdm(desc=name, total=total, unit="B", unit_scale=True))
        bars[0].update(done - bars[0].n)

    try:
        yield show
    finally:
        for bar in bars:
            bar.close()


# ----------------------------------------------------------------------------------------------------------------------
# Reading what lies in a folder
# ----------------------------------------------------------------------------------------------------------------------


def _read(entry: dict, folder: Path, source: str, request: Request) -> tuple[object, str]:
    """Loads from a folder, without any network.

    Raises:
        Unavailable: files from the Hub cannot be read.
        DamagedFile: files of the course or of a package cannot be read.
    """
    try:
        if "package" in entry and folder == packages.folder(entry["package"]):
            return _read_package(entry, source, request)
        if entry["kind"] == "set":
            loaded = sets.read_set(entry, folder)
            return loaded, _story(entry, loaded, source)
        return _read_model(entry, folder, source, request)
    except (Unavailable, DamagedFile):
        raise
    except Exception as error:  # many libraries, many kinds
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        if source.startswith("the package"):
            remedy = f"Remove the folder {shown(folder)} and get it again: python -m utils prefetch"
            raise DamagedFile(f"{shown(folder)} cannot be read: {first}. {remedy}") from error
        if "folder" in entry:
            remedy = f"Get it again: git checkout -- {entry['folder']}"
            raise DamagedFile(f"{entry['folder']} cannot be read: {first}. {remedy}") from error
        raise Unavailable(f"its files cannot be read ({first[:150]})") from error


def _read_package(entry: dict, source: str, request: Request) -> tuple[object, str]:
    """Loads from a package's files, after a look at their hashes."""
    package = entry["package"]
    packages.check(package)
    if entry["kind"] == "set":
        loaded = ratings.read(entry, packages.folder(package), request.part)
        return loaded, _story(entry, loaded, source)
    folder = quantized.converted(gguf_of(package)) if gguf_of(package) else packages.folder(package)
    options = {"use_safetensors": True} | request.options  # the file whose hash is checked
    return _read_model(entry, folder, source, dataclasses.replace(request, options=options))


def _read_model(entry: dict, folder: Path, source: str, request: Request) -> tuple[object, str]:
    import transformers
    from transformers.utils import logging

    if "adapter_of" in entry:
        return _read_adapter(entry, folder, source, request)
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder))
    if request.tokenizer_only:
        return tokenizer, f"a vocabulary of {len(tokenizer):,} from {source}"
    name = request.model_class or entry["class"]
    before = logging.get_verbosity()
    logging.disable_progress_bar()  # a bar of half a second only leaves a trace in the notebook
    logging.set_verbosity_error()  # its report of new weights: the story says it in a few words
    try:
        model, report = getattr(transformers, name).from_pretrained(str(folder), output_loading_info=True, **request.options)
    finally:
        logging.set_verbosity(before)
    parts = {key.removeprefix(f"{model.base_model_prefix}.").split(".")[0] for key in report["missing_keys"]}
    new = ", ".join(sorted(parts))
    if new and name in PRETRAINED_HEADS:
        raise Unavailable(f"{source} has no trained weights for {name} (missing: {new})")
    story = f"{_parameters(model)} parameters from {source}" + (f", new and untrained: {new}" if new else "")
    return Pretrained(model.eval(), tokenizer), story


def _read_adapter(entry: dict, folder: Path, source: str, request: Request) -> tuple[object, str]:
    """A model in whose weights those of the folder, in PEFT's format, are merged; the tokenizer is the model's."""
    import peft
    import transformers

    if request.tokenizer_only:
        return _obtain(entry["adapter_of"], request)
    config = transformers.AutoConfig.from_pretrained(str(folder))
    names = {"num_labels": config.num_labels, "id2label": config.id2label, "label2id": config.label2id}
    options = names | request.options
    base, _ = _obtain(entry["adapter_of"], dataclasses.replace(request, model_class=entry["class"], options=options))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # PEFT asks Transformers for a name that is on its way out
        model = peft.PeftModel.from_pretrained(base.model, str(folder)).merge_and_unload().eval()
    adapter = sum(file.stat().st_size for file in folder.glob("adapter*.safetensors")) / 1e6
    return Pretrained(model, base.tokenizer), f"{adapter:.1f} MB from {source}, merged into {entry['adapter_of']}"


def _made(entry: dict) -> tuple["datasets.DatasetDict", str]:  # noqa: F821
    if "generator" in entry:
        loaded = sets.generated_set(entry)
        return loaded, _story(entry, loaded, _origin(entry))
    loaded = documentation.documentation_set(entry["shares"])
    return loaded, f"{sum(loaded.num_rows.values()):,} texts from this Python's own documentation"


def _origin(entry: dict) -> str:
    """Where a set that comes with the course comes from."""
    return f"the course's generator utils.worlds.{entry['generator']}" if "generator" in entry else entry["folder"]


def _story(entry: dict, loaded: "datasets.DatasetDict", source: str) -> str:  # noqa: F821
    rows = ", ".join(f"{split} {count:,}" for split, count in loaded.num_rows.items())
    return f"{sum(loaded.num_rows.values()):,} rows ({rows}) from {source}"


def _parameters(model) -> str:
    return f"{sum(parameter.numel() for parameter in model.parameters()) / 1e6:.1f} M"


# ----------------------------------------------------------------------------------------------------------------------
# What is where
# ----------------------------------------------------------------------------------------------------------------------


def available(name: str, tokenizer_only: bool = False) -> bool:
    """Whether the thing itself, and not what stands in for it, is on this machine or to be had from the Hub."""
    entry = find(name)
    if made_here(entry) or on_this_machine(entry):
        return True
    return hub.setting() != "off" and (hub.cached(entry, tokenizer_only) is not None or hub.reachable())


def announce(lesson: int, reachable: bool) -> list[str]:
    """A line for each thing that the lesson will load: what, how large, from where."""
    return [
        f"{name} ({entry['megabytes']:,} MB, {entry['license']}) from {_source(entry, reachable)}"
        for name, entry in entries().items()
        if lesson in entry["lessons"]
    ]


def _source(entry: dict, reachable: bool) -> str:
    if made_here(entry):
        return _origin(entry) if "generator" in entry else "this Python's own files"
    place = on_this_machine(entry)
    if place and not _is_smaller_copy(entry):
        return place[1].removesuffix(", hash checked")
    if "hub" in entry and hub.setting() != "off" and hub.cached(entry):
        return f"this machine's cache of the Hub, {entry['hub']}"
    if reachable and "hub" in entry and (entry["megabytes"] <= LARGE or detect_device() != "cpu"):
        return f"the Hub, {entry['hub']}"
    if place:
        return place[1].removesuffix(", hash checked")
    if stand_in := entry.get("stand_in"):
        return f"{stand_in}, which stands in for it"
    if "hub" in entry and reachable:
        return f"the Hub, {entry['hub']}, where it is asked for"
    return "nowhere yet: python -m utils prefetch" if "package" in entry else "the Hub alone: it is left out"
