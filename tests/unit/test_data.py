"""The quality of the data sets that were written for the course; and that these tests can fail."""

import collections
import json
import re

import pytest

from utils.data import catalog, sets

# set -> rows at least. Of medical_qa these are facts; it and `reviews` have more tests below.
SIZES = {
    "reviews": 2000,
    "topics": 600,
    "articles": 100,
    "entities": 1000,
    "questions": 400,
    "translations": 1200,
    "medical_qa": 120,
    "preferences": 500,
}
MOST_SHARED = 0.6  # of the word 5-grams of the shorter text
SHORT = 10  # words; shorter texts may be alike
Row = dict


def rows_of(name: str) -> dict[str, list[Row]]:
    """Split -> rows as they were written; skips the test while the set is not there."""
    entry = catalog.find(name)
    if catalog.on_this_machine(entry) is None:
        pytest.skip(f"data/{name} is not written yet")
    folder = catalog.ROOT / entry["folder"]
    return {
        split: [json.loads(line) for line in (folder / f"{split}.jsonl").open(encoding="utf-8")] for split in entry["splits"]
    }


def together(splits: dict[str, list[Row]]) -> list[Row]:
    return [row for rows in splits.values() for row in rows]


# ---------------------------------------------------------------------------------------------------------------------
# The checks. Each gives the faults that it finds, in words.
# ---------------------------------------------------------------------------------------------------------------------

# The kinds of texts of a row that are compared with those of other rows.
TEXTS = {
    "reviews": {"text": lambda row: row["text"]},
    "topics": {"text": lambda row: row["text"]},
    "articles": {"article": lambda row: row["article"], "highlights": lambda row: row["highlights"]},
    "entities": {"tokens": lambda row: " ".join(row["tokens"])},
    "questions": {"context": lambda row: row["context"], "question": lambda row: row["question"]},
    "translations": {"en": lambda row: row["translation"]["en"], "fr": lambda row: row["translation"]["fr"]},
    "medical_qa": {"question": lambda row: row["question"]},
    "preferences": {column: lambda row, column=column: row[column] for column in ("prompt", "chosen", "rejected")},
}
SHARED_ON_PURPOSE = {("questions", "context")}  # several questions on one context: compared once each


def words(text: str) -> list[str]:
    return re.findall(r"[\w']+", text.lower())


def texts(name: str, kind: str, splits: dict[str, list[Row]]) -> list[str]:
    found = [TEXTS[name][kind](row) for row in together(splits)]
    return list(dict.fromkeys(found)) if (name, kind) in SHARED_ON_PURPOSE else found


def near_copies(found: list[str]) -> list[str]:
    """Pairs of texts of ten words or more that share over 60 % of the 5-grams of the shorter one, by an inverted index."""
    grams = []
    for text in found:
        tokens = words(text)
        grams.append({tuple(tokens[i : i + 5]) for i in range(len(tokens) - 4)} if len(tokens) >= SHORT else set())
    places = collections.defaultdict(list)
    for number, own in enumerate(grams):
        for gram in own:
            places[gram].append(number)
    shared = collections.Counter(
        pair
        for numbers in places.values()
        for i, first in enumerate(numbers)
        for pair in ((first, n) for n in numbers[i + 1 :])
    )
    return [
        f"{found[a]!r} is much like {found[b]!r}"
        for (a, b), count in shared.items()
        if count > MOST_SHARED * min(len(grams[a]), len(grams[b]))
    ]


def common_openings(found: list[str]) -> list[str]:
    """Openings of four words on more than one per cent of the texts, or five."""
    counts = collections.Counter(" ".join(tokens[:4]) for text in found if len(tokens := words(text)) >= 4)
    most = max(0.01 * len(found), 5)
    return [f"{count} texts begin with {opening!r}" for opening, count in counts.items() if count > most]


def leaks(splits: dict[str, list[str]]) -> list[str]:
    """Texts that stand in two splits, whatever their case and punctuation."""
    home: dict[str, str] = {}
    faults = []
    for split, found in splits.items():
        for text in found:
            where = home.setdefault(" ".join(words(text)), split)
            if where != split:
                faults.append(f"{text!r} stands in {where} and in {split}")
    return faults


