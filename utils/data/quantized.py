"""A model that comes as a quantized GGUF file, turned once into 16-bit safetensors, which load in a second or two.

Transformers reads the file (with the package `gguf`) and multiplies its blocks out to float32, which takes a while each
time, and will not save the result. So the weights go into a model of the same configuration, and that is saved.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import tempfile
from pathlib import Path

from utils.data.packages import UNFINISHED, sha256
from utils.io import ROOT, say, shown, write_json

CACHE = ROOT / ".cache" / "converted"
WEIGHTS = "model.safetensors"
NOTE = "converted.json"  # written last: the hashes of the source and of the weights


def converted(source: Path) -> Path:
    """The folder in Transformers' format with what the GGUF file holds, in float16; made where it is missing or damaged."""
    folder = CACHE / source.stem
    if not _is_whole(folder):
        say(f"Converting {source.name} to 16 bit, once: about 20 seconds and 0.3 GB in {shown(CACHE)}.")
        _convert(source, folder)
    return folder


def _is_whole(folder: Path) -> bool:
    try:
        note = json.loads((folder / NOTE).read_text(encoding="utf-8"))
        return sha256(folder / WEIGHTS) == note["weights"]
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _convert(source: Path, folder: Path) -> None:
    import torch
    import transformers

    CACHE.mkdir(parents=True, exist_ok=True)
    where = {"pretrained_model_name_or_path": str(source.parent), "gguf_file": source.name}
    with contextlib.redirect_stderr(io.StringIO()):  # a progress bar that cannot be switched off
        tokenizer = transformers.AutoTokenizer.from_pretrained(**where)
        read = transformers.AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32)
    settings = read.config.to_dict()
    settings.pop("quantization_config", None)
    model = type(read)(type(read.config)(**settings))
    model.load_state_dict(read.state_dict())
    model.generation_config = read.generation_config
    with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=CACHE, ignore_cleanup_errors=True) as work:
        new = Path(work) / "new"
        model.to(torch.float16).save_pretrained(new)
        tokenizer.save_pretrained(new)
        config = json.loads((new / "config.json").read_text(encoding="utf-8"))
        write_json(new / "config.json", config | {"dtype": "float32"})  # what it is loaded as
        write_json(new / NOTE, {"source": source.name, "weights": sha256(new / WEIGHTS)})
        if folder.exists():
            shutil.move(folder, Path(work) / "damaged")
        try:
            os.replace(new, folder)
        except OSError:
            if not _is_whole(folder):  # else another process has put its own there
                raise
