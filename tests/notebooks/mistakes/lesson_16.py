"""Wrong answers to the exercises of lesson 16, each with a fragment of the message that is meant for it."""


def loss(body: str) -> str:
    """An answer to exercise 16.1."""
    return f"import torch\nimport torch.nn.functional as F\n\n\ndef causal_loss(logits, ids, mask):\n{body}"


def counted(pairs: str, logits: str = "logits[:, :-1]", labels: str = "ids[:, 1:]") -> str:
    return loss(f"    keep = {pairs}\n    return F.cross_entropy({logits}[keep], {labels}[keep])\n")


BOTH = "mask[:, :-1] & mask[:, 1:]"
ROWS = (
    f"    keep = {BOTH}\n"
    '    costs = F.cross_entropy(logits[:, :-1].transpose(1, 2), ids[:, 1:], reduction="none") * keep\n'
    "    rows = costs.sum(1) / keep.sum(1)\n"
)


def typically(change: str = "") -> str:
    """An answer to exercise 16.2 with one line replaced: "old => new"."""
    lines = (
        "    logs = z.log_softmax(-1)\n"
        "    chances = logs.exp()\n"
        "    entropy = -(chances * logs).nan_to_num(0.0).sum(-1, keepdim=True)\n"
        "    order = (-logs - entropy).abs().argsort(-1)\n"
        "    ordered = chances.gather(-1, order)\n"
        "    out = ordered.cumsum(-1) - ordered >= mass\n"
        "    return z.masked_fill(out.scatter(-1, order, out), -torch.inf)\n"
    )
    old, _, new = change.partition(" => ")
    assert old in lines
    return "import torch\n\n\ndef typical(z, mass):\n" + lines.replace(old, new)


def fits(expression: str) -> str:
    """An answer to exercise 16.3."""
    head = "def rows_that_fit(free_bytes, layers, key_value_heads, head_size, tokens, bytes_each=2):\n"
    return f"{head}    return {expression}\n"


ROW = "(2 * layers * key_value_heads * head_size * tokens * bytes_each)"


def streamed(body: str) -> str:
    """An answer to exercise 16.4."""
    return f"def shown(pieces, stop):\n{body}"


SAFE = """    text, given = "", 0
    for piece in pieces:
        text += piece
        if stop in text:
            yield text[given : text.index(stop)]
            return
        held = max(size for size in range(len(stop)) if text.endswith(stop[:size]))
        if len(text) - held > given:
            yield text[given : len(text) - held]
            given = len(text) - held
    yield text[given:]
"""

MISTAKES = {
    "16.1": [
        (loss("    return F.cross_entropy(logits[mask], ids[mask])\n"), "shift the labels by one"),
        (counted(BOTH, "logits[:, 1:]", "ids[:, :-1]"), "You shifted the wrong way"),
        (loss("    return F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())\n"), "Padding counts in yours"),
        (counted("mask[:, 1:]"), "made from padding counts"),
        (counted("mask[:, :-1]"), "A prediction of padding counts"),
        (loss(ROWS + "    return rows.mean()\n"), "You averaged each row first"),
        (loss(ROWS + "    return rows.sum()\n"), "The rows' means are added up"),
        (loss(ROWS + "    return (costs.sum() / keep.sum()).item()\n"), "as a tensor, not float"),
        (loss(ROWS + "    return rows\n"), "One number is asked for"),
    ],
    "16.2": [
        (
            typically("order = (-logs - entropy).abs().argsort(-1) => order = chances.argsort(-1, descending=True)"),
            "which is top-p",
        ),
        (typically("entropy = - => entropy = "), "wrong sign"),
        (typically("return z.masked_fill => return logs.masked_fill"), "What stays keeps its logit"),
        (typically("argsort(-1) => argsort(-1, descending=True)"), "the nearest to H come first"),
        (typically("out = ordered.cumsum(-1) - ordered >= mass => out = ordered.cumsum(-1) > mass"), "must stay too"),
        (typically(".nan_to_num(0.0) => "), "0 times ln 0 is NaN"),
        (typically("return z.masked_fill( => return z.masked_fill_("), "The given logits were changed"),
        (
            typically("(-logs - entropy).abs().argsort(-1) => (-logs - entropy).abs()[:1].argsort(-1).expand(z.shape)"),
            "sorted by itself",
        ),
    ],
    "16.3": [
        (fits("free_bytes // (layers * key_value_heads * head_size * tokens * bytes_each)"), "twice as much"),
        (fits(f"free_bytes / {ROW}"), "round down"),
        (fits(f"-(-free_bytes // {ROW})"), "the last row does not fit whole"),
        (fits("free_bytes // (2 * layers * key_value_heads * head_size * tokens * 4)"), "not four"),
        (fits("free_bytes // (2 * layers * key_value_heads * head_size * tokens * 2)"), "use bytes_each"),
        (fits("free_bytes // (2 * key_value_heads * head_size * tokens * bytes_each)"), "Each layer keeps its own"),
        (fits("free_bytes // (2 * layers * 9 * head_size * tokens * bytes_each)"), "For SmolLM2 it is 21"),
        (fits(f"float(free_bytes // {ROW})"), "A whole number (int)"),
        (fits(f"round(free_bytes / {ROW})"), "21.6 rows, so 21"),
    ],
    "16.4": [
        (streamed("    yield from pieces\n"), "The stop string itself was shown"),
        (
            streamed(
                "    text = ''\n    for piece in pieces:\n        text += piece\n        if stop in text:\n            return\n        yield piece\n"
            ),
            "its beginning must wait",
        ),
        (streamed("    yield ''.join(pieces).partition(stop)[0]\n"), "do not collect"),
        (streamed(SAFE.replace("    yield text[given:]\n", "")), "what is held back must come out"),
        (streamed(SAFE.replace("given = len(text) - held", "given = len(text)")), "give it later"),
        (
            streamed(SAFE.replace("text[given : text.index(stop)]", "text[given : text.index(stop) + len(stop)]")),
            "itself was shown",
        ),
        (
            streamed(
                SAFE.replace("            yield text[given : text.index(stop)]\n            return\n", "            return\n")
            ),
            "just before the stop string",
        ),
        (streamed(SAFE.replace("text.index(stop)]", "text.rindex(stop)]")), "before the first"),
        (streamed(SAFE.replace("max(size", "min(size")), "its beginning must wait"),
        (streamed(SAFE.replace("stop[:size]))", 'stop[:size])) if "E" not in text else len(text)')), "the part 'lo ' is safe"),
        (streamed(SAFE.replace("stop", '"END"')), "Stop 'aab'"),
    ],
}
