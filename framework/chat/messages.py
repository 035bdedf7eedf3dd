"""What is said to a language model: messages of roles, in which texts of the data can take no role."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from distil.framework.digest import digest_of
from distil.framework.files import Json
from distil.framework.generative.prompts import pieces_of

# What the templates of well-known models mark roles and ends with: <|im_end|>, </s>, <start_of_turn>, [/INST], <<SYS>>, <｜User｜>
_MARKS = re.compile(
    r"<(?=[|｜])|<(?=/?(?:s|bos|eos|pad|unk|mask|cls|sep|think|tool_call|(?:start|end)_of_\w+|<?SYS>)>)"
    r"|\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_\w+)\])",
    re.IGNORECASE,
)
_THOUGHTS = re.compile(r"\A\s*<think>.*?</think>\s*", re.DOTALL)


@dataclass(frozen=True)
class Message:
    """role: system, user or assistant."""

    role: str
    content: str


@dataclass(frozen=True)
class Request:
    """What a model is asked. temperature: of sampling, 0 takes the likeliest token; max_tokens: of the answer; top_logprobs: how
    many tokens' likelihoods are wanted in each place; extra: further fields, as a server takes them; schema: of answers in JSON; candidates:
    answers whose likelihoods are wanted instead of what the model would write, for models that are here."""

    messages: tuple[Message, ...]
    temperature: float
    max_tokens: int
    top_logprobs: int
    extra: Mapping[str, object]
    schema: Json | None = None
    candidates: tuple[str, ...] = ()

    def body(self, model: str) -> dict[str, object]:
        """All that decides about the answer, as the interface has it."""
        likelihoods = {"logprobs": True, "top_logprobs": self.top_logprobs} if self.top_logprobs else {}
        schema = {"name": "answer", "strict": True, "schema": self.schema}
        structure = {"response_format": {"type": "json_schema", "json_schema": schema}} if self.schema else {}
        return {
            "model": model,
            "messages": [asdict(message) for message in self.messages],
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            **likelihoods,
            **structure,
            **self.extra,
        }

    def key(self, model: str, sample: int) -> str:
        """What the answer number `sample` to it is kept by."""
        scored = {"candidates": self.candidates} if self.candidates else {}
        return digest_of({"body": self.body(model), "sample": sample, **scored})

    def after(self, answer: str, complaint: str) -> "Request":
        """The same, with an answer that was not valid and what is said to it."""
        more = (Message("assistant", defused(answer)), Message("user", defused(complaint)))
        return replace(self, messages=(*self.messages, *more))


def filled(template: str, values: Mapping[str, str], usual: str) -> str:
    """A template with texts of the data in place of their names in braces. Raises ValueError, which shows the `usual` one, unless
    it names them all, once each, and no others."""
    pieces = pieces_of(template, list(values), [], usual)
    return "".join(piece.text + (defused(values[piece.field]) if piece.field is not None else "") for piece in pieces)


def defused(text: str) -> str:
    """A text in which nothing reads as a mark of a chat template, whatever server it goes to: its first bracket stands apart, so that
    a tokenizer takes it for text. Half a surrogate pair, which JSON may hold and nobody can send, becomes a question mark."""
    return _MARKS.sub(lambda mark: f"{mark[0]} ", text.encode("utf-8", "replace").decode("utf-8"))


def without_thoughts(answer: str) -> str:
    """What a model answers after having thought aloud."""
    return _THOUGHTS.sub("", answer)
