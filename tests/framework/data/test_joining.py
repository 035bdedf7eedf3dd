"""Windows show a context from its first token to its last."""

import copy
from typing import Any

import pytest
from tokenizers import normalizers, pre_tokenizers, processors
from transformers import BatchEncoding, PreTrainedTokenizerFast

from framework.data.windows import cut_windows
from framework.data.windows_section import WindowSettings
from framework.errors import ModelError
from framework.tasks.span_qa.example import QAExample
from tests.tokenizing import tokenizer

CONTEXT = "Пётр Ильич Чайковский родился в Воткинске. " * 12
SETTINGS = WindowSettings(max_length=40, doc_stride=8, max_question=8)


class Losing(PreTrainedTokenizerFast):
    """Gives only some of the windows, as tokenizers 0.23.1 does."""

    kept: Any = slice(None)

    def __call__(self, *arguments: Any, **options: Any) -> BatchEncoding:
        encoded = super().__call__(*arguments, **options)
        if options.get("return_overflowing_tokens"):
            encoded._encodings = encoded._encodings[self.kept]
            encoded["overflow_to_sample_mapping"] = encoded["overflow_to_sample_mapping"][self.kept]
        return encoded


def losing(kept: slice) -> Losing:
    fine = tokenizer("wordpiece")
    found = Losing(tokenizer_object=fine.backend_tokenizer, pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]")
    found.kept = kept
    return found


@pytest.mark.parametrize("kept", [slice(2), slice(None, -1), slice(None, None, 2), slice(1, None)])
@pytest.mark.parametrize("end", ["", "\ufeff"])
@pytest.mark.parametrize("stride", [0, 1, 8])
def test_windows_that_leave_a_part_out_are_refused(kept: slice, end: str, stride: int) -> None:
    """Also where the text ends with what a tokenizer drops, so that its last token does not end there anyway."""
    example, settings = QAExample("q7", CONTEXT + end, "Где?", None), SETTINGS.model_copy(update={"doc_stride": stride})
    assert len(cut_windows([example], losing(slice(None)), settings)) > 4
    with pytest.raises(ModelError, match=r"question 'q7'.* cut by tokenizers \d.*install 0.23.3"):
        cut_windows([example], losing(kept), settings)


def test_text_that_no_token_shows_at_the_end_is_no_loss() -> None:
    bare = losing(slice(None))
    bare.backend_tokenizer.normalizer = normalizers.Replace(".", "")
    windows = cut_windows([QAExample("1", CONTEXT.strip() + "..", "Где?", None)], bare, SETTINGS)
    assert windows.reach[-1, 1] == len(CONTEXT) + 1


def test_a_tokenizer_that_cuts_at_the_left_is_read_from_the_beginning() -> None:
    right, left = losing(slice(None)), losing(slice(None))
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
