"""What is done with a run of models of texts: they are asked, served, exported and logged."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from distil.framework.errors import DataError, ExportError
from distil.framework.export.export import export_model
from distil.framework.export.finished_run import FinishedRun
from distil.framework.recipe.load import load_recipe, recipe_from_values
from distil.framework.run import run
from distil.framework.tasks.classification.task import Classification
from distil.framework.tasks.text.task import Text
from distil.launch.answer import answer, harmless
from distil.launch.export import export_measured
from distil.launch.run import options_asking
from distil.launch.serve_models import models_in
from distil.predictor import Predictor
from tests.framework.tasks.text.runs import values
from tests.serving import Served, serving

PROMPT = "Where does Anna go in 1900?"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    recipe = recipe_from_values(values(tmp_path_factory.mktemp("texts")), "here")
    run(recipe)
    with serving(recipe.run_folder) as server:
        yield server


def _stream(served: Served, body: dict[str, Any]) -> list[dict[str, Any]]:
    status, _, found = served.request("POST", "/api/stream", body)
    assert status == 200
    return [json.loads(event.removeprefix("data: ")) for event in found.decode().split("\n\n") if event]


def test_the_run_serves_what_its_models_write(served: Served) -> None:
    listing = json.loads(served.request("GET", "/api/models")[2])
    assert (listing["task"], list(listing["most"])) == ("text", ["prompt"])
    assert [model["name"] for model in listing["models"]] == ["a", "b", "ensemble", "student"]
    for name in ("a", "b", "student"):
        status, found = served.ask({"prompt": PROMPT, "model": name})
        assert status == 200
        assert found["tokens"] <= 4
        *pieces, last = _stream(served, {"prompt": PROMPT, "model": name})
        assert {**last, "milliseconds": 0} == {**found, "milliseconds": 0}
        assert "".join(piece["piece"] for piece in pieces) == found["text"]
    status, problem = served.ask({"prompt": PROMPT, "model": "ensemble"})
    assert (status, "writes nothing" in problem["message"]) == (422, True)
    turns = [{"role": "user", "content": PROMPT}]
    assert served.ask({"messages": turns})[0] == 200


def test_what_is_served_is_what_was_predicted(served: Served) -> None:
    results = json.loads((served.run / "results.json").read_text(encoding="utf-8"))
    student = next(model for model in results["models"] if model["name"] == "student")
    predicted = json.loads((served.run / student["predictions"]).read_text(encoding="utf-8"))
    examples = json.loads(served.request("GET", "/api/examples")[2])
    assert examples
    texts = {one["text"] for one in predicted.values()}
    assert {served.ask(example)[1]["text"] for example in examples} <= texts


def test_it_is_asked_by_the_command(
    served: Served, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = served.ask({"prompt": PROMPT})[1]
    told = {name: expected[name] for name in ("log_probability", "tokens", "ended")}
    answer([str(served.run), "--prompt", PROMPT])
    assert json.loads(capsys.readouterr().out) == {"text": expected["text"], **told}
    answer([str(served.run), "--messages", json.dumps([{"role": "user", "content": PROMPT}])])
    assert json.loads(capsys.readouterr().out)["tokens"] > 0
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    answer([str(served.run), "--prompt", PROMPT])
    found = capsys.readouterr()
    assert found.out == harmless(expected["text"]) + "\n"
    assert options_asking(Text()) == "--prompt '...'"
    assert options_asking(Classification()) == "--text '...'"
    assert options_asking(Classification(labels=["a", "b"], pairs=True)) == "--text '...' --text-pair '...'"
    assert json.loads(found.err.splitlines()[-1]) == told


def test_a_run_that_finds_models_of_another_asks_them_as_it_measured_them(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    shorter = load_recipe(served.run / "recipe.yaml", ["task.generation.max_new_tokens=1"])
    run(shorter)
    for name in ("a", "student"):
        answer([str(shorter.run_folder), "--prompt", PROMPT, "--model", name])
        assert json.loads(capsys.readouterr().out)["tokens"] == 1


def test_a_terminal_is_commanded_by_no_text() -> None:
    assert harmless("a\x1b[2J\tб\n\x9b31m\u200d🙂") == "a\ufffd[2J\tб\n\ufffd31m\u200d🙂"


def test_it_is_exported_with_what_it_was_measured_by(served: Served, tmp_path: Path) -> None:
    results = json.loads((served.run / "results.json").read_text(encoding="utf-8"))
    finished = FinishedRun(results, load_recipe(served.run / "recipe.yaml"), served.run.parent)
    export = export_model(finished, "student", tmp_path / "exported", with_onnx=False, provenance={})
    assert list(export["forms"]) == ["torch"]
    assert {row["model"] for row in export["latency"]} == {"a", "b", "student"}
    assert all(row["tokens_per_second"] > 0 for row in export["latency"])
    card = (tmp_path / "exported" / "README.md").read_text(encoding="utf-8")
    assert "pipeline_tag: text-generation" in card
    assert "tokens a second" in card
    assert "convert_hf_to_gguf.py" in card


def test_without_a_gguf_file_that_was_asked_for_it_is_exported_and_that_is_said(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("distil.framework.export.gguf.find_spec", lambda name: name)
    converter = tmp_path / "convert_hf_to_gguf.py"
    converter.write_text("raise SystemExit('BPE pre-tokenizer was not recognized')")
    to = tmp_path / "exported"
    with pytest.raises(ExportError, match=r"not all of its other files.*makes no GGUF file of this model"):
        export_measured(served.run, to, None, with_onnx=False, gguf=str(converter))
    assert list(json.loads((to / "export.json").read_text(encoding="utf-8"))["forms"]) == ["torch"]
    assert not list(to.glob("*.gguf"))
    assert (to / "model.safetensors").is_file()


def test_it_is_logged_as_a_model_that_writes(served: Served, tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    import pandas as pd  # type: ignore[import-untyped]
    from mlflow.models import Model

    from distil.tracking.logged_model import pack
    from distil.tracking.pyfunc_student import LoggedStudent

    results = json.loads((served.run / "results.json").read_text(encoding="utf-8"))
    student = next(model for model in results["models"] if model["name"] == "student")
    folder = served.run.parent / student["folder"]
    pack(folder, tmp_path / "packed")
    packed = Model.load(str(tmp_path / "packed"))
    assert packed.flavors["transformers"]["task"] == "text-generation"
    assert [column.name for column in packed.signature.outputs] == ["text", "log_probability", "tokens", "ended"]
    context: Any = SimpleNamespace(artifacts={"model": str(folder)})
    logged = LoggedStudent()
    logged.load_context(context)
    turns = json.dumps([{"role": "user", "content": PROMPT}])
    asked = pd.DataFrame([{"prompt": PROMPT, "messages": None}, {"prompt": None, "messages": turns}])
    found = logged.predict(context, asked)
    assert found["text"][0] == served.ask({"prompt": PROMPT})[1]["text"]
    assert found["tokens"].min() > 0


def test_transformers_alone_writes_the_same(served: Served) -> None:
    """As the card shows it."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    results = json.loads((served.run / "results.json").read_text(encoding="utf-8"))
    student = next(model for model in results["models"] if model["name"] == "student")
    folder = served.run.parent / student["folder"]
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    given = tokenizer(PROMPT, add_special_tokens=False, return_tensors="pt")
    written = model.generate(**given, max_new_tokens=4, do_sample=False)
    text = tokenizer.decode(written[0, given["input_ids"].shape[1] :], skip_special_tokens=True)
    expected = served.ask({"prompt": PROMPT})[1]
    assert text.removesuffix("\ufffd").startswith(expected["text"])


def test_python_asks_many_at_once(served: Served) -> None:
    predictor = Predictor("student", models_in(served.run, "student", many=True).by_name["student"].load())
    prompts = [PROMPT, "Where does Boris go in 1901?", "x"]
    turns = [{"role": "user", "content": PROMPT}]
    found = predictor.predict([*({"prompt": prompt} for prompt in prompts), {"messages": turns}])
    assert [one.text for one in found[:3]] == [served.ask({"prompt": prompt})[1]["text"] for prompt in prompts]
    assert found[3] == predictor.predict([{"messages": turns}])[0]
    with pytest.raises(DataError, match=r"request\[1\]: give a prompt, or messages"):
        predictor.predict([{"prompt": "x"}, {}])
