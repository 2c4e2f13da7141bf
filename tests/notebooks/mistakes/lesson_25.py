"""Wrong answers to the exercises of lesson 25, each with a fragment of the message that is meant for it."""


def q4_0(numbers: str = "numpy.concatenate([low, high], 1)", result: str = "scale * (q - 8)") -> str:
    """An answer to exercise 25.1 with some of its parts replaced."""
    return (
        "import numpy\n\n\ndef q4_0(blocks):\n"
        "    scale = blocks[:, :2].copy().view(numpy.float16).astype(numpy.float32)\n"
        "    low, high = (blocks[:, 2:] & 15).astype(numpy.float32), (blocks[:, 2:] >> 4).astype(numpy.float32)\n"
        f"    q = {numbers}\n    return {result}\n"
    )


def apart(body: str) -> str:
    """An answer to exercise 25.2."""
    return "def apart(text):\n" + "".join(f"    {line}\n" for line in body.splitlines())


PLAIN = "start = text.lstrip()\nif not start.startswith('<think>'):\n    return '', text\n"


def longest_context(
    both: str = "2",
    number: str = "2",
    giga: str = "10**9",
    weights: str = "weights * bits / 8",
    result: str = "max(0, int(n // 1))",
) -> str:
    """An answer to exercise 25.3 with some of its parts replaced."""
    return (
        "import math\n\n\ndef longest_context(gigabytes, weights, bits, layers, key_value_heads, head_size):\n"
        f"    left = gigabytes * {giga} - {weights}\n"
        f"    n = left / (layers * key_value_heads * head_size * {both} * {number})\n    return {result}\n"
    )


def read_stream(
    lines: str = "b''.join(pieces).splitlines()", speed: str = "last['eval_count'] / (last['eval_duration'] / 1e9)"
) -> str:
    """An answer to exercise 25.4 with some of its parts replaced."""
    return (
        "import json\n\n\ndef read_stream(pieces):\n"
        f"    lines = [json.loads(line) for line in {lines}]\n    last = lines[-1]\n"
        f"    return ''.join(line['message']['content'] for line in lines), {speed}\n"
    )


MISTAKES = {
    "25.1": [
        (q4_0("numpy.concatenate([high, low], 1)"), "the low one comes first"),
        (q4_0("numpy.stack([low, high], 2).reshape(len(low), 32)"), "not the high half of byte 0"),
        (q4_0(result="scale * q"), "The 8 is missing"),
        (q4_0(result="q - 8"), "The scale is missing"),
        (q4_0(result="(scale * (q - 8)).T"), "The shape should be"),
    ],
    "25.2": [
        (
            apart("thinking, _, answer = text.partition('</think>')\nreturn thinking.replace('<think>', ''), answer"),
            "is all answer",
        ),
        (apart(PLAIN + "return start[7:].split('</think>')[0], start.split('</think>')[-1]"), "has no answer"),
        (
            apart(PLAIN + "a, _, b = start[7:].rpartition('</think>')\nreturn (a, b.lstrip()) if _ else (b, '')"),
            "first closing mark",
        ),
        (apart(PLAIN + "a, _, b = start[7:].partition('</think>')\nreturn a, b"), "Blanks before the answer"),
        (
            apart(
                "a, _, b = text.removeprefix('<think>').partition('</think>')\nreturn (a, b.lstrip()) if text.startswith('<think>') else ('', text)"
            ),
            "before the first mark",
        ),
        (
            apart(
                "a, _, b = text.partition('<think>')[2].partition('</think>')\nreturn (a, b.lstrip()) if '<think>' in text else ('', text)"
            ),
            "in the middle of an answer",
        ),
        (apart("return text"), "Give two texts"),
        (apart(PLAIN + "a, _, b = start[7:].partition('</think>')\nreturn a.strip(), b.strip()"), "those at the end stay"),
        (apart(PLAIN + "a, _, b = start[7:].partition('</think>')\nreturn a, b.lstrip()"), "Blanks before both parts"),
        (
            apart(
                PLAIN.replace("'', text", "'', start")
                + "a, _, b = start[7:].partition('</think>')\nreturn a.lstrip(), b.lstrip()"
            ),
            "stays as it is",
        ),
    ],
    "25.3": [
        (longest_context(both="1"), "Keys AND values"),
        (longest_context(both="1", number="1"), "Neither the two"),
        (longest_context(giga="2**30"), "not 2^30"),
        (longest_context(weights="weights * bits", result="int(n)"), "Bits were taken for bytes"),
        (longest_context(weights="0"), "The weights take memory"),
        (longest_context(result="max(0, math.ceil(n))"), "round down"),
        (longest_context(result="max(0, n)"), "A whole number of tokens"),
        (longest_context(result="int(n // 1)"), "0 tokens"),
    ],
    "25.4": [
        (read_stream("b''.join(pieces).decode().splitlines()", "last['eval_count'] / last['eval_duration']"), "nanoseconds"),
        (read_stream("pieces"), "Pieces end anywhere"),
        (read_stream("''.join(piece.decode() for piece in pieces).splitlines()"), "Pieces end anywhere"),
        (read_stream(speed="last['eval_count'] / (last['eval_duration'] / 1e6)"), "are 20 a second"),
        (read_stream(speed="20.0"), "Right for one stream"),
        (read_stream("b''.join(pieces).split(b'\\n')"), "skip what is empty"),
    ],
}
