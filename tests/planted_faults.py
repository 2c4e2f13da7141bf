"""Faults planted one at a time into a copy of `utils`: for each, the fast test that is named beside it must fail.

    python tests/planted_faults.py                    the whole table
    python tests/planted_faults.py training --processes 2    the faults whose file has this word in its name

The processes are forked, so this runs on Linux and macOS. Exit code 1 where a fault survives, where its old text no longer stands in the file exactly once, or where a test named
here does not pass without a fault. Who changes a line that stands here changes it here too.
"""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one thread: a process with more cannot be forked safely
ROOT = Path(__file__).resolve().parent.parent


class Fault(NamedTuple):
    """`old` in utils/`file` becomes `new`; then `test` in tests/unit must fail."""

    file: str
    old: str
    new: str
    test: str


TIES = "test_tokenization.py::test_training_equals_tokenizers_where_ties_and_overlaps_abound"
DROPOUT = "test_transformer.py::test_dropout_stands_where_pytorch_has_it"
BERT = "test_bert.py::test_"
GAPS = "test_experiments.py::test_"
EXPORT = "test_export.py::test_"
ISOLATED = "test_isolated.py::test_"
FINE_TUNING = "test_fine_tuning.py::test_"
KEPT = "test_kept_steps.py::test_"
SKILL = "test_old_skill.py::test_"
TASTES = "test_tastes.py::test_"
GRPO = "test_grpo.py::test_"
REWARDED = "test_rewarded.py::test_"
POLICY = "test_policy.py::test_"
MIDDLES = "test_middles.py::test_"
WRITTEN = "test_written.py::test_"
CONTINUATIONS = "test_continuations.py::test_"
PREFERENCES = "test_preferences.py::test_"
GPT = "test_gpt.py::test_"
GENERATION = "test_generation.py::test_"
SIZES = "test_sizes.py::test_"
SPECULATIVE = "test_speculative.py::test_"
LLAMA = "test_llama.py::test_"
DEEPSEEK = "test_deepseek.py::test_"
FP8 = "test_quantization.py::test_"
FIRST_WEIGHTS = "test_parts.py::test_first_weights_"

