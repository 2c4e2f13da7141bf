"""The small models: what they read, how they are trained (killed, continued, damaged), and what the shipped ones can do."""

import collections
import dataclasses
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
import torch

from utils import metrics, training
from utils.cli import launcher
from utils.device import seconds
from utils.io import CommandError
from utils.small_models import (
    cards,
    fine_tuning_gain,
    initial_values,
    recipes,
    scores,
    sequence_pairs,
    texts,
    trainer,
    vocabulary,
)
from utils.small_models.optimizer import MuonAndAdamW

MODELS = recipes.names()
SHIPPED = [name for name in MODELS if (recipes.FOLDER / name / "model.safetensors").exists()]
TRAINED = [name for name in SHIPPED if recipes.read(name).kind not in ("heads", "adapter")]  # by the trainer, with a log
TINY = dict(
    what="a model for tests",
    lessons=(),
    kind="causal",
    training={"steps": 12, "batch_size": 4, "window": 32, "learning_rate": 1e-2, "matrix_rate": 1e-2, "warmup": 2, "seed": 0},
    tokenizer={"vocabulary": 300, "characters": {"stories": 5000}},
    mixture={"stories": 0.7, "arithmetic": 0.3},
    model={"class": "GPT2LMHeadModel", "config": "GPT2Config", "n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 48},
)


NO_DROPOUT = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}


@pytest.fixture(scope="module")
def tokenizer():
    return vocabulary.byte_pairs({"stories": 20_000, "documentation": 20_000}, 500)


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """`train` knows one small recipe, writes a log line every four steps, and does not look at samples."""
    recipe = recipes.Recipe(name="gpt-mini", **TINY)
    monkeypatch.setattr(recipes, "read", lambda name: recipe)
    monkeypatch.setattr(trainer, "_log_every", lambda steps: 4)
    monkeypatch.setattr(trainer, "VALIDATION_BATCHES", 1)
    monkeypatch.setattr(trainer, "_show_sample", lambda *_: None)
    monkeypatch.setattr(trainer.cards, "write", lambda *_: None)
    return tmp_path / "model"


