"""Wrong answers to the exercises of lesson 13, each with a fragment of the message that is meant for it."""


def size(count: str = "sum(rank * (rows + columns) for rows, columns in shapes)", share: str = "count / total") -> str:
    """An answer to exercise 13.1 with one part replaced."""
    return f"def adapter_size(shapes, rank, total):\n    count = {count}\n    return count, {share}\n"


def merged(expression: str, before: str = "") -> str:
    """An answer to exercise 13.2."""
    return f"def merged_conv1d(weight, A, B, alpha):\n{before}    return {expression}\n"


def reader(
    codes: str = "np.concatenate([rows[:, 2:] & 15, rows[:, 2:] >> 4], axis=1).astype(np.int8)",
    step: str = "np.ascontiguousarray(rows[:, :2]).view('<f2').astype(np.float32)",
    result: str = "(d * (codes - 8)).ravel()",
) -> str:
    """An answer to exercise 13.3 with one part replaced."""
    return (
        "import numpy as np\n\n\ndef read_q4_0(data):\n    rows = np.frombuffer(data, np.uint8).reshape(-1, 18)\n"
        f"    d = {step}\n    codes = {codes}\n    return {result}\n"
    )


def batch(free: str = "card - (P * bits / 8 + 16 * L) / 1e9", result: str = "max(0, int(free // each))") -> str:
    """An answer to exercise 13.4 with one part replaced."""
    return f"def largest_batch(card, P, bits, L, each):\n    free = {free}\n    return {result}\n"


MISTAKES = {
    "13.1": [
        (size("sum(rows * columns for rows, columns in shapes)"), "These are the matrices themselves"),
        (size("sum(rank * columns for rows, columns in shapes)"), "Only one of A"),
        (size("sum(rank * rows for rows, columns in shapes)"), "Only one of A"),
        (size("sum(rank * columns + rank * rank for rows, columns in shapes)"), "not (rank, rank)"),
        (size("sum(2 * rank * columns for rows, columns in shapes)"), "matrices are oblong"),
        (size("sum(rows + columns for rows, columns in shapes)"), "The rank is missing"),
        (size(share="100 * count / total"), "per cent"),
        (size(share="count / (total + count)"), "has no adapter in it"),
        (size("21_504"), "wrong for one of (3, 5)"),
        (size("rank * sum(shapes[0])"), "Only the first matrix"),
        (size("rank * sum(shapes[-1])"), "Only the last matrix"),
    ],
    "13.2": [
        (merged("weight + alpha / A.shape[0] * (B @ A)"), "transpose"),
        (merged("weight + alpha * (B @ A).T"), "You multiplied by alpha"),
        (merged("weight + (B @ A).T"), "The factor alpha / r is missing"),
        (merged("weight + alpha / A.shape[1] * (B @ A).T"), "divided by a width of the weight"),
        (merged("weight + alpha * A.shape[0] * (B @ A).T"), "alpha * r?"),
        (merged("alpha / A.shape[0] * (B @ A).T"), "the change alone"),
        (merged("weight - alpha / A.shape[0] * (B @ A).T"), "takes the adapter out"),
        (merged("weight.T + alpha / A.shape[0] * (B @ A)"), "merged weight transposed"),
        (merged("weight + alpha / B.shape[0] * (B @ A).T"), "divided by a width of the weight"),
        (merged("weight", "    weight += alpha / A.shape[0] * (B @ A).T\n"), "in place"),
    ],
    "13.3": [
        (
            reader(codes="np.stack([rows[:, 2:] & 15, rows[:, 2:] >> 4], axis=-1).reshape(len(rows), -1).astype(np.int8)"),
            "side by side",
        ),
        (reader(codes="np.concatenate([rows[:, 2:] >> 4, rows[:, 2:] & 15], axis=1).astype(np.int8)"), "high halves first"),
        (reader(codes="np.concatenate([rows[:, 2:] & 15, rows[:, 2:] >> 4], axis=1)"), "after you left uint8"),
        (reader(result="(d * codes).ravel()"), "take 8 from the codes"),
        (reader(result="(codes - 8).astype(np.float32).ravel()"), "The step d is missing"),
        (reader(codes="(rows[:, 2:] & 15).astype(np.int8)"), "two codes in each of 16 bytes"),
        (reader(step="np.ascontiguousarray(rows[:, :2]).view('>f2').astype(np.float32)"), "lowest byte first"),
        (reader(result="(d[0] * (codes - 8)).ravel()"), "each has a step of its own"),
        (
            reader(codes="np.concatenate([rows[:, 2:] & 15, rows[:, 2:].astype(np.int8) >> 4], axis=1)"),
            "shift while the bytes are uint8",
        ),
        (reader(result="(d * (8 - codes)).ravel()"), "The sign is turned"),
        (reader(result="(d * codes - 8).ravel()"), "8 belongs inside the bracket"),
    ],
    "13.4": [
        (batch(result="max(0, round(free / each))"), "Round down"),
        (batch(free="card - (P * bits + 16 * L) / 1e9"), "divided by 8"),
        (batch(free="card - (P * bits / 8 + 4 * L) / 1e9"), "16 bytes a weight"),
        (batch(free="card - (P * bits / 8 + 12 * L) / 1e9"), "16 bytes a weight"),
        (batch(free="card - (P * bits / 8) / 1e9"), "16 bytes a weight"),
        (batch(result="max(0, free // each)"), "whole number"),
        (batch(result="int(free // each)"), "no number below it"),
        (batch(free="card - (P * bits / 8 + 16 * L) / 2**30"), "gibibytes"),
        (batch(free="card - (P * bits / 8 + 16 * L)"), "the bytes by 1e9"),
    ],
}
