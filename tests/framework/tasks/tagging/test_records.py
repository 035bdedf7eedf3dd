"""Files in CoNLL's formats."""

import pytest

from distil.framework.errors import DataError
from distil.framework.tasks.tagging.records import read_conll, read_conllu
from distil.framework.tasks.tagging.task import Tagging
from tests.framework.tasks.tagging.texts import examples


def test_blank_lines_may_hold_blanks_and_documents_begin_with_a_line() -> None:
    text = "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n \t \nPeter NNP B-NP B-PER\r\n\n\n"
    found = list(read_conll(text, "f"))
    assert [record.values["tokens"] for record in found] == [["EU", "rejects"], ["Peter"]]
    assert [record.values["tags"] for record in found] == [["B-ORG", "O"], ["B-PER"]]
    assert [record.place for record in found] == ["f: line 3", "f: line 6"]
    assert found[0].values["1"] == found[0].values["-3"] == ["NNP", "VBZ"]


def test_lines_that_begin_documents_may_be_cut_otherwise() -> None:
    """CoNLL-2003's have blanks where others have tabs; they end a sentence, too."""
    found = list(read_conll("-DOCSTART- -X- O\n\nEU\tB-ORG\n-DOCSTART-\nPeter\tB-PER\n", "f"))
    assert [record.values["tokens"] for record in found] == [["EU"], ["Peter"]]


def test_columns_are_taken_by_number() -> None:
    records = read_conll("a X B-1 O\nb Y O O\n", "f")
    (found,) = examples(records, None, tags="2")
    assert found.tags == ("B-1", "O")
    (found,) = examples(read_conll("a X B-1 O\nb Y O O\n", "f"), Tagging(scheme="none"), tags="1")
    assert found.tags == ("X", "Y")


def test_comments_are_told_from_words_that_look_like_them() -> None:
    with_tabs = "# text = a b\n#\tO\n#tag\tO\n# x\n\n# id 12\nb\tO\n"
    with pytest.raises(DataError, match="f: line 4: 1 column, and other lines have 2"):
        list(read_conll(with_tabs, "f"))
    found = list(read_conll(with_tabs.replace("# x\n", ""), "f"))
    assert [record.values["tokens"] for record in found] == [["#", "#tag"], ["b"]]
    coner = "# id 1a domain=en\nmade _ _ O\n# _ _ B-X\n\n"
    assert next(read_conll(coner, "f")).values["tokens"] == ["made", "#"]


def test_words_alone_are_unlabelled() -> None:
    (found,) = examples(read_conll("a\nb\n\n", "f"))
    assert (found.text, found.tags) == ("a b", None)


def test_universal_dependencies() -> None:
    text = (
        "# sent_id = 1\n# text = du pain\n1-2\tdu\t_\t_\t_\t_\t_\t_\t_\t_\n1\tde\tde\tADP\t_\t_\t3\tcase\t_\t_\n"
        "2\tle\tle\tDET\t_\t_\t3\tdet\t_\t_\n2.1\tx\t_\tX\t_\t_\t_\t_\t_\t_\n3\tpain\tpain\tNOUN\t_\t_\t0\troot\t_\t_\n\n"
    )
    (record,) = read_conllu(text, "f")
    assert record.values["tokens"] == ["de", "le", "pain"]
    assert record.values["tags"] == record.values["UPOS"] == ["ADP", "DET", "NOUN"]
    assert record.values["DEPREL"] == ["case", "det", "root"]
    plus = "# global.columns = ID FORM NER\n1\ta\tB-X\n"
    (found,) = examples(read_conllu(plus, "f"), None, tags="NER")
    assert found.tags == ("B-X",)
