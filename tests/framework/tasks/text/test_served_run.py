"""A run whose teacher of texts is behind a server: it is asked once, and killed it goes on with what it has paid for."""

import json
import os
import signal
import threading
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

import distil
from distil.framework.errors import UserError
from distil.framework.label import label
from distil.framework.recipe.load import recipe_from_values
from distil.framework.rehearsal.answers import requests_in_words
from distil.framework.run import prepare, run
from tests.chat_models import chat_folder
from tests.chat_server import Asked, Reply, Server, chat_server, completion
from tests.forked import start
from tests.framework.tasks.text.runs import values
from tests.prompt_server import Prompted
from tests.tiny import model_of

pytestmark = pytest.mark.skipif(find_spec("openai") is None, reason="the extra `chat` is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return chat_folder(tmp_path_factory.mktemp("chat"))


def recipe_values(output: Path, folder: Path, url: str, **changes: Any) -> dict[str, Any]:
    """A student of texts and its teacher `llm` behind a server; 16 texts to learn from, 4 to be measured by."""
    teacher = {
        "kind": "chat",
        "endpoint": {"url": url, "model": "m", "concurrency": 3},
        "read": "likelihood",
        "tokenizer": {"kind": "pretrained", "id": str(folder)},
        "prices": {"input": 1.0, "output": 2.0},
    }
    usual = {
        "teachers": {"llm": teacher},
        "ensemble": None,
        "baselines": None,
        "data__splits": {"train": "train[:16]", "dev": "train[16:20]"},
        "student__epochs": 1,
        "evaluation__latency_questions": 0,
    }
    return values(output, **{**usual, **changes})


def keys(server: Server) -> Counter[str]:
    """How often each thing was asked."""
    return Counter(json.dumps(asked, sort_keys=True) for asked in server.asked)


def test_a_student_learns_what_a_server_says_of_its_texts_and_another_asks_nothing(
    tmp_path: Path, folder: Path
) -> None:
    with chat_server(Prompted(folder)) as server:
        recipe = recipe_from_values(recipe_values(tmp_path, folder, server.url), "here")
        context, _ = prepare(recipe)
        told, *_ = requests_in_words(recipe, context.task, context.data, context.store)
        assert told.startswith("llm is asked about train, dev: 24 requests, about ")
        results: Any = run(recipe)
        assert keys(server).most_common(1)[0][1] == 1
        assert len(server.asked) == 24
        llm = model_of(results, "llm")
        assert llm["usage"]["requests"] == 8
        assert {"bits_per_byte", "exact_match"} <= llm["evaluation"].keys()
        assert results["signals"][0]["usage"]["requests"] == 16
        run(recipe_from_values(recipe_values(tmp_path, folder, server.url, losses={"chunk": {}}), "here"))
        assert len(server.asked) == 24


def test_one_that_writes_alone_is_measured_by_what_it_writes(tmp_path: Path, folder: Path) -> None:
    given = recipe_values(tmp_path, folder, "", losses=None, student=None)
    given = {name: value for name, value in given.items() if name not in ("student", "losses") and value is not None}
    with chat_server(Prompted(folder)) as server:
        endpoint = {"url": server.url, "model": "m"}
        given["teachers"] = {"llm": {"kind": "chat", "endpoint": endpoint, "read": "completions"}}
        given["data"]["splits"] = {"dev": "train[16:20]"}
        results: Any = run(recipe_from_values(given, "here"))
    assert len(server.asked) == 4
    measured = model_of(results, "llm")["evaluation"]
    assert "exact_match" in measured
    assert "bits_per_byte" not in measured


def test_what_one_writes_that_writes_alone_is_learnt_and_judged_by_others(tmp_path: Path, folder: Path) -> None:
    prompted = Prompted(folder)

    def answer(asked: Asked) -> Reply:
        return prompted(asked) if "prompt" in asked else completion(["Anna goes to Omsk."], asked["model"])

    with chat_server(answer) as server:
        given = recipe_values(tmp_path, folder, server.url)
        writer = {"kind": "chat", "endpoint": {"url": server.url, "model": "w"}, "read": "completions"}
        given["teachers"] = {"writer": writer, "llm": given["teachers"]["llm"]}
        given |= {"ensemble": {"rule": "mean"}, "student": {**given["student"], "completions": {"of": ["train"]}}}
        recipe = recipe_from_values(given, "here")
        context, _ = prepare(recipe)
        told, later, *_ = requests_in_words(recipe, context.task, context.data, context.store)
        assert "llm is asked how likely texts are, once these are written: one request for each of at most 32" in later
        assert told.startswith("writer is asked about dev, train: 20 requests, about ")
        results: Any = run(recipe)
        assert sum(asked["model"] == "w" for asked in server.asked) == 20
        assert {one["teacher"] for one in results["signals"]} == {"llm"}
        with pytest.raises(UserError, match="there is nothing to compare"):  # by bits, which the writer has none of
            distil.compare(recipe.run_folder)
        alone = {**given, "teachers": {"writer": writer}, "ensemble": None, "losses": {"hard_label": {}}}
        run(recipe_from_values({name: one for name, one in alone.items() if one is not None}, "here"))
        assert sum(asked["model"] == "w" for asked in server.asked) == 20
        keyed = {**writer, "endpoint": {**writer["endpoint"], "key_env": "NO_KEY"}}
        more = {
            **alone,
            "teachers": {"writer": keyed},
            "student": {**given["student"], "completions": {"of": ["train"], "count": 2}},
        }
        without_key = recipe_from_values({name: one for name, one in more.items() if one is not None}, "here")
        with pytest.raises(UserError, match=r"teachers\.writer\.endpoint\.key_env: the environment has no NO_KEY"):
            run(without_key)
        assert not (without_key.run_folder / "results.json").exists()  # before anything is made
        with pytest.raises(UserError, match=r"the teachers \(writer\) write alone"):
            label(recipe_from_values({name: one for name, one in alone.items() if one is not None}, "here"))


def test_a_run_that_is_killed_asks_nothing_again_but_what_was_under_way(tmp_path: Path, folder: Path) -> None:
    answer, killed, lock, begun = Prompted(folder), threading.Event(), threading.Lock(), threading.Event()

    def deadly(asked: Asked) -> Reply:
        with lock:
            if len(server.asked) >= 14 and not killed.is_set():
                begun.wait(300)
                os.kill(process.pid, signal.SIGKILL)
                killed.set()
        return answer(asked)

    path = tmp_path / "recipe.yaml"
    with chat_server(deadly) as server:
        path.write_text(yaml.safe_dump(recipe_values(tmp_path, folder, server.url)))
        process = start("run", path)
        begun.set()
        output = process.stdout.read()
        assert process.wait(timeout=120) == -signal.SIGKILL, output
        before = len(server.asked)
        assert before < 24
        process = start("run", path)
        output = process.stdout.read()
        assert process.wait(timeout=120) == 0, output
        asked = keys(server)
    assert len(asked) == 24
    assert sum(asked.values()) - 24 <= 3  # as many as may be under way
    (results,) = tmp_path.glob("*/results.json")
    assert json.loads(results.read_text())["state"] == "finished"


def test_next_tokens_are_learnt_from_a_server_whose_model_has_the_students_tokenizer(
    tmp_path: Path, folder: Path
) -> None:
    with chat_server(Prompted(folder)) as server:
        given = recipe_values(tmp_path, folder, server.url, losses={"next_token": {}})
        given["student"] = {"model": {"kind": "folder", "path": str(folder)}, "lr": 0.01, "epochs": 2, "batch_size": 4}
        results: Any = run(recipe_from_values(given, "here"))
    history = (tmp_path / model_of(results, "student")["history"]).read_text().splitlines()
    found = [line["metrics"]["loss/next_token"] for line in map(json.loads, history) if line["kind"] == "epoch"]
    assert len(found) == 2
    assert 0 < found[-1] < 2
