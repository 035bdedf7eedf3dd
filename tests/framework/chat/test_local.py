"""Chat models that run here: they say what transformers says of them, whatever else they are asked, and are asked once."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from transformers import AutoModelForCausalLM, LlamaForCausalLM

from distil.framework.chat.answers import Answer
from distil.framework.chat.local import LocalAsker, local_asker
from distil.framework.chat.messages import Message, Request
from distil.framework.chat.speaker import Speaker
from distil.framework.chat.template import conversation_ids
from distil.framework.chat.training import chat_generation
from distil.framework.data.features import WindowSettings
from distil.framework.errors import ModelError, RecipeError
from distil.framework.progress import SILENT
from distil.framework.signals.algebra import Signals
from distil.framework.tasks.base import InferenceConfig
from distil.framework.tasks.classification.data import Text
from distil.framework.tasks.classification.task import Classification
from distil.framework.tasks.registry import AnyTask
from distil.framework.tasks.span_qa.data import QAExample
from distil.framework.tasks.tagging.example import Tagged
from distil.framework.teachers.chat import Chat
from tests.chat_models import Answering, chat_folder, chat_tokenizer
from tests.chat_server import chat_server
from tests.listening import reserved_port

LABELS = ["доставка", "Воткинске", "fox", "fo"]
TEXTS = ["Где мой заказ?", "The quick brown fox", "a", "Пётр " * 12, "б</s>", "Где мой заказ?"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return chat_folder(tmp_path_factory.mktemp("chat"), wide=8.0)


def inference(answers: Path | None = None, batch_size: int | None = None, **task: Any) -> InferenceConfig:
    fitted = Classification.model_validate({"kind": "classification", "labels": LABELS, **task})
    return InferenceConfig(fitted, WindowSettings(), batch_size, "fp32", answers=answers)


def texts(which: Sequence[str] = TEXTS) -> list[Text]:
    return [Text("here", str(number), text, None, None) for number, text in enumerate(which)]


def teacher(folder: Path, **options: Any) -> Chat:
    return Chat.model_validate({"model": {"kind": "folder", "path": str(folder)}, "max_answer": 6, **options})


def asked(text: str, **changes: Any) -> Request:
    request = Request((Message("system", "Be brief."), Message("user", text)), 0.0, 8, 3, {})
    return replace(request, **changes)


def answers(asker: LocalAsker, wanted: Sequence[tuple[Request, int]]) -> list[Answer]:
    with SILENT.task("", 0) as bar:
        return asker.ask(wanted, bar)


def test_it_writes_what_transformers_writes(folder: Path) -> None:
    asker, whole = local_asker(folder, inference(), None, None), Answering(folder)
    for request, found in zip(
        map(asked, TEXTS[:4]), answers(asker, [(asked(text), 0) for text in TEXTS[:4]]), strict=True
    ):
        reply = json.loads(whole({**request.body("m"), "logprobs": True}).body)["choices"][0]
        assert found.text == reply["message"]["content"].strip()
        expected = reply["logprobs"]["content"]
        assert len(found.tokens) == len(expected) > 0
        for token, other in zip(found.tokens, expected, strict=True):
            assert token.log_p == pytest.approx(other["logprob"], abs=1e-4)
            assert [p for _, p in token.others] == pytest.approx(
                [one["logprob"] for one in other["top_logprobs"]], abs=1e-4
            )


def test_scores_are_those_of_the_definition(folder: Path) -> None:
    """Of "fo" all that goes on to "fox" is not its own."""
    asker, tokenizer = local_asker(folder, inference(), None, None), chat_tokenizer()
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    request = asked(TEXTS[0], candidates=tuple(LABELS))
    (found,) = answers(asker, [(request, 0)])
    prompt = conversation_ids(tokenizer, request.messages).tolist()

    def log_p(word: str) -> float:
        ids = tokenizer(word, add_special_tokens=False)["input_ids"]
        with torch.inference_mode():
            logits = model(torch.tensor([prompt + ids])).logits[0].log_softmax(-1)
        return sum(logits[len(prompt) + place - 1, id].item() for place, id in enumerate(ids))

    ids = [tokenizer(word, add_special_tokens=False)["input_ids"] for word in LABELS]
    own = np.asarray([log_p(word) for word in LABELS])
    if ids[2][: len(ids[3])] == ids[3]:
        own[3] = np.log(np.exp(own[3]) - np.exp(own[2]))
    np.testing.assert_allclose(found.scores, own, atol=1e-3)
    assert found.text == LABELS[int(np.argmax(own))]


@pytest.mark.parametrize("options", [{"read": "likelihood"}, {"read": "first_token"}, {}, {"samples": 3}])
def test_what_it_says_hangs_on_nothing_else_that_is_asked(folder: Path, options: dict[str, Any]) -> None:
    def signals(which: Sequence[str], batch_size: int | None) -> Signals:
        return teacher(folder, **options).predictor(folder, inference(batch_size=batch_size)).signals(texts(which))

    whole = signals(TEXTS, None)
    for one in (signals(TEXTS, 2), signals(TEXTS[:2], None), signals(TEXTS[3:4], 1)):
        begin = 3 if len(one) == 1 else 0
        part = whole.take(np.arange(begin, begin + len(one)))
        np.testing.assert_array_equal(part.log_p, one.log_p)
    assert (whole.take(np.asarray([0])).log_p == whole.take(np.asarray([5])).log_p).all()


def test_samples_differ_and_are_the_same_each_time(folder: Path) -> None:
    request = asked("a", temperature=1.0)
    first, second = (
        answers(local_asker(folder, inference(), None, None), [(request, sample) for sample in range(6)])
        for _ in range(2)
    )
    assert [one.text for one in first] == [one.text for one in second]
    assert len({one.text for one in first}) > 1
    assert [one.requests for one in first] == [1, 0, 0, 0, 0, 0]


def test_samples_are_drawn_as_likely_as_they_are(folder: Path) -> None:
    """First tokens of many samples, beside what the model says of them."""
    asker = local_asker(folder, inference(), None, None)
    request = asked("a", temperature=1.0, max_tokens=1, top_logprobs=1000)
    found = answers(asker, [(request, sample) for sample in range(400)])
    likely = dict(found[0].tokens[0].others)
    drawn = [one.tokens[0].text for one in found]
    for text, log_p in likely.items():
        p = np.exp(log_p)
        assert abs(drawn.count(text) / len(drawn) - p) <= 4 * np.sqrt(p * (1 - p) / len(drawn)) + 5 / len(drawn)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many requests each call of a model is about."""
    found: list[int] = []
    whole = Speaker.answers

    def counting(self: Speaker, wanted: Any, seeds: Any, bar: Any) -> Iterator[Any]:
        for part in whole(self, wanted, seeds, bar):
            found.append(len(part))
            yield part

    monkeypatch.setattr(Speaker, "answers", counting)
    return found


