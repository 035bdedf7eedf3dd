"""What a run found out, on disk: results.json, rewritten after every stage, and the files beside it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from framework.files import read_json, write_atomic, write_json
from framework.recipe import Recipe
from framework.stages.graph import Graph, ModelStages
from framework.stages.stage import Context, Stage
from framework.store import Artifact
from framework.training.section import Training


class Results:
    """The results of a run as far as they are known. docs/results.md describes the file."""

    def __init__(self, context: Context, graph: Graph, provenance: dict[str, Any]) -> None:
        recipe = context.recipe
        self.folder = recipe.run_folder
        self._root = context.store.root.parent
        self.values: dict[str, Any] = {
            "format": 1,
            "name": recipe.name,
            "run": self.folder.name,
            "state": "running",
            "started": _now(),
            "finished": None,
            "recipe": recipe.resolved(),
            "provenance": provenance,
            "data": _data(context),
            "signals": [],
            "models": [_model(context, model, self._root) for model in graph.models],
        }

    def note(self, graph: Graph, stage: Stage, artifact: Artifact) -> None:
        """Take in what a stage has found, and write the file."""
        for model, record in zip(graph.models, self.values["models"], strict=True):
            if stage is model.trained:
                record["training"] = artifact.facts
                record["reused"] = artifact.reused
                for signal in self.values["signals"] if stage.inputs["signals"] else []:
                    signal["moved_mass"] = artifact.facts["moved_mass"]
            elif stage is model.evaluation:
                self._note_evaluation(record, artifact)
        for name, signals in graph.signals.items():
            if stage is signals:
                known = {"teacher": name, "digest": stage.digest, **artifact.facts}
                self.values["signals"].append({**known, "reused": artifact.reused})
        self.save()

    def finish(self, state: str) -> None:
        """Note how the run ended, and write the file."""
        self.values["state"] = state
        self.values["finished"] = _now()
        self.save()

    def save(self) -> None:
        """Write results.json and the resolved recipe."""
        write_json(self.folder / "results.json", self.values)

    def _note_evaluation(self, record: dict[str, Any], artifact: Artifact) -> None:
        facts = artifact.facts
        measured = facts["evaluation"]
        intervals = _one_name(measured["intervals"])
        record["parameters"] = facts["parameters"]
        record["latency"] = facts["latency"]
        record["evaluation"] = {
            "split": measured["split"],
            "examples": measured["examples"],
            **_one_name(measured["metrics"]),
            **{f"{name}_interval": list(bounds) for name, bounds in intervals.items()},
            **{name: _one_name(metrics) for name, metrics in measured["variants"].items()},
        }
        predictions = self.folder / "predictions" / f"{record['name']}.json"
        write_atomic(predictions, (artifact.folder / "predictions.json").read_bytes())
        record["predictions"] = str(predictions.relative_to(self.folder))


def read_results(folder: Path) -> dict[str, Any]:
    """The results of the run in `folder`."""
    return dict(read_json(folder / "results.json"))


def _one_name(metrics: dict[str, Any]) -> dict[str, Any]:
    """SQuAD 2.0's script calls exact match `exact`; results have one name for both."""
    return {"exact_match" if name == "exact" else name: value for name, value in metrics.items()}


def _data(context: Context) -> dict[str, Any]:
    source = context.recipe.data.source.model_dump(mode="json")
    return {
        "source": source,
        "splits": {
            name: {
                "examples": len(split.examples),
                "digest": split.digest,
                "questions_unlabelled": split.unlabelled,
                "repaired": split.repaired,
                "dropped": split.dropped,
            }
            for name, split in context.data.items()
        },
    }


def _model(context: Context, model: ModelStages, root: Path) -> dict[str, Any]:
    weights = model.weights.folder(context.store)
    return {
        "name": model.name,
        "role": model.role,
        "folder": str((weights / "model").relative_to(root)),
        "history": str((weights / "history.jsonl").relative_to(root)) if model.trained is not None else None,
        "digest": model.weights.digest,
        "reused": True,
        "parameters": None,
        "settings": _settings(context.recipe, model),
        "training": None,
        "evaluation": None,
        "latency": None,
        "predictions": None,
    }


def _settings(recipe: Recipe, model: ModelStages) -> dict[str, Any]:
    """The hyper-parameters of a model's training, flat."""
    if model.training is None or model.trained is None:
        return {}
    inputs = model.trained.inputs
    settings = {**model.training.model_dump(mode="json", include=set(Training.model_fields)), "seed": inputs["seed"]}
    flat = {"split": model.split, **settings, **inputs["engine"]}
    for name, loss in inputs["losses"].items():
        flat.update({f"losses.{name}.{key}": value for key, value in loss.items() if key != "kind"})
    return flat


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
