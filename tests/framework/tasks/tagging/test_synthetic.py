"""Generated news: what they hold, and what noise does to them."""

from typing import Any

import pytest

from distil.framework.data.records import Fields
from distil.framework.errors import RecipeError
from distil.framework.progress import SILENT
from distil.framework.tasks.tagging.synthetic import News
from tests.framework.tasks.tagging.texts import examples, news


def _values(**settings: Any) -> dict[str, list[dict[str, Any]]]:
    readers = News(**settings).readers(SILENT, Fields(()), {})
    return {split: [record.values for record in read()] for split, read in readers.items()}


def test_names_stand_in_the_text_and_may_be_of_several_types() -> None:
    types: dict[str, set[str]] = {}
    for values in _values(examples={"train": 400})["train"]:
        for start, end, type in values["spans"]:
            name = values["text"][start:end]
            assert name.strip() == name != ""
            types.setdefault(name.lower(), set()).add(type)
    assert {type for found in types.values() for type in found} == {"PER", "LOC", "ORG", "DATE"}
    assert {"PER", "LOC"} in types.values()


def test_every_entity_is_of_whole_words() -> None:
    assert all(not example.notes for example in news(100))
    assert all(len(example.tags or ()) == len(example.units) for example in news(100))


def test_noise_spoils_so_many_entities_of_train_and_no_texts() -> None:
    clean, noisy = (_values(examples={"train": 300, "dev": 20}, label_noise=noise) for noise in (0.0, 0.4))
    assert clean["dev"] == noisy["dev"]
    assert [one["text"] for one in clean["train"]] == [one["text"] for one in noisy["train"]]
    kept = total = 0
    for one, other in zip(clean["train"], noisy["train"], strict=True):
        kept += sum(list(entity) in other["spans"] for entity in map(list, one["spans"]))
        total += len(one["spans"])
    assert kept / total == pytest.approx(0.6, abs=0.06)
    assert examples([{"text": one["text"], "spans": one["spans"]} for one in noisy["train"]])


def test_splits_share_no_text_and_grow_at_their_end() -> None:
    few, many = _values(examples={"train": 30, "dev": 30}), _values(examples={"train": 60, "dev": 30})
    assert many["train"][:30] == few["train"]
    texts = [one["text"] for split in few.values() for one in split]
    assert len(set(texts)) == len(texts)
    assert few != _values(examples={"train": 30, "dev": 30}, seed=1)
    with pytest.raises(RecipeError, match="label_noise spoils the split 'train' alone"):
        News(examples={"dev": 3}, label_noise=0.1)
