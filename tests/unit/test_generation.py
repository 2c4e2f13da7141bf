"""utils.generation against Transformers: the same logits, the same tokens; and what is asked of an end, a stop, a stream."""

import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from test_gpt import LONGEST, T, V, batch, models
from transformers.generation import logits_process
from transformers.generation.utils import GenerationMixin

from utils import generation
from utils.generation import GREEDY, LibraryModel, Sampling, beam_search, generate, next_tokens, search_beams, stop_at, stream

IDS = torch.tensor([[1, 2, 2, 5], [7, 0, 3, 3]])


def logits_of(seed: int, rows: int = 2, size: int = 12) -> torch.Tensor:
    return 3 * torch.randn(rows, size, generator=torch.Generator().manual_seed(seed))


PROCESSORS = [
    (lambda x, v: generation.temperature_scaled(x, v), logits_process.TemperatureLogitsWarper, (0.1, 0.7, 1.0, 3.0)),
    (lambda x, v: generation.top_k(x, v), logits_process.TopKLogitsWarper, (1, 3, 12, 50)),
    (lambda x, v: generation.top_p(x, v), logits_process.TopPLogitsWarper, (0.01, 0.3, 0.9, 0.99)),
    (lambda x, v: generation.min_p(x, v), logits_process.MinPLogitsWarper, (0.01, 0.1, 0.5, 1.0)),
    (lambda x, v: generation.repetition_penalized(x, IDS, v), logits_process.RepetitionPenaltyLogitsProcessor, (0.8, 1.1, 2.0)),
]


@pytest.mark.parametrize("own, theirs, values", PROCESSORS)
def test_each_processor_equals_transformers(own, theirs, values):
    for seed in range(20):
        x = logits_of(seed)
        x[0, 3] = x[0, 7]  # a tie
        before = x.clone()
        for value in values:
            found, wanted = own(x, value), theirs(value)(IDS, x)
            assert found.equal(wanted), (seed, value)
            assert (found != before).any() or value in (1.0, 12, 50, 0.99, 0.01)
        assert x.equal(before)


def test_processors_by_hand():
    x = torch.tensor([[0.5, 0.25, 0.15, 0.1]]).log()
    kept = lambda y: (y > -torch.inf).sum().item()  # noqa: E731
    assert [kept(generation.top_k(x, k)) for k in (1, 2, 9)] == [1, 2, 4]
    assert [kept(generation.top_p(x, p)) for p in (0.4, 0.6, 0.8, 0.95, 1.0)] == [1, 2, 3, 4, 4]
    assert [kept(generation.min_p(x, p)) for p in (1.0, 0.45, 0.25, 0.15)] == [1, 2, 3, 4]
    tie = torch.tensor([[1.0, 1.0, 0.0]])
    assert kept(generation.top_k(tie, 1)) == 2  # as Transformers: what ties stays


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.01, 1.0), st.integers(1, 14), st.floats(0.1, 5.0))
def test_something_always_stays_and_nothing_changes_its_order(seed, p, k, temperature):
    x = logits_of(seed)
    for found in (generation.top_p(x, p), generation.min_p(x, p), generation.top_k(x, k)):
        kept = found > -torch.inf
        assert kept.any(-1).all() and found[kept].equal(x[kept])
        assert (x.masked_fill(~kept, torch.inf).amin(-1) >= x.masked_fill(kept, -torch.inf).amax(-1)).all()
    assert generation.temperature_scaled(x, temperature).argmax(-1).equal(x.argmax(-1))


@pytest.mark.parametrize("how", [{}, {"temperature": 0.7}, {"top_k": 5}, {"temperature": 1.5, "top_p": 0.8, "min_p": 0.05}])
@pytest.mark.parametrize("penalty", [1.0, 1.3])
def test_all_together_equals_the_order_of_transformers(how, penalty):
    x = logits_of(3)
    asked = transformers.GenerationConfig(do_sample=True, repetition_penalty=penalty, **({"top_k": 0} | how))
    theirs, _ = models()
    asked._eos_token_tensor = None
    processors = GenerationMixin._get_logits_processor(theirs, asked)
    assert Sampling(repetition_penalty=penalty, **how).logits(x, IDS).equal(processors(IDS, x))