def unbalanced(labels: list, low: float, high: float) -> list[str]:
    """Labels whose share is not between `low` and `high` times an equal share."""
    counts = collections.Counter(labels)
    equal = len(labels) / len(counts)
    return [f"{label!r}: {count} of {len(labels)}" for label, count in counts.items() if not low <= count / equal <= high]


def broken_tags(row: Row) -> list[str]:
    """What is not well formed in BIO."""
    tags = row["ner_tags"]
    faults = [] if len(tags) == len(row["tokens"]) else [f"{len(tags)} tags for {len(row['tokens'])} tokens"]
    for before, tag in zip(["O", *tags], tags):
        if tag != "O" and tag not in {f"{start}-{kind}" for start in "BI" for kind in ("PER", "LOC", "ORG", "MISC")}:
            faults.append(f"{tag} is no tag")
        if tag.startswith("I-") and before[1:] != tag[1:]:
            faults.append(f"{tag} follows {before}")
    return faults


def broken_spans(row: Row) -> list[str]:
    """Answers that are not where they say."""
    text, starts = row["answers"]["text"], row["answers"]["answer_start"]
    faults = [] if len(text) == len(starts) else ["as many starts as answers are needed"]
    return faults + [
        f"{answer!r} is not at {start}"
        for answer, start in zip(text, starts)
        if not answer or row["context"][start : start + len(answer)] != answer
    ]


def names(row: Row) -> set[str]:
    """The names in a sentence, in lower case."""
    found, current = [], []
    for token, tag in [*zip(row["tokens"], row["ner_tags"]), ("", "O")]:
        if current and not tag.startswith("I-"):
            found.append(" ".join(current).lower())
            current = []
        if tag != "O":
            current.append(token)
    return set(found)


def sentiment_accuracy(train: list[Row], test: list[Row]) -> float:
    """The accuracy of logistic regression on TF-IDF features: words and pairs of words."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    vectors = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    model = LogisticRegression(C=10, max_iter=1000)
    model.fit(vectors.fit_transform([row["text"] for row in train]), [row["stars"] > 3 for row in train])
    return model.score(vectors.transform([row["text"] for row in test]), [row["stars"] > 3 for row in test])


# ---------------------------------------------------------------------------------------------------------------------
# All sets
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SIZES)
def test_size(name):
    rows = together(rows_of(name))
    count = len({row["fact_id"] for row in rows}) if name == "medical_qa" else len(rows)
    assert count >= SIZES[name]


@pytest.mark.parametrize("name", SIZES)
def test_form(name):
    """UTF-8, the columns in the table's order, no empty text, no white space at an end."""
    entry = catalog.find(name)
    derived = {"label"} if name == "reviews" else set()
    for row in together(rows_of(name)):
        assert list(row) == [column for column in entry["columns"] if column not in derived]
        for text in (kind(row) for kind in TEXTS[name].values()):
            assert text and text == text.strip(), text


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, kinds in TEXTS.items() for kind in kinds])
def test_no_near_copies(name, kind):
    assert near_copies(texts(name, kind, rows_of(name))) == []


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, kinds in TEXTS.items() for kind in kinds])
def test_openings_vary(name, kind):
    assert common_openings(texts(name, kind, rows_of(name))) == []


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, kinds in TEXTS.items() for kind in kinds])
def test_no_leak(name, kind):
    splits = rows_of(name)
    assert leaks({split: [TEXTS[name][kind](row) for row in rows] for split, rows in splits.items()}) == []


@pytest.mark.parametrize("name", SIZES)
def test_splits_are_of_a_useful_size(name):
    sizes = {split: len(rows) for split, rows in rows_of(name).items()}
    total = sum(sizes[split] for split in sets.SPLITS)
    if name != "articles":  # its test split is large on purpose: nothing is trained on it alone
        assert sizes["train"] > total / 2
    assert min(sizes["validation"], sizes["test"]) >= max(0.05 * total, 10)


@pytest.mark.parametrize("name", SIZES)
def test_hard_cases_are_marked(name):
    splits = rows_of(name)
    if "hard" not in splits["train"][0]:
        pytest.skip(f"{name} has no such column")
    for split in sets.SPLITS:
        marked = sum(bool(row["hard"]) for row in splits[split])
        assert 0.1 * len(splits[split]) < marked < 0.95 * len(splits[split])


