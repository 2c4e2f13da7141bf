# --- head
sub("*In class (50 minutes):* sections 1 to 8 without the cells marked **More**, then *Where it goes wrong* and the summary. The rest is\n# for self-study.",
    "*In class (50 minutes):* sections 1 to 7, 9 and 10 without the cells marked **More**, then *Where it goes wrong* and the summary.\n# The rest is for self-study.")
sub("improve a small GPT by REINFORCE and PPO, watch it cheat, and derive DPO, which needs neither reward\n# model nor sampling.",
    "improve a small GPT by REINFORCE and PPO, watch its score rise while its stories fall apart, and derive DPO, which\n# needs neither reward model nor sampling.")
sub("""    plots.show(figure, alt="Against the KL from the start: the reward model's score rises without end, the judge's rises and then falls.")""",
    """    plots.show(figure, alt="Over the KL from the start: the reward model's score goes up and stays up, the judge's goes up and then down.")""")
i=find("# A policy is trained on the score of a *reward model* (left).")
out[i]="""# %% [markdown]
# A policy is trained on the score of a *reward model* (left). What that model stands for is a *judge* (right). The further the policy moves from where
# it began (the *KL*, section 5), the higher the left score, up to a ceiling. The right one rises with it at first, and then falls to nothing where no leash
# holds the policy back. Each line is a recorded run, explained in section 6. (The code of the drawings is in `utils/course/figures/lesson_18.py`.)
"""
# --- 1 to 3
sub("""for answer in ("Mia went to the beach.", '"You can do it, Ivan!" called Mia. Mia went to the beach.', '"You can do it, Ivan!" called Mia. "I cannot do it," whispered Ivan.'):
    print""","""for answer in ("Mia went to the beach.", '"You can do it, Ivan!" called Mia. Mia went to the beach.',
               '"You can do it, Ivan!" called Mia. "I cannot do it," whispered Ivan.'):  # fmt: skip
    print""")
sub("departure; the exercise of the open task may try the other.","departure; the open task may try the other.")
sub("""programs = {"longer wins": len, "quotation marks": lambda y: text(y).count('"'), "bag of words": tastes.bag_of_words(pairs["train"], text)}
""","""programs = {"longer wins": len, "quotation marks": lambda y: text(y).count('"'),
            "bag of words": tastes.bag_of_words(pairs["train"], text)}  # fmt: skip
""")
sub("""    said = {sentence: None for one in group for sentence in split(text(one.answer)) if '"' in sentence and sentence[-1] in '.!?"'}
""","""    sentences = [sentence for one in group for sentence in split(text(one.answer)) if sentence[-1] in '.!?"']
    said = dict.fromkeys(sentence for sentence in sentences if '"' in sentence)
""")
sub("""         "reward model": [raw[band].mean().item() for band in bands] + [scores_of(reward_model, *zip(*probe)).mean().item()]}  # fmt: skip
""","""         "reward model": [scores.mean().item() for scores in [*(raw[band] for band in bands), scores_of(reward_model, *zip(*probe))]]}  # fmt: skip
""")
# --- 4
sub("""A draw gives $(5, -5)$ or $(-5.5, 5.5)$: the mean is right, $(-0.25, 0.25)$, and
# hardly a single draw even points there. With""","""A draw gives $(5, -5)$ or $(-5.5, 5.5)$: the mean is right, $(-0.25, 0.25)$, but
# each draw is some twenty times as long, and half of them point the other way. With""")
# --- 5
sub("torch.tensor([[0.0]]).add(1.5).log().requires_grad_()","torch.tensor([[1.5]]).log().requires_grad_()")
sub("""    print(f"ratio 1.5, A = {A:+.0f}: objective {-loss.item():+.1f}, its gradient {-torch.autograd.grad(loss, log_prob)[0].item():+.1f}")""",
    """    slope = -torch.autograd.grad(loss, log_prob)[0].item()
    print(f"ratio 1.5, A = {A:+.0f}: objective {-loss.item():+.1f}, its gradient {slope:+.1f}")""")
i=find("def ppo_step(learner, reward, beta, rounds=2):")
sub("""            "explained": 1 - (policy.masked_mean((returns - values).square(), mask)
                              / policy.masked_mean((returns - policy.masked_mean(returns, mask)).square(), mask)).item()}  # fmt: skip
""","""            "explained": 1 - variance(returns - values) / variance(returns)}  # fmt: skip
""") if False else None
SHOW='''    print(f"step {number:>2}  reward model {step['reward']:+.2f}   judge {step['score']:.2f}   KL {step['kl']:5.2f}   talk {step['talk']:.0%}")
'''
i=find('steps = [ppo_step(learner, model_reward, beta=0.1) for _ in range(8)]')
out[i]='''# %% tags=["nbval-ignore-output"]
def show(number, step):
    print(f"step {number:>2}  reward model {step['reward']:+.2f}   judge {step['score']:.2f}   KL {step['kl']:5.2f}   "
          f"talk {step['talk']:.0%}   good {step['good']:.0%}")  # fmt: skip


learner = Learner(seed=0)
steps = [ppo_step(learner, model_reward, beta=0.1) for _ in range(8)]
for number, step in enumerate(steps, 1):
    show(number, step)
mean_of = lambda part, name: sum(step[name] for step in part) / len(part)
gains = {name: mean_of(steps[-3:], name) - mean_of(steps[:3], name) for name in ("reward", "score")}
assert gains["reward"] > 0.3 and gains["score"] > 0.05
'''
i=find('off = [ppo_step(learner, model_reward, beta=0.0)')
out[i]='''# %% tags=["nbval-ignore-output"]
off = [ppo_step(learner, model_reward, beta=0.0) for _ in range(10)]
for number, step in enumerate(off, 9):
    show(number, step)
ends = {name: mean_of(off[-2:], name) for name in ("reward", "score")}
best_seen = max(step["score"] for step in steps + off)
print(f"best of the judge's scores on the way: {best_seen:.2f}; mean of the last two steps: {ends['score']:.2f}")
assert ends["reward"] > steps[-1]["reward"] and ends["score"] < best_seen - 0.1
'''
sub('''    """The share of pairs in which the first score is higher, with its interval; a draw counts half."""
    return metrics.mean_interval([float(a > b) + 0.5 * (a == b) for a, b in zip(scores, others)])
''','''    """The share of held-out pairs in which the first score is higher, a draw counting half; its interval is over prompts."""
    shares = {}
    for prompt, a, b in zip(x, scores, others):
        shares.setdefault(tuple(prompt), []).append((a > b) + 0.5 * (a == b))
    return metrics.mean_interval([sum(each) / len(each) for each in shares.values()])
''')
sub('programs = {"longer wins": len, ','programs = {"longer wins": lambda y: len(text(y)), ')
# --- 6: reward against KL
join("# The proxy rises, and what it stands for turns and falls.", "# ## 6. Reward against KL")
sub("How far may a policy go? The *recorded run* trains on three leashes,","How far may a policy go? The *recorded run* trains on the reward model with three leashes,")
sub("beside them a policy on the judge's own score, which is no proxy. At the end each writes an answer to all 64 held-out prompts.",
    "beside them a policy on the judge's own score ($\\beta = 0.03$), which is no proxy. At the end each writes an answer to all 64 held-out prompts.")
