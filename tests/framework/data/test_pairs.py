"""Windows of contexts that are tokenised once are those that the tokenizer cuts itself."""

import copy

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tokenizers import normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from distil.framework.data.features import WindowSettings
from distil.framework.data.pairs import tokens_of
from distil.framework.tasks.span_qa.data import QAExample
from distil.framework.tasks.span_qa.windows import cut_windows
from tests.built_tokenizers import BUILT, built
from tests.tokenizing import KINDS, contexts, texts, tokenizer

SIZES = st.sampled_from([(24, 0, 4), (24, 3, 4), (40, 20, 8), (384, 128, 64)])
pairs = st.lists(st.tuples(st.integers(0, 2), texts), min_size=1, max_size=5)


def assert_as_cut_by(tokens: PreTrainedTokenizerFast, several: list[tuple[str, str]], settings: WindowSettings) -> None:
    windows = cut_windows(
        [QAExample(str(number), context, question, None) for number, (context, question) in enumerate(several)],
        tokens,
        settings,
    )
    expected = tokens(
        [question.lstrip() for _, question in several],
        [context for context, _ in several],
        truncation="only_second",
        max_length=settings.max_length,
        stride=settings.doc_stride,
        return_overflowing_tokens=True,
    )
    assert windows.example.tolist() == list(expected["overflow_to_sample_mapping"])
    for row, encoding in enumerate(expected.encodings):
        place = windows.slice_of(row)
        assert windows.input_ids[place].tolist() == encoding.ids
        if windows.token_types is not None:
            assert windows.token_types[place].tolist() == encoding.type_ids
        assert not windows.support[place][[sequence != 1 for sequence in encoding.sequence_ids]].any()


@given(st.sampled_from([*KINDS, *BUILT]), st.lists(contexts, min_size=3, max_size=3), pairs, SIZES, st.booleans())
@settings(max_examples=40, deadline=None)
def test_windows_are_those_that_the_tokenizer_cuts(
    kind: str, several: list[str], asked: list[tuple[int, str]], sizes: tuple[int, int, int], typed: bool
) -> None:
    tokens = tokenizer(kind) if kind in KINDS else built(kind)
    names = tokens.model_input_names
    limits = WindowSettings(max_length=sizes[0], doc_stride=sizes[1], max_question=sizes[2])
    lengths = [len(tokens(question.lstrip(), add_special_tokens=False)["input_ids"]) for _, question in asked]
    assume(max(lengths) <= limits.max_question)
    try:
        if typed:
            tokens.model_input_names = ["input_ids", "token_type_ids", "attention_mask"]
        assert_as_cut_by(tokens, [(several[number], question) for number, question in asked], limits)
    finally:
        tokens.model_input_names = names


def test_a_context_is_tokenised_once() -> None:
    found = tokens_of(tokenizer("wordpiece"), ["Где?", "Кто жил?", "Где?"], ["Ёж жил.", "Чай.", "Ёж жил."], 64)
    assert found.texts == ["Ёж жил.", "Чай."]
    assert found.context.tolist() == [0, 1, 0]
    assert len(found.contexts) == 3
    assert found.contexts[-1] == len(found.context_ids) == len(found.context_offsets)
    first, last = (found.question_ids[found.questions[number] : found.questions[number + 1]] for number in (0, 2))
    assert first.tolist() == last.tolist()


CONTEXT = "Пётр Ильич Чайковский родился в Воткинске. " * 12
SETTINGS = WindowSettings(max_length=40, doc_stride=8, max_question=8)


def plain() -> PreTrainedTokenizerFast:
    backend = copy.deepcopy(tokenizer("wordpiece").backend_tokenizer)
    return PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]")


def test_text_that_no_token_shows_at_the_end_is_no_loss() -> None:
    bare = plain()
    bare.backend_tokenizer.normalizer = normalizers.Replace(".", "")
    windows = cut_windows([QAExample("1", CONTEXT.strip() + "..", "Где?", None)], bare, SETTINGS)
    assert windows.reach[-1, 1] == len(CONTEXT) + 1


def test_a_tokenizer_that_cuts_at_the_left_is_read_from_the_beginning() -> None:
    right, left = plain(), plain()
    left.truncation_side = "left"
    examples = [QAExample("1", CONTEXT, "Где?", None)]
    one, other = (cut_windows(examples, each, SETTINGS) for each in (right, left))
    assert one.input_ids.tolist() == other.input_ids.tolist()
    assert one.reach.tolist() == other.reach.tolist()


def test_a_window_may_begin_its_first_token_late() -> None:
    """As LUKE's do: what trims spaces takes the first letter of a window for one."""
    backend = copy.deepcopy(tokenizer("byte-level bpe").backend_tokenizer)
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = [(token, backend.token_to_id(token)) for token in ("[SEP]", "[CLS]")]
    backend.post_processor = processors.RobertaProcessing(*special, trim_offsets=True, add_prefix_space=True)
    trimming = PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]"
    )
    context = " ".join(str(number % 10) for number in range(80))
    late = trimming(
        ["Где?"], [context], truncation="only_second", max_length=40, stride=8, return_overflowing_tokens=True
    )
    assert any(begin == end for window in late.encodings[1:] for begin, end in window.offsets if end)
    windows = cut_windows([QAExample("1", context, "Где?", None)], trimming, SETTINGS)
    shown = {tuple(span) for span in windows.spans[windows.support].tolist()}
    assert {(place, place + 1) for place in range(0, len(context), 2)} <= shown
