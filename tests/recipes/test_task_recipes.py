"""The recipes of other tasks than SberQuAD that ship run from start to table, offline, on stand-ins for what the hub holds."""

from pathlib import Path
from typing import Any

import pytest

from distil.framework.label import label
from distil.framework.recipe.load import load_recipe
from distil.framework.run import run
from tests.chat_server import Asked, Reply, chat_server, completion
from tests.framework.tasks.classification.texts import messages
from tests.framework.tasks.tagging.texts import news
from tests.hub_cache import use_cache
from tests.standin_datasets import (
    put_banking77,
    put_collection3,
    put_conll2003,
    put_gsm8k,
    put_mnli,
    put_rucola,
    put_squad,
)
from tests.standins import BYTE_TEACHER, TEACHER, put_byte_teacher, put_language_model, put_teacher

FOLDER = Path(__file__).parents[2] / "recipes"
FOLDERS = ("classification", "tagging", "squad", "text")
QUICK = ["student.epochs=1", "evaluation.latency_questions=1", "evaluation.bootstrap=100", "windows.max_length=48"]
LANGUAGE_MODELS = {
    "Qwen/Qwen3-4B": "qwen3",
    "microsoft/Phi-4-mini-instruct": "phi3",
    "meta-llama/Llama-3.2-3B-Instruct": "llama",
    "meta-llama/Llama-3.2-1B": "llama",
}
OVERLAP = "windows.doc_stride=8"  # of windows so short
SMALLER = {
    "quickstart_classification": [
        "data.source.examples={train: 48, validation: 60}",
        "data.splits={train: train, held_out: 'validation[:20]', dev: 'validation[20:]'}",
        *(f"data.extra.{name}.source.examples.train=48" for name in ("letters", "chats", "more")),
        "teachers.letters-bert.fine_tune.epochs=1",
        "teachers.chats-roberta.fine_tune.epochs=1",
        "student.epochs=1",
        "evaluation.latency_questions=1",
    ],
    "quickstart_tagging": [
        "data.source.examples={train: 96, validation: 40}",
        "data.splits={first: 'train[32:64]', second: 'train[64:]', train: 'train[:32]', dev: validation}",
        "data.extra.more.source.examples={train: 24}",
        "teachers.bert-wordpiece.fine_tune.epochs=1",
        "teachers.roberta-bpe.fine_tune.epochs=1",
        "student.epochs=1",
        "evaluation.latency_questions=1",
    ],
    "quickstart_text": [
        "data.source.examples={train: 96, more: 24, validation: 40}",
        "data.splits={first: 'train[32:64]', second: 'train[64:]', train: 'train[:32]', more: more, dev: validation}",
        "task.generation.max_new_tokens=4",
        "teachers.neox.fine_tune.epochs=1",
        "teachers.llama.fine_tune.epochs=1",
        "student.epochs=1",
        "evaluation.latency_questions=1",
    ],
    "classification/rucola": ["teachers.rubert-base.fine_tune.epochs=1", "teachers.ruroberta-large.fine_tune.epochs=1"],
    "classification/banking77": ["teachers.bert.fine_tune.epochs=1", "teachers.roberta.fine_tune.epochs=1"],
    "classification/mnli": [f"teachers.bert-{number}.fine_tune.epochs=1" for number in (1, 2, 3)],
    "tagging/conll2003": [OVERLAP, "teachers.bert.fine_tune.epochs=1", "teachers.roberta.fine_tune.epochs=1"],
    "tagging/collection3": [
        OVERLAP,
        "teachers.rubert-base.fine_tune.epochs=1",
        "teachers.ruroberta-large.fine_tune.epochs=1",
    ],
    "text/gsm8k": ["task.generation.max_new_tokens=4"],
    "squad/three_teachers": [
        OVERLAP,
        "windows.max_question=16",
        *(f"teachers.bert-{number}.fine_tune.epochs=1" for number in (1, 2, 3)),
    ],
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Hugging Face home with what these recipes name."""
    home = tmp_path_factory.mktemp("hugging-face")
    known = messages(60)
    texts = [text.text for text in known]
    for id in (TEACHER, "google-bert/bert-base-uncased", "google-bert/bert-base-cased"):
        put_teacher(home, texts, id)
    for id in (BYTE_TEACHER, "FacebookAI/roberta-base"):
        put_byte_teacher(home, texts, id)
    put_teacher(home, texts, "distilbert/distilbert-base-uncased")
    put_rucola(home, texts)
    put_banking77(home, texts, [text.gold[0] for text in known])  # type: ignore[index]
    put_mnli(home, texts[:24])
    put_conll2003(home, news(24))
    put_collection3(home, news(24))
    put_squad(home)
    put_gsm8k(home, 24)
    for number, (id, architecture) in enumerate(LANGUAGE_MODELS.items()):
        put_language_model(home, texts, id, architecture, 400 + 100 * number)
    return home


def _results(name: str, home: Path, output: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    use_cache(home, monkeypatch)
    overrides = [f"output={output}", *SMALLER[name]]
    if not name.startswith("quickstart"):
        overrides = [*overrides[:1], *QUICK, *overrides[1:]]
        # The stand-ins hold their weights as pickles, the hub's own models also as safetensors.
        recipe = load_recipe(FOLDER / f"{name}.yaml")
        overrides += [f"teachers.{teacher}.model.pickled_weights=tensors_only" for teacher in recipe.teachers]
        if recipe.student is not None and recipe.student.model.kind == "layers":
            overrides.append("student.model.layers=[1]")
        elif recipe.student is not None and recipe.student.model.kind == "hub":
            overrides.append("student.model.pickled_weights=tensors_only")
    return run(load_recipe(FOLDER / f"{name}.yaml", overrides))


@pytest.mark.parametrize("name", SMALLER)
def test_it_runs_from_start_to_table(name: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (FOLDER / f"{name}.yaml").read_text()
    assert f"distil run recipes/{name}.yaml" in text
    results = _results(name, home, tmp_path, monkeypatch)
    recipe = load_recipe(FOLDER / f"{name}.yaml")
    assert results["state"] == "finished"
    teachers = list(recipe.teachers)
    students = ["student_no_distillation", *(f"student_from_{teacher}" for teacher in teachers), "student"]
    assert [model["name"] for model in results["models"]] == [*teachers, "ensemble", *students]
    assert results["task"]["kind"] == recipe.task.kind
    for model in results["models"]:
        found = model["evaluation"]
        for metric in results["task"]["metrics"]:
            if metric["name"] not in found:  # what writes nothing has no value of texts
                assert metric["optional"]
                assert model["role"] == "ensemble"
                continue
            low, high = found[f"{metric['name']}_interval"]
            assert low <= found[metric["name"]] <= high
            assert not metric["percent"] or 0 <= low <= high <= 100


def _says_intents(asked: Asked) -> Reply:
    """Of each text the label that it chooses by its length, or one that is told by no token; now and then nothing that counts."""
    labels = [line[2:] for line in asked["messages"][0]["content"].splitlines() if line.startswith("- ")]
    text = asked["messages"][1]["content"]
    chosen = labels[len(text) % len(labels)]
    said = "no idea" if len(text) % 5 == 0 else chosen
    return completion([said], model=asked["model"], tokens=[(said, -0.1, {labels[0]: -3.0} if said == chosen else {})])


def test_teachers_who_have_seen_no_label_teach_alone(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openai", reason="the extra `chat` is not installed")
    use_cache(home, monkeypatch)
    path = FOLDER / "classification" / "banking77_zero_shot.yaml"
    with chat_server(_says_intents) as server:
        urls = [f"teachers.{name}.endpoint.url={server.url}" for name in ("qwen", "mistral")]
        quick = [*QUICK, "baselines=[]", "student.model.pickled_weights=tensors_only"]
        recipe = load_recipe(path, [f"output={tmp_path}", *urls, *quick])
        found = label(recipe)
        asked = len(server.asked)
        assert found.facts["splits"]["train"]["examples"] == 30
        results: Any = run(recipe)
        of_train = {body["messages"][1]["content"] for body in server.asked[:asked]}
        assert not of_train & {body["messages"][1]["content"] for body in server.asked[asked:]}
    models = {model["name"]: model for model in results["models"]}
    assert list(models) == ["qwen", "mistral", "ensemble", "student"]
    assert all(model["evaluation"]["examples"] == 30 for model in models.values())
    assert all(models[name]["usage"]["requests"] > 0 for name in ("qwen", "mistral"))
    left_out = [one["left_out"] for one in results["signals"] if one["split"] == "train"]
    rows = (found.folder / "train.jsonl").read_text(encoding="utf-8").splitlines()
    assert left_out == [sum('"soft": null' in row for row in rows)] * 2 != [0, 0]


def test_the_recipes_of_these_folders_are_all_run() -> None:
    there = {f"{folder}/{path.stem}" for folder in FOLDERS for path in (FOLDER / folder).glob("*.yaml")}
    assert {name for name in SMALLER if not name.startswith("quickstart")} == there - {
        "classification/banking77_zero_shot"
    }