@pytest.mark.parametrize("name", SIZES)
def test_the_card(name):
    """It gives the true number of rows of each split, the license and the limits."""
    splits = rows_of(name)
    card = (catalog.ROOT / "data" / name / "README.md").read_text(encoding="utf-8")
    for split, rows in splits.items():
        assert re.search(rf"(?<!\d){len(rows)}(?!\d)", card.replace(",", "")), f"{len(rows)} rows in {split}"
    assert "CC BY 4.0" in card and re.search(r"(?i)limits", card) and re.search(r"(?i)how it was written", card)


# ---------------------------------------------------------------------------------------------------------------------
# Single sets
# ---------------------------------------------------------------------------------------------------------------------


def test_reviews():
    splits = rows_of("reviews")
    rows = together(splits)
    assert len({word for row in rows for word in words(row["text"])}) >= 6000
    assert all(15 <= len(row["text"].split()) <= 80 for row in rows)
    assert {row["stars"] for row in splits["three_stars"]} == {3}
    for split in sets.SPLITS:
        assert unbalanced([row["stars"] for row in splits[split]], 0.8, 1.2) == []
        assert {row["stars"] for row in splits[split]} == {1, 2, 4, 5}
    assert len({row["domain"] for row in rows}) >= 6 and len({row["hard"] for row in rows}) >= 5


def test_reviews_are_neither_too_easy_nor_noise():
    splits = rows_of("reviews")
    assert 0.75 <= sentiment_accuracy(splits["train"] + splits["validation"], splits["test"]) <= 0.93


def test_topics():
    for split, rows in rows_of("topics").items():
        assert unbalanced([row["label"] for row in rows], 0.8, 1.2) == [], split
        assert {row["label"] for row in rows} == set(catalog.find("topics")["columns"]["label"]["class"])


def test_articles():
    rows = together(rows_of("articles"))
    assert len({row["id"] for row in rows}) == len(rows)
    for row in rows:
        sentences = sets.sentences(row["article"])
        assert 180 <= len(row["article"].split()) <= 450 and 15 <= len(row["highlights"].split()) <= 80
        assert row["key_sentences"] and sorted(set(row["key_sentences"])) == row["key_sentences"]
        assert row["key_sentences"][-1] < len(sentences)
        assert row["highlights"] not in row["article"]


def test_entities():
    splits = rows_of("entities")
    assert [fault for row in together(splits) for fault in broken_tags(row)] == []
    kinds = [tag[2:] for row in together(splits) for tag in row["ner_tags"] if tag.startswith("B-")]
    assert unbalanced(kinds, 0.4, 1.8) == []
    known = set().union(*(names(row) for split in ("train", "validation") for row in splits[split]))
    fresh = sum(bool(names(row) - known) for row in splits["test"])
    assert fresh >= len(splits["test"]) / 3


def test_questions():
    splits = rows_of("questions")
    assert [fault for row in together(splits) for fault in broken_spans(row)] == []
    for split, rows in splits.items():
        assert sum(not row["answers"]["text"] for row in rows) >= 0.15 * len(rows), split
    assert len({row["id"] for row in together(splits)}) == len(together(splits))


def test_translations():
    rows = together(rows_of("translations"))
    assert len({row["id"] for row in rows}) == len(rows)
    for row in rows:
        assert list(row["translation"]) == ["en", "fr"]
        assert row["translation"]["en"] != row["translation"]["fr"]


def test_medical_qa():
    splits = rows_of("medical_qa")
    facts = {split: {row["fact_id"] for row in rows} for split, rows in splits.items()}
    assert len(facts["unseen"]) >= 20 and not facts["unseen"] & (facts["train"] | facts["validation"] | facts["test"])
    assert facts["train"] == facts["test"], "a phrasing of each fact is held out"
    counts = collections.Counter(row["fact_id"] for row in together(splits))
    assert min(counts.values()) >= 6
    told = collections.defaultdict(set)
    for row in together(splits):
        told[row["fact_id"]].add((row["answer"], row["fact"], row["topic"], row["source_kind"]))
    assert all(len(versions) == 1 for versions in told.values()), "a fact has one answer"
    assert all(row["source_kind"] and row["topic"] for row in together(splits))
    card = (catalog.ROOT / "data" / "medical_qa" / "README.md").read_text(encoding="utf-8")
    assert "no medical advice" in card


