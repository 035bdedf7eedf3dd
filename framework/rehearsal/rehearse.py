"""Rehearsing a model: a few optimizer steps and questions, and what they take in time and memory."""

import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from distil.framework.data.example import Example
from distil.framework.data.load import Split, load_data
from distil.framework.data.section import Data
from distil.framework.device import available_bytes
from distil.framework.files import Json, read_json_lines, write_json
from distil.framework.generative.sampling import GREEDY
from distil.framework.latency import measure_side_by_side
from distil.framework.models.build import random_model, save_model
from distil.framework.models.kind import ModelKind
from distil.framework.models.section import LayersModel, TrainedTokenizer
from distil.framework.models.tokenizer_training import train_tokenizer
from distil.framework.paper import PUBLISHED
from distil.framework.progress import SILENT, Progress
from distil.framework.recipe.load import recipe_from_values
from distil.framework.recipe.schema import Recipe
from distil.framework.rehearsal.outline import KnownData, ModelOutline, config_of, published_id
from distil.framework.run import prepare, produce
from distil.framework.stages.models import ModelStages
from distil.framework.stages.stage import Context
from distil.framework.stages.written import writer_of
from distil.framework.tasks.base import Predictor

_EVERY = 0.05  # seconds
STEPS = 3  # the first one, which warms up, does not count
QUESTIONS = 8
_SHARE = 0.9  # of the memory that is free
# With activations, and copies while weights are saved: ruBERT-base took 2.3 times its weights, gradients and moments.
_WHOLE = 2.3


class PeakMemory:
    """The most memory, in bytes, that this process has while the context lasts: of the GPU, or else of the machine, looked at 20 times a second."""

    def __init__(self) -> None:
        self.peak = 0
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="peak memory", daemon=True)

    def __enter__(self) -> Self:
        """Begin to watch."""
        import torch

        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Look a last time."""
        self._left.set()
        self._thread.join()

    def _watch(self) -> None:
        import psutil
        import torch

        process = psutil.Process()
        while True:
            ended = self._left.wait(_EVERY)
            used = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else process.memory_info().rss
            self.peak = max(self.peak, int(used))
            if ended:
                return


@dataclass(frozen=True)
class Rehearsed:
    """What a rehearsal measured.

    step: seconds of an optimizer step; windows: of a question, on average; ask, evaluate, alone, write: seconds a question, for signals, in an
    evaluation, asked one at a time, and to complete a prompt; opening: seconds until the model is loaded; tokens: of a window, on average; peak: bytes of
    memory.
    """

    step: float
    windows: float
    tokens: float
    ask: float
    evaluate: float
    alone: float
    opening: float
    peak: int
    write: float = 0.0

    def steps(self, model: ModelOutline) -> float:
        """Optimizer steps of a training."""
        if model.training is None:
            return 0.0
        return self.windows * model.learns / model.training.batch_size * model.training.epochs

    def training_seconds(self, model: ModelOutline) -> float:
        """Seconds of all the trainings of a model, without what is measured on the way."""
        own = self.windows * model.own / model.training.batch_size if model.training is not None else 0.0
        return (self.steps(model) * model.trainings + own) * self.step

    def measuring_seconds(self, model: ModelOutline) -> float:
        """Seconds of all that a model is measured by: on the way, when it is done, and its latency."""
        looks = model.trainings * model.looks(self.steps(model))
        models = model.trainings if model.role == "student" else 1
        done = self.opening + self.evaluate * model.measured + self.alone * model.alone
        again = model.again * (self.opening + self.evaluate * model.measured)
        return looks * (self.opening + self.evaluate * model.watched) + models * done + again

    def seconds(self, model: ModelOutline) -> float:
        """Seconds of a model's part of the recipe: its trainings, its signals, its measurements, what it writes."""
        asked = self.ask * model.asked + self.write * model.writes
        return self.training_seconds(model) + asked + self.measuring_seconds(model)


def obstacle(model: ModelOutline) -> str | None:
    """Why a model cannot be rehearsed here; None if it can."""
    if isinstance(model.section.model, LayersModel) and not model.published:
        return "made of the layers of a teacher without a published configuration"
    needed, there = _WHOLE * model.memory, available_bytes()
    if needed > _SHARE * there:
        return f"takes about {needed / 1e9:.1f} GB, of {there / 1e9:.1f} GB that are free"
    return None


def rehearse(
    recipe: Recipe, model: ModelOutline, data: KnownData, folder: Path, progress: Progress = SILENT
) -> Rehearsed:
    """Train a model of the recipe for a few steps, in this process, and ask it a few questions; `folder` is for its
    files.

    The questions are some of the recipe's, or generated where its data are not here. A model with a published
    configuration is a stand-in with random weights. Raises ModelError for a model that cannot be built.
    """
    small = _small_recipe(recipe, model, data, folder)
    context, graph = prepare(small, progress=progress)
    (stages,) = graph.models
    with PeakMemory() as memory:
        for stage in stages.making:
            progress.say(f"    {stage.title}")
            produce(context, stage)
        began = time.perf_counter()
        predictor = _predictor(context, stages)
        opening = time.perf_counter() - began
        examples = context.data["dev"].examples
        ask = _seconds(lambda: predictor.signals(examples)) if model.asked else 0.0
        evaluate = _seconds(lambda: predictor.predict(examples))
        alone = _seconds_alone(context, stages, examples) if model.alone else 0.0
        write = _seconds(lambda: writer_of(predictor, model.name).write(examples, GREEDY)) if model.writes else 0.0
    step, windows, tokens = _speed(context, stages)
    return Rehearsed(
        step=step,
        windows=windows,
        tokens=tokens,
        ask=ask / len(examples),
        evaluate=evaluate / len(examples),
        alone=alone,
        opening=opening,
        peak=memory.peak,
        write=write / len(examples),
    )


