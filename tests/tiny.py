"""A recipe so small that a whole run takes seconds, with every kind of stage in it."""

import copy
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import run
from distil.framework.training.history import ReportTo
from distil.framework.training.job import TrainingJob, TrainingSummary
from distil.framework.training.loop import train_in_process
from distil.framework.training.objective import Objective

_VALUES: dict[str, Any] = {
    "name": "tiny",
    "seed": 3,
    "data": {
        "source": {"kind": "synthetic", "examples": {"train": 96, "validation": 24}, "facts": 3, "fillers": 0},
        "splits": {"train": "train", "dev": "validation"},
    },
    "windows": {"max_length": 64, "doc_stride": 16, "max_question": 24},
    "teachers": {
        "teacher": {
            "kind": "encoder",
            "model": {
                "kind": "config",
                "architecture": "bert",
                "config": {
                    "hidden_size": 32,
                    "num_hidden_layers": 2,
                    "num_attention_heads": 2,
                    "intermediate_size": 64,
                },
            },
            "tokenizer": {"kind": "wordpiece", "vocab_size": 600},
            "fine_tune": {"lr": 0.001, "epochs": 2, "batch_size": 16, "log_every": 2},
        }
    },
    "signals": {"shard_size": 16},
    "student": {
        "model": {
            "kind": "config",
            "architecture": "distilbert",
            "config": {"dim": 32, "n_layers": 1, "n_heads": 2, "hidden_dim": 64},
        },
        "tokenizer": {"kind": "wordpiece", "vocab_size": 400, "lower_case": True},
        "lr": 0.001,
        "epochs": 2,
        "batch_size": 16,
        "log_every": 2,
    },
    "losses": {"kl": {"weight": 0.5, "temperature": 2.0}, "hard_label": {"weight": 0.5}},
    "baselines": ["no_distillation"],
    "engine": {"workers": 1, "threads": 1, "precision": "fp32"},
    "evaluation": {"latency_questions": 3},
    "tracking": {"report": False, **({"log_models": False} if find_spec("mlflow") else {})},
}


def tiny_values(output: Path, **changes: Any) -> dict[str, Any]:
    """The recipe as plain data; `changes` are set at dotted places written with two underscores."""
    values = copy.deepcopy(_VALUES)
    values["output"] = str(output)
    for place, value in changes.items():
        *sections, key = place.split("__")
        section = values
        for name in sections:
            section = section.setdefault(name, {})
        if value is None:
            section.pop(key, None)
        else:
            section[key] = value
    return values


def tiny_recipe(folder: Path, output: Path, **changes: Any) -> Path:
    """The recipe as a file in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(tiny_values(output, **changes), allow_unicode=True), encoding="utf-8")
    return path


def figures(results: dict[str, Any]) -> dict[str, Any]:
    """What a run found, without what differs between two equal runs: times, speeds, latencies."""
    return {
        "models": [
            {key: model[key] for key in ("name", "digest", "parameters", "settings", "evaluation")}
            for model in results["models"]
        ],
        "signals": [{key: value for key, value in signal.items() if key != "reused"} for signal in results["signals"]],
    }


def several_values(output: Path, **changes: Any) -> dict[str, Any]:
    """A recipe with the teachers `a`, `b` and `c`, the smaller the quicker, that become one by their mean."""
    teacher = copy.deepcopy(_VALUES["teachers"]["teacher"])
    teacher["model"]["config"] |= {"hidden_size": 16, "num_hidden_layers": 1, "intermediate_size": 32}
    teacher["fine_tune"] = {"lr": 0.003, "epochs": 1, "batch_size": 16}
    student = {
        "model": {
            "kind": "config",
            "architecture": "distilbert",
            "config": {"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 32},
        },
        "lr": 0.003,
        "epochs": 1,
    }
    several = {
        "teachers": {
            name: {**teacher, "fine_tune": {**teacher["fine_tune"], "seed": seed}} for seed, name in enumerate("abc")
        },
        "ensemble": {"rule": "mean"},
        "data__source__examples": {"train": 48, "validation": 16},
        "student": {**student, "tokenizer": {"kind": "wordpiece", "vocab_size": 400}, "batch_size": 16},
        "baselines": None,
        "evaluation": {"latency_questions": 0, "bootstrap": 100},
    }
    return tiny_values(output, **{**several, **changes})


def watched_run(values: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Objective]]:
    """Run a recipe in this process: its results, and what every model that was trained was trained towards, by digest."""
    objectives: dict[str, Objective] = {}

    def train(job: TrainingJob, report: ReportTo) -> TrainingSummary:
        objectives[job.output.name] = job.objective
        return train_in_process(job, report)

    return run(recipe_from_values(values, "here"), train), objectives


def model_of(results: dict[str, Any], name: str) -> dict[str, Any]:
    """A model's entry in the results."""
    (model,) = (model for model in results["models"] if model["name"] == name)
    return dict(model)


def ends_early(every: int) -> dict[str, Any]:
    """Changes by which a student is measured after so many steps each, never gets better, and ends."""
    return {
        "data__extra": {"held": {"source": {"kind": "synthetic", "examples": {"train": 8}, "facts": 3, "fillers": 0}}},
        "student__validation": "held",
        "student__evaluate_every": every,
        "student__best": True,
        "student__patience": 1,
        "student__lr": 1e-12,
    }
