"""Words with tags, and texts with marked entities, in the shapes in which people have them."""

import json
from pathlib import Path
from typing import Any

import pytest

from distil.framework.data.load import load_data
from distil.framework.data.section import Data
from distil.framework.errors import DataError, RecipeError
from distil.framework.tasks.tagging.example import words_of
from distil.framework.tasks.tagging.task import Tagging
from tests.framework.tasks.tagging.texts import examples

_TEXT = "Анна-Мария 😀 едет в Омск."
_MARKED = [{"start": 0, "end": 10, "label": "PER"}, {"start": 20, "end": 24, "label": "LOC"}]
_TAGS = ("B-PER", "I-PER", "I-PER", "O", "O", "O", "B-LOC", "O")


def _label_studio(end: int = 25, text: str | None = "Омск", **annotation: Any) -> dict[str, Any]:
    """Its offsets count UTF-16 units, of which 😀 is two."""
    region = {"start": 21, "end": end, "text": text, "labels": ["LOC"]}
    person = {"start": 0, "end": 10, "labels": ["PER"]}
    of_a_region = [{"start": 0, "end": 10, "choices": ["sure"]}, {"start": 0, "end": 10, "text": ["a note"]}]
    result = [{"type": "labels", "value": value} for value in (person, region)]
    result += [{"type": "choices", "value": value} for value in ({}, *of_a_region)]
    return {"id": 7, "data": {"text": _TEXT}, "annotations": [{"result": result, **annotation}]}


@pytest.mark.parametrize(
    "record",
    [
        {"text": _TEXT, "spans": _MARKED},  # Prodigy
        {"text": _TEXT, "spans": _MARKED, "tokens": [{"start": a, "end": b} for a, b in words_of(_TEXT)]},
        {"text": _TEXT, "labels": [[0, 10, "PER"], [20, 24, "LOC"]]},  # doccano
        {"text": _TEXT, "label": [[20, 24, "LOC"], [0, 10, "PER"]]},
        {"text": _TEXT, "entities": [{"start_offset": 0, "end_offset": 10, "label": "PER", "id": 1}, _MARKED[1]]},
        _label_studio(),
    ],
)
def test_marked_entities_become_tags_of_words(record: dict[str, Any]) -> None:
    (found,) = examples([record])
    assert found.text == _TEXT
    assert found.tags == _TAGS
    assert [_TEXT[a:b] for a, b in found.units] == ["Анна", "-", "Мария", "😀", "едет", "в", "Омск", "."]
    assert found.id == str(record.get("id", 0))


def test_words_stand_where_a_text_that_is_nothing_but_them_has_them() -> None:
    words = {"tokens": ["Hello", ",", "Omsk"], "tags": ["O", "O", "B-LOC"]}
    found = examples(
        [{**words, "text": text} for text in ("Hello,  Omsk\n", "Hello, dear Omsk", "Hello, Omsk!", "Hello,", None)]
    )
    assert [(one.text, one.units[2]) for one in found] == [("Hello,  Omsk\n", (8, 12))] + 4 * [
        ("Hello , Omsk", (8, 12))
    ]
    assert {one.tags for one in found} == {("O", "O", "B-LOC")}
    (marked,) = examples([{"text": "Hello, Omsk", "tokens": ["Hello", ",", "Omsk"], "spans": [[7, 11, "LOC"]]}])
    assert marked.tags == ("O", "O", "B-LOC")


def test_what_nobody_has_marked_is_unlabelled_and_what_holds_no_entity_is_labelled() -> None:
    found = examples(
        [{"text": "a"}, {"text": "a", "spans": []}, {"text": "a", "spans": None}, _label_studio(was_cancelled=True)]
    )
    assert [one.tags for one in found] == [None, ("O",), None, None]
    (rejected,) = examples([{"text": _TEXT, "spans": _MARKED, "answer": "reject"}])
    assert rejected.tags is None


def _notes(values: dict[str, Any]) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    from distil.framework.data.records import Fields, Record
    from distil.framework.tasks.tagging.data import FIELDS

    (row,) = Tagging().settle(list(Tagging().rows([Record("here", values)], Fields(FIELDS))))
    return row.tags, row.notes


