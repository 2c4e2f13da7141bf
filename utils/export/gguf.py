"""A Llama of Transformers as a GGUF file, the format of llama.cpp and Ollama: weights, tokenizer and settings in one file.

    write             model and tokenizer -> a file of one of KINDS: F32, F16, Q8_0, Q4_0
    write_folder      the same from a folder in Transformers' format
    tensors           the weights by GGUF's names: queries and keys permuted, tied embeddings once, scaled rotation as factors
    pre_tokenizer     the name by which llama.cpp knows how this tokenizer cuts text before it merges

Blocks: Q8_0 keeps 32 weights as a float16 scale and 32 bytes, Q4_0 as a float16 scale and 32 half bytes. Source: the package
`gguf` and llama.cpp's convert_hf_to_gguf.py (https://github.com/ggml-org/llama.cpp).
"""

from __future__ import annotations

import contextlib
import io
import json
import re
from pathlib import Path

import gguf  # the package; this module is utils.export.gguf
import numpy
import torch

from utils.data.quantized import WEIGHTS
from utils.io import CommandError, whole_file
from utils.models.llama import config_of
from utils.positions import BASE, frequencies, rope_frequencies
from utils.tokenization import PATTERNS

BLOCK = 32  # weights that share a scale in Q8_0 and Q4_0
KINDS = {  # a file's kind -> the numbers of its matrices, and of the embeddings, which are the output, too
    "F32": (gguf.GGMLQuantizationType.F32, gguf.GGMLQuantizationType.F32),
    "F16": (gguf.GGMLQuantizationType.F16, gguf.GGMLQuantizationType.F16),
    "Q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.GGMLQuantizationType.Q8_0),
    "Q4_0": (gguf.GGMLQuantizationType.Q4_0, gguf.GGMLQuantizationType.Q8_0),  # as llama.cpp keeps them finer
}
FILE_TYPES = {
    "F32": gguf.LlamaFileType.ALL_F32,
    "F16": gguf.LlamaFileType.MOSTLY_F16,
    "Q8_0": gguf.LlamaFileType.MOSTLY_Q8_0,
    "Q4_0": gguf.LlamaFileType.MOSTLY_Q4_0,
}
NAMES = {  # of a layer: Transformers' -> GGUF's
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
OUTSIDE = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
LLAMA_3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CUTS = {PATTERNS["gpt2"]: "gpt-2", PATTERNS["gpt4"]: "llama-bpe", LLAMA_3: "llama-bpe"}  # expression -> llama.cpp's name


class CannotExport(CommandError, ValueError):
    """This model or tokenizer cannot become such a GGUF file; the message says why and what can be done."""


# ----------------------------------------------------------------------------------------------------------------------
# The file
# ----------------------------------------------------------------------------------------------------------------------


def write(path: Path, model, tokenizer, kind: str = "F16", name: str = "") -> Path:
    """Writes the model with its tokenizer as one GGUF file; returns its path. A file that is there is replaced at the end.

    model: a LlamaForCausalLM of Transformers. tokenizer: its fast tokenizer; byte-level BPE, with or without a chat template.
    kind: "F32", "F16", "Q8_0" or "Q4_0", the numbers of the matrices (norms stay in F32). name: what the file calls the model.

    Raises CannotExport for another architecture, tokenizer or kind, and where a row does not divide into blocks of 32.
    """
    if kind not in KINDS:
        raise CannotExport(f"There is no kind {kind!r}. The kinds are {', '.join(KINDS)}.")
    weights = tensors(model)
    types = {key: _type_of(key, array, kind) for key, array in weights.items()}
    with whole_file(path) as unfinished:
        writer = gguf.GGUFWriter(unfinished, "llama")
        _add_settings(writer, model.config, kind, name or Path(path).stem)
        _add_tokenizer(writer, tokenizer, model.config.vocab_size)
        for key, array in weights.items():
            writer.add_tensor(key, gguf.quantize(array, types[key]), raw_dtype=types[key])
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    return Path(path)


def write_folder(path: Path, folder: Path, kind: str = "F16", name: str = "") -> Path:
    """`write` for a folder in Transformers' format. Raises CannotExport where it holds no Llama."""
    import transformers

    folder = Path(folder)
    if not (folder / "config.json").is_file():
        raise CannotExport(f"{folder} has no config.json: it is no model in Transformers' format.")
    try:
        architecture = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    except (ValueError, AttributeError):
        raise CannotExport(f"{folder / 'config.json'} is damaged: it is not JSON.") from None
    if architecture != "llama":  # said before gigabytes are read
        raise CannotExport(_other(architecture))
    if not list(folder.glob("*.safetensors")):
        raise CannotExport(f"{folder} has no weights in safetensors ({WEIGHTS}).")
    with contextlib.redirect_stderr(io.StringIO()):  # a progress bar that cannot be switched off
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    return write(path, model, tokenizer, kind, name or folder.name)


def _type_of(key: str, array: numpy.ndarray, kind: str) -> gguf.GGMLQuantizationType:
    """The numbers in which a tensor is kept: vectors in F32, matrices as KINDS says."""
    if array.ndim == 1:
        return gguf.GGMLQuantizationType.F32
    of_matrices, of_embeddings = KINDS[kind]
    chosen = of_embeddings if key in ("token_embd.weight", "output.weight") else of_matrices
    if gguf.GGML_QUANT_SIZES[chosen][0] > 1 and array.shape[-1] % BLOCK:
        raise CannotExport(
            f"{key} has rows of {array.shape[-1]} weights, which do not divide into the blocks of {BLOCK} that {kind} is "
            "made of. Export it as F16."
        )
    return chosen


def _add_settings(writer: gguf.GGUFWriter, config, kind: str, name: str) -> None:
    writer.add_name(name)
    writer.add_file_type(FILE_TYPES[kind])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(float(config.rope_parameters.get("rope_theta") or BASE))
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)


