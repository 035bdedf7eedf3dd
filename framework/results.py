"""What a run found out, on disk: results.json, rewritten after every stage, and the files beside it."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from distil.framework.comparison.models import Answered, answered
from distil.framework.comparison.paid import conclusions, paid_in_run
from distil.framework.data.example import counted
from distil.framework.digest import differences
from distil.framework.errors import OutputError
from distil.framework.files import Json, moment, now, read_json, write_atomic, write_sealed
from distil.framework.model_records import model_records
from distil.framework.outcome import (
    FORMAT,
    DataResults,
    ModelResults,
    Provenance,
    RunResults,
    SignalResults,
    State,
    read_outcome,
)
from distil.framework.store import Artifact
from distil.framework.tasks.registry import summary_of

if TYPE_CHECKING:  # who reads results needs no models
    from distil.framework.data.load import Split
    from distil.framework.recipe.schema import Recipe
    from distil.framework.stages.graph import Graph
    from distil.framework.stages.signals import Collection
    from distil.framework.stages.stage import Context, Stage
    from distil.framework.stages.supervision import Supervision


class Results:
    """The results of a run as far as they are known. docs/results.md describes the file."""

    def __init__(self, context: "Context", graph: "Graph", provenance: Provenance) -> None:
        recipe = context.recipe
        self.folder = recipe.run_folder
        self._graph = graph
        self._split = recipe.evaluation.split  # by which another recipe that made the result may not have called it
        self._evaluations = {model.name: model.evaluation.digest for model in graph.models}
        if graph.ensemble is not None:
            self._evaluations["ensemble"] = graph.ensemble.digest
        self.values: RunResults = {
            "format": FORMAT,
            "name": recipe.name,
            "run": self.folder.name,
            "state": "running",
            "started": now(),
            "finished": None,
            "recipe": recipe.resolved(),
            "task": {**summary_of(context.task).as_data(), "settings": context.task.model_dump(mode="json")},
            "provenance": provenance,
            "data": data_results(recipe, context.data),
            "signals": [_signals(found) for found in [*graph.collections.values(), *graph.of_texts]],
            "held_out": {},
            "accepted": [],
            "models": list(model_records(context, graph)),
        }
        self._models = self.values["models"]

    def begin(self, stage: "Stage") -> None:
        """Note that a stage is about to be made, if a model is known by it, and write the file."""
        for record in self._models:
            if stage.digest in self._stages_of(record):
                _begun(record, time.time())
                self.save()

    def note(self, stage: "Stage", artifact: Artifact) -> None:
        """Take in what a stage has found, and write the file."""
        for record in self._models:
            if stage.digest in self._stages_of(record):
                _note_times(record, artifact)
            if stage.digest == record["digest"] and record["role"] != "ensemble":
                record["reused"] = artifact.reused
            self._note_training(stage, record, artifact)
            if record.get("trimmed", {}).get("digest") == stage.digest:
                record["trimmed"].update(artifact.facts)
            if stage.digest == self._evaluations[record["name"]]:
                self._note_evaluation(record, artifact)
        for signals in self.values["signals"]:
            if stage.digest == signals["digest"]:
                signals.update(cast(SignalResults, {**artifact.facts, "reused": artifact.reused}))
        for name, held_out in self._graph.held_out.items():
            if stage.digest == held_out.digest:
                self.values["held_out"][name] = artifact.facts
        if stage is self._graph.latency:
            names = {model.name for model in self._graph.models if model.measured.timed}
            timed = [record for record in self._models if record["name"] in names]
            for record, latency in zip(timed, artifact.facts["latency"], strict=True):
                record["latency"] = latency
        if stage.key.taken is not None:
            differ = differences(artifact.versions, dict(stage.key.versions))
            self.values["accepted"].append({"stage": stage.title, "digest": stage.digest, "versions": differ})
        self.save()

    def compare(self, context: "Context") -> None:
        """Note whether it paid, once all models are measured."""
        task, evaluation = summary_of(context.task), context.recipe.evaluation
        examples = [one for one in context.data[evaluation.split].examples if one.labelled]

        def answers(model: ModelResults) -> Answered:
            predictions = read_json(self.folder / str(model["predictions"]))
            return answered(context.task, examples, predictions, evaluation.bootstrap, context.recipe.seed)

        self.values["comparisons"] = found = paid_in_run(self._models, task.metrics, answers)
        self.values["conclusions"] = conclusions(found, task.metrics, task.items)

    def finish(self, state: State) -> None:
        """Note how the run ended, and write the file."""
        self.values["state"] = state
        self.values["finished"] = now()
        self.save()

    def save(self) -> None:
        """Write results.json and the resolved recipe."""
        write_sealed(self.folder / "results.json", self.values)

    def _stages_of(self, record: ModelResults) -> list[str]:
        """The digests of the stages by whose times a model is known: its trainings, or if it is taken as it is its evaluation."""
        trained = record["digest"] if record["history"] is not None else self._evaluations[record["name"]]
        return [*(one["digest"] for one in record.get("rounds", [])[:-1]), trained]

    def _note_training(self, stage: "Stage", record: ModelResults, artifact: Artifact) -> None:
        """Take in what a training of a model, on the data or in a round, has found, or what a student was worth before a round."""
        model = next((model for model in self._graph.models if model.name == record["name"]), None)
        if model is None:
            return
        if model.trained is not None and stage.digest == model.trained.digest:
            record["training"] = artifact.facts
            self._note_moved_mass(model.supervision, artifact)
        for number, one in enumerate(model.rounds):
            before, after = record["rounds"][number : number + 2]
            if stage.digest == one.before.digest:
                before["evaluation"] = one_name(artifact.facts["evaluation"]["metrics"])
            if stage.digest == one.trained.digest:
                after["training"], after["texts"] = artifact.facts, len(one.texts.known)
                self._note_moved_mass(one.supervision, artifact)

    def _note_moved_mass(self, supervision: "Supervision | None", artifact: Artifact) -> None:
        taught = supervision.collections if supervision is not None else {}
        for signals in self.values["signals"]:
            if any(found.stage.digest == signals["digest"] for found in taught.get(signals["teacher"], [])):
                signals["moved_mass"] = artifact.facts["moved_mass"][signals["teacher"]]

    def _note_evaluation(self, record: ModelResults, artifact: Artifact) -> None:
        facts, measured = artifact.facts, artifact.facts["evaluation"]
        record["parameters"] = facts["parameters"]
        if "usage" in facts:
            record["usage"] = facts["usage"]
        if "weights" in facts:
            record["weights"] = facts["weights"]
        record["evaluation"] = {
            "split": self._split,
            "examples": measured["examples"],
            **({"computed_in": measured["precision"]} if "precision" in measured else {}),
            **{name: measured[name] for name in ("unlocated", "unread") if name in measured},
            **one_name(measured["metrics"]),
            **{f"{name}_interval": list(bounds) for name, bounds in one_name(measured["intervals"]).items()},
            **{name: one_name(metrics) for name, metrics in measured["variants"].items()},
        }
        if "rounds" in record:
            record["rounds"][-1]["evaluation"] = one_name(measured["metrics"])
        predictions = self.folder / "predictions" / f"{record['name']}.json"
        write_atomic(predictions, (artifact.folder / "predictions.json").read_bytes())
        record["predictions"] = str(predictions.relative_to(self.folder))


def read_results(folder: Path) -> RunResults:
    """The results of the run in `folder`; the state `running` of one that was killed reads `failed`.

    Raises StoreError for a damaged file, or one of another format."""
    return read_outcome(folder / "results.json", RunResults, "run the recipe again to write it anew")


def usual_model(results: RunResults) -> str:
    """The model of a run that is meant where none is named: the student, if there is one."""
    names = [found["name"] for found in results["models"]]
    return "student" if "student" in names else str(names[0])


def model_of(run: object, results: RunResults, name: str | None) -> ModelResults:
    """The entry of a model in the results, by default of the student. run: what the run is called in an error. Raises OutputError if
    there is none."""
    models = {found["name"]: found for found in results["models"]}
    chosen = name if name is not None else usual_model(results)
    if chosen not in models:
        raise OutputError(f"{run} has no model '{chosen}'; it has {', '.join(models)}")
    return models[chosen]


def one_name(metrics: Json) -> Json:
    """Metrics of an evaluation; those that were stored before may call exact match `exact`, as SQuAD 2.0's script does."""
    return {"exact_match" if name == "exact" else name: value for name, value in metrics.items()}


def data_results(recipe: "Recipe", data: "Mapping[str, Split]") -> DataResults:
    """What results.json and search.json say of a recipe's data."""
    return {
        "source": recipe.data.source.model_dump(mode="json"),
        "splits": {
            name: {
                "examples": len(split.examples),
                "digest": split.digest,
                "questions_unlabelled": split.unlabelled,
                "repaired": split.repaired,
                "dropped": split.dropped,
                "notes": counted(split.notes),
            }
            for name, split in data.items()
        },
    }


def _signals(found: "Collection") -> SignalResults:
    return {
        "teacher": found.teacher,
        "split": found.split,
        "digest": found.stage.digest,
        "examples": None,
        "bytes_per_example": None,
        "null_mass": None,
        "moved_mass": None,
        "reused": True,
    }


def _begun(record: ModelResults, at: float) -> None:
    """Note when a model was begun, in Unix time: with its first training, where there are several."""
    if "rounds" not in record or record["started"] is None:
        record["started"] = moment(at)


def _note_times(record: ModelResults, artifact: Artifact) -> None:
    before = artifact.finished - artifact.facts.get("seconds", 0)  # for results that do not say it
    _begun(record, before if artifact.started is None else artifact.started)
    record["finished"] = moment(artifact.finished)
