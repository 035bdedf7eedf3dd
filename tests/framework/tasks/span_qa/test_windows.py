"""Windows against the definition, token by token."""

import copy
import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tokenizers import processors
from transformers import BertConfig, DistilBertConfig, PreTrainedTokenizerFast

from distil.framework.data.features import WindowSettings
from distil.framework.models.tokenizers import fit_to_model
from distil.framework.tasks.span_qa.data import QAExample
from distil.framework.tasks.span_qa.windows import Windows, cut_windows
from tests.tokenizing import KINDS, contexts, texts, tokenizer


def cut(kind: str, settings: WindowSettings, *pairs: tuple[str, str]) -> Windows:
    examples = [QAExample(str(number), context, question, None) for number, (question, context) in enumerate(pairs)]
    return cut_windows(examples, tokenizer(kind), settings)


def context_ids(windows: Windows, row: int) -> list[int]:
    """Tokens after the first [SEP] and before the last: the context, tokens that cover nothing included."""
    ids = windows.input_ids[windows.slice_of(row)].tolist()
    return ids[ids.index(tokenizer("wordpiece").sep_token_id) + 1 : -1]


@given(
    st.sampled_from(list(KINDS)),
    contexts,
    st.sampled_from([(16, 0, 1), (20, 3, 4), (24, 14, 1), (40, 10, 8)]),
)
@settings(max_examples=50, deadline=None)
def test_each_token_speaks_where_it_has_the_most_context(kind: str, context: str, sizes: tuple[int, int, int]) -> None:
    windows = cut(kind, WindowSettings(max_length=sizes[0], doc_stride=sizes[1], max_question=sizes[2]), ("а", context))
    whole = context_ids(cut(kind, WindowSettings(max_length=9999), ("а", context)), 0)
    assert windows.lengths.max() <= sizes[0]
    start, shown = 0, []
    for row in range(len(windows)):
        ids = context_ids(windows, row)
        assert ids == whole[start : start + len(ids)]
        shown.append((start, start + len(ids)))
        start += len(ids) - sizes[1]
    assert shown[-1][1] == len(whole)

    for row, (begin, end) in enumerate(shown):
        tokens = windows.slice_of(row)
        best, support = (column[tokens][-1 - (end - begin) : -1] for column in (windows.best, windows.support))
        for place in range(begin, end):
            rooms = [min(place - b, e - 1 - place) if b <= place < e else -1 for b, e in shown]
            mine = rooms.index(max(rooms)) == row and bool(support[place - begin])
            assert best[place - begin] == mine


@given(st.sampled_from(list(KINDS)), texts, contexts)
@settings(max_examples=40, deadline=None)
def test_a_long_question_is_cut_and_leaves_room(kind: str, question: str, context: str) -> None:
    windows = cut(kind, WindowSettings(max_length=32, doc_stride=4, max_question=8), (question, context))
    separator = tokenizer(kind).sep_token_id
    for row in range(len(windows)):
        ids = windows.input_ids[windows.slice_of(row)].tolist()
        assert ids.index(separator) - 1 <= 8


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("question", ["\ufdfa" * 9, "👩‍🎓" * 9, "ЪЩ" * 9, "e\u0301" * 9, " " * 99, ""])
def test_a_letter_of_many_tokens_cannot_take_the_contexts_room(kind: str, question: str) -> None:
    """U+FDFA is 18 letters after NFKC; with all of them, no room would be left for new context."""
    windows = cut(kind, WindowSettings(max_length=24, doc_stride=14, max_question=1), (question, "слово " * 30))
    assert len(windows) > 3
    question_ends = windows.input_ids.tolist().index(tokenizer(kind).sep_token_id)
    assert question_ends <= 2


@given(st.sampled_from(list(KINDS)), st.lists(contexts, min_size=1, max_size=5))
@settings(max_examples=25, deadline=None)
def test_no_example_is_lost_and_none_sees_its_neighbours(kind: str, several: list[str]) -> None:
    settings = WindowSettings(max_length=20, doc_stride=3, max_question=4)
    together = cut(kind, settings, *[("Где?", context) for context in several])
    bounds = together.of_examples(len(several))
    assert (np.diff(bounds) >= 1).all()
    assert bounds[-1] == len(together)
    for number, context in enumerate(several):
        alone = cut(kind, settings, ("Где?", context))
        rows = range(bounds[number], bounds[number + 1])
        assert len(alone) == len(rows)
        for mine, row in enumerate(rows):
            assert together.example[row] == number
            ours, theirs = alone.slice_of(mine), together.slice_of(row)
            for name in ("input_ids", "spans", "best", "support"):
                assert getattr(alone, name)[ours].tolist() == getattr(together, name)[theirs].tolist()
            assert alone.reach[mine].tolist() == together.reach[row].tolist()


