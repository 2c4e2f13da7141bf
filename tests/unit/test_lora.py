"""LoRA: against PEFT with the same weights, forward and backward, and its files read both ways."""

import copy
import dataclasses
import warnings

import peft
import pytest
import torch
import transformers
from torch import nn

from utils import lora, quantization
from utils.io import DamagedFile

SMALL = {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
IDS = torch.tensor([[1, 5, 9, 2], [3, 3, 7, 8]])
VARIANTS = [{}, {"rslora": True}, {"dora": True}]


def small(kind: str) -> nn.Module:
    torch.manual_seed(0)
    if kind == "bert":
        config = transformers.BertConfig(**SMALL, num_labels=2, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
        return transformers.BertForSequenceClassification(config).eval()
    if kind == "llama":
        return transformers.LlamaForCausalLM(transformers.LlamaConfig(**SMALL, num_key_value_heads=1)).eval()
    if kind == "gpt2":
        drop = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
        return transformers.GPT2LMHeadModel(
            transformers.GPT2Config(vocab_size=40, n_embd=16, n_layer=2, n_head=2, **drop)
        ).eval()
    config = transformers.T5Config(vocab_size=40, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, dropout_rate=0.0)
    return transformers.T5ForConditionalGeneration(config).eval()


def logits(model: nn.Module) -> torch.Tensor:
    more = {"decoder_input_ids": IDS} if "T5" in type(getattr(model, "base_model", model)).__name__ + str(model)[:60] else {}
    return model(input_ids=IDS, **more).logits


def adapted(kind: str, **options) -> tuple[nn.Module, lora.Config]:
    """A model with an adapter whose B is not zero, so that it says something."""
    model = small(kind)
    targets = tuple(name for name in lora.TARGETS[kind][1] if name in lora.linear_names(model))
    config = lora.Config(targets, rank=4, alpha=6, whole=("classifier",) if kind == "bert" else (), **options)
    torch.manual_seed(1)
    lora.add(model, config)
    stir(model)
    return model, config


def stir(model: nn.Module, name: str = "default") -> None:
    with torch.no_grad():
        for part in lora.parts(model, lora.LoRALinear).values():
            adapter = part.adapters[name]
            adapter.B.copy_(0.3 * torch.randn(adapter.B.shape))
            if adapter.magnitude is not None:
                adapter.magnitude.mul_(1 + 0.2 * torch.rand(adapter.magnitude.shape))


def by_peft(kind: str, folder) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return peft.PeftModel.from_pretrained(small(kind), str(folder), is_trainable=True).eval()


@pytest.mark.parametrize("kind", ["bert", "llama", "gpt2", "t5"])
@pytest.mark.parametrize("options", VARIANTS, ids=["lora", "rslora", "dora"])
def test_peft_reads_ours_and_gives_the_same_outputs_and_gradients(kind, options, tmp_path):
    ours, _ = adapted(kind, **options)
    lora.save(ours, tmp_path)
    theirs = by_peft(kind, tmp_path)
    torch.testing.assert_close(logits(ours), logits(theirs))
    for model in (ours, theirs):
        logits(model).square().sum().backward()
    found = {name: value.grad for name, value in theirs.named_parameters() if value.requires_grad}
    for place, part in lora.parts(ours, lora.LoRALinear).items():
        adapter, at = part.adapters["default"], f"base_model.model.{place}."
        close = {"atol": 1e-4, "rtol": 1e-4}
        torch.testing.assert_close(adapter.A.grad, found[f"{at}lora_A.default.weight"], **close)
        torch.testing.assert_close(adapter.B.grad, found[f"{at}lora_B.default.weight"], **close)
        if adapter.magnitude is not None:
            torch.testing.assert_close(adapter.magnitude.grad, found[f"{at}lora_magnitude_vector.default.weight"], **close)


@pytest.mark.parametrize("options", VARIANTS, ids=["lora", "rslora", "dora"])
def test_we_read_what_peft_saved(options, tmp_path):
    names = {"rslora": "use_rslora", "dora": "use_dora"}
    config = peft.LoraConfig(
        task_type="SEQ_CLS",
        r=4,
        lora_alpha=6,
        target_modules=["query", "dense"],
        init_lora_weights=False,
        **{names[key]: value for key, value in options.items()},
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = peft.get_peft_model(small("bert"), config).eval()
        theirs.save_pretrained(tmp_path)
    ours = small("bert")
    lora.load(ours, tmp_path)
    torch.testing.assert_close(logits(ours), logits(theirs))
    assert lora.config_of(ours).whole == ("classifier",)


def test_dropout_with_dora_is_pefts(tmp_path):
    ours, _ = adapted("llama", dora=True, dropout=0.3)
    lora.save(ours, tmp_path)
    theirs, found = by_peft("llama", tmp_path), []
    for model in (ours, theirs):
        model.train()
        torch.manual_seed(3)
        found.append(logits(model))
    torch.testing.assert_close(*found)


def test_a_new_adapter_changes_nothing_and_only_it_learns():
    model = small("bert")
    before = logits(model)
    names = lora.add(model, lora.Config(("query", "value"), rank=2))
    assert len(names) == 4 and torch.equal(logits(model), before)
    assert lora.trained(model)[0] == 4 * 2 * (16 + 16)
    assert all("adapters" in name for name, p in model.named_parameters() if p.requires_grad)


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
@pytest.mark.parametrize("options", VARIANTS, ids=["lora", "rslora", "dora"])
def test_merged_equals_unmerged_and_comes_back(kind, options):
    model, _ = adapted(kind, **options)
    before, weights = logits(model), {name: p.clone() for name, p in model.named_parameters()}
    lora.merge(model)
    torch.testing.assert_close(logits(model), before)
    with pytest.raises(ValueError, match="merged already"):
        lora.merge(model)
    for forbidden in (lambda: lora.use(model, None), lambda: lora.add(model, lora.Config(("dense",)), "other")):
        with pytest.raises(ValueError, match="unmerge it"):
            forbidden()
    lora.unmerge(model)
    torch.testing.assert_close(logits(model), before)
    for name, p in model.named_parameters():
        torch.testing.assert_close(p, weights[name], atol=1e-6, rtol=1e-5)
    with pytest.raises(ValueError, match="Nothing is merged"):
        lora.unmerge(model)
    plain = lora.unwrap(model)
    assert not lora.parts(plain)
    torch.testing.assert_close(logits(plain), before)


def test_several_adapters_are_switched_with_their_heads():
    model, config = adapted("bert")
    none = logits(small("bert"))
    first = logits(model)
    lora.add(model, dataclasses.replace(config, targets=("key",), rank=2), "second")
    with torch.no_grad():
        model.classifier.adapters["second"].bias += 1
    torch.testing.assert_close(logits(model), none + 1)
    lora.use(model, "default")
    assert torch.equal(logits(model), first)
    assert not any(p.requires_grad for p in model.classifier.adapters["second"].parameters())
    lora.use(model, None)
    assert torch.equal(logits(model), none) and lora.trained(model)[0] == 0
    with pytest.raises(ValueError, match="There are: default, second"):
        lora.use(model, "third")
    with pytest.raises(ValueError, match="another name"):
        lora.add(model, config, "second")


def test_names_that_match_nothing_are_refused_with_those_that_there_are():
    with pytest.raises(ValueError, match="q_proj.*query"):
        lora.add(small("bert"), lora.Config(("query", "q_proj")))
    with pytest.raises(ValueError, match="no linear layer"):
        lora.add(small("bert"), lora.Config(("LayerNorm",)))
    with pytest.raises(ValueError, match="tuple"):
        lora.Config("query")
    assert lora.linear_names(small("llama"))["q_proj"] == 2


def test_files_of_another_model_are_refused(tmp_path):
    model, _ = adapted("bert")
    lora.save(model, tmp_path)
    other = small("bert")
    other.classifier = nn.Linear(16, 3)
    with pytest.raises(DamagedFile, match="another model"):
        lora.load(other, tmp_path)
    (tmp_path / lora.WEIGHTS).write_bytes(b"no tensors")
    with pytest.raises(DamagedFile, match="cannot be read"):
        lora.load(small("bert"), tmp_path)


def test_the_scale():
    assert lora.Config(("q",), rank=4, alpha=6).scale == 1.5
    assert lora.Config(("q",), rank=4, alpha=6, rslora=True).scale == 3


@pytest.mark.parametrize("options", VARIANTS, ids=["lora", "rslora", "dora"])
def test_a_base_in_four_bits_is_the_same_base_multiplied_out(options):
    base = small("llama")
    packed = quantization.to_nf4(copy.deepcopy(base), block=16)
    for place, module in list(base.named_modules()):
        if isinstance(module, nn.Linear) and place != "lm_head":
            module.weight.data = packed.get_submodule(place).weight
    gradients = []
    for model in (base, packed):
        torch.manual_seed(2)
        lora.add(model, lora.Config(lora.TARGETS["llama"][1], **options))
        stir(model)
        logits(model).square().sum().backward()
        gradients.append([p.grad for p in model.parameters() if p.requires_grad])
    torch.testing.assert_close(logits(base), logits(packed))
    torch.testing.assert_close(gradients[0], gradients[1])
    with pytest.raises(ValueError, match="quantized weight"):
        lora.merge(packed)