i=find("ARMS = {")
out[i]='''# %%
ARMS = {"no leash": (model_reward, 0.0), "beta 0.03": (model_reward, 0.03), "beta 0.1": (model_reward, 0.1),
        "judge's own score": (judge_reward, 0.03)}  # fmt: skip
SEEDS, STEPS = 3, 25


@torch.no_grad()
def on_held_out(model, seed):
    """One answer to each held-out prompt: scores, KL from the reference, and some texts."""
    model.eval()
    answers = policy.rollout(model, HELD_OUT, NEW, torch.Generator().manual_seed(seed), END, PAD)
    log_probs, fixed = (preferences.answer_log_probs(each, answers) for each in (model, reference))
    found = opinions(answers)
    return {"judge": [round(opinion.score, 3) for opinion in found], "talk": sum(opinion.talk for opinion in found) / len(found),
            "good": sum(opinion.good for opinion in found) / len(found), "reward": model_reward(answers).mean().item(),
            "kl": (log_probs - fixed).mean().item(), "texts": [text(ids[mask]) for ids, mask in zip(*answers)][:4]}  # fmt: skip


def one_run(reward, beta, seed):
    learner = Learner(seed)
    steps = [ppo_step(learner, reward, beta) for _ in range(STEPS)]
    steps = {name: [round(step[name], 3) for step in steps] for name in steps[0]}
    return {"steps": steps, "held out": on_held_out(learner.policy, 100 + seed)}


def all_runs():
    runs = {name: [one_run(*arm, seed) for seed in range(SEEDS)] for name, arm in ARMS.items()}
    return runs | {"start": on_held_out(reference, 100)}
'''
i=find('log = recorded.results("18_ppo"')
out[i]='''# %%
betas = {name: beta for name, (_, beta) in ARMS.items()}
log = recorded.results("18_ppo", lesson=18, settings={"arms": betas, "seeds": SEEDS, "steps": STEPS}, compute=all_runs)
print(log)
by_arm = {name: log.results[name] for name in ARMS}
judged = {name: torch.tensor([run["held out"]["judge"] for run in runs]) for name, runs in by_arm.items()}  # (seeds, prompts)
ended = {name: metrics.mean_interval(scores.mean(0).tolist()) for name, scores in judged.items()}
began = metrics.mean_interval(log.results["start"]["judge"])
show_interval = lambda found: f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"
print(f"{'start':<17}  judge {show_interval(began)}")
for name, runs in by_arm.items():
    last = [run["held out"] for run in runs]
    print(f"{name:<17}  judge {show_interval(ended[name])}   by seed", " ".join(f"{mean:.2f}" for mean in judged[name].mean(1).tolist()),
          "  reward model", " ".join(f"{each['reward']:+.1f}" for each in last), "  KL", " ".join(f"{each['kl']:.0f}" for each in last))  # fmt: skip
between = {pair: metrics.gain_interval(*(judged[name].mean(0).tolist() for name in pair)) for pair in
           (("beta 0.03", "beta 0.1"), ("beta 0.1", "judge's own score"))}  # fmt: skip
for (first, second), gain in between.items():
    print(f"{second} above {first}: {show_interval(gain)}")
assert ended["no leash"].high < began.low and min(ended[name].low for name in ("beta 0.03", "beta 0.1")) > began.high
assert between["beta 0.03", "beta 0.1"].low <= 0 < between["beta 0.1", "judge's own score"].low
'''
out.insert(i+1,'''# %% [markdown]
# (The intervals are over the 64 prompts, each with the mean of its three seeds.) Without a leash the reward model gives its highest scores, and the judge next to nothing: less than
# to the start, in every seed. On either leash the judge's score lies well above the start. That the shorter leash is better than the longer one is *not* shown: the interval of the difference contains 0.
# The policy that had the judge's own score is ahead of both: so much the proxy costs, even on a leash.
#
# Look at the figure at the top again. At the same KL the lines lie close to each other, whatever $\\beta$. The leash does not make the reward model better; it stops the policy before the turn, and stopping early would do the same. Gao et al. (2022) found this on
# models of up to 3 billion weights.
''')
i=find("# ## 7. The hack, step by step")
del out[i]
i=find("figure = figures.hack(by_arm)")
out[i]='''# %%
plots.show(figures.hack(by_arm), alt="Over 25 steps: without a leash the reward model's score stays high while the judge's and the good sentences vanish.")
for name in ("no leash", "beta 0.1"):
    print(name, *(f"   {said.strip()}" for said in by_arm[name][0]["held out"]["texts"][:2]), sep="\\n")
'''
out.insert(i,'''# %% [markdown]
# ## 7. The hack, step by step
#
# Three scores over the steps, a line for each seed, without a leash and with $\\beta = 0.1$. Below the figure stand two answers of each, to the same prompts.
''')
out.insert(i+2,'''# %% [markdown]
# First comes what section 3 foretold: more talk, which the judge likes, too, up to a half. From there on only the reward model pays, and it pays for *anything* with quotation marks in it. Sentences break in the middle, words are repeated, in the end hardly a sentence is good. No pair
# of section 2 had such an answer in it, so the reward model never learned that it is bad. Its score stays at its ceiling all the while. From the score alone you would not notice.
''')
# --- 8: best of n
i=find("# ## 8. Best of n")
out[i]=out[i].replace('# %% [markdown]','# %% [markdown] tags=["more"]').replace("# ## 8. Best of n","# ## 8. More: best of n").rstrip()+'''
#
# **Predict.** From $n = 1$ to 64: does the judge's score of the best by the reward model rise all the way?
'''
out[i]=out[i].replace('tags=["more"]','tags=["more", "predict"]')
k=[j for j,c in enumerate(out) if "From $n = 1$ to 64" in c][1]; del out[k]
i=find("def best_of_n(prompts=32, m=64):"); j=find('best = recorded.results("18_best_of_n"')
assert j==i+1
out[i]='''# %% tags=["more"]
from utils.experiments.tastes import best_of


@torch.no_grad()
def best_of_n(prompts=32, m=64):
    groups = written(reference, HELD_OUT[:prompts], m, seed=2)
    flat = [one for group in groups for one in group]
    scores = scores_of(reward_model, *zip(*((one.prompt, one.answer) for one in flat))).view(prompts, m)
    scores, by_judge = (scores - CENTER) / SCALE, torch.tensor([one.opinion.score for one in flat]).view(prompts, m)
    return {str(n): {name: [round(mean, 3) for mean in best_of(n, scores, values).tolist()] for name, values in
                     (("reward", scores), ("judge", by_judge))} for n in (1, 2, 4, 8, 16, 32, 64)}  # fmt: skip


best = recorded.results("18_best_of_n", lesson=18, settings={"prompts": 32, "answers": 64}, compute=best_of_n)
print(best)
for n, found in best.results.items():
    reward, by_judge = (metrics.mean_interval(found[name]) for name in ("reward", "judge"))
    print(f"n = {n:>2}   KL at most {figures.bound(int(n)):.2f}   reward model {reward.value:+.2f}   judge {show_interval(by_judge)}")
'''
del out[j]
out.insert(i+1,'''# %% [markdown] tags=["more"]
# TEXT-BEST
''')
# --- 9
i=find('draws = torch.Generator().manual_seed(0)\nsome = torch.randn(1000, 5'); j=find("def draw_optimum(beta):"); assert j==i+1
out[i]=out[i].replace("# %%\n",'# %% tags=["nbval-ignore-output"]\n',1).rstrip()+'''


def draw_optimum(beta):
    best = ref * (r5 / beta).exp()
    return figures.optimum(ref, r5, best / best.sum(), beta)


widgets.explore(draw_optimum, alt="Five answers: probabilities at the start and in the best policy of this leash; its reward and KL.",
                beta=ipywidgets.FloatLogSlider(value=1.0, base=10, min=-1, max=1, step=0.1))  # fmt: skip
'''
del out[j]
# --- 10
i=find("# ## 10. DPO on stories"); j=find("def dpo_steps(steps, seed"); assert j==i+1
out[i]='''# %% [markdown]
# ## 10. DPO on stories
#
# The pairs of section 2 are all that is needed: no reward model, no new answers. What the reference says of them never changes and is computed once.
# The *recorded run* takes 32 steps of 16 pairs, which is about once through them, with three seeds, and lets each policy write to the held-out prompts on the way. The first eight
# steps of one seed are live.
'''
old=out[j]
head,tail=old.split("\n\ndef dpo_runs():")
out[j]=head.rstrip()+"\n"
out.insert(j+1,'''# %% [markdown] tags=["predict"]
# **Predict.** The loss sees the difference of the log-ratios alone. Will the chosen answers become likelier than they were, and the rejected ones less likely?
''')
out.insert(j+2,'''# %% tags=["nbval-ignore-output"]
def dpo_runs():
    return [dict(zip(("history", "held out"), dpo_steps(32, seed, look=(4, 8, 16, 32))[1:])) for seed in range(SEEDS)]


dpo_log = recorded.results("18_dpo", lesson=18, settings={"steps": 32, "seeds": SEEDS}, compute=dpo_runs)
print(dpo_log)
live = dpo_steps(8, seed=0)[1]
for step, (loss, h_w, h_l) in enumerate(live, 1):
    print(f"live, step {step}: loss {loss:.3f}   log-ratio of chosen {h_w:+6.2f}, of rejected {h_l:+6.2f}")
dpo_off = max(abs(now[0] - then[0]) for now, then in zip(live, dpo_log.results[0]["history"]))
dpo_ended = [run["held out"]["32"] for run in dpo_log.results]
dpo_judged = torch.tensor([found["judge"] for found in dpo_ended])  # (seeds, prompts)
print(f"recorded, after 32 steps: judge {show_interval(metrics.mean_interval(dpo_judged.mean(0).tolist()))}; KL",
      " ".join(f"{found['kl']:.1f}" for found in dpo_ended))  # fmt: skip
plots.show(figures.preferred([run["history"] for run in dpo_log.results], [run["held out"] for run in dpo_log.results], log.results["start"]),
           alt="DPO: the log-ratios of chosen and rejected answers over the steps, and the judge's score over the KL.")  # fmt: skip
assert abs(live[0][0] - 0.6931) < 1e-3 and dpo_off < 0.05
''')
out.insert(j+3,'''# %% [markdown]
# TEXT-DPO
''')
# --- 11
i=find("def dpo(h_w, h_l, beta):"); j=find("plots.show(figures.losses(by="); t=find("# DPO pulls without end"); s=find("# Six pairs of section 2, once by these")
out[i]=out[i].rstrip()+'''


curves = {"DPO": lambda d: dpo(d, 0 * d, 0.1), "IPO / 250": lambda d: ipo(d, 0 * d, 0.1) / 250,
          "KTO (one good answer)": lambda d: kto(d, d[:0], 0, 0.1), "SimPO": lambda d: simpo(d, 0 * d, 0.1, 0.5)}  # fmt: skip
plots.show(figures.losses(curves), alt="Four losses over the margin: DPO's falls without end, IPO's is lowest at five, KTO's flattens on both sides.")
'''
text_reading,text_six,cell_six=out[t],out[s],out[s+1]
assert "torch.manual_seed(0)\nmoved" in cell_six and j==s+2 and t==j+1
out[s:t+1]=[text_reading,text_six,cell_six]
sub('''    z = preferences.kto_reference_point(sum(sign * preferences.answer_log_probs(model, others) for sign, model in ((1, moved), (-1, reference))))
''','''    h_others = preferences.answer_log_probs(moved, others) - preferences.answer_log_probs(reference, others)
    z = preferences.kto_reference_point(h_others)
''')
sub('''batch, others = preferences.Answers.of(x + x, chosen + rejected, PAD), preferences.Answers.of(x, chosen[-1:] + chosen[:-1], PAD)
''','''batch = preferences.Answers.of(x + x, chosen + rejected, PAD)
others = preferences.Answers.of(x, chosen[-1:] + chosen[:-1], PAD)
''')
# --- 12, 13
sub('''    return SimpleNamespace(model=reference, accelerator=same, loss_types=[kind], loss_type=kind, loss_weights=[1.0], ld_alpha=None, beta=0.1,
                           f_divergence_type="reverse_kl", precompute_ref_logps=True, use_weighting=False, aux_loss_enabled=False,
                           label_smoothing=0.0, alpha=0.0, simpo_gamma=0.5, calculate_KL=True, desirable_weight=1.0, undesirable_weight=1.0,
                           _tp_size=1, _total_train_tokens=0, _metrics=defaultdict(lambda: defaultdict(list)))  # fmt: skip
''','''    return SimpleNamespace(model=reference, accelerator=same, loss_types=[kind], loss_type=kind, loss_weights=[1.0], ld_alpha=None,
                           f_divergence_type="reverse_kl", precompute_ref_logps=True, use_weighting=False, label_smoothing=0.0,
                           aux_loss_enabled=False, beta=0.1, alpha=0.0, simpo_gamma=0.5, calculate_KL=True, desirable_weight=1.0,
                           undesirable_weight=1.0, _tp_size=1, _total_train_tokens=0,
                           _metrics=defaultdict(lambda: defaultdict(list)))  # fmt: skip
''')
sub('''        chosen_sum, rejected_sum = fixed.sum(1).chunk(2)
        return trl.DPOTrainer._compute_loss(stub, says, given | {"ref_chosen_logps": chosen_sum, "ref_rejected_logps": rejected_sum}, False)
''','''        given |= dict(zip(("ref_chosen_logps", "ref_rejected_logps"), fixed.sum(1).chunk(2)))
        return trl.DPOTrainer._compute_loss(stub, says, given, False)
''')
join("# Where TRL 1.16 departs from the papers, named:","# ## 13. On a GPU")
sub('''    whole = preferences.Answers(batch.ids, (batch.ids != PAD) & (torch.arange(batch.ids.shape[1]) > 0))  # all but the first token
    sums = {"policy": preferences.answer_log_probs(moved, whole), "reference": preferences.answer_log_probs(reference, whole)}
    dpo_shift = abs(dpo(*(sums["policy"] - sums["reference"]).chunk(2), 0.1) - by_us["DPO"](*parts())).item()
    simpo_shift = abs(simpo(*(sums["policy"] / whole.lengths).chunk(2), 2.0, 0.5) - by_us["SimPO"](*parts())).item()
''','''    real = (batch.ids != PAD) & (torch.arange(batch.ids.shape[1]) > 0)  # all but the first token
    whole = preferences.Answers(batch.ids, real)
    by_moved, by_reference = (preferences.answer_log_probs(model, whole) for model in (moved, reference))
    dpo_shift = abs(dpo(*(by_moved - by_reference).chunk(2), 0.1) - by_us["DPO"](*parts())).item()
    simpo_shift = abs(simpo(*(by_moved / whole.lengths).chunk(2), 2.0, 0.5) - by_us["SimPO"](*parts())).item()
''')
sub('''assert all(abs(loss - 0.6931) < 1e-3 for loss in row_losses) and moved_by > 1e-4 and dropped > 0.05 and dpo_shift < 1e-4 < simpo_shift
''','''assert all(abs(loss - 0.6931) < 1e-3 for loss in row_losses) and moved_by > 1e-4
assert dropped > 0.05 and dpo_shift < 1e-4 < simpo_shift
''')
# --- scorecard, summary
out.append('''# %% [markdown]
# ## Scorecard
#
# Rows about equality, about small exact examples and about the recorded runs. The second card has what the live trainings gave.
''')
out.append('''# %% tags=["scorecard"]
from utils.course.scorecard import Scorecard

card = Scorecard(lesson=18)
card.at_most("PPO (leash, GAE, loss, gradient): largest difference from utils.alignment", ppo_difference, 1e-5)
for name in by_us:
    card.at_most(f"{name}: loss and gradient, largest difference from utils.alignment", off_utils[name], 1e-4)
for name, off in off_trl.items():
    card.at_most(f"{name}: loss and gradient, largest difference from TRL's", off, 1e-4)
card.at_least("REINFORCE: variance without a baseline, as a multiple of that with one", spread["no baseline"] / spread["mean of the others"], 20, digits=2)
card.at_most("DPO, line 2: the two forms of the objective, largest difference", line_2, 1e-5)
card.at_most("DPO, line 3: climbing from pi_ref, distance from pi*", line_3, 1e-3)
card.at_most("DPO, line 7: from choices alone, distance from pi*", line_7, 1e-3)
card.at_least("recorded: the start, judge's score, lower end", began.low, 0.1)
card.at_most("recorded: no leash, judge's score, upper end", ended["no leash"].high, 0.05)
card.at_least("recorded: no leash, reward model's score, least of three seeds", min(run["held out"]["reward"] for run in by_arm["no leash"]), 2.0)
card.at_least("recorded: beta 0.1, judge's score, lower end", ended["beta 0.1"].low, 0.4)
card.at_least("recorded: judge's own score above beta 0.1, lower end", between["beta 0.1", "judge's own score"].low, 0.0)
card.show()
''')
out.append('''# %% tags=["scorecard", "nbval-ignore-output"]
card = Scorecard(lesson=18)
card.at_least("live: reward model right on held-out pairs, lower end", accuracy["reward model"].low, 0.8)
card.at_least("live: PPO on a leash, gain of the judge's score", gains["score"], 0.05)
card.at_most("live: then without, judge's score at the end minus the best", ends["score"] - best_seen, -0.1)
card.at_most("live: eight steps of DPO, largest difference of a loss from the recorded run's", dpo_off, 0.05)
card.at_most("live: DPO's loss while the reference is the policy, distance from ln 2", max(abs(loss - 0.6931) for loss in row_losses), 1e-3)
card.show()
''')
out.append('''# %% [markdown]
# ## Summary
#
# 1. Bradley-Terry turns comparisons into rewards, up to a constant. A reward model is a language model that learns them, and it is right only about what its pairs show.
# 2. REINFORCE makes likelier what paid off; a baseline takes most of the noise away. PPO dares several steps on the same answers, by a clip, GAE and a KL penalty.
# 3. Without the penalty the reward model's score rose, and the judge's rose and then fell to nothing: answers that no pair had shown. With it the policy stopped before that, and ended well above the start.
# 4. The best policy under a KL penalty is known: $\\pi_{\\text{ref}}\\, e^{r/\\beta} / Z$. Turned round, it makes Bradley-Terry a loss on the policy itself, DPO.
# 5. IPO, KTO, SimPO and ORPO change a term each. Yours equal TRL's on one batch, in value and gradient; where TRL departs from the papers stands in section 12.
#
# **New words**, in the [glossary](../data/glossary.md): preference pair; Bradley-Terry; reward model; policy; reference; rollout; policy gradient; baseline; advantage; PPO; ratio and clip; value head; GAE; KL divergence; KL penalty; reward hacking; proxy; best of n; DPO; log-ratio; IPO, KTO, SimPO, ORPO.
#
# **Papers.** Williams, *Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement Learning*, Machine Learning 8, 1992 · Schulman et al., *Generalized Advantage Estimation*, 2015, [arXiv 1506.02438](https://arxiv.org/abs/1506.02438) · Schulman et al., *Proximal Policy Optimization Algorithms*, 2017,
# [arXiv 1707.06347](https://arxiv.org/abs/1707.06347) · Ziegler et al., *Fine-Tuning Language Models from Human Preferences*, 2019, [arXiv 1909.08593](https://arxiv.org/abs/1909.08593) · Ouyang et al., *Training Language Models to Follow Instructions with Human Feedback* (InstructGPT), 2022, [arXiv
# 2203.02155](https://arxiv.org/abs/2203.02155) · Gao et al., *Scaling Laws for Reward Model Overoptimization*, 2022, [arXiv 2210.10760](https://arxiv.org/abs/2210.10760) · Rafailov et al., *Direct Preference Optimization*, 2023, [arXiv 2305.18290](https://arxiv.org/abs/2305.18290) · Azar et al. (IPO), 2023, [arXiv
# 2310.12036](https://arxiv.org/abs/2310.12036) · Ethayarajh et al., *KTO*, 2024, [arXiv 2402.01306](https://arxiv.org/abs/2402.01306) · Beirami et al., *Theoretical Guarantees on the Best-of-n Alignment Policy*, 2024, [arXiv 2401.01879](https://arxiv.org/abs/2401.01879) · Hong et al., *ORPO*, 2024,
# [arXiv 2403.07691](https://arxiv.org/abs/2403.07691) · Meng et al., *SimPO*, 2024, [arXiv 2405.14734](https://arxiv.org/abs/2405.14734)
#
# **Next:** lesson 19 improves a GPT with SFT and DPO, by `DPOTrainer`, and lets judges that are programs count who wins.
''')
sub('''assert ended["no leash"].high < began.low and min''','''at_like_kl = {}
for name in ("no leash", "beta 0.03"):
    rows = [zip(run["steps"]["kl"], run["steps"]["score"]) for run in by_arm[name]]
    at_like_kl[name] = [torch.tensor([score for kl, score in each if 12 <= kl < 25]).mean().item() for each in rows]
    print(f"{name}, steps of 12 to 25 nats: judge by seed", " ".join(f"{mean:.2f}" for mean in at_like_kl[name]))
assert min(at_like_kl["beta 0.03"]) > max(at_like_kl["no leash"]) and ended["no leash"].high < began.low and min''')
sub('''# Look at the figure at the top again. At the same KL the lines lie close to each other, whatever $\\beta$. The leash does not make the reward model better; it stops the policy before the turn, and stopping early would do the same. Gao et al. (2022) found this on
# models of up to 3 billion weights.
''','''# Look at the figure at the top again. Up to some 9 nats all lines lie together, whatever $\\beta$: there a leash only stops the policy before the turn, and stopping early would do the same. Gao et al. (2022) found no more than that in their reward models of up to
# 3 billion weights. Here, further out, there is more: between 12 and 25 nats the policy on the longer leash scores higher than the one without, in every seed.
''')
sub("    slope = -torch.autograd.grad(loss, log_prob)[0].item()\n","    slope = 0.0 - torch.autograd.grad(loss, log_prob)[0].item()\n")
sub('''print("pi_ref", ref.tolist(), "\\npi*   ", [round(p, 3) for p in best_pi.tolist()])''','''for name, pi in (("pi_ref", ref), ("pi*", best_pi)):
    print(f"{name:<7}", *(f"{p:.3f}" for p in pi.tolist()))''')