def test_edges_within_a_word_and_overlaps_are_noted() -> None:
    assert _notes({"text": "Омска", "spans": [[0, 4, "LOC"]]}) == (("B-LOC",), ("widened",))
    overlapping = [[0, 4, "PER"], [0, 11, "ORG"], [12, 13, "X"]]
    assert _notes({"text": "Анна Котова  и", "spans": overlapping}) == (
        ("B-ORG", "I-ORG", "O"),
        ("overlapping", "empty"),
    )
    assert _notes({"tokens": ["a", "b"], "tags": ["O", "I-X"]}) == (("O", "B-X"), ())  # IOB1
    assert _notes({"tokens": ["a", "b"], "tags": ["B-Y", "I-X"]}) == (("B-Y", "B-X"), ("repaired",))


def test_numbers_are_names_of_the_recipe_or_of_the_data(tmp_path: Path) -> None:
    from datasets import ClassLabel, Dataset, Features, List, Value

    rows = [{"tokens": ["a", "b"], "ner_tags": [1, 2]}, {"tokens": ["c"], "ner_tags": [0]}]
    with pytest.raises(
        DataError, match=r"row\[0\]: the tags are numbers, such as 1; name them, in their order, in task.labels"
    ):
        examples(rows)
    assert [one.tags for one in examples(rows, Tagging(labels=["O", "S-X", "B-Y"]))] == [("B-X", "B-Y"), ("O",)]
    with pytest.raises(DataError, match="no tag number 2: 2 are named"):
        examples(rows, Tagging(labels=["O", "B-X"]))
    features = {"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=["O", "I-X", "B-X"]))}
    saved = Dataset.from_list(rows, features=Features(features))
    saved.save_to_disk(tmp_path / "saved")
    saved.to_parquet(tmp_path / "rows.parquet")
    within = [{"said": row} for row in rows]
    Dataset.from_list(within, features=Features({"said": features})).to_parquet(tmp_path / "within.parquet")
    for name in ("saved", "rows.parquet", "within.parquet"):
        fields = {"tokens": "said.tokens", "tags": "said.ner_tags"} if name == "within.parquet" else {}
        source = {"kind": "files", "path": {"train": str(tmp_path / name)}, "fields": fields}
        data = Data.model_validate({"source": source, "splits": {"train": "train"}})
        split = load_data(data, Tagging())["train"]
        assert [one.tags for one in split.examples] == [("B-X", "B-X"), ("O",)]
        fitted = Tagging().fitted({"train": split.examples})
        assert fitted.labels == ["O", "B-X", "I-X"]  # in another order than the file's
        assert load_data(data, fitted)["train"].examples == split.examples
        renamed = load_data(data, Tagging(labels=["O", "I-Y", "B-Y"]))["train"]
        assert [one.tags for one in renamed.examples] == [("B-Y", "B-Y"), ("O",)]
        with pytest.raises(DataError, match=r"2 tags not in task\.labels: 'B-X' \(2\).*B-Y"):
            load_data(data, Tagging(labels=["O", "B-Y", "I-Y"]), renames=False)


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ({"tokens": ["a", "b"], "tags": ["O"]}, "here: 1 tag of 2 tokens"),
        ({"tokens": "a b", "tags": ["O"]}, "tokens must be a list, found 'a b'"),
        ({"words": ["a"], "tags": [""]}, "a tag is blank; write O"),
        ({"texts": "a"}, r"no field 'tokens' \(found: texts\)"),
        ({"text": "a", "spans": [[0, 5, "X"]]}, "a span 0:5 is outside of a text of 1 character"),
        ({"text": "a", "spans": [[0, 1]]}, r"a span must be \[start, end, type\]"),
        ({"text": "a", "spans": [[0, 1, ["X", "Y"]]]}, "a span must have one type"),
        ({"text": "a", "tokens": [{"start": 0, "end": 3}]}, "a token must say its start and end"),
        ({"text": "a, b", "tokens": ["a", "b"], "spans": [[3, 4, "X"]]}, "is not its tokens with white space between"),
        (_label_studio(end=24), "the entity 'Омск' does not stand at 21:24 of the text"),
    ],
)
def test_what_cannot_be_read_is_refused(record: dict[str, Any], problem: str) -> None:
    from distil.framework.data.records import Record

    with pytest.raises(DataError, match=problem):
        examples([Record("here", record)])


