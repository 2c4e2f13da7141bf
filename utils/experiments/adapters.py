"""What lesson 13's experiments need besides models and training: answers in a log, baselines, chats, a choice of answers.

as_text, digits               answers right or wrong in a log
words_and_frozen              naive Bayes, and a logistic regression on a frozen encoder's vectors
kept_by_rank                  how much of a matrix its largest singular values hold
chat_batch, answer_losses     questions with answers in SmolLM2's form; the mean loss of each answer
choices                       questions with several answers, and what TF-IDF picks
"""

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from torch import Tensor, nn


def as_text(answers: list[int]) -> str:
    return "".join(map(str, answers))


def digits(text: str) -> np.ndarray:
    return np.array(list(map(int, text)))


# ----------------------------------------------------------------------------------------------------------------------
# Film sentences
# ----------------------------------------------------------------------------------------------------------------------


@torch.no_grad()
def vectors(model: nn.Module, tokenizer, rows: list[dict]) -> np.ndarray:
    """The mean of BERT's vectors over the tokens that are there (rows, C)."""
    found = []
    for at in range(0, len(rows), 64):
        texts = [row["text"] for row in rows[at : at + 64]]
        inputs = tokenizer(texts, padding=True, truncation=True, max_length=64, return_tensors="pt")
        mask = inputs["attention_mask"][..., None]
        found.append((model.bert(**inputs).last_hidden_state * mask).sum(1) / mask.sum(1))
    return torch.cat(found).numpy()


def words_and_frozen(minilm, learn: list[dict], validation: list[dict], test: list[dict]) -> dict[str, list[int]]:
    """naive Bayes on words and pairs, and MiniLM frozen with a regression whose strength the validation rows choose.

    -> name -> 1 where a test row is right, else 0
    """
    (inside, truth), held_out, tested = (
        [[row[key] for row in rows] for key in ("text", "label")] for rows in (learn, validation, test)
    )
    words = make_pipeline(CountVectorizer(ngram_range=(1, 2), binary=True), MultinomialNB()).fit(inside, truth)
    seen, chosen, asked = (vectors(*minilm, rows) for rows in (learn, validation, test))
    heads = [LogisticRegression(C=strength, max_iter=2000).fit(seen, truth) for strength in (0.3, 3, 30, 300)]
    best = max(heads, key=lambda head: head.score(chosen, held_out[1]))
    said = {"naive Bayes": words.predict(tested[0]), "frozen": best.predict(asked)}
    return {name: (one == np.array(tested[1])).astype(int).tolist() for name, one in said.items()}


def kept_by_rank(matrix: Tensor) -> list[float]:
    """The share of the squared singular values that the largest one holds, the largest two, and so on."""
    squares = torch.linalg.svdvals(matrix).square()
    return [round(one, 4) for one in (squares.cumsum(0) / squares.sum()).tolist()]


# ----------------------------------------------------------------------------------------------------------------------
# Questions and answers
# ----------------------------------------------------------------------------------------------------------------------


def conversation(tokenizer, row: dict) -> tuple[list[int], list[int]]:
    """ids of question and answer in SmolLM2's chat form, and labels: -100 on all but the answer and its end."""
    front = tokenizer(f"<|im_start|>user\n{row['question']}<|im_end|>\n<|im_start|>assistant\n").input_ids
    back = tokenizer(row["answer"] + "<|im_end|>").input_ids
    return front + back, [-100] * len(front) + back


def chat_batch(tokenizer, rows) -> dict[str, Tensor]:
    """Rows as a batch: input_ids, attention_mask and labels (B, T)."""
    ids, labels = zip(*(conversation(tokenizer, row) for row in rows))
    ones = [[1] * len(one) for one in ids]
    found = {"input_ids": (ids, tokenizer.pad_token_id), "attention_mask": (ones, 0), "labels": (labels, -100)}
    return {
        name: nn.utils.rnn.pad_sequence([torch.tensor(one) for one in some], True, fill) for name, (some, fill) in found.items()
    }


@torch.no_grad()
def answer_losses(model: nn.Module, tokenizer, rows) -> list[float]:
    """The mean loss a token of each row's answer (rows,)."""
    found = []
    for at in range(0, len(rows), 8):
        batch = chat_batch(tokenizer, rows[at : at + 8])
        labels = batch["labels"][:, 1:]
        logits = model(batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, :-1]
        each = F.cross_entropy(logits.transpose(1, 2), labels, ignore_index=-100, reduction="none")  # (B, T)
        found += (each.sum(1) / (labels != -100).sum(1)).tolist()
    return found


def choices(sets, asked: int, count: int) -> tuple[list[dict], list[int], list[int]]:
    """`asked` test questions with `count` answers each -> rows, one an answer; the places of the right ones; TF-IDF's picks.

    TF-IDF takes the answer that has the most pieces of words (3 to 5 characters) in common with the question; how much a
    piece counts it has from the training rows.
    """
    generator, rows = np.random.default_rng(0), [dict(row) for row in sets["test"]]
    chosen = generator.permutation(len(rows))[:asked].tolist()
    reader = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True)
    reader.fit([*sets["train"]["question"], *sets["train"]["answer"]])
    found, picks, places = [], [], []
    for k in chosen:
        others = [j for j in range(len(rows)) if rows[j]["fact_id"] != rows[k]["fact_id"]]
        others = generator.choice(others, count - 1, replace=False).tolist()
        place = int(generator.integers(count))
        offered = [rows[j]["answer"] for j in others]
        offered.insert(place, rows[k]["answer"])
        alike = reader.transform(offered) @ reader.transform([rows[k]["question"]]).T  # (count, 1)
        picks.append(int(alike.toarray().argmax()))
        found += [{"question": rows[k]["question"], "answer": one} for one in offered]
        places.append(place)
    return found, places, picks
