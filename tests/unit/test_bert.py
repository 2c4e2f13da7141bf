"""The course's BERT against Transformers' with the same weights: random, MiniLM's, bert-mini's; and the masks."""

import pytest
import torch
import transformers

from utils.models.bert import IGNORED, Bert, BertConfig, BertForPretraining, mask_tokens

B, T, V = 3, 9, 40
SIZES = {"vocab_size": V, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
BERT = transformers.BertConfig(**SIZES, max_position_embeddings=16)
ROBERTA = transformers.RobertaConfig(**SIZES, max_position_embeddings=18, type_vocab_size=1, pad_token_id=1)
SMALL = BertConfig(V, 24, 4, 48, 2, 16)
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@torch.no_grad()
def shaken(module):
    """Every parameter moved, also those that start at 0 or 1 and would hide a fault; in evaluation mode."""
    for parameter in module.parameters():
        parameter.add_(0.2 * torch.randn_like(parameter))
    return module.eval()


def batch(pad_id, size=V, length=T):
    """Ids with filling at the end of two rows, and segments."""
    ids = torch.randint(5, size, (B, length))
    ids[1, 5:], ids[2, 2:] = pad_id, pad_id
    return ids, (torch.arange(length) >= 3).long().expand(B, length)


@torch.no_grad()
def test_encoder_and_pooler_equal_transformers():
    theirs = shaken(transformers.BertModel(BERT))
    ours = Bert.from_hf(theirs)
    ids, segments = batch(0)
    wanted = theirs(ids, attention_mask=(ids != 0).long(), token_type_ids=segments, output_hidden_states=True)
    found = ours.layers(ids, segments)
    for mine, other in zip(found, wanted.hidden_states, strict=True):
        torch.testing.assert_close(mine[ids != 0], other[ids != 0], **CLOSE)
    torch.testing.assert_close(ours.pooled(found[-1]), wanted.pooler_output, **CLOSE)
    torch.testing.assert_close(ours(ids, segments), found[-1])
    assert not torch.allclose(ours(ids), found[-1], atol=1e-3)  # segments matter
    assert Bert.from_hf(transformers.BertModel(BERT, add_pooling_layer=False)).pooler is None


@torch.no_grad()
def test_both_heads_equal_transformers():
    theirs = shaken(transformers.BertForPreTraining(BERT))
    ours = BertForPretraining.from_hf(theirs)
    ids, segments = batch(0)
    wanted = theirs(ids, attention_mask=(ids != 0).long(), token_type_ids=segments)
    torch.testing.assert_close(ours(ids, segments)[ids != 0], wanted.prediction_logits[ids != 0], **CLOSE)
    torch.testing.assert_close(ours.follows(ours.bert(ids, segments)), wanted.seq_relationship_logits, **CLOSE)
    labels, follows = ids.masked_fill(torch.rand(ids.shape) < 0.6, IGNORED), torch.tensor([0, 1, 1])
    given = {"attention_mask": (ids != 0).long(), "token_type_ids": segments, "labels": labels}
    loss = theirs(ids, **given, next_sentence_label=follows).loss
    torch.testing.assert_close(ours.losses(ids, labels, segments, follows), loss, **CLOSE)
    only = BertForPretraining.from_hf(theirs_only := shaken(transformers.BertForMaskedLM(BERT)))
    assert only.next_sentence is None and only.head.weight is only.bert.embedding.weight
    torch.testing.assert_close(only.losses(ids, labels, segments), theirs_only(ids, **given).loss, **CLOSE)


@torch.no_grad()
def test_roberta_is_the_same_model():
    theirs = shaken(transformers.RobertaForMaskedLM(ROBERTA))
    ours = BertForPretraining.from_hf(theirs)
    ids, _ = batch(1)
    wanted = theirs(ids, attention_mask=(ids != 1).long()).logits
    torch.testing.assert_close(ours(ids)[ids != 1], wanted[ids != 1], **CLOSE)
    assert ours.config.longest == 16 and ours.config.segments == 1


@torch.no_grad()
def test_in_half_precision_to_its_rounding():
    theirs = shaken(transformers.BertModel(BERT))
    ids, segments = batch(0)
    exact, ours = theirs(ids, (ids != 0).long(), segments).last_hidden_state, Bert.from_hf(theirs.to(torch.bfloat16))
    assert ours.encoder.blocks[0].feed_forward.inner.weight.dtype == torch.bfloat16
    there = theirs(ids, (ids != 0).long(), segments).last_hidden_state
    rounding = (there.float() - exact)[ids != 0].abs().max()
    assert (ours(ids, segments).float() - exact)[ids != 0].abs().max() < 2 * rounding


@torch.no_grad()
def test_pretrained_weights():
    """bert-mini's, which come with the course, and MiniLM's, where the package is there."""
    from utils.data import catalog

    masked = catalog.load("bert-mini").model.float()
    ids, segments = batch(0, size=3000)
    given = {"attention_mask": (ids != 0).long(), "token_type_ids": segments}
    ours = BertForPretraining.from_pretrained("bert-mini")
    torch.testing.assert_close(ours(ids, segments)[ids != 0], masked(ids, **given).logits[ids != 0], **CLOSE)
    if catalog.available("minilm"):
        encoder = catalog.load("minilm").model
        wanted = encoder(ids, **given)
        found = Bert.from_pretrained("minilm")
        torch.testing.assert_close(found(ids, segments)[ids != 0], wanted.last_hidden_state[ids != 0], **CLOSE)


def test_another_activation_is_refused():
    with pytest.raises(ValueError, match="activation is relu"):
        Bert.from_hf(transformers.BertModel(transformers.BertConfig(**SIZES, hidden_act="relu")))


def test_first_weights_are_as_large_as_the_librarys():
    config = BertConfig(500, 256, 4, 512, 2, 64)
    ours = BertForPretraining(config, next_sentence=True)
    for weight in (ours.head.weight, ours.transform.weight, ours.bert.pooler.weight, ours.bert.embedding.segment_weight):
        assert weight.std().item() == pytest.approx(0.02, rel=0.1)


def test_masks():
    """A tenth of the masked tokens stays, a tenth is drawn; special tokens and filling are never chosen."""
    generator, special = torch.Generator().manual_seed(0), torch.tensor([0, 1, 2, 3, 4])
    ids = torch.randint(0, 1000, (200, 500), generator=generator)
    before = ids.clone()
    masked, labels = mask_tokens(ids, special, 4, 1000, generator)
    chosen = labels != IGNORED
    ordinary = ~torch.isin(ids, special)
    assert torch.equal(ids, before) and torch.equal(labels[chosen], ids[chosen])
    assert torch.equal(masked[~chosen], ids[~chosen]) and ordinary[chosen].all()
    assert (chosen.sum() / ordinary.sum()).item() == pytest.approx(0.15, abs=0.005)
    assert (masked == 4)[chosen].float().mean().item() == pytest.approx(0.8, abs=0.01)
    assert (masked == ids)[chosen].float().mean().item() == pytest.approx(0.1, abs=0.01)
    again = mask_tokens(ids, special, 4, 1000, torch.Generator().manual_seed(7))[1]
    assert not torch.equal(again, labels)
    assert torch.equal(again, mask_tokens(ids, special, 4, 1000, torch.Generator().manual_seed(7))[1])


def test_a_step_of_training_reaches_every_weight():
    model = BertForPretraining(SMALL, next_sentence=True).train()
    ids, segments = batch(0)
    model.losses(ids, ids.masked_fill(ids == 0, IGNORED), segments, torch.tensor([0, 1, 0])).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
