"""Prompts: nothing of a context is lost, and pieces are tokenised as the whole would be."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distil.framework.data.features import WindowSettings
from distil.framework.data.locating import locate
from distil.framework.errors import RecipeError
from distil.framework.generative.prompts import Piece
from distil.framework.models.configuration import new_config
from distil.framework.models.section import ConfigModel
from distil.framework.tasks.span_qa.data import QAExample
from distil.framework.tasks.span_qa.prompts import DECODER_ONLY, ENCODER_DECODER, Prompts, parse_template, prompts_for
from tests.tokenizing import KINDS, contexts, tokenizer

KIND = st.sampled_from(list(KINDS))
ARCHITECTURES = ["t5", "gpt2"]
TEMPLATE = "{question}\n{context}\n:"


def config(architecture: str, vocab_size: int = 300) -> Any:
    return new_config(ConfigModel(architecture=architecture), vocab_size, 0)


def prompts(kind: str, architecture: str, template: str | None = None, **sizes: int) -> Prompts:
    windows = WindowSettings(**{"max_length": 256, "doc_stride": 8, "max_question": 16, **sizes})
    return prompts_for(tokenizer(kind), config(architecture), windows, 8, template)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_pieces_are_tokenised_as_the_whole_is(kind: str, architecture: str) -> None:
    maker = prompts(kind, architecture, "the quick {question} brown: {context} answer:")
    example = QAExample("a", "Пётр родился в Воткинске", "Где родился?", None)
    (prompt,) = maker.of(example)
    whole = "the quick Где родился? brown: Пётр родился в Воткинске answer:"
    end = [tokenizer(kind).sep_token_id] if architecture == "t5" else []
    assert prompt.ids.tolist() == tokenizer(kind)(whole, add_special_tokens=False)["input_ids"] + end
    assert prompt.reach == (0, len(example.context))


@given(KIND, st.sampled_from(ARCHITECTURES), contexts, st.sampled_from([0, 3, 9]))
@settings(max_examples=25, deadline=None)
def test_prompts_show_the_whole_context(kind: str, architecture: str, context: str, stride: int) -> None:
    maker = prompts(kind, architecture, TEMPLATE, max_length=48, doc_stride=stride, max_question=4)
    found = maker.of(QAExample("a", context, "Где это слово?", None))
    (whole,) = prompts(kind, architecture, TEMPLATE, max_length=9999, max_question=4).of(
        QAExample("a", context, "Где это слово?", None)
    )
    answer = 0 if architecture == "t5" else 9
    assert max(len(prompt.ids) for prompt in found) + answer <= 48
    total = sum(len(prompt.ids) for prompt in found)
    (own,) = maker.of(QAExample("a", "", "Где это слово?", None))
    assert total - len(found) * len(own.ids) - (len(found) - 1) * stride == len(whole.ids) - len(own.ids)
    assert found[0].reach[0] == 0
    assert found[-1].reach[1] == len(context)
    for before, after in itertools.pairwise(found):
        assert before.reach[0] < after.reach[0] <= before.reach[1]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_answers_survive_their_tokens(kind: str, architecture: str) -> None:
    maker = prompts(kind, architecture)
    ids = maker.answer("чай")
    assert ids[-1] == maker.special.end
    assert locate("майка, чай", maker.text(ids)) == [(7, 10)]
    assert maker.answer("").tolist() == [maker.special.end]
    long = maker.answer("чай и майка: всё это слова, Пётр Ильич Чайковский")
    assert len(long) == 8
    assert maker.special.end not in long


def test_a_question_is_cut() -> None:
    maker = prompts("wordpiece", "t5", TEMPLATE, max_question=2)
    ids = [maker.of(QAExample("a", "чай", question, None))[0].ids for question in ("Где родился?", "Где родился Йозеф")]
    assert np.array_equal(*ids)


def test_a_prompt_without_room_for_context_is_refused() -> None:
    with pytest.raises(
        RecipeError, match=r"and 9 for the answer, leaves .* tokens of context, no more than doc_stride 8"
    ):
        prompts("byte-level bpe", "gpt2", max_length=40)
    prompts("wordpiece", "t5", TEMPLATE, max_length=40)


def test_a_space_goes_with_the_field_after_it() -> None:
    assert parse_template(ENCODER_DECODER) == [
        Piece("question:"),
        Piece(" ", "question"),
        Piece(" context:"),
        Piece(" ", "context"),
    ]
    assert [piece.field for piece in parse_template(DECODER_ONLY)] == ["context", None, "question", None]
    assert parse_template("{{{question}}}{context}")[:3] == [Piece("{"), Piece("", "question"), Piece("}")]


@pytest.mark.parametrize(
    "template",
    [
        "",
        "{question}",
        "{context} {context} {question}",
        "{question} {context!r}",
        "{question:>9} {context}",
        "{",
        "{} {x}",
    ],
)
def test_a_template_without_both_fields_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"expected a text with \{question\} and \{context\}"):
        parse_template(template)
