"""What the small models can do, measured on held-out inputs: the figures of their cards.

    measure(name, model, tokenizer, count)     claim -> value, for one of the models
    bits_a_byte, ngram_bits_a_byte             the loss on a text in a unit that does not depend on the tokenizer

Sampling is done with three seeds and reported as the mean and the range; greedy answers need no seed.
"""

from __future__ import annotations

import collections
import math
from random import Random

import torch
from torch import nn

from utils.metrics import entity_f1, exact, token_f1
from utils.small_models import recipes, samples, sequence_pairs, texts, vocabulary
from utils.worlds import arithmetic, programs, stories

SPLIT = "test"
SEEDS = (0, 1, 2)
COUNT = 200  # inputs of each kind
TEMPERATURE = 0.7  # of stories
LOW_TEMPERATURE = 0.3  # a second one: truer to the story, and less varied


def measure(name: str, model, tokenizer, count: int = COUNT) -> dict[str, float | list[float]]:
    """The scores of a model: shares from 0 to 1 but for bits a byte; a list has one value for each seed of sampling."""
    model.eval()
    return MEASURES[name](model, tokenizer, count)


# ----------------------------------------------------------------------------------------------------------------------
# Measures of a text
# ----------------------------------------------------------------------------------------------------------------------


@torch.no_grad()
def bits_a_byte(model, tokenizer, documents: list[str], window: int = 256) -> float:
    """The mean loss of a causal model over texts, in bits for each byte of UTF-8.

    A text longer than the window is read in pieces, each with the last half window before it as context.
    """
    bits = count = 0.0
    for text in documents:
        ids = [tokenizer.eos_token_id, *vocabulary.encoder_of(tokenizer)(text)]
        count += len(text.encode())
        done = 1
        while done < len(ids):
            first = max(0, done - window // 2) if done > 1 else 0
            piece = torch.tensor([ids[first : first + window + 1]])
            losses = nn.functional.cross_entropy(
                model(input_ids=piece[:, :-1]).logits[0].float(), piece[0, 1:], reduction="none"
            )
            bits += losses[done - first - 1 :].sum().item() / math.log(2)
            done = first + piece.shape[1]
    return bits / count


def ngram_bits_a_byte(tokenizer, order: int = 5) -> float:
    """The same measure of an interpolated n-gram model (Witten and Bell, 1991) over the same tokens and training texts.

    It is NLTK's; a thousandth of the probability goes to all tokens alike, for those that the training texts lack.
    """
    from nltk.lm import WittenBellInterpolated
    from nltk.lm.preprocessing import padded_everygram_pipeline

    encode = vocabulary.encoder_of(tokenizer)
    train = [[str(i) for i in encode(text)] for text in texts.documentation("train")]
    model = WittenBellInterpolated(order)
    model.fit(*padded_everygram_pipeline(order, train))
    bits = 0.0
    for text in texts.documentation(SPLIT):
        tokens = ["<s>"] * (order - 1) + [str(i) for i in encode(text)]
        for at in range(order - 1, len(tokens)):
            share = model.score(tokens[at], tokens[at - order + 1 : at])
            bits -= math.log2(0.999 * share + 0.001 / len(tokenizer))
    return bits / sum(len(text.encode()) for text in texts.documentation(SPLIT))


# ----------------------------------------------------------------------------------------------------------------------
# The models
# ----------------------------------------------------------------------------------------------------------------------


def mean(values) -> float:
    values = list(values)
    return sum(values) / len(values)


def _stories(model, tokenizer, count: int, temperature: float = TEMPERATURE) -> dict:
    """Stories that begin with the first sentence of a held-out one; only the sentences that the model adds are counted.

    Those that are distinct say how varied they are: of all sentences that were written, in all stories together.
    """
    beginnings = [texts.story(Random(f"beginning {number}"), SPLIT).sentences[0].english for number in range(count)]
    accepted, agree, distinct = [], [], []
    for seed in SEEDS:
        added = samples.write_stories(model, tokenizer, beginnings, seed, temperature)
        sentences = [sentence for text in added for sentence in stories.parser.split(text)]
        distinct.append(len(set(sentences)) / max(1, len(sentences)))
        verdicts = [stories.judge(f"{first} {text}") for first, text in zip(beginnings, added, strict=True)]
        right, total = sum(v.accepted - 1 for v in verdicts), sum(v.sentences - 1 for v in verdicts)
        accepted.append(right / max(1, total))
        agree.append(mean(v.agrees for v in verdicts))
    return {"story_sentences_accepted": accepted, "stories_that_agree": agree, "story_sentences_distinct": distinct}


def _documentation(model, tokenizer) -> dict:
    """Over all held-out texts, whatever the count: texts differ so much that a few of them say little."""
    return {"documentation_bits_a_byte": bits_a_byte(model, tokenizer, list(texts.documentation(SPLIT)))}


def _gpt(model, tokenizer, count: int) -> dict:
    low = {f"{key}_at_low_temperature": values for key, values in _stories(model, tokenizer, count, LOW_TEMPERATURE).items()}
    return _stories(model, tokenizer, count) | low | _documentation(model, tokenizer)


def _chat(model, tokenizer, count: int) -> dict:
    """Questions on a story that the user brings, one conversation each."""
    rng = Random("chat")
    found: dict[str, list[float]] = collections.defaultdict(list)
    asked, conversations = [], []
    for _ in range(count):
        story = texts.story(rng, SPLIT)
        for question in rng.sample(stories.questions(story), 2):
            asked.append(question)
            conversations.append([{"role": "user", "content": f"{story.english}\n\n{question.question}"}])
    for question, answer in zip(asked, samples.replies(model, tokenizer, conversations), strict=True):
        found[question.kind].append(exact(answer, question.answer))
    scores = {f"questions_right_{kind.replace('-', '_')}": mean(values) for kind, values in sorted(found.items())}
    return {"questions_right": mean(value for values in found.values() for value in values)} | scores


def _llama(model, tokenizer, count: int) -> dict:
    return _sums(model, tokenizer, count) | _stories(model, tokenizer, count) | _documentation(model, tokenizer)


def _sums(model, tokenizer, count: int) -> dict:
    rng = Random("sums")
    problems = [arithmetic.draw(rng, level=4, held_out=True) for _ in range(2 * count)]
    greedy = [
        arithmetic.verify(p, text) for p, text in zip(problems, samples.solutions(model, tokenizer, problems), strict=True)
    ]
    scores = {"sums_right_greedy": mean(j.right for j in greedy), "sums_that_think_greedy": mean(j.thinks for j in greedy)}
    by_seed = [
        [
            arithmetic.verify(p, text)
            for p, text in zip(problems, samples.solutions(model, tokenizer, problems, seed=seed), strict=True)
        ]
        for seed in SEEDS
    ]
    scores["sums_right_sampled"] = [mean(j.right for j in judged) for judged in by_seed]
    scores["sums_that_think"] = [mean(j.thinks for j in judged) for judged in by_seed]
    scores["sums_right_when_thinking"] = [mean([j.right for j in judged if j.thinks] or [0.0]) for judged in by_seed]
    scores["sums_right_at_once"] = [mean([j.right for j in judged if not j.thinks] or [0.0]) for judged in by_seed]
    scores["sums_formatted"] = [mean(j.formatted for j in judged) for judged in by_seed]
    return scores


def _reasoner(model, tokenizer, count: int) -> dict:
    """Without what it answers at once: that are too few sums to say anything."""
    return {name: value for name, value in _sums(model, tokenizer, count).items() if name != "sums_right_at_once"}


@torch.no_grad()
def _bert(model, tokenizer, count: int) -> dict:
    recipe = recipes.read("bert-mini")
    right = {}
    for kind in ("stories", "documentation", "written"):
        batches = texts.MaskedWindows(
            vocabulary.encoder_of(tokenizer),
            tokenizer,
            {kind: 1.0},
            batch_size=16,
            window=recipe.training["window"],
            split=SPLIT,
        )
        hits = total = 0
        for index in range(max(1, count // 16)):
            batch = batches(index)
            chosen = batch["labels"] != texts.IGNORED
            hits += (model(batch["input_ids"]).logits.argmax(-1) == batch["labels"])[chosen].sum().item()
            total += chosen.sum().item()
        right[kind] = hits / total
    return {
        "masks_filled": right["stories"],
        "masks_filled_documentation": right["documentation"],
        "masks_filled_written": right["written"],
    }


def _t5(model, tokenizer, count: int) -> dict:
    scores = {}
    for task in sequence_pairs.GENERATED:
        rng = Random(f"t5 {task}")
        if task == "code":
            scores |= _code(model, tokenizer, rng, count)
            continue
        if task == "summarize":
            scores |= _summaries(model, tokenizer, rng, count)
            continue
        pairs = [sequence_pairs.pair(task, rng, SPLIT) for _ in range(count)]
        found = samples.answers(model, tokenizer, [source for source, _ in pairs])
        if task == "continue":
            scores |= _continued(pairs, found)
            continue
        scores |= _compared(task, pairs, found)
    for task in ("translate", "question", "entities", "sentiment", "topic"):
        written = sequence_pairs.written_pairs(task, SPLIT)
        pairs = [
            (sequence_pairs.PREFIXES[task] + source, target)
            for source, target in Random(0).sample(written, min(count, len(written)))
        ]
        scores |= _compared(f"written_{task}", pairs, samples.answers(model, tokenizer, [source for source, _ in pairs]))
    return scores


def _compared(name: str, pairs: list[tuple[str, str]], found: list[str]) -> dict:
    both = [(answer, target) for answer, (_, target) in zip(found, pairs, strict=True)]
    scores = {f"{name}_exact": mean(exact(*pair) for pair in both)}
    if "entities" in name:
        return scores | {f"{name}_f1": entity_f1(both)}
    return scores | {f"{name}_f1": mean(token_f1(*pair) for pair in both)}


def _code(model, tokenizer, rng: Random, count: int) -> dict:
    """Translated programs are run; where there is no Node.js a text equal to the recorded twin counts.

    The model has read no program with the skeleton of one of these (see `programs.split_of`).
    """
    drawn = [programs.write(f"{SPLIT} {rng.getrandbits(60)}", SPLIT) for _ in range(count)]
    found = samples.answers(model, tokenizer, [sequence_pairs.PREFIXES["code"] + p.python for p in drawn], longest=224)
    return {
        "code_exact": mean(text.split() == p.javascript.split() for text, p in zip(found, drawn, strict=True)),
        "code_runs_equal": mean(check.same for check in programs.check(drawn, found)),
    }


def _summaries(model, tokenizer, rng: Random, count: int) -> dict:
    """A story has several summaries, other words for the same; the nearest one counts, as for SQuAD's several answers."""
    told = [texts.story(rng, SPLIT) for _ in range(count)]
    found = samples.answers(model, tokenizer, [sequence_pairs.PREFIXES["summarize"] + story.english for story in told])
    pairs = list(zip(found, told, strict=True))
    return {
        "summarize_exact": mean(max(exact(text, summary) for summary in story.summaries) for text, story in pairs),
        "summarize_f1": mean(max(token_f1(text, summary) for summary in story.summaries) for text, story in pairs),
        "summarize_f1_with_one_of_them": mean(token_f1(text, story.summary) for text, story in pairs),
    }


def _continued(pairs: list[tuple[str, str]], found: list[str]) -> dict:
    """What the parser says of the sentences that were added, read after the given ones."""
    accepted = total = 0
    agree = []
    for (source, _), text in zip(pairs, found, strict=True):
        beginning = source.removeprefix(sequence_pairs.PREFIXES["continue"])
        before, after = stories.judge(beginning), stories.judge(f"{beginning} {text}")
        accepted += after.accepted - before.accepted
        total += after.sentences - before.sentences
        agree.append(len(after.contradictions) <= len(before.contradictions) and after.sentences > before.sentences)
    return {"continue_sentences_accepted": accepted / max(1, total), "continue_that_agree": mean(agree)}


MEASURES = {
    "gpt-mini": _gpt,
    "gpt-mini-chat": _chat,
    "llama-mini": _llama,
    "llama-mini-reasoner": _reasoner,
    "bert-mini": _bert,
    "t5-mini": _t5,
}
