"""What a model of texts is asked, as text, as turns, and as JSON with turns."""

import json
from collections.abc import Callable

import pytest
from pydantic import ValidationError

from distil.framework.answer import request_of
from distil.framework.chat.messages import Message
from distil.framework.errors import DataError, ModelError
from distil.framework.tasks.text.example import Written
from distil.framework.tasks.text.requests import PromptRequest, asked, respond, written
from distil.framework.tasks.text.task import Text
from distil.framework.tasks.text.writing import Completion

TURNS = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Why?"}]


def test_a_prompt_is_gone_on_with_as_it_stands() -> None:
    example = asked(PromptRequest(prompt=" Why?\n"))
    assert (example.prompt, example.completion, example.messages, example.labelled) == (" Why?\n", "", (), False)


IN_PARTS = [
    {"role": "Developer", "content": "Be short."},
    {"role": "user", "content": [{"type": "text", "text": "W"}, {"type": "text", "text": "hy?"}]},
]


@pytest.mark.parametrize("turns", [TURNS, json.dumps(TURNS), IN_PARTS, json.dumps(IN_PARTS)])
def test_turns_are_a_conversation_that_goes_on(turns: object) -> None:
    example = asked(PromptRequest.model_validate({"messages": turns}))
    assert example.messages == (Message("system", "Be short."), Message("user", "Why?"))
    assert (example.completion, example.labelled) == ("", False)


@pytest.mark.parametrize("as_asked", [list, json.dumps])
def test_what_is_wrong_with_a_turn_is_told_of_that_turn(as_asked: Callable[[object], object]) -> None:
    turns = [*TURNS, {"role": "user", "content": "Why?", "name": "Ann"}]
    with pytest.raises(DataError, match=r"^the request: messages\.2\.name: there is no such field \(found 'Ann'\)$"):
        request_of(Text(), {"messages": as_asked(turns)})


def test_json_without_end_is_refused() -> None:
    with pytest.raises(DataError, match=r"expected a list of turns, or JSON with one \(.*recursion"):
        request_of(Text(), {"messages": "[" * 100_000})


def test_what_is_no_conversation_is_refused() -> None:
    for turns in ("Why?", "[", [{"role": "user"}], [{"role": "user", "content": 3}]):
        with pytest.raises(ValidationError):
            PromptRequest.model_validate({"messages": turns})
    spoken = [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": ""}}]}]
    with pytest.raises(
        DataError,
        match=r"^the request: messages\.0\.content: has a part of type 'input_audio' \(number 0\), and models",
    ):
        request_of(Text(), {"messages": spoken})
    with pytest.raises(DataError, match="what the user says"):
        asked(PromptRequest.model_validate({"messages": []}))


def test_what_was_written_is_answered() -> None:
    prediction = {"bits": 3.0, "bytes": 0, **written(Completion("é", -1.5, 2, True))}
    assert respond(prediction).model_dump() == {"text": "é", "log_probability": -1.5, "tokens": 2, "ended": True}
    with pytest.raises(ModelError, match="an ensemble writes nothing"):
        respond({"bits": 3.0, "bytes": 0, "text": None})


def test_a_prompt_is_what_a_user_says_where_all_data_are_conversations() -> None:
    turns = (Message("user", "Why?"),)
    spoken, plain = Written("0", "", "b", messages=turns), Written("1", "a", "b")
    task = Text.model_validate({"kind": "text"})
    assert [task.fitted({"train": data}).as_chat for data in ([spoken], [spoken, plain], [])] == [True, False, False]
    assert task.fitted({"train": [spoken]}).wording.messages(asked(PromptRequest(prompt="Why?"))) == turns
    assert not Text.model_validate({"kind": "text", "as_chat": False}).fitted({"train": [spoken]}).as_chat
