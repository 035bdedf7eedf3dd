"""Language models behind servers as teachers of texts: what they say is what they would say here, as far as servers tell it."""

import json
import math
import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distil.framework.chat.messages import Message
from distil.framework.data.features import WindowSettings
from distil.framework.errors import ModelError, RecipeError, UserError
from distil.framework.generative.sampling import Sampling
from distil.framework.models.section import PretrainedTokenizer
from distil.framework.recipe.load import recipe_from_values
from distil.framework.signals.algebra import Signals, to_dense
from distil.framework.tasks.base import InferenceConfig
from distil.framework.tasks.text.example import Written
from distil.framework.tasks.text.predictor import TextPredictor
from distil.framework.tasks.text.served import ServedTexts
from distil.framework.tasks.text.settings import TextGeneration
from distil.framework.tasks.text.signal import head_sizes
from distil.framework.tasks.text.task import Text
from distil.framework.teachers.chat import Chat
from tests.chat_models import chat_folder
from tests.chat_server import Asked, Reply, Server, chat_server, completion
from tests.framework.tasks.text.runs import values
from tests.prompt_server import Form, Prompted

pytestmark = pytest.mark.skipif(find_spec("openai") is None, reason="the extra `chat` is not installed")

EXAMPLES = [
    Written("1", "Where does Anna go?", "Anna goes to Omsk, isn't it?"),
    Written("2", "Где Пётр?", " Пётр — в Рорау (1840)."),
    Written("3", "", "a text alone"),
    Written("4", "user:\nWhy?\n\nassistant:\n", "Because.", messages=(Message("user", "Why? <s>system"),)),
]
TASK = Text(generation=TextGeneration(max_new_tokens=4))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return chat_folder(tmp_path_factory.mktemp("chat"), wide=8.0)


def inference(answers: Path | None = None) -> InferenceConfig:
    return InferenceConfig(TASK, WindowSettings(max_length=96), None, "fp32", answers=answers)


def served(server: Server, folder: Path, answers: Path | None = None, **fields: Any) -> ServedTexts:
    read = {"read": "likelihood", "tokenizer": PretrainedTokenizer(id=str(folder))}
    if fields.get("read") == "completions":
        read = {}
    key = {"key_env": "LLM_KEY"} if "LLM_KEY" in os.environ else {}
    teacher = Chat(endpoint={"url": server.url, "model": "m", "retries": 0, **key}, **{**read, **fields})
    found = teacher.predictor(folder, inference(answers))
    assert isinstance(found, ServedTexts)
    return found


def here(folder: Path, **fields: Any) -> TextPredictor:
    found = Chat(model={"kind": "folder", "path": str(folder)}, read="likelihood", **fields).predictor(
        folder, inference()
    )
    assert isinstance(found, TextPredictor)
    return found


def apart(one: Signals, other: Signals) -> float:
    """Nats by which the probabilities of any outcome differ at most, of those that are likelier than a millionth."""
    size = int(head_sizes(EXAMPLES).max())
    dense = np.stack([to_dense(one, size), to_dense(other, size)])
    counts = (dense > 1e-6).all(0)
    return float(np.abs(np.diff(np.log(np.where(counts, dense, 1.0)), axis=0)).max())


@pytest.mark.parametrize("form", ["prompt_logprobs", "echo_numbers"])
def test_with_all_tokens_told_a_server_says_what_the_model_says_here(folder: Path, form: Form) -> None:
    with chat_server(Prompted(folder, form)) as server:
        there = served(server, folder, top_logprobs=1000)
        said, bits = there.signals(EXAMPLES), there.predict(EXAMPLES)
    local = here(folder)
    exact = local.signals(EXAMPLES)
    nats = apart(said, exact)
    print(f"{form}: {nats:.2e} nats")
    assert nats < 2e-4  # log P has five digits
    assert [(said.rows == exact.rows).all(), (said.heads == exact.heads).all()] == [True, True]
    for id, one in local.predict(EXAMPLES).items():
        assert bits[id]["bits"] == pytest.approx(one["bits"], abs=1e-3)
        assert bits[id]["bytes"] == one["bytes"]


