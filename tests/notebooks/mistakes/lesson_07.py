"""Wrong answers to the exercises of lesson 7, each with a fragment of the message that is meant for it."""


def loss(chances: str = "logits[asked].log_softmax(-1)", result: str = "-right.mean()") -> str:
    """An answer to exercise 7.1 with one part replaced."""
    return (
        "def masked_loss(logits, labels):\n"
        "    asked = labels != -100\n"
        f"    right = ({chances}).gather(1, labels[asked][:, None])\n"
        f"    return {result}\n"
    )


def segments(result: str, prepare: str = "seps = ids == sep") -> str:
    """An answer to exercise 7.2."""
    return f"def segments_of(ids, sep):\n    {prepare}\n    count = seps.long().cumsum(1)\n    return {result}\n"


def likelihood(
    copy: str = "ids.clone()", places: str = "range(1, ids.shape[1] - 1)", end: str = "total", mask: str = "place"
) -> str:
    """An answer to exercise 7.4 with one part replaced."""
    return (
        "def pseudo_log_likelihood(model, ids, mask_id):\n"
        "    total, given = 0.0, ids.clone()\n"
        f"    for place in {places}:\n"
        f"        masked = {copy}\n"
        f"        masked[0, {mask}] = mask_id\n"
        "        total += float(model(masked)[0, place].log_softmax(-1)[given[0, place]])\n"
        f"    return {end}\n"
    )


MISTAKES = {
    "7.1": [
        (loss(result="right.mean()"), "The sign is wrong"),
        (loss(result="-right.sum()"), "You added up"),
        (loss(result="-right.sum() / labels.numel()"), "divided by all the places"),
        (loss(chances="logits[asked]"), "the logits themselves"),
        (loss(chances="logits.log_softmax(1)[asked]"), "runs over the places"),
        (loss(chances="logits[asked].softmax(-1)"), "These are the probabilities"),
        (
            "def masked_loss(logits, labels):\n"
            "    return -logits.log_softmax(-1).gather(2, labels.clamp(min=0)[..., None]).mean()\n",
            "as if token 0 were right there",
        ),
        (loss().replace("!= -100", "> 0"), "Token 0 is a token like any other"),
        (
            "def masked_loss(logits, labels):\n"
            "    asked = labels != -100\n"
            "    right = logits.log_softmax(-1).gather(2, labels.clamp(min=0)[..., None])[..., 0] * asked\n"
            "    return -(right.sum(1) / asked.sum(1)).mean()\n",
            "a mean for each text",
        ),
        (loss(result="-right"), "One number is asked for"),
    ],
    "7.2": [
        (segments("(count > 0).long()"), "first [SEP] belongs to the first text"),
        (segments("count - seps.long()"), "must not begin a third"),
        (segments("((count - seps.long() == 0) & (ids != 0)).long()"), "The first text got segment 1"),
        (segments("(ids != 0).long() * (count > 0)"), "first [SEP] belongs to the first text"),
        (segments("(count - seps.long()).clamp(max=1)"), "The filling got segment 1"),
        (segments("((count == 1) & ~seps & (ids != 0)).long()"), "The second [SEP] belongs to the second text"),
        (segments("((count - seps.long() == 1) & (ids != 0)).long()", "seps = ids == 3"), "use the argument `sep`"),
        (
            segments("((count - seps.long() == 1) & (ids != 0)).long()", "seps = ids == sep; ids[ids == sep] = 1"),
            "changed the ids",
        ),
    ],
    "7.3": [
        ("def choose_words(word_ids, toss):\n    return [toss() for word in word_ids]\n", "None is no word"),
        (
            "def choose_words(word_ids, toss):\n    return [word is not None and toss() for word in word_ids]\n",
            "You tossed for each piece",
        ),
        (
            "def choose_words(word_ids, toss):\n"
            "    said, found = {None: False}, []\n"
            "    for word in word_ids:\n"
            "        new = word not in said\n"
            "        if new:\n"
            "            said[word] = toss()\n"
            "        found.append(new and said[word])\n"
            "    return found\n",
            "Only the first piece is marked",
        ),
        (
            "def choose_words(word_ids, toss):\n"
            "    said = [toss() for word in range(max(word for word in word_ids if word is not None) + 1)]\n"
            "    return [word is not None and said[word] for word in word_ids]\n",
            "Words need not begin at 0",
        ),
        (
            "import random\n\ndef choose_words(word_ids, toss):\n"
            "    said = {word: random.random() < 0.15 for word in word_ids}\n"
            "    return [word is not None and said[word] for word in word_ids]\n",
            "never calls toss()",
        ),
        (
            "def choose_words(word_ids, toss):\n"
            "    found, before = [], None\n"
            "    for word in word_ids:\n"
            "        if word != before:\n"
            "            chosen, before = toss(), word\n"
            "        found.append(word is not None and chosen)\n"
            "    return found\n",
            "You tossed for [CLS] or [SEP] too",
        ),
        (
            "def choose_words(word_ids, toss):\n"
            "    found = [False]\n"
            "    for before, word in zip(word_ids, word_ids[1:]):\n"
            "        if word is None:\n"
            "            found.append(False)\n"
            "        else:\n"
            "            found.append(found[-1] if word == before else toss())\n"
            "    return found\n",
            "need not begin with None",
        ),
    ],
    "7.4": [
        (likelihood(copy="ids"), "mask a copy"),
        (likelihood(mask="0:0"), "Nothing is masked"),
        (likelihood(mask="1:-1"), "All tokens are masked at once"),
        (likelihood(places="range(ids.shape[1])"), "[CLS] and [SEP] were asked for too"),
        (likelihood(end="total / (ids.shape[1] - 2)"), "This is the mean"),
        (likelihood(end="-total"), "The sign is turned round"),
        (likelihood(places="range(1, ids.shape[1])"), "One of [CLS] and [SEP] was asked for"),
        (likelihood(places="range(ids.shape[1] - 1)"), "One of [CLS] and [SEP] was asked for"),
        (likelihood().replace(".log_softmax(-1)", ".softmax(-1)"), "You added probabilities"),
        (likelihood().replace(".log_softmax(-1)", ""), "You added logits"),
        (likelihood().replace("given[0, place]", "masked[0, place]"), "of [MASK] itself"),
    ],
}
