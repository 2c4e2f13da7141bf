"""utils.models.t5 against Transformers' T5: same weights, same logits, gradients, greedy and beam search; span corruption."""

from random import Random

import pytest
import torch
import transformers

from utils.models.t5 import T5, corrupt, noise_spans, restore

B, S, T, V, C, H, N = 3, 9, 6, 40, 24, 4, 2
PAD, END = 1, 0
KINDS = ["relu", "gated-gelu"]


def models(kind: str = "relu", **changed):
    """Transformers' T5 with every parameter moved, in evaluation mode, and ours with its weights."""
    settings = {
        "vocab_size": V,
        "d_model": C,
        "d_kv": 8,
        "d_ff": 48,
        "num_layers": N,
        "num_heads": H,
        "num_decoder_layers": N,
        "dropout_rate": 0.0,
        "feed_forward_proj": kind,
        "tie_word_embeddings": kind == "relu",
        "relative_attention_num_buckets": 8,
        "relative_attention_max_distance": 6,
        "pad_token_id": PAD,
        "decoder_start_token_id": PAD,
        "eos_token_id": END,
    }
    torch.manual_seed(0)
    theirs = transformers.T5ForConditionalGeneration(transformers.T5Config(**settings | changed)).eval()
    if kind != "relu":  # Transformers 5 ties the head of a new model; one that was read from T5 1.1's file has its own
        theirs.lm_head.weight = torch.nn.Parameter(torch.randn(V, C))
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return theirs, T5.from_hf(theirs)


def batch():
    """Sources of 9, 5 and 2 tokens, filled up at the end, and targets."""
    generator = torch.Generator().manual_seed(1)
    source, target = (torch.randint(2, V, (B, n), generator=generator) for n in (S, T))
    source[1, 5:] = source[2, 2:] = PAD
    return source, target


@pytest.mark.parametrize("changed", [{}, {"num_decoder_layers": 3}, {"d_kv": 5}])
@pytest.mark.parametrize("kind", KINDS)
def test_logits_and_gradients_equal_transformers(kind, changed):
    theirs, ours = models(kind, **changed)
    source, target = batch()
    wanted = theirs(source, attention_mask=(source != PAD).long(), decoder_input_ids=target).logits
    found = ours(source, target)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    for logits in (wanted, found):
        logits.cos().sum().backward()
    pairs = [(theirs.shared.weight, ours.embedding.weight)]
    for stack, bias in (("encoder", ours.encoder_bias), ("decoder", ours.decoder_bias)):
        first = getattr(theirs, stack).block[0].layer[0].SelfAttention
        pairs += [(first.relative_attention_bias.weight, bias.weight)]
        pairs += [(first.q.weight, getattr(ours, stack).blocks[0].self_attention.query_projection.weight)]
    for a, b in pairs:
        assert a.grad.abs().max() > 1e-3
        assert (b.grad - a.grad).norm() < 1e-3 * a.grad.norm()
    assert (ours.head.weight is ours.embedding.weight) == (kind == "relu")
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_token_by_token_with_cache_equals_all_at_once(kind):
    _, ours = models(kind)
    source, target = batch()
    with torch.no_grad():
        memory, mask = ours.encode(source)
        caches = ours.decoder.caches_for(T, S)
        steps = [ours.decode(target[:, t : t + 1], memory, mask, caches) for t in range(T)]
        torch.testing.assert_close(torch.cat(steps, 1), ours.decode(target, memory, mask), rtol=1e-4, atol=1e-4)