@pytest.mark.parametrize("form", ["prompt_logprobs", "echo_numbers", "echo_texts"])
def test_of_the_likeliest_tokens_bits_are_exact_and_the_rest_is_near(folder: Path, form: Form) -> None:
    with chat_server(Prompted(folder, form)) as server:
        there = served(server, folder, instructions="Be brief.")
        said, bits = there.signals(EXAMPLES), there.predict(EXAMPLES)
    local = here(folder, instructions="Be brief.")
    exact = local.signals(EXAMPLES)
    dense, wanted = to_dense(said, 257), to_dense(exact, 257)
    heads = wanted.sum(1) > 0
    np.testing.assert_allclose(dense[heads].sum(1), 1.0, atol=1e-5)
    nats = float(np.mean(np.sum(wanted * np.log(np.maximum(wanted, 1e-12) / np.maximum(dense, 1e-12)), 1)[heads]))
    print(f"{form}, 20 of {len(local.tokenizer)} tokens: {nats:.4f} nats a head")
    assert nats < 0.3
    for id, one in local.predict(EXAMPLES).items():
        assert bits[id]["bits"] == pytest.approx(one["bits"], abs=1e-3)


def test_what_was_answered_is_kept_and_an_estimate_is_exact(folder: Path, tmp_path: Path) -> None:
    with chat_server(Prompted(folder)) as server:
        there = served(server, folder, tmp_path)
        before = there.estimate(EXAMPLES, EXAMPLES)
        first = there.signals(EXAMPLES)
        texts = there.predict(EXAMPLES)
        asked = len(server.asked)
        assert (before.wanted.requests, there.asker.answers.spent.requests) == (asked, asked)
        read = there.usage(EXAMPLES)
        assert read["requests"] == asked == len(EXAMPLES) + 3  # after a text alone nothing is said
        again = served(server, folder, tmp_path)
        assert again.estimate(EXAMPLES, EXAMPLES).wanted.requests == 0
        assert apart(again.signals(EXAMPLES), first) == 0.0
        assert again.predict(EXAMPLES) == texts
        assert len(server.asked) == asked
    assert texts["3"]["text"] is None
    assert isinstance(texts["1"]["text"], str)


def test_completions_are_drawn_and_those_that_were_cut_off_have_not_ended(folder: Path, tmp_path: Path) -> None:
    def twice(asked: dict[str, Any]) -> Any:
        assert "<s>" not in asked["messages"][-1]["content"]
        return completion(["one", "two"][: asked.get("n", 1)], finish="length" if asked["temperature"] else "stop")

    with chat_server(twice) as server:
        there = served(server, folder, tmp_path, read="completions")
        (drawn, *_, marked) = there.writer.write(EXAMPLES, Sampling(2, 0.7, seed=1))
        assert [(one.text, one.ended) for one in drawn] == [("one", False), ("two", False)]
        assert [one.text for one in marked] == ["one", "two"]
        assert there.writer.write(EXAMPLES[:1])[0][0].ended
        found = there.predict(EXAMPLES[:1])["1"]
        assert (found["bits"], found["text"], found["ended"]) == (None, "one", True)
        with pytest.raises(UserError, match=r"the chat teacher m writes alone.*set read: likelihood"):
            there.signals(EXAMPLES)


def test_a_server_that_says_nothing_of_prompts_costs_one_request(folder: Path, tmp_path: Path) -> None:
    with chat_server(Prompted(folder, "neither")) as server:
        there = served(server, folder, tmp_path)
        with pytest.raises(ModelError, match=r"does not say how likely a prompt's tokens are.*set read: completions"):
            there.signals(EXAMPLES)
        assert len(server.asked) == there.asker.answers.spent.requests == 1


def test_a_server_that_reads_other_tokens_is_refused(folder: Path) -> None:
    class Shifted(Prompted):
        def __call__(self, asked: dict[str, Any]) -> Any:
            change = {"more": [7, *asked["prompt"]], "other": [(id + 1) % 200 for id in asked["prompt"]]}
            return super().__call__({**asked, "prompt": change[self.how]})

        how = "more"

    with chat_server(answering := Shifted(folder)) as server:
        with pytest.raises(ModelError, match=r"it has read \d+ tokens, and \d+ were sent"):
            served(server, folder).signals(EXAMPLES)
        answering.how = "other"
        with pytest.raises(ModelError, match=r"says nothing of token \d+.*another tokenizer"):
            served(server, folder, top_logprobs=1).signals(EXAMPLES)


class Changed(Prompted):
    """Changes what it says of prompts."""

    def __init__(self, folder: Path, form: Form, change: Callable[[dict[str, Any]], object]) -> None:
        super().__init__(folder, form)
        self.change = change

    def __call__(self, asked: Asked) -> Reply:
        body = json.loads(super().__call__(asked).body)
        self.change(body["choices"][0])
        return Reply(200, json.dumps(body).encode())


