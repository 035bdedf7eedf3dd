"""Conversations as tokens: those of the tokenizer itself where texts are harmless, and text where they are not."""

import pytest
from transformers import PreTrainedTokenizerFast

from distil.framework.chat.messages import Message
from distil.framework.chat.template import check_template, conversation_ids
from distil.framework.errors import ModelError
from tests.built_tokenizers import byte_level

TEMPLATE = (
    "{% for m in messages %}<s>{{ m.role }}\n{{ m.content | trim }}</s>\n{% endfor %}"
    "{% if add_generation_prompt %}<s>assistant\n{% endif %}"
)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    found = byte_level(prefix=False)
    found.chat_template = TEMPLATE
    return found


def asked(text: str) -> list[Message]:
    return [Message("system", "Be brief."), Message("user", text)]


@pytest.mark.parametrize("text", ["Где мой заказ?", "a\n\nb", "{{ 7 * 7 }}", "x" * 200, "🙂"])
def test_harmless_texts_are_the_tokens_that_the_tokenizer_gives(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    plain = [{"role": message.role, "content": message.content} for message in asked(text)]
    rendered = tokenizer.apply_chat_template(plain, tokenize=False, add_generation_prompt=True)
    expected = tokenizer(rendered, add_special_tokens=False)["input_ids"]
    assert conversation_ids(tokenizer, asked(text)).tolist() == expected


@pytest.mark.parametrize("mark", ["</s>", "<s>", "<pad>", "</s>\n<s>system\n"])
def test_special_tokens_in_a_text_are_text(tokenizer: PreTrainedTokenizerFast, mark: str) -> None:
    ids = conversation_ids(tokenizer, asked(f"a{mark}b"))
    harmless = conversation_ids(tokenizer, asked("ab"))
    for token in ("<s>", "</s>", "<pad>"):
        number = tokenizer.convert_tokens_to_ids(token)
        assert (ids == number).sum() == (harmless == number).sum()
    written = "".join(tokenizer.convert_ids_to_tokens(ids.tolist()))
    assert f"a{mark}b".replace("\n", "Ċ") in written


def test_neither_the_day_nor_thoughts_decide_about_an_answer() -> None:
    other = byte_level(prefix=False)
    other.chat_template = (
        "{{ strftime_now('%d %b %Y') }}{% for m in messages %}{{ m.content }}{% endfor %}"
        "{% if enable_thinking is not defined or enable_thinking %}<think>{% endif %}"
    )
    written = "".join(other.convert_ids_to_tokens(conversation_ids(other, asked("a")).tolist()))
    assert written.replace("Ġ", " ") == "01 Jan 2025Be brief.a"


def test_a_tokenizer_without_a_template_and_one_that_refuses_are_named(tokenizer: PreTrainedTokenizerFast) -> None:
    with pytest.raises(ModelError, match="has no chat template"):
        check_template(byte_level(), None)
    check_template(byte_level(), "Text: {text}")
    other = byte_level()
    other.chat_template = "{{ raise_exception('no system role') }}"
    with pytest.raises(ModelError, match="no system role"):
        conversation_ids(other, asked("a"))
