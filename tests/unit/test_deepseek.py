"""utils.models.deepseek against Transformers' DeepSeek-V3: same weights, same logits, gradients, routes and caches."""

import dataclasses
import math

import pytest
import torch
import torch.nn.functional as F
import transformers

from utils.attention import KeyValueCache, MultiHeadAttention
from utils.models.deepseek import (
    DeepSeek,
    DeepSeekConfig,
    LatentAttention,
    MixtureOfExperts,
    balanced,
    multi_token_loss,
    route,
    violation,
)
from utils.positions import RotaryPositions

B, T, V, C, H, N = 3, 9, 40, 24, 4, 3
LATENT, TURNED = 12, 6
YARN = {
    "rope_type": "yarn",
    "rope_theta": 10_000.0,
    "factor": 4.0,
    "original_max_position_embeddings": 16,
    "beta_fast": 32.0,
    "beta_slow": 1.0,
    "mscale": 0.707,
    "mscale_all_dim": 1.0,
}


def models(**changed):
    """Transformers' DeepSeek-V3 with every weight and bias moved, in evaluation mode and 64 bits, and ours with its weights."""
    settings = {
        "vocab_size": V,
        "hidden_size": C,
        "intermediate_size": 40,
        "moe_intermediate_size": 10,
        "num_hidden_layers": N,
        "num_attention_heads": H,
        "num_key_value_heads": H,
        "n_shared_experts": 2,
        "n_routed_experts": 12,
        "n_group": 4,
        "topk_group": 2,
        "num_experts_per_tok": 3,
        "first_k_dense_replace": 1,
        "kv_lora_rank": LATENT,
        "q_lora_rank": 16,
        "qk_rope_head_dim": TURNED,
        "qk_nope_head_dim": 8,
        "v_head_dim": 10,
        "max_position_embeddings": 64,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0},
        "attn_implementation": "sdpa",
        "experts_implementation": "eager",  # the other one has no 64 bits
    }
    torch.manual_seed(0)
    theirs = transformers.DeepseekV3ForCausalLM(transformers.DeepseekV3Config(**settings | changed)).double().eval()
    moved(theirs)
    return theirs, DeepSeek.from_hf(theirs)


@torch.no_grad()
def moved(model):
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if name.endswith("e_score_correction_bias"):
            tensor.copy_(0.1 * torch.randn_like(tensor).float())  # ours is of 32 bits
        elif isinstance(tensor, torch.nn.Parameter):  # MtpModel leaves those of its experts as they lay in memory
            tensor.copy_(0.2 * torch.randn_like(tensor) + (1.0 if tensor.dim() == 1 else 0.0))


def batch(length: int = T):
    return torch.randint(V, (B, length), generator=torch.Generator().manual_seed(1))


def near(found, wanted):
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)  # angles, gates and their norms are of 32 bits


CHANGED = [
    {},
    {"q_lora_rank": None},
    {"rope_interleave": False},
    {"rope_parameters": YARN},
    {"norm_topk_prob": False, "routed_scaling_factor": 1.0},
    {"n_group": 1, "topk_group": 1},
    {"first_k_dense_replace": 0, "rms_norm_eps": 1e-3},
    {"tie_word_embeddings": True},
]


