"""What a CPU trains, and what its teachers say, in float32: with that a GPU is compared.

Nothing is dropped out, as a GPU draws other random numbers. `python -m tests.gpu.reference FOLDER` writes it to a file.
"""

import json
import os
import pickle
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import prepare, produce
from distil.framework.signals.algebra import Signals, to_dense
from distil.framework.signals.teacher_pass import TeacherPass
from distil.framework.store import Store
from distil.framework.training.history import Report, ReportTo
from distil.framework.training.job import TrainingJob, TrainingSummary
from distil.framework.training.loop import train_in_process
from tests.tiny import tiny_values

_FILE = "reference.pkl"
_WRITERS: dict[str, tuple[str, dict[str, Any]]] = {
    "t5": (
        "unigram",
        {"d_model": 64, "d_kv": 16, "d_ff": 128, "num_layers": 2, "num_heads": 4, "dropout_rate": 0.0},
    ),
    "gpt2": (
        "bpe",
        {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 256}
        | dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0.0),
    ),
}

# Relative, of the loss of the first step, and of the mean of the last five.
TOLERANCE = {"fp32": (1e-4, 2e-2), "bf16": (2e-2, 1e-1), "fp16": (5e-3, 1e-1)}


@dataclass(frozen=True)
class Known:
    """A training as a recipe asks for it, and the loss of each of its steps."""

    job: TrainingJob
    losses: list[float]


@dataclass(frozen=True)
class Asked:
    """A teacher that was asked, and its signals, in the order of the pass's examples."""

    by: TeacherPass
    signals: Signals


@dataclass(frozen=True)
class Reference:
    """trained: by a name; asked: by the teacher's."""

    trained: dict[str, Known]
    asked: dict[str, Asked]


def values(output: Path, **changes: Any) -> dict[str, Any]:
    """A recipe of some seconds: a teacher, a student on labels alone, a student."""
    teacher = {"hidden_size": 96, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 256}
    student = {"dim": 64, "n_layers": 2, "n_heads": 4, "hidden_dim": 256}
    still = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    given: dict[str, Any] = {
        "data__source__examples": {"train": 320, "validation": 32},
        "windows": {"max_length": 128, "doc_stride": 32, "max_question": 32},
        "teachers__teacher__model__config": {**teacher, **still},
        "teachers__teacher__fine_tune": {"lr": 5e-4, "epochs": 2, "batch_size": 32, "log_every": 1},
        "student__model__config": {**student, "dropout": 0.0, "attention_dropout": 0.0, "qa_dropout": 0.0},
        "student__batch_size": 32,
        "student__log_every": 1,
        "student__checkpoint_every": "epoch",
        "evaluation": {"latency_questions": 0, "bootstrap": 100},
    }
    return tiny_values(output, **{**given, **changes})


def compute(folder: Path) -> Reference:
    """On the device that is here."""
    plain, asked = _run(values(folder / "run"))
    live, _ = _run(
        values(
            folder / "run",  # where the teacher is trained already
            student__tokenizer={"kind": "wordpiece", "vocab_size": 600},
            baselines=None,
            losses={
                "kl": {"weight": 0.5},
                "hidden_mse": {"layers": {0: 1, 1: 3}},
                "minilm_relations": {"relation_heads": 4},
                "attention_mse": {"layers": {1: 3}},
            },
        )
    )
    trained = {**plain, "live": live["student"]}
    for name in _WRITERS:
        written, said = _run(_writer(folder / name, name), students=False)
        trained[name] = written["teacher"]
        asked[name] = said["teacher"]
    return Reference(trained, asked)


def _writer(output: Path, name: str) -> dict[str, Any]:
    """A recipe with a generative teacher that is shown no others' answers, and with a student for whom it is asked."""
    tokenizer, config = _WRITERS[name]
    changed = values(output, windows__max_length=200, data__source__examples={"train": 64, "validation": 16})
    changed["baselines"] = []
    changed["teachers"] = {
        "teacher": {
            "kind": "generative",
            "model": {"kind": "config", "architecture": name, "config": config},
            "tokenizer": {"kind": tokenizer, "vocab_size": 600},
            "fine_tune": {"lr": 1e-3, "epochs": 2, "batch_size": 16, "log_every": 1},
            "beams": 4,
            "max_answer": 12,
        }
    }
    return changed


