"""utils.layers and utils.models.transformer against torch.nn.Transformer: same weights, same outputs, same gradients."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from utils.attention import causal_mask, length_mask
from utils.layers import Embedding, FeedForward, LayerNorm, OutputHead, Residual, SinusoidalPositions
from utils.models.transformer import Config, DecoderOnly, EncoderOnly, Transformer
from utils.positions import LearnedPositions, sinusoidal

B, S, T, C, V = 3, 7, 5, 24, 30
LENGTHS = torch.tensor([7, 4, 2])


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def pair(norm_first: bool, activation: str = "relu", **changed):
    """PyTorch's transformer with random norms and biases, and ours."""
    theirs = nn.Transformer(C, 4, 2, 2, 48, 0.0, activation, batch_first=True, norm_first=norm_first)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    config = Config(
        **{
            "width": C,
            "heads": 4,
            "hidden": 48,
            "layers": 2,
            "dropout": 0.0,
            "activation": activation,
            "norm_first": norm_first,
            "final_norm": True,
        }
        | changed
    )
    return theirs, Transformer(V, config, None)


@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("norm_first", [True, False])
def test_equal_to_pytorch(norm_first, activation):
    theirs, ours = pair(norm_first, activation)
    ours.load_from_torch(theirs)
    mask = length_mask(LENGTHS)
    results = []
    for which in ("ours", "theirs"):
        generator = torch.Generator().manual_seed(1)
        source, target = (torch.randn(B, n, C, generator=generator).requires_grad_() for n in (S, T))
        if which == "ours":
            output = ours.decoder(target, causal=True, context=ours.encoder(source, mask=mask), context_mask=mask)
        else:
            hidden = ~mask[:, 0, 0]
            output = theirs(
                source, target, tgt_mask=~causal_mask(T), src_key_padding_mask=hidden, memory_key_padding_mask=hidden
            )
        output.cos().sum().backward()
        results.append((output.detach(), source.grad, target.grad))
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("norm_first", [True, False])
def test_dropout_stands_where_pytorch_has_it(norm_first):
    """In training mode, from one seed: the same numbers are dropped, in attention, hidden units, residual sums and embeddings.

    For one text: PyTorch's attention gives a batch with its axes in another order, and so draws other numbers.
    """
    theirs = nn.Transformer(C, 4, 2, 2, 48, 0.3, batch_first=True, norm_first=norm_first)
    config = Config(C, 4, 48, 2, dropout=0.3, norm_first=norm_first, final_norm=True)
    ours = Transformer(V, config, SinusoidalPositions(C)).load_from_torch(theirs)
    source, target = torch.randint(1, V, (1, S)), torch.randint(1, V, (1, T))
    torch.manual_seed(1)
    scores = ours(source, target)
    torch.manual_seed(1)
    ours.embedding.eval()
    memory = theirs.encoder(F.dropout(ours.embedding(source), 0.3))
    output = theirs.decoder(F.dropout(ours.embedding(target), 0.3), memory, tgt_mask=~causal_mask(T))
    torch.testing.assert_close(scores, ours.head(output), rtol=1e-5, atol=1e-5)
    for model in (EncoderOnly(V, config, None), DecoderOnly(V, config, None)):
        assert (model.embedding(source) == 0).float().mean() == pytest.approx(0.3, abs=0.1)


def test_embeddings_are_scaled_by_the_root_of_the_width():
    embedding, ids = Embedding(V, C), torch.randint(V, (B, S))
    torch.testing.assert_close(embedding(ids), F.embedding(ids, embedding.weight) * math.sqrt(C))
    plain = Embedding(V, C, scaled=False)
    torch.testing.assert_close(plain(ids), F.embedding(ids, plain.weight))


def test_weights_that_do_not_fit_are_refused():
    theirs, _ = pair(True)
    for changed, message in (
        ({"norm_first": False}, "norm_first=True"),
        ({"hidden": 32}, "hidden=48"),
        ({"layers": 3}, "has 2 layers"),
        ({"width": 32}, "width"),
        ({"final_norm": False}, "final norm"),
    ):
        with pytest.raises(ValueError, match=message):
            pair(**{"norm_first": True} | changed)[1].load_from_torch(theirs)


def small(**changed) -> Transformer:
    model = Transformer(V, Config(width=C, heads=4, hidden=48, layers=2, dropout=0.1, **changed), SinusoidalPositions(C))
    return model.eval()


def test_padding_and_future_have_no_influence():
    model = small()
    source, target = torch.randint(1, V, (B, S)), torch.randint(1, V, (B, T))
    scores = model(source, target)
    longer = torch.cat([source, torch.zeros(B, 3, dtype=torch.long)], dim=1)
    torch.testing.assert_close(model(longer, target), scores)
    later = target.clone()
    later[:, 3:] = 1
    assert torch.equal(model(source, later)[:, :3], scores[:, :3])
    assert scores.shape == (B, T, V)