@given(st.sampled_from(list(KINDS)), contexts)
@settings(max_examples=40, deadline=None)
def test_reaches_leave_no_character_out(kind: str, context: str) -> None:
    windows = cut(kind, WindowSettings(max_length=24, doc_stride=4, max_question=4), ("Где?", context))
    assume(all(windows.support[windows.slice_of(row)].any() for row in range(len(windows))))
    assert windows.reach[0, 0] == 0
    assert windows.reach[-1, 1] == len(context)
    assert (np.diff(windows.reach, axis=1) > 0).all()
    gaps = "".join(
        context[end:begin]
        for end, begin in zip(windows.reach[:-1, 1], windows.reach[1:, 0], strict=True)
        if begin > end
    )
    covered = np.zeros(len(context), bool)
    for begin, end in windows.spans[windows.support]:
        covered[begin:end] = True
    in_gaps = [
        place
        for end, begin in zip(windows.reach[:-1, 1], windows.reach[1:, 0], strict=True)
        for place in range(end, begin)
    ]
    assert len(in_gaps) == len(gaps)
    assert not covered[in_gaps].any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("context", ["a", "\ufeff", " ", "\n\n", "\u0306", "й", "👩‍🎓", "", "[SEP]", "[CLS] [CLS]"])
def test_the_shortest_contexts_have_one_window(kind: str, context: str) -> None:
    windows = cut(kind, WindowSettings(max_length=24, doc_stride=2, max_question=2), ("Где?", context))
    assert len(windows) == 1
    assert windows.null.tolist() == [0]
    assert windows.reach.tolist() == [[0, len(context)]] or not windows.support.any()
    assert (windows.spans[:, 1] <= len(context)).all()


def test_a_byte_level_tokenizer_splits_letters_between_tokens() -> None:
    """What makes shared characters a case of its own is there in these tests."""
    windows = cut("byte-level bpe", WindowSettings(), ("?", "ЪЫЩ 中 👩"))
    spans = windows.spans[windows.support].tolist()
    assert any(one == other for one, other in itertools.pairwise(spans))


def test_token_types_are_there_for_models_that_have_them() -> None:
    typed = copy.deepcopy(tokenizer("wordpiece"))
    fit_to_model(typed, BertConfig(vocab_size=1000))
    examples = [QAExample("1", "Да, да.", "Да?", None)]
    with_types = cut_windows(examples, typed, WindowSettings())
    assert with_types.token_types is not None
    question = with_types.input_ids.tolist().index(typed.sep_token_id) + 1
    assert with_types.token_types.tolist() == [0] * question + [1] * (len(with_types.input_ids) - question)
    fit_to_model(typed, DistilBertConfig(vocab_size=1000))
    assert cut_windows(examples, typed, WindowSettings()).token_types is None


@pytest.mark.parametrize(
    ("template", "named", "place"),
    [
        ("$A [SEP] $B:1 [SEP]:1", {"eos_token": "[SEP]"}, "question"),  # T5's
        ("$A [SEP] $B:1 [SEP]:1 [CLS]:2", {"cls_token": "[CLS]", "sep_token": "[SEP]"}, "last"),  # XLNet's
        ("[CLS] $A [SEP] $B:1 [SEP]:1", {"cls_token": "[CLS]"}, "first"),
        ("$A $B:1", {"bos_token": "[CLS]", "eos_token": "[SEP]"}, "first"),  # GPT-2's, which puts nothing anywhere
        ("$A $B:1", {}, "first"),
    ],
)
def test_a_token_stands_for_no_answer(template: str, named: dict[str, str], place: str) -> None:
    backend = copy.deepcopy(tokenizer("wordpiece").backend_tokenizer)
    numbers = [(token, backend.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    backend.post_processor = processors.TemplateProcessing(single="$A", pair=template, special_tokens=numbers)
    tokens = PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="[PAD]", **named)
    question = "Да [CLS]?" if place == "first" else "Да?"  # whatever a text says
    windows = cut_windows([QAExample("1", "Да, да.", question, None)], tokens, WindowSettings())
    length = len(windows.input_ids)
    asked = len(tokens(question, add_special_tokens=False)["input_ids"])
    assert windows.null.tolist() == [{"question": asked, "last": length - 1, "first": 0}[place]]
    assert not windows.support[windows.null[0]]
