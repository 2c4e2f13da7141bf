"""Wrong answers to the exercises of lesson 4, each with a fragment of the message that is meant for it."""


def effective(expression: str) -> str:
    """An answer to exercise 4.1."""
    return f"import math\n\ndef effective_keys(weights):\n    a = weights\n    return {expression}\n"


def window(condition: str) -> str:
    """An answer to exercise 4.2 with this condition on the distance d of row t and column s."""
    return (
        "def window_mask(size, window, sinks):\n"
        "    s = torch.arange(size)\n"
        "    t = s[:, None]\n"
        "    d = t - s\n"
        f"    return {condition}\n"
    )


def sliced(start: str) -> str:
    """An answer to exercise 4.2 that fills row after row, from this column on."""
    return (
        "def window_mask(size, window, sinks):\n"
        "    mask = torch.zeros(size, size, dtype=torch.bool)\n"
        "    for t in range(size):\n"
        f"        mask[t, {start} : t + 1] = True\n"
        "        mask[t, : min(sinks, t + 1)] = True\n"
        "    return mask\n"
    )


def masked(*lines: str) -> str:
    """An answer to exercise 4.3."""
    return "def masked_softmax(scores, mask):\n" + "".join(f"    {line}\n" for line in lines)


def induction(wanted: str, result: str) -> str:
    """An answer to exercise 4.4."""
    return (
        "def induction_scores(maps, tokens):\n"
        "    T = len(tokens)\n"
        f"    wanted = torch.tensor([[{wanted} for s in range(T)] for t in range(T)])\n"
        "    per_query = (maps * wanted).sum(-1)\n"
        f"    return {result}\n"
    )


WANTED = "1 <= s <= t and tokens[s - 1] == tokens[t]"
MEAN = "per_query.sum(-1) / max(wanted.any(-1).sum().item(), 1)"