_EXPECTED = r"; for tagging, expected a list of the text's entities there, .* or else words in `tokens` with a tag for each in `tags`"


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        (
            {"text": "a b", "label": "PER"},
            f"'label' is 'PER'{_EXPECTED}; one label for a whole text is learnt by task kind cl",
        ),
        ({"text": "a b", "labels": 1}, f"'labels' is 1{_EXPECTED}; one label"),
        (
            {"text": "a b", "label": ["PER", "O"]},
            rf"'label' is \['PER', 'O'\]{_EXPECTED}; tags of words need these words",
        ),
        ({"tokens": ["a", "b"], "label": ["PER", "O"]}, rf"{_EXPECTED}; .* say so by `fields` .* \(tags: label\)"),
        ({"text": "a b", "entities": {"PER": "a"}}, rf"'entities' is {{'PER': 'a'}}{_EXPECTED}$"),
        (
            {"text": "a b", "ner_tags": ["PER", "O"]},
            r"'ner_tags' is .* no words whose tags these are; .* \(found: text, ner_tags\)",
        ),
        ({"text": "a b", "tags": "NOUN VERB"}, "'tags' is 'NOUN VERB', .* no words"),
        ({"text": "a b, c", "tags": ["B-X", "I-X", "X", "Y"]}, "no words whose tags these are"),
    ],
)
def test_what_other_tasks_learn_is_told_as_such(record: dict[str, Any], problem: str) -> None:
    with pytest.raises(DataError, match=rf"row\[0\]: .*{problem}"):
        examples([record])


def test_tags_beside_entities_are_somebody_elses() -> None:
    rejected = {"text": "a b", "spans": [[0, 1, "X"]], "tags": ["news"], "answer": "reject"}
    blank = {"text": "a b", "tags": [], "labels": None}
    about = {"text": "a b c", "tags": ["news", "city"]}
    assert [one.tags for one in examples([rejected, {**rejected, "answer": "accept"}, blank, about])] == [
        None,
        ("B-X", "O"),
        None,
        None,
    ]


def test_tags_that_the_recipe_does_not_name_are_refused() -> None:
    task = Tagging(labels=["O", "B-PER"])
    assert examples([{"tokens": ["a", "b"], "tags": ["B-PER", "I-PER"]}], task)[0].tags == ("B-PER", "I-PER")
    with pytest.raises(DataError, match=r"row\[0\]: 2 tags not in task.labels: 'B-LOC' \(2\)"):
        examples([{"tokens": ["a", "b"], "tags": ["B-LOC", "B-LOC"]}], task)
    with pytest.raises(DataError, match=r"'E-X' is no tag of the scheme bio; correct it, or set task\.scheme"):
        examples([{"tokens": ["a"], "tags": ["E-X"]}], Tagging(scheme="bio"))
    with pytest.raises(RecipeError, match="'O' is named twice"):
        Tagging(labels=["O", "O"])
    with pytest.raises(RecipeError, match="look alike"):
        Tagging(labels=["O", "B-й", "B-и\u0306"])
    with pytest.raises(DataError, match=r"1 tag not in task.labels: .*look alike"):
        examples([{"tokens": ["a"], "tags": ["B-и\u0306"]}], Tagging(labels=["O", "B-й"]))
    with pytest.raises(DataError, match=r"the data's tag .*look alike"):
        Tagging().fitted({"a": examples([{"tokens": ["a", "b"], "tags": ["B-й", "B-и\u0306"]}])})


def test_an_example_is_read_again_from_its_record() -> None:
    found = examples([{"text": _TEXT, "spans": _MARKED}, {"tokens": ["a", "", "b c"], "tags": None}, {"tokens": [" "]}])
    assert len(found) == 2
    again = examples([json.loads(json.dumps(Tagging().record(one))) for one in found])
    assert [one.content for one in again] == [one.content for one in found]
    assert found[1].without_label() == found[1]
    assert Tagging().fitted({"train": found}).labels == ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    with pytest.raises(DataError, match="the data have no tags; expected at least two: are they in the field `tags`"):
        Tagging().fitted({"train": found[1:]})


def test_tags_that_are_no_entities_stay_as_they_are_whatever_they_look_like() -> None:
    task = Tagging(scheme="none")
    found = examples([{"tokens": ["a", "b", "c"], "tags": ["S-P", "B-x", "E-y"]}], task)
    assert task.fitted({"train": found}).tag_set.numbers == {"B-x": 0, "E-y": 1, "S-P": 2}


@pytest.mark.parametrize(
    ("record", "field"), [({"tokens": ["a"], "ner": ["O"]}, "tags"), ({"text": "a", "marked": []}, "spans")]
)
def test_data_without_the_field_of_tags_are_told_by_their_fields(record: dict[str, Any], field: str) -> None:
    named = ", ".join(record)
    with pytest.raises(
        DataError, match=rf"no tags; .* has no field '{field}' \(found: {named}\); `fields` of the data"
    ):
        Tagging().fitted({"train": examples([record])})
