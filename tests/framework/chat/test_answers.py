"""Answers on disk: whole ones are found again, whatever became of the process that kept them."""

from pathlib import Path

import pytest

from distil.framework.chat.answers import Answer, Answers, Token, Usage, answers_file

YES = Answer(
    text="да\n\u2028", tokens=[Token(text="д", log_p=-0.5, others=[("н", -1.0)])], input_tokens=7, output_tokens=2
)


def test_what_was_kept_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "answers" / "m.jsonl"
    Answers(path).add("a", YES)
    found = Answers(path)
    assert found.get("a") == YES
    assert found.get("b") is None
    assert found.spent == Usage(1, 7, 2)


def test_others_see_what_was_added_once_they_look(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    one, other = Answers(path), Answers(path)
    one.add("a", YES)
    assert other.get("a") is None
    other.refresh()
    assert other.get("a") == YES
    other.add("b", YES)
    one.refresh()
    assert one.get("b") == YES
    assert one.spent == other.spent == Usage(2, 14, 4)


@pytest.mark.parametrize("left", [1, 20, 60])
def test_a_line_that_was_cut_short_costs_that_answer_alone(tmp_path: Path, left: int) -> None:
    path = tmp_path / "m.jsonl"
    kept = Answers(path)
    kept.add("a", YES)
    size = path.stat().st_size
    kept.add("b", YES)
    path.write_bytes(path.read_bytes()[: size + left])  # killed while it wrote
    found = Answers(path)
    assert (found.get("a"), found.get("b")) == (YES, None)
    found.add("c", YES)
    again = Answers(path)
    assert [again.get(key) for key in "abc"] == [YES, None, YES]


def test_a_line_that_was_changed_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    kept = Answers(path)
    kept.add("a", YES)
    kept.add("b", YES)
    path.write_bytes(path.read_bytes().replace(b'"input_tokens": 7', b'"input_tokens": 8', 1))
    assert [Answers(path).get(key) for key in "ab"] == [None, YES]


def test_without_a_file_they_are_in_memory() -> None:
    kept = Answers(None)
    kept.add("a", YES)
    assert kept.get("a") == YES


def test_models_have_files_of_their_own_whatever_they_are_called(tmp_path: Path) -> None:
    names = ["a/b", "a-b", "../../etc/passwd", "модель", "x" * 400]
    files = {answers_file(tmp_path, name) for name in names}
    assert len(files) == len(names)
    assert all(file.parent == tmp_path and len(file.name) < 100 for file in files)
