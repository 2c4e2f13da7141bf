"""Summaries: which sentences to take, what a summary is worth, and what it says that its source does not.

    split_sentences, windows              a text into sentences, its sentences into pieces that fit a model
    lead, centroid, textrank, mmr         the numbers of the sentences that make an extract
    oracle                                the best extract that can be had with the reference in hand: a ceiling
    rouge                                 words shared with a reference
    coverage, novelty                     how much is copied from the source, and how much is not
    unsupported                           names and numbers that stand in the summary and not in the source

Sentences are counted from 0; an extract lists them in the order of the text. vectors: (sentences, width), an array of the
sentences' embeddings. A similarity is the cosine of two of them.
"""

import functools
import re
from collections.abc import Sequence

import networkx
import numpy

SENTENCE_END = re.compile(r'(?<=[.!?])\s+(?=["A-Z0-9])|(?<=[.!?]")\s+(?=["A-Z0-9])')
MEASURES = ("rouge1", "rouge2", "rougeLsum")
SMALL = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
WORTH = dict(zip([*SMALL.split(), "eighteen", "nineteen", *TENS], [*range(20), *range(20, 100, 10)]))
FACTORS = {"hundred": 100, "thousand": 1000}


def split_sentences(text: str) -> list[str]:
    """Cuts after `.`, `!`, `?` (and a closing quotation mark) before white space and a capital, a digit or a quotation mark.

    The rule of data/articles, whose texts have no abbreviations with full stops: of `Dr. Moss` it makes two sentences.
    """
    return [sentence for sentence in SENTENCE_END.split(text.strip()) if sentence]


def windows(lengths: Sequence[int], limit: int, overlap: int = 0) -> list[tuple[int, int]]:
    """(first, end) of runs of sentences that are together at most `limit` long, each beginning `overlap` sentences back.

    lengths: of the sentences, in tokens. One that is longer than `limit` gets a window of its own, and has to be cut there.
    """
    found, first = [], 0
    while first < len(lengths):
        end = first + 1
        while end < len(lengths) and sum(lengths[first : end + 1]) <= limit:
            end += 1
        found.append((first, end))
        first = end if end == len(lengths) else max(end - overlap, first + 1)
    return found


def lead(sentences: Sequence[str], count: int) -> list[int]:
    """The first sentences."""
    return list(range(min(count, len(sentences))))


def centroid(vectors: numpy.ndarray, count: int) -> list[int]:
    """The sentences nearest to the mean of all. Source: Radev et al. (2004), with embeddings in the place of TF-IDF."""
    return _highest(_unit(vectors) @ _unit(vectors.mean(0)), count)


def textrank(vectors: numpy.ndarray, count: int, damping: float = 0.85) -> list[int]:
    """The sentences with the highest PageRank in the graph of similarities, those below 0 left out.

    Source: Mihalcea and Tarau, "TextRank: Bringing Order into Texts" (2004), with cosines in the place of shared words.
    """
    weights = numpy.clip(similarity(vectors), 0, None)
    numpy.fill_diagonal(weights, 0)
    ranks = networkx.pagerank(networkx.from_numpy_array(weights), alpha=damping, tol=1e-10, max_iter=500)
    return _highest([ranks[sentence] for sentence in range(len(vectors))], count)


def mmr(vectors: numpy.ndarray, count: int, balance: float = 0.7) -> list[int]:
    """Maximal marginal relevance: near to the mean of all, and far from what was chosen already.

    balance: 1 asks for relevance alone (`centroid`), 0 for difference alone.
    Source: Carbonell and Goldstein (SIGIR 1998), with the mean of the text in the place of a query.
    """
    relevance, alike = _unit(vectors) @ _unit(vectors.mean(0)), similarity(vectors)
    chosen: list[int] = []
    while len(chosen) < min(count, len(vectors)):
        redundancy = alike[:, chosen].max(1) if chosen else numpy.zeros(len(vectors))
        worth = balance * relevance - (1 - balance) * redundancy
        worth[chosen] = -numpy.inf
        chosen.append(int(worth.argmax()))
    return sorted(chosen)


