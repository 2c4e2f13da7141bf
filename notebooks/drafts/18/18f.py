# %%
def dpo_steps(steps, seed, beta=0.1, size=16, rate=2e-4, look=()):
    """DPO on the pairs of section 2: the policy, what was measured in each step, and on held-out prompts after some."""
    torch.manual_seed(seed)
    model, rows, history, looks = copy.deepcopy(reference).requires_grad_(True), [], [], {}
    optimizer, rng = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0), Random(seed)
    x, chosen, rejected = zip(*pairs["train"])
    fixed = torch.stack([preferences.scores(reference, x, y) for y in (chosen, rejected)])  # (2, N), once
    for step in range(1, steps + 1):
        rows = rows if len(rows) >= size else rows + rng.sample(range(len(x)), len(x))
        now, rows = rows[:size], rows[size:]
        batch = preferences.Answers.of([x[i] for i in now] * 2, [y[i] for y in (chosen, rejected) for i in now], PAD)
        h = preferences.answer_log_probs(model, batch).view(2, -1) - fixed[:, now]  # (2, size): log-ratios
        loss = preferences.dpo_loss(*h, beta)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        history.append([loss.item(), *h.mean(1).tolist()])
        if step in look:
            looks[str(step)] = on_held_out(model, 100 + seed)
    return model, history, looks


def dpo_runs():
    return [dict(zip(("history", "held out"), dpo_steps(32, seed, look=(4, 8, 16, 32))[1:])) for seed in range(SEEDS)]


dpo_log = recorded.results("18_dpo", lesson=18, settings={"steps": 32, "seeds": SEEDS}, compute=dpo_runs)
