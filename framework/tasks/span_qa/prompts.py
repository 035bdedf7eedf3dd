"""From questions and contexts to prompts, and between answers and their tokens."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from distil.framework.data.features import WindowSettings
from distil.framework.errors import RecipeError
from distil.framework.generative.prompts import Encoded, Piece, begin_of_text, encode, pieces_of
from distil.framework.generative.writer import Ids
from distil.framework.models.kind import Generator, generator_of
from distil.framework.models.tokenizers import SpecialTokens, special_tokens
from distil.framework.tasks.span_qa.data import QAExample

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

ENCODER_DECODER = "question: {question} context: {context}"  # T5's for SQuAD (Raffel et al., arXiv 1910.10683)
DECODER_ONLY = "{context}\nquestion: {question}\nanswer:"


def parse_template(template: str) -> list[Piece]:
    """Cut a template into pieces. Raises ValueError unless it names {question} and {context} once each."""
    return pieces_of(template, ["question", "context"], [], ENCODER_DECODER)


@dataclass(frozen=True)
class Prompt:
    """What a model is given: tokens [L], and the characters [lo, hi) of the context that they show."""

    ids: Ids
    reach: tuple[int, int]


@dataclass(frozen=True)
class Prompts:
    """Makes the prompts of one model.

    fixed: tokens of each piece of fixed text, None for a field; before, after: special tokens around the whole;
    room: tokens for question and context; max_answer: tokens of an answer, its end aside.
    """

    tokenizer: "PreTrainedTokenizerFast"
    generator: Generator
    special: SpecialTokens
    windows: WindowSettings
    pieces: list[Piece]
    fixed: list[Ids | None]
    before: Ids
    after: Ids
    room: int
    max_answer: int

    @property
    def longest(self) -> int:
        """Tokens of the longest prompt that there may be."""
        return self.windows.max_length - _answer_tokens(self.generator, self.max_answer)

    def of(self, example: QAExample) -> list[Prompt]:
        """The prompts of one example: several overlapping ones where the context is long, at least one."""
        question = self._field("question", example.question.strip()).ids[: self.windows.max_question]
        context = self._field("context", example.context)
        room = self.room - len(question)
        begins = [0]
        while begins[-1] + room < len(context.ids):
            begins.append(begins[-1] + room - self.windows.doc_stride)
        prompts = []
        for begin in begins:
            end = begin + room
            reach = (
                0 if begin == 0 else int(context.spans[begin, 0]),
                len(example.context) if end >= len(context.ids) else int(context.spans[end, 0]),
            )
            prompts.append(Prompt(self._join(question, context.ids[begin:end]), reach))
        return prompts

    def answer(self, text: str) -> Ids:
        """Tokens of an answer with its end; one of more than `max_answer` tokens is cut there and has no end."""
        # A decoder goes on with the prompt's text, in which a word follows a space.
        lead = "" if self.generator.encoder_decoder or not text else " "
        ids = encode(self.tokenizer, lead + text).ids
        return ids[: self.max_answer] if len(ids) > self.max_answer else np.append(ids, np.int32(self.special.end))

    def text(self, ids: Ids) -> str:
        """The text of an answer's tokens, without white space at its ends."""
        return str(self.tokenizer.decode(ids.tolist(), skip_special_tokens=True)).strip()

    def _field(self, name: str, text: str) -> "Encoded":
        (lead,) = (piece.text for piece in self.pieces if piece.field == name)
        found = encode(self.tokenizer, lead + text)
        return Encoded(found.ids, found.spans - len(lead))

    def _join(self, question: Ids, context: Ids) -> Ids:
        fields = {"question": question, "context": context}
        middle = [
            fields[piece.field] if piece.field is not None else fixed
            for piece, fixed in zip(self.pieces, self.fixed, strict=True)
        ]
        return np.concatenate([self.before, *middle, self.after])


def prompts_for(
    tokenizer: "PreTrainedTokenizerFast",
    config: Any,
    windows: WindowSettings,
    max_answer: int,
    template: str | None,
    forced: int | None = None,
) -> Prompts:
    """The maker of prompts for a model of this configuration; template: default by the kind of generator; forced: see
    special_tokens.

    `windows.max_length` counts all tokens that a model has positions for: those of the prompt and, of a decoder, those
    of the answer too. Raises RecipeError if nothing is left for the context, ModelError as special_tokens does.
    """
    generator, special = generator_of(config), special_tokens(tokenizer, config, forced)
    pieces = parse_template(template or (ENCODER_DECODER if generator.encoder_decoder else DECODER_ONLY))
    fixed = [encode(tokenizer, piece.text).ids if piece.field is None else None for piece in pieces]
    before = np.asarray(begin_of_text(tokenizer), np.int32)
    after = np.asarray([special.end] if generator.encoder_decoder else [], np.int32)
    own = sum(len(ids) for ids in fixed if ids is not None) + len(before) + len(after)
    answer = _answer_tokens(generator, max_answer)
    room = windows.max_length - own - answer
    if room - windows.max_question <= windows.doc_stride:
        raise RecipeError(
            f"windows.max_length {windows.max_length}, less {own} for the prompt's own text, {windows.max_question} for "
            f"max_question{f' and {answer} for the answer' if answer else ''}, leaves {room - windows.max_question} "
            f"tokens of context, no more than doc_stride {windows.doc_stride}; raise max_length, or lower one of these"
        )
    return Prompts(tokenizer, generator, special, windows, pieces, fixed, before, after, room, max_answer)


def _answer_tokens(generator: Generator, max_answer: int) -> int:
    """Tokens of max_length that are kept for the answer."""
    return 0 if generator.encoder_decoder else max_answer + 1
