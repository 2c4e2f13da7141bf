"""The parts make BERT, GPT-2, T5 and Llama: each part, then each whole model, equals Transformers' with the same weights."""

import math

import pytest
import torch
import transformers
from torch import nn
from transformers.models.bert.modeling_bert import BertEmbeddings
from transformers.models.gpt2.modeling_gpt2 import GPT2MLP
from transformers.models.llama.modeling_llama import LlamaMLP, LlamaRMSNorm
from transformers.models.t5.modeling_t5 import T5DenseActDense, T5DenseGatedActDense, T5LayerNorm

from utils.attention import KeyValueCache, MultiHeadAttention, causal_mask, padding_mask
from utils.layers import Embedding, FeedForward, LayerNorm, OutputHead, RMSNorm, initialize, norm_of
from utils.models.transformer import Config, DecoderOnly, Stack
from utils.positions import LearnedPositions, RelativeBias, RotaryPositions

B, T, V, C, H, HIDDEN, N = 2, 7, 40, 24, 4, 48, 2
BERT = transformers.BertConfig(
    vocab_size=V,
    hidden_size=C,
    num_hidden_layers=N,
    num_attention_heads=H,
    intermediate_size=HIDDEN,
    max_position_embeddings=16,
)
GPT2 = transformers.GPT2Config(vocab_size=V, n_embd=C, n_layer=N, n_head=H, n_positions=16, bos_token_id=1, eos_token_id=1)
T5 = transformers.T5Config(
    vocab_size=V, d_model=C, d_kv=8, d_ff=HIDDEN, num_layers=N, num_heads=H, feed_forward_proj="gated-gelu", dropout_rate=0.0
)
LLAMA = transformers.LlamaConfig(
    vocab_size=V, hidden_size=C, intermediate_size=HIDDEN, num_hidden_layers=N, num_attention_heads=H, num_key_value_heads=2
)
OF_LLAMA = {"width": C, "heads": H, "hidden": HIDDEN, "layers": N, "dropout": 0.0, "activation": "swiglu", "norm": "rms"}
OF_LLAMA |= {"epsilon": 1e-6, "bias": False, "key_value_heads": 2, "rotate": RotaryPositions(C // H)}
OF_LLAMA |= {"scaled_embedding": False, "tied_head": False, "head_bias": False, "initialization": "normal"}
OF_GPT2 = {"width": C, "heads": H, "hidden": 4 * C, "layers": N, "dropout": 0.0, "activation": "gelu_tanh"}
OF_GPT2 |= {"scaled_embedding": False, "head_bias": False, "initialization": "gpt2"}
OF_T5 = {"width": C, "heads": H, "hidden": HIDDEN, "layers": N, "dropout": 0.0, "activation": "geglu", "norm": "rms"}
OF_T5 |= {"epsilon": 1e-6, "bias": False, "head_size": 8, "scale": 1.0}


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def shaken(module: nn.Module) -> nn.Module:
    """Every parameter moved, also those that start at 0 or 1 and would hide a fault; in evaluation mode."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return module.eval()


@torch.no_grad()
def copy_linear(pairs, transposed=False):
    """Weights and biases, ours and theirs; GPT-2 keeps its matrices the other way round."""
    for mine, theirs in pairs:
        mine.weight.copy_(theirs.weight.T if transposed else theirs.weight)
        assert (getattr(mine, "bias", None) is None) == (getattr(theirs, "bias", None) is None)
        if getattr(mine, "bias", None) is not None:
            mine.bias.copy_(theirs.bias)


def projections(attention: MultiHeadAttention) -> list[nn.Linear]:
    names = ("query", "key", "value", "output")
    return [getattr(attention, f"{name}_projection") for name in names]


# The parts


def test_norms():
    x = torch.randn(B, T, C) * 3
    for theirs in (nn.RMSNorm(C, eps=1e-3), LlamaRMSNorm(C, eps=1e-3), T5LayerNorm(C, eps=1e-3)):
        shaken(theirs)
        ours = RMSNorm(C, epsilon=1e-3)
        ours.load_state_dict(theirs.state_dict())
        torch.testing.assert_close(ours(x), theirs(x))
    assert isinstance(norm_of("rms", C, 1e-3), RMSNorm) and norm_of("layer", C, 1e-3).epsilon == 1e-3
    with pytest.raises(ValueError, match="no norm 'batch' here. Choose one of layer, rms"):
        norm_of("batch", C, 1e-5)


def test_feed_forward_of_each_model():
    x = torch.randn(B, T, C)
    relu = transformers.T5Config(d_model=C, d_ff=HIDDEN, feed_forward_proj="relu", dropout_rate=0.0)
    cases = [
        ("swiglu", False, LlamaMLP(LLAMA), ("gate_proj", "up_proj", "down_proj")),
        ("geglu", False, T5DenseGatedActDense(T5), ("wi_0", "wi_1", "wo")),
        ("relu", False, T5DenseActDense(relu), ("wi", None, "wo")),
        ("gelu_tanh", True, GPT2MLP(HIDDEN, GPT2), ("c_fc", None, "c_proj")),
    ]
    for activation, bias, theirs, names in cases:
        ours = FeedForward(C, HIDDEN, activation=activation, bias=bias)
        parts = zip((ours.inner, ours.gated, ours.outer), names)
        shaken(theirs)
        copy_linear([(mine, getattr(theirs, name)) for mine, name in parts if name], transposed=activation == "gelu_tanh")
        torch.testing.assert_close(ours(x), theirs(x))


def test_bert_embeddings():
    theirs = shaken(BertEmbeddings(BERT))
    ours = Embedding(V, C, LearnedPositions(16, C), scaled=False, segments=2, norm=LayerNorm(C, 1e-12))
    copy_bert_embedding(ours, theirs)
    ids, segments = torch.randint(V, (B, T)), torch.randint(2, (B, T))
    torch.testing.assert_close(ours(ids, segments=segments), theirs(ids, token_type_ids=segments))
    torch.testing.assert_close(ours(ids), theirs(ids))


@torch.no_grad()
def copy_bert_embedding(ours, theirs):
    ours.weight.copy_(theirs.word_embeddings.weight)
    ours.positions.weight.copy_(theirs.position_embeddings.weight)
    ours.segment_weight.copy_(theirs.token_type_embeddings.weight)
    copy_linear([(ours.norm, theirs.LayerNorm)])


def test_grouped_heads_share_keys_and_values_in_the_cache_too():
    attention = MultiHeadAttention(C, H, key_value_heads=2)
    full = MultiHeadAttention(C, H)
    full.load_state_dict(attention.state_dict() | full_keys_and_values(attention))
    x, cache = torch.randn(B, T, C), KeyValueCache(T)
    for options in ({}, {"causal": True}, {"need_weights": True}):
        torch.testing.assert_close(attention(x, **options), full(x, **options))
    with torch.no_grad():
        parts = [attention(part, causal=True, cache=cache) for part in x.split(3, dim=1)]
    torch.testing.assert_close(torch.cat(parts, 1), attention(x, causal=True))
    assert cache.keys.shape == (B, 2, T, C // H)
    for wrong in (3, 0):
        with pytest.raises(ValueError, match=f"4 heads cannot share {wrong} heads of keys and values"):
            MultiHeadAttention(C, H, key_value_heads=wrong)
    with pytest.raises(ValueError, match="2 heads of them and a head size of 6. Leave both"):
        attention.load_from_torch(nn.MultiheadAttention(C, H))


def full_keys_and_values(attention) -> dict:
    """The weights of keys and values, written out for each of the heads that share them."""
    return {
        name: value.unflatten(0, (2, C // H)).repeat_interleave(2, 0).flatten(0, 1)
        for name, value in attention.state_dict().items()
        if name.startswith(("key", "value"))
    }


def test_head_size_and_scale():
    attention, x = MultiHeadAttention(C, H, head_size=10, scale=0.3), torch.randn(B, T, C)
    fast, (slow, weights) = attention(x), attention(x, need_weights=True)
    torch.testing.assert_close(fast, slow)
    query, key = (p(x).view(B, T, H, 10).transpose(1, 2) for p in projections(attention)[:2])
    torch.testing.assert_close(weights, (0.3 * query @ key.transpose(-2, -1)).softmax(-1))


def test_a_head_of_its_own():
    embedding = Embedding(V, C)
    head = OutputHead(embedding, bias=False, tied=False)
    assert head.weight is not embedding.weight and head.bias is None and head(torch.randn(1, 2, C)).shape == (1, 2, V)


# The whole models


def test_llama():
    theirs = shaken(transformers.LlamaForCausalLM(LLAMA))
    ours = DecoderOnly(V, Config(**OF_LLAMA), positions=None)
    pairs = [(ours.embedding, theirs.model.embed_tokens), (ours.head, theirs.lm_head)]
    pairs += [(ours.decoder.final_norm, theirs.model.norm)]
    for block, layer in zip(ours.decoder.blocks, theirs.model.layers, strict=True):
        names = ("q_proj", "k_proj", "v_proj", "o_proj")
        pairs += zip(projections(block.self_attention), [getattr(layer.self_attn, name) for name in names])
        mlp, parts = layer.mlp, block.feed_forward
        pairs += [(parts.inner, mlp.gate_proj), (parts.gated, mlp.up_proj), (parts.outer, mlp.down_proj)]
        pairs += [(block.self_residual.norm, layer.input_layernorm)]
        pairs += [(block.feed_forward_residual.norm, layer.post_attention_layernorm)]
    copy_linear(pairs)
    assert_same_scores_and_cache(ours, theirs)


def test_gpt2():
    theirs = shaken(transformers.GPT2LMHeadModel(GPT2))
    ours = DecoderOnly(V, Config(**OF_GPT2), LearnedPositions(16, C))
    pairs = [(ours.embedding, theirs.transformer.wte), (ours.embedding.positions, theirs.transformer.wpe)]
    matrices, pairs = [], pairs + [(ours.decoder.final_norm, theirs.transformer.ln_f)]
    for block, layer in zip(ours.decoder.blocks, theirs.transformer.h, strict=True):
        *three, output = projections(block.self_attention)
        with torch.no_grad():
            for mine, weight, bias in zip(three, layer.attn.c_attn.weight.chunk(3, 1), layer.attn.c_attn.bias.chunk(3)):
                mine.weight.copy_(weight.T)
                mine.bias.copy_(bias)
        matrices += [(output, layer.attn.c_proj)]
        matrices += [(block.feed_forward.inner, layer.mlp.c_fc), (block.feed_forward.outer, layer.mlp.c_proj)]
        pairs += [(block.self_residual.norm, layer.ln_1), (block.feed_forward_residual.norm, layer.ln_2)]
    copy_linear(pairs)
    copy_linear(matrices, transposed=True)
    assert ours.head.weight is ours.embedding.weight
    assert_same_scores_and_cache(ours, theirs)


@torch.no_grad()
def assert_same_scores_and_cache(ours, theirs):
    """The scores are the library's, and come out the same where the tokens arrive in parts."""
    ids = torch.randint(V, (B, T))
    scores = ours.eval()(ids)
    torch.testing.assert_close(scores, theirs(ids).logits, rtol=1e-5, atol=1e-5)
    caches = ours.decoder.caches_for(T)
    parts = [ours(part, caches) for part in ids.split([3, 1, 1, 2], dim=1)]
    torch.testing.assert_close(torch.cat(parts, 1), scores, rtol=1e-5, atol=1e-5)
    assert [own.length for own, _ in caches] == [T] * N


def test_bert():
    theirs = shaken(transformers.BertModel(BERT, add_pooling_layer=False))
    sizes = {"width": C, "heads": H, "hidden": HIDDEN, "layers": N, "dropout": 0.0, "activation": "gelu"}
    stack = Stack(Config(**sizes, norm_first=False, epsilon=1e-12))
    embedding = Embedding(V, C, LearnedPositions(16, C), scaled=False, segments=2, norm=LayerNorm(C, 1e-12))
    copy_bert_embedding(embedding, theirs.embeddings)
    pairs = []
    for block, layer in zip(stack.blocks, theirs.encoder.layer, strict=True):
        given = layer.attention.self
        pairs += zip(projections(block.self_attention), (given.query, given.key, given.value, layer.attention.output.dense))
        pairs += [(block.feed_forward.inner, layer.intermediate.dense), (block.feed_forward.outer, layer.output.dense)]
        pairs += [(block.self_residual.norm, layer.attention.output.LayerNorm)]
        pairs += [(block.feed_forward_residual.norm, layer.output.LayerNorm)]
    copy_linear(pairs)
    ids, segments = torch.randint(1, V, (B, T)), torch.randint(2, (B, T))
    ids[1, 4:] = 0
    found = stack(embedding(ids, segments=segments), mask=padding_mask(ids, 0))
    wanted = theirs(ids, attention_mask=(ids != 0).long(), token_type_ids=segments).last_hidden_state
    torch.testing.assert_close(found[ids != 0], wanted[ids != 0], rtol=1e-5, atol=1e-5)


def test_t5():
    theirs = shaken(transformers.T5ForConditionalGeneration(T5))
    embedding, encoder, decoder = Embedding(V, C, scaled=False), Stack(Config(**OF_T5)), Stack(Config(**OF_T5), cross=True)
    pairs = [(embedding, theirs.shared)]
    near, far = RelativeBias(H), RelativeBias(H, bidirectional=False)
    for stack, other, bias in ((encoder, theirs.encoder, near), (decoder, theirs.decoder, far)):
        pairs += [(stack.final_norm, other.final_layer_norm)]
        pairs += [(bias, other.block[0].layer[0].SelfAttention.relative_attention_bias)]
        for block, layer in zip(stack.blocks, (one.layer for one in other.block), strict=True):
            attentions = [(block.self_attention, layer[0].SelfAttention)]
            pairs += [(block.self_residual.norm, layer[0].layer_norm), (block.feed_forward_residual.norm, layer[-1].layer_norm)]
            if stack is decoder:
                attentions += [(block.cross_attention, layer[1].EncDecAttention)]
                pairs += [(block.cross_residual.norm, layer[1].layer_norm)]
            for mine, given in attentions:
                pairs += zip(projections(mine), (given.q, given.k, given.v, given.o))
            dense = layer[-1].DenseReluDense
            parts = block.feed_forward
            pairs += [(parts.inner, dense.wi_0), (parts.gated, dense.wi_1), (parts.outer, dense.wo)]
    copy_linear(pairs)
    source, target = torch.randint(1, V, (B, T)), torch.randint(1, V, (B, 5))
    source[1, 4:] = 0
    mask, head = padding_mask(source, 0), OutputHead(embedding, bias=False)
    tied = C**-0.5 if T5.tie_word_embeddings else 1.0
    with torch.no_grad():
        memory = encoder(embedding(source), mask=mask, bias=near(T, T))
        caches, parts = decoder.caches_for(5, T), []
        for past, part in zip((0, 2), target.split([2, 3], dim=1)):
            bias = far(part.shape[1], past + part.shape[1])
            x = embedding(part)
            parts.append(decoder(x, causal=True, context=memory, context_mask=mask, caches=caches, bias=bias))
        whole = decoder(embedding(target), mask=causal_mask(5), context=memory, context_mask=mask, bias=far(5, 5))
        wanted = theirs(source, attention_mask=(source != 0).long(), decoder_input_ids=target).logits
    torch.testing.assert_close(torch.cat(parts, 1), whole, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(head(whole * tied), wanted, rtol=1e-4, atol=1e-4)


# The first weights


def test_first_weights_are_as_large_as_the_librarys():
    """Standard deviations over matrices of 256 x 256 and more: known to one in a hundred."""
    width, close = 256, {"rel": 0.03}
    sizes = {"n_embd": width, "n_layer": 3, "n_head": 4, "vocab_size": 300}
    theirs = transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes, bos_token_id=1, eos_token_id=1)).transformer
    ours = DecoderOnly(
        300, Config(**OF_GPT2 | {"width": width, "hidden": 4 * width, "layers": 3}), LearnedPositions(400, width)
    )
    block, layer = ours.decoder.blocks[1], theirs.h[1]
    pairs = [(ours.embedding, theirs.wte), (ours.embedding.positions, theirs.wpe), (block.feed_forward.inner, layer.mlp.c_fc)]
    pairs += [(block.self_attention.query_projection, layer.attn.c_attn), (block.feed_forward.outer, layer.mlp.c_proj)]
    pairs += [(block.self_attention.output_projection, layer.attn.c_proj)]
    for mine, other in pairs:
        assert mine.weight.std().item() == pytest.approx(other.weight.std().item(), **close)
    assert not block.feed_forward.inner.bias.any()

    settings = {"d_model": width, "d_kv": 32, "num_heads": 4, "d_ff": 512, "num_layers": 1, "feed_forward_proj": "gated-gelu"}
    layer = transformers.T5ForConditionalGeneration(transformers.T5Config(vocab_size=300, **settings)).encoder.block[0].layer
    embedding, stack = Embedding(300, width), Stack(Config(**OF_T5 | {"width": width, "hidden": 512, "head_size": 32}))
    initialize(nn.ModuleList([embedding, stack]), "t5")
    given, dense, parts = layer[0].SelfAttention, layer[1].DenseReluDense, stack.blocks[0]
    pairs = list(zip(projections(parts.self_attention), (given.q, given.k, given.v, given.o)))
    pairs += [(parts.feed_forward.gated, dense.wi_1), (parts.feed_forward.outer, dense.wo)]
    for mine, other in pairs:
        assert mine.weight.std().item() == pytest.approx(other.weight.std().item(), **close)
    assert embedding.weight.std().item() == pytest.approx(1.0, **close)


def test_first_weights_by_their_formulas():
    ours = DecoderOnly(300, Config(**OF_LLAMA | {"width": 240, "hidden": 300}), None)
    for part in (
        ours.embedding,
        ours.head,
        ours.decoder.blocks[0].feed_forward.outer,
        ours.decoder.blocks[1].self_attention.key_projection,
    ):
        assert part.weight.std().item() == pytest.approx(0.02, rel=0.05)
    layer = nn.Linear(200, 300)
    initialize(nn.Sequential(layer))
    assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / 500), rel=0.05) and not layer.bias.any()
    assert layer.weight.abs().max().item() == pytest.approx(math.sqrt(6 / 500), rel=0.01)  # uniform: there is a largest
    assert Embedding(300, 240).weight.std().item() == pytest.approx(240**-0.5, rel=0.05)
    assert LearnedPositions(300, 240).weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert Embedding(300, 240, segments=100).segment_weight.std().item() == pytest.approx(0.02, rel=0.05)
    with pytest.raises(ValueError, match="no initialization 'kaiming' here. Choose one of xavier, normal, gpt2, t5"):
        initialize(layer, "kaiming")