# --- recipes ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_a_recipe_makes_a_model_and_its_batches(name):
    recipe = recipes.read(name)
    if recipe.kind in ("heads", "adapter", "rewarded"):
        pytest.skip("test_heads.py, test_rated.py and test_rewarded.py have them")
    if "from" in recipe.model or "from" in recipe.tokenizer:
        source = recipe.model.get("from") or recipe.tokenizer["from"]
        assert source in MODELS
        if source not in SHIPPED:
            pytest.skip(f"{source} is not trained yet")
    if "characters" in recipe.tokenizer:  # a tenth of the texts, so that the tokenizer is learned in seconds
        fewer = {kind: count // 10 for kind, count in recipe.tokenizer["characters"].items()}
        recipe = dataclasses.replace(recipe, tokenizer=recipe.tokenizer | {"characters": fewer})
    tokenizer = trainer.tokenizer_for(recipe)
    model = trainer.model_for(recipe, tokenizer)
    batch = trainer.batches_for(recipe, tokenizer, model)(0)
    model = model.eval()
    with torch.no_grad():
        loss = trainer.Loss(model, recipe.kind)(batch).item()
        whole = trainer.Loss(model, recipe.kind)
        whole.few_labels = False
        assert whole(batch).item() == pytest.approx(loss, rel=1e-5), "the places without labels count for nothing"
    assert loss < 1.3 * math.log(len(tokenizer)), "a model without training is about as good as guessing"
    assert batch["input_ids"].max() < len(tokenizer) <= model.config.vocab_size


def test_an_unknown_name_is_met_with_the_near_one():
    with pytest.raises(CommandError, match="no recipe for gpt-mimi. Did you mean gpt-mini"):
        recipes.read("gpt-mimi")


@pytest.mark.parametrize("content", ["what = ", "what = 'x'\nkind = 'causal'\n", "lessons = 3"])
def test_a_damaged_recipe(monkeypatch, tmp_path, content):
    (tmp_path / "gpt-mini").mkdir()
    (tmp_path / "gpt-mini" / "recipe.toml").write_text(content)
    monkeypatch.setattr(recipes, "FOLDER", tmp_path)
    with pytest.raises(CommandError, match="recipe.toml cannot be read"):
        recipes.read("gpt-mini")


# --- texts --------------------------------------------------------------------------------------------------------


def windows(tokenizer, **options):
    settings = dict(mixture={"stories": 0.5, "documentation": 0.3, "arithmetic": 0.2}, batch_size=64, window=24, positions=40)
    return texts.Windows(vocabulary.encoder_of(tokenizer), tokenizer.eos_token_id, **settings | options)


def test_a_batch_is_a_function_of_its_index(tokenizer):
    first, again = windows(tokenizer), windows(tokenizer)
    again(7)
    for name, value in first(3).items():
        assert torch.equal(value, again(3)[name]) and value.shape == (64, 24)
    assert not torch.equal(first(3)["input_ids"], first(4)["input_ids"])
    assert not torch.equal(first(3)["input_ids"], windows(tokenizer, split="test")(3)["input_ids"])


def test_labels_are_one_place_on_and_positions_are_all_trained(tokenizer):
    batch = windows(tokenizer)(0)
    assert torch.equal(batch["input_ids"][:, 1:], batch["labels"][:, :-1])
    places = torch.cat([windows(tokenizer)(index)["position_ids"] for index in range(20)])
    assert set(places.flatten().tolist()) == set(range(40)) and (places.diff(dim=1) == 1).all()


def test_the_documentation_is_cut_into_tokens_once_a_tokenizer(tokenizer, monkeypatch):
    """It is half a million tokens, and a training, its validation and a score ask for it again."""
    texts._documentation_ids.cache_clear()
    asked, documentation = [], texts.documentation
    monkeypatch.setattr(texts, "documentation", lambda split: asked.append(split) or documentation(split)[:50])
    for split in ("train", "test", "train", "test"):
        windows(tokenizer, mixture={"documentation": 1.0}, batch_size=1, split=split)(0)
    assert asked == ["train", "test"]
    texts._documentation_ids.cache_clear()  # of the shortened one


def test_most_windows_begin_with_a_whole_document(tokenizer):
    batch = windows(tokenizer, mixture={"stories": 1.0}, batch_size=400)(0)
    share = (batch["input_ids"][:, 0] == tokenizer.eos_token_id).float().mean()
    assert 0.67 < share < 0.83


@pytest.mark.slow
def test_no_text_is_in_two_splits():
    drawn = {split: {texts.story(Random(n), split).english for n in range(200)} for split in ("train", "validation", "test")}
    documents = {split: set(texts.documentation(split)) for split in drawn}
    written = {split: set(texts.written_texts(split)) for split in drawn}
    for found in (drawn, documents, written):
        assert all(found.values())
        assert not found["train"] & found["validation"] and not (found["train"] | found["validation"]) & found["test"]


@pytest.mark.slow
def test_masks_are_chosen_as_in_bert():
    pieces = vocabulary.word_pieces({"stories": 20_000}, 400)
    batches = texts.MaskedWindows(vocabulary.encoder_of(pieces), pieces, {"stories": 1.0}, batch_size=64, window=40)
    whole = [batches(index) for index in range(12)]
    ids, labels = (torch.cat([batch[name] for batch in whole]) for name in ("input_ids", "labels"))
    assert ids.shape == (768, 40) and (ids[:, 0] == pieces.cls_token_id).all() and (ids[:, -1] == pieces.sep_token_id).all()
    chosen = labels != texts.IGNORED
    assert not chosen[:, 0].any() and not chosen[:, -1].any()
    assert chosen[:, 1:-1].float().mean().item() == pytest.approx(0.15, abs=0.01)
    assert (ids[chosen] == pieces.mask_token_id).float().mean().item() == pytest.approx(0.8, abs=0.02)
    assert (ids[chosen] == labels[chosen]).float().mean().item() == pytest.approx(0.1, abs=0.02)
    assert (ids[~chosen] != pieces.mask_token_id).all()
    more = texts.MaskedWindows(batches.encode, pieces, {"stories": 1.0}, batch_size=512, window=40, mask_share=0.3)
    assert (more(0)["labels"][:, 1:-1] != texts.IGNORED).float().mean().item() == pytest.approx(0.3, abs=0.02)
    assert more.fingerprint != batches.fingerprint


# --- tokenizers ---------------------------------------------------------------------------------------------------


def test_the_tokenizer_cuts_digits_and_keeps_thoughts(tokenizer):
    text = "<|user|>12+30=<|end|><|assistant|><think>2+0</think>42<|end|>"
    ids = tokenizer(text).input_ids
    assert tokenizer.decode(ids) == text
    assert tokenizer.decode(ids, skip_special_tokens=True) == "12+30=<think>2+0</think>42"
    assert [tokenizer.decode(i) for i in tokenizer("1234").input_ids] == list("1234")


def test_the_chat_template_writes_what_the_models_read(tokenizer):
    turns = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Good morning."}]
    written = tokenizer.apply_chat_template(turns, tokenize=False)
    assert written == texts.turn(texts.USER, "Hello") + texts.turn(texts.ASSISTANT, "Good morning.")
    assert tokenizer.apply_chat_template(turns[:1], tokenize=False, add_generation_prompt=True).endswith(texts.ASSISTANT)
    with pytest.raises(Exception, match="user and assistant only"):
        tokenizer.apply_chat_template([{"role": "tool", "content": "x"}], tokenize=False)


# --- tasks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", sequence_pairs.PREFIXES)
def test_a_pair_begins_with_its_prefix(task):
    for number in range(30):
        source, target = sequence_pairs.pair(
            task, Random(number), "validation", 0.3 if sequence_pairs.written_pairs(task, "validation") else 0
        )
        assert source.startswith(sequence_pairs.PREFIXES[task]) and target.strip()


def test_a_question_comes_with_the_sentence_that_answers_it():
    for number in range(100):
        source, target = sequence_pairs.pair("question", Random(number), "validation")
        name = target.split()[-1]
        if target.istitle() and target != "No." and target != "Yes.":
            assert name in source.partition("context:")[2]


def test_entities_as_text():
    tokens, labels = ["Ana", "Kovač", "left", "Porto", ",", "Porto", "!"], ["B-PER", "I-PER", "O", "B-LOC", "O", "B-LOC", "O"]
    assert sequence_pairs.entities_text(tokens, labels) == "PER: Ana Kovač; LOC: Porto"
    assert sequence_pairs.entities_text(["Rain"], ["O"]) == sequence_pairs.NO_ENTITIES
    assert metrics.labeled_spans(["I-PER", "I-LOC", "B-LOC"]) == [("PER", 0, 1), ("LOC", 1, 2), ("LOC", 2, 3)]


def test_pairs_have_the_shapes_of_the_recipe(tokenizer):
    shapes = [
        {"share": 0.5, "tasks": {"translate": 1.0}, "rows": 3, "source": 90, "target": 80},
        {"share": 0.5, "tasks": {"topic": 1.0}, "rows": 2, "source": 250, "target": 12},
    ]
    pairs = sequence_pairs.Pairs(vocabulary.with_end(tokenizer), shapes, {"translate": 0.5}, start=tokenizer.pad_token_id)
    seen = collections.Counter()
    for index in range(12):
        batch = pairs(index)
        seen[tuple(batch["input_ids"].shape), tuple(batch["labels"].shape)] += 1
        assert torch.equal(batch["input_ids"], pairs(index)["input_ids"])
        lengths = batch["attention_mask"].sum(1) - 1
        assert (batch["input_ids"].gather(1, lengths[:, None]) == tokenizer.eos_token_id).all()
        assert (batch["decoder_input_ids"][:, 0] == tokenizer.pad_token_id).all()
        known = batch["labels"] != texts.IGNORED
        shifted = batch["decoder_input_ids"][:, 1:]
        assert torch.equal(shifted[known[:, 1:]], batch["labels"][:, :-1][known[:, 1:]])
    assert set(seen) == {((3, 90), (3, 80)), ((2, 250), (2, 12))}


def test_a_text_to_be_made_whole_lacks_some_of_its_words():
    pairs = [sequence_pairs.pair("restore", Random(number), "train") for number in range(400)]
    missing = total = 0
    for source, target in pairs:
        words, left = target.split(" "), iter(target.split(" "))
        kept = source.removeprefix(sequence_pairs.RESTORE).split(" ") if source != sequence_pairs.RESTORE else []
        assert all(word in left for word in kept), "what is left stands in the order of the text"
        missing, total = missing + len(words) - len(kept), total + len(words)
    assert missing / total == pytest.approx(sequence_pairs.MISSING, abs=0.02)


def test_a_shape_of_the_beginning_ends_and_is_not_held_out(tokenizer):
    vocabulary.with_end(tokenizer)
    shapes = [
        {"share": 1e6, "until": 3, "tasks": {"restore": 1.0}, "rows": 2, "source": 90, "target": 90},
        {"share": 1.0, "tasks": {"translate": 1.0}, "rows": 3, "source": 90, "target": 80},
    ]
    rows = {
        split: [
            len(sequence_pairs.Pairs(tokenizer, shapes, {}, tokenizer.pad_token_id, split=split)(index)["labels"])
            for index in range(6)
        ]
        for split in ("train", "validation")
    }
    assert rows == {"train": [2, 2, 2, 3, 3, 3], "validation": [3] * 6}


# --- the optimizer and where the weights begin --------------------------------------------------------------------


def small_model(kind):
    from transformers import BertConfig, BertForMaskedLM, GPT2Config, GPT2LMHeadModel, T5Config, T5ForConditionalGeneration

    torch.manual_seed(0)
    if kind == "gpt2":
        return GPT2LMHeadModel(
            GPT2Config(
                vocab_size=60, n_embd=24, n_layer=2, n_head=2, n_positions=40, bos_token_id=0, eos_token_id=0, **NO_DROPOUT
            )
        )
    if kind == "bert":
        return BertForMaskedLM(
            BertConfig(
                vocab_size=60,
                hidden_size=24,
                num_hidden_layers=2,
                num_attention_heads=2,
                intermediate_size=48,
                max_position_embeddings=40,
            )
        )
    return T5ForConditionalGeneration(
        T5Config(vocab_size=60, d_model=24, d_kv=8, num_heads=4, d_ff=48, num_layers=2, decoder_start_token_id=0)
    )


@pytest.mark.parametrize("kind, matrices", [("gpt2", 2 * 4), ("bert", 2 * 6 + 1), ("t5", 2 * 6 + 2 * 10)])
def test_matrices_go_to_muon_and_each_parameter_to_one_of_both(kind, matrices):
    model = small_model(kind)
    optimizer = MuonAndAdamW(model, 1e-3, 1e-2, 0.0)
    chosen = [p for group in optimizer.param_groups if group["muon"] for p in group["params"]]
    assert len(chosen) == matrices and all(p.dim() == 2 for p in chosen)
    everything = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert len(everything) == len(set(everything)) and set(everything) == {id(p) for p in model.parameters()}
    assert not {id(p) for p in chosen} & {id(model.get_input_embeddings().weight)}


def test_a_step_of_muon_is_orthogonal_and_slower_ones_are_shorter():
    model = small_model("t5")
    optimizer = MuonAndAdamW(model, 1e-3, 1e-2, 0.0, slower=("Attention.q.weight",), factor=0.25)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for p in model.parameters():
        p.grad = torch.randn_like(p) * torch.logspace(0, 3, p.shape[-1])  # one column has a thousand times the gradient
    optimizer.step()
    layer = "encoder.block.0.layer.0.SelfAttention."
    query, key = ((dict(model.named_parameters())[layer + name] - before[layer + name]) for name in ("q.weight", "k.weight"))
    median_share = lambda matrix: (torch.linalg.svdvals(matrix).median() / torch.linalg.svdvals(matrix).max()).item()  # noqa: E731
    gradient = dict(model.named_parameters())[layer + "k.weight"].grad
    assert median_share(gradient) < 0.1 and median_share(key) > 0.5, "all directions are learned about as fast"
    assert (query.norm() / key.norm()).item() == pytest.approx(0.25, abs=0.05)


def test_another_optimizers_state_is_refused():
    model = small_model("gpt2")
    with pytest.raises(ValueError, match="parameter group"):
        MuonAndAdamW(model, 1e-3, 1e-2, 0.0).load_state_dict(torch.optim.AdamW(model.parameters()).state_dict())


def test_learned_positions_begin_as_sinusoids():
    from utils.positions import sinusoidal

    for kind, of in (("gpt2", lambda m: m.transformer.wpe), ("bert", lambda m: m.bert.embeddings.position_embeddings)):
        model = small_model(kind)
        initial_values.begin(model)
        torch.testing.assert_close(of(model).weight.detach(), initial_values.SIZE * sinusoidal(40, 24))


@torch.no_grad()
def test_t5_begins_with_a_look_at_what_is_near():
    model = small_model("t5")
    initial_values.begin(model)
    encoder, decoder = (stack.block[0].layer[0].SelfAttention.compute_bias(9, 9)[0] for stack in (model.encoder, model.decoder))
    assert (encoder[0].argmax(-1)[1:] == torch.arange(8)).all(), "head 0: the token before"
    assert (encoder[1].argmax(-1)[:-1] == torch.arange(1, 9)).all(), "head 1: the token after"
    assert (encoder[2].diagonal() == 0).all() and (encoder[3] == 0).all()
    assert (decoder[0].tril().argmin(-1)[3:] == 0).all() and (decoder[0].diagonal(-1) == 0).all()


def test_only_what_the_assistant_says_has_labels(tokenizer):
    conversations = sequence_pairs.Conversations(
        vocabulary.encoder_of(tokenizer), tokenizer.eos_token_id, {"told": 0.5, "brought": 0.5}, batch_size=6, window=900
    )
    batch = conversations(0)
    for ids, labels in zip(batch["input_ids"], batch["labels"], strict=True):
        said = tokenizer.decode(labels[labels != texts.IGNORED])
        whole = tokenizer.decode(ids)
        answers = [part.partition(texts.END_OF_TURN)[0] for part in whole.split(texts.ASSISTANT)[1:]]
        assert said == "".join(answer + texts.END_OF_TURN for answer in answers)


# --- training -----------------------------------------------------------------------------------------------------


class Killed(BaseException):
    pass


def killed_after(monkeypatch, step):
    """The log's note kills the training, as a signal would between two steps."""
    note = trainer.Log.note

    def dying(self, done, loss):
        note(self, done, loss)
        if done == step:
            raise Killed

    monkeypatch.setattr(trainer.Log, "note", dying)
    return note


def weights(folder):
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def test_a_killed_training_goes_on_exactly(monkeypatch, tiny, capsys):
    whole = trainer.train("gpt-mini", out=tiny.with_name("whole"))
    note = killed_after(monkeypatch, 6)
    with pytest.raises(Killed):
        trainer.train("gpt-mini", out=tiny)
    assert not (tiny / "model.safetensors").exists() and (tiny / "checkpoint.pt").exists()
    monkeypatch.setattr(trainer.Log, "note", note)
    trainer.train("gpt-mini", out=tiny)
    assert "Going on" in capsys.readouterr().out
    for name, value in weights(whole).items():
        assert torch.equal(value, weights(tiny)[name])
    logs = [[json.loads(line) | {"seconds": 0} for line in (folder / "log.jsonl").open()] for folder in (whole, tiny)]
    assert [row["step"] for row in logs[0]] == [4, 8, 12] and logs[0] == logs[1]
    assert not (tiny / "checkpoint.pt").exists()
    trainer.train("gpt-mini", out=tiny)
    assert "complete" in capsys.readouterr().out


def test_what_is_saved_is_small_and_loads_as_float32(tiny):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = trainer.train("gpt-mini", out=tiny)
    assert all(value.dtype == torch.float16 for value in weights(folder).values())
    model, tokenizer = AutoModelForCausalLM.from_pretrained(str(folder)), AutoTokenizer.from_pretrained(str(folder))
    assert model.dtype == torch.float32 and len(tokenizer) == model.config.vocab_size
    assert not [file.name for file in folder.iterdir() if file.name.startswith(".")]


@pytest.mark.slow
def test_minutes_shorten_the_training(monkeypatch, tiny, capsys):
    monkeypatch.setitem(TINY["training"], "steps", 10_000)
    trainer.train("gpt-mini", minutes=0.02, out=tiny)
    assert "steps fit into 0.02 minutes" in capsys.readouterr().out
    assert 10 <= json.loads((tiny / "run.json").read_text())["steps"] < 10_000


def damaged(folder, kind):
    file = folder / "checkpoint.pt"
    if kind == "truncated":
        file.write_bytes(file.read_bytes()[:-100])
    elif kind == "edited":
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 0xFF
        file.write_bytes(content)
    elif kind == "tokenizer":
        text = (folder / "tokenizer.json").read_text(encoding="utf-8")
        (folder / "tokenizer.json").write_text(
            text.replace('"digits"', '"digit"').replace("\\\\p{N}", "\\\\p{N}+"), encoding="utf-8"
        )
    elif kind == "log":
        (folder / "log.jsonl").write_text("{")
    elif kind == "run":
        (folder / "run.json").write_text("{")
    elif kind == "steps":
        run = json.loads((folder / "run.json").read_text())
        (folder / "run.json").write_text(json.dumps(run | {"steps": 14}))


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind, says",
    [
        ("log", "log.jsonl cannot be read"),
        ("truncated", "damaged or no checkpoint"),
        ("edited", "damaged or no checkpoint"),
        ("steps", "steps changed"),
        ("tokenizer", "the tokenizer .* is not the one"),
        ("run", "run.json cannot be read"),
    ],
)
def test_a_damaged_training_is_refused_and_nothing_is_lost(monkeypatch, tiny, kind, says):
    note = killed_after(monkeypatch, 6)
    with pytest.raises(Killed):
        trainer.train("gpt-mini", out=tiny)
    monkeypatch.setattr(trainer.Log, "note", note)
    damaged(tiny, kind)
    before = (tiny / "checkpoint.pt").read_bytes()
    with pytest.raises(CommandError, match=says) as error:
        trainer.train("gpt-mini", out=tiny)
    assert "\n" not in str(error.value) and (tiny / "checkpoint.pt").read_bytes() == before
    trainer.train("gpt-mini", out=tiny, fresh=True)
    assert (tiny / "model.safetensors").exists()


