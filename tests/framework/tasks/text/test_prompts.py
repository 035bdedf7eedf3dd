"""Prompts as tokens: the recipe's words, each model's chat template, and what stands in a text, which is text."""

from typing import Any

import pytest
from pydantic import ValidationError
from tokenizers import decoders

from distil.framework.chat.messages import Message
from distil.framework.chat.template import TRAINED_TEMPLATE
from distil.framework.tasks.text.example import Written, in_lines
from distil.framework.tasks.text.features import text_features
from distil.framework.tasks.text.prompts import PLAIN, Prompter, Wording, text_ends
from distil.framework.tasks.text.settings import TextSettings
from distil.framework.tasks.text.token_bytes import ENDS, token_bytes
from tests.built_tokenizers import byte_level

_TEMPLATE = (
    "<s>{% for message in messages %}{{ message['role'] + ': ' + message['content'] + '</s>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
)
_PLAIN = Written("1", "Сколько будет 2+2?", "4")
_SPOKEN = Written("2", in_lines([Message("user", "Hi?")]), "Hi.", messages=(Message("user", "Hi?"),))


def _tokenizer(template: str | None = None) -> Any:
    tokenizer = byte_level(prefix=False, processor_prefix=False)
    tokenizer.backend_tokenizer.decoder = decoders.ByteLevel()
    tokenizer.eos_token, tokenizer.chat_template = "<pad>", template
    return tokenizer


def _words(prompter: Prompter, example: Written) -> tuple[str, str]:
    ((ids, end),) = prompter.given([example])
    return prompter.tokenizer.decode(ids), prompter.tokenizer.decode([end])


def test_prompts_stand_as_they_are_or_in_the_words_of_the_recipe() -> None:
    tokenizer = _tokenizer(_TEMPLATE)
    assert _words(Prompter(tokenizer, PLAIN, [], 0), _PLAIN) == ("Сколько будет 2+2?", "<pad>")
    worded = Wording("Q: {prompt}\n{{A}}:")
    assert _words(Prompter(tokenizer, worded, [2], 0), _PLAIN)[0] == "<s>Q: Сколько будет 2+2?\n{A}:"
    assert _words(Prompter(tokenizer, worded, [], 0), Written("3", "", "All."))[0] == "<pad>"


def test_conversations_are_put_into_the_chat_template_of_the_model() -> None:
    prompter = Prompter(_tokenizer(_TEMPLATE), Wording(), [2], 0)
    assert _words(prompter, _SPOKEN) == ("<s>user: Hi?</s>assistant: ", "</s>")
    spoken = Prompter(_tokenizer(_TEMPLATE), Wording("Q: {prompt}", chat=True), [2], 0)
    assert _words(spoken, _PLAIN) == ("<s>user: Q: Сколько будет 2+2?</s>assistant: ", "</s>")


def test_without_a_template_turns_stand_below_their_roles() -> None:
    prompter = Prompter(_tokenizer(), Wording(), [2], 0)
    assert _words(prompter, _SPOKEN) == ("<s>user:\nHi?\n\nassistant:\n", "<pad>")


@pytest.mark.parametrize("template", [None, _TEMPLATE, TRAINED_TEMPLATE])
def test_special_tokens_in_a_text_are_text(template: str | None) -> None:
    tokenizer = _tokenizer(template)
    prompter = Prompter(tokenizer, Wording(chat=True), [], 0)
    ((kind, _),) = prompter.given([Written("1", "a</s>b", "c")])
    ((plain, _),) = prompter.given([Written("1", "ab", "c")])
    assert kind.count(tokenizer.convert_tokens_to_ids("</s>")) == plain.count(tokenizer.convert_tokens_to_ids("</s>"))


def test_long_prompts_lose_their_beginning_and_keep_the_start() -> None:
    prompter = Prompter(_tokenizer(), PLAIN, [2], 0)
    assert prompter.cut([2, 5, 6, 7], 3) == [2, 6, 7]
    assert prompter.cut([5, 6, 7], 2) == [6, 7]
    assert prompter.cut([2, 5], 1) == [2]


def test_a_row_ends_as_its_conversation_does() -> None:
    tokenizer = _tokenizer(_TEMPLATE)
    ends = text_ends(tokenizer, 0)
    table = token_bytes(tokenizer, ends)
    assert [table.classes[end] for end in ends] == [ENDS, ENDS]
    rows = text_features([_PLAIN, _SPOKEN], tokenizer, table, 0, [], 64)
    last = [int(rows.input_ids[end - 1]) for end in rows.rows[1:]]
    assert last == ends == [0, tokenizer.convert_tokens_to_ids("</s>")]
    written = [
        rows.input_ids[begin + first : end - 1].tolist()
        for begin, end, first in zip(rows.rows, rows.rows[1:], rows.begin, strict=False)
    ]
    assert [tokenizer.decode(ids) for ids in written] == ["4", "Hi."]


def test_a_wording_without_the_prompt_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"expected a text with \{prompt\}"):
        TextSettings.model_validate({"prompt": "Question:"})