FAULTS = [
    # --- tokenization: merges and ids
    Fault("tokenization.py", "% 2 == 0]", "% 2 >= 0]", TIES),
    Fault("tokenization.py", "if starts[place] == left:  # not so", "if True:  # not so", TIES),
    Fault("tokenization.py", "if before != _NO_TOKEN and before != new:", "if before != _NO_TOKEN:", TIES),
    Fault("tokenization.py", "(before != _NO_TOKEN) & (before != new)", "before != _NO_TOKEN", TIES),
    Fault("tokenization.py", "if count == -negative_count:", "if count:", TIES),
    Fault("tokenization.py", "torch.tensor(list(counts), ", "torch.tensor([1] * len(counts), ", TIES),
    Fault(
        "tokenization.py", "new = min(made)", "new = max(made)", "test_tokenization.py::test_both_ways_of_encoding_are_the_same"
    ),
    Fault(
        "tokenization.py",
        "key=len, reverse=True)",
        "key=len)",
        "test_tokenization.py::test_special_tokens_are_found_only_when_allowed",
    ),
    # --- export: the order of rows, what is left out, which tokens are shown, where a text ends
    Fault(
        "export/gguf.py",
        "reshape(heads, 2, rows // heads // 2, columns)",
        "reshape(heads, rows // heads // 2, 2, columns)",
        EXPORT + "log_probabilities_equal_transformers",
    ),
    Fault(
        "export/gguf.py",
        '"attn_k": config.num_key_value_heads',
        '"attn_k": config.num_attention_heads',
        EXPORT + "other_llamas_equal_transformers",
    ),
    Fault("export/gguf.py", "(plain / scaled)", "(scaled / plain)", EXPORT + "other_llamas_equal_transformers"),
    Fault(
        "export/gguf.py",
        'if name == "lm_head.weight" and config.tie_word_embeddings:',
        'if name == "lm_head.weight":',
        EXPORT + "other_llamas_equal_transformers",
    ),
    Fault(
        "export/gguf.py",
        '"mlp.gate_proj": "ffn_gate"',
        '"mlp.gate_proj": "ffn_up"',
        EXPORT + "log_probabilities_equal_transformers",
    ),
    Fault("export/gguf.py", 'if token["special"] else', "if True else", EXPORT + "special_tokens_have_their_kinds"),
    Fault(
        "export/gguf.py",
        'return "smollm" if digits else "gpt-2"',
        'return "gpt-2"',
        EXPORT + "ways_to_cut_text_have_their_names",
    ),
    Fault(
        "export/gguf.py",
        'patterns[0] == PATTERNS["digits"] and not any(',
        'patterns[0] == PATTERNS["digits"] or not any(',
        EXPORT + "ways_to_cut_text_have_their_names",
    ),
    Fault(
        "export/gguf.py",
        "and begins == [tokenizer.bos_token_id]",
        "and False",
        EXPORT + "a_tokenizer_that_begins_with_a_token_says_so",
    ),
    Fault(
        "export/gguf.py", "array.shape[-1] % BLOCK", "array.shape[0] % BLOCK", EXPORT + "rows_that_do_not_divide_into_blocks"
    ),
    Fault(
        "export/gguf.py",
        'chosen = of_embeddings if key in ("token_embd.weight", "output.weight") else',
        "chosen =",
        EXPORT + "what_stays_finer",
    ),
    Fault(
        "export/gguf.py",
        'if kind == "dynamic" or attention_factor != 1.0:',
        'if kind == "dynamic":',
        EXPORT + "other_models_are_refused",
    ),
    Fault(
        "export/engine.py",
        "known.parameters < SMALL",
        "known.parameters > SMALL",
        EXPORT + "a_very_small_model_computes_in_one_thread",
    ),
    Fault(
        "export/requests.py",
        '"key_separator": ": "',
        '"key_separator": ":"',
        EXPORT + "blanks_in_a_form_are_those_of_json_dumps",
    ),
    Fault("export/engine.py", "room if wanted < 0 else min(wanted, room)", "wanted", EXPORT + "the_context_is_kept_to"),
    Fault(
        "export/engine.py",
        '"add_special": True',
        '"add_special": False',
        EXPORT + "a_tokenizer_that_begins_with_a_token_says_so",
    ),
    Fault(
        "export/engine.py",
        'return bool(show(choice["text"]) if',
        'return bool(show(choice["text"]) and False if',
        EXPORT + "writing_can_be_ended_and_limited",
    ),
    Fault(
        "export/ollama.py",
        "if re.search(r'[\"\\r\\n]', text)",
        "if re.search(r'[\\r\\n]', text)",
        EXPORT + "a_text_with_a_quotation_mark_stands_in_three",
    ),
    Fault("export/ollama.py", "len(text) >= 2 * len(mark) and", "", EXPORT + "a_modelfile_comes_back"),
    Fault("export/ollama.py", '"0.0.0.0": "127.0.0.1", ', "", EXPORT + "where_ollama_is_looked_for"),
    Fault("export/ollama.py", "urllib.request.ProxyHandler({})", "urllib.request.ProxyHandler()", EXPORT + "who_answers_there"),
    Fault(
        "export/conversation.py",
        "certain = len(thinking) - _beginning(thinking)",
        "certain = len(thinking)",
        EXPORT + "thinking_is_told_from_the_answer_wherever_the_text_is_cut",
    ),
    Fault(
        "export/conversation.py",
        "elif not OPEN.startswith(start):",
        "elif start:",
        EXPORT + "thinking_is_told_from_the_answer_wherever_the_text_is_cut",
    ),
    Fault(
        "export/conversation.py",
        'enumerate(kept[:-1]) if message["role"]',
        'reversed(list(enumerate(kept[:-1]))) if message["role"]',
        EXPORT + "the_oldest_turns_make_room",
    ),
    Fault(
        "export/conversation.py", "if think is False and known.can_think", "if False", EXPORT + "the_prompt_is_the_templates"
    ),
    Fault("export/requests.py", "and not isinstance(value, bool)", "", EXPORT + "a_request_that_cannot_be_met"),
    Fault("export/requests.py", "parse_constant=_no_number", "", EXPORT + "a_body_that_is_none"),
    Fault("export/requests.py", "except RecursionError:", "except MemoryError:", EXPORT + "a_body_that_is_none"),
    Fault("export/library.py", "if not path.is_file() or path", "if True or path", EXPORT + "what_serve_is_given"),
    # --- GPT: weights by their names, padding takes no places, the last position sees all
    # --- DeepSeek: latents, turned parts, experts and their groups, the bias, tokens ahead
    Fault(
        "models/deepseek.py",
        "self.rotate(key, past)",
        "self.rotate(key)",
        DEEPSEEK + "the_cache_changes_nothing_and_equals_transformers_step_by_step",
    ),
    Fault(
        "models/deepseek.py",
        "turned = self.rotate(turned, past)",
        "turned = self.rotate(turned)",
        DEEPSEEK + "the_cache_changes_nothing_and_equals_transformers_step_by_step",
    ),
    Fault(
        "models/deepseek.py",
        "latent, key = self.latent_norm(latent), ",
        "latent, key = latent, ",
        DEEPSEEK + "logits_and_gradients_equal_transformers",
    ),
    Fault(
        "models/deepseek.py",
        "causal_mask(length, past, device",
        "causal_mask(length + past, 0, device",
        DEEPSEEK + "the_cache_changes_nothing_and_equals_transformers_step_by_step",
    ),
    Fault(
        "models/deepseek.py",
        "(self.absorb is None and past)",
        "self.absorb is None",
        DEEPSEEK + "where_nothing_is_said_a_cached_past_is_absorbed",
    ),
    Fault(
        "models/deepseek.py",
        "query_size = config.head_size + config.rotate.head_size",
        "query_size = config.head_size",
        DEEPSEEK + "the_scale_is_that_of_both_parts",
    ),
    Fault(
        "models/deepseek.py",
        'scale *= yarn_attention_factor(theirs.rope_parameters["factor"], theirs.rope_parameters["mscale_all_dim"]) ** 2',
        'scale *= yarn_attention_factor(theirs.rope_parameters["factor"], theirs.rope_parameters["mscale_all_dim"])',
        DEEPSEEK + "logits_and_gradients_equal_transformers",
    ),
    Fault(
        "models/deepseek.py",
        "keys, keys[..., : self.latent], *options",
        "keys, keys[..., -self.latent :], *options",
        DEEPSEEK + "absorbed_equals_naive_to_the_last_digits",
    ),
    Fault(
        "models/deepseek.py",
        "return mixed @ to_value.transpose(1, 2)",
        "return mixed @ to_value.flip(0).transpose(1, 2)",
        DEEPSEEK + "absorbed_equals_naive_to_the_last_digits",
    ),
    Fault("models/deepseek.py", "wanted.topk(2, -1)", "wanted.topk(1, -1)", DEEPSEEK + "groups_are_judged_by_their_two_best"),
    Fault(
        "models/deepseek.py",
        "masked_fill(closed[..., None], -torch.inf)",
        "masked_fill(closed[..., None], 0.0)",
        DEEPSEEK + "negative_scores_with_their_bias_leave_closed_groups_closed",
    ),
    Fault(
        "models/deepseek.py",
        "weights = scores.gather(-1, chosen)",
        "weights = (scores + bias).gather(-1, chosen)",
        DEEPSEEK + "the_bias_chooses_and_leaves_the_weights_alone",
    ),
    Fault(
        "models/deepseek.py",
        "return weights * config.routed_scale, chosen",
        "return weights, chosen",
        DEEPSEEK + "weights_are_normalized_then_scaled",
    ),
    Fault(
        "models/deepseek.py", "if config.normalized:", "if True:", DEEPSEEK + "the_bias_chooses_and_leaves_the_weights_alone"
    ),
    Fault(
        "models/deepseek.py",
        "torch.sign(load.mean() - load)",
        "torch.sign(load - load.mean())",
        DEEPSEEK + "the_bias_goes_up_where_too_few_and_down_where_too_many",
    ),
    Fault(
        "models/deepseek.py",
        "rate * torch.sign(",
        "rate * (",
        DEEPSEEK + "the_bias_goes_up_where_too_few_and_down_where_too_many",
    ),
    Fault(
        "models/deepseek.py",
        "load.max() / load.mean() - 1",
        "load.max() / load.mean()",
        DEEPSEEK + "violation_is_what_the_busiest_has_too_much",
    ),
    Fault(
        "models/deepseek.py",
        "            mixture.load.zero_()\n",
        "",
        DEEPSEEK + "balancing_makes_the_load_even_and_no_gradient_is_touched",
    ),
    Fault(
        "models/deepseek.py",
        "        if self.training:\n",
        "        if True:\n",
        DEEPSEEK + "loads_are_counted_in_training_alone",
    ),
    Fault(
        "models/deepseek.py",
        "number < config.dense_layers",
        "number <= config.dense_layers",
        DEEPSEEK + "logits_and_gradients_equal_transformers",
    ),
    Fault(
        "models/deepseek.py",
        "config.shared * config.expert_hidden",
        "config.expert_hidden",
        DEEPSEEK + "experts_are_a_weighted_sum_beside_the_shared",
    ),
    Fault(
        "models/deepseek.py",
        "weights[token, slot, None]",
        "weights[token, 0, None]",
        DEEPSEEK + "experts_are_a_weighted_sum_beside_the_shared",
    ),
    Fault("models/deepseek.py", "mixture.bias = mixture.bias.float()", "pass", DEEPSEEK + "in_16_bits_the_bias_stays_in_32"),
    Fault("models/deepseek.py", "pairs[:, ::2], pairs[:, 1::2]", "pairs", DEEPSEEK + "logits_and_gradients_equal_transformers"),
    Fault("models/deepseek.py", "if interleaved and name", "if name", DEEPSEEK + "logits_and_gradients_equal_transformers"),
    Fault(
        "models/deepseek.py",
        "self.embedding(ids[:, k:])",
        "self.embedding(ids[:, :-k])",
        DEEPSEEK + "prediction_modules_equal_transformers",
    ),
    Fault(
        "models/deepseek.py",
        "[self.embedding_norm(embedded), self.hidden_norm(hidden)]",
        "[self.hidden_norm(hidden), self.embedding_norm(embedded)]",
        DEEPSEEK + "prediction_modules_equal_transformers",
    ),
    Fault(
        "models/deepseek.py",
        "self.block(x, causal=True, caches=caches)",
        "self.block(x, causal=False, caches=caches)",
        DEEPSEEK + "no_later_token_changes_an_earlier_prediction",
    ),
    Fault(
        "models/deepseek.py",
        "return self.final_norm(self.block",
        "return (self.block",
        DEEPSEEK + "prediction_modules_equal_transformers",
    ),
    Fault(
        "models/deepseek.py",
        "ids[:, k:].flatten()) for k, logits",
        "ids[:, 1 : ids.shape[1] - k + 1].flatten()) for k, logits",
        DEEPSEEK + "the_loss_is_that_of_each_place_and_its_own_token",
    ),
    Fault(
        "models/deepseek.py",
        "torch.stack(losses[1:]).mean()",
        "torch.stack(losses[1:]).sum()",
        DEEPSEEK + "the_loss_is_that_of_each_place_and_its_own_token",
    ),
    Fault(
        "positions.py",
        "yarn_attention_factor(factor, weights[0]) / yarn",
        "yarn_attention_factor(factor, weights[1]) / yarn",
        "test_positions.py::test_yarns_attention_factor_with_weights_equals_transformers",
    ),
    Fault(
        "quantization.py",
        "filled = F.pad(x.detach().float(), (0, -x.shape[1] % columns, 0, -x.shape[0] % rows))",
        "filled = F.pad(x.detach().float(), (-x.shape[1] % columns, 0, 0, -x.shape[0] % rows))",
        FP8 + "fp8_of_weights_has_a_scale_for_each_square_also_at_the_edges",
    ),
    Fault(
        "quantization.py",
        "blocks.abs().amax((1, 3)) / torch.finfo(torch.float8_e4m3fn).max",
        "blocks.abs().amax((1, 3)) / 240",
        FP8 + "fp8_takes_the_nearest_number_of_each_tile",
    ),
    Fault(
        "quantization.py",
        "blocks.abs().amax((1, 3))",
        "blocks.abs().amax()[None, None].expand(len(blocks), blocks.shape[2])",
        FP8 + "an_outlier_spoils_its_own_tile_alone",
    ),
    Fault(
        "quantization.py",
        "FP8.quantize(x.flatten(0, -2), 1, block)",
        "FP8.quantize(x.flatten(0, -2), block, block)",
        FP8 + "a_layer_in_fp8_is_its_factors_multiplied_out",
    ),
    Fault(
        "quantization.py",
        "scale = torch.where(scale == 0, 1.0, scale)  # of zeros",
        "scale = scale  # of zeros",
        FP8 + "zeros_stay_zeros_in_fp8",
    ),
    # --- Llama: heads of keys and values, the cosines and sines that are kept
    Fault(
        "models/llama.py", "key_value_heads=theirs.num_key_value_heads,", "", LLAMA + "logits_and_gradients_equal_transformers"
    ),
    Fault("models/llama.py", "epsilon=theirs.rms_norm_eps", "epsilon=1e-2", LLAMA + "logits_and_gradients_equal_transformers"),
    Fault("models/llama.py", "frequencies=found, ", "", LLAMA + "logits_and_gradients_equal_transformers"),
    Fault("positions.py", "asked = start, length,", "asked = 0, length,", LLAMA + "the_cache_changes_nothing"),
    Fault("models/gpt.py", "weight = weight.T", "pass", GPT + "logits_and_gradients_equal_transformers"),
    Fault(
        "models/gpt.py",
        '("query", "key", "value")',
        '("key", "query", "value")',
        GPT + "logits_and_gradients_equal_transformers",
    ),
    Fault("models/gpt.py", 'activation="gelu_tanh"', 'activation="gelu"', GPT + "logits_and_gradients_equal_transformers"),
    Fault("models/gpt.py", "block.feed_forward.dropout.p = 0.0", "pass", GPT + "dropout_stands_where_gpt2_has_it"),
    Fault("models/gpt.py", 'initialization="gpt2"', 'initialization="normal"', GPT + "first_weights_are_transformers"),
    Fault(
        "models/transformer.py",
        "past - mask.int().argmax(dim=1)",
        "past",
        GPT + "left_padding_changes_nothing_and_equals_transformers",
    ),
    Fault("models/transformer.py", "past - mask.int()", "0 - mask.int()", GPT + "with_cache_equals_all_at_once"),
    Fault("positions.py", ".clamp(min=0)", "", "test_positions.py::test_places_of_rows_that_begin_with_padding"),
    Fault("attention.py", "causal and x.shape[1] > 1", "causal and x.shape[1] > 3", GPT + "with_cache_equals_all_at_once"),
    Fault("models/gpt.py", "past - mask.int()", "0 - mask.int()", GPT + "the_short_way_of_a_single_token_computes_the_same"),
    Fault("models/gpt.py", "!= GPT2:", "is None:", GPT + "the_short_way_is_that_of_gpt2_alone"),
    Fault(
        "models/gpt.py", "or module._forward_pre_hooks", "", GPT + "the_short_way_is_left_where_a_module_does_something_else"
    ),
    Fault(
        "models/gpt.py", "type(module) not in PLAIN", "False", GPT + "the_short_way_is_left_where_a_module_does_something_else"
    ),
    # --- sizes: what a decoder costs
    Fault("sizes.py", "(2 + self.gated)", "2", SIZES + "weights_are_those_of_the_model"),
    Fault("sizes.py", "(self.heads + self.key_value_heads)", "2 * self.heads", SIZES + "weights_are_those_of_the_model"),
    Fault("sizes.py", "(past + tokens)", "tokens", SIZES + "operations_are_those_that_pytorch_counts"),
    Fault(
        "sizes.py",
        "self.key_value_heads * self.head_size * tokens * batch",
        "self.heads * self.head_size * tokens * batch",
        SIZES + "the_cache_takes_the_bytes_that_are_calculated",
    ),
    # --- speculative decoding: the rule, the cache, the drafts
    Fault(
        "speculative.py",
        "left = (target[stay] - draft[stay]).clamp(min=0)",
        "left = target[stay]",
        SPECULATIVE + "the_rule_by_hand",
    ),
    Fault(
        "speculative.py",
        "(draws < ratio).long().cumprod(0)",
        "(draws < ratio).long()",
        SPECULATIVE + "a_rejected_proposal_ends_the_pass",
    ),
    Fault("speculative.py", "self._cache.crop(length - self.length)", "pass", SPECULATIVE + "going_back_forgets"),
    Fault("speculative.py", "range(len(text) - size - 1, -1, -1)", "range(len(text) - size)", SPECULATIVE + "look_up"),
    Fault(
        "speculative.py",
        "kept = kept[: kept.index(end_id) + 1]",
        "pass",
        SPECULATIVE + "it_ends_at_the_end_token_and_not_after_it",
    ),
    # --- generation: which tokens stay, who has ended, what is shown
    Fault(
        "generation.py",
        "position_ids=places).last_hidden_state",
        "position_ids=None).last_hidden_state",
        GENERATION + "a_model_of_the_library_writes_here_what_it_writes_there",
    ),
    Fault("generation.py", "<= 1 - p", "< p", GENERATION + "processors_by_hand"),
    Fault("generation.py", "logits < last", "logits <= last", GENERATION + "each_processor_equals_transformers"),
    Fault("generation.py", "p * probabilities.amax(-1, keepdim=True)", "p", GENERATION + "each_processor_equals_transformers"),
    Fault(
        "generation.py",
        "found * penalty, found / penalty",
        "found / penalty, found / penalty",
        GENERATION + "each_processor_equals_transformers",
    ),
    Fault(
        "generation.py",
        "torch.where(mask, ids, ids[:, -1:])",
        "ids",
        GENERATION + "greedy_equals_generate_with_and_without_left_padding",
    ),
    Fault("generation.py", "masked_fill(ended, pad_id)", "clone()", GENERATION + "a_row_that_has_ended_is_filled_up"),
    Fault(
        "generation.py",
        "ended | stop(seen[:, length : place + 1])",
        "stop(seen[:, place : place + 1])",
        GENERATION + "stop_strings_end_rows",
    ),
    Fault(
        "generation.py",
        "model.train(training)\n\n\nclass LibraryModel",
        "pass\n\n\nclass LibraryModel",
        GENERATION + "the_model_keeps_its_mode_and_can_be_trained_on_what_it_wrote",
    ),
    Fault(
        "generation.py",
        "@torch.inference_mode()",
        "",
        GENERATION + "the_model_keeps_its_mode_and_can_be_trained_on_what_it_wrote",
    ),
    Fault(
        "generation.py", 'if not text.endswith("\\ufffd") and', "if", GENERATION + "a_stream_holds_back_what_may_still_change"
    ),
    Fault("generation.py", "range(len(stop)) if", "range(1) if", GENERATION + "a_stream_holds_back_what_may_still_change"),
    Fault("generation.py", "cache.keep(rows[going])", "pass", GENERATION + "beam_search_equals_generate"),
    Fault("generation.py", "length**length_penalty, texts", "length, texts", GENERATION + "beam_search_equals_generate"),
    # --- n-grams: shorter stretches count by what stood before them, and nothing is lost
    Fault(
        "experiments/byte_grams.py",
        "discount * different[known]",
        "discount * 1",
        "test_byte_grams.py::test_all_bytes_share_one",
    ),
    Fault(
        "experiments/byte_grams.py",
        "numpy.unique(_last(grams, size), return_counts=True)",
        "numpy.unique(_last(grams, size), return_counts=True)[0], numpy.ones(len(numpy.unique(_last(grams, size))), int)",
        "test_byte_grams.py::test_by_hand",
    ),
    Fault("experiments/in_context.py", "if word.endswith(old):", "if True:", "test_byte_grams.py::test_the_ends_of_words"),
    # --- isolated: what a tool made is fresh, or it is nothing
    Fault("isolated.py", "shutil.rmtree(target, ignore_errors=True)", "pass", ISOLATED + "an_old_file_is_deleted_first"),
    Fault(
        "isolated.py",
        "path.stat().st_mtime_ns >= begun",
        "path.stat().st_mtime_ns >= 0",
        ISOLATED + "a_copy_of_an_old_file_is_not_fresh",
    ),
    Fault("isolated.py", "if status or stale:", "if status:", ISOLATED + "exit_code_0_without_a_file_is_refused"),
    Fault("isolated.py", "if free < needed:", "if free < 0:", ISOLATED + "a_full_disk_is_said_before"),
    Fault(
        "experiments/autotrain.py",
        '(said["epoch"], said["eval_loss"]) not in found["validation"]',
        "said",
        "test_autotrain.py::test_losses_of_training_and_validation_each_once",
    ),
    # --- medical questions: LitGPT's adapter, and how answers are judged
    Fault(
        "experiments/medical.py",
        'if match[3] == "A" else [heads * head, groups * head, groups * head]',
        'if match[3] == "A" else [groups * head, groups * head, heads * head]',
        "test_medical.py::test_litgpt_s_adapter_fits_the_course_s_layers",
    ),
    Fault(
        "experiments/medical.py",
        "/ len(text.encode())).item()",
        "/ len(one)).item() + 1e-3",
        "test_medical.py::test_scores_are_those_of_reading_each_answer_alone",
    ),
    # --- fine-tuning: batches, rates by layer, weights between; which step is kept, what was found
    Fault(
        "fine_tuning.py",
        "[: len(rows) // size * size]",
        "[: len(rows)]",
        FINE_TUNING + "rows_left_out_are_others_in_each_epoch",
    ),
    Fault(
        "fine_tuning.py",
        "key=lambda row: lengths[row])",
        "key=lambda row: row)",
        FINE_TUNING + "batches_are_of_like_length_and_take_each_row_once_an_epoch",
    ),
    Fault(
        "fine_tuning.py",
        "for place in generator.permutation(len(epoch))]",
        "for place in range(len(epoch))]",
        FINE_TUNING + "batches_are_shuffled_and_come_again_with_the_seed",
    ),
    Fault("fine_tuning.py", "decay ** (layers - place)", "decay ** (layers - 1 - place)", FINE_TUNING + "rates_by_hand"),
    Fault(
        "fine_tuning.py",
        "min(parts, 1 + 10 * step // steps)",
        "min(parts, 10 * step // steps)",
        FINE_TUNING + "unfreezing_by_hand",
    ),
    Fault(
        "fine_tuning.py",
        "alpha * weight + (1 - alpha) * start[name]",
        "(1 - alpha) * weight + alpha * start[name]",
        FINE_TUNING + "interpolation_has_its_ends_and_a_new_head",
    ),
    Fault(
        "fine_tuning.py",
        "len(labels) / (len(counts) * counts)",
        "len(labels) / counts",
        FINE_TUNING + "class_weights_are_those_of_scikit_learn",
    ),
    Fault("fine_tuning.py", "        optimizer.zero_grad()\n", "", FINE_TUNING + "the_range_test_is_sgd_with_rising_rates"),
    Fault("experiments/kept_steps.py", "-seen[-1].loss", "seen[-1].loss", KEPT + "each_measure_keeps_its_step"),
    Fault("experiments/kept_steps.py", "weight.clone() for", "weight for", KEPT + "each_measure_keeps_its_step"),
    Fault("experiments/kept_steps.py", "        model.train()\n", "", KEPT + "looking_changes_nothing"),
    Fault(
        "experiments/old_skill.py",
        "/ numpy.linalg.norm(one, axis=1, keepdims=True)",
        "",
        SKILL + "the_search_goes_by_angle_and_counts_any_sentence_of_the_passage",
    ),
    Fault(
        "experiments/old_skill.py",
        "for row in range(len(rows_of_ids))]",
        "for row in order]",
        SKILL + "rows_come_back_in_their_order_and_padding_counts_for_nothing",
    ),
    # --- quantization: steps, zero point, channels
    Fault(
        "quantization.py",
        "else (-low / scale).round()",
        "else (-low / scale).floor()",
        "test_quantization.py::test_a_zero_point_is_that_of_onnx_runtime",
    ),
    Fault(
        "quantization.py",
        "if axis is None or k != axis % x.dim()]",
        "if axis is None or k == axis % x.dim()]",
        "test_quantization.py::test_a_scale_for_each_channel_is_pytorchs",
    ),
    Fault(
        "quantization.py",
        "((x / scale).round() + zero_point)",
        "((x / scale).floor() + zero_point)",
        "test_quantization.py::test_one_scale_is_pytorchs",
    ),
    # --- four bits and LoRA: packing, levels, scale, merging
    Fault(
        "quantization.py",
        "return codes[::2] << 4 | codes[1::2]",
        "return codes[1::2] << 4 | codes[::2]",
        "test_quantization.py::test_two_codes_share_a_byte_the_first_in_the_high_bits",
    ),
    Fault(
        "quantization.py",
        "outermost = 1 - (1 / 30 + 1 / 32) / 2",
        "outermost = 1 - 1 / 32",
        "test_quantization.py::test_the_levels_are_the_published_ones",
    ),
    Fault(
        "quantization.py",
        "((rows - low) * inverse + 0.5).floor()",
        "((rows - low) * inverse).floor()",
        "test_quantization.py::test_q4_1_is_ggufs",
    ),
    Fault(
        "quantization.py",
        "middles = (levels[1:] + levels[:-1]) / 2",
        "middles = levels[:-1]",
        "test_quantization.py::test_nf4_takes_the_nearest_level_of_each_block",
    ),
    Fault(
        "quantization.py",
        "(8 + 32 / self.group) / self.block",
        "8 / self.block",
        "test_quantization.py::test_nf4_takes_the_nearest_level_of_each_block",
    ),
    Fault(
        "quantization.py",
        "return gradient @ ctx.packed.dequantize().to(gradient.dtype), None",
        "return gradient * 0 @ ctx.packed.dequantize().to(gradient.dtype), None",
        "test_quantization.py::test_a_layer_in_nf4_is_its_weight_multiplied_out",
    ),
    Fault(
        "lora.py",
        "return self.alpha / (math.sqrt(self.rank) if self.rslora else self.rank)",
        "return self.alpha / (math.sqrt(self.rank) if self.rslora else 1)",
        "test_lora.py::test_the_scale",
    ),
    Fault(
        "lora.py",
        "return self.magnitude / (weight + self.product()).norm(dim=1).detach()",
        "return self.magnitude / (weight + self.product()).norm(dim=1)",
        "test_lora.py::test_peft_reads_ours_and_gives_the_same_outputs_and_gradients",
    ),
    Fault(
        "lora.py",
        "plain = F.linear(dropped, self.weight) if adapter.dropout.p and self.training else y - bias",
        "plain = y - bias",
        "test_lora.py::test_dropout_with_dora_is_pefts",
    ),
    Fault(
        "lora.py",
        "        if self.active is None or self.merged is not None:",
        "        if self.active is None:",
        "test_lora.py::test_merged_equals_unmerged_and_comes_back",
    ),
    Fault(
        "lora.py",
        "adapter.requires_grad_(one == name)",
        "adapter.requires_grad_(True)",
        "test_lora.py::test_several_adapters_are_switched_with_their_heads",
    ),
    Fault(
        "lora.py",
        "part.base.weight += change.T if part.transposed else change",
        "part.base.weight += change",
        "test_lora.py::test_merged_equals_unmerged_and_comes_back",
    ),
    # --- summarization: windows, extracts, what is copied and what is invented
    Fault(
        "summarization.py",
        "first = end if end == len(lengths) else max(end - overlap, first + 1)",
        "first = end",
        "test_summarization.py::test_windows_overlap_by_so_many_sentences",
    ),
    Fault(
        "summarization.py",
        "numpy.fill_diagonal(weights, 0)",
        "pass",
        "test_summarization.py::test_textrank_is_networkx_pagerank_of_the_positive_cosines",
    ),
    Fault(
        "summarization.py",
        "redundancy = alike[:, chosen].max(1)",
        "redundancy = alike[:, chosen].min(1)",
        "test_summarization.py::test_mmr_counts_the_likest_of_those_that_were_taken",
    ),
    Fault(
        "summarization.py",
        "copied += length if length > 1 else 0",
        "copied += length",
        "test_summarization.py::test_coverage_and_novelty_by_hand",
    ),
    Fault(
        "summarization.py",
        "known.issuperset(_words(name))",
        "known & set(_words(name)) or True",
        "test_summarization.py::test_unsupported_finds_planted_names_and_numbers_and_nothing_else",
    ),
    Fault(
        "summarization.py",
        "max(scores.values()) <= best",
        "False",
        "test_summarization.py::test_the_oracle_takes_what_the_reference_says_and_stops_where_nothing_helps",
    ),
    # --- distillation: softened answers, rows without a label, relations
    Fault(
        "distillation.py",
        "return temperature**2 * (p",
        "return temperature * (p",
        "test_distillation.py::test_soft_loss_is_pytorchs_divergence_times_t_squared",
    ),
    Fault(
        "distillation.py",
        "p = soften(teacher.detach(), temperature)",
        "p = soften(teacher, temperature)",
        "test_distillation.py::test_its_gradient_is_t_times_the_difference_of_the_probabilities",
    ),
    Fault(
        "distillation.py",
        "F.cross_entropy(student[known], labels[known])",
        "F.cross_entropy(student, labels.clamp(min=0))",
        "test_distillation.py::test_rows_without_a_label_count_in_the_soft_part_alone",
    ),
    Fault(
        "distillation.py",
        "difference.square().sum() / (count * (count - 1))",
        "difference.square().mean()",
        "test_distillation.py::test_relations_by_hand_and_by_scikit_learn",
    ),
    # --- preferences: which tokens count, the reference, the losses
    Fault(
        "experiments/continuations.py",
        "verdict.accepted - 1",
        "verdict.accepted",
        CONTINUATIONS + "true_stories_agree_and_copies_are_counted",
    ),
    Fault(
        "experiments/continuations.py",
        "prompt - 1 : -1",
        "prompt:",
        CONTINUATIONS + "ways_to_go_on_are_compared_on_what_follows_the_prompt",
    ),
    Fault(
        "experiments/continuations.py",
        'padding_side="left"',
        'padding_side="right"',
        CONTINUATIONS + "filling_at_the_left_changes_no_text_and_greedy_runs_once",
    ),
    Fault(
        "experiments/removals.py",
        "head[0] == layer",
        "head[0] >= layer",
        CONTINUATIONS + "plans_take_out_as_many_heads_from_as_many_layers",
    ),
    Fault(
        "experiments/removals.py",
        "sample(order[k:], k)",
        "sample(order, k)",
        CONTINUATIONS + "plans_take_out_as_many_heads_from_as_many_layers",
    ),
    Fault(
        "experiments/in_context.py",
        "(pair[0], other[1])",
        "(pair[0], pair[1])",
        CONTINUATIONS + "measured_by_programs_with_known_answers",
    ),
    Fault(
        "metrics.py",
        "above[drawn].sum() / below[drawn].sum()",
        "(above[drawn] / below[drawn]).mean()",
        "test_metrics.py::test_a_ratio_is_of_sums_and_a_constant_one_is_sure",
    ),
    Fault(
        "experiments/written.py",
        "losses.view(len(some), -1)[:, new - 1 :]",
        "losses.view(len(some), -1)",
        WRITTEN + "bits_a_byte_of_a_short_text_is_its_loss_and_of_a_long_one_counts_each_token_once",
    ),
    Fault(
        "experiments/written.py",
        "if sentence not in verdict.rejected",
        "if True",
        WRITTEN + "a_judged_story_counts_what_was_added",
    ),
    Fault(
        "experiments/written.py",
        "form(sentence) not in known",
        "sentence not in known",
        WRITTEN + "copies_with_other_people_are_new_word_for_word_and_not_when_people_are_masked",
    ),
    Fault(
        "experiments/written.py",
        "[*windows[0, :1].tolist(), *windows[:, 1:].flatten().tolist()]",
        "windows.flatten().tolist()[: windows[:, 1:].numel() + 1]",
        WRITTEN + "an_ngram_models_windows_hold_its_bits_and_the_ends_of_the_texts",
    ),
    Fault(
        "experiments/written.py",
        "rows[:, SENTENCES].sum()), *ends",
        "len(rows)), *ends",
        WRITTEN + "a_share_is_of_all_sentences_and_lies_in_its_interval",
    ),
    Fault(
        "experiments/middles.py",
        "said = split(answer)[:SENTENCES]\n    sound",
        "said = split(answer)\n    sound",
        MIDDLES + "what_follows_the_third_sentence_is_not_read",
    ),
    Fault(
        "experiments/middles.py",
        " and sentence not in sentences[:place]",
        "",
        MIDDLES + "a_point_for_each_sound_sentence_and_three_for_the_end",
    ),
    Fault(
        "experiments/middles.py",
        "sum(middle) + SENTENCES * end",
        "sum(middle) + end",
        MIDDLES + "the_storys_own_middle_gets_all_points_and_none_nothing",
    ),
    Fault(
        "experiments/middles.py",
        "count = min(len(longer), len(shorter))",
        "count = len(shorter) and len(longer)",
        MIDDLES + "mirrored_pairs_have_no_length_that_tells",
    ),
    Fault(
        "experiments/middles.py",
        "names.get(name[0], name[0])",
        "name[0]",
        MIDDLES + "a_borrowed_middle_is_that_of_the_likest_end_with_the_tasks_people",
    ),
    Fault(
        "experiments/middles.py",
        "(casts[number] == cast, row[number])",
        "row[number]",
        MIDDLES + "a_middle_is_borrowed_from_a_story_with_the_same_people",
    ),
    Fault(
        "course/recorded.py",
        "if hashlib.sha256(content).hexdigest() != log.weights:",
        "if not content:",
        "test_recorded.py::test_weights_that_are_not_those_of_the_log",
    ),
    Fault(
        "experiments/middles.py",
        "if low < high and whole:",
        "if low <= high and whole:",
        MIDDLES + "candidates_take_each_answer_once_and_the_best_with_the_worst",
    ),
    Fault(
        "experiments/middles.py",
        "points(task, text) if ended else 0",
        "points(task, text)",
        MIDDLES + "candidates_take_each_answer_once_and_the_best_with_the_worst",
    ),
    Fault("alignment/preferences.py", "self.mask.sum(1)", "self.ids.shape[1]", PREFERENCES + "a_batch_by_hand"),
    Fault(
        "alignment/preferences.py",
        "mask[row, len(x) : len(x)",
        "mask[row, 1 : len(x)",
        PREFERENCES + "each_token_of_an_answer_and_none_else",
    ),
    Fault(
        "alignment/preferences.py",
        "F.pad(wanted, (0, 1))",
        "F.pad(wanted, (1, 0))",
        PREFERENCES + "each_token_of_an_answer_and_none_else",
    ),
    Fault(
        "alignment/preferences.py",
        "found[rows] = ",
        "found[start : start + batch] = ",
        PREFERENCES + "padding_and_company_change_nothing",
    ),
    Fault(
        "alignment/preferences.py",
        "    model.eval()\n",
        "",
        PREFERENCES + "scores_leave_the_mode_as_it_was_and_drop_nothing_out",
    ),
    Fault(
        "alignment/preferences.py",
        "copy.deepcopy(model).eval()",
        "model.eval()",
        PREFERENCES + "the_reference_stays_where_the_policy_was",
    ),
    Fault(
        "alignment/preferences.py",
        ".sum() / answers.mask.sum()",
        ".mean()",
        PREFERENCES + "sft_is_cross_entropy_with_the_prompt_left_out",
    ),
    Fault("alignment/preferences.py", "1 / (2 * beta))", "1 / beta)", PREFERENCES + "losses_by_hand"),
    Fault(
        "alignment/preferences.py",
        "clamp(min=0).detach()",
        "clamp(min=0)",
        PREFERENCES + "the_reference_point_is_a_constant_and_never_below_zero",
    ),
    Fault(
        "alignment/preferences.py",
        ".mean().clamp(min=0)",
        ".mean()",
        PREFERENCES + "the_reference_point_is_a_constant_and_never_below_zero",
    ),
    Fault("alignment/preferences.py", "beta * (point - bad)", "beta * (bad - point)", PREFERENCES + "losses_by_hand"),
    Fault("alignment/preferences.py", "beta * rejected + gamma", "beta * (rejected + gamma)", PREFERENCES + "losses_by_hand"),
    Fault("alignment/preferences.py", "torch.log(-torch.expm1(", "torch.log(torch.exp(", PREFERENCES + "losses_by_hand"),
    Fault("alignment/preferences.py", "return -chosen.mean() + ", "return ", PREFERENCES + "losses_by_hand"),
    # --- policy: answers, scores, KL, advantages, the clip
    Fault(
        "alignment/policy.py",
        "else y for y in written]",
        "else y[:-1] for y in written]",
        POLICY + "a_rollout_is_prompts_with_their_answers",
    ),
    Fault(
        "alignment/policy.py",
        "mask=mask, end_id",
        "mask=None, end_id",
        POLICY + "company_of_longer_prompts_does_not_change_what_is_written",
    ),
    Fault(
        "alignment/policy.py",
        "sampling: Sampling = Sampling()",
        "sampling: Sampling = Sampling(0.5)",
        POLICY + "answers_are_drawn_from_the_policy",
    ),
    Fault(
        "alignment/policy.py",
        "self.trunk = copy.deepcopy(trunk)",
        "self.trunk = trunk",
        POLICY + "a_scorer_begins_with_equal_scores_and_reads_the_answer_alone",
    ),
    Fault(
        "alignment/policy.py",
        ".sum(1) / answers.lengths",
        ".mean(1)",
        POLICY + "a_scorer_begins_with_equal_scores_and_reads_the_answer_alone",
    ),
    Fault(
        "alignment/policy.py",
        "centered = values - masked_mean(values, mask)",
        "centered = values - values.mean()",
        POLICY + "means_over_the_tokens_that_count",
    ),
    Fault(
        "alignment/policy.py",
        "log_ratio = reference - log_probs",
        "log_ratio = log_probs - reference",
        POLICY + "kl_estimates_average_to_the_divergence",
    ),
    Fault(
        "alignment/policy.py", "log_probs.detach(), reference.detach())", "log_probs, reference)", POLICY + "a_leash_by_hand"
    ),
    Fault("alignment/policy.py", '["k1"] * mask', '["k1"]', POLICY + "a_leash_by_hand"),
    Fault("alignment/policy.py", "gamma * lam * following) * mask[:, t]", "gamma * lam * following)", POLICY + "gae_by_hand"),
    Fault("alignment/policy.py", "(delta + gamma * lam", "(delta + lam", POLICY + "gae_by_hand"),
    Fault(
        "alignment/policy.py",
        "values = values.detach() * mask",
        "values = values * mask",
        POLICY + "values_are_constants_of_the_advantages",
    ),
    Fault("alignment/policy.py", "torch.minimum(ratio", "torch.maximum(ratio", POLICY + "the_clip_by_hand"),
    Fault("alignment/policy.py", "clamp(1 - low, 1 + high)", "clamp(1 - low, 1 + low)", POLICY + "the_clip_by_hand"),
    Fault(
        "alignment/policy.py",
        "(moved < -clip) & (advantages < 0)",
        "(moved < -clip) & (advantages > 0)",
        POLICY + "the_clip_by_hand",
    ),
    Fault("alignment/policy.py", ".square(), mask) / 2", ".square(), mask)", POLICY + "values_are_constants_of_the_advantages"),
    Fault(
        "alignment/grpo.py",
        "None if real.all() else real)[:, -1]",
        "None if real.all() else real)[:, 0]",
        GRPO + "a_greedy_group_writes_what_a_rollout_writes",
    ),
    Fault(
        "alignment/grpo.py", "_keep(caches, on)", "_keep(caches, rows)", GRPO + "a_greedy_group_writes_what_a_rollout_writes"
    ),
    Fault(
        "alignment/grpo.py",
        "written[rows, place] = token",
        "written[: len(rows), place] = token",
        GRPO + "a_greedy_group_writes_what_a_rollout_writes",
    ),
    Fault(
        "alignment/grpo.py", ".repeat_interleave(size)", ".repeat(size)", GRPO + "a_greedy_group_writes_what_a_rollout_writes"
    ),
    Fault(
        "alignment/grpo.py",
        "sampling: Sampling = Sampling()",
        "sampling: Sampling = Sampling(0.5)",
        GRPO + "a_group_is_drawn_from_the_policy",
    ),
    Fault("alignment/grpo.py", "if place == 0 and", "if place == 1 and", GRPO + "what_never_stands_first_is_not_there"),
    Fault(
        "alignment/grpo.py",
        "rewards.mean(1, keepdim=True)",
        "rewards.mean()",
        GRPO + "a_group_is_its_own_zero_and_its_own_scale",
    ),
    Fault(
        "alignment/grpo.py", "rewards.std(1, keepdim=True)", "rewards.std()", GRPO + "a_group_is_its_own_zero_and_its_own_scale"
    ),
    Fault("alignment/grpo.py", "+ SPREAD_FLOOR) if", ") if", GRPO + "groups_all_alike_teach_nothing"),
    Fault(
        "alignment/grpo.py", "rewards.amax(1) > rewards.amin(1)", "rewards.amax(1) > 0", GRPO + "groups_all_alike_teach_nothing"
    ),
    Fault("alignment/grpo.py", ".clamp(-1, 0)", ".clamp(max=0)", GRPO + "a_long_answer_gets_dearer_in_the_buffer"),
    Fault(
        "alignment/grpo.py",
        "advantages.detach()[:, None]",
        "advantages[:, None]",
        GRPO + "neither_advantages_nor_old_nor_reference_are_trained",
    ),
    Fault(
        "alignment/grpo.py",
        "variant.low, variant.high)",
        "variant.high, variant.low)",
        GRPO + "the_clip_stops_the_gradient_and_dapo_clips_higher",
    ),
    Fault(
        "alignment/grpo.py",
        '(log_probs, reference.detach())["k3"]',
        '(log_probs, reference.detach())["k2"]',
        GRPO + "loss_and_gradient_are_trls",
    ),
    Fault(
        "alignment/grpo.py",
        "(log_probs, reference.detach())",
        "(log_probs, reference)",
        GRPO + "neither_advantages_nor_old_nor_reference_are_trained",
    ),
    Fault(
        "alignment/grpo.py",
        "return (sums / lengths).mean()",
        "return sums.sum() / lengths.sum()",
        GRPO + "the_three_means_by_hand",
    ),
    Fault("alignment/grpo.py", "return sums.mean() / longest", "return sums.sum() / longest", GRPO + "the_three_means_by_hand"),
    Fault(
        "alignment/grpo.py",
        'if variant.per == "token" else len(rows)',
        'if variant.per == "answer" else len(rows)',
        GRPO + "parts_by_length_give_the_batch_its_loss",
    ),
    Fault(
        "alignment/grpo.py",
        "lengths.argsort(stable=True)",
        "lengths.argsort(descending=True)",
        GRPO + "parts_by_length_give_the_batch_its_loss",
    ),
    Fault(
        "metrics.py",
        "math.comb(drawn - right, k)",
        "math.comb(drawn - right, 1)",
        "test_metrics.py::test_pass_at_k_is_the_mean_over_all_sets",
    ),
    Fault(
        "alignment/grpo.py",
        "missing -= int(keep.sum())",
        "missing -= len(keep)",
        GRPO + "dynamic_sampling_draws_until_all_groups_teach",
    ),
    Fault(
        "models/llama.py",
        "theirs, ours = copy.deepcopy(like), self.state_dict()",
        "theirs, ours = like, self.state_dict()",
        "test_llama.py::test_weights_go_back_to_transformers",
    ),
    Fault(
        "small_models/rewarded.py",
        "asked[row // each]",
        "asked[row % len(asked)]",
        REWARDED + "the_judge_reads_the_answers_alone_and_each_with_its_own_problem",
    ),
    Fault(
        "small_models/rewarded.py",
        "lambda step: 1 - step / settings",
        "lambda step: 1 + step / settings",
        REWARDED + "training_moves_a_copy_and_comes_out_the_same",
    ),
    Fault(
        "experiments/tastes.py",
        "math.comb(rank, n - 1)",
        "math.comb(rank + 1, n)",
        TASTES + "the_best_of_n_is_the_mean_over_all_sets",
    ),
    Fault(
        "experiments/tastes.py",
        "apart = table[0::2] - table[1::2]",
        "apart = table[1::2] - table[0::2]",
        TASTES + "a_bag_of_words_finds_the_word_that_wins",
    ),
    # --- attention: scale, masks, heads, cache
    Fault(
        "attention.py",
        "scale = 1 / math.sqrt(query.shape[-1]) if",
        "scale = 1.0 if",
        "test_attention.py::test_function_equals_torch",
    ),
    Fault(
        "attention.py",
        "closed = bias == -torch.inf",
        "closed = bias == torch.inf",
        "test_attention.py::test_a_bias_that_leaves_a_query_nothing_gives_zeros_and_finite_gradients",
    ),
    Fault(
        "attention.py",
        "allowed, dropout, scale=scale).masked_fill(nothing, 0.0)",
        "allowed, dropout, scale=scale)",
        "test_attention.py::test_nothing_to_attend_gives_zeros_and_finite_gradients",
    ),
    Fault("attention.py", ".tril(diagonal=past)", ".tril(diagonal=past + 1)", "test_attention.py::test_masks"),
    Fault("attention.py", "(token_ids != pad_id)", "(token_ids == pad_id)", "test_attention.py::test_masks"),
    Fault(
        "attention.py",
        "self.rotate(key, 0 if cache is None else cache.length)",
        "self.rotate(key, 0)",
        "test_positions.py::test_formula_and_kernel_and_cache_agree[rope]",
    ),
    Fault("attention.py", "dropout = self.dropout if self.training else 0.0", "dropout = 0.0", DROPOUT),
    Fault(
        "attention.py",
        "each.repeat_interleave(shared, dim=1)",
        "each.repeat(1, shared, 1, 1)",
        "test_parts.py::test_grouped_heads_share_keys_and_values_in_the_cache_too",
    ),
    Fault("attention.py", "is_causal=causal, scale=scale)", "is_causal=causal)", "test_parts.py::test_head_size_and_scale"),
    Fault(
        "attention.py",
        "mixed = mixed * shrink + weights @",
        "mixed = mixed + weights @",
        "test_attention.py::test_tiles_of_any_size_equal_full_attention",
    ),
    Fault(
        "attention.py",
        "weights * (into @ v.transpose(-2, -1) - share)",
        "weights * (into @ v.transpose(-2, -1))",
        "test_attention.py::test_gradients_by_tiles_equal_differences",
    ),
    Fault(
        "attention.py",
        "(back >= (window or math.inf))",
        "(back > (window or math.inf))",
        "test_attention.py::test_causal_tiles_and_windows_equal_masks",
    ),
    Fault(
        "attention.py",
        "torch.finfo(q.dtype).min)  # finite",
        "-torch.inf)  # finite",
        "test_attention.py::test_gradients_by_tiles_equal_differences",
    ),
    # --- positions
    Fault("positions.py", "std=0.02", "std=1.0", FIRST_WEIGHTS + "by_their_formulas"),
    Fault(
        "positions.py",
        "dtype=torch.float32, device=device) / size)",
        "dtype=torch.float32, device=device) / (size + 2))",
        "test_positions.py::test_sinusoids_are_the_papers",
    ),
    Fault("positions.py", "self.weight[start:end]", "self.weight[: end - start]", "test_positions.py::test_learned_positions"),
    Fault("positions.py", "share * (distance > 0)", "share * (distance < 0)", "test_positions.py::test_buckets_equal_t5"),
    Fault(
        "positions.py",
        "second * cosine + first * sine",
        "second * cosine - first * sine",
        "test_positions.py::test_rotation_equals_llama",
    ),
    Fault("positions.py", "** (size / (size - 2)))", ")", "test_positions.py::test_scalings_equal_transformers[dynamic]"),
    Fault(
        "positions.py",
        "math.ceil(pair(slow))",
        "math.floor(pair(slow))",
        "test_positions.py::test_scalings_equal_transformers[yarn]",
    ),
    Fault(
        "positions.py",
        "(turns - slow) / (fast - slow)",
        "(turns - slow) / fast",
        "test_positions.py::test_scalings_equal_transformers[llama3]",
    ),
    Fault(
        "positions.py",
        "(wave * self.attention_factor)",
        "wave",
        "test_positions.py::test_a_scaled_rotation_equals_llamas[yarn]",
    ),
    # --- layers
    Fault(
        "layers.py",
        "self.factor = math.sqrt(width) if scaled else 1.0",
        "self.factor = 1.0",
        "test_transformer.py::test_embeddings_are_scaled_by_the_root_of_the_width",
    ),
    Fault("layers.py", "x + self.dropout(sublayer(self.norm(x)))", "x + sublayer(self.norm(x))", DROPOUT),
    Fault("layers.py", "self.norm(x + self.dropout(sublayer(x)))", "self.norm(x + sublayer(x))", DROPOUT),
    Fault("layers.py", "self.outer(self.dropout(activated))", "self.outer(activated)", DROPOUT),
    Fault(
        "layers.py",
        "self.dropout(x if self.norm is None else self.norm(x))",
        "x if self.norm is None else self.norm(x)",
        DROPOUT,
    ),
    Fault(
        "layers.py",
        "self.weight, self.bias, self.epsilon)",
        "self.weight, self.bias, 0.0)",
        "test_transformer.py::test_layer_norm_is_its_formula",
    ),
    Fault("layers.py", "self.weight, self.epsilon)", "self.weight)", "test_parts.py::test_norms"),
    Fault(
        "layers.py", "activated * self.gated(x)", "activated + self.gated(x)", "test_parts.py::test_feed_forward_of_each_model"
    ),
    Fault("layers.py", 'approximate="tanh"', 'approximate="none"', "test_parts.py::test_feed_forward_of_each_model"),
    Fault("layers.py", "/= math.sqrt(sums)", "/= math.sqrt(2)", FIRST_WEIGHTS + "are_as_large_as_the_librarys"),
    Fault("layers.py", "/= math.sqrt(module.head_size)", "/= 1", FIRST_WEIGHTS + "are_as_large_as_the_librarys"),
    # --- models
    Fault(
        "models/transformer.py",
        "x = self.embedding(target, start=_past(caches))",
        "x = self.embedding(target)",
        "test_transformer.py::test_greedy_with_cache_equals_greedy_without",
    ),
    Fault(
        "models/transformer.py", "start = past = _past(caches)", "start, past = 0, _past(caches)", "test_parts.py::test_gpt2"
    ),
    Fault("models/transformer.py", "positions, config.dropout, config.scaled", "positions, 0.0, config.scaled", DROPOUT),
    Fault("models/transformer.py", "config.bias, config.dropout, rotate", "config.bias, 0.0, rotate", DROPOUT),
    Fault(
        "models/transformer.py",
        "self.embedding(ids), mask=padding_mask(ids, self.pad_id)",
        "self.embedding(ids)",
        "test_transformer.py::test_encoder_only_and_decoder_only",
    ),
    Fault(
        "models/transformer.py",
        "context, mask=context_mask, cache",
        "context, mask=None, cache",
        "test_transformer.py::test_padding_and_future_have_no_influence",
    ),
    Fault(
        "models/t5.py",
        "self.dropout(x) * self.factor",
        "self.dropout(x)",
        "test_t5.py::test_logits_and_gradients_equal_transformers",
    ),
    Fault(
        "models/t5.py",
        "past + target.shape[1])",
        "target.shape[1])",
        "test_t5.py::test_token_by_token_with_cache_equals_all_at_once",
    ),
    Fault("models/t5.py", "[own for own, _ in caches]", "[]", "test_t5.py::test_greedy_and_beam_search_equal_generate"),
    Fault("models/t5.py", "(source != self.pad_id)", "(source != -1)", "test_t5.py::test_company_and_filling_change_nothing"),
    Fault(
        "models/t5.py",
        "lowest = sentinel - len(spans)",
        "lowest = sentinel - len(spans) + 1",
        "test_t5.py::test_corruption_and_restoration_by_hand",
    ),
    Fault(
        "models/classifier.py",
        ".sum(1) / weights.sum(1)",
        ".mean(1)",
        "test_classifier.py::test_filling_and_company_change_nothing",
    ),
    Fault(
        "models/classifier.py", "chosen & (ids > MASK)", "chosen", "test_classifier.py::test_words_are_hidden_in_training_only"
    ),
    Fault(
        "models/bert.py",
        'c.dropout, "gelu", norm',
        'c.dropout, "gelu_tanh", norm',
        BERT + "encoder_and_pooler_equal_transformers",
    ),
    Fault("models/bert.py", "norm_first=False", "norm_first=True", BERT + "encoder_and_pooler_equal_transformers"),
    Fault("models/bert.py", "found[-1], mask=mask)", "found[-1])", BERT + "encoder_and_pooler_equal_transformers"),
    Fault(
        "models/bert.py",
        "self.embedding(ids, segments=segments)",
        "self.embedding(ids)",
        BERT + "both_heads_equal_transformers",
    ),
    Fault(
        "models/bert.py", "self.pooler(x[:, 0]).tanh()", "self.pooler(x[:, 0])", BERT + "encoder_and_pooler_equal_transformers"
    ),
    Fault(
        "models/bert.py",
        "self.norm(F.gelu(self.transform(x)))",
        "F.gelu(self.transform(x))",
        BERT + "both_heads_equal_transformers",
    ),
    Fault("models/bert.py", "known = labels != IGNORED", "known = labels != 0", BERT + "both_heads_equal_transformers"),
    Fault("models/bert.py", "theirs.pad_token_id + 1 if", "theirs.pad_token_id if", BERT + "roberta_is_the_same_model"),
    Fault("models/bert.py", "ours.to(next(theirs.parameters()).dtype)", "ours", BERT + "in_half_precision_to_its_rounding"),
    Fault("models/bert.py", "< share) & ~torch.isin(ids, special)", "< share)", BERT + "masks"),
    Fault("models/bert.py", "chosen & (kind >= 0.9)", "chosen & (kind >= 0.8)", BERT + "masks"),
    # --- lesson 7's parts
    Fault(
        "experiments/gaps.py", ".gather(1, word) & (ids >= len(SPECIAL))", ".gather(1, word)", GAPS + "whole_words_go_together"
    ),
    Fault(
        "experiments/gaps.py", "(~self.inside[ids]).cumsum(1)", "self.inside[ids].cumsum(1)", GAPS + "whole_words_go_together"
    ),
    Fault(
        "experiments/gaps.py",
        "(named == ids) | ~asked",
        "(named == ids) & asked",
        GAPS + "a_word_is_filled_where_all_its_pieces_are",
    ),
    Fault("experiments/gaps.py", "before[2 - a :]", "before[:a]", GAPS + "a_wider_table_knows_more_and_falls_back"),
    Fault("experiments/gaps.py", "(-1, 1, -2, 2)", "(-1, 1, 2, -2)", GAPS + "the_heads_begin_near_by"),
    Fault("experiments/starts.py", "2 * right / (given + wanted)", "right / given", GAPS + "scores_and_their_difference"),
    # --- training
    Fault(
        "training.py",
        "betas=(0.9, 0.98)",
        "betas=(0.9, 0.999)",
        "test_training.py::test_the_optimizer_is_adamw_with_decay_on_matrices_only",
    ),
    Fault(
        "training.py",
        'p.dim() < 2], "weight_decay": 0.0}',
        'p.dim() < 2], "weight_decay": settings.weight_decay}',
        "test_training.py::test_the_optimizer_is_adamw_with_decay_on_matrices_only",
    ),
    Fault("training.py", "settings.clip or math.inf", "math.inf", "test_training.py::test_the_gradient_is_clipped"),
    Fault(
        "training.py",
        "* (weight / sum(weights))",
        "/ len(weights)",
        "test_training.py::test_accumulation_over_ragged_batches_equals_one_large_batch",
    ),
    Fault("training.py", "(step + 1) / settings.warmup", "step / settings.warmup", "test_training.py::test_warm_up_and_cosine"),
    Fault(
        "training.py",
        '    set_random_states(state["random"])\n',
        "",
        "test_training.py::test_broken_off_and_resumed_equals_unbroken",
    ),
    Fault(
        "training.py",
        "model.load_state_dict(best)",
        "pass",
        "test_training.py::test_early_stopping_takes_back_the_best_weights",
    ),
    # --- metrics
    Fault(
        "metrics.py",
        "[(1 - level) / 2, (1 + level) / 2]",
        "[1 - level, level]",
        "test_metrics.py::test_the_interval_is_that_of_the_binomial",
    ),
    Fault(
        "metrics.py",
        "metric(labels[rows], second[rows]) - metric(labels[rows], first[rows])",
        "metric(labels[rows], first[rows]) - metric(labels[rows], second[rows])",
        "test_metrics.py::test_two_models_compared",
    ),
    Fault("metrics.py", "b.count * abs(b", "abs(b", "test_metrics.py::test_calibration_by_hand"),
    Fault("metrics.py", "scores * inverse", "scores / inverse", "test_metrics.py::test_no_other_temperature_is_likelier"),
]


