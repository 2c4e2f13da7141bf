# %% [markdown]
# ## 9. DPO, line by line
#
# PPO holds four networks in memory (policy, reference, reward model, values) and must write all the time. Rafailov et al. (2023) found that the leash makes all of this unnecessary. Five answers, so few that every mean is a plain sum:

# %%
ref = torch.tensor([0.40, 0.30, 0.15, 0.10, 0.05])  # pi_ref of five answers
r5, beta = torch.tensor([0.0, 1.0, 2.0, 0.5, 3.0]), 1.0  # their rewards, the leash


def objective(pi):
    """(..., 5) -> (...): the reward's mean minus beta KL(pi || ref)."""
    return (pi * r5).sum(-1) - beta * (pi * (pi / ref).log()).sum(-1)


Z = (ref * (r5 / beta).exp()).sum()
best_pi = ref * (r5 / beta).exp() / Z
print("pi_ref", ref.tolist(), "\npi*   ", [round(p, 3) for p in best_pi.tolist()])

# %% [markdown]
# **Line 1, what PPO wants:** the policy with the largest $\sum_y \pi(y)\, r(y) - \beta\, \text{KL}(\pi \,\|\, \pi_{\text{ref}})$.
#
# **Line 2.** Put both sums into one: $-\beta \sum_y \pi(y) \big[ \log \pi(y) - \log \big( \pi_{\text{ref}}(y)\, e^{r(y)/\beta} \big) \big]$. The inner product of $\pi_{\text{ref}}$ and $e^{r/\beta}$ sums to some $Z$, not to 1. Divided by $Z$ it is a policy,
#
# $$ \pi^*(y) = \frac{1}{Z}\, \pi_{\text{ref}}(y)\, e^{r(y) / \beta}, \qquad\text{and the objective is}\qquad \beta \ln Z - \beta\, \text{KL}(\pi \,\|\, \pi^*) . $$
#
# **Line 3.** A KL is never below 0, and 0 only for equal policies. So $\pi^*$ is the best there is, and its value is $\beta \ln Z$: a policy that PPO searches for, written down.

# %%
draws = torch.Generator().manual_seed(0)
some = torch.randn(1000, 5, generator=draws).softmax(-1)  # a thousand policies
other_form = beta * Z.log() - beta * (some * (some / best_pi).log()).sum(-1)
line_2 = (objective(some) - other_form).abs().max().item()
logits = ref.log().clone().requires_grad_()
for _ in range(300):  # line 3: climb, without knowing pi*
    logits.data += torch.autograd.grad(objective(logits.softmax(-1)), logits)[0]
line_3 = (logits.softmax(-1) - best_pi).abs().max().item()
print(f"line 2 on 1,000 policies: equal {line_2 < 1e-5}; line 3, climbing from pi_ref reaches pi*: {line_3 < 1e-3}")
assert line_2 < 1e-5 and line_3 < 1e-3 and (objective(some) <= beta * Z.log() + 1e-6).all()

# %% tags=["nbval-ignore-output"]
def draw_optimum(beta):
    best = ref * (r5 / beta).exp()
    return figures.optimum(ref, r5, best / best.sum(), beta)


widgets.explore(draw_optimum, alt="Five answers: their probability at the start and in the best policy of this leash; its mean reward and KL.",
                beta=ipywidgets.FloatLogSlider(value=1.0, base=10, min=-1, max=1, step=0.1))  # fmt: skip

# %% [markdown]
# A long leash (small $\beta$) puts nearly all on the answer with the highest reward; a short one leaves the start as it was.
#
# **Line 4, turned round:** $r(y) = \beta \log \dfrac{\pi^*(y)}{\pi_{\text{ref}}(y)} + \beta \ln Z$. Whoever has the best policy has the reward.
#
# **Line 5.** $Z$ would be a sum over all answers there are. But Bradley-Terry needs a *difference*, and in that it is gone. With the *log-ratio* $h(y) = \log \pi(y \mid x) - \log \pi_{\text{ref}}(y \mid x)$,
#
# $$ r(y_w) - r(y_l) = \beta\, \big( h(y_w) - h(y_l) \big) . $$
#
# **Line 6.** So do not fit a reward model; put the policy's $\beta h$ in its place, into section 1's loss, and descend on the *policy's* weights:
#
# $$ \mathcal{L}_{\text{DPO}} = -\frac{1}{N} \sum_{(x,\, w,\, l)} \log \sigma \Big( \beta\, \big( h(y_w) - h(y_l) \big) \Big) . $$
#
# **Line 7.** If people choose by Bradley-Terry with rewards $r$, and there are enough of their choices, the lowest loss is at $\pi^*$. The next cell never shows $r$ to the policy, only how often each answer wins.

# %%
line_4 = (beta * (best_pi / ref).log() + beta * Z.log() - r5).abs().max().item()
w, l = torch.cartesian_prod(torch.arange(5), torch.arange(5)).T  # all ordered pairs
how_often = torch.sigmoid(r5[w] - r5[l])  # w is chosen over l
logits = ref.log().clone().requires_grad_()
for _ in range(3000):
    h = logits.log_softmax(-1) - ref.log()
    loss = -(how_often * F.logsigmoid(beta * (h[w] - h[l]))).mean()
    logits.data -= 2.0 * torch.autograd.grad(loss, logits)[0]