@pytest.mark.slow
def test_another_length_is_refused(monkeypatch, tiny):
    killed_after(monkeypatch, 6)
    with pytest.raises(Killed):
        trainer.train("gpt-mini", out=tiny)
    with pytest.raises(CommandError, match="another --minutes"):
        trainer.train("gpt-mini", minutes=1, out=tiny)


def test_no_number_ends_the_training_and_keeps_the_checkpoint(monkeypatch, tiny):
    forward = trainer.Loss.forward
    count = 0

    def poisoned(loss, batch):
        nonlocal count
        count += loss.training
        return forward(loss, batch) * (float("nan") if count > 9 else 1)

    monkeypatch.setattr(trainer.Loss, "forward", poisoned)
    with pytest.raises(CommandError, match="The loss of step 10 is nan.*The last checkpoint is untouched"):
        trainer.train("gpt-mini", out=tiny)
    assert training.load_checkpoint(tiny / "checkpoint.pt")["step"] == 8


def test_a_tokenizer_that_does_not_fit_the_model(monkeypatch, tiny, tokenizer):
    folder = trainer.train("gpt-mini", out=tiny)
    monkeypatch.setattr(recipes, "FOLDER", folder.parent)
    recipe = recipes.Recipe(name="chat", **TINY | {"model": {"class": "GPT2LMHeadModel", "from": folder.name}})
    with pytest.raises(CommandError, match="do not belong together"):
        trainer.model_for(recipe, tokenizer)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk(tiny):
    tiny.mkdir()
    os.symlink("/dev/full", tiny / "tokenizer.json")
    with pytest.raises(Exception) as error:
        trainer.train("gpt-mini", out=tiny)
    assert "No space left" in str(error.value) or "disk is full" in launcher.describe(error.value)