def test_company_and_filling_change_nothing():
    _, ours = models()
    source, target = batch()
    with torch.no_grad():
        torch.testing.assert_close(ours(source[1:2, :5], target[1:2]), ours(source, target)[1:2], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_greedy_and_beam_search_equal_generate(kind):
    theirs, ours = models(kind)
    ended = 0
    for seed in range(6):
        source = torch.randint(2, V, (1, S), generator=torch.Generator().manual_seed(seed))
        end = ours.greedy(source, PAD, V, longest=6)[0, -1].item()  # a token that this source leads to
        options = {"max_new_tokens": 12, "eos_token_id": end, "do_sample": False}
        greedy = theirs.generate(source, **options)[0, 1:].tolist()
        assert ours.greedy(source, PAD, end, longest=12)[0].tolist() == greedy
        options |= {"num_beams": 3, "num_return_sequences": 3, "return_dict_in_generate": True, "output_scores": True}
        for penalty in (0.0, 1.0, 2.0):
            wanted = theirs.generate(source, early_stopping=False, length_penalty=penalty, **options)
            found = ours.beam_search(source, PAD, end, beams=3, longest=12, length_penalty=penalty)
            for (score, ids), row, their_score in zip(found, wanted.sequences, wanted.sequences_scores, strict=True):
                assert ids == row[1 : 1 + len(ids)].tolist()
                assert score == pytest.approx(their_score.item(), abs=1e-4)
                ended += ids[-1] == end
    assert ended > 5


def test_shift_right_is_transformers():
    theirs, ours = models()
    labels = torch.tensor([[5, 6, END, -100], [7, END, -100, -100]])
    assert ours.shift_right(labels).tolist() == theirs._shift_right(labels).tolist() == [[1, 5, 6, 0], [1, 7, 0, 1]]


def test_first_weights():
    torch.manual_seed(0)
    sizes = {"vocab_size": 300, "d_model": 256, "d_kv": 32, "num_heads": 4, "d_ff": 512, "num_layers": 1}
    theirs = transformers.T5ForConditionalGeneration(transformers.T5Config(**sizes))
    copied = T5.from_hf(theirs)
    ours = T5(300, copied.config)
    for (name, mine), other in zip(ours.named_parameters(), copied.parameters(), strict=True):
        assert mine.std().item() == pytest.approx(other.std().item(), rel=0.15), name


def test_one_source_at_a_time():
    with pytest.raises(ValueError, match="one source at a time, not 3"):
        models()[1].beam_search(batch()[0], PAD, END)


# Span corruption


def test_corruption_and_restoration_by_hand():
    source, target = corrupt([10, 11, 12, 13, 14, 15], [(1, 3), (4, 5)], sentinel=99)
    assert source == [10, 99, 13, 98, 15]
    assert target == [99, 11, 12, 98, 14, 97]
    assert restore(source, target, 99) == [10, 11, 12, 13, 14, 15]
    assert corrupt([5], [], 99) == ([5], [99])


def test_restoration_loses_nothing():
    rng = Random(0)
    for _ in range(1000):
        ids = [rng.randrange(50) for _ in range(rng.randrange(0, 60))]
        spans = noise_spans(len(ids), rng, share=rng.choice((0.1, 0.15, 0.5, 0.9)), mean=rng.choice((1, 3, 8)))
        assert restore(*corrupt(ids, spans, sentinel=149), sentinel=149) == ids


def test_spans_are_as_many_and_as_long_as_asked_for():
    for seed in range(200):
        spans = noise_spans(100, Random(seed))
        assert len(spans) == 5 and sum(end - first for first, end in spans) == 15
        assert spans[0][0] >= 1 and all(a[1] < b[0] for a, b in zip(spans, spans[1:])) and spans[-1][1] == 100
    firsts = {noise_spans(100, Random(seed))[0] for seed in range(200)}
    assert len(firsts) > 50
    assert noise_spans(1, Random(0)) == [] and noise_spans(2, Random(0)) == [(1, 2)]


def test_what_does_not_belong_together_is_refused():
    for spans in ([(1, 3), (3, 4)], [(2, 2)], [(0, 9)]):
        with pytest.raises(ValueError, match="does not lie"):
            corrupt([1, 2, 3, 4, 5], spans, 99)
    with pytest.raises(ValueError, match="98 to 99 are sentinels"):
        corrupt([1, 98], [(0, 1)], 99)
    with pytest.raises(ValueError, match="begins with the first sentinel"):
        restore([1, 99], [3, 99], 99)
    with pytest.raises(ValueError, match="of different texts"):
        restore([1, 2], [99, 3, 98], 99)
