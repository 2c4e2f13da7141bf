"""utils.experiments.autotrain: the files that a run needs without the Hub, and what its log says."""

import json

import pytest

from utils.experiments import autotrain

LOG = """INFO     | 2026-11-27 | autotrain.trainers.common:on_log:367 - {'loss': 0.5, 'grad_norm': 0.1, 'epoch': 0.5}
{'loss': 0.5, 'grad_norm': 0.1, 'epoch': 0.5}
INFO     | 2026-11-27 | autotrain.trainers.common:on_log:367 - {'eval_loss': 0.75, 'eval_rouge1': 65.7, 'epoch': 1.0}
INFO     | 2026-11-27 | autotrain.trainers.common:on_log:367 - {'loss': 0.25, 'grad_norm': 0.1, 'epoch': 1.5}
INFO     | 2026-11-27 | autotrain.trainers.common:on_log:367 - {'train_runtime': 47.6, 'train_loss': 0.4, 'epoch': 2.0}
INFO     | 2026-11-27 | autotrain.trainers.common:on_log:367 - {'eval_loss': 0.75, 'eval_runtime': 9.0, 'epoch': 1.0}
"""


def test_losses_of_training_and_validation_each_once():
    assert autotrain.losses(LOG) == {"training": [(0.5, 0.5), (1.5, 0.25)], "validation": [(1.0, 0.75)]}


def test_a_log_without_training():
    assert autotrain.losses("ERROR | train has failed") == {"training": [], "validation": []}


def test_what_the_trainer_would_fetch_is_laid_out(tmp_path):
    variables = autotrain.lay_out(tmp_path, "Dr. Mia came. She saw Mr. Bo. They left. " * 20)
    compile((tmp_path / "rouge" / "rouge.py").read_text(encoding="utf-8"), "rouge.py", "exec")
    punkt = tmp_path / "nltk_data" / "tokenizers" / "punkt_tab" / "english"
    assert variables["NLTK_DATA"] == str(tmp_path / "nltk_data") and variables["HF_HUB_OFFLINE"] == "1"
    assert sorted(file.name for file in punkt.iterdir()) == [
        "abbrev_types.txt",
        "collocations.tab",
        "ortho_context.tab",
        "sent_starters.txt",
    ]
    assert (punkt / "ortho_context.tab").stat().st_size > 0


@pytest.mark.slow
def test_the_base_is_saved_for_version_4_and_stays_as_it_is(tmp_path):
    from utils.data import catalog

    model, tokenizer = catalog.load("t5-mini")
    before = model.generation_config.max_length
    autotrain.save_base(model, tokenizer, tmp_path, longest=77)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert config["tokenizer_class"] == "PreTrainedTokenizerFast" and "token_type_ids" not in config["model_input_names"]
    assert json.loads((tmp_path / "generation_config.json").read_text(encoding="utf-8"))["max_length"] == 77
    assert model.generation_config.max_length == before