def made_copy(folder: str | Path) -> Path:
    """utils and the unit tests, as they are now, in a new folder."""
    copy = Path(tempfile.mkdtemp(dir=folder))
    without = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "utils", copy / "utils", ignore=without)
    shutil.copytree(ROOT / "tests" / "unit", copy / "tests" / "unit", ignore=without)
    for name in ("tests/conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, copy / name)
    (copy / "data").symlink_to(ROOT / "data", target_is_directory=True)  # read only
    return copy


def run_tests(copy: Path, tests: list[str]) -> int:
    """pytest in this process, on a copy; its exit code. What it imported of the copy is forgotten afterwards."""
    os.chdir(copy)
    options = ["-x", "-q", "--tb=line", "-p", "no:cacheprovider", "-m", "not slow"]
    code = pytest.main([*options, *[str(copy / "tests" / "unit" / test) for test in tests]])
    for name in list(sys.modules):
        if name.partition(".")[0] in ("utils", "conftest") or name.startswith("test_"):
            del sys.modules[name]
    return int(code)


def code_with(fault: Fault, copy: Path) -> int:
    """The exit code of the fault's test, with the fault in the copy."""
    file = copy / "utils" / fault.file
    file.write_text(file.read_text(encoding="utf-8").replace(fault.old, fault.new), encoding="utf-8")
    return run_tests(copy, [fault.test])


def codes_with(faults: list[Fault], folder: str, processes: int) -> dict[Fault, int]:
    """The exit codes of all faults, each in a fork of this process, where the libraries are loaded already."""
    codes, running = {}, {}
    for fault in [*faults, *[None] * processes]:
        if running and (fault is None or len(running) == processes):
            process, status = os.wait()
            done, copy = running.pop(process)
            codes[done] = os.waitstatus_to_exitcode(status)
            shutil.rmtree(copy)
        if fault is not None:
            copy = made_copy(folder)
            process = os.fork()
            if process == 0:
                silence = os.open(os.devnull, os.O_WRONLY)
                os.dup2(silence, 1)
                os.dup2(silence, 2)
                os._exit(code_with(fault, copy))
            running[process] = fault, copy
    return codes


def problem_of(fault: Fault, code: int) -> str | None:
    """Why a fault is not noticed; None where its test failed, as it should."""
    if code == pytest.ExitCode.OK:
        return f"survives {fault.test}"
    return None if code == pytest.ExitCode.TESTS_FAILED else f"{fault.test} could not be run (exit code {code})"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("word", nargs="?", default="", help="only faults in files with this in their name")
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args(arguments)
    faults = [fault for fault in FAULTS if options.word in fault.file]
    times = {fault: (ROOT / "utils" / fault.file).read_text(encoding="utf-8").count(fault.old) for fault in faults}
    found = [(fault, f"its old text stands there {count} times") for fault, count in times.items() if count != 1]
    sys.dont_write_bytecode = True  # a fault of the same length in the same second would not be seen
    with tempfile.TemporaryDirectory() as folder:
        if run_tests(made_copy(folder), sorted({fault.test for fault in faults})):  # loads the libraries, too
            print("A test fails without any fault. Mend that first.")
            return 1
        codes = codes_with([fault for fault in faults if times[fault] == 1], folder, options.processes)
        os.chdir(ROOT)
    found += [(fault, problem) for fault, code in codes.items() if (problem := problem_of(fault, code))]
    for fault, problem in found:
        print(f"utils/{fault.file}: {fault.old.strip()!r} -> {fault.new.strip()!r}: {problem}")
    print(f"{len(faults) - len(found)} of {len(faults)} planted faults are noticed.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
