import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from typing import Union

import pytest
from pydantic import create_model

from distil.framework.answer import noted_task, save_settings
from distil.framework.data.features import WindowSettings
from distil.framework.recipe.sections import Tracking
from distil.framework.tasks.base import InferenceConfig
from distil.framework.tasks.classification.usage import LabelsResponse
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.tasks.span_qa.usage import QuestionRequest
from distil.framework.tasks.text.requests import PromptRequest, TextResponse
from distil.tracking.logged_model import _schema, pack, requirements
from distil.tracking.mlflow_sync import sync

CONTEXT = "Анна Петрова родилась в Туле. Иван Кузнецов живёт в Омске."
QUESTIONS = ["Где родилась Анна?", "Кто живёт в Омске?"]


@pytest.fixture
def student(run):
    """A run whose student is a tiny DistilBERT with random weights and a WordPiece tokenizer of its own."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import DistilBertConfig, DistilBertForQuestionAnswering, PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    words.normalizer = normalizers.BertNormalizer(lowercase=False)
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=120, special_tokens=special, show_progress=False)
    words.train_from_iterator([CONTEXT, *QUESTIONS], trainer)
    words.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words,
        mask_token="[MASK]",
        model_input_names=["input_ids", "attention_mask"],
        model_max_length=64,
        **names,
    )
    torch.manual_seed(0)
    size = {"dim": 16, "hidden_dim": 32, "n_layers": 1, "n_heads": 2, "max_position_embeddings": 64}
    model = DistilBertForQuestionAnswering(DistilBertConfig(vocab_size=len(tokenizer), pad_token_id=0, **size))
    run.add_model("student", "student", steps=1)
    run.evaluate("student")
    run.finish()
    folder = run.output / run.results["models"][0]["folder"]
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _logged(store):
    return list(store.client.search_logged_models([store._experiment]))


FRESH = """
import json, sys
import mlflow
model = mlflow.pyfunc.load_model(sys.argv[1])
found = model.predict(json.loads(sys.argv[2]))
from distil import framework
types = [str(found[name].dtype) for name in ("score", "start", "end")]
parts = mlflow.transformers.load_model(sys.argv[1], return_type="components")
pipeline = mlflow.transformers.load_model(sys.argv[1])
question, context = json.loads(sys.argv[2])[0].values()
logits = parts["model"](**parts["tokenizer"](question, context, return_tensors="pt")).start_logits
print(json.dumps({
    "rows": found.to_dict("records"),
    "types": types,
    "code": framework.__file__,
    "classes": [type(parts["model"]).__name__, type(pipeline.model).__name__],
    "logits": logits.tolist(),
}))
"""


def test_a_logged_student_answers_in_a_fresh_process_like_the_student_itself(run, seen, student, tmp_path):
    from transformers import AutoModelForQuestionAnswering, AutoTokenizer

    from distil.framework.answer import load_answerer

    assert sync(run.folder, Tracking(), final=True).models == 1
    (logged,) = _logged(seen())
    rows = [{"question": question, "context": CONTEXT} for question in QUESTIONS]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment |= {"MLFLOW_TRACKING_URI": f"sqlite:///{run.output}/mlflow.db", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", FRESH, f"models:/{logged.model_id}", json.dumps(rows)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])

    answerer = load_answerer(student)
    for row, question in zip(found["rows"], QUESTIONS, strict=True):
        answer = answerer.answer(QuestionRequest(question=question, context=CONTEXT)).model_dump()
        assert (row["answer"], row["start"], row["end"]) == (answer["answer"], answer["start"], answer["end"])
        assert row["score"] == pytest.approx(answer["score"], rel=1e-4)
    assert found["types"] == ["float64", "int64", "int64"]
    assert found["code"].startswith(str(run.output)), "the framework's code came with the model"

    assert found["classes"] == ["DistilBertForQuestionAnswering"] * 2
    model, tokenizer = AutoModelForQuestionAnswering.from_pretrained(student), AutoTokenizer.from_pretrained(student)
    expected = model(**tokenizer(QUESTIONS[0], CONTEXT, return_tensors="pt")).start_logits.tolist()
    assert found["logits"][0] == pytest.approx(expected[0], rel=1e-4)


def test_a_logged_student_is_described_and_hangs_on_its_run(run, seen, student):
    from mlflow.models import Model

    run.results["recipe"]["task"] = {"max_answer_length": 3}  # and another run has trained the student
    run.save()
    save_settings(student, InferenceConfig(ExtractiveQA(), WindowSettings(), 1, "fp32"), None)
    sync(run.folder, Tracking(), final=True)
    (logged,) = _logged(seen())
    (parent,) = seen().parents()
    child = seen().children(parent)["student"]
    assert (logged.name, logged.status.name, logged.source_run_id) == ("мини run-student", "READY", child.info.run_id)
    assert logged.params == {"lr": "3e-05", "epochs": "2", "losses.kl.weight": "0.5"}
    assert logged.tags["distil.role"] == "student"
    figures = {one.key: (one.value, one.dataset_name, one.dataset_digest) for one in logged.metrics}
    values = {"exact_match": 61.25, "f1": 70.5, "parameters": 412_000, "latency_median_ms": 4.2}
    assert figures == {name: (value, "dev", "b" * 16) for name, value in values.items()}
    for one in (child, parent):
        assert [output.model_id for output in one.outputs.model_outputs] == [logged.model_id]
    assert logged.tags["mlflow.note.content"] == child.data.tags["mlflow.note.content"]
    files = run.output / "mlartifacts" / "models" / logged.model_id / "artifacts"
    noted = [noted_task(folder) for folder in (student, files / "artifacts" / student.name)]
    assert noted == [ExtractiveQA(), ExtractiveQA(max_answer_length=3)]
    info = Model.load(str(files))
    assert (info.model_id, info.run_id) == (logged.model_id, child.info.run_id)
    assert info.signature.inputs.input_names() == ["question", "context"]
    types = dict(zip(info.signature.outputs.input_names(), info.signature.outputs.input_types(), strict=True))
    assert {name: kind.name for name, kind in types.items()} == {
        "answer": "string",
        "score": "double",
        "start": "long",
        "end": "long",
    }


def test_a_student_is_logged_once_at_the_end_and_only_if_asked(run, seen, student):
    assert sync(run.folder, Tracking(log_models=False), final=True).models == 0
    assert _logged(seen()) == []
    assert sync(run.folder, Tracking(), final=False).models == 0
    (begun,) = _logged(seen())
    assert begun.status.name == "PENDING"
    assert sync(run.folder, Tracking(), final=True).models == 1
    assert sync(run.folder, Tracking(), final=True).models == 0
    assert len(_logged(seen())) == 1


def test_an_upload_cut_short_is_taken_up(run, seen, student, monkeypatch):
    from mlflow import MlflowClient

    sync(run.folder, Tracking(), final=False)
    upload, left = MlflowClient.log_model_artifact, 4

    def crash(client, *file):
        nonlocal left
        if left == 0:
            raise KeyboardInterrupt
        left -= 1
        upload(client, *file)

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_model_artifact", crash)
        with pytest.raises(KeyboardInterrupt):
            sync(run.folder, Tracking(), final=True)
    (begun,) = _logged(seen())
    assert begun.status.name == "PENDING"
    cursor = json.loads((run.folder / "tracked.json").read_text())
    for one in next(iter(cursor["destinations"].values()))["models"].values():
        one["model_id"] = None  # as if it had been killed before it noted this
    (run.folder / "tracked.json").write_text(json.dumps(cursor))
    sync(run.folder, Tracking(), final=True)
    (ready,) = _logged(seen())
    assert (ready.model_id, ready.status.name) == (begun.model_id, "READY")
    child = seen().children(*seen().parents())["student"]
    assert len(child.outputs.model_outputs) == 1


def test_models_are_sorted_by_a_metric_on_a_dataset(run, seen, student):
    run.add_model("student_no_distillation", "baseline")
    run.evaluate("student_no_distillation")
    run.results["models"][1]["evaluation"]["f1"] = 20.25
    shutil.copytree(student, run.output / run.results["models"][1]["folder"])
    run.save()
    sync(run.folder, Tracking(), final=False)
    store = seen()
    dataset = {"dataset_name": "dev", "dataset_digest": "b" * 16}
    found = store.client.search_logged_models(
        [store._experiment],
        filter_string="metrics.f1 > 10",
        datasets=[dataset],
        order_by=[{"field_name": "metrics.f1", "ascending": False, **dataset}],
    )
    assert [one.name for one in found] == ["мини run-student", "мини run-student_no_distillation"]


def test_a_student_is_registered_once_and_an_alias_that_someone_moved_stays(run, seen, student):
    tracking = Tracking(register="вопросы 'и' ответы", alias="champion")
    assert sync(run.folder, tracking, final=False).models == 0
    sync(run.folder, tracking, final=True)
    client = seen().client
    (logged,) = _logged(seen())
    (version,) = client.search_model_versions()
    assert version.description == logged.tags["mlflow.note.content"]
    assert (version.name, version.source, version.run_id) == (
        tracking.register,
        logged.artifact_location,
        logged.source_run_id,
    )
    assert client.get_model_version_by_alias(tracking.register, "champion").version == version.version
    assert json.loads(logged.tags["mlflow.modelVersions"]) == [{"name": tracking.register, "version": "1"}]

    other = client.create_model_version(tracking.register, logged.artifact_location, "another", await_creation_for=0)
    client.set_registered_model_alias(tracking.register, "champion", str(other.version))
    sync(run.folder, tracking, final=True)
    assert len(client.search_model_versions()) == 2
    assert client.get_model_version_by_alias(tracking.register, "champion").version == other.version

    cursor = json.loads((run.folder / "tracked.json").read_text())
    for one in next(iter(cursor["destinations"].values()))["models"].values():
        one["registered"] = {}  # as if it had been killed before it noted this
    (run.folder / "tracked.json").write_text(json.dumps(cursor))
    sync(run.folder, tracking, final=True)
    assert len(client.search_model_versions()) == 2


def test_a_model_with_a_pipeline_is_loaded_as_one(tmp_path, student):
    import mlflow
    from transformers import AutoTokenizer, DistilBertConfig, DistilBertForSequenceClassification

    folder = tmp_path / "classifier"
    size = {"dim": 16, "hidden_dim": 32, "n_layers": 1, "n_heads": 2, "max_position_embeddings": 64}
    tokenizer = AutoTokenizer.from_pretrained(student)
    labels = {"id2label": {0: "город", 1: "имя", 2: "число"}}
    model = DistilBertForSequenceClassification(
        DistilBertConfig(vocab_size=len(tokenizer), pad_token_id=0, **labels, **size)
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    pack(folder, tmp_path / "packed")
    (found,) = mlflow.transformers.load_model(str(tmp_path / "packed"))(CONTEXT)
    expected = model.eval()(**tokenizer(CONTEXT, return_tensors="pt")).logits.softmax(1)[0]
    assert found["label"] == labels["id2label"][int(expected.argmax())]
    assert found["score"] == pytest.approx(expected.max().item(), rel=1e-4)


def test_teachers_stay_where_they_are_and_a_missing_folder_is_said(run, seen):
    run.add_model("teacher", "teacher")
    run.evaluate("teacher")
    run.add_model("student", "student")
    run.evaluate("student")
    report = sync(run.folder, Tracking(), final=True)
    (note,) = report.notes
    assert note.startswith("мини run-student is not logged as a model: there is no folder ")
    assert _logged(seen()) == []


def test_requirements_are_pinned_to_what_is_installed():
    pins = dict(pin.split("==") for pin in requirements())
    assert pins["transformers"] == version("transformers")
    assert not any("+" in pin for pin in pins.values())
    assert {"torch", "numpy", "pydantic"} <= set(pins)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (PromptRequest, [("prompt", "string", False), ("messages", "string", False)]),
        (
            TextResponse,
            [
                ("text", "string", True),
                ("log_probability", "double", False),
                ("tokens", "long", True),
                ("ended", "boolean", True),
            ],
        ),
        (
            create_model("OfOnesOwn", figure=(Union[float, None], ...), nothing=(None, None)),  # noqa: UP007
            [("figure", "double", False), ("nothing", "string", False)],
        ),
        (LabelsResponse, [("labels", "string", True), ("probabilities", "string", True)]),
    ],
)
def test_what_may_be_missing_is_optional_and_of_its_own_type(model, expected):
    assert [(one.name, one.type.name, one.required) for one in _schema(model).inputs] == expected
