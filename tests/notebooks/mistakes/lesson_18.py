"""Wrong answers to the exercises of lesson 18, each with a fragment of the message that is meant for it."""


def dpo(
    ratio: str = "torch.where(mask, policy - reference, 0.0).sum(1)",
    parts: str = "chosen, rejected = h.chunk(2)",
    loss: str = "-F.logsigmoid(beta * (chosen - rejected)).mean()",
    share: str = "(chosen > rejected).float().mean().item()",
) -> str:
    """An answer to exercise 18.1 with some of its parts replaced."""
    return (
        "import torch\nimport torch.nn.functional as F\n\n\ndef dpo_from_tokens(policy, reference, mask, beta):\n"
        f"    h = {ratio}\n    {parts}\n    return {loss}, {share}\n"
    )


def advantages(
    values: str = "[*values, 0.0][: len(rewards) + 1]",
    following: str = "rewards[t] + gamma * values[t + 1] - values[t] + gamma * lam * following",
    found: str = "found[::-1]",
) -> str:
    """An answer to exercise 18.2 with some of its parts replaced."""
    return (
        "def advantages_of(rewards, values, gamma=1.0, lam=0.95):\n"
        f"    values = {values}\n    found, following = [], 0.0\n    for t in reversed(range(len(rewards))):\n"
        f"        following = {following}\n        found.append(following)\n    return {found}\n"
    )


def clip(result: str) -> str:
    """An answer to exercise 18.3."""
    return f"import torch\n\n\ndef clip_gradient(ratio, advantages, clip=0.2):\n    return {result}\n"


INSIDE = "((ratio > 1 - clip) & (ratio < 1 + clip)).float()"
STOPPED = "((ratio > 1 + clip) & (advantages > 0)) | ((ratio < 1 - clip) & (advantages < 0))"
WRONG_SIDE = "((ratio > 1 + clip) & (advantages < 0)) | ((ratio < 1 - clip) & (advantages > 0))"
AUTOGRAD = (
    "import torch\n\n\ndef clip_gradient(ratio, advantages, clip=0.2):\n    at = ratio.log().requires_grad_()\n    rho = at.exp()\n"
    "    torch.minimum(rho * advantages, rho.clamp(1 - clip, 1 + clip) * advantages).sum().backward()\n    return at.grad\n"
)


def best(
    power: str = "below[1:] ** n - below[:-1] ** n",
    kl: str = "torch.xlogy(best, best / p.clamp(min=1e-300)).sum().item()",
    before: str = "p = probabilities",
) -> str:
    """An answer to exercise 18.4 with some of its parts replaced."""
    return (
        "import torch\n\n\ndef best_of_n_exactly(probabilities, n):\n"
        f"    {before}\n    below = torch.cat([p.new_zeros(1), p.cumsum(0)])\n    best = {power}\n    return best, {kl}\n"
    )


