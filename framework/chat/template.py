"""Conversations as tokens, by a model's own chat template: what a text of the data holds is text, whatever it looks like."""

import re
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from distil.framework.chat.messages import Message
from distil.framework.errors import ModelError, first_line
from distil.framework.generative.prompts import begin_of_text
from distil.framework.generative.writer import Ids
from distil.framework.language.words import count_of
from distil.framework.models.tokenizers import special_tokens

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

# For tokenizers that are trained here: each message between the tokens with which they begin and end a text.
TRAINED_TEMPLATE = (
    "{% for message in messages %}{{ '[CLS]' + message['role'] + '\\n' + message['content'] + '[SEP]' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '[CLS]assistant\\n' }}{% endif %}"
)
TURN = "\n\n"  # between messages where there is no template
# To templates that say which day it is: what a model answers does not hang on when it is asked.
_TODAY = date(2025, 1, 1)
_DAY = re.compile(r"""strftime_now\(\s*(["'])(.*?)\1\s*\)""")
_PLACE = "\ue000{}\ue001"  # of the private use area: what stands for a message while the template is filled
_PLACES = re.compile("\ue000(\\d+)\ue001")


def check_template(tokenizer: "PreTrainedTokenizerFast", prompt: str | None) -> None:
    """Refuse a model of which neither its tokenizer nor the teacher's own `prompt` says how it is spoken to. Raises ModelError."""
    if not tokenizer.chat_template and prompt is None:
        raise ModelError(
            f"the tokenizer of {tokenizer.name_or_path or 'the model'} has no chat template: take an instruction-tuned model, or say by "
            "`prompt` what it is to go on with, such as 'Text: {text}\\nLabel:'"
        )


def conversation_ids(tokenizer: "PreTrainedTokenizerFast", messages: Sequence[Message]) -> Ids:
    """The tokens of a conversation, up to where the model answers.

    Only the template's own words can be special tokens. Without a template it is the messages' texts, with an empty line between
    turns. Raises ModelError for a template that takes no such messages.
    """
    if not tokenizer.chat_template:
        return np.asarray([*begin_of_text(tokenizer), *_as_text(tokenizer, _plain(messages))], np.int32)
    special = {token: tokenizer.convert_tokens_to_ids(token) for token in _special(tokenizer)}
    places = [Message(message.role, _PLACE.format(number)) for number, message in enumerate(messages)]
    framed, whole = _rendered(tokenizer, places), _rendered(tokenizer, messages)
    if missing := {str(number) for number in range(len(messages))} - set(_PLACES.findall(framed)):
        raise ModelError(
            f"the model's chat template leaves out {count_of(len(missing), 'message')}: take another model"
        )
    if _named(framed, list(special)) == _named(whole, list(special)):
        return np.asarray(tokenizer(whole, add_special_tokens=False, verbose=False)["input_ids"], np.int32)
    ids: list[int] = []
    for text, is_special in _parts(framed, messages, list(special)):
        ids.extend([special[text]] if is_special else _as_text(tokenizer, text))
    return np.asarray(ids, np.int32)


def turn_ends(tokenizer: "PreTrainedTokenizerFast") -> set[int]:
    """The special token with which the template ends what the model says, if it does so by one."""
    if not tokenizer.chat_template:
        return set()
    said = [Message("user", _PLACE.format(0)), Message("assistant", _PLACE.format(1))]
    special = _special(tokenizer)
    after = _PLACES.split(_rendered(tokenizer, said, ask=False))[-1]
    found = _named(after, special)[:1]
    return {int(tokenizer.convert_tokens_to_ids(token)) for token in found}


def answer_ends(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerFast") -> frozenset[int]:
    """Tokens that end what a model writes: those of its own settings, and of its tokenizer and template."""
    named = model.generation_config.eos_token_id
    own = named if isinstance(named, list) else [] if named is None else [named]
    return frozenset([*own, special_tokens(tokenizer, model.config).end, *turn_ends(tokenizer)])


def _as_text(tokenizer: "PreTrainedTokenizerFast", text: str) -> list[int]:
    found = tokenizer(text, add_special_tokens=False, split_special_tokens=True, verbose=False)
    return list(found["input_ids"])


def _plain(messages: Sequence[Message]) -> str:
    """Answers stand behind what they answer, after a space."""
    text = ""
    for message in messages:
        between = " " if message.role == "assistant" else TURN
        text += (between if text else "") + message.content
    return text


def _special(tokenizer: "PreTrainedTokenizerFast") -> list[str]:
    """Longest first, as one may begin another."""
    added = [str(token.content) for token in tokenizer.added_tokens_decoder.values() if token.special]
    return sorted({*added, *map(str, tokenizer.all_special_tokens)}, key=lambda token: (-len(token), token))


def _rendered(tokenizer: "PreTrainedTokenizerFast", messages: Sequence[Message], ask: bool = True) -> str:
    """What the template makes of messages. One that knows no system message gets it at the beginning of the user's."""
    try:
        return _filled(tokenizer, messages, ask)
    except Exception as error:  # templates raise what they want
        reason = first_line(error)
    try:
        if messages[0].role == "system":
            first = Message(messages[1].role, f"{messages[0].content}{TURN}{messages[1].content}")
            return _filled(tokenizer, [first, *messages[2:]], ask)
    except Exception:
        pass
    roles = ", ".join(message.role for message in messages)
    raise ModelError(
        f"the model's chat template does not take messages of {roles}: {reason}; take a model whose template does"
    )


def _filled(tokenizer: "PreTrainedTokenizerFast", messages: Sequence[Message], ask: bool) -> str:
    """Where templates let models think aloud before they answer, they are told not to: answers are short."""
    said = [{"role": message.role, "content": message.content} for message in messages]
    template = _DAY.sub(lambda call: repr(_TODAY.strftime(call[2])), tokenizer.get_chat_template())
    return str(
        tokenizer.apply_chat_template(
            said, chat_template=template, tokenize=False, add_generation_prompt=ask, enable_thinking=False
        )
    )


def _named(text: str, special: Sequence[str]) -> list[str]:
    """The special tokens in a text, in their order."""
    return re.findall("|".join(map(re.escape, special)), text) if special else []


def _parts(framed: str, messages: Sequence[Message], special: Sequence[str]) -> list[tuple[str, bool]]:
    """Special tokens of the template, and what stands between them, with the messages' contents in it."""
    cut = re.split(f"({'|'.join(map(re.escape, special))})", framed) if special else [framed]
    filled = [
        (_PLACES.sub(lambda place: messages[int(place[1])].content, part), number % 2 == 1)
        for number, part in enumerate(cut)
    ]
    return [(text, is_special) for text, is_special in filled if text]
