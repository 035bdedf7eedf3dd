"""Lists of entities: written from tags, and read in a text from left to right."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import T5Config

from distil.framework.errors import RecipeError
from distil.framework.tasks.tagging.entity_lists import EntityLists, Part, entity_lists
from distil.framework.tasks.tagging.example import Tagged, joined
from distil.framework.tasks.tagging.tags import tag_set, to_bio
from distil.framework.teachers.generative import Generative
from tests.framework.tasks.tagging.texts import news, tokenizer

_TAGS = tag_set(("O", "B-DATE", "B-LOC", "B-ORG", "B-PER"), "bio")
_T5 = T5Config(d_model=16, vocab_size=500, pad_token_id=0, decoder_start_token_id=0)


def _lists(
    max_length: int = 96, max_answer: int = 48, names: tuple[str, ...] = _TAGS.names, kind: str = "bpe"
) -> EntityLists:
    model = {"kind": "config", "architecture": "t5", "config": {}}
    teacher = Generative.model_validate(
        {
            "model": model,
            "tokenizer": {"kind": "bpe", "vocab_size": 500},
            "fine_tune": {},
            "max_answer": max_answer,
        }
    )
    return entity_lists(tokenizer(kind), _T5, max_length, teacher, tag_set(names, "auto"))


def _example(text: str) -> tuple[Tagged, Part]:
    words = text.split()
    example = Tagged("", "x", *joined(words), None)
    return example, Part(0, len(words), np.empty(0, np.int32))


def test_a_list_names_entities_in_their_order() -> None:
    example, part = _example("Анна Котова едет в Омск")
    tags = ["B-PER", "I-PER", "O", "O", "B-LOC"]
    lists = _lists()
    assert lists.written(example, part, tags) == "PER: Анна Котова; LOC: Омск"
    assert lists.written(example, part, ["O"] * 5) == ""
    found = lists.read("PER: Анна Котова; LOC: Омск", example, part)
    assert (list(found.tags), found.written, found.lost) == (tags, 2, 0)
    assert lists.read("", example, part).tags == ("O",) * 5


@pytest.mark.parametrize(
    ("said", "tags", "lost"),
    [
        ("per : анна котова ; loc:омск", "B-PER I-PER O O B-LOC", 0),  # as a tokenizer may write it
        ("LOC: Омск; PER: Анна", "O O O O B-LOC", 1),  # Анна is not behind Омск
        ("PER: Анна; PER: Анна", "B-PER O O O O", 1),
        ("PER: Жук; LOC: Омск", "O O O O B-LOC", 1),
        ("PER: Кот", "O B-PER O O O", 0),  # the whole word that it stands in
        ("GPE: Омск", "O O O O O", 0),  # of no type, and so no entity
        ("PER:", "O O O O O", 1),
        ("Анна; Омск", "O O O O O", 0),
    ],
)
def test_what_a_list_says_is_looked_for_from_left_to_right(said: str, tags: str, lost: int) -> None:
    example, part = _example("Анна Котова едет в Омск")
    found = _lists().read(said, example, part)
    assert " ".join(found.tags) == tags
    assert found.lost == lost


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(_TAGS.names), min_size=1, max_size=12))
def test_lists_of_words_that_differ_say_all_that_tags_say(tags: list[str]) -> None:
    tags = list(to_bio(tags)[0])
    example, part = _example(" ".join(f"{'abcdefghijkl'[number] * 3}" for number in range(len(tags))))
    lists = _lists()
    found = lists.read(lists.written(example, part, tags), example, part)
    assert list(found.tags) == tags
    assert found.lost == 0


def test_news_come_back_through_tokens() -> None:
    """But for tokens that the tokenizer does not know, and names that a text has before it names them."""
    lists, same = _lists(max_length=256, max_answer=200), 0
    for example in news(100):
        (part,) = lists.parts(example)
        ids = lists.answer(lists.written(example, part, example.tags or ()))
        found = lists.read(lists.text(ids[:-1]), example, part)
        assert found.lost == 0
        same += found.tags == example.tags
    assert same >= 97


def test_long_texts_are_read_in_parts_of_whole_units() -> None:
    text = " ".join(example.text for example in news(4))
    words = text.split()
    example = Tagged("", "x", *joined(words), None)
    lists = _lists(max_length=60)
    parts = lists.parts(example)
    assert len(parts) > 2
    assert [part.first for part in parts] == [0, *(part.last for part in parts[:-1])]
    assert parts[-1].last == len(words)
    assert max(len(part.prompt) for part in parts) <= 60
    for part in parts:
        shown = tokenizer("bpe").decode(part.prompt, skip_special_tokens=True).replace(" ", "")
        assert "".join(words[part.first : part.last]) in shown
    assert lists.parts(Tagged("", "y", "", (), None)) == []


def test_a_list_that_is_cut_says_nothing_of_its_last_entity() -> None:
    lists = _lists(max_answer=10)
    ids = np.asarray(tokenizer("bpe")("PER: Анна; LOC: Омск Томск", add_special_tokens=False)["input_ids"], np.int32)
    assert len(ids) > 10
    place = next(n for n in range(1, len(ids)) if ";" in tokenizer("bpe").decode(ids[:n]))
    assert lists.text(ids[: max(place + 2, 11)]).replace(" ", "") == "PER:Анна"
    assert len(lists.answer("PER: Анна; LOC: Омск Томск")) == 10


@pytest.mark.parametrize(
    ("names", "settings", "problem"),
    [
        (("NOUN", "VERB"), {}, "tags are none of entities"),
        (("O", "B-Per", "B-PER"), {}, "two of them differ in case or spaces alone"),
        (_TAGS.names, {"kind": "wordpiece"}, "the tokenizer cannot write what stands before entities"),
        (_TAGS.names, {"max_length": 16}, r"leaves -?\d+ tokens of a text, and 8 are the fewest"),
    ],
)
def test_what_no_list_can_say_is_refused(names: tuple[str, ...], settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(RecipeError, match=problem):
        _lists(names=names, **settings)
