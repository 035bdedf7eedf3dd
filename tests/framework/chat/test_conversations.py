"""Conversations have room for what they are to hold, or are known to be too long."""

import numpy as np
import pytest
from transformers import LlamaConfig

from distil.framework.chat.conversations import Conversations
from distil.framework.chat.messages import Message, Request
from distil.framework.chat.template import conversation_ids
from distil.framework.chat.training import chat_generation
from distil.framework.tasks.span_qa.chat import SpanChat
from distil.framework.tasks.span_qa.data import Answer, QAExample
from distil.framework.teachers.chat import Chat
from tests.chat_models import chat_tokenizer


@pytest.mark.parametrize("words", [1, 40])
@pytest.mark.parametrize("frame", ["", "Who are you? " * 9])
def test_all_tokens_count_those_of_the_template_too(frame: str, words: int) -> None:
    tokenizer = chat_tokenizer()
    tokenizer.chat_template = frame + str(tokenizer.chat_template)
    asked = Request((Message("user", "ab " * words),), 0.0, 8, 0, {}, None, ("yes", "no, and that for a long while"))
    own = len(conversation_ids(tokenizer, asked.messages))
    answer = max(8, len(tokenizer(asked.candidates[1], add_special_tokens=False)["input_ids"]))
    for length in range(answer + 1, own + answer + 20):
        assert Conversations(tokenizer, length).over(asked) == max(0, own + answer - length)


def test_what_is_learnt_fits_the_model() -> None:
    """An answer of more tokens than it may have is learnt as far as it is written."""
    context = "слово " * 60
    examples = [
        QAExample("1", context, "Что?", (Answer(context.strip(), 0),)),
        QAExample("2", context, "Что?", (Answer("слово", 0),)),
    ]
    teacher = Chat.model_validate({"model": {"kind": "folder", "path": "here"}, "max_answer": 12, "instructions": "Go"})
    tokenizer, config = chat_tokenizer(), LlamaConfig(max_position_embeddings=128)
    learnt = chat_generation(teacher, SpanChat(False, 5, 0.0), examples, tokenizer, config)
    assert max(len(ids) for ids in learnt.answers) == 13
    assert learnt.answers[0][-1] != learnt.special.end == learnt.answers[1][-1]
    inputs = learnt.batch(np.arange(2), True, 0).inputs["input_ids"]
    assert inputs.shape[1] <= 128
