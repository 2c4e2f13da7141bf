# %% [markdown]
# ## 10. The library way: `DPOTrainer`
#
# TRL takes conversations and does the rest: template, masks, reference, padding. `loss_type=["sigmoid", "sft"]` with weights is our loss. Four steps on the same pairs, in the same order, with the same optimizer, from the same weights: are the losses the same?

# %%
import warnings
import tempfile

import datasets
import transformers
import trl

warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
datasets.disable_progress_bars()
END = middles.end_of_turn(tokenizer)


def spoken(pair):
    """A pair as TRL wants it: three lists of turns."""
    said = tokenizer.decode(pair.prompt).removeprefix("<|user|>").split("<|end|>")[0]
    turn = lambda role, content: [{"role": role, "content": content}]
    answers = {name: turn("assistant", middles.text_of(tokenizer, ids)) for name, ids in zip(("chosen", "rejected"), pair[1:3])}
    return {"prompt": turn("user", said)} | answers


def encoded_anew(pair):
    """The pair as it is read from its text: a sampled answer may part its words otherwise than the tokenizer would."""
    texts = [middles.text_of(tokenizer, ids) for ids in pair[1:3]]
    chosen, rejected = (tokenizer.encode(text, add_special_tokens=False) + [END] for text in texts)
    return pair._replace(chosen=chosen, rejected=rejected)


def by_trl(pairs, steps, reference=sft_model, **schedule):
    """SFT's model after so many steps of DPOTrainer, 16 pairs each, in their order; and each step's loss."""
    with tempfile.TemporaryDirectory() as folder:
        settings = trl.DPOConfig(
            output_dir=folder, beta=BETA, loss_type=["sigmoid", "sft"], loss_weights=[1.0, ALPHA], learning_rate=RATE,
            per_device_train_batch_size=16, max_steps=steps, weight_decay=0.0, max_grad_norm=1.0, bf16=False, use_cpu=True,
            gradient_checkpointing=False, train_sampling_strategy="sequential", logging_steps=1, save_strategy="no",
            report_to="none", disable_tqdm=True, **schedule)  # fmt: skip
        rows = datasets.Dataset.from_list([spoken(pair) for pair in pairs])
        both = [model and model.to_hf(theirs) for model in (sft_model, reference)]
        trainer = trl.DPOTrainer(*both, args=settings, train_dataset=rows, processing_class=tokenizer)
        trainer.remove_callback(transformers.PrinterCallback)  # it would print a line a step
        trainer.train()
    return GPT.from_hf(trainer.model), [row["loss"] for row in trainer.state.log_history if "loss" in row]

# %% [markdown]
# And the same by hand. The reference is given to the trainer as a second model, a copy of SFT's; section 13 shows what happens without it.

# %% tags=["nbval-ignore-output"]
def by_hand(pairs, steps):
    """The same with our loss: plain AdamW, a constant rate."""
    model, losses = copy.deepcopy(sft_model).requires_grad_(True), []
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.0)
    rows = with_reference(sft_model, pairs)
    for step in range(steps):
        loss = preference_loss(model, pair_batch(rows[16 * step : 16 * step + 16]), BETA, ALPHA)[0]
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses


same_pairs = [encoded_anew(pair) for pair in pairs][:64]
ours, library = by_hand(same_pairs, 4), by_trl(same_pairs, 4, lr_scheduler_type="constant")[1]
for step, two in enumerate(zip(ours, library), 1):
    print(f"step {step}: our loss {two[0]:.4f}, DPOTrainer's {two[1]:.4f}")
off_trl = max(abs(a - b) for a, b in zip(ours, library))
print(f"equal: {off_trl < 1e-3}")
assert len(ours) == len(library) and off_trl < 1e-3

# %% [markdown]
# So are they after a whole round? Its shuffling and its schedule are not quite ours (section 6), so the two weights differ; the result should not.

# %%
def trainer_round():
    tasks = middles.tasks(PROMPTS, "train", "round 0, seed 0")
    pairs = [encoded_anew(pair) for pair in middles.mirrored(candidates_of(sft_model, tasks, seed=0), 0)]
    schedule = {"lr_scheduler_type": "cosine_with_min_lr", "lr_scheduler_kwargs": {"min_lr_rate": 0.1}, "warmup_steps": 10}
    model, losses = by_trl(pairs, 60, **schedule)
    return {"losses": [round(loss, 4) for loss in losses], **measured(model, 50)}


trainer_log = recorded.results("19_trainer", lesson=19, settings=ROUND, compute=trainer_round)
first_round = dpo_log.results["DPO"][0][0]
both = {"own loop": first_round["points"], "DPOTrainer": trainer_log.results["points"]}
for name, points in both.items():
    wins = win_rate([points], [sft_runs[0]["points"]])[0]
    print(f"recorded, one round: {name:<11} {summary(points)}; over SFT {show_interval(wins)}")
same_result = metrics.gain_interval(both["own loop"], both["DPOTrainer"])
print(f"DPOTrainer's points minus the loop's: {same_result.value:+.2f} [{same_result.low:+.2f}, {same_result.high:+.2f}]")
assert same_result.low < 0 < same_result.high

# %% [markdown]
# Equal step by step where all is equal, and within noise where the order is another. At work you take `DPOTrainer`; you read its log with the eyes of section 6: `rewards/chosen` is $\beta h_w$, `rewards/margins` is $\beta\,(h_w - h_l)$, and `rewards/accuracies` the share in order.
