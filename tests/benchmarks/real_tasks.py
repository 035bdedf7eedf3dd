"""Does distillation pay on real data with real weights? Teachers, their ensemble by every rule, and students.

    .venv/bin/python tests/benchmarks/real_tasks.py --teachers FOLDER FOLDER --train FILE --test FILE
        --task '{kind: classification}' --fields '{text: text, label: category}' [--seeds 0 1 2] [--rules mean ...]
        [--student-rules mean] [--labelled 0.2] [--layers 0 5] [--epochs 3] [--student-epochs 4] [--length 64]
        [--output FOLDER] [place=value ...]

Teachers, folders with pretrained encoders, are fine-tuned on all of the training file. The student is some layers of the
first one as it was before that, so that alone it knows nothing of what the teachers learned. It learns from the labels of
a share of the texts: alone, from each teacher, from the ensemble by each of the student rules; and once more with what
teachers think of all other texts, without their labels. By the other rules the ensemble alone is measured. All students
of a seed take about the same number of steps. Each seed draws its own share (and another one to go with other texts, for
which there is a second student alone), order and dropout. Teachers are trained and asked once a seed.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import yaml

from distil.framework.recipe.load import load_recipe
from distil.framework.recipe.schema import Recipe
from distil.framework.run import run
from distil.launch.quiet import be_quiet, quiet_transformers

RULES: dict[str, dict[str, Any]] = {
    "mean": {"rule": "mean"},
    "geometric": {"rule": "geometric"},
    "weighted": {"rule": "weighted"},  # by the metric that is asked for
    "confidence": {"rule": "confidence"},
    "label_aware": {"rule": "label_aware"},  # without other texts, whose labels it would need
    "agreement": {"rule": "agreement"},
    "sampled": {"rule": "sampled"},
}
_HELD_OUT = 0.05  # share of the training file on which teachers are calibrated
_MORE = " and other texts"
Models = dict[str, dict[str, Any]]  # by what they are called in the tables


def main() -> None:
    """Run the seeds and print the tables."""
    arguments = _arguments()
    be_quiet()
    quiet_transformers()
    output = arguments.output or Path(tempfile.mkdtemp(prefix="real-"))
    found: list[Models] = []
    metrics: list[dict[str, Any]] = []
    for seed in arguments.seeds:
        models: Models = {}
        for rule in arguments.rules:
            taught = rule in arguments.student_rules
            for more in (False, True) if taught and rule != "label_aware" else (False,):
                results = run(_recipe(arguments, seed, rule, taught, more, output))
                metrics = results["task"]["metrics"]
                models |= _named(results, rule, more)
        found.append(models)
        print(
            f"seed {seed}: " + ", ".join(f"{name} {_figure(model, metrics[0])}" for name, model in models.items()),
            flush=True,
        )
    _table(found, metrics)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teachers", type=Path, nargs="+", required=True)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--task", type=yaml.safe_load, default={"kind": "classification"})
    parser.add_argument("--fields", type=yaml.safe_load, default={})
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--rules", nargs="*", choices=list(RULES), default=list(RULES))
    parser.add_argument("--student-rules", nargs="*", choices=list(RULES), default=["mean"])
    parser.add_argument("--weights", default="accuracy", help="the metric by which teachers are weighted")
    parser.add_argument("--labelled", type=float, default=0.2, help="share of the texts whose labels the student knows")
    parser.add_argument("--layers", type=int, nargs="+", default=[0, 5], help="of the first teacher")
    parser.add_argument("--epochs", type=int, default=3, help="of the teachers")
    parser.add_argument("--student-epochs", type=int, default=4, help="over labelled and other texts together")
    parser.add_argument("--lr", type=float, default=1e-4, help="of the teachers")
    parser.add_argument("--student-lr", type=float, default=2e-4)
    parser.add_argument("--length", type=int, default=64, help="tokens of a text")
    parser.add_argument("--output", type=Path, default=None)
    parser.add_argument("overrides", nargs="*")
    return parser.parse_args()


def _recipe(arguments: argparse.Namespace, seed: int, rule: str, taught: bool, more: bool, output: Path) -> Recipe:
    """A run: teachers, ensemble, and, if `taught`, the students of one rule, with or without texts that have no labels."""

    def source(path: Path) -> dict[str, Any]:
        return {"kind": "files", "path": str(path.absolute()), "fields": arguments.fields}

    output.mkdir(parents=True, exist_ok=True)
    names = [folder.name for folder in arguments.teachers]
    rest = 1 - arguments.labelled - _HELD_OUT
    student: dict[str, Any] = {
        "model": {"kind": "folder", "path": str(_student(arguments.teachers[0], arguments.layers, output))},
        "lr": arguments.student_lr,
        "epochs": arguments.student_epochs
        if more
        else round(arguments.student_epochs * (1 - _HELD_OUT) / arguments.labelled),
        "batch_size": 32,
        "warmup": 0.1,
    }
    values: dict[str, Any] = {
        "name": "real",
        "seed": seed,
        "output": str(output),
        "data": {
            "source": source(arguments.train),
            "cut": {
                "shares": {"train": arguments.labelled, "held_out": _HELD_OUT, **({"more": rest} if more else {})},
                "seed": seed,
            },
            "extra": {
                "teacher": {"source": source(arguments.train)},
                "test": {"source": source(arguments.test)},
            },
        },
        "task": arguments.task,
        "windows": {"max_length": arguments.length},
        "teachers": {
            name: {
                "kind": "encoder",
                "model": {"kind": "folder", "path": str(folder.absolute())},
                "split": "teacher",
                "fine_tune": {"lr": arguments.lr, "epochs": arguments.epochs, "batch_size": 32, "warmup": 0.1},
            }
            for name, folder in zip(names, arguments.teachers, strict=True)
        },
        "ensemble": {**RULES[rule], **({"weights": arguments.weights} if rule == "weighted" else {})},
        "signals": {"held_out": "held_out"},
        "student": {**student, "unlabelled": ["more"]} if more else student,
        "losses": {"kl": {"weight": 0.9, "temperature": 2.0}, "hard_label": {"weight": 0.1}},
        "baselines": ["no_distillation", *names],
        "evaluation": {"split": "test"},
    }
    if not taught:
        values = {**values, "student": None}
        del values["losses"], values["baselines"]
        values["data"]["cut"]["shares"] = {"held_out": _HELD_OUT}
    path = output / "recipe.yaml"
    path.write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
    return load_recipe(path, arguments.overrides)


def _student(folder: Path, layers: list[int], output: Path) -> Path:
    """A folder with these layers of a pretrained model, and its tokenizer."""
    from transformers import AutoModel, AutoTokenizer

    student = (output / "student").absolute()
    if not student.is_dir():
        model = AutoModel.from_pretrained(folder)
        encoder = model.encoder
        encoder.layer = encoder.layer.__class__(encoder.layer[layer] for layer in layers)
        model.config.num_hidden_layers = len(layers)
        model.save_pretrained(student)
        AutoTokenizer.from_pretrained(folder).save_pretrained(student)
    return student


def _named(results: dict[str, Any], rule: str, more: bool) -> Models:
    """The models of a run by their names in the table."""
    other = _MORE if more else ""
    names: Models = {}
    for model in results["models"]:
        name = model["name"]
        if name == "ensemble":
            names[f"ensemble, {rule}"] = model
        elif name == "student":
            names[f"student of the ensemble, {rule}{other}"] = model
        elif name == "student_no_distillation":
            names[_alone(other)] = model
        elif name.startswith("student_from_"):
            names[f"student of {name.removeprefix('student_from_')}{other}"] = model
        else:
            names[f"teacher {name}"] = model
    return names


def _alone(model: str) -> str:
    """The student that knows the labels alone, of the same share of the texts as a model of the table."""
    return "student alone, second draw" if model.endswith(_MORE) else "student alone"


def _table(found: list[Models], metrics: list[dict[str, Any]]) -> None:
    labels = [metric["label"] for metric in metrics]
    print(f"\n{len(found)} seeds; mean ± standard error\n")
    print(f"| model | parameters | {' | '.join(labels)} | − its student alone, {labels[0]} | latency, ms |")
    print(f"| --- | ---: |{' ---: |' * (len(labels) + 2)}")
    for name in found[0]:
        models = [seed[name] for seed in found]
        cells = [_spread([model["evaluation"][metric["name"]] for model in models], metric) for metric in metrics]
        first = metrics[0]["name"]
        gains = [seed[name]["evaluation"][first] - seed[_alone(name)]["evaluation"][first] for seed in found]
        latencies = [model["latency"]["median_ms"] for model in models if model["latency"]]
        size = f"{models[0]['parameters'] / 1e6:.1f}M" if models[0]["parameters"] else "–"
        print(
            f"| {name} | {size} | {' | '.join(cells)} | {_spread(gains, metrics[0])} | "
            f"{f'{mean(latencies):.1f}' if latencies else '–'} |"
        )


def _spread(values: list[float], metric: dict[str, Any]) -> str:
    error = stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
    digits = 2 if metric["percent"] else 3
    return f"{mean(values):.{digits}f} ± {error:.{digits}f}"


def _figure(model: dict[str, Any], metric: dict[str, Any]) -> str:
    return f"{model['evaluation'][metric['name']]:.{1 if metric['percent'] else 3}f}"


if __name__ == "__main__":
    main()