line_7 = (logits.softmax(-1) - best_pi).abs().max().item()
print(f"line 4: equal {line_4 < 1e-5}; line 7: DPO reaches pi* from choices alone: {line_7 < 1e-3}")
assert line_4 < 1e-5 and line_7 < 1e-3

# %% [markdown]
# ## 11. DPO's kin
#
# The others change a term each. $h_w, h_l$ are log-ratios, $m_w, m_l$ the mean log-probability a token, $m = \frac{1}{|y|} \log \pi(y \mid x)$ with $|y|$ tokens, which needs no reference:
#
# | loss | reads | its idea |
# |---|---|---|
# | DPO | $h_w - h_l$ | above: the more apart, the better, without end |
# | IPO | $h_w - h_l$ | apart by $1 / 2\beta$, and no further: a square |
# | KTO | $h$ of single answers, good or bad | no pairs; each is compared with a reference point $z$, an estimate of the KL |
# | SimPO | $m_w - m_l$ | no reference; a margin $\gamma$ that must be won |
# | ORPO | $m_w$, $m_l$ | no reference, no SFT before: cross-entropy on the chosen, and the ratio of *odds* $p / (1 - p)$, $p = e^m$ |

# %%
def dpo(h_w, h_l, beta):
    return -F.logsigmoid(beta * (h_w - h_l)).mean()


def ipo(h_w, h_l, beta):
    return (h_w - h_l - 1 / (2 * beta)).square().mean()


def kto(h_good, h_bad, z, beta):
    return torch.cat([1 - torch.sigmoid(beta * (h_good - z)), 1 - torch.sigmoid(beta * (z - h_bad))]).mean()


def simpo(m_w, m_l, beta, gamma):
    return -F.logsigmoid(beta * (m_w - m_l) - gamma).mean()


def orpo(m_w, m_l, weight):
    log_odds = lambda m: m - torch.log(1 - m.exp())
    return -m_w.mean() - weight * F.logsigmoid(log_odds(m_w) - log_odds(m_l)).mean()

# %% [markdown]
# Six pairs of section 2, once by these functions and once by `utils.alignment.preferences`; the policy is one that has moved a little from the reference. *Mismatched* answers stand beside another row's prompt; their mean log-ratio, if above 0, is KTO's $z$.

# %%
torch.manual_seed(0)
moved = copy.deepcopy(reference)
for weight in moved.parameters():
    weight.data += 0.02 * weight.std() * torch.randn_like(weight)
x, chosen, rejected = (list(part) for part in zip(*pairs["train"][:6]))
batch, others = preferences.Answers.of(x + x, chosen + rejected, PAD), preferences.Answers.of(x, chosen[-1:] + chosen[:-1], PAD)
with torch.no_grad():
    fixed = preferences.token_log_probs(reference, batch)  # (12, T - 1)
    z = preferences.kto_reference_point(sum(sign * preferences.answer_log_probs(model, others) for sign, model in ((1, moved), (-1, reference))))
log_probs = preferences.token_log_probs(moved, batch).detach().requires_grad_()  # (12, T - 1)


def parts():
    """h_w, h_l and m_w, m_l of the six pairs, with their gradients' paths."""
    return (log_probs - fixed).sum(1).chunk(2), (log_probs.sum(1) / batch.lengths).chunk(2)


by_us = {"DPO": lambda h, m: dpo(*h, 0.1), "IPO": lambda h, m: ipo(*h, 0.1), "KTO": lambda h, m: kto(*h, z, 0.1),
         "SimPO": lambda h, m: simpo(*m, 2.0, 0.5), "ORPO": lambda h, m: orpo(*m, 0.1)}  # fmt: skip
by_utils = {"DPO": lambda h, m: preferences.dpo_loss(*h, 0.1), "IPO": lambda h, m: preferences.ipo_loss(*h, 0.1),
            "KTO": lambda h, m: preferences.kto_loss(*h, z, 0.1), "SimPO": lambda h, m: preferences.simpo_loss(*m, 2.0, 0.5),
            "ORPO": lambda h, m: preferences.orpo_loss(*m, 0.1)}  # fmt: skip


def value_and_gradient(loss):
    return loss, torch.autograd.grad(loss, log_probs)[0]


def apart(ours, theirs):
    """The larger difference of the two: values, and gradients by every token's log-probability."""
    return max((a - b).abs().max().item() for a, b in zip(value_and_gradient(ours), value_and_gradient(theirs)))


off_utils = {name: apart(by_us[name](*parts()), by_utils[name](*parts())) for name in by_us}
for name in by_us:
    print(f"{name:<6} {by_us[name](*parts()).item():8.4f}   equals utils': {off_utils[name] < 1e-4}")
assert max(off_utils.values()) < 1e-4