# --- later
i=find("torch.manual_seed(0)\nmoved = copy")
out[i]=out[i].replace("torch.manual_seed(0)\nmoved","torch.manual_seed(8)\nmoved").replace('''for name in by_us:
    print(''','''print(f"KTO's z: {z.item():.2f}")
for name in by_us:
    print(''').replace("assert max(off_utils.values()) < 1e-4","assert max(off_utils.values()) < 1e-4 and z > 0.1")
sub('''            **dict(zip(Opinion._fields, torch.tensor(opinions(answers)).mean(0).tolist())),
            "explained": 1 - (policy.masked_mean((returns - values).square(), mask)
                              / policy.masked_mean((returns - policy.masked_mean(returns, mask)).square(), mask)).item()}  # fmt: skip
''','''            **dict(zip(Opinion._fields, torch.tensor(opinions(answers)).mean(0).tolist())),
            "explained": 1 - ((returns - values)[mask].square().mean() / returns[mask].var(unbiased=False)).item()}  # fmt: skip
''')
sub('''f"talk {step['talk']:.0%}   good {step['good']:.0%}")''','''f"talk {step['talk']:3.0%}   good {step['good']:3.0%}   explained {step['explained']:+.2f}")''')
sub("no mix of pretraining text; and an answer that was cut off counts as ended.","no mix of pretraining text; and an answer that was cut off counts as ended. Beside scores and KL it reports what the value head is worth: the share of the returns' variance that its guesses *explain*, where 0 is what a constant would do, and less than 0 is worse.")
sub("KTO gives up on what is far on the wrong side, too: an answer","KTO (its margin is $h - z$ of one answer) gives up on what is far on the wrong side, too: an answer")
sub("Both go up: the reward model stands for the judge, so far. And now take the leash off.","Both go up: the reward model stands for the judge, so far. The value head explains little: after so few steps a baseline is about all it is. And now take the leash off.")
sub("Here it is the *mean* of the numbers at the answer's tokens, which learns far sooner from few pairs. That is a\n# departure;","Here it is the *mean* of the numbers at the answer's tokens, so that from few pairs each token learns. That is a\n# departure;")
sub('''    """The share of held-out pairs in which the first score is higher, a draw counting half; its interval is over prompts."""
''','''    """For each held-out prompt the share of its pairs in which the first score is higher; a draw counts half."""
''')
sub("    return metrics.mean_interval([sum(each) / len(each) for each in shares.values()])\n","    return [sum(each) / len(each) for each in shares.values()]\n")
i=find("accuracy = {\"reward model\": agreement")
out[i]=out[i].replace('accuracy = {"reward model": agreement(','right = {"reward model": agreement(').replace('    accuracy[name] = agreement(map','    right[name] = agreement(map').replace('''for name, share in accuracy.items():
    print(f"{name:<16} right on held-out pairs: {share}")
''','''accuracy = {name: metrics.mean_interval(shares) for name, shares in right.items()}  # over prompts
for name, share in accuracy.items():
    print(f"{name:<16} right on held-out pairs: {share}")
ahead = metrics.gain_interval(right["quotation marks"], right["reward model"])
print(f"reward model ahead of quotation marks by {ahead}")
''').replace('''and accuracy["reward model"].low > 0.75''','''and accuracy["reward model"].low > 0.75 and ahead.low <= 0''')
sub(" The value head explains little: after so few steps a baseline is about all it is. And now take the leash off."," The value head explains a part of the returns at best. And now take the leash off.")
sub("Section 3 showed the place: talk alone.","Section 3 showed where that would be: ever more talk.")
sub("The policy that had the judge's own score is ahead of both: so much the proxy costs, even on a leash.","The policy that was paid the judge's own score is ahead of both: that much the proxy costs, even on a leash.")
sub('''           (("beta 0.03", "beta 0.1"), ("beta 0.1", "judge's own score"))}  # fmt: skip''','''           (("beta 0.03", "beta 0.1"), ("beta 0.03", "judge's own score"), ("beta 0.1", "judge's own score"))}  # fmt: skip''')
sub('''assert between["beta 0.03", "beta 0.1"].low <= 0 < between["beta 0.1", "judge's own score"].low''','''assert between["beta 0.03", "beta 0.1"].low <= 0 < min(between[name, "judge's own score"].low for name in ("beta 0.03", "beta 0.1"))''')
sub('''From there on only the reward model pays, and it pays for *anything* with quotation marks in it. Sentences break in the middle, words are repeated, in the end hardly a sentence is good. No pair
# of section 2 had such an answer in it, so the reward model never learned that it is bad. Its score stays at its ceiling all the while. From the score alone you would not notice.''','''From there on the two part. Sentences break off in the middle, words are repeated, and in the end hardly a sentence is good. Next to no pair
# of section 2 had such an answer in it, so the reward model never learned that it is bad: its score stays at its ceiling all the while. From that score alone you would not notice. On the leash, broken text is dear, since the reference finds it very unlikely.''')
sub("PPO holds four networks in memory (policy, reference, reward model, values) and must write all the time. Rafailov et al. (2023) found that the leash makes all of this unnecessary. Five answers,","PPO holds four networks in memory (policy, reference, reward model, values) and must write all the time. Rafailov et al. (2023) found a way around this, by means of the leash itself. First five answers,")
sub("The inner product of $\\pi_{\\text{ref}}$ and $e^{r/\\beta}$ sums to some $Z$, not to 1. Divided by $Z$ it is a policy,","Over all $y$ the product $\\pi_{\\text{ref}}(y)\\, e^{r(y)/\\beta}$ sums to some $Z$, not to 1. Divided by $Z$ it is a policy,")
sub("DPO pulls without end, weaker and weaker; where pairs are noisy, that is how it overfits.","DPO pulls without end, weaker and weaker: where one side of a pair always wins, nothing else stops it (Azar et al., 2023).")
# --- shorter cells
sub('''    gradient = torch.autograd.grad(bradley_terry(r[won], r[lost]), r)[0]
    r.data -= 2.0 * gradient
''','''    r.data -= 2.0 * torch.autograd.grad(bradley_terry(r[won], r[lost]), r)[0]
''')
sub('''print("rewards", [f"{x:+.2f}" for x in r.tolist()], f"  sum {abs(r.sum().item()):.2f}")
print(f"A beats C with probability {torch.sigmoid(r[0] - r[2]).item():.2f}")
''','''print(f"rewards {[round(x, 2) for x in r.tolist()]}; A beats C with probability {torch.sigmoid(r[0] - r[2]).item():.2f}")
''')
i=find("def dpo(h_w, h_l, beta):")
out[i]=out[i][:out[i].index("\n\ncurves = {")].rstrip()+'''


plots.show(figures.losses(dpo, ipo, kto, simpo), alt="Four losses over the margin: DPO's falls on, IPO's is lowest at 5, KTO's flattens on both sides.")
'''
i=find("some = torch.randn(1000, 5, generator=draws)")
out[i]='''# %% tags=["nbval-ignore-output"]
some = torch.randn(1000, 5, generator=torch.Generator().manual_seed(0)).softmax(-1)  # a thousand policies
line_2 = (objective(some) - beta * Z.log() + beta * (some * (some / best_pi).log()).sum(-1)).abs().max().item()
logits = ref.log().clone().requires_grad_()
for _ in range(300):  # line 3: climb, without knowing pi*
    logits.data += torch.autograd.grad(objective(logits.softmax(-1)), logits)[0]
line_3 = (logits.softmax(-1) - best_pi).abs().max().item()
print(f"line 2 on 1,000 policies: equal {line_2 < 1e-5}; line 3, climbing from pi_ref reaches pi*: {line_3 < 5e-4}")
assert line_2 < 1e-5 and line_3 < 5e-4 and (objective(some) <= beta * Z.log() + 1e-6).all()


def draw_optimum(beta):
    return figures.optimum(ref, r5, beta)


widgets.explore(draw_optimum, alt="Five answers: probabilities at the start and in the best policy of this leash.",
                beta=ipywidgets.FloatLogSlider(value=1.0, base=10, min=-1, max=1, step=0.1))  # fmt: skip
'''
sub("line_7 < 1e-3}","line_7 < 5e-4}"); sub("line_4 < 1e-5 and line_7 < 1e-3","line_4 < 1e-5 and line_7 < 5e-4")
sub('line_3, 1e-3)','line_3, 5e-4)'); sub('line_7, 1e-3)','line_7, 5e-4)')
i=find("def best_of_n(prompts=32, m=64):")
out[i]=out[i].replace("from utils.experiments.tastes import best_of\n\n\n","").replace('''    groups = written(reference, HELD_OUT[:prompts], m, seed=2)
    flat = [one for group in groups for one in group]
''','''    flat = [one for group in written(reference, HELD_OUT[:prompts], m, seed=2) for one in group]
''').replace("for mean in best_of(n,","for mean in tastes.best_of(n,")
i=find("def dpo_steps(steps, seed"); j=find("def dpo_runs():")
runs=out[j][out[j].index("def dpo_runs"):out[j].index("\n\n\ndpo_log")]
out[i]=out[i].rstrip()+"\n\n\n"+runs+"\n"
out[j]=out[j].replace(runs+"\n\n\n","").replace('''dpo_judged = torch.tensor([found["judge"] for found in dpo_ended])  # (seeds, prompts)
print(f"recorded, after 32 steps: judge {show_interval(metrics.mean_interval(dpo_judged.mean(0).tolist()))}; KL",
      " ".join(f"{found['kl']:.1f}" for found in dpo_ended))  # fmt: skip
''','''dpo_judged = metrics.mean_interval(torch.tensor([found["judge"] for found in dpo_ended]).mean(0).tolist())  # over prompts
print(f"recorded, after 32 steps: judge {show_interval(dpo_judged)}; KL", " ".join(f"{found['kl']:.1f}" for found in dpo_ended))
''')
sub('''off_utils = {name: apart''','''off_utils = {name: apart''')
sub('''losses_of_both = [loss(log_probs, old, advantages, mask) for loss in (clipped_loss, policy.ppo_loss)]
both += [losses_of_both, [torch''','''losses_of_both = [loss(log_probs, old, advantages, mask) for loss in (clipped_loss, policy.ppo_loss)]
both += [losses_of_both, [torch''')
sub('''print(f"leash, advantages, returns, loss, gradient equal utils': {ppo_difference < 1e-5}; "
      f"clipped: {policy.share_clipped(log_probs.detach(), old, advantages, mask):.0%} of tokens")  # fmt: skip
''','''clipped = policy.share_clipped(log_probs.detach(), old, advantages, mask)
print(f"leash, advantages, returns, loss, gradient equal utils': {ppo_difference < 1e-5}; clipped: {clipped:.0%} of tokens")
''')
sub('''log_probs, old, fixed, values, advantages = grids
log_probs = (old + 0.3 * log_probs).requires_grad_()
''','''noise, old, fixed, values, advantages = grids
log_probs = (old + 0.3 * noise).requires_grad_()
''')
sub('''draws = torch.Generator().manual_seed(5)
grids = [torch.randn(6, 12, generator=draws) for _ in range(5)]
''','''grids = torch.randn(5, 6, 12, generator=torch.Generator().manual_seed(5)).unbind()
''')
# --- fewer words
i=find("# ## Summary")
out[i]='''# %% [markdown]
# ## Summary
#
# 1. Bradley-Terry turns comparisons into rewards, up to a constant. A reward model learns them, and is right only about what its pairs show.
# 2. REINFORCE makes likelier what paid off; a baseline takes most of the noise away. PPO dares several steps on the same answers, by a clip, GAE and a KL penalty.
# 3. Without the penalty the reward model's score rose and the judge's fell to nothing; with it the policy ended well above the start.
# 4. The best policy under a KL penalty is $\\pi_{\\text{ref}}\\, e^{r/\\beta} / Z$. Turned round, that makes Bradley-Terry a loss on the policy itself: DPO.
# 5. IPO, KTO, SimPO and ORPO change a term each. Yours equal TRL's, in value and gradient.
#
# **New words**, in the [glossary](../data/glossary.md): preference pair; Bradley-Terry; reward model; policy; reference; rollout; policy gradient; baseline; advantage; PPO; ratio and clip; value head; GAE; KL divergence; KL penalty; reward hacking; proxy; best of n; DPO; log-ratio.
#
# **Papers.** Williams, *Simple Statistical Gradient-Following Algorithms*, 1992 · Schulman et al., [GAE](https://arxiv.org/abs/1506.02438), 2015, and [PPO](https://arxiv.org/abs/1707.06347), 2017 · Ziegler et al., [KL penalty](https://arxiv.org/abs/1909.08593), 2019 · Ouyang et al., [InstructGPT](https://arxiv.org/abs/2203.02155),
# 2022 · Gao et al., [overoptimization](https://arxiv.org/abs/2210.10760), 2022 · Rafailov et al., [DPO](https://arxiv.org/abs/2305.18290), 2023 · Azar et al., [IPO](https://arxiv.org/abs/2310.12036), 2023 · Ethayarajh et al., [KTO](https://arxiv.org/abs/2402.01306), 2024 ·
# Beirami et al., [best of n](https://arxiv.org/abs/2401.01879), 2024 · Hong et al., [ORPO](https://arxiv.org/abs/2403.07691), 2024 · Meng et al., [SimPO](https://arxiv.org/abs/2405.14734), 2024
#
# **Next:** lesson 19 improves a GPT with SFT and DPO, by `DPOTrainer`, and programs judge who wins.
'''
sub(" (The tests of the course hold its clip against TRL's, too, on one batch: TRL has no PPO trainer any more, but its GRPO uses the same clip.)"," (The tests of the course compare the clip with TRL's as well: it has no PPO trainer any more, but GRPO uses the same clip.)")
sub(". TRL 1.16 has no PPO trainer any more.",".")
import re as _re
i=find("def check_dpo_from_tokens(attempt):")
out[i]=_re.sub(r"\bpolicy\b(?! minus)","log_probs",out[i])
# --- trimming
sub('''# (The intervals are over the 64 prompts, each with the mean of its three seeds.) Without a leash the reward model gives its highest scores, and the judge next to nothing: less than
# to the start, in every seed. On either leash the judge's score lies well above the start. That the shorter leash is better than the longer one is *not* shown: the interval of the difference contains 0.
# The policy that was paid the judge's own score is ahead of both: that much the proxy costs, even on a leash.
''','''# (Intervals are over the 64 prompts, each with the mean of its three seeds.) Without a leash the reward model's scores are the highest, and the judge's next to nothing, in every seed.
# On either leash the judge's score lies well above the start. That the shorter leash is better than the longer one is *not* shown: the interval contains 0.
# The policy that was paid the judge's own score is ahead of both: that much the proxy costs, even on a leash.
''')
sub('''In the data that hardly matters, they are too few. It will matter as soon as a policy *looks* for high scores.''','''In the data that hardly matters. It will as soon as a policy *looks* for high scores.''')
sub("It works, and each answer was used once and thrown away: one batch, one step. Writing answers is most of the cost.","It works, and each answer was used for one step and thrown away, though writing answers is most of the cost.")
sub("<details><summary>Answer</summary>No. The loss sees the difference alone, and both may fall, if the rejected fall faster. Whether you want it is another question (section 10's figure).</details>","<details><summary>Answer</summary>No. The loss sees the difference alone, and both may fall, if the rejected fall faster (section 10).</details>")
sub("that is hopelessly far off, perhaps because its label is wrong, hardly pulls.","that is hopelessly far off, perhaps by a wrong label, hardly pulls.")
sub('''# **Dropout.** The policy that wrote ran without dropout, the one that learns with it: the ratio is not 1 before any step was taken.''','''# **Dropout.** The policy wrote without dropout and learns with it: the ratio is not 1 before any step was taken.''')
# --- shorter runs
sub("# **Predict.** Eight steps of 32 answers each.","# **Predict.** Six steps of 32 answers each.")
sub("climb = [reinforce_step(learner, judge_reward) for _ in range(8)]","climb = [reinforce_step(learner, judge_reward) for _ in range(6)]")
sub("# **Predict.** Now the reward is the reward model's score, and $\\beta = 0.1$. Eight steps: will the judge's score, which nobody optimizes here, go up as well?",
    "# **Predict.** Now the reward is the reward model's score, and there is no leash: $\\beta = 0$. Eight steps: will the judge's score, which nobody optimizes here, go up as well?")