@pytest.mark.parametrize(
    "arguments, says",
    [
        ([], "NAME"),
        (["gpt-mimi"], "Did you mean gpt-mini"),
        (["gpt-mini", "--minutes", "0"], "minutes"),
        (["gpt-mini", "--minutes", "nan"], "minutes"),
        (["gpt-mini", "--device", "tpu"], "tpu"),
        (["minilm-heads", "--minutes", "1"], "Leave --minutes out"),
    ],
)
def test_bad_arguments_get_one_line(monkeypatch, capsys, arguments, says):
    monkeypatch.setattr(launcher.environment, "prepare", lambda: Path(sys.executable))
    assert launcher.main(["train", *arguments]) != 0
    said = capsys.readouterr()
    assert says in said.err and said.err.count("\n") == 1 and not said.out


# --- measures -----------------------------------------------------------------------------------------------------


def test_measures_of_a_text():
    assert metrics.exact("The kite.", "kite") and not metrics.exact("the red kite", "kite")
    assert metrics.token_f1("the red kite", "kite") == pytest.approx(2 / 3) and metrics.token_f1("dog", "kite") == 0
    assert metrics.entity_f1([("PER: Mia; LOC: Porto", "PER: Mia"), ("no entities", "no entities")]) == pytest.approx(2 / 3)
    assert metrics.entity_f1([("no entities", "PER: Mia")]) == 0


