"""What a recipe may say of a server."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from distil.framework.chat.section import Endpoint
from distil.framework.errors import RecipeError
from distil.framework.recipe.load import recipe_from_values
from distil.framework.teachers import AnyTeacher
from distil.framework.teachers.base import own_settings
from distil.framework.teachers.chat import Chat
from tests.tiny import tiny_values

SERVER = {"url": "http://127.0.0.1:8000/v1", "model": "m"}


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://here/v1", "the scheme is 'ftp'"),
        ("file:///etc/passwd", "the scheme is 'file'"),
        ("localhost:8000", "the scheme is 'localhost'"),
        ("http:///v1", "names no host"),
        ("http://host:port/v1", "not a URL"),
        ("https://me:secret@host/v1", "key_env"),
        ("https://host/v1?key=secret", "key_env"),
    ],
)
def test_what_is_no_server_is_refused(url: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Endpoint.model_validate({**SERVER, "url": url})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"top_logprobs": 5}, "set read: likelihood"),
        ({"samples": 3, "sampling_temperature": 0.0}, "all `samples` are the same"),
        ({"budget": {"max_cost": 1.0}}, "needs `prices`"),
        ({"extra": {"n": 2}}, "set by other options"),
        ({"model": {"kind": "folder", "path": "x"}}, "give one of them, not both"),
        ({"crossfit": 3}, "crossfit: this is for a model that runs here"),
        ({"endpoint": {"model": "m"}}, "give `url`, or `url_env`"),
        ({"endpoint": {**SERVER, "url_env": "LLM_URL"}}, "not both"),
        ({"endpoint": {**SERVER, "key": "sk-secret"}}, "did you mean 'key_env'"),
        ({"endpoint": {**SERVER, "key_env": "sk-a secret"}}, "in capital letters"),
        ({"endpoint": {**SERVER, "key_env": "hf_asecret"}}, "in capital letters"),
        ({"endpoint": {**SERVER, "url": None, "url_env": "https://here"}}, "in capital letters"),
    ],
)
def test_options_that_would_be_ignored_are_refused(fields: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        TypeAdapter(AnyTeacher).validate_python({"kind": "chat", "endpoint": SERVER, **fields})


@pytest.mark.parametrize(
    "endpoint",
    [
        {"key": "sk-secret"},
        {"key_env": "sk-secret"},
        {"key_env": "hf_secret"},
        {"url": "https://me:secret@host/v1"},
        {"url": "https://me:secret/word@host/v1"},
        {"url": "https://host/v1?key=secret"},
        {"model": None, "url": "secret"},
        {"url": ["secret"]},
    ],
)
def test_messages_show_no_key_that_stands_where_it_does_not_belong(endpoint: dict[str, Any]) -> None:
    values = tiny_values(Path("runs"), teachers={"llm": {"kind": "chat", "endpoint": {**SERVER, **endpoint}}})
    overrides = [f"teachers.llm.endpoint.{name}={value}" for name, value in endpoint.items() if value]
    whole = f"teachers.llm={yaml.safe_dump(values['teachers']['llm'], default_flow_style=True).strip()}"
    for given in ([], overrides, [whole]):
        with pytest.raises(RecipeError, match=r"teachers\.llm\.endpoint") as found:
            recipe_from_values(values, "here", given)
        assert "secret" not in str(found.value)


def test_who_is_asked_for_how_much_decides_about_no_answer() -> None:
    one = Chat.model_validate({"endpoint": SERVER})
    other = Chat.model_validate(
        {
            "endpoint": {**SERVER, "url": "https://elsewhere/v1", "key_env": "KEY", "concurrency": 2, "retries": 1},
            "prices": {"input": 1.0, "output": 2.0},
            "budget": {"requests": 5},
        }
    )
    elsewhere = Chat.model_validate({"endpoint": {"url_env": "LLM_URL", "model": "m"}})
    assert own_settings(one) == own_settings(elsewhere)
    another = Chat.model_validate({"endpoint": {**SERVER, "model": "n"}})
    assert own_settings(one) == own_settings(other) != own_settings(another)
