"""docs/start.md, gone through as a new user does: from a CSV file to a student in other programs' hands. Its models are tiny."""

import csv
import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from distil.framework.device import cpu_threads
from distil.framework.results import read_results
from distil.launch.commands import app

TEXT = (Path(__file__).parents[2] / "docs" / "start.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", TEXT, flags=re.DOTALL) for line in block.splitlines()]
PYTHON = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
ELSEWHERE = (
    "distil run recipes/quickstart.yaml",
    "distil run my.yaml student.epochs",
    "distil serve",
    "distil push",
)  # where these are tested
MODEL = "model: {kind: hub, id: google-bert/bert-base-cased}"
TINY = """model: {kind: config, architecture: bert, config: {hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 32}}
    tokenizer: {kind: wordpiece, vocab_size: 200}"""
LAYERS, FEWER = "layers: [0, 5, 11]", "layers: [1]"
TOPICS = {"delivery": ("sofa", "parcel", "courier"), "payment": ("card", "invoice", "refund")}


def distil(line: str) -> str:
    """What a line of the document prints."""
    done = CliRunner().invoke(app, shlex.split(line)[1:], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With my/train.csv and my/dev.csv."""
    (tmp_path / "my").mkdir()
    rows = [
        (f"{asked} my {word} {when}?", topic)
        for when in ("today", "soon", "again", "tomorrow")
        for asked in ("Where is", "What about")
        for topic, words in TOPICS.items()
        for word in words
    ]
    for name, some in (("train", rows[:36]), ("dev", rows[36:])):
        with (tmp_path / "my" / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("text", "topic"), *some])
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


def test_from_a_file_to_a_student_in_use(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    printed: dict[str, str] = {}
    run = Path("runs")
    with cpu_threads(1):
        for line in COMMANDS:
            if not line.startswith("distil ") or line.startswith(ELSEWHERE):
                continue
            printed[line] = distil(line.replace("runs/train-1a2b3c4d", str(run)))
            if line.startswith("distil init"):
                recipe = Path("my.yaml").read_text(encoding="utf-8")
                assert MODEL in recipe
                assert LAYERS in recipe
                tiny = recipe.replace(MODEL, TINY).replace(LAYERS, FEWER)
                Path("my.yaml").write_text(tiny, encoding="utf-8")
            elif line == "distil run my.yaml":
                (run,) = Path("runs").glob("train-*")
    assert "delivery 24, payment 24" in printed["distil init my/train.csv --output my.yaml"]
    assert "train 36, dev 12 texts" in printed["distil plan my.yaml"]
    table = printed["distil report runs/train-1a2b3c4d"]
    for model in ("bert", "student_no_distillation", "student"):
        assert model in printed["distil run my.yaml"]
        assert model in table
    assert "<svg" in (run / "report.html").read_text(encoding="utf-8")
    (asked,) = (line for line in printed if line.startswith("distil answer"))
    answer = json.loads(printed[asked])
    text = shlex.split(asked)[-1]

    exec(compile("\n".join(PYTHON), "start.md", "exec"), {})
    (said,) = eval(capsys.readouterr().out)
    assert said["label"] == answer["labels"][0]
    assert said["score"] == pytest.approx(max(answer["probabilities"].values()), abs=1e-4)
    assert _by_onnxruntime(Path("my-student"), text) == pytest.approx(answer["probabilities"], abs=1e-3)
    uri = f"sqlite:///{folder / 'runs' / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert _from_mlflow(uri, text) == answer["labels"]
    assert read_results(run)["state"] == "finished"


def _by_onnxruntime(exported: Path, text: str) -> dict[str, float]:
    """Probabilities of the labels, by the exported file and nothing of distil."""
    import numpy as np
    import onnxruntime
    from transformers import AutoTokenizer

    (path,) = (path for path in exported.glob("onnx/*.onnx") if "int8" not in path.name)
    session = onnxruntime.InferenceSession(str(path))
    tokens = AutoTokenizer.from_pretrained(exported)(text, return_tensors="np")
    wanted = [one.name for one in session.get_inputs()]
    (logits,) = session.run(None, {name: tokens[name].astype(np.int64) for name in wanted})
    masses = np.exp(logits[0] - logits[0].max())
    labels = json.loads((exported / "config.json").read_text(encoding="utf-8"))["id2label"].values()
    return dict(zip(labels, (masses / masses.sum()).tolist(), strict=True))


def _from_mlflow(uri: str, text: str) -> list[str]:
    """The labels that the student has for a text, as MLflow loads it from its store at `uri`."""
    import mlflow.pyfunc
    import pandas as pd

    client = mlflow.MlflowClient(uri)
    (experiment,) = client.search_experiments(filter_string="name = 'distil'")
    (logged,) = (one for one in client.search_logged_models([experiment.experiment_id]) if one.name.endswith("student"))
    found = mlflow.pyfunc.load_model(f"models:/{logged.model_id}").predict(pd.DataFrame([{"text": text}]))
    return list(json.loads(found["labels"][0]))
