# %%
from utils import lora
from utils.generation import LibraryModel, Sampling, generate

SMOL = {"steps": 150, "pairs a step": 4, "rate": 3e-4, "rank": 8, "beta": 0.1}
preferred = catalog.load("preferences")


def smol_pair(tokenizer, row):
    """Prompt, chosen and rejected as ids, by SmolLM2's chat template."""
    turns = [{"role": "system", "content": "You are a helpful assistant."}, {"role": "user", "content": row["prompt"]}]
    prompt = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False)
    ids = lambda text: tokenizer.encode(text, add_special_tokens=False)
    return prompt, *(ids(row[name]) + [tokenizer.convert_tokens_to_ids("<|im_end|>")] for name in ("chosen", "rejected"))


def smol_answers(model, tokenizer, rows, longest=60):
    """Greedy answers to the rows' prompts: texts, and whether each came to its end."""
    prompts, end = [smol_pair(tokenizer, row)[0] for row in rows], tokenizer.convert_tokens_to_ids("<|im_end|>")
    ids = [torch.tensor(prompt) for prompt in prompts]
    ids = torch.nn.utils.rnn.pad_sequence(ids, True, tokenizer.pad_token_id, padding_side="left")
    mask = torch.tensor([[False] * (ids.shape[1] - len(prompt)) + [True] * len(prompt) for prompt in prompts])
    options = {"mask": mask, "end_id": end, "pad_id": tokenizer.pad_token_id}
    out = generate(LibraryModel(model), ids, longest, Sampling(temperature=0.0), torch.Generator(), **options)
    out = out[:, ids.shape[1] :]
    return [tokenizer.decode(row, skip_special_tokens=True).strip() for row in out], [end in row for row in out.tolist()]


def smol_log_probs(model, tokenizer, rows):
    """log pi of chosen and rejected answers, (rows,) each."""
    prompts, *both = zip(*(smol_pair(tokenizer, row) for row in rows))
    return [preferences.scores(model, prompts, answers, batch=8) for answers in both]

# %% [markdown]
# The run: what the reference says of all pairs, once; LoRA; 150 steps of four pairs, about once through them; everything again.

# %%
def smol_run():
    model, tokenizer = catalog.load("smollm2")
    model.float().requires_grad_(False)
    torch.manual_seed(19)
    train, test = list(preferred["train"]), list(preferred["test"])
    articles = [tokenizer.encode(row["article"])[:101] for row in list(catalog.load("articles")["test"])[:20]]
    first, rest = [ids[:1] for ids in articles], [ids[1:] for ids in articles]
    old = lambda: -(preferences.scores(model, first, rest, batch=4).sum() / 2000).item()
    before, answers, nats = smol_log_probs(model, tokenizer, test), smol_answers(model, tokenizer, test[:40]), old()
    fixed = smol_log_probs(model, tokenizer, train)
    lora.add(model, lora.Config(lora.TARGETS["llama"][1], rank=SMOL["rank"], alpha=2 * SMOL["rank"]))
    items, notes = [(*smol_pair(tokenizer, row), *two) for row, *two in zip(train, *fixed)], []

    def loss_of(model, batch):
        loss, h_w, h_l = preference_loss(model, batch, SMOL["beta"], 0.0)
        notes.append([round(x, 3) for x in (loss.item(), h_w.mean().item(), h_l.mean().item())])
        return loss

    settings = training.Settings(SMOL["steps"], learning_rate=SMOL["rate"], warmup=5, weight_decay=0.0, dtype=torch.float32)
    training.train(model, loss_of, training.Shuffled(items, SMOL["pairs a step"], pair_batch, seed=0), settings)
    after = smol_log_probs(model, tokenizer, test)
    lengths = [[len(y) for y in smol_pair(tokenizer, row)[1:]] for row in test]
    round_all = lambda two: [[round(x, 3) for x in part.tolist()] for part in two]
    both = [answers, smol_answers(model, tokenizer, test[:40])]
    return {"notes": notes, "before": round_all(before), "after": round_all(after), "lengths": lengths, "answers": both,
            "nats": [round(nats, 4), round(old(), 4)]}  # fmt: skip


# %% [markdown]
# Of the recorded run, the held-out pairs, by their lengths and by their reasons:

# %%
smol_log = recorded.results("19_smollm2", lesson=19, settings=SMOL, compute=smol_run)
print(smol_log)
