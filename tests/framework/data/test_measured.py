from distil.framework.data.load import Split
from distil.framework.data.measured import noting_what_is_not_taught
from distil.framework.tasks.classification.data import Text
from distil.framework.tasks.classification.task import Classification
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.tasks.tagging.example import Tagged
from distil.framework.tasks.tagging.task import Tagging


def texts(**labels: tuple[str, ...] | None) -> Split:
    return Split([Text("here", id, f"text {id}", None, gold) for id, gold in labels.items()])


def test_labels_that_nothing_trained_on_has_are_noted() -> None:
    dev = texts(a=("x",), b=("y", "z"), c=(), d=None, e=("w",))
    trained = {"train": texts(f=("x",)), "more": texts(g=("y",), h=None)}
    found = noting_what_is_not_taught(dev, trained, Classification()).notes["untaught"]
    assert found.ids == ("b", "e")
    assert found.note.meaning.startswith("with labels that nothing in 'train' and 'more' has")
    assert "(z, w): no label teaches them" in found.note.meaning


def test_many_labels_are_not_all_named() -> None:
    dev = texts(**{f"id{number}": (f"label{number}",) for number in range(12)})
    (found,) = noting_what_is_not_taught(dev, {"train": texts(a=("x",))}, Classification()).notes.values()
    assert "label9 and 2 more)" in found.note.meaning


def test_tags_count_as_labels_but_for_what_is_outside() -> None:
    dev = Split([Tagged("here", "a", "Anna Ott in Omsk", ((0, 4), (5, 8)), ("B-PER", "I-PER"))])
    trained = Split([Tagged("here", "b", "Anna in", ((0, 4), (5, 7)), ("B-PER", "O"))])
    assert "(I-PER)" in noting_what_is_not_taught(dev, {"train": trained}, Tagging()).notes["untaught"].note.meaning
    assert not noting_what_is_not_taught(trained, {"train": dev}, Tagging()).notes


def test_nothing_is_noted_where_no_label_is_learnt_or_labels_are_no_names() -> None:
    dev = texts(a=("x",))
    for trained in ({}, {"train": texts(b=None)}):
        assert noting_what_is_not_taught(dev, trained, Classification()) is dev
    assert noting_what_is_not_taught(dev, {"train": texts(b=("y",))}, ExtractiveQA()) is dev