def _run(given: dict[str, Any], students: bool = True) -> tuple[dict[str, Known], dict[str, Asked]]:
    """Train and ask as the recipe does; what was trained by the model's name, what was said by the teacher's."""
    known: dict[str, Known] = {}

    def train(job: TrainingJob, report: ReportTo) -> TrainingSummary:
        rows: list[Report] = []

        def hear(row: Report) -> None:
            rows.append(row)
            report(row)

        summary = train_in_process(job, hear)
        known[job.output.name] = Known(job, losses_of(rows))
        return summary

    context, graph = prepare(recipe_from_values(given, "here"), train)
    for stage in graph.stages() if students else graph.shared():
        if stage.kind != "evaluations":
            produce(context, stage)
    names = {model.trained.digest: model.name for model in graph.models if model.trained is not None}
    passes = {name: found.teacher_pass for (name, split), found in graph.collections.items() if split == "train"}
    return {names[digest]: one for digest, one in known.items()}, {name: ask(one) for name, one in passes.items()}


def ask(teacher_pass: TeacherPass, precision: str = "fp32", count: int = 32) -> Asked:
    """What a teacher says of the first `count` questions of its pass, all of it, on the device that is here."""
    examples = teacher_pass.examples[:count]
    inference = replace(teacher_pass.inference, precision=precision)
    own = replace(teacher_pass, examples=examples, inference=inference)
    return Asked(own, own.open()(examples, []))


def train(
    job: TrainingJob,
    folder: Path,
    precision: str,
    train_by: Any = train_in_process,
    training: dict[str, Any] | None = None,
    **engine: Any,
) -> tuple[list[Report], Path]:
    """Train as `job` says but for the arithmetic, the engine and `training`; what was reported, and the result's folder."""
    output = folder / "models" / "out"
    output.mkdir(parents=True, exist_ok=True)
    changed = replace(
        job,
        precision=precision,
        engine=job.engine.model_copy(update=engine),
        training=job.training.model_copy(update=training or {}),
        output=output,
        store=Store(folder),
    )
    rows: list[Report] = []
    train_by(changed, rows.append)
    return rows, output


def with_dropout(job: TrainingJob, initial: Path) -> TrainingJob:
    """A DistilBERT's training in which the state of random numbers matters."""
    shutil.copytree(job.initial, initial)
    config = json.loads((initial / "config.json").read_text())
    (initial / "config.json").write_text(json.dumps({**config, "dropout": 0.1, "attention_dropout": 0.1}))
    return replace(job, initial=initial)


def losses_of(rows: list[Report]) -> list[float]:
    """The loss of every step."""
    return [float(row.metrics["loss"]) for row in rows if row.kind == "step"]


def check_losses(found: list[float], expected: list[float], precision: str) -> None:
    """Whether a training went as the CPU's, to the tolerance of its arithmetic."""
    assert len(found) == len(expected)
    assert np.isfinite(found).all()
    first, last = TOLERANCE[precision]
    mean, wanted = float(np.mean(found[-5:])), float(np.mean(expected[-5:]))
    assert abs(found[0] - expected[0]) <= first * abs(expected[0]), (found[0], expected[0])
    assert abs(mean - wanted) <= last * abs(wanted), (mean, wanted)


def divergences(expected: Signals, found: Signals) -> Any:
    """KL(expected || found) of each head, in nats. [H]"""
    outcomes = 2 + max(int(signals.keys.max()) for signals in (expected, found))
    p, q = (
        to_dense(replace(signals, keys=signals.keys + 1), outcomes).astype(np.float64) + 1e-12
        for signals in (expected, found)
    )
    return (p * np.log(p / q)).sum(1)


def reference(folder: Path) -> Reference:
    """That of a process which sees no GPU."""
    subprocess.run(
        [sys.executable, "-m", "tests.gpu.reference", str(folder)],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        check=True,
    )
    found = pickle.loads((folder / _FILE).read_bytes())
    assert isinstance(found, Reference)
    return found


if __name__ == "__main__":
    from tests.gpu import reference as this

    (Path(sys.argv[1]) / _FILE).write_bytes(pickle.dumps(this.compute(Path(sys.argv[1]))))
