"""utils.experiments.middles: a judge that length does not impress, and pairs that no length tells apart."""

from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.data import catalog
from utils.experiments import middles
from utils.experiments.middles import MOST, SENTENCES, Pair, Task, candidates, mirrored, points, sentence_points, tasks, write
from utils.models.gpt import GPT
from utils.worlds.stories.parser import split

TASKS = tasks(40, "train", "tests")
TASK = Task(
    "Emil lived in Willowdale and was very shy.",
    "Max, his old friend, lived far away in Kingsford. He was bored because Max lived so far away. Emil wrote to Max.",
    '"I miss you, Max," wrote Emil.',
)


@pytest.fixture(scope="module")
def chat():
    model, tokenizer = catalog.load("gpt-mini-chat")
    return GPT.from_hf(model), tokenizer


def test_the_storys_own_middle_gets_all_points_and_none_nothing():
    assert MOST == 2 * SENTENCES == 6
    assert all(points(task, task.middle) == MOST and points(task, "") == 0 for task in TASKS)


def test_tasks_are_the_same_for_one_name_and_differ_by_split():
    assert tasks(5, "train", "tests") == TASKS[:5] and not set(tasks(40, "test", "tests")) & set(TASKS)


def test_a_point_for_each_sound_sentence_and_three_for_the_end():
    said = split(TASKS[0].middle)
    assert sentence_points(TASKS[0], " ".join(said[:2])) == [True, True, False, points(TASKS[0], " ".join(said[:2])) == 5]
    assert points(TASKS[0], " ".join(["A sentence of no grammar this is.", *said[1:]])) <= 5
    assert points(TASKS[0], f"{said[0]} {said[0]} {said[0]}") in (1, 4)  # said again, it does not count


def test_no_answer_fits_all_and_the_end_in_advance_gains_nothing():
    bland = "The sun was shining. It was evening. The birds were singing."
    for task in TASKS:
        assert points(task, bland) <= SENTENCES
        assert not sentence_points(task, task.end)[0]


@settings(max_examples=30, deadline=None)
@given(more=st.text(max_size=80), number=st.integers(0, len(TASKS) - 1))
def test_what_follows_the_third_sentence_is_not_read(more, number):
    task = TASKS[number]
    assert points(task, f"{task.middle} Then {more}") == MOST


def test_a_torn_sentence_gives_nothing():
    assert points(TASKS[0], TASKS[0].middle + ' "And then') == MOST  # not read
    assert points(TASKS[0], '"And then') == 0


def test_problems_say_why():
    task = TASKS[0]
    assert middles.problems(task, task.middle) == [] and middles.problems(task, "")
    assert middles.problems(task, "Of no grammar.")[0] == "not in the grammar: Of no grammar."


def pair(longer: int) -> Pair:
    return Pair([1], [5] * (20 + max(longer, 0)), [6] * (20 + max(-longer, 0)), (6, 0))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-4, 4), max_size=60), st.integers(0, 3))
def test_mirrored_pairs_have_no_length_that_tells(differences, seed):
    kept = Counter(len(one.chosen) - len(one.rejected) for one in mirrored(list(map(pair, differences)), seed))
    given_ = Counter(differences)
    assert kept[0] == given_[0]
    for d in range(1, 5):
        assert kept[d] == kept[-d] == min(given_[d], given_[-d])


def test_candidates_take_each_answer_once_and_the_best_with_the_worst(chat):
    _, tokenizer = chat
    task, end = TASKS[0], middles.end_of_turn(tokenizer)
    said = split(task.middle)

    def as_ids(text):
        return middles.ids_of(tokenizer, task, text)[1]

    right, half, none = task.middle, f"{said[0]} {said[1]} No grammar has this.", "No. Never. Not."
    longer, torn = as_ids(f"{right} {said[0]}"), as_ids(right)[:-1]
    answers = [as_ids(half), as_ids(right), as_ids(none), torn, longer, as_ids(said[0])]
    found = candidates(tokenizer, [task], answers, each=6)
    assert found[0].chosen == as_ids(right) and found[0].points == (6, 0) and found[0].rejected in (as_ids(none), torn)
    used = [str(ids) for pair in found for ids in (pair.chosen, pair.rejected)]
    assert len(used) == len(set(used)), "an answer is in one pair at most"
    assert all(pair.chosen[-1] == end and pair.chosen != longer and pair.points[0] > pair.points[1] for pair in found)
    assert candidates(tokenizer, [task], [torn, as_ids(right)], each=2)[0].points == (6, 0), "what does not stop earns nothing"
    assert found[0].prompt == middles.ids_of(tokenizer, task)[0]
    assert candidates(tokenizer, [task], [as_ids(right)] * 4, each=4) == []


def test_prompt_and_answer_are_what_the_chat_template_writes(chat):
    _, tokenizer = chat
    prompt, answer = middles.ids_of(tokenizer, TASK)
    turns = [{"role": "user", "content": middles.asked(TASK)}, {"role": "assistant", "content": TASK.middle}]
    assert prompt + answer == tokenizer.apply_chat_template(turns, return_dict=False)
    assert middles.text_of(tokenizer, answer) == TASK.middle


def test_write_keeps_the_order_and_repeats_with_its_seed(chat):
    model, tokenizer = chat
    one_by_one = [write(model, tokenizer, [task], 0, temperature=0.0, longest=12)[0] for task in TASKS[:6]]
    assert write(model, tokenizer, TASKS[:6], 0, temperature=0.0, longest=12, batch=4) == one_by_one
    drawn = write(model, tokenizer, TASKS[:3], 1, each=2, longest=12)
    assert len(drawn) == 6 and drawn == write(model, tokenizer, TASKS[:3], 1, each=2, longest=12)
    assert drawn != write(model, tokenizer, TASKS[:3], 2, each=2, longest=12)
    assert all(len(answer) <= 12 for answer in drawn) and not torch.is_inference_mode_enabled()


def test_a_borrowed_middle_is_that_of_the_likest_end_with_the_tasks_people():
    told = [
        Task(
            "Mia was brave.", "Mia went to the pond. Ravi, her friend, was there. Mia waved.", '"I see you, Ravi," called Mia.'
        ),
        Task("Emil was shy.", "Emil had a kite. He flew it. The wind took it away.", "Emil never saw the kite again."),
    ]
    asked = [
        Task("Zoe was shy.", "", "Zoe never saw the kite again."),
        Task("Liam was kind.", "", '"I see you, Ines," called Liam.'),
    ]
    assert middles.borrowed(asked, told) == [
        "Zoe had a kite. He flew it. The wind took it away.",
        "Liam went to the pond. Ines, her friend, was there. Liam waved.",
    ]
    assert told[1].middle.startswith("Emil"), "the stories told are left as they are"


def test_a_middle_is_borrowed_from_a_story_with_the_same_people():
    told = [
        Task("Mia was brave.", "Mia had a kite. She flew it. The wind took it.", "The kite was gone."),
        Task("Emil was brave.", "Emil had a drum. He beat it. It broke.", "The drum was gone."),
    ]
    asked = [Task("Liam was kind.", "", "The kite was gone."), Task("Mia saw Zoe.", "", "The kite was gone.")]
    by_cast, without = middles.borrowed(asked, told)
    assert by_cast == "Liam had a drum. He beat it. It broke.", "a girl's story would call him she"
    assert without.startswith("Mia had a kite."), "with no such story all count"