def test_preferences():
    rows = together(rows_of("preferences"))
    for row in rows:
        assert row["chosen"] != row["rejected"] and re.fullmatch(r"[a-z-]+", row["reason"]), row
    longer = sum(len(row["chosen"]) > len(row["rejected"]) for row in rows) / len(rows)
    assert 0.3 < longer < 0.7, "length alone must not tell which one is better"


# ---------------------------------------------------------------------------------------------------------------------
# The checks find what is planted
# ---------------------------------------------------------------------------------------------------------------------

STORY = "the old ferry left at noon with two goats and a piano on the upper deck"
OTHER = "nobody had told the mayor that his speech was printed upside down on every page"


def test_near_copies_are_found():
    assert near_copies([STORY, OTHER]) == []
    assert len(near_copies([STORY, OTHER, STORY.replace("piano", "harp")])) == 0, "half of it is other"
    assert len(near_copies([STORY, OTHER, STORY.replace("deck", "floor")])) == 1
    assert len(near_copies([STORY, OTHER + " and so on. " + STORY])) == 1, "the shorter one counts"
    assert near_copies(["a short one only"] * 2) == []


def test_near_copies_agree_with_comparing_all_pairs():
    import random

    draw = random.Random(0)
    found = [" ".join(draw.choices("ab", k=draw.randint(8, 14))) for _ in range(60)]

    def grams(text):
        return {tuple(text.split()[i : i + 5]) for i in range(len(text.split()) - 4)}

    pairs = [(a, b) for i, a in enumerate(found) for b in found[i + 1 :] if min(len(a.split()), len(b.split())) >= SHORT]
    expected = sum(len(grams(a) & grams(b)) > MOST_SHARED * min(len(grams(a)), len(grams(b))) for a, b in pairs)
    assert len(near_copies(found)) == expected > 0


def test_common_openings_are_found():
    found = [f"this is the best number {n}" for n in range(5)] + [f"row {n} is not like the others" for n in range(95)]
    assert common_openings(found) == []
    assert common_openings([*found, "This is the best!"]) == ["6 texts begin with 'this is the best'"]


def test_leaks_are_found():
    assert leaks({"train": [STORY], "test": [OTHER]}) == []
    assert len(leaks({"train": [STORY], "test": [STORY.capitalize() + "."]})) == 1


def test_imbalance_is_found():
    assert unbalanced([0] * 50 + [1] * 50, 0.8, 1.2) == []
    assert len(unbalanced([0] * 70 + [1] * 30, 0.8, 1.2)) == 2


@pytest.mark.parametrize(
    ("tags", "fault"),
    [
        (["B-PER", "I-PER"], None),
        (["O", "I-PER"], "I-PER follows O"),
        (["B-LOC", "I-PER"], "I-PER follows B-LOC"),
        (["B-GPE", "O"], "B-GPE is no tag"),
        (["O"], "1 tags for 2 tokens"),
        (["I-ORG", "I-ORG"], "I-ORG follows O"),
    ],
)
def test_broken_tags_are_found(tags, fault):
    assert broken_tags({"tokens": ["Ada", "Byron"], "ner_tags": tags}) == ([fault] if fault else [])


def test_broken_spans_are_found():
    row = {"context": "It cost nine pounds.", "answers": {"text": ["nine"], "answer_start": [8]}}
    assert broken_spans(row) == []
    assert broken_spans(row | {"answers": {"text": ["nine"], "answer_start": [7]}}) == ["'nine' is not at 7"]
    assert len(broken_spans(row | {"answers": {"text": ["nine"], "answer_start": []}})) == 1


def test_names_are_put_together():
    row = {"tokens": "Ada Byron met Bo in East Riga".split(), "ner_tags": "B-PER I-PER O B-PER O B-LOC I-LOC".split()}
    assert names(row) == {"ada byron", "bo", "east riga"}


def test_easy_and_noisy_reviews_are_found():
    import random

    draw = random.Random(0)
    easy = [
        {"text": f"a {'good' if n % 2 else 'bad'} thing, number {draw.random()}", "stars": 5 if n % 2 else 1}
        for n in range(300)
    ]
    assert sentiment_accuracy(easy[:200], easy[200:]) > 0.93
    noise = [row | {"stars": draw.choice([1, 5])} for row in easy]
    assert sentiment_accuracy(noise[:200], noise[200:]) < 0.75
