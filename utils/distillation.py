"""Knowledge distillation: a small model learns from what a larger one says, and not from labels alone.

    soften               logits at a temperature -> probabilities
    soft_loss            distance of the student's softened answers from the teacher's, times T squared
    distillation_loss    soft_loss and cross-entropy with the labels that there are, mixed
    target_loss          the same distance from probabilities that are given, such as the shares of raters
    feature_loss         distance of hidden vectors, behind a projection
    relation_loss        distance of similarities: which rows are alike, to the student and to the teacher

N rows, K classes, C the width of a model. The teacher's numbers are constants: no gradient goes into them.
Sources: Hinton et al., "Distilling the Knowledge in a Neural Network", 2015, arXiv 1503.02531; Romero et al., "FitNets",
2014, arXiv 1412.6550; Tung and Mori, "Similarity-Preserving Knowledge Distillation", 2019, arXiv 1907.09682.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NO_LABEL = -100  # what PyTorch's cross-entropy leaves out


def soften(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """softmax(z / T) over the last axis: at T = 1 the model's own probabilities, the larger T the more even.

    Raises ValueError for a temperature that is not above zero.
    """
    _check(temperature)
    return (logits / temperature).softmax(-1)


def soft_loss(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """T^2 KL(p || q) with p and q the softened answers of teacher and student, the mean over all rows: (..., K) twice -> ().

    The factor T^2 keeps the gradient's size where T changes (Hinton et al., section 2). It is the mean over rows, which
    `torch.nn.KLDivLoss` calls "batchmean"; its "mean" would divide by K, too.
    Raises ValueError where the shapes differ: one of them would be spread over the other without a word.
    """
    _check(temperature)
    if student.shape != teacher.shape:
        raise ValueError(
            f"The student's logits are {tuple(student.shape)}, the teacher's {tuple(teacher.shape)}. Both must have the same "
            "rows and classes."
        )
    p = soften(teacher.detach(), temperature)
    log_p = (teacher.detach() / temperature).log_softmax(-1)
    log_q = (student / temperature).log_softmax(-1)
    return temperature**2 * (p * (log_p - log_q)).sum(-1).mean()  # (..., K) -> (...) -> ()


def distillation_loss(student: Tensor, teacher: Tensor, labels: Tensor, temperature: float, alpha: float) -> Tensor:
    """alpha soft_loss + (1 - alpha) cross-entropy: student and teacher (N, K), labels (N,) -> ().

    A row whose label is -100 has none: it counts in the first part alone. The second is a mean over the rows with a label,
    and zero where a batch has none. Raises ValueError for an alpha outside 0 to 1.
    """
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha is {alpha}: it is the soft loss's share, from 0 to 1.")
    known = labels != NO_LABEL
    hard = F.cross_entropy(student[known], labels[known]) if known.any() else student.sum() * 0
    return alpha * soft_loss(student, teacher, temperature) + (1 - alpha) * hard


def target_loss(student: Tensor, targets: Tensor) -> Tensor:
    """KL(targets || q), the mean over rows: logits (N, K) and probabilities (N, K) that sum to 1 -> ()."""
    return (torch.xlogy(targets, targets) - targets * student.log_softmax(-1)).sum(-1).mean()


def feature_loss(student: Tensor, teacher: Tensor, projection: nn.Module) -> Tensor:
    """The mean square of projection(student) - teacher: (N, C of the student), (N, C of the teacher) -> ()."""
    return F.mse_loss(projection(student), teacher.detach())


def similarities(vectors: Tensor) -> Tensor:
    """The cosine of each row with each other row: (N, C) -> (N, N)."""
    unit = F.normalize(vectors, dim=-1)
    return unit @ unit.T


def relation_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """The mean square of the difference of two similarity matrices, off the diagonal: (N, C), (N, C') -> ().

    The widths may differ. The diagonal, 1 in both, is left out. Raises ValueError for fewer rows than two.
    """
    count = len(student)
    if count < 2:
        raise ValueError("One row alone has no relations. Give batches of two rows at least.")
    difference = similarities(student) - similarities(teacher.detach())
    return difference.square().sum() / (count * (count - 1))


def _check(temperature: float) -> None:
    if not temperature > 0:
        raise ValueError(f"The temperature is {temperature}: logits are divided by it, so it must be above 0.")
