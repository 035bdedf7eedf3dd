"""What a chat model is fine-tuned towards: the right answers, in the conversations in which it is asked."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from distil.framework.chat.conversations import Conversations
from distil.framework.chat.local import chat_generator, longest_conversation
from distil.framework.chat.requests import Requests
from distil.framework.chat.task import ChatTask
from distil.framework.chat.template import check_template, turn_ends
from distil.framework.errors import DataError
from distil.framework.generative.training import Generation
from distil.framework.language.words import count_of
from distil.framework.models.tokenizers import special_tokens
from distil.framework.tasks.base import Own
from distil.framework.tasks.sections import ChatSection

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedTokenizerFast


def chat_generation(
    teacher: ChatSection,
    task: ChatTask[Own, Own],
    examples: Sequence[Own],
    tokenizer: "PreTrainedTokenizerFast",
    config: "PreTrainedConfig",
) -> Generation:
    """The objective of labelled examples. Raises DataError if none has an answer, ModelError for a model that cannot be spoken to."""
    check_template(tokenizer, teacher.prompt)
    special = special_tokens(tokenizer, config)
    special = replace(special, end=min(turn_ends(tokenizer), default=special.end))
    conversations = Conversations(tokenizer, longest_conversation(config, teacher.max_length))
    requests = Requests(teacher, task, conversations.over)
    answers = [(example, task.right(example)) for example in examples]
    known = [(example, answer) for example, answer in answers if answer is not None]
    if not known:
        raise DataError(
            f"of {count_of(len(examples), 'example')} none has a label; a teacher is fine-tuned on labelled ones"
        )
    asked = [requests.of(example) for example, _ in known]
    whole = [np.append(conversations.answer(answer), np.int32(special.end)) for _, answer in known]
    return Generation(
        chat_generator(config),
        special,
        [conversations.prompt(request) for request in asked],
        # Of an answer for which there is no room the end is not learnt, as it would not be written either.
        [answer[: conversations.longest_answer(request) + 1] for request, answer in zip(asked, whole, strict=True)],
    )