def test_bits_a_byte_of_a_model_that_guesses(tokenizer):
    """A uniform model pays log2(V) bits a token, however the text is cut into windows."""
    from transformers import GPT2Config, GPT2LMHeadModel

    model = GPT2LMHeadModel(GPT2Config(vocab_size=len(tokenizer), n_embd=8, n_layer=1, n_head=1, n_positions=64)).eval()
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    documents = [text[:1000] for text in texts.documentation("test")[:5]]
    tokens = sum(len(vocabulary.encoder_of(tokenizer)(text)) for text in documents)
    expected = tokens * math.log2(len(tokenizer)) / sum(len(text.encode()) for text in documents)
    for window in (8, 33, 64):
        assert scores.bits_a_byte(model, tokenizer, documents, window) == pytest.approx(expected, rel=1e-5)


# --- the shipped models -------------------------------------------------------------------------------------------


def load(name):
    import transformers

    recipe, folder = recipes.read(name), str(recipes.FOLDER / name)
    return getattr(transformers, recipe.model["class"]).from_pretrained(
        folder
    ).eval(), transformers.AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_there(name):
    if name not in SHIPPED:
        pytest.skip(f"{name} has a recipe and is not trained yet")
    wanted = {"README.md", "config.json", "recipe.toml", "scores.json"} | (
        {"log.jsonl", "curve.png"} if name in TRAINED else set()
    )
    assert wanted <= {file.name for file in (recipes.FOLDER / name).iterdir()}