sub("steps = [ppo_step(learner, model_reward, beta=0.1) for _ in range(8)]","steps = [ppo_step(learner, model_reward, beta=0.0) for _ in range(8)]")
sub("Both go up: the reward model stands for the judge, so far. The value head explains a part of the returns at best. And now take the leash off.",
    "Both go up: the reward model stands for the judge, so far. The value head explains a part of the returns at best.")
sub("# **Predict.** The same policy goes on for ten steps with $\\beta = 0$. What becomes","# **Predict.** The same policy goes on for five steps. What becomes")
sub("off = [ppo_step(learner, model_reward, beta=0.0) for _ in range(10)]","off = [ppo_step(learner, model_reward, beta=0.0) for _ in range(5)]")
sub('card.at_least("live: PPO on a leash, gain of the judge\'s score"','card.at_least("live: PPO, eight steps, gain of the judge\'s score"')
sub('card.at_most("live: then without, judge\'s score at the end minus the best"','card.at_most("live: PPO, five steps more, judge\'s score at the end minus the best"')
i=find("def dpo_steps(steps, seed")
out[i]=out[i].replace('''    fixed = torch.stack([preferences.scores(reference, x, y) for y in (chosen, rejected)])  # (2, N), once
''','').replace('''        h = preferences.answer_log_probs(model, batch).view(2, -1) - fixed[:, now]  # (2, size): log-ratios
''','''        with torch.no_grad():
            fixed = preferences.answer_log_probs(reference, batch)
        h = (preferences.answer_log_probs(model, batch) - fixed).view(2, -1)  # (2, size): log-ratios
''')
sub("no reward model, no new answers. What the reference says of them never changes and is computed once.\n","no reward model, no new answers. (Who passes through them many times computes once what the reference says, since it never changes.)\n")
sub("The first eight\n# steps of one seed are live.","The first four\n# steps of one seed are live.")
sub("live = dpo_steps(8, seed=0)[1]","live = dpo_steps(4, seed=0)[1]")
sub("live: eight steps of DPO","live: four steps of DPO")
# --- lines
sub('alt="Over the KL from the start: the reward model\'s score goes up and stays up, the judge\'s goes up and then down.")','alt="Over the KL: the reward model\'s score goes up and stays up, the judge\'s goes up and then down.")')
sub('''means = {"share": [talk[band].mean().item() for band in bands] + [1.0], "count": [int(band.sum()) for band in bands] + [len(probe)],
''','''of_probe = scores_of(reward_model, *zip(*probe))
means = {"share": [talk[band].mean().item() for band in bands] + [1.0],
         "count": [int(band.sum()) for band in bands] + [len(probe)],
''')
sub('''[scores.mean().item() for scores in [*(raw[band] for band in bands), scores_of(reward_model, *zip(*probe))]]}''','''[scores.mean().item() for scores in (*(raw[band] for band in bands), of_probe)]}''')
sub('alt="Mean score over the share of talk: the reward model\'s goes up all the way, the judge\'s up and down.")','alt="Mean score over the share of talk: the reward model\'s only goes up, the judge\'s up and down.")')
sub('alt="PPO\'s objective over the ratio, for an advantage above zero and one below: flat beyond the clip on one side.",','alt="PPO\'s objective over the ratio, for advantages above and below zero: flat beyond the clip on one side.",')
sub('''    return {"judge": [round(opinion.score, 3) for opinion in found], "talk": sum(opinion.talk for opinion in found) / len(found),
''','''    return {"judge": [round(opinion.score, 3) for opinion in found],
            "talk": sum(opinion.talk for opinion in found) / len(found),
''')
sub('''    last = [run["held out"] for run in runs]
    print(f"{name:<17}  judge {show_interval(ended[name])}   by seed", " ".join(f"{mean:.2f}" for mean in judged[name].mean(1).tolist()),
          "  reward model", " ".join(f"{each['reward']:+.1f}" for each in last), "  KL", " ".join(f"{each['kl']:.0f}" for each in last))  # fmt: skip
''','''    last, seeds = [run["held out"] for run in runs], " ".join(f"{mean:.2f}" for mean in judged[name].mean(1).tolist())
    print(f"{name:<17}  judge {show_interval(ended[name])}, by seed {seeds}   reward model",
          " ".join(f"{each['reward']:+.1f}" for each in last), "  KL", " ".join(f"{each['kl']:.0f}" for each in last))  # fmt: skip
''')
sub('plots.show(figures.hack(by_arm), alt="Over 25 steps: without a leash the reward model\'s score stays high while the judge\'s and the good sentences vanish.")','plots.show(figures.hack(by_arm), alt="Without a leash the reward model\'s score stays high; the judge\'s and the good sentences vanish.")')
sub('''    print(f"n = {n:>2}   KL at most {figures.bound(int(n)):.2f}   reward model {reward.value:+.2f}   judge {show_interval(by_judge)}")''','''    bound = figures.bound(int(n))
    print(f"n = {n:>2}   KL at most {bound:.2f}   reward model {reward.value:+.2f}   judge {show_interval(by_judge)}")''')
