import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from distil.framework.data.load import load_data
from distil.framework.files import write_json
from distil.framework.recipe.load import recipe_from_values
from distil.framework.tasks.registry import summary_of


@pytest.fixture(autouse=True)
def _no_tracking_uri(monkeypatch, tmp_path):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)


class RunOnDisk:
    """A run folder written by hand, as a run would leave it."""

    def __init__(self, output: Path) -> None:
        self.output = output
        self.folder = output / "мини run-1a2b3c4d"
        self.folder.mkdir(parents=True)
        self.results: dict[str, Any] = {
            "format": 1,
            "name": "мини run",
            "run": "мини run-1a2b3c4d",
            "state": "running",
            "started": "2026-11-23T10:00:00+00:00",
            "finished": None,
            "recipe": {"name": "мини run", "student": {"lr": 3e-05, "layers": [0, 2]}, "note": "я" * 7000},
            "provenance": {
                "git_commit": "c0ffee",
                "git_dirty": False,
                "python": "3.11.9",
                "platform": "Linux",
                "device": "cpu",
                "versions": {"torch": "2.13.0"},
            },
            "data": {
                "source": {"kind": "synthetic", "seed": 0},
                "splits": {
                    "train": _split(1200, "aaaaaaaaaaaaaaaa", repaired=7, dropped=2),
                    "dev": _split(300, "bbbbbbbbbbbbbbbb"),
                },
            },
            "signals": [
                _signals("teacher", "train", examples=1200, moved_mass=0.01),
                _signals("teacher", "dev", examples=300),
            ],
            "models": [],
        }
        (self.folder / "recipe.yaml").write_text(yaml.safe_dump(self.results["recipe"], allow_unicode=True))
        self.save()

    def save(self) -> None:
        write_json(self.folder / "results.json", self.results)

    def finish(self, state: str = "finished") -> None:
        self.results |= {"state": state, "finished": "2026-11-23T10:05:00+00:00"}
        (self.folder / "results.md").write_text("| model |\n")
        self.save()

    def of_recipe(self, values):
        """Make it a run of another task and other data; returns the task, fitted to these, and the split `dev`'s examples."""
        recipe = recipe_from_values(values, "here")
        splits = load_data(recipe.data, recipe.task)
        task = recipe.task.fitted({name: split.examples for name, split in splits.items()})
        self.results |= {
            "recipe": recipe.resolved(),
            "task": {**summary_of(task).as_data(), "settings": task.model_dump(mode="json")},
        }
        self.results["data"]["splits"]["dev"]["digest"] = splits["dev"].digest
        return task, splits["dev"].examples

    def add_model(self, name: str, role: str, steps: int = 0) -> None:
        model = {
            "name": name,
            "role": role,
            "folder": f"store/models/{name}/model",
            "history": f"store/models/{name}/history.jsonl",
            "reused": False,
            "digest": f"digest-of-{name}",
            "parameters": 412_000,
            "settings": {"lr": 3e-05, "epochs": 2, "losses.kl.weight": 0.5},
            "started": None,
            "finished": None,
            "training": None,
            "evaluation": None,
            "latency": None,
            "predictions": None,
        }
        self.results["models"].append(model)
        self.write_history(name, steps)
        self.save()

    def add_ensemble(self) -> None:
        """The teachers `one` and `the other`, their ensemble, and a student whom it has taught."""
        self.add_model("one", "teacher", steps=5)
        self.add_model("the other", "teacher", steps=5)
        self.add_model("ensemble", "ensemble")
        self.add_model("student", "student", steps=5)
        for name in ("one", "the other", "ensemble", "student"):
            self.evaluate(name)
        *_, ensemble, student = self.results["models"]
        nothing = dict.fromkeys(("folder", "history", "parameters", "training", "latency"))
        weights = {"one": {"mean": 0.75, "std": 0.125}, "the other": {"mean": 0.25, "std": 0.125}}
        ensemble |= {**nothing, "settings": {"rule": "confidence"}, "weights": weights}
        student["transductive"] = True
        student["training"] |= {
            "moved_mass": {"one": 0.01, "the other": 0.02},
            "teacher_temperature": {"one": 1.5, "the other": 1.0},
            "weights": {"one": {"mean": 0.5, "std": 0.0}, "the other": {"mean": 0.5, "std": 0.0}},
        }
        self.save()

    def evaluate(self, name: str) -> None:
        model = next(model for model in self.results["models"] if model["name"] == name)
        model |= {
            "started": "2026-11-23T10:01:00.250+00:00",
            "finished": "2026-11-23T10:02:30.500+00:00",
            "training": {"steps": 10, "examples": 160, "seconds": 3.5},
            "evaluation": {
                "split": "dev",
                "examples": 300,
                "exact_match": 61.25,
                "f1": 70.5,
                "exact_match_interval": [58.0, 64.5],
                "f1_interval": [67.5, 73.0],
                "russian": {"exact_match": 62.0, "f1": 71.0},
            },
            "latency": {"median_ms": 4.2, "q1_ms": 3.9, "q3_ms": 4.6, "p95_ms": 6.6, "questions": 100, "threads": 1},
            "predictions": f"predictions/{name}.json",
        }
        write_json(self.folder / model["predictions"], {"q1": "в Туле"})
        self.save()

    def write_history(self, name: str, steps: int) -> None:
        """Steps 1..n, with an epoch line after every fifth."""
        path = self.output / "store" / "models" / name / "history.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(line) + "\n" for line in history(steps)))

    def add_line(self, name: str, epoch: int, metrics: dict[str, float]) -> None:
        """What a model came to after an epoch."""
        line = {
            "time": 1_700_000_100 + epoch,
            "step": 5 * epoch,
            "epoch": epoch,
            "kind": "evaluation",
            "metrics": metrics,
        }
        with (self.output / "store" / "models" / name / "history.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")


