from pathlib import Path

from framework.data.notes import MEANINGS, Notebook, counted, described

RESULTS = Path(__file__).parents[3] / "docs" / "results.md"


def test_ids_are_kept_once_in_the_order_of_the_kinds() -> None:
    notebook = Notebook()
    for kind, id in [("repeated", "b"), ("blank", "c"), ("repeated", "a"), ("repeated", "b")]:
        notebook.add(kind, id)
    assert list(notebook.notes().items()) == [("blank", ("c",)), ("repeated", ("b", "a"))]


def test_the_first_ten_are_named() -> None:
    ids = tuple(f"q{number}" for number in range(11))
    (line,) = described({"repeated": ids})
    assert line == f"11 questions {MEANINGS['repeated']}: {', '.join(ids[:10])}, …"
    assert counted({"repeated": ids}) == {"repeated": {"questions": 11, "first": list(ids[:10])}}


def test_a_long_id_is_shortened_for_people() -> None:
    (line,) = described({"blank": ("x" * 1000,)})
    assert line.endswith(f": {'x' * 57}...")


def test_the_documents_have_every_kind() -> None:
    text = RESULTS.read_text(encoding="utf-8")
    for kind, meaning in MEANINGS.items():
        assert f"| `{kind}` | {meaning} |" in text
