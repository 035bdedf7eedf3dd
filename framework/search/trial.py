"""One trial: a student, or one a seed, from training to figures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from distil.framework.data.load import Split
from distil.framework.files import read_json_lines
from distil.framework.recipe.schema import Recipe
from distil.framework.results import one_name
from distil.framework.run import prepare, produce
from distil.framework.search.recipes import trial_recipe
from distil.framework.stages.evaluation import latency_stage
from distil.framework.tasks.facts import main_metrics
from distil.framework.training.history import EVALUATION, Report, ReportTo
from distil.framework.training.job import Trainer, TrainingJob, TrainingSummary

Epoch = dict[str, float]  # epoch, and the metrics that the task names
Tell = Callable[[Epoch], None]
GoesOn = Callable[[int, int], None]  # step, and steps in all


def run_trial(
    recipe: Recipe,
    values: Mapping[str, Any],
    train: Trainer,
    tell: Tell,
    told: int = 0,
    data: Mapping[str, Split] | None = None,
    goes_on: GoesOn = lambda step, steps: None,
) -> dict[str, Any]:
    """Train and measure the students of a trial; what is done already is taken from the store.

    tell: hears of the first student's epochs after those up to `told`, but for the last, whose figures are in what is
    returned; it may end the trial by raising. data: the recipe's, if they are at hand; goes_on: hears of the step from which a student
    that was begun before goes on. Returns `epochs`, `metrics` (means
    over the seeds) and `seeds`. Raises UserError for values that are refused, TrainingError for what cannot be trained.
    """
    assert recipe.search is not None
    students = []
    for place in range(recipe.search.seeds):
        listen = tell if place == 0 else _nobody
        trial = trial_recipe(recipe, values, place)
        at_hand = data if trial.data == recipe.data else None
        students.append(_run_student(trial, train, _Heard(listen, told, goes_on), at_hand))
    epochs = [student.pop("epochs") for student in students]
    return {
        "epochs": epochs[0],
        "metrics": _means([student["metrics"] for student in students]),
        "seeds": students,
    }


@dataclass(frozen=True)
class _Heard:
    """Who hears of a student's epochs after those up to `told`. begins: after how many epochs each of its trainings begins, by digest."""

    tell: Tell
    told: int
    goes_on: GoesOn
    begins: dict[str, int] = field(default_factory=dict)


def _run_student(recipe: Recipe, train: Trainer, heard: _Heard, data: Mapping[str, Split] | None) -> dict[str, Any]:
    context, graph = prepare(recipe, _telling(train, heard), data=data)
    (student,) = (model for model in graph.models if model.role == "student")
    assert recipe.student is not None
    trainings = [*([student.trained] if student.trained is not None else []), *(one.trained for one in student.rounds)]
    in_rounds = recipe.student.rounds.epochs if recipe.student.rounds is not None else 0
    heard.begins.update(
        (stage.digest, number and recipe.student.epochs + (number - 1) * in_rounds)
        for number, stage in enumerate(trainings)
    )
    for stage in graph.models_stages():
        produce(context, stage)
    timed = latency_stage(context, [(student.measured, student.evaluation)])
    latency = {} if timed is None else produce(context, timed).facts["latency"][0]
    folder = student.weights.result(context.store)
    found = student.evaluation.facts(context.store)
    rows = [
        {**row, "epoch": heard.begins[stage.digest] + row["epoch"]}
        for stage in trainings
        for row in read_json_lines(stage.result(context.store) / "history.jsonl")
        if _of_an_epoch(row["kind"], row["epoch"])
    ]
    return {
        "seed": recipe.seed if recipe.student.seed is None else recipe.student.seed,
        "digest": folder.name,
        "folder": str((folder / "model").relative_to(context.store.root.parent)),
        "history": str((folder / "history.jsonl").relative_to(context.store.root.parent)),
        "metrics": {
            **main_metrics(recipe.task, one_name(found["evaluation"]["metrics"])),
            "parameters": found["parameters"],
            **{f"latency_{name}": latency[name] for name in ("median_ms", "q1_ms", "q3_ms", "p95_ms") if latency},
            "training_seconds": sum(stage.facts(context.store)["seconds"] for stage in trainings),
        },
        "epochs": [{"epoch": round(row["epoch"]), **row["metrics"]} for row in rows],
    }


def _telling(train: Trainer, heard: _Heard) -> Trainer:
    """A trainer by which is heard of the student's epochs, but for the last one of all."""

    def training(job: TrainingJob, report: ReportTo) -> TrainingSummary:
        begin = heard.begins.get(job.output.name, 0)
        last = begin == max(heard.begins.values(), default=0)

        def listen(row: Report) -> None:
            report(row)
            if row.kind == "resume" and row.step:
                heard.goes_on(row.step, row.total_steps)
            goes_on = row.step < row.total_steps or not last
            if _of_an_epoch(row.kind, row.epoch) and goes_on and begin + row.epoch > heard.told:
                heard.tell({"epoch": begin + round(row.epoch), **row.metrics})

        return train(job, listen)

    return training


def _of_an_epoch(kind: str, epoch: float) -> bool:
    """Whether a row of the history has the figures by which trials are compared, after a whole epoch."""
    return kind == EVALUATION and epoch == round(epoch)


def _nobody(epoch: Epoch) -> None:
    return None


def _means(figures: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: sum(one[name] for one in figures) / len(figures) for name in figures[0]}
