"""How likely a server finds the tokens of a text: what it is sent, as completions and not as chat, and the forms in which it says it.

vLLM's own is `prompt_logprobs`, of every token of the prompt {"its number": {"logprob": …}} with the likeliest ones beside it. The other is
that of OpenAI's completions with `echo`, in which the prompt comes back with the `logprobs` of what is written.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import BaseModel, Field

from distil.framework.chat.answers import Token
from distil.framework.chat.form import Counted, LogP
from distil.framework.digest import digest_of
from distil.framework.errors import ModelError
from distil.framework.language.words import count_of

NUMBERED = "token_id:"  # as vLLM calls tokens, if it is asked to
UNKNOWN = "\ufffd"  # part of a character, as text
_DIGITS = 5  # of log P: finer than signals are kept


@dataclass(frozen=True)
class Scoring:
    """Tokens of which a model is asked how likely each is, given those before it. ids: of a text and what is before it; begin: the first
    that counts, 1 at least; top_logprobs, extra: as in Request; spelled: of every token of the vocabulary its text and its name, by which a
    server is seen to have the same ones."""

    ids: tuple[int, ...]
    begin: int
    top_logprobs: int
    extra: Mapping[str, object]
    spelled: Sequence[tuple[str, str]] = field(default=(), repr=False, compare=False)
    max_tokens: ClassVar[int] = 1  # some servers take 0 for as many as there is room for

    @property
    def counted(self) -> int:
        """Tokens of which it is to be said; of a text of which nothing is read, none."""
        return len(self.ids) - self.begin

    def body(self, model: str) -> dict[str, object]:
        """All that decides about the answer. A server passes over the form that it does not know."""
        return {
            "model": model,
            "prompt": list(self.ids),
            "max_tokens": self.max_tokens,
            "temperature": 0.0,
            "echo": True,
            "logprobs": self.top_logprobs,
            "prompt_logprobs": self.top_logprobs,
            "return_tokens_as_token_ids": True,
            **self.extra,
        }

    def key(self, model: str, sample: int) -> str:
        """What the answer is kept by."""
        return digest_of({"scored": self.body(model), "begin": self.begin, "sample": sample})


class _Likely(BaseModel):
    logprob: LogP
    decoded_token: str | None = None


class _Echoed(BaseModel):
    tokens: list[str] = []
    token_logprobs: list[LogP] = []
    top_logprobs: list[dict[str, LogP] | None] | None = None


class _Choice(BaseModel):
    prompt_logprobs: list[dict[str, _Likely] | None] | None = None
    logprobs: _Echoed | None = None


class Scored(BaseModel):
    """What a server sends back."""

    model: str | None = None
    choices: list[_Choice] = Field(min_length=1)
    usage: Counted | None = None

    def tokens(self, asked: Scoring) -> list[Token]:
        """Those that count, each with what else may stand there, by number where the server says that (`NUMBERED`), else as text; none
        where it says nothing of prompts. Raises ModelError where it has read other tokens."""
        found = self.choices[0]
        if found.prompt_logprobs is not None:
            return list(_by_number(found.prompt_logprobs, asked))
        if found.logprobs is not None and len(found.logprobs.token_logprobs) >= len(asked.ids):
            return list(_echoed(found.logprobs, asked))
        return []


def _by_number(places: list[dict[str, _Likely] | None], asked: Scoring) -> Iterator[Token]:
    _check_count(len(places), asked)
    that_count = list(zip(asked.ids, places, strict=True))[asked.begin :]
    _check_texts(
        [(id, (place or {})[str(id)].decoded_token) for id, place in that_count if str(id) in (place or {})], asked
    )
    for id, place in that_count:
        said = {name: log_p for name, one in (place or {}).items() if (log_p := _known(one.logprob)) is not None}
        if str(id) not in said:
            raise ModelError(f"it says nothing of token {id}, which it was sent: its model has another tokenizer")
        yield _token(said[str(id)], {f"{NUMBERED}{name}": log_p for name, log_p in said.items()}, "")


def _echoed(found: _Echoed, asked: Scoring) -> Iterator[Token]:
    count = len(asked.ids)
    others = found.top_logprobs or [None] * len(found.token_logprobs)
    _check_count(len(found.token_logprobs) - asked.max_tokens, asked, at_most=len(found.token_logprobs))
    if len(others) < count or len(found.tokens) < count:
        raise ModelError("what it echoes has not as many tokens as log-probabilities")
    for place in range(asked.begin, count):
        log_p, name = _known(found.token_logprobs[place]), found.tokens[place]
        if name.startswith(NUMBERED) and name != f"{NUMBERED}{asked.ids[place]}":
            raise ModelError(f"it echoes {name} where token {asked.ids[place]} was sent: it reads prompts otherwise")
        if log_p is None:
            raise ModelError(f"it does not say how likely token {place + 1} of {count} is")
        if not name.startswith(NUMBERED) and _is_other(name, asked.ids[place], asked):
            raise ModelError(
                f"it tells tokens as texts that are not what they stand for, {name!r} for {asked.spelled[asked.ids[place]][0]!r}: ask one that "
                "tells their numbers, as vLLM does"
            )
        named = {text: one for text, told in (others[place] or {}).items() if (one := _known(told)) is not None}
        yield _token(log_p, named, name)


def _known(log_p: float | None) -> float | None:
    """That of a token which is not impossible; None too where nothing is said."""
    return log_p if log_p is not None and math.isfinite(log_p) else None


def _is_other(text: str, id: int, asked: Scoring) -> bool:
    """Whether a token is told as a text that is neither its own nor its name; of parts of characters nobody knows."""
    own, name = asked.spelled[id] if asked.spelled else ("", "")
    return bool(text and own) and UNKNOWN not in own + text and text not in (own, name)


def _check_texts(told: Sequence[tuple[int, str | None]], asked: Scoring) -> None:
    """Numbers are the same in any vocabulary. Raise ModelError where most tokens are other texts there, spaces aside, which servers may
    leave out. told: tokens, and what they are there."""
    known = [
        (id, text) for id, text in told if text and text.strip() and asked.spelled and asked.spelled[id][0].strip()
    ]
    others = [
        (id, text) for id, text in known if _is_other(text, id, asked) and text.strip() != asked.spelled[id][0].strip()
    ]
    if 2 * len(others) > len(known):
        id, text = others[0]
        raise ModelError(
            f"token {id} is {text!r} to it, and {asked.spelled[id][0]!r} here: its model has another tokenizer"
        )


def _check_count(count: int, asked: Scoring, at_most: int | None = None) -> None:
    """count: of the tokens that were read, or up to `at_most`, where what was written may be among them."""
    if not count <= len(asked.ids) <= (count if at_most is None else at_most):
        raise ModelError(
            f"it has read {count_of(count, 'token')}, and {len(asked.ids)} were sent: it reads prompts otherwise"
        )


def _token(log_p: float, others: Mapping[str, float], text: str) -> Token:
    named = [(name, round(one, _DIGITS)) for name, one in others.items()]
    return Token(text=text, log_p=round(log_p, _DIGITS), others=named)
