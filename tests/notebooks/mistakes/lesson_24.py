"""Wrong answers to the exercises of lesson 24, each with a fragment of the message that is meant for it."""


def leave_one_out(result: str) -> str:
    """An answer to exercise 24.1."""
    return f"import torch\n\n\ndef leave_one_out(rewards):\n    G = rewards.shape[1]\n    return {result}\n"


def token_weights(
    answer: str = "1 / (B * lengths)",
    token: str = "torch.full((B,), 1 / lengths.sum().item())",
    longest: str = "torch.full((B,), 1 / (B * longest))",
) -> str:
    """An answer to exercise 24.2 with some of its parts replaced."""
    return (
        "import torch\n\n\ndef token_weights(lengths, per, longest):\n    B = len(lengths)\n"
        f"    if per == 'answer':\n        return {answer}\n    if per == 'token':\n        return {token}\n    return {longest}\n"
    )


def overlong(result: str) -> str:
    """An answer to exercise 24.3."""
    return (
        "import torch\n\n\ndef overlong(lengths, longest, buffer):\n    line = (longest - buffer - lengths) / buffer\n"
        f"    return {result}\n"
    )


def draws_needed(
    share: str = "1 - math.comb(n - c, k) / math.comb(n, k)", reached: str = ">= target - 1e-12", k: str = "k"
) -> str:
    """An answer to exercise 24.4 with some of its parts replaced."""
    return (
        "import math\n\n\ndef draws_needed(right, drawn, target):\n    c, n = right, drawn\n"
        f"    for k in range(1, n + 1):\n        if {share} {reached}:\n            return {k}\n    return 0\n"
    )


MISTAKES = {
    "24.1": [
        (leave_one_out("rewards - rewards.mean(1, keepdim=True)"), "Leave the answer itself out"),
        (leave_one_out("(rewards - rewards.mean(1, keepdim=True)) / (rewards.std(1, keepdim=True) + 1e-4)"), "That is GRPO"),
        (leave_one_out("rewards - (rewards.sum() - rewards) / (rewards.numel() - 1)"), "The others of the same GROUP"),
        (leave_one_out("rewards - (rewards.sum(0, keepdim=True) - rewards) / 2"), "A group is a row"),
        (leave_one_out("rewards - (rewards.sum(1, keepdim=True) - rewards) / G"), "divided by G - 1"),
        (leave_one_out("(rewards.sum(1, keepdim=True) - rewards) / (G - 1) - rewards"), "The sign"),
        (leave_one_out("rewards.sub_((rewards.sum(1, keepdim=True) - rewards) / (G - 1))"), "overwritten"),
    ],
    "24.2": [
        (token_weights(answer="1 / lengths"), "the mean over the answers is missing"),
        (token_weights(answer="torch.full((B,), 1 / B)"), "own length stands under the line"),
        (token_weights(token="lengths / lengths.sum()"), "the weight of the whole ANSWER"),
        (token_weights(token="torch.full((B,), 1 / lengths.sum().item() / B)"), "not by B again"),
        (token_weights(longest="torch.full((B,), 1 / longest)"), "Longest: the mean over the answers is missing"),
        (token_weights(longest="torch.full((B,), 1 / (B * lengths.max().item()))"), "a constant of the settings"),
    ],
    "24.3": [
        (overlong("-line.clamp(-1, 0)"), "The sign"),
        (overlong("line.clamp(max=0)"), "it stays at -1"),
        (overlong("line.clamp(min=-1)"), "short answers would be paid"),
        (overlong("line"), "goes on above 0"),
        (overlong("torch.where(lengths > longest - buffer, -1.0, 0.0)"), "not a step"),
        (overlong("((longest - buffer - lengths) / longest).clamp(-1, 0)"), "divide by the buffer"),
        (overlong("((longest - lengths) / buffer).clamp(-1, 0)"), "begins at longest - buffer"),
    ],
    "24.4": [
        (draws_needed(share="1 - (1 - c / n) ** k"), "as if each answer were put back"),
        (draws_needed(reached="> target"), "At LEAST the target"),
        (draws_needed(k="k - 1"), "One off"),
        (draws_needed(k="k + 1"), "One off"),
    ],
}