sub('''plots.show(figures.preferred([run["history"] for run in dpo_log.results], [run["held out"] for run in dpo_log.results], log.results["start"]),
           alt="DPO: the log-ratios of chosen and rejected answers over the steps, and the judge's score over the KL.")  # fmt: skip
''','''plots.show(figures.preferred(dpo_log.results, log.results["start"]),
           alt="DPO: log-ratios of chosen and rejected answers over the steps, and the judge's score over the KL.")  # fmt: skip
''')
sub('alt="Four losses over the margin: DPO\'s falls on, IPO\'s is lowest at 5, KTO\'s flattens on both sides.")','alt="Losses over the margin: DPO\'s falls on, IPO\'s is lowest at 5, KTO\'s is flat at both ends.")')
sub('''card.at_least("REINFORCE: variance without a baseline, as a multiple of that with one", spread["no baseline"] / spread["mean of the others"], 20, digits=2)
''','''noisier = spread["no baseline"] / spread["mean of the others"]
card.at_least("REINFORCE: variance without a baseline, as a multiple of that with one", noisier, 20, digits=2)
''')
sub('''card.at_least("recorded: no leash, reward model's score, least of three seeds", min(run["held out"]["reward"] for run in by_arm["no leash"]), 2.0)
''','''hacked = min(run["held out"]["reward"] for run in by_arm["no leash"])
card.at_least("recorded: no leash, reward model's score, least of three seeds", hacked, 2.0)
''')
sub('''card.at_most("live: DPO's loss while the reference is the policy, distance from ln 2", max(abs(loss - 0.6931) for loss in row_losses), 1e-3)
''','''from_ln_2 = max(abs(loss - 0.6931) for loss in row_losses)
card.at_most("live: DPO's loss while the reference is the policy, distance from ln 2", from_ln_2, 1e-3)
''')
sub("    by_policy = (torch.where(mask, log_probs, 0.0).sum(1)[:4] > torch.where(mask, log_probs, 0.0).sum(1)[4:]).float().mean().item()\n","    sums = torch.where(mask, log_probs, 0.0).sum(1)\n    by_policy = (sums[:4] > sums[4:]).float().mean().item()\n")