@pytest.mark.parametrize(
    "call",
    [
        lambda x: generation.temperature_scaled(x, 0),
        lambda x: generation.top_k(x, 0),
        lambda x: generation.top_p(x, 0),
        lambda x: generation.top_p(x, 1.01),
        lambda x: generation.min_p(x, -0.1),
        lambda x: generation.repetition_penalized(x, IDS, 0),
    ],
)
def test_senseless_settings_are_refused(call):
    with pytest.raises(ValueError, match="[0-9]"):
        call(logits_of(0))


def theirs_continue(theirs, ids, new, mask=None, **options):
    options = {"do_sample": False, "eos_token_id": None, "pad_token_id": 0} | options
    mask = torch.ones_like(ids) if mask is None else mask.long()
    return theirs.generate(ids, attention_mask=mask, max_new_tokens=new, **options)


@pytest.mark.parametrize("penalty", [1.0, 1.5])
def test_greedy_equals_generate_with_and_without_left_padding(penalty):
    theirs, ours = models()
    ids, mask = batch()
    how = Sampling(temperature=0.0, repetition_penalty=penalty)
    assert generate(ours, ids, 20, how).equal(theirs_continue(theirs, ids, 20, repetition_penalty=penalty))
    found = generate(ours, ids, 20, how, mask=mask)
    for row, real in zip(range(3), mask):  # each as if it were alone: Transformers' penalty falls on the padding too
        alone = theirs_continue(theirs, ids[row][real][None], 20, repetition_penalty=penalty)
        assert found[row][real.sum() - T :].equal(torch.cat([ids[row, :0], alone[0]])[real.sum() - T :])
        assert found[row, T:].equal(alone[0, real.sum() :])
    if penalty == 1.0:
        assert found.equal(theirs_continue(theirs, ids, 20, mask))


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_a_model_of_the_library_writes_here_what_it_writes_there(kind):
    theirs = models()[0]
    if kind == "llama":
        sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
        torch.manual_seed(0)
        config = transformers.LlamaConfig(vocab_size=V, **sizes, num_key_value_heads=2, initializer_range=0.5)
        theirs = transformers.LlamaForCausalLM(config).eval()
    ids, mask = batch()
    assert generate(LibraryModel(theirs), ids, 12).equal(theirs_continue(theirs, ids, 12))
    assert generate(LibraryModel(theirs), ids, 12, mask=mask).equal(theirs_continue(theirs, ids, 12, mask))


def test_a_row_that_has_ended_is_filled_up():
    theirs, ours = models()
    ids, mask = batch()
    free = generate(ours, ids, 12, mask=mask)
    end = free[1, T + 4].item()
    found = generate(ours, ids, 12, mask=mask, end_id=end, pad_id=0)
    wanted = theirs_continue(theirs, ids, 12, mask, eos_token_id=end)
    assert found.equal(wanted) and (found[1, T:] == end).sum() == 1
    both = generate(ours, ids, 12, mask=mask, end_id=free[:, T + 1].tolist())
    assert both.shape[1] <= T + 2


def test_sampling_follows_the_distribution_and_its_generator():
    _, ours = models()
    ids = batch()[0][:1]
    with torch.no_grad():
        wanted = generation.top_k(ours(ids)[:, -1] / 1.5, 4).softmax(-1)[0]
    how = Sampling(temperature=1.5, top_k=4)
    draw = lambda seed: generate(ours, ids.expand(4000, -1), 1, how, torch.Generator().manual_seed(seed))[:, -1]  # noqa: E731
    found = torch.bincount(draw(0), minlength=V) / 4000
    torch.testing.assert_close(found, wanted, rtol=0, atol=0.03)
    assert draw(0).equal(draw(0)) and not draw(0).equal(draw(1))
    assert (found > 0).equal(wanted > 0)


def test_the_model_keeps_its_mode_and_can_be_trained_on_what_it_wrote():
    _, ours = models()
    ours.train()
    written = generate(ours, batch()[0], 3)
    assert ours.training
    ours(written).sum().backward()
    steps = next_tokens(ours, batch()[0], 5)
    next(steps)
    assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
    steps.close()
    assert ours.training


def test_wrong_prompts_are_refused():
    _, ours = models()
    ids, mask = batch()
    with pytest.raises(ValueError, match="ends in padding"):
        generate(ours, ids, 3, mask=mask.flip(1))
    with pytest.raises(ValueError, match="at least one token"):
        generate(ours, ids, 0)
    with pytest.raises(ValueError, match="at least one token"):
        generate(ours, ids[:, :0], 3)
    with pytest.raises(ValueError, match="positions for 32"):
        generate(ours, ids, LONGEST)
    assert generate(ours, ids, LONGEST - T + 1).shape == (3, LONGEST + 1)  # the last token needs no position