def in_each_place(form: Form, change: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any]], object]:
    """Changes what is said of each token."""

    def changed(choice: dict[str, Any]) -> None:
        said = choice["prompt_logprobs"] if form == "prompt_logprobs" else choice["logprobs"]["top_logprobs"]
        for place in said[1:]:
            change(place)

    return changed


@pytest.mark.parametrize(
    ("form", "change", "words"),
    [
        (
            "prompt_logprobs",
            in_each_place("prompt_logprobs", lambda place: [one.update(decoded_token="zz") for one in place.values()]),
            r"token \d+ is 'zz' to it, and 'A' here: its model has another tokenizer",
        ),
        (
            "prompt_logprobs",
            in_each_place("prompt_logprobs", lambda place: [one.update(logprob=-math.inf) for one in place.values()]),
            r"it says nothing of token \d+",
        ),
        ("prompt_logprobs", lambda choice: choice["prompt_logprobs"].pop(), r"it has read \d+ tokens"),
        (
            "echo_texts",
            lambda choice: choice["logprobs"].update(tokens=["zz"] * len(choice["logprobs"]["tokens"])),
            r"texts that are not what they stand for, 'zz' for 'A'",
        ),
        (
            "echo_numbers",
            lambda choice: choice["logprobs"].update(tokens=["token_id:sk-secret"] * len(choice["logprobs"]["tokens"])),
            r"it echoes token_id:\*\*\* where token",
        ),
    ],
)
def test_one_answer_tells_a_server_with_other_tokens_and_is_counted_and_not_kept(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    form: Form,
    change: Callable[[dict[str, Any]], object],
    words: str,
) -> None:
    monkeypatch.setenv("LLM_KEY", "sk-secret")
    with chat_server(Changed(folder, form, change)) as server:
        there = served(server, folder, tmp_path)
        with pytest.raises(ModelError, match=words):
            there.signals(EXAMPLES)
        assert len(server.asked) == there.asker.answers.spent.requests == 1
        assert there.estimate(EXAMPLES).wanted.requests == len(EXAMPLES)


@pytest.mark.parametrize("form", ["prompt_logprobs", "echo_numbers"])
def test_names_that_are_no_tokens_count_for_nothing_and_a_key_among_them_is_not_kept(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: Form
) -> None:
    monkeypatch.setenv("LLM_KEY", "sk-secret")
    said = {"logprob": -1.0} if form == "prompt_logprobs" else -1.0
    names = ("token_id:x", "sk-secret", "9" * 5000, "-1", f"token_id:{'9' * 5000}")
    change = in_each_place(form, lambda place: place.update(dict.fromkeys(names, said)))
    with chat_server(Prompted(folder, form)) as server:
        usual = served(server, folder).signals(EXAMPLES)
    with chat_server(Changed(folder, form, change)) as server:
        assert apart(served(server, folder, tmp_path).signals(EXAMPLES), usual) == 0.0
    assert all(b"sk-secret" not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, r"teachers\.llm\.read: votes is of answers: set likelihood"),
        ({"read": "first_token"}, r"teachers\.llm\.read: first_token is of answers"),
        ({"read": "likelihood"}, r"teachers\.llm\.tokenizer: a server says how likely texts are by tokens"),
        ({"read": "completions"}, r"teachers\.llm\.read: completions: it writes alone, and the student's losses"),
        ({"read": "completions", "temperature": 2.0}, r"teachers\.llm\.temperature: a teacher that writes alone"),
        ({"read": "completions", "samples": 3}, r"teachers\.llm\.samples: .*--count"),
        ({"read": "completions", "prompt": "{text}"}, r"teachers\.llm\.prompt: how prompts are worded"),
        (
            {"read": "completions", "tokenizer": {"kind": "pretrained", "id": "m"}},
            r"tokenizer: this is for a model that runs here",
        ),
    ],
)
def test_what_such_a_teacher_cannot_do_is_refused_before_anything_is_asked(
    tmp_path: Path, fields: dict[str, Any], words: str
) -> None:
    teacher = {"kind": "chat", "endpoint": {"url": "http://127.0.0.1:9/v1", "model": "m"}, **fields}
    given = values(tmp_path, teachers={"llm": teacher}, ensemble=None, baselines=None)
    with pytest.raises(RecipeError, match=words):
        recipe_from_values(given, "here")
