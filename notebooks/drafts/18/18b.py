# %% [markdown] tags=["predict"]
# **Predict.** In the pairs nearly every answer is mostly telling: where there is a sentence of speech, it wins. Answers that are talk alone come up a few times in a thousand. What score will the
# reward model give to those, which the judge gives 0?

# %% tags=["nbval-ignore-output"]
from utils import metrics
from utils.experiments import tastes

reward_model, losses = trained_on(pairs["train"])
x, chosen, rejected = zip(*pairs["test"])


def scores_of(model, prompts, answers):
    """A reward model's scores of any number of answers, (rows,)."""
    parts = range(0, len(answers), 32)
    return torch.cat([model(preferences.Answers.of(prompts[at : at + 32], answers[at : at + 32], PAD)) for at in parts])


def agreement(scores, others):
    """The share of pairs in which the first score is higher, with its interval; a draw counts half."""
    return metrics.mean_interval([float(a > b) + 0.5 * (a == b) for a, b in zip(scores, others)])


text = lambda ids: tokenizer.decode(ids, skip_special_tokens=True)
accuracy = {"reward model": agreement(*(scores_of(reward_model, x, y).tolist() for y in (chosen, rejected)))}
programs = {"longer wins": len, "quotation marks": lambda y: text(y).count('"'), "bag of words": tastes.bag_of_words(pairs["train"], text)}
for name, program in programs.items():
    accuracy[name] = agreement(map(program, chosen), map(program, rejected))
for name, share in accuracy.items():
    print(f"{name:<16} right on held-out pairs: {share}")
assert accuracy["reward model"].low > accuracy["longer wins"].high and accuracy["reward model"].low > 0.75

# %% [markdown]
# The reward model has learned most of the judge's taste, from pairs alone. Better than counting quotation marks it is not shown to be. What an accuracy on *such* pairs hides, the next figure shows: a mean score for each share of
# talk, over all held-out answers. Talk alone is too rare to measure, so those answers are made: all sentences of speech in the four answers to a prompt, one after the other. First the scale. Differences alone were learned, so from here on the score is shifted and scaled to mean 0 and standard deviation 1 over `gpt-mini`'s own answers.

# %% tags=["nbval-ignore-output"]
told = [one for group in answers["test"] for one in group]
raw = scores_of(reward_model, *zip(*((one.prompt, one.answer) for one in told)))
CENTER, SCALE = raw.mean(), raw.std()


def model_reward(answers):
    return (reward_model(answers) - CENTER) / SCALE  # (B,)


def talk_alone(group):
    """The sentences of speech in all four answers to a prompt, as one answer."""
    said = {sentence: None for one in group for sentence in split(text(one.answer)) if '"' in sentence and sentence[-1] in '.!?"'}
    return [*encode(" " + " ".join(said))] if len(said) > 1 else None


probe = [(group[0].prompt, ids) for group in answers["test"] if (ids := talk_alone(group))]
talk, by_judge = (torch.tensor([getattr(one.opinion, part) for one in told]) for part in ("talk", "score"))
bands = [(talk >= low) & (talk <= high) for low, high in ((0, 0), (0.01, 0.3), (0.31, 0.45), (0.46, 0.6), (0.61, 0.9))]
means = {"share": [talk[band].mean().item() for band in bands] + [1.0], "count": [int(band.sum()) for band in bands] + [len(probe)],
         "judge": [by_judge[band].mean().item() for band in bands] + [0.0],
         "reward model": [raw[band].mean().item() for band in bands] + [scores_of(reward_model, *zip(*probe)).mean().item()]}  # fmt: skip
means["reward model"] = [(score - CENTER.item()) / SCALE.item() for score in means["reward model"]]
plots.show(figures.by_talk(means), alt="Mean score over the share of talk: the reward model's goes up all the way, the judge's up and down.")
assert means["reward model"][-1] > means["reward model"][3] > means["reward model"][0] and len(probe) > 10

# %% [markdown]
# The judge likes a half best. The reward model has seen that more talk wins, and goes on in a straight line: answers of talk alone get its *highest* score. In the data that hardly matters, they are too few. It will matter as soon as a policy *looks* for high scores.

