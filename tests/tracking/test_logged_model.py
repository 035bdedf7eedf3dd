import json
import os
import subprocess
import sys
from importlib.metadata import version

import pytest

from distil.framework.recipe.sections import Tracking
from distil.framework.tasks.span_qa.usage import QuestionRequest
from distil.tracking.logged_model import requirements
from distil.tracking.mlflow_sync import sync
from distil.tracking.sender import Ledger

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
import mlflow.pyfunc
model = mlflow.pyfunc.load_model(sys.argv[1])
found = model.predict(json.loads(sys.argv[2]))
from distil import framework
types = [str(found[name].dtype) for name in ("score", "start", "end")]
print(json.dumps({"rows": found.to_dict("records"), "types": types, "code": framework.__file__}))
"""


def test_a_logged_student_answers_in_a_fresh_process_like_the_student_itself(run, seen, student, tmp_path):
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


def test_a_logged_student_is_described_and_hangs_on_its_run(run, seen, student):
    from mlflow.models import Model

    sync(run.folder, Tracking(), final=True)
    (logged,) = _logged(seen())
    (parent,) = seen().parents()
    child = seen().children(parent)["student"]
    assert (logged.name, logged.status.name, logged.source_run_id) == ("student", "READY", child.info.run_id)
    assert [output.model_id for output in child.outputs.model_outputs] == [logged.model_id]
    info = Model.load(str(run.output / "mlartifacts" / "models" / logged.model_id / "artifacts"))
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
    assert sync(run.folder, Tracking(), final=False).models == 0
    assert sync(run.folder, Tracking(log_models=False), final=True).models == 0
    assert sync(run.folder, Tracking(), final=True).models == 1
    assert sync(run.folder, Tracking(), final=True).models == 0
    assert len(_logged(seen())) == 1


def test_an_upload_cut_short_is_taken_up(run, seen, student, monkeypatch):
    sync(run.folder, Tracking(), final=False)
    save, left = Ledger.save, 4

    def crash(ledger):
        nonlocal left
        if left == 0:
            raise KeyboardInterrupt
        left -= 1
        save(ledger)

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "save", crash)
        with pytest.raises(KeyboardInterrupt):
            sync(run.folder, Tracking(), final=True)
    (begun,) = _logged(seen())
    assert begun.status.name == "PENDING"
    sync(run.folder, Tracking(), final=True)
    (ready,) = _logged(seen())
    assert (ready.model_id, ready.status.name) == (begun.model_id, "READY")
    child = seen().children(*seen().parents())["student"]
    assert len(child.outputs.model_outputs) == 1


def test_teachers_stay_where_they_are_and_a_missing_folder_is_said(run, seen):
    run.add_model("teacher", "teacher")
    run.evaluate("teacher")
    run.add_model("student", "student")
    run.evaluate("student")
    report = sync(run.folder, Tracking(), final=True)
    (note,) = report.notes
    assert note.startswith("student is not logged as a model: there is no folder ")
    assert _logged(seen()) == []


def test_requirements_are_pinned_to_what_is_installed():
    pins = dict(pin.split("==") for pin in requirements())
    assert pins["transformers"] == version("transformers")
    assert not any("+" in pin for pin in pins.values())
    assert {"torch", "numpy", "pydantic"} <= set(pins)
