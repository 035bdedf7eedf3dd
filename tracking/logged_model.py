"""Logging a student to MLflow as a model that answers questions wherever it is loaded."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

from pydantic import BaseModel

from distil.framework.files import Json
from distil.framework.manifest import check_saved
from distil.framework.tasks.base import Task
from distil.tracking.client import REQUEST_SECONDS, REQUEST_TIMEOUT
from distil.tracking.content import KEY_TAG
from distil.tracking.flavour import add_tokenizer, add_transformers
from distil.tracking.ledger import RunCursor
from distil.tracking.sender import Sender

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel
    from mlflow.types import Schema


UPLOAD_SECONDS = "600"
_COLUMNS: dict[object, str] = {str: "string", float: "double", int: "long", bool: "boolean"}
REQUIREMENTS = (
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "numpy",
    "pandas",
    "pydantic",
    "pyyaml",
    "filelock",
    "psutil",
)


def begin_model(
    sender: Sender, cursor: RunCursor, name: str, folder: Path, params: Mapping[str, str], tags: Mapping[str, str]
) -> str | None:
    """Enter the model in `folder` in MLflow as one of the cursor's run, whose files are not there yet; returns its id, and None
    where there is no such folder."""
    from distil.framework.answer import noted_task

    if cursor.model_id is None and folder.is_dir():
        found = _entered(sender, cursor)
        if found is None:
            kind = noted_task(folder).kind.replace("_", "-")
            found = sender.client.create_logged_model(
                sender.experiment_id,
                name=_model_name(name),
                source_run_id=cursor.run_id,
                model_type=kind,
                params={key: value for key, value in params.items() if value},
                tags={**tags, KEY_TAG: cursor.key},
            )
        cursor.model_id = str(found.model_id)
        sender.ledger.save()
    return cursor.model_id


def send_model(
    sender: Sender, cursor: RunCursor, name: str, folder: Path, words: Mapping[str, str], task: Mapping[str, object]
) -> None:
    """Log the model in `folder`, which is entered unless there is no such folder, with its files, once. words: the tag of its
    description; task: the settings of its run's task."""
    if cursor.model_ready:
        return
    if cursor.model_id is None or not folder.is_dir():
        sender.report.notes.append(f"{name} is not logged as a model: there is no folder {folder}")
        return
    from distil.framework.answer import note_measuring

    check_saved(folder)
    logged = sender.client.get_logged_model(cursor.model_id)
    with tempfile.TemporaryDirectory(prefix="distil-model-") as scratch:
        packed = Path(scratch) / "model"
        pack(folder, packed, run_id=cursor.run_id, logged=logged)
        note_measuring(packed / "artifacts" / folder.name, task)
        for file in sorted(path for path in packed.rglob("*") if path.is_file()):
            _upload(sender, logged.model_id, packed, file)
    for run in (cursor, sender.ledger.cursor.parent):  # each page lists its run's
        _link(sender, run, str(logged.model_id))
    sender.client.set_logged_model_tags(logged.model_id, dict(words))
    sender.client.finalize_logged_model(logged.model_id, "READY")
    cursor.model_ready = True
    sender.report.models += 1
    sender.ledger.save()


def _entered(sender: Sender, cursor: RunCursor) -> "LoggedModel | None":
    """The model of the cursor's run that was entered without its id being noted."""
    wanted = f"tags.`{KEY_TAG}` = '{cursor.key}'"
    return next(iter(sender.client.search_logged_models([sender.experiment_id], wanted, max_results=1)), None)


def pack(folder: Path, target: Path, run_id: str | None = None, logged: Any = None) -> None:
    """Write the Hugging Face model in `folder` to `target` as a self-contained MLflow model, of the flavours pyfunc and transformers.

    Its columns are the fields of the task's requests and responses. The code of distil goes with it; its requirements
    are pinned to what is installed here.
    """
    import mlflow.pyfunc
    import pandas as pd  # type: ignore[import-untyped]
    from mlflow.models import Model, ModelSignature

    import distil.framework
    from distil.framework.answer import noted_task

    task = noted_task(folder)
    signature = ModelSignature(inputs=_schema(task.request), outputs=_schema(task.response))
    identity = {} if logged is None else {"model_uuid": logged.model_id, "model_id": logged.model_id}
    location = None if logged is None else logged.artifact_location
    model = Model(artifact_path=location, run_id=run_id, **identity)
    add_transformers(model, folder)
    mlflow.pyfunc.save_model(
        path=str(target),
        mlflow_model=model,
        python_model=str(Path(__file__).with_name("pyfunc_student.py")),
        artifacts={"model": str(folder)},
        code_paths=[str(Path(distil.framework.__path__[0]).parent)],
        signature=signature,
        input_example=pd.DataFrame([example_of(task)]),
        pip_requirements=requirements(),
    )
    add_tokenizer(folder, target)


def example_of(task: Task) -> Json:
    """A request of the task, by the examples of its fields; optional ones that have none are left out."""
    fields = task.request.model_fields
    return {name: field.examples[0] for name, field in fields.items() if field.examples}


def _schema(model: type[BaseModel]) -> "Schema":
    """Fields as MLflow's columns; what is no plain value is written as JSON."""
    from mlflow.types import ColSpec, Schema, TensorSpec

    columns: list[ColSpec | TensorSpec] = []
    for name, field in model.model_fields.items():
        union = get_origin(field.annotation) in (Union, UnionType)
        kinds = get_args(field.annotation) if union else (field.annotation,)
        known = [one for one in kinds if one is not NoneType]
        column = _COLUMNS.get(known[0] if len(known) == 1 else None, "string")
        columns.append(ColSpec(column, name, required=field.is_required() and NoneType not in kinds))
    return Schema(columns)


def requirements() -> list[str]:
    """What a logged model needs, as installed here; without local labels (+cpu), which no index knows."""
    return [f"{name}=={version(name).partition('+')[0]}" for name in REQUIREMENTS if _installed(name)]


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def _model_name(name: str) -> str:
    # MLflow reserves these characters in a model's name.
    return name.translate({ord(character): "_" for character in "/:.%\"'"})


def _upload(sender: Sender, model_id: str, root: Path, file: Path) -> None:
    folder = file.relative_to(root).parent.as_posix()
    # One file at a time, in this thread: a pool would keep the process from ending while a server hangs.
    with _patient():
        sender.client.log_model_artifact(model_id, str(file), None if folder == "." else folder)
    sender.ledger.touch()


def _link(sender: Sender, cursor: RunCursor, model_id: str) -> None:
    """Enter the model among its run's outputs, unless it is there."""
    from mlflow.entities import LoggedModelOutput

    outputs = sender.client.get_run(cursor.run).outputs
    if model_id not in {output.model_id for output in (outputs.model_outputs if outputs else [])}:
        sender.client.log_outputs(cursor.run, [LoggedModelOutput(model_id, step=0)])


@contextmanager
def _patient() -> Iterator[None]:
    """Allow a request minutes, as the upload of a large file needs; a time set by the user stays.

    The file arrives at the server before it answers, and a server may pass it on to a slower store first.
    """
    before = os.environ[REQUEST_TIMEOUT]
    if before == REQUEST_SECONDS:
        os.environ[REQUEST_TIMEOUT] = UPLOAD_SECONDS
    try:
        yield
    finally:
        os.environ[REQUEST_TIMEOUT] = before
