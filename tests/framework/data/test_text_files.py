from pathlib import Path
from typing import Any

import pytest

from framework.data.records import Fields
from framework.errors import DataError
from tests.questions import STANDARD, fields, read_csv


def read(folder: Path, text: str, name: str = "a.csv", fields: Fields = STANDARD) -> list[Any]:
    (folder / name).write_text(text, encoding="utf-8", newline="")
    return read_csv(folder / name, fields)


def test_line_ends_delimiters_and_quotes_inside_of_texts(tmp_path: Path) -> None:
    text = 'title,id,context,question,answers\r\n"a;b;c;d;e",1,"Кот, ""Мурзик"",\nспит.\u2028","Кто\tспит?",Кот\r\n\r\n'
    (row,) = read(tmp_path, text)
    assert (row.context, row.question, row.answers) == ('Кот, "Мурзик",\nспит.\u2028', "Кто\tспит?", (("Кот", None),))
    assert row.place.endswith("a.csv: line 3")


@pytest.mark.parametrize(
    ("cell", "answers"),
    [
        ('{"text": ["Кот"], "answer_start": [0]}', (("Кот", 0),)),
        ("{'text': ['Кот'], 'answer_start': [0]}", (("Кот", 0),)),
        ("{'text': array(['Кот'], dtype=object), 'answer_start': array([0], dtype=int32)}", (("Кот", 0),)),
        ("{'text': array([], dtype=object), 'answer_start': array([], dtype=int32)}", ()),
        ('[{"start": 0, "end": 3, "text": "Кот", "labels": ["Answer"]}]', (("Кот", 0),)),
        ("['Кот', 'кот']", (("Кот", None), ("кот", None))),
        ("[Кот]", (("[Кот]", None),)),
        ("{__import__('os').getcwd()}", (("{__import__('os').getcwd()}", None),)),
        ("", (("", None),)),
    ],
)
def test_answers_in_a_cell(tmp_path: Path, cell: str, answers: Any) -> None:
    (row,) = read(tmp_path, f"id\tcontext\tquestion\tanswers\n1\t[Кот] спит.\tКто?\t{cell}\n", "a.tsv")
    assert (row.context, row.answers) == ("[Кот] спит.", answers)


def test_an_impossible_question_and_other_names(tmp_path: Path) -> None:
    text = "n,passage,query,answer_text,answer_begin,none\n1,Кот спит.,Кто?,Кот,0,False\n2,Кот спит.,Где?,,,True\n"
    names = {"id": "n", "context": "passage", "question": "query", "answers": "answer_text", "start": "answer_begin"}
    first, second = read(tmp_path, text, fields=fields(**names, is_impossible="none"))
    assert (first.answers, first.impossible) == ((("Кот", 0),), False)
    assert (second.answers, second.impossible) == ((("", None),), True)


def test_a_long_text(tmp_path: Path) -> None:
    (row,) = read(tmp_path, f"id,context,question,answers\n1,{'Кот. ' * 50_000},Кто?,Кот\n")
    assert len(row.context) == 250_000


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1,Кот, который спит,Кто?,Кот", "line 2: 5 cells under 4 columns; quote texts that hold ','"),
        ("1,Кот", "line 2: 2 cells under 4 columns"),
        ('1,"Кот" спит,Кто?,Кот', "line 2: not legal CSV"),
        ('1,"Кот спит,Кто?,Кот', "line 2: not legal CSV"),
    ],
)
def test_a_line_that_does_not_fit_is_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, f"id,context,question,answers\n{line}\n")