@pytest.mark.parametrize("norm_first", [True, False])
def test_greedy_with_cache_equals_greedy_without(norm_first):
    model = small(norm_first=norm_first)
    source = torch.randint(1, V, (B, S))
    source[1, 4:] = 0
    model.head.bias.data[2] = 1.0
    written = model.greedy(source, start_id=1, end_id=2, longest=12)
    target, finished = torch.ones(B, 1, dtype=torch.long), torch.zeros(B, dtype=torch.bool)
    for _ in range(written.shape[1]):
        token = model(source, target)[:, -1].argmax(-1).masked_fill(finished, 0)
        finished |= token == 2
        target = torch.cat([target, token[:, None]], dim=1)
    assert torch.equal(written, target[:, 1:])
    assert finished.any()  # else the padding after the end was not tried


def test_greedy_leaves_the_mode_alone_and_refuses_nothing_to_write():
    model = small().train()
    model.greedy(torch.ones(1, 2, dtype=torch.long), 1, 2, longest=1)
    assert model.training
    with pytest.raises(ValueError, match="longest=0"):
        model.greedy(torch.ones(1, 2, dtype=torch.long), 1, 2, longest=0)


def test_a_context_where_it_belongs():
    model, x = small(), torch.randn(1, 4, C)
    with pytest.raises(ValueError, match="has cross-attention"):
        model.decoder(x)
    with pytest.raises(ValueError, match="has no cross-attention"):
        model.encoder(x, context=x)


def test_encoder_only_and_decoder_only():
    config = Config(width=C, heads=4, hidden=48, layers=2)
    encoder = EncoderOnly(V, config, SinusoidalPositions(C)).eval()
    decoder = DecoderOnly(V, config, SinusoidalPositions(C)).eval()
    ids = torch.randint(1, V, (B, S))
    assert encoder(ids).shape == (B, S, C) and decoder(ids).shape == (B, S, V)
    later = ids.clone()
    later[:, -1] = 1 + later[:, -1] % (V - 1)
    assert torch.equal(decoder(ids)[:, :-1], decoder(later)[:, :-1])
    assert (encoder(ids)[:, 0] != encoder(later)[:, 0]).any()
    filled = torch.cat([ids, torch.zeros(B, 2, dtype=torch.long)], dim=1)
    torch.testing.assert_close(encoder(filled)[:, :S], encoder(ids))


def test_parameters_by_formula():
    model = small()
    count = lambda module: sum(p.numel() for p in module.parameters())  # noqa: E731
    attention, feed_forward, norm = 4 * C * C + 4 * C, 2 * C * 48 + 48 + C, 2 * C
    encoder = 2 * (attention + feed_forward + 2 * norm) + norm
    decoder = 2 * (2 * attention + feed_forward + 3 * norm) + norm
    assert count(model) == V * C + encoder + decoder + V


def test_layer_norm_is_its_formula():
    norm, x = LayerNorm(C), torch.randn(2, 3, C) * 5 + 2
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    centered = x - x.mean(-1, keepdim=True)
    expected = centered / (centered.square().mean(-1, keepdim=True) + 1e-5).sqrt() * norm.weight + norm.bias
    torch.testing.assert_close(norm(x), expected)
    assert norm(torch.ones(1, C)).isfinite().all()


def test_the_parts():
    embedding = Embedding(V, C, SinusoidalPositions(C))
    ids = torch.tensor([[4, 5]])
    torch.testing.assert_close(embedding(ids)[:, 1:], embedding(ids[:, 1:], start=1))
    places = SinusoidalPositions(C)(3, start=1)  # the places 1, 2, 3
    angle = 3 * 10_000 ** (-2 / C)
    torch.testing.assert_close(places[2, 2:4], torch.tensor([math.sin(angle), math.cos(angle)]))
    torch.testing.assert_close(SinusoidalPositions(C)(4)[1:], places)
    assert torch.equal(SinusoidalPositions(C)(50), sinusoidal(50, C))
    learned = Embedding(V, C, LearnedPositions(5, C))
    torch.testing.assert_close(
        learned(ids, start=2) - learned(ids), (learned.positions.weight[2:4] - learned.positions.weight[:2])[None]
    )
    assert OutputHead(embedding).weight is embedding.weight
    x = torch.randn(2, 3, C)
    torch.testing.assert_close(Residual(LayerNorm(C))(x, torch.zeros_like), x)
    torch.testing.assert_close(Residual(LayerNorm(C), norm_first=False)(x, torch.zeros_like), LayerNorm(C)(x))
    for make, message in ((lambda: SinusoidalPositions(5), "even"), (lambda: FeedForward(4, 8, activation="swish"), "swish")):
        with pytest.raises(ValueError, match=message):
            make()