@pytest.mark.parametrize("absorb", [False, True])
@pytest.mark.parametrize("changed", CHANGED)
def test_logits_and_gradients_equal_transformers(changed, absorb):
    theirs, ours = models(**changed)
    ours.absorb(absorb)
    ids = batch(48)
    wanted, found = theirs(ids).logits, ours(ids)
    near(found, wanted)
    wanted.square().mean().backward()
    found.square().mean().backward()
    layer, block = theirs.model.layers[2], ours.decoder.blocks[2]
    pairs = [
        (ours.embedding, theirs.model.embed_tokens),
        (block.feed_forward.gate, layer.mlp.gate),
        (block.self_attention.latent_up, layer.self_attn.kv_b_proj),
    ]
    for mine, yours in pairs:
        torch.testing.assert_close(mine.weight.grad, yours.weight.grad, rtol=1e-4, atol=1e-6)
    used = [number for number, expert in enumerate(block.feed_forward.experts) if expert.outer.weight.grad is not None]
    assert len(used) > 3
    for number in used:
        mine, yours = block.feed_forward.experts[number].outer.weight.grad, layer.mlp.experts.down_proj.grad[number]
        torch.testing.assert_close(mine, yours, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("absorb", [None, False, True])
def test_the_cache_changes_nothing_and_equals_transformers_step_by_step(absorb):
    theirs, ours = models(rope_parameters=YARN)
    ours.absorb(absorb)
    ids, past = batch(), None
    with torch.no_grad():
        whole, caches = ours(ids), ours.caches_for(T)
        for piece in ids.split([4, 1, 1, 3], dim=1):
            found = ours(piece, caches)
            answer = theirs(piece, past_key_values=past, use_cache=True)
            past = answer.past_key_values
            near(found, answer.logits)
    near(found, whole[:, -3:])
    for layer, (cache, _) in enumerate(caches):  # what is kept is the same, too
        near(cache.keys, past.layers[layer].keys)
        near(cache.values, past.layers[layer].values)


def test_absorbed_equals_naive_to_the_last_digits():
    _, ours = models()
    ids, found = batch(), {}
    with torch.no_grad():
        for absorb in (False, True):
            ours.absorb(absorb)
            caches = ours.caches_for(T)
            steps = [ours(piece, caches) for piece in ids.split([1] * T, dim=1)]
            found[absorb] = ours(ids), torch.cat(steps, 1)
    for naive, absorbed in zip(found[False], found[True], strict=True):
        torch.testing.assert_close(absorbed, naive, rtol=1e-11, atol=1e-11)


def test_where_nothing_is_said_a_cached_past_is_absorbed(monkeypatch):
    _, ours = models()
    called = []
    for name in ("_naive", "_absorbed"):
        way = getattr(LatentAttention, name)
        monkeypatch.setattr(LatentAttention, name, lambda self, *a, name=name, way=way: called.append(name) or way(self, *a))
    caches = ours.caches_for(T)
    with torch.no_grad():
        ours(batch()[:, :5], caches)
        assert set(called) == {"_naive"}
        called.clear()
        ours(batch()[:, 5:6], caches)
    assert set(called) == {"_absorbed"}


def test_rows_filled_up_at_their_left_equal_transformers_and_the_row_alone():
    theirs, ours = models()
    ids, mask = batch(), torch.ones(B, T, dtype=torch.bool)
    mask[1, :4] = mask[2, :7] = False
    places = (mask.cumsum(1) - 1).clamp(min=0)
    with torch.no_grad():
        found = ours(ids, mask=mask)
        wanted = theirs(ids, attention_mask=mask.long(), position_ids=places).logits
        alone = ours(ids[1:2, 4:])
    near(found[mask], wanted[mask])
    near(found[1:2, 4:], alone)


def test_it_generates_what_transformers_generates():
    theirs, ours = models()
    ids = batch()
    wanted = theirs.generate(ids, max_new_tokens=6, do_sample=False, eos_token_id=None, pad_token_id=0)
    with torch.no_grad():
        caches, step = ours.caches_for(T + 6), ids
        for _ in range(6):
            step = ours(step, caches)[:, -1:].argmax(-1)
            ids = torch.cat([ids, step], 1)
    assert torch.equal(ids, wanted)


def test_in_16_bits_the_bias_stays_in_32():
    theirs, _ = models()
    ours = DeepSeek.from_hf(theirs.bfloat16())
    mixture = next(ours.mixtures())
    assert ours.embedding.weight.dtype == torch.bfloat16 and mixture.bias.dtype == torch.float32
    with torch.no_grad():
        assert ours(batch()).dtype == torch.bfloat16


def test_the_scale_is_that_of_both_parts():
    assert LatentAttention(small(width=C, heads=2, head_size=12, rotate=RotaryPositions(4))).scale == 0.25


# Bytes of the cache


@pytest.mark.parametrize("type_", [torch.float32, torch.bfloat16])
def test_bytes_a_token_are_those_of_the_formulas(type_):
    size, heads = 16, 8
    width, x = size * heads, torch.randn(1, 3, size * heads, dtype=type_)
    config = DeepSeekConfig(width=width, heads=heads, head_size=size, rotate=RotaryPositions(8), latent=32)
    layers = {
        "MHA": (MultiHeadAttention(width, heads), 2 * heads * size),
        "GQA": (MultiHeadAttention(width, heads, key_value_heads=2), 2 * 2 * size),
        "MQA": (MultiHeadAttention(width, heads, key_value_heads=1), 2 * size),
        "MLA": (LatentAttention(config), 32 + 8),
    }
    for layer, numbers in layers.values():
        cache = KeyValueCache(10)
        with torch.no_grad():
            layer.to(type_)(x, causal=True, cache=cache)
        held = (cache.keys, cache.values)
        assert sum(each.numel() * each.element_size() for each in held) == 3 * numbers * type_.itemsize


# Routing


def routers(**changed):
    theirs, ours = models(**changed)
    return theirs.model.layers[1].mlp.gate, ours.decoder.blocks[1].feed_forward


@pytest.mark.parametrize("changed", [{}, {"n_group": 1, "topk_group": 1}, {"norm_topk_prob": False}, {"topk_group": 4}])
def test_routes_and_weights_equal_transformers(changed):
    theirs, ours = routers(**changed)
    x = torch.randn(200, C, dtype=torch.float64)
    with torch.no_grad():
        logits, wanted, wanted_chosen = theirs(x)
        weights, chosen = route(logits.sigmoid(), ours.bias, ours.config)
    order, wanted_order = chosen.argsort(-1), wanted_chosen.argsort(-1)  # they leave the order of the chosen open
    assert torch.equal(chosen.gather(-1, order), wanted_chosen.gather(-1, wanted_order))
    torch.testing.assert_close(weights.gather(-1, order).double(), wanted.gather(-1, wanted_order).double(), rtol=1e-5, atol=0)


def small(**changed):
    given = {"head_size": 4, "rotate": RotaryPositions(2), "experts": 8, "groups": 4, "active_groups": 2, "active": 3}
    return DeepSeekConfig(**given | changed)


def test_a_token_stays_in_its_groups():
    config = small()
    scores = torch.rand(500, 8, generator=torch.Generator().manual_seed(0))
    _, chosen = route(scores, torch.zeros(8), config)
    assert max(len(set(row)) for row in (chosen // 2).tolist()) == 2
    _, free = route(scores, torch.zeros(8), small(groups=1, active_groups=1))
    assert max(len(set(row)) for row in (free // 2).tolist()) == 3


def test_groups_are_judged_by_their_two_best():
    scores = torch.tensor([[0.9, 0.0, 0.0, 0.5, 0.6, 0.0]])  # the best one is in the first group, the best two in the second
    _, chosen = route(scores, torch.zeros(6), small(experts=6, groups=2, active_groups=1, active=2))
    assert sorted(chosen[0].tolist()) == [3, 4]


def test_negative_scores_with_their_bias_leave_closed_groups_closed():
    _, chosen = route(torch.full((1, 8), 0.5), torch.full((8,), -2.0) + torch.arange(8) / 10, small())
    assert sorted((chosen[0] // 2).tolist()) == [2, 3, 3]


def test_the_bias_chooses_and_leaves_the_weights_alone():
    config = small(groups=1, active_groups=1, active=2, normalized=False)
    scores = torch.tensor([[0.9, 0.8, 0.7, 0.6, 0.1, 0.1, 0.1, 0.1]])
    weights, chosen = route(scores, torch.tensor([0, 0, 0, 0.5, 0, 0, 0, 0]), config)
    assert chosen.tolist() == [[3, 0]]
    torch.testing.assert_close(weights, torch.tensor([[0.6, 0.9]]))


def test_weights_are_normalized_then_scaled():
    config = small(groups=1, active_groups=1, active=2, routed_scale=2.5)
    weights, _ = route(torch.tensor([[0.6, 0.2, 0, 0, 0, 0, 0, 0.0]]), torch.zeros(8), config)
    torch.testing.assert_close(weights, torch.tensor([[1.875, 0.625]]))


def test_experts_are_a_weighted_sum_beside_the_shared():
    torch.manual_seed(0)
    config = small(width=C, expert_hidden=6, shared=2, dense_layers=0)
    mixture = MixtureOfExperts(config).eval()
    x = torch.randn(2, 5, C)
    with torch.no_grad():
        found = mixture(x)
        weights, chosen = route(mixture.gate(x.flatten(0, 1)).sigmoid(), mixture.bias, config)
        for place, token in enumerate(x.flatten(0, 1)):
            wanted = mixture.shared(token[None])[0]
            for weight, number in zip(weights[place], chosen[place], strict=True):
                wanted = wanted + weight * mixture.experts[number](token[None])[0]
            torch.testing.assert_close(found.flatten(0, 1)[place], wanted, rtol=1e-4, atol=1e-6)
    assert mixture.shared.inner.out_features == 12


# Balance


def test_the_bias_goes_up_where_too_few_and_down_where_too_many():
    bias, load = torch.tensor([0.5, 0.0, -0.5, 0.0]), torch.tensor([10, 30, 20, 20])
    torch.testing.assert_close(balanced(bias, load, 0.1), torch.tensor([0.6, -0.1, -0.5, 0.0]))
    assert bias.tolist() == [0.5, 0.0, -0.5, 0.0]


def test_violation_is_what_the_busiest_has_too_much():
    assert violation(torch.tensor([5, 5, 5, 5])) == 0
    assert violation(torch.tensor([20, 0, 0, 0])) == 3
    assert violation(torch.tensor([10, 30, 20, 20])) == pytest.approx(0.5)


def test_balancing_makes_the_load_even_and_no_gradient_is_touched():
    torch.manual_seed(0)
    config = small(width=C, heads=2, hidden=8, layers=2, dense_layers=1, expert_hidden=4)
    model = DeepSeek(V, config).train()
    mixture = next(model.mixtures())
    with torch.no_grad():
        mixture.gate.weight.copy_(torch.randn_like(mixture.gate.weight))
    before, ids = {name: weight.clone() for name, weight in model.named_parameters()}, batch(64)
    violations = []
    for _ in range(100):
        model(ids)
        assert mixture.load.sum() == ids.numel() * config.active
        violations += model.balance(rate=0.02)
        assert mixture.load.sum() == 0
    assert violations[0] > 0.4 and sum(violations[-10:]) / 10 < 0.2, (violations[0], violations[-10:])
    assert all(torch.equal(weight, before[name]) for name, weight in model.named_parameters())
    assert not any(name.endswith("feed_forward.bias") for name, _ in model.named_parameters())
    assert "decoder.blocks.1.feed_forward.bias" in model.state_dict()  # it is a part of the model


def test_loads_are_counted_in_training_alone():
    model = DeepSeek(V, small(width=C, heads=2, hidden=8, layers=2, expert_hidden=4)).eval()
    model(batch())
    assert next(model.mixtures()).load.sum() == 0
    with pytest.raises(ValueError, match="training mode"):
        model.balance()


# More tokens than one


def ahead_models(depth: int = 2):
    modeling = pytest.importorskip("transformers.modeling_layers")
    if not hasattr(modeling, "MtpModel"):
        pytest.skip("this Transformers has no MtpModel")
    theirs, _ = models(num_mtp_layers=depth)
    more = modeling.MtpModel(theirs, depth).double().eval()
    for layer in more.layers:
        moved(layer)
    return theirs, more, DeepSeek.from_hf(theirs, more)


def test_prediction_modules_equal_transformers():
    from transformers.cache_utils import MtpCache

    theirs, more, ours = ahead_models()
    ids = batch()
    with torch.no_grad():
        hidden = theirs.model(ids).last_hidden_state
        found = ours.predictions(ids)
        near(found[0], theirs.lm_head(hidden))
        for k in (1, 2):
            places = torch.arange(k, T)[None].expand(B, -1)
            cache = MtpCache(config=theirs.config.get_mtp_config())
            hidden = more.forward_layer(k - 1, hidden[:, :-1], places, cache, input_ids=ids[:, k:])
            near(found[k], theirs.lm_head(hidden))


def ours_ahead(depth: int = 2):
    torch.manual_seed(0)
    model = DeepSeek(V, small(width=C, heads=2, hidden=8, layers=2, expert_hidden=4, ahead=depth)).eval()
    moved(model)
    return model


def test_predictions_have_a_place_less_for_each_token_ahead():
    assert [tuple(each.shape) for each in ours_ahead().predictions(batch())] == [(B, T - k, V) for k in range(3)]


@pytest.mark.parametrize("changed", range(1, T))
def test_no_later_token_changes_an_earlier_prediction(changed):
    model, ids = ours_ahead(), batch()
    other = ids.clone()
    other[:, changed] = (ids[:, changed] + 1) % V
    with torch.no_grad():
        for k, (before, after) in enumerate(zip(model.predictions(ids), model.predictions(other), strict=True)):
            first = changed - k  # place t of module k has read the tokens 0 .. t + k
            # the experts' batches are others, and so may be their last digits
            torch.testing.assert_close(before[:, : max(0, first)], after[:, : max(0, first)], rtol=1e-4, atol=1e-5)
            if 0 <= first < T - k:
                assert (before[:, first] - after[:, first]).abs().max() > 0.01


def test_the_loss_is_that_of_each_place_and_its_own_token():
    ids = batch()
    perfect = [1e4 * F.one_hot(ids[:, k:].roll(-1, 1), V).double() for k in range(3)]  # place t of k says token t + k + 1
    assert multi_token_loss(perfect, ids) == 0
    even = [torch.zeros(B, T - k, V) for k in range(3)]
    assert multi_token_loss(even, ids, weight=0.5).item() == pytest.approx(1.5 * math.log(V))
    assert multi_token_loss(even[:1], ids).item() == pytest.approx(math.log(V))
    assert multi_token_loss([perfect[0], *even[1:]], ids).item() == pytest.approx(0.3 * math.log(V))


def test_training_lowers_the_losses_of_all_modules():
    model, ids = ours_ahead().train(), batch()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(30):
        found = model.predictions(ids)
        losses.append([F.cross_entropy(each[:, :-1].flatten(0, 1), ids[:, k:].flatten()) for k, each in enumerate(found, 1)])
        optimizer.zero_grad()
        multi_token_loss(found, ids).backward()
        optimizer.step()
    assert all(now < 0.8 * then for now, then in zip(losses[-1], losses[0], strict=True))


# What is refused


@pytest.mark.parametrize("changed, word", [({"hidden_act": "gelu"}, "silu"), ({"attention_bias": True}, "biases")])
def test_what_a_deepseek_has_not_is_refused(changed, word):
    with pytest.raises(ValueError, match=word):
        models(**changed)


@pytest.mark.parametrize(
    "changed, word",
    [
        ({"rotate": None}, "rotate"),
        ({"head_size": None}, "head_size"),
        ({"groups": 3}, "groups are equal"),
        ({"groups": 8}, "two experts"),
        ({"groups": 0}, "groups are equal"),
        ({"active_groups": 5}, "more are open"),
        ({"active": 5}, "no more routed ones than the 4"),
        ({"active": 0}, "at least one expert"),
        ({"shared": 0}, "at least one expert"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(changed, word):
    with pytest.raises(ValueError, match=word):
        small(**changed)


def test_other_errors_help():
    attention = LatentAttention(small(width=C, heads=2))
    with pytest.raises(ValueError, match="no bias"):
        attention(torch.zeros(1, 3, C), bias=torch.zeros(3, 3))
    with pytest.raises(ValueError, match="2 tokens are too few"):
        ours_ahead().predictions(batch()[:, :2])
    with pytest.raises(ValueError, match="more than 3 tokens"):
        multi_token_loss([torch.zeros(1, 3 - k, V) for k in range(3)], batch()[:1, :3])


def test_first_weights_give_an_even_guess():
    torch.manual_seed(0)
    logits = DeepSeek(V, small(width=C, heads=2, hidden=8, layers=2, expert_hidden=4))(batch())
    assert logits.std() < 0.2


def test_the_configuration_is_not_changed():
    config = small(width=C, heads=2, hidden=8, layers=2, expert_hidden=4)
    before = dataclasses.asdict(dataclasses.replace(config, rotate=RotaryPositions(2)))
    DeepSeek(V, config)
    assert dataclasses.asdict(config).keys() == before.keys() and config.hidden == 8 and config.layers == 2
