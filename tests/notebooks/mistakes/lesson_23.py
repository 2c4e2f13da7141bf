"""Wrong answers to the exercises of lesson 23, each with a fragment of the message that is meant for it."""


def longest(result: str) -> str:
    """An answer to exercise 23.1."""
    return f"import math\n\n\ndef longest_text(gib, layers, numbers, bytes_each=2, texts=1):\n    return {result}\n"


def fold(result: str) -> str:
    """An answer to exercise 23.2."""
    return f"import torch\n\n\ndef folded(w_uv, w_o):\n    heads, values, latent = w_uv.shape\n    return {result}\n"


def balance(
    p: str = "(scores / scores.sum(-1, keepdim=True)).mean(0)",
    f: str = "torch.bincount(chosen.flatten(), minlength=E) * E / chosen.numel()",
    loss: str = "alpha * (f * p).sum()",
) -> str:
    """An answer to exercise 23.3 with some of its parts replaced."""
    return (
        "import torch\n\n\ndef sequence_loss(scores, chosen, alpha=1e-4):\n    E = scores.shape[-1]\n"
        f"    f = {f}\n    p = {p}\n    return {loss}\n"
    )


def byte(
    small: str = "sign * 2.0**-6 * m / 8",
    ordinary: str = "sign * 2.0 ** (e - 7) * (1 + m / 8)",
    nan: str = "e == 15 and m == 7",
    sign: str = "(-1) ** (byte >> 7)",
) -> str:
    """An answer to exercise 23.4 with some of its parts replaced."""
    return (
        f"def e4m3(byte):\n    sign, e, m = {sign}, byte >> 3 & 15, byte & 7\n"
        f"    if {nan}:\n        return float('nan')\n    return {small} if e == 0 else {ordinary}\n"
    )


MISTAKES = {
    "23.1": [
        (longest("int(gib * 1e9 // (layers * numbers * bytes_each * texts))"), "A GiB has 2**30"),
        (longest("int(gib * 2**30 // (numbers * bytes_each * texts))"), "the layers are missing"),
        (longest("int(gib * 2**30 // (layers * numbers * bytes_each))"), "The texts share the memory"),
        (longest("int(gib * 2**30 // (layers * numbers * texts))"), "`bytes_each` is missing"),
        (longest("int(gib * 2**30 // (2 * layers * numbers * bytes_each * texts))"), "no factor 2"),
        (longest("math.ceil(gib * 2**30 / (layers * numbers * bytes_each * texts))"), "Round down"),
        (longest("gib * 2**30 / (layers * numbers * bytes_each * texts)"), "it should be"),
        (longest("float(gib * 2**30 // (layers * numbers * bytes_each * texts))"), "A whole number"),
        (longest("max(1, int(gib * 2**30 // (layers * numbers * bytes_each * texts)))"), "no token fits"),
    ],
    "23.2": [
        (fold("(w_o.unflatten(1, (heads, -1)).transpose(0, 1) @ w_uv).mT"), "That is transposed"),
        (fold("(w_o.unflatten(1, (heads, -1)).transpose(0, 1) @ w_uv).sum(0)"), "summed over the heads"),
        (fold("torch.stack([w_o[:, h::heads] @ w_uv[h] for h in range(heads)])"), "every H-th one"),
        (fold("w_o.reshape(heads, len(w_o), values) @ w_uv"), "cut the rows"),
        (fold("w_o.reshape(heads, values, len(w_o)).mT @ w_uv"), "cut the rows"),
        (fold("w_o @ w_uv.flatten(0, 1)"), "summed over the heads"),
        (fold("w_uv"), "The shape should be"),
        (fold("(w_o.unflatten(1, (heads, -1)).transpose(0, 1) @ w_uv).numpy()"), "A tensor is asked for"),
    ],
    "23.3": [
        (balance(p="scores.mean(0)"), "divided by their sum over the experts"),
        (balance(p="scores.softmax(-1).mean(0)"), "no softmax"),
        (balance(p="(scores / scores.sum(0)).mean(0)"), "(axis -1)"),
        (balance(f="torch.bincount(chosen.flatten(), minlength=E) / chosen.numel()"), "factor E of f"),
        (balance(f="torch.bincount(chosen.flatten(), minlength=E) * E / len(chosen)"), "divided by K"),
        (balance(f="torch.bincount(chosen.flatten(), minlength=E)"), "f is a share"),
        (balance(f="torch.bincount(chosen.flatten()) * E / chosen.numel()"), "Somebody's count is missing"),
        (balance(loss="alpha * (f * p).mean()"), "and not their mean"),
        (balance(loss="(f * p).sum()"), "alpha is missing"),
        (balance(loss="(alpha * (f * p).sum()).detach()"), "gradient should pass"),
        (balance(loss="(alpha * (f * p).sum()).item()"), "A tensor without axes"),
    ],
    "23.4": [
        (byte(ordinary="sign * 2.0 ** (e - 8) * (1 + m / 8)"), "7, not 8"),
        (byte(ordinary="sign * 2.0 ** (e - 127) * (1 + m / 8)"), "127 is that of 32 bits"),
        (byte(ordinary="sign * 2.0 ** (e - 7) * (1 + m / 16)"), "m / 8, not m / 16"),
        (byte(ordinary="sign * 2.0 ** (e - 7) * m / 8"), "The leading 1 is missing"),
        (byte(small="sign * 2.0 ** (e - 7) * (1 + m / 8)"), "Byte 0 is zero"),
        (byte(small="sign * 2.0**-7 * m / 8"), "the power is 2^-6"),
        (byte(sign="1"), "highest bit is the sign"),
        (byte(nan="e == 15"), "0x7E is the largest"),
        (byte(nan="False"), "is NaN"),
        (byte(nan="byte == 127"), "for both signs"),
    ],
}