# Stop strings and streams, with a decoder of one letter a token


def letters(ids) -> str:
    return "".join("abcdefghij"[i % 10] for i in ids)


def test_stop_strings_end_rows():
    _, ours = models()
    ids, _ = batch()
    free = [letters(row) for row in generate(ours, ids, 15)[:, T:].tolist()]
    string = free[0][3:5]
    found = generate(ours, ids, 15, stop=stop_at([string], letters), pad_id=39)[:, T:]
    for row, text in zip(found.tolist(), free):
        end = text.index(string) + 2 if string in text else 15
        assert letters(row[:end]) == text[:end] and set(row[end:]) <= {39}


@pytest.mark.parametrize("where", [(3, 5), (0, 1), (6, 9)])
def test_a_stream_is_the_text_cut_before_the_stop_string(where):
    _, ours = models()
    ids = batch()[0][:1]
    whole = letters(generate(ours, ids, 12)[0, T:].tolist())
    string = whole[slice(*where)]
    pieces = list(stream(ours, ids, 12, letters, stop=[string, "zz"]))
    assert "".join(pieces) == whole[: whole.index(string)] and all(pieces)
    assert "".join(stream(ours, ids, 12, letters)) == whole
    end = generate(ours, ids, 12)[0, T + 5].item()
    first = generate(ours, ids, 12)[0, T:].tolist().index(end)
    assert "".join(stream(ours, ids, 12, letters, end_id=end)) == whole[:first]


def test_a_stream_holds_back_what_may_still_change():
    class Fixed(torch.nn.Module):
        """Says the tokens 1, 2, 3, ... whatever it reads."""

        def reader(self, longest):
            return lambda ids, mask: ids[..., None].float()

        def head(self, x):
            return torch.nn.functional.one_hot(x[:, 0].long() + 1, 30).float()

    text = "né <en> <end> rest".encode()
    decode = lambda ids: bytes(text[i - 1] for i in ids).decode(errors="replace")  # noqa: E731
    pieces = list(stream(Fixed(), torch.tensor([[0]]), len(text), decode, stop=["<end>"]))
    assert pieces == ["n", "é", " ", "<en>", " "]
    assert "".join(stream(Fixed(), torch.tensor([[0]]), 9, decode, stop=["<end>"])) == "né <en> <"[:8]


# Beams


def test_beam_search_equals_generate():
    theirs, ours = models()
    ended = 0
    for seed in range(4):
        ids = torch.randint(1, V, (1, 5), generator=torch.Generator().manual_seed(seed))
        end = generate(ours, ids, 6)[0, -1].item()
        options = {"num_beams": 3, "num_return_sequences": 3, "return_dict_in_generate": True, "output_scores": True}
        for penalty in (0.0, 1.0, 2.0):
            wanted = theirs_continue(theirs, ids, 10, eos_token_id=end, length_penalty=penalty, early_stopping=False, **options)
            found = beam_search(ours, ids, end, beams=3, longest=10, length_penalty=penalty)
            for (score, written), row, their_score in zip(found, wanted.sequences, wanted.sequences_scores, strict=True):
                assert written == row[5 : 5 + len(written)].tolist()
                assert score == pytest.approx(their_score.item(), abs=1e-4)
                ended += written[-1] == end
    assert ended > 5


def test_one_beam_is_greedy_and_all_beams_find_the_best():
    _, ours = models()
    ids = batch()[0][:1]
    (_, written), *others = beam_search(ours, ids, V, beams=1, longest=6)
    assert written == generate(ours, ids, 6)[0, T:].tolist() and not others
    score, best = beam_search(ours, ids, V, beams=V, longest=2, length_penalty=0.0)[0]
    with torch.no_grad():
        first = ours(ids)[0, -1].log_softmax(-1)
        second = ours(torch.cat([ids.expand(V, -1), torch.arange(V)[:, None]], 1))[:, -1].log_softmax(-1)
    sums = first[:, None] + second
    assert best == [int(sums.argmax()) // V, int(sums.argmax()) % V] and score == pytest.approx(sums.max().item(), abs=1e-4)


def test_beams_are_searched_for_one_text_at_a_time():
    with pytest.raises(ValueError, match="one text at a time, not for 3"):
        search_beams(lambda ids: None, [], torch.zeros(3, 1), 0, 2, 4)
    assert GREEDY.temperature == 0.0