def test_the_models_have_no_more_than_40_mb_together():
    files = [file for file in recipes.FOLDER.rglob("*") if file.is_file() and not file.name.startswith("checkpoint")]
    assert sum(file.stat().st_size for file in files) <= 40e6


AUTOMATIC = {"masked": "AutoModelForMaskedLM", "text-to-text": "AutoModelForSeq2SeqLM"}  # of the other kinds: CausalLM


@pytest.mark.slow
def test_the_models_load_with_nothing_of_the_course(tmp_path):
    """And in less than a second, once the libraries are imported; by the processor's clock, with room for a slower one.

    The first model is loaded twice: what the library imports at the first load is not the model's.
    """
    models = [(str(recipes.FOLDER / name), AUTOMATIC.get(recipes.read(name).kind, "AutoModelForCausalLM")) for name in TRAINED]
    script = f"""
import sys, time, transformers
seconds = {{}}
for folder, kind in {[*models[:1], *models]!r}:
    automatic = getattr(transformers, kind)
    start = time.process_time()
    model, report = automatic.from_pretrained(folder, output_loading_info=True)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    seconds[folder] = time.process_time() - start
    assert not report["missing_keys"] and not report["unexpected_keys"] and str(model.dtype) == "torch.float32"
    text = tokenizer.decode(tokenizer("Mia found a kite.").input_ids, skip_special_tokens=True)
    assert text.lower() == "mia found a kite."
assert max(seconds.values()) < 5, seconds
assert not any(module.partition(".")[0] == "utils" for module in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in SHIPPED if recipes.read(name).kind in ("causal", "chat", "text-to-text")])
def test_a_hundred_tokens_with_the_cache(name):
    model, tokenizer = load(name)
    ids = tokenizer("Mia found a kite.", return_tensors="pt").input_ids
    options = dict(min_new_tokens=100, max_new_tokens=100, do_sample=False, pad_token_id=tokenizer.pad_token_id)
    model.generate(ids, max_new_tokens=3)
    best = min(seconds(lambda: model.generate(ids, **options), repeats=1) for _ in range(3))
    assert best < 5, "a second on two idle cores; five on a busy machine"


def margin(share, count):
    """Three standard errors of a share measured on so many inputs, the first ones of the card."""
    return 3 * math.sqrt(max(share * (1 - share), 0.01) / count)


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_the_figures_of_the_card_hold(name):
    """A sample of the card's inputs is measured again; the documentation, which differs by version of Python, whole."""
    if recipes.read(name).kind in ("heads", "adapter"):
        pytest.skip("test_heads.py and test_rated.py measure them")
    count = 24
    measured = scores.measure(name, *load(name), count=count)
    written = recipes.read_scores(name)
    for key, value in measured.items():
        if key.startswith("questions_right_"):
            continue  # of one kind the sample holds half a dozen: too few for any bound; all kinds together are compared
        values, known = (value, written[key]) if isinstance(value, list) else ([value], [written[key]])
        found, expected = sum(values) / len(values), sum(known) / len(known)
        bound = 0.05 if "bits" in key else margin(expected, count * len(values))
        assert abs(found - expected) <= bound, f"{key}: {found:.3f} now, {expected:.3f} in the card"