def _signals(teacher: str, split: str, examples: int, moved_mass: float | None = None) -> dict[str, Any]:
    figures = {"examples": examples, "bytes_per_example": 131.5, "null_mass": 0.125, "moved_mass": moved_mass}
    return {"teacher": teacher, "split": split, "digest": f"{teacher}-{split}", **figures, "reused": False}


def history(steps: int) -> list[dict[str, Any]]:
    lines = []
    for step in range(1, steps + 1):
        line = {"time": 1_700_000_000 + step / 4, "step": step, "epoch": step / 5}
        lines.append(line | {"kind": "step", "metrics": {"loss": 3 / step, "loss/kl": 1 / step, "lr": 1e-5}})
        if step % 5 == 0:
            lines.append(line | {"kind": "epoch", "metrics": {"loss": 4 / step}})
    return lines


def _split(examples: int, digest: str, repaired: int = 0, dropped: int = 0) -> dict[str, Any]:
    counts = {"examples": examples, "questions_unlabelled": 0, "repaired": repaired, "dropped": dropped}
    return {**counts, "digest": digest}


@pytest.fixture
def run(tmp_path) -> RunOnDisk:
    """A run in an output folder, in which there is no store yet."""
    return RunOnDisk(tmp_path / "мои runs")


class Seen:
    """What an MLflow store holds, as a client sees it."""

    def __init__(self, uri: str, experiment: str = "distil") -> None:
        from mlflow import MlflowClient

        self.client = MlflowClient(tracking_uri=uri)
        self._experiment = self.client.get_experiment_by_name(experiment).experiment_id

    def parents(self) -> list[Any]:
        return [run for run in self._runs() if "mlflow.parentRunId" not in run.data.tags]

    def children(self, parent: Any) -> dict[str, Any]:
        """Child runs by name; a name that occurs twice is an error."""
        found = [run for run in self._runs() if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
        named = {run.info.run_name: run for run in found}
        assert len(named) == len(found)
        return named

    def rows(self, run: Any, key: str) -> list[tuple[int, float]]:
        """(step, value) of every row of a metric."""
        return [(one.step, one.value) for one in self.client.get_metric_history(run.info.run_id, key)]

    def files(self, run: Any, folder: str | None = None) -> set[str]:
        files: set[str] = set()
        for one in self.client.list_artifacts(run.info.run_id, folder):
            files |= self.files(run, one.path) if one.is_dir else {one.path}
        return files

    def text(self, run: Any, path: str) -> str:
        return Path(self.client.download_artifacts(run.info.run_id, path)).read_text()

    def everything(self, parent: Any) -> dict[str, Any]:
        """All that was sent of one recipe's run, without ids and times of this store."""
        runs = {"": parent, **self.children(parent)}
        return {
            name: {
                "status": run.info.status,
                "params": run.data.params,
                "tags": {k: v for k, v in run.data.tags.items() if k not in ("distil.key", "mlflow.parentRunId")},
                "metrics": {key: self.rows(run, key) for key in run.data.metrics},
                "inputs": sorted((one.dataset.name, one.dataset.digest) for one in run.inputs.dataset_inputs),
                "files": self.files(run),
            }
            for name, run in runs.items()
        }

    def _runs(self) -> list[Any]:
        return list(self.client.search_runs([self._experiment], max_results=1000))


@pytest.fixture
def seen(run):
    """A view of the default store; call it once something has been sent."""
    return lambda uri=f"sqlite:///{run.output / 'mlflow.db'}", experiment="distil": Seen(uri, experiment)
