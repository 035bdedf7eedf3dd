"""No letter of a text is lost between a tokenizer's offsets."""

import unicodedata

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from distil.framework.data.features import WindowSettings
from distil.framework.data.offsets import Cover, cover
from distil.framework.errors import ModelError
from distil.framework.tasks.span_qa.data import Answer, QAExample
from distil.framework.tasks.span_qa.items import span_items
from distil.framework.tasks.span_qa.windows import Windows, cut_windows
from tests.built_tokenizers import BUILT, built
from tests.tokenizing import KINDS, contexts, tokenizer

TOKENIZERS = {**dict.fromkeys(BUILT, built), **dict.fromkeys(KINDS, tokenizer)}
NARROW = WindowSettings(max_length=40, doc_stride=8, max_question=6)


def covered_by(text: str, offsets: np.ndarray) -> Cover:
    return cover([text], offsets, np.asarray([0, len(offsets)]))


def taught_span(windows: Windows, example: QAExample) -> tuple[int, int]:
    """Characters from the first to the last gold token, of the window with the whole answer that shows it first."""
    items = span_items([example], windows, 0, None, (), eager=True)
    for row in range(len(windows)):
        start, end = items.positions[row]
        if start != windows.null[row]:
            spans = windows.spans[windows.slice_of(row)]
            return int(spans[start, 0]), int(spans[end, 1])
    raise AssertionError("no window shows the answer")


def visible(character: str) -> bool:
    return not (character.isspace() or unicodedata.category(character) in ("Cc", "Cf"))


def seen(text: str) -> str:
    return "".join(filter(visible, text))


@pytest.mark.parametrize("name", TOKENIZERS)
@given(contexts, st.data())
@settings(max_examples=20, deadline=None)
def test_the_gold_answer_read_from_its_gold_tokens_is_the_gold_answer(
    name: str, context: str, data: st.DataObject
) -> None:
    """Or, where no token begins or ends with the answer, the smallest span of tokens that has it."""
    places = [place for place, character in enumerate(context) if visible(character)]
    if not places:
        return
    begin = data.draw(st.sampled_from(places))
    last = data.draw(st.sampled_from([place for place in places if begin <= place < begin + 30]))
    example = QAExample("1", context, "Кто?", (Answer(context[begin : last + 1], begin),))
    windows = cut_windows([example], TOKENIZERS[name](name), WindowSettings(max_length=4096))
    spans = windows.spans[windows.support]
    begins = spans[(spans[:, 0] <= begin) & (begin < spans[:, 1]), 0]
    ends = spans[(spans[:, 0] <= last) & (last < spans[:, 1]), 1]
    assume(len(begins) and len(ends))  # a word of nothing but letters that the tokenizer drops has no token
    found = taught_span(windows, example)
    assert found[0] == begins.max()
    assert found[1] == ends.min() or last == begin  # one letter between two tokens that share it with others
    assert found[0] <= begin
    assert found[1] > last


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize(
    ("context", "answer"),
    [
        ("the model akton, 998 kg", "akton"),
        ("the model akton, 998 kg", "998"),
        ("Жил (Идиот) был", "Идиот"),
        ("Жил «Идиот» был", "«Идиот»"),
        ("5 м, 7 м", "7"),
        ("пе\u0308тр да е\u0301лка", "пе\u0308тр"),
        ("да е\u0301", "е\u0301"),
        ("\ufeffМосква", "Москва"),
        ("врач 👩\u200d🎓 да", "👩\u200d🎓"),
        ("да 🎓", "🎓"),
    ],
)
def test_words_are_read_whole(name: str, context: str, answer: str) -> None:
    example = QAExample("1", context, "?", (Answer(answer, context.index(answer)),))
    begin, end = taught_span(cut_windows([example], TOKENIZERS[name](name), NARROW), example)
    found = context[begin:end]
    assert answer in found
    # Tokenizers that do not split where the answer ends give more.
    assert name in ("WordLevel", "WordPiece") or found == answer


def spans_of(text: str, *offsets: tuple[int, int]) -> list[str]:
    return [text[begin:end] for begin, end in covered_by(text, np.asarray(offsets, np.int32).reshape(-1, 2)).spans]


def test_letters_go_to_the_token_that_follows_in_their_word() -> None:
    assert spans_of("a 998,", (0, 1), (3, 5), (6, 6)) == ["a", "998", ","]
    assert spans_of("a 98", (0, 1), (2, 2), (3, 3), (4, 4)) == ["a", "", "9", "8"]
    assert spans_of("(x", (1, 1), (2, 2)) == ["(", "x"]
    assert spans_of("ab cd", (0, 2), (2, 3)) == ["ab", " "]  # never across white space, nor to a token of nothing else


def test_accents_and_the_ends_of_words_go_to_the_token_before() -> None:
    assert spans_of("е\u0301\u0308ж", (0, 1), (3, 4)) == ["е\u0301\u0308", "ж"]
    assert spans_of("abc! d", (0, 1)) == ["abc!"]
    assert spans_of("\u0301a", (1, 2)) == ["a"]
    assert spans_of("ab cde", (0, 4), (1, 2)) == ["ab cde", "b"]  # one within another


def test_what_cannot_be_seen_belongs_to_no_token() -> None:
    assert spans_of("\ufeffа\u200bб\u200b", (1, 2), (3, 4)) == ["а", "б"]


def test_what_is_lost_is_counted() -> None:
    covered = covered_by("ab cd. e\u0301", np.asarray([(1, 2), (7, 8)], np.int32))
    assert (covered.lost.tolist(), covered.visible.tolist()) == ([2], [7])
    assert covered_by("ab", np.zeros((0, 2), np.int32)).lost.tolist() == [2]
    assert covered_by("", np.zeros((0, 2), np.int32)).visible.tolist() == [0]


@given(contexts, st.lists(st.tuples(st.integers(0, 40), st.integers(0, 6)), max_size=12).map(sorted))
@settings(deadline=None)
def test_spans_only_grow_and_stay_in_their_words(text: str, pairs: list[tuple[int, int]]) -> None:
    offsets = np.asarray([(min(a, len(text)), min(a + n, len(text))) for a, n in pairs], np.int32).reshape(-1, 2)
    spans = covered_by(text, offsets).spans
    for (begin, end), (start, stop) in zip(offsets.tolist(), spans.tolist(), strict=True):
        assert 0 <= start <= stop <= len(text)
        new = text[start:begin] + text[end:stop]
        assert not any(character.isspace() for character in new)
        assert seen(text[max(begin, start) : min(end, stop)]) == seen(text[begin:end])


def test_a_tokenizer_that_drops_many_letters_is_refused() -> None:
    """A BPE without a token for the unknown leaves letters out, and moves the offsets of those after them."""
    bare = Tokenizer(models.BPE())
    bare.pre_tokenizer = pre_tokenizers.Whitespace()
    bare.train_from_iterator(
        ["the quick brown fox"], trainers.BpeTrainer(special_tokens=["<s>", "</s>", "<pad>"], show_progress=False)
    )
    wrapped = PreTrainedTokenizerFast(tokenizer_object=bare, pad_token="<pad>", cls_token="<s>", sep_token="</s>")
    fine = QAExample("1", "the quick brown fox the quick fox Ж", "?", None)
    cut_windows([fine] * 3, wrapped, WindowSettings())
    with pytest.raises(ModelError, match=r"drops \d+ of \d+ characters, first in the text of question '2'"):
        cut_windows([QAExample("1", "the fox", "?", None), QAExample("2", "Жил был кот", "?", None)], wrapped, NARROW)
