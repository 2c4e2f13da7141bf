"""LoRA: a frozen layer learns by two thin matrices beside it. y = x W^T + s (x A^T) B^T, with A (r, in) and B (out, r).

    Config         rank, alpha, dropout, which layers; rsLoRA and DoRA
    add            wraps a model's layers, chosen by name, and freezes all else
    use            switches between adapters, or all off
    merge, unmerge adds the active adapter's product to the weights, and takes it out again
    save, load     the adapter alone, in PEFT's files
    trained        the numbers that learn, and all of them

s is alpha / r, or alpha / sqrt(r) (rsLoRA). The base may be a linear layer, GPT-2's Conv1D, or any module that is called as
one and has a `weight` (out, in), such as a quantized layer. A *whole* module (a new head) is copied, learned and saved entire.
Sources: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021, arXiv 2106.09685; Kalajdzievski, "A Rank
Stabilization Scaling Factor for Fine-Tuning with LoRA", 2023, arXiv 2312.03732; Liu et al., "DoRA", 2024, arXiv 2402.09353.
"""

import collections
import copy
import dataclasses
import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from utils.io import DamagedFile, shown, write_json

TARGETS = {  # model_type -> (the layers that PEFT adapts where nothing is said, all linear layers but head and embeddings)
    "bert": (("query", "value"), ("query", "key", "value", "dense")),
    "llama": (("q_proj", "v_proj"), ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")),
    "gpt2": (("c_attn",), ("c_attn", "c_proj", "c_fc")),
    "t5": (("q", "v"), ("q", "k", "v", "o", "wi", "wi_0", "wi_1", "wo")),
}
PREFIX = "base_model.model."  # of every name in PEFT's file
WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"


@dataclasses.dataclass(frozen=True)
class Config:
    """What to adapt, and how. A target is the end of a module's name, in whole words between dots, as in PEFT."""

    targets: tuple[str, ...]
    rank: int = 8
    alpha: float = 16
    dropout: float = 0.0
    whole: tuple[str, ...] = ()  # modules that learn entire, such as a new head
    rslora: bool = False
    dora: bool = False

    def __post_init__(self):
        if self.rank < 1 or not 0 <= self.dropout < 1 or isinstance(self.targets, str):
            raise ValueError("A rank is 1 or more, a dropout from 0 to below 1, and targets are a tuple of names.")

    @property
    def scale(self) -> float:
        return self.alpha / (math.sqrt(self.rank) if self.rslora else self.rank)


class Adapter(nn.Module):
    """A (r, in), B (out, r), and for DoRA the length of each row of the weight (out)."""

    def __init__(self, weight: Tensor, config: Config):
        super().__init__()
        rows, columns = weight.shape
        kind = {"device": weight.device, "dtype": weight.dtype if weight.is_floating_point() else torch.float32}
        self.config, self.dropout = config, nn.Dropout(config.dropout)
        self.A, self.B = (nn.Parameter(torch.zeros(*shape, **kind)) for shape in ((config.rank, columns), (rows, config.rank)))
        nn.init.kaiming_uniform_(self.A, a=math.sqrt(5))  # what nn.Linear does; B stays zero, so nothing changes at first
        self.magnitude = nn.Parameter(weight.detach().norm(dim=1)) if config.dora else None

    def product(self) -> Tensor:
        """s B A: what is added to the weight (out, in)."""
        return self.config.scale * (self.B @ self.A)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(F.linear(x, self.A), self.B) * self.config.scale  # (..., in) -> (..., r) -> (..., out)

    def row_factor(self, weight: Tensor) -> Tensor:
        """DoRA: magnitude / length of the rows of W + s B A (out,). The length counts as a constant (section 4.3)."""
        return self.magnitude / (weight + self.product()).norm(dim=1).detach()


class LoRALinear(nn.Module):
    """A frozen layer with adapters beside it; one of them, or none, is active."""

    def __init__(self, base: nn.Module):
        super().__init__()
        self.base, self.adapters, self.active, self.merged = base, nn.ModuleDict(), None, None
        self.transposed = type(base).__name__ == "Conv1D"  # its weight is (in, out)

    @property
    def weight(self) -> Tensor:
        """The base's weight as (out, in)."""
        return self.base.weight.T if self.transposed else self.base.weight

    def forward(self, x: Tensor) -> Tensor:
        y = self.base(x)
        if self.active is None or self.merged is not None:
            return y
        adapter = self.adapters[self.active]
        dropped = adapter.dropout(x)
        if adapter.magnitude is None:
            return y + adapter(dropped)
        bias = 0 if self.base.bias is None else self.base.bias
        # With dropout the base's part is taken of the same dropped x, as PEFT does.
        plain = F.linear(dropped, self.weight) if adapter.dropout.p and self.training else y - bias
        factor = adapter.row_factor(self.weight)
        return y + (factor - 1) * plain + factor * adapter(dropped)

    @torch.no_grad()
    def change(self) -> Tensor:
        """What merging adds to the weight (out, in)."""
        adapter, weight = self.adapters[self.active], self.weight
        if adapter.magnitude is None:
            return adapter.product()
        return adapter.row_factor(weight)[:, None] * (weight + adapter.product()) - weight


class Whole(nn.Module):
    """A module that learns entire: a copy for each adapter, and the original where none is active."""

    def __init__(self, base: nn.Module):
        super().__init__()
        self.base, self.adapters, self.active = base, nn.ModuleDict(), None

    def forward(self, *inputs, **options):
        return (self.base if self.active is None else self.adapters[self.active])(*inputs, **options)


def parts(model: nn.Module, kind: type | tuple = (LoRALinear, Whole)) -> dict[str, nn.Module]:
    """name -> wrapped module."""
    return {name: module for name, module in model.named_modules() if isinstance(module, kind)}


def linear_names(model: nn.Module) -> dict[str, int]:
    """Last word of a linear layer's name -> how many are called so: what targets can be."""
    kinds = lambda module: hasattr(module, "in_features") or type(module).__name__ == "Conv1D"  # noqa: E731
    return dict(collections.Counter(name.split(".")[-1] for name, module in model.named_modules() if kinds(module)))


def add(model: nn.Module, config: Config, name: str = "default") -> list[str]:
    """Puts a new adapter beside every target, makes it the active one, and freezes all else. -> the names of the targets

    Raises ValueError where a target or a whole module matches nothing (the message lists what there is), where a target is
    no linear layer, where the name is taken, and while an adapter is merged.
    """
    wrapped = parts(model)
    if any(name in part.adapters for part in wrapped.values()):
        raise ValueError(f"There is an adapter {name!r} already. Give the new one another name.")
    if is_merged(model):
        raise ValueError("An adapter is merged into the weights: unmerge it first, or the new one learns on top of it.")
    inside = tuple(f"{place}." for place in wrapped)
    modules = {place: module for place, module in model.named_modules() if place and not place.startswith(inside)}
    chosen, entire = _matching(modules, config.targets, model), _matching(modules, config.whole, model)
    if odd := [place for place in chosen if not _is_linear(modules[place])]:
        raise ValueError(f"{odd[0]} is a {type(modules[odd[0]]).__name__}, no linear layer. There are: {linear_names(model)}.")
    model.requires_grad_(False)
    for places, kind in ((chosen, LoRALinear), (entire, Whole)):
        for place in places:
            part = modules[place] if isinstance(modules[place], kind) else kind(modules[place])
            new = Adapter(part.weight, config) if kind is LoRALinear else copy.deepcopy(part.base)
            part.adapters[name] = new.train(model.training)
            part.train(model.training)
            _put(model, place, part)
    use(model, name)
    return chosen


def _matching(modules: dict, targets: tuple[str, ...], model: nn.Module) -> list[str]:
    found = {target: [place for place in modules if f".{place}".endswith(f".{target}")] for target in targets}
    if missing := [target for target, places in found.items() if not places]:
        raise ValueError(f"No module is called {', '.join(missing)}. The linear layers are called: {linear_names(model)}.")
    wanted = {place for places in found.values() for place in places}
    return [place for place in modules if place in wanted]


def _is_linear(module: nn.Module) -> bool:
    return isinstance(module, (nn.Linear, LoRALinear)) or type(module).__name__ == "Conv1D" or hasattr(module, "in_features")


def _put(model: nn.Module, place: str, part: nn.Module) -> None:
    parent, _, last = place.rpartition(".")
    setattr(model.get_submodule(parent), last, part)


def use(model: nn.Module, name: str | None) -> None:
    """Makes one adapter the active one, which alone learns; None for the model as it was. Nothing is loaded or copied.

    Raises ValueError where there is no such adapter, and while one is merged.
    """
    wrapped = parts(model)
    known = sorted({one for part in wrapped.values() for one in part.adapters})
    if name is not None and name not in known:
        raise ValueError(f"There is no adapter {name!r}. There are: {', '.join(known) or 'none'}.")
    if is_merged(model):
        raise ValueError("An adapter is merged into the weights: unmerge it before you switch.")
    for part in wrapped.values():
        part.active = name if name in part.adapters else None
        for one, adapter in part.adapters.items():
            adapter.requires_grad_(one == name)


def is_merged(model: nn.Module) -> bool:
    return any(part.merged is not None for part in parts(model, LoRALinear).values())


@torch.no_grad()
def merge(model: nn.Module) -> None:
    """W becomes W + s B A (DoRA: its rows rescaled), so that the active adapter costs nothing any more.

    Raises ValueError where it is merged already, where no adapter is active, and where the weight is quantized.
    """
    if is_merged(model):
        raise ValueError("The adapter is merged already: a second time would add it twice.")
    layers = [part for part in parts(model, LoRALinear).values() if part.active is not None]
    if not layers:
        raise ValueError("No adapter is active, so there is nothing to merge.")
    if not all(isinstance(part.base.weight, nn.Parameter) for part in layers):
        raise ValueError("A quantized weight cannot take up the product: load the base in 16 or 32 bits and merge there.")
    for part in layers:
        change = part.change()
        part.merged = change  # kept, so that unmerging takes out the same numbers
        part.base.weight += change.T if part.transposed else change


@torch.no_grad()
def unmerge(model: nn.Module) -> None:
    """Takes the product out of the weights again, but for rounding. Raises ValueError where nothing is merged."""
    if not is_merged(model):
        raise ValueError("Nothing is merged, so there is nothing to take out.")
    for part in parts(model, LoRALinear).values():
        if part.merged is not None:
            part.base.weight -= part.merged.T if part.transposed else part.merged
            part.merged = None


def unwrap(model: nn.Module) -> nn.Module:
    """The model in its own classes, with the adapter merged and the head in place. Changes the model that it is given."""
    if not is_merged(model):
        merge(model)
    for place, part in parts(model).items():
        _put(model, place, part.base if isinstance(part, LoRALinear) or part.active is None else part.adapters[part.active])
    return model


def trained(model: nn.Module) -> tuple[int, int]:
    """How many numbers learn, and how many there are in all."""
    learn = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return learn, sum(p.numel() for p in model.parameters())


# ----------------------------------------------------------------------------------------------------------------------
# The adapter alone, in PEFT's files
# ----------------------------------------------------------------------------------------------------------------------


def state(model: nn.Module, name: str = "default") -> dict[str, Tensor]:
    """The adapter's tensors under the names that PEFT gives them."""
    found = {}
    for place, part in parts(model).items():
        if name not in part.adapters:
            continue
        adapter = part.adapters[name]
        if isinstance(part, Whole):
            found |= {f"{PREFIX}{place}.{key}": value for key, value in adapter.state_dict().items()}
            continue
        found |= {f"{PREFIX}{place}.lora_A.weight": adapter.A, f"{PREFIX}{place}.lora_B.weight": adapter.B}
        if adapter.magnitude is not None:
            found[f"{PREFIX}{place}.lora_magnitude_vector"] = adapter.magnitude
    return {key: value.detach().cpu().contiguous() for key, value in found.items()}


def config_of(model: nn.Module, name: str = "default") -> Config:
    """Raises ValueError where there is no such adapter."""
    for part in parts(model, LoRALinear).values():
        if name in part.adapters:
            return part.adapters[name].config
    raise ValueError(f"There is no adapter {name!r}.")


def save(model: nn.Module, folder: Path, name: str = "default", base: str = "", task: str | None = None) -> Path:
    """adapter_model.safetensors and adapter_config.json, as PEFT reads them. base: the model's name on the Hub.

    task: PEFT's word for it, such as "SEQ_CLS" or "CAUSAL_LM". -> the file of the weights
    """
    from safetensors.torch import save_file

    folder, config = Path(folder), config_of(model, name)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(state(model, name), folder / WEIGHTS, metadata={"format": "pt"})
    flipped = any(part.transposed for part in parts(model, LoRALinear).values())
    said = {"peft_type": "LORA", "task_type": task, "base_model_name_or_path": base, "bias": "none", "fan_in_fan_out": flipped}
    said |= {"r": config.rank, "lora_alpha": config.alpha, "lora_dropout": config.dropout, "use_rslora": config.rslora}
    said |= {"use_dora": config.dora, "target_modules": list(config.targets), "modules_to_save": list(config.whole) or None}
    write_json(folder / CONFIG, said | {"inference_mode": True})
    return folder / WEIGHTS


def load(model: nn.Module, folder: Path, name: str = "default") -> Config:
    """Adds the adapter that lies in a folder, whoever saved it, and makes it the active one.

    A whole module that the model lacks (PEFT lists both usual names of a head) is left out.
    Raises DamagedFile where the files cannot be read or the weights are of another model.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    folder = Path(folder)
    try:
        said = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        given = load_file(folder / WEIGHTS)
        places = [place for place, _ in model.named_modules()]
        whole = tuple(one for one in said.get("modules_to_save") or () if any(f".{p}".endswith(f".{one}") for p in places))
        config = Config(
            tuple(said["target_modules"]),
            said["r"],
            said["lora_alpha"],
            said["lora_dropout"],
            whole,
            said.get("use_rslora", False),
            said.get("use_dora", False),
        )
    except (OSError, ValueError, LookupError, TypeError, SafetensorError) as error:
        raise DamagedFile(f"{shown(folder)} cannot be read as an adapter ({error}). Save it again.") from None
    add(model, config, name)
    wanted = state(model, name)
    if {key: value.shape for key, value in wanted.items()} != {key: value.shape for key, value in given.items()}:
        raise DamagedFile(f"{shown(folder)} holds the adapter of another model: names or shapes differ.")
    with torch.no_grad():
        for place, part in parts(model).items():
            if name not in part.adapters:
                continue
            own = part.adapters[name]
            if isinstance(part, Whole):
                own.load_state_dict({key: given[f"{PREFIX}{place}.{key}"] for key in own.state_dict()})
                continue
            own.A.copy_(given[f"{PREFIX}{place}.lora_A.weight"])
            own.B.copy_(given[f"{PREFIX}{place}.lora_B.weight"])
            if own.magnitude is not None:
                own.magnitude.copy_(given[f"{PREFIX}{place}.lora_magnitude_vector"])
    return config
