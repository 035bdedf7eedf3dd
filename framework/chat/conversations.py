"""Conversations as a model that runs here reads them."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from distil.framework.chat.messages import Message, Request
from distil.framework.chat.template import conversation_ids
from distil.framework.generative.prompts import encode
from distil.framework.generative.writer import Ids

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@dataclass(frozen=True)
class Conversations:
    """length: tokens of a conversation with its answer, at most."""

    tokenizer: "PreTrainedTokenizerFast"
    length: int

    def prompt(self, request: Request) -> Ids:
        """What is before the answer."""
        return conversation_ids(self.tokenizer, request.messages)

    def answer(self, text: str) -> Ids:
        """The tokens of an answer, without its end."""
        lead = "" if self.tokenizer.chat_template else " "  # it goes on with the prompt's text
        return encode(self.tokenizer, lead + text).ids

    def over(self, request: Request) -> int:
        """By how many tokens a conversation, with the longest answer that it may get, is too long."""
        room = self.length - self.longest_answer(request)
        # A token stands for a byte or more: most conversations need not be looked at.
        said = sum(len(message.content.encode("utf-8", "surrogatepass")) for message in request.messages)
        if self._frame(request) + 2 * said <= room:
            return 0
        return max(0, len(self.prompt(request)) - room)

    def longest_answer(self, request: Request) -> int:
        """Tokens of the longest answer that a request may get, without its end."""
        if request.candidates not in self._longest:
            self._longest[request.candidates] = max((len(self.answer(text)) for text in request.candidates), default=0)
        return max(request.max_tokens, self._longest[request.candidates])

    def _frame(self, request: Request) -> int:
        """About how many tokens stand around messages of these roles."""
        roles = tuple(message.role for message in request.messages)
        if roles not in self._frames:
            self._frames[roles] = len(conversation_ids(self.tokenizer, [Message(role, "a") for role in roles]))
        return self._frames[roles]

    @cached_property
    def _longest(self) -> dict[tuple[str, ...], int]:
        return {}

    @cached_property
    def _frames(self) -> dict[tuple[str, ...], int]:
        return {}
