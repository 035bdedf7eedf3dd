"""Conversations as a model that runs here reads them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from distil.framework.chat.messages import Request
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
        room = self.length - max([request.max_tokens, *(len(self.answer(text)) for text in request.candidates)])
        # A token stands for a byte or more: most conversations need not be looked at.
        if sum(len(message.content.encode("utf-8", "surrogatepass")) for message in request.messages) * 2 <= room:
            return 0
        return max(0, len(self.prompt(request)) - room)