MISTAKES = {
    "4.1": [
        (effective("(-(a * a.log()).sum(-1)).exp()"), "0 times log 0"),
        (effective("torch.special.entr(a).sum(-1)"), "entropy itself"),
        (effective("(-(a * a.clamp_min(1e-30).log2()).sum(-1)).exp()"), "Use the same base twice"),
        (effective("(torch.special.entr(a).sum(-1) / math.log(a.shape[-1])).exp()"), "divided by log S"),
        (effective("torch.special.entr(a).sum().exp()"), "sum over the last axis"),
        (effective("torch.special.entr(a).sum(0).exp()"), "sum over the last axis"),
        (effective("torch.special.entr(a).sum(1).exp()"), "maps (B, H, T, S)"),
        (effective("torch.special.entr(a).sum(-1).exp().mean().item()"), "Return a tensor"),
        (effective("(-torch.special.entr(a).sum(-1)).exp()"), "minus sign"),
        (effective("1 / (a * a).sum(-1)"), "one over the sum of squares"),
        (effective("1 / a.amax(-1)"), "one over the largest weight"),
        (effective("(a > 0).sum(-1).float()"), "3.00"),
        (effective("2 ** torch.special.entr(a).sum(-1)"), "Use the same base twice"),
        (effective("torch.special.entr(a).exp().sum(-1)"), "raised e before the sum"),
        (effective("torch.special.entr(a).mean(-1).exp()"), "mean over the keys"),
        (effective("torch.special.entr(a.softmax(-1)).sum(-1).exp()"), "softmax again"),
        (effective("(-(a * a.masked_fill_(a == 0, 1.0).log()).sum(-1)).exp()"), "caller's weights have changed"),
    ],
    "4.2": [
        (window("(d >= 0) & ((d <= window) | (s < sinks))"), "One token too many"),
        (window("(d.abs() < window) | (s < sinks)"), "lets a token see the future"),
        (window("~((d >= 0) & ((d < window) | (s < sinks)))"), "may NOT attend"),
        (window("((d >= 0) & ((d < window) | (s < sinks))).float()"), "tensor of booleans"),
        (window("(d >= 0) & (d < window)"), "tokens 0, 1, 2, 4 and 5"),
        (window("((d >= 0) & (d < window)) | (s < sinks)"), "sinks obey the causal mask"),
        (window("(d >= 0) & ((d < window) | (t < sinks))"), "a sink is a key"),
        (window("((d <= 0) & (-d < window)) | (t < sinks)"), "Rows and columns are swapped"),
        (window("(d >= 0) & ((d < window) | (s <= sinks))"), "One sink too many"),
        (window("(d >= 0) & (d < window + sinks)"), "window longer by the sinks"),
        (window("(d > 0) & ((d <= window) | (s < sinks))"), "counts the token itself"),
        (window("(d >= 0) & (d < window) & (s < sinks)"), "combine by |"),
        (sliced("t - window + 1"), "counts from the end"),
    ],
    "4.3": [
        (masked("return scores.masked_fill(~mask, -torch.inf).softmax(-1)"), "is NaN: the softmax of minus infinities"),
        (
            masked("added = torch.where(mask, 0.0, -torch.inf)", "return (scores + added).softmax(-1).nan_to_num()"),
            "its gradient is NaN",
        ),
        (masked("return scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-1)"), "gets thirds"),
        (masked("return scores.softmax(-1) * mask"), "Mask the scores before the softmax"),
        (
            masked("scores.masked_fill_(~mask, torch.finfo(scores.dtype).min)", "return scores.softmax(-1) * mask"),
            "caller's scores have changed",
        ),
        (masked("return scores.masked_fill(mask, -1e30).softmax(-1) * ~mask"), "True in the mask means"),
        (masked("return scores.masked_fill(~mask, -1e30).softmax(-2) * mask"), "along the last axis"),
        (masked("return scores.masked_fill(~mask, -1000.0).softmax(-1) * mask"), "Scores of -2000"),
        (masked("return (scores * mask).softmax(-1) * mask"), "a score of 0 is not a low one"),
        (
            masked("weights = scores.masked_fill(~mask, -1e30).softmax(-1)", "weights[~mask] = 0", "return weights"),
            "wrote into the weights",
        ),
        (masked("return scores.masked_fill(~mask, -1e30).softmax(1) * mask"), "use the last axis, -1"),
        (
            masked("powers = scores.exp() * mask", "return powers / (powers.sum(-1, keepdim=True) + 1e-9)"),
            "leave the rest to softmax",
        ),
    ],
    "4.4": [
        (induction(WANTED, "per_query.mean(-1)"), "You divided by all tokens"),
        (induction("s < t and tokens[s] == tokens[t]", MEAN), "attends to the same token"),
        (induction(WANTED.replace("s <= t", "s < t"), MEAN), "s <= t, not s < t"),
        (induction(WANTED, "(maps * wanted).amax(-1)[:, wanted.any(-1)].mean(-1)"), "add their weights"),
        (induction(WANTED, "per_query.sum(-1)"), "added up over the queries"),
        (induction(WANTED, "maps[:, wanted].mean(-1)"), "averaged over pairs"),
        (induction(WANTED, "per_query[:, wanted.any(-1)].mean(-1)"), "return zeros, not NaN"),
        (induction("1 <= s and tokens[s - 1] == tokens[t]", MEAN), "come after the query"),
        (induction("1 <= s <= t and tokens[s - 1] == tokens[t]", "per_query.mean()"), "shape (3,)"),
        (induction("s + 1 <= t and tokens[s + 1] == tokens[t]", MEAN), "position before an earlier occurrence"),
        (induction("s <= t and tokens[s - 1] == tokens[t]", MEAN), "tokens[-1] is the last token"),
        (induction(WANTED, MEAN.replace("per_query", "(maps * wanted.T).sum(-1)")), "rows and columns swapped"),
        (
            induction(WANTED, MEAN.replace("per_query", "wanted[range(T), maps.argmax(-1)].float()")),
            "take the weights themselves",
        ),
        (induction(WANTED, f"({MEAN}).tolist()"), "not a list"),
    ],
}