MISTAKES = {
    "18.1": [
        (dpo("(policy - reference).sum(1)"), "Prompts and padding are counted"),
        (dpo("torch.where(mask, policy - reference, 0.0).sum(1) / mask.sum(1)"), "Those are means a token"),
        (dpo(parts="rejected, chosen = h.chunk(2)"), "The sign is turned round"),
        (dpo("torch.where(mask, policy, 0.0).sum(1)"), "The reference is missing"),
        (dpo(loss="-beta * F.logsigmoid(chosen - rejected).mean()"), "beta stands inside the sigmoid"),
        (dpo(loss="-F.logsigmoid(chosen - rejected).mean()"), "beta is missing"),
        (dpo(loss="-F.logsigmoid(beta * (chosen - rejected)).sum()"), "The mean over the pairs"),
        (dpo(parts="chosen, rejected = h[0::2], h[1::2]"), "Row 0 and row 1 are no pair"),
        (dpo(loss="torch.sigmoid(beta * (chosen - rejected)).mean()"), "minus the mean of its logarithm"),
        (dpo("((policy - reference) * mask).sum(1)"), "infinity times 0 is NaN"),
        (dpo(share="(chosen > rejected).sum().item()"), "The share should be"),
        (dpo(share="(chosen < rejected).float().mean().item()"), "in the wrong order"),
        (dpo(loss="-F.logsigmoid(0.5 * (chosen - rejected)).mean()"), "Is a number written into it"),
        (dpo(loss="-F.logsigmoid(beta * (chosen - rejected)).sum() / 4"), "Is a number written into it"),
        (dpo("policy.mul_(mask).sum(1) - reference.mul_(mask).sum(1)"), "were overwritten"),
    ],
    "18.2": [
        (advantages(values="values"), "no value stands behind"),
        (
            advantages(following="rewards[t] + gamma * values[t + 1] - values[t] + gamma * 0.95 * following"),
            "use `lam`, not a number",
        ),
        (
            advantages(
                following="rewards[t] + gamma * values[t + 1] - values[t] "
                "+ gamma * lam * (following if t + 1 < len(rewards) else values[t + 1])"
            ),
            "The advantage after the last token is 0",
        ),
        (
            advantages(
                following="rewards[t] + (gamma if t + 1 < len(rewards) else 1) * values[t + 1] - values[t] "
                "+ gamma * lam * following"
            ),
            "the value behind the last token, too",
        ),
        (advantages(found="found"), "The order is turned round"),
        (
            advantages(following="rewards[t] + gamma * values[t + 1] - values[t] + lam * following"),
            "fades by gamma times lambda",
        ),
        (advantages(following="rewards[t] - values[t] + gamma * lam * following"), "V of the state after is missing"),
        (advantages(following="rewards[t] + values[t + 1] - values[t] + lam * following"), "gamma stands before V"),
        (advantages(values="[*values, values[-1]][: len(rewards) + 1]"), "This answer ended"),
        (advantages(values="[*values[: len(rewards)], 0.0]"), "yours leaves it out"),
        (advantages(found="[a + v for a, v in zip(found[::-1], values)]"), "the value of the state itself"),
        (
            "def advantages_of(rewards, values, gamma=1.0, lam=0.95):\n    if len(values) == len(rewards):\n        values.append(0.0)\n"
            "    found, following = [], 0.0\n    for t in reversed(range(len(rewards))):\n"
            "        following = rewards[t] + gamma * values[t + 1] - values[t] + gamma * lam * following\n"
            "        found.append(following)\n    return found[::-1]\n",
            "The lists that were given have changed",
        ),
    ],
    "18.3": [
        (
            clip("torch.minimum(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages)"),
            "That is the objective itself",
        ),
        (clip(f"torch.where({WRONG_SIDE}, 0.0, ratio * advantages)"), "The clip holds on the other sides"),
        (clip(f"torch.where({STOPPED.replace('1 - clip', '1 / (1 + clip)')}, 0.0, ratio * advantages)"), "The lower edge"),
        (AUTOGRAD, "Without autograd"),
        (clip("ratio * advantages"), "There is no clip in it"),
        (clip(f"{INSIDE} * ratio * advantages"), "The clip holds on one side only: a token"),
        (clip(f"torch.where({STOPPED}, 0.0, advantages)"), "that factor is missing"),
        (clip(f"{INSIDE} * advantages"), "The factor of the ratio is missing"),
        (clip("ratio.clamp(1 - clip, 1 + clip) * advantages"), "but its derivative is 0"),
        (clip(f"torch.where({STOPPED}, 0.0, -ratio * advantages)"), "The sign"),
        (clip(f"torch.where({STOPPED}, ratio * advantages, 0.0)"), "Just the other way round"),
        (clip(f"torch.where({STOPPED.replace('clip', '0.2')}, 0.0, ratio * advantages)"), "is 0.2 written into it"),
    ],
    "18.4": [
        (best("below[1:] ** n"), "OR WORSE"),
        (best("(1 - below[:-1]) ** n - (1 - below[1:]) ** n"), "Yours keeps the worst"),
        (best("p ** n"), "all n draws are the same answer"),
        (best("below[1:] ** (n - 1) - below[:-1] ** (n - 1)"), "n draws, and not one more or less"),
        (best(kl="torch.tensor(float(n)).log().item() - (n - 1) / n"), "That is the bound"),
        (best(kl="(p * (p / best).log()).sum().item()"), "The KL the other way round"),
        (best(kl="(best * (best / p).log2()).sum().item()"), "In nats"),
        (best(kl="(best * (best / p).log()).sum().item()"), "0 / 0 is NaN"),
        (best(kl="torch.xlogy(best, best / p).sum().item()"), "0 / 0 is NaN"),
        (best(kl="(best * (best / p).log()).sum().nan_to_num(0.0).item()"), "the others count as before"),
        (best("n * p * p.cumsum(0) ** (n - 1)"), "n p F^(n - 1) is right for a density"),
    ],
}
