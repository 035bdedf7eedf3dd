from pathlib import Path

from distil.framework.data.example import Note, Notebook, Noted, counted, described
from distil.framework.tasks.span_qa.data import NOTES

RESULTS = Path(__file__).parents[3] / "docs" / "results.md"


def test_ids_are_kept_once_in_the_order_of_the_kinds() -> None:
    notebook = Notebook(NOTES)
    for kind, id in [("repeated", "b"), ("blank", "c"), ("repeated", "a"), ("repeated", "b")]:
        notebook.add(kind, id)
    assert [(kind, found.ids) for kind, found in notebook.notes().items()] == [
        ("blank", ("c",)),
        ("repeated", ("b", "a")),
    ]


def test_the_first_ten_are_named() -> None:
    ids = tuple(f"q{number}" for number in range(11))
    noted = {"again": Noted(Note("taken once"), ids)}
    assert described(noted, "questions") == [f"11 questions taken once: {', '.join(ids[:10])}, …"]
    assert counted(noted) == {"again": {"questions": 11, "meaning": "taken once", "first": list(ids[:10])}}


def test_a_long_id_is_shortened_for_people() -> None:
    (line,) = described({"blank": Noted(Note("left out"), ("x" * 1000,))}, "questions")
    assert line.endswith(f": {'x' * 57}...")


def test_the_documents_have_every_kind() -> None:
    text = RESULTS.read_text(encoding="utf-8")
    for kind, note in NOTES.items():
        assert f"| `{kind}` | {note.meaning} |" in text