# %% [markdown]
# ## 4. REINFORCE: what paid off, more of it
#
# A *policy* $\pi_\theta$ is a language model that is trained on rewards; $\pi_\theta(y \mid x)$ is the probability of the answer $y$. A reward has no derivative with respect to the weights $\theta$: it is a
# number that comes back. The probability of the answer has one. With $\nabla \pi = \pi\, \nabla \log \pi$,
#
# $$ \nabla_\theta\, \mathbb{E}_{y \sim \pi_\theta} [r(y)] = \sum_y r(y)\, \nabla \pi_\theta(y) = \sum_y \pi_\theta(y)\, r(y)\, \nabla \log \pi_\theta(y) = \mathbb{E}_{y \sim \pi_\theta} \big[ r(y)\, \nabla \log \pi_\theta(y) \big] , $$
#
# a mean over answers that the policy writes itself (Williams, 1992). Any number $b$, the *baseline*, may be taken off $r$, since $\sum_y \pi\, \nabla \log \pi = \nabla 1 = 0$. What is left, $r - b$, is an *advantage*.
#
# By hand: two answers with rewards 10 and 11, each with probability ½ and logits $(0, 0)$. Then $\nabla \log \pi$ of the first is $(½, -½)$, of the second $(-½, ½)$. A draw gives $(5, -5)$ or $(-5.5, 5.5)$: the mean is right, $(-0.25, 0.25)$, and
# hardly a single draw even points there. With $b = 10.5$ *both* draws give exactly $(-0.25, 0.25)$.

# %%
def gradient_of(logits, answer, advantage):
    """(1 / batch) sum of A grad log pi over a batch of answers: (4,)."""
    logits = logits.detach().requires_grad_()
    log_probs = logits.log_softmax(-1)[answer]  # (batch,)
    return torch.autograd.grad((log_probs * advantage).mean(), logits)[0]


draws = torch.Generator().manual_seed(0)
logits, rewards = torch.tensor([0.5, 0.0, -0.5, 1.0]), torch.tensor([10.0, 11.0, 12.0, 9.0])
found = {"no baseline": [], "mean of the others": []}
for _ in range(2000):
    y = logits.softmax(-1).multinomial(16, replacement=True, generator=draws)
    others = (rewards[y].sum() - rewards[y]) / 15  # a baseline that does not know this answer
    for name, b in zip(found, (0.0, others)):
        found[name].append(gradient_of(logits, y, rewards[y] - b))
p = logits.softmax(-1)
exact = p * (rewards - (p * rewards).sum())
spread = {name: torch.stack(each).var(0).sum().item() for name, each in found.items()}
for name, each in found.items():
    print(f"{name:<19} mean {[f'{g:+.2f}' for g in torch.stack(each).mean(0).tolist()]}, total variance {spread[name]:.3f}")
print(f"{'exact':<19}      {[f'{g:+.2f}' for g in exact.tolist()]}")
assert spread["no baseline"] > 20 * spread["mean of the others"]

# %% [markdown]
# Both are right on average; without the baseline the variance is many times larger, and so is the number of answers you would need. On stories: the reward is the judge's own score, a number that a
# program gives. An answer's advantage goes to all its tokens, as $\log \pi(y \mid x)$ is the sum of theirs.
# `token_log_probs` gives these as a grid (B, T - 1): column $t$ belongs to token $t + 1$, and is 0 where that is no token of the answer.

# %%
class Learner:
    """A policy that begins as gpt-mini, a head that guesses what is still to come (section 5), and their optimizer."""

    def __init__(self, seed, rate=5e-4):
        torch.manual_seed(seed)
        device = reference.embedding.weight.device
        self.policy = copy.deepcopy(reference).requires_grad_(True)
        self.value = torch.nn.Linear(WIDTH, 1, device=device)
        torch.nn.init.zeros_(self.value.weight)
        self.optimizer = torch.optim.AdamW([{"params": self.policy.parameters(), "lr": rate},
                                            {"params": self.value.parameters(), "lr": 1e-2}], weight_decay=0.0)  # fmt: skip
        self.draws, self.prompts = torch.Generator(device).manual_seed(seed), Random(seed)

    def answers(self, rows=32):
        return policy.rollout(self.policy, self.prompts.sample(PROMPTS, rows), NEW, self.draws, END, PAD)

    def descend(self, loss):
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.policy.parameters(), 1.0)
        self.optimizer.step()


def judge_reward(answers):
    return torch.tensor([opinion.score for opinion in opinions(answers)], device=answers.ids.device)


def reinforce_step(learner, reward):
    """One batch of answers, one step; gives the batch's mean reward."""
    answers = learner.answers()
    rewards = reward(answers)  # (B,)
    advantages = (rewards - (rewards.sum() - rewards) / (len(rewards) - 1))[:, None]  # (B, 1): the same for all tokens
    log_probs = preferences.token_log_probs(learner.policy, answers)  # (B, T - 1)
    learner.descend(-(log_probs * advantages).sum() / answers.mask.sum())
    return rewards.mean().item()

# %% [markdown] tags=["predict"]
# **Predict.** Eight steps of 32 answers each. How far up does the judge's mean score come from about 0.2?

# %% tags=["nbval-ignore-output"]
learner = Learner(seed=0)
climb = [reinforce_step(learner, judge_reward) for _ in range(8)]
print("judge's mean score in each step:", " ".join(f"{score:.2f}" for score in climb))
first, last = sum(climb[:3]) / 3, sum(climb[-3:]) / 3
print(f"first three steps {first:.2f}, last three {last:.2f}")
assert last > first + 0.05
