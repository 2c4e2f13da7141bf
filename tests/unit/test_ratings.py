"""The set `ratings`: what an audit found in the archive, splits without leaks, and that the checks can fail."""

import statistics

import pytest

from utils.data import catalog, packages, ratings

SIZES = {
    "films": {"train": 8000, "validation": 605, "test": 2000},
    "products": {"train": 2598, "validation": 370, "test": 740},
    "editorials": {"train": 3633, "validation": 519, "test": 1038},
}
CLEAR = 0.5  # the distance of the mean from 0 from which on a sentence has a label
NEAR = 0.8  # the cosine of two sentences' TF-IDF vectors from which on they are near copies


@pytest.fixture(scope="module")
def sets():
    package = catalog.find("ratings")["package"]
    if not packages.is_here(package):
        pytest.skip("the package vaderSentiment is not here: python -m utils prefetch")
    packages.check(package)
    return {part: ratings.read(catalog.find("ratings"), packages.folder(package), part) for part in SIZES}


def near_copies(first: list[str], second: list[str]) -> list[tuple[str, str]]:
    """Pairs of sentences of three words or more that say the same in nearly the same words."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(token_pattern=r"(?u)\b\w+\b").fit([*first, *second])
    near = (vectors.transform(first) @ vectors.transform(second).T).tocoo()
    return [
        (first[i], second[j])
        for i, j, cosine in zip(near.row, near.col, near.data)
        if cosine >= NEAR and max(len(first[i].split()), len(second[j].split())) >= 3
    ]


@pytest.mark.parametrize("part", SIZES)
def test_sizes_and_columns(sets, part):
    assert {split: len(rows) for split, rows in sets[part].items()} == SIZES[part]
    assert sets[part]["train"].column_names == ["id", "text", "mean", "ratings"]
    assert all(text and text == text.strip() for rows in sets[part].values() for text in rows["text"])


@pytest.mark.parametrize("part", SIZES)
def test_the_mean_is_that_of_the_raters(sets, part):
    for rows in sets[part].values():
        for row in rows:
            assert row["mean"] == pytest.approx(statistics.mean(row["ratings"]), abs=1e-8)
            assert all(-4 <= rating <= 4 for rating in row["ratings"])


def test_how_many_raters(sets):
    """The archive's own text promises twenty; the films have fewer."""
    raters = [len(row) for rows in sets["films"].values() for row in rows["ratings"]]
    assert (min(raters), statistics.median(raters), max(raters)) == (15, 18, 29)
    for part in ("products", "editorials"):
        assert {len(row) for rows in sets[part].values() for row in rows["ratings"]} == {20}


@pytest.mark.parametrize(
    "part, clear, all_of_them", [("films", 10072, 10605), ("products", 2985, 3708), ("editorials", 2970, 5190)]
)
def test_how_many_have_a_label(sets, part, clear, all_of_them):
    means = [mean for rows in sets[part].values() for mean in rows["mean"]]
    assert len(means) == all_of_them and sum(abs(mean) >= CLEAR for mean in means) == clear


@pytest.mark.parametrize("part", SIZES)
def test_no_near_copies_across_splits(sets, part):
    texts = {split: rows["text"][:] for split, rows in sets[part].items()}
    for split in ("validation", "test"):
        others = [text for other, rows in texts.items() if other != split for text in rows]
        assert near_copies(texts[split], others) == []


def test_a_leak_is_found(sets):
    texts = sets["films"]["test"]["text"][:200]
    copy = texts[7].replace(",", "").lower()
    assert near_copies(texts, [copy, "a sentence that nobody has written yet"]) == [(texts[7], copy)]


@pytest.mark.parametrize("part", ["products", "editorials"])
def test_a_review_or_an_editorial_is_in_one_split(sets, part):
    homes = {}
    for split, rows in sets[part].items():
        for number in rows["id"]:
            assert homes.setdefault(number.partition("_")[0], split) == split


def test_the_repository_holds_no_text():
    import re

    assert re.fullmatch(r"[\s\d{}:,\"a-z]*", ratings.SPLITS.read_text(encoding="utf-8"))