def test_the_models_are_what_the_lessons_count_on():
    """What the cards claim of them. Two goals that are missed are not here: facts that agree at a temperature of 0.7 in 85 of
    100 stories, and 80 of 100 questions by t5-mini."""
    gpt, chat, t5, llama, bert = map(recipes.read_scores, ("gpt-mini", "gpt-mini-chat", "t5-mini", "llama-mini", "bert-mini"))
    assert min(gpt["story_sentences_accepted"]) >= 0.95
    assert scores.mean(gpt["stories_that_agree_at_low_temperature"]) >= 0.85
    assert gpt["documentation_bits_a_byte"] < gpt["documentation_bits_a_byte_of_5_grams"]
    assert chat["questions_right"] >= 0.8
    reached = ("translate_f1", "code_runs_equal", "summarize_f1", "entities_f1", "continue_sentences_accepted")
    assert min(t5[key] for key in reached) >= 0.8
    assert 0.2 <= scores.mean(llama["sums_right_sampled"]) <= 0.5
    assert all(0.1 < share < 0.9 for share in llama["sums_that_think"]), "both habits are there"
    assert bert["masks_filled"] >= 0.6
    for task in ("topic", "entities"):
        assert min(bert[f"{task}_after_a_pretrained_start"]) > max(bert[f"{task}_after_a_random_start"])


