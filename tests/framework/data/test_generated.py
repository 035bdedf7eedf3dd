from functools import partial
from random import Random
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distil.framework.data.generated import GeneratedSource, Generators, chance, generated_splits, pick, pick_several
from distil.framework.data.records import Fields
from distil.framework.errors import DataError
from distil.framework.progress import SILENT


@given(st.integers(), st.lists(st.integers(), min_size=1, max_size=20), st.data())
def test_several_are_different_items(seed: int, items: list[int], data: st.DataObject) -> None:
    count = data.draw(st.integers(0, len(items)))
    positions = pick_several(Random(seed), range(len(items)), count)
    assert len(set(positions)) == count
    assert set(positions) <= set(range(len(items)))
    assert pick(Random(seed), items) in items


def test_every_item_is_as_likely() -> None:
    rng = Random("draws")
    firsts = [pick_several(rng, "abcd", 2)[1] for _ in range(4000)]
    picks = [pick(rng, "abcd") for _ in range(4000)]
    assert all(abs(drawn.count(item) - 1000) < 150 for drawn in (firsts, picks) for item in "abcd")
    assert abs(sum(chance(rng, 0.2) for _ in range(4000)) - 800) < 130


class Letters(GeneratedSource):
    """Texts of one letter."""

    kind: str = "letters"
    texts: ClassVar[str] = "letters"
    items: ClassVar[str] = "letters"
    passes: ClassVar[list[int]] = []

    def generate(self):  # type: ignore[no-untyped-def]
        """See GeneratedSource."""
        self.passes.append(1)
        return {split: [] for split in self.examples}


def _records(**examples: int):  # type: ignore[no-untyped-def]
    """Of texts of one letter, two records each; noise is what the generator of noise draws."""
    settings = Letters(seed=1, examples=examples, label_noise=0.5)

    def values(text: str, random: Generators, noise: float):  # type: ignore[no-untyped-def]
        yield {"text": text, "noise": noise}
        yield {"text": text, "wrong": random("noise").random() < noise}

    return generated_splits(
        settings, lambda random: partial(pick, random("text"), "abcdef"), str, values, "ask for less"
    )


def test_splits_share_no_text_and_only_train_has_noise() -> None:
    found = _records(train=5, dev=4)
    texts = {split: [record.values["text"] for record in records] for split, records in found.items()}
    assert [len(set(found)) for found in texts.values()] == [2, 3]  # dev comes first
    assert not set(texts["dev"]) & set(texts["train"])
    assert [record.values.get("noise") for record in found["train"]] == [0.5, None, 0.5, None, 0.5]
    assert found["dev"][0].values["noise"] == 0
    assert found["dev"][3].values["id"] == "dev-000003"
    assert found["dev"][3].place == "generated dev-000003"


def test_more_examples_leave_the_earlier_ones_as_they_are() -> None:
    assert _records(train=3, dev=2)["dev"] == _records(train=3, dev=4)["dev"][:2]


def test_it_says_where_hardly_a_new_text_can_be_made() -> None:
    with pytest.raises(DataError, match="after 6 texts hardly a new one can be made; ask for less"):
        _records(train=13)


def test_one_pass_makes_all_splits() -> None:
    Letters.passes.clear()
    readers = Letters(examples={"a": 1, "b": 1}).readers(SILENT, Fields((), {}), {})
    assert list(readers) == ["a", "b"]
    assert [list(read()) for read in readers.values()] == [[], []]
    assert Letters.passes == [1]