def test_answers_are_kept_and_another_reading_asks_nothing(tmp_path: Path, folder: Path, counted: list[int]) -> None:
    asked_of = texts(["one", "two", "three", "one"])
    for options in ({"read": "likelihood"}, {"read": "first_token"}, {"read": "likelihood", "temperature": 2.0}):
        predictor: Any = teacher(folder, top_logprobs=400, **options).predictor(folder, inference(tmp_path))
        predictor.signals(asked_of)
    assert sum(counted) == 3
    assert predictor.usage(asked_of) | {"seconds": 0.0} == {
        "requests": 3, "input_tokens": predictor.usage(asked_of)["input_tokens"], "output_tokens": 0, "cost": None, "seconds": 0.0, "invalid": 0.0
    }  # fmt: skip
    other = chat_folder(tmp_path / "other", wide=1.0)
    teacher(other, read="likelihood").predictor(other, inference(tmp_path)).signals(asked_of)
    assert sum(counted) == 6, "another model's answers are its own"


def test_what_was_answered_before_the_end_is_kept(
    tmp_path: Path, folder: Path, counted: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = inference(tmp_path, batch_size=2)
    stopping = Speaker.answers

    def stopped(self: Speaker, *given: Any) -> Iterator[Any]:
        yield next(iter(stopping(self, *given)))
        raise KeyboardInterrupt

    asked_of = texts([f"text {number}" for number in range(6)])
    with monkeypatch.context() as patch:
        patch.setattr(Speaker, "answers", stopped)
        with pytest.raises(KeyboardInterrupt):
            teacher(folder).predictor(folder, few).signals(asked_of)
    before = sum(counted)
    assert 0 < before < 6
    again: Any = teacher(folder).predictor(folder, few)
    found = again.signals(asked_of)
    np.testing.assert_array_equal(found.log_p, teacher(folder).predictor(folder, inference()).signals(asked_of).log_p)


def test_a_model_without_a_template_goes_on_with_its_own_prompt(tmp_path: Path) -> None:
    plain = chat_folder(tmp_path / "plain", template=False, wide=8.0)
    with pytest.raises(ModelError, match="has no chat template"):
        teacher(plain).predictor(plain, inference())
    own = teacher(plain, prompt="Text: {text}\nLabel:", read="likelihood")
    assert len(own.predictor(plain, inference()).signals(texts())) == len(TEXTS)


def test_long_texts_are_cut_and_no_room_is_an_error(folder: Path) -> None:
    long = texts(["слово " * 400])
    short = texts(["слово " * 400 + "и ещё"])
    predictor = teacher(folder, max_length=260).predictor(folder, inference())
    np.testing.assert_array_equal(predictor.signals(long).log_p, predictor.signals(short).log_p)
    with pytest.raises(RecipeError, match="tokens too long"):
        teacher(folder, max_length=160).predictor(folder, inference()).signals(long)
    with pytest.raises(ModelError, match="has positions for 512"):
        teacher(folder, max_length=4000).predictor(folder, inference())


WORDS = dict(zip(LABELS, "abcd", strict=True))  # single tokens


@pytest.fixture(scope="module")
def taught(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has learnt to answer with one of the words, in its conversations."""
    examples = [replace(text, gold=(LABELS[number % 4],)) for number, text in enumerate(texts(TEXTS[:4]))]
    tokenizer, model = chat_tokenizer(), LlamaForCausalLM.from_pretrained(folder)
    task = inference(verbaliser=WORDS).task.chat()
    learnt = chat_generation(teacher(folder), task, examples, tokenizer, model.config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for step in range(40):
        loss, _ = learnt.loss(model, learnt.batch(np.arange(len(examples)), True, step), 0.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found = tmp_path_factory.mktemp("taught")
    model.save_pretrained(found)
    tokenizer.save_pretrained(found)
    return found


@pytest.mark.parametrize(("read", "most"), [("first_token", 1e-4), ("likelihood", 0.2)])
def test_a_server_that_runs_the_model_teaches_the_same(taught: Path, read: str, most: float) -> None:
    """A server's likelihoods are also of words that are written otherwise, in capitals say, of which this model says few."""
    pytest.importorskip("openai", reason="the extra `chat` is not installed")
    options: dict[str, Any] = {"read": read, "max_answer": 4, "top_logprobs": 400}
    here = teacher(taught, **options).predictor(taught, inference(verbaliser=WORDS)).signals(texts())
    with chat_server(Answering(taught)) as server:
        there = Chat.model_validate({"endpoint": {"url": server.url, "model": "m"}, **options})
        found = there.predictor(taught, inference(verbaliser=WORDS)).signals(texts())
    mass = np.exp(here.log_p)
    differ = float(np.abs(np.where(mass > 1e-3, here.log_p - found.log_p, mass - np.exp(found.log_p))).max())
    print(f"{read}: {differ:.2g} nats")
    assert differ < most


@pytest.mark.parametrize(
    ("task", "example", "options"),
    [
        (
            {"kind": "extractive_qa"},
            QAExample("1", "Анна родилась в Туле.", "Где?", None),
            {"read": "likelihood", "samples": 3},
        ),
        ({"kind": "extractive_qa"}, QAExample("1", "Анна родилась в Туле.", "Где?", None), {"samples": 2}),
        (
            {"kind": "tagging", "labels": ["O", "B-PER", "I-PER"]},
            Tagged("here", "1", "Анна в Туле", ((0, 4), (5, 6), (7, 11)), None),
            {},
        ),
        ({"kind": "classification", "labels": LABELS, "problem_type": "multi_label"}, texts()[0], {"samples": 2}),
    ],
)
def test_it_teaches_every_task(folder: Path, task: dict[str, Any], example: Any, options: dict[str, Any]) -> None:
    """One that knows nothing teaches that all is alike, and its likelihoods are those of what it wrote."""
    fitted: Any = TypeAdapter(AnyTask).validate_python(task)
    predictor: Any = teacher(folder, **options).predictor(
        folder, InferenceConfig(fitted, WindowSettings(), None, "fp32")
    )
    signals = predictor.signals([example])
    assert len(signals) == 1
    assert np.isfinite(np.logaddexp.reduce(np.append(signals.log_p[: signals.rows[1]], signals.tail[0])))
    said = answers(predictor.asker, [(predictor.request(example), sample) for sample in range(2)])
    assert all(bool(one.tokens) == ("read" in options) for one in said)


def test_transformers_serve_votes_the_same(folder: Path) -> None:
    pytest.importorskip("openai", reason="the extra `chat` is not installed")
    for package in ("fastapi", "uvicorn"):
        pytest.importorskip(package, reason="transformers serve needs it")
    serve = pytest.importorskip("transformers.cli.serve")
    with reserved_port() as port, ExitStack() as leaving:
        server = serve.Serve(
            force_model=str(folder), device="cpu", dtype="float32", host="127.0.0.1", port=port, non_blocking=True
        )
        leaving.callback(server.kill_server)
        there = Chat.model_validate(
            {"endpoint": {"url": f"http://127.0.0.1:{port}/v1", "model": str(folder), "retries": 20}, "max_answer": 6}
        )
        found: Any = there.predictor(folder, inference())
        here: Any = teacher(folder).predictor(folder, inference())
        requests = [(here.request(text), 0) for text in texts()]
        with SILENT.task("", 0) as bar:
            mine, theirs = here.asker.ask(requests, bar), found.asker.ask(requests, bar)
        assert [one.text for one in mine] == [one.text.strip() for one in theirs]
