"""Generated instructions: what they ask, and what noise does to what is written after them."""

from typing import Any

import pytest

from distil.framework.data.records import Fields
from distil.framework.errors import RecipeError
from distil.framework.progress import SILENT
from distil.framework.tasks.text import data
from distil.framework.tasks.text.synthetic import Instructions
from distil.framework.tasks.text.synthetic_words import adjective, number


def _values(**settings: Any) -> dict[str, list[dict[str, Any]]]:
    readers = Instructions(**settings).readers(SILENT, Fields(data.FIELDS), {})
    return {split: [record.values for record in read()] for split, read in readers.items()}


def test_instructions_are_prompts_with_completions() -> None:
    read = Instructions(examples={"train": 50}).readers(SILENT, Fields(data.FIELDS), {})["train"]
    rows = list(data.read_rows(read(), Fields(data.FIELDS)))
    assert len({row.prompt for row in rows}) == 50
    assert all(row.completion.endswith(".") and row.prompt[-1] in ".?" for row in rows)
    assert {row.id for row in rows} == {f"train-{number:06d}" for number in range(50)}


def test_answers_are_in_the_sentence_that_is_asked_about() -> None:
    found = [one for one in _values(examples={"train": 400})["train"] if ". Где " in one["prompt"]]
    assert len(found) > 40
    for one in found:
        said, asked = one["prompt"].split(". Где ")
        name = asked.removesuffix("?").split()[1]
        assert one["completion"].removesuffix(".") in said.split(", ")
        assert one["completion"].startswith(name)


def test_noise_spoils_so_many_completions_of_train_alone() -> None:
    clean, noisy = (_values(examples={"train": 400, "dev": 20}, label_noise=noise) for noise in (0.0, 0.3))
    assert clean["dev"] == noisy["dev"]
    assert [one["prompt"] for one in clean["train"]] == [one["prompt"] for one in noisy["train"]]
    wrong = sum(a["completion"] != b["completion"] for a, b in zip(clean["train"], noisy["train"], strict=True))
    assert wrong / 400 == pytest.approx(0.3, abs=0.06)


def test_splits_share_no_prompt_and_grow_at_their_end() -> None:
    few, many = _values(examples={"train": 30, "dev": 30}), _values(examples={"train": 60, "dev": 30})
    assert many["train"][:30] == few["train"]
    prompts = [one["prompt"] for split in few.values() for one in split]
    assert len(set(prompts)) == len(prompts)
    assert few != _values(examples={"train": 30, "dev": 30}, seed=1)
    with pytest.raises(RecipeError, match="label_noise spoils the split 'train' alone"):
        Instructions(examples={"dev": 3}, label_noise=0.1)


@pytest.mark.parametrize(
    ("stem", "forms"),
    [
        ("стар", "старый старая старое старые старую"),
        ("мягк", "мягкий мягкая мягкое мягкие мягкую"),
        ("лишн", "лишний лишняя лишнее лишние лишнюю"),
    ],
)
def test_adjectives_in_their_forms(stem: str, forms: str) -> None:
    assert [adjective(stem, form) for form in ("m", "f", "n", "plural", "object")] == forms.split()


def test_numbers_agree_with_what_they_count() -> None:
    assert [number(count, gender) for count, gender in ((1, "f"), (2, "f"), (1, "n"), (2, "n"), (12, "f"))] == [
        "одна",
        "две",
        "одно",
        "два",
        "двенадцать",
    ]