@pytest.mark.slow
def test_a_planted_fault_shows_in_the_figures():
    """The model with its first layer's attention cut out must fall out of the margins of its card."""
    model, tokenizer = load("gpt-mini")
    torch.nn.init.zeros_(model.transformer.h[0].attn.c_proj.weight)
    written = recipes.read_scores("gpt-mini")
    measured = scores._documentation(model, tokenizer) | scores._stories(model, tokenizer, count=4)
    assert measured["documentation_bits_a_byte"] > written["documentation_bits_a_byte"] + 0.05
    expected = sum(written["story_sentences_accepted"]) / 3
    assert sum(measured["story_sentences_accepted"]) / 3 < expected - margin(expected, 12)


def test_a_card_counts_the_batches_of_each_shape():
    shapes = [{"share": 9.0, "until": 800}, {"share": 0.75}, {"share": 0.25}]
    assert cards._batches(shapes, 7000) == pytest.approx([720, 4710, 1570])  # 0.9 x 800; 3/4 and 1/4 of the other 6,280
    assert sum(cards._batches(shapes, 500)) == pytest.approx(500)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_card_says_what_the_scores_say(name):
    card = (recipes.FOLDER / name / "README.md").read_text(encoding="utf-8")
    assert cards.NOTES in card and f"python -m utils train {name}" in card
    if recipes.read(name).kind != "heads":
        for key, value in recipes.read_scores(name).items():
            assert f"| {key.replace('_', ' ')} | {cards.shown(key, value)} |" in card
        assert recipes.headline(name)
        run = json.loads((recipes.FOLDER / name / "run.json").read_text(encoding="utf-8"))
        assert run["recipe"] == recipes.read(name).digest, "the recipe beside a model is the one that made it"


def test_each_word_has_its_label_at_its_first_piece():
    _, tokenizer = load("bert-mini")
    names, rows = ["B-PER", "O"], [(["Maximiliana", "ran", "home"], ["B-PER", "O", "O"]), (["No", "!"], ["O", "O"])]
    batch = fine_tuning_gain._words(tokenizer, names, rows)
    for ids, labels, (words, tags) in zip(batch["input_ids"], batch["labels"], rows, strict=True):
        known = labels != texts.IGNORED
        assert [names[label] for label in labels[known]] == tags
        first = [piece.removeprefix("##") for piece in tokenizer.convert_ids_to_tokens(ids[known])]
        assert all(word.lower().startswith(piece) for word, piece in zip(words, first, strict=True))


@pytest.mark.slow
def test_both_starts_differ_in_the_weights_alone(monkeypatch):
    model, tokenizer = load("bert-mini")
    begun = []
    monkeypatch.setattr(fine_tuning_gain, "EPOCHS", {"topic": 1, "entities": 1})
    monkeypatch.setattr(fine_tuning_gain, "SEEDS", (0,))
    monkeypatch.setattr(fine_tuning_gain.training, "train", lambda classifier, *others: begun.append((classifier, others[-1])))
    measured = fine_tuning_gain.measure(model, tokenizer)
    assert list(measured) == [
        f"{task}_after_a_{start}_start" for task in ("topic", "entities") for start in ("pretrained", "random")
    ]
    assert all(0 <= value <= 1 for values in measured.values() for value in values)
    for (pretrained, settings), (random, others) in (begun[:2], begun[2:]):
        assert settings == others and pretrained.config.to_dict() == random.config.to_dict()
        same = [
            torch.equal(start.bert.state_dict()[name], value)
            for start in (pretrained, random)
            for name, value in model.bert.state_dict().items()
            if name.endswith("query.weight")
        ]
        assert same == [True] * 4 + [False] * 4
