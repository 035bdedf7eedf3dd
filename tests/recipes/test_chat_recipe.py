"""The embedded recipe with a chat model: trained and asked here, and then behind a server that runs what was trained."""

from pathlib import Path
from typing import Any

import pytest

from distil.framework.recipe.load import load_recipe
from distil.framework.run import prepare, run
from tests.chat_models import Answering
from tests.chat_server import chat_server
from tests.tiny import model_of

RECIPE = Path(__file__).parents[2] / "recipes" / "quickstart_chat.yaml"
SMALLER = [
    "data.source.examples={train: 32, validation: 32}",
    "data.splits={train: train, held_out: 'validation[:12]', dev: 'validation[12:]'}",
    *(f"data.extra.{name}.source.examples.train={count}" for name, count in {"letters": 32, "chats": 48, "more": 12}.items()),
    "teachers.letters-bert.fine_tune.epochs=1",
    "student.epochs=1",
    "evaluation.latency_questions=1",
    "evaluation.bootstrap=100",
]  # fmt: skip
ALONE = [  # teachers without students
    *SMALLER,
    "data.splits={held_out: 'validation[:12]', dev: 'validation[12:]'}",
    "data.extra.more=null",
    "student=null",
    "losses={hard_label: {weight: 1.0}}",
    "baselines=[]",
    "teachers.chats-llama.read=first_token",
    "teachers.chats-llama.top_logprobs=1000",
]
SERVED = [
    *ALONE,
    *(f"teachers.chats-llama.{name}=null" for name in ("model", "fine_tune")),
    "teachers.chats-llama.tokenizer={kind: pretrained}",
    "teachers.chats-llama.split=train",
    "data.extra.chats=null",
]


def test_it_runs_here_and_behind_a_server(tmp_path: Path) -> None:
    pytest.importorskip("openai", reason="the extra `chat` is not installed")
    assert "distil run recipes/quickstart_chat.yaml" in RECIPE.read_text()
    trained_here = [f"output={tmp_path}", "teachers.chats-llama.fine_tune.epochs=2"]
    results: Any = run(load_recipe(RECIPE, [*SMALLER, *trained_here]))
    names = ["letters-bert", "chats-llama", "ensemble", "student_no_distillation"]
    names += ["student_from_letters-bert", "student_from_chats-llama", "student"]
    assert [model["name"] for model in results["models"]] == names
    recipe = load_recipe(RECIPE, [*ALONE, *trained_here])
    here: Any = run(recipe)
    context, graph = prepare(recipe)
    (llama,) = (model for model in graph.models if model.name == "chats-llama")
    with chat_server(Answering(llama.weights.folder(context.store) / "model")) as server:
        endpoint = f"teachers.chats-llama.endpoint={{url: '{server.url}', model: m}}"
        there: Any = run(load_recipe(RECIPE, [*SERVED, f"output={tmp_path}", endpoint]))
    accuracy = {model_of(one, "chats-llama")["evaluation"]["accuracy"] for one in (here, there)}
    assert len(accuracy) == 1
    assert model_of(there, "chats-llama")["usage"]["requests"] == 20