def _small_recipe(recipe: Recipe, model: ModelOutline, data: KnownData, folder: Path) -> Recipe:
    """A recipe of this model alone, on a few questions."""
    small = {"source": _source(recipe, model, data, folder)}
    section = _short(model)
    if model.published:
        examples = load_data(Data.model_validate(small), recipe.task)["train"].examples
        id = published_id(recipe, model.section)
        assert id is not None
        config, tokenizer = config_of(recipe, model.section), published_tokenizer(id)
        put_standin(config, _kind(recipe, model), tokenizer, examples, folder / "stand-in")
        section |= {"model": {"kind": "folder", "path": str(folder / "stand-in")}, "tokenizer": {"kind": "pretrained"}}
    values = recipe.resolved()
    return recipe_from_values(
        {
            **{name: values[name] for name in ("task", "windows")},
            "name": "rehearsal",
            "output": str(folder),
            "data": small,
            "teachers": {model.name: section} if model.role == "teacher" else {},
            "student": section if model.role == "student" else None,
            "signals": recipe.signals.model_dump(include={"batch_size", "batch_tokens"}),
            "engine": {**values["engine"], "workers": 1},
            "evaluation": {
                **recipe.evaluation.model_dump(include={"batch_size", "batch_tokens"}),
                "latency_questions": 0,
            },
        },
        "the rehearsal",
    )


def _source(recipe: Recipe, model: ModelOutline, data: KnownData, folder: Path) -> Json:
    """Questions for a few steps, and a few more."""
    wanted = {"train": STEPS * (model.training.batch_size if model.training else 1), "validation": QUESTIONS}
    if data.splits is None:
        return {**recipe.task.stand_in(), "examples": wanted}
    names = {"train": model.section.split, "validation": recipe.evaluation.split}
    for split, count in wanted.items():
        # Where a split has no labels, as teachers alone teach there, others with labels stand for its examples.
        labelled = _labelled(data.splits[names[split]]) or _labelled(data.splits[recipe.evaluation.split])
        # From all over the split, as those of one group stand together.
        chosen = labelled[:: max(1, len(labelled) // count)][:count]
        write_json(folder / f"{split}.json", [recipe.task.record(example) for example in chosen])
    return {"kind": "files", "path": {split: str(folder / f"{split}.json") for split in wanted}}


def _labelled(split: Split) -> list[Example]:
    return [example for example in split.examples if example.labelled]


def _short(model: ModelOutline) -> Json:
    """The model's section for a short training."""
    unwatched = {"validation": None, "evaluate_every": "epoch", "best": False, "patience": None}
    short = {"epochs": 1, "log_every": 1, **unwatched}
    section: Json = model.section.model_dump(mode="json")
    if model.role == "student":
        without: Json = {"unlabelled": [], "trim": None, "completions": None, "rounds": None}
        return {**section, **short, "split": "train", **without}
    fine_tune = None if section["fine_tune"] is None else {**section["fine_tune"], **short}
    if section.get("examples") is not None:
        section["examples"] |= {"split": "train", "by": "random"}
    return {**section, "fine_tune": fine_tune, "split": "train", "temperature": 1.0, "crossfit": None}


def _kind(recipe: Recipe, model: ModelOutline) -> ModelKind:
    if model.role == "student":
        return recipe.task
    kind: ModelKind = model.section.model_kind(recipe.task, config_of(recipe, model.section))
    return kind


def _predictor(context: Context, stages: ModelStages) -> Predictor:
    recipe = context.recipe
    folder = stages.weights.folder(context.store) / "model"
    if stages.role == "teacher":
        teacher = recipe.teachers[stages.name]
        return teacher.predictor(folder, context.inference(teacher.windows or recipe.windows))
    return context.task.predictor(folder, context.inference(recipe.windows))


def _seconds_alone(context: Context, stages: ModelStages, examples: Sequence[Example]) -> float:
    """Seconds of a question, of several that are asked one at a time, as latencies are measured."""
    found = measure_side_by_side({stages.name: lambda: stages.measured.asked_alone(context)}, examples, warmup=1)
    return found[stages.name].median_ms / 1000.0


def _seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def _speed(context: Context, stages: ModelStages) -> tuple[float, float, float]:
    """Seconds a full step, windows a question and tokens a window; 0, 1 and 0 of a model that is not trained."""
    if stages.trained is None or stages.training is None:
        return 0.0, 1.0, 0.0
    history = read_json_lines(stages.trained.folder(context.store) / "history.jsonl")
    steps = [line["metrics"] for line in history if line["kind"] == "step"]
    rows = steps[1:] or steps  # the first takes longer, and data of less than two batches have no other
    speed = statistics.median(row["windows_per_second"] for row in rows)
    tokens = statistics.fmean(row["tokens_per_second"] / row["windows_per_second"] for row in rows)
    seen = stages.trained.facts(context.store)["windows"]
    return stages.training.batch_size / speed, seen / len(context.data["train"].examples), tokens


def put_standin(
    config: Any, kind: ModelKind, settings: TrainedTokenizer, examples: Sequence[Example], folder: Path
) -> None:
    """Save a model of this configuration in `folder`, in Hugging Face form.

    Its tokenizer is trained on the examples, and so has only as many of the vocabulary's tokens as their words need.
    """
    texts = dict.fromkeys(text for example in examples for text in example.texts)
    save_model(random_model(kind, config, seed=0), train_tokenizer(settings, texts), folder)


def published_tokenizer(id: str) -> TrainedTokenizer:
    """How a tokenizer like that of the hub's model `id` is trained."""
    known = PUBLISHED[id]
    return TrainedTokenizer(kind=known.tokenizer, vocab_size=known.vocabulary)
