"""Records become texts with labels; what cannot be used is noted or refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from distil.framework.data.example import Notebook
from distil.framework.data.load import load_data
from distil.framework.data.local_files import read_csv
from distil.framework.data.records import Fields, Record
from distil.framework.data.section import Data
from distil.framework.errors import DataError, RecipeError
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import prepare
from distil.framework.tasks.classification.data import Text
from distil.framework.tasks.classification.task import Classification
from distil.framework.tasks.classification.usage import TextRequest
from tests.tiny import tiny_values


def _texts(records: list[dict[str, Any]], given: dict[str, str] | None = None, **settings: Any) -> list[Text]:
    task = Classification(**settings)
    rows = task.rows(
        (Record(f"file: row[{number}]", record) for number, record in enumerate(records)),
        Fields(task.fields, given or {}),
    )
    return task.settle(list(rows))


def test_a_text_has_a_label_by_name_and_its_rows_number_as_id() -> None:
    (first, second) = _texts([{"text": "да", "label": " yes "}, {"text": "нет", "label": "no", "id": 7}])
    assert (first.id, first.text, first.pair, first.gold) == ("0", "да", None, ("yes",))
    assert (second.id, second.gold, second.labelled) == ("7", ("no",), True)


@pytest.mark.parametrize("label", [None, "", -1, "-1", float("nan")])
def test_a_text_without_label_is_unlabelled(label: Any) -> None:
    (text,) = _texts([{"text": "да", "label": label}])
    assert text.gold is None
    assert not text.labelled


def test_a_missing_column_of_labels_leaves_texts_unlabelled_unless_the_recipe_names_it() -> None:
    assert not _texts([{"text": "да"}])[0].labelled
    with pytest.raises(DataError, match="category"):
        _texts([{"text": "да"}], {"label": "category"})


@pytest.mark.parametrize("number", [1, "1", 1.0, "1.0", True, "True"])
def test_numbers_are_read_by_the_recipes_labels(number: Any) -> None:
    (text,) = _texts([{"text": "да", "label": number}], labels=["no", "yes"])
    assert text.gold == ("yes",)


@pytest.mark.parametrize("number", [2, "2", 2.0, "2.0"])
def test_a_number_that_is_the_name_of_a_label_is_that_label_and_not_its_place(number: Any) -> None:
    (text,) = _texts([{"text": "да", "label": number}], labels=["1", "2", "3"])
    assert text.gold == ("2",)


@pytest.mark.parametrize("pair", [("1", "1.0"), ("True", "true"), ("FALSE", 0), (True, "true")])
def test_labels_that_data_write_in_two_ways_are_refused(pair: tuple[Any, Any]) -> None:
    labels = [*pair, "2.5", "2"]
    with pytest.raises(
        DataError, match=r"^the data's label '.+' is also written '.+': write it in one way, or name all"
    ):
        Classification().fitted({"train": _texts([{"text": str(label), "label": label} for label in labels])})
    others = [{"text": label, "label": label} for label in ("v1.0", "v1", "01", "1", "2.5")]
    assert len(Classification().fitted({"train": _texts(others)}).labels or ()) == 5


def test_a_list_of_one_label_is_that_label(tmp_path: Path) -> None:
    rows = _texts([{"text": "a", "label": label} for label in (["x"], [], [1])], labels=["x", "y"])
    assert [text.gold for text in rows] == [("x",), None, ("y",)]
    path = tmp_path / "a.csv"
    path.write_text("text,label\na,['x']\nb,[URGENT]\n")
    task = Classification()
    fields = Fields(task.fields)
    assert [text.gold for text in task.rows(read_csv(path, fields), fields)] == [("x",), ("[URGENT]",)]


def test_what_was_not_accepted_in_prodigy_is_unlabelled() -> None:
    rows = [{"text": "a", "label": "x", "answer": answer, "_task_hash": 1} for answer in ("accept", "reject", "ignore")]
    assert [text.gold for text in _texts([*rows, {"text": "b", "label": "y", "answer": "no"}])] == [
        ("x",),
        None,
        None,
        ("y",),
    ]


def test_choices_of_label_studio_are_asked_for_in_a_table() -> None:
    with pytest.raises(DataError, match=r"a task of Label Studio, .*: export it as JSON-MIN or CSV"):
        _texts([{"id": 1, "data": {"text": "a"}, "annotations": []}])
    known = {"id": 1, "data": {"text": "a", "label": "x"}, "annotations": []}
    (text,) = _texts([known], {"text": "data.text", "label": "data.label"})
    assert (text.text, text.gold) == ("a", ("x",))


_OF_PROBLEM = r"that is for task\.problem_type: "


@pytest.mark.parametrize(
    ("label", "meant"),
    [
        (0.5, f"{_OF_PROBLEM}regression"),
        (["x", "y"], f"{_OF_PROBLEM}multi_label"),
        ([[0, 1, "x"]], "entities that are marked in a text are learnt by task kind tagging"),
    ],
)
def test_what_another_kind_of_problem_is_meant_for_is_told(label: Any, meant: str) -> None:
    with pytest.raises(DataError, match=f"a name or a whole number, found .*; {meant}"):
        _texts([{"text": "a", "label": label}])


def test_a_label_that_is_named_like_a_number_is_itself() -> None:
    (text,) = _texts([{"text": "да", "label": 1}], labels=["1", "0"])
    assert text.gold == ("1",)


def test_numbers_are_read_by_the_names_that_their_file_gives(tmp_path: Path) -> None:
    """Whatever the order of the labels, unless the recipe has as many others; of several labels, too."""
    from datasets import ClassLabel, Dataset, Features, List, Value

    label, several = ClassLabel(names=["pos", "1", "neg"]), {"problem_type": "multi_label"}
    rows = [{"text": "a", "label": 1, "labels": [2, 0]}, {"text": "b", "label": -1, "labels": []}]
    features = Features({"text": Value("string"), "label": label, "labels": List(label)})
    Dataset.from_list(rows, features=features).to_parquet(tmp_path / "rows.parquet")
    source = {"kind": "files", "path": str(tmp_path / "rows.parquet")}
    data = Data.model_validate({"source": source, "splits": {"train": "train"}})

    def read(**settings: Any) -> list[Any]:
        return [text.gold for text in load_data(data, Classification(**settings))["train"].examples]

    assert read() == read(labels=["1", "neg", "pos"]) == read(labels=["1", "neg"]) == [("1",), None]
    assert read(labels=["good", "so", "bad"]) == read(labels=["pos", "so", "neg"]) == [("so",), None]
    assert read(labels=["1", "so", "pos"]) == [("1",), None]  # what keeps its name keeps its meaning
    assert read(**several) == read(labels=["1", "neg", "pos"], **several) == [("neg", "pos"), ()]
    assert read(labels=["good", "so", "bad"], **several) == [("bad", "good"), ()]
    with pytest.raises(DataError, match=r"2 labels not in task\.labels: 'neg' \(1\), 'pos' \(1\).*good, so, bad"):
        load_data(data, Classification(labels=["good", "so", "bad"], **several), renames=False)


def test_pairs_have_two_texts_and_one_group() -> None:
    given = {"text": "premise", "text_pair": "hypothesis"}
    (text,) = _texts([{"premise": "Идёт дождь.", "hypothesis": "Мокро.", "label": "yes"}], given)
    assert text.texts == ("Идёт дождь.", "Мокро.")
    assert text.group == "Идёт дождь."
    assert text.without_label().gold is None
    assert text.content != text.without_label().content


def test_minus_one_is_a_label_among_others_only_if_the_recipe_says_so() -> None:
    records = [{"text": "a", "label": label} for label in (-1, 0, 1, "-1")]
    with pytest.raises(
        DataError, match=r"row\[0\]: 2 of 4 labels are -1; if that is a label, name all of them in task\.labels"
    ):
        _texts(records)
    assert [text.gold for text in _texts(records, labels=["-1", "0", "1"])] == [("-1",), ("0",), ("1",), ("-1",)]
    assert [text.gold for text in _texts(records, labels=["no", "yes"])] == [None, ("no",), ("yes",), None]


SINGLE, PAIR = {"text": "a", "label": "x"}, {"text": "b", "text_pair": "c", "label": "y"}


@pytest.mark.parametrize(("records", "pairs"), [([SINGLE] * 2, False), ([PAIR] * 2, True), ([SINGLE, PAIR], None)])
def test_the_data_say_whether_texts_come_in_pairs(records: list[dict[str, Any]], pairs: bool | None) -> None:
    task = Classification(labels=["x", "y"]).fitted({"train": _texts(records), "more": [], "dev": _texts(records)})
    assert task.pairs is pairs
    (single, pair) = (TextRequest(text="a"), TextRequest(text="a", text_pair="b"))
    for request, refused in ((single, pairs is True), (pair, pairs is False)):
        if refused:
            with pytest.raises(DataError, match="this model has learnt"):
                task.asked(request)
        else:
            assert task.asked(request).pair == request.text_pair


def test_a_second_text_is_neither_missing_nor_unread_by_mistake() -> None:
    with pytest.raises(DataError, match="of split 'train' are pairs, and those of split 'dev' are not; is the column"):
        Classification().fitted({"train": _texts([PAIR]), "dev": _texts([SINGLE])})
    assert _texts([PAIR], pairs=False)[0].pair is None
    with pytest.raises(DataError, match="text_pair"):
        _texts([SINGLE], pairs=True)


def test_unknown_labels_are_counted_and_refused() -> None:
    records = [{"text": "a", "label": "yes"}, {"text": "b", "label": "yess"}, {"text": "c", "label": "yess"}]
    with pytest.raises(DataError, match=r"row\[1\]: 2 labels not in task.labels: 'yess' \(2\); did you mean 'yes'"):
        _texts(records, labels=["no", "yes"])


def test_labels_that_look_alike_are_one_or_none() -> None:
    composed, decomposed = "й", "и\u0306"
    records = [{"text": "a", "label": composed}, {"text": "b", "label": decomposed}]
    alike = r".* is spelt .*\\u0439.*, which look alike"
    with pytest.raises(DataError, match=f"the data's label {alike}"):
        Classification().fitted({"train": _texts(records)})
    with pytest.raises(DataError, match=rf"1 label not in task\.labels: .*{alike}"):
        _texts(records, labels=["a", composed])
    for settings in (
        {"labels": [composed, decomposed]},
        {"verbaliser": {composed: "a", decomposed: "b"}},
        {"verbaliser": {"a": [composed, decomposed], "b": ["c", composed]}},
        {"labels": ["a", composed], "class_weights": {decomposed: 2.0}},
    ):
        if settings.get("verbaliser", {}).get("a"):
            Classification(verbaliser={"a": [composed, decomposed]})  # of one label
        with pytest.raises(RecipeError, match="which look alike: write one"):
            Classification(**settings)  # type: ignore[arg-type]


def test_blank_texts_are_left_out_and_noted() -> None:
    task, notebook = Classification(), Notebook(Classification().notes)
    rows = _texts(
        [{"text": " ", "label": "a"}, {"text": "b", "text_pair": "", "label": "a"}, {"text": "c", "label": "a"}]
    )
    assert [task.example(row, notebook) is not None for row in rows] == [False, False, True]
    assert notebook.notes()["blank"].ids == ("0", "1")


def test_several_labels_are_a_list_a_text_or_columns() -> None:
    several = {"problem_type": "multi_label"}
    listed = _texts([{"text": "a", "labels": ["x", "y", "x"]}, {"text": "b", "labels": []}, {"text": "c"}], **several)
    assert [text.gold for text in listed] == [("x", "y"), (), None]
    (written,) = _texts([{"text": "a", "labels": "x; y"}], separator=";", **several)
    assert written.gold == ("x", "y")
    columns = [{"text": "a", "x": "1", "y": 0}, {"text": "b", "x": "", "y": ""}]
    assert [text.gold for text in _texts(columns, labels=["x", "y"], label_columns=True, **several)] == [("x",), None]
    with pytest.raises(DataError, match="must hold 0 or 1, found '2'"):
        _texts([{"text": "a", "x": "2", "y": "0"}], labels=["x", "y"], label_columns=True, **several)
    truths = [{"text": "a", "x": "True", "y": False}]
    assert _texts(truths, labels=["x", "y"], label_columns=True, **several)[0].gold == ("x",)
    with pytest.raises(DataError, match=r"labels holds true or false, found \[True, False\]; .* task\.label_columns"):
        _texts([{"text": "a", "labels": [True, False]}], labels=["x", "y"], **several)
    with pytest.raises(DataError, match=r"labels names 0 more than once; .* task\.label_columns"):
        _texts([{"text": "a", "labels": [0, 1, 0]}], labels=["x", "y", "z"], **several)
    with pytest.raises(DataError, match=r"set task\.separator"):
        _texts([{"text": "a", "labels": "x; y"}], **several)


def test_labels_of_the_data_are_sorted_numbers_as_numbers() -> None:
    texts = _texts([{"text": "a", "label": label} for label in ("10", "9", "b", "a", None)])
    task = Classification().fitted({"train": texts})
    assert task.labels == ["9", "10", "a", "b"]
    assert task.fitted({}) is task
    assert task.head_fields()["id2label"] == {0: "9", 1: "10", 2: "a", 3: "b"}


def test_labels_of_one_number_have_an_order_and_thousands_of_digits_are_no_number() -> None:
    many = "9" * 5000  # which int() refuses
    texts = _texts([{"text": label, "label": label} for label in ("1", "01", "001", "10", "2", "a")])
    assert Classification().fitted({"train": texts}).labels == ["001", "01", "1", "2", "10", "a"]
    with pytest.raises(DataError, match=r"1 label not in task\.labels"):
        _texts([{"text": "a", "label": many}], labels=["x", "y"])
    with pytest.raises(DataError, match="at most 1000 characters, by the data"):
        Classification().fitted({"train": _texts([{"text": "a", "label": many}, {"text": "b", "label": "x"}])})


def test_numbers_have_the_range_of_the_data_or_of_the_recipe() -> None:
    regression = {"problem_type": "regression"}
    records = [{"text": "a", "value": "1.5"}, {"text": "b", "value": -2}, {"text": "c", "value": ""}]
    texts = _texts(records, **regression)
    assert [text.gold for text in texts] == [1.5, -2.0, None]
    assert Classification(**regression).fitted({"train": texts}).range == [-2.0, 1.5]
    with pytest.raises(DataError, match=r"the value -2 is outside of task.range, 0 to 5"):
        _texts(records, range=[0.0, 5.0], **regression)
    with pytest.raises(DataError, match="expected a finite number, found 'much'"):
        _texts([{"text": "a", "value": "much"}], **regression)
    with pytest.raises(DataError, match="expected a finite number, found 1000"):
        _texts([{"text": "a", "value": 10**400}], **regression)
    with pytest.raises(DataError, match="only the number 2"):
        Classification(**regression).fitted({"train": _texts([{"text": "a", "value": 2}], **regression)})


@pytest.mark.parametrize("text", ["same", "another {}"])
def test_a_column_that_is_another_for_each_text_is_no_label(text: str) -> None:
    records = [{"text": text.format(number), "label": f"so it is, {number}"} for number in range(20)]
    with pytest.raises(
        DataError, match=r"20 labels for .* different texts, such as 'so it is, 0'.* in the field `label`"
    ):
        Classification().fitted({"train": _texts(records), "dev": _texts(records)})
    few = Classification().fitted({"train": _texts(records[:19])})
    assert few.labels is not None
    assert len(few.labels) == 19


def test_weights_of_labels_that_do_not_occur_are_refused_in_words_of_a_recipe() -> None:
    with pytest.raises(DataError, match=r"^task: class_weights: 'q' is none of the labels x, y, by the data"):
        Classification(class_weights={"q": 2.0}).fitted({"train": _texts([SINGLE, {"text": "b", "label": "y"}])})


def test_data_without_labels_do_not_make_a_task() -> None:
    with pytest.raises(DataError, match="the data have no label; expected at least two: are they in the field `label`"):
        Classification().fitted({"train": _texts([{"text": "a", "label": None}])})
    with pytest.raises(
        DataError, match=r"have no label; .*: file: row\[0\] has no field 'label' \(found: text, topic\); `fields`"
    ):
        Classification().fitted({"train": _texts([{"text": "a", "topic": "x"}])})


_SEVERAL = {"problem_type": "multi_label"}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "label"),
        ({"pairs": True}, "label"),
        (_SEVERAL, "labels"),
        ({"problem_type": "regression"}, "value"),
        ({"labels": ["x", "y"]}, "label"),
        ({**_SEVERAL, "labels": ["x", "y"], "label_columns": True}, "y"),
    ],
)
@pytest.mark.parametrize("table", [True, False])
def test_a_file_without_the_column_of_labels_is_told_by_its_columns(
    settings: dict[str, Any], expected: str, table: bool, tmp_path: Path
) -> None:
    path = tmp_path / ("train.csv" if table else "train.jsonl")
    columns = ["text", "text_pair", "topic"]
    lines = [columns, ["Где мой заказ?", "Он в пути.", "x"], ["Спасибо!", "Не за что.", "y"]]
    path.write_text(
        "".join(
            ",".join(line) + "\n" if table else json.dumps(dict(zip(columns, line, strict=True))) + "\n"
            for line in lines[not table :]
        )
    )
    source = {"kind": "files", "path": {"train": str(path), "validation": str(path)}}
    values = tiny_values(
        tmp_path,
        data={"source": source},
        task={"kind": "classification", **settings},
        windows={"max_length": 64},
    )
    with pytest.raises(
        DataError, match=rf"line [12] has no field '{expected}' \(found: text, text_pair, topic\); `fields`"
    ):
        prepare(recipe_from_values(values, "here"))


def test_columns_of_some_labels_are_those_of_all() -> None:
    settings = {**_SEVERAL, "labels": ["x", "y"], "label_columns": True}
    with pytest.raises(DataError, match=r"row\[0\]: no field 'y' \(found: text, x\)"):
        _texts([{"text": "a", "x": 1}], **settings)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"separator": ";"}, "set problem_type: multi_label"),
        ({"threshold": 0.3}, "set problem_type: multi_label"),
        ({"problem_type": "multi_label", "label_columns": True}, "needs `labels`"),
        ({"labels": ["a", "a"]}, "'a' is named twice"),
        ({"problem_type": "regression", "labels": ["a", "b"]}, "regression has none"),
        ({"problem_type": "regression", "range": [1.0, 0.0]}, "the least first"),
        ({"range": [0.0, 1.0]}, "of problem_type: regression"),
        ({"verbaliser": {"a": " "}}, "a blank word has no likelihood"),
        ({"verbaliser": {"a": ["b", ""]}}, "a blank word has no likelihood"),
        ({"labels": ["a", "b"], "class_weights": {"c": 2.0}}, "'c' is none of the labels"),
    ],
)
def test_options_that_would_be_ignored_are_refused(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Classification.model_validate(settings)
