from framework.tasks.span_qa.data import joined
from framework.tasks.span_qa.example import Claim, QARow


def row(place: int, id: str, *answers: Claim, question: str = "Кто?", **change: bool) -> QARow:
    return QARow(f"row[{place}]", id, "Кот спит.", question, answers, **change)


def test_one_row_for_each_answer() -> None:
    rows = [row(0, "a", ("Кот", 0)), row(1, "b", ("Кот", 0)), row(2, "a", ("спит", 4)), row(3, "a", ("Кот", None))]
    first, second = joined(rows)
    assert first.answers == (("Кот", 0), ("спит", 4), ("Кот", None))
    assert (first.place, first.notes) == ("row[0]", ("joined",))
    assert second is rows[1]


def test_a_repeated_row_adds_nothing() -> None:
    (only,) = joined([row(0, "a", ("Кот", 0)), row(1, "a", ("Кот", 0))])
    assert (only.answers, only.notes) == ((("Кот", 0),), ("repeated",))


def test_rows_that_only_share_an_id_stay_apart() -> None:
    rows = [row(0, "a", ("Кот", 0)), row(1, "a", ("Кот", 0), question="Где?")]
    assert joined(rows) == rows


def test_unlabelled_and_impossible_rows() -> None:
    none = QARow("row[0]", "a", "Кот спит.", "Кто?", None)
    assert joined([none, none])[0].answers is None
    assert joined([none, row(1, "a", ("Кот", 0))])[0].answers == (("Кот", 0),)
    assert joined([row(0, "a"), row(1, "a", impossible=True)])[0].impossible
