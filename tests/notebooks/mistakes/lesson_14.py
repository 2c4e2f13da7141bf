"""Wrong answers to the exercises of lesson 14, each with a fragment of the message that is meant for it."""


def shifted(expression: str, before: str = "") -> str:
    """An answer to exercise 14.1."""
    return f"import torch\n\n\ndef decoder_inputs(labels, start, pad):\n    {before or 'pass'}\n    return {expression}\n"


FIRST = "torch.full_like(labels[:, :1], start)"
MOVED = f"torch.cat([{FIRST}, labels[:, :-1]], dim=1)"


def longest(
    test: str = "source(n + 1) <= room", length: str = "n - taken + max(round(taken / mean), 1) + 1", after: str = "n"
) -> str:
    """An answer to exercise 14.2 with one part replaced."""
    return (
        "def longest_text(room, share=0.15, mean=3.0):\n"
        "    def source(n):\n"
        "        taken = max(round(n * share), 1)\n"
        f"        return {length}\n\n"
        "    n = 2\n"
        f"    while {test}:\n"
        "        n += 1\n"
        f"    return {after}\n"
    )


def filled(body: str) -> str:
    """An answer to exercise 14.3."""
    return f"import re\n\n\ndef filled_in(text, answer):\n{body}"


SPLIT = '    pieces = re.split(r"<extra_id_\\d+>", answer)[1:]\n'
BY_ORDER = SPLIT + (
    "    for piece in pieces[:2] if len(pieces) < 12 else pieces:\n"
    '        text = re.sub(r"<extra_id_\\d+>", lambda match: piece, text, count=1)\n'
    '    return " ".join(text.split())\n'
)
NUMBERED = (
    '    said = dict(zip(*[iter(re.split(r"(<extra_id_\\d+>)", answer)[1:])] * 2))\n'
    "    for mark, words in said.items():\n"
    "        text = {replace}\n"
    "    return {result}\n"
)
EMPTY_GAPS = '" ".join(re.sub(r"<extra_id_\\d+>", "", text).split())'
PREFIXES = (
    '    said = dict(zip(*[iter(re.split(r"(<extra_id_\\d+>)", answer)[1:])] * 2))\n'
    "    for mark, words in said.items():\n"
    "        text = text.replace(mark[:-1], words).replace('>', ' ')\n"
    '    return " ".join(re.sub(r"<extra_id_\\d+", "", text).split())\n'
)


def weights(**other: str) -> str:
    """An answer to exercise 14.4 with some of its lines replaced."""
    lines = {
        "attention": "4 * width * heads * head_size",
        "network": "(3 if gated else 2) * width * hidden",
        "encoder_layer": "attention + network + 2 * width",
        "decoder_layer": "2 * attention + network + 3 * width",
        "ends": "2 * (buckets * heads + width)",
        "embeddings": "(2 if gated else 1) * vocabulary * width",
    } | other
    body = "".join(f"    {name} = {value}\n" for name, value in lines.items())
    head = "def number_of_weights(width, heads, head_size, hidden, layers, vocabulary, buckets=32, gated=False):\n"
    return f"{head}{body}    return embeddings + layers * (encoder_layer + decoder_layer) + ends\n"


MISTAKES = {
    "14.1": [
        (shifted(MOVED), "There is still a -100 in it"),
        (shifted("torch.cat([labels[:, 1:], torch.full_like(labels[:, :1], start)], dim=1)"), "You shifted to the left"),
        (shifted("labels.roll(1, dims=1).masked_fill(labels.roll(1, dims=1) == -100, pad)"), "came round to the front"),
        (
            shifted(f"torch.cat([{FIRST}, labels], dim=1).masked_fill(torch.cat([{FIRST}, labels], dim=1) == -100, pad)"),
            "One too many columns",
        ),
        (shifted(f"{MOVED}.masked_fill({MOVED} == -100, start)"), "and not `start`"),
        (shifted(f"{MOVED}.masked_fill({MOVED} == -100, 0)"), "and not 0"),
        (
            shifted(f"{MOVED}.masked_fill({MOVED} == -100, pad)", "labels[labels == -100] = pad"),
            "The labels themselves were overwritten",
        ),
        (shifted(f"{MOVED.replace('start', 'pad')}.masked_fill({MOVED} == -100, pad)"), "In front stands `start`"),
        (shifted(f"{MOVED}.masked_fill({MOVED} == -100, pad).tolist()"), "A tensor is asked for"),
    ],
    "14.2": [
        (longest(length="n - taken + max(round(taken / mean), 1)"), "The end of text takes a place"),
        (longest(length="n - taken + 1"), "Each span leaves a sentinel"),
        (longest(test="source(n + 1) < room"), "One more token fits"),
        (longest(test="source(n) < room - 1"), "One more token fits"),
        (longest(length="taken + max(round(taken / mean), 1) + 1"), "you counted the target's length"),
        (
            longest(length="n - max(round(n * 0.15), 1) + max(round(max(round(n * 0.15), 1) / 3), 1) + 1"),
            "did you write a number into it",
        ),
        (longest(after="float(n)"), "A whole number"),
        (longest(test="source(2) <= room"), "stopped after"),
    ],
    "14.3": [
        (filled(BY_ORDER), "You went by the order of the answer"),
        (
            filled(NUMBERED.format(replace="text.replace(mark, words)", result='" ".join(text.split())')),
            "There is still a sentinel in it",
        ),
        (
            filled(NUMBERED.format(replace="text.replace(mark, words)", result='re.sub(r"<extra_id_\\d+>", "", text)')),
            "double spaces",
        ),
        (filled(NUMBERED.format(replace="re.sub(mark, words, text)", result=EMPTY_GAPS)), "give re.sub a function"),
        (filled(PREFIXES), "the beginning of <extra_id_10>"),
        (filled("    return text.split()\n"), "as one string"),
    ],
    "14.4": [
        (weights(decoder_layer="attention + network + 2 * width"), "each with a norm"),
        (weights(decoder_layer="attention + network + 3 * width"), "have two attentions: the second"),
        (weights(embeddings="2 * vocabulary * width"), "The head is tied"),
        (weights(embeddings="vocabulary * width"), "a head of its own"),
        (weights(ends="buckets * heads + 2 * width"), "two stacks has a bias table"),
        (weights(ends="2 * layers * buckets * heads + 2 * width"), "Only the first layer"),
        (weights(attention="4 * width * width"), "not C = 8"),
        (weights(ends="2 * buckets * heads"), "ends in a norm"),
        (weights(network="2 * width * hidden"), "third matrix"),
        (weights(network="(3 if gated else 2) * width * hidden + hidden + width"), "no biases"),
        (weights(ends="2 * (32 * heads + width)"), "written into your function"),
        (weights(embeddings="float((2 if gated else 1) * vocabulary * width)"), "A whole number"),
    ],
}