# %%
plots.show(figures.losses(by={"DPO": lambda d: dpo(d, 0 * d, 0.1), "IPO / 250": lambda d: ipo(d, 0 * d, 0.1) / 250, "KTO (one good answer)": lambda d: kto(d, d[:0], 0, 0.1),
                              "SimPO": lambda d: simpo(d, 0 * d, 0.1, 0.5)}),
           alt="Four losses over the margin: DPO's falls without end, IPO's has its lowest point at five, KTO's flattens on both sides.")  # fmt: skip

# %% [markdown]
# DPO pulls without end, weaker and weaker; where pairs are noisy, that is how it overfits. IPO pulls back beyond its margin, here 5. KTO gives up on what is far on the wrong side, too: an answer that is hopelessly far off, perhaps because its label is wrong, hardly pulls.

# %% [markdown]
# ## 12. The library way
#
# At work: TRL. `RewardTrainer`, `DPOTrainer` (`loss_type="sigmoid"`, `"ipo"` and others), `KTOTrainer`, and, under `trl.experimental`, `CPOTrainer` (SimPO) and `ORPOTrainer`; lesson 19 trains with `DPOTrainer`, lesson 24 with `GRPOTrainer`. TRL 1.16 has no PPO trainer any more.
#
# Are your losses its losses? It keeps them in private methods, so this cell hands those as much of a trainer as they read, a *stub*, and the log-probabilities of the six pairs. Another version may keep them elsewhere; then the cell says so.

# %%
os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"
from collections import defaultdict
from types import SimpleNamespace

import trl


def trainer_stub(kind):
    """What the private methods read of a trainer."""
    same = SimpleNamespace(device="cpu", gather=lambda x: x, gather_for_metrics=lambda x: x)
    return SimpleNamespace(model=reference, accelerator=same, loss_types=[kind], loss_type=kind, loss_weights=[1.0], ld_alpha=None, beta=0.1,
                           f_divergence_type="reverse_kl", precompute_ref_logps=True, use_weighting=False, aux_loss_enabled=False,
                           label_smoothing=0.0, alpha=0.0, simpo_gamma=0.5, calculate_KL=True, desirable_weight=1.0, undesirable_weight=1.0,
                           _tp_size=1, _total_train_tokens=0, _metrics=defaultdict(lambda: defaultdict(list)))  # fmt: skip


def by_trl(name):
    """TRL's loss on the six pairs, with the settings of `by_us`."""
    nothing = torch.zeros_like(fixed)
    says = lambda **_: SimpleNamespace(log_probs=log_probs, entropy=nothing, mean_logits=nothing, is_top1=nothing.bool())
    given = {"input_ids": batch.ids, "attention_mask": batch.ids, "completion_mask": batch.mask.long()}
    stub, (h, m) = trainer_stub({"IPO": "ipo", "DPO": "sigmoid"}.get(name, name.lower())), parts()
    if name in ("DPO", "IPO"):
        chosen_sum, rejected_sum = fixed.sum(1).chunk(2)
        return trl.DPOTrainer._compute_loss(stub, says, given | {"ref_chosen_logps": chosen_sum, "ref_rejected_logps": rejected_sum}, False)
    if name == "KTO":
        stub._compute_kl_logps = lambda *_: z  # of the mismatched answers, less a reference of 0
        given |= {"label": torch.arange(12) < 6, "ref_logps": fixed.sum(1), "ref_KL_logps": torch.zeros(())}
        return trl.KTOTrainer._compute_loss(stub, says, given, False)
    if name == "SimPO":
        from trl.experimental.cpo import CPOTrainer
        stub.beta = 2.0
        return CPOTrainer.cpo_loss(stub, *m)[0].mean()
    from trl.experimental.orpo import ORPOTrainer
    return -m[0].mean() - ORPOTrainer.odds_ratio_loss(stub, *m)[0].mean()  # the trainer adds the first part elsewhere


off_trl = {}
if trl.__version__.startswith("1.16."):
    normalized = tuple(sums / lengths for sums, lengths in zip(parts()[0], batch.lengths.chunk(2)))
    off_trl = {name: apart(ipo(*normalized, 0.1) if name == "IPO" else by_us[name](*parts()), by_trl(name)) for name in by_us}
    print(*(f"{name:<6} equals TRL's: {off < 1e-4}" for name, off in off_trl.items()), sep="\n")
    print(f"IPO as the paper has it: {ipo(*parts()[0], 0.1).item():.2f}; TRL's: {by_trl('IPO').item():.2f}")
    assert max(off_trl.values()) < 1e-4
else:
    print(f"TRL here is {trl.__version__}, and its private methods were compared in 1.16.")

# %% [markdown]
# Where TRL 1.16 departs from the papers, named:
#
# | loss | the paper | TRL |
# |---|---|---|
# | IPO | sums of log-ratios | divides each by its answer's length first |
# | ORPO | cross-entropy on the chosen *answer* | on prompt and answer, averaged over the batch's tokens |
# | SimPO | its loss alone | `CPOTrainer` adds `cpo_alpha` times a cross-entropy, 1 unless you set it to 0 |
#
# TRL's KTO is the paper's. And Bradley-Terry: InstructGPT takes all pairs of the 4 to 9 answers to a prompt in one batch; `RewardTrainer`, and section 3, take single pairs.
