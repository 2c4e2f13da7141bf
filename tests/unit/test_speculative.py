"""utils.speculative: the distribution is kept, greedy text is the same, caches go back, drafts propose what they should."""

import dataclasses
from collections import Counter

import pytest
import torch
import transformers
from scipy import stats

from utils import speculative
from utils.attention import KeyValueCache
from utils.generation import GREEDY, LibraryModel, Sampling, generate
from utils.models.llama import LLAMA, Llama
from utils.positions import RotaryPositions
from utils.speculative import ModelDraft, NgramDraft, PromptLookup, Rewindable, speculate

V = 7


def llama(seed: int, layers: int = 2) -> Llama:
    torch.manual_seed(seed)
    config = dataclasses.replace(LLAMA, width=16, heads=2, hidden=24, layers=layers, rotate=RotaryPositions(8))
    model = Llama(V, config).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.5 * torch.randn_like(weight))
    return model


def library() -> transformers.LlamaForCausalLM:
    torch.manual_seed(3)
    config = transformers.LlamaConfig(
        vocab_size=V, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1
    )
    model = transformers.LlamaForCausalLM(config).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.5 * torch.randn_like(weight))
    return model


def test_the_rule_by_hand():
    p, q = torch.tensor([[0.5, 0.3, 0.2], [0.0, 0.0, 1.0]]), torch.tensor([[0.8, 0.2, 0.0]])
    generator = torch.Generator().manual_seed(0)
    tokens = q[0].multinomial(20_000, replacement=True, generator=generator)
    kept = [speculative.verified(token[None], q, p, generator) for token in tokens]
    counts = torch.bincount(torch.tensor([each[0] for each in kept]), minlength=3)
    assert stats.chisquare(counts.numpy(), 20_000 * p[0].double().numpy()).pvalue > 1e-3
    assert 0.68 < sum(len(each) == 2 for each in kept) / 20_000 < 0.72  # stays with 0.7, and then one token more
    assert all(each[1] == 2 for each in kept if len(each) == 2)  # that one is drawn from the second row


def test_a_rejected_proposal_ends_the_pass():
    """The first of two can never stay, the second always would: it must not count."""
    tokens, draft = torch.tensor([0, 1]), torch.eye(3)[:2]
    target = torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    assert speculative.verified(tokens, draft, target, torch.Generator().manual_seed(0)) == [2]


def test_two_tokens_follow_the_joint_distribution_of_the_model_alone():
    model, draft, prompt = llama(0), llama(1, layers=1), [1, 2, 3]
    with torch.no_grad():
        first = model(torch.tensor([prompt]))[0, -1].softmax(-1)
        second = torch.stack([model(torch.tensor([[*prompt, x]]))[0, -1].softmax(-1) for x in range(V)])
    joint, generator, draws = (first[:, None] * second).double(), torch.Generator().manual_seed(5), 3000
    seen = Counter()
    for _ in range(draws):
        proposer = ModelDraft(draft, 20, Sampling(), generator)
        seen[tuple(speculate(model, proposer, prompt, 2, 3, Sampling(), generator).ids[3:])] += 1
    counts = torch.zeros(V, V, dtype=torch.double)
    for (a, b), count in seen.items():
        counts[a, b] = count
    often = draws * joint >= 5
    observed = [*counts[often].tolist(), counts[~often].sum().item()]
    wanted = [*(draws * joint[often]).tolist(), draws * joint[~often].sum().item()]
    assert stats.chisquare(observed, wanted, sum_check=False).pvalue > 1e-3


