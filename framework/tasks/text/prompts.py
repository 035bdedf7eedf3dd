"""Prompts as tokens: how the recipe words them, and each model's own chat template around what is said in a conversation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from distil.framework.chat.messages import Message
from distil.framework.tasks.text.example import Written, in_lines

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

USUAL = "Question: {prompt}\nAnswer:"


@dataclass(frozen=True)
class Wording:
    """How prompts without roles are put. template: a text with {prompt} in it, None: the prompt as it stands; chat: whether that is
    what a user says in a conversation; system: what stands before a conversation that has no system message of its own."""

    template: str | None = None
    chat: bool = False
    system: str | None = None

    def text(self, prompt: str) -> str:
        """A prompt of the data in its words; an empty one stays that. Raises ValueError for a template that does not name it."""
        from distil.framework.generative.prompts import pieces_of

        if not prompt or self.template is None:
            return prompt
        pieces = pieces_of(self.template, ["prompt"], [], USUAL)
        return "".join(piece.text + (prompt if piece.field is not None else "") for piece in pieces)

    def messages(self, example: Written) -> tuple[Message, ...]:
        """The conversation that an example's completion goes on with, none where there is no prompt or no conversation."""
        asks = self.chat and bool(example.prompt)
        turns = example.messages or ((Message("user", self.text(example.prompt)),) if asks else ())
        if turns and self.system is not None and turns[0].role != "system":
            return (Message("system", self.system), *turns)
        return turns


PLAIN = Wording()


@dataclass(frozen=True)
class Prompter:
    """Makes tokens of prompts. start: the tokens that stand before a text; end: the one that ends a text; apart: whether a prompt is read
    apart from its completion, by an encoder, and ends, too."""

    tokenizer: "PreTrainedTokenizerFast"
    wording: Wording
    start: Sequence[int]
    end: int
    apart: bool = False

    def given(self, examples: Sequence[Written]) -> list[tuple[list[int], int]]:
        """Of every example the tokens before its completion, at least one, and the one that ends it: in a conversation that of the
        chat template, if there is one.

        Only a chat template's own words can be special tokens. Raises ModelError for a template that does not take a conversation.
        """
        from distil.framework.chat.template import conversation_ids

        turns = [self.wording.messages(example) for example in examples]
        has_template = bool(self.tokenizer.chat_template)
        texts = [
            self.wording.text(example.prompt) if not spoken else "" if has_template else in_lines(spoken)
            for example, spoken in zip(examples, turns, strict=True)
        ]
        plain = self.tokenizer(texts, add_special_tokens=False, split_special_tokens=True, verbose=False)["input_ids"]
        turn_end = text_ends(self.tokenizer, self.end)[-1]
        ending = [self.end] if self.apart else []
        return [
            ([*conversation_ids(self.tokenizer, spoken).tolist(), *ending], turn_end)
            if has_template and spoken
            else ([*self.start, *ids, *ending] or [self.end], self.end)
            for spoken, ids in zip(turns, plain, strict=True)
        ]

    def cut(self, given: list[int], room: int) -> list[int]:
        """The last `room` tokens before a completion, behind those that stand before any text."""
        if len(given) <= room:
            return given
        start = [*self.start] if given[: len(self.start)] == [*self.start] else []
        kept = max(room - len(start), 0)
        return [*start, *given[len(given) - kept :]]


def text_ends(tokenizer: "PreTrainedTokenizerFast", end: int) -> list[int]:
    """The tokens that end a completion: of a text, those that the model's own settings name, and last that of the chat template's turns, which may
    be the same."""
    from distil.framework.chat.template import turn_ends
    from distil.framework.models.tokenizers import named_ends

    return [end, *named_ends(tokenizer), min(turn_ends(tokenizer), default=end)]