def oracle(sentences: Sequence[str], reference: str, count: int) -> list[int]:
    """Greedily the sentences that raise ROUGE-1 + ROUGE-2 against the reference most; fewer where none raises it.

    Source: Nallapati et al., "SummaRuNNer" (2016, arXiv 1611.04230). Greedy is near the best, and not always it.
    """
    chosen: list[int] = []
    best = 0.0
    while len(chosen) < count:
        scores = {}
        for sentence in set(range(len(sentences))) - set(chosen):
            found = rouge(" ".join(sentences[k] for k in sorted([*chosen, sentence])), reference, MEASURES[:2])
            scores[sentence] = sum(found.values())
        if not scores or max(scores.values()) <= best:
            break
        best = max(scores.values())
        chosen.append(max(scores, key=scores.get))
    return sorted(chosen)


def similarity(vectors: numpy.ndarray) -> numpy.ndarray:
    """The cosine of each two rows, (sentences, sentences)."""
    return _unit(vectors) @ _unit(vectors).T


def _unit(vectors: numpy.ndarray) -> numpy.ndarray:
    return vectors / numpy.maximum(numpy.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def _highest(scores, count: int) -> list[int]:
    """The places of the highest scores, in order of place; of equal ones the first."""
    return sorted(numpy.argsort(-numpy.asarray(scores), kind="stable")[:count].tolist())


@functools.cache
def _scorer(measures: tuple[str, ...]):
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(measures, use_stemmer=True)


def rouge(summary: str, reference: str, measures: Sequence[str] = MEASURES) -> dict[str, float]:
    """F1 of ROUGE-1, ROUGE-2 and ROUGE-L (summary level: `rougeLsum`), 0 to 1, of words cut to their stems.

    Source: Lin, "ROUGE: A Package for Automatic Evaluation of Summaries" (2004), as the package rouge-score has it.
    """
    texts = ("\n".join(split_sentences(text)) for text in (reference, summary))  # rougeLsum takes a line for a sentence
    return {measure: score.fmeasure for measure, score in _scorer(tuple(measures)).score(*texts).items()}


def coverage(summary: str, source: str) -> float:
    """The share of the summary's words that lie in runs of 2 words or more copied from the source, each as long as can be.

    Source: Grusky et al., "Newsroom" (2018, arXiv 1804.11283), which counts single words as runs, too.
    """
    ours, theirs = _words(summary), f" {' '.join(_words(source))} "
    at = copied = 0
    while at < len(ours):
        length = 0
        while at + length < len(ours) and f" {' '.join(ours[at : at + length + 1])} " in theirs:
            length += 1
        copied += length if length > 1 else 0
        at += max(length, 1)
    return copied / len(ours) if ours else 0.0


def novelty(summary: str, source: str, n: int = 2) -> float:
    """The share of the summary's runs of n words that do not stand in the source."""
    ours, theirs = (list(zip(*(_words(text)[start:] for start in range(n)))) for text in (summary, source))
    known = set(theirs)
    return sum(run not in known for run in ours) / len(ours) if ours else 0.0


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+(?:[.,][0-9]+)*", re.sub(r"['’]s\b", "", text.lower()))


def unsupported(summary: str, source: str) -> list[str]:
    """The names and numbers of a summary that its source does not have, each once, in their order.

    Words count, not facts: what is put together wrongly from the source's own names and numbers is not found.
    """
    known = set(_words(source))
    found = [name for name in names(summary) if not known.issuperset(_words(name))]
    return [*dict.fromkeys(found), *sorted(numbers(summary) - numbers(source))]


def names(text: str) -> list[str]:
    """The words with a capital that do not begin a sentence or a quotation, `I` left out."""
    starts = re.sub(r"^I\b|(?<=\W)I\b", "i", text)
    sentences = ([word for word in re.findall(r"\"?[A-Za-z][\w'’-]*", part)] for part in split_sentences(starts))
    return [re.sub(r"['’]s$", "", word) for words in sentences for word in words[1:] if word[0].isupper()]


def numbers(text: str) -> set[str]:
    """The numbers of a text, as figures: 'Forty-three of 1,900' has 43 and 1900. A 'one' in words is often none: left out."""
    found = {figure.replace(",", "") for figure in re.findall(r"\d+(?:,\d{3})*(?:\.\d+)?", text)}
    words = [*re.findall(r"[a-z]+", text.lower()), "", ""]
    for place, word in enumerate(words):
        if word not in WORTH or (words[place - 1] in TENS and 0 < WORTH[word] < 10):
            continue  # of `forty-three` the tens speak for both
        value, after = WORTH[word], place + 1
        if value >= 20 and 0 < WORTH.get(words[after], 0) < 10:
            value, after = value + WORTH[words[after]], after + 1
        found.add(str(value * FACTORS.get(words[after], 1)))
    return found - {"1"}