@pytest.mark.parametrize("length", [1, 3, 6])
def test_greedy_text_is_that_of_the_model_alone(length):
    model, prompt = llama(0), [1, 2, 3, 1, 2]
    alone = generate(model, torch.tensor([prompt]), 30)[0].tolist()
    drafts = ModelDraft(llama(1, layers=1), 60), ModelDraft(model, 60), PromptLookup(V, 3), NgramDraft([alone], V)
    for draft in drafts:
        found = speculate(model, draft, prompt, 30, length)
        assert found.ids == alone and found.written == 30
        assert found.accepted <= found.tried <= found.proposed
    itself = speculate(model, ModelDraft(model, 60), prompt, 30, length)
    assert itself.acceptance == 1.0 and itself.passes == -(-30 // (length + 1))


def test_a_model_of_transformers_and_its_cache():
    model, prompt = library(), [1, 2, 3, 1, 2]
    alone = generate(LibraryModel(model), torch.tensor([prompt]), 25)[0].tolist()
    for draft in (PromptLookup(V, 2), ModelDraft(library(), 60)):
        assert speculate(model, draft, prompt, 25, 4).ids == alone


def test_it_ends_at_the_end_token_and_not_after_it():
    model, prompt = llama(0), [1, 2, 3]
    alone = generate(model, torch.tensor([prompt]), 20)[0].tolist()
    end = alone[8]
    found = speculate(model, ModelDraft(model, 60), prompt, 20, 6, end_id=end)
    assert found.ids == alone[: 3 + alone[3:].index(end) + 1] and found.written == len(found.ids) - 3


def test_going_back_forgets():
    for model in (llama(0), library()):
        reader = Rewindable(model, 20)
        with torch.no_grad():
            reader.logits([1, 2, 3, 4, 5])
            reader.back_to(3)
            assert reader.length == 3
            found = reader.logits([6])
            read = model(torch.tensor([[1, 2, 3, 6]]))
        torch.testing.assert_close(found, getattr(read, "logits", read)[0, -1:], atol=1e-5, rtol=1e-4)


def test_a_cache_is_cut():
    cache = KeyValueCache(5)
    keys = torch.randn(1, 1, 3, 2)
    cache.append(keys, keys)
    cache.crop(1)
    assert cache.keys.equal(keys[:, :, :1])
    for length in (2, -1):
        with pytest.raises(ValueError, match="cannot be cut"):
            cache.crop(length)


def test_look_up():
    draft = PromptLookup(10, 2)
    proposed = lambda text, count=3: draft(text, count)[0].tolist()  # noqa: E731
    assert proposed([1, 2, 3, 1, 2, 4, 1, 2]) == [4, 1, 2]  # the latest place
    assert proposed([1, 2, 3, 1, 2, 4, 1, 2], 1) == [4]
    assert proposed([5, 6, 5]) == [6, 5]  # one token, where two are not found
    assert proposed([1, 2, 3]) == [] and proposed([7]) == []
    assert PromptLookup(10, 2, 2)([5, 6, 5], 3)[0].tolist() == []
    assert draft([5, 6, 5], 2)[1].tolist() == torch.eye(10)[[6, 5]].tolist()


def test_ngrams():
    draft = NgramDraft([[1, 2, 3, 4], [1, 2, 3, 5], [2, 3, 5]], 10, 2)
    assert draft([0, 1, 2], 4)[0].tolist() == [3, 5] and draft([9, 9], 4)[0].tolist() == []


def test_expected_gain():
    assert speculative.expected_gain(0.5, 3).tokens_a_pass == 1.875
    assert speculative.expected_gain(1.0, 4).tokens_a_pass == 5 and speculative.expected_gain(0.0, 4).tokens_a_pass == 1
    assert speculative.expected_gain(0.5, 3, cost=0.1, wide=1.2).speed_up == pytest.approx(1.875 / 1.5)
    with pytest.raises(ValueError, match="share"):
        speculative.expected_gain(1.2, 3)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="at least one token"):
        speculate(llama(0), PromptLookup(V), [], 5)
    with pytest.raises(ValueError, match="penalty"):
        speculate(llama(0), PromptLookup(V), [1], 5, sampling=dataclasses.replace(GREEDY, repetition_penalty=1.2))