# ----------------------------------------------------------------------------------------------------------------------
# The weights
# ----------------------------------------------------------------------------------------------------------------------


def tensors(model) -> dict[str, numpy.ndarray]:
    """The weights of a LlamaForCausalLM under GGUF's names, float32.

    Raises CannotExport for another architecture, for biases and for a rotation that GGUF's llama has not.
    """
    config = model.config
    if config.model_type != "llama":
        raise CannotExport(_other(config.model_type))
    try:
        config_of(config)
    except ValueError as error:
        raise CannotExport(str(error)) from None
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    found = {}
    for name, weight in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue  # without output.weight the engine takes the embeddings
        place, own = _own_name(name.removesuffix(".weight"))
        array = weight.detach().to(device="cpu", dtype=torch.float32).numpy()
        found[f"{place}{own}.weight"] = permuted(array, heads[own]) if own in heads else array
    if (factors := _rotation_factors(config)) is not None:
        found["rope_freqs.weight"] = factors
    return found


def permuted(weight: numpy.ndarray, heads: int) -> numpy.ndarray:
    """The rows of a query or key matrix in llama.cpp's order.

    Transformers turns feature i of a head together with feature i + D/2, llama.cpp features 2i and 2i + 1 (as Meta's own
    code did): so the two halves of each head's rows are interleaved.
    """
    rows, columns = weight.shape
    halves = weight.reshape(heads, 2, rows // heads // 2, columns)
    # (H * D, C) -> (H, 2, D / 2, C)
    return halves.swapaxes(1, 2).reshape(rows, columns)
    # -> (H, D / 2, 2, C) -> (H * D, C)


def _own_name(name: str) -> tuple[str, str]:
    """ "model.layers.3.mlp.up_proj" -> ("blk.3.", "ffn_up")"""
    if found := re.fullmatch(r"model\.layers\.(\d+)\.(.+)", name):
        return f"blk.{found[1]}.", NAMES[found[2]]
    return "", OUTSIDE[name]


def _rotation_factors(config) -> numpy.ndarray | None:
    """By how much each frequency of the rotation is divided (D / 2,): Llama 3's scaling. None for the plain rotation."""
    scaled, attention_factor = rope_frequencies(config.head_dim, config.rope_parameters, config.max_position_embeddings)
    plain = frequencies(config.head_dim, config.rope_parameters.get("rope_theta") or BASE)
    kind = config.rope_parameters.get("rope_type", "default")
    if kind == "dynamic" or attention_factor != 1.0:
        raise CannotExport(f"The rotation of this model is scaled by {kind!r}, which this exporter does not know: only llama3.")
    return None if torch.equal(scaled, plain) else (plain / scaled).float().numpy()


def _other(architecture: str | None) -> str:
    return (
        f"This is a model of the architecture {architecture!r}; this exporter knows 'llama' (Llama, SmolLM2, llama-mini). "
        "llama.cpp's own convert_hf_to_gguf.py knows a hundred others."
    )


# ----------------------------------------------------------------------------------------------------------------------
# The tokenizer
# ----------------------------------------------------------------------------------------------------------------------


def _add_tokenizer(writer: gguf.GGUFWriter, tokenizer, vocabulary_size: int) -> None:
    content = _content(tokenizer)
    names = {place: token for token, place in content["model"]["vocab"].items()}
    kinds = dict.fromkeys(names, gguf.TokenType.NORMAL)
    for token in content["added_tokens"]:
        names[token["id"]] = token["content"]
        # a control token is never shown; <think> has to be, so that a server can tell thinking from the answer
        kinds[token["id"]] = gguf.TokenType.CONTROL if token["special"] else gguf.TokenType.USER_DEFINED
    every = range(vocabulary_size)
    writer.add_tokenizer_model("gpt2")  # the name of byte-level BPE
    writer.add_tokenizer_pre(pre_tokenizer(tokenizer))
    writer.add_token_list([names.get(place, f"[unused{place}]") for place in every])
    writer.add_token_types([kinds.get(place, gguf.TokenType.UNUSED) for place in every])
    writer.add_token_merges(list(map(" ".join, _merges(content))))
    for add, place in [
        (writer.add_bos_token_id, tokenizer.bos_token_id),
        (writer.add_eos_token_id, tokenizer.eos_token_id),
        (writer.add_eot_token_id, end_of_turn(tokenizer)),
        (writer.add_pad_token_id, tokenizer.pad_token_id),
    ]:
        if place is not None:
            add(place)
    begins = tokenizer("a")["input_ids"][:1]
    writer.add_add_bos_token(tokenizer.bos_token_id is not None and begins == [tokenizer.bos_token_id])
    writer.add_add_space_prefix(False)
    if tokenizer.chat_template:
        writer.add_chat_template(tokenizer.chat_template)


def end_of_turn(tokenizer) -> int | None:
    """The last special token of a conversation by the chat template, which ends an answer; None without a template.

    An engine has to be told: the course's models end a turn with <|end|> and a document with <|endoftext|>.
    """
    if not tokenizer.chat_template:
        return None
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    ids = tokenizer(tokenizer.apply_chat_template(turns, tokenize=False), add_special_tokens=False)["input_ids"]
    special = {place for place, token in tokenizer.added_tokens_decoder.items() if token.special}
    return next((place for place in reversed(ids) if place in special), None)


def _content(tokenizer) -> dict:
    """What the tokenizer's own file says. Raises CannotExport unless it is byte-level BPE."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    content = json.loads(backend.to_str()) if backend is not None else {"model": {"type": type(tokenizer).__name__}}
    if content["model"]["type"] != "BPE" or "ByteLevel" not in json.dumps(content["pre_tokenizer"]):
        raise CannotExport(
            f"The tokenizer is {content['model']['type']}; this exporter writes byte-level BPE, as Llama 3 and SmolLM2 have it."
        )
    if content.get("normalizer"):
        raise CannotExport(
            "The tokenizer changes the text before it cuts it (a normalizer), which GGUF's BPE has no place for."
        )
    return content


def _merges(content: dict) -> list[tuple[str, str]]:
    return [tuple(pair.split(" ")) if isinstance(pair, str) else tuple(pair) for pair in content["model"]["merges"]]


def pre_tokenizer(tokenizer) -> str:
    """llama.cpp's name for the way this tokenizer cuts text before it merges; `tokenizer.ggml.pre` in the file.

    llama.cpp has the expressions in its own code, and the file only names one. A wrong name gives no error, only other
    tokens. Raises CannotExport for a way that is not known here.
    """
    content = _content(tokenizer)
    steps = content["pre_tokenizer"].get("pretokenizers", [content["pre_tokenizer"]])
    patterns = [step["pattern"].get("Regex") for step in steps if step["type"] == "Split"]
    digits = [step["individual_digits"] for step in steps if step["type"] == "Digits"]
    by_gpt2 = next(step["use_regex"] for step in steps if step["type"] == "ByteLevel")
    if by_gpt2 and not patterns and digits in ([], [True]):
        return "smollm" if digits else "gpt-2"
    if len(patterns) == 1 and not by_gpt2 and not digits:
        # GPT-2 keeps a number with the blank before it in one piece. Where no merge touches a digit, the tokens are the same.
        if patterns[0] == PATTERNS["digits"] and not any(re.search(r"\d", "".join(pair)) for pair in _merges(content)):
            return "gpt-2"
        if patterns[0] in CUTS:
            return CUTS[patterns[0]]
    raise CannotExport(
        "The way in which this tokenizer cuts text is not among those that are known here (GPT-2's, SmolLM2's, Llama 3's and "
        f"the course's own): {json.dumps(content['pre_tokenizer'])[:200]}. A wrong name in the file would give other tokens "
        "without a word."
    )
